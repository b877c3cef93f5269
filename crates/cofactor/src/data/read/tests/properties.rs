//! Whatever the table and however it is written, it is read back the same; whatever the bytes, nothing panics.

use proptest::prelude::*;

use super::*;

type Table = Vec<(String, String, f32, i64)>;

fn id() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[0-9]{1,4}",
        1 => "-?[0-9]{1,19}",
        1 => "[a-z0-9 ,;|:\"'\r\n\tüß€.-]{1,5}",
    ]
}

/// Rows without repeated pairs.
fn table() -> impl Strategy<Value = Table> {
    let pairs = proptest::collection::btree_set((id(), id()), 1..25);
    let rows = pairs.prop_flat_map(|pairs| {
        let n = pairs.len();
        let rated = proptest::collection::vec((-40_i16..400, 1_i32..8, 20_000_000_i64..9_999_999_999), n);
        (Just(pairs), rated)
    });
    rows.prop_map(|(pairs, rated)| {
        let value = |(numerator, denominator, time)| (f32::from(numerator) / denominator as f32, time);
        let rated = rated.into_iter().map(value);
        pairs.into_iter().zip(rated).map(|((user, item), (value, time))| (user, item, value, time)).collect()
    })
}

/// By the builder alone, without a file.
fn truth(table: &Table) -> String {
    let mut builder = RatingsBuilder::new(true);
    for (user, item, value, time) in table {
        builder.push(user, item, *value, Some(*time));
    }
    listed(&builder.finish("", None, Duplicates::Error, |_, _| Default::default()).unwrap())
}

/// As text, with quotes where they are needed or `always`.
fn written(table: &Table, delimiter: &str, newline: &str, header: bool, always: bool) -> String {
    let quoted = |id: &str| {
        // Also with one character of a longer delimiter: `a:` before `::` could be cut in two ways.
        let delimits = |c: char| delimiter.contains(c) || (delimiter == " " && c == '\t');
        let special = id.contains(['"', '\r', '\n']) || id.trim_matches([' ', '\t']) != id;
        if special || id.contains(delimits) || always {
            format!("\"{}\"", id.replace('"', "\"\""))
        } else {
            id.to_owned()
        }
    };
    let head = ["user_id", "item_id", "rating", "timestamp"].join(delimiter) + newline;
    let rows = table.iter().map(|(user, item, value, time)| {
        [quoted(user), quoted(item), value.to_string(), time.to_string()].join(delimiter) + newline
    });
    header.then_some(head).into_iter().chain(rows).collect()
}

