//! The page: the parts in their order.

use serde_json::Value;

use super::figures::{self, Grouped};
use super::html::{count, duration, escape, facts, name, part, section, table};
use super::plot::number;
use super::words::{Unit, headline, in_order, interval, metric_name};
use super::{Data, Example, Machine, Pick, Reason, Report, Split, map, prose};
use crate::derive;
use crate::eval::metric::Metric;
use crate::eval::ranking::RankingFigures;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// Nothing but what stands in the file itself.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='4' fill='%230b6e8a'/%3E%3Cpath d='M4 4h3v3H4zM9 4h3v3H9zM4 9h3v3H4z' fill='white'/%3E%3C/svg%3E";

/// The parts of the fit's documentation that explain how it learns, in order; the others follow on demand.
const EQUATIONS: [&str; 3] = ["Model", "Objective", "Update"];

/// What every page has around its parts.
pub(super) struct Page<'a> {
    /// The version of Cofactor.
    pub version: &'a str,
    /// The command that prints it again.
    pub command: &'a str,
    /// What the window is called.
    pub title: &'a str,
    /// What it is about, as HTML.
    pub subject: &'a str,
    /// What there is to know.
    pub heading: &'a str,
    /// Two or three sentences.
    pub lead: &'a str,
    /// The key figures, as HTML.
    pub stats: &'a str,
    /// Anchor, heading and HTML of each part; those without content are left out.
    pub parts: &'a [(&'a str, &'a str, String)],
}

impl Page<'_> {
    /// One HTML file that needs nothing else: no network, and no script to be read.
    pub(super) fn html(&self) -> String {
        let links: String = self
            .parts
            .iter()
            .filter(|(.., content)| !content.is_empty())
            .map(|(id, heading, _)| format!("<a href=\"#{id}\">{heading}</a>"))
            .collect();
        let sections: String =
            self.parts.iter().map(|(id, heading, content)| section(id, heading, content)).collect();
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <meta name=\"color-scheme\" content=\"light dark\">\
             <meta name=\"generator\" content=\"Cofactor {version}\">\
             <title>{title}</title><link rel=\"icon\" href=\"{ICON}\"><style>{STYLE}{derivation}</style></head>\n<body>\
             <header><div class=\"bar\"><p class=\"brand\">Cofactor</p><nav aria-label=\"Sections\">{links}</nav>\
             <button id=\"theme\" type=\"button\" hidden>Dark</button></div>\
             <p class=\"subject\">{subject}</p><h1>{heading}</h1><p class=\"lead\">{lead}</p></header>\n\
             <main>{stats}\n{sections}</main>\n\
             <footer><p>Made by Cofactor {version} with one command: <code>{command}</code></p></footer>\
             <script>{SCRIPT}</script></body></html>\n",
            derivation = derive::STYLE,
            title = escape(self.title),
            version = escape(self.version),
            subject = self.subject,
            heading = escape(self.heading),
            lead = escape(self.lead),
            command = escape(self.command),
            stats = self.stats,
        )
    }
}

/// The figures that a reader looks for first: what, how much, and a remark.
pub(super) fn key_figures(figures: &[(String, String, String)]) -> String {
    let cells: String = figures
        .iter()
        .map(|(term, value, note)| {
            let [term, value, note] = [term, value, note].map(|text| escape(text));
            format!("<div><dt>{term}</dt><dd>{value}<small>{note}</small></dd></div>")
        })
        .collect();
    format!("<dl class=\"stats\">{cells}</dl>")
}

impl Report {
    /// The report as one HTML file that needs nothing else: no network, and no script to be read.
    pub fn html(&self) -> String {
        let head = headline(self);
        let title = format!("{}: {} on {}", head.title, self.model.name, self.data.name);
        let parts = [
            ("learning", "Learning", self.learning()),
            ("chains", "Chains", figures::traces(&self.chains)),
            ("rankings", "Rankings", self.rankings()),
            ("accuracy", "Errors", self.errors()),
            ("items", "Items", self.items()),
            ("picks", "One user", self.example.as_ref().map(example).unwrap_or_default()),
            ("equations", "How it learns", equations(&self.model.documentation)),
            ("derivation", "The mathematics, derived", self.derivation()),
            ("run", "This run", self.run()),
        ];
        let (data, model) = (name(&self.data.name), name(&self.model.title));
        Page {
            version: &self.version,
            command: &self.command,
            title: &title,
            subject: &format!("{data} · {model}"),
            heading: &head.title,
            lead: &head.lead,
            stats: &self.stats(),
            parts: &parts,
        }
        .html()
    }

