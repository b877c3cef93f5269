//! How fast the service answers: percentiles at a steady rate, the rate at saturation, a large catalogue, and the first answer after the start.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use cofactor::data::attributes::Attributes;
use cofactor::data::ids::{IdMap, Item};
use cofactor::data::ratings::{Catalog, Ratings, Scale};
use cofactor::fit::model::Tensors;
use cofactor::store::ModelFile;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use serde_json::json;

use crate::bench::{Bench, cofactor, model};
use crate::load::{Load, Oha, Service};
use crate::machine::run;
use crate::measure::{Sample, timed};
use crate::page::{Section, Table, Verdict};

const FACTORS: usize = 64;
/// Requests a second, and the percentile that is wanted of a list and of folding in, in milliseconds.
const RATE: u32 = 1_000;
const LIST: f64 = 2.0;
const FOLD_IN: f64 = 5.0;
/// Answers a second that are wanted where requests come as fast as they can.
const SATURATED: f64 = 8_000.0;
/// A large catalogue, and how long a list of it may take, in milliseconds.
const ITEMS: usize = 1_000_000;
const USERS: usize = 1_000;
const LARGE: f64 = 15.0;
/// From the start of the process to the first answer, in milliseconds.
const FIRST: f64 = 200.0;
/// How many ratings a newcomer brings.
const RATINGS: usize = 20;
/// How many newcomers take turns.
const NEWCOMERS: usize = 1_000;
/// The users 1,000 to 5,999 of MovieLens 1M's 6,040.
const SOMEBODY: &str = "/v1/users/[1-5][0-9][0-9][0-9]/recommendations";

/// Measures MovieLens 1M and the large catalogue.
pub fn measure(bench: &Bench) -> Result<Section> {
    let (command, oha) = (cofactor()?, Oha::find()?);
    let mut section = Section {
        title: "The service".to_owned(),
        how: format!(
            "`cofactor serve` on loopback, and {} on the same cores, which it shares; percentiles are oha's own. At a rate, latencies count from the moment at which a request was due \
             (`--latency-correction`), so that a pause counts for all who wait. Lists have 10 picks; each request is for another user, or brings other ratings. MovieLens 1M: `mf`, k = {FACTORS}, trained on all \
             ratings. {} repeats.",
            Oha::version(),
            bench.repeats
        ),
        ..Section::default()
    };
    let movielens = bench.scratch("ml-1m.cofactor");
    let mut train = Command::new(&command);
    train.args(["train", "ml-1m", "--model", "mf", "--set", &format!("factors={FACTORS}"), "--output"]);
    run(train.arg(&movielens))?;
    first_answer(bench, &command, &movielens, &mut section)?;
    at_a_rate(bench, &oha, &Service::start(&command, &movielens)?, &mut section)?;
    large(bench, &oha, &command, &mut section)?;
    Ok(section)
}

/// From the start of the process to the first list.
fn first_answer(bench: &Bench, command: &Path, file: &Path, section: &mut Section) -> Result<()> {
    let mut times = Sample::default();
    for _ in 0..3 * bench.repeats {
        let start = Instant::now();
        Service::start(command, file)?.get("/v1/users/1000/recommendations")?;
        times.push(1e3 * start.elapsed().as_secs_f64());
    }
    let bytes = std::fs::metadata(file)?.len() as f64 / 1e6;
    let mut table = Table::new(["model file, MB", "to the first answer, ms"]);
    table.row([format!("{bytes:.1}"), format!("{times:.0}")]);
    section.tables.push(table);
    let what = "the service's first answer after its start, MovieLens 1M, k = 64";
    section.verdicts.push(Verdict::at_most(what, times.median(), FIRST, milliseconds));
    Ok(())
}

