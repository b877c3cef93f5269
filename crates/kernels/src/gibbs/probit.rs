//! Ratings as steps that a hidden number passes: the passes that ordered probit adds to a sweep.

use fearless_simd::{Select, Simd, prelude::*};

use super::gauss::{TINY, cumulative, density, log, quantile};
use super::lanes::{Lanes, load, store, store_four};
use super::noise::words;
use super::stream::Sides;
use super::{for_lanes, twin};
use crate::Isa;

/// The counters of the hidden numbers' draws have this bit in the sweep.
pub(super) const HIDDEN: u32 = 1 << 31;
/// Ratings whose terms are summed in f32 before they are added in f64.
pub(super) const CHUNK: usize = 256;
/// The sums that [`threshold_terms`] makes for each level.
pub const TERMS: usize = 6;

/// The steps: for each level from the lowest the threshold below it, and at the end the one above the highest, one number of each chain. The first and the last stand for infinity and
/// are far out.
#[derive(Clone, Copy)]
pub struct Steps<'a> {
    /// (R + 1) rows.
    pub thresholds: &'a [f32],
    /// The ratings of the R levels.
    pub values: &'a [f32],
    /// The level of each rating, session by session.
    pub levels: &'a [u8],
}

/// Adds the `done` factor's interactions to r, and replaces each hidden number z by what is predicted for it, e + z. See [`super::twin::predict_hidden`].
///
/// # Panics
/// When an item is not in the tables, or there are not 8 or 16 chains.
pub fn predict_hidden(
    isa: Isa,
    lanes: usize,
    (starts, items): (&[usize], &[u32]),
    done: (&[f32], &[f32]),
    sides: Sides<'_>,
    rest: &[f32],
    hidden: &mut [f32],
) {
    for_lanes!(isa, lanes, simd, predict_body(starts, items, done, sides, rest, hidden), else twin::predict_hidden(lanes, (starts, items), done, sides, rest, hidden));
}

#[inline(always)]
fn predict_body<S: Simd, V: Lanes<S>>(
    simd: S,
    starts: &[usize],
    items: &[u32],
    done: (&[f32], &[f32]),
    sides: Sides<'_>,
    rest: &[f32],
    hidden: &mut [f32],
) {
    for session in 0..starts.len() - 1 {
        let level: V = load(simd, sides.session_level, session);
        let own: V = load(simd, done.0, session);
        let start = starts[session];
        for (place, &item) in items[start..starts[session + 1]].iter().enumerate() {
            let (l, item) = (start + place, item as usize);
            let r = own.mul_add_precise(load::<S, V>(simd, done.1, item), load::<S, V>(simd, rest, l));
            let e = r + (level + load::<S, V>(simd, sides.item_level, item));
            let z: V = load(simd, hidden, l);
            store(simd, hidden, l, e + z);
        }
    }
}

/// The interval between two thresholds as seen from a prediction, on the side of zero where probabilities are small: its ends, and −1 where it was turned over.
#[inline(always)]
fn interval<S: Simd, V: Lanes<S>>(simd: S, low: V, high: V) -> (V, V, V) {
    let over = V::splat(simd, 0.0).simd_lt(low + high);
    let sign = over.select(V::splat(simd, -1.0), V::splat(simd, 1.0));
    (over.select(-high, low), over.select(-low, high), sign)
}

/// The log-likelihood of the thresholds given the predictions, Σ ln P with P = Φ(u) − Φ(l) for u = γ_y − ŷ and l = γ_{y−1} − ŷ, and what its slope and curvature are made of: for each
/// level, for each chain in f64
/// ```text
/// Σ ln P,  Σ φ(u)/P,  Σ φ(l)/P,  Σ uφ(u)/P + (φ(u)/P)²,  Σ −lφ(l)/P + (φ(l)/P)²,  Σ φ(u)φ(l)/P²
/// ```
/// See [`super::twin::threshold_terms`].
///
/// # Panics
/// When a level has no thresholds, or there are not 8 or 16 chains.
pub fn threshold_terms(isa: Isa, lanes: usize, steps: Steps<'_>, predicted: &[f32]) -> Vec<f64> {
    for_lanes!(isa, lanes, simd, terms_body(steps, predicted), else twin::threshold_terms(lanes, steps, predicted))
}

#[inline(always)]
fn terms_body<S: Simd, V: Lanes<S>>(simd: S, steps: Steps<'_>, predicted: &[f32]) -> Vec<f64> {
    let rows = steps.values.len() * TERMS;
    let mut totals = vec![0.0_f64; rows * V::LEN];
    let mut sums = vec![0.0_f32; rows * V::LEN];
    for (chunk, levels) in steps.levels.chunks(CHUNK).enumerate() {
        sums.fill(0.0);
        for (place, &level) in levels.iter().enumerate() {
            let level = level as usize;
            let fit: V = load(simd, predicted, chunk * CHUNK + place);
            let u = load::<S, V>(simd, steps.thresholds, level + 1) - fit;
            let l = load::<S, V>(simd, steps.thresholds, level) - fit;
            let (low, high, _) = interval(simd, l, u);
            let p = cumulative::<S, V>(simd, high) - cumulative::<S, V>(simd, low);
            let p = p.max_precise(V::splat(simd, TINY));
            let (a, b) = (density::<S, V>(simd, u) / p, density::<S, V>(simd, l) / p);
            let row = level * TERMS;
            add(simd, &mut sums, row, log(simd, p));
            add(simd, &mut sums, row + 1, a);
            add(simd, &mut sums, row + 2, b);
            add(simd, &mut sums, row + 3, a * (u + a));
            add(simd, &mut sums, row + 4, b * (b - l));
            add(simd, &mut sums, row + 5, a * b);
        }
        for (total, sum) in totals.iter_mut().zip(&sums) {
            *total += f64::from(*sum);
        }
    }
    totals
}

