//! The page and the JSON of a study.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::figures::{history, scatter};
use super::html::{count, duration, escape, facts, name};
use super::page::{Page, command, data_facts, key_figures, machine_facts, written};
use super::plot::number;
use super::{Data, Machine};
use crate::tune::{Header, Influence, Outcome, Study, Trial};

/// A search for parameters: what `cofactor tune --json` prints, and its page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudyReport {
    /// The version of Cofactor that wrote it.
    pub version: String,
    /// The command that prints it again.
    pub command: String,
    /// The commands that make use of it: test the winner, train it.
    pub next: Vec<String>,
    /// What was read.
    pub data: Data,
    /// What was searched.
    pub study: Header,
    /// The validation parts: how many ratings each was learned from and measured on.
    pub parts: Vec<[usize; 2]>,
    /// Every trial.
    pub trials: Vec<Trial>,
    /// The number of the best one.
    pub best: Option<usize>,
    /// All parameters of the best one, `epochs` as it found them.
    pub winner: Map<String, Value>,
    /// Which parameters mattered, the most influential first.
    pub influences: Vec<Influence>,
    /// How many threads worked; they never change a figure.
    pub threads: usize,
    /// Wall time of this call.
    pub seconds: f64,
    /// Where it ran.
    pub machine: Machine,
}

impl StudyReport {
    /// The study as one HTML file that needs nothing else.
    pub fn html(&self) -> String {
        let mut study = Study::new(self.study.clone());
        study.trials.clone_from(&self.trials);
        let heading = match study.best().and_then(Trial::rmse) {
            Some(rmse) => format!("An error of {} on ratings kept aside", number(rmse, 4)),
            None => "No trial came to its end".to_owned(),
        };
        let parts = [
            ("trials", "Trials", one(&history(&study))),
            ("knobs", "Parameters", self.knobs(&study)),
            ("winner", "The winner", self.winner()),
            ("run", "This search", self.run()),
        ];
        Page {
            version: &self.version,
            command: &self.command,
            title: &format!("{heading}: {} on {}", self.study.model, self.data.name),
            subject: &format!("{} · {}, tuned", name(&self.data.name), name(&self.study.model)),
            heading: &heading,
            lead: &self.lead(&study),
            stats: &self.stats(&study),
            parts: &parts,
        }
        .html()
    }

    fn lead(&self, study: &Study) -> String {
        let mut lead = format!(
            "{} sets of parameters of {} were tried on {}: each learned from a part of the training ratings and was measured on {} that were kept aside.",
            count(self.trials.len()),
            self.study.model,
            self.data.name,
            count(self.parts.iter().map(|[_, valid]| valid).sum()),
        );
        let start = self.trials.first().filter(|trial| trial.number == 0).and_then(Trial::rmse);
        if let (Some(best), Some(start)) = (study.best(), start) {
            let (rmse, start) = (number(best.rmse().unwrap_or(start), 4), number(start, 4));
            let _ = match best.number {
                0 => write!(lead, " None has a lower root mean squared error than the start, {start}."),
                number => write!(
                    lead,
                    " The best, trial {number}, has a root mean squared error of {rmse}; the start has {start}."
                ),
            };
        }
        lead + " The test ratings have no part in this, and the best of many trials is a little flattered: the figure to quote is the one on the test part."
    }

    fn stats(&self, study: &Study) -> String {
        let ended = |of: fn(&Outcome) -> bool| self.trials.iter().filter(|trial| of(&trial.outcome)).count();
        let given_up = ended(|outcome| matches!(outcome, Outcome::Pruned { .. }));
        let failed = ended(|outcome| matches!(outcome, Outcome::Failed { .. }));
        let rmse = study.best().and_then(Trial::rmse).map_or("–".to_owned(), |rmse| number(rmse, 4));
        let best = self.best.map(|number| format!("trial {number}")).unwrap_or_default();
        let work = self.trials.iter().map(|trial| trial.seconds).sum();
        key_figures(&[
            ("Validation RMSE".to_owned(), rmse, best),
            (
                "Trials".to_owned(),
                count(self.trials.len()),
                format!("{given_up} given up early, {failed} failed"),
            ),
            ("Parameters".to_owned(), self.study.space.len().to_string(), "searched".to_owned()),
            ("Work".to_owned(), duration(work), "one thread each, all trials together".to_owned()),
        ])
    }

    fn knobs(&self, study: &Study) -> String {
        let influence = |name: &str| self.influences.iter().find(|influence| influence.name == name);
        let mut space: Vec<_> = self.study.space.iter().collect();
        let rank = |name: &str| self.influences.iter().position(|influence| influence.name == name);
        space.sort_by_key(|dimension| rank(&dimension.name));
        let charts: String = space
            .into_iter()
            .map(|dimension| scatter(study, dimension, influence(&dimension.name)))
            .collect();
        if charts.is_empty() {
            return charts;
        }
        let note = "Influence: how differently the best quarter of the finished trials chose a parameter than the others, 0 to 1: the \
            largest distance of the two distributions of its values. A hint, not a test: a search looks where it expects good trials.";
        format!("<div class=\"two\">{charts}</div><p class=\"note\">{note}</p>")
    }

