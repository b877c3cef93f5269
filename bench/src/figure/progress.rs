//! CPU time to an error: how long Cofactor and LIBMF take to come below it.

use anyhow::{Context, Result};
use cofactor::data::ratings::Ratings;
use cofactor::data::split::{self, Fold, Spec};
use cofactor::fit::model::{Model, Query};
use cofactor::fit::run::Run;
use cofactor::registry::Configured;
use serde_json::{Value, json};

use crate::bench::{Bench, mf};
use crate::measure::{Cost, Sample, timed};
use crate::page::{Section, Table, Verdict};
use crate::peer::{BUILDS, Libmf, Setting};

/// How many times LIBMF's speed is wanted.
const WANTED: f64 = 3.0;
/// The seeds of Cofactor's fits: the RMSE is the mean over them.
const SEEDS: u64 = 3;

/// What LIBMF may choose from, for each RMSE on the test part itself.
const RANKS: [usize; 4] = [16, 32, 64, 128];
const RATES: [f32; 3] = [0.05, 0.1, 0.15];
const REGS: [f32; 2] = [0.03, 0.05];
const BINS: [usize; 2] = [5, 10];
const EPOCHS: [usize; 9] = [4, 6, 8, 10, 12, 14, 16, 20, 24];

/// An RMSE, and the setting with which Cofactor goes there.
fn aims() -> [(f64, Value); 2] {
    [
        (
            0.850,
            json!({
                "factors": 32, "rate": 0.038, "bias_rate": 0.005, "decay": 0.8, "reg": 0.028, "bias_reg": 0.024, "reg_power": 0,
                "epochs": 4, "spread": 0.019,
            }),
        ),
        (
            0.840,
            json!({
                "factors": 64, "rate": 0.036, "bias_rate": 0.011, "decay": 0.8, "reg": 0.03, "bias_reg": 0.074, "reg_power": 0,
                "epochs": 10, "spread": 0.0025,
            }),
        ),
    ]
}

/// Compares the two at each aim.
pub fn measure(bench: &Bench) -> Result<Section> {
    let ratings = bench.load("ml-1m")?;
    let fold = split::plan(Spec::Random(0.1), &ratings, 0, &split::nothing_published)?.fold(0);
    let (train, test) = (bench.records("aim-train", &fold.train)?, bench.records("aim-test", &fold.test)?);
    let mut peers = Vec::new();
    for build in BUILDS {
        peers.push((build.name, Libmf::start(build, &train, Some(&test))?));
    }
    let mut section = Section {
        title: "CPU time to an RMSE".to_owned(),
        how: format!(
            "MovieLens 1M, `random:0.1` with seed 0, one thread. A time is that of a whole fit from the training part in memory to the model: \
             cutting into blocks, shuffling, the start of the factors and all epochs. Cofactor's setting was chosen on a validation part, a tenth of \
             the training part, as the cheapest that comes below the RMSE there; its RMSE on the test part is the mean of {SEEDS} seeds, \
             clipped to 1–5. LIBMF's is the cheapest of k in {RANKS:?}, rates {RATES:?}, λ {REGS:?}, bins {BINS:?}, both builds and up to \
             {} passes that comes below it on the test part itself, which favours it. {} repeats, in turns.",
            EPOCHS[EPOCHS.len() - 1],
            bench.repeats
        ),
        ..Section::default()
    };
    let mut table = Table::new(["below", "", "setting", "test RMSE", "CPU s", "wall s"]);
    for (aim, parameters) in aims() {
        let (peer, setting, their_rmse) =
            cheapest(&mut peers, aim)?.with_context(|| format!("LIBMF does not come below {aim}"))?;
        let algorithm = mf(parameters.clone())?;
        let our_rmse = mean_rmse(&*algorithm, &fold)?;
        let mut at = AtAim::default();
        for _ in 0..bench.repeats {
            at.theirs.push(peers[peer].1.fit(setting)?.0);
            at.ours.push(fit(&*algorithm, &fold.train, 0)?.1);
        }
        let ratio = at.theirs.cpu.over(&at.ours.cpu);
        section.verdicts.extend([
            Verdict::at_most(format!("test RMSE of the fit to {aim:.3}, ml-1m"), our_rmse, aim, |x| {
                format!("{x:.4}")
            }),
            Verdict::at_least(
                format!("LIBMF's CPU time to {aim:.3} over Cofactor's, ml-1m"),
                ratio.median(),
                WANTED,
                |x| format!("{x:.1} ×"),
            ),
        ]);
        let Setting { k, epochs, reg, rate, bins } = setting;
        let told = format!("{}, k = {k}, {epochs} passes, rate {rate}, λ {reg}, {bins} bins", peers[peer].0);
        table.row(at.theirs.row(aim, "LIBMF", told, their_rmse));
        table.row(at.ours.row(aim, "Cofactor", format!("`{parameters}`"), our_rmse));
        table.row([
            format!("{aim:.3}"),
            "pair by pair".to_owned(),
            String::new(),
            String::new(),
            format!("{ratio:.1} ×"),
            format!("{:.1} ×", at.theirs.wall.over(&at.ours.wall)),
        ]);
    }
    section.tables.push(table);
    Ok(section)
}

