//! What the chains went through: a few numbers of each after every sweep, to see whether they have forgotten their start.
//!
//! Factors may trade places from chain to chain, so of their precisions only what all factors together allow is comparable: √(Σ_f 1/λ_gf).

use super::chains::Chains;
use super::weights::Weights;
use crate::error::{Error, Result};
use crate::fit::model::{Tensors, Trace};

/// After each sweep so far, for each number, that of each chain.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Traces {
    names: Vec<String>,
    /// The first sweeps, whose samples do not count.
    burn_in: usize,
    chains: usize,
    values: Vec<f32>,
}

impl Traces {
    /// Of a model with that many thresholds between the ratings, none where ratings are numbers.
    pub(super) fn new((burn_in, chains): (usize, usize), thresholds: usize, has_days: bool) -> Self {
        let mut names = vec!["RMSE on the training part".to_owned()];
        match thresholds {
            0 => names.push("noise: 1/√α".to_owned()),
            _ => names.extend((1..=thresholds).map(|step| format!("threshold γ_{step}"))),
        }
        for group in ["users", "items", "days"].into_iter().filter(|&group| has_days || group != "days") {
            names.push(format!("{group}: deviation of the linear weights"));
            names.push(format!("{group}: deviation of the vectors"));
        }
        Self { names, burn_in, chains, values: Vec::new() }
    }

    /// Adds what the last sweep has come to.
    pub(super) fn take(&mut self, groups: &[Chains], ratings: usize) {
        let days = self.names.iter().any(|name| name.starts_with("days"));
        let lanes = groups[0].lanes();
        let numbers: Vec<Vec<f32>> = (0..self.chains)
            .map(|chain| numbers(&groups[chain / lanes], chain % lanes, ratings, days))
            .collect();
        for series in 0..self.names.len() {
            self.values.extend(numbers.iter().map(|of_chain| of_chain[series]));
        }
    }

    /// The numbers of each chain in order.
    pub(super) fn all(&self) -> Vec<Trace> {
        let (series, chains) = (self.names.len(), self.chains);
        let of_chain = |place: usize, chain: usize| {
            self.values.chunks_exact(series * chains).map(|sweep| sweep[place * chains + chain]).collect()
        };
        let trace = |(place, name): (usize, &String)| Trace {
            name: name.clone(),
            burn_in: self.burn_in,
            chains: (0..chains).map(|chain| of_chain(place, chain)).collect(),
        };
        self.names.iter().enumerate().map(trace).collect()
    }

    pub(super) fn store(&self, tensors: &mut Tensors) {
        let sweep = self.names.len() * self.chains;
        let shape = [self.values.len() / sweep, self.names.len(), self.chains];
        tensors.insert("trace", &shape, self.values.clone());
    }

    /// Puts the numbers of a file into an empty one.
    pub(super) fn load(&mut self, tensors: &mut Tensors) -> Result<()> {
        let ([_, series, chains], values) = tensors.take("trace")?;
        if [series, chains] != [self.names.len(), self.chains] {
            return Err(Error::unsupported("tensor 'trace' does not fit the chains", ""));
        }
        self.values = values;
        Ok(())
    }
}

/// What [`Traces::new`] names, of one chain.
fn numbers(group: &Chains, chain: usize, ratings: usize, has_days: bool) -> Vec<f32> {
    let mut numbers = vec![(group.squared_errors[chain] / ratings.max(1) as f64).sqrt() as f32];
    match &group.probit {
        None => numbers.push(1.0 / group.noise[chain].sqrt()),
        Some(probit) => numbers.extend(probit.of_chain(chain, group.lanes())),
    }
    for weights in [&group.users.own, &group.items.own] {
        numbers.extend(deviations(weights, chain));
    }
    if has_days {
        numbers.extend(deviations(&group.days, chain));
    }
    numbers
}

fn deviations(weights: &Weights, chain: usize) -> [f32; 2] {
    let variance = |precision: &Vec<f32>| 1.0 / precision[chain];
    let (linear, vectors) = (&weights.precision[..1], &weights.precision[1..]);
    [linear, vectors].map(|of| of.iter().map(variance).sum::<f32>().sqrt())
}
