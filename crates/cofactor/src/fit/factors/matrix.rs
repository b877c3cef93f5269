//! Matrices whose rows the kernels take as they are.

use cofactor_kernels as kernels;

use super::memory::{LINE, Memory};

/// A row-major matrix whose rows are padded with zeros to [`Matrix::stride`] and whose memory is aligned to cache lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    memory: Memory,
}

impl Matrix {
    /// All zeros.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        let entries = rows * kernels::padded(columns);
        Self { rows, columns, memory: Memory::zeros(entries.div_ceil(LINE)) }
    }

    /// From rows without padding.
    ///
    /// # Panics
    /// When `data` has not rows × columns entries.
    pub fn from_dense(rows: usize, columns: usize, data: &[f32]) -> Self {
        assert_eq!(data.len(), rows * columns, "a dense matrix is full");
        let mut matrix = Self::zeros(rows, columns);
        for row in 0..rows {
            matrix.row_mut(row)[..columns].copy_from_slice(&data[row * columns..(row + 1) * columns]);
        }
        matrix
    }

    /// The rows without padding.
    pub fn to_dense(&self) -> Vec<f32> {
        (0..self.rows).flat_map(|row| self.entries(row).iter().copied()).collect()
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many columns: k.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// How many entries a row takes with its padding.
    pub fn stride(&self) -> usize {
        kernels::padded(self.columns)
    }

    /// A row with its padding.
    pub fn row(&self, row: usize) -> &[f32] {
        let stride = self.stride();
        &self.as_slice()[row * stride..(row + 1) * stride]
    }

    /// A row with its padding, which must stay zero.
    pub fn row_mut(&mut self, row: usize) -> &mut [f32] {
        let stride = self.stride();
        &mut self.as_mut_slice()[row * stride..(row + 1) * stride]
    }

    /// A row without its padding: k entries.
    pub fn entries(&self, row: usize) -> &[f32] {
        &self.row(row)[..self.columns]
    }

    /// All rows with their padding.
    pub fn as_slice(&self) -> &[f32] {
        let entries = self.rows * self.stride();
        &self.memory.entries()[..entries]
    }

    /// All rows with their padding, which must stay zero.
    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        let entries = self.rows * self.stride();
        &mut self.memory.entries_mut()[..entries]
    }

    /// Whether every entry is finite.
    pub fn is_finite(&self) -> bool {
        self.as_slice().iter().all(|entry| entry.is_finite())
    }
}

/// The mean vector of the rows that have ratings; k entries and the mean bias last.
pub fn mean_of_rows(matrix: &Matrix, bias: &[f32], counts: &[usize]) -> Vec<f32> {
    let mut sums = vec![0.0; matrix.columns() + 1];
    let mut rows = 0.0;
    for (row, _) in counts.iter().enumerate().filter(|&(_, &count)| count > 0) {
        let entries = matrix.entries(row).iter().chain([&bias[row]]);
        sums.iter_mut().zip(entries).for_each(|(sum, &entry)| *sum += f64::from(entry));
        rows += 1.0;
    }
    sums.into_iter().map(|sum| (sum / f64::max(rows, 1.0)) as f32).collect()
}
