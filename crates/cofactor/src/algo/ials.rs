//! # Implicit alternating least squares
//!
//! Letters: m users, n items, k factors; P is m×k, Q is n×k; S the pairs of a user and an item that the user has taken, D those that the user has
//! rated below θ, Z the pairs that are pulled towards zero; n_u, n_i how often a user has taken and an item has been taken.
//!
//! ## Model
//! ```text
//! x̂_ui = p_uᵀq_i                                                                               (1)
//! ```
//! The higher x̂, the sooner u takes i. Training leads it towards 1 where i was taken and towards 0 elsewhere; it is no rating and no probability.
//!
//! What was taken: every rating of at least θ (`implicit_from`) and above zero. What was rated lower counts as never seen, or with `dislike` above zero as a
//! dislike. Events that repeat a pair are added up while reading, by `--duplicates sum`; r_ui is then how often.
//!
//! ## Objective
//! ```text
//! Σ_{(u,i)∈S} c_ui (1 − x̂_ui)² + c₋ Σ_{(u,i)∈D} x̂_ui² + α₀ Σ_{(u,i)∈Z} x̂_ui²
//!                                                     + λ (Σ_u w_u ‖p_u‖² + Σ_i w_i ‖q_i‖²)    (2)
//! c_ui = 1, or 1 + α r_ui, or 1 + α ln(1 + r_ui)                 by `weighting`                (3)
//! w_u = (n_u + α₀n)^ν,  w_i = (n_i + α₀m)^ν                                                    (4)
//! ```
//! Z are all pairs (`zeros = all`: Rendle et al.) or all outside of S (`zeros = untaken`: Hu et al., who have α₀ = 1 and ν = 0).
//!
//! ## Update
//! With Q fixed, (2) is a ridge regression for each user. G = Σ_i q_i q_iᵀ, over all items, is summed once for all users:
//! ```text
//! ∂(2)/∂p_u = 0  ⇒  (α₀G + Σ_i a_ui q_i q_iᵀ + λw_u I) p_u = Σ_i c_ui q_i                      (5)
//! a_ui = c_ui, or c_ui − α₀ with `zeros = untaken`; c₋ for a dislike, whose c_ui on the right is 0
//! ```
//! The sums are over what u has taken or disliked. `solver = cholesky`: exactly, by a Cholesky factor. `solver = cg`: by `cg_steps` steps of conjugate gradients from where
//! p_u stands, scaled by the diagonal. `solver = blocks`: exactly for `block` coordinates of p_u after the other (iALS++). Then the items, with P fixed.
//!
//! The first two work in the axes of G: G = VΛVᵀ is taken apart once for all users, and for P V and Q V in the place of P and Q what all users share is H = α₀Λ + λw_u I, diagonal for each. So a step of conjugate gradients costs no
//! more than what u has taken, and whoever has taken fewer items than there are factors is solved for with as many unknowns as items, exactly all the same (push-through identity):
//! ```text
//! p_u = H⁻¹Q_uᵀy,  (K⁻¹ + Q_u H⁻¹Q_uᵀ) y = K⁻¹c                                              (6)
//! ```
//! where Q_u are the rows of what u has taken, c their c_ui, and K is diagonal with their a_ui.
//!
//! With `momentum` the users are solved for against an extrapolated Q, by Nesterov's sequence:
//! ```text
//! Q ← Q + β(Q − Q₋₁),  β = (θ − 1)/θ₊,  θ₊ = (1 + √(1 + 4θ²))/2,  θ = 1 at first               (7)
//! ```
//! Q₋₁ is what the sweep before began with. A sweep that raises (2) sets θ back to 1.
//!
//! With `balance` each sweep ends with the one turn that leaves all x̂ as they are and makes the last part of (2) least (`fit::balance`):
//! ```text
//! P ← PA,  Q ← QA⁻ᵀ,  Aᵀ(Σ_u w_u p_u p_uᵀ)A = A⁻¹(Σ_i w_i q_i q_iᵀ)A⁻ᵀ, diagonal             (8)
//! ```
//! Without it the two sides exchange their lengths over many sweeps, since each half can lengthen or shorten one side only.
//!
//! The loss of an epoch is √((2) / |S|), exact, and needs no pass of its own: each solver knows what a row's part of (2) has come to
//! ([`crate::fit::whole`]), and the items, which are solved last, hold all of it but λΣ w_u‖p_u‖².
//!
//! ## Cost
//! An epoch for N pairs in S and D, beside O((m + n)k²) for G: Cholesky for a row of d pairs O(dk² + k³), or O(d²k) where d < k; conjugate gradients O(Nk) a step; both once O((m + n)k² + k³), of which k³ on one thread; blocks of b
//! O(Nkb + (m + n)k²b). Balance costs O((m + n)k²) and O(k³) on one thread. Rows are solved in parallel. Memory beside the model: 16 bytes for each pair in S and D (8 where c_ui = 1 and all ratings count),
//! with momentum Q twice more, without blocks P or Q once more, before the first epoch of a smooth start Q and P once more, and for each thread about 4k² bytes, or with conjugate gradients and blocks 4k bytes for each pair of the longest row.
//!
//! ## Unknown users and items
//! Whoever has taken nothing is at zero, where (5) leads too. Somebody who comes with a few items is folded in by (5), exactly. What each of the items
//! adds to x̂_ui is its own term of p_u = A⁻¹Σ_j c_uj q_j, as in section 5 of Hu et al.: q_iᵀA⁻¹q_j says how similar i and j are to this user. A trained user
//! stands where the last sweep left them, which is near.
//!
//! ## Defaults and their source
//! α₀ = 0.3, λ = 0.007, ν = 1, constant confidence: Rendle et al.'s setting for MovieLens 1M in the split of He et al., which they found without looking at its test part.
//! Users, which are solved first, start at zero, and items with normal noise N of standard deviation σ₀/√k, or with what passes over the graph of who took what make of it:
//! ```text
//! X ← orth(R̃ᵀR̃X) from X = N on, `smooth` times;  Q = c D_i^−½X,  R̃ = D_u^−½RD_i^−½             (9)
//! ```
//! R is one on S, D are n_u and n_i, and c makes Q as long as N. The authors advise to search α₀ and λ at k = 128, and then to
//! double k until nothing is gained.
//!
//! ## Differences from the paper
//! Rendle et al. have c_ui = 1 alone. Their blocks go round both sides, one block at a time; here a row's blocks are solved one after the other, so that G is summed once
//! a half and no x̂_ui is kept. The papers' conjugate gradients multiply with G in each step, O(k²) for each row, and scale nothing, and their exact solutions factor k×k for each row. None of the papers has momentum (Mitchell et al. have it for tensors), balance, nor dislikes.
//!
//! ## References
//! Y. Hu, Y. Koren, C. Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008.
//! G. Takács, I. Pilászy, D. Tikk, "Applications of the conjugate gradient method for implicit feedback collaborative filtering", RecSys 2011.
//! S. Rendle, W. Krichene, L. Zhang, Y. Koren, "Revisiting the performance of iALS on item recommendation benchmarks", RecSys 2022;
//! "iALS++: speeding up matrix factorization with subspace optimization", 2021.
//! D. Mitchell, N. Ye, H. De Sterck, "Nesterov acceleration of alternating least squares for canonical tensor decomposition", 2020.

