//! Charts as SVG text: axes with round ticks, lines, bands, bars, dots.
//!
//! Positions are percentages of the plot's area and text is sized in CSS pixels, so one chart fits a phone and a
//! desk without a script: only the distances stretch. Curves cannot be given in percentages; each lies in a nested `svg`
//! that is stretched over the area. Colours come from the page's style sheet, through the class names.

use std::fmt::Write as _;

use super::html::escape;

/// Maps values to 0..=100 along one side of the plot.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    kind: Kind,
    min: f64,
    max: f64,
    ticks: Vec<Tick>,
}

/// A value that is labelled on an axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    /// Where.
    pub value: f64,
    /// What is written there.
    pub label: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Linear,
    Log,
}

impl Axis {
    /// From `min` to `max`, both moved outwards to a round value, with about `count` ticks.
    pub(super) fn rounded(min: f64, max: f64, count: usize) -> Self {
        let (min, max) = widened(min, max);
        let step = round_step((max - min) / count.max(1) as f64);
        Self::stepped((min / step).floor() * step, (max / step).ceil() * step, step)
    }

    /// Exactly from `min` to `max`, with about `count` ticks at round values.
    pub(super) fn linear(min: f64, max: f64, count: usize) -> Self {
        let (min, max) = widened(min, max);
        Self::stepped(min, max, round_step((max - min) / count.max(1) as f64))
    }

    fn stepped(min: f64, max: f64, step: f64) -> Self {
        let (first, last) = ((min / step - 1e-9).ceil(), (max / step + 1e-9).floor());
        let ticks = (0..=(last - first).max(0.0) as usize)
            .map(|i| {
                // A multiple of the step, and never the minus zero that would print as "−0".
                let value = (first + i as f64) * step + 0.0;
                Tick { value, label: number(value, decimals(step)) }
            })
            .collect();
        Self { kind: Kind::Linear, min, max, ticks }
    }

    /// Logarithmic from `min` to `max`, both positive, with a tick at each power of ten and, on short axes, between.
    pub(super) fn log(min: f64, max: f64) -> Self {
        let min = if min > 0.0 { min } else { 1.0 };
        let max = if max > min { max } else { min * 10.0 };
        let decades = libm::log10(max / min);
        let steps: &[f64] = if decades < 1.5 {
            &[1.0, 2.0, 5.0]
        } else if decades < 2.6 {
            &[1.0, 3.0]
        } else {
            &[1.0]
        };
        let first = libm::log10(min).floor() as i32;
        let last = libm::log10(max).ceil() as i32;
        let ticks = (first..=last)
            .flat_map(|power| steps.iter().map(move |step| step * 10_f64.powi(power)))
            .filter(|value| (min * 0.999..=max * 1.001).contains(value))
            .map(|value| Tick { value, label: number(value, decimals(value)) })
            .collect();
        Self { kind: Kind::Log, min, max, ticks }
    }

    /// With these ticks instead.
    pub(super) fn with_ticks(mut self, ticks: Vec<Tick>) -> Self {
        self.ticks = ticks;
        self
    }

    /// The labelled values.
    pub(super) fn into_ticks(self) -> Vec<Tick> {
        self.ticks
    }

    /// Where a value lies, in per cent from the low end; values beyond an end lie on it.
    pub(super) fn position(&self, value: f64) -> f64 {
        let part = match self.kind {
            Kind::Linear => (value - self.min) / (self.max - self.min),
            Kind::Log => libm::log(value.max(f64::MIN_POSITIVE) / self.min) / libm::log(self.max / self.min),
        };
        if part.is_finite() { 100.0 * part.clamp(0.0, 1.0) } else { 0.0 }
    }
}

/// Where a text stands relative to its point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Anchor {
    /// The text begins there.
    Start,
    /// The text is centred there.
    Middle,
    /// The text ends there.
    End,
}

