//! A model file that somebody has tampered with and then signed: it is refused, or it answers.

#![no_main]

use std::io::Write;

use cofactor::recommender::{Recommender, Request, Who};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};

/// The checksum at a file's end.
const CHECKSUM: usize = 32;

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = bytes.to_vec();
    if let Some(end) = bytes.len().checked_sub(CHECKSUM) {
        let checksum = Sha256::digest(&bytes[..end]);
        bytes[end..].copy_from_slice(&checksum);
    }
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(&bytes).expect("room for the file");
    let Ok(recommender) = Recommender::open(file.path()) else { return };
    let request = Request { n: 3, ..Request::default() };
    for user in ["0", "1"] {
        let _ = recommender.recommend(Who::User(user), &request);
        let _ = recommender.similar_items(user, 3);
        let _ = recommender.explain(Who::User(user), "0");
    }
    let _ = recommender.recommend_anybody(&request);
});
