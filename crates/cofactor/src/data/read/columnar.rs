//! Reads Parquet files, some thousand rows of the needed columns at a time. What a value means, [`Cell`] says.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::cell::Cell;
use super::columns::{Column, Columns};
use super::fields;
use super::options::{Format, ReadOptions};
use super::problem::{Problem, ProblemKind, file_error};
use super::{Layout, Row, Sink};
use crate::data::ratings::Time;
use crate::error::Result;

const BATCH_ROWS: usize = 4096;

/// A Parquet file whose schema has been understood.
pub(super) struct Parquet<'a> {
    place: &'a Path,
    options: &'a ReadOptions,
    reader: SerializedFileReader<File>,
    columns: Columns,
}

impl<'a> Parquet<'a> {
    pub(super) fn open(place: &'a Path, file: File, options: &'a ReadOptions) -> Result<Self> {
        let reader =
            guarded(|| SerializedFileReader::new(file)).map_err(|error| damaged(&error).into_error(place))?;
        let schema = reader.metadata().file_metadata().schema_descr();
        let names: Vec<String> = schema.columns().iter().map(|column| column.path().string()).collect();
        let columns = Columns::by_name(place, &names, options)?;
        let others = columns.rating.iter().chain(&columns.time);
        for column in [&columns.user, &columns.item].into_iter().chain(others) {
            check_type(place, column, &schema.column(column.position - 1))?;
        }
        Ok(Self { place, options, reader, columns })
    }

    pub(super) fn layout(&self) -> Layout {
        let columns = self.columns.clone();
        Layout { format: Format::Parquet, packed: None, delimiter: None, header: true, columns }
    }

    /// Hands every row and every problem to `sink`.
    pub(super) fn rows<S: Sink>(self, sink: &mut S) -> Result<()> {
        self.groups(sink).map_err(|problem| problem.into_error(self.place))
    }

    fn groups<S: Sink>(&self, sink: &mut S) -> Result<(), Problem> {
        let mut first_row = 1;
        for index in 0..self.reader.num_row_groups() {
            let group = match guarded(|| Group::open(&*self.reader.get_row_group(index)?, &self.columns)) {
                Ok(group) => group,
                Err(error) => return sink.problem(damaged(&error).at(first_row)),
            };
            first_row = match group.rows(first_row, self.options, sink)? {
                Ok(next) => next,
                Err(damage) => return sink.problem(damage),
            };
        }
        if first_row == 1 {
            let hint = "it should hold a row per rating: user, item, rating and, if known, time";
            return sink.problem(Problem::new(ProblemKind::NoRatings, "the file has no rows", b"", hint));
        }
        Ok(())
    }
}

#[cold]
fn damaged(error: &ParquetError) -> Problem {
    let hint = "write or download it again; compression may be none, snappy, gzip or zstd";
    let reason = error.to_string();
    let reason = reason.strip_prefix("Parquet error: ").unwrap_or(&reason);
    Problem::new(ProblemKind::Damaged, format!("the Parquet file cannot be read ({reason})"), b"", hint)
}

/// The `parquet` crate panics on some damaged files, which is no reason to end the program. What was being read is dropped.
fn guarded<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(ParquetError::General("its pages are damaged".to_owned())))
}

fn check_type(place: &Path, column: &Column, descriptor: &ColumnDescriptor) -> Result<()> {
    let name = column.name.as_deref().unwrap_or_default();
    let refuse = |what: &str| -> Result<()> {
        let problem = format!("the column '{name}' holds {what}");
        Err(file_error(place, problem, "write it as integers, floats or texts, one value in each row"))
    };
    if descriptor.max_rep_level() > 0 {
        return refuse("lists");
    }
    match (descriptor.physical_type(), descriptor.converted_type()) {
        (_, ConvertedType::DECIMAL) => refuse("fixed-point decimals"),
        (Type::FIXED_LEN_BYTE_ARRAY, _) => refuse("binary values of fixed length"),
        _ => Ok(()),
    }
}

/// The columns of one row group, read side by side.
struct Group {
    user: Cells,
    item: Cells,
    rating: Option<Cells>,
    time: Option<Cells>,
    rows: u64,
    /// Scratch for ids that are no plain integers.
    texts: [String; 2],
}

