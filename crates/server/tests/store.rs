//! The store against what it promises: what was acknowledged is there, once, wherever it lies.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod place;

use std::thread;
use std::time::{Duration, Instant};

use cofactor_server::{Event, Kept, Refit, Store};
use place::cluster::{Cluster, PASSWORD, WRITTEN};
use place::{Place, over_both};

over_both!(
    events_come_back_in_their_order_also_after_a_restart,
    an_event_that_is_sent_again_counts_once,
    whoever_sends_the_same_at_the_same_time_counts_once,
    who_is_erased_leaves_nothing,
    what_a_refit_has_seen_is_known_after_a_restart,
    what_cannot_be_held_by_most_is_held,
);

fn event(user: &str, item: &str, id: Option<&str>) -> Event {
    Event {
        user: user.to_owned(),
        item: item.to_owned(),
        value: 4.0,
        time: Some(1_000),
        id: id.map(str::to_owned),
    }
}

/// Waits for what a store promises.
fn wait<T>(promise: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(promise)
}

fn append(store: &Store, events: Vec<Event>) -> Kept {
    wait(store.append(events)).unwrap()
}

/// The items of a user's events, as the store has them and as the next answer knows them, which must be the same.
fn items(store: &Store, user: &str) -> Vec<String> {
    let kept: Vec<String> = wait(store.of_user(user)).unwrap().into_iter().map(|event| event.item).collect();
    assert_eq!(known(store, user), kept);
    kept
}

/// The items of a user's events, as the next answer knows them.
fn known(store: &Store, user: &str) -> Vec<String> {
    store.of_user_since(user, 0).unwrap().entries.into_iter().map(|entry| entry.item).collect()
}

/// A store that is ready to answer.
fn opened(place: &Place) -> Store {
    let store = place.open();
    store.follow(0).unwrap();
    store
}

fn events_come_back_in_their_order_also_after_a_restart(place: &Place) {
    {
        let store = opened(place);
        let kept = append(&store, vec![event("a", "1", None), event("b", "2", None)]);
        assert_eq!(kept, Kept { accepted: 2, duplicates: 0 });
        append(&store, vec![event("a", "3", None)]);
        assert_eq!(items(&store, "a"), ["1", "3"]);
        let timeless = Event { time: None, ..event("c", "4", None) };
        append(&store, vec![timeless]);
        assert!(wait(store.of_user("c")).unwrap()[0].time.unwrap() > 1_700_000_000);
    }
    let store = opened(place);
    assert_eq!(items(&store, "a"), ["1", "3"]);
    assert_eq!(items(&store, "b"), ["2"]);
    assert!(items(&store, "ab").is_empty());
    let mut all = Vec::new();
    store
        .each(|event| {
            all.push((event.user, event.item));
            Ok(())
        })
        .unwrap();
    let expected = [("a", "1"), ("a", "3"), ("b", "2"), ("c", "4")];
    assert_eq!(all, expected.map(|(user, item)| (user.to_owned(), item.to_owned())));
    let news = store.since(2).unwrap();
    let users: Vec<&str> = news.events.iter().map(|event| event.user.as_str()).collect();
    assert_eq!((users, news.next), (vec!["a", "c"], 4));
}

fn an_event_that_is_sent_again_counts_once(place: &Place) {
    let store = opened(place);
    let events = || vec![event("a", "1", Some("x")), event("a", "2", Some("y"))];
    append(&store, events());
    let again =
        append(&store, [events(), vec![event("a", "3", Some("z")), event("a", "4", Some("z"))]].concat());
    assert_eq!(again, Kept { accepted: 1, duplicates: 3 });
    assert_eq!(items(&store, "a"), ["1", "2", "3"]);
    assert_eq!(append(&store, vec![]), Kept::default());
}

fn whoever_sends_the_same_at_the_same_time_counts_once(place: &Place) {
    let store = opened(place);
    let accepted: usize = thread::scope(|scope| {
        let senders: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| -> usize {
                    let one =
                        |number: usize| vec![event("a", &number.to_string(), Some(&format!("id {number}")))];
                    (0..25).map(|number| append(&store, one(number)).accepted).sum()
                })
            })
            .collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).sum()
    });
    assert_eq!((accepted, items(&store, "a").len()), (25, 25));
}

