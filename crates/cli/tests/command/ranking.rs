//! Rankings: `--metrics` of `evaluate`, `compare` and `run`, and the picks of many.

use std::fs;

use crate::support::{SMALL, Scratch};

/// The words of a text, on one line.
fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn rankings_are_measured_beside_ratings() {
    let scratch = Scratch::new();
    let command =
        format!("evaluate {SMALL} --model baseline --metrics ndcg@10,auc,coverage@5 --relevant-from 4");
    let said = scratch.run(&command);
    assert_eq!(said.status, Some(0), "{}", said.err);
    let text = unwrapped(&said.out);
    for word in ["ndcg@10", "auc", "coverage@5", "rmse", "Relevant is a test item with a rating of 4 or more"]
    {
        assert!(text.contains(word), "'{word}' is missing: {}", said.out);
    }
    let ranking = scratch.json(&command)["ranking"].clone();
    let metric = |name: &str| ranking["metrics"][name].clone();
    let ndcg = metric("ndcg@10");
    assert!(ndcg["low"].as_f64() < ndcg["mean"].as_f64() && ndcg["mean"].as_f64() < ndcg["high"].as_f64());
    assert!(metric("auc")["mean"].as_f64().unwrap() > 0.5 && metric("coverage@5")["stderr"].is_null());
    let users = ranking["users"].as_u64().unwrap() + ranking["left_out"].as_u64().unwrap();
    assert_eq!(users, 60);
    let folds = scratch.run(&format!("{command} --split kfold:3"));
    assert!(folds.out.contains("fold\ttrain\ttest\tndcg@10\tauc\tcoverage@5\trmse"), "{}", folds.out);
}

#[test]
fn a_mistaken_metric_is_wrong_usage() {
    let scratch = Scratch::new();
    for (metrics, hint) in
        [("ndgc@10", "did you mean 'ndcg'"), ("recall", "write recall@10"), ("auc@5", "write auc")]
    {
        let said = scratch.run(&format!("evaluate {SMALL} --model baseline --metrics {metrics}"));
        assert_eq!(said.status, Some(2), "{}", said.err);
        assert!(said.err.contains(hint), "{}", said.err);
    }
}

#[test]
fn models_are_compared_by_the_first_metric() {
    let scratch = Scratch::new();
    let command =
        format!("compare {SMALL} --models baseline,baseline:mean,mf:lesson+epochs=3 --metrics ndcg@10,epr");
    let said = scratch.run(&format!("{command} --report page.html"));
    assert_eq!(said.status, Some(0), "{}", said.err);
    let text = unwrapped(&said.out);
    assert!(text.contains("epr") && text.contains("paired by user"), "{}", said.out);
    let page = fs::read_to_string(scratch.path("page.html")).unwrap();
    assert!(page.contains("<figure id=\"ranking\">") && page.contains("NDCG@10"));
    let compared = scratch.json(&command);
    let models = compared["models"].as_array().unwrap();
    let ndcg: Vec<f64> =
        models.iter().map(|model| model["ranking"]["metrics"]["ndcg@10"]["mean"].as_f64().unwrap()).collect();
    assert!(ndcg.is_sorted_by(|a, b| a >= b), "{ndcg:?}");
    let difference = models[2]["ranking_differences"]["ndcg@10"]["mean"].as_f64().unwrap();
    assert!((difference - (ndcg[2] - ndcg[0])).abs() < 1e-12);
    assert!(models[0].get("ranking_differences").is_none());
}

#[test]
fn new_users_are_folded_in_and_the_report_shows_what_popularity_is_worth() {
    let scratch = Scratch::new();
    let said = scratch.run(&format!("run {SMALL} --split strong:10 --metrics ndcg@10 --out r"));
    assert_eq!(said.status, Some(0), "{}", said.err);
    let page = fs::read_to_string(scratch.path("r/report.html")).unwrap();
    assert!(page.contains("<figure id=\"trade-off\">") && page.contains("as trained"));
    let report: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(scratch.path("r/report.json")).unwrap()).unwrap();
    assert_eq!((&report["ranking"]["users"], &report["split"]["unseen"]["users"]), (&10.into(), &0.into()));
    let settings = report["trade_off"].as_array().unwrap();
    assert_eq!(settings.len(), 9);
    let of = |place: usize, name: &str| settings[place]["metrics"][name]["mean"].as_f64().unwrap();
    assert!(of(0, "novelty@10") > of(4, "novelty@10") && of(4, "novelty@10") > of(8, "novelty@10"));
    assert_eq!(of(4, "ndcg@10"), report["ranking"]["metrics"]["ndcg@10"]["mean"].as_f64().unwrap());
    let refused = scratch.run(&format!("evaluate {SMALL} --model baseline --split ncf"));
    assert!(refused.err.contains("ml-1m-ncf"), "{}", refused.err);
}

#[test]
fn the_picks_of_many_are_the_same_in_every_format() {
    let scratch = Scratch::new();
    scratch.run(&format!("train {SMALL} --model mf -o m.cofactor"));
    for file in ["all.csv", "all.jsonl", "all.parquet"] {
        let said = scratch.run(&format!("recommend m.cofactor --all -n 5 -o {file}"));
        assert_eq!(said.status, Some(0), "{}", said.err);
    }
    let columns = "--user-column user --item-column item --rating-column score --no-times";
    let described = |file: &str| scratch.json(&format!("data info {file} {columns}"));
    let (table, parquet) = (described("all.csv"), described("all.parquet"));
    assert_eq!((table["rows"].as_u64(), table["users"].as_u64()), (Some(300), Some(60)));
    for what in ["rows", "items", "scale", "histogram", "ratings_per_item"] {
        assert_eq!(table[what], parquet[what], "{what}");
    }
    let lines = fs::read_to_string(scratch.path("all.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), 60);
    // One by one, everybody gets the same list.
    for line in lines.lines().take(10) {
        let together: serde_json::Value = serde_json::from_str(line).unwrap();
        let alone = scratch.json(&format!("recommend m.cofactor --user {} -n 5", together["user"]));
        assert_eq!(together["picks"], alone["picks"]);
    }

    scratch.file("ids.txt", "3\n1\n\n");
    scratch.file("items.txt", "5\n9\n17\n");
    scratch
        .run("recommend m.cofactor --users ids.txt --only items.txt --without 9 --include-seen -o some.csv");
    let some = fs::read_to_string(scratch.path("some.csv")).unwrap();
    let mut rows: Vec<(&str, &str)> = some
        .lines()
        .skip(1)
        .map(|line| line.split(',').collect::<Vec<_>>())
        .map(|row| (row[0], row[2]))
        .collect();
    assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), ["3", "3", "1", "1"]);
    rows.sort_unstable();
    assert_eq!(rows, [("1", "17"), ("1", "5"), ("3", "17"), ("3", "5")]);
    scratch.file("ids.txt", "3\nnobody\n");
    let refused = scratch.run("recommend m.cofactor --users ids.txt -o some.csv");
    assert!(refused.err.contains("user 'nobody' is unknown"), "{}", refused.err);
    assert_eq!(fs::read_to_string(scratch.path("some.csv")).unwrap(), some, "the old file stays");
    assert_eq!(scratch.run("recommend m.cofactor --user 1 -o some.csv").status, Some(2));
}
