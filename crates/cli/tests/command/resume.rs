//! `train --checkpoint` and `--resume`: a fit that was cut off goes on, and only that fit.

use std::fs;

use crate::support::{SMALL, Scratch};

const FIT: &str = "--model bfm --set factors=2 --set burn_in=16 --set samples=20 --set keep=4";

#[test]
fn a_fit_goes_on_with_the_same_bytes() {
    let scratch = Scratch::new();
    let unbroken = format!("train {SMALL} {FIT} --seed 5 --checkpoint half.cofactor -o whole.cofactor");
    let said = scratch.run(&unbroken);
    assert_eq!(said.status, Some(0), "{}", said.err);
    let resumed = scratch.json(&format!(
        "train {SMALL} {FIT} --seed 5 --threads 1 --resume half.cofactor -o resumed.cofactor"
    ));
    assert_eq!(resumed["epochs"][0]["epoch"], 33, "the state is of the 32nd sweep");
    let [whole, resumed] =
        ["whole.cofactor", "resumed.cofactor"].map(|name| fs::read(scratch.path(name)).unwrap());
    assert!(whole == resumed);
}

#[test]
fn another_fit_is_refused() {
    let scratch = Scratch::new();
    let said = scratch.run(&format!("train {SMALL} {FIT} --seed 5 --checkpoint half.cofactor"));
    assert_eq!(said.status, Some(0), "{}", said.err);
    let other = "synth:users=60,items=80,ratings=1501";
    for (command, problem) in [
        (format!("train {SMALL} {FIT} --seed 6"), "the seed was 5, and is 6 now"),
        (
            format!("train {SMALL} {} --seed 5", FIT.replace("factors=2", "factors=3")),
            "the parameter 'factors' was 2, and is 3 now",
        ),
        (format!("train {other} {FIT} --seed 5"), "it is of a fit to other data"),
    ] {
        let said = scratch.run(&format!("{command} --resume half.cofactor -o other.cofactor"));
        assert_eq!(said.status, Some(1), "{command}");
        assert!(said.err.contains(problem) && said.err.contains("--resume"), "{}", said.err);
    }
    let said = scratch.run("recommend half.cofactor --user 1");
    assert!(said.err.contains("the state of a fit that was cut off, and no model"), "{}", said.err);
    let said = scratch.run(&format!("train {SMALL} {FIT} --seed 5 --resume model.cofactor"));
    assert!(said.err.contains("no state of a fit"), "{}", said.err);
    let said = scratch.run(&format!("train {SMALL} --checkpoint half.cofactor"));
    assert_eq!(said.status, Some(2));
    assert!(said.err.contains("'mf' keeps no state"), "{}", said.err);
}
