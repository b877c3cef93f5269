//! The normal distribution's functions for all chains at once, of additions, products, quotients and roots alone: the same bits everywhere.

use fearless_simd::{Select, Simd};

use super::lanes::Lanes;
use super::noise::{LN_2, ROUND, polynomial, split_log};

/// ln 2 in two parts, the first short enough that its product with a small whole number is exact.
pub(super) const LN_2_PARTS: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
/// eˣ for |x| ≤ ½ ln 2, the highest power first.
pub(super) const EXP: [f32; 7] = [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
/// With s = 1/(1 + z/2): erfc z = s·exp(P(s) − z²), to about 10⁻⁷ of itself. The highest power first.
///
/// W. H. Press et al., "Numerical recipes in C", second edition, section 6.2.
pub(super) const ERFC: [f32; 10] = [
    0.170_872_77,
    -0.822_152_2,
    1.488_515_9,
    -1.135_204,
    0.278_868_07,
    -0.186_288_06,
    0.096_784_18,
    0.374_091_96,
    1.000_023_7,
    -1.265_512_2,
];
/// Algorithm AS 241, PPND7: numerators and denominators near the middle, in the tails and far out; the highest power first.
///
/// M. J. Wichura, "The percentage points of the normal distribution", Applied Statistics 37(3), 1988.
pub(super) const MIDDLE: [[f32; 4]; 2] =
    [[59.109_375, 159.291_13, 50.434_27, 3.387_132_7], [67.187_56, 78.757_76, 17.895_17, 1.0]];
pub(super) const TAIL: [[f32; 4]; 2] =
    [[0.170_238_21, 1.306_728_5, 2.756_815_4, 1.423_437_3], [0.0, 0.120_211_33, 0.737_001_64, 1.0]];
pub(super) const FAR: [[f32; 4]; 2] =
    [[0.017_337_204, 0.428_682_94, 3.081_226_4, 6.657_905], [0.0, 0.012_258_203, 0.241_978_94, 1.0]];
/// Where the middle ends, and its square.
pub(super) const SPLIT: [f32; 2] = [0.425, 0.180_625];
/// The smallest probability that is told from none.
pub(super) const TINY: f32 = 1e-30;
/// 2¹⁰⁰, by which small numbers are brought above 1.
pub(super) const LIFT: f32 = 1.267_650_6e30;
pub(super) const DENSITY: f32 = 0.398_942_3;

/// eˣ, x taken as at most 87 from zero.
#[inline(always)]
pub(super) fn exp<S: Simd, V: Lanes<S>>(simd: S, x: V) -> V {
    let x = x.max_precise(V::splat(simd, -87.0)).min_precise(V::splat(simd, 87.0));
    let rounded = x.mul_add_precise(V::splat(simd, std::f32::consts::LOG2_E), V::splat(simd, ROUND));
    let n = rounded - V::splat(simd, ROUND);
    let y = n.mul_add_precise(V::splat(simd, -LN_2_PARTS[0]), x);
    let y = n.mul_add_precise(V::splat(simd, -LN_2_PARTS[1]), y);
    V::from_bits(polynomial(simd, EXP, y).to_bits() + (rounded.to_bits() << 23))
}

/// ln x for x from 10⁻³⁰ to 1.
#[inline(always)]
pub(super) fn log<S: Simd, V: Lanes<S>>(simd: S, x: V) -> V {
    let (exponent, log) = split_log(simd, x * V::splat(simd, LIFT));
    (exponent - V::splat(simd, 100.0)).mul_add_precise(V::splat(simd, LN_2), log)
}

/// φ(x).
#[inline(always)]
pub(super) fn density<S: Simd, V: Lanes<S>>(simd: S, x: V) -> V {
    V::splat(simd, DENSITY) * exp(simd, V::splat(simd, -0.5) * x * x)
}

/// Φ(x), below zero to about (1 + x²/10)·10⁻⁶ of itself.
#[inline(always)]
pub(super) fn cumulative<S: Simd, V: Lanes<S>>(simd: S, x: V) -> V {
    let one = V::splat(simd, 1.0);
    let z = x.max_precise(-x) * V::splat(simd, std::f32::consts::FRAC_1_SQRT_2);
    let s = one / z.mul_add_precise(V::splat(simd, 0.5), one);
    let tail = V::splat(simd, 0.5) * s * exp(simd, (-z).mul_add_precise(z, polynomial(simd, ERFC, s)));
    x.simd_lt(V::splat(simd, 0.0)).select(tail, one - tail)
}

/// Φ⁻¹(p) for p from 10⁻³⁰ to 1 − 2⁻²⁴.
#[inline(always)]
pub(super) fn quantile<S: Simd, V: Lanes<S>>(simd: S, p: V) -> V {
    let one = V::splat(simd, 1.0);
    let q = p - V::splat(simd, 0.5);
    let r = (-q).mul_add_precise(q, V::splat(simd, SPLIT[1]));
    let middle = q * polynomial(simd, MIDDLE[0], r) / polynomial(simd, MIDDLE[1], r);
    let below = q.simd_lt(V::splat(simd, 0.0));
    let tail = below.select(p, one - p).max_precise(V::splat(simd, TINY));
    let r = (-log::<S, V>(simd, tail)).sqrt();
    let near = r - V::splat(simd, 1.6);
    let near = polynomial(simd, TAIL[0], near) / polynomial(simd, TAIL[1], near);
    let far = r - V::splat(simd, 5.0);
    let far = polynomial(simd, FAR[0], far) / polynomial(simd, FAR[1], far);
    let outer = r.simd_lt(V::splat(simd, 5.0)).select(near, far);
    let outer = below.select(-outer, outer);
    q.max_precise(-q).simd_lt(V::splat(simd, SPLIT[0])).select(middle, outer)
}
