//! Cuts text into records and those into fields.
//!
//! Blanks around a field do not belong to it. A field that begins with a double quote ends at the next single one; two in
//! a row stand for one; inside, delimiters, blanks and line breaks are text.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memmem};

use super::problem::{Problem, ProblemKind};

/// What separates fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Delimiter {
    /// Exactly these bytes; at least one.
    Bytes(Vec<u8>),
    /// Any run of blanks and tabs.
    Blanks,
}

/// What separates fields and records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Splitter {
    pub(super) delimiter: Delimiter,
    /// `\n` (a `\r` before it is dropped), or `\r` in files of old Macs.
    pub(super) newline: u8,
}

/// The fields of one record; used again for the next.
#[derive(Debug, Default)]
pub(super) struct Record {
    fields: Vec<Range<usize>>,
    /// The fields without their quotes, one after the other; unused by a record without any.
    unquoted: Vec<u8>,
    quoted: bool,
}

/// What became of the bytes at the start of a record.
#[derive(Debug, PartialEq)]
pub(super) enum Split {
    /// A whole record in so many bytes (its line break among them) and so many line breaks.
    Complete { consumed: usize, breaks: u64 },
    /// The record goes on after the end of the bytes: in quotes, or in a plain line.
    Incomplete { quoted: bool },
    /// A line that is no record, and the bytes of it.
    Malformed { consumed: usize, problem: Problem },
}

impl Record {
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// A field; `bytes` are those that the record was split from.
    pub(super) fn field<'a>(&'a self, bytes: &'a [u8], index: usize) -> &'a [u8] {
        let base = if self.quoted { &self.unquoted } else { bytes };
        &base[self.fields[index].clone()]
    }

    /// Whether there is nothing but blanks on the line.
    pub(super) fn is_blank(&self, bytes: &[u8]) -> bool {
        !self.quoted
            && self.fields.len() <= 1
            && (0..self.len()).all(|index| self.field(bytes, index).is_empty())
    }

    fn push_unquoted(&mut self, field: &[u8]) {
        let start = self.unquoted.len();
        self.unquoted.extend_from_slice(field);
        self.fields.push(start..self.unquoted.len());
    }
}

impl Splitter {
    /// Splits the record at the start of `bytes`; `at_end`: nothing follows them.
    pub(super) fn split(&self, bytes: &[u8], at_end: bool, record: &mut Record) -> Split {
        record.fields.clear();
        record.unquoted.clear();
        record.quoted = false;
        let end = match memchr(self.newline, bytes) {
            Some(end) => end,
            None if at_end => bytes.len(),
            None => return Split::Incomplete { quoted: false },
        };
        if memchr(b'"', &bytes[..end]).is_some() {
            record.quoted = true;
            return self.split_quoted(bytes, end, at_end, record);
        }
        let mut rest = 0..end;
        if self.is_return(&bytes[..end]) {
            rest.end -= 1;
        }
        loop {
            if self.delimiter == Delimiter::Blanks {
                rest = trimmed(bytes, rest);
            }
            match self.find(&bytes[rest.clone()]) {
                Some(found) => {
                    record.fields.push(trimmed(bytes, rest.start..rest.start + found.start));
                    rest.start += found.end;
                }
                None => {
                    record.fields.push(trimmed(bytes, rest));
                    break;
                }
            }
        }
        Split::Complete { consumed: (end + 1).min(bytes.len()), breaks: u64::from(end < bytes.len()) }
    }

    /// The first delimiter.
    fn find(&self, bytes: &[u8]) -> Option<Range<usize>> {
        match &self.delimiter {
            Delimiter::Bytes(delimiter) => {
                let start = match delimiter[..] {
                    [byte] => memchr(byte, bytes),
                    _ => memmem::find(bytes, delimiter),
                }?;
                Some(start..start + delimiter.len())
            }
            Delimiter::Blanks => {
                let start = bytes.iter().position(|&byte| is_blank(byte))?;
                let length = bytes[start..].iter().position(|&byte| !is_blank(byte));
                Some(start..length.map_or(bytes.len(), |length| start + length))
            }
        }
    }

    /// The general case, one field after the other; `first_end` is where the first line ends.
    fn split_quoted(&self, bytes: &[u8], first_end: usize, at_end: bool, record: &mut Record) -> Split {
        let malformed = |problem| Split::Malformed { consumed: (first_end + 1).min(bytes.len()), problem };
        let mut at = match self.delimiter {
            Delimiter::Blanks => self.delimiter_at(bytes, 0).unwrap_or(0),
            Delimiter::Bytes(_) => 0,
        };
        loop {
            at = self.skip_blanks(bytes, at);
            if bytes.get(at) == Some(&b'"') {
                match unquote(bytes, at, record) {
                    Some(after) => at = self.skip_blanks(bytes, after),
                    None if at_end => return malformed(open_quote(&bytes[at..first_end.max(at)])),
                    None => return Split::Incomplete { quoted: true },
                }
            } else {
                at = self.copy_plain(bytes, at, record);
            }
            match self.after_field(bytes, at) {
                After::Field(next) => at = next,
                After::Nothing if !at_end => return Split::Incomplete { quoted: true },
                After::Text => return malformed(text_after_quote(&bytes[..first_end])),
                After::Nothing => return self.complete(bytes, bytes.len()),
                After::Break(next) => return self.complete(bytes, next),
            }
        }
    }

