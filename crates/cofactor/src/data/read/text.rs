//! Reads a text in chunks of at most 1 MiB, row by row.
//!
//! Most rows are plain: digits, points and delimiters. [`Plain`] takes those in one pass over their bytes. Every other row (text ids, quotes,
//! blanks, dates, mistakes) goes the general way through [`super::record::Splitter`], which gives the same for a plain row.

use std::io::{self, Read};
use std::path::Path;

use memchr::{memchr, memrchr};

use super::dialect::Dialect;
use super::fields;
use super::kind;
use super::options::{Format, ReadOptions};
use super::plain::Plain;
use super::problem::{Problem, ProblemKind, file_error};
use super::record::{Delimiter, Record, Split, open_quote};
use super::{Layout, Row, Sink};
use crate::error::{Error, Result};

/// The longest line; no row of ratings comes near.
const LONGEST_LINE: usize = 1 << 20;

/// What is read at once while lines are short; fits the second-level cache.
const USUAL_CHUNK: usize = 1 << 18;

/// Opens a text: finds out how it is written, and leaves the rows to [`Text::rows`].
pub(super) struct Text<'a> {
    chunks: Chunks<'a>,
    pub(super) dialect: Dialect,
    options: &'a ReadOptions,
}

impl<'a> Text<'a> {
    pub(super) fn open(
        place: &'a Path,
        packed: Option<&'static str>,
        reader: &'a mut dyn Read,
        options: &'a ReadOptions,
    ) -> Result<Self> {
        let mut chunks = Chunks::new(place, packed, reader);
        chunks.fill()?;
        let head = chunks.bytes();
        if let Some(foreign) = kind::foreign(&head[..head.len().min(1 << 16)]) {
            return Err(file_error(
                place,
                format!("this is {}, not a table of ratings", foreign.kind),
                foreign.hint,
            ));
        }
        if head.starts_with(kind::UTF8_MARK) {
            chunks.consume(kind::UTF8_MARK.len());
        }
        if chunks.bytes().iter().all(u8::is_ascii_whitespace) && chunks.at_end {
            let problem = chunks.damage.take().unwrap_or_else(empty_file);
            return Err(problem.into_error(place));
        }
        let dialect = Dialect::of(place, chunks.bytes(), chunks.at_end, options)?;
        Ok(Self { chunks, dialect, options })
    }

    /// What was found out.
    pub(super) fn layout(&self) -> Layout {
        let delimiter = match &self.dialect.splitter.delimiter {
            Delimiter::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Delimiter::Blanks => " ".to_owned(),
        };
        Layout {
            format: Format::Text,
            packed: self.chunks.packed,
            delimiter: Some(delimiter),
            header: self.dialect.header,
            columns: self.dialect.columns.clone(),
        }
    }

    /// Hands every row and every problem to `sink`.
    pub(super) fn rows<S: Sink>(mut self, sink: &mut S) -> Result<()> {
        let mut parser = Parser {
            plain: Plain::of(&self.dialect, self.options),
            dialect: &self.dialect,
            options: self.options,
            record: Record::default(),
            header_to_come: self.dialect.header,
            in_long_line: false,
            any_row: false,
            line: 1,
        };
        let place = self.chunks.place;
        loop {
            let parsed = parser.rows(self.chunks.bytes(), self.chunks.at_end, sink);
            let consumed = parsed.map_err(|problem| problem.into_error(place))?;
            self.chunks.consume(consumed);
            if self.chunks.at_end {
                break;
            }
            self.chunks.fill()?;
        }
        let last_problem = self.chunks.damage.take().or_else(|| parser.no_rows());
        last_problem
            .map_or(Ok(()), |problem| sink.problem(problem))
            .map_err(|problem| problem.into_error(place))
    }
}

fn empty_file() -> Problem {
    Problem::new(
        ProblemKind::NoRatings,
        "the file is empty",
        b"",
        "it should hold a row per rating: user, item, rating and, if known, time",
    )
}

