//! Factors of which both sides carry the same.
//!
//! Where P and Q are held by tr PᵀW_uP + tr QᵀW_iQ with diagonal W, the factors PA and QA⁻ᵀ have the same products x̂ = PQᵀ and another sum. With U = PᵀW_uP and V = QᵀW_iQ it is least where
//! ```text
//! AᵀUA = A⁻¹VA⁻ᵀ = Σ:   U = LLᵀ,  LᵀVL = EΣ²Eᵀ,  A = L⁻ᵀEΣ^½,  A⁻ᵀ = LEΣ^−½                 (1)
//! ```
//! and then it is 2 tr Σ. Sweeps that solve for one side at a time come near to that, but slowly, because each leaves the other side as it is.
//!
//! In the theory of control (1) is a balanced realization: B. Moore, "Principal component analysis in linear systems", IEEE Transactions on Automatic Control 26, 1981.

use super::factors::{Matrix, cholesky};
use super::run::Run;
use super::square::{Square, axes};
use super::whole::{dense, weighted_gram};

/// Directions that hardly anything lies in are taken to hold this part of the mean, so that A has an inverse in f32.
const LEAST: f64 = 1e-6;

/// (1).
pub(crate) struct Balance {
    /// A.
    users: Square,
    /// A⁻ᵀ.
    items: Square,
    /// tr U + tr V − 2 tr Σ.
    pub(crate) gained: f64,
}

impl Balance {
    /// Of P and Q with the diagonals of W_u and W_i; none where one side holds nothing, or is no longer finite. Cost: O((m + n)k²) in parallel and O(k³) on one thread.
    pub(crate) fn of(run: &Run<'_>, users: (&Matrix, &[f32]), items: (&Matrix, &[f32])) -> Option<Self> {
        let k = users.0.columns();
        let (u, v) = (held(run, users)?, held(run, items)?);
        let traces: f64 = (0..k).map(|f| u[f * k + f] + v[f * k + f]).sum();
        let mut factor = u;
        cholesky(&mut factor, k);
        let lower = |row: usize| &factor[row * k..=row * k + row];
        let (squares, directions) = axes(between(&factor, &v, k), k);
        // What rounding leaves below zero was nearly nothing.
        let roots: Vec<f64> = squares.iter().map(|square| square.max(f64::MIN_POSITIVE).sqrt()).collect();
        let mut there = vec![0.0; k * k];
        let mut back = vec![0.0; k * k];
        for (f, e) in directions.chunks_exact(k).enumerate() {
            let scale = roots[f].sqrt();
            let solved = solve_transposed(&factor, e);
            for row in 0..k {
                there[row * k + f] = scale * solved[row];
                back[row * k + f] = lower(row).iter().zip(e).map(|(l, e)| l * e).sum::<f64>() / scale;
            }
        }
        Some(Self {
            users: Square::new(k, |row, column| there[row * k + column]),
            items: Square::new(k, |row, column| back[row * k + column]),
            gained: traces - 2.0 * roots.iter().sum::<f64>(),
        })
    }

    /// P ← PA.
    pub(crate) fn turn_users(&self, run: &Run<'_>, users: &mut Matrix) {
        self.users.multiply(run, users);
    }

    /// Q ← QA⁻ᵀ.
    pub(crate) fn turn_items(&self, run: &Run<'_>, items: &mut Matrix) {
        self.items.multiply(run, items);
    }
}

/// XᵀWX, and a little along the diagonal.
fn held(run: &Run<'_>, (matrix, weights): (&Matrix, &[f32])) -> Option<Vec<f64>> {
    let k = matrix.columns();
    let mut held = dense(&weighted_gram(run.pool(), run.isa(), matrix, weights), k);
    let trace: f64 = (0..k).map(|f| held[f * k + f]).sum();
    if !(trace > 0.0 && trace.is_finite()) {
        return None;
    }
    (0..k).for_each(|f| held[f * k + f] += LEAST * trace / k as f64);
    Some(held)
}

