//! Sums of outer products that many equations start from: where all pairs of a user and an item count, each row of a model adds its own few
//! to Σ x xᵀ over all rows of the other side.

use super::{NormalEquations, SIDES, start_of};
use crate::{LANES, Lanes, narrow, padded};

/// A symmetric matrix in the layout of [`NormalEquations`]: Σ w·x xᵀ over many rows.
///
/// Memory: about 2k² bytes.
#[derive(Debug, Clone)]
pub struct Gram {
    k: usize,
    /// The tiles of the upper triangle.
    matrix: Vec<Lanes>,
    /// The rows of a narrow last column of tiles: [`SIDES`] vectors for each 16 coordinates.
    sides: Vec<Lanes>,
}

impl Gram {
    /// All zeros, of k coordinates.
    pub fn zeros(k: usize) -> Self {
        let blocks = k.div_ceil(LANES);
        let zeros = |len: usize| vec![Lanes::ZERO; len];
        Self { k, matrix: zeros(start_of(blocks)), sides: zeros(SIDES * blocks) }
    }

    /// The square of a symmetric matrix, given as padded rows of `columns` entries, that begins at coordinate `first` and has k of them.
    ///
    /// # Panics
    /// When the square is not in the matrix.
    pub fn of_square(matrix: &[f32], columns: usize, first: usize, k: usize) -> Self {
        assert!(first + k <= columns, "the square is in the matrix");
        let mut gram = Self::zeros(k);
        let entry = |row: usize, column: usize| matrix[(first + row) * padded(columns) + first + column];
        for row in 0..k {
            for column in row / LANES * LANES..k {
                *gram.entry(row, column) = entry(row, column);
            }
            for lane in 0..narrow(k) {
                gram.sides[row / LANES * SIDES + 2 + lane].0[row % LANES] = entry(row, k - narrow(k) + lane);
            }
        }
        gram
    }

    /// Adds what has been summed: A without its ridge, if it began with none.
    ///
    /// # Panics
    /// When the equations have another number of unknowns.
    pub fn add(&mut self, equations: &NormalEquations) {
        assert_eq!(self.k, equations.k, "as many unknowns");
        for (sums, more) in [(&mut self.matrix, &equations.matrix), (&mut self.sides, &equations.sides)] {
            for (sum, more) in sums.iter_mut().zip(more) {
                for lane in 0..LANES {
                    sum.0[lane] += more.0[lane];
                }
            }
        }
    }

    /// Multiplies every entry.
    pub fn scale(&mut self, by: f32) {
        for lanes in self.matrix.iter_mut().chain(&mut self.sides) {
            lanes.0.iter_mut().for_each(|entry| *entry *= by);
        }
    }

    /// The whole matrix: k rows of [`padded`] entries, one after the other.
    pub fn rows(&self) -> Vec<f32> {
        let (k, stride, narrow) = (self.k, padded(self.k), narrow(self.k));
        let mut rows = vec![0.0; k * stride];
        for row in 0..k {
            for column in row..k {
                let beyond = (column + narrow).checked_sub(k);
                let entry = match beyond {
                    Some(lane) if narrow > 0 => self.sides[row / LANES * SIDES + 2 + lane].0[row % LANES],
                    _ => self.matrix[start_of(column / LANES) + row].0[column % LANES],
                };
                rows[row * stride + column] = entry;
                rows[column * stride + row] = entry;
            }
        }
        rows
    }

    fn entry(&mut self, row: usize, column: usize) -> &mut f32 {
        &mut self.matrix[start_of(column / LANES) + row].0[column % LANES]
    }
}

impl NormalEquations {
    /// A = G + ridge·I and no rows: [`Self::clear`] for equations that do not start from nothing.
    ///
    /// # Panics
    /// When G has another number of coordinates.
    pub fn start_from(&mut self, gram: &Gram, ridge: f32) {
        assert_eq!(self.k, gram.k, "as many unknowns");
        self.matrix.copy_from_slice(&gram.matrix);
        self.sides.fill(Lanes::ZERO);
        for block in 0..self.blocks {
            let live = self.live(block);
            let diagonal = &mut self.matrix[start_of(block) + block * LANES..][..LANES];
            for lane in 0..LANES {
                let entry = &mut diagonal[lane].0[lane];
                *entry = if lane < live { *entry + ridge } else { 1.0 };
            }
            let sides = block * SIDES + 2;
            self.sides[sides..sides + self.narrow].copy_from_slice(&gram.sides[sides..sides + self.narrow]);
        }
        let last = SIDES * (self.blocks - 1);
        for lane in 0..self.narrow {
            self.sides[last + 2 + lane].0[lane] += ridge;
        }
    }

    /// b += by, k entries.
    ///
    /// # Panics
    /// When there is not one entry for each unknown.
    pub fn add_to_right_hand_side(&mut self, by: &[f32]) {
        assert_eq!(by.len(), self.k, "one entry for each unknown");
        for (at, by) in by.iter().enumerate() {
            self.sides[at / LANES * SIDES].0[at % LANES] += by;
        }
    }
}
