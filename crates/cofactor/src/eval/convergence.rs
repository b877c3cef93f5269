//! Whether chains have forgotten their start, and what their samples are worth.
//!
//! Letters: M sequences of N draws θ_nm, the halves of all chains after the burn-in; θ̄_m and s_m² their means and variances, θ̄ the mean of all.
//!
//! ```text
//! between         B  = N/(M−1) Σ_m (θ̄_m − θ̄)²
//! within          W  = 1/M Σ_m s_m²
//! both            V  = (N−1)/N W + B/N
//! split R-hat     R̂  = √(V/W)                                                    (1)
//! autocorrelation ρ_t = 1 − (W − 1/M Σ_m c_tm)/V                                  (2)
//!                 c_tm = 1/N Σ_n (θ_nm − θ̄_m)(θ_(n+t)m − θ̄_m) · N/(N−1)
//! effective size  S  = MN/(−1 + 2 Σ_t (ρ_2t + ρ_2t+1))                            (3)
//! ```
//! The sum in (3) goes over pairs as long as they are positive, and none counts more than the one before (Geyer 1992); S is MN·log₁₀(MN) at most. R̂ is 1 where all halves of all chains tell the same; above 1.05 or so
//! the burn-in was too short.
//!
//! A. Gelman et al., "Bayesian data analysis", third edition, 2013, sections 11.4 and 11.5; A. Vehtari, A. Gelman, D. Simpson, B. Carpenter, P.-C. Bürkner, "Rank-normalization, folding, and
//! localization: an improved R̂", Bayesian Analysis 16(2), 2021, equations 1 to 4 and 10, without the ranks.

use serde::{Deserialize, Serialize};

use crate::fit::model::{Model, Trace};

/// A number of a model that is drawn again and again, and how well its chains agree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Convergence {
    /// What it is.
    pub name: String,
    /// The first draws of each chain, which do not count.
    pub burn_in: usize,
    /// All draws of each chain.
    pub chains: Vec<Vec<f32>>,
    /// (1), of the draws that count; none of fewer than four of a chain, or of draws that are all the same.
    pub r_hat: Option<f64>,
    /// (3), likewise.
    pub effective: Option<f64>,
}

/// What the model tells of its own chains; empty for one that has none.
pub fn convergence(model: &dyn Model) -> Vec<Convergence> {
    let judged = |Trace { name, burn_in, chains }: Trace| {
        let after: Vec<Vec<f64>> = chains
            .iter()
            .map(|draws| draws.iter().skip(burn_in).map(|&draw| f64::from(draw)).collect())
            .collect();
        let (r_hat, effective) = judge(&after).unzip();
        Convergence { name, burn_in, chains, r_hat, effective }
    };
    model.traces().into_iter().map(judged).collect()
}

