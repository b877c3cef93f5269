//! The parts that the page is made of. Whatever comes from data enters through [`escape`].

use std::fmt::Write as _;

use super::plot::number;

/// Text as HTML, safe between tags and inside quoted attributes.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' | '\t' => safe.push(' '),
            // HTML has no way to write the other control characters.
            control if control.is_control() => safe.push(char::REPLACEMENT_CHARACTER),
            other => safe.push(other),
        }
    }
    safe
}

/// A title or an id from the data: its writing direction stays its own.
pub(super) fn name(text: &str) -> String {
    format!("<bdi>{}</bdi>", escape(text))
}

/// A chart with what it shows.
pub(super) struct Figure<'a> {
    /// Its anchor on the page.
    pub id: &'a str,
    /// What there is to see, as a statement.
    pub title: &'a str,
    /// How to read it, in a sentence.
    pub reading: &'a str,
    /// The chart.
    pub chart: &'a str,
    /// The same figures as a table.
    pub table: &'a str,
}

impl Figure<'_> {
    /// As HTML.
    pub(super) fn html(&self) -> String {
        let Self { id, title, reading, chart, table } = self;
        let (title, reading) = (escape(title), escape(reading));
        format!(
            "<figure id=\"{id}\"><figcaption><h3>{title}</h3><p>{reading}</p></figcaption>{chart}\
             <details><summary>The figures as a table</summary>{table}</details></figure>"
        )
    }
}

/// A section with its heading; nothing when it has no content.
pub(super) fn section(id: &str, heading: &str, content: &str) -> String {
    if content.is_empty() {
        return String::new();
    }
    format!("<section id=\"{id}\"><h2>{}</h2>{content}</section>", escape(heading))
}

/// A table of texts; the first column names the rows. Cells are escaped here.
pub(super) fn table(heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut html = String::from("<div class=\"scroll\"><table><thead><tr>");
    for head in heads {
        let _ = write!(html, "<th scope=\"col\">{}</th>", escape(head));
    }
    html.push_str("</tr></thead><tbody>");
    for row in rows {
        html.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let cell = name(cell);
            let _ = match column {
                0 => write!(html, "<th scope=\"row\">{cell}</th>"),
                _ => write!(html, "<td>{cell}</td>"),
            };
        }
        html.push_str("</tr>");
    }
    html.push_str("</tbody></table></div>");
    html
}

/// Terms and what they are, as a list in two columns. The right side is HTML.
pub(super) fn facts(facts: &[(&str, String)]) -> String {
    let rows: String = facts
        .iter()
        .map(|(term, html)| format!("<div><dt>{}</dt><dd>{html}</dd></div>", escape(term)))
        .collect();
    format!("<dl class=\"facts\">{rows}</dl>")
}

/// A count with a comma at each thousand.
pub(super) fn count(n: usize) -> String {
    number(n as f64, 0)
}

/// A part of one as per cent: one decimal below ten, none above.
pub(super) fn part(share: f64) -> String {
    let percent = 100.0 * share;
    format!("{}\u{a0}%", number(percent, usize::from(percent.abs() < 9.95)))
}

/// A duration for people.
pub(super) fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 0.0995 => format!("{} ms", number(1000.0 * s, usize::from(s < 0.01))),
        s if s < 9.95 => format!("{} s", number(s, 2)),
        s if s < 120.0 => format!("{} s", number(s, 0)),
        s if s < 7200.0 => format!("{} min", number(s / 60.0, 0)),
        s => format!("{} h", number(s / 3600.0, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_place() {
        assert_eq!(escape("<script>\"&'"), "&lt;script&gt;&quot;&amp;&#39;");
        assert_eq!(escape("a\u{0}b\nc"), "a\u{fffd}b c");
        assert!(table(&["<i>"], [vec!["<b>".to_owned()]]).contains("<bdi>&lt;b&gt;</bdi>"));
    }

    #[test]
    fn figures_are_for_people() {
        assert_eq!(part(0.1234), "12\u{a0}%");
        assert_eq!(part(0.0634), "6.3\u{a0}%");
        assert_eq!(duration(0.0042), "4.2 ms");
        assert_eq!(duration(0.42), "0.42 s");
        assert_eq!(duration(600.0), "10 min");
        assert_eq!(count(100_000), "100,000");
    }
}
