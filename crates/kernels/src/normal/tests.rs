use super::*;
use crate::twin;
use proptest::prelude::*;

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Some rows of a matrix of 37 whose padding is zero.
struct Drawn {
    matrix: Vec<f32>,
    rows: Vec<u32>,
    weights: Vec<f32>,
    targets: Vec<f32>,
}

impl Drawn {
    fn new(k: usize, count: usize, entries: &[f32]) -> Self {
        let entry = |at: usize| entries[(at / padded(k) * 31 + at % padded(k) * 7) % entries.len()];
        let matrix = (0..37 * padded(k)).map(|at| if at % padded(k) < k { entry(at) } else { 0.0 });
        Self {
            matrix: matrix.collect(),
            rows: (0..count).map(|l| (l * 5 % 37) as u32).collect(),
            weights: (0..count).map(|l| 3.0 * entry(l * 3).abs()).collect(),
            targets: (0..count).map(|l| (l % 5) as f32 - 1.7).collect(),
        }
    }

    fn samples(&self, weighted: bool) -> Samples<'_> {
        Samples {
            matrix: &self.matrix,
            rows: &self.rows,
            weights: weighted.then_some(&self.weights[..]),
            targets: &self.targets,
        }
    }
}

fn solved(isa: Isa, k: usize, ridge: f32, samples: Samples<'_>, bias: Option<(f32, f32)>) -> (Vec<f32>, f32) {
    let mut equations = NormalEquations::new(k);
    // Something else before it leaves no trace.
    equations.clear(1.0);
    equations.add(isa, samples);
    equations.factor(isa);
    equations.clear(ridge);
    equations.add(isa, samples);
    equations.factor(isa);
    let mut x = vec![f32::NAN; k];
    let beta = match bias {
        None => {
            equations.solve(isa, &mut x);
            0.0
        }
        Some((corner, target)) => equations.solve_with_bias(isa, corner, target, &mut x),
    };
    (x, beta)
}

