//! How fast `bfm` draws samples, beside myFM, on larger sets, and against the limit of the memory.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use cofactor::data::ids::{Item, User};
use cofactor::data::ratings::Ratings;
use cofactor::data::split;
use cofactor::data::synth::{self, Synth};
use cofactor::fit::run::Run;
use serde::Deserialize;
use serde_json::json;

use crate::bench::{Bench, model};
use crate::measure::{Sample, timed};
use crate::page::{Section, Table, Verdict};
use crate::peer::{Process, Python};

const CHAINS: usize = 16;
const FACTORS: usize = 32;
/// Sweeps of the short and the long fit: their difference has no preparation in it.
const SWEEPS: (usize, usize) = (1, 5);
/// Those of the preset for MovieLens 1M: 28 of burn-in, and 32 samples of each chain.
const PRESET_SWEEPS: usize = 60;
const REPEATS: usize = 2;
/// How many times as many samples per CPU second as myFM are wanted.
const WANTED: f64 = 10.0;
/// Synthetic ratings without times, so `flipped` has no days there.
const LARGE: &str = "synth:users=70000,items=14000,ratings=10000000,k=16";
const HUGE: &str = "synth:users=450000,items=50000,ratings=100000000,k=16";
const SECONDS_IN_A_DAY: i64 = 86_400;

/// Compares the two, then measures larger sets.
pub fn measure(bench: &Bench) -> Result<Section> {
    let ratings = bench.load("ml-1m")?;
    let published = |split: &str| -> cofactor::error::Result<Vec<(User, Item)>> {
        bench.official("ml-1m", split, &ratings)
    };
    let train = split::plan("numpy-kfold:1/10@0".parse()?, &ratings, 0, &published)?.fold(0).train;
    let python = Python::myfm()?;
    let mut section = Section {
        title: "Samples of the Bayesian factorization machine".to_owned(),
        how: format!(
            "MovieLens 1M without the first of ten folds ({} ratings), timeSVD++ flipped, k = {FACTORS}, one thread, {REPEATS} repeats in turns; {}. A sweep draws \
             every weight once: one sample of myFM's one chain, {CHAINS} of Cofactor's {CHAINS} chains. Its time is the difference of two fits of {} and {} \
             sweeps over the difference of their numbers, on larger sets of one and two. Each chain has a burn-in of its own, which a sample's price does not hold: with the preset for these data \
             512 samples take {} sweeps, so that all in all a sample costs {:.1} times as much as here.",
            train.len(),
            python.version(&["myfm", "numpy", "scipy"]),
            SWEEPS.0,
            SWEEPS.1,
            PRESET_SWEEPS,
            PRESET_SWEEPS as f64 * CHAINS as f64 / 512.0,
        ),
        ..Section::default()
    };
    beside_myfm(bench, &train, &python, &mut section)?;
    larger(&train, &mut section)?;
    Ok(section)
}

#[derive(Deserialize)]
struct Answer {
    cpu: f64,
}

fn beside_myfm(bench: &Bench, train: &Ratings, python: &Python, section: &mut Section) -> Result<()> {
    let records = records(bench, train)?;
    let mut process = python.start("gibbs.py", &[&records])?;
    let mut table = Table::new([
        "target",
        "myFM: CPU s a sample",
        "Cofactor: CPU s a sweep",
        "Cofactor: CPU s a sample",
        "samples per CPU second, times as many",
    ]);
    for (target, probit) in [("gaussian", false), ("probit", true)] {
        let (mut theirs, mut own) = (Sample::default(), Sample::default());
        for _ in 0..REPEATS {
            theirs.push(their_sweep(&mut process, probit)?);
            own.push(sweep(train, &[("target", target), ("factors", "32")], SWEEPS)?);
        }
        let sample: Sample = own.over(&std::iter::repeat_n(CHAINS as f64, REPEATS).collect());
        let ratio = theirs.over(&sample);
        section.verdicts.push(Verdict::at_least(
            format!(
                "`bfm` over myFM, samples per CPU second, {target}, MovieLens 1M, k = {FACTORS}, one thread"
            ),
            ratio.median(),
            WANTED,
            |x| format!("{x:.1} ×"),
        ));
        table.row([
            target.to_owned(),
            format!("{theirs:.2}"),
            format!("{own:.2}"),
            format!("{sample:.3}"),
            format!("{ratio:.1}"),
        ]);
    }
    section.tables.push(table);
    Ok(())
}

/// CPU seconds of one of myFM's sweeps.
fn their_sweep(process: &mut Process, probit: bool) -> Result<f64> {
    let mut cpu = |sweeps: usize| -> Result<f64> {
        let told = json!({ "rank": FACTORS, "sweeps": sweeps, "probit": probit });
        Ok(serde_json::from_str::<Answer>(&process.ask(&told.to_string())?)?.cpu)
    };
    Ok((cpu(SWEEPS.1)? - cpu(SWEEPS.0)?) / (SWEEPS.1 - SWEEPS.0) as f64)
}

