//! # Matrix factorization by alternating least squares
//!
//! Letters: m users, n items, k factors, N ratings; P is m×k, Q is n×k; Ω the training part; n_u, n_i ratings of a user, of an item;
//! n̄ the mean number of ratings of the users, or of the items, that have any.
//!
//! ## Model
//! ```text
//! r̂_ui = μ + b_u + b_i + p_uᵀq_i                                                               (1)
//! ```
//! μ is the mean of the training part. With `biases = false` the model is p_uᵀq_i alone, without μ.
//!
//! ## Objective
//! ```text
//! Σ_{(u,i)∈Ω} (r_ui − r̂_ui)² + Σ_u w_u (λ‖p_u‖² + λ_b b_u²) + Σ_i w_i (λ‖q_i‖² + λ_b b_i²)      (2)
//! w_u = n_u (n̄/n_u)^ν, w_i alike                                                               (3)
//! ```
//! ν = 0 is weighted-λ regularization: each rating carries its own share of the penalty. ν = 1 holds every row alike, however many ratings it
//! has: plain ridge regression with λ·n̄.
//!
//! ## Update
//! With Q and the items' biases fixed, (2) is a ridge regression for each user, which is solved exactly for p_u and b_u together:
//! ```text
//! y_i = r_ui − μ − b_i
//! ∂(2)/∂p_u = 0  ⇒  (Σ_i q_i q_iᵀ + λw_u I) p_u + (Σ_i q_i) b_u = Σ_i y_i q_i                   (4)
//! ∂(2)/∂b_u = 0  ⇒  (Σ_i q_i)ᵀ p_u + (n_u + λ_b w_u) b_u = Σ_i y_i                              (5)
//! ```
//! by a Cholesky factor of the matrix in (4), with b_u eliminated by its Schur complement. Then the items, with P and the users' biases fixed.
//! The loss of an epoch needs no pass of its own: at the solution of (4) and (5),
//! ```text
//! Σ_i e_ui² = Σ_i y_i² − p_uᵀ Σ_i y_i q_i − b_u Σ_i y_i − w_u (λ‖p_u‖² + λ_b b_u²)               (6)
//! ```
//! summed over the items, which are solved last.
//!
//! ## Cost
//! O(Nk² + (m + n)k³) an epoch. Rows are solved in parallel; memory beside the model: 8 bytes a rating for the view by item, and 4k² bytes a thread.
//!
//! ## Unknown users and items
//! The mean of all learned vectors and biases of that side. A user who comes with a few ratings is folded in: p̃ maximises the
//! posterior with Q fixed, under a normal prior with the covariance of the learned users.
//!
//! ## Defaults and their source
//! Items start with normal noise of standard deviation σ₀; users need no start.
//!
//! ## Differences from the paper
//! Zhou et al. have neither μ nor biases and start each item with its mean rating in the first coordinate; they know (3) with ν = 0 alone.
//!
//! ## References
//! Y. Zhou, D. Wilkinson, R. Schreiber, R. Pan, "Large-scale parallel collaborative filtering for the Netflix prize", AAIM 2008.

use std::ops::ControlFlow;

use cofactor_kernels::{Isa, Link, NormalEquations, Samples};
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::data::ids::{Item, User};
use crate::data::ratings::Ratings;
use crate::error::{Error, Result};
use crate::fit::algorithm::{Algorithm, Kind, Knob, Preset, Task};
use crate::fit::factors::{Factors, Matrix, Prior, mean_of_rows};
use crate::fit::model::Tensors;
use crate::fit::rng::{Purpose, stream};
use crate::fit::run::Run;
use crate::fit::sweep::{rows, solve_rows};

/// The parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Als {
    /// Whether there are μ and biases.
    pub biases: bool,
    /// k.
    pub factors: usize,
    /// λ.
    pub reg: f64,
    /// λ_b.
    pub bias_reg: f64,
    /// ν, equation (3).
    pub reg_power: f64,
    /// Sweeps over users and items.
    pub epochs: usize,
    /// σ₀.
    pub spread: f64,
}

impl Default for Als {
    fn default() -> Self {
        Self { biases: true, factors: 32, reg: 0.05, bias_reg: 0.05, reg_power: 0.0, epochs: 15, spread: 0.1 }
    }
}

