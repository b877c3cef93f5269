//! Answers are worked out where they disturb nobody.

use std::sync::Arc;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::App;
use crate::models::Served;
use crate::problem::{Kind, Problem};

/// So many multiplications take about 0.1 ms: less than it costs others to wait, so they are done on the thread that reads the request.
const LIGHT: usize = 1_000_000;

/// Works out an answer from a model. Heavy ones go to threads of their own, at most as many at once as there are cores; one alone takes all of these threads.
pub(crate) async fn answer(
    app: &App,
    served: Arc<Served>,
    cost: usize,
    work: impl FnOnce(&Served) -> Result<Response, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    if cost <= LIGHT {
        return work(&served);
    }
    let _place = app.places.acquire().await.expect("the semaphore is never closed");
    let app = app.clone();
    let work = move || match &app.workers {
        Some(workers) => workers.install(|| work(&served)),
        None => work(&served),
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Problem::new(Kind::Internal, "the answer could not be worked out")))
}

/// A success, as JSON.
pub(crate) fn json(answer: &impl Serialize) -> Result<Response, Problem> {
    let body = serde_json::to_vec(answer)
        .map_err(|error| Problem::new(Kind::Internal, format!("the answer cannot be written: {error}")))?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response())
}
