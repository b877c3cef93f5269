//! Connections: at most so many, each with a time for the head of a request, requests that are handed on when they are whole, and an orderly end.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::Service as _;

use crate::App;
use crate::api::{announced, too_long};
use crate::places::{Connection, Places};
use crate::problem::{Kind, Problem};

/// Requests in progress get so long to end.
const GRACE: Duration = Duration::from_secs(10);
/// After an error of the socket (too many open files), or for another one to make room, new connections wait so long.
const PAUSE: Duration = Duration::from_millis(5);
/// How often what is remembered of clients is gone through.
const TIDY: Duration = Duration::from_secs(60);
/// So many files are left for everything that is no connection.
#[cfg(unix)]
const OTHER_FILES: u64 = 128;

/// Takes connections until `stop` ends.
pub(crate) async fn serve(listener: TcpListener, app: App, stop: impl Future<Output = ()>) -> io::Result<()> {
    let permits = Arc::new(Semaphore::new(most_connections(&listener, app.limits.connections)));
    let places = Places::default();
    let router = crate::router(app.clone());
    let connections = GracefulShutdown::new();
    let mut tidy = tokio::time::interval(TIDY);
    tokio::pin!(stop);
    loop {
        let (stream, address) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    places.vacate();
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
            _ = tidy.tick() => {
                app.guard.tidy();
                continue;
            }
            () = &mut stop => break,
        };
        let permit = tokio::select! {
            permit = permit(&permits, &places) => permit,
            () = &mut stop => break,
        };
        // Answers are small: waiting to fill a packet would cost up to 40 ms.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no delay could not be asked for");
        }
        let connection = places.connection();
        let answering =
            Answering { address, app: app.clone(), router: router.clone(), connection: connection.clone() };
        let service = hyper::service::service_fn(move |request| answering.clone().answer(request));
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(app.limits.head_time)
            .serve_connection(TokioIo::new(stream), service);
        let served = connections.watch(served);
        tokio::spawn(async move {
            tokio::select! {
                ended = served => if let Err(error) = ended {
                    tracing::debug!(%error, %address, "a connection ended early");
                },
                () = connection.closed() => tracing::debug!(%address, "a slow connection made room"),
            }
            connection.works();
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(GRACE, connections.shutdown()).await.is_err() {
        tracing::warn!("some requests were still in progress after {GRACE:?}");
    }
    Ok(())
}

/// How many connections there may be: as many as are wished for and as there can be open files. New ones may wait in the system's queue in the same number.
fn most_connections(listener: &TcpListener, wished: usize) -> usize {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        // The queue that the listener came with may be shorter than a burst of clients.
        if let Err(error) = rustix::net::listen(listener, wished.try_into().unwrap_or(i32::MAX)) {
            tracing::debug!(%error, "the queue of new connections stays as it is");
        }
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let wanted = wished as u64 + OTHER_FILES;
        let mut files = current.unwrap_or(wanted);
        let raised = maximum.map_or(wanted, |maximum| maximum.min(wanted));
        if files < raised && setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum }).is_ok() {
            files = raised;
        }
        wished.min(files.saturating_sub(OTHER_FILES) as usize).max(1)
    }
    #[cfg(not(unix))]
    {
        let _ = listener;
        wished
    }
}

/// A place for one more connection; if there is none, another connection makes room.
async fn permit(permits: &Arc<Semaphore>, places: &Places) -> OwnedSemaphorePermit {
    loop {
        if let Ok(permit) = Arc::clone(permits).try_acquire_owned() {
            return permit;
        }
        places.vacate();
        // Where the service is busy with all of them, one has to be answered first.
        if let Ok(Ok(permit)) = tokio::time::timeout(PAUSE, Arc::clone(permits).acquire_owned()).await {
            return permit;
        }
    }
}

/// What a request needs to be answered.
#[derive(Clone)]
struct Answering {
    address: SocketAddr,
    app: App,
    router: axum::Router,
    connection: Connection,
}

impl Answering {
    /// Waits until the request is whole, so that only what the service itself is busy with counts as in progress, and has it answered; what has not come whole, by the problem that goes along with it.
    async fn answer(mut self, request: Request<Incoming>) -> Result<Response, Infallible> {
        let (mut head, body) = request.into_parts();
        head.extensions.insert(ConnectInfo::<SocketAddr>(self.address));
        // What is refused by its announced length need not come.
        let body = if body.is_end_stream() || announced(&head.headers) > self.app.limits.body as u64 {
            Ok(Vec::new())
        } else {
            let whole = whole(body, self.app.limits.body);
            tokio::time::timeout(self.app.limits.time, whole).await.unwrap_or(Err(Broken::Late))
        };
        self.connection.works();
        let body = body.unwrap_or_else(|broken| {
            head.extensions.insert(broken.told(&self.app));
            Vec::new()
        });
        let response = self.router.call(Request::from_parts(head, Body::from(body))).await;
        self.connection.waits();
        response
    }
}

/// Why a body did not come.
enum Broken {
    Long,
    Late,
    Off,
}

impl Broken {
    fn told(&self, app: &App) -> Problem {
        match self {
            Self::Long => too_long(app),
            Self::Late => {
                let limit = app.limits.time.as_secs();
                Problem::new(Kind::Timeout, format!("the request had not come whole after {limit} s"))
            }
            Self::Off => Problem::invalid("the body breaks off", "send it again"),
        }
    }
}

/// A body of at most so many bytes.
async fn whole(mut body: Incoming, most: usize) -> Result<Vec<u8>, Broken> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(data) = frame.map_err(|_| Broken::Off)?.into_data() else { continue };
        if bytes.len() + data.len() > most {
            return Err(Broken::Long);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

/// Ends at Ctrl-C or when the process is asked to terminate.
pub(crate) async fn signalled() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
