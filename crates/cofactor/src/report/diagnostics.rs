//! What the errors on the test part look like.

use serde::{Deserialize, Serialize};

/// Everything that the page draws about the errors. An error is the prediction minus the rating.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Diagnostics {
    /// How often errors of each size occur.
    pub errors: Option<ErrorHistogram>,
    /// The errors by the true rating.
    pub by_rating: Vec<RatingError>,
    /// What users said where the model predicted much the same.
    pub calibration: Vec<Calibration>,
    /// The error by how many training ratings the user has.
    pub by_user_activity: Vec<Group>,
    /// The error by how many training ratings the item has.
    pub by_item_popularity: Vec<Group>,
    /// How ratings and predictions spread over the scale.
    pub shares: Vec<RatingShare>,
    /// The items in the plane.
    pub item_map: Option<ItemMap>,
}

/// A histogram of errors and the normal distribution of the same mean and deviation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorHistogram {
    /// The ends of the bins, increasing; one more than there are counts.
    pub edges: Vec<f64>,
    /// Errors in each bin.
    pub counts: Vec<usize>,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
}

/// The errors of all test ratings of one value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RatingError {
    /// The rating that was given.
    pub rating: f64,
    /// How many there are.
    pub n: usize,
    /// The mean prediction for them.
    pub predicted: f64,
    /// The deviation of those predictions.
    pub deviation: f64,
    /// Their RMSE.
    pub rmse: f64,
}

/// The ratings whose predictions lie near each other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The mean prediction.
    pub predicted: f64,
    /// The mean rating.
    pub observed: f64,
    /// The standard error of the mean rating.
    pub stderr: f64,
    /// How many there are.
    pub n: usize,
}

/// The test ratings of users, or of items, with so many training ratings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// At least so many.
    pub low: usize,
    /// At most so many.
    pub high: usize,
    /// Test ratings in the group.
    pub n: usize,
    /// Their RMSE.
    pub rmse: f64,
    /// Its standard error.
    pub stderr: f64,
}

/// How much of the ratings, and of the predictions rounded to them, has one value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RatingShare {
    /// The value.
    pub value: f64,
    /// The part of the test ratings with that value: 0 to 1.
    pub ratings: f64,
    /// The part of the predictions that lie nearest to it: 0 to 1.
    pub predictions: f64,
}

/// The two principal axes of the items' vectors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemMap {
    /// The part of the variance that each axis shows: 0 to 1.
    pub variance: [f64; 2],
    /// The items with the most ratings, the most rated first.
    pub items: Vec<MapItem>,
}

/// An item in the plane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapItem {
    /// Its title, or its raw id.
    pub title: String,
    /// Along the first axis.
    pub x: f64,
    /// Along the second axis.
    pub y: f64,
    /// How many training ratings it has.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Its genres.
    #[serde(default)]
    pub genres: Vec<String>,
}
