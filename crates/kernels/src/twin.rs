//! The readable definitions of the kernels: what they compute, lane by lane, in plain loops.

use crate::normal::{NO_CORNER, NO_PIVOT, NOTHING};
use crate::{
    Block, Contrast, Contrasted, Entry, Errors, LANES, Mates, Own, PacedSgd, Pull, RowStep, Rows, Samples,
    Sgd, Triples, narrow, padded, sigmoid,
};

/// Σ a·b in 16 partial sums, which are then added in halves: 16 → 8 → 4 → 2 → 1.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    for (position, (&x, &y)) in a.iter().zip(b).enumerate() {
        let sum = &mut sums[position % LANES];
        *sum = x.mul_add(y, *sum);
    }
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            sums[lane] += sums[lane + half];
        }
        half /= 2;
    }
    sums[0]
}

/// level + Σ a·b, summed in order.
pub fn leveled_product(level: f32, a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).fold(level, |sum, (&x, &y)| x.mul_add(y, sum))
}

/// One pass of stochastic gradient descent over the entries in order; returns Σ e².
///
/// For each rating, with e = r − μ − b_u − b_i − p_uᵀq_i taken before anything moves:
/// p_u ← (1 − ηλ_p)·p_u + ηe·q_i, q_i ← (1 − ηλ_q)·q_i + ηe·p_u, b ← (1 − ηλ_b)·b + ηe.
pub fn sgd(step: &Sgd, entries: &[Entry], stride: usize, mut block: Block<'_>) -> f64 {
    let mut squares = 0.0;
    for entry in entries {
        let (u, i) = (entry.user as usize, entry.item as usize);
        let p = &mut block.users[u * stride..(u + 1) * stride];
        let q = &mut block.items[i * stride..(i + 1) * stride];
        let mut residual = entry.value - step.mean;
        if let Some((user_bias, item_bias)) = &block.biases {
            residual -= user_bias[u] + item_bias[i];
        }
        let error = residual - dot(p, q);
        squares += f64::from(error * error);
        let pull = step.rate * error;
        move_rows(p, q, [pull; 2], [step.keep_user, step.keep_item]);
        if let Some((user_bias, item_bias)) = &mut block.biases {
            let pull = step.bias_rate * error;
            user_bias[u] = step.keep_bias.mul_add(user_bias[u], pull);
            item_bias[i] = step.keep_bias.mul_add(item_bias[i], pull);
        }
    }
    squares
}

/// One pass of stochastic gradient descent with a link g, over the entries in order; returns Σ e².
///
/// For each rating, with z = μ + b_u + b_i + p_uᵀq_i, e = r − g(z) and d = e·g′(z) taken before anything moves, and w_u, w_i the weights of the
/// rows' paces:
/// p_u ← p_u + η_u(d·q_i − λw_u·p_u), q_i ← q_i + η_i(d·p_u − λw_i·q_i), b_u ← b_u + η_b(d − λ_b w_u·b_u), b_i alike. Adaptive, η_u is η over the
/// root of the user's squares, to which then ‖d·q_i − λw_u·p_u‖² is added; items and biases alike, each with squares of its own.
///
/// # Panics
/// When the block has no biases or no paces.
pub fn paced_sgd(step: &PacedSgd, entries: &[Entry], stride: usize, block: Block<'_>) -> f64 {
    let (users, items) = (block.users, block.items);
    let (user_bias, item_bias) = block.biases.expect("the general pass takes biases");
    let (user_paces, item_paces) = block.paces.expect("the general pass takes paces");
    let mut squares = 0.0;
    for entry in entries {
        let (u, i) = (entry.user as usize, entry.item as usize);
        let p = &mut users[u * stride..(u + 1) * stride];
        let q = &mut items[i * stride..(i + 1) * stride];
        let z = step.mean + (user_bias[u] + item_bias[i]) + dot(p, q);
        let error = entry.value - step.link.value(z);
        squares += f64::from(error * error);
        let pull = error * step.link.slope(z);
        let (mut rates, mut regs) = ([step.rate; 2], [0.0; 2]);
        let norms = [dot(p, p), dot(q, q)];
        for (side, pace) in [&mut user_paces[u], &mut item_paces[i]].into_iter().enumerate() {
            regs[side] = step.reg * pace.weight;
            if step.adaptive {
                rates[side] = step.rate / pace.squares.sqrt();
                let reg = regs[side];
                let square = (-2.0 * reg * pull).mul_add(dot(p, q), reg * reg * norms[side]);
                pace.squares += (pull * pull).mul_add(norms[1 - side], square).max(0.0);
            }
        }
        let keep = [0, 1].map(|side| (-rates[side]).mul_add(regs[side], 1.0));
        move_rows(p, q, rates.map(|rate| rate * pull), keep);
        let sides = [(&mut user_bias[u], &mut user_paces[u]), (&mut item_bias[i], &mut item_paces[i])];
        for (bias, pace) in sides {
            let downhill = (-(step.bias_reg * pace.weight)).mul_add(*bias, pull);
            if step.adaptive {
                *bias = (step.bias_rate / pace.bias_squares.sqrt()).mul_add(downhill, *bias);
                pace.bias_squares = downhill.mul_add(downhill, pace.bias_squares);
            } else {
                *bias = step.bias_rate.mul_add(downhill, *bias);
            }
        }
    }
    squares
}

