//! How a split is written: `user:0.2`, `kfold:10`, `official:u1`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Which ratings are held out for the test.
///
/// Written and read as text: [`Spec::FORMS`] lists the forms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Spec {
    /// This share of each user's ratings.
    User(f64),
    /// Each rating with this probability.
    Random(f64),
    /// As many parts of about the same size; each is the test part once.
    KFold(u16),
    /// The parts that scikit-learn's `KFold(folds, shuffle=True, random_state=seed)` makes of the ratings in the order of their file: all in turn, or
    /// one of them, counted from 1.
    NumpyKFold {
        /// Which part is the test part; each in turn where there is none.
        only: Option<u16>,
        /// How many parts.
        folds: u16,
        /// NumPy's seed.
        seed: u32,
    },
    /// The published test files of these names, one fold each.
    Official(&'static [&'static str]),
    /// The latest rating of each user.
    Loo,
    /// The latest share of all ratings.
    Time(f64),
    /// A fifth of the ratings of so many users, who are held out whole and folded in by the rest: strong generalization.
    Strong(u32),
    /// The published leave-one-out split with 99 given items for each user to rank it among.
    Ncf,
    /// The published training and test files that graph models are compared by.
    LightGcn,
    /// Nothing.
    None,
}

/// The published five-fold split of MovieLens 100K.
const FIVE: &[&str] = &["u1", "u2", "u3", "u4", "u5"];

/// Each published split alone.
const PUBLISHED: &[&[&str]] = &[&["u1"], &["u2"], &["u3"], &["u4"], &["u5"], &["ua"], &["ub"]];

impl Spec {
    /// Every form, with what it holds out: for help texts.
    pub const FORMS: &'static [(&'static str, &'static str)] = &[
        ("user:0.2", "20 % of each user's ratings, chosen by hash; each user keeps at least one"),
        ("random:0.1", "each rating with probability 0.1, chosen by hash"),
        ("kfold:10", "ten folds, chosen by hash"),
        (
            "numpy-kfold:1/10@0",
            "the first of the ten parts that scikit-learn's shuffled KFold makes with seed 0; numpy-kfold:10@0 is all ten. Data sets by name only",
        ),
        ("official:u1", "a published split: u1 to u5, ua, ub; `official` alone is u1 to u5 as five folds"),
        (
            "loo",
            "the latest rating of each user who has more than one; chosen by hash where the data have no times",
        ),
        ("time:0.1", "the latest 10 % of all ratings"),
        (
            "strong:500",
            "20 % of the ratings of 500 users whom training never sees; the other 80 % are folded in",
        ),
        (
            "ncf",
            "the published leave-one-out split, each item ranked among 99 given ones: data set ml-1m-ncf",
        ),
        ("lightgcn", "the published test file: data set gowalla"),
        ("none", "nothing: train on all"),
    ];

    /// The largest k of `kfold:k`.
    pub const MAX_FOLDS: u16 = 1000;

    /// What is held out, as a sentence for a report.
    pub fn protocol(&self) -> String {
        match self {
            Self::User(share) => format!(
                "Of each user's ratings, {} (rounded; each user keeps at least one) are held out, chosen by a hash of the \
                 seed, the user and the item.",
                percent(*share)
            ),
            Self::Random(share) => format!(
                "Each rating is held out with probability {share}, decided by a hash of the seed, the user and the item."
            ),
            Self::KFold(k) => format!(
                "A hash of the seed, the user and the item puts each rating into one of {k} folds; each fold is the test \
                 part once and is trained on the others."
            ),
            Self::NumpyKFold { only, folds, seed } => {
                let part = only.map_or("each part is".to_owned(), |part| format!("part {part} is"));
                format!(
                    "The ratings in the order of their file, shuffled by NumPy's RandomState({seed}) and cut into {folds} parts, as \
                     scikit-learn's KFold does; {part} the test part."
                )
            }
            Self::Official([name]) => format!("The published test file {name}.test is held out."),
            Self::Official(names) => {
                format!("The published test files {} are held out, one after the other.", names.join(", "))
            }
            Self::Loo => {
                "The latest rating of each user who has more than one is held out; a hash decides between \
                          ratings of the same moment, and alone where the data have no times. Other users' later ratings are in the training part."
                    .to_owned()
            }
            Self::Time(share) => format!(
                "The latest {} of all ratings are held out; ratings of the same moment stay together, on the side that \
                 brings the share nearer.",
                percent(*share)
            ),
            Self::Strong(users) => format!(
                "{users} users with two or more ratings, chosen by a hash of the seed and the user, are held out whole. Of each one's ratings, 20 % \
                 (rounded; at least one, and one stays) are tested, chosen by a hash too; the model is asked after folding in the others (Liang et al. 2018)."
            ),
            Self::Ncf => "The published test item of each user is held out, and ranked among the 99 items that were published with it (He et al. 2017). An item that is \
                          among its own 99 counts once."
                .to_owned(),
            Self::LightGcn => "The published test file is held out (He et al. 2020).".to_owned(),
            Self::None => "Nothing is held out.".to_owned(),
        }
    }

    /// An [`Error::Split`] about this split.
    pub(super) fn refuse(&self, problem: impl Into<String>, hint: impl Into<String>) -> Error {
        refuse(&self.to_string(), problem, hint)
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(share) => write!(f, "user:{share}"),
            Self::Random(share) => write!(f, "random:{share}"),
            Self::KFold(k) => write!(f, "kfold:{k}"),
            Self::NumpyKFold { only: Some(part), folds, seed } => {
                write!(f, "numpy-kfold:{part}/{folds}@{seed}")
            }
            Self::NumpyKFold { only: None, folds, seed } => write!(f, "numpy-kfold:{folds}@{seed}"),
            Self::Official([name]) => write!(f, "official:{name}"),
            Self::Official(_) => f.write_str("official"),
            Self::Loo => f.write_str("loo"),
            Self::Time(share) => write!(f, "time:{share}"),
            Self::Strong(users) => write!(f, "strong:{users}"),
            Self::Ncf => f.write_str("ncf"),
            Self::LightGcn => f.write_str("lightgcn"),
            Self::None => f.write_str("none"),
        }
    }
}

