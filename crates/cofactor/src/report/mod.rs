//! Everything of one run, as JSON for programs and as one page for people.
//!
//! `report.json` is a [`Report`] written by serde, so the fields below are its documentation. `report.html` is
//! [`Report::html`]: one file that needs nothing from the network and no script to be read.

mod comparison;
mod figures;
mod html;
mod ladder;
mod map;
mod page;
mod plot;
mod prose;
#[cfg(test)]
mod tests;
mod tuning;
mod words;

pub use comparison::ComparisonReport;
pub use ladder::LadderReport;
pub use prose::{equations, indexed};
pub use tuning::StudyReport;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::data::split::Unseen;
use crate::error::{Error, Result};
use crate::eval::convergence::Convergence;
use crate::eval::coverage::Coverage;
use crate::eval::diagnostics::Diagnostics;
use crate::eval::early::Found;
use crate::eval::evaluate::{Curve, FoldResult};
use crate::eval::metric::{Estimates, Summary};
use crate::eval::ranking::RankingFigures;
use crate::eval::ranking::popularity::Setting;
use crate::fit::run::Epoch;

/// How unevenly items are taken, as an SVG picture: the share of all ratings that the most popular items hold, for each share of the items. `counts`: how often each was taken.
pub fn long_tail_picture(counts: &[usize]) -> String {
    figures::long_tail_picture(counts)
}

/// What popularity is worth, as an SVG picture: a metric of [`crate::eval::ranking::popularity::trade_off`] against how much of the catalogue is shown; empty where coverage was not measured or
/// there are fewer than two settings.
pub fn trade_off_picture(settings: &[Setting], metric: &str) -> String {
    figures::trade_off_picture(settings, metric)
}

/// One run: what was read, how it was split, what was fitted, how well it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The version of Cofactor that wrote it.
    pub version: String,
    /// The command that prints it again.
    pub command: String,
    /// What was read.
    pub data: Data,
    /// How it was cut into a training and a test part.
    pub split: Split,
    /// What was fitted.
    pub model: ModelSummary,
    /// The seed of every random draw.
    pub seed: u64,
    /// How many threads worked; they never change a figure.
    pub threads: usize,
    /// By metric, `rmse`, `mse`, `mae`, …: over the test part, or over all folds' test ratings pooled.
    pub metrics: Estimates,
    /// The metrics of rankings, if they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranking: Option<RankingFigures>,
    /// What popularity is worth to these rankings, at several settings of `recommend --popularity`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trade_off: Vec<Setting>,
    /// Each metric over the folds; empty for a single split.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub summary: BTreeMap<String, Summary>,
    /// Each fold of a cross-validation; empty for a single split.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folds: Vec<FoldResult>,
    /// Wall times.
    pub seconds: Seconds,
    /// The passes over the training part; empty for models that make none.
    #[serde(default)]
    pub epochs: Vec<Epoch>,
    /// What the epochs' `valid_rmse` was measured on.
    #[serde(default = "nothing")]
    pub curve: Curve,
    /// How the number of epochs was found, if it was; of several folds, in the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<Found>,
    /// Where it ran.
    pub machine: Machine,
    /// How much the model's intervals hold of what they promise, where it has any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coverage: Vec<Coverage>,
    /// What the model's chains went through, where it was made of samples.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chains: Vec<Convergence>,
    /// What the errors look like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnostics: Option<Diagnostics>,
    /// One user's ratings beside what the model picks for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<Example>,
}

/// The data set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Data {
    /// Its name, or its file's.
    pub name: String,
    /// m.
    pub users: usize,
    /// n.
    pub items: usize,
    /// N.
    pub ratings: usize,
    /// N/(mn).
    pub density: f64,
    /// The lowest and the highest rating.
    pub scale: [f32; 2],
    /// SHA-256 over all ratings, in hexadecimal digits.
    pub fingerprint: String,
    /// The first and the last time, in seconds since 1970 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_span: Option<[i64; 2]>,
    /// How many ratings have each value, values increasing.
    #[serde(default)]
    pub histogram: Vec<ValueCount>,
}

/// How often a rating occurs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ValueCount {
    /// The rating.
    pub value: f32,
    /// How many there are.
    pub count: usize,
}

/// The split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Split {
    /// As it is written on the command line: `user:0.2`, `official:u1`, …
    pub spec: String,
    /// Ratings to learn from.
    pub train: usize,
    /// Ratings to be predicted.
    pub test: usize,
    /// What the training part knows that it should not, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leakage: Option<String>,
    /// What the test part asks about that the training part has never seen.
    #[serde(default)]
    pub unseen: Unseen,
}

/// The model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelSummary {
    /// Its name on the command line.
    pub name: String,
    /// One line about it.
    pub title: String,
    /// All its parameters.
    pub config: Map<String, Value>,
    /// The head of its source file, as Markdown: model, objective, update, …
    #[serde(default)]
    pub documentation: String,
}

/// Wall times in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Seconds {
    /// Reading the data.
    pub read: f64,
    /// Splitting them.
    pub split: f64,
    /// Fitting.
    pub fit: f64,
    /// Predicting the test part, with the diagnostics.
    pub evaluate: f64,
    /// From start to end.
    pub total: f64,
}

/// The machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Its operating system: `linux`, `macos`, …
    pub os: String,
    /// Its processor family: `x86_64`, `aarch64`, …
    pub arch: String,
    /// The instructions that the kernels use.
    pub isa: String,
    /// Processors that the system grants.
    pub cores: usize,
}

/// One user, what they liked most and what the model picks for them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// The user's raw id.
    pub user: String,
    /// Their highest ratings, the highest first.
    pub liked: Vec<Liked>,
    /// What they have not rated, the best first.
    pub picks: Vec<Pick>,
}

/// A rating that the user gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Liked {
    /// The item's title, or its raw id.
    pub title: String,
    /// The rating.
    pub rating: f32,
}

/// An item that the model picks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pick {
    /// The item's title, or its raw id.
    pub title: String,
    /// The rating that the model expects, on the scale.
    pub predicted: f64,
    /// What the user in fact gave it, where the test part has that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out: Option<f32>,
    /// The ratings that speak most for it, the strongest first.
    #[serde(default)]
    pub reasons: Vec<Reason>,
}

/// A rating that led to a pick.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// The rated item's title, or its raw id.
    pub title: String,
    /// What the user gave it: a low rating of one item can speak for another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<f32>,
    /// What it adds to the prediction, as a part of all that speaks for the pick: 0 to 1.
    pub share: f64,
}

impl Report {
    /// As `report.json`, indented.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report has string keys and finite numbers alone")
    }

    /// From `report.json`; fields of later versions are ignored.
    ///
    /// # Errors
    /// The text is no report.
    pub fn from_json(json: &str) -> Result<Self> {
        serde_json::from_str(json).map_err(|error| {
            Error::unsupported(
                format!("this is not a report: {error}"),
                "give the `report.json` that `cofactor run` writes",
            )
        })
    }
}

/// Reports written without the field have no such curve.
fn nothing() -> Curve {
    Curve::Nothing
}
