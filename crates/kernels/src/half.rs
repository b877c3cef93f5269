//! Rows of bfloat16, the upper half of an f32: half the memory for what is averaged over many samples.

use fearless_simd::{Simd, dispatch, f32x8, f32x16, prelude::*, u16x16};

use crate::{Isa, LANES};

/// The nearest bfloat16 to a finite number; of two, the even one.
#[inline]
pub fn to_half(value: f32) -> u16 {
    let bits = value.to_bits();
    (bits.wrapping_add(0x7FFF + ((bits >> 16) & 1)) >> 16) as u16
}

/// The number that a bfloat16 is, exactly.
#[inline]
pub fn from_half(half: u16) -> f32 {
    f32::from_bits(u32::from(half) << 16)
}

/// For each of many samples of a model, one side's level and the other's, and the inner product of their vectors.
///
/// Samples stand in chunks of 16: k vectors of 16 samples and a vector of their levels, chunk after chunk, in `own` as in `row`; `out` has a number for each sample. See
/// [`crate::twin::by_sample`].
///
/// # Panics
/// When the lengths do not fit each other.
pub fn by_sample(isa: Isa, k: usize, own: &[f32], row: &[u16], out: &mut [f32]) {
    let fit = own.len() == row.len() && own.len() == out.len() * (k + 1) && out.len().is_multiple_of(LANES);
    assert!(fit, "both sides have k + 1 numbers for each sample");
    dispatch!(isa.0, simd => products(simd, k, own, row, out));
}

#[inline(always)]
fn products<S: Simd>(simd: S, k: usize, own: &[f32], row: &[u16], out: &mut [f32]) {
    let stride = (k + 1) * LANES;
    for (chunk, out) in out.chunks_exact_mut(LANES).enumerate() {
        let own = &own[chunk * stride..][..stride];
        let row = &row[chunk * stride..][..stride];
        let mut sums = f32x16::from_slice(simd, &own[k * LANES..]) + widened(simd, &row[k * LANES..]);
        for f in 0..k {
            let own = f32x16::from_slice(simd, &own[f * LANES..][..LANES]);
            sums = own.mul_add_precise(widened(simd, &row[f * LANES..][..LANES]), sums);
        }
        sums.store_slice(out);
    }
}

#[inline(always)]
fn widened<S: Simd>(simd: S, halves: &[u16]) -> f32x16<S> {
    let (low, high) = u16x16::from_slice(simd, halves).widen();
    let low: f32x8<S> = (low << 16).bitcast();
    let high: f32x8<S> = (high << 16).bitcast();
    low.combine(high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin;
    use proptest::prelude::*;

    #[test]
    fn halves_are_the_nearest() {
        for (value, half) in
            [(0.0, 0.0), (1.0, 1.0), (-2.5, -2.5), (1.001, 1.0), (1.007, 1.007_812_5), (5.141, 5.156_25)]
        {
            assert_eq!(from_half(to_half(value)), half, "{value}");
        }
        // Half way between two: the even one.
        assert_eq!(to_half(f32::from_bits(0x3F80_8000)), 0x3F80);
        assert_eq!(to_half(f32::from_bits(0x3F81_8000)), 0x3F82);
    }

    proptest! {
        #[test]
        fn every_instruction_set_gives_the_bits_of_the_twin(
            k in 0_usize..4,
            chunks in 0_usize..3,
            entries in proptest::collection::vec((-10.0_f32..10.0, -10.0_f32..10.0), 128),
        ) {
            let (own, row): (Vec<f32>, Vec<f32>) = entries.into_iter().take(16 * chunks * (k + 1)).unzip();
            let row: Vec<u16> = row.into_iter().map(to_half).collect();
            let mut expected = vec![0.0; 16 * chunks];
            twin::by_sample(k, &own, &row, &mut expected);
            for isa in Isa::all() {
                let mut found = vec![1.0; 16 * chunks];
                by_sample(isa, k, &own, &row, &mut found);
                prop_assert_eq!(&found, &expected, "{}", isa.name());
            }
        }
    }
}
