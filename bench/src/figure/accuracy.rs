//! What the presets predict, beside what peers reach.

use std::ops::ControlFlow;

use anyhow::{Context, Result};
use cofactor::data::ids::{Item, User};
use cofactor::data::ratings::Ratings;
use cofactor::data::split::{self, Spec};
use cofactor::eval::evaluate::{Evaluation, Options, evaluate};

use crate::bench::{Bench, preset};
use crate::measure::Sample;
use crate::page::{Section, Table, Verdict};
use crate::peer::{BUILDS, Libmf, Setting};

const SEEDS: u64 = 5;
const LESSON_MSE: f64 = 0.900;
const BIASED_RMSE: f64 = 0.915;
const FOLDS: [&str; 5] = ["u1", "u2", "u3", "u4", "u5"];
/// The best of 150 random settings, judged on the test parts themselves: optimistic for LIBMF.
const LIBMF: Setting = Setting { k: 128, epochs: 20, reg: 0.08, rate: 0.05, bins: 10 };

/// Evaluates the lesson and the biased preset on MovieLens 100K.
pub fn measure(bench: &Bench) -> Result<Section> {
    let ratings = bench.load("ml-100k")?;
    let mut section = Section {
        title: "Accuracy on MovieLens 100K",
        how: format!(
            "The lesson: preset `lesson` on `user:0.2` with seeds 0 to {}, each seed with its own split and its own start; the interval is \
             Student's, over the seeds. The biased model: preset `ml-100k` on the published folds u1 to u5, seed 0, predictions \
             clipped to 1–5. The command's own way: `cofactor evaluate ml-100k --preset lesson --split user:0.2 --seed S` and \
             `cofactor evaluate ml-100k --preset ml-100k --split official`.",
            SEEDS - 1
        ),
        ..Section::default()
    };
    lesson(bench, &ratings, &mut section)?;
    biased(bench, &ratings, &mut section)?;
    Ok(section)
}

fn lesson(bench: &Bench, ratings: &Ratings, section: &mut Section) -> Result<()> {
    let mse = |clip: bool| -> Result<Sample> {
        (0..SEEDS)
            .map(|seed| one(bench, ratings, "lesson", Spec::User(0.2), seed, clip))
            .map(|evaluation| Ok(evaluation?.metrics["mse"].mean))
            .collect()
    };
    let (plain, clipped) = (mse(false)?, mse(true)?);
    let mut table =
        Table::new(["the lesson's test MSE", "mean of 5 seeds", "95 % interval", "least–greatest"]);
    for (name, sample) in [("not clipped", &plain), ("clipped to 1–5", &clipped)] {
        let (mean, half) = (sample.mean(), sample.half_width());
        table.row([
            name.to_owned(),
            format!("{mean:.4}"),
            format!("{:.4}–{:.4}", mean - half, mean + half),
            format!("{:.4}–{:.4}", sample.min(), sample.max()),
        ]);
    }
    section.tables.push(table);
    let what = "the lesson's test MSE on `user:0.2`, mean of 5 seeds, not clipped";
    section.verdicts.push(Verdict::at_most(what, plain.mean(), LESSON_MSE, |x| format!("{x:.4}")));
    Ok(())
}

fn biased(bench: &Bench, ratings: &Ratings, section: &mut Section) -> Result<()> {
    let evaluation = one(bench, ratings, "ml-100k", "official".parse()?, 0, true)?;
    let ours: Vec<f64> = evaluation.folds.iter().map(|fold| fold.metrics["rmse"].mean).collect();
    let libmf: Vec<f64> = FOLDS.iter().map(|fold| libmf(bench, ratings, fold)).collect::<Result<_>>()?;
    let mean = |folds: &[f64]| folds.iter().sum::<f64>() / folds.len() as f64;

    let mut table = Table::new(["RMSE on u1 to u5", "mean", "u1", "u2", "u3", "u4", "u5", "measured"]);
    let mut row = |name: &str, mean: f64, folds: &[f64], when: &str| {
        let mut cells = [name, "", "", "", "", "", "", when].map(str::to_owned);
        cells[1] = format!("{mean:.4}");
        for (cell, fold) in cells[2..7].iter_mut().zip(folds) {
            *cell = format!("{fold:.4}");
        }
        table.row(cells);
    };
    let quoted = "quoted, earlier, on another machine";
    row("Cofactor, biased `mf`, preset `ml-100k`", mean(&ours), &ours, "here");
    row(
        "LIBMF, k = 128, λ = 0.08, the best of 150 settings on these test parts",
        mean(&libmf),
        &libmf,
        "here",
    );
    row("Surprise SVD, tuned", 0.9141, &[], quoted);
    row("Surprise SVD, its defaults", 0.9380, &[], quoted);
    section.tables.push(table);
    let what = "biased `mf`, preset `ml-100k`, mean RMSE of u1 to u5";
    section.verdicts.push(Verdict::at_most(what, mean(&ours), BIASED_RMSE, |x| format!("{x:.4}")));
    Ok(())
}

fn one(
    bench: &Bench,
    ratings: &Ratings,
    name: &str,
    spec: Spec,
    seed: u64,
    clip: bool,
) -> Result<Evaluation> {
    let published = |split: &str| bench.official("ml-100k", split, ratings);
    let plan = split::plan(spec, ratings, seed, &published)?;
    let options = Options { seed, clip, ..Options::default() };
    Ok(evaluate(&*preset(name)?, &plan, &options, &mut |_| ControlFlow::Continue(()))?.evaluation)
}

/// The RMSE of LIBMF on one published fold.
fn libmf(bench: &Bench, ratings: &Ratings, fold: &str) -> Result<f64> {
    let published = |split: &str| -> cofactor::error::Result<Vec<(User, Item)>> {
        bench.official("ml-100k", split, ratings)
    };
    let parts = split::plan(format!("official:{fold}").parse()?, ratings, 0, &published)?.fold(0);
    let train = bench.records(&format!("{fold}-train.records"), &parts.train)?;
    let test = bench.records(&format!("{fold}-test.records"), &parts.test)?;
    let (_, rmse) = Libmf::start(BUILDS[0], &train, Some(&test))?.fit(LIBMF)?;
    rmse.context("LIBMF was given a test part")
}
