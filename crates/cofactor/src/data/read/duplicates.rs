//! Where a pair of user and item stands that occurs more than once: found by a second scan, when it is needed.

use std::path::Path;

use super::options::ReadOptions;
use super::problem::{Problem, ProblemKind};
use super::{Layout, Row, Sink, scan};
use crate::data::ids::{RawId, canonical_integer};
use crate::data::ratings::DuplicatePairs;
use crate::error::{Error, Result};

/// The error about the first of the pairs, with both of its places.
#[cold]
pub(super) fn error(path: &Path, options: &ReadOptions, pairs: &DuplicatePairs) -> Result<Error> {
    let (problem, _) = located(pairs, |locator| scan(path, options, locator))?;
    Ok(problem.into_error(path))
}

/// What is wrong with the first of the pairs, and its second place, found by a scan.
pub(super) fn located<'a>(
    pairs: &'a DuplicatePairs,
    scan: impl FnOnce(&mut Locator<'a>) -> Result<()>,
) -> Result<(Problem, u64)> {
    let mut locator = Locator::of(&pairs.first[..1]);
    scan(&mut locator)?;
    let mut problem = locator.problem(0);
    if pairs.surplus > 1 {
        problem.what = format!("{} ({} rows repeat a pair)", problem.what, pairs.surplus);
    }
    let line = problem.line.unwrap_or(0);
    Ok((problem, line))
}

/// Notes where some pairs stand.
pub(super) struct Locator<'a> {
    pairs: Vec<(RawId<'a>, RawId<'a>)>,
    places: Vec<Vec<Found>>,
    unit: &'static str,
}

#[derive(Debug, Clone, Copy)]
struct Found {
    line: u64,
    value: f32,
}

impl<'a> Locator<'a> {
    pub(super) fn of(pairs: &'a [(String, String)]) -> Self {
        let pairs: Vec<_> = pairs.iter().map(|(user, item)| (as_read(user), as_read(item))).collect();
        Self { places: vec![Vec::new(); pairs.len()], pairs, unit: "row" }
    }

    pub(super) fn len(&self) -> usize {
        self.pairs.len()
    }

    /// What to say about a pair, at its second place.
    pub(super) fn problem(&self, index: usize) -> Problem {
        let ((user, item), unit) = (self.pairs[index], self.unit);
        let (line, places) = match self.places[index][..] {
            [Found { line, value }, Found { line: again, value: other }, ..] => {
                (Some(again), format!(": {value} in {unit} {line}, and {other} in {unit} {again}"))
            }
            _ => (None, String::new()),
        };
        let what = format!("user '{user}' rates item '{item}' twice{places}");
        let hint = "keep one rating of each pair with --duplicates last, mean or sum";
        Problem { line, ..Problem::new(ProblemKind::DuplicatePair, what, b"", hint) }
    }
}

fn as_read(written: &str) -> RawId<'_> {
    canonical_integer(written.as_bytes()).map_or(RawId::Text(written), RawId::Integer)
}

impl Sink for Locator<'_> {
    fn begin(&mut self, layout: &Layout) {
        self.unit = layout.unit();
    }

    fn row(&mut self, line: u64, row: Row<'_>) -> Result<(), Problem> {
        for (pair, places) in self.pairs.iter().zip(&mut self.places) {
            if *pair == (row.user, row.item) && places.len() < 2 {
                places.push(Found { line, value: row.value });
            }
        }
        Ok(())
    }

    /// The first scan has dealt with it.
    fn problem(&mut self, _: Problem) -> Result<(), Problem> {
        Ok(())
    }
}
