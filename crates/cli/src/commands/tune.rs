//! `cofactor tune`: the search for parameters.

use std::path::{Path, PathBuf};

use cofactor::data::split::{self, Fold, Spec};
use cofactor::eval::early::EarlyStopping;
use cofactor::registry::Entry;
use cofactor::report::StudyReport;
use cofactor::tune::{self, Dimension, Header, Outcome, Range, Study, Trial, Wish};
use serde_json::{Map, Value};

use super::Context;
use crate::args::{ChoiceArgs, DataArgs};
use crate::experiment;
use crate::failure::Failure;
use crate::format;
use crate::inputs::{self, Data, Model};
use crate::output::{Cell, DIM, HEAD, Output, Table};

/// Search for good parameters on ratings kept aside from the training part
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofactor tune ml-100k --model mf --trials 40 --study mf.jsonl
  cofactor tune ml-100k --model mf --split official --trials 64 --study mf.jsonl --report mf.html
  cofactor tune ratings.csv --model mf --set factors=32 --search reg=0.01..0.1 --search biases
  cofactor evaluate ml-100k --study mf.jsonl          tests the winner
  cofactor train ml-100k --study mf.jsonl             trains it on everything

Searched is what the model declares worth searching (`cofactor models NAME --json`), but for what --set fixes, \
and what --search asks for: NAME=LOW..HIGH, NAME=A,B,C, or NAME alone for all values of a flag or a choice. \
The number of epochs is found by early stopping; --set epochs=N is the most.

A study goes on where it was cut off, by the same command; more --trials make it longer. It depends on the seed, \
not on the number of threads.")]
pub(crate) struct Args {
    /// A file of ratings, or a data set's name
    data: String,
    /// How many trials in all
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    trials: u32,
    /// Search on the training parts of this split alone [default: on all ratings]
    #[arg(long, value_name = "SPEC", default_value = "none", hide_default_value = true)]
    split: String,
    /// Search this parameter too, or over these values; may be repeated
    #[arg(long, value_name = "NAME[=VALUES]", value_parser = wish)]
    search: Vec<Wish>,
    /// Keep the trials in this file, and go on with those that it holds
    #[arg(long, value_name = "FILE")]
    study: Option<PathBuf>,
    /// Write a page with the trials as charts
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// The share of each user's training ratings that is kept aside to measure on
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    validation: f64,
    /// After how many epochs without a better one a trial stops
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    patience: u16,
    #[command(flatten)]
    choice: ChoiceArgs,
    #[command(flatten)]
    source: DataArgs,
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a parser of arguments")]
fn wish(written: &str) -> Result<Wish, String> {
    Ok(match written.split_once('=') {
        Some((name, values)) => (name.trim().to_owned(), Some(values.trim().to_owned())),
        None => (written.trim().to_owned(), None),
    })
}

/// How many of the best trials are shown.
const SHOWN: usize = 5;

pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let spec = inputs::split_spec(&args.split)?;
    let rule = EarlyStopping { share: args.validation, patience: args.patience.into() };
    rule.check()?;
    let model = model(args, rule)?;
    let (space, fixed) = space(args, &model)?;
    let data = inputs::load(&args.data, &args.source, context)?;
    let config = model.configured.config();
    let header = Header::new(model.entry, &config, (space, fixed), &data.ratings, spec, rule, context.seed);
    context.out.step("Search", in_words(model.entry, &header), None)?;
    let mut study = match &args.study {
        Some(file) => Study::open(file, header)?,
        None => Study::new(header),
    };
    let parts = parts(&data, spec, rule, context)?;
    let taken_up = study.trials.len();
    if taken_up > 0 {
        context.out.note(&format!("taken up with {}", format::counted(taken_up, "trial")))?;
    }
    search(args, &mut study, &parts, context)?;
    let report = describe(args, &data, &study, &parts, context);
    if let Some(file) = &args.report {
        context.write_page(file, &report.html())?;
    }
    if context.out.is_json() {
        context.out.whole_object(&report)?;
    } else {
        print(args, &study, &report, &mut context.out)?;
    }
    study.winner()?;
    Ok(())
}

