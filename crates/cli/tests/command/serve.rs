//! `serve`: the real service, started and ended as people do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::support::{SMALL, Scratch};

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
        ("nothing.cofactor", "nothing.cofactor"),
    ] {
        let said = scratch.run(&format!("serve {arguments}"));
        assert_ne!(said.status, Some(0), "{arguments}");
        assert!(said.err.contains(words), "{arguments}: {}", said.err);
    }
}
