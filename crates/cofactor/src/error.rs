//! One error type for the whole library.
//!
//! Each variant says what went wrong, where (file and line, parameter, value), what was expected, and the way
//! out. Front ends print it as it is.

use std::fmt;
use std::path::{Path, PathBuf};

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong, one variant per kind of remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A data file holds something that no model should be trained on.
    #[error("{place}: {problem}{}{}", quoted(.found), way_out(.hint))]
    Input {
        /// Where it stands.
        place: Place,
        /// What is wrong, in words.
        problem: String,
        /// The offending text, cut to a readable length; empty where there is none.
        found: String,
        /// What to do about it; empty where nothing can be done.
        hint: String,
    },
    /// The operating system refused a file operation.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// A verb: "read", "write", "create the folder".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A parameter has a value outside its range, or of another type.
    #[error("{name} = {value}: expected {expected}{}", way_out(.hint))]
    Parameter {
        /// The parameter, as the user spells it.
        name: String,
        /// The value given.
        value: String,
        /// The values it may take.
        expected: String,
        /// What to do about it.
        hint: String,
    },
    /// A name (model, data set, preset, split, …) that nothing has.
    #[error("no {kind} is called '{name}'{}", way_out(&known_names(.name, .known)))]
    UnknownName {
        /// What was looked up: "model", "data set", "parameter", …
        kind: &'static str,
        /// The name given.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// A raw id that the data or the model has never seen.
    #[error("{side} '{id}' is unknown{}", way_out(.hint))]
    UnknownId {
        /// "user" or "item".
        side: &'static str,
        /// The raw id given.
        id: String,
        /// What to do about it.
        hint: String,
    },
    /// A name that fits more than one item.
    #[error("'{text}' fits {count} items{}", way_out(&candidates_list(.candidates, *.count)))]
    Ambiguous {
        /// What was looked up.
        text: String,
        /// How many items it fits.
        count: usize,
        /// The likeliest of them, as they would be found: raw id and title.
        candidates: Vec<String>,
    },
    /// A split that cannot be made of these data.
    #[error("split '{spec}': {problem}{}", way_out(.hint))]
    Split {
        /// The split's specification.
        spec: String,
        /// Why it cannot be.
        problem: String,
        /// What to do about it.
        hint: String,
    },
    /// Training left the finite numbers.
    #[error("training diverged in epoch {epoch}: {what}{}", way_out(.hint))]
    Diverged {
        /// The epoch, counted from 1.
        epoch: usize,
        /// What was seen, with the figure.
        what: String,
        /// Which parameter to change.
        hint: String,
    },
    /// A model file that is not one, is damaged, or comes from a newer version.
    #[error("{}: {problem}{}", path.display(), way_out(.hint))]
    ModelFile {
        /// The file.
        path: PathBuf,
        /// What the check found.
        problem: String,
        /// What to do about it.
        hint: String,
    },
    /// A data set that no source could give.
    #[error("the data set '{name}' could not be had{}\n{by_hand}", attempts_list(.attempts))]
    Fetch {
        /// The data set.
        name: String,
        /// Each source tried, and why it failed.
        attempts: Vec<(String, String)>,
        /// How to put the file in place by hand.
        by_hand: String,
    },
    /// Somebody asked for the work to stop, and it has left nothing behind.
    #[error("interrupted")]
    Interrupted,
    /// The request cannot be answered by this model or these data.
    #[error("{problem}{}", way_out(.hint))]
    Unsupported {
        /// What cannot be done, and why.
        problem: String,
        /// What to do instead.
        hint: String,
    },
}

impl Error {
    /// An [`Error::Io`], for use in `map_err`.
    pub fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// An [`Error::Parameter`].
    #[cold]
    pub fn parameter(
        name: impl Into<String>,
        value: impl fmt::Display,
        expected: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self::Parameter {
            name: name.into(),
            value: value.to_string(),
            expected: expected.into(),
            hint: hint.into(),
        }
    }

    /// Its kind in one word, for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Input { .. } => "input",
            Self::Io { .. } => "io",
            Self::Parameter { .. } => "parameter",
            Self::UnknownName { .. } => "unknown_name",
            Self::UnknownId { .. } => "unknown_id",
            Self::Ambiguous { .. } => "ambiguous",
            Self::Split { .. } => "split",
            Self::Diverged { .. } => "diverged",
            Self::ModelFile { .. } => "model_file",
            Self::Fetch { .. } => "fetch",
            Self::Interrupted => "interrupted",
            Self::Unsupported { .. } => "unsupported",
        }
    }

    /// What is wrong, and the way out where there is one: the two halves of the message, for front ends that set them apart.
    pub fn parts(&self) -> (String, Option<String>) {
        let text = self.to_string();
        match text.split_once(WAY_OUT) {
            Some((problem, hint)) => (problem.to_owned(), Some(hint.to_owned())),
            None => (text, None),
        }
    }

    /// An [`Error::Unsupported`].
    #[cold]
    pub fn unsupported(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Unsupported { problem: problem.into(), hint: hint.into() }
    }
}

/// A place in a file: `ratings.csv:17`, or the file alone where a line makes no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as the user named it.
    pub file: PathBuf,
    /// The line (or the row of a Parquet file), counted from 1.
    pub line: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.file.display()),
            None => write!(f, "{}", self.file.display()),
        }
    }
}

fn quoted(found: &str) -> String {
    if found.is_empty() { String::new() } else { format!(": '{found}'") }
}

/// What stands between a problem and its way out.
const WAY_OUT: &str = "\n  help: ";

fn way_out(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { format!("{WAY_OUT}{hint}") }
}

/// "did you mean" for a near miss, and the whole list in any case.
fn known_names(name: &str, known: &[String]) -> String {
    let near = known
        .iter()
        .map(|candidate| (edit_distance(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min();
    let list = known.join(", ");
    match near {
        Some((_, candidate)) => format!("did you mean '{candidate}'? There are: {list}"),
        None if known.is_empty() => String::new(),
        None => format!("there are: {list}"),
    }
}

fn candidates_list(candidates: &[String], count: usize) -> String {
    let more = if count > candidates.len() { ", …" } else { "" };
    format!("say which one, by its id or its whole title: {}{more}", candidates.join(", "))
}

/// Levenshtein's distance, by one row of his table.
pub(crate) fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

fn attempts_list(attempts: &[(String, String)]) -> String {
    attempts.iter().map(|(source, reason)| format!("\n  - {source}: {reason}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_error_names_place_text_and_way_out() {
        let error = Error::Input {
            place: Place { file: "ratings.csv".into(), line: Some(17) },
            problem: "the rating is not a number".into(),
            found: "five".into(),
            hint: "write it with digits".into(),
        };
        assert_eq!(
            error.to_string(),
            "ratings.csv:17: the rating is not a number: 'five'\n  help: write it with digits"
        );
        let (problem, hint) = error.parts();
        assert_eq!(problem, "ratings.csv:17: the rating is not a number: 'five'");
        assert_eq!(hint.as_deref(), Some("write it with digits"));
    }

    #[test]
    fn a_near_miss_is_suggested() {
        let error = Error::UnknownName {
            kind: "model",
            name: "baselin".into(),
            known: vec!["baseline".into(), "mf".into()],
        };
        assert_eq!(
            error.to_string(),
            "no model is called 'baselin'\n  help: did you mean 'baseline'? There are: baseline, mf"
        );
    }

    #[test]
    fn edit_distance_is_levenshtein() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("mf", "mf"), 0);
    }
}
