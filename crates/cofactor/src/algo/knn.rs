//! # Nearest neighbours on what the biases leave over
//!
//! Letters: m users, n items, N ratings; b_ui = μ + b_u + b_i as `baseline` fits it; z_ui = r_ui − b_ui; U_ij the users who rated both i
//! and j, n_ij of them.
//!
//! ## Model
//! With `side = item`:
//! ```text
//! r̂_ui = b_ui + Σ_{j∈N} s_ij^α z_uj / (λ_d + Σ_{j∈N} s_ij^α)                                (1)
//! ρ_ij = Σ_{u∈U_ij} z_ui z_uj / √(Σ_{u∈U_ij} z_ui² · Σ_{u∈U_ij} z_uj²)                      (2)
//! s_ij = ρ_ij · (n_ij − 1) / (n_ij − 1 + λ_s)                                               (3)
//! ```
//! N are the k items with the greatest s_ij among those that u has rated and that are on the list of i. The list of i holds the K items with
//! the greatest positive s_ij of at least n_min common raters. Equal similarities go by index.
//! With `side = user` users and items change places: (1) asks the users most similar to u who have rated i.
//!
//! ## Objective
//! The biases minimise the regularised squared error of b_ui. The similarities minimise nothing: they are counted.
//!
//! ## Update
//! None. For each i, the ratings of all its users are added up into the sums of (2), for all j at once.
//!
//! ## Cost
//! Fit: O(Σ_u n_u²) for items, O(Σ_i n_i²) for users, in parallel over the rows of s. Memory while fitting: 16 bytes a rating, 16 bytes for
//! each item (or user) and thread, and 20 for each of at most nK (or mK) similarities; 8 of these stay, besides the training ratings, which
//! with `side = user` are kept by item too.
//! A prediction: O(K + n_u) for items, O(K + n_i) for users; all of a user's predictions: n times that.
//!
//! ## Unknown users and items
//! An unknown user or item has no neighbours and a bias of zero, so (1) is b_ui. Somebody who comes with a few ratings gets b_u from
//! them with the items' biases fixed, and (1) as everybody else; a trained user's ratings give the trained prediction again. With
//! `side = user` the newcomer is compared with all users first, in O(Σ n_i) over the rated items.
//! What a rating adds to a prediction is its own term of b_u and its own term of (1); with `side = user`, its share of each neighbour's
//! Σ z_u z_v.
//!
//! ## Defaults and their source
//! k = 40 is the custom. The others are rounded from the best of some 200 random settings and grids around them, by the RMSE on a tenth of the training parts of u1…u5 of
//! MovieLens 100K that was held out from training for it; no test part was looked at. On a tenth of MovieLens 1M's training part, lists of
//! 250, 500, 1,000 and 3,706 (all) gave an RMSE of 0.8458, 0.8450, 0.8449 and 0.8449. No floor of common raters is needed: by (3) a single one is a
//! similarity of zero.
//!
//! ## Differences from the paper
//! Koren multiplies ρ by n_ij / (n_ij + λ_s) with λ_s = 100 and lets negative similarities speak. The n_ij − 1, and positive similarities alone, are Surprise's
//! and MyMediaLite's choice: with α = 1 and λ_d = 0 the predictions are those of Surprise's `KNNBaseline` with `pearson_baseline`.
//! α is the case amplification of Breese et al.; λ_d, which holds back what few or weak neighbours say, stands in Bell & Koren's
//! interpolation weights as a penalty. Lists of K bound the memory.
//!
//! ## References
//! Y. Koren, "Factor in the neighbors: scalable and accurate collaborative filtering", ACM TKDD 4(1), 2010, section 3.
//! J. S. Breese, D. Heckerman, C. Kadie, "Empirical analysis of predictive algorithms for collaborative filtering", UAI 1998.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::data::ids::{Item, User};
use crate::data::ratings::{Rated, Ratings, Row, Time};
use crate::error::Result;
use crate::fit::algorithm::{Algorithm, Kind, Knob, Preset, Task};
use crate::fit::bias::Biases;
use crate::fit::factors::Factors;
use crate::fit::model::{Model, Newcomer, Parts, Query, Share, Tensors};
use crate::fit::neighbours::{CoRatings, Found, Lists, Side, best, shared};
use crate::fit::run::Run;

/// Sweeps that fit the biases: more change nothing in the fourth digit.
const SWEEPS: usize = 10;

