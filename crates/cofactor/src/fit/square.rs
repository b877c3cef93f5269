//! Square matrices as wide as rows of factors: all rows multiplied by one, and the axes of a symmetric one.

use cofactor_kernels::{LANES, Rows, add_product};
use rayon::prelude::*;

use super::factors::Matrix;
use super::run::Run;

/// Rows that are multiplied together.
const TILE: usize = 64;
/// Where rounding keeps an off-diagonal entry from becoming zero, more turns do not help.
const MOST_TURNS: usize = 64;

/// k×k, to multiply rows of k entries with from the right.
#[derive(Debug, Clone)]
pub(crate) struct Square {
    k: usize,
    /// The length of a row, whole vectors.
    wide: usize,
    entries: Vec<f32>,
}

impl Square {
    /// From what `entry` gives for row and column.
    pub(crate) fn new(k: usize, entry: impl Fn(usize, usize) -> f64) -> Self {
        let wide = k.next_multiple_of(LANES);
        let mut entries = vec![0.0; k * wide];
        for (row, entries) in entries.chunks_exact_mut(wide).enumerate() {
            for (column, to) in entries[..k].iter_mut().enumerate() {
                *to = entry(row, column) as f32;
            }
        }
        Self { k, wide, entries }
    }

    /// X ← XS. Cost: O(nk²), in parallel.
    pub(crate) fn multiply(&self, run: &Run<'_>, matrix: &mut Matrix) {
        let (stride, wide, isa) = (matrix.stride(), self.wide, run.isa());
        let tile = |tile: &mut [f32]| {
            let count = tile.len() / stride;
            let mut product = vec![0.0; count * wide];
            let (a, b) = (Rows { entries: tile, stride }, Rows { entries: &self.entries, stride: wide });
            add_product(isa, [count, self.k, wide], a, b, &mut product, wide);
            for (row, product) in tile.chunks_exact_mut(stride).zip(product.chunks_exact(wide)) {
                row.copy_from_slice(&product[..stride]);
            }
        };
        run.pool().install(|| matrix.as_mut_slice().par_chunks_mut(TILE * stride).for_each(tile));
    }
}

/// The eigenvalues of a symmetric matrix and its eigenvectors, orthonormal, row by row. Cost: O(k³), some nine k³ operations on one thread.
///
/// A matrix that is not finite has axes that are no numbers. Householder's reflections make it tridiagonal, QL with Wilkinson's shifts diagonal (Golub and Van Loan, "Matrix computations", section 8.3).
pub(crate) fn axes(mut a: Vec<f64>, k: usize) -> (Vec<f64>, Vec<f64>) {
    if !a.iter().all(|x| x.is_finite()) {
        // There are none, and looking for them would take long.
        return (vec![f64::NAN; k], vec![f64::NAN; k * k]);
    }
    // Where the rank is missing, less and less is left from column to column, down to where numbers lose their digits.
    let nothing = f64::EPSILON.powi(2) * a.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    let (mut beside, mut reflections) = (Vec::with_capacity(k), Vec::new());
    for j in 0..k.saturating_sub(2) {
        let (below, reflection) = reflection(&a, k, j, nothing);
        beside.push(below);
        reflect(&mut a, k, j + 1, &reflection);
        reflections.push(reflection);
    }
    if k > 1 {
        beside.push(a[(k - 1) * k + k - 2]);
    }
    beside.push(0.0);
    let mut values: Vec<f64> = (0..k).map(|j| a[j * k + j]).collect();
    let mut vectors = turned_back(&reflections, k);
    diagonalize(&mut values, &mut beside, &mut vectors, nothing);
    (values, vectors)
}

/// The reflection I − vvᵀ, |v|² = 2 or 0, that leaves of column j below the diagonal only its first entry, and that entry.
fn reflection(a: &[f64], k: usize, j: usize, nothing: f64) -> (f64, Vec<f64>) {
    let mut v: Vec<f64> = (j + 1..k).map(|row| a[row * k + j]).collect();
    if v.iter().all(|x| x.abs() <= nothing) {
        v.fill(0.0);
        return (0.0, v);
    }
    let length = v.iter().map(|x| x * x).sum::<f64>().sqrt();
    let below = if v[0] > 0.0 { -length } else { length };
    v[0] -= below;
    let scale = (2.0 / v.iter().map(|x| x * x).sum::<f64>()).sqrt();
    for x in &mut v {
        *x *= scale;
    }
    (below, v)
}

/// A ← (I − vvᵀ)A(I − vvᵀ), for the square from `first` on: A − vwᵀ − wvᵀ with w = Av − ½(vᵀAv)v.
fn reflect(a: &mut [f64], k: usize, first: usize, v: &[f64]) {
    let row = |row: usize| (first + row) * k + first..(first + row) * k + k;
    let mut w: Vec<f64> = (0..v.len()).map(|at| a[row(at)].iter().zip(v).map(|(a, v)| a * v).sum()).collect();
    let half = 0.5 * w.iter().zip(v).map(|(w, v)| w * v).sum::<f64>();
    w.iter_mut().zip(v).for_each(|(w, v)| *w -= half * v);
    for at in 0..v.len() {
        for ((entry, &v_other), &w_other) in a[row(at)].iter_mut().zip(v).zip(&w) {
            *entry -= v[at] * w_other + w[at] * v_other;
        }
    }
}

/// The product of the reflections, transposed: row by row what becomes the eigenvectors.
fn turned_back(reflections: &[Vec<f64>], k: usize) -> Vec<f64> {
    let mut rows = vec![0.0; k * k];
    (0..k).for_each(|j| rows[j * k + j] = 1.0);
    // Q = H₀H₁…, from the last on, so that only the square it moves is touched; Qᵀ's rows are Q's columns.
    for (j, v) in reflections.iter().enumerate().rev() {
        let first = j + 1;
        for row in rows[first * k..].chunks_exact_mut(k) {
            let row = &mut row[first..];
            let along: f64 = row.iter().zip(v).map(|(x, v)| x * v).sum();
            row.iter_mut().zip(v).for_each(|(x, v)| *x -= along * v);
        }
    }
    rows
}

