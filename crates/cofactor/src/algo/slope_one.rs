//! # Weighted Slope One
//!
//! Letters: m users, n items, N ratings; S(u) the items that u has rated; U_ij the users who rated both i and j, c_ij of them.
//!
//! ## Model
//! ```text
//! r̂_ui = Σ_{j∈S(u)∩L(i)} c_ij (dev_ij + r_uj) / Σ_{j∈S(u)∩L(i)} c_ij                        (1)
//! dev_ij = Σ_{v∈U_ij} (r_vi − r_vj) / c_ij                                                  (2)
//! ```
//! L(i) are the K items other than i with the greatest c_ij that is at least c_min; equal counts go by index.
//!
//! ## Objective
//! Each dev_ij is the d that minimises Σ_{v∈U_ij} (r_vi − r_vj − d)²: a regression line of slope one from j to i.
//!
//! ## Update
//! None: the means are counted in one pass.
//!
//! ## Cost
//! Fit: O(Σ_u n_u²), in parallel over the items. Memory while fitting: 16 bytes a rating, 8 bytes for each item and thread, and 28 for each of at
//! most nK pairs; 12 of these stay, besides the training ratings. A prediction: O(K + n_u); all of a user's predictions: n times that.
//!
//! ## Unknown users and items
//! Where the sums of (1) are empty, the prediction is μ + b_u + b_i as `baseline` fits it; the bias of somebody or something unknown is
//! zero. Somebody who comes with a few ratings is asked about by (1), as everybody else.
//! What a rating adds to a prediction is its own term of (1), counted from μ + b_i.
//!
//! ## Defaults and their source
//! The paper has no parameters. K only bounds the memory: on a tenth held out of MovieLens 1M's training part, K = 250, 500, 1,000 and all give an
//! RMSE of 0.8994, 0.8967, 0.8952 and 0.8948. A c_min above one made it worse there, and on MovieLens 100K. For lists of recommendations c_min is worth
//! raising all the same: a difference that a single rater made can lift an item far above the scale.
//!
//! ## Differences from the paper
//! The list L(i), and the answer where the paper has none.
//!
//! ## References
//! D. Lemire, A. Maclachlan, "Slope One predictors for online rating-based collaborative filtering", SDM 2005, equation for the
//! weighted scheme.

use serde::{Deserialize, Serialize};

use crate::data::ids::{Item, User};
use crate::data::ratings::{Rated, Ratings, Row, Time};
use crate::error::Result;
use crate::fit::algorithm::{Algorithm, Kind, Knob, Preset, Task};
use crate::fit::bias::Biases;
use crate::fit::factors::Factors;
use crate::fit::model::{Model, Newcomer, Parts, Query, Share, Tensors};
use crate::fit::neighbours::{CoRatings, Lists, Side, shared};
use crate::fit::run::Run;

/// Sweeps, λ_u and λ_i of the biases: the defaults of `baseline`.
const BIASES: (usize, f64, f64) = (10, 15.0, 10.0);

/// The parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlopeOne {
    /// K.
    pub keep: usize,
    /// c_min.
    pub min_support: usize,
}

impl Default for SlopeOne {
    fn default() -> Self {
        Self { keep: 1000, min_support: 1 }
    }
}

