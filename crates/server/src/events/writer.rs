//! The one thread that writes. All that waits when it begins goes into one commit, so that the disk is asked once for many.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Instant;

use tokio::sync::oneshot;

use super::store::Refit;
use super::{Erased, Event, Kept, StoreError};

/// So many requests may wait for the disk.
const WAITING: usize = 1_024;
/// A commit takes no more events than these, so that nobody waits for long.
const COMMIT: usize = 20_000;

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// What somebody wants written.
pub(super) enum Wish {
    Append(Vec<Event>, Answer<Kept>),
    Erase(String, Answer<Erased>),
    Trained(Refit, u64, Answer<()>),
}

/// What became of a wish.
pub(super) enum Done {
    Kept(Kept),
    Erased(Erased),
    Noted,
}

/// Where things are written.
pub(super) trait Writes: Send + 'static {
    /// Writes all of them, in their order, or none: returns when they are on the disk, with what became of each.
    fn commit(&mut self, batch: &[Wish]) -> Result<Vec<Done>, StoreError>;

    /// When it wants to [`Self::look`] for itself; `None`: never.
    fn due(&self) -> Option<Instant> {
        None
    }

    /// Looks what others have written.
    fn look(&mut self) {}
}

/// How to reach the thread. It ends with the last of these.
#[derive(Clone)]
pub(super) struct Writer(SyncSender<Wish>);

impl Writer {
    pub(super) fn start(place: impl Writes) -> Self {
        let (sender, wishes) = sync_channel(WAITING);
        std::thread::spawn(move || write(&wishes, place));
        Self(sender)
    }

    /// Hands a wish to the thread and waits for what became of it.
    pub(super) async fn ask<T>(&self, wish: impl FnOnce(Answer<T>) -> Wish) -> Result<T, StoreError> {
        self.send(wish)?.await.unwrap_or_else(|_| Err(StoreError::passing("the store is closing")))
    }

    /// The same for a thread that may wait.
    pub(super) fn ask_blocking<T>(&self, wish: impl FnOnce(Answer<T>) -> Wish) -> Result<T, StoreError> {
        self.send(wish)?.blocking_recv().unwrap_or_else(|_| Err(StoreError::passing("the store is closing")))
    }

    fn send<T>(
        &self,
        wish: impl FnOnce(Answer<T>) -> Wish,
    ) -> Result<oneshot::Receiver<Result<T, StoreError>>, StoreError> {
        let (answer, answered) = oneshot::channel();
        match self.0.try_send(wish(answer)) {
            Ok(()) => Ok(answered),
            Err(TrySendError::Full(_)) => Err(StoreError::passing("too many requests wait for the disk")),
            Err(TrySendError::Disconnected(_)) => Err(StoreError::passing("the store is closing")),
        }
    }
}

fn write(wishes: &Receiver<Wish>, mut place: impl Writes) {
    loop {
        let first = match place.due() {
            None => wishes.recv().map_err(RecvTimeoutError::from),
            Some(due) => wishes.recv_timeout(due.saturating_duration_since(Instant::now())),
        };
        match first {
            Ok(first) => {
                carry_out(together(first, wishes), &mut place);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        // However much there is to write, the look at what others have written is not put off.
        if place.due().is_some_and(|due| due <= Instant::now()) {
            place.look();
        }
    }
}

fn carry_out(batch: Vec<Wish>, place: &mut impl Writes) {
    match place.commit(&batch) {
        Ok(done) => answer(batch, done),
        // One of them is refused for good: nobody else's shall fail with it.
        Err(error) if !error.passing && batch.len() > 1 => {
            for wish in batch {
                carry_out(vec![wish], place);
            }
        }
        Err(error) => {
            tracing::error!(%error, "the store could not write");
            refuse(batch, &error);
        }
    }
}

/// The first wish and those that wait behind it.
fn together(first: Wish, wishes: &Receiver<Wish>) -> Vec<Wish> {
    let size = |wish: &Wish| match wish {
        Wish::Append(events, _) => events.len(),
        Wish::Erase(..) | Wish::Trained(..) => 1,
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

/// Whoever no longer waits gets no answer; the events are kept all the same.
fn answer(batch: Vec<Wish>, done: Vec<Done>) {
    for (wish, done) in batch.into_iter().zip(done) {
        match (wish, done) {
            (Wish::Append(_, answer), Done::Kept(kept)) => drop(answer.send(Ok(kept))),
            (Wish::Erase(_, answer), Done::Erased(erased)) => drop(answer.send(Ok(erased))),
            (Wish::Trained(.., answer), Done::Noted) => drop(answer.send(Ok(()))),
            _ => unreachable!("what is done stands in the order of the wishes"),
        }
    }
}

fn refuse(batch: Vec<Wish>, error: &StoreError) {
    for wish in batch {
        match wish {
            Wish::Append(_, answer) => drop(answer.send(Err(error.clone()))),
            Wish::Erase(_, answer) => drop(answer.send(Err(error.clone()))),
            Wish::Trained(.., answer) => drop(answer.send(Err(error.clone()))),
        }
    }
}