impl Group {
    fn open(group: &dyn RowGroupReader, columns: &Columns) -> Result<Self, ParquetError> {
        let open = |column: &Column| -> Result<Cells, ParquetError> {
            let index = column.position - 1;
            let chunk = group.metadata().column(index);
            let starts = chunk.dictionary_page_offset().unwrap_or(0).min(chunk.data_page_offset());
            if starts < 0 || chunk.compressed_size() < 0 {
                return Err(ParquetError::General("a column lies outside the file".to_owned()));
            }
            let descriptor = chunk.column_descr_ptr();
            Ok(Cells::new(group.get_column_reader(index)?, &descriptor))
        };
        Ok(Self {
            user: open(&columns.user)?,
            item: open(&columns.item)?,
            rating: columns.rating.as_ref().map(open).transpose()?,
            time: columns.time.as_ref().map(open).transpose()?,
            rows: u64::try_from(group.metadata().num_rows()).unwrap_or(0),
            texts: Default::default(),
        })
    }

    /// The next group's first row. The outer error is the sink's, the inner one the file's.
    fn rows<S: Sink>(
        mut self,
        first_row: u64,
        options: &ReadOptions,
        sink: &mut S,
    ) -> Result<Result<u64, Problem>, Problem> {
        let mut done = 0;
        while done < self.rows {
            let wanted = BATCH_ROWS.min((self.rows - done) as usize);
            let batch = match guarded(|| self.fill(wanted)) {
                Ok(batch) => batch,
                Err(error) => return Ok(Err(damaged(&error).at(first_row + done))),
            };
            for _ in 0..batch {
                let line = first_row + done;
                match self.row(options) {
                    Ok(row) => sink.row(line, row)?,
                    Err(problem) => sink.problem(problem.at(line))?,
                }
                done += 1;
            }
        }
        Ok(Ok(first_row + done))
    }

    /// Reads the next rows of each column; all must give as many as asked.
    fn fill(&mut self, rows: usize) -> Result<usize, ParquetError> {
        let others = self.rating.iter_mut().chain(&mut self.time);
        for cells in [&mut self.user, &mut self.item].into_iter().chain(others) {
            let read = cells.fill(rows)?;
            if read != rows {
                return Err(ParquetError::General(format!("a column ends {} rows too early", rows - read)));
            }
        }
        Ok(rows)
    }

    /// The next row. Each column moves on, whatever is wrong with the others.
    fn row(&mut self, options: &ReadOptions) -> Result<Row<'_>, Problem> {
        let (user, item) = (self.user.next(), self.item.next());
        let rating = self.rating.as_mut().map(Cells::next);
        let time = self.time.as_mut().map(Cells::next);
        let [user_text, item_text] = &mut self.texts;
        let user = self.user.cell(user).id("user", user_text)?;
        let item = self.item.cell(item).id("item", item_text)?;
        let value = match (&self.rating, rating) {
            (Some(cells), Some(position)) => cells.cell(position).rating(options.scale)?,
            _ => options.constant.unwrap_or(1.0),
        };
        let time = match (&self.time, time) {
            (Some(cells), Some(position)) => Some(cells.time(position)?),
            _ => None,
        };
        Ok(Row { user, item, value, time })
    }
}

/// Some rows of one column.
struct Cells {
    reader: ColumnReader,
    values: Values,
    /// For each row its level; a row below `whole` is null. Unused where the column has no nulls.
    levels: Vec<i16>,
    whole: i16,
    unit: Unit,
    next_row: usize,
    next_value: usize,
}

enum Values {
    Integers(Vec<i64>),
    Floats(Vec<f64>),
    Texts(Vec<ByteArray>),
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Integers(values) => values.len(),
            Self::Floats(values) => values.len(),
            Self::Texts(values) => values.len(),
        }
    }
}

/// What an integer stands for, where the schema says more.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Unit {
    Number,
    Unsigned,
    Days,
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

impl Unit {
    fn of(descriptor: &ColumnDescriptor) -> Self {
        if descriptor.physical_type() == Type::INT96 {
            return Self::Seconds;
        }
        match descriptor.converted_type() {
            ConvertedType::UINT_32 | ConvertedType::UINT_64 => Self::Unsigned,
            ConvertedType::DATE => Self::Days,
            ConvertedType::TIMESTAMP_MILLIS => Self::Milliseconds,
            ConvertedType::TIMESTAMP_MICROS => Self::Microseconds,
            _ => match descriptor.logical_type_ref() {
                Some(LogicalType::Timestamp(time)) if time.unit == TimeUnit::NANOS => Self::Nanoseconds,
                _ => Self::Number,
            },
        }
    }
}

