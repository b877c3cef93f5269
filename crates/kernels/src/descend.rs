//! One row of a ridge regression by conjugate gradients, where what all rows share is diagonal.

use fearless_simd::{Simd, dispatch};

use crate::dot::{partial_sums, sum};
use crate::{Gathered, Isa};

/// A squared gradient, as the diagonal scales it, of less than this part of the first one is rounding alone.
const SOLVED: f32 = 1e-12;

/// Scratch of [`Gathered::descend`], for vectors as long as padded rows.
#[derive(Debug, Clone)]
pub struct Steps {
    /// b − Ax = −½∇f.
    downhill: Vec<f32>,
    direction: Vec<f32>,
    /// −A times the direction.
    image: Vec<f32>,
    /// The inverse of A's diagonal.
    scale: Vec<f32>,
}

impl Steps {
    /// For padded rows of that length.
    pub fn new(stride: usize) -> Self {
        let zeros = || vec![0.0; stride];
        Self { downhill: zeros(), direction: zeros(), image: zeros(), scale: zeros() }
    }
}

impl Gathered {
    /// Lowers f(x) = xᵀAx − 2bᵀx with A = D + Σ w·z zᵀ over the gathered rows z and b = Σ y·z, by `steps` steps of conjugate gradients from x on, scaled by A's diagonal (Jacobi); returns f where they end. `diagonal` is that of D,
    /// above zero but in the padding, where it counts for nothing. Cost: O(k) for each row and step. See [`crate::twin::descend`].
    ///
    /// # Panics
    /// When a vector is not as long as a padded row.
    pub fn descend(
        &self,
        isa: Isa,
        diagonal: &[f32],
        steps: usize,
        scratch: &mut Steps,
        x: &mut [f32],
    ) -> f64 {
        for vector in [diagonal, &*x, &scratch.scale] {
            self.check(vector);
        }
        dispatch!(isa.0, simd => self.walk(simd, diagonal, steps, scratch, x))
    }

    /// Each step along a direction d, by α = gᵀMg/dᵀAd with g = b − Ax and the scale M, lowers f by α gᵀMg.
    #[inline(always)]
    fn walk<S: Simd>(
        &self,
        simd: S,
        diagonal: &[f32],
        steps: usize,
        scratch: &mut Steps,
        x: &mut [f32],
    ) -> f64 {
        let Steps { downhill, direction, image, scale } = scratch;
        let (downhill, direction) = (&mut downhill[..x.len()], &mut direction[..x.len()]);
        let (image, scale) = (&mut image[..x.len()], &mut scale[..x.len()]);
        for f in 0..x.len() {
            downhill[f] = -(diagonal[f] * x[f]);
            scale[f] = diagonal[f];
        }
        let pulled = self.pass::<_, true>(simd, x, 0.0, downhill).pulled;
        // f = xᵀAx − 2bᵀx = −bᵀx − xᵀ(b − Ax).
        let mut value = -f64::from(pulled) - f64::from(sum(simd, partial_sums(simd, x, downhill)));
        if steps == 0 {
            return value;
        }
        self.add_diagonal(simd, scale);
        for f in 0..x.len() {
            scale[f] = if scale[f] > 0.0 { 1.0 / scale[f] } else { 0.0 };
            direction[f] = scale[f] * downhill[f];
        }
        let mut slope = sum(simd, partial_sums(simd, downhill, direction));
        let solved = SOLVED * slope;
        for left in (0..steps).rev() {
            for f in 0..x.len() {
                image[f] = -(diagonal[f] * direction[f]);
            }
            // Nobody asks for the gradient where the last step ends.
            let of_rows = if left > 0 {
                self.pass::<_, false>(simd, direction, 0.0, image);
                0.0
            } else {
                self.squares(simd, direction, 0.0)
            };
            let curvature = of_rows - sum(simd, partial_sums(simd, direction, image));
            if slope <= solved || curvature <= 0.0 {
                break;
            }
            let step = slope / curvature;
            value -= f64::from(step) * f64::from(slope);
            for f in 0..x.len() {
                x[f] = step.mul_add(direction[f], x[f]);
            }
            if left == 0 {
                break;
            }
            for f in 0..x.len() {
                downhill[f] = step.mul_add(image[f], downhill[f]);
                image[f] = scale[f] * downhill[f];
            }
            let next = sum(simd, partial_sums(simd, downhill, image));
            let turn = next / slope;
            for f in 0..x.len() {
                direction[f] = turn.mul_add(direction[f], image[f]);
            }
            slope = next;
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Samples, padded, twin};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_instruction_set_gives_the_bits_of_the_twin(
            k in 1_usize..70,
            count in 0_usize..60,
            steps in 0_usize..6,
            entries in proptest::collection::vec(-1.0_f32..1.0, 80 * 40),
            weighted in any::<bool>(),
        ) {
            let stride = padded(k);
            let (mut matrix, mut x) = (entries[..37 * stride].to_vec(), entries[38 * stride..39 * stride].to_vec());
            for row in matrix.chunks_exact_mut(stride).chain([&mut x[..]]) {
                row[k..].fill(0.0);
            }
            let diagonal: Vec<f32> =
                (0..stride).map(|f| if f < k { 0.1 + (f * 7 % 5) as f32 } else { 0.0 }).collect();
            let rows: Vec<u32> = (0..count as u32).map(|l| l * 7 % 37).collect();
            let targets: Vec<f32> = (0..count).map(|l| l as f32 % 5.0).collect();
            let weights: Vec<f32> = entries[200..200 + count].iter().map(|entry| entry.abs()).collect();
            let weights = weighted.then_some(&weights[..]);
            let samples = Samples { matrix: &matrix, rows: &rows, weights, targets: &targets };
            let mut expected = x.clone();
            let value = twin::descend(k, samples, &diagonal, steps, &mut expected);
            for isa in Isa::all() {
                let (mut gathered, mut found) = (Gathered::new(k), x.clone());
                gathered.gather(isa, samples);
                let ends = gathered.descend(isa, &diagonal, steps, &mut Steps::new(stride), &mut found);
                prop_assert_eq!(ends.to_bits(), value.to_bits(), "{}: {} for {}", isa.name(), ends, value);
                for (found, expected) in found.iter().zip(&expected) {
                    prop_assert_eq!(found.to_bits(), expected.to_bits());
                }
            }
        }
    }

