//! The search for good parameters: trials on validation parts that are cut from training parts alone.
//!
//! Trials come in generations of eight. What a generation tries, and whom it gives up, depends on the trials before it and on the seed, never
//! on threads or timing; its trials run side by side, one thread each. The first trial has the parameters that the study starts from, the
//! others of the first two generations are drawn at random, then `tpe` proposes. Early stopping finds each trial's number of epochs.
//!
//! A trial is given up when its best RMSE is worse than that of three quarters of the finished trials after as many epochs: after at
//! least five epochs, beside at least eight finished trials.

mod insight;
mod space;
mod study;
mod tpe;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use serde_json::{Map, Value};

pub use insight::{Influence, influences};
pub use space::{Dimension, Range, Wish, space};
pub use study::{FORMAT, Header, Outcome, Study, Trial};

use crate::data::split::{self, Fold, Plan};
use crate::error::{Error, Result};
use crate::eval::early::{self, EPOCHS, Found};
use crate::eval::metric::METRICS;
use crate::eval::predict;
use crate::fit::run::{Epoch, Interrupt, Run};
use crate::registry::{self, Configured, Entry, interruptible};

/// Trials that are proposed together.
pub const GENERATION: usize = 8;

/// Runs a study up to `trials` trials, those that it already has among them. Each part's `train` is learned from and its `test` measured on.
///
/// Once `interrupt` asks for it, the trials at hand are dropped and the study ends. `observer` hears of each trial that has
/// been added.
///
/// Memory: the parts, and one model for each thread.
///
/// # Errors
/// The study's file cannot be written, or threads cannot be had. A trial that fails is no error but an [`Outcome`].
pub fn tune(
    study: &mut Study,
    parts: &[Fold],
    (trials, threads): (usize, usize),
    interrupt: &Interrupt,
    observer: &mut dyn FnMut(&Study, &Trial),
) -> Result<()> {
    let entry = registry::find(&study.header.model)?;
    for first in (0..trials).step_by(GENERATION) {
        let is_there = |number: &usize| study.trials.iter().any(|trial| trial.number == *number);
        let missing: Vec<usize> =
            (first..trials.min(first + GENERATION)).filter(|number| !is_there(number)).collect();
        if missing.is_empty() {
            continue;
        }
        let proposals = proposals(study, first);
        let bar = Bar::of(study, first);
        let header = study.header.clone();
        let attempt = Attempt { entry, header: &header, parts, bar: &bar, interrupt };
        let jobs: Vec<(usize, Map<String, Value>)> =
            missing.into_iter().map(|number| (number, proposals[number - first].clone())).collect();
        side_by_side(&attempt, &jobs, threads, &mut |trial| {
            study.add(trial.clone())?;
            observer(study, &trial);
            Ok(())
        })?;
        if interrupt.requested() {
            break;
        }
    }
    Ok(())
}

/// The validation parts of a plan: that share of each user's ratings in each fold's training part, chosen anew in each fold. Test parts stay
/// where they are.
///
/// Memory: each fold's training ratings once.
///
/// # Errors
/// A training part is too small to keep anything aside.
pub fn validation_parts(plan: &Plan<'_>, share: f64, seed: u64) -> Result<Vec<Fold>> {
    let folds = 0..plan.names().len();
    folds
        .map(|fold| split::validation(&plan.fold(fold).train, share, seed.wrapping_add(fold as u64)))
        .collect()
}

/// What a generation tries, from the trials before it.
fn proposals(study: &Study, first: usize) -> Vec<Map<String, Value>> {
    let space = &study.header.space;
    let past: Vec<tpe::Past> = study
        .trials
        .iter()
        .filter(|trial| trial.number < first)
        .map(|trial| tpe::Past {
            places: space.iter().map(|dimension| dimension.place(&trial.parameters)).collect(),
            error: trial.rmse().unwrap_or(f64::INFINITY),
        })
        .collect();
    let places = tpe::propose(space, study.header.seed, (first, GENERATION), &past);
    let mut proposals: Vec<Map<String, Value>> = places
        .into_iter()
        .map(|places| {
            let value = |(dimension, place): (&Dimension, f64)| {
                (dimension.name.clone(), dimension.range.value(place))
            };
            space.iter().zip(places).map(value).collect()
        })
        .collect();
    if first == 0 {
        proposals[0].clone_from(&study.header.start);
    }
    proposals
}

impl Dimension {
    /// Where a trial lies along it.
    fn place(&self, parameters: &Map<String, Value>) -> f64 {
        parameters.get(&self.name).and_then(|value| self.range.place(value)).unwrap_or(0.5)
    }
}

