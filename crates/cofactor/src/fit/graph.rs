//! Users and items as a graph: each item is a neighbour of those who took it.

use cofactor_kernels::sum_rows;

use super::factors::Matrix;
use super::run::Run;
use super::sweep::rows;
use crate::data::ids::{Item, User};
use crate::data::ratings::Ratings;

/// R̃ = D_u^−½ R D_i^−½, where R is one where a user has taken an item, and D are how many each has.
#[derive(Debug, Clone)]
pub(crate) struct Graph {
    pub(crate) taken: Ratings,
    /// 1/n_u; 0 for nothing.
    pub(crate) users: Vec<f32>,
    /// n_i^−½; 0 for nothing.
    pub(crate) items: Vec<f32>,
    /// n_i.
    pub(crate) counts: Vec<usize>,
}

impl Graph {
    /// Of those who took something; every rating says so.
    pub(crate) fn new(taken: Ratings) -> Self {
        let inverse = |count: usize| if count == 0 { 0.0 } else { 1.0 / count as f64 };
        let users = taken.user_counts().map(|count| inverse(count) as f32).collect();
        let counts = taken.item_counts();
        let items = counts.iter().map(|&count| inverse(count).sqrt() as f32).collect();
        taken.by_item();
        Self { taken, users, items, counts }
    }

    /// X ← R̃ᵀR̃X, which leaves of its columns what neighbours agree on. Cost: O(Nk), in parallel.
    pub(crate) fn spread_all(&self, signals: &mut Matrix, run: &Run<'_>) {
        let isa = run.isa();
        let scale = |row: &mut [f32], by: f32| {
            for entry in row {
                *entry *= by;
            }
        };
        rows(run.pool(), signals, |item, row| scale(row, self.items[item]));
        let mut heard = Matrix::zeros(self.users.len(), signals.columns());
        rows(run.pool(), &mut heard, |user, row| {
            let items = bytemuck::cast_slice(self.taken.row(User(user as u32)).items);
            sum_rows(isa, items, signals.as_slice(), row);
            scale(row, self.users[user]);
        });
        rows(run.pool(), signals, |item, row| {
            let (users, _) = self.taken.by_item().column(Item(item as u32));
            sum_rows(isa, bytemuck::cast_slice(users), heard.as_slice(), row);
            scale(row, self.items[item]);
        });
    }
}
