//! Three ways to the same numbers: the symbolic gradient, finite differences of the objective, and what training in fact does.

use rand::RngExt;
use serde::Serialize;

use super::evaluate::{Numbers, evaluate, key};
use super::normal::Equation;
use super::{Gradient, Part};
use crate::error::{Error, Result};
use crate::fit::objective::{Binding, Expr, Method, Sample, Set, Shape, Symbol, Training, Visits};
use crate::fit::rng::{Purpose, Stream, stream};

/// Lengths of the vectors, in turn: below, at and above what the kernels take at a time.
const LENGTHS: [usize; 7] = [1, 2, 5, 8, 16, 20, 64];
/// η and η_b of the check, whatever the model's are: a gradient is seen through steps of f32, which must not be too small.
const RATE: f64 = 1.0 / 16.0;
/// The way to both sides of a point in finite differences.
const H: f64 = 1e-5;

/// The smallest pivot of normal equations that are solved in f32, in parts of the largest.
const SMALLEST_PIVOT: f64 = 3e-3;

/// The largest difference of a gradient from finite differences that counts as rounding.
pub const TOLERANCE: f64 = 1e-6;
/// The largest difference of a step of f32 kernels from a step in f64 that counts as rounding. Over a dozen seeds steps and factored equations stayed below 4e-6, conjugate
/// gradients below 4e-5.
pub const KERNEL_TOLERANCE: f64 = 1e-4;

/// What a check found.
#[derive(Debug, Clone, Serialize)]
pub struct Checked {
    /// How many random points were visited.
    pub points: usize,
    /// The symbolic gradient against central finite differences, in parts of 1 + |gradient|.
    pub differences: Compared,
    /// A step along the symbolic gradient (or the solution of the symbolic equations) against the training's, both in the units of the gradient (or in parts of 1 + |solution|);
    /// `None` for an objective without a training.
    pub training: Option<Compared>,
}

/// Two ways to the same numbers.
#[derive(Debug, Clone, Serialize)]
pub struct Compared {
    /// How many numbers were compared.
    pub values: usize,
    /// The largest difference.
    pub largest: f64,
    /// The letter where it was.
    pub at: String,
    /// How large it may be.
    pub tolerance: f64,
}

impl Checked {
    /// Whether both comparisons stay within their tolerance.
    pub fn passed(&self) -> bool {
        self.differences.passed() && self.training.as_ref().is_none_or(Compared::passed)
    }
}

impl Compared {
    fn new(tolerance: f64) -> Self {
        Self { values: 0, largest: 0.0, at: String::new(), tolerance }
    }

    /// Whether the largest difference is within the tolerance, and there was something to compare.
    pub fn passed(&self) -> bool {
        self.values > 0 && self.largest <= self.tolerance
    }

    fn see(&mut self, letter: &str, difference: f64) {
        self.values += 1;
        // What is not a number counts as infinitely far.
        let difference = if difference.is_nan() { f64::INFINITY } else { difference };
        if difference > self.largest || self.at.is_empty() {
            self.largest = difference.max(self.largest);
            letter.clone_into(&mut self.at);
        }
    }
}

/// Compares at that many random points, drawn from the seed.
///
/// # Errors
/// A letter of the objective has no value, or training refuses the sample.
pub fn check(part: &Part, seed: u64, points: usize) -> Result<Checked> {
    let mut differences = Compared::new(TOLERANCE);
    let mut training = part.objective.training.as_ref().map(|_| Compared::new(KERNEL_TOLERANCE));
    for point in 0..points {
        let mut stream = stream(seed, Purpose::Check, point as u64);
        let sample = draw(part, LENGTHS[point % LENGTHS.len()], &mut stream);
        for gradient in &part.gradients {
            compare_gradient(part, gradient, &sample, point, &mut differences)?;
        }
        if let (Some(training), Some(compared)) = (&part.objective.training, &mut training) {
            compare_training(part, training, &sample, point, compared)?;
        }
    }
    Ok(Checked { points, differences, training })
}

/// Three users and four items, 8 of 12 pairs rated, and a value for each letter; all are numbers of f32, so that kernels start from the same point.
pub(super) fn draw(part: &Part, k: usize, stream: &mut Stream) -> Sample {
    let (users, items) = (3, 4);
    let cells = (0..users).flat_map(|u| (0..items).map(move |i| (u, i)));
    let rated = cells.filter(|(u, i)| (u + 2 * i) % 3 != 1).collect();
    let mut sample = Sample::new(k, users, items, rated);
    let mut letters = Vec::new();
    collect(&part.objective.whole, &mut letters);
    letters.extend(part.objective.unknowns.iter().flat_map(|unknown| {
        let mut rate = Vec::new();
        collect(&unknown.rate, &mut rate);
        rate
    }));
    for letter in letters {
        let name = key(&letter);
        let constant = part.objective.constants.iter().find(|(constant, _)| *constant == name);
        for at in rows(&letter, &sample) {
            if sample.get(&name, &at).is_none() {
                let mut one = || match constant {
                    Some((_, value)) => *value,
                    None => f64::from(random(&letter, part.objective.method, k, stream) as f32),
                };
                let value = (0..if letter.shape == Shape::Vector { k } else { 1 }).map(|_| one()).collect();
                sample.set(&name, &at, value);
            }
        }
    }
    sample
}

