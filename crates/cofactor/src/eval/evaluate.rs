//! Fit on a training part, predict a test part, measure: for one fold or many.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::clock::Clock;
use super::coverage::{Coverage, coverage};
use super::early::{self, EarlyStopping, Found};
use super::metric::{Errors, Estimates, Summary, summarize};
use super::predict::{measured, nothing_held_out, predictions_of_fold};
use super::ranking::{self, Asked, RankingFigures, Rankings};
use crate::data::ratings::Ratings;
use crate::data::split::{self, Fold, Plan, Spec, Unseen};
use crate::error::Result;
use crate::fit::model::{Model, Query};
use crate::fit::run::{Epoch, Run};
use crate::registry::Configured;

/// How to evaluate.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// What every random draw comes from.
    pub seed: u64,
    /// How many threads; 0: as many as the machine has cores. They never change a result.
    pub threads: usize,
    /// Whether predictions are clipped to the scale of the ratings before they are measured.
    pub clip: bool,
    /// What each epoch is measured on beside the training part.
    pub curve: Curve,
    /// Whether the number of epochs is found first, in each fold anew and by its training part alone; the algorithm's `epochs` are
    /// then the most.
    pub early: Option<EarlyStopping>,
    /// Which metrics of rankings are measured too, if any.
    pub ranking: Option<Asked>,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 0, threads: 0, clip: true, curve: Curve::Nothing, early: None, ranking: None }
    }
}

/// What each epoch is measured on beside the training part.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "on", rename_all = "snake_case")]
pub enum Curve {
    /// Nothing.
    Nothing,
    /// The test part: to look at, not to choose the number of epochs by.
    Test,
    /// A share of each user's training ratings, which the model then does without.
    Validation {
        /// The share, between 0 and 1.
        share: f64,
    },
}

/// What happens while folds are fitted and evaluated.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// The search for the number of epochs begins; its epochs follow.
    Search {
        /// The fold, counted from 0, and how many there are.
        fold: (usize, usize),
    },
    /// A fit begins; its epochs follow.
    Fit {
        /// The fold, counted from 0, and how many there are.
        fold: (usize, usize),
        /// The fold's parts.
        parts: &'a Fold,
        /// What the search for the number of epochs found, if there was one.
        found: Option<&'a Found>,
    },
    /// An epoch is over.
    Epoch {
        /// The fold, counted from 0, and how many there are.
        fold: (usize, usize),
        /// Its figures.
        epoch: &'a Epoch,
    },
    /// A fold is over.
    Evaluated {
        /// The fold, counted from 0, and how many there are.
        fold: (usize, usize),
        /// Its figures.
        result: &'a FoldResult,
    },
}

/// The figures of one fold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoldResult {
    /// The fold's name.
    pub name: String,
    /// How many ratings the model learned from.
    pub train: usize,
    /// How many ratings it was asked about.
    pub test: usize,
    /// The metrics of the test part by name.
    pub metrics: Estimates,
    /// How much the model's intervals hold of what they promise, where it has any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coverage: Vec<Coverage>,
    /// The metrics of rankings, if they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranking: Option<RankingFigures>,
    /// What the test part asks about that training never saw.
    pub unseen: Unseen,
    /// What each epoch came to.
    pub epochs: Vec<Epoch>,
    /// How the number of epochs was found, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<Found>,
    /// Wall time.
    pub seconds: Seconds,
}

/// How long the stages took, in seconds by the wall where nothing else is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Seconds {
    /// Making the parts.
    pub split: f64,
    /// Fitting, with the curve's measurements and the search for the number of epochs.
    pub fit: f64,
    /// Processor time of the fits, over all threads; zero where the system does not say.
    #[serde(default)]
    pub fit_cpu: f64,
    /// Predicting and measuring.
    pub evaluate: f64,
}

/// The figures of all folds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The metrics by name: of the only fold, or of all folds' test ratings pooled.
    pub metrics: Estimates,
    /// The metrics of rankings, if they were asked for: of the only fold, or with a user's folds averaged first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranking: Option<RankingFigures>,
    /// Each metric over the folds, those of rankings among them; empty where there is one fold.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub summary: BTreeMap<String, Summary>,
    /// Each fold.
    pub folds: Vec<FoldResult>,
    /// The sums over the folds.
    pub seconds: Seconds,
    /// Whether the model's answers depend on the time of the question.
    #[serde(default)]
    pub uses_time: bool,
    /// Whether the observer ended it early.
    pub stopped: bool,
}

