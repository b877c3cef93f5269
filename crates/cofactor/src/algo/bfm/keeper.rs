//! How samples are taken from the chains while they run, and what they predict so far.

use cofactor_kernels::{Isa, to_half};

use super::asker::Asker;
use super::block::Block;
use super::chains::Chains;
use super::design::Design;
use super::posterior::Posterior;
use super::probit::Levels;
use super::samples::{CHUNK, Samples, Side, place};
use super::weights::Weights;
use crate::data::ratings::Ratings;
use crate::error::{Error, Result};
use crate::fit::model::Tensors;

/// Takes samples from the chains while they run.
pub(super) struct Keeper {
    /// Those taken so far, with room for the others.
    samples: Samples,
    chains: usize,
}

impl Keeper {
    /// Room for `kept` samples of each of the chains, whose first sweeps do not count. Memory: 2(k + 1) bytes a sample for each user, item and day.
    pub(super) fn new(
        design: &Design,
        levels: Option<&Levels>,
        k: usize,
        (burn_in, chains, kept): (usize, usize, usize),
    ) -> Self {
        Self { samples: Samples::room(design, levels, k, (burn_in, chains, kept)), chains }
    }

    /// Notes what the last sweep has come to.
    pub(super) fn trace(&mut self, groups: &[Chains], design: &Design) {
        self.samples.traces.take(groups, design.ratings());
    }

    /// Takes a sample of every chain.
    pub(super) fn take(&mut self, groups: &[Chains], design: &Design) {
        let samples = &mut self.samples;
        let before = samples.count;
        for group in groups {
            for chain in 0..group.lanes().min(self.chains.saturating_sub(group.first())) {
                take_chain(samples, before + group.first() + chain, group, chain);
            }
        }
        samples.count += self.chains;
        let places = samples.in_row(before / CHUNK..samples.count.div_ceil(CHUNK));
        let rated = |counts: &[f32]| counts.iter().map(|&n| n.min(1.0)).collect::<Vec<_>>();
        samples.users.fill_mean(&rated(&design.users.counts), places.clone());
        samples.items.fill_mean(&rated(&design.items.counts), places.clone());
        samples.days.fill_mean(if design.has_days() { &design.day_counts } else { &[] }, places);
    }

    /// Whether there is no sample yet.
    pub(super) fn is_empty(&self) -> bool {
        self.samples.count == 0
    }

    /// The model, of the samples taken so far.
    pub(super) fn finish(mut self, isa: Isa) -> Posterior {
        self.samples.shorten();
        Posterior::new(isa, self.samples)
    }

    /// What was taken so far, for a file that a fit can go on from.
    pub(super) fn store(&self, tensors: &mut Tensors) {
        let samples = &self.samples;
        tensors.insert_indices("taken", vec![(samples.count / self.chains) as u32]);
        for (name, side) in samples.sides() {
            tensors.insert_halves(name, &[side.entries.len()], side.entries.clone());
        }
        tensors.insert("sample_intercept", &[samples.intercept.len()], samples.intercept.clone());
        tensors.insert("sample_noise", &[samples.noise.len()], samples.noise.clone());
        if let Some(steps) = &samples.steps {
            tensors.insert("sample_thresholds", &[steps.thresholds.len()], steps.thresholds.clone());
        }
        samples.folding.store(tensors);
        samples.traces.store(tensors);
    }

    /// Puts it back.
    ///
    /// # Errors
    /// The tensors are none of [`Self::store`] for these data and parameters.
    pub(super) fn load(&mut self, tensors: &mut Tensors) -> Result<()> {
        let samples = &mut self.samples;
        let [taken] = tensors.take_indices("taken", samples.intercept.len() / self.chains + 1)?[..] else {
            return Err(Error::unsupported("tensor 'taken' has not one entry", ""));
        };
        samples.count = taken as usize * self.chains;
        for (name, side) in samples.sides_mut() {
            let ([len], entries) = tensors.take_halves(name)?;
            if len != side.entries.len() {
                let problem = format!("tensor '{name}' has {len} entries, not {}", side.entries.len());
                return Err(Error::unsupported(problem, ""));
            }
            side.entries = entries;
        }
        samples.intercept = tensors.take_vector("sample_intercept", samples.intercept.len())?;
        samples.noise = tensors.take_vector("sample_noise", samples.noise.len())?;
        if let Some(steps) = &mut samples.steps {
            steps.thresholds = tensors.take_vector("sample_thresholds", steps.thresholds.len())?;
        }
        samples.folding.load(tensors)?;
        samples.traces.load(tensors)
    }
}

