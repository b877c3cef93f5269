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

/// Somebody folded in, ready to be asked about items.
pub(super) struct Explainer<'a> {
    pub(super) factors: &'a Factors,
    pub(super) folded: Cow<'a, Folded>,
}

impl Explainer<'_> {
    /// What a part of the user's vector and bias (k entries, the bias last) adds for an item, and how much of it by the vector.
    fn part(&self, part: &[f32], item: Item) -> (f64, f64) {
        let (bias, vector) = part.split_last().expect("the bias is always there");
        let q = self.factors.items.entries(item.index());
        let taste = vector.iter().zip(q).map(|(&p, &q)| f64::from(p) * f64::from(q)).sum::<f64>();
        (taste + f64::from(*bias), taste)
    }

    fn score(&self, item: Item) -> f32 {
        let vector: Vec<f32> = self.folded.factors.iter().copied().chain([self.folded.bias]).collect();
        let item_bias = self.factors.item_bias[item.index()];
        (f64::from(self.factors.mean) + f64::from(item_bias) + self.part(&vector, item).0) as f32
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
        let size = |c: &Contribution<'_>| (c.taste.abs(), c.share.abs());
        contributions.sort_by(|a, b| {
            let (a, b) = (size(a), size(b));
            b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1))
        });
        Ok(Explanation {
            item: self.named(item),
            score: score.unwrap_or(explained_score),
            explained_score,
            mean: factors.mean,
            item_bias: factors.item_bias[item.index()],
            prior: explainer.part(&folded.prior, item).0 as f32,
            contributions,
        })
    }

    /// The ratings that speak for an item more than for others, the strongest taste first, at most `n`.
    pub(super) fn reasons(
        &self,
        explainer: &Explainer<'_>,
        history: Row<'_>,
        item: Item,
        n: usize,
    ) -> Vec<Contribution<'_>> {
        let mut reasons = self.contributions(explainer, history, item);
        reasons.retain(|contribution| contribution.taste > 0.0);
        reasons.sort_by(|a, b| b.taste.total_cmp(&a.taste));
        reasons.truncate(n);
        reasons
    }

    fn contributions(
        &self,
        explainer: &Explainer<'_>,
        history: Row<'_>,
        item: Item,
    ) -> Vec<Contribution<'_>> {
        let contribution = |(rated, influence): (Rated, &Vec<f32>)| {
            let (share, taste) = explainer.part(influence, item);
            Contribution {
                item: self.named(rated.item),
                rating: rated.value,
                share: share as f32,
                taste: taste as f32,
            }
        };
        history.iter().zip(&explainer.folded.influence).map(contribution).collect()
    }
}
