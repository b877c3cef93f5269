//! An HTTP server on the loopback that gives prepared answers, one a connection.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What to answer.
#[derive(Clone)]
pub(super) enum Answer {
    /// The bytes, with their length.
    Whole(Vec<u8>),
    /// The length of the bytes, and then half of them.
    Truncated(Vec<u8>),
    /// A status without a body.
    Status(u16),
    /// To look elsewhere.
    Redirect(String),
    /// Silence.
    Nothing,
}

pub(super) struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Serves as many connections as there are answers, in a thread that ends with the test.
    pub(super) fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        thread::spawn(move || {
            for answer in answers {
                let Ok((stream, _)) = listener.accept() else { return };
                let path = request_path(&stream);
                seen.lock().unwrap().push(path);
                // A client that has had enough hangs up, and that is no failure of the server.
                let _ = give(&stream, &answer);
            }
        });
        Self { port, asked }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The paths that were asked for.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn request_path(stream: &TcpStream) -> String {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    lines.find(String::is_empty);
    first.split(' ').nth(1).unwrap_or_default().to_owned()
}

fn give(mut stream: &TcpStream, answer: &Answer) -> std::io::Result<()> {
    let head = |status: &str, length: usize, more: &str| {
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{more}\r\n")
    };
    match answer {
        Answer::Whole(bytes) => {
            stream.write_all(head("200 OK", bytes.len(), "").as_bytes())?;
            stream.write_all(bytes)
        }
        Answer::Truncated(bytes) => {
            stream.write_all(head("200 OK", bytes.len(), "").as_bytes())?;
            stream.write_all(&bytes[..bytes.len() / 2])
        }
        Answer::Status(status) => stream.write_all(head(&format!("{status} Unwell"), 0, "").as_bytes()),
        Answer::Redirect(target) => {
            stream.write_all(head("302 Found", 0, &format!("Location: {target}\r\n")).as_bytes())
        }
        Answer::Nothing => {
            thread::sleep(Duration::from_millis(800));
            Ok(())
        }
    }
}
