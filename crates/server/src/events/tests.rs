//! What only the store within this process can show: its lock, and a disk that fails. `tests/store.rs` has what any store promises.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use redb::{Builder, StorageBackend};

use super::disk::For;
use super::embedded::{Embedded, prepare};
use super::overlay::Overlay;
use super::{Event, Store, StoreError};

fn event(user: &str, item: &str) -> Event {
    Event { user: user.to_owned(), item: item.to_owned(), value: 4.0, time: Some(1_000), id: None }
}

async fn items(store: &Store, user: &str) -> Vec<String> {
    store.of_user(user).await.unwrap().into_iter().map(|event| event.item).collect()
}

#[tokio::test]
async fn a_folder_is_for_one_service() {
    let folder = tempfile::tempdir().unwrap();
    let _store = Store::open(folder.path()).unwrap();
    let second = Store::open(folder.path()).map(drop).unwrap_err();
    assert!(second.problem.contains("events.redb") && second.hint.contains("its own"), "{second}");
}

/// A disk in memory that can be told to be full.
#[derive(Debug, Clone, Default)]
struct Disk {
    bytes: Arc<Mutex<Vec<u8>>>,
    full: Arc<AtomicBool>,
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.lock().unwrap().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        out.copy_from_slice(&self.bytes.lock().unwrap()[offset as usize..][..out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.bytes.lock().unwrap().resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.full.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if self.full.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.lock().unwrap()[offset as usize..][..data.len()].copy_from_slice(data);
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_full_disk_refuses_and_is_read_all_the_while() {
    let disk = Disk::default();
    let opened = disk.clone();
    let embedded = Embedded::with(move |purpose| {
        let database = match purpose {
            For::Writing => Builder::new().create_with_backend(opened.clone()),
            For::Reading => {
                let overlay =
                    Overlay::new(opened.clone()).map_err(|error| StoreError::of(redb::Error::Io(error)))?;
                Builder::new().create_with_backend(overlay)
            }
        };
        let database = database.map_err(StoreError::of)?;
        prepare(&database)?;
        Ok(database)
    });
    let store = Store::embedded(embedded.unwrap());
    store.append(vec![event("a", "1")]).await.unwrap();
    disk.full.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        let refused = store.append(vec![event("a", "2")]).await.unwrap_err();
        assert!(refused.passing, "{refused}");
        assert_eq!(items(&store, "a").await, ["1"]);
    }
    disk.full.store(false, Ordering::SeqCst);
    store.append(vec![event("a", "3")]).await.unwrap();
    assert_eq!(items(&store, "a").await, ["1", "3"]);
}
