//! One algorithm per file; each file's head is its documentation. [`crate::registry`] lists them.

pub mod als;
pub mod baseline;
pub mod bfm;
pub mod bpr;
pub mod ccl;
pub mod chebycf;
pub mod ease;
pub mod ials;
pub mod itemknn;
pub mod knn;
pub mod logistic;
pub mod mf;
pub mod nmf;
pub mod popular;
pub mod slope_one;
pub mod svdpp;
pub mod timesvdpp;
