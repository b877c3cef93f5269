//! What the lists are like that a model shows, whether or not they fit: how many items ever appear, how popular and how alike they are.
//!
//! L_u are the first N candidates of user u by score, equal scores by the order of the raw ids, as a recommendation breaks them: these metrics describe what is
//! served. n_i is the number of training ratings of item i, m the number of users with training ratings, n the number of items of the catalogue, x_j the numbers
//! of lists that each item is in, increasing with j = 1 … n.
//!
//! ```text
//! coverage@N    |∪_u L_u| / n                                                                (1)
//! gini@N        Σ_j (2j − n − 1)·x_j / (n Σ_j x_j)                                           (2)
//! novelty@N     mean over L_u of −log₂(max(n_i, 1)/m)                                        (3)
//! diversity@N   mean over the pairs i ≠ j of L_u of 1 − s_ij                                 (4)
//! lift@N        mean n_i over L_u / mean n_i over what u rated in training − 1               (5)
//! ```
//! In (4) s is the share of genres in common, |G_i ∩ G_j| / |G_i ∪ G_j|, where the catalogue has labels of items, and elsewhere the cosine of who rated them,
//! |U_i ∩ U_j| / √(n_i n_j). A list of fewer than two items has no diversity: 0. In (5) a user without training ratings is compared with the average training
//! rating. (3) to (5) are averaged over the users who have a ranking, (1) and (2) are of all their lists together.

use std::sync::Arc;

use super::Measure;
use crate::data::attributes::Values;
use crate::data::ids::{Item, User};
use crate::data::ratings::{Catalog, Ratings};

/// Whether the measure is one of these.
pub(super) fn describes(measure: &Measure) -> bool {
    matches!(measure.metric.name, "coverage" | "gini" | "novelty" | "diversity" | "lift")
}

/// What is known of the items that may be shown.
pub(super) struct Stock<'a> {
    train: &'a Ratings,
    catalog: &'a Arc<Catalog>,
    counts: Vec<usize>,
    /// m.
    users: usize,
    /// The mean of n_i over the training ratings.
    usual_popularity: f64,
}

impl<'a> Stock<'a> {
    pub(super) fn of(train: &'a Ratings) -> Self {
        let counts = train.item_counts();
        let squares: f64 = counts.iter().map(|&count| (count as f64).powi(2)).sum();
        Self {
            train,
            catalog: train.catalog(),
            users: train.user_counts().filter(|&count| count > 0).count(),
            usual_popularity: squares / train.len().max(1) as f64,
            counts,
        }
    }

    /// How the likeness of two items is taken, as a sentence.
    pub(super) fn likeness(&self) -> String {
        match self.labels() {
            Some((name, _)) => format!("Diversity is measured by the items' {name}."),
            None => "Diversity is measured by who rated the items.".to_owned(),
        }
    }

    /// (3), (4) or (5) for one user's list, who rated `history` in training.
    pub(super) fn value(&self, measure: &Measure, list: &[Item], history: &[Item]) -> f64 {
        let list = &list[..list.len().min(measure.cutoff.unwrap_or(list.len()))];
        match measure.metric.name {
            "novelty" => self.novelty(list),
            "diversity" => self.diversity(list),
            "lift" => self.popularity(list) / self.profile(history) - 1.0,
            other => unreachable!("'{other}' has no value by user"),
        }
    }

    /// (1) or (2) for all lists.
    pub(super) fn of_all<'l>(&self, measure: &Measure, lists: impl Iterator<Item = &'l [Item]>) -> f64 {
        let mut shown = vec![0_usize; self.counts.len()];
        for list in lists {
            for item in list.iter().take(measure.cutoff.unwrap_or(usize::MAX)) {
                shown[item.index()] += 1;
            }
        }
        match measure.metric.name {
            "coverage" => shown.iter().filter(|&&times| times > 0).count() as f64 / shown.len() as f64,
            _ => gini(shown),
        }
    }

    fn novelty(&self, list: &[Item]) -> f64 {
        let bits =
            |item: &Item| -libm::log2(self.counts[item.index()].max(1) as f64 / self.users.max(1) as f64);
        mean(list.iter().map(bits))
    }

    fn popularity(&self, items: &[Item]) -> f64 {
        mean(items.iter().map(|item| self.counts[item.index()] as f64))
    }

    /// What (5) compares with; above zero, for each of these items has been rated.
    fn profile(&self, history: &[Item]) -> f64 {
        let own = self.popularity(history);
        if own > 0.0 { own } else { self.usual_popularity.max(1.0) }
    }

    fn diversity(&self, list: &[Item]) -> f64 {
        let alike = |a: Item, b: Item| match self.labels() {
            Some((_, members)) => jaccard(&members[a.index()], &members[b.index()]),
            None => self.rated_together(a, b),
        };
        let pairs =
            list.iter().enumerate().flat_map(|(place, &a)| list[..place].iter().map(move |&b| (a, b)));
        mean(pairs.map(|(a, b)| 1.0 - alike(a, b)))
    }

    /// The first column of labels that the items have.
    fn labels(&self) -> Option<(&str, &[Vec<u16>])> {
        self.catalog.item_attributes.columns.iter().find_map(|column| match &column.values {
            Values::Labels { members, .. } => Some((column.name.as_str(), members.as_slice())),
            _ => None,
        })
    }

    fn rated_together(&self, a: Item, b: Item) -> f64 {
        let by_item = self.train.by_item();
        let (of_a, of_b): (&[User], &[User]) = (by_item.column(a).0, by_item.column(b).0);
        if of_a.is_empty() || of_b.is_empty() {
            return 0.0;
        }
        common(of_a, of_b) as f64 / ((of_a.len() * of_b.len()) as f64).sqrt()
    }
}

