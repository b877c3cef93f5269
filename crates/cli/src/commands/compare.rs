//! `cofactor compare`: several models over one split.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use cofactor::data::split::{self, Plan};
use cofactor::eval::compare::{self, Compared, Comparison, Contestant};
use cofactor::eval::evaluate::{self, Options, Progress as Event};
use cofactor::eval::ranking::Asked;
use cofactor::fit::algorithm::Task;
use cofactor::registry::ALGORITHMS;
use cofactor::report::{self, ComparisonReport};
use cofactor::tune::Header;
use indicatif::ProgressBar;

use super::Context;
use crate::args::{DataArgs, EarlyArgs, RankingArgs};
use crate::experiment;
use crate::failure::Failure;
use crate::format;
use crate::inputs::{self, Data, Model};
use crate::output::{Cell, DIM, Output, Table};
use crate::progress;

/// Fit several models on the same parts of the data, and test which is better
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofactor compare ml-100k --models baseline,mf --split official
  cofactor compare ml-100k --models mf,mf:lesson,mf:ml-100k+factors=64 --split kfold:5
  cofactor compare ml-100k --models mf,mf:study.jsonl --split official:u1
  cofactor compare ratings.csv --models all --early-stopping --report compare.html
  cofactor compare ml-100k --models mf,als,knn --metrics ndcg@10,recall@20 --relevant-from 4

A model is written NAME, NAME:PRESET or NAME:PRESET+KEY=VALUE+…, with the file of a study in the place of a \
preset for its winner; `all` is every model that predicts ratings.

All models learn from the same ratings and are asked about the same others, so the difference of two is \
known far better than either figure: its interval and its p-value come from the users' differences. \
`cofactor evaluate --help` lists the splits.")]
pub(crate) struct Args {
    /// A file of ratings, or a data set's name
    data: String,
    /// The models, separated by commas
    #[arg(long, short, value_name = "LIST", value_delimiter = ',', required = true)]
    models: Vec<String>,
    /// Which ratings are held out
    #[arg(long, value_name = "SPEC", default_value = "user:0.2")]
    split: String,
    /// Write a page with the comparison as charts
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    early: EarlyArgs,
    #[command(flatten)]
    ranking: RankingArgs,
    #[command(flatten)]
    source: DataArgs,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let spec = inputs::split_spec(&args.split)?;
    let (contestants, studies) = contestants(args)?;
    let data = inputs::load(&args.data, &args.source, context)?;
    let clock = Instant::now();
    let plan = split::plan(spec, &data.ratings, context.seed, &|name| data.published(name))?;
    let split_seconds = clock.elapsed().as_secs_f64();
    experiment::say_split(&plan, split_seconds, context)?;
    let chosen = chosen(&studies, &plan, context.seed);
    for sentence in &chosen {
        context.out.note(sentence)?;
    }
    let ranks = |contestant: &Contestant| {
        ALGORITHMS.iter().any(|entry| entry.name == contestant.model && entry.task == Task::Ranking)
    };
    let asked = args.ranking.asked(data.is_implicit() || contestants.iter().any(ranks))?;
    let comparison = fit_all(&contestants, &plan, asked, context)?;
    let mut report = describe(&data, &plan, split_seconds, comparison, context);
    let leakage: Vec<String> = report.split.leakage.take().into_iter().chain(chosen).collect();
    report.split.leakage = (!leakage.is_empty()).then(|| leakage.join(" "));
    if let Some(file) = &args.report {
        context.write_page(file, &report.html())?;
    }
    if context.out.is_json() {
        context.out.whole_object(&report)?;
    } else {
        print(&report.comparison, &plan, &mut context.out)?;
        if let Some(file) = &args.report {
            context.out.step("Report", file.display(), None)?;
        }
    }
    if report.comparison.failed.is_empty() { Ok(()) } else { Err(Failure::Bad) }
}

/// Labels of models with the studies that their parameters come from.
type Studies = Vec<(String, Header)>;