/// The times of both.
#[derive(Default)]
struct AtAim {
    theirs: Times,
    ours: Times,
}

#[derive(Default)]
struct Times {
    cpu: Sample,
    wall: Sample,
}

impl Times {
    fn push(&mut self, cost: Cost) {
        self.cpu.push(cost.cpu);
        self.wall.push(cost.wall);
    }

    fn row(&self, aim: f64, who: &str, setting: String, rmse: f64) -> [String; 6] {
        let (cpu, wall) = (format!("{:.3}", self.cpu), format!("{:.3}", self.wall));
        [format!("{aim:.3}"), who.to_owned(), setting, format!("{rmse:.4}"), cpu, wall]
    }
}

/// The cheapest setting of LIBMF that comes below the RMSE on the test part: the number of its process, what it is told, where it comes.
fn cheapest(peers: &mut [(&str, Libmf)], aim: f64) -> Result<Option<(usize, Setting, f64)>> {
    let mut best: Option<(f64, usize, Setting, f64)> = None;
    for k in RANKS {
        for (rate, reg) in RATES.into_iter().flat_map(|rate| REGS.map(|reg| (rate, reg))) {
            let first = |peer: &mut Libmf| -> Result<Option<Setting>> {
                for epochs in EPOCHS {
                    let setting = Setting { k, epochs, reg, rate, bins: BINS[0] };
                    if peer.fit(setting)?.1.is_some_and(|rmse| rmse <= aim) {
                        return Ok(Some(setting));
                    }
                }
                Ok(None)
            };
            let Some(found) = first(&mut peers[0].1)? else { continue };
            for number in 0..peers.len() {
                for bins in BINS {
                    let setting = Setting { bins, ..found };
                    let (cost, rmse) = peers[number].1.fit(setting)?;
                    let rmse = rmse.context("LIBMF was given a test part")?;
                    if rmse <= aim && best.is_none_or(|(cpu, ..)| cost.cpu < cpu) {
                        best = Some((cost.cpu, number, setting, rmse));
                    }
                }
            }
        }
    }
    Ok(best.map(|(_, number, setting, rmse)| (number, setting, rmse)))
}

fn fit(algorithm: &dyn Configured, train: &Ratings, seed: u64) -> Result<(Box<dyn Model>, Cost)> {
    let mut run = Run::new(seed, 1)?;
    let (model, cost) = timed(|| algorithm.fit(train, &mut run));
    Ok((model?, cost))
}

/// The RMSE on the test part, clipped, as the mean over the seeds.
fn mean_rmse(algorithm: &dyn Configured, fold: &Fold) -> Result<f64> {
    let scale = fold.test.scale();
    let mut sum = 0.0;
    for seed in 0..SEEDS {
        let (model, _) = fit(algorithm, &fold.train, seed)?;
        let square = |rating: cofactor::data::ratings::Rating| {
            let query = Query { user: Some(rating.user), item: Some(rating.item), time: rating.time };
            f64::from(rating.value - scale.clip(model.predict(query))).powi(2)
        };
        sum += (fold.test.iter().map(square).sum::<f64>() / fold.test.len() as f64).sqrt();
    }
    Ok(sum / SEEDS as f64)
}
