//! # timeSVD++, flipped too
//!
//! Letters: as in `svdpp`: m users, n items, k factors, N ratings; Ω the training part; N(u) the items that u rated in it, U(i) the users who rated i, n_u and n_i how many;
//! t the day of a rating, counted from the first day of the training part; t_u the mean day of u's ratings; D the days from its first to its last; n_ut how many
//! ratings u gave on day t, n_ib how many i was given in bin b; e = r_ui − r̂_ui(t); η the learning rate, λ an L2 weight.
//!
//! ## Model
//! ```text
//! r̂_ui(t) = μ + b_u(t) + b_i(t) + (p_u(t) + z_u)ᵀ(q_i + w_i)                                    (1)
//! z_u = s_u·n_u^−½ Σ_{j∈N(u)} y_j,   w_i = s_i·n_i^−½ Σ_{v∈U(i)} x_v                            (2)
//! b_u(t) = b_u + α_u·dev_u(t) + b_{u,t}       a mood that drifts, and one of the day            (3)
//! dev_u(t) = sign(t − t_u)·(|t − t_u|/D)^β                                                      (4)
//! b_i(t) = (b_i + b_{i,Bin(t)})·c_u(t)        Bin cuts the span of the training part into equal parts  (5)
//! c_u(t) = 1 + c_u + c_{u,t}                  how much u is moved by what all think of an item  (6)
//! p_u(t) = p_u + a_u·dev_u(t)                 a taste that drifts, if `factor_drift` is on; else a_u = 0  (7)
//! ```
//! The vectors y and x have a bias each as one more coordinate: with it z_u adds to b_u(t), and w_i to b_i(t), outside of c_u(t).
//!
//! **Another time.** On a day without a rating of u in training b_{u,t} = c_{u,t} = 0. dev_u stays within the days of u's own ratings, and Bin within the span of the training
//! part: a future time is asked of the user as last seen and of the item as in the last bin. A question without a time is asked at the end in this sense, too. There the model is
//! biases and one inner product of k + 1 coordinates: p_u(t) + z_u and q_i + w_i, and as the last c_u for the user and b_i + b_{i,Bin} for the item: similarity, top-N, the map and newcomers use that.
//!
//! ## Objective
//! ```text
//! Σ_{(u,i,t)∈Ω} [ e² + λ(w_u‖p_u‖² + w_i‖q_i‖²) + λ_b(w_u b_u² + w_i b_i²) + λ_s(Σ_{j∈N(u)} ‖y_j‖² or Σ_{v∈U(i)} ‖x_v‖²) ]
//!   + λ_t(Σ_u (α_u² + c_u²) + Σ_{u,t} (b_{u,t}² + c_{u,t}²)) + λ_i Σ_{i,b} b_{i,b}² + λ_a Σ_u ‖a_u‖²       (8)
//! w_u = (n̄/n_u)^ν, n̄ the mean of n over the users who have any; w_i alike
//! ```
//! λ_t and λ_i count ratings: so many at no drift is each drift given. λ_a holds a user's slopes whole, not for each rating.
//!
//! ## Update
//! An epoch is a pass user by user and a pass item by item, as in `svdpp`: each rating in turn moves the vectors and biases of (1) and (2) by η, without following y and x one by one.
//! The biases and their drifts move in both passes, with e taken before anything moves:
//! ```text
//! b_u     ← b_u + 2η_b(e − λ_b w_u·b_u)
//! b_i     ← b_i + 2η_b(e·c_u(t) − λ_b w_i·b_i)
//! b_{u,t} ← (b_{u,t} + 2η_b·e) / (1 + 2η_b·λ_t/n_ut)
//! α_u     ← (α_u + 2η_b·e·dev_u(t)) / (1 + 2η_b·λ_t/n_u)
//! c_{u,t} ← (c_{u,t} + 2η_b·e·(b_i + b_{i,b})) / (1 + 2η_b·λ_t/n_ut), c_u alike with n_u
//! b_{i,b} ← (b_{i,b} + 2η_b·e·c_u(t)) / (1 + 2η_b·λ_i/n_ib)                                     (9)
//! ```
//! In the pass by users the slopes of the vectors move with them, in the pass by items they stay:
//! ```text
//! a_u     ← (a_u + 2η·e·dev_u(t)·(q_i + w_i)) / (1 + 2η·λ_a/n_u)                                (10)
//! ```
//! The quotients are the step against the gradient of the rating's share of (8) with the penalty taken where the step ends: it is stable for any λ.
//!
//! ## Cost
//! O(kN) a pass, on one thread; see `svdpp`. Memory: 32 bytes a rating while it learns, and 12 for each day of each user; slopes take 8 more a rating and k numbers a user.
//!
//! ## Unknown users and items
//! An unknown user has the mean of all learned vectors and of all biases, and no drift; an unknown item alike.
//!
//! ## Defaults and their source
//! The start: normal noise in P and Q, zero everywhere else. The defaults are the preset `ml-100k`. β = 0.4 and 30 bins are Koren's. On MovieLens the items' bins neither help nor harm as
//! firmly held as here, and harm if held less: they are there to be looked at, and for data over more years.
//!
//! ## Differences from the paper
//! Koren's vectors also have a part for each day of each user; on validation parts of MovieLens that lost, and it is left out here. The slopes (7) are his, but off by default: on validation parts of MovieLens they gained 0.0003 RMSE at most.
//! His penalties do not depend on the number of ratings. The flipped part and the biases of y and x are not his.
//!
//! ## References
//! Y. Koren, "Collaborative filtering with temporal dynamics", KDD 2009; Communications of the ACM 53(4), 2010, equations (6) to (16).
//! S. Rendle, L. Zhang, Y. Koren, "On the difficulty of evaluating baselines: a study on recommender systems", arXiv 1905.01395, 2019.

