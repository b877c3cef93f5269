//! From what stands on the command line to what the library works with.

use std::path::Path;
use std::time::Instant;

use cofactor::Error;
use cofactor::data::datasets::{self, Event, Store};
use cofactor::data::ids::{Item, User};
use cofactor::data::ratings::{Duplicates, Ratings, Scale};
use cofactor::data::read::{self, ColumnRef, Format, ReadOptions};
use cofactor::data::split::{self, Spec};
use cofactor::eval::early::{self, EPOCHS, EarlyStopping};
use cofactor::eval::ranking::Asked;
use cofactor::fit::algorithm::Task;
use cofactor::registry::{self, Configured, Entry};
use cofactor::tune::{Header, Study};

use crate::args::{ChoiceArgs, DataArgs, ModelArgs, RankingArgs, SourceArgs};
use crate::commands::Context;
use crate::failure::Failure;
use crate::format;
use crate::progress::Fetching;

/// Ratings, and where they came from.
pub(crate) struct Data {
    pub(crate) ratings: Ratings,
    /// How long it took to read them.
    pub(crate) seconds: f64,
    named: Option<(Store, String)>,
}

impl Data {
    /// Whether they say who chose what, and not how much they liked it: all ratings are the same.
    pub(crate) fn is_implicit(&self) -> bool {
        self.ratings.scale().min == self.ratings.scale().max
    }

    /// The test part of a published split.
    pub(crate) fn published(&self, split: &str) -> Result<Vec<(User, Item)>, Error> {
        match &self.named {
            Some((store, name)) => store.official(name, split, &self.ratings),
            None => split::nothing_published(split),
        }
    }
}

