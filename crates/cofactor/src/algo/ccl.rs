//! # Matrix factorization by the cosine contrastive loss
//!
//! Letters: m users, n items that somebody has taken, k factors, Ω the pairs (u,i) where user u has taken item i; N(u) what u has taken, n_u how much that is, U(i) who has taken i; P is m×k,
//! Q is n×k; ρ the margin, w the weight of what was not taken, η the learning rate.
//!
//! ## Model
//! ```text
//! c_ui = cos(p_u, q_i) = p_uᵀq_i / (‖p_u‖ ‖q_i‖)                                               (1)
//! ```
//! The higher c, the sooner u takes i. Only directions count, so all vectors have length 1, and c is their inner product. What was taken: every rating of at least θ (`implicit_from`) and above
//! zero; how high it is or how often the pair occurs says nothing.
//!
//! ## Objective
//! What somebody has taken should point their way, and what they have not taken should be no nearer than ρ:
//! ```text
//! Σ_{(u,i)∈Ω} [ 1 − c_ui + (w/n) Σ_j max(0, c_uj − ρ) ]                                        (2)
//! ```
//! The inner sum goes over all items. It is what negatives drawn alike from all of them come to on average, so nothing is drawn.
//!
//! ## Update
//! The users are dealt into groups of at most `group`, every so-many-th user into the same one. The terms of each group in turn move its users and all items, at once. Where all vectors have
//! length 1, downhill is
//! ```text
//! g_u = Σ_{i∈N(u)} q_i − (w/n) n_u Σ_{j: c_uj>ρ} q_j                                           (3)
//! g_i = Σ_{u∈U(i)} p_u − (w/n) Σ_{u: c_ui>ρ} n_u p_u       over the users of the group         (4)
//! t = g − (gᵀx)x        for each x of p_u and q_i: what of g is not along x                    (5)
//! G ← G + ‖t‖²          x ← x + ηt/√G        x ← x/‖x‖                                         (6)
//! ```
//! G is one number for each vector and starts at zero (Adagrad), so η is the tangent of the first step's angle. The loss of an epoch is (2) for each pair of Ω, taken as the groups are seen. The model is where each vector
//! points on average:
//! ```text
//! p_u ∝ Σ p_u, q_i ∝ Σ q_i          over their places after the epochs of the second half       (7)
//! ```
//! On what is held out this mean ranks better than what it is made of, and better than steps that grow shorter.
//!
//! ## Cost
//! O(mnk) an epoch for all cosines, in products of dense matrices, in parallel. Few of them are above ρ, so the rest is little beside it: 8·10¹⁰ multiplications and additions for Gowalla (29,858 × 40,981) at
//! k = 64. Memory beside the model: P three times more, Q three times, 8 bytes for each pair, and for each cosine of a group above ρ 4 bytes.
//!
//! ## Unknown users and items
//! Whoever has taken nothing stands at the mean of all other users, so that what points their way comes first. What nobody has taken has no part in (2), and the score −1, the lowest there is. Somebody who comes
//! with a few items begins at the mean of their vectors and takes 40 steps (6) with Q fixed and η = ½. Each step is linear in what they have taken, so what each item has in p is known, and it all adds up to p.
//!
//! ## Defaults and their source
//! ρ = 0.6, w = 100, η = 1, 1,024 users a group and 40 epochs, of some fifteen settings (ρ from 0.5 to 0.9, w from 75 to 600, η from 0.3 to 2), those that rank best a tenth held out of the training part of Gowalla in the split of LightGCN;
//! ρ = 0.7 and w = 150 are as good. k = 64 is that of the authors, who chose their other values on the test part. Where users have taken a larger part of all items, w should be lower: with wn_u/n above 1 an item that is too near weighs more than one that was taken, and
//! here it is below 0.1 on average.
//!
//! ## Differences from the paper
//! Mao et al. draw 1,000 and more negatives for each pair and move by Adam along vectors of any length, held by an L2 penalty. Here all items count, and lengths there are none, so nothing is to be held; and the model is a mean (7). This is their plain matrix
//! factorization, without the mean of the items taken that SimpleX adds to a user's vector.
//!
//! ## References
//! K. Mao, J. Zhu, J. Wang, Q. Dai, Z. Dong, X. Xiao, X. He, "SimpleX: A simple and strong baseline for collaborative filtering", CIKM 2021 (MF-CCL).
//! J. Duchi, E. Hazan, Y. Singer, "Adaptive subgradient methods for online learning and stochastic optimization", JMLR 12, 2011.

