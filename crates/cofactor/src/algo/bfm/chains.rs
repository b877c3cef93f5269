//! The sampler: a group of 8 or 16 chains, one in each lane of every vector.
//!
//! The letters are those of `bfm`. A table has a row for each user, item, day, session or rating, and in it one number of each chain.

use cofactor_kernels::Isa;
use cofactor_kernels::gibbs::{
    self, Compose, Conditional, Hidden, Noise, OneHot, Owned, SetColumns, SetRows, Sides,
};
use rand::RngExt;
use rand_distr::{Distribution, Gamma, StandardNormal};

use super::design::{BlockDesign, Design, SetDesign};
use super::probit::{Levels, Probit};
use crate::fit::factors::Matrix;
use crate::fit::rng::{Purpose, Stream, stream};
use crate::fit::run::Interrupt;

/// What is assumed before any rating.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hyper {
    /// a₀.
    pub(super) shape: f64,
    /// b₀.
    pub(super) rate: f64,
    /// γ₀.
    pub(super) pull: f64,
    /// The precision of w₀.
    pub(super) intercept: f64,
}

/// As little as possible.
pub(super) const VAGUE: Hyper = Hyper { shape: 1.0, rate: 1.0, pull: 1.0, intercept: 1.0 };

/// After so many sweeps r is computed anew from all weights, so that no rounding adds up.
pub(super) const REFRESH: u32 = 16;

/// Σe·h and the rest of a row, by four.
const FOUR: usize = 4;

/// The weights of one group of columns: for f = 0 the linear ones, then those of the factors.
pub(super) struct Weights {
    /// A table for each f.
    pub(super) tables: Vec<Matrix>,
    /// How many columns have a rating: n_g.
    present: usize,
    /// The counter of the group's first pair of columns.
    slot: u32,
    /// μ and λ of each f and chain.
    pub(super) mean: Vec<Vec<f32>>,
    pub(super) precision: Vec<Vec<f32>>,
}

/// A block's weights and what they come to.
pub(super) struct Block {
    pub(super) own: Weights,
    pub(super) sets: Vec<Weights>,
    /// q and the interactions within a row for each f.
    pub(super) sum: Vec<Matrix>,
    pub(super) within: Vec<Matrix>,
    /// What each set adds to q, and x² Σθ_j²: for each f, for each set.
    parts: Vec<Vec<[Matrix; 2]>>,
    scratch: Scratch,
}

/// Tables that hold something during a phase only.
struct Scratch {
    rest: Matrix,
    before: [Matrix; 2],
    start: [Matrix; 2],
    sums: Matrix,
    state: Matrix,
}

/// 8 or 16 chains.
pub(super) struct Chains {
    isa: Isa,
    seed: u64,
    hyper: Hyper,
    /// The first chain's number.
    first: usize,
    lanes: usize,
    keys: Vec<u32>,
    /// The sweeps so far.
    pub(super) sweeps: u32,
    /// w₀ and α of each chain.
    pub(super) intercept: Vec<f64>,
    pub(super) noise: Vec<f32>,
    pub(super) users: Block,
    pub(super) items: Block,
    pub(super) days: Weights,
    /// T_s and T_i.
    session_level: Matrix,
    item_level: Matrix,
    /// r.
    rest: Matrix,
    /// q of the sessions, for the factor at hand and the one before it.
    sessions: [Matrix; 2],
    /// The interactions within the sessions' rows, for the factor at hand.
    within: Matrix,
    /// Both before the factor's weights are drawn.
    before: [Matrix; 2],
    session_sums: Matrix,
    day_sums: Matrix,
    squares: Matrix,
    /// Σe² of each chain after the last sweep, in units of the ratings.
    pub(super) squared_errors: Vec<f64>,
    no_rest: Matrix,
    /// What turns hidden numbers into ratings, where the ratings are steps.
    pub(super) probit: Option<Probit>,
}

