//! The error after each epoch.

use crate::eval::early::Found;
use crate::eval::evaluate::Curve;
use crate::fit::run::Epoch;
use crate::report::html::{Figure, part, table};
use crate::report::plot::{Anchor, Axis, Plot, number};

/// The error on the training part and on another one after each epoch; empty for fewer than two epochs.
pub(crate) fn learning(epochs: &[Epoch], curve: Curve) -> String {
    if epochs.len() < 2 {
        return String::new();
    }
    let best = epochs.iter().filter_map(aside).min_by(|a, b| a.1.total_cmp(&b.1));
    let part = if curve == Curve::Test { "test" } else { "validation" };
    let title = statement(epochs, best, curve);
    let reading = match best {
        Some(_) => format!("Each epoch is one pass over the training ratings. Grey: the error on the ratings that it learns from. Coloured: on the {part} ratings, with a dot where it is lowest. Predictions are not clipped to the scale here."),
        None => "Each epoch is one pass over the training ratings. The line is the error on the ratings that it learns from; none were kept aside.".to_owned(),
    };
    figure("curves", epochs, best, part, (&title, &reading))
}

/// The search for the number of epochs; empty for fewer than two.
pub(crate) fn stopping(found: &Found) -> String {
    if found.curve.len() < 2 {
        return String::new();
    }
    let best = (found.epochs as f64, found.valid_rmse);
    let rmse = number(found.valid_rmse, 3);
    let title = format!("Ratings kept aside say: learn for {} epochs, to an error of {rmse}", found.epochs);
    let reading = format!(
        "How the number of epochs was found: {} of each user's training ratings were kept aside (coloured), and the model learned from the others (grey) until {} epochs in a row were no better. It then learned anew, from all training ratings. The test ratings have no part in this.",
        part(found.rule.share),
        found.rule.patience
    );
    figure("stopping", &found.curve, Some(best), "validation", (&title, &reading))
}

fn aside(epoch: &Epoch) -> Option<(f64, f64)> {
    epoch.valid_rmse.map(|rmse| (epoch.epoch as f64, rmse))
}

fn figure(
    id: &str,
    epochs: &[Epoch],
    best: Option<(f64, f64)>,
    part: &str,
    (title, reading): (&str, &str),
) -> String {
    let [first, .., last] = epochs else { return String::new() };
    let all = epochs.iter().flat_map(|epoch| [Some(epoch.train_rmse), epoch.valid_rmse]).flatten();
    let (low, high) = all.fold((f64::MAX, f64::MIN), |(low, high), rmse| (low.min(rmse), high.max(rmse)));
    let x = Axis::linear(first.epoch as f64, last.epoch as f64, 6);
    let mut plot = Plot::new(x, Axis::rounded(low - 0.06 * (high - low), high, 5));
    plot.line("curve quiet", epochs.iter().map(|epoch| (epoch.epoch as f64, epoch.train_rmse)));
    plot.line("curve", epochs.iter().filter_map(aside));
    if let Some((epoch, rmse)) = best {
        plot.dot("dot", (epoch, rmse), 4.5, "");
    }
    label_ends(&mut plot, last, part);
    let shown: Vec<&Epoch> = thinned(epochs).collect();
    let half = 0.5 * (last.epoch as f64 - first.epoch as f64) / (shown.len().max(2) - 1) as f64;
    for epoch in &shown {
        let middle = epoch.epoch as f64;
        plot.target((middle - half, middle + half), &epoch_tip(epoch, part));
    }
    let rows = shown.iter().map(|epoch| {
        let aside = epoch.valid_rmse.map_or("–".to_owned(), |rmse| number(rmse, 4));
        vec![epoch.epoch.to_string(), number(epoch.train_rmse, 4), aside]
    });
    let chart = plot.finish("epoch", "RMSE", title);
    let table = table(&["epoch", "training RMSE", &format!("{part} RMSE")], rows);
    Figure { id, title, reading, chart: &chart, table: &table }.html()
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

/// Where the error on the other part is lowest, if there is one, and whether it would fall further.
fn statement(epochs: &[Epoch], best: Option<(f64, f64)>, curve: Curve) -> String {
    let last = &epochs[epochs.len() - 1];
    let Some((epoch, rmse)) = best else {
        return format!("The training error ends at {}", number(last.train_rmse, 3));
    };
    let ratings = if curve == Curve::Test { "test ratings" } else { "ratings kept aside" };
    if (epoch as usize) < last.epoch {
        return format!("On {ratings}, the error is lowest after epoch {epoch}: {}", number(rmse, 3));
    }
    // The last tenth of the epochs tells whether more of them would help.
    let before = epochs[epochs.len() - 1 - epochs.len().div_ceil(10)].valid_rmse.unwrap_or(rmse);
    let verb = if before - rmse > 0.001 * rmse { "still falls at the end" } else { "has settled" };
    format!("On {ratings}, the error {verb}: {}", number(rmse, 3))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::early::EarlyStopping;

    fn epoch(epoch: usize, train_rmse: f64, valid_rmse: Option<f64>) -> Epoch {
        Epoch { epoch, train_rmse, valid_rmse, seconds: 0.1 }
    }

    #[test]
    fn the_lowest_validation_error_is_named() {
        let epochs = [epoch(1, 1.2, Some(1.1)), epoch(2, 0.9, Some(0.95)), epoch(3, 0.8, Some(0.97))];
        let validation = Curve::Validation { share: 0.1 };
        let html = learning(&epochs, validation);
        assert!(html.contains("lowest after epoch 2: 0.950"), "{html}");
        assert!(learning(&epochs[..2], validation).contains("still falls at the end: 0.950"));
        let flat = [epoch(1, 1.2, Some(0.9501)), epoch(2, 0.9, Some(0.95))];
        assert!(learning(&flat, validation).contains("has settled: 0.950"));
        assert!(learning(&epochs[..1], validation).is_empty());
        let without = [epoch(1, 1.2, None), epoch(2, 0.9, None)];
        assert!(learning(&without, Curve::Nothing).contains("The training error ends at 0.900"));
    }

    #[test]
    fn the_search_for_epochs_says_what_it_shows() {
        let curve = vec![epoch(1, 1.2, Some(1.1)), epoch(2, 0.9, Some(0.95)), epoch(3, 0.8, Some(0.97))];
        let rule = EarlyStopping { share: 0.1, patience: 1 };
        let found = Found { epochs: 2, valid_rmse: 0.95, rule, train: 9, valid: 1, curve, seconds: 0.1 };
        let html = stopping(&found);
        assert!(html.contains("<figure id=\"stopping\">") && html.contains("learn for 2 epochs"), "{html}");
        assert!(html.contains("The test ratings have no part in this"), "{html}");
    }

    #[test]
    fn many_epochs_are_thinned_and_keep_the_last() {
        let epochs: Vec<Epoch> = (1..=1003).map(|i| epoch(i, 1.0, None)).collect();
        let kept: Vec<usize> = thinned(&epochs).map(|epoch| epoch.epoch).collect();
        assert!(kept.len() <= 100 && kept.is_sorted() && kept.last() == Some(&1003));
    }
}
