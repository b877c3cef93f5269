//! The charts of the errors, each with its statement, its reading and its table.

use super::diagnostics::{Calibration, ErrorHistogram, Group, RatingError, RatingShare};
use super::html::{Figure, count, part, table};
use super::plot::{Anchor, Axis, Plot, Tick, number};
use super::words::Unit;
use super::{Data, Report};
use crate::eval::evaluate::Curve;
use crate::fit::run::Epoch;

/// The error on the training part and on another one after each epoch; empty for fewer than two epochs.
pub(super) fn learning(epochs: &[Epoch], curve: Curve) -> String {
    let [first, .., last] = epochs else { return String::new() };
    let aside = |epoch: &Epoch| epoch.valid_rmse.map(|rmse| (epoch.epoch as f64, rmse));
    let part = if curve == Curve::Test { "test" } else { "validation" };
    let all = epochs.iter().flat_map(|epoch| [Some(epoch.train_rmse), epoch.valid_rmse]).flatten();
    let (low, high) = all.fold((f64::MAX, f64::MIN), |(low, high), rmse| (low.min(rmse), high.max(rmse)));
    let x = Axis::linear(first.epoch as f64, last.epoch as f64, 6);
    let mut plot = Plot::new(x, Axis::rounded(low, high, 5));
    plot.line("curve quiet", epochs.iter().map(|epoch| (epoch.epoch as f64, epoch.train_rmse)));
    plot.line("curve", epochs.iter().filter_map(aside));
    let best = epochs.iter().filter_map(aside).min_by(|a, b| a.1.total_cmp(&b.1));
    if let Some((epoch, rmse)) = best {
        plot.dot("dot", (epoch, rmse), 4.5, "");
    }
    label_ends(&mut plot, last, part);
    let shown: Vec<&Epoch> = thinned(epochs).collect();
    let half = 0.5 * (last.epoch - first.epoch) as f64 / (shown.len().max(2) - 1) as f64;
    for epoch in &shown {
        let middle = epoch.epoch as f64;
        plot.target((middle - half, middle + half), &epoch_tip(epoch, part));
    }
    let title = learning_title(last, best, curve);
    let reading = match best {
        Some(_) => format!("Each epoch is one pass over the training ratings. Grey: the error on the ratings that it learns from. Coloured: on the {part} ratings, with a dot where it is lowest."),
        None => "Each epoch is one pass over the training ratings. The line is the error on the ratings that it learns from; none were kept aside.".to_owned(),
    };
    let rows = shown.iter().map(|epoch| {
        let aside = epoch.valid_rmse.map_or("–".to_owned(), |rmse| number(rmse, 4));
        vec![epoch.epoch.to_string(), number(epoch.train_rmse, 4), aside]
    });
    let chart = plot.finish("epoch", "RMSE", &title);
    let table = table(&["epoch", "training RMSE", &format!("{part} RMSE")], rows);
    Figure { id: "curves", title: &title, reading: &reading, chart: &chart, table: &table }.html()
}

/// Names the curves where they end: the upper one above its end, the lower one below.
fn label_ends(plot: &mut Plot, last: &Epoch, part: &str) {
    let end = last.epoch as f64;
    let (above, below) = ((0, -10), (0, 20));
    let is_upper = last.valid_rmse.is_none_or(|rmse| rmse < last.train_rmse);
    let shift = if is_upper { above } else { below };
    let text = format!("training {}", number(last.train_rmse, 3));
    plot.text("label quiet", (end, last.train_rmse), shift, Anchor::End, &text);
    if let Some(rmse) = last.valid_rmse {
        let shift = if is_upper { below } else { above };
        plot.text("label", (end, rmse), shift, Anchor::End, &format!("{part} {}", number(rmse, 3)));
    }
}

fn learning_title(last: &Epoch, best: Option<(f64, f64)>, curve: Curve) -> String {
    let ratings = if curve == Curve::Test { "test ratings" } else { "ratings kept aside" };
    match best {
        Some((epoch, rmse)) if (epoch as usize) < last.epoch => {
            format!("On {ratings}, the error is lowest after epoch {epoch}: {}", number(rmse, 3))
        }
        Some((_, rmse)) => format!("On {ratings}, the error still falls at the end: {}", number(rmse, 3)),
        None => format!("The training error ends at {}", number(last.train_rmse, 3)),
    }
}

