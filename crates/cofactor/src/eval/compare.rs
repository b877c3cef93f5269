//! Several models over one split: which is better, and whether chance could have made it so.
//!
//! Letters: T the test ratings of all folds, N = |T|; users u = 1…G have n_u > 0 ratings in T. Model a has the squared errors
//! S_u^a = Σ_i e², the mean M_a = Σ_u S_u^a / N and the RMSE R_a = √M_a; model b, which is the best, likewise.
//!
//! ```text
//! difference            Δ = R_a − R_b                                                        (1)
//! influence of a user   z_u = (S_u^a − M_a·n_u) / (2R_a) − (S_u^b − M_b·n_u) / (2R_b)        (2)
//! standard error        SE² = G/(G−1) · Σ_u z_u² / N²                                        (3)
//! test                  t = Δ/SE, Student's distribution with G−1 degrees of freedom, two-sided
//! ```
//! (2) and (3) are the delta method for the difference of two roots of ratio estimators, with users as clusters: both models answer the same
//! questions, so what makes a user hard for both cancels, and the difference is known far better than either RMSE. A user is one
//! cluster in all folds together. The p-values are adjusted for their number by Holm's method.
//!
//! They speak of other users for the same trained models, not of other training data or seeds. The best is chosen by the same figures,
//! which flatters it a little where several are about as good.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::early::EarlyStopping;
use super::evaluate::{Evaluation, FoldResult, Options, Outcome, Progress, Seconds, evaluate};
use super::interval::{holm, student_975, student_p};
use super::metric::{Errors, Estimates, Summary};
use super::ranking::{RankingFigures, Rankings};
use crate::data::split::Plan;
use crate::error::{Error, Result};
use crate::fit::model::Model;
use crate::registry::Configured;

/// A model that takes part.
pub struct Contestant {
    /// What it is called in the table.
    pub label: String,
    /// The model's name.
    pub model: &'static str,
    /// Ready to be fitted.
    pub configured: Box<dyn Configured>,
    /// How its number of epochs is found, if it is.
    pub early: Option<EarlyStopping>,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The models, the lowest RMSE first, or where rankings were measured, the best value of their first metric.
    pub models: Vec<Compared>,
    /// Those that could not be fitted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Failed>,
    /// How the differences were tested.
    pub method: String,
    /// Whether the observer ended it early.
    pub stopped: bool,
}

/// One model's figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// What it is called in the table.
    pub label: String,
    /// The model's name.
    pub model: String,
    /// Its parameters; of several folds, in the last one.
    pub config: Map<String, Value>,
    /// The metrics by name, over the test ratings of all folds.
    pub metrics: Estimates,
    /// Each metric over the folds; empty where there is one fold.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub summary: BTreeMap<String, Summary>,
    /// Each fold.
    pub folds: Vec<FoldResult>,
    /// In how many folds its RMSE is the lowest of all.
    pub folds_won: usize,
    /// The difference to the best; none for the best.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
    /// The metrics of rankings, if they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranking: Option<RankingFigures>,
    /// The differences of these to the best, by metric; none for the best.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ranking_differences: BTreeMap<String, Difference>,
    /// The sums over the folds.
    pub seconds: Seconds,
    /// The size of what it has learned, in bytes; of several folds, in the last one.
    pub bytes: usize,
    /// Whether its answers depend on the time of the question.
    pub uses_time: bool,
}

/// A difference of two RMSEs over the same ratings, or of the means of a metric over the same users.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// (1).
    pub mean: f64,
    /// (3); none with fewer than two users, like what follows.
    pub stderr: Option<f64>,
    /// The lower end of the 95 % interval.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
    /// The two-sided p-value of no difference.
    pub p: Option<f64>,
    /// The same, adjusted for the number of comparisons.
    pub p_holm: Option<f64>,
}

/// A model that could not be fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// What it is called in the table.
    pub label: String,
    /// Why.
    pub reason: String,
}