/// p ← keep·p + pull·q and q ← keep·q + pull·p, both from the old values.
fn move_rows(p: &mut [f32], q: &mut [f32], pull: [f32; 2], keep: [f32; 2]) {
    for (p, q) in p.iter_mut().zip(q) {
        let (old_p, old_q) = (*p, *q);
        *p = keep[0].mul_add(old_p, pull[0] * old_q);
        *q = keep[1].mul_add(old_q, pull[1] * old_p);
    }
}

/// For each sample both levels, and then the products of the vectors' entries in order.
pub fn by_sample(k: usize, own: &[f32], row: &[u16], out: &mut [f32]) {
    for (sample, out) in out.iter_mut().enumerate() {
        let place = |f: usize| (sample / LANES * (k + 1) + f) * LANES + sample % LANES;
        *out = (0..k).fold(own[place(k)] + crate::from_half(row[place(k)]), |sum, f| {
            own[place(f)].mul_add(crate::from_half(row[place(f)]), sum)
        });
    }
}

/// One pass of stochastic gradient descent over the ratings of one row, whose mates are `rows` of the other side.
///
/// For each rating, with a = p + z and b = q + w, and e = `error`(place, aᵀb) taken before anything moves:
/// p ← (1 − ηλ)·p + ηe·b, z ← (1 − ηλ)·z + ηe·b, q ← (1 − ηλ)·q + ηe·a, each with its own η and λ.
/// Where the row or its mates have slopes s, dev·s is added to a or to b; the row's slope moves as p does, pulled by dev·e.
pub fn row(step: &RowStep, own: Own<'_>, mates: Mates<'_>, mut error: impl FnMut(usize, f32) -> f32) {
    let Own { factors: p, set: z, mut slope } = own;
    let Mates { rows, factors, keep, sets, slopes, devs } = mates;
    let stride = p.len();
    for (place, &mate) in rows.iter().enumerate() {
        let mate = mate as usize;
        let entries = mate * stride..(mate + 1) * stride;
        let mate_slope = slopes.map(|slopes| &slopes[entries.clone()]);
        let q = &mut factors[entries.clone()];
        let w = &sets[entries];
        let dev = devs.get(place).copied().unwrap_or(0.0);
        let sum = |own: &[f32], set: &[f32], slope: Option<&[f32]>, f: usize| {
            slope.map_or(own[f] + set[f], |slope| slope[f].mul_add(dev, own[f] + set[f]))
        };
        let a: Vec<f32> = (0..stride).map(|f| sum(p, z, slope.as_deref(), f)).collect();
        let b: Vec<f32> = (0..stride).map(|f| sum(q, w, mate_slope, f)).collect();
        let e = error(place, dot(&a, &b));
        for f in 0..stride {
            p[f] = step.keep.mul_add(p[f], step.rate * e * b[f]);
            z[f] = step.set_keep.mul_add(z[f], step.set_rate * e * b[f]);
            q[f] = keep[mate].mul_add(q[f], step.mate_rate * e * a[f]);
            if let Some(slope) = slope.as_deref_mut() {
                slope[f] = step.slope_keep.mul_add(slope[f], step.slope_rate * dev * e * b[f]);
            }
        }
    }
}

