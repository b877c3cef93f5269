//! Ordered probit: a rating is the step that a hidden number has passed.
//!
//! ```text
//! z_l ~ N(ŷ_l, 1),   y_l = the level v between whose thresholds z_l lies: γ_{v−1} < z_l ≤ γ_v
//! ```
//! The noise is fixed at α = 1 and w₀ at 0, because the thresholds set scale and place. Given the weights, thresholds and hidden numbers are drawn together: the thresholds from
//! their posterior with the hidden numbers integrated out, by Metropolis and Hastings, then the hidden numbers given the thresholds.
//!
//! J. H. Albert, S. Chib, "Bayesian analysis of binary and polychotomous response data", Journal of the American Statistical Association 88, 1993; and "Sequential ordinal modeling
//! with applications to survival data", Biometrics 57, 2001, for thresholds with the hidden numbers integrated out.

use cofactor_kernels::Isa;
use cofactor_kernels::gibbs::{self, Steps, TERMS};
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use super::design::Design;
use crate::error::{Error, Result};
use crate::fit::factors::{Matrix, cholesky, cholesky_solve};
use crate::fit::rng::Stream;

/// As far out as infinity for a normal number.
const FAR: f32 = 40.0;
/// More different ratings than this are no steps.
const MAX_LEVELS: usize = 32;

/// The different ratings, increasing, and which of them each rating is.
#[derive(Debug, Clone)]
pub(super) struct Levels {
    pub(super) values: Vec<f32>,
    of_rating: Vec<u8>,
}

impl Levels {
    pub(super) fn of(design: &Design) -> Result<Self> {
        let mut values = design.values.clone();
        values.sort_by(f32::total_cmp);
        values.dedup();
        if !(2..=MAX_LEVELS).contains(&values.len()) {
            let problem = format!(
                "target = probit needs from 2 to {MAX_LEVELS} different ratings, and there are {}",
                values.len()
            );
            return Err(Error::unsupported(problem, "set target=gaussian"));
        }
        let level = |value: &f32| values.partition_point(|other| other < value) as u8;
        let of_rating = design.values.iter().map(level).collect();
        Ok(Self { values, of_rating })
    }
}

/// The thresholds and hidden numbers of a group of chains.
pub(super) struct Probit {
    levels: Levels,
    /// γ: a row for each, with one far below and one far above at the ends.
    pub(super) thresholds: Vec<f32>,
    /// z, or between two passes what is predicted for it.
    pub(super) hidden: Matrix,
}

impl Probit {
    /// Every hidden number in the middle of its level's share of a standard normal distribution.
    pub(super) fn new(levels: Levels, lanes: usize) -> Self {
        let count = levels.of_rating.len();
        let mut below = vec![0.0_f32; levels.values.len() + 1];
        for &level in &levels.of_rating {
            below[level as usize + 1] += 1.0;
        }
        for level in 1..below.len() {
            below[level] += below[level - 1];
        }
        let quantile = |count_below: f32| gibbs::twin::quantile(count_below / count as f32);
        let mut thresholds = vec![-FAR; lanes];
        for &below in &below[1..levels.values.len()] {
            thresholds.extend(vec![quantile(below); lanes]);
        }
        thresholds.extend(vec![FAR; lanes]);
        let middles: Vec<f32> =
            below.windows(2).map(|pair| quantile(f32::midpoint(pair[0], pair[1]))).collect();
        let mut hidden = Matrix::zeros(count, lanes);
        for (row, &level) in hidden.as_mut_slice().chunks_exact_mut(lanes).zip(&levels.of_rating) {
            row.fill(middles[level as usize]);
        }
        Self { levels, thresholds, hidden }
    }

