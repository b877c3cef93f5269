//! Synthetic ratings with known factors: for tests, examples and first runs without a network.
//!
//! ```text
//! r_ui = μ + b_u + b_i + p_uᵀq_i + σε          ε ~ N(0, 1)
//! ```
//! with p_u and q_i normal, k entries each. How many ratings a user gives is log-normal, which items they fall on
//! follows Zipf and Mandelbrot's law, as in the real sets. Each draw comes from the seed and its own user or item, so
//! the data are the same on every machine.

mod names;
mod parameters;
pub mod shaped;

use rand::RngExt;
use rand_distr::weighted::WeightedAliasIndex;
use rand_distr::{Distribution, StandardNormal};

use super::attributes::{Attributes, Column, TITLE, Values};
use super::ids::{Item, User};
use super::ratings::{Duplicates, Ratings, RatingsBuilder, Scale, Time};
use crate::error::Result;
use crate::fit::rng::{Purpose, Stream, stream};

/// What to draw: `synth:users=…,items=…,ratings=…,k=…,noise=…,seed=…,rounded=…` on the command line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Synth {
    /// m; each user has a rating.
    pub users: usize,
    /// n; an item may go without a rating.
    pub items: usize,
    /// N, exactly.
    pub ratings: usize,
    /// Factors.
    pub k: usize,
    /// σ, in stars.
    pub noise: f64,
    /// What everything is drawn from.
    pub seed: u64,
    /// Whether the ratings are whole stars from 1 to 5, or as drawn.
    pub rounded: bool,
}

impl Default for Synth {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Synthetic ratings, and what they were made from.
#[derive(Debug, Clone)]
pub struct Planted {
    /// The data, as a reader would give them. The raw ids are 1 to m and 1 to n.
    pub ratings: Ratings,
    /// The truth, by dense index.
    pub truth: Truth,
}

/// The parameters that the ratings were made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// μ.
    pub mean: f32,
    /// b_u, m entries.
    pub user_bias: Vec<f32>,
    /// b_i, n entries.
    pub item_bias: Vec<f32>,
    /// k.
    pub k: usize,
    /// P, m×k row-major.
    pub users: Vec<f32>,
    /// Q, n×k row-major.
    pub items: Vec<f32>,
}

impl Truth {
    /// r_ui without noise and rounding.
    pub fn expected(&self, user: User, item: Item) -> f32 {
        let p = &self.users[user.index() * self.k..][..self.k];
        let q = &self.items[item.index() * self.k..][..self.k];
        let product: f32 = p.iter().zip(q).map(|(p, q)| p * q).sum();
        self.mean + self.user_bias[user.index()] + self.item_bias[item.index()] + product
    }
}

/// μ.
const MEAN: f32 = 3.5;
/// Standard deviations of b_u, b_i and p_uᵀq_i, in stars: with the default noise the ratings spread as MovieLens' do.
const USER_SPREAD: f64 = 0.35;
const ITEM_SPREAD: f64 = 0.45;
const TASTE_SPREAD: f64 = 0.6;
/// Log-normal activity: the standard deviation of ln(n_u − minimum).
const ACTIVITY_SPREAD: f64 = 1.2;
/// Users with fewer ratings are not in MovieLens either.
const LEAST_ACTIVITY: usize = 20;
/// Zipf and Mandelbrot: popularity ∝ (rank + 30)^−1.05.
const ZIPF_EXPONENT: f64 = 1.05;
const ZIPF_OFFSET: f64 = 30.0;
/// Ratings begin on 2020-01-01 UTC; users join over two years.
const FIRST_TIME: Time = 1_577_836_800;
const JOINING: f64 = 2.0 * 365.0 * 86_400.0;

/// Rows of the streams: a user's profile, an item, a user's ratings, and what belongs to nobody.
const ITEM_ROWS: u64 = 1 << 32;
const HISTORY_ROWS: u64 = 2 << 32;
const COMMON_ROW: u64 = 3 << 32;

