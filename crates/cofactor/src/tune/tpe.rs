//! Which parameters to try next: at random first, then the tree-structured Parzen estimator.
//!
//! Each parameter is searched on its own, at a place x between 0 and 1 (the logarithm of most). The finished trials are divided into the best
//! fifth and the rest; l(x) and g(x) are the densities of the places that the two chose:
//! ```text
//! l(x) = (1 + Σ_{j∈best} N(x; x_j, σ_j)) / (1 + |best|),   g likewise over the rest          (1)
//! ```
//! N is a normal density cut at 0 and 1, and σ_j the larger distance from x_j to its neighbours, kept between 1/(1 + n) (at least 0.01) and 1;
//! the 1 is a uniform prior. Of 24 draws from l, the one with the greatest l(x)/g(x) is proposed, which is the greatest expected
//! improvement (Bergstra, Bardenet, Bengio, Kégl: "Algorithms for hyper-parameter optimization", NeurIPS 2011). For parameters without
//! order, (1) counts values instead. What is proposed beside it in the same generation counts among the rest, so that eight
//! proposals do not all go to one place.

use rand::RngExt;
use rand_distr::StandardNormal;

use super::space::{Dimension, Range};
use crate::fit::normal;
use crate::fit::rng::{Purpose, Stream, stream};

/// A finished trial: the place of each dimension, and its error; infinite where it was pruned or failed.
#[derive(Debug, Clone)]
pub(super) struct Past {
    pub(super) places: Vec<f64>,
    pub(super) error: f64,
}

/// Trials that are drawn at random before any is proposed.
const RANDOM: usize = 16;
/// Of l's draws, how many are compared.
const DRAWS: usize = 24;
/// The part of the trials that counts as good.
const GOOD: f64 = 0.2;

/// The places of `count` trials, numbered from `first`, after the trials before them.
pub(super) fn propose(
    space: &[Dimension],
    seed: u64,
    (first, count): (usize, usize),
    past: &[Past],
) -> Vec<Vec<f64>> {
    let (good, bad) = divided(past);
    let mut proposals: Vec<Vec<f64>> = Vec::with_capacity(count);
    for number in first..first + count {
        let mut draws = stream(seed, Purpose::Proposal, number as u64);
        let places = space.iter().enumerate().map(|(dimension, Dimension { range, .. })| {
            if number < RANDOM || good.is_empty() {
                return draws.random::<f64>();
            }
            let of = |trials: &[&Past]| trials.iter().map(|trial| trial.places[dimension]).collect();
            let mut rest: Vec<f64> = of(&bad);
            rest.extend(proposals.iter().map(|other| other[dimension]));
            best_of_draws(&Density::of(range, of(&good)), &Density::of(range, rest), &mut draws)
        });
        let places = places.collect();
        proposals.push(places);
    }
    proposals
}

/// The best fifth of the trials that came to an end, and all others.
fn divided(past: &[Past]) -> (Vec<&Past>, Vec<&Past>) {
    let mut sorted: Vec<&Past> = past.iter().collect();
    sorted.sort_by(|a, b| a.error.total_cmp(&b.error));
    let ended = sorted.iter().take_while(|trial| trial.error.is_finite()).count();
    let good = (GOOD * sorted.len() as f64).ceil() as usize;
    let bad = sorted.split_off(good.min(ended));
    (sorted, bad)
}

fn best_of_draws(good: &Density, rest: &Density, draws: &mut Stream) -> f64 {
    let gain = |place: f64| libm::log(good.at(place)) - libm::log(rest.at(place));
    (0..DRAWS)
        .map(|_| good.draw(draws))
        .map(|place| (place, gain(place)))
        .fold((0.5, f64::NEG_INFINITY), |best, draw| if draw.1 > best.1 { draw } else { best })
        .0
}

/// (1).
enum Density {
    /// Places with their widths, sorted.
    Smooth(Vec<(f64, f64)>),
    /// How often each value was chosen, and one.
    Counts(Vec<f64>),
}

impl Density {
    fn of(range: &Range, mut places: Vec<f64>) -> Self {
        if let Range::Choice { options } = range {
            let mut counts = vec![1.0; options.len()];
            for place in places {
                counts[option(place, options.len())] += 1.0;
            }
            return Self::Counts(counts);
        }
        places.sort_by(f64::total_cmp);
        let narrowest = (1.0 / (1.0 + places.len() as f64)).max(0.01);
        let width = |position: usize| {
            let before = if position == 0 { 0.0 } else { places[position - 1] };
            let after = places.get(position + 1).copied().unwrap_or(1.0);
            (places[position] - before).max(after - places[position]).clamp(narrowest, 1.0)
        };
        Self::Smooth((0..places.len()).map(|position| (places[position], width(position))).collect())
    }

    fn at(&self, place: f64) -> f64 {
        match self {
            Self::Smooth(bells) => {
                let sum: f64 = bells.iter().map(|&(middle, width)| cut_normal(place, middle, width)).sum();
                (1.0 + sum) / (1.0 + bells.len() as f64)
            }
            Self::Counts(counts) => counts[option(place, counts.len())] / counts.iter().sum::<f64>(),
        }
    }

