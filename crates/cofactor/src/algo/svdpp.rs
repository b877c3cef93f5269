//! # SVD++, flipped too
//!
//! Letters: m users, n items, k factors, N ratings; P and X are m×k, Q and Y are n×k; Ω the training part; N(u) the items that u rated in it, U(i) the
//! users who rated i, n_u and n_i how many; e_ui = r_ui − r̂_ui; η the learning rate, λ an L2 weight.
//!
//! ## Model
//! ```text
//! r̂_ui = μ + b_u + b_i + (p_u + z_u)ᵀ(q_i + w_i)                                                (1)
//! z_u = s_u·n_u^−½ Σ_{j∈N(u)} y_j           what u rated says about u                           (2)
//! w_i = s_i·n_i^−½ Σ_{v∈U(i)} x_v           who rated i says about i: the flipped part          (3)
//! ```
//! The vectors y and x have a bias each as one more coordinate: with it z_u adds to b_u, and w_i to b_i. With s_i = 0 there is no flipped part, with s_u = 0
//! no other. That somebody rated something says much, whatever the rating was: on small data more than a better fit of the ratings does.
//!
//! ## Objective
//! ```text
//! Σ_{(u,i)∈Ω} [ e_ui² + λ(ω_u‖p_u‖² + ω_i‖q_i‖²) + λ_b(ω_u b_u² + ω_i b_i²) + λ_s(Σ_{j∈N(u)} ‖y_j‖² or Σ_{v∈U(i)} ‖x_v‖²) ]      (4)
//! ω_u = (n̄/n_u)^ν, n̄ the mean of n over the users who have any; ω_i alike                          (5)
//! ```
//!
//! ## Update
//! An epoch is a pass user by user, if s_u > 0, and a pass item by item, if s_i > 0. In the pass by users w is fixed; for each rating of the user in turn, with
//! e = e_ui taken before anything moves:
//! ```text
//! ∂(4)/∂p_u = −2e(q_i + w_i) + 2λω_u·p_u      p_u ← p_u + 2η(e(q_i + w_i) − λω_u·p_u)           (6)
//! ∂(4)/∂q_i = −2e(p_u + z_u) + 2λω_i·q_i      q_i ← q_i + 2η(e(p_u + z_u) − λω_i·q_i)           (7)
//! ∂(4)/∂b_u = −2e + 2λ_b ω_u·b_u              b_u ← b_u + 2η_b(e − λ_b ω_u·b_u), b_i alike      (8)
//! ∂(4)/∂y_j = −2e·s_u n_u^−½(q_i + w_i) + 2λ_s·y_j,  for all j∈N(u):
//!                                             y_j ← y_j + 2η(e·s_u n_u^−½(q_i + w_i) − λ_s·y_j)  (9)
//! ```
//! All y_j of the user move by the same pull and shrink by the same factor κ = 1 − 2ηλ_s, so (9) moves their sum by
//! ```text
//! z_u ← κ·z_u + 2η·s_u²·e(q_i + w_i)                                                            (10)
//! ```
//! and after the user's n_u ratings, which took z_u from z° to z, each of them stands at
//! ```text
//! y_j ← κⁿ·y_j + (z − κⁿ·z°)/(s_u·n_u^½),  n = n_u                                              (11)
//! ```
//! (10) and (11) are (9), not an approximation of it: z_u is summed once for a user, moved with p_u at each rating, and handed to the y_j once. The pass by items is the same
//! with the roles exchanged: x and w for y and z, and z fixed. After each pass all sums that it changed are built anew. η and η_b are multiplied by `decay` after each epoch. The 2
//! of the square is not hidden in η.
//!
//! ## Cost
//! O(kN) a pass, where (9) as it stands takes O(k Σ_u n_u²). The rows of a pass come one after the other in an order drawn for the epoch, because each user moves vectors that
//! the next one starts from: a pass runs on one thread, and only the sums are built on all.
//!
//! ## Unknown users and items
//! An unknown user has the mean of all learned p_u + z_u and their mean bias; an unknown item alike. The learned model is one inner product of p_u + z_u and q_i + w_i: a user
//! who comes with a few ratings is folded in as in plain factorization, under the covariance of the learned sums.
//!
//! ## Defaults and their source
//! The start: normal noise in P and Q, zero everywhere else. The defaults are the preset `ml-100k`.
//!
//! ## Differences from the paper
//! Koren's SVD++ has s_u = 1, s_i = 0, ν = 0 and no biases in y. The flipped part is from Rendle, Zhang & Koren, who sample the model instead of descending.
//!
//! ## References
//! Y. Koren, "Factorization meets the neighborhood: a multifaceted collaborative filtering model", KDD 2008, equation (15).
//! S. Rendle, L. Zhang, Y. Koren, "On the difficulty of evaluating baselines: a study on recommender systems", arXiv 1905.01395, 2019.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use crate::data::ratings::Ratings;
use crate::error::{Error, Result};
use crate::fit::algorithm::{Algorithm, Kind, Knob, Preset, Task};
use crate::fit::factors::Factors;
use crate::fit::model::Tensors;
use crate::fit::objective::{
    Expr, Method, Objective, Sample, Set, Training, Unknown, Visits, dot, named, penalty, power, scalar,
    size, square, squared_norm, sum, vector, weight,
};
use crate::fit::rng::Purpose;
use crate::fit::run::Run;
use crate::fit::sets::{At, Biases, Pace, Side, View, model, predict};

