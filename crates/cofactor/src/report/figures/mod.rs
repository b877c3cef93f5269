//! The charts, each with its statement, its reading and its table.

mod chains;
mod drift;
mod errors;
mod groups;
mod intervals;
mod learning;
mod long_tail;
mod trade_off;
mod trials;
mod values;

pub(super) use chains::{coverage, traces};
pub(super) use drift::drift;
pub(super) use errors::{by_rating, calibration, errors};
pub(super) use groups::{Grouped, by_count};
pub(super) use intervals::{Row, intervals};
pub(super) use learning::{learning, stopping};
pub(super) use long_tail::long_tail_picture;
pub(super) use trade_off::{trade_off, trade_off_picture};
pub(super) use trials::{history, scatter};
pub(super) use values::values;

use super::plot::number;

/// A rating as it is given: 4, 3.5.
fn rating(value: f64) -> String {
    number(value, usize::from(value.fract() != 0.0))
}

/// Half the width of a 95 % interval, in standard errors of a mean over many users.
const HALF_INTERVAL: f64 = 1.96;
