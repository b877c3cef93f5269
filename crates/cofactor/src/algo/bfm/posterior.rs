//! What a fit returns: the samples that it kept, of all chains.
//!
//! A prediction is the mean over them.

use cofactor_kernels::{Isa, Link, from_half};
use rayon::ThreadPool;
use rayon::prelude::*;

use super::asker::Asker;
use super::left_out;
use super::newcomer::Somebody;
use super::samples::{Samples, Side, StepSamples, place};
use crate::data::ids::{Item, User};
use crate::data::ratings::{Rating, Ratings, Row, Time};
use crate::error::Result;
use crate::fit::factors::{Factors, Matrix, Prior};
use crate::fit::model::{Model, Newcomer, Query, Tensors, Trace};
use crate::fit::outlook::{Outlook, Reach};

/// [`Posterior::factors`] shows so many columns, or those of one sample.
const SHOWN: usize = 128;

/// How many training ratings tell how far intervals reach.
const POOLED: usize = 16_384;

/// The samples.
pub struct Posterior {
    isa: Isa,
    pub(super) samples: Samples,
    shown: Factors,
    /// How far intervals reach.
    pub(super) reach: Reach,
}

impl Posterior {
    pub(super) fn new(isa: Isa, samples: Samples) -> Self {
        Self { isa, shown: shown(isa, &samples), samples, reach: Reach::Normal }
    }

    /// How far intervals must reach to hold what they promise: by how far up to [`POOLED`] of the training ratings lie off when they are left out.
    pub(super) fn with_reach(mut self, train: &Ratings, pool: &ThreadPool) -> Self {
        let every = train.len().div_ceil(POOLED).max(1);
        let some: Vec<Rating> = train.iter().step_by(every).collect();
        let off = |rating: &Rating| {
            left_out::off(&self.samples, &self.asker(Some(rating.user), rating.time), *rating)
        };
        self.reach = Reach::pooled(pool.install(|| some.par_iter().map(off).collect()));
        self
    }

    /// Of chains with so many sweeps before the first sample.
    pub(super) fn restore(
        mut tensors: Tensors,
        sizes: (usize, usize),
        (burn_in, chains): (usize, usize),
    ) -> Result<Self> {
        let samples = Samples::restore(&mut tensors, sizes, (burn_in, chains))?;
        let reach = if tensors.has("reach") {
            Reach::Pooled(tensors.take_vector("reach", Reach::PARTS + 1)?.into())
        } else {
            Reach::Normal
        };
        Ok(Self { reach, ..Self::new(Isa::detect(), samples) })
    }

    fn asker(&self, user: Option<User>, time: Option<Time>) -> Asker<'_> {
        Asker::new(self.isa, &self.samples, 0..self.samples.chunks(), (user, time))
    }

    /// How probable it is to pass each step but the last, over all samples.
    fn passed(&self, asker: &Asker<'_>, item: Option<Item>, steps: &StepSamples) -> Vec<f64> {
        let (mut hidden, mut passed) = (self.scratch(), self.scratch());
        asker.latent(item, &mut hidden);
        let of_step = |step: usize| {
            passed.copy_from_slice(&hidden);
            asker.pass(step, steps, &mut passed);
            f64::from(self.mean(&passed))
        };
        (0..steps.count()).map(of_step).collect()
    }

    /// The mean over the samples.
    fn mean(&self, out: &[f32]) -> f32 {
        let count = self.samples.count;
        (out[..count].iter().map(|&value| f64::from(value)).sum::<f64>() / count as f64) as f32
    }

    /// Room for a number of each sample.
    fn scratch(&self) -> Vec<f32> {
        vec![0.0; self.samples.intercept.len()]
    }
}

impl Model for Posterior {
    fn predict(&self, query: Query) -> f32 {
        let mut out = self.scratch();
        self.asker(query.user, query.time).predict(query.item, &mut out);
        self.mean(&out)
    }

    fn predict_all(&self, user: Option<User>, time: Option<Time>, out: &mut [f32]) {
        let asker = self.asker(user, time);
        let mut of_samples = self.scratch();
        for (index, score) in out.iter_mut().enumerate() {
            asker.predict(Some(Item(index as u32)), &mut of_samples);
            *score = self.mean(&of_samples);
        }
    }

    /// Of all samples together: steps by their probabilities, numbers by √(E\[y²\] − E\[y\]²) with the noise.
    fn outlook(&self, query: Query) -> Option<Outlook> {
        let asker = self.asker(query.user, query.time);
        let mut means = self.scratch();
        asker.predict(query.item, &mut means);
        let mean = self.mean(&means);
        if let Some(steps) = &self.samples.steps {
            let passed = self.passed(&asker, query.item, steps);
            return Some(Outlook::steps(&steps.values, passed, mean, self.reach.clone()));
        }
        for (square, alpha) in means.iter_mut().zip(&self.samples.noise) {
            *square = (*square - mean).powi(2) + 1.0 / alpha;
        }
        Some(Outlook::number(self.mean(&means).sqrt(), self.reach.clone()))
    }

    fn factors(&self) -> Option<&Factors> {
        Some(&self.shown)
    }

    fn fold_in<'a>(&'a self, history: Row<'a>) -> Option<Box<dyn Newcomer + 'a>> {
        Some(Box::new(Somebody::new(self, history)))
    }

    fn tensors(&self) -> Tensors {
        let mut tensors = Tensors::default();
        self.samples.store(&mut tensors);
        if let Reach::Pooled(points) = &self.reach {
            tensors.insert("reach", &[points.len()], points.to_vec());
        }
        tensors
    }

    fn traces(&self) -> Vec<Trace> {
        self.samples.traces.all()
    }

    fn dimensions(&self) -> Option<(usize, usize)> {
        Some((self.samples.users.rows(), self.samples.items.rows()))
    }
}

/// Vectors to compare users or items by: those of a few samples side by side, whose inner product is the mean of theirs.
fn shown(isa: Isa, samples: &Samples) -> Factors {
    let k = samples.k;
    let count = (SHOWN / k).clamp(1, samples.count);
    let which: Vec<usize> = (0..count).map(|index| index * samples.count / count).collect();
    let scale = 1.0 / (count as f32).sqrt();
    let matrix = |side: &Side| {
        let mut matrix = Matrix::zeros(side.rows(), count * k);
        for row in 0..side.rows() {
            let entries = side.row(row);
            for (block, &sample) in matrix.row_mut(row).chunks_exact_mut(k).zip(&which) {
                for (f, entry) in block.iter_mut().enumerate() {
                    *entry = scale * from_half(entries[place(k + 1, f, sample)]);
                }
            }
        }
        matrix
    };
    let level = |side: &Side, row: usize| {
        let levels = (0..samples.count).map(|sample| from_half(side.row(row)[place(k + 1, k, sample)]));
        levels.sum::<f32>() / samples.count as f32
    };
    let levels = |side: &Side| (0..side.rows()).map(|row| level(side, row)).collect();
    let d = count * k + 1;
    let mut precision = vec![0.0; d * d];
    for f in 0..d {
        precision[f * d + f] = 1.0;
    }
    Factors {
        isa,
        link: Link::Identity,
        mean: samples.intercept[..samples.count].iter().sum::<f32>() / samples.count as f32,
        users: matrix(&samples.users),
        items: matrix(&samples.items),
        user_bias: levels(&samples.users),
        item_bias: levels(&samples.items),
        // Nobody is folded into these.
        prior: Prior { mean: vec![0.0; d], precision },
        unseen_item: vec![0.0; d],
    }
}
