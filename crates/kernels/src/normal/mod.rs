//! Normal equations: summed from rows, factored and solved in place.
//!
//! The matrix is kept as columns of 16×16 tiles, of the upper triangle alone. Rows that are summed are gathered into the same
//! layout, and so is the triangular factor, so one loop ([`outer`]) does all the cubic work: A += Σ x xᵀ while summing, and
//! A −= Σ l uᵀ while factoring. Every entry is summed in the order of the rows, one fused multiply-add each: the shape of
//! the loop, which differs between instruction sets, does not show in the bits.

mod descent;
mod dual;
mod factor;
mod gram;
mod outer;
mod solve;
#[cfg(test)]
mod tests;

use fearless_simd::{Simd, dispatch, f32x16, prelude::*};

use crate::{Isa, LANES, Lanes, MAX_PADDED, NARROW, narrow, padded};
pub(crate) use descent::NOTHING;
pub use dual::Dual;
pub(crate) use factor::NO_PIVOT;
pub use gram::Gram;
use outer::{Tiles, few_rows, row_of_tiles};
pub(crate) use solve::NO_CORNER;

/// As many rows are gathered before they are summed: their tiles stay in the first-level cache.
const DEPTH: usize = 64;

/// For each 16 coordinates b, s, and the rows of A's lower triangle that a narrow last column of tiles is: they fill whole vectors,
/// without which k = 50 would cost as much as k = 64.
const SIDES: usize = 2 + NARROW;

/// The rows of a sum, gathered from a matrix: x, its weight w, and y.
#[derive(Debug, Clone, Copy)]
pub struct Samples<'a> {
    /// Rows as long as [`padded`] says, one after the other.
    pub matrix: &'a [f32],
    /// Which row each x is.
    pub rows: &'a [u32],
    /// w of each; `None`: one.
    pub weights: Option<&'a [f32]>,
    /// y of each.
    pub targets: &'a [f32],
}

/// A = R + Σ w·x xᵀ, b = Σ y·x and s = Σ w·x for vectors of k entries: what one row of a model solves for.
///
/// Scratch of one thread, made once. Memory: about 4k² bytes for the matrix and its factor together, and 512k for gathered rows.
#[derive(Debug, Clone)]
pub struct NormalEquations {
    k: usize,
    blocks: usize,
    /// How many unknowns a narrow last column of tiles has; zero when it is not narrow.
    narrow: usize,
    /// The tiles of A's upper triangle; once factored, those of U = DLᵀ above the diagonal.
    matrix: Vec<Lanes>,
    /// Once factored: −Lᵀ above the diagonal, zero on and below it.
    factor: Vec<Lanes>,
    /// Once factored: Lᵀ's diagonal tiles, transposed and negated.
    transposed: Vec<Lanes>,
    /// Once factored: D⁻¹.
    inverse_pivots: Vec<Lanes>,
    /// For each 16 coordinates [`SIDES`].
    sides: Vec<Lanes>,
    /// Once solved L⁻¹b and L⁻¹s for each 16 coordinates; in a descent b − Ax.
    halfway: Vec<Lanes>,
    solution: Vec<Lanes>,
    /// A in full, row by row; empty until it is descended on.
    full: Vec<Lanes>,
    gathered: Gathered,
}

/// Up to [`DEPTH`] rows: 16 coordinates of all of them, then the next 16.
#[derive(Debug, Clone)]
struct Gathered {
    rows: Vec<Lanes>,
    /// w·x, where there are weights.
    weighted: Vec<Lanes>,
    /// What each row is multiplied by for [`SIDES`]: y, w, and its entries in a narrow last column, times w.
    multiples: Vec<Lanes>,
}

impl NormalEquations {
    /// Of k unknowns, all zeros.
    ///
    /// # Panics
    /// When k is zero or a padded row of k entries is longer than [`MAX_PADDED`].
    pub fn new(k: usize) -> Self {
        let mut equations = Self {
            k: 0,
            blocks: 0,
            narrow: 0,
            matrix: Vec::new(),
            factor: Vec::new(),
            transposed: Vec::new(),
            inverse_pivots: Vec::new(),
            sides: Vec::new(),
            halfway: Vec::new(),
            solution: Vec::new(),
            full: Vec::new(),
            gathered: Gathered {
                rows: Vec::new(),
                weighted: Vec::new(),
                multiples: vec![Lanes::ZERO; DEPTH],
            },
        };
        equations.resize(k);
        equations
    }

