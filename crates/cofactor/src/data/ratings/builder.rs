//! From ratings in any order to [`Ratings`]: refusing what no model can be trained on, sorting in place, merging duplicates.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Catalog, Ratings, Scale, Time, Times};
use crate::data::attributes::Attributes;
use crate::data::ids::{IdCollector, IdMap};

/// What to do with a pair of user and item that occurs more than once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Duplicates {
    /// Refuse the data.
    #[default]
    Error,
    /// Keep the latest; without times, the one that comes last in the file.
    Last,
    /// Keep the mean, with the latest time.
    Mean,
    /// Keep the sum, with the latest time: for counts and events.
    Sum,
}

/// Why ratings are refused before anything is trained on them.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Rejected {
    /// NaN or an infinity.
    #[error("rating {row} is {value}, which no model can be trained on")]
    NotFinite {
        /// Which of the ratings given, counted from 1.
        row: usize,
        /// Its value.
        value: f32,
    },
    /// Outside the declared scale.
    #[error("rating {row} is {value}, outside the declared scale of {} to {}", scale.min, scale.max)]
    OutsideScale {
        /// Which of the ratings given, counted from 1.
        row: usize,
        /// Its value.
        value: f32,
        /// The scale.
        scale: Scale,
    },
    /// Pairs that occur more than once, under [`Duplicates::Error`].
    #[error("{} ratings repeat a pair of user and item, the first of them {:?}", .0.surplus, .0.first.first())]
    Duplicates(DuplicatePairs),
}

/// Pairs that occur more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicatePairs {
    /// How many ratings are too many.
    pub surplus: usize,
    /// The first few pairs, by raw ids.
    pub first: Vec<(String, String)>,
}

/// Takes ratings in any order and makes [`Ratings`] of them.
///
/// Memory: 12 bytes a rating, 16 with times; [`Self::finish`] sorts in place.
#[derive(Debug, Default)]
pub struct RatingsBuilder {
    users: IdCollector,
    items: IdCollector,
    user_numbers: Vec<u32>,
    item_numbers: Vec<u32>,
    values: Vec<f32>,
    times: Option<Times>,
}

impl RatingsBuilder {
    /// A builder of ratings that all have a time, or all have none.
    pub fn new(with_times: bool) -> Self {
        Self { times: with_times.then(Times::default), ..Self::default() }
    }

    /// The collectors of user and item ids: number an id there, then hand the number to [`Self::push_numbers`].
    pub fn ids(&mut self) -> (&mut IdCollector, &mut IdCollector) {
        (&mut self.users, &mut self.items)
    }

    /// Appends a rating whose ids have been numbered. The time must be there if the builder has times.
    pub fn push_numbers(&mut self, user: u32, item: u32, value: f32, time: Option<Time>) {
        self.user_numbers.push(user);
        self.item_numbers.push(item);
        self.values.push(value);
        if let Some(times) = &mut self.times {
            times.push(time.expect("a builder with times is given each"));
        }
    }

    /// Appends a rating by raw ids.
    pub fn push(&mut self, user: &str, item: &str, value: f32, time: Option<Time>) {
        let (user, item) = (self.users.number(user), self.items.number(item));
        self.push_numbers(user, item, value, time);
    }

    /// How many ratings have come so far.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether none has come.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The lowest and the highest value so far.
    pub fn range(&self) -> Option<Scale> {
        let first = *self.values.first()?;
        let (min, max) = self.values.iter().fold((first, first), |(min, max), &v| (min.min(v), max.max(v)));
        Some(Scale { min, max })
    }