/// Turns neighbouring rows of the vectors until nothing stands beside the diagonal.
fn diagonalize(values: &mut [f64], beside: &mut [f64], vectors: &mut [f64], nothing: f64) {
    let k = values.len();
    for l in 0..k {
        for _ in 0..MOST_TURNS {
            let small = |j: &usize| {
                let near = values[*j].abs() + values[*j + 1].abs();
                beside[*j].abs() <= nothing.max(f64::EPSILON * near)
            };
            let end = (l..k - 1).find(small).unwrap_or(k - 1);
            if end == l {
                break;
            }
            sweep(values, beside, vectors, l, end);
        }
    }
}

/// One QL step with its shift on the rows from `first` to `last`.
fn sweep(values: &mut [f64], beside: &mut [f64], vectors: &mut [f64], first: usize, last: usize) {
    let k = values.len();
    let ahead = (values[first + 1] - values[first]) / (2.0 * beside[first]);
    let root = libm::hypot(ahead, 1.0).copysign(ahead);
    let mut g = values[last] - values[first] + beside[first] / (ahead + root);
    let (mut sine, mut cosine, mut moved) = (1.0, 1.0, 0.0);
    for i in (first..last).rev() {
        let (f, b) = (sine * beside[i], cosine * beside[i]);
        let length = libm::hypot(f, g);
        beside[i + 1] = length;
        if length == 0.0 {
            // The matrix falls apart here.
            values[i + 1] -= moved;
            beside[last] = 0.0;
            return;
        }
        (sine, cosine) = (f / length, g / length);
        let above = values[i + 1] - moved;
        let turn = (values[i] - above) * sine + 2.0 * cosine * b;
        moved = sine * turn;
        values[i + 1] = above + moved;
        g = cosine * turn - b;
        let (upper, lower) = vectors[i * k..(i + 2) * k].split_at_mut(k);
        for (x, y) in upper.iter_mut().zip(lower) {
            (*x, *y) = (cosine * *x - sine * *y, sine * *x + cosine * *y);
        }
    }
    values[first] -= moved;
    beside[first] = g;
    beside[last] = 0.0;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A = Σ λ vvᵀ with orthonormal v, whatever A is; ranks may be missing and values equal.
        #[test]
        fn axes_are_orthonormal_and_make_the_matrix(
            k in 1_usize..24,
            rank in 0_usize..24,
            entries in proptest::collection::vec(-3.0_f64..3.0, 24 * 24),
        ) {
            let mut a = vec![0.0; k * k];
            for row in entries.chunks_exact(24).take(rank) {
                for (at, entry) in a.iter_mut().enumerate() {
                    *entry += row[at / k].round() * row[at % k].round();
                }
            }
            let (values, vectors) = axes(a.clone(), k);
            let size = a.iter().fold(1.0, |most: f64, entry| most.max(entry.abs()));
            for i in 0..k {
                for j in 0..k {
                    let inner: f64 = (0..k).map(|f| vectors[i * k + f] * vectors[j * k + f]).sum();
                    prop_assert!((inner - f64::from(u8::from(i == j))).abs() < 1e-12, "{} {}: {}", i, j, inner);
                    let made: f64 = (0..k).map(|v| values[v] * vectors[v * k + i] * vectors[v * k + j]).sum();
                    prop_assert!((made - a[i * k + j]).abs() < 1e-12 * size * k as f64, "{} {}: {}", i, j, made);
                }
            }
        }
    }

    /// Of what is left each column has a part as small as rounding, of the one before it.
    #[test]
    fn axes_of_rank_one_are_orthonormal_too() {
        for k in 1..60 {
            let x = |f: usize| ((f * f * 7 + k) % 5) as f64 - 2.0;
            let (values, vectors) = axes((0..k * k).map(|at| x(at / k) * x(at % k)).collect(), k);
            let squares: f64 = (0..k).map(|f| x(f) * x(f)).sum();
            let most = values.iter().fold(0.0, |most: f64, &value| most.max(value));
            assert!((most - squares).abs() < 1e-12 * squares.max(1.0), "{k}: {values:?}");
            for (i, j) in (0..k * k).map(|at| (at / k, at % k)) {
                let inner: f64 = (0..k).map(|f| vectors[i * k + f] * vectors[j * k + f]).sum();
                assert!((inner - f64::from(u8::from(i == j))).abs() < 1e-12, "{k}: {i} {j} {inner}");
            }
        }
    }

    #[test]
    fn rows_are_multiplied_each() {
        let (k, rows, run) = (5, 150, Run::new(1, 2).unwrap());
        let entry = |row: usize, f: usize| ((row * 7 + f * 3) % 11) as f32 - 5.0;
        let square = Square::new(k, |row, column| (row * 5 + column * 2) as f64 - 4.0);
        let mut matrix = Matrix::zeros(rows, k);
        for row in 0..rows {
            (0..k).for_each(|f| matrix.row_mut(row)[f] = entry(row, f));
        }
        square.multiply(&run, &mut matrix);
        for row in 0..rows {
            for column in 0..k {
                let expected: f32 = (0..k).map(|f| entry(row, f) * ((f * 5 + column * 2) as f32 - 4.0)).sum();
                assert_eq!(matrix.entries(row)[column], expected, "{row} {column}");
            }
            assert!(matrix.row(row)[k..].iter().all(|&x| x == 0.0));
        }
    }
}
