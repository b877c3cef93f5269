//! Split → fit → evaluate, with what is said while it goes: what `run` and `evaluate` have in common.

use std::ops::ControlFlow;
use std::time::Instant;

use cofactor::data::ratings::Ratings;
use cofactor::data::split::{self, Plan, Spec};
use cofactor::eval::convergence::convergence;
use cofactor::eval::early::Found;
use cofactor::eval::evaluate::{self, Curve, Evaluation, FoldResult, Options, Outcome, Progress as Event};
use cofactor::eval::metric::{Estimate, Estimates, METRICS, mean_and_deviation};
use cofactor::eval::ranking::{Asked, RankingFigures};
use cofactor::report::{self, Report};
use cofactor_kernels::Isa;
use indicatif::ProgressBar;

use crate::commands::Context;
use crate::failure::Failure;
use crate::format;
use crate::inputs::{Data, Model};
use crate::output::{Cell, HEAD, Output, Table};
use crate::progress;

/// Each epoch is measured on the test part too: to look at. Nothing is chosen by it.
const CURVE: Curve = Curve::Test;

/// What came out.
pub(crate) struct Experiment {
    pub(crate) outcome: Outcome,
    pub(crate) report: Report,
}

/// Splits, fits and evaluates each fold, and says so. A Ctrl-C ends it after the epoch at hand.
pub(crate) fn run(
    data: &Data,
    model: &Model,
    spec: Spec,
    ranking: Option<Asked>,
    context: &mut Context,
) -> Result<Experiment, Failure> {
    let clock = Instant::now();
    let plan = split::plan(spec, &data.ratings, context.seed, &|name| data.published(name))?;
    let split_seconds = clock.elapsed().as_secs_f64();
    say_split(&plan, split_seconds, context)?;
    context.out.step("Model", model.in_words(), None)?;
    let chosen = model.study.as_ref().and_then(|study| study.leakage(&plan, context.seed));
    if let Some(leakage) = &chosen {
        context.out.note(leakage)?;
    }
    let outcome = fit_and_evaluate(model, &plan, ranking, context)?;
    say_fit(&outcome.evaluation, &mut context.out)?;
    if let Some(leakage) = evaluate::time_leakage(&plan, outcome.evaluation.uses_time) {
        context.out.note(&leakage)?;
    }
    let mut report = describe(data, model, &plan, split_seconds, &outcome, context);
    if let Some(chosen) = chosen {
        report.split.leakage = Some(report.split.leakage.map_or(chosen.clone(), |text| text + " " + &chosen));
    }
    Ok(Experiment { outcome, report })
}

pub(crate) fn say_split(plan: &Plan<'_>, seconds: f64, context: &mut Context) -> Result<(), Failure> {
    let (spec, all) = (plan.spec(), plan.ratings().len());
    let sizes = plan.test_sizes();
    let text = match sizes.as_slice() {
        [test] => {
            format!("{spec}: {} to train on, {} to test on", format::count(all - test), format::count(*test))
        }
        many => format!(
            "{spec}: {} folds, {} ratings tested in all",
            many.len(),
            format::count(many.iter().sum())
        ),
    };
    context.out.step("Split", text, Some(seconds))?;
    match plan.leakage() {
        Some(leakage) => Ok(context.out.note(&leakage)?),
        None => Ok(()),
    }
}

fn fit_and_evaluate(
    model: &Model,
    plan: &Plan<'_>,
    ranking: Option<Asked>,
    context: &Context,
) -> Result<Outcome, Failure> {
    let options = Options {
        seed: context.seed,
        threads: context.threads,
        clip: true,
        curve: CURVE,
        early: model.early,
        ranking,
    };
    let mut bar = ProgressBar::hidden();
    let mut observer = |event: Event<'_>| {
        match event {
            Event::Search { fold } => {
                bar = context.progress.spinner(&format!("{}: epochs", fold_name(fold)));
            }
            Event::Fit { fold, found, .. } => {
                bar.finish_and_clear();
                let epochs = found.map(|found| found.epochs as u64).or_else(|| model.epochs());
                bar = context.progress.epochs(&fold_name(fold), epochs);
            }
            Event::Epoch { epoch, .. } => progress::advance(&bar, epoch),
            Event::Evaluated { .. } => bar.finish_and_clear(),
        }
        if context.interrupt.requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let outcome = context
        .interrupt
        .defer(|| Ok(evaluate::evaluate(&*model.configured, plan, &options, &mut observer)?));
    bar.finish_and_clear();
    outcome
}

