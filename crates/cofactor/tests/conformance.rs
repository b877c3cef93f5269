//! What every algorithm of the registry must do. A new algorithm inherits all of it.

mod common;

use std::ops::ControlFlow;

use cofactor::data::ids::{Item, User};
use cofactor::data::ratings::{Rating, Ratings, Row};
use cofactor::error::Error;
use cofactor::fit::algorithm::{Kind, Task};
use cofactor::fit::model::{Data, Model, Query, Tensors};
use cofactor::fit::run::{Interrupt, Run};
use cofactor::registry::{ALGORITHMS, Configured, Entry, find, interruptible};
use cofactor_kernels::Isa;
use serde_json::{Map, Value};

/// Every algorithm with its defaults, with each of its presets and with each option of its choices, its epochs and its factors cut for the sake
/// of time; the kernels' own tests try all lengths of rows.
fn configurations() -> Vec<(String, &'static Entry, Box<dyn Configured>)> {
    let mut all = Vec::new();
    for entry in ALGORITHMS {
        let mut sets = vec![("defaults".to_owned(), Map::new())];
        for preset in entry.presets {
            sets.push((preset.name.to_owned(), entry.preset(preset.name).expect("it is listed")));
        }
        for knob in entry.knobs {
            if let Kind::Choice { options } = knob.kind {
                for &option in options {
                    let set = Map::from_iter([(knob.name.to_owned(), Value::from(option))]);
                    sets.push((format!("{} = {option}", knob.name), set));
                }
            }
        }
        for (set, mut parameters) in sets {
            if entry.knobs.iter().any(|knob| knob.name == "epochs") {
                parameters.insert("epochs".into(), Value::from(5));
            }
            if entry.knobs.iter().any(|knob| knob.name == "factors") {
                let factors = if entry.name == "bfm" { 3 } else { 20 };
                parameters.insert("factors".into(), Value::from(factors));
            }
            if entry.name == "bfm" {
                // Two groups of chains, one of which is not full, and a sweep that computes all anew.
                for (name, value) in [("chains", 11), ("burn_in", 1), ("samples", 2)] {
                    parameters.insert(name.into(), Value::from(value));
                }
            }
            let name = format!("{} {set}", entry.name);
            let configured = entry.configure(&parameters).unwrap_or_else(|error| panic!("{name}: {error}"));
            all.push((name, entry, configured));
        }
    }
    all
}

/// What suits `mf` on the planted matrix.
const RANK_TWO: [(&str, &str); 3] = [("factors", "4"), ("reg", "0.01"), ("epochs", "300")];

/// What suits `svdpp` and `timesvdpp` on the planted matrix, whose gaps and times say nothing.
const RANK_TWO_WITH_SETS: [(&str, &str); 6] = [
    ("factors", "4"),
    ("reg", "0.01"),
    ("decay", "1"),
    ("bias_rate", "0.005"),
    ("spread", "0.1"),
    ("epochs", "100"),
];

fn configured(name: &str, pairs: &[(&str, &str)]) -> Box<dyn Configured> {
    let pairs: Vec<(String, String)> = pairs.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
    find(name).expect("it is listed").configure_written(None, &pairs).expect("valid parameters")
}

fn is_test(rating: &Rating) -> bool {
    (rating.user.0 * 7 + rating.item.0 * 13).is_multiple_of(5)
}

fn fit(algorithm: &dyn Configured, train: &Ratings, threads: usize, isa: Isa) -> Box<dyn Model> {
    let mut run = Run::new(42, threads).expect("threads").with_isa(isa);
    algorithm.fit(&suited(algorithm, train), &mut run).expect("it trains on planted data")
}

/// The ratings; rounded to whole steps, and then without times, for a model that takes steps alone.
fn suited(algorithm: &dyn Configured, train: &Ratings) -> Ratings {
    if algorithm.config().get("target").is_none_or(|target| target != "probit") {
        return train.clone();
    }
    let (starts, items, values) = train.rows_compressed();
    let steps = values.iter().map(|value| value.round().clamp(1.0, 5.0)).collect();
    let catalog = std::sync::Arc::clone(train.catalog());
    Ratings::from_rows(catalog, train.scale(), starts.to_vec(), items.to_vec(), steps)
        .expect("they are in order")
}

