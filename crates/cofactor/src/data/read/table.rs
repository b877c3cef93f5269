//! Ratings from the columns of a table in memory, under the same contract as a file's.

use std::path::{Path, PathBuf};

use super::cell::Cell;
use super::columns::Columns;
use super::options::ReadOptions;
use super::problem::{Problem, ProblemKind};
use super::{Loader, Row, Sink, duplicates};
use crate::data::attributes::Attributes;
use crate::data::ids::IdMap;
use crate::data::ratings::{Ratings, Rejected};
use crate::error::{Error, Result};

/// A column in memory.
pub trait Cells {
    /// How many rows it has.
    fn len(&self) -> usize;

    /// Whether it has none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value in a row below [`Self::len`].
    fn cell(&self, row: usize) -> Cell<'_>;
}

/// The columns of a table that are read.
pub struct Table<'a> {
    /// What messages call the table: `the data frame`.
    pub name: String,
    /// The users' ids.
    pub user: &'a dyn Cells,
    /// The items' ids.
    pub item: &'a dyn Cells,
    /// The ratings; without them each is [`ReadOptions::constant`], or 1.
    pub rating: Option<&'a dyn Cells>,
    /// The times.
    pub time: Option<&'a dyn Cells>,
}

/// Which of a table's columns are read: those that the options name, otherwise those with the usual names, as in a file with a header.
/// `table` is what messages call it.
///
/// # Errors
/// A column that is not there, or of which nobody knows what it holds.
pub fn find_columns(table: &str, names: &[String], options: &ReadOptions) -> Result<Columns> {
    Columns::by_name(Path::new(table), names, options)
}

/// Reads a table. Of the options, `name`, `constant`, `duplicates` and `scale` are used. `attributes` makes the columns of users and items once
/// the ids are known.
///
/// Cost: one pass; memory 16 bytes a rating (12 without times) beside the table.
///
/// # Errors
/// The first row that breaks the contract of [`super::read`], counted from 0.
pub fn read_table(
    table: &Table<'_>,
    options: &ReadOptions,
    attributes: impl FnOnce(&IdMap, &IdMap) -> (Attributes, Attributes),
) -> Result<Ratings> {
    super::check(options)?;
    let rows = table.checked()?;
    let mut loader = Loader::with_times(table.time.is_some());
    table.scan(rows, options, &mut loader)?;
    let name = options.name.clone().unwrap_or_else(|| table.name.clone());
    loader.builder.finish(&name, options.scale, options.duplicates, attributes).or_else(|rejected| {
        match rejected {
            Rejected::Duplicates(pairs) => {
                let scan = |sink: &mut duplicates::Locator<'_>| table.scan(rows, options, sink);
                let (problem, row) = duplicates::located(&pairs, scan)?;
                Err(table.error(row, problem))
            }
            other => Err(Error::unsupported(format!("{}: {other}", table.name), "")),
        }
    })
}

impl Table<'_> {
    /// How many rows all columns have.
    fn checked(&self) -> Result<usize> {
        let rows = self.user.len();
        let others = [("item", Some(self.item)), ("rating", self.rating), ("time", self.time)];
        for (role, column) in others {
            if let Some(column) = column.filter(|column| column.len() != rows) {
                let problem = format!("{}: {} user ids and {} {role}s", self.name, rows, column.len());
                return Err(Error::unsupported(problem, "give one of each for each rating"));
            }
        }
        if rows == 0 {
            let hint = "it should hold a row per rating: user, item, rating and, if known, time";
            let problem = Problem::new(ProblemKind::NoRatings, "there are no rows", b"", hint);
            return Err(problem.into_error(Path::new(&self.name)));
        }
        Ok(rows)
    }

    fn scan<S: Sink>(&self, rows: usize, options: &ReadOptions, sink: &mut S) -> Result<()> {
        let mut texts = [String::new(), String::new()];
        for row in 0..rows {
            let taken = self.row(row, options, &mut texts).and_then(|read| sink.row(row as u64, read));
            taken.map_err(|problem| self.error(row as u64, problem))?;
        }
        Ok(())
    }

    fn row<'t>(
        &'t self,
        row: usize,
        options: &ReadOptions,
        [user, item]: &'t mut [String; 2],
    ) -> Result<Row<'t>, Problem> {
        Ok(Row {
            user: self.user.cell(row).id("user", user)?,
            item: self.item.cell(row).id("item", item)?,
            value: match self.rating {
                Some(column) => column.cell(row).rating(options.scale)?,
                None => options.constant.unwrap_or(1.0),
            },
            time: self.time.map(|column| column.cell(row).time()).transpose()?,
        })
    }

    /// Rows in memory are counted from 0, and are no lines.
    fn error(&self, row: u64, problem: Problem) -> Error {
        problem.unplaced().into_error(&PathBuf::from(format!("{}, row {row} (counted from 0)", self.name)))
    }
}
