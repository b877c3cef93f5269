//! From a gradient that is zero to equations in the unknowns.

use crate::error::{Error, Result};
use crate::fit::objective::{Expr, Shape, Symbol};

use super::differentiate::Step;
use super::rules::Rule;
use super::simplify::{coefficient, factors, simplify, tidy};

/// Σ coefficient·unknown = rest, one equation for each unknown of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct Equation {
    /// What multiplies each unknown: a matrix or a vector before a vector, a vector or a number before a number.
    pub coefficients: Vec<(Expr, Symbol)>,
    /// What does not hold them.
    pub rest: Expr,
}

impl Equation {
    /// The left side: coefficients times unknowns.
    pub fn left(&self) -> Expr {
        let term = |(coefficient, unknown): &(Expr, Symbol)| {
            let letter = Expr::Symbol(*unknown);
            match (coefficient.shape(), unknown.shape) {
                (Shape::Vector, Shape::Vector) => Expr::Dot(Box::new(coefficient.clone()), Box::new(letter)),
                (Shape::Vector, Shape::Scalar) => Expr::Product(vec![letter, coefficient.clone()]),
                _ => Expr::Product(vec![coefficient.clone(), letter]),
            }
        };
        tidy(&Expr::Sum(self.coefficients.iter().map(term).collect()))
    }
}

/// The equation that a simplified gradient of a quadratic sets for the unknowns, and the lines that lead there.
///
/// # Errors
/// The gradient is not linear in the unknowns.
pub(super) fn equation(gradient: &Expr, unknowns: &[Symbol]) -> Result<(Vec<Step>, Equation)> {
    let mut steps = Vec::new();
    let mut line = gradient.clone();
    while let Some(letter) = hiding(&line, unknowns) {
        line = tidy(&unfolded(&line, &letter));
        steps.push(Step { rule: Rule::Definition(letter), expr: line.clone() });
    }
    let expanded = expand(&line);
    let common = expanded.first().map_or(1.0, |term| coefficient(&simplify(term)).0.abs());
    let mut sides = Sides { unknowns, coefficients: vec![Vec::new(); unknowns.len()], rest: Vec::new() };
    for term in &expanded {
        sides.take(&tidy(&(Expr::Number(1.0 / common) * term.clone())))?;
    }
    Ok((steps, sides.equation()))
}

/// The first letter that stands for something with an unknown in it.
fn hiding(line: &Expr, unknowns: &[Symbol]) -> Option<Symbol> {
    match line {
        Expr::Named(letter, meaning) => {
            unknowns.iter().any(|unknown| meaning.depends_on(unknown)).then_some(*letter)
        }
        _ => line.parts().into_iter().find_map(|part| hiding(part, unknowns)),
    }
}

fn unfolded(line: &Expr, letter: &Symbol) -> Expr {
    match line {
        Expr::Named(name, meaning) if name == letter => (**meaning).clone(),
        _ => line.map(&mut |part| unfolded(part, letter)),
    }
}

/// A sum of products without brackets; sums over sets of one product each.
fn expand(expr: &Expr) -> Vec<Expr> {
    match expr {
        Expr::Sum(parts) => parts.iter().flat_map(expand).collect(),
        Expr::Over(set, term) => {
            expand(term).into_iter().map(|term| Expr::Over(*set, Box::new(term))).collect()
        }
        Expr::Product(parts) => {
            let choices = parts.iter().map(expand);
            choices.fold(vec![Expr::Number(1.0)], |products, terms| {
                let with = |product: &Expr| {
                    terms.iter().map(|term| tidy(&(product.clone() * term.clone()))).collect::<Vec<_>>()
                };
                products.iter().flat_map(with).collect()
            })
        }
        other => vec![other.clone()],
    }
}

/// The terms as they fall to each unknown and to neither.
struct Sides<'a> {
    unknowns: &'a [Symbol],
    coefficients: Vec<Vec<Expr>>,
    rest: Vec<Expr>,
}

impl Sides<'_> {
    /// Takes a term: a number of factors, or such a sum over a set.
    fn take(&mut self, term: &Expr) -> Result<()> {
        let Some(at) = self.unknowns.iter().position(|unknown| term.depends_on(unknown)) else {
            self.rest.push(tidy(&-term.clone()));
            return Ok(());
        };
        let coefficient = without(term, &self.unknowns[at])
            .filter(|rest| !self.unknowns.iter().any(|unknown| rest.depends_on(unknown)));
        let linear = coefficient.ok_or_else(|| {
            Error::unsupported(
                "the gradient is not linear in what is to be solved for",
                "normal equations need an objective that is a quadratic",
            )
        })?;
        self.coefficients[at].push(simplify(&linear));
        Ok(())
    }

    fn equation(self) -> Equation {
        let totals = self.coefficients.iter().map(|terms| gather(terms));
        let coefficients = totals.zip(self.unknowns.iter().copied());
        Equation {
            coefficients: coefficients.filter(|(coefficient, _)| !coefficient.is_zero()).collect(),
            rest: gather(&self.rest),
        }
    }
}

