//! From one value of a typed column to a rating, a time or an id.
//!
//! Integers, floats and texts serve in any role where they make sense: an id that is a whole float is the integer (pandas turns integers with
//! gaps into floats), a rating may be a text that spells a number. Nulls are refused.

use super::fields;
use super::problem::{Problem, ProblemKind};
use crate::data::ids::RawId;
use crate::data::ratings::{Scale, Time};

/// One value of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// Nothing.
    Null,
    /// A whole number.
    Integer(i64),
    /// A whole number without a sign.
    Unsigned(u64),
    /// Any number.
    Float(f64),
    /// A text; whether it is UTF-8 is checked where it is used.
    Text(&'a [u8]),
    /// A moment that the column's type declares as such.
    Moment(Time),
}

impl<'a> Cell<'a> {
    /// As the id of a user or an item; `text` is scratch for one that is no plain integer.
    pub(super) fn id(self, side: &str, text: &'a mut String) -> Result<RawId<'a>, Problem> {
        text.clear();
        match self {
            Self::Null => return Err(no_id(side, "null")),
            Self::Text(id) => return fields::id(id, side),
            // As many digits as in a text.
            Self::Integer(id) if (0..1_000_000_000_000_000_000).contains(&id) => {
                return Ok(RawId::Integer(id));
            }
            Self::Integer(id) | Self::Moment(id) => text.push_str(&id.to_string()),
            Self::Unsigned(id) => text.push_str(&id.to_string()),
            Self::Float(id) if id.is_finite() => {
                // Not "-0".
                text.push_str(&(id + 0.0).to_string());
            }
            Self::Float(_) => return Err(no_id(side, "no finite number")),
        }
        fields::id(text.as_bytes(), side)
    }

    /// As a rating.
    pub(super) fn rating(self, scale: Option<Scale>) -> Result<f32, Problem> {
        let value = match self {
            Self::Null => {
                let hint = "leave rows without a rating out of the file; for clicks or purchases, which have none, give each row the same with --constant-rating 1";
                return Err(Problem::new(ProblemKind::EmptyRating, "the rating is null", b"", hint));
            }
            Self::Text(text) => return fields::rating(text.trim_ascii(), scale),
            Self::Integer(value) | Self::Moment(value) => value as f32,
            Self::Unsigned(value) => value as f32,
            Self::Float(value) => value as f32,
        };
        fields::check_rating(value, || value.to_string().into_bytes(), scale)
    }

    /// As a time.
    pub(super) fn time(self) -> Result<Time, Problem> {
        match self {
            Self::Null => {
                let hint = "complete the rows, or leave the times out with --no-times";
                Err(Problem::new(ProblemKind::BadTime, "the time is null", b"", hint))
            }
            Self::Text(text) => fields::time(text.trim_ascii()),
            Self::Float(time) => fields::time(time.to_string().as_bytes()),
            Self::Integer(time) => Ok(fields::seconds(time)),
            Self::Unsigned(time) => fields::time(time.to_string().as_bytes()),
            Self::Moment(time) => Ok(time),
        }
    }
}

#[cold]
fn no_id(side: &str, what: &str) -> Problem {
    let hint = "leave rows without an id out of the file";
    Problem::new(ProblemKind::EmptyId, format!("the {side} id is {what}"), b"", hint)
}
