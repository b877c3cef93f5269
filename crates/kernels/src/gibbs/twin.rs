//! The readable definitions of this module's kernels: one chain after the other, one number at a time.

use super::columns::{OneHot, SetColumns};
use super::gauss::{DENSITY, ERFC, EXP, FAR, LIFT, LN_2_PARTS, MIDDLE, SPLIT, TAIL, TINY};
use super::noise::{COS, Conditional, LN, LN_2, Noise, PARITY, ROTATIONS, ROUND, SIN, SQRT_HALF};
use super::probit::{self, HIDDEN, Hidden, Steps, TERMS};
use super::rows::{CHUNK, Compose, SetRows};
use super::sessions::Owned;
use super::stream::Sides;

/// Threefry-2x32 with 20 rounds.
pub fn words(key: [u32; 2], counter: [u32; 2]) -> [u32; 2] {
    let schedule = [key[0], key[1], key[0] ^ key[1] ^ PARITY];
    let mut x = [key[0].wrapping_add(counter[0]), key[1].wrapping_add(counter[1])];
    for injection in 0..5 {
        for rotation in ROTATIONS[injection % 2] {
            x[0] = x[0].wrapping_add(x[1]);
            x[1] = x[1].rotate_left(rotation) ^ x[0];
        }
        x[0] = x[0].wrapping_add(schedule[(injection + 1) % 3]);
        x[1] = x[1].wrapping_add(schedule[(injection + 2) % 3]).wrapping_add(injection as u32 + 1);
    }
    x
}

/// The two normal numbers of Box and Muller from two words.
pub fn normals(words: [u32; 2]) -> [f32; 2] {
    let (exponent, log) = split_log((((words[0] >> 9) << 1) | 1) as f32);
    let minus_log = (24.0 - exponent).mul_add(LN_2, -log);
    let radius = (minus_log + minus_log).sqrt();
    let turn = (words[1] >> 8) as f32 * (1.0 / 4_194_304.0);
    let rounded = turn + ROUND;
    let x = turn - (rounded - ROUND);
    let (sine, cosine) = (polynomial(&SIN, x * x) * x, polynomial(&COS, x * x));
    let (sine, cosine) = match rounded.to_bits() % 4 {
        0 => (sine, cosine),
        1 => (cosine, -sine),
        2 => (-sine, -cosine),
        _ => (-cosine, sine),
    };
    [radius * cosine, radius * sine]
}

/// For x ≥ 1 the whole number n and ln y with x = 2ⁿ·y and √½ ≤ y < √2.
fn split_log(x: f32) -> (f32, f32) {
    let exponent = (x.to_bits() - SQRT_HALF) >> 23;
    let y = f32::from_bits(x.to_bits() - (exponent << 23)) - 1.0;
    let square = y * y;
    (exponent as f32, y + square.mul_add(-0.5, polynomial(&LN, y) * y * square))
}

/// The normal number of a column and a chain.
pub fn normal(noise: Noise<'_>, column: usize, chain: usize) -> f32 {
    let key = [noise.keys[chain], noise.keys[noise.keys.len() / 2 + chain]];
    let counter = noise.slot.wrapping_add((column / 2) as u32);
    normals(words(key, [counter, noise.sweep]))[column % 2]
}

fn polynomial(coefficients: &[f32], x: f32) -> f32 {
    coefficients[1..].iter().fold(coefficients[0], |value, &coefficient| value.mul_add(x, coefficient))
}

/// The new weight of a chain: see [`Conditional`].
pub fn draw(prior: &Conditional<'_>, chain: usize, old: f32, [squares, product, normal]: [f32; 3]) -> f32 {
    let (mu, lambda, alpha) = (prior.mean[chain], prior.precision[chain], prior.noise[chain]);
    let variance = 1.0 / alpha.mul_add(squares.max(0.0), lambda);
    let fit = old.mul_add(squares.max(0.0), -product);
    let mean = variance * alpha.mul_add(fit, lambda * mu);
    variance.sqrt().mul_add(normal, mean)
}

