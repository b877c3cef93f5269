//! # Matrix factorization by stochastic gradient descent
//!
//! Letters: m users, n items, k factors, N ratings; P is m×k, Q is n×k; Ω the training part;
//! e_ui = r_ui − r̂_ui; η the learning rate, λ the L2 weight.
//!
//! ## Model
//! ```text
//! r̂_ui = g(z_ui)
//! z_ui = p_uᵀq_i                                         plain, biases = false                  (1)
//! z_ui = μ + b_u + b_i + p_uᵀq_i                         biased                                 (2)
//! g(z) = z                                               link = identity
//! g(z) = r_min + (r_max − r_min)·σ(z)                    link = logistic, σ(z) = 1/(1 + e⁻ᶻ)    (3)
//! ```
//! Under the identity μ is the mean rating, under the logistic link the z whose g is the mean rating.
//!
//! ## Objective
//! ```text
//! Σ_{(u,i)∈Ω} [ e_ui² + λ(w_u‖p_u‖² + w_i‖q_i‖²) + λ_b(w_u b_u² + w_i b_i²) ]                 (4)
//! w_u = (n̄/n_u)^ν, n_u the ratings of u, n̄ the mean of n over the users who have any; w_i alike  (5)
//! ```
//! Each rating carries its own share of the penalty. With ν = 0 a user with many ratings is held as firmly per rating as one with few; with ν = 1 the shares
//! of a user add up to the same whole for everybody, the plain ridge; ν = ½ lies between.
//!
//! ## Update
//! For each rating in turn, with e = e_ui and d = e·g′(z_ui) taken before anything moves:
//! ```text
//! ∂(4)/∂p_u = −2d·q_i + 2λw_u·p_u     p_u ← p_u + 2η(d·q_i − λw_u·p_u)                        (6)
//! ∂(4)/∂q_i = −2d·p_u + 2λw_i·q_i     q_i ← q_i + 2η(d·p_u − λw_i·q_i)                        (7)
//! ∂(4)/∂b_u = −2d + 2λ_b w_u·b_u      b_u ← b_u + 2η_b(d − λ_b w_u·b_u), b_i alike            (8)
//! ```
//! The 2 of the square is not hidden in η. After each epoch η and η_b are multiplied by `decay`, and on top of that by what the schedule says:
//!
//! - `decay`: nothing.
//! - `bold`, the bold driver: by 1.05 if the objective fell in this epoch, by 0.5 if it rose. The objective is (4) with each e taken before its own update, as it was seen in
//!   the epoch, and the penalties at its end.
//! - `adagrad`: each row has its own rate η/√G, which stands for 2η in (6) to (8). G starts at 1 and gathers after each update the mean square of the entries of what stands in
//!   parentheses; factors and bias of a row have a G each.
//!
//! ## Cost
//! O(kN) an epoch. The ratings are visited block by block ([`crate::fit::sweep`]), in an order that depends on the seed and not
//! on the threads.
//!
//! ## Unknown users and items
//! Biased: vector and bias are zero, so an unknown user gets g(μ + b_i). Plain: the mean of all learned vectors of that side.
//! A user who comes with a few ratings is folded in: p̃ maximises the posterior with Q fixed, under a normal prior
//! with the covariance of the learned users.
//!
//! ## Defaults and their source
//! The start: plain, every entry √(μ/k) plus normal noise, so that r̂ begins near the mean rating; biased, normal noise alone.
//! The preset `lesson` is the classroom's setting: k = 5, η = 0.001, 100 epochs, no penalty. The defaults are the preset `ml-100k`: rounded from the
//! best of some 250 random settings in narrowing rounds, by the mean RMSE on a tenth of the training part of each of u1…u5 that was held out from training for it.
//! `ml-1m` comes from some 250 random settings by a tenth of the training part of `random:0.1`. No test part was looked at. On both sets the logistic link came close to the
//! identity and never below it, and the factors did best from a start near zero, whence they grow one direction after another.
//! `ml-10m` is the setting of Rendle, Zhang & Koren. Their learning rate hides the 2 of (6) to (8), so their 0.003 is 0.0015 here; their λ keeps its value.
//!
//! ## Differences from the paper
//! Koren, Bell & Volinsky have neither link, nor weights w, nor a schedule, and do not say in which order the ratings are visited.
//!
//! ## References
//! Y. Koren, R. Bell, C. Volinsky, "Matrix factorization techniques for recommender systems", IEEE Computer 42(8), 2009,
//! equations (2)–(5). The weights w with ν = ½, the logistic link and the bold driver together: Z. Gantner, S. Rendle, C. Freudenthaler, L. Schmidt-Thieme,
//! "MyMediaLite: A free recommender system library", RecSys 2011, and its program. Adagrad by row: W.-S. Chin, Y. Zhuang, Y.-C. Juan, C.-J. Lin, "A learning-rate
//! schedule for stochastic gradient methods to matrix factorization", PAKDD 2015. S. Rendle, L. Zhang, Y. Koren, "On the difficulty of evaluating baselines",
//! arXiv:1905.01395, 2019.