/// The figures, and what the last fold left behind.
pub struct Outcome {
    /// The figures.
    pub evaluation: Evaluation,
    /// The errors of all folds' test ratings, by user.
    pub errors: Errors,
    /// The users' rankings in all folds, if they were asked for.
    pub rankings: Option<Rankings>,
    /// The last fold's parts.
    pub fold: Fold,
    /// The last fold's model.
    pub model: Box<dyn Model>,
    /// The parameters that it was fitted with.
    pub config: Map<String, Value>,
    /// Its predictions, one for each of `fold.test.iter()`, clipped if the options say so.
    pub predictions: Vec<f32>,
}

/// Fits and evaluates each fold of a plan in turn; memory holds one fold at a time.
///
/// `observer` hears of everything as it happens. After `Break` the fit at hand ends, its fold is evaluated with what it has, and no
/// other fold begins.
///
/// # Errors
/// The split holds nothing out, the fit fails, or a prediction is not a finite number.
pub fn evaluate(
    algorithm: &dyn Configured,
    plan: &Plan<'_>,
    options: &Options,
    observer: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
) -> Result<Outcome> {
    if plan.spec() == Spec::None {
        return Err(nothing_held_out());
    }
    let count = plan.names().len();
    let mut results = Vec::new();
    let (mut pooled, mut rankings): (Option<Errors>, Option<Rankings>) = (None, None);
    let mut index = 0;
    loop {
        let done = one_fold(algorithm, plan, (index, count), options, observer)?;
        match &mut pooled {
            Some(pooled) => pooled.add(&done.errors),
            None => pooled = Some(done.errors),
        }
        match (&mut rankings, done.rankings) {
            (Some(rankings), Some(more)) => rankings.add(&more),
            (empty, first) => *empty = first,
        }
        results.push(done.result);
        index += 1;
        if done.stopped || index == count {
            let pooled = pooled.expect("the first fold has just been added");
            let uses_time = uses_time(&*done.model, &done.fold.test);
            let evaluation = Evaluation::of(results, &pooled, rankings.as_ref(), uses_time, done.stopped);
            return Ok(Outcome {
                evaluation,
                errors: pooled,
                rankings,
                fold: done.fold,
                model: done.model,
                config: done.config,
                predictions: done.predictions,
            });
        }
    }
}

impl Evaluation {
    fn of(
        folds: Vec<FoldResult>,
        pooled: &Errors,
        rankings: Option<&Rankings>,
        uses_time: bool,
        stopped: bool,
    ) -> Self {
        let (metrics, ranking) = (pooled.estimates(), rankings.map(Rankings::figures));
        let summary = if folds.len() > 1 {
            let by_fold: Vec<Estimates> =
                folds.iter().map(|fold| together(&fold.metrics, fold.ranking.as_ref())).collect();
            summarize(&by_fold.iter().collect::<Vec<_>>(), &together(&metrics, ranking.as_ref()))
        } else {
            BTreeMap::new()
        };
        let seconds = folds.iter().fold(Seconds::default(), |sum, fold| Seconds {
            split: sum.split + fold.seconds.split,
            fit: sum.fit + fold.seconds.fit,
            fit_cpu: sum.fit_cpu + fold.seconds.fit_cpu,
            evaluate: sum.evaluate + fold.seconds.evaluate,
        });
        Self { metrics, ranking, summary, folds, seconds, uses_time, stopped }
    }
}

/// The metrics of ratings and those of rankings.
fn together(metrics: &Estimates, ranking: Option<&RankingFigures>) -> Estimates {
    let mut all = metrics.clone();
    all.extend(ranking.into_iter().flat_map(|ranking| ranking.metrics.clone()));
    all
}

/// All of one fold.
struct Done {
    result: FoldResult,
    errors: Errors,
    rankings: Option<Rankings>,
    fold: Fold,
    model: Box<dyn Model>,
    config: Map<String, Value>,
    predictions: Vec<f32>,
    stopped: bool,
}

