//! Models that add up, for each item that somebody has taken, what it says of the others: x̂_ui = Σ_{j∈N(u)} B_ji.

use super::factors::{Factors, Matrix};
use super::model::{Model, Newcomer, Parts, Query, Share, Tensors};
use super::neighbours::Lists;
use super::taken::is_taken;
use crate::data::ids::{Item, User};
use crate::data::ratings::{Ratings, Row, Time};
use crate::error::{Error, Result};

/// B: what each item says of the others.
pub trait ItemWeights: Send + Sync {
    /// Adds the row of item j to `out`, n entries.
    fn add(&self, item: usize, out: &mut [f32]);

    /// B_ji.
    fn weight(&self, item: usize, other: usize) -> f32;

    /// The other items of which item j says something, if there are few.
    fn others(&self, item: usize) -> Option<Vec<(Item, f32)>>;

    /// Adds what is stored.
    fn save(&self, tensors: &mut Tensors);
}

/// B in full: n rows, of which the first n entries count.
#[derive(Debug, Clone)]
pub struct Dense(pub Matrix);

impl Dense {
    fn row(&self, item: usize) -> &[f32] {
        &self.0.row(item)[..self.0.rows()]
    }

    /// The reverse of [`ItemWeights::save`].
    pub fn restore(tensors: &mut Tensors, items: usize) -> Result<Self> {
        let ([rows, columns], weights) = tensors.take("weights")?;
        if rows != items || columns != items {
            let problem = format!("tensor 'weights' is {rows} by {columns}, for {items} items");
            return Err(Error::unsupported(problem, ""));
        }
        Ok(Self(Matrix::from_dense(items, items, &weights)))
    }
}

impl ItemWeights for Dense {
    fn add(&self, item: usize, out: &mut [f32]) {
        for (sum, weight) in out.iter_mut().zip(self.row(item)) {
            *sum += weight;
        }
    }

    fn weight(&self, item: usize, other: usize) -> f32 {
        self.row(item)[other]
    }

    fn others(&self, item: usize) -> Option<Vec<(Item, f32)>> {
        Some((0..).map(Item).zip(self.row(item).iter().copied()).collect())
    }

    fn save(&self, tensors: &mut Tensors) {
        let n = self.0.rows();
        let entries = (0..n).flat_map(|item| self.row(item).iter().copied()).collect();
        tensors.insert("weights", &[n, n], entries);
    }
}

impl ItemWeights for Lists<f32> {
    fn add(&self, item: usize, out: &mut [f32]) {
        let (others, weights) = self.list(item);
        for (&other, weight) in others.iter().zip(weights) {
            out[other as usize] += weight;
        }
    }

    fn weight(&self, item: usize, other: usize) -> f32 {
        let (others, weights) = self.list(item);
        others.binary_search(&(other as u32)).map_or(0.0, |at| weights[at])
    }

    fn others(&self, item: usize) -> Option<Vec<(Item, f32)>> {
        let (others, weights) = self.list(item);
        Some(others.iter().map(|&other| Item(other)).zip(weights.iter().copied()).collect())
    }

    fn save(&self, tensors: &mut Tensors) {
        Self::save(self, tensors);
    }
}

/// Such a model. Users have no parameters: a trained user and a newcomer with the same items are answered alike.
#[derive(Debug, Clone)]
pub struct Linear<W> {
    /// B.
    pub weights: W,
    /// The training ratings.
    pub train: Ratings,
    /// θ: which of them, and of a newcomer's, count as taken.
    pub implicit_from: f64,
}

impl<W: ItemWeights> Linear<W> {
    /// The items that count, with their places in the row.
    fn taken<'r>(&self, row: Row<'r>) -> impl Iterator<Item = (usize, Item)> + 'r {
        let from = self.implicit_from;
        row.iter()
            .enumerate()
            .filter_map(move |(at, rated)| is_taken(rated.value, from).then_some((at, rated.item)))
    }

    fn score_all(&self, row: Row<'_>, out: &mut [f32]) {
        out.fill(0.0);
        for (_, item) in self.taken(row) {
            self.weights.add(item.index(), out);
        }
    }
}

impl<W: ItemWeights> Model for Linear<W> {
    fn predict(&self, query: Query) -> f32 {
        let (Some(user), Some(item)) = (query.user, query.item) else { return 0.0 };
        let taken = self.taken(self.train.row(user));
        taken.map(|(_, other)| self.weights.weight(other.index(), item.index())).sum()
    }

    fn predict_all(&self, user: Option<User>, _time: Option<Time>, out: &mut [f32]) {
        self.score_all(user.map_or(Row::new(&[], &[]), |user| self.train.row(user)), out);
    }

    fn factors(&self) -> Option<&Factors> {
        None
    }

    fn fold_in<'a>(&'a self, history: Row<'a>) -> Option<Box<dyn Newcomer + 'a>> {
        Some(Box::new(Taker { model: self, history }))
    }

    fn similar_items(&self, item: Item) -> Option<Vec<(Item, f32)>> {
        self.weights.others(item.index())
    }

    fn tensors(&self) -> Tensors {
        let mut tensors = Tensors::default();
        self.weights.save(&mut tensors);
        tensors
    }

    fn dimensions(&self) -> Option<(usize, usize)> {
        Some((self.train.users(), self.train.items()))
    }
}

/// Somebody with their items.
struct Taker<'a, W> {
    model: &'a Linear<W>,
    history: Row<'a>,
}

impl<W: ItemWeights> Newcomer for Taker<'_, W> {
    fn score_all(&self, out: &mut [f32]) {
        self.model.score_all(self.history, out);
    }

    fn parts(&self, item: Item) -> Parts {
        let mut shares = vec![Share { all: 0.0, taste: 0.0 }; self.history.len()];
        for (at, other) in self.model.taken(self.history) {
            let adds = self.model.weights.weight(other.index(), item.index());
            shares[at] = Share { all: adds, taste: adds };
        }
        Parts { mean: 0.0, item_bias: 0.0, prior: 0.0, shares }
    }
}
