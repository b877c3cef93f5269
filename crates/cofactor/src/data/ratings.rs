//! The ratings: immutable, sorted by user and item, with a view by item made when it is first asked for.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::attributes::Attributes;
use super::ids::{IdCollector, IdMap, Item, RawId, User};

/// Seconds since 1970-01-01 UTC.
pub type Time = i64;

/// Who and what the indices stand for: shared by a data set and all its parts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    /// The data set's name, or its file's.
    pub name: String,
    /// The users' raw ids.
    pub users: IdMap,
    /// The items' raw ids.
    pub items: IdMap,
    /// What is known of the users.
    pub user_attributes: Attributes,
    /// What is known of the items.
    pub item_attributes: Attributes,
}

impl Default for IdMap {
    fn default() -> Self {
        Self::Integers(Vec::new())
    }
}

impl Catalog {
    /// An item's raw id.
    pub fn item_id(&self, item: Item) -> RawId<'_> {
        self.items.raw(item.index())
    }

    /// A user's raw id.
    pub fn user_id(&self, user: User) -> RawId<'_> {
        self.users.raw(user.index())
    }

    /// What to call an item before a person: its title, or its raw id.
    pub fn item_name(&self, item: Item) -> String {
        match self.item_attributes.title(item.index()) {
            Some(title) => title.to_owned(),
            None => self.item_id(item).to_string(),
        }
    }
}

/// The range that ratings may take.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// The lowest rating.
    pub min: f32,
    /// The highest rating.
    pub max: f32,
}

impl Scale {
    /// The nearest value on the scale.
    pub fn clip(self, value: f32) -> f32 {
        value.clamp(self.min, self.max)
    }
}

/// One rating.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rating {
    /// Who.
    pub user: User,
    /// What.
    pub item: Item,
    /// How much.
    pub value: f32,
    /// When, if the data say.
    pub time: Option<Time>,
}

/// The ratings of one data set, or of one part of it.
///
/// Rows are users; within a row the items increase. No pair of user and item occurs twice. Memory: 8 bytes a rating, 12 with times
/// (20 with times more than 136 years apart), and 8 more once [`Self::by_item`] has been asked for.
#[derive(Debug, Clone)]
pub struct Ratings {
    catalog: Arc<Catalog>,
    scale: Scale,
    /// `starts[u]..starts[u+1]` are the positions of user `u`'s ratings; m + 1 entries.
    starts: Vec<usize>,
    items: Vec<Item>,
    values: Vec<f32>,
    times: Option<Times>,
    by_item: OnceLock<ByItem>,
}

