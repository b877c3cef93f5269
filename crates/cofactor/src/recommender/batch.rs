//! Recommendations for everybody, in bounded memory.

use rayon::ThreadPool;
use rayon::prelude::*;
use serde::Serialize;

use super::listing::{Listing, Subject};
use super::{Recommendation, Recommender, Request, Unknown};
use crate::data::ids::{RawId, User};
use crate::error::Result;
use crate::fit::factors::best::{BLOCK, Shelf};
use crate::fit::model::TOGETHER;
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
    /// Cost: O(nk) a user; where scores are one inner product, 256 users at a time by tiles of the items. Memory: the lists, and n scores a thread (32n where a model scores users together) or 4(k + 1) bytes an item.
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
        let known: Vec<Option<User>> = users.iter().map(|&raw| self.known_user(raw)).collect();
        let pool = thread_pool(threads)?;
        Ok(self.lists(&known, &listing, listing.shelf().as_ref(), &pool))
    }

    /// The same lists as [`Self::recommend`] makes, for all users in the order of their ids, each handed to `take`.
    ///
    /// Users without a training rating are treated by `request.unknown`, or left out where that is an error. Memory: that of [`Self::recommend_each`].
    ///
    /// # Errors
    /// The first that `take` returns, which ends the work; and those of [`Self::recommend`].
    pub fn recommend_all(
        &self,
        request: &Request,
        threads: usize,
        take: impl FnMut(UserPicks<'_>) -> Result<()>,
    ) -> Result<()> {
        let catalog = self.catalog();
        let listed = |user: &usize| request.unknown != Unknown::Error || self.counts.users[*user] > 0;
        let users: Vec<RawId<'_>> =
            (0..catalog.users.len()).filter(listed).map(|user| catalog.users.raw(user)).collect();
        self.recommend_each(&users, request, threads, take)
    }

    /// The same lists as [`Self::recommend`] makes, for some users in the order given, each handed to `take`.
    ///
    /// Cost: O(nk) a user; where scores are one inner product, 256 users at a time by tiles of the items. Memory: n scores a thread or 4(k + 1) bytes an item, a
    /// block of about 65 000 picks, and a place for each user.
    ///
    /// # Errors
    /// The first that `take` returns, which ends the work; and those of [`Self::recommend`].
    pub fn recommend_each(
        &self,
        users: &[RawId<'_>],
        request: &Request,
        threads: usize,
        mut take: impl FnMut(UserPicks<'_>) -> Result<()>,
    ) -> Result<()> {
        let listing = Listing::of(self, request)?;
        let known: Vec<Option<User>> = users.iter().map(|&raw| self.known_user(raw)).collect();
        if request.unknown == Unknown::Error
            && let Some(place) = known.iter().position(Option::is_none)
        {
            return Err(self.unknown_user(&users[place].to_string()));
        }
        let (shelf, pool) = (listing.shelf(), thread_pool(threads)?);
        let picks_each = request.n.clamp(1, self.counts.items.len().max(1)) * (1 + request.reasons);
        let block = (BLOCK_PICKS / picks_each).max(BLOCK * pool.current_num_threads());
        for (users, known) in users.chunks(block).zip(known.chunks(block)) {
            let lists = self.lists(known, &listing, shelf.as_ref(), &pool);
            for (&user, list) in users.iter().zip(lists) {
                if let Some(list) = list {
                    take(UserPicks { user, list })?;
                }
            }
        }
        Ok(())
    }

    /// The lists of users who are known or not, in their order; `None` where unknown users are an error.
    fn lists<'a>(
        &'a self,
        users: &[Option<User>],
        listing: &Listing<'a, '_>,
        shelf: Option<&Shelf<'_>>,
        pool: &ThreadPool,
    ) -> Vec<Option<Recommendation<'a>>> {
        let one = |scores: &mut Vec<f32>, known: Option<User>| {
            let subject = Subject::of(known, listing.unknown())?;
            Some(listing.list(&subject, self.row(known), scores))
        };
        let by_block = |shelf: &Shelf<'_>, users: &[Option<User>]| -> Vec<Option<Recommendation<'a>>> {
            let known: Vec<User> = users.iter().flatten().copied().collect();
            let mut best = listing.best(shelf, &known).into_iter();
            let mut scores = if known.len() < users.len() { listing.scratch() } else { Vec::new() };
            let mut list = |user: &Option<User>| match user {
                Some(user) => {
                    let best = best.next().unwrap_or_default();
                    Some(listing.with_reasons(&Subject::Known(*user), self.row(Some(*user)), best))
                }
                None => one(&mut scores, None),
            };
            users.iter().map(&mut list).collect()
        };
        let together = |users: &[Option<User>]| -> Vec<Option<Recommendation<'a>>> {
            let known: Vec<User> = users.iter().flatten().copied().collect();
            let scores = listing.score_together(&known);
            let mut rows = scores.chunks_exact((scores.len() / known.len().max(1)).max(1));
            let mut scratch = if known.len() < users.len() { listing.scratch() } else { Vec::new() };
            let mut list = |user: &Option<User>| match user {
                Some(known) => {
                    let scores = rows.next().unwrap_or_default();
                    Some(listing.best_by(scores, &Subject::Known(*known), self.row(*user)))
                }
                None => one(&mut scratch, None),
            };
            users.iter().map(&mut list).collect()
        };
        pool.install(|| match shelf {
            Some(shelf) => users.par_chunks(BLOCK).flat_map_iter(|users| by_block(shelf, users)).collect(),
            None if self.file.model.whole_rows() => {
                users.par_chunks(TOGETHER).flat_map_iter(together).collect()
            }
            None => {
                users.par_iter().map_init(|| listing.scratch(), |scores, &known| one(scores, known)).collect()
            }
        })
    }
}
