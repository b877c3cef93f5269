//! `tune`: the search for parameters, cut off and taken up again, and what its winner is good for.

use std::fs;

use serde_json::Value;

use crate::support::{SMALL, Scratch};

const SEARCH: &str =
    "--model mf --set factors=4 --set epochs=30 --search biases --patience 3 --split user:0.2";

/// The lines of a study by number, without the times.
fn trials(scratch: &Scratch, name: &str) -> Vec<Value> {
    let text = fs::read_to_string(scratch.path(name)).unwrap();
    let mut trials: Vec<Value> =
        text.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
    trials.sort_by_key(|trial| trial["number"].as_u64());
    for trial in &mut trials {
        trial["seconds"] = Value::Null;
    }
    trials
}

#[test]
fn a_study_is_made_and_its_winner_tested_and_trained() {
    let scratch = Scratch::new();
    let said = scratch.run(&format!("tune {SMALL} {SEARCH} --trials 20 --study s.jsonl --report s.html"));
    assert_eq!(said.status, Some(0), "{}", said.err);
    for word in
        ["validation rmse", "What mattered", "20 trials", "cofactor evaluate", "--study s.jsonl", "s.html"]
    {
        assert!(said.out.contains(word), "'{word}' is missing: {}", said.out);
    }
    let page = fs::read_to_string(scratch.path("s.html")).unwrap();
    assert!(page.contains("<figure id=\"history\">") && page.contains("<figure id=\"knob-biases\">"));
    let found = scratch.json(&format!("tune {SMALL} {SEARCH} --trials 20 --study s.jsonl"));
    assert_eq!(found["trials"].as_array().unwrap().len(), 20);
    let best = &found["trials"][found["best"].as_u64().unwrap() as usize];
    let lowest = found["trials"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|trial| trial["status"] == "done")
        .filter_map(|trial| trial["rmse"].as_f64());
    assert_eq!(best["rmse"].as_f64().unwrap(), lowest.fold(f64::MAX, f64::min));

    let tested = scratch.json(&format!("evaluate {SMALL} --study s.jsonl --split user:0.2"));
    assert_eq!(tested["model"]["config"], found["winner"]);
    assert_eq!(tested["epochs"].as_array().unwrap().len() as u64, best["epochs"].as_u64().unwrap());
    let leaks = |report: &Value| report["split"]["leakage"].as_str().unwrap().contains("were chosen on");
    assert!(!leaks(&tested));
    assert!(leaks(&scratch.json(&format!("evaluate {SMALL} --study s.jsonl --split random:0.2"))));
    let both = scratch.json(&format!("compare {SMALL} --models mf,mf:s.jsonl --split random:0.2"));
    let tuned = both["models"].as_array().unwrap().iter().find(|model| model["label"] == "mf:s.jsonl");
    assert_eq!(tuned.unwrap()["config"], found["winner"]);
    assert!(leaks(&both));
    let trained = scratch.json(&format!("train {SMALL} --study s.jsonl --set factors=2 -o m.cofactor"));
    assert_eq!(trained["model"]["config"]["factors"], 2);
    assert_eq!(trained["model"]["config"]["reg"], found["winner"]["reg"]);
    let said = scratch.run(&format!("train {SMALL} --study s.jsonl --model baseline"));
    assert_eq!(said.status, Some(2));
    assert!(said.err.contains("a study of mf, not of baseline"), "{}", said.err);
}

#[test]
fn a_study_grows_to_what_it_would_have_been() {
    let scratch = Scratch::new();
    scratch.run(&format!("tune {SMALL} {SEARCH} --trials 21 --study whole.jsonl --threads 2"));
    for trials in [3, 12, 21] {
        let command = format!("tune {SMALL} {SEARCH} --trials {trials} --study parts.jsonl --threads 1");
        assert_eq!(scratch.run(&command).status, Some(0));
    }
    assert_eq!(trials(&scratch, "parts.jsonl"), trials(&scratch, "whole.jsonl"));
    let said = scratch.run(&format!("tune {SMALL} {SEARCH} --trials 21 --study parts.jsonl --seed 1"));
    assert_eq!(said.status, Some(1));
    assert!(said.err.contains("seed is 42 there and 1 here"), "{}", said.err);
}

#[cfg(unix)]
#[test]
fn a_killed_study_goes_on_and_an_interrupted_one_says_how() {
    use std::process::{Child, Command, Stdio};
    use std::time::{Duration, Instant};

    let scratch = Scratch::new();
    let slow = "--model mf --set factors=16 --search reg=0.01..0.1 --set rate=0.002 --set epochs=400 --patience 40 --split kfold:3";
    let command = |file: &str| format!("tune {SMALL} {slow} --trials 16 --threads 2 --study {file}");
    assert_eq!(scratch.run(&command("whole.jsonl")).status, Some(0));
    let begun = |child: &mut Child| {
        let clock = Instant::now();
        let lines = || fs::read_to_string(scratch.path("cut.jsonl")).map_or(0, |text| text.lines().count());
        let before = lines();
        while lines() < before + 2 && clock.elapsed() < Duration::from_secs(60) {
            if child.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    let start = || {
        let mut child = scratch.command(&command("cut.jsonl"));
        child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut child = start();
    begun(&mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    let mut child = start();
    begun(&mut child);
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    if output.status.code() == Some(130) {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("cut.jsonl keeps") && said.contains("goes on"), "{said}");
    } else {
        assert_eq!(output.status.code(), Some(0), "it was faster than the signal");
    }
    assert_eq!(scratch.run(&command("cut.jsonl")).status, Some(0));
    assert_eq!(trials(&scratch, "cut.jsonl"), trials(&scratch, "whole.jsonl"));
}

#[test]
fn without_a_file_the_winner_is_written_out() {
    let scratch = Scratch::new();
    let said = scratch.run(&format!("tune {SMALL} --model baseline --trials 9 --quiet"));
    assert_eq!(said.status, Some(0), "{}", said.err);
    assert!(scratch.names(".").is_empty());
    let said = scratch.run(&format!("tune {SMALL} --model baseline --trials 2 --split kfold:2"));
    assert!(said.out.contains("--model baseline --set biases=true --set epochs="), "{}", said.out);
}

#[test]
fn what_cannot_be_searched_is_refused() {
    let scratch = Scratch::new();
    for (arguments, message, status) in [
        ("--search factor=1..2", "no parameter is called 'factor'", 2),
        ("--search epochs=1..2", "early stopping finds", 2),
        ("--set reg=0.1 --search reg", "do one of the two", 2),
        ("--validation 2", "between 0 and 1", 2),
        ("--trials 0", "--trials", 2),
        ("--split user:9", "user:0.09", 2),
    ] {
        let said = scratch.run(&format!("tune {SMALL} --model mf {arguments}"));
        assert_eq!(said.status, Some(status), "{arguments}: {}", said.err);
        assert!(said.err.contains(message), "{arguments}: {}", said.err);
    }
}
