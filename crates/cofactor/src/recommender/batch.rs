//! Recommendations for everybody, in bounded memory.

use rayon::prelude::*;
use serde::Serialize;

use super::listing::{Listing, Subject};
use super::{Recommendation, Recommender, Request};
use crate::data::ids::{RawId, User};
use crate::error::Result;
use crate::fit::run::thread_pool;

/// One user's list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UserPicks<'a> {
    /// Who.
    pub user: RawId<'a>,
    /// The picks and what they rest on.
    #[serde(flatten)]
    pub list: Recommendation<'a>,
}

/// How many picks may wait for their turn to be taken.
const BLOCK_PICKS: usize = 1 << 16;

impl Recommender {
    /// The same lists as [`Self::recommend`] makes, for some users in the order given; `None` for one who is unknown, where that is an error.
    ///
    /// Memory: the lists, and n scores a thread.
    ///
    /// # Errors
    /// Those of [`Self::recommend`], but for unknown users.
    pub fn recommend_some(
        &self,
        users: &[RawId<'_>],
        request: &Request,
        threads: usize,
    ) -> Result<Vec<Option<Recommendation<'_>>>> {
        let listing = Listing::of(self, request)?;
        let list = |scores: &mut Vec<f32>, &raw: &RawId<'_>| {
            let known = self.known_user(raw);
            let subject = Subject::of(known, listing.unknown())?;
            Some(listing.list(&subject, self.row(known), scores))
        };
        let pool = thread_pool(threads)?;
        Ok(pool.install(|| users.par_iter().map_init(|| listing.scratch(), list).collect()))
    }

    /// The same lists as [`Self::recommend`] makes, for all users in the order of their ids, each handed to `take`.
    ///
    /// Users without a training rating are treated by `request.unknown`, or left out where that is an error. Memory: n scores a
    /// thread and a block of about 65 000 picks, whatever the number of users.
    ///
    /// # Errors
    /// The first that `take` returns, which ends the work; and those of [`Self::recommend`].
    pub fn recommend_all(
        &self,
        request: &Request,
        threads: usize,
        mut take: impl FnMut(UserPicks<'_>) -> Result<()>,
    ) -> Result<()> {
        let listing = Listing::of(self, request)?;
        let pool = thread_pool(threads)?;
        let picks_each = request.n.clamp(1, self.counts.items.len().max(1)) * (1 + request.reasons);
        let block = (BLOCK_PICKS / picks_each).max(pool.current_num_threads()) as u32;
        let users = self.counts.users.len() as u32;
        let mut start = 0;
        while start < users {
            let end = users.min(start.saturating_add(block));
            let lists: Vec<Option<UserPicks<'_>>> = pool.install(|| {
                let list = |scores: &mut Vec<f32>, user| self.list_user(User(user), &listing, scores);
                (start..end).into_par_iter().map_init(|| listing.scratch(), list).collect()
            });
            lists.into_iter().flatten().try_for_each(&mut take)?;
            start = end;
        }
        Ok(())
    }

    fn list_user<'a>(
        &'a self,
        user: User,
        listing: &Listing<'a, '_>,
        scores: &mut [f32],
    ) -> Option<UserPicks<'a>> {
        let known = (self.counts.users[user.index()] > 0).then_some(user);
        let subject = Subject::of(known, listing.unknown())?;
        let list = listing.list(&subject, self.row(known), scores);
        Some(UserPicks { user: self.catalog().user_id(user), list })
    }
}
