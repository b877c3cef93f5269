//! The samples side by side, as they are taken, asked and kept in a file.
//!
//! Each sample is a whole model of its own; nothing of it but rounding to bfloat16 is lost.

use std::ops::Range;

use cofactor_kernels::{from_half, to_half};

use super::design::{Calendar, Design};
use super::newcomer::Folding;
use super::probit::Levels;
use super::trace::Traces;
use crate::error::{Error, Result};
use crate::fit::model::Tensors;

/// Samples stand side by side in chunks of so many.
pub(super) const CHUNK: usize = 16;

/// Where number `at` of a sample stands, if a chunk holds `each` numbers of each of its samples.
pub(super) fn place(each: usize, at: usize, sample: usize) -> usize {
    (sample / CHUNK * each + at) * CHUNK + sample % CHUNK
}

/// The samples taken so far, and the room for others.
pub(super) struct Samples {
    pub(super) k: usize,
    /// How many there are; the rest of the chunks is empty.
    pub(super) count: usize,
    pub(super) calendar: Calendar,
    pub(super) users: Side,
    pub(super) items: Side,
    /// A row for each day of the training part; the mean stands for all others.
    pub(super) days: Side,
    /// w₀ of each sample.
    pub(super) intercept: Vec<f32>,
    /// α of each sample.
    pub(super) noise: Vec<f32>,
    /// Where the ratings are steps.
    pub(super) steps: Option<StepSamples>,
    pub(super) folding: Folding,
    pub(super) traces: Traces,
}

impl Samples {
    /// Room for `kept` samples of each of the chains, whose first sweeps do not count. Memory: 2(k + 1) bytes a sample for each user, item and day.
    pub(super) fn room(
        design: &Design,
        levels: Option<&Levels>,
        k: usize,
        (burn_in, chains, kept): (usize, usize, usize),
    ) -> Self {
        let chunks = (chains * kept).div_ceil(CHUNK).max(1);
        let days = if design.has_days() { design.day_counts.len() } else { 0 };
        let steps = levels.map(|levels| StepSamples::room(levels, chunks));
        let thresholds = steps.as_ref().map_or(0, StepSamples::count);
        Self {
            k,
            count: 0,
            calendar: design.calendar.clone(),
            users: Side::room(design.users.counts.len(), chunks, k),
            items: Side::room(design.items.counts.len(), chunks, k),
            days: Side::room(days, chunks, k),
            intercept: vec![0.0; chunks * CHUNK],
            noise: vec![1.0; chunks * CHUNK],
            steps,
            folding: Folding::new(design, k, chains * kept),
            traces: Traces::new((burn_in, chains), thresholds, design.has_days()),
        }
    }

    /// How many chunks there is room for.
    pub(super) fn chunks(&self) -> usize {
        self.intercept.len() / CHUNK
    }

    /// Where these chunks stand in a row of a side.
    pub(super) fn in_row(&self, chunks: Range<usize>) -> Range<usize> {
        let stride = (self.k + 1) * CHUNK;
        chunks.start * stride..chunks.end * stride
    }