impl Weights {
    fn new(k: usize, lanes: usize, columns: usize, present: usize, slot: &mut u32) -> Self {
        let own = *slot;
        *slot += (columns.div_ceil(2) * (k + 1)) as u32;
        Self {
            tables: vec![Matrix::zeros(columns, lanes); k + 1],
            present,
            slot: own,
            mean: vec![vec![0.0; lanes]; k + 1],
            precision: vec![vec![1.0; lanes]; k + 1],
        }
    }

    fn columns(&self) -> usize {
        self.tables[0].rows()
    }

    /// The counter of the first pair of columns of f.
    pub(super) fn slot(&self, f: usize) -> u32 {
        self.slot + (self.columns().div_ceil(2) * f) as u32
    }

    fn state(&self) -> impl Iterator<Item = &[f32]> {
        let priors = self.mean.iter().chain(&self.precision).map(Vec::as_slice);
        self.tables.iter().map(Matrix::as_slice).chain(priors)
    }

    fn state_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let priors = self.mean.iter_mut().chain(&mut self.precision).map(Vec::as_mut_slice);
        self.tables.iter_mut().map(Matrix::as_mut_slice).chain(priors)
    }

    /// N(0, σ₀²) for every column that has a rating.
    fn start(&mut self, keys: &[u32], spread: f32, exists: impl Fn(usize) -> bool) {
        let lanes = keys.len() / 2;
        for f in 0..self.tables.len() {
            let noise = Noise { keys, sweep: 0, slot: self.slot(f) };
            let table = self.tables[f].as_mut_slice();
            for column in (0..table.len() / lanes).filter(|&column| exists(column)) {
                for chain in 0..lanes {
                    table[column * lanes + chain] = spread * gibbs::twin::normal(noise, column, chain);
                }
            }
        }
    }

    /// λ and then μ of a group's weights, given the weights:
    /// ```text
    /// λ ~ Gamma((a₀ + n + 1)/2, rate (b₀ + Σ(θ − μ)² + γ₀μ²)/2)
    /// μ ~ N(Σθ/(n + γ₀), 1/((n + γ₀)λ))
    /// ```
    fn draw_priors(&mut self, f: usize, drawing: &mut Drawing<'_>) {
        let Drawing { isa, hyper, streams, .. } = drawing;
        let (isa, lanes) = (*isa, streams.len());
        let sums = gibbs::sums(isa, lanes, self.tables[f].as_slice());
        let n = self.present as f64;
        for (chain, stream) in streams.iter_mut().enumerate() {
            let (sum, squares) = (sums[chain], sums[lanes + chain]);
            let mean = f64::from(self.mean[f][chain]);
            let scatter = (squares - 2.0 * mean * sum + n * mean * mean).max(0.0);
            let rate = (hyper.rate + scatter + hyper.pull * mean * mean) / 2.0;
            let precision = gamma((hyper.shape + n + 1.0) / 2.0, rate, stream);
            let mean = normal(sum / (n + hyper.pull), (n + hyper.pull) * precision, stream);
            (self.precision[f][chain], self.mean[f][chain]) = (precision as f32, mean as f32);
        }
    }
}

/// A draw from Gamma(shape, rate).
pub(super) fn gamma(shape: f64, rate: f64, stream: &mut Stream) -> f64 {
    Gamma::new(shape, 1.0 / rate).map_or(shape / rate, |gamma| gamma.sample(stream))
}

/// A draw from N(mean, 1/precision).
pub(super) fn normal(mean: f64, precision: f64, stream: &mut Stream) -> f64 {
    let z: f64 = StandardNormal.sample(stream);
    mean + z / precision.sqrt()
}

