//! The sampler: a group of 8 or 16 chains, one in each lane of every vector.
//!
//! The letters are those of `bfm`. A table has a row for each user, item, day, session or rating, and in it one number of each chain.

use cofactor_kernels::Isa;
use cofactor_kernels::gibbs::{self, Conditional, Hidden, OneHot, Owned, Sides};
use rand::RngExt;

use super::block::{Block, FOUR, square};
use super::design::Design;
use super::probit::{Levels, Probit};
use super::weights::{Drawing, Hyper, VAGUE, Weights, gamma, normal};
use crate::fit::factors::Matrix;
use crate::fit::rng::{Purpose, Stream, stream};
use crate::fit::run::Interrupt;

/// After so many sweeps r is computed anew from all weights, so that no rounding adds up.
pub(super) const REFRESH: u32 = 16;

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
