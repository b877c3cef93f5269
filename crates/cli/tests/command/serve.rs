//! `serve`: the real service, started and ended as people do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::support::{SMALL, Scratch};
use cluster::{Cluster, PASSWORD, WRITTEN};

#[path = "../../../server/tests/place/cluster.rs"]
mod cluster;

/// The answer to a plain request, head and body.
fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Starts a service; returns it and where it listens.
fn started(scratch: &Scratch, arguments: &str) -> (Child, String) {
    let mut command = scratch.command(&format!("serve {arguments} --bind 127.0.0.1:0 --json"));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let said: Value = serde_json::from_str(&line).unwrap();
    (child, said["address"].as_str().unwrap().to_owned())
}

#[cfg(unix)]
fn end(mut child: Child) -> Option<i32> {
    use rustix::process::{Pid, Signal, kill_process};
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    child.wait().unwrap().code()
}

#[cfg(unix)]
#[test]
fn it_answers_until_ctrl_c() {
    let scratch = Scratch::new();
    scratch.run(&format!("train {SMALL} --model mf -o m.cofactor"));
    let (child, address) = started(&scratch, "m.cofactor");
    assert!(ask(&address, "GET /").contains("<!doctype html"));
    let answer = ask(&address, "GET /v1/users/1/recommendations?n=4");
    let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    let alone = scratch.json("recommend m.cofactor --user 1 -n 4");
    let titles = |picks: &Value| -> Vec<Value> {
        picks.as_array().unwrap().iter().map(|pick| pick["title"].clone()).collect()
    };
    assert_eq!(titles(&body["picks"]), titles(&alone["picks"]), "the same list as the command's");
    assert_eq!(end(child), Some(0));
}