impl Block {
    fn new(design: &BlockDesign, k: usize, lanes: usize, slot: &mut u32) -> Self {
        let rows = design.counts.len();
        let table = || Matrix::zeros(rows, lanes);
        let own = Weights::new(k, lanes, rows, design.present(), slot);
        let of_set = |set: &SetDesign| Weights::new(k, lanes, set.columns(), set.present(), slot);
        Self {
            own,
            sets: design.sets.iter().map(of_set).collect(),
            sum: vec![table(); k + 1],
            within: vec![table(); k + 1],
            parts: (0..=k).map(|_| design.sets.iter().map(|_| [table(), table()]).collect()).collect(),
            scratch: Scratch {
                rest: table(),
                before: [table(), table()],
                start: [table(), table()],
                sums: Matrix::zeros(rows, FOUR * lanes),
                state: Matrix::zeros(rows, FOUR * lanes),
            },
        }
    }

    fn start(&mut self, design: &BlockDesign, keys: &[u32], spread: f32) {
        self.own.start(keys, spread, |row| design.counts[row] > 0.0);
        for (weights, set) in self.sets.iter_mut().zip(&design.sets) {
            weights.start(keys, spread, |column| !set.by_column.row(column).is_empty());
        }
    }

    /// Fills q and the interactions within the rows for f, from all weights or after those of one set.
    fn compose(&mut self, isa: Isa, design: &BlockDesign, f: usize, changed: impl Fn(usize) -> bool) {
        let lanes = self.own.tables[f].columns();
        for (index, (set, weights)) in design.sets.iter().zip(&self.sets).enumerate() {
            if changed(index) {
                let rows =
                    SetRows { starts: &set.by_row.starts, members: &set.by_row.members, values: &set.values };
                let [sum, squares] = &mut self.parts[f][index];
                let weights = weights.tables[f].as_slice();
                gibbs::set_sums(isa, lanes, rows, weights, sum.as_mut_slice(), squares.as_mut_slice());
            }
        }
        let sets: Vec<[&[f32]; 2]> =
            self.parts[f].iter().map(|[sum, squares]| [sum.as_slice(), squares.as_slice()]).collect();
        let block = Compose {
            own: self.own.tables[f].as_slice(),
            sets: &sets,
            rest: self.scratch.rest.as_mut_slice(),
            sum: self.sum[f].as_mut_slice(),
            within: self.within[f].as_mut_slice(),
        };
        gibbs::compose(isa, lanes, block);
    }

    /// Draws all weights of the block for f from the rows' four sums, which lie in the scratch; the start is kept there, too.
    fn draw(&mut self, design: &BlockDesign, f: usize, alpha: &[f32], drawing: &mut Drawing<'_>) {
        let (isa, lanes) = (drawing.isa, alpha.len());
        // The rest of q is that of this f.
        self.compose(isa, design, f, |_| false);
        self.scratch.start[0].as_mut_slice().copy_from_slice(self.sum[f].as_slice());
        self.scratch.start[1].as_mut_slice().copy_from_slice(self.within[f].as_slice());
        let square = square(f);

        self.own.draw_priors(f, drawing);
        let noise = drawing.noise(self.own.slot(f));
        let columns = OneHot {
            counts: &design.counts,
            square,
            rest: self.scratch.rest.as_slice(),
            sums: self.scratch.sums.as_slice(),
            weights: self.own.tables[f].as_mut_slice(),
        };
        let prior = Conditional { mean: &self.own.mean[f], precision: &self.own.precision[f], noise: alpha };
        gibbs::one_hot(isa, &prior, noise, columns);
        self.settle(isa, design, f, |_| false);

        for (index, set) in design.sets.iter().enumerate() {
            let weights = &mut self.sets[index];
            weights.draw_priors(f, drawing);
            let noise = drawing.noise(weights.slot(f));
            let (q, sums) = (self.sum[f].as_slice(), self.scratch.sums.as_slice());
            let state = self.scratch.state.as_mut_slice();
            gibbs::set_start(isa, lanes, (&set.values, &design.counts), square, q, sums, state);
            let prior =
                Conditional { mean: &weights.mean[f], precision: &weights.precision[f], noise: alpha };
            let columns = SetColumns {
                starts: &set.by_column.starts,
                rows: &set.by_column.members,
                fourths: &set.fourths,
                column_fourths: &set.column_fourths,
                square,
                weights: weights.tables[f].as_mut_slice(),
                state,
            };
            gibbs::set_columns(isa, &prior, noise, columns);
            self.settle(isa, design, f, |changed| changed == index);
        }
    }

