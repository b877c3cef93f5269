//! The sampler against a plain one over the whole design matrix, and against the model's own prior.

use std::collections::BTreeMap;

use cofactor_kernels::Isa;
use cofactor_kernels::gibbs::{Noise, twin};
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use super::chains::Chains;
use super::design::{Design, Lists, Parts};
use super::posterior::Posterior;
use super::weights::{Hyper, VAGUE, Weights, gamma, normal};
use super::{Bfm, Target};
use crate::data::ids::User;
use crate::data::ratings::{Duplicates, Rating, Ratings, RatingsBuilder, Row};
use crate::data::synth::{Synth, generate};
use crate::fit::algorithm::Algorithm;
use crate::fit::model::{Model, Query, Tensors};
use crate::fit::outlook::Outlook;
use crate::fit::rng::{Purpose, Stream, stream};
use crate::fit::run::{Interrupt, Run};

const ALL: Parts = Parts { day: true, user_set: true, item_set: true };
const USERS: usize = 9;
const ITEMS: usize = 7;

/// Somewhat more than half of the cells, over five days.
fn ratings(seed: u64) -> Ratings {
    let mut draw = stream(seed, Purpose::Synthetic, 3);
    let mut builder = RatingsBuilder::new(true);
    for user in 0..USERS {
        for item in 0..ITEMS {
            if draw.random::<f64>() < 0.6 {
                let value = 3.0 + draw.random::<f32>();
                let time = Some(86_400 * draw.random_range(0..5) + 7);
                builder.push(&user.to_string(), &item.to_string(), value, time);
            }
        }
    }
    builder.finish("planted", None, Duplicates::Error, |_, _| Default::default()).unwrap()
}

/// A further set for the users: two labels each, for some none.
fn labels() -> (Lists, usize) {
    let of_user = |user: u32| if user % 4 == 3 { Vec::new() } else { vec![user % 3, 3 + user % 2] };
    (Lists::of((0..USERS as u32).map(of_user)), 5)
}

fn design(ratings: &Ratings, parts: Parts) -> Design {
    Design::new(ratings, parts, [vec![labels()], Vec::new()])
}

/// A column of the whole design matrix: the ratings in which it is not zero, and its value there.
type Column = Vec<(usize, f64)>;

/// One chain, in f64, column by column: all errors are computed from all weights whenever they are needed.
#[derive(Clone)]
struct Plain {
    hyper: Hyper,
    y: Vec<f64>,
    /// The columns of each group, in the order in which the groups are drawn.
    groups: Vec<Vec<Column>>,
    /// The weights by f, group and column.
    weights: Vec<Vec<Vec<f64>>>,
    /// μ and λ by f and group.
    mean: Vec<Vec<f64>>,
    precision: Vec<Vec<f64>>,
    intercept: f64,
    noise: f64,
}

impl Plain {
    /// The columns straight from the ratings: users, what they rated, their labels, days, items, who rated them.
    fn new(ratings: &Ratings, parts: Parts, hyper: Hyper) -> Self {
        let rows: Vec<_> = ratings.iter().collect();
        let columns = |count: usize, value: &dyn Fn(usize, usize) -> f64| -> Vec<Column> {
            let column = |column| {
                let entries = (0..rows.len()).map(|row| (row, value(row, column)));
                entries.filter(|&(_, x)| x != 0.0).collect()
            };
            (0..count).map(column).collect()
        };
        let rated = |user: usize, item: usize| {
            rows.iter().any(|rating| (rating.user.index(), rating.item.index()) == (user, item))
        };
        let one = |is: bool| if is { 1.0 } else { 0.0 };
        let share = |size: usize| f64::from(1.0 / (size as f32).sqrt());
        let user = |row: usize| rows[row].user.index();
        let item = |row: usize| rows[row].item.index();
        let day = |row: usize| rows[row].time.unwrap() / 86_400;
        let mut days: Vec<i64> = (0..rows.len()).map(day).collect();
        days.sort_unstable();
        days.dedup();
        let (labels, label_count) = labels();

        let mut groups = vec![columns(USERS, &|row, column| one(user(row) == column))];
        if parts.user_set {
            groups.push(columns(ITEMS, &|row, column| {
                let size = (0..ITEMS).filter(|&item| rated(user(row), item)).count();
                share(size) * one(rated(user(row), column))
            }));
        }
        groups.push(columns(label_count, &|row, column| {
            let own = labels.row(user(row));
            if own.contains(&(column as u32)) { share(own.len()) } else { 0.0 }
        }));
        if parts.day {
            groups.push(columns(days.len(), &|row, column| one(day(row) == days[column])));
        }
        groups.push(columns(ITEMS, &|row, column| one(item(row) == column)));
        if parts.item_set {
            groups.push(columns(USERS, &|row, column| {
                let size = (0..USERS).filter(|&user| rated(user, item(row))).count();
                share(size) * one(rated(column, item(row)))
            }));
        }
        let y = rows.iter().map(|rating| f64::from(rating.value)).collect();
        let (weights, mean, precision) = (Vec::new(), Vec::new(), Vec::new());
        Self { hyper, y, groups, weights, mean, precision, intercept: 0.0, noise: 1.0 }
    }