fn who_is_erased_leaves_nothing(place: &Place) {
    let store = opened(place);
    append(&store, vec![event("a", "1", Some("x")), event("b", "1", Some("w"))]);
    assert_eq!(wait(store.erase("a")).unwrap().events, 1);
    let erased = |user: &str, number: u64| store.of_user_since(user, number).unwrap().erased;
    assert!(items(&store, "a").is_empty() && erased("a", 0));
    assert!(items(&store, "b") == ["1"] && !erased("b", 0));
    // A model that has seen the third event and later ones was made without what was before.
    assert!(erased("a", 2) && !erased("a", 3));
    assert!(store.since(2).unwrap().erased.contains("a") && store.since(3).unwrap().erased.is_empty());
    let again = append(&store, vec![event("a", "1", Some("x"))]);
    assert_eq!(again.accepted, 1, "the id went with the event");
    assert_eq!(items(&store, "a"), ["1"], "who comes back is somebody new");
    drop(store);
    let store = opened(place);
    assert!(items(&store, "a") == ["1"] && store.of_user_since("a", 0).unwrap().erased);
}

fn what_a_refit_has_seen_is_known_after_a_restart(place: &Place) {
    let refit = |model: &str| Refit { model: model.to_owned(), fingerprint: "f".to_owned() };
    {
        let store = opened(place);
        append(&store, vec![event("a", "1", None), event("a", "2", None)]);
        assert_eq!(store.trained_until(&refit("films")).unwrap(), None);
        store.trained(refit("films"), 1).unwrap();
    }
    let store = place.open();
    let until = store.trained_until(&refit("films")).unwrap();
    assert_eq!((until, store.trained_until(&refit("books")).unwrap()), (Some(1), None));
    store.follow(1).unwrap();
    assert_eq!(store.of_user_since("a", 1).unwrap().entries[0].item, "2");
    append(&store, vec![event("a", "3", None)]);
    store.learned(2);
    assert_eq!(store.of_user_since("a", 2).unwrap().entries[0].item, "3");
}

fn what_cannot_be_held_by_most_is_held(place: &Place) {
    let store = opened(place);
    let long = "é".repeat(128);
    for id in ["'; DROP TABLE cofactor_events; --", "\u{1}\t\n\"\\{NULL}", "😀,{}", long.as_str()] {
        let odd = Event { value: f32::MIN_POSITIVE, time: Some(i64::MIN), ..event(id, id, Some(id)) };
        assert_eq!(append(&store, vec![odd.clone()]).accepted, 1);
        assert_eq!(wait(store.of_user(id)).unwrap(), [odd]);
        assert_eq!(known(&store, id), [id]);
    }
}

