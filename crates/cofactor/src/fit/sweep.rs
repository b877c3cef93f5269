//! The parallelism of the algorithms, so that their files hold equations only.
//!
//! [`Grid`] cuts the ratings into b×b blocks, and [`Grid::strata`] makes one pass of stochastic gradient descent over
//! them (Gemulla et al., "Large-scale matrix factorization with distributed stochastic gradient descent", KDD 2011). A
//! stratum is b blocks that share no user and no item, so they may run at the same time without changing the result,
//! which depends on b alone; and b depends on the data and k alone.
//!
//! Within a block the rows of the side that has fewer stay in the cache, while those of the other side pass by in tiles: each tile's ratings are visited
//! before the next tile's, in random order. So a block may be much larger than the cache, and the factors are seldom read from memory. What is about to be
//! visited in random order is first read in order: then the memory delivers ahead of the need.

use cofactor_kernels::{Block, Entry, Pace};
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_distr::{Distribution, StandardNormal};
use rayon::ThreadPool;
use rayon::prelude::*;

use super::factors::Matrix;
use super::rng::{self, Purpose};
use super::run::{Interrupt, Run};
use crate::data::ids::{Item, User};
use crate::data::ratings::Ratings;

/// The rows of one block of the side that stays should keep to a core's second-level cache.
const STAYING_BYTES: usize = 1 << 20;
/// The rows of a tile of the side that passes should keep to the first-level cache.
const TILE_BYTES: usize = 32 << 10;
/// Fewer rows than this in a tile meet again too soon: an update then waits for the one before.
const TILE_ROWS: usize = 128;
/// Fewer ratings than this in a block are not worth a thread's attention.
const BLOCK_RATINGS: usize = 4096;
/// Every stratum moves all factors through the cache once, so more strata cost memory traffic; this many threads find work.
const ENOUGH_BLOCKS: usize = 16;
/// A rating's place in its block is kept in 16 bits.
const BLOCK_ROWS: usize = 1 << 16;

/// Ratings in b×b blocks, each in tiles that are shuffled. Memory: 8 bytes a rating.
pub struct Grid {
    blocks: usize,
    tiling: Tiling,
    /// Where each block of users starts; b + 1 entries.
    user_bounds: Vec<usize>,
    /// Where each block of items starts; b + 1 entries.
    item_bounds: Vec<usize>,
    /// Block (a, c) is `entries[starts[a·b + c]..starts[a·b + c + 1]]`.
    entries: Vec<Entry>,
    starts: Vec<usize>,
}

/// What [`Grid::strata`] moves: the factors, and the biases and paces if the model has them.
pub struct Parameters<'a> {
    /// P.
    pub users: &'a mut Matrix,
    /// Q.
    pub items: &'a mut Matrix,
    /// b_u and b_i.
    pub biases: Option<(&'a mut [f32], &'a mut [f32])>,
    /// The rows' own penalties and rates, users' and items'.
    pub paces: Option<(&'a mut [Pace], &'a mut [Pace])>,
}

impl Grid {
    /// Cuts the ratings into blocks for factors of `stride` entries. Cost: O(N).
    pub fn new(train: &Ratings, stride: usize, run: &Run<'_>) -> Self {
        let rows = (TILE_BYTES / (stride * size_of::<f32>())).max(TILE_ROWS);
        let tiling =
            Tiling { rows, passing: if train.users() >= train.items() { Side::Users } else { Side::Items } };
        Self::with_blocks(train, block_count(train, stride), tiling, run)
    }

    fn with_blocks(train: &Ratings, blocks: usize, tiling: Tiling, run: &Run<'_>) -> Self {
        let user_counts: Vec<usize> = train.user_counts().collect();
        let mut grid = Self {
            blocks,
            tiling,
            user_bounds: balanced_bounds(&user_counts, blocks),
            item_bounds: balanced_bounds(&train.item_counts(), blocks),
            entries: vec![Entry { user: 0, item: 0, value: 0.0 }; train.len()],
            starts: vec![0; blocks * blocks + 1],
        };
        grid.fill(train);
        grid.shuffle(run);
        grid
    }