/// Runs the jobs on as many threads and hands each trial to `add` as it is done.
fn side_by_side(
    attempt: &Attempt<'_>,
    jobs: &[(usize, Map<String, Value>)],
    threads: usize,
    add: &mut dyn FnMut(Trial) -> Result<()>,
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..threads.clamp(1, jobs.len()) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while let Some((number, parameters)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let Some(trial) = attempt.run(*number, parameters) else { break };
                    // Nobody listens any more once a trial could not be written.
                    if sender.send(trial).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        receiver.iter().try_for_each(add)
    })
}

/// All that a trial needs beside its parameters.
struct Attempt<'a> {
    entry: &'static Entry,
    header: &'a Header,
    parts: &'a [Fold],
    bar: &'a Bar,
    interrupt: &'a Interrupt,
}

/// How a trial ended before its end.
enum Cut {
    Stopped,
    Hopeless { rmse: f64, after: usize },
    Failed(Error),
}

impl From<Error> for Cut {
    fn from(error: Error) -> Self {
        match error {
            Error::Interrupted => Self::Stopped,
            error => Self::Failed(error),
        }
    }
}

impl Attempt<'_> {
    /// `None` when it was told to stop.
    fn run(&self, number: usize, parameters: &Map<String, Value>) -> Option<Trial> {
        if self.interrupt.requested() {
            return None;
        }
        let clock = Instant::now();
        let outcome = match self.measured(parameters) {
            Ok(outcome) => outcome,
            Err(Cut::Stopped) => return None,
            Err(Cut::Hopeless { rmse, after }) => Outcome::Pruned { rmse, after },
            Err(Cut::Failed(error)) => Outcome::Failed { reason: error.to_string() },
        };
        let seconds = clock.elapsed().as_secs_f64();
        Some(Trial { number, parameters: parameters.clone(), outcome, seconds })
    }

    fn measured(&self, parameters: &Map<String, Value>) -> Result<Outcome, Cut> {
        let mut all = self.header.fixed.clone();
        all.extend(parameters.clone());
        let algorithm = interruptible(self.entry.configure(&all).map_err(Cut::Failed)?, self.interrupt);
        let (mut squares, mut ratings, mut epochs, mut curves) = (0.0, 0, Vec::new(), Vec::new());
        for (number, part) in self.parts.iter().enumerate() {
            let rmse = if all.contains_key(EPOCHS) {
                let after = curves.iter().map(Vec::len).sum();
                let found = self.learned(&*algorithm, number, part, after)?;
                epochs.push(found.epochs);
                curves.push(found.curve.iter().filter_map(|epoch| epoch.valid_rmse).collect());
                found.valid_rmse
            } else {
                self.fitted(&*algorithm, part)?
            };
            squares += rmse * rmse * part.test.len() as f64;
            ratings += part.test.len();
        }
        let mean = epochs.iter().sum::<usize>() as f64 / epochs.len().max(1) as f64;
        let epochs = (!epochs.is_empty()).then(|| mean.round() as usize);
        Ok(Outcome::Done { rmse: (squares / ratings as f64).sqrt(), epochs, curves })
    }

    /// Learns until it is best, is hopeless, or has to stop.
    fn learned(
        &self,
        algorithm: &dyn Configured,
        number: usize,
        part: &Fold,
        before: usize,
    ) -> Result<Found, Cut> {
        let mut cut = None;
        let mut best = f64::INFINITY;
        let mut observer = |epoch: &Epoch| {
            best = best.min(epoch.valid_rmse.unwrap_or(f64::INFINITY));
            if self.bar.is_hopeless(number, epoch.epoch, best) {
                cut = Some(Cut::Hopeless { rmse: best, after: before + epoch.epoch });
            }
            if cut.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let Header { early_stopping, seed, .. } = *self.header;
        let found = early::best_epochs_on(algorithm, part, early_stopping, (seed, 1), &mut observer);
        match cut {
            Some(cut) => Err(cut),
            None => Ok(found?),
        }
    }

    /// The RMSE of a model without epochs.
    fn fitted(&self, algorithm: &dyn Configured, part: &Fold) -> Result<f64, Cut> {
        let mut run = Run::new(self.header.seed, 1)?;
        let model = algorithm.fit(&part.train, &mut run)?;
        let (errors, _) = predict::errors(&*model, &part.test, false, run.pool())?;
        Ok(errors.estimate(&METRICS[0]).mean)
    }
}

/// What a trial must come up to, by the finished trials of the generations before.
struct Bar {
    /// For each finished trial and each part, the best RMSE up to each epoch.
    best: Vec<Vec<Vec<f64>>>,
}

impl Bar {
    /// Epochs in which nobody is given up.
    const START: usize = 5;
    /// Finished trials that a judgement needs.
    const JURY: usize = 8;

