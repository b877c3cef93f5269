//! The one list of algorithms. Command line, model file, conformance tests and documentation walk it.

use serde_json::{Map, Value};

use crate::algo;
use crate::data::ratings::Ratings;
use crate::error::{Error, Result};
use crate::fit::algorithm::{Algorithm, Knob, Preset, Task, configure};
use crate::fit::model::{Model, Tensors};
use crate::fit::objective::Objective;
use crate::fit::run::{Interrupt, Run};

/// Every algorithm.
pub static ALGORITHMS: &[Entry] = &[
    Entry::of::<algo::baseline::Baseline>(),
    Entry::of::<algo::knn::Knn>(),
    Entry::of::<algo::mf::Mf>(),
    Entry::of::<algo::slope_one::SlopeOne>(),
    Entry::of::<algo::svdpp::Svdpp>(),
    Entry::of::<algo::timesvdpp::TimeSvdpp>(),
    Entry::of::<algo::als::Als>(),
    Entry::of::<algo::nmf::Nmf>(),
    Entry::of::<algo::bfm::Bfm>(),
    Entry::of::<algo::popular::Popular>(),
    Entry::of::<algo::itemknn::ItemKnn>(),
    Entry::of::<algo::ease::Ease>(),
    Entry::of::<algo::ials::Ials>(),
    Entry::of::<algo::bpr::Bpr>(),
    Entry::of::<algo::logistic::Logistic>(),
    Entry::of::<algo::ccl::Ccl>(),
    Entry::of::<algo::chebycf::ChebyCf>(),
];

/// The algorithm of that name.
pub fn find(name: &str) -> Result<&'static Entry> {
    ALGORITHMS.iter().find(|entry| entry.name == name).ok_or_else(|| Error::UnknownName {
        kind: "model",
        name: name.to_owned(),
        known: ALGORITHMS.iter().map(|entry| entry.name.to_owned()).collect(),
    })
}

/// The list of the algorithms' pages as Markdown ([`Entry::page`]).
pub fn index() -> String {
    let head = "# The algorithms\n\nEach page is the head of the algorithm's source file, with its parameters and presets.\n\n";
    let table = head.to_owned() + "| model | what it is |\n|---|---|\n";
    ALGORITHMS.iter().fold(table, |table, Entry { name, title, .. }| {
        table + &format!("| [`{name}`]({name}.md) | {title} |\n")
    })
}

/// An algorithm behind one face.
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// One line about it.
    pub title: &'static str,
    /// What it is trained for.
    pub task: Task,
    /// Its parameters.
    pub knobs: &'static [Knob],
    /// Its named sets of parameters.
    pub presets: &'static [Preset],
    /// Its source file.
    pub source: &'static str,
    /// [`Algorithm::RESUMABLE`].
    pub resumable: bool,
    configure: Configure,
}

type Configure = fn(&Map<String, Value>) -> Result<Box<dyn Configured>>;