impl FromStr for Spec {
    type Err = Error;

    fn from_str(written: &str) -> Result<Self> {
        let (name, argument) = match written.split_once(':') {
            Some((name, argument)) => (name, Some(argument)),
            None => (written, None),
        };
        match name {
            "user" => Ok(Self::User(share(written, argument)?)),
            "random" => Ok(Self::Random(share(written, argument)?)),
            "time" => Ok(Self::Time(share(written, argument)?)),
            "kfold" => Ok(Self::KFold(folds(written, argument)?)),
            "numpy-kfold" => numpy_kfold(written, argument),
            "official" => published(argument),
            "strong" => strong(written, argument),
            "loo" => no_argument(written, argument, Self::Loo),
            "ncf" => no_argument(written, argument, Self::Ncf),
            "lightgcn" => no_argument(written, argument, Self::LightGcn),
            "none" => no_argument(written, argument, Self::None),
            _ => Err(Error::UnknownName {
                kind: "split",
                name: name.to_owned(),
                known: [
                    "user",
                    "random",
                    "kfold",
                    "numpy-kfold",
                    "official",
                    "loo",
                    "time",
                    "strong",
                    "ncf",
                    "lightgcn",
                    "none",
                ]
                .map(str::to_owned)
                .into(),
            }),
        }
    }
}

impl From<Spec> for String {
    fn from(spec: Spec) -> Self {
        spec.to_string()
    }
}

impl TryFrom<String> for Spec {
    type Error = Error;

    fn try_from(written: String) -> Result<Self> {
        written.parse()
    }
}

fn share(written: &str, argument: Option<&str>) -> Result<f64> {
    let name = written.split(':').next().unwrap_or(written);
    let Some(argument) = argument.filter(|argument| !argument.is_empty()) else {
        let hint = format!("write {name}:0.2 for 20 %");
        return Err(refuse(written, "the share to hold out is missing", hint));
    };
    match argument.parse::<f64>() {
        Ok(share) if share > 0.0 && share < 1.0 => Ok(share),
        Ok(percent) if percent > 1.0 && percent < 100.0 => {
            let hint = format!("write {name}:{} for {percent} %", percent / 100.0);
            Err(refuse(written, format!("the share {argument} is not between 0 and 1"), hint))
        }
        Ok(_) => {
            let hint = format!("both parts need ratings: write {name}:0.2 for 20 %");
            Err(refuse(written, format!("the share {argument} is not between 0 and 1"), hint))
        }
        Err(_) => {
            let hint = format!("write {name}:0.2 for 20 %");
            Err(refuse(written, format!("'{argument}' is not a number"), hint))
        }
    }
}

fn folds(written: &str, argument: Option<&str>) -> Result<u16> {
    let max = Spec::MAX_FOLDS;
    match argument.unwrap_or("").parse::<u16>() {
        Ok(k) if (2..=max).contains(&k) => Ok(k),
        _ => {
            let problem = format!("the number of folds must be a whole number from 2 to {max}");
            Err(refuse(written, problem, "write kfold:10 for ten folds"))
        }
    }
}

