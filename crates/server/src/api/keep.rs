//! Events: kept, told, exported, erased.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ask::is_rating;
use super::extract::{Json, Path, objects};
use super::work::json;
use crate::App;
use crate::events::export::parquet;
use crate::events::{Event, Kept, Store, StoreError};
use crate::problem::{Kind, Problem, ProblemBody};

/// What happened.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventsRequest {
    #[schema(max_items = 10_000)]
    #[serde(deserialize_with = "objects")]
    events: Vec<Event>,
}

/// A user's events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Events {
    /// In the order in which they came.
    events: Vec<Event>,
}

/// Keeps events. When this answers, they are on the disk, and the user's next list knows of them.
#[utoipa::path(
    post, path = "/v1/events", tag = "events", request_body = EventsRequest,
    responses((status = 201, body = Kept), (status = "default", body = ProblemBody, content_type = "application/problem+json"))
)]
pub(crate) async fn append(
    State(app): State<App>,
    Json(EventsRequest { events }): Json<EventsRequest>,
) -> Result<Response, Problem> {
    let store = store(&app)?;
    if events.len() > app.limits.batch {
        let most = format!("at most {} in one request", app.limits.batch);
        return Err(Problem::invalid(format!("{} events are too many", events.len()), most));
    }
    for (place, event) in events.iter().enumerate() {
        check(&app, event)
            .map_err(|(problem, hint)| Problem::invalid(format!("event {}: {problem}", place + 1), hint))?;
    }
    let kept = store.append(events).await?;
    app.numbers.events.inc_by(kept.accepted as u64);
    Ok((StatusCode::CREATED, json(&kept)?).into_response())
}

/// A user's events.
#[utoipa::path(
    get, path = "/v1/users/{user}/events", tag = "events",
    params(("user" = String, Path, description = "The user, by raw id")),
    responses((status = 200, body = Events), (status = "default", body = ProblemBody, content_type = "application/problem+json"))
)]
pub(crate) async fn of_user(State(app): State<App>, Path(user): Path<String>) -> Result<Response, Problem> {
    json(&Events { events: store(&app)?.of_user(&user)? })
}

/// Erases a user: the events go, and what the models learned of the user no longer answers. The next refit leaves the user out.
#[utoipa::path(
    delete, path = "/v1/users/{user}", tag = "events",
    params(("user" = String, Path, description = "The user, by raw id")),
    responses((status = 204), (status = "default", body = ProblemBody, content_type = "application/problem+json"))
)]
pub(crate) async fn erase(State(app): State<App>, Path(user): Path<String>) -> Result<StatusCode, Problem> {
    if user.is_empty() || user.len() > LONGEST {
        return Err(Problem::invalid("this is no user", "an id has 1 to 256 bytes"));
    }
    store(&app)?.erase(&user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// All events as a Parquet file: user, item, value, time.
#[utoipa::path(
    get, path = "/v1/export", tag = "events",
    responses((status = 200, content_type = "application/vnd.apache.parquet"), (status = "default", body = ProblemBody, content_type = "application/problem+json"))
)]
pub(crate) async fn export(State(app): State<App>) -> Result<Response, Problem> {
    let store = store(&app)?.clone();
    let written = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        parquet(&store, &mut bytes).map(|()| bytes)
    });
    let bytes =
        written.await.map_err(|_| Problem::new(Kind::Internal, "the file could not be written"))??;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/vnd.apache.parquet")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"events.parquet\"")),
    ];
    Ok((headers, bytes).into_response())
}

fn store(app: &App) -> Result<&Store, Problem> {
    app.store.as_ref().ok_or_else(|| {
        Problem::new(Kind::Unsupported, "this service keeps no events")
            .hint("start it with a folder for them: cofactor serve MODEL --store DIR")
    })
}

/// The longest id, in bytes.
const LONGEST: usize = 256;

/// What is wrong with an event, and the way out.
fn check(app: &App, event: &Event) -> Result<(), (String, String)> {
    let ids = [("user", Some(&event.user)), ("item", Some(&event.item)), ("id", event.id.as_ref())];
    for (name, id) in ids {
        if id.is_some_and(|id| id.is_empty() || id.len() > LONGEST) {
            return Err((format!("this is no {name}"), format!("an id has 1 to {LONGEST} bytes")));
        }
    }
    let models = app.models();
    let served = models.default_model();
    let (scale, value) = (served.recommender.file().data.scale, event.value);
    if is_rating(served) {
        if scale.min <= value && value <= scale.max {
            return Ok(());
        }
        let expected = format!("expected a rating from {} to {}", scale.min, scale.max);
        return Err((
            format!("value = {value}: {expected}"),
            "the scale is that of the first model".to_owned(),
        ));
    }
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err((format!("value = {value}: expected a number above zero"), String::new()))
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if !error.passing {
            return Self::new(Kind::Internal, error.problem);
        }
        Self::new(Kind::Unavailable, format!("the store of events: {}", error.problem))
            .hint("nothing of this request was kept; send it again")
            .retry_after(1)
    }
}
