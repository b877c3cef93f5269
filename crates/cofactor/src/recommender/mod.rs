//! Answers to people's questions, by their own ids and by titles: predictions, recommendations, neighbours, reasons.
//!
//! This is the one place beside reading and reporting that speaks raw ids. Whoever or whatever has no rating in the training
//! part counts as unknown, in the catalogue or not.

mod batch;
#[cfg(feature = "parquet")]
mod columns;
mod details;
mod diverse;
mod example;
mod explain;
mod history;
mod judge;
mod listing;
mod question;
mod refit;
mod similar;
#[cfg(test)]
mod tests;
mod titles;

use std::fmt::Display;
use std::path::Path;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::data::ids::{IdMap, Item, RawId, User};
use crate::data::ratings::{Catalog, Row, Scale, Time};
use crate::error::{Error, Result};
use crate::fit::algorithm::Task;
use crate::fit::model::{Newcomer, Query};
use crate::fit::outlook::Outlook;
use crate::registry;
use crate::store::ModelFile;

pub use batch::UserPicks;
#[cfg(feature = "parquet")]
pub use columns::ParquetPicks;
pub use details::{ItemDetails, Spot};
pub use example::example_user;
pub use explain::{Contribution, Explanation};
pub use history::{HistoryEntry, parse_history};
pub use question::Question;
pub use similar::{MIN_RATINGS, Neighbour};

use history::History;
use listing::{Listing, Subject};
use titles::Titles;

/// How many ratings at the training mean each item is given in a damped mean ([`Unknown::Popular`]).
pub const DAMPING: f64 = 10.0;

/// How many items an ambiguous text lists.
const CANDIDATES_SHOWN: usize = 8;

/// A model that answers by raw ids.
pub struct Recommender {
    file: ModelFile,
    task: Task,
    titles: Titles,
    /// Training ratings of each user and item.
    counts: Counts,
    popularity: OnceLock<Vec<f32>>,
}

struct Counts {
    users: Vec<usize>,
    items: Vec<usize>,
    /// Whether an item has a rating: what is on offer as a rule.
    rated: Vec<bool>,
}

/// For whom to recommend.
#[derive(Debug, Clone, Copy)]
pub enum Who<'a> {
    /// A user by raw id.
    User(&'a str),
    /// Somebody new, who brings a few ratings and is folded in; nothing of it is kept.
    History(&'a [HistoryEntry]),
    /// A user, by raw id, who has rated since training, in the order of time: the training ratings and these, of which the last one of an item counts (for a model that ranks, their sum), are folded in
    /// together. Items that training never saw are left out. Without such ratings the same as [`Who::User`].
    Since(&'a str, &'a [HistoryEntry]),
    /// A user, by raw id, whose training ratings do not count any more: what has come since, as in [`Who::Since`], is all there is. Without such ratings an unknown user.
    Forgotten(&'a str, &'a [HistoryEntry]),
}

/// Somebody, when it has been looked up what there is of them.
enum Somebody {
    /// What the model has learned.
    Trained(User),
    /// Ratings to fold in.
    New(History),
    /// Nothing, and how to say so.
    Nobody(Error),
}

/// What to do about a user or an item that training never saw.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unknown {
    /// Refuse: [`Error::UnknownId`].
    #[default]
    Error,
    /// Say what most people like: the item's damped mean, (Σr + 10μ)/(n + 10), or for a ranking model its number of ratings.
    Popular,
    /// Ask the model about an average user, its prior: somebody who is folded in without a rating.
    #[serde(alias = "fold-in")]
    Mean,
}

/// What an answer rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// What the model has learned of the user.
    Model,
    /// The few ratings that a new user has brought.
    FoldIn,
    /// Nothing is known of the user: [`Unknown::Popular`].
    Popular,
    /// Nothing is known of the user: [`Unknown::Mean`].
    Mean,
}

/// A predicted rating.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// As the model says it.
    pub value: f32,
    /// The nearest value on the scale of the ratings.
    pub clipped: f32,
    /// Whether the user has training ratings.
    pub known_user: bool,
    /// Whether the item has training ratings.
    pub known_item: bool,
    /// What the value rests on.
    pub basis: Basis,
    /// How sure the model is of it, if it knows.
    #[serde(flatten)]
    pub outlook: Option<Outlook>,
}

impl Prediction {
    /// Where the rating lies with this probability, between 0 and 1, within the scale; `None` if the model does not know how sure it is.
    pub fn interval(&self, share: f64, scale: Scale) -> Option<[f32; 2]> {
        let reach = self.outlook.as_ref()?.reach(share);
        Some([scale.clip(self.value - reach), scale.clip(self.value + reach)])
    }
}

