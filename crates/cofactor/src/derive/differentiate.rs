//! A gradient, rule by rule.

use crate::error::Result;
use crate::fit::objective::{Expr, Symbol};

use super::rules::Rule;
use super::simplify::{simplify, tidy};

/// One line of a derivation.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What led here from the line before.
    pub rule: Rule,
    /// What stands here.
    pub expr: Expr,
}

/// ∂`of`/∂`by`, from the first line to the simplified gradient. Each line applies one rule, wherever it fits.
///
/// # Errors
/// The expression is not of the family: [`crate::fit::objective::expression`].
pub fn differentiate(of: &Expr, by: &Symbol) -> Result<Vec<Step>> {
    let mut line = Expr::Derivative(*by, Box::new(of.clone()));
    let mut steps = vec![Step { rule: Rule::Start, expr: line.clone() }];
    loop {
        let mut fitting = Vec::new();
        find(&line, "", &mut fitting)?;
        let Some(&rule) = fitting.iter().min_by_key(|rule| precedence(**rule)) else { break };
        line = tidy(&apply(&line, rule, "")?);
        steps.push(Step { rule, expr: line.clone() });
        let simple = simplify(&line);
        if size(&simple) < size(&line) {
            line = simple;
            steps.push(Step { rule: Rule::Simplified, expr: line.clone() });
        }
    }
    let simple = simplify(&line);
    if simple != line {
        steps.push(Step { rule: Rule::Simplified, expr: simple });
    }
    Ok(steps)
}

/// What vanishes goes first, then what takes sums and products apart: the lines stay short. Among equals the leftmost is first.
fn precedence(rule: Rule) -> u8 {
    match rule {
        Rule::Constant => 0,
        Rule::ConstantFactor => 1,
        Rule::Sum | Rule::OwnTerms => 2,
        _ => 3,
    }
}

/// How many pieces a line has.
fn size(line: &Expr) -> usize {
    if let Expr::Named(..) = line { 1 } else { 1 + line.parts().into_iter().map(size).sum::<usize>() }
}

/// The rules that fit the derivatives not yet worked out, from left to right.
fn find(line: &Expr, bound: &str, fitting: &mut Vec<Rule>) -> Result<()> {
    match line {
        Expr::Derivative(by, of) => fitting.push(Rule::apply(by, of, bound)?.0),
        Expr::Named(..) => {}
        Expr::Over(set, term) => find(term, &(bound.to_owned() + set.binds()), fitting)?,
        _ => {
            for part in line.parts() {
                find(part, bound, fitting)?;
            }
        }
    }
    Ok(())
}

fn apply(line: &Expr, rule: Rule, bound: &str) -> Result<Expr> {
    match line {
        Expr::Derivative(by, of) => {
            let (fits, to) = Rule::apply(by, of, bound)?;
            Ok(if fits == rule { to } else { line.clone() })
        }
        Expr::Over(set, term) => {
            let bound = bound.to_owned() + set.binds();
            Ok(Expr::Over(*set, Box::new(apply(term, rule, &bound)?)))
        }
        _ => {
            let mut failed = None;
            let changed = line.map(&mut |part| {
                apply(part, rule, bound).unwrap_or_else(|error| {
                    failed = Some(error);
                    part.clone()
                })
            });
            failed.map_or(Ok(changed), Err)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::notation::unicode;
    use super::*;
    use crate::fit::objective::{dot, named, scalar, square, vector};

    #[test]
    fn the_lesson_is_derived_line_by_line() {
        let (p, q) = (vector("p", "u"), vector("q", "i"));
        let r_hat = named("r̂", "ui", dot(&p, &q));
        let e = named("e", "ui", scalar("r", "ui") - r_hat);
        let steps = differentiate(&square(&e), &p.symbol().unwrap()).unwrap();
        let lines: Vec<String> =
            steps.iter().map(|step| format!("{}: {}", step.rule.name(), unicode(&step.expr))).collect();
        assert_eq!(
            lines,
            [
                "to be differentiated: ∂/∂p_u e_ui²",
                "power, chain rule: 2e_ui·∂e_ui/∂p_u",
                "definition of e_ui: 2e_ui·∂/∂p_u (r_ui − r̂_ui)",
                "sum rule: 2e_ui(∂r_ui/∂p_u − ∂r̂_ui/∂p_u)",
                "constant: −2e_ui·∂r̂_ui/∂p_u",
                "definition of r̂_ui: −2e_ui·∂/∂p_u (p_uᵀq_i)",
                "inner product (product rule): −2e_ui(∂p_u/∂p_u)ᵀq_i",
                "itself: −2e_ui·q_i",
            ]
        );
    }
}