/// One pass of stochastic gradient descent over triples of a user u, an item i that u took and an item j that u did not take; returns the sum of the pulls.
///
/// With the lead x = b_i + p_uᵀq_i − b_j − p_uᵀq_j and the pull g, both taken before anything moves, by η and κ = 1 − ηλ:
/// p_u ← κp_u + ηg(q_i − q_j), q_i ← κq_i + ηg·p_u, q_j ← κq_j − ηg·p_u, b_i ← κb_i + ηg, b_j ← κb_j − ηg.
pub fn contrast(step: &Contrast<'_>, stride: usize, triples: &mut dyn Triples, rows: Contrasted<'_>) -> f64 {
    let Contrasted { users, items, item_bias } = rows;
    let row = |row: u32| row as usize * stride..(row as usize + 1) * stride;
    let mut pulls = 0.0;
    while let Some((user, taken)) = triples.pair() {
        let draws = if let Pull::Violation { weights, .. } = step.pull { weights.len() } else { 1 };
        let found = (0..draws).map_while(|draw| triples.other(user).map(|other| (draw, other))).find_map(
            |(draw, other)| {
                let score = |item: u32| item_bias[item as usize] + dot(&users[row(user)], &items[row(item)]);
                let lead = score(taken) - score(other);
                match step.pull {
                    Pull::Logistic => Some((other, sigmoid(-lead))),
                    Pull::Violation { margin, weights } => (lead < margin).then(|| (other, weights[draw])),
                }
            },
        );
        let Some((other, pull)) = found else { continue };
        pulls += f64::from(pull);
        let by = step.rate * pull;
        for (item, by) in [(taken, by), (other, -by)] {
            let bias = &mut item_bias[item as usize];
            *bias = step.keep.mul_add(*bias, by);
        }
        for f in 0..stride {
            let (p, i, j) = (row(user).start + f, row(taken).start + f, row(other).start + f);
            let (a, b, c) = (users[p], items[i], items[j]);
            users[p] = step.keep.mul_add(a, by * (b - c));
            items[i] = step.keep.mul_add(b, by * a);
            items[j] = step.keep.mul_add(c, -by * a);
        }
    }
    pulls
}

/// Σ over some rows of a matrix, in their order.
pub fn sum_rows(rows: &[u32], matrix: &[f32], sum: &mut [f32]) {
    let stride = sum.len();
    sum.fill(0.0);
    for &row in rows {
        for (f, sum) in sum.iter_mut().enumerate() {
            *sum += matrix[row as usize * stride + f];
        }
    }
}

/// x ← keep·x + by, for some rows x of a matrix in their order.
pub fn shift_rows(rows: &[u32], keep: f32, by: &[f32], matrix: &mut [f32]) {
    for &row in rows {
        let row = &mut matrix[row as usize * by.len()..][..by.len()];
        for (entry, by) in row.iter_mut().zip(by) {
            *entry = keep.mul_add(*entry, *by);
        }
    }
}

/// C += A·B: each entry of C in the order of B's rows.
pub fn add_product([m, d, n]: [usize; 3], a: Rows<'_>, b: Rows<'_>, c: &mut [f32], stride: usize) {
    for i in 0..m {
        for l in 0..d {
            for j in 0..n {
                let entry = &mut c[i * stride + j];
                *entry = a.entries[i * a.stride + l].mul_add(b.entries[l * b.stride + j], *entry);
            }
        }
    }
}