/// CPU seconds of a sweep of 16 chains on one thread.
fn sweep(train: &Ratings, set: &[(&str, &str)], (few, many): (usize, usize)) -> Result<f64> {
    let cpu = |sweeps: usize| -> Result<f64> {
        let (samples, chains) = (sweeps.to_string(), CHAINS.to_string());
        let mut all = vec![("burn_in", "0"), ("keep", "1"), ("samples", &*samples), ("chains", &*chains)];
        all.extend(set);
        let algorithm = model("bfm", None, &all)?;
        let mut run = Run::new(0, 1)?;
        let (fitted, cost) = timed(|| algorithm.fit(train, &mut run));
        fitted?;
        Ok(cost.cpu)
    };
    Ok((cpu(many)? - cpu(few)?) / (many - few) as f64)
}

/// Writes ratings with their day for the peer, days counted without gaps.
fn records(bench: &Bench, train: &Ratings) -> Result<PathBuf> {
    let day = |time: Option<i64>| time.unwrap_or(0).div_euclid(SECONDS_IN_A_DAY);
    let days: BTreeSet<i64> = train.iter().map(|rating| day(rating.time)).collect();
    let days: Vec<i64> = days.into_iter().collect();
    let mut bytes = Vec::with_capacity(16 * train.len());
    for rating in train.iter() {
        let place = days.binary_search(&day(rating.time)).ok().context("each day is listed")?;
        for number in [rating.user.0, rating.item.0, place as u32] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&rating.value.to_le_bytes());
    }
    let path = bench.scratch("gibbs.records");
    fs::write(&path, bytes)?;
    Ok(path)
}

/// What a sweep costs on larger sets, and what the memory alone would take for it.
fn larger(train: &Ratings, section: &mut Section) -> Result<()> {
    let of_movies = "MovieLens 1M";
    let synthetic = synth::generate(&Synth::parse(LARGE)?)?.ratings;
    let rows = [
        (of_movies, train, "mf", 32),
        (of_movies, train, "flipped", 32),
        ("synthetic 10 M", &synthetic, "mf", 16),
        ("synthetic 10 M", &synthetic, "flipped", 16),
    ];
    against_memory(&rows, section)
}

/// What a sweep of a hundred million ratings costs.
pub fn huge(_: &Bench) -> Result<Section> {
    let mut section = Section {
        title: "Samples of the Bayesian factorization machine from a hundred million ratings".to_owned(),
        how: format!(
            "`{HUGE}`, one thread, {CHAINS} chains; a sweep's time is the difference of two fits of one and two sweeps."
        ),
        ..Section::default()
    };
    let synthetic = synth::generate(&Synth::parse(HUGE)?)?.ratings;
    against_memory(&[("synthetic 100 M", &synthetic, "flipped", 16)], &mut section)?;
    Ok(section)
}

/// A row for each of these data, features and k.
fn against_memory(rows: &[(&str, &Ratings, &str, usize)], section: &mut Section) -> Result<()> {
    let speed = bandwidth();
    let mut table = Table::new([
        "data",
        "features",
        "k",
        "CPU s a sweep of 16 chains",
        "ratings × factors × chains per CPU second",
        "the memory alone, s",
        "times that",
    ]);
    for &(name, ratings, features, k) in rows {
        let factors = k.to_string();
        let cpu = sweep(ratings, &[("features", features), ("factors", &factors)], (1, 2))?;
        let visits = (ratings.len() * (k + 1) * CHAINS) as f64;
        // e without the factor at hand is read and written by session and read by item: twelve bytes.
        let least = 12.0 * visits / speed;
        table.row([
            name.to_owned(),
            features.to_owned(),
            k.to_string(),
            format!("{cpu:.2}"),
            format!("{:.0} M", visits / cpu / 1e6),
            format!("{least:.2}"),
            format!("{:.1}", cpu / least),
        ]);
    }
    section.tables.push(table);
    section.notes.push(format!(
        "The memory alone: e of each rating and chain read, written and read again for each factor, 12 bytes, at the {:.1} GB/s at which one thread reads \
         and writes a long array here. What a sweep of sets and hidden numbers adds is not in it.",
        speed / 1e9
    ));
    Ok(())
}

/// Bytes a second that one thread moves while it reads and writes an array far larger than the caches; the best of several passes.
fn bandwidth() -> f64 {
    let mut array = vec![1.0_f32; 1 << 26];
    let moved = (2 * size_of_val(&array[..])) as f64;
    let pass = |array: &mut [f32]| {
        let (_, cost) = timed(|| {
            for entry in array.iter_mut() {
                *entry += 1.0;
            }
        });
        cost.cpu
    };
    let passes: Sample = (0..8).map(|_| pass(&mut array)).collect();
    std::hint::black_box(&array);
    moved / passes.min()
}
