//! Where somebody stands before they have rated anything, and the small systems of equations that it takes.

use super::matrix::{Matrix, mean_of_rows};

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

    pub(super) fn exists(&self, coordinate: usize) -> bool {
        self.precision[coordinate * self.mean.len() + coordinate] > 0.0
    }

    /// The precision in f64, with ones on the diagonal for coordinates that do not exist, so that it can be factored.
    pub(super) fn normal_matrix(&self) -> Vec<f64> {
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
    pub(super) fn is_proper(&self) -> bool {
        let mut normal = self.normal_matrix();
        cholesky(&mut normal, self.mean.len());
        (0..self.mean.len()).all(|f| normal[f * self.mean.len() + f] > 0.0)
    }
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
pub fn cholesky(a: &mut [f64], d: usize) {
    for j in 0..d {
        for i in j..d {
            let sum: f64 = (0..j).map(|f| a[i * d + f] * a[j * d + f]).sum();
            let rest = a[i * d + j] - sum;
            a[i * d + j] = if i == j { rest.sqrt() } else { rest / a[j * d + j] };
        }
    }
}

/// Solves LLᵀx = b in place.
pub fn cholesky_solve(l: &[f64], b: &mut [f64]) {
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