impl Algorithm for Als {
    const NAME: &'static str = "als";
    const TITLE: &'static str = "matrix factorization by alternating least squares, plain or with biases";
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
            kind: Kind::Integer { min: 1, max: 1024, search: Some((8, 128)) },
            purpose: "length of the users' and items' vectors",
        },
        Knob {
            name: "reg",
            symbol: "λ",
            kind: Kind::Real { min: 0.0, max: 100.0, search: Some((0.01, 0.3)) },
            purpose: "L2 weight of the factors, per rating",
        },
        Knob {
            name: "bias_reg",
            symbol: "λ_b",
            kind: Kind::Real { min: 0.0, max: 100.0, search: Some((0.003, 0.3)) },
            purpose: "L2 weight of the biases, per rating",
        },
        Knob {
            name: "reg_power",
            symbol: "ν",
            kind: Kind::Real { min: 0.0, max: 1.0, search: None },
            purpose: "how much more firmly a row with few ratings is held: its λ is multiplied by (n̄/n)^ν",
        },
        Knob {
            name: "epochs",
            symbol: "T",
            kind: Kind::Integer { min: 1, max: 10_000, search: Some((5, 30)) },
            purpose: "sweeps over users and items",
        },
        Knob {
            name: "spread",
            symbol: "σ₀",
            kind: Kind::Real { min: 1e-6, max: 10.0, search: Some((0.01, 0.3)) },
            purpose: "standard deviation of the noise that the items' factors start with",
        },
    ];
    const PRESETS: &'static [Preset] = &[];
    const SOURCE: &'static str = include_str!("als.rs");
    /// μ, b_u, b_i, P and Q.
    type Model = Factors;

    fn fit(&self, train: &Ratings, run: &mut Run<'_>) -> Result<Factors> {
        let mut factors = self.start(train, run);
        let users = Side::new(train.user_counts().collect());
        let items = Side::new(train.item_counts());
        let by_item = train.by_item();
        run.start();
        for _ in 0..self.epochs {
            let Factors { mean, users: p, items: q, user_bias: b_u, item_bias: b_i, .. } = &mut factors;
            self.solve_side(run, &users, (p, b_u), &Fixed { matrix: q, biases: b_i, mean: *mean }, |user| {
                let row = train.row(User(user as u32));
                (bytemuck::cast_slice(row.items), row.values)
            });
            let squares = self.solve_side(
                run,
                &items,
                (q, b_i),
                &Fixed { matrix: p, biases: b_u, mean: *mean },
                |item| {
                    let (users, values) = by_item.column(Item(item as u32));
                    (bytemuck::cast_slice(users), values)
                },
            );
            let train_rmse = (squares / train.len().max(1) as f64).sqrt();
            if run.end_epoch(train_rmse, HINT, |query| factors.predict(query))? == ControlFlow::Break(()) {
                break;
            }
        }
        self.finish(run, &users, &items, &mut factors)?;
        Ok(factors)
    }

    fn restore(&self, tensors: Tensors, _train: &Ratings) -> Result<Factors> {
        Factors::restore(tensors)
    }
}

const HINT: &str = "raise `reg`, or scale the ratings to a smaller range";

/// The rows of one side: how many ratings each has, and their mean number n̄.
struct Side {
    counts: Vec<usize>,
    mean: f64,
}

/// What the other side stands at.
struct Fixed<'a> {
    matrix: &'a Matrix,
    biases: &'a [f32],
    mean: f32,
}

/// What a thread needs to solve its rows.
struct Scratch {
    equations: NormalEquations,
    targets: Vec<f32>,
}

impl Side {
    fn new(counts: Vec<usize>) -> Self {
        let rated = counts.iter().filter(|&&count| count > 0).count().max(1);
        let mean = counts.iter().sum::<usize>() as f64 / rated as f64;
        Self { counts, mean }
    }

    /// (3).
    fn weight(&self, count: usize, power: f64) -> f64 {
        let count = count as f64;
        if power == 0.0 { count } else { count * libm::pow(self.mean / count, power) }
    }
}

impl Als {
    /// Items at their start, everything else at zero. Rows without a rating get no noise and no update.
    fn start(&self, train: &Ratings, run: &Run<'_>) -> Factors {
        let (m, n, k) = (train.users(), train.items(), self.factors);
        let counts = train.item_counts();
        let seed = run.seed();
        let mut items = Matrix::zeros(n, k);
        rows(run.pool(), &mut items, |item, entries| {
            let mut stream = stream(seed, Purpose::ItemFactors, item as u64);
            let spread = if counts[item] == 0 { 0.0 } else { self.spread };
            for entry in &mut entries[..k] {
                let noise: f64 = StandardNormal.sample(&mut stream);
                *entry = (spread * noise) as f32;
            }
        });
        Factors {
            isa: run.isa(),
            link: Link::Identity,
            mean: if self.biases { train.mean() as f32 } else { 0.0 },
            users: Matrix::zeros(m, k),
            items,
            user_bias: vec![0.0; m],
            item_bias: vec![0.0; n],
            prior: Prior { mean: vec![0.0; k + 1], precision: Vec::new() },
            unseen_item: vec![0.0; k + 1],
        }
    }

