//! The kernels beside their readable twins: `cargo bench --manifest-path bench/Cargo.toml`.

use std::hint::black_box;

use cofactor::fit::factors::Matrix;
use cofactor_kernels::{Block, Entry, Isa, Sgd, dot, padded, sgd, twin};
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

criterion_group!(kernels, products, passes);
criterion_main!(kernels);
