//! The command `cofactor`: arguments → a call of the library → print.
//!
//! The structs of `clap` hold validated text; each command then builds what it needs from them. Everything that is printed
//! goes through [`output`], every bar through [`progress`], every failure through [`failure`].

mod args;
mod commands;
mod experiment;
mod failure;
mod format;
mod inputs;
mod output;
mod progress;

use std::process::ExitCode;

use clap::Parser;

use args::Cli;
use commands::Context;
use failure::Failure;

/// Exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
fn main() -> ExitCode {
    let json = std::env::args_os().any(|argument| argument == "--json");
    let outcome = Cli::try_parse()
        .map_err(Failure::from)
        .and_then(|cli| commands::dispatch(cli.command, &mut Context::new(&cli.common)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print(json);
            ExitCode::from(failure.status())
        }
    }
}
