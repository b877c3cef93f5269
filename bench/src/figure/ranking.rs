//! How well models rank what people take, on two published divisions that others report on.

use std::ops::ControlFlow;

use anyhow::Result;
use cofactor::data::ids::{Item, User};
use cofactor::data::split;
use cofactor::eval::evaluate::{Options, evaluate};
use cofactor::eval::metric::Estimate;
use cofactor::eval::ranking::{Asked, rank};
use cofactor::fit::run::thread_pool;

use crate::bench::{Bench, model};
use crate::measure::Sample;
use crate::page::{Section, Table, Verdict};
use crate::peer::Python;
use crate::rankers::{Fitted, Rankers, Settings};

/// A model with its parameters, on one of the divisions.
struct Contestant {
    model: &'static str,
    preset: Option<&'static str>,
    set: &'static [(&'static str, &'static str)],
    /// Of a model without random draws one.
    seeds: u64,
    /// What both metrics should reach.
    wanted: Option<[f64; 2]>,
}

/// One of the divisions.
struct Contest {
    data: &'static str,
    name: &'static str,
    split: &'static str,
    metrics: [&'static str; 2],
    how: &'static str,
    contestants: &'static [Contestant],
    /// What peers are asked to fit on the same training part.
    peers: &'static [Settings],
}

const SOME: &[(&str, &str)] = &[];
/// λ and α₀ as others chose them on a tenth of the training part; epochs, of some from 1 to 10, by `user:0.2` of it.
const GOWALLA_64: &[(&str, &str)] =
    &[("factors", "64"), ("unobserved", "0.01"), ("reg", "0.003"), ("epochs", "3")];
const GOWALLA_128: &[(&str, &str)] =
    &[("factors", "128"), ("unobserved", "0.01"), ("reg", "0.003"), ("epochs", "4")];
const GOWALLA_256: &[(&str, &str)] =
    &[("factors", "256"), ("unobserved", "0.01"), ("reg", "0.003"), ("epochs", "4")];

/// The same objective as that of `ials` here.
const fn irspack(k: usize, epochs: usize) -> Settings {
    Settings { peer: "irspack", k, epochs, solver: "CG", unobserved: 0.01, reg: 0.003, power: 1.0 }
}

/// Its λ holds each row alike.
const fn implicit(k: usize, epochs: usize) -> Settings {
    Settings { peer: "implicit", k, epochs, solver: "CG", unobserved: 0.01, reg: 1.0, power: 0.0 }
}

const MOVIELENS: Contest = Contest {
    data: "ml-1m-ncf",
    name: "MovieLens 1M, 99 negatives",
    split: "ncf",
    metrics: ["hitrate@10", "ndcg@10"],
    how: "MovieLens 1M in the split of He et al. 2017: each user's last film among 99 given ones. The parameters of `ials` are those of Rendle et al. 2022 for this split, who did not look at its test part; a search of a dozen settings \
              around them on the last film of each user's training part found none that is better there by more than the noise. Target: iALS as irspack reproduces it. The command's own way: \
              `cofactor evaluate ml-1m-ncf --split ncf --model ials --preset ml-1m-ncf --seed S`.",
    contestants: &[
        Contestant {
            model: "ials",
            preset: Some("ml-1m-ncf"),
            set: SOME,
            seeds: 3,
            wanted: Some([0.731, 0.453]),
        },
        Contestant { model: "ease", preset: None, set: SOME, seeds: 1, wanted: None },
        Contestant { model: "popular", preset: None, set: SOME, seeds: 1, wanted: None },
    ],
    peers: &[],
};

const GOWALLA: Contest = Contest {
    data: "gowalla",
    name: "Gowalla",
    split: "lightgcn",
    metrics: ["recall@20", "ndcg@20"],
    how: "Gowalla in the split of LightGCN (He et al. 2020): given training and test items, all items ranked that are not in the user's training part, recall over all of a user's test items. The parameters of `chebycf` are \
              those of its authors' program for this split; those of `ccl`, and λ and α₀ of `ials`, were chosen on a tenth of the training part, the epochs of `ials` on a fifth of it; the peers get as many, and 10. Targets: ChebyCF, and for `ccl`, a pure factorization with 64 factors, the MF-CCL of Mao et al. 2021, \
              who chose its parameters on the test part. The command's own way: `cofactor evaluate gowalla --split lightgcn --model chebycf --preset gowalla`, `… --model ccl --preset gowalla --seed S`, `… --model ials --set factors=64 --set unobserved=0.01 --set reg=0.003 --set epochs=3 --seed S`.",
    contestants: &[
        Contestant {
            model: "chebycf",
            preset: Some("gowalla"),
            set: SOME,
            seeds: 1,
            wanted: Some([0.1941, 0.1616]),
        },
        Contestant {
            model: "ccl",
            preset: Some("gowalla"),
            set: SOME,
            seeds: 3,
            wanted: Some([0.1837, 0.1493]),
        },
        Contestant { model: "ials", preset: None, set: GOWALLA_64, seeds: 3, wanted: None },
        Contestant { model: "ials", preset: None, set: GOWALLA_128, seeds: 3, wanted: None },
        Contestant { model: "ials", preset: None, set: GOWALLA_256, seeds: 3, wanted: None },
        Contestant { model: "popular", preset: None, set: SOME, seeds: 1, wanted: None },
    ],
    peers: &[
        irspack(64, 3),
        irspack(64, 10),
        irspack(128, 4),
        irspack(128, 10),
        irspack(256, 4),
        irspack(256, 10),
        implicit(64, 3),
        implicit(64, 10),
        implicit(128, 4),
        implicit(128, 10),
        implicit(256, 4),
        implicit(256, 10),
    ],
};

/// Ranks by the protocol of He et al.
pub fn movielens(bench: &Bench) -> Result<Section> {
    MOVIELENS.measured(bench)
}

/// Ranks by the protocol of LightGCN.
pub fn gowalla(bench: &Bench) -> Result<Section> {
    GOWALLA.measured(bench)
}

impl Contest {
    fn measured(&self, bench: &Bench) -> Result<Section> {
        let mut section = Section {
            title: format!("Quality of rankings: {}", self.name),
            how: format!(
                "{} Nothing was tuned on the test part. Several seeds: the mean, with Student's 95 % interval over the seeds. \"Over users\" is the 95 % interval over the users of the first seed, which says how far the \
                 figure would carry over to others.",
                self.how
            ),
            ..Section::default()
        };
        let table = self.held(bench, &mut section.verdicts)?;
        section.tables.push(table);
        if !self.peers.is_empty() {
            section.tables.push(self.beside(bench)?);
        }
        Ok(section)
    }

