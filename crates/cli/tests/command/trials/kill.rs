//! Killed while it writes: whatever was acknowledged is there afterwards, and nothing is there twice.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use super::{Connection, Service, event, kept, many_connections, trained};

/// So many threads hold the connections.
const THREADS: usize = 8;
/// How often it is looked whether it is time to kill.
const GLANCE: Duration = Duration::from_micros(200);

#[test]
fn nothing_acknowledged_is_lost_when_it_is_killed() {
    killed(3, 2_000);
}

#[test]
#[ignore = "takes minutes: cargo xtask trials"]
fn nothing_acknowledged_is_lost_when_it_is_killed_fifty_times_in_ten_thousand_writes() {
    killed(50, 10_000);
}

/// In each round so many writers send an event each, all at once, and the service is killed in the middle of them. What was not acknowledged is sent again, under the same id, in the
/// next round, and after the last one until everything is.
fn killed(rounds: usize, writers: usize) {
    many_connections();
    let scratch = trained();
    let mut unanswered: Vec<(String, String)> = Vec::new();
    let mut acknowledged: BTreeSet<(String, String)> = BTreeSet::new();
    let mut amid = 0;
    for round in 0..=rounds {
        let mut service = Service::start(&scratch, "--store events");
        for round in round.saturating_sub(1)..round {
            check(&service, round, &acknowledged, false);
        }
        if round < rounds {
            let user = format!("guest{round}");
            let new = unanswered.len()..writers;
            unanswered.extend(new.map(|number| (user.clone(), format!("{round}-{number}"))));
        }
        // Each round ends at another moment.
        let enough = writers / 20 + (round * 7_919) % (writers / 2);
        let written = written(&mut service, &unanswered, (round < rounds).then_some(enough));
        assert!(written.len() >= enough.min(unanswered.len()));
        amid += usize::from(written.len() < unanswered.len());
        let (done, left) = unanswered.into_iter().partition(|(_, id)| written.contains(id));
        unanswered = left;
        acknowledged.extend::<Vec<_>>(done);
        if round == rounds {
            assert!(unanswered.is_empty(), "{unanswered:?}");
            (0..rounds).for_each(|round| check(&service, round, &acknowledged, true));
        }
    }
    eprintln!("{} events; {amid} of {rounds} kills came before all was acknowledged", acknowledged.len());
    assert!(2 * amid > rounds, "the kills come too late");
}

/// Every acknowledged event of a round is there, none twice, and at the end no other.
fn check(service: &Service, round: usize, acknowledged: &BTreeSet<(String, String)>, end: bool) {
    let user = format!("guest{round}");
    let mut found = kept(&mut service.connect(), &user);
    let count = found.len();
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), count, "an event of {user} is there twice");
    let expected =
        acknowledged.range((user.clone(), String::new())..).take_while(|(other, _)| *other == user);
    let mut number = 0;
    for (_, id) in expected {
        number += 1;
        assert!(found.binary_search(id).is_ok(), "{id} was acknowledged and is gone");
    }
    assert!(
        number <= count && (!end || number == count),
        "{number} were acknowledged, and {count} are there"
    );
}

/// Sends an event for each wish, all at once, and again where the service asks for it; kills the service as soon as `enough` are acknowledged, if that is said. Returns the ids of those.
fn written(service: &mut Service, wishes: &[(String, String)], enough: Option<usize>) -> BTreeSet<String> {
    let count = AtomicUsize::new(0);
    let (address, count) = (service.address.clone(), &count);
    std::thread::scope(|scope| {
        let parts: Vec<_> = wishes.chunks(wishes.len().div_ceil(THREADS).max(1)).collect();
        let threads: Vec<_> = parts
            .into_iter()
            .map(|part| {
                let address = address.clone();
                scope.spawn(move || part_written(&address, part, count))
            })
            .collect();
        if let Some(enough) = enough {
            while count.load(Ordering::SeqCst) < enough && !threads.iter().all(ScopedJoinHandle::is_finished)
            {
                std::thread::sleep(GLANCE);
            }
            service.kill();
        }
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

fn part_written(address: &str, wishes: &[(String, String)], count: &AtomicUsize) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let mut waiting: Vec<&(String, String)> = wishes.iter().collect();
    while !waiting.is_empty() {
        let sent: Vec<_> = waiting
            .iter()
            .map_while(|(user, id)| {
                let mut connection = Connection::open(address).ok()?;
                connection.send_one("POST", "/v1/events", &event(user, id)).ok()?;
                Some(connection)
            })
            .collect();
        if sent.is_empty() {
            return acknowledged;
        }
        let mut again = waiting.split_off(sent.len());
        for (mut connection, wish) in sent.into_iter().zip(waiting) {
            match connection.receive() {
                Ok(answer) if answer.status == 201 => {
                    count.fetch_add(1, Ordering::SeqCst);
                    acknowledged.push(wish.1.clone());
                }
                Ok(answer) => {
                    assert_eq!(answer.status, 503, "{}", answer.body);
                    again.push(wish);
                }
                // Where the service is gone, no other connection can be opened.
                Err(_) => again.push(wish),
            }
        }
        waiting = again;
    }
    acknowledged
}
