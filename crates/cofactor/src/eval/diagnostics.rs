//! What the errors on a test part look like, and what the model has learned about the items.
//!
//! An error here is the prediction minus the rating. Standard errors take the user as the unit that is drawn, as those of
//! [`super::metric`] do.

use serde::{Deserialize, Serialize};

use super::drift::{self, Drifts};
use super::interval::{clustered_mean, root};
pub use super::map::{ItemMap, MapItem};
use crate::data::ids::User;
use crate::data::ratings::{Ratings, Scale};
use crate::data::split::Fold;
use crate::fit::model::Model;

/// Everything that a page draws about one fold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Diagnostics {
    /// How often errors of each size occur.
    pub errors: Option<ErrorHistogram>,
    /// The errors by the true rating.
    pub by_rating: Vec<RatingError>,
    /// What users said where the model predicted much the same.
    pub calibration: Vec<Calibration>,
    /// The error by how many training ratings the user has.
    pub by_user_activity: Vec<Group>,
    /// The error by how many training ratings the item has.
    pub by_item_popularity: Vec<Group>,
    /// How ratings and predictions spread over the scale.
    pub shares: Vec<RatingShare>,
    /// The items in the plane.
    pub item_map: Option<ItemMap>,
    /// How the items' biases drift, if they do.
    pub drift: Option<Drifts>,
}

/// A histogram of errors and the normal distribution of the same mean and deviation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorHistogram {
    /// The ends of the bins, increasing; one more than there are counts.
    pub edges: Vec<f64>,
    /// Errors in each bin; the first and the last also hold what lies beyond them.
    pub counts: Vec<usize>,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
    /// The part of them within half a unit of the scale: 0 to 1.
    #[serde(default)]
    pub within_half: f64,
    /// The part of them within one unit of the scale: 0 to 1.
    #[serde(default)]
    pub within_one: f64,
}

/// The errors of all test ratings of one value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RatingError {
    /// The rating that was given.
    pub rating: f64,
    /// How many there are.
    pub n: usize,
    /// The mean prediction for them.
    pub predicted: f64,
    /// The deviation of those predictions.
    pub deviation: f64,
    /// Their RMSE.
    pub rmse: f64,
}

/// The ratings whose predictions lie near each other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The mean prediction.
    pub predicted: f64,
    /// The mean rating.
    pub observed: f64,
    /// The standard error of the mean rating; zero where a single user gave them all.
    pub stderr: f64,
    /// How many there are.
    pub n: usize,
}

/// The test ratings of users, or of items, with so many training ratings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// At least so many.
    pub low: usize,
    /// At most so many.
    pub high: usize,
    /// Test ratings in the group.
    pub n: usize,
    /// Their RMSE.
    pub rmse: f64,
    /// Its standard error; zero where a single user gave them all.
    pub stderr: f64,
}

/// How much of the ratings, and of the predictions rounded to them, has one value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RatingShare {
    /// The value.
    pub value: f64,
    /// The part of the training ratings nearest to it: 0 to 1.
    #[serde(default)]
    pub training: f64,
    /// The part of the test ratings nearest to it: 0 to 1.
    pub ratings: f64,
    /// The part of the predictions nearest to it: 0 to 1.
    pub predictions: f64,
}

/// Bins of the error histogram.
const ERROR_BINS: usize = 40;
/// More different ratings than these are gathered into as many bins of equal width.
const MOST_LEVELS: usize = 20;
/// Bins of the calibration, with about the same number of test ratings each.
const CALIBRATION_BINS: usize = 12;
/// Groups by activity and popularity, with about the same number of test ratings each; one more for those without training ratings.
const GROUPS: usize = 8;

