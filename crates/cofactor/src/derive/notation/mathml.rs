//! MathML, which browsers typeset themselves.

use super::{Notation, joined};
use crate::fit::objective::{Function, Set, Symbol};

/// MathML without `<math>` around it.
#[derive(Debug)]
pub struct MathMl;

/// An operator.
fn mo(sign: &str) -> String {
    let space = if "()".contains(sign) { " lspace=\"0\" rspace=\"0\"" } else { "" };
    format!("<mo{space}>{sign}</mo>")
}

/// A norm's bar; it grows with nothing.
const BAR: &str = "<mo stretchy=\"false\" lspace=\"0\" rspace=\"0\">‖</mo>";

/// An exponent, above the index where the base is a letter with one.
fn raised(base: &str, exponent: &str) -> String {
    let indexed = base.strip_prefix("<msub>").and_then(|rest| rest.strip_suffix("</msub>"));
    match indexed.filter(|inner| !inner.contains("msub")) {
        Some(inner) => format!("<msubsup>{inner}{exponent}</msubsup>"),
        None => format!("<msup>{base}{exponent}</msup>"),
    }
}

/// One piece, where an element takes a fixed number of them.
fn row(inner: &str) -> String {
    format!("<mrow>{inner}</mrow>")
}

/// One `<mi>` for each letter, which keeps them in italics.
fn letters(text: &str) -> String {
    let one = |letter: char| if letter == ',' { mo(",") } else { format!("<mi>{letter}</mi>") };
    let written: String = text.chars().map(one).collect();
    if text.chars().count() > 1 { row(&written) } else { written }
}

fn letter(letter: &str) -> String {
    let over = |plain: &str, accent: &str| {
        format!("<mover accent=\"true\"><mi>{plain}</mi><mo stretchy=\"false\">{accent}</mo></mover>")
    };
    match (letter.strip_suffix('\u{302}'), letter.strip_suffix('\u{304}')) {
        (Some(plain), _) => over(plain, "^"),
        (_, Some(plain)) => over(plain, "¯"),
        _ => letters(letter),
    }
}

impl Notation for MathMl {
    fn number(&self, number: f64) -> String {
        if number.fract() == 0.5 {
            format!("<mfrac><mn>{}</mn><mn>2</mn></mfrac>", 2.0 * number)
        } else {
            format!("<mn>{number}</mn>")
        }
    }

    fn symbol(&self, symbol: &Symbol) -> String {
        let Symbol { letter: name, label, index, .. } = symbol;
        let below = match (label.chars().count(), index.is_empty()) {
            (0, true) => return letter(name),
            (0 | 1, false) if label.is_empty() => letters(index),
            (_, true) if label.len() > 1 => format!("<mtext>{label}</mtext>"),
            (_, true) => letters(label),
            _ => letters(&format!("{label},{index}")),
        };
        format!("<msub>{}{below}</msub>", letter(name))
    }

    fn identity(&self) -> String {
        "<mi>I</mi>".to_owned()
    }

    fn sum(&self, terms: &[(bool, String)]) -> String {
        row(&joined(terms, ["<mo form=\"prefix\">−</mo>", &mo("+"), &mo("−")]))
    }

    fn times(&self, left: &str, right: &str, _close: bool) -> String {
        // A thin space: letters with indices would run into one another.
        format!("{left}<mspace width=\"0.12em\"/>{right}")
    }

    fn power(&self, base: &str, exponent: &str) -> String {
        raised(base, exponent)
    }

    fn transposed(&self, a: &str) -> String {
        raised(a, "<mi mathvariant=\"normal\">⊤</mi>")
    }

    fn squared_norm(&self, a: &str) -> String {
        format!("<msup>{}<mn>2</mn></msup>", row(&format!("{BAR}{a}{BAR}")))
    }

    fn over(&self, set: Set, term: &str) -> String {
        let (u, i) = ("<mi>u</mi>", "<mi>i</mi>");
        let member = |inner: String, of: String| row(&format!("{inner}{}{of}", mo("∈")));
        let tuple = |letters: &[&str]| {
            let inner: Vec<String> = letters.iter().map(|letter| format!("<mi>{letter}</mi>")).collect();
            format!("{}{}{}", mo("("), inner.join(&mo(",")), mo(")"))
        };
        let of = |name: &str, whose: &str| format!("<mi>{name}</mi>{}{whose}{}", mo("("), mo(")"));
        let range = match set {
            Set::Ratings => member(tuple(&["u", "i"]), "<mi mathvariant=\"normal\">Ω</mi>".to_owned()),
            Set::Pairs => row(&format!("{u}{}{i}", mo(","))),
            Set::Triples => member(tuple(&["u", "i", "j"]), "<mi>D</mi>".to_owned()),
            Set::Users => u.to_owned(),
            Set::Items => i.to_owned(),
            Set::ItemsOf(letter) => member(format!("<mi>{letter}</mi>"), of("N", u)),
            Set::UsersOf(letter) => member(format!("<mi>{letter}</mi>"), of("U", i)),
        };
        format!("<munder><mo>∑</mo>{range}</munder>{term}")
    }

    fn call(&self, function: Function, argument: &str) -> String {
        let named = |name: &str, argument: &str| row(&format!("<mi>{name}</mi>{}", self.bracketed(argument)));
        match function {
            Function::Logistic => named("σ", argument),
            Function::Ln => named("ln", argument),
            Function::PositivePart => named("max", &format!("<mn>0</mn>{}{argument}", mo(","))),
            Function::Step => row(&format!("{}{argument}{}<mn>0</mn>{}", mo("["), mo("&gt;"), mo("]"))),
        }
    }

    fn bracketed(&self, inner: &str) -> String {
        row(&format!("{}{inner}{}", mo("("), mo(")")))
    }

    fn derivative(&self, by: &str, of: &str, atom: bool) -> String {
        let d = |what: &str| row(&format!("<mo rspace=\"0\">∂</mo>{what}"));
        if atom {
            format!("<mfrac>{}{}</mfrac>", d(of), d(by))
        } else {
            format!("<mfrac>{}{}</mfrac><mspace width=\"0.17em\"/>{of}", d(""), d(by))
        }
    }

    fn related(&self, left: &str, relation: char, right: &str) -> String {
        format!("{left}<mo>{relation}</mo>{right}")
    }

    fn coordinate_step(&self, of: &Symbol) -> String {
        let sub = |name: &str, below: &str| format!("<msub><mi>{name}</mi>{}</msub>", letters(below));
        let one = sub(of.letter, &format!("{}f", of.index));
        let slope = row(&format!(
            "{}{}<mi>b</mi>{}<mi>A</mi>{}{}{}",
            "",
            mo("("),
            mo("−"),
            self.symbol(of),
            mo(")"),
            ""
        ));
        let quotient = format!("<mfrac><msub>{slope}<mi>f</mi></msub>{}</mfrac>", sub("A", "ff"));
        let inner = format!("<mn>0</mn>{}{one}{}{quotient}", mo(","), mo("+"));
        format!("{one}{}<mi>max</mi>{}", mo("←"), self.bracketed(&inner))
    }
}