/// Draws the data. Cost: O(N k); memory 16 bytes a rating beside the factors. 20 million ratings take seconds.
///
/// # Errors
/// A size outside its range, as [`Synth::check`] says.
pub fn generate(synth: &Synth) -> Result<Planted> {
    synth.check()?;
    let truth = draw_truth(synth);
    let counts = activity(synth);
    let mut popularity = Popularity::new(synth);
    let mut builder = RatingsBuilder::new(true);
    let (users, items) = builder.ids();
    (1..=synth.users).for_each(|id| _ = users.number_integer(id as i64));
    (1..=synth.items).for_each(|id| _ = items.number_integer(id as i64));
    for (user, &count) in counts.iter().enumerate() {
        let mut draws = stream(synth.seed, Purpose::Synthetic, HISTORY_ROWS + user as u64);
        let mut time = FIRST_TIME as f64 + JOINING * draws.random::<f64>();
        for &item in popularity.sample(user as u32, count, &mut draws) {
            let noise: f64 = StandardNormal.sample(&mut draws);
            let expected = truth.expected(User(user as u32), Item(item));
            let value = expected + (synth.noise * noise) as f32;
            let value = if synth.rounded { value.round().clamp(1.0, 5.0) } else { value };
            builder.push_numbers(user as u32, item, value, Some(time as Time));
            time += pause(&mut draws);
        }
    }
    let scale = synth.rounded.then_some(Scale { min: 1.0, max: 5.0 });
    let ratings = builder
        .finish(&synth.to_string(), scale, Duplicates::Error, |_, _| {
            (user_attributes(synth), item_attributes(synth, &truth))
        })
        .expect("a user's items are drawn without replacement");
    Ok(Planted { ratings, truth })
}

/// Minutes between two ratings of a session, days between two sessions.
fn pause(draws: &mut Stream) -> f64 {
    const SESSIONS: f64 = 0.04;
    let mean = if draws.random::<f64>() < SESSIONS { 10.0 * 86_400.0 } else { 45.0 };
    1.0 - mean * libm::log1p(-draws.random::<f64>())
}

fn draw_truth(synth: &Synth) -> Truth {
    // Then p_uᵀq_i, a sum of k products, has the standard deviation TASTE_SPREAD.
    let entry_spread = libm::sqrt(TASTE_SPREAD / libm::sqrt(synth.k.max(1) as f64));
    let side = |rows: usize, first_row: u64, bias_spread: f64| {
        let (mut biases, mut factors) = (Vec::with_capacity(rows), Vec::with_capacity(rows * synth.k));
        for row in 0..rows as u64 {
            let mut draws = stream(synth.seed, Purpose::Synthetic, first_row + row);
            let mut normal = |spread: f64| {
                let draw: f64 = StandardNormal.sample(&mut draws);
                (spread * draw) as f32
            };
            biases.push(normal(bias_spread));
            factors.extend((0..synth.k).map(|_| normal(entry_spread)));
        }
        (biases, factors)
    };
    let (user_bias, users) = side(synth.users, 0, USER_SPREAD);
    let (item_bias, items) = side(synth.items, ITEM_ROWS, ITEM_SPREAD);
    Truth { mean: MEAN, user_bias, item_bias, k: synth.k, users, items }
}

/// How many ratings each user gives: the minimum and a log-normal share of the rest, N in sum.
fn activity(synth: &Synth) -> Vec<usize> {
    let least = LEAST_ACTIVITY.min(synth.ratings / synth.users).min(synth.items);
    let room = (synth.items - least) as f64;
    let mut draws = stream(synth.seed, Purpose::Synthetic, COMMON_ROW);
    let weights: Vec<f64> = (0..synth.users)
        .map(|_| {
            let normal: f64 = StandardNormal.sample(&mut draws);
            libm::exp(ACTIVITY_SPREAD * normal)
        })
        .collect();
    let to_share = (synth.ratings - least * synth.users) as f64;
    let rate = sharing_rate(&weights, to_share, room);
    // Cutting the running sum at whole numbers makes whole shares of the right sum.
    let (mut sum, mut given) = (0.0, 0);
    let mut counts: Vec<usize> = weights
        .iter()
        .map(|weight| {
            sum += (rate * weight).min(room);
            let share = (libm::round(sum) as usize - given).min(synth.items - least);
            given += share;
            least + share
        })
        .collect();
    settle(&mut counts, synth);
    counts
}

/// The rate at which the shares min(rate · weight, room) sum to the whole: by bisection, for the sum grows with the rate.
fn sharing_rate(weights: &[f64], whole: f64, room: f64) -> f64 {
    let sum_at = |rate: f64| -> f64 { weights.iter().map(|weight| (rate * weight).min(room)).sum() };
    let lightest = weights.iter().copied().fold(f64::INFINITY, f64::min);
    let (mut low, mut high) = (0.0, room / lightest);
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if sum_at(middle) < whole { low = middle } else { high = middle }
    }
    high
}

