//! How fast SVD++, alternating least squares and neighbourhoods are, beside the peers in Python.

use anyhow::Result;
use cofactor::data::split;
use cofactor::eval::predict::errors;
use cofactor::fit::run::Run;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::bench::{Bench, model};
use crate::measure::{Sample, timed};
use crate::page::{Section, Table, Verdict};
use crate::peer::{Process, Python};

/// Repeats; the peers take minutes.
const REPEATS: usize = 3;
const SWEEPS: usize = 10;

/// One comparison: what is told to the peer and to Cofactor, and how much faster Cofactor should be.
struct Rival {
    what: &'static str,
    peer: &'static str,
    told: Value,
    model: &'static str,
    parameters: &'static [(&'static str, &'static str)],
    /// Passes over the data in the peer's fit and in ours.
    passes: (usize, usize),
    /// Whether predicting the test part counts: for a neighbourhood it is half of the work.
    predicting: bool,
    wanted: f64,
}

fn rivals() -> Vec<Rival> {
    let cmfrec = |k: u32, cg: bool| {
        json!({
            "peer": "cmfrec", "k": k, "niter": SWEEPS, "lambda_": 0.05, "scale_lam": true, "use_cg": cg, "finalize_chol": false,
        })
    };
    let als = |what, peer, told, parameters, wanted| Rival {
        what,
        peer,
        told,
        model: "als",
        parameters,
        passes: (SWEEPS, SWEEPS),
        predicting: false,
        wanted,
    };
    vec![
        Rival {
            what: "SVD++ a pass, k = 20",
            peer: "Surprise SVDpp",
            told: json!({ "peer": "surprise-svdpp", "n_factors": 20, "n_epochs": 1 }),
            model: "svdpp",
            parameters: &[("user_set", "1"), ("item_set", "0"), ("factors", "20"), ("epochs", "10")],
            passes: (1, 10),
            predicting: false,
            wanted: 20.0,
        },
        als(
            "ALS a sweep, k = 50, Cholesky",
            "cmfrec",
            cmfrec(50, false),
            &[("factors", "50"), ("epochs", "10"), ("solver", "cholesky")],
            5.0,
        ),
        als(
            "ALS a sweep, k = 50, conjugate gradient",
            "cmfrec",
            cmfrec(50, true),
            &[("factors", "50"), ("epochs", "10"), ("solver", "cg")],
            5.0,
        ),
        als(
            "ALS a sweep, k = 128, Cholesky",
            "cmfrec",
            cmfrec(128, false),
            &[("factors", "128"), ("epochs", "10"), ("solver", "cholesky")],
            5.0,
        ),
        als(
            "ALS a sweep, k = 50, Cholesky",
            "LensKit",
            json!({ "peer": "lenskit", "k": 50, "epochs": SWEEPS }),
            &[("factors", "50"), ("epochs", "10"), ("solver", "cholesky")],
            5.0,
        ),
        Rival {
            what: "neighbourhoods of items, fit and prediction",
            peer: "Surprise KNNBaseline",
            told: json!({ "peer": "surprise-knn" }),
            model: "knn",
            parameters: &[("side", "item")],
            passes: (1, 1),
            predicting: true,
            wanted: 5.0,
        },
        Rival {
            what: "neighbourhoods of users, fit and prediction",
            peer: "Surprise KNNBaseline",
            told: json!({ "peer": "surprise-knn", "user_based": true }),
            model: "knn",
            parameters: &[("side", "user")],
            passes: (1, 1),
            predicting: true,
            wanted: 5.0,
        },
    ]
}

#[derive(Deserialize)]
struct Answer {
    cpu: f64,
    wall: f64,
    #[serde(default)]
    predict_cpu: f64,
}

/// Compares each pair in turns on MovieLens 1M.
pub fn measure(bench: &Bench) -> Result<Section> {
    let ratings = bench.load("ml-1m")?;
    let fold = split::plan("random:0.1".parse()?, &ratings, 0, &split::nothing_published)?.fold(0);
    let train = bench.records("rivals-train.records", &fold.train)?;
    let test = bench.records("rivals-test.records", &fold.test)?;
    let python = Python::find()?;
    let mut process = python.start("explicit.py", &[&train, &test])?;
    let mut table = Table::new([
        "",
        "peer",
        "its CPU s",
        "its wall s",
        "Cofactor's CPU s",
        "Cofactor's wall s",
        "times as fast (CPU)",
    ]);
    let mut verdicts = Vec::new();
    for rival in rivals() {
        let compared = compare(&rival, &fold, &mut process)?;
        let ratio = compared.theirs.over(&compared.ours);
        verdicts.push(Verdict::at_least(
            format!("{}, over {}", rival.what, rival.peer),
            ratio.median(),
            rival.wanted,
            |x| format!("{x:.1} ×"),
        ));
        table.row([
            rival.what.to_owned(),
            rival.peer.to_owned(),
            format!("{:.3}", compared.theirs),
            format!("{:.3}", compared.their_wall),
            format!("{:.4}", compared.ours),
            format!("{:.4}", compared.our_wall),
            format!("{ratio:.1}"),
        ]);
    }
    Ok(Section {
        title: "SVD++, ALS and neighbourhoods beside peers".to_owned(),
        how: format!(
            "MovieLens 1M without a random tenth ({} ratings to train on), one thread, {REPEATS} repeats in turns; {}. A pass or a sweep is a \
             whole fit divided by its number of passes (10; one of Surprise's), set-up included; the peers' own tables of ids are made before and not \
             counted. Neighbourhoods: similarities and the predictions of the {} test ratings.",
            fold.train.len(),
            python.version(&["scikit-surprise", "cmfrec", "lenskit"]),
            fold.test.len(),
        ),
        verdicts,
        tables: vec![table],
        notes: Vec::new(),
    })
}

#[derive(Default)]
struct Compared {
    theirs: Sample,
    their_wall: Sample,
    ours: Sample,
    our_wall: Sample,
}

fn compare(rival: &Rival, fold: &split::Fold, process: &mut Process) -> Result<Compared> {
    let mut compared = Compared::default();
    let algorithm = model(rival.model, None, rival.parameters)?;
    let mut told = rival.told.clone();
    told["predicting"] = json!(rival.predicting);
    for _ in 0..REPEATS {
        let answer: Answer = serde_json::from_str(&process.ask(&told.to_string())?)?;
        compared.theirs.push((answer.cpu + answer.predict_cpu) / rival.passes.0 as f64);
        compared.their_wall.push((answer.wall + answer.predict_cpu) / rival.passes.0 as f64);
        let mut run = Run::new(0, 1)?;
        let (done, cost) = timed(|| -> Result<()> {
            let model = algorithm.fit(&fold.train, &mut run)?;
            if rival.predicting {
                errors(&*model, &fold.test, true, run.pool())?;
            }
            Ok(())
        });
        done?;
        compared.ours.push(cost.cpu / rival.passes.1 as f64);
        compared.our_wall.push(cost.wall / rival.passes.1 as f64);
    }
    Ok(compared)
}
