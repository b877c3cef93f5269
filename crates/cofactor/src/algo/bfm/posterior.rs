//! What a fit returns: the samples that it kept, of all chains.
//!
//! Each sample is a whole model of its own, and a prediction is the mean over them; nothing of a sample but rounding to bfloat16 is lost.

use std::ops::Range;

use cofactor_kernels::{self as kernels, Isa, Link, from_half, to_half};

use super::block::Block;
use super::chains::Chains;
use super::design::{Calendar, Design};
use super::newcomer::{Folding, Somebody};
use super::probit::Levels;
use super::trace::Traces;
use crate::data::ids::{Item, User};
use crate::data::ratings::{Ratings, Row, Time};
use crate::error::{Error, Result};
use crate::fit::factors::{Factors, Matrix, Prior};
use crate::fit::model::{Model, Newcomer, Query, Tensors, Trace};
use crate::fit::outlook::{Outlook, Reach};

/// Samples stand side by side in chunks of so many.
pub(super) const CHUNK: usize = 16;

/// [`Posterior::factors`] shows so many columns, or those of one sample.
const SHOWN: usize = 128;

/// How many training ratings tell how far intervals reach.
const POOLED: usize = 4096;

/// The rows of one side in every sample.
///
/// A row holds chunks of [`CHUNK`] samples, and a chunk holds q of each factor and then the level, each for all of its samples. The last row is the mean of those with ratings: it stands for
/// whoever has none.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Side {
    entries: Vec<u16>,
    stride: usize,
}

impl Side {
    fn new(rows: usize, chunks: usize, k: usize) -> Self {
        let stride = chunks * (k + 1) * CHUNK;
        Self { entries: vec![0; (rows + 1) * stride], stride }
    }

    /// How many rows, without the mean.
    pub(super) fn rows(&self) -> usize {
        (self.entries.len() / self.stride).saturating_sub(1)
    }

    pub(super) fn row(&self, row: usize) -> &[u16] {
        &self.entries[row * self.stride..][..self.stride]
    }

    fn row_mut(&mut self, row: usize) -> &mut [u16] {
        &mut self.entries[row * self.stride..][..self.stride]
    }

    /// Fills these places of the mean of the rows, each with its weight, and gives them to the rows without one.
    fn fill_mean(&mut self, weights: &[f32], places: Range<usize>) {
        let total: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
        let mut mean = vec![0.0_f64; places.len()];
        for (row, &weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
            let share = f64::from(weight) / total;
            for (mean, &entry) in mean.iter_mut().zip(&self.row(row)[places.clone()]) {
                *mean += share * f64::from(from_half(entry));
            }
        }
        let mean: Vec<u16> = mean.into_iter().map(|entry| to_half(entry as f32)).collect();
        let empty = (0..weights.len()).filter(|&row| weights[row] == 0.0);
        for row in empty.chain([weights.len()]) {
            self.row_mut(row)[places.clone()].copy_from_slice(&mean);
        }
    }

    fn restore(tensors: &mut Tensors, name: &str, shape: [usize; 3]) -> Result<Self> {
        let (found, entries) = tensors.take_halves::<4>(name)?;
        let [rows, chunks, k] = shape;
        if found != [rows, chunks, k + 1, CHUNK] {
            let problem = format!("tensor '{name}' is {found:?}, not {:?}", [rows, chunks, k + 1, CHUNK]);
            return Err(Error::unsupported(problem, ""));
        }
        Ok(Self { entries, stride: chunks * (k + 1) * CHUNK })
    }
}

/// How a hidden number becomes a rating, in every sample.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StepSamples {
    /// The different ratings.
    pub(super) values: Vec<f32>,
    /// For each chunk of samples the thresholds between them, one after the other.
    pub(super) thresholds: Vec<f32>,
}

impl StepSamples {
    /// The thresholds of one sample.
    pub(super) fn of_sample(&self, sample: usize) -> Vec<f32> {
        let steps = self.values.len() - 1;
        (0..steps)
            .map(|step| self.thresholds[(sample / CHUNK * steps + step) * CHUNK + sample % CHUNK])
            .collect()
    }
}

