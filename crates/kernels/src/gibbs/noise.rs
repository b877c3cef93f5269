//! Standard normal numbers that are keyed by what they are for: chain, sweep and column.
//!
//! Threefry-2x32 with 20 rounds makes two words of a key and a counter, additions, rotations and exclusive ors alone; Box and Muller make two normal numbers of
//! them. So the numbers of all chains are drawn side by side, and no order of work shows in them.
//!
//! J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
//! G. E. P. Box, M. E. Muller, "A note on the generation of random normal deviates", Annals of Mathematical Statistics 29(2), 1958.

use fearless_simd::{Simd, prelude::*};

use super::lanes::{Lanes, load};

/// Where a phase's normal numbers come from.
#[derive(Debug, Clone, Copy)]
pub struct Noise<'a> {
    /// The keys of the chains: the first words of all, then the second words.
    pub keys: &'a [u32],
    /// The second word of the counter: the sweep.
    pub sweep: u32,
    /// The first word of the counter for the columns 0 and 1; each pair of columns takes one.
    pub slot: u32,
}

pub(super) const ROTATIONS: [[u32; 4]; 2] = [[13, 15, 26, 6], [17, 29, 16, 24]];
pub(super) const PARITY: u32 = 0x1BD1_1BDA;
pub(super) const LN_2: f32 = std::f32::consts::LN_2;
/// The bits of √½.
pub(super) const SQRT_HALF: u32 = 0x3F35_04F3;
/// ln(1 + x) = x − x²/2 + x³·P(x) for √½ ≤ 1 + x < √2; the highest power first.
pub(super) const LN: [f32; 9] = [
    7.037_683_6e-2,
    -1.151_461e-1,
    1.167_699_9e-1,
    -1.242_014_1e-1,
    1.424_932_3e-1,
    -1.666_805_8e-1,
    2.000_071_5e-1,
    -2.499_999_4e-1,
    3.333_333e-1,
];
/// Added to a number below 2²², it leaves the nearest whole number in the last bits.
pub(super) const ROUND: f32 = 12_582_912.0;
/// sin(πx/2) = x·P(x²), the highest power first.
pub(super) const SIN: [f32; 5] =
    [1.604_411_8e-4, -4.681_754e-3, 7.969_262_6e-2, -6.459_641e-1, std::f32::consts::FRAC_PI_2];
/// cos(πx/2) = P(x²), the highest power first.
pub(super) const COS: [f32; 6] =
    [-2.520_204e-5, 9.192_603e-4, -2.086_348e-2, 2.536_695e-1, -1.233_700_6, 1.0];

/// Hands out the normal numbers of columns in increasing order, of which some may be left out.
pub(super) struct Normals<'a, V> {
    noise: Noise<'a>,
    pair: Option<u32>,
    second: V,
}

