//! Somebody who comes with a few ratings: the conditional distribution of their own weights in some of the samples, given everything else.

use cofactor_kernels::{from_half, to_half};

use super::chains::Chains;
use super::design::Design;
use super::posterior::Posterior;
use super::samples::{Samples, StepSamples, place};
use crate::data::ids::Item;
use crate::data::ratings::Row;
use crate::error::{Error, Result};
use crate::fit::factors::{cholesky, cholesky_solve};
use crate::fit::model::{Model, Newcomer, Parts, Query, Share, Tensors};
use crate::fit::normal::{cumulative, density};
use crate::fit::outlook::Outlook;

/// In so many samples somebody new is folded in.
const FOLDED: usize = 32;

/// What folding in needs to know of some of the samples beside their items.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Folding {
    k: usize,
    /// The samples.
    which: Vec<u32>,
    /// What each item adds to a user who has rated it, for each of these samples k numbers and the linear weight last; empty where the model has no such sets.
    gifts: Vec<u16>,
    /// μ and λ of the users' own weights, for each of these samples k of each, and those of the linear weights last.
    mean: Vec<f32>,
    precision: Vec<f32>,
}

impl Folding {
    pub(super) fn new(design: &Design, k: usize, samples: usize) -> Self {
        let count = samples.min(FOLDED);
        let gifts = if design.user_set { design.items.counts.len() * count * (k + 1) } else { 0 };
        Self {
            k,
            which: (0..count).map(|index| (index * samples / count) as u32).collect(),
            gifts: vec![0; gifts],
            mean: vec![0.0; count * (k + 1)],
            precision: vec![1.0; count * (k + 1)],
        }
    }

    pub(super) fn take(&mut self, sample: usize, group: &Chains, chain: usize) {
        let Ok(slot) = self.which.binary_search(&(sample as u32)) else { return };
        let (k, lanes) = (self.k, group.lanes());
        for f in 0..=k {
            // The linear weight stands last.
            let at = slot * (k + 1) + (f + k) % (k + 1);
            self.mean[at] = group.users.own.mean[f][chain];
            self.precision[at] = group.users.own.precision[f][chain];
            if self.gifts.is_empty() {
                continue;
            }
            let (table, stride) = (group.users.sets[0].tables[f].as_slice(), self.which.len() * (k + 1));
            for (item, gifts) in self.gifts.chunks_exact_mut(stride).enumerate() {
                gifts[at] = to_half(table[item * lanes + chain]);
            }
        }
    }

    /// Leaves out the samples that were never taken.
    pub(super) fn finish(&mut self, samples: usize) {
        let (all, kept) = (self.which.len(), self.which.iter().filter(|&&s| (s as usize) < samples).count());
        let k1 = self.k + 1;
        self.which.truncate(kept);
        self.mean.truncate(kept * k1);
        self.precision.truncate(kept * k1);
        let items = self.gifts.chunks_exact((all * k1).max(1));
        self.gifts = items.flat_map(|gifts| gifts[..kept * k1].iter().copied()).collect();
    }

    pub(super) fn store(&self, tensors: &mut Tensors) {
        let (count, k1) = (self.which.len(), self.k + 1);
        tensors.insert_indices("folding_samples", self.which.clone());
        tensors.insert("user_prior_mean", &[count, k1], self.mean.clone());
        tensors.insert("user_prior_precision", &[count, k1], self.precision.clone());
        let items = self.gifts.len() / (count * k1);
        tensors.insert_halves("set_weights", &[items, count, k1], self.gifts.clone());
    }