/// A term without its unknown: c·x → c (c·I before a vector), (aᵀx)b → b aᵀ, aᵀx → a.
fn without(term: &Expr, unknown: &Symbol) -> Option<Expr> {
    if let Expr::Over(set, inner) = term {
        return Some(Expr::Over(*set, Box::new(without(inner, unknown)?)));
    }
    let mut parts = factors(term);
    let at = parts.iter().position(|part| part.depends_on(unknown))?;
    let holder = parts.remove(at);
    let rest = |parts: Vec<Expr>| tidy(&Expr::Product(parts));
    match holder {
        Expr::Over(set, inner) => {
            parts.push(Expr::Over(set, Box::new(without(&inner, unknown)?)));
            Some(rest(parts))
        }
        Expr::Symbol(letter) if letter == *unknown => {
            if unknown.shape == Shape::Vector {
                parts.push(Expr::Identity);
            }
            Some(rest(parts))
        }
        Expr::Dot(a, b) => {
            let fixed = if a.symbol() == Some(*unknown) { b } else { a };
            match parts.pop() {
                Some(vector) if vector.shape() == Shape::Vector => {
                    parts.push(Expr::Outer(Box::new(vector), fixed));
                    Some(rest(parts))
                }
                last => {
                    parts.extend(last);
                    parts.push(*fixed);
                    Some(rest(parts))
                }
            }
        }
        _ => None,
    }
}

/// Sums over the same set in one: Σ x·q + Σ y·q = Σ (x + y)·q.
fn gather(terms: &[Expr]) -> Expr {
    let mut groups: Vec<(Expr, Vec<Expr>)> = Vec::new();
    let mut others = Vec::new();
    for term in terms {
        let (number, rest) = coefficient(term);
        let Expr::Over(set, inner) = rest else {
            others.push(term.clone());
            continue;
        };
        let key = Expr::Size(set);
        let inner = tidy(&(Expr::Number(number) * *inner));
        match groups.iter_mut().find(|(other, _)| *other == key) {
            Some((_, inners)) => inners.push(inner),
            None => groups.push((key, vec![inner])),
        }
    }
    let sums = groups.into_iter().map(|(key, inners)| {
        let Expr::Size(set) = key else { unreachable!("the key is a set") };
        simplify(&Expr::Over(set, Box::new(Expr::Sum(inners))))
    });
    tidy(&Expr::Sum(sums.chain(others).collect()))
}

#[cfg(test)]
mod tests {
    use super::super::differentiate::differentiate;
    use super::super::notation::unicode;
    use super::*;
    use crate::fit::objective::{Set, dot, named, scalar, square, squared_norm, sum, vector};

    #[test]
    fn a_ridge_regression_gives_its_normal_equations() {
        let (p, q, b_u, b_i) = (vector("p", "u"), vector("q", "i"), scalar("b", "u"), scalar("b", "i"));
        let r_hat = named("r̂", "ui", scalar("μ", "") + b_u.clone() + b_i + dot(&p, &q));
        let e = named("e", "ui", scalar("r", "ui") - r_hat);
        let whole = sum(Set::Ratings, square(&e))
            + sum(Set::Users, scalar("λ", "") * squared_norm(&p) + scalar("λ_b", "") * square(&b_u));
        let unknowns = [p.symbol().unwrap(), b_u.symbol().unwrap()];
        let equations: Vec<String> = unknowns
            .iter()
            .map(|unknown| {
                let gradient = differentiate(&whole, unknown).unwrap().pop().unwrap().expr;
                let (_, equation) = equation(&gradient, &unknowns).unwrap();
                format!("{} = {}", unicode(&equation.left()), unicode(&equation.rest))
            })
            .collect();
        assert_eq!(
            equations,
            [
                "(Σ_{i∈N(u)} q_i q_iᵀ + λI)p_u + b_u·Σ_{i∈N(u)} q_i = Σ_{i∈N(u)} (r_ui − μ − b_i)q_i",
                "(Σ_{i∈N(u)} q_i)ᵀp_u + (n_u + λ_b)b_u = Σ_{i∈N(u)} (r_ui − μ − b_i)",
            ]
        );
    }

    #[test]
    fn what_is_not_quadratic_is_refused() {
        let b = scalar("b", "u");
        let error = equation(&(square(&b) + b.clone()), &[b.symbol().unwrap()]).unwrap_err();
        assert!(error.to_string().contains("not linear"), "{error}");
    }
}