/// Looks again and again for what must come within a few seconds.
fn soon<T: PartialEq + std::fmt::Debug>(expected: &T, look: impl Fn() -> T) {
    let start = Instant::now();
    loop {
        let found = look();
        if found == *expected {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{found:?} instead of {expected:?}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn texts(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

/// The address of a new database, and its server.
fn database() -> Option<(String, &'static Cluster)> {
    let server = place::server()?;
    Some((server.database(), server))
}

#[test]
fn what_other_programs_insert_counts_also_when_it_becomes_visible_late() {
    let Some((address, server)) = database() else { return };
    let store = Store::connect(&address, None).unwrap();
    store.follow(0).unwrap();
    thread::scope(|scope| {
        // The first to insert is the last to commit: its row has the smaller key.
        scope.spawn(|| {
            let late = "BEGIN; INSERT INTO cofactor_events (user_id, item_id, value) VALUES ('a', 'late', 5); \
                        SELECT pg_sleep(3); COMMIT;";
            server.sql(&address, late);
        });
        soon(&"1".to_owned(), || {
            server.sql(&address, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()")
        });
        server.sql(
            &address,
            "INSERT INTO cofactor_events (user_id, item_id, value, time, event_id) VALUES ('a', 'early', 4, 7, 'x')",
        );
        soon(&texts(&["early"]), || known(&store, "a"));
        assert_eq!(
            append(&store, vec![event("a", "again", Some("x")), event("a", "ours", None)]).accepted,
            1
        );
        assert_eq!(known(&store, "a"), ["early", "ours"]);
    });
    soon(&texts(&["early", "ours", "late"]), || known(&store, "a"));
    assert_eq!(items(&store, "a"), ["early", "ours", "late"]);
    let kept = wait(store.of_user("a")).unwrap();
    assert!(kept[0].time == Some(7) && kept[2].time.unwrap() > 1_700_000_000, "{kept:?}");
    // The table takes nothing that could not be answered.
    for (values, column) in
        [("'', '1', 3", "user_id"), ("'a', '1', 'NaN'", "value"), ("'a', '1', 'Infinity'", "value")]
    {
        let insert = format!("INSERT INTO cofactor_events (user_id, item_id, value) VALUES ({values})");
        let refused = server.psql(&address, &insert).unwrap_err();
        assert!(refused.contains(&format!("cofactor_events_{column}_check")), "{refused}");
    }
}

#[test]
fn nobody_fails_with_what_is_refused_to_somebody_else() {
    let Some((address, server)) = database() else { return };
    let store = Store::connect(&address, None).unwrap();
    server.sql(&address, "ALTER TABLE cofactor_events ADD CONSTRAINT ours CHECK (item_id <> 'bad')");
    thread::scope(|scope| {
        let hold = "BEGIN; SELECT next FROM cofactor_store FOR UPDATE; SELECT pg_sleep(1); COMMIT;";
        scope.spawn(|| server.sql(&address, hold));
        let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
        soon(&"1".to_owned(), || server.sql(&address, sleeping));
        // The first waits for the row, and the others for the first.
        let senders: Vec<_> = ["1", "2", "bad", "3"]
            .into_iter()
            .map(|item| {
                let store = &store;
                scope.spawn(move || wait(store.append(vec![event("a", item, None)])))
            })
            .collect();
        let outcomes: Vec<_> = senders.into_iter().map(|sender| sender.join().unwrap()).collect();
        let refused = outcomes[2].as_ref().unwrap_err();
        assert!(!refused.passing && refused.problem.contains("ours"), "{refused}");
        assert!([0, 1, 3].iter().all(|&place| outcomes[place].is_ok()), "{outcomes:?}");
    });
    assert_eq!(server.sql(&address, "SELECT count(*) FROM cofactor_events"), "3");
}

#[test]
fn many_rows_of_another_program_all_count() {
    let Some((address, server)) = database() else { return };
    let store = Store::connect(&address, None).unwrap();
    store.follow(0).unwrap();
    let rows = "INSERT INTO cofactor_events (user_id, item_id, value) SELECT 'u' || n % 7, n, 3 FROM generate_series(1, 45000) AS n";
    server.sql(&address, rows);
    let known = |store: &Store| -> usize {
        (0..7).map(|user| store.of_user_since(&format!("u{user}"), 0).unwrap().entries.len()).sum()
    };
    soon(&45_000, || known(&store));
    let other = Store::connect(&address, None).unwrap();
    other.follow(0).unwrap();
    assert_eq!(known(&other), 45_000);
    assert_eq!(server.sql(&address, "SELECT min(number), max(number) FROM cofactor_events"), "0|44999");
}

#[test]
fn services_at_one_database_see_each_other() {
    let Some((address, _)) = database() else { return };
    let open = || Store::connect(&address, None).unwrap();
    // Both make the tables, and one of them waits.
    let (one, two) = thread::scope(|scope| {
        let (one, two) = (scope.spawn(open), scope.spawn(open));
        (one.join().unwrap(), two.join().unwrap())
    });
    for store in [&one, &two] {
        store.follow(0).unwrap();
    }
    append(&one, vec![event("a", "1", Some("x"))]);
    append(&two, vec![event("a", "2", None), event("a", "again", Some("x"))]);
    append(&one, vec![event("a", "3", None)]);
    for store in [&one, &two] {
        soon(&texts(&["1", "2", "3"]), || known(store, "a"));
    }
    wait(two.erase("a")).unwrap();
    soon(&(true, vec![]), || (one.of_user_since("a", 0).unwrap().erased, known(&one, "a")));
    append(&one, vec![event("a", "4", None)]);
    soon(&texts(&["4"]), || known(&two, "a"));
}

#[test]
fn a_backup_in_the_place_of_the_database_is_noticed() {
    let Some((address, server)) = database() else { return };
    let store = Store::connect(&address, None).unwrap();
    store.follow(0).unwrap();
    append(&store, vec![event("a", "1", None)]);
    append(&store, vec![event("a", "2", None)]);
    server.sql(
        &address,
        "BEGIN; DELETE FROM cofactor_events WHERE number = 1; UPDATE cofactor_store SET next = 1; COMMIT",
    );
    soon(&texts(&["1"]), || known(&store, "a"));
    append(&store, vec![event("a", "3", None)]);
    assert_eq!(items(&store, "a"), ["1", "3"]);
}

#[test]
fn what_was_acknowledged_outlives_the_server() {
    let Some(server) = Cluster::start() else { return };
    let address = server.database();
    let store = Store::connect(&address, None).unwrap();
    store.follow(0).unwrap();
    append(&store, vec![event("a", "1", Some("1"))]);
    server.kill();
    let refused = wait(store.append(vec![event("a", "2", Some("2"))])).unwrap_err();
    assert!(refused.passing, "{refused}");
    assert_eq!(known(&store, "a"), ["1"], "answers go on");
    assert!(wait(store.of_user("a")).unwrap_err().passing);
    assert!(store.state().unwrap().is_some());
    server.restart();
    assert_eq!(append(&store, vec![event("a", "2", Some("2"))]).accepted, 1);
    assert_eq!(append(&store, vec![event("a", "1", Some("1"))]).duplicates, 1);
    assert_eq!(items(&store, "a"), ["1", "2"]);
    assert_eq!(store.state().unwrap(), None);
}

#[test]
fn an_address_that_leads_nowhere_is_told_without_its_password() {
    let Some((address, server)) = database() else { return };
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    server.sql(&address, "CREATE ROLE guest LOGIN PASSWORD 'guest-password'; CREATE DATABASE latin ENCODING 'SQL_ASCII' TEMPLATE template0");
    let name = address.rsplit('/').next().unwrap();
    for (address, words) in [
        (format!("mysql://owner:{WRITTEN}@127.0.0.1/x"), "postgres://"),
        (format!("postgres://owner:{WRITTEN}@127.0.0.1:many/x"), "'port'"),
        (format!("postgres://owner:{WRITTEN}@"), "host"),
        (format!("{address}?{WRITTEN}=1"), "a setting of it is not known"),
        (format!("{address}?secret=1"), "a setting of it is not known"),
        (format!("{address}?sslmode=prefer"), "sslmode"),
        (format!("{address}?sslmode=require"), "server does not support TLS"),
        (format!("{address}?sslrootcert=/no/such/file"), "/no/such/file"),
        (format!("postgres://owner:{WRITTEN}@127.0.0.1:{closed}/x"), "refused"),
        (server.address("owner", "guess-password", name), "password authentication failed"),
        (server.address("owner", WRITTEN, "nothing"), "database \"nothing\" does not exist"),
        (server.address("owner", WRITTEN, "latin"), "SQL_ASCII"),
        (server.address("guest", "guest-password", name), "permission denied for schema public"),
        (format!("{address}?options=-cdefault_transaction_read_only=on"), "can only be read"),
    ] {
        let refused = Store::connect(&address, None).map(drop).unwrap_err();
        let told = format!("{refused} {} {refused:?}", refused.hint);
        assert!(told.contains(words), "{told}");
        for secret in [PASSWORD, WRITTEN, "guess-password", "guest-password", "secret"] {
            assert!(!told.contains(secret), "{told}");
        }
    }
}

#[test]
fn tables_that_do_not_suit_are_told() {
    let Some((address, server)) = database() else { return };
    let refused = |address: &str| Store::connect(address, None).map(drop).unwrap_err().to_string();
    drop(Store::connect(&address, None).unwrap());
    server.sql(
        &address,
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'reader') THEN CREATE ROLE reader LOGIN PASSWORD 'p'; END IF; END $$;
         GRANT SELECT, UPDATE ON cofactor_store TO reader; GRANT SELECT, INSERT, UPDATE ON cofactor_events TO reader;
         GRANT SELECT, INSERT, UPDATE ON cofactor_erased, cofactor_refits TO reader;",
    );
    let theirs = server.address("reader", "p", address.rsplit('/').next().unwrap());
    assert!(refused(&theirs).contains("lacks rights: DELETE on cofactor_events"), "{}", refused(&theirs));
    server.sql(&address, "GRANT DELETE ON cofactor_events TO reader");
    let store = Store::connect(&theirs, None).unwrap();
    assert_eq!(append(&store, vec![event("a", "1", None)]).accepted, 1);
    server.sql(&address, "UPDATE cofactor_store SET version = 2");
    assert!(refused(&address).contains("version 2"), "{}", refused(&address));
}

#[test]
fn the_way_to_the_server_is_encrypted_and_its_certificate_is_checked() {
    let Some(server) = Cluster::start() else { return };
    let address = server.database();
    let authority = server.certified();
    let trusting = format!("{address}?sslmode=require&sslrootcert={}", authority.display());
    let store = Store::connect(&trusting, None).unwrap();
    assert_eq!(append(&store, vec![event("a", "1", None)]).accepted, 1);
    let encrypted = "SELECT count(*) > 0 AND bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'cofactor'";
    assert_eq!(server.sql(&address, encrypted), "t");
    // Nobody vouches for it, or for another name.
    let unknown = Store::connect(&format!("{address}?sslmode=require"), None).map(drop).unwrap_err();
    assert!(unknown.to_string().contains("UnknownIssuer"), "{unknown}");
    let elsewhere = trusting.replace("127.0.0.1", "localhost");
    let elsewhere = Store::connect(&elsewhere, None).map(drop).unwrap_err();
    assert!(elsewhere.to_string().to_lowercase().contains("not valid for"), "{elsewhere}");
}
