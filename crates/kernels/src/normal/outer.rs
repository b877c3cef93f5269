//! The loop that does the cubic work: sums of outer products, held in registers.

use fearless_simd::{Simd, f32x16, prelude::*};

use super::{SIDES, start_of};
use crate::{LANES, Lanes};

/// Columns of 16 coordinates, and the tiles that sums of outer products with them are added to.
pub(super) trait Tiles {
    /// 16 coordinates of all vectors on the right.
    fn right(&self, column: usize) -> &[Lanes];
    /// The tiles of the upper triangle.
    fn matrix(&mut self) -> &mut [Lanes];
}

/// To the tiles (block, c), c ≥ block, adds Σ_l left_l · right(c)_lᵀ, l in order.
#[inline(always)]
pub(super) fn row_of_tiles<S: Simd>(
    simd: S,
    left: &[Lanes],
    block: usize,
    columns: usize,
    tiles: &mut impl Tiles,
) {
    if S::f32s::LEN == LANES {
        // 24 of 32 registers hold sums.
        rows_of_tiles::<S, 8, 3>(simd, left, block, columns, tiles);
    } else {
        // 8 of 16 registers of half the length hold sums.
        rows_of_tiles::<S, 4, 1>(simd, left, block, columns, tiles);
    }
}

/// R rows and up to C tiles at a time.
#[inline(always)]
fn rows_of_tiles<S: Simd, const R: usize, const C: usize>(
    simd: S,
    left: &[Lanes],
    block: usize,
    columns: usize,
    tiles: &mut impl Tiles,
) {
    for first in (0..LANES).step_by(R) {
        let mut column = block;
        while column < columns {
            match (columns - column).min(C) {
                1 => part::<S, R, 1>(simd, left, first, block, column, tiles),
                2 => part::<S, R, 2>(simd, left, first, block, column, tiles),
                // Four columns left are two and two rather than three and one.
                _ if columns - column == 4 => part::<S, R, 2>(simd, left, first, block, column, tiles),
                _ => part::<S, R, C>(simd, left, first, block, column, tiles),
            }
            column += if C > 2 && columns - column == 4 { 2 } else { C };
        }
    }
}

/// R rows of C tiles.
#[inline(always)]
fn part<S: Simd, const R: usize, const C: usize>(
    simd: S,
    left: &[Lanes],
    first: usize,
    block: usize,
    column: usize,
    tiles: &mut impl Tiles,
) {
    let at: [usize; C] = std::array::from_fn(|c| start_of(column + c) + block * LANES + first);
    let mut sums = [[f32x16::splat(simd, 0.0); C]; R];
    let matrix = tiles.matrix();
    for c in 0..C {
        let rows = &matrix[at[c]..][..R];
        for r in 0..R {
            sums[r][c] = rows[r].load(simd);
        }
    }
    let right: [&[Lanes]; C] = std::array::from_fn(|c| &tiles.right(column + c)[..left.len()]);
    for l in 0..left.len() {
        let x = &left[l].0[first..first + R];
        let mut columns = [f32x16::splat(simd, 0.0); C];
        for c in 0..C {
            columns[c] = right[c][l].load(simd);
        }
        for r in 0..R {
            let x = f32x16::splat(simd, x[r]);
            for c in 0..C {
                sums[r][c] = x.mul_add_precise(columns[c], sums[r][c]);
            }
        }
    }
    let matrix = tiles.matrix();
    for c in 0..C {
        let rows = &mut matrix[at[c]..][..R];
        for r in 0..R {
            rows[r].store(sums[r][c]);
        }
    }
}

/// To the first R of each 16 coordinates' [`SIDES`] adds Σ_l `left_l[..R]` · right(block)_lᵀ, l in order.
#[inline(always)]
pub(super) fn few_rows<'a, S: Simd, const R: usize>(
    simd: S,
    left: &[Lanes],
    sides: &mut [Lanes],
    right: impl Fn(usize) -> &'a [Lanes],
) {
    let blocks = sides.len() / SIDES;
    // As many blocks at a time as leave their sums in registers.
    let most = if R == 2 || S::f32s::LEN == LANES { 4 } else { 1 };
    let mut block = 0;
    while block < blocks {
        let sides = &mut sides[SIDES * block..];
        match (blocks - block).min(most) {
            1 => few_rows_of::<S, R, 1>(simd, left, sides, [right(block)]),
            2 => few_rows_of::<S, R, 2>(simd, left, sides, [0, 1].map(|c| right(block + c))),
            3 => few_rows_of::<S, R, 3>(simd, left, sides, [0, 1, 2].map(|c| right(block + c))),
            _ => few_rows_of::<S, R, 4>(simd, left, sides, [0, 1, 2, 3].map(|c| right(block + c))),
        }
        block += most;
    }
}

/// Of C blocks.
#[inline(always)]
fn few_rows_of<S: Simd, const R: usize, const C: usize>(
    simd: S,
    left: &[Lanes],
    sides: &mut [Lanes],
    right: [&[Lanes]; C],
) {
    let mut sums = [[f32x16::splat(simd, 0.0); R]; C];
    let sides = &mut sides[..SIDES * (C - 1) + R];
    for c in 0..C {
        for r in 0..R {
            sums[c][r] = sides[SIDES * c + r].load(simd);
        }
    }
    let right: [&[Lanes]; C] = std::array::from_fn(|c| &right[c][..left.len()]);
    for l in 0..left.len() {
        let mut multiples = [f32x16::splat(simd, 0.0); R];
        for r in 0..R {
            multiples[r] = f32x16::splat(simd, left[l].0[r]);
        }
        for c in 0..C {
            let entries = right[c][l].load(simd);
            for r in 0..R {
                sums[c][r] = multiples[r].mul_add_precise(entries, sums[c][r]);
            }
        }
    }
    for c in 0..C {
        for r in 0..R {
            sides[SIDES * c + r].store(sums[c][r]);
        }
    }
}