    /// Takes over a chain of the group.
    fn copy(&mut self, chains: &Chains, chain: usize) {
        let all = groups_of(chains, self.groups.len());
        let of_group = |f: usize, group: &Weights| {
            let own = group.tables[f].as_slice().iter().skip(chain).step_by(chains.lanes());
            own.map(|&weight| f64::from(weight)).collect()
        };
        let by_f = 0..=chains.factors();
        self.weights = by_f.clone().map(|f| all.iter().map(|group| of_group(f, group)).collect()).collect();
        self.mean =
            by_f.clone().map(|f| all.iter().map(|group| f64::from(group.mean[f][chain])).collect()).collect();
        self.precision =
            by_f.map(|f| all.iter().map(|group| f64::from(group.precision[f][chain])).collect()).collect();
        (self.intercept, self.noise) = (chains.intercept[chain], f64::from(chains.noise[chain]));
    }

    /// Σ xθ of each rating, for f.
    fn q(&self, f: usize) -> Vec<f64> {
        let mut q = vec![0.0; self.y.len()];
        for (group, weights) in self.groups.iter().zip(&self.weights[f]) {
            for (column, weight) in group.iter().zip(weights) {
                for &(row, x) in column {
                    q[row] += x * weight;
                }
            }
        }
        q
    }

    /// The model as it is written: w₀ + Σ xw + Σ_f ½[(Σ xv)² − Σ x²v²], minus y.
    fn errors(&self) -> Vec<f64> {
        let mut errors: Vec<f64> =
            self.q(0).iter().zip(&self.y).map(|(q, y)| self.intercept + q - y).collect();
        for f in 1..self.weights.len() {
            for (error, q) in errors.iter_mut().zip(self.q(f)) {
                *error += 0.5 * q * q;
            }
            for (group, weights) in self.groups.iter().zip(&self.weights[f]) {
                for (column, v) in group.iter().zip(weights) {
                    for &(row, x) in column {
                        errors[row] -= 0.5 * x * x * v * v;
                    }
                }
            }
        }
        errors
    }

    /// One sweep. `z` gives the normal number of a column by f, group and column, `stream` everything else.
    fn sweep(&mut self, stream: &mut Stream, z: impl Fn(usize, usize, usize) -> f64) {
        let n = self.y.len() as f64;
        let Hyper { shape, rate, pull, intercept } = self.hyper;
        let squares: f64 = self.errors().iter().map(|e| e * e).sum();
        self.noise = gamma(0.5 * (shape + n), 0.5 * (rate + squares), stream);
        let sum: f64 = self.errors().iter().map(|e| self.intercept - e).sum();
        let precision = intercept + self.noise * n;
        self.intercept = normal(self.noise * sum / precision, precision, stream);
        for f in 0..self.weights.len() {
            for group in 0..self.groups.len() {
                let there: Vec<usize> = self.present(group);
                let (count, mu) = (there.len() as f64, self.mean[f][group]);
                let weights = &self.weights[f][group];
                let scatter: f64 = there.iter().map(|&column| (weights[column] - mu).powi(2)).sum();
                let sum: f64 = there.iter().map(|&column| weights[column]).sum();
                let rate = (rate + scatter + pull * mu * mu) / 2.0;
                let lambda = gamma((shape + count + 1.0) / 2.0, rate, stream);
                self.precision[f][group] = lambda;
                self.mean[f][group] = normal(sum / (count + pull), (count + pull) * lambda, stream);
                for column in there {
                    self.draw_column(f, group, column, z(f, group, column));
                }
            }
        }
    }

