//! What people do, kept for good: nothing that was acknowledged is lost, and nothing counts twice.

mod disk;
pub(crate) mod export;
mod overlay;
mod store;
#[cfg(test)]
mod tests;
mod writer;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use store::{Since, Store, StoreError};

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
