//! Expressions as a person reads them: one walk over the tree, three notations.

mod latex;
mod mathml;
mod unicode;

pub use latex::Latex;
pub use mathml::MathMl;
pub use unicode::Unicode;

use crate::fit::objective::{Expr, Function, Set, Shape, Symbol};

/// How the pieces of a formula are written. Every piece comes in as it is to stand there, brackets included.
pub trait Notation {
    /// A number that is not negative.
    fn number(&self, number: f64) -> String;
    /// A letter with its indices.
    fn symbol(&self, symbol: &Symbol) -> String;
    /// I.
    fn identity(&self) -> String;
    /// Terms with their signs; the first sign is written only if it is a minus.
    fn sum(&self, terms: &[(bool, String)]) -> String;
    /// Two factors side by side; `close` where nothing need stand between them.
    fn times(&self, left: &str, right: &str, close: bool) -> String;
    /// A base with its exponent.
    fn power(&self, base: &str, exponent: &str) -> String;
    /// aᵀ.
    fn transposed(&self, a: &str) -> String;
    /// ‖a‖².
    fn squared_norm(&self, a: &str) -> String;
    /// Σ over a set.
    fn over(&self, set: Set, term: &str) -> String;
    /// A function and its argument without brackets.
    fn call(&self, function: Function, argument: &str) -> String;
    /// In brackets.
    fn bracketed(&self, inner: &str) -> String;
    /// ∂of/∂by; `atom` where `of` is one letter.
    fn derivative(&self, by: &str, of: &str, atom: bool) -> String;
    /// left ← right, left = right, left ⇒ right.
    fn related(&self, left: &str, relation: char, right: &str) -> String;
    /// p_uf ← max(0, p_uf + (b − Ap_u)_f/A_ff), with A and b those of the normal equations of that letter.
    fn coordinate_step(&self, of: &Symbol) -> String;
}

/// How tightly an expression holds together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    /// a + b.
    Sum,
    /// Σ a and ∂/∂x a, which take what stands behind them.
    Open,
    /// a·b.
    Product,
    /// aⁿ.
    Power,
    /// A letter, a number, a bracket.
    Atom,
}

/// An expression in Unicode letters on one line.
pub fn unicode(expr: &Expr) -> String {
    write(expr, &Unicode)
}

/// An expression in LaTeX, for math mode.
pub fn latex(expr: &Expr) -> String {
    write(expr, &Latex)
}

/// An expression in MathML, without `<math>` around it.
pub fn mathml(expr: &Expr) -> String {
    write(expr, &MathMl)
}

/// An expression in some notation.
pub fn write(expr: &Expr, notation: &dyn Notation) -> String {
    Walk { notation }.expr(expr)
}

/// The terms of the outermost sum with their signs (`true`: minus), where one is to be set after the other.
pub fn write_terms(expr: &Expr, notation: &dyn Notation) -> Vec<(bool, String)> {
    Walk { notation }.terms(expr)
}

/// Terms behind their signs: the minus of the first one, then plus and minus between two.
fn joined(terms: &[(bool, String)], [first_minus, plus, minus]: [&str; 3]) -> String {
    let signed = |(at, (negative, term)): (usize, &(bool, String))| {
        let sign = match (at, negative) {
            (0, false) => "",
            (0, true) => first_minus,
            (_, false) => plus,
            (_, true) => minus,
        };
        format!("{sign}{term}")
    };
    terms.iter().enumerate().map(signed).collect()
}

struct Walk<'a> {
    notation: &'a dyn Notation,
}

