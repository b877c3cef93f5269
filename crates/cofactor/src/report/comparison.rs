//! The page and the JSON of a comparison.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::figures::{Row, intervals};
use super::html::{count, duration, escape, facts, name, table};
use super::page::{Page, command, data_facts, key_figures, machine_facts, split_facts, written};
use super::plot::number;
use super::words::{interval, metric_name};
use super::{Data, Machine, Seconds, Split};
use crate::eval::compare::{Compared, Comparison, Difference};

/// Several models over one split: what `cofactor compare --json` prints, and its page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparisonReport {
    /// The version of Cofactor that wrote it.
    pub version: String,
    /// The command that prints it again.
    pub command: String,
    /// What was read.
    pub data: Data,
    /// How it was cut into a training and a test part; of several folds, the last one's sizes.
    pub split: Split,
    /// The seed of every random draw.
    pub seed: u64,
    /// How many threads worked; they never change a figure.
    pub threads: usize,
    /// What came out.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// How long it took, all models together.
    pub seconds: Seconds,
    /// Where it ran.
    pub machine: Machine,
}

/// Differences with a lower adjusted p-value than this are no accident.
pub(super) const LEVEL: f64 = 0.05;

impl ComparisonReport {
    /// The comparison as one HTML file that needs nothing else.
    pub fn html(&self) -> String {
        let (heading, lead) = (self.heading(), self.lead());
        let parts = [("models", "Models", self.models()), ("run", "This run", self.run())];
        Page {
            version: &self.version,
            command: &self.command,
            title: &format!("{heading}: {}", self.data.name),
            subject: &format!("{} · {} models compared", name(&self.data.name), self.comparison.models.len()),
            heading: &heading,
            lead: &lead,
            stats: &self.stats(),
            parts: &parts,
        }
        .html()
    }

    fn best(&self) -> Option<&Compared> {
        self.comparison.models.first()
    }

    /// Those that chance could have put behind the best.
    fn level_with_the_best(&self) -> Vec<&str> {
        let is_level = |difference: &Difference| difference.p_holm.is_none_or(|p| p >= LEVEL);
        let others = self.comparison.models.iter();
        others
            .filter(|model| model.difference.as_ref().is_some_and(is_level))
            .map(|model| model.label.as_str())
            .collect()
    }

    fn heading(&self) -> String {
        let Some(best) = self.best() else { return "No model could be fitted".to_owned() };
        match self.level_with_the_best().as_slice() {
            [] => format!("{} predicts best", best.label),
            [other] => format!("{} and {other} predict about as well", best.label),
            others => format!("{} and {} others predict about as well", best.label, others.len()),
        }
    }

    fn lead(&self) -> String {
        let (Some(best), models) = (self.best(), &self.comparison.models) else { return String::new() };
        let rmse = &best.metrics["rmse"];
        let mut lead = format!(
            "{} models predicted the same {} ratings of {}, which none of them had learned from. The lowest root mean squared error is {}{}, of {}.",
            models.len(),
            count(rmse.n),
            self.data.name,
            number(rmse.mean, 4),
            interval(rmse, 4).map(|text| format!(" (95\u{a0}% interval {text})")).unwrap_or_default(),
            best.label,
        );
        if let Some(difference) = models.get(1).and_then(|second| second.difference) {
            let _ = write!(
                lead,
                " Next comes {}, with {} more{}.",
                models[1].label,
                number(difference.mean, 4),
                difference
                    .p_holm
                    .map(|p| format!(" ({}; adjusted {})", between(&difference), p_value(p)))
                    .unwrap_or_default(),
            );
        }
        lead
    }

    fn stats(&self) -> String {
        let mut figures = Vec::new();
        for model in self.comparison.models.iter().take(3) {
            let rmse = &model.metrics["rmse"];
            let note = interval(rmse, 3).map(|text| format!("95\u{a0}%: {text}")).unwrap_or_default();
            figures.push((model.label.clone(), number(rmse.mean, 4), note));
        }
        let size = format!("{} users × {} items", count(self.data.users), count(self.data.items));
        figures.push(("Ratings".to_owned(), count(self.data.ratings), size));
        let note = format!("fitting {}", duration(self.seconds.fit));
        figures.push(("In all".to_owned(), duration(self.seconds.total), note));
        key_figures(&figures)
    }

