//! What a fit returns.

use std::collections::BTreeMap;

use super::factors::Factors;
use super::outlook::Outlook;
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

/// How many users are asked about together by [`Model::predict_many`].
pub(crate) const TOGETHER: usize = 32;

/// A fitted model. It may be asked about every index of its catalogue; those without a training rating are
/// answered like unknown ones.
pub trait Model: Send + Sync {
    /// The predicted rating, not clipped to the scale. Cost: O(k).
    fn predict(&self, query: Query) -> f32;

    /// The predictions for all n items, in the order of their indices. `out` has n entries. Cost: O(nk).
    fn predict_all(&self, user: Option<User>, time: Option<Time>, out: &mut [f32]);

    /// The same for some users, without a time, with the same bits: a row of n entries of `out` for each.
    fn predict_many(&self, users: &[User], out: &mut [f32]) {
        let n = (out.len() / users.len().max(1)).max(1);
        for (&user, row) in users.iter().zip(out.chunks_exact_mut(n)) {
            self.predict_all(Some(user), None, row);
        }
    }

    /// Whether one prediction costs as much as those for all items: who wants many then asks by [`Self::predict_many`]. Such a model ignores times.
    fn whole_rows(&self) -> bool {
        false
    }

    /// How sure the model is of its prediction; `None` for a model that does not say so.
    fn outlook(&self, _query: Query) -> Option<Outlook> {
        None
    }

    /// The model as biases and one inner product, if it is one: for top-N and similarity.
    fn factors(&self) -> Option<&Factors>;

    /// Somebody who is not in the model, made from a few ratings with everything else fixed; `None` if the model has no such thing.
    fn fold_in<'a>(&'a self, history: Row<'a>) -> Option<Box<dyn Newcomer + 'a>>;

    /// The items that the model itself holds similar to one, and how similar from −1 to 1; `None` if it says so by its factors, or not at all.
    fn similar_items(&self, _item: Item) -> Option<Vec<(Item, f32)>> {
        None
    }

    /// The same for users.
    fn similar_users(&self, _user: User) -> Option<Vec<(User, f32)>> {
        None
    }

    /// All that has been learned, as named arrays, for the model file. The training ratings are kept beside them.
    fn tensors(&self) -> Tensors;

    /// How the biases of the items drift, if the model has such a thing: for pictures.
    fn item_drift(&self) -> Option<ItemDrift<'_>> {
        None
    }

    /// Numbers that were drawn again and again while it was fitted, if it was made of samples: for pictures of how its chains agree.
    fn traces(&self) -> Vec<Trace> {
        Vec::new()
    }

    /// For how many users and items it was made: m and n, which a model file compares with its ids. A model without
    /// factors must say it itself.
    fn dimensions(&self) -> Option<(usize, usize)> {
        self.factors().map(|factors| (factors.users.rows(), factors.items.rows()))
    }
}

/// How the items' biases drift over the training span, which is cut into bins.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemDrift<'a> {
    /// Where each bin begins, and where the last one ends.
    pub bounds: Vec<Time>,
    /// What is added to each item's bias in each bin, item by item; zero where it was not rated.
    pub biases: &'a [f32],
}

/// A number that chains of samples drew after each sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// What it is.
    pub name: String,
    /// The first sweeps of each chain, whose samples do not count.
    pub burn_in: usize,
    /// For each chain the number after each sweep.
    pub chains: Vec<Vec<f32>>,
}

/// Somebody who came with a few ratings after training.
pub trait Newcomer {
    /// The predictions for all n items, in the order of their indices. `out` has n entries.
    fn score_all(&self, out: &mut [f32]);

    /// The prediction for one item in its parts, which add up to it.
    fn parts(&self, item: Item) -> Parts;

    /// How sure the model is of the prediction for one item; `None` for a model that does not say so.
    fn outlook(&self, _item: Item) -> Option<Outlook> {
        None
    }
}

/// A predicted rating in its parts, in units of the ratings.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// What is predicted for all users and items alike: μ.
    pub mean: f32,
    /// What the item adds for everybody: b_i.
    pub item_bias: f32,
    /// What is added for somebody who has rated nothing.
    pub prior: f32,
    /// What each rating of the history adds, in its order.
    pub shares: Vec<Share>,
}

/// What one rating of a history adds to a predicted rating.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// All of it.
    pub all: f32,
    /// The part that is owed to the item in question; the rest tells how generously the user rates.
    pub taste: f32,
}

impl Parts {
    /// The prediction.
    pub fn sum(&self) -> f32 {
        self.mean + self.item_bias + self.prior + self.shares.iter().map(|share| share.all).sum::<f32>()
    }
}

/// Named arrays of one model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tensors(pub BTreeMap<String, Tensor>);

