//! # Non-negative matrix factorization
//!
//! Letters: m users, n items, k factors, N ratings; P is m×k, Q is n×k, neither with an entry below zero; Ω the training part; n_u, n_i ratings
//! of a user, of an item; n̄ the mean number of ratings of the users, or of the items, that have any.
//!
//! ## Model
//! ```text
//! r̂_ui = p_uᵀq_i,  p_u ≥ 0, q_i ≥ 0                                                            (1)
//! ```
//! What a factor adds is never taken away by another, so each can be read by itself: a kind of item, and how much a user has of the taste for it.
//!
//! ## Objective
//! ```text
//! Σ_{(u,i)∈Ω} (r_ui − r̂_ui)² + λ (Σ_u w_u ‖p_u‖² + Σ_i w_i ‖q_i‖²)                             (2)
//! w_u = n_u (n̄/n_u)^ν, w_i alike                                                               (3)
//! ```
//! Unrated pairs are unknown, not zero.
//!
//! ## Update
//! With Q fixed, (2) is for each user a quadratic in p_u. `rounds` times over, each coordinate in turn moves to where (2) is least for it alone:
//! ```text
//! A = Σ_i q_i q_iᵀ + λw_u I,  b = Σ_i r_ui q_i                                                  (4)
//! p_uf ← max(0, p_uf + (b − A p_u)_f / A_ff)                                                    (5)
//! ```
//! Then the items, with P fixed. No step raises (2). The loss of an epoch comes from (4) at the items, which are solved last.
//!
//! ## Cost
//! O(Nk² + (m + n)k²·rounds) an epoch. Rows are solved in parallel; memory beside the model: 8 bytes a rating for the view by item, and about 8k² bytes
//! a thread.
//!
//! ## Unknown users and items
//! The mean of all learned vectors of that side. A user who comes with a few ratings is folded in: p̃ maximises the posterior with Q fixed, under a normal
//! prior with the covariance of the learned users; it may fall below zero.
//!
//! ## Defaults and their source
//! Every entry starts at √(μ/k)·|1 + σ₀ε| with ε standard normal, so that r̂ begins near the mean rating μ. The defaults are the preset
//! `ml-100k`. It and `ml-1m` come from grid searches over k, λ and ν by the RMSE on a tenth of the training parts that was held out from training for it;
//! no test part was looked at.
//!
//! ## Differences from the paper
//! Cichocki and Phan update one factor of all rows before the next, on a full matrix; here each row takes its rounds alone, over its own ratings, so that rows
//! are solved in parallel. λ is not in their paper.
//!
//! ## References
//! A. Cichocki, A. Phan, "Fast local algorithms for large scale nonnegative matrix and tensor factorizations", IEICE Transactions E92-A(3), 2009.

use std::ops::ControlFlow;

use cofactor_kernels::Link;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::data::ratings::Ratings;
use crate::error::Result;
use crate::fit::algorithm::{Algorithm, Kind, Knob, Preset, Task};
use crate::fit::factors::{Factors, Matrix, Prior};
use crate::fit::model::Tensors;
use crate::fit::objective::{
    Method, Objective, Sample, Set, Training, Unknown, Visits, dot, named, penalty, scalar, scarcity, size,
    square, squared_norm, sum, vector,
};
use crate::fit::ridge::{Penalty, Ridge, Sweep, settle};
use crate::fit::rng::{Purpose, stream};
use crate::fit::run::Run;
use crate::fit::sweep::rows;

/// The parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Nmf {
    /// k.
    pub factors: usize,
    /// λ.
    pub reg: f64,
    /// ν, equation (3).
    pub reg_power: f64,
    /// Rounds of (5) for each row and sweep.
    pub rounds: usize,
    /// Sweeps over users and items.
    pub epochs: usize,
    /// σ₀.
    pub spread: f64,
}

impl Default for Nmf {
    fn default() -> Self {
        Self { factors: 16, reg: 0.15, reg_power: 0.15, rounds: 2, epochs: 35, spread: 0.5 }
    }
}

