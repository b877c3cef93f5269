//! How fast `ials` lowers its objective, beside implicit and irspack, and how near its Cholesky path comes to what the processor can do.

use std::hint::black_box;
use std::ops::ControlFlow;

use anyhow::Result;
use cofactor::data::ids::{Item, User};
use cofactor::data::ratings::Ratings;
use cofactor::data::split;
use cofactor::data::synth::{self, Synth};
use cofactor::fit::run::Run;
use cofactor_kernels::{Isa, fused};
use serde::Deserialize;
use serde_json::json;

use crate::bench::{Bench, model};
use crate::figure::linear::{forget_peak, peak};
use crate::measure::{Sample, timed};
use crate::page::{Section, Table, Verdict};
use crate::peer::Python;
use crate::rankers::{Fitted, Rankers, Settings};

const EPOCHS: usize = 15;
/// Factors, what share of the peer's CPU time Cofactor may take, and repeats: the peers take minutes.
const RANKS: [(usize, f64, usize); 3] = [(64, 1.0 / 3.0, 5), (128, 0.5, 3), (256, 0.5, 1)];
/// Factors of the comparison by Cholesky factors, which take the peers longest.
const EXACT: usize = 64;
/// As large as MovieLens 20M.
const LARGE: &str = "synth:users=140000,items=27000,ratings=20000000,k=16";
const HEAD: [&str; 9] = [
    "data",
    "k",
    "peer",
    "peer, CPU s",
    "Cofactor",
    "epochs",
    "CPU s",
    "share of the peer's",
    "same epochs, objective over the peer's",
];
/// How Cofactor may go about it: all are tried, the fastest is compared.
const WAYS: [&[(&str, &str)]; 5] = [
    &[("solver", "cholesky")],
    &[("solver", "cg"), ("cg_steps", "1")],
    &[("solver", "cg"), ("cg_steps", "2")],
    &[("solver", "cg"), ("cg_steps", "3")],
    &[("solver", "blocks"), ("block", "64")],
];
/// The share of all fused multiply-adds that a thread can do which the Cholesky path should reach.
const SHARE: f64 = 0.5;
/// Rounds of fused multiply-adds: some tenths of a second.
const FUSED: u32 = 100_000_000;
/// The size of a large product.
const SQUARE: usize = 2048;

/// An objective, (2) of `ials`, with constant confidence.
#[derive(Clone, Copy)]
struct Problem {
    peer: &'static str,
    unobserved: f64,
    reg: f64,
    power: f64,
    /// Whether the pull to zero holds for all pairs, or for those that were not taken.
    all: bool,
}

/// The data, the first of [`RANKS`] that are compared on them, and the problems that the peers are asked to solve on it: irspack has λ grow with a row's pairs, implicit has not.
const DATA: [(&str, &str, usize, [Problem; 2]); 2] = [
    (
        "ml-1m",
        "MovieLens 1M",
        3,
        [
            Problem { peer: "irspack", unobserved: 0.3, reg: 0.007, power: 1.0, all: true },
            Problem { peer: "implicit", unobserved: 0.25, reg: 2.5, power: 0.0, all: false },
        ],
    ),
    (
        "gowalla",
        "Gowalla",
        3,
        [
            Problem { peer: "irspack", unobserved: 0.01, reg: 0.003, power: 1.0, all: true },
            Problem { peer: "implicit", unobserved: 0.01, reg: 1.0, power: 0.0, all: false },
        ],
    ),
];