/// Looks at one fold: `predictions` has one entry for each of `fold.test.iter()`. Cost: O(N log N), memory about 50 bytes a test rating.
///
/// # Panics
/// When there are not as many predictions as test ratings.
pub fn diagnose(model: &dyn Model, fold: &Fold, predictions: &[f32]) -> Diagnostics {
    assert_eq!(fold.test.len(), predictions.len(), "one prediction for each rating");
    let item_map = model.factors().and_then(|factors| super::map::item_map(&factors.items, &fold.train));
    let drift = model.item_drift().and_then(|drift| drift::drifts(&drift, &fold.train));
    if predictions.is_empty() {
        return Diagnostics { item_map, drift, ..Diagnostics::default() };
    }
    let pairs = pairs(&fold.test, predictions);
    let levels = Levels::of(&fold.train, &fold.test);
    let user_counts: Vec<usize> = fold.train.user_counts().collect();
    let item_counts = fold.train.item_counts();
    let of_user: Vec<u32> = fold.test.iter().map(|rating| user_counts[rating.user.index()] as u32).collect();
    let of_item: Vec<u32> = fold.test.iter().map(|rating| item_counts[rating.item.index()] as u32).collect();
    Diagnostics {
        errors: Some(error_histogram(&pairs, fold.test.scale())),
        by_rating: by_rating(&pairs, &levels),
        calibration: calibration(&pairs),
        by_user_activity: by_count(&pairs, &of_user),
        by_item_popularity: by_count(&pairs, &of_item),
        shares: shares(&pairs, &levels, &fold.train),
        item_map,
        drift,
    }
}

/// A test rating beside its prediction.
#[derive(Debug, Clone, Copy)]
struct Pair {
    user: User,
    rating: f32,
    prediction: f32,
}

impl Pair {
    fn error(&self) -> f64 {
        f64::from(self.prediction) - f64::from(self.rating)
    }
}

/// In the order of the test part, so by user.
fn pairs(test: &Ratings, predictions: &[f32]) -> Vec<Pair> {
    test.iter()
        .zip(predictions)
        .map(|(rating, &prediction)| Pair { user: rating.user, rating: rating.value, prediction })
        .collect()
}

/// Bins of equal width from minus to plus the length of the scale, so that those of two models can be compared.
fn error_histogram(pairs: &[Pair], scale: Scale) -> ErrorHistogram {
    let reach = f64::from(scale.max) - f64::from(scale.min);
    let reach = if reach > 0.0 { reach } else { 1.0 };
    let width = 2.0 * reach / ERROR_BINS as f64;
    let mut counts = vec![0; ERROR_BINS];
    for pair in pairs {
        // A negative float becomes zero.
        let bin = ((pair.error() + reach) / width) as usize;
        counts[bin.min(ERROR_BINS - 1)] += 1;
    }
    let (mean, deviation) = moments(pairs.iter().map(Pair::error));
    let within = |size: f64| {
        pairs.iter().filter(|pair| pair.error().abs() <= size).count() as f64 / pairs.len() as f64
    };
    ErrorHistogram {
        edges: (0..=ERROR_BINS).map(|bin| bin as f64 * width - reach).collect(),
        counts,
        mean,
        deviation,
        within_half: within(0.5),
        within_one: within(1.0),
    }
}

fn by_rating(pairs: &[Pair], levels: &Levels) -> Vec<RatingError> {
    let mut members: Vec<Vec<Pair>> = vec![Vec::new(); levels.0.len()];
    for pair in pairs {
        members[levels.nearest(f64::from(pair.rating))].push(*pair);
    }
    let of = |(&rating, members): (&f64, &Vec<Pair>)| {
        let (predicted, deviation) = moments(members.iter().map(|pair| f64::from(pair.prediction)));
        let squares: f64 = members.iter().map(|pair| pair.error().powi(2)).sum();
        let rmse = (squares / members.len() as f64).sqrt();
        RatingError { rating, n: members.len(), predicted, deviation, rmse }
    };
    levels.0.iter().zip(&members).filter(|(_, members)| !members.is_empty()).map(of).collect()
}

fn calibration(pairs: &[Pair]) -> Vec<Calibration> {
    let mut predictions: Vec<f32> = pairs.iter().map(|pair| pair.prediction).collect();
    predictions.sort_unstable_by(f32::total_cmp);
    let starts = quantile_starts(&predictions, CALIBRATION_BINS);
    let bin = |pair: &Pair| starts.partition_point(|&start| start <= pair.prediction) - 1;
    grouped(pairs, starts.len(), |_, pair| bin(pair))
        .into_iter()
        .map(|members| {
            let (observed, stderr) = clustered(&members, |pair| f64::from(pair.rating));
            let (predicted, _) = moments(members.iter().map(|pair| f64::from(pair.prediction)));
            Calibration { predicted, observed, stderr, n: members.len() }
        })
        .collect()
}

