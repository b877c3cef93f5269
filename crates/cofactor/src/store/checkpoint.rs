//! A fit that was cut off, as a file in the frame of the model file: what it is a fit of, and the state it can go on from.

use std::fs::File;
use std::path::Path;

use serde_json::{Map, Value};

use super::contents::{self, Kind};
use super::frame::{Checked, Frame, Opened};
use super::{DataInfo, content_error, opened, write_atomically};
use crate::error::Result;
use crate::fit::model::Tensors;

/// The state of a fit after some of its epochs.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// What is fitted to what.
    pub fit: Fit,
    /// What the algorithm needs to go on.
    pub state: Tensors,
}

/// What is fitted to what: two fits that agree in it have the same bits.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// The algorithm's name in the registry.
    pub algorithm: String,
    /// All its parameters.
    pub config: Map<String, Value>,
    /// The seed.
    pub seed: u64,
    /// The training ratings.
    pub data: DataInfo,
}

impl Checkpoint {
    /// Writes the file: the old content stays until the new one is whole on the disk.
    pub fn save(&self, path: &Path) -> Result<()> {
        let Fit { algorithm, config, seed, data } = &self.fit;
        let texts = contents::fit_texts(Kind::Checkpoint, algorithm, (config, *seed), data);
        let frame = Frame::new(&texts, contents::learned(&self.state).collect());
        let frame = frame.ok_or_else(|| content_error(path, "its header is too long".to_owned(), ""))?;
        write_atomically(path, |out| frame.write(out))
    }

    /// Reads a file and checks every byte of it before any is used.
    ///
    /// # Errors
    /// As [`ModelFile::load`](super::ModelFile::load).
    pub fn load(path: &Path) -> Result<Self> {
        opened(path, "name a file that `cofactor train --checkpoint FILE` has written", Self::read)
    }

    fn read(input: File, len: u64) -> Checked<Self> {
        let mut opened = Opened::new(input, len)?;
        contents::expect_format(&opened, Kind::Checkpoint)?;
        opened.verify()?;
        contents::expect_version(&opened)?;
        Ok(Self { fit: contents::read_fit(&opened)?, state: contents::read_learned(&mut opened)? })
    }

    /// The state, if it belongs to this fit.
    ///
    /// # Errors
    /// [`Error::ModelFile`](crate::error::Error::ModelFile) names what differs: the algorithm, a parameter, the seed or the data.
    pub fn state_for(self, fit: &Fit, path: &Path) -> Result<Tensors> {
        match difference(&self.fit, fit) {
            None => Ok(self.state),
            Some(problem) => {
                let hint = "go on with the same data, parameters and seed, or begin anew without --resume";
                Err(content_error(path, problem, hint))
            }
        }
    }
}

/// The first thing in which a checkpoint's fit and the one at hand differ.
fn difference(cut_off: &Fit, at_hand: &Fit) -> Option<String> {
    if cut_off.algorithm != at_hand.algorithm {
        return Some(format!("it is of a fit of '{}', not of '{}'", cut_off.algorithm, at_hand.algorithm));
    }
    for (name, value) in &at_hand.config {
        let was = cut_off.config.get(name);
        if was != Some(value) {
            let was = was.map_or("unknown".to_owned(), Value::to_string);
            return Some(format!("the parameter '{name}' was {was}, and is {value} now"));
        }
    }
    if cut_off.seed != at_hand.seed {
        return Some(format!("the seed was {}, and is {} now", cut_off.seed, at_hand.seed));
    }
    if cut_off.data.fingerprint != at_hand.data.fingerprint {
        let (was, is) = (&cut_off.data, &at_hand.data);
        return Some(format!(
            "it is of a fit to other data: {} with {} ratings, and not {} with {} (or one of them differs)",
            was.name, was.ratings, is.name, is.ratings
        ));
    }
    None
}
