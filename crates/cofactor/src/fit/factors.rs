//! A model as biases and one inner product: r̂_ui = g(z_ui), z_ui = μ + b_u + b_i + p_uᵀq_i, with g the [`Link`].
//!
//! P is m×k and Q is n×k, row-major f32, each row padded with zeros ([`kernels::padded`]) so that kernels need no tail.

use cofactor_kernels::{self as kernels, Isa, Link};

use super::model::{Model, Newcomer, Parts, Query, Share, Tensors};
use crate::data::ids::{Item, User};
use crate::data::ratings::{Row, Time};
use crate::error::{Error, Result};

/// How many steps of Gauss and Newton a newcomer is given under a link that is not the identity; more move nothing in the third digit.
const LINK_STEPS: usize = 6;

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
    /// g.
    pub link: Link,
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
        self.link.value(self.mean + bias_user + bias_item + kernels::dot(self.isa, p, q))
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
            *score = self.link.value(*score + (self.mean + bias + item_bias));
        }
    }

    fn padded(&self, vector: &[f32]) -> Vec<f32> {
        let mut padded = vec![0.0; self.items.stride()];
        padded[..vector.len()].copy_from_slice(vector);
        padded
    }

    /// A new user from a few ratings: the maximum of the posterior with Q fixed.
    ///
    /// With q̃ = (q, 1), prior mean π and precision Λ = σ²Σ⁻¹, and g′ the slope at each rating's z: one step of Gauss and Newton goes from p̃ to
    /// π + (Σ g′²q̃q̃ᵀ + Λ)⁻¹ Σ g′(r − g(z) + g′·q̃ᵀ(p̃ − π)) q̃, so each rating's share in the new p̃ is its own term of the last sum.
    /// The identity needs one step from π, the logistic link a few. Cost of a step: O(|S|k² + k³).
    pub fn fold_in(&self, history: Row<'_>) -> Folded {
        let mut folded = self.fold_step(history, &self.prior.mean);
        if self.link != Link::Identity {
            for _ in 1..LINK_STEPS {
                let place: Vec<f32> = folded.factors.iter().copied().chain([folded.bias]).collect();
                folded = self.fold_step(history, &place);
            }
        }
        folded
    }

    fn fold_step(&self, history: Row<'_>, place: &[f32]) -> Folded {
        let k = self.k();
        let exists: Vec<bool> = (0..=k).map(|f| self.prior.exists(f)).collect();
        let extended = |item: Item| -> Vec<f64> {
            let q = self.items.entries(item.index()).iter().copied().chain([1.0]);
            q.zip(&exists).map(|(entry, &exists)| if exists { f64::from(entry) } else { 0.0 }).collect()
        };
        let mut normal = self.prior.normal_matrix();
        let mut terms = Vec::with_capacity(history.len());
        for rated in history.iter() {
            let q = extended(rated.item);
            let (p, bias) = place.split_at(k);
            let z = self.linear(p, bias[0], rated.item);
            let slope = f64::from(self.link.slope(z));
            let moved: f64 =
                q.iter().zip(place).zip(&self.prior.mean).map(|((q, &p), &pi)| q * f64::from(p - pi)).sum();
            let residual = f64::from(rated.value - self.link.value(z)) + slope * moved;
            for (row, &a) in q.iter().enumerate() {
                for (column, &b) in q[..=row].iter().enumerate() {
                    normal[row * (k + 1) + column] += slope * slope * a * b;
                }
            }
            terms.push((q, slope * residual));
        }
        cholesky(&mut normal, k + 1);
        let influence: Vec<Vec<f32>> = terms
            .into_iter()
            .map(|(mut share, pull)| {
                for entry in &mut share {
                    *entry *= pull;
                }
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

    /// z for a user's vector (k entries) and bias.
    fn linear(&self, factors: &[f32], bias: f32, item: Item) -> f32 {
        let product = kernels::dot(self.isa, &self.padded(factors), self.items.row(item.index()));
        self.mean + bias + self.item_bias[item.index()] + product
    }

    /// All arrays by name.
    pub fn tensors(&self) -> Tensors {
        let mut tensors = Tensors::default();
        let k = self.k();
        tensors.insert("mean", &[1], vec![self.mean]);
        if let Link::Logistic { min, range } = self.link {
            tensors.insert("link", &[2], vec![min, range]);
        }
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
            link: restore_link(&mut tensors)?,
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

    fn fold_in<'a>(&'a self, history: Row<'a>) -> Option<Box<dyn Newcomer + 'a>> {
        Some(Box::new(FoldedUser { factors: self, folded: self.fold_in(history) }))
    }

    fn tensors(&self) -> Tensors {
        self.tensors()
    }
}

/// A user who is not in the model, made from a few ratings.
#[derive(Debug, Clone, PartialEq)]
pub struct Folded {
    /// The user's vector p, k entries.
    pub factors: Vec<f32>,
    /// The user's bias.
    pub bias: f32,
    /// What the user would be with no ratings at all: the prior's mean, k entries and the bias last.
    pub prior: Vec<f32>,
    /// For each rating of the history, what it added to the vector and (last entry) to the bias; k + 1 entries each.
    /// The prior and these add up to the vector and the bias.
    pub influence: Vec<Vec<f32>>,
}

struct FoldedUser<'a> {
    factors: &'a Factors,
    folded: Folded,
}

impl FoldedUser<'_> {
    /// What a part of the user's vector and bias (k entries, the bias last) adds to z for an item, and how much of it by the vector.
    fn part(&self, part: &[f32], item: Item) -> (f64, f64) {
        let (bias, vector) = part.split_last().expect("the bias is always there");
        let q = self.factors.items.entries(item.index());
        let taste = vector.iter().zip(q).map(|(&p, &q)| f64::from(p) * f64::from(q)).sum::<f64>();
        (taste + f64::from(*bias), taste)
    }
}

impl Newcomer for FoldedUser<'_> {
    fn score_all(&self, out: &mut [f32]) {
        self.factors.score_all(&self.folded.factors, self.folded.bias, out);
    }

    /// Under a link, what the ratings add to z is told in units of the ratings by the slope of the secant from where the prior stands to where
    /// they lead, so that the parts still add up.
    fn parts(&self, item: Item) -> Parts {
        let Factors { link, mean, item_bias, .. } = self.factors;
        let item_level = mean + item_bias[item.index()];
        let prior_level = item_level + self.part(&self.folded.prior, item).0 as f32;
        let shares: Vec<(f64, f64)> =
            self.folded.influence.iter().map(|influence| self.part(influence, item)).collect();
        let moved: f64 = shares.iter().map(|(all, _)| all).sum();
        let rise = f64::from(link.value(prior_level + moved as f32) - link.value(prior_level));
        let slope = match link {
            Link::Identity => 1.0,
            Link::Logistic { .. } if moved.abs() < 1e-4 => f64::from(link.slope(prior_level)),
            Link::Logistic { .. } => rise / moved,
        };
        let told =
            |(all, taste): (f64, f64)| Share { all: (slope * all) as f32, taste: (slope * taste) as f32 };
        Parts {
            mean: link.value(*mean),
            item_bias: link.value(item_level) - link.value(*mean),
            prior: link.value(prior_level) - link.value(item_level),
            shares: shares.into_iter().map(told).collect(),
        }
    }
}

