//! How large the errors are, by themselves, by the true rating and by the prediction.

use std::f64::consts::TAU;

use super::{HALF_INTERVAL, rating};
use crate::eval::diagnostics::{Calibration, ErrorHistogram, RatingError};
use crate::report::Data;
use crate::report::html::{Figure, count, part, table};
use crate::report::plot::{Anchor, Axis, Plot, Tick, number};
use crate::report::words::Unit;

/// How often errors of each size occur, with the normal distribution; empty without errors.
pub(crate) fn errors(histogram: &ErrorHistogram, unit: Unit) -> String {
    let ErrorHistogram { edges, counts, mean, deviation, .. } = histogram;
    let n: f64 = counts.iter().map(|&bin| bin as f64).sum();
    let (Some(&low), Some(&high)) = (edges.first(), edges.last()) else { return String::new() };
    if n == 0.0 || edges.len() != counts.len() + 1 {
        return String::new();
    }
    let share = |bin: usize| bin as f64 / n;
    let width = (high - low) / counts.len() as f64;
    let normal = |x: f64| 100.0 * width * density(x, *mean, *deviation);
    let top = counts.iter().map(|&bin| 100.0 * share(bin)).fold(normal(*mean), f64::max);
    let mut plot = Plot::new(Axis::linear(low, high, 6), Axis::rounded(0.0, top, 4));
    let rows: Vec<[String; 3]> = edges
        .windows(2)
        .zip(counts)
        .map(|(pair, &bin)| [between(pair[0], pair[1]), count(bin), part(share(bin))])
        .collect();
    for ((pair, &bin), [range, ratings, part]) in edges.windows(2).zip(counts).zip(&rows) {
        let tip = format!("{range} {}: {ratings} ratings, {part}", unit.many);
        let is_small = f64::midpoint(pair[0], pair[1]).abs() <= unit.small;
        plot.bar(if is_small { "bar" } else { "bar faint" }, (pair[0], pair[1]), 100.0 * share(bin), &tip);
    }
    let along = |step: u32| low + (high - low) * f64::from(step) / 120.0;
    plot.line("curve ink", (0..=120).map(along).map(|x| (x, normal(x))));
    let title =
        format!("{} of the predictions are within {}", part(within(histogram, unit)), unit.small_error());
    let reading = format!(
        "Bars: predictions by their error; left of zero the guess was too low. Line: the normal distribution of the same mean ({}) and deviation ({}).",
        number(*mean, 2),
        number(*deviation, 2)
    );
    let chart = plot.finish(&format!("prediction − rating, {}", unit.many), "% of test ratings", &title);
    let table = table(&["error", "ratings", "share"], rows.into_iter().map(Vec::from));
    Figure { id: "errors", title: &title, reading: &reading, chart: &chart, table: &table }.html()
}

/// The normal distribution's density.
fn density(x: f64, mean: f64, deviation: f64) -> f64 {
    let deviation = deviation.max(1e-12);
    let z = (x - mean) / deviation;
    libm::exp(-0.5 * z * z) / (deviation * TAU.sqrt())
}

fn between(low: f64, high: f64) -> String {
    format!("{} to {}", number(low, 2), number(high, 2))
}

/// The share of small errors: as it was counted, or taking each bin as evenly filled where "small" is not one.
fn within(histogram: &ErrorHistogram, unit: Unit) -> f64 {
    if unit.small == 1.0 && histogram.within_one > 0.0 {
        return histogram.within_one;
    }
    let n: f64 = histogram.counts.iter().map(|&bin| bin as f64).sum();
    let inside = |(pair, &bin): (&[f64], &usize)| {
        let overlap = (pair[1].min(unit.small) - pair[0].max(-unit.small)).max(0.0);
        bin as f64 * overlap / (pair[1] - pair[0])
    };
    histogram.edges.windows(2).zip(&histogram.counts).map(inside).sum::<f64>() / n.max(1.0)
}

/// The error by the true rating; empty for fewer than two ratings.
pub(crate) fn by_rating(errors: &[RatingError], unit: Unit) -> String {
    let [first, .., last] = errors else { return String::new() };
    let by_rmse = |a: &&RatingError, b: &&RatingError| a.rmse.total_cmp(&b.rmse);
    let worst = errors.iter().max_by(by_rmse).unwrap_or(first);
    let best = errors.iter().min_by(by_rmse).unwrap_or(first);
    let half = 0.5 * errors.windows(2).map(|pair| pair[1].rating - pair[0].rating).fold(f64::MAX, f64::min);
    let x = Axis::linear(first.rating - half, last.rating + half, 6);
    let ticks = || errors.iter().map(|bin| Tick { value: bin.rating, label: rating(bin.rating) }).collect();
    let x = if errors.len() <= 10 { x.with_ticks(ticks()) } else { x };
    let mut plot = Plot::new(x, Axis::rounded(0.0, worst.rmse, 4));
    for bin in errors {
        let (rated, rmse, predicted) = (rating(bin.rating), number(bin.rmse, 2), number(bin.predicted, 2));
        let tip =
            format!("Rated {rated}: RMSE {rmse}, predicted {predicted} on average, {} ratings", count(bin.n));
        let class = if bin.rating == worst.rating { "bar strong" } else { "bar" };
        plot.bar(class, (bin.rating - 0.8 * half, bin.rating + 0.8 * half), bin.rmse, &tip);
        if errors.len() <= 6 {
            plot.text("label quiet", (bin.rating, bin.rmse), (0, -6), Anchor::Middle, &rmse);
        }
    }
    let title = format!(
        "Ratings of {} are missed most, ratings of {} least",
        rating(worst.rating),
        rating(best.rating)
    );
    let reading = format!(
        "What was rated {} got {} on average, what was rated {} got {}: a careful guess stays near the mean.",
        rating(first.rating),
        number(first.predicted, 1),
        rating(last.rating),
        number(last.predicted, 1)
    );
    let rows = errors.iter().map(|bin| {
        let [predicted, deviation, rmse] =
            [bin.predicted, bin.deviation, bin.rmse].map(|value| number(value, 3));
        vec![rating(bin.rating), count(bin.n), predicted, deviation, rmse]
    });
    let chart = plot.finish(&format!("true rating, {}", unit.many), "RMSE", &title);
    let table = table(&["rating", "ratings", "mean prediction", "its deviation", "RMSE"], rows);
    Figure { id: "by-rating", title: &title, reading: &reading, chart: &chart, table: &table }.html()
}

