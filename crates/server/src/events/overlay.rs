//! A file that is read and never written: what is written over it stays in memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

/// So many bytes are kept together.
const PAGE: u64 = 4_096;

/// Opening a database writes a little, if only that it is open: with this it can be read where nothing can be written.
#[derive(Debug)]
pub(super) struct Overlay<B> {
    under: B,
    over: Mutex<Over>,
}

#[derive(Debug)]
struct Over {
    len: u64,
    /// How much of what lies below still shows.
    below: u64,
    pages: BTreeMap<u64, Vec<u8>>,
}

impl<B: StorageBackend> Overlay<B> {
    pub(super) fn new(under: B) -> io::Result<Self> {
        let len = under.len()?;
        Ok(Self { under, over: Mutex::new(Over { len, below: len, pages: BTreeMap::new() }) })
    }

    fn over(&self) -> MutexGuard<'_, Over> {
        self.over.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A page as it was before anything was written over it.
    fn page(&self, number: u64, below: u64) -> io::Result<Vec<u8>> {
        let mut page = vec![0; PAGE as usize];
        let shown = below.saturating_sub(number * PAGE).min(PAGE) as usize;
        if shown > 0 {
            self.under.read(number * PAGE, &mut page[..shown])?;
        }
        Ok(page)
    }
}

/// The stretches of a range that lie on one page each: the page, where the stretch begins on it, and the bytes of the range.
fn stretches(offset: u64, len: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let start = (at % PAGE) as usize;
        let bytes = done..len.min(done + PAGE as usize - start);
        done = bytes.end;
        (!bytes.is_empty()).then_some((at / PAGE, start, bytes))
    })
}

impl<B: StorageBackend> StorageBackend for Overlay<B> {
    fn len(&self) -> io::Result<u64> {
        Ok(self.over().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let over = self.over();
        if offset.saturating_add(out.len() as u64) > over.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (number, start, bytes) in stretches(offset, out.len()) {
            let out = &mut out[bytes];
            match over.pages.get(&number) {
                Some(page) => out.copy_from_slice(&page[start..][..out.len()]),
                None => out.copy_from_slice(&self.page(number, over.below)?[start..][..out.len()]),
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut over = self.over();
        over.pages.split_off(&len.div_ceil(PAGE));
        if let Some(page) = over.pages.get_mut(&(len / PAGE)) {
            page[(len % PAGE) as usize..].fill(0);
        }
        over.len = len;
        over.below = over.below.min(len);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut over = self.over();
        for (number, start, bytes) in stretches(offset, data.len()) {
            if !over.pages.contains_key(&number) {
                let page = self.page(number, over.below)?;
                over.pages.insert(number, page);
            }
            if let Some(page) = over.pages.get_mut(&number) {
                page[start..][..bytes.len()].copy_from_slice(&data[bytes]);
            }
        }
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A file, to be read. It is not locked: whoever writes into it is this process, or nobody.
#[derive(Debug)]
pub(super) struct ReadFile(Mutex<File>);

impl ReadFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(Mutex::new(File::open(path)?)))
    }

    fn file(&self) -> MutexGuard<'_, File> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StorageBackend for ReadFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file().metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut file = self.file();
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(out)
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn write(&self, _: u64, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn close(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;

    use super::*;

    /// A fixed sequence that looks random.
    fn numbers() -> impl FnMut(u64) -> u64 {
        let mut state = 1_u64;
        move |below| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        }
    }

    #[test]
    fn it_is_the_file_with_what_was_written_over_it() {
        let mut number = numbers();
        for _ in 0..50 {
            let mut twin: Vec<u8> = (0..number(30_000)).map(|place| (place % 251) as u8).collect();
            let under = InMemoryBackend::new();
            under.set_len(twin.len() as u64).unwrap();
            under.write(0, &twin).unwrap();
            let (before, overlay) = (twin.clone(), Overlay::new(under).unwrap());
            for step in 0..40 {
                let (offset, len) = (number(twin.len() as u64 + 1) as usize, number(9_000) as usize);
                if step % 4 == 0 {
                    twin.resize(number(40_000) as usize, 0);
                    overlay.set_len(twin.len() as u64).unwrap();
                } else if let Some(place) = twin.get_mut(offset..offset + len) {
                    place.fill(step);
                    overlay.write(offset as u64, place).unwrap();
                }
                let mut found = vec![0; twin.len()];
                overlay.read(0, &mut found).unwrap();
                assert!(found == twin && overlay.len().unwrap() == twin.len() as u64);
            }
            let mut found = vec![0; before.len()];
            overlay.under.read(0, &mut found).unwrap();
            assert_eq!(found, before, "the file is as it was");
        }
    }
}