/// At most about a hundred epochs, the last among them.
fn thinned(epochs: &[Epoch]) -> impl Iterator<Item = &Epoch> {
    let step = epochs.len().div_ceil(100).max(1);
    epochs.iter().rev().step_by(step).collect::<Vec<_>>().into_iter().rev()
}

fn epoch_tip(epoch: &Epoch, part: &str) -> String {
    let aside = epoch.valid_rmse.map(|rmse| format!(", {part} {}", number(rmse, 4))).unwrap_or_default();
    format!("Epoch {}: training {}{aside}", epoch.epoch, number(epoch.train_rmse, 4))
}

/// How often errors of each size occur, with the normal distribution.
pub(super) fn errors(histogram: &ErrorHistogram, unit: Unit) -> String {
    let ErrorHistogram { edges, counts, mean, deviation } = histogram;
    let n: usize = counts.iter().sum();
    let (Some(&low), Some(&high)) = (edges.first(), edges.last()) else { return String::new() };
    if n == 0 || edges.len() != counts.len() + 1 {
        return String::new();
    }
    let share = |count: usize| 100.0 * count as f64 / n as f64;
    let width = (high - low) / counts.len() as f64;
    let normal = |x: f64| {
        let z = (x - mean) / deviation.max(1e-12);
        100.0 * width * libm::exp(-0.5 * z * z) / (deviation.max(1e-12) * (std::f64::consts::TAU).sqrt())
    };
    let top = counts.iter().map(|&count| share(count)).fold(normal(*mean), f64::max);
    let mut plot = Plot::new(Axis::linear(low, high, 6), Axis::rounded(0.0, top, 4));
    for (pair, &bin) in edges.windows(2).zip(counts) {
        let tip = format!(
            "{} to {} {}: {} ({})",
            number(pair[0], 2),
            number(pair[1], 2),
            unit.many,
            count(bin),
            part(bin as f64 / n as f64)
        );
        plot.bar("bar", (pair[0], pair[1]), share(bin), &tip);
    }
    plot.line(
        "curve ink",
        (0..=120).map(|i| low + (high - low) * f64::from(i) / 120.0).map(|x| (x, normal(x))),
    );
    let title = format!(
        "{} of the predictions are within {}",
        part(within(histogram, unit.small)),
        unit.small_error()
    );
    let reading = format!(
        "Bars: predictions by their error; left of zero the guess was too low. Line: the normal distribution of the same mean ({}) and deviation ({}).",
        number(*mean, 2),
        number(*deviation, 2)
    );
    let rows = edges.windows(2).zip(counts).map(|(pair, &bin)| {
        vec![
            format!("{} to {}", number(pair[0], 2), number(pair[1], 2)),
            count(bin),
            part(bin as f64 / n as f64),
        ]
    });
    let chart = plot.finish(&format!("prediction − rating, {}", unit.many), "% of test ratings", &title);
    let table = table(&["error", "ratings", "share"], rows);
    Figure { id: "errors", title: &title, reading: &reading, chart: &chart, table: &table }.html()
}

/// The share of errors between −size and size, taking each bin as evenly filled.
fn within(histogram: &ErrorHistogram, size: f64) -> f64 {
    let n: usize = histogram.counts.iter().sum();
    let inside: f64 = histogram
        .edges
        .windows(2)
        .zip(&histogram.counts)
        .map(|(pair, &bin)| {
            let overlap = (pair[1].min(size) - pair[0].max(-size)).max(0.0);
            bin as f64 * overlap / (pair[1] - pair[0])
        })
        .sum();
    inside / n.max(1) as f64
}

