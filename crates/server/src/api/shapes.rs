//! What is asked and what is answered: the shapes of the interface.

use cofactor::data::ids::RawId;
use cofactor::data::ratings::Scale;
use cofactor::recommender::{self, Basis, HistoryEntry, ItemDetails, Neighbour, Prediction};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::{maybe_objects, objects};

/// A raw id: a number where all ids of the data are, else a text.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Id<'a> {
    Integer(i64),
    Text(&'a str),
}

impl<'a> From<RawId<'a>> for Id<'a> {
    fn from(id: RawId<'a>) -> Self {
        match id {
            RawId::Integer(id) => Self::Integer(id),
            RawId::Text(id) => Self::Text(id),
        }
    }
}

/// One rating.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rating {
    /// The item, by id or title.
    pub(crate) item: String,
    /// The rating.
    pub(crate) value: f32,
}

pub(crate) fn history(ratings: Vec<Rating>) -> Vec<HistoryEntry> {
    ratings.into_iter().map(|rating| HistoryEntry { item: rating.item, value: rating.value }).collect()
}

/// What to do about a user whom training never saw.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Unknown {
    /// Answer with a problem.
    #[default]
    Error,
    /// Answer with what most people like.
    Popular,
    /// Answer for somebody who is folded in without a rating.
    #[serde(alias = "mean")]
    FoldIn,
}

impl From<Unknown> for recommender::Unknown {
    fn from(unknown: Unknown) -> Self {
        match unknown {
            Unknown::Error => Self::Error,
            Unknown::Popular => Self::Popular,
            Unknown::FoldIn => Self::Mean,
        }
    }
}

/// Which model.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ModelQuery {
    /// A model by name; without it, the first.
    pub(crate) model: Option<String>,
}

/// An item.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Item<'a> {
    id: Id<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    year: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    categories: Vec<&'a str>,
    /// How many training ratings it has.
    ratings: usize,
}

impl<'a> From<ItemDetails<'a>> for Item<'a> {
    fn from(details: ItemDetails<'a>) -> Self {
        let ItemDetails { item, year, categories, ratings } = details;
        Self { id: item.id.into(), title: item.title, year, categories, ratings }
    }
}

/// A rating of the user that spoke for a pick.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reason<'a> {
    id: Id<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    /// How the user rated it.
    rating: f32,
    /// What that adds to the score, in units of the ratings.
    share: f32,
    /// The part of the share that is owed to the item in question; the rest tells how generously the user rates.
    taste: f32,
}

impl<'a> From<recommender::Contribution<'a>> for Reason<'a> {
    fn from(given: recommender::Contribution<'a>) -> Self {
        let recommender::Contribution { item, rating, share, taste } = given;
        Self { id: item.id.into(), title: item.title, rating, share, taste }
    }
}

/// Where a rating lies with a probability.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Interval {
    low: f32,
    high: f32,
    /// The probability.
    level: f32,
}

/// Which list.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RecommendRequest {
    /// Somebody whom the model or the store of events knows. Not together with `ratings`.
    pub(crate) user: Option<String>,
    /// Somebody new, with these ratings; nothing of them is kept. Without ratings and user, the most popular items, made diverse.
    #[serde(default, deserialize_with = "maybe_objects")]
    pub(crate) ratings: Option<Vec<Rating>>,
    /// At most so many picks.
    #[schema(minimum = 0, maximum = 1000)]
    pub(crate) n: usize,
    /// With each pick, at most so many of the user's ratings that spoke for it the most.
    #[schema(minimum = 0, maximum = 100)]
    pub(crate) reasons: usize,
    /// Whether what the user has rated is left out.
    pub(crate) exclude_seen: bool,
    /// Only these items, by id or title.
    pub(crate) allow: Option<Vec<String>>,
    /// None of these items, by id or title.
    pub(crate) deny: Vec<String>,
    /// Only items of at least one of these categories.
    pub(crate) categories: Vec<String>,
    /// Above 0, popular items come first more often; below, less often.
    pub(crate) popularity: f32,
    /// From 0 to 1: how much an item loses by being like one above it.
    #[schema(minimum = 0, maximum = 1)]
    pub(crate) diversity: f32,
    /// The probability of an interval for each pick, from a model that knows how sure it is.
    #[schema(exclusive_minimum = 0, exclusive_maximum = 1)]
    pub(crate) interval: Option<f32>,
    pub(crate) unknown: Unknown,
    /// A model by name; without it, the first.
    pub(crate) model: Option<String>,
}

impl Default for RecommendRequest {
    fn default() -> Self {
        Self {
            user: None,
            ratings: None,
            n: 10,
            reasons: 3,
            exclude_seen: true,
            allow: None,
            deny: Vec::new(),
            categories: Vec::new(),
            popularity: 0.0,
            diversity: 0.0,
            interval: None,
            unknown: Unknown::Error,
            model: None,
        }
    }
}

/// What an answer rests on: what the model has learned of the user, ratings that were folded in, popularity, or an average user.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RestsOn {
    Model,
    FoldIn,
    Popular,
    Mean,
}

impl From<Basis> for RestsOn {
    fn from(basis: Basis) -> Self {
        match basis {
            Basis::Model => Self::Model,
            Basis::FoldIn => Self::FoldIn,
            Basis::Popular => Self::Popular,
            Basis::Mean => Self::Mean,
        }
    }
}

