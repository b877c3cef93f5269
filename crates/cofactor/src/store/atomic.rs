//! Files that are there whole or not at all.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Writes a file through `write`, so that the path holds the old content or the new one at any moment.
///
/// The bytes go to a temporary file in the same folder, which is flushed to the disk and then renamed. Whatever fails
/// leaves the old file as it was and removes the temporary one; only a killed process leaves that behind, as
/// `.NAME.….part`. A symbolic link is followed; anything that is not a plain file (a device, a pipe, a folder) is refused.
pub fn write_atomically(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let target = target(path)?;
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let result = write_beside(&target, folder, write);
    result.map_err(Error::io("write", path))
}

/// Where the bytes go: the path, or what it links to.
fn target(path: &Path) -> Result<PathBuf> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => fs::canonicalize(path).map_err(Error::io("write", path)),
        Ok(_) => {
            let problem = format!("{} is not a plain file, so it cannot be replaced", path.display());
            Err(Error::unsupported(problem, "name a file to write to"))
        }
        Err(_) => Ok(path.to_owned()),
    }
}

fn write_beside(
    target: &Path,
    folder: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let name = target.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let mut builder = tempfile::Builder::new();
    let prefix = format!(".{}.", name.to_string_lossy());
    builder.prefix(&prefix).suffix(".part");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut buffered = BufWriter::with_capacity(1 << 18, builder.tempfile_in(folder)?);
    write(&mut buffered)?;
    let file = buffered.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    file.persist(target).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// Makes the rename itself last; other systems than Unix do that by themselves.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).collect()
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        write_atomically(&path, |out| out.write_all(b"old")).unwrap();
        let failed = write_atomically(&path, |out| {
            out.write_all(&vec![0; 1 << 20])?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert!(failed.unwrap_err().to_string().starts_with("cannot write "));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        write_atomically(&path, |out| out.write_all(b"new")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(entries(folder.path()), ["model"]);
    }

    #[test]
    fn what_is_no_plain_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refused = write_atomically(folder.path(), |_| Ok(())).unwrap_err();
        assert!(refused.to_string().contains("is not a plain file"), "{refused}");
        let missing = folder.path().join("no such folder").join("model");
        assert!(matches!(write_atomically(&missing, |_| Ok(())), Err(Error::Io { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_followed_and_others_may_read() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("model"), folder.path().join("link"));
        let plain = folder.path().join("plain");
        fs::write(&plain, b"").unwrap();
        write_atomically(&path, |out| out.write_all(b"old")).unwrap();
        symlink(&path, &link).unwrap();
        write_atomically(&link, |out| out.write_all(b"new")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&path).unwrap(), b"new");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&plain), "as any program of this user writes files");
    }
}
