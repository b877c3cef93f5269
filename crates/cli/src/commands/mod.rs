//! One file for each command.

mod compare;
mod data;
mod derive;
mod doctor;
mod evaluate;
mod explain;
mod ladder;
mod models;
mod predict;
mod recommend;
mod report;
mod run;
mod serve;
mod similar;
mod train;
mod tune;

use std::path::Path;
use std::time::Instant;

use clap::Subcommand;
use cofactor::store::write_atomically;

use crate::args::Common;
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::{Interrupt, Progress};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(run::Args),
    Data(data::Args),
    Models(models::Args),
    Train(train::Args),
    Evaluate(evaluate::Args),
    Compare(compare::Args),
    Ladder(ladder::Args),
    Tune(tune::Args),
    Predict(predict::Args),
    Recommend(recommend::Args),
    Similar(similar::Args),
    Explain(explain::Args),
    Serve(serve::Args),
    Report(report::Args),
    Derive(derive::Args),
    Doctor(doctor::Args),
}

/// Runs a command.
pub(crate) fn dispatch(command: Command, context: &mut Context) -> Result<(), Failure> {
    match command {
        Command::Run(args) => run::run(&args, context),
        Command::Data(args) => data::run(&args, context),
        Command::Models(args) => models::run(&args, context),
        Command::Train(args) => train::run(&args, context),
        Command::Evaluate(args) => evaluate::run(&args, context),
        Command::Compare(args) => compare::run(&args, context),
        Command::Ladder(args) => ladder::run(&args, context),
        Command::Tune(args) => tune::run(&args, context),
        Command::Predict(args) => predict::run(&args, context),
        Command::Recommend(args) => recommend::run(&args, context),
        Command::Similar(args) => similar::run(&args, context),
        Command::Explain(args) => explain::run(&args, context),
        Command::Serve(args) => serve::run(&args, context),
        Command::Report(args) => report::run(&args, context),
        Command::Derive(args) => derive::run(&args, context),
        Command::Doctor(args) => doctor::run(&args, context),
    }
}

/// What every command works with.
pub(crate) struct Context {
    pub(crate) out: Output,
    pub(crate) progress: Progress,
    pub(crate) interrupt: Interrupt,
    pub(crate) seed: u64,
    /// 0: as many as there are cores.
    pub(crate) threads: usize,
    /// When the command began.
    pub(crate) start: Instant,
}

impl Context {
    pub(crate) fn new(common: &Common) -> Self {
        Self {
            out: Output::new(common.json, common.quiet),
            progress: Progress::new(common.quiet),
            interrupt: Interrupt::listen(),
            seed: common.seed,
            threads: common.threads,
            start: Instant::now(),
        }
    }

    /// How many threads this process may run at once.
    pub(crate) fn cores() -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }

    /// How many threads work.
    pub(crate) fn threads(&self) -> usize {
        if self.threads == 0 { Self::cores() } else { self.threads }
    }

    /// Writes a page, whole or not at all.
    pub(crate) fn write_page(&self, file: &Path, page: &str) -> Result<(), Failure> {
        self.interrupt.defer(|| Ok(write_atomically(file, |out| out.write_all(page.as_bytes()))?))
    }
}
