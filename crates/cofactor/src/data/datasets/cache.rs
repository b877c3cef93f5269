//! The cache: a folder for each data set, with a manifest of what was put there.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::list::DataSet;
use super::unpack::{self, StoredFile};
use super::{Event, Observer};
use crate::error::{Error, Result};

/// What a folder of the cache holds and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// The layout of the cache.
    pub(super) version: u32,
    /// Where the files came from.
    pub(super) source: String,
    /// The files.
    pub(super) files: Vec<StoredFile>,
}

const VERSION: u32 = 1;
const MANIFEST: &str = "manifest.json";

/// What a look into the cache finds.
pub(super) enum Found {
    /// Everything is there.
    Whole(Manifest),
    /// The data set was never put there.
    Nothing,
    /// Something is missing or changed.
    Damaged(String),
}

/// The folder of a data set.
pub(super) fn folder(cache: &Path, set: &DataSet) -> PathBuf {
    cache.join(set.name)
}

/// Looks whether the files are there with their sizes; with `thoroughly`, also with their hashes.
pub(super) fn look(cache: &Path, set: &DataSet, thoroughly: bool) -> Found {
    let folder = folder(cache, set);
    if !folder.exists() {
        return Found::Nothing;
    }
    match examine(&folder, set, thoroughly) {
        Ok(manifest) => Found::Whole(manifest),
        Err(reason) => Found::Damaged(reason),
    }
}

fn examine(folder: &Path, set: &DataSet, thoroughly: bool) -> Result<Manifest, String> {
    let text = fs::read_to_string(folder.join(MANIFEST)).map_err(|error| format!("{MANIFEST}: {error}"))?;
    let manifest: Manifest = serde_json::from_str(&text).map_err(|error| format!("{MANIFEST}: {error}"))?;
    if manifest.version != VERSION {
        return Err("it was written by another version".into());
    }
    for member in set.members {
        let stored = manifest.files.iter().find(|stored| stored.file == member.file);
        let stored = stored.ok_or_else(|| format!("{} is not listed in {MANIFEST}", member.file))?;
        unpack::check(stored, member)?;
        let path = folder.join(member.file);
        let bytes = fs::metadata(&path).map_err(|error| format!("{}: {error}", member.file))?.len();
        if bytes != stored.bytes {
            return Err(format!("{} has {bytes} bytes instead of {}", member.file, stored.bytes));
        }
        if thoroughly {
            let found = unpack::hash_file(&path).map_err(|error| format!("{}: {error}", member.file))?;
            if found != stored.sha256 {
                return Err(format!(
                    "{} has changed: its SHA-256 was {} and is {found}",
                    member.file, stored.sha256
                ));
            }
        }
    }
    Ok(manifest)
}

/// Holds off every other process, and every other thread, that would fill the same folder, until it is dropped.
pub(super) struct Lock {
    _file: File,
}

/// Waits for the right to fill a data set's folder.
pub(super) fn lock(cache: &Path, set: &DataSet, observer: &mut Observer<'_>) -> Result<Lock> {
    let path = cache.join(format!(".{}.lock", set.name));
    let file = File::options()
        .create(true)
        .write(true)
        .truncate(false)
        .open(&path)
        .map_err(Error::io("create", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            observer(Event::Waiting);
            file.lock().map_err(Error::io("lock", &path))?;
        }
        Err(fs::TryLockError::Error(error)) => return Err(Error::io("lock", &path)(error)),
    }
    Ok(Lock { _file: file })
}

/// A folder in the cache to gather the files in. Until it is published nobody looks at it, and dropped it is gone.
/// The caller holds the lock.
pub(super) fn staging(cache: &Path, set: &DataSet) -> Result<TempDir> {
    // No name holds a dot, so none of these is the beginning of another data set's, as `.ml-1m-` would be of `.ml-1m-ncf`.
    let prefix = format!(".{}.part-", set.name);
    remove_leftovers(cache, &prefix)?;
    tempfile::Builder::new().prefix(&prefix).tempdir_in(cache).map_err(Error::io("create a folder in", cache))
}

/// Removes what a process that was killed has left: the lock says that nobody is at work in it.
fn remove_leftovers(cache: &Path, prefix: &str) -> Result<()> {
    for entry in fs::read_dir(cache).map_err(Error::io("list the folder", cache))? {
        let path = entry.map_err(Error::io("list the folder", cache))?.path();
        let is_leftover =
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(prefix));
        if is_leftover {
            fs::remove_dir_all(&path).map_err(Error::io("remove", &path))?;
        }
    }
    Ok(())
}

/// Makes the gathered files the data set's folder, in one step. The caller holds the lock.
pub(super) fn publish(cache: &Path, set: &DataSet, staging: TempDir, manifest: &Manifest) -> Result<()> {
    let path = staging.path().join(MANIFEST);
    let text = serde_json::to_vec_pretty(manifest).expect("a manifest has only strings and numbers");
    fs::write(&path, text).map_err(Error::io("write", &path))?;
    sync(&path)?;
    sync(staging.path())?;
    let target = folder(cache, set);
    if target.exists() {
        fs::remove_dir_all(&target).map_err(Error::io("replace", &target))?;
    }
    fs::rename(staging.path(), &target).map_err(Error::io("create", &target))?;
    // What was staged has another name now, so there is nothing to remove.
    let _ = staging.keep();
    sync(cache)
}

impl Manifest {
    pub(super) fn new(source: String, files: Vec<StoredFile>) -> Self {
        Self { version: VERSION, source, files }
    }
}

/// Has the system write a file or a folder to the disk. Windows cannot open a folder, and needs it not.
fn sync(path: &Path) -> Result<()> {
    if cfg!(windows) && path.is_dir() {
        return Ok(());
    }
    File::open(path).and_then(|file| file.sync_all()).map_err(Error::io("write", path))
}
