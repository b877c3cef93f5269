//! What all requests share.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use cofactor::fit::run::thread_pool;
use rayon::ThreadPool;
use tokio::sync::Semaphore;

use crate::api::refresh::Refresh;
use crate::events::{Store, StoreError};
use crate::guard::{Guard, Keys};
use crate::models::{Models, Served};
use crate::numbers::Numbers;
use crate::problem::Problem;

/// What a front end decides.
pub struct Settings {
    /// The models, the default one first.
    pub models: Models,
    /// Where what people do is kept; none: nothing is.
    pub store: Option<Store>,
    /// Who may ask what.
    pub keys: Keys,
    /// What one client may take.
    pub limits: Limits,
    /// How long between two refits of the models with what has come since; none: only when somebody asks.
    pub refresh_every: Option<Duration>,
}

/// Bounds on everything that a client could make grow.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The longest body of a request, in bytes.
    pub body: usize,
    /// The most events, pairs or ratings in one request.
    pub batch: usize,
    /// The longest list.
    pub list: usize,
    /// How long a request may take, its body included.
    pub time: Duration,
    /// How long the head of a request may take to arrive.
    pub head_time: Duration,
    /// How many requests may be in progress; more are told to come back.
    pub requests: usize,
    /// How many connections may be open; more wait.
    pub connections: usize,
    /// How many requests a second each key, or each address without one, may make on average; none: as many as there are.
    pub rate: Option<std::num::NonZeroU32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 1 << 20,
            batch: 10_000,
            list: 1_000,
            time: Duration::from_secs(30),
            head_time: Duration::from_secs(10),
            requests: 1_024,
            connections: 4_096,
            rate: None,
        }
    }
}

/// The state of the service. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// What is behind an [`App`].
pub struct Inner {
    models: ArcSwap<Models>,
    pub(crate) store: Option<Store>,
    pub(crate) guard: Guard,
    pub(crate) limits: Limits,
    pub(crate) refresh_every: Option<Duration>,
    pub(crate) numbers: Numbers,
    /// A place for each heavy answer that is worked out at the same time.
    pub(crate) places: Semaphore,
    /// The threads on which heavy answers are worked out: one answer alone is shared out among all of them. None where the system grants none.
    pub(crate) workers: Option<ThreadPool>,
    /// One refit at a time.
    pub(crate) refresh: Refresh,
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl App {
    /// The state that these settings start with. Blocks until the store is ready to answer for these models.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn new(settings: Settings) -> Result<Self, StoreError> {
        let Settings { models, store, keys, limits, refresh_every } = settings;
        if let Some(store) = &store {
            store.follow(models.trained_until())?;
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self(Arc::new(Inner {
            models: ArcSwap::from_pointee(models),
            store,
            guard: Guard::new(keys, limits.rate),
            limits,
            refresh_every,
            numbers: Numbers::default(),
            places: Semaphore::new(cores),
            workers: thread_pool(cores).ok(),
            refresh: Refresh::default(),
        })))
    }
}

impl Inner {
    /// The model of that name, or the default one.
    pub(crate) fn model(&self, name: Option<&str>) -> Result<Arc<Served>, Problem> {
        self.models.load().find(name)
    }

    /// The models as they are now.
    pub(crate) fn models(&self) -> Arc<Models> {
        self.models.load_full()
    }

    /// Puts a model in the place of the one with its name. Requests in progress keep the old one until they end.
    pub(crate) fn swap(&self, served: Served) {
        let served = Arc::new(served);
        self.models.rcu(|models| models.with(&served));
    }
}
