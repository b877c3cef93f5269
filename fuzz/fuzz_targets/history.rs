//! Somebody's ratings as they are given with a question: refused, or read so that they come back when they are written anew.

#![no_main]

use cofactor::recommender::{HistoryEntry, parse_history};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(history) = parse_history(text) {
        let again = parse_history(&written(&history)).expect("what was written of a history");
        assert_eq!(parts(&history), parts(&again));
    }
});

/// Each item in quotes.
fn written(history: &[HistoryEntry]) -> String {
    let entry = |entry: &HistoryEntry| format!("\"{}\"={},", entry.item.replace('"', "\"\""), entry.value);
    history.iter().map(entry).collect()
}

/// Of values the bits, and of what is no number, which the model's scale refuses later, that it is none.
fn parts(history: &[HistoryEntry]) -> Vec<(&str, Option<u32>)> {
    let bits = |value: f32| (!value.is_nan()).then_some(value.to_bits());
    history.iter().map(|entry| (entry.item.as_str(), bits(entry.value))).collect()
}
