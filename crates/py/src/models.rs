//! What can be trained: the registry as Python sees it. No algorithm is named here.

use cofactor::eval::early::{self, EPOCHS, EarlyStopping};
use cofactor::registry::{self, ALGORITHMS, Configured, Entry};
use pyo3::prelude::*;
use serde_json::{Map, Value, json};

use crate::errors::{bad_argument, raised};

/// Every algorithm with its parameters, presets and documentation, as JSON.
#[pyfunction]
pub(crate) fn models() -> String {
    json!(ALGORITHMS.iter().map(described).collect::<Vec<_>>()).to_string()
}

fn described(entry: &Entry) -> Value {
    let defaults = entry.configure(&Map::new()).map(|algorithm| algorithm.config()).unwrap_or_default();
    let knob = |knob: &cofactor::fit::algorithm::Knob| {
        json!({
            "name": knob.name, "symbol": knob.symbol, "kind": knob.kind, "purpose": knob.purpose,
            "expected": knob.kind.expected(), "default": defaults.get(knob.name),
        })
    };
    json!({
        "name": entry.name,
        "title": entry.title,
        "task": entry.task,
        "parameters": entry.knobs.iter().map(knob).collect::<Vec<_>>(),
        "presets": entry.presets,
        "documentation": entry.documentation(),
    })
}

/// All parameters with their values, as JSON: the preset's, and on top of them those given as JSON.
#[pyfunction]
pub(crate) fn configure(
    py: Python<'_>,
    name: &str,
    preset: Option<&str>,
    parameters: &str,
) -> PyResult<String> {
    let (_, configured) = configured(py, name, preset, parameters)?;
    Ok(Value::Object(configured.config()).to_string())
}

pub(crate) fn configured(
    py: Python<'_>,
    name: &str,
    preset: Option<&str>,
    parameters: &str,
) -> PyResult<(&'static Entry, Box<dyn Configured>)> {
    let parameters = object(py, "parameters", parameters)?;
    let make = || {
        let entry = registry::find(name)?;
        let mut all = preset.map(|preset| entry.preset(preset)).transpose()?.unwrap_or_default();
        all.extend(parameters);
        Ok((entry, entry.configure(&all)?))
    };
    make().map_err(|error: cofactor::Error| raised(py, &error))
}

pub(crate) fn object(py: Python<'_>, name: &str, json: &str) -> PyResult<Map<String, Value>> {
    serde_json::from_str(json).map_err(|error| {
        bad_argument(py, name, json, &format!("finite numbers, texts, true and false ({error})"))
    })
}

/// How a model is asked for: name, preset, parameters as JSON, whether the number of epochs is among them, and the seed.
#[derive(FromPyObject)]
pub(crate) struct Wanted {
    #[pyo3(item)]
    pub(crate) label: String,
    #[pyo3(item)]
    name: String,
    #[pyo3(item)]
    preset: Option<String>,
    #[pyo3(item)]
    parameters: String,
    #[pyo3(item)]
    pub(crate) seed: u64,
    #[pyo3(item)]
    pub(crate) threads: usize,
}

impl Wanted {
    /// The algorithm with its parameters. Under early stopping it has the most epochs that are worth a try, unless a number is given.
    pub(crate) fn configured(
        &self,
        py: Python<'_>,
        early: Option<EarlyStopping>,
    ) -> PyResult<(&'static Entry, Box<dyn Configured>)> {
        let (entry, configured) = configured(py, &self.name, self.preset.as_deref(), &self.parameters)?;
        let given = object(py, "parameters", &self.parameters)?.contains_key(EPOCHS);
        if early.is_none() || given {
            return Ok((entry, configured));
        }
        let most = || configured.with(EPOCHS, early::most_epochs(entry)?.into());
        Ok((entry, most().map_err(|error| raised(py, &error))?))
    }
}

/// When to stop early, from a share and a patience.
pub(crate) fn rule(py: Python<'_>, early: Option<(f64, usize)>) -> PyResult<Option<EarlyStopping>> {
    let Some((share, patience)) = early else { return Ok(None) };
    let rule = EarlyStopping { share, patience };
    rule.check().map_err(|error| raised(py, &error))?;
    Ok(Some(rule))
}
