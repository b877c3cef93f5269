//! The draws: columns with one row each, and columns of sets, whose rows overlap.

use fearless_simd::Simd;

use super::lanes::{Lanes, load, load_four, store, store_four};
use super::noise::{Conditional, Noise, Normals, Prior};
use super::{for_lanes, twin};
use crate::Isa;

/// One weight for each row of a block: x = 1 in that row alone.
pub struct OneHot<'a> {
    /// How many ratings each row has; a row without any is passed over.
    pub counts: &'a [f32],
    /// What n counts in the sums: 1, and 0 for linear weights.
    pub square: f32,
    /// q of each row without this weight.
    pub rest: &'a [f32],
    /// The four sums of each row.
    pub sums: &'a [f32],
    /// The weights.
    pub weights: &'a mut [f32],
}

/// Draws them all. See [`super::twin::one_hot`].
///
/// # Panics
/// When the tables do not have one row for each count, or there are not 8 or 16 chains.
pub fn one_hot(isa: Isa, prior: &Conditional<'_>, noise: Noise<'_>, block: OneHot<'_>) {
    let lanes = prior.mean.len();
    for_lanes!(isa, lanes, simd, one_hot_body(prior, noise, block), else twin::one_hot(prior, noise, block));
}

#[inline(always)]
fn one_hot_body<S: Simd, V: Lanes<S>>(simd: S, prior: &Conditional<'_>, noise: Noise<'_>, block: OneHot<'_>) {
    let OneHot { counts, square, rest, sums, weights } = block;
    let prior = Prior::<V>::load(simd, prior);
    let mut normals = Normals::<V>::new(simd, noise);
    let zero = V::splat(simd, 0.0);
    for (row, &count) in counts.iter().enumerate() {
        if count == 0.0 {
            continue;
        }
        let n = V::splat(simd, count * square);
        let z: V = load(simd, rest, row);
        let old: V = load(simd, weights, row);
        let [e, eo, o, oo] = load_four::<S, V>(simd, sums, row);
        let squares = z.mul_add_precise(z.mul_add_precise(n, o), z.mul_add_precise(o, oo));
        let product = z.mul_add_precise(e, eo);
        let normal = normals.of(simd, row);
        store(simd, weights, row, prior.draw(simd, old, squares.max(zero), product, normal));
    }
}

/// From a row's four sums to what the columns of its set need to know of it, with x the value of all its columns:
/// ```text
/// A = x²(q²n + 2q·Σo + Σo²),  B = x³(q·n + Σo),  F = x(q·Σe + Σe·o),  G = x²·Σe
/// ```
/// `values` and `ratings` hold x and n. See [`super::twin::set_start`].
///
/// # Panics
/// When the tables do not have one row for each value, or there are not 8 or 16 chains.
pub fn set_start(
    isa: Isa,
    lanes: usize,
    (values, ratings): (&[f32], &[f32]),
    square: f32,
    q: &[f32],
    sums: &[f32],
    state: &mut [f32],
) {
    for_lanes!(isa, lanes, simd, start_body(values, ratings, square, q, sums, state), else twin::set_start(lanes, (values, ratings), square, q, sums, state));
}

#[inline(always)]
fn start_body<S: Simd, V: Lanes<S>>(
    simd: S,
    values: &[f32],
    ratings: &[f32],
    square: f32,
    q: &[f32],
    sums: &[f32],
    state: &mut [f32],
) {
    for row in 0..values.len() {
        let x = V::splat(simd, values[row]);
        let n = V::splat(simd, ratings[row] * square);
        let q: V = load(simd, q, row);
        let [e, eo, o, oo] = load_four::<S, V>(simd, sums, row);
        let all = q.mul_add_precise(n, o);
        let squares = q.mul_add_precise(all, q.mul_add_precise(o, oo));
        let product = q.mul_add_precise(e, eo);
        // For linear weights n and Σo count as 0, and so does B.
        store_four(simd, state, row, [x * x * squares, x * x * x * all, x * product, x * x * e]);
    }
}

