//! # Nearest items by what is taken together
//!
//! Letters: m users, n items, N ratings; r_ui how much or how often user u took item i; n_u how many items a user took, N_i = Σ_u r_ui; N̄ the mean of N_i over
//! items that were taken at all.
//!
//! ## Model
//! ```text
//! x̂_ui = Σ_{j∈N(u)} s_ji,   s_ji = Σ_v x_vj x_vi  for the K items i with the greatest s_ji, otherwise 0     (1)
//! ```
//! N(u) is what u has taken: every rating of at least θ (`implicit_from`) and above zero. No item is its own neighbour; equal s_ji go by index. The weights x are, by `weighting`:
//! ```text
//! cosine:  x_ui = r_ui / √(Σ_v r_vi²)                                                          (2)
//! tfidf:   t_ui = √r_ui ln(n / (1 + n_u)),  x_ui = t_ui / √(Σ_v t_vi²)                         (3)
//! bm25:    x_ui = r_ui (κ + 1) / (κ (1 − β + β N_i / N̄) + r_ui) · ln(n / (1 + n_u))           (4)
//! ```
//! An item is a text and its users are its words: who takes everything says little of any one item. Where 1 + n_u exceeds n, the logarithm counts as zero.
//!
//! ## Objective
//! None: the similarities are counted.
//!
//! ## Update
//! None. For each j, the ratings of all its users are added up, for all i at once.
//!
//! ## Cost
//! Fit: O(Σ_u n_u²), in parallel over the items. Memory: 16 bytes a rating while fitting, 4 for each item and thread, and 8 for each of at most nK similarities, which
//! stay, beside the training ratings. All of a user's scores: O(n + n_u K).
//!
//! ## Unknown users and items
//! Whoever has taken nothing, and what nobody has taken, scores zero. A newcomer is answered as a trained user with the same items is. What an item adds to a score
//! is its own term of (1).
//!
//! ## Defaults and their source
//! K = 200; κ = 100 and β = 0.8 are the defaults of `implicit`'s `BM25Recommender`.
//!
//! ## Differences from the paper
//! Deshpande & Karypis scale each list to a sum of one. (3) and (4) are the weights of `implicit`.
//!
//! ## References
//! M. Deshpande, G. Karypis, "Item-based top-N recommendation algorithms", ACM TOIS 22(1), 2004.
//! S. Robertson, H. Zaragoza, "The probabilistic relevance framework: BM25 and beyond", 2009.

use serde::{Deserialize, Serialize};

use crate::data::ratings::Ratings;
use crate::error::Result;
use crate::fit::algorithm::{Algorithm, Kind, Knob, Preset, Task};
use crate::fit::linear::Linear;
use crate::fit::model::Tensors;
use crate::fit::neighbours::{CoRatings, Lists, Side};
use crate::fit::run::Run;
use crate::fit::taken::{IMPLICIT_FROM, taken};

/// The parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ItemKnn {
    /// θ.
    pub implicit_from: f64,
    /// (2), (3) or (4).
    pub weighting: Weighting,
    /// K.
    pub neighbours: usize,
    /// κ.
    pub saturation: f64,
    /// β.
    pub length: f64,
}

/// How much a rating says of its item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weighting {
    /// (2).
    Cosine,
    /// (3).
    Tfidf,
    /// (4).
    Bm25,
}

impl Default for ItemKnn {
    fn default() -> Self {
        Self {
            implicit_from: 0.0,
            weighting: Weighting::Cosine,
            neighbours: 200,
            saturation: 100.0,
            length: 0.8,
        }
    }
}

impl Algorithm for ItemKnn {
    const NAME: &'static str = "itemknn";
    const TITLE: &'static str = "the nearest items, by who takes both: cosine, TF-IDF or BM25";
    const TASK: Task = Task::Ranking;
    const KNOBS: &'static [Knob] = &[
        IMPLICIT_FROM,
        Knob {
            name: "weighting",
            symbol: "x",
            kind: Kind::Choice { options: &["cosine", "tfidf", "bm25"] },
            purpose: "how much it says of an item that a user took it",
        },
        Knob {
            name: "neighbours",
            symbol: "K",
            kind: Kind::Integer { min: 1, max: 1_000_000, search: Some((20, 1000)) },
            purpose: "how many neighbours each item has",
        },
        Knob {
            name: "saturation",
            symbol: "κ",
            kind: Kind::Real { min: 0.0, max: 1e6, search: None },
            purpose: "of bm25: how many events count before more of them say little",
        },
        Knob {
            name: "length",
            symbol: "β",
            kind: Kind::Real { min: 0.0, max: 1.0, search: None },
            purpose: "of bm25: how much an item's popularity counts against it",
        },
    ];
    const PRESETS: &'static [Preset] = &[];
    const SOURCE: &'static str = include_str!("itemknn.rs");
    /// s, as lists of K.
    type Model = Linear<Lists<f32>>;

    fn fit(&self, train: &Ratings, run: &mut Run<'_>) -> Result<Self::Model> {
        let weighted = self.weighted(&taken(train, self.implicit_from)?);
        let corated = CoRatings::of(&weighted, Side::Item, |_, _, weight| weight);
        let weights = corated.compare(
            run,
            self.neighbours,
            |sum: &mut f32, own, other| *sum = own.mul_add(other, *sum),
            |&sum| (sum > 0.0).then_some((sum, sum)),
        )?;
        Ok(Linear { weights, train: train.clone(), implicit_from: self.implicit_from })
    }

    fn restore(&self, mut tensors: Tensors, train: &Ratings) -> Result<Self::Model> {
        let weights = Lists::restore(&mut tensors, train.items())?;
        Ok(Linear { weights, train: train.clone(), implicit_from: self.implicit_from })
    }
}

