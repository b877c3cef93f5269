//! The ratings by their value, beside the predictions.

use super::rating;
use crate::eval::diagnostics::RatingShare;
use crate::report::Data;
use crate::report::html::{Figure, part, table};
use crate::report::plot::{Anchor, Axis, Plot, Tick};
use crate::report::words::Unit;

/// More different ratings than these are gathered into as many bins of equal width.
const MOST_VALUES: usize = 20;

/// How often each rating was given, and predicted where `shares` knows that; empty for data without a histogram.
pub(crate) fn values(data: &Data, shares: &[RatingShare], unit: Unit) -> String {
    let of_data = of_data(data);
    let with_predictions = shares.len() > 1;
    let shares = if with_predictions { shares } else { &of_data };
    let [first, .., last] = shares else { return String::new() };
    let common = shares.iter().max_by(|a, b| a.ratings.total_cmp(&b.ratings)).unwrap_or(first);
    let half = 0.5 * shares.windows(2).map(|pair| pair[1].value - pair[0].value).fold(f64::MAX, f64::min);
    let x = Axis::linear(first.value - half, last.value + half, 6);
    let ticks = || shares.iter().map(|bin| Tick { value: bin.value, label: rating(bin.value) }).collect();
    let x = if shares.len() <= 10 { x.with_ticks(ticks()) } else { x };
    let top = shares.iter().map(|bin| 100.0 * bin.ratings.max(bin.predictions)).fold(0.0, f64::max);
    let mut plot = Plot::new(x, Axis::rounded(0.0, top, 4));
    for bin in shares {
        let ends = (bin.value - 0.8 * half, bin.value + 0.8 * half);
        let mut tip = format!("{}: {} of the ratings", rating(bin.value), part(bin.ratings));
        if with_predictions {
            tip = format!("{tip}, {} of the predictions", part(bin.predictions));
        }
        plot.bar("bar", ends, 100.0 * bin.ratings, &tip);
        if with_predictions {
            plot.segment("level", (ends.0, 100.0 * bin.predictions), (ends.1, 100.0 * bin.predictions));
        }
    }
    if with_predictions {
        let highest = shares.iter().max_by(|a, b| a.predictions.total_cmp(&b.predictions)).unwrap_or(first);
        plot.text(
            "label quiet",
            (highest.value, 100.0 * highest.predictions),
            (0, -7),
            Anchor::Middle,
            "predicted",
        );
    }
    let title = format!("{} of the ratings are a {}", part(common.ratings), rating(common.value));
    let (reading, side) = if with_predictions {
        (
            "Bars: what users gave in the test part. Lines: the predictions, each counted at the nearest rating.",
            "%",
        )
    } else {
        ("How often each rating was given, over the whole data set.", "% of all ratings")
    };
    let rows = shares.iter().map(|bin| {
        let predictions = with_predictions.then(|| part(bin.predictions));
        [rating(bin.value), part(bin.ratings)].into_iter().chain(predictions).collect()
    });
    let heads = ["rating", "ratings", "predictions"];
    let table = table(if with_predictions { &heads } else { &heads[..2] }, rows);
    let chart = plot.finish(&format!("rating, {}", unit.many), side, &title);
    Figure { id: "values", title: &title, reading, chart: &chart, table: &table }.html()
}

/// The histogram of the data, gathered where it has many values.
fn of_data(data: &Data) -> Vec<RatingShare> {
    let all = data.histogram.iter().map(|bin| bin.count as f64).sum::<f64>().max(1.0);
    let share =
        |value: f64, count: f64| RatingShare { value, training: 0.0, ratings: count / all, predictions: 0.0 };
    if data.histogram.len() <= MOST_VALUES {
        return data.histogram.iter().map(|bin| share(f64::from(bin.value), bin.count as f64)).collect();
    }
    let [min, max] = data.scale.map(f64::from);
    let width = (max - min) / MOST_VALUES as f64;
    let mut counts = [0.0; MOST_VALUES];
    for bin in &data.histogram {
        // A negative float becomes zero, one that is no number too.
        let position = ((f64::from(bin.value) - min) / width) as usize;
        counts[position.min(MOST_VALUES - 1)] += bin.count as f64;
    }
    counts.iter().enumerate().map(|(i, &count)| share(min + (i as f64 + 0.5) * width, count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::ValueCount;

    #[test]
    fn many_values_are_gathered() {
        let mut data = crate::report::tests::sample().data;
        data.scale = [0.0, 100.0];
        data.histogram = (0..=100).map(|value| ValueCount { value: value as f32, count: 1 }).collect();
        let shares = of_data(&data);
        assert_eq!(shares.len(), MOST_VALUES);
        assert!((shares.iter().map(|bin| bin.ratings).sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((shares[0].ratings - 5.0 / 101.0).abs() < 1e-12 && shares[0].value == 2.5);
    }
}