    fn winner(&self) -> String {
        if self.winner.is_empty() {
            return String::new();
        }
        let config: Vec<(&str, String)> =
            self.winner.iter().map(|(key, value)| (key.as_str(), escape(&written(value)))).collect();
        let commands: String = self
            .next
            .iter()
            .map(|line| format!("<pre class=\"command\"><code>{}</code></pre>", command(line)))
            .collect();
        format!(
            "<div class=\"cards\"><div><h3>Parameters</h3>{}</div><div><h3>Test it, train it</h3>{commands}</div></div>",
            facts(&config)
        )
    }

    fn run(&self) -> String {
        let rule = self.study.early_stopping;
        let search = facts(&[
            ("Model", name(&self.study.model)),
            ("Split", format!("<code>{}</code>", escape(&self.study.split))),
            ("Validation parts", count(self.parts.len())),
            ("Kept aside", format!("{} of each user's training ratings", number(rule.share, 2))),
            ("Patience", format!("{} epochs", rule.patience)),
            ("Seed", self.study.seed.to_string()),
        ]);
        format!(
            "<div class=\"cards\"><div><h3>Data</h3>{}</div><div><h3>Search</h3>{search}</div><div><h3>Machine</h3>{}</div></div>\
             <h3>Print it again</h3><pre class=\"command\"><code>{}</code></pre>",
            data_facts(&self.data),
            machine_facts(&self.machine, self.threads, &[("In all", self.seconds)]),
            command(&self.command),
        )
    }
}

fn one(figure: &str) -> String {
    if figure.is_empty() { String::new() } else { format!("<div class=\"one\">{figure}</div>") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;
    use serde_json::json;

    fn report(trials: &Value) -> StudyReport {
        let base = serde_json::to_value(sample()).unwrap();
        serde_json::from_value(json!({
            "version": "0.1.0", "command": "cofactor tune x", "next": ["cofactor evaluate x --study 's <1>.jsonl'"], "data": base["data"],
            "study": {"cofactor_study": 1, "version": "0.1.0", "data": "x", "fingerprint": "f", "split": "none", "model": "mf", "seed": 1,
                "early_stopping": {"share": 0.1, "patience": 5}, "fixed": {"factors": 8}, "start": {},
                "space": [{"name": "reg", "type": "real", "low": 0.01, "high": 0.3},
                    {"name": "<b>", "type": "choice", "options": ["<i>", "two"]}]},
            "parts": [[900, 100]], "trials": trials, "best": 2, "winner": {"reg": 0.05, "epochs": 30, "<b>": "<i>"},
            "influences": [{"name": "reg", "effect": 0.7, "best": [0.04, 0.06]}], "threads": 2, "seconds": 3.0, "machine": base["machine"],
        }))
        .unwrap()
    }

    fn trials() -> Value {
        let done = |number: usize, reg: f64, rmse: f64| {
            json!({"number": number, "parameters": {"reg": reg, "<b>": "<i>"}, "status": "done", "rmse": rmse, "epochs": 30,
                "curves": [[1.0, rmse]], "seconds": 0.5})
        };
        json!([done(0, 0.1, 0.95), {"number": 1, "parameters": {"reg": 0.3, "<b>": "two"}, "status": "pruned", "rmse": 1.0,
            "after": 6, "seconds": 0.1}, done(2, 0.05, 0.92), done(3, 0.02, 3.0),
            {"number": 4, "parameters": {"reg": 0.01, "<b>": "two"}, "status": "failed", "reason": "<u>", "seconds": 0.1}])
    }

    #[test]
    fn the_page_shows_the_trials_and_each_parameter() {
        let html = report(&trials()).html();
        for figure in ["history", "knob-reg"] {
            assert!(html.contains(&format!("<figure id=\"{figure}\"")), "{figure}");
        }
        assert!(html.contains("<h1>An error of 0.9200 on ratings kept aside</h1>"), "{html}");
        assert!(html.contains("1 given up early, 1 failed") && html.contains("lies from 0.04 to 0.06"));
        for markup in ["<b>", "<i>", "<1>", "<u>"] {
            assert!(!html.contains(markup), "{markup}");
        }
    }

    #[test]
    fn a_study_without_an_end_is_still_a_page() {
        let mut bare = report(&json!([]));
        bare.winner.clear();
        assert!(bare.html().contains("No trial came to its end"));
    }

    #[test]
    fn it_comes_back_from_json() {
        let report = report(&trials());
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<StudyReport>(&json).unwrap(), report);
    }
}
