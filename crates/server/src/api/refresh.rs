//! New models from new events: fitted beside the old one, compared with it, put in its place.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cofactor::fit::run::Run;
use cofactor::recommender::{HistoryEntry, Recommender, Request, Unknown, Who};
use serde::Serialize;
use tokio::task::JoinHandle;
use utoipa::ToSchema;

use super::extract::Query;
use super::keep::{HOW_TO_KEEP, takes};
use super::shapes::ModelQuery;
use super::work::json;
use crate::App;
use crate::events::{Event, News, Store};
use crate::models::Served;
use crate::problem::{Kind, Problem, ProblemBody};

/// How a refit goes or went.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
#[serde(tag = "state", rename_all = "lowercase")]
pub(crate) enum Refit {
    /// None since the start.
    #[default]
    Idle,
    Running {
        model: String,
    },
    Done {
        model: String,
        /// Events since the last refit.
        events: usize,
        /// Ratings that the new model was trained on.
        ratings: usize,
        seconds: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        drift: Option<Drift>,
    },
    Failed {
        model: String,
        problem: String,
    },
}

/// How far the answers between two refits (users folded in) lie from those of the refit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub(crate) struct Drift {
    /// Users with new events who were compared, at most 200.
    users: usize,
    /// The share of the ten picks before that are among the ten picks after, in the mean.
    overlap: f64,
    /// The root of the mean square difference of the scores of the picks before.
    difference: f64,
}

/// The state of refits.
#[derive(Default)]
pub(crate) struct Refresh(Mutex<Refit>);

impl Refresh {
    fn now(&self) -> Refit {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, state: Refit) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Notes that one runs, unless one does.
    fn begin(&self, model: &str) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, Refit::Running { .. }) {
            return false;
        }
        *state = Refit::Running { model: model.to_owned() };
        true
    }
}

/// Begins a refit in the background: the same algorithm on the training ratings and all events since. Requests are answered by the old model until the new one takes its place.
#[utoipa::path(
    post, path = "/v1/refresh", tag = "refresh", params(ModelQuery),
    responses((status = 202, body = Refit), (status = "default", body = ProblemBody, content_type = "application/problem+json"))
)]
pub(crate) async fn start(
    State(app): State<App>,
    Query(query): Query<ModelQuery>,
) -> Result<Response, Problem> {
    begin(&app, query.model.as_deref())?;
    Ok((StatusCode::ACCEPTED, json(&app.refresh.now())?).into_response())
}

/// How the last refit goes or went.
#[utoipa::path(
    get, path = "/v1/refresh", tag = "refresh",
    responses((status = 200, body = Refit), (status = "default", body = ProblemBody, content_type = "application/problem+json"))
)]
pub(crate) async fn status(State(app): State<App>) -> Result<Response, Problem> {
    json(&app.refresh.now())
}

