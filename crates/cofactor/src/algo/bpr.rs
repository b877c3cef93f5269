//! # Bayesian personalized ranking
//!
//! Letters: m users, n items, k factors, N pairs of a user and an item that the user has taken; P is m×k, Q is n×k; D the triples (u,i,j) where u has taken i and not j;
//! σ(z) = 1/(1 + e⁻ᶻ); η the learning rate, λ the L2 weight.
//!
//! ## Model
//! ```text
//! x̂_ui = b_i + p_uᵀq_i                                                                         (1)
//! ```
//! The higher x̂, the sooner u takes i; only the order counts. What was taken: every rating of at least θ (`implicit_from`) and above zero; how high it is or how often the pair occurs says nothing.
//!
//! ## Objective
//! What somebody has taken should lead what they have not taken, by x̂_uij = x̂_ui − x̂_uj:
//! ```text
//! Σ_{(u,i,j)∈D} [ −ln σ(x̂_uij) + λ(‖p_u‖² + ‖q_i‖² + ‖q_j‖² + b_i² + b_j²) ]                   (2)
//! ```
//! With `sampling = warp`, whose eye is on the top of the list, where the lead is below 1:
//! ```text
//! w (1 − x̂_uij) + λ(‖p_u‖² + ‖q_i‖² + ‖q_j‖² + b_i² + b_j²)                                   (3)
//! w = L(⌊(n − 1)/d⌋) / L(n − 1),   L(r) = 1 + 1/2 + … + 1/r                                    (4)
//! ```
//! d is the number of items that were drawn until one was that close: few draws say that i stands low.
//!
//! ## Update
//! N triples an epoch. For each, a pair (u,i) is drawn with replacement and j at random among the items that u has not taken; `warp` draws up to `draws` of them for one that i does
//! not lead by 1. Then, with g = 1 − σ(x̂_uij) or g = w taken before anything moves:
//! ```text
//! p_u ← p_u + η(g(q_i − q_j) − 2λp_u)                                                          (5)
//! q_i ← q_i + η(g·p_u − 2λq_i)        b_i ← b_i + η(g − 2λb_i)                                 (6)
//! q_j ← q_j + η(−g·p_u − 2λq_j)       b_j ← b_j + η(−g − 2λb_j)                                (7)
//! ```
//! After each epoch η is multiplied by `decay`. The loss of an epoch is the mean of g, taken as the triples are seen: at first ½, and 0 where everything is in its place.
//!
//! ## Cost
//! O(kN) an epoch, with `warp` up to `draws` times as much. Users and items are cut into blocks that are visited in parallel, and the items are dealt into them anew in each epoch
//! ([`crate::fit::triples`]). Memory beside the model: 12 bytes for each pair, and Q once more.
//!
//! ## Unknown users and items
//! Whoever has taken nothing is at zero: x̂ is b_i. What nobody has taken is never drawn; it is at zero with the lowest bias of all items. Somebody who comes with a few items is
//! folded in by (5) alone, 200 triples for each of their items, with η falling to zero. What an item adds to x̂ is the sum of its own steps.
//!
//! ## Defaults and their source
//! k = 64, η = 0.05, λ = 0.002, σ₀ = 0.1, 60 epochs: Rendle et al. give no numbers, and these are customary ones, tuned to no data. At most 10 draws, as in LightFM.
//!
//! ## Differences from the paper
//! Rendle et al. have a λ for each kind of letter. Weston et al. hold vectors within a ball instead of by a penalty, have no biases, and w is not divided by L(n − 1), which only scales η. Within an
//! epoch, j comes from the n/b items that share the block of i; these are others in each epoch.
//!
//! ## References
//! S. Rendle, C. Freudenthaler, Z. Gantner, L. Schmidt-Thieme, "BPR: Bayesian personalized ranking from implicit feedback", UAI 2009, sections 4.2 and 4.3.1.
//! J. Weston, S. Bengio, N. Usunier, "WSABIE: scaling up to large vocabulary image annotation", IJCAI 2011, section 3 and algorithm 1.
//! M. Kula, "Metadata embeddings for user and item cold-start recommendations", 2015 (LightFM).

use std::ops::ControlFlow;

