//! # ChebyCF: a spectral filter by Chebyshev interpolation
//!
//! Letters: m users, n items, N pairs; R is m×n with r_ui = 1 where user u has taken item i and 0 elsewhere; n_u, n_i how often a user has taken and an item has been
//! taken; D_U and D_I have them on their diagonals.
//!
//! ## Model
//! Items that the same users take are neighbours in a graph. What somebody has taken is a signal on its nodes, and what they will take is that signal without its high frequencies:
//! ```text
//! R̃ = D_U^−½ R D_I^−½,   A = I − 2R̃ᵀR̃                                                          (1)
//! x̂_u = D_I^β (Σ_{j≤K} c_j T_j(A) + α V Vᵀ) D_I^−β r_u                                          (2)
//! ```
//! T_j are Chebyshev's polynomials. The eigenvalues of A go from −1, the lowest frequency, to 1, the highest. V are the `rank` eigenvectors of the lowest, n×`rank`. r_u are the ratings of at least θ
//! (`implicit_from`) and above zero, as ones.
//!
//! ## Objective
//! None: c is chosen so that the sum is nearly f(A), which lets low frequencies pass and stops high ones:
//! ```text
//! f(x) = ½ + ½|x|^φ for x < 0,   f(x) = ½ − ½x^φ for x ≥ 0                                     (3)
//! ```
//!
//! ## Update
//! None. In the K + 1 roots x_l of T_{K+1} the sum meets the values of f in the K + 1 extrema y_l of T_K, which lie a little further out, so that it is 1 and 0 just within the ends:
//! ```text
//! x_l = cos((l + ½)π/(K + 1)),   y_l = cos(lπ/K),   l = 0 … K
//! c_j = 2/(K + 1) Σ_l f(y_l) T_j(x_l), half of it for j = 0                                     (4)
//! ```
//! V is found from random vectors by multiplying them with R̃ᵀR̃ and making them orthonormal again, five times, and then eleven times by a polynomial that raises what lies above
//! a, 0.98 times the least eigenvalue that V has reached:
//! ```text
//! V ← T_4((2/a)R̃ᵀR̃ − I) V                                                                      (5)
//! ```
//!
//! ## Cost
//! Fit: O(N·rank + n·rank²), in parallel. Memory: 4·n·rank bytes, and the model is as large. All of a user's scores: O(KN + n·rank), so that a request costs as much as a pass over all pairs. Up to 32
//! users pass together in little more time than one: evaluations and everybody's lists go by such blocks. Memory of a block: 128(3n + m) bytes.
//!
//! ## Unknown users and items
//! Whoever has taken nothing, and what nobody has taken, scores zero. A newcomer is answered as a trained user with the same items is. What an item adds to a score is its own term of (2), which
//! is linear in r_u.
//!
//! ## Defaults and their source
//! K = 8, φ = 1.5, rank = 512, α = 0.2, β = 0.4: the authors' for Gowalla.
//!
//! ## Differences from the paper
//! Interpolation in the usual sense would meet f(x_l) in x_l. The authors' program meets f(y_l) there, and so does (4), as their figures are the program's; the program also rounds y and f(y) to three
//! decimals. The authors call a library for V, which finds the eigenvectors one by one; here their span is found, which is all that V Vᵀ needs.
//!
//! ## References
//! C. Kim et al., "Graph spectral filtering with Chebyshev interpolation for recommendation", SIGIR 2025, and its program.
//! The span of V: N. Halko, P. Martinsson, J. Tropp, "Finding structure with randomness", SIAM Review 53(2), 2011, algorithm 4.4.
//! Its filter: Y. Zhou, Y. Saad, M. Tiago, J. Chelikowsky, "Self-consistent-field calculations using Chebyshev-filtered subspace iteration", Journal of Computational Physics 219(1), 2006.

use std::sync::{Mutex, PoisonError};

use cofactor_kernels::{Isa, Rows, add_product, sum_rows};
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::data::ids::{Item, User};
use crate::data::ratings::{Ratings, Row, Time};
use crate::error::{Error, Result};
use crate::fit::algorithm::{Algorithm, Kind, Knob, Preset, Task};
use crate::fit::factors::{Factors, Matrix};
use crate::fit::graph::Graph;
use crate::fit::model::{Model, Newcomer, Parts, Query, Share, TOGETHER, Tensors};
use crate::fit::orthonormal::orthonormalize;
use crate::fit::rng::{Purpose, stream};
use crate::fit::run::Run;
use crate::fit::sweep::rows;
use crate::fit::taken::{IMPLICIT_FROM, is_taken, taken};

