//! What time changes, seen in what the model predicts, and against finite differences.

use super::super::*;
use super::*;
use crate::data::ratings::{Duplicates, RatingsBuilder};
use crate::fit::sets::At;

/// A year: 40 users rate 30 items on 6 days each. Item 0 falls from 5 to 1 over the year, user 0 is in a bad mood on day 180, on which two thirds of its ratings fall.
fn year() -> Ratings {
    let mut builder = RatingsBuilder::new(true);
    for (user, item) in (0..40_i64).flat_map(|user| (0..30_i64).map(move |item| (user, item))) {
        let day = ((user * 7 + item % 6 * 61) % 366).min(365);
        let day = if user == 0 && item % 3 > 0 { 180 } else { day };
        let fair = 3.0 + ((user * 13 + item * 5) % 7) as f32 * 0.1;
        let value = match (user, item) {
            (_, 0) => 5.0 - 4.0 * day as f32 / 365.0,
            (0, _) if day == 180 => fair - 1.5,
            _ => fair,
        };
        builder.push(&user.to_string(), &item.to_string(), value, Some(day * DAY + 3600));
    }
    builder.finish("year", None, Duplicates::Error, |_, _| Default::default()).unwrap()
}

fn eager() -> TimeSvdpp {
    TimeSvdpp {
        factors: 3,
        rate: 0.002,
        bias_rate: 0.02,
        user_drift_reg: 3.0,
        item_drift_reg: 0.3,
        factor_drift: true,
        factor_drift_reg: 1.0,
        bins: 12,
        epochs: 100,
        decay: 0.99,
        ..TimeSvdpp::default()
    }
}

fn fitted(parameters: &TimeSvdpp, train: &Ratings) -> Drifting {
    parameters.fit(train, &mut Run::new(1, 1).unwrap()).unwrap()
}

fn ask(model: &Drifting, user: u32, item: u32, day: Option<i64>) -> f32 {
    let time = day.map(|day| day * DAY);
    model.predict(Query { user: Some(User(user)), item: Some(Item(item)), time })
}

#[test]
fn what_drifts_is_followed() {
    let train = year();
    let model = fitted(&eager(), &train);
    let fall = ask(&model, 5, 0, Some(30)) - ask(&model, 5, 0, Some(330));
    assert!(fall > 1.0, "item 0 fell by {fall}");
    let still = ask(&model, 5, 7, Some(30)) - ask(&model, 5, 7, Some(330));
    assert!(still.abs() < 0.4, "item 7 fell by {still}");
    let mood = ask(&model, 0, 7, Some(180)) - ask(&model, 0, 7, Some(181));
    assert!(mood < -0.4, "{mood}");
    let drift = model.item_drift().unwrap();
    assert_eq!((drift.bounds[0], drift.bounds[12]), (0, 366 * DAY));
    assert!(drift.biases[0] - drift.biases[10] > 0.5, "{:?}", &drift.biases[..12]);
}

#[test]
fn the_future_is_the_end_and_so_is_no_time() {
    let train = year();
    let model = fitted(&eager(), &train);
    let mut scores = [vec![0.0; 30], vec![0.0; 30]];
    for user in [0, 17] {
        model.predict_all(Some(User(user)), None, &mut scores[0]);
        model.predict_all(Some(User(user)), Some(5000 * DAY), &mut scores[1]);
        assert_eq!(scores[0], scores[1]);
        for item in 0..30 {
            let at_the_end = ask(&model, user, item, None);
            assert_eq!(ask(&model, user, item, Some(5000)), at_the_end);
            assert_eq!(
                model.factors().unwrap().predict(Query {
                    user: Some(User(user)),
                    item: Some(Item(item)),
                    time: None
                }),
                at_the_end
            );
        }
    }
    assert_eq!(ask(&model, 3, 0, Some(-70)), ask(&model, 3, 0, Some(-1)));
}

/// (1) written out from all the parts, at times of training, must be what the model answers.
#[test]
fn the_step_from_the_end_is_exact() {
    let train = year();
    let model = fitted(&eager(), &train);
    let Drifting { end, drift } = &model;
    for r in train.iter().step_by(7) {
        let (u, i) = (r.user.index(), r.item.index());
        let day = drift.calendar.day(r.time.unwrap()).unwrap();
        let place = drift.place(u, day).unwrap();
        let last_day = *drift.own_days(u).last().unwrap();
        let b_u = end.user_bias[u] - drift.slope[u] * drift.dev(u, last_day)
            + drift.slope[u] * drift.dev(u, day)
            + drift.day_bias[place];
        let bins = &drift.bin_bias[i * 12..(i + 1) * 12];
        let (p, q) = (end.users.entries(u), end.items.entries(i));
        let level = q[3] - bins[11] + bins[drift.calendar.bin(day)];
        let set_bias = end.item_bias[i] - q[3];
        let c = 1.0 + drift.scale[u] + drift.day_scale[place];
        let slope = drift.factor_slope.as_ref().unwrap().entries(u);
        let turn = drift.dev(u, day) - drift.dev(u, last_day);
        let product: f32 = (0..3).map(|f| (p[f] + turn * slope[f]) * q[f]).sum();
        let expected = end.mean + b_u + set_bias + level * c + product;
        let found = model.predict(Query { user: Some(r.user), item: Some(r.item), time: r.time });
        assert!((found - expected).abs() < 1e-4, "{found} and {expected}");
    }
}

