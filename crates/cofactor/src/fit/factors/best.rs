//! The best items of many users at once, exactly.
//!
//! Blocks of users pass by tiles of items that stay in the cache ([`products_above`]). What is above a user's n-th best so far, by a margin that is larger than
//! the rounding of both ways of summing, is kept; at the end the few that are left are scored as [`Factors::score_all`] scores them. So the lists are the same, bit for
//! bit, as if every score had been taken one by one: on every instruction set, in any block.

use cofactor_kernels::{LANES, Packed, Skipped, products, products_above};

use super::Factors;
use crate::data::ids::{Item, User};
use crate::fit::top;

/// How many users pass by a tile of items before the next one; their vectors stay in the second-level cache. With fewer, fetching the tiles takes longer than working on them.
pub(crate) const BLOCK: usize = 256;

/// Items on offer, packed for many users, the most promising first: then few that come later are better than a user's n-th best so far. Memory: 4(k + 3) bytes an item.
pub(crate) struct Shelf<'a> {
    factors: &'a Factors,
    packed: Packed,
    /// The items in the order in which they are packed.
    order: Vec<Item>,
    /// Where an item stands in it; [`NOWHERE`] if it is not on offer.
    places: Vec<u32>,
    /// What is added to each item's score; none: nothing.
    extra: Option<&'a [f32]>,
    /// The largest ‖q_i‖ and |b_i| + |extra_i| on offer.
    longest: f64,
    highest: f64,
}

const NOWHERE: u32 = u32::MAX;

impl<'a> Shelf<'a> {
    /// The items on offer, with what is added to their scores. `None` under a link, which can make one score of many.
    pub(crate) fn of(factors: &'a Factors, offered: &[bool], extra: Option<&'a [f32]>) -> Option<Self> {
        if factors.link != cofactor_kernels::Link::Identity {
            return None;
        }
        let added = |item: usize| extra.map_or(0.0, |extra| extra[item]);
        let length = |item: usize| norm(factors.items.entries(item));
        let users = factors.users.rows();
        let usual =
            (0..users).map(|user| norm(factors.users.entries(user))).sum::<f64>() / users.max(1) as f64;
        // What the score would be of a user of the usual length who points the same way.
        let promise = |item: usize| f64::from(factors.item_bias[item] + added(item)) + usual * length(item);
        let on_offer = || offered.iter().enumerate().filter(|(_, offered)| **offered).map(|(item, _)| item);
        let mut promising: Vec<(f64, usize)> = on_offer().map(|item| (promise(item), item)).collect();
        promising.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let order: Vec<Item> = promising.into_iter().map(|(_, item)| Item(item as u32)).collect();
        let mut places = vec![NOWHERE; offered.len()];
        for (place, item) in (0..).zip(&order) {
            places[item.index()] = place;
        }
        let level = |place: usize| factors.item_bias[order[place].index()] + added(order[place].index());
        let row = |place: usize| factors.items.row(order[place].index());
        Some(Self {
            packed: Packed::new(factors.k(), order.len(), row, level),
            longest: on_offer().map(length).fold(0.0, f64::max),
            highest: on_offer()
                .map(|item| f64::from(factors.item_bias[item].abs() + added(item).abs()))
                .fold(0.0, f64::max),
            factors,
            order,
            places,
            extra,
        })
    }

