//! The items in the plane: the two principal axes of their vectors.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::data::ids::Item;
use crate::data::ratings::Ratings;
use crate::fit::factors::Matrix;
use crate::fit::rng::{Purpose, stream};

/// The two principal axes of the items' vectors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemMap {
    /// The part of the variance of these items' vectors that each axis shows: 0 to 1.
    pub variance: [f64; 2],
    /// The items with the most ratings, the most rated first.
    pub items: Vec<MapItem>,
}

/// An item in the plane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapItem {
    /// Its title, or its raw id.
    pub title: String,
    /// Along the first axis, from the mean of all on the map.
    pub x: f64,
    /// Along the second axis, from the mean of all on the map.
    pub y: f64,
    /// How many training ratings it has.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Its genres.
    #[serde(default)]
    pub genres: Vec<String>,
}

/// A map with more dots says no more, and makes a page heavy.
const MOST_ITEMS: usize = 1500;
/// With fewer ratings an item's vector is mostly where it started.
const FEWEST_RATINGS: usize = 10;

/// The map of the most rated items; `None` where their vectors do not differ.
///
/// Cost: O(sk² + k²) for the s ≤ 1500 items on the map.
pub(super) fn item_map(vectors: &Matrix, train: &Ratings) -> Option<ItemMap> {
    let counts = train.item_counts();
    let (places, variance) = places(vectors, &counts)?;
    let means = item_means(train, &counts);
    let catalog = train.catalog();
    let on_map = |&(item, [x, y]): &Place| MapItem {
        title: catalog.item_name(item),
        x,
        y,
        n: counts[item.index()],
        mean: means[item.index()],
        genres: catalog
            .item_attributes
            .labels("genres", item.index())
            .into_iter()
            .map(str::to_owned)
            .collect(),
    };
    Some(ItemMap { variance, items: places.iter().map(on_map).collect() })
}

/// An item, and where it lies along the two axes.
pub(crate) type Place = (Item, [f64; 2]);

/// Where the most rated items lie, the most rated first, from the mean of all of them, and the part of the variance along each axis; `None` where their vectors do not differ.
pub(crate) fn places(vectors: &Matrix, counts: &[usize]) -> Option<(Vec<Place>, [f64; 2])> {
    let mut shown: Vec<usize> = (0..counts.len()).filter(|&item| counts[item] >= FEWEST_RATINGS).collect();
    shown.sort_by_key(|&item| (std::cmp::Reverse(counts[item]), item));
    shown.truncate(MOST_ITEMS);
    let rows = centred(vectors, &shown);
    let (axes, variance) = principal_axes(&rows, vectors.columns())?;
    let place =
        |(&item, row): (&usize, &Vec<f64>)| (Item(item as u32), [inner(row, &axes[0]), inner(row, &axes[1])]);
    Some((shown.iter().zip(&rows).map(place).collect(), variance))
}

/// The vectors of these items minus their mean.
fn centred(vectors: &Matrix, items: &[usize]) -> Vec<Vec<f64>> {
    let mut rows: Vec<Vec<f64>> = items
        .iter()
        .map(|&item| vectors.entries(item).iter().map(|&entry| f64::from(entry)).collect())
        .collect();
    for column in 0..vectors.columns() {
        let mean = rows.iter().map(|row| row[column]).sum::<f64>() / rows.len() as f64;
        for row in &mut rows {
            row[column] -= mean;
        }
    }
    rows
}

fn item_means(train: &Ratings, counts: &[usize]) -> Vec<f64> {
    let mut sums = vec![0.0; counts.len()];
    for rating in train.iter() {
        sums[rating.item.index()] += f64::from(rating.value);
    }
    sums.iter().zip(counts).map(|(sum, &count)| sum / count.max(1) as f64).collect()
}

/// The two directions of the largest variance of centred rows of length k, and the part of the variance along each; the second is
/// zero for k = 1. `None` for no variance. The largest entry of each axis is positive.
fn principal_axes(rows: &[Vec<f64>], k: usize) -> Option<([Vec<f64>; 2], [f64; 2])> {
    let covariance = scatter(rows, k);
    let total: f64 = (0..k).map(|f| covariance[f][f]).sum();
    if total.is_nan() || total <= 0.0 {
        return None;
    }
    let mut leading = leading_eigenpairs(&covariance).into_iter();
    let mut axis = || leading.next().unwrap_or_else(|| (0.0, vec![0.0; k]));
    let ((first_variance, mut first), (second_variance, mut second)) = (axis(), axis());
    point_upwards(&mut first);
    point_upwards(&mut second);
    Some(([first, second], [first_variance / total, second_variance / total]))
}

