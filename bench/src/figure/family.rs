//! How well each model predicts ratings, beside the peers.

use std::ops::ControlFlow;

use anyhow::{Context, Result};
use cofactor::data::ids::{Item, User};
use cofactor::data::ratings::Ratings;
use cofactor::data::split;
use cofactor::eval::evaluate::{Evaluation, Options, evaluate};
use cofactor::fit::algorithm::Task;
use cofactor::registry::{ALGORITHMS, Entry};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::bench::{Bench, model};
use crate::measure::Sample;
use crate::page::{Section, Table, Verdict};
use crate::peer::{BUILDS, Libmf, Python, Setting};

const SEEDS: u64 = 3;
const FOLDS: [&str; 5] = ["u1", "u2", "u3", "u4", "u5"];
/// The best of 150 random settings, judged on the test parts themselves: optimistic for LIBMF.
const LIBMF: Setting = Setting { k: 128, epochs: 20, reg: 0.08, rate: 0.05, bins: 10 };

/// What is wanted of the model of that name; `best` is the best of them all.
struct Wanted {
    small: &'static [(&'static str, f64)],
    large: &'static [(&'static str, f64)],
}

const WANTED: Wanted = Wanted {
    small: &[("mf", 0.9076), ("best", 0.895)],
    large: &[("mf", 0.840), ("als", 0.850), ("best", 0.833)],
};

/// Evaluates the whole family on MovieLens 100K and 1M.
pub fn measure(bench: &Bench) -> Result<Section> {
    let mut section = Section {
        title: "Accuracy of the rating models".to_owned(),
        how: format!(
            "RMSE, predictions clipped to 1–5; implicit sets from the training part alone; each model with its preset for the data \
             (its defaults where it has none), chosen on parts of training parts. MovieLens 100K on the published folds u1 to u5, \
             seed 0, and on five random folds, seeds 0 to {last}; MovieLens 1M with a random tenth held out, seeds 0 to {last}. \
             Each seed has its own split and its own start; intervals are Student's, over the seeds. The command's own way: \
             `cofactor evaluate ml-100k --model M --preset ml-100k --split official`, `… --split kfold:5 --seed S`, \
             `cofactor evaluate ml-1m --model M --preset ml-1m --split random:0.1 --seed S`.",
            last = SEEDS - 1
        ),
        ..Section::default()
    };
    let small = bench.load("ml-100k")?;
    official(bench, &small, &mut section)?;
    let name = "MovieLens 100K, kfold:5";
    seeds(&small, "ml-100k", ("kfold:5", name), WANTED.small, &mut section)?;
    let large = bench.load("ml-1m")?;
    let name = "MovieLens 1M, random:0.1";
    seeds(&large, "ml-1m", ("random:0.1", name), WANTED.large, &mut section)?;
    Ok(section)
}

fn rating_models() -> impl Iterator<Item = &'static Entry> {
    ALGORITHMS.iter().filter(|entry| entry.task == Task::Rating)
}

