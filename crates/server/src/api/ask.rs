//! Questions to a model.

use axum::extract::State;
use axum::response::Response;
use cofactor::fit::algorithm::Task;
use cofactor::recommender::{HistoryEntry, Request, Unknown as Policy, Who};
use serde::Deserialize;
use utoipa::IntoParams;

use super::extract::{Json, Path, Query};
use super::keep::takes;
use super::shapes::{
    ExplainRequest, Explanation, Interval, Neighbours, Pick, PredictRequest, Predicted, Predictions,
    Question, Questions, QuestionsRequest, Rating, RecommendRequest, Recommendation, SimilarRequest, Unknown,
    history,
};
use super::work::{answer, json};
use crate::App;
use crate::events::Since;
use crate::models::Served;
use crate::problem::{Kind, Problem, ProblemBody};

/// The most reasons with each pick.
const REASONS: usize = 100;

/// A list for somebody.
#[utoipa::path(
    post, path = "/v1/recommend", tag = "ask", request_body = RecommendRequest,
    responses((status = 200, body = Recommendation<'_>), (status = "default", body = ProblemBody, content_type = "application/problem+json"))
)]
pub(crate) async fn recommend(
    State(app): State<App>,
    Json(request): Json<RecommendRequest>,
) -> Result<Response, Problem> {
    bounded("n", request.n, app.limits.list)?;
    bounded("reasons", request.reasons, REASONS)?;
    for (name, items) in [("deny", &request.deny), ("categories", &request.categories)] {
        bounded(name, items.len(), app.limits.batch)?;
    }
    bounded("allow", request.allow.as_ref().map_or(0, Vec::len), app.limits.batch)?;
    level(request.interval)?;
    let served = app.model(request.model.as_deref())?;
    let whom = Whom::of(&app, &served, request.user.clone(), request.ratings.clone())?;
    let cost = served.scoring_cost().saturating_add(whom.cost(&served));
    answer(&app, served, cost, move |served| list(served, &whom, request)).await
}

/// How long a list, of which model.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// At most so many picks; without it, 10.
    #[param(minimum = 0, maximum = 1000)]
    n: Option<usize>,
    /// With each pick, at most so many reasons; without it, none.
    #[param(minimum = 0, maximum = 100)]
    reasons: Option<usize>,
    /// What to do about a user whom training never saw.
    #[param(inline)]
    unknown: Option<Unknown>,
    /// A model by name; without it, the first.
    model: Option<String>,
}

/// A list for a user whom the model or the store of events knows.
#[utoipa::path(
    get, path = "/v1/users/{user}/recommendations", tag = "ask",
    params(("user" = String, Path, description = "The user, by raw id"), ListQuery),
    responses((status = 200, body = Recommendation<'_>), (status = "default", body = ProblemBody, content_type = "application/problem+json"))
)]
pub(crate) async fn recommend_known(
    State(app): State<App>,
    Path(user): Path<String>,
    Query(query): Query<ListQuery>,
) -> Result<Response, Problem> {
    let request = RecommendRequest {
        user: Some(user),
        n: query.n.unwrap_or(10),
        reasons: query.reasons.unwrap_or(0),
        unknown: query.unknown.unwrap_or_default(),
        model: query.model,
        ..RecommendRequest::default()
    };
    recommend(State(app), Json(request)).await
}

/// Predicted ratings.
#[utoipa::path(
    post, path = "/v1/predict", tag = "ask", request_body = PredictRequest,
    responses((status = 200, body = Predictions<'_>), (status = "default", body = ProblemBody, content_type = "application/problem+json"))
)]
pub(crate) async fn predict(
    State(app): State<App>,
    Json(request): Json<PredictRequest>,
) -> Result<Response, Problem> {
    bounded("items", request.items.len(), app.limits.batch)?;
    level(request.interval)?;
    let served = app.model(request.model.as_deref())?;
    let whom = Whom::somebody(&app, &served, request.user.clone(), request.ratings.clone())?;
    let cost = request.items.len().saturating_mul(1 << 10).saturating_add(whom.cost(&served));
    answer(&app, served, cost, move |served| {
        let recommender = &served.recommender;
        let found = recommender.predict_for(whom.who(), &request.items, request.unknown.into())?;
        let file = recommender.file();
        let predictions = found.into_iter().map(|(item, prediction)| Predicted {
            item: item.into(),
            score: prediction.value,
            stars: is_rating(served).then_some(prediction.clipped),
            interval: Interval::of(&prediction, request.interval, file.data.scale),
            basis: prediction.basis.into(),
        });
        json(&Predictions { model: &served.name, predictions: predictions.collect() })
    })
    .await
}