/// Lists and folding in at a steady rate, and lists as fast as they come.
fn at_a_rate(bench: &Bench, oha: &Oha, service: &Service, section: &mut Section) -> Result<()> {
    let bodies = newcomers(bench)?;
    let (list, fold_in) = (service.url(SOMEBODY), service.url("/v1/recommend"));
    let rate = RATE.to_string();
    let steady = ["-z", "5s", "-c", "32", "-q", &rate, "--latency-correction"];
    let flat_out = ["-z", "5s", "-c", "32"];
    let known = ["--rand-regex-url", &list];
    let bodies = bodies.to_string_lossy();
    let new = ["-m", "POST", "-T", "application/json", "-Z", &bodies, &fold_in];
    let tasks: [(&str, Vec<&str>); 4] = [
        ("a known user's list, 1,000 a second", [&steady[..], &known].concat()),
        ("20 ratings folded in, list with reasons, 1,000 a second", [&steady[..], &new].concat()),
        ("a known user's list, saturated", [&flat_out[..], &known].concat()),
        ("20 ratings folded in, list with reasons, saturated", [&flat_out[..], &new].concat()),
    ];
    let mut loads: [Vec<Load>; 4] = [const { Vec::new() }; 4];
    for (_, arguments) in &tasks {
        oha.load(&[&["-n", "2000"], &arguments[2..]].concat())?;
    }
    for _ in 0..bench.repeats {
        for (loads, (_, arguments)) in loads.iter_mut().zip(&tasks) {
            loads.push(oha.load(arguments)?);
        }
    }
    let mut table =
        Table::new(["request", "answers a second", "p50, ms", "p99, ms", "p99.9, ms", "slowest, ms"]);
    for ((what, _), loads) in tasks.iter().zip(&loads) {
        table.row(row(what, loads));
    }
    section.tables.push(table);
    let median = |loads: &[Load], of: fn(&Load) -> f64| loads.iter().map(of).collect::<Sample>().median();
    let at = |what: &str| format!("{what}, MovieLens 1M, k = 64, p99 at 1,000 requests a second");
    let p99 = |loads| median(loads, |load| load.p99);
    section.verdicts.extend([
        Verdict::at_most(at("a known user's list"), p99(&loads[0]), LIST, milliseconds),
        Verdict::at_most(
            at("20 ratings folded in, list with reasons"),
            p99(&loads[1]),
            FOLD_IN,
            milliseconds,
        ),
        Verdict::at_least(
            "lists of known users at saturation, MovieLens 1M, k = 64, load generator on the same cores",
            median(&loads[2], |load| load.rate),
            SATURATED,
            |rate| format!("{rate:.0} a second"),
        ),
    ]);
    Ok(())
}

fn row(what: &str, loads: &[Load]) -> [String; 6] {
    let of = |value: fn(&Load) -> f64| loads.iter().map(value).collect::<Sample>();
    let [p50, p99, p999, slowest] =
        [|l: &Load| l.p50, |l: &Load| l.p99, |l: &Load| l.p999, |l: &Load| l.slowest]
            .map(|value| of(value).to_string());
    [what.to_owned(), format!("{:.0}", of(|load| load.rate)), p50, p99, p999, slowest]
}

fn milliseconds(ms: f64) -> String {
    format!("{ms:.2} ms")
}

/// A file with a request on each line: ratings of as many different items as there are, drawn from the catalogue.
fn newcomers(bench: &Bench) -> Result<PathBuf> {
    let ratings = bench.load("ml-1m")?;
    let mut random = Pcg64::seed_from_u64(1);
    let mut lines = String::new();
    for _ in 0..NEWCOMERS {
        let mut items: Vec<u32> = Vec::new();
        while items.len() < RATINGS {
            let item = random.random_range(0..ratings.items() as u32);
            if !items.contains(&item) {
                items.push(item);
            }
        }
        let mut rated = items.into_iter().map(|item| {
            let id = ratings.catalog().item_id(Item(item)).to_string();
            json!({"item": id, "value": random.random_range(1..=5)})
        });
        let body = json!({"ratings": rated.by_ref().collect::<Vec<_>>(), "n": 10, "reasons": 3});
        lines += &body.to_string();
        lines.push('\n');
    }
    let path = bench.scratch("newcomers.txt");
    std::fs::write(&path, lines)?;
    Ok(path)
}

