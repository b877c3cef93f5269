//! Each training against the derivation of its objective, and what a derivation cannot say of an update.

use cofactor::derive::check::{KERNEL_TOLERANCE, check};
use cofactor::derive::{self, Derivation};
use cofactor::fit::algorithm::Kind;
use cofactor::registry;
use cofactor_kernels::{Block, Entry, Isa, Link, Pace, PacedSgd, paced_sgd, padded};

const RATE: f64 = 0.05;
const STARS: Link = Link::Logistic { min: 1.0, range: 4.0 };

/// One rating's share of the objective, equation (4) of `algo/mf.rs`, for one user and one item.
#[derive(Clone, Copy)]
struct Objective {
    link: Link,
    rating: f64,
    mean: f64,
    reg: f64,
    bias_reg: f64,
    /// w_u and w_i.
    weights: [f64; 2],
}

const BIASED: Objective =
    Objective { link: Link::Identity, rating: 4.0, mean: 3.5, reg: 0.03, bias_reg: 0.02, weights: [1.0; 2] };

/// p, q, b_u, b_i in one vector of 2k + 2 entries.
impl Objective {
    fn value(&self, parameters: &[f64]) -> f64 {
        let k = (parameters.len() - 2) / 2;
        let (p, rest) = parameters.split_at(k);
        let (q, b) = rest.split_at(k);
        let dot: f64 = p.iter().zip(q).map(|(p, q)| p * q).sum();
        let error = self.rating - self.predicted(self.mean + b[0] + b[1] + dot);
        let squared = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>();
        let penalty = |side: usize, factors: &[f64]| {
            self.weights[side] * (self.reg * squared(factors) + self.bias_reg * squared(&b[side..=side]))
        };
        error * error + penalty(0, p) + penalty(1, q)
    }

    fn predicted(&self, z: f64) -> f64 {
        match self.link {
            Link::Identity => z,
            Link::Logistic { min, range } => f64::from(min) + f64::from(range) / (1.0 + libm::exp(-z)),
        }
    }

    fn gradient(&self, parameters: &[f64]) -> Vec<f64> {
        let h = 1e-6;
        (0..parameters.len())
            .map(|at| {
                let shifted = |by: f64| {
                    let mut moved = parameters.to_owned();
                    moved[at] += by;
                    self.value(&moved)
                };
                (shifted(h) - shifted(-h)) / (2.0 * h)
            })
            .collect()
    }

    fn entry(&self) -> Entry {
        Entry { user: 0, item: 0, value: self.rating as f32 }
    }
}

/// One user and one item as the kernels take them.
struct Pair {
    p: Vec<f32>,
    q: Vec<f32>,
    b_u: [f32; 1],
    b_i: [f32; 1],
}

impl Pair {
    fn new(parameters: &[f64]) -> Self {
        let k = (parameters.len() - 2) / 2;
        let row = |values: &[f64]| {
            let mut row = vec![0.0_f32; padded(k)];
            row.iter_mut().zip(values).for_each(|(entry, &value)| *entry = value as f32);
            row
        };
        let (b_u, b_i) = ([parameters[2 * k] as f32], [parameters[2 * k + 1] as f32]);
        Self { p: row(&parameters[..k]), q: row(&parameters[k..2 * k]), b_u, b_i }
    }

    /// How far each parameter has moved.
    fn moved(&self, parameters: &[f64]) -> Vec<f64> {
        let k = (parameters.len() - 2) / 2;
        let after = self.p[..k].iter().chain(&self.q[..k]).chain(&self.b_u).chain(&self.b_i);
        after.zip(parameters).map(|(&after, &before)| f64::from(after) - before).collect()
    }
}

