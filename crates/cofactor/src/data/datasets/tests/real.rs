//! Against the real archives, where a folder or an address with them is named by `COFACTOR_MIRROR`.

use std::io::Read;

use super::*;

/// A store on the mirror with a cache of its own, or nothing where no mirror is named.
#[expect(
    clippy::disallowed_methods,
    reason = "only the person who runs the tests can say where the data are"
)]
fn store() -> Option<(Store, TempDir)> {
    let Ok(mirror) = std::env::var("COFACTOR_MIRROR") else {
        println!("skipped: COFACTOR_MIRROR names no folder with the real archives");
        return None;
    };
    let cache = tempfile::tempdir().unwrap();
    Some((Store { mirror: Some(mirror), offline: true, ..Store::new(cache.path()) }, cache))
}

#[test]
fn the_real_sets_load_with_their_titles() {
    let Some((store, _cache)) = store() else { return };
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
    let Some((store, _cache)) = store() else { return };
    let Some(folder) = store.mirror.as_deref().filter(|mirror| !is_url(mirror)) else {
        println!("skipped: the mirror is no folder, so the published files are not at hand");
        return;
    };
    let archive = File::open(Path::new(folder).join("ml-100k.zip")).unwrap();
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

/// Takes the network and half a minute, so only on request.
#[test]
#[expect(clippy::disallowed_methods, reason = "only the person who runs the tests can allow pip to run")]
fn pip_brings_the_published_ratings() {
    if std::env::var("COFACTOR_TEST_PIP").is_err() {
        println!("skipped: set COFACTOR_TEST_PIP=1 to let pip download a package");
        return;
    }
    let cache = tempfile::tempdir().unwrap();
    let package = Store { origins: Vec::new(), ..Store::new(cache.path()) };
    let by_pip = package.load("ml-100k", &mut |event| println!("{}", told(&event))).unwrap();
    assert_eq!((by_pip.users(), by_pip.items(), by_pip.len()), (943, 1_682, 100_000));
    assert_eq!(package.official("ml-100k", "u1", &by_pip).unwrap().len(), 20_000);
    if let Some((published, _cache)) = store() {
        let published = published.load("ml-100k", &mut |_| {}).unwrap();
        assert_eq!(by_pip.fingerprint(), published.fingerprint());
        assert_eq!(by_pip.catalog(), published.catalog());
    }
}