/// Why an item is predicted as it is.
#[utoipa::path(
    post, path = "/v1/explain", tag = "ask", request_body = ExplainRequest,
    responses((status = 200, body = Explanation<'_>), (status = "default", body = ProblemBody, content_type = "application/problem+json"))
)]
pub(crate) async fn explain(
    State(app): State<App>,
    Json(request): Json<ExplainRequest>,
) -> Result<Response, Problem> {
    let served = app.model(request.model.as_deref())?;
    let whom = Whom::somebody(&app, &served, request.user.clone(), request.ratings.clone())?;
    let cost = whom.cost(&served).max(folding_cost(&served, 100));
    answer(&app, served, cost, move |served| {
        let explained = served.recommender.explain(whom.who(), &request.item)?;
        json(&Explanation {
            model: &served.name,
            item: served.recommender.details_of(&explained.item).into(),
            score: explained.score,
            explained_score: explained.explained_score,
            mean: explained.mean,
            item_bias: explained.item_bias,
            prior: explained.prior,
            contributions: explained.contributions.into_iter().map(Into::into).collect(),
        })
    })
    .await
}

/// The nearest items or users.
#[utoipa::path(
    post, path = "/v1/similar", tag = "ask", request_body = SimilarRequest,
    responses((status = 200, body = Neighbours<'_>), (status = "default", body = ProblemBody, content_type = "application/problem+json"))
)]
pub(crate) async fn similar(
    State(app): State<App>,
    Json(request): Json<SimilarRequest>,
) -> Result<Response, Problem> {
    bounded("n", request.n, app.limits.list)?;
    let served = app.model(request.model.as_deref())?;
    let cost = served.scoring_cost();
    let store = app.store.clone();
    answer(&app, served, cost, move |served| {
        let recommender = &served.recommender;
        let erased = |user: &str| match &store {
            Some(store) => store.of_user_since(user, served.trained_until).map(|since| since.erased),
            None => Ok(false),
        };
        let found = match (&request.item, &request.user) {
            (Some(item), None) => recommender.similar_items(item, request.n)?,
            (None, Some(user)) if erased(user)? => {
                return Err(Problem::new(Kind::UnknownUser, format!("user '{user}' has been erased")));
            }
            (None, Some(user)) => {
                let mut found = Vec::new();
                for neighbour in recommender.similar_users(user, request.n)? {
                    if !erased(&neighbour.id.to_string())? {
                        found.push(neighbour);
                    }
                }
                found
            }
            _ => return Err(Problem::invalid("similar to what?", "give either an item or a user")),
        };
        json(&Neighbours { model: &served.name, neighbours: found.into_iter().map(Into::into).collect() })
    })
    .await
}

/// What to ask somebody next: the items whose ratings would tell the most.
#[utoipa::path(
    post, path = "/v1/questions", tag = "ask", request_body = QuestionsRequest,
    responses((status = 200, body = Questions<'_>), (status = "default", body = ProblemBody, content_type = "application/problem+json"))
)]
pub(crate) async fn questions(
    State(app): State<App>,
    Json(request): Json<QuestionsRequest>,
) -> Result<Response, Problem> {
    let n = request.n.unwrap_or(1);
    bounded("n", n, app.limits.list)?;
    bounded("ratings", request.ratings.len(), app.limits.batch)?;
    bounded("skip", request.skip.len(), app.limits.batch)?;
    let served = app.model(request.model.as_deref())?;
    answer(&app, served, usize::MAX, move |served| {
        let found = served.recommender.questions(&history(request.ratings), &request.skip, n)?;
        let questions = found
            .into_iter()
            .map(|question| Question { item: question.item.into(), information: question.information });
        json(&Questions { model: &served.name, questions: questions.collect() })
    })
    .await
}

/// For whom an answer is.
enum Whom {
    /// A user, with what came since the training, and whether nothing else counts because the user has been erased.
    User {
        id: String,
        news: Vec<HistoryEntry>,
        erased: bool,
    },
    New(Vec<HistoryEntry>),
    Nobody,
}

impl Whom {
    fn of(
        app: &App,
        served: &Served,
        user: Option<String>,
        ratings: Option<Vec<Rating>>,
    ) -> Result<Self, Problem> {
        match (user, ratings) {
            (Some(_), Some(_)) => {
                Err(Problem::invalid("both a user and ratings are given", "give one of them"))
            }
            (Some(user), None) => Self::user(app, served, user),
            (None, Some(ratings)) if !ratings.is_empty() => {
                bounded("ratings", ratings.len(), app.limits.batch)?;
                Ok(Self::New(history(ratings)))
            }
            (None, _) => Ok(Self::Nobody),
        }
    }