use std::ops::ControlFlow;

use cofactor_kernels::{Link, Pace, PacedSgd, Sgd, paced_sgd, padded, sgd};
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::data::ratings::{Ratings, Scale};
use crate::error::{Error, Result};
use crate::fit::algorithm::{Algorithm, Kind, Knob, Preset, Task};
use crate::fit::factors::{Factors, Matrix, Prior, mean_of_rows};
use crate::fit::model::Tensors;
use crate::fit::objective::{
    Expr, Method, Objective, Sample, Set, Training, Unknown, Visits, dot, logistic, named, penalty, power,
    scalar, square, squared_norm, sum, vector, weight,
};
use crate::fit::rng::{Purpose, stream};
use crate::fit::run::Run;
use crate::fit::sweep::{Grid, Parameters, rows};

/// The parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mf {
    /// Equation (2), or (1).
    pub biases: bool,
    /// g.
    pub link: Onto,
    /// k.
    pub factors: usize,
    /// How the rates change.
    pub schedule: Schedule,
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
    /// ν, equation (5).
    pub reg_power: f64,
    /// Passes over the training part.
    pub epochs: usize,
    /// Standard deviation of the noise that the factors start with.
    pub spread: f64,
}

/// What z becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Onto {
    /// The rating itself.
    Identity,
    /// Equation (3).
    Logistic,
}

/// How the rates change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// By `decay` alone.
    Decay,
    /// The bold driver.
    Bold,
    /// Each row by its own gradients.
    Adagrad,
}

