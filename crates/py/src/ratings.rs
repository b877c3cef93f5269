//! Ratings: loaded by name, read from files and columns, split.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;

use cofactor::data::attributes::{Attributes, Column as Attribute, TITLE, Values};
use cofactor::data::datasets::{DATASETS, Event, Store};
use cofactor::data::ids::IdMap;
use cofactor::data::ratings::{Catalog, Duplicates, Scale};
use cofactor::data::read::{ColumnRef, Format, ReadOptions, Table, read, read_table};
use cofactor::data::split::{self, Plan, Spec};
use cofactor::eval::evaluate::time_leakage;
use numpy::{IntoPyArray, PyArray1};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyList;
use serde_json::json;

use crate::columns::Column;
use crate::errors::{bad_argument, raised};
use crate::work::TICK;

/// Ratings, and where they came from.
#[pyclass(frozen, module = "cofactor._native")]
pub(crate) struct Ratings {
    pub(crate) inner: cofactor::data::ratings::Ratings,
    /// The data set that they are the whole of, which may have published splits.
    named: Option<Arc<(Store, String)>>,
}

impl From<cofactor::data::ratings::Ratings> for Ratings {
    fn from(inner: cofactor::data::ratings::Ratings) -> Self {
        Self { inner, named: None }
    }
}

type Parts = Vec<(String, Ratings, Ratings)>;
type Arrays<'py> = (
    Bound<'py, PyArray1<u32>>,
    Bound<'py, PyArray1<u32>>,
    Bound<'py, PyArray1<f32>>,
    Option<Bound<'py, PyArray1<i64>>>,
);

impl Ratings {
    /// The plan of a split, by the published files where it needs them.
    pub(crate) fn plan(&self, spec: Spec, seed: u64) -> cofactor::Result<Plan<'_>> {
        let published = |name: &str| match self.named.as_deref() {
            Some((store, set)) => store.official(set, name, &self.inner),
            None => split::nothing_published(name),
        };
        split::plan(spec, &self.inner, seed, &published)
    }
}

#[pymethods]
impl Ratings {
    fn __len__(&self) -> usize {
        self.inner.len()
    }

    /// Name, sizes, scale, mean and time span as JSON.
    fn about(&self) -> String {
        let (ratings, scale) = (&self.inner, self.inner.scale());
        json!({
            "name": ratings.catalog().name, "users": ratings.users(), "items": ratings.items(), "ratings": ratings.len(),
            "scale": [scale.min, scale.max], "mean": ratings.mean(), "time_span": ratings.time_span(),
        })
        .to_string()
    }

    fn fingerprint(&self, py: Python<'_>) -> String {
        py.detach(|| self.inner.fingerprint())
    }

    /// The raw ids of one side: an array of integers, or a list of texts.
    fn ids<'py>(&self, py: Python<'py>, users: bool) -> PyResult<Bound<'py, PyAny>> {
        let catalog = self.inner.catalog();
        raw_ids(py, if users { &catalog.users } else { &catalog.items })
    }

    /// The items' titles; none where an item has none.
    fn titles(&self) -> Vec<Option<&str>> {
        titles(self.inner.catalog())
    }

    /// Indices of users and items, values, and times if there are any; in order of user and item.
    fn arrays<'py>(&self, py: Python<'py>) -> Arrays<'py> {
        let mut users = Vec::with_capacity(self.inner.len());
        let (mut items, mut times) = (Vec::with_capacity(self.inner.len()), Vec::new());
        for rating in self.inner.iter() {
            users.push(rating.user.0);
            items.push(rating.item.0);
            times.extend(rating.time);
        }
        let times = self.inner.has_times().then(|| times.into_pyarray(py));
        let values = PyArray1::from_slice(py, self.inner.values());
        (users.into_pyarray(py), items.into_pyarray(py), values, times)
    }

    /// How many ratings each user, or each item, has.
    fn counts<'py>(&self, py: Python<'py>, users: bool) -> Bound<'py, PyArray1<i64>> {
        let counts: Vec<usize> =
            if users { self.inner.user_counts().collect() } else { self.inner.item_counts() };
        counts.into_iter().map(|count| count as i64).collect::<Vec<_>>().into_pyarray(py)
    }

    /// The folds of a split: name, training part and test part of each; and what the split lets a model know too early.
    fn split(&self, py: Python<'_>, spec: &str, seed: u64) -> PyResult<(Parts, Option<String>)> {
        let spec = spec_of(py, spec)?;
        let made = py.detach(|| {
            let plan = self.plan(spec, seed)?;
            let part = |fold| {
                let fold = plan.fold(fold);
                (fold.name, Self::from(fold.train), Self::from(fold.test))
            };
            Ok(((0..plan.names().len()).map(part).collect(), plan.leakage()))
        });
        made.map_err(|error: cofactor::Error| raised(py, &error))
    }
}

