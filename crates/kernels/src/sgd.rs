//! One pass of stochastic gradient descent over a block of ratings.

use fearless_simd::{Simd, dispatch, f32x8, f32x16, prelude::*};

use crate::dot::{sum, sum_eight};
use crate::{Isa, LANES, is_padded};

/// One rating of a block, by its place in the block. 8 bytes, so that the stream of ratings costs little bandwidth.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub struct Entry {
    /// The user's row in the block.
    pub user: u16,
    /// The item's row in the block.
    pub item: u16,
    /// The rating.
    pub value: f32,
}

/// The step: learning rate η and L2 weights λ, in the form in which they are applied.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    /// μ, subtracted from each rating.
    pub mean: f32,
    /// η for the factors.
    pub rate: f32,
    /// 1 − ηλ for users' factors.
    pub keep_user: f32,
    /// 1 − ηλ for items' factors.
    pub keep_item: f32,
    /// η for the biases.
    pub bias_rate: f32,
    /// 1 − ηλ for the biases.
    pub keep_bias: f32,
}

/// The rows that a block's entries point into. Rows are `stride` entries long.
pub struct Block<'a> {
    /// The users' factors.
    pub users: &'a mut [f32],
    /// The items' factors.
    pub items: &'a mut [f32],
    /// The users' and the items' biases, if the model has them.
    pub biases: Option<(&'a mut [f32], &'a mut [f32])>,
}

/// Moves the block's rows by each entry in turn; returns Σ e², each e taken before its own move. See [`crate::twin::sgd`].
///
/// # Panics
/// When an entry points outside the block, or the stride is not one that [`crate::padded`] gives.
pub fn sgd(isa: Isa, step: &Sgd, entries: &[Entry], stride: usize, block: Block<'_>) -> f64 {
    assert!(is_padded(stride), "rows are padded");
    // A stride known when compiling keeps a whole row in registers between its use and its move.
    match stride {
        8 => dispatch!(isa.0, simd => pass(simd, step, entries, Eight, block)),
        16 => dispatch!(isa.0, simd => pass(simd, step, entries, Sixteens::<1>, block)),
        32 => dispatch!(isa.0, simd => pass(simd, step, entries, Sixteens::<2>, block)),
        64 => dispatch!(isa.0, simd => pass(simd, step, entries, Sixteens::<4>, block)),
        128 => dispatch!(isa.0, simd => pass(simd, step, entries, Sixteens::<8>, block)),
        _ => dispatch!(isa.0, simd => pass(simd, step, entries, AnySixteens(stride), block)),
    }
}

#[inline(always)]
fn pass<S: Simd, R: RowStep>(simd: S, step: &Sgd, entries: &[Entry], row: R, block: Block<'_>) -> f64 {
    match block.biases {
        None => plain_pass(simd, step, entries, row, block.users, block.items),
        Some((user_bias, item_bias)) => {
            biased_pass(simd, step, entries, row, block.users, block.items, user_bias, item_bias)
        }
    }
}

#[inline(always)]
fn plain_pass<S: Simd, R: RowStep>(
    simd: S,
    step: &Sgd,
    entries: &[Entry],
    row: R,
    users: &mut [f32],
    items: &mut [f32],
) -> f64 {
    let stride = row.stride();
    let mut squares = 0.0;
    for entry in entries {
        let p = &mut users[entry.user as usize * stride..][..stride];
        let q = &mut items[entry.item as usize * stride..][..stride];
        let error = row.step(simd, step, p, q, entry.value - step.mean);
        squares += f64::from(error * error);
    }
    squares
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "an inlined loop over a block's five arrays")]
fn biased_pass<S: Simd, R: RowStep>(
    simd: S,
    step: &Sgd,
    entries: &[Entry],
    row: R,
    users: &mut [f32],
    items: &mut [f32],
    user_bias: &mut [f32],
    item_bias: &mut [f32],
) -> f64 {
    let stride = row.stride();
    let mut squares = 0.0;
    for entry in entries {
        let (u, i) = (entry.user as usize, entry.item as usize);
        let p = &mut users[u * stride..][..stride];
        let q = &mut items[i * stride..][..stride];
        let (b_u, b_i) = (&mut user_bias[u], &mut item_bias[i]);
        let residual = entry.value - step.mean - (*b_u + *b_i);
        let error = row.step(simd, step, p, q, residual);
        squares += f64::from(error * error);
        let pull = step.bias_rate * error;
        *b_u = step.keep_bias.mul_add(*b_u, pull);
        *b_i = step.keep_bias.mul_add(*b_i, pull);
    }
    squares
}

/// The move of one pair of rows, for one length of row.
trait RowStep: Copy {
    fn stride(self) -> usize;
    /// Moves p and q towards the residual; returns e = residual − pᵀq as it was before.
    fn step<S: Simd>(self, simd: S, step: &Sgd, p: &mut [f32], q: &mut [f32], residual: f32) -> f32;
}