use std::ops::ControlFlow;
use std::sync::OnceLock;

use cofactor_kernels::{Isa, Link, Samples, dot};
use serde::{Deserialize, Serialize};

use crate::data::ids::{Item, User};
use crate::data::ratings::{Ratings, Row, Time};
use crate::error::{Error, Result};
use crate::fit::algorithm::{Algorithm, Kind, Knob, Preset, Task};
use crate::fit::balance::Balance;
use crate::fit::factors::{Factors, Matrix, Prior, cholesky, cholesky_solve};
use crate::fit::graph::Graph;
use crate::fit::model::{Model, Newcomer, Parts, Query, Share, Tensors};
use crate::fit::objective::{
    Expr, Method, Objective, Sample, Set, Training, Unknown, Visits, dot as product, named, penalty, power,
    scalar, size, square, squared_norm, sum, vector,
};
use crate::fit::orthonormal::orthonormalize;
use crate::fit::rng::Purpose;
use crate::fit::run::{Run, thread_pool};
use crate::fit::sweep::{noise, rows, solve_rows};
use crate::fit::taken::{IMPLICIT_FROM, is_taken, nothing, taken};
use crate::fit::whole::{Fixed, Solver, dense, gram};

/// The parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ials {
    /// θ.
    pub implicit_from: f64,
    /// c₋; 0: what was rated below θ counts as never seen.
    pub dislike: f64,
    /// k.
    pub factors: usize,
    /// λ.
    pub reg: f64,
    /// ν.
    pub reg_power: f64,
    /// α₀.
    pub unobserved: f64,
    /// Z.
    pub zeros: Zeros,
    /// (3).
    pub weighting: Weighting,
    /// α.
    pub alpha: f64,
    /// How (5) is solved.
    pub solver: Solver,
    /// Steps of conjugate gradients for each row and sweep.
    pub cg_steps: usize,
    /// Coordinates of a block.
    pub block: usize,
    /// Whether (7) runs ahead.
    pub momentum: bool,
    /// Whether (8) follows each sweep.
    pub balance: bool,
    /// Sweeps over users and items.
    pub epochs: usize,
    /// Passes of (9).
    pub smooth: usize,
    /// σ₀.
    pub spread: f64,
}

/// Which pairs are pulled towards zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Zeros {
    /// All of them.
    All,
    /// Those that were not taken.
    Untaken,
}

/// How confidence grows with the ratings, (3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weighting {
    /// 1.
    Constant,
    /// 1 + αr.
    Linear,
    /// 1 + α ln(1 + r).
    Log,
}

