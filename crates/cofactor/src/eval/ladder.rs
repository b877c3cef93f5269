//! The ladder: from two vectors and their inner product to the lowest error, one idea at a time.
//!
//! Each rung is a model with one idea more than the rung below. All of them learn from the same ratings and are asked about the same others, so what an idea is
//! worth is known as well as any difference of two models: Δ of `compare`, equations (1) to (3), with the rung below as a and the rung itself as b.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::compare::{Comparison, Contestant, Difference, adjust, concluded, difference, measure_all};
use super::evaluate::{Options, Progress};
use crate::data::attributes::TITLE;
use crate::data::ratings::Ratings;
use crate::data::split::Plan;
use crate::error::Result;
use crate::registry;

/// A model of the ladder.
#[derive(Debug, Clone, Copy)]
pub struct Rung {
    /// What it is called: the idea in a word or two.
    pub label: &'static str,
    /// The idea in a sentence.
    pub idea: &'static str,
    /// The model where ratings have times, and where they have none; the rung is left out where there is none.
    models: [Option<&'static str>; 2],
    /// The preset; without one, that of the data set for this rung (`ml-100k-sets`), that of the data set, or the model's defaults.
    preset: Option<&'static str>,
    /// Parameters on top of it.
    set: &'static [(&'static str, &'static str)],
    /// Whether it is about what is known of users and items, and left out where nothing is.
    of_attributes: bool,
}

impl Rung {
    const fn of(label: &'static str, model: &'static str, idea: &'static str) -> Self {
        Self { label, idea, models: [Some(model); 2], preset: None, set: &[], of_attributes: false }
    }
}

/// All of them, the lowest first. A data set's own presets are used where there are any.
pub const RUNGS: [Rung; 9] = [
    Rung {
        preset: Some("lesson"),
        ..Rung::of("PQ", "mf", "A vector for each user and each item, and their inner product: the lesson.")
    },
    Rung::of(
        "bias",
        "mf",
        "Some users rate higher than others and some items are liked more: a number for each, and a penalty on everything.",
    ),
    Rung {
        set: &[("item_set", "0")],
        ..Rung::of(
            "sets",
            "svdpp",
            "What somebody rated tells of their taste, whatever the rating was: SVD++.",
        )
    },
    Rung {
        models: [Some("timesvdpp"), None],
        set: &[("item_set", "0")],
        ..Rung::of(
            "time",
            "timesvdpp",
            "Users drift and have their days, items come into fashion: timeSVD++.",
        )
    },
    Rung {
        models: [Some("timesvdpp"), Some("svdpp")],
        ..Rung::of(
            "flipped",
            "timesvdpp",
            "Who rated an item tells of the item: the sets the other way round.",
        )
    },
    Rung {
        set: &[("target", "gaussian"), ("counts", "false")],
        ..Rung::of(
            "Bayes",
            "bfm",
            "Not one setting of all the weights but many, drawn by how well each goes with the ratings: the mean of their predictions.",
        )
    },
    Rung {
        set: &[("target", "gaussian"), ("counts", "true")],
        ..Rung::of(
            "counts",
            "bfm",
            "What is rated often is rated higher, and of what is rated seldom that says most: how many ratings users and items have.",
        )
    },
    Rung {
        set: &[("target", "gaussian"), ("counts", "true"), ("attributes", "true")],
        of_attributes: true,
        ..Rung::of(
            "side",
            "bfm",
            "What is known of users and items beside the ratings: ages, occupations, genres, years.",
        )
    },
    Rung {
        set: &[("target", "probit"), ("counts", "true"), ("attributes", "true")],
        ..Rung::of(
            "probit",
            "bfm",
            "A rating is a step that a hidden number has passed, and the steps are not equally high.",
        )
    },
];

/// What came out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ladder {
    /// All models, the best first.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// The rungs, the lowest first.
    pub rungs: Vec<Climbed>,
}

/// One rung and what it was worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Climbed {
    /// The model's label among the models.
    pub label: String,
    /// Its idea in a sentence.
    pub idea: String,
    /// The RMSE of the rung below minus its own; none for the lowest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gain: Option<Difference>,
}

/// The rungs for these data, ready to be fitted: those about times or attributes are left out where there are none.
///
/// # Errors
/// A parameter that its model refuses: an error of [`RUNGS`].
pub fn contestants(ratings: &Ratings) -> Result<Vec<(Rung, Contestant)>> {
    let catalog = ratings.catalog();
    let mut columns = catalog.user_attributes.columns.iter().chain(&catalog.item_attributes.columns);
    let has_attributes = columns.any(|column| column.name != TITLE);
    let mut contestants = Vec::new();
    for rung in RUNGS {
        let Some(model) = rung.models[usize::from(!ratings.has_times())] else { continue };
        if rung.of_attributes && !has_attributes {
            continue;
        }
        let entry = registry::find(model)?;
        let find = |name: &str| entry.presets.iter().map(|preset| preset.name).find(|&known| known == name);
        let own = || find(&format!("{}-{}", catalog.name, rung.label)).or_else(|| find(&catalog.name));
        let set = rung.set.iter().filter(|(name, _)| has_attributes || *name != "attributes");
        let pairs: Vec<(String, String)> =
            set.map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let configured = entry.configure_written(rung.preset.or_else(own), &pairs)?;
        contestants.push((
            rung,
            Contestant { label: rung.label.to_owned(), model: entry.name, configured, early: None },
        ));
    }
    Ok(contestants)
}