    fn held(&self, bench: &Bench, verdicts: &mut Vec<Verdict>) -> Result<Table> {
        let [first, second] = self.metrics;
        let head = ["", "parameters", first, "over users", second, "over users", "CPU s to fit"];
        let mut table = Table::new(head);
        let ratings = bench.load(self.data)?;
        let published = |split: &str| -> cofactor::error::Result<Vec<(User, Item)>> {
            bench.official(self.data, split, &ratings)
        };
        let plan = split::plan(self.split.parse()?, &ratings, 0, &published)?;
        for contestant in self.contestants {
            let runs: Vec<([Estimate; 2], f64)> =
                (0..contestant.seeds).map(|seed| self.run(contestant, &plan, seed)).collect::<Result<_>>()?;
            let over_seeds = |at: usize| -> Sample { runs.iter().map(|(found, _)| found[at].mean).collect() };
            for (at, metric) in self.metrics.into_iter().enumerate() {
                if let Some(wanted) = contestant.wanted {
                    let what = format!("{}: `{}`, {metric}", self.name, contestant.named());
                    verdicts.push(Verdict::at_least(what, over_seeds(at).mean(), wanted[at], four));
                }
            }
            let over_users = |at: usize| {
                let Estimate { low, high, .. } = runs[0].0[at];
                low.zip(high).map_or_else(String::new, |(low, high)| format!("{low:.4}–{high:.4}"))
            };
            let fit: Sample = runs.iter().map(|(_, cpu)| *cpu).collect();
            table.row([
                format!("{}: `{}`", self.name, contestant.model),
                contestant.parameters(),
                with_interval(&over_seeds(0)),
                over_users(0),
                with_interval(&over_seeds(1)),
                over_users(1),
                format!("{:.1}", fit.median()),
            ]);
        }
        Ok(table)
    }