impl Default for Ials {
    fn default() -> Self {
        Self {
            implicit_from: 0.0,
            dislike: 0.0,
            factors: 64,
            reg: 0.007,
            reg_power: 1.0,
            unobserved: 0.3,
            zeros: Zeros::All,
            weighting: Weighting::Constant,
            alpha: 1.0,
            solver: Solver::Cholesky,
            cg_steps: 3,
            block: 64,
            momentum: true,
            balance: true,
            epochs: 16,
            smooth: 2,
            spread: 0.5,
        }
    }
}

impl Algorithm for Ials {
    const NAME: &'static str = "ials";
    const TITLE: &'static str = "alternating least squares over all pairs, for what people take";
    const TASK: Task = Task::Ranking;
    const KNOBS: &'static [Knob] = &[
        IMPLICIT_FROM,
        Knob {
            name: "dislike",
            symbol: "c₋",
            kind: Kind::Real { min: 0.0, max: 1000.0, search: None },
            purpose: "how firmly an item rated below `implicit_from` is held at zero; 0: it counts as never seen",
        },
        Knob {
            name: "factors",
            symbol: "k",
            kind: Kind::Integer { min: 1, max: 2048, search: Some((16, 256)) },
            purpose: "length of the users' and items' vectors",
        },
        Knob {
            name: "reg",
            symbol: "λ",
            kind: Kind::Real { min: 0.0, max: 1e6, search: Some((3e-4, 0.1)) },
            purpose: "L2 weight of the factors",
        },
        Knob {
            name: "reg_power",
            symbol: "ν",
            kind: Kind::Real { min: 0.0, max: 1.0, search: None },
            purpose: "how λ grows with a row's pairs: 0 not at all, 1 in proportion",
        },
        Knob {
            name: "unobserved",
            symbol: "α₀",
            kind: Kind::Real { min: 1e-6, max: 1000.0, search: Some((0.003, 1.0)) },
            purpose: "weight of a pair that says nothing; one that was taken weighs 1 or more",
        },
        Knob {
            name: "zeros",
            symbol: "Z",
            kind: Kind::Choice { options: &["all", "untaken"] },
            purpose: "whether α₀ pulls all pairs towards zero or only those that were not taken",
        },
        Knob {
            name: "weighting",
            symbol: "c",
            kind: Kind::Choice { options: &["constant", "linear", "log"] },
            purpose: "confidence in what was taken: 1, 1 + αr or 1 + α ln(1 + r)",
        },
        Knob {
            name: "alpha",
            symbol: "α",
            kind: Kind::Real { min: 0.0, max: 1e6, search: None },
            purpose: "how much confidence grows with the rating or the number of events",
        },
        Knob {
            name: "solver",
            symbol: "",
            kind: Kind::Choice { options: &["cholesky", "cg", "blocks"] },
            purpose: "how a row is solved: exactly, by `cg_steps` of conjugate gradients, or `block` coordinates at a time (iALS++)",
        },
        Knob {
            name: "cg_steps",
            symbol: "",
            kind: Kind::Integer { min: 1, max: 1000, search: None },
            purpose: "steps of conjugate gradients for each row and sweep",
        },
        Knob {
            name: "block",
            symbol: "b",
            kind: Kind::Integer { min: 1, max: 2048, search: None },
            purpose: "how many coordinates `blocks` solves for together",
        },
        Knob {
            name: "momentum",
            symbol: "β",
            kind: Kind::Flag,
            purpose: "whether each sweep begins ahead of where the last one ended, so that fewer are needed",
        },
        Knob {
            name: "balance",
            symbol: "",
            kind: Kind::Flag,
            purpose: "whether each sweep ends with users and items that carry the same part of the penalty",
        },
        Knob {
            name: "epochs",
            symbol: "T",
            kind: Kind::Integer { min: 1, max: 10_000, search: Some((8, 32)) },
            purpose: "sweeps over users and items",
        },
        Knob {
            name: "smooth",
            symbol: "",
            kind: Kind::Integer { min: 0, max: 100, search: None },
            purpose: "how often what the items start with is smoothed over those who took them; 0: noise",
        },
        Knob {
            name: "spread",
            symbol: "σ₀",
            kind: Kind::Real { min: 1e-6, max: 10.0, search: None },
            purpose: "the root of the mean square of the lengths of the items' vectors at the start",
        },
    ];
    const PRESETS: &'static [Preset] = &[
        Preset {
            name: "ml-1m-ncf",
            source: "Rendle et al. 2022, for MovieLens 1M in the split of He et al.",
            set: &[
                ("factors", "192"),
                ("unobserved", "0.3"),
                ("reg", "0.007"),
                ("reg_power", "1"),
                ("momentum", "false"),
                ("balance", "false"),
                ("epochs", "12"),
                ("smooth", "0"),
                ("spread", "0.1"),
            ],
        },
        Preset {
            name: "hu",
            source: "Hu, Koren and Volinsky 2008: α = 40, each row held alike",
            set: &[
                ("unobserved", "1"),
                ("zeros", "untaken"),
                ("weighting", "linear"),
                ("alpha", "40"),
                ("reg", "150"),
                ("reg_power", "0"),
                ("momentum", "false"),
                ("balance", "false"),
                ("epochs", "10"),
                ("smooth", "0"),
                ("spread", "0.1"),
            ],
        },
    ];
    const SOURCE: &'static str = include_str!("ials.rs");
    /// P and Q.
    type Model = Tastes;

    fn fit(&self, train: &Ratings, run: &mut Run<'_>) -> Result<Tastes> {
        let sweep = Sweep::new(self, train)?;
        let mut factors = self.start(&sweep, run)?;
        let taken = sweep.counts.iter().sum::<usize>().max(1) as f64;
        let mut momentum = self.momentum.then(Momentum::default);
        run.start();
        for _ in 0..self.epochs {
            if let Some(momentum) = &mut momentum {
                momentum.run_ahead(&mut factors.items);
            }
            let mut objective = sweep.run(run, &mut factors);
            if self.balance {
                let before = momentum.as_mut().and_then(|momentum| momentum.before.as_mut());
                objective -= sweep.balance(run, &mut factors, before);
            }
            if let Some(momentum) = &mut momentum {
                momentum.judge(objective);
            }
            let loss = (objective.max(0.0) / taken).sqrt();
            // `max` would make a zero of what is not a number.
            let loss = if objective.is_nan() { objective } else { loss };
            if run.end_epoch(loss, HINT, |query| factors.predict(query))? == ControlFlow::Break(()) {
                break;
            }
        }
        if !(factors.users.is_finite() && factors.items.is_finite()) {
            let what = "a factor is no longer finite".to_owned();
            return Err(Error::Diverged { epoch: run.epochs().len(), what, hint: HINT.to_owned() });
        }
        Ok(Tastes { knobs: self.clone(), factors, gram: OnceLock::new() })
    }

    fn restore(&self, tensors: Tensors, _train: &Ratings) -> Result<Tastes> {
        Ok(Tastes { knobs: self.clone(), factors: Factors::restore(tensors)?, gram: OnceLock::new() })
    }

    fn objectives(&self) -> Vec<Objective> {
        vec![self.objective()]
    }

    fn check(&self) -> Result<()> {
        if self.zeros == Zeros::Untaken && self.unobserved > 1.0 {
            let hint = "otherwise what was not taken weighs more than what was; or set zeros=all";
            return Err(Error::parameter(
                "unobserved",
                self.unobserved,
                "at most 1 with zeros=untaken",
                hint,
            ));
        }
        Ok(())
    }
}

