//! Rows that are a vector of their own and the sum of a set: p_u + z_u for users, q_i + w_i for items.
//!
//! The set of a user is what the user rated, N(u); that of an item is who rated it, U(i). Every row gives one vector to the sets of
//! the other side that it is in: an item j gives y_j, a user v gives x_v.
//! ```text
//! z_u = s_u·|N(u)|^−½ Σ_{j∈N(u)} y_j        w_i = s_i·|U(i)|^−½ Σ_{v∈U(i)} x_v
//! ```
//! The biases are one more coordinate of all these vectors, kept beside them.

use cofactor_kernels::{Isa, Link, shift_rows, sum_rows};
use rand_distr::{Distribution, StandardNormal};
use rayon::ThreadPool;

use super::factors::{Factors, Matrix, Prior, mean_of_rows};
use super::model::Query;
use super::rng::{Purpose, stream};
use super::run::Run;
use super::sweep::rows;
use crate::data::ids::{Item, User};
use crate::data::ratings::Ratings;

/// The ratings seen from one side.
#[derive(Debug, Clone, Copy)]
pub enum View<'a> {
    /// A row is a user, its mates are items.
    ByUser(&'a Ratings),
    /// A row is an item, its mates are users.
    ByItem(&'a Ratings),
}

impl<'a> View<'a> {
    /// How many ratings each row has.
    pub fn counts(self) -> Vec<usize> {
        match self {
            Self::ByUser(ratings) => ratings.user_counts().collect(),
            Self::ByItem(ratings) => ratings.item_counts(),
        }
    }

    /// The mates of a row, increasing, and its ratings.
    pub fn row(self, row: usize) -> (&'a [u32], &'a [f32]) {
        match self {
            Self::ByUser(ratings) => {
                let row = ratings.row(User(row as u32));
                (bytemuck::cast_slice(row.items), row.values)
            }
            Self::ByItem(ratings) => {
                let (users, values) = ratings.by_item().column(Item(row as u32));
                (bytemuck::cast_slice(users), values)
            }
        }
    }
}

/// All that is learned of one side. Memory: 3 padded rows of k entries for each user or item.
#[derive(Debug, Clone)]
pub struct Side {
    /// p_u or q_i.
    pub own: Matrix,
    /// b_u or b_i.
    pub own_bias: Vec<f32>,
    /// What a row gives to the sets that it is in: x_v or y_j.
    pub gift: Matrix,
    /// The gifts' biases.
    pub gift_bias: Vec<f32>,
    /// z_u or w_i.
    pub set: Matrix,
    /// The biases of the sets.
    pub set_bias: Vec<f32>,
    /// How many ratings each row has.
    pub counts: Vec<usize>,
    /// What multiplies the penalty of a row: (n̄/n)^ν for its n ratings, n̄ the mean of n over the rows that have any.
    pub weight: Vec<f32>,
    /// s, how strongly a set counts.
    pub strength: f32,
}

impl Side {
    /// A side at its start: normal noise of that spread in the own vectors of the rows with ratings, everything else at zero.
    pub fn start(counts: Vec<usize>, k: usize, spread: f64, purpose: Purpose, run: &Run<'_>) -> Self {
        let n = counts.len();
        let mut own = Matrix::zeros(n, k);
        let seed = run.seed();
        rows(run.pool(), &mut own, |row, entries| {
            if counts[row] > 0 {
                let mut stream = stream(seed, purpose, row as u64);
                for entry in &mut entries[..k] {
                    let noise: f64 = StandardNormal.sample(&mut stream);
                    *entry = (spread * noise) as f32;
                }
            }
        });
        Self {
            own,
            own_bias: vec![0.0; n],
            gift: Matrix::zeros(n, k),
            gift_bias: vec![0.0; n],
            set: Matrix::zeros(n, k),
            set_bias: vec![0.0; n],
            counts,
            weight: vec![1.0; n],
            strength: 0.0,
        }
    }

    /// With sets of that strength, and penalties weighed by that power of n̄/n.
    #[must_use]
    pub fn with(mut self, strength: f64, power: f64) -> Self {
        let counts = &self.counts;
        let rated = counts.iter().filter(|&&count| count > 0).count();
        let mean = counts.iter().sum::<usize>() as f64 / rated.max(1) as f64;
        self.weight = counts.iter().map(|&n| libm::pow(mean / n.max(1) as f64, power) as f32).collect();
        self.strength = strength as f32;
        self
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.own.rows()
    }

    /// Whether every number is finite.
    pub fn is_finite(&self) -> bool {
        let biases = self.own_bias.iter().chain(&self.gift_bias).chain(&self.set_bias);
        let vectors = [&self.own, &self.gift, &self.set];
        vectors.iter().all(|matrix| matrix.is_finite()) && biases.into_iter().all(|bias| bias.is_finite())
    }

    /// Sums the set of one row anew, from what its members give now; returns the sum.
    pub fn build_set(&mut self, isa: Isa, row: usize, members: &[u32], mates: &Self) -> Before {
        let strength = self.strength;
        sum_set(isa, strength, members, mates, self.set.row_mut(row));
        self.set_bias[row] = set_bias(strength, members, mates);
        Before { set: self.set.row(row).to_vec(), bias: self.set_bias[row] }
    }

    /// Moves what the members of a row's set give, after the row's ratings have moved the sum itself from where it was `before`.
    ///
    /// In n moves z ← κz + … of the sum each member would have moved by y ← κy + … n times too, always by the same pull: it ends at
    /// κⁿ·y + (z − κⁿ·z°)/(s·√n). `keep` is κ of the vectors and of the biases.
    pub fn hand_over(
        &self,
        isa: Isa,
        row: usize,
        members: &[u32],
        before: &Before,
        keep: (f32, f32),
        mates: &mut Self,
    ) {
        let n = members.len();
        let kept = |keep: f32| f64::from(keep).powi(n as i32) as f32;
        let (kept, bias_kept) = (kept(keep.0), kept(keep.1));
        let share = 1.0 / (self.strength * (n as f32).sqrt());
        let moves = self.set.row(row).iter().zip(&before.set);
        let by: Vec<f32> = moves.map(|(now, before)| share * (now - kept * before)).collect();
        shift_rows(isa, members, kept, &by, mates.gift.as_mut_slice());
        let by = share * (self.set_bias[row] - bias_kept * before.bias);
        for &member in members {
            let bias = &mut mates.gift_bias[member as usize];
            *bias = bias_kept * *bias + by;
        }
    }

    /// Sums all sets anew, on all threads.
    pub fn build_sets(&mut self, view: View<'_>, mates: &Self, run: &Run<'_>) {
        let (strength, isa) = (self.strength, run.isa());
        rows(run.pool(), &mut self.set, |row, sum| sum_set(isa, strength, view.row(row).0, mates, sum));
        for (row, bias) in self.set_bias.iter_mut().enumerate() {
            *bias = set_bias(strength, view.row(row).0, mates);
        }
    }

    /// The vector of a row, its own and its set's; k entries with their padding.
    pub fn sum(&self, row: usize) -> impl Iterator<Item = f32> + '_ {
        self.own.row(row).iter().zip(self.set.row(row)).map(|(own, set)| own + set)
    }

    /// The bias of a row, its own and its set's.
    pub fn bias(&self, row: usize) -> f32 {
        self.own_bias[row] + self.set_bias[row]
    }

    /// The vectors and the biases of all rows.
    pub fn sums(&self, pool: &ThreadPool) -> (Matrix, Vec<f32>) {
        let mut sums = Matrix::zeros(self.own.rows(), self.own.columns());
        rows(pool, &mut sums, |row, entries| {
            entries.iter_mut().zip(self.sum(row)).for_each(|(entry, sum)| *entry = sum);
        });
        (sums, (0..self.own.rows()).map(|row| self.bias(row)).collect())
    }
}

