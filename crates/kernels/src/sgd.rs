//! One pass of stochastic gradient descent over a block of ratings.
//!
//! There are three loops: without biases, with biases, and a general one for all that costs time at each rating: a link, a penalty
//! that differs by row, rates that adapt.

use fearless_simd::{Simd, dispatch, f32x8, f32x16, prelude::*};

use crate::dot::{sum, sum_eight};
use crate::{Isa, LANES, Link, is_padded};

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

/// The step of the general pass: each row goes its own [`Pace`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PacedSgd {
    /// From the inner product to the rating.
    pub link: Link,
    /// μ, in the link's z.
    pub mean: f32,
    /// η for the factors.
    pub rate: f32,
    /// λ for the factors.
    pub reg: f32,
    /// η for the biases; 0 where the model has none.
    pub bias_rate: f32,
    /// λ for the biases.
    pub bias_reg: f32,
    /// Whether each row divides η by the root of the squares that it has gathered (Adagrad).
    pub adaptive: bool,
}

/// What the general pass keeps for a row beside its factors and its bias.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// What λ is multiplied by.
    pub weight: f32,
    /// The sum of the squared gradients of the factors, with what it starts from; above zero.
    pub squares: f32,
    /// The same of the bias.
    pub bias_squares: f32,
}

/// The rows that a block's entries point into. Rows are `stride` entries long.
pub struct Block<'a> {
    /// The users' factors.
    pub users: &'a mut [f32],
    /// The items' factors.
    pub items: &'a mut [f32],
    /// The users' and the items' biases, if the model has them.
    pub biases: Option<(&'a mut [f32], &'a mut [f32])>,
    /// The users' and the items' paces, for [`paced_sgd`].
    pub paces: Option<(&'a mut [Pace], &'a mut [Pace])>,
}

impl Block<'_> {
    /// The same rows, for one pass of several.
    pub fn reborrow(&mut self) -> Block<'_> {
        Block {
            users: self.users,
            items: self.items,
            biases: self.biases.as_mut().map(|(users, items)| (&mut **users, &mut **items)),
            paces: self.paces.as_mut().map(|(users, items)| (&mut **users, &mut **items)),
        }
    }
}

/// Moves the block's rows by each entry in turn; returns Σ e², each e taken before its own move. See [`crate::twin::sgd`].
///
/// # Panics
/// When an entry points outside the block, or the stride is not one that [`crate::padded`] gives.
pub fn sgd(isa: Isa, step: &Sgd, entries: &[Entry], stride: usize, block: Block<'_>) -> f64 {
    run(isa, stride, Uniform { step, entries, block })
}

/// [`sgd`] with a link, a penalty that differs by row, and rates that may adapt. See [`crate::twin::paced_sgd`].
///
/// # Panics
/// As [`sgd`], and when the block has no biases or no paces.
pub fn paced_sgd(isa: Isa, step: &PacedSgd, entries: &[Entry], stride: usize, block: Block<'_>) -> f64 {
    run(isa, stride, Paced { step, entries, block })
}

/// A loop over entries, written once for all instructions and lengths of rows.
trait Pass {
    fn over<S: Simd, R: Rows>(self, simd: S, rows: R) -> f64;
}

fn run(isa: Isa, stride: usize, pass: impl Pass) -> f64 {
    assert!(is_padded(stride), "rows are padded");
    // A stride known when compiling keeps a whole row in registers between its use and its move.
    match stride {
        8 => dispatch!(isa.0, simd => pass.over(simd, Eight)),
        16 => dispatch!(isa.0, simd => pass.over(simd, Sixteens::<1>)),
        32 => dispatch!(isa.0, simd => pass.over(simd, Sixteens::<2>)),
        64 => dispatch!(isa.0, simd => pass.over(simd, Sixteens::<4>)),
        128 => dispatch!(isa.0, simd => pass.over(simd, Sixteens::<8>)),
        _ => dispatch!(isa.0, simd => pass.over(simd, AnySixteens(stride))),
    }
}

struct Uniform<'a> {
    step: &'a Sgd,
    entries: &'a [Entry],
    block: Block<'a>,
}

impl Pass for Uniform<'_> {
    #[inline(always)]
    fn over<S: Simd, R: Rows>(self, simd: S, rows: R) -> f64 {
        let Self { step, entries, block } = self;
        match block.biases {
            None => plain_pass(simd, step, entries, rows, block.users, block.items),
            Some((user_bias, item_bias)) => {
                biased_pass(simd, step, entries, rows, block.users, block.items, user_bias, item_bias)
            }
        }
    }
}