    /// One epoch: every block once, stratum by stratum in a random order that depends on the epoch; `pass` is given a tile's
    /// entries and its block's rows and returns its loss. Returns the sum of the losses, added in a fixed order.
    pub fn strata(
        &self,
        run: &Run<'_>,
        epoch: usize,
        parameters: Parameters<'_>,
        pass: impl Fn(&[Entry], Block<'_>) -> f64 + Sync,
    ) -> f64 {
        let order = self.stratum_order(run, epoch);
        let (stride, interrupt) = (parameters.users.stride(), run.interrupt());
        let scaled =
            |bounds: &[usize]| -> Vec<usize> { bounds.iter().map(|&bound| bound * stride).collect() };
        let mut rows = Rows {
            users: cut(parameters.users.as_mut_slice(), &scaled(&self.user_bounds)),
            items: cut(parameters.items.as_mut_slice(), &scaled(&self.item_bounds)),
            biases: parameters.biases.map(|both| self.cut_both(both)),
            paces: parameters.paces.map(|both| self.cut_both(both)),
        };
        let one_epoch = |parallel: bool| {
            // The items stay in the order of their last rotation, so that the next one starts from there.
            let mut rotation = 0;
            let mut loss = 0.0;
            for stratum in order {
                rows.rotate_items((stratum + self.blocks - rotation) % self.blocks);
                rotation = stratum;
                let jobs = rows.jobs().into_iter().enumerate().map(|(a, block)| {
                    let c = (a + stratum) % self.blocks;
                    (self.block(a * self.blocks + c), block)
                });
                let visit = |entries: &[Entry], block: Block<'_>| {
                    self.tiling.visit(entries, block, stride, interrupt, &pass)
                };
                loss += run_all(jobs.collect(), &visit, parallel);
            }
            loss
        };
        // Entering the pool costs tens of microseconds: once an epoch, not once a stratum, and never for one thread.
        if run.threads() == 1 { one_epoch(false) } else { run.pool().install(|| one_epoch(true)) }
    }

    /// In which order one thread visits the ratings in an epoch, each by its place in the order of [`Ratings::rows`]. More threads visit those of a
    /// stratum's blocks at the same time, which comes to the same.
    pub fn visits(&self, train: &Ratings, run: &Run<'_>, epoch: usize) -> Vec<u32> {
        let (starts, items, _) = train.rows_compressed();
        let blocks = self
            .stratum_order(run, epoch)
            .into_iter()
            .flat_map(|stratum| (0..self.blocks).map(move |a| (a, (a + stratum) % self.blocks)));
        let place = |(a, c): (usize, usize), entry: &Entry| {
            let user = self.user_bounds[a] + usize::from(entry.user);
            let item = Item((self.item_bounds[c] + usize::from(entry.item)) as u32);
            let row = starts[user]..starts[user + 1];
            (row.start + items[row].partition_point(|&other| other < item)) as u32
        };
        blocks
            .flat_map(|(a, c)| self.block(a * self.blocks + c).iter().map(move |entry| place((a, c), entry)))
            .collect()
    }

    fn stratum_order(&self, run: &Run<'_>, epoch: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.blocks).collect();
        order.shuffle(&mut run.stream(Purpose::StratumOrder, epoch as u64));
        order
    }

    fn cut_both<'p, T>(&self, (users, items): (&'p mut [T], &'p mut [T])) -> (Parts<'p, T>, Parts<'p, T>) {
        (cut(users, &self.user_bounds), cut(items, &self.item_bounds))
    }

    fn block(&self, block: usize) -> &[Entry] {
        &self.entries[self.starts[block]..self.starts[block + 1]]
    }

    /// A counting sort by block: once over the ratings to count, once to place them.
    fn fill(&mut self, train: &Ratings) {
        let item_block = block_of_each(&self.item_bounds);
        let mut starts = std::mem::take(&mut self.starts);
        self.for_each(train, &item_block, |block, _| starts[block + 1] += 1);
        for block in 0..starts.len() - 1 {
            starts[block + 1] += starts[block];
        }
        let mut next = starts.clone();
        let mut entries = std::mem::take(&mut self.entries);
        self.for_each(train, &item_block, |block, entry| {
            entries[next[block]] = entry;
            next[block] += 1;
        });
        (self.starts, self.entries) = (starts, entries);
    }

    /// Calls `visit` with each rating's block and entry, by user and then item.
    fn for_each(&self, train: &Ratings, item_block: &[u32], mut visit: impl FnMut(usize, Entry)) {
        for (a, users) in self.user_bounds.windows(2).enumerate() {
            for user in users[0]..users[1] {
                for rated in train.row(User(user as u32)).iter() {
                    let c = item_block[rated.item.index()] as usize;
                    let entry = Entry {
                        user: (user - users[0]) as u16,
                        item: (rated.item.index() - self.item_bounds[c]) as u16,
                        value: rated.value,
                    };
                    visit(a * self.blocks + c, entry);
                }
            }
        }
    }

    /// Shuffles each tile of the blocks by the block's own stream. Consecutive ratings then rarely share a row, so that their updates overlap in
    /// the processor, and no order of the file is left.
    fn shuffle(&mut self, run: &Run<'_>) {
        let blocks: Vec<&mut [Entry]> = cut(&mut self.entries, &self.starts);
        let (seed, tiling) = (run.seed(), self.tiling);
        let shuffled = |(block, mut entries): (usize, &mut [Entry])| {
            if tiling.passing == Side::Items {
                // They have come by user.
                entries.sort_by_key(|&entry| tiling.tile_of(entry));
            }
            let mut stream = rng::stream(seed, Purpose::BlockOrder, block as u64);
            while let Some(first) = entries.first() {
                let end = tiling.end_of(tiling.tile_of(*first), entries);
                let (tile, rest) = entries.split_at_mut(end);
                for last in (1..tile.len()).rev() {
                    tile.swap(last, stream.random_range(0..=last as u32) as usize);
                }
                entries = rest;
            }
        };
        run.pool().install(|| blocks.into_par_iter().enumerate().for_each(shuffled));
    }
}

