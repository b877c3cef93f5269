//! What there is: models, items, their map.

use axum::extract::State;
use axum::response::Response;
use cofactor::data::ratings::Row;
use cofactor::fit::model;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ask::{bounded, is_rating};
use super::extract::{Path, Query};
use super::shapes::{Item, ModelQuery};
use super::work::{answer, json};
use crate::App;
use crate::models::Served;
use crate::problem::{Problem, ProblemBody};

/// What is served.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelList<'a> {
    /// The model that answers where none is named.
    default: &'a str,
    models: Vec<ModelInfo<'a>>,
    /// Whether events are kept.
    live: bool,
    /// The version of the program.
    version: &'a str,
}

/// A model.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelInfo<'a> {
    name: &'a str,
    algorithm: &'a str,
    title: &'a str,
    task: TaskName,
    /// What it was trained on.
    data: &'a str,
    users: usize,
    items: usize,
    ratings: usize,
    /// The range of the ratings; none for a model that ranks.
    #[serde(skip_serializing_if = "Option::is_none")]
    scale: Option<ScaleInfo>,
    /// How many factors.
    #[serde(skip_serializing_if = "Option::is_none")]
    factors: Option<usize>,
    /// Whether it knows how sure it is.
    intervals: bool,
    /// Whether it answers for somebody new.
    folds_in: bool,
    /// The categories of its items.
    categories: &'a [String],
    /// How often it has been replaced since the start.
    generation: u64,
    fingerprint: &'a str,
}

/// What a model is made for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum TaskName {
    Rating,
    Ranking,
}

/// A range of ratings.
#[derive(Debug, Serialize, ToSchema)]
struct ScaleInfo {
    min: f32,
    max: f32,
    /// All ratings lie such steps above `min`, where there is such a step.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<f32>,
}

impl<'a> ModelInfo<'a> {
    fn of(served: &'a Served) -> Self {
        let recommender = &served.recommender;
        let file = recommender.file();
        let title = cofactor::registry::find(&file.algorithm).map_or("", |algorithm| algorithm.title);
        let nobody = Row::new(&[], &[]);
        let anybody = model::Query { user: None, item: None, time: None };
        let scale = ScaleInfo { min: file.data.scale.min, max: file.data.scale.max, step: step(served) };
        Self {
            name: &served.name,
            algorithm: &file.algorithm,
            title,
            task: if is_rating(served) { TaskName::Rating } else { TaskName::Ranking },
            data: &file.data.name,
            users: file.data.users,
            items: file.data.items,
            ratings: file.data.ratings,
            scale: is_rating(served).then_some(scale),
            factors: file.model.factors().map(cofactor::fit::factors::Factors::k),
            intervals: file.model.outlook(anybody).is_some(),
            folds_in: file.model.fold_in(nobody).is_some(),
            categories: recommender.categories(),
            generation: served.generation,
            fingerprint: &file.data.fingerprint,
        }
    }
}

/// The step of the training ratings: whole or half ones, or none.
fn step(served: &Served) -> Option<f32> {
    let file = served.recommender.file();
    let (values, min) = (file.seen.values(), file.data.scale.min);
    [1.0, 0.5].into_iter().find(|step| values.iter().all(|value| ((value - min) / step).fract() == 0.0))
}

/// The models.
#[utoipa::path(
    get, path = "/v1/models", tag = "catalogue",
    responses((status = 200, body = ModelList<'_>), (status = "default", body = ProblemBody, content_type = "application/problem+json"))
)]
pub(crate) async fn models(State(app): State<App>) -> Result<Response, Problem> {
    let models = app.models();
    json(&ModelList {
        default: &models.default_model().name,
        models: models.iter().map(ModelInfo::of).collect(),
        live: app.store.is_some(),
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// What to look for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchQuery {
    /// A part of a title, or an id; without it, the most rated items.
    #[serde(default)]
    search: String,
    /// At most so many; without it, 10.
    #[param(minimum = 0, maximum = 1000)]
    n: Option<usize>,
    /// A model by name; without it, the first.
    model: Option<String>,
}

/// Items.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Items<'a> {
    /// The likeliest first.
    items: Vec<Item<'a>>,
}

/// The items that a text may mean.
#[utoipa::path(
    get, path = "/v1/items", tag = "catalogue", params(SearchQuery),
    responses((status = 200, body = Items<'_>), (status = "default", body = ProblemBody, content_type = "application/problem+json"))
)]
pub(crate) async fn search(
    State(app): State<App>,
    Query(query): Query<SearchQuery>,
) -> Result<Response, Problem> {
    let served = app.model(query.model.as_deref())?;
    let n = query.n.unwrap_or(10);
    bounded("n", n, app.limits.list)?;
    // Comparing a title costs about as much as scoring an item.
    let cost = served.scoring_cost();
    answer(&app, served, cost, move |served| {
        let found = served.recommender.search(&query.search, n);
        json(&Items { items: found.into_iter().map(Into::into).collect() })
    })
    .await
}

/// One item, by id or title.
#[utoipa::path(
    get, path = "/v1/items/{item}", tag = "catalogue",
    params(("item" = String, Path, description = "The item, by raw id or title"), ModelQuery),
    responses((status = 200, body = Item<'_>), (status = "default", body = ProblemBody, content_type = "application/problem+json"))
)]
pub(crate) async fn item(
    State(app): State<App>,
    Path(item): Path<String>,
    Query(query): Query<ModelQuery>,
) -> Result<Response, Problem> {
    let served = app.model(query.model.as_deref())?;
    let cost = served.scoring_cost();
    answer(&app, served, cost, move |served| json(&Item::from(served.recommender.item_details(&item)?))).await
}

/// How many dots.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct MapQuery {
    /// At most so many items; without it, 400.
    #[param(minimum = 0, maximum = 1000)]
    n: Option<usize>,
    /// A model by name; without it, the first.
    model: Option<String>,
}

/// The most rated items in the plane.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Chart<'a> {
    points: Vec<Point<'a>>,
}

/// An item in the plane: items that the same people like lie in the same direction from the centre.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Point<'a> {
    #[serde(flatten)]
    item: Item<'a>,
    /// From −1 to 1.
    x: f64,
    /// From −1 to 1.
    y: f64,
}

/// The catalogue as a map: the two principal axes of the items' vectors.
#[utoipa::path(
    get, path = "/v1/map", tag = "catalogue", params(MapQuery),
    responses((status = 200, body = Chart<'_>), (status = "default", body = ProblemBody, content_type = "application/problem+json"))
)]
pub(crate) async fn map(State(app): State<App>, Query(query): Query<MapQuery>) -> Result<Response, Problem> {
    let served = app.model(query.model.as_deref())?;
    let n = query.n.unwrap_or(400);
    bounded("n", n, app.limits.list)?;
    answer(&app, served, usize::MAX, move |served| {
        let spots = served.recommender.map(n).into_iter();
        json(&Chart {
            points: spots.map(|spot| Point { item: spot.item.into(), x: spot.x, y: spot.y }).collect(),
        })
    })
    .await
}
