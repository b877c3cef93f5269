//! Passes over triples of a user, an item that they took and one that they did not take, in parallel and with the same result for any number of threads.
//!
//! As in [`super::sweep`], users and items are cut into b×b blocks, and the b blocks of a stratum share no row. Both items of a triple must lie in one block, so a fixed cut would
//! never compare the items of two blocks. Each epoch therefore deals the items anew, at random: whatever was taken, every other item is as likely to be compared with it.

use cofactor_kernels::{Contrast, Contrasted, Triples, contrast};
use rand::RngExt;
use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::factors::{Factors, Matrix};
use super::rng::{Purpose, Stream, stream};
use super::run::Run;
use super::sweep::{balanced_bounds, block_count, cut, rows};
use crate::data::ids::{Item, User};
use crate::data::ratings::Ratings;

/// So many items in vain, all of them taken, and a user counts as one who has taken all of a block.
const TRIES: usize = 64;

/// What users took, ready to be drawn from. Items that nobody took are never drawn. Memory: 16 bytes for each pair while an epoch lasts.
pub struct Draws<'a> {
    taken: &'a Ratings,
    blocks: usize,
    /// Where each block of users starts; b + 1 entries.
    user_bounds: Vec<usize>,
    /// The items that somebody took.
    items: Vec<u32>,
}

/// A pair, by its places in its block.
#[derive(Clone, Copy, Default)]
struct Pair {
    user: u32,
    item: u32,
}

impl<'a> Draws<'a> {
    /// For factors of `stride` entries.
    pub fn new(taken: &'a Ratings, stride: usize) -> Self {
        let counts: Vec<usize> = taken.user_counts().collect();
        let taken_items = taken.item_counts().into_iter().enumerate().filter(|&(_, count)| count > 0);
        let items: Vec<u32> = taken_items.map(|(item, _)| item as u32).collect();
        let blocks = block_count(taken, stride).min(items.len().max(1));
        Self { taken, blocks, user_bounds: balanced_bounds(&counts, blocks), items }
    }

    /// As many triples as there are pairs, each pair of a block drawn with replacement; returns the mean pull.
    pub fn epoch(&self, run: &Run<'_>, epoch: usize, step: &Contrast<'_>, factors: &mut Factors) -> f64 {
        let deal = Deal::new(self, run, epoch);
        let (isa, seed, interrupt) = (run.isa(), run.seed(), run.interrupt());
        let stride = factors.items.stride();
        let mut items = Matrix::zeros(deal.order.len(), factors.items.columns());
        rows(run.pool(), &mut items, |place, row| {
            row.copy_from_slice(factors.items.row(deal.order[place] as usize));
        });
        let mut item_bias: Vec<f32> =
            deal.order.iter().map(|&item| factors.item_bias[item as usize]).collect();

        let scaled = |bounds: &[usize]| -> Vec<usize> { bounds.iter().map(|bound| bound * stride).collect() };
        let mut users = cut(factors.users.as_mut_slice(), &scaled(&self.user_bounds));
        let mut hands = cut(items.as_mut_slice(), &scaled(&deal.bounds));
        let mut biases = cut(&mut item_bias, &deal.bounds);
        let mut pulls = 0.0;
        for stratum in 0..self.blocks {
            let rows = users.iter_mut().zip(&mut hands).zip(&mut biases);
            let jobs: Vec<Contrasted<'_>> =
                rows.map(|((users, items), item_bias)| Contrasted { users, items, item_bias }).collect();
            let one = |(a, rows): (usize, Contrasted<'_>)| {
                // A request to stop is heard by block.
                if interrupt.requested() {
                    return 0.0;
                }
                let mut bag = deal.bag(seed, (a, (a + stratum) % self.blocks));
                contrast(isa, step, stride, &mut bag, rows)
            };
            let found: Vec<f64> = run.pool().install(|| jobs.into_par_iter().enumerate().map(one).collect());
            pulls += found.into_iter().sum::<f64>();
            hands.rotate_left(1);
            biases.rotate_left(1);
        }
        for (place, &item) in deal.order.iter().enumerate() {
            factors.items.row_mut(item as usize).copy_from_slice(items.row(place));
            factors.item_bias[item as usize] = item_bias[place];
        }
        pulls / self.taken.len().max(1) as f64
    }
}

/// The items in the order in which an epoch has dealt them, and the pairs by block.
struct Deal<'a> {
    draws: &'a Draws<'a>,
    epoch: usize,
    order: Vec<u32>,
    /// Where each block of items starts in that order.
    bounds: Vec<usize>,
    /// Block (a, c) is `pairs[starts[a·b + c]..starts[a·b + c + 1]]`.
    pairs: Vec<Pair>,
    starts: Vec<usize>,
}