/// The parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Svdpp {
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
    /// ν, equation (5).
    pub reg_power: f64,
    /// Epochs of one or two passes over the training part.
    pub epochs: usize,
    /// Standard deviation of the noise that P and Q start with.
    pub spread: f64,
}

impl Default for Svdpp {
    fn default() -> Self {
        Self {
            user_set: 0.42,
            item_set: 1.3,
            factors: 16,
            rate: 0.005,
            bias_rate: 0.0011,
            decay: 0.96,
            reg: 0.28,
            bias_reg: 0.0035,
            set_reg: 0.0015,
            reg_power: 0.5,
            epochs: 35,
            spread: 0.07,
        }
    }
}

impl Algorithm for Svdpp {
    const NAME: &'static str = "svdpp";
    const TITLE: &'static str = "SVD++: factors, and what a user rated and who rated an item";
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
            kind: Kind::Integer { min: 1, max: 2048, search: Some((8, 128)) },
            purpose: "length of the users' and items' vectors",
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
            purpose: "learning rate of the biases",
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
            name: "epochs",
            symbol: "T",
            kind: Kind::Integer { min: 1, max: 100_000, search: Some((10, 100)) },
            purpose: "epochs of one pass over the training part for each kind of set",
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
                ("factors", "16"),
                ("rate", "0.005"),
                ("bias_rate", "0.0011"),
                ("decay", "0.96"),
                ("reg", "0.28"),
                ("bias_reg", "0.0035"),
                ("set_reg", "0.0015"),
                ("reg_power", "0.5"),
                ("epochs", "35"),
                ("spread", "0.07"),
            ],
        },
        Preset {
            name: "ml-100k-sets",
            source: "without the users of an item as a set: the best of 90 trials of `tune` on a tenth of the training part u1, rounded; test part unseen",
            set: &[
                ("user_set", "0.93"),
                ("item_set", "0"),
                ("factors", "38"),
                ("rate", "0.0089"),
                ("bias_rate", "0.0023"),
                ("decay", "0.96"),
                ("reg", "0.072"),
                ("bias_reg", "0.035"),
                ("set_reg", "0.0016"),
                ("reg_power", "0.5"),
                ("epochs", "13"),
                ("spread", "0.031"),
            ],
        },
        Preset {
            name: "ml-1m",
            source: "a random walk downhill by the error on a tenth of the training part of a random tenth held out, rounded; test part unseen",
            set: &[
                ("user_set", "0.58"),
                ("item_set", "1.34"),
                ("factors", "64"),
                ("rate", "0.006"),
                ("bias_rate", "0.0012"),
                ("decay", "0.93"),
                ("reg", "0.14"),
                ("bias_reg", "0.01"),
                ("set_reg", "0.0006"),
                ("reg_power", "0.5"),
                ("epochs", "22"),
                ("spread", "0.04"),
            ],
        },
        Preset {
            name: "koren",
            source: "Koren 2008, section 4: SVD++ as it was run on the Netflix data",
            set: &[
                ("user_set", "1"),
                ("item_set", "0"),
                ("factors", "50"),
                ("rate", "0.0035"),
                ("bias_rate", "0.0035"),
                ("decay", "0.9"),
                ("reg", "0.015"),
                ("bias_reg", "0.005"),
                ("set_reg", "0.015"),
                ("reg_power", "0"),
                ("epochs", "30"),
                ("spread", "0.1"),
            ],
        },
    ];
    const SOURCE: &'static str = include_str!("svdpp.rs");
    /// μ, and for each user and item the sum of its own vector and its set's.
    type Model = Factors;

    fn fit(&self, train: &Ratings, run: &mut Run<'_>) -> Result<Factors> {
        let mean = train.mean() as f32;
        let (by_user, by_item) = (View::ByUser(train), View::ByItem(train));
        let (mut users, mut items) = self.start(train, run);
        run.start();
        for epoch in 0..self.epochs {
            let pace = self.pace(epoch);
            let error = error(pace, mean);
            let mut squares = 0.0;
            if self.user_set > 0.0 {
                squares = pace.pass(2 * epoch, by_user, (&mut users, &mut items), None, run, &error);
                users.build_sets(by_user, &items, run);
            }
            if self.item_set > 0.0 {
                squares = pace.pass(2 * epoch + 1, by_item, (&mut items, &mut users), None, run, &error);
                items.build_sets(by_item, &users, run);
            }
            let train_rmse = (squares / train.len().max(1) as f64).sqrt();
            let known = |query| predict(mean, &users, &items, query);
            if run.end_epoch(train_rmse, TOO_FAST, known)? == ControlFlow::Break(()) {
                break;
            }
        }
        if !(users.is_finite() && items.is_finite()) {
            let what = "a factor is no longer finite".to_owned();
            return Err(Error::Diverged { epoch: run.epochs().len(), what, hint: TOO_FAST.to_owned() });
        }
        Ok(model(mean, users.learned(run.pool()), items.learned(run.pool()), run))
    }

    fn restore(&self, tensors: Tensors, _train: &Ratings) -> Result<Factors> {
        Factors::restore(tensors)
    }

    fn objectives(&self) -> Vec<Objective> {
        let passes = [(self.user_set, By::User), (self.item_set, By::Item)];
        passes.into_iter().filter(|(strength, _)| *strength > 0.0).map(|(_, by)| self.objective(by)).collect()
    }

    fn check(&self) -> Result<()> {
        if self.user_set > 0.0 || self.item_set > 0.0 {
            return Ok(());
        }
        let hint = "without any set the model is `mf`";
        Err(Error::parameter("item_set", self.item_set, "above 0 where user_set is 0", hint))
    }
}