    fn draw(&self, draws: &mut Stream) -> f64 {
        match self {
            Self::Smooth(bells) => {
                let which = (draws.random::<f64>() * (bells.len() + 1) as f64) as usize;
                let Some(&(middle, width)) = bells.get(which) else { return draws.random::<f64>() };
                loop {
                    let place = middle + width * draws.sample::<f64, _>(StandardNormal);
                    // The middle lies between 0 and 1 and the width is at most 1: one draw in three or more gets through.
                    if (0.0..=1.0).contains(&place) {
                        return place;
                    }
                }
            }
            Self::Counts(counts) => {
                let mut left = draws.random::<f64>() * counts.iter().sum::<f64>();
                let drawn = counts.iter().position(|&count| {
                    left -= count;
                    left < 0.0
                });
                (drawn.unwrap_or(counts.len() - 1) as f64 + 0.5) / counts.len() as f64
            }
        }
    }
}

fn option(place: f64, options: usize) -> usize {
    ((place * options as f64) as usize).min(options - 1)
}

/// The normal density between 0 and 1, scaled so that it is one.
fn cut_normal(x: f64, middle: f64, width: f64) -> f64 {
    let standard = |x: f64| (x - middle) / width;
    normal::density(standard(x))
        / (width * (normal::cumulative(standard(1.0)) - normal::cumulative(standard(0.0))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn real(name: &str) -> Dimension {
        Dimension { name: name.to_owned(), range: Range::Real { low: 0.0, high: 1.0 } }
    }

    fn choice(options: &[&str]) -> Dimension {
        let options = options.iter().map(|&option| Value::from(option)).collect();
        Dimension { name: "choice".to_owned(), range: Range::Choice { options } }
    }

    /// Runs a study of a known function in generations of eight.
    fn study(space: &[Dimension], seed: u64, trials: usize, error: impl Fn(&[f64]) -> f64) -> Vec<Past> {
        let mut past: Vec<Past> = Vec::new();
        while past.len() < trials {
            let proposals = propose(space, seed, (past.len(), 8), &past);
            past.extend(proposals.into_iter().map(|places| Past { error: error(&places), places }));
        }
        past
    }

    fn best(past: &[Past]) -> f64 {
        past.iter().map(|trial| trial.error).fold(f64::MAX, f64::min)
    }

    #[test]
    fn it_comes_nearer_than_chance() {
        let space: Vec<Dimension> = ["a", "b", "c", "d"].map(real).into();
        let bowl = |places: &[f64]| {
            let middles = [0.2, 0.7, 0.4, 0.9];
            places.iter().zip(middles).map(|(place, middle)| (place - middle).powi(2)).sum::<f64>()
        };
        let mut wins = 0;
        for seed in 0..20 {
            let guided = best(&study(&space, seed, 64, bowl));
            let random = (0..64).map(|number| {
                let mut draws = stream(seed + 100, Purpose::Proposal, number);
                bowl(&[(); 4].map(|()| draws.random::<f64>()))
            });
            wins += u32::from(guided < random.fold(f64::MAX, f64::min));
        }
        assert!(wins >= 17, "{wins} of 20");
    }

    #[test]
    fn the_best_value_of_a_choice_is_preferred() {
        let space = [choice(&["a", "b", "c"]), real("x")];
        let past =
            study(&space, 3, 64, |places| f64::from(option(places[0], 3) != 2) + (places[1] - 0.5).powi(2));
        let late = past[24..].iter().filter(|trial| option(trial.places[0], 3) == 2).count();
        assert!(late > 24, "{late} of 40");
    }

    #[test]
    fn proposals_of_a_generation_differ_and_repeat() {
        let space = [real("x")];
        let past = study(&space, 1, 32, |places| (places[0] - 0.3).powi(2));
        let again = propose(&space, 1, (24, 8), &past[..24]);
        let before: Vec<Vec<f64>> = past[24..].iter().map(|trial| trial.places.clone()).collect();
        assert_eq!(again, before);
        assert_eq!(
            propose(&space, 1, (24, 3), &past[..24]),
            before[..3],
            "a part of a generation is the same"
        );
        let mut places: Vec<f64> = again.into_iter().flatten().collect();
        places.sort_by(f64::total_cmp);
        assert!(places.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn densities_are_densities_and_are_drawn_from() {
        let range = Range::Real { low: 0.0, high: 1.0 };
        let density = Density::of(&range, vec![0.05, 0.3, 0.32, 0.97]);
        let steps = 10_000;
        let mass: f64 = (0..steps).map(|i| density.at((f64::from(i) + 0.5) / f64::from(steps))).sum();
        assert!((mass / f64::from(steps) - 1.0).abs() < 1e-4, "{mass}");
        let mut draws = stream(1, Purpose::Proposal, 0);
        let drawn: Vec<f64> = (0..4000).map(|_| density.draw(&mut draws)).collect();
        let below = drawn.iter().filter(|&&place| place < 0.5).count() as f64 / 4000.0;
        let expected: f64 = (0..steps / 2).map(|i| density.at((f64::from(i) + 0.5) / f64::from(steps))).sum();
        assert!((below - expected / f64::from(steps)).abs() < 0.03, "{below}");
    }

    #[test]
    fn nothing_that_ended_means_chance_again() {
        let space = [real("x")];
        let past: Vec<Past> = (0..24).map(|_| Past { places: vec![0.5], error: f64::INFINITY }).collect();
        let places: Vec<f64> = propose(&space, 1, (24, 8), &past).into_iter().flatten().collect();
        assert!(places.iter().any(|place| (place - 0.5).abs() > 0.2));
    }
}
