//! The users' values of each metric, their means and differences.

use serde::{Deserialize, Serialize};

use super::{Asked, Better, Measure};
use crate::eval::compare::Difference;
use crate::eval::interval::{student_975, student_p};
use crate::eval::metric::{Average, Estimate, Estimates};

/// Each user's value of each metric, for a test part or for those of several folds.
///
/// Memory: 8 bytes a metric and user of the catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct Rankings {
    asked: Asked,
    /// For each user of the catalogue, in how many folds there was a ranking.
    folds: Vec<u32>,
    /// For each metric, each user's sum over these folds; empty for a metric that has no values by user.
    sums: Vec<Vec<f64>>,
    /// For each metric without values by user, its value in each fold.
    of_all: Vec<Vec<f64>>,
    /// Relevant items, over all folds.
    relevant: usize,
    /// Users with a test item and no relevant one, over all folds.
    left_out: usize,
    /// How the likeness of items was taken, where diversity was asked for.
    likeness: Option<String>,
}

/// The metrics of rankings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RankingFigures {
    /// What was asked.
    pub asked: Asked,
    /// Each metric, as it is written, in alphabetical order.
    pub metrics: Estimates,
    /// How many users had a relevant item.
    pub users: usize,
    /// How many had test items and none of them relevant; over all folds.
    pub left_out: usize,
    /// What is measured, in sentences.
    pub protocol: String,
}

/// What one fold gives for a user.
pub(super) struct UserValues {
    pub(super) values: Vec<f64>,
    pub(super) relevant: usize,
}

impl Rankings {
    /// Of one fold: a value of each metric for each user of the catalogue, `None` for one without a ranking; NaN for a metric without values by user, and in
    /// `of_all` the others' places hold NaN.
    pub(super) fn of_fold(
        asked: &Asked,
        users: &[Option<UserValues>],
        of_all: &[f64],
        left_out: usize,
        likeness: Option<String>,
    ) -> Self {
        let folds = users.iter().map(|user| u32::from(user.is_some())).collect();
        let by_user = |place: usize| -> Vec<f64> {
            if !of_all[place].is_nan() {
                return Vec::new();
            }
            users.iter().map(|user| user.as_ref().map_or(0.0, |user| user.values[place])).collect()
        };
        Self {
            asked: asked.clone(),
            folds,
            sums: (0..asked.measures.len()).map(by_user).collect(),
            of_all: of_all
                .iter()
                .map(|&value| if value.is_nan() { Vec::new() } else { vec![value] })
                .collect(),
            relevant: users.iter().flatten().map(|user| user.relevant).sum(),
            left_out,
            likeness,
        }
    }

    /// Adds another fold's, of the same catalogue and the same metrics.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.folds.iter_mut().zip(&other.folds) {
            *mine += theirs;
        }
        for (mine, theirs) in self.sums.iter_mut().zip(&other.sums) {
            for (sum, value) in mine.iter_mut().zip(theirs) {
                *sum += value;
            }
        }
        for (mine, theirs) in self.of_all.iter_mut().zip(&other.of_all) {
            mine.extend(theirs);
        }
        self.relevant += other.relevant;
        self.left_out += other.left_out;
    }

    /// The metrics, in the order asked.
    pub fn measures(&self) -> &[Measure] {
        &self.asked.measures
    }

    /// Each user's mean over the folds, for those who have a ranking; `None` for a metric that has no values by user.
    pub fn by_user(&self, measure: usize) -> Option<Vec<f64>> {
        let sums = &self.sums[measure];
        let users = sums.iter().zip(&self.folds).filter(|&(_, &folds)| folds > 0);
        (!sums.is_empty()).then(|| users.map(|(sum, &folds)| sum / f64::from(folds)).collect())
    }

    /// The means with their standard errors and intervals.
    pub fn figures(&self) -> RankingFigures {
        let users = self.folds.iter().filter(|&&folds| folds > 0).count();
        let estimates = self.asked.measures.iter().enumerate();
        let likeness = self.likeness.as_ref().map(|text| format!(" {text}")).unwrap_or_default();
        RankingFigures {
            asked: self.asked.clone(),
            metrics: estimates
                .map(|(place, measure)| (measure.to_string(), self.estimate(place, users)))
                .collect(),
            users,
            left_out: self.left_out,
            protocol: self.asked.relevance() + likeness.as_str(),
        }
    }

    fn estimate(&self, place: usize, users: usize) -> Estimate {
        let (mean, stderr) = self.mean(place);
        let half = stderr.map(|stderr| student_975(users - 1) * stderr);
        Estimate {
            mean,
            stderr,
            low: half.map(|half| mean - half),
            high: half.map(|half| mean + half),
            n: self.relevant,
            users,
            average: Average::Users,
            clipped: false,
        }
    }

    /// The mean over users with its standard error; over folds, for a metric that has no values by user.
    fn mean(&self, place: usize) -> (f64, Option<f64>) {
        match self.by_user(place) {
            Some(values) => mean_of_users(&values),
            None => (self.of_all[place].iter().sum::<f64>() / self.of_all[place].len() as f64, None),
        }
    }

    /// This model's mean minus another's, for each metric that has values by user: paired by user, Student's t with G−1 degrees of freedom.
    ///
    /// # Panics
    /// When the two are not about the same users and metrics.
    pub fn differences(&self, other: &Self) -> Vec<(Measure, Difference)> {
        assert_eq!(
            (&self.asked, &self.folds),
            (&other.asked, &other.folds),
            "rankings of the same test items"
        );
        let pairs = (0..self.sums.len())
            .filter_map(|place| Some((place, self.by_user(place)?, other.by_user(place)?)));
        pairs.map(|(place, mine, theirs)| (self.asked.measures[place], paired(&mine, &theirs))).collect()
    }

    /// By how much it is better than another at the first metric; negative where it is worse.
    pub fn advantage(&self, other: &Self) -> f64 {
        let more = self.mean(0).0 - other.mean(0).0;
        if self.asked.measures[0].metric.better == Better::Lower { -more } else { more }
    }
}

