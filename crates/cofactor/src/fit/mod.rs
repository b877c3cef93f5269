//! What every algorithm is made of: the traits, a run, factors, parallel sweeps, random streams.

pub mod algorithm;
pub(crate) mod balance;
pub mod bias;
pub mod factors;
pub(crate) mod graph;
pub mod linear;
pub mod model;
pub mod neighbours;
pub(crate) mod normal;
pub mod objective;
pub(crate) mod orthonormal;
pub mod outlook;
pub mod ridge;
pub mod rng;
pub mod run;
pub mod sets;
pub(crate) mod square;
pub mod sweep;
pub mod taken;
pub mod tiles;
pub(crate) mod top;
pub mod triples;
pub mod whole;