    pub(super) fn steps(&self) -> Steps<'_> {
        Steps { thresholds: &self.thresholds, values: &self.levels.values, levels: &self.levels.of_rating }
    }

    /// The thresholds between the levels, of one chain.
    pub(super) fn of_chain(&self, chain: usize, lanes: usize) -> impl Iterator<Item = f32> + '_ {
        let between = lanes..self.thresholds.len() - lanes;
        self.thresholds[between].iter().skip(chain).step_by(lanes).copied()
    }

    /// One step of Metropolis and Hastings for the thresholds of each chain, given the predictions: the proposal is normal around where Newton's step from the old ones leads, with the inverse curvature there as
    /// covariance, and the way back is proposed alike. While the chains warm up every proposal that keeps the order is taken, so that they reach the place where the step is nearly exact.
    pub(super) fn draw_thresholds(&mut self, isa: Isa, streams: &mut [Stream], warming: bool) {
        let lanes = streams.len();
        let old = self.thresholds.clone();
        let here = self.proposals(isa, lanes);
        for (chain, stream) in streams.iter_mut().enumerate() {
            let drawn = here[chain].draw(stream);
            self.put(chain, lanes, &drawn);
        }
        let there = self.proposals(isa, lanes);
        for (chain, stream) in streams.iter_mut().enumerate() {
            let uniform: f64 = stream.random();
            let wide = |thresholds: &[f32]| -> Vec<f64> {
                let between = thresholds[lanes..thresholds.len() - lanes].iter().skip(chain).step_by(lanes);
                between.map(|&threshold| f64::from(threshold)).collect()
            };
            let (from, to) = (wide(&old), wide(&self.thresholds));
            let ordered = to.is_sorted_by(|a, b| a < b);
            let gain = there[chain].likelihood - here[chain].likelihood + there[chain].density(&from)
                - here[chain].density(&to);
            if !(ordered && (warming || libm::log(uniform) < gain)) {
                self.put(chain, lanes, &from);
            }
        }
    }

    fn put(&mut self, chain: usize, lanes: usize, thresholds: &[f64]) {
        for (row, &threshold) in (1..).zip(thresholds) {
            self.thresholds[row * lanes + chain] = threshold as f32;
        }
    }

    /// The likelihood of the thresholds as they are, and the proposal that is made from there, for each chain.
    fn proposals(&self, isa: Isa, lanes: usize) -> Vec<Proposal> {
        let terms = gibbs::threshold_terms(isa, lanes, self.steps(), self.hidden.as_slice());
        let term = |level: usize, term: usize, chain: usize| terms[(level * TERMS + term) * lanes + chain];
        let count = self.levels.values.len() - 1;
        let proposal = |chain: usize| {
            let likelihood = (0..=count).map(|level| term(level, 0, chain)).sum();
            let mut step: Vec<f64> = (0..count).map(|t| term(t, 1, chain) - term(t + 1, 2, chain)).collect();
            let mut curvature = vec![0.0; count * count];
            for t in 0..count {
                curvature[t * count + t] = term(t, 3, chain) + term(t + 1, 4, chain);
                if t > 0 {
                    curvature[t * count + t - 1] = -term(t, 5, chain);
                }
            }
            cholesky(&mut curvature, count);
            cholesky_solve(&curvature, &mut step);
            let own = self.of_chain(chain, lanes);
            let mean = own.zip(step).map(|(threshold, step)| f64::from(threshold) + step).collect();
            Proposal { likelihood, mean, factor: curvature }
        };
        (0..lanes).map(proposal).collect()
    }
}

/// N(mean, (LLᵀ)⁻¹).
struct Proposal {
    likelihood: f64,
    mean: Vec<f64>,
    /// L, lower triangle.
    factor: Vec<f64>,
}

impl Proposal {
    fn draw(&self, stream: &mut Stream) -> Vec<f64> {
        let d = self.mean.len();
        // Lᵀx = z.
        let mut x: Vec<f64> = (0..d).map(|_| StandardNormal.sample(stream)).collect();
        for i in (0..d).rev() {
            let sum: f64 = (i + 1..d).map(|j| self.factor[j * d + i] * x[j]).sum();
            x[i] = (x[i] - sum) / self.factor[i * d + i];
        }
        x.iter().zip(&self.mean).map(|(x, mean)| x + mean).collect()
    }

    /// The logarithm of the density, up to a constant.
    fn density(&self, at: &[f64]) -> f64 {
        let d = self.mean.len();
        let off: Vec<f64> = at.iter().zip(&self.mean).map(|(at, mean)| at - mean).collect();
        (0..d)
            .map(|j| {
                let turned: f64 = (j..d).map(|i| self.factor[i * d + j] * off[i]).sum();
                libm::log(self.factor[j * d + j]) - 0.5 * turned * turned
            })
            .sum()
    }
}