/// A = ridge·I + Σ w·x xᵀ with ones on the padding's diagonal, b = Σ y·x and s = Σ w·x; rows in order. All in whole vectors of 16.
pub fn normal_equations(k: usize, ridge: f32, samples: Samples<'_>) -> (Vec<Vec<f32>>, Vec<f32>, Vec<f32>) {
    let d = k.next_multiple_of(LANES);
    let diagonal = |i: usize, j: usize| {
        if i != j {
            0.0
        } else if i < k {
            ridge
        } else {
            1.0
        }
    };
    let mut matrix: Vec<Vec<f32>> = (0..d).map(|i| (0..d).map(|j| diagonal(i, j)).collect()).collect();
    let (mut b, mut s) = (vec![0.0_f32; d], vec![0.0_f32; d]);
    for (l, &row) in samples.rows.iter().enumerate() {
        let x = &samples.matrix[row as usize * padded(k)..][..padded(k)];
        let weight = samples.weights.map_or(1.0, |weights| weights[l]);
        for i in 0..x.len() {
            for j in 0..x.len() {
                matrix[i][j] = x[i].mul_add(x[j] * weight, matrix[i][j]);
            }
            b[i] = samples.targets[l].mul_add(x[i], b[i]);
            s[i] = weight.mul_add(x[i], s[i]);
        }
    }
    (matrix, b, s)
}

/// From a symmetric matrix −Lᵀ, with zeros on and below the diagonal, and D⁻¹ of A = LDLᵀ. Reads the upper triangle.
pub fn factor(mut matrix: Vec<Vec<f32>>) -> (Vec<Vec<f32>>, Vec<f32>) {
    let d = matrix.len();
    let diagonal: Vec<f32> = (0..d).map(|j| matrix[j][j]).collect();
    let (mut factor, mut inverses) = (vec![vec![0.0_f32; d]; d], vec![0.0_f32; d]);
    for j in 0..d {
        let (known, rest) = matrix.split_at_mut(j);
        for (known, multiples) in known.iter().zip(&factor) {
            for (entry, &above) in rest[0][j..].iter_mut().zip(&known[j..]) {
                *entry = multiples[j].mul_add(above, *entry);
            }
        }
        let pivot = matrix[j][j];
        inverses[j] = if pivot > NO_PIVOT * diagonal[j] { 1.0 / pivot } else { 0.0 };
        for i in j + 1..d {
            factor[j][i] = matrix[j][i] * -inverses[j];
        }
    }
    (factor, inverses)
}

/// x and β of (A s; sᵀ c)(x; β) = (b; y) from [`factor`]; with no corner and target (c, y), x of Ax = b and zero.
pub fn solve(
    (factor, inverses): &(Vec<Vec<f32>>, Vec<f32>),
    mut b: Vec<f32>,
    mut s: Vec<f32>,
    bias: Option<(f32, f32)>,
) -> (Vec<f32>, f32) {
    let d = b.len();
    for i in 0..d {
        for l in 0..i {
            b[i] = b[l].mul_add(factor[l][i], b[i]);
            s[i] = s[l].mul_add(factor[l][i], s[i]);
        }
    }
    let scaled: Vec<f32> = s.iter().zip(inverses).map(|(s, inverse)| s * inverse).collect();
    let bias = bias.map_or(0.0, |(corner, target)| {
        let rest = corner - dot(&scaled, &s);
        if rest > NO_CORNER * corner { (target - dot(&scaled, &b)) / rest } else { 0.0 }
    });
    let mut x: Vec<f32> = (0..d).map(|j| (-bias).mul_add(s[j], b[j]) * inverses[j]).collect();
    for j in (0..d).rev() {
        // First what the vectors after this one contribute, lane by lane, then this vector's own from the last on.
        let next = (j + 1).next_multiple_of(LANES);
        x[j] += dot(&factor[j][next..], &x[next..]);
        for i in (j + 1..next).rev() {
            x[j] = x[i].mul_add(factor[j][i], x[j]);
        }
    }
    (x, bias)
}

