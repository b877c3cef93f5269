//! # Logistic matrix factorization
//!
//! Letters: m users, n items, k factors, N pairs of a user and an item that the user has taken; P is m×k, Q is n×k; r_ui how often or how gladly u has taken i, 0 if never;
//! σ(z) = 1/(1 + e⁻ᶻ); η the learning rate, λ the L2 weight.
//!
//! ## Model
//! ```text
//! chance that u takes i = σ(z_ui),   z_ui = b_u + b_i + p_uᵀq_i                                 (1)
//! ```
//! Scores are z. What was taken: every rating of at least θ (`implicit_from`) and above zero.
//!
//! ## Objective
//! Each event says α times that u takes i, and each pair says once that u does not:
//! ```text
//! −Σ_{u,i} [ α r_ui ln σ(z_ui) + ln(1 − σ(z_ui)) ] + λ(Σ_u ‖p_u‖² + Σ_i ‖q_i‖²)                (2)
//! ```
//! over all users who have taken something, and all items that somebody has.
//!
//! ## Update
//! With Q fixed, (2) is convex in the users, each of whom takes a step along the whole gradient:
//! ```text
//! e_ui = α r_ui (1 − σ(z_ui)) − σ(z_ui)                                                        (3)
//! g_u = Σ_i e_ui q_i − 2λp_u       for b_u: Σ_i e_ui                                           (4)
//! G_u ← G_u + g_u²                 p_u ← p_u + η g_u/√G_u, entry by entry; b_u alike           (5)
//! ```
//! Then the items, with P fixed. G starts at zero (Adagrad). The loss of an epoch is the root of the mean of e², as the items' half begins.
//!
//! ## Cost
//! O(mnk) an epoch, all of it in products of dense matrices, in parallel: 6·10⁹ multiplications and additions for MovieLens 1M at k = 64. For millions of users or items that is much; `ials` and
//! `bpr` grow with N. Memory beside the model: P and Q twice more.
//!
//! ## Unknown users and items
//! Whoever has taken nothing, and what nobody has taken, has no part in (2). Such a user is at zero, so that their order is that of b_i; such an item is at zero with the lowest bias of all. Somebody
//! who comes with a few items is folded in at the minimum of (2) with Q fixed, by Newton's method. What each item adds is its own term of the last step's right-hand side; what is not owed to
//! one of them comes from all that was not taken.
//!
//! ## Defaults and their source
//! Johnson names no values. η = 0.1 and λ = 6 are the best but for rounding of a dozen settings on MovieLens 100K, by what `user:0.2` with seed 42 holds out; no figure of that split is quoted anywhere.
//! α = 1 counts each event once; σ₀ = 0.1 and 30 epochs are customary.
//!
//! ## Differences from the paper
//! Johnson's λ is half as large here, as (2) has no ½. The paper samples what was not taken to save time; here all of it counts.
//!
//! ## References
//! C. Johnson, "Logistic matrix factorization for implicit feedback data", NIPS workshop on distributed machine learning and matrix computations, 2014, equations (1) to (4) and algorithm 1.

mod newcomer;

use std::ops::ControlFlow;

use cofactor_kernels::{Isa, LANES, Link, Rows, add_product, sigmoids};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::data::ids::{Item, User};
use crate::data::ratings::{Ratings, Row, Time};
use crate::error::{Error, Result};
use crate::fit::algorithm::{Algorithm, Kind, Knob, Preset, Task};
use crate::fit::factors::{Factors, Matrix, Prior};
use crate::fit::model::{Model, Newcomer, Query, Tensors};
use crate::fit::objective::{
    Expr, Method, Objective, Sample, Set, Training, Unknown, Visits, dot as product, ln, logistic, named,
    penalty, scalar, squared_norm, sum, vector,
};
use crate::fit::rng::Purpose;
use crate::fit::run::{Interrupt, Run};
use crate::fit::sweep::noise;
use crate::fit::taken::{IMPLICIT_FROM, taken};
use crate::fit::tiles::{CHUNK, Columns, TILE};

/// The parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Logistic {
    /// θ.
    pub implicit_from: f64,
    /// k.
    pub factors: usize,
    /// α.
    pub alpha: f64,
    /// η.
    pub rate: f64,
    /// λ.
    pub reg: f64,
    /// Steps of users and items.
    pub epochs: usize,
    /// σ₀.
    pub spread: f64,
}

impl Default for Logistic {
    fn default() -> Self {
        Self { implicit_from: 0.0, factors: 64, alpha: 1.0, rate: 0.1, reg: 6.0, epochs: 30, spread: 0.1 }
    }
}

