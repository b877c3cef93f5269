//! What time changes: the calendar, each user's drift by day, each item's by bin. The letters and the numbers of the equations are those of the
//! parent's head.

#[cfg(test)]
mod tests;

use super::TimeSvdpp;
use crate::data::ids::{Item, User};
use crate::data::ratings::{Ratings, Time};
use crate::error::{Error, Result};
use crate::fit::factors::{Factors, Matrix};
use crate::fit::model::{Query, Tensors};
use crate::fit::run::Run;
use crate::fit::sets::{Biases, Pace, PerRating, Side, model};

/// The days of the training part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Calendar {
    /// The first day, counted from 1970-01-01 UTC.
    first: i64,
    /// How many days later the last one is: D.
    days: u32,
    /// B.
    bins: usize,
}

/// Seconds.
pub(super) const DAY: i64 = 86_400;

impl Calendar {
    pub(super) fn of(train: &Ratings, bins: usize) -> Self {
        let (first, last) = train.time_span().unwrap_or((0, 0));
        let (first, last) = (first.div_euclid(DAY), last.div_euclid(DAY));
        Self { first, days: u32::try_from(last - first).unwrap_or(u32::MAX), bins }
    }

    /// The day of a time in the span; `None` before and after it.
    fn day(self, time: Time) -> Option<u32> {
        u32::try_from(time.div_euclid(DAY) - self.first).ok().filter(|&day| day <= self.days)
    }

    /// The nearest day of the span.
    fn nearest(self, time: Time) -> u32 {
        self.day(time).unwrap_or(if time.div_euclid(DAY) < self.first { 0 } else { self.days })
    }

    fn bin(self, day: u32) -> usize {
        (u64::from(day) * self.bins as u64 / (u64::from(self.days) + 1)) as usize
    }

    /// Where each bin begins, and where the last one ends.
    pub(super) fn bounds(self) -> Vec<Time> {
        let day = |bin: usize| (bin as u64 * (u64::from(self.days) + 1)).div_ceil(self.bins as u64) as i64;
        (0..=self.bins).map(|bin| (self.first + day(bin)) * DAY).collect()
    }
}

/// All that depends on time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Drift {
    pub(super) calendar: Calendar,
    /// β.
    power: f64,
    /// t_u, m entries.
    mean_day: Vec<f32>,
    /// α_u, m entries.
    slope: Vec<f32>,
    /// c_u, m entries.
    scale: Vec<f32>,
    /// Where each user's days start; m + 1 entries.
    day_starts: Vec<u32>,
    /// The days on which each user rated, increasing.
    days: Vec<u32>,
    /// b_{u,t}, one for each of the days.
    day_bias: Vec<f32>,
    /// c_{u,t}, one for each of the days.
    day_scale: Vec<f32>,
    /// b_{i,b}, n×B.
    pub(super) bin_bias: Vec<f32>,
    /// a, m×k, in a model whose vectors drift; while it is learned it stands beside the vectors.
    pub(super) factor_slope: Option<Matrix>,
}

/// What a user's drift comes to at a time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Now {
    /// α_u·dev_u(t) + b_{u,t}.
    pub(super) bias: f32,
    /// c_u + c_{u,t}.
    pub(super) scale: f32,
    /// dev_u(t).
    pub(super) dev: f32,
}

/// The time of one rating, ready for use.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moment {
    /// dev_u(t).
    pub(super) dev: f32,
    /// The place in [`Drift::days`].
    pub(super) user_day: u32,
    /// Bin(t).
    pub(super) bin: u32,
}

/// The numbers of one pass.
pub(super) struct Step<'a> {
    pub(super) pace: &'a Pace,
    pub(super) hold: &'a Hold,
    /// μ.
    pub(super) mean: f32,
}

/// λ/n of each drift.
pub(super) struct Hold {
    user: Vec<f32>,
    day: Vec<f32>,
    bin: Vec<f32>,
}

