//! # Bayesian factorization machine
//!
//! ## Model
//! ## Objective
//! ## Update
//! ## Cost
//! ## Unknown users and items
//! ## Defaults and their source
//! ## Differences from the paper
//! ## References

mod chains;
mod design;
mod newcomer;
mod posterior;

use std::ops::ControlFlow;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::chains::Chains;
use self::design::{Design, Parts};
use self::posterior::{Keeper, Posterior};
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
    /// k.
    pub factors: usize,
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

impl Default for Bfm {
    fn default() -> Self {
        Self { features: Features::Flipped, factors: 10, chains: 16, burn_in: 8, samples: 32, keep: 32 }
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
            name: "factors",
            symbol: "k",
            kind: Kind::Integer { min: 1, max: 512, search: Some((8, 64)) },
            purpose: "length of the vectors",
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
    const PRESETS: &'static [Preset] = &[];
    const SOURCE: &'static str = include_str!("bfm.rs");
    /// The kept samples.
    type Model = Posterior;

    fn fit(&self, train: &Ratings, run: &mut Run<'_>) -> Result<Posterior> {
        let design = Design::new(train, self.parts(train)?, [Vec::new(), Vec::new()]);
        let mut groups = self.groups(&design, run);
        let mut keeper = Keeper::new(&design, self.factors, self.chains, self.kept().count());
        run.start();
        for sweep in 0..self.burn_in + self.samples {
            let interrupt = run.interrupt();
            let work = |group: &mut Chains| {
                if !interrupt.requested() {
                    group.sweep(&design);
                }
            };
            run.pool().install(|| groups.par_iter_mut().for_each(work));
            run.check()?;
            if self.kept().any(|kept| kept == sweep) {
                keeper.take(&groups, &design);
            }
            let squares: f64 = groups.iter().flat_map(Chains::squared_errors).take(self.chains).sum();
            let train_rmse = (squares / (self.chains * train.len().max(1)) as f64).sqrt();
            if run.end_measured_epoch(train_rmse, None, "")? == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(keeper.finish(&design, run.isa()))
    }

    fn restore(&self, tensors: Tensors, train: &Ratings) -> Result<Posterior> {
        Posterior::restore(tensors, (train.users(), train.items()))
    }
}

impl Bfm {
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

    /// The sweeps whose samples are kept.
    fn kept(&self) -> impl Iterator<Item = usize> + '_ {
        let keep = self.keep.min(self.samples);
        (1..=keep).map(move |index| self.burn_in + index * self.samples / keep - 1)
    }

    /// The chains in groups of 16, or of 8 if there are more threads than groups. No chain's numbers depend on its group.
    fn groups(&self, design: &Design, run: &Run<'_>) -> Vec<Chains> {
        let lanes = if self.chains > 8 && self.chains.div_ceil(16) >= run.threads() { 16 } else { 8 };
        let (seed, isa) = (run.seed(), run.isa());
        let group = |first: usize| Chains::new(design, self.factors, seed, (first, lanes), isa);
        let firsts: Vec<usize> = (0..self.chains).step_by(lanes).collect();
        run.pool().install(|| firsts.into_par_iter().map(group).collect())
    }
}