/// The places of a row's four sums in a table of fours.
fn four(lanes: usize, row: usize, chain: usize) -> [usize; 4] {
    [0, 1, 2, 3].map(|part| (row * 4 + part) * lanes + chain)
}

/// Draws one weight for each row, with h = z + o: Σh² = z(z·n + Σo) + z·Σo + Σo² and Σhe = z·Σe + Σe·o.
pub fn one_hot(prior: &Conditional<'_>, noise: Noise<'_>, block: OneHot<'_>) {
    let OneHot { counts, square, rest, sums, weights } = block;
    let lanes = prior.mean.len();
    for row in (0..counts.len()).filter(|&row| counts[row] > 0.0) {
        for chain in 0..lanes {
            let at = row * lanes + chain;
            let [e, eo, o, oo] = four(lanes, row, chain).map(|part| sums[part]);
            let z = rest[at];
            let squares = z.mul_add(z.mul_add(counts[row] * square, o), z.mul_add(o, oo));
            let of_column = [squares, z.mul_add(e, eo), normal(noise, row, chain)];
            weights[at] = draw(prior, chain, weights[at], of_column);
        }
    }
}

/// A, B, F and G of each row.
pub fn set_start(
    lanes: usize,
    (values, ratings): (&[f32], &[f32]),
    square: f32,
    q: &[f32],
    sums: &[f32],
    state: &mut [f32],
) {
    for (row, &x) in values.iter().enumerate() {
        for chain in 0..lanes {
            let [e, eo, o, oo] = four(lanes, row, chain);
            let q = q[row * lanes + chain];
            let all = q.mul_add(ratings[row] * square, sums[o]);
            let squares = q.mul_add(all, q.mul_add(sums[o], sums[oo]));
            let product = q.mul_add(sums[e], sums[eo]);
            state[e] = x * x * squares;
            state[eo] = x * x * x * all;
            state[o] = x * product;
            state[oo] = x * x * sums[e];
        }
    }
}

/// Draws one weight for each column: Σh² = ΣA − 2θΣB + θ²Σx⁴n and Σhe = ΣF − θΣG.
pub fn set_columns(prior: &Conditional<'_>, noise: Noise<'_>, set: SetColumns<'_>) {
    let SetColumns { starts, rows, fourths, column_fourths, square, weights, state } = set;
    let lanes = prior.mean.len();
    for column in (0..column_fourths.len()).filter(|&column| starts[column] < starts[column + 1]) {
        let rows = &rows[starts[column]..starts[column + 1]];
        for chain in 0..lanes {
            let every_second = |part: usize, first: usize| -> f32 {
                let rows = rows.iter().skip(first).step_by(2);
                rows.fold(0.0, |sum, &row| sum + state[four(lanes, row as usize, chain)[part]])
            };
            let [a, b, f, g] = [0, 1, 2, 3].map(|part| every_second(part, 0) + every_second(part, 1));
            let at = column * lanes + chain;
            let old = weights[at];
            let squares = old.mul_add(old.mul_add(column_fourths[column] * square, -(b + b)), a);
            weights[at] = draw(prior, chain, old, [squares, f - old * g, normal(noise, column, chain)]);
            let d = weights[at] - old;
            for &row in rows {
                let [a, b, f, g] = four(lanes, row as usize, chain);
                let dw = d * (fourths[row as usize] * square);
                let behind = old * dw;
                state[f] = d.mul_add((d - old).mul_add(state[b], (state[g] + state[a]) - behind), state[f]);
                state[g] = d.mul_add(state[b], state[g] - behind);
                state[a] = d.mul_add((state[b] + state[b]) + dw, state[a]);
                state[b] += dw;
            }
        }
    }
}