/// The samples.
pub struct Posterior {
    pub(super) isa: Isa,
    pub(super) k: usize,
    /// How many samples there are; the rest of the last chunk is empty.
    pub(super) samples: usize,
    calendar: Calendar,
    pub(super) users: Side,
    pub(super) items: Side,
    /// A row for each day of the training part; the mean stands for all others.
    days: Side,
    /// w₀ of each sample.
    pub(super) intercept: Vec<f32>,
    /// α of each sample.
    pub(super) noise: Vec<f32>,
    /// Where the ratings are steps.
    pub(super) steps: Option<StepSamples>,
    pub(super) folding: Folding,
    traces: Traces,
    shown: Factors,
    /// How far intervals reach.
    pub(super) reach: Reach,
}

/// Takes samples from the chains while they run.
pub(super) struct Keeper {
    k: usize,
    chains: usize,
    taken: usize,
    chunks: usize,
    calendar: Calendar,
    users: Side,
    items: Side,
    days: Side,
    intercept: Vec<f32>,
    noise: Vec<f32>,
    steps: Option<StepSamples>,
    folding: Folding,
    traces: Traces,
}

impl Keeper {
    /// Room for `kept` samples of each of the chains, whose first sweeps do not count. Memory: 2(k + 1) bytes a sample for each user, item and day.
    pub(super) fn new(
        design: &Design,
        levels: Option<&Levels>,
        k: usize,
        (burn_in, chains, kept): (usize, usize, usize),
    ) -> Self {
        let chunks = (chains * kept).div_ceil(CHUNK).max(1);
        let days = if design.has_days() { design.day_counts.len() } else { 0 };
        Self {
            k,
            chains,
            taken: 0,
            chunks,
            calendar: design.calendar.clone(),
            users: Side::new(design.users.counts.len(), chunks, k),
            items: Side::new(design.items.counts.len(), chunks, k),
            days: Side::new(days, chunks, k),
            intercept: vec![0.0; chunks * CHUNK],
            noise: vec![1.0; chunks * CHUNK],
            steps: levels.map(|levels| StepSamples {
                values: levels.values.clone(),
                thresholds: vec![0.0; chunks * CHUNK * (levels.values.len() - 1)],
            }),
            folding: Folding::new(design, k, chains * kept),
            traces: Traces::new(
                (burn_in, chains),
                levels.map_or(0, |levels| levels.values.len() - 1),
                design.has_days(),
            ),
        }
    }

    /// Notes what the last sweep has come to.
    pub(super) fn trace(&mut self, groups: &[Chains], design: &Design) {
        self.traces.take(groups, design.ratings());
    }

    /// Takes a sample of every chain.
    pub(super) fn take(&mut self, groups: &[Chains], design: &Design) {
        let first_chunk = self.taken * self.chains / CHUNK;
        for group in groups {
            for chain in 0..group.lanes().min(self.chains.saturating_sub(group.first())) {
                let sample = self.taken * self.chains + group.first() + chain;
                self.intercept[sample] = group.intercept[chain] as f32;
                self.noise[sample] = group.noise[chain];
                self.folding.take(sample, group, chain);
                if let (Some(steps), Some(probit)) = (&mut self.steps, &group.probit) {
                    let count = steps.values.len() - 1;
                    for (step, threshold) in probit.of_chain(chain, group.lanes()).enumerate() {
                        let place = (sample / CHUNK * count + step) * CHUNK + sample % CHUNK;
                        steps.thresholds[place] = threshold;
                    }
                }
                take_block(&mut self.users, &group.users, (self.k, sample), (group.lanes(), chain));
                take_block(&mut self.items, &group.items, (self.k, sample), (group.lanes(), chain));
                if design.has_days() {
                    for f in 0..=self.k {
                        // The linear weight is the level, which stands last.
                        let place = place(self.k, (f + self.k) % (self.k + 1), sample);
                        let table = group.days.tables[f].as_slice();
                        for day in 0..self.days.rows() {
                            self.days.row_mut(day)[place] = to_half(table[day * group.lanes() + chain]);
                        }
                    }
                }
            }
        }
        self.taken += 1;
        let places = first_chunk * (self.k + 1) * CHUNK..self.filled() * (self.k + 1) * CHUNK;
        self.users
            .fill_mean(&design.users.counts.iter().map(|&n| n.min(1.0)).collect::<Vec<_>>(), places.clone());
        self.items
            .fill_mean(&design.items.counts.iter().map(|&n| n.min(1.0)).collect::<Vec<_>>(), places.clone());
        self.days.fill_mean(if design.has_days() { &design.day_counts } else { &[] }, places);
    }

    /// Whether there is no sample yet.
    pub(super) fn is_empty(&self) -> bool {
        self.taken == 0
    }

