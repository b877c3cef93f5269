//! The models that are served, by name.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cofactor::recommender::Recommender;
use cofactor::{Error, Result};

use crate::events::{Refit, Store};
use crate::problem::{Kind, Problem};

/// A model with its name.
pub struct Served {
    /// The stem of its file's name.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// What answers.
    pub recommender: Recommender,
    /// How often it has been put in the place of another of the same name.
    pub generation: u64,
    /// The first event that it was not trained on.
    pub trained_until: u64,
}

impl Served {
    /// Opens a model file.
    ///
    /// # Errors
    /// Those of [`Recommender::open`].
    pub fn open(path: &Path) -> Result<Self> {
        let recommender = Recommender::open(path)?;
        let name =
            path.file_stem().map_or_else(|| "model".to_owned(), |stem| stem.to_string_lossy().into_owned());
        Ok(Self { name, path: path.to_owned(), recommender, generation: 0, trained_until: 0 })
    }

    /// Opens a model file, or the refit of it that a store holds.
    ///
    /// # Errors
    /// Those of [`Recommender::open`], and of the store.
    pub fn open_with(path: &Path, store: &Store) -> Result<Self> {
        let given = Self::open(path)?;
        let Some(path) = store.refit_path(&given.name).filter(|path| path.exists()) else {
            return Ok(given);
        };
        let recommender = Recommender::open(&path)?;
        let refit = Self { path, recommender, name: given.name.clone(), ..given };
        let until = store
            .trained_until(&refit.fit())
            .map_err(|error| Error::unsupported(error.problem, error.hint))?;
        match until {
            Some(trained_until) => Ok(Self { trained_until, ..refit }),
            None => Ok(given),
        }
    }

    /// What the store knows this fit by.
    pub(crate) fn fit(&self) -> Refit {
        let fingerprint = self.recommender.file().data.fingerprint.clone();
        Refit { model: self.name.clone(), fingerprint }
    }

    /// About how many multiplications it takes to score the whole catalogue.
    pub(crate) fn scoring_cost(&self) -> usize {
        let file = self.recommender.file();
        let k = file.model.factors().map_or(64, cofactor::fit::factors::Factors::k);
        file.data.items.saturating_mul(k + 4)
    }
}

/// One model or more, with different names.
#[derive(Clone)]
pub struct Models(Vec<Arc<Served>>);

impl Models {
    /// These models, the first of which answers where none is named; `None` without a model, or where two have one name.
    pub fn new(models: Vec<Served>) -> Option<Self> {
        let twice = |place: usize| models[..place].iter().any(|other| other.name == models[place].name);
        if models.is_empty() || (0..models.len()).any(twice) {
            return None;
        }
        Some(Self(models.into_iter().map(Arc::new).collect()))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Served> {
        self.0.iter().map(|served| &**served)
    }

    /// The first event that one of them was not trained on.
    pub(crate) fn trained_until(&self) -> u64 {
        self.iter().map(|served| served.trained_until).min().unwrap_or(0)
    }

    pub(crate) fn default_model(&self) -> &Served {
        &self.0[0]
    }

    pub(crate) fn find(&self, name: Option<&str>) -> Result<Arc<Served>, Problem> {
        let Some(name) = name else { return Ok(Arc::clone(&self.0[0])) };
        self.0.iter().find(|served| served.name == name).cloned().ok_or_else(|| {
            let known: Vec<&str> = self.iter().map(|served| served.name.as_str()).collect();
            Problem::new(Kind::UnknownModel, format!("no model is called '{name}'"))
                .hint(format!("there are: {}", known.join(", ")))
        })
    }

    /// The same with one of them replaced by its successor.
    pub(crate) fn with(&self, served: &Arc<Served>) -> Self {
        let replaced = |old: &Arc<Served>| Arc::clone(if old.name == served.name { served } else { old });
        Self(self.0.iter().map(replaced).collect())
    }
}
