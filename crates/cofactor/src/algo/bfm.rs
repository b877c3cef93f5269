//! # Bayesian factorization machine
//!
//! Letters: m users, n items, k factors, N ratings; l a rating, of user u and item i on day t; x_l its row of the design matrix, with a column for each weight; g a group of columns; w_c and
//! v_c = (v_c1, …, v_ck) the weights of column c; N(u) the items that u rated in training, U(i) the users who rated i.
//!
//! ## Model
//! ```text
//! y_l ~ N(ŷ_l, 1/α),   ŷ_l = w₀ + Σ_c x_lc w_c + Σ_f ½[(Σ_c x_lc v_cf)² − Σ_c x_lc² v_cf²]          (1)
//! w_c ~ N(μ_g, 1/λ_g),  v_cf ~ N(μ_gf, 1/λ_gf)      by the group of the column                    (2)
//! μ ~ N(0, 1/(γ₀λ)),  λ ~ Gamma(a₀/2, b₀/2),  α ~ Gamma(a₀/2, b₀/2),  w₀ ~ N(0, 1)                (3)
//! ```
//! with a₀ = b₀ = γ₀ = 1. The columns are the model: every pair of columns that meet in a rating interacts.
//!
//! | `features` | columns with x ≠ 0 in a rating | known as |
//! |---|---|---|
//! | `mf` | u, i | matrix factorization (BPMF with a diagonal prior) |
//! | `svdpp` | and each j ∈ N(u), x = \|N(u)\|^−½ | SVD++ |
//! | `timesvd` | u, i and the day t | timeSVD |
//! | `timesvdpp` | u, i, t and each j ∈ N(u) | timeSVD++ |
//! | `flipped` | and each v ∈ U(i), x = \|U(i)\|^−½ | timeSVD++ flipped; without the day if there are no times |
//!
//! With `attributes = true` each attribute of users and of items is one more group of columns: labels as they are with x = \|labels\|^−½, numbers by the tenth of the rows they lie in, texts but the title by their first
//! letter. With `counts = true` how many training ratings a user has, and an item, is one more group each, by powers of two: what is rated often is rated higher, and of what has few ratings that says most.
//!
//! With `target = probit` the rating is the step that a hidden number z_l ~ N(ŷ_l, 1) has passed: y_l = v if γ_{v−1} < z_l ≤ γ_v. Then α = 1 and w₀ = 0.
//!
//! **A prediction** is the mean of (1), for steps of Σ_v v·P(y = v), over the samples that the model keeps of all chains. Each sample is two vectors and two levels for user and item on a day, so the mean of all is
//! one inner product of vectors side by side.
//!
//! ## Objective
//! None is minimised. Samples are drawn from the posterior distribution of all weights, given the training ratings:
//! ```text
//! p(w, v, α, λ, μ | y) ∝ Π_l N(y_l | ŷ_l, 1/α) · (2) · (3)                                         (4)
//! ```
//!
//! ## Update
//! Gibbs sampling: each number in turn is drawn from its distribution given all others. With e_l = ŷ_l − y_l, and h_lc = x_lc for w_c, h_lc = x_lc(Σ_{c′} x_lc′ v_c′f − x_lc v_cf) for v_cf:
//! ```text
//! α  ~ Gamma((a₀ + N)/2, rate (b₀ + Σe²)/2)                                                       (5)
//! w₀ ~ N(α Σ(w₀ − e)/(1 + αN), 1/(1 + αN))                                                        (6)
//! λ  ~ Gamma((a₀ + n_g + 1)/2, rate (b₀ + Σ_{c∈g}(θ_c − μ)² + γ₀μ²)/2)                            (7)
//! μ  ~ N(Σ_{c∈g} θ_c/(n_g + γ₀), 1/((n_g + γ₀)λ))                                                 (8)
//! θ  ~ N(s²(λμ + α(θ Σh² − Σhe)), s²),  1/s² = λ + α Σh²                                          (9)
//! ```
//! A sweep draws (5), (6), then for the linear weights and each factor in turn, group by group, (7), (8) and all columns by (9): users, what they rated, days, items, who rated them. For steps it ends with the
//! thresholds and the hidden numbers instead of beginning with (5) and (6).
//!
//! **Blocks.** All that (9) must know of the ratings of a user on a day are four sums, with q the value of the item in them: Σe, Σeq, Σq, Σq²; of an item alike. A column of a set goes over the rows of its block and
//! not over their ratings (Rendle 2013), and in each row over four numbers, which are brought up to date when its weight has moved.
//!
//! **Chains.** C chains run side by side, 8 or 16 in the lanes of a vector: every index is read once for all of them, and every memory access is of a whole cache line. Their samples are as good as those of one long
//! chain, because after the burn-in what one chain shows in its samples is much less than what all of them do together.
//!
//! ## Cost
//! O(k(N + Σ_u|N(u)| + Σ_i|U(i)|)) a sweep. Only e is kept for each rating and chain; a factor reads it twice and writes it once. Memory: 4 bytes a rating and chain while it learns; the model keeps 2(k + 1)
//! bytes for each user, item and day in each of its C·`keep` samples.
//!
//! ## Unknown users and items
//! Who or what training never saw is the mean of those it saw, in each sample; so is a day without training ratings, and the end of time. Somebody who comes with a few ratings is folded in into 32 of the samples: their
//! weights are the conditional mean (9) of all of them together given everything else, where each rating's share is its own term, and what they rated counts as a set. How little their weights are known widens what is said of a rating: its prediction has the variance h′ᵀ(diag(λ) + αΣhhᵀ)⁻¹h′ beside the noise.
//!
//! ## Defaults and their source
//! The priors are those of libFM. The start is N(0, σ₀²) for every weight, with libFM's σ₀ = 0.1. On MovieLens 100K a burn-in of 32 sweeps is enough for all features together; plain factors (`mf`) need 40 and more.
//! The report's chains show it.
//!
//! ## Differences from the paper
//! libFM draws one factor's weights of all groups, then goes on to the next factor, as here; its days, users and items are drawn in the order of the file's columns. A column without a training rating is not drawn at all. Users and
//! items without ratings, and days, are the mean of the others rather than zero. Single precision, sums over all ratings in double.
//!
//! ## References
//! S. Rendle, "Factorization machines with libFM", ACM Transactions on Intelligent Systems and Technology 3(3), 2012, section 4.4.
//! S. Rendle, "Scaling factorization machines to relational data", VLDB 2013.
//! C. Freudenthaler, L. Schmidt-Thieme, S. Rendle, "Bayesian factorization machines", NIPS workshop on sparse representation and low-rank approximation, 2011.
//! R. Salakhutdinov, A. Mnih, "Bayesian probabilistic matrix factorization using Markov chain Monte Carlo", ICML 2008.
//! S. Rendle, L. Zhang, Y. Koren, "On the difficulty of evaluating baselines: a study on recommender systems", arXiv 1905.01395, 2019.

