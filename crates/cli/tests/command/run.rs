//! `run`, `train`, `evaluate`, `report`: from data to a model and a page.

use std::fs;

use serde_json::Value;

use crate::support::{SMALL, Scratch};

/// The keys that programs may rely on.
fn check_report(report: &Value) {
    for key in ["users", "items", "ratings", "name", "fingerprint"] {
        assert!(!report["data"][key].is_null(), "data.{key}: {report}");
    }
    for key in ["spec", "train", "test"] {
        assert!(!report["split"][key].is_null(), "split.{key}");
    }
    assert!(report["model"]["name"].is_string() && report["model"]["config"].is_object());
    assert!(report["seed"].is_u64() && report["threads"].is_u64() && report["version"].is_string());
    for metric in ["rmse", "mse", "mae"] {
        let measured = &report["metrics"][metric];
        let mean = measured["mean"].as_f64().unwrap();
        assert!(mean > 0.0 && measured["stderr"].as_f64().unwrap() > 0.0, "{metric}");
        assert!(
            measured["low"].as_f64().unwrap() < mean && mean < measured["high"].as_f64().unwrap(),
            "{metric}"
        );
        assert!(measured["n"].as_u64().unwrap() > 0, "{metric}");
    }
    for stage in ["read", "split", "fit", "evaluate", "total"] {
        assert!(report["seconds"][stage].as_f64().unwrap() >= 0.0, "seconds.{stage}");
    }
    let epoch = &report["epochs"][0];
    assert_eq!(epoch["epoch"], 1);
    assert!(epoch["train_rmse"].is_f64() && epoch["seconds"].is_f64());
}

#[test]
fn run_writes_three_files_and_says_where() {
    let scratch = Scratch::new();
    scratch.movielens("u.data");
    let said = scratch.run("run u.data --out results --seed 3");
    assert_eq!(said.status, Some(0), "{}", said.err);
    assert_eq!(scratch.names("results"), ["model.cofactor", "report.html", "report.json"]);
    for word in [
        "60 users",
        "user:0.2",
        "preset lesson",
        "100 epochs",
        "rmse\t",
        "is recommended",
        "results/report.html",
    ] {
        assert!(said.out.contains(word), "'{word}' is missing: {}", said.out);
    }
    assert!(said.out.contains("it knows the training part alone"), "{}", said.out);
    assert_eq!(said.err, "", "a pipe gets no progress");
    let page = fs::read_to_string(scratch.path("results/report.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") || page.starts_with("<!DOCTYPE html>"), "{}", &page[..40]);
    let report: Value =
        serde_json::from_str(&fs::read_to_string(scratch.path("results/report.json")).unwrap()).unwrap();
    check_report(&report);
    assert_eq!(report["command"], "cofactor run u.data --out results --seed 3");
    assert_eq!(report["example"]["picks"].as_array().unwrap().len(), 10);
}

#[test]
fn run_with_json_prints_the_report_and_the_files() {
    let scratch = Scratch::new();
    scratch.movielens("u.data");
    let report = scratch.json("run u.data --user 7 -n 3");
    check_report(&report);
    assert_eq!(report["files"]["model"], "cofactor-run/model.cofactor");
    assert_eq!(report["model"]["config"]["factors"], 5);
    assert_eq!(report["example"]["user"], "7");
    assert_eq!(report["example"]["picks"].as_array().unwrap().len(), 3);
    assert!(report["diagnostics"]["errors"].is_object());
    assert!(report["epochs"][99]["valid_rmse"].is_f64());
}

#[test]
fn a_user_who_is_not_there_is_refused_before_the_fit() {
    let scratch = Scratch::new();
    let said = scratch.run(&format!("run {SMALL} --user nobody --set epochs=100000"));
    assert_eq!(said.status, Some(1));
    assert!(said.err.contains("user 'nobody' is unknown") && said.err.contains("--user"), "{}", said.err);
    assert!(!said.out.contains("Fit"), "{}", said.out);
}

