//! `cofactor data`: the data sets, and what a file holds.

mod info;

use cofactor::data::datasets::{DATASETS, DataSet, Event};
use serde_json::{Value, json};

use super::Context;
use crate::args::{DataArgs, SourceArgs};
use crate::failure::Failure;
use crate::inputs;
use crate::output::{Cell, DIM, Table};
use crate::progress::Fetching;

/// List the data sets, fetch one, or look into a file
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofactor data list
  cofactor data fetch ml-100k
  cofactor data info my-ratings.csv")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// The data sets that have a name
    List {
        #[command(flatten)]
        sources: SourceArgs,
    },
    /// Fetch data sets into the cache, and check their content
    Fetch {
        /// Their names
        #[arg(required = true)]
        names: Vec<String>,
        #[command(flatten)]
        sources: SourceArgs,
    },
    /// What a file or a data set holds, and what is wrong with it
    #[command(after_help = "Exit status 1 if something in the file keeps a model from being trained on it.")]
    Info {
        /// A file of ratings, or a data set's name
        data: String,
        #[command(flatten)]
        source: Box<DataArgs>,
    },
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    match &args.command {
        Command::List { sources } => list(sources, context),
        Command::Fetch { names, sources } => fetch(names, sources, context),
        Command::Info { data, source } => info::run(data, source, context),
    }
}

fn list(sources: &SourceArgs, context: &mut Context) -> Result<(), Failure> {
    let store = inputs::store(sources)?;
    let out = &mut context.out;
    if out.is_json() {
        let mut sets = Vec::new();
        for set in DATASETS {
            sets.push(object(set, store.cached(set.name)?.is_some())?);
        }
        return Ok(out.object(&json!({
            "data_sets": sets, "cache": store.cache
        }))?);
    }
    let mut table = Table::new(["name", "title", "users", "items", "ratings", "at hand"]);
    for set in DATASETS {
        let at_hand = if set.members.is_empty() {
            "built in"
        } else if store.cached(set.name)?.is_some() {
            "in the cache"
        } else {
            ""
        };
        table.row([
            set.name.into(),
            set.title.into(),
            Cell::Count(set.users),
            Cell::Count(set.items),
            Cell::Count(set.ratings),
            at_hand.into(),
        ]);
    }
    out.table(&table)?;
    Ok(out.say(format_args!("{DIM}The cache is {}.{DIM:#}", store.cache.display()))?)
}

fn object(set: &DataSet, cached: bool) -> Result<Value, Failure> {
    let mut object = serde_json::to_value(set).map_err(std::io::Error::from)?;
    object["cached"] = cached.into();
    Ok(object)
}

fn fetch(names: &[String], sources: &SourceArgs, context: &mut Context) -> Result<(), Failure> {
    let store = inputs::store(sources)?;
    let mut fetched = Vec::new();
    for name in names {
        let mut fetching = Fetching::new(name, context.progress);
        let result = store.fetch(name, &mut |event: Event<'_>| fetching.tell(event));
        fetching.finish();
        let result = result?;
        let place = match &result.folder {
            Some(folder) => folder.display().to_string(),
            None => "built in".to_owned(),
        };
        let news = if result.fresh { "fetched from" } else { "was at hand, from" };
        context.out.line(format_args!("{name}: {news} {}; {place}", result.source))?;
        fetched.push(json!({
            "name": name, "source": result.source, "folder": result.folder, "fresh": result.fresh,
            "files": result.files,
        }));
    }
    if context.out.is_json() {
        context.out.object(&json!({ "fetched": fetched }))?;
    }
    Ok(())
}