/// Which rows pass by, and how many at a time.
#[derive(Debug, Clone, Copy)]
struct Tiling {
    rows: usize,
    passing: Side,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Side {
    Users,
    Items,
}

impl Tiling {
    fn tile_of(self, entry: Entry) -> usize {
        usize::from(if self.passing == Side::Users { entry.user } else { entry.item }) / self.rows
    }

    /// Where a tile ends in entries that begin with it and go on with later ones.
    fn end_of(self, tile: usize, entries: &[Entry]) -> usize {
        entries.partition_point(|&entry| self.tile_of(entry) <= tile)
    }

    /// Gives `pass` the block's tiles in turn, until the run is interrupted; returns the sum of their losses.
    fn visit(
        self,
        mut entries: &[Entry],
        mut block: Block<'_>,
        stride: usize,
        interrupt: &Interrupt,
        pass: &impl Fn(&[Entry], Block<'_>) -> f64,
    ) -> f64 {
        let staying: &[f32] = if self.passing == Side::Users { block.items } else { block.users };
        if entries.len() * stride >= staying.len() {
            read_ahead(staying);
        }
        let mut loss = 0.0;
        while let Some(first) = entries.first().filter(|_| !interrupt.requested()) {
            let tile = self.tile_of(*first);
            let (now, rest) = entries.split_at(self.end_of(tile, entries));
            let passing: &[f32] = if self.passing == Side::Users { block.users } else { block.items };
            let rows = self.rows * stride;
            if now.len() >= self.rows {
                read_ahead(&passing[tile * rows..passing.len().min((tile + 1) * rows)]);
            }
            loss += pass(now, block.reborrow());
            entries = rest;
        }
        loss
    }
}

/// Reads a word of each cache line in order.
fn read_ahead(rows: &[f32]) {
    const LINE: usize = 16;
    std::hint::black_box(rows.iter().step_by(LINE).fold(0, |all, entry| all ^ entry.to_bits()));
}

/// Gives `fill` each row of a matrix of at least one column, in parallel: its number, and its entries with the padding, which must stay
/// zero. Rows are made or solved alone, so the threads do not show in the result.
pub fn rows(pool: &ThreadPool, matrix: &mut Matrix, fill: impl Fn(usize, &mut [f32]) + Sync) {
    let stride = matrix.stride();
    let all = matrix.as_mut_slice().par_chunks_mut(stride).enumerate().with_min_len(64);
    pool.install(|| all.for_each(|(row, entries)| fill(row, entries)));
}

/// Rows of k entries drawn from the run's seed, each entry with a standard deviation of spread/√k. Rows that have nothing to say, whose count is zero, are zero.
pub fn noise(run: &Run<'_>, purpose: Purpose, counts: &[usize], k: usize, spread: f64) -> Matrix {
    let (seed, spread) = (run.seed(), spread / (k as f64).sqrt());
    let mut matrix = Matrix::zeros(counts.len(), k);
    rows(run.pool(), &mut matrix, |row, entries| {
        let mut stream = rng::stream(seed, purpose, row as u64);
        let spread = if counts[row] == 0 { 0.0 } else { spread };
        for entry in &mut entries[..k] {
            let noise: f64 = StandardNormal.sample(&mut stream);
            *entry = (spread * noise) as f32;
        }
    });
    matrix
}

/// Until the run is interrupted, gives `solve` each row of a matrix of at least one column with its bias, in parallel, and scratch that it need not clear; returns the sum of
/// the rows' losses, added in the order of the rows. Neighbours go to one thread a few at a time, since the rows of those who
/// rated much take long.
pub fn solve_rows<S: Send>(
    run: &Run<'_>,
    matrix: &mut Matrix,
    biases: &mut [f32],
    scratch: impl Fn() -> S + Send + Sync,
    solve: impl Fn(&mut S, usize, &mut [f32], &mut f32) -> f64 + Sync + Send,
) -> f64 {
    let stride = matrix.stride();
    let all = matrix.as_mut_slice().par_chunks_mut(stride).zip(biases).enumerate().with_min_len(16);
    let interrupt = run.interrupt();
    let solve = |scratch: &mut S, (row, (entries, bias)): (usize, (&mut [f32], &mut f32))| {
        if interrupt.requested() { 0.0 } else { solve(scratch, row, entries, bias) }
    };
    let losses: Vec<f64> = run.pool().install(|| all.map_init(scratch, solve).collect());
    losses.into_iter().sum()
}

/// The rows of all parameters, cut at the blocks' bounds.
struct Rows<'p> {
    users: Parts<'p, f32>,
    items: Parts<'p, f32>,
    biases: Option<(Parts<'p, f32>, Parts<'p, f32>)>,
    paces: Option<(Parts<'p, Pace>, Parts<'p, Pace>)>,
}

type Parts<'p, T> = Vec<&'p mut [T]>;

impl Rows<'_> {
    fn rotate_items(&mut self, by: usize) {
        self.items.rotate_left(by);
        if let Some((_, item_bias)) = &mut self.biases {
            item_bias.rotate_left(by);
        }
        if let Some((_, item_paces)) = &mut self.paces {
            item_paces.rotate_left(by);
        }
    }

