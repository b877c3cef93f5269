//! The project's own chores. `cargo xtask test` runs every check; a check's name runs it alone.

#![expect(clippy::print_stderr, reason = "it speaks to the person who called it")]

mod fuzz;
mod page;
mod python;
mod trials;

use std::process::{Command, ExitCode};
use std::time::Instant;

/// The version of cargo-deny that `deny.toml` is written for.
const DENY: &str = "^0.18";

/// A check: its name, what it checks, and how.
struct Check {
    name: &'static str,
    purpose: &'static str,
    how: How,
    /// Whether `test` runs it.
    usual: bool,
}

enum How {
    /// By these arguments of `cargo`.
    Cargo(&'static [&'static str]),
    /// By feeding the parsers with what they have not met, for a while each.
    Fuzz,
    /// By cargo-deny, and its file `deny.toml`.
    Deny,
    /// By building the site of the documentation, whose links must lead somewhere.
    Site,
    /// By the tests of the service's page in a browser.
    Page,
    /// By the wheel's tests, or by their slow part.
    Python { slow: bool },
    /// By what is done to the service.
    Trials,
}

use How::{Cargo, Deny, Fuzz, Page, Python, Site, Trials};

const fn check(name: &'static str, purpose: &'static str, how: How) -> Check {
    Check { name, purpose, how, usual: true }
}

/// The tests come last, so that their closing lines do too.
const CHECKS: &[Check] = &[
    check("fmt", "the formatting", Cargo(&["fmt", "--all", "--check"])),
    check("clippy", "the lints", Cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])),
    check(
        "doc",
        "the documentation of the sources",
        Cargo(&["doc", "--workspace", "--no-deps", "--document-private-items"]),
    ),
    check("docs", "the documentation's site, its links and anchors", Site),
    check("python", "the wheel, on the oldest and the newest Python at hand", Python { slow: false }),
    check("page", "the page of the service, in Chromium", Page),
    Check {
        usual: false,
        ..check("deny", "the dependencies' licences and sources, and what is banned; not in `test`", Deny)
    },
    Check {
        usual: false,
        ..check(
            "fuzz",
            "readers, model files and requests, a minute each or `fuzz SECONDS`; not in `test`",
            Fuzz,
        )
    },
    Check {
        usual: false,
        ..check(
            "peers",
            "the guides for those who come from other packages; not in `test`",
            Python { slow: true },
        )
    },
    Check {
        usual: false,
        ..check("trials", "the service by force and by Schemathesis, half an hour; not in `test`", Trials)
    },
    check("unit", "every test", Cargo(&["test", "--workspace", "--no-fail-fast"])),
];

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let is_chosen = |check: &&Check| name == check.name || (name == "test" && check.usual);
    let chosen: Vec<&Check> = CHECKS.iter().filter(is_chosen).collect();
    if chosen.is_empty() {
        usage();
        return ExitCode::from(2);
    }
    let failed: Vec<&str> =
        chosen.into_iter().filter(|check| !check.passes()).map(|check| check.name).collect();
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("xtask: failed: {}", failed.join(", "));
    ExitCode::FAILURE
}

fn usage() {
    eprintln!("usage: cargo xtask <check>\n\n  test    all that are not said to be left out");
    for Check { name, purpose, .. } in CHECKS {
        eprintln!("  {name:7} {purpose}");
    }
}

impl Check {
    fn passes(&self) -> bool {
        let Self { name, purpose, .. } = self;
        eprintln!("xtask: {name}: {purpose}");
        let start = Instant::now();
        let outcome = match self.how {
            Cargo(arguments) => cargo(arguments),
            Deny => deny(),
            Fuzz => fuzz::check(std::env::args().nth(2).as_deref()),
            Site => site(),
            Page => page::check(),
            Python { slow } => python::check(slow),
            Trials => trials::check(),
        };
        if let Err(problem) = &outcome {
            eprintln!("xtask: {name}: {problem}");
        }
        let verdict = if outcome.is_ok() { "passed" } else { "FAILED" };
        eprintln!("xtask: {name}: {verdict} in {:.1} s", start.elapsed().as_secs_f64());
        outcome.is_ok()
    }
}

/// The whole workspace is named, so that what the tests need is not built a second time with other features.
fn site() -> Result<(), String> {
    cargo(&["build", "--workspace", "--bin", "cofactor-site"])?;
    match Command::new("target/debug/cofactor-site").status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err("the site is not whole".to_owned()),
        Err(error) => Err(format!("cannot start cofactor-site: {error}")),
    }
}

/// cargo-deny takes minutes to build, and so lies in `target/tools` from then on. Advisories are left to those who have their database at hand: `cargo deny check advisories`.
fn deny() -> Result<(), String> {
    let tools = "target/tools";
    let program = format!("{tools}/bin/cargo-deny");
    if !std::path::Path::new(&program).exists() {
        cargo(&["install", "--locked", "--quiet", "--root", tools, "--version", DENY, "cargo-deny"])?;
    }
    match Command::new(program).args(["--all-features", "check", "bans", "licenses", "sources"]).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err("a dependency is not as deny.toml wants it".to_owned()),
        Err(error) => Err(format!("cannot start cargo-deny: {error}")),
    }
}

fn cargo(arguments: &[&str]) -> Result<(), String> {
    let mut cargo = Command::new("cargo");
    match cargo.args(arguments).env("RUSTDOCFLAGS", "-D warnings").status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(format!("cargo {} failed", arguments.join(" "))),
        Err(error) => Err(format!("cannot start cargo: {error}")),
    }
}

/// Runs a command that must succeed.
fn run(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?}: {status}")),
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}
