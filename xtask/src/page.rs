//! The check `page`: starts the service and lets Playwright use its page in the Chromium of the system.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::run;

/// What the tests start, the first that there is.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Runs the check; says what went wrong. Without a browser, npm or MovieLens 100K it is left out, and says so.
pub(crate) fn check() -> Result<(), String> {
    let at_hand = |name: &str| {
        Command::new(name)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    if !["npm", "npx"].into_iter().all(at_hand) || !BROWSERS.into_iter().any(at_hand) {
        eprintln!(
            "xtask: page: left out: there is no npm or no Chromium (Debian: apt-get install nodejs npm chromium)"
        );
        return Ok(());
    }
    run(Command::new("cargo").args(["build", "--package", "cofactor-cli"]))?;
    let command = std::path::absolute("target/debug/cofactor").map_err(|error| error.to_string())?;
    let data =
        Command::new(&command).args(["data", "fetch", "ml-100k", "--quiet"]).stderr(Stdio::null()).status();
    if !data.is_ok_and(|status| status.success()) {
        eprintln!(
            "xtask: page: left out: MovieLens 100K is neither in the cache nor in the folder of COFACTOR_MIRROR"
        );
        return Ok(());
    }
    let folder = Path::new("crates/server/tests/page");
    run(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--silent"]).current_dir(folder))?;
    run(Command::new("npx").args(["playwright", "test"]).current_dir(folder).env("COFACTOR_BIN", &command))
}
