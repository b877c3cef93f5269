//! A fitted model: fitting, loading, saving, and its answers.

use std::path::PathBuf;
use std::time::Instant;

use cofactor::eval::early::{self, EPOCHS, EarlyStopping, Found};
use cofactor::fit::model::{Data, Query};
use cofactor::fit::outlook::Reach;
use cofactor::fit::run::{Epoch, Run};
use cofactor::recommender::{HistoryEntry, Recommender, Request, Unknown, UserPicks, Who};
use cofactor::registry::{self, Configured};
use cofactor::store::ModelFile;
use numpy::{IntoPyArray, PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::Serialize;
use serde_json::{Value, json};

use crate::columns::{Column, Id};
use crate::errors::{bad_argument, raised};
use crate::models::{Wanted, rule};
use crate::ratings::{Ratings, raw_ids, titles};
use crate::work::{Watch, Watchers, watched};

/// A model with all that it needs to answer.
#[pyclass(frozen, module = "cofactor._native")]
pub(crate) struct Fitted {
    recommender: Recommender,
    epochs: Vec<Epoch>,
    early: Option<Found>,
    seconds: f64,
}

/// Learns from ratings. `callback` hears of each epoch, and ends the fit by returning true; `progress` is told now and then.
#[pyfunction]
pub(crate) fn fit(
    py: Python<'_>,
    wanted: Wanted,
    ratings: &Ratings,
    valid: Option<&Ratings>,
    early: Option<(f64, usize)>,
    callback: Option<Py<PyAny>>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Fitted> {
    let early = rule(py, early)?;
    let (entry, configured) = wanted.configured(py, early)?;
    let train = &ratings.inner;
    let valid = valid.map(|valid| valid.inner.aligned(train.catalog())).transpose();
    let valid = valid.map_err(|error| raised(py, &error))?;
    let circumstances = (wanted.seed, wanted.threads);
    watched(py, &Watchers { callback, progress }, |watch| {
        let clock = Instant::now();
        let algorithm = registry::interruptible(configured, watch.interrupt());
        let (algorithm, found) = with_best_epochs(algorithm, train, early, circumstances, watch)?;
        let config = algorithm.config();
        let most = config.get(EPOCHS).cloned();
        let mut run = Run::new(wanted.seed, wanted.threads)?
            .with_observer(|epoch| watch.event(|| told("fit", epoch, most.as_ref())));
        if let Some(valid) = &valid {
            run = run.with_valid(valid);
        }
        let model = algorithm.fit(train, &mut run)?;
        let seconds = clock.elapsed().as_secs_f64();
        let epochs = run.epochs().to_vec();
        drop(run);
        let file = ModelFile::new(entry.name, config, wanted.seed, train.clone(), model);
        Ok(Fitted { recommender: Recommender::new(file)?, epochs, early: found, seconds })
    })
}

/// In which order an epoch, counted from 1, visits the ratings; see `Algorithm::visits`.
#[pyfunction]
pub(crate) fn visits<'py>(
    py: Python<'py>,
    wanted: Wanted,
    ratings: &Ratings,
    epoch: usize,
) -> PyResult<Option<Bound<'py, PyArray1<u32>>>> {
    let (_, configured) = wanted.configured(py, None)?;
    let order = py.detach(|| {
        let run = Run::new(wanted.seed, wanted.threads)?;
        Ok(configured.visits(&ratings.inner, &run, epoch - 1))
    });
    let order = order.map_err(|error: cofactor::Error| raised(py, &error))?;
    Ok(order.map(|order| order.into_pyarray(py)))
}

/// The algorithm with the number of epochs that is best on ratings kept aside, if that is asked for.
fn with_best_epochs(
    algorithm: Box<dyn Configured>,
    train: &cofactor::data::ratings::Ratings,
    early: Option<EarlyStopping>,
    circumstances: (u64, usize),
    watch: &Watch,
) -> cofactor::Result<(Box<dyn Configured>, Option<Found>)> {
    let Some(rule) = early else { return Ok((algorithm, None)) };
    let mut observer = |epoch: &Epoch| {
        watch.progress(|| told("search", epoch, None));
        std::ops::ControlFlow::Continue(())
    };
    let found = early::best_epochs(&*algorithm, train, rule, circumstances, &mut observer)?;
    Ok((algorithm.with(EPOCHS, found.epochs.into())?, Some(found)))
}

/// An epoch, with the stage that it belongs to and how many there will be at most.
pub(crate) fn told(stage: &str, epoch: &Epoch, most: Option<&Value>) -> Value {
    json!({
        "stage": stage, "epoch": epoch.epoch, "epochs": most, "train_rmse": epoch.train_rmse,
        "valid_rmse": epoch.valid_rmse, "seconds": epoch.seconds,
    })
}