/// An algorithm with its parameters set, ready to be fitted.
pub trait Configured: Send + Sync {
    /// All its parameters with their values.
    fn config(&self) -> Map<String, Value>;
    /// The same with one parameter changed.
    fn with(&self, parameter: &str, value: Value) -> Result<Box<dyn Configured>>;
    /// [`Algorithm::objectives`].
    fn objectives(&self) -> Vec<Objective>;
    /// [`Algorithm::visits`].
    fn visits(&self, train: &Ratings, run: &Run<'_>, epoch: usize) -> Option<Vec<u32>>;
    /// [`Algorithm::fit`].
    fn fit(&self, train: &Ratings, run: &mut Run<'_>) -> Result<Box<dyn Model>>;
    /// [`Algorithm::restore`].
    fn restore(&self, tensors: Tensors, train: &Ratings) -> Result<Box<dyn Model>>;
}

impl Entry {
    const fn of<A: Algorithm + 'static>() -> Self {
        Self {
            name: A::NAME,
            title: A::TITLE,
            task: A::TASK,
            knobs: A::KNOBS,
            presets: A::PRESETS,
            source: A::SOURCE,
            resumable: A::RESUMABLE,
            configure: |parameters| Ok(Box::new(configure::<A>(parameters)?)),
        }
    }

    /// The algorithm with these parameters, the others at their defaults.
    ///
    /// # Errors
    /// An unknown parameter, or a value outside its range.
    pub fn configure(&self, parameters: &Map<String, Value>) -> Result<Box<dyn Configured>> {
        (self.configure)(parameters)
    }

    /// The algorithm with a preset, and on top of it `key=value` pairs as a person writes them.
    pub fn configure_written(
        &self,
        preset: Option<&str>,
        pairs: &[(String, String)],
    ) -> Result<Box<dyn Configured>> {
        let parameters = match preset {
            Some(name) => self.preset(name)?,
            None => Map::new(),
        };
        self.configure_on(parameters, pairs)
    }

    /// The algorithm with these parameters, and on top of them `key=value` pairs as a person writes them.
    pub fn configure_on(
        &self,
        mut parameters: Map<String, Value>,
        pairs: &[(String, String)],
    ) -> Result<Box<dyn Configured>> {
        for (name, written) in pairs {
            let knob = self.knobs.iter().find(|knob| knob.name == name);
            let value = knob.map_or_else(|| written.as_str().into(), |knob| knob.kind.parse(written));
            parameters.insert(name.clone(), value);
        }
        self.configure(&parameters)
    }

    /// The parameters that a preset sets.
    pub fn preset(&self, name: &str) -> Result<Map<String, Value>> {
        let preset =
            self.presets.iter().find(|preset| preset.name == name).ok_or_else(|| Error::UnknownName {
                kind: "preset",
                name: name.to_owned(),
                known: self.presets.iter().map(|preset| preset.name.to_owned()).collect(),
            })?;
        let parsed = |&(name, written): &(&str, &str)| {
            let knob = self.knobs.iter().find(|knob| knob.name == name);
            (name.to_owned(), knob.map_or(Value::Null, |knob| knob.kind.parse(written)))
        };
        Ok(preset.set.iter().map(parsed).collect())
    }

    /// The source file's head: what the algorithm says of itself, as Markdown.
    pub fn documentation(&self) -> String {
        let head = self.source.lines().take_while(|line| line.starts_with("//!"));
        head.map(|line| line.trim_start_matches("//!").trim_start_matches(' '))
            .fold(String::new(), |text, line| text + line + "\n")
    }

    /// The algorithm's page as Markdown: what it says of itself, its parameters and its presets. `docs/algorithms` holds them all.
    pub fn page(&self) -> String {
        let defaults = (self.configure)(&Map::new()).map(|algorithm| algorithm.config()).unwrap_or_default();
        let parameter = |knob: &Knob| {
            let default = match defaults.get(knob.name) {
                Some(Value::String(text)) => text.clone(),
                Some(value) => value.to_string(),
                None => String::new(),
            };
            let (symbol, values) = (knob.symbol.replace('|', "\\|"), knob.kind.expected());
            format!("| `{}` | {symbol} | {default} | {values} | {} |\n", knob.name, knob.purpose)
        };
        let preset = |preset: &Preset| {
            let pairs: Vec<String> =
                preset.set.iter().map(|(name, value)| format!("`{name}={value}`")).collect();
            format!("| `{}` | {} | {} |\n", preset.name, pairs.join(" "), preset.source)
        };
        let mut page = self.documentation().replace("[`", "`").replace("`]", "`");
        page += "\n## Parameters\n\n| parameter | symbol | default | values | what it is for |\n|---|---|---|---|---|\n";
        page.extend(self.knobs.iter().map(parameter));
        if !self.presets.is_empty() {
            page += "\n## Presets\n\n| preset | sets | from |\n|---|---|---|\n";
            page.extend(self.presets.iter().map(preset));
        }
        page
    }
}

/// The same algorithm, whose fits end with [`Error::Interrupted`] once somebody asks for it.
pub fn interruptible(algorithm: Box<dyn Configured>, interrupt: &Interrupt) -> Box<dyn Configured> {
    Box::new(Interruptible { algorithm, interrupt: interrupt.clone() })
}

struct Interruptible {
    algorithm: Box<dyn Configured>,
    interrupt: Interrupt,
}

impl Configured for Interruptible {
    fn config(&self) -> Map<String, Value> {
        self.algorithm.config()
    }

    fn with(&self, parameter: &str, value: Value) -> Result<Box<dyn Configured>> {
        Ok(interruptible(self.algorithm.with(parameter, value)?, &self.interrupt))
    }

    fn objectives(&self) -> Vec<Objective> {
        self.algorithm.objectives()
    }

    fn visits(&self, train: &Ratings, run: &Run<'_>, epoch: usize) -> Option<Vec<u32>> {
        self.algorithm.visits(train, run, epoch)
    }

    fn fit(&self, train: &Ratings, run: &mut Run<'_>) -> Result<Box<dyn Model>> {
        run.listen_to(&self.interrupt);
        self.algorithm.fit(train, run)
    }

    fn restore(&self, tensors: Tensors, train: &Ratings) -> Result<Box<dyn Model>> {
        self.algorithm.restore(tensors, train)
    }
}

impl<A: Algorithm + 'static> Configured for A {
    fn config(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            _ => Map::new(),
        }
    }

    fn with(&self, parameter: &str, value: Value) -> Result<Box<dyn Configured>> {
        let mut parameters = self.config();
        parameters.insert(parameter.to_owned(), value);
        Ok(Box::new(configure::<A>(&parameters)?))
    }

    fn objectives(&self) -> Vec<Objective> {
        Algorithm::objectives(self)
    }

    fn visits(&self, train: &Ratings, run: &Run<'_>, epoch: usize) -> Option<Vec<u32>> {
        Algorithm::visits(self, train, run, epoch)
    }

    fn fit(&self, train: &Ratings, run: &mut Run<'_>) -> Result<Box<dyn Model>> {
        Ok(Box::new(Algorithm::fit(self, train, run)?))
    }

    fn restore(&self, tensors: Tensors, train: &Ratings) -> Result<Box<dyn Model>> {
        Ok(Box::new(Algorithm::restore(self, tensors, train)?))
    }
}