impl Default for Mf {
    fn default() -> Self {
        Self {
            biases: true,
            link: Onto::Identity,
            factors: 128,
            schedule: Schedule::Decay,
            rate: 0.0065,
            bias_rate: 0.0016,
            decay: 0.99,
            reg: 0.076,
            bias_reg: 0.045,
            reg_power: 0.2,
            epochs: 40,
            spread: 0.0033,
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
            name: "link",
            symbol: "g",
            kind: Kind::Choice { options: &["identity", "logistic"] },
            purpose: "what the sum becomes: the rating itself, or by a logistic curve a point of the rating scale",
        },
        Knob {
            name: "factors",
            symbol: "k",
            kind: Kind::Integer { min: 1, max: 2048, search: Some((8, 128)) },
            purpose: "length of the users' and items' vectors",
        },
        Knob {
            name: "schedule",
            symbol: "",
            kind: Kind::Choice { options: &["decay", "bold", "adagrad"] },
            purpose: "how the rates change: by `decay` alone, by the bold driver too, or by row too",
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
            name: "reg_power",
            symbol: "ν",
            kind: Kind::Real { min: 0.0, max: 1.0, search: Some((0.05, 0.5)) },
            purpose: "how much more firmly a row with few ratings is held: its λ is multiplied by (n̄/n)^ν",
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
            kind: Kind::Real { min: 0.0, max: 10.0, search: Some((0.002, 0.2)) },
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
                ("reg_power", "0"),
                ("epochs", "100"),
                ("spread", "0.1"),
            ],
        },
        Preset {
            name: "ml-100k",
            source: "a random search by the error on a tenth of each of the training parts u1…u5, rounded; test parts unseen",
            set: &[
                ("factors", "128"),
                ("rate", "0.0065"),
                ("bias_rate", "0.0016"),
                ("decay", "0.99"),
                ("reg", "0.076"),
                ("bias_reg", "0.045"),
                ("reg_power", "0.2"),
                ("epochs", "40"),
                ("spread", "0.0033"),
            ],
        },
        Preset {
            name: "ml-1m",
            source: "a random search by the error on a tenth of the training part of random:0.1, rounded; test part unseen",
            set: &[
                ("factors", "256"),
                ("rate", "0.0255"),
                ("bias_rate", "0.004"),
                ("decay", "0.84"),
                ("reg", "0.044"),
                ("bias_reg", "0.04"),
                ("reg_power", "0.15"),
                ("epochs", "24"),
                ("spread", "0.0043"),
            ],
        },
        Preset {
            name: "ml-10m",
            source: "Rendle, Zhang & Koren 2019, arXiv:1905.01395: 64 factors, learning rate 0.003 (0.0015 here), λ = 0.04, 128 epochs",
            set: &[
                ("factors", "64"),
                ("rate", "0.0015"),
                ("bias_rate", "0.0015"),
                ("decay", "1"),
                ("reg", "0.04"),
                ("bias_reg", "0.04"),
                ("reg_power", "0"),
                ("epochs", "128"),
                ("spread", "0.1"),
            ],
        },
    ];
    const SOURCE: &'static str = include_str!("mf.rs");
    /// μ, b_u, b_i, P and Q.
    type Model = Factors;

    fn fit(&self, train: &Ratings, run: &mut Run<'_>) -> Result<Factors> {
        let mut sides = Sides::new(self, train);
        let mut factors = self.start(train, &sides, run)?;
        let grid = Grid::new(train, factors.users.stride(), run);
        let mut driver = Driver { boldness: 1.0, objective: f64::INFINITY };
        run.start();
        for epoch in 0..self.epochs {
            let slowed = (0..epoch).fold(driver.boldness, |rate, _| rate * self.decay);
            let squares = self.pass(epoch, slowed, &grid, &mut factors, &mut sides, run);
            let train_rmse = (squares / train.len().max(1) as f64).sqrt();
            let hint = "lower `rate` (and `bias_rate`), or raise `reg`";
            if run.end_epoch(train_rmse, hint, |query| factors.predict(query))? == ControlFlow::Break(()) {
                break;
            }
            if self.schedule == Schedule::Bold {
                driver.judge(squares + self.penalty(&factors, &sides));
            }
        }
        drop(grid);
        self.finish(run, &mut factors, &sides)?;
        Ok(factors)
    }

    fn restore(&self, tensors: Tensors, _train: &Ratings) -> Result<Factors> {
        Factors::restore(tensors)
    }

    fn visits(&self, train: &Ratings, run: &Run<'_>, epoch: usize) -> Option<Vec<u32>> {
        Some(Grid::new(train, padded(self.factors), run).visits(train, run, epoch))
    }

    fn objectives(&self) -> Vec<Objective> {
        vec![self.objective()]
    }
}

/// The bold driver: what it multiplies the rates by, and the objective that it saw last.
struct Driver {
    boldness: f64,
    objective: f64,
}

impl Driver {
    fn judge(&mut self, objective: f64) {
        self.boldness *= if objective <= self.objective { 1.05 } else { 0.5 };
        self.objective = objective;
    }
}

/// The number of ratings and the pace of each row.
struct Sides {
    user_counts: Vec<usize>,
    item_counts: Vec<usize>,
    user_paces: Vec<Pace>,
    item_paces: Vec<Pace>,
}

impl Sides {
    fn new(mf: &Mf, train: &Ratings) -> Self {
        let user_counts: Vec<usize> = train.user_counts().collect();
        let item_counts = train.item_counts();
        let (user_paces, item_paces) = (mf.paces(&user_counts), mf.paces(&item_counts));
        Self { user_counts, item_counts, user_paces, item_paces }
    }
}

