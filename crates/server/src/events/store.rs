//! The store: one redb file. Readers see whole commits; one thread writes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Builder, Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::disk::{Disk, For, Shared};
use super::overlay::{Overlay, ReadFile};
use super::writer::{Wish, Writer};
use super::{Erased, Event, Kept};

/// (user, number) → the event as JSON. Numbers rise with every event of the store.
pub(super) const EVENTS: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("events");
/// The senders' ids of events → when they came, by number.
pub(super) const IDS: TableDefinition<'_, &str, u64> = TableDefinition::new("ids");
/// Users who asked to be forgotten → when, by the number of the next event. What a model learned of them before no longer answers.
pub(super) const ERASED: TableDefinition<'_, &str, u64> = TableDefinition::new("erased");
/// The next number.
pub(super) const COUNTERS: TableDefinition<'_, &str, u64> = TableDefinition::new("counters");

/// The counter of events.
pub(super) const NEXT: &str = "next";

fn trained_key(name: &str) -> String {
    format!("trained {name}")
}

/// The name of the file in the store's folder.
const FILE: &str = "events.redb";

/// What the store could not do.
#[derive(Debug, Clone)]
pub struct StoreError {
    /// What happened.
    pub problem: String,
    /// Whether the same request may succeed later.
    pub passing: bool,
}

impl StoreError {
    pub(super) fn of(error: impl Into<redb::Error>) -> Self {
        Self { problem: error.into().to_string(), passing: true }
    }
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.problem)
    }
}

impl std::error::Error for StoreError {}

/// What there is of a user from some event on.
#[derive(Debug, Clone, PartialEq)]
pub struct Since {
    /// In the order in which they came.
    pub events: Vec<Event>,
    /// Whether the user has asked to be forgotten since: what was known before does not count.
    pub erased: bool,
}

/// A store of events in a folder. Cheap to clone.
///
/// Every [`Self::append`] that returns has its events on the disk (`fsync`), and the next [`Self::of_user`] sees them. Appends that wait for the disk at the same time share one commit.
#[derive(Clone)]
pub struct Store {
    database: Shared,
    writer: Writer,
    path: PathBuf,
}

