//! Split, fit and measure: `evaluate`, `compare`, `tune`.

use std::ops::ControlFlow;
use std::path::PathBuf;

use cofactor::eval;
use cofactor::eval::compare::Contestant;
use cofactor::eval::early::{self, EPOCHS, EarlyStopping};
use cofactor::eval::evaluate::{Options, Progress};
use cofactor::eval::ladder::{self, Rung};
use cofactor::eval::ranking::{Asked, rank_scores};
use cofactor::registry;
use cofactor::tune::{Header, Study, Trial, Wish, influences, space, validation_parts};
use numpy::ndarray::ArrayView1;
use numpy::{PyArray2, PyReadonlyArray2};
use pyo3::prelude::*;
use serde_json::{Value, json};

use crate::errors::raised;
use crate::fitted::told;
use crate::models::{Wanted, rule};
use crate::ratings::{Ratings, leakage, spec_of};
use crate::work::{Watch, Watchers, watched};

/// Fits and measures a model on each fold of a split; the figures as JSON.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "as many as `cofactor.evaluate` has")]
pub(crate) fn evaluate(
    py: Python<'_>,
    wanted: Wanted,
    ratings: &Ratings,
    split: &str,
    split_seed: u64,
    clip: bool,
    early: Option<(f64, usize)>,
    metrics: Vec<String>,
    relevant_from: Option<f32>,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let spec = spec_of(py, split)?;
    let early = rule(py, early)?;
    let ranking = asked(py, &metrics, relevant_from)?;
    let (_, configured) = wanted.configured(py, early)?;
    let options =
        Options { seed: wanted.seed, threads: wanted.threads, clip, early, ranking, ..Options::default() };
    watched(py, &Watchers { progress, callback: None }, |watch| {
        let plan = ratings.plan(spec, split_seed)?;
        let most = configured.config().get(EPOCHS).cloned();
        let algorithm = registry::interruptible(configured, watch.interrupt());
        let mut observer = |event: Progress<'_>| tell(watch, None, most.as_ref(), event);
        let outcome = eval::evaluate::evaluate(&*algorithm, &plan, &options, &mut observer)?;
        let leakage = leakage(&plan, outcome.evaluation.uses_time);
        Ok(json!({
            "split": spec.to_string(), "config": outcome.config, "leakage": leakage, "evaluation": outcome.evaluation,
        })
        .to_string())
    })
}

/// What is asked of rankings; nothing where no metric is named.
fn asked(py: Python<'_>, metrics: &[String], relevant_from: Option<f32>) -> PyResult<Option<Asked>> {
    if metrics.is_empty() {
        return Ok(None);
    }
    Asked::parse(&metrics.join(","), relevant_from).map(Some).map_err(|error| raised(py, &error))
}

/// The metrics of rankings for rows of scores, of which some are relevant: a row of metrics for each, NaN where nothing is relevant.
#[pyfunction]
pub(crate) fn ranking_metrics<'py>(
    py: Python<'py>,
    scores: PyReadonlyArray2<'py, f32>,
    relevant: PyReadonlyArray2<'py, bool>,
    metrics: Vec<String>,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let measures = asked(py, &metrics, None)?.map(|asked| asked.measures).unwrap_or_default();
    let (scores, relevant) = (scores.as_array(), relevant.as_array());
    let one = |(scores, relevant): (ArrayView1<'_, f32>, ArrayView1<'_, bool>)| {
        let candidates: Vec<(f32, bool)> = scores.iter().copied().zip(relevant.iter().copied()).collect();
        let found = rank_scores(&candidates, &measures)?;
        Ok(found.unwrap_or_else(|| vec![f64::NAN; measures.len()]))
    };
    let rows = scores.rows().into_iter().zip(relevant.rows()).map(one);
    let rows: cofactor::Result<Vec<Vec<f64>>> = rows.collect();
    let rows = rows.map_err(|error| raised(py, &error))?;
    Ok(PyArray2::from_vec2(py, &rows)?)
}

/// Passes an epoch on to who is watching.
fn tell(watch: &Watch, model: Option<&str>, most: Option<&Value>, event: Progress<'_>) -> ControlFlow<()> {
    if let Progress::Epoch { fold: (fold, folds), epoch } = event {
        watch.progress(|| {
            let mut told = told("fit", epoch, most);
            told["model"] = json!(model);
            if folds > 1 {
                told["fold"] = json!([fold + 1, folds]);
            }
            told
        });
    }
    ControlFlow::Continue(())
}

