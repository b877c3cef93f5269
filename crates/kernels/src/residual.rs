//! The residual of normal equations without their matrix: what conjugate gradients need.

use fearless_simd::{Simd, dispatch, f32x16, prelude::*};

use crate::dot::{partial_sums, sum, sums_of_sixteen};
use crate::{Isa, LANES, Samples, is_padded};

/// Σ e and Σ e² of [`residual`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Errors {
    /// Σ e.
    pub sum: f32,
    /// Σ e².
    pub squares: f32,
}

/// To `out` adds Σ e·z over the rows z of the samples, with e = y − w(zᵀx + β): for b = Σ y·z, A = Σ w·z zᵀ and s = Σ w·z that is
/// b − Ax − βs, in O(k) a row. `x` and `out` are as long as a row. See [`crate::twin::residual`].
///
/// # Panics
/// When a row is not in the matrix, or there is not one target and one weight for each.
pub fn residual(isa: Isa, samples: Samples<'_>, x: &[f32], bias: f32, out: &mut [f32]) -> Errors {
    assert!(is_padded(x.len()) && x.len() == out.len(), "vectors are padded like rows");
    assert_eq!(samples.rows.len(), samples.targets.len(), "one target for each row");
    assert_eq!(
        samples.rows.len(),
        samples.weights.map_or(samples.rows.len(), <[f32]>::len),
        "one weight for each row"
    );
    dispatch!(isa.0, simd => pass(simd, samples, x, bias, out))
}

#[inline(always)]
fn pass<S: Simd>(simd: S, samples: Samples<'_>, x: &[f32], bias: f32, out: &mut [f32]) -> Errors {
    let mut totals = [f32x16::splat(simd, 0.0); 2];
    for start in (0..samples.rows.len()).step_by(LANES) {
        let count = (samples.rows.len() - start).min(LANES);
        let (mut targets, mut weights) = ([0.0; LANES], [0.0; LANES]);
        targets[..count].copy_from_slice(&samples.targets[start..start + count]);
        match samples.weights {
            Some(given) => weights[..count].copy_from_slice(&given[start..start + count]),
            None => weights[..count].fill(1.0),
        }
        let mut rows = [&samples.matrix[..0]; LANES];
        for (row, &place) in rows.iter_mut().zip(&samples.rows[start..start + count]) {
            *row = &samples.matrix[place as usize * x.len()..][..x.len()];
        }
        let whole = count == LANES && x.len() >= LANES;
        let products = if whole { sixteen(simd, &rows, x) } else { fewer(simd, &rows[..count], x) };
        let expected = products + f32x16::splat(simd, bias);
        let weights = f32x16::load_array(simd, weights);
        let errors = (-weights).mul_add_precise(expected, f32x16::load_array(simd, targets));
        totals[0] += errors;
        totals[1] = errors.mul_add_precise(errors, totals[1]);
        if whole {
            add_sixteen(simd, &rows, &errors.to_array(), out);
        } else {
            add_fewer(&rows[..count], &errors.to_array(), out);
        }
    }
    Errors { sum: sum(simd, totals[0]), squares: sum(simd, totals[1]) }
}

/// The products of 16 rows with x.
#[inline(always)]
fn sixteen<S: Simd>(simd: S, rows: &[&[f32]; LANES], x: &[f32]) -> f32x16<S> {
    let mut sums = [f32x16::splat(simd, 0.0); LANES];
    for (block, x) in x.chunks_exact(LANES).enumerate() {
        let x = f32x16::from_slice(simd, x);
        for (sum, row) in sums.iter_mut().zip(rows) {
            *sum = f32x16::from_slice(simd, &row[block * LANES..][..LANES]).mul_add_precise(x, *sum);
        }
    }
    sums_of_sixteen(sums)
}

/// The products of up to 16 rows with x, zeros after them.
#[inline(always)]
fn fewer<S: Simd>(simd: S, rows: &[&[f32]], x: &[f32]) -> f32x16<S> {
    let mut products = [0.0; LANES];
    for (product, row) in products.iter_mut().zip(rows) {
        *product = sum(simd, partial_sums(simd, row, x));
    }
    f32x16::load_array(simd, products)
}

/// out += Σ e·row.
#[inline(always)]
fn add_sixteen<S: Simd>(simd: S, rows: &[&[f32]; LANES], errors: &[f32; LANES], out: &mut [f32]) {
    for (block, out) in out.chunks_exact_mut(LANES).enumerate() {
        let mut sum = f32x16::from_slice(simd, out);
        for (row, &error) in rows.iter().zip(errors) {
            let row = f32x16::from_slice(simd, &row[block * LANES..][..LANES]);
            sum = f32x16::splat(simd, error).mul_add_precise(row, sum);
        }
        sum.store_slice(out);
    }
}

/// out += Σ e·row.
#[inline(always)]
fn add_fewer(rows: &[&[f32]], errors: &[f32; LANES], out: &mut [f32]) {
    for (row, &error) in rows.iter().zip(errors) {
        for (out, &entry) in out.iter_mut().zip(*row) {
            *out = error.mul_add(entry, *out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{padded, twin};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_instruction_set_gives_the_bits_of_the_twin(
            k in 1_usize..70,
            count in 0_usize..60,
            entries in proptest::collection::vec(-1.0_f32..1.0, 80 * 40),
            weighted in any::<bool>(),
            bias in -1.0_f32..1.0,
        ) {
            let stride = padded(k);
            let rows: Vec<u32> = (0..count as u32).map(|l| l * 7 % 37).collect();
            let targets: Vec<f32> = (0..count).map(|l| l as f32 % 5.0).collect();
            let samples = Samples {
                matrix: &entries[..37 * stride],
                rows: &rows,
                weights: weighted.then_some(&entries[200..200 + count]),
                targets: &targets,
            };
            let x = &entries[38 * stride..39 * stride];
            let mut expected = vec![0.5; stride];
            let errors = twin::residual(samples, x, bias, &mut expected);
            for isa in Isa::all() {
                let mut out = vec![0.5; stride];
                let found = residual(isa, samples, x, bias, &mut out);
                prop_assert_eq!(found.sum.to_bits(), errors.sum.to_bits(), "{}", isa.name());
                prop_assert_eq!(found.squares.to_bits(), errors.squares.to_bits());
                for (found, expected) in out.iter().zip(&expected) {
                    prop_assert_eq!(found.to_bits(), expected.to_bits());
                }
            }
        }
    }
}
