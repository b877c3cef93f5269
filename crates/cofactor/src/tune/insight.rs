//! Which parameters mattered, by what the good trials have in common.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::space::Range;
use super::study::Study;

/// How much a parameter mattered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Influence {
    /// The parameter's name.
    pub name: String,
    /// How differently the best quarter of the finished trials chose it than the others: the largest distance of the two distributions of its
    /// values (Kolmogorov and Smirnov), 0 to 1. About 0.4 is chance for 40 trials.
    pub effect: f64,
    /// The values that the best quarter chose: the least and the greatest, or for those without order each that occurs.
    pub best: Vec<Value>,
}

/// The parameters by their influence, the greatest first; empty for fewer than eight finished trials.
///
/// It is a hint, not a test: a search looks where it expects good trials, and parameters act together.
pub fn influences(study: &Study) -> Vec<Influence> {
    const FEWEST: usize = 8;
    let mut done: Vec<_> = study.trials.iter().filter_map(|trial| Some((trial, trial.rmse()?))).collect();
    if done.len() < FEWEST {
        return Vec::new();
    }
    done.sort_by(|a, b| a.1.total_cmp(&b.1));
    let (good, rest) = done.split_at(done.len() / 4);
    let mut influences: Vec<Influence> = study
        .header
        .space
        .iter()
        .map(|dimension| {
            let place = |(trial, _): &(&super::Trial, f64)| dimension.place(&trial.parameters);
            let effect = distance(good.iter().map(place).collect(), rest.iter().map(place).collect());
            let values = good.iter().filter_map(|(trial, _)| trial.parameters.get(&dimension.name));
            Influence {
                name: dimension.name.clone(),
                effect,
                best: extent(&dimension.range, &values.collect::<Vec<_>>()),
            }
        })
        .collect();
    influences.sort_by(|a, b| b.effect.total_cmp(&a.effect));
    influences
}

/// The largest distance of two empirical distributions.
fn distance(mut a: Vec<f64>, mut b: Vec<f64>) -> f64 {
    a.sort_by(f64::total_cmp);
    b.sort_by(f64::total_cmp);
    let below = |values: &[f64], end: f64| {
        values.partition_point(|&value| value <= end) as f64 / values.len().max(1) as f64
    };
    a.iter().chain(&b).map(|&end| (below(&a, end) - below(&b, end)).abs()).fold(0.0, f64::max)
}

fn extent(range: &Range, values: &[&Value]) -> Vec<Value> {
    if let Range::Choice { options } = range {
        return options.iter().filter(|option| values.contains(option)).cloned().collect();
    }
    let number = |value: &&Value| value.as_f64().unwrap_or(f64::NAN);
    let least = values.iter().copied().min_by(|a, b| number(a).total_cmp(&number(b)));
    let greatest = values.iter().copied().max_by(|a, b| number(a).total_cmp(&number(b)));
    [least, greatest].into_iter().flatten().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_kolmogorov_and_smirnov() {
        assert_eq!(distance(vec![0.1, 0.2], vec![0.8, 0.9]), 1.0);
        assert_eq!(distance(vec![0.1, 0.9], vec![0.1, 0.9]), 0.0);
        assert_eq!(distance(vec![0.1, 0.4], vec![0.3, 0.5]), 0.5);
        // A best value in the middle shows too.
        assert_eq!(distance(vec![0.5, 0.5], vec![0.1, 0.2, 0.8, 0.9]), 0.5);
    }

    #[test]
    fn the_extent_of_numbers_is_their_ends() {
        let values: Vec<Value> = vec![3.into(), 10.into(), 7.into()];
        let range = Range::Integer { low: 1, high: 10 };
        assert_eq!(extent(&range, &values.iter().collect::<Vec<_>>()), [Value::from(3), Value::from(10)]);
    }
}
