//! Whether a model knows how sure it is: the share of test ratings within its intervals.
//!
//! ```text
//! C = Σ_u c_u / Σ_u n_u,  c_u the ratings of user u within the intervals that the model's outlook gives them
//! ```
//! with the standard error of `metric`, equation (2): users are the unit.

use rayon::ThreadPool;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::interval::clustered_mean;
use crate::data::ids::User;
use crate::data::ratings::Ratings;
use crate::fit::model::{Model, Query};

/// The shares that are looked at.
pub const SHARES: [f64; 11] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99];

/// How many test ratings lie within the intervals of one share.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// The share that the intervals promise.
    pub promised: f64,
    /// The share that they hold.
    pub found: f64,
    /// Its standard error; none of fewer than two users.
    pub stderr: Option<f64>,
}

/// The coverage for each of [`SHARES`]; empty for a model that does not say how sure it is. Cost: twice that of predicting.
pub fn coverage(model: &dyn Model, test: &Ratings, pool: &ThreadPool) -> Vec<Coverage> {
    let of_user = |user: u32| -> Option<([f64; SHARES.len()], usize)> {
        let user = User(user);
        let mut within = [0.0; SHARES.len()];
        for rated in test.row(user).iter() {
            let query = Query { user: Some(user), item: Some(rated.item), time: rated.time };
            let share = model.outlook(query)?.share(model.predict(query), rated.value);
            for (within, promised) in within.iter_mut().zip(SHARES) {
                *within += f64::from(u8::from(share <= promised));
            }
        }
        Some((within, test.row(user).len()))
    };
    let users: Option<Vec<([f64; SHARES.len()], usize)>> =
        pool.install(|| (0..test.users() as u32).into_par_iter().with_min_len(64).map(of_user).collect());
    let Some(users) = users.filter(|_| !test.is_empty()) else { return Vec::new() };
    let rated: Vec<&([f64; SHARES.len()], usize)> = users.iter().filter(|(_, n)| *n > 0).collect();
    let of_share = |(place, promised): (usize, f64)| {
        let (found, stderr) = clustered_mean(rated.iter().map(|(within, n)| (*n, within[place])));
        Coverage { promised, found, stderr: stderr.is_finite().then_some(stderr) }
    };
    SHARES.into_iter().enumerate().map(of_share).collect()
}
