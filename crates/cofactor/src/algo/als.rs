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
//! `solver = cholesky`: by a Cholesky factor of the matrix in (4), with b_u eliminated by its Schur complement. `solver = cg`: by `cg_steps` steps of
//! conjugate gradients from where p_u and b_u stand, which never form the matrix. Then the items, with P and the users' biases fixed.
//!
//! The loss of an epoch needs no pass of its own. Each solver knows what a row's part f of (2) has come to ([`crate::fit::ridge`]), so
//! ```text
//! Σ_u e_ui² = f − w_i (λ‖q_i‖² + λ_b b_i²)                                                      (6)
//! ```
//! summed over the items, which are solved last.
//!
//! ## Cost
//! Cholesky: O(Nk² + (m + n)k³) an epoch; conjugate gradients: O(Nk) a step. Rows are solved in parallel; memory beside the model: 8 bytes a rating for
//! the view by item, and for each thread about 4k² bytes, or with conjugate gradients 4k bytes for each rating of the longest row.
//!
//! ## Unknown users and items
//! The mean of all learned vectors and biases of that side. A user who comes with a few ratings is folded in: p̃ maximises the
//! posterior with Q fixed, under a normal prior with the covariance of the learned users.
//!
//! ## Defaults and their source
//! Items start with normal noise of standard deviation σ₀; users, which are solved first, start at zero. The defaults are the preset `ml-100k`. It and
//! `ml-1m` come from grid searches over k, λ, λ_b and ν by the RMSE on a tenth of the training parts that was held out from training for it; no test part
//! was looked at. Above k = 24 the validation error of both sets hardly changes. `ml-10m` is a published setting of another library, which scales λ by n_u
//! and n_i as (3) does with ν = 0.
//!
//! ## Differences from the paper
//! Zhou et al. have neither μ nor biases and start each item with its mean rating in the first coordinate; they know (3) with ν = 0 alone.
//!
//! ## References
//! Y. Zhou, D. Wilkinson, R. Schreiber, R. Pan, "Large-scale parallel collaborative filtering for the Netflix prize", AAIM 2008.

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
    Expr, Method, Objective, Sample, Set, Training, Unknown, Visits, dot, named, penalty, scalar, scarcity,
    size, square, squared_norm, sum, vector,
};
use crate::fit::ridge::{Penalty, Ridge, Solver, Sweep, settle};
use crate::fit::rng::{Purpose, stream};
use crate::fit::run::Run;
use crate::fit::sweep::rows;

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
    /// How (4) and (5) are solved.
    pub solver: Solver,
    /// Steps of conjugate gradients for each row and sweep.
    pub cg_steps: usize,
    /// Sweeps over users and items.
    pub epochs: usize,
    /// σ₀.
    pub spread: f64,
}

impl Default for Als {
    fn default() -> Self {
        Self {
            biases: true,
            factors: 64,
            reg: 0.17,
            bias_reg: 0.1,
            reg_power: 0.5,
            solver: Solver::Cholesky,
            cg_steps: 3,
            epochs: 10,
            spread: 0.1,
        }
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
            name: "solver",
            symbol: "",
            kind: Kind::Choice { options: &["cholesky", "cg"] },
            purpose: "how a row is solved: exactly by Cholesky's factors, or by `cg_steps` of conjugate gradients",
        },
        Knob {
            name: "cg_steps",
            symbol: "",
            kind: Kind::Integer { min: 1, max: 1000, search: None },
            purpose: "steps of conjugate gradients for each row and sweep",
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
    const PRESETS: &'static [Preset] = &[
        Preset {
            name: "ml-100k",
            source: "a grid search by the error on a tenth of each of the training parts u1…u5; test parts unseen",
            set: &[
                ("factors", "64"),
                ("reg", "0.17"),
                ("bias_reg", "0.1"),
                ("reg_power", "0.5"),
                ("solver", "cholesky"),
                ("epochs", "10"),
            ],
        },
        Preset {
            name: "ml-1m",
            source: "a grid search by the error on a tenth of the training parts of three splits random:0.1; test parts unseen",
            set: &[
                ("factors", "24"),
                ("reg", "0.085"),
                ("bias_reg", "0.05"),
                ("reg_power", "0.4"),
                ("solver", "cholesky"),
                ("epochs", "40"),
            ],
        },
        Preset {
            name: "ml-10m",
            source: "the setting of cmfrec's benchmark on MovieLens 10M: k = 50, λ = 0.05 scaled by the rows' counts, 15 iterations",
            set: &[
                ("factors", "50"),
                ("reg", "0.05"),
                ("bias_reg", "0.05"),
                ("reg_power", "0"),
                ("solver", "cholesky"),
                ("epochs", "15"),
            ],
        },
    ];
    const SOURCE: &'static str = include_str!("als.rs");
    /// μ, b_u, b_i, P and Q.
    type Model = Factors;