/// The error by the true rating.
pub(super) fn by_rating(errors: &[RatingError], unit: Unit) -> String {
    let worst = errors.iter().max_by(|a, b| a.rmse.total_cmp(&b.rmse));
    let best = errors.iter().min_by(|a, b| a.rmse.total_cmp(&b.rmse));
    let (Some(worst), Some(best), [first, .., last]) = (worst, best, errors) else { return String::new() };
    let half = 0.5 * errors.windows(2).map(|pair| pair[1].rating - pair[0].rating).fold(f64::MAX, f64::min);
    let ticks = errors.iter().map(|bin| Tick { value: bin.rating, label: rating(bin.rating) }).collect();
    let x = Axis::linear(first.rating - half, last.rating + half, 5).with_ticks(ticks);
    let mut plot = Plot::new(x, Axis::rounded(0.0, worst.rmse, 4));
    for bin in errors {
        let tip = format!(
            "Rated {}: RMSE {}, predicted {} on average ({} ratings)",
            rating(bin.rating),
            number(bin.rmse, 2),
            number(bin.predicted, 2),
            count(bin.n)
        );
        let class = if bin.rating == worst.rating { "bar strong" } else { "bar" };
        plot.bar(class, (bin.rating - 0.8 * half, bin.rating + 0.8 * half), bin.rmse, &tip);
        if errors.len() <= 6 {
            plot.text("label", (bin.rating, bin.rmse), (0, -6), Anchor::Middle, &number(bin.rmse, 2));
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
        vec![
            rating(bin.rating),
            count(bin.n),
            number(bin.predicted, 3),
            number(bin.deviation, 3),
            number(bin.rmse, 3),
        ]
    });
    let chart = plot.finish(&format!("true rating, {}", unit.many), "RMSE", &title);
    let table = table(&["rating", "ratings", "mean prediction", "its deviation", "RMSE"], rows);
    Figure { id: "by-rating", title: &title, reading: &reading, chart: &chart, table: &table }.html()
}

/// A rating as it is given: 4, 3.5.
fn rating(value: f64) -> String {
    number(value, usize::from(value.fract() != 0.0))
}

/// What users said where the model predicted much the same.
pub(super) fn calibration(bins: &[Calibration], data: &Data, unit: Unit) -> String {
    let n: usize = bins.iter().map(|bin| bin.n).sum();
    if bins.len() < 2 || n == 0 {
        return String::new();
    }
    let gap =
        bins.iter().map(|bin| bin.n as f64 * (bin.observed - bin.predicted).abs()).sum::<f64>() / n as f64;
    let [min, max] = data.scale.map(f64::from);
    let mut plot = Plot::new(Axis::linear(min, max, 5), Axis::linear(min, max, 5));
    plot.segment("guide", (min, min), (max, max));
    for bin in bins {
        let reach = 1.96 * bin.stderr;
        plot.segment("whisker", (bin.predicted, bin.observed - reach), (bin.predicted, bin.observed + reach));
    }
    plot.line("curve thin", bins.iter().map(|bin| (bin.predicted, bin.observed)));
    for bin in bins {
        let tip = format!(
            "Predicted {}, rated {} on average ({} ratings)",
            number(bin.predicted, 2),
            number(bin.observed, 2),
            count(bin.n)
        );
        plot.dot("dot", (bin.predicted, bin.observed), 4.0, &tip);
    }
    plot.text("label quiet", (max, max), (-8, 22), Anchor::End, "as predicted");
    let title = if gap < 0.1 * unit.small {
        "A prediction means what it says".to_owned()
    } else {
        format!("Predictions stray {} {} from what they should mean", number(gap, 2), unit.many)
    };
    let reading = format!(
        "Each dot gathers test ratings of similar predictions; on the dashed line users gave on average what was predicted. The mean distance from it is {}.",
        number(gap, 3)
    );
    let rows = bins.iter().map(|bin| {
        vec![
            number(bin.predicted, 2),
            number(bin.observed, 2),
            format!("± {}", number(1.96 * bin.stderr, 2)),
            count(bin.n),
        ]
    });
    let chart = plot.finish(
        &format!("mean prediction, {}", unit.many),
        &format!("mean rating, {}", unit.many),
        &title,
    );
    let table = table(&["predicted", "rated", "95 % interval", "ratings"], rows);
    Figure { id: "calibration", title: &title, reading: &reading, chart: &chart, table: &table }.html()
}

