//! How the taste for the items moves over time, as a model with drifting biases has learned it.

use serde::{Deserialize, Serialize};

use crate::data::ids::Item;
use crate::data::ratings::{Ratings, Time};
use crate::fit::model::ItemDrift;

/// The drift of the most rated items, with those that moved the most by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drifts {
    /// Where each bin of time begins, and where the last one ends.
    pub bounds: Vec<Time>,
    /// The items that rose or fell the most, the greatest rise first.
    pub named: Vec<DriftingItem>,
    /// Other much rated items: the backdrop.
    pub others: Vec<Vec<f32>>,
}

/// One item whose bias drifts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftingItem {
    /// Its title, or its raw id.
    pub name: String,
    /// How many training ratings it has.
    pub ratings: usize,
    /// What is added to its bias in each bin.
    pub biases: Vec<f32>,
}

/// So many items with the most ratings are looked at.
const ITEMS: usize = 120;
/// So many of them are named, half for their rise and half for their fall.
const NAMED: usize = 6;

impl DriftingItem {
    /// The mean of the last quarter of its bins minus that of the first one: a single bin has few ratings.
    pub fn rise(&self) -> f32 {
        rise(&self.biases)
    }
}

/// Looks at the items with the most ratings. Nothing for fewer than four bins or items.
pub(super) fn drifts(drift: &ItemDrift<'_>, train: &Ratings) -> Option<Drifts> {
    let bins = drift.bounds.len().saturating_sub(1);
    let counts = train.item_counts();
    let mut items: Vec<usize> = (0..counts.len()).filter(|&item| counts[item] > 0).collect();
    items.sort_by_key(|&item| (std::cmp::Reverse(counts[item]), item));
    items.truncate(ITEMS);
    if bins < 4 || items.len() < NAMED {
        return None;
    }
    let biases = |item: usize| &drift.biases[item * bins..(item + 1) * bins];
    items.sort_by(|&a, &b| rise(biases(b)).total_cmp(&rise(biases(a))));
    let fallen = items.split_off(items.len() - NAMED / 2);
    let others = items.split_off(NAMED / 2);
    let named = items.into_iter().chain(fallen).map(|item| DriftingItem {
        name: train.catalog().item_name(Item(item as u32)),
        ratings: counts[item],
        biases: biases(item).to_vec(),
    });
    Some(Drifts {
        bounds: drift.bounds.clone(),
        named: named.collect(),
        others: others.into_iter().map(|item| biases(item).to_vec()).collect(),
    })
}

fn rise(biases: &[f32]) -> f32 {
    let quarter = biases.len().div_ceil(4);
    let mean = |part: &[f32]| part.iter().sum::<f32>() / part.len() as f32;
    mean(&biases[biases.len() - quarter..]) - mean(&biases[..quarter])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ratings::{Duplicates, RatingsBuilder};

    #[test]
    fn those_that_moved_the_most_are_named() {
        let mut builder = RatingsBuilder::new(false);
        for (user, item) in (0..9).flat_map(|user| (0..8).map(move |item| (user, item))) {
            builder.push(&user.to_string(), &item.to_string(), 3.0, None);
        }
        let train = builder.finish("test", None, Duplicates::Error, |_, _| Default::default()).unwrap();
        let slope = [0.3_f32, -0.1, 0.0, -0.4, 0.1, 0.2, -0.2, 0.05];
        let biases: Vec<f32> =
            slope.iter().flat_map(|slope| (0..4).map(move |bin| slope * bin as f32)).collect();
        let bounds = vec![0, 10, 20, 30, 40];
        let found = drifts(&ItemDrift { bounds: bounds.clone(), biases: &biases }, &train).unwrap();
        let names: Vec<&str> = found.named.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(names, ["0", "5", "4", "1", "6", "3"]);
        assert_eq!(found.named[0].biases, biases[..4]);
        assert_eq!((found.others.len(), found.bounds), (2, bounds));
        let short = ItemDrift { bounds: vec![0, 1], biases: &biases[..8] };
        assert!(drifts(&short, &train).is_none());
    }
}
