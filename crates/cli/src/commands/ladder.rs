//! `cofactor ladder`: what each idea is worth, from two vectors to the lowest error.

use std::path::PathBuf;
use std::time::Instant;

use cofactor::data::split;
use cofactor::eval::compare::Contestant;
use cofactor::eval::evaluate::{Options, time_leakage};
use cofactor::eval::ladder::{self, Ladder};
use cofactor::report::LadderReport;

use super::Context;
use super::compare::{describe, p_value, watched};
use crate::args::DataArgs;
use crate::experiment;
use crate::failure::Failure;
use crate::format;
use crate::inputs;
use crate::output::{Cell, DIM, Output, Table};

/// Climb from the lesson's two vectors to the lowest error, one idea at a time, and measure what each is worth
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofactor ladder ml-100k --split official:u1
  cofactor ladder ml-1m --split random:0.1 --report ladder.html
  cofactor ladder ratings.csv

Each model has one idea more than the one before: biases, what somebody rated, time, who rated an item, Bayes, \
what is known beside the ratings, how many ratings there are, ratings as steps. Ideas about times or attributes are left out where the data have none. \
The gain is the RMSE of the model before minus that of the model itself, over the same test ratings, with its 95 % interval.")]
pub(crate) struct Args {
    /// A file of ratings, or a data set's name
    data: String,
    /// Which ratings are held out
    #[arg(long, value_name = "SPEC", default_value = "user:0.2")]
    split: String,
    /// Write a page with the ladder as charts
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    source: DataArgs,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let spec = inputs::split_spec(&args.split)?;
    let data = inputs::load(&args.data, &args.source, context)?;
    let clock = Instant::now();
    let plan = split::plan(spec, &data.ratings, context.seed, &|name| data.published(name))?;
    let split_seconds = clock.elapsed().as_secs_f64();
    experiment::say_split(&plan, split_seconds, context)?;
    let rungs = ladder::contestants(&data.ratings)?;
    let options = Options { seed: context.seed, threads: context.threads, ..Options::default() };
    let names: Vec<&Contestant> = rungs.iter().map(|(_, contestant)| contestant).collect();
    let Ladder { comparison, rungs } =
        watched(&names, context, |observer| ladder::climb(&rungs, &plan, &options, observer))?;
    let report = LadderReport { run: describe(&data, &plan, split_seconds, comparison, context), rungs };
    if let Some(file) = &args.report {
        context.write_page(file, &report.html())?;
    }
    if context.out.is_json() {
        context.out.whole_object(&report)?;
    } else {
        print(&report, &mut context.out)?;
        let by_time = report.run.comparison.models.iter().any(|model| model.uses_time);
        if let Some(leakage) = time_leakage(&plan, by_time) {
            context.out.say(format_args!("{DIM}{}{DIM:#}", format::wrapped(&leakage, 0)))?;
        }
        if let Some(file) = &args.report {
            context.out.step("Report", file.display(), None)?;
        }
    }
    if report.run.comparison.failed.is_empty() { Ok(()) } else { Err(Failure::Bad) }
}

fn print(report: &LadderReport, out: &mut Output) -> Result<(), Failure> {
    let mut table = Table::new([
        "rung",
        "model",
        "rmse",
        "95 % interval",
        "gain",
        "95 % interval",
        "p adjusted",
        "cpu s",
    ]);
    let optional = |text: Option<String>| Cell::Figure(text.unwrap_or_default());
    let models = &report.run.comparison.models;
    for rung in &report.rungs {
        let Some(model) = models.iter().find(|model| model.label == rung.label) else { continue };
        let (rmse, gain) = (&model.metrics["rmse"], rung.gain);
        table.row([
            rung.label.as_str().into(),
            model.model.as_str().into(),
            Cell::Figure(format!("{:.4}", rmse.mean)),
            optional(rmse.low.zip(rmse.high).map(|(low, high)| format!("{low:.4} to {high:.4}"))),
            optional(gain.map(|gain| format!("{:+.4}", gain.mean))),
            optional(gain.and_then(|gain| Some(format!("{:+.4} to {:+.4}", gain.low?, gain.high?)))),
            optional(gain.and_then(|gain| gain.p_holm).map(p_value)),
            Cell::Figure(format!("{:.3}", model.seconds.fit_cpu)),
        ]);
    }
    out.say("")?;
    out.table(&table)?;
    for rung in &report.rungs {
        let text = format!("{}: {}", rung.label, rung.idea);
        out.say(format_args!("{DIM}{}{DIM:#}", format::wrapped(&text, 0)))?;
    }
    for failed in &report.run.comparison.failed {
        out.line(format_args!("{} could not be fitted: {}", failed.label, failed.reason))?;
    }
    Ok(())
}