/// Groups by a count of each pair, which never divide equal counts; those with count zero are a group of their own.
fn by_count(pairs: &[Pair], counts: &[u32]) -> Vec<Group> {
    let mut sorted = counts.to_vec();
    sorted.sort_unstable();
    let zeros = sorted.partition_point(|&count| count == 0);
    let mut starts = quantile_starts(&sorted[zeros..], GROUPS);
    if zeros > 0 {
        starts.insert(0, 0);
    }
    let last_below = |end: u32| sorted[sorted.partition_point(|&count| count < end) - 1];
    let highs: Vec<u32> =
        starts[1..].iter().map(|&start| last_below(start)).chain(sorted.last().copied()).collect();
    let group = |position: usize| starts.partition_point(|&start| start <= counts[position]) - 1;
    grouped(pairs, starts.len(), |position, _| group(position))
        .into_iter()
        .zip(starts.iter().zip(&highs))
        .map(|(members, (&low, &high))| {
            let (rmse, stderr) = root(clustered(&members, |pair| pair.error().powi(2)));
            Group { low: low as usize, high: high as usize, n: members.len(), rmse, stderr }
        })
        .collect()
}

fn shares(pairs: &[Pair], levels: &Levels, train: &Ratings) -> Vec<RatingShare> {
    let training = levels.shares(train.values().iter().copied());
    let ratings = levels.shares(pairs.iter().map(|pair| pair.rating));
    let predictions = levels.shares(pairs.iter().map(|pair| pair.prediction));
    let share = |level: usize| RatingShare {
        value: levels.0[level],
        training: training[level],
        ratings: ratings[level],
        predictions: predictions[level],
    };
    (0..levels.0.len()).map(share).collect()
}

/// The values that ratings are counted at: those that occur, or the middles of equal parts of the scale where there are many.
struct Levels(Vec<f64>);

impl Levels {
    fn of(train: &Ratings, test: &Ratings) -> Self {
        let mut levels: Vec<f64> = Vec::new();
        for value in train.values().iter().chain(test.values()).map(|&value| f64::from(value)) {
            if let Err(position) = levels.binary_search_by(|level| level.total_cmp(&value)) {
                levels.insert(position, value);
            }
            if levels.len() > MOST_LEVELS {
                let Scale { min, max } = train.scale();
                let (min, width) = (f64::from(min), f64::from(max) - f64::from(min));
                let middle = |part: usize| min + width * (part as f64 + 0.5) / MOST_LEVELS as f64;
                return Self((0..MOST_LEVELS).map(middle).collect());
            }
        }
        Self(levels)
    }

    /// The position of the nearest level; of two equally near, the upper one.
    fn nearest(&self, value: f64) -> usize {
        let above = self.0.partition_point(|&level| level < value);
        match above.checked_sub(1) {
            Some(below) if above == self.0.len() || value - self.0[below] < self.0[above] - value => below,
            _ => above,
        }
    }

    /// The part of the values nearest to each level.
    fn shares(&self, values: impl Iterator<Item = f32>) -> Vec<f64> {
        let mut counts = vec![0_usize; self.0.len()];
        for value in values {
            counts[self.nearest(f64::from(value))] += 1;
        }
        let all = counts.iter().sum::<usize>().max(1) as f64;
        counts.into_iter().map(|count| count as f64 / all).collect()
    }
}

/// The smallest value of each of at most `parts` parts of about the same size; equal values stay together. Empty for no values.
fn quantile_starts<T: Copy + PartialEq>(sorted: &[T], parts: usize) -> Vec<T> {
    let mut starts: Vec<T> =
        (0..parts).filter_map(|part| sorted.get(part * sorted.len() / parts).copied()).collect();
    starts.dedup();
    starts
}

/// The pairs of each group, in order.
fn grouped(pairs: &[Pair], groups: usize, group: impl Fn(usize, &Pair) -> usize) -> Vec<Vec<Pair>> {
    let mut members = vec![Vec::new(); groups];
    for (position, pair) in pairs.iter().enumerate() {
        members[group(position, pair)].push(*pair);
    }
    members
}