/// Whose, or what's, error a chart of groups shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grouped {
    /// The figure's anchor.
    pub id: &'static str,
    /// "user" or "item".
    pub one: &'static str,
    /// "users" or "items".
    pub many: &'static str,
}

/// The error by how much is known of the user or the item.
pub(super) fn by_count(groups: &[Group], Grouped { id, one, many }: Grouped) -> String {
    let [first, .., last] = groups else { return String::new() };
    let reach = |group: &Group| 1.96 * group.stderr;
    let low = groups.iter().map(|group| group.rmse - reach(group)).fold(f64::MAX, f64::min).max(0.0);
    let high = groups.iter().map(|group| group.rmse + reach(group)).fold(f64::MIN, f64::max);
    let x = Axis::log(lower_end(first), last.high.max(2) as f64);
    let mut plot = Plot::new(x, Axis::rounded(low, high, 4));
    let band: Vec<_> = groups
        .iter()
        .map(|group| (middle(group), group.rmse - reach(group), group.rmse + reach(group)))
        .collect();
    plot.band("band", &band);
    plot.line("curve", groups.iter().map(|group| (middle(group), group.rmse)));
    for group in groups {
        let tip = format!(
            "{} with {}: RMSE {} ({} test ratings)",
            capital(many),
            span(group),
            number(group.rmse, 3),
            count(group.n)
        );
        plot.dot("dot", (middle(group), group.rmse), 4.0, &tip);
    }
    let change = last.rmse / first.rmse - 1.0;
    let title = match change {
        c if c < -0.02 => {
            format!("The more ratings {} has, the better the guess: {} less error", article(one), part(-c))
        }
        c if c > 0.02 => {
            format!("{} with many ratings are harder to guess: {} more error", capital(many), part(c))
        }
        _ => format!("How many ratings {} has makes little difference", article(one)),
    };
    let reading = format!(
        "{} grouped by their number of training ratings, on a logarithmic axis; the band is the 95 % interval.",
        capital(many)
    );
    let rows = groups.iter().map(|group| {
        vec![span(group), number(group.rmse, 3), format!("± {}", number(reach(group), 3)), count(group.n)]
    });
    let chart = plot.finish(&format!("training ratings of the {one}"), "RMSE", &title);
    let table = table(&["training ratings", "RMSE", "95 % interval", "test ratings"], rows);
    Figure { id, title: &title, reading: &reading, chart: &chart, table: &table }.html()
}

/// A logarithmic axis has no zero: the group without ratings stands at a half.
fn lower_end(group: &Group) -> f64 {
    if group.low == 0 { 0.5 } else { group.low as f64 }
}

fn middle(group: &Group) -> f64 {
    if group.high == 0 { 0.5 } else { (lower_end(group).max(1.0) * group.high as f64).sqrt() }
}