/// The parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knn {
    /// Whose neighbours.
    pub side: Side,
    /// k.
    pub neighbours: usize,
    /// λ_s.
    pub shrinkage: f64,
    /// Pairs with fewer common raters are no neighbours.
    pub min_support: usize,
    /// K.
    pub keep: usize,
    /// λ_d.
    pub damping: f64,
    /// α.
    pub exponent: u32,
    /// λ_u.
    pub reg_user: f64,
    /// λ_i.
    pub reg_item: f64,
}

impl Default for Knn {
    fn default() -> Self {
        Self {
            side: Side::Item,
            neighbours: 40,
            shrinkage: 200.0,
            min_support: 1,
            keep: 500,
            damping: 0.01,
            exponent: 2,
            reg_user: 5.0,
            reg_item: 3.0,
        }
    }
}

impl Algorithm for Knn {
    const NAME: &'static str = "knn";
    const TITLE: &'static str = "the nearest items or users, by the correlation of what biases leave over";
    const TASK: Task = Task::Rating;
    const KNOBS: &'static [Knob] = &[
        Knob {
            name: "side",
            symbol: "i or u",
            kind: Kind::Choice { options: &["item", "user"] },
            purpose: "whether similar items or similar users are asked",
        },
        Knob {
            name: "neighbours",
            symbol: "k",
            kind: Kind::Integer { min: 1, max: 100_000, search: Some((10, 100)) },
            purpose: "how many neighbours speak for a prediction",
        },
        Knob {
            name: "shrinkage",
            symbol: "λ_s",
            kind: Kind::Real { min: 0.0, max: 1e6, search: Some((30.0, 3000.0)) },
            purpose: "how strongly similarities of few common ratings are held at zero",
        },
        Knob {
            name: "min_support",
            symbol: "n_min",
            kind: Kind::Integer { min: 1, max: 100_000, search: None },
            purpose: "how many common ratings make a neighbour",
        },
        Knob {
            name: "keep",
            symbol: "K",
            kind: Kind::Integer { min: 1, max: 1_000_000, search: None },
            purpose: "how many neighbours are stored for each item or user",
        },
        Knob {
            name: "damping",
            symbol: "λ_d",
            kind: Kind::Real { min: 0.0, max: 1e6, search: Some((0.01, 1.0)) },
            purpose: "similarity to nothing at all: holds the prediction at the biases",
        },
        Knob {
            name: "exponent",
            symbol: "α",
            kind: Kind::Integer { min: 1, max: 8, search: Some((1, 3)) },
            purpose: "the power of a similarity that weighs a neighbour",
        },
        Knob {
            name: "reg_user",
            symbol: "λ_u",
            kind: Kind::Real { min: 0.0, max: 1e6, search: Some((1.0, 100.0)) },
            purpose: "how many ratings at the mean each user is given",
        },
        Knob {
            name: "reg_item",
            symbol: "λ_i",
            kind: Kind::Real { min: 0.0, max: 1e6, search: Some((1.0, 100.0)) },
            purpose: "how many ratings at the mean each item is given",
        },
    ];
    const PRESETS: &'static [Preset] = &[
        Preset {
            name: "ml-100k",
            source: "a random search by the error on a tenth of each of the training parts u1…u5, rounded; test parts unseen",
            set: &[
                ("side", "item"),
                ("neighbours", "40"),
                ("shrinkage", "200"),
                ("damping", "0.01"),
                ("exponent", "2"),
                ("reg_user", "5"),
                ("reg_item", "3"),
            ],
        },
        Preset {
            name: "ml-1m",
            source: "the best of 40 random settings by the error on a tenth of the training part, rounded; test part unseen",
            set: &[
                ("side", "item"),
                ("neighbours", "40"),
                ("shrinkage", "200"),
                ("damping", "0.01"),
                ("exponent", "2"),
                ("keep", "1000"),
                ("reg_user", "5"),
                ("reg_item", "3"),
            ],
        },
        Preset {
            name: "surprise",
            source: "the defaults of Surprise's KNNBaseline with pearson_baseline, of items",
            set: &[
                ("side", "item"),
                ("neighbours", "40"),
                ("shrinkage", "100"),
                ("damping", "0"),
                ("exponent", "1"),
                ("keep", "1000000"),
                ("reg_user", "15"),
                ("reg_item", "10"),
            ],
        },
    ];
    const SOURCE: &'static str = include_str!("knn.rs");
    /// μ, b_u, b_i, and the lists of similarities.
    type Model = Neighbourhood;

    fn fit(&self, train: &Ratings, run: &mut Run<'_>) -> Result<Neighbourhood> {
        let mut biases = Biases::start(train);
        for _ in 0..SWEEPS {
            biases.sweep(train, self.reg_user, self.reg_item);
        }
        let residual = |user, item, value| value - biases.level(Some(user), Some(item));
        let corated = CoRatings::of(train, self.side, residual);
        let lists = corated.compare(run, self.keep, Moments::add, |moments| {
            let similarity = self.similarity(moments)?;
            Some((similarity, similarity))
        })?;
        Ok(Neighbourhood { knobs: self.clone(), biases, lists, train: train.clone() })
    }

    fn restore(&self, mut tensors: Tensors, train: &Ratings) -> Result<Neighbourhood> {
        let biases = Biases::restore(&mut tensors, train)?;
        let members = match self.side {
            Side::Item => train.items(),
            Side::User => train.users(),
        };
        let lists = Lists::restore(&mut tensors, members)?;
        Ok(Neighbourhood { knobs: self.clone(), biases, lists, train: train.clone() })
    }
}