impl<'a, V> Normals<'a, V> {
    #[inline(always)]
    pub(super) fn new<S: Simd>(simd: S, noise: Noise<'a>) -> Self
    where
        V: Lanes<S>,
    {
        Self { noise, pair: None, second: V::splat(simd, 0.0) }
    }

    #[inline(always)]
    pub(super) fn of<S: Simd>(&mut self, simd: S, column: usize) -> V
    where
        V: Lanes<S>,
    {
        let pair = (column / 2) as u32;
        if !column.is_multiple_of(2) && self.pair == Some(pair) {
            return self.second;
        }
        let counter = self.noise.slot.wrapping_add(pair);
        let words = words::<S, V>(simd, self.noise.keys, [counter, self.noise.sweep]);
        let (first, second) = normals::<S, V>(simd, words);
        (self.pair, self.second) = (Some(pair), second);
        if column.is_multiple_of(2) { first } else { second }
    }
}

/// Threefry-2x32-20 of all chains' keys and one counter.
#[inline(always)]
pub(super) fn words<S: Simd, V: Lanes<S>>(simd: S, keys: &[u32], counter: [u32; 2]) -> [V::Bits; 2] {
    let (first, second) = keys.split_at(V::LEN);
    let key = [V::Bits::from_slice(simd, first), V::Bits::from_slice(simd, &second[..V::LEN])];
    let schedule = [key[0], key[1], key[0] ^ key[1] ^ V::Bits::splat(simd, PARITY)];
    let mut x = [key[0] + V::Bits::splat(simd, counter[0]), key[1] + V::Bits::splat(simd, counter[1])];
    for injection in 0..5 {
        for rotation in ROTATIONS[injection % 2] {
            x[0] += x[1];
            x[1] = ((x[1] << rotation) | (x[1] >> (32 - rotation))) ^ x[0];
        }
        x[0] += schedule[(injection + 1) % 3];
        x[1] += schedule[(injection + 2) % 3] + V::Bits::splat(simd, injection as u32 + 1);
    }
    x
}

/// Two independent normal numbers from two words.
///
/// With u = (2n + 1)/2²⁴ from the first 23 bits of one word and t from 24 bits of the other: √(−2 ln u)·(cos 2πt, sin 2πt).
#[inline(always)]
pub(super) fn normals<S: Simd, V: Lanes<S>>(simd: S, words: [V::Bits; 2]) -> (V, V) {
    let odd = ((words[0] >> 9) << 1) | V::Bits::splat(simd, 1);
    let (exponent, log) = split_log::<S, V>(simd, odd.to_float::<V>());
    let minus_log = (V::splat(simd, 24.0) - exponent).mul_add_precise(V::splat(simd, LN_2), -log);
    let radius = (minus_log + minus_log).sqrt();
    let turn = (words[1] >> 8).to_float::<V>() * V::splat(simd, 1.0 / 4_194_304.0);
    let rounded = turn + V::splat(simd, ROUND);
    let x = turn - (rounded - V::splat(simd, ROUND));
    let square = x * x;
    let sine = polynomial(simd, SIN, square) * x;
    let cosine = polynomial(simd, COS, square);
    // In odd quadrants sine and cosine change places; the sine is negative in the last two, the cosine in the middle two.
    let quadrant = rounded.to_bits();
    let one = V::Bits::splat(simd, 1);
    let two = V::Bits::splat(simd, 2);
    let swap = V::Bits::splat(simd, 0) - (quadrant & one);
    let (sine, cosine) = (sine.to_bits(), cosine.to_bits());
    let differ = (sine ^ cosine) & swap;
    let (sine, cosine) = (sine ^ differ, cosine ^ differ);
    let sine = V::from_bits(sine ^ ((quadrant & two) << 30));
    let cosine = V::from_bits(cosine ^ (((quadrant + one) & two) << 30));
    (radius * cosine, radius * sine)
}

/// For x ≥ 1 the whole number n and ln y with x = 2ⁿ·y and √½ ≤ y < √2.
#[inline(always)]
pub(super) fn split_log<S: Simd, V: Lanes<S>>(simd: S, x: V) -> (V, V) {
    let bits = x.to_bits();
    let exponent = (bits - V::Bits::splat(simd, SQRT_HALF)) >> 23;
    let y = V::from_bits(bits - (exponent << 23)) - V::splat(simd, 1.0);
    let square = y * y;
    let high = polynomial(simd, LN, y) * y * square;
    (exponent.to_float::<V>(), y + square.mul_add_precise(V::splat(simd, -0.5), high))
}

#[inline(always)]
pub(super) fn polynomial<S: Simd, V: Lanes<S>, const N: usize>(simd: S, coefficients: [f32; N], x: V) -> V {
    let mut value = V::splat(simd, coefficients[0]);
    for coefficient in &coefficients[1..] {
        value = value.mul_add_precise(x, V::splat(simd, *coefficient));
    }
    value
}

/// The posterior draw of one weight, θ: N(m, s²) with 1/s² = λ + α·Σh² and m = s²(λμ + α(θ·Σh² − Σhe)).
#[derive(Debug, Clone, Copy)]
pub struct Conditional<'a> {
    /// μ of each chain.
    pub mean: &'a [f32],
    /// λ of each chain.
    pub precision: &'a [f32],
    /// α of each chain.
    pub noise: &'a [f32],
}

/// [`Conditional`] in registers.
#[derive(Clone, Copy)]
pub(super) struct Prior<V> {
    pull: V,
    precision: V,
    noise: V,
}

impl<V> Prior<V> {
    #[inline(always)]
    pub(super) fn load<S: Simd>(simd: S, of: &Conditional<'_>) -> Self
    where
        V: Lanes<S>,
    {
        let precision = load::<S, V>(simd, of.precision, 0);
        Self { pull: precision * load::<S, V>(simd, of.mean, 0), precision, noise: load(simd, of.noise, 0) }
    }

    /// The new θ from the old one, Σh², Σhe and a standard normal number.
    #[inline(always)]
    pub(super) fn draw<S: Simd>(&self, simd: S, old: V, squares: V, product: V, normal: V) -> V
    where
        V: Lanes<S>,
    {
        let precision = self.noise.mul_add_precise(squares, self.precision);
        let variance = V::splat(simd, 1.0) / precision;
        let fit = old.mul_add_precise(squares, -product);
        let mean = variance * self.noise.mul_add_precise(fit, self.pull);
        variance.sqrt().mul_add_precise(normal, mean)
    }
}
