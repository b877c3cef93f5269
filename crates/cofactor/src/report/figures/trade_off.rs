//! What popularity is worth: accuracy against coverage and novelty.

use crate::eval::ranking::popularity::Setting;
use crate::report::html::{Figure, table};
use crate::report::plot::{Anchor, Axis, Plot, number};
use crate::report::words::metric_name;

/// The first metric against how much of the catalogue is shown, a dot for each setting; empty for fewer than two.
pub(crate) fn trade_off(settings: &[Setting], first: &str) -> String {
    let (Some(coverage), Some(novelty), Some(gini)) =
        (named(settings, "coverage"), named(settings, "novelty"), named(settings, "gini"))
    else {
        return String::new();
    };
    let Some(plot) = drawn(settings, first, &coverage) else { return String::new() };
    let name = metric_name(first);
    let rows = settings.iter().map(|setting| {
        let of = |name: &str, decimals: usize| number(value(setting, name), decimals);
        vec![setting.weight.to_string(), of(first, 4), of(&coverage, 4), of(&novelty, 2), of(&gini, 4)]
    });
    let title = format!("What popularity is worth: {name} against how much of the catalogue is shown");
    let chart = plot.finish(&metric_name(&coverage), &name, &title);
    let heads = ["--popularity", &name, &coverage, &novelty, &gini];
    let table = table(&heads, rows);
    let reading = "Each dot is the same model with more or less of the items' popularity added to its scores: w·ln(nᵢ/n of the most popular item). To the right, more items are \
                   ever shown; higher up, the lists fit better. Nothing is chosen by this; it tells what a setting of recommend --popularity costs.";
    Figure { id: "trade-off", title: &title, reading, chart: &chart, table: &table }.html()
}

/// The same as a picture that stands alone.
pub(crate) fn trade_off_picture(settings: &[Setting], first: &str) -> String {
    let Some(coverage) = named(settings, "coverage") else { return String::new() };
    let Some(plot) = drawn(settings, first, &coverage) else { return String::new() };
    let (x, y) = (metric_name(&coverage), metric_name(first));
    plot.picture(&x, &y, &format!("{y} against how much of the catalogue is shown"))
}

/// The full name of a metric that begins so.
fn named(settings: &[Setting], start: &str) -> Option<String> {
    settings.first()?.metrics.keys().find(|name| name.starts_with(start)).cloned()
}

fn value(setting: &Setting, name: &str) -> f64 {
    setting.metrics.get(name).map_or(f64::NAN, |found| found.mean)
}

fn drawn(settings: &[Setting], first: &str, coverage: &str) -> Option<Plot> {
    let points: Vec<(f64, f64)> =
        settings.iter().map(|setting| (value(setting, coverage), value(setting, first))).collect();
    if points.len() < 2 {
        return None;
    }
    let range = |of: fn(&(f64, f64)) -> f64| {
        points.iter().map(of).fold((f64::MAX, f64::MIN), |(low, high), at| (low.min(at), high.max(at)))
    };
    let ((left, right), (low, high)) = (range(|point| point.0), range(|point| point.1));
    let mut plot = Plot::new(Axis::rounded(left, right, 5), Axis::rounded(low - 0.1 * (high - low), high, 5));
    plot.line("curve quiet", points.iter().copied());
    let name = metric_name(first);
    for (setting, &(x, y)) in settings.iter().zip(&points) {
        let tip =
            format!("--popularity {}: {name} {}, coverage {}", setting.weight, number(y, 4), number(x, 4));
        plot.dot(if setting.weight == 0.0 { "dot" } else { "dot quiet" }, (x, y), 4.5, &tip);
        if setting.weight == 0.0 {
            plot.text("label", (x, y), (0, -10), Anchor::Middle, "as trained");
        }
    }
    Some(plot)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::metric::{Average, Estimate};

    #[test]
    fn each_setting_is_a_dot_and_a_row() {
        let estimate = |mean: f64| Estimate {
            mean,
            stderr: None,
            low: None,
            high: None,
            n: 9,
            users: 3,
            average: Average::Users,
            clipped: false,
        };
        let setting = |weight: f32, ndcg: f64, coverage: f64| Setting {
            weight,
            metrics: [("ndcg@10", ndcg), ("coverage@10", coverage), ("novelty@10", 2.0), ("gini@10", 0.5)]
                .into_iter()
                .map(|(name, mean)| (name.to_owned(), estimate(mean)))
                .collect(),
        };
        let settings = [setting(-0.1, 0.2, 0.6), setting(0.0, 0.3, 0.4), setting(0.1, 0.25, 0.1)];
        let html = trade_off(&settings, "ndcg@10");
        assert_eq!(html.matches("<circle").count(), 3, "{html}");
        assert!(html.contains("as trained") && html.contains("0.2500"), "{html}");
        assert!(trade_off(&settings[..1], "ndcg@10").is_empty());
        assert!(trade_off(&[], "ndcg@10").is_empty());
    }
}
