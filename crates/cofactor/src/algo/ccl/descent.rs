//! Steps by group of users: (3) to (6).

use std::ops::Range;

use cofactor_kernels::{Isa, Rows, dot};
use rayon::prelude::*;

use super::{Ccl, add, add_scaled, count, step};
use crate::data::ids::User;
use crate::data::ratings::Ratings;
use crate::fit::factors::{Factors, Matrix};
use crate::fit::run::Run;
use crate::fit::tiles::{self, CHUNK, Columns, TILE};

/// Steps by group.
pub(super) struct Descent<'a> {
    ccl: &'a Ccl,
    taken: &'a Ratings,
    pub(super) groups: Vec<Group>,
    /// n.
    pub(super) count: usize,
    /// Q.
    columns: Columns,
    /// (4).
    pub(super) slopes: Matrix,
    /// G of the items.
    squares: Vec<f32>,
}

impl<'a> Descent<'a> {
    pub(super) fn new(ccl: &'a Ccl, taken: &'a Ratings, factors: &Factors) -> Self {
        let users: Vec<u32> =
            (0..taken.users() as u32).filter(|&user| !taken.row(User(user)).is_empty()).collect();
        let groups = users.len().div_ceil(ccl.group);
        let dealt = |group: usize| users.iter().copied().skip(group).step_by(groups).collect();
        let mut columns = Columns::zeros(taken.items(), ccl.factors);
        (0..taken.items()).for_each(|item| columns.set(item, factors.items.entries(item)));
        Self {
            ccl,
            taken,
            groups: (0..groups).map(|group| Group::new(dealt(group), taken, factors)).collect(),
            count: count(taken),
            columns,
            slopes: Matrix::zeros(taken.items(), ccl.factors),
            squares: vec![0.0; taken.items()],
        }
    }

    /// A step of each group in turn; returns (2) for each pair, as it was seen.
    pub(super) fn epoch(&mut self, run: &Run<'_>, factors: &mut Factors) -> f64 {
        let mut loss = 0.0;
        for group in 0..self.groups.len() {
            if run.interrupt().requested() {
                break;
            }
            loss += self.gradient(run, group, &factors.items);
            self.groups[group].step(run, self.ccl.rate as f32);
            self.step(run, &mut factors.items);
        }
        for group in &self.groups {
            group.write(&mut factors.users);
        }
        loss / self.taken.len().max(1) as f64
    }

    /// (3) and (4); returns the group's terms of (2).
    pub(super) fn gradient(&mut self, run: &Run<'_>, group: usize, items: &Matrix) -> f64 {
        let Self { ccl, taken, groups, count, columns, slopes, .. } = self;
        let Group { users, rows, slopes: own_slopes, pairs, .. } = &mut groups[group];
        let (isa, stride) = (run.isa(), rows.stride());
        let margin = ccl.margin as f32;
        let pushes: Vec<f32> =
            users.iter().map(|&user| ccl.push(taken.row(User(user)).len(), *count)).collect();
        let of_chunk = |(chunk, slopes): (usize, &mut [f32])| {
            slopes.fill(0.0);
            let near = nearer(isa, rows, columns, chunk, margin, &pushes);
            let first = chunk * CHUNK;
            for (user, (row, &push)) in rows.as_slice().chunks_exact(stride).zip(&pushes).enumerate() {
                for &place in near.of(user) {
                    add_scaled(&mut slopes[place as usize * stride..][..stride], -push, row);
                }
            }
            for &(item, user) in &pairs[between(pairs, first..first + CHUNK)] {
                add(&mut slopes[(item as usize - first) * stride..][..stride], rows.row(user as usize));
            }
            near
        };
        let chunks = slopes.as_mut_slice().par_chunks_mut(CHUNK * stride).enumerate();
        let near: Vec<Near> = run.pool().install(|| chunks.map(of_chunk).collect());
        let of_user = |(user, slope): (usize, &mut [f32])| {
            let seen = taken.row(User(users[user])).items;
            slope.fill(0.0);
            for item in seen {
                add(slope, items.row(item.index()));
            }
            let nearness = dot(isa, slope, rows.row(user));
            for (chunk, near) in near.iter().enumerate() {
                for &place in near.of(user) {
                    add_scaled(slope, -pushes[user], items.row(chunk * CHUNK + place as usize));
                }
            }
            seen.len() as f64 - f64::from(nearness)
        };
        let own = own_slopes.as_mut_slice().par_chunks_mut(stride).enumerate();
        let far: Vec<f64> = run.pool().install(|| own.map(of_user).collect());
        far.iter().sum::<f64>() + near.iter().map(|near| near.loss).sum::<f64>()
    }

