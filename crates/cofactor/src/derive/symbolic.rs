//! A derivation for programs: every formula in each notation, and all of it written out in named numbers of a small world.

use serde_json::{Value, json};

use super::evaluate::{Python, evaluate};
use super::notation::{Unicode, latex, mathml, unicode};
use super::{Derivation, Gradient, Part, Step, document};
use crate::error::Result;
use crate::fit::objective::{Binding, Expr, Method, Sample, Symbol};

/// How long the vectors of the small world are.
const K: usize = 2;

/// The derivation as JSON.
///
/// `scalar` holds the objective and the gradients of two users and three items as texts that Python's SymPy reads, in names such as `p_u0_1`: the second coordinate of the
/// first user's vector.
///
/// # Errors
/// A letter has an index that nothing binds.
pub fn symbolic(derivation: &Derivation) -> Result<Value> {
    let parts = derivation.parts.iter().map(part).collect::<Result<Vec<_>>>()?;
    Ok(json!({
        "model": derivation.name,
        "title": derivation.title,
        "config": derivation.config,
        "objectives": parts,
    }))
}

fn part(part: &Part) -> Result<Value> {
    let named = |definition: &Expr| match definition {
        Expr::Named(symbol, meaning) => {
            json!({ "letter": unicode(&Expr::Symbol(*symbol)), "meaning": formula(meaning) })
        }
        _ => Value::Null,
    };
    Ok(json!({
        "title": part.objective.title,
        "method": method(part.objective.method),
        "objective": formula(&part.objective.whole),
        "where": part.definitions().iter().map(named).collect::<Vec<_>>(),
        "gradients": part.gradients.iter().map(|one| gradient(part, one)).collect::<Vec<_>>(),
        "trained": part.objective.training.is_some(),
        "scalar": scalar(part)?,
    }))
}

fn method(method: Method) -> &'static str {
    match method {
        Method::Stochastic => "stochastic gradient descent",
        Method::Gradient => "gradient descent",
        Method::NormalEquations(_) => "normal equations",
        Method::Coordinates => "coordinate descent",
    }
}

fn formula(expr: &Expr) -> Value {
    json!({ "unicode": unicode(expr), "latex": latex(expr), "mathml": mathml(expr) })
}

fn gradient(part: &Part, gradient: &Gradient) -> Value {
    let step = |step: &Step| json!({ "rule": step.rule.name(), "expression": formula(&step.expr) });
    let equation = gradient
        .equation
        .as_ref()
        .map(|(_, equation)| json!({ "left": formula(&equation.left()), "right": formula(&equation.rest) }));
    json!({
        "by": unicode(&Expr::Symbol(gradient.unknown.symbol)),
        "steps": gradient.steps.iter().map(step).collect::<Vec<_>>(),
        "gradient": formula(gradient.expr()),
        "update": document::update_text(part, gradient, &Unicode),
        "equation": equation,
    })
}

/// The world: user 0 rated the items 0 and 1, user 1 the items 1 and 2.
fn world() -> Sample {
    Sample::new(K, 2, 3, vec![(0, 0), (0, 1), (1, 1), (1, 2)])
}

/// The objective and its gradients in named numbers. A step sees the rating of item 1 by user 0, and beside it item 2 where there are pairs of items.
fn scalar(part: &Part) -> Result<Value> {
    let (world, python) = (world(), Python { k: K });
    let at: Binding = vec![('u', 0), ('i', 1), ('j', 2), ('v', 0)];
    // A member of a set of the row stands for itself; that of u = 0 is item 0.
    let bound = |symbol: &Symbol| -> Binding {
        let member = ('j', 0);
        let of_set = symbol.index == "j" && part.target().mentions("j");
        if symbol.index == "j" && !of_set { [at.clone(), vec![member]].concat() } else { at.clone() }
    };
    let text = |expr: &Expr, bound: &Binding| evaluate(expr, &world, bound, &python);
    let objective = text(&part.target(), &at)?.entries.swap_remove(0);
    let (mut gradients, mut equations) = (Vec::new(), Vec::new());
    for gradient in &part.gradients {
        let symbol = &gradient.unknown.symbol;
        let bound = bound(symbol);
        let rows: Vec<usize> = symbol.index.chars().map(|index| row(index, &bound)).collect();
        let slopes = text(gradient.expr(), &bound)?.entries;
        for (coordinate, slope) in slopes.into_iter().enumerate() {
            gradients.push(json!({ "by": Python::name(symbol, &rows, coordinate), "gradient": slope }));
        }
        if let Some((_, equation)) = &gradient.equation {
            let sides = text(&equation.left(), &bound)?
                .entries
                .into_iter()
                .zip(text(&equation.rest, &bound)?.entries);
            for (coordinate, (left, right)) in sides.enumerate() {
                let by = Python::name(symbol, &rows, coordinate);
                equations.push(json!({ "by": by, "left": left, "right": right }));
            }
        }
    }
    Ok(json!({ "k": K, "objective": objective, "gradients": gradients, "equations": equations }))
}

fn row(index: char, bound: &Binding) -> usize {
    bound.iter().rev().find(|(name, _)| *name == index).map_or(0, |(_, row)| *row)
}