impl Algorithm for Logistic {
    const NAME: &'static str = "logistic";
    const TITLE: &'static str = "logistic matrix factorization: the chance that somebody takes something";
    const TASK: Task = Task::Ranking;
    const KNOBS: &'static [Knob] = &[
        IMPLICIT_FROM,
        Knob {
            name: "factors",
            symbol: "k",
            kind: Kind::Integer { min: 1, max: 2032, search: Some((8, 128)) },
            purpose: "length of the users' and items' vectors",
        },
        Knob {
            name: "alpha",
            symbol: "α",
            kind: Kind::Real { min: 1e-6, max: 1e6, search: Some((0.3, 100.0)) },
            purpose: "how much an event weighs against a pair without one",
        },
        Knob {
            name: "rate",
            symbol: "η",
            kind: Kind::Real { min: 1e-6, max: 100.0, search: Some((0.05, 2.0)) },
            purpose: "learning rate: the first step of each entry, up or down",
        },
        Knob {
            name: "reg",
            symbol: "λ",
            kind: Kind::Real { min: 0.0, max: 1e6, search: Some((0.1, 100.0)) },
            purpose: "L2 weight of the factors",
        },
        Knob {
            name: "epochs",
            symbol: "T",
            kind: Kind::Integer { min: 1, max: 100_000, search: Some((10, 100)) },
            purpose: "steps of all users and all items",
        },
        Knob {
            name: "spread",
            symbol: "σ₀",
            kind: Kind::Real { min: 1e-6, max: 10.0, search: None },
            purpose: "√k times the standard deviation of the noise that the factors start with",
        },
    ];
    const PRESETS: &'static [Preset] = &[];
    const SOURCE: &'static str = include_str!("logistic.rs");
    /// P, Q, b_u and b_i.
    type Model = Chances;

    fn fit(&self, train: &Ratings, run: &mut Run<'_>) -> Result<Chances> {
        let taken = taken(train, self.implicit_from)?;
        let mut factors = self.start(&taken, run);
        let mut climb = Climb::new(self, &taken);
        run.start();
        for _ in 0..self.epochs {
            let loss = climb.step(run, &mut factors);
            if run.end_epoch(loss, HINT, |query| factors.predict(query))? == ControlFlow::Break(()) {
                break;
            }
        }
        finish(run, &climb.items.active, &mut factors)?;
        Ok(Chances { knobs: self.clone(), factors, items: climb.items.active })
    }

    fn restore(&self, tensors: Tensors, train: &Ratings) -> Result<Chances> {
        let items = active(&taken(train, self.implicit_from)?.item_counts());
        let factors = Factors::restore(tensors)?;
        if factors.items.rows() != train.items() {
            let problem = format!("factors of {} items for {}", factors.items.rows(), train.items());
            return Err(Error::unsupported(problem, ""));
        }
        Ok(Chances { knobs: self.clone(), factors, items })
    }

    fn objectives(&self) -> Vec<Objective> {
        vec![self.objective()]
    }
}

const HINT: &str = "lower `rate`, or raise `reg`";

/// The rows that have something to say.
fn active(counts: &[usize]) -> Vec<u32> {
    let taken = counts.iter().enumerate().filter(|&(_, &count)| count > 0);
    taken.map(|(row, _)| row as u32).collect()
}

impl Logistic {
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
}

/// Says what unknown items are, and checks that everything is finite.
fn finish(run: &Run<'_>, active: &[u32], factors: &mut Factors) -> Result<()> {
    let biases = factors.user_bias.iter().chain(&factors.item_bias);
    if !(factors.users.is_finite()
        && factors.items.is_finite()
        && biases.clone().all(|bias| bias.is_finite()))
    {
        let what = "a factor is no longer finite".to_owned();
        return Err(Error::Diverged { epoch: run.epochs().len(), what, hint: HINT.to_owned() });
    }
    let bias = |&item: &u32| factors.item_bias[item as usize];
    let lowest = active.iter().map(bias).reduce(f32::min).unwrap_or(0.0);
    let mut unseen = vec![lowest; factors.item_bias.len()];
    for &item in active {
        unseen[item as usize] = factors.item_bias[item as usize];
    }
    factors.item_bias = unseen;
    let k = factors.k();
    factors.unseen_item[k] = lowest;
    Ok(())
}

/// What (5) remembers of one side.
struct Side {
    active: Vec<u32>,
    /// G of the vectors, and of the biases.
    squares: Matrix,
    bias_squares: Vec<f32>,
}

/// Users and items in turn, each half with the other half fixed.
struct Climb<'a> {
    logistic: &'a Logistic,
    taken: &'a Ratings,
    users: Side,
    items: Side,
}

