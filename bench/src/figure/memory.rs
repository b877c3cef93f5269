//! Peak memory of training, over what the factors take.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use cofactor_kernels::padded;

use crate::bench::{Bench, cofactor};
use crate::measure::{Child, child};
use crate::page::{Section, Table, Verdict};

const RANKS: [usize; 2] = [16, 64];
const WANTED: f64 = 24.0;

/// Trains on MovieLens 1M and on a handful of ratings.
pub fn measure(bench: &Bench) -> Result<Section> {
    let cofactor = cofactor()?;
    let ratings = bench.load("ml-1m")?;
    let (count, rows) = (ratings.len(), ratings.users() + ratings.items());
    let tiny = bench.scratch("tiny.csv");
    std::fs::write(&tiny, "user,item,rating\n1,1,4\n1,2,3\n2,1,5\n2,2,1\n3,1,2\n3,3,4\n")?;
    let tiny = tiny.to_string_lossy();

    let mut section = Section {
        title: "Peak memory of training".to_owned(),
        how: format!(
            "The largest resident set of `cofactor train ml-1m --model mf --set factors=K --output FILE` as the system counted it at \
             the child's end, less the bytes of its factors (rows padded, biases), over the {count} ratings. \"Program\" is the \
             same command's peak on six ratings: the program's own pages, libraries, thread stacks."
        ),
        ..Section::default()
    };
    let mut table = Table::new([
        "k",
        "peak, MB",
        "factors, MB",
        "bytes per rating over the factors",
        "program, MB",
        "bytes per rating over both",
    ]);
    for k in RANKS {
        let peak = train(bench, &cofactor, "ml-1m", k)?.peak as f64;
        let program = train(bench, &cofactor, &tiny, k)?.peak as f64;
        let factors = (rows * (padded(k) + 1) * size_of::<f32>()) as f64;
        let bytes = |x: f64| format!("{x:.1} bytes per rating");
        let (strict, net) = ((peak - factors) / count as f64, (peak - factors - program) / count as f64);
        let what = |over: &str| format!("peak memory of `train ml-1m` over {over}, k = {k}");
        section.verdicts.push(Verdict::at_most(what("the factors"), strict, WANTED, bytes));
        section.verdicts.push(Verdict::at_most(what("the factors and the program"), net, WANTED, bytes));
        table.row([
            k.to_string(),
            format!("{:.1}", peak / 1e6),
            format!("{:.1}", factors / 1e6),
            format!("{strict:.1}"),
            format!("{:.1}", program / 1e6),
            format!("{net:.1}"),
        ]);
    }
    section.tables.push(table);
    Ok(section)
}

fn train(bench: &Bench, cofactor: &Path, data: &str, k: usize) -> Result<Child> {
    let mut command = Command::new(cofactor);
    command.args([
        "train",
        data,
        "--model",
        "mf",
        "--set",
        "epochs=2",
        "--set",
        &format!("factors={k}"),
        "--output",
    ]);
    child(command.arg(bench.scratch("memory.cofactor")))
}
