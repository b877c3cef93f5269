//! Neighbours: items or users whose vectors point the same way.

use cofactor_kernels as kernels;
use serde::Serialize;

use super::Recommender;
use crate::data::ids::{Item, RawId, User};
use crate::error::{Error, Result};
use crate::fit::factors::{Factors, Matrix};
use crate::fit::top;

/// Whoever has fewer training ratings is nobody's neighbour: their vectors say little.
pub const MIN_RATINGS: usize = 5;

/// An item or a user near another one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Neighbour<'a> {
    /// The raw id.
    pub id: RawId<'a>,
    /// The title, of an item that has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<&'a str>,
    /// From −1 to 1: the cosine of the angle between the two vectors, or what a model without vectors holds for similarity.
    pub similarity: f32,
    /// How many training ratings there are.
    pub ratings: usize,
}

impl Recommender {
    /// The `n` items most similar to one (by raw id or title): the cosine of their vectors q, or the model's own similarity, among the
    /// items with at least [`MIN_RATINGS`] training ratings. Cost: O(nk).
    pub fn similar_items(&self, item: &str, n: usize) -> Result<Vec<Neighbour<'_>>> {
        let item = self.item(item)?;
        let similarities = match self.file.model.similar_items(item) {
            Some(known) => known,
            None => {
                let factors = self.comparable()?;
                (0..).map(Item).zip(cosines(factors, &factors.items, item.index())).collect()
            }
        };
        let admitted = |other: Item| other != item && self.counts.items[other.index()] >= MIN_RATINGS;
        let neighbour = |(item, similarity): (Item, f32)| {
            let (named, ratings) = (self.named(item), self.counts.items[item.index()]);
            Neighbour { id: named.id, title: named.title, similarity, ratings }
        };
        let best = top::best(n, similarities.into_iter(), admitted);
        Ok(best.into_iter().map(neighbour).collect())
    }

    /// The `n` users most similar to one (by raw id): the cosine of their vectors p, or the model's own similarity, among the users
    /// with at least [`MIN_RATINGS`] training ratings. Cost: O(mk).
    pub fn similar_users(&self, user: &str, n: usize) -> Result<Vec<Neighbour<'_>>> {
        let user = self.known_user(RawId::Text(user)).ok_or_else(|| self.unknown_user(user))?;
        let similarities = match self.file.model.similar_users(user) {
            Some(known) => known,
            None => {
                let factors = self.comparable()?;
                (0..).map(User).zip(cosines(factors, &factors.users, user.index())).collect()
            }
        };
        let admitted = |other: User| other != user && self.counts.users[other.index()] >= MIN_RATINGS;
        let neighbour = |(user, similarity): (User, f32)| {
            let ratings = self.counts.users[user.index()];
            Neighbour { id: self.catalog().user_id(user), title: None, similarity, ratings }
        };
        let best = top::best(n, similarities.into_iter(), admitted);
        Ok(best.into_iter().map(neighbour).collect())
    }

    /// The factors, if there are any to compare.
    fn comparable(&self) -> Result<&Factors> {
        self.file.model.factors().filter(|factors| factors.k() > 0).ok_or_else(|| {
            let problem = format!("a '{}' model has no vectors to compare", self.file.algorithm);
            Error::unsupported(problem, "train a model with factors, such as 'mf', or 'knn' of that side")
        })
    }
}

/// The cosine of each row with one of them; not a number for a row of zeros, which points nowhere.
fn cosines(factors: &Factors, matrix: &Matrix, row: usize) -> Vec<f32> {
    let mut products = vec![0.0; matrix.rows()];
    kernels::dot_rows(factors.isa, matrix.row(row), matrix.as_slice(), &mut products);
    let norm = |row: &[f32]| kernels::dot(factors.isa, row, row).sqrt();
    let own = norm(matrix.row(row));
    for (other, product) in products.iter_mut().enumerate() {
        *product = (*product / (own * norm(matrix.row(other)))).clamp(-1.0, 1.0);
    }
    products
}