/// x Σθ_j and x² Σθ_j² of each row: the members in even places, then those in odd ones.
pub fn set_sums(lanes: usize, set: SetRows<'_>, weights: &[f32], sum: &mut [f32], squares: &mut [f32]) {
    for (row, &x) in set.values.iter().enumerate() {
        let members = &set.members[set.starts[row]..set.starts[row + 1]];
        for chain in 0..lanes {
            let weight = |member: &u32| weights[*member as usize * lanes + chain];
            let every_second = |first: usize, add: fn(f32, f32) -> f32| {
                members.iter().skip(first).step_by(2).map(weight).fold(0.0, add)
            };
            let total = |add| every_second(0, add) + every_second(1, add);
            sum[row * lanes + chain] = x * total(|sum, v| sum + v);
            squares[row * lanes + chain] = x * x * total(|sum, v| v.mul_add(v, sum));
        }
    }
}

/// What a row's weights come to.
pub fn compose(block: Compose<'_>) {
    let Compose { own, sets, rest, sum, within } = block;
    for (at, &own) in own.iter().enumerate() {
        let z = sets.iter().fold(0.0, |z, set| z + set[0][at]);
        let squares = sets.iter().fold(0.0, |squares, set| squares + set[1][at]);
        rest[at] = z;
        sum[at] = own + z;
        within[at] = 0.5 * own.mul_add(z + z, z.mul_add(z, -squares));
    }
}

/// A row that moves by d in q and by s within itself moves e by o·d + s in each of its ratings.
pub fn settle(
    lanes: usize,
    (counts, square): (&[f32], f32),
    before: [&[f32]; 2],
    now: [&[f32]; 2],
    sums: &mut [f32],
) {
    for (row, &count) in counts.iter().enumerate() {
        for chain in 0..lanes {
            let at = row * lanes + chain;
            let (d, s) = (now[0][at] - before[0][at], now[1][at] - before[1][at]);
            let places = four(lanes, row, chain);
            let [e, eo, o, oo] = places.map(|part| sums[part]);
            sums[places[0]] = d.mul_add(o, s.mul_add(count * square, e));
            sums[places[1]] = d.mul_add(oo, s.mul_add(o, eo));
        }
    }
}

/// Σ of each chain, and then Σ².
pub fn sums(lanes: usize, table: &[f32]) -> Vec<f64> {
    let mut totals = vec![0.0; 2 * lanes];
    for chunk in table.chunks(CHUNK * lanes) {
        for chain in 0..lanes {
            let values = chunk.iter().skip(chain).step_by(lanes);
            totals[chain] += f64::from(values.clone().fold(0.0_f32, |sum, v| sum + v));
            totals[lanes + chain] += f64::from(values.fold(0.0_f32, |sum, v| v.mul_add(*v, sum)));
        }
    }
    totals
}

/// The sums over each session's ratings, between one factor and the next.
pub fn by_session(
    lanes: usize,
    (starts, items): (&[usize], &[u32]),
    done: Option<(&[f32], &[f32])>,
    sides: Sides<'_>,
    rest: &mut [f32],
    sums: &mut [f32],
) {
    let (session_factor, item_factor) = sides.factor.expect("a pass is made for a factor");
    for session in 0..starts.len() - 1 {
        for chain in 0..lanes {
            let own = session * lanes + chain;
            let four = four(lanes, session, chain);
            for part in four {
                sums[part] = 0.0;
            }
            for l in starts[session]..starts[session + 1] {
                let item = items[l] as usize * lanes + chain;
                let mut r = rest[l * lanes + chain];
                if let Some((sessions, items)) = done {
                    r = sessions[own].mul_add(items[item], r);
                }
                let e = r + (sides.session_level[own] + sides.item_level[item]);
                let o = item_factor[item];
                add(sums, four, e, o);
                rest[l * lanes + chain] = (-session_factor[own]).mul_add(o, r);
            }
        }
    }
}

fn add(sums: &mut [f32], four: [usize; 4], e: f32, o: f32) {
    sums[four[0]] += e;
    sums[four[1]] = e.mul_add(o, sums[four[1]]);
    sums[four[2]] += o;
    sums[four[3]] = o.mul_add(o, sums[four[3]]);
}

