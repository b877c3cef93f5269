//! # Matrix factorization by stochastic gradient descent
//!
//! Letters: m users, n items, k factors, N ratings; P is m×k, Q is n×k; Ω the training part;
//! e_ui = r_ui − r̂_ui; η the learning rate, λ the L2 weight.
//!
//! ## Model
//! ```text
//! r̂_ui = p_uᵀq_i                                        plain, biases = false                  (1)
//! r̂_ui = μ + b_u + b_i + p_uᵀq_i                        biased                                 (2)
//! ```
//!
//! ## Objective
//! ```text
//! Σ_{(u,i)∈Ω} [ e_ui² + λ(‖p_u‖² + ‖q_i‖²) + λ_b(b_u² + b_i²) ]                               (3)
//! ```
//! Each rating carries its own share of the penalty, so a user with many ratings is held as firmly per rating as one with few.
//!
//! ## Update
//! For each rating in turn, with e = e_ui taken before anything moves:
//! ```text
//! ∂(3)/∂p_u = −2e·q_i + 2λ·p_u        p_u ← p_u + 2η(e·q_i − λ·p_u)                           (4)
//! ∂(3)/∂q_i = −2e·p_u + 2λ·q_i        q_i ← q_i + 2η(e·p_u − λ·q_i)                           (5)
//! ∂(3)/∂b_u = −2e + 2λ_b·b_u          b_u ← b_u + 2η_b(e − λ_b·b_u), b_i alike                (6)
//! ```
//! The 2 of the square is not hidden in η. After each epoch η ← η·decay.
//!
//! ## Cost
//! O(kN) an epoch. The ratings are visited block by block ([`crate::fit::sweep`]), in an order that depends on the seed and not
//! on the threads.
//!
//! ## Unknown users and items
//! Biased: vector and bias are zero, so an unknown user gets μ + b_i. Plain: the mean of all learned vectors of that side.
//! A user who comes with a few ratings is folded in: p̃ maximises the posterior with Q fixed, under a normal prior
//! with the covariance of the learned users.
//!
//! ## Defaults and their source
//! The start: plain, every entry √(μ/k) plus normal noise, so that r̂ begins near the mean rating; biased, normal noise alone.
//! The preset `lesson` is the classroom's setting: k = 5, η = 0.001, 100 epochs, no penalty. The defaults are the preset `ml-100k`: rounded from the
//! best of 300 random settings in three narrowing rounds (the first on u1 and u2 alone), by the RMSE on a tenth of the training parts of u1…u5 that was held out
//! from training for it; no test part was looked at.
//!
//! ## Differences from the paper
//! Koren, Bell & Volinsky do not say in which order the ratings are visited, nor how the rate decays.
//!
//! ## References
//! Y. Koren, R. Bell, C. Volinsky, "Matrix factorization techniques for recommender systems", IEEE Computer 42(8), 2009,
//! equations (2)–(5).

use std::ops::ControlFlow;

use cofactor_kernels::{Link, Sgd, sgd};
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::data::ratings::Ratings;
use crate::error::{Error, Result};
use crate::fit::algorithm::{Algorithm, Kind, Knob, Preset, Task};
use crate::fit::factors::{Factors, Matrix, Prior, mean_of_rows};
use crate::fit::model::Tensors;
use crate::fit::rng::{Purpose, stream};
use crate::fit::run::Run;
use crate::fit::sweep::{Grid, Parameters, rows};

/// The parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mf {
    /// Equation (2), or (1).
    pub biases: bool,
    /// k.
    pub factors: usize,
    /// η.
    pub rate: f64,
    /// η_b.
    pub bias_rate: f64,
    /// What η and η_b are multiplied by after each epoch.
    pub decay: f64,
    /// λ.
    pub reg: f64,
    /// λ_b.
    pub bias_reg: f64,
    /// Passes over the training part.
    pub epochs: usize,
    /// Standard deviation of the noise that the factors start with.
    pub spread: f64,
}

impl Default for Mf {
    fn default() -> Self {
        Self {
            biases: true,
            factors: 128,
            rate: 0.006,
            bias_rate: 0.0022,
            decay: 0.996,
            reg: 0.07,
            bias_reg: 0.016,
            epochs: 42,
            spread: 0.005,
        }
    }
}