#[derive(Clone, Copy)]
struct Eight;

impl RowStep for Eight {
    #[inline(always)]
    fn stride(self) -> usize {
        8
    }

    #[inline(always)]
    fn step<S: Simd>(self, simd: S, step: &Sgd, p: &mut [f32], q: &mut [f32], residual: f32) -> f32 {
        let (a, b) = (f32x8::from_slice(simd, p), f32x8::from_slice(simd, q));
        let error = residual - sum_eight(simd, a * b);
        let pull = f32x8::splat(simd, step.rate * error);
        a.mul_add_precise(f32x8::splat(simd, step.keep_user), pull * b).store_slice(p);
        b.mul_add_precise(f32x8::splat(simd, step.keep_item), pull * a).store_slice(q);
        error
    }
}

/// Rows of 16·C entries.
#[derive(Clone, Copy)]
struct Sixteens<const C: usize>;

impl<const C: usize> RowStep for Sixteens<C> {
    #[inline(always)]
    fn stride(self) -> usize {
        C * LANES
    }

    #[inline(always)]
    fn step<S: Simd>(self, simd: S, step: &Sgd, p: &mut [f32], q: &mut [f32], residual: f32) -> f32 {
        let mut sums = f32x16::splat(simd, 0.0);
        for chunk in 0..C {
            let (a, b) = (&p[chunk * LANES..][..LANES], &q[chunk * LANES..][..LANES]);
            sums = f32x16::from_slice(simd, a).mul_add_precise(f32x16::from_slice(simd, b), sums);
        }
        let error = residual - sum(simd, sums);
        move_rows(simd, step, error, p, q);
        error
    }
}

#[derive(Clone, Copy)]
struct AnySixteens(usize);

impl RowStep for AnySixteens {
    #[inline(always)]
    fn stride(self) -> usize {
        self.0
    }

    #[inline(always)]
    fn step<S: Simd>(self, simd: S, step: &Sgd, p: &mut [f32], q: &mut [f32], residual: f32) -> f32 {
        let error = residual - sum(simd, crate::dot::partial_sums(simd, p, q));
        move_rows(simd, step, error, p, q);
        error
    }
}

/// p ← keep·p + ηe·q and q ← keep·q + ηe·p, both from the old values.
#[inline(always)]
fn move_rows<S: Simd>(simd: S, step: &Sgd, error: f32, p: &mut [f32], q: &mut [f32]) {
    let pull = step.rate * error;
    let (pulls, keep_user, keep_item) =
        (f32x16::splat(simd, pull), f32x16::splat(simd, step.keep_user), f32x16::splat(simd, step.keep_item));
    for (p, q) in p.chunks_exact_mut(LANES).zip(q.chunks_exact_mut(LANES)) {
        let (a, b) = (f32x16::from_slice(simd, p), f32x16::from_slice(simd, q));
        a.mul_add_precise(keep_user, pulls * b).store_slice(p);
        b.mul_add_precise(keep_item, pulls * a).store_slice(q);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin;
    use proptest::prelude::*;

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    proptest! {
        #[test]
        fn every_instruction_set_gives_the_bits_of_the_twin(
            k in 1_usize..144,
            start in proptest::collection::vec(-1.0_f32..1.0, 144 * 10),
            ratings in proptest::collection::vec((0_u16..5, 0_u16..3, 1.0_f32..5.0), 0..40),
            biased in any::<bool>(),
        ) {
            let stride = crate::padded(k);
            let step = Sgd {
                mean: 3.0, rate: 0.01, keep_user: 0.999, keep_item: 0.998, bias_rate: 0.02, keep_bias: 0.99,
            };
            let entries: Vec<Entry> =
                ratings.into_iter().map(|(user, item, value)| Entry { user, item, value }).collect();
            let fresh = || {
                (start[..5 * stride].to_vec(), start[5 * stride..8 * stride].to_vec(), vec![0.1; 5], vec![0.2; 3])
            };
            let (mut p, mut q, mut b_u, mut b_i) = fresh();
            let biases = biased.then_some((&mut b_u[..], &mut b_i[..]));
            let expected = twin::sgd(&step, &entries, stride, &mut p, &mut q, biases);
            for isa in Isa::all() {
                let (mut p2, mut q2, mut b_u2, mut b_i2) = fresh();
                let biases = biased.then_some((&mut b_u2[..], &mut b_i2[..]));
                let found = sgd(isa, &step, &entries, stride, Block { users: &mut p2, items: &mut q2, biases });
                prop_assert_eq!(found.to_bits(), expected.to_bits(), "{}", isa.name());
                prop_assert_eq!(bits(&p2), bits(&p));
                prop_assert_eq!(bits(&q2), bits(&q));
                prop_assert_eq!(bits(&b_u2), bits(&b_u));
                prop_assert_eq!(bits(&b_i2), bits(&b_i));
            }
        }
    }
}
