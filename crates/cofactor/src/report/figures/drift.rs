//! How the taste for items drifted over the years.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use crate::eval::drift::{DriftingItem, Drifts};
use crate::report::html::{Figure, count, table};
use crate::report::plot::{Anchor, Axis, Plot, Tick, number};

/// The names stand to the right of the lines, on this part of their length.
const NAMES: f64 = 0.3;

/// The drift of the items' biases: a line for each, those that moved the most by name.
pub(crate) fn drift(drifts: &Drifts) -> String {
    let Drifts { bounds, named, others } = drifts;
    let [start, .., end] = bounds[..] else { return String::new() };
    let all = || named.iter().map(|item| &item.biases).chain(others).flatten().map(|&bias| f64::from(bias));
    let (low, high) = all().fold((0.0, 0.0), |(low, high): (f64, f64), b| (low.min(b), high.max(b)));
    let middles: Vec<f64> =
        bounds.windows(2).map(|bin| f64::midpoint(bin[0] as f64, bin[1] as f64)).collect();
    let with_names = end as f64 + NAMES * (end - start) as f64;
    let x = Axis::linear(start as f64, with_names, 6).with_ticks(dates(start, end));
    let mut plot = Plot::new(x, Axis::rounded(low, high, 5));
    let points = |biases: &[f32]| -> Vec<(f64, f64)> {
        middles.iter().copied().zip(biases.iter().map(|&bias| f64::from(bias))).collect()
    };
    plot.segment("guide", (start as f64, 0.0), (end as f64, 0.0));
    for biases in others {
        plot.line("curve thin backdrop", points(biases));
    }
    let (rising, falling) = named.split_at(named.len() / 2);
    for (class, items) in [("curve", rising), ("curve fall", falling)] {
        for item in items {
            plot.line(class, points(&item.biases));
        }
    }
    label(&mut plot, *middles.last().unwrap_or(&(end as f64)), named, (high - low) / 14.0);
    let title = statement(named);
    let reading = format!(
        "What time adds to an item's bias, in units of the ratings, for the {} items with the most ratings. Each line is an item; coloured are the three that \
         rose and the three that fell the most. The level at zero is each item's own long-run bias.",
        named.len() + others.len()
    );
    let rows = named.iter().map(|item| {
        let told = |bias: Option<f32>| number(f64::from(bias.unwrap_or_default()), 3);
        let (first, last) = (item.biases.first().copied(), item.biases.last().copied());
        vec![item.name.clone(), count(item.ratings), told(first), told(last), told(Some(item.rise()))]
    });
    let chart = plot.finish("time of the rating", "drift of the bias", &title);
    let table = table(
        &["item", "ratings", "drift at the start", "drift at the end", "last quarter less first"],
        rows,
    );
    Figure { id: "drift", title: &title, reading: &reading, chart: &chart, table: &table }.html()
}

fn statement(named: &[DriftingItem]) -> String {
    match (named.first(), named.last()) {
        (Some(up), Some(down)) => format!(
            "Tastes move: “{}” by {:+.2} from the first quarter of the time to the last, “{}” by {:+.2}",
            up.name,
            up.rise(),
            down.name,
            down.rise()
        )
        .replace("by -", "by −"),
        _ => String::new(),
    }
}

/// Names the lines to the right of their ends, no two nearer than `gap`, and as near to the lines as that leaves them.
fn label(plot: &mut Plot, end: f64, named: &[DriftingItem], gap: f64) {
    let half = named.len() / 2;
    let mut labels: Vec<(f64, &str, bool)> = named
        .iter()
        .enumerate()
        .map(|(place, item)| {
            (f64::from(item.biases.last().copied().unwrap_or_default()), item.name.as_str(), place < half)
        })
        .collect();
    labels.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut above = f64::INFINITY;
    let places: Vec<f64> = labels
        .iter()
        .map(|&(at, ..)| {
            above = at.min(above - gap);
            above
        })
        .collect();
    let too_low = labels.iter().zip(&places).map(|((at, ..), place)| at - place).sum::<f64>();
    let up = too_low / labels.len().max(1) as f64;
    for ((_, name, rises), place) in labels.into_iter().zip(places) {
        plot.text(if rises { "label" } else { "label fall" }, (end, place + up), (8, 4), Anchor::Start, name);
    }
}

/// A tick at the start of each year, or of each month where there are fewer than two years.
fn dates(start: i64, end: i64) -> Vec<Tick> {
    let day = |seconds: i64| Timestamp::from_second(seconds).map(|time| Offset::UTC.to_datetime(time).date());
    let (Ok(first), Ok(last)) = (day(start), day(end)) else { return Vec::new() };
    let months = 12 * (i64::from(last.year()) - i64::from(first.year())) + i64::from(last.month())
        - i64::from(first.month());
    let step = [1, 2, 3, 6, 12, 24, 60, 120].into_iter().find(|step| months / step <= 8).unwrap_or(240);
    let from = 12 * i64::from(first.year()) + i64::from(first.month()) - 1;
    (from..=from + months)
        .filter(|month| month % step == 0)
        .filter_map(|month| {
            let (year, of_year) = (i16::try_from(month / 12).ok()?, (month % 12) as i8 + 1);
            let date = Date::new(year, of_year, 1).ok()?;
            let midnight = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
            let value = midnight.as_second();
            let label = date.strftime(if step < 12 { "%b %Y" } else { "%Y" }).to_string();
            (start..=end).contains(&value).then_some(Tick { value: value as f64, label })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_stand_at_the_start_of_months_or_years() {
        let labels = |start: &str, end: &str| -> Vec<String> {
            let at = |text: &str| text.parse::<Timestamp>().unwrap().as_second();
            dates(at(start), at(end)).into_iter().map(|tick| tick.label).collect()
        };
        assert_eq!(
            labels("1997-09-20T00:00:00Z", "1998-04-22T00:00:00Z"),
            ["Oct 1997", "Nov 1997", "Dec 1997", "Jan 1998", "Feb 1998", "Mar 1998", "Apr 1998"]
        );
        assert_eq!(labels("2000-04-25T00:00:00Z", "2003-02-28T00:00:00Z").len(), 6);
        assert_eq!(labels("1995-01-09T00:00:00Z", "2009-01-05T00:00:00Z").first().unwrap(), "1996");
    }

    #[test]
    fn the_greatest_movers_have_their_names() {
        let item = |name: &str, end: f32| DriftingItem {
            name: name.to_owned(),
            ratings: 9,
            biases: vec![0.0, end / 2.0, end],
        };
        let named = ["a", "b", "c"].map(|name| item(name, 0.3));
        let fallen = ["d", "e", "<f>"].map(|name| item(name, -0.2));
        let bounds = vec![874_000_000, 880_000_000, 886_000_000, 893_000_000];
        let html =
            drift(&Drifts { bounds, named: [named, fallen].concat(), others: vec![vec![0.0, 0.1, 0.0]] });
        assert!(html.contains("“a” by +0.30") && html.contains("&lt;f&gt;” by −0.20"), "{html}");
        assert_eq!(html.matches("<path").count(), 7);
    }
}
