//! Fetching and loading, against archives of invented data and servers on the loopback.

mod server;

use std::time::Duration;

use tempfile::TempDir;

use self::server::{Answer, Server};
use super::*;
use crate::data::synth::shaped::{NamedFile, movielens_files, write_archive};

/// A data set of invented ratings, its files, and a folder with its archive.
struct Fixture {
    set: &'static DataSet,
    files: Vec<NamedFile>,
    mirror: TempDir,
    cache: TempDir,
}

const SIZE: Synth = Synth { users: 30, items: 40, ratings: 600, ..Synth::DEFAULT };

impl Fixture {
    fn new(name: &'static str, dialect: Dialect) -> Self {
        let ratings = generate(&SIZE).unwrap().ratings;
        Self::of(name, dialect, movielens_files(&ratings, dialect))
    }

    fn of(name: &'static str, dialect: Dialect, files: Vec<NamedFile>) -> Self {
        let mirror = tempfile::tempdir().unwrap();
        write_archive(&files, name, &mirror.path().join(format!("{name}.zip"))).unwrap();
        let set = leak(described(name, dialect, &files));
        Self { set, files, mirror, cache: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str) -> &[u8] {
        &self.files.iter().find(|(file, _)| file == name).unwrap().1
    }

    fn archive(&self) -> Vec<u8> {
        fs::read(self.mirror.path().join(self.set.archive())).unwrap()
    }

    /// A store that asks the mirror's folder alone.
    fn store(&self) -> Store {
        let mirror = Some(self.mirror.path().to_str().unwrap().to_owned());
        Store { mirror, ..self.store_of(Vec::new()) }
    }

    /// A store that asks these addresses alone, and without much patience.
    fn store_of(&self, origins: Vec<String>) -> Store {
        let patience = Patience {
            connect: Duration::from_secs(5),
            read: Duration::from_millis(500),
            pause: Duration::from_millis(1),
        };
        Store { origins, patience, ..Store::new(self.cache.path()) }
    }

    fn cached(&self, file: &str) -> PathBuf {
        self.cache.path().join(self.set.name).join(file)
    }

    /// What lies in the cache's folder, hidden or not, but for the lock.
    fn cache_entries(&self) -> Vec<String> {
        let names = fs::read_dir(self.cache.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let lock = |name: &String| Path::new(name).extension().is_some_and(|extension| extension == "lock");
        names.filter(|name| !lock(name)).collect()
    }
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn leaked(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

fn described(name: &'static str, dialect: Dialect, files: &[NamedFile]) -> DataSet {
    let hash = |content: &[u8]| leaked(unpack::hash_text(std::str::from_utf8(content).unwrap()));
    let role = |file: &str| match file {
        "u.data" | "ratings.dat" | "ratings.csv" => Some(Role::Ratings),
        "u.item" | "movies.dat" | "movies.csv" => Some(Role::Items),
        "u.user" | "users.dat" => Some(Role::Users),
        _ => None,
    };
    let member = |(file, content): &NamedFile| {
        let hashes: &'static [&'static str] = leak([hash(content)]);
        Some(Member { file: leaked(file.clone()), role: role(file)?, sha256: hashes })
    };
    let split = |(file, content): &NamedFile| {
        Some(OfficialSplit { name: leaked(file.strip_suffix(".test")?.to_owned()), sha256: hash(content) })
    };
    DataSet {
        name,
        title: "Invented",
        users: SIZE.users,
        items: SIZE.items,
        ratings: SIZE.ratings,
        dialect,
        members: leak(files.iter().filter_map(member).collect::<Vec<_>>()),
        splits: leak(files.iter().filter_map(split).collect::<Vec<_>>()),
        max_bytes: 1 << 20,
        ..DATASETS[0]
    }
}

/// What an observer saw, in words.
fn told(event: &Event<'_>) -> String {
    match event {
        Event::Damaged { reason } => format!("damaged: {reason}"),
        Event::Waiting => "waiting".into(),
        Event::Trying { source } => format!("trying {source}"),
        Event::Received { bytes, total } => format!("received {bytes} of {total:?}"),
        Event::Retrying { reason } => format!("retrying: {reason}"),
        Event::Failed { source, reason } => format!("failed {source}: {reason}"),
        Event::Verified { file } => format!("verified {file}"),
        Event::Counted { ratings } => format!("counted {ratings}"),
        Event::Licence(set) => format!("licence of {}", set.name),
    }
}

/// Fetches, and tells what the observer saw but for the bytes.
fn fetch(store: &Store, set: &'static DataSet) -> (Result<Fetched>, Vec<String>) {
    let mut seen = Vec::new();
    let result = store.fetch_set(set, &mut |event| {
        if !matches!(event, Event::Received { .. }) {
            seen.push(told(&event));
        }
    });
    (result, seen)
}

/// The error's text, with the folders' random names made plain.
fn message(fixture: &Fixture, error: &Error) -> String {
    let text = error.to_string();
    let text = text.replace(fixture.cache.path().to_str().unwrap(), "CACHE");
    text.replace(fixture.mirror.path().to_str().unwrap(), "MIRROR")
}

#[test]
fn a_folder_fills_the_cache_once() {
    let fixture = Fixture::new("ml-100k", Dialect::Tabs);
    let (first, seen) = fetch(&fixture.store(), fixture.set);
    let source = format!("{}/ml-100k.zip", fixture.mirror.path().display());
    assert_eq!(
        seen,
        [
            &format!("trying {source}"),
            "verified u.item",
            "verified u.user",
            "verified u.data",
            "licence of ml-100k"
        ]
    );
    let first = first.unwrap();
    assert!(first.fresh && first.source == source);
    assert_eq!(fs::read(fixture.cached("u.data")).unwrap(), fixture.file("u.data"));
    assert_eq!(fixture.cache_entries(), ["ml-100k"]);

    let (second, seen) = fetch(&fixture.store(), fixture.set);
    let second = second.unwrap();
    assert!(!second.fresh && second.source == source && second.files == first.files);
    assert!(seen.is_empty());
}

#[test]
fn each_dialect_comes_back_as_it_was_drawn() {
    let drawn = generate(&SIZE).unwrap().ratings;
    for (name, dialect) in
        [("ml-100k", Dialect::Tabs), ("ml-1m", Dialect::DoubleColons), ("ml-latest-small", Dialect::Csv)]
    {
        let fixture = Fixture::new(name, dialect);
        let loaded = fixture.store().load_set(fixture.set, &mut |_| {}).unwrap();
        assert_eq!(loaded.fingerprint(), drawn.fingerprint());
        assert_eq!((loaded.scale(), loaded.catalog().name.as_str()), (fixture.set.scale, name));
        let (items, drawn_items) = (&loaded.catalog().item_attributes, &drawn.catalog().item_attributes);
        for item in 0..SIZE.items {
            assert_eq!(items.title(item), drawn_items.title(item));
            assert_eq!(items.number("year", item), drawn_items.number("year", item));
            assert_eq!(items.labels("genres", item), drawn_items.labels("genres", item));
        }
        let users = &loaded.catalog().user_attributes;
        let has_users = dialect != Dialect::Csv;
        assert_eq!(
            users.number("age", 3),
            drawn.catalog().user_attributes.number("age", 3).filter(|_| has_users)
        );
    }
}

#[test]
fn a_server_is_asked_again_where_that_helps() {
    let fixture = Fixture::new("ml-100k", Dialect::Tabs);
    let archive = fixture.archive();
    let server = Server::start(vec![
        Answer::Status(503),
        Answer::Truncated(archive.clone()),
        Answer::Whole(archive.clone()),
    ]);
    let (result, seen) = fetch(&fixture.store_of(vec![server.url()]), fixture.set);
    assert_eq!(fs::read(fixture.cached("u.data")).unwrap(), fixture.file("u.data"));
    assert_eq!(result.unwrap().source, format!("{}/ml-100k.zip", server.url()));
    assert_eq!(seen[1], "retrying: the server answered 503 (a fault of the server)");
    assert!(seen[2].starts_with("retrying: the transfer broke off after "), "{}", seen[2]);
    assert_eq!(server.asked(), ["/ml-100k.zip"; 3]);
}

#[test]
fn the_bytes_are_told_as_they_come() {
    let fixture = Fixture::new("ml-100k", Dialect::Tabs);
    let archive = fixture.archive();
    let server = Server::start(vec![Answer::Whole(archive.clone())]);
    let mut last = None;
    let observer = &mut |event: Event<'_>| {
        if let Event::Received { bytes, total } = event {
            assert!(last.is_none_or(|(before, _)| before < bytes));
            last = Some((bytes, total));
        }
    };
    fixture.store_of(vec![server.url()]).fetch_set(fixture.set, observer).unwrap();
    assert_eq!(last, Some((archive.len() as u64, Some(archive.len() as u64))));
}

#[test]
fn a_redirection_is_followed() {
    let fixture = Fixture::new("ml-100k", Dialect::Tabs);
    let target = Server::start(vec![Answer::Whole(fixture.archive())]);
    let server = Server::start(vec![Answer::Redirect(format!("{}/elsewhere.zip", target.url()))]);
    assert!(fetch(&fixture.store_of(vec![server.url()]), fixture.set).0.unwrap().fresh);
    assert_eq!(target.asked(), ["/elsewhere.zip"]);
}

#[test]
fn a_mirror_may_be_an_address() {
    let fixture = Fixture::new("ml-100k", Dialect::Tabs);
    let server = Server::start(vec![Answer::Whole(fixture.archive())]);
    let store = Store { mirror: Some(format!("{}/sets/", server.url())), ..fixture.store_of(Vec::new()) };
    assert!(fetch(&store, fixture.set).0.unwrap().fresh);
    assert_eq!(server.asked(), ["/sets/ml-100k.zip"]);
}

#[test]
fn when_every_source_fails_each_is_named_with_its_reason() {
    let fixture = Fixture::new("ml-1m", Dialect::DoubleColons);
    let silent = Answer::Nothing;
    let servers = [
        Server::start(vec![Answer::Status(404)]),
        Server::start(vec![Answer::Whole(b"<html>Please log in</html>".to_vec())]),
        Server::start(vec![silent.clone(), silent.clone(), silent]),
        Server::start(vec![Answer::Status(500), Answer::Status(500), Answer::Status(502)]),
    ];
    let urls: Vec<String> = servers.iter().map(Server::url).collect();
    let store = Store { mirror: Some("MIRROR-FOLDER".into()), ..fixture.store_of(urls.clone()) };
    let mut text = message(&fixture, &fetch(&store, fixture.set).0.unwrap_err());
    for (url, name) in urls.iter().zip(["http://one", "http://two", "http://three", "http://four"]) {
        text = text.replace(url, name);
    }
    assert_eq!(
        text,
        "the data set 'ml-1m' could not be had\n  \
         - MIRROR-FOLDER/ml-1m.zip: there is no such file\n  \
         - http://one/ml-1m.zip: the server answered 404 (not found)\n  \
         - http://two/ml-1m.zip: what came is no zip archive, or a damaged one (invalid Zip archive: Could not find \
         EOCD)\n  \
         - http://three/ml-1m.zip: timeout: receive response (tried 3 times)\n  \
         - http://four/ml-1m.zip: the server answered 502 (a fault of the server) (tried 3 times)\n  \
         help: download https://files.grouplens.org/datasets/movielens/ml-1m.zip by any means, save it as \
         CACHE/ml-1m.zip, and run this again"
    );
    assert!(fixture.cache_entries().is_empty());
}

#[test]
fn a_file_with_another_content_is_refused_and_not_kept() {
    let mut fixture = Fixture::new("ml-1m", Dialect::DoubleColons);
    let mut other = *fixture.set;
    other.members = leak(vec![Member { sha256: &["00ff"], ..fixture.set.members[0] }]);
    fixture.set = leak(other);
    let found = unpack::hash_text(std::str::from_utf8(fixture.file("ratings.dat")).unwrap());
    let text = message(&fixture, &fetch(&fixture.store(), fixture.set).0.unwrap_err());
    let reason = format!(
        "MIRROR/ml-1m.zip: ratings.dat is not the published file: its SHA-256 should be 00ff and is {found}"
    );
    assert!(text.contains(&reason), "{text}");
    assert!(fixture.cache_entries().is_empty());
}

#[test]
fn an_archive_without_a_file_or_too_large_is_refused() {
    let fixture = Fixture::new("ml-1m", Dialect::DoubleColons);
    let reason = |set: DataSet| message(&fixture, &fetch(&fixture.store(), leak(set)).0.unwrap_err());
    let missing = leak([Member { file: "u.data", ..fixture.set.members[0] }]);
    assert!(reason(DataSet { members: missing, ..*fixture.set }).contains(": the archive holds no u.data\n"));
    let text = reason(DataSet { max_bytes: 100, ..*fixture.set });
    assert!(text.contains(": ratings.dat has more than 100 bytes, too many for this data set\n"), "{text}");

    let server = Server::start(vec![Answer::Whole(fixture.archive())]);
    let set = leak(DataSet { max_bytes: 100, ..*fixture.set });
    let text = message(&fixture, &fetch(&fixture.store_of(vec![server.url()]), set).0.unwrap_err());
    assert!(text.contains(": the archive has more than 100 bytes, too many for this data set\n"), "{text}");
}

#[test]
fn a_path_in_an_archive_leads_nowhere() {
    let fixture = Fixture::new("ml-1m", Dialect::DoubleColons);
    write_archive(&fixture.files, "../../..", &fixture.mirror.path().join("ml-1m.zip")).unwrap();
    assert!(fetch(&fixture.store(), fixture.set).0.unwrap().fresh);
    assert_eq!(fixture.cache_entries(), ["ml-1m"]);
    assert_eq!(fs::read(fixture.cached("ratings.dat")).unwrap(), fixture.file("ratings.dat"));
}

#[test]
fn an_archive_put_into_the_cache_by_hand_is_used() {
    let fixture = Fixture::new("ml-1m", Dialect::DoubleColons);
    fs::write(fixture.cache.path().join("ml-1m.zip"), fixture.archive()).unwrap();
    let store = Store { offline: true, ..fixture.store_of(vec!["http://127.0.0.1:1".into()]) };
    let fetched = fetch(&store, fixture.set).0.unwrap();
    assert_eq!(fetched.source, format!("{}/ml-1m.zip", fixture.cache.path().display()));
}

#[test]
fn what_a_killed_process_left_is_removed() {
    let fixture = Fixture::new("ml-1m", Dialect::DoubleColons);
    fs::create_dir_all(fixture.cache.path().join(".ml-1m.part-AbCdEf")).unwrap();
    fs::write(fixture.cache.path().join(".ml-1m.part-AbCdEf/ratings.dat"), "1::").unwrap();
    // Another data set's, whose name begins alike, is still at work.
    let others = [".ml-1m-ncf.lock", ".ml-1m-ncf.part-AbCdEf"];
    fs::write(fixture.cache.path().join(others[0]), "").unwrap();
    fs::create_dir_all(fixture.cache.path().join(others[1])).unwrap();
    assert!(fetch(&fixture.store(), fixture.set).0.unwrap().fresh);
    let mut entries = fixture.cache_entries();
    entries.sort();
    assert_eq!(entries, [others[1], "ml-1m"]);
    assert!(fixture.cache.path().join(others[0]).exists());
}

#[test]
fn damage_in_the_cache_is_noticed_and_mended() {
    let fixture = Fixture::new("ml-100k", Dialect::Tabs);
    let store = fixture.store();
    fetch(&store, fixture.set).0.unwrap();
    let (path, whole) = (fixture.cached("u.data"), fixture.file("u.data"));
    let mended = |store: &Store| {
        let (result, seen) = fetch(store, fixture.set);
        assert!(result.unwrap().fresh && fs::read(&path).unwrap() == whole);
        seen[0].clone()
    };

    fs::write(&path, &whole[..100]).unwrap();
    assert!(store.cached("ml-100k").unwrap().is_none());
    assert_eq!(mended(&store), format!("damaged: u.data has 100 bytes instead of {}", whole.len()));

    fs::remove_file(&path).unwrap();
    assert!(mended(&store).starts_with("damaged: u.data: "));

    fs::write(fixture.cached("manifest.json"), "{").unwrap();
    assert!(mended(&store).starts_with("damaged: manifest.json: EOF while parsing"));

    let mut changed = whole.to_vec();
    changed[0] ^= 1;
    fs::write(&path, &changed).unwrap();
    assert!(!fetch(&store, fixture.set).0.unwrap().fresh, "a size cannot show it");
    assert!(
        mended(&Store { verify: true, ..store }).starts_with("damaged: u.data has changed: its SHA-256 was ")
    );
}

#[test]
fn damage_that_the_reader_meets_is_mended_too() {
    let fixture = Fixture::new("ml-100k", Dialect::Tabs);
    let store = fixture.store();
    let whole = store.load_set(fixture.set, &mut |_| {}).unwrap();
    let garbage = vec![b'x'; fixture.file("u.data").len()];
    fs::write(fixture.cached("u.data"), garbage).unwrap();
    let mended = store.load_set(fixture.set, &mut |_| {}).unwrap();
    assert_eq!(mended.fingerprint(), whole.fingerprint());
}

#[test]
fn many_at_once_fetch_once() {
    let fixture = Fixture::new("ml-100k", Dialect::Tabs);
    let server = Server::start(vec![Answer::Whole(fixture.archive())]);
    let store = fixture.store_of(vec![server.url()]);
    let fetching = || usize::from(fetch(&store, fixture.set).0.unwrap().fresh);
    let fresh: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(fetching)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!((fresh, server.asked().len()), (1, 1));
    assert_eq!(fixture.cache_entries(), ["ml-100k"]);
}

#[test]
fn without_hashes_the_counts_decide() {
    let mut fixture = Fixture::new("ml-20m", Dialect::Csv);
    let members: Vec<Member> =
        fixture.set.members.iter().map(|member| Member { sha256: &[], ..*member }).collect();
    fixture.set = leak(DataSet { members: leak(members), ..*fixture.set });
    let wrong = leak(DataSet { ratings: 20_000_263, ..*fixture.set });
    let text = message(&fixture, &fetch(&fixture.store(), wrong).0.unwrap_err());
    let reason = "Invented should have 30 users, 40 items, 20000263 ratings, and these have 30 users, 40 items, 600 \
                  ratings\n";
    assert!(text.contains(reason), "{text}");

    let (result, seen) = fetch(&fixture.store(), fixture.set);
    assert!(result.unwrap().fresh);
    assert_eq!(seen[1..], ["counted 600", "licence of ml-20m"]);

    // Plain HTTP is not trusted where nothing tells the content apart, but for a mirror that somebody chose.
    let store = Store { mirror: Some("http://mirror".into()), ..Store::new("cache") };
    let sources: Vec<String> = store.sources(fixture.set).iter().map(Source::to_string).collect();
    let https = "https://files.grouplens.org/datasets/movielens/ml-20m.zip";
    assert_eq!(sources, ["http://mirror/ml-20m.zip", https]);
    let plain = Store { mirror: None, ..fixture.store_of(vec!["http://plain".into()]) };
    fs::remove_dir_all(fixture.cached("")).unwrap();
    assert_eq!(
        message(&fixture, &fetch(&plain, fixture.set).0.unwrap_err()),
        "the data set 'ml-20m' could not be had\n  - http://plain: not tried, for plain HTTP can be tampered with and no \
         SHA-256 of this data set is known; name it as the mirror to use it all the same\n  help: download \
         https://files.grouplens.org/datasets/movielens/ml-20m.zip by any means, save it as CACHE/ml-20m.zip, and run \
         this again"
    );
    let sources = store.sources(find("ml-100k").unwrap());
    assert_eq!(sources.last().unwrap().to_string(), "the Python package recbole==1.2.1 by pip");
    assert_eq!(sources[2].to_string(), "http://files.grouplens.org/datasets/movielens/ml-100k.zip");
}

#[test]
fn official_splits_are_those_of_the_archive() {
    let fixture = Fixture::new("ml-100k", Dialect::Tabs);
    let store = fixture.store();
    let ratings = store.load_set(fixture.set, &mut |_| {}).unwrap();
    for split in official::NAMES {
        let pairs = store.official_of(fixture.set, split, &ratings).unwrap();
        let text = std::str::from_utf8(fixture.file(&format!("{split}.test"))).unwrap();
        let listed: Vec<(User, Item)> = text
            .lines()
            .map(|line| {
                let [user, item] = official::pair(line).map(|id| id.parse::<u32>().unwrap() - 1);
                (User(user), Item(item))
            })
            .collect();
        assert_eq!(pairs, listed);
    }
}

#[test]
fn an_official_split_that_is_not_there_is_refused() {
    let fixture = Fixture::new("ml-100k", Dialect::Tabs);
    let store = fixture.store();
    let ratings = store.load_set(fixture.set, &mut |_| {}).unwrap();
    let refusal = |set, split, ratings| store.official_of(set, split, ratings).unwrap_err().to_string();
    assert_eq!(
        refusal(fixture.set, "u9", &ratings),
        "split 'official:u9': Invented was published without it\n  help: there are u1, u2, u3, u4, u5, ua, ub"
    );
    assert_eq!(
        refusal(find("ml-1m").unwrap(), "u1", &ratings),
        "split 'official:u1': MovieLens 1M was published without it\n  help: MovieLens 100K (ml-100k) has official \
         splits; here, split at random, for example user:0.2"
    );
    let part = ratings.filter(|rating| rating.item.0 % 2 == 0);
    assert_eq!(
        refusal(fixture.set, "u1", &part),
        "split 'official:u1': the ratings are not those of Invented"
    );
}

#[test]
fn the_python_package_gives_the_same_files() {
    let fixture = Fixture::new("ml-100k", Dialect::Tabs);
    let text = |file: &str| std::str::from_utf8(fixture.file(file)).unwrap().to_owned();
    let item = |line: &str| {
        let fields: Vec<&str> = line.split('|').collect();
        let genres: Vec<&str> = attributes::GENRES
            .iter()
            .zip(&fields[5..])
            .filter(|(_, flag)| **flag == "1")
            .map(|(g, _)| *g)
            .collect();
        let (title, year) = fields[1].rsplit_once(" (").unwrap();
        format!("{}\t{title}\t{}\t{}\n", fields[0], year.trim_end_matches(')'), genres.join(" "))
    };
    let items: String = text("u.item").lines().map(item).collect();
    let files = [
        ("ml-100k.inter", format!("user_id:token\titem_id:token\n{}", text("u.data"))),
        ("ml-100k.item", format!("item_id:token\tmovie_title:token_seq\n{items}")),
        ("ml-100k.user", format!("user_id:token\tage:token\n{}", text("u.user").replace('|', "\t"))),
    ];
    let files = files.map(|(name, text)| (name.to_owned(), text.into_bytes()));
    let wheel = fixture.mirror.path().join("recbole.whl");
    write_archive(&files, "recbole/dataset_example/ml-100k", &wheel).unwrap();
    let wheel = fs::read(wheel).unwrap();
    wheel::convert(&wheel, fixture.set, fixture.cache.path(), &mut |_| {}).unwrap();
    for file in ["u.data", "u.item", "u.user"] {
        assert_eq!(fs::read(fixture.cache.path().join(file)).unwrap(), fixture.file(file), "{file}");
    }
}

#[test]
fn synthetic_data_need_no_files() {
    let store = Store::new("/nowhere");
    let ratings = store.load("synth:users=30,items=40,ratings=600", &mut |_| {}).unwrap();
    assert_eq!(ratings.fingerprint(), generate(&SIZE).unwrap().ratings.fingerprint());
    let fetched = store.fetch("synth:users=30,items=40,ratings=600", &mut |_| {}).unwrap();
    assert_eq!((fetched.folder, fetched.source.as_str()), (None, "built in"));
    let synth = find("synth").unwrap();
    let ratings = generate(&Synth::DEFAULT).unwrap().ratings;
    assert_eq!((synth.users, synth.items, synth.ratings), (ratings.users(), ratings.items(), ratings.len()));
}

#[test]
fn an_unknown_name_lists_the_known_ones() {
    assert_eq!(
        Store::new("/nowhere").fetch("ml-100", &mut |_| {}).unwrap_err().to_string(),
        "no data set is called 'ml-100'\n  help: did you mean 'ml-100k'? There are: ml-100k, ml-1m, ml-latest-small, \
         ml-10m, ml-20m, ml-25m, ml-32m, ml-1m-ncf, gowalla, synth"
    );
}

#[test]
fn the_list_is_in_order() {
    for set in DATASETS {
        let hashes = set.members.iter().flat_map(|member| member.sha256).copied();
        let hashes = hashes.chain(set.splits.iter().map(|split| split.sha256));
        for hash in hashes {
            let hexadecimal = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
            assert!(hash.len() == 64 && hash.chars().all(hexadecimal), "{}: {hash}", set.name);
        }
        assert!(set.splits.iter().all(|split| official::NAMES.contains(&split.name)));
        let roles: Vec<Role> = set.members.iter().map(|member| member.role).collect();
        assert!(
            set.dialect == Dialect::BuiltIn
                || !set.is_archived()
                || roles.starts_with(&[Role::Ratings, Role::Items]),
            "{}",
            set.name
        );
    }
}
