//! LaTeX, for math mode; plain TeX commands that KaTeX, MathJax and GitHub know.

use super::{Notation, joined};
use crate::fit::objective::{Function, Set, Symbol};

/// LaTeX.
#[derive(Debug)]
pub struct Latex;

/// A Unicode letter as a command.
fn letter(letter: &str) -> String {
    let mut characters = letter.chars();
    let plain = characters.next().unwrap_or(' ');
    let command = match plain {
        'α' => r"\alpha",
        'β' => r"\beta",
        'γ' => r"\gamma",
        'η' => r"\eta",
        'λ' => r"\lambda",
        'μ' => r"\mu",
        'ν' => r"\nu",
        'ρ' => r"\rho",
        'ω' => r"\omega",
        _ => "",
    };
    let rest = characters.as_str();
    match (command, rest) {
        ("", "\u{302}") => format!(r"\hat{{{plain}}}"),
        ("", "\u{304}") => format!(r"\bar{{{plain}}}"),
        ("", _) => letter.to_owned(),
        (command, _) => command.to_owned(),
    }
}

impl Notation for Latex {
    fn number(&self, number: f64) -> String {
        if number.fract() == 0.5 { format!(r"\tfrac{{{}}}{{2}}", 2.0 * number) } else { number.to_string() }
    }

    fn symbol(&self, symbol: &Symbol) -> String {
        let Symbol { letter: name, label, index, .. } = symbol;
        let comma = if label.is_empty() || index.is_empty() { "" } else { "," };
        let label = if label.len() > 1 { format!(r"\mathrm{{{label}}}") } else { (*label).to_owned() };
        let below = format!("{label}{comma}{index}");
        if below.is_empty() { letter(name) } else { format!("{}_{{{below}}}", letter(name)) }
    }

    fn identity(&self) -> String {
        "I".to_owned()
    }

    fn sum(&self, terms: &[(bool, String)]) -> String {
        joined(terms, ["-", " + ", " - "])
    }

    fn times(&self, left: &str, right: &str, _close: bool) -> String {
        format!("{left} {right}")
    }

    fn power(&self, base: &str, exponent: &str) -> String {
        format!("{base}^{{{exponent}}}")
    }

    fn transposed(&self, a: &str) -> String {
        format!(r"{a}^{{\top}}")
    }

    fn squared_norm(&self, a: &str) -> String {
        format!(r"\lVert {a} \rVert^{{2}}")
    }

    fn over(&self, set: Set, term: &str) -> String {
        let range = match set {
            Set::Ratings => r"(u,i)\in\Omega".to_owned(),
            Set::Pairs => "u,i".to_owned(),
            Set::Triples => r"(u,i,j)\in D".to_owned(),
            Set::Users => "u".to_owned(),
            Set::Items => "i".to_owned(),
            Set::ItemsOf(letter) => format!(r"{letter}\in N(u)"),
            Set::UsersOf(letter) => format!(r"{letter}\in U(i)"),
        };
        format!(r"\sum_{{{range}}} {term}")
    }

    fn call(&self, function: Function, argument: &str) -> String {
        match function {
            Function::Logistic => format!(r"\sigma\left({argument}\right)"),
            Function::Ln => format!(r"\ln\left({argument}\right)"),
            Function::PositivePart => format!(r"\max\left(0, {argument}\right)"),
            Function::Step => format!(r"\left[{argument} > 0\right]"),
        }
    }

    fn bracketed(&self, inner: &str) -> String {
        format!(r"\left({inner}\right)")
    }

    fn derivative(&self, by: &str, of: &str, atom: bool) -> String {
        if atom {
            format!(r"\frac{{\partial {of}}}{{\partial {by}}}")
        } else {
            format!(r"\frac{{\partial}}{{\partial {by}}} {of}")
        }
    }

    fn related(&self, left: &str, relation: char, right: &str) -> String {
        let relation = match relation {
            '←' => r"\leftarrow",
            _ => "=",
        };
        format!("{left} {relation} {right}")
    }

    fn coordinate_step(&self, of: &Symbol) -> String {
        let (whole, letter, index) = (self.symbol(of), letter(of.letter), of.index);
        let one = format!("{letter}_{{{index}f}}");
        format!(r"{one} \leftarrow \max\left(0, {one} + \frac{{(b - A {whole})_f}}{{A_{{ff}}}}\right)")
    }
}
