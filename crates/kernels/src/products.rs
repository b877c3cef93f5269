//! The inner products of many vectors with many others, in tiles whose results are looked at while they are in registers.

use fearless_simd::{Simd, dispatch, f32x16, prelude::*};

use crate::{Isa, LANES, Lanes};

/// Vectors of k coordinates in groups of 16: the coordinates of a group stand together, 16 at a time, after a level for each vector.
///
/// The last group is filled up with zeros, of level −∞. Memory: 4(k + 1) bytes a vector, of whole groups.
#[derive(Debug, Clone)]
pub struct Packed {
    k: usize,
    len: usize,
    lanes: Vec<Lanes>,
}

impl Packed {
    /// `len` vectors; `entries` gives the first k coordinates of one and `level` what is added to its products, in the order of the vectors.
    ///
    /// # Panics
    /// When `entries` gives fewer than k coordinates.
    pub fn new<'a>(
        k: usize,
        len: usize,
        entries: impl Fn(usize) -> &'a [f32],
        level: impl Fn(usize) -> f32,
    ) -> Self {
        let mut lanes = vec![Lanes::ZERO; len.div_ceil(LANES) * (k + 1)];
        for (group, lanes) in lanes.chunks_exact_mut(k + 1).enumerate() {
            for lane in 0..LANES {
                let vector = group * LANES + lane;
                if vector >= len {
                    lanes[0].0[lane] = f32::NEG_INFINITY;
                    continue;
                }
                lanes[0].0[lane] = level(vector);
                for (coordinate, &entry) in entries(vector)[..k].iter().enumerate() {
                    lanes[1 + coordinate].0[lane] = entry;
                }
            }
        }
        Self { k, len, lanes }
    }

    /// How many vectors.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn groups(&self) -> usize {
        self.len.div_ceil(LANES)
    }

    /// The levels of a group, and then its coordinates.
    fn group(&self, group: usize) -> &[Lanes] {
        &self.lanes[group * (self.k + 1)..][..=self.k]
    }
}

/// Pairs of a vector on the left and one on the right that are passed over. Memory: a bit for each pair of a whole group on either side.
#[derive(Debug, Clone)]
pub struct Skipped {
    /// How many groups of 16 there are on the right.
    groups: usize,
    bits: Vec<u16>,
}

impl Skipped {
    /// None of the pairs.
    pub fn none(left: usize, right: usize) -> Self {
        let groups = right.div_ceil(LANES);
        Self { groups, bits: vec![0; left.next_multiple_of(LANES) * groups] }
    }

    /// Passes over a pair.
    pub fn skip(&mut self, left: usize, right: usize) {
        self.bits[left * self.groups + right / LANES] |= 1 << (right % LANES);
    }
}

/// What [`products_above`] tells: the place on the left, the place of the first of 16 vectors on the right, a bit for each of these that counts, and the 16 products. Returns
/// the left one's new threshold.
pub type Found<'a> = dyn FnMut(usize, usize, u32, &[f32; LANES]) -> f32 + 'a;

/// Tells of each product of a vector on the left with one on the right, its level added, that reaches the left one's threshold: level + Σ_l left_l·right_l, summed in
/// the order of l with fused multiply-add. See [`crate::twin::leveled_product`].
///
/// Those count that reach the threshold and are not skipped. Each pair is looked at once, for each left one in the order of those on the right. The left ones' levels are not used.
///
/// # Panics
/// When the two have vectors of different lengths, or there is not one threshold for each vector on the left, or `skipped` is of other sizes.
pub fn products_above(
    isa: Isa,
    left: &Packed,
    right: &Packed,
    skipped: &Skipped,
    thresholds: &mut [f32],
    found: &mut Found<'_>,
) {
    assert_eq!(thresholds.len(), left.len, "one threshold for each vector on the left");
    let sizes = (skipped.groups, skipped.bits.len());
    let rows = left.groups() * LANES;
    assert_eq!(sizes, (right.groups(), rows * right.groups()), "a bit for each pair");
    // What fills up the last group reaches nothing.
    let mut limits = vec![f32::INFINITY; left.groups() * LANES];
    limits[..left.len].copy_from_slice(thresholds);
    let mut visit = Above { limits: &mut limits, skipped, found };
    dispatch!(isa.0, simd => all(simd, left, right, &mut visit));
    thresholds.copy_from_slice(&limits[..left.len]);
}

