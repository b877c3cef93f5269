//! Why an item is predicted as it is: what each rating of the user's history adds.

use std::borrow::Cow;

use serde::Serialize;

use super::history::History;
use super::{NamedItem, Recommender, Who};
use crate::data::ids::Item;
use crate::data::ratings::{Rated, Row};
use crate::error::Result;
use crate::fit::factors::Factors;
use crate::fit::model::{Folded, Query};

/// What one rating of the history adds to a predicted rating.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Contribution<'a> {
    /// The rated item.
    #[serde(flatten)]
    pub item: NamedItem<'a>,
    /// How it was rated.
    pub rating: f32,
    /// What that adds, in units of the ratings.
    pub share: f32,
}

/// A predicted rating in its parts: `explained_score` = `mean` + `item_bias` + `prior` + Σ shares.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation<'a> {
    /// The item in question.
    #[serde(flatten)]
    pub item: NamedItem<'a>,
    /// What the model predicts.
    pub score: f32,
    /// What is explained: the prediction for somebody who is folded in with the same ratings. For a new user it is the
    /// score itself; the vector of a trained user comes from training and may differ.
    pub explained_score: f32,
    /// μ.
    pub mean: f32,
    /// b_i.
    pub item_bias: f32,
    /// What is added for a user who has rated nothing.
    pub prior: f32,
    /// What each rating adds, the largest amount first.
    pub contributions: Vec<Contribution<'a>>,
}

/// Somebody folded in, ready to be asked about items.
pub(super) struct Explainer<'a> {
    pub(super) factors: &'a Factors,
    pub(super) folded: Cow<'a, Folded>,
}

impl Explainer<'_> {
    /// What a part of the user's vector and bias (k entries, the bias last) adds for an item.
    fn part(&self, part: &[f32], item: Item) -> f64 {
        let q = self.factors.items.entries(item.index()).iter().chain([&1.0]);
        part.iter().zip(q).map(|(&p, &q)| f64::from(p) * f64::from(q)).sum()
    }

    /// What each rating adds for an item, in the order of the history.
    fn shares(&self, item: Item) -> impl Iterator<Item = f32> + '_ {
        self.folded.influence.iter().map(move |influence| self.part(influence, item) as f32)
    }

    fn score(&self, item: Item) -> f32 {
        let vector: Vec<f32> = self.folded.factors.iter().copied().chain([self.folded.bias]).collect();
        let item_bias = self.factors.item_bias[item.index()];
        (f64::from(self.factors.mean) + f64::from(item_bias) + self.part(&vector, item)) as f32
    }
}

impl Recommender {
    /// The predicted rating of an item (by raw id or title) in its parts. Cost: O(|S|k² + k³) for |S| ratings.
    ///
    /// # Errors
    /// An unknown user or item, or a model that cannot fold in.
    pub fn explain(&self, who: Who<'_>, item: &str) -> Result<Explanation<'_>> {
        let item = self.item(item)?;
        match who {
            Who::User(raw) => {
                let user = self.known_user(raw).ok_or_else(|| self.unknown_user(raw))?;
                let query = Query { user: Some(user), item: Some(item), time: None };
                let score = self.file.model.predict(query);
                self.explained(self.file.seen.row(user), item, Some(score))
            }
            Who::History(entries) => self.explained(History::of(self, entries)?.row(), item, None),
        }
    }

    fn explained(&self, history: Row<'_>, item: Item, score: Option<f32>) -> Result<Explanation<'_>> {
        let (factors, folded) = self.fold_in(history)?;
        let explainer = Explainer { factors, folded: Cow::Borrowed(&folded) };
        let explained_score = explainer.score(item);
        let mut contributions = self.contributions(&explainer, history, item);
        contributions.sort_by(|a, b| b.share.abs().total_cmp(&a.share.abs()));
        Ok(Explanation {
            item: self.named(item),
            score: score.unwrap_or(explained_score),
            explained_score,
            mean: factors.mean,
            item_bias: factors.item_bias[item.index()],
            prior: explainer.part(&folded.prior, item) as f32,
            contributions,
        })
    }

    /// The ratings that speak for an item, the strongest first, at most `n`.
    pub(super) fn reasons(
        &self,
        explainer: &Explainer<'_>,
        history: Row<'_>,
        item: Item,
        n: usize,
    ) -> Vec<Contribution<'_>> {
        let mut reasons = self.contributions(explainer, history, item);
        reasons.retain(|contribution| contribution.share > 0.0);
        reasons.sort_by(|a, b| b.share.total_cmp(&a.share));
        reasons.truncate(n);
        reasons
    }

    fn contributions(
        &self,
        explainer: &Explainer<'_>,
        history: Row<'_>,
        item: Item,
    ) -> Vec<Contribution<'_>> {
        let rated = history.iter().zip(explainer.shares(item));
        let contribution = |(rated, share): (Rated, f32)| Contribution {
            item: self.named(rated.item),
            rating: rated.value,
            share,
        };
        rated.map(contribution).collect()
    }
}