impl Algorithm for Nmf {
    const NAME: &'static str = "nmf";
    const TITLE: &'static str = "non-negative matrix factorization by coordinate descent";
    const TASK: Task = Task::Rating;
    const KNOBS: &'static [Knob] = &[
        Knob {
            name: "factors",
            symbol: "k",
            kind: Kind::Integer { min: 1, max: 1024, search: Some((8, 64)) },
            purpose: "length of the users' and items' vectors",
        },
        Knob {
            name: "reg",
            symbol: "λ",
            kind: Kind::Real { min: 0.0, max: 100.0, search: Some((0.02, 0.3)) },
            purpose: "L2 weight of the factors, per rating",
        },
        Knob {
            name: "reg_power",
            symbol: "ν",
            kind: Kind::Real { min: 0.0, max: 1.0, search: None },
            purpose: "how much more firmly a row with few ratings is held: its λ is multiplied by (n̄/n)^ν",
        },
        Knob {
            name: "rounds",
            symbol: "",
            kind: Kind::Integer { min: 1, max: 1000, search: None },
            purpose: "rounds over the coordinates for each row and sweep",
        },
        Knob {
            name: "epochs",
            symbol: "T",
            kind: Kind::Integer { min: 1, max: 10_000, search: Some((10, 100)) },
            purpose: "sweeps over users and items",
        },
        Knob {
            name: "spread",
            symbol: "σ₀",
            kind: Kind::Real { min: 1e-6, max: 10.0, search: Some((0.1, 1.0)) },
            purpose: "how much the factors differ at the start, in parts of their mean",
        },
    ];
    const PRESETS: &'static [Preset] = &[
        Preset {
            name: "ml-100k",
            source: "a grid search by the error on a tenth of each of the training parts u1…u5; test parts unseen",
            set: &[("factors", "16"), ("reg", "0.15"), ("reg_power", "0.15"), ("epochs", "35")],
        },
        Preset {
            name: "ml-1m",
            source: "a grid search by the error on a tenth of the training part of one split random:0.1; test part unseen",
            set: &[("factors", "32"), ("reg", "0.09"), ("reg_power", "0.3"), ("epochs", "40")],
        },
    ];
    const SOURCE: &'static str = include_str!("nmf.rs");
    /// P and Q; μ and the biases are zero.
    type Model = Factors;

    fn fit(&self, train: &Ratings, run: &mut Run<'_>) -> Result<Factors> {
        let mut factors = self.start(train, run);
        let sweep = Sweep::new(train, self.penalty());
        let hint = "scale the ratings to a smaller range, or raise `reg`";
        run.start();
        for _ in 0..self.epochs {
            let squares = sweep.run(run, &mut factors, || self.ridge());
            let train_rmse = (squares / train.len().max(1) as f64).sqrt();
            if run.end_epoch(train_rmse, hint, |query| factors.predict(query))? == ControlFlow::Break(()) {
                break;
            }
        }
        settle(train, run, &mut factors, false, hint)?;
        Ok(factors)
    }

    fn restore(&self, tensors: Tensors, _train: &Ratings) -> Result<Factors> {
        Factors::restore(tensors)
    }

    fn objectives(&self) -> Vec<Objective> {
        vec![self.objective()]
    }
}

impl Nmf {
    fn penalty(&self) -> Penalty {
        Penalty { reg: self.reg, bias_reg: None, power: self.reg_power }
    }

    fn ridge(&self) -> Ridge {
        Ridge::non_negative(self.factors, self.rounds)
    }

    /// Factors at their start.
    fn start(&self, train: &Ratings, run: &Run<'_>) -> Factors {
        let k = self.factors;
        let level = (train.mean().max(1e-3) / k as f64).sqrt();
        let seed = run.seed();
        let positive = |count: usize, purpose: Purpose| {
            let mut matrix = Matrix::zeros(count, k);
            rows(run.pool(), &mut matrix, |row, entries| {
                let mut stream = stream(seed, purpose, row as u64);
                for entry in &mut entries[..k] {
                    let noise: f64 = StandardNormal.sample(&mut stream);
                    *entry = (level * (1.0 + self.spread * noise).abs()) as f32;
                }
            });
            matrix
        };
        Factors {
            isa: run.isa(),
            link: Link::Identity,
            mean: 0.0,
            users: positive(train.users(), Purpose::UserFactors),
            items: positive(train.items(), Purpose::ItemFactors),
            user_bias: vec![0.0; train.users()],
            item_bias: vec![0.0; train.items()],
            prior: Prior { mean: vec![0.0; k + 1], precision: Vec::new() },
            unseen_item: vec![0.0; k + 1],
        }
    }
}

