//! Which weights meet in which rating: the design matrix in blocks, as the sampler walks it.
//!
//! A rating belongs to a session, all that a user rated on one day, and to an item. Users, days and items are rows of blocks; a row has a weight of its own, and
//! sets whose members' weights it adds up.

use std::collections::BTreeMap;

use crate::data::ids::Item;
use crate::data::ratings::{Ratings, Time};

const SECONDS_A_DAY: Time = 86_400;

/// The days of the training part, increasing, counted from 1970-01-01 UTC.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Calendar(pub(super) Vec<i32>);

impl Calendar {
    /// The day of a time.
    pub(super) fn day(time: Time) -> i32 {
        time.div_euclid(SECONDS_A_DAY) as i32
    }

    /// Where the day of a time stands, if training saw it.
    pub(super) fn find(&self, time: Option<Time>) -> Option<usize> {
        self.0.binary_search(&Self::day(time?)).ok()
    }
}

/// Rows of lists: which members each row has, one row after the other.
#[derive(Debug, Clone, Default)]
pub(super) struct Lists {
    /// Where each row starts, and the end.
    pub(super) starts: Vec<usize>,
    /// The members of all rows.
    pub(super) members: Vec<u32>,
}

impl Lists {
    pub(super) fn of(rows: impl Iterator<Item = Vec<u32>>) -> Self {
        let mut lists = Self { starts: vec![0], members: Vec::new() };
        for row in rows {
            lists.members.extend(row);
            lists.starts.push(lists.members.len());
        }
        lists
    }

    /// How many rows.
    pub(super) fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// The members of a row.
    pub(super) fn row(&self, row: usize) -> &[u32] {
        &self.members[self.starts[row]..self.starts[row + 1]]
    }

    /// For each of `columns` members the rows that have it, increasing.
    pub(super) fn transposed(&self, columns: usize) -> Self {
        let mut starts = vec![0; columns + 1];
        for &member in &self.members {
            starts[member as usize + 1] += 1;
        }
        for column in 0..columns {
            starts[column + 1] += starts[column];
        }
        let (mut next, mut rows) = (starts.clone(), vec![0; self.members.len()]);
        for row in 0..self.rows() {
            for &member in self.row(row) {
                rows[next[member as usize]] = row as u32;
                next[member as usize] += 1;
            }
        }
        Self { starts, members: rows }
    }
}

/// A set that the rows of a block have: x is |set|^−½ for each member.
#[derive(Debug, Clone)]
pub(super) struct SetDesign {
    /// Which columns each row has.
    pub(super) by_row: Lists,
    /// Which rows each column has.
    pub(super) by_column: Lists,
    /// x of each row.
    pub(super) values: Vec<f32>,
    /// x⁴n of each row.
    pub(super) fourths: Vec<f32>,
    /// Σ x⁴n of each column.
    pub(super) column_fourths: Vec<f32>,
}

impl SetDesign {
    /// A set of `columns` members for rows with so many ratings.
    pub(super) fn new(by_row: Lists, columns: usize, counts: &[f32]) -> Self {
        let by_column = by_row.transposed(columns);
        let values: Vec<f32> =
            (0..by_row.rows()).map(|row| 1.0 / (by_row.row(row).len().max(1) as f32).sqrt()).collect();
        let fourths: Vec<f32> = values.iter().zip(counts).map(|(x, n)| x * x * x * x * n).collect();
        let fourth = |column| by_column.row(column).iter().map(|&row| fourths[row as usize]).sum();
        let column_fourths = (0..columns).map(fourth).collect();
        Self { by_row, by_column, values, fourths, column_fourths }
    }

    /// How many members there are, those without a row included.
    pub(super) fn columns(&self) -> usize {
        self.column_fourths.len()
    }

    /// How many members have a row.
    pub(super) fn present(&self) -> usize {
        self.by_column.starts.windows(2).filter(|pair| pair[0] < pair[1]).count()
    }
}

/// The rows of one side and their sets.
#[derive(Debug, Clone)]
pub(super) struct BlockDesign {
    /// How many ratings each row has; a row without any has no weight.
    pub(super) counts: Vec<f32>,
    pub(super) sets: Vec<SetDesign>,
}

impl BlockDesign {
    pub(super) fn present(&self) -> usize {
        self.counts.iter().filter(|&&count| count > 0.0).count()
    }
}

/// What the model is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parts {
    /// Whether the day counts.
    pub(super) day: bool,
    /// Whether a user has the set of what they rated.
    pub(super) user_set: bool,
    /// Whether an item has the set of who rated it.
    pub(super) item_set: bool,
}

