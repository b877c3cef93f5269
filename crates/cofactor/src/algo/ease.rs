//! # EASE: the shallow autoencoder in closed form
//!
//! Letters: m users, n items, N ratings; X is m×n with x_ui = 1 where user u took item i and 0 elsewhere.
//!
//! ## Model
//! ```text
//! x̂_ui = Σ_{j∈N(u)} B_ji,   B: n×n, B_ii = 0                                                   (1)
//! ```
//! N(u) is what u has taken: every rating of at least θ (`implicit_from`) and above zero. B_ji is what j says of i, and may be negative.
//!
//! ## Objective
//! ```text
//! ‖X − XB‖² + λ‖B‖²,  diag(B) = 0                                                              (2)
//! ```
//!
//! ## Update
//! None: with Lagrange's multipliers for the diagonal, (2) has one solution.
//! ```text
//! P = (XᵀX + λI)⁻¹,   B_ji = −P_ji / P_ii                                                      (3)
//! ```
//! The inverse is made in place by sweeping blocks of 512 coordinates p, each of which is inverted in the same way by blocks of 64, and these in f64:
//! ```text
//! A_pp ← −A_pp⁻¹,  A_ip ← A_ip A_pp⁻¹,  A_ij ← A_ij − A_ip A_pp⁻¹ A_pj                         (4)
//! ```
//! All three are symmetric, so that half of A is enough. After all blocks A has become −A⁻¹.
//!
//! ## Cost
//! Fit: O(Σ_u n_u² + n³), in parallel; n³ multiplications and additions. Memory: 4n² bytes and 6 kB for each item; the model takes 4n²: 0.4 GB for 10,000 items, 6.4 GB for 40,000. More than
//! 50,000 items are refused. All of a user's scores: O(n·n_u).
//!
//! ## Unknown users and items
//! Whoever has taken nothing, and what nobody has taken, scores zero. A newcomer is answered as a trained user with the same items is. What an item adds to a score
//! is its own term of (1).
//!
//! ## Defaults and their source
//! λ = 500 is what Steck found for MovieLens 20M; smaller sets want less.
//!
//! ## Differences from the paper
//! The paper calls a library for the inverse.
//!
//! ## References
//! H. Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019, equations (3) to (8).

use cofactor_kernels::{LANES, Rows, add_product};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::data::ids::Item;
use crate::data::ratings::Ratings;
use crate::error::{Error, Result};
use crate::fit::algorithm::{Algorithm, Kind, Knob, Preset, Task};
use crate::fit::factors::{Matrix, cholesky, cholesky_solve};
use crate::fit::linear::{Dense, Linear};
use crate::fit::model::Tensors;
use crate::fit::run::Run;
use crate::fit::sweep::rows;
use crate::fit::taken::{IMPLICIT_FROM, taken};

/// More items would take more than 10 GB.
const MOST_ITEMS: usize = 50_000;
/// Coordinates of a block in (4): A passes through memory once for so many.
const BLOCK: usize = 512;
/// Coordinates of a block when a block is inverted.
const SMALL: usize = 64;
/// Rows that are updated together, and columns, five times what fits the registers: both keep to the second-level cache.
const HEIGHT: usize = 256;
const CHUNK: usize = 240;

/// The parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ease {
    /// θ.
    pub implicit_from: f64,
    /// λ.
    pub reg: f64,
}

impl Default for Ease {
    fn default() -> Self {
        Self { implicit_from: 0.0, reg: 500.0 }
    }
}