mod descent;
mod newcomer;

use std::ops::ControlFlow;

use cofactor_kernels::{Isa, Link, dot};
use serde::{Deserialize, Serialize};

use crate::data::ids::User;
use crate::data::ratings::{Ratings, Row, Time};
use crate::error::{Error, Result};
use crate::fit::algorithm::{Algorithm, Kind, Knob, Preset, Task};
use crate::fit::factors::{Factors, Matrix, Prior, mean_of_rows};
use crate::fit::model::{Model, Newcomer, Query, Tensors};
use crate::fit::objective::{
    Expr, Method, Objective, Sample, Set, Training, Unknown, Visits, dot as product, named, positive_part,
    power, scalar, size, squared_norm, sum, vector,
};
use crate::fit::rng::Purpose;
use crate::fit::run::Run;
use crate::fit::sweep::noise;
use crate::fit::taken::{IMPLICIT_FROM, taken};
use descent::Descent;

/// What nobody has taken scores as much as what points the other way.
const LOWEST: f32 = -1.0;
/// The parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ccl {
    /// θ.
    pub implicit_from: f64,
    /// k.
    pub factors: usize,
    /// ρ.
    pub margin: f64,
    /// w.
    pub weight: f64,
    /// η.
    pub rate: f64,
    /// The most users of a group.
    pub group: usize,
    /// Visits of all groups.
    pub epochs: usize,
}

impl Default for Ccl {
    fn default() -> Self {
        Self {
            implicit_from: 0.0,
            factors: 64,
            margin: 0.6,
            weight: 100.0,
            rate: 1.0,
            group: 1024,
            epochs: 40,
        }
    }
}

impl Algorithm for Ccl {
    const NAME: &'static str = "ccl";
    const TITLE: &'static str =
        "matrix factorization by the cosine contrastive loss: what was taken near, the rest beyond a margin";
    const TASK: Task = Task::Ranking;
    const KNOBS: &'static [Knob] = &[
        IMPLICIT_FROM,
        Knob {
            name: "factors",
            symbol: "k",
            kind: Kind::Integer { min: 1, max: 2048, search: Some((16, 256)) },
            purpose: "length of the users' and items' vectors",
        },
        Knob {
            name: "margin",
            symbol: "ρ",
            kind: Kind::Real { min: 0.0, max: 1.0, search: Some((0.2, 0.9)) },
            purpose: "the cosine up to which what was not taken costs nothing",
        },
        Knob {
            name: "weight",
            symbol: "w",
            kind: Kind::Real { min: 0.0, max: 1e9, search: Some((1.0, 1000.0)) },
            purpose: "how much all items together that come nearer than the margin weigh against one that was taken",
        },
        Knob {
            name: "rate",
            symbol: "η",
            kind: Kind::Real { min: 1e-6, max: 100.0, search: Some((0.2, 3.0)) },
            purpose: "learning rate: the first step of each vector, in parts of its length",
        },
        Knob {
            name: "group",
            symbol: "",
            kind: Kind::Integer { min: 1, max: 1_000_000, search: None },
            purpose: "users whose terms make one step; fewer make more steps an epoch, and noisier ones",
        },
        Knob {
            name: "epochs",
            symbol: "T",
            kind: Kind::Integer { min: 1, max: 100_000, search: Some((10, 100)) },
            purpose: "visits of all groups of users",
        },
    ];
    const PRESETS: &'static [Preset] = &[Preset {
        name: "gowalla",
        source: "a tenth held out of the training part of Gowalla in the split of LightGCN",
        set: &[
            ("factors", "64"),
            ("margin", "0.6"),
            ("weight", "100"),
            ("rate", "1"),
            ("group", "1024"),
            ("epochs", "40"),
        ],
    }];
    const SOURCE: &'static str = include_str!("ccl.rs");
    /// P and Q.
    type Model = Directions;

    fn fit(&self, train: &Ratings, run: &mut Run<'_>) -> Result<Directions> {
        let taken = taken(train, self.implicit_from)?;
        let mut factors = self.start(&taken, run);
        let mut descent = Descent::new(self, &taken, &factors);
        run.start();
        let mut mean = Mean::of(&factors);
        for epoch in 0..self.epochs {
            let loss = descent.epoch(run, &mut factors);
            if 2 * epoch >= self.epochs {
                mean.add(&factors);
            }
            if run.end_epoch(loss, HINT, |query| factors.predict(query))? == ControlFlow::Break(()) {
                break;
            }
        }
        mean.replace(run, &mut factors);
        self.finish(run, &taken, &mut factors)?;
        Ok(Directions { knobs: self.clone(), factors, count: descent.count })
    }

    fn restore(&self, tensors: Tensors, train: &Ratings) -> Result<Directions> {
        let count = count(&taken(train, self.implicit_from)?);
        Ok(Directions { knobs: self.clone(), factors: Factors::restore(tensors)?, count })
    }

    fn objectives(&self) -> Vec<Objective> {
        vec![self.objective()]
    }
}

