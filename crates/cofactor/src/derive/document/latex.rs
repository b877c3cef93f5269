//! A derivation in LaTeX, and an algorithm's page with it.

use std::fmt::Write as _;

use super::{COUNTS, FAMILY, counts, lines, remark, update};
use crate::derive::notation::{Latex, Notation as _, latex as formula};
use crate::derive::{Derivation, Gradient, Part, find};
use crate::fit::objective::Expr;
use crate::registry::Entry;

/// A fragment for a document that loads `amsmath` and `amssymb`.
pub fn latex(derivation: &Derivation) -> String {
    let mut text = format!("% {}: {}\n", derivation.name, derivation.title);
    for part in &derivation.parts {
        let _ =
            writeln!(text, "\\paragraph{{Minimise {}}}\n\\[\n{}\\]", part.objective.title, objective(part));
        for gradient in &part.gradients {
            let letter = Latex.symbol(&gradient.unknown.symbol);
            let _ = writeln!(text, "\\paragraph{{By ${letter}$}}\n\\[\n{}\\]", steps(part, gradient));
        }
    }
    let _ = writeln!(text, "% {FAMILY}");
    text
}

/// An algorithm's page as Markdown with its derivation, for `docs/algorithms`.
pub fn documented(entry: &Entry) -> String {
    let mut page = entry.page();
    if let Ok(derivation) = find(entry.name, None, &[]) {
        let _ = write!(
            page,
            "\n## Derivation\n\nWith the defaults, as `cofactor derive {}` prints it; `--check` compares it with finite differences and with a step of the \
             training. {FAMILY}\n",
            entry.name
        );
        for part in &derivation.parts {
            let counts = if counts(part) { COUNTS } else { "" };
            let remarks = [counts, remark(part).unwrap_or_default()].join(" ");
            let _ = write!(
                page,
                "\n### Minimise {}\n\n{}\n\n```math\n{}```\n",
                part.objective.title,
                remarks.trim(),
                objective(part)
            );
            for gradient in &part.gradients {
                let _ = write!(page, "\n```math\n{}```\n", steps(part, gradient));
            }
        }
    }
    page
}

fn objective(part: &Part) -> String {
    let mut rows = vec![format!("& {}", formula(&part.objective.whole))];
    for definition in part.definitions() {
        let Expr::Named(symbol, meaning) = &definition else { continue };
        rows.push(format!("& {} = {}", Latex.symbol(symbol), formula(meaning)));
    }
    aligned(&rows)
}

fn steps(part: &Part, gradient: &Gradient) -> String {
    let mut rows = Vec::new();
    for (at, line) in lines(gradient).iter().enumerate() {
        let left = line.left.as_ref().map(formula).unwrap_or_default();
        let right = formula(&line.right);
        let math = |text: &str| format!(r"\text{{{text}}}");
        rows.push(match at {
            0 => format!("& {right}"),
            _ => format!("{left} &= {right} && {}", line.rule.write(&Latex, math)),
        });
    }
    if let Some((words, formula)) = update(part, gradient, &Latex) {
        rows.push(format!(r"& {formula} && \text{{{words}}}"));
    }
    aligned(&rows)
}

fn aligned(rows: &[String]) -> String {
    format!("\\begin{{aligned}}\n{}\n\\end{{aligned}}\n", rows.join(" \\\\\n"))
}