impl Cells {
    fn new(reader: ColumnReader, descriptor: &ColumnDescriptor) -> Self {
        let values = match descriptor.physical_type() {
            Type::FLOAT | Type::DOUBLE => Values::Floats(Vec::new()),
            Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY => Values::Texts(Vec::new()),
            Type::BOOLEAN | Type::INT32 | Type::INT64 | Type::INT96 => Values::Integers(Vec::new()),
        };
        Self {
            reader,
            values,
            levels: Vec::new(),
            whole: descriptor.max_def_level(),
            unit: Unit::of(descriptor),
            next_row: 0,
            next_value: 0,
        }
    }

    /// Replaces the cells by those of the next rows, at most `rows`; returns how many there are.
    fn fill(&mut self, rows: usize) -> Result<usize, ParquetError> {
        (self.next_row, self.next_value) = (0, 0);
        let (levels, unsigned) = (&mut self.levels, self.unit == Unit::Unsigned);
        match (&mut self.reader, &mut self.values) {
            (ColumnReader::BoolColumnReader(reader), Values::Integers(values)) => {
                fill(reader, rows, levels, values, |&v| i64::from(v))
            }
            (ColumnReader::Int32ColumnReader(reader), Values::Integers(values)) => fill(
                reader,
                rows,
                levels,
                values,
                |&v| if unsigned { i64::from(v as u32) } else { i64::from(v) },
            ),
            (ColumnReader::Int64ColumnReader(reader), Values::Integers(values)) => {
                fill(reader, rows, levels, values, |&v| v)
            }
            (ColumnReader::Int96ColumnReader(reader), Values::Integers(values)) => {
                fill(reader, rows, levels, values, parquet::data_type::Int96::to_seconds)
            }
            (ColumnReader::FloatColumnReader(reader), Values::Floats(values)) => {
                fill(reader, rows, levels, values, |&v| f64::from(v))
            }
            (ColumnReader::DoubleColumnReader(reader), Values::Floats(values)) => {
                fill(reader, rows, levels, values, |&v| v)
            }
            (ColumnReader::ByteArrayColumnReader(reader), Values::Texts(values)) => {
                fill(reader, rows, levels, values, ByteArray::clone)
            }
            _ => Err(ParquetError::General("a column's type differs from the schema's".to_owned())),
        }
    }

    /// Moves on by a row; the position of its value, or none if it is null (or missing in a damaged file).
    fn next(&mut self) -> Option<usize> {
        let row = self.next_row;
        self.next_row += 1;
        if self.whole > 0 && self.levels.get(row).is_none_or(|&level| level < self.whole) {
            return None;
        }
        let position = self.next_value;
        self.next_value += 1;
        (position < self.values.len()).then_some(position)
    }

    /// The value at a position.
    fn cell(&self, position: Option<usize>) -> Cell<'_> {
        let Some(position) = position else { return Cell::Null };
        match &self.values {
            Values::Texts(texts) => Cell::Text(texts[position].data()),
            Values::Floats(floats) => Cell::Float(floats[position]),
            Values::Integers(integers) if self.unit == Unit::Unsigned => {
                Cell::Unsigned(integers[position] as u64)
            }
            Values::Integers(integers) => Cell::Integer(integers[position]),
        }
    }

    fn time(&self, position: Option<usize>) -> Result<Time, Problem> {
        match self.cell(position) {
            Cell::Integer(number) => Ok(self.seconds(number)),
            cell => cell.time(),
        }
    }

    fn seconds(&self, number: i64) -> Time {
        match self.unit {
            Unit::Number | Unit::Unsigned => fields::seconds(number),
            Unit::Days => number.saturating_mul(86_400),
            Unit::Seconds => number,
            Unit::Milliseconds => number.div_euclid(1_000),
            Unit::Microseconds => number.div_euclid(1_000_000),
            Unit::Nanoseconds => number.div_euclid(1_000_000_000),
        }
    }
}

fn fill<T: DataType, V>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    levels: &mut Vec<i16>,
    values: &mut Vec<V>,
    convert: impl Fn(&T::T) -> V,
) -> Result<usize, ParquetError> {
    levels.clear();
    values.clear();
    let mut batch = Vec::new();
    let mut records = 0;
    // A page may end before the batch.
    while records < rows {
        let (read, _, _) = reader.read_records(rows - records, Some(levels), None, &mut batch)?;
        if read == 0 {
            break;
        }
        records += read;
    }
    values.extend(batch.iter().map(convert));
    Ok(records)
}
