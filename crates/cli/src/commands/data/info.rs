//! `cofactor data info`: what a file or a data set holds, and what is wrong with it.

use std::path::Path;

use cofactor::data::datasets::{self, DataSet};
use cofactor::data::ratings::Time;
use cofactor::data::read::{self, Bar, Finding, Layout, ProblemKind, Quantiles, ReadOptions, Survey, survey};
use cofactor::report;
use jiff::Timestamp;
use serde::Serialize;

use crate::args::DataArgs;
use crate::commands::Context;
use crate::experiment;
use crate::failure::Failure;
use crate::format;
use crate::inputs::{self, Source};
use crate::output::{BAD, DIM, GOOD, HEAD, Output};

pub(super) fn run(written: &str, args: &DataArgs, context: &mut Context) -> Result<(), Failure> {
    match Source::of(written)? {
        Source::File(path) => file(path, &inputs::read_options(args)?, context),
        Source::Name(name) => data_set(name, args, context),
    }
}

/// A file: all of it is read, and every problem counted.
fn file(path: &Path, options: &ReadOptions, context: &mut Context) -> Result<(), Failure> {
    let spinner = context.progress.spinner(&format!("Reading {}", path.display()));
    let found = survey(path, options);
    spinner.finish_and_clear();
    let found = found?;
    let out = &mut context.out;
    if out.is_json() {
        out.object(&found)?;
    } else {
        print(&found, out)?;
    }
    if found.problems.is_empty() { Ok(()) } else { Err(Failure::Bad) }
}

fn print(found: &Survey, out: &mut Output) -> Result<(), Failure> {
    line(out, "File", &found.file)?;
    line(out, "Layout", &format::wrapped(&layout(&found.layout), 13))?;
    line(out, "Rows", &format::count(found.rows as usize))?;
    let scale = found.scale.map(|scale| {
        let step = scale.step.map(|step| format!(", in steps of {step}")).unwrap_or_default();
        format!("{} to {}{step}; mean {:.3}", scale.min, scale.max, scale.mean)
    });
    counts(out, (found.users, found.items, found.ratings), found.density, scale)?;
    spread(out, "Per user", found.ratings_per_user.as_ref())?;
    spread(out, "Per item", found.ratings_per_item.as_ref())?;
    times(out, found.time_span)?;
    histogram(out, &found.histogram)?;
    problems(out, &found.problems)
}

#[derive(Serialize)]
struct Described {
    data: report::Data,
    set: &'static DataSet,
    problems: [(); 0],
}

/// A data set with a name: its files have been verified, so there is nothing wrong with it.
fn data_set(name: &str, args: &DataArgs, context: &mut Context) -> Result<(), Failure> {
    let set = datasets::find(name)?;
    let data = inputs::load(name, args, context)?;
    let out = &mut context.out;
    let described = experiment::describe_data(&data.ratings);
    if out.is_json() {
        return Ok(out.object(&Described { data: described, set, problems: [] })?);
    }
    out.say("")?;
    print_set(set, out)?;
    let scale = format!("{} to {}; mean {:.3}", described.scale[0], described.scale[1], data.ratings.mean());
    counts(out, (described.users, described.items, described.ratings), described.density, Some(scale))?;
    times(out, data.ratings.time_span())?;
    line(out, "Fingerprint", &described.fingerprint)?;
    let bar = |value: &report::ValueCount| Bar { from: value.value, to: value.value, count: value.count };
    histogram(out, &described.histogram.iter().map(bar).collect::<Vec<_>>())
}

fn print_set(set: &DataSet, out: &mut Output) -> Result<(), Failure> {
    line(out, "Data set", set.title)?;
    for (name, text) in [("Licence", set.licence), ("Citation", set.citation), ("Described", set.homepage)] {
        if !text.is_empty() {
            line(out, name, &format::wrapped(text, 13))?;
        }
    }
    Ok(())
}

fn counts(
    out: &mut Output,
    (users, items, ratings): (usize, usize, usize),
    density: f64,
    scale: Option<String>,
) -> Result<(), Failure> {
    line(out, "Users", &format::count(users))?;
    line(out, "Items", &format::count(items))?;
    line(out, "Ratings", &format!("{} ({:.2} % of all pairs)", format::count(ratings), 100.0 * density))?;
    scale.map_or(Ok(()), |scale| line(out, "Scale", &scale))
}