    /// Brings q, the interactions within the rows and the four sums up to date.
    fn settle(&mut self, isa: Isa, design: &BlockDesign, f: usize, changed: impl Fn(usize) -> bool) {
        let lanes = self.own.tables[f].columns();
        self.scratch.before[0].as_mut_slice().copy_from_slice(self.sum[f].as_slice());
        self.scratch.before[1].as_mut_slice().copy_from_slice(self.within[f].as_slice());
        self.compose(isa, design, f, changed);
        let before = [self.scratch.before[0].as_slice(), self.scratch.before[1].as_slice()];
        let now = [self.sum[f].as_slice(), self.within[f].as_slice()];
        gibbs::settle(isa, lanes, (&design.counts, square(f)), before, now, self.scratch.sums.as_mut_slice());
    }

    /// What a phase of f has changed in the rows' levels.
    fn shift(&self, isa: Isa, f: usize, level: &mut [f32]) {
        let lanes = self.own.tables[f].columns();
        let (before, now) = if f == 0 {
            (&self.scratch.start[0], &self.sum[f])
        } else {
            (&self.scratch.start[1], &self.within[f])
        };
        gibbs::shift(isa, lanes, before.as_slice(), now.as_slice(), level);
    }
}

/// What n counts in a row's sums: nothing for linear weights.
fn square(f: usize) -> f32 {
    if f == 0 { 0.0 } else { 1.0 }
}

/// Where the draws of a sweep come from.
struct Drawing<'a> {
    isa: Isa,
    hyper: Hyper,
    keys: &'a [u32],
    sweep: u32,
    streams: &'a mut [Stream],
}

impl Drawing<'_> {
    fn noise(&self, slot: u32) -> Noise<'_> {
        Noise { keys: self.keys, sweep: self.sweep, slot }
    }
}

impl Chains {
    /// `lanes` chains from the `first` one on, with k factors, at their start. Memory: 4·lanes bytes a rating, and 16·lanes·(k + 1) for each user and item.
    pub(super) fn new(
        design: &Design,
        levels: Option<&Levels>,
        (k, spread): (usize, f32),
        seed: u64,
        (first, lanes): (usize, usize),
        (isa, interrupt): (Isa, &Interrupt),
    ) -> Self {
        let mut keys: Vec<u32> = vec![0; 2 * lanes];
        for chain in 0..lanes {
            let mut stream = stream(seed, Purpose::Chain, (first + chain) as u64);
            (keys[chain], keys[lanes + chain]) = (stream.random(), stream.random());
        }
        let mut slot = 0;
        let total: f64 = design.values.iter().map(|&y| f64::from(y)).sum();
        let intercept = if levels.is_some() { 0.0 } else { total / design.ratings().max(1) as f64 };
        let sessions = || Matrix::zeros(design.sessions(), lanes);
        let days = design.day_sessions.rows();
        let mut chains = Self {
            isa,
            seed,
            hyper: VAGUE,
            first,
            lanes,
            sweeps: 0,
            intercept: vec![intercept; lanes],
            noise: vec![1.0; lanes],
            users: Block::new(&design.users, k, lanes, &mut slot),
            items: Block::new(&design.items, k, lanes, &mut slot),
            days: Weights::new(k, lanes, days, days, &mut slot),
            session_level: sessions(),
            item_level: Matrix::zeros(design.items.counts.len(), lanes),
            rest: Matrix::zeros(design.ratings(), lanes),
            sessions: [sessions(), sessions()],
            within: sessions(),
            before: [sessions(), sessions()],
            session_sums: Matrix::zeros(design.sessions(), FOUR * lanes),
            day_sums: Matrix::zeros(days, FOUR * lanes),
            squares: sessions(),
            squared_errors: vec![0.0; lanes],
            probit: levels.map(|levels| Probit::new(levels.clone(), lanes)),
            no_rest: Matrix::zeros(days, lanes),
            keys,
        };
        chains.users.start(&design.users, &chains.keys, spread);
        chains.items.start(&design.items, &chains.keys, spread);
        if design.has_days() {
            chains.days.start(&chains.keys, spread, |_| true);
        }
        chains.refresh(design, interrupt);
        chains
    }

