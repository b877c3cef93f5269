//! How a text writes its table: delimiter, line break, header and columns, found in its first lines.

use std::path::Path;

use memchr::memchr;

use super::columns::{Columns, is_usual_name};
use super::fields;
use super::options::ReadOptions;
use super::problem::file_error;
use super::record::{Delimiter, Record, Split, Splitter};
use crate::error::{Error, Result};

/// How the table is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) splitter: Splitter,
    pub(super) header: bool,
    /// How many columns each row has.
    pub(super) width: usize,
    pub(super) columns: Columns,
}

/// A first look at this many rows is enough.
const SAMPLED_ROWS: usize = 200;

/// Tried in this order; the first of the best is taken.
const DELIMITERS: [&str; 6] = ["::", "\t", ",", ";", "|", " "];

impl Dialect {
    /// Of a text that begins with `sample`; `whole`: and ends with it.
    pub(super) fn of(file: &Path, sample: &[u8], whole: bool, options: &ReadOptions) -> Result<Self> {
        let newline =
            if memchr(b'\n', sample).is_none() && memchr(b'\r', sample).is_some() { b'\r' } else { b'\n' };
        let splitter = |delimiter: &str| Splitter { delimiter: delimiter_of(delimiter), newline };
        let table = match &options.delimiter {
            Some(delimiter) if delimiter.is_empty() => {
                return Err(Error::parameter(
                    "delimiter",
                    "''",
                    "at least one character",
                    "write a tab as \\t",
                ));
            }
            Some(delimiter) => Table::of(splitter(delimiter), sample, whole),
            None => {
                let tables = DELIMITERS.map(|delimiter| Table::of(splitter(delimiter), sample, whole));
                // Of equals the last is taken, so the order is turned round.
                let best = tables.into_iter().rev().max_by_key(Table::merit);
                best.expect("there are delimiters to try")
            }
        };
        table.into_dialect(file, options)
    }
}

fn delimiter_of(written: &str) -> Delimiter {
    match written {
        " " => Delimiter::Blanks,
        "\\t" => Delimiter::Bytes(b"\t".to_vec()),
        _ => Delimiter::Bytes(written.as_bytes().to_vec()),
    }
}

/// The first rows as one delimiter cuts them.
struct Table {
    splitter: Splitter,
    rows: Vec<Vec<Vec<u8>>>,
    /// The commonest number of columns.
    width: usize,
    /// How many rows have it.
    agreeing: usize,
}

impl Table {
    fn of(splitter: Splitter, sample: &[u8], whole: bool) -> Self {
        let (mut at, mut rows, mut record) = (0, Vec::new(), Record::default());
        while at < sample.len() && rows.len() < SAMPLED_ROWS {
            let rest = &sample[at..];
            match splitter.split(rest, whole, &mut record) {
                Split::Complete { consumed, .. } => {
                    if !record.is_blank(rest) {
                        rows.push(
                            (0..record.len()).map(|index| record.field(rest, index).to_vec()).collect(),
                        );
                    }
                    at += consumed;
                }
                Split::Malformed { consumed, .. } => at += consumed,
                Split::Incomplete { .. } => break,
            }
        }
        let (width, agreeing) = commonest(rows.iter().map(Vec::len));
        Self { splitter, rows, width, agreeing }
    }

    /// A table has several columns, three if it can, and the same number in each row.
    fn merit(&self) -> (usize, usize) {
        (self.width.min(3), self.agreeing)
    }

    fn into_dialect(self, file: &Path, options: &ReadOptions) -> Result<Dialect> {
        let header = options.header.unwrap_or_else(|| self.has_header());
        if !header && options.delimiter.is_none() {
            self.refuse_lists(file)?;
        }
        let (width, columns) = match self.rows.first() {
            Some(names) if header => {
                let names: Vec<String> =
                    names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
                (names.len(), Columns::by_name(file, &names, options)?)
            }
            _ => {
                let timed =
                    |index: usize| self.rows.iter().any(|row| row.get(index).is_some_and(|f| is_time(f)));
                (self.width, Columns::by_position(file, self.width, options, timed)?)
            }
        };
        Ok(Dialect { splitter: self.splitter, header, width, columns })
    }

    /// A header holds no number, and a usual name or a number below one of its names.
    fn has_header(&self) -> bool {
        let Some(first) = self.rows.first() else { return false };
        if first.iter().any(|field| is_number(field)) {
            return false;
        }
        let usual = first.iter().any(|field| std::str::from_utf8(field).is_ok_and(is_usual_name));
        usual || self.rows.get(1).is_some_and(|second| second.iter().any(|field| is_number(field)))
    }

    /// A line per user with all of their items is a usual form of clicks, but no table.
    fn refuse_lists(&self, file: &Path) -> Result<()> {
        let lengths = || self.rows.iter().map(Vec::len);
        let (shortest, longest) = (lengths().min().unwrap_or(0), lengths().max().unwrap_or(0));
        let integers =
            self.rows.iter().flatten().all(|field| crate::data::ids::canonical_integer(field).is_some());
        if self.rows.len() < 3 || self.agreeing * 2 > self.rows.len() || longest < 6 || !integers {
            return Ok(());
        }
        let problem = format!(
            "the rows have between {shortest} and {longest} columns: this looks like one line per user, with all of the user's items in it"
        );
        let hint = "write one row per user and item, then read it with --constant-rating 1: awk '{for (i = 2; i <= NF; i++) print $1, $i}' FILE > pairs.txt";
        Err(file_error(file, problem, hint))
    }
}

/// The commonest value and how often it occurs; of equals the first value of all, or the largest.
fn commonest(values: impl Iterator<Item = usize>) -> (usize, usize) {
    let mut sorted: Vec<usize> = values.collect();
    let first = sorted.first().copied();
    sorted.sort_unstable();
    let runs = sorted.chunk_by(|a, b| a == b).map(|run| (run.len(), Some(run[0]) == first, run[0]));
    runs.max().map_or((0, 0), |(count, _, value)| (value, count))
}

fn is_number(field: &[u8]) -> bool {
    fast_float2::parse::<f64, _>(field).is_ok_and(f64::is_finite)
}

/// Whether a fourth column without a name may be a time: later than 1970-04-26, so that a small number is not.
fn is_time(field: &[u8]) -> bool {
    fields::time(field).is_ok_and(|time| time > 10_000_000)
}