/// The window on the text: bytes that have been read and not yet consumed.
struct Chunks<'a> {
    place: &'a Path,
    packed: Option<&'static str>,
    reader: &'a mut dyn Read,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    at_end: bool,
    /// Why the text ends where it does, if it should not.
    damage: Option<Problem>,
}

impl<'a> Chunks<'a> {
    fn new(place: &'a Path, packed: Option<&'static str>, reader: &'a mut dyn Read) -> Self {
        let buffer = vec![0; USUAL_CHUNK];
        Self { place, packed, reader, buffer, start: 0, end: 0, at_end: false, damage: None }
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    fn consume(&mut self, bytes: usize) {
        self.start += bytes;
    }

    /// Reads on until the buffer is full. A buffer that no line has left grows, up to the longest line.
    fn fill(&mut self) -> Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == self.buffer.len() && self.end < LONGEST_LINE {
            self.buffer.resize(LONGEST_LINE, 0);
        }
        while self.end < self.buffer.len() && !self.at_end {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.at_end = true,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.fail(error)?,
            }
        }
        Ok(())
    }

    /// An unpacker's complaint ends the text after its last whole line; the system's ends everything.
    #[cold]
    fn fail(&mut self, error: io::Error) -> Result<()> {
        let Some(packed) = self.packed.filter(|_| error.raw_os_error().is_none()) else {
            return Err(Error::io("read", self.place)(error));
        };
        let problem = match error.kind() {
            io::ErrorKind::UnexpectedEof => format!("the {packed} file ends too early"),
            _ => format!("the {packed} file is damaged ({error})"),
        };
        let hint = "download it or pack it again";
        self.damage = Some(Problem::new(ProblemKind::Damaged, problem, b"", hint));
        self.at_end = true;
        self.end = memrchr(b'\n', &self.buffer[..self.end]).map_or(0, |last| last + 1);
        Ok(())
    }
}

/// From bytes to rows.
struct Parser<'a> {
    plain: Option<Plain>,
    dialect: &'a Dialect,
    options: &'a ReadOptions,
    record: Record,
    header_to_come: bool,
    in_long_line: bool,
    any_row: bool,
    /// Of the next record, counted from 1.
    line: u64,
}

