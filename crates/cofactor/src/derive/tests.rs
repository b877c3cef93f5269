//! The derivations' formulas, and random objectives of the family against finite differences. `tests/gradients.rs` holds the training against them.

use proptest::prelude::*;

use super::check::{check, draw};
use super::evaluate::{Numbers, evaluate};
use super::notation::unicode;
use super::*;
use crate::fit::algorithm::Kind;
use crate::fit::objective::{
    Sample, Set, dot, ln, logistic, named, power, scalar, square, squared_norm, sum, vector,
};
use crate::fit::rng::{Purpose, stream};

fn with(name: &str, pairs: &[(&str, &str)]) -> Derivation {
    let pairs: Vec<_> = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    find(name, None, &pairs).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Each model with its defaults, its presets, and both values of its flags and every option of its choices.
fn variants() -> Vec<(String, Derivation)> {
    let mut all = Vec::new();
    for name in names() {
        all.push((name.to_owned(), with(name, &[])));
        let entry = registry::find(name).unwrap();
        for preset in entry.presets {
            if let Ok(derivation) = find(name, Some(preset.name), &[]) {
                all.push((format!("{name} {}", preset.name), derivation));
            }
        }
        for knob in entry.knobs {
            let options = match knob.kind {
                Kind::Flag => &["true", "false"][..],
                Kind::Choice { options } => options,
                _ => &[],
            };
            for option in options {
                if let Ok(derivation) = find(name, None, &[(knob.name.to_owned(), (*option).to_owned())]) {
                    all.push((format!("{name} {}={option}", knob.name), derivation));
                }
            }
        }
    }
    all
}

#[test]
fn a_wrong_gradient_is_noticed() {
    let mut part = with("mf", &[]).parts.remove(0);
    let step = part.gradients[0].steps.last_mut().unwrap();
    step.expr = 1.001 * step.expr.clone();
    assert!(!check(&part, 7, 7).unwrap().differences.passed());
}

#[test]
fn the_gradients_are_those_of_the_papers() {
    let gradient = |derivation: &Derivation, at: usize| unicode(derivation.parts[0].gradients[at].expr());
    assert_eq!(gradient(&with("mf", &[]), 0), "−2e_ui·q_i + 2λw_u·p_u");
    assert_eq!(gradient(&with("svdpp", &[]), 2), "−2e_ui·s_u·n_u^−½(q_i + w_i) + 2λ_s·y_j");
    assert_eq!(gradient(&with("bpr", &[]), 0), "−(1 − σ(x̂_uij))(q_i − q_j) + 2λp_u");
    assert_eq!(
        gradient(&with("logistic", &[]), 0),
        "−Σ_{i∈N(u)} αr_ui(1 − σ(z_ui))q_i + Σ_i σ(z_ui)·q_i + 2λp_u"
    );
    let equation = |name: &str, at: usize| {
        let derivation = with(name, &[]);
        let (_, equation) = derivation.parts[0].gradients[at].equation.clone().unwrap();
        format!("{} = {}", unicode(&equation.left()), unicode(&equation.rest))
    };
    assert_eq!(equation("ials", 0), "(Σ_{i∈N(u)} q_i q_iᵀ + α₀Σ_i q_i q_iᵀ + λw_u·I)p_u = Σ_{i∈N(u)} q_i");
    assert_eq!(equation("baseline", 0), "(n_i + λ_i)b_i = Σ_{u∈U(i)} (r_ui − μ − b_u)");
    assert_eq!(
        equation("als", 0),
        "(Σ_{i∈N(u)} q_i q_iᵀ + w_u·λI)p_u + b_u·Σ_{i∈N(u)} q_i = Σ_{i∈N(u)} (r_ui − μ − b_i)q_i"
    );
}

#[test]
fn an_unknown_model_is_answered_with_those_there_are() {
    let error = find("bpt", None, &[]).err().unwrap().to_string();
    assert!(error.contains("did you mean 'bpr'?") && error.contains("svdpp"), "{error}");
    let error = find("knn", None, &[]).err().unwrap().to_string();
    assert!(error.contains("nothing to derive") && error.contains("mf"), "{error}");
    let error = find("bpr", None, &[("rog".into(), "1".into())]).err().unwrap().to_string();
    assert!(error.contains("no parameter is called 'rog'"), "{error}");
}

#[test]
fn every_notation_of_every_model_is_whole() {
    for (name, derivation) in variants() {
        for written in [html(&derivation), mathml(&derivation), page(&derivation)] {
            assert!(is_nested(&written), "{name}: {written}");
        }
        let latex = latex(&derivation);
        let count = |piece: &str| latex.matches(piece).count();
        assert_eq!(count(r"\left("), count(r"\right)"), "{name}");
        assert_eq!(count("{"), count("}"), "{name}");
        let text = text(&derivation);
        assert!(
            text.contains("Minimise") && text.contains("By ") && text.contains("no computer algebra"),
            "{name}"
        );
    }
}

/// Whether all tags are closed in order.
fn is_nested(html: &str) -> bool {
    let mut open = Vec::new();
    for tag in html.split('<').skip(1).filter_map(|piece| piece.split('>').next()) {
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default();
        if tag.starts_with('/') {
            if open.pop() != Some(name) {
                return false;
            }
        } else if !tag.ends_with('/') && !tag.starts_with('!') && name != "meta" {
            open.push(name);
        }
    }
    open.is_empty()
}

/// Scalars of the family, by the letters of one rating.
fn scalars() -> impl Strategy<Value = Expr> {
    let (p, q) = (vector("p", "u"), vector("q", "i"));
    let z = power(&Expr::Size(Set::ItemsOf("j")), -0.5) * sum(Set::ItemsOf("j"), vector("y", "j"));
    let vectors = [p.clone(), q.clone(), p.clone() + named("z", "u", z.clone()), q - 2.0 * p, z];
    let vector = prop::sample::select(vectors.to_vec());
    let leaf = prop_oneof![
        (vector.clone(), vector.clone()).prop_map(|(a, b)| dot(&a, &b)),
        vector.prop_map(|a| squared_norm(&a)),
        prop::sample::select(vec![scalar("b", "u"), scalar("r", "ui"), scalar("λ", "")]),
        (-2.0..2.0).prop_map(Expr::Number),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let two = || (inner.clone(), inner.clone());
        prop_oneof![
            two().prop_map(|(a, b)| a + b),
            two().prop_map(|(a, b)| a - b),
            two().prop_map(|(a, b)| a * b),
            inner.clone().prop_map(|a| square(&a)),
            inner.clone().prop_map(|a| logistic(&a)),
            inner.clone().prop_map(|a| ln(&(Expr::Number(1.0) + square(&a)))),
            inner.clone().prop_map(|a| power(&(Expr::Number(1.0) + square(&a)), -0.5)),
            inner.prop_map(|a| named("e", "ui", scalar("r", "ui") - a)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_objectives_agree_with_finite_differences(term in scalars(), letter in 0_usize..4, seed in 0_u64..1000) {
        let letters = [vector("p", "u"), vector("q", "i"), vector("y", "j"), scalar("b", "u")];
        // Every letter has to occur, whatever was drawn.
        let squares = squared_norm(&letters[0]) + squared_norm(&letters[1]) + square(&letters[3]);
        let share = term + squares + sum(Set::ItemsOf("j"), squared_norm(&letters[2]));
        let objective = Objective {
            title: "drawn",
            whole: sum(Set::Ratings, share),
            unknowns: vec![Unknown::new(&letters[letter], &scalar("η", ""))],
            method: Method::Stochastic,
            constants: Vec::new(),
            training: None,
        };
        let part = derive(objective).unwrap();
        // A difference of large numbers has no digits left for a small slope.
        let sample: Sample = draw(&part, 2, &mut stream(seed, Purpose::Check, 1));
        let largest = sample.members(Set::Ratings, &Vec::new()).iter().map(|at| {
            evaluate(&part.target(), &sample, at, &Numbers(&sample)).unwrap().entries[0].abs()
        }).fold(0.0, f64::max);
        prop_assume!(largest < 1e3);
        let checked = check(&part, seed, 3).unwrap();
        prop_assert!(checked.differences.largest < 1e-4, "{}: {:?}", unicode(&part.target()), checked);
    }

    #[test]
    fn simplifying_changes_no_value(term in scalars(), seed in 0_u64..1000) {
        let part = Part {
            objective: Objective {
                title: "drawn",
                whole: sum(Set::Ratings, term.clone()),
                unknowns: Vec::new(),
                method: Method::Stochastic,
                constants: Vec::new(),
                training: None,
            },
            gradients: Vec::new(),
        };
        let sample: Sample = draw(&part, 3, &mut stream(seed, Purpose::Check, 0));
        let at = vec![('u', 1), ('i', 2)];
        let value = |expr: &Expr| evaluate(expr, &sample, &at, &Numbers(&sample)).unwrap().entries[0];
        let (before, after) = (value(&term), value(&simplify::simplify(&term)));
        prop_assert!((before - after).abs() <= 1e-9 * (1.0 + before.abs()), "{before} and {after}");
    }
}