impl Ratings {
    /// Ratings without times from compressed rows, as [`Self::rows_compressed`] gives them.
    ///
    /// # Errors
    /// What is wrong with the rows, in words: they come from a file.
    pub fn from_rows(
        catalog: Arc<Catalog>,
        scale: Scale,
        starts: Vec<usize>,
        items: Vec<Item>,
        values: Vec<f32>,
    ) -> Result<Self, &'static str> {
        let n = catalog.items.len();
        if starts.len() != catalog.users.len() + 1 {
            return Err("there is not one start for each user and one for the end");
        }
        if starts[0] != 0 || !starts.is_sorted() || starts[starts.len() - 1] != items.len() {
            return Err("the rows' starts do not increase from zero to the number of ratings");
        }
        if items.len() != values.len() {
            return Err("there is not one value for each item");
        }
        let increasing = |bounds: &[usize]| items[bounds[0]..bounds[1]].is_sorted_by(|a, b| a < b);
        if !starts.windows(2).all(increasing) || items.iter().any(|item| item.index() >= n) {
            return Err("a row's items do not increase, or are not in the catalogue");
        }
        if values.iter().any(|value| !value.is_finite()) {
            return Err("a rating is not a finite number");
        }
        Ok(Self { catalog, scale, starts, items, values, times: None, by_item: OnceLock::new() })
    }

    /// Where each user's row starts (m + 1 entries), all items and all values.
    pub fn rows_compressed(&self) -> (&[usize], &[Item], &[f32]) {
        (&self.starts, &self.items, &self.values)
    }

    /// What the indices stand for.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// The range of the ratings: declared, or seen when the whole data set was read.
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// How many users the catalogue has: m. Some may have no rating in this part.
    pub fn users(&self) -> usize {
        self.starts.len() - 1
    }

    /// How many items the catalogue has: n. Some may have no rating in this part.
    pub fn items(&self) -> usize {
        self.catalog.items.len()
    }

    /// How many ratings there are: N.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Whether each rating has a time.
    pub fn has_times(&self) -> bool {
        self.times.is_some()
    }

    /// The ratings of one user.
    pub fn row(&self, user: User) -> Row<'_> {
        let range = self.starts[user.index()]..self.starts[user.index() + 1];
        Row {
            items: &self.items[range.clone()],
            values: &self.values[range.clone()],
            times: self.times.as_ref().map(|times| times.slice(range)),
        }
    }

    /// All users' rows in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = (User, Row<'_>)> {
        (0..self.users()).map(|index| (User(index as u32), self.row(User(index as u32))))
    }

    /// All ratings, by user and then item.
    pub fn iter(&self) -> impl Iterator<Item = Rating> + '_ {
        self.rows().flat_map(|(user, row)| row.iter().map(move |rated| rated.by(user)))
    }

    /// All values, in the order of [`Self::iter`].
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The number of ratings of each user; m entries.
    pub fn user_counts(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.starts.windows(2).map(|pair| pair[1] - pair[0])
    }

    /// The number of ratings of each item; n entries.
    pub fn item_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.items()];
        for item in &self.items {
            counts[item.index()] += 1;
        }
        counts
    }

    /// The mean rating; zero where there is none.
    pub fn mean(&self) -> f64 {
        if self.is_empty() {
            return 0.0;
        }
        self.values.iter().map(|&value| f64::from(value)).sum::<f64>() / self.len() as f64
    }

    /// The same ratings by item. Made at the first call; 8 bytes a rating.
    pub fn by_item(&self) -> &ByItem {
        self.by_item.get_or_init(|| ByItem::of(self))
    }

    /// The first and the last time, if there are times and ratings.
    pub fn time_span(&self) -> Option<(Time, Time)> {
        let times = self.times.as_ref()?;
        let all = times.slice(0..self.len());
        (0..self.len()).map(|position| all.get(position)).fold(None, |span, time| match span {
            None => Some((time, time)),
            Some((first, last)) => Some((time.min(first), time.max(last))),
        })
    }

    /// The part that holds the ratings for which `keep` says yes, called once for each in the order of
    /// [`Self::iter`]; ids, scale and attributes are shared.
    #[must_use]
    pub fn filter(&self, mut keep: impl FnMut(Rating) -> bool) -> Self {
        let mut starts = Vec::with_capacity(self.starts.len());
        let (mut items, mut values) = (Vec::new(), Vec::new());
        let mut times = self.times.as_ref().map(|_| Times::default());
        starts.push(0);
        for (user, row) in self.rows() {
            for rated in row.iter().filter(|rated| keep(rated.by(user))) {
                items.push(rated.item);
                values.push(rated.value);
                if let (Some(times), Some(time)) = (&mut times, rated.time) {
                    times.push(time);
                }
            }
            starts.push(items.len());
        }
        Self {
            catalog: Arc::clone(&self.catalog),
            scale: self.scale,
            starts,
            items,
            values,
            times,
            by_item: OnceLock::new(),
        }
    }

    /// SHA-256 over every raw id, item, value and time in order: the same for the same ratings in a file of any
    /// order or format. 64 hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        let mut record = Vec::new();
        for (user, row) in self.rows().filter(|(_, row)| !row.is_empty()) {
            record.clear();
            record.extend_from_slice(self.catalog.user_id(user).to_string().as_bytes());
            record.push(0);
            record.extend_from_slice(&(row.len() as u64).to_le_bytes());
            for rated in row.iter() {
                match self.catalog.item_id(rated.item) {
                    RawId::Integer(id) => record.extend_from_slice(&id.to_le_bytes()),
                    RawId::Text(id) => {
                        record.extend_from_slice(id.as_bytes());
                        record.push(0);
                    }
                }
                record.extend_from_slice(&rated.value.to_le_bytes());
                record.extend_from_slice(&rated.time.unwrap_or(Time::MIN).to_le_bytes());
            }
            hash.update(&record);
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What one user rated, or the ratings that somebody new brings along; items increase.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The items, increasing.
    pub items: &'a [Item],
    /// The ratings, one each.
    pub values: &'a [f32],
    /// The times, where there are any.
    pub times: Option<TimesSlice<'a>>,
}