pub(crate) fn spec_of(py: Python<'_>, written: &str) -> PyResult<Spec> {
    written.parse().map_err(|error| raised(py, &error))
}

/// What a split lets a model know too early, as sentences.
pub(crate) fn leakage(plan: &Plan<'_>, uses_time: bool) -> Vec<String> {
    [plan.leakage(), time_leakage(plan, uses_time)].into_iter().flatten().collect()
}

pub(crate) fn raw_ids<'py>(py: Python<'py>, ids: &IdMap) -> PyResult<Bound<'py, PyAny>> {
    match ids {
        IdMap::Integers(ids) => Ok(PyArray1::from_slice(py, ids).into_any()),
        IdMap::Texts { .. } => Ok(PyList::new(py, ids.iter().map(|id| id.to_string()))?.into_any()),
    }
}

pub(crate) fn titles(catalog: &Catalog) -> Vec<Option<&str>> {
    (0..catalog.items.len()).map(|item| catalog.item_attributes.title(item)).collect()
}

/// The data sets that have a name, as JSON.
#[pyfunction]
pub(crate) fn datasets() -> String {
    let about = |set: &cofactor::data::datasets::DataSet| json!({ "name": set.name, "title": set.title, "licence": set.licence });
    json!(DATASETS.iter().map(about).collect::<Vec<_>>()).to_string()
}

/// A data set by name. `tell` is given each remark.
///
/// Ctrl-C leaves the transfer to its thread, which writes to the cache alone, and whole or not at all.
#[pyfunction]
pub(crate) fn load(
    py: Python<'_>,
    name: String,
    mirror: Option<String>,
    cache: Option<PathBuf>,
    offline: bool,
    tell: &Bound<'_, PyAny>,
) -> PyResult<Ratings> {
    let Some(cache) = cache.or_else(Store::platform_cache) else {
        return Err(bad_argument(py, "cache", "None", "a folder, since this system names none"));
    };
    let mut store = Store::new(cache);
    (store.mirror, store.offline) = (mirror, offline);
    let (sender, remarks) = channel();
    let (its_store, its_name) = (store.clone(), name.clone());
    let spawned = thread::Builder::new().spawn(move || {
        its_store.load(&its_name, &mut |event: Event<'_>| {
            if let Some(remark) = event.remark(&its_name) {
                // After a Ctrl-C nobody listens.
                drop(sender.send(remark));
            }
        })
    });
    let worker = spawned.map_err(|error| PyOSError::new_err(error.to_string()))?;
    let mut remarks = remarks;
    loop {
        let waited;
        (remarks, waited) = py.detach(move || {
            let waited = remarks.recv_timeout(TICK);
            (remarks, waited)
        });
        match waited {
            Ok(remark) => drop(tell.call1((remark,))?),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        py.check_signals()?;
    }
    match py.detach(|| worker.join()) {
        Ok(Ok(inner)) => Ok(Ratings { inner, named: Some(Arc::new((store, name))) }),
        Ok(Err(error)) => Err(raised(py, &error)),
        Err(payload) => Err(crate::errors::defect(py, &*payload)),
    }
}

