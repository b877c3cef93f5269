//! Every way in which a file can be wrong, with the whole message about it.

use super::*;

/// A file whose head is that of another kind.
fn kind(head: &[u8]) -> String {
    message([head, b" and more"].concat())
}

fn with(options: &ReadOptions, text: &str) -> String {
    message_with("ratings.csv", text, options)
}

fn column(name: &str) -> ColumnRef {
    name.parse().unwrap()
}

#[test]
fn a_bad_rating_is_refused() {
    let scaled = ReadOptions { scale: Some(Scale { min: 1.0, max: 5.0 }), ..ReadOptions::default() };
    assert_said(&[
        (
            "NaN",
            message("1,10,4\n1,20,nan\n"),
            "ratings.csv:2: the rating is not a finite number: 'nan'\n  help: leave rows without a rating out of the file",
        ),
        (
            "infinite",
            message("1,10,4\n1,20,-inf\n"),
            "ratings.csv:2: the rating is not a finite number: '-inf'\n  help: leave rows without a rating out of the file",
        ),
        (
            "too large",
            message("1,10,4\n1,20,1e39\n"),
            "ratings.csv:2: the rating is not a finite number: '1e39'\n  help: leave rows without a rating out of the file",
        ),
        (
            "empty",
            message("1,10,4\n1,20,\n"),
            "ratings.csv:2: the rating is empty\n  help: leave rows without a rating out of the file; for clicks or purchases, which have none, give each row the same with --constant-rating 1",
        ),
        (
            "no number",
            message("1,10,4\n1,20,five\n"),
            "ratings.csv:2: the rating is not a number: 'five'\n  help: if the ratings stand in another column, name it with --rating-column",
        ),
        (
            "decimal comma",
            message("1;10;4\n1;20;3,5\n"),
            "ratings.csv:2: the rating is not a number: '3,5'\n  help: write decimals with a point: 3.5",
        ),
        (
            "hexadecimal",
            message("1,10,4\n1,20,0x3\n"),
            "ratings.csv:2: the rating is not a number: '0x3'\n  help: if the ratings stand in another column, name it with --rating-column",
        ),
        (
            "outside the scale",
            with(&scaled, "1,10,4\n1,20,0.5\n"),
            "ratings.csv:2: the rating lies outside the declared scale 1 to 5: '0.5'\n  help: correct the row, or declare a wider range with --scale",
        ),
    ]);
}