pub(crate) fn fold_name((fold, folds): (usize, usize)) -> String {
    if folds == 1 { "Fit".to_owned() } else { format!("Fold {}/{folds}", fold + 1) }
}

fn say_fit(evaluation: &Evaluation, out: &mut Output) -> Result<(), Failure> {
    let fold = &evaluation.folds[evaluation.folds.len() - 1];
    let mut text = match fold.epochs.last() {
        None => "done in one step".to_owned(),
        Some(last) => {
            let test = last
                .valid_rmse
                .map(|rmse| format!(", {rmse:.4} on test before clipping"))
                .unwrap_or_default();
            format!("{}, RMSE {:.4} in training{test}", format::counted(last.epoch, "epoch"), last.train_rmse)
        }
    };
    if evaluation.folds.len() > 1 {
        text = format!("{} folds; the last one: {text}", evaluation.folds.len());
    }
    out.step("Fit", text, Some(evaluation.seconds.fit))?;
    if let Some(found) = &fold.early_stopping {
        out.note(&stopped_early(found))?;
    }
    let tested = format!(
        "{} predicted, of {}; predictions clipped to the scale",
        format::counted(evaluation.metrics["rmse"].n, "rating"),
        format::counted(evaluation.metrics["rmse"].users, "user"),
    );
    out.step("Test", tested, Some(evaluation.seconds.evaluate))?;
    if let Some(ranking) = &evaluation.ranking {
        out.note(&ranked(ranking))?;
    }
    say_coverage(evaluation, out)
}

/// How much the intervals of the last fold's model hold.
fn say_coverage(evaluation: &Evaluation, out: &mut Output) -> Result<(), Failure> {
    let Some(fold) = evaluation.folds.last().filter(|fold| !fold.coverage.is_empty()) else { return Ok(()) };
    let held: Vec<String> = fold
        .coverage
        .iter()
        .filter(|coverage| [0.5, 0.8, 0.95].contains(&coverage.promised))
        .map(|coverage| {
            format!("{:.1} % in those of {} %", 100.0 * coverage.found, 100.0 * coverage.promised)
        })
        .collect();
    out.note(&format!("of the test ratings the model's intervals hold {}", held.join(", ")))?;
    Ok(())
}

/// How the number of epochs was found.
pub(crate) fn stopped_early(found: &Found) -> String {
    format!(
        "on {} training ratings kept aside, the RMSE was lowest after {}: {:.4}; the search took {}",
        format::count(found.valid),
        format::counted(found.epochs, "epoch"),
        found.valid_rmse,
        format::seconds(found.seconds),
    )
}

/// Whose rankings were measured, and how.
fn ranked(ranking: &RankingFigures) -> String {
    let left_out = match ranking.left_out {
        0 => String::new(),
        some => format!(", {} left out who have no relevant test item", format::count(some)),
    };
    format!("rankings of {}{left_out}. {}", format::counted(ranking.users, "user"), ranking.protocol)
}

