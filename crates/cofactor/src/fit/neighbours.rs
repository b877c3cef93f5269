//! Which items are rated by the same users, or which users rate the same items, and what those ratings say of each pair.
//!
//! The rows that are compared are called members, the rows of the other side witnesses: two items are compared by the users who
//! rated both, two users by the items that both rated.

use bytemuck::Pod;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::model::Tensors;
use super::run::Run;
use crate::data::ids::{Item, User};
use crate::data::ratings::Ratings;
use crate::error::{Error, Result};

/// Who or what is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Items, by the users who rated both.
    Item,
    /// Users, by the items that both rated.
    User,
}

/// The ratings of one training part seen from both sides. Memory: 16 bytes a rating.
pub struct CoRatings {
    members: Rows,
    witnesses: Rows,
}

/// Compressed rows.
struct Rows {
    starts: Vec<usize>,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy)]
struct Entry {
    column: u32,
    value: f32,
}

impl Rows {
    /// A counting sort of cells (row, column, value), which come with increasing columns.
    fn of(counts: impl Iterator<Item = usize>, cells: impl Iterator<Item = (u32, u32, f32)>) -> Self {
        let mut starts = vec![0];
        for count in counts {
            starts.push(starts[starts.len() - 1] + count);
        }
        let mut next = starts.clone();
        let mut entries = vec![Entry { column: 0, value: 0.0 }; starts[starts.len() - 1]];
        for (row, column, value) in cells {
            let place = &mut next[row as usize];
            entries[*place] = Entry { column, value };
            *place += 1;
        }
        Self { starts, entries }
    }

    fn len(&self) -> usize {
        self.starts.len() - 1
    }

    fn row(&self, row: usize) -> &[Entry] {
        &self.entries[self.starts[row]..self.starts[row + 1]]
    }
}

impl CoRatings {
    /// The ratings for comparing the members of one side, each rating replaced by what `value` makes of it.
    pub fn of(train: &Ratings, side: Side, value: impl Fn(User, Item, f32) -> f32) -> Self {
        let cells = || train.iter().map(|r| (r.user.0, r.item.0, value(r.user, r.item, r.value)));
        let by_user = Rows::of(train.user_counts(), cells());
        let swapped = cells().map(|(user, item, value)| (item, user, value));
        let by_item = Rows::of(train.item_counts().into_iter(), swapped);
        match side {
            Side::Item => Self { members: by_item, witnesses: by_user },
            Side::User => Self { members: by_user, witnesses: by_item },
        }
    }

    /// For each member the `keep` best others.
    ///
    /// `add` is called with each witness of both: the sums so far, the member's value and the other's. `judge` turns sums into a rank,
    /// the higher the better, and what is kept; it must say `None` to sums that are still at their default. Equal ranks go by index.
    ///
    /// Cost: O(Σ n_w²) over the witnesses' rows. Memory: one S for each member and thread.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn compare<S: Copy + Default + Send, V: Copy + Send>(
        &self,
        run: &Run<'_>,
        keep: usize,
        add: impl Fn(&mut S, f32, f32) + Sync,
        judge: impl Fn(&S) -> Option<(f32, V)> + Sync,
    ) -> Result<Lists<V>> {
        let interrupt = run.interrupt();
        let list = |sums: &mut Vec<S>, member: usize| {
            if interrupt.requested() {
                return Vec::new();
            }
            self.accumulate(member, sums, &add);
            let mut found = self.drain(member, sums, &judge);
            best(&mut found, keep);
            found
        };
        let members = 0..self.members.len();
        let scratch = || vec![S::default(); self.members.len()];
        let lists: Vec<_> = run.pool().install(|| members.into_par_iter().map_init(scratch, list).collect());
        run.check()?;
        Ok(Lists::of(&lists))
    }

    fn accumulate<S>(&self, member: usize, sums: &mut [S], add: &impl Fn(&mut S, f32, f32)) {
        for own in self.members.row(member) {
            for other in self.witnesses.row(own.column as usize) {
                add(&mut sums[other.column as usize], own.value, other.value);
            }
        }
    }

    /// What has come together for one member, and leaves the sums at their default.
    fn drain<S: Default, V>(
        &self,
        member: usize,
        sums: &mut [S],
        judge: &impl Fn(&S) -> Option<(f32, V)>,
    ) -> Vec<Found<V>> {
        let mut found = Vec::new();
        let mut visit = |id: usize| {
            let sum = std::mem::take(&mut sums[id]);
            if let Some((rank, value)) = judge(&sum).filter(|_| id != member) {
                found.push(Found { id: id as u32, rank, value });
            }
        };
        let witnesses = || self.members.row(member).iter().map(|own| self.witnesses.row(own.column as usize));
        let visits: usize = witnesses().map(<[Entry]>::len).sum();
        if visits < self.members.len() {
            // Few have been touched: they are cheaper to find again than to look for.
            witnesses().flatten().for_each(|other| visit(other.column as usize));
        } else {
            (0..self.members.len()).for_each(visit);
        }
        found
    }
}