/// The mean; 0 of nothing.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), value| (sum + value, count + 1));
    sum / count.max(1) as f64
}

/// How many entries two increasing lists have in common.
fn common<T: Ord>(a: &[T], b: &[T]) -> usize {
    let (mut in_a, mut in_b, mut both) = (0, 0, 0);
    while in_a < a.len() && in_b < b.len() {
        let order = a[in_a].cmp(&b[in_b]);
        both += usize::from(order.is_eq());
        in_a += usize::from(order.is_le());
        in_b += usize::from(order.is_ge());
    }
    both
}

/// Two items without labels have nothing in common.
fn jaccard(a: &[u16], b: &[u16]) -> f64 {
    let both = common(a, b);
    both as f64 / (a.len() + b.len() - both).max(1) as f64
}

/// (2); 0 where nothing is shown.
fn gini(mut shown: Vec<usize>) -> f64 {
    shown.sort_unstable();
    let n = shown.len() as f64;
    let total: usize = shown.iter().sum();
    let weighted: f64 =
        (1_i64..).zip(&shown).map(|(j, &times)| (2.0 * j as f64 - n - 1.0) * times as f64).sum();
    if total == 0 { 0.0 } else { weighted / (n * total as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::attributes::{Attributes, Column};
    use crate::data::ratings::{Duplicates, RatingsBuilder};

    /// Item 0 is rated by users 0–3, item 1 by 0 and 1, item 2 by 3; item 3 by nobody.
    fn train(labelled: bool) -> Ratings {
        let mut builder = RatingsBuilder::new(false);
        for (user, item) in [(0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (1, 1), (3, 2), (9, 3)] {
            builder.push(&user.to_string(), &item.to_string(), 1.0, None);
        }
        let genres = Values::Labels {
            labels: vec!["a".into(), "b".into(), "c".into()],
            members: vec![vec![0, 1], vec![1, 2], vec![0, 1], vec![]],
        };
        let columns =
            if labelled { vec![Column { name: "genres".into(), values: genres }] } else { Vec::new() };
        let all = builder
            .finish("test", None, Duplicates::Error, |_, _| (Attributes::default(), Attributes { columns }))
            .unwrap();
        all.filter(|rating| rating.item != Item(3))
    }

    fn measure(written: &str) -> Measure {
        written.parse().unwrap()
    }

    #[test]
    fn figures_worked_by_hand() {
        let train = train(false);
        let stock = Stock::of(&train);
        let list = [Item(0), Item(1), Item(3)];
        // Four users; counts 4, 2 and none.
        assert_eq!(stock.value(&measure("novelty@2"), &list, &[]), f64::midpoint(0.0, 1.0));
        assert_eq!(stock.value(&measure("novelty@3"), &list, &[]), 1.0);
        assert_eq!(stock.value(&measure("lift@2"), &list, &[Item(1)]), 0.5);
        // Against the average rating: (16 + 4 + 1)/7 = 3.
        assert_eq!(stock.value(&measure("lift@2"), &list, &[]), 0.0);
        let together = 2.0 / 8.0_f64.sqrt();
        assert!((stock.value(&measure("diversity@2"), &list, &[]) - (1.0 - together)).abs() < 1e-12);
        assert!((stock.value(&measure("diversity@3"), &list, &[]) - (1.0 - together / 3.0)).abs() < 1e-12);
        assert_eq!(stock.value(&measure("diversity@1"), &list, &[]), 0.0);
        assert!(stock.likeness().contains("who rated"));
    }

    #[test]
    fn likeness_goes_by_labels_where_there_are_any() {
        let train = train(true);
        let stock = Stock::of(&train);
        assert!(stock.likeness().contains("genres"));
        let third = stock.value(&measure("diversity@2"), &[Item(0), Item(1)], &[]);
        assert!((third - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(stock.value(&measure("diversity@2"), &[Item(0), Item(2)], &[]), 0.0);
        assert_eq!(stock.value(&measure("diversity@2"), &[Item(0), Item(3)], &[]), 1.0);
    }

    #[test]
    fn coverage_and_inequality_are_of_all_lists() {
        let train = train(false);
        let stock = Stock::of(&train);
        let lists = [vec![Item(0), Item(1)], vec![Item(0), Item(2)]];
        let of_all = |written: &str| stock.of_all(&measure(written), lists.iter().map(Vec::as_slice));
        assert_eq!(of_all("coverage@1"), 0.25);
        assert_eq!(of_all("coverage@2"), 0.75);
        // One item alone: 1 − 1/n.
        assert_eq!(of_all("gini@1"), 0.75);
        // 0, 1, 1, 2: (−1·1 + 1·1 + 3·2)/(4·4).
        assert_eq!(of_all("gini@2"), 0.375);
    }
}