/// What is asked of a recommendation.
#[derive(Debug, Clone)]
pub struct Request {
    /// At most so many picks.
    pub n: usize,
    /// Whether to leave out what the user has rated in the training part or in the history.
    pub exclude_seen: bool,
    /// Only these items, by raw id or title; without this, all that have a training rating.
    pub allow: Option<Vec<String>>,
    /// None of these items, by raw id or title.
    pub deny: Vec<String>,
    /// Only items of at least one of these categories; without any, all.
    pub categories: Vec<String>,
    /// What to do about an unknown user.
    pub unknown: Unknown,
    /// With each pick, at most so many of the user's ratings that spoke for it the most; none where the model cannot tell. Zero
    /// costs nothing.
    pub reasons: usize,
    /// What each item's score gains with its popularity: this times ln(n_i / n_max) for n_i training ratings. Above zero, popular items come first more
    /// often; below zero, less often; 0 leaves the scores as they are.
    pub popularity: f32,
    /// From 0, the best scores, to 1: how much an item loses by being like one that stands above it.
    pub diversity: f32,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            n: 10,
            exclude_seen: true,
            allow: None,
            deny: Vec::new(),
            categories: Vec::new(),
            unknown: Unknown::Error,
            reasons: 0,
            popularity: 0.0,
            diversity: 0.0,
        }
    }
}

/// An item as people know it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct NamedItem<'a> {
    /// Its raw id.
    pub id: RawId<'a>,
    /// Its title, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<&'a str>,
}

impl Display for NamedItem<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.title {
            Some(title) => write!(f, "'{title}' (id {})", self.id),
            None => write!(f, "'{}'", self.id),
        }
    }
}

/// A recommended item.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pick<'a> {
    /// What.
    #[serde(flatten)]
    pub item: NamedItem<'a>,
    /// What it was chosen by: the predicted rating, not clipped, with what [`Request::popularity`] adds.
    pub score: f32,
    /// The user's ratings that spoke for it the most, the strongest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Contribution<'a>>,
}

/// A list of picks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recommendation<'a> {
    /// What the list rests on.
    pub basis: Basis,
    /// The picks, the best first; equal scores by the order of the raw ids.
    pub picks: Vec<Pick<'a>>,
}

impl Recommender {
    /// Opens a model file.
    pub fn open(path: &Path) -> Result<Self> {
        Self::new(ModelFile::load(path)?)
    }

    /// Takes a model. Cost: linear in ratings and titles.
    ///
    /// # Errors
    /// When the registry does not know the model's algorithm.
    pub fn new(file: ModelFile) -> Result<Self> {
        let task = registry::find(&file.algorithm)?.task;
        let items = file.seen.item_counts();
        let rated = items.iter().map(|&count| count > 0).collect();
        let counts = Counts { users: file.seen.user_counts().collect(), items, rated };
        let titles = Titles::of(file.catalog());
        Ok(Self { file, task, titles, counts, popularity: OnceLock::new() })
    }

    /// The model and what belongs to it.
    pub fn file(&self) -> &ModelFile {
        &self.file
    }

    /// The predicted rating of an item by a user, both by raw id.
    pub fn predict(&self, user: &str, item: &str, unknown: Unknown) -> Result<Prediction> {
        self.predict_at(RawId::Text(user), RawId::Text(item), None, unknown)
    }

    /// The same for a moment, which models without time ignore; without one they answer for the end of the training span.
    pub fn predict_at(
        &self,
        user: RawId<'_>,
        item: RawId<'_>,
        time: Option<Time>,
        unknown: Unknown,
    ) -> Result<Prediction> {
        let (found_user, found_item) = (self.known_user(user), self.known_item(item));
        self.predicted(found_user, found_item, time, unknown).ok_or_else(|| match found_user {
            None => self.unknown_user(&user.to_string()),
            Some(_) => self.unknown_item(&item.to_string()),
        })
    }

    /// The prediction for whom and what has training ratings; `None` where one of them has not and [`Unknown::Error`] refuses that.
    fn predicted(
        &self,
        user: Option<User>,
        item: Option<Item>,
        time: Option<Time>,
        unknown: Unknown,
    ) -> Option<Prediction> {
        let basis = match (user.is_some() && item.is_some(), unknown) {
            (true, _) => Basis::Model,
            (false, Unknown::Mean) => Basis::Mean,
            (false, Unknown::Popular) => Basis::Popular,
            (false, Unknown::Error) => return None,
        };
        let query = Query { user, item, time };
        let value = match (basis, item) {
            (Basis::Popular, Some(item)) => self.popularity()[item.index()],
            (Basis::Popular, None) if self.task == Task::Ranking => 0.0,
            (Basis::Popular, None) => self.file.seen.mean() as f32,
            _ => self.file.model.predict(query),
        };
        let outlook = match basis {
            Basis::Model | Basis::Mean => self.file.model.outlook(query),
            Basis::FoldIn | Basis::Popular => None,
        };
        Some(Prediction {
            value,
            clipped: self.file.data.scale.clip(value),
            known_user: user.is_some(),
            known_item: item.is_some(),
            basis,
            outlook,
        })
    }

