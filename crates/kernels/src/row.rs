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
    /// η for the row's slope.
    pub slope_rate: f32,
    /// What is kept of the row's slope.
    pub slope_keep: f32,
    /// η for the mates' vectors.
    pub mate_rate: f32,
}

/// The row itself: a user whose mates are items, or an item whose mates are users.
pub struct Own<'a> {
    /// Its own vector.
    pub factors: &'a mut [f32],
    /// The sum of its set.
    pub set: &'a mut [f32],
    /// What its own vector drifts by, where it does.
    pub slope: Option<&'a mut [f32]>,
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
    /// What their own vectors drift by, where they do; these stay.
    pub slopes: Option<&'a [f32]>,
    /// What the slopes count in each rating, in the order of `rows`; not read where nothing drifts.
    pub devs: &'a [f32],
}

/// Moves the row and its mates by each rating in turn. `error` is given the rating's place and the inner product of the two
/// sums, and returns what the vectors are pulled by; called through a pointer, so that the loops are compiled here and once. See
/// [`crate::twin::row`].
///
/// # Panics
/// When a mate is not a row of the other side, a vector's length is not one that [`crate::padded`] gives, or `devs` is too short.
pub fn row(
    isa: Isa,
    step: &RowStep,
    own: Own<'_>,
    mates: Mates<'_>,
    error: &mut dyn FnMut(usize, f32) -> f32,
) {
    let stride = own.factors.len();
    assert!(is_padded(stride) && own.set.len() == stride, "rows are padded");
    // A stride known when compiling keeps a whole row in registers between its use and its move; drifts are not worth as much code.
    match (stride, own.slope.is_some() || mates.slopes.is_some()) {
        (8, false) => dispatch!(isa.0, s => pass::<_, f32x8<_>, 1, false>(s, step, own, mates, error)),
        (16, false) => dispatch!(isa.0, s => pass::<_, f32x16<_>, 1, false>(s, step, own, mates, error)),
        (32, false) => dispatch!(isa.0, s => pass::<_, f32x16<_>, 2, false>(s, step, own, mates, error)),
        (64, false) => dispatch!(isa.0, s => pass::<_, f32x16<_>, 4, false>(s, step, own, mates, error)),
        (128, false) => dispatch!(isa.0, s => pass::<_, f32x16<_>, 8, false>(s, step, own, mates, error)),
        (_, false) => dispatch!(isa.0, s => pass::<_, f32x16<_>, ANY, false>(s, step, own, mates, error)),
        (8, true) => dispatch!(isa.0, s => pass::<_, f32x8<_>, 1, true>(s, step, own, mates, error)),
        (_, true) => dispatch!(isa.0, s => pass::<_, f32x16<_>, ANY, true>(s, step, own, mates, error)),
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
pub(crate) trait Lanes<S: Simd>: SimdFloat<S, Element = f32> {
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

/// The pass over rows of `CHUNKS` vectors, which drift or do not.
#[inline(always)]
fn pass<S: Simd, V: Lanes<S>, const CHUNKS: usize, const DRIFT: bool>(
    simd: S,
    step: &RowStep,
    own: Own<'_>,
    mates: Mates<'_>,
    error: &mut dyn FnMut(usize, f32) -> f32,
) {
    let Own { factors: p, set: z, slope } = own;
    let Mates { rows, factors, keep, sets, slopes, devs } = mates;
    let stride = if CHUNKS == ANY { p.len() } else { CHUNKS * V::LEN };
    let (p, z) = (&mut p[..stride], &mut z[..stride]);
    let mut slope = slope.filter(|_| DRIFT).map(|slope| &mut slope[..stride]);
    for (place, &mate) in rows.iter().enumerate() {
        let mate = mate as usize;
        let q = &mut factors[mate * stride..][..stride];
        let w = &sets[mate * stride..][..stride];
        let mate_slope = slopes.filter(|_| DRIFT).map(|slopes| &slopes[mate * stride..][..stride]);
        let dev = if DRIFT { devs[place] } else { 0.0 };
        let mut sums = V::splat(simd, 0.0);
        for at in (0..stride).step_by(V::LEN) {
            let a = composite::<S, V>(simd, p, z, slope.as_deref(), dev, at);
            let b = composite::<S, V>(simd, q, w, mate_slope, dev, at);
            sums = a.mul_add_precise(b, sums);
        }
        let e = error(place, sums.total(simd));
        let mate_keep = V::splat(simd, keep[mate]);
        let (own_keep, set_keep) = (V::splat(simd, step.keep), V::splat(simd, step.set_keep));
        let pulls = |rate: f32| V::splat(simd, rate * e);
        let (own_pull, set_pull, pull) = (pulls(step.rate), pulls(step.set_rate), pulls(step.mate_rate));
        for at in (0..stride).step_by(V::LEN) {
            let a = composite::<S, V>(simd, p, z, slope.as_deref(), dev, at);
            let b = composite::<S, V>(simd, q, w, mate_slope, dev, at);
            descend(simd, p, at, own_keep, own_pull * b);
            descend(simd, z, at, set_keep, set_pull * b);
            descend(simd, q, at, mate_keep, pull * a);
            if let Some(slope) = slope.as_deref_mut() {
                descend(simd, slope, at, V::splat(simd, step.slope_keep), pulls(step.slope_rate * dev) * b);
            }
        }
    }
}

#[inline(always)]
fn load<S: Simd, V: Lanes<S>>(simd: S, row: &[f32], at: usize) -> V {
    V::from_slice(simd, &row[at..][..V::LEN])
}

/// What a row comes to: its own vector and its set's, and as much of its slope as there is drift.
#[inline(always)]
fn composite<S: Simd, V: Lanes<S>>(
    simd: S,
    row: &[f32],
    set: &[f32],
    slope: Option<&[f32]>,
    dev: f32,
    at: usize,
) -> V {
    let sum = load::<S, V>(simd, row, at) + load::<S, V>(simd, set, at);
    slope.map_or(sum, |slope| load::<S, V>(simd, slope, at).mul_add_precise(V::splat(simd, dev), sum))
}

/// x ← keep·x + by.
#[inline(always)]
fn descend<S: Simd, V: Lanes<S>>(simd: S, row: &mut [f32], at: usize, keep: V, by: V) {
    load::<S, V>(simd, row, at).mul_add_precise(keep, by).store_slice(&mut row[at..][..V::LEN]);
}

#[inline(always)]
fn add_all<S: Simd>(simd: S, rows: &[u32], matrix: &[f32], sum: &mut [f32]) {
    let mut at = 0;
    while at < sum.len() {
        at += match sum.len() - at {
            64.. => add_columns::<S, f32x16<S>, 4>(simd, rows, matrix, at, sum),
            32.. => add_columns::<S, f32x16<S>, 2>(simd, rows, matrix, at, sum),
            16.. => add_columns::<S, f32x16<S>, 1>(simd, rows, matrix, at, sum),
            _ => add_columns::<S, f32x8<S>, 1>(simd, rows, matrix, at, sum),
        };
    }
}

/// The sums of C vectors of columns, kept in registers; returns how many columns these are.
#[inline(always)]
fn add_columns<S: Simd, V: Lanes<S>, const C: usize>(
    simd: S,
    rows: &[u32],
    matrix: &[f32],
    at: usize,
    sum: &mut [f32],
) -> usize {
    let stride = sum.len();
    let mut sums = [V::splat(simd, 0.0); C];
    for &row in rows {
        let row = &matrix[row as usize * stride + at..][..C * V::LEN];
        for c in 0..C {
            sums[c] += load::<S, V>(simd, row, c * V::LEN);
        }
    }
    for c in 0..C {
        sums[c].store_slice(&mut sum[at + c * V::LEN..][..V::LEN]);
    }
    C * V::LEN
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

    /// What a pass moves, and the inner products on the way.
    struct Moved {
        p: Vec<f32>,
        z: Vec<f32>,
        slope: Vec<f32>,
        q: Vec<f32>,
        products: Vec<f32>,
    }

    /// The bits of all that after a pass.
    fn after(
        start: &[f32],
        stride: usize,
        pass: impl FnOnce(&mut Moved, &mut dyn FnMut(usize, f32) -> f32),
    ) -> [Vec<u32>; 5] {
        let mut rows = start.chunks_exact(stride).map(<[f32]>::to_vec);
        let mut next = || rows.next().expect("there are 18");
        let (p, z, slope) = (next(), next(), next());
        let q = (0..5).flat_map(|_| next()).collect();
        let mut moved = Moved { p, z, slope, q, products: Vec::new() };
        let mut products = Vec::new();
        pass(&mut moved, &mut |place, product| {
            products.push(product);
            0.1 * place as f32 - product
        });
        moved.products = products;
        [moved.p, moved.z, moved.slope, moved.q, moved.products].map(|values| bits(&values))
    }

    proptest! {
        #[test]
        fn every_instruction_set_gives_the_bits_of_the_twin(
            k in 1_usize..144,
            start in proptest::collection::vec(-1.0_f32..1.0, 144 * 18),
            rows in proptest::collection::vec(0_u32..5, 0..30),
            devs in proptest::collection::vec(-1.0_f32..1.0, 30),
            drifts in proptest::array::uniform2(any::<bool>()),
        ) {
            let stride = crate::padded(k);
            let step = RowStep {
                rate: 0.01,
                keep: 0.999,
                set_rate: 0.02,
                set_keep: 0.998,
                slope_rate: 0.03,
                slope_keep: 0.997,
                mate_rate: 0.015,
            };
            let (rows, devs, keep) = (&rows[..], &devs[..], &[0.99, 0.98, 0.97, 0.96, 0.95]);
            let sets = &start[8 * stride..13 * stride];
            let slopes = drifts[1].then_some(&start[13 * stride..18 * stride]);
            let sides = |moved: &mut Moved, go: &mut dyn FnMut(Own<'_>, Mates<'_>)| {
                let Moved { p, z, slope, q, .. } = moved;
                let slope = drifts[0].then_some(&mut slope[..]);
                let mates = Mates { rows, factors: q, keep, sets, slopes, devs };
                go(Own { factors: p, set: z, slope }, mates);
            };
            let expected = after(&start, stride, |moved, mut error| {
                sides(moved, &mut |own, mates| twin::row(&step, own, mates, &mut error));
            });
            for isa in Isa::all() {
                let found = after(&start, stride, |moved, mut error| {
                    sides(moved, &mut |own, mates| row(isa, &step, own, mates, &mut error));
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