/// n_ij, Σ z_i z_j, Σ z_i² and Σ z_j² over the raters of both; four sums that a processor adds at once.
#[derive(Debug, Clone, Copy, Default)]
struct Moments([f32; 4]);

impl Moments {
    fn add(&mut self, own: f32, other: f32) {
        let terms = [1.0, own * other, own * own, other * other];
        self.0.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
    }
}

impl Knn {
    /// (2) and (3), where it is positive and enough have rated both.
    fn similarity(&self, moments: &Moments) -> Option<f32> {
        let Moments([count, product, own, other]) = *moments;
        if count < self.min_support as f32 || product <= 0.0 {
            return None;
        }
        let shrunk = (count - 1.0) / (count - 1.0 + self.shrinkage as f32);
        let similarity = shrunk * product / (own * other).sqrt();
        (similarity > 0.0 && similarity.is_finite()).then_some(similarity)
    }
}

/// Biases, and for each item (or user) its nearest others. Memory: 8 bytes for each of at most nK (or mK) similarities, beside the
/// training ratings.
#[derive(Debug, Clone)]
pub struct Neighbourhood {
    knobs: Knn,
    biases: Biases,
    lists: Lists<f32>,
    train: Ratings,
}

impl Model for Neighbourhood {
    fn predict(&self, query: Query) -> f32 {
        match (query.user, query.item) {
            (Some(user), Some(item)) => self.trained(user).score(item),
            _ => self.biases.predict(query),
        }
    }

    fn predict_all(&self, user: Option<User>, _time: Option<Time>, out: &mut [f32]) {
        match user {
            Some(user) => self.trained(user).score_all(out),
            None => self.newcomer(Row::new(&[], &[])).score_all(out),
        }
    }

    fn factors(&self) -> Option<&Factors> {
        None
    }

    fn fold_in<'a>(&'a self, history: Row<'a>) -> Option<Box<dyn Newcomer + 'a>> {
        Some(Box::new(self.newcomer(history)))
    }

    fn similar_items(&self, item: Item) -> Option<Vec<(Item, f32)>> {
        let pairs = |(ids, similarities)| zipped(ids, similarities).map(|(id, s)| (Item(id), s)).collect();
        (self.knobs.side == Side::Item).then(|| pairs(self.lists.list(item.index())))
    }

    fn similar_users(&self, user: User) -> Option<Vec<(User, f32)>> {
        let pairs = |(ids, similarities)| zipped(ids, similarities).map(|(id, s)| (User(id), s)).collect();
        (self.knobs.side == Side::User).then(|| pairs(self.lists.list(user.index())))
    }

    fn tensors(&self) -> Tensors {
        let mut tensors = Tensors::default();
        self.biases.save(&mut tensors);
        self.lists.save(&mut tensors);
        tensors
    }

    fn dimensions(&self) -> Option<(usize, usize)> {
        Some((self.biases.users.len(), self.biases.items.len()))
    }
}

fn zipped<'a>(ids: &'a [u32], similarities: &'a [f32]) -> impl Iterator<Item = (u32, f32)> + 'a {
    ids.iter().copied().zip(similarities.iter().copied())
}

