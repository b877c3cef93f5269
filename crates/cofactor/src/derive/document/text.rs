//! A derivation as Unicode text.

use std::fmt::Write as _;

use super::{COUNTS, FAMILY, counts, lines, remark, update};
use crate::derive::notation::{Notation as _, Unicode, unicode};
use crate::derive::{Derivation, Gradient, Part};
use crate::fit::objective::Expr;

/// The whole derivation: objective, each gradient line by line with the rule before it, what training does with it, the rules.
pub fn text(derivation: &Derivation) -> String {
    let mut text = format!("{}: {}\n", derivation.name, derivation.title);
    for part in &derivation.parts {
        objective(&mut text, part);
        for gradient in &part.gradients {
            steps(&mut text, part, gradient);
        }
    }
    text += "\nRules\n";
    for rule in derivation.rules() {
        let _ = writeln!(text, "  {}  {}", padded(&rule.name()), rule.statement());
    }
    let _ = writeln!(text, "\n{FAMILY}");
    text
}

fn objective(text: &mut String, part: &Part) {
    let _ = writeln!(text, "\nMinimise {}\n  {}", part.objective.title, unicode(&part.objective.whole));
    for (at, definition) in part.definitions().iter().enumerate() {
        let Expr::Named(symbol, meaning) = definition else { continue };
        let lead = if at == 0 { "where" } else { "" };
        let _ = writeln!(text, "  {lead:5}  {} = {}", Unicode.symbol(symbol), unicode(meaning));
    }
    if counts(part) {
        let _ = writeln!(text, "  {COUNTS}");
    }
    if let Some(remark) = remark(part) {
        let _ = writeln!(text, "  {remark}");
    }
}

fn steps(text: &mut String, part: &Part, gradient: &Gradient) {
    let _ = writeln!(text, "\nBy {}", Unicode.symbol(&gradient.unknown.symbol));
    for (at, line) in lines(gradient).iter().enumerate() {
        let rule = padded(&line.rule.write(&Unicode, str::to_owned));
        let left = line.left.as_ref().map(unicode).unwrap_or_default();
        let sign = if at == 0 { "" } else { "= " };
        let space = if left.is_empty() { "" } else { " " };
        let _ = writeln!(text, "  {rule}  {left}{space}{sign}{}", unicode(&line.right));
    }
    if let Some((words, formula)) = update(part, gradient, &Unicode) {
        let _ = writeln!(text, "  {}  {formula}", padded(words));
    }
}

/// A rule's name in its column. The hat of r̂ takes no room.
fn padded(name: &str) -> String {
    let width = name.chars().filter(|letter| !('\u{300}'..='\u{36f}').contains(letter)).count();
    format!("{name}{}", " ".repeat(28_usize.saturating_sub(width)))
}