    /// The figures that a reader looks for first.
    fn stats(&self) -> String {
        let mut stats: Vec<(String, String, String)> = Vec::new();
        for (metric, measure, _) in in_order(self).into_iter().take(3) {
            let note = interval(measure, 3).map(|text| format!("95\u{a0}%: {text}")).unwrap_or_default();
            stats.push((format!("Test {}", metric_name(metric)), number(measure.mean, 3), note));
        }
        let data = &self.data;
        let size = format!("{} users × {} items", count(data.users), count(data.items));
        stats.push(("Ratings".into(), count(data.ratings), size));
        let epochs = match self.epochs.len() {
            0 => String::new(),
            1 => "one epoch".to_owned(),
            n => format!("{} epochs, {} in all", count(n), duration(self.seconds.total)),
        };
        stats.push(("Training".into(), duration(self.seconds.fit), epochs));
        key_figures(&stats)
    }

    /// From the objective to the gradient, for the parameters of this run; nothing for a model that this version does not derive.
    fn derivation(&self) -> String {
        derive::of_config(&self.model.name, &self.model.config).as_ref().map(derive::html).unwrap_or_default()
    }

    fn learning(&self) -> String {
        let search = self.early_stopping.as_ref().map(figures::stopping).unwrap_or_default();
        let curves = figures::learning(&self.epochs, self.curve);
        match (search.is_empty(), curves.is_empty()) {
            (true, true) => String::new(),
            (false, false) => format!("<div class=\"two\">{search}{curves}</div>"),
            _ => format!("<div class=\"one\">{search}{curves}</div>"),
        }
    }

    fn errors(&self) -> String {
        let unit = Unit::of(self.data.scale);
        let users = Grouped { id: "by-activity", one: "a user", many: "Users" };
        let items = Grouped { id: "by-popularity", one: "an item", many: "Items" };
        let mut charts = String::new();
        let shares = self.diagnostics.as_ref().map_or(&[][..], |diagnostics| &diagnostics.shares);
        if let Some(diagnostics) = &self.diagnostics {
            if let Some(errors) = &diagnostics.errors {
                charts += &figures::errors(errors, unit);
            }
            charts += &figures::by_rating(&diagnostics.by_rating, unit);
            charts += &figures::calibration(&diagnostics.calibration, &self.data, unit);
        }
        charts += &figures::coverage(&self.coverage);
        charts += &figures::values(&self.data, shares, unit);
        if let Some(diagnostics) = &self.diagnostics {
            charts += &figures::by_count(&diagnostics.by_user_activity, users);
            charts += &figures::by_count(&diagnostics.by_item_popularity, items);
        }
        let folds = self.folds_table();
        if charts.is_empty() { folds } else { format!("{folds}<div class=\"two\">{charts}</div>") }
    }

    /// The metrics of rankings, and what popularity is worth to them; nothing where they were not measured.
    fn rankings(&self) -> String {
        let Some(ranking) = &self.ranking else { return String::new() };
        let first = ranking.asked.measures.first().map(ToString::to_string).unwrap_or_default();
        let table = ranking_table(ranking);
        let left_out = match ranking.left_out {
            0 => String::new(),
            some => format!(" {} are left out who have no relevant test item.", count(some)),
        };
        let note = format!(
            "Rankings of {} users.{left_out} {} Equal scores count by the mean over their orders. Intervals: 95 %, of the mean over users.",
            count(ranking.users),
            ranking.protocol
        );
        format!(
            "<div class=\"one\">{}</div><h3>All figures</h3>{table}<p class=\"note\">{}</p>",
            figures::trade_off(&self.trade_off, &first),
            escape(&note)
        )
    }

    fn folds_table(&self) -> String {
        if self.folds.is_empty() {
            return String::new();
        }
        let metrics: Vec<&str> = in_order(self).iter().map(|(name, ..)| *name).take(3).collect();
        let names: Vec<String> = metrics.iter().map(|metric| metric_name(metric)).collect();
        let heads: Vec<&str> =
            ["fold", "train", "test"].into_iter().chain(names.iter().map(String::as_str)).collect();
        let rows = self.folds.iter().map(|fold| {
            let values = metrics
                .iter()
                .map(|metric| fold.metrics.get(*metric).map_or("–".to_owned(), |m| number(m.mean, 4)));
            [fold.name.clone(), count(fold.train), count(fold.test)].into_iter().chain(values).collect()
        });
        let over_folds = metrics.iter().map(|metric| {
            self.summary.get(*metric).map_or("–".to_owned(), |summary| {
                format!("{} ± {}", number(summary.mean_of_folds, 4), number(summary.std_of_folds, 4))
            })
        });
        let mean = ["mean ± deviation", "", ""].map(str::to_owned).into_iter().chain(over_folds).collect();
        format!(
            "<div class=\"folds\"><h3>Each fold</h3>{}<p class=\"note\">The charts and the model are those of the last fold.</p></div>",
            table(&heads, rows.chain([mean]))
        )
    }