fn random(letter: &Symbol, method: Method, k: usize, stream: &mut Stream) -> f64 {
    let unit: f64 = stream.random();
    match (letter.letter, letter.shape) {
        ("η", _) => RATE,
        ("r", _) => (1.0 + 8.0 * unit).round() / 2.0 + 0.5,
        ("t", _) => unit.round(),
        (_, Shape::Vector) => {
            let entry = (2.0 * unit - 1.0) / (k as f64).sqrt();
            if method == Method::Coordinates { entry.abs() } else { entry }
        }
        _ if letter.index.is_empty() => 0.1 + 0.8 * unit,
        _ => 2.0 * unit - 1.0,
    }
}

fn collect(expr: &Expr, letters: &mut Vec<Symbol>) {
    if let Expr::Symbol(symbol) = expr
        && !letters.contains(symbol)
    {
        letters.push(*symbol);
    }
    expr.parts().into_iter().for_each(|part| collect(part, letters));
}

/// All rows that a letter's indices can stand for.
fn rows(letter: &Symbol, sample: &Sample) -> Vec<Vec<usize>> {
    letter.index.chars().fold(vec![Vec::new()], |all, index| {
        let count = if "uv".contains(index) { sample.users } else { sample.items };
        all.iter().flat_map(|at| (0..count).map(move |row| [at.clone(), vec![row]].concat())).collect()
    })
}

/// Where a term stands and, for a letter of the set of its row, every member of that set.
fn bindings(unknown: &Symbol, sample: &Sample, at: &Binding) -> Vec<Binding> {
    let is_free = |index: char| !at.iter().any(|(bound, _)| *bound == index);
    let more = match unknown.index {
        "j" if is_free('j') => sample.members(Set::ItemsOf("j"), at),
        "v" if is_free('v') => sample.members(Set::UsersOf("v"), at),
        _ => vec![Binding::new()],
    };
    more.into_iter().map(|member| [at.clone(), member].concat()).collect()
}

fn place(unknown: &Symbol, bound: &Binding) -> Vec<usize> {
    let row = |index: char| bound.iter().find(|(name, _)| *name == index).map_or(0, |(_, row)| *row);
    unknown.index.chars().map(row).collect()
}

/// The value of a gradient, as many numbers as the letter has.
fn value(expr: &Expr, length: usize, sample: &Sample, bound: &Binding) -> Result<Vec<f64>> {
    let mut entries = evaluate(expr, sample, bound, &Numbers(sample))?.entries;
    entries.resize(length, 0.0);
    Ok(entries)
}

fn compare_gradient(
    part: &Part,
    gradient: &Gradient,
    sample: &Sample,
    point: usize,
    compared: &mut Compared,
) -> Result<()> {
    let unknown = &gradient.unknown.symbol;
    let at = match (&part.objective.method, &part.objective.whole) {
        (Method::Stochastic, Expr::Over(set, _)) => {
            let members = sample.members(*set, &Binding::new());
            members[point * 5 % members.len()].clone()
        }
        _ => unknown.index.chars().map(|index| (index, point % 3)).collect(),
    };
    let target = part.target();
    for bound in bindings(unknown, sample, &at) {
        let (name, at) = (key(unknown), place(unknown, &bound));
        let symbolic = value(gradient.expr(), sample.length(unknown), sample, &bound)?;
        for (coordinate, slope) in symbolic.into_iter().enumerate() {
            let mut moved = sample.clone();
            let start = sample.get(&name, &at).map_or(Vec::new(), <[f64]>::to_vec);
            let mut shifted = |by: f64| -> Result<f64> {
                let mut value = start.clone();
                value[coordinate] += by;
                moved.set(&name, &at, value);
                Ok(evaluate(&target, &moved, &bound, &Numbers(&moved))?.entries[0])
            };
            let difference = (shifted(H)? - shifted(-H)?) / (2.0 * H);
            compared.see(
                &super::notation::unicode(&Expr::Symbol(*unknown)),
                (slope - difference).abs() / (1.0 + slope.abs()),
            );
        }
    }
    Ok(())
}

