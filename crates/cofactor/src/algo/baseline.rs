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

use cofactor_kernels::Link;
use serde::{Deserialize, Serialize};

use crate::data::ratings::Ratings;
use crate::error::Result;
use crate::fit::algorithm::{Algorithm, Kind, Knob, Preset, Task};
use crate::fit::bias::Biases;
use crate::fit::factors::{Factors, Matrix, Prior};
use crate::fit::model::Tensors;
use crate::fit::objective::{
    Method, Objective, Sample, Set, Training, Unknown, Visits, named, scalar, square, sum,
};
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
        let mut biases = Biases::start(train);
        run.start();
        for _ in 0..if self.biases { self.epochs } else { 1 } {
            if self.biases {
                biases.sweep(train, self.reg_user, self.reg_item);
            }
            let hint = "raise reg_user and reg_item above zero";
            let verdict = run.end_epoch(biases.rmse(train), hint, |query| biases.predict(query))?;
            if verdict == ControlFlow::Break(()) {
                break;
            }
        }
        let precision = if self.biases { self.reg_user.max(1e-9) as f32 } else { 0.0 };
        Ok(Factors {
            isa: run.isa(),
            link: Link::Identity,
            mean: biases.mean,
            users: Matrix::zeros(train.users(), 0),
            items: Matrix::zeros(train.items(), 0),
            user_bias: biases.users,
            item_bias: biases.items,
            prior: Prior { mean: vec![0.0], precision: vec![precision] },
            unseen_item: vec![0.0],
        })
    }

    fn restore(&self, tensors: Tensors, _train: &Ratings) -> Result<Factors> {
        Factors::restore(tensors)
    }

    fn objectives(&self) -> Vec<Objective> {
        if self.biases { vec![self.objective()] } else { Vec::new() }
    }
}

impl Baseline {
    /// (1) and (2).
    fn objective(&self) -> Objective {
        let (b_u, b_i) = (scalar("b", "u"), scalar("b", "i"));
        let r_hat = named("r̂", "ui", scalar("μ", "") + b_u.clone() + b_i.clone());
        let e = named("e", "ui", scalar("r", "ui") - r_hat);
        let users = scalar("λ_u", "") * sum(Set::Users, square(&b_u));
        let items = scalar("λ_i", "") * sum(Set::Items, square(&b_i));
        let baseline = self.clone();
        Objective {
            title: "(2)",
            whole: sum(Set::Ratings, square(&e)) + users + items,
            unknowns: vec![Unknown::solved(&b_i), Unknown::solved(&b_u)],
            method: Method::NormalEquations(1),
            constants: vec![("λ_u", self.reg_user), ("λ_i", self.reg_item)],
            training: Some(Training {
                visits: Visits::Everything,
                run: Box::new(move |sample, _| {
                    baseline.visit(sample);
                    Ok(())
                }),
            }),
        }
    }

    /// A sweep over a sample.
    fn visit(&self, sample: &mut Sample) {
        let train = sample.ratings();
        let mut biases = Biases::start(&train);
        biases.mean = sample.number("μ", &[]) as f32;
        (0..sample.users).for_each(|u| sample.fill("b_u", u, &mut biases.users[u..=u]));
        biases.sweep(&train, self.reg_user, self.reg_item);
        (0..sample.users).for_each(|u| sample.take("b_u", u, &biases.users[u..=u]));
        (0..sample.items).for_each(|i| sample.take("b_i", i, &biases.items[i..=i]));
    }
}