    fn models(&self) -> String {
        let models = &self.comparison.models;
        let errors: Vec<Row> = models
            .iter()
            .enumerate()
            .map(|(place, model)| {
                let rmse = &model.metrics["rmse"];
                let words = interval(rmse, 4).map(|text| format!(" ({text})")).unwrap_or_default();
                Row {
                    label: model.label.clone(),
                    mean: rmse.mean,
                    interval: rmse.low.zip(rmse.high),
                    words: number(rmse.mean, 4) + &words,
                    strong: place == 0,
                }
            })
            .collect();
        let differences: Vec<Row> = models
            .iter()
            .filter_map(|model| {
                let difference = model.difference?;
                let p = difference.p_holm.map(|p| format!(", {}", p_value(p))).unwrap_or_default();
                Some(Row {
                    label: model.label.clone(),
                    mean: difference.mean,
                    interval: difference.low.zip(difference.high),
                    words: format!("{} ({}){p}", signed(difference.mean), between(&difference)),
                    strong: difference.p_holm.is_some_and(|p| p < LEVEL),
                })
            })
            .collect();
        let rmse = intervals(
            "rmse",
            (
                "How far off each model is",
                "The RMSE of each model with its 95\u{a0}% interval. The intervals overlap because some users are hard to predict for every model; the other chart takes that out.",
            ),
            &errors,
            None,
            ("RMSE", ["model", "RMSE (95 % interval)"]),
        );
        let best = self.best().map_or("the best", |best| &best.label);
        let difference = intervals(
            "differences",
            (
                &format!("How much more than {best}"),
                "The same ratings compared one by one: RMSE minus that of the best, with its 95\u{a0}% interval. A line that crosses zero may be chance; thick lines are none (adjusted p below 0.05).",
            ),
            &differences,
            Some(0.0),
            ("difference of RMSE", ["model", "difference (95 % interval), adjusted p"]),
        );
        let note = format!("<p class=\"note\">{}</p>", escape(&self.comparison.method));
        format!(
            "{}<div class=\"two\">{rmse}{difference}</div>{}{note}{}",
            self.rankings(),
            self.table(),
            self.failures()
        )
    }

    fn table(&self) -> String {
        let rows = self.comparison.models.iter().map(|model| {
            let metric = |name: &str| model.metrics.get(name).map_or("–".to_owned(), |m| number(m.mean, 4));
            let difference =
                |show: fn(&Difference) -> String| model.difference.as_ref().map_or("–".to_owned(), show);
            vec![
                model.label.clone(),
                metric("rmse"),
                metric("mae"),
                difference(|d| signed(d.mean)),
                difference(|d| d.p.map_or("–".to_owned(), p_figure)),
                difference(|d| d.p_holm.map_or("–".to_owned(), p_figure)),
                format!("{} of {}", model.folds_won, model.folds.len()),
                duration(model.seconds.fit),
                duration(model.seconds.fit_cpu),
                format!("{} MB", number(model.bytes as f64 / 1e6, 2)),
            ]
        });
        let heads =
            ["model", "RMSE", "MAE", "difference", "p", "p adjusted", "folds won", "fit", "fit, CPU", "size"];
        format!("<div class=\"figures\"><h3>All figures</h3>{}</div>", table(&heads, rows))
    }

    /// The first metric of rankings as intervals, and all of them as a table; nothing where they were not measured.
    fn rankings(&self) -> String {
        let models = &self.comparison.models;
        let Some(asked) = self.best().and_then(|best| best.ranking.as_ref()).map(|ranking| &ranking.asked)
        else {
            return String::new();
        };
        let first = asked.measures[0].to_string();
        let found = |model: &Compared, name: &str| model.ranking.as_ref()?.metrics.get(name).copied();
        let values: Vec<Row> = models
            .iter()
            .enumerate()
            .filter_map(|(place, model)| {
                let value = found(model, &first)?;
                let words = interval(&value, 4).map(|text| format!(" ({text})")).unwrap_or_default();
                Some(Row {
                    label: model.label.clone(),
                    mean: value.mean,
                    interval: value.low.zip(value.high),
                    words: number(value.mean, 4) + &words,
                    strong: place == 0,
                })
            })
            .collect();
        let name = metric_name(&first);
        let chart = intervals(
            "ranking",
            (
                &format!("How well each model ranks: {name}"),
                &format!(
                    "{} Each value is the mean over users with its 95\u{a0}% interval.",
                    asked.relevance()
                ),
            ),
            &values,
            None,
            (&name, ["model", &format!("{name} (95 % interval)")]),
        );
        let rows = asked.measures.iter().flat_map(|measure| {
            let measure = measure.to_string();
            models.iter().filter_map(move |model| {
                let value = found(model, &measure)?;
                let difference = model.ranking_differences.get(&measure);
                let of = |show: fn(&Difference) -> String| difference.map_or("–".to_owned(), show);
                Some(vec![
                    metric_name(&measure),
                    model.label.clone(),
                    number(value.mean, 4),
                    of(|d| signed(d.mean)),
                    of(between),
                    of(|d| d.p_holm.map_or("–".to_owned(), p_figure)),
                ])
            })
        });
        let heads = ["metric", "model", "value", "to the best", "95 % interval", "p adjusted"];
        format!(
            "<div class=\"one\">{chart}</div><div class=\"figures\"><h3>Rankings</h3>{}</div>",
            table(&heads, rows)
        )
    }

