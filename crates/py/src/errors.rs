//! From the library's errors to Python's exceptions, which `cofactor.errors` defines.

use std::io::ErrorKind;

use cofactor::Error;
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

/// The exception for an error: its kind chooses the class, its two halves make the message.
pub(crate) fn raised(py: Python<'_>, error: &Error) -> PyErr {
    if matches!(error, Error::Interrupted) {
        return PyKeyboardInterrupt::new_err(());
    }
    let missing = matches!(error, Error::Io { source, .. } if source.kind() == ErrorKind::NotFound);
    let kind = if missing { "missing" } else { error.kind() };
    let (problem, hint) = error.parts();
    made(py, kind, &problem, hint.as_deref())
}

/// The exception for a panic: a defect of the library that no input should reach.
pub(crate) fn defect(py: Python<'_>, payload: &(dyn std::any::Any + Send)) -> PyErr {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    let hint = "this is a defect of cofactor, not of your program: please report it with what you called";
    made(py, "internal", &format!("an invariant does not hold: {text}"), Some(hint))
}

/// An error about an argument that no Rust type could refuse.
pub(crate) fn bad_argument(py: Python<'_>, name: &str, value: &str, expected: &str) -> PyErr {
    raised(py, &Error::parameter(name, value, expected, ""))
}

fn made(py: Python<'_>, kind: &str, problem: &str, hint: Option<&str>) -> PyErr {
    let make = || py.import("cofactor.errors")?.getattr("make")?.call1((kind, problem, hint));
    make().map_or_else(|broken| broken, PyErr::from_value)
}
