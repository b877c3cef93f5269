//! The one thread that writes. All that waits when it begins goes into one commit, so that the disk is asked once for many.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{SystemTime, UNIX_EPOCH};

use redb::{Database, ReadableTable, Table, WriteTransaction};
use tokio::sync::oneshot;

use super::disk::{Disk, For};
use super::store::{COUNTERS, ERASED, EVENTS, IDS, NEXT, StoreError};
use super::{Erased, Event, Kept};

/// So many requests may wait for the disk.
const WAITING: usize = 1_024;
/// A commit takes no more events than these, so that nobody waits for long.
const COMMIT: usize = 20_000;

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// What somebody wants written.
pub(super) enum Wish {
    Append(Vec<Event>, Answer<Kept>),
    Erase(String, Answer<Erased>),
    Count(String, u64, Answer<()>),
}

/// How to reach the thread. It ends with the last of these.
#[derive(Clone)]
pub(super) struct Writer(SyncSender<Wish>);

impl Writer {
    pub(super) fn start(disk: Disk<impl Fn(For) -> Result<Database, StoreError> + Send + 'static>) -> Self {
        let (sender, wishes) = sync_channel(WAITING);
        std::thread::spawn(move || write(&wishes, disk));
        Self(sender)
    }

    /// Hands a wish to the thread and waits for what became of it.
    pub(super) async fn ask<T>(&self, wish: impl FnOnce(Answer<T>) -> Wish) -> Result<T, StoreError> {
        self.send(wish)?.await.unwrap_or_else(|_| Err(passing("the store is closing")))
    }

    /// The same for a thread that may wait.
    pub(super) fn ask_blocking<T>(&self, wish: impl FnOnce(Answer<T>) -> Wish) -> Result<T, StoreError> {
        self.send(wish)?.blocking_recv().unwrap_or_else(|_| Err(passing("the store is closing")))
    }

    fn send<T>(
        &self,
        wish: impl FnOnce(Answer<T>) -> Wish,
    ) -> Result<oneshot::Receiver<Result<T, StoreError>>, StoreError> {
        let (answer, answered) = oneshot::channel();
        match self.0.try_send(wish(answer)) {
            Ok(()) => Ok(answered),
            Err(TrySendError::Full(_)) => Err(passing("too many requests wait for the disk")),
            Err(TrySendError::Disconnected(_)) => Err(passing("the store is closing")),
        }
    }
}

fn passing(problem: &str) -> StoreError {
    StoreError { problem: problem.to_owned(), passing: true }
}

fn write(wishes: &Receiver<Wish>, mut disk: Disk<impl Fn(For) -> Result<Database, StoreError>>) {
    while let Ok(first) = wishes.recv() {
        let batch = together(first, wishes);
        match disk.current().and_then(|database| commit(&database, &batch)) {
            Ok(done) => answer(batch, done),
            Err(error) => {
                tracing::error!(%error, "the store could not write");
                disk.failed();
                refuse(batch, &error);
            }
        }
    }
}

/// The first wish and those that wait behind it.
fn together(first: Wish, wishes: &Receiver<Wish>) -> Vec<Wish> {
    let size = |wish: &Wish| match wish {
        Wish::Append(events, _) => events.len(),
        Wish::Erase(..) | Wish::Count(..) => 1,
    };
    let mut events = size(&first);
    let mut batch = vec![first];
    while events < COMMIT {
        let Ok(next) = wishes.try_recv() else { break };
        events += size(&next);
        batch.push(next);
    }
    batch
}

/// What became of a wish.
enum Done {
    Kept(Kept),
    Erased(Erased),
    Counted,
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
                Wish::Count(name, number, _) => tables.count(name, *number).map(|()| Done::Counted),
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
            let stamped = Event { time: event.time.or_else(|| Some(now())), ..event.clone() };
            let bytes = serde_json::to_vec(&stamped)
                .map_err(|error| StoreError { problem: error.to_string(), passing: false })?;
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

/// Whoever no longer waits gets no answer; the events are kept all the same.
fn answer(batch: Vec<Wish>, done: Vec<Done>) {
    for (wish, done) in batch.into_iter().zip(done) {
        match (wish, done) {
            (Wish::Append(_, answer), Done::Kept(kept)) => drop(answer.send(Ok(kept))),
            (Wish::Erase(_, answer), Done::Erased(erased)) => drop(answer.send(Ok(erased))),
            (Wish::Count(.., answer), Done::Counted) => drop(answer.send(Ok(()))),
            _ => unreachable!("what is done stands in the order of the wishes"),
        }
    }
}

fn refuse(batch: Vec<Wish>, error: &StoreError) {
    for wish in batch {
        match wish {
            Wish::Append(_, answer) => drop(answer.send(Err(error.clone()))),
            Wish::Erase(_, answer) => drop(answer.send(Err(error.clone()))),
            Wish::Count(.., answer) => drop(answer.send(Err(error.clone()))),
        }
    }
}

/// Seconds since 1970-01-01 UTC.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}