/// The metrics with their intervals; those of rankings first, as they were asked for.
pub(crate) fn metrics_table(metrics: &Estimates, ranking: Option<&RankingFigures>) -> Table {
    let mut table = Table::new(["metric", "value", "std. error", "95 % interval", "what it is"]);
    let mut row = |name: String, estimate: &Estimate, title: &str| {
        let interval = estimate.low.zip(estimate.high).map(|(low, high)| format!("{low:.4} to {high:.4}"));
        table.row([
            name.into(),
            Cell::Figure(format!("{:.4}", estimate.mean)),
            Cell::Figure(estimate.stderr.map(|stderr| format!("{stderr:.4}")).unwrap_or_default()),
            Cell::Figure(interval.unwrap_or_default()),
            title.into(),
        ]);
    };
    let measures = ranking
        .iter()
        .flat_map(|ranking| ranking.asked.measures.iter().map(move |measure| (ranking, measure)));
    for (ranking, measure) in measures {
        let name = measure.to_string();
        if let Some(estimate) = ranking.metrics.get(&name) {
            row(name, estimate, measure.metric.title);
        }
    }
    for metric in METRICS {
        if let Some(estimate) = metrics.get(metric.name) {
            row(metric.name.to_owned(), estimate, metric.title);
        }
    }
    table
}

/// Each fold, then their mean and standard deviation; of the metrics of rankings, as many as a line has room for.
pub(crate) fn folds_table(evaluation: &Evaluation) -> Table {
    const MOST: usize = 4;
    type Column<'a> = (String, Box<dyn Fn(&FoldResult) -> f64 + 'a>, usize);
    let asked = evaluation.ranking.iter().flat_map(|ranking| &ranking.asked.measures).take(MOST);
    let of_ranking = |name: String| -> Column<'_> {
        let key = name.clone();
        let of = move |fold: &FoldResult| {
            fold.ranking
                .as_ref()
                .and_then(|ranking| ranking.metrics.get(&key))
                .map_or(f64::NAN, |found| found.mean)
        };
        (name, Box::new(of), 4)
    };
    let of_ratings = |name: &'static str| -> Column<'_> {
        (name.to_owned(), Box::new(move |fold| fold.metrics[name].mean), 4)
    };
    let mut columns: Vec<Column<'_>> = asked.map(|measure| of_ranking(measure.to_string())).collect();
    columns.extend(["rmse", "mse", "mae"].map(of_ratings));
    columns.push(("fit s".to_owned(), Box::new(|fold| fold.seconds.fit), 3));
    columns.push(("test s".to_owned(), Box::new(|fold| fold.seconds.evaluate), 3));

    let figure = |value: f64, decimals: usize| Cell::Figure(format!("{value:.decimals$}"));
    let heads = ["fold", "train", "test"].map(str::to_owned);
    let mut table = Table::new(
        heads.into_iter().chain(columns.iter().map(|(name, ..)| name.clone())).collect::<Vec<_>>(),
    );
    for fold in &evaluation.folds {
        let mut cells = vec![fold.name.as_str().into(), fold.train.into(), fold.test.into()];
        cells.extend(columns.iter().map(|(_, of, decimals)| figure(of(fold), *decimals)));
        table.row(cells);
    }
    let moments: Vec<(f64, f64)> =
        columns.iter().map(|(_, of, _)| mean_and_deviation(evaluation.folds.iter().map(of))).collect();
    let of_all = |name: &str, of: fn(&(f64, f64)) -> f64| -> Vec<Cell> {
        let figures = moments.iter().zip(&columns).map(|(both, (.., decimals))| figure(of(both), *decimals));
        [name.into(), "".into(), "".into()].into_iter().chain(figures).collect()
    };
    table.row(of_all("mean", |both| both.0));
    table.row(of_all("std", |both| both.1));
    table
}

impl Experiment {
    /// The metrics, and the folds where there is more than one.
    pub(crate) fn print(&self, out: &mut Output) -> Result<(), Failure> {
        let evaluation = &self.outcome.evaluation;
        if evaluation.folds.len() > 1 {
            out.say(format_args!("\n{HEAD}Folds{HEAD:#}"))?;
            out.table(&folds_table(evaluation))?;
            out.say(format_args!("\n{HEAD}All folds' test ratings together{HEAD:#}"))?;
        } else {
            out.say("")?;
        }
        Ok(out.table(&metrics_table(&evaluation.metrics, evaluation.ranking.as_ref()))?)
    }
}

