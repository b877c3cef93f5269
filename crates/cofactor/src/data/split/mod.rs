//! From [`Ratings`] to a training and a test part.
//!
//! A [`Plan`] numbers each rating with the fold that tests it; [`Plan::fold`] makes the two parts of one fold when they
//! are asked for. The parts share ids, scale and attributes with the whole. Random splits go by a hash of seed, raw user id
//! and raw item id, so the same rating is held out whatever the order of the file. What else the file holds does not matter
//! either: in `random` and `kfold` no other rating does, in `user` and `loo` no other user's.

mod keys;
mod spec;

use std::cmp::Reverse;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::data::ids::{Item, User};
use crate::data::ratings::{Rated, Rating, Ratings, Time};
use crate::error::{Error, Result};

use keys::Keys;
pub use spec::Spec;

/// The training and the test part of one fold.
#[derive(Debug, Clone)]
pub struct Fold {
    /// `u1`, `3/10`, or the split itself where it has one fold.
    pub name: String,
    /// What a model may learn from.
    pub train: Ratings,
    /// What it is asked about.
    pub test: Ratings,
    /// What the users bring along who are held out whole: a model learns nothing from it and is asked about them after folding them in.
    pub folded: Option<Ratings>,
    /// Among which items each user's test items are ranked, where the protocol says that: one rating of each, of any value. Otherwise among all that the user has not rated.
    pub candidates: Option<Ratings>,
}

/// A split of given ratings: which fold tests which rating.
///
/// Memory: 2 bytes a rating.
pub struct Plan<'a> {
    spec: Spec,
    ratings: &'a Ratings,
    names: Vec<String>,
    /// In the order of [`Ratings::iter`]: the fold that tests the rating, or [`NEVER`], or [`FOLDED_IN`].
    tested_in: Vec<u16>,
    /// Among which items the test items are ranked, where the protocol says that.
    candidates: Option<Ratings>,
}

/// The mark of a rating that belongs to the training part of every fold.
const NEVER: u16 = u16::MAX;

/// The mark of a rating that belongs to no training part, but is brought along by a user who is held out.
const FOLDED_IN: u16 = u16::MAX - 1;

/// Where the pairs of a published test file come from, by the file's name: `u1`; of a published list of candidates: [`CANDIDATES`].
pub type Published<'a> = &'a dyn Fn(&str) -> Result<Vec<(User, Item)>>;

/// The name under which the candidates of [`Spec::Ncf`] are published.
pub const CANDIDATES: &str = "ncf.candidates";

/// What the test part asks about that the training part has never seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unseen {
    /// Users of the test part without a training rating.
    pub users: usize,
    /// Items of the test part without a training rating.
    pub items: usize,
    /// Test ratings whose user or item has no training rating.
    pub ratings: usize,
}

/// Makes the plan of a split. Cost: O(N), and a selection within each user for `user` and over all times for `time`.
///
/// # Errors
/// [`Error::Split`] when one of the parts would be empty, the data have no times and the split needs them, or a published
/// file does not fit the data; and what `published` returns.
pub fn plan<'a>(spec: Spec, ratings: &'a Ratings, seed: u64, published: Published<'_>) -> Result<Plan<'a>> {
    let keys = || Keys::new(ratings.catalog(), seed);
    let (names, tested_in) = match spec {
        Spec::User(share) => (single(spec), of_each_user(ratings, &keys(), share)),
        Spec::Random(share) => (single(spec), at_random(ratings, &keys(), share)),
        Spec::KFold(k) => {
            let names = (1..=k).map(|fold| format!("{fold}/{k}")).collect();
            (names, in_folds(ratings, &keys(), k))
        }
        Spec::Official(files) => {
            let names = files.iter().map(|&name| name.to_owned()).collect();
            (names, as_published(spec, files, ratings, published)?)
        }
        Spec::Loo => (single(spec), latest_of_each_user(ratings, &keys())),
        Spec::Strong(users) => (single(spec), of_new_users(spec, ratings, &keys(), users)?),
        Spec::Ncf | Spec::LightGcn => {
            (single(spec), as_published(spec, &[&spec.to_string()], ratings, published)?)
        }
        Spec::Time(share) => (single(spec), latest(spec, ratings, share)?),
        Spec::None => (single(spec), vec![NEVER; ratings.len()]),
    };
    let candidates = match spec {
        Spec::Ncf => Some(listed(ratings, published(CANDIDATES)?)),
        _ => None,
    };
    let plan = Plan { spec, ratings, names, tested_in, candidates };
    plan.check()?;
    Ok(plan)
}

