//! Somebody's ratings as they are given with a question.

#![no_main]

use cofactor::recommender::parse_history;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(history) = parse_history(text) {
        assert!(history.iter().all(|entry| entry.value.is_finite()));
    }
});
