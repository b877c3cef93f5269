//! `cofactor train`: fit on all of the data, and keep the model.

use std::path::{Path, PathBuf};
use std::time::Instant;

use cofactor::data::ratings::Ratings;
use cofactor::eval::early::{self, EPOCHS, Found};
use cofactor::fit::run::{Epoch, Run};
use cofactor::registry::ALGORITHMS;
use cofactor::store::{Checkpoint, DataInfo, Fit, ModelFile};
use serde::Serialize;
use serde_json::{Value, json};

use super::Context;
use crate::args::{DataArgs, ModelArgs};
use crate::experiment::stopped_early;
use crate::failure::Failure;
use crate::format;
use crate::inputs::{self, Model};
use crate::progress;

/// Fit a model on all of the data and write it to a file
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofactor train ml-100k -o movies.cofactor
  cofactor train ratings.csv --model mf --set factors=32 --set epochs=40 -o shop.cofactor
  cofactor train ratings.csv --early-stopping -o shop.cofactor
  cofactor train clicks.tsv --constant-rating 1 --duplicates sum -o clicks.cofactor
  cofactor train ml-1m --model bfm --preset ml-1m --checkpoint half.cofactor -o movies.cofactor
  cofactor train ml-1m --model bfm --preset ml-1m --resume half.cofactor -o movies.cofactor

All ratings are used, so nothing is left to test on: `cofactor evaluate` with the same options says \
how good such a model is.")]
pub(crate) struct Args {
    /// A file of ratings, or a data set's name
    data: String,
    /// Where to write the model
    #[arg(long, short, value_name = "FILE", default_value = "model.cofactor")]
    output: PathBuf,
    /// Keep the state of the fit in this file, over and over, so that --resume can go on from it: bfm
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// How many epochs lie between two states at least; each model has its own steps (bfm: 16)
    #[arg(long, value_name = "N", default_value_t = 16, requires = "checkpoint", value_parser = clap::value_parser!(u32).range(1..))]
    checkpoint_every: u32,
    /// Go on from a state that --checkpoint has kept, with the same data, parameters and seed; the model has the same bits as if nothing had happened
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    source: DataArgs,
}

#[derive(Serialize)]
struct Trained<'a> {
    data: &'a DataInfo,
    model: Value,
    seed: u64,
    threads: usize,
    seconds: Value,
    epochs: Vec<Epoch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    early_stopping: Option<Found>,
    file: &'a Path,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let mut model = Model::of(&args.model, ("mf", None))?;
    check_resumable(args, &model)?;
    let data = inputs::load(&args.data, &args.source, context)?;
    context.out.step("Model", model.in_words(), None)?;
    let found = find_epochs(&mut model, &data.ratings, context)?;
    let fit = (args.checkpoint.is_some() || args.resume.is_some()).then(|| Fit {
        algorithm: model.entry.name.to_owned(),
        config: model.configured.config(),
        seed: context.seed,
        data: DataInfo::of(&data.ratings),
    });
    let clock = Instant::now();
    let bar = context.progress.epochs("Fit", model.epochs());
    let (fitted, epochs, threads) = context.interrupt.defer(|| {
        let mut run = Run::new(context.seed, context.threads)?
            .with_observer(progress::observer(&bar, &context.interrupt));
        if let (Some(file), Some(fit)) = (&args.resume, &fit) {
            run = run.with_state(Checkpoint::load(file)?.state_for(fit, file)?);
        }
        if let (Some(file), Some(fit)) = (&args.checkpoint, &fit) {
            let save = |state| Checkpoint { fit: fit.clone(), state }.save(file);
            run = run.with_checkpoints(args.checkpoint_every as usize, save);
        }
        let fitted = model.configured.fit(&data.ratings, &mut run);
        bar.finish_and_clear();
        Ok((fitted?, run.epochs().to_vec(), run.threads()))
    })?;
    let fit_seconds = clock.elapsed().as_secs_f64();
    if let Some(last) = epochs.last() {
        let text =
            format!("{}, RMSE {:.4} in training", format::counted(last.epoch, "epoch"), last.train_rmse);
        context.out.step("Fit", text, Some(fit_seconds))?;
    }
    if let Some(found) = &found {
        context.out.note(&stopped_early(found))?;
    }
    let file =
        ModelFile::new(model.entry.name, model.configured.config(), context.seed, data.ratings, fitted);
    context.interrupt.defer(|| Ok(file.save(&args.output)?))?;
    if context.out.is_json() {
        return Ok(context.out.object(&Trained {
            data: &file.data,
            model: json!({ "name": file.algorithm, "config": file.config }),
            seed: context.seed,
            threads,
            seconds: json!({
                "read": data.seconds, "fit": fit_seconds, "total": context.start.elapsed().as_secs_f64(),
            }),
            epochs,
            early_stopping: found,
            file: &args.output,
        })?);
    }
    context.out.step("File", args.output.display(), None)?;
    Ok(())
}

/// Refuses states of a model that has none, before anything is read.
fn check_resumable(args: &Args, model: &Model) -> Result<(), Failure> {
    if model.entry.resumable || (args.checkpoint.is_none() && args.resume.is_none()) {
        return Ok(());
    }
    let able: Vec<&str> = ALGORITHMS.iter().filter(|entry| entry.resumable).map(|entry| entry.name).collect();
    Err(Failure::usage(
        format!("a fit of '{}' keeps no state that another could go on from", model.entry.name),
        format!(
            "leave --checkpoint and --resume out; of the models {} can be taken up again",
            able.join(", ")
        ),
    ))
}

/// Sets the number of epochs to the one that is best on ratings kept aside, if that is asked for.
fn find_epochs(
    model: &mut Model,
    ratings: &Ratings,
    context: &mut Context,
) -> Result<Option<Found>, Failure> {
    let Some(rule) = model.early else { return Ok(None) };
    let bar = context.progress.spinner("Fit: epochs");
    let found = context.interrupt.defer(|| {
        let mut observer = progress::observer(&bar, &context.interrupt);
        let circumstances = (context.seed, context.threads);
        let found = early::best_epochs(&*model.configured, ratings, rule, circumstances, &mut observer);
        bar.finish_and_clear();
        Ok(found?)
    })?;
    model.configured = model.configured.with(EPOCHS, found.epochs.into())?;
    Ok(Some(found))
}
