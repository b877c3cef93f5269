//! `cofactor run`: the main job, from data to a report.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use cofactor::Error;
use cofactor::data::ids::{Item, User};
use cofactor::data::ratings::{Ratings, Scale};
use cofactor::data::split::Fold;
use cofactor::eval::diagnostics::diagnose;
use cofactor::eval::ranking::Asked;
use cofactor::eval::ranking::popularity::{self, Setting};
use cofactor::fit::model::Model as Fitted;
use cofactor::fit::run::thread_pool;
use cofactor::recommender::{Contribution, NamedItem, Pick, Recommender, Request, Who, example_user};
use cofactor::report::{self, Report};
use cofactor::store::{ModelFile, write_atomically};
use serde::Serialize;
use serde_json::json;

use super::Context;
use super::recommend::title_or_id;
use crate::args::{DataArgs, ModelArgs, RankingArgs};
use crate::experiment::{self, Experiment};
use crate::failure::Failure;
use crate::format;
use crate::inputs::{self, Model};
use crate::output::{Cell, DIM, HEAD, Table};

/// The main job: read or fetch, split, train, evaluate, show what is picked for one user, write a report
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofactor run                                     MovieLens 100K, with the lesson's five factors
  cofactor run my-ratings.csv --out results
  cofactor run ml-100k --model mf --split official
  cofactor run ml-1m --model mf --set factors=32 --split time:0.1
  cofactor run synth                               data that are made here: no network

Without --model and --preset the model is mf with the preset lesson.

Writes three files into the folder: report.html to look at, report.json for programs, \
model.cofactor for the commands predict, recommend, similar and explain. The model in the file is the \
one that was tested: it has learned from the training part alone. `cofactor train` fits on everything.")]
pub(crate) struct Args {
    /// A file of ratings, or a data set's name
    #[arg(default_value = "ml-100k")]
    data: String,
    /// Which ratings are held out: user:F, random:F, kfold:N, official[:NAME], loo, time:F, strong:N
    #[arg(long, value_name = "SPEC", default_value = "user:0.2")]
    split: String,
    /// The folder for the results
    #[arg(long, short, value_name = "DIR", default_value = "cofactor-run")]
    out: PathBuf,
    /// The user to show picks for [default: drawn by the seed]
    #[arg(long, short, value_name = "ID")]
    user: Option<String>,
    /// How many picks to show
    #[arg(short, long = "number", value_name = "N", default_value_t = 10)]
    n: usize,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    ranking: RankingArgs,
    #[command(flatten)]
    source: DataArgs,
}

/// How many reasons the report gives for a pick.
const REASONS: usize = 3;

pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let spec = inputs::split_spec(&args.split)?;
    let model = Model::of(&args.model, ("mf", Some("lesson")))?;
    fs::create_dir_all(&args.out).map_err(Error::io("create the folder", &args.out))?;
    let data = inputs::load(&args.data, &args.source, context)?;
    if let Some(user) = &args.user {
        check_user(user, &data.ratings)?;
    }
    let asked = inputs::ranking(&args.ranking, &model, &data)?;
    let experiment = experiment::run(&data, &model, spec, asked, context)?;
    experiment.print(&mut context.out)?;

    let Experiment { outcome, mut report } = experiment;
    let clock = Instant::now();
    report.diagnostics = Some(diagnose(&*outcome.model, &outcome.fold, &outcome.predictions));
    if let Some(ranking) = &report.ranking {
        report.trade_off = trade_off(&*outcome.model, &outcome.fold, &ranking.asked, context)?;
    }
    report.seconds.evaluate += clock.elapsed().as_secs_f64();

    let test = outcome.fold.test;
    let mut file =
        ModelFile::new(model.entry.name, outcome.config, context.seed, outcome.fold.train, outcome.model);
    file.metrics = Some(json!(report.metrics));
    let recommender = Recommender::new(file)?;
    if let Some(example) = Example::of(&recommender, args, context.seed)? {
        example.print(&test, context)?;
        report.example = Some(example.report(&test));
    }
    report.seconds.total = context.start.elapsed().as_secs_f64();
    let files = write(&args.out, &recommender, &report, context)?;
    finish(&files, &report, context)
}

/// What popularity is worth: the first metric beside coverage, novelty and inequality, at several settings.
fn trade_off(
    model: &dyn Fitted,
    fold: &Fold,
    asked: &Asked,
    context: &Context,
) -> Result<Vec<Setting>, Failure> {
    let first = asked.measures[0];
    let n = first.cutoff.unwrap_or(10);
    let written = format!("{first},coverage@{n},novelty@{n},gini@{n}");
    let spinner = context.progress.spinner("Popularity");
    let settings = Asked::parse(&written, asked.relevant_from)
        .and_then(|asked| popularity::trade_off(model, fold, &asked, &thread_pool(context.threads)?));
    spinner.finish_and_clear();
    Ok(settings?)
}

/// Refuses a user who is not in the data, before anything is fitted.
fn check_user(user: &str, ratings: &Ratings) -> Result<(), Error> {
    if ratings.catalog().users.index_of(user).is_some() {
        return Ok(());
    }
    let hint = format!("--user takes an id of {}", ratings.catalog().name);
    Err(Error::UnknownId { side: "user", id: user.to_owned(), hint })
}

