//! From the bytes of one field to a rating, a time or an id.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::problem::{Problem, ProblemKind};
use crate::data::ids::{RawId, canonical_integer};
use crate::data::ratings::{Scale, Time};

/// A rating: a finite number, on the declared scale if there is one.
pub(super) fn rating(field: &[u8], scale: Option<Scale>) -> Result<f32, Problem> {
    let value = match simple_decimal(field) {
        Some(value) => value,
        None => fast_float2::parse::<f32, _>(field).map_err(|_| no_number(field))?,
    };
    check_rating(value, || field.to_vec(), scale)
}

/// Refuses what is not finite or lies outside the scale; `field` gives the rating as the file spells it.
pub(super) fn check_rating(
    value: f32,
    field: impl Fn() -> Vec<u8>,
    scale: Option<Scale>,
) -> Result<f32, Problem> {
    if !value.is_finite() {
        let hint = "leave rows without a rating out of the file";
        return Err(Problem::new(
            ProblemKind::NotFinite,
            "the rating is not a finite number",
            &field(),
            hint,
        ));
    }
    match scale {
        Some(scale) if !(scale.min..=scale.max).contains(&value) => {
            let problem =
                format!("the rating lies outside the declared scale {} to {}", scale.min, scale.max);
            let hint = "correct the row, or declare a wider range with --scale";
            Err(Problem::new(ProblemKind::OutsideScale, problem, &field(), hint))
        }
        _ => Ok(value),
    }
}

#[cold]
fn no_number(field: &[u8]) -> Problem {
    if field.is_empty() {
        let hint = "leave rows without a rating out of the file; for clicks or purchases, which have none, give each row the same with --constant-rating 1";
        return Problem::new(ProblemKind::EmptyRating, "the rating is empty", b"", hint);
    }
    let with_point: Vec<u8> = field.iter().map(|&b| if b == b',' { b'.' } else { b }).collect();
    let hint = if field.contains(&b',') && fast_float2::parse::<f32, _>(&with_point).is_ok() {
        "write decimals with a point: 3.5"
    } else {
        "if the ratings stand in another column, name it with --rating-column"
    };
    Problem::new(ProblemKind::NotANumber, "the rating is not a number", field, hint)
}

/// Digits with at most one point, where the division gives the nearest f32: both numbers are exact in 24 bits.
fn simple_decimal(field: &[u8]) -> Option<f32> {
    if field.is_empty() || field.len() > 7 {
        return None;
    }
    let (mut mantissa, mut decimals) = (0_u32, None);
    for &byte in field {
        match byte {
            b'0'..=b'9' => {
                mantissa = mantissa * 10 + u32::from(byte - b'0');
                decimals = decimals.map(|count: usize| count + 1);
            }
            b'.' if decimals.is_none() => decimals = Some(0),
            _ => return None,
        }
    }
    (field != b".").then(|| decimal(mantissa, decimals.unwrap_or(0)))
}

/// `mantissa / 10^decimals`, rounded once; the mantissa has at most 7 digits.
pub(super) fn decimal(mantissa: u32, decimals: usize) -> f32 {
    const POWERS: [f32; 8] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7];
    mantissa as f32 / POWERS[decimals.min(7)]
}

/// A time: seconds since 1970 (or milliseconds, microseconds, nanoseconds, told by their size), or an ISO 8601 date with or
/// without a time of day; without a zone it is UTC.
pub(super) fn time(field: &[u8]) -> Result<Time, Problem> {
    if let Some(number) = canonical_integer(field) {
        return Ok(seconds(number));
    }
    if let Ok(number) = fast_float2::parse::<f64, _>(field)
        && number.abs() < 9e18
    {
        return Ok(seconds(number.floor() as i64));
    }
    std::str::from_utf8(field).ok().and_then(iso_8601).ok_or_else(|| {
        let hint = "write seconds since 1970-01-01 UTC or an ISO 8601 date such as 2024-05-31T12:00:00Z, or leave the times out with --no-times";
        let problem = if field.is_empty() { "the time is empty" } else { "the time cannot be read" };
        Problem::new(ProblemKind::BadTime, problem, field, hint)
    })
}

/// 10^11 seconds are the year 5138 and 10^11 milliseconds the year 1973, so the size tells the unit.
pub(super) fn seconds(number: i64) -> Time {
    match number.unsigned_abs() {
        0..100_000_000_000 => number,
        100_000_000_000..100_000_000_000_000 => number.div_euclid(1_000),
        100_000_000_000_000..100_000_000_000_000_000 => number.div_euclid(1_000_000),
        _ => number.div_euclid(1_000_000_000),
    }
}

fn iso_8601(text: &str) -> Option<Time> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant.as_second());
    }
    let civil: DateTime = text.parse().ok()?;
    Some(TimeZone::UTC.to_timestamp(civil).ok()?.as_second())
}

/// A raw id: an integer where it prints as it was written, a text otherwise. Never empty.
pub(super) fn id<'a>(field: &'a [u8], side: &str) -> Result<RawId<'a>, Problem> {
    if let Some(integer) = canonical_integer(field) {
        return Ok(RawId::Integer(integer));
    }
    match std::str::from_utf8(field) {
        Ok("") => Err(Problem::new(
            ProblemKind::EmptyId,
            format!("the {side} id is empty"),
            b"",
            "leave rows without an id out of the file",
        )),
        Ok(text) => Ok(RawId::Text(text)),
        Err(_) => Err(Problem::new(
            ProblemKind::BadEncoding,
            format!("the {side} id is not valid UTF-8"),
            field,
            "save the file as UTF-8",
        )),
    }
}
