//! Objectives as expressions: sums over sets of ratings, inner products of factor vectors, their norms, squares, logistic curves, logarithms and positive parts.
//!
//! An algorithm's file writes its objective with the operators and functions below; [`crate::derive`] differentiates, prints and evaluates it.

use std::ops::{Add, Mul, Neg, Sub};
use std::sync::Arc;

/// What an expression comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// A number.
    Scalar,
    /// A column of k numbers.
    Vector,
    /// k×k numbers.
    Matrix,
}

/// A letter with its indices: p_u, r_ui, λ_b. The index says whose it is, the label only tells letters apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Symbol {
    /// `p`, `λ`, `r̂`.
    pub letter: &'static str,
    /// The `b` of λ_b; mostly empty.
    pub label: &'static str,
    /// `u`, `ui`, or nothing for a constant. u and v are users, i and j are items.
    pub index: &'static str,
    /// A number or a vector.
    pub shape: Shape,
}

/// What a sum runs over; each binds its indices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Set {
    /// (u,i)∈Ω: the training part.
    Ratings,
    /// All pairs (u,i), rated or not.
    Pairs,
    /// (u,i,j)∈D: u rated i and did not rate j.
    Triples,
    /// All users u.
    Users,
    /// All items i.
    Items,
    /// i∈N(u), under that letter: what u rated.
    ItemsOf(&'static str),
    /// u∈U(i), under that letter: who rated i.
    UsersOf(&'static str),
}

/// A function of one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// σ(z) = 1/(1 + e⁻ᶻ).
    Logistic,
    /// The natural logarithm.
    Ln,
    /// max(0, z).
    PositivePart,
    /// 1 where z > 0, else 0: the slope of max(0, z).
    Step,
}

/// An expression. [`Number`](Self::Number) 0 is the zero of every shape.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A number.
    Number(f64),
    /// A letter.
    Symbol(Symbol),
    /// A letter that stands for an expression: e_ui for r_ui − r̂_ui.
    Named(Symbol, Arc<Expr>),
    /// a + b + …
    Sum(Vec<Expr>),
    /// Numbers in any order, then at most one matrix, then at most one vector.
    Product(Vec<Expr>),
    /// A number to the power of a constant.
    Power(Box<Expr>, Box<Expr>),
    /// aᵀb.
    Dot(Box<Expr>, Box<Expr>),
    /// ‖a‖².
    SquaredNorm(Box<Expr>),
    /// abᵀ.
    Outer(Box<Expr>, Box<Expr>),
    /// I.
    Identity,
    /// Σ over a set.
    Over(Set, Box<Expr>),
    /// How many members a set has: n_u, n_i, N, m, n.
    Size(Set),
    /// A function's value.
    Call(Function, Box<Expr>),
    /// The derivative by that letter, not yet worked out.
    Derivative(Symbol, Box<Expr>),
}

/// A number with a letter: `scalar("λ_b", "")` is the constant λ_b, `scalar("r", "ui")` is r_ui.
pub fn scalar(letter: &'static str, index: &'static str) -> Expr {
    Expr::Symbol(symbol(letter, index, Shape::Scalar))
}

/// A vector of k numbers with a letter: `vector("p", "u")` is p_u.
pub fn vector(letter: &'static str, index: &'static str) -> Expr {
    Expr::Symbol(symbol(letter, index, Shape::Vector))
}

/// A letter that stands for an expression.
pub fn named(letter: &'static str, index: &'static str, meaning: Expr) -> Expr {
    Expr::Named(symbol(letter, index, meaning.shape()), Arc::new(meaning))
}

fn symbol(letter: &'static str, index: &'static str, shape: Shape) -> Symbol {
    let (letter, label) = letter.split_once('_').unwrap_or((letter, ""));
    Symbol { letter, label, index, shape }
}

/// Σ over a set.
pub fn sum(over: Set, term: Expr) -> Expr {
    Expr::Over(over, Box::new(term))
}

