//! A block of the design matrix, the users' or the items': what its weights come to in each row, and their draw.

use cofactor_kernels::Isa;
use cofactor_kernels::gibbs::{self, Compose, Conditional, OneHot, SetColumns, SetRows};

use super::design::{BlockDesign, SetDesign};
use super::weights::{Drawing, Weights};
use crate::fit::factors::Matrix;

/// What a row's ratings come to: Σe, Σeq, Σq and Σq².
pub(super) const FOUR: usize = 4;

/// A block's weights and what they come to.
pub(super) struct Block {
    pub(super) own: Weights,
    pub(super) sets: Vec<Weights>,
    /// q and the interactions within a row for each f.
    pub(super) sum: Vec<Matrix>,
    pub(super) within: Vec<Matrix>,
    /// What each set adds to q, and x² Σθ_j²: for each f, for each set.
    parts: Vec<Vec<[Matrix; 2]>>,
    pub(super) scratch: Scratch,
}

/// Tables that hold something during a phase only.
pub(super) struct Scratch {
    rest: Matrix,
    before: [Matrix; 2],
    /// q and the interactions within a row at the start of the phase.
    pub(super) start: [Matrix; 2],
    /// The [`FOUR`] sums of each row, which the draw needs.
    pub(super) sums: Matrix,
    state: Matrix,
}

impl Block {
    pub(super) fn new(design: &BlockDesign, k: usize, lanes: usize, slot: &mut u32) -> Self {
        let rows = design.counts.len();
        let table = || Matrix::zeros(rows, lanes);
        let own = Weights::new(k, lanes, rows, design.present(), slot);
        let of_set = |set: &SetDesign| Weights::new(k, lanes, set.columns(), set.present(), slot);
        Self {
            own,
            sets: design.sets.iter().map(of_set).collect(),
            sum: vec![table(); k + 1],
            within: vec![table(); k + 1],
            parts: (0..=k).map(|_| design.sets.iter().map(|_| [table(), table()]).collect()).collect(),
            scratch: Scratch {
                rest: table(),
                before: [table(), table()],
                start: [table(), table()],
                sums: Matrix::zeros(rows, FOUR * lanes),
                state: Matrix::zeros(rows, FOUR * lanes),
            },
        }
    }

    /// [`Weights::start`] for all columns.
    pub(super) fn start(&mut self, design: &BlockDesign, keys: &[u32], spread: f32) {
        self.own.start(keys, spread, |row| design.counts[row] > 0.0);
        for (weights, set) in self.sets.iter_mut().zip(&design.sets) {
            weights.start(keys, spread, |column| !set.by_column.row(column).is_empty());
        }
    }

    /// Fills q and the interactions within the rows for f, from all weights or after those of one set.
    pub(super) fn compose(
        &mut self,
        isa: Isa,
        design: &BlockDesign,
        f: usize,
        changed: impl Fn(usize) -> bool,
    ) {
        let lanes = self.own.tables[f].columns();
        for (index, (set, weights)) in design.sets.iter().zip(&self.sets).enumerate() {
            if changed(index) {
                let rows =
                    SetRows { starts: &set.by_row.starts, members: &set.by_row.members, values: &set.values };
                let [sum, squares] = &mut self.parts[f][index];
                let weights = weights.tables[f].as_slice();
                gibbs::set_sums(isa, lanes, rows, weights, sum.as_mut_slice(), squares.as_mut_slice());
            }
        }
        let sets: Vec<[&[f32]; 2]> =
            self.parts[f].iter().map(|[sum, squares]| [sum.as_slice(), squares.as_slice()]).collect();
        let block = Compose {
            own: self.own.tables[f].as_slice(),
            sets: &sets,
            rest: self.scratch.rest.as_mut_slice(),
            sum: self.sum[f].as_mut_slice(),
            within: self.within[f].as_mut_slice(),
        };
        gibbs::compose(isa, lanes, block);
    }

    /// Draws all weights of the block for f from the rows' four sums, which lie in the scratch; the start is kept there, too.
    pub(super) fn draw(&mut self, design: &BlockDesign, f: usize, alpha: &[f32], drawing: &mut Drawing<'_>) {
        let (isa, lanes) = (drawing.isa, alpha.len());
        // The rest of q is that of this f.
        self.compose(isa, design, f, |_| false);
        self.scratch.start[0].as_mut_slice().copy_from_slice(self.sum[f].as_slice());
        self.scratch.start[1].as_mut_slice().copy_from_slice(self.within[f].as_slice());
        let square = square(f);

        self.own.draw_priors(f, drawing);
        let noise = drawing.noise(self.own.slot(f));
        let columns = OneHot {
            counts: &design.counts,
            square,
            rest: self.scratch.rest.as_slice(),
            sums: self.scratch.sums.as_slice(),
            weights: self.own.tables[f].as_mut_slice(),
        };
        let prior = Conditional { mean: &self.own.mean[f], precision: &self.own.precision[f], noise: alpha };
        gibbs::one_hot(isa, &prior, noise, columns);
        self.settle(isa, design, f, |_| false);

        for (index, set) in design.sets.iter().enumerate() {
            let weights = &mut self.sets[index];
            weights.draw_priors(f, drawing);
            let noise = drawing.noise(weights.slot(f));
            let (q, sums) = (self.sum[f].as_slice(), self.scratch.sums.as_slice());
            let state = self.scratch.state.as_mut_slice();
            gibbs::set_start(isa, lanes, (&set.values, &design.counts), square, q, sums, state);
            let prior =
                Conditional { mean: &weights.mean[f], precision: &weights.precision[f], noise: alpha };
            let columns = SetColumns {
                starts: &set.by_column.starts,
                rows: &set.by_column.members,
                fourths: &set.fourths,
                column_fourths: &set.column_fourths,
                square,
                weights: weights.tables[f].as_mut_slice(),
                state,
            };
            gibbs::set_columns(isa, &prior, noise, columns);
            self.settle(isa, design, f, |changed| changed == index);
        }
    }

    /// Brings q, the interactions within the rows and the four sums up to date.
    fn settle(&mut self, isa: Isa, design: &BlockDesign, f: usize, changed: impl Fn(usize) -> bool) {
        let lanes = self.own.tables[f].columns();
        self.scratch.before[0].as_mut_slice().copy_from_slice(self.sum[f].as_slice());
        self.scratch.before[1].as_mut_slice().copy_from_slice(self.within[f].as_slice());
        self.compose(isa, design, f, changed);
        let before = [self.scratch.before[0].as_slice(), self.scratch.before[1].as_slice()];
        let now = [self.sum[f].as_slice(), self.within[f].as_slice()];
        gibbs::settle(isa, lanes, (&design.counts, square(f)), before, now, self.scratch.sums.as_mut_slice());
    }

    /// What a phase of f has changed in the rows' levels.
    pub(super) fn shift(&self, isa: Isa, f: usize, level: &mut [f32]) {
        let lanes = self.own.tables[f].columns();
        let (before, now) = if f == 0 {
            (&self.scratch.start[0], &self.sum[f])
        } else {
            (&self.scratch.start[1], &self.within[f])
        };
        gibbs::shift(isa, lanes, before.as_slice(), now.as_slice(), level);
    }
}

/// What n counts in a row's sums: nothing for linear weights.
pub(super) fn square(f: usize) -> f32 {
    if f == 0 { 0.0 } else { 1.0 }
}