/// The sums for the linear weights, and Σe², of each session.
pub fn linear_by_session(
    lanes: usize,
    (starts, items): (&[usize], &[u32]),
    done: Option<(&[f32], &[f32])>,
    sides: Sides<'_>,
    rest: &mut [f32],
    (sums, squares): (&mut [f32], &mut [f32]),
) {
    for session in 0..starts.len() - 1 {
        for chain in 0..lanes {
            let own = session * lanes + chain;
            let (mut sum, mut square) = (0.0, 0.0);
            for l in starts[session]..starts[session + 1] {
                let item = items[l] as usize * lanes + chain;
                let r = &mut rest[l * lanes + chain];
                if let Some((sessions, items)) = done {
                    *r = sessions[own].mul_add(items[item], *r);
                }
                let e = *r + (sides.session_level[own] + sides.item_level[item]);
                sum += e;
                square = e.mul_add(e, square);
            }
            let count = (starts[session + 1] - starts[session]) as f32;
            for (part, value) in four(lanes, session, chain).into_iter().zip([0.0, sum, 0.0, count]) {
                sums[part] = value;
            }
            squares[own] = square;
        }
    }
}

/// The sums over each item's ratings.
pub fn by_item(
    lanes: usize,
    (starts, places, sessions): (&[usize], &[u32], &[u32]),
    sides: Sides<'_>,
    rest: &[f32],
    sums: &mut [f32],
) {
    for item in 0..starts.len() - 1 {
        for chain in 0..lanes {
            let own = item * lanes + chain;
            let four = four(lanes, item, chain);
            for part in four {
                sums[part] = 0.0;
            }
            for at in starts[item]..starts[item + 1] {
                let session = sessions[at] as usize * lanes + chain;
                let r = rest[places[at] as usize * lanes + chain];
                let level = sides.item_level[own] + sides.session_level[session];
                match sides.factor {
                    Some((session_factor, item_factor)) => {
                        let o = session_factor[session];
                        add(sums, four, item_factor[own].mul_add(o, r) + level, o);
                    }
                    None => sums[four[1]] += r + level,
                }
            }
            if sides.factor.is_none() {
                sums[four[3]] = (starts[item + 1] - starts[item]) as f32;
            }
        }
    }
}

/// The owners' sums: o = o_session + q of the other owner.
pub fn gather(lanes: usize, owned: Owned<'_>, of_sessions: &[f32], of_owners: &mut [f32]) {
    for owner in 0..owned.starts.len() - 1 {
        for chain in 0..lanes {
            let sums = four(lanes, owner, chain);
            for part in sums {
                of_owners[part] = 0.0;
            }
            for &session in &owned.sessions[owned.starts[owner]..owned.starts[owner + 1]] {
                let session = session as usize;
                let n = owned.counts[session] * owned.square;
                let q = owned.others[owned.other[session] as usize * lanes + chain];
                let [e, eo, o, oo] = four(lanes, session, chain).map(|part| of_sessions[part]);
                let all = q.mul_add(n, o);
                of_owners[sums[0]] += e;
                of_owners[sums[1]] += q.mul_add(e, eo);
                of_owners[sums[2]] += all;
                of_owners[sums[3]] += q.mul_add(all, q.mul_add(o, oo));
            }
        }
    }
}

/// An owner that moves by d in q and by s within its row moves e by o·d + s in each of its ratings.
pub fn scatter(
    lanes: usize,
    owned: Owned<'_>,
    sum: [&[f32]; 2],
    within: [&[f32]; 2],
    of_sessions: &mut [f32],
) {
    for owner in 0..owned.starts.len() - 1 {
        for chain in 0..lanes {
            let at = owner * lanes + chain;
            let (d, s) = (sum[1][at] - sum[0][at], within[1][at] - within[0][at]);
            for &session in &owned.sessions[owned.starts[owner]..owned.starts[owner + 1]] {
                let session = session as usize;
                let n = owned.counts[session] * owned.square;
                let q = owned.others[owned.other[session] as usize * lanes + chain];
                let places = four(lanes, session, chain);
                let [e, eo, o, oo] = places.map(|part| of_sessions[part]);
                of_sessions[places[0]] = d.mul_add(q.mul_add(n, o), s.mul_add(n, e));
                of_sessions[places[1]] = d.mul_add(q.mul_add(o, oo), s.mul_add(o, eo));
            }
        }
    }
}

