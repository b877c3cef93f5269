//! The main job as a whole command.

use std::process::Command;

use anyhow::Result;

use crate::bench::{Bench, cofactor};
use crate::measure::{Sample, child};
use crate::page::{Section, Table, Verdict};

/// Runs the command and says what it took.
pub fn measure(bench: &Bench) -> Result<Section> {
    let cofactor = cofactor()?;
    bench.load("ml-100k")?;
    let (mut cpu, mut wall, mut peak) = (Sample::default(), Sample::default(), Sample::default());
    for _ in 0..bench.repeats {
        let mut command = Command::new(&cofactor);
        command.args(["run", "ml-100k", "--preset", "lesson", "--out"]).arg(bench.scratch("run"));
        let used = child(&command)?;
        cpu.push(used.cost.cpu);
        wall.push(used.cost.wall);
        peak.push(used.peak as f64 / 1e6);
    }
    let mut table = Table::new(["CPU s", "wall s", "peak memory, MB"]);
    table.row([cpu.to_string(), wall.to_string(), format!("{peak:.1}")]);
    Ok(Section {
        title: "The main job, whole".to_owned(),
        how: format!(
            "`cofactor run ml-100k --preset lesson --out DIR`, data in the cache: read, split, fit, evaluate, write the model and both \
             reports. {} repeats, all threads.",
            bench.repeats
        ),
        verdicts: vec![Verdict::at_most(
            "`run ml-100k --preset lesson`, the whole command",
            cpu.median(),
            1.0,
            |x| format!("{x:.2} CPU s"),
        )],
        tables: vec![table],
        notes: Vec::new(),
    })
}
