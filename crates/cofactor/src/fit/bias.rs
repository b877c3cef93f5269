//! Means and biases: b_ui = μ + b_u + b_i, fitted by regularised least squares.

use super::model::{Query, Tensors};
use crate::data::ids::{Item, User};
use crate::data::ratings::{Rated, Ratings};
use crate::error::Result;

/// μ, b_u and b_i, with which
/// ```text
/// Σ_{(u,i)∈Ω} (r_ui − μ − b_u − b_i)² + λ_u Σ_u b_u² + λ_i Σ_i b_i²
/// ```
/// is made small. Whoever and whatever has no rating keeps a bias of zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Biases {
    /// μ.
    pub mean: f32,
    /// b_u, m entries.
    pub users: Vec<f32>,
    /// b_i, n entries.
    pub items: Vec<f32>,
}

impl Biases {
    /// The mean rating, and every bias at zero.
    pub fn start(train: &Ratings) -> Self {
        Self { mean: train.mean() as f32, users: vec![0.0; train.users()], items: vec![0.0; train.items()] }
    }

    /// Solves for all items with the users fixed, then for all users with the items fixed. The error shrinks by a constant factor a
    /// sweep. Cost: O(N).
    pub fn sweep(&mut self, train: &Ratings, reg_user: f64, reg_item: f64) {
        self.solve_items(reg_item, train);
        for (user, row) in train.rows() {
            self.users[user.index()] = self.of_newcomer(row.iter(), reg_user);
        }
    }

    fn solve_items(&mut self, reg_item: f64, train: &Ratings) {
        let mut sums = vec![0.0_f64; train.items()];
        let mut counts = vec![0.0_f64; train.items()];
        for (user, row) in train.rows() {
            let level = self.mean + self.users[user.index()];
            for rated in row.iter() {
                sums[rated.item.index()] += f64::from(rated.value - level);
                counts[rated.item.index()] += 1.0;
            }
        }
        for ((bias, sum), count) in self.items.iter_mut().zip(sums).zip(counts) {
            *bias = shrunk(sum, count, reg_item);
        }
    }

    /// The bias of a user with these ratings, the items fixed: Σ_i (r_ui − μ − b_i) / (λ_u + n_u).
    pub fn of_newcomer(&self, history: impl ExactSizeIterator<Item = Rated>, reg_user: f64) -> f32 {
        let count = history.len() as f64;
        let residual = |rated: Rated| f64::from(rated.value - self.mean - self.items[rated.item.index()]);
        shrunk(history.map(residual).sum(), count, reg_user)
    }

    /// b_ui. The bias of somebody or something unknown is zero.
    pub fn level(&self, user: Option<User>, item: Option<Item>) -> f32 {
        let user = user.map_or(0.0, |user| self.users[user.index()]);
        self.mean + user + item.map_or(0.0, |item| self.items[item.index()])
    }

    /// b_ui of a query.
    pub fn predict(&self, query: Query) -> f32 {
        self.level(query.user, query.item)
    }

    /// The root mean squared residual of the training part.
    pub fn rmse(&self, train: &Ratings) -> f64 {
        let residual = |user, item, value: f32| f64::from(value - self.level(Some(user), Some(item)));
        let squares: f64 = train.iter().map(|r| residual(r.user, r.item, r.value).powi(2)).sum();
        (squares / train.len().max(1) as f64).sqrt()
    }

    /// Adds the arrays to a model's tensors.
    pub fn save(&self, tensors: &mut Tensors) {
        tensors.insert("mean", &[1], vec![self.mean]);
        tensors.insert("user_bias", &[self.users.len()], self.users.clone());
        tensors.insert("item_bias", &[self.items.len()], self.items.clone());
    }

    /// The reverse of [`Self::save`], for the users and items of `train`.
    pub fn restore(tensors: &mut Tensors, train: &Ratings) -> Result<Self> {
        Ok(Self {
            mean: tensors.take_vector("mean", 1)?[0],
            users: tensors.take_vector("user_bias", train.users())?,
            items: tensors.take_vector("item_bias", train.items())?,
        })
    }
}

fn shrunk(sum: f64, count: f64, reg: f64) -> f32 {
    if count == 0.0 { 0.0 } else { (sum / (reg + count)) as f32 }
}
