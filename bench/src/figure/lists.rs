//! How fast everybody's lists are made, beside implicit, NumPy and the bare product of the two matrices.

use std::fs;
use std::path::Path;

use anyhow::Result;
use cofactor::data::ratings::Ratings;
use cofactor::fit::run::Run;
use cofactor::recommender::{Recommender, Request};
use cofactor::store::ModelFile;
use serde::Deserialize;
use serde_json::json;

use crate::bench::{Bench, model};
use crate::measure::{Sample, timed};
use crate::page::{Section, Table, Verdict};
use crate::peer::Python;

const FACTORS: usize = 64;
const PICKS: usize = 10;
const REPEATS: usize = 7;
/// How many times as many users per CPU second as the faster peer are wanted.
const DATA: [(&str, &str, f64); 2] = [("gowalla", "Gowalla", 1.9), ("ml-1m", "MovieLens 1M", 2.5)];
/// What share of the bare product's rate is wanted.
const SHARE: f64 = 0.6;

#[derive(Deserialize)]
struct Answer {
    cpu: f64,
}

/// Compares on both data sets.
pub fn measure(bench: &Bench) -> Result<Section> {
    let python = Python::rankers()?;
    let mut section = Section {
        title: "Lists for everybody".to_owned(),
        how: format!(
            "The {PICKS} best of all items that a user has not rated, for every user, from the same factors, k = {FACTORS}, of `ials` after two epochs; one thread, {REPEATS} repeats in turns; {}. \
             \"Product\" is the scores alone, by NumPy's BLAS, {} users at a time into the same memory. implicit and NumPy (product, seen items, `argpartition`, sort) make the same lists. Nothing is written.",
            python.version(&["implicit", "numpy"]),
            1024
        ),
        ..Section::default()
    };
    let mut table = Table::new([
        "data",
        "users × items",
        "implicit, users per CPU s",
        "NumPy",
        "product",
        "Cofactor",
        "÷ the better peer",
        "÷ product",
    ]);
    for (name, title, wanted) in DATA {
        let ratings = bench.load(name)?;
        let factors = bench.scratch("lists.factors");
        let recommender = recommender(&ratings, &factors)?;
        let mut peer = python.ranking(bench, &ratings)?;
        let users = ratings.users() as f64;
        let mut theirs = |task: &str| -> Result<f64> {
            let told = match task {
                "product" => json!({ "task": task, "k": FACTORS, "factors": factors }),
                _ => json!({ "task": task, "k": FACTORS, "n": PICKS, "factors": factors }),
            };
            Ok(users / serde_json::from_str::<Answer>(&peer.ask(&told.to_string())?)?.cpu)
        };
        let mut rates = [(); 4].map(|()| Sample::default());
        for _ in 0..REPEATS {
            for (rate, task) in rates.iter_mut().zip(["lists_implicit", "lists_numpy", "product"]) {
                rate.push(theirs(task)?);
            }
            rates[3].push(own(&recommender)?);
        }
        let [implicit, numpy, product, own] = rates;
        let better = if implicit.median() > numpy.median() { &implicit } else { &numpy };
        let (ratio, share) = (own.over(better), own.over(&product));
        let what = |of: &str| format!("lists of {PICKS} for everybody, {title}, k = {FACTORS}, over {of}");
        section.verdicts.push(Verdict::at_least(
            what("the better of implicit and NumPy"),
            ratio.median(),
            wanted,
            |x| format!("{x:.2} ×"),
        ));
        section.verdicts.push(Verdict::at_least(what("the bare product"), share.median(), SHARE, |x| {
            format!("{:.0} %", 100.0 * x)
        }));
        table.row([
            title.to_owned(),
            format!("{} × {}", ratings.users(), ratings.items()),
            format!("{implicit:.0}"),
            format!("{numpy:.0}"),
            format!("{product:.0}"),
            format!("{own:.0}"),
            format!("{ratio:.2}"),
            format!("{share:.2}"),
        ]);
    }
    section.tables.push(table);
    Ok(section)
}

/// A model of the ratings; its factors are written for the peers.
fn recommender(ratings: &Ratings, factors: &Path) -> Result<Recommender> {
    let algorithm = model("ials", None, &[("factors", &FACTORS.to_string()), ("epochs", "2")])?;
    let fitted = algorithm.fit(ratings, &mut Run::new(0, 0)?)?;
    let own = fitted.factors().expect("ials has factors");
    let rows = own.users.to_dense().into_iter().chain(own.items.to_dense());
    fs::write(factors, rows.flat_map(f32::to_le_bytes).collect::<Vec<u8>>())?;
    let file = ModelFile::new("ials", algorithm.config(), 0, ratings.clone(), fitted);
    Ok(Recommender::new(file)?)
}

/// Users per CPU second.
fn own(recommender: &Recommender) -> Result<f64> {
    let request = Request { n: PICKS, ..Request::default() };
    let mut users = 0;
    let (done, cost) = timed(|| {
        recommender.recommend_all(&request, 1, |picks| {
            users += 1;
            std::hint::black_box(picks.list.picks.len());
            Ok(())
        })
    });
    done?;
    Ok(f64::from(users) / cost.cpu)
}
