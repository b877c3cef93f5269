//! From a fitted model and a fold to each user's values.

use rayon::ThreadPool;
use rayon::prelude::*;

use super::lists::{self, Shelf};
use super::ties::{Discounts, Group, Ranked};
use super::values::UserValues;
use super::{Asked, Measure, Rankings};
use crate::data::ids::{Item, User};
use crate::data::ratings::{Rated, Ratings};
use crate::data::split::Fold;
use crate::error::{Error, Result};
use crate::fit::model::{Model, Query};
use crate::fit::top;

/// Ranks each user's candidates by a fitted model, and measures.
///
/// Cost: O(nk) for each user with a relevant item, spread over the threads, which never change a bit. Memory: n scores a thread, and the lists where a metric asks for
/// them.
///
/// # Errors
/// No test item is relevant, a score is not a number, or users are to be folded in and the model cannot.
pub fn rank(model: &dyn Model, fold: &Fold, asked: &Asked, pool: &ThreadPool) -> Result<Rankings> {
    rank_adjusted(model, fold, asked, None, pool)
}

/// The same with something added to the score of each item.
pub(super) fn rank_adjusted(
    model: &dyn Model,
    fold: &Fold,
    asked: &Asked,
    extra: Option<&[f32]>,
    pool: &ThreadPool,
) -> Result<Rankings> {
    let ranking = Ranking::new(model, fold, asked, extra);
    let users: Vec<Option<Outcome>> = pool.install(|| {
        let users = (0..fold.test.users() as u32).into_par_iter().with_min_len(16);
        let scratch = || vec![0.0; fold.test.items()];
        users.map_init(scratch, |scores, user| ranking.of_user(User(user), scores)).collect::<Result<_>>()
    })?;
    let lists = || users.iter().flatten().map(|outcome| outcome.list.as_slice());
    let of_all: Vec<f64> = asked
        .measures
        .iter()
        .map(|measure| match measure.metric.name {
            "coverage" | "gini" => ranking.shelf.of_all(measure, lists()),
            _ => f64::NAN,
        })
        .collect();
    let values: Vec<Option<UserValues>> =
        users.into_iter().map(|outcome| outcome.map(|outcome| outcome.values)).collect();
    let ranked = values.iter().flatten().count();
    if ranked == 0 {
        return Err(nobody(asked));
    }
    let asked_users = fold.test.user_counts().filter(|&count| count > 0).count();
    let likeness = asked.measures.iter().any(|measure| measure.metric.name == "diversity");
    let likeness = likeness.then(|| ranking.shelf.likeness());
    Ok(Rankings::of_fold(asked, &values, &of_all, asked_users - ranked, likeness))
}

fn nobody(asked: &Asked) -> Error {
    match asked.relevant_from {
        Some(threshold) => Error::parameter(
            "relevant-from",
            threshold,
            "a rating that some test item reaches",
            "lower it, or leave it out: then every test item is relevant",
        ),
        None => Error::unsupported("no test item is there to be ranked", "choose a split such as user:0.2"),
    }
}

/// One user's values, and the list that some of them are made of.
struct Outcome {
    values: UserValues,
    list: Vec<Item>,
}

/// All that does not change from user to user.
struct Ranking<'a> {
    model: &'a dyn Model,
    fold: &'a Fold,
    asked: &'a Asked,
    shelf: Shelf<'a>,
    discounts: Discounts,
    longest: usize,
    extra: Option<&'a [f32]>,
}

impl<'a> Ranking<'a> {
    fn new(model: &'a dyn Model, fold: &'a Fold, asked: &'a Asked, extra: Option<&'a [f32]>) -> Self {
        let most = asked.measures.iter().filter_map(|measure| measure.cutoff).max().unwrap_or(0);
        Self {
            model,
            fold,
            asked,
            shelf: Shelf::of(&fold.train),
            discounts: Discounts::up_to(most.max(fold.test.items())),
            longest: asked.longest_list(),
            extra,
        }
    }

    /// `None` for a user without a relevant item.
    fn of_user(&self, user: User, scores: &mut [f32]) -> Result<Option<Outcome>> {
        let relevant: Vec<Item> = self.fold.test.row(user).iter().filter(|rated| self.is_relevant(rated)).map(|rated| rated.item).collect();
        if relevant.is_empty() {
            return Ok(None);
        }
        let history = self.history(user).row(user).items;
        let (ranked, list) = match &self.fold.candidates {
            Some(given) => self.among(user, given.row(user).items, &relevant)?,
            None => {
                self.score(user, scores)?;
                (ranked(scores, history, &relevant), self.list(scores, history))
            }
        };
        let value = |measure: &Measure| match measure.metric.name {
            "coverage" | "gini" => f64::NAN,
            _ if lists::describes(measure) => self.shelf.value(measure, &list, history),
            _ => value(measure, &ranked, &self.discounts),
        };
        let values = self.asked.measures.iter().map(value).collect();
        Ok(Some(Outcome { values: UserValues { values, relevant: relevant.len() }, list }))
    }

    fn is_relevant(&self, rated: &Rated) -> bool {
        self.asked.relevant_from.is_none_or(|threshold| rated.value >= threshold)
    }

    /// The part that holds what is known of the user.
    fn history(&self, user: User) -> &Ratings {
        match &self.fold.folded {
            Some(folded) if !folded.row(user).is_empty() => folded,
            _ => &self.fold.train,
        }
    }

    /// The scores of all items.
    fn score(&self, user: User, scores: &mut [f32]) -> Result<()> {
        score_all(self.model, self.fold, user, scores)?;
        for (score, extra) in scores.iter_mut().zip(self.extra.into_iter().flatten()) {
            *score += extra;
        }
        match scores.iter().position(|score| !score.is_finite()) {
            None => Ok(()),
            Some(item) => Err(self.no_number(user, Item(item as u32), scores[item])),
        }
    }