    /// The n best of the offered items that are not seen, for each user: by falling score, equal scores by index. `seen` gives a user's items.
    pub(crate) fn best<'s>(
        &self,
        users: &[User],
        n: usize,
        seen: impl Fn(User) -> &'s [Item],
    ) -> Vec<Vec<(Item, f32)>> {
        let left = packed_users(self.factors, users);
        let mut bests: Vec<Best> = users.iter().map(|&user| Best::new(n, self.margin(user))).collect();
        let mut skipped = Skipped::none(users.len(), self.packed.len());
        for (row, &user) in users.iter().enumerate() {
            let places = seen(user).iter().map(|item| self.places[item.index()]);
            for place in places.filter(|&place| place != NOWHERE) {
                skipped.skip(row, place as usize);
            }
        }
        let mut thresholds = vec![f32::MIN; users.len()];
        let mut take = |row: usize, first: usize, reached: u32, products: &[f32; LANES]| {
            bests[row].take(first, reached, products)
        };
        products_above(self.factors.isa, &left, &self.packed, &skipped, &mut thresholds, &mut take);
        let exactly = |(mut best, &user): (Best, &User)| {
            best.throw_out();
            self.exactly(user, n, &best.kept)
        };
        bests.into_iter().zip(users).map(exactly).collect()
    }

    /// More than twice what two ways of summing a score can differ by: each of at most k + 4 roundings is within 2⁻²⁴ of its terms' size.
    fn margin(&self, user: User) -> f32 {
        let (factors, place) = (self.factors, user.index());
        let size = norm(factors.users.entries(place)) * self.longest
            + self.highest
            + f64::from(factors.mean.abs() + factors.user_bias[place].abs());
        (size * (factors.k() + 8) as f64 * 4.0 * f64::from(f32::EPSILON)) as f32
    }

    fn exactly(&self, user: User, n: usize, kept: &[(f32, u32)]) -> Vec<(Item, f32)> {
        let scored = kept.iter().map(|&(_, place)| {
            let item = self.order[place as usize];
            let score = self.factors.score(user, item);
            (item, self.extra.map_or(score, |extra| score + extra[item.index()]))
        });
        top::best(n, scored, |_| true)
    }
}

/// All items, packed to score them for many users.
pub(crate) struct Sheet<'a> {
    factors: &'a Factors,
    packed: Packed,
}

impl<'a> Sheet<'a> {
    /// The items, with what is added to their scores. `None` under a link.
    pub(crate) fn of(factors: &'a Factors, extra: Option<&[f32]>) -> Option<Self> {
        if factors.link != cofactor_kernels::Link::Identity {
            return None;
        }
        let level = |item: usize| factors.item_bias[item] + extra.map_or(0.0, |extra| extra[item]);
        let row = |item: usize| factors.items.row(item);
        Some(Self { factors, packed: Packed::new(factors.k(), factors.items.rows(), row, level) })
    }

    /// The scores of all items for each user: a row of n entries of `out` for each. They are summed in another order than
    /// [`Factors::predict_all`] does, the same on every instruction set.
    pub(crate) fn scores(&self, users: &[User], out: &mut [f32]) {
        let factors = self.factors;
        products(factors.isa, &packed_users(factors, users), &self.packed, out);
        for (row, user) in out.chunks_exact_mut(self.packed.len().max(1)).zip(users) {
            let level = factors.mean + factors.user_bias[user.index()];
            for score in row {
                *score += level;
            }
        }
    }
}

fn packed_users(factors: &Factors, users: &[User]) -> Packed {
    Packed::new(factors.k(), users.len(), |row| factors.users.row(users[row].index()), |_| 0.0)
}

/// ‖x‖.
fn norm(vector: &[f32]) -> f64 {
    vector.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt()
}

/// One user's best so far, and those within the margin.
struct Best {
    n: usize,
    margin: f32,
    threshold: f32,
    /// Products and places on the shelf.
    kept: Vec<(f32, u32)>,
    /// So many are kept before the worst are thrown out.
    most: usize,
}

impl Best {
    fn new(n: usize, margin: f32) -> Self {
        let most = 2 * n + LANES;
        Self { n, margin, threshold: f32::MIN, kept: Vec::with_capacity(most.min(1 << 12)), most }
    }

    /// Takes those of 16 products that have reached the threshold, a bit for each; returns the new one.
    fn take(&mut self, first: usize, mut reached: u32, products: &[f32; LANES]) -> f32 {
        while reached != 0 {
            let place = reached.trailing_zeros() as usize;
            self.kept.push((products[place], (first + place) as u32));
            reached &= reached - 1;
        }
        if self.kept.len() >= self.most {
            self.throw_out();
        }
        if self.n == 0 { f32::INFINITY } else { self.threshold }
    }