fn spread(out: &mut Output, name: &str, quantiles: Option<&Quantiles>) -> Result<(), Failure> {
    let Some(q) = quantiles else { return Ok(()) };
    let text = format!(
        "{} to {} ratings, half have {} to {}, median {}",
        format::count(q.min),
        format::count(q.max),
        format::count(q.lower_quartile),
        format::count(q.upper_quartile),
        format::count(q.median),
    );
    line(out, name, &text)
}

fn times(out: &mut Output, span: Option<(Time, Time)>) -> Result<(), Failure> {
    match span {
        Some((first, last)) => line(out, "Times", &format!("{} to {}", date(first), date(last))),
        None => line(out, "Times", "none"),
    }
}

fn date(time: Time) -> String {
    match Timestamp::from_second(time) {
        Ok(moment) => moment.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        Err(_) => format!("{time} s since 1970"),
    }
}

fn layout(layout: &Layout) -> String {
    let columns = &layout.columns;
    let column = |name: &str, column: &read::Column| {
        let title = column.name.as_ref().map(|title| format!(" '{title}'")).unwrap_or_default();
        format!("{name} in column {}{title}", column.position)
    };
    let mut parts = vec![match &layout.delimiter {
        Some(delimiter) => format!("text with '{}'", delimiter.escape_default()),
        None => "Parquet".to_owned(),
    }];
    parts.extend(layout.packed.map(|packed| format!("packed with {packed}")));
    parts.push(if layout.header { "a header line" } else { "no header line" }.to_owned());
    parts.push(column("user", &columns.user));
    parts.push(column("item", &columns.item));
    parts.extend(columns.rating.as_ref().map(|rating| column("rating", rating)));
    parts.extend(columns.time.as_ref().map(|time| column("time", time)));
    parts.join(", ")
}

/// The ratings by value, as bars.
fn histogram(out: &mut Output, bars: &[Bar]) -> Result<(), Failure> {
    const WIDTH: f64 = 40.0;
    let all = bars.iter().map(|bar| bar.count).sum::<usize>().max(1) as f64;
    let most = bars.iter().map(|bar| bar.count).max().unwrap_or(0).max(1) as f64;
    for (number, bar) in bars.iter().enumerate() {
        let name = if number == 0 { "Ratings" } else { "" };
        let value = if bar.from == bar.to {
            bar.from.to_string()
        } else {
            format!("{} to {}", format::number(bar.from.into()), format::number(bar.to.into()))
        };
        let length = (WIDTH * bar.count as f64 / most).round() as usize;
        let share = 100.0 * bar.count as f64 / all;
        let text =
            format!("{value:>8} {:40} {share:5.1} %  {}", "█".repeat(length), format::count(bar.count));
        line(out, name, &text)?;
    }
    Ok(())
}

fn problems(out: &mut Output, findings: &[Finding]) -> Result<(), Failure> {
    if findings.is_empty() {
        return Ok(out.line(format_args!("\n{GOOD}Nothing is wrong with it.{GOOD:#}"))?);
    }
    for finding in findings {
        let count = format::count(finding.count as usize);
        out.line(format_args!("\n{BAD}Problem:{BAD:#} {}, {count} ×", name(finding.kind)))?;
        for spot in &finding.first {
            let place = spot.line.map_or_else(|| "the file".to_owned(), |line| format!("line {line}"));
            let found = if spot.found.is_empty() { String::new() } else { format!(": '{}'", spot.found) };
            out.line(format_args!("  {place}: {}{found}", spot.problem))?;
        }
        if finding.count as usize > finding.first.len() {
            out.line(format_args!("  {DIM}…{DIM:#}"))?;
        }
        if !finding.hint.is_empty() {
            out.line(format_args!("  help: {}", finding.hint))?;
        }
    }
    Ok(())
}

/// A kind of problem in words: `duplicate pair`.
fn name(kind: ProblemKind) -> String {
    let written = serde_json::to_value(kind).unwrap_or_default();
    written.as_str().unwrap_or_default().replace('-', " ")
}

fn line(out: &mut Output, name: &str, text: &str) -> Result<(), Failure> {
    Ok(out.line(format_args!("{HEAD}{name:13}{HEAD:#}{text}"))?)
}