    pub(super) fn restore(tensors: &mut Tensors, (items, k, samples): (usize, usize, usize)) -> Result<Self> {
        let which = tensors.take_indices("folding_samples", samples)?;
        let count = which.len();
        let (mean_shape, mean) = tensors.take::<2>("user_prior_mean")?;
        let (precision_shape, precision) = tensors.take::<2>("user_prior_precision")?;
        let (shape, gifts) = tensors.take_halves::<3>("set_weights")?;
        let fit = [mean_shape, precision_shape] == [[count, k + 1]; 2]
            && shape[1..] == [count, k + 1]
            && (shape[0] == items || shape[0] == 0)
            && count > 0
            && precision.iter().all(|&entry| entry > 0.0);
        if !fit {
            return Err(Error::unsupported("what newcomers need does not fit the samples", ""));
        }
        Ok(Self { k, which, gifts, mean, precision })
    }

    /// Puts what [`Self::store`] has written into one of the same shape.
    pub(super) fn load(&mut self, tensors: &mut Tensors) -> Result<()> {
        let which = tensors.take_indices("folding_samples", usize::MAX)?;
        let (mean_shape, mean) = tensors.take::<2>("user_prior_mean")?;
        let (precision_shape, precision) = tensors.take::<2>("user_prior_precision")?;
        let (_, gifts) = tensors.take_halves::<3>("set_weights")?;
        let shape = [self.which.len(), self.k + 1];
        if which != self.which
            || [mean_shape, precision_shape] != [shape; 2]
            || gifts.len() != self.gifts.len()
        {
            return Err(Error::unsupported("what newcomers need does not fit the samples", ""));
        }
        (self.mean, self.precision, self.gifts) = (mean, precision, gifts);
        Ok(())
    }

    fn gift(&self, item: Item, slot: usize) -> Option<&[u16]> {
        let k1 = self.k + 1;
        let start = (item.index() * self.which.len() + slot) * k1;
        self.gifts.get(start..start + k1)
    }
}

/// A newcomer.
pub(super) struct Somebody<'a> {
    model: &'a Posterior,
    /// In each of the samples; none for somebody without a rating, who is the mean user.
    folded: Vec<Folded>,
}

/// Rounds of [`Folded::expect`] for ratings that are steps.
const ROUNDS: usize = 8;

/// A newcomer in one sample, k numbers in each vector.
struct Folded {
    sample: usize,
    /// What is there without any rating: the day's vector, the prior's mean, and the levels of both.
    day: Vec<f64>,
    prior: Vec<f64>,
    level: f64,
    /// What meets an item's own q in the weights' equations: the set's sum and the day's vector.
    context: Vec<f64>,
    /// For each rating what it adds by having been given: a vector that meets q, and a level.
    given: Vec<(Vec<f64>, f64)>,
    /// And by its value: what it adds to v_u and, last, to w_u.
    valued: Vec<Vec<f64>>,
    /// L of LLᵀ = diag(λ) + α Σ_j h_j h_jᵀ, the precision of v_u and w_u.
    precision: Vec<f64>,
}