impl Algorithm for Ease {
    const NAME: &'static str = "ease";
    const TITLE: &'static str = "a linear map from all items to all items, in closed form";
    const TASK: Task = Task::Ranking;
    const KNOBS: &'static [Knob] = &[
        IMPLICIT_FROM,
        Knob {
            name: "reg",
            symbol: "λ",
            kind: Kind::Real { min: 1e-3, max: 1e9, search: Some((10.0, 5000.0)) },
            purpose: "L2 weight of the map, in units of users",
        },
    ];
    const PRESETS: &'static [Preset] = &[];
    const SOURCE: &'static str = include_str!("ease.rs");
    /// B.
    type Model = Linear<Dense>;

    fn fit(&self, train: &Ratings, run: &mut Run<'_>) -> Result<Self::Model> {
        let n = train.items();
        if n > MOST_ITEMS {
            let gigabytes = 4.0 * (n as f64).powi(2) / 1e9;
            let problem = format!("ease for {n} items would take {gigabytes:.0} GB");
            let hint = format!("it takes at most {MOST_ITEMS} items: use 'ials' or 'itemknn'");
            return Err(Error::unsupported(problem, hint));
        }
        let taken = taken(train, self.implicit_from)?;
        let mut matrix = together(&taken, run);
        for item in 0..n {
            matrix.row_mut(item)[item] += self.reg as f32;
        }
        invert(&mut matrix, run)?;
        if !matrix.is_finite() {
            let what = "the inverse is not finite".to_owned();
            return Err(Error::Diverged { epoch: 1, what, hint: "raise `reg`".to_owned() });
        }
        scale(&mut matrix, run);
        Ok(Linear { weights: Dense(matrix), train: train.clone(), implicit_from: self.implicit_from })
    }

    fn restore(&self, mut tensors: Tensors, train: &Ratings) -> Result<Self::Model> {
        let weights = Dense::restore(&mut tensors, train.items())?;
        Ok(Linear { weights, train: train.clone(), implicit_from: self.implicit_from })
    }
}

/// XᵀX: how many users took both.
fn together(taken: &Ratings, run: &Run<'_>) -> Matrix {
    // Never half a vector wide, which products do not take.
    let mut matrix = Matrix::zeros(taken.items(), taken.items().max(LANES));
    taken.by_item();
    rows(run.pool(), &mut matrix, |item, counts| {
        let (users, _) = taken.by_item().column(Item(item as u32));
        for &user in users {
            taken.row(user).items.iter().for_each(|other| counts[other.index()] += 1.0);
        }
    });
    matrix
}

/// A becomes −A⁻¹ on and below the diagonal, by (4). A is symmetric and positive definite. Cost: n³ multiplications and additions.
///
/// # Errors
/// [`Error::Interrupted`].
fn invert(matrix: &mut Matrix, run: &Run<'_>) -> Result<()> {
    sweep(matrix, BLOCK, run, |matrix| {
        sweep(matrix, SMALL, run, |small| {
            invert_small(small);
            Ok(())
        })?;
        mirror(matrix);
        Ok(())
    })
}

/// (4) for all blocks of that size; `invert` takes a block to minus its inverse.
fn sweep(
    matrix: &mut Matrix,
    block: usize,
    run: &Run<'_>,
    invert: impl Fn(&mut Matrix) -> Result<()>,
) -> Result<()> {
    let n = matrix.rows();
    let mut panel = Panel::new(n, block.min(n));
    for first in (0..n).step_by(block) {
        run.check()?;
        panel.take(matrix, first, run, &invert)?;
        panel.subtract(matrix, run);
        panel.place(matrix);
    }
    run.check()
}

/// A block of (4), and the columns of A that meet it.
struct Panel {
    n: usize,
    first: usize,
    size: usize,
    /// The length of rows.
    wide: usize,
    /// −A_pp⁻¹.
    inverse: Matrix,
    /// A_pj for all j, in chunks of [`CHUNK`] columns: all rows of a chunk, then the next chunk.
    columns: Vec<f32>,
    /// A_ip for all i, row by row.
    rows: Vec<f32>,
    /// −A_ip A_pp⁻¹ for all i, row by row.
    multiples: Vec<f32>,
}

impl Panel {
    /// Memory for the blocks of an n×n matrix, one after the other.
    fn new(n: usize, block: usize) -> Self {
        let wide = block.next_multiple_of(LANES);
        let zeros = |rows: usize| vec![0.0; rows * wide];
        let columns = zeros(n.next_multiple_of(CHUNK));
        let inverse = Matrix::zeros(0, 0);
        Self { n, first: 0, size: 0, wide, inverse, columns, rows: zeros(n), multiples: zeros(n) }
    }