fn contestants(args: &Args) -> Result<(Vec<Contestant>, Studies), Failure> {
    let rating_models = || ALGORITHMS.iter().filter(|entry| entry.task == Task::Rating);
    let mut contestants: Vec<Contestant> = Vec::new();
    let mut studies = Studies::new();
    for written in &args.models {
        let names = match written.trim() {
            "all" => rating_models().map(|entry| entry.name.to_owned()).collect(),
            one => vec![one.to_owned()],
        };
        for label in names {
            if contestants.iter().any(|other| other.label == label) {
                return Err(Failure::usage(format!("the model '{label}' is named twice"), "name it once"));
            }
            let Model { entry, configured, early, study, .. } = Model::written(&label, args.early.rule())?;
            studies.extend(study.map(|study| (label.clone(), study)));
            contestants.push(Contestant { label, model: entry.name, configured, early });
        }
    }
    if contestants.len() < 2 {
        return Err(Failure::usage(
            "one model alone has nothing to be compared with",
            "name two or more, such as --models baseline,mf; `cofactor evaluate` measures one",
        ));
    }
    Ok((contestants, studies))
}

/// What the studies saw of the test parts, in sentences.
fn chosen(studies: &Studies, plan: &Plan<'_>, seed: u64) -> Vec<String> {
    let sentence = |(label, study): &(String, Header)| {
        study.leakage(plan, seed).map(|leakage| format!("{label}: {leakage}"))
    };
    studies.iter().filter_map(sentence).collect()
}

fn fit_all(
    contestants: &[Contestant],
    plan: &Plan<'_>,
    ranking: Option<Asked>,
    context: &mut Context,
) -> Result<Comparison, Failure> {
    let options = Options { seed: context.seed, threads: context.threads, ranking, ..Options::default() };
    let names: Vec<&Contestant> = contestants.iter().collect();
    watched(&names, context, |observer| compare::compare(contestants, plan, &options, observer))
}