/// Rounds of (5), the first ones plain.
const PASSES: usize = 16;
const PLAIN_PASSES: usize = 5;
/// d of (5). A higher one raises the highest eigenvalue so far above the lowest that f32 would lose the latter.
const FILTER_DEGREE: usize = 4;
/// a of (5), as a part of the least eigenvalue in V.
const BELOW: f64 = 0.98;
/// Signals that pass together, in little more time than one: a row of them is whole cache lines.
const WIDTH: usize = TOGETHER;

/// The parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChebyCf {
    /// θ.
    pub implicit_from: f64,
    /// K.
    pub degree: usize,
    /// φ.
    pub flatness: f64,
    /// Columns of V.
    pub rank: usize,
    /// α.
    pub ideal: f64,
    /// β.
    pub popularity: f64,
}

impl Default for ChebyCf {
    fn default() -> Self {
        Self { implicit_from: 0.0, degree: 8, flatness: 1.5, rank: 512, ideal: 0.2, popularity: 0.4 }
    }
}

impl Algorithm for ChebyCf {
    const NAME: &'static str = "chebycf";
    const TITLE: &'static str = "a spectral filter on the graph of items, in closed form";
    const TASK: Task = Task::Ranking;
    const KNOBS: &'static [Knob] = &[
        IMPLICIT_FROM,
        Knob {
            name: "degree",
            symbol: "K",
            kind: Kind::Integer { min: 1, max: 100, search: Some((4, 16)) },
            purpose: "degree of the polynomial: how many steps a signal takes on the graph",
        },
        Knob {
            name: "flatness",
            symbol: "φ",
            kind: Kind::Real { min: 0.1, max: 100.0, search: Some((1.0, 20.0)) },
            purpose: "how alike the middle frequencies are treated",
        },
        Knob {
            name: "rank",
            symbol: "V",
            kind: Kind::Integer { min: 1, max: 2048, search: Some((64, 1024)) },
            purpose: "how many of the lowest frequencies are let pass once more",
        },
        Knob {
            name: "ideal",
            symbol: "α",
            kind: Kind::Real { min: 0.0, max: 100.0, search: Some((0.05, 0.5)) },
            purpose: "weight of those",
        },
        Knob {
            name: "popularity",
            symbol: "β",
            kind: Kind::Real { min: 0.0, max: 2.0, search: Some((0.1, 0.6)) },
            purpose: "how much popular items are damped before the filter and raised after it",
        },
    ];
    const PRESETS: &'static [Preset] = &[Preset {
        name: "gowalla",
        source: "the authors' program, for Gowalla in the split of LightGCN",
        set: &[
            ("degree", "8"),
            ("flatness", "1.5"),
            ("rank", "512"),
            ("ideal", "0.2"),
            ("popularity", "0.4"),
        ],
    }];
    const SOURCE: &'static str = include_str!("chebycf.rs");
    /// V and R.
    type Model = Filter;

    fn fit(&self, train: &Ratings, run: &mut Run<'_>) -> Result<Filter> {
        let graph = Graph::new(taken(train, self.implicit_from)?);
        let vectors = if self.ideal > 0.0 {
            graph.lowest(self.rank.min(train.users()).min(train.items()), run)?
        } else {
            Matrix::zeros(train.items(), 0)
        };
        run.check()?;
        if !vectors.is_finite() {
            let what = "an eigenvector is not finite".to_owned();
            return Err(Error::Diverged { epoch: 1, what, hint: "lower `rank`".to_owned() });
        }
        Ok(Filter::new(self.clone(), graph, vectors, run.isa()))
    }

    fn restore(&self, mut tensors: Tensors, train: &Ratings) -> Result<Filter> {
        let ([n, rank], vectors) = tensors.take("eigenvectors")?;
        if n != train.items() || rank > 2048 {
            let problem = format!("tensor 'eigenvectors' is {n}×{rank} for {} items", train.items());
            return Err(Error::unsupported(problem, ""));
        }
        let graph = Graph::new(taken(train, self.implicit_from)?);
        Ok(Filter::new(self.clone(), graph, Matrix::from_dense(n, rank, &vectors), Isa::detect()))
    }
}