fn compare_training(
    part: &Part,
    training: &Training,
    sample: &Sample,
    point: usize,
    compared: &mut Compared,
) -> Result<()> {
    let (visited, terms) = visited(training.visits, sample, point);
    let mut trained = sample.clone();
    (training.run)(&mut trained, &visited)?;
    let descends = matches!(part.objective.method, Method::Stochastic | Method::Gradient);
    let expected = match part.objective.method {
        Method::Stochastic => descended(part, sample, &terms)?,
        Method::Gradient => descended_by_side(part, sample)?,
        Method::NormalEquations(_) | Method::Coordinates => solved(part, sample)?,
    };
    // Where the gradient is zero, as that of a direction in one dimension is, nothing has to move.
    if trained == *sample && moves(sample, &expected) {
        return Err(Error::unsupported("training moved nothing", "give it a learning rate above zero"));
    }
    let letters: Vec<String> = part.gradients.iter().map(|gradient| key(&gradient.unknown.symbol)).collect();
    for (name, at, expected) in expected.iter().filter(|(name, ..)| letters.iter().any(|l| l == name)) {
        for (expected, found) in expected.iter().zip(trained.get(name, at).unwrap_or_default()) {
            let unit = if descends { RATE } else { 1.0 + expected.abs() };
            compared.see(name, (expected - found).abs() / unit);
        }
    }
    Ok(())
}

/// Whether values differ by more than rounding.
fn moves(from: &Sample, to: &Sample) -> bool {
    let mut pairs = from.iter().zip(to.iter()).flat_map(|((.., from), (.., to))| from.iter().zip(to));
    pairs.any(|(from, to)| (from - to).abs() > KERNEL_TOLERANCE * RATE)
}

/// The pairs that a stretch of training is given, and the terms of the objective that it visits.
fn visited(visits: Visits, sample: &Sample, point: usize) -> (Vec<(usize, usize)>, Vec<Binding>) {
    let all = &sample.rated;
    let (user, item) = all[point * 5 % all.len()];
    let pairs: Vec<(usize, usize)> = match visits {
        Visits::OneRating => vec![(user, item)],
        Visits::OneTriple => {
            let triples = sample.members(Set::Triples, &Binding::new());
            let triple = triples[point * 5 % triples.len()].clone();
            let (user, taken, other) = (triple[0].1, triple[1].1, triple[2].1);
            return (vec![(user, taken), (user, other)], vec![triple]);
        }
        Visits::OneUser => all.iter().copied().filter(|(u, _)| *u == user).collect(),
        Visits::OneItem => all.iter().copied().filter(|(_, i)| *i == item).collect(),
        Visits::Everything => all.clone(),
    };
    let terms = pairs.iter().map(|&(user, item)| vec![('u', user), ('i', item)]).collect();
    (pairs, terms)
}

/// The values after a step of f64 along the symbolic gradient at each term in turn; all letters of a term move from where they stood.
fn descended(part: &Part, sample: &Sample, terms: &[Binding]) -> Result<Sample> {
    let mut values = sample.clone();
    for at in terms {
        let mut moves = Vec::new();
        for gradient in &part.gradients {
            let unknown = &gradient.unknown.symbol;
            for bound in bindings(unknown, &values, at) {
                let slopes = value(gradient.expr(), values.length(unknown), &values, &bound)?;
                let rate = value(&gradient.unknown.rate, 1, &values, &bound)?[0];
                moves.push((key(unknown), place(unknown, &bound), slopes, rate));
            }
        }
        for (name, at, slopes, rate) in moves {
            let old = values.get(&name, &at).unwrap_or_default();
            let new = old.iter().zip(slopes).map(|(value, slope)| value - rate * slope).collect();
            values.set(&name, &at, new);
        }
    }
    Ok(values)
}

/// The values after a step of f64 along the symbolic gradient of the whole, of the users' letters and then of the items'.
fn descended_by_side(part: &Part, sample: &Sample) -> Result<Sample> {
    let mut values = sample.clone();
    for side in ["u", "i"] {
        let before = values.clone();
        for gradient in part.gradients.iter().filter(|gradient| gradient.unknown.symbol.index == side) {
            let unknown = &gradient.unknown.symbol;
            for at in rows(unknown, &before) {
                let bound: Binding = unknown.index.chars().zip(at.iter().copied()).collect();
                let slopes = value(gradient.expr(), before.length(unknown), &before, &bound)?;
                let rate = value(&gradient.unknown.rate, 1, &before, &bound)?[0];
                let old = before.get(&key(unknown), &at).unwrap_or_default();
                let new = old.iter().zip(slopes).map(|(value, slope)| value - rate * slope).collect();
                values.set(&key(unknown), &at, new);
            }
        }
    }
    Ok(values)
}

