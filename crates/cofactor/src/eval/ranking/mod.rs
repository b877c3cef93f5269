//! How well a model ranks: what it puts before each user, held against what the user chose.
//!
//! Letters: user u has C candidates, R > 0 of which are relevant; N is the cutoff; p = 1 … C the ranks by falling score, rel(p) whether the item at rank p is
//! relevant, hits(p) how many are among the first p.
//!
//! **Candidates** are all items of the catalogue but those that the user rated in the training part (or brought along to be folded in), unless the protocol gives
//! a list. **Relevant** are the test items, or those with a rating from a threshold on; test items below it stay candidates. Users without a relevant item are
//! left out and counted. An item without training ratings is a candidate too: who cannot rank it pays for it.
//!
//! ```text
//! precision@N       hits(N) / N                                                              (1)
//! recall@N          hits(N) / R                                                              (2)
//! recall_capped@N   hits(N) / min(N, R)                     Liang et al. 2018                (3)
//! ndcg@N            Σ_{p≤N} rel(p)/log₂(p+1)  /  Σ_{p≤min(N,R)} 1/log₂(p+1)                  (4)
//! map@N             Σ_{p≤N} rel(p)·hits(p)/p  /  min(N, R)                                   (5)
//! mrr@N             1/p of the first relevant item, 0 if p > N                               (6)
//! hitrate@N         1 if hits(N) > 0, else 0                                                 (7)
//! auc               share of the pairs (relevant, other) in which the relevant one is first  (8)
//! epr               mean of (p−1)/(C−1) over the relevant items: 0 best, ½ chance            (9)
//! ```
//! **Ties**: each metric is its expectation over the orders of equal scores ([`ties`]), so a model that gives all items one score is worth as much as chance, and no
//! metric depends on the order of the ids. Without a cutoff, ndcg, map and mrr go over all ranks. Each user counts the same: M = (1/G) Σ_u x_u,
//! SE² = Σ_u (x_u − M)² / (G(G−1)), and the interval is M ± t·SE with Student's t at G−1 degrees of freedom. Over several folds a user's x_u is the mean of
//! those of the folds, so that a user stays one draw.
//!
//! (9) is the expected percentile rank of Hu, Koren & Volinsky 2008 with each relevant item counted once and each user the same. Models are asked without a time, as when
//! they recommend.

mod drive;
pub mod lists;
pub mod popularity;
pub mod ties;
mod values;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

pub(crate) use drive::score_all;
pub use drive::{rank, rank_scores};
pub use values::{RankingFigures, Rankings};

/// A metric of rankings with its definition.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RankingMetric {
    /// Its name: `ndcg`.
    pub name: &'static str,
    /// Its name in words.
    pub title: &'static str,
    /// Its formula.
    pub formula: &'static str,
    /// Whether it takes a cutoff.
    pub cutoff: Cutoff,
    /// Which values are good.
    pub better: Better,
}

/// Whether a metric takes a cutoff N.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cutoff {
    /// It means nothing without.
    Needed,
    /// Without one it goes over all ranks.
    Optional,
    /// It goes over all ranks.
    None,
}

/// Which values of a metric are good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// High ones.
    Higher,
    /// Low ones.
    Lower,
    /// That is for the reader to say: more novelty costs accuracy.
    Neither,
}

const fn metric(
    name: &'static str,
    title: &'static str,
    formula: &'static str,
    cutoff: Cutoff,
    better: Better,
) -> RankingMetric {
    RankingMetric { name, title, formula, cutoff, better }
}

