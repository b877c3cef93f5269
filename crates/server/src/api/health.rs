//! Whether the service lives, and what it counts.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::work;
use crate::App;
use crate::problem::{Kind, Problem};

/// `GET /health/live`: the process answers.
pub(crate) async fn live() -> Result<Response, Problem> {
    work::json(&json!({ "status": "ok" }))
}

/// `GET /health/ready`: models are loaded, and the store can be read.
pub(crate) async fn ready(State(app): State<App>) -> Result<Response, Problem> {
    if let Some(store) = &app.store {
        store.of_user("").map_err(|error| Problem::new(Kind::Unavailable, error.problem))?;
    }
    work::json(&json!({ "status": "ok" }))
}

/// `GET /metrics`: for Prometheus.
pub(crate) async fn metrics(State(app): State<App>) -> Response {
    let kind = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], app.numbers.text()).into_response()
}