    /// The blocks of a stratum: the a-th users with the a-th items of the current rotation.
    fn jobs(&mut self) -> Vec<Block<'_>> {
        let factors = self.users.iter_mut().zip(&mut self.items);
        let mut blocks: Vec<Block<'_>> =
            factors.map(|(users, items)| Block { users, items, biases: None, paces: None }).collect();
        if let Some((user_bias, item_bias)) = &mut self.biases {
            for (block, (users, items)) in blocks.iter_mut().zip(user_bias.iter_mut().zip(item_bias)) {
                block.biases = Some((users, items));
            }
        }
        if let Some((user_paces, item_paces)) = &mut self.paces {
            for (block, (users, items)) in blocks.iter_mut().zip(user_paces.iter_mut().zip(item_paces)) {
                block.paces = Some((users, items));
            }
        }
        blocks
    }
}

/// Runs a stratum's jobs, if `parallel` on all threads of the pool that this is called in; the losses are added in the jobs' order.
fn run_all(
    jobs: Vec<(&[Entry], Block<'_>)>,
    pass: &(impl Fn(&[Entry], Block<'_>) -> f64 + Sync),
    parallel: bool,
) -> f64 {
    if !parallel {
        return jobs.into_iter().map(|(entries, block)| pass(entries, block)).sum();
    }
    let losses: Vec<f64> = jobs.into_par_iter().map(|(entries, block)| pass(entries, block)).collect();
    losses.into_iter().sum()
}

/// b: enough blocks for the cache, for the threads of any machine, and for 16-bit places; the same on every machine.
pub(super) fn block_count(train: &Ratings, stride: usize) -> usize {
    let staying = train.users().min(train.items());
    let for_cache = (staying * stride * size_of::<f32>()).div_ceil(STAYING_BYTES);
    let for_threads = ((train.len() / BLOCK_RATINGS) as f64).sqrt() as usize;
    let for_places = train.users().max(train.items()).div_ceil(BLOCK_ROWS / 4 * 3);
    let possible = train.users().min(train.items()).max(1);
    let wished = for_cache.max(for_threads.min(ENOUGH_BLOCKS)).max(for_places);
    // An even number lets two threads share a stratum evenly.
    let even = if wished > 1 { wished.next_multiple_of(2) } else { 1 };
    even.clamp(1, possible.max(for_places))
}

/// Bounds of `blocks` contiguous ranges that hold about the same number of ratings, and at most [`BLOCK_ROWS`] rows each.
pub(super) fn balanced_bounds(counts: &[usize], blocks: usize) -> Vec<usize> {
    let total: usize = counts.iter().sum();
    let mut bounds = vec![0];
    let (mut seen, mut row) = (0, 0);
    for block in 1..=blocks {
        let start = row;
        let rows_left_over = counts.len().saturating_sub((blocks - block) * BLOCK_ROWS);
        let target = (total as u128 * block as u128 / blocks as u128) as usize;
        while row < counts.len()
            && row - start < BLOCK_ROWS
            && (block == blocks || seen + counts[row] / 2 < target || row < rows_left_over)
        {
            seen += counts[row];
            row += 1;
        }
        bounds.push(row);
    }
    bounds
}

fn block_of_each(bounds: &[usize]) -> Vec<u32> {
    let ranges = bounds.windows(2).enumerate();
    ranges.flat_map(|(block, range)| std::iter::repeat_n(block as u32, range[1] - range[0])).collect()
}

/// Cuts a slice at the bounds, of which the first is 0 and the last its length.
pub(super) fn cut<'p, T>(mut slice: &'p mut [T], bounds: &[usize]) -> Vec<&'p mut [T]> {
    let mut parts = Vec::with_capacity(bounds.len() - 1);
    for range in bounds.windows(2) {
        let (part, rest) = slice.split_at_mut(range[1] - range[0]);
        parts.push(part);
        slice = rest;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ratings::{Duplicates, RatingsBuilder};
    use proptest::prelude::*;

    fn ratings(cells: &std::collections::BTreeSet<(u16, u16)>) -> Ratings {
        let mut builder = RatingsBuilder::new(false);
        for (user, item) in cells {
            builder.push(&user.to_string(), &item.to_string(), f32::from(user * 100 + item), None);
        }
        builder.finish("test", None, Duplicates::Error, |_, _| Default::default()).unwrap()
    }

    proptest! {
        #[test]
        fn bounds_cover_all_rows(
            counts in proptest::collection::vec(0_usize..50, 0..200), blocks in 1_usize..12,
        ) {
            let bounds = balanced_bounds(&counts, blocks);
            prop_assert_eq!(bounds.len(), blocks + 1);
            prop_assert!(bounds.is_sorted());
            prop_assert_eq!(bounds[blocks], counts.len());
        }

        #[test]
        fn an_epoch_visits_each_rating_once_with_its_own_rows(
            cells in proptest::collection::btree_set((0_u16..40, 0_u16..40), 1..300),
            blocks in 1_usize..6,
            tile_rows in 1_usize..20,
            by_user in any::<bool>(),
            threads in 1_usize..4,
        ) {
            let train = ratings(&cells);
            let run = Run::new(7, threads).unwrap();
            let passing = if by_user { Side::Users } else { Side::Items };
            let grid = Grid::with_blocks(&train, blocks, Tiling { rows: tile_rows, passing }, &run);
            // Each row carries its own number, and each pass counts the visits beside it.
            let mut users = Matrix::zeros(train.users(), 8);
            let mut items = Matrix::zeros(train.items(), 8);
            for user in 0..train.users() {
                users.row_mut(user)[0] = user as f32;
            }
            for item in 0..train.items() {
                items.row_mut(item)[0] = item as f32;
            }
            let seen = std::sync::Mutex::new(Vec::new());
            let parameters = Parameters { users: &mut users, items: &mut items, biases: None, paces: None };
            let loss = grid.strata(&run, 3, parameters, |entries, block| {
                for entry in entries {
                    let user = block.users[usize::from(entry.user) * 8];
                    let item = block.items[usize::from(entry.item) * 8];
                    seen.lock().unwrap().push((user as u32, item as u32, entry.value));
                }
                entries.len() as f64
            });
            prop_assert_eq!(loss, train.len() as f64);
            let mut seen = seen.into_inner().unwrap();
            seen.sort_by_key(|&(user, item, _)| (user, item));
            let expected: Vec<_> = train.iter().map(|r| (r.user.0, r.item.0, r.value)).collect();
            prop_assert_eq!(seen, expected);
        }
    }

    #[test]
    fn blocks_are_balanced() {
        let counts: Vec<usize> = (0..1000).map(|row| 1 + 5000 / (row + 1)).collect();
        let bounds = balanced_bounds(&counts, 4);
        let total: usize = counts.iter().sum();
        for range in bounds.windows(2).skip(1) {
            let share = counts[range[0]..range[1]].iter().sum::<usize>() as f64 / total as f64;
            assert!((0.2..0.3).contains(&share), "{share}");
        }
    }
}
