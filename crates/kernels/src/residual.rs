//! The residual of normal equations without their matrix: what conjugate gradients need.

use fearless_simd::{Simd, dispatch, f32x8, f32x16, prelude::*};

use crate::dot::{sum, sums_of_sixteen};
use crate::{Isa, LANES, Lanes, NARROW, Samples, narrow, padded};

/// What [`Gathered::residual`] comes to besides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Errors {
    /// Σ e.
    pub sum: f32,
    /// Σ e².
    pub squares: f32,
    /// Σ y(zᵀx + β).
    pub pulled: f32,
}

/// The rows of one sum, copied together, because each step of conjugate gradients passes over all of them.
///
/// Scratch of one thread. Memory: that of the rows of the longest sum.
#[derive(Debug, Clone)]
pub struct Gathered {
    stride: usize,
    /// How many vectors of 16 entries a row has.
    blocks: usize,
    /// How many entries are left of a row after those.
    narrow: usize,
    /// Zeros fill the last 16 rows, so that no pass has a rest: they add nothing to any sum.
    rows: Vec<Lanes>,
    /// What is left of 16 rows at a time, an entry of all of them after the other: otherwise k = 50 would cost as much as k = 64.
    tails: Vec<Lanes>,
    weights: Vec<f32>,
    targets: Vec<f32>,
}

impl Gathered {
    /// No rows yet, of k entries.
    ///
    /// # Panics
    /// When k is zero or a padded row of k entries is longer than [`crate::MAX_PADDED`].
    pub fn new(k: usize) -> Self {
        assert!(k > 0 && padded(k) <= crate::MAX_PADDED, "rows of k entries can be kept");
        let narrow = narrow(k);
        Self {
            stride: padded(k),
            blocks: (k - narrow).div_ceil(LANES),
            narrow,
            rows: Vec::new(),
            tails: Vec::new(),
            weights: Vec::new(),
            targets: Vec::new(),
        }
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
        self.rows.resize(self.rows.len().max(filled * self.blocks), Lanes::ZERO);
        self.rows[count * self.blocks..filled * self.blocks].fill(Lanes::ZERO);
        self.tails.clear();
        self.tails.resize(filled / LANES * self.narrow, Lanes::ZERO);
        dispatch!(isa.0, simd => self.copy_rows(simd, samples));
    }

    #[inline(always)]
    fn copy_rows<S: Simd>(&mut self, simd: S, samples: Samples<'_>) {
        let (stride, blocks, narrow) = (self.stride, self.blocks, self.narrow);
        // As slices, whose places in memory need not be looked up again after each store.
        let (rows, tails) = (&mut self.rows[..], &mut self.tails[..]);
        for l in 0..samples.rows.len() {
            let row = &samples.matrix[samples.rows[l] as usize * stride..][..stride];
            let copy = &mut rows[l * blocks..][..blocks];
            for block in 0..blocks {
                copy[block].store(load(simd, row, block));
            }
            let tail = &row[stride.min(blocks * LANES)..];
            for entry in 0..narrow {
                tails[l / LANES * narrow + entry].0[l % LANES] = tail[entry];
            }
        }
    }

    /// To `out` adds Σ e·z over the rows z, with e = y − w(zᵀx + β): for b = Σ y·z, A = Σ w·z zᵀ and s = Σ w·z that is b − Ax − βs, in O(k) a row.
    /// `x` and `out` are padded rows. See [`crate::twin::residual`].
    ///
    /// # Panics
    /// When `x` or `out` has another length.
    pub fn residual(&self, isa: Isa, x: &[f32], bias: f32, out: &mut [f32]) -> Errors {
        self.check(x);
        self.check(out);
        dispatch!(isa.0, simd => self.pass::<_, true>(simd, x, bias, out))
    }

    /// [`Self::residual`] with all y = 0: −Ax − βs.
    ///
    /// # Panics
    /// When `x` or `out` has another length.
    pub fn image(&self, isa: Isa, x: &[f32], bias: f32, out: &mut [f32]) -> Errors {
        self.check(x);
        self.check(out);
        dispatch!(isa.0, simd => self.pass::<_, false>(simd, x, bias, out))
    }

    /// Σ w(zᵀx + β)² over the rows z: how steeply the sum of squares curves along (x, β), at half the cost of [`Self::image`].
    ///
    /// # Panics
    /// When `x` has another length.
    pub fn curvature(&self, isa: Isa, x: &[f32], bias: f32) -> f32 {
        self.check(x);
        dispatch!(isa.0, simd => self.squares(simd, x, bias))
    }

