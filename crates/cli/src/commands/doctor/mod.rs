//! `cofactor doctor`: is this machine well, and what makes it slow?

mod kernels;
mod machine;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use cofactor::data::datasets::DATASETS;
use cofactor_kernels::Isa;
use serde::Serialize;
use serde_json::{Value, json};

use self::kernels::{SelfTest, Speed};
use self::machine::Machine;
use super::Context;
use crate::args::SourceArgs;
use crate::failure::Failure;
use crate::format;
use crate::inputs;
use crate::output::{BAD, GOOD, HEAD, Output};

/// Check this machine: instructions, cores, memory, kernels, cache, and what makes it slow
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofactor doctor                under two seconds
  cofactor doctor --json         the same for a program

Exit status 1 if a kernel does not give the bits that it must.")]
pub(crate) struct Args {
    #[command(flatten)]
    sources: SourceArgs,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let start = Instant::now();
    let spinner = context.progress.spinner("looking at this machine");
    let cache = Cache::look(&args.sources)?;
    let findings = Findings::gather(cache);
    spinner.finish_and_clear();
    let passed = findings.self_test.different == 0;
    if context.out.is_json() {
        context.out.object(&findings.object(start.elapsed()))?;
    } else {
        findings.print(&mut context.out)?;
    }
    if passed { Ok(()) } else { Err(Failure::Bad) }
}

/// What has been fetched.
#[derive(Serialize)]
struct Cache {
    folder: PathBuf,
    data_sets: Vec<CachedSet>,
}

#[derive(Serialize)]
struct CachedSet {
    name: &'static str,
    bytes: u64,
}

impl Cache {
    fn look(sources: &SourceArgs) -> Result<Self, Failure> {
        let store = inputs::store(sources)?;
        let mut data_sets = Vec::new();
        for set in DATASETS.iter().filter(|set| !set.members.is_empty()) {
            if let Some(fetched) = store.cached(set.name)? {
                let bytes = fetched.files.iter().map(|file| file.bytes).sum();
                data_sets.push(CachedSet { name: set.name, bytes });
            }
        }
        Ok(Self { folder: store.cache, data_sets })
    }

    fn in_words(&self) -> String {
        let sets: Vec<String> =
            self.data_sets.iter().map(|set| format!("{} ({})", set.name, format::bytes(set.bytes))).collect();
        let holds = if sets.is_empty() { "no data set yet".to_owned() } else { sets.join(", ") };
        format!("{}: {holds}", self.folder.display())
    }
}

struct Findings {
    machine: Machine,
    isa: Isa,
    self_test: SelfTest,
    speeds: Vec<Speed>,
    /// See [`kernels::peak`].
    peak: f64,
    /// How much more two threads do than one.
    two_threads: Option<f64>,
    cache: Cache,
}

impl Findings {
    fn gather(cache: Cache) -> Self {
        let machine = Machine::look();
        let two_threads = (machine.cores > 1).then(|| kernels::two_threads(Duration::from_millis(50)));
        let speeds = [16, 32, 64, 128].map(|k| Speed::measure(k, Duration::from_millis(80))).into();
        let peak = kernels::peak(Duration::from_millis(50));
        Self { machine, isa: Isa::detect(), self_test: SelfTest::run(), speeds, peak, two_threads, cache }
    }

