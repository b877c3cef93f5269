//! Under load: models that take another's place without a failed request, and memory that stays as it is.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{Connection, Service, event, trained};

/// So many clients ask at the same time.
const CLIENTS: usize = 4;

#[test]
fn no_request_fails_while_models_are_swapped() {
    swapped(Duration::from_secs(2), 3);
}

#[test]
#[ignore = "takes minutes: cargo xtask trials"]
fn no_request_fails_while_models_are_swapped_for_a_minute() {
    swapped(Duration::from_secs(60), 100);
}

/// Asks without a pause for so long, while one refit after the other takes the place of the model.
fn swapped(time: Duration, least: usize) {
    let scratch = trained();
    let service = Service::start(&scratch, "--store events");
    let (answered, swaps) = loaded(time, |ends, answered| {
        std::thread::scope(|scope| {
            for client in 0..CLIENTS {
                let connection = service.connect();
                scope.spawn(move || asked(connection, client, ends, answered, Duration::ZERO));
            }
            refitted(service.connect(), ends, Duration::ZERO)
        })
    });
    assert!(swaps >= least, "{swaps} swaps");
    eprintln!("{answered} answers beside {swaps} swaps");
    assert!(answered > 100, "{answered} answers");
}

/// Runs `work` until the time is up; returns how many answers were counted, and what it returns.
fn loaded<T>(time: Duration, work: impl FnOnce(&AtomicBool, &AtomicUsize) -> T) -> (usize, T) {
    let (ends, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let done = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(time);
            ends.store(true, Ordering::SeqCst);
        });
        work(&ends, &answered)
    });
    (answered.into_inner(), done)
}

/// Asks for lists, for a user and for somebody new in turns, each of which must be whole.
fn asked(
    mut connection: Connection,
    client: usize,
    ends: &AtomicBool,
    answered: &AtomicUsize,
    pause: Duration,
) {
    let newcomer = r#"{"ratings":[{"item":"3","value":5},{"item":"9","value":1}],"reasons":3}"#;
    for number in client.. {
        if ends.load(Ordering::SeqCst) {
            return;
        }
        let answer = match number % 2 {
            0 => connection.get(&format!("/v1/users/{}/recommendations", number % 60 + 1)),
            _ => connection.post("/v1/recommend", newcomer),
        };
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.json()["picks"].as_array().unwrap().len(), 10, "{}", answer.body);
        answered.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(pause);
    }
}

/// Keeps an event, has the model refitted and waits for it, again and again; returns how often.
fn refitted(mut connection: Connection, ends: &AtomicBool, pause: Duration) -> usize {
    let mut swaps = 0;
    while !ends.load(Ordering::SeqCst) {
        let answer =
            connection.post("/v1/events", &event(&format!("{}", swaps % 60 + 1), &format!("e{swaps}")));
        assert_eq!(answer.unwrap().status, 201);
        assert_eq!(connection.post("/v1/refresh", "").unwrap().status, 202);
        loop {
            let state = connection.get("/v1/refresh").unwrap().json();
            match state["state"].as_str() {
                Some("running") => std::thread::sleep(Duration::from_millis(5)),
                Some("done") => break,
                _ => panic!("{state}"),
            }
        }
        swaps += 1;
        let models = connection.get("/v1/models").unwrap().json();
        assert_eq!(models["models"][0]["generation"], swaps, "the refit answers");
        std::thread::sleep(pause);
    }
    swaps
}

/// Ten minutes of everything: lists, newcomers, events, and a refit every five seconds: a connection that is silent for ten is closed.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "takes ten minutes: cargo xtask trials"]
fn memory_is_flat_over_ten_minutes() {
    const TIME: Duration = Duration::from_secs(600);
    let scratch = trained();
    let service = Service::start(&scratch, "--store events");
    fill_cache(service.connect());
    let (answered, memory) = loaded(TIME, |ends, answered| {
        std::thread::scope(|scope| {
            for client in 0..CLIENTS {
                let connection = service.connect();
                scope.spawn(move || asked(connection, client, ends, answered, Duration::from_millis(5)));
            }
            let (writer, refitter) = (service.connect(), service.connect());
            scope.spawn(move || kept(writer, ends));
            scope.spawn(move || refitted(refitter, ends, Duration::from_secs(5)));
            sampled(&service, ends)
        })
    });
    let mean = |part: &[u64]| part.iter().sum::<u64>() as f64 / part.len() as f64;
    let quarter = memory.len() / 4;
    let (early, late) = (mean(&memory[quarter..2 * quarter]), mean(&memory[3 * quarter..]));
    eprintln!("{answered} answers; kB of memory every five seconds: {memory:?}");
    eprintln!("mean of the second quarter {early:.0} kB, of the last {late:.0} kB");
    assert!(late < 1.05 * early, "memory grows: {memory:?}");
}

/// More events than the store's cache holds: it is the one thing that grows with what was ever kept, until it is full.
#[cfg(target_os = "linux")]
fn fill_cache(mut connection: Connection) {
    for batch in 0..20 {
        let event = |number: usize| {
            format!(r#"{{"user":"{}","item":"3","value":4,"id":"f{batch}-{number}"}}"#, number % 60 + 1)
        };
        let events: Vec<String> = (0..4000).map(event).collect();
        let body = format!(r#"{{"events":[{}]}}"#, events.join(","));
        assert_eq!(connection.post("/v1/events", &body).unwrap().status, 201);
    }
}

/// Rates the same items again and again, so that the ratings of the next refit do not grow.
#[cfg(target_os = "linux")]
fn kept(mut connection: Connection, ends: &AtomicBool) {
    for number in 0.. {
        if ends.load(Ordering::SeqCst) {
            return;
        }
        let answer =
            connection.post("/v1/events", &event(&format!("{}", number % 60 + 1), &format!("k{number}")));
        assert_eq!(answer.unwrap().status, 201);
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The resident set of a process, every five seconds, in kB.
#[cfg(target_os = "linux")]
fn sampled(service: &Service, ends: &AtomicBool) -> Vec<u64> {
    let (start, mut samples) = (Instant::now(), Vec::new());
    while !ends.load(Ordering::SeqCst) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", service.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        samples.push(line.trim().trim_end_matches(" kB").parse().unwrap());
        std::thread::sleep((Duration::from_secs(5) * samples.len() as u32).saturating_sub(start.elapsed()));
    }
    samples
}
