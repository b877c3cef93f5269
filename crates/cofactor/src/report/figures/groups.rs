//! The error by how much is known of a user or an item.

use super::HALF_INTERVAL;
use crate::eval::diagnostics::Group;
use crate::report::html::{Figure, count, part, table};
use crate::report::plot::{Axis, Plot, Tick, number};

/// Whose, or what's, error is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grouped {
    /// The figure's anchor.
    pub id: &'static str,
    /// "a user" or "an item".
    pub one: &'static str,
    /// "Users" or "Items".
    pub many: &'static str,
}

/// The error by the number of training ratings; empty for fewer than two groups.
pub(crate) fn by_count(groups: &[Group], grouped: Grouped) -> String {
    let Grouped { id, one, many } = grouped;
    let [first, .., last] = groups else { return String::new() };
    let low = groups.iter().map(|group| group.rmse - reach(group)).fold(f64::MAX, f64::min).max(0.0);
    let high = groups.iter().map(|group| group.rmse + reach(group)).fold(f64::MIN, f64::max);
    let mut plot = Plot::new(counts(first, last), Axis::rounded(low, high, 4));
    let band: Vec<_> = groups
        .iter()
        .map(|group| (middle(group), group.rmse - reach(group), group.rmse + reach(group)))
        .collect();
    plot.band("band", &band);
    plot.line("curve", groups.iter().map(|group| (middle(group), group.rmse)));
    for group in groups {
        let (rmse, n) = (number(group.rmse, 3), count(group.n));
        let tip = format!("{many} with {}: RMSE {rmse}, {n} test ratings", span(group));
        plot.dot("dot", (middle(group), group.rmse), 4.0, &tip);
    }
    // Those of whom nothing was known are few: what more ratings are worth shows from the first one on.
    let known = groups.iter().find(|group| group.high > 0).unwrap_or(first);
    let title = statement(known, last, grouped);
    let reading = format!(
        "{many} grouped by their number of training ratings, on a logarithmic axis. Dots: the RMSE of each group; band: its 95\u{a0}% interval."
    );
    let rows = groups.iter().map(|group| {
        let reach = format!("± {}", number(reach(group), 3));
        vec![span(group), number(group.rmse, 3), reach, count(group.n)]
    });
    let chart = plot.finish(&format!("training ratings of {one}"), "RMSE", &title);
    let table = table(&["group", "RMSE", "95 % interval", "test ratings"], rows);
    Figure { id, title: &title, reading: &reading, chart: &chart, table: &table }.html()
}

fn reach(group: &Group) -> f64 {
    HALF_INTERVAL * group.stderr
}

/// What the ends say, if their difference is more than chance would make it.
fn statement(first: &Group, last: &Group, Grouped { one, many, .. }: Grouped) -> String {
    let change = last.rmse / first.rmse - 1.0;
    let is_chance = (last.rmse - first.rmse).abs() < reach(first).hypot(reach(last));
    if is_chance {
        format!("How many ratings {one} has makes no clear difference")
    } else if change < 0.0 {
        format!("The more ratings {one} has, the better the guess: {} less error", part(-change))
    } else {
        format!("{many} with many ratings are harder to guess: {} more error", part(change))
    }
}

/// A logarithmic axis has no zero: the group without ratings stands at a half.
const NONE: f64 = 0.5;

fn counts(first: &Group, last: &Group) -> Axis {
    let top = last.high.max(2) as f64;
    if first.low > 0 {
        return Axis::log(first.low as f64, top);
    }
    let mut ticks = vec![Tick { value: NONE, label: "none".to_owned() }];
    ticks.extend(Axis::log(1.0, top).into_ticks().into_iter().filter(|tick| tick.value > 1.0));
    Axis::log(NONE, top).with_ticks(ticks)
}

fn middle(group: &Group) -> f64 {
    if group.high == 0 { NONE } else { (group.low.max(1) as f64 * group.high as f64).sqrt() }
}

fn span(group: &Group) -> String {
    match (group.low, group.high) {
        (0, 0) => "no training ratings".to_owned(),
        (1, 1) => "one training rating".to_owned(),
        (low, high) if low == high => format!("{} training ratings", count(low)),
        (low, high) => format!("{} to {} training ratings", count(low), count(high)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: Grouped = Grouped { id: "a", one: "a user", many: "Users" };

    fn group(low: usize, high: usize, rmse: f64) -> Group {
        Group { low, high, n: 100, rmse, stderr: 0.01 }
    }

    #[test]
    fn groups_say_which_way_the_error_goes() {
        let of = |first, last| statement(&group(1, 9, first), &group(10, 99, last), USERS);
        assert_eq!(of(1.2, 0.9), "The more ratings a user has, the better the guess: 25\u{a0}% less error");
        assert_eq!(of(0.9, 0.99), "Users with many ratings are harder to guess: 10\u{a0}% more error");
        assert_eq!(of(0.9, 0.92), "How many ratings a user has makes no clear difference");
        assert!(by_count(&[group(1, 9, 0.9)], USERS).is_empty());
    }

    #[test]
    fn the_group_without_ratings_has_a_place() {
        let html = by_count(&[group(0, 0, 1.2), group(1, 9, 0.9), group(10, 400, 0.8)], USERS);
        assert!(html.contains(">none</text>") && html.contains(">100</text>"), "{html}");
        assert!(html.contains("Users with no training ratings: RMSE 1.200"));
    }
}
