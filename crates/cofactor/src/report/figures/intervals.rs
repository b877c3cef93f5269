//! Figures with their intervals, one below the other.

use crate::report::html::{Figure, table};
use crate::report::plot::{Anchor, Axis, Plot};

/// One line of the chart.
pub(crate) struct Row {
    /// What it is about.
    pub label: String,
    /// The figure.
    pub mean: f64,
    /// Its interval, where there is one.
    pub interval: Option<(f64, f64)>,
    /// The figure and its interval in words.
    pub words: String,
    /// Whether it is to stand out.
    pub strong: bool,
}

/// A dot and a line for each row, the first on top; `guide` draws a vertical line at a value. Empty without rows.
pub(crate) fn intervals(
    id: &str,
    (title, reading): (&str, &str),
    rows: &[Row],
    guide: Option<f64>,
    (x_name, heads): (&str, [&str; 2]),
) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let ends = rows.iter().map(|row| row.interval.unwrap_or((row.mean, row.mean)));
    let (low, high) = ends
        .chain(guide.map(|guide| (guide, guide)))
        .fold((f64::MAX, f64::MIN), |(low, high), end| (low.min(end.0), high.max(end.1)));
    let mut plot = Plot::rows(Axis::rounded(low, high, 5), rows.len());
    let top = rows.len() as f64 - 1.0;
    if let Some(guide) = guide {
        plot.segment("guide", (guide, -0.5), (guide, top + 0.5));
    }
    for (place, row) in rows.iter().enumerate() {
        let y = top - place as f64;
        let strong = if row.strong { " strong" } else { "" };
        if let Some((from, to)) = row.interval {
            plot.segment(&format!("whisker{strong}"), (from, y), (to, y));
        }
        plot.dot("dot", (row.mean, y), 5.0, &format!("{}: {}", row.label, row.words));
        let quiet = if row.strong { "label" } else { "label quiet" };
        // What lies beyond an end of the axis is drawn at the end.
        plot.text(quiet, (f64::MIN, y), (0, -14), Anchor::Start, &row.label);
    }
    let chart = plot.finish(x_name, "", title);
    let table = table(&heads, rows.iter().map(|row| vec![row.label.clone(), row.words.clone()]));
    Figure { id, title, reading, chart: &chart, table: &table }.html()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_has_its_line_and_its_name() {
        let row = |label: &str, mean: f64, strong| Row {
            label: label.to_owned(),
            mean,
            interval: Some((mean - 0.1, mean + 0.1)),
            words: format!("{mean:.1}"),
            strong,
        };
        let rows = [row("<best>", 0.9, true), row("other", 1.0, false)];
        let html = intervals("rmse", ("Title", "Reading."), &rows, Some(0.9), ("RMSE", ["model", "RMSE"]));
        assert_eq!(html.matches("class=\"whisker").count(), 2);
        assert!(html.contains("whisker strong") && html.contains("class=\"guide\""));
        assert!(html.contains("&lt;best&gt;: 0.9") && !html.contains("<best>"));
        assert!(intervals("rmse", ("", ""), &[], None, ("", ["", ""])).is_empty());
    }
}
