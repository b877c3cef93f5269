//! The metrics of predicted ratings, their standard errors and intervals.
//!
//! Letters: T the test part, N = |T|; e_ui = r_ui − r̂_ui; users u = 1…G have n_u > 0 ratings in T. A user's loss is
//! S_u = Σ_i ℓ(e_ui), with ℓ(e) = e² or |e|.
//!
//! ```text
//! average over ratings    M = Σ_u S_u / Σ_u n_u                                             (1)
//!                         SE² = G/(G−1) · Σ_u (S_u − M·n_u)² / N²                           (2)
//! average over users      M = (1/G) Σ_u x_u,  x_u = S_u/n_u, or √(S_u/n_u) for a root       (3)
//!                         SE² = Σ_u (x_u − M)² / (G(G−1))                                   (4)
//! root of (1)             R = √M,  SE(R) = SE(M) / (2R)                                     (5)
//! interval                M ± t·SE, not below zero; t: 97.5 % point of Student's t, G−1 degrees of freedom
//! ```
//! Errors of one user go together (a harsh critic is harsh everywhere), so the user and not the rating is the unit that is drawn: (2)
//! is the ratio estimator with users as clusters (Cochran, "Sampling Techniques", 1977, section 9A), (5) its delta method. The intervals
//! speak of other users for the same trained model, not of other training data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::interval::{clustered_mean, root, student_975};
use crate::data::ratings::Ratings;

/// A metric with its definition. All are errors: lower is better.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Metric {
    /// Its name in results: `rmse`.
    pub name: &'static str,
    /// Its name in words.
    pub title: &'static str,
    /// Its formula.
    pub formula: &'static str,
    /// What is averaged.
    pub average: Average,
    /// ℓ.
    pub loss: Loss,
    /// Whether the root of the mean is taken.
    pub root: bool,
}

/// What each counts the same in a mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Average {
    /// Each rating.
    Ratings,
    /// Each user.
    Users,
}

/// The loss of one prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Loss {
    /// e².
    Square,
    /// |e|.
    Absolute,
}

/// Every metric, in the order of display.
pub static METRICS: &[Metric] = &[
    Metric {
        name: "rmse",
        title: "root mean squared error",
        formula: "√( Σ (r − r̂)² / N )",
        average: Average::Ratings,
        loss: Loss::Square,
        root: true,
    },
    Metric {
        name: "mse",
        title: "mean squared error",
        formula: "Σ (r − r̂)² / N",
        average: Average::Ratings,
        loss: Loss::Square,
        root: false,
    },
    Metric {
        name: "mae",
        title: "mean absolute error",
        formula: "Σ |r − r̂| / N",
        average: Average::Ratings,
        loss: Loss::Absolute,
        root: false,
    },
    Metric {
        name: "rmse_by_user",
        title: "mean of the users' root mean squared errors",
        formula: "(1/G) Σ_u √( Σ_i (r − r̂)² / n_u )",
        average: Average::Users,
        loss: Loss::Square,
        root: true,
    },
    Metric {
        name: "mse_by_user",
        title: "mean of the users' mean squared errors",
        formula: "(1/G) Σ_u Σ_i (r − r̂)² / n_u",
        average: Average::Users,
        loss: Loss::Square,
        root: false,
    },
    Metric {
        name: "mae_by_user",
        title: "mean of the users' mean absolute errors",
        formula: "(1/G) Σ_u Σ_i |r − r̂| / n_u",
        average: Average::Users,
        loss: Loss::Absolute,
        root: false,
    },
];

/// A measured metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The metric.
    pub mean: f64,
    /// Its standard error, by (2), (4) or (5); none with fewer than two users.
    pub stderr: Option<f64>,
    /// The lower end of the 95 % interval.
    pub low: Option<f64>,
    /// The upper end of the 95 % interval.
    pub high: Option<f64>,
    /// N: how many ratings were predicted.
    pub n: usize,
    /// G: how many users they belong to.
    pub users: usize,
    /// What is averaged.
    pub average: Average,
    /// Whether predictions were clipped to the scale of the ratings first.
    pub clipped: bool,
}

/// Metrics by name.
pub type Estimates = BTreeMap<String, Estimate>;

/// The errors of one user.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct UserErrors {
    count: usize,
    squares: f64,
    absolutes: f64,
}

/// The errors of a test part, summed by user: all that the metrics need.
///
/// Memory: 24 bytes a user of the catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct Errors {
    by_user: Vec<UserErrors>,
    clipped: bool,
}

