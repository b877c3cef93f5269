//! What the lesson predicts.

use std::ops::ControlFlow;

use anyhow::Result;
use cofactor::data::ratings::Ratings;
use cofactor::data::split::{self, Spec};
use cofactor::eval::evaluate::{Options, evaluate};

use crate::bench::{Bench, preset};
use crate::measure::Sample;
use crate::page::{Section, Table, Verdict};

const SEEDS: u64 = 5;
const WANTED: f64 = 0.900;

/// Evaluates the lesson on MovieLens 100K.
pub fn measure(bench: &Bench) -> Result<Section> {
    let ratings = bench.load("ml-100k")?;
    let mse = |clip: bool| -> Result<Sample> { (0..SEEDS).map(|seed| one(&ratings, seed, clip)).collect() };
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
    let what = "the lesson's test MSE on `user:0.2`, mean of 5 seeds, not clipped";
    Ok(Section {
        title: "Accuracy of the lesson".to_owned(),
        how: format!(
            "MovieLens 100K, preset `lesson` on `user:0.2` with seeds 0 to {}, each seed with its own split and its own start; the \
             interval is Student's, over the seeds. The command's own way: \
             `cofactor evaluate ml-100k --preset lesson --split user:0.2 --seed S`.",
            SEEDS - 1
        ),
        verdicts: vec![Verdict::at_most(what, plain.mean(), WANTED, |x| format!("{x:.4}"))],
        tables: vec![table],
        notes: Vec::new(),
    })
}

fn one(ratings: &Ratings, seed: u64, clip: bool) -> Result<f64> {
    let plan = split::plan(Spec::User(0.2), ratings, seed, &split::nothing_published)?;
    let options = Options { seed, clip, ..Options::default() };
    let outcome = evaluate(&*preset("lesson")?, &plan, &options, &mut |_| ControlFlow::Continue(()))?;
    Ok(outcome.evaluation.metrics["mse"].mean)
}