impl Hold {
    pub(super) fn of(
        parameters: &TimeSvdpp,
        drift: &Drift,
        train: &Ratings,
        moments: &PerRating<Moment>,
    ) -> Self {
        let mut days = vec![0_usize; drift.days.len()];
        let mut bins = vec![0_usize; drift.bin_bias.len()];
        for (rating, moment) in train.iter().zip(&moments.all) {
            days[moment.user_day as usize] += 1;
            bins[rating.item.index() * drift.calendar.bins + moment.bin as usize] += 1;
        }
        let held = |reg: f64, counts: &[usize]| -> Vec<f32> {
            counts.iter().map(|&count| (reg / count.max(1) as f64) as f32).collect()
        };
        let users: Vec<usize> = train.user_counts().collect();
        Self {
            user: held(parameters.user_drift_reg, &users),
            day: held(parameters.user_drift_reg, &days),
            bin: held(parameters.item_drift_reg, &bins),
        }
    }
}

impl Drift {
    /// No drift yet.
    pub(super) fn start(parameters: &TimeSvdpp, train: &Ratings) -> Self {
        let calendar = Calendar::of(train, parameters.bins);
        let (mut day_starts, mut days) = (vec![0], Vec::new());
        let mut mean_day = Vec::with_capacity(train.users());
        for (_, row) in train.rows() {
            let mut own: Vec<u32> =
                row.iter().filter_map(|rated| rated.time).map(|time| calendar.nearest(time)).collect();
            let sum: f64 = own.iter().map(|&day| f64::from(day)).sum();
            mean_day.push((sum / own.len().max(1) as f64) as f32);
            own.sort_unstable();
            own.dedup();
            days.append(&mut own);
            day_starts.push(days.len() as u32);
        }
        Self {
            calendar,
            power: parameters.power,
            mean_day,
            slope: vec![0.0; train.users()],
            scale: vec![0.0; train.users()],
            day_starts,
            day_bias: vec![0.0; days.len()],
            day_scale: vec![0.0; days.len()],
            days,
            bin_bias: vec![0.0; train.items() * parameters.bins],
            factor_slope: None,
        }
    }

    /// The moments of all ratings, by user and by item.
    pub(super) fn moments(&self, train: &Ratings) -> (PerRating<Moment>, PerRating<Moment>) {
        let user_starts = train.rows_compressed().0.to_vec();
        let mut item_starts = vec![0];
        for count in train.item_counts() {
            item_starts.push(item_starts[item_starts.len() - 1] + count);
        }
        let mut next = item_starts.clone();
        let mut by_user = Vec::with_capacity(train.len());
        let mut by_item = vec![Moment::default(); train.len()];
        for rating in train.iter() {
            let user = rating.user.index();
            let day = rating.time.map_or(0, |time| self.calendar.nearest(time));
            let moment = Moment {
                dev: self.dev(user, day),
                user_day: self.place(user, day).expect("each day of training is listed") as u32,
                bin: self.calendar.bin(day) as u32,
            };
            by_user.push(moment);
            by_item[next[rating.item.index()]] = moment;
            next[rating.item.index()] += 1;
        }
        (PerRating { starts: user_starts, all: by_user }, PerRating { starts: item_starts, all: by_item })
    }

    /// Moves biases and drifts by one rating, `rest` of which the vectors leave; returns e. (9)
    pub(super) fn learn(
        &mut self,
        step: &Step<'_>,
        (user, item): (usize, usize),
        moment: Moment,
        rest: f32,
        biases: Biases<'_>,
        by_user: bool,
    ) -> f32 {
        let (day, bin) = (moment.user_day as usize, item * self.calendar.bins + moment.bin as usize);
        let item_bias = if by_user { *biases.mate } else { *biases.own };
        let level = item_bias + self.bin_bias[bin];
        let scale = self.scale[user] + self.day_scale[day];
        let moved = self.slope[user] * moment.dev + self.day_bias[day] + self.bin_bias[bin] + scale * level;
        let e = rest - step.mean - biases.sum() - moved;
        let c = 1.0 + scale;
        step.pace.descend(biases, e, if by_user { (1.0, c) } else { (c, 1.0) });
        let rate = step.pace.bias_rate;
        let (user_hold, day_hold) = (step.hold.user[user], step.hold.day[day]);
        descend(&mut self.slope[user], rate, e * moment.dev, user_hold);
        descend(&mut self.scale[user], rate, e * level, user_hold);
        descend(&mut self.day_bias[day], rate, e, day_hold);
        descend(&mut self.day_scale[day], rate, e * level, day_hold);
        descend(&mut self.bin_bias[bin], rate, e * c, step.hold.bin[bin]);
        e
    }

