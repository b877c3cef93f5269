//! The check `fuzz`: builds the programs of `fuzz/` with counters in every branch and lets libFuzzer drive each for a while.

use std::path::{Path, absolute};
use std::process::Command;

use crate::run;

const TARGETS: [&str; 4] = ["ratings", "history", "model_file", "requests"];
/// What cargo-fuzz sets, but for the sanitizers, which need a nightly compiler. There is no unsafe code to watch over.
const COUNTERS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing";
/// An input may not take longer, nor more memory in MB.
const LIMITS: [&str; 3] = ["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"];

/// Runs each target for so many seconds, 60 if nothing is said. What it finds interesting stays in `target/fuzz/corpus`, what breaks it in `target/fuzz/broken`.
pub(crate) fn check(seconds: Option<&str>) -> Result<(), String> {
    let seconds: u32 =
        seconds.unwrap_or("60").parse().map_err(|_| "usage: cargo xtask fuzz [SECONDS]".to_owned())?;
    let home = absolute("target/fuzz").map_err(|error| error.to_string())?;
    let (corpus, broken) = (home.join("corpus"), home.join("broken"));
    std::fs::create_dir_all(&broken).map_err(|error| format!("{}: {error}", broken.display()))?;
    // Nothing in it calls libFuzzer, so it would not link with counters.
    run(Command::new("cargo")
        .args(["run", "--quiet", "--package", "cofactor-fuzz", "--bin", "fuzz_seeds", "--"])
        .arg(&corpus))?;
    let host = host()?;
    let mut build = Command::new("cargo");
    build.args(["build", "--package", "cofactor-fuzz", "--profile", "fuzz", "--target", &host]);
    for target in TARGETS {
        build.arg("--bin").arg(program(target));
    }
    run(build.arg("--target-dir").arg(&home).env("RUSTFLAGS", COUNTERS))?;
    let programs = home.join(&host).join("fuzz");
    for target in TARGETS {
        eprintln!("xtask: fuzz: {target} for {seconds} s");
        let mut fuzzer = Command::new(programs.join(program(target)));
        fuzzer.args(LIMITS).arg(format!("-max_total_time={seconds}"));
        fuzzer.arg(format!("-artifact_prefix={}/{target}-", broken.display()));
        fuzzer.arg(corpus.join(target)).env("COFACTOR_FUZZ_MODEL", model(&corpus));
        run(&mut fuzzer)?;
    }
    Ok(())
}

fn program(target: &str) -> String {
    format!("fuzz_{target}")
}

/// The model that the service under test serves.
fn model(corpus: &Path) -> std::path::PathBuf {
    corpus.join("model_file").join("seed-mf.cofactor")
}

/// The compiler's own target.
fn host() -> Result<String, String> {
    let output =
        Command::new("rustc").arg("-vV").output().map_err(|error| format!("cannot start rustc: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc -vV names no host".to_owned())
}