/// Exact lists of a large catalogue, one request at a time, beside what it takes to read the factors once.
fn large(bench: &Bench, oha: &Oha, command: &Path, section: &mut Section) -> Result<()> {
    let file = large_model()?;
    let factors = file.model.factors().context("a model with factors")?;
    let mut out = vec![0.0; ITEMS];
    let (mut read, mut product) = (Sample::default(), Sample::default());
    for _ in 0..3 * bench.repeats {
        let (_, cost) = timed(|| std::hint::black_box(sum(factors.items.as_slice())));
        read.push(1e3 * cost.wall);
        let ((), cost) = timed(|| {
            cofactor_kernels::dot_rows(factors.isa, factors.users.row(0), factors.items.as_slice(), &mut out);
        });
        product.push(1e3 * cost.wall);
    }
    let path = bench.scratch("large.cofactor");
    file.save(&path)?;
    drop(file);
    let service = Service::start(command, &path)?;
    let url = service.url("/v1/users/[1-9][0-9][0-9]/recommendations");
    let mut loads = Vec::new();
    for _ in 0..bench.repeats {
        loads.push(oha.load(&["-n", "200", "-c", "1", "--rand-regex-url", &url])?);
    }
    let mut table = Table::new([
        "1,000,000 items × 64",
        "answers a second",
        "p50, ms",
        "p99, ms",
        "p99.9, ms",
        "slowest, ms",
    ]);
    table.row(row("a known user's list, one at a time", &loads));
    section.tables.push(table);
    let p50 = loads.iter().map(|load| load.p50).collect::<Sample>();
    section.notes.push(format!(
        "The vectors of {ITEMS} items take {:.0} MB. One thread reads them once in {read:.1} ms (a sum of all entries); their inner products with one vector, the kernel alone, take {product:.1} ms. \
         The scores are exact, and every item is looked at for each list; there is no approximate index.",
        (ITEMS * FACTORS * size_of::<f32>()) as f64 / 1e6
    ));
    let what = "an exact list of 10 from 1,000,000 items × 64, over HTTP, one request at a time, median";
    section.verdicts.push(Verdict::at_most(what, p50.median(), LARGE, milliseconds));
    Ok(())
}

/// The sum of all entries, in as many parts as it takes to keep up with the memory.
fn sum(entries: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 64];
    for chunk in entries.chunks_exact(64) {
        sums.iter_mut().zip(chunk).for_each(|(sum, entry)| *sum += entry);
    }
    sums.iter().sum()
}

/// A model with random vectors. Each item has one rating: what nobody has rated is not recommended.
fn large_model() -> Result<ModelFile> {
    let ids = |count: usize| IdMap::Integers((0..).take(count).collect());
    let catalog = Catalog {
        name: "random".to_owned(),
        users: ids(USERS),
        items: ids(ITEMS),
        user_attributes: Attributes::default(),
        item_attributes: Attributes::default(),
    };
    let each = ITEMS / USERS;
    let starts = (0..=USERS).map(|user| user * each).collect();
    let items =
        (0..USERS).flat_map(|user| (0..each).map(move |place| Item((place * USERS + user) as u32))).collect();
    let values = (0..ITEMS).map(|place| 1.0 + (place % 5) as f32).collect();
    let ratings = Ratings::from_rows(Arc::new(catalog), Scale { min: 1.0, max: 5.0 }, starts, items, values)
        .map_err(anyhow::Error::msg)?;
    let mut random = Pcg64::seed_from_u64(2);
    let mut drawn =
        |count: usize, size: f32| (0..count).map(|_| random.random_range(-size..size)).collect::<Vec<f32>>();
    let mut tensors = Tensors::default();
    let d = FACTORS + 1;
    let identity = (0..d * d).map(|place| f32::from(u8::from(place % (d + 1) == 0))).collect();
    tensors.insert("mean", &[1], vec![3.0]);
    tensors.insert("user_factors", &[USERS, FACTORS], drawn(USERS * FACTORS, 0.3));
    tensors.insert("item_factors", &[ITEMS, FACTORS], drawn(ITEMS * FACTORS, 0.3));
    tensors.insert("user_bias", &[USERS], drawn(USERS, 0.3));
    tensors.insert("item_bias", &[ITEMS], drawn(ITEMS, 0.3));
    tensors.insert("prior_mean", &[d], vec![0.0; d]);
    tensors.insert("prior_precision", &[d, d], identity);
    tensors.insert("unseen_item", &[d], vec![0.0; d]);
    let algorithm = model("mf", None, &[("factors", &FACTORS.to_string())])?;
    let restored = algorithm.restore(tensors, &ratings)?;
    Ok(ModelFile::new("mf", algorithm.config(), 0, ratings, restored))
}