impl Neighbourhood {
    fn trained(&self, user: User) -> Somebody<'_> {
        let (ids, similarities) = match self.knobs.side {
            Side::Item => (&[][..], &[][..]),
            Side::User => self.lists.list(user.index()),
        };
        Somebody {
            model: self,
            history: self.train.row(user),
            bias: self.biases.users[user.index()],
            peers: (Cow::Borrowed(ids), Cow::Borrowed(similarities)),
        }
    }

    fn newcomer<'a>(&'a self, history: Row<'a>) -> Somebody<'a> {
        let bias = self.biases.of_newcomer(history.iter(), self.knobs.reg_user);
        let peers = match self.knobs.side {
            Side::Item => Vec::new(),
            Side::User => self.peers(history, bias),
        };
        let (ids, similarities) = peers.iter().map(|peer| (peer.id, peer.value)).unzip();
        Somebody { model: self, history, bias, peers: (Cow::Owned(ids), Cow::Owned(similarities)) }
    }

    /// The list of a user who is not in the training part.
    fn peers(&self, history: Row<'_>, bias: f32) -> Vec<Found<f32>> {
        let mut moments = vec![Moments::default(); self.train.users()];
        for rated in history.iter() {
            let own = rated.value - bias - self.biases.level(None, Some(rated.item));
            let (users, values) = self.train.by_item().column(rated.item);
            for (&user, value) in users.iter().zip(values) {
                let other = value - self.biases.level(Some(user), Some(rated.item));
                moments[user.index()].add(own, other);
            }
        }
        let found = |(id, moments): (usize, &Moments)| {
            let similarity = self.knobs.similarity(moments)?;
            Some(Found { id: id as u32, rank: similarity, value: similarity })
        };
        let mut peers: Vec<Found<f32>> = moments.iter().enumerate().filter_map(found).collect();
        best(&mut peers, self.knobs.keep);
        peers
    }
}

/// A user of the training part, or a newcomer.
struct Somebody<'a> {
    model: &'a Neighbourhood,
    history: Row<'a>,
    bias: f32,
    /// With `side = user`, the list of users: increasing, and their similarities.
    peers: (Cow<'a, [u32]>, Cow<'a, [f32]>),
}

/// A rating that speaks for a prediction.
#[derive(Debug, Clone, Copy)]
struct Voice {
    similarity: f32,
    residual: f32,
    /// Where in the user's history it stands; with `side = user`, whose it is.
    place: u32,
}

impl Somebody<'_> {
    /// (1).
    fn score(&self, item: Item) -> f32 {
        let level = self.bias + self.model.biases.level(None, Some(item));
        level + self.votes(item).map(|(_, vote)| vote).sum::<f32>()
    }

    /// The terms of (1).
    fn votes(&self, item: Item) -> impl Iterator<Item = (Voice, f32)> {
        let knobs = &self.model.knobs;
        let mut voices = self.voices(item);
        if voices.len() > knobs.neighbours {
            voices.select_nth_unstable_by(knobs.neighbours, |a, b| {
                b.similarity.total_cmp(&a.similarity).then(a.place.cmp(&b.place))
            });
            voices.truncate(knobs.neighbours);
        }
        let weight = |voice: &Voice| voice.similarity.powi(knobs.exponent as i32);
        // A power of a small similarity may be zero in f32, and so may the sum.
        let all = (knobs.damping as f32 + voices.iter().map(weight).sum::<f32>()).max(f32::MIN_POSITIVE);
        voices.into_iter().map(move |voice| (voice, weight(&voice) * voice.residual / all))
    }

    /// All ratings that may speak, by index.
    fn voices(&self, item: Item) -> Vec<Voice> {
        let biases = &self.model.biases;
        let mut voices = Vec::new();
        match self.model.knobs.side {
            Side::Item => {
                let (ids, similarities) = self.model.lists.list(item.index());
                let Row { items, values, .. } = self.history;
                shared(bytemuck::cast_slice(items), ids, |place, other| {
                    let residual = values[place] - self.bias - biases.level(None, Some(items[place]));
                    voices.push(Voice { similarity: similarities[other], residual, place: place as u32 });
                });
            }
            Side::User => {
                let (ids, similarities) = &self.peers;
                let (users, values) = self.model.train.by_item().column(item);
                shared(bytemuck::cast_slice(users), ids, |place, other| {
                    let residual = values[place] - biases.level(Some(users[place]), Some(item));
                    voices.push(Voice { similarity: similarities[other], residual, place: users[place].0 });
                });
            }
        }
        voices
    }

    /// With `side = user`: for each rating of the history that a neighbour rated too, its place and its share of Σ z_u z_v.
    fn common(&self, neighbour: User) -> Vec<(usize, f32)> {
        let biases = &self.model.biases;
        let theirs = self.model.train.row(neighbour);
        let Row { items, values, .. } = self.history;
        let mut products = Vec::new();
        shared(bytemuck::cast_slice(items), bytemuck::cast_slice(theirs.items), |place, other| {
            let own = values[place] - self.bias - biases.level(None, Some(items[place]));
            let other = theirs.values[other] - biases.level(Some(neighbour), Some(items[place]));
            products.push((place, own * other));
        });
        let all: f32 = products.iter().map(|(_, product)| product).sum();
        products.iter().map(|&(place, product)| (place, product / all)).collect()
    }
}

