//! Measures what Cofactor claims about itself, beside its peers, and writes `docs/benchmarks.md`.

mod bench;
mod figure;
mod load;
mod machine;
mod measure;
mod page;
mod peer;
mod rankers;

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use clap::builder::PossibleValuesParser;

use bench::Bench;
use figure::FIGURES;
use page::Record;

/// Measures what Cofactor claims about itself, keeps it in bench/measured and writes docs/benchmarks.md from all that is kept there.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The figures to measure; all, if none is named.
    #[arg(value_parser = PossibleValuesParser::new(FIGURES.map(|(name, _)| name)))]
    figures: Vec<String>,
    /// Print what is measured, and leave what is kept as it is.
    #[arg(long)]
    print: bool,
    /// Measure nothing; only write the page from what is kept.
    #[arg(long, conflicts_with_all = ["figures", "print"])]
    page: bool,
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
    if arguments.page {
        return write_page().map(|()| ExitCode::SUCCESS);
    }
    let all = arguments.figures.is_empty();
    let chosen =
        FIGURES.iter().filter(|(name, _)| all || arguments.figures.iter().any(|figure| figure == name));

    let bench = Bench::new(arguments.repeats as usize, arguments.numpy_epochs)?;
    let (mut records, mut failed) = (Vec::new(), false);
    for (name, measure) in chosen {
        eprintln!("measuring {name} …");
        let measured = machine::circumstances(bench::root());
        match measure(&bench) {
            Ok(section) => {
                let record = Record { measured, section };
                if !arguments.print {
                    record.write(name)?;
                    write_page()?;
                }
                records.push((*name, record));
            }
            Err(error) => {
                eprintln!("{name} could not be measured: {error:#}");
                failed = true;
            }
        }
    }
    println!("{}", page::page(&records));
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// From all records that are kept.
fn write_page() -> Result<()> {
    let mut kept = Vec::new();
    for (name, _) in FIGURES {
        kept.extend(Record::read(name)?.map(|record| (name, record)));
    }
    let path = bench::root().join("docs/benchmarks.md");
    fs::write(&path, page::page(&kept)).with_context(|| format!("writing {}", path.display()))
}