#[test]
fn a_bad_row_is_refused() {
    let long = "9".repeat(2 << 20);
    assert_said(&[
        (
            "row too short",
            message("1,10,4\n1,20\n"),
            "ratings.csv:2: the row has 2 columns where the other rows have 3: '1,20'\n  help: complete the row or remove it; if another character separates the columns, name it with --delimiter",
        ),
        (
            "row too long",
            message("1,10,4\n1,20,3,8\n"),
            "ratings.csv:2: the row has 4 columns where the other rows have 3: '1,20,3,8'\n  help: put a field that holds the delimiter in double quotes, or remove what is too much",
        ),
        (
            "row too short below a header",
            message("user,item,rating\n1,10,4\n1\n"),
            "ratings.csv:3: the row has 1 column where the header has 3: '1'\n  help: complete the row or remove it; if another character separates the columns, name it with --delimiter",
        ),
        (
            "other delimiter",
            message("1,10,4\n1,20,4\n1\t20\t3\n"),
            "ratings.csv:3: the row has 1 column where the other rows have 3: '1\\t20\\t3'\n  help: complete the row or remove it; if another character separates the columns, name it with --delimiter",
        ),
        (
            "no user",
            message("1,10,4\n,20,3\n"),
            "ratings.csv:2: the user id is empty\n  help: leave rows without an id out of the file",
        ),
        (
            "no item",
            message("1,10,4\n2, ,3\n"),
            "ratings.csv:2: the item id is empty\n  help: leave rows without an id out of the file",
        ),
        (
            "bad time",
            message("1,10,4,2020-01-01\n1,20,4,01.02.2020\n"),
            "ratings.csv:2: the time cannot be read: '01.02.2020'\n  help: write seconds since 1970-01-01 UTC or an ISO 8601 date such as 2024-05-31T12:00:00Z, or leave the times out with --no-times",
        ),
        (
            "no time",
            message("1,10,4,978300760\n1,20,4,\n"),
            "ratings.csv:2: the time is empty\n  help: write seconds since 1970-01-01 UTC or an ISO 8601 date such as 2024-05-31T12:00:00Z, or leave the times out with --no-times",
        ),
        (
            "no such day",
            message("1,10,4,2020-01-01\n1,20,4,2021-02-29\n"),
            "ratings.csv:2: the time cannot be read: '2021-02-29'\n  help: write seconds since 1970-01-01 UTC or an ISO 8601 date such as 2024-05-31T12:00:00Z, or leave the times out with --no-times",
        ),
        (
            "repeated pair",
            message("1,10,4\n1,20,5\n\n1,10,3\n"),
            "ratings.csv:4: user '1' rates item '10' twice: 4 in line 1, and 3 in line 4\n  help: keep one rating of each pair with --duplicates last, mean or sum",
        ),
        (
            "repeated pairs",
            message("b,x,4\nb,x,5\nb,y,1\nb,x,3\na,x,1\n"),
            "ratings.csv:2: user 'b' rates item 'x' twice: 4 in line 1, and 5 in line 2 (2 rows repeat a pair)\n  help: keep one rating of each pair with --duplicates last, mean or sum",
        ),
        (
            "not UTF-8",
            message(b"1,10,4\n1,caf\xe9,3\n"),
            "ratings.csv:2: byte 6 of the line is not valid UTF-8: '1,caf�,3'\n  help: save the file as UTF-8: iconv -f latin1 -t utf-8 FILE > ratings.csv",
        ),
        (
            "control characters",
            message("1,10,4\n1,20,\u{1b}[2J\n"),
            "ratings.csv:2: the rating is not a number: '\\u{1b}[2J'\n  help: if the ratings stand in another column, name it with --rating-column",
        ),
        (
            "open quote",
            message("1,10,4\n\"1,20,3\n1,30,3\n"),
            "ratings.csv:2: the quote is never closed: '\"1,20,3'\n  help: close it with a second quote; a quote that is part of a text is written twice, and the text quoted",
        ),
        (
            "text after a quote",
            message("1,10,4\n\"1\"x,20,3\n"),
            "ratings.csv:2: there is text after a closing quote: '\"1\"x,20,3'\n  help: quote the whole field, and write a quote inside it twice",
        ),
        (
            "long line",
            message(format!("1,10,4\n1,20,{long}\n")),
            "ratings.csv:2: the line is longer than 1 MiB: '1,20,9999999999999999999999999999999999999999999999999999999…'\n  help: this is not a table with a row per rating; perhaps the line breaks are missing",
        ),
        (
            "long quote",
            message(format!("1,10,4\n\"1,20,4\n{}", "1,20,3\n".repeat(200_000))),
            "ratings.csv:2: the quote is never closed: '\"1,20,4'\n  help: close it with a second quote; a quote that is part of a text is written twice, and the text quoted",
        ),
    ]);
}