impl Store {
    /// Opens the store in a folder, which is made if it is not there.
    ///
    /// # Errors
    /// When the folder cannot be made, the file cannot be opened or is in use by another process, or is no store.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let io = |problem: std::io::Error| StoreError {
            problem: format!("cannot make the folder {}: {problem}", folder.display()),
            passing: false,
        };
        std::fs::create_dir_all(folder).map_err(io)?;
        let path = folder.join(FILE);
        let at = path.clone();
        Self::with(path, move |purpose| open(&at, purpose))
    }

    /// A store over whatever `open` gives, at first and again after each failure.
    pub(super) fn with(
        path: PathBuf,
        open: impl Fn(For) -> Result<Database, StoreError> + Send + 'static,
    ) -> Result<Self, StoreError> {
        let disk = Disk::new(open)?;
        Ok(Self { database: disk.shared(), writer: Writer::start(disk), path })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps events. Returns once they are on the disk.
    ///
    /// # Errors
    /// When the disk refuses or too many wait: then none of these events is kept, unless it was before.
    pub async fn append(&self, events: Vec<Event>) -> Result<Kept, StoreError> {
        self.writer.ask(|answer| Wish::Append(events, answer)).await
    }

    /// Forgets a user: the events go, and what a model learned of the user no longer answers.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub async fn erase(&self, user: &str) -> Result<Erased, StoreError> {
        self.writer.ask(|answer| Wish::Erase(user.to_owned(), answer)).await
    }

    /// A user's events in the order in which they came.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn of_user(&self, user: &str) -> Result<Vec<Event>, StoreError> {
        self.of_user_since(user, 0).map(|since| since.events)
    }

    /// What there is of a user from that number on.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn of_user_since(&self, user: &str, number: u64) -> Result<Since, StoreError> {
        let database = self.database()?;
        let reading = database.begin_read().map_err(StoreError::of)?;
        let erased = reading.open_table(ERASED).map_err(StoreError::of)?;
        let mark = erased.get(user).map_err(StoreError::of)?;
        let table = reading.open_table(EVENTS).map_err(StoreError::of)?;
        let range = table.range((user, number)..=(user, u64::MAX)).map_err(StoreError::of)?;
        let events =
            range.map(|entry| entry.map_err(StoreError::of).and_then(|(_, bytes)| parse(bytes.value())));
        Ok(Since {
            events: events.collect::<Result<_, _>>()?,
            erased: mark.is_some_and(|mark| mark.value() >= number),
        })
    }

    /// All events from that number on, and the number of the next one.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn since(&self, number: u64) -> Result<(Vec<Event>, u64), StoreError> {
        let database = self.database()?;
        let reading = database.begin_read().map_err(StoreError::of)?;
        let counters = reading.open_table(COUNTERS).map_err(StoreError::of)?;
        let next = counters.get(NEXT).map_err(StoreError::of)?.map_or(0, |next| next.value());
        let table = reading.open_table(EVENTS).map_err(StoreError::of)?;
        let mut events = Vec::new();
        for entry in table.iter().map_err(StoreError::of)? {
            let (key, bytes) = entry.map_err(StoreError::of)?;
            if key.value().1 >= number {
                events.push(parse(bytes.value())?);
            }
        }
        Ok((events, next))
    }

    /// Everybody who has asked to be forgotten when the next event had that number or a later one.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn erased_since(&self, number: u64) -> Result<BTreeSet<String>, StoreError> {
        let database = self.database()?;
        let reading = database.begin_read().map_err(StoreError::of)?;
        let table = reading.open_table(ERASED).map_err(StoreError::of)?;
        let mut users = BTreeSet::new();
        for entry in table.iter().map_err(StoreError::of)? {
            let (user, mark) = entry.map_err(StoreError::of)?;
            if mark.value() >= number {
                users.insert(user.value().to_owned());
            }
        }
        Ok(users)
    }

    /// Where the refit of a model is kept.
    pub fn model_path(&self, name: &str) -> PathBuf {
        self.path.with_file_name(format!("{name}.cofactor"))
    }

    /// The first event that the refit of a model has not seen; `None` where there is no refit.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn trained_until(&self, name: &str) -> Result<Option<u64>, StoreError> {
        let database = self.database()?;
        let reading = database.begin_read().map_err(StoreError::of)?;
        let table = reading.open_table(COUNTERS).map_err(StoreError::of)?;
        let number = table.get(trained_key(name).as_str()).map_err(StoreError::of)?;
        Ok(number.map(|number| number.value()))
    }

    /// Notes that the refit of a model, which is on the disk, has seen the events before that number. Blocks.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn trained(&self, name: &str, until: u64) -> Result<(), StoreError> {
        self.writer.ask_blocking(|answer| Wish::Count(trained_key(name), until, answer))
    }

    /// Hands every event to `take`, by user and then in the order in which they came. One state of the store, whatever is written meanwhile.
    ///
    /// # Errors
    /// When the disk refuses, or `take` does.
    pub fn each(&self, mut take: impl FnMut(Event) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let database = self.database()?;
        let reading = database.begin_read().map_err(StoreError::of)?;
        let table = reading.open_table(EVENTS).map_err(StoreError::of)?;
        for entry in table.iter().map_err(StoreError::of)? {
            let (_, bytes) = entry.map_err(StoreError::of)?;
            take(parse(bytes.value())?)?;
        }
        Ok(())
    }

    fn database(&self) -> Result<Arc<Database>, StoreError> {
        self.database.load_full().ok_or_else(|| StoreError {
            problem: "it cannot be read after a failure of the disk".to_owned(),
            passing: true,
        })
    }
}

fn parse(bytes: &[u8]) -> Result<Event, StoreError> {
    serde_json::from_slice(bytes).map_err(|error| StoreError {
        problem: format!("the store holds something that is no event: {error}"),
        passing: false,
    })
}

/// So many bytes of the file are kept in memory.
const CACHE: usize = 64 << 20;

fn open(path: &Path, purpose: For) -> Result<Database, StoreError> {
    let named =
        |error: StoreError| StoreError { problem: format!("{}: {}", path.display(), error.problem), ..error };
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE);
    let opened = match purpose {
        For::Writing => builder.create(path),
        For::Reading => ReadFile::open(path)
            .and_then(Overlay::new)
            .map_err(redb::DatabaseError::from)
            .and_then(|file| builder.create_with_backend(file)),
    };
    let database = opened.map_err(StoreError::of).map_err(named)?;
    prepare(&database).map_err(named)?;
    Ok(database)
}

/// Makes the tables, so that readers find them.
pub(super) fn prepare(database: &Database) -> Result<(), StoreError> {
    let reading = database.begin_read().map_err(StoreError::of)?;
    if reading.open_table(COUNTERS).is_ok() {
        return Ok(());
    }
    drop(reading);
    let writing = database.begin_write().map_err(StoreError::of)?;
    writing.open_table(EVENTS).map_err(StoreError::of)?;
    writing.open_table(IDS).map_err(StoreError::of)?;
    writing.open_table(ERASED).map_err(StoreError::of)?;
    writing.open_table(COUNTERS).map_err(StoreError::of)?;
    writing.commit().map_err(StoreError::of)
}
