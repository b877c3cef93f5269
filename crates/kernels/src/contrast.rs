//! One pass of stochastic gradient descent over triples: a user, an item that the user took, and one that the user did not take.

use fearless_simd::{Simd, dispatch, f32x8, f32x16};

use crate::row::Lanes;
use crate::{Isa, is_padded, sigmoid};

/// The step: learning rate, penalty, and how hard a triple pulls.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contrast<'a> {
    /// η.
    pub rate: f32,
    /// What is kept of each vector and bias, 1 − ηλ.
    pub keep: f32,
    /// How hard a triple pulls.
    pub pull: Pull<'a>,
}

/// How hard a triple pulls, by its lead x_ui − x_uj.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pull<'a> {
    /// By σ(−x): each triple, less and less as the lead grows.
    Logistic,
    /// Only where the lead is below the margin: items are drawn until it is, and the triple pulls by the weight of the number of draws.
    Violation {
        /// How far ahead the item that was taken should be.
        margin: f32,
        /// The weight of one draw, of two, and so on; after as many draws in vain nothing moves.
        weights: &'a [f32],
    },
}

/// The rows that a pass moves, by their places.
pub struct Contrasted<'a> {
    /// The users' factors.
    pub users: &'a mut [f32],
    /// The items' factors.
    pub items: &'a mut [f32],
    /// The items' biases.
    pub item_bias: &'a mut [f32],
}

/// Where triples come from.
pub trait Triples {
    /// The next user and an item that they took; `None` at the end.
    fn pair(&mut self) -> Option<(u32, u32)>;

    /// An item that this user did not take; `None` if there is none to be found, and then the pair is passed over.
    fn other(&mut self, user: u32) -> Option<u32>;
}

/// Moves the rows by each triple in turn, all three from where they stood; returns the sum of the pulls. See [`crate::twin::contrast`].
///
/// # Panics
/// When a place is outside the rows, or the stride is not one that [`crate::padded`] gives.
pub fn contrast(
    isa: Isa,
    step: &Contrast<'_>,
    stride: usize,
    triples: &mut dyn Triples,
    rows: Contrasted<'_>,
) -> f64 {
    assert!(is_padded(stride), "rows are padded");
    // A stride known when compiling keeps a whole row in registers between its use and its move.
    match stride {
        8 => dispatch!(isa.0, s => pass::<_, f32x8<_>, 1>(s, step, stride, triples, rows)),
        16 => dispatch!(isa.0, s => pass::<_, f32x16<_>, 1>(s, step, stride, triples, rows)),
        32 => dispatch!(isa.0, s => pass::<_, f32x16<_>, 2>(s, step, stride, triples, rows)),
        64 => dispatch!(isa.0, s => pass::<_, f32x16<_>, 4>(s, step, stride, triples, rows)),
        128 => dispatch!(isa.0, s => pass::<_, f32x16<_>, 8>(s, step, stride, triples, rows)),
        _ => dispatch!(isa.0, s => pass::<_, f32x16<_>, ANY>(s, step, stride, triples, rows)),
    }
}

/// The stride is not known when compiling.
const ANY: usize = 0;