const HINT: &str = "raise `reg`, or scale the ratings to a smaller range";

impl Ials {
    /// What a rating says, by (3): c of what was taken, −c₋ of a dislike, nothing otherwise.
    fn confidence(&self, rating: f32) -> Option<f32> {
        if !is_taken(rating, self.implicit_from) {
            return (self.dislike > 0.0).then_some(-self.dislike as f32);
        }
        let r = f64::from(rating);
        Some(match self.weighting {
            Weighting::Constant => 1.0,
            Weighting::Linear => 1.0 + self.alpha * r,
            Weighting::Log => 1.0 + self.alpha * libm::log1p(r),
        } as f32)
    }

    /// a and c of (5) for what [`Self::confidence`] says.
    fn sides(&self, confidence: f32) -> (f32, f32) {
        if confidence < 0.0 {
            return (-confidence, 0.0);
        }
        match self.zeros {
            Zeros::All => (confidence, confidence),
            Zeros::Untaken => (confidence - self.unobserved as f32, confidence),
        }
    }

    /// λw of (4), for a row with so many pairs taken of so many.
    fn ridge(&self, taken: usize, pairs: usize) -> f64 {
        self.reg * libm::pow(taken as f64 + self.unobserved * pairs as f64, self.reg_power)
    }

    /// (9), as long as noise would be. A column that the others determine is left at zero.
    fn smooth(&self, items: &mut Matrix, sweep: &Sweep<'_>, run: &Run<'_>) -> Result<()> {
        let graph = Graph::new(taken(&sweep.said, 0.0)?);
        for _ in 0..self.smooth {
            graph.spread_all(items, run);
            orthonormalize(items, run);
        }
        let scale = |row: &mut [f32], by: f32| row.iter_mut().for_each(|entry| *entry *= by);
        rows(run.pool(), items, |item, row| scale(row, graph.items[item]));
        let squares: f64 = items.as_slice().iter().map(|&entry| f64::from(entry).powi(2)).sum();
        if squares > 0.0 {
            let by = self.spread * (items.rows() as f64 / squares).sqrt();
            scale(items.as_mut_slice(), by as f32);
        }
        Ok(())
    }