impl ChebyCf {
    /// (4).
    fn coefficients(&self) -> Vec<f64> {
        let nodes = self.degree + 1;
        let root = |l: usize| (l as f64 + 0.5) * std::f64::consts::PI / nodes as f64;
        let extremum = |l: usize| l as f64 * std::f64::consts::PI / self.degree as f64;
        // T_j(cos t) = cos jt.
        let coefficient = |j: usize| {
            let term = |l| self.response(libm::cos(extremum(l))) * libm::cos(j as f64 * root(l));
            let scale = if j == 0 { 1.0 } else { 2.0 };
            scale / nodes as f64 * (0..nodes).map(term).sum::<f64>()
        };
        (0..nodes).map(coefficient).collect()
    }

    /// (3).
    fn response(&self, x: f64) -> f64 {
        let half = 0.5 * libm::pow(x.abs(), self.flatness);
        if x < 0.0 { 0.5 + half } else { 0.5 - half }
    }
}

impl Graph {
    /// V: orthonormal columns that span the lowest frequencies; columns of zeros where there are not as many. The same for every seed.
    fn lowest(&self, rank: usize, run: &Run<'_>) -> Result<Matrix> {
        let mut vectors = Matrix::zeros(self.items.len(), rank);
        rows(run.pool(), &mut vectors, |item, row| {
            let mut stream = stream(0, Purpose::Subspace, item as u64);
            for entry in &mut row[..rank] {
                let noise: f64 = StandardNormal.sample(&mut stream);
                *entry = noise as f32;
            }
        });
        for pass in 0..PASSES {
            run.check()?;
            self.sharpen(&mut vectors, pass, run);
            orthonormalize(&mut vectors, run);
        }
        // What rounding has left.
        orthonormalize(&mut vectors, run);
        Ok(vectors)
    }

    /// V ← T_d((2/a)R̃ᵀR̃ − I)V, which leaves what lies in [0, a] as it is and raises what lies above, the faster the further: (5). In the first passes V ← R̃ᵀR̃V.
    fn sharpen(&self, vectors: &mut Matrix, pass: usize, run: &Run<'_>) {
        let mut image = vectors.clone();
        self.spread_all(&mut image, run);
        let bound = BELOW * quotient_of_last(vectors, &image);
        if pass < PLAIN_PASSES || bound <= 0.0 {
            *vectors = image;
            return;
        }
        let twice = (2.0 / bound) as f32;
        let (mut before, mut now) = (vectors.clone(), image);
        rows(run.pool(), &mut now, |item, row| {
            for (entry, before) in row.iter_mut().zip(before.row(item)) {
                *entry = twice * *entry - before;
            }
        });
        for _ in 1..FILTER_DEGREE {
            let mut next = now.clone();
            self.spread_all(&mut next, run);
            rows(run.pool(), &mut next, |item, row| {
                for ((entry, now), before) in row.iter_mut().zip(now.row(item)).zip(before.row(item)) {
                    *entry = 2.0 * (twice * *entry - now) - before;
                }
            });
            (before, now) = (now, next);
        }
        *vectors = now;
    }
}

/// xᵀR̃ᵀR̃x for the last column x, of length 1: nearly the least eigenvalue that V reaches.
fn quotient_of_last(vectors: &Matrix, image: &Matrix) -> f64 {
    let Some(last) = vectors.columns().checked_sub(1) else { return 0.0 };
    (0..vectors.rows()).map(|row| f64::from(vectors.row(row)[last]) * f64::from(image.row(row)[last])).sum()
}

/// One step of a walk, for each column of `now`: from the items to the mean of those that each user has taken, in `heard`, and on to the sum over the users of each item, which
/// `arrived` is told.
fn walk(graph: &Graph, isa: Isa, now: &Matrix, heard: &mut Matrix, mut arrived: impl FnMut(usize, &[f32])) {
    for (user, &scale) in graph.users.iter().enumerate() {
        let row = heard.row_mut(user);
        sum_rows(isa, bytemuck::cast_slice(graph.taken.row(User(user as u32)).items), now.as_slice(), row);
        for entry in row {
            *entry *= scale;
        }
    }
    let mut sum = [0.0; WIDTH];
    for item in 0..graph.items.len() {
        let (users, _) = graph.taken.by_item().column(Item(item as u32));
        sum_rows(isa, bytemuck::cast_slice(users), heard.as_slice(), &mut sum);
        arrived(item, &sum);
    }
}

/// The scores of the user who was asked about last.
type Asked = (User, Vec<f32>);

