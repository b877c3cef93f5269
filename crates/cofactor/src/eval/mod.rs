//! How good a model is, and how sure one can be of that.

pub mod evaluate;
pub mod metric;
pub mod quantile;
