//! What a rating costs, from a million ratings to a hundred million.

use std::fs;

use anyhow::{Context, Result};
use cofactor::data::synth::{self, Synth};
use cofactor::fit::run::Run;
use cofactor_kernels::padded;
use serde_json::json;

use crate::bench::{Bench, mf};
use crate::measure::{Sample, timed};
use crate::page::{Section, Table, Verdict};

const SIZES: [usize; 3] = [1_000_000, 10_000_000, 100_000_000];
const K: usize = 32;
const EPOCHS: usize = 10;
/// How much dearer than the cheapest a rating may be.
const WANTED: f64 = 1.3;

/// Fits each size.
pub fn measure(bench: &Bench) -> Result<Section> {
    let repeats = bench.repeats.min(3);
    let mut section = Section {
        title: "Cost by number of ratings".to_owned(),
        how: format!(
            "Synthetic sets of one shape: a user for 143 ratings and an item for 741, as MovieLens 20M has them. Biased `mf`, k = {K}, {EPOCHS} \
             epochs, one thread, whole fits, {repeats} repeats. Memory is what a fit adds to the ratings, which themselves take 12 bytes each \
             with their times: the most that the process had during the fit less what it had before, and less the factors."
        ),
        ..Section::default()
    };
    let mut table = Table::new([
        "ratings",
        "users × items",
        "nanoseconds a rating and epoch, CPU",
        "set-up and end, nanoseconds a rating",
        "fit's bytes per rating",
    ]);
    let mut costs = Sample::default();
    for size in SIZES {
        let (users, items) = (size / 143, size / 741);
        let synth = Synth { users, items, ratings: size, k: 16, ..Synth::DEFAULT };
        let train = synth::generate(&synth)?.ratings;
        let (mut per_update, mut around) = (Sample::default(), Sample::default());
        let mut memory = Sample::default();
        for _ in 0..repeats {
            let before = forget_peak()?;
            let cost = |epochs: usize| -> Result<f64> {
                let algorithm = mf(json!({
                    "factors": K, "epochs": epochs, "rate": 0.003, "bias_rate": 0.003, "reg": 0.05, "reg_power": 0,
                }))?;
                let mut run = Run::new(1, 1)?;
                let (model, cost) = timed(|| algorithm.fit(&train, &mut run));
                model?;
                Ok(cost.cpu * 1e9 / size as f64)
            };
            let (whole, one) = (cost(EPOCHS)?, cost(1)?);
            let update = (whole - one) / (EPOCHS - 1) as f64;
            per_update.push(whole / EPOCHS as f64);
            around.push(one - update);
            let factors = (users + items) * (padded(K) + 1) * size_of::<f32>();
            memory.push((peak()? - before - factors as f64) / size as f64);
        }
        costs.push(per_update.median());
        table.row([
            size.to_string(),
            format!("{users} × {items}"),
            format!("{per_update:.2}"),
            format!("{around:.1}"),
            format!("{:.1}", memory.median()),
        ]);
    }
    section.tables.push(table);
    section.verdicts.push(Verdict::at_most(
        format!("the dearest rating over the cheapest, 1 M to 100 M ratings, k = {K}"),
        costs.max() / costs.min(),
        WANTED,
        |x| format!("{x:.2} ×"),
    ));
    Ok(section)
}

/// Lets the system count the process's peak memory anew; returns what it has now, in bytes.
pub fn forget_peak() -> Result<f64> {
    fs::write("/proc/self/clear_refs", "5").context("resetting the peak memory")?;
    status("VmRSS")
}

/// The process's peak memory since then, in bytes.
pub fn peak() -> Result<f64> {
    status("VmHWM")
}

/// A line of the process's status, in bytes.
fn status(name: &str) -> Result<f64> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)).context("a line of the status")?;
    let kilobytes: f64 = line.trim_matches([':', ' ', '\t']).trim_end_matches(" kB").trim().parse()?;
    Ok(kilobytes * 1024.0)
}
