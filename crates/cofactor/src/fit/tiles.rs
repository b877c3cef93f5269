//! Inner products of all rows of one side with all rows of the other, a tile after the other.

use cofactor_kernels::{Isa, Rows, add_product};
use rayon::prelude::*;

/// Rows that pass by together, so that each row of the other side is read once for all of them.
pub const TILE: usize = 64;
/// Rows of the other side whose products stand side by side; a multiple of 16.
pub const CHUNK: usize = 256;

/// Rows of k entries in chunks of [`CHUNK`]: of each chunk the first coordinate of all its rows, then the second, and so on. Behind the last row there are zeros.
#[derive(Debug, Clone)]
pub struct Columns {
    k: usize,
    entries: Vec<f32>,
}

impl Columns {
    /// Zeros for so many rows.
    pub fn zeros(rows: usize, k: usize) -> Self {
        Self { k, entries: vec![0.0; rows.next_multiple_of(CHUNK) * k] }
    }

    /// Writes a row of k entries.
    pub fn set(&mut self, row: usize, entries: &[f32]) {
        let size = CHUNK * self.k;
        set(&mut self.entries[row / CHUNK * size..][..size], row % CHUNK, entries);
    }

    /// The chunks, to be written by [`set`] side by side.
    pub fn par_chunks_mut(&mut self) -> rayon::slice::ChunksMut<'_, f32> {
        self.entries.par_chunks_mut(CHUNK * self.k)
    }

    /// Adds the products of `count` rows with those of a chunk: [`CHUNK`] entries of `out` for each row.
    pub fn add_products(&self, isa: Isa, own: Rows<'_>, count: usize, chunk: usize, out: &mut [f32]) {
        let columns = Rows { entries: &self.entries[chunk * CHUNK * self.k..], stride: CHUNK };
        add_product(isa, [count, self.k, CHUNK], own, columns, out, CHUNK);
    }
}

/// Writes a row of k entries into a chunk.
pub fn set(chunk: &mut [f32], row: usize, entries: &[f32]) {
    for (f, &entry) in entries.iter().enumerate() {
        chunk[f * CHUNK + row] = entry;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_with_a_chunk_are_those_of_its_rows() {
        let (k, rows) = (5, CHUNK + 7);
        let row =
            |row: usize| -> Vec<f32> { (0..k).map(|f| ((row * 7 + f * 3) % 11) as f32 - 5.0).collect() };
        let mut columns = Columns::zeros(rows, k);
        (0..rows).for_each(|at| columns.set(at, &row(at)));
        columns.par_chunks_mut().enumerate().for_each(|(chunk, entries)| {
            if chunk == 1 {
                set(entries, 3, &row(1));
            }
        });
        let own: Vec<f32> = (0..2).flat_map(|at| row(1000 + at)).collect();
        let mut found = vec![1.0; 2 * CHUNK];
        columns.add_products(Isa::detect(), Rows { entries: &own, stride: k }, 2, 1, &mut found);
        for (at, &found) in found.iter().enumerate() {
            let (own, other) = (at / CHUNK, at % CHUNK);
            let other = match other {
                3 => row(1),
                0..7 => row(CHUNK + other),
                _ => vec![0.0; k],
            };
            let expected: f32 = row(1000 + own).iter().zip(&other).map(|(a, b)| a * b).sum();
            assert_eq!(found, 1.0 + expected, "{at}");
        }
    }
}
