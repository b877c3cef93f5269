//! Where and with what the figures were measured.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use cofactor_kernels::Isa;

/// When, where and of what a figure is measured, in a line.
pub fn circumstances(root: &Path) -> String {
    let commit = first_line("git", &["-C", &root.to_string_lossy(), "describe", "--always", "--dirty"]);
    format!(
        "{}, commit {commit}; {}, {}; {}, load average before it {}; {}; {}",
        jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC"),
        processor(),
        Isa::detect().name(),
        system(),
        load(),
        first_line("rustc", &["--version"]),
        first_line("c++", &["--version"])
    )
}

fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, model)| model.to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let caches: Vec<String> = (0..4).filter_map(cache).collect();
    format!("{model}, {cores} cores, {}", caches.join(", "))
}

/// One of the first core's caches, but for the one of instructions.
fn cache(index: usize) -> Option<String> {
    let read = |what: &str| -> Option<String> {
        let path = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/{what}");
        Some(fs::read_to_string(path).ok()?.trim().to_owned())
    };
    (read("type")? != "Instruction").then_some(format!("L{} {}", read("level")?, read("size")?))
}

fn system() -> String {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name =
        release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or(std::env::consts::OS);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    let gib = total.and_then(|kib| kib.parse::<f64>().ok()).map_or(0.0, |kib| kib / f64::from(1 << 20));
    format!("{}, Linux {}, {gib:.0} GiB of memory", name.trim_matches('"'), kernel.trim())
}

fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').take(3).collect::<Vec<_>>().join(", ")
}

/// The first line that a command prints, or that it is missing.
pub fn first_line(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().ok();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().map_or_else(|| format!("no {program}"), str::to_owned)
}

/// Runs a command that must succeed; shows what it said when it does not.
pub fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