/// Begins a refit of each model after that time, and again and again.
pub(crate) async fn regularly(app: App, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let names: Vec<String> = app.models().iter().map(|served| served.name.clone()).collect();
        for name in names {
            while let Err(problem) = begin(&app, Some(&name)) {
                tracing::debug!(?problem, "a refit waits");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// How long a refit waits for another one before it asks again.
const RETRY: Duration = Duration::from_secs(1);

/// Begins a refit on a thread of its own.
pub(crate) fn begin(app: &App, model: Option<&str>) -> Result<(), Problem> {
    let Some(store) = app.store.clone() else {
        return Err(Problem::new(Kind::Unsupported, "without a store of events nothing can have changed")
            .hint(HOW_TO_KEEP));
    };
    let served = app.model(model)?;
    let Some(path) = store.refit_path(&served.name) else {
        return Err(Problem::new(Kind::Unsupported, "this service has no folder for refits")
            .hint("start it with one: cofactor serve MODEL --events postgres://… --refits DIR"));
    };
    if !app.refresh.begin(&served.name) {
        return Err(
            Problem::new(Kind::Conflict, "a refit is running").hint("GET /v1/refresh tells how it goes")
        );
    }
    let app = app.clone();
    let model = served.name.clone();
    let (refitted, refitting, learned) = (app.clone(), app.clone(), store.clone());
    let work = tokio::task::spawn_blocking(move || refit(&refitting, &store, &served, path));
    tokio::spawn(async move {
        refitted.refresh.set(outcome(model, work).await);
        // Until then requests in progress may still ask the old model.
        tokio::time::sleep(refitted.limits.time).await;
        learned.learned(refitted.models().trained_until());
    });
    Ok(())
}

/// What became of a refit, however it ended.
async fn outcome(model: String, work: JoinHandle<Result<Refit, String>>) -> Refit {
    let done = work.await.unwrap_or_else(|broken| Err(format!("it broke off: {broken}")));
    done.unwrap_or_else(|problem| {
        tracing::error!(model, problem, "the refit failed, and the old model stays");
        Refit::Failed { model, problem }
    })
}

fn refit(app: &App, store: &Store, served: &Served, path: PathBuf) -> Result<Refit, String> {
    let start = Instant::now();
    let News { events, erased, next } =
        store.since(served.trained_until).map_err(|error| error.to_string())?;
    let of_use = events.into_iter().filter(|event| takes(served, event.value));
    let mut news: Vec<(i64, String, HistoryEntry)> = of_use.map(entry).collect();
    // The order of time decides which rating of an item is the last.
    news.sort_by_key(|(time, ..)| *time);
    // One thread is left for the answers.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut run =
        Run::new(served.recommender.file().seed, (cores - 1).max(1)).map_err(|error| error.to_string())?;
    let borrowed = news.iter().map(|(_, user, entry)| (user.as_str(), entry));
    let file = served
        .recommender
        .refit(borrowed, |user| erased.contains(user), &mut run)
        .map_err(|error| error.to_string())?;
    let ratings = file.data.ratings;
    file.save(&path).map_err(|error| error.to_string())?;
    let recommender = Recommender::new(file).map_err(|error| error.to_string())?;
    let drift = drift(&served.recommender, &recommender, &news, &erased);
    let new = Served {
        name: served.name.clone(),
        path,
        recommender,
        generation: served.generation + 1,
        trained_until: next,
    };
    store.trained(new.fit(), next).map_err(|error| error.to_string())?;
    app.swap(new);
    app.numbers.swaps.inc();
    let seconds = start.elapsed().as_secs_f64();
    tracing::info!(model = %served.name, events = news.len(), ratings, seconds, "a new model answers");
    Ok(Refit::Done { model: served.name.clone(), events: news.len(), ratings, seconds, drift })
}

fn entry(event: Event) -> (i64, String, HistoryEntry) {
    (event.time.unwrap_or_default(), event.user, HistoryEntry { item: event.item, value: event.value })
}

const COMPARED: usize = 200;
const PICKS: usize = 10;

/// Compares the answers for users with news before and after; `None` where there is nobody to compare.
fn drift(
    before: &Recommender,
    after: &Recommender,
    news: &[(i64, String, HistoryEntry)],
    erased: &BTreeSet<String>,
) -> Option<Drift> {
    let mut users: Vec<&str> = news.iter().map(|(_, user, _)| user.as_str()).collect();
    users.sort_unstable();
    users.dedup();
    users.truncate(COMPARED);
    let request = Request { n: PICKS, unknown: Unknown::Mean, ..Request::default() };
    let (mut compared, mut common, mut shown, mut squares) = (0, 0, 0, 0.0);
    for user in users {
        let own: Vec<HistoryEntry> =
            news.iter().filter(|(_, other, _)| other == user).map(|(.., entry)| entry.clone()).collect();
        let since = if erased.contains(user) { Who::Forgotten(user, &own) } else { Who::Since(user, &own) };
        let Ok(old) = before.recommend(since, &request) else { continue };
        let Ok(new) = after.recommend(Who::User(user), &request) else { continue };
        let ids: Vec<String> = old.picks.iter().map(|pick| pick.item.id.to_string()).collect();
        let Ok(scores) = after.predict_for(Who::User(user), &ids, Unknown::Mean) else { continue };
        compared += 1;
        shown += old.picks.len();
        // As texts: a new id that is no number makes texts of all.
        common += new.picks.iter().filter(|pick| ids.contains(&pick.item.id.to_string())).count();
        squares += old
            .picks
            .iter()
            .zip(&scores)
            .map(|(pick, (_, prediction))| f64::from(pick.score - prediction.value).powi(2))
            .sum::<f64>();
    }
    (shown > 0).then(|| Drift {
        users: compared,
        overlap: common as f64 / shown as f64,
        difference: (squares / shown as f64).sqrt(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_refit_that_panics_has_failed() {
        let work = tokio::task::spawn_blocking(|| panic!("no memory is left"));
        let state = outcome("films".to_owned(), work).await;
        let Refit::Failed { problem, .. } = state else { panic!("{state:?}") };
        assert!(problem.contains("no memory is left"), "{problem}");
    }
}