/// Each step of [`Drift::learn`] against the gradient of the rating's share of (8), by central differences.
#[test]
fn drifts_move_against_the_gradient() {
    let train = year();
    let parameters = TimeSvdpp { user_drift_reg: 2.0, item_drift_reg: 3.0, ..eager() };
    let mut drift = Drift::start(&parameters, &train);
    let moments = drift.moments(&train).0;
    let hold = Hold::of(&parameters, &drift, &train, &moments);
    let rate = 1e-4;
    let pace = Pace { rate: 0.0, bias_rate: rate, reg: 0.0, bias_reg: 0.05, set_reg: 0.0, slope_reg: 0.0 };
    let (user, item) = (4, 2);
    let moment = moments.all[user * 30 + item];
    let (day, bin) = (moment.user_day as usize, item * 12 + moment.bin as usize);
    (drift.slope[user], drift.scale[user], drift.day_bias[day]) = (0.3, -0.2, 0.4);
    (drift.day_scale[day], drift.bin_bias[bin]) = (0.1, -0.5);
    let before = [0.7, -0.6, 0.3, -0.2, 0.4, 0.1, -0.5];
    let (b_u, b_i, rest, mean) = (0.7_f32, -0.6_f32, 4.5, 3.2);
    let holds = [0.05, 0.05, hold.user[user], hold.user[user], hold.day[day], hold.day[day], hold.bin[bin]];
    let share = |x: &[f64; 7]| {
        let [b_u, b_i, slope, scale, day, day_scale, bin] = *x;
        let z = mean + b_u + slope * f64::from(moment.dev) + day + (b_i + bin) * (1.0 + scale + day_scale);
        let penalty: f64 = x.iter().zip(holds).map(|(x, hold)| f64::from(hold) * x * x).sum();
        (f64::from(rest) - z).powi(2) + penalty
    };
    for by_user in [true, false] {
        let mut moved = drift.clone();
        let mut sides = (b_u, b_i);
        let mut set = 0.0;
        let (own, mate) = if by_user { (&mut sides.0, &mut sides.1) } else { (&mut sides.1, &mut sides.0) };
        let biases = Biases::new(own, &mut set, mate);
        let step = Step { pace: &pace, hold: &hold, mean: mean as f32 };
        moved.learn(&step, (user, item), moment, rest, biases, by_user);
        let after = [
            sides.0,
            sides.1,
            moved.slope[user],
            moved.scale[user],
            moved.day_bias[day],
            moved.day_scale[day],
            moved.bin_bias[bin],
        ];
        for (at, after) in after.into_iter().enumerate() {
            let shifted = |by: f64| {
                let mut x = before;
                x[at] += by;
                share(&x)
            };
            let gradient = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
            let step = f64::from(after - before[at] as f32) / f64::from(-rate) * 2.0;
            assert!((gradient - step).abs() < 0.02, "{at}: {gradient} and {step}");
        }
    }
}

