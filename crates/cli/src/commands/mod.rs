//! One file for each command.

mod doctor;
mod models;

use clap::Subcommand;

use crate::args::Common;
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::{Interrupt, Progress};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Models(models::Args),
    Doctor(doctor::Args),
}

/// Runs a command.
pub(crate) fn dispatch(command: Command, context: &mut Context) -> Result<(), Failure> {
    match command {
        Command::Models(args) => models::run(&args, context),
        Command::Doctor(args) => doctor::run(&args, context),
    }
}

/// What every command works with.
pub(crate) struct Context {
    pub(crate) out: Output,
    pub(crate) progress: Progress,
    pub(crate) interrupt: Interrupt,
    pub(crate) seed: u64,
    pub(crate) threads: usize,
}

impl Context {
    pub(crate) fn new(common: &Common) -> Self {
        Self {
            out: Output::new(common.json, common.quiet),
            progress: Progress::new(common.quiet),
            interrupt: Interrupt::listen(),
            seed: common.seed,
            threads: common.threads,
        }
    }
}
