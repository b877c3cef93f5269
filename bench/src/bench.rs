//! What the figures share: the command as shipped, the data sets, a scratch folder, the counts of repeats.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use cofactor::data::datasets::Store;
use cofactor::data::ids::{Item, User};
use cofactor::data::ratings::Ratings;
use cofactor::registry::{self, Configured};
use serde_json::Value;
use tempfile::TempDir;

use crate::machine;

/// The repository.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Where this workspace builds what it needs.
pub fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target")
}

/// The stage of all measurements.
pub struct Bench {
    /// How often a comparison is repeated.
    pub repeats: usize,
    /// How many epochs the NumPy loop runs.
    pub numpy_epochs: u32,
    store: Store,
    scratch: TempDir,
}

impl Bench {
    /// Finds the cache of data sets.
    pub fn new(repeats: usize, numpy_epochs: u32) -> Result<Self> {
        let cache = std::env::var_os("COFACTOR_CACHE").map(PathBuf::from).or_else(Store::platform_cache);
        let mut store = Store::new(cache.context("a home folder, or COFACTOR_CACHE")?);
        store.mirror = std::env::var("COFACTOR_MIRROR").ok();
        Ok(Self { repeats, numpy_epochs, store, scratch: tempfile::tempdir()? })
    }

    /// A data set; fetched where the cache has not got it.
    pub fn load(&self, name: &str) -> Result<Ratings> {
        Ok(self.store.load(name, &mut |_| ())?)
    }

    /// The folder of a data set's files in the cache.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        self.store.fetch(name, &mut |_| ())?.folder.context("a data set that is kept in files")
    }

    /// The test part of a published division, by user and item.
    pub fn official(
        &self,
        name: &str,
        split: &str,
        ratings: &Ratings,
    ) -> cofactor::error::Result<Vec<(User, Item)>> {
        self.store.official(name, split, ratings)
    }

    /// A path for something that is thrown away afterwards.
    pub fn scratch(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Writes ratings for a peer: records of user u32, item u32, value f32, little endian.
    pub fn records(&self, name: &str, ratings: &Ratings) -> Result<PathBuf> {
        let mut bytes = Vec::with_capacity(12 * ratings.len());
        for rating in ratings.iter() {
            bytes.extend_from_slice(&rating.user.0.to_le_bytes());
            bytes.extend_from_slice(&rating.item.0.to_le_bytes());
            bytes.extend_from_slice(&rating.value.to_le_bytes());
        }
        let path = self.scratch(name);
        std::fs::write(&path, bytes)?;
        Ok(path)
    }
}

/// Builds the command as users get it; says where it is.
pub fn cofactor() -> Result<PathBuf> {
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "--package", "cofactor-cli"]).current_dir(root());
    machine::run(build.env_remove("RUSTFLAGS").env_remove("CXXFLAGS"))?;
    Ok(root().join("target/release/cofactor"))
}

/// A model with one of its presets, or its defaults, and on top of it these parameters.
pub fn model(name: &str, preset: Option<&str>, parameters: &[(&str, &str)]) -> Result<Box<dyn Configured>> {
    let pairs: Vec<(String, String)> =
        parameters.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    Ok(registry::find(name)?.configure_written(preset, &pairs)?)
}

/// `mf` with these parameters.
pub fn mf(parameters: Value) -> Result<Box<dyn Configured>> {
    let Value::Object(parameters) = parameters else { anyhow::bail!("parameters are an object") };
    Ok(registry::find("mf")?.configure(&parameters)?)
}

/// `mf` with one of its presets.
pub fn preset(name: &str) -> Result<Box<dyn Configured>> {
    Ok(registry::find("mf")?.configure_written(Some(name), &[])?)
}