/// Reads a file, or a data set by its name; says what it holds.
pub(crate) fn load(written: &str, args: &DataArgs, context: &mut Context) -> Result<Data, Failure> {
    let clock = Instant::now();
    let data = match Source::of(written)? {
        Source::File(path) => {
            let options = read_options(args)?;
            let spinner = context.progress.spinner(&format!("Reading {}", path.display()));
            let ratings = read::read(path, &options);
            spinner.finish_and_clear();
            Data { ratings: ratings?, seconds: 0.0, named: None }
        }
        Source::Name(name) => {
            if read_options(args)? != ReadOptions::default() {
                return Err(Failure::usage(
                    format!(
                        "{name} is a data set whose files are known: nothing about its columns can be set"
                    ),
                    "leave the options for files out, or name a file",
                ));
            }
            let store = store(&args.sources)?;
            let mut fetching = Fetching::new(name, context.progress);
            let ratings = store.load(name, &mut |event: Event<'_>| fetching.tell(event));
            fetching.finish();
            Data { ratings: ratings?, seconds: 0.0, named: Some((store, name.to_owned())) }
        }
    };
    let data = Data { seconds: clock.elapsed().as_secs_f64(), ..data };
    context.out.step("Data", in_words(&data.ratings), Some(data.seconds))?;
    Ok(data)
}

/// What DATA on the command line means. A file goes before a data set of the same name, and that before a folder.
pub(crate) enum Source<'a> {
    File(&'a Path),
    Name(&'a str),
}

impl<'a> Source<'a> {
    pub(crate) fn of(written: &'a str) -> Result<Self, Failure> {
        let path = Path::new(written);
        if path.is_file() {
            return Ok(Self::File(path));
        }
        match datasets::find(written) {
            Ok(_) => Ok(Self::Name(written)),
            // What looks like a path is left to the reader, who knows what stands near it.
            Err(_) if path.exists() || written.contains(['/', '\\', '.']) => Ok(Self::File(path)),
            Err(error) => Err(Failure::usage(
                format!("there is no file '{written}', and no data set of that name"),
                error.parts().1.unwrap_or_default(),
            )),
        }
    }
}

/// Where data sets are kept and come from.
pub(crate) fn store(args: &SourceArgs) -> Result<Store, Failure> {
    let cache = args
        .cache
        .clone()
        .or_else(Store::platform_cache)
        .ok_or_else(|| Failure::usage("this system names no cache folder", "give one: --cache DIR"))?;
    let mut store = Store::new(cache);
    store.mirror.clone_from(&args.mirror);
    store.offline = args.offline;
    Ok(store)
}

fn in_words(ratings: &Ratings) -> String {
    let (users, items, n) = (ratings.users(), ratings.items(), ratings.len());
    let scale = ratings.scale();
    format!(
        "{}: {}, {}, {} ({:.2} % of all pairs), {} to {}",
        ratings.catalog().name,
        format::counted(users, "user"),
        format::counted(items, "item"),
        format::counted(n, "rating"),
        100.0 * n as f64 / (users as f64 * items as f64),
        scale.min,
        scale.max,
    )
}

/// How the name of a study's file ends; no preset is called like that.
const STUDY: &str = ".jsonl";

/// A model, ready to be fitted.
pub(crate) struct Model {
    pub(crate) entry: &'static Entry,
    pub(crate) configured: Box<dyn Configured>,
    /// How the number of epochs is found, if it is; the parameter is then the most.
    pub(crate) early: Option<EarlyStopping>,
    /// The study that the parameters come from, if they do.
    pub(crate) study: Option<Header>,
    /// Where the parameters come from, where it is not from the defaults: `preset lesson`.
    origin: Option<String>,
}

impl Model {
    /// `fallback` is the model and the preset that are taken where no model is named.
    pub(crate) fn of(args: &ModelArgs, fallback: (&str, Option<&str>)) -> Result<Self, Failure> {
        match &args.study {
            Some(file) => {
                let model = args.choice.model.as_deref();
                Self::of_study(file, model, &args.choice.set)?
                    .stopped_early(args.early.rule(), &args.choice.set)
            }
            None => Self::chosen(&args.choice, fallback, args.early.rule()),
        }
    }

    /// The same without a study.
    pub(crate) fn chosen(
        args: &ChoiceArgs,
        fallback: (&str, Option<&str>),
        early: Option<EarlyStopping>,
    ) -> Result<Self, Failure> {
        let (name, preset) = match (&args.model, &args.preset) {
            (Some(name), preset) => (name.as_str(), preset.as_deref()),
            (None, Some(preset)) => (fallback.0, Some(preset.as_str())),
            (None, None) => fallback,
        };
        Self::new(registry::find(name)?, preset, &args.set, early)
    }

    /// The winner of a study, with what is set on top.
    fn of_study(file: &Path, model: Option<&str>, set: &[(String, String)]) -> Result<Self, Failure> {
        let study = Study::read(file)?;
        let name = study.header.model.as_str();
        if let Some(other) = model.filter(|&other| other != name) {
            return Err(Failure::usage(
                format!("{} is a study of {name}, not of {other}", file.display()),
                format!("name {name}, or another file"),
            ));
        }
        let entry = registry::find(name)?;
        let configured = entry.configure_on(study.winner()?, set)?;
        let origin = Some(format!("study {}", file.display()));
        Ok(Self { entry, configured, early: None, study: Some(study.header), origin })
    }

    /// A model as it is written in a list: `mf`, `mf:lesson`, `mf:ml-100k+factors=64+rate=0.01`, `mf:study.jsonl`. Those that do not
    /// learn in epochs are not stopped early.
    pub(crate) fn written(text: &str, early: Option<EarlyStopping>) -> Result<Self, Failure> {
        let mut parts = text.split('+');
        let first = parts.next().unwrap_or_default();
        let (name, preset) = match first.split_once(':') {
            Some((name, preset)) => (name, Some(preset)),
            None => (first, None),
        };
        let entry = registry::find(name)?;
        let pair = |part: &str| match part.split_once('=') {
            Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
            None => Err(Failure::usage(
                format!("'{part}' in '{text}' sets nothing"),
                "write NAME:PRESET+KEY=VALUE, such as mf:lesson+factors=8",
            )),
        };
        let pairs = parts.map(pair).collect::<Result<Vec<_>, _>>()?;
        let early = early.filter(|_| early::most_epochs(entry).is_ok());
        match preset.filter(|preset| preset.ends_with(STUDY)) {
            Some(file) => Self::of_study(Path::new(file), Some(name), &pairs)?.stopped_early(early, &pairs),
            None => Self::new(entry, preset, &pairs, early),
        }
    }

    fn new(
        entry: &'static Entry,
        preset: Option<&str>,
        set: &[(String, String)],
        early: Option<EarlyStopping>,
    ) -> Result<Self, Failure> {
        let configured = entry.configure_written(preset, set)?;
        let origin = preset.map(|name| format!("preset {name}"));
        Self { entry, configured, early: None, study: None, origin }.stopped_early(early, set)
    }

    /// With the number of epochs to be found; at most as many as are set, or as are usual.
    fn stopped_early(
        mut self,
        early: Option<EarlyStopping>,
        set: &[(String, String)],
    ) -> Result<Self, Failure> {
        let Some(rule) = early else { return Ok(self) };
        rule.check()?;
        if !set.iter().any(|(name, _)| name == EPOCHS) {
            self.configured = self.configured.with(EPOCHS, early::most_epochs(self.entry)?.into())?;
        }
        self.early = early;
        Ok(self)
    }

    /// `mf, preset lesson: biases=false factors=5 …`
    pub(crate) fn in_words(&self) -> String {
        let origin = self.origin.as_ref().map(|origin| format!(", {origin}")).unwrap_or_default();
        let config: Vec<String> = self
            .configured
            .config()
            .iter()
            .map(|(name, value)| {
                format!("{name}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            })
            .collect();
        let early = self.early.map(in_rule).unwrap_or_default();
        format!("{}{origin}: {}{early}", self.entry.name, config.join(" "))
    }

    /// How many epochs it makes, where that is a parameter.
    pub(crate) fn epochs(&self) -> Option<u64> {
        self.configured.config().get("epochs")?.as_u64()
    }
}

fn in_rule(rule: EarlyStopping) -> String {
    format!("; epochs found on {} % of the training ratings", format::number(100.0 * rule.share))
}

/// What is asked of rankings: by option, or as usual for a model that ranks and for data without ratings.
pub(crate) fn ranking(args: &RankingArgs, model: &Model, data: &Data) -> Result<Option<Asked>, Failure> {
    args.asked(model.entry.task == Task::Ranking || data.is_implicit())
}

/// What is said of the file on the command line.
pub(crate) fn read_options(args: &DataArgs) -> Result<ReadOptions, Failure> {
    let column = |written: &Option<String>| {
        written.as_deref().map(|text| text.parse::<ColumnRef>().unwrap_or_else(|never| match never {}))
    };
    Ok(ReadOptions {
        name: None,
        format: args
            .format
            .as_deref()
            .map(|kind| if kind == "text" { Format::Text } else { Format::Parquet }),
        member: args.member.clone(),
        delimiter: args.delimiter.clone(),
        header: if args.header { Some(true) } else { args.no_header.then_some(false) },
        user: column(&args.user_column),
        item: column(&args.item_column),
        rating: column(&args.rating_column),
        time: column(&args.time_column),
        ignore_times: args.no_times,
        constant: args.constant_rating,
        duplicates: match args.duplicates.as_str() {
            "last" => Duplicates::Last,
            "mean" => Duplicates::Mean,
            "sum" => Duplicates::Sum,
            _ => Duplicates::Error,
        },
        scale: args.scale.as_deref().map(scale).transpose()?,
    })
}

/// How a split is written.
pub(crate) fn split_spec(written: &str) -> Result<Spec, Failure> {
    written.parse().map_err(|error: Error| {
        let (problem, hint) = error.parts();
        Failure::usage(problem, hint.unwrap_or_default())
    })
}

/// `1..5`, `0.5..5`.
fn scale(written: &str) -> Result<Scale, Failure> {
    let ends = written.split_once("..").map(|(min, max)| (min.trim().parse(), max.trim().parse()));
    match ends {
        Some((Ok(min), Ok(max))) if f32::is_finite(min) && f32::is_finite(max) && min < max => {
            Ok(Scale { min, max })
        }
        _ => Err(Failure::usage(
            format!("--scale {written}: expected two numbers, the lower one first"),
            "write it as --scale 1..5",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_is_two_numbers() {
        assert_eq!(scale("0.5..5").unwrap(), Scale { min: 0.5, max: 5.0 });
        assert_eq!(scale("-1..1").unwrap(), Scale { min: -1.0, max: 1.0 });
        for wrong in ["5", "5..1", "1..nan", "a..b", "1..inf", "3..3"] {
            assert_eq!(scale(wrong).unwrap_err().status(), 2, "{wrong}");
        }
    }
}
