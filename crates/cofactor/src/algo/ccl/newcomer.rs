//! Somebody new: (6) with Q fixed, in which each item taken keeps its part.

use cofactor_kernels::{dot, dot_rows};

use super::{Directions, LOWEST, across, add, add_scaled};
use crate::data::ids::Item;
use crate::data::ratings::Row;
use crate::fit::factors::Factors;
use crate::fit::model::{Newcomer, Parts, Share};
use crate::fit::taken::is_taken;

/// Steps of a newcomer.
const FOLD_IN_STEPS: usize = 40;
/// η of a newcomer, who begins near the end.
const FOLD_IN_RATE: f32 = 0.5;

impl Directions {
    /// (6) for somebody new, with Q fixed. Cost: O(nk) a step.
    pub(super) fn folded(&self, history: Row<'_>) -> Direction<'_> {
        let Factors { items, item_bias, .. } = &self.factors;
        let counts = |(&item, &value): (&Item, &f32)| {
            let known = item_bias[item.index()] > LOWEST;
            (known && is_taken(value, self.knobs.implicit_from)).then_some(item)
        };
        let taken: Vec<Option<Item>> = history.items.iter().zip(history.values).map(counts).collect();
        let mut sum = vec![0.0; items.stride()];
        taken.iter().flatten().for_each(|item| add(&mut sum, items.row(item.index())));
        let squares = dot(self.factors.isa, &sum, &sum);
        let mut found =
            Direction { factors: &self.factors, along: 0.0, rest: vec![0.0; sum.len()], taken, p: sum };
        if squares > 0.0 {
            found.along = 1.0 / squares.sqrt();
            let sum = found.p.clone();
            found.p.iter_mut().for_each(|entry| *entry *= found.along);
            self.descend(&sum, &mut found);
        } else {
            found.taken.fill(None);
            found.p.fill(0.0);
            found.p[..self.factors.k()].copy_from_slice(&self.factors.prior.mean[..self.factors.k()]);
        }
        found
    }

    /// p stays a·s − r, with s the sum of what was taken: (6) is p ← ((1 − η′gᵀp)p + η′g)/l, g = s − push Σ q, η′ = η/√G and l the length.
    fn descend(&self, sum: &[f32], found: &mut Direction<'_>) {
        let Factors { isa, items, .. } = &self.factors;
        let push = self.knobs.push(found.taken.iter().flatten().count(), self.count);
        let margin = self.knobs.margin as f32;
        let mut cosines = vec![0.0; items.rows()];
        let mut squares = 0.0;
        for _ in 0..FOLD_IN_STEPS {
            dot_rows(*isa, &found.p, items.as_slice(), &mut cosines);
            let mut pushed = vec![0.0; sum.len()];
            for (item, _) in cosines.iter().enumerate().filter(|(_, cosine)| **cosine > margin) {
                add_scaled(&mut pushed, push, items.row(item));
            }
            let slope: Vec<f32> = sum.iter().zip(&pushed).map(|(sum, pushed)| sum - pushed).collect();
            let mut sideways = slope.clone();
            squares += across(*isa, &found.p, &mut sideways);
            if squares == 0.0 {
                return;
            }
            let by = FOLD_IN_RATE / squares.sqrt();
            let keep = (-by).mul_add(dot(*isa, &slope, &found.p), 1.0);
            add_scaled(&mut found.p, by, &sideways);
            let length = dot(*isa, &found.p, &found.p).sqrt();
            found.p.iter_mut().for_each(|entry| *entry /= length);
            found.along = keep.mul_add(found.along, by) / length;
            for (rest, pushed) in found.rest.iter_mut().zip(&pushed) {
                *rest = keep.mul_add(*rest, by * pushed) / length;
            }
        }
    }
}

/// Somebody new: p = a Σ q − r, over what was taken.
pub(super) struct Direction<'a> {
    factors: &'a Factors,
    /// What was taken of the history.
    taken: Vec<Option<Item>>,
    pub(super) p: Vec<f32>,
    /// a.
    along: f32,
    /// r, of which each item taken has the same part.
    rest: Vec<f32>,
}

impl Newcomer for Direction<'_> {
    fn score_all(&self, out: &mut [f32]) {
        self.factors.score_all(&self.p[..self.factors.k()], 0.0, out);
    }

    fn parts(&self, item: Item) -> Parts {
        let items = &self.factors.items;
        let with = |x: &[f32]| {
            let products = x.iter().zip(items.row(item.index())).map(|(&x, &q)| f64::from(x) * f64::from(q));
            products.sum::<f64>()
        };
        let taken = self.taken.iter().flatten().count();
        let rest = with(&self.rest) / taken.max(1) as f64;
        let share = |taken: &Option<Item>| {
            let all =
                taken.map_or(0.0, |taken| f64::from(self.along) * with(items.row(taken.index())) - rest);
            Share { all: all as f32, taste: all as f32 }
        };
        Parts {
            mean: 0.0,
            item_bias: self.factors.item_bias[item.index()],
            prior: if taken == 0 { with(&self.p) as f32 } else { 0.0 },
            shares: self.taken.iter().map(share).collect(),
        }
    }
}