const HINT: &str = "lower `weight` or `rate`";

/// n.
fn count(taken: &Ratings) -> usize {
    taken.item_counts().into_iter().filter(|&count| count > 0).count()
}

impl Ccl {
    /// Random directions. Who took nothing and what nobody took are zero.
    fn start(&self, taken: &Ratings, run: &Run<'_>) -> Factors {
        let k = self.factors;
        let directions = |counts: &[usize], purpose: Purpose| {
            let mut matrix = noise(run, purpose, counts, k, 1.0);
            normalize_rows(run.isa(), &mut matrix);
            matrix
        };
        let counts: Vec<usize> = taken.user_counts().collect();
        Factors {
            isa: run.isa(),
            link: Link::Identity,
            mean: 0.0,
            users: directions(&counts, Purpose::UserFactors),
            items: directions(&taken.item_counts(), Purpose::ItemFactors),
            user_bias: vec![0.0; taken.users()],
            item_bias: vec![0.0; taken.items()],
            prior: Prior { mean: vec![0.0; k + 1], precision: vec![0.0; (k + 1) * (k + 1)] },
            unseen_item: vec![0.0; k + 1],
        }
    }

    /// Says what unknown users and items are, and checks that everything is finite.
    fn finish(&self, run: &Run<'_>, taken: &Ratings, factors: &mut Factors) -> Result<()> {
        if !(factors.users.is_finite() && factors.items.is_finite()) {
            let what = "a factor is no longer finite".to_owned();
            return Err(Error::Diverged { epoch: run.epochs().len(), what, hint: HINT.to_owned() });
        }
        let k = self.factors;
        let counts: Vec<usize> = taken.user_counts().collect();
        factors.prior.mean = mean_of_rows(&factors.users, &factors.user_bias, &counts);
        for user in (0..counts.len()).filter(|&user| counts[user] == 0) {
            factors.users.row_mut(user)[..k].copy_from_slice(&factors.prior.mean[..k]);
        }
        factors.unseen_item[k] = LOWEST;
        for (bias, count) in factors.item_bias.iter_mut().zip(taken.item_counts()) {
            *bias = if count == 0 { LOWEST } else { 0.0 };
        }
        Ok(())
    }

    /// (w/n) n_u, for somebody who has taken so much.
    fn push(&self, taken: usize, count: usize) -> f32 {
        (self.weight * taken as f64 / count as f64) as f32
    }
}

/// x/‖x‖; zero stays.
fn normalize(isa: Isa, x: &mut [f32]) {
    let squares = dot(isa, x, x);
    if squares > 0.0 {
        let length = squares.sqrt();
        for entry in x {
            *entry /= length;
        }
    }
}

