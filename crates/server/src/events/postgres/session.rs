//! A connection to the server: made when it is needed, and anew when it was lost.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, NoTls, Row, Socket, Transaction};

use super::target::Target;
use crate::events::StoreError;

/// What drives the connections: a runtime with a thread of its own, so that whoever asks may be any thread that can wait.
pub(super) struct Driver(Option<Runtime>);

impl Driver {
    pub(super) fn start() -> Result<Self, StoreError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let failed =
            |error| StoreError::lasting(format!("no thread for the database can be started: {error}"));
        runtime.map(|runtime| Self(Some(runtime))).map_err(failed)
    }

    fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.0.as_ref().expect("the runtime is there until the drop").block_on(work)
    }
}

impl Drop for Driver {
    /// Whoever drops it last may be a task of another runtime, which must not wait.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A connection, or the way to one.
pub(super) struct Session {
    driver: Arc<Driver>,
    target: Arc<Target>,
    live: Option<Live>,
    patience: Option<Duration>,
    /// Whether whoever starts the service is told how the server would let it in. Whoever asks the service later cannot do anything about it.
    explains: bool,
}

struct Live {
    client: Client,
    task: JoinHandle<()>,
}

impl Session {
    pub(super) fn new(driver: &Arc<Driver>, target: &Arc<Target>, patience: Option<Duration>) -> Self {
        Self { driver: Arc::clone(driver), target: Arc::clone(target), live: None, patience, explains: false }
    }

    /// The same for the first connection of a service.
    pub(super) fn first(driver: &Arc<Driver>, target: &Arc<Target>, patience: Option<Duration>) -> Self {
        Self { explains: true, ..Self::new(driver, target, patience) }
    }

    /// Does some work on the server. After an error the connection is given up, whatever state it was in, and the next work begins on a new one.
    pub(super) fn run<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Client) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let Self { driver, target, live, patience, explains } = self;
        let limit = patience.unwrap_or(Duration::MAX);
        driver.block_on(async {
            if live.as_ref().is_none_or(|live| live.client.is_closed()) {
                let connected = connect(target).await;
                *live = Some(connected.map_err(|error| if *explains { error } else { error.hint("") })?);
                *explains = false;
            }
            let Live { client, task } = live.as_mut().expect("it has just been made");
            let outcome = tokio::time::timeout(limit, work(client)).await.unwrap_or_else(|_| {
                Err(StoreError::passing(format!("the database has not answered for {} s", limit.as_secs())))
            });
            if outcome.is_err() {
                task.abort();
                *live = None;
            }
            outcome
        })
    }
}

/// What each connection begins with. An acknowledgement means that the commit is on a disk, so a server that does not wait for it is asked to. A service that stands
/// still holds up nobody for long.
const SETTINGS: &str = "\
    SET default_transaction_isolation = 'read committed'; SET lock_timeout = '5s'; \
    SET idle_in_transaction_session_timeout = '30s'; \
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

async fn connect(target: &Target) -> Result<Live, StoreError> {
    let live = match &target.tls {
        None => dial(&target.config, NoTls).await,
        Some(tls) => dial(&target.config, tls.clone()).await,
    };
    let live = live.map_err(refused)?;
    live.client.batch_execute(SETTINGS).await?;
    Ok(live)
}

async fn dial<T>(config: &Config, tls: T) -> Result<Live, tokio_postgres::Error>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
    T::TlsConnect: Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    let (client, connection) = config.connect(tls).await?;
    let task = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to the database ended");
        }
    });
    Ok(Live { client, task })
}

/// A server that lets nobody in, with the way out.
fn refused(error: tokio_postgres::Error) -> StoreError {
    let hint = match error.code() {
        Some(&SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => {
            "check user and password, and the server's pg_hba.conf"
        }
        Some(&SqlState::INVALID_CATALOG_NAME) => "make it: createdb NAME",
        Some(_) => "",
        None => "check host, port and sslmode, and whether the server runs",
    };
    let told = StoreError::from(error);
    StoreError::passing(format!("the database cannot be reached: {}", told.problem)).hint(hint)
}

impl From<tokio_postgres::Error> for StoreError {
    /// What the server says of rights, and of values that it does not take, will not change by asking again; all else may.
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(said) = error.as_db_error() else {
            let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
            return Self::passing(format!("{error}{}", source.unwrap_or_default()));
        };
        let problem = format!("{} ({})", said.message(), said.code().code());
        match &said.code().code()[..2] {
            "22" | "23" | "42" => Self::lasting(problem),
            _ => Self::passing(problem),
        }
    }
}

/// Hands each row of a question to `take`, as they come.
pub(super) async fn each_row(
    transaction: &Transaction<'_>,
    sql: &str,
    values: &[(i64, Type)],
    mut take: impl FnMut(&Row) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut rows = pin!(transaction.query_typed_raw(sql, values.iter().cloned()).await?);
    while let Some(row) = rows.try_next().await? {
        take(&row)?;
    }
    Ok(())
}
