//! How well `bfm` predicts ratings, with and without side information, and how much its intervals hold.

use std::ops::ControlFlow;

use anyhow::{Context, Result};
use cofactor::data::ids::{Item, User};
use cofactor::data::ratings::Ratings;
use cofactor::data::split;
use cofactor::eval::evaluate::{Evaluation, FoldResult, Options, evaluate};

use crate::bench::{Bench, model};
use crate::measure::Sample;
use crate::page::{Section, Table, Verdict};

const SEEDS: u64 = 2;
/// How far from its promise the share of these intervals may be.
const MARGIN: f64 = 0.015;
const JUDGED: [f64; 3] = [0.5, 0.8, 0.95];
/// CPU minutes that the preset for MovieLens 1M may take.
const MINUTES: f64 = 3.0;

/// Runs both data sets.
pub fn measure(bench: &Bench) -> Result<Section> {
    let mut section = Section {
        title: "Accuracy of the Bayesian factorization machine".to_owned(),
        how: format!(
            "RMSE, predictions clipped to 1–5; implicit sets from the training part alone; `bfm` with its preset for the data, chosen on parts of \
             training parts; side information is `attributes=true`. MovieLens 100K on the published folds u1 to u5, the mean of seeds 0 to {last} of the \
             sampler, and on five random folds of seed 0; MovieLens 1M on the first of ten folds of scikit-learn's shuffled KFold, as in the notebook that comes with myFM. The targets are \
             myFM's own figures, measured or published, under the same protocol. The command's own way: \
             `cofactor evaluate ml-100k --model bfm --preset ml-100k --split official --seed S`, `… --set attributes=true`, \
             `cofactor evaluate ml-1m --model bfm --preset ml-1m --split numpy-kfold:1/10@0`.",
            last = SEEDS - 1
        ),
        ..Section::default()
    };
    let mut table = Table::new(["", "side information", "RMSE", "least–greatest over seeds", "MAE"]);
    small(bench, &mut section, &mut table)?;
    large(bench, &mut section, &mut table)?;
    section.tables.insert(0, table);
    Ok(section)
}

fn rmse(x: f64) -> String {
    format!("{x:.4}")
}

fn evaluated(preset: &str, set: &[(&str, &str)], plan: &split::Plan<'_>, seed: u64) -> Result<Evaluation> {
    let options = Options { seed, ..Options::default() };
    let algorithm = model("bfm", Some(preset), set)?;
    let outcome = evaluate(&*algorithm, plan, &options, &mut |_| ControlFlow::Continue(()))?;
    Ok(outcome.evaluation)
}

/// MovieLens 100K: u1, the mean of u1 to u5, five random folds.
fn small(bench: &Bench, section: &mut Section, table: &mut Table) -> Result<()> {
    let ratings = bench.load("ml-100k")?;
    let published = |split: &str| -> cofactor::error::Result<Vec<(User, Item)>> {
        bench.official("ml-100k", split, &ratings)
    };
    let official = split::plan("official".parse()?, &ratings, 0, &published)?;
    for (sides, attributes, of_first, of_all) in
        [("no", "false", 0.8850, 0.8775), ("yes", "true", 0.8805, 0.8740)]
    {
        let evaluations: Vec<Evaluation> = (0..SEEDS)
            .map(|seed| evaluated("ml-100k", &[("attributes", attributes)], &official, seed))
            .collect::<Result<_>>()?;
        let first =
            |name: &str| evaluations.iter().map(|e| e.folds[0].metrics[name].mean).collect::<Sample>();
        let all = |name: &str| evaluations.iter().map(|e| mean(&e.folds, name)).collect::<Sample>();
        for (part, of, target) in [
            ("u1", [first("rmse"), first("mae")], of_first),
            ("u1 to u5, mean", [all("rmse"), all("mae")], of_all),
        ] {
            let [errors, off] = of;
            let what = format!(
                "MovieLens 100K, {part}: `bfm`, side information: {sides}, RMSE, mean of {SEEDS} seeds"
            );
            section.verdicts.push(Verdict::at_most(what, errors.mean(), target, rmse));
            table.row([
                format!("MovieLens 100K, {part}"),
                sides.to_owned(),
                rmse(errors.mean()),
                format!("{:.4}–{:.4}", errors.min(), errors.max()),
                rmse(off.mean()),
            ]);
        }
        if attributes == "false" {
            coverage("MovieLens 100K, u1 to u5, seed 0", &evaluations[0].folds, section)?;
        }
    }
    random_folds(&ratings, section, table)
}

