//! Inner products.

use fearless_simd::{Simd, dispatch, f32x4, f32x8, f32x16, prelude::*};

use crate::{Isa, LANES};

/// aᵀb. Both have the same length, one that [`crate::padded`] gives. See [`crate::twin::dot`].
pub fn dot(isa: Isa, a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "an inner product takes two vectors of one length");
    dispatch!(isa.0, simd => sum(simd, partial_sums(simd, a, b)))
}

/// The inner product of `x` with each row of a matrix that is as wide; one entry of `out` for each row.
pub fn dot_rows(isa: Isa, x: &[f32], rows: &[f32], out: &mut [f32]) {
    assert_eq!(rows.len(), out.len() * x.len(), "one result for each row");
    if x.is_empty() {
        return out.fill(0.0);
    }
    dispatch!(isa.0, simd => for_rows(simd, x, rows, out));
}

#[inline(always)]
fn for_rows<S: Simd>(simd: S, x: &[f32], rows: &[f32], out: &mut [f32]) {
    for (row, out) in rows.chunks_exact(x.len()).zip(out) {
        *out = sum(simd, partial_sums(simd, x, row));
    }
}

/// The 16 partial sums of a product; lane l holds Σ a[16j + l]·b[16j + l].
#[inline(always)]
pub(crate) fn partial_sums<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32x16<S> {
    let mut sums = f32x16::splat(simd, 0.0);
    if a.len() == LANES / 2 {
        let (low, high) = sums.split();
        return (low + f32x8::from_slice(simd, a) * f32x8::from_slice(simd, b)).combine(high);
    }
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        sums = f32x16::from_slice(simd, a).mul_add_precise(f32x16::from_slice(simd, b), sums);
    }
    sums
}

/// Adds the 16 lanes in halves, so that every instruction set rounds alike.
#[inline(always)]
pub(crate) fn sum<S: Simd>(simd: S, lanes: f32x16<S>) -> f32 {
    let (low, high) = lanes.split();
    sum_eight(simd, low + high)
}

/// The 16 sums of 16 vectors, each added in halves like [`sum`].
#[inline(always)]
pub(crate) fn sums_of_sixteen<S: Simd>(vectors: [f32x16<S>; LANES]) -> f32x16<S> {
    // Lengths that the compiler knows keep all of this in registers.
    let eight: [_; 8] = halved(&vectors);
    let four: [_; 4] = halved(&eight);
    let [even, odd]: [_; 2] = halved(&four);
    even.zip_low(odd) + even.zip_high(odd)
}

/// Pairs of vectors become one: the halves of the first added up in the even lanes, those of the second in the odd ones.
#[inline(always)]
fn halved<S: Simd, const N: usize>(vectors: &[f32x16<S>]) -> [f32x16<S>; N] {
    let mut halves = [vectors[0]; N];
    for v in 0..N {
        halves[v] = vectors[v].zip_low(vectors[v + N]) + vectors[v].zip_high(vectors[v + N]);
    }
    halves
}

/// Adds 8 lanes in halves.
#[inline(always)]
pub(crate) fn sum_eight<S: Simd>(_simd: S, lanes: f32x8<S>) -> f32 {
    let (low, high) = lanes.split();
    let four: f32x4<S> = low + high;
    let two = four + four.slide::<2>(four);
    let one = two + two.slide::<1>(two);
    one[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{padded, twin};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_instruction_set_gives_the_bits_of_the_twin(
            k in 0_usize..70,
            entries in proptest::collection::vec((-10.0_f32..10.0, -10.0_f32..10.0), 80),
        ) {
            let (a, b): (Vec<f32>, Vec<f32>) = entries.into_iter().take(padded(k)).unzip();
            let expected = twin::dot(&a, &b);
            for isa in Isa::all() {
                prop_assert_eq!(dot(isa, &a, &b).to_bits(), expected.to_bits(), "{}", isa.name());
                let mut out = [0.0; 3];
                dot_rows(isa, &a, &b.repeat(3), &mut out);
                prop_assert_eq!(out, [expected; 3]);
            }
        }
    }
}
