//! The weights of one group of columns, and what is assumed of them.
//!
//! A table has a row for each column, and in it one number of each chain.

use cofactor_kernels::Isa;
use cofactor_kernels::gibbs::{self, Noise};
use rand_distr::{Distribution, Gamma, StandardNormal};

use crate::fit::factors::Matrix;
use crate::fit::rng::Stream;

/// The weights of one group of columns: for f = 0 the linear ones, then those of the factors.
pub(super) struct Weights {
    /// A table for each f.
    pub(super) tables: Vec<Matrix>,
    /// How many columns have a rating: n_g.
    present: usize,
    /// The counter of the group's first pair of columns.
    slot: u32,
    /// μ and λ of each f and chain.
    pub(super) mean: Vec<Vec<f32>>,
    pub(super) precision: Vec<Vec<f32>>,
}

impl Weights {
    pub(super) fn new(k: usize, lanes: usize, columns: usize, present: usize, slot: &mut u32) -> Self {
        let own = *slot;
        *slot += (columns.div_ceil(2) * (k + 1)) as u32;
        Self {
            tables: vec![Matrix::zeros(columns, lanes); k + 1],
            present,
            slot: own,
            mean: vec![vec![0.0; lanes]; k + 1],
            precision: vec![vec![1.0; lanes]; k + 1],
        }
    }

    fn columns(&self) -> usize {
        self.tables[0].rows()
    }

    /// The counter of the first pair of columns of f.
    pub(super) fn slot(&self, f: usize) -> u32 {
        self.slot + (self.columns().div_ceil(2) * f) as u32
    }

    /// The tables, then μ and λ: all that a chain goes on from.
    pub(super) fn state(&self) -> impl Iterator<Item = &[f32]> {
        let priors = self.mean.iter().chain(&self.precision).map(Vec::as_slice);
        self.tables.iter().map(Matrix::as_slice).chain(priors)
    }

    /// The same in the same order, to be filled.
    pub(super) fn state_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let priors = self.mean.iter_mut().chain(&mut self.precision).map(Vec::as_mut_slice);
        self.tables.iter_mut().map(Matrix::as_mut_slice).chain(priors)
    }

    /// N(0, σ₀²) for every column that has a rating.
    pub(super) fn start(&mut self, keys: &[u32], spread: f32, exists: impl Fn(usize) -> bool) {
        let lanes = keys.len() / 2;
        for f in 0..self.tables.len() {
            let noise = Noise { keys, sweep: 0, slot: self.slot(f) };
            let table = self.tables[f].as_mut_slice();
            for column in (0..table.len() / lanes).filter(|&column| exists(column)) {
                for chain in 0..lanes {
                    table[column * lanes + chain] = spread * gibbs::twin::normal(noise, column, chain);
                }
            }
        }
    }

    /// λ and then μ of a group's weights, given the weights:
    /// ```text
    /// λ ~ Gamma((a₀ + n + 1)/2, rate (b₀ + Σ(θ − μ)² + γ₀μ²)/2)
    /// μ ~ N(Σθ/(n + γ₀), 1/((n + γ₀)λ))
    /// ```
    pub(super) fn draw_priors(&mut self, f: usize, drawing: &mut Drawing<'_>) {
        let Drawing { isa, hyper, streams, .. } = drawing;
        let (isa, lanes) = (*isa, streams.len());
        let sums = gibbs::sums(isa, lanes, self.tables[f].as_slice());
        let n = self.present as f64;
        for (chain, stream) in streams.iter_mut().enumerate() {
            let (sum, squares) = (sums[chain], sums[lanes + chain]);
            let mean = f64::from(self.mean[f][chain]);
            let scatter = (squares - 2.0 * mean * sum + n * mean * mean).max(0.0);
            let rate = (hyper.rate + scatter + hyper.pull * mean * mean) / 2.0;
            let precision = gamma((hyper.shape + n + 1.0) / 2.0, rate, stream);
            let mean = normal(sum / (n + hyper.pull), (n + hyper.pull) * precision, stream);
            (self.precision[f][chain], self.mean[f][chain]) = (precision as f32, mean as f32);
        }
    }
}

/// What is assumed before any rating.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hyper {
    /// a₀.
    pub(super) shape: f64,
    /// b₀.
    pub(super) rate: f64,
    /// γ₀.
    pub(super) pull: f64,
    /// The precision of w₀.
    pub(super) intercept: f64,
}

/// As little as possible.
pub(super) const VAGUE: Hyper = Hyper { shape: 1.0, rate: 1.0, pull: 1.0, intercept: 1.0 };

/// Where the draws of a sweep come from.
pub(super) struct Drawing<'a> {
    pub(super) isa: Isa,
    pub(super) hyper: Hyper,
    pub(super) keys: &'a [u32],
    pub(super) sweep: u32,
    pub(super) streams: &'a mut [Stream],
}

impl Drawing<'_> {
    /// The normal numbers of the columns from a slot on.
    pub(super) fn noise(&self, slot: u32) -> Noise<'_> {
        Noise { keys: self.keys, sweep: self.sweep, slot }
    }
}

/// A draw from Gamma(shape, rate).
pub(super) fn gamma(shape: f64, rate: f64, stream: &mut Stream) -> f64 {
    Gamma::new(shape, 1.0 / rate).map_or(shape / rate, |gamma| gamma.sample(stream))
}

/// A draw from N(mean, 1/precision).
pub(super) fn normal(mean: f64, precision: f64, stream: &mut Stream) -> f64 {
    let z: f64 = StandardNormal.sample(stream);
    mean + z / precision.sqrt()
}