/// One entry of a [`Row`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rated {
    /// What.
    pub item: Item,
    /// How much.
    pub value: f32,
    /// When, if the data say.
    pub time: Option<Time>,
}

impl Rated {
    /// With its user.
    pub fn by(self, user: User) -> Rating {
        Rating { user, item: self.item, value: self.value, time: self.time }
    }
}

impl<'a> Row<'a> {
    /// A row without times. The items must increase and be as many as the values.
    pub fn new(items: &'a [Item], values: &'a [f32]) -> Self {
        assert_eq!(items.len(), values.len(), "one value for each item");
        assert!(items.is_sorted_by(|a, b| a < b), "items increase");
        Self { items, values, times: None }
    }

    /// How many ratings.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether the item is among them; a binary search.
    pub fn contains(&self, item: Item) -> bool {
        self.items.binary_search(&item).is_ok()
    }

    /// The entries in order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = Rated> + 'a {
        (0..self.items.len()).map(move |position| Rated {
            item: self.items[position],
            value: self.values[position],
            time: self.times.map(|times| times.get(position)),
        })
    }
}

/// The view by item: for each item its users, increasing, and their ratings.
#[derive(Debug, Clone)]
pub struct ByItem {
    starts: Vec<usize>,
    users: Vec<User>,
    values: Vec<f32>,
}

impl ByItem {
    /// Who rated the item, increasing, and how.
    pub fn column(&self, item: Item) -> (&[User], &[f32]) {
        let range = self.starts[item.index()]..self.starts[item.index() + 1];
        (&self.users[range.clone()], &self.values[range])
    }

    /// A counting sort: users increase within an item because they are visited in order.
    fn of(ratings: &Ratings) -> Self {
        let mut starts = Vec::with_capacity(ratings.items() + 1);
        starts.push(0);
        for count in ratings.item_counts() {
            starts.push(starts[starts.len() - 1] + count);
        }
        let mut next = starts.clone();
        let mut users = vec![User(0); ratings.len()];
        let mut values = vec![0.0; ratings.len()];
        for rating in ratings.iter() {
            let position = &mut next[rating.item.index()];
            users[*position] = rating.user;
            values[*position] = rating.value;
            *position += 1;
        }
        Self { starts, users, values }
    }
}

/// A column of times in 4 bytes each while they lie within 68 years of the first, in 8 bytes otherwise.
#[derive(Debug, Clone, PartialEq)]
pub enum Times {
    /// `origin + offset`.
    Near {
        /// The smallest time that an offset can express.
        origin: Time,
        /// Seconds after the origin.
        offsets: Vec<u32>,
    },
    /// As they are.
    Wide(Vec<Time>),
}

impl Default for Times {
    fn default() -> Self {
        Self::Near { origin: 0, offsets: Vec::new() }
    }
}

