//! What a file holds and everything that is wrong with it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::duplicates::Locator;
use super::options::{Format, ReadOptions};
use super::problem::{Problem, ProblemKind};
use super::{Layout, MOST_RATINGS, Row, Sink, check, collect, scan};
use crate::data::ratings::{DuplicatePairs, Duplicates, Ratings, RatingsBuilder, Time};
use crate::error::Result;

/// What a file holds. Rows with a problem are counted in [`Self::problems`] and left out of everything else.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Survey {
    /// The file, as it was named.
    pub file: String,
    /// How it is written.
    pub layout: Layout,
    /// Rows, with or without a problem; no blank lines, no header.
    pub rows: u64,
    /// Users with a rating: m.
    pub users: usize,
    /// Items with a rating: n.
    pub items: usize,
    /// Ratings: N. Of a repeated pair one counts: what the policy for duplicates makes of it, or the last.
    pub ratings: usize,
    /// N / (m·n), the share of all pairs that is rated; 0 where there is none.
    pub density: f64,
    /// The range of the ratings; `None` where there is none.
    pub scale: Option<ScaleFound>,
    /// Up to 20 bars: one for each value, or equal ranges of values.
    pub histogram: Vec<Bar>,
    /// The first and the last time, in seconds since 1970-01-01 UTC.
    pub time_span: Option<(Time, Time)>,
    /// How many ratings the users have.
    pub ratings_per_user: Option<Quantiles>,
    /// How many ratings the items have.
    pub ratings_per_item: Option<Quantiles>,
    /// What is wrong, by kind; none: [`super::read`] accepts the file.
    pub problems: Vec<Finding>,
}

/// The range of the ratings in a file.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ScaleFound {
    /// The lowest rating.
    pub min: f32,
    /// The highest rating.
    pub max: f32,
    /// The mean rating.
    pub mean: f64,
    /// The step of which all differences are multiples, if there is one: 0.5 for half stars.
    pub step: Option<f32>,
}

/// One bar of the histogram.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bar {
    /// The lowest value in it.
    pub from: f32,
    /// Where it ends: the same as `from` for a bar of one value; otherwise the next bar's `from`, which is not in it, or the highest value, which is.
    pub to: f32,
    /// How many ratings.
    pub count: usize,
}

/// How counts are distributed; each is a count that occurs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quantiles {
    /// The lowest.
    pub min: usize,
    /// A quarter is not above it.
    pub lower_quartile: usize,
    /// Half is not above it.
    pub median: usize,
    /// Three quarters are not above it.
    pub upper_quartile: usize,
    /// The highest.
    pub max: usize,
    /// The mean.
    pub mean: f64,
}

/// All problems of one kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The kind.
    pub kind: ProblemKind,
    /// How many rows have it.
    pub count: u64,
    /// The first few.
    pub first: Vec<Spot>,
    /// What to do about it.
    pub hint: String,
}

/// One place with a problem.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spot {
    /// The line, or the row of a Parquet file, counted from 1; none where it is the whole file.
    pub line: Option<u64>,
    /// What is wrong, in words.
    pub problem: String,
    /// The offending text; empty where there is none.
    pub found: String,
}

/// How many places of each kind of problem are kept.
const SHOWN: usize = 3;

/// The most bars of a histogram.
const BARS: usize = 20;

/// Reads a whole file and tells what it holds; it stops at no bad row.
///
/// Cost: as [`super::read`], with 4 more bytes a rating, and a second pass where pairs are repeated.
///
/// # Errors
/// Only where there is nothing to survey: the file cannot be opened, is of another kind, or has no columns of ratings.
pub fn survey(path: &Path, options: &ReadOptions) -> Result<Survey> {
    check(options)?;
    let mut surveyor = Surveyor::default();
    scan(path, options, &mut surveyor)?;
    let layout = surveyor.layout.expect("a scan that succeeds has begun");
    let policy = match options.duplicates {
        Duplicates::Error => Duplicates::Last,
        policy => policy,
    };
    let (ratings, repeated) =
        surveyor.builder.finish_merged("", options.scale, policy, |_, _| Default::default());
    let mut problems: Vec<Finding> = surveyor.problems.into_values().collect();
    if repeated.surplus > 0 {
        problems.push(repeated_pairs(path, options, &repeated)?);
    }
    Ok(Survey { rows: surveyor.rows, problems, ..describe(path, layout, &ratings) })
}

