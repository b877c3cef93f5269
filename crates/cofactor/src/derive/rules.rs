//! The rules of differentiation, each with its name.

use crate::error::{Error, Result};
use crate::fit::objective::{Expr, Function, Set, Shape, Symbol};

use super::notation::unicode;

/// What led from one line of a derivation to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// The expression that is differentiated.
    Start,
    /// ∂c = 0.
    Constant,
    /// ∂x/∂x = 1, and I for a vector.
    Itself,
    /// A letter gives way to what it stands for.
    Definition(Symbol),
    /// ∂(f + g) = ∂f + ∂g, for Σ too.
    Sum,
    /// Of a sum over rows, only the terms of one row hold its letter.
    OwnTerms,
    /// ∂(c·f) = c·∂f.
    ConstantFactor,
    /// ∂(f·g) = g·∂f + f·∂g.
    Product,
    /// ∂fⁿ = n·fⁿ⁻¹·∂f.
    Power,
    /// ∂‖a‖² = 2(∂a)ᵀa.
    SquaredNorm,
    /// ∂(aᵀb) = (∂a)ᵀb + (∂b)ᵀa.
    InnerProduct,
    /// ∂σ(f) = σ(f)(1 − σ(f))·∂f.
    Logistic,
    /// ∂ln f = f⁻¹·∂f.
    Logarithm,
    /// ∂max(0, f) = ∂f where f > 0, and 0 elsewhere.
    PositivePart,
    /// Terms and factors put together.
    Simplified,
    /// What is zero at the minimum.
    SetToZero,
    /// (aᵀb)c = (c bᵀ)a, and the unknowns moved to one side.
    Gathered,
}

impl Rule {
    /// Its name.
    pub fn name(self) -> String {
        match self {
            Self::Definition(symbol) => format!("definition of {}", unicode(&Expr::Symbol(symbol))),
            rule => rule.title().to_owned(),
        }
    }

    /// Its name without the letter that is defined.
    pub fn title(self) -> &'static str {
        match self {
            Self::Start => "to be differentiated",
            Self::Constant => "constant",
            Self::Itself => "itself",
            Self::Definition(_) => "definition",
            Self::Sum => "sum rule",
            Self::OwnTerms => "only its own terms",
            Self::ConstantFactor => "constant factor",
            Self::Product => "product rule",
            Self::Power => "power, chain rule",
            Self::SquaredNorm => "norm (product rule)",
            Self::InnerProduct => "inner product (product rule)",
            Self::Logistic => "logistic curve, chain rule",
            Self::Logarithm => "logarithm, chain rule",
            Self::PositivePart => "positive part, chain rule",
            Self::Simplified => "simplified",
            Self::SetToZero => "zero at the minimum",
            Self::Gathered => "unknowns gathered",
        }
    }

    /// What it says, as a formula or a sentence; empty where its name says it.
    pub fn statement(self) -> &'static str {
        match self {
            Self::Constant => "∂c = 0 for whatever does not hold the letter",
            Self::Itself => "∂x/∂x = 1, and I for a vector",
            Self::Sum => "∂(f + g) = ∂f + ∂g, and ∂Σf = Σ∂f",
            Self::OwnTerms => "in a sum over rows, the terms of the other rows do not hold the letter",
            Self::ConstantFactor => "∂(c·f) = c·∂f",
            Self::Product => "∂(f·g) = g·∂f + f·∂g",
            Self::Power => "∂fⁿ = n·fⁿ⁻¹·∂f",
            Self::SquaredNorm => "∂‖a‖² = 2(∂a)ᵀa",
            Self::InnerProduct => "∂(aᵀb) = (∂a)ᵀb + (∂b)ᵀa",
            Self::Logistic => "∂σ(f) = σ(f)(1 − σ(f))·∂f",
            Self::Logarithm => "∂ln f = f⁻¹·∂f",
            Self::PositivePart => "∂max(0, f) = [f > 0]·∂f, with [f > 0] = 1 where f > 0, else 0",
            Self::Gathered => "(aᵀb)c = (c bᵀ)a, divided by the common factor",
            Self::Start | Self::Definition(_) | Self::Simplified | Self::SetToZero => "",
        }
    }

    /// The rule that fits ∂`of`/∂`by`, and what it makes of it. `bound` are the indices that the sums around it bind.
    pub(super) fn apply(by: &Symbol, of: &Expr, bound: &str) -> Result<(Self, Expr)> {
        let d = |part: &Expr| Expr::Derivative(*by, Box::new(part.clone()));
        let vector = by.shape == Shape::Vector;
        Ok(match of {
            _ if !of.depends_on(by) => (Self::Constant, Expr::Number(0.0)),
            Expr::Symbol(_) => (Self::Itself, if vector { Expr::Identity } else { Expr::Number(1.0) }),
            Expr::Named(symbol, meaning) => (Self::Definition(*symbol), d(meaning)),
            Expr::Sum(terms) => (Self::Sum, Expr::Sum(terms.iter().map(|term| signed(by, term)).collect())),
            Expr::Product(factors) => product(by, factors)?,
            Expr::Power(base, exponent) if !exponent.depends_on(by) => {
                let lower = (**exponent).clone() + Expr::Number(-1.0);
                let lower = super::simplify::simplify(&lower);
                (Self::Power, (**exponent).clone() * Expr::Power(base.clone(), Box::new(lower)) * d(base))
            }
            Expr::SquaredNorm(a) => (Self::SquaredNorm, 2.0 * pulled(by, a, a)),
            Expr::Dot(a, b) => {
                let parts = [(a, b), (b, a)].into_iter().filter(|(part, _)| part.depends_on(by));
                (Self::InnerProduct, Expr::Sum(parts.map(|(part, other)| pulled(by, part, other)).collect()))
            }
            Expr::Over(set, term) => over(by, *set, term, bound)?,
            Expr::Call(Function::Logistic, z) => {
                (Self::Logistic, of.clone() * (Expr::Number(1.0) - of.clone()) * d(z))
            }
            Expr::Call(Function::Ln, a) => {
                (Self::Logarithm, Expr::Power(a.clone(), Box::new(Expr::Number(-1.0))) * d(a))
            }
            Expr::Call(Function::PositivePart, a) => {
                (Self::PositivePart, Expr::Call(Function::Step, a.clone()) * d(a))
            }
            _ => return Err(outside(by, of)),
        })
    }
}

