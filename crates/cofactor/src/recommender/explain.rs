//! Why an item is predicted as it is: what each rating of the user's history adds.

use serde::Serialize;

use super::{NamedItem, Recommender, Somebody, Who};
use crate::data::ids::Item;
use crate::data::ratings::{Rated, Row};
use crate::error::Result;
use crate::fit::model::{Newcomer, Parts, Query, Share};

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
    /// The part of the share that is owed to the item in question. The rest tells how generously the user rates, and is the same
    /// for all items.
    pub taste: f32,
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
    /// What each rating adds, the largest taste first.
    pub contributions: Vec<Contribution<'a>>,
}

impl Recommender {
    /// The predicted rating of an item (by raw id or title) in its parts. Cost: O(|S|k² + k³) for |S| ratings.
    ///
    /// # Errors
    /// An unknown user or item, or a model that cannot fold in.
    pub fn explain(&self, who: Who<'_>, item: &str) -> Result<Explanation<'_>> {
        let item = self.item(item)?;
        match self.somebody(who)? {
            Somebody::Trained(user) => {
                let query = Query { user: Some(user), item: Some(item), time: None };
                let score = self.file.model.predict(query);
                self.explained(self.file.seen.row(user), item, Some(score))
            }
            Somebody::New(history) => self.explained(history.row(), item, None),
            Somebody::Nobody(refusal) => Err(refusal),
        }
    }

    fn explained(&self, history: Row<'_>, item: Item, score: Option<f32>) -> Result<Explanation<'_>> {
        let parts = self.fold_in(history)?.parts(item);
        let explained_score = parts.sum();
        let mut contributions = self.contributions(&parts, history);
        let size = |c: &Contribution<'_>| (c.taste.abs(), c.share.abs());
        contributions.sort_by(|a, b| {
            let (a, b) = (size(a), size(b));
            b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1))
        });
        Ok(Explanation {
            item: self.named(item),
            score: score.unwrap_or(explained_score),
            explained_score,
            mean: parts.mean,
            item_bias: parts.item_bias,
            prior: parts.prior,
            contributions,
        })
    }

    /// The ratings that speak for an item more than for others, the strongest taste first, at most `n`.
    pub(super) fn reasons(
        &self,
        somebody: &dyn Newcomer,
        history: Row<'_>,
        item: Item,
        n: usize,
    ) -> Vec<Contribution<'_>> {
        let mut reasons = self.contributions(&somebody.parts(item), history);
        reasons.retain(|contribution| contribution.taste > 0.0);
        reasons.sort_by(|a, b| b.taste.total_cmp(&a.taste));
        reasons.truncate(n);
        reasons
    }

    fn contributions(&self, parts: &Parts, history: Row<'_>) -> Vec<Contribution<'_>> {
        let contribution = |(rated, share): (Rated, &Share)| Contribution {
            item: self.named(rated.item),
            rating: rated.value,
            share: share.all,
            taste: share.taste,
        };
        history.iter().zip(&parts.shares).map(contribution).collect()
    }
}