/// The model that the search starts from; with the most epochs that a trial may take, if it has epochs.
fn model(args: &Args, rule: EarlyStopping) -> Result<Model, Failure> {
    let plain = Model::chosen(&args.choice, ("mf", None), None)?;
    if plain.epochs().is_none() {
        return Ok(plain);
    }
    Model::chosen(&args.choice, ("mf", None), Some(rule))
}

fn space(args: &Args, model: &Model) -> Result<(Vec<Dimension>, Map<String, Value>), Failure> {
    let fixed: Vec<&str> = args.choice.set.iter().map(|(name, _)| name.as_str()).collect();
    Ok(tune::space(model.entry, &model.configured.config(), &fixed, &args.search)?)
}

/// `mf over factors 8..128, reg 0.01..0.3; biases=true`
fn in_words(entry: &Entry, header: &Header) -> String {
    let ranges: Vec<String> = header
        .space
        .iter()
        .map(|Dimension { name, range }| match range {
            Range::Integer { low, high } => format!("{name} {low}..{high}"),
            Range::Real { low, high } => {
                format!("{name} {}..{}", format::number(*low), format::number(*high))
            }
            Range::Choice { options } => {
                let options: Vec<String> = options.iter().map(written).collect();
                format!("{name} {}", options.join("|"))
            }
        })
        .collect();
    let fixed: Vec<String> =
        header.fixed.iter().map(|(name, value)| format!("{name}={}", written(value))).collect();
    let rest = if fixed.is_empty() { String::new() } else { format!("; {}", fixed.join(" ")) };
    format!("{} over {}{rest}", entry.name, ranges.join(", "))
}

fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn parts(data: &Data, spec: Spec, rule: EarlyStopping, context: &mut Context) -> Result<Vec<Fold>, Failure> {
    let plan = split::plan(spec, &data.ratings, context.seed, &|name| data.published(name))?;
    let parts = tune::validation_parts(&plan, rule.share, context.seed)?;
    let (train, valid) =
        parts.iter().fold((0, 0), |(t, v), part| (t + part.train.len(), v + part.test.len()));
    let (train, valid) = (train / parts.len(), valid / parts.len());
    let text = format!(
        "{} to learn from and {} to measure on, of {}",
        format::count(train),
        format::count(valid),
        match (spec, parts.len()) {
            (Spec::None, _) => "all ratings".to_owned(),
            (_, 1) => format!("the training part of {spec}"),
            (_, parts) => format!("each of the {parts} training parts of {spec}"),
        }
    );
    context.out.step("Parts", text, None)?;
    Ok(parts)
}

fn search(args: &Args, study: &mut Study, parts: &[Fold], context: &mut Context) -> Result<(), Failure> {
    let trials = args.trials as usize;
    let bar = context.progress.epochs("Trials", Some(trials as u64));
    bar.set_position(study.trials.len() as u64);
    let interrupt = context.interrupt.clone();
    let mut observer = |study: &Study, _: &Trial| {
        if let Some((best, rmse)) = study.best().and_then(|best| Some((best.number, best.rmse()?))) {
            bar.set_message(format!("best {rmse:.4} (trial {best})"));
        }
        bar.inc(1);
    };
    let threads = context.threads();
    let done = context.interrupt.defer(|| {
        Ok(tune::tune(study, parts, (trials, threads), interrupt.request_to_stop(), &mut observer)?)
    });
    bar.finish_and_clear();
    match (done, &args.study) {
        (Err(Failure::Interrupted), Some(file)) => Err(Failure::Paused {
            kept: format!(
                "{} keeps {}; the same command goes on with it",
                file.display(),
                format::counted(study.trials.len(), "trial")
            ),
        }),
        (done, _) => done,
    }
}

fn describe(args: &Args, data: &Data, study: &Study, parts: &[Fold], context: &Context) -> StudyReport {
    StudyReport {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        command: experiment::command_line(),
        next: next_commands(args, study),
        data: experiment::describe_data(&data.ratings),
        study: study.header.clone(),
        parts: parts.iter().map(|part| [part.train.len(), part.test.len()]).collect(),
        trials: study.trials.clone(),
        best: study.best().map(|best| best.number),
        winner: study.winner().unwrap_or_default(),
        influences: tune::influences(study),
        threads: context.threads(),
        seconds: context.start.elapsed().as_secs_f64(),
        machine: experiment::machine(),
    }
}

