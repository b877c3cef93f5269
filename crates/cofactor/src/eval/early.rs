//! Early stopping: how many epochs to learn for, found on a part of the training ratings.
//!
//! ```text
//! 1. keep `share` of each user's training ratings aside: the validation part      (split::validation)
//! 2. learn from the rest; after each epoch, measure the RMSE on the validation part, not clipped
//! 3. stop when `patience` epochs in a row were no better; T* is the best epoch
//! 4. the caller learns from all training ratings for T* epochs
//! ```
//! An epoch is better than the best so far if its RMSE is lower by more than a hundred-thousandth of it: what converges comes to an end. The
//! test part has no place here.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::clock::Clock;
use crate::data::ratings::Ratings;
use crate::data::split::{self, Fold};
use crate::error::{Error, Result};
use crate::fit::algorithm::Kind;
use crate::fit::run::{Epoch, Run};
use crate::registry::{Configured, Entry};

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EarlyStopping {
    /// The share of each user's training ratings to measure on, between 0 and 1.
    pub share: f64,
    /// How many epochs in a row may be no better than the best; at least 1.
    pub patience: usize,
}

impl Default for EarlyStopping {
    fn default() -> Self {
        Self { share: 0.1, patience: 5 }
    }
}

impl EarlyStopping {
    /// Refuses a share that leaves nothing on one side.
    pub fn check(&self) -> Result<()> {
        if self.share > 0.0 && self.share < 1.0 {
            return Ok(());
        }
        let expected = "a share of the training ratings, between 0 and 1";
        Err(Error::parameter("early-stopping", self.share, expected, "write 0.1 for 10 %"))
    }
}

/// Where it stopped, and what was seen on the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// T*.
    pub epochs: usize,
    /// The validation RMSE after T* epochs, not clipped.
    pub valid_rmse: f64,
    /// What was asked for.
    #[serde(flatten)]
    pub rule: EarlyStopping,
    /// How many ratings were learned from.
    pub train: usize,
    /// How many ratings were measured on.
    pub valid: usize,
    /// Each epoch, up to the one that was the last straw.
    pub curve: Vec<Epoch>,
    /// Wall time.
    pub seconds: f64,
}

/// A step forward is at least this part of the best RMSE.
const STEP: f64 = 1e-5;

/// Finds T* within the `epochs` that the algorithm is set to. `observer` hears of each epoch; after its `Break`, T* is the best so far. Cost:
/// a fit on the smaller part, and a prediction for each validation rating and epoch.
///
/// # Errors
/// The algorithm has no epochs, nothing can be kept aside, or the fit fails.
pub fn best_epochs(
    algorithm: &dyn Configured,
    train: &Ratings,
    rule: EarlyStopping,
    (seed, threads): (u64, usize),
    observer: &mut dyn FnMut(&Epoch) -> ControlFlow<()>,
) -> Result<Found> {
    rule.check()?;
    let mut clock = Clock::start();
    let parts = split::validation(train, rule.share, seed)?;
    let found = best_epochs_on(algorithm, &parts, rule, (seed, threads), observer)?;
    Ok(Found { seconds: clock.lap().0, ..found })
}

/// [`best_epochs`] with the validation part, `parts.test`, already made.
pub fn best_epochs_on(
    algorithm: &dyn Configured,
    parts: &Fold,
    rule: EarlyStopping,
    (seed, threads): (u64, usize),
    observer: &mut dyn FnMut(&Epoch) -> ControlFlow<()>,
) -> Result<Found> {
    if !algorithm.config().contains_key(EPOCHS) {
        return Err(without_epochs("this model"));
    }
    let mut clock = Clock::start();
    let mut watch = Watch::new(rule.patience);
    let curve = {
        let mut run = Run::new(seed, threads)?.with_valid(&parts.test).with_observer(|epoch| {
            let verdict = observer(epoch);
            if watch.goes_on(epoch) { verdict } else { ControlFlow::Break(()) }
        });
        algorithm.fit(&parts.train, &mut run)?;
        run.epochs().to_vec()
    };
    let (epochs, valid_rmse) = watch.best.ok_or_else(|| without_epochs("this model"))?;
    let (train, valid) = (parts.train.len(), parts.test.len());
    Ok(Found { epochs, valid_rmse, rule, train, valid, curve, seconds: clock.lap().0 })
}

/// The parameter that counts the epochs.
pub const EPOCHS: &str = "epochs";

/// The most epochs that are worth a try where nobody said: the end of the range that is searched, or of the one that is accepted.
///
/// # Errors
/// The algorithm has no epochs.
pub fn most_epochs(entry: &Entry) -> Result<u64> {
    let knob = entry.knobs.iter().find(|knob| knob.name == EPOCHS);
    match knob.map(|knob| knob.kind) {
        Some(Kind::Integer { max, search, .. }) => Ok(search.map_or(max, |(_, end)| end)),
        _ => Err(without_epochs(entry.name)),
    }
}

fn without_epochs(who: &str) -> Error {
    Error::unsupported(
        format!("{who} does not learn in epochs, so there is nothing to stop early"),
        "leave early stopping out; `cofactor models` lists each model's parameters",
    )
}

