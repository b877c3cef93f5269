//! Objectives for clicks, plays and purchases. An algorithm for one of them returns it from [`Algorithm::objectives`](crate::fit::algorithm::Algorithm::objectives)
//! and adds its own [`Training`](super::Training).

use super::{
    Expr, Method, Objective, Set, Unknown, dot, ln, logistic, named, scalar, square, squared_norm, sum,
    vector,
};

/// BPR: S. Rendle, C. Freudenthaler, Z. Gantner, L. Schmidt-Thieme, "BPR: Bayesian personalized ranking from implicit feedback", UAI 2009, section 4.2, its maximum turned
/// into a minimum.
pub fn bpr() -> Objective {
    let (p, q_i, q_j) = (vector("p", "u"), vector("q", "i"), vector("q", "j"));
    let (b_i, b_j) = (scalar("b", "i"), scalar("b", "j"));
    let score = |name, b: &Expr, q: &Expr| named("x", name, b.clone() + dot(&p, q));
    let lead = named("x", "uij", score("ui", &b_i, &q_i) - score("uj", &b_j, &q_j));
    let squares = squared_norm(&p) + squared_norm(&q_i) + squared_norm(&q_j) + square(&b_i) + square(&b_j);
    let rate = scalar("η", "");
    Objective {
        title: "over all triples: the user took the first item and not the second",
        whole: sum(Set::Triples, -ln(&logistic(&lead)) + scalar("λ", "") * squares),
        unknowns: [p, q_i, q_j, b_i, b_j].iter().map(|letter| Unknown::new(letter, &rate)).collect(),
        method: Method::Stochastic,
        constants: Vec::new(),
        training: None,
    }
}

/// Logistic matrix factorization: C. Johnson, "Logistic matrix factorization for implicit feedback data", NIPS workshop 2014: its log posterior, turned into a
/// minimum; λ is half of his.
pub fn logistic_mf() -> Objective {
    let (p, q, b_u, b_i) = (vector("p", "u"), vector("q", "i"), scalar("b", "u"), scalar("b", "i"));
    let score = named("z", "ui", b_u.clone() + b_i.clone() + dot(&p, &q));
    let chance = logistic(&score);
    let taken = scalar("α", "") * scalar("r", "ui") * ln(&chance);
    let left = ln(&(Expr::Number(1.0) - chance));
    let penalties = sum(Set::Users, squared_norm(&p)) + sum(Set::Items, squared_norm(&q));
    let rate = scalar("η", "");
    Objective {
        title: "over all pairs: how often the user took the item",
        whole: -sum(Set::Pairs, taken + left) + scalar("λ", "") * penalties,
        unknowns: [p, q, b_u, b_i].iter().map(|letter| Unknown::new(letter, &rate)).collect(),
        method: Method::Gradient,
        constants: Vec::new(),
        training: None,
    }
}