/// Σ xxᵀ.
fn scatter(rows: &[Vec<f64>], k: usize) -> Vec<Vec<f64>> {
    let mut sum = vec![vec![0.0; k]; k];
    for row in rows {
        for (into, &a) in sum.iter_mut().zip(row) {
            for (entry, &b) in into.iter_mut().zip(row) {
                *entry += a * b;
            }
        }
    }
    sum
}

/// The largest eigenvalues of a symmetric positive semidefinite matrix, falling, with their vectors: at most as many as `BLOCK`.
///
/// Orthogonal iteration on a block, then Rayleigh and Ritz within it: the first two converge by the ratio of the first eigenvalue
/// outside the block to the second.
fn leading_eigenpairs(matrix: &[Vec<f64>]) -> Vec<(f64, Vec<f64>)> {
    const BLOCK: usize = 8;
    const ROUNDS: usize = 100;
    let k = matrix.len();
    let mut random = stream(0, Purpose::Example, k as u64);
    let mut block: Vec<Vec<f64>> =
        (0..BLOCK.min(k)).map(|_| (0..k).map(|_| random.random::<f64>() - 0.5).collect()).collect();
    let times = |vector: &Vec<f64>| -> Vec<f64> { matrix.iter().map(|row| inner(row, vector)).collect() };
    orthonormalize(&mut block);
    for _ in 0..ROUNDS {
        block = block.iter().map(times).collect();
        orthonormalize(&mut block);
    }
    let images: Vec<Vec<f64>> = block.iter().map(times).collect();
    let within: Vec<Vec<f64>> = block.iter().map(|a| images.iter().map(|b| inner(a, b)).collect()).collect();
    let mut pairs: Vec<(f64, Vec<f64>)> = jacobi(within)
        .into_iter()
        .map(|(value, weights)| {
            let mut vector = vec![0.0; k];
            for (weight, of_block) in weights.iter().zip(&block) {
                add(&mut vector, *weight, of_block);
            }
            (value.max(0.0), vector)
        })
        .collect();
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    pairs
}

/// Gram and Schmidt, each projection twice against rounding; what depends on earlier vectors becomes zero.
fn orthonormalize(block: &mut [Vec<f64>]) {
    for position in 0..block.len() {
        let (before, rest) = block.split_at_mut(position);
        let vector = &mut rest[0];
        let length = inner(vector, vector).sqrt();
        for other in before.iter().chain(before.iter()) {
            let along = inner(vector, other);
            add(vector, -along, other);
        }
        let left = inner(vector, vector).sqrt();
        let factor = if left > 1e-12 * length { 1.0 / left } else { 0.0 };
        for entry in vector {
            *entry *= factor;
        }
    }
}

/// All eigenvalues and vectors of a small symmetric matrix, by Jacobi's rotations.
fn jacobi(mut a: Vec<Vec<f64>>) -> Vec<(f64, Vec<f64>)> {
    const SWEEPS: usize = 30;
    let d = a.len();
    let mut vectors: Vec<Vec<f64>> =
        (0..d).map(|i| (0..d).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for _ in 0..SWEEPS {
        for p in 0..d {
            for q in p + 1..d {
                if a[p][q] == 0.0 {
                    continue;
                }
                let slope = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let tangent = slope.signum() / (slope.abs() + (slope * slope + 1.0).sqrt());
                let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
                let sine = tangent * cosine;
                for row in &mut a {
                    (row[p], row[q]) = (cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]);
                }
                let (upper, lower) = a.split_at_mut(q);
                rotate(&mut upper[p], &mut lower[0], cosine, sine);
                let (upper, lower) = vectors.split_at_mut(q);
                rotate(&mut upper[p], &mut lower[0], cosine, sine);
            }
        }
    }
    vectors.into_iter().enumerate().map(|(i, vector)| (a[i][i], vector)).collect()
}

fn rotate(p: &mut [f64], q: &mut [f64], cosine: f64, sine: f64) {
    for (p, q) in p.iter_mut().zip(q) {
        (*p, *q) = (cosine * *p - sine * *q, sine * *p + cosine * *q);
    }
}

fn point_upwards(axis: &mut [f64]) {
    let largest = axis
        .iter()
        .copied()
        .fold(0.0, |largest: f64, entry| if entry.abs() > largest.abs() { entry } else { largest });
    if largest < 0.0 {
        for entry in axis {
            *entry = -*entry;
        }
    }
}

