//! Products of dense matrices.

use fearless_simd::{Simd, dispatch, f32x16, prelude::*};

use crate::{Isa, LANES};

/// As many rows of B are passed at a time.
const DEPTH: usize = 128;

/// Rows that stand in a slice, one every `stride` entries.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// The entries.
    pub entries: &'a [f32],
    /// From the start of one row to that of the next.
    pub stride: usize,
}

/// C += A·B, with A of m×d, B of d×n and C of m×n, whose rows are `stride` entries apart. Each entry of C is summed in the order of B's rows, one fused
/// multiply-add each. See [`crate::twin::add_product`].
///
/// # Panics
/// When n is no multiple of 16, or a row is not in its slice.
pub fn add_product(isa: Isa, [m, d, n]: [usize; 3], a: Rows<'_>, b: Rows<'_>, c: &mut [f32], stride: usize) {
    assert!(n.is_multiple_of(LANES), "columns come in whole vectors");
    if m == 0 || n == 0 {
        return;
    }
    dispatch!(isa.0, simd => rows(simd, [m, d, n], a, b, c, stride));
}

#[inline(always)]
fn rows<S: Simd>(simd: S, [m, d, n]: [usize; 3], a: Rows<'_>, b: Rows<'_>, c: &mut [f32], stride: usize) {
    // A copy of some rows of A, of a length that is known when compiling: otherwise each needs a pointer and a check.
    let mut left = [[0.0; DEPTH]; 8];
    for first in (0..d).step_by(DEPTH) {
        // As many columns of B as are multiplied together then stay in the first-level cache.
        let depth = (d - first).min(DEPTH);
        let a = Rows { entries: &a.entries[first..], ..a };
        let b = Rows { entries: &b.entries[first * b.stride..], ..b };
        let mut column = 0;
        while column < n {
            // As many sums as leave registers for what is multiplied.
            let wide = if S::f32s::LEN == LANES { 3 } else { 1 };
            let tiles = ((n - column) / LANES).min(wide);
            match tiles {
                1 => columns::<S, 1>(simd, [m, depth], column, a, b, c, stride, &mut left),
                2 => columns::<S, 2>(simd, [m, depth], column, a, b, c, stride, &mut left),
                _ => columns::<S, 3>(simd, [m, depth], column, a, b, c, stride, &mut left),
            }
            column += tiles * LANES;
        }
    }
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "an inlined part of a loop over three matrices")]
fn columns<S: Simd, const C: usize>(
    simd: S,
    [m, depth]: [usize; 2],
    column: usize,
    a: Rows<'_>,
    b: Rows<'_>,
    c: &mut [f32],
    stride: usize,
    left: &mut [[f32; DEPTH]; 8],
) {
    let mut row = 0;
    while row < m {
        let many = if S::f32s::LEN == LANES { 8 } else { 4 };
        if m - row >= many && many == 8 {
            part::<S, 8, C>(simd, [row, column], depth, a, b, c, stride, left);
            row += 8;
        } else if m - row >= 4 {
            part::<S, 4, C>(simd, [row, column], depth, a, b, c, stride, left);
            row += 4;
        } else {
            part::<S, 1, C>(simd, [row, column], depth, a, b, c, stride, left);
            row += 1;
        }
    }
}

/// R rows of C tiles.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "an inlined part of a loop over three matrices")]
fn part<S: Simd, const R: usize, const C: usize>(
    simd: S,
    [row, column]: [usize; 2],
    depth: usize,
    a: Rows<'_>,
    b: Rows<'_>,
    c: &mut [f32],
    stride: usize,
    left: &mut [[f32; DEPTH]; 8],
) {
    for r in 0..R {
        left[r][..depth].copy_from_slice(&a.entries[(row + r) * a.stride..][..depth]);
    }
    let mut sums = [[f32x16::splat(simd, 0.0); C]; R];
    for r in 0..R {
        let own = &c[(row + r) * stride + column..][..C * LANES];
        for t in 0..C {
            sums[r][t] = f32x16::from_slice(simd, &own[t * LANES..][..LANES]);
        }
    }
    for l in 0..depth.min(DEPTH) {
        let right = &b.entries[l * b.stride + column..][..C * LANES];
        let mut tiles = [f32x16::splat(simd, 0.0); C];
        for t in 0..C {
            tiles[t] = f32x16::from_slice(simd, &right[t * LANES..][..LANES]);
        }
        for r in 0..R {
            let x = f32x16::splat(simd, left[r][l]);
            for t in 0..C {
                sums[r][t] = x.mul_add_precise(tiles[t], sums[r][t]);
            }
        }
    }
    for r in 0..R {
        let own = &mut c[(row + r) * stride + column..][..C * LANES];
        for t in 0..C {
            sums[r][t].store_slice(&mut own[t * LANES..][..LANES]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn every_instruction_set_gives_the_bits_of_the_twin(
            m in 0_usize..20,
            d in 0_usize..300,
            tiles in 0_usize..8,
            entries in proptest::collection::vec(-1.0_f32..1.0, 997),
        ) {
            let n = tiles * LANES;
            let filled = |len: usize| -> Vec<f32> { entries.iter().copied().cycle().take(len).collect() };
            let (a, b, start) = (filled(m * (d + 3)), filled(d * (n + 5)), filled(m * (n + 1)));
            let (a, b) = (Rows { entries: &a, stride: d + 3 }, Rows { entries: &b, stride: n + 5 });
            let mut expected = start.clone();
            twin::add_product([m, d, n], a, b, &mut expected, n + 1);
            for isa in Isa::all() {
                let mut found = start.clone();
                add_product(isa, [m, d, n], a, b, &mut found, n + 1);
                for (found, expected) in found.iter().zip(&expected) {
                    prop_assert_eq!(found.to_bits(), expected.to_bits(), "{}", isa.name());
                }
            }
        }
    }
}