/// (2).
#[derive(Debug)]
pub struct Filter {
    knobs: ChebyCf,
    graph: Graph,
    /// V.
    vectors: Matrix,
    isa: Isa,
    coefficients: Vec<f32>,
    /// n_i^β; 0 for nothing.
    raised: Vec<f32>,
    /// Who asks about single pairs asks about one user again and again.
    asked: Mutex<Option<Asked>>,
}

/// A signal: some items, and what stands on each.
type Signal = Vec<(usize, f32)>;

impl Filter {
    fn new(knobs: ChebyCf, graph: Graph, vectors: Matrix, isa: Isa) -> Self {
        let raise =
            |&count: &usize| if count == 0 { 0.0 } else { libm::pow(count as f64, knobs.popularity) as f32 };
        let coefficients = knobs.coefficients().into_iter().map(|c| c as f32).collect();
        let raised = graph.counts.iter().map(raise).collect();
        Self { knobs, graph, vectors, isa, coefficients, raised, asked: Mutex::new(None) }
    }

    /// n_i^−β; 0 for nothing.
    fn damped(&self, item: usize) -> f32 {
        if self.raised[item] == 0.0 { 0.0 } else { 1.0 / self.raised[item] }
    }

    /// D_I^−β r_u.
    fn signal(&self, row: Row<'_>) -> Signal {
        let taken = row.iter().filter(|rated| is_taken(rated.value, self.knobs.implicit_from));
        taken.map(|rated| (rated.item.index(), self.damped(rated.item.index()))).collect()
    }

    /// The symmetric matrix in the middle of (2) times up to [`WIDTH`] signals: a column for each. On the way D_I^½ is left out on both sides of A, which then is
    /// I − 2D_I⁻¹RᵀD_U⁻¹R: a walk from items to users and back.
    fn pass(&self, signals: &[Signal]) -> Matrix {
        let n = self.graph.items.len();
        let (mut before, mut now) = (Matrix::zeros(n, WIDTH), Matrix::zeros(n, WIDTH));
        for (column, signal) in signals.iter().enumerate() {
            for &(item, entry) in signal {
                now.row_mut(item)[column] = entry * self.graph.items[item];
            }
        }
        let mut heard = Matrix::zeros(self.graph.users.len(), WIDTH);
        let mut out = Matrix::zeros(n, WIDTH);
        add_scaled(out.as_mut_slice(), self.coefficients[0], now.as_slice());
        for (j, &c) in self.coefficients.iter().enumerate().skip(1) {
            // T_j = 2A·T_{j−1} − T_{j−2}, and T₁ = A·T₀.
            let (twice, back) = if j == 1 { (1.0, 0.0) } else { (2.0, 1.0) };
            walk(&self.graph, self.isa, &now, &mut heard, |item, arrived| {
                let share = 2.0 * self.graph.items[item] * self.graph.items[item];
                let parts = before.row_mut(item).iter_mut().zip(now.row(item)).zip(arrived);
                for ((before, now), arrived) in parts {
                    *before = twice * (now - share * arrived) - back * *before;
                }
            });
            std::mem::swap(&mut before, &mut now);
            add_scaled(out.as_mut_slice(), c, now.as_slice());
        }
        for (item, &count) in self.graph.counts.iter().enumerate() {
            let root = (count as f64).sqrt() as f32;
            out.row_mut(item).iter_mut().for_each(|entry| *entry *= root);
        }
        self.add_ideal(signals, &mut out);
        out
    }

    /// Adds α V Vᵀ times the signals.
    fn add_ideal(&self, signals: &[Signal], out: &mut Matrix) {
        let (rank, stride) = (self.vectors.columns(), self.vectors.stride());
        let mut heard = vec![0.0; rank * WIDTH];
        let mut own = vec![0.0; stride];
        for (column, signal) in signals.iter().enumerate() {
            own.fill(0.0);
            for &(item, entry) in signal {
                add_scaled(&mut own, self.knobs.ideal as f32 * entry, self.vectors.row(item));
            }
            for (heard, own) in heard.chunks_exact_mut(WIDTH).zip(&own) {
                heard[column] = *own;
            }
        }
        let (a, b) =
            (Rows { entries: self.vectors.as_slice(), stride }, Rows { entries: &heard, stride: WIDTH });
        add_product(self.isa, [self.vectors.rows(), rank, WIDTH], a, b, out.as_mut_slice(), WIDTH);
    }