    /// Keeps the n best and those within the margin.
    fn throw_out(&mut self) {
        if self.n == 0 || self.kept.len() <= self.n {
            return;
        }
        let (_, nth, _) = self.kept.select_nth_unstable_by(self.n - 1, |a, b| b.0.total_cmp(&a.0));
        let threshold = nth.0 - self.margin;
        self.threshold = self.threshold.max(threshold);
        self.kept.retain(|&(product, _)| product >= threshold);
        self.most = self.most.max(2 * self.kept.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::factors::{Matrix, Prior};
    use cofactor_kernels::{Isa, Link};
    use proptest::prelude::*;

    fn factors(k: usize, users: &[f32], items: &[f32], isa: Isa) -> Factors {
        let (m, n) = (users.len() / k, items.len() / k);
        Factors {
            isa,
            link: Link::Identity,
            mean: 3.5,
            users: Matrix::from_dense(m, k, users),
            items: Matrix::from_dense(n, k, items),
            user_bias: (0..m).map(|user| user as f32 / 7.0).collect(),
            item_bias: (0..n).map(|item| (item % 3) as f32 / 3.0).collect(),
            prior: Prior { mean: vec![0.0; k + 1], precision: vec![0.0; (k + 1) * (k + 1)] },
            unseen_item: vec![0.0; k + 1],
        }
    }

    #[test]
    fn all_scores_at_once_are_those_of_one_user_but_for_the_rounding() {
        let entries: Vec<f32> = (0..50 * 9).map(|at| ((at * 37) % 101) as f32 / 50.0 - 1.0).collect();
        let factors = factors(9, &entries[..20 * 9], &entries[20 * 9..], Isa::detect());
        let users = [User(3), User(19), User(0)];
        let mut found = vec![0.0; 3 * 30];
        Sheet::of(&factors, None).unwrap().scores(&users, &mut found);
        for (user, found) in users.iter().zip(found.chunks(30)) {
            let mut expected = vec![0.0; 30];
            factors.predict_all(Some(*user), &mut expected);
            let near = |place: usize| (found[place] - expected[place]).abs() < 1e-5;
            assert!((0..30).all(near), "{found:?} {expected:?}");
        }
    }

    proptest! {
        #[test]
        fn they_are_the_lists_of_every_score_taken_one_by_one(
            k in 1_usize..20,
            // Few values, so that many scores are equal or nearly so.
            entries in proptest::collection::vec(prop::sample::select(vec![-0.1_f32, 0.1, 0.3, 1e-7]), 19 * 130),
            n in 0_usize..12,
            modulus in 1_usize..5,
            adjusted in any::<bool>(),
        ) {
            let (m, items) = (70, 60);
            let extra: Vec<f32> = (0..items).map(|item| (item % 4) as f32 * 0.1).collect();
            let offered: Vec<bool> = (0..items).map(|item| item % modulus != 1).collect();
            let seen: Vec<Item> = (0..items as u32).filter(|item| item % 7 == 2).map(Item).collect();
            for isa in Isa::all() {
                let factors = factors(k, &entries[..m * k], &entries[m * k..(m + items) * k], isa);
                let extra = adjusted.then_some(&extra[..]);
                let shelf = Shelf::of(&factors, &offered, extra).unwrap();
                let users: Vec<User> = (0..m as u32).map(User).collect();
                for (user, list) in users.iter().zip(shelf.best(&users, n, |_| &seen)) {
                    let mut scores = vec![0.0; items];
                    factors.predict_all(Some(*user), &mut scores);
                    let adjusted = scores.iter().enumerate().map(|(item, score)| score + extra.map_or(0.0, |extra| extra[item]));
                    let expected = top::best(n, (0..).map(Item).zip(adjusted), |item| {
                        offered[item.index()] && !seen.contains(&item)
                    });
                    prop_assert_eq!(list, expected);
                }
            }
        }
    }
}