mod drift;

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use self::drift::{Drift, Hold, Moment, Now, Step, inner};
use crate::data::ids::{Item, User};
use crate::data::ratings::{Ratings, Row, Time};
use crate::error::{Error, Result};
use crate::fit::algorithm::{Algorithm, Kind, Knob, Preset, Task};
use crate::fit::factors::{Factors, Matrix};
use crate::fit::model::{ItemDrift, Model, Newcomer, Query, Tensors};
use crate::fit::rng::Purpose;
use crate::fit::run::Run;
use crate::fit::sets::{Pace, PerRating, Side, View, predict};

/// The parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeSvdpp {
    /// s_u.
    pub user_set: f64,
    /// s_i.
    pub item_set: f64,
    /// k.
    pub factors: usize,
    /// η.
    pub rate: f64,
    /// η_b.
    pub bias_rate: f64,
    /// What η and η_b are multiplied by after each epoch.
    pub decay: f64,
    /// λ.
    pub reg: f64,
    /// λ_b.
    pub bias_reg: f64,
    /// λ_s.
    pub set_reg: f64,
    /// ν.
    pub reg_power: f64,
    /// β, equation (4).
    pub power: f64,
    /// λ_t.
    pub user_drift_reg: f64,
    /// How many parts the span of the training part is cut into.
    pub bins: usize,
    /// λ_i.
    pub item_drift_reg: f64,
    /// Whether the users' vectors drift, equation (7).
    pub factor_drift: bool,
    /// λ_a.
    pub factor_drift_reg: f64,
    /// Epochs of two passes over the training part.
    pub epochs: usize,
    /// Standard deviation of the noise that P and Q start with.
    pub spread: f64,
}

impl Default for TimeSvdpp {
    fn default() -> Self {
        Self {
            user_set: 0.42,
            item_set: 1.3,
            factors: 15,
            rate: 0.005,
            bias_rate: 0.0011,
            decay: 0.96,
            reg: 0.28,
            bias_reg: 0.0035,
            set_reg: 0.0015,
            reg_power: 0.5,
            power: 0.4,
            user_drift_reg: 4.0,
            bins: 30,
            item_drift_reg: 100.0,
            factor_drift: false,
            factor_drift_reg: 100.0,
            epochs: 35,
            spread: 0.07,
        }
    }
}