#[test]
fn columns_that_are_not_there_are_refused() {
    let options = ReadOptions::default;
    let film = ReadOptions { item: Some(column("film")), ..options() };
    let fifth = ReadOptions { rating: Some(column("5")), ..options() };
    let zeroth = ReadOptions { user: Some(column("0")), ..options() };
    let same = ReadOptions { rating: Some(column("item")), ..options() };
    assert_said(&[
        (
            "no such name",
            with(&film, "user,item,rating\n1,2,3\n"),
            "ratings.csv: there is no column 'film', which --item-column asks for: the columns are user, item, rating\n  help: columns are counted from 1, or called as the header calls them",
        ),
        (
            "a name without a header",
            with(&film, "1,2,3\n"),
            "ratings.csv: there is no column 'film', which --item-column asks for: each row has 3 columns and no header names them\n  help: give its position (1, 2, …), or --header if the first line names the columns",
        ),
        (
            "no such position",
            with(&fifth, "1,2,3\n"),
            "ratings.csv: there is no column '5', which --rating-column asks for: each row has 3 columns and no header names them\n  help: columns are counted from 1",
        ),
        (
            "position zero",
            with(&zeroth, "1,2,3\n"),
            "ratings.csv: there is no column '0', which --user-column asks for: each row has 3 columns and no header names them\n  help: columns are counted from 1",
        ),
        (
            "twice the same",
            with(&same, "user,item,rating\n1,2,3\n"),
            "ratings.csv: column 2 is asked for twice\n  help: users, items, ratings and times stand in different columns (--user-column, --item-column, --rating-column, --time-column); the columns are user, item, rating",
        ),
        (
            "no rating in the header",
            message("user,item\n1,2\n"),
            "ratings.csv: there is no rating column: the columns are user, item\n  help: say which it is with --rating-column; if the rows are clicks, plays or purchases without a rating, give each the same with --constant-rating 1 (and --duplicates sum to count repetitions)",
        ),
        (
            "no rating",
            message("1,2\n1,3\n"),
            "ratings.csv: there is no rating column: each row has 2 columns and no header names them\n  help: say which it is with --rating-column; if the rows are clicks, plays or purchases without a rating, give each the same with --constant-rating 1 (and --duplicates sum to count repetitions)",
        ),
        (
            "one column",
            message("1\n2\n3\n"),
            "ratings.csv: there is no column 2 with the item ids: each row has one column\n  help: if another character separates the columns, name it with --delimiter; or say which column it is with --item-column",
        ),
        (
            "five columns",
            message("1,F,1,10,48067\n2,M,56,16,70072\n"),
            "ratings.csv: it is not clear which columns to read: each row has 5 columns and no header names them\n  help: say by position which they are with --user-column, --item-column, --rating-column and --time-column, or --header if the first line names them",
        ),
        (
            "unusual header",
            message("who,what,how\n1,2,3\n"),
            "ratings.csv: no column of the header has a usual name for the user ids\n  help: say which it is with --user-column (a name or a position); the columns are who, what, how",
        ),
        (
            "no item in the header",
            message("user,what,rating\n1,2,3\n"),
            "ratings.csv: no column of the header has a usual name for the item ids\n  help: say which it is with --item-column (a name or a position); the columns are user, what, rating",
        ),
        (
            "lists of items",
            message("0 1 2 3 4\n1 2 3\n2 9 8 7 6 5 4\n3 8 7 6 1 2\n"),
            "ratings.csv: the rows have between 3 and 7 columns: this looks like one line per user, with all of the user's items in it\n  help: write one row per user and item, then read it with --constant-rating 1: awk '{for (i = 2; i <= NF; i++) print $1, $i}' FILE > pairs.txt",
        ),
    ]);
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let options = ReadOptions::default;
    let scale = Some(Scale { min: 5.0, max: 1.0 });
    assert_said(&[
        (
            "scale",
            with(&ReadOptions { scale, ..options() }, "1,2,3\n"),
            "scale = 5..1: expected two finite numbers, the lowest and the highest rating\n  help: 1..5, say",
        ),
        (
            "constant",
            with(&ReadOptions { constant: Some(f32::NAN), ..options() }, "1,2,3\n"),
            "constant-rating = NaN: expected a finite number\n  help: 1 is usual",
        ),
        (
            "delimiter",
            with(&ReadOptions { delimiter: Some(String::new()), ..options() }, "1,2,3\n"),
            "delimiter = '': expected at least one character\n  help: write a tab as \\t",
        ),
    ]);
}

