//! From a file to [`Ratings`]: CSV, TSV, `::` and their like, plain, in gzip or in a zip archive, and Parquet.
//!
//! [`read_table`] takes the columns of a table in memory instead. Format, delimiter, header and columns are found in the file; [`ReadOptions`] overrules what was found. Columns are found by the usual names in a
//! header; without one they are user, item, rating and, if it looks like one, time. The file is streamed: reading keeps the builder's 16 bytes a
//! rating, and 1 MiB of text (or some thousand rows of Parquet) beside it.
//!
//! **The contract.** A file is read whole and right, or refused with the file, the line, the offending text and the way out. Refused are: rows of
//! another width, empty ids, ratings that are no finite number or lie outside the declared scale, times that are no
//! time, repeated pairs (unless a policy for them is given), text that is not UTF-8, and files of another kind. Blank lines, a byte-order mark and the `\r` of
//! line breaks are skipped; blanks around a field are dropped, but for those in quotes. An id is an integer where it prints as it was written, and a text
//! otherwise; if any id of a column is a text, all are. There are no comments.

mod cell;
#[cfg(feature = "parquet")]
mod columnar;
mod columns;
mod dialect;
mod duplicates;
mod fields;
mod kind;
mod options;
mod plain;
mod problem;
mod record;
mod source;
mod survey;
mod table;
mod text;

use std::path::Path;

use serde::Serialize;

pub use cell::Cell;
pub use columns::{Column, Columns};
pub use options::{ColumnRef, Format, ReadOptions};
pub use problem::ProblemKind;
pub use survey::{Bar, Finding, Quantiles, ScaleFound, Spot, Survey, survey};
pub use table::{Cells, Table, find_columns, read_table};

use self::problem::Problem;
use self::source::Content;
use self::text::Text;
use crate::data::attributes::Attributes;
use crate::data::ids::{IdMap, RawId};
use crate::data::ratings::{Ratings, RatingsBuilder, Rejected, Time};
use crate::error::{Error, Result};

/// Reads a file of ratings.
///
/// Cost: one pass, at some hundred megabytes a second; memory 16 bytes a rating (12 without times) while reading.
///
/// # Errors
/// The first thing in the file that breaks the contract above.
pub fn read(path: &Path, options: &ReadOptions) -> Result<Ratings> {
    read_with(path, options, |_, _| Default::default())
}

/// The same, with the columns of users and items, which `attributes` makes once the ids are known.
///
/// # Errors
/// As [`read`].
pub fn read_with(
    path: &Path,
    options: &ReadOptions,
    attributes: impl FnOnce(&IdMap, &IdMap) -> (Attributes, Attributes),
) -> Result<Ratings> {
    check(options)?;
    let mut loader = Loader::default();
    scan(path, options, &mut loader)?;
    let name = options.name.clone().unwrap_or_else(|| file_name(path));
    loader.builder.finish(&name, options.scale, options.duplicates, attributes).or_else(|rejected| {
        match rejected {
            Rejected::Duplicates(pairs) => Err(duplicates::error(path, options, &pairs)?),
            // A sum of duplicates may overflow; single values have been checked with their lines.
            other => Err(Error::unsupported(format!("{}: {other}", path.display()), "")),
        }
    })
}

fn check(options: &ReadOptions) -> Result<()> {
    if let Some(scale) = options.scale
        && !(scale.min < scale.max && scale.min.is_finite() && scale.max.is_finite())
    {
        let value = format!("{}..{}", scale.min, scale.max);
        return Err(Error::parameter(
            "scale",
            value,
            "two finite numbers, the lowest and the highest rating",
            "1..5, say",
        ));
    }
    match options.constant {
        Some(constant) if !constant.is_finite() => {
            Err(Error::parameter("constant-rating", constant, "a finite number", "1 is usual"))
        }
        _ => Ok(()),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// How a file turned out to be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Layout {
    /// Its format.
    pub format: Format,
    /// "gzip" or "zip", if it is packed.
    pub packed: Option<&'static str>,
    /// What separates the columns of a text; a blank stands for any run of blanks and tabs.
    pub delimiter: Option<String>,
    /// Whether its first line names the columns; a Parquet file always does.
    pub header: bool,
    /// The columns that are read.
    pub columns: Columns,
}

/// One row: checked, but for repetition.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Row<'a> {
    user: RawId<'a>,
    item: RawId<'a>,
    value: f32,
    /// All rows of a file have a time, or none has.
    time: Option<Time>,
}

/// Takes what a scan finds; a problem that it returns ends the scan.
trait Sink {
    /// Called once, before the rows.
    fn begin(&mut self, layout: &Layout);

    /// A row without fault, at a line (or a row of a Parquet file) counted from 1.
    fn row(&mut self, line: u64, row: Row<'_>) -> Result<(), Problem>;

    /// A row or a file with a fault.
    fn problem(&mut self, problem: Problem) -> Result<(), Problem>;
}

/// Hands the rows of a file to `sink`.
fn scan<S: Sink>(path: &Path, options: &ReadOptions, sink: &mut S) -> Result<()> {
    source::open(path, options, |source| match source.content {
        Content::Text(reader) => {
            let text = Text::open(&source.place, source.packed, reader, options)?;
            sink.begin(&text.layout());
            text.rows(sink)
        }
        #[cfg(feature = "parquet")]
        Content::Parquet(file) => {
            let parquet = columnar::Parquet::open(&source.place, file, options)?;
            sink.begin(&parquet.layout());
            parquet.rows(sink)
        }
        #[cfg(not(feature = "parquet"))]
        Content::Parquet(file) => {
            drop(file);
            let hint = "build it with the feature `parquet`, or write the table as CSV";
            Err(problem::file_error(&source.place, "this build reads no Parquet files", hint))
        }
    })
}

/// Collects the rows; the first problem ends it.
#[derive(Default)]
struct Loader {
    builder: RatingsBuilder,
}

impl Loader {
    fn with_times(times: bool) -> Self {
        Self { builder: RatingsBuilder::new(times) }
    }
}

impl Sink for Loader {
    fn begin(&mut self, layout: &Layout) {
        *self = Self::with_times(layout.columns.time.is_some());
    }

    fn row(&mut self, line: u64, row: Row<'_>) -> Result<(), Problem> {
        collect(&mut self.builder, MOST_RATINGS, line, row)
    }

    fn problem(&mut self, problem: Problem) -> Result<(), Problem> {
        Err(problem)
    }
}

/// Positions are 32 bits wide while the builder sorts.
const MOST_RATINGS: usize = u32::MAX as usize;

#[inline]
fn collect(builder: &mut RatingsBuilder, most: usize, line: u64, row: Row<'_>) -> Result<(), Problem> {
    if builder.len() >= most {
        let problem = format!("there are more than {most} ratings");
        let hint = "split the file and read a part of it";
        return Err(Problem::new(ProblemKind::TooManyRatings, problem, b"", hint).at(line));
    }
    let (users, items) = builder.ids();
    let (user, item) = (users.number_raw(row.user), items.number_raw(row.item));
    builder.push_numbers(user, item, row.value, row.time);
    Ok(())
}

#[cfg(test)]
mod tests;
