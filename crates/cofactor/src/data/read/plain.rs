//! The fast way: a row of nothing but digits, points and delimiters, in one pass over its bytes.

use super::Row;
use super::dialect::Dialect;
use super::fields::{decimal, seconds};
use super::options::ReadOptions;
use super::record::Delimiter;
use crate::data::ids::RawId;
use crate::data::ratings::Scale;

/// Knows the columns of a file whose rows may be plain.
#[derive(Debug)]
pub(super) struct Plain {
    delimiter: [u8; 2],
    delimiter_len: usize,
    newline: u8,
    roles: Vec<Role>,
    constant: f32,
    timed: bool,
    scale: Option<Scale>,
}

/// What a column holds.
#[derive(Debug, Clone, Copy)]
enum Role {
    User,
    Item,
    Rating,
    Time,
    Ignored,
}

impl Plain {
    /// `None` if rows of this file are never plain.
    pub(super) fn of(dialect: &Dialect, options: &ReadOptions) -> Option<Self> {
        let (delimiter, delimiter_len) = match &dialect.splitter.delimiter {
            Delimiter::Bytes(bytes) => match bytes[..] {
                [byte] => ([byte, byte], 1),
                [first, second] => ([first, second], 2),
                _ => return None,
            },
            Delimiter::Blanks => return None,
        };
        // A digit or a point that separates columns is for the general way.
        if delimiter.iter().any(|byte| byte.is_ascii_digit() || *byte == b'.' || *byte == b'"') {
            return None;
        }
        let columns = &dialect.columns;
        let mut roles = vec![Role::Ignored; dialect.width];
        roles[columns.user.position - 1] = Role::User;
        roles[columns.item.position - 1] = Role::Item;
        if let Some(rating) = &columns.rating {
            roles[rating.position - 1] = Role::Rating;
        }
        if let Some(time) = &columns.time {
            roles[time.position - 1] = Role::Time;
        }
        Some(Self {
            delimiter,
            delimiter_len,
            newline: dialect.splitter.newline,
            roles,
            constant: options.constant.unwrap_or(1.0),
            timed: columns.time.is_some(),
            scale: options.scale,
        })
    }

    /// The row at `at` and the position after its line break; `None` if it is not plain, or wrong, or not whole.
    #[inline]
    pub(super) fn row(&self, bytes: &[u8], mut at: usize) -> Option<(Row<'static>, usize)> {
        let (mut user, mut item, mut value, mut time) = (0, 0, self.constant, 0);
        let last = self.roles.len() - 1;
        for (column, role) in self.roles.iter().enumerate() {
            match role {
                Role::User => (user, at) = integer(bytes, at)?,
                Role::Item => (item, at) = integer(bytes, at)?,
                Role::Rating => (value, at) = number(bytes, at)?,
                Role::Time => (time, at) = integer(bytes, at)?,
                Role::Ignored => at = self.skipped(bytes, at)?,
            }
            if column < last {
                at = self.after_delimiter(bytes, at)?;
            }
        }
        let at = self.after_newline(bytes, at)?;
        if self.scale.is_some_and(|scale| !(scale.min..=scale.max).contains(&value)) {
            return None;
        }
        let time = self.timed.then(|| seconds(time));
        Some((Row { user: RawId::Integer(user), item: RawId::Integer(item), value, time }, at))
    }

    #[inline]
    fn after_delimiter(&self, bytes: &[u8], at: usize) -> Option<usize> {
        if *bytes.get(at)? != self.delimiter[0] {
            return None;
        }
        if self.delimiter_len == 2 && *bytes.get(at + 1)? != self.delimiter[1] {
            return None;
        }
        Some(at + self.delimiter_len)
    }

    #[inline]
    fn after_newline(&self, bytes: &[u8], at: usize) -> Option<usize> {
        let byte = *bytes.get(at)?;
        if byte == self.newline {
            return Some(at + 1);
        }
        (byte == b'\r' && *bytes.get(at + 1)? == self.newline).then_some(at + 2)
    }

    /// The end of a column that nobody reads: it is plain too, or the row goes the general way.
    fn skipped(&self, bytes: &[u8], mut at: usize) -> Option<usize> {
        loop {
            match *bytes.get(at)? {
                byte if byte == self.delimiter[0] || byte == self.newline || byte == b'\r' => {
                    return Some(at);
                }
                b'"' | 0 | 0x80.. => return None,
                _ => at += 1,
            }
        }
    }
}

/// An integer of at most 18 digits without leading zeros, and the position after it.
#[inline]
fn integer(bytes: &[u8], start: usize) -> Option<(i64, usize)> {
    let (mut value, mut at) = (0_i64, start);
    while let Some(digit) = digit(bytes, at) {
        if at - start == 18 {
            return None;
        }
        value = value * 10 + i64::from(digit);
        at += 1;
    }
    let leading_zero = at - start > 1 && bytes[start] == b'0';
    (at > start && !leading_zero).then_some((value, at))
}

/// A decimal of at most 7 digits, and the position after it.
#[inline]
fn number(bytes: &[u8], start: usize) -> Option<(f32, usize)> {
    let (mut mantissa, mut at) = (0_u32, start);
    while let Some(digit) = digit(bytes, at) {
        mantissa = mantissa.wrapping_mul(10).wrapping_add(u32::from(digit));
        at += 1;
    }
    let whole = at - start;
    let mut decimals = 0;
    if bytes.get(at) == Some(&b'.') {
        at += 1;
        while let Some(digit) = digit(bytes, at) {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(u32::from(digit));
            decimals += 1;
            at += 1;
        }
    }
    (1..=7).contains(&(whole + decimals)).then(|| (decimal(mantissa, decimals), at))
}

#[inline]
fn digit(bytes: &[u8], at: usize) -> Option<u8> {
    let digit = bytes.get(at)?.wrapping_sub(b'0');
    (digit < 10).then_some(digit)
}