/// q_s = q_u + v_d, and within the row: that of the user, and q_u·v_d.
pub fn join(
    lanes: usize,
    (user, day): (&[u32], &[u32]),
    (users, users_within): (&[f32], &[f32]),
    days: &[f32],
    (sum, within): (&mut [f32], &mut [f32]),
) {
    for session in 0..user.len() {
        for chain in 0..lanes {
            let (u, d) = (user[session] as usize * lanes + chain, day[session] as usize * lanes + chain);
            sum[session * lanes + chain] = users[u] + days[d];
            within[session * lanes + chain] = users[u].mul_add(days[d], users_within[u]);
        }
    }
}

/// level += now − before.
pub fn shift(before: &[f32], now: &[f32], level: &mut [f32]) {
    for ((level, now), before) in level.iter_mut().zip(now).zip(before) {
        *level += now - before;
    }
}

/// eˣ.
pub fn exp(x: f32) -> f32 {
    let x = x.clamp(-87.0, 87.0);
    let rounded = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = rounded - ROUND;
    let y = n.mul_add(-LN_2_PARTS[1], n.mul_add(-LN_2_PARTS[0], x));
    f32::from_bits(polynomial(&EXP, y).to_bits().wrapping_add(rounded.to_bits() << 23))
}

/// ln x for x from 10⁻³⁰ to 1.
pub fn log(x: f32) -> f32 {
    let (exponent, log) = split_log(x * LIFT);
    (exponent - 100.0).mul_add(LN_2, log)
}

/// φ(x).
pub fn density(x: f32) -> f32 {
    DENSITY * exp(-0.5 * x * x)
}

/// Φ(x).
pub fn cumulative(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let s = 1.0 / z.mul_add(0.5, 1.0);
    let tail = 0.5 * s * exp((-z).mul_add(z, polynomial(&ERFC, s)));
    if x < 0.0 { tail } else { 1.0 - tail }
}

