//! What stands on the command line, as text that has been checked for its form.

use std::path::PathBuf;

use clap::{Args, Parser};
use cofactor::eval::early::EarlyStopping;
use cofactor::eval::ranking::Asked;
use cofactor::recommender::Unknown;

use crate::commands::Command;
use crate::failure::Failure;

/// A matrix-factorization recommender.
#[derive(Debug, Parser)]
#[command(name = "cofactor", version, max_term_width = 100, after_help = FIRST_STEPS)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const FIRST_STEPS: &str = "\
First steps:
  cofactor run ml-100k            fetch, split, train, evaluate, explain a few picks, write a report
  cofactor run my-ratings.csv     the same on your own file
  cofactor models                 what can be trained
  cofactor doctor                 is this machine well?

Exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted.";

/// What every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Common options")]
pub(crate) struct Common {
    /// Print one JSON object on standard output, and nothing else
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The seed of every random draw: same data, settings and seed give the same bits
    #[arg(long, global = true, value_name = "N", default_value_t = 42)]
    pub(crate) seed: u64,
    /// How many threads; 0: as many as the machine gives. They never change the result
    #[arg(long, global = true, value_name = "N", default_value_t = 0)]
    pub(crate) threads: usize,
    /// No remarks and no progress: the result alone
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// Which data, and how to read them.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Data options")]
pub(crate) struct DataArgs {
    /// The kind of a file [default: found by its first bytes]
    #[arg(long, value_name = "KIND", value_parser = ["text", "parquet"])]
    pub(crate) format: Option<String>,
    /// Which file of a zip archive to read
    #[arg(long, value_name = "PATH")]
    pub(crate) member: Option<String>,
    /// What separates the columns: `,` `::` `\t` … [default: found in the file]
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) delimiter: Option<String>,
    /// The first line names the columns [default: found in the file]
    #[arg(long, conflicts_with = "no_header")]
    pub(crate) header: bool,
    /// The first line is a rating
    #[arg(long)]
    pub(crate) no_header: bool,
    /// Where the user ids stand: a name, or a position counted from 1
    #[arg(long, value_name = "COLUMN")]
    pub(crate) user_column: Option<String>,
    /// Where the item ids stand
    #[arg(long, value_name = "COLUMN")]
    pub(crate) item_column: Option<String>,
    /// Where the ratings stand
    #[arg(long, value_name = "COLUMN")]
    pub(crate) rating_column: Option<String>,
    /// Where the times stand
    #[arg(long, value_name = "COLUMN", conflicts_with = "no_times")]
    pub(crate) time_column: Option<String>,
    /// Read no times, even if there are some
    #[arg(long)]
    pub(crate) no_times: bool,
    /// Give each row this rating and read no rating column: for clicks, plays, purchases
    #[arg(long, value_name = "RATING", conflicts_with = "rating_column")]
    pub(crate) constant_rating: Option<f32>,
    /// What to do with a pair of user and item that occurs more than once
    #[arg(long, value_name = "POLICY", value_parser = ["error", "last", "mean", "sum"], default_value = "error")]
    pub(crate) duplicates: String,
    /// The range that ratings may take, such as 1..5; others are refused [default: the range seen]
    #[arg(long, value_name = "MIN..MAX", allow_hyphen_values = true)]
    pub(crate) scale: Option<String>,
    #[command(flatten)]
    pub(crate) sources: SourceArgs,
}

/// Where data sets come from.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Data options")]
pub(crate) struct SourceArgs {
    /// A folder or a URL that holds the data sets' archives
    #[arg(long, env = "COFACTOR_MIRROR", value_name = "PLACE", hide_env_values = true)]
    pub(crate) mirror: Option<String>,
    /// Where fetched data sets are kept [default: this system's cache folder]
    #[arg(long, env = "COFACTOR_CACHE", value_name = "DIR", hide_env_values = true)]
    pub(crate) cache: Option<PathBuf>,
    /// Use the cache and the mirror alone, never the network
    #[arg(long)]
    pub(crate) offline: bool,
}

/// Which model, with which parameters.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Model options")]
pub(crate) struct ModelArgs {
    #[command(flatten)]
    pub(crate) choice: ChoiceArgs,
    /// Take the model and its parameters from the best trial of a study that `cofactor tune` wrote
    #[arg(long, value_name = "FILE", conflicts_with = "preset")]
    pub(crate) study: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) early: EarlyArgs,
}

/// A model, a preset, and what is changed in it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Model options")]
pub(crate) struct ChoiceArgs {
    /// The model: `cofactor models` lists them [default: mf]
    #[arg(long, short, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// A named set of the model's parameters
    #[arg(long, short, value_name = "NAME")]
    pub(crate) preset: Option<String>,
    /// Sets one parameter, on top of the preset; may be repeated
    #[arg(long, short, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) set: Vec<(String, String)>,
}

/// How rankings are measured.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Ranking options")]
pub(crate) struct RankingArgs {
    /// Measure rankings too: ndcg@N, recall@N, recall_capped@N, precision@N, map@N, mrr@N, hitrate@N, auc, epr; of the lists coverage@N, gini@N, novelty@N,
    /// diversity@N, lift@N; `usual` for the usual ones [default: those for models that rank and for data without ratings]
    #[arg(long, value_name = "LIST")]
    pub(crate) metrics: Option<String>,
    /// Only test items with this rating or a higher one are relevant [default: all test items]
    #[arg(long, value_name = "RATING", allow_hyphen_values = true)]
    pub(crate) relevant_from: Option<f32>,
}

impl RankingArgs {
    /// What is asked for; `ranks` says whether it is usual to ask.
    pub(crate) fn asked(&self, ranks: bool) -> Result<Option<Asked>, Failure> {
        let written = match &self.metrics {
            Some(written) => written.as_str(),
            None if ranks || self.relevant_from.is_some() => "usual",
            None => return Ok(None),
        };
        Asked::parse(written, self.relevant_from).map(Some).map_err(|error| {
            let (problem, hint) = error.parts();
            Failure::usage(problem, hint.unwrap_or_default())
        })
    }
}

/// When to stop learning.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Model options")]
pub(crate) struct EarlyArgs {
    /// Find the number of epochs on this share of each user's training ratings, then learn from all of them for as many; without
    /// `--set epochs=N` as the most, the model's usual range is the limit
    #[arg(long, value_name = "SHARE", num_args = 0..=1, require_equals = true, default_missing_value = "0.1")]
    pub(crate) early_stopping: Option<f64>,
    /// After how many epochs without a better one to stop
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) patience: u16,
}

impl EarlyArgs {
    /// The rule, if one is asked for.
    pub(crate) fn rule(&self) -> Option<EarlyStopping> {
        self.early_stopping.map(|share| EarlyStopping { share, patience: self.patience.into() })
    }
}

pub(crate) fn key_value(written: &str) -> Result<(String, String), String> {
    match written.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err("write it as KEY=VALUE, such as factors=32".to_owned()),
    }
}

/// What to do about somebody or something that training never saw.
#[derive(Debug, Clone, Args)]
pub(crate) struct UnknownArg {
    /// What to do about a user or an item that training never saw: refuse, answer what most people like, or ask about an average user
    #[arg(long, value_name = "POLICY", value_parser = ["error", "popular", "mean"], default_value = "error")]
    unknown: String,
}

impl UnknownArg {
    pub(crate) fn policy(&self) -> Unknown {
        match self.unknown.as_str() {
            "popular" => Unknown::Popular,
            "mean" => Unknown::Mean,
            _ => Unknown::Error,
        }
    }
}