    fn no_number(&self, user: User, item: Item, score: f32) -> Error {
        let catalog = self.fold.test.catalog();
        let (user, item) = (catalog.user_id(user), catalog.item_id(item));
        Error::unsupported(
            format!("the model scores item {item} for user {user} with {score}"),
            "the factors are too large to multiply: lower the learning rate or raise the penalty",
        )
    }

    fn list(&self, scores: &[f32], history: &[Item]) -> Vec<Item> {
        if self.longest == 0 {
            return Vec::new();
        }
        let candidates = (0..).map(Item).zip(scores.iter().copied());
        let best = top::best(self.longest, candidates, |item| history.binary_search(&item).is_err());
        best.into_iter().map(|(item, _)| item).collect()
    }

    /// The ranking among a list of candidates and the relevant items.
    fn among(&self, user: User, given: &[Item], relevant: &[Item]) -> Result<(Ranked, Vec<Item>)> {
        let mut items: Vec<Item> = given.iter().chain(relevant).copied().collect();
        items.sort_unstable();
        items.dedup();
        let mut scored = Vec::with_capacity(items.len());
        for &item in &items {
            let score = self.model.predict(Query { user: Some(user), item: Some(item), time: None })
                + self.extra.map_or(0.0, |extra| extra[item.index()]);
            if !score.is_finite() {
                return Err(self.no_number(user, item, score));
            }
            scored.push((score, relevant.binary_search(&item).is_ok()));
        }
        let candidates = items.iter().copied().zip(scored.iter().map(|&(score, _)| score));
        let list = top::best(self.longest, candidates, |_| true).into_iter().map(|(item, _)| item).collect();
        Ok((Ranked::of(&scored).expect("a relevant item is among them"), list))
    }
}

/// The scores of all items for a user of a fold, who is folded in where the fold says so. `out` has n entries.
pub(crate) fn score_all(model: &dyn Model, fold: &Fold, user: User, out: &mut [f32]) -> Result<()> {
    let history = fold.folded.as_ref().map(|folded| folded.row(user)).filter(|row| !row.is_empty());
    let Some(history) = history else {
        model.predict_all(Some(user), None, out);
        return Ok(());
    };
    let Some(newcomer) = model.fold_in(history) else {
        return Err(Error::unsupported(
            "the split holds users out, and the model takes nobody in after training",
            "use a model with factors, such as 'mf', or a split such as user:0.2",
        ));
    };
    newcomer.score_all(out);
    Ok(())
}

/// Where the relevant items stand among all items but the excluded ones, by finite scores. Both lists of items increase, and share none.
fn ranked(scores: &mut [f32], excluded: &[Item], relevant: &[Item]) -> Ranked {
    let mut levels: Vec<f32> = relevant.iter().map(|item| scores[item.index()]).collect();
    levels.sort_by(|a, b| b.total_cmp(a));
    let mut groups: Vec<Group> = levels
        .chunk_by(|a, b| a == b)
        .map(|tied| Group { ahead: 0, size: 0, relevant: tied.len() })
        .collect();
    levels.dedup();
    for item in excluded {
        scores[item.index()] = f32::NEG_INFINITY;
    }
    // How many score between a level and the one above it.
    let mut between = vec![0; levels.len()];
    let lowest = levels[levels.len() - 1];
    for &score in scores.iter().filter(|&&score| score >= lowest) {
        let level = levels.partition_point(|&level| level > score);
        if levels[level] == score {
            groups[level].size += 1;
        } else {
            between[level] += 1;
        }
    }
    let mut ahead = 0;
    for (group, between) in groups.iter_mut().zip(between) {
        ahead += between;
        group.ahead = ahead;
        ahead += group.size;
    }
    Ranked::new(scores.len() - excluded.len(), groups)
}

/// One metric of one user's ranking.
fn value(measure: &Measure, ranked: &Ranked, discounts: &Discounts) -> f64 {
    let n = measure.cutoff.unwrap_or(usize::MAX);
    match measure.metric.name {
        "ndcg" => ranked.ndcg(n, discounts),
        "recall" => ranked.recall(n),
        "recall_capped" => ranked.recall_capped(n),
        "precision" => ranked.precision(n),
        "map" => ranked.average_precision(n),
        "mrr" => ranked.reciprocal_rank(n),
        "hitrate" => ranked.hit_rate(n),
        "auc" => ranked.auc(),
        "epr" => ranked.percentile_rank(),
        other => unreachable!("'{other}' is a metric of lists"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn counting_gives_the_same_groups_as_sorting(
            cells in proptest::collection::vec((0_u8..4, 0_u8..4), 1..40),
        ) {
            // One in four is excluded, one in four relevant.
            let of_kind = |kind: u8| -> Vec<Item> {
                (0..).map(Item).zip(&cells).filter(|(_, cell)| cell.1 == kind).map(|(item, _)| item).collect()
            };
            let (excluded, relevant) = (of_kind(0), of_kind(1));
            let candidates: Vec<(f32, bool)> = cells
                .iter()
                .filter(|cell| cell.1 != 0)
                .map(|cell| (f32::from(cell.0), cell.1 == 1))
                .collect();
            let mut scores: Vec<f32> = cells.iter().map(|cell| f32::from(cell.0)).collect();
            if !relevant.is_empty() {
                prop_assert_eq!(Some(ranked(&mut scores, &excluded, &relevant)), Ranked::of(&candidates));
            }
        }
    }
}