impl<'a> Climb<'a> {
    fn new(logistic: &'a Logistic, taken: &'a Ratings) -> Self {
        let side = |counts: &[usize]| Side {
            active: active(counts),
            squares: Matrix::zeros(counts.len(), logistic.factors),
            bias_squares: vec![0.0; counts.len()],
        };
        taken.by_item();
        let users = side(&taken.user_counts().collect::<Vec<_>>());
        Self { logistic, taken, users, items: side(&taken.item_counts()) }
    }

    /// Returns the root of the mean of e² where the items' half begins.
    fn step(&mut self, run: &Run<'_>, factors: &mut Factors) -> f64 {
        let (rate, pairs) = (self.logistic.rate as f32, self.users.active.len() * self.items.active.len());
        let gradient = self.of_users(run, factors);
        self.users.step(rate, &gradient, &mut factors.users, &mut factors.user_bias);
        let gradient = self.of_items(run, factors);
        self.items.step(rate, &gradient, &mut factors.items, &mut factors.item_bias);
        (gradient.squares / pairs.max(1) as f64).sqrt()
    }

    /// (4) for the users.
    fn of_users(&self, run: &Run<'_>, factors: &Factors) -> Gradient {
        let Factors { users, items, user_bias, item_bias, .. } = factors;
        let fixed = Fixed::new(self.logistic, &self.items.active, items, item_bias);
        fixed.gradient(run, (users, user_bias), |user| {
            let row = self.taken.row(User(user as u32));
            (bytemuck::cast_slice(row.items), row.values)
        })
    }

    /// (4) for the items.
    fn of_items(&self, run: &Run<'_>, factors: &Factors) -> Gradient {
        let Factors { users, items, user_bias, item_bias, .. } = factors;
        let fixed = Fixed::new(self.logistic, &self.users.active, users, user_bias);
        fixed.gradient(run, (items, item_bias), |item| {
            let (users, values) = self.taken.by_item().column(Item(item as u32));
            (bytemuck::cast_slice(users), values)
        })
    }
}

impl Side {
    /// (5).
    fn step(&mut self, rate: f32, gradient: &Gradient, matrix: &mut Matrix, biases: &mut [f32]) {
        let climb = |entry: &mut f32, squares: &mut f32, slope: f32| {
            *squares += slope * slope;
            // Where there has been no slope yet, there is nowhere to go.
            if *squares > 0.0 {
                *entry += rate * slope / squares.sqrt();
            }
        };
        let entries = matrix.as_mut_slice().iter_mut().zip(self.squares.as_mut_slice());
        for ((entry, squares), &slope) in entries.zip(gradient.vectors.as_slice()) {
            climb(entry, squares, slope);
        }
        for ((bias, squares), &slope) in biases.iter_mut().zip(&mut self.bias_squares).zip(&gradient.biases) {
            climb(bias, squares, slope);
        }
    }
}

/// (4) for all rows of a side.
struct Gradient {
    vectors: Matrix,
    biases: Vec<f32>,
    /// Σ e².
    squares: f64,
}

/// The side that is held fixed: its active rows, in chunks of [`CHUNK`].
struct Fixed<'a> {
    logistic: &'a Logistic,
    /// Where each row stands among the active ones.
    places: Vec<u32>,
    count: usize,
    rows: Matrix,
    biases: Vec<f32>,
    columns: Columns,
}

impl<'a> Fixed<'a> {
    fn new(logistic: &'a Logistic, active: &[u32], matrix: &Matrix, bias: &[f32]) -> Self {
        let (k, count) = (matrix.columns(), active.len());
        let whole = count.next_multiple_of(CHUNK);
        // Never half a vector wide, which products do not take.
        let mut rows = Matrix::zeros(whole, k.max(LANES));
        let (mut places, mut biases) = (vec![0; matrix.rows()], vec![0.0; whole]);
        let mut columns = Columns::zeros(count, k);
        for (place, &row) in active.iter().enumerate() {
            let entries = matrix.row(row as usize);
            rows.row_mut(place)[..k].copy_from_slice(&entries[..k]);
            biases[place] = bias[row as usize];
            places[row as usize] = place as u32;
            columns.set(place, &entries[..k]);
        }
        Self { logistic, places, count, rows, biases, columns }
    }