    /// Sorts by user and item, treats duplicate pairs by `policy`, and gives the ratings.
    ///
    /// `attributes` is asked for the columns of users and items once the ids are known. The scale is `declared`, or the range
    /// seen. Cost: linear, but for sorting each user's row.
    ///
    /// # Errors
    /// A rating that is not finite or not on the declared scale; pairs that occur more than once, under [`Duplicates::Error`].
    pub fn finish(
        self,
        name: &str,
        declared: Option<Scale>,
        policy: Duplicates,
        attributes: impl FnOnce(&IdMap, &IdMap) -> (Attributes, Attributes),
    ) -> Result<Ratings, Rejected> {
        check_values(&self.values, declared)?;
        let (ratings, duplicates) = self.finish_merged(name, declared, policy, attributes);
        if policy == Duplicates::Error && duplicates.surplus > 0 {
            return Err(Rejected::Duplicates(duplicates));
        }
        // A sum of finite ratings need not be finite.
        check_values(ratings.values(), None)?;
        Ok(ratings)
    }

    /// The same, with the pairs that occur more than once under any policy; [`Duplicates::Error`] keeps the last of each.
    pub fn finish_merged(
        self,
        name: &str,
        declared: Option<Scale>,
        policy: Duplicates,
        attributes: impl FnOnce(&IdMap, &IdMap) -> (Attributes, Attributes),
    ) -> (Ratings, DuplicatePairs) {
        let seen = self.range();
        let (users, user_ranks) = self.users.finish();
        let (items, item_ranks) = self.items.finish();
        let mut columns = Columns { items: self.item_numbers, values: self.values, times: self.times };
        for number in &mut columns.items {
            *number = item_ranks[*number as usize];
        }
        let starts = columns.sort_by_user(self.user_numbers, &user_ranks);
        columns.sort_rows(&starts);
        let (surplus, first) = columns.duplicates(&starts);
        let raw_pair = |&(user, item): &(usize, u32)| {
            (users.raw(user).to_string(), items.raw(item as usize).to_string())
        };
        let duplicates = DuplicatePairs { surplus, first: first.iter().map(raw_pair).collect() };
        let starts = if surplus > 0 { columns.merge(&starts, policy) } else { starts };
        let range = if surplus > 0 { range_of(&columns.values) } else { seen };
        let (user_attributes, item_attributes) = attributes(&users, &items);
        let catalog = Catalog { name: name.to_owned(), users, items, user_attributes, item_attributes };
        let ratings = Ratings::of(
            Arc::new(catalog),
            declared.or(range).unwrap_or(Scale { min: 0.0, max: 0.0 }),
            starts,
            bytemuck::cast_vec(columns.items),
            columns.values,
            columns.times,
        );
        (ratings, duplicates)
    }
}

fn check_values(values: &[f32], declared: Option<Scale>) -> Result<(), Rejected> {
    for (position, &value) in values.iter().enumerate() {
        let row = position + 1;
        if !value.is_finite() {
            return Err(Rejected::NotFinite { row, value });
        }
        if let Some(scale) = declared
            && scale.clip(value) != value
        {
            return Err(Rejected::OutsideScale { row, value, scale });
        }
    }
    Ok(())
}

fn range_of(values: &[f32]) -> Option<Scale> {
    values.iter().fold(None, |range: Option<Scale>, &v| {
        Some(range.map_or(Scale { min: v, max: v }, |r| Scale { min: r.min.min(v), max: r.max.max(v) }))
    })
}

/// The columns that are sorted together.
struct Columns {
    items: Vec<u32>,
    values: Vec<f32>,
    times: Option<Times>,
}

impl Columns {
    /// A stable counting sort by user, in place: the user column becomes the column of destinations, and each cycle of that
    /// permutation is followed once. Returns where each user's ratings start.
    fn sort_by_user(&mut self, mut user_numbers: Vec<u32>, ranks: &[u32]) -> Vec<usize> {
        assert!(u32::try_from(user_numbers.len()).is_ok(), "at most 2^32 - 1 ratings, which readers check");
        let mut starts = vec![0; ranks.len() + 1];
        for number in &user_numbers {
            starts[ranks[*number as usize] as usize + 1] += 1;
        }
        for user in 0..ranks.len() {
            starts[user + 1] += starts[user];
        }
        let mut next: Vec<u32> = starts[..ranks.len()].iter().map(|&start| start as u32).collect();
        for number in &mut user_numbers {
            let position = &mut next[ranks[*number as usize] as usize];
            *number = *position;
            *position += 1;
        }
        let mut destinations = user_numbers;
        for position in 0..destinations.len() {
            while destinations[position] as usize != position {
                let destination = destinations[position] as usize;
                self.swap(position, destination);
                destinations.swap(position, destination);
            }
        }
        starts
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.items.swap(a, b);
        self.values.swap(a, b);
        if let Some(times) = &mut self.times {
            times.swap(a, b);
        }
    }