impl Errors {
    /// The errors of `predictions`, one for each of `test.iter()`; `clipped` says whether they were clipped.
    ///
    /// # Panics
    /// When there are not as many predictions as ratings.
    pub fn of(test: &Ratings, predictions: &[f32], clipped: bool) -> Self {
        assert_eq!(test.len(), predictions.len(), "one prediction for each rating");
        let mut predictions = predictions.iter();
        let by_user = test
            .rows()
            .map(|(_, row)| {
                row.values.iter().zip(predictions.by_ref()).fold(
                    UserErrors::default(),
                    |sum, (&value, &prediction)| {
                        let error = f64::from(value) - f64::from(prediction);
                        UserErrors {
                            count: sum.count + 1,
                            squares: sum.squares + error * error,
                            absolutes: sum.absolutes + error.abs(),
                        }
                    },
                )
            })
            .collect();
        Self { by_user, clipped }
    }

    /// Adds another fold's errors, of the same catalogue: what is pooled is one error for each rating.
    pub fn add(&mut self, other: &Self) {
        self.clipped &= other.clipped;
        for (mine, theirs) in self.by_user.iter_mut().zip(&other.by_user) {
            mine.count += theirs.count;
            mine.squares += theirs.squares;
            mine.absolutes += theirs.absolutes;
        }
    }

    /// n_u and Σ_i e² of each user of the catalogue; zeros for those without test ratings.
    pub fn squares_by_user(&self) -> impl ExactSizeIterator<Item = (usize, f64)> + Clone {
        self.by_user.iter().map(|user| (user.count, user.squares))
    }

    /// Every metric of [`METRICS`], by name.
    pub fn estimates(&self) -> Estimates {
        METRICS.iter().map(|metric| (metric.name.to_owned(), self.estimate(metric))).collect()
    }

    /// One metric. NaN without ratings.
    pub fn estimate(&self, metric: &Metric) -> Estimate {
        let (mean, stderr) = match metric.average {
            Average::Ratings => self.over_ratings(metric),
            Average::Users => self.over_users(metric),
        };
        let users = self.users().count();
        let stderr = Some(stderr).filter(|_| users > 1);
        let half = stderr.map(|stderr| student_975(users - 1) * stderr);
        Estimate {
            mean,
            stderr,
            low: half.map(|half| (mean - half).max(0.0)),
            high: half.map(|half| mean + half),
            n: self.ratings(),
            users,
            average: metric.average,
            clipped: self.clipped,
        }
    }

    /// (1), (2) and (5).
    fn over_ratings(&self, metric: &Metric) -> (f64, f64) {
        let mean = clustered_mean(self.users().map(|user| (user.count, user.loss(metric.loss))));
        if metric.root { root(mean) } else { mean }
    }

    /// (3) and (4).
    fn over_users(&self, metric: &Metric) -> (f64, f64) {
        let users = self.users().count() as f64;
        let of_one = |user: &UserErrors| {
            let mean = user.loss(metric.loss) / user.count as f64;
            if metric.root { mean.sqrt() } else { mean }
        };
        let mean = self.users().map(of_one).sum::<f64>() / users;
        let squares: f64 = self.users().map(|user| (of_one(user) - mean).powi(2)).sum();
        (mean, (squares / (users * (users - 1.0))).sqrt())
    }

    /// N.
    fn ratings(&self) -> usize {
        self.by_user.iter().map(|user| user.count).sum()
    }

    /// The users who have test ratings.
    fn users(&self) -> impl Iterator<Item = &UserErrors> + Clone {
        self.by_user.iter().filter(|user| user.count > 0)
    }
}

impl UserErrors {
    /// S_u.
    fn loss(&self, loss: Loss) -> f64 {
        match loss {
            Loss::Square => self.squares,
            Loss::Absolute => self.absolutes,
        }
    }
}

/// A metric over several folds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The mean of the folds' metrics: each fold counts the same.
    pub mean_of_folds: f64,
    /// The standard deviation of the folds' metrics, with k − 1. It is no standard error: the folds share most of their training
    /// ratings, so their figures are not independent.
    pub std_of_folds: f64,
    /// k.
    pub folds: usize,
    /// All folds' test ratings as one test part: each rating counts the same, and a user's errors in all folds are one cluster.
    pub pooled: Estimate,
}