use cofactor_kernels::{Contrast, Contrasted, Link, Pull, Triples, contrast, sigmoid};
use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::data::ids::{Item, User};
use crate::data::ratings::{Ratings, Row, Time};
use crate::error::{Error, Result};
use crate::fit::algorithm::{Algorithm, Kind, Knob, Preset, Task};
use crate::fit::factors::{Factors, Prior};
use crate::fit::model::{Model, Newcomer, Parts, Query, Share, Tensors};
use crate::fit::objective::{
    Expr, Method, Objective, Sample, Set, Training, Unknown, Visits, dot as product, ln, logistic, named,
    penalty, scalar, square, squared_norm, sum, vector,
};
use crate::fit::rng::{Purpose, stream};
use crate::fit::run::Run;
use crate::fit::sweep::noise;
use crate::fit::taken::{IMPLICIT_FROM, is_taken, taken};
use crate::fit::triples::Draws;

/// Triples by which each item of a newcomer is folded in.
const FOLD_IN_TRIPLES: usize = 200;

/// The parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bpr {
    /// θ.
    pub implicit_from: f64,
    /// (2) or (3).
    pub sampling: Sampling,
    /// The most draws of j for one triple of (3).
    pub draws: usize,
    /// k.
    pub factors: usize,
    /// η.
    pub rate: f64,
    /// What η is multiplied by after each epoch.
    pub decay: f64,
    /// λ.
    pub reg: f64,
    /// Times N triples.
    pub epochs: usize,
    /// σ₀.
    pub spread: f64,
}

/// How triples are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sampling {
    /// All alike, (2).
    Uniform,
    /// Those that are out of order, by how much, (3).
    Warp,
}

impl Default for Bpr {
    fn default() -> Self {
        Self {
            implicit_from: 0.0,
            sampling: Sampling::Uniform,
            draws: 10,
            factors: 64,
            rate: 0.05,
            decay: 1.0,
            reg: 0.002,
            epochs: 60,
            spread: 0.1,
        }
    }
}

impl Algorithm for Bpr {
    const NAME: &'static str = "bpr";
    const TITLE: &'static str = "Bayesian personalized ranking, or WARP: what was taken before what was not";
    const TASK: Task = Task::Ranking;
    const KNOBS: &'static [Knob] = &[
        IMPLICIT_FROM,
        Knob {
            name: "sampling",
            symbol: "",
            kind: Kind::Choice { options: &["uniform", "warp"] },
            purpose: "what an item is compared with: any other (BPR), or one that it does not lead by enough (WARP)",
        },
        Knob {
            name: "draws",
            symbol: "d",
            kind: Kind::Integer { min: 1, max: 1000, search: None },
            purpose: "how many items `warp` draws at most to find one that is not led by enough",
        },
        Knob {
            name: "factors",
            symbol: "k",
            kind: Kind::Integer { min: 1, max: 2048, search: Some((16, 256)) },
            purpose: "length of the users' and items' vectors",
        },
        Knob {
            name: "rate",
            symbol: "η",
            kind: Kind::Real { min: 1e-6, max: 10.0, search: Some((0.005, 0.2)) },
            purpose: "learning rate",
        },
        Knob {
            name: "decay",
            symbol: "η ← η·decay",
            kind: Kind::Real { min: 0.1, max: 1.0, search: None },
            purpose: "what the rate is multiplied by after each epoch",
        },
        Knob {
            name: "reg",
            symbol: "λ",
            kind: Kind::Real { min: 0.0, max: 10.0, search: Some((1e-4, 0.05)) },
            purpose: "L2 weight of factors and biases, per triple",
        },
        Knob {
            name: "epochs",
            symbol: "T",
            kind: Kind::Integer { min: 1, max: 100_000, search: Some((20, 300)) },
            purpose: "how many times as many triples as there are pairs",
        },
        Knob {
            name: "spread",
            symbol: "σ₀",
            kind: Kind::Real { min: 1e-6, max: 10.0, search: None },
            purpose: "√k times the standard deviation of the noise that the factors start with",
        },
    ];
    const PRESETS: &'static [Preset] = &[];
    const SOURCE: &'static str = include_str!("bpr.rs");
    /// P, Q and b_i.
    type Model = Order;

    fn fit(&self, train: &Ratings, run: &mut Run<'_>) -> Result<Order> {
        let taken = taken(train, self.implicit_from)?;
        let mut factors = self.start(&taken, run);
        let draws = Draws::new(&taken, factors.users.stride());
        let weights = self.weights(taken.items());
        run.start();
        for epoch in 0..self.epochs {
            let rate = (0..epoch).fold(self.rate, |rate, _| rate * self.decay);
            let loss = draws.epoch(run, epoch, &self.step(rate, 1.0, &weights), &mut factors);
            if run.end_epoch(loss, HINT, |query| factors.predict(query))? == ControlFlow::Break(()) {
                break;
            }
        }
        self.finish(run, &taken, &mut factors)?;
        Ok(Order { knobs: self.clone(), factors })
    }

    fn restore(&self, tensors: Tensors, _train: &Ratings) -> Result<Order> {
        Ok(Order { knobs: self.clone(), factors: Factors::restore(tensors)? })
    }

    fn objectives(&self) -> Vec<Objective> {
        vec![self.objective()]
    }
}

