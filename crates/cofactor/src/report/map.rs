//! The map of the items: the two principal axes of their vectors, coloured by genre.
//!
//! The choice of a genre is a radio button and a rule of style, so it works without a script.

use std::fmt::Write as _;

use super::html::{count, escape, name, part, table};
use super::plot::{Anchor, Axis, Plot, number};
use crate::eval::diagnostics::{ItemMap, MapItem};

/// More dots than these hide each other and make the page heavy.
const DOTS: usize = 2_000;
/// A genre with fewer items than these says nothing about an axis.
const MEMBERS: usize = 15;

/// The map with its choice of genre; empty without items.
pub(super) fn map(map: &ItemMap) -> String {
    let items = &map.items[..map.items.len().min(DOTS)];
    if items.len() < 3 {
        return String::new();
    }
    let genres = genres(items);
    let ends = [Ends::of(items, &genres, |item| item.x), Ends::of(items, &genres, |item| item.y)];
    let title = title(&ends);
    let chart = chart(map, items, &genres, &ends, &title);
    let selected = most_separated(items, &genres);
    format!(
        "<figure id=\"map\" class=\"map\"><figcaption><h3>{}</h3><p>{}</p></figcaption>{}{chart}\
         <p class=\"found\" role=\"status\"></p>\
         <details><summary>The ends of the axes as a table</summary>{}</details></figure>",
        escape(&title),
        "Each dot is an item, the larger the more ratings it has. Items that the same people like lie in the same direction from the centre.",
        chooser(&genres, selected),
        ends_table(items),
    )
}

/// The genres with their items, the largest first.
fn genres(items: &[MapItem]) -> Vec<(&str, usize)> {
    let mut genres: Vec<(&str, usize)> = Vec::new();
    for genre in items.iter().flat_map(|item| &item.genres) {
        match genres.iter_mut().find(|(known, _)| known == genre) {
            Some((_, n)) => *n += 1,
            None => genres.push((genre, 1)),
        }
    }
    genres.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    genres.truncate(24);
    genres
}

/// How many standard errors the items of a genre lie from the others along an axis.
fn separation(items: &[MapItem], genre: &str, along: impl Fn(&MapItem) -> f64) -> f64 {
    let is_member = |item: &&MapItem| item.genres.iter().any(|g| g == genre);
    let moments = |wanted: bool| {
        let values = || items.iter().filter(|item| is_member(item) == wanted).map(&along);
        let n = values().count() as f64;
        let mean = values().sum::<f64>() / n;
        (n, mean, values().map(|value| (value - mean).powi(2)).sum::<f64>())
    };
    let ((n1, mean1, squares1), (n0, mean0, squares0)) = (moments(true), moments(false));
    if n1 < MEMBERS as f64 || n0 < MEMBERS as f64 {
        return 0.0;
    }
    let variance = (squares1 + squares0) / (n1 + n0 - 2.0);
    (mean1 - mean0) / (variance * (1.0 / n1 + 1.0 / n0)).sqrt().max(f64::MIN_POSITIVE)
}

fn most_separated(items: &[MapItem], genres: &[(&str, usize)]) -> Option<usize> {
    let distance = |genre: &str| {
        let [x, y] = [separation(items, genre, |item| item.x), separation(items, genre, |item| item.y)];
        x.powi(2) + y.powi(2)
    };
    let farthest =
        (0..genres.len()).max_by(|&a, &b| distance(genres[a].0).total_cmp(&distance(genres[b].0)))?;
    (distance(genres[farthest].0) > 9.0).then_some(farthest)
}

/// The genres that stand out at the two ends of an axis, at most two each.
#[derive(Debug, Default, PartialEq)]
struct Ends {
    low: Vec<String>,
    high: Vec<String>,
}

impl Ends {
    fn of(items: &[MapItem], genres: &[(&str, usize)], along: impl Fn(&MapItem) -> f64) -> Self {
        let mut by_separation: Vec<(f64, &str)> =
            genres.iter().map(|&(genre, _)| (separation(items, genre, &along), genre)).collect();
        by_separation.sort_by(|a, b| a.0.total_cmp(&b.0));
        let low = by_separation.iter().take_while(|(z, _)| *z < -3.0);
        let high = by_separation.iter().rev().take_while(|(z, _)| *z > 3.0);
        Self {
            low: low.take(2).map(|(_, genre)| (*genre).to_owned()).collect(),
            high: high.take(2).map(|(_, genre)| (*genre).to_owned()).collect(),
        }
    }
}

fn title([x, _]: &[Ends; 2]) -> String {
    match (x.low.first(), x.high.first()) {
        (Some(low), Some(high)) => {
            format!("Nobody told the model about genres, yet it sets {low} apart from {high}")
        }
        _ => "What the model has learned about the items".to_owned(),
    }
}