    /// What the drifts add to a prediction while both sides are still being learned.
    pub(super) fn of(&self, query: Query, users: &Side, items: &Side) -> f32 {
        let now = self.user_at(query.user, query.time);
        let bin = self.item_at(query.item, query.time);
        let level = bin + query.item.map_or(0.0, |item| items.own_bias[item.index()]);
        let turned = match (&users.slope, query.user, query.item) {
            (Some(slope), Some(user), Some(item)) => {
                let vector: Vec<f32> = items.sum(item.index()).collect();
                now.dev * inner(slope.entries(user.index()), &vector)
            }
            _ => 0.0,
        };
        now.bias + bin + now.scale * level + turned
    }

    /// A user's drift at a time; no time is the end.
    pub(super) fn user_at(&self, user: Option<User>, time: Option<Time>) -> Now {
        let Some(user) = user.map(User::index) else { return Now::default() };
        let own = self.own_days(user);
        let (Some(&first), Some(&last)) = (own.first(), own.last()) else { return Now::default() };
        let nearest = time.map_or(last, |time| self.calendar.nearest(time)).clamp(first, last);
        let dev = self.dev(user, nearest);
        let mut now = Now { bias: self.slope[user] * dev, scale: self.scale[user], dev };
        let day = time.and_then(|time| self.calendar.day(time));
        if let Some(place) = day.and_then(|day| self.place(user, day)) {
            now.bias += self.day_bias[place];
            now.scale += self.day_scale[place];
        }
        now
    }

    /// b_{i,Bin(t)}; no time is the end.
    pub(super) fn item_at(&self, item: Option<Item>, time: Option<Time>) -> f32 {
        let day = time.map_or(self.calendar.days, |time| self.calendar.nearest(time));
        let bin = self.calendar.bin(day);
        item.map_or(0.0, |item| self.bin_bias[item.index() * self.calendar.bins + bin])
    }

    /// (4).
    fn dev(&self, user: usize, day: u32) -> f32 {
        let days = f64::from(self.calendar.days.max(1));
        let away = (f64::from(day) - f64::from(self.mean_day[user])) / days;
        libm::pow(away.abs(), self.power).copysign(away) as f32
    }

    fn own_days(&self, user: usize) -> &[u32] {
        &self.days[self.day_starts[user] as usize..self.day_starts[user + 1] as usize]
    }

    /// Where a user's day stands in the list of all.
    fn place(&self, user: usize, day: u32) -> Option<usize> {
        let place = self.own_days(user).binary_search(&day).ok()?;
        Some(self.day_starts[user] as usize + place)
    }

    pub(super) fn is_finite(&self) -> bool {
        let all = [&self.slope, &self.scale, &self.day_bias, &self.day_scale, &self.bin_bias];
        all.iter().all(|values| values.iter().all(|value| value.is_finite()))
    }

    /// (1) at the end, c_u and the items' own biases as one more coordinate.
    pub(super) fn at_the_end(&self, mean: f32, users: &Side, items: &Side, run: &Run<'_>) -> Factors {
        let (mut user_rows, mut item_rows) = (users.learned(run.pool()), items.learned(run.pool()));
        for (user, bias) in user_rows.biases.iter_mut().enumerate() {
            let now = self.user_at(Some(User(user as u32)), None);
            *bias += now.bias;
            if let Some(slope) = &users.slope {
                let turns = slope.row(user).iter().map(|slope| now.dev * slope);
                user_rows
                    .vectors
                    .row_mut(user)
                    .iter_mut()
                    .zip(turns)
                    .for_each(|(entry, turn)| *entry += turn);
            }
        }
        user_rows.vectors = widened(&user_rows.vectors, |user| self.scale[user]);
        let last_bin = |item: usize| self.item_at(Some(Item(item as u32)), None);
        for (item, bias) in item_rows.biases.iter_mut().enumerate() {
            *bias += last_bin(item);
        }
        item_rows.vectors = widened(&item_rows.vectors, |item| items.own_bias[item] + last_bin(item));
        model(mean, user_rows, item_rows, run)
    }

