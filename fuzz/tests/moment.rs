//! Each fuzzer for a moment: without counters libFuzzer only runs what it is given, so the inputs are made here, of the seeds by chance.

use std::fs;
use std::path::Path;
use std::process::Command;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

/// Bytes and numbers at which parsers turn.
const TURNS: [&[u8]; 16] = [
    b"\"",
    b",",
    b"\n",
    b"-",
    b"e999",
    b"nan",
    b"{",
    b"]",
    b"\\u0000",
    b"%2F",
    b"\0",
    &[0xff],
    &[0xff; 4],
    &[0x7f; 8],
    &[0; 8],
    b"18446744073709551616",
];

/// Runs a fuzzer on its seeds and on so many inputs more, the same each time.
fn tries(program: &str, target: &str, inputs: usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let seeds = Command::new(env!("CARGO_BIN_EXE_fuzz_seeds")).arg(folder.path()).status();
    assert!(seeds.expect("the program of the seeds").success());
    let corpus = folder.path().join(target);
    let seeds = spoil(&corpus, inputs);
    let mut fuzzer = Command::new(program);
    fuzzer.args(["-runs=0", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"]);
    fuzzer.arg(format!("-artifact_prefix={}/", folder.path().display()));
    fuzzer.arg(corpus).env("COFACTOR_FUZZ_MODEL", folder.path().join("model_file/seed-mf.cofactor"));
    let output = fuzzer.output().expect("the fuzzer");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let tried = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    let tried: usize = tried.and_then(|count| count.trim().parse().ok()).expect("how many inputs were tried");
    assert!(tried >= seeds + inputs, "{tried} of {seeds} + {inputs}\n{said}");
}

/// Writes spoiled seeds beside them; returns how many seeds there are.
fn spoil(corpus: &Path, inputs: usize) -> usize {
    let files = fs::read_dir(corpus).expect("a folder of seeds").map(|file| file.expect("a seed").path());
    let mut files: Vec<_> = files.collect();
    files.sort();
    let seeds: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).expect("a seed")).collect();
    let mut random = Pcg64::seed_from_u64(1);
    for input in 0..inputs {
        let mut bytes = seeds[random.random_range(0..seeds.len())].clone();
        for _ in 0..random.random_range(1..=4) {
            change(&mut random, &mut bytes, &seeds);
        }
        fs::write(corpus.join(format!("spoiled-{input}")), bytes).expect("room for an input");
    }
    seeds.len()
}

/// Flips a bit, writes over, puts in, cuts out, or goes on with another seed.
fn change(random: &mut Pcg64, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    let at = random.random_range(0..=bytes.len());
    let end = bytes.len().min(at + random.random_range(1..=8));
    let turn = TURNS[random.random_range(0..TURNS.len())];
    match random.random_range(0..5) {
        0 if at < end => bytes[at] ^= 1 << random.random_range(0..8),
        1 => drop(bytes.splice(at..end, turn.iter().copied())),
        2 => drop(bytes.splice(at..at, turn.iter().copied())),
        3 => drop(bytes.drain(at..end)),
        _ => {
            let other = &seeds[random.random_range(0..seeds.len())];
            bytes.truncate(at);
            bytes.extend_from_slice(&other[at.min(other.len())..]);
        }
    }
}

#[test]
fn ratings_are_refused_or_finite() {
    tries(env!("CARGO_BIN_EXE_fuzz_ratings"), "ratings", 2_000);
}

#[test]
fn a_history_is_refused_or_finite() {
    tries(env!("CARGO_BIN_EXE_fuzz_history"), "history", 2_000);
}

#[test]
fn a_model_file_is_refused_or_answers() {
    tries(env!("CARGO_BIN_EXE_fuzz_model_file"), "model_file", 500);
}

#[test]
fn no_request_makes_the_service_fail() {
    tries(env!("CARGO_BIN_EXE_fuzz_requests"), "requests", 2_000);
}