/// The link of a file; files without one have the identity.
fn restore_link(tensors: &mut Tensors) -> Result<Link> {
    if !tensors.has("link") {
        return Ok(Link::Identity);
    }
    let ends = tensors.take_vector("link", 2)?;
    if ends[1] > 0.0 {
        return Ok(Link::Logistic { min: ends[0], range: ends[1] });
    }
    Err(Error::unsupported(format!("tensor 'link' holds a scale with a range of {}", ends[1]), ""))
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

#[cfg(test)]
mod tests {
    use super::*;

    const STARS: Link = Link::Logistic { min: 1.0, range: 4.0 };

    /// Two users and four items with two factors.
    fn factors(link: Link) -> Factors {
        let users = Matrix::from_dense(2, 2, &[0.5, -0.2, 0.1, 0.9]);
        let counts = [3, 4];
        let user_bias = vec![0.1, -0.3];
        Factors {
            isa: Isa::detect(),
            link,
            mean: link.inverse(3.5),
            prior: Prior::of(&users, &user_bias, &counts, 0.7, true),
            users,
            items: Matrix::from_dense(4, 2, &[1.0, 0.3, -0.7, 0.4, 0.2, -1.1, 0.8, 0.8]),
            user_bias,
            item_bias: vec![0.2, -0.1, 0.0, 0.3],
            unseen_item: vec![0.0; 3],
        }
    }

    /// −2 log posterior of a user's vector and bias, up to a constant.
    fn energy(factors: &Factors, history: Row<'_>, place: &[f64]) -> f64 {
        let d = place.len();
        let off: Vec<f64> = place.iter().zip(&factors.prior.mean).map(|(p, &pi)| p - f64::from(pi)).collect();
        let penalty: f64 =
            (0..d * d).map(|at| off[at / d] * f64::from(factors.prior.precision[at]) * off[at % d]).sum();
        let place: Vec<f32> = place.iter().map(|&entry| entry as f32).collect();
        let residual = |rated: crate::data::ratings::Rated| {
            let z = factors.linear(&place[..d - 1], place[d - 1], rated.item);
            f64::from(rated.value - factors.link.value(z))
        };
        penalty + history.iter().map(|rated| residual(rated).powi(2)).sum::<f64>()
    }

    #[test]
    fn folding_in_ends_where_no_step_leads_lower() {
        let (items, values) = ([Item(0), Item(1), Item(3)], [5.0, 2.0, 4.0]);
        let history = Row::new(&items, &values);
        for link in [Link::Identity, STARS] {
            let factors = factors(link);
            let folded = factors.fold_in(history);
            let place: Vec<f64> =
                folded.factors.iter().chain([&folded.bias]).map(|&entry| f64::from(entry)).collect();
            let best = energy(&factors, history, &place);
            for coordinate in 0..place.len() {
                for step in [-0.05, 0.05] {
                    let mut moved = place.clone();
                    moved[coordinate] += step;
                    assert!(energy(&factors, history, &moved) > best, "{link:?} {coordinate} {step}");
                }
            }
        }
    }

    #[test]
    fn a_link_comes_back_from_the_tensors() {
        for link in [Link::Identity, STARS] {
            assert_eq!(Factors::restore(factors(link).tensors()).unwrap().link, link);
        }
        let mut tensors = factors(STARS).tensors();
        tensors.insert("link", &[2], vec![1.0, 0.0]);
        assert!(Factors::restore(tensors).is_err());
    }
}
