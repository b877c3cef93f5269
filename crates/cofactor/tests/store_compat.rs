//! Files of every format version that there has been still open and answer as they did.

use std::path::{Path, PathBuf};

use cofactor::data::attributes::{Attributes, Column, TITLE, Values};
use cofactor::data::ratings::{Duplicates, Ratings, RatingsBuilder, Scale};
use cofactor::fit::run::Run;
use cofactor::recommender::{HistoryEntry, Recommender, Request, Unknown, Who};
use cofactor::registry;
use cofactor::store::{FORMAT_VERSION, ModelFile};
use serde_json::{Value, json};

fn file_of_version(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/v{version}.cofactor"))
}

/// The predictions of `v1.cofactor` when it was written.
const PREDICTIONS: [(&str, &str, f32); 4] = [
    ("user-0", "0", 4.966_696),
    ("user-7", "13", 4.981_357_6),
    ("user-11", "2", 1.032_407_5),
    ("user-4", "9", 1.023_221_3),
];

#[test]
fn version_1_opens_and_predicts_the_recorded_values() {
    let recommender = Recommender::open(&file_of_version(1)).unwrap();
    let file = recommender.file();
    assert_eq!((file.algorithm.as_str(), file.seed, file.data.name.as_str()), ("mf", 3, "checkerboard"));
    assert_eq!((file.data.users, file.data.items, file.data.ratings), (12, 15, 144));
    assert_eq!(file.metrics, Some(json!({ "rmse": { "mean": 0.25 } })));
    for (user, item, value) in PREDICTIONS {
        assert_eq!(recommender.predict(user, item, Unknown::Error).unwrap().value, value, "{user}, {item}");
    }
    let history = ["Film 2, The (1972)", "Film 4, The (1974)"];
    let history = history.map(|title| HistoryEntry { item: title.to_owned(), value: 5.0 });
    let request = Request { n: 3, ..Request::default() };
    let picks = recommender.recommend(Who::History(&history), &request).unwrap().picks;
    let ids: Vec<String> = picks.iter().map(|pick| pick.item.id.to_string()).collect();
    assert_eq!(ids, ["12", "8", "6"]);
}

/// Run this once when the format gets a new version: `cargo test --test store_compat -- --ignored`.
#[test]
#[ignore = "writes the file of the present version, which is then kept for good"]
fn write_the_file_of_this_version() {
    let path = file_of_version(FORMAT_VERSION);
    assert!(!path.exists(), "{} is there already; it must never change", path.display());
    let Value::Object(config) = json!({ "factors": 3, "rate": 0.02, "epochs": 100, "reg": 0.02 }) else {
        unreachable!("this is an object")
    };
    let configured = registry::find("mf").unwrap().configure(&config).unwrap();
    let ratings = checkerboard();
    let model = configured.fit(&ratings, &mut Run::new(3, 1).unwrap()).unwrap();
    let mut file = ModelFile::new("mf", configured.config(), 3, ratings, model);
    file.metrics = Some(json!({ "rmse": { "mean": 0.25 } }));
    file.save(&path).unwrap();
    let recommender = Recommender::open(&path).unwrap();
    for (user, item, _) in PREDICTIONS {
        println!("{user} {item}: {:?}", recommender.predict(user, item, Unknown::Error).unwrap().value);
    }
}

/// Even users like even items, odd ones odd items; a fifth of the pairs is unrated.
fn checkerboard() -> Ratings {
    let mut builder = RatingsBuilder::new(true);
    for (user, item) in (0..12).flat_map(|user| (0..15).map(move |item| (user, item))) {
        if (user * 3 + item) % 5 != 0 {
            let value = if user % 2 == item % 2 { 5.0 } else { 1.0 };
            builder.push(&format!("user-{user}"), &item.to_string(), value, Some(86_400 * item));
        }
    }
    let scale = Scale { min: 1.0, max: 5.0 };
    let built = builder.finish("checkerboard", Some(scale), Duplicates::Error, |users, items| {
        let column = |name: &str, values| Column { name: name.to_owned(), values };
        let ages = (0..users.len()).map(|user| (user != 5).then_some(20.5 + user as f64)).collect();
        let titles = (0..items.len()).map(|item| format!("Film {item}, The ({})", 1970 + item)).collect();
        let labels = vec!["Drama".to_owned(), "Comédie".to_owned()];
        let members = (0..items.len()).map(|item| if item % 2 == 0 { vec![0] } else { vec![0, 1] }).collect();
        (
            Attributes { columns: vec![column("age", Values::Number(ages))] },
            Attributes {
                columns: vec![
                    column(TITLE, Values::Text(titles)),
                    column("genres", Values::Labels { labels, members }),
                ],
            },
        )
    });
    built.expect("no pair occurs twice")
}
