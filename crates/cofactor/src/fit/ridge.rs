//! Alternating least squares: a ridge regression for each row of one side, with the other side fixed.
//!
//! ```text
//! f(x, β) = Σ_l (y_l − z_lᵀx − β)² + w(λ‖x‖² + λ_b β²),  w = n(n̄/n)^ν                        (1)
//! ```
//! z_l are the n rows of the fixed side that a row has ratings with, y_l what is left of the ratings without the mean and the fixed biases.

use cofactor_kernels::{Gathered, Isa, NormalEquations, Samples, dot, padded};
use serde::{Deserialize, Serialize};

use super::factors::{Factors, Matrix, Prior, mean_of_rows};
use super::run::Run;
use super::sweep::solve_rows;
use crate::data::ids::{Item, User};
use crate::data::ratings::Ratings;
use crate::error::{Error, Result};

/// λ, λ_b (`None`: there are no biases) and ν of (1).
#[derive(Debug, Clone, Copy)]
pub struct Penalty {
    /// λ.
    pub reg: f64,
    /// λ_b.
    pub bias_reg: Option<f64>,
    /// ν.
    pub power: f64,
}

/// Users and items in turn, each half with the other half fixed.
pub struct Sweep<'a> {
    train: &'a Ratings,
    penalty: Penalty,
    users: Side,
    items: Side,
}

/// The rows of one side: how many ratings each has, and their mean number n̄ over those that have any.
struct Side {
    counts: Vec<usize>,
    mean: f64,
}

/// What the other side stands at.
struct Fixed<'a> {
    matrix: &'a Matrix,
    biases: &'a [f32],
    mean: f32,
}

impl<'a> Sweep<'a> {
    /// Over these ratings. Makes their view by item.
    pub fn new(train: &'a Ratings, penalty: Penalty) -> Self {
        train.by_item();
        let users = Side::new(train.user_counts().collect());
        Self { train, penalty, users, items: Side::new(train.item_counts()) }
    }

    /// Solves all users and then all items, in parallel, each thread with a `ridge` of its own; rows without a rating stay as they are. Returns
    /// Σ e² over all ratings, which needs no pass of its own: the items' rows are solved last, and each solver knows what f has come to.
    pub fn run(&self, run: &Run<'_>, factors: &mut Factors, ridge: impl Fn() -> Ridge + Send + Sync) -> f64 {
        let Factors { mean, users, items, user_bias, item_bias, .. } = factors;
        let fixed = Fixed { matrix: items, biases: item_bias, mean: *mean };
        self.half(run, &self.users, (users, user_bias), &fixed, &ridge, |user| {
            let row = self.train.row(User(user as u32));
            (bytemuck::cast_slice(row.items), row.values)
        });
        let fixed = Fixed { matrix: users, biases: user_bias, mean: *mean };
        self.half(run, &self.items, (items, item_bias), &fixed, &ridge, |item| {
            let (users, values) = self.train.by_item().column(Item(item as u32));
            (bytemuck::cast_slice(users), values)
        })
    }

    /// `rated` gives a row's places on the fixed side and its ratings.
    fn half<'r>(
        &self,
        run: &Run<'_>,
        side: &Side,
        (matrix, biases): (&mut Matrix, &mut [f32]),
        fixed: &Fixed<'_>,
        ridge: impl Fn() -> Ridge + Send + Sync,
        rated: impl Fn(usize) -> (&'r [u32], &'r [f32]) + Send + Sync,
    ) -> f64 {
        let isa = run.isa();
        let scratch = || (ridge(), Vec::new());
        solve_rows(run, matrix, biases, scratch, |(ridge, targets), row, vector, bias| {
            let weight = match side.counts[row] {
                0 => return 0.0,
                count => side.weight(count, self.penalty.power),
            };
            let (places, values) = rated(row);
            let left = |(&place, &value): (&u32, &f32)| value - (fixed.mean + fixed.biases[place as usize]);
            targets.clear();
            targets.extend(places.iter().zip(values).map(left));
            let matrix = fixed.matrix.as_slice();
            let problem = Problem {
                samples: Samples { matrix, rows: places, weights: None, targets: &targets[..] },
                reg: (weight * self.penalty.reg) as f32,
                bias_reg: self.penalty.bias_reg.map(|reg| (weight * reg) as f32),
            };
            let value = ridge.solve(isa, problem, vector, bias);
            let squares = value - problem.penalty(isa, vector, *bias);
            // Rounding may leave less than nothing; what is not a number stays so.
            if squares < 0.0 { 0.0 } else { squares }
        })
    }
}

