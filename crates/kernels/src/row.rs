//! One pass of stochastic gradient descent over the ratings of one row, for models that add a set of vectors to it.

use fearless_simd::{Simd, dispatch, f32x8, f32x16, prelude::*};

use crate::dot::{sum, sum_eight};
use crate::{Isa, is_padded};

/// The step: learning rates η and what is kept of each vector, 1 − ηλ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowStep {
    /// η for the row's own vector.
    pub rate: f32,
    /// 1 − ηλ for the row's own vector.
    pub keep: f32,
    /// η for the sum of the row's set.
    pub set_rate: f32,
    /// 1 − ηλ for the sum of the row's set.
    pub set_keep: f32,
    /// η for the mates' vectors.
    pub mate_rate: f32,
}

/// The row itself: a user whose mates are items, or an item whose mates are users.
pub struct Own<'a> {
    /// Its own vector.
    pub factors: &'a mut [f32],
    /// The sum of its set.
    pub set: &'a mut [f32],
}

/// The other side, of which `rows` rated or were rated.
pub struct Mates<'a> {
    /// The mates' rows, one for each rating, in the order of the pass.
    pub rows: &'a [u32],
    /// The vectors of all rows of the other side.
    pub factors: &'a mut [f32],
    /// 1 − ηλ for each of these vectors.
    pub keep: &'a [f32],
    /// The sums of their sets, which stay.
    pub sets: &'a [f32],
}

/// Moves the row and its mates by each rating in turn. `error` is given the rating's place and the inner product of the two
/// sums, and returns what the vectors are pulled by. See [`crate::twin::row`].
///
/// # Panics
/// When a mate is not a row of the other side, or a vector's length is not one that [`crate::padded`] gives.
pub fn row(isa: Isa, step: &RowStep, own: Own<'_>, mates: Mates<'_>, error: impl FnMut(usize, f32) -> f32) {
    let stride = own.factors.len();
    assert!(is_padded(stride) && own.set.len() == stride, "rows are padded");
    // A stride known when compiling keeps a whole row in registers between its use and its move.
    match stride {
        8 => dispatch!(isa.0, simd => pass::<_, f32x8<_>, 1>(simd, step, own, mates, error)),
        16 => dispatch!(isa.0, simd => pass::<_, f32x16<_>, 1>(simd, step, own, mates, error)),
        32 => dispatch!(isa.0, simd => pass::<_, f32x16<_>, 2>(simd, step, own, mates, error)),
        64 => dispatch!(isa.0, simd => pass::<_, f32x16<_>, 4>(simd, step, own, mates, error)),
        128 => dispatch!(isa.0, simd => pass::<_, f32x16<_>, 8>(simd, step, own, mates, error)),
        _ => dispatch!(isa.0, simd => pass::<_, f32x16<_>, ANY>(simd, step, own, mates, error)),
    }
}

/// The sum of some rows of a matrix, added in their order. See [`crate::twin::sum_rows`].
///
/// # Panics
/// When one of `rows` is not in the matrix, or the sum's length is not one that [`crate::padded`] gives.
pub fn sum_rows(isa: Isa, rows: &[u32], matrix: &[f32], sum: &mut [f32]) {
    assert!(is_padded(sum.len()), "rows are padded");
    dispatch!(isa.0, simd => add_all(simd, rows, matrix, sum));
}

/// Moves some rows of a matrix alike: x ← keep·x + by. See [`crate::twin::shift_rows`].
///
/// # Panics
/// When one of `rows` is not in the matrix, or the length of `by` is not one that [`crate::padded`] gives.
pub fn shift_rows(isa: Isa, rows: &[u32], keep: f32, by: &[f32], matrix: &mut [f32]) {
    assert!(is_padded(by.len()), "rows are padded");
    dispatch!(isa.0, simd => move_all(simd, rows, keep, by, matrix));
}

/// The stride is not known when compiling.
const ANY: usize = 0;

/// A vector of 8 or 16 lanes.
trait Lanes<S: Simd>: SimdFloat<S, Element = f32> {
    /// The sum of the lanes, added in halves.
    fn total(self, simd: S) -> f32;
}

impl<S: Simd> Lanes<S> for f32x8<S> {
    #[inline(always)]
    fn total(self, simd: S) -> f32 {
        sum_eight(simd, self)
    }
}

impl<S: Simd> Lanes<S> for f32x16<S> {
    #[inline(always)]
    fn total(self, simd: S) -> f32 {
        sum(simd, self)
    }
}

