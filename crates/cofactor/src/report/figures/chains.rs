//! What a model's chains went through, and whether its intervals keep their promise.

use crate::eval::convergence::Convergence;
use crate::eval::coverage::Coverage;
use crate::report::html::{Figure, count, part, table};
use crate::report::plot::{Anchor, Axis, Plot, number};

/// Above this R̂ the burn-in was too short.
const SETTLED: f64 = 1.05;

/// A chart for each number, and one table of all; empty without any.
pub(crate) fn traces(all: &[Convergence]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let charts: String = all.iter().enumerate().map(|(place, one)| trace(place, one)).collect();
    let rows = all.iter().map(|one| {
        let draws: usize = one.chains.iter().map(|draws| draws.len().saturating_sub(one.burn_in)).sum();
        vec![
            one.name.clone(),
            one.r_hat.map_or("–".to_owned(), |r_hat| number(r_hat, 3)),
            one.effective.map_or("–".to_owned(), |effective| number(effective, 0)),
            count(draws),
        ]
    });
    let heads = ["number", "split R-hat", "effective draws", "draws that count"];
    format!(
        "<div class=\"two\">{charts}</div><div class=\"figures\"><h3>All chains</h3>{}</div>",
        table(&heads, rows)
    )
}

fn trace(place: usize, one: &Convergence) -> String {
    let sweeps = one.chains.iter().map(Vec::len).max().unwrap_or(0);
    let all = || one.chains.iter().flatten().map(|&draw| f64::from(draw));
    let (low, high) = (all().fold(f64::MAX, f64::min), all().fold(f64::MIN, f64::max));
    let mut plot = Plot::new(Axis::linear(1.0, sweeps as f64, 6), Axis::rounded(low, high, 4));
    if one.burn_in > 0 && one.burn_in < sweeps {
        // What lies beyond an end of the axis is drawn at the end.
        let (end, beyond) = (one.burn_in as f64 + 0.5, high - low);
        plot.segment("guide", (end, low - beyond), (end, high + beyond));
        plot.text(
            "label quiet",
            (end, high + beyond),
            (6, 14),
            Anchor::Start,
            "the draws from here on count",
        );
    }
    for draws in &one.chains {
        plot.line("curve quiet", (1..).zip(draws).map(|(sweep, &draw)| (f64::from(sweep), f64::from(draw))));
    }
    let title = match one.r_hat {
        Some(r_hat) if r_hat > SETTLED => format!("{}: the chains still differ", one.name),
        Some(_) => format!("{}: the chains agree", one.name),
        None => one.name.clone(),
    };
    let judged = one.r_hat.zip(one.effective).map_or(String::new(), |(r_hat, effective)| {
        format!(" Split R-hat {}; as good as {} independent draws.", number(r_hat, 3), number(effective, 0))
    });
    let reading = format!("A line for each of {} chains, sweep by sweep.{judged}", one.chains.len());
    let chart = plot.finish("sweep", "", &title);
    let table = table(&["sweep", "least", "mean", "greatest"], at_sweeps(one, sweeps));
    Figure { id: &format!("trace-{place}"), title: &title, reading: &reading, chart: &chart, table: &table }
        .html()
}

/// About twenty sweeps, over all chains.
fn at_sweeps(one: &Convergence, sweeps: usize) -> impl Iterator<Item = Vec<String>> + '_ {
    (0..sweeps).step_by(sweeps.div_ceil(20).max(1)).map(|sweep| {
        let draws: Vec<f64> =
            one.chains.iter().filter_map(|draws| draws.get(sweep)).map(|&draw| f64::from(draw)).collect();
        let least = draws.iter().copied().fold(f64::MAX, f64::min);
        let greatest = draws.iter().copied().fold(f64::MIN, f64::max);
        let mean = draws.iter().sum::<f64>() / draws.len().max(1) as f64;
        let shown = [least, mean, greatest].map(|value| number(value, 4));
        [(sweep + 1).to_string()].into_iter().chain(shown).collect()
    })
}

/// The shares that intervals promise and hold; empty for a model that has none.
pub(crate) fn coverage(shares: &[Coverage]) -> String {
    let off = |one: &&Coverage| (one.found - one.promised).abs();
    let Some(worst) = shares.iter().max_by(|a, b| off(a).total_cmp(&off(b))) else { return String::new() };
    let axis = || Axis::linear(0.0, 100.0, 5);
    let mut plot = Plot::new(axis(), axis());
    plot.segment("guide", (0.0, 0.0), (100.0, 100.0));
    plot.line("curve", shares.iter().map(|one| (100.0 * one.promised, 100.0 * one.found)));
    for one in shares {
        let (x, y) = (100.0 * one.promised, 100.0 * one.found);
        if let Some(stderr) = one.stderr {
            let half = 100.0 * super::HALF_INTERVAL * stderr;
            plot.segment("whisker", (x, y - half), (x, y + half));
        }
        plot.dot("dot", (x, y), 4.0, &format!("promised {}, held {}", part(one.promised), part(one.found)));
    }
    let title =
        format!("Intervals hold what they promise to within {} points", number(100.0 * off(&worst), 1));
    let reading = "Each dot is an interval around the predictions: the share of test ratings that it promises to hold, and the share that it holds. On the diagonal both are the same; above it \
        the model is too modest, below it too sure.";
    let rows = shares.iter().map(|one| vec![part(one.promised), part(one.found)]);
    let table = table(&["promised", "held"], rows);
    let chart = plot.finish("promised, %", "held, %", &title);
    Figure { id: "coverage", title: &title, reading, chart: &chart, table: &table }.html()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_has_its_lines_and_its_verdict() {
        let one = |name: &str, r_hat: f64| Convergence {
            name: name.to_owned(),
            burn_in: 1,
            chains: vec![vec![3.0, 1.0, 2.0], vec![2.0, 2.0, 1.0]],
            r_hat: Some(r_hat),
            effective: Some(12.4),
        };
        let html = traces(&[one("<noise>", 1.01), one("users", 1.3)]);
        assert_eq!(html.matches("class=\"curve quiet\"").count(), 4, "a line for each chain");
        assert!(
            html.contains("&lt;noise&gt;: the chains agree")
                && html.contains("users: the chains still differ")
        );
        assert!(html.contains("Split R-hat 1.300; as good as 12 independent draws"), "{html}");
        // After the first sweep 3 and 2: least 2, mean 2.5, greatest 3.
        assert!(html.contains("2.0000") && html.contains("2.5000") && html.contains("3.0000"));
        assert!(traces(&[]).is_empty());
    }

    #[test]
    fn coverage_names_the_worst_share() {
        let share = |promised, found| Coverage { promised, found, stderr: Some(0.01) };
        let html = coverage(&[share(0.5, 0.49), share(0.8, 0.83)]);
        assert!(html.contains("to within 3.0 points"), "{html}");
        assert!(html.contains("cx=\"80%\" cy=\"17%\""), "{html}");
        assert_eq!(html.matches("class=\"whisker\"").count(), 2);
        assert!(coverage(&[]).is_empty());
    }
}