/// The sum of a set, vector and bias, as it was once.
pub struct Before {
    set: Vec<f32>,
    bias: f32,
}

fn sum_set(isa: Isa, strength: f32, members: &[u32], mates: &Side, sum: &mut [f32]) {
    sum_rows(isa, members, mates.gift.as_slice(), sum);
    let scale = scale(strength, members);
    for entry in sum {
        *entry *= scale;
    }
}

fn set_bias(strength: f32, members: &[u32], mates: &Side) -> f32 {
    let sum: f32 = members.iter().map(|&member| mates.gift_bias[member as usize]).sum();
    sum * scale(strength, members)
}

/// s·n^−½; an empty set is zero whatever it is scaled by.
fn scale(strength: f32, members: &[u32]) -> f32 {
    strength / (members.len().max(1) as f32).sqrt()
}

/// r̂ = μ + biases + (p_u + z_u)ᵀ(q_i + w_i) while the sides are still being learned; who and what is unknown counts as zero.
pub fn predict(mean: f32, users: &Side, items: &Side, query: Query) -> f32 {
    let (user, item) = (query.user.map(User::index), query.item.map(Item::index));
    let product = match (user, item) {
        (Some(user), Some(item)) => users.sum(user).zip(items.sum(item)).map(|(a, b)| a * b).sum(),
        _ => 0.0,
    };
    let biases = user.map_or(0.0, |user| users.bias(user)) + item.map_or(0.0, |item| items.bias(item));
    mean + biases + product
}

/// The learned model of two sides. A user or an item without ratings stands where the learned ones stand on average.
pub fn model(mean: f32, users: &Side, items: &Side, run: &Run<'_>) -> Factors {
    let (mut p, mut user_bias) = users.sums(run.pool());
    let (mut q, mut item_bias) = items.sums(run.pool());
    // The variance of a rating around its prediction.
    let noise = run.epochs().last().map_or(1.0, |epoch| epoch.train_rmse.powi(2));
    let prior = Prior::of(&p, &user_bias, &users.counts, noise, true);
    let unseen_item = mean_of_rows(&q, &item_bias, &items.counts);
    fill_unseen(&mut p, &mut user_bias, &users.counts, &prior.mean);
    fill_unseen(&mut q, &mut item_bias, &items.counts, &unseen_item);
    Factors {
        isa: run.isa(),
        link: Link::Identity,
        mean,
        users: p,
        items: q,
        user_bias,
        item_bias,
        prior,
        unseen_item,
    }
}

fn fill_unseen(matrix: &mut Matrix, bias: &mut [f32], counts: &[usize], mean: &[f32]) {
    let k = matrix.columns();
    for (row, _) in counts.iter().enumerate().filter(|&(_, &count)| count == 0) {
        matrix.row_mut(row)[..k].copy_from_slice(&mean[..k]);
        bias[row] = mean[k];
    }
}