    fn of(study: &Study, first: usize) -> Self {
        let running_best = |curve: &Vec<f64>| {
            let mut best = f64::INFINITY;
            curve
                .iter()
                .map(|&rmse| {
                    best = best.min(rmse);
                    best
                })
                .collect()
        };
        let before = study.trials.iter().filter(|trial| trial.number < first);
        let best = before.filter_map(|trial| match &trial.outcome {
            Outcome::Done { curves, .. } => Some(curves.iter().map(running_best).collect()),
            _ => None,
        });
        Self { best: best.collect() }
    }

    /// Whether three quarters of the finished trials were better after as many epochs.
    fn is_hopeless(&self, part: usize, epochs: usize, best: f64) -> bool {
        if epochs < Self::START || self.best.len() < Self::JURY {
            return false;
        }
        // A trial that had ended by then counts with what it ended with.
        let then = |curve: &Vec<f64>| curve.get(epochs - 1).or(curve.last()).copied();
        let better = self.best.iter().filter_map(|parts| then(parts.get(part)?)).filter(|&rmse| rmse < best);
        4 * better.count() > 3 * self.best.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ratings::Ratings;
    use crate::data::split::Spec;
    use crate::data::synth::{Synth, generate};
    use crate::eval::early::EarlyStopping;
    use serde_json::json;
    use std::path::Path;

    fn ratings() -> Ratings {
        generate(&Synth::parse("synth:users=80,items=60,ratings=2500").unwrap()).unwrap().ratings
    }

    fn parts() -> Vec<Fold> {
        (0..2).map(|seed| split::validation(&ratings(), 0.2, seed).unwrap()).collect()
    }

    fn header(model: &str, fixed: Value, wishes: &[Wish]) -> Header {
        let entry = registry::find(model).unwrap();
        let fixed: Map<String, Value> = serde_json::from_value(fixed).unwrap();
        let names: Vec<&str> = fixed.keys().map(String::as_str).collect();
        let config = entry.configure(&fixed).unwrap().config();
        let (space, rest) = space(entry, &config, &names, wishes).unwrap();
        let early_stopping = EarlyStopping { share: 0.2, patience: 3 };
        Header::new(entry, &config, (space, rest), &ratings(), Spec::None, early_stopping, 7)
    }

    fn small() -> Header {
        header("mf", json!({"factors": 4, "epochs": 40}), &[])
    }

    fn run(study: &mut Study, trials: usize, threads: usize) {
        tune(study, &parts(), (trials, threads), &Interrupt::default(), &mut |_, _| {}).unwrap();
    }

    /// The trials without the time they took.
    fn bare(study: &Study) -> Vec<Trial> {
        study.trials.iter().map(|trial| Trial { seconds: 0.0, ..trial.clone() }).collect()
    }

    #[test]
    fn a_study_depends_on_the_seed_alone() {
        let of = |threads, seed| {
            let mut study = Study::new(Header { seed, ..small() });
            run(&mut study, 20, threads);
            bare(&study)
        };
        let one = of(1, 7);
        assert_eq!(one.len(), 20);
        assert_eq!(one, of(3, 7));
        assert_ne!(one, of(1, 8));
    }

    #[test]
    fn a_study_that_was_cut_off_goes_on_as_if_nothing_had_happened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study.jsonl");
        let mut whole = Study::new(small());
        run(&mut whole, 27, 2);

        let open = || Study::open(Path::new(&path), small()).unwrap();
        let mut study = open();
        let interrupt = Interrupt::default();
        let mut observer = |study: &Study, _: &Trial| {
            if study.trials.len() == 11 {
                interrupt.request();
            }
        };
        tune(&mut study, &parts(), (27, 2), &interrupt, &mut observer).unwrap();
        assert!((11..16).contains(&study.trials.len()), "{}", study.trials.len());
        drop(study);
        let mut study = open();
        run(&mut study, 20, 1);
        drop(study);
        let mut study = open();
        run(&mut study, 27, 3);
        assert_eq!(bare(&study), bare(&whole));
        assert_eq!(Study::read(&path).unwrap().trials, study.trials);
    }

    #[test]
    fn the_first_trial_is_the_start_and_the_best_is_no_worse() {
        let mut study = Study::new(small());
        run(&mut study, 24, 2);
        assert_eq!(study.trials[0].parameters, study.header.start);
        let best = study.best().unwrap();
        assert!(best.rmse() <= study.trials[0].rmse());
        let winner = study.winner().unwrap();
        assert_eq!(winner["factors"], 4);
        assert!(registry::find("mf").unwrap().configure(&winner).is_ok());
    }

