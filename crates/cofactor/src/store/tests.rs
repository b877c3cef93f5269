use std::fs;
use std::io::Cursor;
use std::process::Command;

use proptest::prelude::*;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::*;
use crate::data::attributes::{Attributes, Column, Values};
use crate::data::ids::{Item, User};
use crate::data::ratings::{Duplicates, RatingsBuilder};
use crate::fit::model::Query;
use crate::fit::run::Run;
use crate::registry;

/// Six users and five items, with titles; user ids are texts when `texts` says so.
fn ratings(texts: bool) -> Ratings {
    let mut builder = RatingsBuilder::new(true);
    for (user, item) in (0..6).flat_map(|user| (0..5).map(move |item| (user, item))) {
        if (user * 7 + item * 3) % 4 != 0 {
            let id = if texts { format!("ü{user}") } else { user.to_string() };
            builder.push(&id, &item.to_string(), ((user + item) % 5 + 1) as f32, Some(1000 + item));
        }
    }
    let scale = Scale { min: 1.0, max: 5.0 };
    let built = builder.finish("little", Some(scale), Duplicates::Error, |users, items| {
        let ages = Values::Number((0..users.len()).map(|user| (user != 2).then_some(user as f64)).collect());
        let titles = Values::Text(items.iter().map(|id| format!("Film \"{id}\", The")).collect());
        let columns = |name: &str, values| Attributes { columns: vec![Column { name: name.into(), values }] };
        (columns("age", ages), columns("title", titles))
    });
    built.unwrap()
}

fn fitted(texts: bool) -> ModelFile {
    let ratings = ratings(texts);
    let configured = registry::find("baseline").unwrap().configure(&Map::new()).unwrap();
    let model = configured.fit(&ratings, &mut Run::new(7, 1).unwrap()).unwrap();
    let mut file = ModelFile::new("baseline", configured.config(), 7, ratings, model);
    file.metrics = Some(json!({ "rmse": { "mean": 0.93, "stderr": 0.004 } }));
    file
}

fn saved(file: &ModelFile) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.cofactor");
    file.save(&path).unwrap();
    fs::read(path).unwrap()
}

fn bytes() -> Vec<u8> {
    saved(&fitted(false))
}

fn read(bytes: &[u8]) -> Result<ModelFile, Flaw> {
    ModelFile::read(Cursor::new(bytes), bytes.len() as u64)
}

/// What is wrong with these bytes, in words.
fn problem(bytes: &[u8]) -> String {
    match read(bytes) {
        Ok(_) => "nothing".to_owned(),
        Err(Flaw::Content { problem, .. }) => problem,
        Err(Flaw::Io(error)) => panic!("{error}"),
    }
}

/// The header as JSON, and the bytes after it.
fn opened(bytes: &[u8]) -> (Value, Vec<u8>) {
    let len = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    (serde_json::from_slice(&bytes[8..8 + len]).unwrap(), bytes[8 + len..].to_vec())
}

/// A file of this header and body with the right checksum: what an attacker, not an accident, would make.
fn sealed(header: &Value, body: &[u8]) -> Vec<u8> {
    let header = header.to_string().into_bytes();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend(&body[..body.len() - 32]);
    let hash = Sha256::digest(&bytes);
    bytes.extend(hash);
    bytes
}

/// The problem of a file whose header text `name` has become `text`.
fn with_text(name: &str, text: Option<&str>) -> String {
    let (mut header, body) = opened(&bytes());
    let texts = header["__metadata__"].as_object_mut().unwrap();
    match text {
        Some(text) => texts.insert(name.to_owned(), text.into()),
        None => texts.remove(name),
    };
    problem(&sealed(&header, &body))
}

/// The problem of a file in whose tensor `name` the bytes from `at` on have become `new`.
fn with_entries(texts: bool, name: &str, at: usize, new: &[u8]) -> String {
    let (header, mut body) = opened(&saved(&fitted(texts)));
    let start = header[name]["data_offsets"][0].as_u64().unwrap() as usize + at;
    body[start..start + new.len()].copy_from_slice(new);
    problem(&sealed(&header, &body))
}

#[test]
fn a_file_brings_everything_back_and_is_written_alike() {
    for texts in [false, true] {
        let before = fitted(texts);
        let bytes = saved(&before);
        let after = read(&bytes).unwrap();
        assert_eq!(after.algorithm, "baseline");
        assert_eq!((&after.config, after.seed, &after.metrics), (&before.config, 7, &before.metrics));
        assert_eq!(after.data, before.data);
        assert_eq!(after.data.time_span, Some((1000, 1004)));
        assert_eq!(after.catalog(), before.catalog());
        assert_eq!(after.seen.rows_compressed(), before.seen.rows_compressed());
        for (user, item) in (0..6).flat_map(|user| (0..5).map(move |item| (user, item))) {
            let query = Query { user: Some(User(user)), item: Some(Item(item)), time: None };
            assert_eq!(after.model.predict(query).to_bits(), before.model.predict(query).to_bits());
        }
        assert_eq!(saved(&after), bytes);
        assert_eq!(saved(&fitted(texts)), bytes, "the same fit gives the same bytes");
    }
}