/// What `cofactor derive` differentiates, and holds against the training above.
impl Nmf {
    /// (1) to (3).
    fn objective(&self) -> Objective {
        let (p, q) = (vector("p", "u"), vector("q", "i"));
        let e = named("e", "ui", scalar("r", "ui") - named("r̂", "ui", dot(&p, &q)));
        let weight = |index, own| named("w", index, size(own) * scarcity(index, self.reg_power));
        let users = sum(Set::Users, weight("u", Set::ItemsOf("i")) * squared_norm(&p));
        let items = sum(Set::Items, weight("i", Set::UsersOf("u")) * squared_norm(&q));
        let nmf = self.clone();
        Objective {
            title: "(2)",
            whole: sum(Set::Ratings, square(&e)) + penalty(self.reg, "λ", users + items),
            unknowns: vec![Unknown::solved(&p), Unknown::solved(&q)],
            method: Method::Coordinates,
            constants: vec![("λ", self.reg), ("ν", self.reg_power)],
            training: Some(Training {
                visits: Visits::Everything,
                run: Box::new(move |sample, _| nmf.visit(sample)),
            }),
        }
    }

    /// A sweep of one round over a sample.
    fn visit(&self, sample: &mut Sample) -> Result<()> {
        let nmf = Self { factors: sample.k, rounds: 1, ..self.clone() };
        let (train, run) = (sample.ratings(), Run::new(0, 1)?);
        let mut factors = nmf.start(&train, &run);
        sample.fill_factors(&mut factors);
        Sweep::new(&train, nmf.penalty()).run(&run, &mut factors, || nmf.ridge());
        sample.take_factors(&factors);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ratings::{Duplicates, RatingsBuilder};

    fn ratings() -> Ratings {
        let mut builder = RatingsBuilder::new(false);
        for cell in (0..1200_u32).filter(|cell| cell * 7919 % 11 < 5) {
            let (user, item) = (cell / 30, cell % 30);
            let value = 1.0 + (user % 4 * (item % 3) + item % 5) as f32 % 5.0;
            builder.push(&user.to_string(), &item.to_string(), value, None);
        }
        builder.finish("test", None, Duplicates::Error, |_, _| Default::default()).unwrap()
    }

    #[test]
    fn nothing_is_negative_and_no_sweep_raises_the_objective() {
        let train = ratings();
        let (user_counts, item_counts) = (train.user_counts().collect::<Vec<_>>(), train.item_counts());
        let mut last = f64::INFINITY;
        for epochs in 1..12 {
            let nmf = Nmf { factors: 5, reg: 0.02, reg_power: 0.0, rounds: 1, epochs, ..Nmf::default() };
            let mut run = Run::new(3, 2).unwrap();
            let factors = nmf.fit(&train, &mut run).unwrap();
            assert!(
                factors.users.as_slice().iter().chain(factors.items.as_slice()).all(|&entry| entry >= 0.0)
            );
            let squares: f64 = train
                .iter()
                .map(|r| {
                    let (p, q) =
                        (factors.users.entries(r.user.index()), factors.items.entries(r.item.index()));
                    let product: f64 = p.iter().zip(q).map(|(&p, &q)| f64::from(p) * f64::from(q)).sum();
                    (f64::from(r.value) - product).powi(2)
                })
                .sum();
            let rmse = (squares / train.len() as f64).sqrt();
            assert!((rmse - run.epochs().last().unwrap().train_rmse).abs() < 1e-4);
            let penalty = |matrix: &Matrix, counts: &[usize]| -> f64 {
                let square =
                    |row: usize| matrix.entries(row).iter().map(|&x| f64::from(x).powi(2)).sum::<f64>();
                (0..counts.len()).map(|row| nmf.reg * counts[row] as f64 * square(row)).sum()
            };
            let objective =
                squares + penalty(&factors.users, &user_counts) + penalty(&factors.items, &item_counts);
            assert!(objective <= last, "{objective} after {last}");
            last = objective;
        }
    }
}