    /// The columns of a group that have a rating.
    fn present(&self, group: usize) -> Vec<usize> {
        (0..self.groups[group].len()).filter(|&column| !self.groups[group][column].is_empty()).collect()
    }

    fn draw_column(&mut self, f: usize, group: usize, column: usize, z: f64) {
        let (errors, q) = (self.errors(), self.q(f));
        let old = self.weights[f][group][column];
        let (mut squares, mut product) = (0.0, 0.0);
        for &(row, x) in &self.groups[group][column] {
            let h = if f == 0 { x } else { x * (q[row] - x * old) };
            squares += h * h;
            product += h * errors[row];
        }
        let (lambda, mu) = (self.precision[f][group], self.mean[f][group]);
        let variance = 1.0 / (lambda + self.noise * squares);
        let mean = variance * (lambda * mu + self.noise * (old * squares - product));
        self.weights[f][group][column] = mean + variance.sqrt() * z;
    }

    /// Draws everything with k factors from the prior, and the ratings from that.
    fn draw_all(&mut self, k: usize, stream: &mut Stream) {
        let Hyper { shape, rate, pull, intercept } = self.hyper;
        self.noise = gamma(shape / 2.0, rate / 2.0, stream);
        self.intercept = normal(0.0, intercept, stream);
        self.weights = vec![self.groups.iter().map(|group| vec![0.0; group.len()]).collect(); k + 1];
        self.mean = vec![vec![0.0; self.groups.len()]; k + 1];
        self.precision = self.mean.clone();
        for f in 0..=k {
            for group in 0..self.groups.len() {
                let lambda = gamma(shape / 2.0, rate / 2.0, stream);
                let mu = normal(0.0, pull * lambda, stream);
                (self.precision[f][group], self.mean[f][group]) = (lambda, mu);
                for column in self.present(group) {
                    self.weights[f][group][column] = normal(mu, lambda, stream);
                }
            }
        }
        self.draw_ratings(stream);
    }

    fn draw_ratings(&mut self, stream: &mut Stream) {
        for (row, error) in self.errors().into_iter().enumerate() {
            let z: f64 = StandardNormal.sample(stream);
            self.y[row] += error + z / self.noise.sqrt();
        }
    }

    /// What does not change when a factor changes its sign: of the noise, of linear and other precisions, of a prediction and of two means.
    fn statistics(&self) -> [f64; 6] {
        let last = self.groups.len() - 1;
        [
            libm::log(self.noise),
            self.intercept,
            libm::log(self.precision[0][0]),
            libm::log(self.precision[1][last]),
            self.errors()[0] + self.y[0],
            self.mean[1][1] * self.mean[1][last],
        ]
    }
}

/// The groups in the order in which they are drawn; the days are among them if there are as many groups.
fn groups_of(chains: &Chains, count: usize) -> Vec<&Weights> {
    let mut all = vec![&chains.users.own];
    all.extend(&chains.users.sets);
    if count == chains.users.sets.len() + chains.items.sets.len() + 3 {
        all.push(&chains.days);
    }
    all.push(&chains.items.own);
    all.extend(&chains.items.sets);
    all
}

/// Sweep by sweep, every chain of a group draws by blocks and sums what a plain sampler draws from the same numbers.
#[test]
fn every_chain_draws_what_the_plain_sampler_draws() {
    let ratings = ratings(1);
    for parts in [
        ALL,
        Parts { day: false, user_set: false, item_set: false },
        Parts { day: true, user_set: true, item_set: false },
    ] {
        let design = design(&ratings, parts);
        let mut chains =
            Chains::new(&design, None, (2, 0.1), 11, (3, 8), (Isa::detect(), &Interrupt::default()));
        let mut plain = Plain::new(&ratings, parts, VAGUE);
        for sweep in 1..=20_u32 {
            let mut expected = Vec::new();
            for chain in 0..8 {
                plain.copy(&chains, chain);
                expected.push(plain.clone());
            }
            chains.sweep(&design, false, &Interrupt::default());
            let all = groups_of(&chains, plain.groups.len());
            for (chain, expected) in expected.iter_mut().enumerate() {
                let row = ((3 + chain as u64) << 32) | u64::from(sweep);
                expected.sweep(&mut stream(11, Purpose::Sweep, row), |f, group, column| {
                    let noise = Noise { keys: chains.keys(), sweep, slot: all[group].slot(f) };
                    f64::from(twin::normal(noise, column, chain))
                });
                plain.copy(&chains, chain);
                let place = format!("{parts:?}, sweep {sweep}, chain {chain}");
                assert!((plain.noise / expected.noise - 1.0).abs() < 1e-4, "{place}");
                for f in 0..=2 {
                    let (found, wanted) = (plain.weights[f].concat(), expected.weights[f].concat());
                    for (found, wanted) in found.iter().zip(wanted) {
                        let near = (found - wanted).abs() < 1e-4 * (1.0 + wanted.abs());
                        assert!(near, "{place}, f = {f}: {found} and {wanted}");
                    }
                }
            }
        }
    }
}

