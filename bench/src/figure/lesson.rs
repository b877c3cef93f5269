//! The lesson's fit, beside the same loop in plain NumPy.

use anyhow::Result;
use cofactor::data::split::{self, Spec};
use cofactor::fit::model::Query;
use cofactor::fit::run::Run;
use cofactor::registry::Configured;
use serde::Deserialize;

use crate::bench::{Bench, preset};
use crate::measure::{Cost, Sample, timed};
use crate::page::{Section, Table, Verdict};
use crate::peer::Python;

const EPOCHS: u32 = 100;
const WANTED: f64 = 1000.0;
/// The NumPy loop is cut into so many parts, and a fit of Cofactor runs between them.
const PARTS: u32 = 10;

/// What the script answers to a number of epochs.
#[derive(Deserialize)]
struct Answer {
    cpu: f64,
    wall: f64,
    mse: f64,
}

/// Compares the two in turns.
pub fn measure(bench: &Bench) -> Result<Section> {
    let ratings = bench.load("ml-100k")?;
    let fold = split::plan(Spec::User(0.2), &ratings, 0, &split::nothing_published)?.fold(0);
    let train = bench.records("lesson-train.records", &fold.train)?;
    let test = bench.records("lesson-test.records", &fold.test)?;
    let algorithm = preset("lesson")?;
    let python = Python::find()?;
    let mut numpy = python.start("lesson.py", &[&train, &test])?;

    let (mut ours, mut theirs, mut numpy_wall) = (Sample::default(), Sample::default(), 0.0);
    let (mut our_mse, mut their_mse) = (0.0, 0.0);
    let parts = PARTS.min(bench.numpy_epochs);
    for part in 0..parts {
        let epochs = bench.numpy_epochs * (part + 1) / parts - bench.numpy_epochs * part / parts;
        let answer: Answer = serde_json::from_str(&numpy.ask(&epochs.to_string())?)?;
        let scale = f64::from(EPOCHS) / f64::from(epochs);
        theirs.push(answer.cpu * scale);
        numpy_wall += answer.wall;
        their_mse = answer.mse;
        let (cost, mse) = fit(&*algorithm, &fold)?;
        ours.push(cost.cpu);
        our_mse = mse;
    }
    let ratio = theirs.over(&ours);
    let mut table = Table::new(["", "100 epochs, CPU s", "test MSE, not clipped"]);
    table.row([
        python.version(&["numpy"]),
        format!("{theirs:.1}"),
        format!("{their_mse:.4} after {} epochs", bench.numpy_epochs),
    ]);
    table.row(["Cofactor, preset `lesson`".to_owned(), format!("{ours:.4}"), format!("{our_mse:.4}")]);
    table.row(["pair by pair".to_owned(), format!("{ratio:.0} ×"), String::new()]);
    Ok(Section {
        title: "The lesson's fit against plain NumPy".to_owned(),
        how: format!(
            "MovieLens 100K, `user:0.2` ({} ratings to train on), plain P·Qᵀ, k = 5, rate 0.001, {EPOCHS} epochs, one thread. NumPy \
             runs the loop over ratings with row vectors that the lesson shows (`bench/peers/lesson.py`), {} epochs in {parts} parts, \
             each part's time scaled to {EPOCHS} epochs ({numpy_wall:.0} s on the wall in all); after each part Cofactor runs one \
             whole fit.",
            fold.train.len(),
            bench.numpy_epochs,
        ),
        verdicts: vec![Verdict::at_least(
            "the lesson's fit of 100 epochs over plain NumPy",
            ratio.median(),
            WANTED,
            |x| format!("{x:.0} ×"),
        )],
        tables: vec![table],
        notes: vec![
            "Both start from √(mean ÷ k) and normal noise of 0.1, each from its own random numbers; on one and the same split the test \
             MSE then differs by about ±0.007 from start to start."
                .to_owned(),
        ],
    })
}

/// A whole fit, and its mean squared error on the test part.
fn fit(algorithm: &dyn Configured, fold: &split::Fold) -> Result<(Cost, f64)> {
    let mut run = Run::new(0, 1)?;
    let (model, cost) = timed(|| algorithm.fit(&fold.train, &mut run));
    let model = model?;
    let square = |rating: cofactor::data::ratings::Rating| {
        let query = Query { user: Some(rating.user), item: Some(rating.item), time: rating.time };
        f64::from(rating.value - model.predict(query)).powi(2)
    };
    Ok((cost, fold.test.iter().map(square).sum::<f64>() / fold.test.len() as f64))
}
