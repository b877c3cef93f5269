//! A derivation as HTML with MathML, for the report, the documentation and a page of its own.

use std::fmt::Write as _;

use super::{COUNTS, FAMILY, Line, counts, lines, remark, update};
use crate::derive::notation::{MathMl, Notation as _, mathml as formula, write_terms};
use crate::derive::{Derivation, Gradient, Part};
use crate::fit::objective::Expr;

/// The rules of style that [`html`] relies on; they take their colours from the page around them.
pub const STYLE: &str = include_str!("derivation.css");

/// MathML alone: for the objective and for each gradient one `<math>`, a table with a rule beside each line.
pub fn mathml(derivation: &Derivation) -> String {
    let cell = |inner: &str| {
        format!("<mtd columnalign=\"left\"><mstyle displaystyle=\"true\">{inner}</mstyle></mtd>")
    };
    let table = |rows: Vec<String>| {
        let rows: String = rows.into_iter().map(|row| format!("<mtr>{row}</mtr>")).collect();
        format!(
            "<math xmlns=\"http://www.w3.org/1998/Math/MathML\" display=\"block\"><mtable>{rows}</mtable></math>\n"
        )
    };
    let mut written = String::new();
    for part in &derivation.parts {
        written += &table(vec![cell(&formula(&part.objective.whole))]);
        for gradient in &part.gradients {
            let row = |(at, line): (usize, &Line)| {
                let left = line.left.as_ref().map(formula).unwrap_or_default();
                let sign = if at == 0 { "" } else { "<mo>=</mo>" };
                let rule = line.rule.write(&MathMl, |text| format!("<mtext>{text}</mtext>"));
                cell(&format!("{left}{sign}{}", formula(&line.right))) + &cell(&rule)
            };
            written += &table(lines(gradient).iter().enumerate().map(row).collect());
        }
    }
    written
}

/// A fragment with MathML; it needs [`STYLE`] and nothing else. Long lines break between their terms.
pub fn html(derivation: &Derivation) -> String {
    let mut html = String::from("<div class=\"derivation\">");
    for part in &derivation.parts {
        html += &objective(part);
        for (at, gradient) in part.gradients.iter().enumerate() {
            html += &steps(part, gradient, at == 0);
        }
    }
    let _ = write!(html, "<p class=\"family\">{FAMILY}</p></div>");
    html
}

/// A page of its own.
pub fn page(derivation: &Derivation) -> String {
    let (name, title) = (&derivation.name, &derivation.title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>{name}: {title}</title><style>{PAGE}{STYLE}</style></head>\n<body><h1>{name}</h1><p>{title}</p>{}</body></html>\n",
        html(derivation)
    )
}

const PAGE: &str = ":root { color-scheme: light dark; --raised: light-dark(#f5f3ee, #1c2024); --soft: light-dark(#575d64, #a4aab0); --line: light-dark(#e4e1da, #2c3136); \
--accent: light-dark(#0b6e8a, #5ec3dc); } body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.6 system-ui, sans-serif; \
background: light-dark(#fdfcfa, #14171a); color: light-dark(#1b1f23, #e9e7e2); } h1, h3 { line-height: 1.2; }\n";

fn math(inner: &str) -> String {
    format!("<math><mstyle displaystyle=\"true\">{inner}</mstyle></math>")
}

/// Each term is a formula of its own, so that the browser may break the line between them.
fn broken(expr: &Expr) -> String {
    let mut written = String::new();
    for (at, (minus, term)) in write_terms(expr, &MathMl).into_iter().enumerate() {
        let sign = match (at, minus) {
            (0, false) => "",
            (0, true) => "<mo form=\"prefix\">−</mo>",
            (_, false) => "<mo form=\"infix\" lspace=\"0\" rspace=\"0.25em\">+</mo>",
            (_, true) => "<mo form=\"infix\" lspace=\"0\" rspace=\"0.25em\">−</mo>",
        };
        let _ = write!(written, "{} ", math(&format!("{sign}{term}")));
    }
    written
}

fn objective(part: &Part) -> String {
    let mut html = format!(
        "<h3>Minimise {}</h3><div class=\"formula-block\"><div class=\"scrolled\">{}</div>",
        part.objective.title,
        broken(&part.objective.whole)
    );
    for definition in part.definitions() {
        let Expr::Named(symbol, meaning) = &definition else { continue };
        let left = math(&format!("{}<mo>=</mo>", MathMl.symbol(symbol)));
        let _ = write!(html, "<div class=\"scrolled where\">{left} {}</div>", broken(meaning));
    }
    html += "</div>";
    if counts(part) {
        let _ = write!(html, "<p class=\"remark-line\">{}</p>", with_letters(COUNTS));
    }
    if let Some(remark) = remark(part) {
        let _ = write!(html, "<p class=\"remark-line\">{remark}</p>");
    }
    html
}

/// Words with n_u and n_i as formulas.
fn with_letters(words: &str) -> String {
    let letter = |index: &str| math(&format!("<msub><mi>n</mi><mi>{index}</mi></msub>"));
    words.replace("n_u", &letter("u")).replace("n_i", &letter("i"))
}

fn steps(part: &Part, gradient: &Gradient, open: bool) -> String {
    let letter = math(&MathMl.symbol(&gradient.unknown.symbol));
    let open = if open { " open" } else { "" };
    let mut html = format!("<details{open}><summary>The gradient by {letter}</summary><div class=\"steps\">");
    for (at, line) in lines(gradient).iter().enumerate() {
        html += &step(at, line);
    }
    if let Some((words, formula)) = update(part, gradient, &MathMl) {
        let _ = write!(
            html,
            "<div class=\"step update\"><span class=\"rule\">{words}</span><span class=\"scrolled\">{}</span></div>",
            math(&formula)
        );
    }
    html + "</div></details>"
}

fn step(at: usize, line: &Line) -> String {
    let sign = if at == 0 { String::new() } else { "<mo>=</mo>".to_owned() };
    let left = line.left.as_ref().map(formula).unwrap_or_default();
    let lead = if at == 0 { String::new() } else { math(&format!("{left}{sign}")) + " " };
    let rule = format!(
        "{}{}",
        line.rule.text,
        line.rule.letter.map(|letter| math(&MathMl.symbol(&letter))).unwrap_or_default()
    );
    format!(
        "<div class=\"step\"><span class=\"rule\">{rule}</span><span class=\"scrolled\">{lead}{}</span></div>",
        broken(&line.right)
    )
}
