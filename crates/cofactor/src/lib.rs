//! Cofactor: a matrix-factorization recommender.
//!
//! The way of the data, which is also the direction of the imports:
//!
//! ```text
//! data (read, datasets → Ratings → split) → algo (fit) → eval → report
//!                                             └→ store (model file) → recommender
//! ```

pub mod algo;
pub mod data;
pub mod derive;
pub mod error;
pub mod eval;
pub mod fit;
pub mod recommender;
pub mod registry;
pub mod report;
pub mod store;
pub mod tune;

pub use error::{Error, Result};

/// The programs of a page of the documentation are tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/rust.md")]
struct RustPage;