fn normalize_rows(isa: Isa, matrix: &mut Matrix) {
    let stride = matrix.stride();
    matrix.as_mut_slice().chunks_exact_mut(stride).for_each(|row| normalize(isa, row));
}

fn add(sum: &mut [f32], x: &[f32]) {
    sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
}

fn add_scaled(sum: &mut [f32], by: f32, x: &[f32]) {
    sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += by * x);
}

/// (5); returns ‖t‖².
fn across(isa: Isa, x: &[f32], slope: &mut [f32]) -> f32 {
    let along = dot(isa, slope, x);
    add_scaled(slope, -along, x);
    dot(isa, slope, slope)
}

/// (5) and (6).
fn step(isa: Isa, rate: f32, x: &mut [f32], slope: &mut [f32], squares: &mut f32) {
    let steep = across(isa, x, slope);
    *squares += steep;
    // Where there has been no slope yet, there is nowhere to go.
    if *squares > 0.0 {
        add_scaled(x, rate / squares.sqrt(), slope);
        normalize(isa, x);
    }
}

/// (7): the directions after some epochs, added up.
struct Mean {
    users: Matrix,
    items: Matrix,
    epochs: usize,
}

impl Mean {
    /// Of none yet.
    fn of(factors: &Factors) -> Self {
        let zeros = |like: &Matrix| Matrix::zeros(like.rows(), like.columns());
        Self { users: zeros(&factors.users), items: zeros(&factors.items), epochs: 0 }
    }

    fn add(&mut self, factors: &Factors) {
        add(self.users.as_mut_slice(), factors.users.as_slice());
        add(self.items.as_mut_slice(), factors.items.as_slice());
        self.epochs += 1;
    }

    /// Puts their directions in the place of the last ones, if there are any.
    fn replace(self, run: &Run<'_>, factors: &mut Factors) {
        if self.epochs > 0 {
            (factors.users, factors.items) = (self.users, self.items);
            normalize_rows(run.isa(), &mut factors.users);
            normalize_rows(run.isa(), &mut factors.items);
        }
    }
}

/// P and Q, and what it takes to fold somebody in.
#[derive(Debug, Clone)]
pub struct Directions {
    knobs: Ccl,
    factors: Factors,
    /// n.
    count: usize,
}

impl Model for Directions {
    fn predict(&self, query: Query) -> f32 {
        self.factors.predict(query)
    }

    fn predict_all(&self, user: Option<User>, _time: Option<Time>, out: &mut [f32]) {
        self.factors.predict_all(user, out);
    }

    fn factors(&self) -> Option<&Factors> {
        Some(&self.factors)
    }

    fn fold_in<'a>(&'a self, history: Row<'a>) -> Option<Box<dyn Newcomer + 'a>> {
        Some(Box::new(self.folded(history)))
    }

    fn tensors(&self) -> Tensors {
        self.factors.tensors()
    }
}

/// What `cofactor derive` differentiates, and holds against the training above.
impl Ccl {
    /// (1) and (2).
    fn objective(&self) -> Objective {
        let (p, q) = (vector("p", "u"), vector("q", "i"));
        let inverse_length = |x: &Expr| power(&squared_norm(x), -0.5);
        let cosine = named("c", "ui", product(&p, &q) * inverse_length(&p) * inverse_length(&q));
        let far = sum(Set::Ratings, Expr::Number(1.0) - cosine.clone());
        let near = size(Set::ItemsOf("i")) * positive_part(&(cosine - scalar("ρ", "")));
        let weight = scalar("w", "") * power(&size(Set::Items), -1.0);
        let rate = scalar("η", "");
        let own = self.clone();
        Objective {
            title: "(2)",
            whole: far + weight * sum(Set::Pairs, near),
            unknowns: [p, q].iter().map(|letter| Unknown::new(letter, &rate)).collect(),
            method: Method::Gradient,
            // Whatever they are: a check draws them, for a large w is more than steps of f32 show.
            constants: Vec::new(),
            training: Some(Training {
                visits: Visits::Everything,
                run: Box::new(move |sample, _| own.visit(sample)),
            }),
        }
    }

