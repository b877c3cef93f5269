//! The service as it is shipped, and what oha measures of it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::bench::target;
use crate::machine::{first_line, run};

/// The version of oha that is installed.
const OHA: &str = "1.16.0";

/// A service that listens on loopback until it is dropped.
pub struct Service {
    child: Child,
    address: String,
}

impl Service {
    /// Serves a model; returns when the service says where it listens.
    pub fn start(command: &Path, model: &Path) -> Result<Self> {
        let mut command = Command::new(command);
        command.arg("serve").arg(model).args(["--bind", "127.0.0.1:0", "--json"]);
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("the service's output")?).read_line(&mut line)?;
        let said: Value = serde_json::from_str(&line).context("the service said nothing")?;
        let address = said["address"].as_str().context("an address")?.to_owned();
        Ok(Self { child, address })
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The body of the answer to a request on a connection of its own.
    pub fn get(&self, path: &str) -> Result<Value> {
        let mut stream = TcpStream::connect(&self.address)?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        ensure!(answer.starts_with("HTTP/1.1 200"), "GET {path} was answered with {answer}");
        let (_, body) = answer.split_once("\r\n\r\n").context("a body")?;
        Ok(serde_json::from_str(body)?)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // A service that has ended already is no matter.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The load generator oha, built under `bench/target`.
pub struct Oha(PathBuf);

/// What oha measured; times in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Answers per second.
    pub rate: f64,
    /// The time that half of the answers took at most.
    pub p50: f64,
    /// The time that 99 of 100 answers took at most.
    pub p99: f64,
    /// The time that 999 of 1,000 answers took at most.
    pub p999: f64,
    /// The slowest answer.
    pub slowest: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    summary: Summary,
    latency_percentiles: Percentiles,
    status_code_distribution: std::collections::BTreeMap<String, u64>,
    error_distribution: std::collections::BTreeMap<String, u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    requests_per_sec: f64,
    slowest: f64,
}

#[derive(Deserialize)]
struct Percentiles {
    p50: f64,
    p99: f64,
    #[serde(rename = "p99.9")]
    p999: f64,
}

impl Oha {
    /// Installs it if it is not there.
    pub fn find() -> Result<Self> {
        let root = target().join("oha");
        let program = root.join("bin/oha");
        let installed = first_line(&program.to_string_lossy(), &["--version"]);
        if installed.split(' ').next_back() != Some(OHA) {
            let mut install = Command::new("cargo");
            install.args(["install", "oha", "--version", OHA, "--locked", "--root"]);
            run(install.arg(&root))?;
        }
        Ok(Self(program))
    }

    /// Its name and version.
    pub fn version() -> String {
        format!("oha {OHA}")
    }

    /// Sends what the arguments say. Fails when an answer is missing or is no success.
    pub fn load(&self, arguments: &[&str]) -> Result<Load> {
        let mut command = Command::new(&self.0);
        command.args(["--no-tui", "--output-format", "json"]).args(arguments);
        let output = command.output()?;
        let text = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{command:?} failed:\n{text}");
        let said: Said = serde_json::from_slice(&output.stdout).context("what oha says")?;
        // What is still on its way when the time is up is given up by oha itself.
        let failed: u64 = said
            .error_distribution
            .iter()
            .filter(|(error, _)| *error != "aborted due to deadline")
            .map(|(_, count)| count)
            .sum();
        let answers = said.status_code_distribution.get("200").copied().unwrap_or_default();
        ensure!(
            failed == 0 && said.status_code_distribution.len() == 1 && answers > 0,
            "not every request was answered: {:?}, {:?}",
            said.status_code_distribution,
            said.error_distribution
        );
        let Said { summary, latency_percentiles: Percentiles { p50, p99, p999 }, .. } = said;
        let [p50, p99, p999, slowest] = [p50, p99, p999, summary.slowest].map(|seconds| 1e3 * seconds);
        Ok(Load { rate: summary.requests_per_sec, p50, p99, p999, slowest })
    }
}
