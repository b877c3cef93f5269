//! Parquet files of every column type, written here.

use std::sync::Arc;

use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::*;

/// The values of a column; a `None` is a null and needs an OPTIONAL column.
pub(super) enum Cells {
    Int32(Vec<Option<i32>>),
    Int64(Vec<Option<i64>>),
    Float(Vec<Option<f32>>),
    Double(Vec<Option<f64>>),
    Text(Vec<Option<String>>),
}

pub(super) fn texts(texts: &[&str]) -> Cells {
    Cells::Text(texts.iter().map(|text| Some((*text).to_owned())).collect())
}

/// A file of that schema, whose groups have at most `group` rows.
pub(super) fn parquet_bytes(schema: &str, columns: &[Cells], group: usize) -> Vec<u8> {
    macro_rules! write {
        ($writer:expr, $cells:expr, $group:expr, $value:expr) => {{
            let rows = $cells.chunks(group).nth($group).unwrap_or_default();
            let values: Vec<_> = rows.iter().flatten().map($value).collect();
            let levels: Vec<i16> = rows.iter().map(|cell| i16::from(cell.is_some())).collect();
            $writer.write_batch(&values, Some(&levels), None).unwrap();
        }};
    }
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::default()).unwrap();
    let rows = columns.iter().map(|cells| match cells {
        Cells::Int32(cells) => cells.len(),
        Cells::Int64(cells) => cells.len(),
        Cells::Float(cells) => cells.len(),
        Cells::Double(cells) => cells.len(),
        Cells::Text(cells) => cells.len(),
    });
    for index in 0..rows.max().unwrap_or(0).div_ceil(group) {
        let mut group_writer = writer.next_row_group().unwrap();
        for cells in columns {
            let mut column = group_writer.next_column().unwrap().unwrap();
            match (column.untyped(), cells) {
                (ColumnWriter::Int32ColumnWriter(w), Cells::Int32(cells)) => write!(w, cells, index, |v| *v),
                (ColumnWriter::Int64ColumnWriter(w), Cells::Int64(cells)) => write!(w, cells, index, |v| *v),
                (ColumnWriter::FloatColumnWriter(w), Cells::Float(cells)) => write!(w, cells, index, |v| *v),
                (ColumnWriter::DoubleColumnWriter(w), Cells::Double(cells)) => {
                    write!(w, cells, index, |v| *v);
                }
                (ColumnWriter::ByteArrayColumnWriter(w), Cells::Text(cells)) => {
                    write!(w, cells, index, |v: &String| ByteArray::from(v.as_str()));
                }
                _ => panic!("the cells are not of the schema's type"),
            }
            column.close().unwrap();
        }
        group_writer.close().unwrap();
    }
    writer.close().unwrap();
    bytes
}

#[test]
fn every_column_type_is_read() {
    let schema = "message ratings {
        OPTIONAL DOUBLE user_id; OPTIONAL BYTE_ARRAY item_id (STRING);
        OPTIONAL INT32 stars; OPTIONAL INT64 timestamp (TIMESTAMP(MILLIS,true)); }";
    let columns = [
        Cells::Double(vec![Some(1.0), Some(2.0), Some(1.0)]),
        texts(&["b", "a", "a"]),
        Cells::Int32(vec![Some(4), Some(5), Some(3)]),
        Cells::Int64(vec![Some(1_500), Some(-1), Some(3_000)]),
    ];
    let ratings = read_bytes("r", &parquet_bytes(schema, &columns, 2), &ReadOptions::default()).unwrap();
    assert_eq!(listed(&ratings), "1 a 3 3\n1 b 4 1\n2 a 5 -1\n");

    let schema = "message ratings { OPTIONAL INT64 user; OPTIONAL INT32 item;
        OPTIONAL BYTE_ARRAY rating (STRING); OPTIONAL INT32 date (DATE); }";
    let columns = [
        Cells::Int64(vec![Some(7), Some(i64::MAX)]),
        Cells::Int32(vec![Some(-3), Some(4)]),
        texts(&[" 3.5", "4"]),
        Cells::Int32(vec![Some(1), Some(19_000)]),
    ];
    let ratings = read_bytes("r", &parquet_bytes(schema, &columns, 9), &ReadOptions::default()).unwrap();
    assert_eq!(listed(&ratings), "7 -3 3.5 86400\n9223372036854775807 4 4 1641600000\n");
}

