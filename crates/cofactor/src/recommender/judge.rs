//! How good a model is, on ratings that speak of users and items by their own ids.

use std::sync::Arc;

use super::Recommender;
use crate::data::ids::{IdMap, Item, User};
use crate::data::ratings::Ratings;
use crate::error::{Error, Result};
use crate::eval::metric::Errors;
use crate::eval::predict;
use crate::fit::model::Query;
use crate::fit::run::thread_pool;

impl Recommender {
    /// The errors on a test part, which need not share the model's catalogue. Users and items that the model does not know are answered like
    /// unknown ones. `clip`: to the scale of the training ratings.
    ///
    /// # Errors
    /// The test part is empty, or a prediction is not a finite number.
    pub fn judge(&self, test: &Ratings, clip: bool, threads: usize) -> Result<Errors> {
        if test.is_empty() {
            return Err(Error::unsupported("there is no rating to measure on", "give a test part"));
        }
        let (own, theirs) = (self.file.catalog(), test.catalog());
        if Arc::ptr_eq(own, theirs) {
            let (errors, _) = predict::errors(&*self.file.model, test, clip, &thread_pool(threads)?)?;
            return Ok(errors);
        }
        let places = |own: &IdMap, theirs: &IdMap| -> Vec<Option<usize>> {
            theirs.iter().map(|id| own.find(id)).collect()
        };
        let users = places(&own.users, &theirs.users);
        let items = places(&own.items, &theirs.items);
        let scale = self.file.data.scale;
        let predictions: Vec<f32> = test
            .iter()
            .map(|rating| {
                let query = Query {
                    user: users[rating.user.index()].map(|user| User(user as u32)),
                    item: items[rating.item.index()].map(|item| Item(item as u32)),
                    time: rating.time,
                };
                let prediction = self.file.model.predict(query);
                if clip { scale.clip(prediction) } else { prediction }
            })
            .collect();
        match predictions.iter().find(|prediction| !prediction.is_finite()) {
            None => Ok(Errors::of(test, &predictions, clip)),
            Some(prediction) => Err(Error::unsupported(format!("the model predicts {prediction}"), "")),
        }
    }
}