mod asker;
mod block;
mod chains;
mod design;
mod keeper;
mod left_out;
mod newcomer;
mod posterior;
mod probit;
mod samples;
mod side;
mod state;
#[cfg(test)]
mod tests;
mod trace;
mod weights;

use std::ops::ControlFlow;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::chains::Chains;
use self::design::{Design, Lists, Parts, SetDesign};
use self::keeper::{Keeper, Running};
use self::posterior::Posterior;
use self::probit::Levels;
use crate::data::ratings::Ratings;
use crate::error::{Error, Result};
use crate::fit::algorithm::{Algorithm, Kind, Knob, Preset, Task};
use crate::fit::model::Tensors;
use crate::fit::run::Run;

/// The parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bfm {
    /// Which weights meet in a rating.
    pub features: Features,
    /// How the prediction becomes a rating.
    pub target: Target,
    /// Whether what is known of users and items counts.
    pub attributes: bool,
    /// Whether how many ratings they have counts.
    pub counts: bool,
    /// k.
    pub factors: usize,
    /// σ₀.
    pub spread: f64,
    /// C.
    pub chains: usize,
    /// The first sweeps of each chain, which are not kept.
    pub burn_in: usize,
    /// The sweeps of each chain that count.
    pub samples: usize,
    /// How many of them the model keeps, evenly spread.
    pub keep: usize,
}

/// Which weights meet in a rating.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Features {
    /// User and item.
    Mf,
    /// And what the user rated.
    Svdpp,
    /// User, item and day.
    Timesvd,
    /// User, item, day and what the user rated.
    Timesvdpp,
    /// And who rated the item; the day where there are times.
    Flipped,
}

/// How the prediction becomes a rating.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// The rating is the prediction with normal noise.
    Gaussian,
    /// The rating is the step that the prediction with normal noise has passed.
    Probit,
}

impl Default for Bfm {
    fn default() -> Self {
        Self {
            features: Features::Flipped,
            target: Target::Gaussian,
            attributes: false,
            counts: false,
            factors: 10,
            spread: 0.1,
            chains: 16,
            burn_in: 16,
            samples: 48,
            keep: 48,
        }
    }
}

