//! `cofactor derive`: from a model's objective to its gradient, rule by rule.

use cofactor::derive::check::{Checked, Compared, check};
use cofactor::derive::{self, Derivation};
use serde_json::{Value, json};

use super::Context;
use crate::args::key_value;
use crate::failure::Failure;
use crate::output::{BAD, Cell, GOOD, HEAD, Table};

/// At how many random points `--check` compares: each length of vectors three times.
const POINTS: usize = 21;

/// Derive a model's gradient from its objective, and check its training against it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofactor derive mf --preset lesson                plain P·Qᵀ: the shortest derivation
  cofactor derive mf --set link=logistic --check    and compare with what training does
  cofactor derive als --format latex                for a document
  cofactor derive bpr --format html > bpr.html      typeset, for a browser
  cofactor derive svdpp --json                      for a program: formulas, steps, SymPy texts

Each rule is applied step by step and named. This differentiates one family of models (sums over
ratings, inner products, norms, powers, σ, ln and max(0, ·)); it is no computer algebra system.

--check compares three ways to the same numbers at random points: the symbolic gradient, central finite
differences of the objective, and a step of the training itself. It ends with 1 if they differ by more
than rounding explains.")]
pub(crate) struct Args {
    /// The model: one of `cofactor models` that learns by a gradient or by normal equations
    model: Option<String>,
    /// A named set of the model's parameters
    #[arg(long, short, value_name = "NAME")]
    preset: Option<String>,
    /// Sets one parameter, on top of the preset; may be repeated
    #[arg(long, short, value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,
    /// How the formulas are written
    #[arg(long, value_name = "FORMAT", value_parser = ["text", "latex", "mathml", "html"], default_value = "text", conflicts_with = "json")]
    format: String,
    /// Compare the gradient with finite differences and with a step of the training
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let Some(model) = &args.model else {
        let known = derive::names().join(", ");
        return Err(Failure::usage("derive which model?", format!("one of {known}")));
    };
    let derivation = derive::find(model, args.preset.as_deref(), &args.set)?;
    let checks = if args.check { checks(&derivation, context.seed)? } else { Vec::new() };
    if context.out.is_json() {
        let mut object = derive::symbolic(&derivation)?;
        if args.check {
            for (part, checked) in checks.iter().enumerate() {
                object["objectives"][part]["check"] = verdict(checked);
            }
        }
        context.out.object(&object)?;
    } else {
        let written = match args.format.as_str() {
            "latex" => derive::latex(&derivation),
            "mathml" => derive::mathml(&derivation),
            "html" => derive::page(&derivation),
            _ => head(&derivation) + &derive::text(&derivation),
        };
        context.out.line(written.trim_end())?;
        if args.check {
            print(&derivation, &checks, context)?;
        }
    }
    if checks.iter().all(Checked::passed) { Ok(()) } else { Err(Failure::Bad) }
}

fn checks(derivation: &Derivation, seed: u64) -> Result<Vec<Checked>, cofactor::Error> {
    derivation.parts.iter().map(|part| check(part, seed, POINTS)).collect()
}

fn verdict(checked: &Checked) -> Value {
    let mut object = json!(checked);
    object["passed"] = checked.passed().into();
    object
}

/// What the source file's head says of model and objective.
fn head(derivation: &Derivation) -> String {
    let parts = derivation.documentation.split("\n## ");
    let told = parts.filter(|part| ["Model\n", "Objective\n"].iter().any(|name| part.starts_with(name)));
    told.map(|part| format!("## {}\n\n", part.trim_end())).collect()
}

fn print(derivation: &Derivation, checks: &[Checked], context: &mut Context) -> Result<(), Failure> {
    let out = &mut context.out;
    for (part, checked) in derivation.parts.iter().zip(checks) {
        out.line(format_args!(
            "\n{HEAD}Check{HEAD:#}  {}, {} random points, seed {}",
            part.objective.title, checked.points, context.seed
        ))?;
        let mut table =
            Table::new(["the symbolic gradient against", "numbers", "largest difference", "at", "allowed"]);
        table.row(row("central finite differences", &checked.differences));
        match &checked.training {
            Some(training) => table.row(row("a step of the training", training)),
            None => table.row(["no training is at hand", "", "", "", ""].map(Cell::from)),
        }
        out.table(&table)?;
        let (style, word) = if checked.passed() { (GOOD, "They agree.") } else { (BAD, "They differ.") };
        out.line(format_args!("{style}{word}{style:#}"))?;
    }
    Ok(())
}

fn row(name: &str, compared: &Compared) -> [Cell; 5] {
    [
        name.into(),
        compared.values.into(),
        Cell::Figure(format!("{:.1e}", compared.largest)),
        compared.at.as_str().into(),
        Cell::Figure(format!("{:.0e}", compared.tolerance)),
    ]
}
