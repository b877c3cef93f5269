//! Events as a Parquet file: a row for each, by user and then in the order in which they came.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::{Event, Store, StoreError};

/// So many rows are gathered before they are written.
const GROUP: usize = 1 << 16;

const SCHEMA: &str = "message events { REQUIRED BYTE_ARRAY user (STRING); REQUIRED BYTE_ARRAY item (STRING); \
                      REQUIRED FLOAT value; OPTIONAL INT64 time; }";

/// Writes all events of a store. Memory: one group of 65,536 rows.
///
/// # Errors
/// When the store cannot be read or `out` refuses.
pub(crate) fn parquet(store: &Store, out: impl Write + Send) -> Result<(), StoreError> {
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let schema = parse_message_type(SCHEMA).map_err(|error| failed(&error))?;
    let mut writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))
        .map_err(|error| failed(&error))?;
    let mut group = Group::default();
    store.each(|event| {
        group.push(&event);
        if group.values.len() < GROUP {
            Ok(())
        } else {
            group.write(&mut writer).map_err(|error| failed(&error))
        }
    })?;
    if !group.values.is_empty() {
        group.write(&mut writer).map_err(|error| failed(&error))?;
    }
    writer.close().map(drop).map_err(|error| failed(&error))
}

fn failed(error: &ParquetError) -> StoreError {
    StoreError::lasting(format!("the events cannot be written: {error}"))
}

/// The columns of rows that wait.
#[derive(Default)]
struct Group {
    users: Vec<ByteArray>,
    items: Vec<ByteArray>,
    values: Vec<f32>,
    times: Vec<i64>,
    /// 1 where there is a time.
    has_time: Vec<i16>,
}

impl Group {
    fn push(&mut self, event: &Event) {
        self.users.push(ByteArray::from(event.user.as_str()));
        self.items.push(ByteArray::from(event.item.as_str()));
        self.values.push(event.value);
        self.times.extend(event.time);
        self.has_time.push(i16::from(event.time.is_some()));
    }

    fn write(&mut self, writer: &mut SerializedFileWriter<impl Write + Send>) -> Result<(), ParquetError> {
        let rows = std::mem::take(self);
        let mut texts = [rows.users, rows.items].into_iter();
        let mut group = writer.next_row_group()?;
        while let Some(mut column) = group.next_column()? {
            match column.untyped() {
                ColumnWriter::ByteArrayColumnWriter(writer) => {
                    writer.write_batch(&texts.next().unwrap_or_default(), None, None)?;
                }
                ColumnWriter::FloatColumnWriter(writer) => {
                    writer.write_batch(&rows.values, None, None)?;
                }
                ColumnWriter::Int64ColumnWriter(writer) => {
                    writer.write_batch(&rows.times, Some(&rows.has_time), None)?;
                }
                _ => unreachable!("the schema has texts, a float and an integer"),
            }
            column.close()?;
        }
        group.close().map(drop)
    }
}
