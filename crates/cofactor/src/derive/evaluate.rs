//! Expressions in numbers, or written out in named numbers.

use crate::error::{Error, Result};
use crate::fit::objective::{Binding, Expr, Function, Sample, Shape, Symbol};

use super::notation::{Notation, Unicode};

/// What numbers an expression is evaluated in: f64, or texts that another program can read.
pub(super) trait Arithmetic {
    /// One number.
    type Number: Clone;
    /// A constant.
    fn constant(&self, value: f64) -> Self::Number;
    /// The value of a letter in these rows, one number or k of them; `None` where it has none.
    fn letter(&self, symbol: &Symbol, at: &[usize]) -> Option<Vec<Self::Number>>;
    /// a + b.
    fn add(&self, a: &Self::Number, b: &Self::Number) -> Self::Number;
    /// a·b.
    fn multiply(&self, a: &Self::Number, b: &Self::Number) -> Self::Number;
    /// aᵇ.
    fn power(&self, a: &Self::Number, b: &Self::Number) -> Self::Number;
    /// A function's value.
    fn call(&self, function: Function, a: &Self::Number) -> Self::Number;
}

/// A number, or a vector or a matrix of them; a matrix row by row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Value<T> {
    /// What it is.
    pub(super) shape: Shape,
    /// One, k or k² entries.
    pub(super) entries: Vec<T>,
}

/// The letter as a [`Sample`] knows it: its name with the side of each index, b_i for b_j too.
pub(super) fn key(symbol: &Symbol) -> String {
    let index = match symbol.index {
        "v" => "u",
        "j" => "i",
        "uj" => "ui",
        other => other,
    };
    Unicode.symbol(&Symbol { index, ..*symbol })
}

/// An expression in a sample's world, with its free indices bound.
///
/// # Errors
/// A letter without a value, an index that is not bound, or a derivative that is not worked out.
pub(super) fn evaluate<A: Arithmetic>(
    expr: &Expr,
    sample: &Sample,
    bound: &Binding,
    arithmetic: &A,
) -> Result<Value<A::Number>> {
    Evaluation { sample, arithmetic }.value(expr, bound)
}

struct Evaluation<'a, A> {
    sample: &'a Sample,
    arithmetic: &'a A,
}

impl<A: Arithmetic> Evaluation<'_, A> {
    fn value(&self, expr: &Expr, bound: &Binding) -> Result<Value<A::Number>> {
        let a = self.arithmetic;
        let scalar = |entry| Value { shape: Shape::Scalar, entries: vec![entry] };
        Ok(match expr {
            Expr::Number(number) => scalar(a.constant(*number)),
            Expr::Symbol(symbol) => self.letter(symbol, bound)?,
            Expr::Named(_, meaning) => self.value(meaning, bound)?,
            Expr::Sum(terms) => {
                let values = terms.iter().map(|term| self.value(term, bound)).collect::<Result<Vec<_>>>()?;
                self.total(values)
            }
            Expr::Product(factors) => {
                let mut values =
                    factors.iter().map(|factor| self.value(factor, bound)).collect::<Result<Vec<_>>>()?;
                // From the right, so that a matrix meets a vector.
                let mut product = values.pop().unwrap_or_else(|| scalar(a.constant(1.0)));
                while let Some(left) = values.pop() {
                    product = self.times(&left, &product);
                }
                product
            }
            Expr::Power(base, exponent) => {
                scalar(a.power(&self.scalar(base, bound)?, &self.scalar(exponent, bound)?))
            }
            Expr::Dot(left, right) => scalar(self.dot(&self.value(left, bound)?, &self.value(right, bound)?)),
            Expr::SquaredNorm(vector) => {
                let vector = self.value(vector, bound)?;
                scalar(self.dot(&vector, &vector))
            }
            Expr::Outer(left, right) => {
                let (left, right) = (self.value(left, bound)?, self.value(right, bound)?);
                let row = |l: &A::Number| right.entries.iter().map(|r| a.multiply(l, r)).collect::<Vec<_>>();
                Value { shape: Shape::Matrix, entries: left.entries.iter().flat_map(row).collect() }
            }
            Expr::Identity => {
                let k = self.sample.k;
                let entry = |at: usize| a.constant(if at.is_multiple_of(k + 1) { 1.0 } else { 0.0 });
                Value { shape: Shape::Matrix, entries: (0..k * k).map(entry).collect() }
            }
            Expr::Over(set, term) => {
                let member = |more: Binding| self.value(term, &[bound.clone(), more].concat());
                let values =
                    self.sample.members(*set, bound).into_iter().map(member).collect::<Result<Vec<_>>>()?;
                self.total(values)
            }
            Expr::Size(set) => scalar(a.constant(self.sample.members(*set, bound).len() as f64)),
            Expr::Call(function, argument) => scalar(a.call(*function, &self.scalar(argument, bound)?)),
            Expr::Derivative(..) => {
                return Err(Error::unsupported("a derivative that is not worked out has no value", ""));
            }
        })
    }

    fn scalar(&self, expr: &Expr, bound: &Binding) -> Result<A::Number> {
        let mut entries = self.value(expr, bound)?.entries;
        Ok(entries.swap_remove(0))
    }

    fn letter(&self, symbol: &Symbol, bound: &Binding) -> Result<Value<A::Number>> {
        let row = |index: char| bound.iter().rev().find(|(name, _)| *name == index).map(|(_, row)| *row);
        let rows: Option<Vec<usize>> = symbol.index.chars().map(row).collect();
        let entries = rows.and_then(|rows| self.arithmetic.letter(symbol, &rows)).ok_or_else(|| {
            Error::unsupported(format!("the letter {} has no value here", Unicode.symbol(symbol)), "")
        })?;
        Ok(Value { shape: symbol.shape, entries })
    }

    /// The number 0 is the zero of every shape, so what is larger decides the shape.
    fn total(&self, values: Vec<Value<A::Number>>) -> Value<A::Number> {
        let zero = || Value { shape: Shape::Scalar, entries: vec![self.arithmetic.constant(0.0)] };
        values
            .into_iter()
            .reduce(|sum, value| {
                let (large, small) = if sum.shape >= value.shape { (sum, value) } else { (value, sum) };
                if small.shape < large.shape {
                    return large;
                }
                let pairs = large.entries.iter().zip(&small.entries);
                Value { shape: large.shape, entries: pairs.map(|(a, b)| self.arithmetic.add(a, b)).collect() }
            })
            .unwrap_or_else(zero)
    }

    fn times(&self, left: &Value<A::Number>, right: &Value<A::Number>) -> Value<A::Number> {
        let scaled = |by: &A::Number, value: &Value<A::Number>| Value {
            shape: value.shape,
            entries: value.entries.iter().map(|entry| self.arithmetic.multiply(by, entry)).collect(),
        };
        match (left.shape, right.shape) {
            (Shape::Scalar, _) => scaled(&left.entries[0], right),
            (_, Shape::Scalar) => scaled(&right.entries[0], left),
            _ => {
                let row = |row: &[A::Number]| self.inner(row, &right.entries);
                let k = right.entries.len();
                Value { shape: Shape::Vector, entries: left.entries.chunks(k).map(row).collect() }
            }
        }
    }

    fn dot(&self, left: &Value<A::Number>, right: &Value<A::Number>) -> A::Number {
        self.inner(&left.entries, &right.entries)
    }

    fn inner(&self, left: &[A::Number], right: &[A::Number]) -> A::Number {
        let a = self.arithmetic;
        let products = left.iter().zip(right).map(|(l, r)| a.multiply(l, r));
        products.reduce(|sum, product| a.add(&sum, &product)).unwrap_or_else(|| a.constant(0.0))
    }
}

