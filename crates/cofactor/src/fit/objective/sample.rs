//! A small world to evaluate an objective in: a few users and items, who rated what, and a value for each letter.

use std::collections::BTreeMap;

use super::expression::{Set, Shape, Symbol};
use crate::data::ratings::{Duplicates, Ratings, RatingsBuilder};
use crate::fit::factors::Factors;

/// Values for all letters, by letter and indices.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// k.
    pub k: usize,
    /// m.
    pub users: usize,
    /// n.
    pub items: usize,
    /// Who rated what, by user and then by item; everybody and everything has a rating.
    pub rated: Vec<(usize, usize)>,
    values: BTreeMap<(String, Vec<usize>), Vec<f64>>,
}

/// Which row each index stands for, such as u = 0 and i = 2.
pub type Binding = Vec<(char, usize)>;

impl Sample {
    /// A world without values.
    pub fn new(k: usize, users: usize, items: usize, rated: Vec<(usize, usize)>) -> Self {
        Self { k, users, items, rated, values: BTreeMap::new() }
    }

    /// How many numbers a letter stands for.
    pub fn length(&self, symbol: &Symbol) -> usize {
        if symbol.shape == Shape::Vector { self.k } else { 1 }
    }

    /// The value of a letter in these rows. It goes by its name with the side of each index: `"p_u"`, `"b_i"` for b_j too, `"r_ui"`, `"λ_b"`.
    pub fn get(&self, letter: &str, at: &[usize]) -> Option<&[f64]> {
        self.values.get(&(letter.to_owned(), at.to_owned())).map(Vec::as_slice)
    }

    /// The value of a letter that is one number; 0 for a letter that does not occur.
    pub fn number(&self, letter: &str, at: &[usize]) -> f64 {
        self.get(letter, at).map_or(0.0, |value| value[0])
    }

    /// Gives a letter its value.
    pub fn set(&mut self, letter: &str, at: &[usize], value: Vec<f64>) {
        self.values.insert((letter.to_owned(), at.to_owned()), value);
    }

    /// Gives the factors and biases of a model their values; those of letters that do not occur stay.
    pub fn fill_factors(&self, factors: &mut Factors) {
        for row in 0..self.users {
            self.fill("p_u", row, factors.users.row_mut(row));
            self.fill("b_u", row, &mut factors.user_bias[row..=row]);
        }
        for row in 0..self.items {
            self.fill("q_i", row, factors.items.row_mut(row));
            self.fill("b_i", row, &mut factors.item_bias[row..=row]);
        }
        factors.mean = self.number("μ", &[]) as f32;
    }

    /// Takes the factors and biases of a model back.
    pub fn take_factors(&mut self, factors: &Factors) {
        for row in 0..self.users {
            self.take("p_u", row, factors.users.row(row));
            self.take("b_u", row, &factors.user_bias[row..=row]);
        }
        for row in 0..self.items {
            self.take("q_i", row, factors.items.row(row));
            self.take("b_i", row, &factors.item_bias[row..=row]);
        }
    }

    /// Writes a value into a row of f32, as a kernel takes it; nothing for a letter that does not occur.
    pub fn fill(&self, letter: &str, at: usize, row: &mut [f32]) {
        let value = self.get(letter, &[at]).unwrap_or_default();
        row.iter_mut().zip(value).for_each(|(entry, &value)| *entry = value as f32);
    }

    /// Takes a value back from a row of f32.
    pub fn take(&mut self, letter: &str, at: usize, row: &[f32]) {
        if let Some(value) = self.values.get_mut(&(letter.to_owned(), vec![at])) {
            value.iter_mut().zip(row).for_each(|(value, &entry)| *value = f64::from(entry));
        }
    }

    /// All letters with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[usize], &[f64])> {
        self.values.iter().map(|((letter, at), value)| (letter.as_str(), at.as_slice(), value.as_slice()))
    }

    /// The members of a set: for each, which rows its indices stand for.
    pub fn members(&self, set: Set, bound: &Binding) -> Vec<Binding> {
        let row = |index: char| bound.iter().rev().find(|(name, _)| *name == index).map(|(_, row)| *row);
        let pair = |&(u, i): &(usize, usize)| vec![('u', u), ('i', i)];
        let one = |letter: &str, row: usize| letter.chars().map(|index| (index, row)).collect::<Binding>();
        match set {
            Set::Ratings => self.rated.iter().map(pair).collect(),
            Set::Pairs => self.cells().iter().map(pair).collect(),
            Set::Triples => {
                let unseen = |u: usize| (0..self.items).filter(move |&j| !self.rated.contains(&(u, j)));
                let triples = |&(u, i): &(usize, usize)| {
                    unseen(u).map(|j| vec![('u', u), ('i', i), ('j', j)]).collect::<Vec<_>>()
                };
                self.rated.iter().flat_map(triples).collect()
            }
            Set::Users => (0..self.users).map(|u| one("u", u)).collect(),
            Set::Items => (0..self.items).map(|i| one("i", i)).collect(),
            Set::ItemsOf(letter) => {
                let of_user = self.rated.iter().filter(|(u, _)| Some(*u) == row('u'));
                of_user.map(|&(_, i)| one(letter, i)).collect()
            }
            Set::UsersOf(letter) => {
                let of_item = self.rated.iter().filter(|(_, i)| Some(*i) == row('i'));
                of_item.map(|&(u, _)| one(letter, u)).collect()
            }
        }
    }

    fn cells(&self) -> Vec<(usize, usize)> {
        (0..self.users).flat_map(|u| (0..self.items).map(move |i| (u, i))).collect()
    }

    /// The ratings to visit, of the users and items of the whole world.
    pub fn visited(&self, pairs: &[(usize, usize)]) -> Ratings {
        self.ratings().filter(|rating| pairs.contains(&(rating.user.index(), rating.item.index())))
    }

    /// The training part: r_ui for those who rated.
    pub fn ratings(&self) -> Ratings {
        let mut builder = RatingsBuilder::new(false);
        for &(u, i) in &self.rated {
            builder.push(&u.to_string(), &i.to_string(), self.number("r_ui", &[u, i]) as f32, None);
        }
        builder
            .finish("sample", None, Duplicates::Error, |_, _| Default::default())
            .expect("finite ratings, each pair once")
    }
}
