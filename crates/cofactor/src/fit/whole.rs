//! Ridge regressions over all pairs, taken or not, at the cost of those that were taken.
//!
//! For one row x, with all rows z of the other side fixed:
//! ```text
//! f(x) = α₀ Σ_z (zᵀx)² + Σ_l (a_l (z_lᵀx)² − 2b_l z_lᵀx) + λ‖x‖² = xᵀAx − 2bᵀx                 (1)
//! A = α₀G + Σ_l a_l z_l z_lᵀ + λI,   b = Σ_l b_l z_l,   G = Σ_z z zᵀ                          (2)
//! ```
//! G is summed once for all rows of a half; l runs over the few z that the row has to do with. Conjugate gradients and exact solutions work in the axes of G, where α₀G + λI is diagonal for each row and each λ. So no step of the former
//! costs more than the row's few z, and where these are fewer than coordinates the latter have no more unknowns than z ([`Dual`]).

use std::borrow::Cow;

use cofactor_kernels::{
    Dual, Gathered, Gram, Isa, LANES, NormalEquations, Samples, Steps, dot, dot_rows, padded,
};
use rayon::ThreadPool;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::factors::Matrix;
use super::run::Run;
use super::square::{Square, axes};

/// G is summed in this many parts at most, each of at least [`PART_ROWS`] rows: they are summed side by side, and short sums round less.
const PARTS: usize = 16;
/// Fewer rows than this are not worth a part of their own.
const PART_ROWS: usize = 2048;

/// A direction along which α₀G + λI has a smaller part than this of its largest is known to no digit in f32.
const NO_DIRECTION: f32 = 1e-6;

/// How (1) is made small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Solver {
    /// Exactly, by factoring A in the axes of G, O(n k² + k³) for n rows, or where n < k what stands for it, O(n² k).
    Cholesky,
    /// By steps of conjugate gradients in the axes of G, scaled by A's diagonal: O(n k) each.
    Cg,
    /// Exactly for a block of coordinates after the other: O(n k b + k² b) for blocks of b.
    Blocks,
}

/// What a half of a sweep holds fixed: the rows of the other side, and α₀G as the solver needs it.
pub struct Fixed<'a> {
    matrix: Cow<'a, Matrix>,
    k: usize,
    pull: Pull,
}

/// α₀G.
enum Pull {
    Blocks(BlockPull),
    Axes(AxesPull),
}

/// Along its axes.
struct AxesPull {
    /// Λα₀, a padded row.
    along: Vec<f32>,
    /// The rows are turned there and back by these.
    there: Square,
    back: Square,
    /// Whether a row is solved exactly, from wherever it stands.
    exact: bool,
}

struct BlockPull {
    /// In full, row by row.
    rows: Vec<f32>,
    /// Its squares along the diagonal.
    squares: Vec<Gram>,
    size: usize,
}

impl<'a> Fixed<'a> {
    /// Sums G. Cost: O(nk²) for n rows, in parallel; but for [`Solver::Blocks`] O(k³) more, and the memory of a copy of the rows.
    pub fn new(run: &Run<'_>, solver: Solver, matrix: &'a Matrix, unobserved: f64, block: usize) -> Self {
        let gram = gram(run.pool(), run.isa(), matrix, unobserved);
        let k = matrix.columns();
        if solver == Solver::Blocks {
            let rows = gram.rows();
            let square = |first| Gram::of_square(&rows, k, first, block.min(k - first));
            let squares = (0..k).step_by(block).map(square).collect();
            let pull = Pull::Blocks(BlockPull { rows, squares, size: block.min(k) });
            return Self { matrix: Cow::Borrowed(matrix), k, pull };
        }
        let (values, vectors) = axes(dense(&gram, k), k);
        let mut along = vec![0.0; matrix.stride()];
        // What rounding leaves below zero was zero.
        along.iter_mut().zip(values).for_each(|(to, value)| *to = value.max(0.0) as f32);
        let there = Square::new(k, |row, axis| vectors[axis * k + row]);
        let back = Square::new(k, |axis, row| vectors[axis * k + row]);
        let mut turned = matrix.clone();
        there.multiply(run, &mut turned);
        let exact = solver == Solver::Cholesky;
        Self { matrix: Cow::Owned(turned), k, pull: Pull::Axes(AxesPull { along, there, back, exact }) }
    }