struct Paced<'a> {
    step: &'a PacedSgd,
    entries: &'a [Entry],
    block: Block<'a>,
}

impl Pass for Paced<'_> {
    #[inline(always)]
    fn over<S: Simd, R: Rows>(self, simd: S, rows: R) -> f64 {
        paced_pass(simd, self.step, self.entries, rows, self.block)
    }
}

#[inline(always)]
fn plain_pass<S: Simd, R: Rows>(
    simd: S,
    step: &Sgd,
    entries: &[Entry],
    rows: R,
    users: &mut [f32],
    items: &mut [f32],
) -> f64 {
    let stride = rows.stride();
    let mut squares = 0.0;
    for entry in entries {
        let p = &mut users[entry.user as usize * stride..][..stride];
        let q = &mut items[entry.item as usize * stride..][..stride];
        let error = entry.value - step.mean - rows.product(simd, p, q);
        squares += f64::from(error * error);
        rows.advance(simd, &step.advance(error), p, q);
    }
    squares
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "an inlined loop over a block's five arrays")]
fn biased_pass<S: Simd, R: Rows>(
    simd: S,
    step: &Sgd,
    entries: &[Entry],
    rows: R,
    users: &mut [f32],
    items: &mut [f32],
    user_bias: &mut [f32],
    item_bias: &mut [f32],
) -> f64 {
    let stride = rows.stride();
    let mut squares = 0.0;
    for entry in entries {
        let (u, i) = (entry.user as usize, entry.item as usize);
        let p = &mut users[u * stride..][..stride];
        let q = &mut items[i * stride..][..stride];
        let (b_u, b_i) = (&mut user_bias[u], &mut item_bias[i]);
        let error = entry.value - step.mean - (*b_u + *b_i) - rows.product(simd, p, q);
        squares += f64::from(error * error);
        rows.advance(simd, &step.advance(error), p, q);
        let pull = step.bias_rate * error;
        *b_u = step.keep_bias.mul_add(*b_u, pull);
        *b_i = step.keep_bias.mul_add(*b_i, pull);
    }
    squares
}

#[inline(always)]
fn paced_pass<S: Simd, R: Rows>(
    simd: S,
    step: &PacedSgd,
    entries: &[Entry],
    rows: R,
    block: Block<'_>,
) -> f64 {
    let Block { users, items, biases: Some((user_bias, item_bias)), paces: Some((user_paces, item_paces)) } =
        block
    else {
        panic!("the general pass takes biases and paces");
    };
    let stride = rows.stride();
    let mut squares = 0.0;
    for entry in entries {
        let (u, i) = (entry.user as usize, entry.item as usize);
        let p = &mut users[u * stride..][..stride];
        let q = &mut items[i * stride..][..stride];
        let (b_u, b_i) = (&mut user_bias[u], &mut item_bias[i]);
        let (pace_u, pace_i) = (&mut user_paces[u], &mut item_paces[i]);
        let product = rows.product(simd, p, q);
        let (value, slope) = step.link.value_and_slope(step.mean + (*b_u + *b_i) + product);
        let error = entry.value - value;
        squares += f64::from(error * error);
        let pull = error * slope;
        let (user, item) = (step.of_row(pace_u), step.of_row(pace_i));
        if step.adaptive {
            let (p_square, q_square) = (rows.product(simd, p, p), rows.product(simd, q, q));
            pace_u.squares += user.square(pull, product, p_square, q_square);
            pace_i.squares += item.square(pull, product, q_square, p_square);
        }
        let advance = Advance {
            pull_user: user.rate * pull,
            pull_item: item.rate * pull,
            keep_user: user.keep(),
            keep_item: item.keep(),
        };
        rows.advance(simd, &advance, p, q);
        step.move_bias(b_u, pace_u, pull);
        step.move_bias(b_i, pace_i, pull);
    }
    squares
}

impl Sgd {
    #[inline(always)]
    fn advance(&self, error: f32) -> Advance {
        let pull = self.rate * error;
        Advance { pull_user: pull, pull_item: pull, keep_user: self.keep_user, keep_item: self.keep_item }
    }
}

/// η and λ of one row at one rating.
#[derive(Clone, Copy)]
struct RowStep {
    rate: f32,
    reg: f32,
}

impl RowStep {
    /// 1 − ηλ.
    #[inline(always)]
    fn keep(self) -> f32 {
        (-self.rate).mul_add(self.reg, 1.0)
    }

