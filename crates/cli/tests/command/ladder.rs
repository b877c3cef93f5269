//! `ladder`: one idea after the other over one split.

use std::fs;

use crate::support::{SMALL, Scratch};

#[test]
fn each_rung_says_what_it_gains_on_the_one_before() {
    let scratch = Scratch::new();
    let command = format!("ladder {SMALL} --seed 5");
    let said = scratch.run(&format!("{command} --report page.html"));
    assert_eq!(said.status, Some(0), "{}", said.err);
    for word in ["gain", "p adjusted", "PQ", "bias", "Bayes", "inner product", "page.html"] {
        assert!(said.out.contains(word), "'{word}' is missing: {}", said.out);
    }
    let page = fs::read_to_string(scratch.path("page.html")).unwrap();
    assert!(page.contains("<figure id=\"rungs\">") && page.contains("<figure id=\"gains\">"));
    let climbed = scratch.json(&command);
    let models = climbed["models"].as_array().unwrap();
    let rmse = |label: &str| {
        let model = models.iter().find(|model| model["label"] == label).unwrap();
        model["metrics"]["rmse"]["mean"].as_f64().unwrap()
    };
    let rungs = climbed["rungs"].as_array().unwrap();
    assert!(rungs.len() >= 6 && rungs[0].get("gain").is_none(), "{rungs:?}");
    for pair in rungs.windows(2) {
        let [below, own] = [&pair[0], &pair[1]].map(|rung| rmse(rung["label"].as_str().unwrap()));
        let gain = &pair[1]["gain"];
        assert!((gain["mean"].as_f64().unwrap() - (below - own)).abs() < 1e-9);
        assert!(gain["low"].as_f64().unwrap() <= gain["high"].as_f64().unwrap());
    }
}