/// The whole design.
#[derive(Debug, Clone)]
pub(super) struct Design {
    pub(super) users: BlockDesign,
    pub(super) items: BlockDesign,
    /// Whether the first of the users' sets is what they rated.
    pub(super) user_set: bool,
    /// The days; empty where they do not count.
    pub(super) calendar: Calendar,
    /// The user of each session.
    pub(super) session_user: Vec<u32>,
    /// The day of each session; zero where days do not count.
    pub(super) session_day: Vec<u32>,
    /// How many ratings each session has.
    pub(super) session_counts: Vec<f32>,
    /// The sessions of each user, and of each day.
    pub(super) user_sessions: Lists,
    pub(super) day_sessions: Lists,
    /// How many ratings each day has.
    pub(super) day_counts: Vec<f32>,
    /// The item of each rating, session by session.
    pub(super) session_items: Lists,
    /// The ratings, in that order.
    pub(super) values: Vec<f32>,
    /// For each item the places of its ratings in that order, and their sessions.
    pub(super) item_places: Lists,
    pub(super) item_sessions: Vec<u32>,
}

impl Design {
    /// Cost: O(N log N). `user_extra` and `item_extra` are further sets of the two sides, with how many members they have.
    pub(super) fn new(train: &Ratings, parts: Parts, extra: [Vec<(Lists, usize)>; 2]) -> Self {
        let count = |counts: &mut dyn Iterator<Item = usize>| counts.map(|n| n as f32).collect::<Vec<f32>>();
        let user_counts = count(&mut train.user_counts());
        let item_counts = count(&mut train.item_counts().into_iter());
        let by_user = Lists::of(train.rows().map(|(_, row)| row.items.iter().map(|item| item.0).collect()));
        let by_item = by_user.transposed(train.items());
        let block = |counts: Vec<f32>, rated: Option<(Lists, usize)>, extra: Vec<(Lists, usize)>| {
            let sets = rated.into_iter().chain(extra);
            let sets = sets.map(|(lists, columns)| SetDesign::new(lists, columns, &counts)).collect();
            BlockDesign { counts, sets }
        };
        let [user_extra, item_extra] = extra;
        let users = block(user_counts, parts.user_set.then(|| (by_user, train.items())), user_extra);
        let items = block(item_counts, parts.item_set.then(|| (by_item, train.users())), item_extra);
        Self { user_set: parts.user_set, ..Self::with_blocks(train, users, items, parts.day) }
    }

    fn with_blocks(train: &Ratings, users: BlockDesign, items: BlockDesign, day: bool) -> Self {
        let day_of = |time: Option<Time>| if day { time.map_or(0, Calendar::day) } else { 0 };
        let mut days: Vec<i32> = train.iter().map(|rating| day_of(rating.time)).collect();
        days.sort_unstable();
        days.dedup();
        let (mut session_user, mut session_day, mut session_counts) = (Vec::new(), Vec::new(), Vec::new());
        let (mut values, mut rated) = (Vec::with_capacity(train.len()), Vec::new());
        for (user, row) in train.rows() {
            let mut sessions: BTreeMap<i32, Vec<(Item, f32)>> = BTreeMap::new();
            for rating in row.iter() {
                sessions.entry(day_of(rating.time)).or_default().push((rating.item, rating.value));
            }
            for (day, ratings) in sessions {
                session_user.push(user.0);
                session_day.push(days.binary_search(&day).expect("each day is listed") as u32);
                session_counts.push(ratings.len() as f32);
                values.extend(ratings.iter().map(|(_, value)| *value));
                rated.push(ratings.iter().map(|(item, _)| item.0).collect());
            }
        }
        let session_items = Lists::of(rated.into_iter());
        let item_places = places_of(&session_items, train.items());
        let session_of: Vec<u32> = (0..session_items.rows())
            .flat_map(|session| std::iter::repeat_n(session as u32, session_items.row(session).len()))
            .collect();
        let item_sessions = item_places.members.iter().map(|&place| session_of[place as usize]).collect();
        let single = |owners: &[u32]| Lists::of(owners.iter().map(|&owner| vec![owner]));
        let user_sessions = single(&session_user).transposed(train.users());
        let day_sessions = single(&session_day).transposed(days.len());
        let ratings_of = |sessions: &[u32]| sessions.iter().map(|&s| session_counts[s as usize]).sum();
        let day_counts = (0..day_sessions.rows()).map(|day| ratings_of(day_sessions.row(day))).collect();
        Self {
            users,
            items,
            user_set: false,
            calendar: Calendar(if day { days } else { Vec::new() }),
            session_user,
            session_day,
            session_counts,
            user_sessions,
            day_sessions,
            day_counts,
            session_items,
            values,
            item_places,
            item_sessions,
        }
    }

    /// Whether days count.
    pub(super) fn has_days(&self) -> bool {
        !self.calendar.0.is_empty()
    }

    /// How many sessions.
    pub(super) fn sessions(&self) -> usize {
        self.session_user.len()
    }

    /// How many ratings.
    pub(super) fn ratings(&self) -> usize {
        self.values.len()
    }
}

/// For each item the places where it stands in the lists.
fn places_of(lists: &Lists, items: usize) -> Lists {
    Lists::of(lists.members.iter().map(|&item| vec![item])).transposed(items)
}
