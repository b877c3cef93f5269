//! The residual of normal equations without their matrix: what conjugate gradients need.

use fearless_simd::{Simd, dispatch, f32x8, f32x16, prelude::*};

use crate::dot::{partial_sums, sum, sums_of_sixteen};
use crate::{Isa, LANES, Samples, is_padded};

/// Σ e and Σ e² of [`Gathered::residual`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Errors {
    /// Σ e.
    pub sum: f32,
    /// Σ e².
    pub squares: f32,
}

/// The rows of one sum, copied together, because each step of conjugate gradients passes over all of them.
///
/// Scratch of one thread. Memory: that of the rows of the longest sum.
#[derive(Debug, Clone)]
pub struct Gathered {
    stride: usize,
    /// Zeros fill the last 16 rows, so that no pass has a rest: they add nothing to any sum.
    rows: Vec<f32>,
    weights: Vec<f32>,
    targets: Vec<f32>,
}

impl Gathered {
    /// No rows yet, of `stride` entries.
    ///
    /// # Panics
    /// When the stride is not one that [`crate::padded`] gives.
    pub fn new(stride: usize) -> Self {
        assert!(is_padded(stride), "rows are padded");
        Self { stride, rows: Vec::new(), weights: Vec::new(), targets: Vec::new() }
    }

    /// Takes these rows instead of those it had.
    ///
    /// # Panics
    /// When a row is not in the matrix, or there is not one target and one weight for each.
    pub fn gather(&mut self, isa: Isa, samples: Samples<'_>) {
        let count = samples.rows.len();
        assert_eq!(count, samples.targets.len(), "one target for each row");
        let filled = count.next_multiple_of(LANES);
        self.weights.clear();
        match samples.weights {
            Some(given) => self.weights.extend_from_slice(given),
            None => self.weights.resize(count, 1.0),
        }
        assert_eq!(count, self.weights.len(), "one weight for each row");
        self.weights.resize(filled, 0.0);
        self.targets.clear();
        self.targets.extend_from_slice(samples.targets);
        self.targets.resize(filled, 0.0);
        self.rows.resize(self.rows.len().max(filled * self.stride), 0.0);
        self.rows[count * self.stride..filled * self.stride].fill(0.0);
        dispatch!(isa.0, simd => self.copy_rows(simd, samples));
    }

    #[inline(always)]
    fn copy_rows<S: Simd>(&mut self, simd: S, samples: Samples<'_>) {
        let stride = self.stride;
        for l in 0..samples.rows.len() {
            let row = &samples.matrix[samples.rows[l] as usize * stride..][..stride];
            let copy = &mut self.rows[l * stride..][..stride];
            let mut at = 0;
            while at < stride {
                f32x8::from_slice(simd, &row[at..at + 8]).store_slice(&mut copy[at..at + 8]);
                at += 8;
            }
        }
    }

    /// To `out` adds Σ e·z over the rows z, with e = y − w(zᵀx + β): for b = Σ y·z, A = Σ w·z zᵀ and s = Σ w·z that is b − Ax − βs, in O(k) a row.
    /// `x` and `out` are as long as a row. See [`crate::twin::residual`].
    ///
    /// # Panics
    /// When `x` or `out` has another length.
    pub fn residual(&self, isa: Isa, x: &[f32], bias: f32, out: &mut [f32]) -> Errors {
        self.checked(x, out);
        dispatch!(isa.0, simd => self.pass::<_, true>(simd, x, bias, out))
    }

    /// [`Self::residual`] with all y = 0: −Ax − βs.
    ///
    /// # Panics
    /// When `x` or `out` has another length.
    pub fn image(&self, isa: Isa, x: &[f32], bias: f32, out: &mut [f32]) -> Errors {
        self.checked(x, out);
        dispatch!(isa.0, simd => self.pass::<_, false>(simd, x, bias, out))
    }

    fn checked(&self, x: &[f32], out: &[f32]) {
        assert!(x.len() == self.stride && out.len() == self.stride, "vectors are as long as rows");
    }

    #[inline(always)]
    fn pass<S: Simd, const TARGETED: bool>(&self, simd: S, x: &[f32], bias: f32, out: &mut [f32]) -> Errors {
        let mut totals = [f32x16::splat(simd, 0.0); 2];
        let bias = f32x16::splat(simd, bias);
        for start in (0..self.targets.len()).step_by(LANES) {
            let rows = &self.rows[start * self.stride..][..LANES * self.stride];
            let weights = f32x16::from_slice(simd, &self.weights[start..start + LANES]);
            let targets = if TARGETED {
                f32x16::from_slice(simd, &self.targets[start..start + LANES])
            } else {
                f32x16::splat(simd, 0.0)
            };
            let products = if self.stride < LANES { short(simd, rows, x) } else { long(simd, rows, x) };
            let errors = (-weights).mul_add_precise(products + bias, targets);
            totals[0] += errors;
            totals[1] = errors.mul_add_precise(errors, totals[1]);
            let mut each = [0.0; LANES];
            errors.store_slice(&mut each);
            if self.stride < LANES {
                add_short(rows, &each, out);
            } else {
                add_long(simd, rows, &each, out);
            }
        }
        Errors { sum: sum(simd, totals[0]), squares: sum(simd, totals[1]) }
    }
}

