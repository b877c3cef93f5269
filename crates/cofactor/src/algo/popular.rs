//! # Popular: what most people take
//!
//! Letters: n items, N ratings; n_i how often item i has been taken.
//!
//! ## Model
//! ```text
//! x̂_ui = n_i                                                                                   (1)
//! ```
//! The same order for everybody: what any other model has to beat. Taken is what was rated at least θ (`implicit_from`) and above zero.
//!
//! ## Objective
//! None.
//!
//! ## Update
//! None: the ratings are counted.
//!
//! ## Cost
//! O(N).
//!
//! ## Unknown users and items
//! Everybody is answered alike. An item that nobody took has a count of zero.
//!
//! ## Defaults and their source
//! θ = 0: every rating above zero counts.
//!
//! ## Differences from the paper
//! There is none.
//!
//! ## References
//! P. Cremonesi, Y. Koren, R. Turrin, "Performance of recommender algorithms on top-N recommendation tasks", RecSys 2010, section 3.1 (TopPop).

use cofactor_kernels::Link;
use serde::{Deserialize, Serialize};

use crate::data::ratings::Ratings;
use crate::error::Result;
use crate::fit::algorithm::{Algorithm, Knob, Preset, Task};
use crate::fit::factors::{Factors, Matrix, Prior};
use crate::fit::model::Tensors;
use crate::fit::run::Run;
use crate::fit::taken::{IMPLICIT_FROM, taken};

/// The parameters.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Popular {
    /// θ.
    pub implicit_from: f64,
}

impl Algorithm for Popular {
    const NAME: &'static str = "popular";
    const TITLE: &'static str = "what most people take, for everybody alike";
    const TASK: Task = Task::Ranking;
    const KNOBS: &'static [Knob] = &[IMPLICIT_FROM];
    const PRESETS: &'static [Preset] = &[];
    const SOURCE: &'static str = include_str!("popular.rs");
    /// n_i, as the items' biases of factors with k = 0.
    type Model = Factors;

    fn fit(&self, train: &Ratings, run: &mut Run<'_>) -> Result<Factors> {
        run.check()?;
        let taken = taken(train, self.implicit_from)?;
        Ok(Factors {
            isa: run.isa(),
            link: Link::Identity,
            mean: 0.0,
            users: Matrix::zeros(train.users(), 0),
            items: Matrix::zeros(train.items(), 0),
            user_bias: vec![0.0; train.users()],
            item_bias: taken.item_counts().into_iter().map(|count| count as f32).collect(),
            prior: Prior { mean: vec![0.0], precision: vec![0.0] },
            unseen_item: vec![0.0],
        })
    }

    fn restore(&self, tensors: Tensors, _train: &Ratings) -> Result<Factors> {
        Factors::restore(tensors)
    }
}
