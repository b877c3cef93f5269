//! A model as biases and one inner product: r̂_ui = μ + b_u + b_i + p_uᵀq_i.
//!
//! P is m×k and Q is n×k, row-major f32, each row padded with zeros ([`kernels::padded`]) so that kernels need no tail.

use cofactor_kernels::{self as kernels, Isa};

use super::model::{Folded, Model, Query, Tensors};
use crate::data::ids::{Item, User};
use crate::data::ratings::{Row, Time};
use crate::error::{Error, Result};

/// A row-major matrix whose rows are padded with zeros to [`Matrix::stride`] and whose memory is aligned to cache lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    lines: Vec<Line>,
}

/// One cache line.
#[derive(Debug, Clone, Copy, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
struct Line([f32; 16]);

impl Matrix {
    /// All zeros.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        let entries = rows * kernels::padded(columns);
        Self { rows, columns, lines: vec![Line([0.0; 16]); entries.div_ceil(16)] }
    }

    /// From rows without padding.
    ///
    /// # Panics
    /// When `data` has not rows × columns entries.
    pub fn from_dense(rows: usize, columns: usize, data: &[f32]) -> Self {
        assert_eq!(data.len(), rows * columns, "a dense matrix is full");
        let mut matrix = Self::zeros(rows, columns);
        for row in 0..rows {
            matrix.row_mut(row)[..columns].copy_from_slice(&data[row * columns..(row + 1) * columns]);
        }
        matrix
    }

    /// The rows without padding.
    pub fn to_dense(&self) -> Vec<f32> {
        (0..self.rows).flat_map(|row| self.entries(row).iter().copied()).collect()
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many columns: k.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// How many entries a row takes with its padding.
    pub fn stride(&self) -> usize {
        kernels::padded(self.columns)
    }

    /// A row with its padding.
    pub fn row(&self, row: usize) -> &[f32] {
        let stride = self.stride();
        &self.as_slice()[row * stride..(row + 1) * stride]
    }

    /// A row with its padding, which must stay zero.
    pub fn row_mut(&mut self, row: usize) -> &mut [f32] {
        let stride = self.stride();
        &mut self.as_mut_slice()[row * stride..(row + 1) * stride]
    }

    /// A row without its padding: k entries.
    pub fn entries(&self, row: usize) -> &[f32] {
        &self.row(row)[..self.columns]
    }

    /// All rows with their padding.
    pub fn as_slice(&self) -> &[f32] {
        let entries = self.rows * self.stride();
        &bytemuck::cast_slice(&self.lines)[..entries]
    }

    /// All rows with their padding, which must stay zero.
    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        let entries = self.rows * self.stride();
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..entries]
    }

    /// Whether every entry is finite.
    pub fn is_finite(&self) -> bool {
        self.as_slice().iter().all(|entry| entry.is_finite())
    }
}

/// Biases and factors, with what stands for somebody or something unknown.
#[derive(Debug, Clone)]
pub struct Factors {
    /// The kernels that score; they change the speed and never the bits.
    pub isa: Isa,
    /// μ.
    pub mean: f32,
    /// P, m×k.
    pub users: Matrix,
    /// Q, n×k.
    pub items: Matrix,
    /// b_u, m entries; zeros where the model has none.
    pub user_bias: Vec<f32>,
    /// b_i, n entries; zeros where the model has none.
    pub item_bias: Vec<f32>,
    /// Where a user without ratings stands, and how firmly: what folding in starts from.
    pub prior: Prior,
    /// The vector of an item without ratings; k entries and its bias last.
    pub unseen_item: Vec<f32>,
}

/// A normal prior of a user's vector and bias, in units of the noise variance.
#[derive(Debug, Clone, PartialEq)]
pub struct Prior {
    /// k entries and the bias last.
    pub mean: Vec<f32>,
    /// σ²Σ⁻¹, (k + 1)×(k + 1), row-major and symmetric. A coordinate with zero on the diagonal does not exist and stays at its mean.
    pub precision: Vec<f32>,
}

