//! What goes to standard output: for people on a terminal, plain text in a pipe, or one JSON object.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, ContentArrangement, ContentLineStyle, LineStyle, TableStyle};
use serde::Serialize;

use crate::format;

/// A heading.
pub(crate) const HEAD: Style = Style::new().bold();
/// Something of less weight.
pub(crate) const DIM: Style = Style::new().dimmed();
/// As it should be.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Not as it should be.
pub(crate) const BAD: Style = AnsiColor::Yellow.on_default();

/// Where the text of a step begins.
const STEP: usize = 10;

/// An object and the version of the command that made it.
#[derive(Serialize)]
struct Versioned<'a, T> {
    #[serde(flatten)]
    object: &'a T,
    version: &'static str,
}

/// Rows without frames, under a line.
const LINED: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none().junction(' '))
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .content_lines(ContentLineStyle::none().junction(' '));

/// Standard output, and how to speak there.
pub(crate) struct Output {
    stream: AutoStream<io::Stdout>,
    terminal: bool,
    json: bool,
    quiet: bool,
}

impl Output {
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        Self { stream: anstream::stdout(), terminal, json, quiet }
    }

    /// Whether the result is to be one JSON object.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints the JSON object, with the version of this command.
    pub(crate) fn object(&mut self, object: &impl Serialize) -> io::Result<()> {
        self.whole_object(&Versioned { object, version: env!("CARGO_PKG_VERSION") })
    }

    /// Prints a JSON object that says its version itself. Indented on a terminal, on one line elsewhere.
    pub(crate) fn whole_object(&mut self, object: &impl Serialize) -> io::Result<()> {
        let write = if self.terminal { serde_json::to_string_pretty } else { serde_json::to_string };
        writeln!(self.stream, "{}", write(object)?)
    }

    /// A remark on what is going on: not with `--quiet`, nor with `--json`.
    pub(crate) fn say(&mut self, remark: impl Display) -> io::Result<()> {
        if self.quiet || self.json { Ok(()) } else { writeln!(self.stream, "{remark}") }
    }

    /// A step that is done, and how long it took: a remark.
    pub(crate) fn step(&mut self, name: &str, text: impl Display, seconds: Option<f64>) -> io::Result<()> {
        let took = seconds.map(|seconds| format!("  {DIM}{}{DIM:#}", format::seconds(seconds)));
        let text = format::wrapped(&text.to_string(), STEP);
        self.say(format_args!("{HEAD}{name:9}{HEAD:#} {text}{}", took.unwrap_or_default()))
    }

    /// What is to be known of the step above: a remark.
    pub(crate) fn note(&mut self, text: &str) -> io::Result<()> {
        self.say(format_args!("{:STEP$}{DIM}{}{DIM:#}", "", format::wrapped(text, STEP)))
    }

    /// A line of the result: not with `--json`.
    pub(crate) fn line(&mut self, line: impl Display) -> io::Result<()> {
        if self.json { Ok(()) } else { writeln!(self.stream, "{line}") }
    }

    /// A table of the result: framed on a terminal, tab-separated elsewhere; not with `--json`.
    pub(crate) fn table(&mut self, table: &Table) -> io::Result<()> {
        match (self.json, self.terminal) {
            (true, _) => Ok(()),
            (false, true) => writeln!(self.stream, "{}", table.framed()),
            (false, false) => write!(self.stream, "{}", table.tab_separated()),
        }
    }

    /// Standard output itself, for long results that are written as they come.
    pub(crate) fn writer(&mut self) -> impl Write + '_ {
        io::BufWriter::new(&mut self.stream)
    }
}

/// Rows under a heading.
pub(crate) struct Table {
    heads: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

/// One cell.
pub(crate) enum Cell {
    Text(String),
    /// Stands to the right; with separators for people.
    Count(usize),
    /// Stands to the right, as it is written.
    Figure(String),
}

impl Table {
    pub(crate) fn new<H: Into<String>>(heads: impl IntoIterator<Item = H>) -> Self {
        Self { heads: heads.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: impl Into<Vec<Cell>>) {
        self.rows.push(cells.into());
    }

    fn framed(&self) -> comfy_table::Table {
        let mut table = comfy_table::Table::new();
        table.load_style(LINED);
        // A terminal that does not know its width, or is too narrow for any table, wraps the lines itself.
        if table.width().is_some_and(|width| width >= 60) {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
        table.set_header(&self.heads);
        for row in &self.rows {
            table.add_row(row.iter().map(|cell| {
                let alignment = if cell.is_text() { CellAlignment::Left } else { CellAlignment::Right };
                comfy_table::Cell::new(cell.for_people()).set_alignment(alignment)
            }));
        }
        table
    }

    fn tab_separated(&self) -> String {
        let mut text = self.heads.join("\t") + "\n";
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(Cell::for_programs).collect();
            text.push_str(&cells.join("\t"));
            text.push('\n');
        }
        text
    }
}

impl Cell {
    fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    fn for_people(&self) -> String {
        match self {
            Self::Text(text) | Self::Figure(text) => text.clone(),
            Self::Count(number) => format::count(*number),
        }
    }

    /// Without separators; a tab or a line break in a title would break the columns.
    fn for_programs(&self) -> String {
        match self {
            Self::Text(text) | Self::Figure(text) => text.replace(['\t', '\n', '\r'], " "),
            Self::Count(number) => number.to_string(),
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<usize> for Cell {
    fn from(number: usize) -> Self {
        Self::Count(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Table {
        let mut table = Table::new(["item", "ratings", "mean"]);
        table.row(["Star\tWars".into(), 1583.into(), Cell::Figure("4.36".into())]);
        table
    }

    #[test]
    fn a_pipe_gets_plain_columns() {
        assert_eq!(example().tab_separated(), "item\tratings\tmean\nStar Wars\t1583\t4.36\n");
    }

    #[test]
    fn people_get_separators_and_a_frame() {
        let framed = example().framed().to_string();
        assert!(framed.contains("1,583"), "{framed}");
        assert!(framed.contains('─'), "{framed}");
    }
}