impl Side {
    fn new(counts: Vec<usize>) -> Self {
        let rated = counts.iter().filter(|&&count| count > 0).count().max(1);
        let mean = counts.iter().sum::<usize>() as f64 / rated as f64;
        Self { counts, mean }
    }

    /// w of (1).
    fn weight(&self, count: usize, power: f64) -> f64 {
        let count = count as f64;
        if power == 0.0 { count } else { count * libm::pow(self.mean / count, power) }
    }
}

/// Makes an unknown user and an unknown item, and all rows without a rating, the mean of the learned ones of their side, and a newcomer's prior from
/// the learned users.
///
/// # Errors
/// A parameter is not finite; `hint` says which knob to turn.
pub fn settle(train: &Ratings, run: &Run<'_>, factors: &mut Factors, biased: bool, hint: &str) -> Result<()> {
    let biases = factors.user_bias.iter().chain(&factors.item_bias);
    if !(factors.users.is_finite() && factors.items.is_finite() && biases.copied().all(f32::is_finite)) {
        let what = "a factor is no longer finite".to_owned();
        return Err(Error::Diverged { epoch: run.epochs().len(), what, hint: hint.to_owned() });
    }
    let noise = run.epochs().last().map_or(1.0, |epoch| epoch.train_rmse.powi(2));
    let (user_counts, item_counts) = (train.user_counts().collect::<Vec<_>>(), train.item_counts());
    factors.prior = Prior::of(&factors.users, &factors.user_bias, &user_counts, noise, biased);
    factors.unseen_item = mean_of_rows(&factors.items, &factors.item_bias, &item_counts);
    fill_unseen(&mut factors.users, &mut factors.user_bias, &user_counts, &factors.prior.mean);
    fill_unseen(&mut factors.items, &mut factors.item_bias, &item_counts, &factors.unseen_item);
    Ok(())
}

/// Rows without a rating become the unknown one: k entries and the bias last.
fn fill_unseen(matrix: &mut Matrix, biases: &mut [f32], counts: &[usize], unknown: &[f32]) {
    let k = matrix.columns();
    for (row, _) in counts.iter().enumerate().filter(|&(_, &count)| count == 0) {
        matrix.row_mut(row)[..k].copy_from_slice(&unknown[..k]);
        biases[row] = unknown[k];
    }
}

/// How (1) is made small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Solver {
    /// Exactly, by factoring the normal equations: O(n k² + k³) for n rows.
    Cholesky,
    /// By steps of conjugate gradients: O(n k) each.
    Cg,
}

/// One row's problem.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'a> {
    /// z_l and y_l, without weights.
    pub samples: Samples<'a>,
    /// wλ.
    pub reg: f32,
    /// wλ_b; `None`: there is no β.
    pub bias_reg: Option<f32>,
}

impl Problem<'_> {
    fn penalty(&self, isa: Isa, x: &[f32], bias: f32) -> f64 {
        f64::from(self.reg * dot(isa, x, x)) + f64::from(self.bias_reg.unwrap_or(0.0) * bias * bias)
    }
}

/// A solver with its scratch, for the rows that one thread solves. Memory: [`NormalEquations`], or for conjugate gradients 4k bytes for each
/// rating of the longest row.
pub struct Ridge {
    method: Method,
}

enum Method {
    Cholesky(Box<NormalEquations>),
    /// x ≥ 0, by that many rounds over the coordinates; without β.
    NonNegative {
        equations: Box<NormalEquations>,
        rounds: usize,
    },
    Cg {
        steps: usize,
        gathered: Gathered,
        vectors: Vectors,
    },
}

