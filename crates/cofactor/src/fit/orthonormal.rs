//! A few long columns, made orthonormal.

use super::factors::Matrix;
use super::run::Run;
use super::square::Square;
use super::whole::{dense, gram};

/// A vector of which the others leave less than this part is one of theirs.
const DEPENDENT: f64 = 1e-5;

/// X ← XL⁻ᵀ with XᵀX = LLᵀ: orthonormal columns that span the same, but for rounding, of which a second time leaves less. A column that those before it determine becomes zero. Cost: O(nk²).
pub(crate) fn orthonormalize(matrix: &mut Matrix, run: &Run<'_>) {
    let k = matrix.columns();
    let products = dense(&gram(run.pool(), run.isa(), matrix, 1.0), k);
    let inverse = inverse_of_factor(products, k);
    // L⁻ᵀ.
    Square::new(k, |row, column| inverse[column * k + row]).multiply(run, matrix);
}

/// L⁻¹ for A = LLᵀ, row by row. A column that the others determine is left out: its row and its column are zero.
fn inverse_of_factor(mut a: Vec<f64>, k: usize) -> Vec<f64> {
    let mut inverse = vec![0.0; k * k];
    for j in 0..k {
        let diagonal = a[j * k + j];
        // Row j of L, from the rows above it: its products with their inverses.
        let (above, own) = a.split_at_mut(j * k);
        let own = &mut own[..k];
        for c in 0..j {
            let row = &above[c * k..c * k + k];
            let known: f64 = own[..c].iter().zip(&row[..c]).map(|(a, b)| a * b).sum();
            own[c] = if row[c] == 0.0 { 0.0 } else { (own[c] - known) / row[c] };
        }
        let left = diagonal - own[..j].iter().map(|entry| entry * entry).sum::<f64>();
        own[j] = if left > DEPENDENT * diagonal { left.sqrt() } else { 0.0 };
        if own[j] == 0.0 {
            continue;
        }
        // Row j of L⁻¹ = (e_j − Σ_c l_jc · row c of L⁻¹)/l_jj.
        let (known, row) = inverse.split_at_mut(j * k);
        let row = &mut row[..k];
        row[j] = 1.0;
        for (c, known) in known.chunks_exact(k).enumerate() {
            for (entry, known) in row[..=c].iter_mut().zip(known) {
                *entry -= own[c] * known;
            }
        }
        row[..=j].iter_mut().for_each(|entry| *entry /= own[j]);
    }
    inverse
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::fit::rng::{Purpose, stream};

    /// The last of five columns is the sum of the others.
    #[test]
    fn columns_are_orthonormal_and_span_what_they_spanned() {
        let (rows, run) = (150, Run::new(1, 2).unwrap());
        let mut given = Matrix::zeros(rows, 5);
        let mut draw = stream(1, Purpose::Synthetic, 0);
        for row in 0..rows {
            let entries = &mut given.row_mut(row)[..5];
            entries[..4].fill_with(|| draw.random::<f32>());
            entries[4] = entries[..4].iter().sum();
        }
        let mut made = given.clone();
        orthonormalize(&mut made, &run);
        orthonormalize(&mut made, &run);
        let inner = |a: &Matrix, i: usize, b: &Matrix, j: usize| -> f64 {
            (0..rows).map(|row| f64::from(a.row(row)[i]) * f64::from(b.row(row)[j])).sum()
        };
        for (i, j) in (0..5).flat_map(|i| (0..5).map(move |j| (i, j))) {
            let expected = if i == j && i < 4 { 1.0 } else { 0.0 };
            let found = inner(&made, i, &made, j);
            assert!((found - expected).abs() < 1e-5, "{i} {j}: {found}");
        }
        // What the columns were is the sum of its projections.
        for column in 0..5 {
            let shares: Vec<f64> = (0..4).map(|j| inner(&given, column, &made, j)).collect();
            for row in 0..rows {
                let sum: f64 = shares.iter().zip(made.row(row)).map(|(s, &q)| s * f64::from(q)).sum();
                assert!((sum - f64::from(given.row(row)[column])).abs() < 1e-4, "{row} {column}: {sum}");
            }
        }
    }
}
