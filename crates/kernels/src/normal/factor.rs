//! A = LDLᵀ: Cholesky's factorization without its square roots, one row of tiles after the other.

use fearless_simd::{Simd, f32x16, prelude::*};

use super::outer::{Tiles, row_of_tiles};
use super::{NormalEquations, start_of};
use crate::{LANES, Lanes};

/// A pivot below this part of its diagonal entry is taken for zero.
pub(crate) const NO_PIVOT: f32 = 1e-6;

/// The rows of U that are known, and the tiles of A that they are taken from.
struct Known<'a> {
    matrix: &'a mut [Lanes],
    rows: usize,
}

impl Tiles for Known<'_> {
    #[inline(always)]
    fn right(&self, column: usize) -> &[Lanes] {
        &self.matrix[start_of(column)..][..self.rows]
    }

    #[inline(always)]
    fn matrix(&mut self) -> &mut [Lanes] {
        self.matrix
    }
}

impl NormalEquations {
    #[inline(always)]
    pub(super) fn factor_tiles<S: Simd>(&mut self, simd: S) {
        for block in 0..self.blocks {
            let rows = block * LANES;
            let tile = start_of(block) + rows;
            let diagonal: [f32; LANES] = std::array::from_fn(|j| self.matrix[tile + j].0[j]);
            let left = &self.factor[start_of(block)..][..rows];
            let mut known = Known { matrix: &mut self.matrix, rows };
            row_of_tiles(simd, left, block, self.blocks, &mut known);
            self.factor_diagonal(simd, block, diagonal);
            for column in block + 1..self.blocks {
                self.eliminate(simd, block, column);
            }
        }
    }

    /// A tile on the diagonal: D⁻¹ and −Lᵀ.
    #[inline(always)]
    fn factor_diagonal<S: Simd>(&mut self, simd: S, block: usize, diagonal: [f32; LANES]) {
        let tile = start_of(block) + block * LANES;
        let mut rows = load_tile(simd, &self.matrix[tile..][..LANES]);
        // The padding's rows are those of the identity matrix.
        let mut inverses = Lanes([1.0; LANES]);
        let mut multiples = [f32x16::splat(simd, 0.0); LANES];
        for j in 0..self.live(block) {
            let pivot = rows[j][j];
            let inverse = if pivot > NO_PIVOT * diagonal[j] { 1.0 / pivot } else { 0.0 };
            inverses.0[j] = inverse;
            let multiple = rows[j] * f32x16::splat(simd, -inverse);
            for i in j + 1..LANES {
                rows[i] = f32x16::splat(simd, multiple[i]).mul_add_precise(rows[j], rows[i]);
            }
            multiples[j] = multiple;
        }
        let tile = &mut self.factor[tile..][..LANES];
        for j in 0..LANES {
            tile[j].store(multiples[j]);
            tile[j].0[..=j].fill(0.0);
        }
        let columns = transpose(load_tile(simd, tile));
        let transposed = &mut self.transposed[block * LANES..][..LANES];
        for j in 0..LANES {
            transposed[j].store(columns[j]);
        }
        self.inverse_pivots[block] = inverses;
    }

    /// A tile to the right of the diagonal: the rows of U, and those of −Lᵀ.
    #[inline(always)]
    fn eliminate<S: Simd>(&mut self, simd: S, block: usize, column: usize) {
        let tile = start_of(column) + block * LANES;
        let (known, factor) = self.factor.split_at_mut(tile);
        let multiples = &known[start_of(block) + block * LANES..][..LANES];
        let matrix = &mut self.matrix[tile..][..LANES];
        let mut rows = load_tile(simd, matrix);
        for j in 0..LANES {
            for i in j + 1..LANES {
                rows[i] = f32x16::splat(simd, multiples[j].0[i]).mul_add_precise(rows[j], rows[i]);
            }
        }
        let factor = &mut factor[..LANES];
        let inverses = &self.inverse_pivots[block].0;
        for j in 0..LANES {
            matrix[j].store(rows[j]);
            factor[j].store(rows[j] * f32x16::splat(simd, -inverses[j]));
        }
    }
}

#[inline(always)]
pub(super) fn load_tile<S: Simd>(simd: S, tile: &[Lanes]) -> [f32x16<S>; LANES] {
    let mut rows = [f32x16::splat(simd, 0.0); LANES];
    for j in 0..LANES {
        rows[j] = tile[j].load(simd);
    }
    rows
}

/// Rows become columns: four rounds of zipping each row with the one eight rows on.
#[inline(always)]
pub(super) fn transpose<S: Simd>(mut rows: [f32x16<S>; LANES]) -> [f32x16<S>; LANES] {
    for _ in 0..4 {
        let old = rows;
        for row in 0..LANES / 2 {
            rows[2 * row] = old[row].zip_low(old[row + LANES / 2]);
            rows[2 * row + 1] = old[row].zip_high(old[row + LANES / 2]);
        }
    }
    rows
}