/// A model file, whoever wrote it.
#[pyfunction]
pub(crate) fn load_model(py: Python<'_>, path: PathBuf) -> PyResult<Fitted> {
    let recommender = py.detach(|| Recommender::open(&path)).map_err(|error| raised(py, &error))?;
    Ok(Fitted { recommender, epochs: Vec::new(), early: None, seconds: 0.0 })
}

fn policy(py: Python<'_>, unknown: &str) -> PyResult<Unknown> {
    match unknown {
        // The caller makes gaps of the users that are unknown.
        "error" | "nan" => Ok(Unknown::Error),
        "popular" => Ok(Unknown::Popular),
        "mean" => Ok(Unknown::Mean),
        other => Err(bad_argument(py, "unknown", other, "'error', 'popular', 'mean' or 'nan'")),
    }
}

/// Which items are offered, and how many.
#[derive(FromPyObject)]
pub(crate) struct Asked {
    #[pyo3(item)]
    n: usize,
    #[pyo3(item)]
    exclude_seen: bool,
    #[pyo3(item)]
    items: Option<Vec<String>>,
    #[pyo3(item)]
    exclude: Vec<String>,
    #[pyo3(item)]
    unknown: String,
    #[pyo3(item)]
    reasons: usize,
    #[pyo3(item)]
    popularity: f32,
    #[pyo3(item)]
    categories: Vec<String>,
    #[pyo3(item)]
    diversity: f32,
}

impl Asked {
    fn request(self, py: Python<'_>) -> PyResult<Request> {
        Ok(Request {
            n: self.n,
            exclude_seen: self.exclude_seen,
            allow: self.items,
            deny: self.exclude,
            unknown: policy(py, &self.unknown)?,
            reasons: self.reasons,
            popularity: self.popularity,
            categories: self.categories,
            diversity: self.diversity,
        })
    }
}

fn history(ratings: Vec<(String, f32)>) -> Vec<HistoryEntry> {
    ratings.into_iter().map(|(item, value)| HistoryEntry { item, value }).collect()
}

impl Fitted {
    fn answer<T: Serialize>(
        &self,
        py: Python<'_>,
        ask: impl FnOnce(&Recommender) -> cofactor::Result<T> + Send,
    ) -> PyResult<String> {
        let text = |answer: T| json!(answer).to_string();
        py.detach(|| ask(&self.recommender).map(text)).map_err(|error| raised(py, &error))
    }
}

