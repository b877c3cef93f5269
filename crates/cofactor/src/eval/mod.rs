//! How good a model is, and how sure one can be of that.

mod clock;
pub mod compare;
pub mod convergence;
pub mod coverage;
pub mod diagnostics;
pub mod drift;
pub mod early;
pub mod evaluate;
pub mod interval;
pub mod ladder;
pub(crate) mod map;
pub mod metric;
pub mod predict;
pub mod ranking;