    pub(crate) fn check(&self, vector: &[f32]) {
        assert_eq!(vector.len(), self.stride, "vectors are as long as rows");
    }

    #[inline(always)]
    pub(crate) fn pass<S: Simd, const TARGETED: bool>(
        &self,
        simd: S,
        x: &[f32],
        bias: f32,
        out: &mut [f32],
    ) -> Errors {
        let mut totals = [f32x16::splat(simd, 0.0); 3];
        let mut tail = [f32x16::splat(simd, 0.0); NARROW];
        let bias = f32x16::splat(simd, bias);
        for group in 0..self.targets.len() / LANES {
            let weights = f32x16::from_slice(simd, &self.weights[group * LANES..][..LANES]);
            let targets = if TARGETED {
                f32x16::from_slice(simd, &self.targets[group * LANES..][..LANES])
            } else {
                f32x16::splat(simd, 0.0)
            };
            let products = self.products(simd, group, x) + bias;
            let errors = (-weights).mul_add_precise(products, targets);
            totals[0] += errors;
            totals[1] = errors.mul_add_precise(errors, totals[1]);
            if TARGETED {
                totals[2] = targets.mul_add_precise(products, totals[2]);
            }
            let mut each = Lanes::ZERO;
            each.store(errors);
            let error = |l: usize, _| f32x16::splat(simd, each.0[l]);
            add_rows(simd, self.rows_of(group), error, self.blocks, out);
            for entry in 0..self.narrow {
                let entries = self.tails[group * self.narrow + entry].load(simd);
                tail[entry] = errors.mul_add_precise(entries, tail[entry]);
            }
        }
        for entry in 0..self.narrow {
            out[self.blocks * LANES + entry] += sum(simd, tail[entry]);
        }
        Errors { sum: sum(simd, totals[0]), squares: sum(simd, totals[1]), pulled: sum(simd, totals[2]) }
    }

    #[inline(always)]
    pub(crate) fn squares<S: Simd>(&self, simd: S, x: &[f32], bias: f32) -> f32 {
        let mut total = f32x16::splat(simd, 0.0);
        let bias = f32x16::splat(simd, bias);
        for group in 0..self.targets.len() / LANES {
            let weights = f32x16::from_slice(simd, &self.weights[group * LANES..][..LANES]);
            let along = self.products(simd, group, x) + bias;
            total = (weights * along).mul_add_precise(along, total);
        }
        sum(simd, total)
    }

    /// To `out` adds the diagonal of Σ w·z zᵀ.
    #[inline(always)]
    pub(crate) fn add_diagonal<S: Simd>(&self, simd: S, out: &mut [f32]) {
        let mut tail = [f32x16::splat(simd, 0.0); NARROW];
        for group in 0..self.targets.len() / LANES {
            let weights = &self.weights[group * LANES..][..LANES];
            let weigh = |l: usize, vector: f32x16<S>| f32x16::splat(simd, weights[l]) * vector;
            add_rows(simd, self.rows_of(group), weigh, self.blocks, out);
            let weights = f32x16::from_slice(simd, weights);
            for entry in 0..self.narrow {
                let entries = self.tails[group * self.narrow + entry].load(simd);
                tail[entry] = (weights * entries).mul_add_precise(entries, tail[entry]);
            }
        }
        for entry in 0..self.narrow {
            out[self.blocks * LANES + entry] += sum(simd, tail[entry]);
        }
    }

    #[inline(always)]
    fn rows_of(&self, group: usize) -> &[Lanes] {
        let len = LANES * self.blocks;
        &self.rows[group * len..][..len]
    }

    /// zᵀx of 16 rows.
    #[inline(always)]
    fn products<S: Simd>(&self, simd: S, group: usize, x: &[f32]) -> f32x16<S> {
        let rows = self.rows_of(group);
        let mut sums = [f32x16::splat(simd, 0.0); LANES];
        let mut block = 0;
        while block < self.blocks {
            match self.blocks - block {
                1 => add_products::<S, 1>(simd, rows, x, block, self.blocks, &mut sums),
                2 => add_products::<S, 2>(simd, rows, x, block, self.blocks, &mut sums),
                3 => add_products::<S, 3>(simd, rows, x, block, self.blocks, &mut sums),
                _ => add_products::<S, 4>(simd, rows, x, block, self.blocks, &mut sums),
            }
            block += 4;
        }
        let mut products = sums_of_sixteen(sums);
        for entry in 0..self.narrow {
            let x = f32x16::splat(simd, x[self.blocks * LANES + entry]);
            products = self.tails[group * self.narrow + entry].load(simd).mul_add_precise(x, products);
        }
        products
    }
}

