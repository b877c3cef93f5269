//! Taking the wanted files out of an archive, and looking whether they are what they should be.

use std::fs::File;
use std::io::{Cursor, Read, Seek, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zip::ZipArchive;

use super::list::{DataSet, Member};
use super::{Attempt, Event, Observer};

/// A file in the cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// Its name.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, 64 hexadecimal digits.
    pub sha256: String,
}

/// Writes the data set's files from its archive into a folder.
///
/// A file is found by its name, in whatever folder of the archive it stands; the archive's paths are never used to write.
pub(super) fn unpack(
    archive: impl Read + Seek,
    set: &DataSet,
    folder: &Path,
    observer: &mut Observer<'_>,
) -> Attempt<Vec<StoredFile>> {
    let mut archive = open(archive)?;
    set.members
        .iter()
        .map(|member| {
            let position = position(&archive, member.file)?;
            let mut content =
                archive.by_index(position).map_err(|error| unreadable(member.file, &error.to_string()))?;
            keep(&mut content, member, set.max_bytes, folder, observer)
        })
        .collect()
}

/// A file of an archive as text. At most `limit` bytes.
pub(super) fn text_of(archive: &[u8], file: &str, limit: u64) -> Attempt<String> {
    let mut archive = open(Cursor::new(archive))?;
    let position = position(&archive, file)?;
    let content = archive.by_index(position).map_err(|error| unreadable(file, &error.to_string()))?;
    let mut text = String::new();
    content.take(limit).read_to_string(&mut text).map_err(|error| unreadable(file, &error.to_string()))?;
    Ok(text)
}

/// Writes one file, and looks whether it is what it should be. At most `limit` bytes.
pub(super) fn keep(
    content: &mut impl Read,
    member: &Member,
    limit: u64,
    folder: &Path,
    observer: &mut Observer<'_>,
) -> Attempt<StoredFile> {
    let failed = |error: std::io::Error| unreadable(member.file, &error.to_string());
    let mut file = File::create(folder.join(member.file)).map_err(failed)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        let read = content.read(&mut buffer).map_err(failed)?;
        if read == 0 {
            break;
        }
        bytes += read as u64;
        if bytes > limit {
            return Err(format!("{} has more than {limit} bytes, too many for this data set", member.file));
        }
        hash.update(&buffer[..read]);
        file.write_all(&buffer[..read]).map_err(failed)?;
    }
    file.sync_all().map_err(failed)?;
    let stored = StoredFile { file: member.file.to_owned(), bytes, sha256: hexadecimal(hash) };
    if !member.sha256.is_empty() {
        check(&stored, member)?;
        observer(Event::Verified { file: member.file });
    }
    Ok(stored)
}

/// Whether a file has one of the hashes that it may have.
pub(super) fn check(stored: &StoredFile, member: &Member) -> Attempt<()> {
    if member.sha256.is_empty() || member.sha256.contains(&stored.sha256.as_str()) {
        return Ok(());
    }
    let (file, expected, found) = (member.file, member.sha256.join(" or "), &stored.sha256);
    Err(format!("{file} is not the published file: its SHA-256 should be {expected} and is {found}"))
}

/// The SHA-256 of a file in the cache.
pub(super) fn hash_file(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hexadecimal(hash));
        }
        hash.update(&buffer[..read]);
    }
}

/// The SHA-256 of a text.
pub(super) fn hash_text(text: &str) -> String {
    hexadecimal(Sha256::new_with_prefix(text.as_bytes()))
}

fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn open<R: Read + Seek>(archive: R) -> Attempt<ZipArchive<R>> {
    ZipArchive::new(archive)
        .map_err(|error| format!("what came is no zip archive, or a damaged one ({error})"))
}

fn position<R: Read + Seek>(archive: &ZipArchive<R>, file: &str) -> Attempt<usize> {
    archive
        .file_names_raw()
        .position(|path| path.rsplit(|&byte| byte == b'/' || byte == b'\\').next() == Some(file.as_bytes()))
        .ok_or_else(|| format!("the archive holds no {file}"))
}

fn unreadable(file: &str, error: &str) -> String {
    format!("{file} could not be unpacked: {error}")
}