impl Algorithm for TimeSvdpp {
    const NAME: &'static str = "timesvdpp";
    const TITLE: &'static str = "timeSVD++: SVD++ with biases that drift";
    const TASK: Task = Task::Rating;
    const KNOBS: &'static [Knob] = &[
        Knob {
            name: "user_set",
            symbol: "s_u",
            kind: Kind::Real { min: 0.0, max: 10.0, search: Some((0.1, 3.0)) },
            purpose: "how strongly the items that a user rated count; 0 leaves them out",
        },
        Knob {
            name: "item_set",
            symbol: "s_i",
            kind: Kind::Real { min: 0.0, max: 10.0, search: Some((0.1, 3.0)) },
            purpose: "how strongly the users who rated an item count; 0 leaves them out",
        },
        Knob {
            name: "factors",
            symbol: "k",
            kind: Kind::Integer { min: 1, max: 2047, search: Some((7, 127)) },
            purpose: "length of the users' and items' vectors; one less than a multiple of 16 costs the least",
        },
        Knob {
            name: "rate",
            symbol: "η",
            kind: Kind::Real { min: 1e-8, max: 1.0, search: Some((1e-3, 3e-2)) },
            purpose: "learning rate of the vectors",
        },
        Knob {
            name: "bias_rate",
            symbol: "η_b",
            kind: Kind::Real { min: 0.0, max: 1.0, search: Some((3e-4, 1e-2)) },
            purpose: "learning rate of the biases and their drifts",
        },
        Knob {
            name: "decay",
            symbol: "η ← η·decay",
            kind: Kind::Real { min: 0.1, max: 1.0, search: Some((0.9, 1.0)) },
            purpose: "what the rates are multiplied by after each epoch",
        },
        Knob {
            name: "reg",
            symbol: "λ",
            kind: Kind::Real { min: 0.0, max: 10.0, search: Some((0.03, 0.5)) },
            purpose: "L2 weight of the users' and items' own vectors, per rating",
        },
        Knob {
            name: "bias_reg",
            symbol: "λ_b",
            kind: Kind::Real { min: 0.0, max: 10.0, search: Some((0.001, 0.1)) },
            purpose: "L2 weight of the biases, per rating",
        },
        Knob {
            name: "set_reg",
            symbol: "λ_s",
            kind: Kind::Real { min: 0.0, max: 10.0, search: Some((0.0005, 0.05)) },
            purpose: "L2 weight of each vector in a set, per rating of the set's owner",
        },
        Knob {
            name: "reg_power",
            symbol: "ν",
            kind: Kind::Real { min: 0.0, max: 1.0, search: None },
            purpose: "how much firmer rows with few ratings are held: 0 not at all, 1 as in plain ridge",
        },
        Knob {
            name: "power",
            symbol: "β",
            kind: Kind::Real { min: 0.05, max: 2.0, search: None },
            purpose: "how a user's drift grows with the days: 1 evenly, less than 1 mostly near the middle",
        },
        Knob {
            name: "user_drift_reg",
            symbol: "λ_t",
            kind: Kind::Real { min: 0.0, max: 1e6, search: Some((1.0, 100.0)) },
            purpose: "how many ratings without drift each drift of a user is given",
        },
        Knob {
            name: "bins",
            symbol: "B",
            kind: Kind::Integer { min: 1, max: 1000, search: None },
            purpose: "how many parts of the training span an item has a bias for",
        },
        Knob {
            name: "item_drift_reg",
            symbol: "λ_i",
            kind: Kind::Real { min: 0.0, max: 1e6, search: Some((10.0, 1000.0)) },
            purpose: "how many ratings without drift each part of an item's time is given",
        },
        Knob {
            name: "factor_drift",
            symbol: "a",
            kind: Kind::Flag,
            purpose: "whether the users' vectors drift, too",
        },
        Knob {
            name: "factor_drift_reg",
            symbol: "λ_a",
            kind: Kind::Real { min: 0.0, max: 1e6, search: Some((10.0, 1000.0)) },
            purpose: "L2 weight of the slope of a user's vector; not read where the vectors do not drift",
        },
        Knob {
            name: "epochs",
            symbol: "T",
            kind: Kind::Integer { min: 1, max: 100_000, search: Some((10, 100)) },
            purpose: "epochs of two passes over the training part",
        },
        Knob {
            name: "spread",
            symbol: "σ₀",
            kind: Kind::Real { min: 0.0, max: 10.0, search: Some((0.003, 0.3)) },
            purpose: "standard deviation of the noise that the vectors start with",
        },
    ];
    const PRESETS: &'static [Preset] = &[
        Preset {
            name: "ml-100k",
            source: "a random walk downhill by the error on a tenth of each of the training parts u1…u5, rounded; test parts unseen",
            set: &[
                ("user_set", "0.42"),
                ("item_set", "1.3"),
                ("factors", "15"),
                ("rate", "0.005"),
                ("bias_rate", "0.0011"),
                ("decay", "0.96"),
                ("reg", "0.28"),
                ("bias_reg", "0.0035"),
                ("set_reg", "0.0015"),
                ("reg_power", "0.5"),
                ("power", "0.4"),
                ("user_drift_reg", "4"),
                ("bins", "30"),
                ("item_drift_reg", "100"),
                ("factor_drift", "false"),
                ("epochs", "35"),
                ("spread", "0.07"),
            ],
        },
        Preset {
            name: "ml-100k-time",
            source: "without the users of an item as a set: the best of 90 trials of `tune` on a tenth of the training part u1, rounded; test part unseen",
            set: &[
                ("user_set", "0.96"),
                ("item_set", "0"),
                ("factors", "23"),
                ("rate", "0.0096"),
                ("bias_rate", "0.0022"),
                ("decay", "0.96"),
                ("reg", "0.146"),
                ("bias_reg", "0.086"),
                ("set_reg", "0.0022"),
                ("reg_power", "0.5"),
                ("power", "0.4"),
                ("user_drift_reg", "0.68"),
                ("bins", "30"),
                ("item_drift_reg", "287"),
                ("factor_drift", "false"),
                ("epochs", "14"),
                ("spread", "0.021"),
            ],
        },
        Preset {
            name: "ml-1m",
            source: "a random walk downhill by the error on a tenth of the training part of a random tenth held out, rounded; test part unseen",
            set: &[
                ("user_set", "0.58"),
                ("item_set", "1.34"),
                ("factors", "63"),
                ("rate", "0.006"),
                ("bias_rate", "0.0012"),
                ("decay", "0.93"),
                ("reg", "0.14"),
                ("bias_reg", "0.01"),
                ("set_reg", "0.0006"),
                ("reg_power", "0.5"),
                ("power", "0.4"),
                ("user_drift_reg", "4"),
                ("bins", "30"),
                ("item_drift_reg", "100"),
                ("factor_drift", "false"),
                ("epochs", "22"),
                ("spread", "0.04"),
            ],
        },
    ];
    const SOURCE: &'static str = include_str!("timesvdpp.rs");
    /// (1) at the end, and the drifts that lead from there to any other time.
    type Model = Drifting;

    fn fit(&self, train: &Ratings, run: &mut Run<'_>) -> Result<Drifting> {
        if !train.has_times() {
            let problem = "timesvdpp learns from the time of each rating, and these ratings have none";
            return Err(Error::unsupported(problem, "give a column of times, or train svdpp"));
        }
        let mean = train.mean() as f32;
        let (by_user, by_item) = (View::ByUser(train), View::ByItem(train));
        let (mut users, mut items) = self.start(train, run);
        let mut drift = Drift::start(self, train);
        let moments = drift.moments(train);
        let devs = |moments: &PerRating<Moment>| self.factor_drift.then(|| moments.map(|moment| moment.dev));
        let (user_devs, item_devs) = (devs(&moments.0), devs(&moments.1));
        let hold = Hold::of(self, &drift, train, &moments.0);
        run.start();
        for epoch in 0..self.epochs {
            let pace = self.pace(epoch);
            let step = Step { pace: &pace, hold: &hold, mean };
            let (sides, devs) = ((&mut users, &mut items), user_devs.as_ref());
            pace.pass(2 * epoch, by_user, sides, devs, run, |at, biases| {
                drift.learn(&step, (at.row, at.mate), moments.0.of(at), at.rest, biases, true)
            });
            users.build_sets(by_user, &items, run);
            let (sides, devs) = ((&mut items, &mut users), item_devs.as_ref());
            let squares = pace.pass(2 * epoch + 1, by_item, sides, devs, run, |at, biases| {
                drift.learn(&step, (at.mate, at.row), moments.1.of(at), at.rest, biases, false)
            });
            items.build_sets(by_item, &users, run);
            let train_rmse = (squares / train.len().max(1) as f64).sqrt();
            let known = |query| predict(mean, &users, &items, query) + drift.of(query, &users, &items);
            if run.end_epoch(train_rmse, TOO_FAST, known)? == ControlFlow::Break(()) {
                break;
            }
        }
        if !(users.is_finite() && items.is_finite() && drift.is_finite()) {
            let what = "a factor is no longer finite".to_owned();
            return Err(Error::Diverged { epoch: run.epochs().len(), what, hint: TOO_FAST.to_owned() });
        }
        let end = drift.at_the_end(mean, &users, &items, run);
        drift.factor_slope = users.slope;
        Ok(Drifting { end, drift })
    }

    fn restore(&self, mut tensors: Tensors, _train: &Ratings) -> Result<Drifting> {
        let drift = Drift::restore(self.power, &mut tensors)?;
        let end = Factors::restore(tensors)?;
        let (m, n, k) = (end.users.rows(), end.items.rows(), end.k());
        let slopes_fit =
            drift.factor_slope.as_ref().is_none_or(|slope| (slope.rows(), slope.columns() + 1) == (m, k));
        if drift.dimensions() != (m, n) || k == 0 || !slopes_fit {
            return Err(Error::unsupported("the drifts are not of the users and items of the factors", ""));
        }
        Ok(Drifting { end, drift })
    }
}

