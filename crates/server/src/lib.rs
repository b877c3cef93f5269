//! The HTTP service of `cofactor serve`: JSON answers from a model, a durable store of what people do, and a web page.
//!
//! ```text
//! connection ─ limits ─ keys, rates ─ api ─→ Recommender (cofactor)
//!    net                   guard       │
//!                                      └─→ events (redb or PostgreSQL, one writer)
//! ```
//!
//! What an answer says comes from the library alone; this crate turns it into HTTP. [`run`] is all that a front end needs; [`router`] is for whoever brings a server of their own.

mod api;
mod app;
mod events;
mod guard;
mod models;
mod net;
mod numbers;
mod page;
mod places;
mod problem;

pub use app::{App, Limits, Settings};
pub use events::{Erased, Event, Kept, News, Refit, Since, Store, StoreError};
pub use guard::{Keys, Scope};
pub use models::{Models, Served};

use std::io;
use std::net::TcpListener;

use axum::Router;

/// All routes over that state, with keys, rates, limits and headers.
pub fn router(app: App) -> Router {
    api::router(app)
}

/// Sends the service's log to standard error: in words, or as one JSON object a line. The environment variable `RUST_LOG` chooses what is told (`warn`, `info`, …), by default warnings.
pub fn log(json: bool) {
    let chosen = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(tracing::level_filters::LevelFilter::WARN.into())
        .from_env_lossy();
    let writer = tracing_subscriber::fmt().with_env_filter(chosen).with_writer(io::stderr);
    // A second subscriber is refused, and the first one stays.
    let _ = if json { writer.json().try_init() } else { writer.try_init() };
}

/// Serves until Ctrl-C or a termination signal, then lets the requests in progress end. Blocks the calling thread.
///
/// # Errors
/// When the runtime cannot start or the socket fails.
pub fn run(app: App, listener: TcpListener) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        if let Some(every) = app.refresh_every {
            tokio::spawn(api::refresh::regularly(app.clone(), every));
        }
        net::serve(listener, app, net::signalled()).await
    })
}
