//! Vectors of 8 or 16 chains.

use fearless_simd::{Simd, f32x8, f32x16, prelude::*};

/// One number of each chain.
pub(super) trait Lanes<S: Simd>:
    SimdFloat<S, Element = f32> + SimdCvtFloat<<Self as SimdFloat<S>>::Bits>
{
}

impl<S: Simd> Lanes<S> for f32x8<S> {}
impl<S: Simd> Lanes<S> for f32x16<S> {}

/// The chains' numbers of one row of a table.
#[inline(always)]
pub(super) fn load<S: Simd, V: Lanes<S>>(simd: S, table: &[f32], row: usize) -> V {
    V::from_slice(simd, &table[row * V::LEN..][..V::LEN])
}

/// Writes what [`load`] reads.
#[inline(always)]
pub(super) fn store<S: Simd, V: Lanes<S>>(_simd: S, table: &mut [f32], row: usize, value: V) {
    value.store_slice(&mut table[row * V::LEN..][..V::LEN]);
}

/// The four vectors of one row of a table of fours.
#[inline(always)]
pub(super) fn load_four<S: Simd, V: Lanes<S>>(simd: S, table: &[f32], row: usize) -> [V; 4] {
    let row = &table[row * 4 * V::LEN..][..4 * V::LEN];
    // Written out: `map` over an array stays a call, and its vectors go through memory.
    [
        V::from_slice(simd, &row[..V::LEN]),
        V::from_slice(simd, &row[V::LEN..][..V::LEN]),
        V::from_slice(simd, &row[2 * V::LEN..][..V::LEN]),
        V::from_slice(simd, &row[3 * V::LEN..][..V::LEN]),
    ]
}

/// Writes what [`load_four`] reads.
#[inline(always)]
pub(super) fn store_four<S: Simd, V: Lanes<S>>(_simd: S, table: &mut [f32], row: usize, values: [V; 4]) {
    let row = &mut table[row * 4 * V::LEN..][..4 * V::LEN];
    values[0].store_slice(&mut row[..V::LEN]);
    values[1].store_slice(&mut row[V::LEN..][..V::LEN]);
    values[2].store_slice(&mut row[2 * V::LEN..][..V::LEN]);
    values[3].store_slice(&mut row[3 * V::LEN..][..V::LEN]);
}
