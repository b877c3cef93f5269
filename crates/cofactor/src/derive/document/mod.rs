//! A derivation as a whole, for people: as text, LaTeX, MathML and HTML.

mod html;
mod latex;
mod text;

pub use html::{STYLE, html, mathml, page};
pub use latex::{documented, latex};
pub use text::text;

use super::notation::Notation;
use super::{Gradient, Part};
use crate::fit::objective::{Expr, Method, Symbol};

use super::rules::Rule;

/// One line below the first of a derivation: what led to it, what stands left and right of its sign.
pub(super) struct Line {
    pub rule: Words,
    /// Empty where the line goes on from the one above.
    pub left: Option<Expr>,
    pub right: Expr,
}

/// The name of a rule; a definition's letter is typeset.
pub(super) struct Words {
    pub text: &'static str,
    pub letter: Option<Symbol>,
}

impl Words {
    fn of(rule: Rule) -> Self {
        match rule {
            Rule::Definition(symbol) => Self { text: "definition of ", letter: Some(symbol) },
            rule => Self { text: rule.title(), letter: None },
        }
    }

    /// In a notation, with text as it is there.
    pub(super) fn write(&self, notation: &dyn Notation, text: impl Fn(&str) -> String) -> String {
        text(self.text) + &self.letter.map(|letter| notation.symbol(&letter)).unwrap_or_default()
    }
}

/// The lines from the objective to the gradient, and on to the equation where it is set to zero.
pub(super) fn lines(gradient: &Gradient) -> Vec<Line> {
    let mut lines: Vec<Line> = gradient
        .steps
        .iter()
        .map(|step| Line { rule: Words::of(step.rule), left: None, right: step.expr.clone() })
        .collect();
    if let Some((steps, equation)) = &gradient.equation {
        let zero = |rule, right: &Expr| Line {
            rule: Words::of(rule),
            left: Some(Expr::Number(0.0)),
            right: right.clone(),
        };
        lines.push(zero(Rule::SetToZero, gradient.expr()));
        lines.extend(steps.iter().map(|step| zero(step.rule, &step.expr)));
        let right = equation.rest.clone();
        lines.push(Line { rule: Words::of(Rule::Gathered), left: Some(equation.left()), right });
    }
    lines
}

/// What training does with the gradient, in a sentence and a formula.
pub(super) fn update(
    part: &Part,
    gradient: &Gradient,
    notation: &dyn Notation,
) -> Option<(&'static str, String)> {
    let symbol = &gradient.unknown.symbol;
    match part.objective.method {
        Method::Stochastic | Method::Gradient => {
            let letter = Expr::Symbol(*symbol);
            let right = super::notation::write(&(letter.clone() + gradient.step()), notation);
            Some(("a step downhill", notation.related(&notation.symbol(symbol), '←', &right)))
        }
        Method::Coordinates => Some(("each coordinate in turn", notation.coordinate_step(symbol))),
        Method::NormalEquations(_) => None,
    }
}

/// [`update`] without the words; of normal equations there is none.
pub(super) fn update_text(part: &Part, gradient: &Gradient, notation: &dyn Notation) -> Option<String> {
    update(part, gradient, notation).map(|(_, formula)| formula)
}

/// What is done with the equations of a group, where they are solved together.
pub(super) fn remark(part: &Part) -> Option<&'static str> {
    match part.objective.method {
        Method::NormalEquations(size) if size > 1 => {
            Some("The equations of a user, and of an item, are solved together; one side after the other.")
        }
        Method::NormalEquations(_) => Some("Each row solves its equation, one side after the other."),
        Method::Stochastic => {
            Some("Each step sees one term of the sum; all gradients are taken before anything moves.")
        }
        Method::Coordinates => Some("The matrix of each equation is A, its right side b."),
        Method::Gradient => None,
    }
}

/// What the derivation is limited to.
pub(super) const FAMILY: &str = "Derived by rules for this family of models (sums over ratings, inner products, norms, powers, σ, ln and max(0, ·)); it is no computer algebra system.";

/// What the letters that count something mean; every model has the same.
pub(super) const COUNTS: &str =
    "m users, n items, N ratings; n_u and n_i the ratings of a user and of an item.";

/// Whether something is counted in it.
pub(super) fn counts(part: &Part) -> bool {
    fn sized(expr: &Expr) -> bool {
        matches!(expr, Expr::Size(_)) || expr.parts().into_iter().any(sized)
    }
    let solved = |gradient: &Gradient| {
        gradient
            .equation
            .as_ref()
            .is_some_and(|(_, equation)| sized(&equation.left()) || sized(&equation.rest))
    };
    sized(&part.objective.whole) || part.gradients.iter().any(solved)
}