    /// Items at their start, everything else at zero. What nobody has taken gets no noise.
    fn start(&self, sweep: &Sweep<'_>, run: &Run<'_>) -> Result<Factors> {
        let (m, n, k) = (sweep.said.users(), sweep.said.items(), self.factors);
        let mut items = noise(run, Purpose::ItemFactors, &sweep.counts, k, self.spread);
        if self.smooth > 0 {
            self.smooth(&mut items, sweep, run)?;
        }
        Ok(Factors {
            isa: run.isa(),
            link: Link::Identity,
            mean: 0.0,
            users: Matrix::zeros(m, k),
            items,
            user_bias: vec![0.0; m],
            item_bias: vec![0.0; n],
            prior: Prior { mean: vec![0.0; k + 1], precision: vec![0.0; (k + 1) * (k + 1)] },
            unseen_item: vec![0.0; k + 1],
        })
    }
}

/// (7).
struct Momentum {
    theta: f64,
    /// Q₋₁.
    before: Option<Matrix>,
    /// (2) after the last sweep.
    objective: f64,
}

impl Default for Momentum {
    fn default() -> Self {
        Self { theta: 1.0, before: None, objective: f64::INFINITY }
    }
}

impl Momentum {
    fn run_ahead(&mut self, items: &mut Matrix) {
        let next = f64::midpoint(1.0, (1.0 + 4.0 * self.theta * self.theta).sqrt());
        let ahead = ((self.theta - 1.0) / next) as f32;
        self.theta = next;
        let now = items.clone();
        if let Some(before) = &self.before {
            for (entry, before) in items.as_mut_slice().iter_mut().zip(before.as_slice()) {
                *entry += ahead * (*entry - before);
            }
        }
        self.before = Some(now);
    }

    fn judge(&mut self, objective: f64) {
        if objective > self.objective {
            self.theta = 1.0;
        }
        self.objective = objective;
    }
}

/// Users and items in turn, each half with the other half fixed.
struct Sweep<'a> {
    ials: &'a Ials,
    /// What each rating says, by [`Ials::confidence`].
    said: Ratings,
    /// n_i.
    counts: Vec<usize>,
    /// λw_u and λw_i.
    ridges: [Vec<f32>; 2],
    /// Σ c_ui over S.
    total: f64,
    /// What each rating says, if all say the same.
    all: Option<f32>,
}

impl<'a> Sweep<'a> {
    fn new(ials: &'a Ials, train: &Ratings) -> Result<Self> {
        let same = |&value: &f32| ials.confidence(value) == Some(value);
        let said = if train.values().iter().all(same) {
            train.clone()
        } else {
            train.revalued(|rating| ials.confidence(rating.value))
        };
        let mut counts = vec![0; said.items()];
        let mut total = 0.0;
        for rating in said.iter().filter(|rating| rating.value > 0.0) {
            counts[rating.item.index()] += 1;
            total += f64::from(rating.value);
        }
        if total == 0.0 && !train.is_empty() {
            return Err(nothing(train, ials.implicit_from));
        }
        said.by_item();
        let (m, n) = (said.users(), said.items());
        let taken = |(_, row): (User, Row<'_>)| row.values.iter().filter(|&&value| value > 0.0).count();
        let of_users = said.rows().map(taken).map(|count| ials.ridge(count, n) as f32).collect();
        let of_items = counts.iter().map(|&count| ials.ridge(count, m) as f32).collect();
        let all =
            said.values().first().copied().filter(|first| said.values().iter().all(|value| value == first));
        Ok(Self { ials, said, counts, ridges: [of_users, of_items], total, all })
    }

    /// Solves all users and then all items; returns (2).
    fn run(&self, run: &Run<'_>, factors: &mut Factors) -> f64 {
        let Factors { users, items, user_bias, item_bias, .. } = factors;
        let [of_users, of_items] = &self.ridges;
        self.half(run, (users, user_bias), items, of_users, |user| {
            let row = self.said.row(User(user as u32));
            (bytemuck::cast_slice(row.items), row.values)
        });
        let objective = self.half(run, (items, item_bias), users, of_items, |item| {
            let (users, values) = self.said.by_item().column(Item(item as u32));
            (bytemuck::cast_slice(users), values)
        });
        let held = |(user, &ridge): (usize, &f32)| {
            let p = users.row(user);
            f64::from(ridge) * f64::from(dot(run.isa(), p, p))
        };
        objective + self.total + of_users.iter().enumerate().map(held).sum::<f64>()
    }

    /// (8), for Q₋₁ too; returns by how much that lowers (2).
    fn balance(&self, run: &Run<'_>, factors: &mut Factors, before: Option<&mut Matrix>) -> f64 {
        let Factors { users, items, .. } = factors;
        let [of_users, of_items] = &self.ridges;
        let Some(balance) = Balance::of(run, (users, of_users), (items, of_items)) else { return 0.0 };
        balance.turn_users(run, users);
        balance.turn_items(run, items);
        if let Some(before) = before {
            balance.turn_items(run, before);
        }
        balance.gained
    }

    /// Solves (5) for each row, whose λw is in `ridges`; `said` gives the places of a row's pairs in S and D, and what they say.
    fn half<'r>(
        &self,
        run: &Run<'_>,
        (matrix, unused): (&mut Matrix, &mut [f32]),
        fixed: &Matrix,
        ridges: &[f32],
        said: impl Fn(usize) -> (&'r [u32], &'r [f32]) + Send + Sync,
    ) -> f64 {
        let Ials { solver, cg_steps, block, unobserved, .. } = *self.ials;
        let (isa, fixed) = (run.isa(), Fixed::new(run, solver, fixed, unobserved, block));
        fixed.enter(run, matrix);
        let scratch = || (fixed.solver(cg_steps), Equations::default());
        let objective = solve_rows(run, matrix, unused, scratch, |(solver, equations), row, x, _| {
            let (places, values) = said(row);
            if !equations.set(self, values) {
                // (5) has nothing on the right.
                x.fill(0.0);
                return 0.0;
            }
            solver.solve(isa, equations.samples(fixed.matrix(), places), ridges[row], x)
        });
        fixed.leave(run, matrix);
        objective
    }
}