    fn fit(&self, train: &Ratings, run: &mut Run<'_>) -> Result<Factors> {
        let mut factors = self.start(train, run);
        let sweep = Sweep::new(train, self.penalty());
        run.start();
        for _ in 0..self.epochs {
            let squares = sweep.run(run, &mut factors, || self.ridge());
            let train_rmse = (squares / train.len().max(1) as f64).sqrt();
            if run.end_epoch(train_rmse, HINT, |query| factors.predict(query))? == ControlFlow::Break(()) {
                break;
            }
        }
        settle(train, run, &mut factors, self.biases, HINT)?;
        Ok(factors)
    }

    fn restore(&self, tensors: Tensors, _train: &Ratings) -> Result<Factors> {
        Factors::restore(tensors)
    }

    fn objectives(&self) -> Vec<Objective> {
        vec![self.objective()]
    }
}

const HINT: &str = "raise `reg`, or scale the ratings to a smaller range";

impl Als {
    fn penalty(&self) -> Penalty {
        let bias_reg = self.biases.then_some(self.bias_reg);
        Penalty { reg: self.reg, bias_reg, power: self.reg_power }
    }

    fn ridge(&self) -> Ridge {
        Ridge::new(self.solver, self.factors, self.cg_steps)
    }

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
}

/// What `cofactor derive` differentiates, and holds against the training above.
impl Als {
    /// (1) to (3).
    fn objective(&self) -> Objective {
        let (p, q, b_u, b_i) = (vector("p", "u"), vector("q", "i"), scalar("b", "u"), scalar("b", "i"));
        let r_hat = if self.biases {
            scalar("μ", "") + b_u.clone() + b_i.clone() + dot(&p, &q)
        } else {
            dot(&p, &q)
        };
        let e = named("e", "ui", scalar("r", "ui") - named("r̂", "ui", r_hat));
        let side = |rows: Set, index: &'static str, own: Set, vector: &Expr, bias: &Expr| {
            let weight = named("w", index, size(own) * scarcity(index, self.reg_power));
            let bias_penalty =
                if self.biases { penalty(self.bias_reg, "λ_b", square(bias)) } else { 0.0.into() };
            sum(rows, weight * (penalty(self.reg, "λ", squared_norm(vector)) + bias_penalty))
        };
        let users = side(Set::Users, "u", Set::ItemsOf("i"), &p, &b_u);
        let items = side(Set::Items, "i", Set::UsersOf("u"), &q, &b_i);
        let unknowns = if self.biases { vec![p, b_u, q, b_i] } else { vec![p, q] };
        let als = self.clone();
        Objective {
            title: "(2)",
            whole: sum(Set::Ratings, square(&e)) + users + items,
            unknowns: unknowns.iter().map(Unknown::solved).collect(),
            method: Method::NormalEquations(if self.biases { 2 } else { 1 }),
            constants: vec![("λ", self.reg), ("λ_b", self.bias_reg), ("ν", self.reg_power)],
            training: Some(Training {
                visits: Visits::Everything,
                run: Box::new(move |sample, _| als.visit(sample)),
            }),
        }
    }

    /// A sweep over a sample. As many steps of conjugate gradients as there are unknowns end at the solution; a row with few ratings has few different eigenvalues and needs fewer.
    fn visit(&self, sample: &mut Sample) -> Result<()> {
        let als = Self { factors: sample.k, cg_steps: sample.k + 1, ..self.clone() };
        let (train, run) = (sample.ratings(), Run::new(0, 1)?);
        let mut factors = als.start(&train, &run);
        sample.fill_factors(&mut factors);
        Sweep::new(&train, als.penalty()).run(&run, &mut factors, || als.ridge());
        sample.take_factors(&factors);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ids::{Item, User};
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
        for (biases, solver) in
            [(false, Solver::Cholesky), (true, Solver::Cholesky), (false, Solver::Cg), (true, Solver::Cg)]
        {
            let als = Als { factors: 6, biases, solver, epochs: 4, ..Als::default() };
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
    fn many_steps_of_conjugate_gradients_end_where_cholesky_does() {
        let train = ratings();
        for biases in [false, true] {
            let exact = Als { factors: 12, biases, reg: 0.3, bias_reg: 0.1, epochs: 2, ..Als::default() };
            let steps = Als { solver: Solver::Cg, cg_steps: 60, ..exact.clone() };
            let (exact, steps) = (fitted(&exact, &train).0, fitted(&steps, &train).0);
            for (exact, steps) in exact.items.as_slice().iter().zip(steps.items.as_slice()) {
                assert!((exact - steps).abs() < 2e-3, "{exact} and {steps}");
            }
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