#[test]
fn model_preset_and_settings_go_one_on_top_of_the_other() {
    let scratch = Scratch::new();
    scratch.movielens("u.data");
    let config = |arguments: &str| scratch.json(&format!("run u.data {arguments}"))["model"].clone();
    let model = config("--set epochs=7");
    assert_eq!(
        (&model["config"]["epochs"], &model["config"]["biases"]),
        (&7.into(), &false.into()),
        "lesson"
    );
    let model = config("--model mf --set epochs=2");
    assert_eq!(model["config"]["biases"], true, "the defaults");
    let model = config("--model baseline");
    assert_eq!(model["name"], "baseline");
    let said = scratch.run("run u.data --set factor=5");
    assert_eq!(said.status, Some(2));
    assert!(
        said.err.contains("no parameter is called 'factor'") && said.err.contains("'factors'"),
        "{}",
        said.err
    );
    let said = scratch.run("run u.data --set factors=many");
    assert!(said.err.contains("a whole number from 1"), "{}", said.err);
    assert_eq!(said.status, Some(2));
}

#[test]
fn folds_are_summed_up() {
    let scratch = Scratch::new();
    scratch.movielens("u.data");
    let said = scratch.run("evaluate u.data --model baseline --split kfold:5");
    for word in ["5 folds", "1/5", "5/5", "mean", "std", "together"] {
        assert!(said.out.contains(word), "'{word}' is missing: {}", said.out);
    }
    let report = scratch.json("evaluate u.data --model baseline --split kfold:5");
    check_report(&report);
    assert_eq!(report["folds"].as_array().unwrap().len(), 5);
    assert_eq!(report["metrics"]["rmse"]["n"], report["data"]["ratings"]);
    assert_eq!(report["summary"]["rmse"]["folds"], 5);
    assert_eq!(scratch.names("."), ["u.data"], "evaluate writes nothing");
}

#[test]
fn every_split_is_made_or_refused_with_a_reason() {
    let scratch = Scratch::new();
    scratch.movielens("u.data");
    for split in ["user:0.3", "random:0.2", "loo", "time:0.2", "kfold:2"] {
        let report = scratch.json(&format!("evaluate u.data --model baseline --split {split}"));
        assert_eq!(report["split"]["spec"], split);
    }
    let said = scratch.run("evaluate u.data --split official:u1");
    assert_eq!(said.status, Some(1));
    assert!(said.err.contains("published") && said.err.contains("ml-100k"), "{}", said.err);
    for wrong in ["user:2", "thirds", "kfold:1"] {
        let said = scratch.run(&format!("evaluate u.data --split {wrong}"));
        assert_eq!(said.status, Some(2), "{wrong}: {}", said.err);
        assert!(said.err.contains(wrong), "{}", said.err);
    }
}

#[test]
fn threads_never_change_the_model() {
    let scratch = Scratch::new();
    for threads in [1, 2, 5] {
        let said =
            scratch.run(&format!("train {SMALL} --set epochs=5 --threads {threads} -o m{threads}.cofactor"));
        assert_eq!(said.status, Some(0), "{}", said.err);
    }
    let bytes = |threads| fs::read(scratch.path(format!("m{threads}.cofactor"))).unwrap();
    assert!(bytes(1) == bytes(2) && bytes(1) == bytes(5));
    scratch.run(&format!("train {SMALL} --set epochs=5 --seed 43 -o other.cofactor"));
    assert!(bytes(1) != fs::read(scratch.path("other.cofactor")).unwrap(), "the seed does");
}

#[test]
fn train_says_what_it_did() {
    let scratch = Scratch::new();
    let trained = scratch.json(&format!("train {SMALL} --set epochs=3 -o m.cofactor"));
    assert_eq!(trained["data"]["ratings"], 1500);
    assert_eq!(trained["epochs"].as_array().unwrap().len(), 3);
    assert_eq!(trained["file"], "m.cofactor");
    assert_eq!(scratch.names("."), ["m.cofactor"]);
    let said = scratch.run(&format!("train {SMALL} --set epochs=3 --quiet -o m.cofactor"));
    assert_eq!((said.out.as_str(), said.err.as_str()), ("", ""), "quiet");
}