    fn complete(&self, bytes: &[u8], consumed: usize) -> Split {
        Split::Complete { consumed, breaks: memchr_iter(self.newline, &bytes[..consumed]).count() as u64 }
    }

    /// The position after blanks that are no delimiter.
    fn skip_blanks(&self, bytes: &[u8], mut at: usize) -> usize {
        while at < bytes.len() && is_blank(bytes[at]) && self.delimiter_at(bytes, at).is_none() {
            at += 1;
        }
        at
    }

    /// Copies a field without quotes that lies among quoted ones; returns its end.
    fn copy_plain(&self, bytes: &[u8], at: usize, record: &mut Record) -> usize {
        let line_end = memchr(self.newline, &bytes[at..]).map_or(bytes.len(), |end| at + end);
        let text_end = line_end - usize::from(self.is_return(&bytes[at..line_end]));
        let end = self.find(&bytes[at..text_end]).map_or(text_end, |found| at + found.start);
        record.push_unquoted(&bytes[trimmed(bytes, at..end)]);
        end
    }

    /// What comes after a field that ends at `at`.
    fn after_field(&self, bytes: &[u8], at: usize) -> After {
        let mut at = at;
        if let Some(length) = self.delimiter_at(bytes, at) {
            at += length;
            if self.delimiter != Delimiter::Blanks {
                return After::Field(at);
            }
            // Blanks at the end of a line separate nothing.
            if !matches!(bytes.get(at), None | Some(b'\r' | b'\n')) {
                return After::Field(at);
            }
        }
        if self.newline == b'\n'
            && bytes.get(at) == Some(&b'\r')
            && matches!(bytes.get(at + 1), None | Some(b'\n'))
        {
            at += 1;
        }
        match bytes.get(at) {
            None => After::Nothing,
            Some(&byte) if byte == self.newline => After::Break(at + 1),
            Some(_) => After::Text,
        }
    }

    /// The length of the delimiter that stands at `at`, if one does.
    fn delimiter_at(&self, bytes: &[u8], at: usize) -> Option<usize> {
        match &self.delimiter {
            Delimiter::Bytes(delimiter) => bytes[at..].starts_with(delimiter).then_some(delimiter.len()),
            Delimiter::Blanks => match bytes[at..].iter().take_while(|&&byte| is_blank(byte)).count() {
                0 => None,
                length => Some(length),
            },
        }
    }

    /// Whether a line ends with the `\r` of a two-byte line break.
    fn is_return(&self, line: &[u8]) -> bool {
        self.newline == b'\n' && line.last() == Some(&b'\r')
    }
}

/// What follows a field: another field, the record's line break, the end of the bytes, or something unexpected.
enum After {
    Field(usize),
    Break(usize),
    Nothing,
    Text,
}

/// Copies the quoted field at `open` without its quotes; returns the position after it, or none if it does not end.
fn unquote(bytes: &[u8], open: usize, record: &mut Record) -> Option<usize> {
    let start = record.unquoted.len();
    let mut at = open + 1;
    loop {
        let close = at + memchr(b'"', &bytes[at..])?;
        record.unquoted.extend_from_slice(&bytes[at..close]);
        if bytes.get(close + 1) != Some(&b'"') {
            record.fields.push(start..record.unquoted.len());
            return Some(close + 1);
        }
        record.unquoted.push(b'"');
        at = close + 2;
    }
}

/// Of a quote that does not close before the end of the file, or within the longest line.
pub(super) fn open_quote(found: &[u8]) -> Problem {
    let hint =
        "close it with a second quote; a quote that is part of a text is written twice, and the text quoted";
    Problem::new(ProblemKind::BadQuote, "the quote is never closed", found, hint)
}

fn text_after_quote(line: &[u8]) -> Problem {
    let hint = "quote the whole field, and write a quote inside it twice";
    Problem::new(ProblemKind::BadQuote, "there is text after a closing quote", line, hint)
}

pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn trimmed(bytes: &[u8], mut range: Range<usize>) -> Range<usize> {
    while range.start < range.end && is_blank(bytes[range.start]) {
        range.start += 1;
    }
    while range.start < range.end && is_blank(bytes[range.end - 1]) {
        range.end -= 1;
    }
    range
}
