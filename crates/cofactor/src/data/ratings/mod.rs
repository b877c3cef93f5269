//! The ratings: immutable, sorted by user and item, with a view by item made when it is first asked for.

mod builder;
#[cfg(test)]
mod tests;
mod times;

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::attributes::Attributes;
use super::ids::{IdMap, Item, RawId, User};
use crate::error::Error;

pub use builder::{DuplicatePairs, Duplicates, RatingsBuilder, Rejected};
pub use times::{Times, TimesSlice};

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
/// (20 with times more than 136 years apart), and 8 more once [`Self::by_item`] has been asked for. A clone shares them all.
#[derive(Debug, Clone)]
pub struct Ratings(Arc<Table>);

#[derive(Debug)]
struct Table {
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
        Ok(Self::of(catalog, scale, starts, items, values, None))
    }

    fn of(
        catalog: Arc<Catalog>,
        scale: Scale,
        starts: Vec<usize>,
        items: Vec<Item>,
        values: Vec<f32>,
        times: Option<Times>,
    ) -> Self {
        Self(Arc::new(Table { catalog, scale, starts, items, values, times, by_item: OnceLock::new() }))
    }

    /// Where each user's row starts (m + 1 entries), all items and all values.
    pub fn rows_compressed(&self) -> (&[usize], &[Item], &[f32]) {
        (&self.0.starts, &self.0.items, &self.0.values)
    }

    /// What the indices stand for.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.0.catalog
    }

    /// The range of the ratings: declared, or seen when the whole data set was read.
    pub fn scale(&self) -> Scale {
        self.0.scale
    }

    /// How many users the catalogue has: m. Some may have no rating in this part.
    pub fn users(&self) -> usize {
        self.0.starts.len() - 1
    }

    /// How many items the catalogue has: n. Some may have no rating in this part.
    pub fn items(&self) -> usize {
        self.0.catalog.items.len()
    }

    /// How many ratings there are: N.
    pub fn len(&self) -> usize {
        self.0.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.values.is_empty()
    }

    /// Whether each rating has a time.
    pub fn has_times(&self) -> bool {
        self.0.times.is_some()
    }

    /// The ratings of one user.
    pub fn row(&self, user: User) -> Row<'_> {
        let range = self.0.starts[user.index()]..self.0.starts[user.index() + 1];
        Row {
            items: &self.0.items[range.clone()],
            values: &self.0.values[range.clone()],
            times: self.0.times.as_ref().map(|times| times.slice(range)),
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
        &self.0.values
    }

    /// The number of ratings of each user; m entries.
    pub fn user_counts(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.0.starts.windows(2).map(|pair| pair[1] - pair[0])
    }

    /// The number of ratings of each item; n entries.
    pub fn item_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.items()];
        for item in &self.0.items {
            counts[item.index()] += 1;
        }
        counts
    }

    /// The mean rating; zero where there is none.
    pub fn mean(&self) -> f64 {
        if self.is_empty() {
            return 0.0;
        }
        self.0.values.iter().map(|&value| f64::from(value)).sum::<f64>() / self.len() as f64
    }

    /// The same ratings by item. Made at the first call; 8 bytes a rating.
    pub fn by_item(&self) -> &ByItem {
        self.0.by_item.get_or_init(|| ByItem::of(self))
    }

    /// The first and the last time, if there are times and ratings.
    pub fn time_span(&self) -> Option<(Time, Time)> {
        let times = self.0.times.as_ref()?;
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
        self.revalued(|rating| keep(rating).then_some(rating.value))
    }

    /// The part that holds the ratings which `value` gives a value, with that value, which must be finite; it is called once for each in the order of
    /// [`Self::iter`]. Ids, scale and attributes are shared.
    #[must_use]
    pub fn revalued(&self, mut value: impl FnMut(Rating) -> Option<f32>) -> Self {
        let mut starts = Vec::with_capacity(self.0.starts.len());
        let (mut items, mut values) = (Vec::new(), Vec::new());
        let mut times = self.0.times.as_ref().map(|_| Times::default());
        starts.push(0);
        for (user, row) in self.rows() {
            for rated in row.iter() {
                let Some(value) = value(rated.by(user)) else { continue };
                items.push(rated.item);
                values.push(value);
                if let (Some(times), Some(time)) = (&mut times, rated.time) {
                    times.push(time);
                }
            }
            starts.push(items.len());
        }
        Self::of(Arc::clone(&self.0.catalog), self.0.scale, starts, items, values, times)
    }

    /// The same ratings by the indices of another catalogue. Cost: O(N), and a lookup for each user and item.
    ///
    /// # Errors
    /// [`Error::UnknownId`] names a user or an item that the catalogue has not got.
    pub fn aligned(&self, catalog: &Arc<Catalog>) -> Result<Self, Error> {
        let own = self.catalog();
        if Arc::ptr_eq(own, catalog) {
            return Ok(self.clone());
        }
        let mut rows: Vec<Vec<(Rated, usize)>> = vec![Vec::new(); catalog.users.len()];
        let items: Vec<Option<usize>> = own.items.iter().map(|id| catalog.items.find(id)).collect();
        for (user, row) in self.rows().filter(|(_, row)| !row.is_empty()) {
            let id = own.user_id(user);
            let place = catalog.users.find(id).ok_or_else(|| elsewhere("user", id))?;
            for rated in row.iter() {
                let item = items[rated.item.index()];
                let item = item.ok_or_else(|| elsewhere("item", own.item_id(rated.item)))?;
                rows[place].push((rated, item));
            }
        }
        let mut starts = vec![0];
        let (mut items, mut values) = (Vec::with_capacity(self.len()), Vec::with_capacity(self.len()));
        let mut times = self.0.times.as_ref().map(|_| Times::default());
        for mut row in rows {
            row.sort_unstable_by_key(|&(_, item)| item);
            for (rated, item) in row {
                items.push(Item(item as u32));
                values.push(rated.value);
                if let (Some(times), Some(time)) = (&mut times, rated.time) {
                    times.push(time);
                }
            }
            starts.push(items.len());
        }
        Ok(Self::of(Arc::clone(catalog), self.0.scale, starts, items, values, times))
    }

    /// SHA-256 over every raw id, item, value and time in order: the same for the same ratings in a file of any
    /// order or format. 64 hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        let mut record = Vec::new();
        for (user, row) in self.rows().filter(|(_, row)| !row.is_empty()) {
            record.clear();
            record.extend_from_slice(self.0.catalog.user_id(user).to_string().as_bytes());
            record.push(0);
            record.extend_from_slice(&(row.len() as u64).to_le_bytes());
            for rated in row.iter() {
                match self.0.catalog.item_id(rated.item) {
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

#[cold]
fn elsewhere(side: &'static str, id: RawId<'_>) -> Error {
    let hint =
        "these ratings go with others, in which it does not occur: make both parts by one split".to_owned();
    Error::UnknownId { side, id: id.to_string(), hint }
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