const TOO_FAST: &str = "lower `rate` (and `bias_rate`), or raise `reg` or `set_reg`";

impl TimeSvdpp {
    /// Both sides before the first pass.
    fn start(&self, train: &Ratings, run: &Run<'_>) -> (Side, Side) {
        let side = |view: View<'_>, strength, purpose| {
            let side = Side::start(view.counts(), self.factors, self.spread, purpose, run);
            side.with(strength, self.reg_power)
        };
        let mut users = side(View::ByUser(train), self.user_set, Purpose::UserFactors);
        users.slope = self.factor_drift.then(|| Matrix::zeros(train.users(), self.factors));
        (users, side(View::ByItem(train), self.item_set, Purpose::ItemFactors))
    }

    /// The rates of an epoch.
    fn pace(&self, epoch: usize) -> Pace {
        let slowed = (0..epoch).fold(2.0, |rate, _| rate * self.decay);
        Pace {
            rate: (slowed * self.rate) as f32,
            bias_rate: (slowed * self.bias_rate) as f32,
            reg: self.reg as f32,
            bias_reg: self.bias_reg as f32,
            set_reg: self.set_reg as f32,
            slope_reg: self.factor_drift_reg as f32,
        }
    }
}

/// What a fit returns.
pub struct Drifting {
    /// (1) at the end: biases and an inner product of k + 1 coordinates.
    end: Factors,
    /// What leads from there to another time.
    drift: Drift,
}