    fn items(&self) -> String {
        let Some(diagnostics) = &self.diagnostics else { return String::new() };
        let drift = diagnostics.drift.as_ref().map(figures::drift).unwrap_or_default();
        diagnostics.item_map.as_ref().map(map::map).unwrap_or_default() + &drift
    }

    /// What is needed to print the page again, and what its words mean.
    fn run(&self) -> String {
        let data = data_facts(&self.data);
        let protocol = split_facts(&self.split, self.folds.len(), self.seed);
        let seconds = self.seconds;
        let stages = [
            ("Read", seconds.read),
            ("Split", seconds.split),
            ("Fit", seconds.fit),
            ("Evaluate", seconds.evaluate),
            ("In all", seconds.total),
        ];
        let machine = machine_facts(&self.machine, self.threads, &stages);
        let mut config: Vec<(&str, String)> =
            self.model.config.iter().map(|(key, value)| (key.as_str(), escape(&written(value)))).collect();
        if config.is_empty() {
            config.push(("Parameters", "none".to_owned()));
        }
        let definitions: String = in_order(self)
            .iter()
            .filter_map(|(name, _, metric)| Some((metric_name(name), (*metric)?)))
            .map(|(name, metric)| definition(&name, metric))
            .collect();
        let metrics = in_order(self).into_iter().map(|(metric, estimate, _)| {
            let interval = interval(estimate, 4).unwrap_or_else(|| "–".to_owned());
            vec![
                metric_name(metric),
                number(estimate.mean, 4),
                interval,
                count(estimate.n),
                count(estimate.users),
            ]
        });
        format!(
            "<div class=\"cards\"><div><h3>Data</h3>{data}</div><div><h3>Split</h3>{protocol}</div>\
             <div><h3>Model: {}</h3>{}</div><div><h3>Machine</h3>{machine}</div></div>\
             <h3>Print it again</h3><pre class=\"command\"><code>{}</code></pre>\
             <h3>Metrics</h3>{}<dl class=\"definitions\">{definitions}</dl>\
             <p class=\"note\">{}</p>",
            name(&self.model.name),
            facts(&config),
            command(&self.command),
            table(&["metric", "value", "95 % interval", "ratings", "users"], metrics),
            prose::indexed(self.notes()),
        )
    }

    /// How the metrics are to be taken.
    fn notes(&self) -> &'static str {
        if self.metrics.values().all(|estimate| estimate.clipped) {
            "N ratings r of G users, n_u each, with predictions r̂ clipped to the scale first. The intervals speak of other users \
             for the same trained model: a user's errors go together, so users are what is drawn."
        } else {
            "N ratings r of G users, n_u each, with predictions r̂ as they are. The intervals speak of other users \
             for the same trained model: a user's errors go together, so users are what is drawn."
        }
    }
}

/// Each metric of rankings as it was asked for, with its definition.
fn ranking_table(ranking: &RankingFigures) -> String {
    let rows = ranking.asked.measures.iter().filter_map(|measure| {
        let name = measure.to_string();
        let found = ranking.metrics.get(&name)?;
        let interval = interval(found, 4).unwrap_or_else(|| "–".to_owned());
        let metric = measure.metric;
        Some(vec![
            metric_name(&name),
            number(found.mean, 4),
            interval,
            metric.title.to_owned(),
            metric.formula.to_owned(),
        ])
    });
    table(&["metric", "value", "95 % interval", "what it is", "for each user"], rows)
}

/// The data.
pub(super) fn data_facts(data: &Data) -> String {
    let mut list = vec![
        ("Name", name(&data.name)),
        ("Users", count(data.users)),
        ("Items", count(data.items)),
        ("Ratings", count(data.ratings)),
        ("Density", part(data.density)),
        ("Scale", format!("{} to {}", data.scale[0], data.scale[1])),
    ];
    if let Some([first, last]) = data.time_span {
        list.push(("Time", format!("{} to {}", day(first), day(last))));
    }
    list.push(("Fingerprint", format!("<code class=\"hash\">{}</code>", escape(&data.fingerprint))));
    facts(&list)
}

/// The split, and what it lets the model know too early.
pub(super) fn split_facts(split: &Split, folds: usize, seed: u64) -> String {
    let mut list = vec![("Kind", format!("<code>{}</code>", escape(&split.spec)))];
    if folds < 2 {
        list.push(("To learn from", count(split.train)));
        list.push(("To be tested", count(split.test)));
    } else {
        list.push(("Folds", count(folds)));
    }
    list.push(("Unseen users", count(split.unseen.users)));
    list.push(("Unseen items", count(split.unseen.items)));
    list.push(("Seed", seed.to_string()));
    let warning = split.leakage.as_ref().map_or(String::new(), |sentence| {
        format!("<p class=\"warning\"><strong>Mind:</strong> {}</p>", escape(sentence))
    });
    facts(&list) + &warning
}

