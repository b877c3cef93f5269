//! The native half of the Python package `cofactor`: arguments → library call → arrays or JSON.
//!
//! What a person sees is the typed Python around it (`python/cofactor`); this module has no names that people use. Structured results cross as
//! JSON, which the library writes for the command too; arrays cross as NumPy arrays.

#![expect(clippy::needless_pass_by_value, reason = "PyO3 hands arguments over by value")]

mod columns;
mod derive;
mod errors;
mod experiments;
mod fitted;
mod models;
mod ratings;
mod work;

use pyo3::prelude::*;

/// The native half of `cofactor`.
#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::columns::{ArrowColumn, arrow_columns, find_columns};
    #[pymodule_export]
    use crate::derive::{check_derivation, derivation};
    #[pymodule_export]
    use crate::experiments::{climb, compare, evaluate, ranking_metrics, tune};
    #[pymodule_export]
    use crate::fitted::{Fitted, fit, load_model, visits};
    #[pymodule_export]
    use crate::models::{configure, models};
    #[pymodule_export]
    use crate::ratings::{Ratings, datasets, load, ratings_from_columns, read_file};

    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "Python's name for it")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