/// A squared gradient of less than this part of the first one is rounding alone; a step along it would divide rounding by rounding.
const SOLVED: f32 = 1e-12;

/// Vectors of one run of conjugate gradients, as long as a row.
struct Vectors {
    /// −½∇f.
    downhill: Vec<f32>,
    direction: Vec<f32>,
    /// Half the Hessian of f times the direction.
    image: Vec<f32>,
}

impl Ridge {
    /// For rows of k entries; `steps` of conjugate gradients, if it is those.
    pub fn new(solver: Solver, k: usize, steps: usize) -> Self {
        let zeros = || vec![0.0; padded(k)];
        let method = match solver {
            Solver::Cholesky => Method::Cholesky(Box::new(NormalEquations::new(k))),
            Solver::Cg => {
                let vectors = Vectors { downhill: zeros(), direction: zeros(), image: zeros() };
                Method::Cg { steps, gathered: Gathered::new(k), vectors }
            }
        };
        Self { method }
    }

    /// Keeps x from falling below zero: that many rounds over its coordinates, each moved to where (1) is least for it alone. There is no β.
    pub fn non_negative(k: usize, rounds: usize) -> Self {
        Self { method: Method::NonNegative { equations: Box::new(NormalEquations::new(k)), rounds } }
    }

    /// Moves x (a padded row) and β; returns f there.
    pub fn solve(&mut self, isa: Isa, problem: Problem<'_>, x: &mut [f32], bias: &mut f32) -> f64 {
        match &mut self.method {
            Method::Cholesky(equations) => factored(equations, isa, problem, x, bias),
            Method::NonNegative { equations, rounds } => {
                equations.clear(problem.reg);
                equations.add(isa, problem.samples);
                let explained = equations.descend_non_negative(isa, *rounds, x);
                sums(problem.samples.targets).1 - f64::from(explained)
            }
            Method::Cg { steps, gathered, vectors } => {
                gathered.gather(isa, problem.samples);
                vectors.descend(isa, problem, gathered, *steps, x, bias)
            }
        }
    }
}

/// At the solution, f = Σ y² − xᵀΣ y z − βΣ y.
fn factored(
    equations: &mut NormalEquations,
    isa: Isa,
    problem: Problem<'_>,
    x: &mut [f32],
    bias: &mut f32,
) -> f64 {
    let targets = problem.samples.targets;
    let x = &mut x[..equations.unknowns()];
    let (sum, squares) = sums(targets);
    equations.clear(problem.reg);
    equations.add(isa, problem.samples);
    equations.factor(isa);
    match problem.bias_reg {
        Some(reg) => *bias = equations.solve_with_bias(isa, targets.len() as f32 + reg, sum as f32, x),
        None => equations.solve(isa, x),
    }
    let explained: f64 =
        equations.right_hand_side().zip(&*x).map(|(side, &x)| f64::from(side) * f64::from(x)).sum();
    squares - explained - f64::from(*bias) * sum
}

/// Σ y and Σ y², each in eight partial sums, which need not wait for one another.
fn sums(targets: &[f32]) -> (f64, f64) {
    let (mut sums, mut squares) = ([0.0; 8], [0.0; 8]);
    for part in targets.chunks(8) {
        for (lane, &y) in part.iter().enumerate() {
            let y = f64::from(y);
            sums[lane] += y;
            squares[lane] += y * y;
        }
    }
    (sums.iter().sum(), squares.iter().sum())
}