const HINT: &str = "lower `rate`, or raise `reg`";

impl Bpr {
    /// Factors at their start. Who took nothing and what nobody took get no noise.
    fn start(&self, taken: &Ratings, run: &Run<'_>) -> Factors {
        let k = self.factors;
        let noisy = |counts: &[usize], purpose: Purpose| noise(run, purpose, counts, k, self.spread);
        Factors {
            isa: run.isa(),
            link: Link::Identity,
            mean: 0.0,
            users: noisy(&taken.user_counts().collect::<Vec<_>>(), Purpose::UserFactors),
            items: noisy(&taken.item_counts(), Purpose::ItemFactors),
            user_bias: vec![0.0; taken.users()],
            item_bias: vec![0.0; taken.items()],
            prior: Prior { mean: vec![0.0; k + 1], precision: vec![0.0; (k + 1) * (k + 1)] },
            unseen_item: vec![0.0; k + 1],
        }
    }

    /// (4), for each number of draws.
    fn weights(&self, items: usize) -> Vec<f32> {
        let mut harmonic = vec![0.0];
        for rank in 1..items.max(2) {
            harmonic.push(harmonic[rank - 1] + 1.0 / rank as f64);
        }
        let last = harmonic.len() - 1;
        (1..=self.draws).map(|draws| (harmonic[last / draws] / harmonic[last]) as f32).collect()
    }

    /// (5) to (7).
    fn step<'w>(&self, rate: f64, margin: f32, weights: &'w [f32]) -> Contrast<'w> {
        let pull = match self.sampling {
            Sampling::Uniform => Pull::Logistic,
            Sampling::Warp => Pull::Violation { margin, weights },
        };
        Contrast { rate: rate as f32, keep: (1.0 - 2.0 * rate * self.reg) as f32, pull }
    }

    /// Says what unknown items are, and checks that everything is finite.
    fn finish(&self, run: &Run<'_>, taken: &Ratings, factors: &mut Factors) -> Result<()> {
        let finite = factors.users.is_finite()
            && factors.items.is_finite()
            && factors.item_bias.iter().all(|bias| bias.is_finite());
        if !finite {
            let what = "a factor is no longer finite".to_owned();
            return Err(Error::Diverged { epoch: run.epochs().len(), what, hint: HINT.to_owned() });
        }
        let lowest = factors.item_bias.iter().copied().fold(0.0, f32::min);
        factors.unseen_item[self.factors] = lowest;
        for (bias, count) in factors.item_bias.iter_mut().zip(taken.item_counts()) {
            if count == 0 {
                *bias = lowest;
            }
        }
        Ok(())
    }
}

/// P, Q and b_i, and what it takes to fold somebody in.
#[derive(Debug, Clone)]
pub struct Order {
    knobs: Bpr,
    factors: Factors,
}

