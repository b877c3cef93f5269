//! What a block comes to in each of its rows, and sums over its weights.

use fearless_simd::Simd;

use super::lanes::{Lanes, load, load_four, store, store_four};
use super::{for_lanes, twin};
use crate::Isa;

/// A set of columns, seen row by row.
#[derive(Clone, Copy)]
pub struct SetRows<'a> {
    /// Where each row's members start, and the end.
    pub starts: &'a [usize],
    /// The members of the rows, one row after the other: columns of the set.
    pub members: &'a [u32],
    /// x of each row.
    pub values: &'a [f32],
}

/// What a set comes to in each row: x Σθ_j, and x² Σθ_j². See [`super::twin::set_sums`].
///
/// # Panics
/// When a member has no weight, or there are not 8 or 16 chains.
pub fn set_sums(
    isa: Isa,
    lanes: usize,
    set: SetRows<'_>,
    weights: &[f32],
    sum: &mut [f32],
    squares: &mut [f32],
) {
    for_lanes!(isa, lanes, simd, set_sums_body(set, weights, sum, squares), else twin::set_sums(lanes, set, weights, sum, squares));
}

#[inline(always)]
fn set_sums_body<S: Simd, V: Lanes<S>>(
    simd: S,
    set: SetRows<'_>,
    weights: &[f32],
    sum: &mut [f32],
    squares: &mut [f32],
) {
    for (row, &x) in set.values.iter().enumerate() {
        let members = &set.members[set.starts[row]..set.starts[row + 1]];
        let (total, total_squares) = add_all::<S, V>(simd, members, weights);
        let x = V::splat(simd, x);
        store(simd, sum, row, x * total);
        store(simd, squares, row, x * x * total_squares);
    }
}

/// What a block's rows come to: each has a weight θ of its own, and sets.
pub struct Compose<'a> {
    /// Each row's own weight.
    pub own: &'a [f32],
    /// What each set comes to: the two tables of [`set_sums`].
    pub sets: &'a [[&'a [f32]; 2]],
    /// The sum of the sets alone, z.
    pub rest: &'a mut [f32],
    /// All of it: q = θ + z.
    pub sum: &'a mut [f32],
    /// The row's interactions within itself: (q² − θ² − Σ x²θ_j²)/2.
    pub within: &'a mut [f32],
}

/// Fills the last three tables. See [`super::twin::compose`].
///
/// # Panics
/// When the tables do not have as many rows, or there are not 8 or 16 chains.
pub fn compose(isa: Isa, lanes: usize, block: Compose<'_>) {
    for_lanes!(isa, lanes, simd, compose_body(block), else twin::compose(block));
}

#[inline(always)]
fn compose_body<S: Simd, V: Lanes<S>>(simd: S, block: Compose<'_>) {
    let Compose { own, sets, rest, sum, within } = block;
    let (zero, half) = (V::splat(simd, 0.0), V::splat(simd, 0.5));
    for row in 0..own.len() / V::LEN {
        let (mut z, mut squares) = (zero, zero);
        for set in sets {
            z += load::<S, V>(simd, set[0], row);
            squares += load::<S, V>(simd, set[1], row);
        }
        let own: V = load(simd, own, row);
        // (θ + z)² − θ² without its first two squares.
        let crossed = own.mul_add_precise(z + z, z.mul_add_precise(z, -squares));
        store(simd, rest, row, z);
        store(simd, sum, row, own + z);
        store(simd, within, row, half * crossed);
    }
}

/// What new weights of a block change in the four sums of its rows: e moves by o·d + s, with d and s what q and the interactions within the row have moved by, `before` and
/// `now`. See [`super::twin::settle`].
///
/// # Panics
/// When the tables do not have one row for each count, or there are not 8 or 16 chains.
pub fn settle(
    isa: Isa,
    lanes: usize,
    (counts, square): (&[f32], f32),
    before: [&[f32]; 2],
    now: [&[f32]; 2],
    sums: &mut [f32],
) {
    for_lanes!(isa, lanes, simd, settle_body(counts, square, before, now, sums), else twin::settle(lanes, (counts, square), before, now, sums));
}

#[inline(always)]
fn settle_body<S: Simd, V: Lanes<S>>(
    simd: S,
    counts: &[f32],
    square: f32,
    before: [&[f32]; 2],
    now: [&[f32]; 2],
    sums: &mut [f32],
) {
    for (row, &count) in counts.iter().enumerate() {
        let n = V::splat(simd, count * square);
        let d = load::<S, V>(simd, now[0], row) - load::<S, V>(simd, before[0], row);
        let s = load::<S, V>(simd, now[1], row) - load::<S, V>(simd, before[1], row);
        let [e, eo, o, oo] = load_four::<S, V>(simd, sums, row);
        let e = d.mul_add_precise(o, s.mul_add_precise(n, e));
        let eo = d.mul_add_precise(oo, s.mul_add_precise(o, eo));
        store_four(simd, sums, row, [e, eo, o, oo]);
    }
}

/// The sums of some rows and of their squares: those in even and in odd places, then both.
#[inline(always)]
fn add_all<S: Simd, V: Lanes<S>>(simd: S, members: &[u32], weights: &[f32]) -> (V, V) {
    let zero = V::splat(simd, 0.0);
    let (mut even, mut odd) = ([zero; 2], [zero; 2]);
    let mut place = 0;
    while place + 1 < members.len() {
        let first: V = load(simd, weights, members[place] as usize);
        let second: V = load(simd, weights, members[place + 1] as usize);
        even = [even[0] + first, first.mul_add_precise(first, even[1])];
        odd = [odd[0] + second, second.mul_add_precise(second, odd[1])];
        place += 2;
    }
    if place < members.len() {
        let last: V = load(simd, weights, members[place] as usize);
        even = [even[0] + last, last.mul_add_precise(last, even[1])];
    }
    (even[0] + odd[0], even[1] + odd[1])
}

/// How many rows are summed in f32 before they are added in f64.
pub(super) const CHUNK: usize = 64;

/// Σ and Σ² over a table's rows for each chain, in f64 over chunks of 64 rows: the sums, then the sums of squares. See [`super::twin::sums`].
///
/// # Panics
/// When there are not 8 or 16 chains.
pub fn sums(isa: Isa, lanes: usize, table: &[f32]) -> Vec<f64> {
    for_lanes!(isa, lanes, simd, sums_body(table), else twin::sums(lanes, table))
}

#[inline(always)]
fn sums_body<S: Simd, V: Lanes<S>>(simd: S, table: &[f32]) -> Vec<f64> {
    let mut totals = vec![0.0_f64; 2 * V::LEN];
    for chunk in table.chunks(CHUNK * V::LEN) {
        let (mut sum, mut squares) = (V::splat(simd, 0.0), V::splat(simd, 0.0));
        for row in 0..chunk.len() / V::LEN {
            let value: V = load(simd, chunk, row);
            sum += value;
            squares = value.mul_add_precise(value, squares);
        }
        for lane in 0..V::LEN {
            totals[lane] += f64::from(sum[lane]);
            totals[V::LEN + lane] += f64::from(squares[lane]);
        }
    }
    totals
}
