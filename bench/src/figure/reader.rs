//! How fast a file of ratings becomes ratings in memory.

use anyhow::Result;
use cofactor::data::read::{ReadOptions, read};

use crate::bench::Bench;
use crate::measure::{Sample, timed};
use crate::page::{Section, Table, Verdict};

const WANTED: f64 = 200.0;

/// Reads MovieLens 1M's file of ratings again and again.
pub fn measure(bench: &Bench) -> Result<Section> {
    let path = bench.folder("ml-1m")?.join("ratings.dat");
    let megabytes = std::fs::metadata(&path)?.len() as f64 / 1e6;
    let (mut cpu, mut wall) = (Sample::default(), Sample::default());
    let mut ratings = 0;
    for _ in 0..3 * bench.repeats {
        let (read, cost) = timed(|| read(&path, &ReadOptions::default()));
        ratings = read?.len();
        cpu.push(megabytes / cost.cpu);
        wall.push(megabytes / cost.wall);
    }
    let mut table = Table::new(["MB", "ratings", "MB per CPU s", "MB per s on the wall"]);
    table.row([format!("{megabytes:.1}"), ratings.to_string(), format!("{cpu:.0}"), format!("{wall:.0}")]);
    Ok(Section {
        title: "Reading".to_owned(),
        how: format!(
            "MovieLens 1M's `ratings.dat` (`user::item::rating::time`), one thread, from the file in the system's page cache to \
             `Ratings`: delimiter and columns found, ids mapped, times read, every check made, sorted by user and item. {} repeats.",
            3 * bench.repeats
        ),
        verdicts: vec![Verdict::at_least("reading ml-1m's `::` file", cpu.median(), WANTED, |x| {
            format!("{x:.0} MB per CPU s")
        })],
        tables: vec![table],
        notes: Vec::new(),
    })
}