/// The [`Published`] of data that come without published splits.
pub fn nothing_published(name: &str) -> Result<Vec<(User, Item)>> {
    let (spec, set) = match name {
        "ncf" | CANDIDATES => ("ncf".to_owned(), "ml-1m-ncf"),
        "lightgcn" => (name.to_owned(), "gowalla"),
        _ => (format!("official:{name}"), "ml-100k"),
    };
    Err(Error::Split {
        spec,
        problem: "these data come without published test files".to_owned(),
        hint: format!("only the data set {set} has them; use user:0.2, kfold:5 or time:0.1"),
    })
}

/// Pairs as one rating each, of the ratings' catalogue. Pairs that occur twice are one.
fn listed(ratings: &Ratings, mut pairs: Vec<(User, Item)>) -> Ratings {
    pairs.sort_unstable();
    pairs.dedup();
    let mut starts = vec![0; ratings.users() + 1];
    for (user, _) in &pairs {
        starts[user.index() + 1] += 1;
    }
    for user in 0..ratings.users() {
        starts[user + 1] += starts[user];
    }
    let items: Vec<Item> = pairs.into_iter().map(|(_, item)| item).collect();
    let values = vec![1.0; items.len()];
    Ratings::from_rows(Arc::clone(ratings.catalog()), ratings.scale(), starts, items, values)
        .expect("sorted pairs of the catalogue's indices are rows")
}

/// A validation part: that share of each user's training ratings, as [`Spec::User`] takes it, but by keys of their own, so that it
/// does not depend on the test part.
pub fn validation(train: &Ratings, share: f64, seed: u64) -> Result<Fold> {
    const PURPOSE: u64 = 0x7661_6c69_6461_7465;
    let fold = plan(Spec::User(share), train, keys::mix(seed ^ PURPOSE), &nothing_published)?.fold(0);
    Ok(Fold { name: "validation".to_owned(), ..fold })
}

impl Plan<'_> {
    /// What was asked for.
    pub fn spec(&self) -> Spec {
        self.spec
    }

    /// The ratings that are divided.
    pub fn ratings(&self) -> &Ratings {
        self.ratings
    }

    /// The folds' names; at least one.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Makes the parts of one fold. Cost: O(N), and a copy of every rating.
    ///
    /// # Panics
    /// When there is no such fold.
    pub fn fold(&self, fold: usize) -> Fold {
        let part = |belongs: &dyn Fn(u16) -> bool| {
            let mut tested_in = self.tested_in.iter();
            self.ratings.filter(|_| tested_in.next().is_some_and(|&number| belongs(number)))
        };
        let is_tested = |number: u16| usize::from(number) == fold;
        let train = part(&|number| !is_tested(number) && number != FOLDED_IN);
        let folded = matches!(self.spec, Spec::Strong(_)).then(|| part(&|number| number == FOLDED_IN));
        let candidates = self.candidates.clone();
        Fold { folded, candidates, ..Fold::new(self.names[fold].as_str(), train, part(&is_tested)) }
    }

    /// How many ratings each fold tests.
    pub fn test_sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.names.len()];
        for &fold in self.tested_in.iter().filter(|&&fold| is_test(fold)) {
            sizes[usize::from(fold)] += 1;
        }
        sizes
    }

    /// The share of the tested ratings that are older than the newest training rating of the same user: those for which the model
    /// knows the user's future. `None` without times or tested ratings. Cost: O(N).
    pub fn share_with_known_future(&self) -> Option<f64> {
        if !self.ratings.has_times() {
            return None;
        }
        let (mut tested, mut known, mut start) = (0_usize, 0_usize, 0);
        for (_, row) in self.ratings.rows() {
            let folds = &self.tested_in[start..start + row.len()];
            start += row.len();
            let newest = Newest::of(row.iter().filter_map(|rated| rated.time).zip(folds.iter().copied()));
            for (rated, &fold) in row.iter().zip(folds).filter(|&(_, &fold)| is_test(fold)) {
                tested += 1;
                known += usize::from(rated.time < newest.outside(fold));
            }
        }
        (tested > 0).then(|| known as f64 / tested as f64)
    }

    /// What the split lets a model know that it could not know in use, as a sentence; `None` where nothing is known of that.
    pub fn leakage(&self) -> Option<String> {
        let share = self.share_with_known_future().filter(|&share| share > 0.0)?;
        Some(format!(
            "{} of the test ratings are older than the newest training rating of the same user: the model knows \
             what these users did later. The figures hold for filling gaps; time:0.1 and loo measure prediction of what \
             comes next.",
            spec::percent(share)
        ))
    }

    fn check(&self) -> Result<()> {
        let empty = self.test_sizes().iter().position(|&size| size == 0);
        let all = self.ratings.len();
        let full = self.test_sizes().iter().position(|&size| size == all);
        match (self.spec, empty) {
            _ if all == 0 => Err(self.spec.refuse("there are no ratings", "")),
            (Spec::None, _) => Ok(()),
            (spec, Some(fold)) => {
                let problem =
                    format!("of {all} ratings, the test part of fold {} gets none", self.names[fold]);
                Err(spec.refuse(problem, self.way_out_of_an_empty_part()))
            }
            (spec, None) if full.is_some() => {
                let problem = format!("all {all} ratings are in the test part, none is left for training");
                Err(spec.refuse(problem, "hold out a smaller share, or use more data"))
            }
            _ => Ok(()),
        }
    }

    fn way_out_of_an_empty_part(&self) -> &'static str {
        match self.spec {
            Spec::User(_) => {
                "each user keeps at least one rating: hold out a larger share, or use random:0.1"
            }
            Spec::KFold(_) => "use fewer folds, or more data",
            Spec::Loo => "no user has two ratings: use random:0.1",
            Spec::Time(_) => "too many ratings have the same time: use user:0.2 or random:0.1",
            _ => "hold out a larger share, or use more data",
        }
    }
}