#[test]
fn a_file_without_ratings_is_refused() {
    assert_said(&[
        (
            "empty file",
            message(""),
            "ratings.csv: the file is empty\n  help: it should hold a row per rating: user, item, rating and, if known, time",
        ),
        (
            "blank",
            message(" \r\n\n"),
            "ratings.csv: the file is empty\n  help: it should hold a row per rating: user, item, rating and, if known, time",
        ),
        (
            "only a mark",
            message("\u{feff}"),
            "ratings.csv: the file is empty\n  help: it should hold a row per rating: user, item, rating and, if known, time",
        ),
        (
            "header only",
            message("user,item,rating\n"),
            "ratings.csv: the file has a header and no rows\n  help: it should hold a row per rating: user, item, rating and, if known, time",
        ),
        (
            "empty in gzip",
            message(gzip(b"")),
            "ratings.csv: the file is empty\n  help: it should hold a row per rating: user, item, rating and, if known, time",
        ),
        (
            "header only in zip",
            message(zipped(&[("r.csv", b"user,item,rating\r\n")])),
            "ratings.csv/r.csv: the file has a header and no rows\n  help: it should hold a row per rating: user, item, rating and, if known, time",
        ),
    ]);
}

#[test]
fn a_file_of_another_kind_is_named() {
    let wide = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    assert_said(&[
        (
            "UTF-16",
            message(wide("\u{feff}1,2,3\n")),
            "ratings.csv: this is a text in UTF-16, not a table of ratings\n  help: save it as UTF-8 (in Excel: \"CSV UTF-8\")",
        ),
        (
            "UTF-16 without a mark",
            message(wide("1,2,3\n")),
            "ratings.csv: this is a text in UTF-16, not a table of ratings\n  help: save it as UTF-8 (in Excel: \"CSV UTF-8\")",
        ),
        (
            "PNG",
            kind(b"\x89PNG\r\n\x1a\n"),
            "ratings.csv: this is a PNG image, not a table of ratings\n  help: export a table with a row per rating (user, item, rating, time) as CSV",
        ),
        (
            "PDF",
            kind(b"%PDF-1.7\n"),
            "ratings.csv: this is a PDF document, not a table of ratings\n  help: export a table with a row per rating (user, item, rating, time) as CSV",
        ),
        (
            "SQLite",
            kind(b"SQLite format 3\0"),
            "ratings.csv: this is an SQLite database, not a table of ratings\n  help: export the table: sqlite3 -csv -header FILE 'select user, item, rating from ratings' > ratings.csv",
        ),
        (
            "ELF",
            kind(b"\x7fELF\x02\x01\x01\0"),
            "ratings.csv: this is a program (ELF), not a table of ratings\n  help: export a table with a row per rating (user, item, rating, time) as CSV",
        ),
        (
            "JSON",
            kind(b"{\"ratings\": ["),
            "ratings.csv: this is JSON, not a table of ratings\n  help: write it with pandas: pandas.read_json(FILE, lines=True).to_csv(\"ratings.csv\", index=False)",
        ),
        (
            "JSON lines",
            kind(b"  { \"user\": 1}\n"),
            "ratings.csv: this is JSON, not a table of ratings\n  help: write it with pandas: pandas.read_json(FILE, lines=True).to_csv(\"ratings.csv\", index=False)",
        ),
        (
            "HTML",
            kind(b"\n<!DOCTYPE html>"),
            "ratings.csv: this is HTML, not a table of ratings\n  help: this is a web page, perhaps of a failed download: download the file itself again",
        ),
        (
            "pickle",
            kind(b"\x80\x04\x95"),
            "ratings.csv: this is a Python pickle, not a table of ratings\n  help: write it with pandas: pandas.read_pickle(FILE).to_csv(\"ratings.csv\", index=False)",
        ),
    ]);
}

