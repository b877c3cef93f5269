//! Slow clients: heads and bodies that come a byte at a time, answers that nobody takes. Everybody else is answered all the while.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{Service, many_connections, trained};

/// Nobody else waits longer than that: less than the time that a slow head is given. An answer takes a fraction of it; the rest is for machines that have more to do.
const PATIENCE: Duration = Duration::from_secs(5);

/// Slow clients send a byte in that time, and come back after it when their connection was closed: sooner would be a flood.
const PACE: Duration = Duration::from_secs(1);

#[test]
fn slow_clients_starve_nobody() {
    beside(Duration::from_secs(3), 500);
}

#[test]
#[ignore = "takes minutes: cargo xtask trials"]
fn slow_clients_starve_nobody_for_a_minute_although_they_are_more_than_there_are_places() {
    beside(Duration::from_secs(60), 6_000);
}

/// So many slow clients of each kind, and others beside them who ask on new connections all the while.
fn beside(time: Duration, clients: usize) {
    many_connections();
    let scratch = trained();
    let service = Service::start(&scratch, "");
    let ends = AtomicBool::new(false);
    let waits = std::thread::scope(|scope| {
        for kind in [Slow::Head, Slow::Body, Slow::Reader] {
            let (address, ends) = (&service.address, &ends);
            scope.spawn(move || kind.dawdle(address, clients / 3, ends));
        }
        let start = Instant::now();
        let mut waits = Vec::new();
        while start.elapsed() < time {
            let asked = Instant::now();
            let mut connection = service.connect();
            let answer = connection.get("/v1/users/7/recommendations").unwrap();
            assert_eq!(answer.status, 200, "after {:?}: {}", start.elapsed(), answer.body);
            waits.push(asked.elapsed());
            std::thread::sleep(Duration::from_millis(20));
        }
        ends.store(true, Ordering::SeqCst);
        waits
    });
    let longest = waits.iter().max().unwrap();
    assert!(*longest < PATIENCE, "somebody waited {longest:?}");
    eprintln!("{} answers beside {clients} slow clients; the longest wait was {longest:?}", waits.len());
}

/// A way of being slow.
#[derive(Clone, Copy)]
enum Slow {
    /// The head of the request comes byte by byte.
    Head,
    /// The body does.
    Body,
    /// Request after request, and no answer is read.
    Reader,
}

impl Slow {
    /// Holds so many connections open, each of them slow, and opens those again that the service has closed.
    fn dawdle(self, address: &str, clients: usize, ends: &AtomicBool) {
        let mut connections: Vec<Option<TcpStream>> = (0..clients).map(|_| None).collect();
        while !ends.load(Ordering::SeqCst) {
            for connection in &mut connections {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                *connection = match connection.take() {
                    Some(stream) => self.next(stream),
                    None => self.open(address),
                };
            }
            std::thread::sleep(PACE);
        }
    }

    fn open(self, address: &str) -> Option<TcpStream> {
        let mut stream = TcpStream::connect_timeout(&address.parse().unwrap(), PATIENCE).ok()?;
        stream.set_nonblocking(true).ok()?;
        let start = match self {
            Self::Head => "GET /v1/models HTTP/1.1\r\nx-slow: ",
            Self::Body => {
                "POST /v1/recommend HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n{"
            }
            Self::Reader => "",
        };
        stream.write_all(start.as_bytes()).ok()?;
        Some(stream)
    }

    /// A little more of it; none where the service has had enough.
    fn next(self, mut stream: TcpStream) -> Option<TcpStream> {
        let more = match self {
            Self::Head | Self::Body => " ".to_owned(),
            Self::Reader => "GET /v1/items?n=1000 HTTP/1.1\r\nhost: here\r\n\r\n".repeat(20),
        };
        match stream.write(more.as_bytes()) {
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => None,
            _ => Some(stream),
        }
    }
}