/// A pass over one rating of a user whose vector drifts against the gradient of the rating's share of (8), by central differences.
#[test]
fn vectors_that_drift_move_against_the_gradient() {
    let mut builder = RatingsBuilder::new(true);
    builder.push("a", "x", 4.0, Some(0));
    let train = builder.finish("one", None, Duplicates::Error, |_, _| Default::default()).unwrap();
    let (rate, dev, penalties) = (1e-4_f32, 0.7_f32, [0.3, 0.6, 0.3]);
    let pace = Pace { rate, bias_rate: 0.0, reg: 0.3, bias_reg: 0.0, set_reg: 0.0, slope_reg: 0.6 };
    let devs = PerRating { starts: vec![0, 1], all: vec![dev] };
    let before = [[0.5, -0.4], [0.8, 0.3], [-0.6, 0.9]];
    let run = Run::new(1, 1).unwrap();
    let side = |vector: &[f64; 2]| {
        let mut side = Side::start(vec![1], 2, 0.0, Purpose::UserFactors, &run);
        side.own = Matrix::from_dense(1, 2, &vector.map(|x| x as f32));
        side
    };
    let share = |[p, a, q]: &[[f64; 2]; 3], w: f64| {
        let z: f64 = (0..2).map(|f| (p[f] + f64::from(dev) * a[f]) * (q[f] + w)).sum();
        let squares = [p, a, q].map(|x| x[0] * x[0] + x[1] * x[1]);
        (4.0 - z).powi(2) + squares.iter().zip(penalties).map(|(x, reg)| reg * x).sum::<f64>()
    };
    for by_user in [true, false] {
        let (mut users, mut items) = (side(&before[0]), side(&before[2]));
        users.slope = Some(Matrix::from_dense(1, 2, &before[1].map(|x| x as f32)));
        // The set of the side whose pass it is would be summed anew.
        let w = if by_user { 0.4 } else { 0.0 };
        items.set = Matrix::from_dense(1, 2, &[w; 2]);
        let error = |at: At, _: Biases<'_>| at.rest;
        if by_user {
            pace.pass(0, View::ByUser(&train), (&mut users, &mut items), Some(&devs), &run, error);
        } else {
            pace.pass(1, View::ByItem(&train), (&mut items, &mut users), Some(&devs), &run, error);
        }
        let after = [&users.own, users.slope.as_ref().unwrap(), &items.own];
        for (at, f) in (0..3).flat_map(|at| [(at, 0), (at, 1)]) {
            let shifted = |by: f64| {
                let mut x = before;
                x[at][f] += by;
                share(&x, f64::from(w))
            };
            let stays = at == 1 && !by_user;
            let gradient = if stays { 0.0 } else { (shifted(1e-5) - shifted(-1e-5)) / 2e-5 };
            let moved = after[at].row(0)[f] - before[at][f] as f32;
            let step = f64::from(moved) / f64::from(-rate) * 2.0;
            assert!((gradient - step).abs() < 0.02, "{by_user}, {at}, {f}: {gradient} and {step}");
        }
    }
}

/// Every second user comes to like what it disliked, and the others the reverse: no bias can follow that, a slope does.
#[test]
fn a_taste_that_turns_is_followed() {
    let mut builder = RatingsBuilder::new(true);
    for (user, item) in (0..40_i64).flat_map(|user| (0..20_i64).map(move |item| (user, item))) {
        let day = (user * 7 + item * 37) % 360;
        let likes = [1.0, -1.0][usize::from((user + item) % 2 == 0)] * (day as f32 / 180.0 - 1.0);
        builder.push(&user.to_string(), &item.to_string(), 3.0 + 1.5 * likes, Some(day * DAY));
    }
    let train = builder.finish("turns", None, Duplicates::Error, |_, _| Default::default()).unwrap();
    let error = |factor_drift| {
        let still = TimeSvdpp { user_drift_reg: 1e6, item_drift_reg: 1e6, ..eager() };
        let turning = TimeSvdpp { factor_drift, power: 1.0, reg: 0.02, rate: 0.02, spread: 0.3, ..still };
        let model = fitted(&turning, &train);
        let squares = train.iter().map(|r| {
            let query = Query { user: Some(r.user), item: Some(r.item), time: r.time };
            (r.value - model.predict(query)).powi(2)
        });
        (squares.sum::<f32>() / train.len() as f32).sqrt()
    };
    let (still, turning) = (error(false), error(true));
    assert!(turning < 0.6 * still, "{turning} with slopes, {still} without");
}

#[test]
fn ratings_without_times_are_refused_with_a_way_out() {
    let mut builder = RatingsBuilder::new(false);
    builder.push("a", "x", 3.0, None);
    let train = builder.finish("one", None, Duplicates::Error, |_, _| Default::default()).unwrap();
    let error = eager().fit(&train, &mut Run::new(1, 1).unwrap()).err().unwrap().to_string();
    assert!(error.contains("these ratings have none") && error.contains("train svdpp"), "{error}");
}

#[test]
fn a_damaged_file_is_refused() {
    let train = year();
    let parameters = TimeSvdpp { epochs: 1, ..eager() };
    let model = fitted(&parameters, &train);
    assert!(parameters.restore(model.tensors(), &train).unwrap().drift == model.drift);
    for damage in ["calendar", "user_days", "user_day_starts"] {
        let mut tensors = model.tensors();
        tensors.insert_indices(damage, vec![0, 7]);
        assert!(parameters.restore(tensors, &train).is_err(), "{damage}");
    }
    for damage in ["user_slope", "user_day_bias", "item_bin_bias", "factor_slope"] {
        let mut tensors = model.tensors();
        tensors.insert(damage, &[1, 1], vec![0.5]);
        assert!(parameters.restore(tensors, &train).is_err(), "{damage}");
    }
}
