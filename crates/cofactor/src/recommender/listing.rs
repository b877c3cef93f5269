//! From somebody and a request to a list of picks.

use super::{Basis, Pick, Recommendation, Recommender, Request, Unknown, top};
use crate::data::ids::{Item, User};
use crate::data::ratings::Row;
use crate::error::Result;
use crate::fit::model::Newcomer;

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
    offered: Vec<bool>,
}

impl<'a, 'r> Listing<'a, 'r> {
    pub(super) fn of(recommender: &'a Recommender, request: &'r Request) -> Result<Self> {
        let counts = &recommender.counts.items;
        let mut offered: Vec<bool> = match &request.allow {
            None => counts.iter().map(|&count| count > 0).collect(),
            Some(_) => vec![false; counts.len()],
        };
        for text in request.allow.iter().flatten() {
            offered[recommender.item(text)?.index()] = true;
        }
        for text in &request.deny {
            offered[recommender.item(text)?.index()] = false;
        }
        Ok(Self { recommender, request, offered })
    }

    /// What to do about unknown users.
    pub(super) fn unknown(&self) -> Unknown {
        self.request.unknown
    }

    /// Room for one score of each item, to be used again and again.
    pub(super) fn scratch(&self) -> Vec<f32> {
        vec![0.0; self.offered.len()]
    }

    /// The list for somebody with that history.
    pub(super) fn list(
        &self,
        subject: &Subject<'_>,
        history: Row<'_>,
        scores: &mut [f32],
    ) -> Recommendation<'a> {
        let (recommender, request) = (self.recommender, self.request);
        self.score(subject, scores);
        let seen = if request.exclude_seen { history.items } else { &[] };
        let candidates = (0..).map(Item).zip(scores.iter().copied());
        let best = top::best(request.n, candidates, |item| {
            self.offered[item.index()] && seen.binary_search(&item).is_err()
        });
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

    fn score(&self, subject: &Subject<'_>, scores: &mut [f32]) {
        let model = &self.recommender.file.model;
        match subject {
            Subject::Known(user) => model.predict_all(Some(*user), None, scores),
            Subject::Folded(somebody) => somebody.score_all(scores),
            Subject::Popular => scores.copy_from_slice(self.recommender.popularity()),
            Subject::Mean => model.predict_all(None, None, scores),
        }
    }
}
