//! Somebody who comes with a few ratings: the conditional mean of their own weights in some of the samples, given everything else.

use cofactor_kernels::{from_half, to_half};

use super::chains::Chains;
use super::design::Design;
use super::posterior::{Posterior, place};
use crate::data::ids::Item;
use crate::data::ratings::Row;
use crate::error::{Error, Result};
use crate::fit::factors::{cholesky, cholesky_solve};
use crate::fit::model::{Newcomer, Parts, Share, Tensors};

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
        let gifts = design.users.sets.first().map_or(0, |_| design.items.counts.len() * count * (k + 1));
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
    fn new(model: &Posterior, slot: usize, history: Row<'_>) -> Self {
        let (k, folding) = (model.k, &model.folding);
        let sample = folding.which[slot] as usize;
        let day = model.day_in(sample);
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
        let level = f64::from(model.intercept[sample]) + day.1 + mean[k] + inner(&mean[..k], &day.0);
        let mut folded = Self {
            sample,
            prior: mean[..k].to_vec(),
            level,
            context,
            given: gifts.into_iter().map(given).collect(),
            valued: Vec::new(),
            day: day.0,
        };
        folded.valued = folded.solve(model, history, &precision);
        folded
    }

    fn solve(&self, model: &Posterior, history: Row<'_>, precision: &[f64]) -> Vec<Vec<f64>> {
        let (k, alpha) = (model.k, f64::from(model.noise[self.sample]));
        let mut normal = vec![0.0; (k + 1) * (k + 1)];
        for (f, &lambda) in precision.iter().enumerate() {
            normal[f * (k + 1) + f] = lambda;
        }
        let mut terms = Vec::with_capacity(history.len());
        for rated in history.iter() {
            let (q, level) = model.item_in(rated.item, self.sample);
            let mut h: Vec<f64> = q.iter().zip(&self.context).map(|(q, c)| q + c).collect();
            h.push(1.0);
            for row in 0..=k {
                for column in 0..=row {
                    normal[row * (k + 1) + column] += alpha * h[row] * h[column];
                }
            }
            let rest = f64::from(rated.value) - self.before_values(&q, level);
            h.iter_mut().for_each(|entry| *entry *= alpha * rest);
            terms.push(h);
        }
        cholesky(&mut normal, k + 1);
        terms.iter_mut().for_each(|term| cholesky_solve(&normal, term));
        terms
    }

    /// The prediction by what was given, before any value counts.
    fn before_values(&self, q: &[f64], level: f64) -> f64 {
        let given: f64 = self.given.iter().map(|(gift, level)| inner(gift, q) + level).sum();
        self.level + level + inner(&self.day, q) + inner(&self.prior, q) + given
    }
}

impl Posterior {
    /// An item in one sample: q and its level.
    fn item_in(&self, item: Item, sample: usize) -> (Vec<f64>, f64) {
        entries(self.items.row(item.index()), self.k, sample)
    }

    /// The mean day in one sample.
    fn day_in(&self, sample: usize) -> (Vec<f64>, f64) {
        entries(self.mean_day(), self.k, sample)
    }
}

fn entries(row: &[u16], k: usize, sample: usize) -> (Vec<f64>, f64) {
    let entry = |f: usize| f64::from(from_half(row[place(k, f, sample)]));
    ((0..k).map(entry).collect(), entry(k))
}

impl<'a> Somebody<'a> {
    pub(super) fn new(model: &'a Posterior, history: Row<'a>) -> Self {
        let slots = if history.is_empty() { 0 } else { model.folding.which.len() };
        Self { model, folded: (0..slots).map(|slot| Folded::new(model, slot, history)).collect() }
    }
}

impl Newcomer for Somebody<'_> {
    fn score_all(&self, out: &mut [f32]) {
        if self.folded.is_empty() {
            return crate::fit::model::Model::predict_all(self.model, None, None, out);
        }
        let k = self.model.k;
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
                let row = self.model.items.row(item);
                let mut score = level + f64::from(from_half(row[place(k, k, folded.sample)]));
                for (f, entry) in vector.iter().enumerate() {
                    score += entry * f64::from(from_half(row[place(k, f, folded.sample)]));
                }
                *total += score;
            }
        }
        for (out, total) in out.iter_mut().zip(totals) {
            *out = (total / self.folded.len() as f64) as f32;
        }
    }

    fn parts(&self, item: Item) -> Parts {
        let model = self.model;
        let k = model.k;
        if self.folded.is_empty() {
            let mut out = vec![0.0; model.items.rows()];
            self.score_all(&mut out);
            let (mean, level) = (model.mean_intercept(), model.mean_level(item));
            return Parts {
                mean,
                item_bias: level,
                prior: out[item.index()] - mean - level,
                shares: Vec::new(),
            };
        }
        let count = self.folded.len() as f64;
        let (mut mean, mut item_bias, mut prior) = (0.0, 0.0, 0.0);
        let mut shares = vec![(0.0, 0.0); self.folded[0].given.len()];
        for folded in &self.folded {
            let (q, level) = model.item_in(item, folded.sample);
            let intercept = f64::from(model.intercept[folded.sample]);
            mean += intercept / count;
            item_bias += level / count;
            prior += (folded.level - intercept + inner(&folded.day, &q) + inner(&folded.prior, &q)) / count;
            for (share, ((gift, given), valued)) in
                shares.iter_mut().zip(folded.given.iter().zip(&folded.valued))
            {
                let taste = inner(gift, &q) + inner(&valued[..k], &q);
                share.1 += taste / count;
                share.0 += (taste + given + valued[k] + inner(&valued[..k], &folded.context)) / count;
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