fn read_back(name: &str, bytes: &[u8], options: &ReadOptions) -> Result<String, TestCaseError> {
    match read_bytes(name, bytes, options) {
        Ok(ratings) => Ok(listed(&ratings)),
        Err(error) => Err(TestCaseError::fail(error.to_string())),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_table_is_read_back_from_any_text(
        table in table(),
        delimiter in prop::sample::select(vec![",", "\t", ";", "|", "::", " ", " - "]),
        newline in prop::sample::select(vec!["\n", "\r\n"]),
        always in any::<bool>(),
    ) {
        // A header and the delimiter leave nothing to guess, however odd the ids.
        let options = ReadOptions { delimiter: Some(delimiter.into()), header: Some(true), ..ReadOptions::default() };
        let text = written(&table, delimiter, newline, true, always);
        let expected = truth(&table);
        prop_assert_eq!(&read_back("r.csv", text.as_bytes(), &options)?, &expected);
        prop_assert_eq!(&read_back("r.csv", text.trim_end().as_bytes(), &options)?, &expected);
        prop_assert_eq!(&read_back("r.csv", &gzip(text.as_bytes()), &options)?, &expected);
        prop_assert_eq!(&read_back("r.csv", &zipped(&[("r", text.as_bytes())]), &options)?, &expected);
    }

    #[test]
    fn a_table_of_numbers_needs_no_options(
        table in table(),
        delimiter in prop::sample::select(vec![",", "\t", ";", "|", "::", " "]),
        newline in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        header in any::<bool>(),
    ) {
        let plain = |id: &str| id.bytes().all(|byte| byte.is_ascii_digit());
        let table: Table = table.into_iter().filter(|(user, item, ..)| plain(user) && plain(item)).collect();
        prop_assume!(!table.is_empty());
        let text = written(&table, delimiter, newline, header, false);
        prop_assert_eq!(read_back("r.csv", text.as_bytes(), &ReadOptions::default())?, truth(&table));
    }

    #[cfg(feature = "parquet")]
    #[test]
    fn a_table_is_read_back_from_parquet(table in table(), group in 1_usize..30) {
        use super::parquet_files::{Cells, parquet_bytes};
        let schema = "message r { REQUIRED BYTE_ARRAY user (STRING); OPTIONAL BYTE_ARRAY item (STRING);
            REQUIRED FLOAT rating; OPTIONAL INT64 time; }";
        let columns = [
            Cells::Text(table.iter().map(|row| Some(row.0.clone())).collect()),
            Cells::Text(table.iter().map(|row| Some(row.1.clone())).collect()),
            Cells::Float(table.iter().map(|row| Some(row.2)).collect()),
            Cells::Int64(table.iter().map(|row| Some(row.3)).collect()),
        ];
        let bytes = parquet_bytes(schema, &columns, group);
        prop_assert_eq!(read_back("r.parquet", &bytes, &ReadOptions::default())?, truth(&table));
    }

    /// A blank before a line keeps it from the fast way, and changes nothing else.
    #[test]
    fn the_fast_and_the_general_way_agree(
        rows in prop::collection::vec("[0-9]{1,9},[0-9]{1,3},(0|1|[0-9]{1,4})?(\\.[0-9]{0,5})?(,|-|,,|e1)?[0-9]{0,20}\r?", 1..6),
        scaled in any::<bool>(),
        timed in any::<bool>(),
    ) {
        let join = |prefix: &str| -> String { rows.iter().map(|row| format!("{prefix}{row}\n")).collect() };
        let head = if timed { "user,item,rating,time\n" } else { "user,item,rating\n" };
        let scale = scaled.then_some(Scale { min: 0.0, max: 99.0 });
        let options = ReadOptions { scale, duplicates: Duplicates::Sum, ..ReadOptions::default() };
        let outcome = |text: String| match read_bytes("r.csv", text.as_bytes(), &options) {
            Ok(ratings) => listed(&ratings),
            Err(Error::Input { place, problem, .. }) => format!("{:?} {problem}", place.line),
            Err(error) => error.to_string(),
        };
        prop_assert_eq!(outcome(format!("{head}{}", join(""))), outcome(format!("{head}{}", join(" "))));
    }

    #[test]
    fn the_line_of_a_bad_row_is_right(
        before in prop::collection::vec(prop::sample::select(vec!["1,2,3", "", "  ", "\"a\nb\",2,3", "ü,2,3"]), 0..9),
        newline in prop::sample::select(vec!["\n", "\r\n"]),
        header in any::<bool>(),
    ) {
        let head = if header { "user,item,rating" } else { "0,0,0" };
        let lines: String = std::iter::once(&head).chain(&before).map(|line| format!("{line}{newline}")).collect();
        let expected = lines.matches('\n').count() as u64 + 1;
        let text = format!("{lines}7,7,bad{newline}8,8,worse{newline}");
        let options = ReadOptions { header: Some(header), ..ReadOptions::default() };
        match read_bytes("r.csv", text.as_bytes(), &options) {
            Err(Error::Input { place, found, .. }) => {
                prop_assert_eq!(place.line, Some(expected));
                prop_assert_eq!(found, "bad");
            }
            other => prop_assert!(false, "{:?}", other.map(|ratings| listed(&ratings))),
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let (_folder, path) = file("r", &bytes);
        let _ = (read(&path, &ReadOptions::default()), survey(&path, &ReadOptions::default()));
    }

    #[test]
    fn arbitrary_text_never_panics_and_a_survey_agrees_with_a_read(text in "([0-9a\",.:;|\r\n\t -]|ü){0,120}") {
        let (_folder, path) = file("r", text.as_bytes());
        let read = read(&path, &ReadOptions::default());
        match survey(&path, &ReadOptions::default()) {
            Ok(survey) => prop_assert_eq!(survey.problems.is_empty(), read.is_ok(), "{:?} {:?}", survey, read.err()),
            Err(_) => prop_assert!(read.is_err()),
        }
    }

    #[test]
    fn a_changed_byte_in_a_packed_file_never_panics(
        table in table(),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let text = written(&table, ",", "\n", true, false);
        let mut files = vec![gzip(text.as_bytes()), zipped(&[("r", text.as_bytes())])];
        #[cfg(feature = "parquet")]
        {
            use super::parquet_files::{Cells, parquet_bytes};
            let cells = || Cells::Int32((0..9).map(Some).collect());
            let schema = "message r { OPTIONAL INT32 user; REQUIRED INT32 item; OPTIONAL INT32 rating; }";
            files.push(parquet_bytes(schema, &[cells(), cells(), cells()], 5));
        }
        for bytes in &mut files {
            let (_folder, path) = file("r", &bytes[..cut.index(bytes.len())]);
            let _ = read(&path, &ReadOptions::default());
            for (place, byte) in &places {
                let place = place.index(bytes.len());
                bytes[place] = *byte;
            }
            let (_folder, path) = file("r", bytes);
            let _ = survey(&path, &ReadOptions::default());
        }
    }
}