/// How the differences were tested, for people.
const METHOD: &str = "The difference is the RMSE minus that of the best, over the same test ratings (of all folds together). Its standard error \
    takes the user as the unit that is drawn: delta method for two roots, users as clusters, one cluster for a user in all folds. p: \
    two-sided, Student's t with one degree of freedom less than there are users; adjusted for the number of models by Holm's method. This \
    speaks of other users for the same trained models, not of other training data or seeds, and the best was chosen by the same figures.";

/// The same for rankings.
const RANKING_METHOD: &str = "The models are in the order of the first metric of rankings. Its differences to the best are paired by user: the mean of the users' \
    differences, their standard error, and a two-sided p-value by Student's t, adjusted for the number of models by Holm's method. A user of several folds counts once, \
    by the mean. Equal scores count by the mean over their orders.";

/// Fits and evaluates each model over the plan in turn, and tests their differences to the best. `observer` hears of everything, with the
/// number of the model; after `Break` the model at hand is left out and no other begins. A model whose fit fails is recorded as such.
///
/// Memory: one fold and one model at a time, and 24 bytes a user for each model.
///
/// # Errors
/// None of the models could be fitted: the first one's error. [`Error::Interrupted`]. The split holds nothing out.
pub fn compare(
    contestants: &[Contestant],
    plan: &Plan<'_>,
    options: &Options,
    observer: &mut dyn FnMut(usize, Progress<'_>) -> ControlFlow<()>,
) -> Result<Comparison> {
    Ok(concluded(measure_all(contestants, plan, options, observer)?, options))
}

/// All models that could be fitted, in the order in which they were named, and the others.
pub(super) struct MeasuredAll {
    pub(super) done: Vec<Measured>,
    failed: Vec<Failed>,
    stopped: bool,
}

/// The first half of [`compare`]: fits and evaluates.
pub(super) fn measure_all<'a>(
    contestants: impl IntoIterator<Item = &'a Contestant>,
    plan: &Plan<'_>,
    options: &Options,
    observer: &mut dyn FnMut(usize, Progress<'_>) -> ControlFlow<()>,
) -> Result<MeasuredAll> {
    let (mut done, mut failed, mut first_error) = (Vec::new(), Vec::new(), None);
    let mut stopped = false;
    for (number, contestant) in contestants.into_iter().enumerate() {
        let options = Options { early: contestant.early, ..options.clone() };
        let mut watch = |progress: Progress<'_>| observer(number, progress);
        match evaluate(&*contestant.configured, plan, &options, &mut watch) {
            Ok(outcome) if outcome.evaluation.stopped => {
                stopped = true;
                break;
            }
            Ok(outcome) => done.push(compared(contestant, outcome)),
            Err(Error::Interrupted) => return Err(Error::Interrupted),
            Err(error) => {
                failed.push(Failed { label: contestant.label.clone(), reason: error.to_string() });
                first_error.get_or_insert(error);
            }
        }
    }
    match first_error {
        Some(error) if done.is_empty() => Err(error),
        _ => Ok(MeasuredAll { done, failed, stopped }),
    }
}

/// The second half: puts the best first and tests the differences to it.
pub(super) fn concluded(MeasuredAll { done, failed, stopped }: MeasuredAll, options: &Options) -> Comparison {
    let method = match options.ranking {
        Some(_) => format!("{RANKING_METHOD} {METHOD}"),
        None => METHOD.to_owned(),
    };
    Comparison { models: ranked(done), failed, method, stopped }
}

/// A model's figures and what they are made of.
pub(super) struct Measured {
    pub(super) compared: Compared,
    pub(super) errors: Errors,
    rankings: Option<Rankings>,
}

fn compared(contestant: &Contestant, outcome: Outcome) -> Measured {
    let Outcome { evaluation, errors, rankings, model, config, .. } = outcome;
    let Evaluation { metrics, ranking, summary, folds, seconds, uses_time, .. } = evaluation;
    let compared = Compared {
        label: contestant.label.clone(),
        model: contestant.model.to_owned(),
        config,
        metrics,
        summary,
        folds,
        folds_won: 0,
        difference: None,
        ranking,
        ranking_differences: BTreeMap::new(),
        seconds,
        bytes: bytes(&*model),
        uses_time,
    };
    Measured { compared, errors, rankings }
}

fn bytes(model: &dyn Model) -> usize {
    model.tensors().0.values().map(|tensor| size_of_val(tensor.data.bytes())).sum()
}

/// The best first, with the others' differences to it and the folds that each won. The best has the lowest RMSE, or where rankings were measured, the best
/// value of their first metric.
fn ranked(mut done: Vec<Measured>) -> Vec<Compared> {
    done.sort_by(|a, b| match (&a.rankings, &b.rankings) {
        (Some(a), Some(b)) => b.advantage(a).total_cmp(&0.0),
        _ => a.compared.metrics["rmse"].mean.total_cmp(&b.compared.metrics["rmse"].mean),
    });
    let Some((best, others)) = done.split_first_mut() else { return Vec::new() };
    for model in others.iter_mut() {
        model.compared.difference = Some(difference(&model.errors, &best.errors));
        if let (Some(rankings), Some(of_best)) = (&model.rankings, &best.rankings) {
            let differences = rankings.differences(of_best).into_iter();
            model.compared.ranking_differences =
                differences.map(|(measure, difference)| (measure.to_string(), difference)).collect();
        }
    }
    let mut models: Vec<Compared> = done.into_iter().map(|model| model.compared).collect();
    adjust(models.iter_mut().filter_map(|model| model.difference.as_mut()).collect());
    let measures: Vec<String> =
        models.last().map(|last| last.ranking_differences.keys().cloned().collect()).unwrap_or_default();
    for measure in measures {
        adjust(models.iter_mut().filter_map(|model| model.ranking_differences.get_mut(&measure)).collect());
    }
    count_wins(&mut models);
    models
}

/// Gives each difference its adjusted p-value.
pub(super) fn adjust(mut differences: Vec<&mut Difference>) {
    differences.retain(|difference| difference.p.is_some());
    let p_values: Vec<f64> = differences.iter().filter_map(|difference| difference.p).collect();
    for (difference, adjusted) in differences.into_iter().zip(holm(&p_values)) {
        difference.p_holm = Some(adjusted);
    }
}

/// A fold is won by the lowest RMSE; by none where two are equal.
fn count_wins(models: &mut [Compared]) {
    for fold in 0..models.first().map_or(0, |model| model.folds.len()) {
        let rmse = |model: &Compared| model.folds[fold].metrics["rmse"].mean;
        let lowest = models.iter().map(rmse).fold(f64::INFINITY, f64::min);
        let mut winners = models.iter_mut().filter(|model| rmse(model) == lowest);
        if let (Some(winner), None) = (winners.next(), winners.next()) {
            winner.folds_won += 1;
        }
    }
}

/// (1), (2) and (3).
///
/// # Panics
/// When the two are not errors of the same test ratings.
pub fn difference(a: &Errors, b: &Errors) -> Difference {
    let total = |errors: &Errors| {
        errors.squares_by_user().fold((0, 0.0), |(n, sum), (count, squares)| (n + count, sum + squares))
    };
    let ((n, sum_a), (n_b, sum_b)) = (total(a), total(b));
    assert_eq!(n, n_b, "errors of the same ratings");
    let (mean_a, mean_b) = (sum_a / n as f64, sum_b / n as f64);
    // Where nothing is ever wrong, no user has an influence.
    let slope = |mean: f64| if mean > 0.0 { 0.5 / mean.sqrt() } else { 0.0 };
    let (slope_a, slope_b) = (slope(mean_a), slope(mean_b));
    let pairs = a.squares_by_user().zip(b.squares_by_user()).filter(|((count, _), _)| *count > 0);
    let (mut users, mut squares) = (0_usize, 0.0);
    for ((count, of_a), (_, of_b)) in pairs {
        let count = count as f64;
        let influence = slope_a * (of_a - mean_a * count) - slope_b * (of_b - mean_b * count);
        users += 1;
        squares += influence * influence;
    }
    let mean = mean_a.sqrt() - mean_b.sqrt();
    let g = users as f64;
    let stderr = (users > 1).then(|| (g / (g - 1.0) * squares).sqrt() / n as f64);
    let half = stderr.map(|stderr| student_975(users - 1) * stderr);
    let p = stderr.map(|stderr| match stderr {
        0.0 if mean == 0.0 => 1.0,
        _ => student_p(mean / stderr, users - 1),
    });
    Difference {
        mean,
        stderr,
        low: half.map(|half| mean - half),
        high: half.map(|half| mean + half),
        p,
        p_holm: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ratings::{Duplicates, Ratings, RatingsBuilder};
    use crate::data::split::{nothing_published, plan};
    use crate::data::synth::{Synth, generate};
    use crate::fit::rng::{Purpose, stream};
    use crate::registry;
    use rand::RngExt;
    use rand_distr::StandardNormal;
    use serde_json::json;

    /// One row of (user, error of a, error of b) for each test rating; ratings are zero.
    fn errors(rows: &[(usize, f32, f32)]) -> (Errors, Errors) {
        let mut builder = RatingsBuilder::new(false);
        for (item, (user, ..)) in rows.iter().enumerate() {
            builder.push(&format!("u{user:04}"), &format!("i{item:06}"), 0.0, None);
        }
        let test = builder.finish("test", None, Duplicates::Error, |_, _| Default::default()).unwrap();
        let of = |error: fn(&(usize, f32, f32)) -> f32| {
            let predictions: Vec<f32> = rows.iter().map(error).collect();
            Errors::of(&test, &predictions, false)
        };
        (of(|row| row.1), of(|row| row.2))
    }

    #[test]
    fn a_difference_worked_by_hand() {
        // S_u^a: 5, 4; S_u^b: 1, 1; n_u: 2, 1. M_a = 3, M_b = 2/3.
        let (a, b) = errors(&[(0, 1.0, 1.0), (0, 2.0, 0.0), (1, 2.0, 1.0)]);
        let found = difference(&a, &b);
        let (root_a, root_b) = (3.0_f64.sqrt(), (2.0 / 3.0_f64).sqrt());
        let z = [
            (5.0 - 6.0) / (2.0 * root_a) - (1.0 - 4.0 / 3.0) / (2.0 * root_b),
            (4.0 - 3.0) / (2.0 * root_a) - (1.0 - 2.0 / 3.0) / (2.0 * root_b),
        ];
        let stderr = (2.0 * (z[0] * z[0] + z[1] * z[1])).sqrt() / 3.0;
        assert!((found.mean - (root_a - root_b)).abs() < 1e-12);
        assert!((found.stderr.unwrap() - stderr).abs() < 1e-12);
        assert!((found.p.unwrap() - student_p(found.mean / stderr, 1)).abs() < 1e-12);
        assert!(found.low.unwrap() < found.mean && found.mean < found.high.unwrap());
    }

    #[test]
    fn the_same_answers_differ_by_nothing_and_one_user_says_nothing() {
        let (a, _) = errors(&[(0, 1.0, 0.0), (1, 2.0, 0.0)]);
        let none = difference(&a, &a);
        assert_eq!((none.mean, none.stderr, none.p), (0.0, Some(0.0), Some(1.0)));
        let (a, b) = errors(&[(0, 1.0, 0.0), (0, 2.0, 0.5)]);
        let alone = difference(&a, &b);
        assert_eq!((alone.stderr, alone.p, alone.low), (None, None, None));
    }

    /// Two models that are equally good in truth: a false alarm at 5 % comes in 5 of 100 draws, although users differ, errors of one user go
    /// together and the models err alike.
    #[test]
    fn false_alarms_are_as_rare_as_promised() {
        const DRAWS: u64 = 400;
        let mut alarms = 0;
        for draw in 0..DRAWS {
            let mut rng = stream(draw, Purpose::Synthetic, 1);
            let mut normal = || rng.sample::<f64, _>(StandardNormal);
            let mut rows = Vec::new();
            for user in 0..100 {
                let (both, own_a, own_b) = (normal(), 0.3 * normal(), 0.3 * normal());
                for _ in 0..=user % 7 {
                    let a = both + own_a + 0.3 * normal();
                    let b = both + own_b + 0.3 * normal();
                    rows.push((user, a as f32, b as f32));
                }
            }
            let (a, b) = errors(&rows);
            alarms += u32::from(difference(&a, &b).p.unwrap() < 0.05);
        }
        assert!((8..=34).contains(&alarms), "{alarms} of {DRAWS}");
    }

    fn contestant(label: &str, model: &'static str, parameters: Value) -> Contestant {
        let parameters: Map<String, Value> = serde_json::from_value(parameters).unwrap();
        let configured = registry::find(model).unwrap().configure(&parameters).unwrap();
        Contestant { label: label.to_owned(), model, configured, early: None }
    }

    fn ratings() -> Ratings {
        generate(&Synth::parse("synth:users=100,items=60,ratings=3000").unwrap()).unwrap().ratings
    }

    fn quiet(_: usize, _: Progress<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    #[test]
    fn models_are_ranked_and_a_failure_is_recorded() {
        let ratings = ratings();
        let plan = plan("kfold:3".parse().unwrap(), &ratings, 5, &nothing_published).unwrap();
        let contestants = [
            contestant("mean", "baseline", json!({"biases": false})),
            contestant("broken", "mf", json!({"biases": false, "rate": 1.0})),
            contestant("biases", "baseline", json!({})),
            contestant("twin", "baseline", json!({})),
        ];
        let found = compare(&contestants, &plan, &Options::default(), &mut quiet).unwrap();
        let labels: Vec<&str> = found.models.iter().map(|model| model.label.as_str()).collect();
        assert_eq!(labels, ["biases", "twin", "mean"]);
        assert_eq!(found.failed[0].label, "broken");
        assert!(found.failed[0].reason.contains("diverged"), "{}", found.failed[0].reason);
        assert_eq!(found.models[0].difference, None);
        let (twin, mean) = (found.models[1].difference.unwrap(), found.models[2].difference.unwrap());
        assert_eq!((twin.mean, twin.p), (0.0, Some(1.0)));
        assert!(mean.mean > 0.0 && mean.p.unwrap() < 1e-4);
        assert_eq!(mean.p_holm, mean.p.map(|p| 2.0 * p));
        assert_eq!(found.models.iter().map(|model| model.folds_won).sum::<usize>(), 0, "two are equal");
        assert!(found.models.iter().all(|model| model.bytes > 0 && model.folds.len() == 3));
        let json = serde_json::to_string(&found).unwrap();
        assert_eq!(serde_json::from_str::<Comparison>(&json).unwrap(), found);
    }

    #[test]
    fn the_winner_of_a_fold_has_its_lowest_error() {
        let ratings = ratings();
        let plan = plan("kfold:4".parse().unwrap(), &ratings, 5, &nothing_published).unwrap();
        let contestants = [
            contestant("little", "baseline", json!({"reg_user": 1.0, "reg_item": 1.0})),
            contestant("much", "baseline", json!({"reg_user": 20.0, "reg_item": 20.0})),
        ];
        let found = compare(&contestants, &plan, &Options::default(), &mut quiet).unwrap();
        let [first, second] = &found.models[..] else { panic!("two models") };
        let wins = first.folds.iter().zip(&second.folds);
        let wins = wins.filter(|(a, b)| a.metrics["rmse"].mean < b.metrics["rmse"].mean).count();
        assert_eq!((first.folds_won, second.folds_won), (wins, 4 - wins));
    }

    #[test]
    fn where_all_fail_the_first_reason_is_the_error() {
        let ratings = ratings();
        let plan = plan("user:0.2".parse().unwrap(), &ratings, 5, &nothing_published).unwrap();
        let broken = [contestant("broken", "mf", json!({"biases": false, "rate": 1.0}))];
        let message = compare(&broken, &plan, &Options::default(), &mut quiet).unwrap_err().to_string();
        assert!(message.contains("diverged"), "{message}");
    }
}