/// The summary of each metric over folds; `pooled` has the same metrics as each fold.
pub fn summarize(folds: &[&Estimates], pooled: &Estimates) -> BTreeMap<String, Summary> {
    let of = |name: &String, pooled: &Estimate| {
        let values: Vec<f64> = folds.iter().filter_map(|fold| fold.get(name)).map(|fold| fold.mean).collect();
        let (mean_of_folds, std_of_folds) = mean_and_deviation(values.iter().copied());
        Summary { mean_of_folds, std_of_folds, folds: values.len(), pooled: *pooled }
    };
    pooled.iter().map(|(name, pooled)| (name.clone(), of(name, pooled))).collect()
}

/// The mean of k values and their standard deviation, with k − 1; zero for a single value.
pub fn mean_and_deviation(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let k = values.clone().count();
    let mean = values.clone().sum::<f64>() / k as f64;
    let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
    (mean, if k > 1 { (squares / (k - 1) as f64).sqrt() } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ratings::{Duplicates, RatingsBuilder};
    use crate::fit::rng::{Purpose, stream};
    use proptest::prelude::*;
    use rand::RngExt;
    use rand_distr::StandardNormal;

    /// One user's (rating, prediction) pairs after the other's.
    fn errors(users: &[Vec<(f32, f32)>]) -> Errors {
        let mut builder = RatingsBuilder::new(false);
        for (user, row) in users.iter().enumerate() {
            for (item, (value, _)) in row.iter().enumerate() {
                builder.push(&user.to_string(), &item.to_string(), *value, None);
            }
        }
        let test = builder.finish("test", None, Duplicates::Error, |_, _| Default::default()).unwrap();
        let predictions: Vec<f32> = users.iter().flatten().map(|&(_, prediction)| prediction).collect();
        Errors::of(&test, &predictions, true)
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * (1.0 + a.abs())
    }

    #[test]
    fn figures_worked_by_hand() {
        // Errors 1, 1 of one user and 3 of another: mean square 11/3, residuals 2 − 22/3 and 9 − 11/3.
        let estimates = errors(&[vec![(3.0, 2.0), (3.0, 4.0)], vec![(5.0, 2.0)]]).estimates();
        let mse = estimates["mse"];
        assert!(close(mse.mean, 11.0 / 3.0));
        let residual = 16.0 / 3.0_f64;
        let stderr = (2.0 * 2.0 * residual * residual).sqrt() / 3.0;
        assert!(close(mse.stderr.unwrap(), stderr));
        assert!(close(mse.high.unwrap(), 11.0 / 3.0 + student_975(1) * stderr));
        assert_eq!(mse.low, Some(0.0));
        assert_eq!((mse.n, mse.users, mse.clipped), (3, 2, true));
        assert!(close(estimates["rmse"].mean, (11.0 / 3.0_f64).sqrt()));
        assert!(close(estimates["rmse"].stderr.unwrap(), stderr / 2.0 / (11.0 / 3.0_f64).sqrt()));
        assert!(close(estimates["mae"].mean, 5.0 / 3.0));
        assert!(close(estimates["rmse_by_user"].mean, 2.0));
        assert!(close(estimates["rmse_by_user"].stderr.unwrap(), 1.0));
        assert!(close(estimates["mse_by_user"].mean, 5.0));
        assert!(close(estimates["mae_by_user"].mean, 2.0));
    }

    #[test]
    fn one_user_has_no_interval_and_perfection_a_narrow_one() {
        let alone = errors(&[vec![(3.0, 2.0), (4.0, 2.0)]]).estimate(&METRICS[0]);
        assert_eq!((alone.stderr, alone.low, alone.high), (None, None, None));
        let perfect = errors(&[vec![(3.0, 3.0)], vec![(4.0, 4.0)]]).estimate(&METRICS[0]);
        assert_eq!((perfect.mean, perfect.stderr, perfect.high), (0.0, Some(0.0), Some(0.0)));
    }

    #[test]
    fn names_are_unique_and_definitions_complete() {
        let names: std::collections::BTreeSet<_> = METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), METRICS.len());
        for metric in METRICS {
            assert_eq!(metric.root, metric.formula.contains('√'));
            assert_eq!(metric.average == Average::Users, metric.name.ends_with("_by_user"));
        }
    }

    #[test]
    fn folds_are_summarized_and_pooled() {
        let (one, two) =
            (errors(&[vec![(1.0, 2.0)], vec![]]), errors(&[vec![(1.0, 4.0), (1.0, 4.0)], vec![]]));
        let mut pooled = one.clone();
        pooled.add(&two);
        let summary = summarize(&[&one.estimates(), &two.estimates()], &pooled.estimates());
        let mse = summary["mse"];
        assert!(close(mse.mean_of_folds, 5.0));
        assert!(close(mse.std_of_folds, 32.0_f64.sqrt()));
        assert!(close(mse.pooled.mean, 19.0 / 3.0));
        assert_eq!((mse.folds, mse.pooled.n, mse.pooled.users), (2, 3, 1));
    }

    /// Users differ in how hard they are to predict; the true mean square is known.
    #[test]
    fn the_interval_covers_the_truth_95_times_in_100() {
        const DRAWS: u64 = 2000;
        let mut covered = 0_u32;
        let mut naive_covered = 0_u32;
        for draw in 0..DRAWS {
            let mut rng = stream(draw, Purpose::Synthetic, 0);
            let users: Vec<UserErrors> = (0..150)
                .map(|_| {
                    let count = 1 + (rng.random::<f64>() * 20.0) as usize;
                    // The user's own error: variance 1; each rating's: variance 1/4. E[e²] = 5/4.
                    let own: f64 = rng.sample(StandardNormal);
                    let squares =
                        (0..count).map(|_| (own + 0.5 * rng.sample::<f64, _>(StandardNormal)).powi(2)).sum();
                    UserErrors { count, squares, absolutes: 0.0 }
                })
                .collect();
            let errors = Errors { by_user: users, clipped: false };
            let mse = errors.estimate(&METRICS[1]);
            let covers = |half: f64| (mse.mean - 1.25).abs() < half;
            covered += u32::from(covers(mse.high.unwrap() - mse.mean));
            // Independent ratings would have Var(e²) = 2·(5/4)².
            naive_covered += u32::from(covers(1.96 * (2.0_f64).sqrt() * 1.25 / (mse.n as f64).sqrt()));
        }
        let share = f64::from(covered) / DRAWS as f64;
        assert!((0.92..0.97).contains(&share), "{share}");
        assert!(f64::from(naive_covered) / (DRAWS as f64) < 0.6, "clusters matter: {naive_covered}");
    }

    proptest! {
        #[test]
        fn metrics_equal_their_naive_twins(
            users in proptest::collection::vec(proptest::collection::vec((1.0_f32..5.0, 0.0_f32..6.0), 1..6), 1..8),
        ) {
            let estimates = errors(&users).estimates();
            let e: Vec<f64> = users.iter().flatten().map(|&(r, p)| f64::from(r) - f64::from(p)).collect();
            let mse = e.iter().map(|e| e * e).sum::<f64>() / e.len() as f64;
            prop_assert!(close(estimates["mse"].mean, mse));
            prop_assert!(close(estimates["rmse"].mean, mse.sqrt()));
            prop_assert!(close(estimates["mae"].mean, e.iter().map(|e| e.abs()).sum::<f64>() / e.len() as f64));
            let by_user = |loss: fn(f64) -> f64, root: bool| {
                let of = |row: &Vec<(f32, f32)>| {
                    let mean = row.iter().map(|&(r, p)| loss(f64::from(r) - f64::from(p))).sum::<f64>() / row.len() as f64;
                    if root { mean.sqrt() } else { mean }
                };
                users.iter().map(of).sum::<f64>() / users.len() as f64
            };
            prop_assert!(close(estimates["rmse_by_user"].mean, by_user(|e| e * e, true)));
            prop_assert!(close(estimates["mse_by_user"].mean, by_user(|e| e * e, false)));
            prop_assert!(close(estimates["mae_by_user"].mean, by_user(f64::abs, false)));
        }

        #[test]
        fn one_rating_a_user_gives_the_textbook_error(errors_of in proptest::collection::vec(0.0_f32..6.0, 2..40)) {
            let users: Vec<Vec<(f32, f32)>> = errors_of.iter().map(|&p| vec![(3.0, p)]).collect();
            let mse = errors(&users).estimate(&METRICS[1]);
            let squares: Vec<f64> = errors_of.iter().map(|&p| (3.0 - f64::from(p)).powi(2)).collect();
            let n = squares.len() as f64;
            let mean = squares.iter().sum::<f64>() / n;
            let variance = squares.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / (n - 1.0);
            prop_assert!(close(mse.stderr.unwrap(), (variance / n).sqrt()));
        }
    }
}