impl Mf {
    /// Factors at their start. Rows without a rating get no noise and no update.
    fn start(&self, train: &Ratings, sides: &Sides, run: &Run<'_>) -> Result<Factors> {
        let k = self.factors;
        let link = self.link(train.scale())?;
        let mean = link.inverse(train.mean() as f32);
        let level = if self.biases { 0.0 } else { (mean.abs() / k as f32).sqrt() };
        let seed = run.seed();
        let noisy = |counts: &[usize], purpose: Purpose, level: f32| {
            let mut matrix = Matrix::zeros(counts.len(), k);
            rows(run.pool(), &mut matrix, |row, entries| {
                let mut stream = stream(seed, purpose, row as u64);
                let spread = if counts[row] == 0 { 0.0 } else { self.spread };
                for entry in &mut entries[..k] {
                    let noise: f64 = StandardNormal.sample(&mut stream);
                    *entry = (f64::from(level) + spread * noise) as f32;
                }
            });
            matrix
        };
        Ok(Factors {
            isa: run.isa(),
            link,
            mean: if self.biases { mean } else { 0.0 },
            users: noisy(&sides.user_counts, Purpose::UserFactors, level),
            items: noisy(&sides.item_counts, Purpose::ItemFactors, level.copysign(mean)),
            user_bias: vec![0.0; train.users()],
            item_bias: vec![0.0; train.items()],
            prior: Prior { mean: vec![0.0; k + 1], precision: Vec::new() },
            unseen_item: vec![0.0; k + 1],
        })
    }

    fn link(&self, scale: Scale) -> Result<Link> {
        let Scale { min, max } = scale;
        match self.link {
            Onto::Identity => Ok(Link::Identity),
            Onto::Logistic if min < max => Ok(Link::Logistic { min, range: max - min }),
            Onto::Logistic => {
                let hint = format!(
                    "all ratings are {min}: a logistic link needs a scale from a lower to a higher rating"
                );
                Err(Error::parameter("link", "logistic", "identity for these data", hint))
            }
        }
    }

    /// (5), and the start of each row's G.
    fn paces(&self, counts: &[usize]) -> Vec<Pace> {
        let rated = counts.iter().filter(|&&count| count > 0).count().max(1);
        let mean = counts.iter().sum::<usize>() as f64 / rated as f64;
        let weight = |count: usize| libm::pow(mean / count.max(1) as f64, self.reg_power) as f32;
        // The kernel adds up over a row's entries what (6) and (7) take the mean of.
        let squares = self.factors as f32;
        counts.iter().map(|&count| Pace { weight: weight(count), squares, bias_squares: 1.0 }).collect()
    }

    /// One epoch of (6), (7) and (8), with rates that are multiplied by `slowed`; returns Σ e².
    fn pass(
        &self,
        epoch: usize,
        slowed: f64,
        grid: &Grid,
        factors: &mut Factors,
        sides: &mut Sides,
        run: &Run<'_>,
    ) -> f64 {
        let (isa, stride) = (run.isa(), factors.users.stride());
        let (rate, bias_rate) = (slowed * self.rate, slowed * self.bias_rate);
        let biases = (&mut factors.user_bias[..], &mut factors.item_bias[..]);
        let (users, items) = (&mut factors.users, &mut factors.items);
        if self.needs_paces() {
            let adaptive = self.schedule == Schedule::Adagrad;
            let (scale, bias_scale) = if adaptive { ((self.factors as f64).sqrt(), 1.0) } else { (2.0, 2.0) };
            let step = PacedSgd {
                link: factors.link,
                mean: factors.mean,
                rate: (scale * rate) as f32,
                reg: self.reg as f32,
                bias_rate: if self.biases { (bias_scale * bias_rate) as f32 } else { 0.0 },
                bias_reg: self.bias_reg as f32,
                adaptive,
            };
            let paces = Some((&mut sides.user_paces[..], &mut sides.item_paces[..]));
            let parameters = Parameters { users, items, biases: Some(biases), paces };
            return grid.strata(run, epoch, parameters, |entries, block| {
                paced_sgd(isa, &step, entries, stride, block)
            });
        }
        let step = Sgd {
            mean: factors.mean,
            rate: (2.0 * rate) as f32,
            keep_user: (1.0 - 2.0 * rate * self.reg) as f32,
            keep_item: (1.0 - 2.0 * rate * self.reg) as f32,
            bias_rate: (2.0 * bias_rate) as f32,
            keep_bias: (1.0 - 2.0 * bias_rate * self.bias_reg) as f32,
        };
        let parameters = Parameters { users, items, biases: self.biases.then_some(biases), paces: None };
        grid.strata(run, epoch, parameters, |entries, block| sgd(isa, &step, entries, stride, block))
    }