/// The commands that test the winner and train it on everything.
fn next_commands(args: &Args, study: &Study) -> Vec<String> {
    let Ok(winner) = study.winner() else { return Vec::new() };
    let parameters = match &args.study {
        Some(file) => format!("--study {}", experiment::quoted(&file.display().to_string())),
        None => {
            let set = winner.iter().map(|(name, value)| format!(" --set {name}={}", written(value)));
            format!("--model {}{}", study.header.model, set.collect::<String>())
        }
    };
    let data = experiment::quoted(&args.data);
    let split = if args.split == "none" { String::new() } else { format!(" --split {}", args.split) };
    let seed = if study.header.seed == 42 { String::new() } else { format!(" --seed {}", study.header.seed) };
    let test = format!("cofactor evaluate {data} {parameters}{split}{seed}");
    let train = format!("cofactor train {data} {parameters}{seed}");
    // Over all ratings nothing is left to test on.
    if args.split == "none" { vec![train] } else { vec![test, train] }
}

fn print(args: &Args, study: &Study, report: &StudyReport, out: &mut Output) -> Result<(), Failure> {
    let count = |of: fn(&Outcome) -> bool| study.trials.iter().filter(|trial| of(&trial.outcome)).count();
    let text = format!(
        "{}: {} measured to the end, {} given up early, {} failed",
        format::counted(study.trials.len(), "trial"),
        count(|outcome| matches!(outcome, Outcome::Done { .. })),
        count(|outcome| matches!(outcome, Outcome::Pruned { .. })),
        count(|outcome| matches!(outcome, Outcome::Failed { .. })),
    );
    out.step("Trials", text, Some(report.seconds))?;
    if let Some(reason) = study.trials.iter().find_map(|trial| match &trial.outcome {
        Outcome::Failed { reason } => Some(reason),
        _ => None,
    }) {
        out.note(&format!("a failure: {}", reason.replace('\n', " ")))?;
    }
    out.say(format_args!("\n{HEAD}The best{HEAD:#}"))?;
    out.table(&best_table(study))?;
    if !report.influences.is_empty() {
        out.say(format_args!("\n{HEAD}What mattered{HEAD:#}"))?;
        out.table(&influences_table(report))?;
        let note = "influence: how differently the best quarter of the finished trials chose it than the others, 0 to 1";
        out.say(format_args!("{DIM}{note}{DIM:#}"))?;
    }
    out.say(format_args!("\n{HEAD}Next{HEAD:#}"))?;
    for command in &report.next {
        out.say(format_args!("  {command}"))?;
    }
    out.say("")?;
    for (name, file) in [("Study", &args.study), ("Report", &args.report)] {
        if let Some(file) = file {
            out.step(name, Path::display(file), None)?;
        }
    }
    Ok(())
}

fn best_table(study: &Study) -> Table {
    let mut done: Vec<(&Trial, f64)> =
        study.trials.iter().filter_map(|trial| Some((trial, trial.rmse()?))).collect();
    done.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.number.cmp(&b.0.number)));
    let mut table = Table::new(["trial", "validation rmse", "epochs", "parameters"]);
    for (trial, rmse) in done.into_iter().take(SHOWN) {
        let epochs = match trial.outcome {
            Outcome::Done { epochs: Some(epochs), .. } => epochs.to_string(),
            _ => String::new(),
        };
        let parameters: Vec<String> =
            trial.parameters.iter().map(|(name, value)| format!("{name}={}", written(value))).collect();
        table.row([
            trial.number.into(),
            Cell::Figure(format!("{rmse:.4}")),
            Cell::Figure(epochs),
            parameters.join(" ").into(),
        ]);
    }
    table
}

fn influences_table(report: &StudyReport) -> Table {
    let mut table = Table::new(["parameter", "influence", "in the best quarter", "in the best"]);
    for influence in &report.influences {
        let is_choice = report.study.space.iter().any(|dimension| {
            dimension.name == influence.name && matches!(dimension.range, Range::Choice { .. })
        });
        let values: Vec<String> = influence.best.iter().map(written).collect();
        table.row([
            influence.name.as_str().into(),
            Cell::Figure(format!("{:.2}", influence.effect)),
            values.join(if is_choice { ", " } else { " to " }).into(),
            Cell::Figure(report.winner.get(&influence.name).map(written).unwrap_or_default()),
        ]);
    }
    table
}
