//! Are the kernels right, and how fast do they run?

use std::sync::Barrier;
use std::time::{Duration, Instant};

use cofactor_kernels::{Block, Entry, Isa, Sgd, dot, fused, sgd, twin};

use crate::format;

/// Every instruction set against the readable twin.
pub(super) struct SelfTest {
    /// How many numbers were compared.
    pub(super) values: usize,
    /// How many of them had other bits.
    pub(super) different: usize,
}

impl SelfTest {
    pub(super) fn run() -> Self {
        let mut test = Self { values: 0, different: 0 };
        for isa in Isa::all() {
            for stride in [8, 16, 32, 48, 64, 80, 128, 144] {
                test.dots(isa, stride);
                test.passes(isa, stride, true);
                test.passes(isa, stride, false);
            }
        }
        test
    }

    pub(super) fn in_words(&self) -> String {
        let values = format::counted(self.values, "number");
        match self.different {
            0 => format!("self-test passed: {values}, 0 bits differ from the readable definition"),
            different => {
                format!("SELF-TEST FAILED: {different} of {values} differ from the readable definition")
            }
        }
    }

    fn dots(&mut self, isa: Isa, stride: usize) {
        let work = Work::new(stride);
        for (p, q) in work.users.chunks(stride).zip(work.items.chunks(stride)) {
            self.compare(&[dot(isa, p, q)], &[twin::dot(p, q)]);
        }
    }

    fn passes(&mut self, isa: Isa, stride: usize, biased: bool) {
        let (mut fast, mut plain) = (Work::new(stride), Work::new(stride));
        let found = fast.pass(isa, biased);
        let (entries, block) = plain.parts(biased);
        let expected = twin::sgd(&STEP, entries, stride, block);
        self.values += 1;
        self.different += usize::from(found.to_bits() != expected.to_bits());
        self.compare(&fast.users, &plain.users);
        self.compare(&fast.items, &plain.items);
        self.compare(&fast.user_bias, &plain.user_bias);
        self.compare(&fast.item_bias, &plain.item_bias);
    }

    fn compare(&mut self, found: &[f32], expected: &[f32]) {
        self.values += found.len();
        self.different += found.iter().zip(expected).filter(|(a, b)| a.to_bits() != b.to_bits()).count();
    }
}

/// How fast one thread runs the SGD loop while everything is in its cache.
pub(super) struct Speed {
    pub(super) k: usize,
    /// Ratings visited, in millions a second.
    pub(super) million_updates: f64,
}

impl Speed {
    /// The best pass within the time.
    pub(super) fn measure(k: usize, budget: Duration) -> Self {
        let mut work = Work::new(k);
        let (isa, start) = (Isa::detect(), Instant::now());
        let mut best = f64::INFINITY;
        while start.elapsed() < budget {
            let pass = Instant::now();
            work.pass(isa, true);
            best = best.min(pass.elapsed().as_secs_f64());
        }
        Self { k, million_updates: work.entries.len() as f64 / best / 1e6 }
    }
}

/// The most operations that one thread can do, in thousand millions a second: the best try within the time.
pub(super) fn peak(budget: Duration) -> f64 {
    let (isa, start) = (Isa::detect(), Instant::now());
    let mut best = 0.0_f64;
    while start.elapsed() < budget {
        let pass = Instant::now();
        let (operations, _) = std::hint::black_box(fused(isa, 100_000));
        best = best.max(operations as f64 / pass.elapsed().as_secs_f64());
    }
    best / 1e9
}

/// How much more two threads do than one, in the same time: the median of three tries.
pub(super) fn two_threads(budget: Duration) -> f64 {
    let mut gains = [(); 3].map(|()| work_done(2, budget) / work_done(1, budget));
    gains.sort_by(f64::total_cmp);
    gains[1]
}

/// The passes that so many threads finish together within the time.
fn work_done(threads: usize, budget: Duration) -> f64 {
    let barrier = Barrier::new(threads);
    let worker = || {
        let mut work = Work::new(32);
        barrier.wait();
        let (isa, start) = (Isa::detect(), Instant::now());
        let mut passes = 0_u32;
        while start.elapsed() < budget {
            work.pass(isa, false);
            passes += 1;
        }
        f64::from(passes)
    };
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        handles.into_iter().map(|handle| handle.join().unwrap_or(0.0)).sum()
    })
}

/// A small block: 48 users, 48 items, 1,024 ratings.
struct Work {
    stride: usize,
    entries: Vec<Entry>,
    users: Vec<f32>,
    items: Vec<f32>,
    user_bias: Vec<f32>,
    item_bias: Vec<f32>,
}

const ROWS: usize = 48;
const STEP: Sgd = Sgd {
    mean: 3.0,
    rate: 0.001,
    keep_user: 0.999_9,
    keep_item: 0.999_8,
    bias_rate: 0.001,
    keep_bias: 0.999_9,
};

impl Work {
    fn new(stride: usize) -> Self {
        // The digits of a multiplicative sequence: spread evenly, the same everywhere.
        let spread = |position: usize| (position as u32).wrapping_mul(2_654_435_761) >> 8;
        let factors = |from: usize| {
            (0..ROWS * stride).map(|at| spread(from + at) as f32 / (1 << 24) as f32 * 0.2 - 0.1).collect()
        };
        let entry = |at: usize| Entry {
            user: (spread(at) % ROWS as u32) as u16,
            item: (spread(at + 7919) % ROWS as u32) as u16,
            value: (spread(at + 104_729) % 5) as f32 + 1.0,
        };
        Self {
            stride,
            entries: (0..1024).map(entry).collect(),
            users: factors(1),
            items: factors(1_000_000),
            user_bias: vec![0.1; ROWS],
            item_bias: vec![-0.1; ROWS],
        }
    }

    fn pass(&mut self, isa: Isa, biased: bool) -> f64 {
        let stride = self.stride;
        let (entries, block) = self.parts(biased);
        sgd(isa, &STEP, entries, stride, block)
    }

    fn parts(&mut self, biased: bool) -> (&[Entry], Block<'_>) {
        let biases = biased.then_some((&mut self.user_bias[..], &mut self.item_bias[..]));
        let block = Block { users: &mut self.users, items: &mut self.items, biases, paces: None };
        (&self.entries, block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_self_test_compares_much_and_finds_nothing() {
        let test = SelfTest::run();
        assert!(test.values > 100_000, "{}", test.values);
        assert_eq!(test.different, 0);
    }

    #[test]
    fn the_self_test_sees_a_wrong_bit() {
        let mut test = SelfTest { values: 0, different: 0 };
        test.compare(&[1.0, 2.0], &[1.0, f32::from_bits(2.0_f32.to_bits() + 1)]);
        assert_eq!((test.values, test.different), (2, 1));
        assert!(test.in_words().contains("FAILED"));
    }
}