    /// The rows, in the coordinates in which they are solved against.
    pub fn matrix(&self) -> &Matrix {
        &self.matrix
    }

    /// Takes the rows that are to be solved into these coordinates, where it matters from where they start.
    pub fn enter(&self, run: &Run<'_>, moving: &mut Matrix) {
        if let Pull::Axes(AxesPull { there, exact: false, .. }) = &self.pull {
            there.multiply(run, moving);
        }
    }

    /// Takes them back.
    pub fn leave(&self, run: &Run<'_>, moving: &mut Matrix) {
        if let Pull::Axes(AxesPull { back, .. }) = &self.pull {
            back.multiply(run, moving);
        }
    }

    /// A solver with its scratch, for the rows that one thread solves; with `steps` of conjugate gradients, if it is those.
    pub fn solver(&self, steps: usize) -> Whole<'_> {
        let k = self.k;
        Whole(match &self.pull {
            Pull::Blocks(pull) => Method::Blocks(pull, Box::new(Blocks::new(k, pull.size))),
            Pull::Axes(pull) if pull.exact => Method::Cholesky(Box::new(Exact {
                along: &pull.along,
                equations: NormalEquations::new(k),
                dual: Dual::default(),
                diagonal: vec![0.0; padded(k)],
            })),
            Pull::Axes(pull) => Method::Cg(Box::new(Cg {
                along: &pull.along,
                steps,
                gathered: Gathered::new(k),
                scratch: Steps::new(padded(k)),
                diagonal: vec![0.0; padded(k)],
            })),
        })
    }
}

impl BlockPull {
    /// −(α₀G + λI)x.
    fn resist(&self, isa: Isa, ridge: f32, x: &[f32], out: &mut [f32]) {
        let k = self.rows.len() / x.len();
        dot_rows(isa, x, &self.rows, &mut out[..k]);
        for (out, &x) in out.iter_mut().zip(x) {
            *out = -ridge.mul_add(x, *out);
        }
    }
}

/// w Σ z zᵀ over all rows. The same bits for any number of threads: the parts depend on the number of rows alone, and are added in order.
pub fn gram(pool: &ThreadPool, isa: Isa, matrix: &Matrix, weight: f64) -> Gram {
    let mut gram = sum_of_parts(pool, isa, matrix, None);
    gram.scale(weight as f32);
    gram
}

/// Σ w_z z zᵀ over all rows, as [`gram`] sums.
pub(crate) fn weighted_gram(pool: &ThreadPool, isa: Isa, matrix: &Matrix, weights: &[f32]) -> Gram {
    sum_of_parts(pool, isa, matrix, Some(weights))
}

fn sum_of_parts(pool: &ThreadPool, isa: Isa, matrix: &Matrix, weights: Option<&[f32]>) -> Gram {
    let (k, stride) = (matrix.columns(), matrix.stride());
    let rows = matrix.rows().div_ceil(PARTS).max(PART_ROWS);
    let part = |(at, part): (usize, &[f32])| {
        let (places, zeros) = ((0..(part.len() / stride) as u32).collect::<Vec<_>>(), vec![0.0; rows]);
        let mut equations = NormalEquations::new(k);
        equations.clear(0.0);
        let weights = weights.map(|weights| &weights[at * rows..][..places.len()]);
        let targets = &zeros[..places.len()];
        equations.add(isa, Samples { matrix: part, rows: &places, weights, targets });
        equations
    };
    let parts: Vec<NormalEquations> =
        pool.install(|| matrix.as_slice().par_chunks(rows * stride).enumerate().map(part).collect());
    let mut gram = Gram::zeros(k);
    for part in &parts {
        gram.add(part);
    }
    gram
}

/// A sum's k² entries, row by row.
pub(crate) fn dense(gram: &Gram, k: usize) -> Vec<f64> {
    gram.rows().chunks_exact(padded(k)).flat_map(|row| &row[..k]).map(|&x| f64::from(x)).collect()
}

/// See [`Fixed::solver`].
pub struct Whole<'a>(Method<'a>);

