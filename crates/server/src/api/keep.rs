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
use crate::models::Served;
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
    check_id("user", &user).map_err(|(problem, hint)| Problem::invalid(problem, hint))?;
    json(&Events { events: store(&app)?.of_user(&user).await? })
}

/// Erases a user: the events go, and what the models learned of the user no longer answers. The next refit leaves the user out.
#[utoipa::path(
    delete, path = "/v1/users/{user}", tag = "events",
    params(("user" = String, Path, description = "The user, by raw id")),
    responses((status = 204), (status = "default", body = ProblemBody, content_type = "application/problem+json"))
)]
pub(crate) async fn erase(State(app): State<App>, Path(user): Path<String>) -> Result<StatusCode, Problem> {
    check_id("user", &user).map_err(|(problem, hint)| Problem::invalid(problem, hint))?;
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
    app.store
        .as_ref()
        .ok_or_else(|| Problem::new(Kind::Unsupported, "this service keeps no events").hint(HOW_TO_KEEP))
}

/// How to start a service that keeps events.
pub(super) const HOW_TO_KEEP: &str =
    "start it with a place for them: cofactor serve MODEL --store DIR, or --events postgres://…";

/// The longest id, in bytes.
const LONGEST: usize = 256;

/// What is wrong with an event, and the way out.
fn check(app: &App, event: &Event) -> Result<(), (String, String)> {
    let ids = [("user", Some(&event.user)), ("item", Some(&event.item)), ("id", event.id.as_ref())];
    for (name, id) in ids {
        id.map_or(Ok(()), |id| check_id(name, id))?;
    }
    let models = app.models();
    let served = models.default_model();
    let (scale, value) = (served.recommender.file().data.scale, event.value);
    if takes(served, value) {
        return Ok(());
    }
    if is_rating(served) {
        let expected = format!("expected a rating from {} to {}", scale.min, scale.max);
        return Err((
            format!("value = {value}: {expected}"),
            "the scale is that of the first model".to_owned(),
        ));
    }
    Err((format!("value = {value}: expected a number above zero"), String::new()))
}

fn check_id(name: &str, id: &str) -> Result<(), (String, String)> {
    // A database holds no zero byte in a text.
    if id.is_empty() || id.len() > LONGEST || id.contains('\0') {
        return Err((
            format!("this is no {name}"),
            format!("an id has 1 to {LONGEST} bytes, and none of them is zero"),
        ));
    }
    Ok(())
}

/// Whether a model can learn from a value.
pub(super) fn takes(served: &Served, value: f32) -> bool {
    let scale = served.recommender.file().data.scale;
    if is_rating(served) {
        scale.min <= value && value <= scale.max
    } else {
        value > 0.0 && value.is_finite()
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let problem = format!("the store of events: {}", error.problem);
        if !error.passing {
            return Self::new(Kind::Internal, problem).hint(error.hint);
        }
        let hint = if error.hint.is_empty() {
            "nothing of this request was kept; send it again".to_owned()
        } else {
            error.hint
        };
        Self::new(Kind::Unavailable, problem).hint(hint).retry_after(1)
    }
}