impl Algorithm for Bfm {
    const NAME: &'static str = "bfm";
    const TITLE: &'static str = "Bayesian factorization machine: many models drawn from the posterior";
    const TASK: Task = Task::Rating;
    const KNOBS: &'static [Knob] = &[
        Knob {
            name: "features",
            symbol: "x",
            kind: Kind::Choice { options: &["mf", "svdpp", "timesvd", "timesvdpp", "flipped"] },
            purpose: "which weights meet in a rating",
        },
        Knob {
            name: "target",
            symbol: "y",
            kind: Kind::Choice { options: &["gaussian", "probit"] },
            purpose: "whether ratings are numbers with noise, or steps that a hidden number passes",
        },
        Knob {
            name: "attributes",
            symbol: "x",
            kind: Kind::Flag,
            purpose: "whether what the data set tells of users and items counts too: ages, occupations, genres, years",
        },
        Knob {
            name: "counts",
            symbol: "x",
            kind: Kind::Flag,
            purpose: "whether how many training ratings a user and an item have counts too",
        },
        Knob {
            name: "factors",
            symbol: "k",
            kind: Kind::Integer { min: 1, max: 512, search: Some((8, 64)) },
            purpose: "length of the vectors",
        },
        Knob {
            name: "spread",
            symbol: "σ₀",
            kind: Kind::Real { min: 0.0, max: 10.0, search: Some((0.03, 1.0)) },
            purpose: "standard deviation of the weights that a chain starts with",
        },
        Knob {
            name: "chains",
            symbol: "C",
            kind: Kind::Integer { min: 1, max: 1024, search: None },
            purpose: "how many samplers run side by side; 16 cost little more than 8 and no less than 9",
        },
        Knob {
            name: "burn_in",
            symbol: "B",
            kind: Kind::Integer { min: 0, max: 100_000, search: None },
            purpose: "sweeps of each chain before the first sample",
        },
        Knob {
            name: "samples",
            symbol: "T",
            kind: Kind::Integer { min: 1, max: 100_000, search: None },
            purpose: "sweeps of each chain after that",
        },
        Knob {
            name: "keep",
            symbol: "T′",
            kind: Kind::Integer { min: 1, max: 100_000, search: None },
            purpose: "how many of them the model keeps of each chain, evenly spread",
        },
    ];
    const PRESETS: &'static [Preset] = &[
        Preset {
            name: "ml-100k",
            source: "the lower error of k = 8 and 10 in three folds of the training part u1, where a burn-in of 32 was better than 8 and 16 and as good as 64, and `counts` took 0.0011 off the error; test parts unseen",
            set: &[
                ("features", "flipped"),
                ("target", "probit"),
                ("counts", "true"),
                ("factors", "10"),
                ("chains", "16"),
                ("burn_in", "32"),
                ("samples", "48"),
                ("keep", "48"),
            ],
        },
        Preset {
            name: "ml-1m",
            source: "k of the notebook on MovieLens 1M that comes with myFM, 512 samples, and as long a burn-in as three minutes allow: with `counts` a burn-in of 28 was as good as 36 on a twentieth of a training part, and 0.0008 better than 36 without",
            set: &[
                ("features", "flipped"),
                ("target", "probit"),
                ("counts", "true"),
                ("factors", "32"),
                ("chains", "16"),
                ("burn_in", "28"),
                ("samples", "32"),
                ("keep", "32"),
            ],
        },
    ];
    const SOURCE: &'static str = include_str!("bfm.rs");
    const RESUMABLE: bool = true;
    /// The kept samples.
    type Model = Posterior;

    fn fit(&self, train: &Ratings, run: &mut Run<'_>) -> Result<Posterior> {
        let design = Design::new(train, self.parts(train)?, self.sides(train)?);
        self.check_size(&design)?;
        let levels = match self.target {
            Target::Gaussian => None,
            Target::Probit => Some(Levels::of(&design)?),
        };
        let mut groups = self.groups(&design, levels.as_ref(), run);
        run.check()?;
        let sizes = (self.burn_in, self.chains, self.kept().count());
        let mut keeper = Keeper::new(&design, levels.as_ref(), self.factors, sizes);
        let mut running = run.valid().map(Running::new);
        let first = match run.resumed() {
            Some(state) => state::restore(state, &design, (&mut groups, &mut keeper), self.chains)?,
            None => 0,
        };
        run.start_after(first);
        for sweep in first..self.burn_in + self.samples {
            let interrupt = run.interrupt();
            let work = |group: &mut Chains| group.sweep(&design, sweep < self.burn_in, interrupt);
            run.pool().install(|| groups.par_iter_mut().for_each(work));
            run.check()?;
            keeper.trace(&groups, &design);
            if self.kept().any(|kept| kept == sweep) {
                keeper.take(&groups, &design);
                if let Some(running) = &mut running {
                    running.add(&keeper, run.isa());
                }
            }
            if state::is_whole(sweep + 1) && run.wants_checkpoint(sweep + 1) {
                run.save(sweep + 1, state::store(&groups, &keeper, self.chains))?;
            }
            let valid_rmse = running.as_ref().and_then(Running::rmse);
            let squares: f64 = groups.iter().flat_map(|group| &group.squared_errors).take(self.chains).sum();
            let train_rmse = (squares / (self.chains * train.len().max(1)) as f64).sqrt();
            if run.end_measured_epoch(train_rmse, valid_rmse, TOO_WIDE)? == ControlFlow::Break(()) {
                break;
            }
        }
        if keeper.is_empty() {
            // Stopped before the first sample: what there is.
            keeper.take(&groups, &design);
        }
        Ok(keeper.finish(run.isa()).with_reach(train, run.pool()))
    }

    fn restore(&self, tensors: Tensors, train: &Ratings) -> Result<Posterior> {
        Posterior::restore(tensors, (train.users(), train.items()), (self.burn_in, self.chains))
    }
}