    /// Whether rows differ in more than their factors, which costs time at each rating.
    fn needs_paces(&self) -> bool {
        self.link != Onto::Identity || self.reg_power > 0.0 || self.schedule == Schedule::Adagrad
    }

    /// The penalties of (4).
    fn penalty(&self, factors: &Factors, sides: &Sides) -> f64 {
        let side = |matrix: &Matrix, biases: &[f32], counts: &[usize], paces: &[Pace]| -> f64 {
            let share = |row: usize| {
                let squares: f64 = matrix.entries(row).iter().map(|&entry| f64::from(entry).powi(2)).sum();
                let penalty = self.reg * squares + self.bias_reg * f64::from(biases[row]).powi(2);
                counts[row] as f64 * f64::from(paces[row].weight) * penalty
            };
            (0..counts.len()).map(share).sum()
        };
        side(&factors.users, &factors.user_bias, &sides.user_counts, &sides.user_paces)
            + side(&factors.items, &factors.item_bias, &sides.item_counts, &sides.item_paces)
    }

    /// Says what unknown users and items are, and checks that everything is finite.
    fn finish(&self, run: &Run<'_>, factors: &mut Factors, sides: &Sides) -> Result<()> {
        let finite = factors.users.is_finite()
            && factors.items.is_finite()
            && factors.user_bias.iter().chain(&factors.item_bias).all(|bias| bias.is_finite());
        let noise = run.epochs().last().map_or(1.0, |epoch| epoch.train_rmse.powi(2));
        if !finite {
            let what = "a factor is no longer finite".to_owned();
            let hint = "lower `rate` (and `bias_rate`), or raise `reg`".to_owned();
            return Err(Error::Diverged { epoch: run.epochs().len(), what, hint });
        }
        let Sides { user_counts, item_counts, .. } = sides;
        factors.prior = Prior::of(&factors.users, &factors.user_bias, user_counts, noise, self.biases);
        if self.biases {
            // Rows without a rating have stayed at zero, which is what an unknown user is.
            factors.prior.mean.fill(0.0);
        } else {
            factors.unseen_item = mean_of_rows(&factors.items, &factors.item_bias, item_counts);
            fill_unseen(&mut factors.users, user_counts, &factors.prior.mean[..self.factors]);
            fill_unseen(&mut factors.items, item_counts, &factors.unseen_item[..self.factors]);
        }
        Ok(())
    }
}

fn fill_unseen(matrix: &mut Matrix, counts: &[usize], vector: &[f32]) {
    for (row, _) in counts.iter().enumerate().filter(|&(_, &count)| count == 0) {
        matrix.row_mut(row)[..vector.len()].copy_from_slice(vector);
    }
}

/// What `cofactor derive` differentiates, and holds against the training above.
impl Mf {
    /// (1) to (5).
    fn objective(&self) -> Objective {
        let (p, q, b_u, b_i) = (vector("p", "u"), vector("q", "i"), scalar("b", "u"), scalar("b", "i"));
        let z = if self.biases {
            scalar("μ", "") + b_u.clone() + b_i.clone() + dot(&p, &q)
        } else {
            dot(&p, &q)
        };
        let g = match self.link {
            Onto::Identity => z,
            Onto::Logistic => {
                let (min, max) = (scalar("r_min", ""), scalar("r_max", ""));
                min.clone() + (max - min) * logistic(&named("z", "ui", z))
            }
        };
        let e = named("e", "ui", scalar("r", "ui") - named("r̂", "ui", g));
        let (w_u, w_i) = (weight("w", "u", self.reg_power), weight("w", "i", self.reg_power));
        let weighed = |user: Expr, item: Expr| w_u.clone() * user + w_i.clone() * item;
        let mut share = square(&e) + penalty(self.reg, "λ", weighed(squared_norm(&p), squared_norm(&q)));
        let mut unknowns = vec![
            Unknown::new(&p, &self.step_rate("η", "G", "u")),
            Unknown::new(&q, &self.step_rate("η", "G", "i")),
        ];
        if self.biases {
            share = share + penalty(self.bias_reg, "λ_b", weighed(square(&b_u), square(&b_i)));
            unknowns.push(Unknown::new(&b_u, &self.step_rate("η_b", "G_b", "u")));
            unknowns.push(Unknown::new(&b_i, &self.step_rate("η_b", "G_b", "i")));
        }
        let mf = self.clone();
        Objective {
            title: "(4)",
            whole: sum(Set::Ratings, share),
            unknowns,
            method: Method::Stochastic,
            constants: vec![
                ("λ", self.reg),
                ("λ_b", self.bias_reg),
                ("ν", self.reg_power),
                ("r_min", 1.0),
                ("r_max", 5.0),
                ("G_u", 1.0),
                ("G_i", 1.0),
                ("G_b,u", 1.0),
                ("G_b,i", 1.0),
            ],
            training: Some(Training {
                visits: Visits::OneRating,
                run: Box::new(move |sample, rating| mf.visit(sample, rating)),
            }),
        }
    }