impl Fold {
    /// A fold in which every user is trained on and ranks all items.
    pub fn new(name: impl Into<String>, train: Ratings, test: Ratings) -> Self {
        Self { name: name.into(), train, test, folded: None, candidates: None }
    }

    /// What the test part asks about that training never saw. Cost: O(N).
    pub fn unseen(&self) -> Unseen {
        let seen_items: Vec<bool> = self.train.item_counts().iter().map(|&count| count > 0).collect();
        let mut unseen_items = vec![false; self.test.items()];
        let mut unseen = Unseen::default();
        for (user, row) in self.test.rows().filter(|(_, row)| !row.is_empty()) {
            let brings = self.folded.as_ref().is_some_and(|folded| !folded.row(user).is_empty());
            let seen_user = brings || !self.train.row(user).is_empty();
            unseen.users += usize::from(!seen_user);
            for item in row.items {
                let seen_item = seen_items[item.index()];
                unseen_items[item.index()] |= !seen_item;
                unseen.ratings += usize::from(!(seen_user && seen_item));
            }
        }
        unseen.items = unseen_items.iter().filter(|&&unseen| unseen).count();
        unseen
    }
}

/// Whether the mark is the number of a fold.
fn is_test(mark: u16) -> bool {
    mark < FOLDED_IN
}

fn single(spec: Spec) -> Vec<String> {
    vec![spec.to_string()]
}

/// Within each user, the round(share·n_u) ratings with the smallest keys, but never all.
fn of_each_user(ratings: &Ratings, keys: &Keys, share: f64) -> Vec<u16> {
    let mut tested_in = vec![NEVER; ratings.len()];
    let mut start = 0;
    let mut order: Vec<(u64, usize)> = Vec::new();
    for (user, row) in ratings.rows() {
        let held_out = ((share * row.len() as f64).round() as usize).min(row.len().saturating_sub(1));
        if held_out > 0 {
            order.clear();
            order.extend(
                row.items.iter().zip(start..).map(|(&item, position)| (keys.of(user, item), position)),
            );
            order.select_nth_unstable(held_out);
            for &(_, position) in &order[..held_out] {
                tested_in[position] = 0;
            }
        }
        start += row.len();
    }
    tested_in
}

/// The ratings whose keys lie in the first `share` of all keys.
fn at_random(ratings: &Ratings, keys: &Keys, share: f64) -> Vec<u16> {
    let threshold = (share * 2_f64.powi(64)) as u64;
    let tested = |rating: Rating| keys.of(rating.user, rating.item) < threshold;
    ratings.iter().map(|rating| if tested(rating) { 0 } else { NEVER }).collect()
}

/// The range of the keys in k equal parts.
fn in_folds(ratings: &Ratings, keys: &Keys, k: u16) -> Vec<u16> {
    let fold =
        |rating: Rating| ((u128::from(keys.of(rating.user, rating.item)) * u128::from(k)) >> 64) as u16;
    ratings.iter().map(fold).collect()
}

fn as_published(spec: Spec, files: &[&str], ratings: &Ratings, published: Published<'_>) -> Result<Vec<u16>> {
    let mut starts: Vec<usize> = vec![0];
    starts.extend(ratings.user_counts().scan(0, |end, count| {
        *end += count;
        Some(*end)
    }));
    let mut tested_in = vec![NEVER; ratings.len()];
    for (fold, name) in files.iter().enumerate() {
        for (user, item) in published(name)? {
            let Ok(position) = ratings.row(user).items.binary_search(&item) else {
                let catalog = ratings.catalog();
                let (user, item) = (catalog.user_id(user), catalog.item_id(item));
                let problem = format!("{name}.test rates item {item} by user {user}, which the data do not");
                return Err(spec.refuse(problem, "use the data set as it was published, or another split"));
            };
            let place = &mut tested_in[starts[user.index()] + position];
            if *place != NEVER {
                let catalog = ratings.catalog();
                let (user, item) = (catalog.user_id(user), catalog.item_id(item));
                let problem = format!("the rating of item {item} by user {user} is in the test files twice");
                return Err(spec.refuse(problem, "the files are damaged: fetch the data set again"));
            }
            *place = fold as u16;
        }
    }
    Ok(tested_in)
}