    /// In f64, by as many steps as there are unknowns.
    #[test]
    fn the_steps_end_where_the_gradient_is_zero() {
        let (k, count) = (21, 30);
        let stride = padded(k);
        let entry =
            |row: usize, f: usize| if f < k { ((row * 13 + f * 29) % 17) as f32 / 8.0 - 1.0 } else { 0.0 };
        let matrix: Vec<f32> = (0..count).flat_map(|row| (0..stride).map(move |f| entry(row, f))).collect();
        let rows: Vec<u32> = (0..count as u32).collect();
        let targets = vec![1.0; count];
        let weights: Vec<f32> = (0..count).map(|l| 0.5 + (l % 3) as f32).collect();
        let diagonal: Vec<f32> = (0..stride).map(|f| if f < k { 0.3 + f as f32 } else { 0.0 }).collect();
        let samples = Samples { matrix: &matrix, rows: &rows, weights: Some(&weights), targets: &targets };
        let mut gathered = Gathered::new(k);
        gathered.gather(Isa::detect(), samples);
        let mut x = vec![0.0; stride];
        let value = gathered.descend(Isa::detect(), &diagonal, 60, &mut Steps::new(stride), &mut x);
        let at = |f: usize| f64::from(x[f]);
        let (mut slope, mut f_of_x) = (vec![0.0; k], 0.0);
        for f in 0..k {
            slope[f] = f64::from(diagonal[f]) * at(f);
            f_of_x += slope[f] * at(f);
        }
        for row in 0..count {
            let product: f64 = (0..k).map(|f| f64::from(entry(row, f)) * at(f)).sum();
            let weight = f64::from(weights[row]);
            f_of_x += (weight * product - 2.0) * product;
            for (f, slope) in slope.iter_mut().enumerate() {
                *slope += (weight * product - 1.0) * f64::from(entry(row, f));
            }
        }
        assert!(slope.iter().all(|slope| slope.abs() < 2e-5), "{slope:?}");
        assert!((value - f_of_x).abs() < 1e-5, "{value} for {f_of_x}");
    }
}