    /// Sorts each row by item; equal items by time, then by their order in the file.
    fn sort_rows(&mut self, starts: &[usize]) {
        let (mut keys, mut values, mut times) = (Vec::new(), Vec::new(), Vec::new());
        for bounds in starts.windows(2) {
            let (start, range) = (bounds[0], bounds[0]..bounds[1]);
            if self.items[range.clone()].is_sorted_by(|a, b| a < b) {
                continue;
            }
            // The item above, the position below: integers sort several times as fast as tuples.
            keys.clear();
            keys.extend(range.clone().map(|p| u64::from(self.items[p]) << 32 | (p - start) as u64));
            keys.sort_unstable();
            let source = |key: u64| start + (key as u32) as usize;
            if let Some(column) = &mut self.times {
                for run in keys.chunk_by_mut(|a, b| a >> 32 == b >> 32).filter(|run| run.len() > 1) {
                    run.sort_by_key(|&key| column.get(source(key)));
                }
                times.clear();
                times.extend(keys.iter().map(|&key| column.get(source(key))));
                for (position, &time) in range.clone().zip(&times) {
                    column.set(position, time);
                }
            }
            values.clear();
            values.extend(keys.iter().map(|&key| self.values[source(key)]));
            self.values[range.clone()].copy_from_slice(&values);
            for (item, &key) in self.items[range].iter_mut().zip(&keys) {
                *item = (key >> 32) as u32;
            }
        }
    }

    /// How many ratings repeat a pair, and the first few such pairs.
    fn duplicates(&self, starts: &[usize]) -> (usize, Vec<(usize, u32)>) {
        const SHOWN: usize = 5;
        let (mut surplus, mut first) = (0, Vec::new());
        for (user, bounds) in starts.windows(2).enumerate() {
            for pair in self.items[bounds[0]..bounds[1]].windows(2).filter(|pair| pair[0] == pair[1]) {
                surplus += 1;
                if first.len() < SHOWN && first.last() != Some(&(user, pair[0])) {
                    first.push((user, pair[0]));
                }
            }
        }
        (surplus, first)
    }

    /// Makes one rating of each run of equal pairs; returns the new starts.
    fn merge(&mut self, starts: &[usize], policy: Duplicates) -> Vec<usize> {
        let mut merged_starts = vec![0];
        let mut kept = 0;
        for bounds in starts.windows(2) {
            let mut position = bounds[0];
            while position < bounds[1] {
                let item = self.items[position];
                let mut end = position + 1;
                while end < bounds[1] && self.items[end] == item {
                    end += 1;
                }
                let run = &self.values[position..end];
                let sum: f64 = run.iter().map(|&value| f64::from(value)).sum();
                let value = match policy {
                    Duplicates::Error | Duplicates::Last => run[run.len() - 1],
                    Duplicates::Mean => (sum / run.len() as f64) as f32,
                    Duplicates::Sum => sum as f32,
                };
                self.items[kept] = item;
                self.values[kept] = value;
                if let Some(times) = &mut self.times {
                    times.set(kept, times.get(end - 1));
                }
                kept += 1;
                position = end;
            }
            merged_starts.push(kept);
        }
        self.items.truncate(kept);
        self.values.truncate(kept);
        if let Some(times) = &mut self.times {
            times.truncate(kept);
        }
        merged_starts
    }
}