/// How many members a set has.
pub fn size(of: Set) -> Expr {
    Expr::Size(of)
}

/// aᵀb.
pub fn dot(a: &Expr, b: &Expr) -> Expr {
    Expr::Dot(Box::new(a.clone()), Box::new(b.clone()))
}

/// ‖a‖².
pub fn squared_norm(a: &Expr) -> Expr {
    Expr::SquaredNorm(Box::new(a.clone()))
}

/// a².
pub fn square(a: &Expr) -> Expr {
    power(a, 2.0)
}

/// a to the power of a constant.
pub fn power(base: &Expr, exponent: impl Into<Expr>) -> Expr {
    Expr::Power(Box::new(base.clone()), Box::new(exponent.into()))
}

/// σ(z).
pub fn logistic(z: &Expr) -> Expr {
    Expr::Call(Function::Logistic, Box::new(z.clone()))
}

/// The natural logarithm.
pub fn ln(a: &Expr) -> Expr {
    Expr::Call(Function::Ln, Box::new(a.clone()))
}

/// max(0, z).
pub fn positive_part(z: &Expr) -> Expr {
    Expr::Call(Function::PositivePart, Box::new(z.clone()))
}

impl Set {
    /// The indices that the set binds.
    pub fn binds(self) -> &'static str {
        match self {
            Self::Ratings | Self::Pairs => "ui",
            Self::Triples => "uij",
            Self::Users => "u",
            Self::Items => "i",
            Self::ItemsOf(letter) | Self::UsersOf(letter) => letter,
        }
    }
}

impl Expr {
    /// What it comes to.
    pub fn shape(&self) -> Shape {
        match self {
            Self::Symbol(symbol) | Self::Named(symbol, _) => symbol.shape,
            Self::Number(_)
            | Self::Power(..)
            | Self::Dot(..)
            | Self::SquaredNorm(_)
            | Self::Size(_)
            | Self::Call(..) => Shape::Scalar,
            Self::Outer(..) | Self::Identity => Shape::Matrix,
            Self::Over(_, term) => term.shape(),
            Self::Sum(terms) => terms.iter().map(Self::shape).max().unwrap_or(Shape::Scalar),
            // A matrix before a vector gives a vector.
            Self::Product(factors) => {
                let shapes = || factors.iter().map(Self::shape);
                let vector = shapes().any(|shape| shape == Shape::Vector);
                if vector { Shape::Vector } else { shapes().max().unwrap_or(Shape::Scalar) }
            }
            Self::Derivative(by, of) => match (by.shape, of.shape()) {
                (Shape::Scalar, shape) | (shape, Shape::Scalar) => shape,
                _ => Shape::Matrix,
            },
        }
    }

    /// The expressions that it is made of; those of a letter are what it stands for.
    pub fn parts(&self) -> Vec<&Self> {
        match self {
            Self::Number(_) | Self::Symbol(_) | Self::Identity | Self::Size(_) => Vec::new(),
            Self::Named(_, meaning) => vec![meaning],
            Self::Sum(parts) | Self::Product(parts) => parts.iter().collect(),
            Self::Power(a, b) | Self::Dot(a, b) | Self::Outer(a, b) => vec![a, b],
            Self::SquaredNorm(a) | Self::Over(_, a) | Self::Call(_, a) | Self::Derivative(_, a) => vec![a],
        }
    }

