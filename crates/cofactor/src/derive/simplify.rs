//! Terms and factors put together.

use std::sync::Arc;

use crate::fit::objective::{Expr, Shape};

/// Nothing that says nothing: no zeros, no ones, no sums within sums; numbers stand first, vectors last.
pub(super) fn tidy(expr: &Expr) -> Expr {
    if let Expr::Named(letter, meaning) = expr {
        return Expr::Named(*letter, Arc::new(tidy(meaning)));
    }
    match expr.map(&mut tidy) {
        Expr::Sum(terms) => sum_of(&terms),
        Expr::Product(factors) => product_of(&factors),
        Expr::Power(base, exponent) => power_of(*base, *exponent),
        Expr::Dot(a, b) if a.is_zero() || b.is_zero() => Expr::Number(0.0),
        Expr::SquaredNorm(a) | Expr::Over(_, a) if a.is_zero() => Expr::Number(0.0),
        other => other,
    }
}

/// [`tidy`], with like terms added, powers of the same number multiplied, and common factors before brackets and sums.
pub(super) fn simplify(expr: &Expr) -> Expr {
    let simple = match expr.map(&mut simplify) {
        Expr::Sum(terms) => bracket(&sum_of(&like_terms(&terms))),
        Expr::Product(factors) => {
            product_of(&factors.into_iter().flat_map(without_content).collect::<Vec<_>>())
        }
        Expr::Over(set, term) => {
            if !term.mentions(set.binds()) {
                return product_of(&[*term, Expr::Size(set)]);
            }
            let (number, rest) = coefficient(&term);
            product_of(&[Expr::Number(number), Expr::Over(set, Box::new(rest))])
        }
        other => tidy(&other),
    };
    merge_powers(simple)
}

/// The number before a term, and the rest of it.
pub(super) fn coefficient(term: &Expr) -> (f64, Expr) {
    match term {
        Expr::Number(number) => (*number, Expr::Number(1.0)),
        Expr::Product(factors) => match factors[0] {
            Expr::Number(number) => (number, product_of(&factors[1..])),
            _ => (1.0, term.clone()),
        },
        _ => (1.0, term.clone()),
    }
}

/// A number before a sum, moved to its terms.
pub(super) fn distributed(expr: &Expr) -> Expr {
    match expr {
        Expr::Product(factors) => match factors.as_slice() {
            [Expr::Number(number), Expr::Sum(terms)] => Expr::Sum(
                terms.iter().map(|term| simplify(&(Expr::Number(*number) * term.clone()))).collect(),
            ),
            _ => expr.clone(),
        },
        _ => expr.clone(),
    }
}

/// The terms of a sum, or the one term that it is.
pub(super) fn terms(expr: &Expr) -> Vec<Expr> {
    match expr {
        Expr::Sum(terms) => terms.clone(),
        other if other.is_zero() => Vec::new(),
        other => vec![other.clone()],
    }
}

/// The factors of a product, or the one factor that it is.
pub(super) fn factors(expr: &Expr) -> Vec<Expr> {
    match expr {
        Expr::Product(factors) => factors.clone(),
        other => vec![other.clone()],
    }
}

fn sum_of(terms: &[Expr]) -> Expr {
    let flat = terms.iter().flat_map(self::terms);
    let mut kept: Vec<Expr> = flat.filter(|term| !term.is_zero()).collect();
    match kept.len() {
        0 => Expr::Number(0.0),
        1 => kept.swap_remove(0),
        _ => Expr::Sum(kept),
    }
}

fn product_of(factors: &[Expr]) -> Expr {
    let flat: Vec<Expr> = factors.iter().flat_map(self::factors).collect();
    if flat.iter().any(Expr::is_zero) {
        return Expr::Number(0.0);
    }
    let number = |factor: &Expr| if let Expr::Number(number) = factor { Some(*number) } else { None };
    let numbers: f64 = flat.iter().filter_map(number).product();
    let shaped = flat.iter().filter(|f| f.shape() != Shape::Scalar && **f != Expr::Identity).count();
    let identities = flat.iter().filter(|f| **f == Expr::Identity).count();
    // I before a vector or another matrix changes nothing; alone it stays.
    let spare = if shaped > 0 { identities } else { identities.saturating_sub(1) };
    let mut dropped = 0;
    let mut kept: Vec<Expr> = flat.into_iter().filter(|factor| number(factor).is_none()).collect();
    kept.retain(|factor| {
        let drop = *factor == Expr::Identity && dropped < spare;
        dropped += usize::from(drop);
        !drop
    });
    kept.sort_by_key(|factor| match factor.shape() {
        Shape::Scalar => 0,
        Shape::Matrix => 1,
        Shape::Vector => 2,
    });
    if numbers != 1.0 || kept.is_empty() {
        kept.insert(0, Expr::Number(numbers));
    }
    if kept.len() == 1 { kept.swap_remove(0) } else { Expr::Product(kept) }
}

fn power_of(base: Expr, exponent: Expr) -> Expr {
    match (&base, &exponent) {
        (_, Expr::Number(n)) if *n == 1.0 => base,
        (_, Expr::Number(n)) if *n == 0.0 => Expr::Number(1.0),
        (Expr::Number(one), _) if *one == 1.0 => base,
        _ => Expr::Power(Box::new(base), Box::new(exponent)),
    }
}