#[inline(always)]
fn add<S: Simd, V: Lanes<S>>(simd: S, sums: &mut [f32], row: usize, term: V) {
    let sum: V = load(simd, sums, row);
    store(simd, sums, row, sum + term);
}

/// What [`draw_hidden`] fills.
pub struct Hidden<'a> {
    /// The predictions, which are replaced by the hidden numbers.
    pub hidden: &'a mut [f32],
    /// r.
    pub rest: &'a mut [f32],
    /// The four sums of each session for linear weights.
    pub sums: &'a mut [f32],
    /// The squared errors of each session's ratings, rating minus E\[rating\].
    pub squares: &'a mut [f32],
}

/// Draws each hidden number from N(ŷ, 1) between its thresholds, brings r up to date and sums the sessions' errors ŷ − z. `keys` and `sweep` are those of [`super::Noise`]. See
/// [`super::twin::draw_hidden`].
///
/// # Panics
/// When an item is not in the tables, or there are not 8 or 16 chains.
pub fn draw_hidden(
    isa: Isa,
    lanes: usize,
    (keys, sweep): (&[u32], u32),
    (starts, items): (&[usize], &[u32]),
    sides: Sides<'_>,
    steps: Steps<'_>,
    out: Hidden<'_>,
) {
    for_lanes!(isa, lanes, simd, draw_body(keys, sweep, starts, items, sides, steps, out), else twin::draw_hidden(lanes, (keys, sweep), (starts, items), sides, steps, out));
}

#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "the face gives them in groups, the macro one by one")]
fn draw_body<S: Simd, V: Lanes<S>>(
    simd: S,
    keys: &[u32],
    sweep: u32,
    starts: &[usize],
    items: &[u32],
    sides: Sides<'_>,
    steps: Steps<'_>,
    out: Hidden<'_>,
) {
    let Hidden { hidden, rest, sums, squares } = out;
    let zero = V::splat(simd, 0.0);
    let highest = steps.values.len() - 1;
    for session in 0..starts.len() - 1 {
        let own: V = load(simd, sides.session_level, session);
        let (mut sum, mut square) = (zero, zero);
        let start = starts[session];
        for (place, &item) in items[start..starts[session + 1]].iter().enumerate() {
            let (l, item) = (start + place, item as usize);
            let fit: V = load(simd, hidden, l);
            let level = steps.levels[l] as usize;
            let word = words::<S, V>(simd, keys, [l as u32, sweep | HIDDEN])[0];
            let odd = ((word >> 9) << 1) | V::Bits::splat(simd, 1);
            let uniform = odd.to_float::<V>() * V::splat(simd, 1.0 / 16_777_216.0);

            let under = load::<S, V>(simd, steps.thresholds, level) - fit;
            let over = load::<S, V>(simd, steps.thresholds, level + 1) - fit;
            let (low, high, sign) = interval(simd, under, over);
            let p_low = cumulative::<S, V>(simd, low);
            let p = uniform.mul_add_precise(cumulative::<S, V>(simd, high) - p_low, p_low);
            let p = p.max_precise(V::splat(simd, TINY)).min_precise(V::splat(simd, 1.0 - 1.0 / 16_777_216.0));
            let step = quantile::<S, V>(simd, p).max_precise(low).min_precise(high) * sign;

            let z = fit + step;
            store(simd, hidden, l, z);
            let level_sum = own + load::<S, V>(simd, sides.item_level, item);
            store(simd, rest, l, (fit - level_sum) - z);
            sum += fit - z;

            let mut expected = V::splat(simd, steps.values[highest]);
            for below in 0..highest {
                let gap = V::splat(simd, steps.values[below] - steps.values[below + 1]);
                let threshold: V = load(simd, steps.thresholds, below + 1);
                expected = gap.mul_add_precise(cumulative(simd, threshold - fit), expected);
            }
            let error = expected - V::splat(simd, steps.values[level]);
            square = error.mul_add_precise(error, square);
        }
        let count = V::splat(simd, (starts[session + 1] - starts[session]) as f32);
        store_four(simd, sums, session, [zero, sum, zero, count]);
        store(simd, squares, session, square);
    }
}

/// E\[rating\] of the predictions of 16 samples at a time, in place: the highest value less each gap times the chance to stay below it. `thresholds` has a row of R − 1 numbers for
/// each chunk of 16 samples, threshold by threshold. See [`super::twin::expected_ratings`].
///
/// # Panics
/// When the lengths do not fit each other.
pub fn expected_ratings(isa: Isa, values: &[f32], thresholds: &[f32], predicted: &mut [f32]) {
    assert_eq!(thresholds.len(), predicted.len() * (values.len() - 1), "thresholds for each sample");
    fearless_simd::dispatch!(isa.0, simd => expected_body::<_, fearless_simd::f32x16<_>>(simd, values, thresholds, predicted));
}

#[inline(always)]
fn expected_body<S: Simd, V: Lanes<S>>(simd: S, values: &[f32], thresholds: &[f32], predicted: &mut [f32]) {
    let highest = values.len() - 1;
    for chunk in 0..predicted.len() / V::LEN {
        let fit: V = load(simd, predicted, chunk);
        let mut expected = V::splat(simd, values[highest]);
        for below in 0..highest {
            let gap = V::splat(simd, values[below] - values[below + 1]);
            let threshold: V = load(simd, thresholds, chunk * highest + below);
            expected = gap.mul_add_precise(cumulative(simd, threshold - fit), expected);
        }
        store(simd, predicted, chunk, expected);
    }
}
