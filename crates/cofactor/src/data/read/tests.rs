//! The contract, case by case: what is understood, and the whole message of what is refused.

use std::io::Write as _;
use std::path::PathBuf;

use super::*;
use crate::data::ratings::{Duplicates, Scale};

/// Writes bytes to a file of that name in a folder of their own.
fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// All ratings as text, a line each: `user item value time`.
fn listed(ratings: &Ratings) -> String {
    let catalog = ratings.catalog();
    let line = |r: crate::data::ratings::Rating| {
        let time = r.time.map_or("-".to_owned(), |time| time.to_string());
        format!("{} {} {} {time}\n", catalog.user_id(r.user), catalog.item_id(r.item), r.value)
    };
    ratings.iter().map(line).collect()
}

fn read_bytes(name: &str, bytes: &[u8], options: &ReadOptions) -> Result<Ratings> {
    let (_folder, path) = file(name, bytes);
    read(&path, options)
}

/// What a text is read as; it must be readable.
fn understood(text: impl AsRef<[u8]>) -> String {
    understood_with(text, &ReadOptions::default())
}

fn understood_with(text: impl AsRef<[u8]>, options: &ReadOptions) -> String {
    match read_bytes("ratings.txt", text.as_ref(), options) {
        Ok(ratings) => listed(&ratings),
        Err(error) => panic!("{error}"),
    }
}

/// The whole message about a text, with the folder cut off.
fn message(text: impl AsRef<[u8]>) -> String {
    message_with("ratings.csv", text, &ReadOptions::default())
}

fn message_with(name: &str, text: impl AsRef<[u8]>, options: &ReadOptions) -> String {
    let (folder, path) = file(name, text.as_ref());
    let error = read(&path, options).expect_err("the file must be refused");
    let folder = format!("{}/", folder.path().display());
    error.to_string().replace(&folder, "")
}

#[test]
fn every_usual_way_to_write_a_table_is_understood() {
    let expected = "1 10 4 978300760\n1 20 3.5 978300761\n2 10 5 978300762\n";
    let rows =
        [["1", "10", "4", "978300760"], ["1", "20", "3.5", "978300761"], ["2", "10", "5", "978300762"]];
    for delimiter in ["::", "\t", ",", ";", "|", " ", "   "] {
        for newline in ["\n", "\r\n", "\r"] {
            let plain: String = rows.iter().map(|row| row.join(delimiter) + newline).collect();
            assert_eq!(understood(&plain), expected, "{plain:?}");
            assert_eq!(understood(plain.trim_end()), expected, "{plain:?} without the last line break");
            assert_eq!(understood(gzip(plain.as_bytes())), expected, "{plain:?} in gzip");
            assert_eq!(understood(zipped(&[("a/b.dat", plain.as_bytes())])), expected, "{plain:?} in zip");
            let header = ["userId", "movieId", "rating", "timestamp"].join(delimiter) + newline;
            assert_eq!(understood(header.clone() + &plain), expected, "{header:?}");
            assert_eq!(understood(format!("\u{feff}{header}{newline}{plain}")), expected, "with a mark");
        }
    }
}

/// A table of texts and what is said about them; all that differ are shown at once.
fn assert_messages(cases: &[(&str, &str)]) {
    let said: Vec<(&str, String)> = cases.iter().map(|&(text, _)| (text, message(text))).collect();
    let wrong: String = said
        .iter()
        .zip(cases)
        .filter(|((_, said), (_, expected))| said != expected)
        .map(|((text, said), _)| format!("({text:?},\n{said:?}),\n"))
        .collect();
    assert!(wrong.is_empty(), "other messages:\n{wrong}");
}

#[test]
fn bad_rows_are_refused_with_line_text_and_way_out() {
    assert_messages(&[
        (
            "1,10,4\n1,20,nan\n",
            "ratings.csv:2: the rating is not a finite number: 'nan'\n  help: leave rows without a rating out of the file",
        ),
        (
            "1,10,4\n1,20,\n",
            "ratings.csv:2: the rating is empty\n  help: leave rows without a rating out of the file; for clicks or purchases, which have none, give each row the same with --constant-rating 1",
        ),
        (
            "1,10,4\n1,20,five\n",
            "ratings.csv:2: the rating is not a number: 'five'\n  help: if the ratings stand in another column, name it with --rating-column",
        ),
        (
            "1;10;4\n1;20;3,5\n",
            "ratings.csv:2: the rating is not a number: '3,5'\n  help: write decimals with a point: 3.5",
        ),
        (
            "1,10,4\n1,20\n",
            "ratings.csv:2: the row has 2 columns where the other rows have 3: '1,20'\n  help: complete the row or remove it; if another character separates the columns, name it with --delimiter",
        ),
        (
            "1,10,4\n1,20,3,8\n",
            "ratings.csv:2: the row has 4 columns where the other rows have 3: '1,20,3,8'\n  help: put a field that holds the delimiter in double quotes, or remove what is too much",
        ),
        (
            "1,10,4\n,20,3\n",
            "ratings.csv:2: the user id is empty\n  help: leave rows without an id out of the file",
        ),
        (
            "1,10,4\n1,20,5\n\n1,10,3\n",
            "ratings.csv:4: user '1' rates item '10' twice: 4 in line 1, and 3 in line 4\n  help: keep one rating of each pair with --duplicates last, mean or sum",
        ),
    ]);
}

#[test]
fn options_overrule_what_is_found() {
    let clicks = "visitor,page,article\n1,7,10\n1,8,20\n";
    let options = ReadOptions { constant: Some(1.0), ..ReadOptions::default() };
    assert_eq!(understood_with(clicks, &options), "1 10 1 -\n1 20 1 -\n");
    let options = ReadOptions { item: Some(ColumnRef::Position(2)), ..options };
    assert_eq!(understood_with(clicks, &options), "1 7 1 -\n1 8 1 -\n");
    let options = ReadOptions {
        scale: Some(Scale { min: 1.0, max: 5.0 }),
        duplicates: Duplicates::Last,
        ignore_times: true,
        ..ReadOptions::default()
    };
    assert_eq!(understood_with("1,1,5,2020-01-01\n1,1,4,2021-01-01\n", &options), "1 1 4 -\n");
    assert_eq!(
        message_with("r.csv", "1,1,5\n1,2,6\n", &options),
        "r.csv:2: the rating lies outside the declared scale 1…5: '6'\n  help: correct the row, or declare a wider range with --scale"
    );
}