/// The pass over rows of `CHUNKS` vectors.
#[inline(always)]
fn pass<S: Simd, V: Lanes<S>, const CHUNKS: usize>(
    simd: S,
    step: &Contrast<'_>,
    stride: usize,
    triples: &mut dyn Triples,
    rows: Contrasted<'_>,
) -> f64 {
    let stride = if CHUNKS == ANY { stride } else { CHUNKS * V::LEN };
    let Contrasted { users, items, item_bias } = rows;
    let mut pulls = 0.0;
    while let Some((user, taken)) = triples.pair() {
        let p = &mut users[user as usize * stride..][..stride];
        let taken = taken as usize;
        let score = item_bias[taken] + product::<S, V>(simd, p, &items[taken * stride..][..stride]);
        let found = match step.pull {
            Pull::Logistic => triples.other(user).map(|other| {
                let other = other as usize;
                let lead =
                    score - (item_bias[other] + product::<S, V>(simd, p, &items[other * stride..][..stride]));
                (other, sigmoid(-lead))
            }),
            Pull::Violation { margin, weights } => {
                let mut found = None;
                for &weight in weights {
                    let Some(other) = triples.other(user) else { break };
                    let other = other as usize;
                    let lead = score
                        - (item_bias[other] + product::<S, V>(simd, p, &items[other * stride..][..stride]));
                    // What is not a number pulls too, and is then noticed.
                    if lead.is_nan() || lead < margin {
                        found = Some((other, if lead.is_nan() { lead } else { weight }));
                        break;
                    }
                }
                found
            }
        };
        let Some((other, pull)) = found else { continue };
        pulls += f64::from(pull);
        let by = step.rate * pull;
        item_bias[taken] = step.keep.mul_add(item_bias[taken], by);
        item_bias[other] = step.keep.mul_add(item_bias[other], -by);
        let (keep, up, down) = (V::splat(simd, step.keep), V::splat(simd, by), V::splat(simd, -by));
        let mut at = 0;
        while at < stride {
            let a = V::from_slice(simd, &p[at..][..V::LEN]);
            let b = V::from_slice(simd, &items[taken * stride + at..][..V::LEN]);
            let c = V::from_slice(simd, &items[other * stride + at..][..V::LEN]);
            a.mul_add_precise(keep, up * (b - c)).store_slice(&mut p[at..][..V::LEN]);
            b.mul_add_precise(keep, up * a).store_slice(&mut items[taken * stride + at..][..V::LEN]);
            c.mul_add_precise(keep, down * a).store_slice(&mut items[other * stride + at..][..V::LEN]);
            at += V::LEN;
        }
    }
    pulls
}

#[inline(always)]
fn product<S: Simd, V: Lanes<S>>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let mut sums = V::splat(simd, 0.0);
    let mut at = 0;
    while at < a.len() {
        let (a, b) = (V::from_slice(simd, &a[at..][..V::LEN]), V::from_slice(simd, &b[at..][..V::LEN]));
        sums = a.mul_add_precise(b, sums);
        at += V::LEN;
    }
    sums.total(simd)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin;
    use proptest::prelude::*;

    const USERS: usize = 4;
    const ITEMS: usize = 6;

    /// Users take even items, and odd ones are what they are compared with.
    struct Given {
        pairs: Vec<(u32, u32)>,
        others: Vec<u32>,
        at: usize,
    }

    impl Triples for Given {
        fn pair(&mut self) -> Option<(u32, u32)> {
            self.pairs.pop()
        }

        fn other(&mut self, user: u32) -> Option<u32> {
            self.at += 1;
            (user != 3 || !self.at.is_multiple_of(4)).then(|| self.others[self.at % self.others.len()])
        }
    }

    proptest! {
        #[test]
        fn every_instruction_set_gives_the_bits_of_the_twin(
            k in 1_usize..144,
            start in proptest::collection::vec(-1.0_f32..1.0, 144 * (USERS + ITEMS)),
            pairs in proptest::collection::vec((0_u32..4, (0_u32..3).prop_map(|half| 2 * half)), 0..40),
            others in proptest::collection::vec((0_u32..3).prop_map(|half| 2 * half + 1), 1..9),
            violation in any::<bool>(),
        ) {
            let stride = crate::padded(k);
            let pull = if violation { Pull::Violation { margin: 1.0, weights: &[3.0, 1.5, 1.0] } } else { Pull::Logistic };
            let step = Contrast { rate: 0.02, keep: 0.99, pull };
            let after = |pass: &dyn Fn(&mut dyn Triples, Contrasted<'_>) -> f64| {
                let mut users = start[..USERS * stride].to_vec();
                let mut items = start[USERS * stride..(USERS + ITEMS) * stride].to_vec();
                let mut item_bias = vec![0.1; ITEMS];
                let mut given = Given { pairs: pairs.clone(), others: others.clone(), at: 0 };
                let rows = Contrasted { users: &mut users, items: &mut items, item_bias: &mut item_bias };
                let pulls = pass(&mut given, rows);
                let bits: Vec<u32> =
                    users.iter().chain(&items).chain(&item_bias).map(|entry| entry.to_bits()).collect();
                (pulls.to_bits(), bits)
            };
            let expected = after(&|triples, rows| twin::contrast(&step, stride, triples, rows));
            for isa in Isa::all() {
                let found = after(&|triples, rows| contrast(isa, &step, stride, triples, rows));
                prop_assert!(found == expected, "{}", isa.name());
            }
        }
    }
}
