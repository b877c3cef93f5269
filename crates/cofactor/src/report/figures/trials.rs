//! The trials of a study: their errors in order, and by each parameter.

use serde_json::Value;

use crate::report::html::{Figure, escape, table};
use crate::report::plot::{Anchor, Axis, Plot, Tick, number};
use crate::tune::{Dimension, Influence, Outcome, Range, Study, Trial};

/// The errors of all trials in order, and the best so far; empty for fewer than two that ended.
pub(crate) fn history(study: &Study) -> String {
    let Some((low, high)) = ends(study) else { return String::new() };
    let last = study.trials.last().map_or(1, |trial| trial.number);
    let mut plot = Plot::new(Axis::linear(0.0, last.max(1) as f64, 6), Axis::rounded(low, high, 5));
    for trial in &study.trials {
        if let Some((class, rmse)) = mark(trial) {
            plot.dot(class, (trial.number as f64, rmse), 4.0, &tip(trial));
        }
    }
    let mut best = f64::INFINITY;
    let mut line = Vec::new();
    for (number, rmse) in study.trials.iter().filter_map(|trial| Some((trial.number, trial.rmse()?))) {
        if rmse < best {
            line.extend(best.is_finite().then_some((number as f64, best)));
            line.push((number as f64, rmse));
            best = rmse;
        }
    }
    line.push((last as f64, best));
    plot.line("curve", line);
    plot.text("label", (last as f64, best), (0, 20), Anchor::End, &format!("best {}", number(best, 4)));
    let first = study.trials.iter().find_map(Trial::rmse).unwrap_or(best);
    let title = if best < first {
        format!("From {} to {}, on ratings kept aside", number(first, 4), number(best, 4))
    } else {
        format!("None was better than the first: {} on ratings kept aside", number(first, 4))
    };
    let reading = "Each dot is a trial; grey ones were given up early and stand where they were then. The line is the lowest error so far. Errors \
        beyond the axis stand at its end. The first 16 trials are drawn at random, but for the very first.";
    let chart = plot.finish("trial", "validation RMSE", &title);
    let rows = study.trials.iter().map(|trial| {
        vec![
            trial.number.to_string(),
            outcome(trial),
            trial.parameters.iter().map(setting).collect::<Vec<_>>().join(" "),
        ]
    });
    let table = table(&["trial", "validation RMSE", "parameters"], rows);
    Figure { id: "history", title: &title, reading, chart: &chart, table: &table }.html()
}

/// The errors of the finished trials by one parameter; empty for fewer than two.
pub(crate) fn scatter(study: &Study, dimension: &Dimension, influence: Option<&Influence>) -> String {
    let Some((low, high)) = ends(study) else { return String::new() };
    let name = &dimension.name;
    let mut plot = Plot::new(axis(&dimension.range), Axis::rounded(low, high, 4));
    let best = study.best().map(|trial| trial.number);
    let placed = |trial: &Trial| Some((place(&dimension.range, trial.parameters.get(name)?)?, trial.rmse()?));
    let done = study.trials.iter().filter(|trial| trial.rmse().is_some());
    // The best lies on top.
    let (others, winners): (Vec<_>, Vec<_>) = done.partition(|trial| Some(trial.number) != best);
    for (trials, class) in [(others, "dot quiet"), (winners, "dot")] {
        for trial in trials {
            if let Some(point) = placed(trial) {
                plot.dot(class, point, if class == "dot" { 5.5 } else { 4.0 }, &tip(trial));
            }
        }
    }
    let title = match influence.map(|influence| influence.best.as_slice()) {
        Some([one]) => format!("{name}: the best quarter has {}", written(one)),
        Some([low, high]) if !matches!(dimension.range, Range::Choice { .. }) => {
            format!("{name}: the best quarter lies from {} to {}", written(low), written(high))
        }
        _ => name.clone(),
    };
    let reading = match influence {
        Some(influence) => {
            format!(
                "A dot for each finished trial, the best one dark. Influence {}.",
                number(influence.effect, 2)
            )
        }
        None => "A dot for each finished trial, the best one dark.".to_owned(),
    };
    let chart = plot.finish(name, "validation RMSE", &title);
    let rows = study
        .trials
        .iter()
        .filter_map(|trial| Some(vec![written(trial.parameters.get(name)?), number(trial.rmse()?, 4)]));
    let table = table(&[name, "validation RMSE"], rows);
    let id = escape(&format!("knob-{name}"));
    Figure { id: &id, title: &title, reading: &reading, chart: &chart, table: &table }.html()
}

/// From the lowest error to the one that four of five trials stay below, so that hopeless ones do not press the others flat.
fn ends(study: &Study) -> Option<(f64, f64)> {
    let mut errors: Vec<f64> = study.trials.iter().filter_map(Trial::rmse).collect();
    errors.sort_by(f64::total_cmp);
    let [low, .., _] = errors.as_slice() else { return None };
    let high = errors[(4 * errors.len()).div_ceil(5) - 1];
    Some((*low, high.max(low * 1.001)))
}

fn mark(trial: &Trial) -> Option<(&'static str, f64)> {
    match trial.outcome {
        Outcome::Done { rmse, .. } => Some(("dot quiet", rmse)),
        Outcome::Pruned { rmse, .. } => Some(("dot faint", rmse)),
        Outcome::Failed { .. } => None,
    }
}

fn tip(trial: &Trial) -> String {
    let settings: Vec<String> = trial.parameters.iter().map(setting).collect();
    format!("Trial {}: {}\u{2002}{}", trial.number, outcome(trial), settings.join(" "))
}

fn outcome(trial: &Trial) -> String {
    match &trial.outcome {
        Outcome::Done { rmse, epochs: Some(epochs), .. } => {
            format!("{} after {epochs} epochs", number(*rmse, 4))
        }
        Outcome::Done { rmse, .. } => number(*rmse, 4),
        Outcome::Pruned { rmse, after } => {
            format!("{}, given up after {after} epochs", number(*rmse, 4))
        }
        Outcome::Failed { .. } => "failed".to_owned(),
    }
}

fn setting((name, value): (&String, &Value)) -> String {
    format!("{name}={}", written(value))
}

fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn axis(range: &Range) -> Axis {
    let numbers = |low: f64, high: f64| {
        if low > 0.0 && high / low > 4.0 { Axis::log(low, high) } else { Axis::linear(low, high, 4) }
    };
    match range {
        Range::Integer { low, high } => numbers(*low as f64, *high as f64),
        Range::Real { low, high } => numbers(*low, *high),
        Range::Choice { options } => {
            let tick =
                |(place, option): (usize, &Value)| Tick { value: place as f64, label: written(option) };
            let ticks = options.iter().enumerate().map(tick).collect();
            Axis::linear(-0.5, options.len() as f64 - 0.5, 1).with_ticks(ticks)
        }
    }
}

fn place(range: &Range, value: &Value) -> Option<f64> {
    match range {
        Range::Choice { options } => {
            options.iter().position(|option| option == value).map(|place| place as f64)
        }
        _ => value.as_f64(),
    }
}