    /// `taken` gives the rows of this side that belong to a row of the other, and their r. Rows to which none belongs have no gradient.
    fn gradient<'r>(
        &self,
        run: &Run<'_>,
        (matrix, bias): (&Matrix, &[f32]),
        taken: impl Fn(usize) -> (&'r [u32], &'r [f32]) + Sync,
    ) -> Gradient {
        let (stride, isa, interrupt) = (matrix.stride(), run.isa(), run.interrupt());
        let (mut vectors, mut biases) =
            (Matrix::zeros(matrix.rows(), matrix.columns()), vec![0.0; bias.len()]);
        let tiles = vectors.as_mut_slice().par_chunks_mut(TILE * stride).zip(biases.par_chunks_mut(TILE));
        let tile = |(tile, (vectors, biases)): (usize, (&mut [f32], &mut [f32]))| {
            let first = tile * TILE;
            let said: Vec<_> = (first..first + biases.len()).map(&taken).collect();
            let own = Rows { entries: &matrix.as_slice()[first * stride..], stride };
            self.tile(isa, interrupt, (own, &bias[first..]), &said, (vectors, biases))
        };
        let squares: Vec<f64> = run.pool().install(|| tiles.enumerate().map(tile).collect());
        Gradient { vectors, biases, squares: squares.into_iter().sum() }
    }

    /// (4) of some rows; returns Σ e².
    fn tile(
        &self,
        isa: Isa,
        interrupt: &Interrupt,
        own: (Rows<'_>, &[f32]),
        said: &[(&[u32], &[f32])],
        (slopes, bias_slopes): (&mut [f32], &mut [f32]),
    ) -> f64 {
        let (own, bias) = own;
        let (count, k, wide) = (said.len(), self.logistic.factors, self.rows.stride());
        let alpha = self.logistic.alpha as f32;
        let (mut errors, mut seen) = (vec![0.0; count * CHUNK], vec![0; count]);
        let mut sums = vec![0.0; count * wide];
        let mut squares = 0.0;
        for first in (0..self.count).step_by(CHUNK) {
            if interrupt.requested() {
                break;
            }
            let width = CHUNK.min(self.count - first);
            for (row, errors) in errors.chunks_exact_mut(CHUNK).enumerate() {
                for (error, other) in errors.iter_mut().zip(&self.biases[first..first + CHUNK]) {
                    *error = bias[row] + other;
                }
            }
            self.columns.add_products(isa, own, count, first / CHUNK, &mut errors);
            sigmoids(isa, &mut errors);
            // (3)
            for (row, errors) in errors.chunks_exact_mut(CHUNK).enumerate() {
                let (others, values) = said[row];
                if others.is_empty() {
                    errors.fill(0.0);
                    continue;
                }
                errors[width..].fill(0.0);
                for error in &mut errors[..width] {
                    *error = -*error;
                }
                while let Some(&other) = others.get(seen[row]) {
                    let place = self.places[other as usize] as usize;
                    if place >= first + width {
                        break;
                    }
                    let error = &mut errors[place - first];
                    *error += alpha * values[seen[row]] * (1.0 + *error);
                    seen[row] += 1;
                }
                for &error in &errors[..width] {
                    bias_slopes[row] += error;
                    squares += f64::from(error * error);
                }
            }
            let a = Rows { entries: &errors, stride: CHUNK };
            let b = Rows { entries: &self.rows.as_slice()[first * wide..], stride: wide };
            add_product(isa, [count, CHUNK, wide], a, b, &mut sums, wide);
        }
        let held = 2.0 * self.logistic.reg as f32;
        for (row, slopes) in slopes.chunks_exact_mut(own.stride).enumerate() {
            if !said[row].0.is_empty() {
                let entries = &own.entries[row * own.stride..];
                for f in 0..k {
                    slopes[f] = (-held).mul_add(entries[f], sums[row * wide + f]);
                }
            }
        }
        squares
    }
}

/// P, Q and the biases, and what it takes to fold somebody in.
#[derive(Debug, Clone)]
pub struct Chances {
    knobs: Logistic,
    factors: Factors,
    /// Those that somebody has taken.
    items: Vec<u32>,
}

impl Model for Chances {
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
impl Logistic {
    /// (1) and (2).
    fn objective(&self) -> Objective {
        let (p, q, b_u, b_i) = (vector("p", "u"), vector("q", "i"), scalar("b", "u"), scalar("b", "i"));
        let score = named("z", "ui", b_u.clone() + b_i.clone() + product(&p, &q));
        let chance = logistic(&score);
        // Where nothing was taken r is zero, so that a sum over what was taken is enough.
        let taken = sum(Set::Ratings, scalar("α", "") * scalar("r", "ui") * ln(&chance));
        let left = sum(Set::Pairs, ln(&(Expr::Number(1.0) - chance)));
        let penalties = sum(Set::Users, squared_norm(&p)) + sum(Set::Items, squared_norm(&q));
        let rate = scalar("η", "");
        let own = self.clone();
        Objective {
            title: "(2)",
            whole: -taken - left + penalty(self.reg, "λ", penalties),
            unknowns: [p, b_u, q, b_i].iter().map(|letter| Unknown::new(letter, &rate)).collect(),
            method: Method::Gradient,
            constants: vec![("λ", self.reg), ("α", self.alpha)],
            training: Some(Training {
                visits: Visits::Everything,
                run: Box::new(move |sample, _| own.visit(sample)),
            }),
        }
    }