/// Fits models in turn, with a bar for each.
pub(super) fn watched<T>(
    contestants: &[&Contestant],
    context: &mut Context,
    fit: impl FnOnce(&mut dyn FnMut(usize, Event<'_>) -> ControlFlow<()>) -> cofactor::error::Result<T>,
) -> Result<T, Failure> {
    let total = contestants.len();
    let mut bar = ProgressBar::hidden();
    let mut observer = |number: usize, event: Event<'_>| {
        let Contestant { label, configured, .. } = contestants[number];
        match event {
            Event::Search { fold } | Event::Fit { fold, .. } => {
                bar.finish_and_clear();
                let name = format!("{}/{total} {label}: {}", number + 1, experiment::fold_name(fold));
                let known = configured.config().get("epochs").and_then(serde_json::Value::as_u64);
                bar = match event {
                    Event::Fit { found, .. } => {
                        context.progress.epochs(&name, found.map(|found| found.epochs as u64).or(known))
                    }
                    _ => context.progress.spinner(&format!("{name}, epochs")),
                };
            }
            Event::Epoch { epoch, .. } => progress::advance(&bar, epoch),
            Event::Evaluated { .. } => bar.finish_and_clear(),
        }
        if context.interrupt.requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let done = context.interrupt.defer(|| Ok(fit(&mut observer)?));
    bar.finish_and_clear();
    done
}

pub(super) fn describe(
    data: &Data,
    plan: &Plan<'_>,
    split_seconds: f64,
    comparison: Comparison,
    context: &Context,
) -> ComparisonReport {
    let sum = |of: fn(&Compared) -> f64| comparison.models.iter().map(of).sum::<f64>();
    let last = comparison.models.first().and_then(|model| model.folds.last());
    let uses_time = comparison.models.iter().any(|model| model.uses_time);
    ComparisonReport {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        command: experiment::command_line(),
        data: experiment::describe_data(&data.ratings),
        split: report::Split {
            spec: plan.spec().to_string(),
            train: last.map_or(0, |fold| fold.train),
            test: last.map_or(0, |fold| fold.test),
            leakage: experiment::leakage(plan, uses_time),
            unseen: last.map(|fold| fold.unseen).unwrap_or_default(),
        },
        seed: context.seed,
        threads: context.threads(),
        seconds: report::Seconds {
            read: data.seconds,
            split: split_seconds + sum(|model| model.seconds.split),
            fit: sum(|model| model.seconds.fit),
            evaluate: sum(|model| model.seconds.evaluate),
            total: context.start.elapsed().as_secs_f64(),
        },
        machine: experiment::machine(),
        comparison,
    }
}

fn print(comparison: &Comparison, plan: &Plan<'_>, out: &mut Output) -> Result<(), Failure> {
    out.say("")?;
    if let Some(table) = ranking_table(comparison) {
        out.table(&table)?;
        out.say("")?;
    }
    out.table(&table(comparison))?;
    for failed in &comparison.failed {
        out.line(format_args!("{} could not be fitted: {}", failed.label, failed.reason))?;
    }
    out.say(format_args!("{DIM}{}{DIM:#}", format::wrapped(&comparison.method, 0)))?;
    let by_time: Vec<&str> =
        comparison.models.iter().filter(|model| model.uses_time).map(|model| model.label.as_str()).collect();
    if let Some(leakage) = evaluate::time_leakage(plan, !by_time.is_empty()) {
        let text = format!("{}: {leakage}", by_time.join(", "));
        out.say(format_args!("{DIM}{}{DIM:#}", format::wrapped(&text, 0)))?;
    }
    Ok(())
}

/// Each metric of rankings, model by model; none where they were not measured.
fn ranking_table(comparison: &Comparison) -> Option<Table> {
    let asked = &comparison.models.first()?.ranking.as_ref()?.asked;
    let mut table = Table::new([
        "metric",
        "model",
        "value",
        "95 % interval",
        "to the best",
        "95 % interval",
        "p adjusted",
    ]);
    let optional = |text: Option<String>| Cell::Figure(text.unwrap_or_default());
    for measure in &asked.measures {
        let name = measure.to_string();
        for model in &comparison.models {
            let Some(found) = model.ranking.as_ref().and_then(|ranking| ranking.metrics.get(&name)) else {
                continue;
            };
            let difference = model.ranking_differences.get(&name);
            table.row([
                name.as_str().into(),
                model.label.as_str().into(),
                Cell::Figure(format!("{:.4}", found.mean)),
                optional(found.low.zip(found.high).map(|(low, high)| format!("{low:.4} to {high:.4}"))),
                optional(difference.map(|d| format!("{:+.4}", d.mean))),
                optional(difference.and_then(|d| Some(format!("{:+.4} to {:+.4}", d.low?, d.high?)))),
                optional(difference.and_then(|d| d.p_holm).map(p_value)),
            ]);
        }
    }
    Some(table)
}

pub(super) fn p_value(p: f64) -> String {
    if p < 1e-4 { "<0.0001".to_owned() } else { format!("{p:.4}") }
}

fn table(comparison: &Comparison) -> Table {
    let mut table = Table::new([
        "model",
        "rmse",
        "95 % interval",
        "mae",
        "to the best",
        "95 % interval",
        "p adjusted",
        "won",
        "fit s",
        "cpu s",
        "size",
    ]);
    let optional = |text: Option<String>| Cell::Figure(text.unwrap_or_default());
    for model in &comparison.models {
        let (rmse, difference) = (&model.metrics["rmse"], model.difference);
        table.row([
            model.label.as_str().into(),
            Cell::Figure(format!("{:.4}", rmse.mean)),
            optional(rmse.low.zip(rmse.high).map(|(low, high)| format!("{low:.4} to {high:.4}"))),
            Cell::Figure(format!("{:.4}", model.metrics["mae"].mean)),
            optional(difference.map(|d| format!("{:+.4}", d.mean))),
            optional(difference.and_then(|d| Some(format!("{:+.4} to {:+.4}", d.low?, d.high?)))),
            optional(difference.and_then(|d| d.p_holm).map(p_value)),
            Cell::Figure(format!("{}/{}", model.folds_won, model.folds.len())),
            Cell::Figure(format!("{:.3}", model.seconds.fit)),
            Cell::Figure(format!("{:.3}", model.seconds.fit_cpu)),
            Cell::Figure(format::bytes(model.bytes as u64)),
        ]);
    }
    table
}