impl Vectors {
    /// Each step along a direction d, by α = ‖−½∇f‖²/dᵀHd with H half the Hessian, lowers f by α‖−½∇f‖².
    fn descend(
        &mut self,
        isa: Isa,
        problem: Problem<'_>,
        gathered: &Gathered,
        steps: usize,
        x: &mut [f32],
        bias: &mut f32,
    ) -> f64 {
        let Self { downhill, direction, image } = self;
        let (reg, bias_reg) = (problem.reg, problem.bias_reg.unwrap_or(0.0));
        // Without a bias its slope is set to zero throughout, and it never moves.
        let moves = if problem.bias_reg.is_some() { 1.0 } else { 0.0 };
        set_scaled(downhill, -reg, x);
        let errors = gathered.residual(isa, x, *bias, downhill);
        let mut bias_downhill = moves * (errors.sum - bias_reg * *bias);
        let mut value = f64::from(errors.squares) + problem.penalty(isa, x, *bias);
        direction.copy_from_slice(downhill);
        let mut bias_direction = bias_downhill;
        let mut slope = dot(isa, downhill, downhill) + bias_downhill * bias_downhill;
        let solved = SOLVED * slope;
        for left in (0..steps).rev() {
            let mut bias_image = 0.0;
            let curvature = if left > 0 {
                set_scaled(image, -reg, direction);
                let errors = gathered.image(isa, direction, bias_direction, image);
                bias_image = moves * (errors.sum - bias_reg * bias_direction);
                -(dot(isa, direction, image) + bias_direction * bias_image)
            } else {
                let penalty =
                    reg * dot(isa, direction, direction) + bias_reg * bias_direction * bias_direction;
                gathered.curvature(isa, direction, bias_direction) + penalty
            };
            if slope <= solved || curvature <= 0.0 {
                break;
            }
            let step = slope / curvature;
            add_scaled(x, step, direction);
            *bias += step * bias_direction;
            value -= f64::from(step) * f64::from(slope);
            if left == 0 {
                // Nobody asks for the gradient where the last step ends.
                break;
            }
            add_scaled(downhill, step, image);
            bias_downhill += step * bias_image;
            let next = dot(isa, downhill, downhill) + bias_downhill * bias_downhill;
            let turn = next / slope;
            for (direction, &downhill) in direction.iter_mut().zip(&*downhill) {
                *direction = turn * *direction + downhill;
            }
            bias_direction = turn * bias_direction + bias_downhill;
            slope = next;
        }
        value
    }
}

fn set_scaled(out: &mut [f32], by: f32, vector: &[f32]) {
    for (out, &entry) in out.iter_mut().zip(vector) {
        *out = by * entry;
    }
}

fn add_scaled(out: &mut [f32], by: f32, vector: &[f32]) {
    for (out, &entry) in out.iter_mut().zip(vector) {
        *out += by * entry;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::rng::{Purpose, stream};
    use rand::RngExt;

    #[test]
    fn steps_beyond_the_solution_stay_at_it() {
        for number in 0..600 {
            let mut stream = stream(3, Purpose::ItemFactors, number);
            let (n, k) = (stream.random_range(1..4_usize), stream.random_range(1..6_usize));
            let mut matrix = Matrix::zeros(n, k);
            for row in 0..n {
                matrix.row_mut(row)[..k].fill_with(|| stream.random_range(-1.0..1.0));
            }
            let places: Vec<u32> = (0..n as u32).collect();
            let targets: Vec<f32> = places.iter().map(|_| stream.random_range(-2.0..2.0)).collect();
            let samples =
                Samples { matrix: matrix.as_slice(), rows: &places, weights: None, targets: &targets };
            let problem = Problem { samples, reg: 0.2, bias_reg: (number % 2 == 0).then_some(0.1) };
            let solved = |solver| {
                let (mut x, mut bias) = (vec![0.0; padded(k)], 0.0);
                let value = Ridge::new(solver, k, 200).solve(Isa::detect(), problem, &mut x, &mut bias);
                (value, x, bias)
            };
            let ((exact, x, bias), (value, y, other)) = (solved(Solver::Cholesky), solved(Solver::Cg));
            assert!((value - exact).abs() < 1e-4, "{number}: {value} and {exact}");
            for (a, b) in x.iter().zip(&y).chain([(&bias, &other)]) {
                assert!((a - b).abs() < 1e-3, "{number}: {a} and {b}");
            }
        }
    }
}