#[pymethods]
impl Fitted {
    /// What it is and what it was trained on, as JSON.
    fn about(&self) -> String {
        let file = self.recommender.file();
        json!({
            "model": file.algorithm, "config": file.config, "seed": file.seed, "data": file.data,
            "epochs": self.epochs, "early_stopping": self.early, "seconds": self.seconds, "metrics": file.metrics,
        })
        .to_string()
    }

    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        py.detach(|| self.recommender.file().save(&path)).map_err(|error| raised(py, &error))
    }

    /// All that has been learned: arrays by name.
    fn tensors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let arrays = PyDict::new(py);
        for (name, tensor) in self.recommender.file().model.tensors().0 {
            let array = match tensor.data {
                Data::F32(data) => data.into_pyarray(py).reshape(tensor.shape)?.into_any(),
                Data::U32(data) => data.into_pyarray(py).reshape(tensor.shape)?.into_any(),
                // NumPy has no bfloat16; each is an f32 exactly.
                Data::Half(data) => {
                    let wide: Vec<f32> =
                        data.into_iter().map(|half| f32::from_bits(u32::from(half) << 16)).collect();
                    wide.into_pyarray(py).reshape(tensor.shape)?.into_any()
                }
            };
            arrays.set_item(name, array)?;
        }
        Ok(arrays)
    }

    /// The raw ids of one side: an array of integers, or a list of texts.
    fn ids<'py>(&self, py: Python<'py>, users: bool) -> PyResult<Bound<'py, PyAny>> {
        let catalog = self.recommender.file().catalog();
        raw_ids(py, if users { &catalog.users } else { &catalog.items })
    }

    fn titles(&self) -> Vec<Option<&str>> {
        titles(self.recommender.file().catalog())
    }

    /// The ratings that it was trained on.
    fn train(&self) -> Ratings {
        self.recommender.file().seen.clone().into()
    }

    /// The predicted ratings of pairs.
    fn predict<'py>(
        &self,
        py: Python<'py>,
        users: &Bound<'py, PyAny>,
        items: &Bound<'py, PyAny>,
        times: Option<&Bound<'py, PyAny>>,
        unknown: &str,
        clip: bool,
    ) -> PyResult<Bound<'py, PyArray1<f32>>> {
        let users = Column::of(users)?.ids(py, "users")?;
        let items = Column::of(items)?.ids(py, "items")?;
        let times: Option<Vec<i64>> = times.map(PyAnyMethods::extract).transpose()?;
        // Gaps are made after the model has been asked about an average user, which costs less than an error each.
        let (gaps, policy) =
            if unknown == "nan" { (true, Unknown::Mean) } else { (false, policy(py, unknown)?) };
        let value = |row: usize| {
            let time = times.as_ref().map(|times| times[row]);
            let prediction = self.recommender.predict_at(users[row].raw(), items[row].raw(), time, policy)?;
            let known = prediction.known_user && prediction.known_item;
            let value = if clip { prediction.clipped } else { prediction.value };
            Ok(if gaps && !known { f32::NAN } else { value })
        };
        let values = py.detach(|| (0..users.len()).map(value).collect::<cofactor::Result<Vec<f32>>>());
        Ok(values.map_err(|error| raised(py, &error))?.into_pyarray(py))
    }

    /// How many standard deviations an interval reaches, for shares from 0 to 1 in equal steps; none where it is as the normal distribution says.
    fn reach(&self) -> Option<Vec<f32>> {
        let anybody = Query { user: None, item: None, time: None };
        match self.recommender.file().model.outlook(anybody)?.reach {
            Reach::Pooled(points) => Some(points.to_vec()),
            Reach::Normal => None,
        }
    }

    /// One predicted rating with what it rests on, as JSON.
    fn predict_one(
        &self,
        py: Python<'_>,
        user: &Bound<'_, PyAny>,
        item: &Bound<'_, PyAny>,
        time: Option<i64>,
        unknown: &str,
    ) -> PyResult<String> {
        let user = Column::of(user)?.ids(py, "user")?;
        let item = Column::of(item)?.ids(py, "item")?;
        let unknown = policy(py, unknown)?;
        self.answer(py, |recommender| recommender.predict_at(user[0].raw(), item[0].raw(), time, unknown))
    }

    /// A list for each user as JSON; null for one who is unknown.
    fn recommend(
        &self,
        py: Python<'_>,
        users: &Bound<'_, PyAny>,
        asked: Asked,
        threads: usize,
    ) -> PyResult<String> {
        let gaps = asked.unknown == "nan";
        let users = Column::of(users)?.ids(py, "users")?;
        let request = asked.request(py)?;
        self.answer(py, |recommender| {
            let raw: Vec<_> = users.iter().map(Id::raw).collect();
            let lists = recommender.recommend_some(&raw, &request, threads)?;
            if !gaps && let Some(place) = lists.iter().position(Option::is_none) {
                recommender.recommend(Who::User(&raw[place].to_string()), &request)?;
            }
            Ok(json!(lists))
        })
    }

    /// A list for each user with training ratings, as JSON.
    fn recommend_all(&self, py: Python<'_>, asked: Asked, threads: usize) -> PyResult<String> {
        let request = asked.request(py)?;
        self.answer(py, |recommender| {
            let mut lists = Vec::new();
            recommender.recommend_all(&request, threads, |picks: UserPicks<'_>| {
                lists.push(json!(picks));
                Ok(())
            })?;
            Ok(json!(lists))
        })
    }

    /// A list for somebody who brings their ratings, as JSON.
    fn recommend_for(&self, py: Python<'_>, ratings: Vec<(String, f32)>, asked: Asked) -> PyResult<String> {
        let (history, request) = (history(ratings), asked.request(py)?);
        self.answer(py, |recommender| Ok(json!(recommender.recommend(Who::History(&history), &request)?)))
    }

    fn similar_items(&self, py: Python<'_>, item: String, n: usize) -> PyResult<String> {
        self.answer(py, |recommender| Ok(json!(recommender.similar_items(&item, n)?)))
    }

    fn similar_users(&self, py: Python<'_>, user: String, n: usize) -> PyResult<String> {
        self.answer(py, |recommender| Ok(json!(recommender.similar_users(&user, n)?)))
    }

    /// A predicted rating in its parts as JSON: for a user, or for somebody who brings their ratings.
    fn explain(
        &self,
        py: Python<'_>,
        user: Option<String>,
        ratings: Option<Vec<(String, f32)>>,
        item: String,
    ) -> PyResult<String> {
        let history = ratings.map(history);
        self.answer(py, |recommender| {
            let who = match (&user, &history) {
                (Some(user), _) => Who::User(user),
                (None, history) => Who::History(history.as_deref().unwrap_or_default()),
            };
            Ok(json!(recommender.explain(who, &item)?))
        })
    }

    /// What a user has rated, the highest rating first, as JSON: pairs of item and rating.
    fn history(&self, py: Python<'_>, user: String) -> PyResult<String> {
        self.answer(py, |recommender| Ok(json!(recommender.history(&user)?)))
    }

    /// The item that a text means, as JSON.
    fn find_item(&self, py: Python<'_>, text: String) -> PyResult<String> {
        self.answer(py, |recommender| Ok(json!(recommender.find_item(&text)?)))
    }

    /// The metrics over a test part, by raw id, as JSON.
    fn evaluate(&self, py: Python<'_>, test: &Ratings, clip: bool, threads: usize) -> PyResult<String> {
        self.answer(py, |recommender| Ok(json!(recommender.judge(&test.inner, clip, threads)?.estimates())))
    }
}