/// A mean over pairs that are sorted by user, and its standard error with users as clusters; zero for a single user.
fn clustered(pairs: &[Pair], value: impl Fn(&Pair) -> f64) -> (f64, f64) {
    let by_user = pairs
        .chunk_by(|a, b| a.user == b.user)
        .map(|of_user| (of_user.len(), of_user.iter().map(&value).sum::<f64>()));
    let (mean, stderr) = clustered_mean(by_user);
    (mean, if stderr.is_finite() { stderr } else { 0.0 })
}

/// Mean and standard deviation (of the population).
fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    (mean, (values.map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ratings::{Duplicates, RatingsBuilder};
    use crate::registry;
    use proptest::prelude::*;

    fn pair(user: u32, rating: f32, prediction: f32) -> Pair {
        Pair { user: User(user), rating, prediction }
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn errors_fall_into_their_bins() {
        let scale = Scale { min: 1.0, max: 5.0 };
        // Errors −0.25, 0.75, 1.25 and 6, which lies beyond the last bin.
        let pairs = [pair(0, 3.0, 2.75), pair(0, 3.0, 3.75), pair(1, 3.0, 4.25), pair(1, 1.0, 7.0)];
        let histogram = error_histogram(&pairs, scale);
        assert_eq!(histogram.edges.len(), ERROR_BINS + 1);
        assert_eq!((histogram.edges[0], histogram.edges[ERROR_BINS]), (-4.0, 4.0));
        let filled: Vec<usize> = (0..ERROR_BINS).filter(|&bin| histogram.counts[bin] > 0).collect();
        assert_eq!(filled, [18, 23, 26, 39]);
        assert_eq!(histogram.counts.iter().sum::<usize>(), 4);
        assert!(close(histogram.mean, 7.75 / 4.0));
        let squares = 0.25_f64.powi(2) + 0.75_f64.powi(2) + 1.25_f64.powi(2) + 36.0;
        assert!(close(histogram.deviation, (squares / 4.0 - histogram.mean.powi(2)).sqrt()));
        assert_eq!((histogram.within_half, histogram.within_one), (0.25, 0.5));
    }

    #[test]
    fn each_rating_has_its_own_error() {
        let pairs = [pair(0, 1.0, 2.0), pair(1, 1.0, 4.0), pair(2, 5.0, 4.5)];
        let of = by_rating(&pairs, &Levels(vec![1.0, 3.0, 5.0]));
        assert_eq!(of.len(), 2);
        assert_eq!(
            of[0],
            RatingError { rating: 1.0, n: 2, predicted: 3.0, deviation: 1.0, rmse: 5.0_f64.sqrt() }
        );
        assert_eq!(of[1], RatingError { rating: 5.0, n: 1, predicted: 4.5, deviation: 0.0, rmse: 0.5 });
    }

    #[test]
    fn equal_predictions_share_a_bin_of_the_calibration() {
        // Two predictions only; users rate them 3 ± 1 and 4 on average.
        let mut pairs: Vec<Pair> =
            (0..40).map(|user| pair(user, if user % 2 == 0 { 2.0 } else { 4.0 }, 3.5)).collect();
        pairs.extend((40..60).map(|user| pair(user, 4.0, 4.0)));
        let bins = calibration(&pairs);
        assert_eq!(bins.len(), 2);
        assert_eq!((bins[0].predicted, bins[0].observed, bins[0].n), (3.5, 3.0, 40));
        assert!(close(bins[0].stderr, (40.0 / 39.0 / 40.0_f64).sqrt()));
        assert_eq!((bins[1].predicted, bins[1].observed, bins[1].stderr), (4.0, 4.0, 0.0));
    }

    #[test]
    fn groups_by_count_know_their_ends_and_their_error() {
        // Nobody knows user 0; the error of the others is their count in tenths.
        let counts: Vec<u32> = (0..161).map(|position| position / 10).collect();
        let pairs: Vec<Pair> = counts.iter().map(|&count| pair(count, 0.0, count as f32 / 10.0)).collect();
        let groups = by_count(&pairs, &counts);
        assert_eq!(groups.len(), 1 + GROUPS);
        assert_eq!((groups[0].low, groups[0].high, groups[0].n, groups[0].rmse), (0, 0, 10, 0.0));
        assert_eq!(groups.iter().map(|group| group.n).sum::<usize>(), 161);
        assert_eq!((groups[1].low, groups[GROUPS].high), (1, 16));
        assert!(groups.windows(2).all(|pair| pair[0].high < pair[1].low && pair[0].rmse < pair[1].rmse));
        let one = by_count(&pairs[10..20], &counts[10..20]);
        assert_eq!((one.len(), one[0].low, one[0].high, one[0].stderr), (1, 1, 1, 0.0));
        assert!((one[0].rmse - 0.1).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn groups_divide_the_pairs_by_count(mut counts in proptest::collection::vec(0_u32..30, 1..200)) {
            counts.sort_unstable_by_key(|count| count.wrapping_mul(2_654_435_761));
            let pairs: Vec<Pair> = (0..counts.len() as u32).map(|user| pair(user, 3.0, 4.0)).collect();
            let groups = by_count(&pairs, &counts);
            prop_assert!(groups.len() <= 1 + GROUPS);
            for group in &groups {
                let inside = |&&count: &&u32| (group.low..=group.high).contains(&(count as usize));
                prop_assert_eq!(counts.iter().filter(inside).count(), group.n);
                prop_assert!(counts.contains(&(group.low as u32)) && counts.contains(&(group.high as u32)));
            }
            prop_assert_eq!(groups.iter().map(|group| group.n).sum::<usize>(), counts.len());
            prop_assert!(groups.windows(2).all(|pair| pair[0].high < pair[1].low));
        }
    }

    fn ratings(cells: impl Iterator<Item = (u32, u32, f32)>) -> Ratings {
        let mut builder = RatingsBuilder::new(false);
        for (user, item, value) in cells {
            builder.push(&user.to_string(), &item.to_string(), value, None);
        }
        builder.finish("test", None, Duplicates::Error, |_, _| Default::default()).unwrap()
    }

    #[test]
    fn levels_are_the_ratings_or_equal_parts_of_the_scale() {
        let halves = ratings((0..10).map(|i| (0, i, 0.5 + i as f32 / 2.0)));
        let levels = Levels::of(&halves.filter(|rating| rating.value < 3.0), &halves);
        assert_eq!(levels.0, [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0]);
        let nearest = [-1.0, 0.74, 0.75, 3.1, 99.0].map(|value| levels.nearest(value));
        assert_eq!(nearest, [0, 0, 1, 5, 9]);
        assert_eq!(levels.shares([1.0, 1.1, 5.0, 4.9].into_iter())[1], 0.5);
        let many = ratings((0..41).map(|i| (0, i, i as f32)));
        let levels = Levels::of(&many, &many);
        assert_eq!((levels.0.len(), levels.0[0], levels.0[MOST_LEVELS - 1]), (MOST_LEVELS, 1.0, 39.0));
    }

    #[test]
    fn a_whole_fold_is_diagnosed_and_comes_back_from_json() {
        let all = ratings((0..30).flat_map(|u| (0..20).map(move |i| (u, i, ((u * 3 + i) % 5 + 1) as f32))));
        let part = |tested: bool| all.filter(|r| ((r.user.0 + r.item.0) % 4 == 0) == tested);
        let fold = Fold::new("test", part(false), part(true));
        let algorithm = registry::find("baseline").unwrap().configure(&serde_json::Map::new()).unwrap();
        let mut run = crate::fit::run::Run::new(0, 1).unwrap();
        let model = algorithm.fit(&fold.train, &mut run).unwrap();
        let predictions = crate::eval::predict::predictions(&*model, &fold.test, true, run.pool());
        let diagnostics = diagnose(&*model, &fold, &predictions);
        assert_eq!(diagnostics.by_rating.iter().map(|of| of.n).sum::<usize>(), fold.test.len());
        assert_eq!(diagnostics.calibration.iter().map(|of| of.n).sum::<usize>(), fold.test.len());
        for shares in
            [|s: &RatingShare| s.training, |s: &RatingShare| s.ratings, |s: &RatingShare| s.predictions]
        {
            assert!(close(diagnostics.shares.iter().map(shares).sum::<f64>(), 1.0));
        }
        assert_eq!(diagnostics.item_map, None, "a baseline has no factors");
        let written = serde_json::to_string(&diagnostics).unwrap();
        assert_eq!(serde_json::from_str::<Diagnostics>(&written).unwrap(), diagnostics);
        let nothing = Fold::new("none", all.clone(), all.filter(|_| false));
        assert_eq!(diagnose(&*model, &nothing, &[]), Diagnostics::default());
    }
}
