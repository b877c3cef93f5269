//! The store against what it promises: what was acknowledged is there, once, also after a failure of the disk.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use redb::{Builder, StorageBackend};

use super::disk::For;
use super::overlay::Overlay;
use super::store::prepare;
use super::{Event, Kept, Store, StoreError};

fn event(user: &str, item: &str, id: Option<&str>) -> Event {
    Event {
        user: user.to_owned(),
        item: item.to_owned(),
        value: 4.0,
        time: Some(1_000),
        id: id.map(str::to_owned),
    }
}

fn items(store: &Store, user: &str) -> Vec<String> {
    store.of_user(user).unwrap().into_iter().map(|event| event.item).collect()
}

#[tokio::test]
async fn events_come_back_in_their_order_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    {
        let store = Store::open(folder.path()).unwrap();
        let kept = store.append(vec![event("a", "1", None), event("b", "2", None)]).await.unwrap();
        assert_eq!(kept, Kept { accepted: 2, duplicates: 0 });
        store.append(vec![event("a", "3", None)]).await.unwrap();
        assert_eq!(items(&store, "a"), ["1", "3"]);
        let second = Store::open(folder.path()).map(drop).unwrap_err();
        assert!(second.problem.contains("events.redb"), "{second}");
    }
    // The thread that writes lets go of the file when it has seen that nobody is left.
    let store = loop {
        match Store::open(folder.path()) {
            Ok(store) => break store,
            Err(_) => std::thread::yield_now(),
        }
    };
    assert_eq!(
        (items(&store, "a"), items(&store, "b"), items(&store, "ab")),
        (vec!["1".into(), "3".into()], vec!["2".into()], vec![])
    );
}

#[tokio::test]
async fn an_event_that_is_sent_again_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let events = || vec![event("a", "1", Some("x")), event("a", "2", Some("y"))];
    store.append(events()).await.unwrap();
    let again = store.append([events(), vec![event("a", "3", Some("z"))]].concat()).await.unwrap();
    assert_eq!(again, Kept { accepted: 1, duplicates: 2 });
    assert_eq!(items(&store, "a"), ["1", "2", "3"]);
}

#[tokio::test]
async fn who_is_erased_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.append(vec![event("a", "1", Some("x")), event("b", "1", Some("w"))]).await.unwrap();
    assert_eq!(store.erase("a").await.unwrap().events, 1);
    let erased = |user: &str, number: u64| store.of_user_since(user, number).unwrap().erased;
    assert!(items(&store, "a").is_empty() && erased("a", 0));
    assert!(items(&store, "b") == ["1"] && !erased("b", 0));
    // A model that has seen the third event and later ones was made without what was before.
    assert!(erased("a", 2) && !erased("a", 3));
    assert!(store.erased_since(2).unwrap().contains("a") && store.erased_since(3).unwrap().is_empty());
    let again = store.append(vec![event("a", "1", Some("x"))]).await.unwrap();
    assert_eq!(again.accepted, 1, "the id went with the event");
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
    let store = Store::with("memory".into(), move |purpose| {
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
    })
    .unwrap();
    store.append(vec![event("a", "1", None)]).await.unwrap();
    disk.full.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        let refused = store.append(vec![event("a", "2", None)]).await.unwrap_err();
        assert!(refused.passing, "{refused}");
        assert_eq!(items(&store, "a"), ["1"]);
    }
    disk.full.store(false, Ordering::SeqCst);
    store.append(vec![event("a", "3", None)]).await.unwrap();
    assert_eq!(items(&store, "a"), ["1", "3"]);
}