impl Newcomer for Somebody<'_> {
    fn score_all(&self, out: &mut [f32]) {
        for (item, score) in (0..).map(Item).zip(out) {
            *score = self.score(item);
        }
    }

    fn parts(&self, item: Item) -> Parts {
        let Neighbourhood { knobs, biases, .. } = self.model;
        let mut taste = vec![0.0; self.history.len()];
        for (voice, vote) in self.votes(item) {
            match knobs.side {
                Side::Item => taste[voice.place as usize] += vote,
                Side::User => {
                    for (place, share) in self.common(User(voice.place)) {
                        taste[place] += vote * share;
                    }
                }
            }
        }
        let each = 1.0 / (knobs.reg_user + self.history.len() as f64) as f32;
        let generosity = |rated: Rated| each * (rated.value - biases.level(None, Some(rated.item)));
        let shares = self.history.iter().zip(taste);
        Parts {
            mean: biases.mean,
            item_bias: biases.items[item.index()],
            prior: 0.0,
            shares: shares.map(|(rated, taste)| Share { all: generosity(rated) + taste, taste }).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ratings::{Duplicates, RatingsBuilder};
    use proptest::prelude::*;

    fn ratings(cells: &[Option<f32>], columns: usize) -> Ratings {
        let mut builder = RatingsBuilder::new(false);
        for (cell, value) in cells.iter().enumerate() {
            if let Some(value) = value {
                builder.push(&(cell / columns).to_string(), &(cell % columns).to_string(), *value, None);
            }
        }
        builder.finish("test", None, Duplicates::Error, |_, _| Default::default()).unwrap()
    }

    /// The residual of a pair, if there is a rating.
    type Residuals = Vec<Vec<Option<f64>>>;

    /// Members by witnesses: items by users, or users by items.
    fn residuals(train: &Ratings, model: &Neighbourhood) -> Residuals {
        let (m, n) = (train.users(), train.items());
        let mut by_user = vec![vec![None; n]; m];
        for r in train.iter() {
            let level = model.biases.level(Some(r.user), Some(r.item));
            by_user[r.user.index()][r.item.index()] = Some(f64::from(r.value) - f64::from(level));
        }
        match model.knobs.side {
            Side::User => by_user,
            Side::Item => (0..n).map(|i| (0..m).map(|u| by_user[u][i]).collect()).collect(),
        }
    }

    /// (2) and (3) as they are written.
    fn similarity(knobs: &Knn, a: &[Option<f64>], b: &[Option<f64>]) -> f64 {
        let both: Vec<(f64, f64)> = a.iter().zip(b).filter_map(|(&a, &b)| Some((a?, b?))).collect();
        if both.len() < knobs.min_support.max(1) {
            return 0.0;
        }
        let sum = |term: fn(&(f64, f64)) -> f64| both.iter().map(term).sum::<f64>();
        let correlation = sum(|(a, b)| a * b) / (sum(|(a, _)| a * a) * sum(|(_, b)| b * b)).sqrt();
        let count = both.len() as f64 - 1.0;
        correlation * count / (count + knobs.shrinkage)
    }

    /// (1) as it is written, with the model's own similarities.
    fn prediction(model: &Neighbourhood, residuals: &Residuals, member: usize, witness: usize) -> f64 {
        let (ids, similarities) = model.lists.list(member);
        let mut rated: Vec<(f32, f64)> = zipped(ids, similarities)
            .filter_map(|(id, s)| Some((s, residuals[id as usize][witness]?)))
            .collect();
        rated.sort_by(|a, b| b.0.total_cmp(&a.0));
        rated.truncate(model.knobs.neighbours);
        let weight = |s: f32| f64::from(s).powi(model.knobs.exponent as i32);
        let all: f64 = rated.iter().map(|&(s, _)| weight(s)).sum();
        if rated.is_empty() {
            return 0.0;
        }
        rated.iter().map(|&(s, z)| weight(s) * z).sum::<f64>() / (model.knobs.damping + all)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn it_is_what_the_formulas_say(
            cells in proptest::collection::vec(proptest::option::weighted(0.6, 1.0_f32..5.0), 7 * 9),
            side in prop_oneof![Just(Side::Item), Just(Side::User)],
            neighbours in 1_usize..6,
            exponent in 1_u32..4,
            min_support in 1_usize..4,
        ) {
            let train = ratings(&cells, 9);
            let knobs = Knn { side, neighbours, exponent, min_support, shrinkage: 2.0, damping: 0.1, ..Knn::default() };
            let model = knobs.fit(&train, &mut Run::new(1, 2).unwrap()).unwrap();
            let residuals = residuals(&train, &model);
            for a in 0..residuals.len() {
                let (ids, similarities) = model.lists.list(a);
                let found: std::collections::BTreeMap<u32, f32> = zipped(ids, similarities).collect();
                for b in (0..residuals.len()).filter(|&b| b != a) {
                    let expected = similarity(&knobs, &residuals[a], &residuals[b]).max(0.0);
                    let found = found.get(&(b as u32)).copied().unwrap_or(0.0);
                    prop_assert!((f64::from(found) - expected).abs() < 1e-4, "{a} {b}: {found} and {expected}");
                }
            }
            for user in 0..train.users() {
                for item in 0..train.items() {
                    let (u, i) = (User(user as u32), Item(item as u32));
                    let (member, witness) = if side == Side::Item { (item, user) } else { (user, item) };
                    let level = f64::from(model.biases.level(Some(u), Some(i)));
                    let expected = level + prediction(&model, &residuals, member, witness);
                    let found = model.predict(Query { user: Some(u), item: Some(i), time: None });
                    prop_assert!((f64::from(found) - expected).abs() < 1e-4, "{found} and {expected}");
                }
            }
        }

        #[test]
        fn a_trained_users_ratings_give_the_trained_prediction(
            cells in proptest::collection::vec(proptest::option::weighted(0.6, 1.0_f32..5.0), 7 * 9),
            side in prop_oneof![Just(Side::Item), Just(Side::User)],
        ) {
            let train = ratings(&cells, 9);
            let knobs = Knn { side, ..Knn::default() };
            let model = knobs.fit(&train, &mut Run::new(1, 1).unwrap()).unwrap();
            for (user, row) in train.rows() {
                let newcomer = model.newcomer(row);
                for item in (0..train.items() as u32).map(Item) {
                    // Users who rated the item would count themselves among their neighbours.
                    if side == Side::Item || !row.contains(item) {
                        let trained = model.predict(Query { user: Some(user), item: Some(item), time: None });
                        let folded = newcomer.parts(item).sum();
                        prop_assert!((trained - folded).abs() < 1e-4, "{trained} and {folded}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_shorter_list_holds_the_most_similar() {
        let mixed = |cell: u32| (cell.wrapping_mul(2_654_435_761) >> 24) % 50;
        let cells: Vec<Option<f32>> = (0..160).map(|cell| Some(mixed(cell) as f32 / 10.0)).collect();
        let train = ratings(&cells, 8);
        let fit = |keep| {
            let knobs = Knn { keep, ..Knn::default() };
            knobs.fit(&train, &mut Run::new(1, 1).unwrap()).unwrap().lists
        };
        let (all, short) = (fit(100), fit(1));
        let mut shortened = 0;
        for item in 0..train.items() {
            let (ids, similarities) = all.list(item);
            let best = zipped(ids, similarities).max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
            let (ids_short, similarities_short) = short.list(item);
            assert_eq!(zipped(ids_short, similarities_short).next(), best);
            shortened += usize::from(ids.len() > 1);
        }
        assert!(shortened > 1);
    }
}