    /// The same chains under other assumptions.
    #[cfg(test)]
    pub(super) fn assuming(self, hyper: Hyper) -> Self {
        Self { hyper, ..self }
    }

    /// The normal numbers of a sweep.
    #[cfg(test)]
    pub(super) fn keys(&self) -> &[u32] {
        &self.keys
    }

    /// k.
    pub(super) fn factors(&self) -> usize {
        self.days.tables.len() - 1
    }

    /// All that a chain goes on from but w₀, in tables with a number of each chain in a row. Everything else follows from it.
    pub(super) fn state(&self) -> Vec<&[f32]> {
        let Block { own: users, sets: user_sets, .. } = &self.users;
        let Block { own: items, sets: item_sets, .. } = &self.items;
        let groups = [users, items, &self.days].into_iter().chain(user_sets).chain(item_sets);
        let mut tables: Vec<&[f32]> = groups.flat_map(Weights::state).collect();
        tables.push(&self.noise);
        if let Some(probit) = &self.probit {
            tables.push(&probit.thresholds);
            tables.push(probit.hidden.as_slice());
        }
        tables
    }

    /// The same tables in the same order, to be filled.
    pub(super) fn state_mut(&mut self) -> Vec<&mut [f32]> {
        let Block { own: users, sets: user_sets, .. } = &mut self.users;
        let Block { own: items, sets: item_sets, .. } = &mut self.items;
        let groups = [users, items, &mut self.days].into_iter().chain(user_sets).chain(item_sets);
        let mut tables: Vec<&mut [f32]> = groups.flat_map(Weights::state_mut).collect();
        tables.push(&mut self.noise);
        if let Some(probit) = &mut self.probit {
            tables.push(&mut probit.thresholds);
            tables.push(probit.hidden.as_mut_slice());
        }
        tables
    }

    /// The number of the first chain.
    pub(super) fn first(&self) -> usize {
        self.first
    }

    /// How many chains.
    pub(super) fn lanes(&self) -> usize {
        self.lanes
    }

    /// Computes everything that follows from the weights: q, the levels and r.
    pub(super) fn refresh(&mut self, design: &Design, interrupt: &Interrupt) {
        let (isa, lanes) = (self.isa, self.lanes);
        for f in 0..=self.factors() {
            if interrupt.requested() {
                return;
            }
            self.users.compose(isa, &design.users, f, |_| true);
            self.items.compose(isa, &design.items, f, |_| true);
        }
        for row in self.session_level.as_mut_slice().chunks_exact_mut(lanes) {
            for (level, intercept) in row.iter_mut().zip(&self.intercept) {
                *level = *intercept as f32;
            }
        }
        self.item_level.as_mut_slice().fill(0.0);
        let rest = self.rest.as_mut_slice();
        match &self.probit {
            Some(probit) => rest.iter_mut().zip(probit.hidden.as_slice()).for_each(|(r, z)| *r = -z),
            None => rest.chunks_exact_mut(lanes).zip(&design.values).for_each(|(row, &y)| row.fill(-y)),
        }
        for f in 0..=self.factors() {
            if interrupt.requested() {
                return;
            }
            self.join(design, f, Joined::Now(0));
            let (session, item) = if f == 0 {
                (&self.sessions[0], &self.items.sum[0])
            } else {
                (&self.within, &self.items.within[f])
            };
            add(self.session_level.as_mut_slice(), session.as_slice());
            add(self.item_level.as_mut_slice(), item.as_slice());
            if f > 0 {
                self.error_sums(design, Some((0, f)));
            }
        }
        self.error_sums(design, None);
        if self.probit.is_none() {
            self.measure();
        }
    }