/// ∂ of a term, its sign before it: ∂(f − g) = ∂f − ∂g.
fn signed(by: &Symbol, term: &Expr) -> Expr {
    match term {
        Expr::Product(factors) if factors[0] == Expr::Number(-1.0) => {
            let rest = super::simplify::tidy(&Expr::Product(factors[1..].to_vec()));
            -Expr::Derivative(*by, Box::new(rest))
        }
        _ => Expr::Derivative(*by, Box::new(term.clone())),
    }
}

/// (∂a)ᵀb.
fn pulled(by: &Symbol, a: &Expr, b: &Expr) -> Expr {
    let slope = Expr::Derivative(*by, Box::new(a.clone()));
    match by.shape {
        Shape::Vector => Expr::Product(vec![slope, b.clone()]),
        _ => Expr::Dot(Box::new(slope), Box::new(b.clone())),
    }
}

fn product(by: &Symbol, factors: &[Expr]) -> Result<(Rule, Expr)> {
    let whole = || Expr::Product(factors.to_vec());
    let (dependent, constant): (Vec<_>, Vec<_>) = factors.iter().cloned().partition(|f| f.depends_on(by));
    let d = |part: Expr| Expr::Derivative(*by, Box::new(part));
    let shaped = |parts: &[Expr]| parts.iter().any(|part| part.shape() != Shape::Scalar);
    // A number whose derivative is a vector may stand before no other vector or matrix: that were a third dimension, or an outer product.
    let flat = by.shape == Shape::Scalar
        || if shaped(&dependent) { dependent.len() == 1 && !shaped(&constant) } else { !shaped(&constant) };
    if !flat {
        return Err(outside(by, &whole()));
    }
    if !constant.is_empty() {
        let rest = super::simplify::tidy(&Expr::Product(dependent));
        return Ok((Rule::ConstantFactor, Expr::Product([constant, vec![d(rest)]].concat())));
    }
    let term = |at: usize| {
        let mut factors = dependent.clone();
        factors[at] = d(factors[at].clone());
        Expr::Product(factors)
    };
    Ok((Rule::Product, Expr::Sum((0..dependent.len()).map(term).collect())))
}

/// ∂Σ: every term's derivative, or those of the letter's own row.
fn over(by: &Symbol, set: Set, term: &Expr, bound: &str) -> Result<(Rule, Expr)> {
    let d = Expr::Derivative(*by, Box::new(term.clone()));
    let binds = |index: char| set.binds().contains(index);
    if !by.index.chars().any(binds) {
        return Ok((Rule::Sum, Expr::Over(set, Box::new(d))));
    }
    let rest = match (set, by.index) {
        (Set::Ratings, "u") => Some(Set::ItemsOf("i")),
        (Set::Ratings, "i") => Some(Set::UsersOf("u")),
        (Set::Pairs, "u") => Some(Set::Items),
        (Set::Pairs, "i") => Some(Set::Users),
        (Set::Users, "u") | (Set::Items, "i") => None,
        // Whether the letter's row is a member is known where the set's owner is.
        (Set::ItemsOf(letter), index) if letter == index && !bound.contains('u') => None,
        (Set::UsersOf(letter), index) if letter == index && !bound.contains('i') => None,
        _ => return Err(outside(by, &Expr::Over(set, Box::new(term.clone())))),
    };
    Ok((Rule::OwnTerms, rest.map_or(d.clone(), |rest| Expr::Over(rest, Box::new(d)))))
}

