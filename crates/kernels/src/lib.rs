//! The dense f32 loops of Cofactor.
//!
//! Each kernel is one generic body over [`fearless_simd::Simd`], compiled for every instruction set and chosen at run
//! time, once per block of work. All of them sum in one fixed order of 16 lanes and use fused
//! multiply-add throughout, so every instruction set gives the same bits; [`twin`] holds the readable definitions that the
//! property tests compare them with.
//!
//! Rows are padded with zeros to 8 entries or a multiple of 16 ([`padded`]), so no kernel has a tail.

#![allow(
    clippy::inline_always,
    reason = "a SIMD body must be inlined into the function that enables its instructions"
)]
#![allow(
    clippy::needless_range_loop,
    reason = "without link-time optimization the functions of an iterator stay calls, which cost a loop over lanes several times its work"
)]

mod contrast;
mod descend;
mod dot;
pub mod gibbs;
mod half;
mod isa;
mod lanes;
mod link;
mod normal;
mod peak;
mod product;
mod products;
mod residual;
mod row;
mod sgd;
pub mod twin;

pub use contrast::{Contrast, Contrasted, Pull, Triples, contrast};
pub use descend::Steps;
pub use dot::{dot, dot_rows};
pub use half::{by_sample, from_half, to_half};
pub use isa::Isa;
use lanes::Lanes;
pub use link::{Link, sigmoid, sigmoids};
pub use normal::{Dual, Gram, NormalEquations, Samples};
pub use peak::fused;
pub use product::{Rows, add_product};
pub use products::{Found, Packed, Skipped, products, products_above};
pub use residual::{Errors, Gathered};
pub use row::{Mates, Own, RowStep, row, shift_rows, sum_rows};
pub use sgd::{Block, Entry, Pace, PacedSgd, Sgd, paced_sgd, sgd};

/// How many partial sums a dot product keeps.
pub const LANES: usize = 16;

/// The largest padded row that a model may have.
pub const MAX_PADDED: usize = 2048;

/// The length of a row of k entries with its padding: 8 up to k = 8, then the next multiple of 16.
///
/// Half a vector saves memory where it matters, for the shortest rows; for longer ones a tail costs more time than its zeros.
pub const fn padded(k: usize) -> usize {
    k.next_multiple_of(if k <= LANES / 2 { LANES / 2 } else { LANES })
}

/// As many entries or fewer beyond whole vectors are kept apart where whole rows are summed often: a vector for so few would be mostly zeros.
pub(crate) const NARROW: usize = 4;

/// How many entries of a row of k are beyond its whole vectors, if that is from 1 to [`NARROW`] of them; otherwise 0.
pub(crate) const fn narrow(k: usize) -> usize {
    if k > LANES && k % LANES <= NARROW { k % LANES } else { 0 }
}

/// Whether a row may have that length: what [`padded`] gives for some k > 0.
pub(crate) const fn is_padded(stride: usize) -> bool {
    stride > 0 && stride <= MAX_PADDED && padded(stride) == stride
}