/// The pass over rows of `CHUNKS` vectors.
#[inline(always)]
fn pass<S: Simd, V: Lanes<S>, const CHUNKS: usize>(
    simd: S,
    step: &RowStep,
    own: Own<'_>,
    mates: Mates<'_>,
    mut error: impl FnMut(usize, f32) -> f32,
) {
    let (Own { factors: p, set: z }, Mates { rows, factors, keep, sets }) = (own, mates);
    let stride = if CHUNKS == ANY { p.len() } else { CHUNKS * V::LEN };
    let (p, z) = (&mut p[..stride], &mut z[..stride]);
    for (place, &mate) in rows.iter().enumerate() {
        let mate = mate as usize;
        let q = &mut factors[mate * stride..][..stride];
        let w = &sets[mate * stride..][..stride];
        let mut sums = V::splat(simd, 0.0);
        for at in (0..stride).step_by(V::LEN) {
            let (a, b) = (both::<S, V>(simd, p, z, at), both::<S, V>(simd, q, w, at));
            sums = a.mul_add_precise(b, sums);
        }
        let e = error(place, sums.total(simd));
        let mate_keep = V::splat(simd, keep[mate]);
        let (own_keep, set_keep) = (V::splat(simd, step.keep), V::splat(simd, step.set_keep));
        let pulls = |rate: f32| V::splat(simd, rate * e);
        let (own_pull, set_pull, pull) = (pulls(step.rate), pulls(step.set_rate), pulls(step.mate_rate));
        for at in (0..stride).step_by(V::LEN) {
            let (a, b) = (both::<S, V>(simd, p, z, at), both::<S, V>(simd, q, w, at));
            load::<S, V>(simd, p, at)
                .mul_add_precise(own_keep, own_pull * b)
                .store_slice(&mut p[at..][..V::LEN]);
            load::<S, V>(simd, z, at)
                .mul_add_precise(set_keep, set_pull * b)
                .store_slice(&mut z[at..][..V::LEN]);
            load::<S, V>(simd, q, at)
                .mul_add_precise(mate_keep, pull * a)
                .store_slice(&mut q[at..][..V::LEN]);
        }
    }
}

#[inline(always)]
fn load<S: Simd, V: Lanes<S>>(simd: S, row: &[f32], at: usize) -> V {
    V::from_slice(simd, &row[at..][..V::LEN])
}

#[inline(always)]
fn both<S: Simd, V: Lanes<S>>(simd: S, row: &[f32], set: &[f32], at: usize) -> V {
    load::<S, V>(simd, row, at) + load::<S, V>(simd, set, at)
}

#[inline(always)]
fn add_all<S: Simd>(simd: S, rows: &[u32], matrix: &[f32], sum: &mut [f32]) {
    sum.fill(0.0);
    for &row in rows {
        let row = &matrix[row as usize * sum.len()..][..sum.len()];
        for (sum, entries) in sum.chunks_exact_mut(8).zip(row.chunks_exact(8)) {
            (f32x8::from_slice(simd, sum) + f32x8::from_slice(simd, entries)).store_slice(sum);
        }
    }
}

#[inline(always)]
fn move_all<S: Simd>(simd: S, rows: &[u32], keep: f32, by: &[f32], matrix: &mut [f32]) {
    let keep = f32x8::splat(simd, keep);
    for &row in rows {
        let row = &mut matrix[row as usize * by.len()..][..by.len()];
        for (entries, by) in row.chunks_exact_mut(8).zip(by.chunks_exact(8)) {
            let by = f32x8::from_slice(simd, by);
            f32x8::from_slice(simd, entries).mul_add_precise(keep, by).store_slice(entries);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin;
    use proptest::prelude::*;

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    /// The bits of the row, its set and its mates after a pass, and of the inner products on the way.
    fn after(
        start: &[f32],
        stride: usize,
        pass: impl FnOnce(&mut [f32], &mut [f32], &mut [f32], &mut dyn FnMut(usize, f32) -> f32),
    ) -> [Vec<u32>; 4] {
        let (mut p, mut z) = (start[..stride].to_vec(), start[stride..2 * stride].to_vec());
        let mut q = start[2 * stride..7 * stride].to_vec();
        let mut products = Vec::new();
        pass(&mut p, &mut z, &mut q, &mut |place, product| {
            products.push(product);
            0.1 * place as f32 - product
        });
        [bits(&p), bits(&z), bits(&q), bits(&products)]
    }

    proptest! {
        #[test]
        fn every_instruction_set_gives_the_bits_of_the_twin(
            k in 1_usize..144,
            start in proptest::collection::vec(-1.0_f32..1.0, 144 * 12),
            rows in proptest::collection::vec(0_u32..5, 0..30),
        ) {
            let stride = crate::padded(k);
            let step = RowStep { rate: 0.01, keep: 0.999, set_rate: 0.02, set_keep: 0.998, mate_rate: 0.015 };
            let keep = [0.99, 0.98, 0.97, 0.96, 0.95];
            let sets = &start[7 * stride..12 * stride];
            let expected = after(&start, stride, |p, z, q, error| {
                twin::row(&step, p, z, &rows, q, &keep, sets, error);
            });
            for isa in Isa::all() {
                let found = after(&start, stride, |p, z, q, error| {
                    let mates = Mates { rows: &rows, factors: q, keep: &keep, sets };
                    row(isa, &step, Own { factors: p, set: z }, mates, error);
                });
                prop_assert_eq!(&found, &expected, "{}", isa.name());
            }
        }

        #[test]
        fn sums_and_moves_of_rows_have_the_bits_of_the_twin(
            k in 1_usize..70,
            start in proptest::collection::vec(-1.0_f32..1.0, 80 * 6),
            rows in proptest::collection::vec(0_u32..5, 0..20),
        ) {
            let stride = crate::padded(k);
            let (matrix, by) = (&start[..5 * stride], &start[5 * stride..6 * stride]);
            let mut sum = vec![0.0; stride];
            twin::sum_rows(&rows, matrix, &mut sum);
            let mut moved = matrix.to_vec();
            twin::shift_rows(&rows, 0.9, by, &mut moved);
            for isa in Isa::all() {
                let mut found = vec![f32::NAN; stride];
                sum_rows(isa, &rows, matrix, &mut found);
                prop_assert_eq!(bits(&found), bits(&sum), "{}", isa.name());
                let mut found = matrix.to_vec();
                shift_rows(isa, &rows, 0.9, by, &mut found);
                prop_assert_eq!(bits(&found), bits(&moved), "{}", isa.name());
            }
        }
    }
}
