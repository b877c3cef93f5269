//! The readable definitions of the kernels: what they compute, lane by lane, in plain loops.

use crate::{Entry, LANES, Sgd};

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

/// One pass of stochastic gradient descent over the entries in order; returns Σ e².
///
/// For each rating, with e = r − μ − b_u − b_i − p_uᵀq_i taken before anything moves:
/// p_u ← (1 − ηλ_p)·p_u + ηe·q_i, q_i ← (1 − ηλ_q)·q_i + ηe·p_u, b ← (1 − ηλ_b)·b + ηe.
pub fn sgd(
    step: &Sgd,
    entries: &[Entry],
    stride: usize,
    users: &mut [f32],
    items: &mut [f32],
    mut biases: Option<(&mut [f32], &mut [f32])>,
) -> f64 {
    let mut squares = 0.0;
    for entry in entries {
        let (u, i) = (entry.user as usize, entry.item as usize);
        let p = &mut users[u * stride..(u + 1) * stride];
        let q = &mut items[i * stride..(i + 1) * stride];
        let mut residual = entry.value - step.mean;
        if let Some((user_bias, item_bias)) = &biases {
            residual -= user_bias[u] + item_bias[i];
        }
        let error = residual - dot(p, q);
        squares += f64::from(error * error);
        let pull = step.rate * error;
        for (p, q) in p.iter_mut().zip(q) {
            let (old_p, old_q) = (*p, *q);
            *p = step.keep_user.mul_add(old_p, pull * old_q);
            *q = step.keep_item.mul_add(old_q, pull * old_p);
        }
        if let Some((user_bias, item_bias)) = &mut biases {
            let pull = step.bias_rate * error;
            user_bias[u] = step.keep_bias.mul_add(user_bias[u], pull);
            item_bias[i] = step.keep_bias.mul_add(item_bias[i], pull);
        }
    }
    squares
}