    pub(super) fn store(&self, tensors: &mut Tensors) {
        let Calendar { first, days, bins } = self.calendar;
        let first = first as u64;
        tensors.insert_indices("calendar", vec![first as u32, (first >> 32) as u32, days]);
        tensors.insert("user_mean_day", &[self.mean_day.len()], self.mean_day.clone());
        tensors.insert("user_slope", &[self.slope.len()], self.slope.clone());
        tensors.insert("user_scale", &[self.scale.len()], self.scale.clone());
        tensors.insert_indices("user_day_starts", self.day_starts.clone());
        tensors.insert_indices("user_days", self.days.clone());
        tensors.insert("user_day_bias", &[self.days.len()], self.day_bias.clone());
        tensors.insert("user_day_scale", &[self.days.len()], self.day_scale.clone());
        tensors.insert("item_bin_bias", &[self.bin_bias.len() / bins, bins], self.bin_bias.clone());
        if let Some(slope) = &self.factor_slope {
            tensors.insert("factor_slope", &[slope.rows(), slope.columns()], slope.to_dense());
        }
    }

    /// m and n.
    pub(super) fn dimensions(&self) -> (usize, usize) {
        (self.mean_day.len(), self.bin_bias.len() / self.calendar.bins)
    }

    /// The reverse of [`Self::store`]. Refuses what does not fit together.
    pub(super) fn restore(power: f64, tensors: &mut Tensors) -> Result<Self> {
        let wrong = |problem: &str| Error::unsupported(problem, "");
        let calendar = tensors.take_indices("calendar", usize::MAX)?;
        let [low, high, last] = calendar[..] else {
            return Err(wrong("tensor 'calendar' has not 3 entries"));
        };
        let days = tensors.take_indices("user_days", last as usize + 1)?;
        let day_starts = tensors.take_indices("user_day_starts", days.len() + 1)?;
        let ends = (day_starts.first().copied(), day_starts.last().copied());
        if ends != (Some(0), Some(days.len() as u32)) || !day_starts.is_sorted() {
            return Err(wrong("tensor 'user_day_starts' does not divide 'user_days' among the users"));
        }
        let m = day_starts.len() - 1;
        let ([_, bins], bin_bias) = tensors.take("item_bin_bias")?;
        if bins == 0 {
            return Err(wrong("tensor 'item_bin_bias' has no columns"));
        }
        let factor_slope = if tensors.has("factor_slope") {
            let ([rows, columns], entries) = tensors.take("factor_slope")?;
            Some(Matrix::from_dense(rows, columns, &entries))
        } else {
            None
        };
        let first = i64::from(low) | i64::from(high) << 32;
        Ok(Self {
            calendar: Calendar { first, days: last, bins },
            power,
            mean_day: tensors.take_vector("user_mean_day", m)?,
            slope: tensors.take_vector("user_slope", m)?,
            scale: tensors.take_vector("user_scale", m)?,
            day_starts,
            day_bias: tensors.take_vector("user_day_bias", days.len())?,
            day_scale: tensors.take_vector("user_day_scale", days.len())?,
            days,
            bin_bias,
            factor_slope,
        })
    }
}

/// x ← (x + ηg)/(1 + ηλ/n).
fn descend(x: &mut f32, rate: f32, downhill: f32, hold: f32) {
    *x = (*x + rate * downhill) / (1.0 + rate * hold);
}

/// Σ a·b over the entries that both have.
pub(super) fn inner(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// A matrix with one more column.
fn widened(matrix: &Matrix, last: impl Fn(usize) -> f32) -> Matrix {
    let k = matrix.columns();
    let mut wide = Matrix::zeros(matrix.rows(), k + 1);
    for row in 0..matrix.rows() {
        let entries = wide.row_mut(row);
        entries[..k].copy_from_slice(matrix.entries(row));
        entries[k] = last(row);
    }
    wide
}