    /// From now on of k unknowns, all zeros, in the memory that there is.
    fn resize(&mut self, k: usize) {
        assert!(k > 0 && padded(k) <= MAX_PADDED, "so many unknowns can be solved for");
        let blocks = k.div_ceil(LANES);
        (self.k, self.blocks, self.narrow) = (k, blocks, narrow(k));
        self.matrix.clear();
        self.sides.clear();
        let Self { matrix, transposed, inverse_pivots, sides, halfway, solution, .. } = self;
        let columns = blocks * LANES;
        for (lanes, len) in [
            (matrix, start_of(blocks)),
            (transposed, columns),
            (inverse_pivots, blocks),
            (sides, SIDES * blocks),
            (halfway, 2 * blocks),
            (solution, blocks),
        ] {
            lanes.resize(len, Lanes::ZERO);
        }
        // What is written before it is read may be longer.
        let Gathered { rows, weighted, .. } = &mut self.gathered;
        for (lanes, len) in
            [(&mut self.factor, start_of(blocks)), (rows, blocks * DEPTH), (weighted, blocks * DEPTH)]
        {
            lanes.resize(lanes.len().max(len), Lanes::ZERO);
        }
    }

    /// k.
    pub fn unknowns(&self) -> usize {
        self.k
    }

    /// A = ridge·I and no rows.
    pub fn clear(&mut self, ridge: f32) {
        self.clear_to(|_| ridge);
    }

    /// A is diagonal, and no rows.
    pub fn clear_to(&mut self, diagonal: impl Fn(usize) -> f32) {
        self.matrix.fill(Lanes::ZERO);
        self.sides.fill(Lanes::ZERO);
        self.set_diagonal(diagonal);
    }

    fn set_diagonal(&mut self, diagonal: impl Fn(usize) -> f32) {
        for block in 0..self.blocks {
            let live = self.live(block);
            let tile = &mut self.matrix[start_of(block) + block * LANES..][..LANES];
            for lane in 0..LANES {
                // The padding solves for zeros, so that it needs no case of its own.
                tile[lane].0[lane] = if lane < live { diagonal(block * LANES + lane) } else { 1.0 };
            }
        }
        let last = self.blocks - 1;
        for lane in 0..self.narrow {
            self.sides[SIDES * last + 2 + lane].0[lane] = diagonal(last * LANES + lane);
        }
    }

    /// How many of 16 coordinates are unknowns rather than padding.
    #[inline(always)]
    fn live(&self, block: usize) -> usize {
        LANES.min(self.k - block * LANES)
    }

    /// Adds rows. See [`crate::twin::normal_equations`].
    ///
    /// # Panics
    /// When a row is not in the matrix, or there is not one target and one weight for each.
    pub fn add(&mut self, isa: Isa, samples: Samples<'_>) {
        assert_eq!(samples.rows.len(), samples.targets.len(), "one target for each row");
        let weights = samples.weights.map_or(samples.rows.len(), <[f32]>::len);
        assert_eq!(samples.rows.len(), weights, "one weight for each row");
        dispatch!(isa.0, simd => self.add_samples(simd, samples));
    }

    /// Factors A = LDLᵀ, in place. A pivot that rounding has left less than a millionth of its diagonal entry stands for
    /// a direction that no row and no ridge determines; its unknown will be zero. See [`crate::twin::factor`].
    pub fn factor(&mut self, isa: Isa) {
        self.place_narrow_column();
        dispatch!(isa.0, simd => self.factor_tiles(simd));
    }

    /// x = A⁻¹b in `out`, k entries; needs [`Self::factor`]. See [`crate::twin::solve`].
    pub fn solve(&mut self, isa: Isa, out: &mut [f32]) {
        dispatch!(isa.0, simd => self.solve_sides(simd, None));
        self.copy_solution(out);
    }

    /// x in `out`, k entries, and β of (A s; sᵀ c)(x; β) = (b; y); needs [`Self::factor`]. With c the sum of the weights
    /// and y that of the targets, β is a bias that is solved for together with x. See [`crate::twin::solve`].
    pub fn solve_with_bias(&mut self, isa: Isa, corner: f32, target: f32, out: &mut [f32]) -> f32 {
        let bias = dispatch!(isa.0, simd => self.solve_sides(simd, Some((corner, target))));
        self.copy_solution(out);
        bias
    }

    /// From x ≥ 0 (a row; its first k entries move), `rounds` over the coordinates of f = xᵀAx − 2xᵀb, each moved to where f is least for it
    /// alone without falling below zero. Instead of [`Self::factor`]. Returns −f. Cost: O(k²) a round. See
    /// [`crate::twin::descend_non_negative`].
    pub fn descend_non_negative(&mut self, isa: Isa, rounds: usize, x: &mut [f32]) -> f32 {
        let x = &mut x[..self.k];
        self.place_narrow_column();
        dispatch!(isa.0, simd => self.descend(simd, rounds, x))
    }