    /// The factorizations of the peers, judged here.
    fn beside(&self, bench: &Bench) -> Result<Table> {
        let [first, second] = self.metrics;
        let mut table = Table::new(["peer", "parameters", first, second, "CPU s to fit"]);
        let ratings = bench.load(self.data)?;
        let published = |split: &str| -> cofactor::error::Result<Vec<(User, Item)>> {
            bench.official(self.data, split, &ratings)
        };
        let fold = split::plan(self.split.parse()?, &ratings, 0, &published)?.fold(0);
        let mut rankers = Rankers::start(bench, &Python::rankers()?, &fold.train)?;
        let asked = Asked::parse(&self.metrics.join(","), None)?;
        for &settings in self.peers {
            let Fitted { cpu, factors } = rankers.fit(settings)?;
            let found = rank(&factors, &fold, &asked, &thread_pool(0)?)?.figures();
            let of = |metric: &str| four(found.metrics[metric].mean);
            let Settings { peer, k, epochs, unobserved, reg, power, .. } = settings;
            eprintln!("{} {peer}, k = {k}: {} {}", self.data, of(first), of(second));
            let parameters = format!("k = {k}, α₀ = {unobserved}, λ = {reg}, ν = {power}, {epochs} epochs");
            table.row([peer.to_owned(), parameters, of(first), of(second), format!("{cpu:.1}")]);
        }
        Ok(table)
    }

    fn run(
        &self,
        contestant: &Contestant,
        plan: &split::Plan<'_>,
        seed: u64,
    ) -> Result<([Estimate; 2], f64)> {
        let algorithm = model(contestant.model, contestant.preset, contestant.set)?;
        let asked = Asked::parse(&self.metrics.join(","), None)?;
        let options = Options { seed, ranking: Some(asked), ..Options::default() };
        let evaluation =
            evaluate(&*algorithm, plan, &options, &mut |_| ControlFlow::Continue(()))?.evaluation;
        let ranking = evaluation.ranking.expect("rankings were asked for");
        let found = self.metrics.map(|metric| ranking.metrics[metric].clone());
        eprintln!(
            "{} {} {}, seed {seed}: {:.4} {:.4}, {:.0} s of CPU to fit, {:.0} s to evaluate",
            self.data,
            contestant.model,
            contestant.parameters(),
            found[0].mean,
            found[1].mean,
            evaluation.seconds.fit_cpu,
            evaluation.seconds.evaluate
        );
        Ok((found, evaluation.seconds.fit_cpu))
    }
}

impl Contestant {
    fn named(&self) -> String {
        match self.set.iter().find(|(name, _)| *name == "factors") {
            Some((_, factors)) => format!("{}, k = {factors}", self.model),
            None => self.model.to_owned(),
        }
    }

    fn parameters(&self) -> String {
        let preset = self.preset.map(|name| format!("preset {name}"));
        let set = self.set.iter().map(|(name, value)| format!("{name} = {value}"));
        let all: Vec<String> = preset.into_iter().chain(set).collect();
        if all.is_empty() { "defaults".to_owned() } else { all.join(", ") }
    }
}

fn with_interval(seeds: &Sample) -> String {
    match seeds.len() {
        1 => four(seeds.mean()),
        n => format!("{:.4} ± {:.4} ({n} seeds)", seeds.mean(), seeds.half_width()),
    }
}

fn four(x: f64) -> String {
    format!("{x:.4}")
}
