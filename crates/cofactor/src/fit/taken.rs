//! What ratings mean to a model that ranks: whoever gave an item at least so much has taken it.

use crate::data::ratings::Ratings;
use crate::error::{Error, Result};

use super::algorithm::{Kind, Knob};

/// The knob of the threshold, which all models that rank share.
pub const IMPLICIT_FROM: Knob = Knob {
    name: "implicit_from",
    symbol: "θ",
    kind: Kind::Real { min: 0.0, max: 1e9, search: None },
    purpose: "ratings of at least this count as taken; 0: all that are above zero",
};

/// Whether a rating says that the item was taken. Zero and less never do.
pub fn is_taken(value: f32, from: f64) -> bool {
    value > 0.0 && f64::from(value) >= from
}

/// The ratings that say so; the same ones, shared, where all do.
///
/// # Errors
/// There are ratings, and none of them says so.
pub fn taken(train: &Ratings, from: f64) -> Result<Ratings> {
    if train.values().iter().all(|&value| is_taken(value, from)) {
        return Ok(train.clone());
    }
    let taken = train.filter(|rating| is_taken(rating.value, from));
    if taken.is_empty() { Err(nothing(train, from)) } else { Ok(taken) }
}

/// The error where no rating counts as taken.
#[cold]
pub fn nothing(train: &Ratings, from: f64) -> Error {
    let highest = train.values().iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let expected = format!("at most the highest rating, {highest}");
    let hint = "ratings of at least this, and above zero, count as taken, and here none would be";
    Error::parameter(IMPLICIT_FROM.name, from, expected, hint)
}
