//! A disk that is full, and one that may only be read: a clear refusal, and everything else goes on.

#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Answer, Service, event, kept, trained};

/// A file system on a folder, taken away when it is dropped. Mounting needs the rights of root.
struct Mounted(PathBuf);

impl Mounted {
    fn new(arguments: &[&str], folder: PathBuf) -> Option<Self> {
        std::fs::create_dir_all(&folder).unwrap();
        if run("mount", arguments, &folder) {
            return Some(Self(folder));
        }
        eprintln!("left out: mount {arguments:?} takes the rights of root, and a kernel that can");
        None
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        run("umount", &["--lazy"], &self.0);
    }
}

fn run(program: &str, arguments: &[&str], path: &Path) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).arg(path).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A refusal that says what is wrong and that the request can be sent again.
fn refused(answer: &Answer, words: &str) {
    assert_eq!(answer.status, 503, "{}", answer.body);
    let problem = answer.json();
    assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
    assert!(problem["hint"].as_str().unwrap().contains("send it again"), "{problem}");
}

/// What the service still does for a user with `events` kept events.
fn goes_on_reading(service: &Service, events: usize) {
    let mut connection = service.connect();
    for path in
        ["/v1/users/guest/recommendations", "/v1/users/7/recommendations", "/health/ready", "/v1/export"]
    {
        let answer = connection.send("GET", path, "").and_then(|()| connection.receive_bytes()).unwrap();
        assert_eq!(answer.0, 200, "{path}: {}", String::from_utf8_lossy(&answer.1));
    }
    assert_eq!(kept(&mut connection, "guest").len(), events);
}

/// Sends events until one is refused; returns how many were kept before, and the refusal.
fn until_refused(service: &Service) -> (usize, Answer) {
    let mut connection = service.connect();
    for number in 0..100_000 {
        let id = format!("{number}-{}", "x".repeat(200));
        let answer = connection.post("/v1/events", &event("guest", &id)).unwrap();
        if answer.status != 201 {
            return (number, answer);
        }
    }
    panic!("the disk is never full");
}

#[test]
fn a_full_disk_refuses_events_and_everything_else_goes_on() {
    let scratch = trained();
    let Some(_disk) = Mounted::new(&["-t", "tmpfs", "-o", "size=4m", "none"], scratch.path("events")) else {
        return;
    };
    let service = Service::start(&scratch, "--store events");
    let filler = scratch.path("events/filler");
    std::fs::write(&filler, vec![0; 2 << 20]).unwrap();
    let (count, refusal) = until_refused(&service);
    assert!(count > 0);
    refused(&refusal, "No space left");
    for _ in 0..3 {
        goes_on_reading(&service, count);
        refused(&service.connect().post("/v1/events", &event("guest", &"y".repeat(200))).unwrap(), "");
    }
    // With room it goes on by itself.
    std::fs::remove_file(filler).unwrap();
    let answer = service.connect().post("/v1/events", &event("guest", "later")).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.body);
    goes_on_reading(&service, count + 1);
    drop(service);
    goes_on_reading(&Service::start(&scratch, "--store events"), count + 1);
}

#[test]
fn a_disk_that_may_only_be_read_refuses_events_and_everything_else_goes_on() {
    let scratch = trained();
    let image = scratch.path("disk.img");
    std::fs::File::create(&image).unwrap().set_len(16 << 20).unwrap();
    let made = run("mkfs.ext4", &["-q", "-F"], &image);
    let image = image.to_str().unwrap();
    let Some(disk) = Mounted::new(&["-o", "loop", image], scratch.path("events")).filter(|_| made) else {
        return;
    };
    let mut service = Service::start(&scratch, "--store events");
    let mut connection = service.connect();
    for number in 0..5 {
        let answer = connection.post("/v1/events", &event("guest", &number.to_string())).unwrap();
        assert_eq!(answer.status, 201, "{}", answer.body);
    }
    // As a kernel does that has met an error: what is open stays open, and nothing is written any more.
    assert!(run("mount", &["-o", "remount,abort"], &disk.0));
    for number in 0..3 {
        refused(&connection.post("/v1/events", &event("guest", &format!("refused {number}"))).unwrap(), "");
        goes_on_reading(&service, 5);
    }
    service.kill();
    let said = scratch.run("serve m.cofactor --store events --bind 127.0.0.1:0");
    assert_ne!(said.status, Some(0));
    assert!(said.err.contains("Read-only file system"), "{}", said.err);
}
