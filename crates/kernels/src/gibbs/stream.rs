//! The passes over all ratings: the only loops whose memory grows with them.

use fearless_simd::Simd;

use super::lanes::{Lanes, load, store, store_four};
use super::{for_lanes, twin};
use crate::Isa;

/// What both sides of a rating come to, in tables with a row for each session and each item.
#[derive(Clone, Copy)]
pub struct Sides<'a> {
    /// T_s.
    pub session_level: &'a [f32],
    /// T_i.
    pub item_level: &'a [f32],
    /// q_s and q_i of the factor whose weights are drawn next; none for linear weights.
    pub factor: Option<(&'a [f32], &'a [f32])>,
}

/// One pass by session: first adds `done` factor's interactions to r, then sums what the session's weights of the next factor need to know, and takes that
/// factor's interactions out of r. `items` holds the item of each rating, `starts` where each session's ratings start, and the end; `rest` is r. See [`super::twin::by_session`].
///
/// # Panics
/// When an item is not in the tables, there is no next factor, or there are not 8 or 16 chains.
pub fn by_session(
    isa: Isa,
    lanes: usize,
    (starts, items): (&[usize], &[u32]),
    done: Option<(&[f32], &[f32])>,
    sides: Sides<'_>,
    rest: &mut [f32],
    sums: &mut [f32],
) {
    match done {
        Some(done) => {
            for_lanes!(isa, lanes, simd, session_body_after(starts, items, done, sides, rest, sums), else twin::by_session(lanes, (starts, items), Some(done), sides, rest, sums));
        }
        None => {
            for_lanes!(isa, lanes, simd, session_body_first(starts, items, sides, rest, sums), else twin::by_session(lanes, (starts, items), None, sides, rest, sums));
        }
    }
}

#[inline(always)]
fn session_body_after<S: Simd, V: Lanes<S>>(
    simd: S,
    starts: &[usize],
    items: &[u32],
    done: (&[f32], &[f32]),
    sides: Sides<'_>,
    rest: &mut [f32],
    sums: &mut [f32],
) {
    session_pass::<S, V, true>(simd, starts, items, done, sides, rest, sums);
}

#[inline(always)]
fn session_body_first<S: Simd, V: Lanes<S>>(
    simd: S,
    starts: &[usize],
    items: &[u32],
    sides: Sides<'_>,
    rest: &mut [f32],
    sums: &mut [f32],
) {
    session_pass::<S, V, false>(simd, starts, items, (&[], &[]), sides, rest, sums);
}

#[inline(always)]
fn session_pass<S: Simd, V: Lanes<S>, const AFTER: bool>(
    simd: S,
    starts: &[usize],
    items: &[u32],
    done: (&[f32], &[f32]),
    sides: Sides<'_>,
    rest: &mut [f32],
    sums: &mut [f32],
) {
    let (session_factor, item_factor) = sides.factor.expect("a pass is made for a factor");
    let zero = V::splat(simd, 0.0);
    for session in 0..starts.len() - 1 {
        let before = if AFTER { load(simd, done.0, session) } else { zero };
        let own: V = load(simd, session_factor, session);
        let level: V = load(simd, sides.session_level, session);
        let (mut sum, mut product, mut outer, mut squares) = (zero, zero, zero, zero);
        let start = starts[session];
        for (place, &item) in items[start..starts[session + 1]].iter().enumerate() {
            let (l, item) = (start + place, item as usize);
            let mut r: V = load(simd, rest, l);
            if AFTER {
                r = before.mul_add_precise(load::<S, V>(simd, done.1, item), r);
            }
            let e = r + (level + load::<S, V>(simd, sides.item_level, item));
            let o: V = load(simd, item_factor, item);
            sum += e;
            product = e.mul_add_precise(o, product);
            outer += o;
            squares = o.mul_add_precise(o, squares);
            store(simd, rest, l, (-own).mul_add_precise(o, r));
        }
        store_four(simd, sums, session, [sum, product, outer, squares]);
    }
}

/// The pass before the linear weights: adds the `done` factor's interactions to r, then sums the errors of each session and their squares. The four sums are those of linear
/// weights; `squares` gets Σe². See [`super::twin::linear_by_session`].
///
/// # Panics
/// When an item is not in the tables, or there are not 8 or 16 chains.
pub fn linear_by_session(
    isa: Isa,
    lanes: usize,
    (starts, items): (&[usize], &[u32]),
    done: Option<(&[f32], &[f32])>,
    sides: Sides<'_>,
    rest: &mut [f32],
    (sums, squares): (&mut [f32], &mut [f32]),
) {
    for_lanes!(isa, lanes, simd, linear_body(starts, items, done, sides, rest, sums, squares), else twin::linear_by_session(lanes, (starts, items), done, sides, rest, (sums, squares)));
}