/// Writes every product as [`products_above`] makes it: a row of right.len() entries of `out` for each vector on the left.
///
/// # Panics
/// When the two have vectors of different lengths, or `out` has another size.
pub fn products(isa: Isa, left: &Packed, right: &Packed, out: &mut [f32]) {
    assert_eq!(out.len(), left.len * right.len, "one entry for each pair");
    let mut visit = Write { out, rows: left.len, columns: right.len };
    dispatch!(isa.0, simd => all(simd, left, right, &mut visit));
}

/// What is done with the products of a tile: of R vectors on the left, from `left` on, with C groups on the right, from `group` on.
trait Visit {
    fn visit<S: Simd, const R: usize, const C: usize>(
        &mut self,
        simd: S,
        left: usize,
        group: usize,
        products: &[[f32x16<S>; C]; R],
    );
}

struct Above<'a, 'f> {
    limits: &'a mut [f32],
    skipped: &'a Skipped,
    found: &'a mut Found<'f>,
}

impl Visit for Above<'_, '_> {
    /// Most tiles have nothing to tell, and whether one does is a single question: a branch for each vector would be guessed wrong too often.
    #[inline(always)]
    fn visit<S: Simd, const R: usize, const C: usize>(
        &mut self,
        simd: S,
        left: usize,
        group: usize,
        products: &[[f32x16<S>; C]; R],
    ) {
        let (mut reached, mut any) = ([[0; C]; R], 0);
        for r in 0..R {
            let limit = f32x16::splat(simd, self.limits[left + r]);
            let skipped = &self.skipped.bits[(left + r) * self.skipped.groups + group..][..C];
            for c in 0..C {
                reached[r][c] = products[r][c].simd_ge(limit).to_bitmask() as u32 & !u32::from(skipped[c]);
                any |= reached[r][c];
            }
        }
        if any == 0 {
            return;
        }
        // All of them are stored, by counted loops: where one is looked for by its place, the products would be kept in memory from their first term on.
        let mut entries = [[[0.0; LANES]; C]; R];
        for r in 0..R {
            for c in 0..C {
                products[r][c].store_array(&mut entries[r][c]);
            }
        }
        for r in 0..R {
            for c in 0..C {
                if reached[r][c] != 0 {
                    self.tell(left + r, (group + c) * LANES, reached[r][c], &entries[r][c]);
                }
            }
        }
    }
}

impl Above<'_, '_> {
    /// The limit may have risen since `reached` was found.
    fn tell(&mut self, left: usize, first: usize, reached: u32, entries: &[f32; LANES]) {
        let above = |lane: &usize| reached >> lane & 1 == 1 && entries[*lane] >= self.limits[left];
        let reached = (0..LANES).filter(above).fold(0, |bits, lane| bits | 1 << lane);
        if reached != 0 {
            self.limits[left] = (self.found)(left, first, reached, entries);
        }
    }
}

struct Write<'a> {
    out: &'a mut [f32],
    rows: usize,
    columns: usize,
}

impl Visit for Write<'_> {
    #[inline(always)]
    fn visit<S: Simd, const R: usize, const C: usize>(
        &mut self,
        _simd: S,
        left: usize,
        group: usize,
        products: &[[f32x16<S>; C]; R],
    ) {
        // Counted loops are unrolled, and the products stay in registers.
        for r in 0..R {
            if left + r >= self.rows {
                return;
            }
            let row = &mut self.out[(left + r) * self.columns..][..self.columns];
            for c in 0..C {
                let first = (group + c) * LANES;
                if first + LANES <= self.columns {
                    products[r][c].store_slice(&mut row[first..first + LANES]);
                } else {
                    let mut entries = [0.0; LANES];
                    products[r][c].store_array(&mut entries);
                    let rest = &mut row[first..];
                    rest.copy_from_slice(&entries[..rest.len()]);
                }
            }
        }
    }
}

#[inline(always)]
fn all<S: Simd>(simd: S, left: &Packed, right: &Packed, visit: &mut impl Visit) {
    assert_eq!(left.k, right.k, "products are of vectors of one length");
    if S::f32s::LEN == LANES {
        // 24 of 32 registers hold sums.
        in_tiles::<S, 8, 3>(simd, left, right, visit);
    } else {
        // 8 of 16 registers of half the length hold sums.
        in_tiles::<S, 4, 1>(simd, left, right, visit);
    }
}