const TOO_FAST: &str = "lower `rate` (and `bias_rate`), or raise `reg` or `set_reg`";

/// e of a rating; moves its biases by (8), and those of the set as (9) and (10) do.
fn error(pace: Pace, mean: f32) -> impl Fn(At, Biases<'_>) -> f32 {
    move |at, biases| {
        let e = at.rest - mean - biases.sum();
        pace.descend(biases, e, (1.0, 1.0));
        e
    }
}

impl Svdpp {
    /// Both sides before the first pass.
    fn start(&self, train: &Ratings, run: &Run<'_>) -> (Side, Side) {
        let side = |view: View<'_>, strength, purpose| {
            let side = Side::start(view.counts(), self.factors, self.spread, purpose, run);
            side.with(strength, self.reg_power)
        };
        let users = side(View::ByUser(train), self.user_set, Purpose::UserFactors);
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
            slope_reg: 0.0,
        }
    }
}

/// Whose sets a pass moves; the others' stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    User,
    Item,
}

/// What is said about a row by its set, and the terms that the pass moves in it.
struct SetTerms {
    vector: Expr,
    bias: Expr,
    gift: Expr,
    gift_bias: Expr,
    /// The squares of all gifts of the set.
    squares: Expr,
}

impl SetTerms {
    /// (2) or (3): s·n^−½ times the sums of the gifts, in the letters given.
    fn new(
        set: Set,
        strength: Expr,
        [vector_of, bias_of]: [&'static str; 2],
        gift: Expr,
        gift_bias: Expr,
    ) -> Self {
        let index = if matches!(set, Set::ItemsOf(_)) { "u" } else { "i" };
        let scale = strength * power(&size(set), -0.5);
        Self {
            vector: named(vector_of, index, scale.clone() * sum(set, gift.clone())),
            bias: named(bias_of, index, scale * sum(set, gift_bias.clone())),
            squares: sum(set, squared_norm(&gift) + square(&gift_bias)),
            gift,
            gift_bias,
        }
    }

    fn by(by: By) -> Self {
        match by {
            By::User => {
                let (y, bias) = (vector("y", "j"), scalar("β", "j"));
                Self::new(Set::ItemsOf("j"), scalar("s_u", ""), ["z", "c"], y, bias)
            }
            By::Item => {
                let (x, bias) = (vector("x", "v"), scalar("γ", "v"));
                Self::new(Set::UsersOf("v"), scalar("s_i", ""), ["w", "d"], x, bias)
            }
        }
    }
}

/// What `cofactor derive` differentiates, and holds against the training above.
impl Svdpp {
    /// (1) to (5) in the pass by users or by items.
    fn objective(&self, by: By) -> Objective {
        let (p, q, b_u, b_i) = (vector("p", "u"), vector("q", "i"), scalar("b", "u"), scalar("b", "i"));
        let moved = SetTerms::by(by);
        let still = |strength: f64, letter: Expr| if strength > 0.0 { letter } else { Expr::Number(0.0) };
        let [z, w, c, d] = match by {
            By::User => {
                let still = |letter| still(self.item_set, letter);
                [moved.vector, still(vector("w", "i")), moved.bias, still(scalar("d", "i"))]
            }
            By::Item => {
                let still = |letter| still(self.user_set, letter);
                [still(vector("z", "u")), moved.vector, still(scalar("c", "u")), moved.bias]
            }
        };
        let biases = scalar("μ", "") + b_u.clone() + c + b_i.clone() + d;
        let r_hat = named("r̂", "ui", biases + dot(&(p.clone() + z), &(q.clone() + w)));
        let e = named("e", "ui", scalar("r", "ui") - r_hat);
        let (w_u, w_i) = (weight("ω", "u", self.reg_power), weight("ω", "i", self.reg_power));
        let weighed = |user: Expr, item: Expr| w_u.clone() * user + w_i.clone() * item;
        let share = square(&e)
            + penalty(self.reg, "λ", weighed(squared_norm(&p), squared_norm(&q)))
            + penalty(self.bias_reg, "λ_b", weighed(square(&b_u), square(&b_i)))
            + penalty(self.set_reg, "λ_s", moved.squares);
        let unknown = |rate: &'static str| move |letter: Expr| Unknown::new(&letter, &scalar(rate, ""));
        let vectors = [p, q, moved.gift].into_iter().map(unknown("η"));
        let (title, visits) = match by {
            By::User => ("(4) in the pass by users, the sets of the items fixed", Visits::OneUser),
            By::Item => ("(4) in the pass by items, the sets of the users fixed", Visits::OneItem),
        };
        let svdpp = self.clone();
        Objective {
            title,
            whole: sum(Set::Ratings, share),
            unknowns: vectors.chain([b_u, b_i, moved.gift_bias].into_iter().map(unknown("η_b"))).collect(),
            method: Method::Stochastic,
            constants: vec![
                ("s_u", self.user_set),
                ("s_i", self.item_set),
                ("λ", self.reg),
                ("λ_b", self.bias_reg),
                ("λ_s", self.set_reg),
                ("ν", self.reg_power),
            ],
            training: Some(Training {
                visits,
                run: Box::new(move |sample, ratings| svdpp.visit(by, sample, ratings)),
            }),
        }
    }