impl Times {
    /// Appends one time.
    pub fn push(&mut self, time: Time) {
        if let Self::Near { origin, offsets } = self {
            if offsets.is_empty() {
                *origin = time.saturating_sub(1 << 31);
            }
            if let Some(offset) = time.checked_sub(*origin).and_then(|offset| u32::try_from(offset).ok()) {
                offsets.push(offset);
                return;
            }
            let wide = offsets.iter().map(|&offset| *origin + Time::from(offset)).collect();
            *self = Self::Wide(wide);
        }
        if let Self::Wide(times) = self {
            times.push(time);
        }
    }

    fn swap(&mut self, a: usize, b: usize) {
        match self {
            Self::Near { offsets, .. } => offsets.swap(a, b),
            Self::Wide(times) => times.swap(a, b),
        }
    }

    fn get(&self, position: usize) -> Time {
        self.slice(position..position + 1).get(0)
    }

    fn set(&mut self, position: usize, time: Time) {
        match self {
            Self::Near { origin, offsets } => offsets[position] = (time - *origin) as u32,
            Self::Wide(times) => times[position] = time,
        }
    }

    fn truncate(&mut self, len: usize) {
        match self {
            Self::Near { offsets, .. } => offsets.truncate(len),
            Self::Wide(times) => times.truncate(len),
        }
    }

    fn slice(&self, range: std::ops::Range<usize>) -> TimesSlice<'_> {
        match self {
            Self::Near { origin, offsets } => TimesSlice::Near { origin: *origin, offsets: &offsets[range] },
            Self::Wide(times) => TimesSlice::Wide(&times[range]),
        }
    }
}

/// Some of the [`Times`].
#[derive(Debug, Clone, Copy)]
pub enum TimesSlice<'a> {
    /// `origin + offset`.
    Near {
        /// The smallest time that an offset can express.
        origin: Time,
        /// Seconds after the origin.
        offsets: &'a [u32],
    },
    /// As they are.
    Wide(&'a [Time]),
}