impl Walk<'_> {
    fn expr(&self, expr: &Expr) -> String {
        let n = self.notation;
        match expr {
            Expr::Number(number) if *number >= 0.0 => n.number(*number),
            Expr::Number(_) | Expr::Sum(_) => n.sum(&self.terms(expr)),
            Expr::Symbol(symbol) | Expr::Named(symbol, _) => n.symbol(symbol),
            Expr::Product(_) if is_negative(expr) => n.sum(&self.terms(expr)),
            Expr::Product(factors) => self.product(factors),
            Expr::Power(base, exponent) => n.power(&self.at_least(base, Binding::Atom), &self.expr(exponent)),
            Expr::Dot(a, b) => {
                let (left, right) = (self.at_least(a, Binding::Atom), self.at_least(b, Binding::Atom));
                n.times(&n.transposed(&left), &right, true)
            }
            Expr::SquaredNorm(a) => n.squared_norm(&self.expr(a)),
            Expr::Outer(a, b) => {
                let (left, right) = (self.at_least(a, Binding::Atom), self.at_least(b, Binding::Atom));
                n.times(&left, &n.transposed(&right), false)
            }
            Expr::Identity => n.identity(),
            Expr::Over(set, term) => n.over(*set, &self.at_least(term, Binding::Open)),
            Expr::Size(set) => n.symbol(&size_letter(*set)),
            Expr::Call(function, argument) => n.call(*function, &self.expr(argument)),
            Expr::Derivative(by, of) => {
                let atom = of.symbol().is_some();
                let of = if binding(of) == Binding::Product || matches!(**of, Expr::Dot(..)) {
                    n.bracketed(&self.expr(of))
                } else {
                    self.at_least(of, Binding::Open)
                };
                n.derivative(&n.symbol(by), &of, atom)
            }
        }
    }

    fn terms(&self, expr: &Expr) -> Vec<(bool, String)> {
        match expr {
            Expr::Sum(terms) => terms.iter().flat_map(|term| self.terms(term)).collect(),
            Expr::Number(number) if *number < 0.0 => vec![(true, self.notation.number(-number))],
            Expr::Product(factors) if is_negative(expr) => {
                let Expr::Number(number) = factors[0] else { unreachable!("it is negative") };
                let rest = factors[1..].to_vec();
                let positive =
                    if number == -1.0 { rest } else { [vec![Expr::Number(-number)], rest].concat() };
                vec![(true, self.product(&positive))]
            }
            _ => vec![(false, self.expr(expr))],
        }
    }

    fn product(&self, factors: &[Expr]) -> String {
        let last = factors.len() - 1;
        let piece = |(at, factor): (usize, &Expr)| {
            // What is transposed before the vector that it pulls: (∂a)ᵀb.
            if is_slope(factor) && at < last {
                return self.notation.transposed(&self.notation.bracketed(&self.expr(factor)));
            }
            let open = binding(factor) == Binding::Open && at < last && !is_quotient(factor);
            if open {
                self.notation.bracketed(&self.expr(factor))
            } else {
                self.at_least(factor, Binding::Open)
            }
        };
        let pieces: Vec<String> = factors.iter().enumerate().map(piece).collect();
        let mut written = pieces[0].clone();
        for (at, piece) in pieces.iter().enumerate().skip(1) {
            written = self.notation.times(&written, piece, is_close(&factors[at - 1], &factors[at]));
        }
        written
    }

    /// In brackets, if it does not hold together at least so tightly.
    fn at_least(&self, expr: &Expr, least: Binding) -> String {
        let written = self.expr(expr);
        if binding(expr) < least { self.notation.bracketed(&written) } else { written }
    }
}

fn binding(expr: &Expr) -> Binding {
    match expr {
        Expr::Sum(_) => Binding::Sum,
        Expr::Number(number) if *number < 0.0 => Binding::Sum,
        Expr::Product(_) if is_negative(expr) => Binding::Sum,
        Expr::Over(..) => Binding::Open,
        Expr::Derivative(_, of) if of.symbol().is_none() => Binding::Open,
        Expr::Product(_) | Expr::Dot(..) | Expr::Outer(..) | Expr::Derivative(..) => Binding::Product,
        Expr::Power(..) | Expr::SquaredNorm(_) => Binding::Power,
        _ => Binding::Atom,
    }
}

fn is_negative(expr: &Expr) -> bool {
    matches!(expr, Expr::Product(factors) if matches!(factors[0], Expr::Number(number) if number < 0.0))
}

