//! LDLᵀx = b by substitution, 16 unknowns at a time.

use fearless_simd::{Simd, f32x16, prelude::*};

use super::{NormalEquations, SIDES, start_of};
use crate::dot::{sum, sums_of_sixteen};
use crate::{LANES, Lanes};

/// What is left of a corner below this part of it is taken for zero.
pub(crate) const NO_CORNER: f32 = 1e-6;

impl NormalEquations {
    /// Solves for x, and with corner and target (c, y) for the bias beside it, which is returned.
    #[inline(always)]
    pub(super) fn solve_sides<S: Simd>(&mut self, simd: S, bias: Option<(f32, f32)>) -> f32 {
        self.forward(simd);
        let bias = bias.map_or(0.0, |(corner, target)| self.bias(simd, corner, target));
        for (block, solution) in self.solution.iter_mut().enumerate() {
            let (b, s) = (self.halfway[2 * block].load(simd), self.halfway[2 * block + 1].load(simd));
            let rest = f32x16::splat(simd, -bias).mul_add_precise(s, b);
            solution.store(rest * self.inverse_pivots[block].load(simd));
        }
        self.backward(simd);
        bias
    }

    /// L⁻¹b and L⁻¹s.
    #[inline(always)]
    fn forward<S: Simd>(&mut self, simd: S) {
        for block in 0..self.blocks {
            let factor = &self.factor[start_of(block)..start_of(block + 1)];
            let (known, own) = factor.split_at(block * LANES);
            let (mut b, mut s) =
                (self.sides[SIDES * block].load(simd), self.sides[SIDES * block + 1].load(simd));
            for (sides, rows) in self.halfway.chunks_exact(2).zip(known.chunks_exact(LANES)) {
                for (j, row) in rows.iter().enumerate() {
                    let row = row.load(simd);
                    b = f32x16::splat(simd, sides[0].0[j]).mul_add_precise(row, b);
                    s = f32x16::splat(simd, sides[1].0[j]).mul_add_precise(row, s);
                }
            }
            for j in 0..self.live(block) {
                let row = own[j].load(simd);
                b = f32x16::splat(simd, b[j]).mul_add_precise(row, b);
                s = f32x16::splat(simd, s[j]).mul_add_precise(row, s);
            }
            self.halfway[2 * block].store(b);
            self.halfway[2 * block + 1].store(s);
        }
    }

    /// β = (y − sᵀA⁻¹b)/(c − sᵀA⁻¹s), from L⁻¹b and L⁻¹s.
    #[inline(always)]
    fn bias<S: Simd>(&self, simd: S, corner: f32, target: f32) -> f32 {
        let mut sums = [f32x16::splat(simd, 0.0); 2];
        for (sides, inverses) in self.halfway.chunks_exact(2).zip(&self.inverse_pivots) {
            let (b, s) = (sides[0].load(simd), sides[1].load(simd));
            let scaled = s * inverses.load(simd);
            sums[0] = scaled.mul_add_precise(b, sums[0]);
            sums[1] = scaled.mul_add_precise(s, sums[1]);
        }
        let rest = corner - sum(simd, sums[1]);
        if rest > NO_CORNER * corner { (target - sum(simd, sums[0])) / rest } else { 0.0 }
    }

    /// L⁻ᵀ times the solution.
    #[inline(always)]
    fn backward<S: Simd>(&mut self, simd: S) {
        for block in (0..self.blocks).rev() {
            let mut sums = [f32x16::splat(simd, 0.0); LANES];
            for column in block + 1..self.blocks {
                let known = self.solution[column].load(simd);
                let rows = &self.factor[start_of(column) + block * LANES..][..LANES];
                for (sum, row) in sums.iter_mut().zip(rows) {
                    *sum = row.load(simd).mul_add_precise(known, *sum);
                }
            }
            let mut unknown = self.solution[block].load(simd) + sums_of_sixteen(sums);
            let columns: &[Lanes] = &self.transposed[block * LANES..][..LANES];
            for j in (0..self.live(block)).rev() {
                let column = columns[j].load(simd);
                unknown = f32x16::splat(simd, unknown[j]).mul_add_precise(column, unknown);
            }
            self.solution[block].store(unknown);
        }
    }
}