    /// The same with each of its parts exchanged; a letter keeps what it stands for.
    #[must_use]
    pub fn map(&self, change: &mut impl FnMut(&Self) -> Self) -> Self {
        let mut boxed = |part: &Self| Box::new(change(part));
        match self {
            Self::Number(_) | Self::Symbol(_) | Self::Named(..) | Self::Identity | Self::Size(_) => {
                self.clone()
            }
            Self::Sum(terms) => Self::Sum(terms.iter().map(change).collect()),
            Self::Product(factors) => Self::Product(factors.iter().map(change).collect()),
            Self::Power(a, b) => Self::Power(boxed(a), boxed(b)),
            Self::Dot(a, b) => Self::Dot(boxed(a), boxed(b)),
            Self::Outer(a, b) => Self::Outer(boxed(a), boxed(b)),
            Self::SquaredNorm(a) => Self::SquaredNorm(boxed(a)),
            Self::Over(set, term) => Self::Over(*set, boxed(term)),
            Self::Call(function, a) => Self::Call(*function, boxed(a)),
            Self::Derivative(by, of) => Self::Derivative(*by, boxed(of)),
        }
    }

    /// Whether the letter occurs in it, with these indices, openly or in what a letter stands for.
    pub fn depends_on(&self, letter: &Symbol) -> bool {
        matches!(self, Self::Symbol(symbol) if symbol == letter)
            || self.parts().into_iter().any(|part| part.depends_on(letter))
    }

    /// Whether one of these indices occurs in it unbound.
    pub fn mentions(&self, indices: &str) -> bool {
        let any = |index: &str| index.contains(|letter| indices.contains(letter));
        match self {
            Self::Symbol(symbol) | Self::Named(symbol, _) => any(symbol.index),
            Self::Size(Set::ItemsOf(_)) => any("u"),
            Self::Size(Set::UsersOf(_)) => any("i"),
            Self::Over(set, term) => {
                let free: String = indices.chars().filter(|&index| !set.binds().contains(index)).collect();
                term.mentions(&free)
            }
            _ => self.parts().into_iter().any(|part| part.mentions(indices)),
        }
    }

    /// The letter, where it is one.
    pub fn symbol(&self) -> Option<Symbol> {
        match self {
            Self::Symbol(symbol) | Self::Named(symbol, _) => Some(*symbol),
            _ => None,
        }
    }

    /// Whether it is the number 0.
    pub fn is_zero(&self) -> bool {
        matches!(self, Self::Number(number) if *number == 0.0)
    }
}

impl From<f64> for Expr {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl Add for Expr {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let terms = |expr| match expr {
            Self::Sum(terms) => terms,
            other => vec![other],
        };
        Self::Sum([terms(self), terms(other)].concat())
    }
}

impl Neg for Expr {
    type Output = Self;

    fn neg(self) -> Self {
        Self::Number(-1.0) * self
    }
}

impl Sub for Expr {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for Expr {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let factors = |expr| match expr {
            Self::Product(factors) => factors,
            other => vec![other],
        };
        Self::Product([factors(self), factors(other)].concat())
    }
}

impl Mul<Expr> for f64 {
    type Output = Expr;

    fn mul(self, other: Expr) -> Expr {
        Expr::Number(self) * other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_follow_from_the_parts() {
        let (p, q) = (vector("p", "u"), vector("q", "i"));
        assert_eq!(dot(&p, &q).shape(), Shape::Scalar);
        assert_eq!((2.0 * dot(&p, &q) * q.clone()).shape(), Shape::Vector);
        assert_eq!((Expr::Outer(Box::new(q.clone()), Box::new(q)) * p).shape(), Shape::Vector);
    }

    #[test]
    fn a_letter_hides_what_it_stands_for_and_still_depends_on_it() {
        let p = vector("p", "u");
        let e = named("e", "ui", scalar("r", "ui") - dot(&p, &vector("q", "i")));
        assert!(e.depends_on(&p.symbol().unwrap()));
        assert!(!e.depends_on(&vector("p", "v").symbol().unwrap()));
    }

    #[test]
    fn a_sum_binds_its_indices() {
        let y = sum(Set::ItemsOf("j"), vector("y", "j"));
        assert!(!y.mentions("j") && vector("y", "j").mentions("j"));
        assert!((scalar("s", "u") * y).mentions("uj"));
    }
}