#[test]
fn an_archive_of_another_kind_is_named() {
    let tar = [&[b'a'; 257][..], b"ustar"].concat();
    let npz = zipped(&[("row.npy", b"\x93NUMPY"), ("col.npy", b"\x93NUMPY")]);
    assert_said(&[
        (
            "NPY",
            kind(b"\x93NUMPY\x01\0"),
            "ratings.csv: this is a NumPy array, not a table of ratings\n  help: write it as text: numpy.savetxt(\"ratings.csv\", array, delimiter=\",\")",
        ),
        (
            "NPZ",
            message(npz),
            "ratings.csv: this is a NumPy archive (NPZ)\n  help: write its rows as text: for a SciPy matrix, m = scipy.sparse.load_npz(FILE).tocoo(), then numpy.savetxt(\"ratings.csv\", numpy.c_[m.row, m.col, m.data], delimiter=\",\")",
        ),
        (
            "XLSX",
            message(zipped(&[("[Content_Types].xml", b"<"), ("xl/workbook.xml", b"<")])),
            "ratings.csv: this is an Excel workbook (XLSX)\n  help: save the sheet as \"CSV UTF-8\"",
        ),
        (
            "tar",
            message(&tar),
            "ratings.csv: this is a tar archive, not a table of ratings\n  help: unpack it and name the file with the ratings",
        ),
        (
            "tar.gz",
            message(gzip(&tar)),
            "ratings.csv: this is a tar archive, not a table of ratings\n  help: unpack it and name the file with the ratings",
        ),
        (
            "xz",
            kind(b"\xfd7zXZ\0"),
            "ratings.csv: this is a file compressed with xz, not a table of ratings\n  help: unpack it with unxz, or compress it with gzip",
        ),
        (
            "gzip twice",
            message(gzip(&gzip(b"1,2,3\n"))),
            "ratings.csv: this is a gzip file inside another, not a table of ratings\n  help: unpack it once with gunzip",
        ),
        (
            "zip in zip",
            message(zipped(&[("a.zip", &zipped(&[("b", b"1,2,3\n")]))])),
            "ratings.csv/a.zip: this is a zip archive inside another, not a table of ratings\n  help: unpack it and name the file with the ratings",
        ),
        (
            "Parquet in gzip",
            message(gzip(b"PAR1")),
            "ratings.csv: this is a Parquet file inside an archive, not a table of ratings\n  help: unpack it and name the Parquet file itself",
        ),
        (
            "anything",
            message(b"\x01\x02\0\0\0\x03"),
            "ratings.csv: this is a binary file, not a table of ratings\n  help: export a table with a row per rating (user, item, rating, time) as CSV",
        ),
    ]);
}

#[test]
fn an_archive_that_is_not_clear_is_refused() {
    let two: Vec<u8> = zipped(&[("d/train.csv", b"1,2,3\n"), ("d/test.csv", b"1,2,3\n"), ("d/", b"")]);
    let named = |member: &str| ReadOptions { member: Some(member.into()), ..ReadOptions::default() };
    let said = |bytes: &[u8], options| message_with("r.zip", bytes, &options);
    assert_said(&[
        (
            "several members",
            said(&two, ReadOptions::default()),
            "r.zip: the zip archive holds several files, and it is not clear which has the ratings\n  help: name one with --member; it holds d/train.csv, d/test.csv",
        ),
        (
            "no such member",
            said(&two, named("ratings.csv")),
            "r.zip: the zip archive has no member 'ratings.csv'\n  help: it holds d/train.csv, d/test.csv",
        ),
        (
            "an empty archive",
            said(&zipped(&[]), ReadOptions::default()),
            "r.zip: the zip archive holds no file",
        ),
        (
            "a bad row in a member",
            said(&zipped(&[("d/r.csv", b"1,2,3\n1,2,x\n")]), ReadOptions::default()),
            "r.zip/d/r.csv:2: the rating is not a number: 'x'\n  help: if the ratings stand in another column, name it with --rating-column",
        ),
        (
            "two members of a name",
            said(&zipped(&[("a/r", b"1"), ("b/r", b"1")]), named("r")),
            "r.zip: several members of the zip archive are called 'r'\n  help: give the whole path with --member; it holds a/r, b/r",
        ),
    ]);
    let chosen = |options: &ReadOptions| listed(&read_bytes("r.zip", &two, options).unwrap());
    assert_eq!(chosen(&named("test.csv")), "1 2 3 -\n");
    assert_eq!(chosen(&named("d/train.csv")), "1 2 3 -\n");
}

