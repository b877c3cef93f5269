//! The project's own chores. `cargo xtask test` runs every check; a check's name runs it alone.

#![expect(clippy::print_stderr, reason = "it speaks to the person who called it")]

use std::process::{Command, ExitCode};
use std::time::Instant;

/// A name, what it checks, and the arguments of `cargo` that check it. The tests come last, so that their closing lines do too.
const CHECKS: &[(&str, &str, &[&str])] = &[
    ("fmt", "the formatting", &["fmt", "--all", "--check"]),
    ("clippy", "the lints", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    ("doc", "the documentation", &["doc", "--workspace", "--no-deps", "--document-private-items"]),
    ("unit", "every test", &["test", "--workspace", "--no-fail-fast"]),
];

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let chosen: Vec<_> = CHECKS.iter().filter(|(check, ..)| name == "test" || name == *check).collect();
    if chosen.is_empty() {
        usage();
        return ExitCode::from(2);
    }
    let failed: Vec<&str> = chosen
        .into_iter()
        .filter(|(name, _, arguments)| !passes(name, arguments))
        .map(|(name, ..)| *name)
        .collect();
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("xtask: failed: {}", failed.join(", "));
    ExitCode::FAILURE
}

fn usage() {
    eprintln!("usage: cargo xtask <check>\n\n  test    all of these");
    for (name, purpose, arguments) in CHECKS {
        eprintln!("  {name:7} {purpose}: cargo {}", arguments.join(" "));
    }
}

fn passes(name: &str, arguments: &[&str]) -> bool {
    eprintln!("xtask: {name}: cargo {}", arguments.join(" "));
    let start = Instant::now();
    let mut cargo = Command::new("cargo");
    cargo.args(arguments).env("RUSTDOCFLAGS", "-D warnings");
    let passed = match cargo.status() {
        Ok(status) => status.success(),
        Err(error) => {
            eprintln!("xtask: cannot start cargo: {error}");
            false
        }
    };
    let verdict = if passed { "passed" } else { "FAILED" };
    eprintln!("xtask: {name}: {verdict} in {:.1} s", start.elapsed().as_secs_f64());
    passed
}
