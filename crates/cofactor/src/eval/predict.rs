//! What a fitted model predicts for a part, and how far that is off.

use rayon::ThreadPool;
use rayon::prelude::*;

use super::metric::Errors;
use super::ranking;
use crate::data::ids::{Item, User};
use crate::data::ratings::Ratings;
use crate::data::split::Fold;
use crate::error::{Error, Result};
use crate::fit::model::{Model, Query, TOGETHER};

/// The predictions for a part, in the order of `part.iter()`. The threads share the users and never change a bit.
///
/// `clip`: to the scale of the ratings.
pub fn predictions(model: &dyn Model, part: &Ratings, clip: bool, pool: &ThreadPool) -> Vec<f32> {
    if model.whole_rows() {
        return predictions_by_rows(model, part, clip, pool);
    }
    let scale = part.scale();
    let of_user = |user: u32| {
        let user = User(user);
        part.row(user).iter().map(move |rated| {
            let prediction =
                model.predict(Query { user: Some(user), item: Some(rated.item), time: rated.time });
            if clip { scale.clip(prediction) } else { prediction }
        })
    };
    pool.install(|| {
        (0..part.users() as u32).into_par_iter().with_min_len(64).flat_map_iter(of_user).collect()
    })
}

/// The same for a model that makes all of a user's predictions at once.
fn predictions_by_rows(model: &dyn Model, part: &Ratings, clip: bool, pool: &ThreadPool) -> Vec<f32> {
    let (scale, n) = (part.scale(), part.items());
    let clipped = |prediction: f32| if clip { scale.clip(prediction) } else { prediction };
    let of_users = |scores: &mut Vec<f32>, users: &[User]| -> Vec<f32> {
        let scores = &mut scores[..users.len() * n];
        model.predict_many(users, scores);
        let of_user = |(&user, scores): (&User, &[f32])| {
            let of_item = |item: &Item| clipped(scores[item.index()]);
            part.row(user).items.iter().map(of_item).collect::<Vec<f32>>()
        };
        users.iter().zip(scores.chunks_exact(n)).flat_map(of_user).collect()
    };
    let users: Vec<User> = part.rows().filter(|(_, row)| !row.is_empty()).map(|(user, _)| user).collect();
    let scratch = || vec![0.0; TOGETHER * n];
    let blocks: Vec<Vec<f32>> =
        pool.install(|| users.par_chunks(TOGETHER).map_init(scratch, of_users).collect());
    blocks.concat()
}

/// The same for a fold whose users may have to be folded in first.
pub(super) fn predictions_of_fold(
    model: &dyn Model,
    fold: &Fold,
    clip: bool,
    pool: &ThreadPool,
) -> Result<Vec<f32>> {
    if fold.folded.is_none() {
        return Ok(predictions(model, &fold.test, clip, pool));
    }
    let scale = fold.test.scale();
    let of_user = |scores: &mut Vec<f32>, user: u32| {
        let row = fold.test.row(User(user));
        if row.is_empty() {
            return Ok(Vec::new());
        }
        ranking::score_all(model, fold, User(user), scores)?;
        let of_item = |item: &Item| scores[item.index()];
        let clipped = |prediction: f32| if clip { scale.clip(prediction) } else { prediction };
        Ok(row.items.iter().map(of_item).map(clipped).collect())
    };
    let users = (0..fold.test.users() as u32).into_par_iter();
    let scratch = || vec![0.0; fold.test.items()];
    let rows: Result<Vec<Vec<f32>>> = pool.install(|| users.map_init(scratch, of_user).collect());
    Ok(rows?.concat())
}

/// The errors of a fitted model on a test part, with the predictions.
///
/// # Errors
/// When the test part is empty, or a prediction is not a finite number.
pub fn errors(
    model: &dyn Model,
    test: &Ratings,
    clip: bool,
    pool: &ThreadPool,
) -> Result<(Errors, Vec<f32>)> {
    if test.is_empty() {
        return Err(nothing_held_out());
    }
    measured(test, predictions(model, test, clip, pool), clip)
}

/// The errors of predictions, which must be finite.
pub(super) fn measured(test: &Ratings, predictions: Vec<f32>, clip: bool) -> Result<(Errors, Vec<f32>)> {
    if let Some((rating, prediction)) =
        test.iter().zip(&predictions).find(|(_, prediction)| !prediction.is_finite())
    {
        let catalog = test.catalog();
        let (user, item) = (catalog.user_id(rating.user), catalog.item_id(rating.item));
        return Err(Error::unsupported(
            format!("the model predicts {prediction} for item {item} by user {user}"),
            "the factors are too large to multiply: lower the learning rate or raise the penalty",
        ));
    }
    Ok((Errors::of(test, &predictions, clip), predictions))
}

pub(super) fn nothing_held_out() -> Error {
    Error::unsupported(
        "nothing is held out, so there is nothing to evaluate on",
        "choose a split such as user:0.2",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::evaluate::tests::{Oracle, additive};
    use crate::fit::run::Run;

    #[test]
    fn predictions_are_clipped_only_when_asked() {
        let (ratings, run) = (additive(), Run::new(0, 1).unwrap());
        let of = |clip| predictions(&Oracle(|_| 9.0), &ratings, clip, run.pool());
        assert!(of(false).iter().all(|&prediction| prediction == 9.0));
        assert!(of(true).iter().all(|&prediction| prediction == ratings.scale().max));
    }

    #[test]
    fn a_prediction_that_is_no_number_is_refused() {
        let (ratings, run) = (additive(), Run::new(0, 1).unwrap());
        let message = errors(&Oracle(|_| f32::NAN), &ratings, true, run.pool()).unwrap_err().to_string();
        assert!(message.starts_with("the model predicts NaN for item 1 by user 0"), "{message}");
    }
}