/// Compares on both data sets.
pub fn measure(bench: &Bench) -> Result<Section> {
    let python = Python::rankers()?;
    let mut section = Section {
        title: "Alternating least squares over all pairs".to_owned(),
        how: format!(
            "MovieLens 1M (all ratings count as taken) and the training part of Gowalla in the split of LightGCN, one thread, 5, 3 and 1 repeats in turns for k = 64, 128 and 256; {}. Each peer runs {EPOCHS} epochs with its own \
             conjugate gradients of 3 steps, the faster of its solvers, on the objective that it has: irspack that of Rendle et al. (λ grows with a row's pairs, ν = 1), implicit that of Hu et al. (it does not). The objective of its \
             factors is computed here, in f64. Cofactor's time is that of a whole fit, set-up included, which ends after the first epoch that is as low; with momentum and balance, by the solver that was fastest in a first round. \"Same epochs\" is Cofactor's \
             objective after {EPOCHS} epochs of Cholesky factors without momentum, over the peer's after {EPOCHS} of its own Cholesky path, at k = {EXACT}.",
            python.version(&["implicit", "irspack", "numpy", "scipy"])
        ),
        ..Section::default()
    };
    let mut table = Table::new(HEAD);
    let mut limit = Table::new([
        "data",
        "k",
        "CPU s an epoch, Cholesky",
        "GFLOP/s",
        "fused multiply-adds alone, GFLOP/s",
        "share",
        "OpenBLAS on a large product, GFLOP/s",
    ]);
    for (name, title, ranks, problems) in DATA {
        let taken = taken(bench, name)?;
        let mut peers = Peers(Rankers::start(bench, &python, &taken)?);
        for &(k, share, repeats) in &RANKS[..ranks] {
            for problem in problems {
                let contest = Contest { title, k, share, repeats, ways: &WAYS };
                contest.run(problem, &taken, &mut peers, &mut section, &mut table)?;
            }
            let Rates { seconds, rate, peak, product } = peers.rates(&problems[0], &taken, k)?;
            section.verdicts.push(Verdict::at_least(
                format!(
                    "`ials`, {title}, k = {k}: an epoch by Cholesky factors, share of the most that a thread can do"
                ),
                (rate.over(&peak)).median(),
                SHARE,
                |x| format!("{:.0} %", 100.0 * x),
            ));
            limit.row([
                title.to_owned(),
                k.to_string(),
                format!("{seconds:.3}"),
                format!("{rate:.1}"),
                format!("{peak:.1}"),
                format!("{:.2}", rate.over(&peak)),
                format!("{product:.1}"),
            ]);
        }
    }
    section.tables = vec![table, limit];
    section.notes.push(format!(
        "The operations of an epoch of the Cholesky path are those of the textbook's way, whatever way is taken: Nk(k + 1) for each side's sums over its N pairs, k³/3 + 2k² for each row that is solved and k(k + 1) for each row of Σ q qᵀ. \
         Rows with fewer pairs than factors take fewer, (6) of `ials`, which is how a rate can be above what is possible: fused multiply-adds on what stays in registers, as `cofactor doctor` measures them. \
         The large product is numpy's, of two matrices of {SQUARE}×{SQUARE}."
    ));
    Ok(section)
}

/// What counts as taken.
fn taken(bench: &Bench, name: &str) -> Result<Ratings> {
    let ratings = bench.load(name)?;
    if name != "gowalla" {
        return Ok(ratings);
    }
    let published =
        |split: &str| -> cofactor::error::Result<Vec<(User, Item)>> { bench.official(name, split, &ratings) };
    Ok(split::plan("lightgcn".parse()?, &ratings, 0, &published)?.fold(0).train)
}

/// A peer's objective, to be reached by Cofactor in a share of its time.
struct Contest {
    title: &'static str,
    k: usize,
    share: f64,
    repeats: usize,
    ways: &'static [&'static [(&'static str, &'static str)]],
}

impl Contest {
    fn run(
        &self,
        problem: Problem,
        taken: &Ratings,
        peers: &mut Peers<'_>,
        section: &mut Section,
        table: &mut Table,
    ) -> Result<()> {
        let Self { title, k, share, repeats, ways } = *self;
        let (first, goal) = peers.fit(problem, k, "CG", taken)?;
        let tried: Vec<Descent> =
            ways.iter().map(|way| problem.fit(taken, k, way, 4 * EPOCHS, goal)).collect::<Result<_>>()?;
        let reached = |place: &usize| tried[*place].objective <= goal;
        let fastest = (0..ways.len()).filter(reached).min_by(|&a, &b| tried[a].cpu.total_cmp(&tried[b].cpu));
        let Some(fastest) = fastest else { anyhow::bail!("{title}, k = {k}: {goal} is not reached") };
        let (mut spent, mut cpu, mut epochs) = (Sample::default(), Sample::default(), 0);
        for repeat in 0..repeats {
            spent.push(if repeat == 0 { first } else { peers.fit(problem, k, "CG", taken)?.0 });
            let descent = problem.fit(taken, k, ways[fastest], 4 * EPOCHS, goal)?;
            cpu.push(descent.cpu);
            epochs = descent.epochs;
        }
        let ratio = cpu.over(&spent);
        let what = |about: &str| format!("`ials` and {}, {title}, k = {k}: {about}", problem.peer);
        let percent = |x: f64| format!("{:.0} %", 100.0 * x);
        section.verdicts.push(Verdict::at_most(
            what("CPU time to its objective, share"),
            ratio.median(),
            share,
            percent,
        ));
        let exact = if k == EXACT && repeats > 1 { Some(peers.exact(problem, k, taken)?) } else { None };
        if let Some(exact) = exact {
            let what = what("objective after as many epochs of Cholesky factors, over its");
            section.verdicts.push(Verdict::at_most(what, exact, 1.0001, |x| format!("{x:.5}")));
        }
        let way = ways[fastest].iter().map(|(name, value)| format!("{name} = {value}"));
        table.row([
            title.to_owned(),
            k.to_string(),
            problem.peer.to_owned(),
            spent.to_string(),
            way.collect::<Vec<_>>().join(", "),
            epochs.to_string(),
            cpu.to_string(),
            format!("{ratio:.2}"),
            exact.map_or_else(String::new, |exact| format!("{:+.1e}", exact - 1.0)),
        ]);
        eprintln!("{title} {k} {}: {spent} {cpu} {ratio}", problem.peer);
        Ok(())
    }
}