fn chart(
    map: &ItemMap,
    items: &[MapItem],
    genres: &[(&str, usize)],
    ends: &[Ends; 2],
    title: &str,
) -> String {
    let [x, y] = [extent(items, |item| item.x), extent(items, |item| item.y)];
    let [x, y] = [x, y].map(|(low, high)| Axis::linear(low, high, 4).with_ticks(Vec::new()));
    let spots: Vec<(f64, f64)> =
        items.iter().map(|item| (x.position(item.x) / 100.0, 1.0 - y.position(item.y) / 100.0)).collect();
    let mut plot = Plot::new(x, y);
    let most = items.iter().map(|item| item.n).max().unwrap_or(1).max(1) as f64;
    let radius = |item: &MapItem| 1.8 + 6.2 * (item.n as f64 / most).sqrt();
    for item in items {
        let mut class = String::from("item");
        for (index, _) in
            genres.iter().enumerate().filter(|(_, (genre, _))| item.genres.iter().any(|g| g == genre))
        {
            let _ = write!(class, " g{index}");
        }
        let tip = format!("{}\u{2002}{} ratings, mean {}", item.title, count(item.n), number(item.mean, 1));
        plot.dot(&class, (item.x, item.y), radius(item), &tip);
    }
    for Label { item, text, wide, left } in labels(items, &spots) {
        let class = if wide { "label title wide" } else { "label title" };
        let item = &items[item];
        let shift = radius(item) as i32 + 3;
        let (shift, anchor) = if left { (-shift, Anchor::End) } else { (shift, Anchor::Start) };
        plot.text(class, (item.x, item.y), (shift, 4), anchor, &text);
    }
    plot.finish(
        &axis_name("first axis", map.variance[0], ("←", &ends[0].low), ("→", &ends[0].high)),
        &axis_name("second axis", map.variance[1], ("↑", &ends[1].high), ("↓", &ends[1].low)),
        title,
    )
}

/// "← Comedy · first axis, 31 % of the variance · Drama →".
fn axis_name(
    axis: &str,
    variance: f64,
    (to, before): (&str, &[String]),
    (fro, behind): (&str, &[String]),
) -> String {
    let mut name = format!("{axis}, {} of the variance", part(variance));
    if !before.is_empty() {
        name = format!("{to} {} · {name}", before.join(", "));
    }
    if !behind.is_empty() {
        name = format!("{name} · {} {fro}", behind.join(", "));
    }
    name
}

fn extent(items: &[MapItem], along: impl Fn(&MapItem) -> f64) -> (f64, f64) {
    let (low, high) = items
        .iter()
        .map(along)
        .fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
    let margin = 0.04 * (high - low);
    (low - margin, high + margin)
}

/// The buttons, the rules that colour the dots by them, and the search box (shown by the script).
fn chooser(genres: &[(&str, usize)], selected: Option<usize>) -> String {
    let search = "<label class=\"search\" hidden>Find <input type=\"search\" placeholder=\"a title\" autocomplete=\"off\"></label>";
    if genres.is_empty() {
        return format!("<div class=\"chooser\">{search}</div>");
    }
    let mut buttons = String::new();
    let mut rules = String::new();
    let all = std::iter::once((None, "All"))
        .chain(genres.iter().enumerate().map(|(i, (genre, _))| (Some(i), *genre)));
    for (index, label) in all {
        let id = index.map_or("genre-all".to_owned(), |i| format!("genre-{i}"));
        let checked = if index == selected { " checked" } else { "" };
        let _ = write!(
            buttons,
            "<input type=\"radio\" name=\"genre\" id=\"{id}\"{checked}><label for=\"{id}\">{}</label>",
            name(label)
        );
        if let Some(i) = index {
            let _ = write!(rules, ".map:has(#genre-{i}:checked) .g{i}{{fill:var(--accent);opacity:.85}}");
        }
    }
    format!(
        "<style>{rules}</style><div class=\"chooser\"><fieldset><legend>Colour a genre</legend>{buttons}</fieldset>{search}</div>"
    )
}

/// A title written beside its dot.
#[derive(Debug, PartialEq)]
struct Label {
    item: usize,
    text: String,
    /// Only where there is room for many.
    wide: bool,
    /// To the left of the dot.
    left: bool,
}

/// Titles for the best known items, without overlap: some for a phone, more for a desk.
fn labels(items: &[MapItem], spots: &[(f64, f64)]) -> Vec<Label> {
    let mut labels: Vec<Label> = Vec::new();
    for (wide, (width, height), limit) in [(false, (320.0, 400.0), 8), (true, (960.0, 560.0), 26)] {
        let mut taken: Vec<[f64; 4]> = labels
            .iter()
            .map(|label| label_box(&label.text, spots[label.item], label.left, width, height))
            .collect();
        for (item, entry) in items.iter().enumerate().take(200) {
            if labels.len() >= limit {
                break;
            }
            if labels.iter().any(|label| label.item == item) {
                continue;
            }
            let text = short_title(&entry.title);
            let left = spots[item].0 > 0.5;
            let area = label_box(&text, spots[item], left, width, height);
            let is_inside = area[0] >= 0.0 && area[1] <= width && area[2] >= 0.0 && area[3] <= height;
            let overlaps = |other: &[f64; 4]| {
                area[0] < other[1] && other[0] < area[1] && area[2] < other[3] && other[2] < area[3]
            };
            if is_inside && !taken.iter().any(overlaps) {
                taken.push(area);
                labels.push(Label { item, text, wide, left });
            }
        }
    }
    labels
}