#[test]
fn what_is_no_model_file_is_refused() {
    assert_eq!(problem(b""), "the file is empty");
    assert_eq!(problem(b"1,2"), "3 bytes are no model file");
    let foreign = "this is no Cofactor model file: it does not start like one";
    assert_eq!(problem(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01"), foreign);
    assert_eq!(problem(b"user,item,rating\n1,2,3\n"), foreign);
    assert_eq!(problem(&[0; 100]), foreign);
    let empty = b"\x02\0\0\0\0\0\0\0{}";
    assert_eq!(problem(empty), "this is a safetensors file, but no Cofactor model file");
    let folder = tempfile::tempdir().unwrap();
    let refused = ModelFile::load(folder.path()).err().unwrap().to_string();
    assert!(refused.ends_with("this is a folder\n  help: name a model file"), "{refused}");
    let missing = ModelFile::load(&folder.path().join("no")).err().unwrap();
    assert!(matches!(missing, Error::Io { action: "read", .. }), "{missing}");
}

#[test]
fn a_file_cut_off_anywhere_is_refused() {
    let bytes = bytes();
    for part in 1..50 {
        let len = bytes.len() * part / 50;
        assert!(problem(&bytes[..len]).starts_with("the file is cut off"), "{part}/50");
    }
    assert!(problem(&bytes[..bytes.len() - 1]).starts_with("the file is cut off"));
    let longer = [&bytes[..], b"x"].concat();
    assert_eq!(problem(&longer), "1 bytes follow where the file should end");
}

#[test]
fn any_flipped_bit_is_noticed() {
    let bytes = bytes();
    let mut place = 1_usize;
    for _ in 0..300 {
        place = place.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut damaged = bytes.clone();
        damaged[(place >> 20) % bytes.len()] ^= 1 << (place >> 60 & 7);
        assert_ne!(problem(&damaged), "nothing", "at {}", (place >> 20) % bytes.len());
    }
    for place in (0..bytes.len()).filter(|place| *place < 16 || bytes.len() - place <= 33) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1;
        assert_ne!(problem(&damaged), "nothing", "at {place}");
    }
    let mut damaged = bytes.clone();
    damaged[bytes.len() - 40] ^= 1;
    assert_eq!(problem(&damaged), "the content is not what was written: the checksum differs");
}

#[test]
fn each_text_of_the_header_is_checked() {
    for name in ["format_version", "algorithm", "config", "seed", "data"] {
        assert_eq!(with_text(name, None), format!("the header has no '{name}'"));
    }
    assert_eq!(with_text("format", None), "this is a safetensors file, but no Cofactor model file");
    assert_eq!(with_text("metrics", None), "nothing", "metrics may be absent");
    assert!(with_text("format_version", Some("2")).starts_with("the file was written by a newer Cofactor"));
    assert_eq!(with_text("format_version", Some("0")), "the format's version is no number of a version");
    let unknown = with_text("algorithm", Some("nonesuch"));
    assert_eq!(unknown, "the file's model is a 'nonesuch', which this version of Cofactor does not know");
    let config = with_text("config", Some(r#"{"reg_user": -1}"#));
    assert!(
        config.starts_with("the parameters of 'baseline' are refused: reg_user = -1: expected"),
        "{config}"
    );
    assert!(with_text("config", Some("[]")).starts_with("'config' in the header is not what it should be"));
    assert_eq!(with_text("seed", Some("-1")), "the seed '-1' is no whole number");
    assert!(with_text("metrics", Some("{")).starts_with("'metrics' in the header"));
    let data = |changed: (&str, Value)| {
        let mut data = serde_json::to_value(fitted(false).data).unwrap();
        data[changed.0] = changed.1;
        with_text("data", Some(&data.to_string()))
    };
    assert!(data(("users", 5.into())).starts_with("'data' in the header tells of 5 users"));
    assert_eq!(data(("scale", json!({"min": 5, "max": 1}))), "the scale from 5 to 1 is none");
    assert!(data(("name", 1.into())).starts_with("'data' in the header is not what it should be"));
}

#[test]
fn each_tensor_is_checked() {
    let nan = with_entries(false, "model/item_bias", 4, &f32::NAN.to_le_bytes());
    assert_eq!(nan, "the tensors make no 'baseline': tensor 'item_bias' holds NaN at 1");
    let order = "the ids of the items are not in order, or cut within a letter";
    assert_eq!(with_entries(false, "items/ids", 0, &9_i64.to_le_bytes()), order);
    let cut = "the ids of the users are not in order, or cut within a letter";
    assert_eq!(with_entries(true, "users/ends", 0, &1_u64.to_le_bytes()), cut);
    assert_eq!(with_entries(true, "users/bytes", 0, &[0xff]), "tensor 'users/bytes' is not UTF-8");
    for (name, at, new) in [
        ("seen/starts", 8, &u64::MAX.to_le_bytes()[..]),
        ("seen/starts", 0, &1_u64.to_le_bytes()),
        ("seen/items", 0, &4_u32.to_le_bytes()),
        ("seen/items", 0, &u32::MAX.to_le_bytes()),
        ("seen/values", 0, &f32::INFINITY.to_le_bytes()),
    ] {
        let problem = with_entries(false, name, at, new);
        assert!(problem.starts_with("the ratings in the file are wrong"), "{name}: {problem}");
    }
    let attributes = with_entries(false, "attributes", 0, b"[");
    assert!(attributes.starts_with("the attributes are not what they should be"), "{attributes}");
}

#[test]
fn each_tensor_must_be_there_with_its_type_and_shape() {
    let (header, body) = opened(&bytes());
    let names: Vec<String> = header.as_object().unwrap().keys().skip(1).cloned().collect();
    assert_eq!(names.len(), 15, "{names:?}");
    for name in &names {
        let mut renamed = header.clone();
        let entry = renamed.as_object_mut().unwrap().remove(name).unwrap();
        renamed["other"] = entry;
        assert_ne!(problem(&sealed(&renamed, &body)), "nothing", "{name} renamed");
        let mut reshaped = header.clone();
        reshaped[name]["shape"].as_array_mut().unwrap().push(1.into());
        // The checksum alone is read by its place.
        assert_eq!(problem(&sealed(&reshaped, &body)) == "nothing", name == "checksum", "{name} reshaped");
        let mut retyped = header.clone();
        retyped[name]["dtype"] = match header[name]["dtype"].as_str().unwrap() {
            "I64" => "U64".into(),
            "U64" => "I64".into(),
            "F32" => "U32".into(),
            "U32" => "I32".into(),
            _ => "I8".into(),
        };
        assert_ne!(problem(&sealed(&retyped, &body)), "nothing", "{name} retyped");
    }
}

#[test]
fn a_model_for_other_ids_is_refused() {
    let mut file = fitted(false);
    let more = ratings(false).filter(|rating| rating.user.0 > 0);
    let mut builder = RatingsBuilder::new(false);
    more.iter().for_each(|r| builder.push(&r.user.0.to_string(), &r.item.0.to_string(), r.value, None));
    file.seen = builder.finish("", None, Duplicates::Error, |_, _| Default::default()).unwrap();
    file.data = DataInfo::of(&file.seen);
    let expected = "the model is for 6 users and 5 items, the ids are of 5 users and 5 items";
    assert_eq!(problem(&saved(&file)), expected);
}

#[test]
fn dimensions_that_overflow_are_refused() {
    let (mut header, body) = opened(&bytes());
    let end = header["checksum"]["data_offsets"][0].clone();
    for shape in [json!([0, u64::MAX]), json!([u64::MAX, 0]), json!([u64::MAX, u64::MAX])] {
        header["model/user_factors"] = json!({ "dtype": "F32", "shape": shape, "data_offsets": [end, end] });
        assert_ne!(problem(&sealed(&header, &body)), "nothing");
    }
}

/// Where there is a Python, it checks the file with the script of the specification.
#[test]
fn the_script_of_the_specification_reads_a_file() {
    let specification = include_str!("../../../../docs/model-file.md");
    let script =
        specification.split("```").find_map(|block| block.strip_prefix("python predict.py\n")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.cofactor");
    let file = fitted(false);
    file.save(&path).unwrap();
    let python = || Command::new("python3").args(["-I", "-c", script]).arg(&path).args(["4", "3"]).output();
    let Ok(output) = python() else { return };
    let query = Query { user: Some(User(4)), item: Some(Item(3)), time: None };
    let expected = format!("baseline {:.5}\n", file.model.predict(query));
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{output:?}");
    let mut damaged = fs::read(&path).unwrap();
    damaged[100] ^= 1;
    fs::write(&path, damaged).unwrap();
    let output = python().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("the checksum differs"), "{output:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(read(&bytes).is_err());
    }

    #[test]
    fn an_arbitrary_header_never_panics(
        name in "(model/)?(user_factors|item_factors|mean|prior_mean|user_bias)|seen/starts|users/ids|items/ids|attributes",
        shape in proptest::collection::vec(prop_oneof![0_u64..9, any::<u64>()], 0..4),
        dtype in "F32|U32|I64|U64|U8|F64|BOOL|F4",
        offsets in (0_u64..600, prop_oneof![0_u64..600, any::<u64>()]),
    ) {
        let (mut header, body) = opened(&bytes());
        header[name] = json!({ "dtype": dtype, "shape": shape, "data_offsets": [offsets.0, offsets.1] });
        let _ = read(&sealed(&header, &body));
    }

    #[test]
    fn arbitrary_entries_never_panic(
        at in any::<prop::sample::Index>(),
        new in proptest::collection::vec(any::<u8>(), 1..16),
    ) {
        let (header, mut body) = opened(&bytes());
        let at = at.index(body.len() - new.len());
        body[at..at + new.len()].copy_from_slice(&new);
        let _ = read(&sealed(&header, &body));
    }
}