    /// A step of the users of a sample, and then one of the items, along (5) for vectors of any length: t/‖x‖. Training has them of length 1, divides by √G, and goes back to
    /// that length.
    fn visit(&self, sample: &mut Sample) -> Result<()> {
        let (margin, weight) = (sample.number("ρ", &[]), sample.number("w", &[]));
        let own = Self { factors: sample.k, group: sample.users, margin, weight, ..self.clone() };
        let (taken, run, rate) = (sample.ratings(), Run::new(0, 1)?, sample.number("η", &[]) as f32);
        for side in [0, 1] {
            let mut given = own.start(&taken, &run);
            sample.fill_factors(&mut given);
            let mut factors = given.clone();
            normalize_rows(run.isa(), &mut factors.users);
            normalize_rows(run.isa(), &mut factors.items);
            let mut descent = Descent::new(&own, &taken, &factors);
            descent.gradient(&run, 0, &factors.items);
            let (directions, slopes, given_rows) = match side {
                0 => (&factors.users, &mut descent.groups[0].slopes, &mut given.users),
                _ => (&factors.items, &mut descent.slopes, &mut given.items),
            };
            for row in 0..directions.rows() {
                across(run.isa(), directions.row(row), slopes.row_mut(row));
                let length = dot(run.isa(), given_rows.row(row), given_rows.row(row)).sqrt();
                add_scaled(given_rows.row_mut(row), rate / length, slopes.row(row));
            }
            sample.take_factors(&given);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ids::Item;
    use crate::data::ratings::{Duplicates, RatingsBuilder};

    /// 70 users, so that there is more than a tile, and 300 items, more than a chunk, one of which nobody takes.
    fn ratings() -> Ratings {
        let mut builder = RatingsBuilder::new(false);
        for (user, item) in (0..70_u32).flat_map(|user| (0..300_u32).map(move |item| (user, item))) {
            if user % 3 == item % 3 && (user * 5 + item * 3) % 7 < 3 {
                let value = if item == 299 { 0.0 } else { 1.0 };
                builder.push(&format!("{user:02}"), &format!("{item:03}"), value, None);
            }
        }
        builder.finish("test", None, Duplicates::Error, |_, _| Default::default()).unwrap()
    }

    fn cosine(p: &[f32], q: &[f32]) -> f64 {
        p.iter().zip(q).map(|(&p, &q)| f64::from(p) * f64::from(q)).sum()
    }

    /// (3), (4) and the loss by plain loops over the users of a group.
    fn plain(
        ccl: &Ccl,
        train: &Ratings,
        factors: &Factors,
        users: &[u32],
    ) -> (Vec<Vec<f64>>, Vec<Vec<f64>>, f64) {
        let k = ccl.factors;
        let mut of_users = vec![vec![0.0; k]; users.len()];
        let mut of_items = vec![vec![0.0; k]; train.items()];
        let (n, mut loss) = (count(train), 0.0);
        for (slope, &user) in of_users.iter_mut().zip(users) {
            let row = train.row(User(user));
            let p = factors.users.entries(user as usize);
            for (item, of_item) in of_items.iter_mut().enumerate() {
                let q = factors.items.entries(item);
                let c = cosine(p, q);
                let mut by = 0.0;
                if row.items.contains(&Item(item as u32)) {
                    by += 1.0;
                    loss += 1.0 - c;
                }
                if c > ccl.margin {
                    let push = ccl.weight * row.len() as f64 / n as f64;
                    by -= push;
                    loss += push * (c - ccl.margin);
                }
                for f in 0..k {
                    slope[f] += by * f64::from(q[f]);
                    of_item[f] += by * f64::from(p[f]);
                }
            }
        }
        (of_users, of_items, loss)
    }

    #[test]
    fn a_group_goes_along_the_gradient_of_plain_loops() {
        let train = taken(&ratings(), 0.0).unwrap();
        for (k, group) in [(3, 70), (16, 30), (20, 66)] {
            let ccl = Ccl { factors: k, group, margin: 0.3, weight: 40.0, ..Ccl::default() };
            let run = Run::new(3, 2).unwrap();
            let factors = ccl.start(&train, &run);
            let mut descent = Descent::new(&ccl, &train, &factors);
            assert_eq!(descent.groups.len(), 70_usize.div_ceil(group));
            for group in 0..descent.groups.len() {
                let loss = descent.gradient(&run, group, &factors.items);
                let descent::Group { users, slopes, .. } = &descent.groups[group];
                let (of_users, of_items, expected) = plain(&ccl, &train, &factors, users);
                assert!((loss - expected).abs() < 1e-5 * expected, "k = {k}: {loss} for {expected}");
                for (expected, found) in [(of_users, slopes), (of_items, &descent.slopes)] {
                    for (row, expected) in expected.iter().enumerate() {
                        for (expected, &found) in expected.iter().zip(found.entries(row)) {
                            let difference = (expected - f64::from(found)).abs();
                            assert!(difference < 1e-3, "k = {k}, row {row}: {found} for {expected}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_step_turns_a_vector_towards_the_slope_and_keeps_its_length() {
        let isa = Isa::detect();
        let (mut x, mut slope) = ([0.0; 8], [0.0; 8]);
        (x[0], slope[0], slope[1]) = (1.0, 5.0, 2.0);
        let mut squares = 0.0;
        step(isa, 1.0, &mut x, &mut slope, &mut squares);
        // As far sideways as forward, whatever the slope's length.
        assert!((x[0] - x[1]).abs() < 1e-6 && (dot(isa, &x, &x) - 1.0).abs() < 1e-6, "{x:?}");
        assert_eq!(squares, 4.0);
        let before = x;
        slope = before;
        step(isa, 1.0, &mut x, &mut slope, &mut squares);
        assert!(x.iter().zip(before).all(|(x, before)| (x - before).abs() < 1e-6), "along itself: {x:?}");
    }

    #[test]
    fn the_loss_falls_and_what_is_taken_comes_near() {
        let train = ratings();
        let ccl = Ccl { factors: 8, epochs: 20, group: 10, ..Ccl::default() };
        let mut run = Run::new(1, 2).unwrap();
        let model = ccl.fit(&train, &mut run).unwrap();
        let losses: Vec<f64> = run.epochs().iter().map(|epoch| epoch.train_rmse).collect();
        assert!(losses[0] > 0.7 && losses[19] < 0.5 * losses[0], "{losses:?}");
        for user in 0..70 {
            let p = model.factors.users.entries(user);
            assert!((cosine(p, p) - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn a_newcomer_stands_near_where_no_step_leads_lower() {
        let train = ratings();
        let ccl = Ccl { factors: 6, epochs: 20, group: 20, margin: 0.5, weight: 30.0, ..Ccl::default() };
        let model = ccl.fit(&train, &mut Run::new(3, 1).unwrap()).unwrap();
        let row = train.row(User(4));
        let taken = row.iter().filter(|rated| rated.value > 0.0).map(|rated| rated.item).collect::<Vec<_>>();
        let objective = |p: &[f32]| -> f64 {
            let length = cosine(p, p).sqrt();
            let c = |item: usize| cosine(p, model.factors.items.entries(item)) / length;
            let far: f64 = taken.iter().map(|item| 1.0 - c(item.index())).sum();
            let push = f64::from(ccl.push(taken.len(), model.count));
            far + push * (0..train.items()).map(|item| (c(item) - 0.5).max(0.0)).sum::<f64>()
        };
        let folded = model.folded(row);
        let mut p = folded.p[..6].to_vec();
        let least = objective(&p);
        for f in 0..6 {
            for step in [-0.1, 0.1] {
                p[f] += step;
                assert!(objective(&p) > least, "{f} {step}");
                p[f] -= step;
            }
        }
    }
}