    /// A pass over these ratings of a sample.
    fn visit(&self, by: By, sample: &mut Sample, ratings: &[(usize, usize)]) -> Result<()> {
        let svdpp = Self {
            factors: sample.k,
            rate: sample.number("η", &[]),
            bias_rate: sample.number("η_b", &[]),
            ..self.clone()
        };
        let (run, visited) = (Run::new(0, 1)?, sample.visited(ratings));
        let (mut users, mut items) = svdpp.start(&sample.ratings(), &run);
        // The weights are those of all ratings; rows that are not visited have none.
        users.counts = View::ByUser(&visited).counts();
        items.counts = View::ByItem(&visited).counts();
        for (side, letters) in [(&mut users, USER_LETTERS), (&mut items, ITEM_LETTERS)] {
            exchange(side, letters, |letter, row, values| sample.fill(letter, row, values));
        }
        let pace = svdpp.pace(0);
        let error = error(pace, sample.number("μ", &[]) as f32);
        match by {
            By::User => pace.pass(0, View::ByUser(&visited), (&mut users, &mut items), None, &run, error),
            By::Item => pace.pass(0, View::ByItem(&visited), (&mut items, &mut users), None, &run, error),
        };
        for (side, letters) in [(&mut users, USER_LETTERS), (&mut items, ITEM_LETTERS)] {
            exchange(side, letters, |letter, row, values| sample.take(letter, row, values));
        }
        Ok(())
    }
}

/// The letters of a side: its own vectors and biases, those that it gives, and those of its sets.
const USER_LETTERS: [&str; 6] = ["p_u", "b_u", "x_u", "γ_u", "z_u", "c_u"];
const ITEM_LETTERS: [&str; 6] = ["q_i", "b_i", "y_i", "β_i", "w_i", "d_i"];

/// Goes over everything that a side has learned, under its letters.
fn exchange(side: &mut Side, letters: [&str; 6], mut with: impl FnMut(&str, usize, &mut [f32])) {
    for row in 0..side.rows() {
        with(letters[0], row, side.own.row_mut(row));
        with(letters[1], row, &mut side.own_bias[row..=row]);
        with(letters[2], row, side.gift.row_mut(row));
        with(letters[3], row, &mut side.gift_bias[row..=row]);
        with(letters[4], row, side.set.row_mut(row));
        with(letters[5], row, &mut side.set_bias[row..=row]);
    }
}

#[cfg(test)]
mod tests {
    use rand::seq::SliceRandom;