/// [`crate::Dual::solve`]: x alone, for rows as long as `inverse`.
pub fn dual(samples: Samples<'_>, inverse: &[f32]) -> Vec<f32> {
    let (count, stride) = (samples.rows.len(), inverse.len());
    let weight = |l: usize| samples.weights.map_or(1.0, |weights| weights[l]);
    let row = |l: usize| &samples.matrix[samples.rows[l] as usize * stride..][..stride];
    let (mut matrix, mut b, s) =
        normal_equations(count, 0.0, Samples { rows: &[], weights: None, targets: &[], ..samples });
    for l in 0..count {
        matrix[l][l] = 1.0 / weight(l);
        b[l] = samples.targets[l] / weight(l);
        for other in 0..count {
            for f in 0..stride {
                matrix[l][other] = row(l)[f].mul_add(row(other)[f] * inverse[f], matrix[l][other]);
            }
        }
    }
    let (y, _) = solve(&factor(matrix), b, s, None);
    let mut x = vec![0.0_f32; stride];
    for (l, y) in y[..count].iter().enumerate() {
        for (f, x) in x.iter_mut().enumerate() {
            *x = y.mul_add(row(l)[f], *x);
        }
    }
    x.iter().zip(inverse).map(|(x, inverse)| x * inverse).collect()
}

/// Rounds over the coordinates of f = xᵀAx − 2xᵀb, each moved to where f is least for it alone without falling below zero; returns −f.
/// Reads all of A but its padding.
pub fn descend_non_negative(matrix: &[Vec<f32>], b: &[f32], rounds: usize, x: &mut [f32]) -> f32 {
    let mut downhill = b.to_vec();
    let shift = |downhill: &mut [f32], row: &[f32], by: f32| {
        downhill.iter_mut().zip(row).for_each(|(entry, &a)| *entry = by.mul_add(a, *entry));
    };
    for (row, &x) in matrix.iter().zip(&*x) {
        shift(&mut downhill, row, -x);
    }
    for _ in 0..rounds {
        for (i, x) in x.iter_mut().enumerate() {
            let wished = *x + downhill[i] / matrix[i][i];
            let new = if matrix[i][i] > 0.0 && wished > NOTHING { wished } else { 0.0 };
            shift(&mut downhill, &matrix[i], *x - new);
            *x = new;
        }
    }
    let both: Vec<f32> = b.iter().zip(downhill).map(|(b, downhill)| b + downhill).collect();
    dot(x, &both[..x.len()])
}

/// To `out` adds Σ e·z over the rows z of the samples in order, with e = y − w(zᵀx + β); the sums of e and e² are kept in 16 lanes, and so are those of
/// entries beyond whole vectors, if there are few.
pub fn residual(k: usize, samples: Samples<'_>, x: &[f32], bias: f32, out: &mut [f32]) -> Errors {
    let whole = if narrow(k) > 0 { k - narrow(k) } else { x.len() };
    let (mut errors, mut products) = (Vec::new(), Vec::new());
    let mut rest = vec![Vec::new(); narrow(k)];
    for (l, row) in rows(samples, x.len()).enumerate() {
        let weight = samples.weights.map_or(1.0, |weights| weights[l]);
        let product = product(k, row, x) + bias;
        let error = (-weight).mul_add(product, samples.targets[l]);
        for (out, &entry) in out[..whole].iter_mut().zip(row) {
            *out = error.mul_add(entry, *out);
        }
        for (entries, &entry) in rest.iter_mut().zip(&row[whole..]) {
            entries.push(entry);
        }
        errors.push(error);
        products.push(product);
    }
    for (out, entries) in out[whole..].iter_mut().zip(&rest) {
        *out += dot(&errors, entries);
    }
    Errors {
        sum: dot(&errors, &vec![1.0; errors.len()]),
        squares: dot(&errors, &errors),
        pulled: dot(samples.targets, &products),
    }
}