    /// (6) for the items.
    fn step(&mut self, run: &Run<'_>, items: &mut Matrix) {
        let (isa, rate, k, stride) = (run.isa(), self.ccl.rate as f32, self.ccl.factors, items.stride());
        let rows = items.as_mut_slice().par_chunks_mut(CHUNK * stride);
        let slopes = self.slopes.as_mut_slice().par_chunks_mut(CHUNK * stride);
        let sums = self.squares.par_chunks_mut(CHUNK).zip(self.columns.par_chunks_mut());
        run.pool().install(|| {
            rows.zip(slopes).zip(sums).for_each(|((rows, slopes), (squares, columns))| {
                let all = rows.chunks_exact_mut(stride).zip(slopes.chunks_exact_mut(stride)).zip(squares);
                for (place, ((row, slope), squares)) in all.enumerate() {
                    step(isa, rate, row, slope, squares);
                    tiles::set(columns, place, &row[..k]);
                }
            });
        });
    }
}

/// Users whose terms make one step.
pub(super) struct Group {
    pub(super) users: Vec<u32>,
    /// Their vectors.
    rows: Matrix,
    /// (3).
    pub(super) slopes: Matrix,
    /// G.
    squares: Vec<f32>,
    /// What they have taken, by item and then by user: the item, and the user's place in the group.
    pairs: Vec<(u32, u32)>,
}

impl Group {
    fn new(users: Vec<u32>, taken: &Ratings, factors: &Factors) -> Self {
        let mut rows = Matrix::zeros(users.len(), factors.k());
        let mut pairs = Vec::new();
        for (place, &user) in users.iter().enumerate() {
            rows.row_mut(place).copy_from_slice(factors.users.row(user as usize));
            pairs.extend(taken.row(User(user)).items.iter().map(|item| (item.0, place as u32)));
        }
        pairs.sort_unstable();
        let slopes = Matrix::zeros(users.len(), factors.k());
        Self { squares: vec![0.0; users.len()], users, rows, slopes, pairs }
    }

    /// (6) for the users.
    fn step(&mut self, run: &Run<'_>, rate: f32) {
        let (isa, stride) = (run.isa(), self.rows.stride());
        let rows = self.rows.as_mut_slice().par_chunks_mut(stride);
        let slopes = self.slopes.as_mut_slice().par_chunks_mut(stride);
        let all = rows.zip(slopes).zip(&mut self.squares);
        run.pool().install(|| {
            all.for_each(|((row, slope), squares)| step(isa, rate, row, slope, squares));
        });
    }

    fn write(&self, users: &mut Matrix) {
        for (place, &user) in self.users.iter().enumerate() {
            users.row_mut(user as usize).copy_from_slice(self.rows.row(place));
        }
    }
}

/// The cosines of a group with a chunk of items that are above ρ.
struct Near {
    /// Where each user's begin and end; one more than there are users.
    ends: Vec<u32>,
    /// Places in the chunk.
    items: Vec<u32>,
    /// Their part of (2).
    loss: f64,
}

impl Near {
    fn of(&self, user: usize) -> &[u32] {
        &self.items[self.ends[user] as usize..self.ends[user + 1] as usize]
    }
}

/// Which pairs have an item in the range.
fn between(pairs: &[(u32, u32)], items: Range<usize>) -> Range<usize> {
    let place = |end: usize| pairs.partition_point(|&(item, _)| (item as usize) < end);
    place(items.start)..place(items.end)
}

/// The cosines of some users with a chunk of items that are above the margin, each user's with their push.
fn nearer(isa: Isa, users: &Matrix, columns: &Columns, chunk: usize, margin: f32, pushes: &[f32]) -> Near {
    let stride = users.stride();
    let mut near = Near { ends: vec![0], items: Vec::new(), loss: 0.0 };
    let mut cosines = vec![0.0; TILE * CHUNK];
    for (tile, pushes) in users.as_slice().chunks(TILE * stride).zip(pushes.chunks(TILE)) {
        cosines.fill(0.0);
        columns.add_products(isa, Rows { entries: tile, stride }, pushes.len(), chunk, &mut cosines);
        for (cosines, &push) in cosines.chunks_exact(CHUNK).zip(pushes) {
            for (some, first) in cosines.chunks_exact(16).zip((0..).step_by(16)) {
                // Most are below, and sixteen are asked at once.
                if some
                    .iter()
                    .fold(margin, |highest, &cosine| if cosine > highest { cosine } else { highest })
                    <= margin
                {
                    continue;
                }
                for (&cosine, place) in some.iter().zip(first..).filter(|(cosine, _)| **cosine > margin) {
                    near.items.push(place);
                    near.loss += f64::from(push * (cosine - margin));
                }
            }
            near.ends.push(near.items.len() as u32);
        }
    }
    near
}