    fn print(&self, out: &mut Output) -> Result<(), Failure> {
        let machine = &self.machine;
        let names: Vec<&str> = Isa::all().into_iter().map(Isa::name).collect();
        line(out, "Version", &format!("{} ({})", env!("CARGO_PKG_VERSION"), build()))?;
        line(out, "Processor", &machine.processor)?;
        line(out, "Instructions", &format!("{} (of {})", self.isa.name(), names.join(", ")))?;
        line(out, "Features", &machine.features.join(" "))?;
        line(out, "Threads", &self.threads())?;
        line(out, "Memory", &machine.memory_in_words())?;
        line(out, "Cache", &self.cache.in_words())?;
        line(out, "Kernels", &self.self_test.in_words())?;
        let peak =
            format!("{:.0} GFLOP/s, one thread: fused multiply-adds on what stays in registers", self.peak);
        line(out, "Peak", &peak)?;
        line(out, "Speed", "SGD updates a second, one thread, factors in cache")?;
        for speed in &self.speeds {
            out.line(format_args!("  k = {:3}      {:7.1} million", speed.k, speed.million_updates))?;
        }
        let slow = self.slow();
        if slow.is_empty() {
            out.line(format_args!("\n{GOOD}Nothing makes it slow here.{GOOD:#}"))?;
        }
        for reason in slow {
            out.line(format_args!("\n{BAD}Slow:{BAD:#} {}", format::wrapped(&reason, 6)))?;
        }
        Ok(())
    }

    fn threads(&self) -> String {
        let cores = format::counted(self.machine.cores, "thread");
        match self.two_threads {
            None => cores,
            Some(gain) if gain >= WHOLE => {
                format!("{cores}; two at once do {gain:.2} × one: two whole cores")
            }
            Some(gain) => format!("{cores}; two at once do {gain:.2} × one: not two whole cores"),
        }
    }

    /// Plain sentences on what makes it slow, each with its way out.
    fn slow(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if cfg!(debug_assertions) {
            reasons.push("this is a debug build. Build with `cargo build --release`.".to_owned());
        }
        if !self.isa.name().contains("FMA") && matches!(self.isa.name(), "SSE2" | "SSE4.2" | "portable") {
            let name = self.isa.name();
            reasons.push(format!(
                "this processor has no fused multiply-add ({name}): the kernels compute it in software, many times slower."
            ));
        }
        if let Some(gain) = self.two_threads
            && gain < WHOLE
        {
            reasons.push(format!(
                "two threads do {gain:.2} × the work of one: the cores are shared with other programs, or are two threads of one core. More threads help little here."
            ));
        }
        if let Some(load) = self.machine.load
            && load > self.machine.cores as f64
        {
            reasons.push(format!(
                "other programs keep the cores busy: {load:.1} want to run on {}.",
                self.machine.cores
            ));
        }
        if let Some((_, free)) = self.machine.memory
            && free < 512 << 20
        {
            reasons.push(format!("only {} of memory are free.", format::bytes(free)));
        }
        reasons
    }

    fn object(&self, elapsed: Duration) -> Value {
        let machine = &self.machine;
        let isas: Vec<&str> = Isa::all().into_iter().map(Isa::name).collect();
        let speeds: Vec<Value> = self
            .speeds
            .iter()
            .map(|speed| json!({ "k": speed.k, "million_updates_per_second": speed.million_updates }))
            .collect();
        json!({
            "build": build(),
            "cpu": { "name": machine.processor, "features": machine.features, "isa": self.isa.name(), "isas": isas },
            "threads": {
                "available": machine.cores, "two_over_one": self.two_threads,
                "two_whole_cores": self.two_threads.map(|gain| gain >= WHOLE), "load": machine.load,
            },
            "memory": { "total_bytes": machine.memory.map(|m| m.0), "free_bytes": machine.memory.map(|m| m.1) },
            "self_test": { "values": self.self_test.values, "different": self.self_test.different },
            "peak_gflops": self.peak,
            "speed": speeds,
            "cache": self.cache,
            "slow": self.slow(),
            "seconds": elapsed.as_secs_f64(),
        })
    }
}

/// From this gain on, two threads count as two whole cores.
const WHOLE: f64 = 1.8;

fn build() -> &'static str {
    if cfg!(debug_assertions) { "debug build" } else { "release build" }
}

fn line(out: &mut Output, name: &str, text: &str) -> Result<(), Failure> {
    Ok(out.line(format_args!("{HEAD}{name:13}{HEAD:#}{text}"))?)
}
