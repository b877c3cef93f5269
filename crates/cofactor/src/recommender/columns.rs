//! Picks as a Parquet file: user, rank, item, title and score, a row for each pick.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use parquet::basic::Compression;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::{Recommender, UserPicks};
use crate::data::ids::{IdMap, RawId};

/// So many rows are written together; memory holds about twice as many.
const GROUP: usize = 1 << 16;

/// Writes picks as they come.
pub struct ParquetPicks<'w> {
    out: &'w mut dyn Write,
    bytes: Bytes,
    writer: SerializedFileWriter<Bytes>,
    users: Ids,
    items: Ids,
    ranks: Vec<i32>,
    titles: Vec<Option<ByteArray>>,
    scores: Vec<f32>,
}

/// What has been written and not yet been handed on: the writer wants to own where it writes to.
#[derive(Clone, Default)]
struct Bytes(Arc<Mutex<Vec<u8>>>);

impl Bytes {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A column of raw ids: integers where all ids of that side are.
enum Ids {
    Integers(Vec<i64>),
    Texts(Vec<ByteArray>),
}

impl Ids {
    fn of(ids: &IdMap) -> Self {
        match ids {
            IdMap::Integers(_) => Self::Integers(Vec::new()),
            IdMap::Texts { .. } => Self::Texts(Vec::new()),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Integers(_) => "INT64",
            Self::Texts(_) => "BYTE_ARRAY",
        }
    }

    fn annotation(&self) -> &'static str {
        match self {
            Self::Integers(_) => "",
            Self::Texts(_) => " (STRING)",
        }
    }

    fn push(&mut self, id: RawId<'_>) -> io::Result<()> {
        match (self, id) {
            (Self::Integers(ids), RawId::Integer(id)) => ids.push(id),
            (Self::Integers(ids), RawId::Text(id)) => {
                let number = id.parse().map_err(|_| {
                    io::Error::other(format!("'{id}' is no whole number, as the other ids are"))
                })?;
                ids.push(number);
            }
            (Self::Texts(ids), id) => ids.push(ByteArray::from(id.to_string().as_str())),
        }
        Ok(())
    }

    fn write(&mut self, column: &mut ColumnWriter<'_>) -> Result<(), ParquetError> {
        match (self, column) {
            (Self::Integers(ids), ColumnWriter::Int64ColumnWriter(writer)) => {
                writer.write_batch(&std::mem::take(ids), None, None).map(drop)
            }
            (Self::Texts(ids), ColumnWriter::ByteArrayColumnWriter(writer)) => {
                writer.write_batch(&std::mem::take(ids), None, None).map(drop)
            }
            _ => unreachable!("the schema is made of the columns"),
        }
    }
}

impl<'w> ParquetPicks<'w> {
    /// A file for the picks of that model.
    pub fn new(recommender: &Recommender, out: &'w mut dyn Write) -> io::Result<Self> {
        let catalog = recommender.file().catalog();
        let (users, items) = (Ids::of(&catalog.users), Ids::of(&catalog.items));
        let schema = format!(
            "message picks {{ REQUIRED {} user{}; REQUIRED INT32 rank; REQUIRED {} item{}; OPTIONAL BYTE_ARRAY title (STRING); \
             REQUIRED FLOAT score; }}",
            users.kind(),
            users.annotation(),
            items.kind(),
            items.annotation(),
        );
        let bytes = Bytes::default();
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let schema = parse_message_type(&schema).map_err(io::Error::other)?;
        let writer = SerializedFileWriter::new(bytes.clone(), Arc::new(schema), Arc::new(properties))
            .map_err(io::Error::other)?;
        let (ranks, titles, scores) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { out, bytes, writer, users, items, ranks, titles, scores })
    }

    /// Adds one user's list.
    pub fn write(&mut self, picks: &UserPicks<'_>) -> io::Result<()> {
        for (rank, pick) in (1..).zip(&picks.list.picks) {
            self.users.push(picks.user)?;
            self.items.push(pick.item.id)?;
            self.ranks.push(rank);
            self.titles.push(pick.item.title.map(ByteArray::from));
            self.scores.push(pick.score);
        }
        if self.ranks.len() >= GROUP { self.write_group() } else { Ok(()) }
    }

    /// Ends the file.
    pub fn finish(mut self) -> io::Result<()> {
        if !self.ranks.is_empty() {
            self.write_group()?;
        }
        self.writer.finish().map_err(io::Error::other)?;
        self.out.write_all(&self.bytes.take())
    }

    fn write_group(&mut self) -> io::Result<()> {
        self.columns().map_err(io::Error::other)?;
        self.out.write_all(&self.bytes.take())
    }

    fn columns(&mut self) -> Result<(), ParquetError> {
        let titles = std::mem::take(&mut self.titles);
        let levels: Vec<i16> = titles.iter().map(|title| i16::from(title.is_some())).collect();
        let titles: Vec<ByteArray> = titles.into_iter().flatten().collect();
        let (ranks, scores) = (std::mem::take(&mut self.ranks), std::mem::take(&mut self.scores));
        let mut group = self.writer.next_row_group()?;
        let mut place = 0;
        while let Some(mut column) = group.next_column()? {
            match (place, column.untyped()) {
                (0, writer) => self.users.write(writer)?,
                (2, writer) => self.items.write(writer)?,
                (1, ColumnWriter::Int32ColumnWriter(writer)) => {
                    writer.write_batch(&ranks, None, None)?;
                }
                (3, ColumnWriter::ByteArrayColumnWriter(writer)) => {
                    writer.write_batch(&titles, Some(&levels), None)?;
                }
                (_, ColumnWriter::FloatColumnWriter(writer)) => {
                    writer.write_batch(&scores, None, None)?;
                }
                _ => unreachable!("the schema has these five columns"),
            }
            column.close()?;
            place += 1;
        }
        group.close().map(drop)
    }
}