#[test]
fn early_stopping_finds_the_epochs_and_says_so() {
    let scratch = Scratch::new();
    let eager = "--set rate=0.03 --set reg=0 --set factors=16 --early-stopping=0.2 --patience 3";
    let report = scratch.json(&format!("evaluate {SMALL} {eager} --split kfold:2"));
    for fold in report["folds"].as_array().unwrap() {
        let found = &fold["early_stopping"];
        let epochs = found["epochs"].as_u64().unwrap();
        assert_eq!(found["curve"].as_array().unwrap().len() as u64, epochs + 3);
        assert_eq!(fold["epochs"].as_array().unwrap().len() as u64, epochs);
        assert_eq!(found["share"], 0.2);
    }
    assert_eq!(report["model"]["config"]["epochs"], report["folds"][1]["early_stopping"]["epochs"]);
    let trained = scratch.json(&format!("train {SMALL} {eager} -o m.cofactor"));
    assert_eq!(trained["model"]["config"]["epochs"], trained["early_stopping"]["epochs"]);
    let said = scratch.run(&format!("run {SMALL} --model mf --early-stopping --set epochs=30"));
    assert!(said.out.contains("kept aside"), "{}", said.out);
    let page = fs::read_to_string(scratch.path("cofactor-run/report.html")).unwrap();
    assert!(page.contains("<figure id=\"stopping\">") && page.contains("<figure id=\"curves\">"));
    let said = scratch.run(&format!("evaluate {SMALL} --early-stopping=2"));
    assert_eq!(said.status, Some(2), "{}", said.err);
    assert!(said.err.contains("between 0 and 1"), "{}", said.err);
    let said = scratch.run(&format!("evaluate {SMALL} --patience 0"));
    assert_eq!(said.status, Some(2), "{}", said.err);
}

#[test]
fn divergence_names_epoch_and_remedy_and_leaves_nothing() {
    let scratch = Scratch::new();
    let said = scratch.run(&format!("train {SMALL} --set rate=1 --set biases=false -o m.cofactor"));
    assert_eq!(said.status, Some(1));
    assert!(said.err.contains("diverged in epoch") && said.err.contains("help:"), "{}", said.err);
    assert!(scratch.names(".").is_empty());
}

#[test]
fn the_page_is_made_again_from_the_json() {
    let scratch = Scratch::new();
    scratch.run(&format!("run {SMALL} --out r"));
    let before = fs::read(scratch.path("r/report.html")).unwrap();
    fs::remove_file(scratch.path("r/report.html")).unwrap();
    let said = scratch.run("report r/report.json");
    assert_eq!(said.status, Some(0), "{}", said.err);
    assert!(before == fs::read(scratch.path("r/report.html")).unwrap());
    let made = scratch.json("report r/report.json -o other.html");
    assert_eq!(made["file"], "other.html");
    scratch.file("bad.json", "{\"version\": 1}");
    let said = scratch.run("report bad.json");
    assert_eq!(said.status, Some(1));
    assert!(said.err.contains("this is not a report"), "{}", said.err);
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let scratch = Scratch::new();
    scratch.file("taken", "");
    let said = scratch.run(&format!("run {SMALL} --out taken"));
    assert_eq!(said.status, Some(1));
    assert!(said.err.contains("taken"), "{}", said.err);
    let said = scratch.run(&format!("train {SMALL} --set epochs=1 -o nowhere/m.cofactor"));
    assert_eq!(said.status, Some(1));
    assert!(said.err.contains("nowhere/m.cofactor"), "{}", said.err);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_fit_after_the_epoch_and_leaves_no_file() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    let scratch = Scratch::new();
    let mut child = scratch
        .command(&format!("train {SMALL} --set epochs=100000 --set rate=0.0001 -o m.cofactor"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("Model") {
        line.clear();
        assert!(out.read_line(&mut line).unwrap() > 0, "the fit has begun");
    }
    let signalled = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(signalled.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(String::from_utf8_lossy(&output.stderr).contains("interrupted"), "{output:?}");
    assert!(scratch.names(".").is_empty(), "{:?}", scratch.names("."));
}
