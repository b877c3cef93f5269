//! The store as the service sees it, wherever its events lie.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::embedded::Embedded;
use super::postgres;
use super::writer::{Wish, Writer};
use super::{Erased, Event, Kept, News, Since, StoreError};

/// What a place of events is asked. What it is to write comes by [`super::writer::Writes`], one batch after the other.
pub(super) trait Reads: Send + Sync {
    /// A user's events in the order in which they came. May wait for the place.
    fn of_user(&self, user: &str) -> Result<Vec<Event>, StoreError>;
    /// What there is of a user from that number on. Waits for nobody: each answer to a user begins with it.
    fn of_user_since(&self, user: &str, number: u64) -> Result<Since, StoreError>;
    /// What there is of everybody from that number on, in one state of the place. May wait.
    fn since(&self, number: u64) -> Result<News, StoreError>;
    /// Hands every event to `take`, by user and then in the order in which they came, in one state of the place. May wait.
    fn each(&self, take: &mut dyn FnMut(Event) -> Result<(), StoreError>) -> Result<(), StoreError>;
    /// The first event that a refit has not seen; `None` where the place knows nothing of such a refit. May wait.
    fn trained_until(&self, refit: &Refit) -> Result<Option<u64>, StoreError>;
    /// Whether it can be read; what is wrong with it although it can.
    fn state(&self) -> Result<Option<String>, StoreError>;
    /// Makes ready to answer [`Self::of_user_since`] from that number on. May wait.
    fn follow(&self, _number: u64) -> Result<(), StoreError> {
        Ok(())
    }
    /// Nobody will ask for events before that number any more.
    fn learned(&self, _number: u64) {}
}

/// A fit of a model, named so that it is known again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refit {
    /// The name of the model.
    pub model: String,
    /// The fingerprint of the ratings that it was fitted on.
    pub fingerprint: String,
}

/// A store of events. Cheap to clone.
///
/// Every [`Self::append`] that returns has its events on a disk, and the next [`Self::of_user_since`] sees them, once the store has been told by [`Self::follow`] from where on. Appends that wait for the disk at the same time share one commit.
#[derive(Clone)]
pub struct Store {
    place: Arc<dyn Reads>,
    writer: Writer,
    refits: Option<PathBuf>,
}

impl Store {
    /// Opens the store in a folder, which is made if it is not there. Refits are kept in the same folder.
    ///
    /// # Errors
    /// When the folder cannot be made, the file cannot be opened or is in use by another process, or is no store.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let embedded = Embedded::open(folder)?;
        Ok(Self { refits: Some(folder.to_owned()), ..Self::embedded(embedded) })
    }

    /// Opens the store in tables of a PostgreSQL database, `postgres://USER:PASSWORD@HOST/DATABASE`; the tables are made if they are not there. Refits are kept in a folder of this machine, if there is one. Blocks, so no task may call it.
    ///
    /// # Errors
    /// When the address is none, the database cannot be reached or lets the user not in, the user lacks rights, the tables are of a newer version, or the folder cannot be made. No error repeats the password.
    pub fn connect(address: &str, refits: Option<&Path>) -> Result<Self, StoreError> {
        if let Some(folder) = refits {
            std::fs::create_dir_all(folder).map_err(|problem| {
                StoreError::lasting(format!("cannot make the folder {}: {problem}", folder.display()))
            })?;
        }
        let (tables, keeper) = postgres::open(address)?;
        Ok(Self {
            place: Arc::new(tables),
            writer: Writer::start(keeper),
            refits: refits.map(Path::to_owned),
        })
    }

    /// A store over an embedded database, without a place for refits.
    pub(super) fn embedded(embedded: Embedded) -> Self {
        Self { place: Arc::new(embedded.reading()), writer: Writer::start(embedded), refits: None }
    }

    /// Keeps events. Returns once they are on the disk. Those without a time get that of now.
    ///
    /// # Errors
    /// When the disk refuses or too many wait: then none of these events is kept, unless it was before or the error says that it is not certain.
    pub async fn append(&self, mut events: Vec<Event>) -> Result<Kept, StoreError> {
        let now = now();
        for event in &mut events {
            event.time.get_or_insert(now);
        }
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
    /// When the store cannot be read.
    pub async fn of_user(&self, user: &str) -> Result<Vec<Event>, StoreError> {
        let (place, user) = (Arc::clone(&self.place), user.to_owned());
        let read = tokio::task::spawn_blocking(move || place.of_user(&user)).await;
        read.unwrap_or_else(|broken| Err(StoreError::lasting(format!("the reading broke off: {broken}"))))
    }

    /// What there is of a user from that number on. Waits for nobody.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of_user_since(&self, user: &str, number: u64) -> Result<Since, StoreError> {
        self.place.of_user_since(user, number)
    }

    /// What there is of everybody from that number on. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn since(&self, number: u64) -> Result<News, StoreError> {
        self.place.since(number)
    }

    /// Hands every event to `take`, by user and then in the order in which they came. One state of the store, whatever is written meanwhile. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read, or `take` refuses.
    pub fn each(&self, mut take: impl FnMut(Event) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.place.each(&mut take)
    }

    /// Where the refit of a model is kept; `None` where there is no folder for refits.
    pub fn refit_path(&self, model: &str) -> Option<PathBuf> {
        Some(self.refits.as_ref()?.join(format!("{model}.cofactor")))
    }

    /// The first event that a refit has not seen; `None` where the store knows nothing of it. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn trained_until(&self, refit: &Refit) -> Result<Option<u64>, StoreError> {
        self.place.trained_until(refit)
    }

    /// Notes that a refit, which is on the disk, has seen the events before that number. Blocks.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn trained(&self, refit: Refit, until: u64) -> Result<(), StoreError> {
        self.writer.ask_blocking(|answer| Wish::Trained(refit, until, answer))
    }

    /// Whether the store can be read; what is wrong with it although it can.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn state(&self) -> Result<Option<String>, StoreError> {
        self.place.state()
    }

    /// Makes ready to answer [`Self::of_user_since`] from that number on. Blocks.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn follow(&self, number: u64) -> Result<(), StoreError> {
        self.place.follow(number)
    }

    /// Tells that nobody will ask [`Self::of_user_since`] for what came before that number.
    pub fn learned(&self, number: u64) {
        self.place.learned(number);
    }
}

/// Seconds since 1970-01-01 UTC.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}
