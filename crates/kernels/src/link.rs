//! From an inner product to a predicted rating.

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

/// σ(z) with the same bits on every machine.
#[inline]
fn sigmoid(z: f32) -> f32 {
    1.0 / (1.0 + libm::expf(-z))
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
    fn the_slope_is_that_of_the_values() {
        for link in [Link::Identity, STARS] {
            for z in [-2.0_f32, -0.3, 0.0, 1.7] {
                let difference = (link.value(z + 0.01) - link.value(z - 0.01)) / 0.02;
                assert!((link.slope(z) - difference).abs() < 1e-3, "{link:?} at {z}");
            }
        }
    }
}
