//! The data sets by name against the real archives, where the folder that holds them is named by `COFACTOR_MIRROR`.
//!
//! Without it these tests say that they are skipped: the data may not be redistributed, so they are not in the repository.

use std::fs::File;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;

use cofactor::data::datasets::{Store, official};
use cofactor::data::ratings::Ratings;
use cofactor::data::split::plan;
use cofactor::eval::evaluate::{Options, evaluate};
use cofactor::registry::find;
use tempfile::TempDir;

/// What only the person who runs the tests can say.
#[expect(
    clippy::disallowed_methods,
    reason = "the library reads no environment, but its tests can be told no other way"
)]
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn told(variable: &str) -> Option<String> {
    let value = std::env::var(variable).ok();
    if value.is_none() {
        println!("skipped: {variable} is not set");
    }
    value
}

/// A store on the mirror with a cache of its own.
fn mirrored() -> Option<(Store, TempDir)> {
    let mirror = told("COFACTOR_MIRROR")?;
    let cache = tempfile::tempdir().expect("there is room for a cache");
    let mut store = Store::new(cache.path());
    (store.mirror, store.offline) = (Some(mirror), true);
    Some((store, cache))
}

#[test]
fn the_real_sets_load_with_their_titles() {
    let Some((store, _cache)) = mirrored() else { return };
    let load = |name: &str| store.load(name, &mut |_| {}).unwrap();
    let film = |ratings: &Ratings, id: &str| {
        let item = ratings.catalog().items.index_of(id).unwrap();
        let items = &ratings.catalog().item_attributes;
        let genres = items.labels("genres", item).join(" ");
        format!("{}, {:?}, {genres}", items.title(item).unwrap(), items.number("year", item).unwrap())
    };

    let small = load("ml-100k");
    assert_eq!((small.users(), small.items(), small.len()), (943, 1_682, 100_000));
    assert_eq!(film(&small, "12"), "The Usual Suspects (1995), 1995.0, Crime Thriller");
    assert_eq!(film(&small, "543"), "Les Misérables (1995), 1995.0, Drama Musical");
    let users = &small.catalog().user_attributes;
    assert_eq!((users.number("age", 0), users.labels("occupation", 0)), (Some(24.0), vec!["technician"]));

    let larger = load("ml-1m");
    assert_eq!((larger.users(), larger.items(), larger.len()), (6_040, 3_706, 1_000_209));
    assert_eq!(film(&larger, "2692"), "Run Lola Run (Lola rennt) (1998), 1998.0, Action Crime Romance");

    let latest = load("ml-latest-small");
    assert_eq!((latest.users(), latest.items(), latest.len()), (610, 9_724, 100_836));
    assert_eq!(film(&latest, "50"), "The Usual Suspects (1995), 1995.0, Crime Mystery Thriller");
}

#[test]
fn the_official_splits_are_the_published_files() {
    let Some((store, _cache)) = mirrored() else { return };
    let folder = store.mirror.clone().unwrap();
    let Ok(archive) = File::open(Path::new(&folder).join("ml-100k.zip")) else {
        println!("skipped: {folder} is no folder with ml-100k.zip");
        return;
    };
    let mut archive = zip::ZipArchive::new(archive).unwrap();
    let mut published = |file: String| {
        let mut text = String::new();
        archive.by_name(&format!("ml-100k/{file}")).unwrap().read_to_string(&mut text).unwrap();
        text
    };
    let ratings = store.load("ml-100k", &mut |_| {}).unwrap();
    let data = published("u.data".into());
    for split in official::NAMES {
        let (base, test) = official::divide(&data, split).unwrap();
        assert_eq!(base, published(format!("{split}.base")));
        assert_eq!(test, published(format!("{split}.test")));
        assert_eq!(store.official("ml-100k", split, &ratings).unwrap().len(), test.lines().count());
    }
}

/// Surprise 1.1.5 on the same files: KNNBaseline with its defaults and `pearson_baseline`, of items and of users.
#[test]
fn neighbours_predict_what_another_implementation_predicts() {
    let Some((store, _cache)) = mirrored() else { return };
    let ratings = store.load("ml-100k", &mut |_| {}).unwrap();
    let published = |split: &str| store.official("ml-100k", split, &ratings);
    let plan = plan("official:u1".parse().unwrap(), &ratings, 1, &published).unwrap();
    for (side, expected) in [("item", 0.935_885), ("user", 0.933_474)] {
        let set = [("side".to_owned(), side.to_owned())];
        let algorithm = find("knn").unwrap().configure_written(Some("surprise"), &set).unwrap();
        let outcome = evaluate(&*algorithm, &plan, &Options::default(), &mut |_| ControlFlow::Continue(()));
        let found = outcome.unwrap().evaluation.metrics["rmse"].mean;
        assert!((found - expected).abs() < 2e-5, "{side}: {found}, and there {expected}");
    }
}

/// Takes the network and maybe pip, so only on request.
#[test]
fn the_network_brings_the_same_ratings_wherever_they_are() {
    let Some(_) = told("COFACTOR_TEST_NETWORK") else { return };
    let cache = tempfile::tempdir().unwrap();
    let store = Store::new(cache.path());
    let fetched = store.load("ml-100k", &mut |event| println!("{event:?}")).unwrap();
    assert_eq!((fetched.users(), fetched.items(), fetched.len()), (943, 1_682, 100_000));
    assert_eq!(store.official("ml-100k", "u1", &fetched).unwrap().len(), 20_000);
    let Some((mirrored, _cache)) = mirrored() else { return };
    let published = mirrored.load("ml-100k", &mut |_| {}).unwrap();
    assert_eq!(fetched.fingerprint(), published.fingerprint());
    assert_eq!(fetched.catalog(), published.catalog());
}