fn bits(tensors: &Tensors) -> Vec<(String, Vec<u8>)> {
    tensors.0.iter().map(|(name, tensor)| (name.clone(), tensor.data.bytes().to_vec())).collect()
}

#[test]
fn names_and_documentation_are_complete() {
    for entry in ALGORITHMS {
        let same = ALGORITHMS.iter().filter(|other| other.name == entry.name).count();
        assert_eq!(same, 1, "{} is listed twice", entry.name);
        let documentation = entry.documentation();
        let headings = [
            "# ",
            "## Model",
            "## Objective",
            "## Update",
            "## Cost",
            "## Unknown users and items",
            "## Defaults and their source",
            "## Differences from the paper",
            "## References",
        ];
        for heading in headings {
            assert!(documentation.contains(heading), "{}: its head lacks '{heading}'", entry.name);
        }
    }
}

#[test]
fn an_interrupted_fit_leaves_nothing_and_one_that_is_not_has_the_same_bits() {
    let train = common::planted(60, 40, 0.3, 1);
    for (name, _, algorithm) in configurations() {
        let plain = fit(&*algorithm, &train, 2, Isa::detect());
        let interrupt = Interrupt::default();
        let algorithm = interruptible(algorithm, &interrupt);
        let same = fit(&*algorithm, &train, 2, Isa::detect());
        assert_eq!(bits(&same.tensors()), bits(&plain.tensors()), "{name}");

        let mut run = Run::new(42, 2).unwrap().with_observer(|epoch| {
            assert_eq!(epoch.epoch, 1, "{name} begins another epoch");
            interrupt.request();
            ControlFlow::Continue(())
        });
        let first = algorithm.fit(&suited(&*algorithm, &train), &mut run);
        drop(run);
        if !interrupt.requested() {
            assert!(first.is_ok(), "{name} has no epochs");
            interrupt.request();
        } else if algorithm.config().get("epochs").is_some_and(|epochs| *epochs != 1)
            && name != "baseline mean"
        {
            assert!(matches!(first, Err(Error::Interrupted)), "{name}");
        }
        let second = algorithm.fit(&suited(&*algorithm, &train), &mut Run::new(42, 2).unwrap());
        assert!(matches!(second, Err(Error::Interrupted)), "{name}");
    }
}

#[test]
fn knobs_and_parameters_are_the_same_and_defaults_come_back() {
    for entry in ALGORITHMS {
        let defaults = entry.configure(&Map::new()).expect("defaults are valid").config();
        let names: Vec<&str> = entry.knobs.iter().map(|knob| knob.name).collect();
        assert_eq!(defaults.keys().collect::<Vec<_>>(), names, "{}", entry.name);
        for knob in entry.knobs {
            let value = &defaults[knob.name];
            assert!(knob.kind.accepts(value), "{}: default {} = {value}", entry.name, knob.name);
        }
        assert_eq!(entry.configure(&defaults).expect("they are valid").config(), defaults);
    }
}

#[test]
fn a_parameter_that_is_unknown_or_out_of_range_is_refused() {
    for entry in ALGORITHMS {
        let set =
            |name: &str, value: Value| entry.configure(&Map::from_iter([(name.to_owned(), value)])).err();
        assert!(matches!(set("no_such", Value::from(1)), Some(Error::UnknownName { .. })), "{}", entry.name);
        for knob in entry.knobs {
            for wrong in [Value::from(-1), Value::from(1e300), Value::from("x"), Value::Null] {
                if !knob.kind.accepts(&wrong) {
                    let error = set(knob.name, wrong.clone());
                    let refused = matches!(&error, Some(Error::Parameter { name, .. }) if name == knob.name);
                    assert!(refused, "{}: {} = {wrong}", entry.name, knob.name);
                }
            }
        }
    }
}

#[test]
fn the_same_bits_for_any_number_of_threads_and_without_simd() {
    // Large enough for three blocks a side.
    let train = common::planted(300, 220, 0.3, 1);
    assert!(train.len() > 9 * 4096);
    for (name, _, algorithm) in configurations() {
        let expected = bits(&fit(&*algorithm, &train, 1, Isa::detect()).tensors());
        for threads in [2, 5] {
            let found = bits(&fit(&*algorithm, &train, threads, Isa::detect()).tensors());
            assert!(found == expected, "{name}: {threads} threads give other bits");
        }
        let found = bits(&fit(&*algorithm, &train, 2, Isa::baseline()).tensors());
        assert!(found == expected, "{name}: {} gives other bits", Isa::baseline().name());
    }
}