/// What a user at some time is above the same user at the end.
struct Since<'a> {
    now: Now,
    /// c_u.
    scale: f32,
    /// a_u, where the vectors drift.
    slope: Option<&'a [f32]>,
}

impl Drifting {
    fn since(&self, user: Option<User>, time: Option<Time>) -> Since<'_> {
        let (then, end) = (self.drift.user_at(user, time), self.drift.user_at(user, None));
        let now = Now { bias: then.bias - end.bias, scale: then.scale - end.scale, dev: then.dev - end.dev };
        let last = self.end.k() - 1;
        let scale = user.map_or(self.end.prior.mean[last], |user| self.end.users.entries(user.index())[last]);
        let slopes = self.drift.factor_slope.as_ref();
        Since { now, scale, slope: slopes.zip(user).map(|(slopes, user)| slopes.entries(user.index())) }
    }

    /// What a rating at that time is above one at the end.
    fn moved(&self, since: &Since<'_>, item: Option<Item>, time: Option<Time>) -> f32 {
        let last = self.end.k() - 1;
        // q_i + w_i and then b_i + b_{i,Bin} at the end.
        let entries = item.map_or(&self.end.unseen_item[..], |item| self.end.items.entries(item.index()));
        let (vector, level) = (&entries[..last], entries[last]);
        let Now { bias, scale, dev } = since.now;
        let item_moved = self.drift.item_at(item, time) - self.drift.item_at(item, None);
        let turned = since.slope.map_or(0.0, |slope| dev * inner(slope, vector));
        bias + scale * level + item_moved * (1.0 + since.scale + scale) + turned
    }
}

impl Model for Drifting {
    fn predict(&self, query: Query) -> f32 {
        let Query { user, item, time } = query;
        self.end.predict(query) + self.moved(&self.since(user, time), item, time)
    }

    fn predict_all(&self, user: Option<User>, time: Option<Time>, out: &mut [f32]) {
        self.end.predict_all(user, out);
        let since = self.since(user, time);
        for (index, score) in out.iter_mut().enumerate() {
            *score += self.moved(&since, Some(Item(index as u32)), time);
        }
    }

    fn factors(&self) -> Option<&Factors> {
        Some(&self.end)
    }

    fn fold_in<'a>(&'a self, history: Row<'a>) -> Option<Box<dyn Newcomer + 'a>> {
        Model::fold_in(&self.end, history)
    }

    fn tensors(&self) -> Tensors {
        let mut tensors = self.end.tensors();
        self.drift.store(&mut tensors);
        tensors
    }

    fn item_drift(&self) -> Option<ItemDrift<'_>> {
        let Drift { calendar, bin_bias, .. } = &self.drift;
        Some(ItemDrift { bounds: calendar.bounds(), biases: bin_bias })
    }
}