fn inner(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl Folded {
    /// With z the set's sum, d the day's vector, h_i = (q_i + z + d, 1) and ρ_i what is left of a rating when everything but the newcomer's own
    /// weights θ = (v_u, w_u) is taken off, prior mean included:
    /// ```text
    /// θ = μ + Σ_i α(diag(λ) + α Σ_j h_j h_jᵀ)⁻¹ h_i ρ_i
    /// ```
    fn new(samples: &Samples, slot: usize, history: Row<'_>) -> Self {
        let (k, folding) = (samples.k, &samples.folding);
        let sample = folding.which[slot] as usize;
        let day = samples.day_in(sample);
        let range = slot * (k + 1)..(slot + 1) * (k + 1);
        let wide = |entries: &[f32]| entries.iter().map(|&entry| f64::from(entry)).collect::<Vec<f64>>();
        let (mean, precision) = (wide(&folding.mean[range.clone()]), wide(&folding.precision[range]));
        let scale = 1.0 / (history.len().max(1) as f64).sqrt();
        let gift = |item: Item| match folding.gift(item, slot) {
            Some(gift) => gift.iter().map(|&entry| scale * f64::from(from_half(entry))).collect(),
            None => vec![0.0; k + 1],
        };
        let gifts: Vec<Vec<f64>> = history.items.iter().map(|&item| gift(item)).collect();
        let set: Vec<f64> = (0..k).map(|f| gifts.iter().map(|gift| gift[f]).sum()).collect();
        let context: Vec<f64> = set.iter().zip(&day.0).map(|(z, d)| z + d).collect();
        // Pairs within the set are shared evenly between the two.
        let given = |gift: Vec<f64>| {
            let pairs = 0.5 * (inner(&gift[..k], &set) - inner(&gift[..k], &gift[..k]));
            let level = gift[k] + inner(&gift[..k], &day.0) + inner(&gift[..k], &mean[..k]) + pairs;
            (gift[..k].to_vec(), level)
        };
        let level = f64::from(samples.intercept[sample]) + day.1 + mean[k] + inner(&mean[..k], &day.0);
        let mut folded = Self {
            sample,
            prior: mean[..k].to_vec(),
            level,
            context,
            given: gifts.into_iter().map(given).collect(),
            valued: Vec::new(),
            precision: Vec::new(),
            day: day.0,
        };
        let values: Vec<f64> = history.values.iter().map(|&value| f64::from(value)).collect();
        match &samples.steps {
            None => folded.solve(samples, history, &values, &precision),
            Some(steps) => {
                for _ in 0..ROUNDS {
                    let hidden = folded.expect(samples, history, steps);
                    folded.solve(samples, history, &hidden, &precision);
                }
            }
        }
        folded
    }

    /// The hidden numbers' means given the newcomer's weights as they are and the ratings: with u and l the thresholds' distances from the prediction,
    /// ŷ + (φ(l) − φ(u))/(Φ(u) − Φ(l)). In turn with [`Self::solve`] they lead to the most likely weights (Dempster, Laird & Rubin 1977).
    fn expect(&self, samples: &Samples, history: Row<'_>, steps: &StepSamples) -> Vec<f64> {
        let thresholds = steps.of_sample(self.sample);
        let expected = |(item, value): (&Item, &f32)| {
            let (q, level) = samples.item_in(*item, self.sample);
            let fit = self.latent(&q, level);
            // A rating between two levels counts as the nearer one.
            let nearer = |a: &f32, b: &f32| (a - value).abs().total_cmp(&(b - value).abs());
            let nearest = (0..steps.values.len()).min_by(|&a, &b| nearer(&steps.values[a], &steps.values[b]));
            let own = nearest.unwrap_or(0);
            let end = |place: Option<usize>, infinity: f64| {
                let threshold = place.and_then(|place| thresholds.get(place));
                threshold.map_or(infinity, |&threshold| f64::from(threshold)) - fit
            };
            let (low, high) = (end(own.checked_sub(1), -40.0), end(Some(own), 40.0));
            let share = (cumulative(high) - cumulative(low)).max(1e-12);
            fit + (density(low) - density(high)) / share
        };
        history.items.iter().zip(history.values).map(expected).collect()
    }

    /// What is predicted, or what is predicted for the hidden number.
    fn latent(&self, q: &[f64], level: f64) -> f64 {
        let k = q.len();
        let of_value =
            |valued: &Vec<f64>| valued[k] + inner(&valued[..k], q) + inner(&valued[..k], &self.context);
        self.before_values(q, level) + self.valued.iter().map(of_value).sum::<f64>()
    }

    /// The newcomer's weights, given the ratings or the hidden numbers in their place.
    fn solve(&mut self, samples: &Samples, history: Row<'_>, values: &[f64], precision: &[f64]) {
        let (k, alpha) = (samples.k, f64::from(samples.noise[self.sample]));
        let mut normal = vec![0.0; (k + 1) * (k + 1)];
        for (f, &lambda) in precision.iter().enumerate() {
            normal[f * (k + 1) + f] = lambda;
        }
        let mut terms = Vec::with_capacity(history.len());
        for (&item, value) in history.items.iter().zip(values) {
            let (q, level) = samples.item_in(item, self.sample);
            let mut h = self.meets(&q);
            for row in 0..=k {
                for column in 0..=row {
                    normal[row * (k + 1) + column] += alpha * h[row] * h[column];
                }
            }
            let rest = value - self.before_values(&q, level);
            for entry in &mut h {
                *entry *= alpha * rest;
            }
            terms.push(h);
        }
        cholesky(&mut normal, k + 1);
        for term in &mut terms {
            cholesky_solve(&normal, term);
        }
        (self.valued, self.precision) = (terms, normal);
    }

    /// h: what an item's rating tells of v_u and, last, of w_u.
    fn meets(&self, q: &[f64]) -> Vec<f64> {
        q.iter().zip(&self.context).map(|(q, c)| q + c).chain([1.0]).collect()
    }

    /// hᵀ(LLᵀ)⁻¹h: how far the newcomer's own weights, which are not known exactly, spread the prediction.
    fn doubt(&self, q: &[f64]) -> f64 {
        let h = self.meets(q);
        let mut solved = h.clone();
        cholesky_solve(&self.precision, &mut solved);
        inner(&h, &solved)
    }

    /// The prediction by what was given, before any value counts.
    fn before_values(&self, q: &[f64], level: f64) -> f64 {
        let given: f64 = self.given.iter().map(|(gift, level)| inner(gift, q) + level).sum();
        self.level + level + inner(&self.day, q) + inner(&self.prior, q) + given
    }
}

impl Samples {
    /// The rating that a sample expects by a prediction, which is the prediction itself if ratings are no steps.
    fn rating(&self, sample: usize, predicted: f64) -> f64 {
        let Some(steps) = &self.steps else { return predicted };
        let values: Vec<f64> = steps.values.iter().map(|&value| f64::from(value)).collect();
        let gaps = values.windows(2).map(|pair| pair[1] - pair[0]);
        let passed =
            steps.of_sample(sample).into_iter().map(|threshold| cumulative(predicted - f64::from(threshold)));
        values[0] + gaps.zip(passed).map(|(gap, passed)| gap * passed).sum::<f64>()
    }

    /// An item in one sample: q and its level.
    fn item_in(&self, item: Item, sample: usize) -> (Vec<f64>, f64) {
        entries(self.items.row(item.index()), self.k, sample)
    }

    /// The mean day in one sample.
    fn day_in(&self, sample: usize) -> (Vec<f64>, f64) {
        entries(self.days.row_or_mean(None), self.k, sample)
    }
}

fn entries(row: &[u16], k: usize, sample: usize) -> (Vec<f64>, f64) {
    let entry = |f: usize| f64::from(from_half(row[place(k + 1, f, sample)]));
    ((0..k).map(entry).collect(), entry(k))
}

impl<'a> Somebody<'a> {
    pub(super) fn new(model: &'a Posterior, history: Row<'a>) -> Self {
        let slots = if history.is_empty() { 0 } else { model.samples.folding.which.len() };
        Self { model, folded: (0..slots).map(|slot| Folded::new(&model.samples, slot, history)).collect() }
    }
}

impl Newcomer for Somebody<'_> {
    fn score_all(&self, out: &mut [f32]) {
        if self.folded.is_empty() {
            return self.model.predict_all(None, None, out);
        }
        let samples = &self.model.samples;
        let k = samples.k;
        let mut totals = vec![0.0_f64; out.len()];
        for folded in &self.folded {
            let mut vector: Vec<f64> = folded.day.iter().zip(&folded.prior).map(|(d, p)| d + p).collect();
            let mut level = folded.level;
            for (gift, gift_level) in &folded.given {
                vector.iter_mut().zip(gift).for_each(|(entry, gift)| *entry += gift);
                level += gift_level;
            }
            for valued in &folded.valued {
                vector.iter_mut().zip(valued).for_each(|(entry, valued)| *entry += valued);
                level += valued[k] + inner(&valued[..k], &folded.context);
            }
            for (item, total) in totals.iter_mut().enumerate() {
                let row = samples.items.row(item);
                let mut score = level + f64::from(from_half(row[place(k + 1, k, folded.sample)]));
                for (f, entry) in vector.iter().enumerate() {
                    score += entry * f64::from(from_half(row[place(k + 1, f, folded.sample)]));
                }
                *total += samples.rating(folded.sample, score);
            }
        }
        for (out, total) in out.iter_mut().zip(totals) {
            *out = (total / self.folded.len() as f64) as f32;
        }
    }

    /// In each sample the newcomer's weights are normal around their mean, and of them all it is the mixture.
    fn outlook(&self, item: Item) -> Option<Outlook> {
        let Posterior { samples, reach, .. } = self.model;
        if self.folded.is_empty() {
            return self.model.outlook(Query { user: None, item: Some(item), time: None });
        }
        let count = self.folded.len() as f64;
        let each = self.folded.iter().map(|folded| {
            let (q, level) = samples.item_in(item, folded.sample);
            (folded.sample, folded.latent(&q, level), folded.doubt(&q))
        });
        let predicted = self.parts(item).sum();
        let Some(steps) = &samples.steps else {
            let square = |(sample, fit, doubt): (usize, f64, f64)| {
                (fit - f64::from(predicted)).powi(2) + doubt + 1.0 / f64::from(samples.noise[sample])
            };
            let sd = (each.map(square).sum::<f64>() / count).sqrt();
            return Some(Outlook::number(sd as f32, reach.clone()));
        };
        let mut passed = vec![0.0; steps.count()];
        for (sample, fit, doubt) in each {
            for (passed, threshold) in passed.iter_mut().zip(steps.of_sample(sample)) {
                *passed += cumulative((fit - f64::from(threshold)) / (1.0 + doubt).sqrt()) / count;
            }
        }
        Some(Outlook::steps(&steps.values, passed, predicted, reach.clone()))
    }

    fn parts(&self, item: Item) -> Parts {
        let samples = &self.model.samples;
        let k = samples.k;
        if self.folded.is_empty() {
            let ask = |item| self.model.predict(Query { user: None, item, time: None });
            let mean = ask(None);
            return Parts { mean, item_bias: ask(Some(item)) - mean, prior: 0.0, shares: Vec::new() };
        }
        let count = self.folded.len() as f64;
        let (mut mean, mut item_bias, mut prior) = (0.0, 0.0, 0.0);
        let mut shares = vec![(0.0, 0.0); self.folded[0].given.len()];
        for folded in &self.folded {
            let (q, level) = samples.item_in(item, folded.sample);
            let told = |latent: f64| samples.rating(folded.sample, latent);
            let intercept = f64::from(samples.intercept[folded.sample]);
            let before = folded.level + level + inner(&folded.day, &q) + inner(&folded.prior, &q);
            let after = folded.latent(&q, level);
            mean += told(intercept) / count;
            item_bias += (told(intercept + level) - told(intercept)) / count;
            prior += (told(before) - told(intercept + level)) / count;
            // Of steps the parts are told by the slope of the secant, so that they still add up.
            let slope = match &samples.steps {
                None => 1.0,
                Some(_) if (after - before).abs() < 1e-3 => {
                    (told(before + 1e-2) - told(before - 1e-2)) / 2e-2
                }
                Some(_) => (told(after) - told(before)) / (after - before),
            };
            let of_ratings = folded.given.iter().zip(&folded.valued);
            for (share, ((gift, given), valued)) in shares.iter_mut().zip(of_ratings) {
                let taste = inner(gift, &q) + inner(&valued[..k], &q);
                let all = taste + given + valued[k] + inner(&valued[..k], &folded.context);
                share.1 += slope * taste / count;
                share.0 += slope * all / count;
            }
        }
        let share = |(all, taste): (f64, f64)| Share { all: all as f32, taste: taste as f32 };
        Parts {
            mean: mean as f32,
            item_bias: item_bias as f32,
            prior: prior as f32,
            shares: shares.into_iter().map(share).collect(),
        }
    }
}
