//! Measures the reader: `cargo run --release --example read_speed -- FILE [REPEATS]`.
//!
//! Prints the median over the repeats of the megabytes (10^6 bytes of the file) and rows per second of CPU time and of wall
//! time, from opening the file to finished ratings with ids, times and all checks. One thread.

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::path::Path;
use std::time::Instant;

use cofactor::data::read::{ReadOptions, read};
use rustix::time::{ClockId, clock_gettime};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("usage: read_speed FILE [REPEATS]")?;
    let repeats: usize = arguments.next().as_deref().unwrap_or("15").parse()?;
    let megabytes = std::fs::metadata(&file)?.len() as f64 / 1e6;
    let (mut cpu, mut wall, mut rows) = (Vec::new(), Vec::new(), 0);
    for _ in 0..repeats.max(1) {
        let (wall_start, cpu_start) = (Instant::now(), cpu_seconds());
        rows = read(Path::new(&file), &ReadOptions::default())?.len();
        cpu.push(cpu_seconds() - cpu_start);
        wall.push(wall_start.elapsed().as_secs_f64());
    }
    for (clock, seconds) in [("CPU ", median(cpu)), ("wall", median(wall))] {
        let (speed, rate) = (megabytes / seconds, rows as f64 / seconds / 1e6);
        println!("{clock}  {:8.1} ms  {speed:7.1} MB/s  {rate:6.2} M ratings/s", 1e3 * seconds);
    }
    Ok(())
}

/// The CPU time of this process so far, in seconds.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_unstable_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}