/// a and c of (5), for one row.
#[derive(Default)]
struct Equations {
    left: Vec<f32>,
    right: Vec<f32>,
    /// Whether any a is not one, and need be multiplied by.
    weighted: bool,
}

impl Equations {
    /// Returns whether anything was taken.
    fn set(&mut self, sweep: &Sweep<'_>, said: &[f32]) -> bool {
        if let Some(all) = sweep.all {
            // What was set for one row holds for all.
            let (left, right) = sweep.ials.sides(all);
            self.left.resize(said.len(), left);
            self.right.resize(said.len(), right);
            self.weighted = left != 1.0;
            return right > 0.0 && !said.is_empty();
        }
        self.left.clear();
        self.right.clear();
        for &confidence in said {
            let (left, right) = sweep.ials.sides(confidence);
            self.left.push(left);
            self.right.push(right);
        }
        self.weighted = self.left.iter().any(|&left| left != 1.0);
        self.right.iter().any(|&right| right > 0.0)
    }

    fn samples<'s>(&'s self, matrix: &'s Matrix, rows: &'s [u32]) -> Samples<'s> {
        let weights = self.weighted.then_some(&self.left[..]);
        Samples { matrix: matrix.as_slice(), rows, weights, targets: &self.right }
    }
}

/// P and Q, and what it takes to fold somebody in.
#[derive(Debug, Clone)]
pub struct Tastes {
    knobs: Ials,
    factors: Factors,
    /// α₀G, k×k, made when somebody is first folded in.
    gram: OnceLock<Vec<f64>>,
}

impl Model for Tastes {
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

impl Tastes {
    /// (5) in f64 for somebody new, each term of its right-hand side by itself. Cost: O(|S|k² + k³), and once O(nk²).
    fn folded(&self, history: Row<'_>) -> FoldedTaste<'_> {
        let k = self.factors.k();
        let mut normal = self.gram().to_vec();
        let mut terms = Vec::with_capacity(history.len());
        let mut taken = 0;
        for rated in history.iter() {
            let q: Vec<f64> = self
                .factors
                .items
                .entries(rated.item.index())
                .iter()
                .map(|&entry| f64::from(entry))
                .collect();
            let (left, right) =
                self.knobs.confidence(rated.value).map_or((0.0, 0.0), |c| self.knobs.sides(c));
            for (row, &a) in q.iter().enumerate() {
                for (entry, &b) in normal[row * k..=row * k + row].iter_mut().zip(&q) {
                    *entry += f64::from(left) * a * b;
                }
            }
            taken += usize::from(right > 0.0);
            terms.push((q, f64::from(right)));
        }
        let ridge = self.knobs.ridge(taken, self.factors.items.rows());
        for f in 0..k {
            // A direction that nothing determines is left at zero.
            normal[f * k + f] += ridge.max(1e-9);
        }
        cholesky(&mut normal, k);
        let share = |(mut share, right): (Vec<f64>, f64)| {
            for entry in &mut share {
                *entry *= right;
            }
            cholesky_solve(&normal, &mut share);
            share
        };
        FoldedTaste { factors: &self.factors, shares: terms.into_iter().map(share).collect() }
    }

    fn gram(&self) -> &[f64] {
        self.gram.get_or_init(|| {
            let (items, k) = (&self.factors.items, self.factors.k());
            let pool = thread_pool(1).expect("the system grants one thread");
            dense(&gram(&pool, Isa::detect(), items, self.knobs.unobserved), k)
        })
    }
}

/// Somebody new: for each item of the history A⁻¹c q, which add up to p.
struct FoldedTaste<'a> {
    factors: &'a Factors,
    shares: Vec<Vec<f64>>,
}

impl Newcomer for FoldedTaste<'_> {
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
        Parts { mean: 0.0, item_bias: 0.0, prior: 0.0, shares: self.shares.iter().map(share).collect() }
    }
}

