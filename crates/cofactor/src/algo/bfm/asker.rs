//! What the samples predict for somebody, each for itself.

use std::ops::Range;

use cofactor_kernels::{self as kernels, Isa, from_half};

use super::samples::{CHUNK, Samples, StepSamples};
use crate::data::ids::{Item, User};
use crate::data::ratings::Time;

/// Somebody on a day, of whom items are asked: in each sample of some chunks a vector and a level.
pub(super) struct Asker<'a> {
    isa: Isa,
    samples: &'a Samples,
    chunks: Range<usize>,
    own: Vec<f32>,
}

impl<'a> Asker<'a> {
    /// A user at a time; the mean user for nobody, and a day without training ratings is the mean day.
    pub(super) fn new(
        isa: Isa,
        samples: &'a Samples,
        chunks: Range<usize>,
        (user, time): (Option<User>, Option<Time>),
    ) -> Self {
        let (k, places) = (samples.k, samples.in_row(chunks.clone()));
        let user = &samples.users.row_or_mean(user.map(User::index))[places.clone()];
        let day = &samples.days.row_or_mean(samples.calendar.find(time))[places];
        let intercept = &samples.intercept[chunks.start * CHUNK..chunks.end * CHUNK];
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
        Self { isa, samples, chunks, own }
    }

    /// The prediction of each sample.
    pub(super) fn predict(&self, item: Option<Item>, out: &mut [f32]) {
        self.latent(item, out);
        if let Some(steps) = &self.samples.steps {
            self.expect(&steps.values, steps, out);
        }
    }

    /// What each sample predicts, or what it predicts for the hidden number.
    pub(super) fn latent(&self, item: Option<Item>, out: &mut [f32]) {
        let row = self.samples.items.row_or_mean(item.map(Item::index));
        let row = &row[self.samples.in_row(self.chunks.clone())];
        kernels::by_sample(self.isa, self.samples.k, &self.own, row, out);
    }

    /// Turns what is predicted for the hidden number into what is expected of one that has these values by step.
    fn expect(&self, values: &[f32], steps: &StepSamples, out: &mut [f32]) {
        let thresholds = steps.of_chunks(self.chunks.clone());
        kernels::gibbs::expected_ratings(self.isa, values, thresholds, out);
    }

    /// Turns what is predicted for the hidden number into how probable it is to pass a step.
    pub(super) fn pass(&self, step: usize, steps: &StepSamples, out: &mut [f32]) {
        // The mean of a number that is 1 above the step and 0 up to it.
        let above: Vec<f32> = (0..steps.values.len()).map(|other| f32::from(other > step)).collect();
        self.expect(&above, steps, out);
    }
}
