//! Files of another kind, told by their first bytes, and what to export instead.

use std::path::Path;

/// Something that is no table of ratings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Foreign {
    /// With its article: "a PNG image".
    pub(super) kind: &'static str,
    pub(super) hint: &'static str,
}

pub(super) const GZIP: &[u8] = &[0x1f, 0x8b];
pub(super) const ZIP: &[u8] = b"PK\x03\x04";
pub(super) const EMPTY_ZIP: &[u8] = b"PK\x05\x06";
pub(super) const PARQUET: &[u8] = b"PAR1";
pub(super) const UTF8_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

const TABLE: &str = "export a table with a row per rating (user, item, rating, time) as CSV";
const TO_UTF8: &str = "save it as UTF-8 (in Excel: \"CSV UTF-8\")";
const UNPACK: &str = "unpack it and name the file with the ratings";

/// First bytes, kind, way out.
const SIGNATURES: &[(&[u8], &str, &str)] = &[
    (b"\x89PNG\r\n", "a PNG image", TABLE),
    (b"\xff\xd8\xff", "a JPEG image", TABLE),
    (b"GIF8", "a GIF image", TABLE),
    (b"%PDF-", "a PDF document", TABLE),
    (
        b"SQLite format 3\0",
        "an SQLite database",
        "export the table: sqlite3 -csv -header FILE 'select user, item, rating from ratings' > ratings.csv",
    ),
    (b"\x7fELF", "a program (ELF)", TABLE),
    (b"MZ\x90\0", "a Windows program", TABLE),
    (
        b"\x93NUMPY",
        "a NumPy array",
        "write it as text: numpy.savetxt(\"ratings.csv\", array, delimiter=\",\")",
    ),
    (
        b"\x89HDF\r\n",
        "an HDF5 file",
        "write it with pandas: pandas.read_hdf(FILE).to_csv(\"ratings.csv\", index=False)",
    ),
    (
        b"ARROW1",
        "an Arrow file",
        "write it as Parquet: pyarrow.parquet.write_table(table, \"ratings.parquet\")",
    ),
    (
        b"FEA1",
        "a Feather file",
        "write it as Parquet: pandas.read_feather(FILE).to_parquet(\"ratings.parquet\")",
    ),
    (b"ORC", "an ORC file", "write it as Parquet: pandas.read_orc(FILE).to_parquet(\"ratings.parquet\")"),
    (b"Obj\x01", "an Avro file", TABLE),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (XLS)", "save the sheet as \"CSV UTF-8\""),
    (b"BZh", "a file compressed with bzip2", "unpack it with bunzip2, or compress it with gzip"),
    (b"\xfd7zXZ\0", "a file compressed with xz", "unpack it with unxz, or compress it with gzip"),
    (b"\x28\xb5\x2f\xfd", "a file compressed with zstd", "unpack it with unzstd, or compress it with gzip"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (b"Rar!", "a RAR archive", UNPACK),
    (GZIP, "a gzip file inside another", "unpack it once with gunzip"),
    (ZIP, "a zip archive inside another", UNPACK),
    (PARQUET, "a Parquet file inside an archive", "unpack it and name the Parquet file itself"),
    (b"\xff\xfe", "a text in UTF-16", TO_UTF8),
    (b"\xfe\xff", "a text in UTF-16", TO_UTF8),
];

/// What the bytes at the start of a text say against it.
pub(super) fn foreign(head: &[u8]) -> Option<Foreign> {
    if let Some(&(_, kind, hint)) = SIGNATURES.iter().find(|(bytes, ..)| head.starts_with(bytes)) {
        return Some(Foreign { kind, hint });
    }
    if head.get(257..262) == Some(&b"ustar"[..]) {
        return Some(Foreign { kind: "a tar archive", hint: UNPACK });
    }
    if let [0x80, 2..=5, ..] = head {
        let hint = "write it with pandas: pandas.read_pickle(FILE).to_csv(\"ratings.csv\", index=False)";
        return Some(Foreign { kind: "a Python pickle", hint });
    }
    markup(head).or_else(|| wide_or_binary(head))
}