    use super::*;
    use crate::data::ids::{Item, User};
    use crate::data::ratings::{Duplicates, RatingsBuilder};

    const USERS: usize = 6;
    const ITEMS: usize = 5;

    fn ratings() -> Ratings {
        let mut builder = RatingsBuilder::new(false);
        for cell in (0..USERS * ITEMS).filter(|cell| cell % 7 != 2 && cell % 4 != 1) {
            let value = 1.0 + (cell * 11 % 5) as f32;
            builder.push(&(cell / ITEMS).to_string(), &(cell % ITEMS).to_string(), value, None);
        }
        builder.finish("cells", None, Duplicates::Error, |_, _| Default::default()).unwrap()
    }

    /// All vectors in f64, each with its bias as last coordinate: p, q, x and y in this order.
    struct Naive<'a> {
        svdpp: &'a Svdpp,
        train: &'a Ratings,
        vectors: Vec<Vec<f64>>,
    }

    const P: usize = 0;
    const Q: usize = USERS;
    const X: usize = USERS + ITEMS;
    const Y: usize = 2 * USERS + ITEMS;

    impl<'a> Naive<'a> {
        fn start(svdpp: &'a Svdpp, train: &'a Ratings, users: &Side, items: &Side) -> Self {
            let rows = |side: &Side| -> Vec<Vec<f64>> {
                let row = |row| side.own.entries(row).iter().map(|&x| f64::from(x)).chain([0.0]).collect();
                (0..side.rows()).map(row).collect()
            };
            let mut vectors = [rows(users), rows(items)].concat();
            vectors.resize(2 * (USERS + ITEMS), vec![0.0; svdpp.factors + 1]);
            Self { svdpp, train, vectors }
        }

        fn members(view: View<'_>, row: usize) -> Vec<usize> {
            view.row(row).0.iter().map(|&member| member as usize).collect()
        }

        /// s·n^−½ Σ of the gifts.
        fn set(&self, strength: f64, gifts: usize, members: &[usize]) -> Vec<f64> {
            let scale = strength / (members.len() as f64).sqrt();
            let sum = |f: usize| members.iter().map(|member| self.vectors[gifts + member][f]).sum::<f64>();
            (0..=self.svdpp.factors).map(|f| scale * sum(f)).collect()
        }

        /// (1), (2) and (3) as they stand.
        fn predict(&self, user: usize, item: usize) -> f64 {
            let k = self.svdpp.factors;
            let z = self.set(self.svdpp.user_set, Y, &Self::members(View::ByUser(self.train), user));
            let w = self.set(self.svdpp.item_set, X, &Self::members(View::ByItem(self.train), item));
            let (p, q) = (&self.vectors[P + user], &self.vectors[Q + item]);
            let product: f64 = (0..k).map(|f| (p[f] + z[f]) * (q[f] + w[f])).sum();
            self.train.mean() + p[k] + z[k] + q[k] + w[k] + product
        }

