//! What to ask somebody next: the item whose rating would tell the most.

use serde::Serialize;

use super::history::History;
use super::{HistoryEntry, ItemDetails, Recommender};
use crate::data::ids::Item;
use crate::data::ratings::Row;
use crate::error::Result;
use crate::fit::top;

/// Only so many of the most rated items are asked for: hardly anybody knows the others.
const ASKED: usize = 600;

/// An item to be rated.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Question<'a> {
    /// What.
    #[serde(flatten)]
    pub item: ItemDetails<'a>,
    /// What its rating is expected to tell, in nats.
    pub information: f32,
}

impl Recommender {
    /// The items to ask somebody for, the most informative first, who has given these ratings and has not seen those items (by id or title).
    ///
    /// With the user's place p̃ ~ N(π̂, σ²A⁻¹) after the ratings so far (see [`crate::fit::factors`]), a rating of item i tells ½ ln(1 + q̃ᵢᵀA⁻¹q̃ᵢ) of it (MacKay 1992), if the user knows the item,
    /// which happens as often as others have rated it: nᵢ/m. A model that is no inner product asks for the items that are rated often and differently: nᵢ/m · ½ ln(1 + variance of its ratings).
    /// Cost: O(|S|k² + k³) for |S| ratings and O(k²) for each of the 600 most rated items.
    ///
    /// # Errors
    /// An item that cannot be found, a rating outside the scale.
    pub fn questions(
        &self,
        ratings: &[HistoryEntry],
        skipped: &[String],
        n: usize,
    ) -> Result<Vec<Question<'_>>> {
        let history = if ratings.is_empty() { None } else { Some(History::of(self, ratings)?) };
        let row = history.as_ref().map_or(Row::new(&[], &[]), History::row);
        let mut known: Vec<Item> = skipped.iter().map(|text| self.item(text)).collect::<Result<_>>()?;
        known.extend(row.items);
        let users = self.counts.users.iter().filter(|&&count| count > 0).count().max(1) as f64;
        let uncertainty = self.file.model.factors().map(|factors| factors.uncertainty(row));
        let information = |&item: &Item| {
            let variance = match &uncertainty {
                Some(uncertainty) => uncertainty.of(item),
                None => self.rating_variance(item),
            };
            let told = 0.5 * libm::log1p(variance) * self.counts.items[item.index()] as f64 / users;
            (item, told as f32)
        };
        let often: Vec<Item> = self.most_rated(ASKED + known.len());
        let best = top::best(n, often.iter().map(information), |item| !known.contains(&item));
        Ok(best
            .into_iter()
            .map(|(item, information)| Question { item: self.details(item), information })
            .collect())
    }

    /// The items with most training ratings, at most `n`.
    pub(super) fn most_rated(&self, n: usize) -> Vec<Item> {
        let mut items: Vec<Item> = (0..self.counts.items.len() as u32).map(Item).collect();
        items.retain(|item| self.counts.items[item.index()] > 0);
        items.sort_by_key(|item| (std::cmp::Reverse(self.counts.items[item.index()]), *item));
        items.truncate(n);
        items
    }

    fn rating_variance(&self, item: Item) -> f64 {
        let (_, values) = self.file.seen.by_item().column(item);
        let n = values.len().max(1) as f64;
        let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / n;
        values.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>() / n
    }
}