#[test]
fn nulls_and_numbers_out_of_place_are_refused_with_their_row() {
    let schema = "message r { OPTIONAL DOUBLE user; OPTIONAL DOUBLE item; OPTIONAL FLOAT rating; OPTIONAL INT64 time; }";
    let said = |row: (Option<f64>, Option<f64>, Option<f32>, Option<i64>)| {
        let columns = [
            Cells::Double(vec![Some(1.0), row.0]),
            Cells::Double(vec![Some(1.0), row.1]),
            Cells::Float(vec![Some(1.0), row.2]),
            Cells::Int64(vec![Some(1), row.3]),
        ];
        message_with("r.parquet", parquet_bytes(schema, &columns, 1), &ReadOptions::default())
    };
    assert_eq!(
        said((None, Some(2.0), Some(1.0), Some(1))),
        "r.parquet:2: the user id is null\n  help: leave rows without an id out of the file"
    );
    assert_eq!(
        said((Some(2.0), Some(f64::NAN), Some(1.0), Some(1))),
        "r.parquet:2: the item id is no finite number\n  help: leave rows without an id out of the file"
    );
    assert_eq!(
        said((Some(2.0), Some(2.0), None, Some(1))),
        "r.parquet:2: the rating is null\n  help: leave rows without a rating out of the file; for clicks or purchases, which have none, give each row the same with --constant-rating 1"
    );
    assert_eq!(
        said((Some(2.0), Some(2.0), Some(f32::NAN), Some(1))),
        "r.parquet:2: the rating is not a finite number: 'NaN'\n  help: leave rows without a rating out of the file"
    );
    assert_eq!(
        said((Some(2.0), Some(2.0), Some(1.0), None)),
        "r.parquet:2: the time is null\n  help: complete the rows, or leave the times out with --no-times"
    );
    assert_eq!(
        said((Some(1.0), Some(1.0), Some(2.0), Some(1))),
        "r.parquet:2: user '1' rates item '1' twice: 1 in row 1, and 2 in row 2\n  help: keep one rating of each pair with --duplicates last, mean or sum"
    );
}

#[test]
fn a_file_that_is_cut_short_or_has_no_ratings_is_refused() {
    let schema = "message r { REQUIRED INT32 user; REQUIRED INT32 item; REQUIRED INT32 rating; }";
    let cells = || Cells::Int32(vec![Some(1)]);
    let bytes = parquet_bytes(schema, &[cells(), cells(), cells()], 1);
    let options = ReadOptions::default();
    assert_eq!(listed(&read_bytes("r", &bytes, &options).unwrap()), "1 1 1 -\n");
    let said = |bytes: &[u8]| message_with("r.parquet", bytes, &options);
    let none = || Cells::Int32(Vec::new());
    let three = |schema| parquet_bytes(schema, &[cells(), cells(), cells()], 1);
    let lists = "message r { REQUIRED INT32 user; REQUIRED INT32 rating; REPEATED INT32 item; }";
    let other = "message r { REQUIRED INT32 user; REQUIRED INT32 song; REQUIRED INT32 when; }";
    let decimal =
        "message r { REQUIRED INT32 user; REQUIRED INT32 item; REQUIRED INT32 rating (DECIMAL(3,1)); }";
    assert_said(&[
        (
            "Parquet cut",
            said(&bytes[..bytes.len() - 3]),
            "r.parquet: the Parquet file cannot be read (Invalid Parquet file. Corrupt footer)\n  help: write or download it again; compression may be none, snappy, gzip or zstd",
        ),
        (
            "Parquet by its name only",
            said(b"user,item,rating\n1,1,1\n"),
            "r.parquet: this is not a Parquet file: it does not begin with PAR1\n  help: if it is a text, say --format text; otherwise write or download it again",
        ),
        (
            "Parquet without rows",
            said(&parquet_bytes(schema, &[none(), none(), none()], 1)),
            "r.parquet: the file has no rows\n  help: it should hold a row per rating: user, item, rating and, if known, time",
        ),
        (
            "Parquet without ratings",
            said(&three(other)),
            "r.parquet: there is no rating column: the columns are user, song, when\n  help: say which it is with --rating-column; if the rows are clicks, plays or purchases without a rating, give each the same with --constant-rating 1 (and --duplicates sum to count repetitions)",
        ),
        (
            "Parquet with decimals",
            said(&three(decimal)),
            "r.parquet: the column 'rating' holds fixed-point decimals\n  help: write it as integers, floats or texts, one value in each row",
        ),
        (
            "Parquet with lists",
            said(&parquet_bytes(lists, &[none(), none(), none()], 1)),
            "r.parquet: the column 'item' holds lists\n  help: write it as integers, floats or texts, one value in each row",
        ),
    ]);
}