        /// One rating's term of (4), in a pass over the sets of `gifts`.
        fn share(&self, user: usize, item: usize, value: f64, gifts: (usize, &[usize])) -> f64 {
            let Svdpp { reg, bias_reg, set_reg, reg_power, factors: k, .. } = *self.svdpp;
            let weight = |view: View<'_>, row: usize| {
                let counts = view.counts();
                let mean = counts.iter().sum::<usize>() as f64 / counts.len() as f64;
                libm::pow(mean / counts[row] as f64, reg_power)
            };
            let penalty = |vector: &[f64]| {
                reg * vector[..k].iter().map(|x| x * x).sum::<f64>() + bias_reg * vector[k].powi(2)
            };
            let sets = gifts.1.iter().flat_map(|member| &self.vectors[gifts.0 + member]).map(|x| x * x);
            (value - self.predict(user, item)).powi(2)
                + weight(View::ByUser(self.train), user) * penalty(&self.vectors[P + user])
                + weight(View::ByItem(self.train), item) * penalty(&self.vectors[Q + item])
                + set_reg * sets.sum::<f64>()
        }

        /// A step against the gradient of that term, found by differences, of every vector in it.
        fn step(&mut self, user: usize, item: usize, value: f64, gifts: (usize, &[usize]), decayed: f64) {
            let moved = [P + user, Q + item].into_iter().chain(gifts.1.iter().map(|member| gifts.0 + member));
            let mut steps = Vec::new();
            for vector in moved {
                for f in 0..=self.svdpp.factors {
                    let mut at = |by: f64| {
                        self.vectors[vector][f] += by;
                        let share = self.share(user, item, value, gifts);
                        self.vectors[vector][f] -= by;
                        share
                    };
                    let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
                    let rate = if f < self.svdpp.factors { self.svdpp.rate } else { self.svdpp.bias_rate };
                    steps.push((vector, f, -decayed * rate * slope));
                }
            }
            for (vector, f, step) in steps {
                self.vectors[vector][f] += step;
            }
        }

        fn pass(&mut self, pass: usize, run: &Run<'_>) {
            let by_user = pass.is_multiple_of(2);
            let (view, gifts, rows) = if by_user {
                (View::ByUser(self.train), Y, USERS)
            } else {
                (View::ByItem(self.train), X, ITEMS)
            };
            let decayed = self.svdpp.decay.powi(pass as i32 / 2);
            let mut order: Vec<usize> = (0..rows).collect();
            order.shuffle(&mut run.stream(Purpose::RowOrder, pass as u64));
            for row in order {
                let members = Self::members(view, row);
                for (&mate, &value) in members.iter().zip(view.row(row).1) {
                    let (user, item) = if by_user { (row, mate) } else { (mate, row) };
                    self.step(user, item, f64::from(value), (gifts, &members), decayed);
                }
            }
        }
    }

    /// The quick passes end where descending every vector of (4) at every rating ends, with gradients taken by differences.
    #[test]
    fn the_quick_pass_is_the_descent_of_every_vector() {
        let train = ratings();
        for (user_set, item_set) in [(1.0, 0.0), (0.0, 1.4), (0.6, 1.3)] {
            let svdpp = Svdpp {
                user_set,
                item_set,
                factors: 3,
                rate: 0.02,
                bias_rate: 0.01,
                set_reg: 0.03,
                bias_reg: 0.05,
                epochs: 3,
                spread: 0.5,
                ..Svdpp::default()
            };
            let mut run = Run::new(5, 1).unwrap();
            let quick = svdpp.fit(&train, &mut run).unwrap();
            let (users, items) = svdpp.start(&train, &run);
            let mut naive = Naive::start(&svdpp, &train, &users, &items);
            for pass in 0..6 {
                if [user_set, item_set][pass % 2] > 0.0 {
                    naive.pass(pass, &run);
                }
            }
            for (user, item) in (0..USERS).flat_map(|user| (0..ITEMS).map(move |item| (user, item))) {
                let query = crate::fit::model::Query {
                    user: Some(User(user as u32)),
                    item: Some(Item(item as u32)),
                    time: None,
                };
                let (quick, naive) = (f64::from(quick.predict(query)), naive.predict(user, item));
                assert!((quick - naive).abs() < 1e-4, "s = {user_set}, {item_set}: {quick} and {naive}");
            }
        }
    }

    #[test]
    fn a_model_without_any_set_is_refused() {
        let pairs = [("user_set".to_owned(), "0".to_owned()), ("item_set".to_owned(), "0".to_owned())];
        let error = crate::registry::find("svdpp").unwrap().configure_written(None, &pairs).err().unwrap();
        assert!(error.to_string().contains("without any set the model is `mf`"), "{error}");
    }
}