/// Fills a sample with what a chain has come to.
fn take_chain(samples: &mut Samples, sample: usize, group: &Chains, chain: usize) {
    let (to, from) = ((samples.k, sample), (group.lanes(), chain));
    samples.intercept[sample] = group.intercept[chain] as f32;
    samples.noise[sample] = group.noise[chain];
    samples.folding.take(sample, group, chain);
    if let (Some(steps), Some(probit)) = (&mut samples.steps, &group.probit) {
        steps.fill(sample, probit.of_chain(chain, group.lanes()));
    }
    take_block(&mut samples.users, &group.users, to, from);
    take_block(&mut samples.items, &group.items, to, from);
    take_days(&mut samples.days, &group.days, to, from);
}

fn take_block(side: &mut Side, block: &Block, (k, sample): (usize, usize), (lanes, chain): (usize, usize)) {
    for row in 0..side.rows() {
        let at = row * lanes + chain;
        let out = side.row_mut(row);
        let mut level = block.sum[0].as_slice()[at];
        for f in 1..=k {
            out[place(k + 1, f - 1, sample)] = to_half(block.sum[f].as_slice()[at]);
            level += block.within[f].as_slice()[at];
        }
        out[place(k + 1, k, sample)] = to_half(level);
    }
}

fn take_days(side: &mut Side, days: &Weights, (k, sample): (usize, usize), (lanes, chain): (usize, usize)) {
    for f in 0..=k {
        // The linear weight is the level, which stands last.
        let place = place(k + 1, (f + k) % (k + 1), sample);
        let table = days.tables[f].as_slice();
        for day in 0..side.rows() {
            side.row_mut(day)[place] = to_half(table[day * lanes + chain]);
        }
    }
}

/// The running mean of the predictions for a part, while samples are taken.
pub(super) struct Running<'a> {
    part: &'a Ratings,
    sums: Vec<f64>,
    samples: usize,
}

impl<'a> Running<'a> {
    pub(super) fn new(part: &'a Ratings) -> Self {
        Self { part, sums: vec![0.0; part.len()], samples: 0 }
    }

    /// Adds the predictions of the samples that have just been taken.
    pub(super) fn add(&mut self, keeper: &Keeper, isa: Isa) {
        let samples = &keeper.samples;
        let taken = samples.count - keeper.chains..samples.count;
        let chunks = taken.start / CHUNK..taken.end.div_ceil(CHUNK);
        let places = taken.start - chunks.start * CHUNK..taken.end - chunks.start * CHUNK;
        let mut out = vec![0.0; chunks.len() * CHUNK];
        for (sum, rating) in self.sums.iter_mut().zip(self.part.iter()) {
            let asker = Asker::new(isa, samples, chunks.clone(), (Some(rating.user), rating.time));
            asker.predict(Some(rating.item), &mut out);
            let new = &out[places.clone()];
            *sum += new.iter().map(|&prediction| f64::from(prediction)).sum::<f64>();
        }
        self.samples += taken.len();
    }

    /// The RMSE of the mean over the samples so far, not clipped; none before the first.
    pub(super) fn rmse(&self) -> Option<f64> {
        let samples = self.samples as f64;
        let square = |(sum, value): (&f64, &f32)| (sum / samples - f64::from(*value)).powi(2);
        let squares: f64 = self.sums.iter().zip(self.part.values()).map(square).sum();
        (self.samples > 0).then(|| (squares / self.part.len().max(1) as f64).sqrt())
    }
}