#[test]
fn a_damaged_file_is_refused() {
    let text: String = (0..5000).map(|n| format!("{n},{},3\n", n * 7919 % 1009)).collect();
    let packed = gzip(text.as_bytes());
    let mut wrong_sum = packed.clone();
    let crc = packed.len() - 8;
    wrong_sum[crc] ^= 1;
    let archive = zipped(&[("r.csv", text.as_bytes())]);
    let mut wrong_byte = archive.clone();
    wrong_byte[5000] ^= 1;
    assert_said(&[
        (
            "gzip cut",
            message(&packed[..packed.len() / 2]),
            "ratings.csv: the gzip file ends too early\n  help: download it or pack it again",
        ),
        (
            "gzip cut at its head",
            message(&packed[..5]),
            "ratings.csv: the gzip file ends too early\n  help: download it or pack it again",
        ),
        (
            "gzip changed",
            message(wrong_sum),
            "ratings.csv: the gzip file is damaged (corrupt gzip stream does not have a matching checksum)\n  help: download it or pack it again",
        ),
        (
            "zip cut",
            message(&archive[..archive.len() / 2]),
            "ratings.csv: the zip archive cannot be read (invalid Zip archive: Could not find EOCD)\n  help: it is damaged or cut short: download it again, or unpack it with unzip and name the file with the ratings",
        ),
        (
            "zip changed",
            message(wrong_byte),
            "ratings.csv/r.csv: the zip file is damaged (corrupt deflate stream)\n  help: download it or pack it again",
        ),
    ]);
    let (_folder, path) = file("r.csv.gz", &packed[..packed.len() / 2]);
    let survey = survey(&path, &ReadOptions::default()).unwrap();
    assert_eq!(survey.problems.len(), 1, "{:?}", survey.problems);
    assert_eq!(survey.problems[0].kind, ProblemKind::Damaged);
    assert!(survey.ratings > 1000, "what came before the damage is surveyed");
}

#[test]
fn a_file_that_is_not_there_is_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["ratings.csv", "movies.csv", "README"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    let said = |path: &Path| {
        let error = read(path, &ReadOptions::default()).unwrap_err().to_string();
        error.replace(&folder.path().display().to_string(), "DATA")
    };
    assert_said(&[
        (
            "near name",
            said(&folder.path().join("Rating.csv")),
            "DATA/Rating.csv: there is no such file\n  help: did you mean DATA/ratings.csv?",
        ),
        (
            "no near name",
            said(&folder.path().join("u.data")),
            "DATA/u.data: there is no such file\n  help: the folder DATA holds README, movies.csv, ratings.csv",
        ),
        (
            "no folder",
            said(&folder.path().join("none/u.data")),
            "DATA/none/u.data: there is no such file\n  help: the folder DATA/none does not exist either",
        ),
        (
            "a folder",
            said(folder.path()),
            "DATA: this is a folder, not a file\n  help: name the file in it: DATA/ratings.csv",
        ),
    ]);
}

#[test]
fn more_ratings_than_can_be_numbered_are_refused() {
    let row = |item| Row { user: RawId::Integer(1), item: RawId::Integer(item), value: 1.0, time: None };
    let mut builder = RatingsBuilder::new(false);
    assert_eq!(collect(&mut builder, 2, 1, row(1)), Ok(()));
    assert_eq!(collect(&mut builder, 2, 2, row(2)), Ok(()));
    let error = collect(&mut builder, 2, 3, row(3)).unwrap_err().into_error(Path::new("r.csv"));
    assert_said(&[(
        "too many",
        error.to_string(),
        "r.csv:3: there are more than 2 ratings\n  help: split the file and read a part of it",
    )]);
}