fn numpy_kfold(written: &str, argument: Option<&str>) -> Result<Spec> {
    let read = || {
        let (parts, seed) = argument?.split_once('@')?;
        let (only, folds) = match parts.split_once('/') {
            Some((part, folds)) => (Some(part.parse().ok()?), folds),
            None => (None, parts),
        };
        let (folds, seed) = (folds.parse().ok()?, seed.parse().ok()?);
        let fits =
            (2..=Spec::MAX_FOLDS).contains(&folds) && only.is_none_or(|part| (1..=folds).contains(&part));
        fits.then_some(Spec::NumpyKFold { only, folds, seed })
    };
    read().ok_or_else(|| {
        let problem = format!("it takes a number of folds from 2 to {} and NumPy's seed", Spec::MAX_FOLDS);
        refuse(
            written,
            problem,
            "write numpy-kfold:10@0 for ten folds, or numpy-kfold:1/10@0 for the first of them",
        )
    })
}

fn strong(written: &str, argument: Option<&str>) -> Result<Spec> {
    match argument.unwrap_or("").parse::<u32>() {
        Ok(users) if users > 0 => Ok(Spec::Strong(users)),
        _ => {
            let problem = "the number of users to hold out must be a whole number above zero";
            Err(refuse(written, problem, "write strong:500 for 500 users"))
        }
    }
}

fn published(argument: Option<&str>) -> Result<Spec> {
    let Some(name) = argument else {
        return Ok(Spec::Official(FIVE));
    };
    match PUBLISHED.iter().find(|names| names[0] == name) {
        Some(names) => Ok(Spec::Official(names)),
        None => Err(Error::UnknownName {
            kind: "published split",
            name: name.to_owned(),
            known: PUBLISHED.iter().map(|names| names[0].to_owned()).collect(),
        }),
    }
}

fn no_argument(written: &str, argument: Option<&str>, spec: Spec) -> Result<Spec> {
    match argument {
        None => Ok(spec),
        Some(_) => Err(refuse(written, format!("'{spec}' takes no argument"), format!("write {spec}"))),
    }
}

#[cold]
fn refuse(spec: &str, problem: impl Into<String>, hint: impl Into<String>) -> Error {
    Error::Split { spec: spec.to_owned(), problem: problem.into(), hint: hint.into() }
}

/// 0.2 → "20 %", 0.125 → "12.5 %".
pub(super) fn percent(share: f64) -> String {
    let tenths = (share * 1000.0).round() / 10.0;
    format!("{tenths} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_written_the_same() {
        for (form, _) in Spec::FORMS {
            assert_eq!(form.parse::<Spec>().unwrap().to_string(), *form);
            assert!(form.parse::<Spec>().unwrap().protocol().ends_with('.'));
        }
        assert_eq!("official".parse::<Spec>().unwrap(), Spec::Official(FIVE));
        assert_eq!("official:ub".parse::<Spec>().unwrap().to_string(), "official:ub");
    }

    #[test]
    fn serde_uses_the_written_form() {
        let spec: Spec = serde_json::from_str("\"kfold:5\"").unwrap();
        assert_eq!(spec, Spec::KFold(5));
        assert_eq!(serde_json::to_string(&spec).unwrap(), "\"kfold:5\"");
        assert!(serde_json::from_str::<Spec>("\"kfold:1\"").is_err());
    }

    #[test]
    fn each_mistake_says_the_way_out() {
        let cases = [
            (
                "usr:0.2",
                "no split is called 'usr'\n  help: did you mean 'user'? There are: user, random, kfold, numpy-kfold, official, \
                 loo, time, strong, ncf, lightgcn, none",
            ),
            (
                "user:20",
                "split 'user:20': the share 20 is not between 0 and 1\n  help: write user:0.2 for 20 %",
            ),
            ("time", "split 'time': the share to hold out is missing\n  help: write time:0.2 for 20 %"),
            ("random:x", "split 'random:x': 'x' is not a number\n  help: write random:0.2 for 20 %"),
            (
                "random:NaN",
                "split 'random:NaN': the share NaN is not between 0 and 1\n  help: both parts need ratings: write \
                 random:0.2 for 20 %",
            ),
            (
                "kfold:1",
                "split 'kfold:1': the number of folds must be a whole number from 2 to 1000\n  help: write kfold:10 \
                 for ten folds",
            ),
            (
                "official:u6",
                "no published split is called 'u6'\n  help: did you mean 'u1'? There are: u1, u2, u3, u4, u5, ua, ub",
            ),
            ("loo:1", "split 'loo:1': 'loo' takes no argument\n  help: write loo"),
            (
                "strong:0.1",
                "split 'strong:0.1': the number of users to hold out must be a whole number above zero\n  help: write strong:500 \
                 for 500 users",
            ),
        ];
        for (written, message) in cases {
            assert_eq!(written.parse::<Spec>().unwrap_err().to_string(), message);
        }
        for written in [
            "user:0",
            "user:1",
            "random:-0.1",
            "time:inf",
            "kfold",
            "kfold:1001",
            "strong",
            "strong:0",
            "ncf:1",
            "",
            ":",
        ] {
            assert!(written.parse::<Spec>().is_err(), "{written:?}");
        }
    }
}