    /// How many chunks have a sample.
    fn filled(&self) -> usize {
        (self.taken * self.chains).div_ceil(CHUNK)
    }

    /// The model, of the samples taken so far.
    pub(super) fn finish(mut self, isa: Isa) -> Posterior {
        let samples = self.taken * self.chains;
        let chunks = samples.div_ceil(CHUNK).max(1);
        if chunks < self.chunks {
            for side in [&mut self.users, &mut self.items, &mut self.days] {
                shorten(side, chunks * (self.k + 1) * CHUNK);
            }
            self.intercept.truncate(chunks * CHUNK);
            self.noise.truncate(chunks * CHUNK);
            if let Some(steps) = &mut self.steps {
                steps.thresholds.truncate(chunks * CHUNK * (steps.values.len() - 1));
            }
        }
        self.folding.finish(samples);
        Posterior::of(Kept {
            isa,
            k: self.k,
            samples,
            calendar: self.calendar,
            users: self.users,
            items: self.items,
            days: self.days,
            intercept: self.intercept,
            noise: self.noise,
            steps: self.steps,
            folding: self.folding,
            traces: self.traces,
        })
    }

    /// What was taken so far, for a file that a fit can go on from.
    pub(super) fn store(&self, tensors: &mut Tensors) {
        tensors.insert_indices("taken", vec![self.taken as u32]);
        for (name, side) in self.sides() {
            tensors.insert_halves(name, &[side.entries.len()], side.entries.clone());
        }
        tensors.insert("sample_intercept", &[self.intercept.len()], self.intercept.clone());
        tensors.insert("sample_noise", &[self.noise.len()], self.noise.clone());
        if let Some(StepSamples { thresholds, .. }) = &self.steps {
            tensors.insert("sample_thresholds", &[thresholds.len()], thresholds.clone());
        }
        self.folding.store(tensors);
        self.traces.store(tensors);
    }

    /// Puts it back.
    ///
    /// # Errors
    /// The tensors are none of [`Self::store`] for these data and parameters.
    pub(super) fn load(&mut self, tensors: &mut Tensors) -> Result<()> {
        let [taken] = tensors.take_indices("taken", self.intercept.len() / self.chains + 1)?[..] else {
            return Err(Error::unsupported("tensor 'taken' has not one entry", ""));
        };
        self.taken = taken as usize;
        for (name, side) in [
            ("user_samples", &mut self.users),
            ("item_samples", &mut self.items),
            ("day_samples", &mut self.days),
        ] {
            let ([len], entries) = tensors.take_halves(name)?;
            if len != side.entries.len() {
                let problem = format!("tensor '{name}' has {len} entries, not {}", side.entries.len());
                return Err(Error::unsupported(problem, ""));
            }
            side.entries = entries;
        }
        self.intercept = tensors.take_vector("sample_intercept", self.intercept.len())?;
        self.noise = tensors.take_vector("sample_noise", self.noise.len())?;
        if let Some(StepSamples { thresholds, .. }) = &mut self.steps {
            *thresholds = tensors.take_vector("sample_thresholds", thresholds.len())?;
        }
        self.folding.load(tensors)?;
        self.traces.load(tensors)
    }