fn random_folds(ratings: &Ratings, section: &mut Section, table: &mut Table) -> Result<()> {
    let random = split::plan("kfold:5".parse()?, ratings, 0, &split::nothing_published)?;
    let folds = evaluated("ml-100k", &[], &random, 0)?.folds;
    let what = "MovieLens 100K, kfold:5: `bfm`, RMSE, mean of the folds";
    section.verdicts.push(Verdict::at_most(what, mean(&folds, "rmse"), 0.8770, rmse));
    let cells = [
        "MovieLens 100K, kfold:5",
        "no",
        &rmse(mean(&folds, "rmse")),
        "one seed",
        &rmse(mean(&folds, "mae")),
    ];
    table.row(cells.map(str::to_owned));
    Ok(())
}

/// The mean of a metric over folds, as the peers say it.
fn mean(folds: &[FoldResult], metric: &str) -> f64 {
    folds.iter().map(|fold| fold.metrics[metric].mean).sum::<f64>() / folds.len() as f64
}

/// MovieLens 1M: the preset on the fold of the notebook.
fn large(bench: &Bench, section: &mut Section, table: &mut Table) -> Result<()> {
    let ratings = bench.load("ml-1m")?;
    let published = |split: &str| -> cofactor::error::Result<Vec<(User, Item)>> {
        bench.official("ml-1m", split, &ratings)
    };
    let plan = split::plan("numpy-kfold:1/10@0".parse()?, &ratings, 0, &published)?;
    let evaluation = evaluated("ml-1m", &[], &plan, 0)?;
    let fold = &evaluation.folds[0];
    let name = "MovieLens 1M, fold 1 of 10";
    let error = fold.metrics["rmse"].mean;
    section.verdicts.push(Verdict::at_most(format!("{name}: `bfm`, RMSE"), error, 0.8140, rmse));
    let minutes = fold.seconds.fit_cpu / 60.0;
    let what = format!("{name}: `bfm`, CPU minutes to fit");
    section.verdicts.push(Verdict::at_most(what, minutes, MINUTES, |x| format!("{x:.1}")));
    let cells = [name, "no", &rmse(error), "one seed", &rmse(fold.metrics["mae"].mean)];
    table.row(cells.map(str::to_owned));
    coverage(name, &evaluation.folds, section)
}

/// What the intervals promise and hold, weighed by the folds' test ratings.
fn coverage(name: &str, folds: &[FoldResult], section: &mut Section) -> Result<()> {
    let tested: usize = folds.iter().map(|fold| fold.test).sum();
    let first = &folds.first().context("a fold")?.coverage;
    let mut table = Table::new(["", "promised", "held", "off by"]);
    let mut worst = 0.0_f64;
    for (place, promised) in first.iter().map(|coverage| coverage.promised).enumerate() {
        let held = folds.iter().map(|fold| fold.coverage[place].found * fold.test as f64).sum::<f64>()
            / tested as f64;
        if JUDGED.contains(&promised) {
            worst = worst.max((held - promised).abs());
        }
        table.row([
            name.to_owned(),
            format!("{:.0} %", 100.0 * promised),
            format!("{:.1} %", 100.0 * held),
            format!("{:+.1} points", 100.0 * (held - promised)),
        ]);
    }
    section.verdicts.push(Verdict::at_most(
        format!("{name}: the furthest that the share of an interval of 50, 80 or 95 % is from its promise"),
        worst,
        MARGIN,
        |x| format!("{:.1} points", 100.0 * x),
    ));
    section.tables.push(table);
    Ok(())
}
