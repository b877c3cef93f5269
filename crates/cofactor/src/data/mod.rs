//! From a file or a name to [`Ratings`], and from those to a training and a test part.

pub mod attributes;
pub mod ids;
pub mod ratings;
pub mod read;
pub mod split;