/// f64, with the values of a sample.
pub(super) struct Numbers<'a>(pub &'a Sample);

impl Arithmetic for Numbers<'_> {
    type Number = f64;

    fn constant(&self, value: f64) -> f64 {
        value
    }

    fn letter(&self, symbol: &Symbol, at: &[usize]) -> Option<Vec<f64>> {
        self.0.get(&key(symbol), at).map(<[f64]>::to_vec)
    }

    fn add(&self, a: &f64, b: &f64) -> f64 {
        a + b
    }

    fn multiply(&self, a: &f64, b: &f64) -> f64 {
        a * b
    }

    fn power(&self, a: &f64, b: &f64) -> f64 {
        libm::pow(*a, *b)
    }

    fn call(&self, function: Function, a: &f64) -> f64 {
        match function {
            Function::Logistic => 1.0 / (1.0 + libm::exp(-a)),
            Function::Ln => libm::log(*a),
            Function::PositivePart => a.max(0.0),
            Function::Step => f64::from(*a > 0.0),
        }
    }
}

/// Texts that Python and SymPy read: the second coordinate of user 0's p is `p_u0_1`, e⁻ᶻ is `exp(-(z))`, max(0, z) is `Max(0, z)`.
pub(super) struct Python {
    /// k.
    pub(super) k: usize,
}

impl Python {
    /// The name of a letter's coordinate.
    pub(super) fn name(symbol: &Symbol, at: &[usize], coordinate: usize) -> String {
        let letter = match symbol.letter {
            // A word that Python keeps for itself.
            "λ" => "lam".to_owned(),
            "α" => "alpha".to_owned(),
            "β" => "beta".to_owned(),
            "γ" => "gamma".to_owned(),
            "η" => "eta".to_owned(),
            "μ" => "mu".to_owned(),
            "ν" => "nu".to_owned(),
            "ρ" => "rho".to_owned(),
            other => other.to_owned(),
        };
        let label = if symbol.label.is_empty() { String::new() } else { format!("_{}", symbol.label) };
        let side = |index: char| if "uv".contains(index) { 'u' } else { 'i' };
        let rows: String =
            symbol.index.chars().zip(at).map(|(index, row)| format!("_{}{row}", side(index))).collect();
        let coordinate = if symbol.shape == Shape::Vector { format!("_{coordinate}") } else { String::new() };
        format!("{letter}{label}{rows}{coordinate}")
    }
}

impl Arithmetic for Python {
    type Number = String;

    fn constant(&self, value: f64) -> String {
        // Halves stay exact where a program computes with fractions.
        if (2.0 * value).fract() == 0.0 && value.fract() != 0.0 {
            return format!("({}/2)", 2.0 * value);
        }
        format!("({value})")
    }

    fn letter(&self, symbol: &Symbol, at: &[usize]) -> Option<Vec<String>> {
        let length = if symbol.shape == Shape::Vector { self.k } else { 1 };
        Some((0..length).map(|coordinate| Self::name(symbol, at, coordinate)).collect())
    }

    fn add(&self, a: &String, b: &String) -> String {
        format!("({a} + {b})")
    }

    fn multiply(&self, a: &String, b: &String) -> String {
        format!("{a}*{b}")
    }

    fn power(&self, a: &String, b: &String) -> String {
        format!("({a})**({b})")
    }

    fn call(&self, function: Function, a: &String) -> String {
        match function {
            Function::Logistic => format!("(1 + exp(-({a})))**(-1)"),
            Function::Ln => format!("log({a})"),
            Function::PositivePart => format!("Max(0, {a})"),
            Function::Step => format!("Heaviside({a})"),
        }
    }
}
