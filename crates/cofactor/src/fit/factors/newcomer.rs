//! Somebody who comes with a few ratings: folded in with everything else fixed, and what each rating adds.

use cofactor_kernels::{self as kernels, Link};

use super::Factors;
use super::prior::{cholesky, cholesky_solve};
use crate::data::ids::Item;
use crate::data::ratings::Row;
use crate::fit::model::{Newcomer, Parts, Share};

/// How many steps of Gauss and Newton a newcomer is given under a link that is not the identity: after so many, no small step leads lower.
const LINK_STEPS: usize = 6;

/// A user who is not in the model, made from a few ratings.
pub(super) struct FoldedUser<'a> {
    factors: &'a Factors,
    /// The user's vector p, and the bias last; k + 1 entries.
    place: Vec<f32>,
    /// For each rating of the history, what it added to the place. The prior's mean and these add up to it.
    influence: Vec<Vec<f32>>,
}

/// How uncertain a newcomer's ratings still are.
pub(crate) struct Uncertainty<'a> {
    factors: &'a Factors,
    /// The Cholesky factor of A = Σ q̃q̃ᵀ + Λ.
    normal: Vec<f64>,
    exists: Vec<bool>,
}

impl Uncertainty<'_> {
    /// q̃ᵀA⁻¹q̃: the variance of an item's expected rating, in units of that of the noise. Cost: O(k²).
    pub(crate) fn of(&self, item: Item) -> f64 {
        let q = self.factors.extended(item, &self.exists);
        let mut solved = q.clone();
        cholesky_solve(&self.normal, &mut solved);
        q.iter().zip(&solved).map(|(a, b)| a * b).sum()
    }
}

