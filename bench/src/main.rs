//! Measures what Cofactor claims about itself, beside its peers, and writes `docs/benchmarks.md`.

mod bench;
mod figure;
mod machine;
mod measure;
mod page;
mod peer;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use clap::builder::PossibleValuesParser;

use bench::Bench;
use figure::FIGURES;

/// Measures what Cofactor claims about itself. Without names, measures everything and writes docs/benchmarks.md.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The figures to measure; only printed, unless --out is given.
    #[arg(value_parser = PossibleValuesParser::new(FIGURES.map(|(name, _)| name)))]
    figures: Vec<String>,
    /// Where to write the page.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How many of the lesson's 100 epochs the NumPy loop runs; its time is scaled to 100.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100))]
    numpy_epochs: u32,
    /// Repeats of each comparison.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    repeats: u32,
}

fn main() -> Result<ExitCode> {
    let raw: Vec<String> = std::env::args().skip(1).collect();
    if let Some((measure::MEASURE, command)) = raw.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return measure::measure_child(command);
    }
    let arguments = Arguments::parse();
    let all = arguments.figures.is_empty();
    let chosen =
        FIGURES.iter().filter(|(name, _)| all || arguments.figures.iter().any(|figure| figure == name));
    let out = arguments.out.or_else(|| all.then(|| bench::root().join("docs/benchmarks.md")));

    let command = format!("cargo run --release --manifest-path bench/Cargo.toml -- {}", raw.join(" "));
    let preamble = machine::describe(bench::root(), command.trim_end_matches("-- ").trim_end());
    let bench = Bench::new(arguments.repeats as usize, arguments.numpy_epochs)?;
    let mut sections = Vec::new();
    for (name, measure) in chosen {
        eprintln!("measuring {name} …");
        sections.push((*name, measure(&bench)));
    }
    let page = page::page(&preamble, &sections);
    println!("{page}");
    if let Some(out) = out {
        fs::create_dir_all(out.parent().unwrap_or(bench::root()))?;
        fs::write(&out, page).with_context(|| format!("writing {}", out.display()))?;
    }
    let failed = sections.iter().any(|(_, section)| section.is_err());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
