//! The check `trials`: the service as it is shipped, by force and by Schemathesis. What it needs of Python lies in `target/trials`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::python::{Environment, newest};
use crate::run;

/// What makes up requests from the OpenAPI document.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";
/// A body that is too large is refused as such before it is looked at, and Schemathesis does not expect that by itself.
const REFUSALS: &str = r#"[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428", "429"]
"#;
/// Examples for each operation and phase.
const EXAMPLES: &str = "100";
/// A key that may do everything.
const KEY: &str = "trials-0123456789-abcdef";

/// Runs the trials at full length; says what went wrong.
pub(crate) fn check() -> Result<(), String> {
    let home = std::path::absolute("target/trials").map_err(|error| error.to_string())?;
    std::fs::create_dir_all(&home).map_err(|error| error.to_string())?;
    by_schema(&home)?;
    let test = ["test", "--release", "--package", "cofactor-cli", "--test", "command", "--", "trials"];
    // One after the other: each wants the machine for itself.
    run(Command::new("cargo").args(test).args(["--include-ignored", "--test-threads", "1", "--nocapture"]))
}

/// Lets Schemathesis ask whatever the document allows, and what it does not, with and without a key.
fn by_schema(home: &Path) -> Result<(), String> {
    run(Command::new("cargo").args(["build", "--release", "--package", "cofactor-cli"]))?;
    let command = std::path::absolute("target/release/cofactor").map_err(|error| error.to_string())?;
    let python = newest().ok_or("no Python from 3.10 on was found: install one, with its module venv")?;
    let environment = Environment::empty(&python, home, "python")?;
    run(environment.module("pip").args(["install", "--quiet", SCHEMATHESIS]))?;
    let model = home.join("small.cofactor");
    let train = ["train", "synth:users=60,items=80,ratings=1500", "--model", "mf", "--output"];
    run(Command::new(&command).args(train).arg(&model))?;
    let keys = home.join("keys.txt");
    std::fs::write(&keys, format!("write {KEY}\n")).map_err(|error| error.to_string())?;
    let config = home.join("schemathesis.toml");
    std::fs::write(&config, REFUSALS).map_err(|error| error.to_string())?;
    for keyed in [false, true] {
        let events = home.join("events");
        if events.exists() {
            std::fs::remove_dir_all(&events).map_err(|error| format!("{}: {error}", events.display()))?;
        }
        let mut serve = Command::new(&command);
        serve.arg("serve").arg(&model).args(["--bind", "127.0.0.1:0", "--json", "--store"]).arg(&events);
        if keyed {
            serve.arg("--keys").arg(&keys);
        }
        let service = Service::start(&mut serve)?;
        let mut schemathesis = Command::new(environment.program("schemathesis"));
        schemathesis.arg("--config-file").arg(&config);
        schemathesis.args(["run", &format!("http://{}/openapi.json", service.address), "--checks", "all"]);
        // Which ratings are in order depends on the model's scale, and that of two fields only one may be given is no matter of types: such requests are refused with what is wrong in words.
        schemathesis.args(["--exclude-checks", "positive_data_acceptance"]);
        schemathesis.args(["--max-examples", EXAMPLES, "--continue-on-failure", "--no-color", "--seed", "1"]);
        if keyed {
            schemathesis.args(["--header", &format!("Authorization: Bearer {KEY}")]);
        }
        run(schemathesis.current_dir(home))?;
    }
    Ok(())
}

/// A service that ends when it is dropped.
struct Service {
    child: Child,
    address: String,
}

impl Service {
    fn start(command: &mut Command) -> Result<Self, String> {
        let said = format!("{command:?}");
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| format!("{said}: {error}"))?;
        let mut line = String::new();
        let read = child.stdout.take().map(|output| BufReader::new(output).read_line(&mut line));
        // {"address":"127.0.0.1:4711",…}
        let address = line.split('"').nth(3).map(str::to_owned);
        match (read, address) {
            (Some(Ok(_)), Some(address)) => Ok(Self { child, address }),
            _ => Err(format!("{said}: it does not say where it listens")),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
