//! A model as biases and one inner product: r̂_ui = g(z_ui), z_ui = μ + b_u + b_i + p_uᵀq_i, with g the [`Link`].
//!
//! P is m×k and Q is n×k, row-major f32, each row padded with zeros ([`kernels::padded`]) so that kernels need no tail.

pub(crate) mod best;
mod matrix;
mod memory;
mod newcomer;
mod prior;

use cofactor_kernels::{self as kernels, Isa, Link};

pub use matrix::{Matrix, mean_of_rows};
pub use prior::{Prior, cholesky, cholesky_solve};
use rayon::prelude::*;

use super::model::{Model, Newcomer, Query, Tensors};
use crate::data::ids::{Item, User};
use crate::data::ratings::{Row, Time};
use crate::error::{Error, Result};

/// So many items are scored at a time: their scores stay in the first-level cache until the biases are added.
const PART: usize = 4_096;
/// From so many items on, handing parts to other threads takes less time than it saves.
const LARGE: usize = 1 << 16;

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

    /// The predictions for all items by a user's vector (k entries) and bias; `out` has n entries. Of a large catalogue, the threads of the pool that this is called in take parts; outside of a
    /// pool one thread does it all.
    pub fn score_all(&self, factors: &[f32], bias: f32, out: &mut [f32]) {
        let vector = self.padded(factors);
        let score = |(part, out): (usize, &mut [f32])| {
            let items = part * PART..part * PART + out.len();
            let stride = self.items.stride();
            let rows = &self.items.as_slice()[items.start * stride..items.end * stride];
            kernels::dot_rows(self.isa, &vector, rows, out);
            for (score, item_bias) in out.iter_mut().zip(&self.item_bias[items]) {
                *score = self.link.value(*score + (self.mean + bias + item_bias));
            }
        };
        if out.len() >= LARGE && rayon::current_thread_index().is_some() {
            out.par_chunks_mut(PART).enumerate().for_each(score);
        } else {
            out.chunks_mut(PART).enumerate().for_each(score);
        }
    }

    /// One entry of [`Self::predict_all`], with the same bits.
    pub(crate) fn score(&self, user: User, item: Item) -> f32 {
        let (user, item) = (user.index(), item.index());
        let product = kernels::dot(self.isa, self.users.row(user), self.items.row(item));
        self.link.value(product + (self.mean + self.user_bias[user] + self.item_bias[item]))
    }

    fn padded(&self, vector: &[f32]) -> Vec<f32> {
        let mut padded = vec![0.0; self.items.stride()];
        padded[..vector.len()].copy_from_slice(vector);
        padded
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
        Some(Box::new(self.folded(history)))
    }

    fn tensors(&self) -> Tensors {
        self.tensors()
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