/// Gauss's elimination in f64 of the same equations, written down anew.
fn by_elimination(k: usize, ridge: f32, samples: Samples<'_>, bias: Option<(f32, f32)>) -> Vec<f64> {
    let d = k + usize::from(bias.is_some());
    let mut a = vec![vec![0.0_f64; d + 1]; d];
    for (i, row) in a[..k].iter_mut().enumerate() {
        row[i] = f64::from(ridge);
    }
    for (l, &row) in samples.rows.iter().enumerate() {
        let x: Vec<f64> = samples.matrix[row as usize * padded(k)..][..k]
            .iter()
            .map(|&x| f64::from(x))
            .chain([1.0])
            .collect();
        let weight = samples.weights.map_or(1.0, |weights| f64::from(weights[l]));
        for i in 0..d {
            for j in 0..d {
                a[i][j] += weight * x[i] * x[j];
            }
            a[i][d] += f64::from(samples.targets[l]) * x[i];
        }
    }
    if let Some((corner, target)) = bias {
        (a[k][k], a[k][d]) = (f64::from(corner), f64::from(target));
    }
    for j in 0..d {
        for i in j + 1..d {
            let multiple = a[i][j] / a[j][j];
            let (above, below) = a.split_at_mut(i);
            for (entry, &pivot) in below[0][j..].iter_mut().zip(&above[j][j..]) {
                *entry -= multiple * pivot;
            }
        }
    }
    let mut x = vec![0.0; d];
    for i in (0..d).rev() {
        let rest: f64 = (i + 1..d).map(|c| a[i][c] * x[c]).sum();
        x[i] = (a[i][d] - rest) / a[i][i];
    }
    x
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_instruction_set_gives_the_bits_of_the_twin(
        k in 1_usize..100,
        count in 0_usize..150,
        entries in proptest::collection::vec(-1.0_f32..1.0, 997),
        weighted in any::<bool>(),
        biased in any::<bool>(),
    ) {
        let drawn = Drawn::new(k, count, &entries);
        let bias = biased.then_some((count as f32 + 1.0, 2.0));
        let (matrix, b, s) = twin::normal_equations(k, 0.3, drawn.samples(weighted));
        let (x, beta) = twin::solve(&twin::factor(matrix), b, s, bias);
        for isa in Isa::all() {
            let (found, found_beta) = solved(isa, k, 0.3, drawn.samples(weighted), bias);
            prop_assert_eq!(bits(&found), bits(&x[..k]), "{}", isa.name());
            prop_assert_eq!(found_beta.to_bits(), beta.to_bits());
        }
    }

    #[test]
    fn the_solution_is_that_of_elimination_in_f64(
        k in 1_usize..140,
        count in 0_usize..300,
        entries in proptest::collection::vec(-1.0_f32..1.0, 997),
        biased in any::<bool>(),
    ) {
        let drawn = Drawn::new(k, count, &entries);
        let total: f32 = drawn.weights.iter().sum();
        let bias = biased.then_some((total + 1.0, 2.0));
        let expected = by_elimination(k, 1.0, drawn.samples(true), bias);
        let (mut found, beta) = solved(Isa::detect(), k, 1.0, drawn.samples(true), bias);
        if biased {
            found.push(beta);
        }
        let largest = expected.iter().fold(1.0, |most: f64, x| most.max(x.abs()));
        for (found, expected) in found.iter().zip(&expected) {
            prop_assert!((f64::from(*found) - expected).abs() < 1e-3 * largest, "{} and {}", found, expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_descent_gives_the_bits_of_the_twin_and_ends_at_the_least_point(
        k in 1_usize..60,
        count in 0_usize..150,
        entries in proptest::collection::vec(-1.0_f32..1.0, 997),
    ) {
        let drawn = Drawn::new(k, count, &entries);
        let (matrix, b, _) = twin::normal_equations(k, 5.0, drawn.samples(false));
        let mut expected = vec![0.3; k];
        let value = twin::descend_non_negative(&matrix, &b, 3, &mut expected);
        for isa in Isa::all() {
            let mut equations = NormalEquations::new(k);
            equations.clear(5.0);
            equations.add(isa, drawn.samples(false));
            let mut x = vec![0.3; padded(k)];
            prop_assert_eq!(equations.descend_non_negative(isa, 3, &mut x).to_bits(), value.to_bits());
            prop_assert_eq!(bits(&x[..k]), bits(&expected), "{}", isa.name());
            // At the least point, no slope leads down that may be followed.
            equations.descend_non_negative(isa, 300, &mut x);
            for i in 0..k {
                let image: f64 = (0..k).map(|j| f64::from(matrix[i][j]) * f64::from(x[j])).sum();
                let slope = image - f64::from(b[i]);
                let close = 1e-3 * f64::from(matrix[i][i]);
                prop_assert!(x[i] >= 0.0 && slope > -close && (x[i] == 0.0 || slope < close), "{} {}", x[i], slope);
            }
        }
    }
}

#[test]
fn a_direction_that_nothing_determines_is_left_at_zero() {
    let matrix = [vec![1.0_f32; 4], vec![0.0; 4]].concat();
    let samples = Samples { matrix: &matrix, rows: &[0; 3], weights: None, targets: &[2.0; 3] };
    let (x, _) = solved(Isa::detect(), 4, 0.0, samples, None);
    assert_eq!(x, [2.0, 0.0, 0.0, 0.0]);
}

/// Equations that start from the sum over other rows are those of all rows together.
fn started(
    isa: Isa,
    k: usize,
    ridge: f32,
    before: Samples<'_>,
    samples: Samples<'_>,
) -> (Vec<f32>, Vec<f32>) {
    let mut equations = NormalEquations::new(k);
    equations.clear(0.0);
    equations.add(isa, before);
    let mut gram = Gram::zeros(k);
    gram.add(&equations);
    gram.scale(0.5);
    equations.start_from(&gram, ridge);
    equations.add(isa, samples);
    equations.factor(isa);
    let mut x = vec![f32::NAN; k];
    equations.solve(isa, &mut x);
    (x, gram.rows())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn equations_that_start_from_a_gram_matrix_are_those_of_all_rows(
        k in 1_usize..100,
        count in 0_usize..150,
        entries in proptest::collection::vec(-1.0_f32..1.0, 997),
    ) {
        let drawn = Drawn::new(k, count, &entries);
        let samples = drawn.samples(true);
        let all: Vec<u32> = (0..37).collect();
        let before = Samples { rows: &all, weights: None, targets: &[0.0; 37], ..samples };
        let (x, gram) = started(Isa::detect(), k, 1.5, before, samples);
        let (matrix, ..) = twin::normal_equations(k, 0.0, before);
        for (i, row) in gram.chunks_exact(padded(k)).enumerate() {
            let expected: Vec<f32> = matrix[i][..k].iter().map(|entry| 0.5 * entry).collect();
            prop_assert_eq!(bits(&row[..k]), bits(&expected));
        }
        // The same, with the other rows at half the weight.
        let rows: Vec<u32> = all.iter().chain(samples.rows).copied().collect();
        let weights: Vec<f32> = [0.5; 37].into_iter().chain(drawn.weights.iter().copied()).collect();
        let targets: Vec<f32> = [0.0; 37].into_iter().chain(drawn.targets.iter().copied()).collect();
        let together = Samples { matrix: samples.matrix, rows: &rows, weights: Some(&weights), targets: &targets };
        let expected = by_elimination(k, 1.5, together, None);
        let largest = expected.iter().fold(1.0, |most: f64, x| most.max(x.abs()));
        for (found, expected) in x.iter().zip(&expected) {
            prop_assert!((f64::from(*found) - expected).abs() < 1e-3 * largest, "{} and {}", found, expected);
        }
        for isa in Isa::all() {
            let found = started(isa, k, 1.5, before, samples);
            prop_assert_eq!(bits(&found.0), bits(&x), "{}", isa.name());
            prop_assert_eq!(bits(&found.1), bits(&gram));
        }
    }

    #[test]
    fn a_square_of_a_gram_matrix_is_a_gram_matrix(
        k in 1_usize..80,
        first in 0_usize..40,
        size in 1_usize..40,
        entries in proptest::collection::vec(-1.0_f32..1.0, 997),
    ) {
        let (first, size) = (first.min(k - 1), size.min(k - first.min(k - 1)));
        let drawn = Drawn::new(k, 30, &entries);
        let mut equations = NormalEquations::new(k);
        equations.clear(0.0);
        equations.add(Isa::detect(), drawn.samples(false));
        let mut gram = Gram::zeros(k);
        gram.add(&equations);
        let whole = gram.rows();
        let square = Gram::of_square(&whole, k, first, size).rows();
        for row in 0..size {
            for column in 0..size {
                let expected = whole[(first + row) * padded(k) + first + column];
                prop_assert_eq!(square[row * padded(size) + column].to_bits(), expected.to_bits());
            }
        }
        let mut equations = NormalEquations::new(size);
        let right: Vec<f32> = (0..size).map(|at| at as f32).collect();
        equations.start_from(&Gram::of_square(&whole, k, first, size), 2.0);
        equations.add_to_right_hand_side(&right);
        prop_assert_eq!(equations.right_hand_side().collect::<Vec<_>>(), right);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_dual_equations_give_the_bits_of_the_twin_and_the_solution_of_the_others(
        k in 9_usize..150,
        count in 1_usize..80,
        entries in proptest::collection::vec(-1.0_f32..1.0, 997),
        weighted in any::<bool>(),
    ) {
        let drawn = Drawn::new(k, count, &entries);
        let weights: Vec<f32> = (0..count).map(|l| 0.5 + entries[l * 3].abs()).collect();
        let samples = Samples { weights: weighted.then_some(&weights[..]), ..drawn.samples(false) };
        let diagonal = |f: usize| 2.0 + 3.0 * entries[f].abs();
        let inverse: Vec<f32> = (0..padded(k)).map(|f| if f < k { 1.0 / diagonal(f) } else { 0.0 }).collect();
        let expected = twin::dual(samples, &inverse);
        let mut equations = NormalEquations::new(k);
        let mut primal = vec![0.0; k];
        equations.clear_to(diagonal);
        equations.add(Isa::detect(), samples);
        equations.factor(Isa::detect());
        equations.solve(Isa::detect(), &mut primal);
        let lowest: f64 = -equations.right_hand_side().zip(&primal).map(|(b, &x)| f64::from(b * x)).sum::<f64>();
        let largest = primal.iter().fold(1.0, |most: f32, x| most.max(x.abs()));
        for isa in Isa::all() {
            let mut dual = Dual::default();
            let mut x = vec![f32::NAN; padded(k)];
            // Something else before it leaves no trace.
            dual.solve(isa, Samples { rows: &[3; 40], targets: &[1.0; 40], weights: None, ..samples }, &inverse, &mut x);
            let value = dual.solve(isa, samples, &inverse, &mut x);
            prop_assert_eq!(bits(&x), bits(&expected), "{}", isa.name());
            for (found, expected) in x.iter().zip(&primal) {
                prop_assert!((found - expected).abs() < 1e-4 * largest, "{} and {}", found, expected);
            }
            prop_assert!((value - lowest).abs() < 1e-4 * lowest.abs().max(1.0), "{} and {}", value, lowest);
        }
    }
}
