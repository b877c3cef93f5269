//! `cofactor models`: the algorithms, straight from the registry.

use std::fmt::Write as _;

use cofactor::fit::algorithm::{Kind, Knob, Preset, Task};
use cofactor::registry::{self, ALGORITHMS, Entry};
use serde_json::{Map, Value, json};

use super::Context;
use crate::failure::Failure;
use crate::format;
use crate::output::{Cell, DIM, HEAD, Table};

/// List the models, or show one with its parameters, presets and mathematics
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofactor models                what there is
  cofactor models mf             its equations, parameters and presets
  cofactor models mf --json      the same for a program")]
pub(crate) struct Args {
    /// A model's name
    name: Option<String>,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    match &args.name {
        None => list(context),
        Some(name) => show(registry::find(name)?, context),
    }
}

fn list(context: &mut Context) -> Result<(), Failure> {
    let out = &mut context.out;
    if out.is_json() {
        let models: Vec<Value> = ALGORITHMS.iter().map(summary).collect();
        return Ok(out.object(&json!({ "models": models }))?);
    }
    let mut table = Table::new(["model", "what it is", "trained for", "presets"]);
    for entry in ALGORITHMS {
        let presets: Vec<&str> = entry.presets.iter().map(|preset| preset.name).collect();
        table.row([
            entry.name.into(),
            entry.title.into(),
            task(entry.task).into(),
            presets.join(", ").into(),
        ]);
    }
    out.table(&table)?;
    Ok(out.say(format_args!("{DIM}`cofactor models NAME` shows one with its parameters.{DIM:#}"))?)
}

fn show(entry: &Entry, context: &mut Context) -> Result<(), Failure> {
    let out = &mut context.out;
    let defaults = entry.configure(&Map::new())?.config();
    if out.is_json() {
        let mut object = summary(entry);
        object["parameters"] = entry.knobs.iter().map(|knob| parameter(knob, &defaults)).collect();
        object["documentation"] = entry.documentation().into();
        return Ok(out.object(&object)?);
    }
    out.line(format_args!("{}", entry.documentation().trim_end()))?;
    out.line(format_args!("\n{HEAD}Parameters{HEAD:#}  (--set NAME=VALUE)"))?;
    let mut table = Table::new(["parameter", "symbol", "default", "values", "what it is for"]);
    for knob in entry.knobs {
        table.row([
            knob.name.into(),
            knob.symbol.into(),
            Cell::Figure(written(&defaults[knob.name])),
            range(&knob.kind).into(),
            knob.purpose.into(),
        ]);
    }
    out.table(&table)?;
    if !entry.presets.is_empty() {
        out.line(format_args!("\n{HEAD}Presets{HEAD:#}  (--preset NAME)"))?;
        let mut table = Table::new(["preset", "sets", "from"]);
        for preset in entry.presets {
            table.row([preset.name.into(), settings(preset).into(), preset.source.into()]);
        }
        out.table(&table)?;
    }
    Ok(())
}

fn summary(entry: &Entry) -> Value {
    json!({ "name": entry.name, "title": entry.title, "task": entry.task, "presets": entry.presets })
}

fn parameter(knob: &Knob, defaults: &Map<String, Value>) -> Value {
    json!({
        "name": knob.name, "symbol": knob.symbol, "default": defaults[knob.name], "range": knob.kind,
        "purpose": knob.purpose,
    })
}

fn task(task: Task) -> &'static str {
    match task {
        Task::Rating => "ratings",
        Task::Ranking => "rankings",
    }
}

fn range(kind: &Kind) -> String {
    match kind {
        Kind::Integer { min, max, .. } => {
            format!("{} to {}", format::count(*min as usize), format::count(*max as usize))
        }
        Kind::Real { min, max, .. } => format!("{} to {}", format::number(*min), format::number(*max)),
        Kind::Flag => "true, false".to_owned(),
        Kind::Choice { options } => options.join(", "),
    }
}

fn settings(preset: &Preset) -> String {
    let mut text = String::new();
    for (name, value) in preset.set {
        let space = if text.is_empty() { "" } else { " " };
        write!(text, "{space}{name}={value}").expect("a string takes all text");
    }
    text
}

fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