    #[test]
    fn the_error_of_a_trial_is_that_of_its_parts_together() {
        let mut study = Study::new(small());
        run(&mut study, 1, 1);
        let Outcome::Done { rmse, epochs, curves } = &study.trials[0].outcome else { panic!("it is done") };
        let algorithm = registry::find("mf").unwrap().configure(&{
            let mut all = study.header.fixed.clone();
            all.extend(study.trials[0].parameters.clone());
            all
        });
        let algorithm = algorithm.unwrap();
        let found: Vec<Found> = parts()
            .iter()
            .map(|part| {
                let mut quiet = |_: &Epoch| ControlFlow::Continue(());
                let rule = study.header.early_stopping;
                early::best_epochs_on(&*algorithm, part, rule, (7, 2), &mut quiet).unwrap()
            })
            .collect();
        let squares: f64 = found.iter().map(|found| found.valid_rmse.powi(2) * found.valid as f64).sum();
        let ratings: usize = found.iter().map(|found| found.valid).sum();
        assert!((rmse - (squares / ratings as f64).sqrt()).abs() < 1e-12);
        let mean = found.iter().map(|found| found.epochs).sum::<usize>() as f64 / 2.0;
        assert_eq!(*epochs, Some(mean.round() as usize));
        assert_eq!(curves.len(), 2);
    }

    #[test]
    fn no_test_rating_is_in_a_validation_part() {
        let ratings = ratings();
        let planned = |spec: &str| split::plan(spec.parse().unwrap(), &ratings, 3, &split::nothing_published);
        let plan = planned("kfold:3").unwrap();
        let parts = validation_parts(&plan, 0.1, 3).unwrap();
        for (fold, part) in parts.iter().enumerate() {
            let fold = plan.fold(fold);
            assert_eq!(part.train.len() + part.test.len(), fold.train.len());
            let mut searched = part.train.iter().chain(part.test.iter());
            assert!(searched.all(|r| !fold.test.row(r.user).contains(r.item)));
        }
        let whole = validation_parts(&planned("none").unwrap(), 0.1, 3).unwrap();
        assert_eq!(whole[0].train.len() + whole[0].test.len(), ratings.len());
    }

    #[test]
    fn what_the_search_saw_is_said() {
        let ratings = ratings();
        let header = Header { split: "user:0.2".to_owned(), fingerprint: ratings.fingerprint(), ..small() };
        let seen = |header: &Header, spec: &str, seed| {
            let plan = split::plan(spec.parse().unwrap(), &ratings, seed, &split::nothing_published);
            header.leakage(&plan.unwrap(), seed)
        };
        assert_eq!(seen(&header, "user:0.2", 7), None);
        assert!(seen(&header, "user:0.2", 8).unwrap().contains("with seed 7"));
        assert!(seen(&header, "time:0.1", 7).unwrap().contains("split user:0.2"));
        let folds = Header { split: "kfold:3".to_owned(), ..header };
        assert!(seen(&folds, "kfold:3", 7).unwrap().contains("these folds"));
        let elsewhere = Header { fingerprint: "another".to_owned(), ..folds };
        assert_eq!(seen(&elsewhere, "time:0.1", 1), None);
    }

    #[test]
    fn a_trial_that_diverges_is_recorded() {
        let wish = ("rate".to_owned(), Some("0.9..1.0".to_owned()));
        let mut study =
            Study::new(header("mf", json!({"biases": false, "epochs": 5, "factors": 64}), &[wish]));
        run(&mut study, 10, 2);
        let failed = study.trials.iter().filter(|trial| matches!(trial.outcome, Outcome::Failed { .. }));
        assert!(failed.count() > 0 && study.trials.len() == 10);
    }

    #[test]
    fn hopeless_trials_are_given_up_by_the_generations_before() {
        let curve = |level: f64| vec![vec![level + 0.1, level, level, level, level, level]];
        let mut study = Study::new(small());
        for number in 0..8 {
            let rmse = 0.9 + number as f64 / 100.0;
            let outcome = Outcome::Done { rmse, epochs: Some(2), curves: curve(rmse) };
            study.add(Trial { number, parameters: Map::new(), outcome, seconds: 0.0 }).unwrap();
        }
        let bar = Bar::of(&study, 8);
        assert!(bar.is_hopeless(0, 6, 0.965) && !bar.is_hopeless(0, 6, 0.955));
        assert!(bar.is_hopeless(0, 100, 0.965), "curves that have ended count with their end");
        assert!(!bar.is_hopeless(0, 4, 2.0), "too early");
        assert!(!Bar::of(&study, 7).is_hopeless(0, 6, 2.0), "too few");
    }
}