    /// The best items for somebody: exactly the first `n` of all candidates by score. Cost: O(nk) for n items; with a history
    /// or reasons, O(|S|k² + k³) more for |S| ratings.
    ///
    /// # Errors
    /// An unknown user under [`Unknown::Error`], an item that cannot be found, a rating outside the scale, a model that cannot
    /// fold in.
    pub fn recommend(&self, who: Who<'_>, request: &Request) -> Result<Recommendation<'_>> {
        let listing = Listing::of(self, request)?;
        let mut scores = listing.scratch();
        match self.somebody(who)? {
            Somebody::Trained(user) => {
                Ok(listing.list(&Subject::Known(user), self.row(Some(user)), &mut scores))
            }
            Somebody::New(history) => {
                let folded = self.fold_in(history.row())?;
                Ok(listing.list(&Subject::Folded(folded), history.row(), &mut scores))
            }
            Somebody::Nobody(refusal) => {
                let subject = Subject::of(None, request.unknown).ok_or(refusal)?;
                Ok(listing.list(&subject, self.row(None), &mut scores))
            }
        }
    }

    fn somebody(&self, who: Who<'_>) -> Result<Somebody> {
        let (raw, user, news) = match who {
            Who::History(entries) => return History::of(self, entries).map(Somebody::New),
            Who::User(raw) => (raw, self.known_user(RawId::Text(raw)), None),
            Who::Since(raw, entries) => {
                let user = self.known_user(RawId::Text(raw));
                (raw, user, History::since(self, self.row(user), entries)?)
            }
            Who::Forgotten(raw, entries) => (raw, None, History::since(self, self.row(None), entries)?),
        };
        Ok(match (news, user, who) {
            (Some(history), ..) => Somebody::New(history),
            (None, Some(user), _) => Somebody::Trained(user),
            (None, None, Who::Forgotten(..)) => {
                Somebody::Nobody(unknown_user(raw, "what was known of them is forgotten"))
            }
            (None, None, _) => Somebody::Nobody(self.unknown_user(raw)),
        })
    }

    /// A list for somebody of whom nothing is known: the most popular items by [`Unknown::Popular`].
    ///
    /// # Errors
    /// Those of [`Self::recommend`].
    pub fn recommend_anybody(&self, request: &Request) -> Result<Recommendation<'_>> {
        let listing = Listing::of(self, request)?;
        Ok(listing.list(&Subject::Popular, Row::new(&[], &[]), &mut listing.scratch()))
    }

    /// The predicted ratings of some items, by raw id or title, for somebody. Cost: O(nk), and that of folding in.
    ///
    /// # Errors
    /// Those of [`Self::recommend`].
    pub fn predict_for(
        &self,
        who: Who<'_>,
        items: &[String],
        unknown: Unknown,
    ) -> Result<Vec<(ItemDetails<'_>, Prediction)>> {
        let found = items.iter().map(|text| self.item(text)).collect::<Result<Vec<Item>>>()?;
        let history;
        let (user, folded) = match self.somebody(who)? {
            Somebody::Trained(user) => (Some(user), None),
            Somebody::New(brought) => {
                history = brought;
                (None, Some(self.fold_in(history.row())?))
            }
            Somebody::Nobody(refusal) if unknown == Unknown::Error => return Err(refusal),
            Somebody::Nobody(_) => (None, None),
        };
        let predict = |item: Item| {
            let known_item = self.counts.items[item.index()] > 0;
            let Some(folded) = &folded else {
                let unknown_item = || self.unknown_item(&self.catalog().item_id(item).to_string());
                let known = known_item.then_some(item);
                return self.predicted(user, known, None, unknown).ok_or_else(unknown_item);
            };
            let value = folded.parts(item).sum();
            Ok(Prediction {
                value,
                clipped: self.file.data.scale.clip(value),
                known_user: true,
                known_item,
                basis: Basis::FoldIn,
                outlook: folded.outlook(item),
            })
        };
        found.into_iter().map(|item| Ok((self.details(item), predict(item)?))).collect()
    }

    /// What a user has rated in the training part, the highest rating first.
    pub fn history(&self, user: &str) -> Result<Vec<(NamedItem<'_>, f32)>> {
        let found = self.known_user(RawId::Text(user)).ok_or_else(|| self.unknown_user(user))?;
        let mut rated: Vec<_> = self.file.seen.row(found).iter().map(|r| (r.item, r.value)).collect();
        rated.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        Ok(rated.into_iter().map(|(item, value)| (self.named(item), value)).collect())
    }

