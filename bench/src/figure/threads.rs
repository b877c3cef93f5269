//! One thread and two: the same bits, and what the second one brings.

use std::hint::black_box;
use std::thread;

use anyhow::Result;
use cofactor::data::ratings::Ratings;
use cofactor::fit::model::Tensors;
use cofactor::fit::run::Run;
use serde_json::json;

use crate::bench::{Bench, mf};
use crate::measure::{Cost, Sample, timed};
use crate::page::{Section, Table, Verdict};

const RANKS: [usize; 4] = [16, 32, 64, 128];
const EPOCHS: usize = 20;
/// Two copies of a loop that touches no memory must run so many times as fast as one for two cores to count as whole.
const WHOLE: f64 = 1.9;
const SPEED_UP: f64 = 1.7;
const CPU_RATIO: f64 = 1.1;

/// Compares one thread with two at each k.
pub fn measure(bench: &Bench) -> Result<Section> {
    let ratings = bench.load("ml-1m")?;
    let mut section = Section {
        title: "Two threads".to_owned(),
        how: format!(
            "Whole fits of biased `mf` on MovieLens 1M, {EPOCHS} epochs. Before each pair of fits, two copies of a loop of integer \
             arithmetic run side by side and then alone: \"cores\" is how many copies' worth of work the machine gave. Where it \
             gave two whole cores (≥ {WHOLE}) in at least three repeats, the speed-up of those repeats on the wall is judged; \
             else the CPU time of two threads over that of one, of all repeats. {} repeats.",
            bench.repeats
        ),
        ..Section::default()
    };
    let mut table = Table::new([
        "k",
        "cores",
        "1 thread, wall s",
        "2 threads, wall s",
        "speed-up",
        "CPU, 2 ÷ 1",
        "same bits",
    ]);
    for k in RANKS {
        let at_k = compare(bench, &ratings, k)?;
        let speed_up = at_k.one_wall.over(&at_k.two_wall);
        let cpu = at_k.two_cpu.over(&at_k.one_cpu);
        section
            .verdicts
            .push(Verdict::holds(format!("one and two threads give the same bits, k = {k}"), at_k.same_bits));
        section.verdicts.push(if at_k.whole.len() >= 3 {
            let what = format!("two threads over one, k = {k}, wall time on two whole cores");
            Verdict::at_least(what, at_k.whole.median(), SPEED_UP, |x| format!("{x:.2} ×"))
        } else {
            let what = format!(
                "CPU time of two threads over one, k = {k} (the machine has not got two whole cores)"
            );
            Verdict::at_most(what, cpu.median(), CPU_RATIO, |x| format!("{x:.2} ×"))
        });
        table.row([
            k.to_string(),
            at_k.cores.to_string(),
            format!("{:.3}", at_k.one_wall),
            format!("{:.3}", at_k.two_wall),
            speed_up.to_string(),
            cpu.to_string(),
            String::from(if at_k.same_bits { "yes" } else { "no" }),
        ]);
    }
    section.tables.push(table);
    Ok(section)
}

#[derive(Default)]
struct AtK {
    cores: Sample,
    one_wall: Sample,
    two_wall: Sample,
    one_cpu: Sample,
    two_cpu: Sample,
    /// The speed-up of the repeats that met two whole cores before and after.
    whole: Sample,
    same_bits: bool,
}

fn compare(bench: &Bench, ratings: &Ratings, k: usize) -> Result<AtK> {
    let mut at_k = AtK { same_bits: true, ..AtK::default() };
    let mut before = cores();
    for _ in 0..bench.repeats {
        let (one, one_cost) = fit(ratings, k, 1)?;
        let (two, two_cost) = fit(ratings, k, 2)?;
        let after = cores();
        at_k.same_bits &= bits(&one) == bits(&two);
        at_k.cores.push(before.min(after));
        at_k.one_wall.push(one_cost.wall);
        at_k.two_wall.push(two_cost.wall);
        at_k.one_cpu.push(one_cost.cpu);
        at_k.two_cpu.push(two_cost.cpu);
        if before.min(after) >= WHOLE {
            at_k.whole.push(one_cost.wall / two_cost.wall);
        }
        before = after;
    }
    Ok(at_k)
}

fn fit(ratings: &Ratings, k: usize, threads: usize) -> Result<(Tensors, Cost)> {
    let algorithm =
        mf(json!({ "factors": k, "epochs": EPOCHS, "rate": 0.003, "reg": 0.05, "reg_power": 0 }))?;
    let mut run = Run::new(1, threads)?;
    let (model, cost) = timed(|| algorithm.fit(ratings, &mut run));
    Ok((model?.tensors(), cost))
}

fn bits(tensors: &Tensors) -> Vec<u8> {
    tensors.0.values().flat_map(|tensor| tensor.data.bytes().iter().copied()).collect()
}

/// How many copies' worth of work two copies of a register loop get done in the time of one.
fn cores() -> f64 {
    let ((), both) = timed(|| {
        thread::scope(|scope| {
            scope.spawn(register_loop);
            register_loop();
        });
    });
    let ((), alone) = timed(register_loop);
    2.0 * alone.wall / both.wall
}

fn register_loop() {
    // A chain of shifts: nothing that a compiler can take several steps of at once.
    let mut state = black_box(1_u64);
    for _ in 0..10_000_000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    black_box(state);
}