/// 16 entries of a padded row.
#[inline(always)]
fn load<S: Simd>(simd: S, row: &[f32], block: usize) -> f32x16<S> {
    if row.len() < LANES {
        return f32x8::from_slice(simd, row).combine(f32x8::splat(simd, 0.0));
    }
    f32x16::from_slice(simd, &row[block * LANES..][..LANES])
}

/// To each row's sum adds the products of C of its `blocks` vectors, from `block` on.
#[inline(always)]
fn add_products<S: Simd, const C: usize>(
    simd: S,
    rows: &[Lanes],
    x: &[f32],
    block: usize,
    blocks: usize,
    sums: &mut [f32x16<S>; LANES],
) {
    let mut parts = [f32x16::splat(simd, 0.0); C];
    for c in 0..C {
        parts[c] = load(simd, x, block + c);
    }
    for l in 0..LANES {
        let row = &rows[l * blocks + block..][..C];
        for c in 0..C {
            sums[l] = row[c].load(simd).mul_add_precise(parts[c], sums[l]);
        }
    }
}

/// out += Σ e∘row over 16 rows, where e are what `factor` gives for a vector of row l.
#[inline(always)]
fn add_rows<S: Simd>(
    simd: S,
    rows: &[Lanes],
    factor: impl Fn(usize, f32x16<S>) -> f32x16<S>,
    blocks: usize,
    out: &mut [f32],
) {
    let mut block = 0;
    while block < blocks {
        match blocks - block {
            1 => add_blocks::<S, 1>(simd, rows, &factor, block, blocks, out),
            2 => add_blocks::<S, 2>(simd, rows, &factor, block, blocks, out),
            3 => add_blocks::<S, 3>(simd, rows, &factor, block, blocks, out),
            _ => add_blocks::<S, 4>(simd, rows, &factor, block, blocks, out),
        }
        block += 4;
    }
}

/// C of their `blocks` vectors, from `block` on, each row's in turn.
#[inline(always)]
fn add_blocks<S: Simd, const C: usize>(
    simd: S,
    rows: &[Lanes],
    factor: impl Fn(usize, f32x16<S>) -> f32x16<S>,
    block: usize,
    blocks: usize,
    out: &mut [f32],
) {
    let mut sums = [f32x16::splat(simd, 0.0); C];
    for c in 0..C {
        sums[c] = load(simd, out, block + c);
    }
    for l in 0..LANES {
        let row = &rows[l * blocks + block..][..C];
        for c in 0..C {
            let vector = row[c].load(simd);
            sums[c] = factor(l, vector).mul_add_precise(vector, sums[c]);
        }
    }
    for c in 0..C {
        if out.len() < LANES {
            sums[c].split().0.store_slice(out);
        } else {
            sums[c].store_slice(&mut out[(block + c) * LANES..][..LANES]);
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
            let mut matrix = entries[..37 * stride].to_vec();
            let mut x = entries[38 * stride..39 * stride].to_vec();
            for row in matrix.chunks_exact_mut(stride).chain([&mut x[..]]) {
                row[k..].fill(0.0);
            }
            let x = &x[..];
            let rows: Vec<u32> = (0..count as u32).map(|l| l * 7 % 37).collect();
            let targets: Vec<f32> = (0..count).map(|l| l as f32 % 5.0).collect();
            let samples = Samples {
                matrix: &matrix,
                rows: &rows,
                weights: weighted.then_some(&entries[200..200 + count]),
                targets: &targets,
            };
            let zeros = vec![0.0; count];
            for (targeted, samples) in [(true, samples), (false, Samples { targets: &zeros, ..samples })] {
                let mut expected = vec![0.5; stride];
                let errors = twin::residual(k, samples, x, bias, &mut expected);
                for isa in Isa::all() {
                    let mut gathered = Gathered::new(k);
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
                    prop_assert_eq!(found.pulled.to_bits(), errors.pulled.to_bits());
                    for (found, expected) in out.iter().zip(&expected) {
                        prop_assert_eq!(found.to_bits(), expected.to_bits());
                    }
                    let curvature = twin::curvature(k, samples, x, bias);
                    prop_assert_eq!(gathered.curvature(isa, x, bias).to_bits(), curvature.to_bits());
                }
            }
        }
    }
}
