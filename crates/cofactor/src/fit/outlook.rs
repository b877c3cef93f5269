//! How sure a model is of a prediction.
//!
//! ```text
//! interval of share p     ŷ ± z(p)·s,  s the standard deviation of the rating around the prediction
//! z(p)                    the p point of |y − ŷ|/s over ratings y that the prediction does not know                  (1)
//!                         without such ratings the (1 + p)/2 point of the normal distribution                        (2)
//! ```
//! An interval of steps holds whole steps, and so can seldom hold exactly p of one rating; and noise is seldom normal. (1) holds what it promises of all ratings together, as far as those are like
//! the ones that it was made of.

use std::sync::Arc;

use serde::Serialize;

use super::normal;

/// What a model holds of a rating beside its mean.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outlook {
    /// How far the rating is expected to lie from the prediction, what the model does not know and the noise together: the root of the mean square, in units of the ratings.
    pub sd: f32,
    /// Where ratings are steps: how probable each is, from the lowest to the highest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub chances: Vec<Chance>,
    /// z.
    #[serde(skip)]
    pub reach: Reach,
}

/// How probable a rating is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Chance {
    /// The rating.
    pub value: f32,
    /// Its probability.
    pub probability: f32,
}

impl Outlook {
    /// A rating that is a number.
    pub fn number(sd: f32, reach: Reach) -> Self {
        Self { sd, chances: Vec::new(), reach }
    }

    /// A rating that is a step, around what is predicted: the steps from the lowest to the highest, and how probable it is to pass each of them but the last.
    pub fn steps(
        values: &[f32],
        passed: impl IntoIterator<Item = f64>,
        predicted: f32,
        reach: Reach,
    ) -> Self {
        let mut reached = 1.0_f64;
        let chance = |(&value, passed): (&f32, f64)| {
            // Rounding may let a higher step be passed more often than a lower one.
            let passed = passed.clamp(0.0, reached);
            let probability = (reached - passed) as f32;
            reached = passed;
            Chance { value, probability }
        };
        let chances: Vec<Chance> = values.iter().zip(passed.into_iter().chain([0.0])).map(chance).collect();
        let square = |chance: &Chance| f64::from(chance.probability * (chance.value - predicted).powi(2));
        Self { sd: chances.iter().map(square).sum::<f64>().sqrt() as f32, chances, reach }
    }

    /// How far from the prediction the rating lies at most, with probability `share` between 0 and 1.
    pub fn reach(&self, share: f64) -> f32 {
        self.reach.of(share) as f32 * self.sd
    }

    /// The share of the narrowest interval that holds this rating: the inverse of [`Self::reach`], 1 for a rating beyond all.
    pub fn share(&self, predicted: f32, rating: f32) -> f64 {
        self.reach.share(f64::from((rating - predicted).abs() / self.sd))
    }
}

/// z: how many standard deviations an interval reaches to each side.
#[derive(Debug, Clone, PartialEq)]
pub enum Reach {
    /// Equation (2).
    Normal,
    /// Equation (1), at p = 0, 1/[`Reach::PARTS`], …, 1.
    Pooled(Arc<[f32]>),
}

impl Reach {
    /// Into so many parts the shares are cut.
    pub const PARTS: usize = 1000;

    /// With fewer ratings than this the intervals of 95 % would rest on a handful.
    const FEWEST: usize = 200;

    /// Of how many standard deviations ratings lie off their predictions; (2) if there are too few.
    pub fn pooled(mut off: Vec<f32>) -> Self {
        if off.len() < Self::FEWEST {
            return Self::Normal;
        }
        off.sort_by(f32::total_cmp);
        let point = |part: usize| off[(part * off.len()).div_ceil(Self::PARTS).saturating_sub(1)];
        Self::Pooled((0..=Self::PARTS).map(point).collect())
    }

    fn of(&self, share: f64) -> f64 {
        let Self::Pooled(points) = self else { return normal::quantile(f64::midpoint(1.0, share)) };
        let place = share.clamp(0.0, 1.0) * (points.len() - 1) as f64;
        let (below, above) = (points[place.floor() as usize], points[place.ceil() as usize]);
        f64::from(below) + f64::from(above - below) * place.fract()
    }