/// The synthetic 20 M set: each peer once, and the memory of both.
pub fn large(bench: &Bench) -> Result<Section> {
    let python = Python::rankers()?;
    let mut section = Section {
        title: "Alternating least squares over all pairs of a large set".to_owned(),
        how: format!(
            "`{LARGE}`, all ratings count as taken, one thread, each measured once; otherwise as on the smaller sets. Memory is the peak of the process while it fits, the ratings in it; \
             implicit's process holds them in SciPy's matrix and reads nothing else. {}.",
            python.version(&["implicit", "irspack", "numpy", "scipy"])
        ),
        ..Section::default()
    };
    let mut table = Table::new(HEAD);
    let taken = synth::generate(&Synth::parse(LARGE)?)?.ratings;
    let (_, _, _, problems) = DATA[0];
    let (k, share, _) = RANKS[0];
    let mut memory = Table::new(["", "peak memory while fitting, GB"]);
    let mut peaks = Vec::new();
    for problem in problems {
        // A process for each, so that each has a peak of its own.
        let mut peers = Peers(Rankers::start(bench, &python, &taken)?);
        forget_peak()?;
        let contest = Contest { title: "synthetic 20 M", k, share, repeats: 1, ways: &WAYS[..3] };
        contest.run(problem, &taken, &mut peers, &mut section, &mut table)?;
        peaks.push((problem.peer, peers.0.peak()?));
        peaks.push(("Cofactor", peak()?));
    }
    for (name, peak) in &peaks {
        memory.row([(*name).to_owned(), format!("{:.2}", peak / 1e9)]);
    }
    let of = |wanted: &str| {
        peaks.iter().filter(|(name, _)| *name == wanted).map(|(_, peak)| *peak).fold(0.0, f64::max)
    };
    section.verdicts.push(Verdict::at_most(
        format!("`ials`, synthetic 20 M, k = {k}: peak memory over implicit's"),
        of("Cofactor") / of("implicit"),
        1.0,
        |x| format!("{x:.2} ×"),
    ));
    section.tables = vec![table, memory];
    Ok(section)
}

/// The peers, asked for objectives.
struct Peers<'a>(Rankers<'a>);

impl Peers<'_> {
    /// CPU seconds of the peer's fit and its objective.
    fn fit(
        &mut self,
        problem: Problem,
        k: usize,
        solver: &'static str,
        taken: &Ratings,
    ) -> Result<(f64, f64)> {
        let Problem { peer, unobserved, reg, power, .. } = problem;
        let Fitted { cpu, factors } =
            self.0.fit(Settings { peer, k, epochs: EPOCHS, solver, unobserved, reg, power })?;
        Ok((cpu, problem.objective(taken, &factors.users, &factors.items, k)))
    }

    /// Cofactor's objective over the peer's, both after [`EPOCHS`] by Cholesky factors.
    fn exact(&mut self, problem: Problem, k: usize, taken: &Ratings) -> Result<f64> {
        let (_, theirs) = self.fit(problem, k, "CHOLESKY", taken)?;
        let way = [("solver", "cholesky"), ("momentum", "false")];
        Ok(problem.fit(taken, k, &way, EPOCHS, f64::MIN)?.objective / theirs)
    }

    /// Of an epoch by Cholesky factors, in turns with what bounds it.
    fn rates(&mut self, problem: &Problem, taken: &Ratings, k: usize) -> Result<Rates> {
        #[derive(Deserialize)]
        struct Rate {
            rate: f64,
        }
        let mut rates = Rates::default();
        for _ in 0..2 {
            let cpu = |epochs| -> Result<f64> {
                let way = [("solver", "cholesky"), ("momentum", "false"), ("balance", "false")];
                Ok(problem.fit(taken, k, &way, epochs, f64::MIN)?.cpu)
            };
            let epoch = (cpu(3)? - cpu(1)?) / 2.0;
            rates.seconds.push(epoch);
            rates.rate.push(operations(taken, k) / epoch / 1e9);
            let ((done, _), cost) = timed(|| black_box(fused(Isa::detect(), FUSED)));
            rates.peak.push(done as f64 / cost.cpu / 1e9);
            let told = json!({ "task": "sgemm", "size": SQUARE });
            rates
                .product
                .push(serde_json::from_str::<Rate>(&self.0.process.ask(&told.to_string())?)?.rate / 1e9);
        }
        Ok(rates)
    }
}