    /// The item that a person means: by raw id, whole title, title without the year, or a part of the title that fits only
    /// one (in its year, if a year ends the text in parentheses). Case, accents and punctuation do not matter, nor where an article stands.
    ///
    /// # Errors
    /// [`Error::Ambiguous`] names the candidates, [`Error::UnknownId`] the nearest titles.
    pub fn find_item(&self, text: &str) -> Result<NamedItem<'_>> {
        self.item(text).map(|item| self.named(item))
    }

    fn item(&self, text: &str) -> Result<Item> {
        if let Some(index) = self.catalog().items.index_of(text) {
            return Ok(Item(index as u32));
        }
        let mut fits = self.titles.fits(self.catalog(), text);
        if let [only] = fits[..] {
            return Ok(only);
        }
        if fits.is_empty() {
            return Err(self.unknown_item(text));
        }
        fits.sort_by_key(|&item| (std::cmp::Reverse(self.counts.items[item.index()]), item));
        let candidates =
            fits.iter().take(CANDIDATES_SHOWN).map(|&item| self.named(item).to_string()).collect();
        Err(Error::Ambiguous { text: text.to_owned(), count: fits.len(), candidates })
    }

    fn catalog(&self) -> &Catalog {
        self.file.catalog()
    }

    fn named(&self, item: Item) -> NamedItem<'_> {
        let catalog = self.catalog();
        NamedItem { id: catalog.item_id(item), title: catalog.item_attributes.title(item.index()) }
    }

    fn known_user(&self, raw: RawId<'_>) -> Option<User> {
        let index = self.catalog().users.find(raw)?;
        (self.counts.users[index] > 0).then_some(User(index as u32))
    }

    fn known_item(&self, raw: RawId<'_>) -> Option<Item> {
        let index = self.catalog().items.find(raw)?;
        (self.counts.items[index] > 0).then_some(Item(index as u32))
    }

    fn unknown_user(&self, raw: &str) -> Error {
        let users = &self.catalog().users;
        let hint = match users.index_of(raw) {
            Some(_) => "no training rating is theirs".to_owned(),
            None => format!("{} were trained on{}", users.len(), range_of(users)),
        };
        unknown_user(raw, &hint)
    }

    fn unknown_item(&self, text: &str) -> Error {
        let items = &self.catalog().items;
        let near = self.titles.near(text, &self.counts.items);
        let hint = if items.index_of(text).is_some() {
            "it has no training rating".to_owned()
        } else if near.is_empty() {
            format!("{} were trained on{}", items.len(), range_of(items))
        } else {
            let near: Vec<String> = near.into_iter().map(|item| self.named(item).to_string()).collect();
            format!("did you mean {}?", near.join(" or "))
        };
        Error::UnknownId { side: "item", id: text.to_owned(), hint }
    }

    /// The training ratings of a user; none for nobody.
    fn row(&self, user: Option<User>) -> Row<'_> {
        user.map_or(Row::new(&[], &[]), |user| self.file.seen.row(user))
    }

    /// Somebody who comes with a few ratings.
    fn fold_in<'a>(&'a self, row: Row<'a>) -> Result<Box<dyn Newcomer + 'a>> {
        self.file.model.fold_in(row).ok_or_else(|| {
            let problem = format!("a '{}' model takes nobody in after training", self.file.algorithm);
            Error::unsupported(problem, "use a model with factors, such as 'mf'")
        })
    }

    /// For each item how popular it is, by [`Unknown::Popular`]. Made at the first call.
    fn popularity(&self) -> &[f32] {
        self.popularity.get_or_init(|| {
            if self.task == Task::Ranking {
                return self.counts.items.iter().map(|&count| count as f32).collect();
            }
            let mut sums = vec![DAMPING * self.file.seen.mean(); self.counts.items.len()];
            for rating in self.file.seen.iter() {
                sums[rating.item.index()] += f64::from(rating.value);
            }
            let damped = |(sum, &count): (f64, &usize)| (sum / (DAMPING + count as f64)) as f32;
            sums.into_iter().zip(&self.counts.items).map(damped).collect()
        })
    }
}

fn unknown_user(raw: &str, why: &str) -> Error {
    let hint = format!("{why}; somebody new can bring a few ratings, or be given what is popular");
    Error::UnknownId { side: "user", id: raw.to_owned(), hint }
}

/// ", from '1' to '943'", where there are any.
fn range_of(ids: &IdMap) -> String {
    match ids.len() {
        0 => String::new(),
        len => format!(", from '{}' to '{}'", ids.raw(0), ids.raw(len - 1)),
    }
}
