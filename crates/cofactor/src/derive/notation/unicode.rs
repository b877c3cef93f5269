//! Unicode letters on one line, as the heads of the source files write them.

use super::{Notation, joined};
use crate::fit::objective::{Function, Set, Symbol};

/// Unicode text.
#[derive(Debug)]
pub struct Unicode;

impl Notation for Unicode {
    fn number(&self, number: f64) -> String {
        let (whole, rest) = (number.trunc(), number.fract());
        match (whole, rest) {
            (0.0, 0.5) => "½".to_owned(),
            (whole, 0.5) => format!("{whole}½"),
            _ => number.to_string(),
        }
    }

    fn symbol(&self, symbol: &Symbol) -> String {
        let Symbol { letter, label, index, .. } = symbol;
        match (label.is_empty(), index.is_empty()) {
            (true, true) => (*letter).to_owned(),
            (false, false) => format!("{letter}_{label},{index}"),
            _ => format!("{letter}_{label}{index}"),
        }
    }

    fn identity(&self) -> String {
        "I".to_owned()
    }

    fn sum(&self, terms: &[(bool, String)]) -> String {
        joined(terms, ["−", " + ", " − "])
    }

    fn times(&self, left: &str, right: &str, close: bool) -> String {
        if close {
            format!("{left}{right}")
        } else if right.ends_with('ᵀ') {
            format!("{left} {right}")
        } else {
            format!("{left}·{right}")
        }
    }

    fn power(&self, base: &str, exponent: &str) -> String {
        match exponent {
            "2" => format!("{base}²"),
            "−1" => format!("{base}⁻¹"),
            _ => format!("{base}^{exponent}"),
        }
    }

    fn transposed(&self, a: &str) -> String {
        format!("{a}ᵀ")
    }

    fn squared_norm(&self, a: &str) -> String {
        format!("‖{a}‖²")
    }

    fn over(&self, set: Set, term: &str) -> String {
        let range = match set {
            Set::Ratings => "{(u,i)∈Ω}".to_owned(),
            Set::Pairs => "{u,i}".to_owned(),
            Set::Triples => "{(u,i,j)∈D}".to_owned(),
            Set::Users => "u".to_owned(),
            Set::Items => "i".to_owned(),
            Set::ItemsOf(letter) => format!("{{{letter}∈N(u)}}"),
            Set::UsersOf(letter) => format!("{{{letter}∈U(i)}}"),
        };
        format!("Σ_{range} {term}")
    }

    fn call(&self, function: Function, argument: &str) -> String {
        match function {
            Function::Logistic => format!("σ({argument})"),
            Function::Ln if argument.starts_with('σ') && argument.ends_with(')') => format!("ln {argument}"),
            Function::Ln => format!("ln({argument})"),
            Function::PositivePart => format!("max(0, {argument})"),
            Function::Step => format!("[{argument} > 0]"),
        }
    }

    fn bracketed(&self, inner: &str) -> String {
        format!("({inner})")
    }

    fn derivative(&self, by: &str, of: &str, atom: bool) -> String {
        if atom { format!("∂{of}/∂{by}") } else { format!("∂/∂{by} {of}") }
    }

    fn related(&self, left: &str, relation: char, right: &str) -> String {
        format!("{left} {relation} {right}")
    }

    fn coordinate_step(&self, of: &Symbol) -> String {
        let (letter, index) = (of.letter, of.index);
        let one = format!("{letter}_{index}f");
        format!("{one} ← max(0, {one} + (b − A{letter}_{index})_f / A_ff)")
    }
}
