//! What can be wrong with a row or a file: the words of the input contract.

use std::path::Path;

use serde::Serialize;

use crate::error::{Error, Place};

/// The kinds of problem, one for each remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// A row has fewer columns than the others.
    MissingColumn,
    /// A row has more columns than the others.
    SurplusColumn,
    /// A user or item id is empty.
    EmptyId,
    /// A rating is empty.
    EmptyRating,
    /// A rating is not a number.
    NotANumber,
    /// A rating is NaN, infinite, or too large for 32 bits.
    NotFinite,
    /// A rating lies outside the declared scale.
    OutsideScale,
    /// A time is neither seconds since 1970 nor an ISO 8601 date.
    BadTime,
    /// A line is not valid UTF-8, or holds a NUL byte.
    BadEncoding,
    /// A quote does not close, or is followed by more text.
    BadQuote,
    /// A line is longer than any row of ratings.
    LongLine,
    /// A pair of user and item occurs more than once.
    DuplicatePair,
    /// The file ends too early or its checksum is wrong.
    Damaged,
    /// More ratings than can be numbered.
    TooManyRatings,
    /// There is no rating at all.
    NoRatings,
}

/// One problem, where it is and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) kind: ProblemKind,
    /// The line of a text or the row of a Parquet file, counted from 1.
    pub(super) line: Option<u64>,
    pub(super) what: String,
    pub(super) found: String,
    pub(super) hint: String,
}

impl Problem {
    #[cold]
    pub(super) fn new(
        kind: ProblemKind,
        what: impl Into<String>,
        found: &[u8],
        hint: impl Into<String>,
    ) -> Self {
        Self { kind, line: None, what: what.into(), found: shown(found), hint: hint.into() }
    }

    pub(super) fn at(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    /// Without its line, for a place that says where it is by itself.
    pub(super) fn unplaced(self) -> Self {
        Self { line: None, ..self }
    }

    pub(super) fn into_error(self, file: &Path) -> Error {
        let place = Place { file: file.to_owned(), line: self.line };
        Error::Input { place, problem: self.what, found: self.found, hint: self.hint }
    }
}

/// A text from a file as a message may show it: at most 60 characters, nothing that moves a terminal's cursor.
pub(super) fn shown(bytes: &[u8]) -> String {
    const LONGEST: usize = 60;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * LONGEST + 4)]);
    let mut shown: String = text.chars().take(LONGEST).flat_map(visible).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

fn visible(c: char) -> impl Iterator<Item = char> {
    let escaped = c.is_control();
    let plain = (!escaped).then_some(c);
    escaped.then(|| c.escape_default()).into_iter().flatten().chain(plain)
}

/// An error about the file as a whole.
#[cold]
pub(super) fn file_error(file: &Path, problem: impl Into<String>, hint: impl Into<String>) -> Error {
    Error::Input {
        place: Place { file: file.to_owned(), line: None },
        problem: problem.into(),
        found: String::new(),
        hint: hint.into(),
    }
}
