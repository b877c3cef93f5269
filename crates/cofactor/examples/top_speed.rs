//! How fast everybody's lists are made: `cargo run --release -p cofactor --example top_speed -- MODEL.cofactor [N]`.
//!
//! Prints users and floating-point operations a second of CPU time, on one thread, all items that the user has rated left out. The operations are those of the inner products alone,
//! 2·m·n·k, so that the rate stands beside that of a bare matrix product.

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::path::Path;

use cofactor::recommender::{Recommender, Request};
use rustix::time::{ClockId, clock_gettime};

fn main() -> cofactor::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().unwrap_or_else(|| "model.cofactor".to_owned());
    let n = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(10);
    let recommender = Recommender::open(Path::new(&file))?;
    let request = Request { n, ..Request::default() };
    let (users, items) = recommender.file().model.dimensions().unwrap_or_default();
    let k = recommender.file().model.factors().map_or(0, cofactor::fit::factors::Factors::k);
    for _ in 0..5 {
        let start = cpu_seconds();
        let (mut lists, mut sum) = (0_usize, 0.0);
        recommender.recommend_all(&request, 1, |picks| {
            lists += 1;
            sum += picks.list.picks.iter().map(|pick| f64::from(pick.score)).sum::<f64>();
            Ok(())
        })?;
        let seconds = cpu_seconds() - start;
        let operations = 2.0 * lists as f64 * items as f64 * k as f64;
        println!(
            "{lists} of {users} users × {items} items, k = {k}: {seconds:.3} s of CPU, {:.0} users/s, {:.1} GFLOP/s (scores sum to {sum:.3})",
            lists as f64 / seconds,
            operations / seconds / 1e9
        );
    }
    Ok(())
}

/// The CPU time of this process so far, in seconds.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