impl Anchor {
    fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// One chart being drawn: what is added later lies on top.
pub(super) struct Plot {
    x: Axis,
    y: Axis,
    marks: String,
    /// In rem, where it is not the page's.
    height: Option<f64>,
}

impl Plot {
    /// An empty chart with its grid.
    pub(super) fn new(x: Axis, y: Axis) -> Self {
        let mut plot = Self { x, y, marks: String::new(), height: None };
        for tick in plot.y.ticks.clone() {
            let y = plot.top(tick.value);
            plot.add(format_args!("<line class=\"grid\" x2=\"100%\" y1=\"{y}%\" y2=\"{y}%\"/>"));
            let label = escape(&tick.label);
            plot.add(format_args!(
                "<text class=\"tick\" x=\"-8\" y=\"{y}%\" dy=\".34em\" text-anchor=\"end\">{label}</text>"
            ));
        }
        for tick in plot.x.ticks.clone() {
            let x = plot.left(tick.value);
            let label = escape(&tick.label);
            plot.add(format_args!("<text class=\"tick\" x=\"{x}%\" y=\"100%\" dy=\"1.6em\" text-anchor=\"middle\">{label}</text>"));
        }
        plot
    }

    /// A chart of things one below the other: `rows` of them, the first at y = rows − 1, each half a unit above its own place.
    pub(super) fn rows(x: Axis, rows: usize) -> Self {
        let y = Axis::linear(-0.5, rows as f64 - 0.3, 1).with_ticks(Vec::new());
        Self { height: Some(3.2 * rows as f64), ..Self::new(x, y) }
    }

    /// A curve through the points, in order.
    pub(super) fn line(&mut self, class: &str, points: impl IntoIterator<Item = (f64, f64)>) {
        let mut path = String::new();
        for (x, y) in points {
            let command = if path.is_empty() { 'M' } else { 'L' };
            let _ = write!(path, "{command}{} {}", self.left(x), self.top(y));
        }
        self.stretched(class, &path);
    }

    /// The area between two curves, given as (x, low, high).
    pub(super) fn band(&mut self, class: &str, points: &[(f64, f64, f64)]) {
        let there = points.iter().map(|&(x, _, high)| (x, high));
        let back = points.iter().rev().map(|&(x, low, _)| (x, low));
        let mut path = String::new();
        for (x, y) in there.chain(back) {
            let command = if path.is_empty() { 'M' } else { 'L' };
            let _ = write!(path, "{command}{} {}", self.left(x), self.top(y));
        }
        path.push('Z');
        self.stretched(class, &path);
    }

    /// A bar over `from..to` of the x axis, `height` of the y axis above its low end.
    pub(super) fn bar(&mut self, class: &str, (from, to): (f64, f64), height: f64, tip: &str) {
        let (left, right) = (self.x.position(from), self.x.position(to));
        let (left, width) = (percent(left), percent(right - left));
        let (top, height) = (self.top(height), percent(self.y.position(height)));
        let tip = escape(tip);
        self.add(format_args!("<rect class=\"{class}\" x=\"{left}%\" y=\"{top}%\" width=\"{width}%\" height=\"{height}%\"><title>{tip}</title></rect>"));
    }

    /// An invisible bar of the whole height that shows `tip` when pointed at.
    pub(super) fn target(&mut self, (from, to): (f64, f64), tip: &str) {
        let (left, right) = (self.x.position(from), self.x.position(to));
        let (left, width, tip) = (percent(left), percent(right - left), escape(tip));
        self.add(format_args!("<rect class=\"target\" x=\"{left}%\" width=\"{width}%\" height=\"100%\"><title>{tip}</title></rect>"));
    }

    /// A dot of `radius` pixels.
    pub(super) fn dot(&mut self, class: &str, (x, y): (f64, f64), radius: f64, tip: &str) {
        let (x, y, radius, tip) = (self.left(x), self.top(y), percent(radius), escape(tip));
        self.add(format_args!(
            "<circle class=\"{class}\" cx=\"{x}%\" cy=\"{y}%\" r=\"{radius}\"><title>{tip}</title></circle>"
        ));
    }

    /// A straight line between two points.
    pub(super) fn segment(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        let (x1, y1, x2, y2) = (self.left(x1), self.top(y1), self.left(x2), self.top(y2));
        self.add(format_args!(
            "<line class=\"{class}\" x1=\"{x1}%\" y1=\"{y1}%\" x2=\"{x2}%\" y2=\"{y2}%\"/>"
        ));
    }

