//! From a file or a name to [`ratings::Ratings`], and from those to a training and a test part.

pub mod attributes;
pub mod datasets;
pub mod ids;
pub mod ratings;
pub mod read;
pub mod split;
pub mod synth;