    /// The block that begins at coordinate `first`.
    fn take(
        &mut self,
        matrix: &Matrix,
        first: usize,
        run: &Run<'_>,
        invert: impl Fn(&mut Matrix) -> Result<()>,
    ) -> Result<()> {
        let Self { n, wide, columns, rows, multiples, .. } = self;
        let (wide, size) = (*wide, (*wide).min(*n - first));
        let entry = |i: usize, j: usize| if i >= j { matrix.row(i)[j] } else { matrix.row(j)[i] };
        let fill = |(i, row): (usize, &mut [f32])| {
            for (l, to) in row[..size].iter_mut().enumerate() {
                *to = entry(i, first + l);
            }
        };
        run.pool().install(|| rows.par_chunks_mut(wide).enumerate().with_min_len(256).for_each(fill));
        let fill = |(chunk, columns): (usize, &mut [f32])| {
            for (at, row) in rows[chunk * CHUNK * wide..].chunks(wide).take(CHUNK).enumerate() {
                for l in 0..size {
                    columns[l * CHUNK + at] = row[l];
                }
            }
        };
        run.pool().install(|| columns.par_chunks_mut(wide * CHUNK).enumerate().for_each(fill));
        let mut inverse = Matrix::zeros(size, size.max(LANES));
        for (l, row) in rows[first * wide..].chunks_exact(wide).take(size).enumerate() {
            inverse.row_mut(l)[..size].copy_from_slice(&row[..size]);
        }
        invert(&mut inverse)?;
        let (isa, stride) = (run.isa(), inverse.stride());
        let multiply = |(multiples, rows): (&mut [f32], &[f32])| {
            multiples.fill(0.0);
            let shape = [multiples.len() / wide, size, stride];
            let a = Rows { entries: rows, stride: wide };
            let b = Rows { entries: inverse.as_slice(), stride };
            add_product(isa, shape, a, b, multiples, wide);
        };
        let parts = multiples.par_chunks_mut(HEIGHT * wide).zip(rows.par_chunks(HEIGHT * wide));
        run.pool().install(|| parts.for_each(multiply));
        (self.first, self.size, self.inverse) = (first, size, inverse);
        Ok(())
    }

    /// A_ij −= A_ip A_pp⁻¹ A_pj on and below the diagonal.
    fn subtract(&self, matrix: &mut Matrix, run: &Run<'_>) {
        let (stride, wide, isa, interrupt) = (matrix.stride(), self.wide, run.isa(), run.interrupt());
        let subtract = |(block, rows): (usize, &mut [f32])| {
            let (start, count) = (block * HEIGHT, rows.len() / stride);
            let a = Rows { entries: &self.multiples[start * wide..], stride: wide };
            for (chunk, columns) in self.columns.chunks(wide * CHUNK).enumerate() {
                let from = chunk * CHUNK;
                if from >= start + count || interrupt.requested() {
                    break;
                }
                let width = CHUNK.min(stride - from);
                let b = Rows { entries: columns, stride: CHUNK };
                add_product(isa, [count, self.size, width], a, b, &mut rows[from..], stride);
            }
        };
        let blocks = matrix.as_mut_slice().par_chunks_mut(HEIGHT * stride).enumerate();
        // Those last in order have the most to do: they go first.
        run.pool().install(|| blocks.rev().for_each(subtract));
    }

    /// A_pp ← −A_pp⁻¹, A_ip ← A_ip A_pp⁻¹ and A_pj alike, on and below the diagonal.
    fn place(&self, matrix: &mut Matrix) {
        let Self { n, first, size, wide, .. } = *self;
        for l in 0..size {
            let row = matrix.row_mut(first + l);
            for (j, entry) in row[..first].iter_mut().enumerate() {
                *entry = -self.multiples[j * wide + l];
            }
            row[first..first + size].copy_from_slice(&self.inverse.row(l)[..size]);
        }
        for i in first + size..n {
            for (l, entry) in matrix.row_mut(i)[first..first + size].iter_mut().enumerate() {
                *entry = -self.multiples[i * wide + l];
            }
        }
    }
}