    /// The scores of rows that somebody has taken, each into n entries of `out`.
    fn score_rows(&self, rows: &[Row<'_>], out: &mut [f32]) {
        let n = self.graph.items.len();
        if n == 0 {
            return;
        }
        for (rows, out) in rows.chunks(WIDTH).zip(out.chunks_mut(WIDTH * n)) {
            let signals: Vec<Signal> = rows.iter().map(|&row| self.signal(row)).collect();
            if signals.iter().all(Vec::is_empty) {
                out.fill(0.0);
                continue;
            }
            let passed = self.pass(&signals);
            for (item, &raised) in self.raised.iter().enumerate() {
                for (at, passed) in passed.row(item)[..rows.len()].iter().enumerate() {
                    out[at * n + item] = passed * raised;
                }
            }
        }
    }
}

/// x ← x + by·v.
fn add_scaled(out: &mut [f32], by: f32, vector: &[f32]) {
    for (out, entry) in out.iter_mut().zip(vector) {
        *out += by * entry;
    }
}

impl Model for Filter {
    fn predict(&self, query: Query) -> f32 {
        let (Some(user), Some(item)) = (query.user, query.item) else { return 0.0 };
        // A thread that panicked has left whole scores or none.
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        match &*asked {
            Some((known, scores)) if *known == user => scores[item.index()],
            _ => {
                let mut scores = vec![0.0; self.graph.items.len()];
                self.predict_all(Some(user), query.time, &mut scores);
                let score = scores[item.index()];
                *asked = Some((user, scores));
                score
            }
        }
    }

    fn predict_all(&self, user: Option<User>, _time: Option<Time>, out: &mut [f32]) {
        let row = user.map_or(Row::new(&[], &[]), |user| self.graph.taken.row(user));
        self.score_rows(&[row], out);
    }

    fn predict_many(&self, users: &[User], out: &mut [f32]) {
        let rows: Vec<Row<'_>> = users.iter().map(|&user| self.graph.taken.row(user)).collect();
        self.score_rows(&rows, out);
    }

    fn whole_rows(&self) -> bool {
        true
    }

    fn factors(&self) -> Option<&Factors> {
        None
    }

    fn fold_in<'a>(&'a self, history: Row<'a>) -> Option<Box<dyn Newcomer + 'a>> {
        Some(Box::new(Listener { filter: self, history }))
    }

    fn tensors(&self) -> Tensors {
        let mut tensors = Tensors::default();
        let shape = [self.vectors.rows(), self.vectors.columns()];
        tensors.insert("eigenvectors", &shape, self.vectors.to_dense());
        tensors
    }

    fn dimensions(&self) -> Option<(usize, usize)> {
        Some((self.graph.users.len(), self.graph.items.len()))
    }
}

/// Somebody with their items.
struct Listener<'a> {
    filter: &'a Filter,
    history: Row<'a>,
}

