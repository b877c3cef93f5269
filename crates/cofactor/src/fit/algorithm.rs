//! What an algorithm is: its parameters, how it is fitted, and how a fitted model comes back from a file.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::model::{Model, Tensors};
use super::objective::Objective;
use super::run::Run;
use crate::data::ratings::Ratings;
use crate::error::{Error, Result};

/// What a model is trained for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Predicts ratings: squared error.
    Rating,
    /// Ranks items: clicks, plays, purchases.
    Ranking,
}

/// An algorithm is the struct of its parameters.
///
/// Its fields are public and have serde's `default` and `deny_unknown_fields`; each has a [`Knob`].
pub trait Algorithm: Default + Serialize + DeserializeOwned + Send + Sync {
    /// Its name on the command line.
    const NAME: &'static str;
    /// One line about it.
    const TITLE: &'static str;
    /// What it is trained for.
    const TASK: Task;
    /// Its parameters, in the order of the struct.
    const KNOBS: &'static [Knob];
    /// Named sets of parameters.
    const PRESETS: &'static [Preset];
    /// Its own source file, whose head is its documentation: `include_str!`.
    const SOURCE: &'static str;
    /// Whether a fit hands out states that another one can go on from ([`Run::with_checkpoints`]): worth it where a fit takes long.
    const RESUMABLE: bool = false;
    /// What a fit returns.
    type Model: Model + 'static;

    /// Learns from the training part.
    ///
    /// # Errors
    /// [`Error::Diverged`] when a parameter or the loss leaves the finite numbers. Never returns `Ok` with one that has.
    fn fit(&self, train: &Ratings, run: &mut Run<'_>) -> Result<Self::Model>;

    /// Makes the model from its tensors and the ratings it was trained on, which carry no times. The file's frame has been
    /// checked, the shapes have not.
    fn restore(&self, tensors: Tensors, train: &Ratings) -> Result<Self::Model>;

    /// What it minimises, as expressions, each with a stretch of its training: `cofactor derive` differentiates them and holds the training against the gradient. Empty for an
    /// algorithm that follows no gradient.
    fn objectives(&self) -> Vec<Objective> {
        Vec::new()
    }

    /// In which order the epoch of that number, counted from 0, visits the training ratings, each by its place in the order of [`Ratings::rows`]: for
    /// somebody who follows the training by hand. `None` for an algorithm that does not visit them one by one.
    fn visits(&self, _train: &Ratings, _run: &Run<'_>, _epoch: usize) -> Option<Vec<u32>> {
        None
    }

    /// What the ranges of the knobs cannot say, such as one parameter depending on another.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// One parameter: for help, checks, search and docs.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Knob {
    /// The field's name.
    pub name: &'static str,
    /// The letter it has in the equations.
    pub symbol: &'static str,
    /// The values it may take.
    pub kind: Kind,
    /// What it is for, in one line.
    pub purpose: &'static str,
}

/// The values that a parameter may take, both ends included, and the part of them worth searching.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Kind {
    /// A whole number.
    Integer {
        /// The range that is accepted.
        min: u64,
        /// The range that is accepted.
        max: u64,
        /// The range that is searched, on a logarithmic scale.
        search: Option<(u64, u64)>,
    },
    /// A real number.
    Real {
        /// The range that is accepted.
        min: f64,
        /// The range that is accepted.
        max: f64,
        /// The range that is searched, on a logarithmic scale.
        search: Option<(f64, f64)>,
    },
    /// Yes or no.
    Flag,
    /// One of a few words.
    Choice {
        /// The words.
        options: &'static [&'static str],
    },
}

/// A named set of parameters, and where it comes from.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Preset {
    /// Its name: `lesson`, `ml-100k`, …
    pub name: &'static str,
    /// The publication or the search that it comes from.
    pub source: &'static str,
    /// Parameters and values as JSON; the others keep their defaults.
    pub set: &'static [(&'static str, &'static str)],
}

impl Kind {
    /// The accepted values in words.
    pub fn expected(&self) -> String {
        match self {
            Self::Integer { min, max, .. } => format!("a whole number from {min} to {max}"),
            Self::Real { min, max, .. } => format!("a number from {min} to {max}"),
            Self::Flag => "true or false".to_owned(),
            Self::Choice { options } => format!("one of {}", options.join(", ")),
        }
    }

    /// Whether a value is accepted.
    pub fn accepts(&self, value: &Value) -> bool {
        match self {
            Self::Integer { min, max, .. } => value.as_u64().is_some_and(|v| (*min..=*max).contains(&v)),
            Self::Real { min, max, .. } => value.as_f64().is_some_and(|v| (*min..=*max).contains(&v)),
            Self::Flag => value.is_boolean(),
            Self::Choice { options } => value.as_str().is_some_and(|v| options.contains(&v)),
        }
    }

    /// A value as a person writes it after `--set key=`.
    pub fn parse(&self, written: &str) -> Value {
        match self {
            Self::Choice { .. } => Value::String(written.to_owned()),
            _ => serde_json::from_str(written).unwrap_or_else(|_| Value::String(written.to_owned())),
        }
    }
}

/// Makes an algorithm from the parameters that differ from its defaults. One code for command line, file and
/// service.
pub fn configure<A: Algorithm>(parameters: &Map<String, Value>) -> Result<A> {
    for (name, value) in parameters {
        let Some(knob) = A::KNOBS.iter().find(|knob| knob.name == name) else {
            let known = A::KNOBS.iter().map(|knob| knob.name.to_owned()).collect();
            return Err(Error::UnknownName { kind: "parameter", name: name.clone(), known });
        };
        if !knob.kind.accepts(value) {
            let hint = format!("{}: {}", knob.name, knob.purpose);
            return Err(Error::parameter(name, value, knob.kind.expected(), hint));
        }
    }
    let algorithm: A = serde_json::from_value(Value::Object(parameters.clone())).map_err(|error| {
        Error::parameter(A::NAME, error, "parameters as `cofactor models` lists them", "")
    })?;
    algorithm.check()?;
    Ok(algorithm)
}