/// What users said where the model predicted much the same; empty for fewer than two bins.
pub(crate) fn calibration(bins: &[Calibration], data: &Data, unit: Unit) -> String {
    let n: f64 = bins.iter().map(|bin| bin.n as f64).sum();
    if bins.len() < 2 || n == 0.0 {
        return String::new();
    }
    let gap = bins.iter().map(|bin| bin.n as f64 * (bin.observed - bin.predicted).abs()).sum::<f64>() / n;
    let [min, max] = data.scale.map(f64::from);
    let mut plot = Plot::new(Axis::linear(min, max, 5), Axis::linear(min, max, 5));
    plot.segment("guide", (min, min), (max, max));
    let early = min + 0.22 * (max - min);
    plot.text("label quiet", (early, early), (12, 12), Anchor::Start, "as predicted");
    for bin in bins {
        let reach = HALF_INTERVAL * bin.stderr;
        plot.segment("whisker", (bin.predicted, bin.observed - reach), (bin.predicted, bin.observed + reach));
    }
    plot.line("curve thin", bins.iter().map(|bin| (bin.predicted, bin.observed)));
    for bin in bins {
        let (predicted, observed) = (number(bin.predicted, 2), number(bin.observed, 2));
        let tip = format!("Predicted {predicted}, rated {observed} on average, {} ratings", count(bin.n));
        plot.dot("dot", (bin.predicted, bin.observed), 4.0, &tip);
    }
    let title = if gap < 0.1 * unit.small {
        "A prediction means what it says".to_owned()
    } else {
        format!("Predictions stray {} {} from what they should mean", number(gap, 2), unit.many)
    };
    let reading = format!(
        "Each dot gathers test ratings of similar predictions; on the dashed line users gave on average what was predicted. The mean distance from it is {} {}.",
        number(gap, 3),
        unit.many
    );
    let rows = bins.iter().map(|bin| {
        let reach = format!("± {}", number(HALF_INTERVAL * bin.stderr, 2));
        vec![number(bin.predicted, 2), number(bin.observed, 2), reach, count(bin.n)]
    });
    let names = ["mean prediction", "mean rating"].map(|name| format!("{name}, {}", unit.many));
    let chart = plot.finish(&names[0], &names[1], &title);
    let table = table(&["predicted", "rated", "95 % interval", "ratings"], rows);
    Figure { id: "calibration", title: &title, reading: &reading, chart: &chart, table: &table }.html()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_small_errors_cuts_bins_in_two() {
        let mut histogram = ErrorHistogram {
            edges: vec![-2.0, 0.0, 2.0, 4.0],
            counts: vec![2, 4, 2],
            mean: 0.5,
            deviation: 1.0,
            within_half: 0.0,
            within_one: 0.0,
        };
        let stars = Unit::of([1.0, 5.0]);
        assert!((within(&histogram, stars) - 3.0 / 8.0).abs() < 1e-12);
        histogram.within_one = 0.4;
        assert_eq!(within(&histogram, stars), 0.4);
        assert!((within(&histogram, Unit::of([0.0, 20.0])) - 6.0 / 8.0).abs() < 1e-12);
    }

    #[test]
    fn the_density_is_the_normal_one() {
        assert!((density(1.0, 1.0, 2.0) - 0.199_471_140_200_716_35).abs() < 1e-12);
        assert!((density(1.96, 0.0, 1.0) - 0.058_440_944_333_451_47).abs() < 1e-12);
    }

    #[test]
    fn calibration_says_when_predictions_stray() {
        let bin = |predicted, observed| Calibration { predicted, observed, stderr: 0.01, n: 10 };
        let mut data = crate::report::tests::sample().data;
        data.scale = [1.0, 5.0];
        let of = |bins: &[Calibration]| calibration(bins, &data, Unit::of(data.scale));
        assert!(of(&[bin(2.0, 2.05), bin(4.0, 4.0)]).contains("A prediction means what it says"));
        assert!(of(&[bin(2.0, 2.5), bin(4.0, 3.9)]).contains("Predictions stray 0.30 stars"));
        assert!(of(&[bin(2.0, 2.5)]).is_empty());
    }
}