/// The best epoch so far, and how long ago it was.
struct Watch {
    patience: usize,
    best: Option<(usize, f64)>,
}

impl Watch {
    fn new(patience: usize) -> Self {
        Self { patience, best: None }
    }

    /// Whether another epoch may be better.
    fn goes_on(&mut self, epoch: &Epoch) -> bool {
        let Some(rmse) = epoch.valid_rmse else { return true };
        match self.best {
            Some((at, best)) if rmse >= best * (1.0 - STEP) => epoch.epoch - at < self.patience.max(1),
            _ => {
                self.best = Some((epoch.epoch, rmse));
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::synth::{Synth, generate};
    use crate::registry;
    use serde_json::{Map, Value, json};

    fn configured(name: &str, parameters: Value) -> Box<dyn Configured> {
        let parameters: Map<String, Value> = serde_json::from_value(parameters).unwrap();
        registry::find(name).unwrap().configure(&parameters).unwrap()
    }

    fn ratings() -> Ratings {
        generate(&Synth::parse("synth:users=80,items=60,ratings=2500").unwrap()).unwrap().ratings
    }

    fn found(algorithm: &dyn Configured, rule: EarlyStopping, threads: usize) -> Result<Found> {
        best_epochs(algorithm, &ratings(), rule, (3, threads), &mut |_| ControlFlow::Continue(()))
    }

    /// Without a penalty and with a high rate, so that it soon learns the ratings by heart.
    fn eager() -> Box<dyn Configured> {
        configured("mf", json!({"reg": 0.0, "rate": 0.03, "factors": 16, "spread": 0.1, "epochs": 400}))
    }

    #[test]
    fn an_overfitting_model_is_stopped_at_its_best() {
        let rule = EarlyStopping { share: 0.2, patience: 4 };
        let found = found(&*eager(), rule, 1).unwrap();
        let lowest = found.curve.iter().filter_map(|epoch| epoch.valid_rmse).fold(f64::MAX, f64::min);
        assert!(found.epochs > 1 && found.curve.len() == found.epochs + 4, "{found:?}");
        assert!((found.valid_rmse - lowest) / lowest < 1e-4);
        assert_eq!(found.curve[found.epochs - 1].valid_rmse, Some(found.valid_rmse));
        assert_eq!(found.train + found.valid, ratings().len());
    }

    #[test]
    fn the_figures_are_those_of_a_fit_without_the_validation_part() {
        let rule = EarlyStopping { share: 0.2, patience: 4 };
        let found = found(&*eager(), rule, 1).unwrap();
        let parts = split::validation(&ratings(), 0.2, 3).unwrap();
        let model = eager()
            .with(EPOCHS, found.epochs.into())
            .unwrap()
            .fit(&parts.train, &mut Run::new(3, 1).unwrap())
            .unwrap();
        let predict = |r: crate::data::ratings::Rating| {
            model.predict(crate::fit::model::Query { user: Some(r.user), item: Some(r.item), time: r.time })
        };
        let squares: f64 = parts.test.iter().map(|r| f64::from(r.value - predict(r)).powi(2)).sum();
        let rmse = (squares / parts.test.len() as f64).sqrt();
        assert!((rmse - found.valid_rmse).abs() < 1e-9, "{rmse} {}", found.valid_rmse);
    }

    #[test]
    fn threads_never_change_where_it_stops() {
        let of = |threads| found(&*eager(), EarlyStopping::default(), threads).unwrap();
        let (one, three) = (of(1), of(3));
        assert_eq!((one.epochs, one.valid_rmse), (three.epochs, three.valid_rmse));
    }

    #[test]
    fn what_converges_comes_to_an_end() {
        let found = found(&*configured("baseline", json!({"epochs": 10_000})), EarlyStopping::default(), 1);
        assert!(found.unwrap().curve.len() < 60);
    }

    #[test]
    fn patience_is_counted_from_the_best_epoch() {
        let mut watch = Watch::new(2);
        let mut goes_on = |epoch, rmse| {
            watch.goes_on(&Epoch { epoch, train_rmse: 1.0, valid_rmse: Some(rmse), seconds: 0.0 })
        };
        assert!(goes_on(1, 1.0) && goes_on(2, 0.9) && goes_on(3, 0.95) && goes_on(4, 0.8));
        assert!(goes_on(5, 0.799_999), "no step, but one more is allowed");
        assert!(!goes_on(6, 0.81));
        assert_eq!(watch.best, Some((4, 0.8)));
    }

    #[test]
    fn an_observer_ends_it_with_the_best_so_far() {
        let mut observer = |epoch: &Epoch| {
            if epoch.epoch == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let found =
            best_epochs(&*eager(), &ratings(), EarlyStopping::default(), (3, 1), &mut observer).unwrap();
        assert_eq!((found.curve.len(), found.epochs <= 3), (3, true));
    }

    #[test]
    fn the_most_epochs_come_from_the_knob() {
        assert_eq!(most_epochs(registry::find("mf").unwrap()).unwrap(), 200);
        assert_eq!(most_epochs(registry::find("baseline").unwrap()).unwrap(), 10_000);
    }
}