    /// (4) and (5) for all rows of one side, in parallel; returns Σ e². `rated` gives a row's places on the fixed side and its ratings.
    fn solve_side<'a>(
        &self,
        run: &Run<'_>,
        side: &Side,
        (matrix, biases): (&mut Matrix, &mut [f32]),
        fixed: &Fixed<'_>,
        rated: impl Fn(usize) -> (&'a [u32], &'a [f32]) + Sync,
    ) -> f64 {
        let isa = run.isa();
        let scratch = || Scratch { equations: NormalEquations::new(self.factors), targets: Vec::new() };
        solve_rows(run.pool(), matrix, biases, scratch, |scratch, row, entries, bias| {
            let weight = match side.counts[row] {
                0 => return 0.0,
                count => side.weight(count, self.reg_power),
            };
            self.solve_row(isa, scratch, weight, fixed, rated(row), (&mut entries[..self.factors], bias))
        })
    }

    /// (4) and (5) for one row; returns (6).
    fn solve_row(
        &self,
        isa: Isa,
        Scratch { equations, targets }: &mut Scratch,
        weight: f64,
        fixed: &Fixed<'_>,
        (places, values): (&[u32], &[f32]),
        (vector, bias): (&mut [f32], &mut f32),
    ) -> f64 {
        targets.clear();
        let residual = |(&place, &value): (&u32, &f32)| value - (fixed.mean + fixed.biases[place as usize]);
        targets.extend(places.iter().zip(values).map(residual));
        let (reg, bias_reg) = (weight * self.reg, weight * self.bias_reg);
        equations.clear(reg as f32);
        equations.add(
            isa,
            Samples { matrix: fixed.matrix.as_slice(), rows: places, weights: None, targets: &targets[..] },
        );
        equations.factor(isa);
        let sum: f64 = targets.iter().map(|&y| f64::from(y)).sum();
        if self.biases {
            let corner = places.len() as f64 + bias_reg;
            *bias = equations.solve_with_bias(isa, corner as f32, sum as f32, vector);
        } else {
            equations.solve(isa, vector);
        }
        let squares: f64 = targets.iter().map(|&y| f64::from(y).powi(2)).sum();
        let beta = f64::from(*bias);
        let explained = |(side, &entry): (f32, &f32)| {
            let entry = f64::from(entry);
            entry * (f64::from(side) + reg * entry)
        };
        let by_vector: f64 = equations.right_hand_side().zip(&*vector).map(explained).sum();
        let rest = squares - by_vector - beta * (sum + bias_reg * beta);
        // Rounding may leave less than nothing; what is not a number stays so.
        if rest < 0.0 { 0.0 } else { rest }
    }

    /// Says what unknown users and items are, and checks that everything is finite.
    fn finish(&self, run: &Run<'_>, users: &Side, items: &Side, factors: &mut Factors) -> Result<()> {
        let finite = factors.users.is_finite()
            && factors.items.is_finite()
            && factors.user_bias.iter().chain(&factors.item_bias).all(|bias| bias.is_finite());
        if !finite {
            let what = "a factor is no longer finite".to_owned();
            return Err(Error::Diverged { epoch: run.epochs().len(), what, hint: HINT.to_owned() });
        }
        let noise = run.epochs().last().map_or(1.0, |epoch| epoch.train_rmse.powi(2));
        factors.prior = Prior::of(&factors.users, &factors.user_bias, &users.counts, noise, self.biases);
        factors.unseen_item = mean_of_rows(&factors.items, &factors.item_bias, &items.counts);
        fill_unseen(&mut factors.users, &mut factors.user_bias, &users.counts, &factors.prior.mean);
        fill_unseen(&mut factors.items, &mut factors.item_bias, &items.counts, &factors.unseen_item);
        Ok(())
    }
}