    /// q of the sessions for f, and the interactions within their rows.
    fn join(&mut self, design: &Design, f: usize, which: Joined) {
        let owners = (&design.session_user[..], &design.session_day[..]);
        let users = (self.users.sum[f].as_slice(), self.users.within[f].as_slice());
        let (sum, within) = match which {
            Joined::Before => {
                let [sum, within] = &mut self.before;
                (sum, within)
            }
            Joined::Now(place) => (&mut self.sessions[place], &mut self.within),
        };
        let sessions = (sum.as_mut_slice(), within.as_mut_slice());
        gibbs::join(self.isa, self.lanes, owners, users, self.days.tables[f].as_slice(), sessions);
    }

    /// Adds the interactions of a factor to r, if there is one, and sums the sessions' errors and their squares.
    fn error_sums(&mut self, design: &Design, done: Option<(usize, usize)>) {
        let lists = (&design.session_items.starts[..], &design.session_items.members[..]);
        let done = done.map(|(place, f)| (self.sessions[place].as_slice(), self.items.sum[f].as_slice()));
        let sides = Sides {
            session_level: self.session_level.as_slice(),
            item_level: self.item_level.as_slice(),
            factor: None,
        };
        let sums = (self.session_sums.as_mut_slice(), self.squares.as_mut_slice());
        gibbs::linear_by_session(self.isa, self.lanes, lists, done, sides, self.rest.as_mut_slice(), sums);
    }

    /// Sums the squared errors of all sessions.
    fn measure(&mut self) {
        self.squared_errors = gibbs::sums(self.isa, self.lanes, self.squares.as_slice());
        self.squared_errors.truncate(self.lanes);
    }

    /// One sweep: α, w₀, the linear weights, then the factors one after the other; with hidden numbers these and their thresholds instead of α and w₀. `warming` says that
    /// the sweep is not one of those that count. What an interrupted sweep leaves is never used.
    pub(super) fn sweep(&mut self, design: &Design, warming: bool, interrupt: &Interrupt) {
        self.sweeps += 1;
        let stream_of = |chain: usize| {
            stream(self.seed, Purpose::Sweep, (((self.first + chain) as u64) << 32) | u64::from(self.sweeps))
        };
        let mut streams: Vec<Stream> = (0..self.lanes).map(stream_of).collect();
        if self.probit.is_none() {
            self.draw_noise(design, &mut streams);
            self.draw_intercept(design, &mut streams);
        }
        self.phase(design, 0, 0, &mut streams);
        for f in 1..=self.factors() {
            if interrupt.requested() {
                return;
            }
            self.phase(design, f, f % 2, &mut streams);
        }
        let k = self.factors();
        if self.probit.is_some() {
            self.draw_hidden(design, k, &mut streams, warming);
        }
        if self.sweeps.is_multiple_of(REFRESH) {
            self.refresh(design, interrupt);
        } else if self.probit.is_none() {
            self.error_sums(design, Some((k % 2, k)));
            self.measure();
        }
    }