impl Algorithm for Mf {
    const NAME: &'static str = "mf";
    const TITLE: &'static str = "matrix factorization by stochastic gradient descent, plain or with biases";
    const TASK: Task = Task::Rating;
    const KNOBS: &'static [Knob] = &[
        Knob {
            name: "biases",
            symbol: "μ, b",
            kind: Kind::Flag,
            purpose: "a mean and biases beside the factors; without them, plain P·Qᵀ",
        },
        Knob {
            name: "factors",
            symbol: "k",
            kind: Kind::Integer { min: 1, max: 2048, search: Some((8, 128)) },
            purpose: "length of the users' and items' vectors",
        },
        Knob {
            name: "rate",
            symbol: "η",
            kind: Kind::Real { min: 1e-8, max: 1.0, search: Some((1e-3, 3e-2)) },
            purpose: "learning rate of the factors",
        },
        Knob {
            name: "bias_rate",
            symbol: "η_b",
            kind: Kind::Real { min: 0.0, max: 1.0, search: Some((1e-3, 3e-2)) },
            purpose: "learning rate of the biases",
        },
        Knob {
            name: "decay",
            symbol: "η ← η·decay",
            kind: Kind::Real { min: 0.1, max: 1.0, search: Some((0.9, 1.0)) },
            purpose: "what the rates are multiplied by after each epoch",
        },
        Knob {
            name: "reg",
            symbol: "λ",
            kind: Kind::Real { min: 0.0, max: 10.0, search: Some((0.01, 0.3)) },
            purpose: "L2 weight of the factors, per rating",
        },
        Knob {
            name: "bias_reg",
            symbol: "λ_b",
            kind: Kind::Real { min: 0.0, max: 10.0, search: Some((0.003, 0.3)) },
            purpose: "L2 weight of the biases, per rating",
        },
        Knob {
            name: "epochs",
            symbol: "T",
            kind: Kind::Integer { min: 1, max: 100_000, search: Some((10, 200)) },
            purpose: "passes over the training part",
        },
        Knob {
            name: "spread",
            symbol: "σ₀",
            kind: Kind::Real { min: 0.0, max: 10.0, search: Some((0.01, 0.3)) },
            purpose: "standard deviation of the noise that the factors start with",
        },
    ];
    const PRESETS: &'static [Preset] = &[
        Preset {
            name: "lesson",
            source: "the five-factor lesson: plain P·Qᵀ on MovieLens 100K, 80/20 within each user",
            set: &[
                ("biases", "false"),
                ("factors", "5"),
                ("rate", "0.001"),
                ("decay", "1"),
                ("reg", "0"),
                ("epochs", "100"),
                ("spread", "0.1"),
            ],
        },
        Preset {
            name: "ml-100k",
            source: "a random search by the error on a tenth of each of the training parts u1…u5, rounded; test parts unseen",
            set: &[
                ("factors", "128"),
                ("rate", "0.006"),
                ("bias_rate", "0.0022"),
                ("decay", "0.996"),
                ("reg", "0.07"),
                ("bias_reg", "0.016"),
                ("epochs", "42"),
                ("spread", "0.005"),
            ],
        },
    ];
    const SOURCE: &'static str = include_str!("mf.rs");
    /// μ, b_u, b_i, P and Q.
    type Model = Factors;

    fn fit(&self, train: &Ratings, run: &mut Run<'_>) -> Result<Factors> {
        let mut factors = self.start(train, run);
        let grid = Grid::new(train, factors.users.stride(), run);
        run.start();
        for epoch in 0..self.epochs {
            let squares = self.pass(epoch, &grid, &mut factors, run);
            let train_rmse = (squares / train.len().max(1) as f64).sqrt();
            let hint = "lower `rate` (and `bias_rate`), or raise `reg`";
            if run.end_epoch(train_rmse, hint, |query| factors.predict(query))? == ControlFlow::Break(()) {
                break;
            }
        }
        drop(grid);
        self.finish(train, run, &mut factors)?;
        Ok(factors)
    }

    fn restore(&self, tensors: Tensors, _train: &Ratings) -> Result<Factors> {
        Factors::restore(tensors)
    }
}

