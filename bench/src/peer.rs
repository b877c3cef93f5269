//! The peers: LIBMF as a child process with its own compiler flags, and Python in an environment of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use cofactor::data::ratings::Ratings;
use serde::Deserialize;

use crate::bench::{Bench, target};
use crate::machine::{first_line, run};
use crate::measure::Cost;

/// One build of LIBMF. It chooses its instructions when it is compiled.
#[derive(Debug, Clone, Copy)]
pub struct Build {
    /// Its name on the page.
    pub name: &'static str,
    flags: &'static str,
}

/// The builds of which the faster one is taken. Others (without OpenMP, `-ffast-math`, 512-bit vectors) differ from these by
/// less than the noise.
pub const BUILDS: [Build; 2] = [
    Build { name: "AVX", flags: "-O3 -march=native -DUSEOMP -fopenmp" },
    Build { name: "SSE", flags: "-O3 -march=native -DUSESSE -DUSEOMP -fopenmp" },
];

/// What a fit of LIBMF is told.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Factors.
    pub k: usize,
    /// Passes.
    pub epochs: usize,
    /// L2 weight.
    pub reg: f32,
    /// Learning rate.
    pub rate: f32,
    /// Its grid is bins × bins.
    pub bins: usize,
}

/// A process that fits with LIBMF.
pub struct Libmf {
    process: Process,
}

#[derive(Deserialize)]
struct Fitted {
    cpu: f64,
    wall: f64,
    rmse: Option<f64>,
}

impl Libmf {
    /// Builds LIBMF and gives it its ratings.
    pub fn start(build: Build, train: &Path, test: Option<&Path>) -> Result<Self> {
        let folder = target().join(format!("libmf-{}", build.name));
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--release", "--package", "libmf-peer", "--target-dir"]).arg(&folder);
        cargo.current_dir(env!("CARGO_MANIFEST_DIR")).env("CXXFLAGS", build.flags);
        cargo.env("RUSTFLAGS", "-C target-cpu=native -C link-arg=-fopenmp -C link-arg=-lgomp");
        run(&mut cargo)?;
        let mut command = Command::new(folder.join("release/libmf-peer"));
        command.arg(train).args(test);
        Ok(Self { process: Process::start(&mut command)? })
    }

    /// One fit on one thread: its cost, and the RMSE on the test part if there is one.
    pub fn fit(&mut self, setting: Setting) -> Result<(Cost, Option<f64>)> {
        let Setting { k, epochs, reg, rate, bins } = setting;
        let answer = self.process.ask(&format!("{k} {epochs} 1 {reg} {rate} {bins}"))?;
        let Fitted { cpu, wall, rmse } = serde_json::from_str(&answer)?;
        Ok((Cost { cpu, wall }, rmse))
    }
}

/// Python with the peers that are written in it, in an environment under `bench/target`.
pub struct Python {
    program: PathBuf,
}

/// What the environment holds, and what it is imported as.
const PACKAGES: [(&str, &str); 5] = [
    ("numpy", "numpy"),
    ("pandas", "pandas"),
    ("scikit-surprise", "surprise"),
    ("cmfrec", "cmfrec"),
    ("lenskit", "lenskit"),
];

/// What the environment of the sampler's peer holds.
const SAMPLER: [(&str, &str); 3] = [("numpy", "numpy"), ("scipy", "scipy"), ("myfm", "myfm")];

/// What the environment of the peers that rank holds.
const RANKERS: [(&str, &str); 4] =
    [("numpy", "numpy"), ("scipy", "scipy"), ("implicit", "implicit"), ("irspack", "irspack")];

/// What keeps a package of Python on one thread.
const ONE_THREAD: [&str; 6] = [
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "LK_NUM_THREADS",
    "LK_NUM_BACKEND_THREADS",
];

impl Python {
    /// Makes the environment if it is not there.
    pub fn find() -> Result<Self> {
        Self::with("venv", &PACKAGES)
    }

    /// The one with myFM, which is slow to install and needed by one figure.
    pub fn myfm() -> Result<Self> {
        Self::with("venv-myfm", &SAMPLER)
    }

    /// The one with the peers that rank.
    pub fn rankers() -> Result<Self> {
        Self::with("venv-rankers", &RANKERS)
    }

    fn with(folder: &str, packages: &[(&str, &str)]) -> Result<Self> {
        let folder = target().join(folder);
        let program = folder.join("bin/python");
        let modules: Vec<&str> = packages.iter().map(|(_, module)| *module).collect();
        let imports = format!("import {}", modules.join(", "));
        if !Command::new(&program).args(["-c", &imports]).output().is_ok_and(|o| o.status.success()) {
            run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
            let install = ["-m", "pip", "install", "--quiet"];
            run(Command::new(&program).args(install).args(packages.iter().map(|(package, _)| package)))?;
        }
        Ok(Self { program })
    }

    /// Its version, and those of the packages.
    pub fn version(&self, packages: &[&str]) -> String {
        let show = format!(
            "import platform; from importlib.metadata import version; \
             print(', '.join(['Python ' + platform.python_version()] + [f'{{p}} {{version(p)}}' for p in {packages:?}]))"
        );
        first_line(&self.program.to_string_lossy(), &["-c", &show])
    }

    /// The peers that rank, with their ratings, each of which counts as taken. They have read them when they give their first answer.
    pub fn ranking(&self, bench: &Bench, ratings: &Ratings) -> Result<Process> {
        let records = bench.records("ranking.records", ratings)?;
        let sizes = [ratings.users(), ratings.items()].map(|size| size.to_string());
        self.start("ranking.py", &[&*records, Path::new(&sizes[0]), Path::new(&sizes[1])])
    }

    /// A script of `bench/peers`, on one thread.
    pub fn start(&self, script: &str, arguments: &[&Path]) -> Result<Process> {
        let mut command = Command::new(&self.program);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(script)).args(arguments);
        command.envs(ONE_THREAD.map(|limit| (limit, "1")));
        Process::start(&mut command)
    }
}

/// A process that answers lines with lines.
pub struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(command: &mut Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take().context("a pipe to the peer")?;
        let output = BufReader::new(child.stdout.take().context("a pipe from the peer")?);
        Ok(Self { child, input, output })
    }

    /// Asks, and waits for the answer.
    pub fn ask(&mut self, line: &str) -> Result<String> {
        writeln!(self.input, "{line}")?;
        let mut answer = String::new();
        self.output.read_line(&mut answer)?;
        ensure!(!answer.is_empty(), "the peer ended without an answer");
        Ok(answer)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The end of its input ends the peer as well; a peer that has died already is no matter.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