    /// The thresholds, then the hidden numbers.
    fn draw_hidden(&mut self, design: &Design, k: usize, streams: &mut [Stream], warming: bool) {
        let Some(probit) = &mut self.probit else { return };
        let (isa, lanes) = (self.isa, self.lanes);
        let lists = (&design.session_items.starts[..], &design.session_items.members[..]);
        let done = (self.sessions[k % 2].as_slice(), self.items.sum[k].as_slice());
        let sides = Sides {
            session_level: self.session_level.as_slice(),
            item_level: self.item_level.as_slice(),
            factor: None,
        };
        let hidden = probit.hidden.as_mut_slice();
        gibbs::predict_hidden(isa, lanes, lists, done, sides, self.rest.as_slice(), hidden);
        probit.draw_thresholds(isa, streams, warming);
        let mut hidden = std::mem::replace(&mut probit.hidden, Matrix::zeros(0, lanes));
        let out = Hidden {
            hidden: hidden.as_mut_slice(),
            rest: self.rest.as_mut_slice(),
            sums: self.session_sums.as_mut_slice(),
            squares: self.squares.as_mut_slice(),
        };
        gibbs::draw_hidden(isa, lanes, (&self.keys, self.sweeps), lists, sides, probit.steps(), out);
        probit.hidden = hidden;
        self.measure();
    }

    /// α ~ Gamma((a₀ + N)/2, rate (b₀ + Σe²)/2).
    fn draw_noise(&mut self, design: &Design, streams: &mut [Stream]) {
        let n = design.ratings() as f64;
        let Hyper { shape, rate, .. } = self.hyper;
        for ((alpha, squares), stream) in self.noise.iter_mut().zip(&self.squared_errors).zip(streams) {
            *alpha = gamma(0.5 * (shape + n), 0.5 * (rate + squares), stream) as f32;
        }
    }

    /// w₀ ~ N(α Σ(w₀ − e)/(1 + αN), 1/(1 + αN)); moves the errors with it.
    fn draw_intercept(&mut self, design: &Design, streams: &mut [Stream]) {
        let (lanes, n) = (self.lanes, design.ratings() as f64);
        let mut errors = vec![0.0_f64; lanes];
        for row in self.session_sums.as_slice().chunks_exact(FOUR * lanes) {
            for (sum, &error) in errors.iter_mut().zip(&row[lanes..2 * lanes]) {
                *sum += f64::from(error);
            }
        }
        let mut moved = vec![0.0_f32; lanes];
        for (chain, stream) in streams.iter_mut().enumerate() {
            let alpha = f64::from(self.noise[chain]);
            let (old, precision) = (self.intercept[chain], self.hyper.intercept + alpha * n);
            let new = normal(alpha * (n * old - errors[chain]) / precision, precision, stream);
            // The errors move by what the intercept moves in f32.
            moved[chain] = (new - old) as f32;
            self.intercept[chain] = old + f64::from(moved[chain]);
        }
        let rows = self.session_sums.as_mut_slice().chunks_exact_mut(FOUR * lanes);
        let levels = self.session_level.as_mut_slice().chunks_exact_mut(lanes);
        for ((row, level), &n) in rows.zip(levels).zip(&design.session_counts) {
            for chain in 0..lanes {
                row[lanes + chain] += n * moved[chain];
                level[chain] += moved[chain];
            }
        }
    }

    /// Draws all weights of f: users, days, items. The sessions' new q is kept in `place`, that of the factor before is in the other.
    fn phase(&mut self, design: &Design, f: usize, place: usize, streams: &mut [Stream]) {
        let (isa, lanes) = (self.isa, self.lanes);
        self.join(design, f, Joined::Before);
        if f > 0 {
            self.session_pass(design, f, place);
        }
        self.draw_users_and_days(design, f, streams);
        self.join(design, f, Joined::Now(place));
        let (before, now) =
            if f == 0 { (&self.before[0], &self.sessions[place]) } else { (&self.before[1], &self.within) };
        let level = self.session_level.as_mut_slice();
        gibbs::shift(isa, lanes, before.as_slice(), now.as_slice(), level);

        self.item_pass(design, f, place);
        let mut drawing = Drawing { isa, hyper: self.hyper, keys: &self.keys, sweep: self.sweeps, streams };
        self.items.draw(&design.items, f, &self.noise, &mut drawing);
        self.items.shift(isa, f, self.item_level.as_mut_slice());
    }