/// A chain's numbers do not depend on the group that it runs in.
#[test]
fn a_chain_is_the_same_in_a_group_of_8_and_of_16() {
    let ratings = ratings(4);
    let design = design(&ratings, ALL);
    let mut wide = Chains::new(&design, None, (2, 0.1), 5, (0, 16), (Isa::detect(), &Interrupt::default()));
    let mut narrow = Chains::new(&design, None, (2, 0.1), 5, (8, 8), (Isa::detect(), &Interrupt::default()));
    // Long enough for everything to be computed anew in between.
    for _ in 0..20 {
        wide.sweep(&design, false, &Interrupt::default());
        narrow.sweep(&design, false, &Interrupt::default());
    }
    let mut plain = [Plain::new(&ratings, ALL, VAGUE), Plain::new(&ratings, ALL, VAGUE)];
    for chain in 0..8 {
        plain[0].copy(&wide, 8 + chain);
        plain[1].copy(&narrow, chain);
        assert_eq!(plain[0].weights, plain[1].weights);
        assert_eq!(plain[0].intercept, plain[1].intercept);
    }
}

/// Priors under which nothing runs away.
const FIRM: Hyper = Hyper { shape: 20.0, rate: 20.0, pull: 4.0, intercept: 1.0 };

/// Gives the design other ratings, which come by user and item.
fn rate(design: &mut Design, ratings: &Ratings, y: &[f64]) {
    let of_pair: BTreeMap<(u32, u32), f64> =
        ratings.iter().zip(y).map(|(rating, &y)| ((rating.user.0, rating.item.0), y)).collect();
    let sessions = 0..design.sessions();
    let pairs = sessions.flat_map(|session| {
        let user = design.session_user[session];
        design.session_items.row(session).iter().map(move |&item| (user, item))
    });
    design.values = pairs.map(|pair| of_pair[&pair] as f32).collect();
}

/// Simulation-based calibration (Talts et al., arXiv 1804.06788): with parameters from the prior and ratings from them, the rank of each parameter among 16 draws from the
/// posterior, one of each chain, is uniform.
fn assert_calibrated(replicates: u64, sweeps: usize) {
    let ratings = ratings(2);
    let mut ranks = [[0.0_f64; 17]; 6];
    let mut plain = Plain::new(&ratings, ALL, FIRM);
    let mut design = design(&ratings, ALL);
    for replicate in 0..replicates {
        plain.draw_all(1, &mut stream(replicate, Purpose::Synthetic, 4));
        let truth = plain.statistics();
        rate(&mut design, &ratings, &plain.y);
        let mut chains = Chains::new(
            &design,
            None,
            (1, 0.1),
            1000 + replicate,
            (0, 16),
            (Isa::detect(), &Interrupt::default()),
        )
        .assuming(FIRM);
        for _ in 0..sweeps {
            chains.sweep(&design, false, &Interrupt::default());
        }
        let mut below = [0; 6];
        for chain in 0..16 {
            plain.copy(&chains, chain);
            for (below, (drawn, truth)) in below.iter_mut().zip(plain.statistics().iter().zip(&truth)) {
                *below += usize::from(drawn < truth);
            }
        }
        for (ranks, below) in ranks.iter_mut().zip(below) {
            ranks[below] += 1.0;
        }
    }
    let expected = replicates as f64 / 17.0;
    for (statistic, ranks) in ranks.iter().enumerate() {
        let chi_squared: f64 = ranks.iter().map(|rank| (rank - expected).powi(2) / expected).sum();
        // χ² with 16 degrees of freedom is beyond it in 2 of 10,000 cases.
        assert!(chi_squared < 43.8, "statistic {statistic}: {chi_squared:.1}, {ranks:?}");
    }
}

#[test]
fn ranks_are_uniform() {
    assert_calibrated(340, 40);
}