/// Compares models over the same parts; the figures as JSON.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "as many as `cofactor.compare` has")]
pub(crate) fn compare(
    py: Python<'_>,
    wanted: Vec<Wanted>,
    ratings: &Ratings,
    split: &str,
    split_seed: u64,
    clip: bool,
    early: Option<(f64, usize)>,
    metrics: Vec<String>,
    relevant_from: Option<f32>,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let spec = spec_of(py, split)?;
    let ranking = asked(py, &metrics, relevant_from)?;
    let rule = rule(py, early)?;
    let (seed, threads) = wanted.first().map_or((42, 0), |wanted| (wanted.seed, wanted.threads));
    let options = Options { seed, threads, clip, ranking, ..Options::default() };
    let mut configured = Vec::new();
    for wanted in &wanted {
        let (entry, _) = wanted.configured(py, None)?;
        // Those that do not learn in epochs are not stopped early.
        let early = rule.filter(|_| early::most_epochs(entry).is_ok());
        configured.push((wanted.label.clone(), wanted.configured(py, early)?, early));
    }
    watched(py, &Watchers { progress, callback: None }, |watch| {
        let plan = ratings.plan(spec, split_seed)?;
        let contestants: Vec<Contestant> = configured
            .into_iter()
            .map(|(label, (entry, algorithm), early)| {
                let configured = registry::interruptible(algorithm, watch.interrupt());
                Contestant { label, model: entry.name, configured, early }
            })
            .collect();
        let mut observer =
            |number: usize, event: Progress<'_>| tell(watch, Some(&contestants[number].label), None, event);
        let comparison = eval::compare::compare(&contestants, &plan, &options, &mut observer)?;
        let uses_time = comparison.models.iter().any(|model| model.uses_time);
        let leakage = leakage(&plan, uses_time);
        Ok(json!({ "split": spec.to_string(), "leakage": leakage, "comparison": comparison }).to_string())
    })
}

/// Climbs the ladder of ideas over the same parts; the figures as JSON.
#[pyfunction]
#[pyo3(name = "ladder")]
pub(crate) fn climb(
    py: Python<'_>,
    ratings: &Ratings,
    split: &str,
    seeds_and_threads: (u64, u64, usize),
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let (seed, split_seed, threads) = seeds_and_threads;
    let spec = spec_of(py, split)?;
    let options = Options { seed, threads, ..Options::default() };
    watched(py, &Watchers { progress, callback: None }, |watch| {
        let plan = ratings.plan(spec, split_seed)?;
        let rungs: Vec<(Rung, Contestant)> = ladder::contestants(&ratings.inner)?
            .into_iter()
            .map(|(rung, contestant)| {
                let configured = registry::interruptible(contestant.configured, watch.interrupt());
                (rung, Contestant { configured, ..contestant })
            })
            .collect();
        let mut observer =
            |number: usize, event: Progress<'_>| tell(watch, Some(&rungs[number].1.label), None, event);
        let climbed = ladder::climb(&rungs, &plan, &options, &mut observer)?;
        let leakage = leakage(&plan, climbed.comparison.models.iter().any(|model| model.uses_time));
        Ok(json!({ "split": spec.to_string(), "leakage": leakage, "ladder": climbed }).to_string())
    })
}

/// What is searched, and how.
#[derive(FromPyObject)]
pub(crate) struct Search {
    #[pyo3(item)]
    trials: usize,
    #[pyo3(item)]
    split: String,
    #[pyo3(item)]
    seed: u64,
    #[pyo3(item)]
    wishes: Vec<Wish>,
    /// Parameters that keep the value given.
    #[pyo3(item)]
    fixed: Vec<String>,
    #[pyo3(item)]
    validation: f64,
    #[pyo3(item)]
    patience: usize,
    #[pyo3(item)]
    study: Option<PathBuf>,
}

/// Searches for parameters; the study as JSON.
#[pyfunction]
pub(crate) fn tune(
    py: Python<'_>,
    wanted: Wanted,
    ratings: &Ratings,
    search: Search,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let spec = spec_of(py, &search.split)?;
    let early = EarlyStopping { share: search.validation, patience: search.patience };
    early.check().map_err(|error| raised(py, &error))?;
    let (entry, plain) = wanted.configured(py, None)?;
    let learns_in_epochs = plain.config().contains_key(EPOCHS);
    let (_, configured) = wanted.configured(py, learns_in_epochs.then_some(early))?;
    watched(py, &Watchers { progress, callback: None }, |watch| {
        let config = configured.config();
        let fixed: Vec<&str> = search.fixed.iter().map(String::as_str).collect();
        let searched = space(entry, &config, &fixed, &search.wishes)?;
        let header = Header::new(entry, &config, searched, &ratings.inner, spec, early, search.seed);
        let mut study = match &search.study {
            Some(file) => Study::open(file, header)?,
            None => Study::new(header),
        };
        let plan = ratings.plan(spec, search.seed)?;
        let parts = validation_parts(&plan, early.share, search.seed)?;
        let mut observer = |study: &Study, _: &Trial| {
            let best = study.best().and_then(Trial::rmse);
            watch.progress(|| json!({ "stage": "tune", "trial": study.trials.len(), "trials": search.trials, "best": best }));
        };
        let threads = if wanted.threads == 0 { cores() } else { wanted.threads };
        cofactor::tune::tune(&mut study, &parts, (search.trials, threads), watch.interrupt(), &mut observer)?;
        Ok(json!({
            "header": study.header, "trials": study.trials, "best": study.best().map(|best| best.number),
            "winner": study.winner()?, "influences": influences(&study),
        })
        .to_string())
    })
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