impl Model for Order {
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

impl Order {
    /// (5) for somebody new. The steps of each of their items are summed apart, and all shrink alike. The same history has the same answer. Cost: O(k) for each triple.
    fn folded(&self, history: Row<'_>) -> Placed<'_> {
        let Bpr { implicit_from, rate, reg, sampling, .. } = self.knobs;
        let (k, n) = (self.factors.k(), self.factors.items.rows());
        let own: Vec<usize> =
            (0..history.len()).filter(|&at| is_taken(history.values[at], implicit_from)).collect();
        let mut shares = vec![vec![0.0; k]; history.len()];
        let mut p = vec![0.0; k];
        let weights = self.knobs.weights(n);
        let mut stream = stream(0, Purpose::FoldIn, 0);
        let steps = if history.len() < n { FOLD_IN_TRIPLES * own.len() } else { 0 };
        // All shares shrink alike, so one number shrinks for all of them.
        let mut scale = 1.0;
        let settle = |shares: &mut [Vec<f64>], scale: &mut f64| {
            shares.iter_mut().flatten().for_each(|entry| *entry *= *scale);
            *scale = 1.0;
        };
        for step in 0..steps {
            let at = own[step % own.len()];
            let rate = rate * (1.0 - step as f64 / steps as f64);
            let i = history.items[at];
            let mut other = || loop {
                let j = Item(stream.random_range(0..n as u32));
                if history.items.binary_search(&j).is_err() {
                    return j;
                }
            };
            let found = match sampling {
                Sampling::Uniform => {
                    let j = other();
                    Some((j, f64::from(sigmoid(-self.lead(&p, i, j) as f32))))
                }
                Sampling::Warp => weights.iter().find_map(|&weight| {
                    let j = other();
                    (self.lead(&p, i, j) < 1.0).then_some((j, f64::from(weight)))
                }),
            };
            let Some((j, pull)) = found else { continue };
            let keep = 1.0 - 2.0 * rate * reg;
            scale *= keep;
            if scale.abs() < 1e-30 {
                settle(&mut shares, &mut scale);
            }
            let (q_i, q_j) = (self.factors.items.entries(i.index()), self.factors.items.entries(j.index()));
            for f in 0..k {
                let by = rate * pull * (f64::from(q_i[f]) - f64::from(q_j[f]));
                shares[at][f] += by / scale;
                p[f] = keep * p[f] + by;
            }
        }
        settle(&mut shares, &mut scale);
        Placed { factors: &self.factors, shares }
    }

    /// x̂_ui − x̂_uj.
    fn lead(&self, p: &[f64], i: Item, j: Item) -> f64 {
        let score = |item: Item| {
            let q = self.factors.items.entries(item.index());
            let product: f64 = p.iter().zip(q).map(|(p, &q)| p * f64::from(q)).sum();
            f64::from(self.factors.item_bias[item.index()]) + product
        };
        score(i) - score(j)
    }
}

/// Somebody new: for each item of the history the sum of its steps, which add up to p.
struct Placed<'a> {
    factors: &'a Factors,
    shares: Vec<Vec<f64>>,
}

impl Newcomer for Placed<'_> {
    fn score_all(&self, out: &mut [f32]) {
        let mut p = vec![0.0; self.factors.k()];
        for share in &self.shares {
            p.iter_mut().zip(share).for_each(|(entry, add)| *entry += add);
        }
        let p: Vec<f32> = p.into_iter().map(|entry| entry as f32).collect();
        self.factors.score_all(&p, 0.0, out);
    }

    fn parts(&self, item: Item) -> Parts {
        let q = self.factors.items.entries(item.index());
        let share = |share: &Vec<f64>| {
            let adds = share.iter().zip(q).map(|(&p, &q)| p * f64::from(q)).sum::<f64>() as f32;
            Share { all: adds, taste: adds }
        };
        Parts {
            mean: 0.0,
            item_bias: self.factors.item_bias[item.index()],
            prior: 0.0,
            shares: self.shares.iter().map(share).collect(),
        }
    }
}

/// What `cofactor derive` differentiates, and holds against the training above.
impl Bpr {
    /// (1) and (2), or (3) for a triple that was drawn.
    fn objective(&self) -> Objective {
        let (p, q_i, q_j) = (vector("p", "u"), vector("q", "i"), vector("q", "j"));
        let (b_i, b_j) = (scalar("b", "i"), scalar("b", "j"));
        let score = |name, b: &Expr, q: &Expr| named("x̂", name, b.clone() + product(&p, q));
        let lead = named("x̂", "uij", score("ui", &b_i, &q_i) - score("uj", &b_j, &q_j));
        let squares =
            squared_norm(&p) + squared_norm(&q_i) + squared_norm(&q_j) + square(&b_i) + square(&b_j);
        let (title, loss) = match self.sampling {
            Sampling::Uniform => ("(2)", -ln(&logistic(&lead))),
            Sampling::Warp => (
                "(3), over the triples that were drawn with weight w",
                scalar("w", "") * (Expr::Number(1.0) - lead),
            ),
        };
        let rate = scalar("η", "");
        let bpr = self.clone();
        Objective {
            title,
            whole: sum(Set::Triples, loss + penalty(self.reg, "λ", squares)),
            unknowns: [p, q_i, q_j, b_i, b_j].iter().map(|letter| Unknown::new(letter, &rate)).collect(),
            method: Method::Stochastic,
            constants: vec![("λ", self.reg)],
            training: Some(Training {
                visits: Visits::OneTriple,
                run: Box::new(move |sample, pairs| bpr.visit(sample, pairs)),
            }),
        }
    }

