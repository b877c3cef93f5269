//! The routes, and what every request passes on its way to them.

mod ask;
mod catalogue;
mod docs;
mod extract;
mod health;
mod keep;
pub(crate) mod refresh;
mod shapes;
mod work;

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::guard::Scope;
use crate::problem::{Kind, Problem};
use crate::{App, page};

/// Everything that is served.
pub(crate) fn router(app: App) -> Router {
    let (asking, document) = OpenApiRouter::with_openapi(docs::Document::openapi())
        .routes(routes!(catalogue::models))
        .routes(routes!(ask::recommend))
        .routes(routes!(ask::recommend_known))
        .routes(routes!(ask::predict))
        .routes(routes!(ask::explain))
        .routes(routes!(ask::similar))
        .routes(routes!(ask::questions))
        .routes(routes!(catalogue::search))
        .routes(routes!(catalogue::item))
        .routes(routes!(catalogue::map))
        .routes(routes!(keep::of_user))
        .routes(routes!(refresh::status))
        .split_for_parts();
    let (changing, more) = OpenApiRouter::new()
        .routes(routes!(keep::append))
        .routes(routes!(keep::erase))
        .routes(routes!(keep::export))
        .routes(routes!(refresh::start))
        .split_for_parts();
    let mut document = document;
    document.merge(more);
    let document = docs::finish(document, app.guard.asks_for_keys());
    let asking = asking.layer(from_fn_with_state(app.clone(), admit_reader));
    let changing = changing.layer(from_fn_with_state(app.clone(), admit_writer));
    let open = Router::new()
        .route("/", get(page::index))
        .route("/assets/{name}", get(page::asset))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .merge(docs::router(&document));
    Router::new()
        .merge(asking)
        .merge(changing)
        .merge(open)
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(app.limits.body))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(app.clone(), watched))
        .with_state(app)
}

async fn nothing_here(request: Request) -> Problem {
    Problem::new(Kind::NotFound, format!("there is no {}", shortened(request.uri().path())))
        .hint("GET /docs tells what there is")
}

async fn wrong_method(request: Request) -> Problem {
    let (method, path) = (request.method(), shortened(request.uri().path()));
    Problem::new(Kind::MethodNotAllowed, format!("{path} takes no {method}"))
        .hint("GET /docs tells what there is")
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

/// A panic is a defect of ours: it is logged, one request is answered with a problem, and the service goes on.
fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    Problem::new(Kind::Internal, "the answer could not be worked out").into_response()
}

async fn admit_reader(State(app): State<App>, request: Request, next: Next) -> Result<Response, Problem> {
    app.guard.admit(request.headers(), address(&request), Scope::Read)?;
    Ok(next.run(request).await)
}

async fn admit_writer(State(app): State<App>, request: Request, next: Next) -> Result<Response, Problem> {
    app.guard.admit(request.headers(), address(&request), Scope::Write)?;
    Ok(next.run(request).await)
}

/// The other end of the connection; a header could say anything.
fn address(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip())
}

/// What happens to every request: a number for the log, limits of time and of how many, headers, counting.
async fn watched(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = request_id(&request);
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let in_progress = Counted::of(&app);
    let mut response = if in_progress.before >= app.limits.requests as i64 {
        Problem::new(Kind::Unavailable, "too many requests are in progress").retry_after(1).into_response()
    } else if let Some(problem) = request.extensions_mut().remove::<Problem>() {
        problem.into_response()
    } else if announced(request.headers()) > app.limits.body as u64 {
        too_long(&app).into_response()
    } else {
        match tokio::time::timeout(app.limits.time, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Problem::new(
                Kind::Timeout,
                format!("the request was not done after {} s", app.limits.time.as_secs()),
            )
            .into_response(),
        }
    };
    drop(in_progress);
    let (status, taken) = (response.status(), start.elapsed());
    app.numbers.answered(method.as_str(), &route, status.as_u16(), taken);
    tracing::info!(%id, %method, %route, status = status.as_u16(), micros = taken.as_micros() as u64, "answered");
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name.clone()).or_insert(HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

/// The length of the body, as its sender announces it; one without a length is cut off where it grows too long.
pub(crate) fn announced(headers: &HeaderMap) -> u64 {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    length.and_then(|length| length.parse().ok()).unwrap_or(0)
}

pub(crate) fn too_long(app: &App) -> Problem {
    Problem::new(Kind::TooLarge, format!("a body has at most {} bytes", app.limits.body))
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Nothing but the page's own files may run or be loaded, nobody frames it, and no answer is kept on the way.
const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The sender's id for the request, if it is a plain one, or a new one.
fn request_id(request: &Request) -> String {
    const LONGEST: usize = 64;
    let given = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let plain = |id: &&str| {
        (1..=LONGEST).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    given.filter(plain).map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned)
}

/// A request in progress, until it is dropped.
struct Counted {
    app: App,
    before: i64,
}

impl Counted {
    fn of(app: &App) -> Self {
        Self { app: app.clone(), before: app.numbers.in_progress.inc() }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.app.numbers.in_progress.dec();
    }
}