    /// What the gradient is multiplied by. Adagrad's η/√G stands for 2η.
    fn step_rate(&self, rate: &'static str, squares: &'static str, index: &'static str) -> Expr {
        match self.schedule {
            Schedule::Adagrad => 0.5 * scalar(rate, "") * power(&scalar(squares, index), -0.5),
            Schedule::Decay | Schedule::Bold => scalar(rate, ""),
        }
    }

    /// [`Self::pass`] over these ratings of a sample.
    fn visit(&self, sample: &mut Sample, ratings: &[(usize, usize)]) -> Result<()> {
        let mf = Self {
            factors: sample.k,
            rate: sample.number("η", &[]),
            bias_rate: sample.number("η_b", &[]),
            ..self.clone()
        };
        let (train, run) = (sample.ratings(), Run::new(0, 1)?);
        let mut sides = Sides::new(&mf, &train);
        let mut factors = mf.start(&train, &sides, &run)?;
        factors.link = mf.link(Scale { min: 1.0, max: 5.0 })?;
        sample.fill_factors(&mut factors);
        let grid = Grid::new(&sample.visited(ratings), factors.users.stride(), &run);
        mf.pass(0, 1.0, &grid, &mut factors, &mut sides, &run);
        sample.take_factors(&factors);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ids::{Item, User};
    use crate::data::ratings::{Duplicates, Rated, RatingsBuilder};
    use crate::data::synth::{Synth, generate};
    use crate::fit::model::Query;

    fn ratings(value: impl Fn(usize) -> f32) -> Ratings {
        let mut builder = RatingsBuilder::new(false);
        for cell in (0..400_usize).filter(|cell| cell % 7 != 3) {
            builder.push(&(cell / 20).to_string(), &(cell % 20).to_string(), value(cell), None);
        }
        builder.finish("grid", None, Duplicates::Error, |_, _| Default::default()).unwrap()
    }

    fn fit(mf: &Mf, train: &Ratings) -> Result<(Factors, f64)> {
        let mut run = Run::new(1, 1).unwrap();
        let factors = Algorithm::fit(mf, train, &mut run)?;
        Ok((factors, run.epochs().last().unwrap().train_rmse))
    }

    #[test]
    fn a_logistic_link_stays_on_the_scale_and_needs_one() {
        let train = ratings(|cell| (cell * 7 % 5 + 1) as f32);
        let mf = Mf { link: Onto::Logistic, rate: 0.05, reg: 0.0, factors: 16, ..Mf::default() };
        let (factors, _) = fit(&mf, &train).unwrap();
        let mut scores = vec![0.0; train.items()];
        factors.predict_all(Some(User(3)), &mut scores);
        assert!(scores.iter().all(|score| (1.0..=5.0).contains(score)), "{scores:?}");
        assert!(scores.iter().any(|score| *score > 4.5), "{scores:?}");
        let error = fit(&mf, &ratings(|_| 3.0)).unwrap_err();
        assert!(matches!(&error, Error::Parameter { name, .. } if name == "link"), "{error}");
    }

    #[test]
    fn a_plain_model_starts_at_the_mean_under_both_links() {
        let train = ratings(|cell| (cell * 7 % 5 + 1) as f32);
        for link in [Onto::Identity, Onto::Logistic] {
            let mf = Mf { biases: false, link, epochs: 1, rate: 1e-6, spread: 0.0, ..Mf::default() };
            let (factors, _) = fit(&mf, &train).unwrap();
            let query = Query { user: Some(User(0)), item: Some(Item(0)), time: None };
            let off = f64::from(factors.predict(query)) - train.mean();
            assert!(off.abs() < 1e-3, "{link:?}: {off}");
        }
    }

    #[test]
    fn a_loop_by_hand_in_the_same_order_ends_at_the_same_bits() {
        // Enough ratings for several blocks and tiles.
        let train =
            generate(&Synth { users: 900, items: 400, ratings: 40_000, ..Synth::DEFAULT }).unwrap().ratings;
        let mf = Mf { biases: false, factors: 3, epochs: 4, decay: 0.9, reg_power: 0.0, ..Mf::default() };
        let run = Run::new(5, 1).unwrap();
        let mut by_hand = mf.start(&train, &Sides::new(&mf, &train), &run).unwrap();
        let cells: Vec<(User, Rated)> =
            train.rows().flat_map(|(user, row)| row.iter().map(move |rated| (user, rated))).collect();
        for epoch in 0..mf.epochs {
            let rate = mf.rate * (0..epoch).fold(1.0, |rate, _| rate * mf.decay);
            let (step, keep) = ((2.0 * rate) as f32, (1.0 - 2.0 * rate * mf.reg) as f32);
            let mut order = mf.visits(&train, &run, epoch).unwrap();
            for &place in &order {
                let (user, rated) = cells[place as usize];
                let p = by_hand.users.row_mut(user.index());
                let q = by_hand.items.row_mut(rated.item.index());
                let error = step * (rated.value - cofactor_kernels::twin::dot(p, q));
                for (p, q) in p.iter_mut().zip(q) {
                    (*p, *q) = (keep.mul_add(*p, error * *q), keep.mul_add(*q, error * *p));
                }
            }
            order.sort_unstable();
            assert!(order.into_iter().eq(0..train.len() as u32), "each rating once");
        }
        let fitted = Algorithm::fit(&mf, &train, &mut Run::new(5, 3).unwrap()).unwrap();
        assert!(fitted.users.as_slice() == by_hand.users.as_slice(), "P");
        assert!(fitted.items.as_slice() == by_hand.items.as_slice(), "Q");
    }

    #[test]
    fn weights_share_the_penalty_among_few_and_many() {
        let mf = Mf { reg_power: 0.5, ..Mf::default() };
        let weights: Vec<f32> = mf.paces(&[1, 4, 0, 4]).iter().map(|pace| pace.weight).collect();
        assert_eq!(weights[0], 3.0_f32.sqrt());
        assert_eq!(weights[0], 2.0 * weights[1]);
        assert!(weights[2].is_finite());
    }

    #[test]
    fn the_bold_driver_tames_a_rate_that_is_too_high() {
        let train = ratings(|cell| (cell * 7 % 5 + 1) as f32);
        let with = |schedule: Schedule| {
            let mf =
                Mf { schedule, decay: 1.0, rate: 0.06, epochs: 60, factors: 16, reg: 0.3, ..Mf::default() };
            fit(&mf, &train).unwrap().1
        };
        let (constant, bold) = (with(Schedule::Decay), with(Schedule::Bold));
        assert!(bold < constant, "{bold} and {constant}");
    }

    #[test]
    fn adagrad_descends_without_a_tuned_rate() {
        let train = ratings(|cell| (cell * 7 % 5 + 1) as f32);
        let with = |rate: f64| {
            let mf = Mf {
                schedule: Schedule::Adagrad,
                rate,
                bias_rate: rate,
                factors: 16,
                reg: 0.01,
                ..Mf::default()
            };
            fit(&mf, &train).unwrap().1
        };
        for rate in [0.03, 0.3] {
            assert!(with(rate) < 1.3, "{rate}: {}", with(rate));
        }
    }
}