/// JSON and HTML may begin with white space.
fn markup(head: &[u8]) -> Option<Foreign> {
    let text = head.strip_prefix(UTF8_MARK).unwrap_or(head).trim_ascii_start();
    let compact: Vec<u8> = text
        .iter()
        .copied()
        .filter(|b| !b.is_ascii_whitespace())
        .take(16)
        .map(|b| b.to_ascii_lowercase())
        .collect();
    if [&b"{\""[..], b"[{", b"[["].iter().any(|start| compact.starts_with(start)) {
        let hint = if compact[0] == b'{' {
            "write it with pandas: pandas.read_json(FILE, lines=True).to_csv(\"ratings.csv\", index=False)"
        } else {
            "write it with pandas: pandas.read_json(FILE).to_csv(\"ratings.csv\", index=False)"
        };
        return Some(Foreign { kind: "JSON", hint });
    }
    if compact.starts_with(b"<!doctypehtml") || compact.starts_with(b"<html") {
        let hint = "this is a web page, perhaps of a failed download: download the file itself again";
        return Some(Foreign { kind: "HTML", hint });
    }
    compact.starts_with(b"<?xml").then_some(Foreign { kind: "XML", hint: TABLE })
}

/// NUL bytes: at every other place they are UTF-16 without a mark.
fn wide_or_binary(head: &[u8]) -> Option<Foreign> {
    let nuls = |phase| head.iter().skip(phase).step_by(2).filter(|&&byte| byte == 0).count();
    let (even, odd) = (nuls(0), nuls(1));
    let most = head.len() / 2 * 9 / 10;
    if even + odd == 0 {
        None
    } else if head.len() >= 4 && ((odd >= most && even == 0) || (even >= most && odd == 0)) {
        Some(Foreign { kind: "a text in UTF-16", hint: TO_UTF8 })
    } else {
        Some(Foreign { kind: "a binary file", hint: TABLE })
    }
}

/// What the members of a zip archive make of it.
pub(super) fn foreign_archive(names: &[String]) -> Option<Foreign> {
    let has = |test: fn(&str) -> bool| names.iter().any(|name| test(name));
    if has(|name| name.starts_with("xl/")) {
        return Some(Foreign { kind: "an Excel workbook (XLSX)", hint: "save the sheet as \"CSV UTF-8\"" });
    }
    if has(|name| name.starts_with("word/")) {
        return Some(Foreign { kind: "a Word document", hint: TABLE });
    }
    if names.first().is_some_and(|name| name == "mimetype") {
        return Some(Foreign { kind: "an OpenDocument or EPUB file", hint: TABLE });
    }
    if !names.is_empty()
        && names.iter().all(|name| Path::new(name).extension().is_some_and(|extension| extension == "npy"))
    {
        let hint = "write its rows as text: for a SciPy matrix, m = scipy.sparse.load_npz(FILE).tocoo(), then numpy.savetxt(\"ratings.csv\", numpy.c_[m.row, m.col, m.data], delimiter=\",\")";
        return Some(Foreign { kind: "a NumPy archive (NPZ)", hint });
    }
    if has(|name| name.ends_with("data.pkl")) {
        return Some(Foreign { kind: "a PyTorch file", hint: TABLE });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_tables_are_not_foreign() {
        for text in ["1,2,3\n", "user,item,rating\n", "1::2::3\n", "\"a\",\"b\",3\n", "ü\tä\t1\n", ""] {
            assert_eq!(foreign(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn wide_text_is_told_from_other_nuls() {
        let wide: Vec<u8> = "1,2,3\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(foreign(&wide).unwrap().kind, "a text in UTF-16");
        assert_eq!(foreign(b"1,2\0,3,4,5\n").unwrap().kind, "a binary file");
    }
}
