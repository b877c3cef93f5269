//! Between sessions, their users and their days: sums go up, changes come down.

use fearless_simd::Simd;

use super::lanes::{Lanes, load, load_four, store, store_four};
use super::{for_lanes, twin};
use crate::Isa;

/// The sessions of the owners that are drawn, users or days, with what the other side of each session has.
#[derive(Clone, Copy)]
pub struct Owned<'a> {
    /// Where each owner's sessions start in `sessions`, and the end.
    pub starts: &'a [usize],
    /// The sessions, owner by owner.
    pub sessions: &'a [u32],
    /// How many ratings each session has.
    pub counts: &'a [f32],
    /// What n counts in the sums: 1, and 0 for linear weights.
    pub square: f32,
    /// The other owner of each session: the day of a user's, the user of a day's; a row of `others`.
    pub other: &'a [u32],
    /// q of the other owners.
    pub others: &'a [f32],
}

/// The owners' four sums from those of the sessions, whose o lacks the other owner. See [`super::twin::gather`].
///
/// # Panics
/// When an index is not in its table, or there are not 8 or 16 chains.
pub fn gather(isa: Isa, lanes: usize, owned: Owned<'_>, of_sessions: &[f32], of_owners: &mut [f32]) {
    for_lanes!(isa, lanes, simd, gather_body(owned, of_sessions, of_owners), else twin::gather(lanes, owned, of_sessions, of_owners));
}

#[inline(always)]
fn gather_body<S: Simd, V: Lanes<S>>(simd: S, owned: Owned<'_>, of_sessions: &[f32], of_owners: &mut [f32]) {
    let zero = V::splat(simd, 0.0);
    for owner in 0..owned.starts.len() - 1 {
        let mut sums = [zero; 4];
        for at in owned.starts[owner]..owned.starts[owner + 1] {
            let session = owned.sessions[at] as usize;
            let n = V::splat(simd, owned.counts[session] * owned.square);
            let q: V = load(simd, owned.others, owned.other[session] as usize);
            let [e, eo, o, oo] = load_four::<S, V>(simd, of_sessions, session);
            let all = q.mul_add_precise(n, o);
            sums[0] += e;
            sums[1] += q.mul_add_precise(e, eo);
            sums[2] += all;
            sums[3] += q.mul_add_precise(all, q.mul_add_precise(o, oo));
        }
        store_four(simd, of_owners, owner, sums);
    }
}

/// What the owners' new weights change in the sums of their sessions: `sum` and `within` hold q and the interactions within a row, before and now. See
/// [`super::twin::scatter`].
///
/// # Panics
/// When an index is not in its table, or there are not 8 or 16 chains.
pub fn scatter(
    isa: Isa,
    lanes: usize,
    owned: Owned<'_>,
    sum: [&[f32]; 2],
    within: [&[f32]; 2],
    of_sessions: &mut [f32],
) {
    for_lanes!(isa, lanes, simd, scatter_body(owned, sum, within, of_sessions), else twin::scatter(lanes, owned, sum, within, of_sessions));
}

#[inline(always)]
fn scatter_body<S: Simd, V: Lanes<S>>(
    simd: S,
    owned: Owned<'_>,
    sum: [&[f32]; 2],
    within: [&[f32]; 2],
    of_sessions: &mut [f32],
) {
    for owner in 0..owned.starts.len() - 1 {
        let d = load::<S, V>(simd, sum[1], owner) - load::<S, V>(simd, sum[0], owner);
        let s = load::<S, V>(simd, within[1], owner) - load::<S, V>(simd, within[0], owner);
        for at in owned.starts[owner]..owned.starts[owner + 1] {
            let session = owned.sessions[at] as usize;
            let n = V::splat(simd, owned.counts[session] * owned.square);
            let q: V = load(simd, owned.others, owned.other[session] as usize);
            let [e, eo, o, oo] = load_four::<S, V>(simd, of_sessions, session);
            let e = d.mul_add_precise(q.mul_add_precise(n, o), s.mul_add_precise(n, e));
            let eo = d.mul_add_precise(q.mul_add_precise(o, oo), s.mul_add_precise(o, eo));
            store_four(simd, of_sessions, session, [e, eo, o, oo]);
        }
    }
}

/// The sessions' own q, user plus day, and what the two add within the row: the user's interactions and the product with the day. See [`super::twin::join`].
///
/// # Panics
/// When an index is not in its table, or there are not 8 or 16 chains.
pub fn join(
    isa: Isa,
    lanes: usize,
    (user, day): (&[u32], &[u32]),
    (users, users_within): (&[f32], &[f32]),
    days: &[f32],
    (sum, within): (&mut [f32], &mut [f32]),
) {
    for_lanes!(isa, lanes, simd, join_body(user, day, users, users_within, days, sum, within), else twin::join(lanes, (user, day), (users, users_within), days, (sum, within)));
}

#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "the face gives them in groups, the macro one by one")]
fn join_body<S: Simd, V: Lanes<S>>(
    simd: S,
    user: &[u32],
    day: &[u32],
    users: &[f32],
    users_within: &[f32],
    days: &[f32],
    sum: &mut [f32],
    within: &mut [f32],
) {
    for session in 0..user.len() {
        let q: V = load(simd, users, user[session] as usize);
        let v: V = load(simd, days, day[session] as usize);
        let s: V = load(simd, users_within, user[session] as usize);
        store(simd, sum, session, q + v);
        store(simd, within, session, q.mul_add_precise(v, s));
    }
}

/// level += now − before, row by row. See [`super::twin::shift`].
///
/// # Panics
/// When there are not 8 or 16 chains.
pub fn shift(isa: Isa, lanes: usize, before: &[f32], now: &[f32], level: &mut [f32]) {
    for_lanes!(isa, lanes, simd, shift_body(before, now, level), else twin::shift(before, now, level));
}

#[inline(always)]
fn shift_body<S: Simd, V: Lanes<S>>(simd: S, before: &[f32], now: &[f32], level: &mut [f32]) {
    for row in 0..level.len() / V::LEN {
        let by = load::<S, V>(simd, now, row) - load::<S, V>(simd, before, row);
        let old: V = load(simd, level, row);
        store(simd, level, row, old + by);
    }
}