impl ItemKnn {
    /// The ratings, each replaced by its weight x.
    fn weighted(&self, taken: &Ratings) -> Ratings {
        let counts: Vec<usize> = taken.user_counts().collect();
        let rarity = |user: usize| libm::log(taken.items() as f64 / (1.0 + counts[user] as f64)).max(0.0);
        match self.weighting {
            Weighting::Cosine => of_length_one(taken),
            Weighting::Tfidf => of_length_one(&taken.revalued(|rating| {
                Some((f64::from(rating.value).sqrt() * rarity(rating.user.index())) as f32)
            })),
            Weighting::Bm25 => {
                let mut lengths = vec![0.0; taken.items()];
                for rating in taken.iter() {
                    lengths[rating.item.index()] += f64::from(rating.value);
                }
                let some = lengths.iter().filter(|&&length| length > 0.0).count().max(1);
                let mean = lengths.iter().sum::<f64>() / some as f64;
                taken.revalued(|rating| {
                    let (r, length) = (f64::from(rating.value), lengths[rating.item.index()] / mean);
                    let held = self.saturation * (1.0 - self.length + self.length * length);
                    let frequency = r * (self.saturation + 1.0) / (held + r);
                    Some((frequency * rarity(rating.user.index())) as f32)
                })
            }
        }
    }
}

/// Each item's column divided by its length.
fn of_length_one(ratings: &Ratings) -> Ratings {
    let mut squares = vec![0.0; ratings.items()];
    for rating in ratings.iter() {
        squares[rating.item.index()] += f64::from(rating.value).powi(2);
    }
    ratings.revalued(|rating| {
        let length = squares[rating.item.index()].sqrt();
        Some(if length > 0.0 { (f64::from(rating.value) / length) as f32 } else { 0.0 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ids::{Item, User};
    use crate::data::ratings::{Duplicates, RatingsBuilder};
    use crate::fit::model::{Model, Query};

    /// Five users who took some of four items, some of them more than once.
    fn counts() -> Ratings {
        let mut builder = RatingsBuilder::new(false);
        let events = [
            (0, 0, 3),
            (0, 1, 1),
            (1, 0, 1),
            (1, 1, 2),
            (1, 2, 1),
            (2, 2, 4),
            (3, 1, 1),
            (3, 3, 1),
            (4, 0, 1),
        ];
        for (user, item, count) in events {
            builder.push(&user.to_string(), &item.to_string(), count as f32, None);
        }
        builder.finish("events", None, Duplicates::Error, |_, _| Default::default()).unwrap()
    }

    /// (1) to (4) from their definitions, in f64.
    fn similarity(weighting: Weighting, train: &Ratings, j: usize, i: usize) -> f64 {
        let (m, n) = (train.users(), train.items());
        let r = |u: usize, i: usize| {
            let row = train.row(User(u as u32));
            row.iter().find(|rated| rated.item.index() == i).map_or(0.0, |rated| f64::from(rated.value))
        };
        let rarity = |u: usize| libm::log(n as f64 / (1.0 + train.row(User(u as u32)).len() as f64)).max(0.0);
        let lengths: Vec<f64> = (0..n).map(|i| (0..m).map(|u| r(u, i)).sum()).collect();
        let mean = lengths.iter().sum::<f64>() / n as f64;
        let raw = |u: usize, i: usize| match weighting {
            Weighting::Cosine => r(u, i),
            Weighting::Tfidf => r(u, i).sqrt() * rarity(u),
            Weighting::Bm25 if r(u, i) == 0.0 => 0.0,
            Weighting::Bm25 => {
                r(u, i) * 101.0 / (100.0 * (0.2 + 0.8 * lengths[i] / mean) + r(u, i)) * rarity(u)
            }
        };
        let norm = |i: usize| match weighting {
            Weighting::Bm25 => 1.0,
            _ => (0..m).map(|u| raw(u, i).powi(2)).sum::<f64>().sqrt().max(1e-12),
        };
        (0..m).map(|u| raw(u, j) * raw(u, i)).sum::<f64>() / (norm(j) * norm(i))
    }

    #[test]
    fn scores_are_sums_of_similarities_as_they_are_defined() {
        let train = counts();
        for weighting in [Weighting::Cosine, Weighting::Tfidf, Weighting::Bm25] {
            let knn = ItemKnn { weighting, ..ItemKnn::default() };
            let model = knn.fit(&train, &mut Run::new(1, 1).unwrap()).unwrap();
            for (user, row) in train.rows() {
                for i in 0..train.items() {
                    let others = row.items.iter().map(|item| item.index()).filter(|&j| j != i);
                    let expected: f64 = others.map(|j| similarity(weighting, &train, j, i)).sum();
                    let query = Query { user: Some(user), item: Some(Item(i as u32)), time: None };
                    let found = f64::from(model.predict(query));
                    assert!(
                        (found - expected).abs() < 1e-5,
                        "{weighting:?} {user:?} {i}: {found} and {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_threshold_leaves_out_what_was_rated_lower() {
        let train = counts();
        let knn = ItemKnn { implicit_from: 2.0, ..ItemKnn::default() };
        let model = knn.fit(&train, &mut Run::new(1, 1).unwrap()).unwrap();
        // Nobody took two items twice.
        let mut scores = vec![1.0; train.items()];
        model.predict_all(Some(User(0)), None, &mut scores);
        assert_eq!(scores, [0.0; 4]);
        let error =
            ItemKnn { implicit_from: 5.0, ..knn }.fit(&train, &mut Run::new(1, 1).unwrap()).err().unwrap();
        assert!(error.to_string().contains("at most the highest rating, 4"), "{error}");
    }
}
