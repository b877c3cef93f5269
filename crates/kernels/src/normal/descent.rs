//! Coordinate descent to the least point without negative entries.

use fearless_simd::{Simd, f32x16, prelude::*};

use super::factor::{load_tile, transpose};
use super::{NormalEquations, SIDES, start_of};
use crate::dot::sum;
use crate::{LANES, Lanes};

/// A smaller entry is zero: what dies out would otherwise end among the subnormal numbers, which are slow.
pub(crate) const NOTHING: f32 = 1e-15;

impl NormalEquations {
    /// Rounds over the coordinates of xᵀAx − 2xᵀb; returns xᵀb + xᵀ(b − Ax) at the end.
    #[inline(always)]
    pub(super) fn descend<S: Simd>(&mut self, simd: S, rounds: usize, x: &mut [f32]) -> f32 {
        self.mirror(simd);
        for block in 0..self.blocks {
            self.halfway[block] = self.sides[SIDES * block];
        }
        for (coordinate, &entry) in x.iter().enumerate() {
            self.downhill(simd, coordinate, -entry);
        }
        for _ in 0..rounds {
            for (coordinate, entry) in x.iter_mut().enumerate() {
                let (block, lane) = (coordinate / LANES, coordinate % LANES);
                let diagonal = self.full[coordinate * self.blocks + block].0[lane];
                let old = *entry;
                let wished = old + self.halfway[block].0[lane] / diagonal;
                // Where nothing determines a coordinate, the quotient is not a number or infinite.
                let new = if diagonal > 0.0 && wished > NOTHING { wished } else { 0.0 };
                if new != old {
                    self.downhill(simd, coordinate, old - new);
                    *entry = new;
                }
            }
        }
        self.explained(simd, x)
    }

    /// Adds a multiple of a row of A to b − Ax.
    #[inline(always)]
    fn downhill<S: Simd>(&mut self, simd: S, coordinate: usize, by: f32) {
        let row = &self.full[coordinate * self.blocks..][..self.blocks];
        let by = f32x16::splat(simd, by);
        for (sum, entries) in self.halfway.iter_mut().zip(row) {
            let moved = by.mul_add_precise(entries.load(simd), sum.load(simd));
            sum.store(moved);
        }
    }

    /// xᵀb + xᵀ(b − Ax).
    #[inline(always)]
    fn explained<S: Simd>(&mut self, simd: S, x: &[f32]) -> f32 {
        let mut total = f32x16::splat(simd, 0.0);
        for (block, entries) in x.chunks(LANES).enumerate() {
            let mut padded = Lanes::ZERO;
            padded.0[..entries.len()].copy_from_slice(entries);
            let both = self.sides[SIDES * block].load(simd) + self.halfway[block].load(simd);
            total = padded.load(simd).mul_add_precise(both, total);
        }
        sum(simd, total)
    }

    /// Writes A out in full, row by row.
    #[inline(always)]
    fn mirror<S: Simd>(&mut self, simd: S) {
        self.full.resize(self.blocks * self.blocks * LANES, Lanes::ZERO);
        for column in 0..self.blocks {
            for block in 0..=column {
                let rows = load_tile(simd, &self.matrix[start_of(column) + block * LANES..][..LANES]);
                for (j, row) in rows.iter().enumerate() {
                    self.full[(block * LANES + j) * self.blocks + column].store(*row);
                }
                if block < column {
                    for (j, row) in transpose(rows).iter().enumerate() {
                        self.full[(column * LANES + j) * self.blocks + block].store(*row);
                    }
                }
            }
        }
    }
}