/// Rows without a rating become the unknown one: k entries and the bias last.
fn fill_unseen(matrix: &mut Matrix, biases: &mut [f32], counts: &[usize], unknown: &[f32]) {
    let k = matrix.columns();
    for (row, _) in counts.iter().enumerate().filter(|&(_, &count)| count == 0) {
        matrix.row_mut(row)[..k].copy_from_slice(&unknown[..k]);
        biases[row] = unknown[k];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ratings::{Duplicates, RatingsBuilder};
    use crate::fit::model::Query;

    /// 40 users and 30 items; user 7 and item 11 have no ratings.
    fn ratings() -> Ratings {
        let mut builder = RatingsBuilder::new(false);
        for cell in 0..1200_u32 {
            let (user, item) = (cell / 30, cell % 30);
            if cell * 7919 % 11 < 4 {
                let value = 1.0 + (user * item + user + 3 * item) as f32 % 9.0 / 2.0;
                builder.push(&user.to_string(), &item.to_string(), value, None);
            }
        }
        let all = builder.finish("test", None, Duplicates::Error, |_, _| Default::default()).unwrap();
        all.filter(|r| r.user != User(7) && r.item != Item(11))
    }

    fn fitted(als: &Als, train: &Ratings) -> (Factors, Vec<f64>) {
        let mut run = Run::new(1, 2).unwrap();
        let factors = als.fit(train, &mut run).unwrap();
        (factors, run.epochs().iter().map(|epoch| epoch.train_rmse).collect())
    }

    /// Derivatives of (2) by an item's vector and bias, in f64 and straight from the definition, and the largest of their terms.
    fn item_gradient(als: &Als, train: &Ratings, factors: &Factors, item: Item) -> (Vec<f64>, f64) {
        let rated: Vec<_> = train.iter().filter(|r| r.item == item).collect();
        let counts = train.item_counts();
        let with_ratings = counts.iter().filter(|&&count| count > 0).count() as f64;
        let n = rated.len() as f64;
        let weight = n * libm::pow(train.len() as f64 / with_ratings / n, als.reg_power);
        let q: Vec<f64> = factors.items.entries(item.index()).iter().map(|&q| f64::from(q)).collect();
        let bias = f64::from(factors.item_bias[item.index()]);
        let mut gradient: Vec<f64> = q.iter().map(|q| 2.0 * weight * als.reg * q).collect();
        gradient.push(2.0 * weight * als.bias_reg * bias);
        let mut largest = 1.0_f64;
        for r in &rated {
            let p = factors.users.entries(r.user.index());
            let level = f64::from(factors.mean) + f64::from(factors.user_bias[r.user.index()]) + bias;
            let product: f64 = p.iter().zip(&q).map(|(&p, q)| f64::from(p) * q).sum();
            let error = f64::from(r.value) - level - product;
            for (slope, p) in gradient.iter_mut().zip(p.iter().chain([&1.0])) {
                *slope -= 2.0 * error * f64::from(*p);
                largest = largest.max((2.0 * error * f64::from(*p)).abs());
            }
        }
        (gradient, largest * n)
    }

    #[test]
    fn the_side_that_was_solved_last_is_where_the_gradient_is_zero() {
        let train = ratings();
        for reg_power in [0.0, 0.4, 1.0] {
            let als = Als { factors: 20, reg_power, epochs: 3, bias_reg: 0.02, ..Als::default() };
            let (factors, _) = fitted(&als, &train);
            for item in (0..30).filter(|&item| item != 11) {
                let (gradient, scale) = item_gradient(&als, &train, &factors, Item(item));
                assert!(gradient.iter().all(|slope| slope.abs() < 1e-5 * scale), "{gradient:?} of {scale}");
            }
        }
    }

    #[test]
    fn the_loss_of_an_epoch_is_the_one_of_its_parameters() {
        let train = ratings();
        for biases in [false, true] {
            let als = Als { factors: 6, biases, epochs: 4, ..Als::default() };
            let (factors, losses) = fitted(&als, &train);
            let squares: f64 = train
                .iter()
                .map(|r| {
                    let query = Query { user: Some(r.user), item: Some(r.item), time: None };
                    f64::from(r.value - factors.predict(query)).powi(2)
                })
                .sum();
            let rmse = (squares / train.len() as f64).sqrt();
            assert!((rmse - losses[3]).abs() < 1e-4, "{rmse} and {}", losses[3]);
        }
    }

    #[test]
    fn every_sweep_lowers_the_objective() {
        let train = ratings();
        let als = Als { factors: 8, reg: 0.02, ..Als::default() };
        let objective = |epochs| {
            let (factors, losses) = fitted(&Als { epochs, ..als.clone() }, &train);
            let penalty = |matrix: &Matrix, biases: &[f32], counts: &[usize]| -> f64 {
                let row = |row: usize| {
                    let squares: f64 = matrix.entries(row).iter().map(|&x| f64::from(x).powi(2)).sum();
                    counts[row] as f64 * (als.reg * squares + als.bias_reg * f64::from(biases[row]).powi(2))
                };
                (0..counts.len()).map(row).sum()
            };
            let user_counts: Vec<usize> = train.user_counts().collect();
            losses.last().unwrap().powi(2) * train.len() as f64
                + penalty(&factors.users, &factors.user_bias, &user_counts)
                + penalty(&factors.items, &factors.item_bias, &train.item_counts())
        };
        let objectives: Vec<f64> = (1..8).map(objective).collect();
        assert!(objectives.windows(2).all(|pair| pair[1] < pair[0]), "{objectives:?}");
    }
}
