//! A study: what is searched, and the trials so far; kept in a file of lines, so that it can be cut off and taken up again.
//!
//! The first line is the [`Header`], each other one a [`Trial`], both as JSON. A trial is written in one go and flushed to the disk when it
//! is done. What a killed process left of a last line is dropped; anything else that is no trial is refused.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::space::Dimension;
use crate::data::ratings::Ratings;
use crate::data::split::{Plan, Spec};
use crate::error::{Error, Result};
use crate::eval::early::{EPOCHS, EarlyStopping};
use crate::registry::Entry;

/// What makes a study what it is: with the same header, the same trials come out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The version of this format.
    pub cofactor_study: u32,
    /// The version of Cofactor that began it.
    pub version: String,
    /// The data's name.
    pub data: String,
    /// The data's fingerprint.
    pub fingerprint: String,
    /// The split whose training parts are searched on; `none` for all ratings.
    pub split: String,
    /// The model's name.
    pub model: String,
    /// What every random draw comes from.
    pub seed: u64,
    /// How each trial is measured and stopped.
    pub early_stopping: EarlyStopping,
    /// The parameters that are searched.
    pub space: Vec<Dimension>,
    /// The values of the others; `epochs` is the most that are tried.
    pub fixed: Map<String, Value>,
    /// The parameters of the first trial: the defaults, or a preset.
    pub start: Map<String, Value>,
}

/// The version of the format that is written.
pub const FORMAT: u32 = 1;

/// One set of parameters, and what it came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Counted from 0.
    pub number: usize,
    /// The parameters that are searched, with their values.
    pub parameters: Map<String, Value>,
    /// What it came to.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Wall time.
    pub seconds: f64,
}

/// What a trial came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum Outcome {
    /// It was fitted and measured.
    Done {
        /// The RMSE over all validation ratings, not clipped.
        rmse: f64,
        /// The best number of epochs, the mean over the validation parts; none for models without epochs.
        epochs: Option<usize>,
        /// The RMSE after each epoch, for each validation part.
        curves: Vec<Vec<f64>>,
    },
    /// It was given up as hopeless.
    Pruned {
        /// The best RMSE by then, on the validation part at hand.
        rmse: f64,
        /// After how many epochs, over all validation parts.
        after: usize,
    },
    /// It could not be fitted.
    Failed {
        /// Why.
        reason: String,
    },
}

impl Trial {
    /// The RMSE, if it was measured to the end.
    pub fn rmse(&self) -> Option<f64> {
        match self.outcome {
            Outcome::Done { rmse, .. } => Some(rmse),
            _ => None,
        }
    }
}

/// A study, in memory and perhaps in a file.
#[derive(Debug)]
pub struct Study {
    /// What is searched.
    pub header: Header,
    /// The trials, by number; some may be missing among the last.
    pub trials: Vec<Trial>,
    file: Option<(PathBuf, File)>,
}

impl Study {
    /// A study in memory alone.
    pub fn new(header: Header) -> Self {
        Self { header, trials: Vec::new(), file: None }
    }