fn describe(path: &Path, layout: Layout, ratings: &Ratings) -> Survey {
    let (users, items) = (ratings.users(), ratings.items());
    let mut sorted = ratings.values().to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let steps = distinct(&sorted);
    Survey {
        file: path.display().to_string(),
        layout,
        rows: 0,
        users,
        items,
        ratings: ratings.len(),
        density: if ratings.is_empty() { 0.0 } else { ratings.len() as f64 / (users as f64 * items as f64) },
        scale: sorted.first().zip(sorted.last()).map(|(&min, &max)| ScaleFound {
            min,
            max,
            mean: ratings.mean(),
            step: step(&steps),
        }),
        histogram: histogram(&sorted, &steps),
        time_span: ratings.time_span(),
        ratings_per_user: quantiles(ratings.user_counts().collect()),
        ratings_per_item: quantiles(ratings.item_counts()),
        problems: Vec::new(),
    }
}

/// The different values of a sorted slice, with how often each occurs.
fn distinct(sorted: &[f32]) -> Vec<(f32, usize)> {
    sorted.chunk_by(|a, b| a == b).map(|run| (run[0], run.len())).collect()
}

/// The smallest difference, if all others are multiples of it within a thousandth.
fn step(values: &[(f32, usize)]) -> Option<f32> {
    const MOST_STEPS: usize = 1000;
    if values.len() > MOST_STEPS {
        return None;
    }
    let gaps = || values.windows(2).map(|pair| f64::from(pair[1].0) - f64::from(pair[0].0));
    let smallest = gaps().min_by(f64::total_cmp)?;
    let is_multiple = |gap: f64| (gap / smallest - (gap / smallest).round()).abs() < 1e-3;
    gaps().all(is_multiple).then_some(smallest as f32)
}

fn histogram(sorted: &[f32], distinct: &[(f32, usize)]) -> Vec<Bar> {
    if distinct.len() <= BARS {
        return distinct.iter().map(|&(value, count)| Bar { from: value, to: value, count }).collect();
    }
    let (min, max) = (f64::from(sorted[0]), f64::from(sorted[sorted.len() - 1]));
    let edge = |bar: usize| (min + (max - min) * bar as f64 / BARS as f64) as f32;
    let below = |bar: usize| match bar {
        BARS => sorted.len(),
        _ => sorted.partition_point(|&value| value < edge(bar)),
    };
    (0..BARS)
        .map(|bar| Bar { from: edge(bar), to: edge(bar + 1), count: below(bar + 1) - below(bar) })
        .collect()
}

fn quantiles(mut counts: Vec<usize>) -> Option<Quantiles> {
    counts.sort_unstable();
    let last = counts.len().checked_sub(1)?;
    let at = |quarter: usize| counts[(counts.len() * quarter).div_ceil(4).saturating_sub(1)];
    Some(Quantiles {
        min: counts[0],
        lower_quartile: at(1),
        median: at(2),
        upper_quartile: at(3),
        max: counts[last],
        mean: counts.iter().sum::<usize>() as f64 / counts.len() as f64,
    })
}

/// Where the first repeated pairs stand, each at its second place.
fn repeated_pairs(path: &Path, options: &ReadOptions, repeated: &DuplicatePairs) -> Result<Finding> {
    let mut locator = Locator::of(&repeated.first[..repeated.first.len().min(SHOWN)]);
    scan(path, options, &mut locator)?;
    let first = (0..locator.len()).map(|pair| spot(locator.problem(pair))).collect();
    let hint = locator.problem(0).hint;
    Ok(Finding { kind: ProblemKind::DuplicatePair, count: repeated.surplus as u64, first, hint })
}

fn spot(problem: Problem) -> Spot {
    Spot { line: problem.line, problem: problem.what, found: problem.found }
}

/// Collects the rows and counts the problems.
#[derive(Default)]
struct Surveyor {
    layout: Option<Layout>,
    builder: RatingsBuilder,
    rows: u64,
    problems: BTreeMap<ProblemKind, Finding>,
}

impl Sink for Surveyor {
    fn begin(&mut self, layout: &Layout) {
        self.builder = RatingsBuilder::new(layout.columns.time.is_some());
        self.layout = Some(layout.clone());
    }

    fn row(&mut self, line: u64, row: Row<'_>) -> Result<(), Problem> {
        self.rows += 1;
        if let Err(problem) = collect(&mut self.builder, MOST_RATINGS, line, row) {
            self.note(problem);
        }
        Ok(())
    }

    fn problem(&mut self, problem: Problem) -> Result<(), Problem> {
        self.rows += u64::from(problem.line.is_some());
        self.note(problem);
        Ok(())
    }
}

impl Surveyor {
    fn note(&mut self, problem: Problem) {
        let finding = self.problems.entry(problem.kind).or_insert_with(|| Finding {
            kind: problem.kind,
            count: 0,
            first: Vec::new(),
            hint: problem.hint.clone(),
        });
        finding.count += 1;
        if finding.first.len() < SHOWN {
            finding.first.push(spot(problem));
        }
    }
}

impl Layout {
    /// "line" or "row": what the places in the file are called.
    pub fn unit(&self) -> &'static str {
        match self.format {
            Format::Text => "line",
            Format::Parquet => "row",
        }
    }
}