/// One weight for each column of a set.
pub struct SetColumns<'a> {
    /// Where each column's rows start, and the end.
    pub starts: &'a [usize],
    /// The rows of the columns, one column after the other.
    pub rows: &'a [u32],
    /// x⁴n of each row; not read for linear weights.
    pub fourths: &'a [f32],
    /// Σ x⁴n over each column's rows.
    pub column_fourths: &'a [f32],
    /// 1, and 0 for linear weights.
    pub square: f32,
    /// The weights.
    pub weights: &'a mut [f32],
    /// A, B, F and G of each row, kept up to date.
    pub state: &'a mut [f32],
}

/// Draws one column after the other, of which those without rows are passed over. By d = θ′ − θ a row of the column moves by
/// ```text
/// F += d(G + A + (d − θ)B − dθ·x⁴n),  G += d(B − θ·x⁴n),  A += d(2B + d·x⁴n),  B += d·x⁴n
/// ```
/// Cost: two passes over the four vectors of each entry. See [`super::twin::set_columns`].
///
/// # Panics
/// When a row is not in the state, or there are not 8 or 16 chains.
pub fn set_columns(isa: Isa, prior: &Conditional<'_>, noise: Noise<'_>, set: SetColumns<'_>) {
    let lanes = prior.mean.len();
    for_lanes!(isa, lanes, simd, set_body(prior, noise, set), else twin::set_columns(prior, noise, set));
}

#[inline(always)]
fn set_body<S: Simd, V: Lanes<S>>(simd: S, prior: &Conditional<'_>, noise: Noise<'_>, set: SetColumns<'_>) {
    let SetColumns { starts, rows, fourths, column_fourths, square, weights, state } = set;
    let prior = Prior::<V>::load(simd, prior);
    let mut normals = Normals::<V>::new(simd, noise);
    let zero = V::splat(simd, 0.0);
    for column in 0..column_fourths.len() {
        let rows = &rows[starts[column]..starts[column + 1]];
        if rows.is_empty() {
            continue;
        }
        let [a, b, f, g] = total::<S, V>(simd, rows, state);
        let old: V = load(simd, weights, column);
        let w = V::splat(simd, column_fourths[column] * square);
        let squares = old.mul_add_precise(old.mul_add_precise(w, -(b + b)), a);
        let product = f - old * g;
        let normal = normals.of(simd, column);
        let new = prior.draw(simd, old, squares.max(zero), product, normal);
        store(simd, weights, column, new);
        let d = new - old;
        let ahead = d - old;
        for &row in rows {
            let row = row as usize;
            let w = V::splat(simd, fourths[row] * square);
            let [a, b, f, g] = load_four::<S, V>(simd, state, row);
            let dw = d * w;
            let behind = old * dw;
            let inner = ahead.mul_add_precise(b, (g + a) - behind);
            let f = d.mul_add_precise(inner, f);
            let g = d.mul_add_precise(b, g - behind);
            let a = d.mul_add_precise((b + b) + dw, a);
            store_four(simd, state, row, [a, b + dw, f, g]);
        }
    }
}

/// The sums of the four vectors over a column's rows: those in even and in odd places, then both.
#[inline(always)]
fn total<S: Simd, V: Lanes<S>>(simd: S, rows: &[u32], state: &[f32]) -> [V; 4] {
    let zero = V::splat(simd, 0.0);
    let (mut even, mut odd) = ([zero; 4], [zero; 4]);
    let mut place = 0;
    while place + 1 < rows.len() {
        let first = load_four::<S, V>(simd, state, rows[place] as usize);
        let second = load_four::<S, V>(simd, state, rows[place + 1] as usize);
        for part in 0..4 {
            even[part] += first[part];
            odd[part] += second[part];
        }
        place += 2;
    }
    if place < rows.len() {
        let last = load_four::<S, V>(simd, state, rows[place] as usize);
        for part in 0..4 {
            even[part] += last[part];
        }
    }
    for part in 0..4 {
        even[part] += odd[part];
    }
    even
}