/// Every metric of rankings, in the order of display. Those from `coverage` on describe the lists and not how well they fit; see [`lists`].
pub static RANKING_METRICS: &[RankingMetric] = &[
    metric(
        "ndcg",
        "discounted gain, as a share of the best order's",
        "Σ rel(p)/log₂(p+1) / Σ_{p≤min(N,R)} 1/log₂(p+1)",
        Cutoff::Optional,
        Better::Higher,
    ),
    metric(
        "recall",
        "share of the relevant items that are shown",
        "hits(N) / R",
        Cutoff::Needed,
        Better::Higher,
    ),
    metric(
        "recall_capped",
        "hits as a share of the most that N places allow",
        "hits(N) / min(N, R)",
        Cutoff::Needed,
        Better::Higher,
    ),
    metric(
        "precision",
        "share of the shown items that are relevant",
        "hits(N) / N",
        Cutoff::Needed,
        Better::Higher,
    ),
    metric(
        "map",
        "mean precision at the hits",
        "Σ rel(p)·hits(p)/p / min(N, R)",
        Cutoff::Optional,
        Better::Higher,
    ),
    metric("mrr", "reciprocal rank of the first hit", "1/p", Cutoff::Optional, Better::Higher),
    metric("hitrate", "share of the users with a hit", "hits(N) > 0", Cutoff::Needed, Better::Higher),
    metric(
        "auc",
        "share of pairs of a relevant and another item in the right order",
        "P(relevant before other)",
        Cutoff::None,
        Better::Higher,
    ),
    metric("epr", "expected percentile rank", "mean of (p−1)/(C−1)", Cutoff::None, Better::Lower),
    metric(
        "coverage",
        "share of the items that anybody is shown",
        "|∪_u L_u| / n",
        Cutoff::Needed,
        Better::Neither,
    ),
    metric(
        "gini",
        "how unequally items are shown: 0 all alike, 1 one alone",
        "Σ_j (2j−n−1)·x_j / (n·Σ_j x_j)",
        Cutoff::Needed,
        Better::Neither,
    ),
    metric(
        "novelty",
        "mean self-information of what is shown, in bits",
        "mean of −log₂(n_i/m)",
        Cutoff::Needed,
        Better::Neither,
    ),
    metric(
        "diversity",
        "how unlike the shown items are one another",
        "mean of 1 − s_ij over the pairs",
        Cutoff::Needed,
        Better::Neither,
    ),
    metric(
        "lift",
        "how much more popular than the user's own items the shown ones are",
        "mean n_i shown / mean n_i of the user − 1",
        Cutoff::Needed,
        Better::Neither,
    ),
];

/// A metric and its cutoff, as it is written: `ndcg@10`, `auc`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Measure {
    /// The metric.
    pub metric: &'static RankingMetric,
    /// N.
    pub cutoff: Option<usize>,
}

/// The largest cutoff: more is a list that nobody reads, and a mistake.
pub const MAX_CUTOFF: usize = 10_000;

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cutoff {
            Some(n) => write!(f, "{}@{n}", self.metric.name),
            None => f.write_str(self.metric.name),
        }
    }
}

impl FromStr for Measure {
    type Err = Error;

    fn from_str(written: &str) -> Result<Self> {
        let (name, cutoff) = match written.split_once('@') {
            Some((name, cutoff)) => (name, Some(cutoff)),
            None => (written, None),
        };
        let Some(metric) = RANKING_METRICS.iter().find(|metric| metric.name == name) else {
            let known = RANKING_METRICS.iter().map(|metric| metric.name.to_owned()).collect();
            return Err(Error::UnknownName { kind: "ranking metric", name: name.to_owned(), known });
        };
        let refuse =
            |expected: String, hint: String| Err(Error::parameter("metrics", written, expected, hint));
        match (metric.cutoff, cutoff.map(str::parse::<usize>)) {
            (Cutoff::Needed, None) => {
                refuse("a cutoff: how many items are shown".to_owned(), format!("write {name}@10"))
            }
            (Cutoff::None, Some(_)) => {
                refuse(format!("{name} without a cutoff: it goes over all ranks"), format!("write {name}"))
            }
            (_, Some(Ok(n))) if (1..=MAX_CUTOFF).contains(&n) => Ok(Self { metric, cutoff: Some(n) }),
            (_, Some(_)) => refuse(format!("a cutoff from 1 to {MAX_CUTOFF}"), format!("write {name}@10")),
            (_, None) => Ok(Self { metric, cutoff: None }),
        }
    }
}

impl From<Measure> for String {
    fn from(measure: Measure) -> Self {
        measure.to_string()
    }
}

impl TryFrom<String> for Measure {
    type Error = Error;

    fn try_from(written: String) -> Result<Self> {
        written.parse()
    }
}

/// What is asked of a ranking.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// The metrics; the first one decides which model is the best.
    pub measures: Vec<Measure>,
    /// The lowest rating that makes a test item relevant; without it, all are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relevant_from: Option<f32>,
}