/// Gives or takes the few ratings that rounding left over, one a user.
fn settle(counts: &mut [usize], synth: &Synth) {
    let mut sum: usize = counts.iter().sum();
    while sum != synth.ratings {
        for count in counts.iter_mut() {
            if sum < synth.ratings && *count < synth.items {
                *count += 1;
                sum += 1;
            } else if sum > synth.ratings && *count > 1 {
                *count -= 1;
                sum -= 1;
            }
        }
    }
}

/// Draws a user's items without replacement, by popularity.
struct Popularity {
    weights: Vec<f64>,
    by_weight: WeightedAliasIndex<f64>,
    /// The last user who drew the item, plus one.
    taken_by: Vec<u32>,
    sample: Vec<u32>,
    keys: Vec<(f64, u32)>,
}

impl Popularity {
    fn new(synth: &Synth) -> Self {
        let mut weights: Vec<f64> =
            (1..=synth.items).map(|rank| libm::pow(rank as f64 + ZIPF_OFFSET, -ZIPF_EXPONENT)).collect();
        shuffle(&mut weights, &mut stream(synth.seed, Purpose::Synthetic, COMMON_ROW + 1));
        let by_weight = WeightedAliasIndex::new(weights.clone())
            .expect("there are items, and each weight is positive and finite");
        let taken_by = vec![0; synth.items];
        Self { weights, by_weight, taken_by, sample: Vec::new(), keys: Vec::new() }
    }

    /// Drawing again what was drawn before is cheap while few items are taken; afterwards an exponential clock for each
    /// item gives the same distribution (Efraimidis and Spirakis, 2006).
    fn sample(&mut self, user: u32, count: usize, draws: &mut Stream) -> &[u32] {
        const FEW: usize = 8;
        self.sample.clear();
        if count * FEW > self.weights.len() {
            let clock =
                |(item, weight): (usize, &f64)| (-libm::log1p(-draws.random::<f64>()) / weight, item as u32);
            self.keys.clear();
            self.keys.extend(self.weights.iter().enumerate().map(clock));
            self.keys.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            self.sample.extend(self.keys[..count].iter().map(|&(_, item)| item));
        } else {
            while self.sample.len() < count {
                let item = self.by_weight.sample(draws);
                if self.taken_by[item] != user + 1 {
                    self.taken_by[item] = user + 1;
                    self.sample.push(item as u32);
                }
            }
        }
        &self.sample
    }
}

/// Fisher and Yates' shuffle.
fn shuffle<T>(values: &mut [T], draws: &mut Stream) {
    for last in (1..values.len()).rev() {
        values.swap(last, draws.random_range(0..=last));
    }
}

/// Titles, years, and genres that tell the factors: each stands for one direction of a factor.
fn item_attributes(synth: &Synth, truth: &Truth) -> Attributes {
    let (mut titles, mut years) = (Vec::new(), Vec::new());
    for item in 0..synth.items {
        let mut draws = stream(synth.seed, Purpose::Synthetic, COMMON_ROW + 2 + item as u64);
        let age = -15.0 * libm::log1p(-draws.random::<f64>());
        let year = 2019 - (age as i32).min(95);
        titles.push(format!("{} ({year})", names::title(item)));
        years.push(Some(f64::from(year)));
    }
    let (labels, members) = names::genres(&truth.items, truth.k, synth.items);
    let columns = vec![
        Column { name: TITLE.into(), values: Values::Text(titles) },
        Column { name: "year".into(), values: Values::Number(years) },
        Column { name: "genres".into(), values: Values::Labels { labels, members } },
    ];
    Attributes { columns }
}

/// Ages, genders and occupations, which tell nothing about the ratings.
fn user_attributes(synth: &Synth) -> Attributes {
    let (mut ages, mut genders, mut occupations) = (Vec::new(), Vec::new(), Vec::new());
    let mut draws = stream(synth.seed, Purpose::Synthetic, COMMON_ROW + 2 + synth.items as u64);
    for _ in 0..synth.users {
        ages.push(Some(f64::from(draws.random_range(16..75))));
        genders.push(vec![draws.random_range(0..2)]);
        occupations.push(vec![draws.random_range(0..names::OCCUPATIONS.len() as u16)]);
    }
    let labels = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let columns = vec![
        Column { name: "age".into(), values: Values::Number(ages) },
        Column {
            name: "gender".into(),
            values: Values::Labels { labels: labels(&["F", "M"]), members: genders },
        },
        Column {
            name: "occupation".into(),
            values: Values::Labels { labels: labels(names::OCCUPATIONS), members: occupations },
        },
    ];
    Attributes { columns }
}

#[cfg(test)]
mod tests;