/// Fits and evaluates the rungs in turn, and measures what each adds. What cannot be fitted is recorded as such, and the next rung is held against the last one that could. The rest is as
/// in [`compare`](super::compare::compare).
///
/// # Errors
/// As [`compare`](super::compare::compare).
pub fn climb(
    rungs: &[(Rung, Contestant)],
    plan: &Plan<'_>,
    options: &Options,
    observer: &mut dyn FnMut(usize, Progress<'_>) -> ControlFlow<()>,
) -> Result<Ladder> {
    let contestants = rungs.iter().map(|(_, contestant)| contestant);
    let measured = measure_all(contestants, plan, options, observer)?;
    let mut climbed: Vec<Climbed> = Vec::new();
    for (place, model) in measured.done.iter().enumerate() {
        let below = place.checked_sub(1).map(|below| &measured.done[below]);
        let idea = rungs.iter().find(|(rung, _)| rung.label == model.compared.label);
        climbed.push(Climbed {
            label: model.compared.label.clone(),
            idea: idea.map(|(rung, _)| rung.idea.to_owned()).unwrap_or_default(),
            gain: below.map(|below| difference(&below.errors, &model.errors)),
        });
    }
    adjust(climbed.iter_mut().filter_map(|rung| rung.gain.as_mut()).collect());
    Ok(Ladder { comparison: concluded(measured, options), rungs: climbed })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ratings::{Duplicates, RatingsBuilder};
    use crate::data::split::{nothing_published, plan};
    use crate::data::synth::{Synth, generate};
    use crate::fit::rng::{Purpose, stream};
    use rand::RngExt;

    /// Stars of three kinds of users, with or without times.
    fn ratings(times: bool) -> Ratings {
        let mut rng = stream(7, Purpose::Synthetic, 3);
        let mut builder = RatingsBuilder::new(times);
        for user in 0..60_u32 {
            for item in (0..40_u32).filter(|item| (user + item) % 3 != 0) {
                let star = 1 + (user % 3 + item % 2 + rng.random_range(0..2_u32)).min(4);
                let time = times.then(|| i64::from(user * 40 + item) * 40_000);
                builder.push(&format!("u{user:02}"), &format!("i{item:02}"), star as f32, time);
            }
        }
        builder.finish("test", None, Duplicates::Error, |_, _| Default::default()).unwrap()
    }

    fn labels(ratings: &Ratings) -> Vec<&'static str> {
        contestants(ratings).unwrap().iter().map(|(rung, _)| rung.label).collect()
    }

    #[test]
    fn rungs_without_their_data_are_left_out() {
        assert_eq!(
            labels(&ratings(true)),
            ["PQ", "bias", "sets", "time", "flipped", "Bayes", "counts", "probit"]
        );
        assert_eq!(labels(&ratings(false)), ["PQ", "bias", "sets", "flipped", "Bayes", "counts", "probit"]);
    }

    #[test]
    fn a_gain_is_the_difference_of_neighbours() {
        let ratings =
            generate(&Synth::parse("synth:users=100,items=60,ratings=3000").unwrap()).unwrap().ratings;
        let plan = plan("user:0.2".parse().unwrap(), &ratings, 5, &nothing_published).unwrap();
        let rungs: Vec<(Rung, Contestant)> = contestants(&ratings).unwrap().into_iter().take(3).collect();
        let ladder =
            climb(&rungs, &plan, &Options::default(), &mut |_, _| ControlFlow::Continue(())).unwrap();
        let rmse = |label: &str| {
            let model = ladder.comparison.models.iter().find(|model| model.label == label).unwrap();
            model.metrics["rmse"].mean
        };
        assert_eq!(ladder.rungs[0].gain, None);
        for pair in ladder.rungs.windows(2) {
            let gain = pair[1].gain.unwrap();
            assert!((gain.mean - (rmse(&pair[0].label) - rmse(&pair[1].label))).abs() < 1e-9);
            assert!(gain.low.unwrap() < gain.mean && gain.mean < gain.high.unwrap());
            assert!(gain.p_holm.unwrap() >= gain.p.unwrap());
        }
        let json = serde_json::to_string(&ladder).unwrap();
        assert_eq!(serde_json::from_str::<Ladder>(&json).unwrap(), ladder);
    }
}