fn one_fold(
    algorithm: &dyn Configured,
    plan: &Plan<'_>,
    number: (usize, usize),
    options: &Options,
    observer: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
) -> Result<Done> {
    let mut clock = Clock::start();
    let (fold, valid) = parts(plan.fold(number.0), options)?;
    let mut seconds = Seconds { split: clock.lap().0, ..Seconds::default() };
    let mut stopped = false;

    let found = searched(algorithm, &fold.train, number, options, &mut stopped, observer)?;
    let shortened =
        found.as_ref().map(|found| algorithm.with(early::EPOCHS, found.epochs.into())).transpose()?;
    let algorithm = shortened.as_deref().unwrap_or(algorithm);

    stopped |= observer(Progress::Fit { fold: number, parts: &fold, found: found.as_ref() }).is_break();
    let mut run = Run::new(options.seed, options.threads)?.with_observer(|epoch| {
        stopped |= observer(Progress::Epoch { fold: number, epoch }).is_break();
        if stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    run = match (options.curve, &valid) {
        // Users who are held out whole are folded in at the end alone.
        (Curve::Test, _) if fold.folded.is_none() => run.with_valid(&fold.test),
        (_, Some(valid)) => run.with_valid(valid),
        _ => run,
    };
    let model = algorithm.fit(&fold.train, &mut run)?;
    (seconds.fit, seconds.fit_cpu) = clock.lap();

    let predictions = predictions_of_fold(&*model, &fold, options.clip, run.pool())?;
    let (errors, predictions) = measured(&fold.test, predictions, options.clip)?;
    // Users who are held out whole have no intervals: the model has never seen them.
    let coverage = if fold.folded.is_none() { coverage(&*model, &fold.test, run.pool()) } else { Vec::new() };
    let asked = options.ranking.as_ref();
    let rankings = asked.map(|asked| ranking::rank(&*model, &fold, asked, run.pool())).transpose()?;
    let epochs = run.epochs().to_vec();
    drop(run);
    let (metrics, unseen) = (errors.estimates(), fold.unseen());
    seconds.evaluate = clock.lap().0;
    let result = FoldResult {
        name: fold.name.clone(),
        train: fold.train.len(),
        test: fold.test.len(),
        metrics,
        coverage,
        ranking: rankings.as_ref().map(Rankings::figures),
        unseen,
        epochs,
        early_stopping: found,
        seconds,
    };
    stopped |= observer(Progress::Evaluated { fold: number, result: &result }).is_break();
    Ok(Done { result, errors, rankings, fold, model, config: algorithm.config(), predictions, stopped })
}

/// The number of epochs, if the options ask for it.
fn searched(
    algorithm: &dyn Configured,
    train: &Ratings,
    fold: (usize, usize),
    options: &Options,
    stopped: &mut bool,
    observer: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
) -> Result<Option<Found>> {
    let Some(rule) = options.early else { return Ok(None) };
    *stopped |= observer(Progress::Search { fold }).is_break();
    let mut watch = |epoch: &Epoch| {
        *stopped |= observer(Progress::Epoch { fold, epoch }).is_break();
        if *stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    early::best_epochs(algorithm, train, rule, (options.seed, options.threads), &mut watch).map(Some)
}

/// The fold, with the validation part taken out of its training part if the options say so.
fn parts(fold: Fold, options: &Options) -> Result<(Fold, Option<Ratings>)> {
    let Curve::Validation { share } = options.curve else {
        return Ok((fold, None));
    };
    let inner = split::validation(&fold.train, share, options.seed)?;
    Ok((Fold { train: inner.train, ..fold }, Some(inner.test)))
}

/// Whether the time of a question changes its answer, by up to 64 ratings spread over the part.
fn uses_time(model: &dyn Model, part: &Ratings) -> bool {
    const ASKED: usize = 64;
    part.has_times()
        && !model.whole_rows()
        && part.iter().step_by(part.len().div_ceil(ASKED).max(1)).any(|rating| {
            let then = Query { user: Some(rating.user), item: Some(rating.item), time: rating.time };
            model.predict(then) != model.predict(Query { time: None, ..then })
        })
}

/// What a model that uses times may know too early under this split, as a sentence; `None` for other models, and where it knows nothing
/// of the kind.
pub fn time_leakage(plan: &Plan<'_>, uses_time: bool) -> Option<String> {
    let share = plan.share_with_known_future().filter(|&share| uses_time && share > 0.0)?;
    Some(format!(
        "The model uses the time of a rating, and for {:.1} % of the test ratings it has learned from what the same user rated later, \
         often on the same day: it fills gaps between known moments, which is easier than to foresee the next one. Its figures go with \
         those of other such models; time:0.1 puts all on one footing.",
        100.0 * share
    ))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::data::ids::User;
    use crate::data::ratings::{Duplicates, RatingsBuilder, Row, Time};
    use crate::data::split::{nothing_published, plan};
    use crate::fit::factors::Factors;
    use crate::fit::model::{Newcomer, Tensors};
    use crate::registry;
    use serde_json::{Map, json};

    /// User u likes item i as much as both are liked: 1 + u/10 + i/10, with every third cell missing.
    pub(crate) fn additive() -> Ratings {
        let mut builder = RatingsBuilder::new(true);
        for user in 0..20_u8 {
            for item in 0..20_u8 {
                if (user + item) % 3 != 0 {
                    let value = 1.0 + f32::from(user + item) / 10.0;
                    builder.push(&user.to_string(), &item.to_string(), value, Some(i64::from(item)));
                }
            }
        }
        builder.finish("additive", None, Duplicates::Error, |_, _| Default::default()).unwrap()
    }

    fn baseline(parameters: serde_json::Value) -> Box<dyn Configured> {
        let parameters: Map<String, serde_json::Value> = serde_json::from_value(parameters).unwrap();
        registry::find("baseline").unwrap().configure(&parameters).unwrap()
    }

    fn evaluated(split: &str, options: &Options) -> Result<Outcome> {
        let ratings = additive();
        let plan = plan(split.parse()?, &ratings, 7, &nothing_published)?;
        let algorithm = baseline(json!({"reg_user": 0.0, "reg_item": 0.0, "epochs": 100}));
        evaluate(&*algorithm, &plan, options, &mut |_| ControlFlow::Continue(()))
    }

    #[test]
    fn a_model_that_fits_has_no_error_in_any_fold() {
        let outcome = evaluated("kfold:4", &Options { threads: 2, ..Options::default() }).unwrap();
        let evaluation = &outcome.evaluation;
        assert_eq!(evaluation.folds.len(), 4);
        assert!(evaluation.metrics["rmse"].mean < 1e-4, "{:?}", evaluation.metrics["rmse"]);
        assert_eq!(evaluation.metrics["rmse"].n, additive().len());
        assert_eq!(evaluation.summary["mae"].folds, 4);
        assert_eq!(evaluation.folds[3].name, "4/4");
        assert_eq!(outcome.predictions.len(), outcome.fold.test.len());
        assert!(!evaluation.stopped);
    }

    #[test]
    fn the_mean_alone_has_the_error_worked_out_directly() {
        let ratings = additive();
        let plan = plan("user:0.2".parse().unwrap(), &ratings, 1, &nothing_published).unwrap();
        let algorithm = baseline(json!({"biases": false}));
        let mut quiet = |_: Progress<'_>| ControlFlow::Continue(());
        let outcome = evaluate(&*algorithm, &plan, &Options::default(), &mut quiet).unwrap();
        let (train, test) = (&outcome.fold.train, &outcome.fold.test);
        let squares: f64 = test.values().iter().map(|&v| (f64::from(v) - train.mean()).powi(2)).sum();
        let rmse = (squares / test.len() as f64).sqrt();
        assert!((outcome.evaluation.metrics["rmse"].mean - rmse).abs() < 1e-6);
        assert!(outcome.evaluation.summary.is_empty());
    }

    #[test]
    fn threads_never_change_a_bit() {
        let of = |threads| evaluated("user:0.2", &Options { threads, ..Options::default() }).unwrap();
        let (one, five) = (of(1), of(5));
        assert_eq!(one.predictions, five.predictions);
        assert_eq!(one.evaluation.metrics, five.evaluation.metrics);
    }

    /// Answers each question by a function.
    pub(crate) struct Oracle<F>(pub(crate) F);

    impl<F: Fn(Query) -> f32 + Send + Sync> Model for Oracle<F> {
        fn predict(&self, query: Query) -> f32 {
            self.0(query)
        }
        fn predict_all(&self, user: Option<User>, time: Option<Time>, out: &mut [f32]) {
            out.fill(self.0(Query { user, item: None, time }));
        }
        fn factors(&self) -> Option<&Factors> {
            None
        }
        fn fold_in<'a>(&'a self, _: Row<'a>) -> Option<Box<dyn Newcomer + 'a>> {
            None
        }
        fn tensors(&self) -> Tensors {
            Tensors::default()
        }
    }

    #[test]
    fn a_model_that_uses_times_is_warned_of() {
        let ratings = additive();
        assert!(uses_time(&Oracle(|query: Query| query.time.map_or(0.0, |time| time as f32)), &ratings));
        assert!(!uses_time(&Oracle(|query: Query| query.item.map_or(0.0, |item| item.0 as f32)), &ratings));
        let planned = |spec: &str| plan(spec.parse().unwrap(), &ratings, 7, &nothing_published).unwrap();
        assert!(time_leakage(&planned("random:0.2"), true).unwrap().contains("time:0.1"));
        assert_eq!(time_leakage(&planned("random:0.2"), false), None);
        assert_eq!(time_leakage(&planned("time:0.2"), true), None);
    }

    #[test]
    fn each_curve_is_measured_on_its_part() {
        let of = |curve| evaluated("user:0.2", &Options { curve, ..Options::default() }).unwrap();
        let nothing = of(Curve::Nothing);
        assert!(nothing.evaluation.folds[0].epochs.iter().all(|epoch| epoch.valid_rmse.is_none()));
        let test = of(Curve::Test);
        let last = test.evaluation.folds[0].epochs.last().unwrap().valid_rmse.unwrap();
        assert!((last - test.evaluation.metrics["rmse"].mean).abs() < 1e-6);
        let inner = of(Curve::Validation { share: 0.25 });
        let fold = &inner.evaluation.folds[0];
        assert!(fold.train < nothing.evaluation.folds[0].train);
        assert_eq!(fold.test, nothing.evaluation.folds[0].test);
        assert!(fold.epochs[0].valid_rmse.is_some());
    }

    #[test]
    fn early_stopping_sees_the_training_part_alone() {
        let ratings = additive();
        let plan = plan("kfold:3".parse().unwrap(), &ratings, 7, &nothing_published).unwrap();
        let algorithm = baseline(json!({"epochs": 500}));
        let options = Options { early: Some(EarlyStopping::default()), ..Options::default() };
        let mut searches = 0;
        let mut observer = |progress: Progress<'_>| {
            searches += usize::from(matches!(progress, Progress::Search { .. }));
            ControlFlow::Continue(())
        };
        let outcome = evaluate(&*algorithm, &plan, &options, &mut observer).unwrap();
        assert_eq!(searches, 3);
        for (index, fold) in outcome.evaluation.folds.iter().enumerate() {
            let train = plan.fold(index).train;
            let mut quiet = |_: &Epoch| ControlFlow::Continue(());
            let rule = EarlyStopping::default();
            let alone = early::best_epochs(&*algorithm, &train, rule, (0, 1), &mut quiet).unwrap();
            let found = fold.early_stopping.as_ref().unwrap();
            assert_eq!((found.epochs, found.valid_rmse), (alone.epochs, alone.valid_rmse));
            assert_eq!(fold.epochs.len(), found.epochs, "and then learns from all of it");
            assert_eq!(fold.train, found.train + found.valid);
        }
        let last = outcome.evaluation.folds[2].epochs.len();
        assert_eq!(outcome.config["epochs"], last);
    }

    #[test]
    fn an_observer_that_breaks_ends_after_the_fold_at_hand() {
        let ratings = additive();
        let plan = plan("kfold:4".parse().unwrap(), &ratings, 7, &nothing_published).unwrap();
        let algorithm = baseline(json!({"epochs": 50}));
        let mut observer = |progress: Progress<'_>| match progress {
            Progress::Epoch { fold: (1, 4), epoch } if epoch.epoch == 3 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        let evaluation = evaluate(&*algorithm, &plan, &Options::default(), &mut observer).unwrap().evaluation;
        assert!(evaluation.stopped);
        assert_eq!(evaluation.folds.iter().map(|fold| fold.epochs.len()).collect::<Vec<_>>(), [50, 3]);
    }

    #[test]
    fn results_come_back_from_json() {
        let evaluation = evaluated("kfold:3", &Options::default()).unwrap().evaluation;
        let written = serde_json::to_value(&evaluation).unwrap();
        assert!(written["metrics"]["rmse"]["stderr"].is_f64());
        assert_eq!(written["folds"][0]["metrics"]["mae"]["average"], "ratings");
        assert_eq!(serde_json::from_value::<Evaluation>(written).unwrap(), evaluation);
    }

    #[test]
    fn nothing_held_out_is_refused() {
        let message = evaluated("none", &Options::default()).err().unwrap().to_string();
        assert!(message.starts_with("nothing is held out"), "{message}");
    }
}