    /// ‖g·other − λ·own‖², multiplied out, so that it needs inner products alone.
    #[inline(always)]
    fn square(self, pull: f32, product: f32, own_square: f32, other_square: f32) -> f32 {
        let cross = (-2.0 * self.reg * pull).mul_add(product, self.reg * self.reg * own_square);
        (pull * pull).mul_add(other_square, cross).max(0.0)
    }
}

impl PacedSgd {
    #[inline(always)]
    fn of_row(&self, pace: &Pace) -> RowStep {
        let rate = if self.adaptive { self.rate / pace.squares.sqrt() } else { self.rate };
        RowStep { rate, reg: self.reg * pace.weight }
    }

    #[inline(always)]
    fn move_bias(&self, bias: &mut f32, pace: &mut Pace, pull: f32) {
        let reg = self.bias_reg * pace.weight;
        let downhill = (-reg).mul_add(*bias, pull);
        let rate = if self.adaptive { self.bias_rate / pace.bias_squares.sqrt() } else { self.bias_rate };
        *bias = rate.mul_add(downhill, *bias);
        if self.adaptive {
            pace.bias_squares = downhill.mul_add(downhill, pace.bias_squares);
        }
    }
}

/// How a pair of rows moves: p ← keep·p + pull·q and q ← keep·q + pull·p, both from the old values.
#[derive(Clone, Copy)]
struct Advance {
    pull_user: f32,
    pull_item: f32,
    keep_user: f32,
    keep_item: f32,
}

/// What is done with rows of one length.
trait Rows: Copy {
    fn stride(self) -> usize;
    /// pᵀq.
    fn product<S: Simd>(self, simd: S, p: &[f32], q: &[f32]) -> f32;
    fn advance<S: Simd>(self, simd: S, advance: &Advance, p: &mut [f32], q: &mut [f32]);
}

#[derive(Clone, Copy)]
struct Eight;

impl Rows for Eight {
    #[inline(always)]
    fn stride(self) -> usize {
        8
    }

    #[inline(always)]
    fn product<S: Simd>(self, simd: S, p: &[f32], q: &[f32]) -> f32 {
        sum_eight(simd, f32x8::from_slice(simd, p) * f32x8::from_slice(simd, q))
    }

    #[inline(always)]
    fn advance<S: Simd>(self, simd: S, advance: &Advance, p: &mut [f32], q: &mut [f32]) {
        let splat = |value| f32x8::splat(simd, value);
        let (a, b) = (f32x8::from_slice(simd, p), f32x8::from_slice(simd, q));
        a.mul_add_precise(splat(advance.keep_user), splat(advance.pull_user) * b).store_slice(p);
        b.mul_add_precise(splat(advance.keep_item), splat(advance.pull_item) * a).store_slice(q);
    }
}

/// Rows of 16·C entries.
#[derive(Clone, Copy)]
struct Sixteens<const C: usize>;

impl<const C: usize> Rows for Sixteens<C> {
    #[inline(always)]
    fn stride(self) -> usize {
        C * LANES
    }

    #[inline(always)]
    fn product<S: Simd>(self, simd: S, p: &[f32], q: &[f32]) -> f32 {
        let mut sums = f32x16::splat(simd, 0.0);
        for chunk in 0..C {
            let (a, b) = (&p[chunk * LANES..][..LANES], &q[chunk * LANES..][..LANES]);
            sums = f32x16::from_slice(simd, a).mul_add_precise(f32x16::from_slice(simd, b), sums);
        }
        sum(simd, sums)
    }

    #[inline(always)]
    fn advance<S: Simd>(self, simd: S, advance: &Advance, p: &mut [f32], q: &mut [f32]) {
        advance_sixteens(simd, advance, self.stride(), p, q);
    }
}

#[derive(Clone, Copy)]
struct AnySixteens(usize);

impl Rows for AnySixteens {
    #[inline(always)]
    fn stride(self) -> usize {
        self.0
    }

    #[inline(always)]
    fn product<S: Simd>(self, simd: S, p: &[f32], q: &[f32]) -> f32 {
        sum(simd, crate::dot::partial_sums(simd, p, q))
    }

    #[inline(always)]
    fn advance<S: Simd>(self, simd: S, advance: &Advance, p: &mut [f32], q: &mut [f32]) {
        advance_sixteens(simd, advance, self.stride(), p, q);
    }
}