fn span(group: &Group) -> String {
    match (group.low, group.high) {
        (0, 0) => "no training ratings".to_owned(),
        (low, high) if low == high => format!("{} training ratings", count(low)),
        (low, high) => format!("{} to {} training ratings", count(low), count(high)),
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn article(noun: &str) -> String {
    format!("{} {noun}", if noun.starts_with('i') { "an" } else { "a" })
}

/// The ratings by their value, with the predictions where they are known.
pub(super) fn values(report: &Report, shares: &[RatingShare], unit: Unit) -> String {
    let total: usize = report.data.histogram.iter().map(|bin| bin.count).sum();
    let from_data: Vec<RatingShare> = report
        .data
        .histogram
        .iter()
        .map(|bin| RatingShare {
            value: f64::from(bin.value),
            ratings: bin.count as f64 / total.max(1) as f64,
            predictions: 0.0,
        })
        .collect();
    let with_predictions = !shares.is_empty();
    let shares = if with_predictions { shares } else { &from_data };
    let ([first, .., last], Some(common)) =
        (shares, shares.iter().max_by(|a, b| a.ratings.total_cmp(&b.ratings)))
    else {
        return String::new();
    };
    let half = 0.5 * shares.windows(2).map(|pair| pair[1].value - pair[0].value).fold(f64::MAX, f64::min);
    let ticks = shares.iter().map(|bin| Tick { value: bin.value, label: rating(bin.value) }).collect();
    let x = Axis::linear(first.value - half, last.value + half, 5);
    let x = if shares.len() <= 11 { x.with_ticks(ticks) } else { x };
    let top = shares.iter().map(|bin| 100.0 * bin.ratings.max(bin.predictions)).fold(0.0, f64::max);
    let mut plot = Plot::new(x, Axis::rounded(0.0, top, 4));
    for bin in shares {
        let said = format!("Rating {}: {} of the ratings", rating(bin.value), part(bin.ratings));
        let tip = if with_predictions {
            format!("{said}, {} of the predictions", part(bin.predictions))
        } else {
            said
        };
        let inner = 0.8 * half;
        plot.bar("bar", (bin.value - inner, bin.value + inner), 100.0 * bin.ratings, &tip);
        if with_predictions {
            let height = 100.0 * bin.predictions;
            plot.segment("level", (bin.value - inner, height), (bin.value + inner, height));
        }
    }
    let title = format!("{} of the ratings are a {}", part(common.ratings), rating(common.value));
    let reading = if with_predictions {
        "Bars: what users gave in the test part. Dark lines: predictions, rounded to the nearest rating; they keep away from the ends."
    } else {
        "How often each rating was given, over the whole data set."
    };
    let rows = shares.iter().map(|bin| {
        let predictions = if with_predictions { part(bin.predictions) } else { "–".to_owned() };
        vec![rating(bin.value), part(bin.ratings), predictions]
    });
    let chart = plot.finish(&format!("rating, {}", unit.many), "%", &title);
    let table = table(&["rating", "ratings", "predictions"], rows);
    Figure { id: "values", title: &title, reading, chart: &chart, table: &table }.html()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(epoch: usize, train_rmse: f64, valid_rmse: Option<f64>) -> Epoch {
        Epoch { epoch, train_rmse, valid_rmse, seconds: 0.1 }
    }

    #[test]
    fn the_lowest_validation_error_is_named() {
        let epochs = [epoch(1, 1.2, Some(1.1)), epoch(2, 0.9, Some(0.95)), epoch(3, 0.8, Some(0.97))];
        let validation = Curve::Validation { share: 0.1 };
        let html = learning(&epochs, validation);
        assert!(html.contains("lowest after epoch 2: 0.950"), "{html}");
        assert!(learning(&epochs[..1], validation).is_empty());
        let without = [epoch(1, 1.2, None), epoch(2, 0.9, None)];
        assert!(learning(&without, Curve::Nothing).contains("The training error ends at 0.900"));
    }

    #[test]
    fn many_epochs_are_thinned_and_keep_the_last() {
        let epochs: Vec<Epoch> = (1..=1003).map(|i| epoch(i, 1.0, None)).collect();
        let kept: Vec<usize> = thinned(&epochs).map(|epoch| epoch.epoch).collect();
        assert!(kept.len() <= 100 && kept.is_sorted() && kept.last() == Some(&1003));
    }

    #[test]
    fn the_share_within_a_star_cuts_bins_in_two() {
        let histogram = ErrorHistogram {
            edges: vec![-2.0, 0.0, 2.0, 4.0],
            counts: vec![2, 4, 2],
            mean: 0.5,
            deviation: 1.0,
        };
        assert!((within(&histogram, 1.0) - 3.0 / 8.0).abs() < 1e-12);
    }

    #[test]
    fn groups_say_which_way_the_error_goes() {
        let group = |low, high, rmse| Group { low, high, n: 100, rmse, stderr: 0.01 };
        let users = Grouped { id: "a", one: "user", many: "users" };
        let items = Grouped { id: "b", one: "item", many: "items" };
        assert!(
            by_count(&[group(0, 0, 1.2), group(1, 9, 0.9)], users)
                .contains("the better the guess: 25 % less")
        );
        assert!(
            by_count(&[group(1, 9, 0.9), group(10, 99, 0.9)], items).contains("How many ratings an item has")
        );
        assert!(by_count(&[group(1, 9, 0.9)], items).is_empty());
    }
}
