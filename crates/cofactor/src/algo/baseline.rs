//! # Baseline: means and biases
//!
//! Letters: m users, n items, N ratings; Ω the training part; n_u, n_i ratings of a user, of an item.
//!
//! ## Model
//! ```text
//! r̂_ui = μ + b_u + b_i                      b_u: m, b_i: n                                   (1)
//! ```
//! μ is the mean of the training part. With `biases = false` the model is μ alone.
//!
//! ## Objective
//! ```text
//! Σ_{(u,i)∈Ω} (r_ui − μ − b_u − b_i)² + λ_u Σ_u b_u² + λ_i Σ_i b_i²                        (2)
//! ```
//!
//! ## Update
//! (2) is a convex quadratic. Each half is solved exactly with the other half fixed, items first:
//! ```text
//! ∂(2)/∂b_i = 0  ⇒  b_i = Σ_u (r_ui − μ − b_u) / (λ_i + n_i)                                (3)
//! ∂(2)/∂b_u = 0  ⇒  b_u = Σ_i (r_ui − μ − b_i) / (λ_u + n_u)                                (4)
//! ```
//! `epochs` sweeps of (3) and (4); the error shrinks by a constant factor a sweep.
//!
//! ## Cost
//! O(N) a sweep.
//!
//! ## Unknown users and items
//! Their bias is zero.
//!
//! ## Defaults and their source
//! λ_i = 10, λ_u = 15, 10 sweeps: the defaults of Surprise's `BaselineOnly`, which fit small MovieLens sets. Koren gives
//! λ_i = 25, λ_u = 10 for Netflix.
//!
//! ## Differences from the paper
//! The paper decouples (3) and (4) and makes one sweep; here they are iterated to the minimum of (2).
//!
//! ## References
//! Y. Koren, "Factor in the neighbors: scalable and accurate collaborative filtering", ACM TKDD 4(1), 2010.

use std::ops::ControlFlow;

use cofactor_kernels::{Isa, Link};
use serde::{Deserialize, Serialize};

use crate::data::ids::Item;
use crate::data::ratings::Ratings;
use crate::error::Result;
use crate::fit::algorithm::{Algorithm, Kind, Knob, Preset, Task};
use crate::fit::factors::{Factors, Matrix, Prior};
use crate::fit::model::{Query, Tensors};
use crate::fit::run::Run;

/// The parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Baseline {
    /// Whether there are biases, or the mean alone.
    pub biases: bool,
    /// λ_u.
    pub reg_user: f64,
    /// λ_i.
    pub reg_item: f64,
    /// Sweeps.
    pub epochs: usize,
}

impl Default for Baseline {
    fn default() -> Self {
        Self { biases: true, reg_user: 15.0, reg_item: 10.0, epochs: 10 }
    }
}

impl Algorithm for Baseline {
    const NAME: &'static str = "baseline";
    const TITLE: &'static str = "the mean rating and a bias for each user and item";
    const TASK: Task = Task::Rating;
    const KNOBS: &'static [Knob] = &[
        Knob {
            name: "biases",
            symbol: "b",
            kind: Kind::Flag,
            purpose: "biases of users and items; without them, the mean alone",
        },
        Knob {
            name: "reg_user",
            symbol: "λ_u",
            kind: Kind::Real { min: 0.0, max: 1e6, search: Some((1.0, 100.0)) },
            purpose: "how many ratings at the mean each user is given",
        },
        Knob {
            name: "reg_item",
            symbol: "λ_i",
            kind: Kind::Real { min: 0.0, max: 1e6, search: Some((1.0, 100.0)) },
            purpose: "how many ratings at the mean each item is given",
        },
        Knob {
            name: "epochs",
            symbol: "T",
            kind: Kind::Integer { min: 1, max: 10_000, search: None },
            purpose: "sweeps over items and users",
        },
    ];
    const PRESETS: &'static [Preset] =
        &[Preset { name: "mean", source: "the simplest model there is", set: &[("biases", "false")] }];
    const SOURCE: &'static str = include_str!("baseline.rs");
    /// μ, b_u and b_i, as factors with k = 0.
    type Model = Factors;

    fn fit(&self, train: &Ratings, run: &mut Run<'_>) -> Result<Factors> {
        let mut factors = start(train, run.isa());
        run.start();
        for _ in 0..if self.biases { self.epochs } else { 1 } {
            if self.biases {
                solve_items(self.reg_item, train, &mut factors);
                solve_users(self.reg_user, train, &mut factors);
            }
            let hint = "raise reg_user and reg_item above zero";
            let loss = training_rmse(train, &factors);
            if run.end_epoch(loss, hint, |query| factors.predict(query))? == ControlFlow::Break(()) {
                break;
            }
        }
        factors.prior.precision[0] = if self.biases { self.reg_user.max(1e-9) as f32 } else { 0.0 };
        Ok(factors)
    }

    fn restore(&self, tensors: Tensors, _train: &Ratings) -> Result<Factors> {
        Factors::restore(tensors)
    }
}

/// μ, and everything else at zero.
fn start(train: &Ratings, isa: Isa) -> Factors {
    Factors {
        isa,
        link: Link::Identity,
        mean: train.mean() as f32,
        users: Matrix::zeros(train.users(), 0),
        items: Matrix::zeros(train.items(), 0),
        user_bias: vec![0.0; train.users()],
        item_bias: vec![0.0; train.items()],
        prior: Prior { mean: vec![0.0], precision: vec![0.0] },
        unseen_item: vec![0.0],
    }
}

/// (3), for all items.
fn solve_items(reg_item: f64, train: &Ratings, factors: &mut Factors) {
    let mut sums = vec![0.0_f64; train.items()];
    let mut counts = vec![0.0_f64; train.items()];
    for (user, row) in train.rows() {
        let level = factors.mean + factors.user_bias[user.index()];
        for rated in row.iter() {
            sums[rated.item.index()] += f64::from(rated.value - level);
            counts[rated.item.index()] += 1.0;
        }
    }
    for ((bias, sum), count) in factors.item_bias.iter_mut().zip(sums).zip(counts) {
        *bias = shrunk(sum, count, reg_item);
    }
}

/// (4), for all users.
fn solve_users(reg_user: f64, train: &Ratings, factors: &mut Factors) {
    for (user, row) in train.rows() {
        let residual =
            |item: Item, value: f32| f64::from(value - factors.mean - factors.item_bias[item.index()]);
        let sum = row.iter().map(|rated| residual(rated.item, rated.value)).sum();
        factors.user_bias[user.index()] = shrunk(sum, row.len() as f64, reg_user);
    }
}

fn shrunk(sum: f64, count: f64, reg: f64) -> f32 {
    if count == 0.0 { 0.0 } else { (sum / (reg + count)) as f32 }
}

fn training_rmse(train: &Ratings, factors: &Factors) -> f64 {
    let predict = |user, item| factors.predict(Query { user: Some(user), item: Some(item), time: None });
    let squares: f64 = train.iter().map(|r| f64::from(r.value - predict(r.user, r.item)).powi(2)).sum();
    (squares / train.len().max(1) as f64).sqrt()
}