/// CPU seconds of an epoch, and GFLOP/s: its own, of fused multiply-adds alone, and of the peer's product.
#[derive(Default)]
struct Rates {
    seconds: Sample,
    rate: Sample,
    peak: Sample,
    product: Sample,
}

/// Floating-point operations of an epoch by Cholesky factors.
fn operations(taken: &Ratings, k: usize) -> f64 {
    let k = k as f64;
    let solved = |counts: usize| counts as f64 * (k.powi(3) / 3.0 + 2.0 * k * k);
    let users = taken.user_counts().filter(|&count| count > 0).count();
    let items = taken.item_counts().into_iter().filter(|&count| count > 0).count();
    let all = (2 * taken.len() + taken.users() + taken.items()) as f64;
    all * k * (k + 1.0) + solved(users) + solved(items)
}

/// Where a fit has come to.
struct Descent {
    cpu: f64,
    epochs: usize,
    objective: f64,
}

impl Problem {
    /// A fit on one thread that ends when the objective is as low as the goal.
    fn fit(
        &self,
        taken: &Ratings,
        k: usize,
        way: &[(&str, &str)],
        epochs: usize,
        goal: f64,
    ) -> Result<Descent> {
        let numbers = [k.to_string(), epochs.to_string(), self.unobserved.to_string(), self.reg.to_string()];
        let (power, zeros) = (self.power.to_string(), if self.all { "all" } else { "untaken" });
        let mut set = vec![
            ("factors", &*numbers[0]),
            ("epochs", &*numbers[1]),
            ("unobserved", &*numbers[2]),
            ("reg", &*numbers[3]),
            ("reg_power", &*power),
            ("zeros", zeros),
        ];
        set.extend(way);
        let algorithm = model("ials", None, &set)?;
        let mut reached = Descent { cpu: 0.0, epochs: 0, objective: f64::INFINITY };
        let count = taken.len() as f64;
        let mut run = Run::new(0, 1)?.with_observer(|epoch| {
            reached.epochs += 1;
            reached.objective = count * epoch.train_rmse.powi(2);
            if reached.objective <= goal { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let (fitted, cost) = timed(|| algorithm.fit(taken, &mut run));
        fitted?;
        drop(run);
        reached.cpu = cost.cpu;
        Ok(reached)
    }

    /// The objective of any factors, in f64.
    fn objective(&self, taken: &Ratings, users: &[f32], items: &[f32], k: usize) -> f64 {
        let wide = |row: &[f32]| -> Vec<f64> { row.iter().map(|&entry| f64::from(entry)).collect() };
        let gram = |rows: &[f32]| {
            let mut gram = vec![0.0; k * k];
            for row in rows.chunks_exact(k).map(wide) {
                for (gram, &x) in gram.chunks_exact_mut(k).zip(&row) {
                    for (sum, &y) in gram.iter_mut().zip(&row) {
                        *sum += x * y;
                    }
                }
            }
            gram
        };
        let squares: f64 = gram(users).iter().zip(gram(items)).map(|(a, b)| a * b).sum();
        let mut total = self.unobserved * squares;
        for rating in taken.iter() {
            let (p, q) = (&users[rating.user.index() * k..][..k], &items[rating.item.index() * k..][..k]);
            let score: f64 = p.iter().zip(q).map(|(&p, &q)| f64::from(p) * f64::from(q)).sum();
            total += (1.0 - score).powi(2);
            if !self.all {
                total -= self.unobserved * score * score;
            }
        }
        let held = |rows: &[f32], counts: &[usize], others: usize| -> f64 {
            let row = |(row, &count): (&[f32], &usize)| {
                let weight = (count as f64 + self.unobserved * others as f64).powf(self.power);
                weight * row.iter().map(|&entry| f64::from(entry).powi(2)).sum::<f64>()
            };
            rows.chunks_exact(k).zip(counts).map(row).sum()
        };
        let by_user: Vec<usize> = taken.user_counts().collect();
        total
            + self.reg * held(users, &by_user, taken.items())
            + self.reg * held(items, &taken.item_counts(), taken.users())
    }
}
