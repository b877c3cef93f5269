//! A file of ratings of any kind: it is refused, or what is read of it is finite.

#![no_main]

use std::io::Write;

use cofactor::data::read::{ReadOptions, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("room for the file");
    if let Ok(ratings) = read(file.path(), &ReadOptions::default()) {
        assert!(ratings.iter().all(|rating| rating.value.is_finite()));
    }
});
