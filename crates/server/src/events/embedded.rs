//! Events in one redb file. Readers see whole commits.

use std::path::Path;
use std::sync::Arc;

use cofactor::recommender::HistoryEntry;
use redb::{
    Builder, Database, ReadTransaction, ReadableDatabase, ReadableTable, Table, TableDefinition,
    WriteTransaction,
};

use super::disk::{Disk, For, Shared};
use super::overlay::{Overlay, ReadFile};
use super::store::{Reads, Refit};
use super::writer::{Done, Wish, Writes};
use super::{Erased, Event, Kept, News, Since, StoreError};

/// (user, number) → the event as JSON. Numbers rise with every event of the store.
const EVENTS: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("events");
/// The senders' ids of events → when they came, by number.
const IDS: TableDefinition<'_, &str, u64> = TableDefinition::new("ids");
/// Users who asked to be forgotten → when, by the number of the next event. What a model learned of them before no longer answers.
const ERASED: TableDefinition<'_, &str, u64> = TableDefinition::new("erased");
/// The next number.
const COUNTERS: TableDefinition<'_, &str, u64> = TableDefinition::new("counters");

/// The counter of events.
const NEXT: &str = "next";

/// The one refit of a model lies in the store's folder, so its name is enough.
fn trained_key(refit: &Refit) -> String {
    format!("trained {}", refit.model)
}

/// The name of the file in the store's folder.
const FILE: &str = "events.redb";

impl StoreError {
    pub(super) fn of(error: impl Into<redb::Error>) -> Self {
        Self::passing(error.into().to_string())
    }
}

/// So many bytes of the file are kept in memory.
const CACHE: usize = 8 << 20;

type Open = dyn Fn(For) -> Result<Database, StoreError> + Send;

/// A database in this process.
pub(super) struct Embedded(Disk<Box<Open>>);

/// The readers' side.
pub(super) struct Reading(Shared);

impl Embedded {
    /// Opens the file in a folder, which is made if it is not there.
    pub(super) fn open(folder: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(folder).map_err(|problem| {
            StoreError::lasting(format!("cannot make the folder {}: {problem}", folder.display()))
        })?;
        let path = folder.join(FILE);
        let opened = Self::with(move |purpose| open(&path, purpose));
        opened.map_err(|error| error.hint("one service writes into a folder; another one needs its own"))
    }

    /// One over whatever `open` gives, at first and again after each failure.
    pub(super) fn with(
        open: impl Fn(For) -> Result<Database, StoreError> + Send + 'static,
    ) -> Result<Self, StoreError> {
        let open: Box<Open> = Box::new(open);
        Ok(Self(Disk::new(open)?))
    }

    pub(super) fn reading(&self) -> Reading {
        Reading(self.0.shared())
    }
}

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

/// A state of the database. The database is not let go of before it.
struct Snapshot {
    transaction: ReadTransaction,
    _database: Arc<Database>,
}

impl std::ops::Deref for Snapshot {
    type Target = ReadTransaction;

    fn deref(&self) -> &ReadTransaction {
        &self.transaction
    }
}

impl Reading {
    fn begin(&self) -> Result<Snapshot, StoreError> {
        let database = self
            .0
            .load_full()
            .ok_or_else(|| StoreError::passing("the store cannot be read after a failure of the disk"))?;
        let transaction = database.begin_read().map_err(StoreError::of)?;
        Ok(Snapshot { transaction, _database: database })
    }
}

impl Reads for Reading {
    fn of_user(&self, user: &str) -> Result<Vec<Event>, StoreError> {
        let reading = self.begin()?;
        of_user_since(&reading, user, 0)
    }

    fn of_user_since(&self, user: &str, number: u64) -> Result<Since, StoreError> {
        let reading = self.begin()?;
        let erased = reading.open_table(ERASED).map_err(StoreError::of)?;
        let mark = erased.get(user).map_err(StoreError::of)?;
        let events = of_user_since(&reading, user, number)?;
        let entries = events.into_iter().map(|event| HistoryEntry { item: event.item, value: event.value });
        Ok(Since { entries: entries.collect(), erased: mark.is_some_and(|mark| mark.value() >= number) })
    }

    fn since(&self, number: u64) -> Result<News, StoreError> {
        let reading = self.begin()?;
        let counters = reading.open_table(COUNTERS).map_err(StoreError::of)?;
        let next = counters.get(NEXT).map_err(StoreError::of)?.map_or(0, |next| next.value());
        let mut news = News { next, ..News::default() };
        let events = reading.open_table(EVENTS).map_err(StoreError::of)?;
        for entry in events.iter().map_err(StoreError::of)? {
            let (key, bytes) = entry.map_err(StoreError::of)?;
            if key.value().1 >= number {
                news.events.push(parse(bytes.value())?);
            }
        }
        let erased = reading.open_table(ERASED).map_err(StoreError::of)?;
        for entry in erased.iter().map_err(StoreError::of)? {
            let (user, mark) = entry.map_err(StoreError::of)?;
            if mark.value() >= number {
                news.erased.insert(user.value().to_owned());
            }
        }
        Ok(news)
    }