/// `cargo test --release -p cofactor --lib bfm -- --ignored`.
#[test]
#[ignore = "takes a minute or two"]
fn the_ranks_of_many_are_uniform() {
    assert_calibrated(6_800, 100);
}

/// Getting it right (Geweke, Journal of the American Statistical Association 99, 2004): when parameters and ratings are drawn in turn from each other, the parameters
/// keep the distribution of their prior.
#[test]
#[ignore = "takes a minute or two"]
fn drawn_in_turn_with_the_ratings_the_parameters_keep_their_prior() {
    const BATCH: u64 = 500;
    let ratings = ratings(3);
    let mut plain = Plain::new(&ratings, ALL, FIRM);
    let mut design = design(&ratings, ALL);
    let mut prior: Vec<[f64; 6]> = Vec::new();
    for replicate in 0..20_000 {
        plain.draw_all(1, &mut stream(replicate, Purpose::Synthetic, 5));
        prior.push(plain.statistics());
    }
    rate(&mut design, &ratings, &plain.y);
    let mut chains = Chains::new(&design, None, (1, 0.1), 77, (0, 8), (Isa::detect(), &Interrupt::default()))
        .assuming(FIRM);
    let mut batches: Vec<[f64; 6]> = Vec::new();
    for batch in 0..220 {
        let mut sums = [0.0; 6];
        for round in 0..BATCH {
            chains.sweep(&design, false, &Interrupt::default());
            plain.copy(&chains, 0);
            plain.draw_ratings(&mut stream(batch * BATCH + round, Purpose::Synthetic, 6));
            rate(&mut design, &ratings, &plain.y);
            chains.refresh(&design, &Interrupt::default());
            for (sum, value) in sums.iter_mut().zip(plain.statistics()) {
                *sum += value / BATCH as f64;
            }
        }
        batches.push(sums);
    }
    let batches = &batches[20..];
    for statistic in 0..6 {
        let mean =
            |values: &[[f64; 6]]| values.iter().map(|v| v[statistic]).sum::<f64>() / values.len() as f64;
        let variance = |values: &[[f64; 6]]| {
            let (mean, n) = (mean(values), values.len() as f64);
            values.iter().map(|v| (v[statistic] - mean).powi(2)).sum::<f64>() / (n * (n - 1.0))
        };
        let z = (mean(&prior) - mean(batches)) / (variance(&prior) + variance(batches)).sqrt();
        assert!(z.abs() < 4.0, "statistic {statistic}: {} and {}, z = {z}", mean(&prior), mean(batches));
    }
}

/// A fit on so many threads, that keeps its states and goes on from one.
fn fitted(bfm: &Bfm, ratings: &Ratings, threads: usize, from: Option<Tensors>) -> (Tensors, Vec<Tensors>) {
    let mut states = Vec::new();
    let mut run = Run::new(3, threads).unwrap().with_checkpoints(1, |state| {
        states.push(state);
        Ok(())
    });
    if let Some(state) = from {
        run = run.with_state(state);
    }
    let model = bfm.fit(ratings, &mut run).unwrap();
    drop(run);
    (model.tensors(), states)
}

#[test]
fn a_fit_that_was_cut_off_goes_on_with_the_same_bits() {
    let whole = Synth::parse("synth:users=30,items=20,ratings=400").unwrap();
    let stars = generate(&whole).unwrap().ratings;
    for target in [Target::Gaussian, Target::Probit] {
        let bfm = Bfm { target, factors: 2, chains: 10, burn_in: 20, samples: 30, keep: 7, ..Bfm::default() };
        let (unbroken, states) = fitted(&bfm, &stars, 1, None);
        assert_eq!(states.len(), 3, "after 16, 32 and 48 sweeps");
        for (place, state) in states.iter().enumerate() {
            // One thread takes the chains in one group of 16, three in two of 8.
            let (resumed, later) = fitted(&bfm, &stars, 3 - place % 2, Some(state.clone()));
            assert!(resumed == unbroken, "{target:?}, state {place}");
            assert_eq!(later, states[place + 1..], "{target:?}, state {place}");
        }
        let other = Bfm { factors: 3, ..bfm };
        let mut run = Run::new(3, 1).unwrap().with_state(states[0].clone());
        assert!(other.fit(&stars, &mut run).is_err(), "a state of other chains");
    }
}

