//! Fetching one archive over HTTP.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::thread;
use std::time::Duration;

use ureq::Agent;

use super::{Attempt, Event, Observer};

/// How long to wait, and how often to try.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For a name, a connection, and the handshake.
    pub(super) connect: Duration,
    /// For the answer to begin, and for each piece of it. The whole may take as long as it comes.
    pub(super) read: Duration,
    /// Between two tries; doubled each time.
    pub(super) pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(10), read: seconds(30), pause: Duration::from_millis(500) }
    }
}

/// Tries after the first one, where trying again may help.
const RETRIES: u32 = 2;

/// Fills a file with what the address holds, at most `limit` bytes.
pub(super) fn download(
    url: &str,
    limit: u64,
    patience: Patience,
    file: &mut File,
    observer: &mut Observer<'_>,
) -> Attempt<()> {
    let mut tried = 0;
    loop {
        let failure = match once(url, limit, patience, file, observer) {
            Ok(()) => return Ok(()),
            Err(failure) => failure,
        };
        if !failure.passing || tried == RETRIES {
            let tries = if tried == 0 { String::new() } else { format!(" (tried {} times)", tried + 1) };
            return Err(failure.reason + &tries);
        }
        observer(Event::Retrying { reason: &failure.reason });
        thread::sleep(patience.pause * 2_u32.pow(tried));
        tried += 1;
    }
}

/// Why one try failed.
struct Failure {
    reason: String,
    /// Whether another try may succeed.
    passing: bool,
}

impl Failure {
    fn lasting(reason: String) -> Self {
        Self { reason, passing: false }
    }

    fn passing(reason: String) -> Self {
        Self { reason, passing: true }
    }
}

fn once(
    url: &str,
    limit: u64,
    patience: Patience,
    file: &mut File,
    observer: &mut Observer<'_>,
) -> Result<(), Failure> {
    file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0))).map_err(|error| not_written(&error))?;
    let answer = agent(url, patience).get(url).call().map_err(|error| of_request(&error))?;
    let mut body = answer.into_body();
    let total = body.content_length();
    let too_large =
        || Failure::lasting(format!("the archive has more than {limit} bytes, too many for this data set"));
    if total.is_some_and(|total| total > limit) {
        return Err(too_large());
    }
    let mut content = body.as_reader();
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        let broken = |error| Failure::passing(format!("the transfer broke off after {bytes} bytes: {error}"));
        let read = content.read(&mut buffer).map_err(broken)?;
        if read == 0 {
            break;
        }
        bytes += read as u64;
        if bytes > limit {
            return Err(too_large());
        }
        file.write_all(&buffer[..read]).map_err(|error| not_written(&error))?;
        observer(Event::Received { bytes, total });
    }
    match total {
        Some(total) if total != bytes => {
            Err(Failure::passing(format!("the transfer broke off after {bytes} of {total} bytes")))
        }
        _ => file.seek(SeekFrom::Start(0)).map(|_| ()).map_err(|error| not_written(&error)),
    }
}

fn agent(url: &str, patience: Patience) -> Agent {
    Agent::config_builder()
        // Who asks a server that proves its name is not led to one that does not.
        .https_only(url.starts_with("https:"))
        .user_agent(concat!("cofactor/", env!("CARGO_PKG_VERSION")))
        .timeout_resolve(Some(patience.connect))
        .timeout_connect(Some(patience.connect))
        .timeout_recv_response(Some(patience.read))
        .timeout_per_read(Some(patience.read))
        .build()
        .into()
}

fn of_request(error: &ureq::Error) -> Failure {
    match error {
        ureq::Error::StatusCode(status) => {
            let reason = format!("the server answered {status}{}", meaning(*status));
            Failure { reason, passing: *status == 429 || *status >= 500 }
        }
        ureq::Error::HostNotFound => Failure::lasting("the server's name is unknown here".into()),
        // No trouble of the line: a certificate that has lapsed, a name that nobody knows (which has no kind of its own).
        ureq::Error::Io(io) if io.kind() == std::io::ErrorKind::InvalidData => {
            Failure::lasting(io.to_string())
        }
        ureq::Error::Io(io) if io.to_string().contains("lookup address") => Failure::lasting(io.to_string()),
        ureq::Error::Io(_) | ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed => {
            Failure::passing(error.to_string())
        }
        _ => Failure::lasting(error.to_string()),
    }
}

fn meaning(status: u16) -> &'static str {
    match status {
        401 | 403 => " (forbidden)",
        404 | 410 => " (not found)",
        429 => " (too many requests)",
        500.. => " (a fault of the server)",
        _ => "",
    }
}

fn not_written(error: &std::io::Error) -> Failure {
    Failure::lasting(format!("the archive cannot be written to the cache: {error}"))
}
