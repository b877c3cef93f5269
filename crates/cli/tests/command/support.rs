//! A folder to work in, a command to run there, and what it said.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cofactor::data::datasets::Dialect;
use cofactor::data::synth::{Synth, generate, shaped};
use serde_json::Value;
use tempfile::TempDir;

/// A data set of 60 users, 80 items and 1,500 ratings with titles, made by the command itself.
pub(crate) const SMALL: &str = "synth:users=60,items=80,ratings=1500";

/// A folder that is gone at the end of the test. The command's cache lies in it, so no test sees another's.
pub(crate) struct Scratch {
    folder: TempDir,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::with_prefix("cofactor-test-").unwrap() }
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file.
    pub(crate) fn file(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// Writes a file as MovieLens 100K's `u.data`, with the ratings of [`SMALL`].
    pub(crate) fn movielens(&self, name: &str) {
        let ratings = generate(&Synth::parse(SMALL).unwrap()).unwrap().ratings;
        let files = shaped::movielens_files(&ratings, Dialect::Tabs);
        let (_, content) = files.iter().find(|(file, _)| file == "u.data").unwrap();
        std::fs::write(self.path(name), content).unwrap();
    }

    /// The names in the folder, sorted, but for the cache.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name != "cache");
        names.sort();
        names
    }

    /// The command with these arguments, split at blanks.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("cofactor"));
        command.args(arguments.split_whitespace());
        self.settle(&mut command);
        command
    }

    /// A shell with this command line, which finds the command `cofactor`.
    #[cfg(unix)]
    pub(crate) fn shell(&self, line: &str) -> Command {
        let binary = assert_cmd::cargo::cargo_bin!("cofactor");
        let mut path = binary.parent().unwrap().as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut command = Command::new("sh");
        command.args(["-c", line]);
        self.settle(&mut command);
        command.env("PATH", path).env("NO_COLOR", "1");
        command
    }

    /// Lets a command work in the folder, with nothing of its runner's settings.
    fn settle(&self, command: &mut Command) {
        command.current_dir(self.folder.path());
        command.env("COFACTOR_CACHE", self.path("cache"));
        for name in ["COFACTOR_MIRROR", "NO_COLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
    }

    /// Runs it.
    pub(crate) fn run(&self, arguments: &str) -> Said {
        Said::of(self.command(arguments).output().unwrap())
    }

    /// Runs it with `--json` and reads the object.
    pub(crate) fn json(&self, arguments: &str) -> Value {
        let said = self.run(&format!("{arguments} --json"));
        assert_eq!(said.status, Some(0), "{arguments}: {}", said.err);
        assert_eq!(said.err, "", "{arguments}");
        said.object()
    }
}

impl Said {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { status: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Standard output as exactly one JSON object on one line.
    pub(crate) fn object(&self) -> Value {
        assert_eq!(self.out.lines().count(), 1, "one object, and nothing else: {}", self.out);
        let value: Value = serde_json::from_str(&self.out).unwrap();
        assert!(value.is_object(), "{value}");
        value
    }

    /// The error object on standard error.
    pub(crate) fn error(&self) -> Value {
        assert_eq!(self.out, "");
        let value: Value = serde_json::from_str(&self.err).unwrap();
        value["error"].clone()
    }
}

/// Where MovieLens 100K can be had without the network, as a variable to set and its value: a mirror that holds the archive, or the cache of the person who runs the tests.
pub(crate) fn real_data() -> Option<(&'static str, PathBuf)> {
    #[expect(clippy::disallowed_methods, reason = "a test takes its data from where its runner says")]
    let variable = |name: &str| std::env::var(name).ok().map(PathBuf::from);
    if let Some(mirror) = variable("COFACTOR_MIRROR")
        && mirror.join("ml-100k.zip").is_file()
    {
        return Some(("COFACTOR_MIRROR", mirror));
    }
    let cache = variable("COFACTOR_CACHE").or_else(cofactor::data::datasets::Store::platform_cache)?;
    cache.join("ml-100k").is_dir().then_some(("COFACTOR_CACHE", cache))
}
