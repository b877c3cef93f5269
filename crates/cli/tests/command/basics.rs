//! Help, exit status, errors, colours, and the commands that need no data.

use std::process::Stdio;

use crate::support::Scratch;

const COMMANDS: &[&str] = &[
    "run",
    "data",
    "models",
    "train",
    "evaluate",
    "compare",
    "ladder",
    "tune",
    "predict",
    "recommend",
    "similar",
    "explain",
    "report",
    "derive",
    "doctor",
];

#[test]
fn every_command_helps_with_examples() {
    let scratch = Scratch::new();
    for command in COMMANDS {
        let said = scratch.run(&format!("{command} --help"));
        assert_eq!(said.status, Some(0), "{command}");
        assert!(said.out.contains("Examples:"), "{command}: {}", said.out);
        assert!(said.out.contains(&format!("cofactor {command}")), "{command}: {}", said.out);
        assert!(said.out.contains("--json"), "{command}: {}", said.out);
    }
    let said = scratch.run("--help");
    for command in COMMANDS {
        assert!(said.out.contains(command), "{}", said.out);
    }
    assert!(said.out.contains("Exit status"), "{}", said.out);
}

#[test]
fn wrong_usage_ends_with_2_and_says_how_to_go_on() {
    let scratch = Scratch::new();
    let said = scratch.run("models --bogus");
    assert_eq!(said.status, Some(2));
    assert!(said.err.contains("--bogus") && said.err.contains("--help"), "{}", said.err);
    let said = scratch.run("models baselin");
    assert_eq!(said.status, Some(2));
    assert_eq!(said.err.lines().next(), Some("error: no model is called 'baselin'"));
    assert!(said.err.contains("help: did you mean 'baseline'?"), "{}", said.err);
}

#[test]
fn with_json_an_error_is_one_object() {
    let scratch = Scratch::new();
    let error = scratch.run("models baselin --json").error();
    assert_eq!((error["kind"].as_str(), error["status"].as_u64()), (Some("unknown_name"), Some(2)));
    assert!(error["hint"].as_str().unwrap().contains("baseline"));
    let error = scratch.run("models --bogus --json").error();
    assert_eq!(error["kind"], "usage");
    assert!(error["message"].as_str().unwrap().contains("--bogus"));
}

#[test]
fn models_are_listed_and_shown() {
    let scratch = Scratch::new();
    let said = scratch.run("models");
    assert!(said.out.starts_with("model\twhat it is\t"), "{}", said.out);
    let listed = scratch.json("models");
    let names: Vec<&str> =
        listed["models"].as_array().unwrap().iter().map(|model| model["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"mf") && names.contains(&"baseline"), "{names:?}");
    for name in names {
        let said = scratch.run(&format!("models {name}"));
        for heading in ["## Model", "## Objective", "## References", "Parameters"] {
            assert!(said.out.contains(heading), "{name} lacks {heading}: {}", said.out);
        }
        let shown = scratch.json(&format!("models {name}"));
        for parameter in shown["parameters"].as_array().unwrap() {
            assert!(!parameter["default"].is_null(), "{name}: {parameter}");
        }
    }
}

#[test]
fn doctor_finds_the_kernels_right() {
    let found = Scratch::new().json("doctor");
    assert_eq!(found["self_test"]["different"], 0);
    assert!(found["self_test"]["values"].as_u64().unwrap() > 100_000);
    assert_eq!(found["speed"].as_array().unwrap().len(), 4);
    assert!(found["peak_gflops"].as_f64().unwrap() > 0.1);
    assert!(found["speed"][0]["million_updates_per_second"].as_f64().unwrap() > 0.1);
    let said = Scratch::new().run("doctor");
    assert_eq!(said.status, Some(0));
    assert!(said.out.contains("0 bits differ"), "{}", said.out);
}

#[test]
fn a_pipe_gets_no_colour_and_a_closed_one_no_complaint() {
    let scratch = Scratch::new();
    for command in ["models mf", "doctor"] {
        let said = scratch.run(command);
        assert!(!said.out.contains('\u{1b}') && !said.err.contains('\u{1b}'), "{command}: {}", said.out);
    }
    let mut child =
        scratch.command("models mf").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}
