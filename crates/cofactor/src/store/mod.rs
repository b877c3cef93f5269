//! The model file, `*.cofactor`: everything that a recommender needs, in one file that is whole or refused.
//!
//! `docs/model-file.md` specifies the format. The frame is safetensors, so that NumPy reads the arrays; a SHA-256 over all
//! of it comes last. The same fit gives the same bytes. Loading runs no code of the file and trusts none of it.

mod atomic;
mod checkpoint;
mod contents;
mod frame;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use atomic::write_atomically;
pub use checkpoint::{Checkpoint, Fit};
use contents::Kind;
use frame::{Flaw, Frame, Opened};

use crate::data::ratings::{Catalog, Ratings, Scale, Time};
use crate::error::{Error, Result};
use crate::fit::model::Model;

/// The version of the format that is written, and the newest that is read.
pub const FORMAT_VERSION: u32 = 1;

/// A fitted model with all that belongs to it.
pub struct ModelFile {
    /// The algorithm's name in the registry.
    pub algorithm: String,
    /// All its parameters.
    pub config: Map<String, Value>,
    /// The seed of the fit.
    pub seed: u64,
    /// What an evaluation measured, if there was one.
    pub metrics: Option<Value>,
    /// What the model was trained on.
    pub data: DataInfo,
    /// The ratings it was trained on: what to leave out of recommendations, and what explains them. Without times once
    /// they have been in a file.
    pub seen: Ratings,
    /// The model.
    pub model: Box<dyn Model>,
}

/// What a model was trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataInfo {
    /// The data set's name, or its file's.
    pub name: String,
    /// [`Ratings::fingerprint`] of the training ratings.
    pub fingerprint: String,
    /// m.
    pub users: usize,
    /// n.
    pub items: usize,
    /// N.
    pub ratings: usize,
    /// The range of the ratings.
    pub scale: Scale,
    /// The first and the last time, where there are times.
    pub time_span: Option<(Time, Time)>,
}

impl DataInfo {
    /// Of these ratings. Cost: linear, for the fingerprint.
    pub fn of(ratings: &Ratings) -> Self {
        Self {
            name: ratings.catalog().name.clone(),
            fingerprint: ratings.fingerprint(),
            users: ratings.users(),
            items: ratings.items(),
            ratings: ratings.len(),
            scale: ratings.scale(),
            time_span: ratings.time_span(),
        }
    }
}

impl ModelFile {
    /// What a fit of `algorithm` with `config` and `seed` on the ratings `seen` has returned.
    pub fn new(
        algorithm: &str,
        config: Map<String, Value>,
        seed: u64,
        seen: Ratings,
        model: Box<dyn Model>,
    ) -> Self {
        let data = DataInfo::of(&seen);
        Self { algorithm: algorithm.to_owned(), config, seed, metrics: None, data, seen, model }
    }

    /// Who and what the indices stand for.
    pub fn catalog(&self) -> &Arc<Catalog> {
        self.seen.catalog()
    }

    /// Writes the file: the old content stays until the new one is whole on the disk.
    ///
    /// Memory: one copy of the model's tensors, of the attributes and of 8 bytes a user, beyond what is there.
    pub fn save(&self, path: &Path) -> Result<()> {
        let tensors = self.model.tensors();
        let frame = Frame::new(&contents::texts(self), contents::parts(self, &tensors));
        let frame = frame.ok_or_else(|| Error::ModelFile {
            path: path.to_owned(),
            problem: "the metrics and parameters are longer than a header may be (100 MB)".to_owned(),
            hint: "save without the metrics".to_owned(),
        })?;
        write_atomically(path, |out| frame.write(out))
    }

    /// Reads a file and checks every byte of it before any is used. Memory: that of the model and its ratings, and once more
    /// that of its tensors.
    ///
    /// # Errors
    /// [`Error::ModelFile`] says what is wrong with the file, [`Error::Io`] why it cannot be read.
    pub fn load(path: &Path) -> Result<Self> {
        opened(path, "name a model file", Self::read)
    }

    fn read(input: impl Read + Seek, len: u64) -> frame::Checked<Self> {
        let mut opened = Opened::new(input, len)?;
        contents::expect_format(&opened, Kind::Model)?;
        opened.verify()?;
        contents::expect_version(&opened)?;
        contents::read(&mut opened)
    }
}

/// Opens a plain file and reads it.
fn opened<T>(path: &Path, hint: &str, read: impl FnOnce(File, u64) -> frame::Checked<T>) -> Result<T> {
    let file = File::open(path).map_err(Error::io("read", path))?;
    let found = file.metadata().map_err(Error::io("read", path))?;
    if !found.is_file() {
        let what = if found.is_dir() { "a folder" } else { "not a plain file" };
        return Err(content_error(path, format!("this is {what}"), hint));
    }
    read(file, found.len()).map_err(|flaw| match flaw {
        Flaw::Io(source) => Error::io("read", path)(source),
        Flaw::Content { problem, hint } => content_error(path, problem, hint),
    })
}

fn content_error(path: &Path, problem: String, hint: &str) -> Error {
    Error::ModelFile { path: path.to_owned(), problem, hint: hint.to_owned() }
}