const TOO_WIDE: &str = "bring the ratings to a scale of a few units, such as 1 to 5";

impl Bfm {
    /// The draws of a sweep are counted in 32 bits, two columns at a time.
    fn check_size(&self, design: &Design) -> Result<()> {
        let sets = design.users.sets.iter().chain(&design.items.sets);
        let columns = design.users.counts.len() + design.items.counts.len() + design.day_counts.len();
        let columns = columns + sets.map(SetDesign::columns).sum::<usize>();
        if (columns / 2 + 4) as u64 * (self.factors as u64 + 1) < u64::from(u32::MAX) {
            return Ok(());
        }
        let problem =
            format!("{columns} columns with {} factors are more than 8.6 billion weights", self.factors);
        Err(Error::unsupported(problem, "lower `factors`"))
    }

    fn parts(&self, train: &Ratings) -> Result<Parts> {
        let (day, user_set, item_set) = match self.features {
            Features::Mf => (false, false, false),
            Features::Svdpp => (false, true, false),
            Features::Timesvd => (true, false, false),
            Features::Timesvdpp => (true, true, false),
            Features::Flipped => (train.has_times(), true, true),
        };
        if day && !train.has_times() {
            let problem = format!(
                "features = {:?} learns from the day of each rating, and these ratings have no times",
                self.features
            );
            return Err(Error::unsupported(
                problem.to_lowercase(),
                "give a column of times, or set features=svdpp",
            ));
        }
        Ok(Parts { day, user_set, item_set })
    }

    /// The sets of users and of items beside their ratings' own.
    fn sides(&self, train: &Ratings) -> Result<[Vec<(Lists, usize)>; 2]> {
        let mut sides = [Vec::new(), Vec::new()];
        if self.attributes {
            sides = known(train)?;
        }
        if self.counts {
            sides[0].push(side::magnitudes(train.user_counts()));
            sides[1].push(side::magnitudes(train.item_counts().into_iter()));
        }
        Ok(sides)
    }

    /// The sweeps whose samples are kept.
    fn kept(&self) -> impl Iterator<Item = usize> + '_ {
        let keep = self.keep.min(self.samples);
        (1..=keep).map(move |index| self.burn_in + index * self.samples / keep - 1)
    }

    /// The chains in groups of 16, or of 8 if there are more threads than groups. No chain's numbers depend on its group.
    fn groups(&self, design: &Design, levels: Option<&Levels>, run: &Run<'_>) -> Vec<Chains> {
        let lanes = if self.chains > 8 && self.chains.div_ceil(16) >= run.threads() { 16 } else { 8 };
        let (seed, start) = (run.seed(), (self.factors, self.spread as f32));
        let means = (run.isa(), run.interrupt());
        let group = |first: usize| Chains::new(design, levels, start, seed, (first, lanes), means);
        let firsts: Vec<usize> = (0..self.chains).step_by(lanes).collect();
        run.pool().install(|| firsts.into_par_iter().map(group).collect())
    }
}

/// The sets of users and of items that come from their attributes.
fn known(train: &Ratings) -> Result<[Vec<(Lists, usize)>; 2]> {
    let catalog = train.catalog();
    let sides = [side::sets(&catalog.user_attributes), side::sets(&catalog.item_attributes)];
    if sides.iter().all(Vec::is_empty) {
        let problem = "attributes = true, and nothing is known of these users and items but their ratings";
        return Err(Error::unsupported(
            problem,
            "set attributes=false, or use a data set by name, such as ml-100k",
        ));
    }
    Ok(sides)
}