impl Factors {
    /// How uncertain a newcomer's ratings are after some of them. A link counts as the identity. Cost: O(|S|k² + k³).
    pub(crate) fn uncertainty(&self, history: Row<'_>) -> Uncertainty<'_> {
        let d = self.k() + 1;
        let exists: Vec<bool> = (0..d).map(|f| self.prior.exists(f)).collect();
        let mut normal = self.prior.normal_matrix();
        for &item in history.items {
            add_outer(&mut normal, &self.extended(item, &exists), 1.0);
        }
        cholesky(&mut normal, d);
        Uncertainty { factors: self, normal, exists }
    }

    /// q̃ = (q, 1), with zeros for the coordinates that do not exist.
    fn extended(&self, item: Item, exists: &[bool]) -> Vec<f64> {
        let q = self.items.entries(item.index()).iter().copied().chain([1.0]);
        q.zip(exists).map(|(entry, &exists)| if exists { f64::from(entry) } else { 0.0 }).collect()
    }

    /// A new user from a few ratings: the maximum of the posterior with Q fixed.
    ///
    /// With q̃ = (q, 1), prior mean π and precision Λ = σ²Σ⁻¹, and g′ the slope at each rating's z: one step of Gauss and Newton goes from p̃ to
    /// π + (Σ g′²q̃q̃ᵀ + Λ)⁻¹ Σ g′(r − g(z) + g′·q̃ᵀ(p̃ − π)) q̃, so each rating's share in the new p̃ is its own term of the last sum.
    /// The identity needs one step from π, the logistic link a few. Cost of a step: O(|S|k² + k³).
    pub(super) fn folded(&self, history: Row<'_>) -> FoldedUser<'_> {
        let mut folded = self.fold_step(history, &self.prior.mean);
        if self.link != Link::Identity {
            for _ in 1..LINK_STEPS {
                folded = self.fold_step(history, &folded.place);
            }
        }
        folded
    }

    fn fold_step(&self, history: Row<'_>, place: &[f32]) -> FoldedUser<'_> {
        let k = self.k();
        let exists: Vec<bool> = (0..=k).map(|f| self.prior.exists(f)).collect();
        let mut normal = self.prior.normal_matrix();
        let mut terms = Vec::with_capacity(history.len());
        for rated in history.iter() {
            let q = self.extended(rated.item, &exists);
            let (p, bias) = place.split_at(k);
            let z = self.linear(p, bias[0], rated.item);
            let slope = f64::from(self.link.slope(z));
            let moved: f64 =
                q.iter().zip(place).zip(&self.prior.mean).map(|((q, &p), &pi)| q * f64::from(p - pi)).sum();
            let residual = f64::from(rated.value - self.link.value(z)) + slope * moved;
            add_outer(&mut normal, &q, slope * slope);
            terms.push((q, slope * residual));
        }
        cholesky(&mut normal, k + 1);
        let influence: Vec<Vec<f32>> = terms
            .into_iter()
            .map(|(mut share, pull)| {
                for entry in &mut share {
                    *entry *= pull;
                }
                cholesky_solve(&normal, &mut share);
                share.into_iter().map(|entry| entry as f32).collect()
            })
            .collect();
        let mut place = self.prior.mean.clone();
        for share in &influence {
            for (entry, add) in place.iter_mut().zip(share) {
                *entry += add;
            }
        }
        FoldedUser { factors: self, place, influence }
    }

    /// z for a user's vector (k entries) and bias.
    fn linear(&self, factors: &[f32], bias: f32, item: Item) -> f32 {
        let product = kernels::dot(self.isa, &self.padded(factors), self.items.row(item.index()));
        self.mean + bias + self.item_bias[item.index()] + product
    }
}

/// Adds weight·qqᵀ to the lower triangle.
fn add_outer(normal: &mut [f64], q: &[f64], weight: f64) {
    for (row, &a) in q.iter().enumerate() {
        for (column, &b) in q[..=row].iter().enumerate() {
            normal[row * q.len() + column] += weight * a * b;
        }
    }
}

impl FoldedUser<'_> {
    /// What a part of the user's vector and bias (k entries, the bias last) adds to z for an item, and how much of it by the vector.
    fn part(&self, part: &[f32], item: Item) -> (f64, f64) {
        let (bias, vector) = part.split_last().expect("the bias is always there");
        let q = self.factors.items.entries(item.index());
        let taste = vector.iter().zip(q).map(|(&p, &q)| f64::from(p) * f64::from(q)).sum::<f64>();
        (taste + f64::from(*bias), taste)
    }
}

impl Newcomer for FoldedUser<'_> {
    fn score_all(&self, out: &mut [f32]) {
        let (bias, vector) = self.place.split_last().expect("the bias is always there");
        self.factors.score_all(vector, *bias, out);
    }

    /// Under a link, what the ratings add to z is told in units of the ratings by the slope of the secant from where the prior stands to where
    /// they lead, so that the parts still add up.
    fn parts(&self, item: Item) -> Parts {
        let Factors { link, mean, item_bias, .. } = self.factors;
        let item_level = mean + item_bias[item.index()];
        let prior_level = item_level + self.part(&self.factors.prior.mean, item).0 as f32;
        let shares: Vec<(f64, f64)> =
            self.influence.iter().map(|influence| self.part(influence, item)).collect();
        let moved: f64 = shares.iter().map(|(all, _)| all).sum();
        let rise = f64::from(link.value(prior_level + moved as f32) - link.value(prior_level));
        let slope = match link {
            Link::Identity => 1.0,
            Link::Logistic { .. } if moved.abs() < 1e-4 => f64::from(link.slope(prior_level)),
            Link::Logistic { .. } => rise / moved,
        };
        let told =
            |(all, taste): (f64, f64)| Share { all: (slope * all) as f32, taste: (slope * taste) as f32 };
        Parts {
            mean: link.value(*mean),
            item_bias: link.value(item_level) - link.value(*mean),
            prior: link.value(prior_level) - link.value(item_level),
            shares: shares.into_iter().map(told).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::factors::{Matrix, Prior};
    use cofactor_kernels::Isa;

    const STARS: Link = Link::Logistic { min: 1.0, range: 4.0 };

    /// Two users and four items with two factors.
    fn factors(link: Link) -> Factors {
        let users = Matrix::from_dense(2, 2, &[0.5, -0.2, 0.1, 0.9]);
        let counts = [3, 4];
        let user_bias = vec![0.1, -0.3];
        Factors {
            isa: Isa::detect(),
            link,
            mean: link.inverse(3.5),
            prior: Prior::of(&users, &user_bias, &counts, 0.7, true),
            users,
            items: Matrix::from_dense(4, 2, &[1.0, 0.3, -0.7, 0.4, 0.2, -1.1, 0.8, 0.8]),
            user_bias,
            item_bias: vec![0.2, -0.1, 0.0, 0.3],
            unseen_item: vec![0.0; 3],
        }
    }

    /// −2 log posterior of a user's vector and bias, up to a constant.
    fn energy(factors: &Factors, history: Row<'_>, place: &[f64]) -> f64 {
        let d = place.len();
        let off: Vec<f64> = place.iter().zip(&factors.prior.mean).map(|(p, &pi)| p - f64::from(pi)).collect();
        let penalty: f64 =
            (0..d * d).map(|at| off[at / d] * f64::from(factors.prior.precision[at]) * off[at % d]).sum();
        let place: Vec<f32> = place.iter().map(|&entry| entry as f32).collect();
        let residual = |rated: crate::data::ratings::Rated| {
            let z = factors.linear(&place[..d - 1], place[d - 1], rated.item);
            f64::from(rated.value - factors.link.value(z))
        };
        penalty + history.iter().map(|rated| residual(rated).powi(2)).sum::<f64>()
    }

    #[test]
    fn folding_in_ends_where_no_step_leads_lower() {
        let (items, values) = ([Item(0), Item(1), Item(3)], [5.0, 2.0, 4.0]);
        let history = Row::new(&items, &values);
        for link in [Link::Identity, STARS] {
            let factors = factors(link);
            let folded = factors.folded(history);
            let place: Vec<f64> = folded.place.iter().map(|&entry| f64::from(entry)).collect();
            let best = energy(&factors, history, &place);
            for coordinate in 0..place.len() {
                for step in [-0.05, 0.05] {
                    let mut moved = place.clone();
                    moved[coordinate] += step;
                    assert!(energy(&factors, history, &moved) > best, "{link:?} {coordinate} {step}");
                }
            }
        }
    }

    /// By Sherman and Morrison, v becomes v/(1 + v) once the item itself is rated; and no rating makes anything less certain.
    #[test]
    fn a_rating_takes_from_the_uncertainty_what_it_tells() {
        let factors = factors(Link::Identity);
        let (items, values) = ([Item(0), Item(3)], [5.0, 4.0]);
        let before = factors.uncertainty(Row::new(&items[..1], &values[..1]));
        let after = factors.uncertainty(Row::new(&items, &values));
        let (v, left) = (before.of(Item(3)), after.of(Item(3)));
        assert!(v > 0.0 && (left - v / (1.0 + v)).abs() < 1e-9 * v, "{v} {left}");
        assert!((0..4).map(Item).all(|item| after.of(item) <= before.of(item)));
    }

    #[test]
    fn a_link_comes_back_from_the_tensors() {
        for link in [Link::Identity, STARS] {
            assert_eq!(Factors::restore(factors(link).tensors()).unwrap().link, link);
        }
        let mut tensors = factors(STARS).tensors();
        tensors.insert("link", &[2], vec![1.0, 0.0]);
        assert!(Factors::restore(tensors).is_err());
    }
}
