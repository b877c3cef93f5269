//! From a model's objective to its gradient, rule by rule, and to what training does with it.
//!
//! An algorithm's file holds its objective as an expression ([`crate::fit::objective`]). Here it is differentiated by each of the vectors and biases that are learned, every
//! rule with its name; printed as Unicode text, LaTeX or MathML; and checked: the symbolic gradient against finite differences, and against the step that
//! the training kernels take.
//!
//! This differentiates one family of objectives: sums over ratings and over the sets of a row, inner products of factor vectors, norms, powers, logistic curves and
//! logarithms. It is no computer algebra system: what lies outside is refused.

pub mod check;
mod differentiate;
mod document;
mod evaluate;
mod normal;
pub mod notation;
mod rules;
mod simplify;
mod symbolic;
#[cfg(test)]
mod tests;

pub use differentiate::{Step, differentiate};
pub use document::{STYLE, documented, html, latex, mathml, page, text};
pub use normal::Equation;
pub use rules::Rule;
pub use symbolic::symbolic;

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::fit::objective::{Expr, Method, Objective, Unknown};
use crate::registry::{self, ALGORITHMS};

/// A model with its objectives, each derived.
pub struct Derivation {
    /// The model's name.
    pub name: String,
    /// One line about it.
    pub title: String,
    /// Its parameters with their values.
    pub config: Map<String, Value>,
    /// The head of its source file as Markdown.
    pub documentation: String,
    /// Most models have one; SVD++ has one for each kind of pass.
    pub parts: Vec<Part>,
}

/// One objective, derived.
pub struct Part {
    /// The objective.
    pub objective: Objective,
    /// The gradient by each unknown, in their order.
    pub gradients: Vec<Gradient>,
}

/// The gradient by one letter.
#[derive(Debug, Clone)]
pub struct Gradient {
    /// The letter.
    pub unknown: Unknown,
    /// From the objective to the simplified gradient.
    pub steps: Vec<Step>,
    /// From the gradient to the equation, where it is set to zero.
    pub equation: Option<(Vec<Step>, Equation)>,
}

/// The models that have a derivation, by name.
pub fn names() -> Vec<&'static str> {
    ALGORITHMS.iter().filter(|entry| derives(entry)).map(|entry| entry.name).collect()
}

fn derives(entry: &registry::Entry) -> bool {
    entry.configure(&Map::new()).is_ok_and(|algorithm| !algorithm.objectives().is_empty())
}

/// The derivation of a model with these parameters, as a person writes them.
///
/// # Errors
/// No model of that name has a derivation, or a parameter is unknown or out of range.
pub fn find(name: &str, preset: Option<&str>, pairs: &[(String, String)]) -> Result<Derivation> {
    let Ok(entry) = registry::find(name) else {
        let known = names().into_iter().map(str::to_owned).collect();
        return Err(Error::UnknownName { kind: "model with a derivation", name: name.to_owned(), known });
    };
    let algorithm = entry.configure_written(preset, pairs)?;
    let objectives = algorithm.objectives();
    if objectives.is_empty() {
        return Err(Error::unsupported(
            format!("{name} learns nothing by a gradient: there is nothing to derive"),
            format!("these have a derivation: {}", names().join(", ")),
        ));
    }
    let (title, documentation) = (entry.title.to_owned(), entry.documentation());
    let parts = objectives.into_iter().map(derive).collect::<Result<_>>()?;
    Ok(Derivation { name: name.to_owned(), title, config: algorithm.config(), documentation, parts })
}

/// The derivation of a model with this configuration, as a report or a model file holds it; `None` for one without, or of another version.
pub fn of_config(name: &str, config: &Map<String, Value>) -> Option<Derivation> {
    let algorithm = registry::find(name).ok()?.configure(config).ok()?;
    let parts = algorithm.objectives().into_iter().map(derive).collect::<Result<Vec<_>>>().ok()?;
    let entry = registry::find(name).ok()?;
    (!parts.is_empty()).then(|| Derivation {
        name: name.to_owned(),
        title: entry.title.to_owned(),
        config: algorithm.config(),
        documentation: entry.documentation(),
        parts,
    })
}

/// Derives an objective by each of its unknowns.
///
/// # Errors
/// It is not of the family, or not a quadratic where it is to be solved.
pub fn derive(mut objective: Objective) -> Result<Part> {
    objective.whole = simplify::tidy(&objective.whole);
    let target = objective_of_a_step(&objective);
    let mut gradients = Vec::new();
    for (at, unknown) in objective.unknowns.iter().enumerate() {
        let steps = differentiate(&target, &unknown.symbol)?;
        let gradient = &steps.last().expect("a derivation has a first line").expr;
        let group = match objective.method {
            Method::Stochastic | Method::Gradient => None,
            Method::NormalEquations(size) => Some(size.max(1)),
            Method::Coordinates => Some(1),
        };
        let equation = group
            .map(|size| {
                let start = at / size * size;
                let group = objective.unknowns[start..].iter().take(size).map(|unknown| unknown.symbol);
                normal::equation(gradient, &group.collect::<Vec<_>>())
            })
            .transpose()?;
        gradients.push(Gradient { unknown: unknown.clone(), steps, equation });
    }
    Ok(Part { objective, gradients })
}

/// What a step goes down: the whole, or one term of its outermost sum.
fn objective_of_a_step(objective: &Objective) -> Expr {
    match (&objective.method, &objective.whole) {
        (Method::Stochastic, Expr::Over(_, term)) => (**term).clone(),
        (_, whole) => whole.clone(),
    }
}

impl Derivation {
    /// The rules that were used, as they are met.
    pub fn rules(&self) -> Vec<Rule> {
        let gradients = self.parts.iter().flat_map(|part| &part.gradients);
        let steps = gradients.flat_map(|gradient| {
            let gathered = gradient.equation.as_ref().map(|_| Rule::Gathered);
            gradient.steps.iter().map(|step| step.rule).chain(gathered)
        });
        let mut rules: Vec<Rule> = Vec::new();
        for rule in steps.filter(|rule| !rule.statement().is_empty()) {
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        }
        rules
    }
}

impl Part {
    /// What a step goes down: one rating's share, or the whole.
    pub fn target(&self) -> Expr {
        objective_of_a_step(&self.objective)
    }

    /// The letters that stand for something, with what they stand for, as they are met.
    pub fn definitions(&self) -> Vec<Expr> {
        let mut found = Vec::new();
        collect(&self.objective.whole, &mut found);
        found
    }
}

impl Gradient {
    /// The simplified gradient.
    pub fn expr(&self) -> &Expr {
        &self.steps.last().expect("a derivation has a first line").expr
    }

    /// What a step adds to the letter: the gradient times −η, with its first number before the bracket.
    pub fn step(&self) -> Expr {
        let number = match simplify::terms(self.expr()).first() {
            Some(term) => simplify::coefficient(term).0,
            None => return Expr::Number(0.0),
        };
        let inner = Expr::Number(1.0 / number) * self.expr().clone();
        let inner = simplify::simplify(&simplify::distributed(&simplify::tidy(&inner)));
        simplify::tidy(&(Expr::Number(-number) * self.unknown.rate.clone() * inner))
    }
}

fn collect(expr: &Expr, found: &mut Vec<Expr>) {
    if matches!(expr, Expr::Named(..)) && !found.contains(expr) {
        found.push(expr.clone());
    }
    for part in expr.parts() {
        collect(part, found);
    }
}
