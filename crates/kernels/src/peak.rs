//! The most that a thread can do, to hold the other kernels against.

use fearless_simd::{Simd, dispatch, f32x16, prelude::*};

use crate::dot::sum;
use crate::{Isa, LANES};

/// Runs fused multiply-adds of which none waits for another, on vectors that stay in registers. Returns how many operations these were, two for each multiply-add of a number, and what all came to: whoever takes the time
/// must look at it, or nothing need be computed.
pub fn fused(isa: Isa, rounds: u32) -> (u64, f32) {
    dispatch!(isa.0, simd => run(simd, rounds))
}

#[inline(always)]
fn run<S: Simd>(simd: S, rounds: u32) -> (u64, f32) {
    // As many chains as hide how long each step takes, in the registers that there are.
    if S::f32s::LEN == LANES { chains::<S, 12>(simd, rounds) } else { chains::<S, 5>(simd, rounds) }
}

/// C chains of x ← x/2 + 1, which come to 2.
#[inline(always)]
fn chains<S: Simd, const C: usize>(simd: S, rounds: u32) -> (u64, f32) {
    let (half, one) = (f32x16::splat(simd, 0.5), f32x16::splat(simd, 1.0));
    let mut chains = [one; C];
    for c in 0..C {
        chains[c] = f32x16::splat(simd, c as f32);
    }
    for _ in 0..rounds {
        for c in 0..C {
            chains[c] = half.mul_add_precise(chains[c], one);
        }
    }
    let mut total = 0.0;
    for c in 0..C {
        total += sum(simd, chains[c]);
    }
    (u64::from(rounds) * (2 * C * LANES) as u64, total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chain_comes_to_two() {
        for isa in Isa::all() {
            let (operations, total) = fused(isa, 100);
            assert_eq!(f64::from(total) * 100.0, operations as f64, "{}", isa.name());
        }
    }
}