    /// The same where there must be somebody.
    fn somebody(
        app: &App,
        served: &Served,
        user: Option<String>,
        ratings: Option<Vec<Rating>>,
    ) -> Result<Self, Problem> {
        match Self::of(app, served, user, ratings)? {
            Self::Nobody => Err(Problem::invalid("for whom?", "give a user or ratings")),
            somebody => Ok(somebody),
        }
    }

    fn user(app: &App, served: &Served, id: String) -> Result<Self, Problem> {
        let Some(store) = &app.store else { return Ok(Self::User { id, news: Vec::new(), erased: false }) };
        let Since { entries: mut news, erased } = store.of_user_since(&id, served.trained_until)?;
        // Another model may have another scale, and other programs write what they like.
        news.retain(|entry| takes(served, entry.value));
        Ok(Self::User { id, news, erased })
    }

    fn who(&self) -> Who<'_> {
        match self {
            Self::User { id, news, erased: true } => Who::Forgotten(id, news),
            Self::User { id, news, erased: false } => Who::Since(id, news),
            Self::New(ratings) => Who::History(ratings),
            Self::Nobody => Who::History(&[]),
        }
    }

    /// About how many multiplications folding in takes.
    fn cost(&self, served: &Served) -> usize {
        match self {
            Self::User { news, .. } if news.is_empty() => 0,
            Self::User { news: ratings, .. } | Self::New(ratings) => folding_cost(served, ratings.len()),
            Self::Nobody => 0,
        }
    }
}

fn folding_cost(served: &Served, ratings: usize) -> usize {
    let k = served.recommender.file().model.factors().map_or(64, cofactor::fit::factors::Factors::k);
    k.saturating_mul(k).saturating_mul(ratings.saturating_add(k / 3))
}

/// Nobody has said anything yet: the first list has to differ, so that something on it speaks to everybody.
const FIRST_DIVERSITY: f32 = 0.4;

fn list(served: &Served, whom: &Whom, request: RecommendRequest) -> Result<Response, Problem> {
    let (recommender, scale) = (&served.recommender, served.recommender.file().data.scale);
    let nobody = matches!(whom, Whom::Nobody);
    let too_alike = nobody && (0.0..FIRST_DIVERSITY).contains(&request.diversity);
    let asked = Request {
        n: request.n,
        exclude_seen: request.exclude_seen,
        allow: request.allow,
        deny: request.deny,
        categories: request.categories,
        unknown: if nobody { Policy::Popular } else { request.unknown.into() },
        reasons: request.reasons,
        popularity: request.popularity,
        diversity: if too_alike { FIRST_DIVERSITY } else { request.diversity },
    };
    let found = if nobody {
        recommender.recommend_anybody(&asked)?
    } else {
        recommender.recommend(whom.who(), &asked)?
    };
    let intervals = match request.interval {
        Some(level) if !nobody => {
            let ids: Vec<String> = found.picks.iter().map(|pick| pick.item.id.to_string()).collect();
            let predicted = recommender.predict_for(whom.who(), &ids, asked.unknown)?;
            predicted.iter().map(|(_, prediction)| Interval::of(prediction, Some(level), scale)).collect()
        }
        _ => Vec::new(),
    };
    let mut intervals = intervals.into_iter();
    let picks = found.picks.into_iter().map(|pick| Pick {
        item: recommender.details_of(&pick.item).into(),
        score: pick.score,
        stars: is_rating(served).then(|| scale.clip(pick.score)),
        interval: intervals.next().flatten(),
        reasons: pick.reasons.into_iter().map(Into::into).collect(),
    });
    json(&Recommendation { model: &served.name, basis: found.basis.into(), picks: picks.collect() })
}

pub(super) fn is_rating(served: &Served) -> bool {
    cofactor::registry::find(&served.recommender.file().algorithm)
        .is_ok_and(|algorithm| algorithm.task == Task::Rating)
}

pub(super) fn bounded(name: &str, given: usize, most: usize) -> Result<(), Problem> {
    if given <= most {
        return Ok(());
    }
    Err(Problem::invalid(format!("{name}: {given} are too many"), format!("at most {most} in one request")))
}

fn level(interval: Option<f32>) -> Result<(), Problem> {
    match interval {
        Some(level) if !(level > 0.0 && level < 1.0) => Err(Problem::invalid(
            format!("interval = {level}: expected a probability"),
            "between 0 and 1, such as 0.9",
        )),
        _ => Ok(()),
    }
}
