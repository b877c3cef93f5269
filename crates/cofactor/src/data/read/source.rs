//! Opens a file and unpacks it: a plain text, gzip, a member of a zip archive, or Parquet.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use zip::ZipArchive;

use super::kind::{self, foreign_archive};
use super::options::{Format, ReadOptions};
use super::problem::file_error;
use crate::error::{Error, Result, edit_distance};

/// A file that is open and whose format is known.
pub(super) struct Source<'a> {
    /// How messages call it: the path, and the member of an archive as if the archive were a folder.
    pub(super) place: PathBuf,
    /// "gzip" or "zip", if it is packed.
    pub(super) packed: Option<&'static str>,
    pub(super) content: Content<'a>,
}

/// What there is to read.
pub(super) enum Content<'a> {
    Text(&'a mut dyn Read),
    Parquet(File),
}

/// Opens a file and hands it to `then`.
pub(super) fn open<T>(
    path: &Path,
    options: &ReadOptions,
    then: impl FnOnce(Source<'_>) -> Result<T>,
) -> Result<T> {
    let mut file = open_file(path)?;
    let head = head_of(&mut file).map_err(Error::io("read", path))?;
    let plain = |packed, content| Source { place: path.to_owned(), packed, content };
    match format_of(path, &head, options)? {
        Packing::Parquet => then(plain(None, Content::Parquet(file))),
        Packing::Plain => then(plain(None, Content::Text(&mut file))),
        Packing::Gzip => then(plain(Some("gzip"), Content::Text(&mut MultiGzDecoder::new(file)))),
        Packing::Zip => open_member(path, file, options, then),
    }
}

enum Packing {
    Plain,
    Gzip,
    Zip,
    Parquet,
}

fn format_of(path: &Path, head: &[u8], options: &ReadOptions) -> Result<Packing> {
    if head.starts_with(kind::GZIP) {
        return Ok(Packing::Gzip);
    }
    if head.starts_with(kind::ZIP) || head.starts_with(kind::EMPTY_ZIP) {
        return Ok(Packing::Zip);
    }
    let is_parquet = head.starts_with(kind::PARQUET);
    let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
    let wants_parquet = match options.format {
        Some(format) => format == Format::Parquet,
        None => is_parquet || matches!(extension.as_deref(), Some("parquet" | "pq")),
    };
    match (wants_parquet, is_parquet) {
        (true, true) => Ok(Packing::Parquet),
        (false, _) => Ok(Packing::Plain),
        (true, false) => {
            let hint = "if it is a text, say --format text; otherwise write or download it again";
            Err(file_error(path, "this is not a Parquet file: it does not begin with PAR1", hint))
        }
    }
}

fn open_file(path: &Path) -> Result<File> {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(missing(path)),
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    if metadata.is_dir() {
        return Err(directory(path));
    }
    File::open(path).map_err(Error::io("read", path))
}

#[cold]
fn missing(path: &Path) -> Error {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let Some(names) = file_names(folder) else {
        let hint = format!("the folder {} does not exist either", folder.display());
        return file_error(path, "there is no such file", hint);
    };
    let wanted = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let near = names
        .iter()
        .map(|name| (edit_distance(&wanted, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= 1 + name.chars().count() / 3)
        .min();
    let hint = match near {
        Some((_, name)) => format!("did you mean {}?", path.with_file_name(name).display()),
        None => format!("the folder {} holds {}", folder.display(), listed(&names)),
    };
    file_error(path, "there is no such file", hint)
}

#[cold]
fn directory(path: &Path) -> Error {
    let names = file_names(path).unwrap_or_default();
    let hint = match names.iter().find(|name| looks_like_ratings(name)) {
        Some(name) => format!("name the file in it: {}", path.join(name).display()),
        None => format!("name a file in it; it holds {}", listed(&names)),
    };
    file_error(path, "this is a folder, not a file", hint)
}

/// The names of the files in a folder, in order; `None` if it cannot be read.
fn file_names(folder: &Path) -> Option<Vec<String>> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort_unstable();
    Some(names)
}

fn listed(names: &[String]) -> String {
    const SHOWN: usize = 12;
    match names.len() {
        0 => "nothing".to_owned(),
        n if n <= SHOWN => names.join(", "),
        n => format!("{}, … ({n} in all)", names[..SHOWN].join(", ")),
    }
}

/// The first bytes; the file stands at its start again.
fn head_of(file: &mut File) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(8);
    file.by_ref().take(8).read_to_end(&mut head)?;
    // A pipe cannot be wound back, but cannot be read a second time for messages either.
    file.rewind()?;
    Ok(head)
}

fn open_member<T>(
    path: &Path,
    file: File,
    options: &ReadOptions,
    then: impl FnOnce(Source<'_>) -> Result<T>,
) -> Result<T> {
    let mut archive = ZipArchive::new(file).map_err(|error| damaged_archive(path, &error))?;
    let names: Vec<String> = (0..archive.len())
        .map(|index| match archive.by_index_data(index) {
            Ok(entry) => Ok(entry.name().map_or_else(|_| format!("member {}", index + 1), Cow::into_owned)),
            Err(error) => Err(damaged_archive(path, &error)),
        })
        .collect::<Result<_>>()?;
    if let Some(foreign) = foreign_archive(&names) {
        return Err(file_error(path, format!("this is {}", foreign.kind), foreign.hint));
    }
    let index = chosen_member(path, &names, options.member.as_deref())?;
    let mut member = archive.by_index(index).map_err(|error| damaged_archive(path, &error))?;
    let place = path.join(&names[index]);
    then(Source { place, packed: Some("zip"), content: Content::Text(&mut member) })
}

#[cold]
fn damaged_archive(path: &Path, error: &zip::result::ZipError) -> Error {
    file_error(
        path,
        format!("the zip archive cannot be read ({error})"),
        "it is damaged or cut short: download it again, or unpack it with unzip and name the file with the ratings",
    )
}

/// The member asked for, the only one, or the only one that looks like ratings.
fn chosen_member(path: &Path, names: &[String], asked: Option<&str>) -> Result<usize> {
    let files: Vec<usize> = (0..names.len()).filter(|&index| is_file(&names[index])).collect();
    let candidates: Vec<usize> = match asked {
        Some(asked) => {
            let exact: Vec<usize> = files.iter().copied().filter(|&index| names[index] == asked).collect();
            if exact.is_empty() {
                files.iter().copied().filter(|&index| file_name(&names[index]) == asked).collect()
            } else {
                exact
            }
        }
        None if files.len() == 1 => files.clone(),
        None => files.iter().copied().filter(|&index| looks_like_ratings(&names[index])).collect(),
    };
    if let [only] = candidates[..] {
        return Ok(only);
    }
    let all: Vec<String> = files.iter().map(|&index| names[index].clone()).collect();
    let (problem, hint) = match asked {
        _ if files.is_empty() => ("the zip archive holds no file".to_owned(), String::new()),
        Some(asked) if candidates.is_empty() => {
            (format!("the zip archive has no member '{asked}'"), format!("it holds {}", listed(&all)))
        }
        Some(asked) => (
            format!("several members of the zip archive are called '{asked}'"),
            format!("give the whole path with --member; it holds {}", listed(&all)),
        ),
        None => (
            "the zip archive holds several files, and it is not clear which has the ratings".to_owned(),
            format!("name one with --member; it holds {}", listed(&all)),
        ),
    };
    Err(file_error(path, problem, hint))
}

fn is_file(name: &str) -> bool {
    !name.ends_with('/') && !name.starts_with("__MACOSX/") && !file_name(name).starts_with('.')
}

fn file_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// The usual names: `ratings.csv`, `ratings.dat`, `u.data`, `ml-100k.inter`.
fn looks_like_ratings(name: &str) -> bool {
    let name = file_name(name).to_ascii_lowercase();
    let extension = Path::new(&name).extension();
    name.contains("rating") || name == "u.data" || extension.is_some_and(|extension| extension == "inter")
}
