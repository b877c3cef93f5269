//! Lists whose items differ: maximal marginal relevance (Carbonell & Goldstein 1998).

use cofactor_kernels as kernels;

use crate::data::ids::Item;
use crate::error::{Error, Result};
use crate::fit::factors::Factors;

/// Refuses what is no share.
pub(super) fn check(diversity: f32) -> Result<()> {
    if (0.0..=1.0).contains(&diversity) {
        return Ok(());
    }
    Err(Error::parameter(
        "diversity",
        diversity,
        "a number from 0 to 1",
        "0 takes the best scores as they are",
    ))
}

/// `n` of the candidates, which stand in the order of their scores: each time the one with the largest (1 − δ)·s − δ·c, where s is its score as a share of the range of the candidates'
/// and c the largest cosine of its vector with one that is already chosen. Cost: O(nCk) for C candidates.
pub(super) fn choose(
    factors: &Factors,
    mut candidates: Vec<(Item, f32)>,
    n: usize,
    diversity: f32,
) -> Vec<(Item, f32)> {
    let (Some(&(_, highest)), Some(&(_, lowest))) = (candidates.first(), candidates.last()) else {
        return candidates;
    };
    let range = (highest - lowest).max(f32::MIN_POSITIVE);
    let mut nearest = vec![0.0_f32; candidates.len()];
    let mut chosen = Vec::with_capacity(n.min(candidates.len()));
    while chosen.len() < n && !candidates.is_empty() {
        let worth = |place: usize| {
            (1.0 - diversity) * (candidates[place].1 - lowest) / range - diversity * nearest[place]
        };
        // The first of equals, which has the higher score.
        let best = (1..candidates.len())
            .fold(0, |best, place| if worth(place) > worth(best) { place } else { best });
        let (item, score) = candidates.remove(best);
        nearest.remove(best);
        for (nearest, (other, _)) in nearest.iter_mut().zip(&candidates) {
            *nearest = nearest.max(cosine(factors, item, *other));
        }
        chosen.push((item, score));
    }
    chosen
}

/// The cosine of two items' vectors; 0 where one is all zeros.
fn cosine(factors: &Factors, a: Item, b: Item) -> f32 {
    let (a, b) = (factors.items.row(a.index()), factors.items.row(b.index()));
    let dot = |a: &[f32], b: &[f32]| kernels::dot(factors.isa, a, b);
    let length = (dot(a, a) * dot(b, b)).sqrt();
    if length > 0.0 { dot(a, b) / length } else { 0.0 }
}