    /// A study in a file, which is made if it is not there, and taken up if it is. As long as it is open, no other process gets it.
    ///
    /// # Errors
    /// The file holds another study, or none, or is in use.
    pub fn open(path: &Path, header: Header) -> Result<Self> {
        let write = || Error::io("write", path);
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(path).map_err(write())?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let problem = format!("another process works on the study {}", path.display());
                return Err(Error::unsupported(problem, "wait until it is done, or name another file"));
            }
            Err(TryLockError::Error(error)) => return Err(write()(error)),
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(Error::io("read", path))?;
        // What comes after the last line break is what a killed process left.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        file.set_len(whole as u64).map_err(write())?;
        file.seek(SeekFrom::End(0)).map_err(write())?;
        if whole == 0 {
            let mut study = Self { header, trials: Vec::new(), file: Some((path.to_owned(), file)) };
            study.append(&study.header.clone())?;
            return Ok(study);
        }
        let (found, trials) = parse(path, &text[..whole])?;
        let differences = found.differences(&header);
        if !differences.is_empty() {
            return Err(Error::unsupported(
                format!("{} is another study: {}", path.display(), differences.join("; ")),
                "name another file, or ask for the same study",
            ));
        }
        Ok(Self { header: found, trials, file: Some((path.to_owned(), file)) })
    }

    /// Reads a study to look at its trials.
    ///
    /// # Errors
    /// The file cannot be read, or holds no study.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let (header, trials) = parse(path, &text[..whole])?;
        Ok(Self { header, trials, file: None })
    }

    /// Adds a trial, in the file too.
    pub fn add(&mut self, trial: Trial) -> Result<()> {
        self.append(&trial)?;
        let place = self.trials.partition_point(|other| other.number < trial.number);
        self.trials.insert(place, trial);
        Ok(())
    }

    /// The trial with the lowest RMSE; of equal ones the first.
    pub fn best(&self) -> Option<&Trial> {
        let done = self.trials.iter().filter_map(|trial| Some((trial, trial.rmse()?)));
        done.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(trial, _)| trial)
    }

    /// All parameters of the best trial, `epochs` as it found them.
    ///
    /// # Errors
    /// No trial came to its end.
    pub fn winner(&self) -> Result<Map<String, Value>> {
        let Some(best) = self.best() else {
            let problem = format!("no trial of the study came to its end, of {}", self.trials.len());
            return Err(Error::unsupported(problem, "search longer, or over other values"));
        };
        let mut parameters = self.header.fixed.clone();
        parameters.extend(best.parameters.clone());
        if let Outcome::Done { epochs: Some(epochs), .. } = best.outcome {
            parameters.insert(EPOCHS.to_owned(), epochs.into());
        }
        Ok(parameters)
    }

    fn append(&mut self, line: &impl Serialize) -> Result<()> {
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        let mut line = serde_json::to_string(line).expect("string keys and finite numbers alone");
        line.push('\n');
        file.write_all(line.as_bytes()).and_then(|()| file.sync_data()).map_err(Error::io("write", path))
    }
}

impl Header {
    /// The head of a new study: of `entry`, over the space and with the fixed parameters that [`super::space()`] has made of `config`, on the
    /// training parts of a split of these ratings. Cost: linear, for the fingerprint.
    pub fn new(
        entry: &Entry,
        config: &Map<String, Value>,
        (space, fixed): (Vec<Dimension>, Map<String, Value>),
        ratings: &Ratings,
        split: Spec,
        early_stopping: EarlyStopping,
        seed: u64,
    ) -> Self {
        let start = space.iter().filter_map(|dimension| config.get_key_value(&dimension.name));
        Self {
            cofactor_study: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            data: ratings.catalog().name.clone(),
            fingerprint: ratings.fingerprint(),
            split: split.to_string(),
            model: entry.name.to_owned(),
            seed,
            early_stopping,
            start: start.map(|(name, value)| (name.clone(), value.clone())).collect(),
            space,
            fixed,
        }
    }

    /// What the search saw of the test parts of a plan when it chose the winner, as a sentence; `None` where it saw nothing of them.
    pub fn leakage(&self, plan: &Plan<'_>, seed: u64) -> Option<String> {
        if plan.ratings().fingerprint() != self.fingerprint {
            return None;
        }
        if plan.spec().to_string() != self.split || seed != self.seed {
            return Some(format!(
                "The parameters were chosen on training parts of the split {} with seed {}, which hold some of the ratings tested here: the \
                 figures are a little better than they should be. Search with the same split and seed to keep the test part unseen.",
                self.split, self.seed
            ));
        }
        (plan.names().len() > 1).then(|| {
            "The parameters were chosen on the training parts of these folds, and what one fold tests is in the training part of the others: \
             the figures may be a little better than they should be. A search and a test over one fold alone share no rating."
                .to_owned()
        })
    }

    /// What differs, in words; the version of Cofactor may.
    fn differences(&self, wanted: &Self) -> Vec<String> {
        let object = |header: &Self| match serde_json::to_value(header) {
            Ok(Value::Object(object)) => object,
            _ => Map::new(),
        };
        let (found, wanted) = (object(self), object(wanted));
        let differs =
            |(name, found): &(&String, &Value)| *name != "version" && wanted.get(*name) != Some(found);
        found
            .iter()
            .filter(differs)
            .map(|(name, found)| {
                let wanted = wanted.get(name).unwrap_or(&Value::Null);
                format!("{} is {found} there and {wanted} here", name.replace('_', " "))
            })
            .collect()
    }
}