/// LᵀVL for a lower triangle L.
fn between(factor: &[f64], v: &[f64], k: usize) -> Vec<f64> {
    // Row by row, so that memory is read in order.
    let mut product = vec![0.0; k * k];
    for (row, v) in product.chunks_exact_mut(k).zip(v.chunks_exact(k)) {
        for (at, &v) in v.iter().enumerate() {
            row.iter_mut().zip(&factor[at * k..=at * k + at]).for_each(|(sum, l)| *sum += v * l);
        }
    }
    let mut made = vec![0.0; k * k];
    for (at, product) in product.chunks_exact(k).enumerate() {
        for (row, &l) in factor[at * k..=at * k + at].iter().enumerate() {
            made[row * k..][..k].iter_mut().zip(product).for_each(|(sum, x)| *sum += l * x);
        }
    }
    made
}

/// x with Lᵀx = b.
fn solve_transposed(factor: &[f64], b: &[f64]) -> Vec<f64> {
    let k = b.len();
    let mut x = b.to_vec();
    for at in (0..k).rev() {
        x[at] /= factor[at * k + at];
        let (before, own) = x.split_at_mut(at);
        before.iter_mut().zip(&factor[at * k..]).for_each(|(x, l)| *x -= l * own[0]);
    }
    x
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn random(rows: usize, k: usize, entries: &[f32]) -> Matrix {
        let entries: Vec<f32> = entries.iter().copied().cycle().take(rows * k).collect();
        Matrix::from_dense(rows, k, &entries)
    }

    proptest! {
        #[test]
        fn the_products_stay_and_both_sides_hold_the_same(
            k in 1_usize..20,
            entries in proptest::collection::vec(-1.0_f32..1.0, 997),
            weights in proptest::collection::vec(0.1_f32..3.0, 70),
            scale in 0.05_f32..20.0,
        ) {
            let run = Run::new(1, 1).unwrap();
            let (mut users, mut items) = (random(40, k, &entries), random(30, k, &entries[400..]));
            items.as_mut_slice().iter_mut().for_each(|entry| *entry *= scale);
            let (of_users, of_items) = weights.split_at(40);
            let products = |users: &Matrix, items: &Matrix| -> Vec<f64> {
                let inner = |u: usize, i: usize| -> f64 {
                    users.row(u).iter().zip(items.row(i)).map(|(&p, &q)| f64::from(p) * f64::from(q)).sum()
                };
                (0..40 * 30).map(|at| inner(at / 30, at % 30)).collect()
            };
            let sums = |matrix: &Matrix, weights: &[f32]| -> Vec<f64> {
                let entry = |row: usize, f: usize| f64::from(matrix.row(row)[f]);
                let sum = |at: usize| {
                    (0..matrix.rows()).map(|row| f64::from(weights[row]) * entry(row, at / k) * entry(row, at % k)).sum()
                };
                (0..k * k).map(sum).collect()
            };
            let trace = |a: &[f64]| (0..k).map(|f| a[f * k + f]).sum::<f64>();
            let before = products(&users, &items);
            let least = trace(&sums(&users, of_users)) + trace(&sums(&items, of_items));
            let balance = Balance::of(&run, (&users, of_users), (&items, of_items)).unwrap();
            balance.turn_users(&run, &mut users);
            balance.turn_items(&run, &mut items);
            let size = before.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
            for (before, after) in before.iter().zip(products(&users, &items)) {
                prop_assert!((before - after).abs() < 1e-3 * size, "{} {}", before, after);
            }
            let (u, v) = (sums(&users, of_users), sums(&items, of_items));
            let size = trace(&u);
            for at in 0..k * k {
                prop_assert!((u[at] - v[at]).abs() < 1e-3 * size, "{} {}", u[at], v[at]);
                prop_assert!(at / k == at % k || u[at].abs() < 1e-3 * size, "{}", u[at]);
            }
            let gained = least - trace(&u) - trace(&v);
            prop_assert!((gained - balance.gained).abs() < 1e-4 * least, "{} {}", gained, balance.gained);
            prop_assert!(gained > -1e-4 * least, "{}", gained);
        }
    }

    #[test]
    fn where_nothing_is_held_there_is_no_balance() {
        let (run, zeros, ones) = (Run::new(1, 1).unwrap(), Matrix::zeros(5, 3), random(5, 3, &[1.0, -0.5]));
        let weights = [1.0; 5];
        assert!(Balance::of(&run, (&zeros, &weights), (&ones, &weights)).is_none());
        assert!(Balance::of(&run, (&ones, &weights), (&ones, &[0.0; 5])).is_none());
        assert!(Balance::of(&run, (&random(5, 3, &[f32::NAN]), &weights), (&ones, &weights)).is_none());
    }
}