impl<'a> Deal<'a> {
    /// Cost: O(N), a counting sort by block.
    fn new(draws: &'a Draws<'a>, run: &Run<'_>, epoch: usize) -> Self {
        let (b, mut order) = (draws.blocks, draws.items.clone());
        order.shuffle(&mut run.stream(Purpose::ItemDeal, epoch as u64));
        let bounds: Vec<usize> = (0..=b).map(|block| block * order.len() / b).collect();
        // Block and place of each item.
        let mut dealt = vec![(0, 0); draws.taken.items()];
        for (block, range) in bounds.windows(2).enumerate() {
            for place in range[0]..range[1] {
                dealt[order[place] as usize] = (block, (place - range[0]) as u32);
            }
        }
        let mut starts = vec![0; b * b + 1];
        for_each(draws, &dealt, |block, _| starts[block + 1] += 1);
        for block in 0..b * b {
            starts[block + 1] += starts[block];
        }
        let mut next = starts.clone();
        let mut pairs = vec![Pair::default(); draws.taken.len()];
        for_each(draws, &dealt, |block, pair| {
            pairs[next[block]] = pair;
            next[block] += 1;
        });
        Self { draws, epoch, order, bounds, pairs, starts }
    }

    /// What the triples of block (a, c) are drawn from.
    fn bag(&self, seed: u64, (a, c): (usize, usize)) -> Bag<'_> {
        let b = self.draws.blocks;
        let block = a * b + c;
        let pairs = &self.pairs[self.starts[block]..self.starts[block + 1]];
        Bag {
            pairs,
            left: pairs.len(),
            taken: self.draws.taken,
            first_user: self.draws.user_bounds[a] as u32,
            items: &self.order[self.bounds[c]..self.bounds[c + 1]],
            stream: stream(seed, Purpose::Triples, (self.epoch * b * b + block) as u64),
        }
    }
}

/// Calls `visit` with each pair's block and places.
fn for_each(draws: &Draws<'_>, dealt: &[(usize, u32)], mut visit: impl FnMut(usize, Pair)) {
    for (a, users) in draws.user_bounds.windows(2).enumerate() {
        for user in users[0]..users[1] {
            for item in draws.taken.row(User(user as u32)).items {
                let (c, place) = dealt[item.index()];
                visit(a * draws.blocks + c, Pair { user: (user - users[0]) as u32, item: place });
            }
        }
    }
}

/// What the triples of one block are drawn from.
struct Bag<'a> {
    pairs: &'a [Pair],
    left: usize,
    taken: &'a Ratings,
    first_user: u32,
    items: &'a [u32],
    stream: Stream,
}

impl Triples for Bag<'_> {
    fn pair(&mut self) -> Option<(u32, u32)> {
        self.left = self.left.checked_sub(1)?;
        let Pair { user, item } = self.pairs[self.stream.random_range(0..self.pairs.len())];
        Some((user, item))
    }

    fn other(&mut self, user: u32) -> Option<u32> {
        let taken = self.taken.row(User(self.first_user + user)).items;
        for _ in 0..TRIES {
            let place = self.stream.random_range(0..self.items.len() as u32);
            if taken.binary_search(&Item(self.items[place as usize])).is_err() {
                return Some(place);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ratings::{Duplicates, RatingsBuilder};
    use std::collections::BTreeSet;

    #[test]
    fn every_pair_comes_once_in_a_deal_and_meets_all_that_was_not_taken() {
        let mut builder = RatingsBuilder::new(false);
        let mut expected = BTreeSet::new();
        for (user, item) in (0..12_u32).flat_map(|user| (0..9_u32).map(move |item| (user, item))) {
            if (user * 5 + item * 7) % 4 == 0 {
                builder.push(&format!("{user:02}"), &item.to_string(), 1.0, None);
                expected.insert((user, item));
            }
        }
        let taken = builder.finish("test", None, Duplicates::Error, |_, _| Default::default()).unwrap();
        let draws = Draws { blocks: 3, user_bounds: vec![0, 4, 7, 12], ..Draws::new(&taken, 8) };
        let run = Run::new(1, 1).unwrap();
        let mut met = BTreeSet::new();
        for epoch in 0..60 {
            let deal = Deal::new(&draws, &run, epoch);
            let mut found = BTreeSet::new();
            for (a, c) in (0..3).flat_map(|a| (0..3).map(move |c| (a, c))) {
                let (first, hand) =
                    (draws.user_bounds[a] as u32, &deal.order[deal.bounds[c]..deal.bounds[c + 1]]);
                for pair in &deal.pairs[deal.starts[a * 3 + c]..deal.starts[a * 3 + c + 1]] {
                    found.insert((first + pair.user, hand[pair.item as usize]));
                }
                let mut bag = deal.bag(1, (a, c));
                while let Some((user, taken)) = bag.pair() {
                    if let Some(other) = bag.other(user) {
                        met.insert((first + user, hand[taken as usize], hand[other as usize]));
                    }
                }
            }
            assert_eq!(found, expected);
        }
        let all = expected.iter().flat_map(|&(user, item)| {
            let others = (0..9).filter(move |&other| (user * 5 + other * 7) % 4 != 0);
            others.map(move |other| (user, item, other))
        });
        assert_eq!(met, all.collect());
    }
}
