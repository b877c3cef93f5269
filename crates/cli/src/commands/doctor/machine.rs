//! Processor, cores, memory: what the system says of itself. What it does not say is left out.

use std::fs;

use crate::commands::Context;
use crate::format;

/// This machine.
pub(super) struct Machine {
    pub(super) processor: String,
    /// The instruction set extensions that matter to the kernels.
    pub(super) features: Vec<&'static str>,
    /// How many threads this process may run at once.
    pub(super) cores: usize,
    /// Total and free bytes for this process.
    pub(super) memory: Option<(u64, u64)>,
    /// How many processes wanted to run, over the last minute.
    pub(super) load: Option<f64>,
}

impl Machine {
    pub(super) fn look() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Self {
            processor: processor(&read("/proc/cpuinfo")),
            features: features(),
            cores: Context::cores(),
            memory: memory(
                &read("/proc/meminfo"),
                &read("/sys/fs/cgroup/memory.max"),
                &read("/sys/fs/cgroup/memory.current"),
            ),
            load: read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()),
        }
    }

    pub(super) fn memory_in_words(&self) -> String {
        match self.memory {
            Some((total, free)) => format!("{}, {} of it free", format::bytes(total), format::bytes(free)),
            None => "this system does not say".to_owned(),
        }
    }
}

fn processor(cpuinfo: &str) -> String {
    let name = cpuinfo.lines().find(|line| line.starts_with("model name"));
    match name.and_then(|line| line.split_once(':')) {
        Some((_, name)) => name.trim().to_owned(),
        None => std::env::consts::ARCH.to_owned(),
    }
}

/// The machine's memory, or the control group's where that grants less.
fn memory(meminfo: &str, limit: &str, used: &str) -> Option<(u64, u64)> {
    let kibibytes = |name: &str| -> Option<u64> {
        let line = meminfo.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    let (total, free) = (kibibytes("MemTotal:")? * 1024, kibibytes("MemAvailable:")? * 1024);
    match (limit.trim().parse::<u64>(), used.trim().parse::<u64>()) {
        (Ok(limit), Ok(used)) => Some((total.min(limit), free.min(limit.saturating_sub(used)))),
        _ => Some((total, free)),
    }
}

#[cfg(target_arch = "x86_64")]
fn features() -> Vec<&'static str> {
    let mut found = Vec::new();
    macro_rules! look_for {
        ($($name:tt)*) => { $(if std::arch::is_x86_feature_detected!($name) { found.push($name); })* };
    }
    look_for!("sse4.2" "avx" "avx2" "fma" "avx512f" "avx512vl" "avx512bw");
    found
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> Vec<&'static str> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMINFO: &str = "MemTotal:  8000 kB\nMemFree:  1000 kB\nMemAvailable:  4000 kB\n";

    #[test]
    fn memory_is_what_this_process_may_have() {
        assert_eq!(memory(MEMINFO, "max", "5"), Some((8000 << 10, 4000 << 10)));
        assert_eq!(memory(MEMINFO, "2048000", "2047000"), Some((2_048_000, 1000)));
        assert_eq!(memory("", "", ""), None);
    }

    #[test]
    fn the_processor_has_a_name() {
        assert_eq!(processor("vendor_id : X\nmodel name\t: Fast One\n"), "Fast One");
        assert_eq!(processor(""), std::env::consts::ARCH);
    }
}