#[test]
fn another_seed_gives_other_factors() {
    let train = common::planted(60, 50, 0.3, 1);
    for (name, _, algorithm) in configurations() {
        let fit = |seed| {
            let mut run = Run::new(seed, 1).expect("a thread");
            algorithm.fit(&suited(&*algorithm, &train), &mut run).expect("it trains")
        };
        let (first, second) = (fit(1), fit(2));
        let random = first.factors().is_some_and(|factors| factors.k() > 0);
        assert_eq!(bits(&first.tensors()) != bits(&second.tensors()), random, "{name}");
    }
}

#[test]
fn a_model_comes_back_from_its_tensors() {
    let train = common::planted(60, 50, 0.3, 1);
    for (name, _, algorithm) in configurations() {
        let model = fit(&*algorithm, &train, 1, Isa::detect());
        let restored =
            algorithm.restore(model.tensors(), &train).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut scores = [vec![0.0; train.items()], vec![0.0; train.items()]];
        for user in [None, Some(User(0)), Some(User(59))] {
            model.predict_all(user, None, &mut scores[0]);
            restored.predict_all(user, None, &mut scores[1]);
            assert_eq!(scores[0], scores[1], "{name}");
        }
        let mut damaged = model.tensors();
        damaged.0.values_mut().for_each(|tensor| match &mut tensor.data {
            Data::F32(data) => data.fill(f32::NAN),
            Data::U32(data) => data.fill(u32::MAX),
            Data::Half(data) => data.fill(u16::MAX),
        });
        assert!(algorithm.restore(damaged, &train).is_err(), "{name}: damaged tensors are accepted");
        assert!(
            algorithm.restore(Tensors::default(), &train).is_err(),
            "{name}: missing tensors are accepted"
        );
    }
}

#[test]
fn one_prediction_all_of_a_users_and_those_of_many_agree() {
    let train = common::planted(60, 50, 0.3, 1);
    for (name, _, algorithm) in configurations() {
        let model = fit(&*algorithm, &train, 1, Isa::detect());
        let mut scores = vec![0.0; train.items()];
        for user in [None, Some(User(3))] {
            model.predict_all(user, Some(9), &mut scores);
            for (item, &score) in scores.iter().enumerate() {
                let query = Query { user, item: Some(Item(item as u32)), time: Some(9) };
                assert!((model.predict(query) - score).abs() < 1e-4, "{name}: item {item}");
            }
        }
        // More users than any model takes together.
        let users: Vec<User> = (0..60).rev().map(User).collect();
        let mut rows = vec![f32::NAN; users.len() * train.items()];
        model.predict_many(&users, &mut rows);
        for (&user, row) in users.iter().zip(rows.chunks_exact(train.items())) {
            model.predict_all(Some(user), None, &mut scores);
            assert!(row == scores, "{name}: user {} has other scores among many", user.0);
        }
    }
}

#[test]
fn who_and_what_training_never_saw_is_answered_like_the_unknown() {
    let all = common::planted(60, 50, 0.3, 1);
    let train = all.filter(|r| r.user != User(7) && r.item != Item(11));
    for (name, _, algorithm) in configurations() {
        let model = fit(&*algorithm, &train, 1, Isa::detect());
        let ask = |user, item| model.predict(Query { user, item, time: None });
        let (user, item) = (Some(User(3)), Some(Item(4)));
        for (unseen, unknown) in [
            (ask(Some(User(7)), item), ask(None, item)),
            (ask(user, Some(Item(11))), ask(user, None)),
            (ask(Some(User(7)), Some(Item(11))), ask(None, None)),
        ] {
            assert!((unseen - unknown).abs() < 1e-4 && unknown.is_finite(), "{name}: {unseen} and {unknown}");
        }
    }
}

