//! From somebody and a request to a list of picks.

use std::borrow::Cow;

use super::{Basis, Pick, Recommendation, Recommender, Request, Unknown, diverse};
use crate::data::ids::{Item, User};
use crate::data::ratings::Row;
use crate::error::Result;
use crate::eval::ranking::popularity;
use crate::fit::factors::best::Shelf;
use crate::fit::model::Newcomer;
use crate::fit::top;

/// Where a list shall be diverse, it is chosen from so many times as many items.
const DIVERSE_FROM: usize = 10;

/// Somebody to score items for.
pub(super) enum Subject<'a> {
    Known(User),
    Folded(Box<dyn Newcomer + 'a>),
    Popular,
    Mean,
}

impl Subject<'_> {
    /// A user who is known or not; `None`: nobody to score for.
    pub(super) fn of(user: Option<User>, unknown: Unknown) -> Option<Self> {
        match (user, unknown) {
            (Some(user), _) => Some(Self::Known(user)),
            (None, Unknown::Popular) => Some(Self::Popular),
            (None, Unknown::Mean) => Some(Self::Mean),
            (None, Unknown::Error) => None,
        }
    }

    fn basis(&self) -> Basis {
        match self {
            Self::Known(_) => Basis::Model,
            Self::Folded(..) => Basis::FoldIn,
            Self::Popular => Basis::Popular,
            Self::Mean => Basis::Mean,
        }
    }
}

/// A request whose items have been found.
pub(super) struct Listing<'a, 'r> {
    recommender: &'a Recommender,
    request: &'r Request,
    /// For each item, whether it may be recommended.
    offered: Cow<'a, [bool]>,
    /// What is added to each item's score; none: nothing.
    extra: Option<Vec<f32>>,
}

impl<'a, 'r> Listing<'a, 'r> {
    pub(super) fn of(recommender: &'a Recommender, request: &'r Request) -> Result<Self> {
        let counts = &recommender.counts.items;
        let mut offered = match &request.allow {
            None => Cow::Borrowed(&recommender.counts.rated[..]),
            Some(_) => Cow::Owned(vec![false; counts.len()]),
        };
        for text in request.allow.iter().flatten() {
            offered.to_mut()[recommender.item(text)?.index()] = true;
        }
        for text in &request.deny {
            offered.to_mut()[recommender.item(text)?.index()] = false;
        }
        if !request.categories.is_empty() {
            let fits = recommender.of_categories(&request.categories)?;
            for (offered, fits) in offered.to_mut().iter_mut().zip(fits) {
                *offered &= fits;
            }
        }
        diverse::check(request.diversity)?;
        let extra = popularity::adjustments(counts, request.popularity)?;
        Ok(Self { recommender, request, offered, extra })
    }

    /// What to do about unknown users.
    pub(super) fn unknown(&self) -> Unknown {
        self.request.unknown
    }

    /// Room for one score of each item, to be used again and again.
    pub(super) fn scratch(&self) -> Vec<f32> {
        vec![0.0; self.offered.len()]
    }

    /// The items packed for many users at once, where the model's scores are one inner product.
    pub(super) fn shelf(&self) -> Option<Shelf<'_>> {
        let factors = self.recommender.file.model.factors()?;
        Shelf::of(factors, &self.offered, self.extra.as_deref())
    }

    /// The best of the items for known users, whom the shelf takes together.
    pub(super) fn best(&self, shelf: &Shelf<'_>, users: &[User]) -> Vec<Vec<(Item, f32)>> {
        let wide =
            shelf.best(users, self.considered(), |user| self.seen(self.recommender.file.seen.row(user)));
        wide.into_iter().map(|best| self.diverse(best)).collect()
    }

    /// How many of the best are looked at: more than are asked for where they shall differ.
    fn considered(&self) -> usize {
        let n = self.request.n;
        if self.request.diversity > 0.0 { n.saturating_mul(DIVERSE_FROM) } else { n }
    }

    fn diverse(&self, best: Vec<(Item, f32)>) -> Vec<(Item, f32)> {
        match self.recommender.file.model.factors() {
            Some(factors) if self.request.diversity > 0.0 => {
                diverse::choose(factors, best, self.request.n, self.request.diversity)
            }
            _ => best.into_iter().take(self.request.n).collect(),
        }
    }

    /// The list for somebody with that history.
    pub(super) fn list(
        &self,
        subject: &Subject<'_>,
        history: Row<'_>,
        scores: &mut [f32],
    ) -> Recommendation<'a> {
        self.score(subject, scores);
        self.add_extra(scores);
        self.best_by(scores, subject, history)
    }

    /// The scores of known users, whom the model scores together: a row for each.
    pub(super) fn score_together(&self, users: &[User]) -> Vec<f32> {
        let mut scores = vec![0.0; users.len() * self.offered.len()];
        self.recommender.file.model.predict_many(users, &mut scores);
        scores.chunks_mut(self.offered.len().max(1)).for_each(|row| self.add_extra(row));
        scores
    }

    /// The list by scores.
    pub(super) fn best_by(
        &self,
        scores: &[f32],
        subject: &Subject<'_>,
        history: Row<'_>,
    ) -> Recommendation<'a> {
        let seen = self.seen(history);
        let best = top::best_items(self.considered(), scores, |item| {
            self.offered[item.index()] && seen.binary_search(&item).is_err()
        });
        self.with_reasons(subject, history, self.diverse(best))
    }

    /// Chosen items, with their names and the reasons that are asked for.
    pub(super) fn with_reasons(
        &self,
        subject: &Subject<'_>,
        history: Row<'_>,
        best: Vec<(Item, f32)>,
    ) -> Recommendation<'a> {
        let (recommender, request) = (self.recommender, self.request);
        let taken_in = match subject {
            Subject::Known(_) if request.reasons > 0 => recommender.fold_in(history).ok(),
            _ => None,
        };
        let somebody = match subject {
            Subject::Folded(somebody) => Some(&**somebody),
            _ => taken_in.as_deref(),
        };
        let reasons = |item| match somebody {
            Some(somebody) if request.reasons > 0 => {
                recommender.reasons(somebody, history, item, request.reasons)
            }
            _ => Vec::new(),
        };
        let pick = |(item, score)| Pick { item: recommender.named(item), score, reasons: reasons(item) };
        Recommendation { basis: subject.basis(), picks: best.into_iter().map(pick).collect() }
    }

    /// What is left out because the user knows it.
    fn seen<'h>(&self, history: Row<'h>) -> &'h [Item] {
        if self.request.exclude_seen { history.items } else { &[] }
    }

    fn score(&self, subject: &Subject<'_>, scores: &mut [f32]) {
        let model = &self.recommender.file.model;
        match subject {
            Subject::Known(user) => model.predict_all(Some(*user), None, scores),
            Subject::Folded(somebody) => somebody.score_all(scores),
            Subject::Popular => scores.copy_from_slice(self.recommender.popularity()),
            Subject::Mean => model.predict_all(None, None, scores),
        }
    }

    fn add_extra(&self, scores: &mut [f32]) {
        for (score, extra) in scores.iter_mut().zip(self.extra.iter().flatten()) {
            *score += extra;
        }
    }
}
