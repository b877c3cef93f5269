//! Gibbs sampling of a factorization machine whose design falls into blocks of rows, for 8 or 16 independent chains side by side.
//!
//! Every table holds a row's numbers of all chains together, one lane each, so an index is read once for all chains and nothing is gathered. No
//! lane ever meets another: a chain's numbers are the same in vectors of 8 and of 16.
//!
//! A rating l belongs to a session s, which is a user on a day, and to an item i. With T the parts of its prediction that do not depend on the
//! other side, and q the value of a factor on either side, e = r + T_s + T_i is its error, prediction minus rating, where r = Σ_f q_sf q_if − y. Only r is kept for each rating.
//!
//! What a block's weights need to know of the ratings of a row of the block is in four sums, side by side in a table of fours: with o the value of the factor outside of the block,
//! Σe, Σe·o, Σo and Σo². For the linear weights the factor's place is taken by 1: Σe·o = Σe, Σo² = n, and the other two count as 0, which turns the equations of factors into those of
//! weights. All definitions are in [`twin`].
//!
//! S. Rendle, "Scaling factorization machines to relational data", VLDB 2013, section 4.3.

mod columns;
mod gauss;
mod lanes;
mod noise;
mod probit;
mod rows;
mod sessions;
mod stream;
#[cfg(test)]
mod tests;
pub mod twin;

pub use columns::{OneHot, SetColumns, one_hot, set_columns, set_start};
pub use noise::{Conditional, Noise};
pub use probit::{Hidden, Steps, TERMS, draw_hidden, expected_ratings, predict_hidden, threshold_terms};
pub use rows::{Compose, SetRows, compose, set_sums, settle, sums};
pub use sessions::{Owned, gather, join, scatter, shift};
pub use stream::{Sides, by_item, by_session, linear_by_session};

/// Compiles a body for 8 and for 16 chains and every instruction set with a fused multiply-add. Where it has to be emulated the twin is no slower, and saves half of the code.
macro_rules! for_lanes {
    ($isa:expr, $lanes:expr, $simd:ident, $body:ident($($argument:expr),*), else $twin:expr) => {
        match ($isa.0, $lanes) {
            #[cfg(target_arch = "x86_64")]
            (fearless_simd::Level::Avx512($simd), 8) => fearless_simd::Simd::vectorize(
                $simd,
                #[inline(always)]
                || $body::<_, fearless_simd::f32x8<_>>($simd, $($argument),*),
            ),
            #[cfg(target_arch = "x86_64")]
            (fearless_simd::Level::Avx512($simd), 16) => fearless_simd::Simd::vectorize(
                $simd,
                #[inline(always)]
                || $body::<_, fearless_simd::f32x16<_>>($simd, $($argument),*),
            ),
            #[cfg(target_arch = "x86_64")]
            (fearless_simd::Level::Avx2($simd), 8) => fearless_simd::Simd::vectorize(
                $simd,
                #[inline(always)]
                || $body::<_, fearless_simd::f32x8<_>>($simd, $($argument),*),
            ),
            #[cfg(target_arch = "x86_64")]
            (fearless_simd::Level::Avx2($simd), 16) => fearless_simd::Simd::vectorize(
                $simd,
                #[inline(always)]
                || $body::<_, fearless_simd::f32x16<_>>($simd, $($argument),*),
            ),
            #[cfg(target_arch = "aarch64")]
            (fearless_simd::Level::Neon($simd), 8) => fearless_simd::Simd::vectorize(
                $simd,
                #[inline(always)]
                || $body::<_, fearless_simd::f32x8<_>>($simd, $($argument),*),
            ),
            #[cfg(target_arch = "aarch64")]
            (fearless_simd::Level::Neon($simd), 16) => fearless_simd::Simd::vectorize(
                $simd,
                #[inline(always)]
                || $body::<_, fearless_simd::f32x16<_>>($simd, $($argument),*),
            ),
            (_, 8 | 16) => $twin,
            (_, other) => panic!("there are 8 or 16 chains in a group, not {other}"),
        }
    };
}
use for_lanes;