/// Another member, how good it is, and what is known of the pair.
#[derive(Debug, Clone, Copy)]
pub struct Found<V> {
    /// Its index.
    pub id: u32,
    /// The higher the better.
    pub rank: f32,
    /// What is kept.
    pub value: V,
}

/// Leaves the first `keep` by falling rank, equal ranks by index, in the order of their indices.
pub fn best<V>(found: &mut Vec<Found<V>>, keep: usize) {
    if found.len() > keep {
        found.select_nth_unstable_by(keep, |a, b| b.rank.total_cmp(&a.rank).then(a.id.cmp(&b.id)));
        found.truncate(keep);
    }
    found.sort_unstable_by_key(|found| found.id);
}

/// A short list of others for each member, with what is known of each pair.
#[derive(Debug, Clone, PartialEq)]
pub struct Lists<V> {
    starts: Vec<usize>,
    ids: Vec<u32>,
    values: Vec<V>,
}

impl<V: Copy> Lists<V> {
    fn of(lists: &[Vec<Found<V>>]) -> Self {
        let mut starts = vec![0];
        starts.extend(lists.iter().scan(0, |end, list| {
            *end += list.len();
            Some(*end)
        }));
        let ids = lists.iter().flatten().map(|found| found.id).collect();
        let values = lists.iter().flatten().map(|found| found.value).collect();
        Self { starts, ids, values }
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The others of one member, increasing, and what is known of each pair.
    pub fn list(&self, member: usize) -> (&[u32], &[V]) {
        let range = self.starts[member]..self.starts[member + 1];
        (&self.ids[range.clone()], &self.values[range])
    }
}

impl<V: Pod> Lists<V> {
    /// Adds the arrays to a model's tensors: `list_lengths`, `list_ids` and `list_values`, which has a column for each number of a V.
    pub fn save(&self, tensors: &mut Tensors) {
        let lengths = self.starts.windows(2).map(|pair| (pair[1] - pair[0]) as u32).collect();
        tensors.insert_indices("list_lengths", lengths);
        tensors.insert_indices("list_ids", self.ids.clone());
        let shape = [self.values.len(), Self::WIDTH];
        tensors.insert("list_values", &shape, bytemuck::cast_slice(&self.values).to_vec());
    }

    /// The reverse of [`Self::save`], for `members` lists.
    pub fn restore(tensors: &mut Tensors, members: usize) -> Result<Self> {
        let lengths = tensors.take_indices("list_lengths", members.max(1))?;
        let ids = tensors.take_indices("list_ids", members)?;
        let ([len, width], values) = tensors.take::<2>("list_values")?;
        let mut starts = vec![0];
        starts.extend(lengths.iter().scan(0, |end, &length| {
            *end += length as usize;
            Some(*end)
        }));
        let fits = lengths.len() == members
            && starts[members] == ids.len()
            && (len, width) == (ids.len(), Self::WIDTH);
        let increasing = |pair: &[usize]| ids[pair[0]..pair[1]].is_sorted_by(|a, b| a < b);
        if !fits || !starts.windows(2).all(increasing) {
            return Err(Error::unsupported("the lists of neighbours do not fit each other", ""));
        }
        Ok(Self { starts, ids, values: bytemuck::cast_slice(&values).to_vec() })
    }

    const WIDTH: usize = size_of::<V>() / size_of::<f32>();
}

/// Calls `visit` with the positions of each number that two increasing slices share. No branch depends on the numbers until they meet.
pub fn shared(a: &[u32], b: &[u32], mut visit: impl FnMut(usize, usize)) {
    let (mut x, mut y) = (0, 0);
    while x < a.len() && y < b.len() {
        let (left, right) = (a[x], b[y]);
        if left == right {
            visit(x, y);
        }
        x += usize::from(left <= right);
        y += usize::from(right <= left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn shared_finds_what_both_hold(
            a in proptest::collection::btree_set(0_u32..60, 0..40),
            b in proptest::collection::btree_set(0_u32..60, 0..40),
        ) {
            let (left, right): (Vec<u32>, Vec<u32>) = (a.iter().copied().collect(), b.iter().copied().collect());
            let mut found = BTreeSet::new();
            shared(&left, &right, |x, y| {
                assert_eq!(left[x], right[y]);
                assert!(found.insert(left[x]), "each once");
            });
            prop_assert_eq!(found, a.intersection(&b).copied().collect());
        }
    }
}