#[test]
fn traces_tell_of_every_sweep_of_every_chain() {
    let ratings = ratings(5);
    let bfm = Bfm { factors: 3, chains: 10, burn_in: 4, samples: 6, keep: 2, ..Bfm::default() };
    let mut run = Run::new(1, 2).unwrap();
    let model = bfm.fit(&ratings, &mut run).unwrap();
    let traces = model.traces();
    let names: Vec<&str> = traces.iter().map(|trace| trace.name.as_str()).collect();
    assert_eq!(names.len(), 8, "{names:?}");
    assert!(names[1].starts_with("noise") && names[7].starts_with("days"), "{names:?}");
    for trace in &traces {
        assert_eq!((trace.burn_in, trace.chains.len()), (4, 10));
        assert!(
            trace.chains.iter().all(|draws| draws.len() == 10 && draws.iter().all(|draw| draw.is_finite()))
        );
    }
    // The first number is the error of which the epochs tell the mean square over the chains.
    for (sweep, epoch) in run.epochs().iter().enumerate() {
        let squares = traces[0].chains.iter().map(|draws| f64::from(draws[sweep]).powi(2));
        assert!((epoch.train_rmse - (squares.sum::<f64>() / 10.0).sqrt()).abs() < 1e-6);
    }
    let restored = bfm.restore(model.tensors(), &ratings).unwrap();
    assert_eq!(restored.traces(), traces);
}

/// A fit, and the ratings it never saw of users it knows and of users it does not.
fn planted(target: Target) -> (Posterior, Ratings, Ratings) {
    let whole = generate(&Synth::parse("synth:users=700,items=80,ratings=20000").unwrap()).unwrap().ratings;
    let is_new = |rating: Rating| rating.user.index().is_multiple_of(4);
    let is_held_out = |rating: Rating| (rating.user.index() + rating.item.index()).is_multiple_of(5);
    let train = whole.filter(|rating| !is_new(rating) && !is_held_out(rating));
    let bfm = Bfm { target, factors: 4, chains: 16, burn_in: 20, samples: 24, keep: 24, ..Bfm::default() };
    let model = bfm.fit(&train, &mut Run::new(3, 2).unwrap()).unwrap();
    (model, whole.filter(|rating| !is_new(rating) && is_held_out(rating)), whole.filter(is_new))
}

#[test]
fn an_outlook_says_what_is_predicted_and_how_often_it_is_so() {
    for target in [Target::Gaussian, Target::Probit] {
        let (model, held_out, others) = planted(target);
        let (mut shares, mut of_newcomers) = (Vec::new(), Vec::new());
        for rating in held_out.iter() {
            let query = Query { user: Some(rating.user), item: Some(rating.item), time: rating.time };
            let (predicted, outlook) = (model.predict(query), model.outlook(query).unwrap());
            assert_expects(&outlook, predicted, target);
            shares.push(outlook.share(predicted, rating.value));
        }
        for user in (0..others.users() as u32).map(User) {
            let row = others.row(user);
            let brought = row.len() / 2;
            let history = Row::new(&row.items[..brought], &row.values[..brought]);
            let somebody = model.fold_in(history).unwrap();
            for rating in row.iter().skip(brought) {
                let (predicted, outlook) =
                    (somebody.parts(rating.item).sum(), somebody.outlook(rating.item).unwrap());
                of_newcomers.push(outlook.share(predicted, rating.value));
            }
        }
        for (who, shares) in [("known", shares), ("new", of_newcomers)] {
            for promised in [0.5, 0.8, 0.95] {
                let held =
                    shares.iter().filter(|&&share| share <= promised).count() as f64 / shares.len() as f64;
                assert!(
                    (held - promised).abs() < 0.03,
                    "{target:?}, {who}, {promised}: {held} of {}",
                    shares.len()
                );
            }
        }
    }
}

/// The probabilities of steps are some, and their mean is the prediction.
fn assert_expects(outlook: &Outlook, predicted: f32, target: Target) {
    assert!(outlook.sd > 0.0);
    assert_eq!(outlook.chances.is_empty(), target == Target::Gaussian);
    if target == Target::Probit {
        let total: f32 = outlook.chances.iter().map(|chance| chance.probability).sum();
        let mean: f32 = outlook.chances.iter().map(|chance| chance.probability * chance.value).sum();
        assert!((total - 1.0).abs() < 1e-5 && (mean - predicted).abs() < 1e-3, "{total} {mean} {predicted}");
    }
}
