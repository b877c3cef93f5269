//! What `ease` costs in time and memory, beside the inverse alone by OpenBLAS.

use anyhow::Result;
use cofactor::data::ids::{Item, User};
use cofactor::data::ratings::Ratings;
use cofactor::data::split;
use cofactor::data::synth::{self, Synth};
use cofactor::eval::ranking::{Asked, rank};
use cofactor::fit::run::{Run, thread_pool};
use serde::Deserialize;
use serde_json::json;

use crate::bench::{Bench, model};
use crate::figure::linear::{forget_peak, peak};
use crate::measure::timed;
use crate::page::{Section, Table, Verdict};
use crate::peer::Python;

const REG: f64 = 100.0;
/// Items, and whether `numpy.linalg.inv`, which makes copies, is asked too.
const SIZES: [(usize, bool); 2] = [(10_000, true), (20_000, false)];

#[derive(Deserialize)]
struct Answer {
    cpu: f64,
    peak: f64,
}

/// Measures each size once.
pub fn measure(bench: &Bench) -> Result<Section> {
    let python = Python::rankers()?;
    let mut section = Section {
        title: "EASE".to_owned(),
        how: format!(
            "Synthetic sets of a user for each item and 20 items for each user, one thread, each measured once; {}. Cofactor's time is that of the whole fit: XᵀX, its inverse, and the scaling. The peers' is that of the inverse \
             alone, in f32: `numpy.linalg.inv`, and LAPACK's `spotrf` and `spotri` in place by SciPy, which is the least that OpenBLAS can do it with. Memory is the peak of the process.",
            python.version(&["numpy", "scipy"])
        ),
        ..Section::default()
    };
    let mut table = Table::new([
        "items",
        "`numpy.linalg.inv`, CPU s",
        "GB",
        "`spotrf`, `spotri`, CPU s",
        "GB",
        "Cofactor, CPU s",
        "GB",
        "GFLOP/s",
    ]);
    for (items, copies) in SIZES {
        let ratings = synthetic(items)?;
        let ask = |lapack: bool| -> Result<Answer> {
            let mut peer = python.ranking(bench, &ratings)?;
            let told = json!({ "task": "invert", "items": ratings.items(), "reg": REG, "lapack": lapack });
            Ok(serde_json::from_str(&peer.ask(&told.to_string())?)?)
        };
        let numpy = if copies { Some(ask(false)?) } else { None };
        let lapack = ask(true)?;
        let algorithm = model("ease", None, &[("reg", &REG.to_string())])?;
        forget_peak()?;
        let (fitted, cost) = timed(|| algorithm.fit(&ratings, &mut Run::new(0, 1)?));
        drop(fitted?);
        let own = Answer { cpu: cost.cpu, peak: peak()? };
        let what = |of: &str| format!("`ease`, {items} items: CPU time over {of}");
        let times = |x: f64| format!("{x:.2} ×");
        if let Some(numpy) = &numpy {
            section.verdicts.push(Verdict::at_most(
                what("numpy.linalg.inv"),
                own.cpu / numpy.cpu,
                1.0,
                times,
            ));
        }
        section.verdicts.push(Verdict::at_most(what("spotrf and spotri"), own.cpu / lapack.cpu, 1.0, times));
        let cells = |answer: Option<&Answer>| match answer {
            Some(Answer { cpu, peak }) => [format!("{cpu:.1}"), format!("{:.2}", peak / 1e9)],
            None => ["", ""].map(str::to_owned),
        };
        let ([a, b], [c, d], [e, f]) = (cells(numpy.as_ref()), cells(Some(&lapack)), cells(Some(&own)));
        let rate = (ratings.items() as f64).powi(3) / own.cpu / 1e9;
        table.row([ratings.items().to_string(), a, b, c, d, e, f, format!("{rate:.0}")]);
    }
    section.tables.push(table);
    section.notes.push(
        "The operations are counted as n³: half of a symmetric matrix, a multiplication and an addition for each of n³/2 entries and blocks."
            .to_owned(),
    );
    Ok(section)
}

/// λ that others found best for Gowalla; a search of our own would take hours.
const GOWALLA_REG: f64 = 80.0;

/// One fit on Gowalla, 40,981 items, and how well it ranks.
pub fn gowalla(bench: &Bench) -> Result<Section> {
    let python = Python::rankers()?;
    let ratings = bench.load("gowalla")?;
    let published = |split: &str| -> cofactor::error::Result<Vec<(User, Item)>> {
        bench.official("gowalla", split, &ratings)
    };
    let fold = split::plan("lightgcn".parse()?, &ratings, 0, &published)?.fold(0);
    let items = ratings.items();
    let mut peer = python.ranking(bench, &fold.train)?;
    let told = json!({ "task": "invert", "items": items, "reg": GOWALLA_REG, "lapack": true });
    let lapack: Answer = serde_json::from_str(&peer.ask(&told.to_string())?)?;
    drop(peer);
    let algorithm = model("ease", None, &[("reg", &GOWALLA_REG.to_string())])?;
    forget_peak()?;
    let (fitted, cost) = timed(|| algorithm.fit(&fold.train, &mut Run::new(0, 1)?));
    let fitted = fitted?;
    let own = Answer { cpu: cost.cpu, peak: peak()? };
    let asked = Asked::parse("recall@20,ndcg@20", None)?;
    let found = rank(&*fitted, &fold, &asked, &thread_pool(0)?)?.figures();
    let mut section = Section {
        title: "EASE on Gowalla".to_owned(),
        how: format!(
            "The training part of Gowalla in the split of LightGCN, {items} items, λ = {GOWALLA_REG}, one thread, measured once; {}. Cofactor's time is that of the whole fit, LAPACK's (`spotrf` and `spotri` in place by \
             SciPy, f32) that of the inverse alone. Memory is the peak of the process. The ranking is that of `cofactor evaluate gowalla --split lightgcn --model ease --set reg=80`.",
            python.version(&["numpy", "scipy"])
        ),
        ..Section::default()
    };
    section.verdicts.push(Verdict::at_most(
        format!("`ease`, Gowalla, {items} items: CPU time over spotrf and spotri"),
        own.cpu / lapack.cpu,
        1.0,
        |x| format!("{x:.2} ×"),
    ));
    let mut table = Table::new(["", "CPU s", "GB", "GFLOP/s", "recall@20", "ndcg@20"]);
    let of = |metric: &str| format!("{:.4}", found.metrics[metric].mean);
    for (name, Answer { cpu, peak }, quality) in
        [("LAPACK", lapack, ["", ""].map(str::to_owned)), ("Cofactor", own, ["recall@20", "ndcg@20"].map(of))]
    {
        let [recall, ndcg] = quality;
        let rate = (items as f64).powi(3) / cpu / 1e9;
        table.row([
            name.to_owned(),
            format!("{cpu:.0}"),
            format!("{:.2}", peak / 1e9),
            format!("{rate:.0}"),
            recall,
            ndcg,
        ]);
    }
    section.tables.push(table);
    Ok(section)
}

fn synthetic(items: usize) -> Result<Ratings> {
    let written = format!("synth:users={items},items={items},ratings={},k=8", 20 * items);
    Ok(synth::generate(&Synth::parse(&written)?)?.ratings)
}
