//! The service by force: killed while it writes, without room on its disk, with its model swapped under load, beside slow clients, for minutes.
//!
//! Each trial has a short form, and one at full length that is left out by default: `cargo xtask trials` runs it, against the command as it is shipped.

#![expect(clippy::print_stderr, reason = "a trial tells what it has seen, and what it leaves out")]

mod disk;
mod kill;
mod load;
mod slow;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::{SMALL, Scratch};

/// Nobody waits longer for an answer: the service itself gives up sooner.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running service, killed when it is dropped.
struct Service {
    child: Child,
    address: String,
}

/// What the service answered.
#[derive(Debug)]
struct Answer {
    status: u16,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A folder with a model, `m.cofactor`.
fn trained() -> Scratch {
    let scratch = Scratch::new();
    let said = scratch.run(&format!("train {SMALL} --model mf -o m.cofactor"));
    assert_eq!(said.status, Some(0), "{}", said.err);
    scratch
}

impl Service {
    fn start(scratch: &Scratch, arguments: &str) -> Self {
        let mut command = scratch.command(&format!("serve m.cofactor {arguments} --bind 127.0.0.1:0 --json"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let address = said["address"].as_str().unwrap().to_owned();
        Self { child, address }
    }

    fn connect(&self) -> Connection {
        Connection::open(&self.address).unwrap()
    }

    /// Kills it as `kill -9` does, and waits until it is gone.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection that is kept open between requests.
struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self(BufReader::new(stream)))
    }

    fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.send("GET", path, "")?;
        self.receive()
    }

    fn post(&mut self, path: &str, body: &str) -> io::Result<Answer> {
        self.send("POST", path, body)?;
        self.receive()
    }

    fn send(&mut self, method: &str, path: &str, body: &str) -> io::Result<()> {
        self.write(method, path, body, "keep-alive")
    }

    /// Sends the only request of this connection.
    fn send_one(&mut self, method: &str, path: &str, body: &str) -> io::Result<()> {
        self.write(method, path, body, "close")
    }

    fn write(&mut self, method: &str, path: &str, body: &str, afterwards: &str) -> io::Result<()> {
        let head = format!("{method} {path} HTTP/1.1\r\nhost: here\r\nconnection: {afterwards}\r\n");
        let length = body.len();
        let request =
            format!("{head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}");
        self.0.get_mut().write_all(request.as_bytes())
    }

    fn receive(&mut self) -> io::Result<Answer> {
        let (status, body) = self.receive_bytes()?;
        let body =
            String::from_utf8(body).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Ok(Answer { status, body })
    }

    fn receive_bytes(&mut self) -> io::Result<(u16, Vec<u8>)> {
        let broken = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| broken("the answer has no status"))?;
        let mut length = 0;
        loop {
            line.clear();
            if self.0.read_line(&mut line)? == 0 {
                return Err(broken("the answer ends within its head"));
            }
            if line == "\r\n" {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().map_err(|_| broken("a length"))?;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        Ok((status, body))
    }
}

/// Lets this process have as many connections as the system allows.
fn many_connections() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

/// A request that keeps one event.
fn event(user: &str, id: &str) -> String {
    format!(r#"{{"events":[{{"user":"{user}","item":"3","value":4,"id":"{id}"}}]}}"#)
}

/// The ids of a user's events, as the service tells them.
fn kept(connection: &mut Connection, user: &str) -> Vec<String> {
    let answer = connection.get(&format!("/v1/users/{user}/events")).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    let events = answer.json()["events"].as_array().unwrap().clone();
    events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}