/// Whatever was acknowledged before a kill is there afterwards, once, although the sender sends again what was not.
fn nothing_acknowledged_is_lost(place: &str) {
    let scratch = Scratch::new();
    scratch.run(&format!("train {SMALL} --model mf -o m.cofactor"));
    let mut sent = 0;
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let (mut child, address) = started(&scratch, &format!("m.cofactor {place}"));
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let address = address.clone();
                std::thread::spawn(move || -> Vec<String> {
                    (0..100_000)
                        .map(|number| format!("{round}-{writer}-{number}"))
                        .take_while(|id| acknowledges(&address, id))
                        .collect()
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(300));
        child.kill().unwrap();
        child.wait().unwrap();
        for writer in writers {
            let kept = writer.join().unwrap();
            sent += kept.len();
            acknowledged.extend(kept);
        }
    }
    assert!(sent > 20, "only {sent} were acknowledged");
    let (mut child, address) = started(&scratch, &format!("m.cofactor {place}"));
    are_there_once(&address, &acknowledged);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Whether a service has each of these events, and none twice.
fn are_there_once(address: &str, acknowledged: &[String]) {
    let answer = ask(address, "GET /v1/users/guest/events");
    let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    let mut ids: Vec<&str> =
        body["events"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "none is there twice");
    for id in acknowledged {
        assert!(ids.binary_search(&id.as_str()).is_ok(), "{id} was acknowledged and is gone");
    }
}

#[test]
fn nothing_acknowledged_is_lost_when_it_or_its_database_is_killed() {
    let Some(server) = Cluster::start() else { return };
    nothing_acknowledged_is_lost(&format!("--events {}", server.database()));
    let scratch = Scratch::new();
    scratch.run(&format!("train {SMALL} --model mf -o m.cofactor"));
    let database = server.database();
    let (mut child, address) = started(&scratch, &format!("m.cofactor --events {database}"));
    let enough = AtomicBool::new(false);
    let acknowledged: Vec<String> = std::thread::scope(|scope| {
        let (enough, address) = (&enough, &address);
        let write = |writer: usize| -> Vec<String> {
            let sent = (0..).map(|number| format!("{writer}-{number}"));
            sent.take_while(|id| {
                // What was not acknowledged is sent again, whether it was kept or not.
                std::iter::repeat_with(|| acknowledges(address, id))
                    .take_while(|_| !enough.load(Ordering::Relaxed))
                    .any(|acknowledged| acknowledged)
            })
            .collect()
        };
        let writers: Vec<_> = (0..4).map(|writer| scope.spawn(move || write(writer))).collect();
        for _ in 0..3 {
            std::thread::sleep(Duration::from_millis(300));
            server.kill();
            server.restart();
        }
        std::thread::sleep(Duration::from_millis(300));
        enough.store(true, Ordering::Relaxed);
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    assert!(acknowledged.len() > 20, "only {} were acknowledged", acknowledged.len());
    are_there_once(&address, &acknowledged);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Sends one event; whether it was acknowledged.
fn acknowledges(address: &str, id: &str) -> bool {
    let body = format!(r#"{{"events":[{{"user":"guest","item":"3","value":4,"id":"{id}"}}]}}"#);
    let exchange = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        write!(
            stream,
            "POST /v1/events HTTP/1.1\r\nhost: here\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    exchange().is_ok_and(|answer| answer.starts_with("HTTP/1.1 201"))
}

#[test]
fn what_cannot_be_served_is_told() {
    let scratch = Scratch::new();
    scratch.run(&format!("train {SMALL} --model baseline -o m.cofactor"));
    scratch.file("keys.txt", "read short\n");
    for (arguments, words) in [
        ("m.cofactor --bind 0.0.0.0:0", "can be reached from other machines"),
        ("m.cofactor m.cofactor", "two models have one name"),
        ("m.cofactor --keys keys.txt", "line 1"),
        ("m.cofactor --refresh-every 2h", "--store"),
        ("m.cofactor --refresh-every 2h --events postgres://a:b@127.0.0.1:1/c", "--refits"),
        ("m.cofactor --refits folder", "--events"),
        ("m.cofactor --store folder --events postgres://a:b@127.0.0.1:1/c", "cannot be used with"),
        ("m.cofactor --events mysql://a:b@127.0.0.1/c", "does not begin with postgres://"),
        ("nothing.cofactor", "nothing.cofactor"),
    ] {
        let said = scratch.run(&format!("serve {arguments}"));
        assert_ne!(said.status, Some(0), "{arguments}");
        assert!(said.err.contains(words), "{arguments}: {}", said.err);
    }
}

#[test]
fn the_password_of_a_database_is_never_shown() {
    let scratch = Scratch::new();
    scratch.run(&format!("train {SMALL} --model baseline -o m.cofactor"));
    for address in [
        format!("postgres://me:{WRITTEN}@127.0.0.1:1/c"),
        format!("postgres://me:{WRITTEN}@127.0.0.1:port/c"),
        format!("postgres://me:{WRITTEN}@127.0.0.1/c?sslmode=prefer"),
        format!("me:{WRITTEN}@127.0.0.1/c"),
    ] {
        let of_arguments = scratch.run(&format!("serve m.cofactor --events {address}"));
        let both = scratch.run(&format!("serve m.cofactor --store x --events {address}"));
        let mut command = scratch.command("serve m.cofactor");
        let of_environment = command.env("COFACTOR_EVENTS", &address).output().unwrap();
        let mut command = scratch.command("serve --help");
        let help = command.env("COFACTOR_EVENTS", &address).output().unwrap();
        let texts = [of_arguments.out, of_arguments.err, both.err].into_iter();
        let outputs = [of_environment.stderr, of_environment.stdout, help.stdout];
        let all: String = texts.chain(outputs.map(|bytes| String::from_utf8(bytes).unwrap())).collect();
        assert!(all.contains("the store cannot be opened") && all.contains("COFACTOR_EVENTS"), "{all}");
        assert!(!all.contains(WRITTEN) && !all.contains(PASSWORD) && !all.contains("secret"), "{all}");
    }
}
