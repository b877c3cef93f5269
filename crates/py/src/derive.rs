//! Derivations, written in every way that the library writes them.

use cofactor::derive::{self, Derivation, check};
use pyo3::prelude::*;
use serde_json::{Value, json};

use crate::errors::raised;
use crate::models::object;

/// Text, LaTeX, HTML and the machine-readable form of a model's derivation, as JSON.
#[pyfunction(name = "derive")]
pub(crate) fn derivation(
    py: Python<'_>,
    name: &str,
    preset: Option<&str>,
    parameters: &str,
) -> PyResult<String> {
    let derivation = found(py, name, preset, parameters)?;
    let symbolic = derive::symbolic(&derivation).map_err(|error| raised(py, &error))?;
    let written = json!({
        "title": derivation.title,
        "text": derive::text(&derivation),
        "latex": derive::latex(&derivation),
        "html": format!("<style>{}</style>{}", derive::STYLE, derive::html(&derivation)),
        "symbolic": symbolic,
    });
    Ok(written.to_string())
}

/// What comparing each objective's gradient with finite differences and with the training found, as JSON. `extent`: the seed, and at how many points.
#[pyfunction]
pub(crate) fn check_derivation(
    py: Python<'_>,
    name: &str,
    preset: Option<&str>,
    parameters: &str,
    extent: (u64, usize),
) -> PyResult<String> {
    let derivation = found(py, name, preset, parameters)?;
    let (seed, points) = extent;
    let checked = |part| {
        let checked = check::check(part, seed, points)?;
        Ok(json!({ "title": part.objective.title, "found": checked, "passed": checked.passed() }))
    };
    let all: cofactor::error::Result<Vec<Value>> = derivation.parts.iter().map(checked).collect();
    Ok(Value::Array(all.map_err(|error| raised(py, &error))?).to_string())
}

fn found(py: Python<'_>, name: &str, preset: Option<&str>, parameters: &str) -> PyResult<Derivation> {
    let written = |(name, value): (String, Value)| match value {
        Value::String(text) => (name, text),
        other => (name, other.to_string()),
    };
    let pairs: Vec<_> = object(py, "parameters", parameters)?.into_iter().map(written).collect();
    derive::find(name, preset, &pairs).map_err(|error| raised(py, &error))
}