/// The mean over users and its standard error; none with fewer than two users.
fn mean_of_users(values: &[f64]) -> (f64, Option<f64>) {
    let users = values.len() as f64;
    let mean = values.iter().sum::<f64>() / users;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (values.len() > 1).then(|| (squares / (users * (users - 1.0))).sqrt()))
}

fn paired(mine: &[f64], theirs: &[f64]) -> Difference {
    let differences: Vec<f64> = mine.iter().zip(theirs).map(|(a, b)| a - b).collect();
    let degrees = differences.len().saturating_sub(1);
    let (mean, stderr) = mean_of_users(&differences);
    let half = stderr.map(|stderr| student_975(degrees) * stderr);
    let p = stderr.map(|stderr| match stderr {
        0.0 if mean == 0.0 => 1.0,
        _ => student_p(mean / stderr, degrees),
    });
    Difference {
        mean,
        stderr,
        low: half.map(|half| mean - half),
        high: half.map(|half| mean + half),
        p,
        p_holm: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One metric, with these values of the users.
    fn rankings(values: &[Option<f64>]) -> Rankings {
        let users: Vec<Option<UserValues>> = values
            .iter()
            .map(|value| value.map(|value| UserValues { values: vec![value], relevant: 2 }))
            .collect();
        Rankings::of_fold(&Asked::parse("ndcg@10", None).unwrap(), &users, &[f64::NAN], 1, None)
    }

    #[test]
    fn means_and_intervals_worked_by_hand() {
        let figures = rankings(&[Some(0.2), None, Some(0.4), Some(0.9)]).figures();
        let ndcg = figures.metrics["ndcg@10"];
        assert!((ndcg.mean - 0.5).abs() < 1e-12);
        // Squares 0.09 + 0.01 + 0.16 = 0.26 over 3·2.
        let stderr = (0.26_f64 / 6.0).sqrt();
        assert!((ndcg.stderr.unwrap() - stderr).abs() < 1e-12);
        assert!((ndcg.high.unwrap() - 0.5 - student_975(2) * stderr).abs() < 1e-12);
        assert_eq!((ndcg.n, figures.users, figures.left_out), (6, 3, 1));
        assert_eq!(rankings(&[Some(0.2)]).figures().metrics["ndcg@10"].stderr, None);
    }

    #[test]
    fn a_user_of_several_folds_is_one_draw() {
        let mut pooled = rankings(&[Some(0.2), None, Some(0.4)]);
        pooled.add(&rankings(&[Some(0.6), Some(0.1), None]));
        let values = pooled.by_user(0).unwrap();
        assert!(values.iter().zip([0.4, 0.1, 0.4]).all(|(a, b)| (a - b).abs() < 1e-12), "{values:?}");
        assert_eq!((pooled.figures().users, pooled.figures().left_out), (3, 2));
    }

    #[test]
    fn a_difference_is_paired() {
        let (a, b) =
            (rankings(&[Some(0.3), Some(0.5), Some(0.7)]), rankings(&[Some(0.2), Some(0.4), Some(0.5)]));
        let [(measure, found)] = a.differences(&b)[..] else { panic!("one metric") };
        assert_eq!(measure.to_string(), "ndcg@10");
        // Differences 0.1, 0.1, 0.2: mean 2/15, squares 1/150, SE² = 1/900.
        assert!(
            (found.mean - 2.0 / 15.0).abs() < 1e-12 && (found.stderr.unwrap() - 1.0 / 30.0).abs() < 1e-12
        );
        assert!((found.p.unwrap() - student_p(4.0, 2)).abs() < 1e-9);
        let (_, none) = a.differences(&a)[0];
        assert_eq!((none.mean, none.p), (0.0, Some(1.0)));
        assert!(a.advantage(&b) > 0.0 && b.advantage(&a) < 0.0);
    }
}