/// The products of 16 rows of whole vectors with x.
#[inline(always)]
fn long<S: Simd>(simd: S, rows: &[f32], x: &[f32]) -> f32x16<S> {
    let mut sums = [f32x16::splat(simd, 0.0); LANES];
    let mut at = 0;
    while at < x.len() {
        match (x.len() - at) / LANES {
            1 => add_products::<S, 1>(simd, rows, x, at, &mut sums),
            2 => add_products::<S, 2>(simd, rows, x, at, &mut sums),
            3 => add_products::<S, 3>(simd, rows, x, at, &mut sums),
            _ => add_products::<S, 4>(simd, rows, x, at, &mut sums),
        }
        at += 4 * LANES;
    }
    sums_of_sixteen(sums)
}

/// Of C vectors from `at` on, each row's in turn.
#[inline(always)]
fn add_products<S: Simd, const C: usize>(
    simd: S,
    rows: &[f32],
    x: &[f32],
    at: usize,
    sums: &mut [f32x16<S>; LANES],
) {
    let mut parts = [f32x16::splat(simd, 0.0); C];
    for c in 0..C {
        parts[c] = f32x16::from_slice(simd, &x[at + c * LANES..][..LANES]);
    }
    let mut start = at;
    for sum in sums {
        let row = &rows[start..start + C * LANES];
        for c in 0..C {
            let entries = f32x16::from_slice(simd, &row[c * LANES..(c + 1) * LANES]);
            *sum = entries.mul_add_precise(parts[c], *sum);
        }
        start += x.len();
    }
}

/// The products of 16 rows of half a vector with x.
#[inline(always)]
fn short<S: Simd>(simd: S, rows: &[f32], x: &[f32]) -> f32x16<S> {
    let mut products = [0.0; LANES];
    for (product, row) in products.iter_mut().zip(rows.chunks_exact(x.len())) {
        *product = sum(simd, partial_sums(simd, row, x));
    }
    f32x16::load_array(simd, products)
}

/// out += Σ e·row.
#[inline(always)]
fn add_long<S: Simd>(simd: S, rows: &[f32], errors: &[f32; LANES], out: &mut [f32]) {
    let mut at = 0;
    while at < out.len() {
        match (out.len() - at) / LANES {
            1 => add_rows::<S, 1>(simd, rows, errors, at, out),
            2 => add_rows::<S, 2>(simd, rows, errors, at, out),
            3 => add_rows::<S, 3>(simd, rows, errors, at, out),
            _ => add_rows::<S, 4>(simd, rows, errors, at, out),
        }
        at += 4 * LANES;
    }
}

/// Of C vectors from `at` on, each row's in turn.
#[inline(always)]
fn add_rows<S: Simd, const C: usize>(
    simd: S,
    rows: &[f32],
    errors: &[f32; LANES],
    at: usize,
    out: &mut [f32],
) {
    let stride = out.len();
    let out = &mut out[at..at + C * LANES];
    let mut sums = [f32x16::splat(simd, 0.0); C];
    for c in 0..C {
        sums[c] = f32x16::from_slice(simd, &out[c * LANES..(c + 1) * LANES]);
    }
    let mut start = at;
    for &error in errors {
        let row = &rows[start..start + C * LANES];
        let error = f32x16::splat(simd, error);
        for c in 0..C {
            let entries = f32x16::from_slice(simd, &row[c * LANES..(c + 1) * LANES]);
            sums[c] = error.mul_add_precise(entries, sums[c]);
        }
        start += stride;
    }
    for c in 0..C {
        sums[c].store_slice(&mut out[c * LANES..(c + 1) * LANES]);
    }
}

/// out += Σ e·row.
#[inline(always)]
fn add_short(rows: &[f32], errors: &[f32; LANES], out: &mut [f32]) {
    for (row, &error) in rows.chunks_exact(out.len()).zip(errors) {
        for (out, &entry) in out.iter_mut().zip(row) {
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
            let zeros = vec![0.0; count];
            for (targeted, samples) in [(true, samples), (false, Samples { targets: &zeros, ..samples })] {
                let mut expected = vec![0.5; stride];
                let errors = twin::residual(samples, x, bias, &mut expected);
                for isa in Isa::all() {
                    let mut gathered = Gathered::new(stride);
                    gathered.gather(isa, Samples { rows: &[1; 50], targets: &[2.0; 50], weights: None, ..samples });
                    gathered.gather(isa, samples);
                    let mut out = vec![0.5; stride];
                    let found = if targeted {
                        gathered.residual(isa, x, bias, &mut out)
                    } else {
                        gathered.image(isa, x, bias, &mut out)
                    };
                    prop_assert_eq!(found.sum.to_bits(), errors.sum.to_bits(), "{}", isa.name());
                    prop_assert_eq!(found.squares.to_bits(), errors.squares.to_bits());
                    for (found, expected) in out.iter().zip(&expected) {
                        prop_assert_eq!(found.to_bits(), expected.to_bits());
                    }
                }
            }
        }
    }
}
