//! Places for connections. When all are taken, the one that has kept the service waiting the longest is closed for the next: whoever is slow has a place only while nobody else wants it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The connections whose other end is waited for, by when that began: for the rest of a request, for another one, or until an answer is taken.
#[derive(Clone, Default)]
pub(crate) struct Places(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    /// Rises with every wait.
    next: u64,
    connections: BTreeMap<u64, Arc<Notify>>,
}

impl Places {
    /// A new connection, which is waited for.
    pub(crate) fn connection(&self) -> Connection {
        let connection = Connection { places: self.clone(), since: Arc::default(), closed: Arc::default() };
        connection.waits();
        connection
    }

    /// Tells the connection that has been waited for the longest to close; `false` where the service waits for none.
    pub(crate) fn vacate(&self) -> bool {
        let longest = locked(&self.0).connections.pop_first();
        longest.is_some_and(|(_, closed)| {
            closed.notify_one();
            true
        })
    }
}

/// A connection's part in it; clones are the same connection. At its end the service has to say that it [`Self::works`].
#[derive(Clone)]
pub(crate) struct Connection {
    places: Places,
    /// Its number among those who are waited for; none while it waits for the service.
    since: Arc<Mutex<Option<u64>>>,
    closed: Arc<Notify>,
}

impl Connection {
    /// From now on the other end is waited for.
    pub(crate) fn waits(&self) {
        self.works();
        let mut waiting = locked(&self.places.0);
        let number = waiting.next;
        waiting.next += 1;
        waiting.connections.insert(number, Arc::clone(&self.closed));
        drop(waiting);
        *locked(&self.since) = Some(number);
    }

    /// From now on nobody waits for the other end.
    pub(crate) fn works(&self) {
        if let Some(number) = locked(&self.since).take() {
            locked(&self.places.0).connections.remove(&number);
        }
    }

    /// Ends when the place is wanted for somebody else.
    pub(crate) async fn closed(&self) {
        self.closed.notified().await;
    }
}

/// No code panics while it holds one of these.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;

    fn is_closed(connection: &Connection) -> bool {
        let closed = std::pin::pin!(connection.closed());
        closed.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn who_has_been_waited_for_the_longest_makes_room_and_who_waits_for_the_service_never() {
        let places = Places::default();
        let [first, second, third] = [(); 3].map(|()| places.connection());
        first.works();
        assert!(places.vacate());
        assert!(is_closed(&second) && !is_closed(&first) && !is_closed(&third));
        // A wait begins anew with each answer.
        first.waits();
        assert!(places.vacate());
        assert!(is_closed(&third) && !is_closed(&first));
        first.works();
        assert!(!places.vacate() && !is_closed(&first));
    }
}