impl Algorithm for SlopeOne {
    const NAME: &'static str = "slope-one";
    const TITLE: &'static str = "the mean differences between pairs of items, added to what the user rated";
    const TASK: Task = Task::Rating;
    const KNOBS: &'static [Knob] = &[
        Knob {
            name: "keep",
            symbol: "K",
            kind: Kind::Integer { min: 1, max: 1_000_000, search: None },
            purpose: "how many pairs are stored for each item, those with the most common raters",
        },
        Knob {
            name: "min_support",
            symbol: "c_min",
            kind: Kind::Integer { min: 1, max: 100_000, search: Some((1, 30)) },
            purpose: "how many common raters make a pair",
        },
    ];
    const PRESETS: &'static [Preset] = &[];
    const SOURCE: &'static str = include_str!("slope_one.rs");
    /// The differences of pairs, and μ, b_u and b_i.
    type Model = Deviations;

    fn fit(&self, train: &Ratings, run: &mut Run<'_>) -> Result<Deviations> {
        let mut biases = Biases::start(train);
        let (sweeps, reg_user, reg_item) = BIASES;
        for _ in 0..sweeps {
            biases.sweep(train, reg_user, reg_item);
        }
        let corated = CoRatings::of(train, Side::Item, |_, _, value| value);
        let pairs = corated.compare(run, self.keep, Differences::add, |differences| {
            let Differences([count, sum]) = *differences;
            let supported = count >= self.min_support as f32 && count > 0.0;
            supported.then(|| (count, [sum / count, count]))
        })?;
        Ok(Deviations { biases, pairs, train: train.clone() })
    }

    fn restore(&self, mut tensors: Tensors, train: &Ratings) -> Result<Deviations> {
        let biases = Biases::restore(&mut tensors, train)?;
        let pairs = Lists::restore(&mut tensors, train.items())?;
        Ok(Deviations { biases, pairs, train: train.clone() })
    }
}

/// c_ij and Σ (r_vi − r_vj).
#[derive(Debug, Clone, Copy, Default)]
struct Differences([f32; 2]);

impl Differences {
    fn add(&mut self, own: f32, other: f32) {
        self.0[0] += 1.0;
        self.0[1] += own - other;
    }
}

/// (dev_ij, c_ij) for the pairs of each L(i), and the biases for whom they say nothing of.
#[derive(Debug, Clone)]
pub struct Deviations {
    biases: Biases,
    pairs: Lists<[f32; 2]>,
    train: Ratings,
}

impl Model for Deviations {
    fn predict(&self, query: Query) -> f32 {
        match (query.user, query.item) {
            (Some(user), Some(item)) => self.trained(user).score(item),
            _ => self.biases.predict(query),
        }
    }

    fn predict_all(&self, user: Option<User>, _time: Option<Time>, out: &mut [f32]) {
        match user {
            Some(user) => self.trained(user).score_all(out),
            None => self.newcomer(Row::new(&[], &[])).score_all(out),
        }
    }

    fn factors(&self) -> Option<&Factors> {
        None
    }

    fn fold_in<'a>(&'a self, history: Row<'a>) -> Option<Box<dyn Newcomer + 'a>> {
        Some(Box::new(self.newcomer(history)))
    }

    fn tensors(&self) -> Tensors {
        let mut tensors = Tensors::default();
        self.biases.save(&mut tensors);
        self.pairs.save(&mut tensors);
        tensors
    }

    fn dimensions(&self) -> Option<(usize, usize)> {
        Some((self.biases.users.len(), self.biases.items.len()))
    }
}

impl Deviations {
    fn trained(&self, user: User) -> Somebody<'_> {
        Somebody { model: self, history: self.train.row(user), bias: self.biases.users[user.index()] }
    }

    fn newcomer<'a>(&'a self, history: Row<'a>) -> Somebody<'a> {
        Somebody { model: self, history, bias: self.biases.of_newcomer(history.iter(), BIASES.1) }
    }
}

/// A user of the training part, or a newcomer.
struct Somebody<'a> {
    model: &'a Deviations,
    history: Row<'a>,
    bias: f32,
}

impl Somebody<'_> {
    /// Calls `visit` for each term of (1) with its rating's place in the history, c_ij, and c_ij (dev_ij + r_uj).
    fn terms(&self, item: Item, mut visit: impl FnMut(usize, f32, f32)) {
        let (ids, pairs) = self.model.pairs.list(item.index());
        shared(bytemuck::cast_slice(self.history.items), ids, |place, other| {
            let [deviation, count] = pairs[other];
            visit(place, count, count * (deviation + self.history.values[place]));
        });
    }

    /// (1).
    fn score(&self, item: Item) -> f32 {
        let (mut sum, mut counts) = (0.0, 0.0);
        self.terms(item, |_, count, term| {
            sum += term;
            counts += count;
        });
        if counts > 0.0 { sum / counts } else { self.model.biases.level(None, Some(item)) + self.bias }
    }
}