    /// b, k entries.
    pub fn right_hand_side(&self) -> impl Iterator<Item = f32> + '_ {
        self.sides.iter().step_by(SIDES).flat_map(|side| side.0).take(self.k)
    }

    fn copy_solution(&self, out: &mut [f32]) {
        assert_eq!(out.len(), self.k, "one entry for each unknown");
        let solution = self.solution.iter().flat_map(|lanes| lanes.0);
        out.iter_mut().zip(solution).for_each(|(out, entry)| *out = entry);
    }

    #[inline(always)]
    fn add_samples<S: Simd>(&mut self, simd: S, samples: Samples<'_>) {
        for start in (0..samples.rows.len()).step_by(DEPTH) {
            let part = start..(start + DEPTH).min(samples.rows.len());
            let samples = Samples {
                matrix: samples.matrix,
                rows: &samples.rows[part.clone()],
                weights: samples.weights.map(|weights| &weights[part.clone()]),
                targets: &samples.targets[part],
            };
            self.gathered.fill(simd, self.k, samples);
            self.sum(simd, samples.rows.len(), samples.weights.is_some());
        }
    }

    /// Puts the rows of a narrow last column of tiles where they belong.
    fn place_narrow_column(&mut self) {
        let column = &mut self.matrix[start_of(self.blocks - 1)..];
        for (rows, sides) in column.chunks_exact_mut(LANES).zip(self.sides.chunks_exact(SIDES)) {
            for lane in 0..self.narrow {
                for (row, entry) in rows.iter_mut().zip(sides[2 + lane].0) {
                    row.0[lane] = entry;
                }
            }
        }
    }

    /// Adds the first `len` gathered rows to A, b and s.
    #[inline(always)]
    fn sum<S: Simd>(&mut self, simd: S, len: usize, by_weight: bool) {
        let Gathered { rows, weighted, multiples } = &self.gathered;
        let right = if by_weight { weighted } else { rows };
        let columns = if self.narrow > 0 { self.blocks - 1 } else { self.blocks };
        let mut tiles = Sums { right, len, matrix: &mut self.matrix };
        for block in 0..columns {
            row_of_tiles(simd, &rows[block * DEPTH..][..len], block, columns, &mut tiles);
        }
        let (multiples, sides) = (&multiples[..len], &mut self.sides);
        let gathered = |block: usize| &rows[block * DEPTH..][..len];
        match self.narrow {
            0 => few_rows::<S, 2>(simd, multiples, sides, gathered),
            1 | 2 => few_rows::<S, 4>(simd, multiples, sides, gathered),
            _ => few_rows::<S, SIDES>(simd, multiples, sides, gathered),
        }
    }
}

impl Gathered {
    /// Takes up to [`DEPTH`] rows of k entries.
    #[inline(always)]
    fn fill<S: Simd>(&mut self, simd: S, k: usize, samples: Samples<'_>) {
        let (stride, last) = (padded(k), (k - 1) / LANES * DEPTH);
        // As slices, whose places in memory need not be looked up again after each store.
        let (rows, weighted) = (&mut self.rows[..], &mut self.weighted[..]);
        let multiples = &mut self.multiples[..samples.rows.len()];
        for l in 0..samples.rows.len() {
            let row = &samples.matrix[samples.rows[l] as usize * stride..][..stride];
            if stride < LANES {
                rows[l].0[..LANES / 2].copy_from_slice(row);
            }
            let (mut at, mut tile) = (0, l);
            while at + LANES <= stride {
                rows[tile].store(f32x16::from_slice(simd, &row[at..at + LANES]));
                at += LANES;
                tile += DEPTH;
            }
            let mut tail = &rows[last + l];
            let mut weight = 1.0;
            if let Some(weights) = samples.weights {
                weight = weights[l];
                for tile in (l..=last + l).step_by(DEPTH) {
                    weighted[tile].store(rows[tile].load(simd) * f32x16::splat(simd, weight));
                }
                tail = &weighted[last + l];
            }
            let multiples = &mut multiples[l].0;
            multiples[0] = samples.targets[l];
            multiples[1] = weight;
            multiples[2..SIDES].copy_from_slice(&tail.0[..NARROW]);
        }
    }
}

/// Gathered rows, and A.
struct Sums<'a> {
    right: &'a [Lanes],
    len: usize,
    matrix: &'a mut [Lanes],
}

impl Tiles for Sums<'_> {
    #[inline(always)]
    fn right(&self, column: usize) -> &[Lanes] {
        &self.right[column * DEPTH..][..self.len]
    }

    #[inline(always)]
    fn matrix(&mut self) -> &mut [Lanes] {
        self.matrix
    }
}

/// Where a column of tiles starts: column c has c + 1 tiles of 16 rows.
const fn start_of(column: usize) -> usize {
    LANES * (column * (column + 1) / 2)
}
