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

/// Compares what is said of each case with what should be; all that differ are shown at once.
fn assert_said(cases: &[(&str, String, &str)]) {
    let differs = |&&(_, ref said, expected): &&(&str, String, &str)| said != expected;
    let wrong: String = cases
        .iter()
        .filter(differs)
        .map(|(case, said, _)| format!("CASE {case:?}\nSAID {said:?}\n"))
        .collect();
    assert!(wrong.is_empty(), "other messages:\n{wrong}");
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

#[test]
fn rows_that_lie_across_chunks_are_whole() {
    let (mut text, mut builder, mut lines) = (Vec::new(), RatingsBuilder::new(false), 0);
    for n in 0..60_000_u32 {
        let (user, item, value) = (format!("{n} \"quoted\"\r\nuser"), (n * 31 % 1009).to_string(), n % 5);
        if n % 3 == 0 {
            write!(text, "\"{}\", {item},{value}\r\n", user.replace('"', "\"\"")).unwrap();
            builder.push(&user, &item, value as f32, None);
            lines += 2;
        } else {
            writeln!(text, "{n},{item},{value}").unwrap();
            builder.push(&n.to_string(), &item, value as f32, None);
            lines += 1;
        }
    }
    assert!(text.len() > 1 << 20, "several chunks");
    let truth = builder.finish("", None, Duplicates::Error, |_, _| Default::default()).unwrap();
    let options = ReadOptions { header: Some(false), ..ReadOptions::default() };
    for bytes in [text.clone(), gzip(&text)] {
        assert!(read_bytes("r", &bytes, &options).unwrap().fingerprint() == truth.fingerprint());
    }
    text.extend_from_slice(b"1,2,bad\n");
    let expected = format!("r:{}: the rating is not a number: 'bad'", lines + 1);
    assert!(message_with("r", text, &options).starts_with(&expected));
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
        "r.csv:2: the rating lies outside the declared scale 1 to 5: '6'\n  help: correct the row, or declare a wider range with --scale"
    );
}

#[test]
fn a_survey_tells_everything_and_stops_at_nothing() {
    let text = "user,item,rating,time\n1,10,4,100\n1,20,x,100\n2,10,2.5,200\n\n2,20,,1\n2,30\n1,10,5,300\n3,10,y,1\n3,20,z,9\n3,30,w,9\n";
    let (_folder, path) = file("r.csv", text.as_bytes());
    let survey = survey(&path, &ReadOptions::default()).unwrap();
    assert_eq!((survey.rows, survey.users, survey.items, survey.ratings), (9, 2, 1, 2));
    assert_eq!(survey.density, 1.0);
    assert_eq!(survey.time_span, Some((200, 300)));
    assert_eq!(survey.scale, Some(ScaleFound { min: 2.5, max: 5.0, mean: 3.75, step: Some(2.5) }));
    assert_eq!(
        survey.histogram,
        [Bar { from: 2.5, to: 2.5, count: 1 }, Bar { from: 5.0, to: 5.0, count: 1 }]
    );
    let found: Vec<(ProblemKind, u64, Vec<Option<u64>>)> = survey
        .problems
        .iter()
        .map(|finding| (finding.kind, finding.count, finding.first.iter().map(|spot| spot.line).collect()))
        .collect();
    assert_eq!(
        found,
        [
            (ProblemKind::MissingColumn, 1, vec![Some(7)]),
            (ProblemKind::EmptyRating, 1, vec![Some(6)]),
            (ProblemKind::NotANumber, 4, vec![Some(3), Some(9), Some(10)]),
            (ProblemKind::DuplicatePair, 1, vec![Some(8)]),
        ]
    );
    assert_eq!(
        survey.problems[3].first[0].problem,
        "user '1' rates item '10' twice: 4 in line 2, and 5 in line 8"
    );
}

mod messages;
#[cfg(feature = "parquet")]
mod parquet_files;
mod properties;
mod tables;
