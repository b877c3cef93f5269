//! What a figure has to say, and the page that it is said on.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::bench;

/// A figure as it was measured: a file in `measured/`, from which the page is written.
#[derive(Debug, Serialize, Deserialize)]
pub struct Record {
    /// When, where and of what.
    pub measured: String,
    /// What it has to say.
    pub section: Section,
}

impl Record {
    fn path(name: &str) -> PathBuf {
        bench::root().join("bench/measured").join(format!("{name}.json"))
    }

    /// The last record of a figure, if there is one.
    pub fn read(name: &str) -> Result<Option<Self>> {
        let path = Self::path(name);
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("reading {}", path.display())).map(Some)
    }

    /// Takes the place of the last record of a figure.
    pub fn write(&self, name: &str) -> Result<()> {
        let path = Self::path(name);
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
    }
}

/// One measured figure with its claims and its tables.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Section {
    /// Its heading.
    pub title: String,
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
#[derive(Debug, Serialize, Deserialize)]
pub struct Verdict {
    /// What is claimed.
    pub what: String,
    /// What was measured, in words.
    pub measured: String,
    /// The target, in words.
    pub target: String,
    /// Whether it is reached.
    pub reached: bool,
    /// How far it is from the target, in words.
    pub distance: String,
}

impl Verdict {
    /// A figure that should be at least so high.
    pub fn at_least(
        what: impl Into<String>,
        measured: f64,
        target: f64,
        text: impl Fn(f64) -> String,
    ) -> Self {
        let reach = measured / target;
        let missed = format!("{:.1} % short", 100.0 * (1.0 - reach));
        Self::judged(what.into(), text(measured), format!("≥ {}", text(target)), reach, missed)
    }

    /// A figure that should be at most so high.
    pub fn at_most(
        what: impl Into<String>,
        measured: f64,
        target: f64,
        text: impl Fn(f64) -> String,
    ) -> Self {
        let missed = format!("{:.1} % over", 100.0 * (measured / target - 1.0));
        Self::judged(what.into(), text(measured), format!("≤ {}", text(target)), target / measured, missed)
    }

    /// Something that should be so.
    pub fn holds(what: impl Into<String>, holds: bool) -> Self {
        let (measured, distance) = if holds { ("yes", "") } else { ("no", "missed") };
        let [measured, target, distance] = [measured, "yes", distance].map(str::to_owned);
        Self { what: what.into(), measured, target, reached: holds, distance }
    }

    /// `reach` is 1 and more where the target is reached.
    fn judged(what: String, measured: String, target: String, reach: f64, missed: String) -> Self {
        let distance = match reach {
            reach if reach >= 2.0 => format!("{reach:.1} × the target"),
            reach if reach >= 1.0 => format!("{:.1} % to spare", 100.0 * (reach - 1.0)),
            _ => missed,
        };
        Self { what, measured, target, reached: reach >= 1.0, distance }
    }
}

/// Rows under a heading.
#[derive(Debug, Serialize, Deserialize)]
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

/// The page as Markdown.
pub fn page(records: &[(&str, Record)]) -> String {
    let mut page = String::from(HEAD);
    let mut claims = Table::new(["claim", "measured", "target", "reached", "distance"]);
    for verdict in records.iter().flat_map(|(_, record)| &record.section.verdicts) {
        let Verdict { what, measured, target, reached, distance } = verdict;
        let reached = if *reached { "yes" } else { "**no**" };
        claims.row([what, measured, target, reached, distance].map(|cell: &str| cell.to_owned()));
    }
    write_table(&mut page, &claims);
    for (name, record) in records {
        write_section(&mut page, name, record);
    }
    page
}

const HEAD: &str = "# Benchmarks

This page is written by the commands beside its figures; nobody edits it by hand. \
`cargo run --release --manifest-path bench/Cargo.toml` measures them all again. Cofactor is built as shipped, without `target-cpu`.

A figure is the median of repeats, with the least and the greatest in parentheses. Repeats of what is compared take \
turns, so that both meet the same moments of the machine, and a ratio is taken pair by pair. Times are CPU time \
(user + system), because other work on the machine lengthens the time on the wall; where it stands beside, it says so. \
MB is 10⁶ bytes.

## What is claimed and what was measured

";

fn write_section(page: &mut String, name: &str, Record { measured, section }: &Record) {
    let _ = writeln!(page, "\n## {}\n\n{}\n", section.title, section.how);
    let _ = writeln!(page, "Command: `cargo run --release --manifest-path bench/Cargo.toml -- {name}`\\");
    let _ = writeln!(page, "Measured: {measured}");
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
