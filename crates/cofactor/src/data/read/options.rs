//! What a caller may say about a file; whatever is left out is found in the file itself.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::data::ratings::{Duplicates, Scale};

/// What is known of a file beforehand. The default knows nothing, and everything is found in the file.
///
/// The messages name the command's flags, which are spelled like the fields: `--user-column`, `--constant-rating`, …
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReadOptions {
    /// The name of the data set (`Catalog::name`); otherwise the file's name.
    pub name: Option<String>,
    /// `--format`: the kind of file; otherwise found by its first bytes.
    pub format: Option<Format>,
    /// `--member`: which file of a zip archive to read, by its path in the archive or by its file name alone.
    pub member: Option<String>,
    /// `--delimiter`: what separates the columns, such as `,` `::` or `\t`; a blank stands for any run of blanks and tabs.
    pub delimiter: Option<String>,
    /// `--header`: whether the first line names the columns.
    pub header: Option<bool>,
    /// `--user-column`: where the user ids stand.
    pub user: Option<ColumnRef>,
    /// `--item-column`: where the item ids stand.
    pub item: Option<ColumnRef>,
    /// `--rating-column`: where the ratings stand.
    pub rating: Option<ColumnRef>,
    /// `--time-column`: where the times stand.
    pub time: Option<ColumnRef>,
    /// `--no-times`: read no times, even if there are some.
    pub ignore_times: bool,
    /// `--constant-rating`: give each row this rating and read no rating column: for clicks, purchases, plays.
    pub constant: Option<f32>,
    /// `--duplicates`: what to do with a pair of user and item that occurs more than once.
    pub duplicates: Duplicates,
    /// `--scale`: the range that ratings may take; a rating outside is refused. Otherwise it is the range seen.
    pub scale: Option<Scale>,
}

/// The kinds of file that can be read. A text may be compressed with gzip or stand in a zip archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Rows of text with a delimiter: CSV, TSV, `::`, …
    Text,
    /// Apache Parquet.
    Parquet,
}

/// A column, by name or by position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnRef {
    /// The name in the header.
    Name(String),
    /// The position, counted from 1.
    Position(usize),
}

impl FromStr for ColumnRef {
    type Err = Infallible;

    /// Digits are a position, anything else a name.
    fn from_str(written: &str) -> Result<Self, Infallible> {
        Ok(match written.parse() {
            Ok(position) => Self::Position(position),
            Err(_) => Self::Name(written.to_owned()),
        })
    }
}

impl fmt::Display for ColumnRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Position(position) => write!(f, "{position}"),
        }
    }
}
