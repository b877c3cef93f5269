//! What a figure has to say, and the page that it is said on.

use std::fmt::Write;

/// One measured figure with its claims and its tables.
#[derive(Debug, Default)]
pub struct Section {
    /// Its heading.
    pub title: &'static str,
    /// How it was measured.
    pub how: String,
    /// What was to be shown.
    pub verdicts: Vec<Verdict>,
    /// The measurements.
    pub tables: Vec<Table>,
    /// What else a reader must know.
    pub notes: Vec<String>,
}

/// One claim, judged.
#[derive(Debug)]
pub struct Verdict {
    /// What is claimed.
    pub what: String,
    /// What was measured, in words.
    pub measured: String,
    /// The target, in words.
    pub target: String,
    /// The measurement over the target, turned so that 1 and more is reached.
    pub reach: f64,
}

impl Verdict {
    /// A figure that should be at least so high.
    pub fn at_least(
        what: impl Into<String>,
        measured: f64,
        target: f64,
        text: impl Fn(f64) -> String,
    ) -> Self {
        let (what, reach) = (what.into(), measured / target);
        Self { what, measured: text(measured), target: format!("≥ {}", text(target)), reach }
    }

    /// A figure that should be at most so high.
    pub fn at_most(
        what: impl Into<String>,
        measured: f64,
        target: f64,
        text: impl Fn(f64) -> String,
    ) -> Self {
        let (what, reach) = (what.into(), target / measured);
        Self { what, measured: text(measured), target: format!("≤ {}", text(target)), reach }
    }

    /// Something that should be so.
    pub fn holds(what: impl Into<String>, holds: bool) -> Self {
        let measured = if holds { "yes" } else { "no" };
        Self { what: what.into(), measured: measured.into(), target: "yes".into(), reach: f64::from(holds) }
    }

    fn distance(&self) -> String {
        match self.reach {
            reach if self.target == "yes" => String::from(if reach >= 1.0 { "" } else { "missed" }),
            reach if reach >= 2.0 => format!("{reach:.1} × the target"),
            reach if reach >= 1.0 => format!("{:.1} % to spare", 100.0 * (reach - 1.0)),
            reach if self.target.starts_with('≤') => format!("{:.1} % over", 100.0 * (1.0 / reach - 1.0)),
            reach => format!("{:.1} % short", 100.0 * (1.0 - reach)),
        }
    }
}

/// Rows under a heading.
#[derive(Debug)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty one.
    pub fn new<const C: usize>(header: [&str; C]) -> Self {
        Self { header: header.map(str::to_owned).to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row<const C: usize>(&mut self, cells: [String; C]) {
        debug_assert_eq!(C, self.header.len(), "a cell for each column");
        self.rows.push(cells.into());
    }
}

/// The page as Markdown. `preamble` says where and when; a section that failed gives its reason.
pub fn page(preamble: &str, sections: &[(&str, anyhow::Result<Section>)]) -> String {
    let mut page = String::from("# Benchmarks\n\n");
    let _ = writeln!(page, "{preamble}\n\n## What is claimed and what was measured\n");
    let mut claims = Table::new(["claim", "measured", "target", "reached", "distance"]);
    for (name, section) in sections {
        match section {
            Ok(section) => section.verdicts.iter().for_each(|verdict| claims.row(judged(verdict))),
            Err(_) => claims.row([name, "not measured", "", "no", "see below"].map(str::to_owned)),
        }
    }
    write_table(&mut page, &claims);
    for (name, section) in sections {
        match section {
            Ok(section) => write_section(&mut page, name, section),
            Err(error) => {
                let _ = writeln!(page, "\n## {name}\n\nNot measured: {error:#}");
            }
        }
    }
    page
}

fn judged(verdict: &Verdict) -> [String; 5] {
    let reached = if verdict.reach >= 1.0 { "yes" } else { "**no**" };
    let Verdict { what, measured, target, .. } = verdict;
    [what.clone(), measured.clone(), target.clone(), reached.to_owned(), verdict.distance()]
}

fn write_section(page: &mut String, name: &str, section: &Section) {
    let _ = writeln!(page, "\n## {}\n\n{}\n", section.title, section.how);
    let _ = writeln!(page, "Alone: `cargo run --release --manifest-path bench/Cargo.toml -- {name}`");
    for table in &section.tables {
        page.push('\n');
        write_table(page, table);
    }
    for note in &section.notes {
        let _ = writeln!(page, "\n{note}");
    }
}

fn write_table(page: &mut String, table: &Table) {
    let _ = writeln!(page, "| {} |", table.header.join(" | "));
    let _ = writeln!(page, "|{}", "---|".repeat(table.header.len()));
    for row in &table.rows {
        let _ = writeln!(page, "| {} |", row.join(" | "));
    }
}