    /// Closes the factor before f in r, opens f, and sums what the sessions' weights need to know.
    fn session_pass(&mut self, design: &Design, f: usize, place: usize) {
        let lists = (&design.session_items.starts[..], &design.session_items.members[..]);
        let done = (f > 1).then(|| (self.sessions[1 - place].as_slice(), self.items.sum[f - 1].as_slice()));
        let sides = Sides {
            session_level: self.session_level.as_slice(),
            item_level: self.item_level.as_slice(),
            factor: Some((self.before[0].as_slice(), self.items.sum[f].as_slice())),
        };
        let (rest, sums) = (self.rest.as_mut_slice(), self.session_sums.as_mut_slice());
        gibbs::by_session(self.isa, self.lanes, lists, done, sides, rest, sums);
    }

    /// Sums what the items' weights need to know, with the sessions as they are now.
    fn item_pass(&mut self, design: &Design, f: usize, place: usize) {
        let places = &design.item_places;
        let lists = (&places.starts[..], &places.members[..], &design.item_sessions[..]);
        let factor = (self.sessions[place].as_slice(), self.items.sum[f].as_slice());
        let sides = Sides {
            session_level: self.session_level.as_slice(),
            item_level: self.item_level.as_slice(),
            factor: (f > 0).then_some(factor),
        };
        let sums = self.items.scratch.sums.as_mut_slice();
        gibbs::by_item(self.isa, self.lanes, lists, sides, self.rest.as_slice(), sums);
    }

    fn draw_users_and_days(&mut self, design: &Design, f: usize, streams: &mut [Stream]) {
        let (isa, lanes) = (self.isa, self.lanes);
        let mut drawing = Drawing { isa, hyper: self.hyper, keys: &self.keys, sweep: self.sweeps, streams };
        let of_users = Owned {
            starts: &design.user_sessions.starts,
            sessions: &design.user_sessions.members,
            counts: &design.session_counts,
            square: square(f),
            other: &design.session_day,
            others: self.days.tables[f].as_slice(),
        };
        let of_sessions = self.session_sums.as_mut_slice();
        gibbs::gather(isa, lanes, of_users, of_sessions, self.users.scratch.sums.as_mut_slice());
        self.users.draw(&design.users, f, &self.noise, &mut drawing);
        if !design.has_days() {
            return;
        }
        let Block { sum, within, scratch, .. } = &self.users;
        let moved = [scratch.start[0].as_slice(), sum[f].as_slice()];
        let moved_within = [scratch.start[1].as_slice(), within[f].as_slice()];
        gibbs::scatter(isa, lanes, of_users, moved, moved_within, of_sessions);
        let of_days = Owned {
            starts: &design.day_sessions.starts,
            sessions: &design.day_sessions.members,
            counts: &design.session_counts,
            square: square(f),
            other: &design.session_user,
            others: sum[f].as_slice(),
        };
        gibbs::gather(isa, lanes, of_days, of_sessions, self.day_sums.as_mut_slice());
        self.days.draw_priors(f, &mut drawing);
        let noise = drawing.noise(self.days.slot(f));
        let columns = OneHot {
            counts: &design.day_counts,
            square: square(f),
            rest: self.no_rest.as_slice(),
            sums: self.day_sums.as_slice(),
            weights: self.days.tables[f].as_mut_slice(),
        };
        let prior =
            Conditional { mean: &self.days.mean[f], precision: &self.days.precision[f], noise: &self.noise };
        gibbs::one_hot(isa, &prior, noise, columns);
    }
}

/// Which of the sessions' tables is filled.
#[derive(Clone, Copy)]
enum Joined {
    Before,
    Now(usize),
}

fn add(level: &mut [f32], table: &[f32]) {
    for (level, entry) in level.iter_mut().zip(table) {
        *level += entry;
    }
}
