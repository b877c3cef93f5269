//! Time: by the wall, and of the processors.

use std::time::Instant;

/// Both clocks, started together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    wall: Instant,
    cpu: f64,
}

impl Clock {
    /// From now on.
    pub(super) fn start() -> Self {
        Self { wall: Instant::now(), cpu: cpu_seconds() }
    }

    /// Seconds by the wall since the start or the last lap, and processor seconds of all threads of this process, zero where the system
    /// does not say; from now on again.
    pub(super) fn lap(&mut self) -> (f64, f64) {
        let before = std::mem::replace(self, Self::start());
        (self.wall.duration_since(before.wall).as_secs_f64(), self.cpu - before.cpu)
    }
}

/// What the system counts for this process.
#[cfg(unix)]
fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64
}

/// This system does not say.
#[cfg(not(unix))]
fn cpu_seconds() -> f64 {
    0.0
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn sleep_costs_no_processor() {
        let mut clock = Clock::start();
        std::thread::sleep(Duration::from_millis(60));
        let (wall, cpu) = clock.lap();
        assert!(wall >= 0.06, "{wall}");
        assert!(cpu >= 0.0);
        let mut sum = 0_u64;
        while clock.wall.elapsed() < Duration::from_millis(30) {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(clock.lap().1 > 0.0);
    }
}