impl Prior {
    /// The prior that the learned users suggest: mean and covariance Σ over those with ratings, and the noise variance σ². `biased` says
    /// whether the bias is a coordinate. Cost: O(k³), because at most 8 (k + 1) users, or 1,024, are sampled, evenly spread.
    pub fn of(users: &Matrix, bias: &[f32], counts: &[usize], noise: f64, biased: bool) -> Self {
        let d = users.columns() + 1;
        let exists = if biased { d } else { d - 1 };
        let mean = mean_of_rows(users, bias, counts);
        let rated: Vec<usize> = (0..counts.len()).filter(|&user| counts[user] > 0).collect();
        let enough = (8 * d).max(1024);
        let sample: Vec<usize> = rated.iter().copied().step_by(rated.len().div_ceil(enough).max(1)).collect();
        let mut covariance = vec![0.0; d * d];
        for &user in &sample {
            let entries = users.entries(user).iter().chain([&bias[user]]);
            let deviation: Vec<f64> =
                entries.zip(&mean).map(|(&entry, &mean)| f64::from(entry) - f64::from(mean)).collect();
            for row in 0..exists {
                let sums = &mut covariance[row * d..=row * d + row];
                sums.iter_mut().zip(&deviation).for_each(|(sum, other)| *sum += deviation[row] * other);
            }
        }
        let sampled = sample.len().max(1) as f64;
        for entry in &mut covariance {
            *entry /= sampled;
        }
        // Directions in which nobody differs get a thousandth of the mean variance, so that the inverse exists.
        let trace: f64 = (0..exists).map(|f| covariance[f * d + f]).sum();
        let floor = 1e-3 * trace / exists.max(1) as f64 + 1e-9;
        for f in 0..d {
            covariance[f * d + f] = if f < exists { covariance[f * d + f] + floor } else { 1.0 };
        }
        // The lower triangle is all that a Cholesky factor is made of.
        let mut precision = inverse(covariance, d);
        for f in exists..d {
            precision[f * d + f] = 0.0;
        }
        Self { mean, precision: precision.into_iter().map(|entry| (noise * entry) as f32).collect() }
    }

    fn exists(&self, coordinate: usize) -> bool {
        self.precision[coordinate * self.mean.len() + coordinate] > 0.0
    }

    /// The precision in f64, with ones on the diagonal for coordinates that do not exist, so that it can be factored.
    fn normal_matrix(&self) -> Vec<f64> {
        let d = self.mean.len();
        let mut normal: Vec<f64> = self.precision.iter().map(|&entry| f64::from(entry)).collect();
        for f in (0..d).filter(|&f| !self.exists(f)) {
            normal[f * d..(f + 1) * d].fill(0.0);
            for row in 0..d {
                normal[row * d + f] = 0.0;
            }
            normal[f * d + f] = 1.0;
        }
        normal
    }

    /// Whether this is a prior at all: the precision is positive definite.
    fn is_proper(&self) -> bool {
        let mut normal = self.normal_matrix();
        cholesky(&mut normal, self.mean.len());
        (0..self.mean.len()).all(|f| normal[f * self.mean.len() + f] > 0.0)
    }
}

impl Factors {
    /// k.
    pub fn k(&self) -> usize {
        self.users.columns()
    }

    /// The predicted rating.
    pub fn predict(&self, query: Query) -> f32 {
        let k = self.k();
        let (unseen_user, unseen_item);
        let (p, bias_user) = match query.user {
            Some(user) => (self.users.row(user.index()), self.user_bias[user.index()]),
            None => {
                unseen_user = self.padded(&self.prior.mean[..k]);
                (&unseen_user[..], self.prior.mean[k])
            }
        };
        let (q, bias_item) = match query.item {
            Some(item) => (self.items.row(item.index()), self.item_bias[item.index()]),
            None => {
                unseen_item = self.padded(&self.unseen_item[..k]);
                (&unseen_item[..], self.unseen_item[k])
            }
        };
        self.mean + bias_user + bias_item + kernels::dot(self.isa, p, q)
    }

    /// The predictions for all items; `out` has n entries.
    pub fn predict_all(&self, user: Option<User>, out: &mut [f32]) {
        match user {
            Some(user) => {
                self.score_all(self.users.entries(user.index()), self.user_bias[user.index()], out);
            }
            None => self.score_all(&self.prior.mean[..self.k()], self.prior.mean[self.k()], out),
        }
    }