/// Φ⁻¹(p) for p from 10⁻³⁰ to 1 − 2⁻²⁴.
pub fn quantile(p: f32) -> f32 {
    let ratio = |[above, below]: [[f32; 4]; 2], r: f32| polynomial(&above, r) / polynomial(&below, r);
    let q = p - 0.5;
    if q.abs() < SPLIT[0] {
        let r = (-q).mul_add(q, SPLIT[1]);
        return q * polynomial(&MIDDLE[0], r) / polynomial(&MIDDLE[1], r);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    let r = (-log(tail.max(TINY))).sqrt();
    let outer = if r < 5.0 { ratio(TAIL, r - 1.6) } else { ratio(FAR, r - 5.0) };
    if q < 0.0 { -outer } else { outer }
}

/// The interval on the side of zero where probabilities are small, and −1 where it was turned over.
fn interval(low: f32, high: f32) -> (f32, f32, f32) {
    if low + high > 0.0 { (-high, -low, -1.0) } else { (low, high, 1.0) }
}

/// ŷ = e + z in place of z.
pub fn predict_hidden(
    lanes: usize,
    (starts, items): (&[usize], &[u32]),
    done: (&[f32], &[f32]),
    sides: Sides<'_>,
    rest: &[f32],
    hidden: &mut [f32],
) {
    for session in 0..starts.len() - 1 {
        let start = starts[session];
        for (place, &item) in items[start..starts[session + 1]].iter().enumerate() {
            let l = start + place;
            for chain in 0..lanes {
                let (own, item) = (session * lanes + chain, item as usize * lanes + chain);
                let r = done.0[own].mul_add(done.1[item], rest[l * lanes + chain]);
                hidden[l * lanes + chain] += r + (sides.session_level[own] + sides.item_level[item]);
            }
        }
    }
}

/// The terms of the thresholds' log-likelihood, level by level.
pub fn threshold_terms(lanes: usize, steps: Steps<'_>, predicted: &[f32]) -> Vec<f64> {
    let mut totals = vec![0.0; steps.values.len() * TERMS * lanes];
    for (chunk, levels) in steps.levels.chunks(probit::CHUNK).enumerate() {
        let mut sums = vec![0.0_f32; totals.len()];
        for (place, &level) in levels.iter().enumerate() {
            for chain in 0..lanes {
                let fit = predicted[(chunk * probit::CHUNK + place) * lanes + chain];
                let u = steps.thresholds[(level as usize + 1) * lanes + chain] - fit;
                let l = steps.thresholds[level as usize * lanes + chain] - fit;
                let (low, high, _) = interval(l, u);
                let p = (cumulative(high) - cumulative(low)).max(TINY);
                let (a, b) = (density(u) / p, density(l) / p);
                for (term, value) in [log(p), a, b, a * (u + a), b * (b - l), a * b].into_iter().enumerate() {
                    sums[(level as usize * TERMS + term) * lanes + chain] += value;
                }
            }
        }
        for (total, sum) in totals.iter_mut().zip(sums) {
            *total += f64::from(sum);
        }
    }
    totals
}

/// The hidden numbers by the inverse of the distribution function.
pub fn draw_hidden(
    lanes: usize,
    (keys, sweep): (&[u32], u32),
    (starts, items): (&[usize], &[u32]),
    sides: Sides<'_>,
    steps: Steps<'_>,
    out: Hidden<'_>,
) {
    let Hidden { hidden, rest, sums, squares } = out;
    for session in 0..starts.len() - 1 {
        for chain in 0..lanes {
            let own = session * lanes + chain;
            let (mut sum, mut square) = (0.0, 0.0);
            let start = starts[session];
            for (place, &item) in items[start..starts[session + 1]].iter().enumerate() {
                let l = start + place;
                let at = l * lanes + chain;
                let (fit, level) = (hidden[at], steps.levels[l] as usize);
                let key = [keys[chain], keys[lanes + chain]];
                let word = words(key, [l as u32, sweep | HIDDEN])[0];
                let uniform = (((word >> 9) << 1) | 1) as f32 * (1.0 / 16_777_216.0);
                let threshold = |level: usize| steps.thresholds[level * lanes + chain];
                let (low, high, sign) = interval(threshold(level) - fit, threshold(level + 1) - fit);
                let p = uniform.mul_add(cumulative(high) - cumulative(low), cumulative(low));
                let p = p.clamp(TINY, 1.0 - 1.0 / 16_777_216.0);
                let z = fit + quantile(p).max(low).min(high) * sign;
                hidden[at] = z;
                let level_sum = sides.session_level[own] + sides.item_level[item as usize * lanes + chain];
                rest[at] = (fit - level_sum) - z;
                sum += fit - z;
                let thresholds: Vec<f32> = (1..steps.values.len()).map(threshold).collect();
                let error = expected_rating(steps.values, thresholds.into_iter(), fit) - steps.values[level];
                square = error.mul_add(error, square);
            }
            let count = (starts[session + 1] - starts[session]) as f32;
            for (part, value) in four(lanes, session, chain).into_iter().zip([0.0, sum, 0.0, count]) {
                sums[part] = value;
            }
            squares[own] = square;
        }
    }
}

/// The highest value less each gap times the chance to stay below it.
fn expected_rating(values: &[f32], thresholds: impl Iterator<Item = f32>, fit: f32) -> f32 {
    thresholds.zip(values.windows(2)).fold(values[values.len() - 1], |expected, (threshold, pair)| {
        (pair[0] - pair[1]).mul_add(cumulative(threshold - fit), expected)
    })
}

/// E\[rating\] of each sample's prediction.
pub fn expected_ratings(values: &[f32], thresholds: &[f32], predicted: &mut [f32]) {
    let steps = values.len() - 1;
    for (sample, fit) in predicted.iter_mut().enumerate() {
        let own = (0..steps).map(|step| thresholds[(sample / 16 * steps + step) * 16 + sample % 16]);
        *fit = expected_rating(values, own, *fit);
    }
}