/// Left, right, top and bottom of a label in pixels, with room around it.
fn label_box(text: &str, (x, y): (f64, f64), left: bool, width: f64, height: f64) -> [f64; 4] {
    let (x, y, length) = (x * width, y * height, 14.0 + 6.4 * text.chars().count() as f64);
    let (from, to) = if left { (x - length, x) } else { (x, x + length) };
    [from, to, y - 11.0, y + 11.0]
}

/// "The Empire Strikes Back" of "Empire Strikes Back, The (1980)", cut where it is long.
fn short_title(title: &str) -> String {
    let bare = match title.rsplit_once(" (") {
        Some((bare, year)) if year.len() == 5 && year.ends_with(')') => bare,
        _ => title,
    };
    let turned = ["The", "A", "An"].iter().find_map(|article| {
        let rest = bare.strip_suffix(article)?.strip_suffix(", ")?;
        Some(format!("{article} {rest}"))
    });
    let whole = turned.unwrap_or_else(|| bare.to_owned());
    if whole.chars().count() <= 24 {
        return whole;
    }
    whole.chars().take(22).collect::<String>().trim_end().to_owned() + "…"
}

/// The titles farthest out along each axis.
fn ends_table(items: &[MapItem]) -> String {
    let sorted = |along: fn(&MapItem) -> f64| {
        let mut sorted: Vec<&MapItem> = items.iter().collect();
        sorted.sort_by(|a, b| along(a).total_cmp(&along(b)));
        sorted
    };
    let (by_x, by_y) = (sorted(|item| item.x), sorted(|item| item.y));
    let rows = (0..items.len().min(10)).map(|rank| {
        let from_end = items.len() - 1 - rank;
        let ends = [by_x[rank], by_x[from_end], by_y[from_end], by_y[rank]];
        std::iter::once((rank + 1).to_string()).chain(ends.map(|item| item.title.clone())).collect()
    });
    table(&["", "farthest left", "farthest right", "highest", "lowest"], rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(title: &str, x: f64, genre: &str) -> MapItem {
        MapItem { title: title.into(), x, y: 0.1 * x * x, n: 10, mean: 3.5, genres: vec![genre.into()] }
    }

    fn items() -> Vec<MapItem> {
        (0..40)
            .map(|i| item(&format!("Film {i}"), f64::from(i) / 10.0, if i < 20 { "Horror" } else { "Drama" }))
            .collect()
    }

    #[test]
    fn genres_name_the_ends_of_an_axis() {
        let items = items();
        let genres = genres(&items);
        assert_eq!(genres, [("Drama", 20), ("Horror", 20)]);
        let ends = Ends::of(&items, &genres, |item| item.x);
        assert_eq!(ends, Ends { low: vec!["Horror".into()], high: vec!["Drama".into()] });
        assert_eq!(Ends::of(&items, &genres, |_| 1.0), Ends::default());
    }

    #[test]
    fn labels_never_overlap() {
        let items: Vec<MapItem> = (0..30).map(|i| item("Film", f64::from(i % 3), "Drama")).collect();
        let spots: Vec<(f64, f64)> = items.iter().map(|item| (item.x / 4.0, 0.5)).collect();
        let labels = labels(&items, &spots);
        assert_eq!(labels.len(), 3);
        assert!(labels.iter().all(|label| !label.wide));
    }

    #[test]
    fn titles_are_shortened_as_a_person_would() {
        assert_eq!(short_title("Empire Strikes Back, The (1980)"), "The Empire Strikes Back");
        assert_eq!(short_title("Fargo (1996)"), "Fargo");
        assert_eq!(short_title("1234"), "1234");
        assert!(
            short_title("Dr. Strangelove or: How I Learned to Stop Worrying (1963)").chars().count() <= 24
        );
    }

    #[test]
    fn a_title_cannot_break_out() {
        let mut items = items();
        items[3].title = "<script>\"&'".into();
        items[4].genres = vec!["</style><script>".into()];
        let html = map(&ItemMap { variance: [0.5, 0.2], items });
        assert!(!html.contains("<script"), "{html}");
        assert!(html.contains("&lt;script&gt;&quot;&amp;&#39;"));
    }

    #[test]
    fn no_items_make_no_map() {
        assert_eq!(map(&ItemMap { variance: [0.0, 0.0], items: Vec::new() }), "");
    }
}
