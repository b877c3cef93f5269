//! Events in tables of a PostgreSQL server, which other programs may read and insert into.
//!
//! ```text
//! requests ─ wishes ─→ keeper ─ commit ─→ cofactor_events ←─ INSERT ─ other programs
//!     ↑                  │ look, once a second    │
//!     └──── mirror ←─────┴────────────────────────┘
//! ```
//!
//! Answers to users read the mirror, which holds in memory what the models have not learned yet, so they wait for no server and go on without one. Whatever else is asked goes to the server.

mod keeper;
mod mirror;
mod schema;
mod session;
mod target;
mod tls;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_postgres::types::Type;
use tokio_postgres::{IsolationLevel, Row};

use super::store::{Reads, Refit};
use super::{Event, News, Since, StoreError};
pub(super) use keeper::Keeper;
use mirror::Mirror;
use session::{Driver, Session, each_row};
use target::Target;

/// So long a small question waits for its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The tables, as the service reads them.
pub(super) struct Tables {
    driver: Arc<Driver>,
    target: Arc<Target>,
    mirror: Arc<Mirror>,
    /// For small questions, one at a time.
    session: Mutex<Session>,
}

/// Opens the tables behind an address, makes them if they are not there, and returns what reads and what writes them.
pub(super) fn open(address: &str) -> Result<(Tables, Keeper), StoreError> {
    let target = Arc::new(Target::parse(address)?);
    let driver = Arc::new(Driver::start()?);
    let mut first = Session::first(&driver, &target, Some(PATIENCE));
    let named = |error: StoreError| StoreError { problem: format!("{target}: {}", error.problem), ..error };
    first.run(async |client| schema::prepare(client).await).map_err(named)?;
    let mirror = Arc::new(Mirror::default());
    let keeper = Keeper::new(Session::new(&driver, &target, Some(PATIENCE)), Arc::clone(&mirror));
    let tables = Tables { session: Mutex::new(first), driver, target, mirror };
    Ok((tables, keeper))
}

const COLUMNS: &str = "user_id, item_id, value, time, event_id";

fn event(row: &Row) -> Result<Event, StoreError> {
    Ok(Event {
        user: row.try_get(0)?,
        item: row.try_get(1)?,
        value: row.try_get(2)?,
        time: Some(row.try_get(3)?),
        id: row.try_get(4)?,
    })
}

impl Tables {
    /// A connection for a question whose answer may be as large as the tables.
    fn long(&self) -> Session {
        Session::new(&self.driver, &self.target, None)
    }
}

impl Reads for Tables {
    fn of_user(&self, user: &str) -> Result<Vec<Event>, StoreError> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let sql = format!("SELECT {COLUMNS} FROM cofactor_events WHERE user_id = $1 ORDER BY number, key");
        let rows =
            session.run(async |client| Ok(client.query_typed(&sql, &[(&user, Type::TEXT)]).await?))?;
        rows.iter().map(event).collect()
    }

    fn of_user_since(&self, user: &str, number: u64) -> Result<Since, StoreError> {
        self.mirror.of_user_since(user, number)
    }

    fn since(&self, number: u64) -> Result<News, StoreError> {
        let number = number as i64;
        self.long().run(async |client| {
            let isolation = IsolationLevel::RepeatableRead;
            let reading =
                client.build_transaction().isolation_level(isolation).read_only(true).start().await?;
            let next: i64 =
                reading.query_typed_one("SELECT next FROM cofactor_store", &[]).await?.try_get(0)?;
            let mut news = News { next: next as u64, ..News::default() };
            let sql =
                format!("SELECT {COLUMNS} FROM cofactor_events WHERE number >= $1 ORDER BY user_id, number");
            each_row(&reading, &sql, &[(number, Type::INT8)], |row| {
                news.events.push(event(row)?);
                Ok(())
            })
            .await?;
            let sql = "SELECT user_id FROM cofactor_erased WHERE number >= $1";
            each_row(&reading, sql, &[(number, Type::INT8)], |row| {
                news.erased.insert(row.try_get(0)?);
                Ok(())
            })
            .await?;
            Ok(news)
        })
    }

    fn each(&self, take: &mut dyn FnMut(Event) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM cofactor_events ORDER BY user_id, number, key");
        self.long().run(async |client| {
            let reading = client.transaction().await?;
            each_row(&reading, &sql, &[], |row| take(event(row)?)).await
        })
    }

    fn trained_until(&self, refit: &Refit) -> Result<Option<u64>, StoreError> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let sql = "SELECT until FROM cofactor_refits WHERE model = $1 AND fingerprint = $2";
        session.run(async |client| {
            let named = [(&refit.model as _, Type::TEXT), (&refit.fingerprint as _, Type::TEXT)];
            let found = client.query_typed_opt(sql, &named).await?;
            let until: Option<i64> = found.map(|row| row.try_get(0)).transpose()?;
            Ok(until.map(|until| until as u64))
        })
    }

    fn state(&self) -> Result<Option<String>, StoreError> {
        Ok(self.mirror.problem())
    }

    fn follow(&self, number: u64) -> Result<(), StoreError> {
        self.long().run(async |client| keeper::load(client, &self.mirror, number).await)
    }

    fn learned(&self, number: u64) {
        self.mirror.forget_before(number);
    }
}