    /// One triple of a sample: the pair that was taken, and the one that was not.
    fn visit(&self, sample: &mut Sample, pairs: &[(usize, usize)]) -> Result<()> {
        let bpr = Self { factors: sample.k, ..self.clone() };
        let run = Run::new(0, 1)?;
        let mut factors = bpr.start(&sample.ratings(), &run);
        sample.fill_factors(&mut factors);
        let [(user, taken), (_, other)] = *pairs else { return Ok(()) };
        let mut one = One { pair: Some((user as u32, taken as u32)), other: other as u32 };
        let weights = [sample.number("w", &[]) as f32];
        // Whatever the lead is: which triples are moved is the drawing's matter.
        let step = bpr.step(sample.number("η", &[]), f32::INFINITY, &weights);
        let stride = factors.users.stride();
        let Factors { users, items, item_bias, .. } = &mut factors;
        let rows = Contrasted { users: users.as_mut_slice(), items: items.as_mut_slice(), item_bias };
        contrast(run.isa(), &step, stride, &mut one, rows);
        sample.take_factors(&factors);
        Ok(())
    }
}

/// A single triple.
struct One {
    pair: Option<(u32, u32)>,
    other: u32,
}

impl Triples for One {
    fn pair(&mut self) -> Option<(u32, u32)> {
        self.pair.take()
    }

    fn other(&mut self, _user: u32) -> Option<u32> {
        Some(self.other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ratings::{Duplicates, RatingsBuilder};

    fn ratings() -> Ratings {
        let mut builder = RatingsBuilder::new(false);
        for (user, item) in (0..60_u32).flat_map(|user| (0..40_u32).map(move |item| (user, item))) {
            if user % 4 == item % 4 && (user * 5 + item * 3) % 7 != 0 {
                builder.push(&format!("{user:02}"), &format!("{item:02}"), 1.0, None);
            }
        }
        builder.finish("test", None, Duplicates::Error, |_, _| Default::default()).unwrap()
    }

    #[test]
    fn the_loss_begins_at_a_half_and_falls() {
        let train = ratings();
        let mut run = Run::new(1, 2).unwrap();
        let bpr = Bpr { factors: 8, epochs: 40, ..Bpr::default() };
        bpr.fit(&train, &mut run).unwrap();
        let losses: Vec<f64> = run.epochs().iter().map(|epoch| epoch.train_rmse).collect();
        assert!((losses[0] - 0.5).abs() < 0.02 && losses[39] < 0.1, "{losses:?}");
    }

    #[test]
    fn weights_fall_from_one_as_the_harmonic_numbers_do() {
        let bpr = Bpr { draws: 12, ..Bpr::default() };
        let weights = bpr.weights(11);
        let expected = |rank: u32| {
            let harmonic = |rank: u32| (1..=rank).map(|r| 1.0 / f64::from(r)).sum::<f64>();
            (harmonic(rank) / harmonic(10)) as f32
        };
        let found: Vec<f32> = [10, 5, 3, 2, 2, 1, 1, 1, 1, 1, 0, 0].into_iter().map(expected).collect();
        assert_eq!(weights, found);
    }

    /// Somebody new with a trained user's items has nearly the same order.
    #[test]
    fn a_newcomer_is_answered_as_a_trained_user_is() {
        let train = ratings();
        for sampling in [Sampling::Uniform, Sampling::Warp] {
            let bpr = Bpr { sampling, factors: 8, epochs: 60, ..Bpr::default() };
            let model = bpr.fit(&train, &mut Run::new(1, 1).unwrap()).unwrap();
            let (mut trained, mut folded) = (vec![0.0; train.items()], vec![0.0; train.items()]);
            for user in [3, 18, 44] {
                model.predict_all(Some(User(user)), None, &mut trained);
                model.fold_in(train.row(User(user))).unwrap().score_all(&mut folded);
                let (mut cross, mut squares) = (0.0, [0.0, 0.0]);
                for (&a, &b) in trained.iter().zip(&folded) {
                    cross += a * b;
                    squares = [squares[0] + a * a, squares[1] + b * b];
                }
                let cosine = cross / (squares[0] * squares[1]).sqrt();
                assert!(cosine > 0.9, "{sampling:?}, user {user}: {cosine}");
            }
        }
    }
}