    /// The sides with their names in a file.
    pub(super) fn sides(&self) -> [(&'static str, &Side); 3] {
        [("user_samples", &self.users), ("item_samples", &self.items), ("day_samples", &self.days)]
    }

    /// The same, to be filled.
    pub(super) fn sides_mut(&mut self) -> [(&'static str, &mut Side); 3] {
        [
            ("user_samples", &mut self.users),
            ("item_samples", &mut self.items),
            ("day_samples", &mut self.days),
        ]
    }

    /// Gives back the room of samples that were never taken.
    pub(super) fn shorten(&mut self) {
        let chunks = self.count.div_ceil(CHUNK).max(1);
        if chunks < self.chunks() {
            let stride = self.in_row(0..chunks).len();
            for (_, side) in self.sides_mut() {
                side.shorten(stride);
            }
            self.intercept.truncate(chunks * CHUNK);
            self.noise.truncate(chunks * CHUNK);
            if let Some(steps) = &mut self.steps {
                steps.shorten(chunks);
            }
        }
        self.folding.finish(self.count);
    }

    /// All of them, for a model file.
    pub(super) fn store(&self, tensors: &mut Tensors) {
        let chunks = self.chunks();
        tensors.insert_indices("sizes", vec![self.count as u32, self.k as u32]);
        tensors.insert_indices("days", bytemuck::cast_vec(self.calendar.0.clone()));
        for (name, side) in self.sides() {
            tensors.insert_halves(name, &[side.rows() + 1, chunks, self.k + 1, CHUNK], side.entries.clone());
        }
        tensors.insert("intercept", &[chunks * CHUNK], self.intercept.clone());
        tensors.insert("noise", &[chunks * CHUNK], self.noise.clone());
        if let Some(StepSamples { values, thresholds }) = &self.steps {
            tensors.insert("levels", &[values.len()], values.clone());
            tensors.insert("thresholds", &[thresholds.len()], thresholds.clone());
        }
        self.folding.store(tensors);
        self.traces.store(tensors);
    }

    /// What [`Self::store`] has written, of that many users and items, and of chains with so many sweeps before the first sample.
    ///
    /// # Errors
    /// The tensors do not fit these sizes or each other.
    pub(super) fn restore(
        tensors: &mut Tensors,
        (users, items): (usize, usize),
        (burn_in, chains): (usize, usize),
    ) -> Result<Self> {
        let sizes = tensors.take_indices("sizes", usize::MAX)?;
        let [count, k] = sizes[..] else {
            return Err(Error::unsupported("tensor 'sizes' has not two entries", ""));
        };
        let (count, k) = (count as usize, k as usize);
        if count == 0 || k == 0 {
            return Err(Error::unsupported("a model without samples, or without factors", ""));
        }
        let chunks = count.div_ceil(CHUNK);
        let days = tensors.take_indices("days", usize::MAX)?;
        let steps = StepSamples::restore(tensors, chunks)?;
        let thresholds = steps.as_ref().map_or(0, StepSamples::count);
        let mut traces = Traces::new((burn_in, chains), thresholds, !days.is_empty());
        traces.load(tensors)?;
        Ok(Self {
            k,
            count,
            users: Side::restore(tensors, "user_samples", [users + 1, chunks, k])?,
            items: Side::restore(tensors, "item_samples", [items + 1, chunks, k])?,
            days: Side::restore(tensors, "day_samples", [days.len() + 1, chunks, k])?,
            calendar: Calendar(bytemuck::cast_vec(days)),
            intercept: tensors.take_vector("intercept", chunks * CHUNK)?,
            noise: tensors.take_vector("noise", chunks * CHUNK)?,
            steps,
            folding: Folding::restore(tensors, (items, k, count))?,
            traces,
        })
    }
}

/// The rows of one side in every sample.
///
/// A row holds chunks of [`CHUNK`] samples, and a chunk holds q of each factor and then the level, each for all of its samples. The last row is the mean of those with ratings: it stands for
/// whoever has none.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Side {
    pub(super) entries: Vec<u16>,
    stride: usize,
}

impl Side {
    fn room(rows: usize, chunks: usize, k: usize) -> Self {
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

    pub(super) fn row_mut(&mut self, row: usize) -> &mut [u16] {
        &mut self.entries[row * self.stride..][..self.stride]
    }

    /// The mean for none.
    pub(super) fn row_or_mean(&self, row: Option<usize>) -> &[u16] {
        self.row(row.unwrap_or(self.rows()))
    }

    /// Fills these places of the mean of the rows, each with its weight, and gives them to the rows without one.
    pub(super) fn fill_mean(&mut self, weights: &[f32], places: Range<usize>) {
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

    /// Leaves so many entries of each row.
    fn shorten(&mut self, stride: usize) {
        let rows = self.entries.len() / self.stride;
        for row in 0..rows {
            self.entries.copy_within(row * self.stride..row * self.stride + stride, row * stride);
        }
        self.entries.truncate(rows * stride);
        self.stride = stride;
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
    fn room(levels: &Levels, chunks: usize) -> Self {
        let values = levels.values.clone();
        Self { thresholds: vec![0.0; chunks * CHUNK * (values.len() - 1)], values }
    }

    /// How many thresholds there are.
    pub(super) fn count(&self) -> usize {
        self.values.len() - 1
    }

    /// Those of these chunks.
    pub(super) fn of_chunks(&self, chunks: Range<usize>) -> &[f32] {
        let stride = self.count() * CHUNK;
        &self.thresholds[chunks.start * stride..chunks.end * stride]
    }

    /// Those of one sample.
    pub(super) fn of_sample(&self, sample: usize) -> Vec<f32> {
        (0..self.count()).map(|step| self.thresholds[place(self.count(), step, sample)]).collect()
    }

    /// Fills those of one sample.
    pub(super) fn fill(&mut self, sample: usize, thresholds: impl Iterator<Item = f32>) {
        for (step, threshold) in thresholds.enumerate() {
            let place = place(self.count(), step, sample);
            self.thresholds[place] = threshold;
        }
    }

    fn shorten(&mut self, chunks: usize) {
        self.thresholds.truncate(chunks * CHUNK * self.count());
    }

    fn restore(tensors: &mut Tensors, chunks: usize) -> Result<Option<Self>> {
        if !tensors.has("levels") {
            return Ok(None);
        }
        let ([levels], values) = tensors.take("levels")?;
        if levels < 2 {
            return Err(Error::unsupported("tensor 'levels' has not two entries", ""));
        }
        let thresholds = tensors.take_vector("thresholds", chunks * CHUNK * (levels - 1))?;
        Ok(Some(Self { values, thresholds }))
    }
}