#[test]
fn an_observer_may_end_the_fit() {
    let train = common::planted(60, 50, 0.3, 1);
    for (name, entry, algorithm) in configurations() {
        if entry.knobs.iter().all(|knob| knob.name != "epochs") || name == "baseline mean" {
            continue;
        }
        let mut seen = 0;
        let mut run = Run::new(1, 1).expect("a thread").with_observer(|epoch| {
            seen = epoch.epoch;
            if epoch.epoch == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let model = algorithm.fit(&train, &mut run).expect("what it has");
        assert!(model.predict(Query { user: None, item: None, time: None }).is_finite());
        drop(run);
        assert_eq!(seen, 2, "{name}");
    }
}

#[test]
fn a_planted_matrix_is_recovered() {
    let noise = 0.2;
    let all = common::planted(150, 120, noise, 1);
    let (train, test) = (all.filter(|r| !is_test(&r)), all.filter(|r| is_test(&r)));
    let spread =
        (test.values().iter().map(|v| f64::from(v - 3.0).powi(2)).sum::<f64>() / test.len() as f64).sqrt();
    for entry in ALGORITHMS.iter().filter(|entry| entry.task == Task::Rating) {
        // How near to the noise the model must come, with which parameters: everything but what it cannot express.
        let (parameters, bound): (&[(&str, &str)], f64) = match entry.name {
            "baseline" => (&[], 0.95 * spread),
            "knn" => (&[("neighbours", "20")], 0.75 * spread),
            "mf" => (&RANK_TWO, 1.25 * noise),
            "slope-one" => (&[], 0.98 * spread),
            "svdpp" | "timesvdpp" => (&RANK_TWO_WITH_SETS, 1.25 * noise),
            "als" => (&[("factors", "4"), ("reg", "0.02")], 1.15 * noise),
            "bfm" => (&[("features", "mf"), ("factors", "2"), ("burn_in", "60")], 1.15 * noise),
            "nmf" => (&[("factors", "6"), ("reg", "0.01"), ("epochs", "150")], 1.5 * noise),
            other => {
                panic!("say here how well '{other}' must recover a planted matrix of rank 2 with biases")
            }
        };
        let algorithm = configured(entry.name, parameters);
        let model = fit(&*algorithm, &train, 2, Isa::detect());
        let squares: f64 = test
            .iter()
            .map(|r| {
                let query = Query { user: Some(r.user), item: Some(r.item), time: r.time };
                f64::from(r.value - model.predict(query)).powi(2)
            })
            .sum();
        let rmse = (squares / test.len() as f64).sqrt();
        assert!(rmse < bound, "{}: {rmse:.4}, bound {bound:.4}", entry.name);
    }
}

/// Even users take even items, odd users odd ones: what they have not taken yet of their own kind must stand above the other kind.
#[test]
fn what_others_of_the_same_taste_take_is_ranked_first() {
    let all = common::checkerboard(60, 40);
    let (train, test) = (all.filter(|r| !is_test(&r)), all.filter(|r| is_test(&r)));
    for entry in ALGORITHMS.iter().filter(|entry| entry.task == Task::Ranking) {
        // How often what is withheld must stand above what is not taken, with which parameters.
        let (parameters, bound): (&[(&str, &str)], f64) = match entry.name {
            "ials" => (&[("factors", "2")], 0.99),
            "logistic" => (&[("factors", "2"), ("reg", "0.6"), ("epochs", "100")], 0.99),
            "bpr" => (&[("factors", "4"), ("epochs", "100")], 0.99),
            "ccl" => (&[("factors", "4"), ("weight", "3"), ("group", "8"), ("epochs", "40")], 0.99),
            "chebycf" => (&[("rank", "2")], 0.99),
            // It knows no tastes.
            "popular" => (&[], 0.4),
            "itemknn" => (&[], 0.99),
            "ease" => (&[("reg", "10")], 0.99),
            other => panic!("say here how well '{other}' must tell two tastes apart"),
        };
        let (name, algorithm) = (entry.name, configured(entry.name, parameters));
        let model = fit(&*algorithm, &train, 2, Isa::detect());
        let (mut scores, mut folded) = (vec![0.0; all.items()], vec![0.0; all.items()]);
        let (mut better, mut folded_better, mut pairs) = (0.0, 0.0, 0.0);
        for (user, row) in test.rows() {
            model.predict_all(Some(user), None, &mut scores);
            let newcomer = model.fold_in(train.row(user));
            match &newcomer {
                Some(newcomer) => newcomer.score_all(&mut folded),
                None => folded.copy_from_slice(&scores),
            }
            let of_other_kind = |item: Item| item.0 % 2 != user.0 % 2;
            for rated in row.iter() {
                for other in (0..all.items() as u32).map(Item).filter(|&item| of_other_kind(item)) {
                    let above = |scores: &[f32]| {
                        let (taken, other) = (scores[rated.item.index()], scores[other.index()]);
                        if taken > other {
                            1.0
                        } else if taken == other {
                            0.5
                        } else {
                            0.0
                        }
                    };
                    better += above(&scores);
                    folded_better += above(&folded);
                    pairs += 1.0;
                }
            }
        }
        let (auc, folded_auc) = (better / pairs, folded_better / pairs);
        assert!(auc > bound && folded_auc > bound - 0.05, "{name}: {auc:.3}, folded in {folded_auc:.3}");
    }
}

#[test]
fn somebody_new_is_folded_in_near_where_training_puts_them() {
    let all = common::planted(150, 120, 0.2, 1);
    let (train, test) = (all.filter(|r| !is_test(&r)), all.filter(|r| is_test(&r)));
    let algorithm = configured("mf", &RANK_TWO);
    let model = fit(&*algorithm, &train, 1, Isa::detect());
    let (mut trained, mut folded, mut unknown, mut n) = (0.0, 0.0, 0.0, 0.0);
    let mut scores = vec![0.0; all.items()];
    for (user, row) in test.rows() {
        let somebody = model.fold_in(train.row(user)).expect("it folds in");
        somebody.score_all(&mut scores);
        for rated in row.iter() {
            let ask = |user| {
                f64::from(rated.value - model.predict(Query { user, item: Some(rated.item), time: None }))
            };
            trained += ask(Some(user)).powi(2);
            unknown += ask(None).powi(2);
            folded += f64::from(rated.value - scores[rated.item.index()]).powi(2);
            n += 1.0;
        }
    }
    let (trained, folded, unknown) = (f64::sqrt(trained / n), f64::sqrt(folded / n), f64::sqrt(unknown / n));
    assert!(folded < 1.1 * trained && folded < 0.5 * unknown, "{trained} {folded} {unknown}");
}

#[test]
fn the_parts_of_a_newcomers_prediction_add_up() {
    let train = common::planted(60, 50, 0.3, 1);
    for (name, _, algorithm) in configurations() {
        let model = fit(&*algorithm, &train, 1, Isa::detect());
        let mut scores = vec![0.0; train.items()];
        for (items, values) in [(&[Item(2), Item(9), Item(30)][..], &[5.0, 1.0, 4.0][..]), (&[], &[])] {
            let Some(somebody) = model.fold_in(Row::new(items, values)) else { continue };
            somebody.score_all(&mut scores);
            for item in [0, 9, 49] {
                let parts = somebody.parts(Item(item as u32));
                assert_eq!(parts.shares.len(), items.len(), "{name}");
                assert!((parts.sum() - scores[item]).abs() < 1e-4, "{name}: {parts:?} and {}", scores[item]);
            }
        }
    }
}

#[test]
fn somebody_without_a_rating_is_folded_in_as_the_unknown() {
    let train = common::planted(60, 50, 0.3, 1);
    for (name, _, algorithm) in configurations() {
        let model = fit(&*algorithm, &train, 1, Isa::detect());
        let Some(nobody) = model.fold_in(Row::new(&[], &[])) else { continue };
        let mut scores = [vec![0.0; train.items()], vec![0.0; train.items()]];
        nobody.score_all(&mut scores[0]);
        model.predict_all(None, None, &mut scores[1]);
        for (folded, unknown) in scores[0].iter().zip(&scores[1]) {
            assert!((folded - unknown).abs() < 1e-4, "{name}: {folded} and {unknown}");
        }
    }
}

#[test]
fn a_rate_that_is_too_high_is_told_so() {
    let train = common::planted(60, 50, 0.3, 1);
    let algorithm = configured("mf", &[("rate", "1"), ("biases", "false")]);
    let error = algorithm.fit(&train, &mut Run::new(1, 1).expect("a thread")).err().expect("it diverges");
    let message = error.to_string();
    assert!(
        message.starts_with("training diverged in epoch 1: the RMSE of the training part is "),
        "{message}"
    );
    assert!(message.ends_with("\n  help: lower `rate` (and `bias_rate`), or raise `reg`"), "{message}");
}
