//! The best few of many, exactly.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// The first `n` of the admitted candidates by falling score, equal scores by index; a score that is no number never
/// counts. A heap of at most `n` keeps them: O(N log n), mostly one comparison each.
pub(crate) fn best<I: Ord + Copy>(
    n: usize,
    candidates: impl Iterator<Item = (I, f32)>,
    mut admitted: impl FnMut(I) -> bool,
) -> Vec<(I, f32)> {
    let mut heap: BinaryHeap<Reverse<Scored<I>>> = BinaryHeap::new();
    for (index, score) in candidates {
        let candidate = Scored { score, index };
        let full = heap.len() >= n;
        if score.is_nan() || full && heap.peek().is_none_or(|worst| candidate <= worst.0) || !admitted(index)
        {
            continue;
        }
        if full {
            heap.pop();
        }
        heap.push(Reverse(candidate));
    }
    heap.into_sorted_vec().into_iter().map(|Reverse(scored)| (scored.index, scored.score)).collect()
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
    use crate::data::ids::Item;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_head_of_the_sorted_list(
            scores in proptest::collection::vec(-3_i8..4, 0..60),
            n in 0_usize..70,
            modulus in 1_u32..4,
        ) {
            let candidates = || (0..).map(Item).zip(scores.iter().map(|&score| f32::from(score)));
            let admitted = |item: Item| item.0.is_multiple_of(modulus);
            let mut sorted: Vec<(Item, f32)> = candidates().filter(|&(item, _)| admitted(item)).collect();
            sorted.sort_by(|a, b| b.1.total_cmp(&a.1));
            sorted.truncate(n);
            prop_assert_eq!(best(n, candidates(), admitted), sorted);
        }
    }

    #[test]
    fn what_is_no_number_is_left_out() {
        let scores = [f32::NAN, 1.0, f32::NAN, f32::NEG_INFINITY];
        let listed = best(3, (0..).map(Item).zip(scores), |_| true);
        assert_eq!(listed, [(Item(1), 1.0), (Item(3), f32::NEG_INFINITY)]);
    }
}
