//! The kernels beside their readable twins: `cargo bench --manifest-path bench/Cargo.toml`.

use std::hint::black_box;

use cofactor::fit::factors::Matrix;
use cofactor_kernels::{Block, Entry, Gathered, Isa, NormalEquations, Samples, Sgd, dot, padded, sgd, twin};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

const RANKS: [usize; 5] = [8, 16, 32, 64, 128];
const ROWS: u16 = 256;
const STEP: Sgd =
    Sgd { mean: 3.0, rate: 0.003, keep_user: 0.999, keep_item: 0.999, bias_rate: 0.003, keep_bias: 0.999 };

fn products(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("dot");
    for k in RANKS {
        let (a, b) = (vec![0.5; padded(k)], vec![0.25; padded(k)]);
        group.throughput(Throughput::Elements(k as u64));
        for isa in Isa::all() {
            let name = BenchmarkId::new(isa.name(), k);
            group.bench_function(name, |bench| bench.iter(|| dot(isa, black_box(&a), black_box(&b))));
        }
        let name = BenchmarkId::new("twin", k);
        group.bench_function(name, |bench| bench.iter(|| twin::dot(black_box(&a), black_box(&b))));
    }
    group.finish();
}

/// A block's rows and biases.
#[derive(Clone)]
struct Rows {
    users: Matrix,
    items: Matrix,
    user_bias: Vec<f32>,
    item_bias: Vec<f32>,
}

fn passes(criterion: &mut Criterion) {
    let mut random = Pcg64::seed_from_u64(1);
    let mut entry = || Entry {
        user: random.random_range(0..ROWS),
        item: random.random_range(0..ROWS),
        value: random.random_range(1.0..5.0),
    };
    let entries: Vec<Entry> = (0..20_000).map(|_| entry()).collect();
    for biased in [false, true] {
        let mut group = criterion.benchmark_group(if biased { "sgd, biased" } else { "sgd, plain" });
        group.throughput(Throughput::Elements(entries.len() as u64));
        for k in RANKS {
            let stride = padded(k);
            let mut rows = Matrix::zeros(ROWS.into(), k);
            rows.as_mut_slice().fill(0.1);
            let bias = vec![0.0; usize::from(ROWS)];
            let start = Rows { users: rows.clone(), items: rows, user_bias: bias.clone(), item_bias: bias };
            for isa in Isa::all() {
                let pass = |mut rows: Rows| {
                    let biases = biased.then_some((&mut rows.user_bias[..], &mut rows.item_bias[..]));
                    let (users, items) = (rows.users.as_mut_slice(), rows.items.as_mut_slice());
                    let block = Block { users, items, biases, paces: None };
                    (sgd(isa, &STEP, &entries, stride, block), rows)
                };
                group.bench_function(BenchmarkId::new(isa.name(), k), |bench| {
                    bench.iter_batched(|| start.clone(), pass, BatchSize::LargeInput);
                });
            }
            let pass = |mut rows: Rows| {
                let biases = biased.then_some((&mut rows.user_bias[..], &mut rows.item_bias[..]));
                let (users, items) = (rows.users.as_mut_slice(), rows.items.as_mut_slice());
                let block = Block { users, items, biases, paces: None };
                (twin::sgd(&STEP, &entries, stride, block), rows)
            };
            group.bench_function(BenchmarkId::new("twin", k), |bench| {
                bench.iter_batched(|| start.clone(), pass, BatchSize::LargeInput);
            });
        }
        group.finish();
    }
}

/// One row of alternating least squares with as many ratings as a user of MovieLens 1M has on average; elements are the floating-point operations that
/// the mathematics asks for, which a symmetric matrix halves.
fn row_solvers(criterion: &mut Criterion) {
    const RATINGS: usize = 165;
    let places: Vec<u32> = (0..RATINGS as u32).map(|l| l * 7 % u32::from(ROWS)).collect();
    let targets = [0.5; RATINGS];
    let mut random = Pcg64::seed_from_u64(1);
    for k in [16, 32, 64, 128, 256] {
        let mut matrix = Matrix::zeros(ROWS.into(), k);
        matrix.as_mut_slice().fill_with(|| random.random_range(-0.5..0.5));
        let samples = Samples { matrix: matrix.as_slice(), rows: &places, weights: None, targets: &targets };
        let (mut equations, mut x) = (NormalEquations::new(k), vec![0.0; k]);
        let mut group = criterion.benchmark_group(format!("row of {RATINGS}, k = {k}"));
        for isa in Isa::all() {
            let summing = RATINGS * k * (k + 1);
            group.throughput(Throughput::Elements(summing as u64));
            group.bench_function(BenchmarkId::new("sum", isa.name()), |bench| {
                bench.iter(|| {
                    equations.clear(1.0);
                    equations.add(isa, black_box(samples));
                });
            });
            group.throughput(Throughput::Elements((summing + k * k * k / 3 + 6 * k * k) as u64));
            group.bench_function(BenchmarkId::new("sum, factor, solve", isa.name()), |bench| {
                bench.iter(|| {
                    equations.clear(1.0);
                    equations.add(isa, black_box(samples));
                    equations.factor(isa);
                    equations.solve_with_bias(isa, 200.0, 3.0, &mut x)
                });
            });
            let (from, mut out) = (vec![0.1; padded(k)], vec![0.0; padded(k)]);
            group.throughput(Throughput::Elements((4 * RATINGS * k) as u64));
            let mut gathered = Gathered::new(k);
            gathered.gather(isa, samples);
            group.bench_function(BenchmarkId::new("residual", isa.name()), |bench| {
                bench.iter(|| black_box(&gathered).residual(isa, &from, 0.1, &mut out));
            });
        }
        group.finish();
    }
}

criterion_group!(kernels, products, passes, row_solvers);
criterion_main!(kernels);