    /// A text at a point, moved by `shift` pixels right and down.
    pub(super) fn text(
        &mut self,
        class: &str,
        (x, y): (f64, f64),
        shift: (i32, i32),
        anchor: Anchor,
        text: &str,
    ) {
        let (x, y, text, anchor) = (self.left(x), self.top(y), escape(text), anchor.name());
        let (dx, dy) = shift;
        self.add(format_args!("<text class=\"{class}\" x=\"{x}%\" y=\"{y}%\" dx=\"{dx}\" dy=\"{dy}\" text-anchor=\"{anchor}\">{text}</text>"));
    }

    /// The chart with the names of its axes. `description` is read aloud instead of the marks.
    pub(super) fn finish(self, x_name: &str, y_name: &str, description: &str) -> String {
        let (x_name, y_name, description) = (escape(x_name), escape(y_name), escape(description));
        let (class, style) = match self.height {
            Some(rem) => ("plot rows", format!(" style=\"height:{rem:.1}rem\"")),
            None => ("plot", String::new()),
        };
        format!(
            "<div class=\"{class}\"><p class=\"axis y\">{y_name}</p><svg role=\"img\" aria-label=\"{description}\"{style}>{}\
             <line class=\"base\" x2=\"100%\" y1=\"100%\" y2=\"100%\"/></svg><p class=\"axis x\">{x_name}</p></div>",
            self.marks
        )
    }

    /// The chart as a picture that stands alone, 640 by 400, with a style of its own for light and dark surroundings.
    pub(super) fn picture(self, x_name: &str, y_name: &str, description: &str) -> String {
        let (x_name, y_name, description) = (escape(x_name), escape(y_name), escape(description));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 400\" role=\"img\" aria-label=\"{description}\"><style>{}</style>\
             <rect class=\"paper\" width=\"640\" height=\"400\" rx=\"8\"/><text class=\"axis\" x=\"16\" y=\"24\">{y_name}</text>\
             <svg x=\"64\" y=\"48\" width=\"548\" height=\"288\" overflow=\"visible\">{}<line class=\"base\" x2=\"100%\" y1=\"100%\" y2=\"100%\"/></svg>\
             <text class=\"axis\" x=\"338\" y=\"384\" text-anchor=\"middle\">{x_name}</text></svg>\n",
            include_str!("picture.css"),
            self.marks
        )
    }

    fn stretched(&mut self, class: &str, path: &str) {
        self.add(format_args!("<svg viewBox=\"0 0 100 100\" preserveAspectRatio=\"none\"><path class=\"{class}\" vector-effect=\"non-scaling-stroke\" d=\"{path}\"/></svg>"));
    }

    fn left(&self, value: f64) -> String {
        percent(self.x.position(value))
    }

    fn top(&self, value: f64) -> String {
        percent(100.0 - self.y.position(value))
    }

    fn add(&mut self, mark: std::fmt::Arguments<'_>) {
        self.marks.write_fmt(mark).expect("writing to a string cannot fail");
    }
}

/// A number with so many decimals, a true minus sign, and a comma at each thousand.
pub(super) fn number(value: f64, decimals: usize) -> String {
    let written = format!("{:.decimals$}", value.abs());
    let (whole, rest) = written.split_once('.').map_or((written.as_str(), None), |(w, r)| (w, Some(r)));
    let mut text = String::new();
    if value < 0.0 && written.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) {
        text.push('−');
    }
    for (position, digit) in whole.chars().enumerate() {
        if position > 0 && (whole.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(rest) = rest {
        text.push('.');
        text.push_str(rest);
    }
    text
}

/// The round number, 1, 2 or 5 times a power of ten, that is nearest above `step`.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powi(libm::log10(step).floor() as i32);
    [1.0, 2.0, 5.0]
        .into_iter()
        .map(|digit| digit * power)
        .find(|&s| s >= step * 0.999)
        .unwrap_or(10.0 * power)
}

/// How many decimals tell multiples of `step` apart.
fn decimals(step: f64) -> usize {
    (-(libm::log10(step) + 1e-9).floor()).clamp(0.0, 9.0) as usize
}