    /// The predictions for all items by a user's vector (k entries) and bias; `out` has n entries.
    pub fn score_all(&self, factors: &[f32], bias: f32, out: &mut [f32]) {
        kernels::dot_rows(self.isa, &self.padded(factors), self.items.as_slice(), out);
        for (score, item_bias) in out.iter_mut().zip(&self.item_bias) {
            *score += self.mean + bias + item_bias;
        }
    }

    fn padded(&self, vector: &[f32]) -> Vec<f32> {
        let mut padded = vec![0.0; self.items.stride()];
        padded[..vector.len()].copy_from_slice(vector);
        padded
    }

    /// A new user from a few ratings: the maximum of the posterior with Q fixed.
    ///
    /// With q̃ = (q, 1), prior mean π and precision Λ = σ²Σ⁻¹: p̃ = π + (Σ q̃q̃ᵀ + Λ)⁻¹ Σ (r − μ − b_i − q̃ᵀπ) q̃, so each
    /// rating's share in p̃ is its own term of the last sum. Cost: O(|S|k² + k³).
    pub fn fold_in(&self, history: Row<'_>) -> Folded {
        let k = self.k();
        let exists: Vec<bool> = (0..=k).map(|f| self.prior.exists(f)).collect();
        let extended = |item: Item| -> Vec<f64> {
            let q = self.items.entries(item.index()).iter().copied().chain([1.0]);
            q.zip(&exists).map(|(entry, &exists)| if exists { f64::from(entry) } else { 0.0 }).collect()
        };
        let mut normal = self.prior.normal_matrix();
        for &item in history.items {
            let q = extended(item);
            for (row, &a) in q.iter().enumerate() {
                for (column, &b) in q[..=row].iter().enumerate() {
                    normal[row * (k + 1) + column] += a * b;
                }
            }
        }
        cholesky(&mut normal, k + 1);
        let unknown = |item: Item| Query { user: None, item: Some(item), time: None };
        let influence: Vec<Vec<f32>> = history
            .iter()
            .map(|rated| {
                let residual = f64::from(rated.value - self.predict(unknown(rated.item)));
                let mut share: Vec<f64> = extended(rated.item).iter().map(|q| q * residual).collect();
                cholesky_solve(&normal, &mut share);
                share.into_iter().map(|entry| entry as f32).collect()
            })
            .collect();
        let mut vector = self.prior.mean.clone();
        for share in &influence {
            for (entry, add) in vector.iter_mut().zip(share) {
                *entry += add;
            }
        }
        let bias = vector.pop().unwrap_or(0.0);
        Folded { factors: vector, bias, prior: self.prior.mean.clone(), influence }
    }

    /// All arrays by name.
    pub fn tensors(&self) -> Tensors {
        let mut tensors = Tensors::default();
        let k = self.k();
        tensors.insert("mean", &[1], vec![self.mean]);
        tensors.insert("user_factors", &[self.users.rows(), k], self.users.to_dense());
        tensors.insert("item_factors", &[self.items.rows(), k], self.items.to_dense());
        tensors.insert("user_bias", &[self.users.rows()], self.user_bias.clone());
        tensors.insert("item_bias", &[self.items.rows()], self.item_bias.clone());
        tensors.insert("prior_mean", &[k + 1], self.prior.mean.clone());
        tensors.insert("prior_precision", &[k + 1, k + 1], self.prior.precision.clone());
        tensors.insert("unseen_item", &[k + 1], self.unseen_item.clone());
        tensors
    }