/// Terms that differ in their number alone, added.
fn like_terms(terms: &[Expr]) -> Vec<Expr> {
    let mut kept: Vec<(f64, Expr)> = Vec::new();
    for term in terms.iter().flat_map(self::terms) {
        let (number, rest) = coefficient(&term);
        match kept.iter_mut().find(|(_, other)| *other == rest) {
            Some((sum, _)) => *sum += number,
            None => kept.push((number, rest)),
        }
    }
    kept.into_iter().map(|(number, rest)| product_of(&[Expr::Number(number), rest])).collect()
}

/// x·q + y·q = (x + y)·q, for a vector q.
fn bracket(sum: &Expr) -> Expr {
    let mut groups: Vec<(Expr, Vec<Expr>)> = Vec::new();
    for term in terms(sum) {
        let mut factors = factors(&term);
        // A derivative yet to be worked out may still come apart, and a matrix cannot be added to a number.
        let is_vector = factors.split_last().is_some_and(|(last, rest)| {
            last.shape() == Shape::Vector
                && !matches!(last, Expr::Derivative(..))
                && !rest.is_empty()
                && rest.iter().all(|factor| factor.shape() == Shape::Scalar)
        });
        let (key, number) = match factors.pop() {
            Some(vector) if is_vector => (vector, product_of(&factors)),
            _ => (term.clone(), Expr::Number(1.0)),
        };
        match groups.iter_mut().find(|(other, _)| *other == key) {
            Some((_, numbers)) => numbers.push(number),
            None => groups.push((key, vec![number])),
        }
    }
    let grouped = groups.into_iter().map(|(key, numbers)| product_of(&[sum_of(&numbers), key]));
    sum_of(&grouped.collect::<Vec<_>>())
}

/// 2a + 2b = 2(a + b), where all numbers are the same.
fn without_content(factor: Expr) -> Vec<Expr> {
    let Expr::Sum(terms) = &factor else { return vec![factor] };
    let split: Vec<(f64, Expr)> = terms.iter().map(coefficient).collect();
    let content = split[0].0;
    if content == 1.0 || split.iter().any(|(number, _)| *number != content) {
        return vec![factor];
    }
    vec![Expr::Number(content), Expr::Sum(split.into_iter().map(|(_, rest)| rest).collect())]
}

/// xᵃ·xᵇ = xᵃ⁺ᵇ, for numbers a and b.
fn merge_powers(expr: Expr) -> Expr {
    let Expr::Product(factors) = expr else { return expr };
    let mut kept: Vec<(Expr, Option<f64>)> = Vec::new();
    for factor in factors {
        let (base, exponent) = match factor {
            Expr::Power(base, exponent) if matches!(*exponent, Expr::Number(_)) => {
                let Expr::Number(n) = *exponent else { unreachable!("it was matched") };
                (*base, Some(n))
            }
            Expr::Number(_) | Expr::Derivative(..) => (factor, None),
            other if other.shape() == Shape::Scalar => (other, Some(1.0)),
            other => (other, None),
        };
        let same = |(other, power): &&mut (Expr, Option<f64>)| *other == base && power.is_some();
        match (kept.iter_mut().find(same), exponent) {
            (Some((_, Some(power))), Some(more)) => *power += more,
            _ => kept.push((base, exponent)),
        }
    }
    let restored = kept.into_iter().map(|(base, exponent)| match exponent {
        Some(n) => power_of(base, Expr::Number(n)),
        None => base,
    });
    product_of(&restored.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::super::notation::unicode;
    use super::*;
    use crate::fit::objective::{Set, logistic, scalar, sum, vector};

    #[test]
    fn terms_and_factors_are_put_together() {
        let (p, q, e) = (vector("p", "u"), vector("q", "i"), scalar("e", "ui"));
        let sigma = logistic(&e);
        let one = || Expr::Number(1.0);
        let cases = [
            (e.clone() + e.clone(), "2e_ui"),
            (e.clone() - e.clone(), "0"),
            (2.0 * (e.clone() * (-q.clone())), "−2e_ui·q_i"),
            (
                Expr::Power(Box::new(sigma.clone()), Box::new(Expr::Number(-1.0)))
                    * sigma.clone()
                    * (one() - sigma),
                "1 − σ(e_ui)",
            ),
            (e.clone() * q.clone() - scalar("r", "ui") * q.clone(), "(e_ui − r_ui)q_i"),
            (sum(Set::ItemsOf("i"), -2.0 * e.clone() * q), "−2Σ_{i∈N(u)} e_ui·q_i"),
            (sum(Set::ItemsOf("i"), 2.0 * scalar("b", "u")), "2b_u·n_u"),
            (scalar("λ", "") * (2.0 * p.clone() + 2.0 * vector("y", "j")), "2λ(p_u + y_j)"),
            (Expr::Identity * p, "p_u"),
        ];
        for (expr, expected) in cases {
            assert_eq!(unicode(&simplify(&expr)), expected);
        }
    }
}
