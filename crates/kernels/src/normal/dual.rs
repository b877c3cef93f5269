//! The same solution with as many unknowns as there are rows, where these are fewer than coordinates and what they are added to is diagonal:
//! ```text
//! (D + ZᵀWZ)x = Zᵀb   ⇔   x = D⁻¹Zᵀy,  (W⁻¹ + ZD⁻¹Zᵀ)y = W⁻¹b
//! ```
//! for rows z of Z; multiply the right-hand equation by ZᵀW to see it. The matrix on the right is a sum over coordinates of what stands in all rows, so it is summed, factored and solved as
//! normal equations are, with the rows turned into columns while they are gathered.

use fearless_simd::{Simd, dispatch, f32x16, prelude::*};

use super::factor::transpose;
use super::{DEPTH, Gathered, NormalEquations, SIDES, Samples};
use crate::{Isa, LANES, NARROW};

/// Solves for a few rows of many coordinates.
///
/// Scratch of one thread. Memory: about 4d² bytes for the most rows d that it has solved for, and 512d for those gathered.
#[derive(Debug, Clone)]
pub struct Dual {
    equations: NormalEquations,
    /// W⁻¹b, and then y.
    unknowns: Vec<f32>,
}

impl Default for Dual {
    fn default() -> Self {
        Self { equations: NormalEquations::new(1), unknowns: Vec::new() }
    }
}

impl Dual {
    /// x = (D + Σ w·z zᵀ)⁻¹ Σ y·z over the samples' rows z, given D⁻¹ as a padded row, zero in the padding; returns what xᵀAx − 2xᵀb is there. All weights are above zero, and the rows at least 16 entries long.
    /// Cost: O(d²k + d³) for d rows of k entries. See [`crate::twin::dual`].
    ///
    /// # Panics
    /// When there are no rows, or more than [`crate::MAX_PADDED`]; when one is not in the matrix, there is not one target and one weight for each, or a vector is not as long as a padded row of 16 entries or more.
    pub fn solve(&mut self, isa: Isa, samples: Samples<'_>, inverse: &[f32], x: &mut [f32]) -> f64 {
        let count = samples.rows.len();
        assert_eq!(count, samples.targets.len(), "one target for each row");
        assert_eq!(count, samples.weights.map_or(count, <[f32]>::len), "one weight for each row");
        assert!(inverse.len().is_multiple_of(LANES), "rows are whole vectors");
        assert_eq!(inverse.len(), x.len(), "vectors are as long as rows");
        let Self { equations, unknowns } = self;
        let weight = |l: usize| samples.weights.map_or(1.0, |weights| weights[l]);
        equations.resize(count);
        equations.set_diagonal(|l| 1.0 / weight(l));
        unknowns.clear();
        unknowns.extend(samples.targets.iter().enumerate().map(|(l, target)| target / weight(l)));
        equations.add_to_right_hand_side(unknowns);
        dispatch!(isa.0, simd => equations.add_columns(simd, samples, inverse));
        equations.factor(isa);
        equations.solve(isa, unknowns);
        dispatch!(isa.0, simd => combine(simd, samples, unknowns, inverse, x));
        // At the solution it is −xᵀZᵀb, and zᵀx = (b − y)/w.
        let pulled = |(l, (&target, &y)): (usize, (&f32, &f32))| {
            f64::from(target) * f64::from((target - y) / weight(l))
        };
        -samples.targets.iter().zip(&*unknowns).enumerate().map(pulled).sum::<f64>()
    }
}

impl NormalEquations {
    /// Adds Σ_f inverse_f · c_f c_fᵀ, where c_f holds coordinate f of all rows.
    #[inline(always)]
    fn add_columns<S: Simd>(&mut self, simd: S, samples: Samples<'_>, inverse: &[f32]) {
        for first in (0..inverse.len()).step_by(DEPTH) {
            let inverses = &inverse[first..inverse.len().min(first + DEPTH)];
            self.gathered.fill_columns(simd, samples, first, inverses, inverse.len());
            self.sum(simd, inverses.len(), true);
        }
    }
}

impl Gathered {
    /// Takes coordinates from `first` on, one for each of `inverses`, of rows as long as `stride`.
    #[inline(always)]
    fn fill_columns<S: Simd>(
        &mut self,
        simd: S,
        samples: Samples<'_>,
        first: usize,
        inverses: &[f32],
        stride: usize,
    ) {
        let (gathered, weighted) = (&mut self.rows[..], &mut self.weighted[..]);
        for (block, places) in samples.rows.chunks(LANES).enumerate() {
            for (part, inverses) in inverses.chunks_exact(LANES).enumerate() {
                let mut rows = [f32x16::splat(simd, 0.0); LANES];
                for l in 0..places.len() {
                    let at = places[l] as usize * stride + first + part * LANES;
                    rows[l] = f32x16::from_slice(simd, &samples.matrix[at..at + LANES]);
                }
                let columns = transpose(rows);
                let at = block * DEPTH + part * LANES;
                let (gathered, weighted) = (&mut gathered[at..][..LANES], &mut weighted[at..][..LANES]);
                for f in 0..LANES {
                    gathered[f].store(columns[f]);
                    weighted[f].store(columns[f] * f32x16::splat(simd, inverses[f]));
                }
            }
        }
        let last = (samples.rows.len() - 1) / LANES * DEPTH;
        let tails = &weighted[last..][..inverses.len()];
        for (multiples, tail) in self.multiples.iter_mut().zip(tails) {
            // The right-hand side is there already.
            multiples.0[..2].fill(0.0);
            multiples.0[2..SIDES].copy_from_slice(&tail.0[..NARROW]);
        }
    }
}

/// x = D⁻¹Zᵀy, rows in order.
#[inline(always)]
fn combine<S: Simd>(simd: S, samples: Samples<'_>, y: &[f32], inverse: &[f32], x: &mut [f32]) {
    let blocks = x.len() / LANES;
    let mut block = 0;
    while block < blocks {
        match blocks - block {
            1 => combine_blocks::<S, 1>(simd, samples, y, inverse, block, x),
            2 => combine_blocks::<S, 2>(simd, samples, y, inverse, block, x),
            3 => combine_blocks::<S, 3>(simd, samples, y, inverse, block, x),
            _ => combine_blocks::<S, 4>(simd, samples, y, inverse, block, x),
        }
        block += 4;
    }
}

/// C vectors of 16 coordinates, from `block` on.
#[inline(always)]
fn combine_blocks<S: Simd, const C: usize>(
    simd: S,
    samples: Samples<'_>,
    y: &[f32],
    inverse: &[f32],
    block: usize,
    x: &mut [f32],
) {
    let mut sums = [f32x16::splat(simd, 0.0); C];
    for l in 0..y.len() {
        let row = &samples.matrix[samples.rows[l] as usize * x.len() + block * LANES..][..C * LANES];
        let y = f32x16::splat(simd, y[l]);
        for c in 0..C {
            let entries = f32x16::from_slice(simd, &row[c * LANES..(c + 1) * LANES]);
            sums[c] = y.mul_add_precise(entries, sums[c]);
        }
    }
    for c in 0..C {
        let at = (block + c) * LANES;
        let scale = f32x16::from_slice(simd, &inverse[at..at + LANES]);
        (sums[c] * scale).store_slice(&mut x[at..at + LANES]);
    }
}