    fn share(&self, off: f64) -> f64 {
        let Self::Pooled(points) = self else { return 2.0 * normal::cumulative(off) - 1.0 };
        let right = points.partition_point(|&point| f64::from(point) < off);
        let parts = (points.len() - 1) as f64;
        match (
            right.checked_sub(1).map(|left| f64::from(points[left])),
            points.get(right).map(|&p| f64::from(p)),
        ) {
            (Some(below), Some(above)) => (right as f64 - (above - off) / (above - below)) / parts,
            (None, _) => 0.0,
            (_, None) => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::rng::{Purpose, stream};
    use proptest::prelude::*;
    use rand::RngExt;

    /// Stars from one on, with these probabilities.
    fn stars(probabilities: &[f64], predicted: f32, reach: Reach) -> Outlook {
        let values: Vec<f32> = (1..=probabilities.len()).map(|star| star as f32).collect();
        let passed = (1..probabilities.len()).map(|star| probabilities[star..].iter().sum());
        Outlook::steps(&values, passed, predicted, reach)
    }

    #[test]
    fn a_number_with_noise_reaches_as_far_as_the_normal_distribution() {
        let outlook = Outlook::number(2.0, Reach::Normal);
        assert!((outlook.reach(0.5) - 1.348_98).abs() < 1e-4);
        assert!((outlook.reach(0.95) - 3.919_93).abs() < 1e-4);
    }

    #[test]
    fn the_spread_of_steps_is_around_the_prediction() {
        let outlook = stars(&[0.5, 0.0, 0.5], 2.5, Reach::Normal);
        assert!((outlook.sd - 1.25_f32.sqrt()).abs() < 1e-6);
        let chances: Vec<(f32, f32)> = outlook.chances.iter().map(|c| (c.value, c.probability)).collect();
        assert_eq!(chances, [(1.0, 0.5), (2.0, 0.0), (3.0, 0.5)]);
    }

    /// Probabilities of five stars that are rounded normal numbers, and the mean of them.
    fn rounded(rng: &mut impl RngExt) -> (Vec<f64>, f32) {
        let (mean, spread): (f64, f64) = (rng.random_range(1.5..4.7), rng.random_range(0.6..1.1));
        let below = |x: f64| normal::cumulative((x - mean) / spread);
        let edges = [f64::NEG_INFINITY, 1.5, 2.5, 3.5, 4.5, f64::INFINITY];
        let probabilities: Vec<f64> = edges.windows(2).map(|e| below(e[1]) - below(e[0])).collect();
        let predicted = (1..).zip(&probabilities).map(|(star, p)| f64::from(star) * p).sum::<f64>();
        (probabilities, predicted as f32)
    }

    /// Of so many predictions: how sure it is, what is predicted, and a star drawn by its probability.
    fn drawn(count: usize, rng: &mut impl RngExt) -> Vec<(Outlook, f32, f32)> {
        let one = |_| {
            let (probabilities, predicted) = rounded(rng);
            let (mut left, mut star) = (rng.random::<f64>(), 1);
            while star < 5 && left >= probabilities[star - 1] {
                left -= probabilities[star - 1];
                star += 1;
            }
            (stars(&probabilities, predicted, Reach::Normal), predicted, star as f32)
        };
        (0..count).map(one).collect()
    }

    #[test]
    fn intervals_of_steps_hold_what_they_promise_on_average() {
        let mut rng = stream(3, Purpose::Synthetic, 0);
        let off = |(outlook, predicted, star): &(Outlook, f32, f32)| (star - predicted).abs() / outlook.sd;
        let reach = Reach::pooled(drawn(20_000, &mut rng).iter().map(off).collect());
        let others = drawn(20_000, &mut rng);
        for promised in [0.1, 0.5, 0.8, 0.95] {
            let within = others.iter().filter(|(outlook, predicted, star)| {
                Outlook { reach: reach.clone(), ..outlook.clone() }.share(*predicted, *star) <= promised
            });
            let held = within.count() as f64 / others.len() as f64;
            assert!((held - promised).abs() < 0.015, "{held} for {promised}");
        }
    }

    #[test]
    fn a_handful_of_ratings_pools_to_the_normal_distribution() {
        assert_eq!(Reach::pooled(vec![1.0; Reach::FEWEST - 1]), Reach::Normal);
        assert_eq!(
            Reach::pooled(vec![1.0; Reach::FEWEST]),
            Reach::Pooled(vec![1.0; Reach::PARTS + 1].into())
        );
    }

    proptest! {
        #[test]
        fn reach_and_share_are_inverse_and_grow_together(
            off in prop::collection::vec(0.0_f32..3.0, 150..300), a in 0.001..0.999, b in 0.001..0.999
        ) {
            let outlook = Outlook { sd: 1.0, chances: Vec::new(), reach: Reach::pooled(off) };
            let (near, far) = (outlook.reach(f64::min(a, b)), outlook.reach(f64::max(a, b)));
            prop_assert!(0.0 <= near && near <= far);
            // Steps of z are one distance for many shares, of which `share` names the smallest.
            let share = outlook.share(0.0, far);
            prop_assert!(share <= f64::max(a, b) + 2e-3, "{share}");
            prop_assert!((outlook.reach(share) - far).abs() < 1e-3 || outlook.reach(share + 2e-3) >= far);
        }
    }
}