/// By places rather than by iterators: each function of an iterator is one that the compiler may leave outside of the loop, and without
/// link-time optimization it does, at five times the cost of a rating.
#[inline(always)]
fn advance_sixteens<S: Simd>(simd: S, advance: &Advance, stride: usize, p: &mut [f32], q: &mut [f32]) {
    let splat = |value| f32x16::splat(simd, value);
    let (pull_user, pull_item) = (splat(advance.pull_user), splat(advance.pull_item));
    let (keep_user, keep_item) = (splat(advance.keep_user), splat(advance.keep_item));
    let mut at = 0;
    while at < stride {
        let (p, q) = (&mut p[at..at + LANES], &mut q[at..at + LANES]);
        let (a, b) = (f32x16::from_slice(simd, p), f32x16::from_slice(simd, q));
        a.mul_add_precise(keep_user, pull_user * b).store_slice(p);
        b.mul_add_precise(keep_item, pull_item * a).store_slice(q);
        at += LANES;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin;
    use proptest::prelude::*;

    const USERS: usize = 5;
    const ITEMS: usize = 3;

    /// Everything that a pass moves.
    #[derive(Clone)]
    struct State {
        users: Vec<f32>,
        items: Vec<f32>,
        user_bias: Vec<f32>,
        item_bias: Vec<f32>,
        user_paces: Vec<Pace>,
        item_paces: Vec<Pace>,
    }

    impl State {
        fn new(start: &[f32], stride: usize) -> Self {
            let pace = |row: usize| Pace { weight: 0.5 + row as f32, squares: 1.0, bias_squares: 2.0 };
            Self {
                users: start[..USERS * stride].to_vec(),
                items: start[USERS * stride..(USERS + ITEMS) * stride].to_vec(),
                user_bias: vec![0.1; USERS],
                item_bias: vec![0.2; ITEMS],
                user_paces: (0..USERS).map(pace).collect(),
                item_paces: (0..ITEMS).map(pace).collect(),
            }
        }

        fn block(&mut self, biased: bool) -> Block<'_> {
            Block {
                users: &mut self.users,
                items: &mut self.items,
                biases: biased.then_some((&mut self.user_bias[..], &mut self.item_bias[..])),
                paces: Some((&mut self.user_paces[..], &mut self.item_paces[..])),
            }
        }

        fn bits(&self) -> Vec<u32> {
            let factors = self.users.iter().chain(&self.items).chain(&self.user_bias).chain(&self.item_bias);
            let paces = self.user_paces.iter().chain(&self.item_paces);
            let paces = paces.flat_map(|pace| [pace.weight, pace.squares, pace.bias_squares]);
            factors.copied().chain(paces).map(f32::to_bits).collect()
        }
    }

    fn entries(ratings: Vec<(u16, u16, f32)>) -> Vec<Entry> {
        ratings.into_iter().map(|(user, item, value)| Entry { user, item, value }).collect()
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
            let entries = entries(ratings);
            let mut expected = State::new(&start, stride);
            let loss = twin::sgd(&step, &entries, stride, expected.block(biased));
            for isa in Isa::all() {
                let mut found = State::new(&start, stride);
                let found_loss = sgd(isa, &step, &entries, stride, found.block(biased));
                prop_assert_eq!(found_loss.to_bits(), loss.to_bits(), "{}", isa.name());
                prop_assert_eq!(found.bits(), expected.bits());
            }
        }

        #[test]
        fn the_general_pass_gives_the_bits_of_its_twin(
            k in 1_usize..144,
            start in proptest::collection::vec(-1.0_f32..1.0, 144 * 10),
            ratings in proptest::collection::vec((0_u16..5, 0_u16..3, 1.0_f32..5.0), 0..40),
            logistic in any::<bool>(),
            adaptive in any::<bool>(),
        ) {
            let stride = crate::padded(k);
            let link = if logistic { Link::Logistic { min: 1.0, range: 4.0 } } else { Link::Identity };
            let step = PacedSgd {
                link, mean: 0.3, rate: 0.01, reg: 0.07, bias_rate: 0.02, bias_reg: 0.05, adaptive,
            };
            let entries = entries(ratings);
            let mut expected = State::new(&start, stride);
            let loss = twin::paced_sgd(&step, &entries, stride, expected.block(true));
            for isa in Isa::all() {
                let mut found = State::new(&start, stride);
                let found_loss = paced_sgd(isa, &step, &entries, stride, found.block(true));
                prop_assert_eq!(found_loss.to_bits(), loss.to_bits(), "{}", isa.name());
                prop_assert_eq!(found.bits(), expected.bits());
            }
        }
    }
}
