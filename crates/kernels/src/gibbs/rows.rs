//! What a block comes to in each of its rows, and sums over its weights.

use fearless_simd::Simd;

use super::for_lanes;
use super::lanes::{Lanes, load, store};
use crate::Isa;

/// A block whose row has a weight of its own and x for each member of a set.
pub struct Compose<'a> {
    /// Each row's own weight.
    pub own: &'a [f32],
    /// Where each row's members start, and the end; empty without sets.
    pub starts: &'a [usize],
    /// The members: columns of the set.
    pub members: &'a [u32],
    /// The members' weights.
    pub gifts: &'a [f32],
    /// x of each row.
    pub values: &'a [f32],
    /// Σ over the set alone, for each row: z.
    pub set: &'a mut [f32],
    /// All of it: q = θ + z.
    pub sum: &'a mut [f32],
    /// The row's interactions within itself: (q² − θ² − x² Σ θ_j²)/2.
    pub within: &'a mut [f32],
}

/// Fills the three tables. See [`super::twin::compose`].
///
/// # Panics
/// When the tables do not have one row for each x, or there are not 8 or 16 chains.
pub fn compose(isa: Isa, lanes: usize, block: Compose<'_>) {
    for_lanes!(isa, lanes, simd, compose_body(block));
}

#[inline(always)]
fn compose_body<S: Simd, V: Lanes<S>>(simd: S, block: Compose<'_>) {
    let Compose { own, starts, members, gifts, values, set, sum, within } = block;
    let half = V::splat(simd, 0.5);
    for row in 0..values.len() {
        let members = if starts.is_empty() { &[] } else { &members[starts[row]..starts[row + 1]] };
        let (total, squares) = add_all::<S, V>(simd, members, gifts);
        let x = V::splat(simd, values[row]);
        let own: V = load(simd, own, row);
        let z = x * total;
        let q = own + z;
        // (θ + z)² − θ² − x²Σθ_j² without its first two squares.
        let crossed = own.mul_add_precise(z + z, z.mul_add_precise(z, -(x * x * squares)));
        store(simd, set, row, z);
        store(simd, sum, row, q);
        store(simd, within, row, half * crossed);
    }
}

/// The sums of some rows and of their squares: those in even and in odd places, then both.
#[inline(always)]
fn add_all<S: Simd, V: Lanes<S>>(simd: S, members: &[u32], gifts: &[f32]) -> (V, V) {
    let zero = V::splat(simd, 0.0);
    let (mut even, mut odd) = ([zero; 2], [zero; 2]);
    let mut place = 0;
    while place + 1 < members.len() {
        let first: V = load(simd, gifts, members[place] as usize);
        let second: V = load(simd, gifts, members[place + 1] as usize);
        even = [even[0] + first, first.mul_add_precise(first, even[1])];
        odd = [odd[0] + second, second.mul_add_precise(second, odd[1])];
        place += 2;
    }
    if place < members.len() {
        let last: V = load(simd, gifts, members[place] as usize);
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
    for_lanes!(isa, lanes, simd, sums_body(table))
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