    fn sides(&self) -> [(&'static str, &Side); 3] {
        [("user_samples", &self.users), ("item_samples", &self.items), ("day_samples", &self.days)]
    }
}

/// Where a number of a sample stands in a row: that of factor f, or for f = k the level.
pub(super) fn place(k: usize, f: usize, sample: usize) -> usize {
    (sample / CHUNK * (k + 1) + f) * CHUNK + sample % CHUNK
}

fn take_block(side: &mut Side, block: &Block, (k, sample): (usize, usize), (lanes, chain): (usize, usize)) {
    for row in 0..side.rows() {
        let at = row * lanes + chain;
        let out = side.row_mut(row);
        let mut level = block.sum[0].as_slice()[at];
        for f in 1..=k {
            out[place(k, f - 1, sample)] = to_half(block.sum[f].as_slice()[at]);
            level += block.within[f].as_slice()[at];
        }
        out[place(k, k, sample)] = to_half(level);
    }
}

fn shorten(side: &mut Side, stride: usize) {
    let rows = side.entries.len() / side.stride;
    for row in 0..rows {
        side.entries.copy_within(row * side.stride..row * side.stride + stride, row * stride);
    }
    side.entries.truncate(rows * stride);
    side.stride = stride;
}

/// All of a [`Posterior`] but what is made of it.
struct Kept {
    isa: Isa,
    k: usize,
    samples: usize,
    calendar: Calendar,
    users: Side,
    items: Side,
    days: Side,
    intercept: Vec<f32>,
    noise: Vec<f32>,
    steps: Option<StepSamples>,
    folding: Folding,
    traces: Traces,
}

/// Somebody on a day, of whom items are asked: in each sample a vector and a level.
pub(super) struct Asker {
    pub(super) own: Vec<f32>,
}

impl Asker {
    /// A user's row and a day's, of as many chunks of samples as there are numbers w₀ for.
    fn new(k: usize, user: &[u16], day: &[u16], intercept: &[f32]) -> Self {
        let mut own: Vec<f32> = user.iter().map(|&half| from_half(half)).collect();
        let stride = (k + 1) * CHUNK;
        for (chunk, own) in own.chunks_exact_mut(stride).enumerate() {
            let day = &day[chunk * stride..][..stride];
            let (vectors, levels) = own.split_at_mut(k * CHUNK);
            for (sample, level) in levels.iter_mut().enumerate() {
                *level += intercept[chunk * CHUNK + sample] + from_half(day[k * CHUNK + sample]);
                for f in 0..k {
                    let (own, day) = (&mut vectors[f * CHUNK + sample], from_half(day[f * CHUNK + sample]));
                    *level = own.mul_add(day, *level);
                    *own += day;
                }
            }
        }
        Self { own }
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
        let (k, taken) = (keeper.k, (keeper.taken - 1) * keeper.chains..keeper.taken * keeper.chains);
        let chunks = taken.start / CHUNK..taken.end.div_ceil(CHUNK);
        let places = chunks.start * (k + 1) * CHUNK..chunks.end * (k + 1) * CHUNK;
        let samples = chunks.start * CHUNK..chunks.end * CHUNK;
        let mut out = vec![0.0; samples.len()];
        for (sum, rating) in self.sums.iter_mut().zip(self.part.iter()) {
            let user = &keeper.users.row(rating.user.index())[places.clone()];
            let day = keeper.calendar.find(rating.time).unwrap_or(keeper.days.rows());
            let day = &keeper.days.row(day)[places.clone()];
            let asker = Asker::new(k, user, day, &keeper.intercept[samples.clone()]);
            let item = &keeper.items.row(rating.item.index())[places.clone()];
            kernels::by_sample(isa, k, &asker.own, item, &mut out);
            if let Some(StepSamples { values, thresholds }) = &keeper.steps {
                let steps = values.len() - 1;
                let own = &thresholds[samples.start * steps..samples.end * steps];
                kernels::gibbs::expected_ratings(isa, values, own, &mut out);
            }
            let new = &out[taken.start - samples.start..taken.end - samples.start];
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

impl Posterior {
    fn of(kept: Kept) -> Self {
        let shown = shown(&kept);
        let Kept { isa, k, samples, calendar, users, items, days, intercept, noise, steps, folding, traces } =
            kept;
        Self {
            isa,
            k,
            samples,
            calendar,
            users,
            items,
            days,
            intercept,
            noise,
            steps,
            folding,
            traces,
            shown,
            reach: Reach::Normal,
        }
    }

    /// Where ratings are steps: how far intervals must reach to hold what they promise, by what the model holds of up to [`POOLED`] of its training ratings.
    pub(super) fn with_reach(mut self, train: &Ratings) -> Self {
        if self.steps.is_none() {
            return self;
        }
        let every = train.len().div_ceil(POOLED).max(1);
        let mut off = Vec::new();
        for rating in train.iter().step_by(every) {
            let query = Query { user: Some(rating.user), item: Some(rating.item), time: rating.time };
            if let Some(outlook) = self.outlook(query) {
                off.extend(outlook.off(self.predict(query)));
            }
        }
        self.reach = Reach::pooled(off);
        self
    }

    /// A user at a time; the mean user for nobody, and a day without training ratings is the mean day.
    pub(super) fn asker(&self, user: Option<User>, time: Option<Time>) -> Asker {
        let user = self.users.row(user.map_or(self.users.rows(), User::index));
        let day = self.days.row(self.calendar.find(time).unwrap_or(self.days.rows()));
        Asker::new(self.k, user, day, &self.intercept)
    }

    /// The prediction of each sample.
    pub(super) fn by_sample(&self, asker: &Asker, item: Option<Item>, out: &mut [f32]) {
        let row = self.items.row(item.map_or(self.items.rows(), Item::index));
        kernels::by_sample(self.isa, self.k, &asker.own, row, out);
        if let Some(StepSamples { values, thresholds }) = &self.steps {
            kernels::gibbs::expected_ratings(self.isa, values, thresholds, out);
        }
    }

    /// How probable it is to pass each step but the last, over all samples.
    fn passed(&self, asker: &Asker, item: Option<Item>, steps: &StepSamples) -> Vec<f64> {
        let row = self.items.row(item.map_or(self.items.rows(), Item::index));
        let (mut hidden, mut passed) = (self.scratch(), self.scratch());
        kernels::by_sample(self.isa, self.k, &asker.own, row, &mut hidden);
        let of_step = |step: usize| {
            // The mean of a number that is 1 above the step and 0 up to it.
            let above: Vec<f32> = (0..steps.values.len()).map(|other| f32::from(other > step)).collect();
            passed.copy_from_slice(&hidden);
            kernels::gibbs::expected_ratings(self.isa, &above, &steps.thresholds, &mut passed);
            f64::from(self.mean(&passed))
        };
        (0..steps.values.len() - 1).map(of_step).collect()
    }

    /// The mean over the samples.
    fn mean(&self, out: &[f32]) -> f32 {
        (out[..self.samples].iter().map(|&value| f64::from(value)).sum::<f64>() / self.samples as f64) as f32
    }

    /// The mean day in every sample.
    pub(super) fn mean_day(&self) -> &[u16] {
        self.days.row(self.days.rows())
    }

    fn scratch(&self) -> Vec<f32> {
        vec![0.0; self.intercept.len()]
    }

    /// Of chains with so many sweeps before the first sample.
    pub(super) fn restore(
        mut tensors: Tensors,
        (users, items): (usize, usize),
        chains: (usize, usize),
    ) -> Result<Self> {
        let sizes = tensors.take_indices("sizes", usize::MAX)?;
        let [samples, k] = sizes[..] else {
            return Err(Error::unsupported("tensor 'sizes' has not two entries", ""));
        };
        let (samples, k) = (samples as usize, k as usize);
        if samples == 0 || k == 0 {
            return Err(Error::unsupported("a model without samples, or without factors", ""));
        }
        let chunks = samples.div_ceil(CHUNK);
        let days = tensors.take_indices("days", usize::MAX)?;
        let steps = if tensors.has("levels") {
            let ([levels], values) = tensors.take("levels")?;
            if levels < 2 {
                return Err(Error::unsupported("tensor 'levels' has not two entries", ""));
            }
            Some(StepSamples {
                thresholds: tensors.take_vector("thresholds", chunks * CHUNK * (levels - 1))?,
                values,
            })
        } else {
            None
        };
        let thresholds = steps.as_ref().map_or(0, |steps| steps.values.len() - 1);
        let mut traces = Traces::new(chains, thresholds, !days.is_empty());
        traces.load(&mut tensors)?;
        let reach = match steps {
            Some(_) => Reach::Pooled(tensors.take_vector("reach", Reach::PARTS + 1)?.into()),
            None => Reach::Normal,
        };
        let restored = Self::of(Kept {
            isa: Isa::detect(),
            k,
            samples,
            users: Side::restore(&mut tensors, "user_samples", [users + 1, chunks, k])?,
            items: Side::restore(&mut tensors, "item_samples", [items + 1, chunks, k])?,
            days: Side::restore(&mut tensors, "day_samples", [days.len() + 1, chunks, k])?,
            calendar: Calendar(bytemuck::cast_vec(days)),
            intercept: tensors.take_vector("intercept", chunks * CHUNK)?,
            noise: tensors.take_vector("noise", chunks * CHUNK)?,
            steps,
            folding: Folding::restore(&mut tensors, (items, k, samples))?,
            traces,
        });
        Ok(Self { reach, ..restored })
    }
}

impl Model for Posterior {
    fn predict(&self, query: Query) -> f32 {
        let mut out = self.scratch();
        self.by_sample(&self.asker(query.user, query.time), query.item, &mut out);
        self.mean(&out)
    }

    fn predict_all(&self, user: Option<User>, time: Option<Time>, out: &mut [f32]) {
        let asker = self.asker(user, time);
        let mut of_samples = self.scratch();
        for (index, score) in out.iter_mut().enumerate() {
            self.by_sample(&asker, Some(Item(index as u32)), &mut of_samples);
            *score = self.mean(&of_samples);
        }
    }

    /// Of all samples together: steps by their probabilities, numbers by √(E\[y²\] − E\[y\]²) with the noise.
    fn outlook(&self, query: Query) -> Option<Outlook> {
        let asker = self.asker(query.user, query.time);
        let mut means = self.scratch();
        self.by_sample(&asker, query.item, &mut means);
        let mean = self.mean(&means);
        if let Some(steps) = &self.steps {
            let passed = self.passed(&asker, query.item, steps);
            return Some(Outlook::steps(&steps.values, passed, mean, self.reach.clone()));
        }
        for (square, alpha) in means.iter_mut().zip(&self.noise) {
            *square = (*square - mean).powi(2) + 1.0 / alpha;
        }
        Some(Outlook::normal(self.mean(&means).sqrt()))
    }

    fn factors(&self) -> Option<&Factors> {
        Some(&self.shown)
    }

    fn fold_in<'a>(&'a self, history: Row<'a>) -> Option<Box<dyn Newcomer + 'a>> {
        Some(Box::new(Somebody::new(self, history)))
    }

    fn tensors(&self) -> Tensors {
        let mut tensors = Tensors::default();
        tensors.insert_indices("sizes", vec![self.samples as u32, self.k as u32]);
        tensors.insert_indices("days", bytemuck::cast_vec(self.calendar.0.clone()));
        let chunks = self.intercept.len() / CHUNK;
        for (name, side) in
            [("user_samples", &self.users), ("item_samples", &self.items), ("day_samples", &self.days)]
        {
            let shape = [side.rows() + 1, chunks, self.k + 1, CHUNK];
            tensors.insert_halves(name, &shape, side.entries.clone());
        }
        tensors.insert("intercept", &[chunks * CHUNK], self.intercept.clone());
        tensors.insert("noise", &[chunks * CHUNK], self.noise.clone());
        if let Some(StepSamples { values, thresholds }) = &self.steps {
            tensors.insert("levels", &[values.len()], values.clone());
            tensors.insert("thresholds", &[thresholds.len()], thresholds.clone());
        }
        if let Reach::Pooled(points) = &self.reach {
            tensors.insert("reach", &[points.len()], points.to_vec());
        }
        self.folding.store(&mut tensors);
        self.traces.store(&mut tensors);
        tensors
    }

    fn traces(&self) -> Vec<Trace> {
        self.traces.all()
    }

    fn dimensions(&self) -> Option<(usize, usize)> {
        Some((self.users.rows(), self.items.rows()))
    }
}

/// Vectors to compare users or items by: those of a few samples side by side, whose inner product is the mean of theirs.
fn shown(samples: &Kept) -> Factors {
    let k = samples.k;
    let count = (SHOWN / k).clamp(1, samples.samples);
    let which: Vec<usize> = (0..count).map(|index| index * samples.samples / count).collect();
    let scale = 1.0 / (count as f32).sqrt();
    let matrix = |side: &Side| {
        let mut matrix = Matrix::zeros(side.rows(), count * k);
        for row in 0..side.rows() {
            let entries = side.row(row);
            for (block, &sample) in matrix.row_mut(row).chunks_exact_mut(k).zip(&which) {
                for (f, entry) in block.iter_mut().enumerate() {
                    *entry = scale * from_half(entries[place(k, f, sample)]);
                }
            }
        }
        matrix
    };
    let level = |side: &Side, row: usize| {
        let levels = (0..samples.samples).map(|sample| from_half(side.row(row)[place(k, k, sample)]));
        levels.sum::<f32>() / samples.samples as f32
    };
    let levels = |side: &Side| (0..side.rows()).map(|row| level(side, row)).collect();
    let d = count * k + 1;
    let mut precision = vec![0.0; d * d];
    for f in 0..d {
        precision[f * d + f] = 1.0;
    }
    Factors {
        isa: samples.isa,
        link: Link::Identity,
        mean: samples.intercept[..samples.samples].iter().sum::<f32>() / samples.samples as f32,
        users: matrix(&samples.users),
        items: matrix(&samples.items),
        user_bias: levels(&samples.users),
        item_bias: levels(&samples.items),
        // Nobody is folded into these.
        prior: Prior { mean: vec![0.0; d], precision },
        unseen_item: vec![0.0; d],
    }
}