#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "the face gives them in groups, the macro one by one")]
fn linear_body<S: Simd, V: Lanes<S>>(
    simd: S,
    starts: &[usize],
    items: &[u32],
    done: Option<(&[f32], &[f32])>,
    sides: Sides<'_>,
    rest: &mut [f32],
    sums: &mut [f32],
    squares: &mut [f32],
) {
    let zero = V::splat(simd, 0.0);
    for session in 0..starts.len() - 1 {
        let level: V = load(simd, sides.session_level, session);
        let (mut sum, mut square) = (zero, zero);
        let start = starts[session];
        for (place, &item) in items[start..starts[session + 1]].iter().enumerate() {
            let (l, item) = (start + place, item as usize);
            let mut r: V = load(simd, rest, l);
            if let Some((sessions, items)) = done {
                r = load::<S, V>(simd, sessions, session).mul_add_precise(load::<S, V>(simd, items, item), r);
                store(simd, rest, l, r);
            }
            let e = r + (level + load::<S, V>(simd, sides.item_level, item));
            sum += e;
            square = e.mul_add_precise(e, square);
        }
        let count = V::splat(simd, (starts[session + 1] - starts[session]) as f32);
        store_four(simd, sums, session, [zero, sum, zero, count]);
        store(simd, squares, session, square);
    }
}

/// The pass by item: `places` holds each rating's place in r and `sessions` its session, item by item; r does not hold the factor's interactions. The sums
/// are over the items' ratings. See [`super::twin::by_item`].
///
/// # Panics
/// When a place or a session is not in the tables, or there are not 8 or 16 chains.
pub fn by_item(
    isa: Isa,
    lanes: usize,
    (starts, places, sessions): (&[usize], &[u32], &[u32]),
    sides: Sides<'_>,
    rest: &[f32],
    sums: &mut [f32],
) {
    match sides.factor {
        Some(factor) => {
            for_lanes!(isa, lanes, simd, item_body(starts, places, sessions, factor, sides, rest, sums), else twin::by_item(lanes, (starts, places, sessions), sides, rest, sums));
        }
        None => {
            for_lanes!(isa, lanes, simd, linear_item_body(starts, places, sessions, sides, rest, sums), else twin::by_item(lanes, (starts, places, sessions), sides, rest, sums));
        }
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "the face gives them in groups, the macro one by one")]
fn item_body<S: Simd, V: Lanes<S>>(
    simd: S,
    starts: &[usize],
    places: &[u32],
    sessions: &[u32],
    (session_factor, item_factor): (&[f32], &[f32]),
    sides: Sides<'_>,
    rest: &[f32],
    sums: &mut [f32],
) {
    let zero = V::splat(simd, 0.0);
    for item in 0..starts.len() - 1 {
        let own: V = load(simd, item_factor, item);
        let level: V = load(simd, sides.item_level, item);
        let (mut sum, mut product, mut outer, mut squares) = (zero, zero, zero, zero);
        for at in starts[item]..starts[item + 1] {
            let session = sessions[at] as usize;
            let r: V = load(simd, rest, places[at] as usize);
            let o: V = load(simd, session_factor, session);
            let e = own.mul_add_precise(o, r) + (level + load::<S, V>(simd, sides.session_level, session));
            sum += e;
            product = e.mul_add_precise(o, product);
            outer += o;
            squares = o.mul_add_precise(o, squares);
        }
        store_four(simd, sums, item, [sum, product, outer, squares]);
    }
}

#[inline(always)]
fn linear_item_body<S: Simd, V: Lanes<S>>(
    simd: S,
    starts: &[usize],
    places: &[u32],
    sessions: &[u32],
    sides: Sides<'_>,
    rest: &[f32],
    sums: &mut [f32],
) {
    let zero = V::splat(simd, 0.0);
    for item in 0..starts.len() - 1 {
        let level: V = load(simd, sides.item_level, item);
        let mut sum = zero;
        for at in starts[item]..starts[item + 1] {
            let r: V = load(simd, rest, places[at] as usize);
            sum += r + (level + load::<S, V>(simd, sides.session_level, sessions[at] as usize));
        }
        let count = V::splat(simd, (starts[item + 1] - starts[item]) as f32);
        store_four(simd, sums, item, [zero, sum, zero, count]);
    }
}