/// Tiles of R vectors on the left and C groups on the right, which stay in the first-level cache while all on the left pass by.
#[inline(always)]
fn in_tiles<S: Simd, const R: usize, const C: usize>(
    simd: S,
    left: &Packed,
    right: &Packed,
    visit: &mut impl Visit,
) {
    let mut group = 0;
    while group < right.groups() {
        let whole = right.groups() - group >= C;
        for rows in 0..left.groups() {
            for part in 0..LANES / R {
                let first = part * R;
                if whole {
                    tile::<S, R, C>(simd, (left, rows, first), right, group, visit);
                } else {
                    for single in group..right.groups() {
                        tile::<S, R, 1>(simd, (left, rows, first), right, single, visit);
                    }
                }
            }
        }
        group += C;
    }
}

#[inline(always)]
fn tile<S: Simd, const R: usize, const C: usize>(
    simd: S,
    (left, rows, first): (&Packed, usize, usize),
    right: &Packed,
    group: usize,
    visit: &mut impl Visit,
) {
    let k = left.k;
    let coordinates = &left.group(rows)[1..][..k];
    let columns: [&[Lanes]; C] = std::array::from_fn(|c| &right.group(group + c)[1..][..k]);
    let mut sums = [[f32x16::splat(simd, 0.0); C]; R];
    for c in 0..C {
        let levels = right.group(group + c)[0].load(simd);
        for r in 0..R {
            sums[r][c] = levels;
        }
    }
    for l in 0..k {
        let x = &coordinates[l].0[first..first + R];
        let mut entries = [f32x16::splat(simd, 0.0); C];
        for c in 0..C {
            entries[c] = columns[c][l].load(simd);
        }
        for r in 0..R {
            let x = f32x16::splat(simd, x[r]);
            for c in 0..C {
                sums[r][c] = x.mul_add_precise(entries[c], sums[r][c]);
            }
        }
    }
    visit.visit(simd, rows * LANES + first, group, &sums);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_instruction_set_gives_the_bits_of_the_twin(
            k in 0_usize..20,
            sizes in (1_usize..40, 1_usize..120),
            entries in proptest::collection::vec(-10.0_f32..10.0, 160 * 20),
            threshold in -50.0_f32..50.0,
        ) {
            let (m, n) = sizes;
            let vector = |place: usize| &entries[place * 20..][..k];
            let left = Packed::new(k, m, vector, |_| 0.0);
            let right = Packed::new(k, n, |place| vector(40 + place), |place| place as f32 - 60.0);
            let expected: Vec<f32> = (0..m)
                .flat_map(|u| (0..n).map(move |i| (u, i)))
                .map(|(u, i)| twin::leveled_product(i as f32 - 60.0, vector(u), vector(40 + i)))
                .collect();
            for isa in Isa::all() {
                let mut out = vec![f32::NAN; m * n];
                products(isa, &left, &right, &mut out);
                let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
                prop_assert_eq!(bits(&out), bits(&expected), "{}", isa.name());

                // Thresholds that rise: nobody is told of twice or of what is skipped, and all else that reaches the last one was told of.
                let mut told = vec![f32::NAN; m * n];
                let skips = |u: usize, i: usize| (u + 3 * i).is_multiple_of(5);
                let mut skipped = Skipped::none(m, n);
                (0..m * n).filter(|pair| skips(pair / n, pair % n)).for_each(|pair| skipped.skip(pair / n, pair % n));
                let (mut thresholds, mut next) = (vec![threshold; m], vec![0; m]);
                products_above(isa, &left, &right, &skipped, &mut thresholds, &mut |u, first, reached, entries| {
                    assert!(u < m && first >= next[u] && reached != 0);
                    next[u] = first + LANES;
                    let limit = if told[u * n..][..n].iter().all(|t| t.is_nan()) { threshold } else { threshold + 1.0 };
                    for (place, &entry) in (first..n).zip(entries) {
                        let told_of = reached >> (place - first) & 1 == 1;
                        assert_eq!(told_of, entry >= limit && !skips(u, place));
                        if told_of {
                            told[u * n + place] = entry;
                        }
                    }
                    threshold + 1.0
                });
                for (pair, &product) in expected.iter().enumerate() {
                    let reached = product >= thresholds[pair / n] && !skips(pair / n, pair % n);
                    prop_assert!(!reached || told[pair].to_bits() == product.to_bits());
                    prop_assert!(thresholds[pair / n] == threshold || told[pair / n * n..][..n].iter().any(|t| !t.is_nan()));
                }
            }
        }
    }
}