/// What `cofactor derive` differentiates, and holds against the training above.
impl Ials {
    /// (1) to (4), where every rating counts as taken.
    fn objective(&self) -> Objective {
        let (p, q) = (vector("p", "u"), vector("q", "i"));
        let taste = named("x̂", "ui", product(&p, &q));
        let (r, alpha, unobserved) = (scalar("r", "ui"), scalar("α", ""), scalar("α₀", ""));
        let confidence = match self.weighting {
            Weighting::Constant => Expr::Number(1.0),
            Weighting::Linear => named("c", "ui", Expr::Number(1.0) + alpha * r),
            Weighting::Log => {
                let grown = crate::fit::objective::ln(&(Expr::Number(1.0) + r));
                named("c", "ui", Expr::Number(1.0) + alpha * grown)
            }
        };
        let error = named("e", "ui", Expr::Number(1.0) - taste.clone());
        let all = sum(Set::Pairs, square(&taste));
        let zeros = match self.zeros {
            Zeros::All => all,
            Zeros::Untaken => all - sum(Set::Ratings, square(&taste)),
        };
        let weight = |index, own, others| match self.reg_power {
            0.0 => Expr::Number(1.0),
            _ => named("w", index, power(&(size(own) + unobserved.clone() * size(others)), scalar("ν", ""))),
        };
        let users = sum(Set::Users, weight("u", Set::ItemsOf("i"), Set::Items) * squared_norm(&p));
        let items = sum(Set::Items, weight("i", Set::UsersOf("u"), Set::Users) * squared_norm(&q));
        let ials = self.clone();
        Objective {
            title: "(2), where every rating counts as taken",
            whole: sum(Set::Ratings, confidence * square(&error))
                + unobserved.clone() * zeros
                + penalty(self.reg, "λ", users + items),
            unknowns: vec![Unknown::solved(&p), Unknown::solved(&q)],
            method: Method::NormalEquations(1),
            // λ and α are drawn with the sample: with a λ as small as the default, a row with fewer pairs than factors has hardly one solution in f32.
            constants: vec![("α₀", self.unobserved), ("ν", self.reg_power)],
            training: Some(Training {
                visits: Visits::Everything,
                run: Box::new(move |sample, _| ials.visit(sample)),
            }),
        }
    }