    /// The reverse of [`Self::tensors`]. Refuses shapes that do not fit each other and values that are not finite.
    pub fn restore(mut tensors: Tensors) -> Result<Self> {
        let finite = |name: &str, data: &[f32]| match data.iter().position(|entry| !entry.is_finite()) {
            None => Ok(()),
            Some(at) => Err(Error::unsupported(format!("tensor '{name}' holds {} at {at}", data[at]), "")),
        };
        for (name, tensor) in &tensors.0 {
            finite(name, &tensor.data)?;
        }
        let ([m, k], users) = tensors.take("user_factors")?;
        let ([n, k_items], items) = tensors.take("item_factors")?;
        if k != k_items || kernels::padded(k) > kernels::MAX_PADDED {
            let problem = format!("factors of {k} and {k_items} columns do not make a model");
            return Err(Error::unsupported(problem, ""));
        }
        let prior = Prior {
            mean: tensors.take_vector("prior_mean", k + 1)?,
            precision: tensors.take("prior_precision").and_then(|(shape, data)| match shape {
                [rows, columns] if rows == k + 1 && columns == k + 1 => Ok(data),
                _ => {
                    Err(Error::unsupported(format!("tensor 'prior_precision' is {shape:?}, not square"), ""))
                }
            })?,
        };
        if !prior.is_proper() {
            return Err(Error::unsupported("tensor 'prior_precision' is not positive definite", ""));
        }
        Ok(Self {
            isa: Isa::detect(),
            mean: tensors.take_vector("mean", 1)?[0],
            users: Matrix::from_dense(m, k, &users),
            items: Matrix::from_dense(n, k, &items),
            user_bias: tensors.take_vector("user_bias", m)?,
            item_bias: tensors.take_vector("item_bias", n)?,
            prior,
            unseen_item: tensors.take_vector("unseen_item", k + 1)?,
        })
    }
}

impl Model for Factors {
    fn predict(&self, query: Query) -> f32 {
        self.predict(query)
    }

    fn predict_all(&self, user: Option<User>, _time: Option<Time>, out: &mut [f32]) {
        self.predict_all(user, out);
    }

    fn factors(&self) -> Option<&Factors> {
        Some(self)
    }

    fn fold_in(&self, history: Row<'_>) -> Option<Folded> {
        Some(self.fold_in(history))
    }

    fn tensors(&self) -> Tensors {
        self.tensors()
    }
}

/// The mean vector of the rows that have ratings; k entries and the mean bias last.
pub fn mean_of_rows(matrix: &Matrix, bias: &[f32], counts: &[usize]) -> Vec<f32> {
    let mut sums = vec![0.0; matrix.columns() + 1];
    let mut rows = 0.0;
    for (row, _) in counts.iter().enumerate().filter(|&(_, &count)| count > 0) {
        let entries = matrix.entries(row).iter().chain([&bias[row]]);
        sums.iter_mut().zip(entries).for_each(|(sum, &entry)| *sum += f64::from(entry));
        rows += 1.0;
    }
    sums.into_iter().map(|sum| (sum / f64::max(rows, 1.0)) as f32).collect()
}

/// The inverse of a symmetric positive definite matrix, by its Cholesky factor. Size d×d, cost 4d³/3.
fn inverse(mut a: Vec<f64>, d: usize) -> Vec<f64> {
    cholesky(&mut a, d);
    let mut inverse = vec![0.0; d * d];
    for (column, unit) in inverse.chunks_exact_mut(d.max(1)).enumerate() {
        unit[column] = 1.0;
        cholesky_solve(&a, unit);
    }
    inverse
}

/// Factors a symmetric positive definite matrix in place, lower triangle: A = LLᵀ. Size d×d, cost d³/3.
fn cholesky(a: &mut [f64], d: usize) {
    for j in 0..d {
        for i in j..d {
            let sum: f64 = (0..j).map(|f| a[i * d + f] * a[j * d + f]).sum();
            let rest = a[i * d + j] - sum;
            a[i * d + j] = if i == j { rest.sqrt() } else { rest / a[j * d + j] };
        }
    }
}

/// Solves LLᵀx = b in place.
fn cholesky_solve(l: &[f64], b: &mut [f64]) {
    let d = b.len();
    for i in 0..d {
        let sum: f64 = (0..i).map(|f| l[i * d + f] * b[f]).sum();
        b[i] = (b[i] - sum) / l[i * d + i];
    }
    for i in (0..d).rev() {
        let sum: f64 = (i + 1..d).map(|f| l[f * d + i] * b[f]).sum();
        b[i] = (b[i] - sum) / l[i * d + i];
    }
}
