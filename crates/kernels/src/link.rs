//! From an inner product to a predicted rating.

use fearless_simd::{Simd, dispatch};

use crate::Isa;

/// How the predicted rating r̂ = g(z) comes from the inner product and the biases, z.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Link {
    /// g(z) = z.
    #[default]
    Identity,
    /// g(z) = min + range·σ(z), with σ(z) = 1/(1 + e⁻ᶻ): never outside the scale.
    Logistic {
        /// The lowest rating.
        min: f32,
        /// The highest rating minus the lowest; above zero.
        range: f32,
    },
}

impl Link {
    /// g(z).
    #[inline]
    pub fn value(self, z: f32) -> f32 {
        match self {
            Self::Identity => z,
            Self::Logistic { min, range } => range.mul_add(sigmoid(z), min),
        }
    }

    /// g′(z).
    #[inline]
    pub fn slope(self, z: f32) -> f32 {
        match self {
            Self::Identity => 1.0,
            Self::Logistic { range, .. } => {
                let sigma = sigmoid(z);
                range * sigma * (1.0 - sigma)
            }
        }
    }

    /// g(z) and g′(z), for little more than the cost of one of them.
    #[inline]
    pub(crate) fn value_and_slope(self, z: f32) -> (f32, f32) {
        match self {
            Self::Identity => (z, 1.0),
            Self::Logistic { min, range } => {
                let sigma = sigmoid(z);
                (range.mul_add(sigma, min), range * sigma * (1.0 - sigma))
            }
        }
    }

    /// The z whose value is that rating; a rating at or beyond an end of the scale is taken as one close to it.
    pub fn inverse(self, rating: f32) -> f32 {
        match self {
            Self::Identity => rating,
            Self::Logistic { min, range } => {
                let share = ((rating - min) / range).clamp(1e-3, 1.0 - 1e-3);
                libm::logf(share / (1.0 - share))
            }
        }
    }
}

/// σ(z) with the same bits on every machine: additions and products alone, so it costs a pass of descent little.
#[inline(always)]
pub fn sigmoid(z: f32) -> f32 {
    1.0 / (1.0 + exp(-z))
}

/// σ of each, in place; the same bits as [`sigmoid`].
pub fn sigmoids(isa: Isa, values: &mut [f32]) {
    dispatch!(isa.0, simd => each_sigmoid(simd, values));
}

/// A plain loop, which the compiler turns into vectors of these instructions.
#[inline(always)]
fn each_sigmoid<S: Simd>(_simd: S, values: &mut [f32]) {
    for value in values {
        *value = sigmoid(*value);
    }
}

/// eˣ to about one unit in the last place, x taken as at most 87 from zero.
///
/// With n the whole number nearest to x/ln 2: eˣ = 2ⁿ·eʸ, and for y = x − n·ln 2, at most 0.35 from zero, the series is at its end after six terms.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// Added to a small number, it leaves the nearest whole number in the last bits.
    const ROUND: f32 = 12_582_912.0;
    /// ln 2 in two parts, the first short enough that its product with n is exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    let x = x.clamp(-87.0, 87.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let y = (x - n * LN_2[0]) - n * LN_2[1];
    // In pairs, which a processor computes side by side.
    let square = y * y;
    let high = (1.0 / 24.0 + y * (1.0 / 120.0)) + square * (1.0 / 720.0);
    let series = (1.0 + y) + square * ((0.5 + y * (1.0 / 6.0)) + square * high);
    // n moves into the exponent.
    f32::from_bits(series.to_bits().wrapping_add(rounded.to_bits() << 23))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STARS: Link = Link::Logistic { min: 1.0, range: 4.0 };

    #[test]
    fn values_stay_on_the_scale_and_come_back() {
        for z in [-200.0, -3.0, 0.0, 1.5, 200.0] {
            assert!((1.0..=5.0).contains(&STARS.value(z)), "{z}");
        }
        assert_eq!(STARS.value(0.0), 3.0);
        for rating in [1.5, 3.0, 4.2] {
            assert!((STARS.value(STARS.inverse(rating)) - rating).abs() < 1e-5);
            assert_eq!(Link::Identity.inverse(rating), rating);
        }
        assert!(STARS.inverse(5.0).is_finite() && STARS.inverse(1.0).is_finite());
    }

    #[test]
    fn the_exponential_is_exact_to_about_a_unit_in_the_last_place() {
        for step in -8_700..=8_700 {
            let x = step as f32 * 0.01;
            let exact = libm::exp(f64::from(x));
            let error = (f64::from(exp(x)) - exact).abs() / exact;
            assert!(error < 2.5e-7, "{error:e} at {x}");
        }
        assert_eq!((exp(-1e30), exp(0.0)), (exp(-87.0), 1.0));
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn many_at_once_have_the_same_bits() {
        let values: Vec<f32> = (-500..500).map(|step| step as f32 * 0.2).collect();
        for isa in Isa::all() {
            let mut found = values.clone();
            sigmoids(isa, &mut found);
            for (found, &value) in found.iter().zip(&values) {
                assert_eq!(found.to_bits(), sigmoid(value).to_bits(), "{}", isa.name());
            }
        }
    }

    #[test]
    fn the_slope_is_that_of_the_values() {
        for link in [Link::Identity, STARS] {
            for z in [-2.0_f32, -0.3, 0.0, 1.7] {
                let difference = (link.value(z + 0.01) - link.value(z - 0.01)) / 0.02;
                assert!((link.slope(z) - difference).abs() < 1e-3, "{link:?} at {z}");
            }
        }
    }
}
