//! What the models have not learned yet, in memory: who did what, and who is to be forgotten.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use cofactor::recommender::HistoryEntry;

use crate::events::{Since, StoreError};

/// Something that has become of the tables.
pub(super) enum Change {
    Event { number: u64, user: Box<str>, item: Box<str>, value: f32 },
    Erased { number: u64, user: Box<str> },
}

/// All changes with numbers from some one on.
#[derive(Default)]
pub(super) struct Held {
    from: u64,
    /// The first number that is not known yet.
    seen: u64,
    users: HashMap<Box<str>, Vec<Entry>>,
    erased: HashMap<Box<str>, u64>,
}

struct Entry {
    number: u64,
    item: Box<str>,
    value: f32,
}

/// The changes, and what keeps them from being followed.
#[derive(Default)]
pub(super) struct Mirror {
    /// Nothing before it is first filled.
    held: RwLock<Option<Held>>,
    problem: RwLock<Option<String>>,
}

impl Held {
    pub(super) fn new(from: u64) -> Self {
        Self { from, seen: from, ..Self::default() }
    }

    /// Takes a change in; one that is known already changes nothing.
    pub(super) fn take(&mut self, change: Change) {
        match change {
            Change::Event { number, user, item, value } => {
                if number < self.from || self.erased.get(&user).is_some_and(|&mark| mark > number) {
                    return;
                }
                let entries = self.users.entry(user).or_default();
                if let Err(place) = entries.binary_search_by_key(&number, |entry| entry.number) {
                    entries.insert(place, Entry { number, item, value });
                }
            }
            Change::Erased { number, user } => {
                if let Some(entries) = self.users.get_mut(&user) {
                    entries.retain(|entry| entry.number > number);
                }
                let mark = self.erased.entry(user).or_default();
                *mark = number.max(*mark);
            }
        }
    }

    /// Notes that all changes from `first` to before `next` have been taken in.
    pub(super) fn complete(&mut self, first: u64, next: u64) {
        if first <= self.seen {
            self.seen = next.max(self.seen);
        }
    }
}

impl Mirror {
    pub(super) fn fill(&self, held: Held) {
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some(held);
    }

    /// Takes in all changes from `first` to before `next`.
    pub(super) fn take(&self, changes: Vec<Change>, first: u64, next: u64) {
        if let Some(held) = self.held.write().unwrap_or_else(PoisonError::into_inner).as_mut() {
            for change in changes {
                held.take(change);
            }
            held.complete(first, next);
        }
    }

    /// The first number that is not known yet; `None` before the mirror is filled.
    pub(super) fn seen(&self) -> Option<u64> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(|held| held.seen)
    }

    /// The first number that it was filled from.
    pub(super) fn from(&self) -> u64 {
        self.held.read().unwrap_or_else(PoisonError::into_inner).as_ref().map_or(0, |held| held.from)
    }

    pub(super) fn of_user_since(&self, user: &str, number: u64) -> Result<Since, StoreError> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let Some(held) = held.as_ref().filter(|held| held.from <= number) else {
            return Err(StoreError::lasting(format!("events from number {number} on are not at hand")));
        };
        let entries = held.users.get(user).map_or(&[][..], Vec::as_slice);
        let first = entries.partition_point(|entry| entry.number < number);
        let entry = |entry: &Entry| HistoryEntry { item: (*entry.item).to_owned(), value: entry.value };
        Ok(Since {
            entries: entries[first..].iter().map(entry).collect(),
            erased: held.erased.get(user).is_some_and(|&mark| mark >= number),
        })
    }

    pub(super) fn forget_before(&self, number: u64) {
        if let Some(held) = self.held.write().unwrap_or_else(PoisonError::into_inner).as_mut() {
            held.from = number.max(held.from);
            held.users.retain(|_, entries| {
                entries.retain(|entry| entry.number >= number);
                entries.shrink_to_fit();
                !entries.is_empty()
            });
            held.erased.retain(|_, mark| *mark >= number);
        }
    }

    pub(super) fn problem(&self) -> Option<String> {
        self.problem.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes whether the server answers, and tells it when that has changed.
    pub(super) fn note(&self, problem: Option<String>) {
        let mut known = self.problem.write().unwrap_or_else(PoisonError::into_inner);
        match (&*known, &problem) {
            (None, Some(problem)) => tracing::error!(problem, "the database of events is lost"),
            (Some(_), None) => tracing::warn!("the database of events answers again"),
            _ => {}
        }
        *known = problem;
    }
}