/// A range that is finite and not empty.
fn widened(min: f64, max: f64) -> (f64, f64) {
    match (min.is_finite() && max.is_finite(), max > min) {
        (true, true) => (min, max),
        (true, false) => (min - 0.5, min + 0.5),
        (false, _) => (0.0, 1.0),
    }
}

/// Two decimals at most: a hundredth of a per cent is less than a pixel.
fn percent(value: f64) -> String {
    let written = format!("{value:.2}");
    let short = written.trim_end_matches('0').trim_end_matches('.');
    if short == "-0" { "0".to_owned() } else { short.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(labels(&Axis::linear(1.0, 5.0, 4)), ["1", "2", "3", "4", "5"]);
        assert_eq!(labels(&Axis::linear(-0.13, 0.31, 4)), ["0.0", "0.2"]);
        assert_eq!(labels(&Axis::linear(0.901, 0.962, 4)), ["0.92", "0.94", "0.96"]);
        assert_eq!(labels(&Axis::rounded(0.0, 34_174.0, 4)), ["0", "10,000", "20,000", "30,000", "40,000"]);
        assert_eq!(labels(&Axis::rounded(-2.7, 3.1, 6)), ["−3", "−2", "−1", "0", "1", "2", "3", "4"]);
    }

    #[test]
    fn a_log_axis_has_ticks_at_powers_of_ten() {
        assert_eq!(labels(&Axis::log(1.0, 10_000.0)), ["1", "10", "100", "1,000", "10,000"]);
        assert_eq!(labels(&Axis::log(10.0, 120.0)), ["10", "20", "50", "100"]);
        assert!((Axis::log(1.0, 100.0).position(10.0) - 50.0).abs() < 1e-9);
    }

    #[test]
    fn positions_run_from_end_to_end_and_stay_inside() {
        let axis = Axis::linear(2.0, 4.0, 2);
        assert_eq!(
            [1.0, 2.0, 3.0, 4.0, 9.0].map(|value| axis.position(value)),
            [0.0, 0.0, 50.0, 100.0, 100.0]
        );
        assert_eq!(axis.position(f64::NAN), 0.0);
    }

    #[test]
    fn an_empty_or_infinite_range_still_makes_an_axis() {
        for axis in [
            Axis::linear(3.0, 3.0, 4),
            Axis::rounded(f64::NAN, 1.0, 4),
            Axis::log(0.0, 0.0),
            Axis::rounded(0.0, f64::INFINITY, 4),
        ] {
            assert!(!axis.ticks.is_empty());
            assert!(axis.ticks.len() < 20);
            assert!(axis.position(2.0).is_finite());
        }
    }

    #[test]
    fn numbers_have_thousands_and_a_true_minus() {
        assert_eq!(number(1_234_567.0, 0), "1,234,567");
        assert_eq!(number(-1234.5, 1), "−1,234.5");
        assert_eq!(number(-0.001, 2), "0.00");
        assert_eq!(number(999.0, 0), "999");
    }

    #[test]
    fn text_from_outside_is_escaped() {
        let mut plot = Plot::new(Axis::linear(0.0, 1.0, 2), Axis::linear(0.0, 1.0, 2));
        plot.dot("dot", (0.5, 0.5), 3.0, "<script>\"&'");
        plot.text("label", (0.0, 1.0), (4, 0), Anchor::Start, "<b>");
        let svg = plot.finish("<x>", "\"y\"", "<all>");
        assert!(
            !svg.contains("<script")
                && !svg.contains("<b>")
                && !svg.contains("<x>")
                && !svg.contains("<all>")
        );
        assert!(svg.contains("&lt;script&gt;&quot;&amp;&#39;"));
        assert!(svg.contains("cx=\"50%\" cy=\"50%\""));
    }

    #[test]
    fn a_bar_stands_on_the_axis() {
        let mut plot = Plot::new(Axis::linear(0.0, 10.0, 2), Axis::linear(0.0, 4.0, 2));
        plot.bar("bar", (2.0, 4.0), 1.0, "");
        let svg = plot.finish("", "", "");
        assert!(
            svg.contains("<rect class=\"bar\" x=\"20%\" y=\"75%\" width=\"20%\" height=\"25%\">"),
            "{svg}"
        );
    }
}
