//! Clocks, samples, and child processes with their use of the machine.

use std::fmt;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use wait4::Wait4;

/// What a piece of work took.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Cost {
    /// User and system time of the process, in seconds.
    pub cpu: f64,
    /// Time on the wall, in seconds.
    pub wall: f64,
}

/// Runs a piece of work of this process and says what it took.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Cost) {
    let (cpu, wall) = (cpu_seconds(), Instant::now());
    let result = work();
    let wall = wall.elapsed().as_secs_f64();
    (result, Cost { cpu: cpu_seconds() - cpu, wall })
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Repeated measurements of one quantity.
#[derive(Debug, Clone, Default)]
pub struct Sample(Vec<f64>);

impl Sample {
    /// Adds a measurement.
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The middle one; the mean of the two middle ones of an even number.
    ///
    /// # Panics
    /// When nothing was measured.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2])
    }

    /// The mean.
    pub fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len() as f64
    }

    /// The least.
    pub fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The greatest.
    pub fn max(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// This over the other, pair by pair in the order of measuring.
    pub fn over(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a / b).collect())
    }

    /// Half the width of the 95 % interval of the mean, by Student's t.
    pub fn half_width(&self) -> f64 {
        const T: [f64; 9] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];
        let (n, mean) = (self.0.len(), self.mean());
        let variance = self.0.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n as f64 - 1.0);
        T.get(n.wrapping_sub(2)).copied().unwrap_or(1.96) * (variance / n as f64).sqrt()
    }
}

impl FromIterator<f64> for Sample {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

/// The median with the range: `1.234 (1.200–1.300)`; the precision is taken from the format.
impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(2);
        write!(f, "{:.digits$} ({:.digits$}–{:.digits$})", self.median(), self.min(), self.max())
    }
}

/// What a child process took and said.
#[derive(Debug, Serialize, Deserialize)]
pub struct Child {
    /// Its time.
    pub cost: Cost,
    /// The most memory that it had at once, in bytes.
    pub peak: u64,
    /// Its standard output.
    pub output: String,
}

/// The hidden first argument with which this program measures one command and says so as JSON.
pub const MEASURE: &str = "--measure-child";

/// Runs a command to its end, through a fresh copy of this program: a new process starts out with the peak memory of the one
/// that made it, and the copy is small.
pub fn child(command: &Command) -> Result<Child> {
    let mut copy = Command::new(std::env::current_exe()?);
    copy.arg(MEASURE).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => copy.env(name, value),
            None => copy.env_remove(name),
        };
    }
    let output = copy.stderr(Stdio::piped()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed:\n{}", said.trim_end());
    serde_json::from_slice(&output.stdout).with_context(|| format!("measuring {command:?}"))
}

/// The other side of [`child`].
pub fn measure_child(arguments: &[String]) -> Result<ExitCode> {
    let (program, arguments) = arguments.split_first().context("a program to measure")?;
    let wall = Instant::now();
    let mut child = Command::new(program).args(arguments).stdout(Stdio::piped()).spawn()?;
    let output = std::io::read_to_string(child.stdout.take().context("the child's output")?)?;
    let used = child.wait4()?;
    let cost = Cost {
        cpu: (used.rusage.utime + used.rusage.stime).as_secs_f64(),
        wall: wall.elapsed().as_secs_f64(),
    };
    println!("{}", serde_json::to_string(&Child { cost, peak: used.rusage.maxrss, output })?);
    Ok(if used.status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
