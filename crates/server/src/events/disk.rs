//! The database on its disk, and what becomes of it when the disk fails: readers go on, and the next that is written tries again.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use redb::Database;

use super::StoreError;

/// The open database; empty while it cannot even be read.
pub(super) type Shared = Arc<ArcSwapOption<Database>>;

/// What a database is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    /// To be read and written.
    Writing,
    /// To be read where nothing can be written, beside one that has failed.
    Reading,
}

/// While others still read what has been replaced, the writer looks so often whether they are done.
const GLANCE: Duration = Duration::from_millis(1);

/// The writer's side.
pub(super) struct Disk<F> {
    shared: Shared,
    open: F,
    /// Whether what is shared can be written.
    writable: bool,
}

impl<F: Fn(For) -> Result<Database, StoreError>> Disk<F> {
    /// Opens the database.
    pub(super) fn new(open: F) -> Result<Self, StoreError> {
        let shared = Arc::new(ArcSwapOption::from_pointee(open(For::Writing)?));
        Ok(Self { shared, open, writable: true })
    }

    /// The readers' side.
    pub(super) fn shared(&self) -> Shared {
        Arc::clone(&self.shared)
    }

    /// The database, opened again if it has failed.
    pub(super) fn current(&mut self) -> Result<Arc<Database>, StoreError> {
        if let Some(database) = self.shared.load_full().filter(|_| self.writable) {
            return Ok(database);
        }
        let database = Arc::new((self.open)(For::Writing)?);
        self.replace(Some(Arc::clone(&database)));
        self.writable = true;
        Ok(database)
    }

    /// Notes that something could not be written. A database takes no more transactions then, not even of readers: they get another one, which is opened again for reading.
    pub(super) fn failed(&mut self) {
        if !std::mem::take(&mut self.writable) {
            return;
        }
        let readable = (self.open)(For::Reading);
        if let Err(error) = &readable {
            tracing::error!(%error, "the store cannot be read");
        }
        self.replace(readable.ok().map(Arc::new));
    }

    /// Returns when nobody reads the old one any more: only then may pages be written that it still holds, and only then does it let go of the file.
    fn replace(&self, new: Option<Arc<Database>>) {
        let Some(old) = self.shared.swap(new) else { return };
        while Arc::strong_count(&old) > 1 {
            std::thread::sleep(GLANCE);
        }
    }
}
