//! `data`, and what becomes of bad input.

use crate::support::{SMALL, Scratch};

#[test]
fn data_sets_are_listed_with_their_licence() {
    let scratch = Scratch::new();
    let listed = scratch.json("data list");
    let sets = listed["data_sets"].as_array().unwrap();
    let set = sets.iter().find(|set| set["name"] == "ml-100k").unwrap();
    assert_eq!((set["ratings"].as_u64(), set["cached"].as_bool()), (Some(100_000), Some(false)));
    assert!(set["licence"].as_str().unwrap().contains("redistribution"));
    let said = scratch.run("data list");
    assert!(said.out.contains("ml-100k\tMovieLens 100K\t943\t"), "{}", said.out);
}

#[test]
fn without_a_source_the_error_says_how_to_go_on() {
    let scratch = Scratch::new();
    let said = scratch.run("data fetch ml-100k --offline --mirror empty");
    assert_eq!(said.status, Some(1));
    assert!(said.err.contains("could not be had") && said.err.contains("help: download"), "{}", said.err);
    assert!(said.err.contains("empty"), "each source is named: {}", said.err);
    let said = scratch.run("run ml-100");
    assert_eq!(said.status, Some(2));
    assert!(said.err.contains("no file 'ml-100'") && said.err.contains("ml-100k"), "{}", said.err);
}

#[test]
fn info_counts_and_draws() {
    let scratch = Scratch::new();
    scratch.movielens("u.data");
    let said = scratch.run("data info u.data");
    assert_eq!(said.status, Some(0), "{}", said.err);
    for word in ["Users        60", "1,500", "█", "Nothing is wrong", "Times"] {
        assert!(said.out.contains(word), "'{word}' is missing: {}", said.out);
    }
    let found = scratch.json("data info u.data");
    assert_eq!((found["users"].as_u64(), found["ratings"].as_u64()), (Some(60), Some(1500)));
    let bars: u64 =
        found["histogram"].as_array().unwrap().iter().map(|bar| bar["count"].as_u64().unwrap()).sum();
    assert_eq!(bars, 1500);
    let named = scratch.json(&format!("data info {SMALL}"));
    assert_eq!(named["data"]["ratings"], 1500);
}

#[test]
fn info_lists_every_problem_and_fails() {
    let scratch = Scratch::new();
    scratch.file("bad.csv", "user,item,rating\n1,1,5\n1,2,five\n2,1,nan\n2,2,4\n1,1,3\n,3,2\n");
    let said = scratch.run("data info bad.csv");
    assert_eq!(said.status, Some(1));
    for word in ["line 3", "five", "line 4", "nan", "line 7", "line 6"] {
        assert!(said.out.contains(word), "'{word}' is missing: {}", said.out);
    }
    let said = scratch.run("data info bad.csv --json");
    assert_eq!(said.status, Some(1));
    assert_eq!(said.object()["problems"].as_array().unwrap().len(), 4, "{}", said.out);
}

#[test]
fn bad_input_is_refused_before_training_with_file_line_and_way_out() {
    let scratch = Scratch::new();
    for (content, options, words) in [
        ("user,item,rating\n1,1,5\n1,2,five\n", "", &["x.csv:3", "five"][..]),
        ("user,item,rating\n1,1,5\n1,1,3\n", "", &["x.csv:3", "--duplicates"]),
        ("user,item,rating\n1,1,5\n1,2,7\n", "--scale 1..5", &["x.csv:3", "7"]),
        ("", "", &["x.csv"]),
    ] {
        scratch.file("x.csv", content);
        let said = scratch.run(&format!("train x.csv {options} -o m.cofactor"));
        assert_eq!(said.status, Some(1), "{content}: {}", said.err);
        for word in words {
            assert!(said.err.contains(word), "'{word}' is missing: {}", said.err);
        }
        assert_eq!(scratch.names("."), ["x.csv"]);
    }
    scratch.file("x.csv", "user,item,rating\n1,1,5\n1,1,3\n2,1,4\n");
    assert_eq!(scratch.run("train x.csv --duplicates mean --set epochs=1").status, Some(0));
    let said = scratch.run("train x.csv --scale 5..1");
    assert_eq!(said.status, Some(2));
    assert!(said.err.contains("--scale 1..5"), "{}", said.err);
}

#[test]
fn columns_and_delimiters_can_be_told() {
    let scratch = Scratch::new();
    scratch.file("x.txt", "5;ann;tea\n3;bob;tea\n4;ann;jam\n");
    let trained = scratch.json(
        "train x.txt --no-header --delimiter ; --rating-column 1 --user-column 2 --item-column 3 --set epochs=1",
    );
    assert_eq!((trained["data"]["users"].as_u64(), trained["data"]["items"].as_u64()), (Some(2), Some(2)));
    let said = scratch.run("predict model.cofactor --user bob --item jam");
    assert_eq!(said.status, Some(0), "{}", said.err);
    let said = scratch.run(&format!("train {SMALL} --no-header"));
    assert_eq!(said.status, Some(2));
    assert!(said.err.contains("nothing about its columns can be set"), "{}", said.err);
}
