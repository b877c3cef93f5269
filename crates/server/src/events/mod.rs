//! What people do, kept for good: nothing that was acknowledged is lost, and nothing counts twice.

mod disk;
mod embedded;
pub(crate) mod export;
mod overlay;
mod postgres;
mod store;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::BTreeSet;

use cofactor::recommender::HistoryEntry;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use store::{Refit, Store};

/// Somebody rates, plays, buys or clicks something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Who, by raw id.
    #[schema(min_length = 1, max_length = 256)]
    pub user: String,
    /// What, by raw id.
    #[schema(min_length = 1, max_length = 256)]
    pub item: String,
    /// The rating, or how often.
    pub value: f32,
    /// When, in seconds since 1970-01-01 UTC; without it, when the event arrives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<i64>,
    /// The sender's name for it. An event whose name has been kept before does not count again, so a request that was not answered can be sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 256)]
    pub id: Option<String>,
}

/// What became of the events of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Kept {
    /// Events that are now on the disk.
    pub accepted: usize,
    /// Events that were there before, by their ids.
    pub duplicates: usize,
}

/// What was taken away with a user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erased {
    /// How many events.
    pub events: usize,
}

/// What there is of a user from some event on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Since {
    /// In the order in which they came.
    pub entries: Vec<HistoryEntry>,
    /// Whether the user has asked to be forgotten since: what was known before does not count.
    pub erased: bool,
}

/// What there is of everybody from some event on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct News {
    /// By user, and then in the order in which they came.
    pub events: Vec<Event>,
    /// Who has asked to be forgotten since.
    pub erased: BTreeSet<String>,
    /// The number of the next event.
    pub next: u64,
}

/// What the store could not do.
#[derive(Debug, Clone)]
pub struct StoreError {
    /// What happened.
    pub problem: String,
    /// The way out, where there is one to tell.
    pub hint: String,
    /// Whether the same request may succeed later.
    pub passing: bool,
}

impl StoreError {
    /// What may succeed later.
    pub(crate) fn passing(problem: impl Into<String>) -> Self {
        Self { problem: problem.into(), hint: String::new(), passing: true }
    }

    /// What will not succeed by being tried again.
    pub(crate) fn lasting(problem: impl Into<String>) -> Self {
        Self { problem: problem.into(), hint: String::new(), passing: false }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.problem)
    }
}

impl std::error::Error for StoreError {}