fn inner(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(into: &mut [f64], weight: f64, vector: &[f64]) {
    for (into, entry) in into.iter_mut().zip(vector) {
        *into += weight * entry;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ratings::{Duplicates, RatingsBuilder};
    use proptest::prelude::*;
    use rand_distr::StandardNormal;

    /// `n` normal vectors with these deviations along the coordinates, then turned by a rotation in the plane of the first and last.
    fn planted(n: usize, deviations: &[f64], angle: f64) -> Vec<Vec<f64>> {
        let mut random = stream(7, Purpose::Synthetic, 0);
        let last = deviations.len() - 1;
        let (sine, cosine) = (libm::sin(angle), libm::cos(angle));
        (0..n)
            .map(|_| {
                let mut row: Vec<f64> = deviations
                    .iter()
                    .map(|deviation| deviation * random.sample::<f64, _>(StandardNormal))
                    .collect();
                (row[0], row[last]) =
                    (cosine * row[0] - sine * row[last], sine * row[0] + cosine * row[last]);
                row
            })
            .collect()
    }

    #[test]
    fn planted_axes_are_found() {
        let rows = planted(4000, &[3.0, 2.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5], 0.7);
        let ([first, second], variance) = principal_axes(&rows, 12).unwrap();
        assert!(
            (first[0] - libm::cos(0.7)).abs() < 0.03 && (first[11] - libm::sin(0.7)).abs() < 0.03,
            "{first:?}"
        );
        assert!(second[1] > 0.99, "{second:?}");
        assert!((inner(&first, &first) - 1.0).abs() < 1e-9 && inner(&first, &second).abs() < 1e-9);
        let total = 9.0 + 4.0 + 10.0 * 0.25;
        assert!((variance[0] - 9.0 / total).abs() < 0.03 && (variance[1] - 4.0 / total).abs() < 0.03);
    }

    #[test]
    fn one_dimension_or_none() {
        let rows = vec![vec![-1.0], vec![1.0]];
        let ([first, second], variance) = principal_axes(&rows, 1).unwrap();
        assert_eq!((first, second, variance), (vec![1.0], vec![0.0], [1.0, 0.0]));
        assert_eq!(principal_axes(&[vec![0.0; 3], vec![0.0; 3]], 3), None);
        assert_eq!(principal_axes(&[], 0), None);
        // All variance along one diagonal of three dimensions.
        let line: Vec<Vec<f64>> = [-2.0, 0.0, 2.0].map(|t| vec![t, -t, 0.0]).into();
        let ([first, _], variance) = principal_axes(&line, 3).unwrap();
        assert!((first[0].abs() - 0.5_f64.sqrt()).abs() < 1e-9 && (variance[0] - 1.0).abs() < 1e-9);
        assert!(variance[1].abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn rotations_find_eigenpairs(entries in proptest::collection::vec(-5.0_f64..5.0, 36)) {
            let a: Vec<Vec<f64>> =
                (0..6).map(|i| (0..6).map(|j| entries[i * 6 + j] + entries[j * 6 + i]).collect()).collect();
            let pairs = jacobi(a.clone());
            prop_assert!((pairs.iter().map(|pair| pair.0).sum::<f64>() - (0..6).map(|i| a[i][i]).sum::<f64>()).abs() < 1e-9);
            for (value, vector) in pairs {
                for (row, entry) in a.iter().zip(&vector) {
                    prop_assert!((inner(row, &vector) - value * entry).abs() < 1e-9);
                }
            }
        }
    }

    /// 1600 items of which the first 40 have too few ratings; the vectors of the others lie on a line.
    #[test]
    fn the_map_shows_the_most_rated() {
        let mut builder = RatingsBuilder::new(false);
        for item in 0..1600_u32 {
            let raters = if item < 40 { 9 } else { 10 + u32::from(item == 777) };
            for user in 0..raters {
                builder.push(&user.to_string(), &item.to_string(), if user == 0 { 1.0 } else { 4.0 }, None);
            }
        }
        let train = builder.finish("test", None, Duplicates::Error, |_, _| Default::default()).unwrap();
        let entries: Vec<f32> = (0..1600).flat_map(|item| [item as f32, 5.0]).collect();
        let map = item_map(&Matrix::from_dense(1600, 2, &entries), &train).unwrap();
        assert_eq!(map.items.len(), MOST_ITEMS);
        assert_eq!((map.items[0].title.as_str(), map.items[0].n), ("777", 11));
        assert!((map.items[0].mean - (1.0 + 10.0 * 4.0) / 11.0).abs() < 1e-9);
        assert_eq!(map.items[1].title, "40");
        assert!((map.items[2].x - map.items[1].x - 1.0).abs() < 1e-9);
        assert!((map.variance[0] - 1.0).abs() < 1e-9 && map.items.iter().all(|item| item.y.abs() < 1e-6));
        assert!(map.items.iter().map(|item| item.x).sum::<f64>().abs() < 1e-6);
    }
}