impl Newcomer for Somebody<'_> {
    fn score_all(&self, out: &mut [f32]) {
        for (item, score) in (0..).map(Item).zip(out) {
            *score = self.score(item);
        }
    }

    fn parts(&self, item: Item) -> Parts {
        let biases = &self.model.biases;
        let each = 1.0 / (BIASES.1 + self.history.len() as f64) as f32;
        let generosity = |rated: Rated| each * (rated.value - biases.level(None, Some(rated.item)));
        let generosities: Vec<f32> = self.history.iter().map(generosity).collect();
        let mut all = vec![0.0; self.history.len()];
        let (mut counts, level) = (0.0, biases.level(None, Some(item)));
        self.terms(item, |place, count, term| {
            all[place] = term - count * level;
            counts += count;
        });
        if counts > 0.0 {
            for share in &mut all {
                *share /= counts;
            }
        } else {
            all.clone_from(&generosities);
        }
        let share = |(all, generosity)| Share { all, taste: all - generosity };
        Parts {
            mean: biases.mean,
            item_bias: biases.items[item.index()],
            prior: 0.0,
            shares: all.into_iter().zip(generosities).map(share).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ratings::{Duplicates, RatingsBuilder};
    use proptest::prelude::*;

    /// (1) and (2) as they are written, over all pairs of items.
    fn prediction(train: &Ratings, min_support: usize, user: User, item: Item) -> Option<f64> {
        let (mut sum, mut counts) = (0.0, 0.0);
        let column = |item: Item| {
            let (users, values) = train.by_item().column(item);
            users.iter().copied().zip(values.iter().map(|&value| f64::from(value)))
        };
        for rated in train.row(user).iter().filter(|rated| rated.item != item) {
            let differences: Vec<f64> = column(item)
                .filter_map(|(v, own)| {
                    column(rated.item).find(|&(w, _)| w == v).map(|(_, other)| own - other)
                })
                .collect();
            let count = differences.len() as f64;
            if differences.len() >= min_support {
                sum += differences.iter().sum::<f64>() + count * f64::from(rated.value);
                counts += count;
            }
        }
        (counts > 0.0).then(|| sum / counts)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn it_is_what_the_formulas_say(
            cells in proptest::collection::vec(proptest::option::weighted(0.5, 1.0_f32..5.0), 7 * 9),
            min_support in 1_usize..4,
        ) {
            let mut builder = RatingsBuilder::new(false);
            for (cell, value) in cells.iter().enumerate() {
                if let Some(value) = value {
                    builder.push(&(cell / 9).to_string(), &(cell % 9).to_string(), *value, None);
                }
            }
            let train = builder.finish("test", None, Duplicates::Error, |_, _| Default::default()).unwrap();
            let algorithm = SlopeOne { min_support, ..SlopeOne::default() };
            let model = algorithm.fit(&train, &mut Run::new(1, 2).unwrap()).unwrap();
            for user in (0..train.users() as u32).map(User) {
                for item in (0..train.items() as u32).map(Item) {
                    let expected = prediction(&train, min_support, user, item)
                        .unwrap_or_else(|| f64::from(model.biases.level(Some(user), Some(item))));
                    let found = model.predict(Query { user: Some(user), item: Some(item), time: None });
                    prop_assert!((f64::from(found) - expected).abs() < 1e-4, "{found} and {expected}");
                }
            }
        }
    }

    #[test]
    fn the_papers_example() {
        // The first user rated the second item half a point above the first; the second user rated only the first.
        let mut builder = RatingsBuilder::new(false);
        for (user, item, value) in [("a", "i", 1.0), ("a", "j", 1.5), ("b", "i", 2.0)] {
            builder.push(user, item, value, None);
        }
        let train = builder.finish("test", None, Duplicates::Error, |_, _| Default::default()).unwrap();
        let model = SlopeOne::default().fit(&train, &mut Run::new(1, 1).unwrap()).unwrap();
        let predicted = model.predict(Query { user: Some(User(1)), item: Some(Item(1)), time: None });
        assert!((predicted - 2.5).abs() < 1e-6, "{predicted}");
    }
}