    pub(super) fn failures(&self) -> String {
        let failed = self.comparison.failed.iter().map(|failed| {
            format!(
                "<p class=\"warning\"><strong>{} could not be fitted:</strong> {}</p>",
                name(&failed.label),
                escape(&failed.reason)
            )
        });
        failed.collect()
    }

    pub(super) fn run(&self) -> String {
        let folds = self.best().map_or(1, |best| best.folds.len());
        let stages = [
            ("Read", self.seconds.read),
            ("Split", self.seconds.split),
            ("Fit", self.seconds.fit),
            ("Evaluate", self.seconds.evaluate),
            ("In all", self.seconds.total),
        ];
        let models: String = self.comparison.models.iter().map(parameters).collect();
        format!(
            "<div class=\"cards\"><div><h3>Data</h3>{}</div><div><h3>Split</h3>{}</div><div><h3>Machine</h3>{}</div>{models}</div>\
             <h3>Print it again</h3><pre class=\"command\"><code>{}</code></pre>",
            data_facts(&self.data),
            split_facts(&self.split, folds, self.seed),
            machine_facts(&self.machine, self.threads, &stages),
            command(&self.command),
        )
    }
}

fn parameters(model: &Compared) -> String {
    let config: Vec<(&str, String)> =
        model.config.iter().map(|(key, value)| (key.as_str(), escape(&written(value)))).collect();
    format!("<div><h3>{}</h3>{}</div>", name(&model.label), facts(&config))
}

/// "−0.0012 to 0.0040".
pub(super) fn between(difference: &Difference) -> String {
    match difference.low.zip(difference.high) {
        Some((low, high)) => format!("{} to {}", signed(low), signed(high)),
        None => "–".to_owned(),
    }
}

pub(super) fn signed(value: f64) -> String {
    let plus = if value > 0.0 { "+" } else { "" };
    plus.to_owned() + &number(value, 4)
}

/// "p = 0.031", "p < 0.0001".
pub(super) fn p_value(p: f64) -> String {
    if p < 1e-4 { "p < 0.0001".to_owned() } else { format!("p = {}", p_figure(p)) }
}

pub(super) fn p_figure(p: f64) -> String {
    if p < 1e-4 { "< 0.0001".to_owned() } else { number(p, 4) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;
    use serde_json::{Value, json};

    fn estimate(mean: f64) -> Value {
        json!({"mean": mean, "stderr": 0.01, "low": mean - 0.02, "high": mean + 0.02, "n": 20_000, "users": 900,
            "average": "ratings", "clipped": true})
    }

    /// Three models, one of them with a hostile name.
    fn report(p: f64) -> ComparisonReport {
        let base = serde_json::to_value(sample()).unwrap();
        let model = |label: &str, rmse: f64, difference: Value| {
            json!({"label": label, "model": "mf", "config": {"factors": 8}, "metrics": {"rmse": estimate(rmse),
                "mae": estimate(0.8 * rmse)}, "folds": [], "folds_won": 0, "difference": difference, "bytes": 4000,
                "seconds": {"split": 0.0, "fit": 0.1, "evaluate": 0.0}, "uses_time": false})
        };
        let behind = |mean: f64| json!({"mean": mean, "stderr": 0.001, "low": mean - 0.002, "high": mean + 0.002, "p": p, "p_holm": p});
        serde_json::from_value(json!({
            "version": "0.1.0", "command": "cofactor compare x", "data": base["data"], "split": base["split"], "seed": 1,
            "threads": 2, "machine": base["machine"], "seconds": base["seconds"], "method": "By hand.", "stopped": false,
            "models": [model("svdpp", 0.9, Value::Null), model("<script>", 0.91, behind(0.01)), model("mf", 0.92, behind(0.02))],
            "failed": [{"label": "als", "reason": "it <diverged>"}],
        }))
        .unwrap()
    }

    #[test]
    fn the_page_ranks_and_tells_chance_from_difference() {
        let clear = report(0.001).html();
        assert!(clear.contains("<h1>svdpp predicts best</h1>"), "{clear}");
        assert!(report(0.5).html().contains("<h1>svdpp and 2 others predict about as well</h1>"));
        for figure in ["rmse", "differences"] {
            assert!(clear.contains(&format!("<figure id=\"{figure}\"")), "{figure}");
        }
        assert!(clear.contains("By hand.") && clear.contains("it &lt;diverged&gt;"));
        assert_eq!(clear.matches("<script>").count(), 1, "the page's own");
    }

    #[test]
    fn it_comes_back_from_json() {
        let report = report(0.01);
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<ComparisonReport>(&json).unwrap(), report);
    }
}
