//! From a fitted model and a fold to each user's values.

use rayon::ThreadPool;
use rayon::prelude::*;

use super::lists::{self, Stock};
use super::ties::{Discounts, Group, Ranked};
use super::values::UserValues;
use super::{Asked, Measure, Rankings};
use crate::data::ids::{Item, User};
use crate::data::ratings::{Rated, Ratings};
use crate::data::split::Fold;
use crate::error::{Error, Result};
use crate::fit::factors::best::Sheet;
use crate::fit::model::{Model, Query, TOGETHER};
use crate::fit::top;

/// Ranks each user's candidates by a fitted model, and measures.
///
/// Cost: O(nk) for each user with a relevant item, spread over the threads, which never change a bit. Memory: 32n scores a thread, 4(k + 1) bytes an item where scores are
/// one inner product, and the lists where a metric asks for them.
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
    let all: Vec<User> = (0..fold.test.users() as u32).map(User).collect();
    let blocks: Vec<Vec<Option<Outcome>>> = pool.install(|| {
        let scratch = || vec![0.0; TOGETHER * fold.test.items()];
        let blocks = all.par_chunks(TOGETHER);
        blocks.map_init(scratch, |scores, users| ranking.of_users(users, scores)).collect::<Result<_>>()
    })?;
    let users: Vec<Option<Outcome>> = blocks.into_iter().flatten().collect();
    let lists = || users.iter().flatten().map(|outcome| outcome.list.as_slice());
    let of_all: Vec<f64> = asked
        .measures
        .iter()
        .map(|measure| match measure.metric.name {
            "coverage" | "gini" => ranking.stock.of_all(measure, lists()),
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
    let likeness = likeness.then(|| ranking.stock.likeness());
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
    stock: Stock<'a>,
    discounts: Discounts,
    longest: usize,
    extra: Option<&'a [f32]>,
    /// All items, packed for many users at once, where scores are one inner product of trained vectors.
    items: Option<Sheet<'a>>,
    /// Whether the model scores a block's users together.
    together: bool,
}

impl<'a> Ranking<'a> {
    fn new(model: &'a dyn Model, fold: &'a Fold, asked: &'a Asked, extra: Option<&'a [f32]>) -> Self {
        let most = asked.measures.iter().filter_map(|measure| measure.cutoff).max().unwrap_or(0);
        let trained = fold.folded.is_none();
        Self {
            model,
            fold,
            asked,
            stock: Stock::of(&fold.train),
            discounts: Discounts::up_to(most.max(fold.test.items())),
            longest: asked.longest_list(),
            extra,
            items: match model.factors() {
                Some(factors) if trained && fold.candidates.is_none() => Sheet::of(factors, extra),
                _ => None,
            },
            together: trained && model.whole_rows(),
        }
    }

    /// The outcomes of a block of users; `None` for one without a relevant item.
    fn of_users(&self, users: &[User], scores: &mut [f32]) -> Result<Vec<Option<Outcome>>> {
        let n = self.fold.test.items();
        let relevant: Vec<Vec<Item>> = users.iter().map(|&user| self.relevant(user)).collect();
        let asked: Vec<User> = users
            .iter()
            .zip(&relevant)
            .filter(|(_, relevant)| !relevant.is_empty())
            .map(|(&user, _)| user)
            .collect();
        let block = &mut scores[..asked.len() * n];
        match &self.items {
            Some(items) => items.scores(&asked, block),
            None if self.together => self.model.predict_many(&asked, block),
            None => (),
        }
        let mut rows = scores.chunks_exact_mut(n.max(1));
        let one = |(&user, relevant): (&User, &Vec<Item>)| {
            if relevant.is_empty() {
                return Ok(None);
            }
            let row = rows.next().expect("there is a row for each user of a block");
            self.of_user(user, relevant, row).map(Some)
        };
        users.iter().zip(&relevant).map(one).collect()
    }

    fn relevant(&self, user: User) -> Vec<Item> {
        let row = self.fold.test.row(user);
        row.iter().filter(|rated| self.is_relevant(rated)).map(|rated| rated.item).collect()
    }

    fn of_user(&self, user: User, relevant: &[Item], scores: &mut [f32]) -> Result<Outcome> {
        let history = self.history(user).row(user).items;
        let (ranked, list) = match &self.fold.candidates {
            Some(given) => self.among(user, given.row(user).items, relevant, scores)?,
            None => {
                self.score(user, scores)?;
                (ranked(scores, history, relevant), self.list(scores, history))
            }
        };
        let value = |measure: &Measure| match measure.metric.name {
            "coverage" | "gini" => f64::NAN,
            _ if lists::describes(measure) => self.stock.value(measure, &list, history),
            _ => value(measure, &ranked, &self.discounts),
        };
        let values = self.asked.measures.iter().map(value).collect();
        Ok(Outcome { values: UserValues { values, relevant: relevant.len() }, list })
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

    /// The scores of all items, unless they have been taken with the block's.
    fn score(&self, user: User, scores: &mut [f32]) -> Result<()> {
        if self.items.is_none() {
            if !self.together {
                score_all(self.model, self.fold, user, scores)?;
            }
            for (score, extra) in scores.iter_mut().zip(self.extra.into_iter().flatten()) {
                *score += extra;
            }
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

    /// The ranking among a list of candidates and the relevant items. `scores`: of all items, if the model has scored a block's users together.
    fn among(
        &self,
        user: User,
        given: &[Item],
        relevant: &[Item],
        scores: &[f32],
    ) -> Result<(Ranked, Vec<Item>)> {
        let known = |item: Item| {
            if self.together {
                scores[item.index()]
            } else {
                self.model.predict(Query { user: Some(user), item: Some(item), time: None })
            }
        };
        let mut items: Vec<Item> = given.iter().chain(relevant).copied().collect();
        items.sort_unstable();
        items.dedup();
        let mut scored = Vec::with_capacity(items.len());
        for &item in &items {
            let score = known(item) + self.extra.map_or(0.0, |extra| extra[item.index()]);
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

/// The metrics of one list of candidates by their scores and whether each is relevant; `None` where none is.
///
/// # Errors
/// A score is not a finite number; a metric that describes lists.
pub fn rank_scores(candidates: &[(f32, bool)], measures: &[Measure]) -> Result<Option<Vec<f64>>> {
    if let Some(measure) = measures.iter().find(|measure| lists::describes(measure)) {
        let expected = "a metric of how well a ranking fits";
        return Err(Error::parameter("metrics", measure, expected, "the others need to know the items"));
    }
    if let Some((score, _)) = candidates.iter().find(|(score, _)| !score.is_finite()) {
        return Err(Error::parameter(
            "scores",
            score,
            "finite numbers",
            "give what is no candidate no place",
        ));
    }
    let Some(ranked) = Ranked::of(candidates) else { return Ok(None) };
    let most = measures.iter().filter_map(|measure| measure.cutoff).max().unwrap_or(0);
    let discounts = Discounts::up_to(most.max(candidates.len()));
    Ok(Some(measures.iter().map(|measure| value(measure, &ranked, &discounts)).collect()))
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
    use crate::data::split::{nothing_published, plan};
    use crate::data::synth::{Synth, generate};
    use crate::fit::run::{Run, thread_pool};
    use crate::registry;
    use proptest::prelude::*;
    use serde_json::json;

    fn ratings() -> Ratings {
        generate(&Synth::parse("synth:users=90,items=70,ratings=2500").unwrap()).unwrap().ratings
    }

    /// A model fitted on a fold, ranked by so many threads.
    fn ranked_by(model: &str, split: &str, asked: &Asked, threads: usize) -> Result<Rankings> {
        let ratings = ratings();
        let fold = plan(split.parse().unwrap(), &ratings, 3, &nothing_published).unwrap().fold(0);
        let parameters = if model == "mf" { json!({"factors": 5, "epochs": 6}) } else { json!({}) };
        let parameters = serde_json::from_value(parameters).unwrap();
        let algorithm = registry::find(model).unwrap().configure(&parameters).unwrap();
        let fitted = algorithm.fit(&fold.train, &mut Run::new(1, 1).unwrap()).unwrap();
        rank(&*fitted, &fold, asked, &thread_pool(threads).unwrap())
    }

    fn asked(written: &str) -> Asked {
        Asked::parse(written, None).unwrap()
    }

    /// What the tiles give is what each user's scores give, one by one and sorted.
    #[test]
    fn blocks_of_users_are_ranked_as_each_alone() {
        let (ratings, asked) = (ratings(), asked("ndcg@5,recall@7,auc,novelty@5,coverage@5"));
        let fold = plan("user:0.3".parse().unwrap(), &ratings, 3, &nothing_published).unwrap().fold(0);
        let parameters = serde_json::from_value(json!({"factors": 5, "epochs": 6})).unwrap();
        let algorithm = registry::find("mf").unwrap().configure(&parameters).unwrap();
        let model = algorithm.fit(&fold.train, &mut Run::new(1, 1).unwrap()).unwrap();
        let found = rank(&*model, &fold, &asked, &thread_pool(2).unwrap()).unwrap();
        let mut scores = vec![0.0; ratings.items()];
        let (mut values, mut novelties, mut shown) =
            (Vec::new(), Vec::new(), std::collections::BTreeSet::new());
        let counts = fold.train.item_counts();
        for (user, row) in fold.test.rows().filter(|(_, row)| !row.is_empty()) {
            model.predict_all(Some(user), None, &mut scores);
            let seen = fold.train.row(user);
            let candidates: Vec<Item> =
                (0..ratings.items() as u32).map(Item).filter(|&item| !seen.contains(item)).collect();
            let scored: Vec<(f32, bool)> =
                candidates.iter().map(|item| (scores[item.index()], row.contains(*item))).collect();
            values.push(rank_scores(&scored, &asked.measures[..3]).unwrap().unwrap());
            let mut best = candidates.clone();
            best.sort_by(|a, b| scores[b.index()].total_cmp(&scores[a.index()]).then(a.cmp(b)));
            best.truncate(5);
            let bits = |item: &Item| -(counts[item.index()].max(1) as f64 / 90.0).log2();
            novelties.push(best.iter().map(bits).sum::<f64>() / 5.0);
            shown.extend(best);
        }
        for place in 0..3 {
            for (found, value) in found.by_user(place).unwrap().iter().zip(&values) {
                assert!((found - value[place]).abs() < 1e-12, "{}", asked.measures[place]);
            }
        }
        assert!(found.by_user(3).unwrap().iter().zip(&novelties).all(|(a, b)| (a - b).abs() < 1e-12));
        let coverage = found.figures().metrics["coverage@5"];
        assert_eq!((coverage.mean, coverage.stderr), (shown.len() as f64 / ratings.items() as f64, None));
    }

    #[test]
    fn threads_never_change_a_bit() {
        let asked = asked("usual,gini@3,diversity@3,lift@3");
        for (model, split) in [("mf", "user:0.3"), ("baseline", "user:0.3"), ("mf", "strong:20")] {
            let one = ranked_by(model, split, &asked, 1).unwrap();
            assert_eq!(one, ranked_by(model, split, &asked, 3).unwrap(), "{model} {split}");
            assert_eq!(one.figures().users, if split == "strong:20" { 20 } else { 90 });
        }
    }

    #[test]
    fn given_candidates_are_all_that_is_ranked() {
        let ratings = ratings();
        let mut fold = plan("loo".parse().unwrap(), &ratings, 3, &nothing_published).unwrap().fold(0);
        fold.candidates = Some(fold.train.filter(|rating| rating.item.0 % 5 == 0));
        let algorithm = registry::find("baseline").unwrap().configure(&serde_json::Map::new()).unwrap();
        let model = algorithm.fit(&fold.train, &mut Run::new(1, 1).unwrap()).unwrap();
        let found = rank(&*model, &fold, &asked("mrr,precision@1"), &thread_pool(1).unwrap()).unwrap();
        let tested = fold.test.rows().filter(|(_, row)| !row.is_empty());
        for ((user, row), found) in tested.zip(found.by_user(0).unwrap()) {
            let score = |item: Item| model.predict(Query { user: Some(user), item: Some(item), time: None });
            let own = score(row.items[0]);
            let given = fold.candidates.as_ref().unwrap().row(user).items;
            let ahead = given.iter().filter(|&&item| item != row.items[0] && score(item) > own).count();
            assert!((found - 1.0 / (ahead + 1) as f64).abs() < 1e-12);
        }
    }

    #[test]
    fn what_cannot_be_ranked_says_why() {
        let nobody = ranked_by("baseline", "user:0.3", &Asked::parse("auc", Some(9.0)).unwrap(), 1);
        assert_eq!(
            nobody.unwrap_err().to_string(),
            "relevant-from = 9: expected a rating that some test item reaches\n  help: lower it, or leave it out: then every test item is relevant"
        );
        let measures = asked("ndcg@2,novelty@2").measures;
        assert!(
            rank_scores(&[(1.0, true)], &measures)
                .unwrap_err()
                .to_string()
                .starts_with("metrics = novelty@2")
        );
        assert!(rank_scores(&[(f32::NAN, true)], &measures[..1]).is_err());
        assert_eq!(rank_scores(&[(1.0, false)], &measures[..1]).unwrap(), None);
    }

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
