//! The catalogue as people look at it: items with year and categories, found by a part of their title, and their map.

use serde::Serialize;

use super::{NamedItem, Recommender};
use crate::data::attributes::Values;
use crate::data::ids::Item;
use crate::error::{Error, Result};
use crate::eval::map::{Place, places};

/// The columns that hold categories, the first that there is.
const CATEGORIES: [&str; 2] = ["genres", "categories"];

/// An item with what is known of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ItemDetails<'a> {
    /// Its id and title.
    #[serde(flatten)]
    pub item: NamedItem<'a>,
    /// Its year, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub year: Option<i64>,
    /// Its categories (genres), where there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<&'a str>,
    /// How many training ratings it has.
    pub ratings: usize,
}

/// Where an item lies on the map: by the two principal axes of the items' vectors.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spot<'a> {
    /// Which.
    #[serde(flatten)]
    pub item: ItemDetails<'a>,
    /// From −1 to 1.
    pub x: f64,
    /// From −1 to 1.
    pub y: f64,
}

impl Recommender {
    /// The items that a text may mean, the likeliest first, at most `n`: by id, by whole title, by how a title begins, how a word of it begins, by any part; with none of these, titles that
    /// differ in a few letters. Within each, those with more ratings first. An empty text finds the most rated. Cost: linear in the titles.
    pub fn search(&self, text: &str, n: usize) -> Vec<ItemDetails<'_>> {
        let mut found: Vec<Item> = self.titles.search(text, &self.counts.items, n);
        if let Some(index) = self.catalog().items.index_of(text.trim()) {
            let item = Item(index as u32);
            found.retain(|&other| other != item);
            found.insert(0, item);
        }
        found.into_iter().take(n).map(|item| self.details(item)).collect()
    }

    /// What is known of the item with that id or title.
    ///
    /// # Errors
    /// Those of [`Self::find_item`].
    pub fn item_details(&self, text: &str) -> Result<ItemDetails<'_>> {
        self.item(text).map(|item| self.details(item))
    }

    /// What is known of an item that an answer has named.
    pub fn details_of(&self, item: &NamedItem<'_>) -> ItemDetails<'_> {
        let index = self.catalog().items.find(item.id).expect("answers name items of the catalogue");
        self.details(Item(index as u32))
    }

    /// All categories, in the order of the data.
    pub fn categories(&self) -> &[String] {
        match self.category_column().and_then(|name| self.catalog().item_attributes.column(name)) {
            Some(Values::Labels { labels, .. }) => labels,
            _ => &[],
        }
    }

    /// The map of the `n` most rated items, by the two principal axes of their vectors; empty for a model without vectors. Cost: O(nk²) for all items.
    pub fn map(&self, n: usize) -> Vec<Spot<'_>> {
        let Some(factors) = self.file.model.factors() else { return Vec::new() };
        let Some((mut places, _)) = places(&factors.items, &self.counts.items) else { return Vec::new() };
        places.truncate(n);
        let reach =
            |axis: usize| places.iter().map(|(_, place)| place[axis].abs()).fold(f64::MIN_POSITIVE, f64::max);
        let (width, height) = (reach(0), reach(1));
        let spot = |&(item, [x, y]): &Place| Spot { item: self.details(item), x: x / width, y: y / height };
        places.iter().map(spot).collect()
    }

    pub(super) fn details(&self, item: Item) -> ItemDetails<'_> {
        let attributes = &self.catalog().item_attributes;
        let categories = self.category_column().map(|name| attributes.labels(name, item.index()));
        ItemDetails {
            item: self.named(item),
            year: attributes.number("year", item.index()).map(|year| year as i64),
            categories: categories.unwrap_or_default(),
            ratings: self.counts.items[item.index()],
        }
    }

    /// For each item, whether it has one of these categories.
    pub(super) fn of_categories(&self, wanted: &[String]) -> Result<Vec<bool>> {
        let labels = self.categories();
        let place = |name: &String| {
            labels.iter().position(|label| label.eq_ignore_ascii_case(name)).ok_or_else(|| {
                Error::UnknownName { kind: "category", name: name.clone(), known: labels.to_vec() }
            })
        };
        let places = wanted.iter().map(place).collect::<Result<Vec<usize>>>()?;
        let column = self.category_column().and_then(|name| self.catalog().item_attributes.column(name));
        Ok(match column {
            Some(Values::Labels { members, .. }) => members
                .iter()
                .map(|labels| labels.iter().any(|label| places.contains(&usize::from(*label))))
                .collect(),
            _ => vec![false; self.counts.items.len()],
        })
    }

    fn category_column(&self) -> Option<&'static str> {
        let attributes = &self.catalog().item_attributes;
        CATEGORIES.into_iter().find(|name| matches!(attributes.column(name), Some(Values::Labels { .. })))
    }
}