impl Parser<'_> {
    /// Parses the whole records at the start of `bytes`; returns how many bytes they have.
    fn rows<S: Sink>(&mut self, bytes: &[u8], at_end: bool, sink: &mut S) -> Result<usize, Problem> {
        let splitter = &self.dialect.splitter;
        let mut at = if self.in_long_line { self.leave_long_line(bytes) } else { 0 };
        while at < bytes.len() {
            if let Some(plain) = &self.plain
                && !self.header_to_come
                && let Some((row, next)) = plain.row(bytes, at)
            {
                sink.row(self.line, row)?;
                self.any_row = true;
                self.line += 1;
                at = next;
                continue;
            }
            match splitter.split(&bytes[at..], at_end, &mut self.record) {
                Split::Complete { consumed, breaks } => {
                    self.record(&bytes[at..at + consumed], sink)?;
                    at += consumed;
                    self.line += breaks;
                }
                Split::Malformed { consumed, problem } => {
                    sink.problem(problem.at(self.line))?;
                    at += consumed;
                    self.line += 1;
                }
                Split::Incomplete { quoted } if bytes.len() - at >= LONGEST_LINE => {
                    return self.too_long(&bytes[at..], quoted, sink).map(|consumed| at + consumed);
                }
                Split::Incomplete { .. } => break,
            }
        }
        Ok(at)
    }

    /// Of a header with nothing below it.
    fn no_rows(&self) -> Option<Problem> {
        let hint = "it should hold a row per rating: user, item, rating and, if known, time";
        let problem =
            if self.dialect.header { "the file has a header and no rows" } else { "the file has no rows" };
        (!self.any_row).then(|| Problem::new(ProblemKind::NoRatings, problem, b"", hint))
    }

    /// One record, which may be blank, the header, or a row.
    fn record<S: Sink>(&mut self, bytes: &[u8], sink: &mut S) -> Result<(), Problem> {
        if self.record.is_blank(bytes) {
            return Ok(());
        }
        if self.header_to_come {
            self.header_to_come = false;
            return Ok(());
        }
        self.any_row = true;
        match self.row(bytes) {
            Ok(row) => sink.row(self.line, row),
            Err(problem) => sink.problem(problem.at(self.line)),
        }
    }

    fn row<'r>(&'r self, bytes: &'r [u8]) -> Result<Row<'r>, Problem> {
        check_encoding(bytes)?;
        self.check_width(bytes)?;
        let columns = &self.dialect.columns;
        let field = |position: usize| self.record.field(bytes, position - 1);
        let user = fields::id(field(columns.user.position), "user")?;
        let item = fields::id(field(columns.item.position), "item")?;
        let value = match &columns.rating {
            Some(rating) => fields::rating(field(rating.position), self.options.scale)?,
            None => self.options.constant.unwrap_or(1.0),
        };
        let time = match &columns.time {
            Some(time) => Some(fields::time(field(time.position))?),
            None => None,
        };
        Ok(Row { user, item, value, time })
    }

    fn check_width(&self, bytes: &[u8]) -> Result<(), Problem> {
        let (found, expected) = (self.record.len(), self.dialect.width);
        if found == expected {
            return Ok(());
        }
        let columns = if found == 1 { "1 column".to_owned() } else { format!("{found} columns") };
        let others = if self.dialect.header { "the header has" } else { "the other rows have" };
        let problem = format!("the row has {columns} where {others} {expected}");
        let line = first_line(bytes);
        Err(if found < expected {
            let hint = "complete the row or remove it; if another character separates the columns, name it with --delimiter";
            Problem::new(ProblemKind::MissingColumn, problem, line, hint)
        } else {
            let hint = "put a field that holds the delimiter in double quotes, or remove what is too much";
            Problem::new(ProblemKind::SurplusColumn, problem, line, hint)
        })
    }

    #[cold]
    fn too_long<S: Sink>(&mut self, bytes: &[u8], quoted: bool, sink: &mut S) -> Result<usize, Problem> {
        if quoted && let Some(end) = memchr(self.dialect.splitter.newline, bytes) {
            sink.problem(open_quote(first_line(&bytes[..end])).at(self.line))?;
            self.line += 1;
            return Ok(end + 1);
        }
        let hint = "this is not a table with a row per rating; perhaps the line breaks are missing";
        let problem =
            Problem::new(ProblemKind::LongLine, "the line is longer than 1 MiB", &bytes[..256], hint);
        sink.problem(problem.at(self.line))?;
        self.in_long_line = true;
        Ok(bytes.len())
    }

    fn leave_long_line(&mut self, bytes: &[u8]) -> usize {
        match memchr(self.dialect.splitter.newline, bytes) {
            Some(end) => {
                self.in_long_line = false;
                self.line += 1;
                end + 1
            }
            None => bytes.len(),
        }
    }
}

fn first_line(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(bytes.len());
    &bytes[..end]
}

fn check_encoding(bytes: &[u8]) -> Result<(), Problem> {
    let (at, problem, hint) = match std::str::from_utf8(bytes) {
        Err(error) => (
            error.valid_up_to(),
            "not valid UTF-8",
            "save the file as UTF-8: iconv -f latin1 -t utf-8 FILE > ratings.csv",
        ),
        Ok(_) => match memchr(0, bytes) {
            Some(at) => (at, "a NUL character", "the file is damaged, or no text"),
            None => return Ok(()),
        },
    };
    let problem = format!("byte {} of the line is {problem}", at + 1);
    Err(Problem::new(ProblemKind::BadEncoding, problem, first_line(bytes), hint))
}