/// What may be said of a file or a table.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Options {
    name: Option<String>,
    format: Option<String>,
    member: Option<String>,
    delimiter: Option<String>,
    header: Option<bool>,
    user: Option<Place>,
    item: Option<Place>,
    rating: Option<Place>,
    time: Option<Place>,
    ignore_times: bool,
    constant_rating: Option<f32>,
    duplicates: String,
    scale: Option<(f32, f32)>,
}

/// A column by position, counted from 1, or by name.
#[derive(FromPyObject)]
enum Place {
    Position(usize),
    Name(String),
}

impl From<Place> for ColumnRef {
    fn from(place: Place) -> Self {
        match place {
            Place::Position(position) => Self::Position(position),
            Place::Name(name) => Self::Name(name),
        }
    }
}

impl Options {
    fn read(self, py: Python<'_>) -> PyResult<ReadOptions> {
        let format = match self.format.as_deref() {
            None => None,
            Some("text") => Some(Format::Text),
            Some("parquet") => Some(Format::Parquet),
            Some(other) => return Err(bad_argument(py, "format", other, "'text' or 'parquet'")),
        };
        let duplicates = match self.duplicates.as_str() {
            "error" => Duplicates::Error,
            "last" => Duplicates::Last,
            "mean" => Duplicates::Mean,
            "sum" => Duplicates::Sum,
            other => {
                return Err(bad_argument(py, "duplicates", other, "'error', 'last', 'mean' or 'sum'"));
            }
        };
        Ok(ReadOptions {
            name: self.name,
            format,
            member: self.member,
            delimiter: self.delimiter,
            header: self.header,
            user: self.user.map(Place::into),
            item: self.item.map(Place::into),
            rating: self.rating.map(Place::into),
            time: self.time.map(Place::into),
            ignore_times: self.ignore_times,
            constant: self.constant_rating,
            duplicates,
            scale: self.scale.map(|(min, max)| Scale { min, max }),
        })
    }
}

/// Reads a file.
#[pyfunction]
pub(crate) fn read_file(py: Python<'_>, path: PathBuf, options: Options) -> PyResult<Ratings> {
    let options = options.read(py)?;
    let ratings = py.detach(|| read(&path, &options)).map_err(|error| raised(py, &error))?;
    Ok(ratings.into())
}

/// Ratings from columns in memory; `titles` gives items a name to show, by raw id.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "each one a column, by name")]
pub(crate) fn ratings_from_columns(
    py: Python<'_>,
    table: String,
    user: &Bound<'_, PyAny>,
    item: &Bound<'_, PyAny>,
    rating: Option<&Bound<'_, PyAny>>,
    time: Option<&Bound<'_, PyAny>>,
    titles: Option<Vec<(String, String)>>,
    options: Options,
) -> PyResult<Ratings> {
    let options = options.read(py)?;
    let (user, item) = (Column::of(user)?, Column::of(item)?);
    let (rating, time) = (rating.map(Column::of).transpose()?, time.map(Column::of).transpose()?);
    let (user, item) = (user.cells(), item.cells());
    let (rating, time) = (rating.as_ref().map(Column::cells), time.as_ref().map(Column::cells));
    let table =
        Table { name: table, user: &*user, item: &*item, rating: rating.as_deref(), time: time.as_deref() };
    let attributes = |_: &IdMap, items: &IdMap| (Attributes::default(), titled(items, titles));
    read_table(&table, &options, attributes).map(Ratings::from).map_err(|error| raised(py, &error))
}

fn titled(items: &IdMap, titles: Option<Vec<(String, String)>>) -> Attributes {
    let Some(titles) = titles else { return Attributes::default() };
    let mut column = vec![String::new(); items.len()];
    for (id, title) in titles {
        if let Some(index) = items.index_of(&id) {
            column[index] = title;
        }
    }
    Attributes { columns: vec![Attribute { name: TITLE.to_owned(), values: Values::Text(column) }] }
}