/// A list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Recommendation<'a> {
    pub(crate) model: &'a str,
    pub(crate) basis: RestsOn,
    /// The best first.
    pub(crate) picks: Vec<Pick<'a>>,
}

/// A recommended item.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Pick<'a> {
    #[serde(flatten)]
    pub(crate) item: Item<'a>,
    /// What it was chosen by.
    pub(crate) score: f32,
    /// The predicted rating within the scale; none from a model that ranks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stars: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) interval: Option<Interval>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) reasons: Vec<Reason<'a>>,
}

/// What to predict.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PredictRequest {
    /// Somebody whom the model or the store of events knows. Not together with `ratings`.
    pub(crate) user: Option<String>,
    /// Somebody new, with these ratings.
    #[serde(default, deserialize_with = "maybe_objects")]
    pub(crate) ratings: Option<Vec<Rating>>,
    /// The items, by id or title.
    pub(crate) items: Vec<String>,
    /// The probability of an interval for each, from a model that knows how sure it is.
    #[schema(exclusive_minimum = 0, exclusive_maximum = 1)]
    pub(crate) interval: Option<f32>,
    #[serde(default)]
    pub(crate) unknown: Unknown,
    /// A model by name; without it, the first.
    pub(crate) model: Option<String>,
}

/// Predicted ratings.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Predictions<'a> {
    pub(crate) model: &'a str,
    /// In the order of the request.
    pub(crate) predictions: Vec<Predicted<'a>>,
}

/// A predicted rating.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Predicted<'a> {
    #[serde(flatten)]
    pub(crate) item: Item<'a>,
    /// As the model says it.
    pub(crate) score: f32,
    /// Within the scale of the ratings; none from a model that ranks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stars: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) interval: Option<Interval>,
    pub(crate) basis: RestsOn,
}

impl Interval {
    /// Of a prediction, where it is asked for and the model knows.
    pub(crate) fn of(prediction: &Prediction, level: Option<f32>, scale: Scale) -> Option<Self> {
        let level = level?;
        let [low, high] = prediction.interval(f64::from(level), scale)?;
        Some(Self { low, high, level })
    }
}

/// What to explain.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExplainRequest {
    /// Somebody whom the model or the store of events knows. Not together with `ratings`.
    pub(crate) user: Option<String>,
    /// Somebody new, with these ratings.
    #[serde(default, deserialize_with = "maybe_objects")]
    pub(crate) ratings: Option<Vec<Rating>>,
    /// The item, by id or title.
    pub(crate) item: String,
    /// A model by name; without it, the first.
    pub(crate) model: Option<String>,
}

/// A predicted rating in its parts: `explained_score` = `mean` + `item_bias` + `prior` + the sum of the shares.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Explanation<'a> {
    pub(crate) model: &'a str,
    pub(crate) item: Item<'a>,
    /// What the model predicts.
    pub(crate) score: f32,
    /// What is explained: the prediction for somebody who is folded in with the same ratings.
    pub(crate) explained_score: f32,
    pub(crate) mean: f32,
    pub(crate) item_bias: f32,
    /// What is added for a user who has rated nothing.
    pub(crate) prior: f32,
    /// What each rating adds, the largest taste first.
    pub(crate) contributions: Vec<Reason<'a>>,
}

/// Of what to find neighbours: an item or a user.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SimilarRequest {
    /// An item, by id or title.
    pub(crate) item: Option<String>,
    /// A user whom the model knows.
    pub(crate) user: Option<String>,
    #[serde(default = "ten")]
    #[schema(minimum = 0, maximum = 1000)]
    pub(crate) n: usize,
    /// A model by name; without it, the first.
    pub(crate) model: Option<String>,
}

fn ten() -> usize {
    10
}

/// The nearest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Neighbours<'a> {
    pub(crate) model: &'a str,
    pub(crate) neighbours: Vec<Near<'a>>,
}

/// An item or a user near another.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Near<'a> {
    id: Id<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    /// From −1 to 1.
    similarity: f32,
    /// How many training ratings there are.
    ratings: usize,
}

impl<'a> From<Neighbour<'a>> for Near<'a> {
    fn from(neighbour: Neighbour<'a>) -> Self {
        let Neighbour { id, title, similarity, ratings } = neighbour;
        Self { id: id.into(), title, similarity, ratings }
    }
}

/// Who is to be asked.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct QuestionsRequest {
    /// What has been rated so far.
    #[serde(deserialize_with = "objects")]
    pub(crate) ratings: Vec<Rating>,
    /// What has been asked and is not known to them, by id or title.
    pub(crate) skip: Vec<String>,
    /// So many questions; without it, one.
    #[schema(minimum = 0, maximum = 1000)]
    pub(crate) n: Option<usize>,
    /// A model by name; without it, the first.
    pub(crate) model: Option<String>,
}

/// The most informative first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Questions<'a> {
    pub(crate) model: &'a str,
    pub(crate) questions: Vec<Question<'a>>,
}

/// An item to ask for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Question<'a> {
    #[serde(flatten)]
    pub(crate) item: Item<'a>,
    /// What its rating is expected to tell, in nats.
    pub(crate) information: f32,
}
