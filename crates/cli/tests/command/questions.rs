//! `predict`, `recommend`, `similar`, `explain`: questions to a model.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{SMALL, Said, Scratch};

/// A folder with a small model, `m.cofactor`.
fn trained() -> Scratch {
    let scratch = Scratch::new();
    let said = scratch.run(&format!("train {SMALL} --set epochs=10 --set factors=8 -o m.cofactor"));
    assert_eq!(said.status, Some(0), "{}", said.err);
    scratch
}

/// The titles of the model's first picks for a user: items that surely exist.
fn titles(scratch: &Scratch) -> Vec<String> {
    let picks = scratch.json("recommend m.cofactor --user 1 -n 3")["picks"].clone();
    picks.as_array().unwrap().iter().map(|pick| pick["title"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_item_is_found_by_id_and_by_title() {
    let scratch = trained();
    let pick = scratch.json("recommend m.cofactor --user 1 -n 1")["picks"][0].clone();
    let by_id = scratch.json(&format!("predict m.cofactor --user 1 --item {}", pick["id"]));
    let title = pick["title"].as_str().unwrap();
    let by_title =
        Said::of(scratch.command("predict m.cofactor --json --user 1 --item").arg(title).output().unwrap())
            .object();
    assert_eq!(by_id["prediction"], by_title["prediction"]);
    assert_eq!(by_id["prediction"]["title"], title);
    assert_eq!(by_id["prediction"]["known_user"], true);
    let said = scratch.run(&format!("predict m.cofactor --user 1 --item {}", pick["id"]));
    assert!(said.out.contains(title), "{}", said.out);
}

#[test]
fn many_pairs_come_from_a_file_or_a_pipe() {
    let scratch = trained();
    scratch.file("pairs.csv", "user,item\n1,2\n2,3\n");
    let said = scratch.run("predict m.cofactor --pairs pairs.csv");
    assert_eq!(said.out.lines().count(), 3, "{}", said.out);
    assert!(said.out.starts_with("user\titem\ttitle\tpredicted\n1\t2\t"), "{}", said.out);
    let mut child = scratch
        .command("predict m.cofactor --pairs - --json")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"1\t2\n2\t3\n").unwrap();
    let answered = Said::of(child.wait_with_output().unwrap()).object();
    let values: Vec<f64> = answered["predictions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|prediction| prediction["clipped"].as_f64().unwrap())
        .collect();
    assert_eq!(values.len(), 2);
    assert!(values.iter().all(|value| (1.0..=5.0).contains(value)), "{values:?}");
    scratch.file("bad.csv", "1,2\n99999,3\n");
    let said = scratch.run("predict m.cofactor --pairs bad.csv");
    assert_eq!(said.status, Some(1));
    assert!(said.err.contains("bad.csv:2: user '99999' is unknown"), "{}", said.err);
    assert!(said.err.contains("--unknown"), "{}", said.err);
}

#[test]
fn recommendations_leave_out_what_was_seen() {
    let scratch = trained();
    let ids = |arguments: &str| -> Vec<Value> {
        let answer = scratch.json(&format!("recommend m.cofactor --user 1 {arguments}"));
        answer["picks"].as_array().unwrap().iter().map(|pick| pick["id"].clone()).collect()
    };
    let (without, with) = (ids("-n 1000"), ids("-n 1000 --include-seen"));
    assert!(without.len() < with.len(), "{} {}", without.len(), with.len());
    assert!(without.iter().all(|id| with.contains(id)));
    assert_eq!(ids("").len(), 10);
    let said = scratch.run("recommend m.cofactor --user 1 --why -n 2");
    assert!(said.out.contains("rank\tscore\titem\ttitle\tbecause of\n1\t"), "{}", said.out);
}

#[test]
fn somebody_new_brings_ratings() {
    let scratch = trained();
    let titles = titles(&scratch);
    let ratings = format!("{}=5, {}=1", titles[0], titles[1]);
    let answer = Said::of(
        scratch.command("recommend m.cofactor --json --why --ratings").arg(&ratings).output().unwrap(),
    )
    .object();
    assert_eq!(answer["basis"], "fold_in");
    let picked: Vec<&Value> = answer["picks"].as_array().unwrap().iter().map(|pick| &pick["title"]).collect();
    assert!(!picked.contains(&&Value::from(titles[0].as_str())), "what was brought is not recommended");
    let said = scratch.run("recommend m.cofactor --ratings 1=9");
    assert_eq!(said.status, Some(2));
    assert!(said.err.contains("a rating from 1 to 5"), "{}", said.err);
}

#[test]
fn the_unknown_is_refused_or_answered_as_told() {
    let scratch = trained();
    let said = scratch.run("recommend m.cofactor --user nobody");
    assert_eq!(said.status, Some(1));
    assert!(said.err.contains("user 'nobody' is unknown") && said.err.contains("--ratings"), "{}", said.err);
    for (policy, basis) in [("popular", "popular"), ("mean", "mean")] {
        let answer = scratch.json(&format!("recommend m.cofactor --user nobody --unknown {policy}"));
        assert_eq!(answer["basis"], basis);
        let answer = scratch.json(&format!("predict m.cofactor --user nobody --item 2 --unknown {policy}"));
        assert_eq!(answer["prediction"]["known_user"], false);
    }
    let said = scratch.run("predict m.cofactor --user 1 --item nothing-like-it");
    assert_eq!(said.status, Some(1));
    assert!(said.err.contains("item 'nothing-like-it' is unknown"), "{}", said.err);
}

#[test]
fn everybodys_picks_go_to_a_file() {
    let scratch = trained();
    let written = scratch.json("recommend m.cofactor --all -n 4 -o picks.jsonl");
    assert_eq!((written["users"].as_u64(), written["picks"].as_u64()), (Some(60), Some(240)));
    let lines = fs::read_to_string(scratch.path("picks.jsonl")).unwrap();
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(lines.lines().count(), 60);
    let alone = scratch.json("recommend m.cofactor --user 1 -n 4");
    assert_eq!(first["picks"], alone["picks"], "the same list as alone");
    scratch.run("recommend m.cofactor --all -n 4 -o picks.csv");
    let table = fs::read_to_string(scratch.path("picks.csv")).unwrap();
    assert_eq!(table.lines().next(), Some("user,rank,item,title,score"));
    assert_eq!(table.lines().count(), 241);
    let said = scratch.run("recommend m.cofactor --all -o picks.txt");
    assert_eq!(said.status, Some(2));
    assert!(said.err.contains("*.jsonl, *.csv or *.parquet"), "{}", said.err);
    assert_eq!(scratch.names("."), ["m.cofactor", "picks.csv", "picks.jsonl"]);
}

#[test]
fn neighbours_are_ordered() {
    let scratch = trained();
    for of in ["--item 2", "--user 3"] {
        let answer = scratch.json(&format!("similar m.cofactor {of} -n 5"));
        let cosines: Vec<f64> = answer["neighbours"]
            .as_array()
            .unwrap()
            .iter()
            .map(|neighbour| neighbour["similarity"].as_f64().unwrap())
            .collect();
        assert_eq!(cosines.len(), 5, "{answer}");
        assert!(cosines.is_sorted_by(|a, b| a >= b) && cosines[0] <= 1.0, "{cosines:?}");
    }
    assert_eq!(scratch.run("similar m.cofactor").status, Some(2));
}

#[test]
fn the_parts_of_an_explanation_add_up() {
    let scratch = trained();
    let parts = scratch.json("explain m.cofactor --ratings 2=5,3=1,4=4 --item 5")["explanation"].clone();
    let number = |value: &Value| value.as_f64().unwrap();
    let shares: f64 =
        parts["contributions"].as_array().unwrap().iter().map(|part| number(&part["share"])).sum();
    let sum = number(&parts["mean"]) + number(&parts["item_bias"]) + number(&parts["prior"]) + shares;
    assert!((sum - number(&parts["explained_score"])).abs() < 1e-4, "{parts}");
    let said = scratch.run("explain m.cofactor --user 1 --item 5 -n 2");
    assert!(said.out.contains("the mean of all ratings") && said.out.contains("in all"), "{}", said.out);
    assert!(said.out.contains("other ratings"), "{}", said.out);
}

#[test]
fn a_file_that_is_no_model_is_refused() {
    let scratch = trained();
    let mut bytes = fs::read(scratch.path("m.cofactor")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(scratch.path("damaged.cofactor"), bytes).unwrap();
    scratch.file("text.cofactor", "hello");
    for file in ["damaged.cofactor", "text.cofactor", "missing.cofactor"] {
        let said = scratch.run(&format!("similar {file} --item 2"));
        assert_eq!(said.status, Some(1), "{file}");
        assert!(said.err.contains(file), "{}", said.err);
    }
}

#[test]
fn a_model_that_knows_how_sure_it_is_gives_intervals() {
    let scratch = trained();
    let said = scratch.run("predict m.cofactor --user 1 --item 2 --interval 0.9");
    assert!(said.err.contains("a 'mf' model does not say how sure it is"), "{}", said.err);
    let said = scratch.run("predict m.cofactor --user 1 --item 2 --interval 90");
    assert_eq!(said.status, Some(2), "{}", said.err);

    let parameters = "--model bfm --set factors=2 --set chains=8 --set burn_in=2 --set samples=4";
    let said = scratch.run(&format!("train {SMALL} {parameters} -o b.cofactor"));
    assert_eq!(said.status, Some(0), "{}", said.err);
    let of_share = |share: &str| {
        let asked = format!("predict b.cofactor --user 1 --item 2 --interval {share}");
        let answer = scratch.json(&asked)["prediction"].clone();
        let number = |value: &Value| value.as_f64().unwrap();
        let (low, high) = (number(&answer["interval"]["low"]), number(&answer["interval"]["high"]));
        assert!(low < number(&answer["clipped"]) && number(&answer["clipped"]) < high, "{answer}");
        assert!(number(&answer["sd"]) > 0.0);
        (low, high)
    };
    let (half, most) = (of_share("0.5"), of_share("0.9"));
    assert!(most.0 <= half.0 && half.1 <= most.1 && most != half, "{half:?} {most:?}");
    scratch.file("pairs.csv", "1,2\n");
    let said = scratch.run("predict b.cofactor --pairs pairs.csv --interval 0.9");
    assert!(said.out.starts_with("user\titem\ttitle\tpredicted\tlow\thigh\n1\t2\t"), "{}", said.out);
}

#[test]
fn a_model_of_steps_says_how_probable_each_rating_is() {
    let scratch = trained();
    let parameters = "--set target=probit --set factors=2 --set chains=8 --set burn_in=4 --set samples=4";
    let said = scratch.run(&format!("train {SMALL} --model bfm {parameters} -o p.cofactor"));
    assert_eq!(said.status, Some(0), "{}", said.err);
    let answer = scratch.json("predict p.cofactor --user 1 --item 2 --interval 0.9")["prediction"].clone();
    let number = |value: &Value| value.as_f64().unwrap();
    let chances = answer["chances"].as_array().unwrap();
    let total = |weight: &dyn Fn(&Value) -> f64| -> f64 {
        chances.iter().map(|chance| weight(chance) * number(&chance["probability"])).sum()
    };
    assert!((total(&|_| 1.0) - 1.0).abs() < 1e-6, "{answer}");
    assert!((total(&|chance| number(&chance["value"])) - number(&answer["value"])).abs() < 1e-4, "{answer}");
    let said = scratch.run("predict p.cofactor --user 1 --item 2 --interval 0.9");
    let told = chances
        .iter()
        .map(|chance| format!("{}: {:.0} %", chance["value"], 100.0 * number(&chance["probability"])));
    for told in told {
        let told = told.replace(".0:", ":");
        assert!(said.out.contains(&told) || said.err.contains(&told), "{told}: {} {}", said.out, said.err);
    }
}