/// The values after the symbolic equations are solved in f64, one side after the other.
fn solved(part: &Part, sample: &Sample) -> Result<Sample> {
    let mut values = sample.clone();
    let size = if let Method::NormalEquations(size) = part.objective.method { size.max(1) } else { 1 };
    for group in part.gradients.chunks(size) {
        let fixed = values.clone();
        for at in rows(&group[0].unknown.symbol, &fixed) {
            let bound: Binding = group[0].unknown.symbol.index.chars().zip(at.iter().copied()).collect();
            let system = System::assemble(group, &fixed, &bound)?;
            let mut x: Vec<f64> = Vec::new();
            for gradient in group {
                x.extend(fixed.get(&key(&gradient.unknown.symbol), &at).unwrap_or_default());
            }
            match part.objective.method {
                Method::Coordinates => system.coordinates(&mut x),
                _ => x = system.solve()?,
            }
            let mut rest = x.into_iter();
            for gradient in group {
                let unknown = &gradient.unknown.symbol;
                let value = rest.by_ref().take(fixed.length(unknown)).collect();
                values.set(&key(unknown), &at, value);
            }
        }
    }
    Ok(values)
}

/// Ax = b in f64.
struct System {
    rows: Vec<Vec<f64>>,
    right: Vec<f64>,
}

impl System {
    /// The equations of a group of unknowns in one row of the data.
    fn assemble(group: &[Gradient], sample: &Sample, bound: &Binding) -> Result<Self> {
        let unknowns: Vec<Symbol> = group.iter().map(|gradient| gradient.unknown.symbol).collect();
        let lengths: Vec<usize> = unknowns.iter().map(|unknown| sample.length(unknown)).collect();
        let width: usize = lengths.iter().sum();
        let (mut rows, mut right) = (Vec::new(), Vec::new());
        for (gradient, &height) in group.iter().zip(&lengths) {
            let Some((_, Equation { coefficients, rest })) = &gradient.equation else { continue };
            let mut block = vec![vec![0.0; width]; height];
            for (coefficient, unknown) in coefficients {
                let place = unknowns.iter().position(|other| other == unknown).unwrap_or(0);
                let start: usize = lengths[..place].iter().sum();
                let entries = value(coefficient, height * lengths[place], sample, bound)?;
                for (row, entries) in block.iter_mut().zip(entries.chunks(lengths[place])) {
                    row[start..start + lengths[place]].copy_from_slice(entries);
                }
            }
            rows.extend(block);
            right.extend(value(rest, height, sample, bound)?);
        }
        Ok(Self { rows, right })
    }

    /// Gauss's elimination with the largest pivot of each column.
    ///
    /// # Errors
    /// The equations hardly determine a solution: in f32 it would be rounding.
    fn solve(mut self) -> Result<Vec<f64>> {
        let n = self.right.len();
        let mut pivots = (f64::INFINITY, 0.0_f64);
        for column in 0..n {
            let largest =
                |&a: &usize, &b: &usize| self.rows[a][column].abs().total_cmp(&self.rows[b][column].abs());
            let pivot = (column..n).max_by(largest).unwrap_or(column);
            self.rows.swap(column, pivot);
            self.right.swap(column, pivot);
            let (top, head) = (self.rows[column].clone(), self.right[column]);
            pivots = (pivots.0.min(top[column].abs()), pivots.1.max(top[column].abs()));
            for row in column + 1..n {
                let by = self.rows[row][column] / top[column];
                self.rows[row].iter_mut().zip(&top).for_each(|(entry, top)| *entry -= by * top);
                self.right[row] -= by * head;
            }
        }
        if pivots.0 < SMALLEST_PIVOT * pivots.1 {
            return Err(Error::unsupported(
                "with so small a penalty a row with fewer ratings than factors has hardly one solution: there is nothing to compare",
                "raise the L2 weights (reg, bias_reg) for the check",
            ));
        }
        let mut x = vec![0.0; n];
        for row in (0..n).rev() {
            let known: f64 = (row + 1..n).map(|column| self.rows[row][column] * x[column]).sum();
            x[row] = (self.right[row] - known) / self.rows[row][row];
        }
        Ok(x)
    }

    /// One round over the coordinates, each moved to where the quadratic is least for it alone, and not below zero.
    fn coordinates(&self, x: &mut [f64]) {
        for f in 0..x.len() {
            let along: f64 = self.rows[f].iter().zip(&*x).map(|(entry, x)| entry * x).sum();
            x[f] = (x[f] + (self.right[f] - along) / self.rows[f][f]).max(0.0);
        }
    }
}