/// An array, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// The length of each dimension.
    pub shape: Vec<usize>,
    /// The entries; as many as the product of the shape.
    pub data: Data,
}

/// The entries of a tensor.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Numbers.
    F32(Vec<f32>),
    /// Indices and counts.
    U32(Vec<u32>),
    /// Numbers in half the memory: the upper halves of f32, bfloat16.
    Half(Vec<u16>),
}

impl Data {
    /// The entries' bytes in memory, to compare two models by.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::F32(data) => bytemuck::cast_slice(data),
            Self::U32(data) => bytemuck::cast_slice(data),
            Self::Half(data) => bytemuck::cast_slice(data),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::F32(data) => data.len(),
            Self::U32(data) => data.len(),
            Self::Half(data) => data.len(),
        }
    }
}

impl Tensors {
    /// Adds an array of numbers.
    ///
    /// # Panics
    /// When the shape and the number of entries differ: an error of the algorithm.
    pub fn insert(&mut self, name: &str, shape: &[usize], data: Vec<f32>) {
        self.insert_data(name, shape, Data::F32(data));
    }

    /// Adds an array of bfloat16.
    ///
    /// # Panics
    /// As [`Self::insert`].
    pub fn insert_halves(&mut self, name: &str, shape: &[usize], data: Vec<u16>) {
        self.insert_data(name, shape, Data::Half(data));
    }

    /// Adds a vector of indices or counts.
    pub fn insert_indices(&mut self, name: &str, data: Vec<u32>) {
        self.insert_data(name, &[data.len()], Data::U32(data));
    }

    fn insert_data(&mut self, name: &str, shape: &[usize], data: Data) {
        assert_eq!(shape.iter().product::<usize>(), data.len(), "tensor '{name}' has another shape");
        self.0.insert(name.to_owned(), Tensor { shape: shape.to_owned(), data });
    }

    /// Whether there is an array of that name.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Takes an array of numbers out that must have that many dimensions and hold nothing that is not finite.
    pub fn take<const D: usize>(&mut self, name: &str) -> Result<([usize; D], Vec<f32>)> {
        match self.take_data(name)? {
            (shape, Data::F32(data)) => match data.iter().position(|entry| !entry.is_finite()) {
                None => Ok((shape, data)),
                Some(at) => {
                    Err(Error::unsupported(format!("tensor '{name}' holds {} at {at}", data[at]), ""))
                }
            },
            _ => Err(Error::unsupported(format!("tensor '{name}' holds no f32"), "")),
        }
    }

    /// [`Self::take`] for an array of bfloat16.
    pub fn take_halves<const D: usize>(&mut self, name: &str) -> Result<([usize; D], Vec<u16>)> {
        const INFINITE: u16 = 0x7F80;
        match self.take_data(name)? {
            (shape, Data::Half(data)) => match data.iter().position(|half| half & INFINITE == INFINITE) {
                None => Ok((shape, data)),
                Some(at) => {
                    Err(Error::unsupported(format!("tensor '{name}' holds no finite number at {at}"), ""))
                }
            },
            _ => Err(Error::unsupported(format!("tensor '{name}' holds no bfloat16"), "")),
        }
    }

    /// Takes a vector of numbers out that must have that length.
    pub fn take_vector(&mut self, name: &str, len: usize) -> Result<Vec<f32>> {
        let ([found], data) = self.take(name)?;
        expect_len(name, found, len).map(|()| data)
    }

    /// Takes a vector of indices out, each of which must be below `bound`.
    pub fn take_indices(&mut self, name: &str, bound: usize) -> Result<Vec<u32>> {
        match self.take_data::<1>(name)? {
            (_, Data::U32(data)) => match data.iter().position(|&index| index as usize >= bound) {
                None => Ok(data),
                Some(at) => {
                    let problem = format!("tensor '{name}' holds {} at {at}, not below {bound}", data[at]);
                    Err(Error::unsupported(problem, ""))
                }
            },
            _ => Err(Error::unsupported(format!("tensor '{name}' holds no u32"), "")),
        }
    }

    fn take_data<const D: usize>(&mut self, name: &str) -> Result<([usize; D], Data)> {
        let Some(tensor) = self.0.remove(name) else {
            return Err(Error::unsupported(format!("the model has no tensor '{name}'"), ""));
        };
        let Ok(shape) = <[usize; D]>::try_from(tensor.shape.as_slice()) else {
            let problem = format!("tensor '{name}' has {} dimensions, not {D}", tensor.shape.len());
            return Err(Error::unsupported(problem, ""));
        };
        Ok((shape, tensor.data))
    }
}

fn expect_len(name: &str, found: usize, len: usize) -> Result<()> {
    if found == len {
        return Ok(());
    }
    Err(Error::unsupported(format!("tensor '{name}' has {found} entries, not {len}"), ""))
}