    fn each(&self, take: &mut dyn FnMut(Event) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let reading = self.begin()?;
        let events = reading.open_table(EVENTS).map_err(StoreError::of)?;
        for entry in events.iter().map_err(StoreError::of)? {
            let (_, bytes) = entry.map_err(StoreError::of)?;
            take(parse(bytes.value())?)?;
        }
        Ok(())
    }

    fn trained_until(&self, refit: &Refit) -> Result<Option<u64>, StoreError> {
        let reading = self.begin()?;
        let counters = reading.open_table(COUNTERS).map_err(StoreError::of)?;
        let number = counters.get(trained_key(refit).as_str()).map_err(StoreError::of)?;
        Ok(number.map(|number| number.value()))
    }

    fn state(&self) -> Result<Option<String>, StoreError> {
        self.begin().map(|_| None)
    }
}

fn of_user_since(reading: &ReadTransaction, user: &str, number: u64) -> Result<Vec<Event>, StoreError> {
    let events = reading.open_table(EVENTS).map_err(StoreError::of)?;
    let range = events.range((user, number)..=(user, u64::MAX)).map_err(StoreError::of)?;
    range.map(|entry| entry.map_err(StoreError::of).and_then(|(_, bytes)| parse(bytes.value()))).collect()
}

fn parse(bytes: &[u8]) -> Result<Event, StoreError> {
    serde_json::from_slice(bytes)
        .map_err(|error| StoreError::lasting(format!("the store holds something that is no event: {error}")))
}

impl Writes for Embedded {
    fn commit(&mut self, batch: &[Wish]) -> Result<Vec<Done>, StoreError> {
        let outcome = self.0.current().and_then(|database| commit(&database, batch));
        if outcome.is_err() {
            self.0.failed();
        }
        outcome
    }
}

/// Writes all of them, in their order, in one transaction: returns when it is on the disk.
fn commit(database: &Database, batch: &[Wish]) -> Result<Vec<Done>, StoreError> {
    let writing = database.begin_write().map_err(StoreError::of)?;
    let done = {
        let mut tables = Tables::open(&writing)?;
        batch
            .iter()
            .map(|wish| match wish {
                Wish::Append(events, _) => tables.append(events).map(Done::Kept),
                Wish::Erase(user, _) => tables.erase(user).map(Done::Erased),
                Wish::Trained(refit, until, _) => {
                    tables.count(&trained_key(refit), *until).map(|()| Done::Noted)
                }
            })
            .collect::<Result<Vec<Done>, StoreError>>()?
    };
    writing.commit().map_err(StoreError::of)?;
    Ok(done)
}

struct Tables<'t> {
    events: Table<'t, (&'static str, u64), &'static [u8]>,
    ids: Table<'t, &'static str, u64>,
    erased: Table<'t, &'static str, u64>,
    counters: Table<'t, &'static str, u64>,
}

impl<'t> Tables<'t> {
    fn open(writing: &'t WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            events: writing.open_table(EVENTS).map_err(StoreError::of)?,
            ids: writing.open_table(IDS).map_err(StoreError::of)?,
            erased: writing.open_table(ERASED).map_err(StoreError::of)?,
            counters: writing.open_table(COUNTERS).map_err(StoreError::of)?,
        })
    }

    fn append(&mut self, events: &[Event]) -> Result<Kept, StoreError> {
        let mut next = self.next()?;
        let mut kept = Kept::default();
        for event in events {
            if let Some(id) = &event.id {
                if self.ids.get(id.as_str()).map_err(StoreError::of)?.is_some() {
                    kept.duplicates += 1;
                    continue;
                }
                self.ids.insert(id.as_str(), next).map_err(StoreError::of)?;
            }
            let bytes = serde_json::to_vec(event).map_err(|error| StoreError::lasting(error.to_string()))?;
            self.events.insert((event.user.as_str(), next), bytes.as_slice()).map_err(StoreError::of)?;
            next += 1;
            kept.accepted += 1;
        }
        self.count(NEXT, next)?;
        Ok(kept)
    }

    /// The number of the next event.
    fn next(&self) -> Result<u64, StoreError> {
        let found = self.counters.get(NEXT).map_err(StoreError::of)?;
        Ok(found.map_or(0, |number| number.value()))
    }

    fn count(&mut self, name: &str, number: u64) -> Result<(), StoreError> {
        self.counters.insert(name, number).map(drop).map_err(StoreError::of)
    }

    fn erase(&mut self, user: &str) -> Result<Erased, StoreError> {
        let mut erased = Erased::default();
        let gone = self.events.extract_from_if((user, 0)..=(user, u64::MAX), |_, _| true);
        for entry in gone.map_err(StoreError::of)? {
            let (_, bytes) = entry.map_err(StoreError::of)?;
            erased.events += 1;
            // An id stays known while its event exists.
            if let Ok(Event { id: Some(id), .. }) = serde_json::from_slice::<Event>(bytes.value()) {
                self.ids.remove(id.as_str()).map_err(StoreError::of)?;
            }
        }
        let next = self.next()?;
        self.erased.insert(user, next).map_err(StoreError::of)?;
        Ok(erased)
    }
}