/// The users with the smallest keys among those with two or more ratings: of each one's, the round(n_u/5) with the smallest keys, at least one, and the others to fold in.
fn of_new_users(spec: Spec, ratings: &Ratings, keys: &Keys, users: u32) -> Result<Vec<u16>> {
    const TESTED: f64 = 0.2;
    let mut chosen: Vec<(u64, User)> =
        ratings.rows().filter(|(_, row)| row.len() > 1).map(|(user, _)| (keys.of_user(user), user)).collect();
    let others = ratings.user_counts().filter(|&count| count > 0).count() - chosen.len();
    if users as usize >= chosen.len() + others.min(1) {
        let problem = format!("{} users have two ratings or more", chosen.len());
        return Err(spec.refuse(problem, "hold out fewer users: the others are trained on"));
    }
    chosen.sort_unstable();
    chosen.truncate(users as usize);
    let (starts, ..) = ratings.rows_compressed();
    let mut tested_in = vec![NEVER; ratings.len()];
    for (_, user) in chosen {
        let row = ratings.row(user);
        let tested = ((TESTED * row.len() as f64).round() as usize).clamp(1, row.len() - 1);
        let places = starts[user.index()]..starts[user.index() + 1];
        let mut order: Vec<(u64, usize)> =
            row.items.iter().zip(places.clone()).map(|(&item, place)| (keys.of(user, item), place)).collect();
        order.sort_unstable();
        tested_in[places].fill(FOLDED_IN);
        for &(_, place) in &order[..tested] {
            tested_in[place] = 0;
        }
    }
    Ok(tested_in)
}

/// The newest rating of each user who has two or more; of several, and of all without times, the one with the smallest key.
fn latest_of_each_user(ratings: &Ratings, keys: &Keys) -> Vec<u16> {
    let mut tested_in = vec![NEVER; ratings.len()];
    let mut start = 0;
    for (user, row) in ratings.rows() {
        let order = |(rated, _): &(Rated, usize)| (rated.time, Reverse(keys.of(user, rated.item)));
        if row.len() > 1
            && let Some((_, position)) = row.iter().zip(start..).max_by_key(order)
        {
            tested_in[position] = 0;
        }
        start += row.len();
    }
    tested_in
}

/// The ratings from a moment on, chosen so that their share is as near as ratings of the same moment allow; the smaller test part of
/// two that are equally near.
fn latest(spec: Spec, ratings: &Ratings, share: f64) -> Result<Vec<u16>> {
    need_times(spec, ratings)?;
    let mut times: Vec<Time> = ratings.iter().filter_map(|rating| rating.time).collect();
    let wanted = (share * times.len() as f64).round() as usize;
    if wanted == 0 || wanted >= times.len() {
        return Ok(vec![if wanted == 0 { NEVER } else { 0 }; times.len()]);
    }
    let boundary = times.len() - wanted;
    let moment = *times.select_nth_unstable(boundary).1;
    let after = times.iter().filter(|&&time| time > moment).count();
    let from = times.iter().filter(|&&time| time >= moment).count();
    drop(times);
    let inclusive = from - wanted < wanted - after;
    let tested = |time: Time| if inclusive { time >= moment } else { time > moment };
    Ok(ratings.iter().map(|rating| if rating.time.is_some_and(tested) { 0 } else { NEVER }).collect())
}

fn need_times(spec: Spec, ratings: &Ratings) -> Result<()> {
    if ratings.has_times() {
        return Ok(());
    }
    Err(spec.refuse("it goes by time, and the data have no times", "use user:0.2, random:0.1 or kfold:10"))
}

/// One user's newest time, and the newest outside its fold.
struct Newest {
    first: Option<(Time, u16)>,
    second: Option<Time>,
}

impl Newest {
    fn of(ratings: impl Iterator<Item = (Time, u16)>) -> Self {
        let mut newest = Self { first: None, second: None };
        for (time, fold) in ratings {
            match newest.first {
                Some((best, of)) if of == fold => newest.first = Some((best.max(time), of)),
                Some((best, _)) if time > best => {
                    newest.second = Some(best);
                    newest.first = Some((time, fold));
                }
                Some(_) => newest.second = newest.second.max(Some(time)),
                None => newest.first = Some((time, fold)),
            }
        }
        newest
    }

    /// The newest time among the training ratings of a fold.
    fn outside(&self, fold: u16) -> Option<Time> {
        match self.first {
            Some((time, of)) if of != fold => Some(time),
            _ => self.second,
        }
    }
}

#[cfg(test)]
mod tests;