/// The derivative of a vector by a vector, or a sum of such.
fn is_slope(expr: &Expr) -> bool {
    match expr {
        Expr::Derivative(..) => expr.shape() == Shape::Matrix,
        Expr::Sum(terms) | Expr::Product(terms) => terms.iter().any(is_slope),
        _ => false,
    }
}

/// ∂x/∂y of one letter, which takes nothing that stands behind it.
fn is_quotient(expr: &Expr) -> bool {
    matches!(expr, Expr::Derivative(_, of) if of.symbol().is_some())
}

/// Whether two factors can be told apart without a dot between them: 2e, λw, e(…).
fn is_close(left: &Expr, right: &Expr) -> bool {
    let bare = |expr: &Expr| match expr {
        Expr::Number(_) => true,
        Expr::Symbol(symbol) => symbol.index.is_empty() && symbol.label.is_empty(),
        _ => false,
    };
    let bracket = |expr: &Expr| matches!(expr, Expr::Sum(_) | Expr::SquaredNorm(_)) || is_slope(expr);
    let dotted = matches!(right, Expr::Derivative(..)) && !bracket(right);
    if matches!(left, Expr::Derivative(..)) && !bracket(left) {
        return false;
    }
    bracket(right) || (!dotted && (bare(left) || matches!(left, Expr::Sum(_) | Expr::Derivative(..))))
}

/// n_u, n_i, N, m, n.
fn size_letter(set: Set) -> Symbol {
    let (letter, index) = match set {
        Set::ItemsOf(_) => ("n", "u"),
        Set::UsersOf(_) => ("n", "i"),
        Set::Users => ("m", ""),
        Set::Items => ("n", ""),
        Set::Ratings => ("N", ""),
        Set::Pairs => ("mn", ""),
        Set::Triples => ("|D|", ""),
    };
    Symbol { letter, label: "", index, shape: Shape::Scalar }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::objective::{dot, logistic, named, power, scalar, square, squared_norm, sum, vector};

    #[test]
    fn the_three_notations_say_the_same() {
        let (p, q) = (vector("p", "u"), vector("q", "i"));
        let e = named("e", "ui", scalar("r", "ui") - dot(&p, &q));
        let whole = sum(Set::Ratings, square(&e) + scalar("λ_b", "") * squared_norm(&p));
        assert_eq!(unicode(&whole), "Σ_{(u,i)∈Ω} (e_ui² + λ_b‖p_u‖²)");
        assert_eq!(
            latex(&whole),
            r"\sum_{(u,i)\in\Omega} \left(e_{ui}^{2} + \lambda_{b} \lVert p_{u} \rVert^{2}\right)"
        );
        assert_eq!(
            mathml(&square(&e)),
            "<msubsup><mi>e</mi><mrow><mi>u</mi><mi>i</mi></mrow><mn>2</mn></msubsup>"
        );
    }

    #[test]
    fn brackets_stand_where_they_are_needed() {
        let (p, q, y, s) = (vector("p", "u"), vector("q", "i"), vector("y", "j"), scalar("s", "u"));
        let z = s * power(&Expr::Size(Set::ItemsOf("j")), -0.5) * sum(Set::ItemsOf("j"), y.clone());
        let cases = [
            (dot(&(p.clone() + y.clone()), &q), "(p_u + y_j)ᵀq_i"),
            (z, "s_u·n_u^−½·Σ_{j∈N(u)} y_j"),
            (-(2.0 * p.clone()) - y.clone(), "−2p_u − y_j"),
            (2.0 * (p.clone() - y.clone()), "2(p_u − y_j)"),
            (Expr::Outer(Box::new(q.clone()), Box::new(q.clone())) * p.clone(), "q_i q_iᵀ·p_u"),
            (logistic(&dot(&p, &q)), "σ(p_uᵀq_i)"),
            (sum(Set::ItemsOf("i"), q) * p, "(Σ_{i∈N(u)} q_i)·p_u"),
        ];
        for (expr, expected) in cases {
            assert_eq!(unicode(&expr), expected);
        }
    }
}