enum Method<'a> {
    Cholesky(Box<Exact<'a>>),
    Cg(Box<Cg<'a>>),
    Blocks(&'a BlockPull, Box<Blocks>),
}

struct Exact<'a> {
    along: &'a [f32],
    equations: NormalEquations,
    dual: Dual,
    /// α₀G + λI along the axes, or its inverse.
    diagonal: Vec<f32>,
}

struct Cg<'a> {
    along: &'a [f32],
    steps: usize,
    gathered: Gathered,
    scratch: Steps,
    /// α₀G + λI along the axes.
    diagonal: Vec<f32>,
}

impl Whole<'_> {
    /// Moves x, a padded row in the coordinates of [`Fixed::enter`]; returns f there. `samples` are the z_l, with weights a and targets b; their matrix is [`Fixed::matrix`].
    pub fn solve(&mut self, isa: Isa, samples: Samples<'_>, ridge: f32, x: &mut [f32]) -> f64 {
        match &mut self.0 {
            Method::Cholesky(exact) => exact.solve(isa, samples, ridge, x),
            Method::Cg(cg) => cg.descend(isa, samples, ridge, x),
            Method::Blocks(pull, blocks) => blocks.descend(isa, pull, samples, ridge, x),
        }
    }
}

impl Exact<'_> {
    fn solve(&mut self, isa: Isa, samples: Samples<'_>, ridge: f32, x: &mut [f32]) -> f64 {
        let Self { along, equations, dual, diagonal } = self;
        diagonal.iter_mut().zip(*along).for_each(|(to, along)| *to = along + ridge);
        let k = equations.unknowns();
        if is_short(samples, &diagonal[..k]) {
            for entry in &mut diagonal[..k] {
                *entry = 1.0 / *entry;
            }
            diagonal[k..].fill(0.0);
            return dual.solve(isa, samples, diagonal, x);
        }
        let x = &mut x[..k];
        equations.clear_to(|f| diagonal[f]);
        equations.add(isa, samples);
        equations.factor(isa);
        equations.solve(isa, x);
        // At the solution f = −bᵀx.
        -equations.right_hand_side().zip(&*x).map(|(b, &x)| f64::from(b) * f64::from(x)).sum::<f64>()
    }
}

/// Whether there are so few z_l that [`Dual`] solves for them sooner, and all that it divides by is above zero and no rounding.
fn is_short(samples: Samples<'_>, diagonal: &[f32]) -> bool {
    let vectors = |entries: usize| entries.div_ceil(LANES);
    let least = diagonal.iter().copied().fold(f32::INFINITY, f32::min);
    let most = diagonal.iter().copied().fold(0.0, f32::max);
    !samples.rows.is_empty()
        && vectors(samples.rows.len()) < vectors(diagonal.len())
        && least > NO_DIRECTION * most
        && samples.weights.is_none_or(|weights| weights.iter().all(|&weight| weight > 0.0))
}

impl Cg<'_> {
    fn descend(&mut self, isa: Isa, samples: Samples<'_>, ridge: f32, x: &mut [f32]) -> f64 {
        let Self { along, steps, gathered, scratch, diagonal } = self;
        diagonal.iter_mut().zip(*along).for_each(|(to, along)| *to = along + ridge);
        gathered.gather(isa, samples);
        gathered.descend(isa, diagonal, *steps, scratch, x)
    }
}

/// Newton's step in one block of coordinates after the other, which is exact for the block. The products z_lᵀx follow each step.
struct Blocks {
    k: usize,
    size: usize,
    /// Of as many unknowns as a block has, and of as many as the last one has.
    equations: [NormalEquations; 2],
    /// The z_l by block: all rows of the first block, then those of the next.
    rows: Vec<f32>,
    places: Vec<u32>,
    /// z_lᵀx.
    products: Vec<f32>,
    /// b_l − a_l z_lᵀx.
    errors: Vec<f32>,
    /// A block of x, of a gradient, of a step; padded.
    part: Vec<f32>,
    pull: Vec<f32>,
    along: Vec<f32>,
}

impl Blocks {
    fn new(k: usize, size: usize) -> Self {
        let size = size.min(k);
        let last = if k.is_multiple_of(size) { size } else { k % size };
        let zeros = || vec![0.0; padded(size)];
        Self {
            k,
            size,
            equations: [size, last].map(NormalEquations::new),
            rows: Vec::new(),
            places: Vec::new(),
            products: Vec::new(),
            errors: Vec::new(),
            part: zeros(),
            pull: zeros(),
            along: Vec::new(),
        }
    }

