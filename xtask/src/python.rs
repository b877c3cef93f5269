//! The check `python`: builds the wheel, installs it beside the tests' requirements in clean environments of the oldest and the newest Python at
//! hand, and runs pytest, mypy and pyright there. All that it makes lies in `target/python`, and is used again while nothing has changed.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run;

/// What builds the wheel; `pyproject.toml` has the same bounds.
const MATURIN: &str = "maturin>=1.9.4,<2";
/// The oldest Python that the wheel runs on, and the newest that is looked for by name.
const VERSIONS: std::ops::RangeInclusive<u32> = 10..=14;

/// Runs the check; says what went wrong. With `slow`, the comparisons with other packages too.
pub(crate) fn check(slow: bool) -> Result<(), String> {
    let package = Path::new("crates/py");
    let home = std::path::absolute("target/python").map_err(|error| error.to_string())?;
    let pythons = pythons();
    let (Some(oldest), Some(newest)) = (pythons.first(), pythons.last()) else {
        return Err("no Python from 3.10 on was found: install one, with its module venv".to_owned());
    };
    let wheel = build(newest, &home, package)?;
    run(Command::new("cargo").args(["build", "--package", "cofactor-cli"]))?;
    let command = std::path::absolute("target/debug/cofactor").map_err(|error| error.to_string())?;
    // The other packages have no wheels for old Pythons, and what they are compared in does not depend on it.
    let chosen = if slow || newest.minor == oldest.minor { vec![newest] } else { vec![oldest, newest] };
    for python in chosen {
        let requirements = package.join("tests").join(if slow { "peers.txt" } else { "requirements.txt" });
        let environment = Environment::of(python, &home, if slow { "-peers" } else { "" }, &requirements)?;
        environment.install(&wheel)?;
        if python.minor == newest.minor && !slow {
            run(environment.module("mypy").current_dir(package))?;
            run(environment
                .module("pyright")
                .arg("--pythonpath")
                .arg(&environment.python)
                .current_dir(package))?;
        }
        let mut pytest = environment.module("pytest");
        pytest.args(["-p", "no:cacheprovider", "-m"]).current_dir(package);
        // Beside the peers only what the guides need is installed.
        if slow {
            pytest.args(["slow", "tests/test_guides.py"]);
        } else {
            pytest.arg("not slow");
        }
        run(pytest.env("COFACTOR_BIN", &command).env("COFACTOR_WHEEL", &wheel))?;
    }
    Ok(())
}

/// The newest interpreter at hand.
pub(crate) fn newest() -> Option<Python> {
    pythons().pop()
}

/// An interpreter of Python 3.`minor`.
pub(crate) struct Python {
    minor: u32,
    program: PathBuf,
}

/// The interpreters at hand by version: of the path, and of pyenv.
fn pythons() -> Vec<Python> {
    let named = VERSIONS.map(|minor| PathBuf::from(format!("python3.{minor}")));
    let pyenv = std::env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv/versions"));
    let installed = pyenv.and_then(|folder| folder.read_dir().ok()).into_iter().flatten().flatten();
    let installed = installed.map(|version| version.path().join("bin/python"));
    let all = installed.chain(named).chain([PathBuf::from("python3")]);
    let mut found: Vec<Python> = all.filter_map(Python::at).collect();
    found.sort_by_key(|python| python.minor);
    found.dedup_by_key(|python| python.minor);
    found
}

impl Python {
    /// The interpreter of that name, if it starts, is not too old and can make environments.
    fn at(program: PathBuf) -> Option<Self> {
        let code = "import ensurepip, sys, venv; print(*sys.version_info[:2])";
        let output = Command::new(&program).args(["-c", code]).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let minor = text.trim().strip_prefix("3 ")?.parse().ok()?;
        VERSIONS.contains(&minor).then_some(Self { minor, program })
    }
}

/// Builds the wheel into an empty folder.
fn build(python: &Python, home: &Path, package: &Path) -> Result<PathBuf, String> {
    let environment = Environment::empty(python, home, "build")?;
    run(environment.module("pip").args(["install", "--quiet", MATURIN]))?;
    let wheels = home.join("wheels");
    if wheels.exists() {
        std::fs::remove_dir_all(&wheels).map_err(|error| format!("{}: {error}", wheels.display()))?;
    }
    let mut maturin = environment.module("maturin");
    maturin
        .args(["build", "--release", "--locked", "--quiet", "--manifest-path"])
        .arg(package.join("Cargo.toml"));
    run(maturin.arg("--out").arg(&wheels))?;
    let built = wheels.read_dir().map_err(|error| format!("{}: {error}", wheels.display()))?;
    let mut files = built.flatten().map(|file| file.path());
    files
        .find(|file| file.extension() == Some(OsStr::new("whl")))
        .ok_or_else(|| "maturin has built no wheel".to_owned())
}

/// A virtual environment.
pub(crate) struct Environment {
    python: PathBuf,
}

impl Environment {
    /// One that has what a file requires; it is made anew when the file has changed.
    fn of(python: &Python, home: &Path, kind: &str, requirements: &Path) -> Result<Self, String> {
        let name = format!("py3.{}{kind}", python.minor);
        let wanted = std::fs::read_to_string(requirements)
            .map_err(|error| format!("{}: {error}", requirements.display()))?;
        let stamp = home.join(format!("{name}.txt"));
        if std::fs::read_to_string(&stamp).is_ok_and(|had| had != wanted) {
            std::fs::remove_dir_all(home.join(&name)).map_err(|error| error.to_string())?;
        }
        let environment = Self::empty(python, home, &name)?;
        if !stamp.exists() || std::fs::read_to_string(&stamp).is_ok_and(|had| had != wanted) {
            run(environment.module("pip").args(["install", "--quiet", "--requirement"]).arg(requirements))?;
            std::fs::write(&stamp, wanted).map_err(|error| error.to_string())?;
        }
        Ok(environment)
    }

    /// One that has nothing but pip, unless it was there before.
    pub(crate) fn empty(python: &Python, home: &Path, name: &str) -> Result<Self, String> {
        let folder = home.join(name);
        let program = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
        if !program.exists() {
            run(Command::new(&python.program).args(["-m", "venv"]).arg(&folder))?;
        }
        Ok(Self { python: program })
    }

    /// Puts the wheel in the place of the one before.
    fn install(&self, wheel: &Path) -> Result<(), String> {
        run(self.module("pip").args(["install", "--quiet", "--no-deps", "--force-reinstall"]).arg(wheel))
    }

    /// A program that a package brings along.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.python.with_file_name(name)
    }

    pub(crate) fn module(&self, name: &str) -> Command {
        let mut command = Command::new(&self.python);
        command.args(["-m", name]).env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
        command
    }
}