    /// A sweep over a sample. As many steps of conjugate gradients as there are unknowns end at the solution, and one block of all coordinates begins there.
    fn visit(&self, sample: &mut Sample) -> Result<()> {
        let k = sample.k;
        let ials = Self {
            implicit_from: 0.0,
            factors: k,
            reg: sample.number("λ", &[]),
            alpha: sample.number("α", &[]),
            cg_steps: k + 1,
            block: k,
            smooth: 0,
            ..self.clone()
        };
        // Where confidence is constant, the ratings have no letter and no value.
        let train =
            sample.ratings().revalued(|rating| Some(if rating.value > 0.0 { rating.value } else { 1.0 }));
        let run = Run::new(0, 1)?;
        let sweep = Sweep::new(&ials, &train)?;
        let mut factors = ials.start(&sweep, &run)?;
        sample.fill_factors(&mut factors);
        sweep.run(&run, &mut factors);
        sample.take_factors(&factors);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ratings::{Duplicates, RatingsBuilder};

    /// 50 users and 30 items; user 7 has only low ratings.
    fn ratings() -> Ratings {
        let mut builder = RatingsBuilder::new(false);
        for cell in 0..1500_u32 {
            let (user, item) = (cell / 30, cell % 30);
            if cell.wrapping_mul(2_654_435_761) >> 30 == 0 || user % 5 == item % 5 {
                let value = if user == 7 { 1.0 } else { 1.0 + (user * item + user + 3 * item) as f32 % 5.0 };
                builder.push(&user.to_string(), &item.to_string(), value, None);
            }
        }
        builder.finish("test", None, Duplicates::Error, |_, _| Default::default()).unwrap()
    }

    /// (2) in f64, straight from its definition.
    fn objective(ials: &Ials, train: &Ratings, factors: &Factors) -> f64 {
        let (m, n) = (train.users(), train.items());
        let (mut total, mut by_user, mut by_item) = (0.0, vec![0.0; m], vec![0.0; n]);
        for (u, by_user) in by_user.iter_mut().enumerate() {
            for (i, by_item) in by_item.iter_mut().enumerate() {
                let row = train.row(User(u as u32));
                let rating =
                    row.iter().find(|rated| rated.item.index() == i).map(|rated| f64::from(rated.value));
                let pairs = factors.users.entries(u).iter().zip(factors.items.entries(i));
                let x: f64 = pairs.map(|(&p, &q)| f64::from(p) * f64::from(q)).sum();
                let taken = rating.is_some_and(|r| r >= ials.implicit_from);
                if let Some(r) = rating {
                    let confidence = match ials.weighting {
                        Weighting::Constant => 1.0,
                        Weighting::Linear => 1.0 + ials.alpha * r,
                        Weighting::Log => 1.0 + ials.alpha * libm::log(1.0 + r),
                    };
                    total += if taken { confidence * (1.0 - x).powi(2) } else { ials.dislike * x * x };
                }
                if ials.zeros == Zeros::All || !taken {
                    total += ials.unobserved * x * x;
                }
                if taken {
                    *by_user += 1.0;
                    *by_item += 1.0;
                }
            }
        }
        let side = |matrix: &Matrix, counts: &[f64], pairs: usize| -> f64 {
            let square = |row: usize| matrix.entries(row).iter().map(|&x| f64::from(x).powi(2)).sum::<f64>();
            let weight = |count: f64| libm::pow(count + ials.unobserved * pairs as f64, ials.reg_power);
            (0..matrix.rows()).map(|row| ials.reg * weight(counts[row]) * square(row)).sum()
        };
        total + side(&factors.users, &by_user, n) + side(&factors.items, &by_item, m)
    }

    fn variants() -> Vec<Ials> {
        let base =
            Ials { epochs: 4, block: 5, momentum: false, balance: false, smooth: 0, ..Ials::default() };
        let mut all = Vec::new();
        // With 40 factors, who has taken no more than 32 items is solved for by (6).
        for (solver, factors) in
            [(Solver::Cholesky, 12), (Solver::Cholesky, 40), (Solver::Cg, 12), (Solver::Blocks, 12)]
        {
            let base = Ials { factors, solver, ..base.clone() };
            all.push(base.clone());
            all.push(Ials { implicit_from: 3.0, dislike: 0.7, momentum: true, ..base.clone() });
            all.push(Ials {
                implicit_from: 3.0,
                dislike: 0.7,
                momentum: true,
                balance: true,
                smooth: 2,
                ..base.clone()
            });
            all.push(Ials { balance: true, reg_power: 0.0, reg: 0.3, ..base.clone() });
            let hu = Ials { zeros: Zeros::Untaken, weighting: Weighting::Linear, alpha: 2.0, ..base.clone() };
            all.push(Ials { implicit_from: 2.0, reg_power: 0.5, reg: 0.1, ..hu.clone() });
            all.push(Ials { weighting: Weighting::Log, dislike: 0.2, implicit_from: 2.0, ..hu });
        }
        all
    }

    #[test]
    fn the_loss_of_an_epoch_is_the_objective_and_falls() {
        let train = ratings();
        for ials in variants() {
            let mut run = Run::new(3, 2).unwrap();
            let model = ials.fit(&train, &mut run).unwrap();
            let taken =
                train.values().iter().filter(|&&value| f64::from(value) >= ials.implicit_from).count();
            let losses: Vec<f64> = run.epochs().iter().map(|epoch| epoch.train_rmse).collect();
            let expected = (objective(&ials, &train, &model.factors) / taken as f64).sqrt();
            let last = losses[losses.len() - 1];
            assert!((last - expected).abs() < 1e-5 * expected, "{ials:?}: {last} and {expected}");
            assert!(ials.momentum || losses.is_sorted_by(|a, b| a > b), "{ials:?}: {losses:?}");
        }
    }

    #[test]
    fn all_solvers_end_at_the_same_objective() {
        let train = ratings();
        let base = Ials { factors: 6, reg: 0.05, block: 4, epochs: 200, ..Ials::default() };
        let last = |ials: &Ials| {
            let mut run = Run::new(3, 1).unwrap();
            ials.fit(&train, &mut run).unwrap();
            run.epochs().last().unwrap().train_rmse
        };
        let exact = last(&Ials { momentum: false, balance: false, smooth: 0, spread: 0.1, ..base.clone() });
        for solver in [Solver::Cholesky, Solver::Cg, Solver::Blocks] {
            let found = last(&Ials { solver, ..base.clone() });
            assert!((found - exact).abs() < 1e-4 * exact, "{solver:?}: {found} and {exact}");
        }
    }

    #[test]
    fn a_newcomer_stands_where_no_step_leads_lower() {
        let train = ratings();
        for ials in variants() {
            let mut model = ials.fit(&train, &mut Run::new(3, 1).unwrap()).unwrap();
            let row = train.row(User(4));
            let folded = model.folded(row);
            let mut place = vec![0.0; ials.factors];
            for share in &folded.shares {
                place.iter_mut().zip(share).for_each(|(entry, add)| *entry += *add as f32);
            }
            drop(folded);
            model.factors.users.row_mut(4)[..ials.factors].copy_from_slice(&place);
            let least = objective(&ials, &train, &model.factors);
            for (f, &own) in place.iter().enumerate() {
                for step in [-0.02, 0.02] {
                    model.factors.users.row_mut(4)[f] = own + step;
                    assert!(objective(&ials, &train, &model.factors) > least, "{ials:?} {f} {step}");
                }
                model.factors.users.row_mut(4)[f] = own;
            }
        }
    }

    #[test]
    fn a_threshold_above_all_ratings_is_refused() {
        let ials = Ials { implicit_from: 6.0, ..Ials::default() };
        let error = ials.fit(&ratings(), &mut Run::new(1, 1).unwrap()).err().unwrap().to_string();
        assert!(error.contains("at most the highest rating, 5"), "{error}");
    }
}