impl Newcomer for Listener<'_> {
    fn score_all(&self, out: &mut [f32]) {
        self.filter.score_rows(&[self.history], out);
    }

    /// As the matrix is symmetric, a signal on the item alone tells what every other one adds to it.
    fn parts(&self, item: Item) -> Parts {
        let Filter { knobs, raised, .. } = self.filter;
        let adds = self.filter.pass(&[vec![(item.index(), raised[item.index()])]]);
        let share = |at: usize| {
            let other = self.history.items[at].index();
            let counts = is_taken(self.history.values[at], knobs.implicit_from);
            let adds = if counts { adds.row(other)[0] * self.filter.damped(other) } else { 0.0 };
            Share { all: adds, taste: adds }
        };
        Parts { mean: 0.0, item_bias: 0.0, prior: 0.0, shares: (0..self.history.len()).map(share).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ratings::{Duplicates, RatingsBuilder};

    fn ratings(users: u32, items: u32, taken: impl Fn(u32, u32) -> bool) -> Ratings {
        let mut builder = RatingsBuilder::new(false);
        for (user, item) in (0..users).flat_map(|user| (0..items).map(move |item| (user, item))) {
            if taken(user, item) {
                builder.push(&format!("{user:03}"), &format!("{item:03}"), 1.0, None);
            }
        }
        builder.finish("test", None, Duplicates::Error, |_, _| Default::default()).unwrap()
    }

    /// R̃ᵀR̃ in f64, straight from its definition.
    fn dense(train: &Ratings) -> Vec<Vec<f64>> {
        let (n, counts) = (train.items(), train.item_counts());
        let mut square = vec![vec![0.0; n]; n];
        for (_, row) in train.rows() {
            for i in row.items {
                for j in row.items {
                    let scale = (counts[i.index()] as f64 * counts[j.index()] as f64).sqrt();
                    square[i.index()][j.index()] += 1.0 / (row.len() as f64 * scale);
                }
            }
        }
        square
    }

    #[test]
    fn the_polynomial_meets_the_response_in_its_nodes() {
        for (degree, flatness) in [(1, 1.0), (8, 1.5), (13, 10.0)] {
            let knobs = ChebyCf { degree, flatness, ..ChebyCf::default() };
            let coefficients = knobs.coefficients();
            for node in 0..=degree {
                let angle = (node as f64 + 0.5) * std::f64::consts::PI / (degree + 1) as f64;
                let sum: f64 =
                    coefficients.iter().enumerate().map(|(j, c)| c * libm::cos(j as f64 * angle)).sum();
                let extremum = node as f64 * std::f64::consts::PI / degree as f64;
                let expected = knobs.response(libm::cos(extremum));
                assert!((sum - expected).abs() < 1e-12, "{degree} {flatness} {node}: {sum} and {expected}");
            }
        }
    }

    #[test]
    fn scores_are_those_of_dense_matrices() {
        let train = ratings(40, 30, |user, item| (user * 7 + item * 11 + user * item) % 5 == 0);
        let knobs = ChebyCf { degree: 5, ideal: 0.0, ..ChebyCf::default() };
        let model = knobs.fit(&train, &mut Run::new(1, 2).unwrap()).unwrap();
        let (n, square) = (train.items(), dense(&train));
        let across = |x: &[f64]| -> Vec<f64> {
            let row = |i: usize| x[i] - 2.0 * square[i].iter().zip(x).map(|(a, b)| a * b).sum::<f64>();
            (0..n).map(row).collect()
        };
        let counts = train.item_counts();
        let mut scores = vec![0.0; n];
        for user in [User(0), User(17)] {
            let mut signal = vec![0.0; n];
            for item in train.row(user).items {
                signal[item.index()] = libm::pow(counts[item.index()] as f64, -0.4);
            }
            let mut polynomials = vec![signal.clone(), across(&signal)];
            for j in 2..=5 {
                let twice = across(&polynomials[j - 1]);
                let next = twice.iter().zip(&polynomials[j - 2]).map(|(a, b)| 2.0 * a - b).collect();
                polynomials.push(next);
            }
            model.predict_all(Some(user), None, &mut scores);
            for (i, &found) in scores.iter().enumerate() {
                let sum: f64 = knobs.coefficients().iter().zip(&polynomials).map(|(c, t)| c * t[i]).sum();
                let expected = sum * libm::pow(counts[i] as f64, 0.4);
                assert!((f64::from(found) - expected).abs() < 1e-5, "{i}: {found} and {expected}");
            }
        }
    }

    /// Users of three kinds, each with items of its own: the lowest frequency is constant, but for popularity, within a kind, and V spans these three.
    #[test]
    fn the_lowest_frequencies_are_those_of_what_hangs_together() {
        let train = ratings(60, 33, |user, item| user % 3 == item % 3 && (user + item / 3) % 4 != 0);
        let counts = train.item_counts();
        let graph = Graph::new(train);
        // With more columns than there are directions, the last ones are left out.
        for rank in [3, 33] {
            let vectors = graph.lowest(rank, &Run::new(1, 2).unwrap()).unwrap();
            let project = |i: usize, j: usize| -> f64 {
                let products = vectors.entries(i).iter().zip(vectors.entries(j));
                products.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
            };
            for (i, j) in (0..33).flat_map(|i| (0..33).map(move |j| (i, j))).filter(|_| rank == 3) {
                let of_kind: usize =
                    (0..33).filter(|other| other % 3 == i % 3).map(|other| counts[other]).sum();
                let together = (counts[i] as f64 * counts[j] as f64).sqrt() / of_kind as f64;
                let expected = if i % 3 == j % 3 { together } else { 0.0 };
                assert!((project(i, j) - expected).abs() < 1e-3, "{i} {j}: {} and {expected}", project(i, j));
            }
            // What V keeps of R̃ᵀR̃: three ones, or all of it.
            let square = dense(&graph.taken);
            let trace: f64 =
                (0..33).map(|i| (0..33).map(|j| project(i, j) * square[j][i]).sum::<f64>()).sum();
            let whole: f64 = (0..33).map(|i| square[i][i]).sum();
            let expected = if rank == 3 { 3.0 } else { whole };
            assert!((trace - expected).abs() < 1e-3, "{rank}: {trace} and {expected}");
        }
    }
}
