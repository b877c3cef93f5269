//! The best few of many, exactly.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::data::ids::Item;

/// The first `n` of the admitted candidates by falling score, equal scores by index; a score that is no number never
/// counts. A heap of at most `n` keeps them: O(N log n), mostly one comparison each.
pub(crate) fn best<I: Ord + Copy>(
    n: usize,
    candidates: impl Iterator<Item = (I, f32)>,
    mut admitted: impl FnMut(I) -> bool,
) -> Vec<(I, f32)> {
    let mut top = Top::new(n);
    for (index, score) in candidates {
        if score >= top.least {
            top.offer(index, score, &mut admitted);
        }
    }
    top.sorted()
}

/// So many scores are compared at once.
const TOGETHER: usize = 32;

/// The same where the candidates are all items, in their order: most of them are passed over many at a time.
pub(crate) fn best_items(
    n: usize,
    scores: &[f32],
    mut admitted: impl FnMut(Item) -> bool,
) -> Vec<(Item, f32)> {
    let mut top = Top::new(n);
    for (first, scores) in (0..).step_by(TOGETHER).zip(scores.chunks(TOGETHER)) {
        if scores.iter().filter(|&&score| score >= top.least).count() == 0 {
            continue;
        }
        for (index, &score) in (first..).zip(scores) {
            if score >= top.least {
                top.offer(Item(index), score, &mut admitted);
            }
        }
    }
    top.sorted()
}

/// The best so far.
struct Top<I> {
    n: usize,
    heap: BinaryHeap<Reverse<Scored<I>>>,
    /// What is below need not be offered.
    least: f32,
}

impl<I: Ord + Copy> Top<I> {
    fn new(n: usize) -> Self {
        let least = if n == 0 { f32::NAN } else { f32::NEG_INFINITY };
        Self { n, heap: BinaryHeap::new(), least }
    }

    /// Takes a score that has reached [`Self::least`], if it is better than the worst of a full list and admitted.
    fn offer(&mut self, index: I, score: f32, admitted: &mut impl FnMut(I) -> bool) {
        let candidate = Scored { score, index };
        let full = self.heap.len() >= self.n;
        if full && self.heap.peek().is_none_or(|worst| candidate <= worst.0) || !admitted(index) {
            return;
        }
        if full {
            self.heap.pop();
        }
        self.heap.push(Reverse(candidate));
        if self.heap.len() >= self.n
            && let Some(Reverse(worst)) = self.heap.peek()
        {
            self.least = worst.score;
        }
    }

    fn sorted(self) -> Vec<(I, f32)> {
        self.heap.into_sorted_vec().into_iter().map(|Reverse(scored)| (scored.index, scored.score)).collect()
    }
}

/// Greater is better.
struct Scored<I> {
    score: f32,
    index: I,
}

impl<I: Ord> Ord for Scored<I> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then(other.index.cmp(&self.index))
    }
}

impl<I: Ord> PartialOrd for Scored<I> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<I: Ord> PartialEq for Scored<I> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<I: Ord> Eq for Scored<I> {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_head_of_the_sorted_list(
            scores in proptest::collection::vec(-3_i8..4, 0..160),
            n in 0_usize..70,
            modulus in 1_u32..4,
        ) {
            let candidates = || (0..).map(Item).zip(scores.iter().map(|&score| f32::from(score)));
            let admitted = |item: Item| item.0.is_multiple_of(modulus);
            let mut sorted: Vec<(Item, f32)> = candidates().filter(|&(item, _)| admitted(item)).collect();
            sorted.sort_by(|a, b| b.1.total_cmp(&a.1));
            sorted.truncate(n);
            prop_assert_eq!(&best(n, candidates(), admitted), &sorted);
            let scores: Vec<f32> = candidates().map(|(_, score)| score).collect();
            prop_assert_eq!(best_items(n, &scores, admitted), sorted);
        }
    }

    #[test]
    fn what_is_no_number_is_left_out() {
        let scores = [f32::NAN, 1.0, f32::NAN, f32::NEG_INFINITY];
        let listed = best(3, (0..).map(Item).zip(scores), |_| true);
        assert_eq!(listed, [(Item(1), 1.0), (Item(3), f32::NEG_INFINITY)]);
        assert_eq!(best_items(3, &scores, |_| true), listed);
    }
}