/// How the general pass with Adagrad moves the parameters, and the paces after it; each row's squares start at those given.
fn paced_step(
    objective: &Objective,
    parameters: &[f64],
    rate: f64,
    squares: [f32; 2],
) -> (Vec<f64>, [Pace; 2]) {
    let step = PacedSgd {
        link: objective.link,
        mean: objective.mean as f32,
        rate: rate as f32,
        reg: objective.reg as f32,
        bias_rate: rate as f32,
        bias_reg: objective.bias_reg as f32,
        adaptive: true,
    };
    let mut pair = Pair::new(parameters);
    let pace = |side: usize| Pace {
        weight: objective.weights[side] as f32,
        squares: squares[side],
        bias_squares: squares[side] + 1.0,
    };
    let (mut pace_u, mut pace_i) = ([pace(0)], [pace(1)]);
    let block = Block {
        users: &mut pair.p,
        items: &mut pair.q,
        biases: Some((&mut pair.b_u, &mut pair.b_i)),
        paces: Some((&mut pace_u, &mut pace_i)),
    };
    let stride = padded((parameters.len() - 2) / 2);
    paced_sgd(Isa::detect(), &step, &[objective.entry()], stride, block);
    (pair.moved(parameters), [pace_u[0], pace_i[0]])
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

fn point(k: usize) -> Vec<f64> {
    (0..2 * k + 2).map(|at| f64::from(((at as f64 * 1.7 + 0.3).sin() * 0.6) as f32)).collect()
}

/// Objectives that only the general pass can descend.
fn bent() -> [Objective; 3] {
    let weights = [0.4, 1.7];
    [
        Objective { weights, ..BIASED },
        Objective { link: STARS, mean: 0.5, ..BIASED },
        Objective { link: STARS, mean: 0.5, weights, ..BIASED },
    ]
}

#[test]
fn adaptive_steps_are_half_the_gradient_over_the_root_of_the_gathered_squares() {
    for k in [1, 5, 8, 16, 20, 64] {
        for (number, objective) in bent().into_iter().enumerate() {
            let parameters = point(k);
            let half: Vec<f64> = objective.gradient(&parameters).iter().map(|g| g / -2.0).collect();
            let squares = [4.0, 9.0];
            let (moved, paces) = paced_step(&objective, &parameters, RATE, squares);
            let sides = [(0..k, 2 * k), (k..2 * k, 2 * k + 1)];
            for (side, (factors, bias)) in sides.into_iter().enumerate() {
                let (root, bias_root) =
                    (f64::from(squares[side]).sqrt(), (f64::from(squares[side]) + 1.0).sqrt());
                let mut expected: Vec<f64> = half[factors.clone()].iter().map(|h| RATE * h / root).collect();
                expected.push(RATE * half[bias] / bias_root);
                let mut found = moved[factors.clone()].to_vec();
                found.push(moved[bias]);
                let difference = largest_difference(&expected, &found);
                assert!(difference < 1e-6, "k = {k}, objective {number}, side {side}: {difference}");
                let gathered: f64 = half[factors].iter().map(|h| h * h).sum();
                let grown = f64::from(paces[side].squares - squares[side]);
                let bias_grown = f64::from(paces[side].bias_squares - squares[side]) - 1.0;
                assert!((grown - gathered).abs() < 1e-4 * (1.0 + gathered), "{grown} for {gathered}");
                assert!((bias_grown - half[bias].powi(2)).abs() < 1e-4, "{bias_grown}");
            }
        }
    }
}

/// The baseline's biases are the minimum of its objective: there, the gradient is zero.
#[test]
fn the_baseline_ends_where_its_gradient_is_zero() {
    use cofactor::data::ratings::{Duplicates, RatingsBuilder};
    use cofactor::fit::run::Run;
    let mut builder = RatingsBuilder::new(false);
    for cell in 0..200_usize {
        if cell % 3 != 1 {
            let value = 1.0 + (cell * 7 % 5) as f32;
            builder.push(&(cell / 20).to_string(), &(cell % 20).to_string(), value, None);
        }
    }
    let train =
        builder.finish("grid", None, Duplicates::Error, |_, _| Default::default()).expect("no cell twice");
    let pairs =
        [("reg_user".into(), "3".into()), ("reg_item".into(), "2".into()), ("epochs".into(), "200".into())];
    let baseline = cofactor::registry::find("baseline").expect("it is listed");
    let algorithm = baseline.configure_written(None, &pairs).expect("valid");
    let model = algorithm.fit(&train, &mut Run::new(1, 1).expect("a thread")).expect("it trains");
    let factors = model.factors().expect("biases");
    let mut user_gradient: Vec<f64> = factors.user_bias.iter().map(|&b| 2.0 * 3.0 * f64::from(b)).collect();
    let mut item_gradient: Vec<f64> = factors.item_bias.iter().map(|&b| 2.0 * 2.0 * f64::from(b)).collect();
    for r in train.iter() {
        let (b_u, b_i) = (factors.user_bias[r.user.index()], factors.item_bias[r.item.index()]);
        let error = f64::from(r.value) - f64::from(factors.mean) - f64::from(b_u) - f64::from(b_i);
        user_gradient[r.user.index()] -= 2.0 * error;
        item_gradient[r.item.index()] -= 2.0 * error;
    }
    let largest = user_gradient.iter().chain(&item_gradient).fold(0.0, |max, g| f64::max(max, g.abs()));
    assert!(largest < 1e-4, "{largest}");
}

/// Each model with its defaults, its presets, and both values of its flags and every option of its choices.
fn variants() -> Vec<(String, Derivation)> {
    let mut all = Vec::new();
    for name in derive::names() {
        let mut add = |what: &str, found: cofactor::Result<Derivation>| {
            all.extend(found.ok().map(|derivation| (format!("{name} {what}"), derivation)));
        };
        add("as it is", derive::find(name, None, &[]));
        let entry = registry::find(name).expect("it is listed");
        for preset in entry.presets {
            add(preset.name, derive::find(name, Some(preset.name), &[]));
        }
        for knob in entry.knobs {
            let options = match knob.kind {
                Kind::Flag => &["true", "false"][..],
                Kind::Choice { options } => options,
                _ => &[],
            };
            for option in options {
                let pair = (knob.name.to_owned(), (*option).to_owned());
                add(&format!("{}={option}", knob.name), derive::find(name, None, &[pair]));
            }
        }
    }
    assert!(all.len() > 20, "{}", all.len());
    all
}

#[test]
fn every_training_follows_its_derivation() {
    for (name, derivation) in variants() {
        for part in &derivation.parts {
            let checked = check(part, 7, 14).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(checked.passed(), "{name}, {}: {checked:?}", part.objective.title);
            assert!(checked.training.is_some(), "{name}");
        }
    }
}

/// What would happen if somebody changed a kernel, or an objective, and not the other.
#[test]
fn a_training_that_does_not_follow_its_derivation_is_noticed() {
    for name in ["baseline", "mf", "svdpp", "als", "nmf", "bpr", "logistic"] {
        for mut part in derive::find(name, None, &[]).expect("it has a derivation").parts {
            for (letter, value) in &mut part.objective.constants {
                // The training keeps the penalty that it was configured with.
                *value *= if letter.starts_with('λ') { 1.5 } else { 1.0 };
            }
            let checked = check(&part, 7, 14).expect("it can be checked");
            let training = checked.training.clone().expect("it can be checked");
            assert!(checked.differences.passed() && !checked.passed(), "{name}: {checked:?}");
            assert!(training.largest > 10.0 * KERNEL_TOLERANCE, "{name}: {training:?}");
        }
    }
}