    fn descend(
        &mut self,
        isa: Isa,
        pull: &BlockPull,
        samples: Samples<'_>,
        ridge: f32,
        x: &mut [f32],
    ) -> f64 {
        self.gather(samples);
        let count = samples.rows.len();
        self.products.clear();
        self.products.resize(count, 0.0);
        self.along.resize(count, 0.0);
        let mut at = 0;
        for first in (0..self.k).step_by(self.size) {
            at = self.follow(isa, at, first, &x[..self.k]);
        }
        let mut value = self.value(isa, pull, samples, ridge, x);
        let mut at = 0;
        for (block, first) in (0..self.k).step_by(self.size).enumerate() {
            let size = self.size.min(self.k - first);
            let rows = at..at + count * padded(size);
            at = rows.end;
            self.errors.clear();
            for l in 0..count {
                let weight = samples.weights.map_or(1.0, |weights| weights[l]);
                self.errors.push((-weight).mul_add(self.products[l], samples.targets[l]));
            }
            // −(α₀Gx + λx) of this block.
            let stride = x.len();
            dot_rows(isa, x, &pull.rows[first * stride..(first + size) * stride], &mut self.pull[..size]);
            for entry in 0..size {
                self.pull[entry] = -ridge.mul_add(x[first + entry], self.pull[entry]);
            }
            let equations = &mut self.equations[usize::from(size < self.size)];
            equations.start_from(&pull.squares[block], ridge);
            let (matrix, places) = (&self.rows[rows.clone()], &self.places[..]);
            let weights = samples.weights;
            equations.add(isa, Samples { matrix, rows: places, weights, targets: &self.errors });
            equations.add_to_right_hand_side(&self.pull[..size]);
            equations.factor(isa);
            self.part.fill(0.0);
            equations.solve(isa, &mut self.part[..size]);
            let lowered = equations.right_hand_side().zip(&self.part).map(|(b, &x)| f64::from(b * x));
            value -= lowered.sum::<f64>();
            for entry in 0..size {
                x[first + entry] += self.part[entry];
            }
            self.add_products(isa, rows, size);
        }
        value
    }

    /// Copies the rows together, block by block.
    fn gather(&mut self, samples: Samples<'_>) {
        let (stride, count) = (padded(self.k), samples.rows.len());
        self.places.clear();
        self.places.extend(0..count as u32);
        self.rows.clear();
        for first in (0..self.k).step_by(self.size) {
            let size = self.size.min(self.k - first);
            for &row in samples.rows {
                let row = &samples.matrix[row as usize * stride + first..][..size];
                self.rows.extend_from_slice(row);
                self.rows.resize(self.rows.len() + padded(size) - size, 0.0);
            }
        }
    }

    /// Adds a block of x to the products; returns where the next block's rows begin.
    fn follow(&mut self, isa: Isa, at: usize, first: usize, x: &[f32]) -> usize {
        let size = self.size.min(self.k - first);
        self.part.fill(0.0);
        self.part[..size].copy_from_slice(&x[first..first + size]);
        let rows = at..at + self.places.len() * padded(size);
        self.add_products(isa, rows.clone(), size);
        rows.end
    }

    fn add_products(&mut self, isa: Isa, rows: std::ops::Range<usize>, size: usize) {
        dot_rows(isa, &self.part[..padded(size)], &self.rows[rows], &mut self.along);
        for (product, along) in self.products.iter_mut().zip(&self.along) {
            *product += along;
        }
    }

    /// (1) at x.
    fn value(&self, isa: Isa, pull: &BlockPull, samples: Samples<'_>, ridge: f32, x: &[f32]) -> f64 {
        let mut resisted = vec![0.0; x.len()];
        pull.resist(isa, ridge, x, &mut resisted);
        let of_rows: f64 = self
            .products
            .iter()
            .enumerate()
            .map(|(l, &product)| {
                let weight = samples.weights.map_or(1.0, |weights| weights[l]);
                f64::from(product) * f64::from(weight.mul_add(product, -2.0 * samples.targets[l]))
            })
            .sum();
        of_rows - f64::from(dot(isa, x, &resisted))
    }
}
