//! How far training ratings lie off what the samples would expect of them, had they never seen them.
//!
//! ```text
//! w_s = 1/p(y | sample s)                                                                          (1)
//! ŷ = Σ_s w_s E[y | s]/Σ_s w_s,   σ² = Σ_s w_s E[(y − ŷ)² | s]/Σ_s w_s,   z = |y − ŷ|/σ            (2)
//! ```
//! A sample that knows y is one that does not, drawn p(y | s) times as often; (1) takes that back, and leaves each training rating out without another fit (Gelfand, Dey and Chang, "Model
//! determination using predictive distributions", Bayesian Statistics 4, 1992). Burn-ins that are too short make z somewhat too large: what a chain has not yet learned from y is taken back, too.

use super::asker::Asker;
use super::samples::{Samples, StepSamples};
use crate::data::ratings::Rating;

/// No step counts as less probable than this, which is about the rounding of its probability.
const LEAST: f64 = 1e-6;

/// z of a training rating, of which somebody on its day is asked.
pub(super) fn off(samples: &Samples, asker: &Asker<'_>, rating: Rating) -> f32 {
    let mut latent = vec![0.0; samples.intercept.len()];
    asker.latent(Some(rating.item), &mut latent);
    let Some(steps) = &samples.steps else {
        return off_number(rating.value, &latent[..samples.count], &samples.noise);
    };
    let passed: Vec<Vec<f32>> = (0..steps.count())
        .map(|step| {
            let mut passed = latent.clone();
            asker.pass(step, steps, &mut passed);
            passed.truncate(samples.count);
            passed
        })
        .collect();
    off_step(rating.value, steps, &passed)
}

/// z of a number: a sample's is normal around its mean, with its noise's precision.
fn off_number(y: f32, means: &[f32], noise: &[f32]) -> f32 {
    let y = f64::from(y);
    let each = || means.iter().zip(noise).map(|(&mean, &alpha)| (f64::from(mean), f64::from(alpha)));
    let log_weight = |mean: f64, alpha: f64| 0.5 * (alpha * (y - mean).powi(2) - libm::log(alpha));
    let greatest = each().map(|(mean, alpha)| log_weight(mean, alpha)).fold(f64::NEG_INFINITY, f64::max);
    let mut left = Moments::default();
    for (mean, alpha) in each() {
        left.add(libm::exp(log_weight(mean, alpha) - greatest), mean, mean * mean + 1.0 / alpha);
    }
    left.off(y)
}

/// z of a step: `passed` holds how probable each sample finds it to pass each step but the last.
fn off_step(y: f32, steps: &StepSamples, passed: &[Vec<f32>]) -> f32 {
    let own = steps.values.partition_point(|&value| value < y);
    let mut left = Moments::default();
    for sample in 0..passed[0].len() {
        let reached = |step: usize| step.checked_sub(1).map_or(1.0, |below| f64::from(passed[below][sample]));
        let passes = |step: usize| passed.get(step).map_or(0.0, |passed| f64::from(passed[sample]));
        let chance = |step: usize| (reached(step) - passes(step)).max(LEAST);
        let (mut mean, mut square) = (0.0, 0.0);
        for (step, &value) in steps.values.iter().enumerate() {
            mean += chance(step) * f64::from(value);
            square += chance(step) * f64::from(value).powi(2);
        }
        left.add(1.0 / chance(own), mean, square);
    }
    left.off(f64::from(y))
}

/// Σw, Σw E\[y\] and Σw E\[y²\].
#[derive(Default)]
struct Moments {
    weight: f64,
    first: f64,
    second: f64,
}

impl Moments {
    fn add(&mut self, weight: f64, mean: f64, square: f64) {
        self.weight += weight;
        self.first += weight * mean;
        self.second += weight * square;
    }

    fn off(&self, y: f64) -> f32 {
        let mean = self.first / self.weight;
        let variance = self.second / self.weight - mean * mean;
        ((y - mean).abs() / variance.max(f64::MIN_POSITIVE).sqrt()) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algo::bfm::weights::normal;
    use crate::fit::rng::{Purpose, stream};

    /// Five numbers around an unknown mean, with a normal prior and known noise: everything is known in closed form.
    #[test]
    fn a_number_that_was_seen_is_left_out_as_if_it_had_not_been() {
        let (numbers, precision, noise) = ([1.0_f64, 2.5, 1.5, -0.5, 4.0], 0.5, 2.0);
        let posterior = |seen: &[f64]| {
            let all = precision + noise * seen.len() as f64;
            (noise * seen.iter().sum::<f64>() / all, all)
        };
        let mut draws = stream(4, Purpose::Synthetic, 0);
        let (mean, all) = posterior(&numbers);
        let means: Vec<f32> = (0..200_000).map(|_| normal(mean, all, &mut draws) as f32).collect();
        for (place, &y) in numbers.iter().enumerate() {
            let others: Vec<f64> = [&numbers[..place], &numbers[place + 1..]].concat();
            let (mean, all) = posterior(&others);
            let expected = (y - mean).abs() / (1.0 / all + 1.0 / noise).sqrt();
            let found = f64::from(off_number(y as f32, &means, &vec![noise as f32; means.len()]));
            assert!((found - expected).abs() < 0.03, "{y}: {found}, not {expected}");
        }
    }

    /// Two samples, equally probable before a rating of 2, of which one finds it twice as probable as the other.
    #[test]
    fn a_step_that_was_seen_is_left_out_as_if_it_had_not_been() {
        let steps = StepSamples { values: vec![1.0, 2.0, 3.0], thresholds: Vec::new() };
        // Of 1, 2 and 3 the one says 1/4, 1/2 and 1/4, the other 0, 1/4 and 3/4: with the rating the one is drawn twice as often.
        let (one, other) = ([0.75, 0.25], [1.0, 0.75]);
        let passed: Vec<Vec<f32>> = (0..2).map(|step| vec![one[step], other[step], one[step]]).collect();
        let (mean, square) = (f64::midpoint(2.0, 2.75), f64::midpoint(4.5, 7.75));
        let expected = (2.0 - mean).abs() / (square - mean * mean).sqrt();
        assert!((f64::from(off_step(2.0, &steps, &passed)) - expected).abs() < 1e-5);
    }
}
