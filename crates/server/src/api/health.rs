//! Whether the service lives, and what it counts.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::work;
use crate::App;
use crate::events::Store;
use crate::problem::{Kind, Problem};

/// `GET /health/live`: the process answers.
pub(crate) async fn live() -> Result<Response, Problem> {
    work::json(&json!({ "status": "ok" }))
}

/// `GET /health/ready`: models are loaded, and answers know the events. A store that takes no events for now is told, and no reason to ask somebody else.
pub(crate) async fn ready(State(app): State<App>) -> Result<Response, Problem> {
    let state = app.store.as_ref().map_or(Ok(None), Store::state);
    match state.map_err(|error| Problem::new(Kind::Unavailable, error.problem))? {
        None => work::json(&json!({ "status": "ok" })),
        Some(problem) => work::json(&json!({ "status": "degraded", "problem": problem })),
    }
}

/// `GET /metrics`: for Prometheus.
pub(crate) async fn metrics(State(app): State<App>) -> Response {
    let kind = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], app.numbers.text()).into_response()
}