/// The machine, and how long it took.
pub(super) fn machine_facts(machine: &Machine, threads: usize, seconds: &[(&'static str, f64)]) -> String {
    let mut list = vec![
        ("System", escape(&format!("{}, {}", machine.os, machine.arch))),
        ("Instructions", escape(&machine.isa)),
        ("Threads", format!("{threads} of {} processors", machine.cores)),
    ];
    list.extend(seconds.iter().map(|&(stage, seconds)| (stage, duration(seconds))));
    facts(&list)
}

/// A metric in words and as a formula.
fn definition(name: &str, metric: &Metric) -> String {
    let (name, title) = (escape(name), escape(metric.title));
    format!(
        "<div><dt>{name}</dt><dd>{title}: <span class=\"formula\">{}</span></dd></div>",
        prose::formula(metric.formula)
    )
}

/// A command line that breaks between its words alone.
pub(super) fn command(line: &str) -> String {
    let words: Vec<String> = line.split(' ').map(|word| format!("<span>{}</span>", escape(word))).collect();
    words.join(" ")
}

/// A parameter's value as it is written after `--set key=`.
pub(super) fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A day, in UTC; the bare number where it lies outside the calendar.
fn day(seconds: i64) -> String {
    match jiff::Timestamp::from_second(seconds) {
        Ok(time) => time.strftime("%-d %B %Y").to_string(),
        Err(_) => seconds.to_string(),
    }
}

/// What a user liked beside what the model picks.
fn example(example: &Example) -> String {
    let liked: String = example
        .liked
        .iter()
        .map(|liked| {
            format!("<li><span class=\"title\">{}</span><b>{}</b></li>", name(&liked.title), liked.rating)
        })
        .collect();
    let picks: String = example.picks.iter().map(pick).collect();
    format!(
        "<div class=\"example\"><div><h3>User {} gave</h3><p>The highest of their ratings.</p><ul>{liked}</ul></div>\
         <div><h3>and would be shown</h3><p>{}</p><ol>{picks}</ol></div></div>",
        name(&example.user),
        picks_note(example)
    )
}

fn picks_note(example: &Example) -> &'static str {
    let has_reasons = example.picks.iter().any(|pick| !pick.reasons.is_empty());
    let has_truth = example.picks.iter().any(|pick| pick.held_out.is_some());
    match (has_reasons, has_truth) {
        (true, true) => {
            "What the model has not seen them rate, by the rating it expects; where the test part knows, what they in \
             fact gave. In brackets, how much of what speaks for a pick is due to one rating."
        }
        (true, false) => {
            "What they have not rated, by the rating that the model expects. In brackets, how much of what speaks for a \
             pick is due to one rating."
        }
        (false, true) => {
            "What the model has not seen them rate, by the rating it expects; where the test part knows, what they in \
             fact gave."
        }
        (false, false) => "What they have not rated, by the rating that the model expects.",
    }
}

fn pick(pick: &Pick) -> String {
    let reasons: Vec<String> = pick.reasons.iter().map(reason).collect();
    let because = if reasons.is_empty() {
        String::new()
    } else {
        format!("<span class=\"because\">because of {}</span>", reasons.join("; "))
    };
    let held_out = pick.held_out.map(|rating| format!("<small>in fact {rating}</small>")).unwrap_or_default();
    format!(
        "<li><span class=\"title\">{}{because}</span><b>{}{held_out}</b></li>",
        name(&pick.title),
        number(pick.predicted, 2)
    )
}

fn reason(reason: &Reason) -> String {
    let (title, share) = (name(&reason.title), part(reason.share));
    match reason.rating {
        Some(rating) => format!("{title}, rated {rating} ({share})"),
        None => format!("{title} ({share})"),
    }
}

/// Model, objective and update, and the rest of the documentation behind a fold.
fn equations(documentation: &str) -> String {
    let (main, rest): (Vec<_>, Vec<_>) =
        prose::parts(documentation).into_iter().partition(|part| EQUATIONS.contains(&part.heading.as_str()));
    let block = |part: &prose::Part| {
        let heading = match part.heading.as_str() {
            "" => String::new(),
            heading => format!("<h3>{}</h3>", escape(heading)),
        };
        format!("<div class=\"prose\">{heading}{}</div>", part.html)
    };
    let (lead, more): (Vec<_>, Vec<_>) = rest.iter().partition(|part| part.heading.is_empty());
    let mut html: String = lead.into_iter().chain(&main).map(block).collect();
    if !more.is_empty() {
        let more: String = more.into_iter().map(block).collect();
        html += "<details><summary>Cost, defaults, references</summary>";
        html += &more;
        html += "</details>";
    }
    html
}