    /// A step of the users and one of the items of a sample. Each G begins with what (5) will take it to one from, so that the step is η times the gradient.
    fn visit(&self, sample: &mut Sample) -> Result<()> {
        let own = Self { factors: sample.k, rate: sample.number("η", &[]), ..self.clone() };
        let (taken, run) = (sample.ratings(), Run::new(0, 1)?);
        let mut factors = own.start(&taken, &run);
        sample.fill_factors(&mut factors);
        let mut climb = Climb::new(&own, &taken);
        let rate = own.rate as f32;
        let gradient = climb.of_users(&run, &factors);
        climb.users.forget(&gradient);
        climb.users.step(rate, &gradient, &mut factors.users, &mut factors.user_bias);
        let gradient = climb.of_items(&run, &factors);
        climb.items.forget(&gradient);
        climb.items.step(rate, &gradient, &mut factors.items, &mut factors.item_bias);
        sample.take_factors(&factors);
        Ok(())
    }
}

impl Side {
    /// G = 1 − g².
    fn forget(&mut self, gradient: &Gradient) {
        let all = self.squares.as_mut_slice().iter_mut().zip(gradient.vectors.as_slice());
        let biases = self.bias_squares.iter_mut().zip(&gradient.biases);
        for (squares, slope) in all.chain(biases) {
            *squares = 1.0 - slope * slope;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ratings::{Duplicates, RatingsBuilder};

    /// 70 users, so that there is more than a tile, and 300 items, more than a chunk.
    pub(super) fn ratings() -> Ratings {
        let mut builder = RatingsBuilder::new(false);
        for (user, item) in (0..70_u32).flat_map(|user| (0..300_u32).map(move |item| (user, item))) {
            if user % 3 == item % 3 && (user * 5 + item * 3) % 7 < 3 {
                builder.push(&format!("{user:02}"), &format!("{item:03}"), 1.0 + (item % 2) as f32, None);
            }
        }
        builder.finish("test", None, Duplicates::Error, |_, _| Default::default()).unwrap()
    }

    #[test]
    fn a_step_goes_along_the_gradient_of_plain_loops() {
        let train = ratings();
        for k in [3, 16, 20] {
            let logistic = Logistic { factors: k, alpha: 1.5, reg: 0.4, spread: 1.0, ..Logistic::default() };
            let run = Run::new(3, 2).unwrap();
            let mut factors = logistic.start(&train, &run);
            factors.user_bias.iter_mut().enumerate().for_each(|(u, bias)| *bias = u as f32 * 0.01 - 0.3);
            factors.item_bias.iter_mut().enumerate().for_each(|(i, bias)| *bias = 0.2 - i as f32 * 0.002);
            let climb = Climb::new(&logistic, &train);
            let found = climb.of_users(&run, &factors);
            for u in [0, 33, 69] {
                let row = train.row(User(u as u32));
                let p = factors.users.entries(u);
                let mut expected: Vec<f64> = p.iter().map(|&p| -0.8 * f64::from(p)).collect();
                let mut bias = 0.0;
                for i in 0..train.items() {
                    let q = factors.items.entries(i);
                    let product: f64 = p.iter().zip(q).map(|(&p, &q)| f64::from(p) * f64::from(q)).sum();
                    let z = f64::from(factors.user_bias[u]) + f64::from(factors.item_bias[i]) + product;
                    let sigma = 1.0 / (1.0 + libm::exp(-z));
                    let r = row.iter().find(|rated| rated.item.index() == i);
                    let r = r.map_or(0.0, |rated| f64::from(rated.value));
                    let error = 1.5 * r * (1.0 - sigma) - sigma;
                    bias += error;
                    expected.iter_mut().zip(q).for_each(|(slope, &q)| *slope += error * f64::from(q));
                }
                for (expected, &found) in expected.iter().zip(found.vectors.entries(u)) {
                    assert!((expected - f64::from(found)).abs() < 1e-3, "k = {k}: {expected} and {found}");
                }
                assert!((bias - f64::from(found.biases[u])).abs() < 1e-3);
            }
        }
    }
}
