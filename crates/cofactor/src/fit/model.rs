//! What a fit returns.

use std::collections::BTreeMap;

use super::factors::Factors;
use crate::data::ids::{Item, User};
use crate::data::ratings::{Row, Time};
use crate::error::{Error, Result};

/// A question to a model. `None` stands for somebody or something that training never saw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Query {
    /// Who.
    pub user: Option<User>,
    /// What.
    pub item: Option<Item>,
    /// When; models without time ignore it.
    pub time: Option<Time>,
}

/// A fitted model. It may be asked about every index of its catalogue; those without a training rating are
/// answered like unknown ones.
pub trait Model: Send + Sync {
    /// The predicted rating, not clipped to the scale. Cost: O(k).
    fn predict(&self, query: Query) -> f32;

    /// The predictions for all n items, in the order of their indices. `out` has n entries. Cost: O(nk).
    fn predict_all(&self, user: Option<User>, time: Option<Time>, out: &mut [f32]);

    /// The model as biases and one inner product, if it is one: for top-N and similarity.
    fn factors(&self) -> Option<&Factors>;

    /// A new user's vector from a few ratings, with everything else fixed; `None` if the model has no such thing.
    fn fold_in(&self, history: Row<'_>) -> Option<Folded>;

    /// All that has been learned, as named arrays, for the model file.
    fn tensors(&self) -> Tensors;

    /// For how many users and items it was made: m and n, which a model file compares with its ids. A model without
    /// factors must say it itself.
    fn dimensions(&self) -> Option<(usize, usize)> {
        self.factors().map(|factors| (factors.users.rows(), factors.items.rows()))
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

/// Named arrays of one model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tensors(pub BTreeMap<String, Tensor>);

/// An array of f32, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// The length of each dimension.
    pub shape: Vec<usize>,
    /// The entries; as many as the product of the shape.
    pub data: Vec<f32>,
}

impl Tensors {
    /// Adds an array.
    ///
    /// # Panics
    /// When the shape and the number of entries differ: an error of the algorithm.
    pub fn insert(&mut self, name: &str, shape: &[usize], data: Vec<f32>) {
        assert_eq!(shape.iter().product::<usize>(), data.len(), "tensor '{name}' has another shape");
        self.0.insert(name.to_owned(), Tensor { shape: shape.to_owned(), data });
    }

    /// Takes an array out that must have that many dimensions.
    pub fn take<const D: usize>(&mut self, name: &str) -> Result<([usize; D], Vec<f32>)> {
        let Some(tensor) = self.0.remove(name) else {
            return Err(Error::unsupported(format!("the model has no tensor '{name}'"), ""));
        };
        let Ok(shape) = <[usize; D]>::try_from(tensor.shape.as_slice()) else {
            let problem = format!("tensor '{name}' has {} dimensions, not {D}", tensor.shape.len());
            return Err(Error::unsupported(problem, ""));
        };
        Ok((shape, tensor.data))
    }

    /// Takes a vector out that must have that length.
    pub fn take_vector(&mut self, name: &str, len: usize) -> Result<Vec<f32>> {
        let ([found], data) = self.take(name)?;
        if found == len {
            return Ok(data);
        }
        Err(Error::unsupported(format!("tensor '{name}' has {found} entries, not {len}"), ""))
    }
}
