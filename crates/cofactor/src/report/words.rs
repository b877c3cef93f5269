//! The unit of a rating in words, and the sentences at the head of the page.

use std::fmt::Write as _;

use super::Report;
use super::html::{count, part};
use super::plot::number;
use crate::eval::metric::{Estimate, METRICS, Metric};

/// What a rating is counted in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Unit {
    /// "star" or "point".
    pub one: &'static str,
    /// "stars" or "points".
    pub many: &'static str,
    /// An error that a person would call small.
    pub small: f64,
}

impl Unit {
    /// Stars on a scale that ends at five, points on any other.
    pub(super) fn of([min, max]: [f32; 2]) -> Self {
        let width = f64::from(max) - f64::from(min);
        let small = if width.is_finite() && width > 10.0 { (width / 10.0).round() } else { 1.0 };
        let is_stars = max == 5.0 && min >= 0.0;
        let (one, many) = if is_stars { ("star", "stars") } else { ("point", "points") };
        Self { one, many, small }
    }

    /// "1 star", "10 points".
    pub(super) fn small_error(self) -> String {
        if self.small == 1.0 {
            format!("one {}", self.one)
        } else {
            format!("{} {}", number(self.small, 0), self.many)
        }
    }
}

/// The figure that says it all, and the words around it.
#[derive(Debug, PartialEq)]
pub(super) struct Headline {
    /// The title of the page.
    pub title: String,
    /// Two or three sentences.
    pub lead: String,
}

/// What the run came to.
pub(super) fn headline(report: &Report) -> Headline {
    let unit = Unit::of(report.data.scale);
    let measure = |name: &str| report.metrics.get(name);
    let title = match (measure("mae"), measure("rmse"), report.metrics.iter().next()) {
        (Some(mae), ..) => format!("Off by {} {} on average", number(mae.mean, 2), unit.many),
        (_, Some(rmse), _) => format!("A typical error of {} {}", number(rmse.mean, 2), unit.many),
        (.., Some((name, first))) => format!("{} {}", metric_name(name), number(first.mean, 3)),
        _ => format!("{} on {}", report.model.name, report.data.name),
    };
    let mut lead = held_back(report);
    if let Some(rmse) = measure("rmse") {
        let _ = write!(
            lead,
            " The root mean squared error, which weighs large misses more, is {}{}.",
            number(rmse.mean, 3),
            interval(rmse, 3).map(|text| format!(" (95\u{a0}% interval {text})")).unwrap_or_default()
        );
        if let Some(spread) = spread(report)
            && spread > rmse.mean
        {
            let _ = write!(
                lead,
                " Always answering the mean rating would make it about {}: the model explains {} of the variance.",
                number(spread, 3),
                part(1.0 - (rmse.mean / spread).powi(2))
            );
        }
    }
    Headline { title, lead }
}

fn held_back(report: &Report) -> String {
    let data = &report.data.name;
    if report.folds.is_empty() {
        let (train, test) = (count(report.split.train), count(report.split.test));
        return format!(
            "From {train} ratings of {data} the model learned to predict {test} others that it had never seen."
        );
    }
    let folds = report.folds.len();
    format!(
        "The model learned from {data} {folds} times, each time to predict another part that it had never seen."
    )
}

/// The standard deviation of all ratings: what the best constant answer would come to.
fn spread(report: &Report) -> Option<f64> {
    let histogram = &report.data.histogram;
    let n: f64 = histogram.iter().map(|bin| bin.count as f64).sum();
    let moment = |power: i32| {
        histogram.iter().map(|bin| bin.count as f64 * f64::from(bin.value).powi(power)).sum::<f64>() / n
    };
    let variance = moment(2) - moment(1).powi(2);
    (n > 0.0 && variance > 0.0).then(|| variance.sqrt())
}

/// "0.936 to 0.950": the 95 % interval.
pub(super) fn interval(estimate: &Estimate, decimals: usize) -> Option<String> {
    Some(format!("{} to {}", number(estimate.low?, decimals), number(estimate.high?, decimals)))
}

/// A metric as it is written in papers: "RMSE", "RMSE by user", "NDCG@10".
pub(super) fn metric_name(name: &str) -> String {
    let end = name.find(['@', '_']).unwrap_or(name.len());
    let (base, rest) = name.split_at(end);
    match base {
        "rmse" | "mse" | "mae" | "ndcg" | "mrr" | "map" | "auc" => {
            base.to_uppercase() + &rest.replace('_', " ")
        }
        _ => name.replace('_', " "),
    }
}

/// The metrics of a report, those that the list knows in its order, the others behind by name.
pub(super) fn in_order(report: &Report) -> Vec<(&str, &Estimate, Option<&'static Metric>)> {
    let known = METRICS.iter().filter_map(|metric| {
        report
            .metrics
            .get_key_value(metric.name)
            .map(|(name, estimate)| (name.as_str(), estimate, Some(metric)))
    });
    let is_known = |name: &str| METRICS.iter().any(|metric| metric.name == name);
    let others = report.metrics.iter().filter(|(name, _)| !is_known(name));
    known.chain(others.map(|(name, estimate)| (name.as_str(), estimate, None))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_end_at_five() {
        assert_eq!(Unit::of([1.0, 5.0]).many, "stars");
        assert_eq!(Unit::of([0.5, 5.0]).small_error(), "one star");
        assert_eq!(Unit::of([-10.0, 10.0]).small_error(), "2 points");
        assert_eq!(Unit::of([0.0, 10.0]).small_error(), "one point");
    }

    #[test]
    fn metrics_keep_their_cut_off() {
        assert_eq!(metric_name("ndcg@10"), "NDCG@10");
        assert_eq!(metric_name("recall@20"), "recall@20");
        assert_eq!(metric_name("rmse_by_user"), "RMSE by user");
    }
}