#[cold]
fn outside(by: &Symbol, of: &Expr) -> Error {
    Error::unsupported(
        format!(
            "∂/∂{} of {} is not of the family that is differentiated here",
            unicode(&Expr::Symbol(*by)),
            unicode(of)
        ),
        "write the objective with sums over Ω or over the sets of a row, inner products, norms, squares, σ, ln and max(0, ·)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::objective::{dot, ln, logistic, named, power, scalar, square, squared_norm, sum, vector};

    fn rule(by: &Expr, of: &Expr) -> String {
        let (rule, to) = Rule::apply(&by.symbol().unwrap(), of, "").unwrap();
        format!("{}: {}", rule.name(), unicode(&super::super::simplify::tidy(&to)))
    }

    #[test]
    fn each_rule_says_what_it_does() {
        let (p, q, y) = (vector("p", "u"), vector("q", "i"), vector("y", "j"));
        let (b, r) = (scalar("b", "u"), scalar("r", "ui"));
        let r_hat = named("r̂", "ui", dot(&p, &q));
        let cases = [
            (&p, r.clone(), "constant: 0"),
            (&p, p.clone(), "itself: I"),
            (&b, b.clone(), "itself: 1"),
            (&p, r_hat.clone(), "definition of r̂_ui: ∂/∂p_u (p_uᵀq_i)"),
            (&p, r - r_hat.clone(), "sum rule: ∂r_ui/∂p_u − ∂r̂_ui/∂p_u"),
            (&p, sum(Set::Ratings, r_hat.clone()), "only its own terms: Σ_{i∈N(u)} ∂r̂_ui/∂p_u"),
            (&p, sum(Set::Users, squared_norm(&p)), "only its own terms: ∂/∂p_u ‖p_u‖²"),
            (&y, sum(Set::ItemsOf("j"), y.clone()), "only its own terms: ∂y_j/∂y_j"),
            (&b, sum(Set::ItemsOf("i"), b.clone()), "sum rule: Σ_{i∈N(u)} ∂b_u/∂b_u"),
            (&p, scalar("λ", "") * squared_norm(&p), "constant factor: λ·∂/∂p_u ‖p_u‖²"),
            (&b, b.clone() * logistic(&b), "product rule: ∂b_u/∂b_u·σ(b_u) + b_u·∂/∂b_u σ(b_u)"),
            (&p, square(&r_hat), "power, chain rule: 2r̂_ui·∂r̂_ui/∂p_u"),
            (&p, power(&r_hat, -0.5), "power, chain rule: −½r̂_ui^−1½·∂r̂_ui/∂p_u"),
            (&p, squared_norm(&p), "norm (product rule): 2(∂p_u/∂p_u)ᵀp_u"),
            (&p, dot(&p, &q), "inner product (product rule): (∂p_u/∂p_u)ᵀq_i"),
            (&p, logistic(&r_hat), "logistic curve, chain rule: σ(r̂_ui)(1 − σ(r̂_ui))·∂r̂_ui/∂p_u"),
            (&p, ln(&r_hat), "logarithm, chain rule: r̂_ui⁻¹·∂r̂_ui/∂p_u"),
        ];
        for (by, of, expected) in cases {
            assert_eq!(rule(by, &of), expected);
        }
    }

    #[test]
    fn what_is_outside_the_family_is_refused_and_not_guessed() {
        let (p, q, y) = (vector("p", "u"), vector("q", "i"), vector("y", "j"));
        let scaled = dot(&p, &q) * p.clone();
        let refused = |by: &Expr, of: &Expr, bound: &str| {
            let error = Rule::apply(&by.symbol().unwrap(), of, bound).unwrap_err();
            assert!(error.to_string().contains("not of the family"), "{error}");
        };
        refused(&p, &scaled, "");
        refused(&vector("q", "j"), &sum(Set::Triples, dot(&p, &vector("q", "j"))), "");
        refused(&y, &sum(Set::ItemsOf("j"), y.clone()), "ui");
        refused(&scalar("b", "u"), &power(&scalar("r", "ui"), scalar("b", "u")), "");
    }
}
