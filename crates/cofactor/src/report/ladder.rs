//! The page and the JSON of a ladder.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::ComparisonReport;
use super::comparison::{between, p_figure, p_value, signed};
use super::figures::{Row, intervals};
use super::html::{count, duration, name, table};
use super::page::{Page, key_figures};
use super::plot::number;
use super::words::interval;
use crate::eval::compare::Compared;
use crate::eval::ladder::Climbed;

/// One idea after the other over one split: what `cofactor ladder --json` prints, and its page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LadderReport {
    /// All models, the best first, and the circumstances.
    #[serde(flatten)]
    pub run: ComparisonReport,
    /// The rungs, the lowest first.
    pub rungs: Vec<Climbed>,
}

impl LadderReport {
    /// The ladder as one HTML file that needs nothing else.
    pub fn html(&self) -> String {
        let heading = self.heading();
        let parts = [("ladder", "The ladder", self.ladder()), ("run", "This run", self.run.run())];
        Page {
            version: &self.run.version,
            command: &self.run.command,
            title: &format!("{heading}: {}", self.run.data.name),
            subject: &format!("{} · {} models, one idea apart", name(&self.run.data.name), self.rungs.len()),
            heading: &heading,
            lead: &self.lead(),
            stats: &self.stats(),
            parts: &parts,
        }
        .html()
    }

    fn model(&self, rung: &Climbed) -> Option<&Compared> {
        self.run.comparison.models.iter().find(|model| model.label == rung.label)
    }

    fn rmse(&self, rung: Option<&Climbed>) -> f64 {
        rung.and_then(|rung| self.model(rung)).map_or(f64::NAN, |model| model.metrics["rmse"].mean)
    }

    fn heading(&self) -> String {
        let (first, last) = (self.rmse(self.rungs.first()), self.rmse(self.rungs.last()));
        format!(
            "From {} to {} in {} steps",
            number(first, 4),
            number(last, 4),
            self.rungs.len().saturating_sub(1)
        )
    }

    fn lead(&self) -> String {
        let largest = self.rungs.iter().filter_map(|rung| Some((rung, rung.gain?)));
        let largest = largest.max_by(|a, b| a.1.mean.total_cmp(&b.1.mean));
        let tested = self.run.comparison.models.first().map_or(0, |best| best.metrics["rmse"].n);
        let mut lead = format!(
            "Each model has one idea more than the one below it; all predicted the same {} ratings of {}, which none of them had learned from.",
            count(tested),
            self.run.data.name
        );
        if let Some((rung, gain)) = largest {
            let _ = write!(
                lead,
                " The step that gains most is {}: {} ({}).",
                rung.label,
                number(gain.mean, 4),
                between(&gain)
            );
        }
        lead
    }

    fn stats(&self) -> String {
        let ends = [self.rungs.first(), self.rungs.last()].into_iter().flatten();
        let mut figures: Vec<(String, String, String)> = ends
            .filter_map(|rung| {
                let rmse = &self.model(rung)?.metrics["rmse"];
                let note = interval(rmse, 3).map(|text| format!("95\u{a0}%: {text}")).unwrap_or_default();
                Some((rung.label.clone(), number(rmse.mean, 4), note))
            })
            .collect();
        let note = format!("fitting {}", duration(self.run.seconds.fit));
        figures.push(("In all".to_owned(), duration(self.run.seconds.total), note));
        key_figures(&figures)
    }

    fn ladder(&self) -> String {
        let errors: Vec<Row> = self.rungs.iter().filter_map(|rung| self.error(rung)).collect();
        let gains: Vec<Row> = self.rungs.iter().filter_map(gain).collect();
        let errors = intervals(
            "rungs",
            (
                "Each step down is an idea",
                "The RMSE of each model with its 95\u{a0}% interval, from the simplest to the last. The intervals overlap because some users are hard to predict for every model; the other chart takes that out.",
            ),
            &errors,
            None,
            ("RMSE", ["model", "RMSE (95 % interval)"]),
        );
        let gains = intervals(
            "gains",
            (
                "What each idea is worth",
                "The RMSE of the model below minus that of the model itself, over the same ratings, with its 95\u{a0}% interval. A line that crosses zero may be chance; thick lines are none (adjusted p below 0.05).",
            ),
            &gains,
            Some(0.0),
            ("gain in RMSE", ["idea", "gain (95 % interval), adjusted p"]),
        );
        let note = format!("<p class=\"note\">{}</p>", super::html::escape(&self.run.comparison.method));
        format!("<div class=\"two\">{errors}{gains}</div>{}{note}{}", self.table(), self.run.failures())
    }

    fn error(&self, rung: &Climbed) -> Option<Row> {
        let rmse = &self.model(rung)?.metrics["rmse"];
        let words = interval(rmse, 4).map(|text| format!(" ({text})")).unwrap_or_default();
        Some(Row {
            label: rung.label.clone(),
            mean: rmse.mean,
            interval: rmse.low.zip(rmse.high),
            words: number(rmse.mean, 4) + &words,
            strong: true,
        })
    }

    fn table(&self) -> String {
        let rows = self.rungs.iter().filter_map(|rung| {
            let model = self.model(rung)?;
            let gain = rung.gain;
            Some(vec![
                rung.label.clone(),
                rung.idea.clone(),
                model.model.clone(),
                number(model.metrics["rmse"].mean, 4),
                gain.map_or("–".to_owned(), |gain| signed(gain.mean)),
                gain.as_ref().map_or("–".to_owned(), between),
                gain.and_then(|gain| gain.p_holm).map_or("–".to_owned(), p_figure),
                duration(model.seconds.fit_cpu),
            ])
        });
        let heads = ["rung", "idea", "model", "RMSE", "gain", "95 % interval", "p adjusted", "fit, CPU"];
        format!("<div class=\"figures\"><h3>All figures</h3>{}</div>", table(&heads, rows))
    }
}

fn gain(rung: &Climbed) -> Option<Row> {
    let gain = rung.gain?;
    let p = gain.p_holm.map(|p| format!(", {}", p_value(p))).unwrap_or_default();
    Some(Row {
        label: rung.label.clone(),
        mean: gain.mean,
        interval: gain.low.zip(gain.high),
        words: format!("{} ({}){p}", signed(gain.mean), between(&gain)),
        strong: gain.p_holm.is_some_and(|p| p < super::comparison::LEVEL),
    })
}