impl Mf {
    /// Factors at their start. Rows without a rating get no noise and no update.
    fn start(&self, train: &Ratings, run: &Run<'_>) -> Factors {
        let (m, n, k) = (train.users(), train.items(), self.factors);
        let mean = train.mean();
        let level = if self.biases { 0.0 } else { (mean.max(0.0) / k as f64).sqrt() };
        let user_counts: Vec<usize> = train.user_counts().collect();
        let seed = run.seed();
        let noisy = |counts: &[usize], purpose: Purpose| {
            let mut matrix = Matrix::zeros(counts.len(), k);
            rows(run.pool(), &mut matrix, |row, entries| {
                let mut stream = stream(seed, purpose, row as u64);
                let spread = if counts[row] == 0 { 0.0 } else { self.spread };
                for entry in &mut entries[..k] {
                    let noise: f64 = StandardNormal.sample(&mut stream);
                    *entry = (level + spread * noise) as f32;
                }
            });
            matrix
        };
        Factors {
            isa: run.isa(),
            link: Link::Identity,
            mean: if self.biases { mean as f32 } else { 0.0 },
            users: noisy(&user_counts, Purpose::UserFactors),
            items: noisy(&train.item_counts(), Purpose::ItemFactors),
            user_bias: vec![0.0; m],
            item_bias: vec![0.0; n],
            prior: Prior { mean: vec![0.0; k + 1], precision: Vec::new() },
            unseen_item: vec![0.0; k + 1],
        }
    }

    /// One epoch of (4), (5) and (6); returns Σ e².
    fn pass(&self, epoch: usize, grid: &Grid, factors: &mut Factors, run: &Run<'_>) -> f64 {
        let slowed = (0..epoch).fold(2.0, |rate, _| rate * self.decay);
        let (rate, bias_rate) = (slowed * self.rate, slowed * self.bias_rate);
        let step = Sgd {
            mean: factors.mean,
            rate: rate as f32,
            keep_user: (1.0 - rate * self.reg) as f32,
            keep_item: (1.0 - rate * self.reg) as f32,
            bias_rate: bias_rate as f32,
            keep_bias: (1.0 - bias_rate * self.bias_reg) as f32,
        };
        let (isa, stride) = (run.isa(), factors.users.stride());
        let parameters = Parameters {
            users: &mut factors.users,
            items: &mut factors.items,
            biases: self.biases.then_some((&mut factors.user_bias[..], &mut factors.item_bias[..])),
        };
        grid.strata(run, epoch, parameters, |entries, block| sgd(isa, &step, entries, stride, block))
    }

    /// Says what unknown users and items are, and checks that everything is finite.
    fn finish(&self, train: &Ratings, run: &Run<'_>, factors: &mut Factors) -> Result<()> {
        let finite = factors.users.is_finite()
            && factors.items.is_finite()
            && factors.user_bias.iter().chain(&factors.item_bias).all(|bias| bias.is_finite());
        let noise = run.epochs().last().map_or(1.0, |epoch| epoch.train_rmse.powi(2));
        if !finite {
            let what = "a factor is no longer finite".to_owned();
            let hint = "lower `rate` (and `bias_rate`), or raise `reg`".to_owned();
            return Err(Error::Diverged { epoch: run.epochs().len(), what, hint });
        }
        let user_counts: Vec<usize> = train.user_counts().collect();
        factors.prior = Prior::of(&factors.users, &factors.user_bias, &user_counts, noise, self.biases);
        if self.biases {
            // Rows without a rating have stayed at zero, which is what an unknown user is.
            factors.prior.mean.fill(0.0);
        } else {
            let item_counts = train.item_counts();
            factors.unseen_item = mean_of_rows(&factors.items, &factors.item_bias, &item_counts);
            fill_unseen(&mut factors.users, &user_counts, &factors.prior.mean[..self.factors]);
            fill_unseen(&mut factors.items, &item_counts, &factors.unseen_item[..self.factors]);
        }
        Ok(())
    }
}

fn fill_unseen(matrix: &mut Matrix, counts: &[usize], vector: &[f32]) {
    for (row, _) in counts.iter().enumerate().filter(|&(_, &count)| count == 0) {
        matrix.row_mut(row)[..vector.len()].copy_from_slice(vector);
    }
}