/// Everything that the report says, but for the diagnostics and the example.
fn describe(
    data: &Data,
    model: &Model,
    plan: &Plan<'_>,
    split_seconds: f64,
    outcome: &Outcome,
    context: &Context,
) -> Report {
    let evaluation = &outcome.evaluation;
    let fold = &evaluation.folds[evaluation.folds.len() - 1];
    let many = evaluation.folds.len() > 1;
    Report {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        command: command_line(),
        data: describe_data(&data.ratings),
        split: report::Split {
            spec: plan.spec().to_string(),
            train: fold.train,
            test: fold.test,
            leakage: leakage(plan, evaluation.uses_time),
            unseen: fold.unseen,
        },
        model: report::ModelSummary {
            name: model.entry.name.to_owned(),
            title: model.entry.title.to_owned(),
            config: outcome.config.clone(),
            documentation: model.entry.documentation(),
        },
        seed: context.seed,
        threads: context.threads(),
        metrics: evaluation.metrics.clone(),
        ranking: evaluation.ranking.clone(),
        trade_off: Vec::new(),
        summary: evaluation.summary.clone(),
        folds: if many { evaluation.folds.clone() } else { Vec::new() },
        seconds: report::Seconds {
            read: data.seconds,
            split: split_seconds + evaluation.seconds.split,
            fit: evaluation.seconds.fit,
            evaluate: evaluation.seconds.evaluate,
            total: context.start.elapsed().as_secs_f64(),
        },
        epochs: fold.epochs.clone(),
        curve: CURVE,
        early_stopping: fold.early_stopping.clone(),
        machine: machine(),
        coverage: fold.coverage.clone(),
        chains: convergence(&*outcome.model),
        diagnostics: None,
        example: None,
    }
}

/// All that the split lets the model know too early.
pub(crate) fn leakage(plan: &Plan<'_>, uses_time: bool) -> Option<String> {
    let sentences = [plan.leakage(), evaluate::time_leakage(plan, uses_time)];
    let known: Vec<String> = sentences.into_iter().flatten().collect();
    (!known.is_empty()).then(|| known.join(" "))
}

/// Where this runs.
pub(crate) fn machine() -> report::Machine {
    report::Machine {
        os: std::env::consts::OS.to_owned(),
        arch: std::env::consts::ARCH.to_owned(),
        isa: Isa::detect().name().to_owned(),
        cores: Context::cores(),
    }
}

pub(crate) fn describe_data(ratings: &Ratings) -> report::Data {
    let (users, items, n) = (ratings.users(), ratings.items(), ratings.len());
    let scale = ratings.scale();
    report::Data {
        name: ratings.catalog().name.clone(),
        users,
        items,
        ratings: n,
        density: n as f64 / (users as f64 * items as f64),
        scale: [scale.min, scale.max],
        fingerprint: ratings.fingerprint(),
        time_span: ratings.time_span().map(|(first, last)| [first, last]),
        histogram: histogram(ratings),
    }
}

/// How often each value occurs; none where there are too many values to draw.
fn histogram(ratings: &Ratings) -> Vec<report::ValueCount> {
    const MOST_VALUES: usize = 100;
    let mut counts: Vec<report::ValueCount> = Vec::new();
    for &value in ratings.values() {
        match counts.binary_search_by(|count| count.value.total_cmp(&value)) {
            Ok(position) => counts[position].count += 1,
            Err(_) if counts.len() == MOST_VALUES => return Vec::new(),
            Err(position) => counts.insert(position, report::ValueCount { value, count: 1 }),
        }
    }
    counts
}

/// The command as it was written, with quotes where a shell needs them.
pub(crate) fn command_line() -> String {
    let words = std::env::args().skip(1).map(|word| quoted(&word));
    std::iter::once("cofactor".to_owned()).chain(words).collect::<Vec<String>>().join(" ")
}

/// A word of a command line, with quotes where a shell needs them.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=+,%@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