impl TimesSlice<'_> {
    /// The time at a position.
    pub fn get(self, position: usize) -> Time {
        match self {
            Self::Near { origin, offsets } => origin + Time::from(offsets[position]),
            Self::Wide(times) => times[position],
        }
    }
}

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
        check_values(&ratings.values, None)?;
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
        let ratings = Ratings {
            catalog: Arc::new(catalog),
            scale: declared.or(range).unwrap_or(Scale { min: 0.0, max: 0.0 }),
            starts,
            items: bytemuck::cast_vec(columns.items),
            values: columns.values,
            times: columns.times,
            by_item: OnceLock::new(),
        };
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    type Triple = (u8, u8, i8, i64);

    fn build(triples: &[Triple], policy: Duplicates) -> Result<Ratings, Rejected> {
        let mut builder = RatingsBuilder::new(true);
        for (user, item, value, time) in triples {
            builder.push(&user.to_string(), &item.to_string(), f32::from(*value), Some(*time));
        }
        builder.finish("test", None, policy, |_, _| Default::default())
    }

    fn listed(ratings: &Ratings) -> Vec<Triple> {
        let catalog = ratings.catalog();
        ratings
            .iter()
            .map(|r| {
                let user = catalog.user_id(r.user).to_string().parse().unwrap();
                let item = catalog.item_id(r.item).to_string().parse().unwrap();
                (user, item, r.value as i8, r.time.unwrap())
            })
            .collect()
    }

    #[test]
    fn each_policy_for_duplicates() {
        let triples = [(1, 1, 4, 20), (2, 1, 3, 5), (1, 1, 2, 10), (1, 0, 5, 1)];
        let refused = build(&triples, Duplicates::Error).unwrap_err();
        let pairs = DuplicatePairs { surplus: 1, first: vec![("1".into(), "1".into())] };
        assert_eq!(refused, Rejected::Duplicates(pairs));
        let of = |policy| listed(&build(&triples, policy).unwrap())[1];
        assert_eq!(of(Duplicates::Last), (1, 1, 4, 20));
        assert_eq!(of(Duplicates::Mean), (1, 1, 3, 20));
        assert_eq!(of(Duplicates::Sum), (1, 1, 6, 20));
    }

    #[test]
    fn what_is_not_finite_or_off_the_scale_is_refused_with_its_row() {
        for (value, declared) in
            [(f32::NAN, None), (f32::INFINITY, None), (6.0, Some(Scale { min: 1.0, max: 5.0 }))]
        {
            let mut builder = RatingsBuilder::new(false);
            builder.push("a", "b", 1.0, None);
            builder.push("a", "c", value, None);
            let refused =
                builder.finish("test", declared, Duplicates::Sum, |_, _| Default::default()).unwrap_err();
            assert!(refused.to_string().starts_with(&format!("rating 2 is {value}, ")), "{refused}");
        }
    }

    #[test]
    fn times_far_apart_are_kept() {
        let triples = [(1, 1, 1, i64::MIN), (1, 2, 1, i64::MAX), (1, 3, 1, 0), (0, 3, 1, -7)];
        let ratings = build(&triples, Duplicates::Error).unwrap();
        assert_eq!(ratings.time_span(), Some((i64::MIN, i64::MAX)));
        assert_eq!(listed(&ratings)[0], (0, 3, 1, -7));
    }

    #[test]
    fn the_fingerprint_ignores_the_order_of_the_file() {
        let forward = build(&[(1, 1, 4, 20), (2, 1, 3, 5), (1, 2, 2, 10)], Duplicates::Error).unwrap();
        let backward = build(&[(1, 2, 2, 10), (2, 1, 3, 5), (1, 1, 4, 20)], Duplicates::Error).unwrap();
        let other = build(&[(1, 2, 2, 10), (2, 1, 3, 5), (1, 1, 4, 21)], Duplicates::Error).unwrap();
        assert_eq!(forward.fingerprint(), backward.fingerprint());
        assert_ne!(forward.fingerprint(), other.fingerprint());
    }

    proptest! {
        #[test]
        fn building_sorts_and_keeps_everything(
            cells in proptest::collection::btree_map((0_u8..9, 0_u8..9), (-5_i8..5, -9_i64..9), 0..60),
            shuffle in any::<u64>(),
        ) {
            let mut triples: Vec<Triple> = cells.iter().map(|(&(u, i), &(v, t))| (u, i, v, t)).collect();
            let sorted = triples.clone();
            triples.sort_by_key(|&(u, i, _, _)| (u64::from(u) * 31 + u64::from(i) * 17) ^ (shuffle >> 3));
            let ratings = build(&triples, Duplicates::Error).unwrap();
            prop_assert_eq!(listed(&ratings), sorted);
            let by_item: BTreeMap<(u32, u32), f32> =
                ratings.iter().map(|r| ((r.item.0, r.user.0), r.value)).collect();
            let mut listed_by_item = Vec::new();
            for item in 0..ratings.items() {
                let (users, values) = ratings.by_item().column(Item(item as u32));
                listed_by_item.extend(users.iter().zip(values).map(|(u, &v)| ((item as u32, u.0), v)));
            }
            prop_assert_eq!(listed_by_item, by_item.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn a_filter_divides_the_ratings(
            cells in proptest::collection::btree_map((0_u8..9, 0_u8..9), (-5_i8..5, -9_i64..9), 1..60),
            modulus in 1_u32..4,
        ) {
            let triples: Vec<Triple> = cells.iter().map(|(&(u, i), &(v, t))| (u, i, v, t)).collect();
            let ratings = build(&triples, Duplicates::Error).unwrap();
            let chosen = |r: Rating| (r.user.0 + r.item.0).is_multiple_of(modulus);
            let (yes, no) = (ratings.filter(chosen), ratings.filter(|r| !chosen(r)));
            let mut together: Vec<Triple> = listed(&yes).into_iter().chain(listed(&no)).collect();
            together.sort_unstable();
            prop_assert_eq!(together, triples);
        }
    }
}