/// Minus the inverse of a small symmetric positive definite matrix, in f64.
fn invert_small(matrix: &mut Matrix) {
    let size = matrix.rows();
    let mut factor: Vec<f64> =
        (0..size * size).map(|at| f64::from(matrix.row(at / size)[at % size])).collect();
    cholesky(&mut factor, size);
    let mut unit = vec![0.0; size];
    for column in 0..size {
        unit.fill(0.0);
        unit[column] = 1.0;
        cholesky_solve(&factor, &mut unit);
        for (row, &entry) in unit.iter().enumerate() {
            matrix.row_mut(row)[column] = -entry as f32;
        }
    }
}

/// Above the diagonal goes what stands below it.
fn mirror(matrix: &mut Matrix) {
    let stride = matrix.stride();
    for i in 0..matrix.rows() {
        let (above, below) = matrix.as_mut_slice().split_at_mut(i * stride);
        for (j, row) in above.chunks_exact_mut(stride).enumerate() {
            row[i] = below[j];
        }
    }
}

/// From −P on and below the diagonal to B of (3).
fn scale(matrix: &mut Matrix, run: &Run<'_>) {
    mirror(matrix);
    let n = matrix.rows();
    // −P_ji over P_ii, which is minus what stands on the diagonal.
    let diagonal: Vec<f32> = (0..n).map(|i| -matrix.row(i)[i]).collect();
    rows(run.pool(), matrix, |item, row| {
        for (weight, diagonal) in row.iter_mut().zip(&diagonal) {
            *weight /= diagonal;
        }
        row[item] = 0.0;
        row[n..].fill(0.0);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ratings::{Duplicates, RatingsBuilder};
    use crate::fit::linear::ItemWeights;

    /// Many users with a few of n items each, some more popular than others.
    fn ratings(n: u32) -> Ratings {
        let mut builder = RatingsBuilder::new(false);
        for (user, item) in (0..4 * n).flat_map(|user| (0..n).map(move |item| (user, item))) {
            let mixed = (user * n + item).wrapping_mul(2_654_435_761) >> 20;
            if mixed.is_multiple_of(8 + item / 4) {
                builder.push(&user.to_string(), &item.to_string(), 1.0, None);
            }
        }
        builder.finish("grid", None, Duplicates::Error, |_, _| Default::default()).unwrap()
    }

    /// Gauss and Jordan's inverse in f64.
    fn inverted(mut a: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
        let n = a.len();
        for (i, row) in a.iter_mut().enumerate() {
            row.extend((0..n).map(|j| f64::from(u8::from(i == j))));
        }
        for j in 0..n {
            let pivot = a[j][j];
            a[j].iter_mut().for_each(|entry| *entry /= pivot);
            let top = a[j].clone();
            for i in (0..n).filter(|&i| i != j) {
                let by = a[i][j];
                a[i].iter_mut().zip(&top).for_each(|(entry, top)| *entry -= by * top);
            }
        }
        a.into_iter().map(|row| row[n..].to_vec()).collect()
    }

    #[test]
    fn the_map_is_that_of_an_inverse_in_f64() {
        // One block and less, and several with a part of one.
        for n in [1, 7, 40, 128, 300, 600] {
            let (train, reg) = (ratings(n), 20.0);
            let items = train.items();
            let mut a = vec![vec![0.0; items]; items];
            for (_, row) in train.rows() {
                for i in row.items {
                    row.items.iter().for_each(|j| a[i.index()][j.index()] += 1.0);
                }
            }
            (0..items).for_each(|i| a[i][i] += reg);
            let p = inverted(a);
            let ease = Ease { reg, ..Ease::default() };
            let model = ease.fit(&train, &mut Run::new(1, 2).unwrap()).unwrap();
            for j in 0..items {
                for (i, row) in p.iter().enumerate() {
                    let expected = if i == j { 0.0 } else { -row[j] / row[i] };
                    let found = f64::from(model.weights.weight(j, i));
                    assert!((found - expected).abs() < 1e-4, "n = {n}, {j} {i}: {found} and {expected}");
                }
            }
        }
    }
}