/// What is measured where nobody says.
const USUAL: [&str; 7] = ["ndcg@10", "recall@10", "precision@10", "map@10", "mrr@10", "hitrate@10", "auc"];

impl Default for Asked {
    fn default() -> Self {
        let measures = USUAL.map(|written| written.parse().expect("the usual metrics are well written"));
        Self { measures: measures.into(), relevant_from: None }
    }
}

impl Asked {
    /// From metrics as they are written, separated by commas; `usual` among them stands for the usual ones.
    ///
    /// # Errors
    /// A metric that is unknown, lacks its cutoff or is named twice; no metric at all; a threshold that is not finite.
    pub fn parse(written: &str, relevant_from: Option<f32>) -> Result<Self> {
        let mut measures: Vec<Measure> = Vec::new();
        for one in written.split(',').map(str::trim).filter(|one| !one.is_empty()) {
            let more = if one == "usual" { Self::default().measures } else { vec![one.parse()?] };
            for measure in more {
                if measures.contains(&measure) {
                    let expected = "each metric once";
                    return Err(Error::parameter(
                        "metrics",
                        written,
                        expected,
                        format!("leave one {measure} out"),
                    ));
                }
                measures.push(measure);
            }
        }
        if measures.is_empty() {
            return Err(Error::parameter("metrics", "''", "at least one metric", "write ndcg@10"));
        }
        if let Some(threshold) = relevant_from.filter(|threshold| !threshold.is_finite()) {
            return Err(Error::parameter("relevant-from", threshold, "a rating", "write --relevant-from 4"));
        }
        Ok(Self { measures, relevant_from })
    }

    /// How many places the longest list has that a metric looks at, of those that describe lists; 0 where there is none.
    fn longest_list(&self) -> usize {
        let lists = self.measures.iter().filter(|measure| lists::describes(measure));
        lists.filter_map(|measure| measure.cutoff).max().unwrap_or(0)
    }

    /// Which test items are relevant, as a sentence.
    pub fn relevance(&self) -> String {
        match self.relevant_from {
            Some(threshold) => format!("Relevant is a test item with a rating of {threshold} or more."),
            None => "Every test item is relevant.".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_are_read_and_written_the_same() {
        for written in USUAL.iter().chain(&["ndcg", "epr", "recall_capped@50", "coverage@10"]) {
            assert_eq!(written.parse::<Measure>().unwrap().to_string(), *written);
        }
        let asked = Asked::parse("recall@20, usual", Some(4.0)).unwrap();
        assert_eq!(asked.measures.len(), 8);
        assert_eq!(asked.measures[0].to_string(), "recall@20");
        let json = serde_json::to_string(&asked).unwrap();
        assert_eq!(serde_json::from_str::<Asked>(&json).unwrap(), asked);
    }

    #[test]
    fn each_mistake_says_the_way_out() {
        let cases = [
            (
                "ndgc@10",
                "no ranking metric is called 'ndgc'\n  help: did you mean 'ndcg'? There are: ndcg, recall, recall_capped, precision, map, mrr, \
                 hitrate, auc, epr, coverage, gini, novelty, diversity, lift",
            ),
            (
                "recall",
                "metrics = recall: expected a cutoff: how many items are shown\n  help: write recall@10",
            ),
            (
                "auc@10",
                "metrics = auc@10: expected auc without a cutoff: it goes over all ranks\n  help: write auc",
            ),
            ("ndcg@0", "metrics = ndcg@0: expected a cutoff from 1 to 10000\n  help: write ndcg@10"),
            ("ndcg@x", "metrics = ndcg@x: expected a cutoff from 1 to 10000\n  help: write ndcg@10"),
            ("", "metrics = '': expected at least one metric\n  help: write ndcg@10"),
            ("auc,auc", "metrics = auc,auc: expected each metric once\n  help: leave one auc out"),
        ];
        for (written, message) in cases {
            assert_eq!(Asked::parse(written, None).unwrap_err().to_string(), message);
        }
        assert!(Asked::parse("auc", Some(f32::NAN)).is_err());
    }

    #[test]
    fn names_are_unique() {
        let names: std::collections::BTreeSet<_> = RANKING_METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), RANKING_METRICS.len());
    }
}