/// (1) and (3) of chains of equal length.
fn judge(chains: &[Vec<f64>]) -> Option<(f64, f64)> {
    let half = chains.first()?.len() / 2;
    if half < 2 {
        return None;
    }
    // Of an odd number the draw in the middle is left out.
    let halves: Vec<&[f64]> =
        chains.iter().flat_map(|draws| [&draws[..half], &draws[draws.len() - half..]]).collect();
    let (m, n) = (halves.len() as f64, half as f64);
    let means: Vec<f64> = halves.iter().map(|draws| draws.iter().sum::<f64>() / n).collect();
    let mean = means.iter().sum::<f64>() / m;
    let between = n / (m - 1.0) * means.iter().map(|own| (own - mean).powi(2)).sum::<f64>();
    let covariance = |lag: usize| {
        let of = |(draws, mean): (&&[f64], &f64)| {
            draws.iter().zip(&draws[lag..]).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>()
        };
        halves.iter().zip(&means).map(of).sum::<f64>() / (m * (n - 1.0))
    };
    let within = covariance(0);
    let both = (n - 1.0) / n * within + between / n;
    if within <= 0.0 {
        return None;
    }
    let correlation = |lag: usize| if lag == 0 { 1.0 } else { 1.0 - (within - covariance(lag)) / both };
    let (mut sum, mut least) = (0.0, f64::INFINITY);
    for lag in (0..half - 1).step_by(2) {
        let pair = correlation(lag) + correlation(lag + 1);
        if pair <= 0.0 {
            break;
        }
        least = pair.min(least);
        sum += least;
    }
    // Chains whose draws shun each other are worth more than independent ones, but not without limit.
    let all = m * n;
    let effective = (all / (2.0 * sum - 1.0).max(1.0 / libm::log10(all))).max(1.0);
    Some(((both / within).sqrt(), effective))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::rng::{Purpose, stream};
    use rand::RngExt;
    use rand_distr::StandardNormal;

    #[test]
    fn two_short_chains_by_hand() {
        // Halves 1 3, 2 4, 3 5, 4 6: means 2 3 4 5 about 3.5, each with a variance of 2.
        // B = 2/3 · 5 = 10/3, W = 2, V = 1/2 · 2 + 5/3 = 8/3, R̂ = √(4/3).
        // c_1 of each: −1 · 1 / (2 − 1) = −1, so ρ_1 = 1 − 3/(8/3) = −1/8, and S = 8/(−1 + 2 · 7/8) = 32/3, beyond the limit of 8 · log₁₀ 8.
        let chains = [vec![1.0, 3.0, 2.0, 4.0], vec![3.0, 5.0, 4.0, 6.0]];
        let (r_hat, effective) = judge(&chains).unwrap();
        assert!((r_hat - (4.0_f64 / 3.0).sqrt()).abs() < 1e-12, "{r_hat}");
        assert!((effective - 8.0 * 8.0_f64.log10()).abs() < 1e-12, "{effective}");
    }

    #[test]
    fn chains_that_stand_still_or_are_short_say_nothing() {
        assert_eq!(judge(&[vec![1.0; 10], vec![1.0; 10]]), None);
        assert_eq!(judge(&[vec![1.0, 2.0, 3.0]]), None);
        assert_eq!(judge(&[]), None);
    }

    /// θ_n = ρθ_(n−1) + noise has an effective size of MN(1 − ρ)/(1 + ρ).
    #[test]
    fn an_autoregression_is_worth_what_the_theory_says() {
        for correlation in [0.0_f64, 0.5, 0.8] {
            let chain = |number: u64| {
                let mut rng = stream(number, Purpose::Synthetic, 2);
                let mut state: f64 = rng.sample(StandardNormal);
                let mut next = || {
                    let noise: f64 = rng.sample(StandardNormal);
                    state = correlation * state + (1.0 - correlation * correlation).sqrt() * noise;
                    state
                };
                (0..2000).map(|_| next()).collect::<Vec<f64>>()
            };
            let chains: Vec<Vec<f64>> = (0..16).map(chain).collect();
            let (r_hat, effective) = judge(&chains).unwrap();
            let expected = 32_000.0 * (1.0 - correlation) / (1.0 + correlation);
            assert!((r_hat - 1.0).abs() < 0.01, "{correlation}: {r_hat}");
            assert!((effective / expected - 1.0).abs() < 0.12, "{correlation}: {effective} of {expected}");
        }
    }

    #[test]
    fn a_chain_that_went_elsewhere_is_seen() {
        let mut rng = stream(1, Purpose::Synthetic, 4);
        let mut chain =
            |at: f64| (0..100).map(|_| at + rng.sample::<f64, _>(StandardNormal)).collect::<Vec<f64>>();
        let chains = [chain(0.0), chain(0.0), chain(0.0), chain(5.0)];
        let (r_hat, effective) = judge(&chains).unwrap();
        assert!(r_hat > 2.0 && effective < 20.0, "{r_hat}, {effective}");
    }
}