/// The three files.
#[derive(Serialize)]
struct Files {
    html: PathBuf,
    json: PathBuf,
    model: PathBuf,
}

#[derive(Serialize)]
struct WithFiles<'a> {
    #[serde(flatten)]
    report: &'a Report,
    files: &'a Files,
}

fn write(
    folder: &Path,
    recommender: &Recommender,
    report: &Report,
    context: &Context,
) -> Result<Files, Failure> {
    let files = Files {
        html: folder.join("report.html"),
        json: folder.join("report.json"),
        model: folder.join("model.cofactor"),
    };
    context.interrupt.defer(|| {
        recommender.file().save(&files.model)?;
        write_atomically(&files.json, |out| writeln!(out, "{}", report.to_json()))?;
        write_atomically(&files.html, |out| out.write_all(report.html().as_bytes()))?;
        Ok(())
    })?;
    Ok(files)
}

fn finish(files: &Files, report: &Report, context: &mut Context) -> Result<(), Failure> {
    let out = &mut context.out;
    if out.is_json() {
        return Ok(out.whole_object(&WithFiles { report, files })?);
    }
    let of = if report.folds.is_empty() { "the training part" } else { "the last fold's training part" };
    out.say("")?;
    out.step("Report", files.html.display(), None)?;
    out.step("", files.json.display(), None)?;
    out.step("Model", files.model.display(), None)?;
    out.note(&format!("the model that was tested: it knows {of} alone"))?;
    out.step("Done", format_args!("in {}", format::seconds(report.seconds.total)), None)?;
    Ok(())
}

/// One user's ratings, beside what the model picks for them.
struct Example<'a> {
    user: String,
    liked: Vec<(NamedItem<'a>, f32)>,
    picks: Vec<Pick<'a>>,
    scale: Scale,
}

impl<'a> Example<'a> {
    fn of(recommender: &'a Recommender, args: &Args, seed: u64) -> Result<Option<Self>, Failure> {
        let seen = &recommender.file().seen;
        let drawn = || example_user(seen, seed).map(|user| seen.catalog().user_id(user).to_string());
        let Some(user) = args.user.clone().or_else(drawn) else { return Ok(None) };
        let mut liked = recommender.history(&user)?;
        liked.truncate(args.n);
        // All reasons are asked for, because each one's part is a part of their sum.
        let request = Request { n: args.n, reasons: usize::MAX, ..Request::default() };
        let picks = recommender.recommend(Who::User(&user), &request)?.picks;
        Ok(Some(Self { user, liked, picks, scale: seen.scale() }))
    }

    fn print(&self, test: &Ratings, context: &mut Context) -> Result<(), Failure> {
        context.out.say(format_args!("\n{HEAD}User {}{HEAD:#}", self.user))?;
        let mut table = Table::new(["liked", "rated", "is recommended", "predicted", "held out"]);
        for row in 0..self.liked.len().max(self.picks.len()) {
            let (liked, rated) = match self.liked.get(row) {
                Some((item, rating)) => (title_or_id(item), rating.to_string()),
                None => Default::default(),
            };
            let (pick, predicted, held_out) = match self.picks.get(row) {
                Some(pick) => {
                    let truth = self.held_out(test, &pick.item).map(|rating| rating.to_string());
                    let predicted = format!("{:.2}", self.scale.clip(pick.score));
                    (title_or_id(&pick.item), predicted, truth.unwrap_or_default())
                }
                None => Default::default(),
            };
            table.row([
                liked.into(),
                Cell::Figure(rated),
                pick.into(),
                Cell::Figure(predicted),
                Cell::Figure(held_out),
            ]);
        }
        context.out.table(&table)?;
        let note = "held out: what the user said of a pick, in a rating that the model has not seen";
        Ok(context.out.say(format_args!("{DIM}{note}{DIM:#}"))?)
    }

    /// The user's rating of an item in the test part.
    fn held_out(&self, test: &Ratings, item: &NamedItem<'_>) -> Option<f32> {
        let catalog = test.catalog();
        let user = User(catalog.users.index_of(&self.user)? as u32);
        let item = Item(catalog.items.index_of(&item.id.to_string())? as u32);
        test.row(user).iter().find(|rated| rated.item == item).map(|rated| rated.value)
    }

    fn report(&self, test: &Ratings) -> report::Example {
        let liked = self
            .liked
            .iter()
            .map(|(item, rating)| report::Liked { title: title_or_id(item), rating: *rating });
        let pick = |pick: &Pick<'_>| {
            let all: f32 = pick.reasons.iter().map(|reason| reason.taste).sum();
            let reason = |reason: &Contribution<'_>| report::Reason {
                title: title_or_id(&reason.item),
                rating: Some(reason.rating),
                share: f64::from(reason.taste / all),
            };
            report::Pick {
                title: title_or_id(&pick.item),
                predicted: f64::from(self.scale.clip(pick.score)),
                held_out: self.held_out(test, &pick.item),
                reasons: pick.reasons.iter().take(REASONS).map(reason).collect(),
            }
        };
        report::Example {
            user: self.user.clone(),
            liked: liked.collect(),
            picks: self.picks.iter().map(pick).collect(),
        }
    }
}