fn parse(path: &Path, text: &str) -> Result<(Header, Vec<Trial>)> {
    let refuse = |line: usize, error: &serde_json::Error| {
        let problem = format!("{}:{}: this is no line of a study: {error}", path.display(), line + 1);
        Error::unsupported(problem, "name a file that `cofactor tune --study` wrote, or a new one")
    };
    let mut lines = text.lines().enumerate();
    let (_, first) = lines.next().unwrap_or((0, ""));
    let header: Header = serde_json::from_str(first).map_err(|error| refuse(0, &error))?;
    if header.cofactor_study != FORMAT {
        let problem = format!("{}: a study of format {}", path.display(), header.cofactor_study);
        return Err(Error::unsupported(problem, format!("this version reads format {FORMAT}")));
    }
    let trial = |(line, text)| serde_json::from_str(text).map_err(|error| refuse(line, &error));
    let mut trials: Vec<Trial> = lines.map(trial).collect::<Result<_>>()?;
    trials.sort_by_key(|trial| trial.number);
    Ok((header, trials))
}

#[cfg(test)]
mod tests {
    use super::super::space::Range;
    use super::*;
    use serde_json::json;

    fn header() -> Header {
        Header {
            cofactor_study: FORMAT,
            version: "0".to_owned(),
            data: "x".to_owned(),
            fingerprint: "f".to_owned(),
            split: "none".to_owned(),
            model: "mf".to_owned(),
            seed: 1,
            early_stopping: EarlyStopping::default(),
            space: vec![Dimension { name: "reg".to_owned(), range: Range::Real { low: 0.01, high: 0.1 } }],
            fixed: serde_json::from_value(json!({"factors": 8, "epochs": 200})).unwrap(),
            start: Map::new(),
        }
    }

    fn trial(number: usize, rmse: f64) -> Trial {
        Trial {
            number,
            parameters: serde_json::from_value(json!({"reg": 0.02 + number as f64 / 1000.0})).unwrap(),
            outcome: Outcome::Done { rmse, epochs: Some(30), curves: vec![vec![1.0, rmse]] },
            seconds: 0.5,
        }
    }

    #[test]
    fn a_study_comes_back_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.jsonl");
        let mut study = Study::open(&path, header()).unwrap();
        study.add(trial(1, 0.9)).unwrap();
        study.add(trial(0, 0.95)).unwrap();
        study
            .add(Trial { outcome: Outcome::Failed { reason: "it\ndiverged".to_owned() }, ..trial(2, 0.0) })
            .unwrap();
        study.add(Trial { outcome: Outcome::Pruned { rmse: 1.0, after: 6 }, ..trial(3, 0.0) }).unwrap();
        let trials = study.trials.clone();
        assert_eq!(trials.iter().map(|trial| trial.number).collect::<Vec<_>>(), [0, 1, 2, 3]);
        drop(study);
        let again = Study::open(&path, Header { version: "1".to_owned(), ..header() }).unwrap();
        assert_eq!(again.trials, trials);
        assert_eq!(again.best().unwrap().number, 1);
        let winner = again.winner().unwrap();
        assert_eq!(
            (&winner["reg"], &winner["epochs"], &winner["factors"]),
            (&0.021.into(), &30.into(), &8.into())
        );
        assert_eq!(Study::read(&path).unwrap().trials, trials);
    }

    #[test]
    fn half_a_line_is_dropped_and_a_wrong_one_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.jsonl");
        let mut study = Study::open(&path, header()).unwrap();
        study.add(trial(0, 0.9)).unwrap();
        drop(study);
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{whole}{{\"number\":1,\"par")).unwrap();
        let mut study = Study::open(&path, header()).unwrap();
        assert_eq!(study.trials.len(), 1);
        study.add(trial(1, 0.8)).unwrap();
        drop(study);
        assert_eq!(Study::read(&path).unwrap().trials.len(), 2);
        std::fs::write(&path, format!("{whole}ratings\n")).unwrap();
        let message = Study::open(&path, header()).unwrap_err().to_string();
        assert!(message.contains("s.jsonl:3: this is no line of a study"), "{message}");
    }

    #[test]
    fn another_study_is_refused_with_what_differs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.jsonl");
        drop(Study::open(&path, header()).unwrap());
        let message = Study::open(&path, Header { seed: 2, model: "als".to_owned(), ..header() });
        let message = message.unwrap_err().to_string();
        assert!(message.contains("seed is 1 there and 2 here"), "{message}");
        assert!(message.contains("model is \"mf\" there and \"als\" here"), "{message}");
        assert!(!message.contains("fingerprint"), "{message}");
    }

    #[test]
    fn two_processes_do_not_write_one_study() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.jsonl");
        let study = Study::open(&path, header()).unwrap();
        assert!(Study::open(&path, header()).unwrap_err().to_string().contains("another process"));
        drop(study);
        assert!(Study::open(&path, header()).is_ok());
    }
}