/// The preset for that data set, if the model has one.
fn preset_for(entry: &Entry, data: &'static str) -> Option<&'static str> {
    entry.presets.iter().any(|preset| preset.name == data).then_some(data)
}

fn evaluated(entry: &Entry, preset: Option<&str>, plan: &split::Plan<'_>, seed: u64) -> Result<Evaluation> {
    let options = Options { seed, ..Options::default() };
    let algorithm = model(entry.name, preset, &[])?;
    let outcome = evaluate(&*algorithm, plan, &options, &mut |_| ControlFlow::Continue(()))
        .with_context(|| format!("evaluating {}", entry.name))?;
    Ok(outcome.evaluation)
}

/// u1 to u5, with the peers on the same folds.
fn official(bench: &Bench, ratings: &Ratings, section: &mut Section) -> Result<()> {
    let published = |split: &str| -> cofactor::error::Result<Vec<(User, Item)>> {
        bench.official("ml-100k", split, ratings)
    };
    let plan = split::plan("official".parse()?, ratings, 0, &published)?;
    let mut rows: Vec<(String, Vec<f64>)> = Vec::new();
    for entry in rating_models() {
        let evaluation = evaluated(entry, preset_for(entry, "ml-100k"), &plan, 0)?;
        let folds = evaluation.folds.iter().map(|fold| fold.metrics["rmse"].mean).collect();
        rows.push((format!("**Cofactor `{}`**", entry.name), folds));
    }
    let python = Python::find()?;
    let mut peers: Vec<(String, Vec<f64>)> = vec![(
        "LIBMF, k = 128, λ = 0.08, the best of 150 settings on these test parts".to_owned(),
        Vec::new(),
    )];
    peers.extend(python_peers().map(|(name, _)| (name.to_owned(), Vec::new())));
    for (number, fold) in FOLDS.into_iter().enumerate() {
        let parts = plan.fold(number);
        let train = bench.records(&format!("{fold}-train.records"), &parts.train)?;
        let test = bench.records(&format!("{fold}-test.records"), &parts.test)?;
        let (_, rmse) = Libmf::start(BUILDS[0], &train, Some(&test))?.fit(LIBMF)?;
        peers[0].1.push(rmse.context("LIBMF was given a test part")?);
        let mut process = python.start("explicit.py", &[&train, &test])?;
        for ((_, folds), (_, parameters)) in peers[1..].iter_mut().zip(python_peers()) {
            let answer: Answer = serde_json::from_str(&process.ask(&parameters.to_string())?)?;
            folds.push(answer.rmse);
        }
    }
    rows.extend(peers);
    let mean = |folds: &[f64]| folds.iter().sum::<f64>() / folds.len() as f64;
    rows.sort_by(|a, b| mean(&a.1).total_cmp(&mean(&b.1)));
    let mut table = Table::new(["MovieLens 100K, u1 to u5", "mean RMSE", "u1", "u2", "u3", "u4", "u5"]);
    for (name, folds) in rows {
        let mut cells = [
            name,
            format!("{:.4}", mean(&folds)),
            String::new(),
            String::new(),
            String::new(),
            String::new(),
            String::new(),
        ];
        for (cell, fold) in cells[2..].iter_mut().zip(&folds) {
            *cell = format!("{fold:.4}");
        }
        table.row(cells);
    }
    section.tables.push(table);
    section.notes.push(format!(
        "Peers on one thread: {}. Their settings stand in the table; what is not said is their default. Settings tuned on these test \
         parts, quoted from an earlier measurement elsewhere: Surprise SVD 0.9141, SVD++ 0.9147, KNN 0.9204, cmfrec 0.9187, LensKit \
         0.9197, discorec 0.9218.",
        python.version(&["scikit-surprise", "cmfrec", "lenskit"])
    ));
    Ok(())
}

#[derive(Deserialize)]
struct Answer {
    rmse: f64,
}

/// What the peers in Python are told.
fn python_peers() -> impl Iterator<Item = (&'static str, Value)> {
    [
        ("Surprise SVD", json!({ "peer": "surprise-svd" })),
        ("Surprise SVD++", json!({ "peer": "surprise-svdpp" })),
        ("Surprise KNNBaseline, items", json!({ "peer": "surprise-knn" })),
        ("Surprise SlopeOne", json!({ "peer": "surprise-slope-one" })),
        ("cmfrec, k = 40, λ = 10", json!({ "peer": "cmfrec", "k": 40, "niter": 10, "lambda_": 10.0 })),
        ("LensKit ALS, k = 50", json!({ "peer": "lenskit", "k": 50, "epochs": 10 })),
    ]
    .into_iter()
}

/// Every model with each seed, and what was wanted.
fn seeds(
    ratings: &Ratings,
    data: &'static str,
    (spec, name): (&str, &'static str),
    wanted: &[(&str, f64)],
    section: &mut Section,
) -> Result<()> {
    let mut rows: Vec<(&str, Sample)> =
        rating_models().map(|entry| (entry.name, Sample::default())).collect();
    for seed in 0..SEEDS {
        let plan = split::plan(spec.parse()?, ratings, seed, &split::nothing_published)?;
        for (entry, (_, sample)) in rating_models().zip(&mut rows) {
            let evaluation = evaluated(entry, preset_for(entry, data), &plan, seed)?;
            // The mean of the folds, as the peers say it; one fold is its own mean.
            let folds = evaluation.folds.iter().map(|fold| fold.metrics["rmse"].mean);
            sample.push(folds.sum::<f64>() / evaluation.folds.len() as f64);
        }
    }
    rows.sort_by(|a, b| a.1.mean().total_cmp(&b.1.mean()));
    for &(model, target) in wanted {
        let row = rows.iter().find(|(name, _)| *name == model || model == "best");
        let (found, sample) = row.with_context(|| format!("there is no model '{model}'"))?;
        let what = match model {
            "best" => format!("{name}: the best of the family (`{found}`), RMSE, mean of {SEEDS} seeds"),
            _ => format!("{name}: `{model}`, RMSE, mean of {SEEDS} seeds"),
        };
        section.verdicts.push(Verdict::at_most(what, sample.mean(), target, |x| format!("{x:.4}")));
    }
    let mut table = Table::new(["", "mean RMSE", "95 % interval", "least–greatest"]);
    for (model, sample) in rows {
        let (mean, half) = (sample.mean(), sample.half_width());
        table.row([
            format!("{name}: `{model}`"),
            format!("{mean:.4}"),
            format!("{:.4}–{:.4}", mean - half, mean + half),
            format!("{:.4}–{:.4}", sample.min(), sample.max()),
        ]);
    }
    section.tables.push(table);
    Ok(())
}