/// Conjugate gradients for A = D + Σ w·z zᵀ and b = Σ y·z from x on, scaled by the inverse of A's diagonal; returns xᵀAx − 2bᵀx where they end.
pub fn descend(k: usize, samples: Samples<'_>, diagonal: &[f32], steps: usize, x: &mut [f32]) -> f64 {
    let zeros = vec![0.0; samples.targets.len()];
    let resisted = |x: &[f32]| -> Vec<f32> { diagonal.iter().zip(x).map(|(d, x)| -(d * x)).collect() };
    let mut downhill = resisted(x);
    let pulled = residual(k, samples, x, 0.0, &mut downhill).pulled;
    let mut value = -f64::from(pulled) - f64::from(dot(x, &downhill));
    let whole = diagonal_of(k, samples, diagonal);
    let scale: Vec<f32> = whole.iter().map(|&entry| if entry > 0.0 { 1.0 / entry } else { 0.0 }).collect();
    let scaled = |vector: &[f32]| -> Vec<f32> { scale.iter().zip(vector).map(|(a, b)| a * b).collect() };
    let mut direction = scaled(&downhill);
    let mut slope = dot(&downhill, &direction);
    let solved = 1e-12 * slope;
    for left in (0..steps).rev() {
        let mut image = resisted(&direction);
        let of_rows = if left > 0 {
            residual(k, Samples { targets: &zeros, ..samples }, &direction, 0.0, &mut image);
            0.0
        } else {
            curvature(k, samples, &direction, 0.0)
        };
        let curvature = of_rows - dot(&direction, &image);
        if slope <= solved || curvature <= 0.0 {
            break;
        }
        let step = slope / curvature;
        value -= f64::from(step) * f64::from(slope);
        let ahead = |by: f32, along: &[f32], from: &[f32]| -> Vec<f32> {
            along.iter().zip(from).map(|(&along, &from)| by.mul_add(along, from)).collect()
        };
        x.copy_from_slice(&ahead(step, &direction, x));
        downhill = ahead(step, &image, &downhill);
        let next = dot(&downhill, &scaled(&downhill));
        direction = ahead(next / slope, &direction, &scaled(&downhill));
        slope = next;
    }
    value
}

/// D and the diagonal of Σ w·z zᵀ, in the order in which [`residual`] adds.
fn diagonal_of(k: usize, samples: Samples<'_>, diagonal: &[f32]) -> Vec<f32> {
    let whole = if narrow(k) > 0 { k - narrow(k) } else { diagonal.len() };
    let weight = |l: usize| samples.weights.map_or(1.0, |weights| weights[l]);
    let mut out = diagonal.to_vec();
    for (l, row) in rows(samples, diagonal.len()).enumerate() {
        for (out, &entry) in out[..whole].iter_mut().zip(row) {
            *out = (weight(l) * entry).mul_add(entry, *out);
        }
    }
    for f in whole..out.len().min(whole + narrow(k)) {
        let entries: Vec<f32> = rows(samples, diagonal.len()).map(|row| row[f]).collect();
        let weighted: Vec<f32> = entries.iter().enumerate().map(|(l, entry)| weight(l) * entry).collect();
        out[f] += dot(&weighted, &entries);
    }
    out
}

/// Σ w(zᵀx + β)² over the rows z of the samples, kept in 16 lanes.
pub fn curvature(k: usize, samples: Samples<'_>, x: &[f32], bias: f32) -> f32 {
    let along: Vec<f32> = rows(samples, x.len()).map(|row| product(k, row, x) + bias).collect();
    let weighted: Vec<f32> = match samples.weights {
        Some(weights) => along.iter().zip(weights).map(|(along, weight)| weight * along).collect(),
        None => along.clone(),
    };
    dot(&weighted, &along)
}

fn rows(samples: Samples<'_>, stride: usize) -> impl Iterator<Item = &[f32]> {
    samples.rows.iter().map(move |&row| &samples.matrix[row as usize * stride..][..stride])
}

/// zᵀx by whole vectors, to which a few entries beyond them are added one by one.
fn product(k: usize, row: &[f32], x: &[f32]) -> f32 {
    let whole = if narrow(k) > 0 { k - narrow(k) } else { x.len() };
    let rest = row[whole..].iter().zip(&x[whole..]).take(narrow(k));
    rest.fold(dot(&row[..whole], &x[..whole]), |sum, (&z, &x)| z.mul_add(x, sum))
}
