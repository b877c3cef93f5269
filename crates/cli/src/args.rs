//! What stands on the command line, as text that has been checked for its form.

use clap::{Args, Parser};

use crate::commands::Command;

/// A matrix-factorization recommender.
#[derive(Debug, Parser)]
#[command(name = "cofactor", version, about, max_term_width = 100, after_help = FIRST_STEPS)]
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
