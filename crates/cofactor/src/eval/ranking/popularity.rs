//! A knob for popularity, and what turning it costs.
//!
//! ```text
//! s′_ui = s_ui + w·ln(max(n_i, 1) / n_max)                                                   (1)
//! ```
//! n_i is the number of training ratings of item i. w > 0 brings popular items up, w < 0 rare ones; w is in units of the score, so that for each factor e of
//! popularity an item gains w. A curve of several w shows how accuracy is traded for coverage and novelty; its w are multiples of the one at which scores and popularity
//! spread alike.

use rayon::ThreadPool;
use serde::{Deserialize, Serialize};

use super::Asked;
use super::drive::{rank_adjusted, score_all};
use crate::data::ids::User;
use crate::data::split::Fold;
use crate::error::{Error, Result};
use crate::eval::metric::Estimates;
use crate::fit::model::Model;

/// What (1) adds to the score of each item; `None` for w = 0.
///
/// # Errors
/// w is not a finite number.
pub fn adjustments(counts: &[usize], w: f32) -> Result<Option<Vec<f32>>> {
    if !w.is_finite() {
        return Err(Error::parameter("popularity", w, "a finite number", "0 leaves the scores as they are"));
    }
    Ok((w != 0.0).then(|| logarithms(counts).into_iter().map(|log| (f64::from(w) * log) as f32).collect()))
}

/// ln(max(n_i, 1) / n_max) of each item.
fn logarithms(counts: &[usize]) -> Vec<f64> {
    let most = counts.iter().copied().max().unwrap_or(0).max(1) as f64;
    counts.iter().map(|&count| libm::log(count.max(1) as f64 / most)).collect()
}

/// One setting of the knob.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// w, as `recommend --popularity` takes it.
    pub weight: f32,
    /// The metrics at that setting.
    pub metrics: Estimates,
}

/// The multiples of the w at which scores and popularity spread alike.
const MULTIPLES: [f64; 9] = [-1.0, -0.5, -0.25, -0.1, 0.0, 0.1, 0.25, 0.5, 1.0];

/// Users by whose scores that w is found.
const SAMPLE: usize = 64;

/// Measures a fitted model at several settings of the knob, w increasing.
///
/// Cost: nine times that of [`super::rank`].
///
/// # Errors
/// Those of [`super::rank`].
pub fn trade_off(model: &dyn Model, fold: &Fold, asked: &Asked, pool: &ThreadPool) -> Result<Vec<Setting>> {
    let counts = fold.train.item_counts();
    let unit = spread_of_scores(model, fold)? / deviation(&logarithms(&counts)).max(f64::MIN_POSITIVE);
    let setting = |multiple: f64| {
        let weight = readable(multiple * unit);
        let extra = adjustments(&counts, weight)?;
        let rankings = rank_adjusted(model, fold, asked, extra.as_deref(), pool)?;
        Ok(Setting { weight, metrics: rankings.figures().metrics })
    };
    MULTIPLES.into_iter().map(setting).collect()
}

/// The mean standard deviation of some users' scores.
fn spread_of_scores(model: &dyn Model, fold: &Fold) -> Result<f64> {
    let tested: Vec<User> =
        fold.test.rows().filter(|(_, row)| !row.is_empty()).map(|(user, _)| user).collect();
    let users: Vec<User> = tested.iter().step_by(tested.len().div_ceil(SAMPLE).max(1)).copied().collect();
    let mut scores = vec![0.0; fold.test.items()];
    let mut sum = 0.0;
    for &user in &users {
        score_all(model, fold, user, &mut scores)?;
        sum += deviation(&scores.iter().map(|&score| f64::from(score)).collect::<Vec<_>>());
    }
    Ok(sum / users.len().max(1) as f64)
}

fn deviation(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / values.len().max(1) as f64).sqrt()
}

/// Two digits, so that the setting can be typed.
fn readable(weight: f64) -> f32 {
    format!("{weight:.1e}").parse().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_popular_item_stays_and_the_others_move() {
        let extra = adjustments(&[10, 5, 0, 1], 2.0).unwrap().unwrap();
        assert_eq!(extra[0], 0.0);
        assert!((extra[1] + 2.0 * std::f32::consts::LN_2).abs() < 1e-6);
        assert_eq!(extra[2], extra[3]);
        assert_eq!(adjustments(&[1, 2], 0.0).unwrap(), None);
        let message = adjustments(&[1], f32::NAN).unwrap_err().to_string();
        assert_eq!(
            message,
            "popularity = NaN: expected a finite number\n  help: 0 leaves the scores as they are"
        );
    }

    #[test]
    fn weights_can_be_typed() {
        assert_eq!([0.123_456, -7.891, 0.0].map(readable), [0.12, -7.9, 0.0]);
    }
}
