//! How a command fails: what is printed, and with which exit status.

use std::io;

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

/// Everything that ends a command before it is done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The library refused.
    Library(cofactor::Error),
    /// The arguments do not make sense; `clap` found it.
    Arguments(clap::Error),
    /// The arguments do not make sense; the command found it.
    Usage {
        /// What is wrong.
        problem: String,
        /// The way out.
        hint: String,
    },
    /// The command has printed its result, and the result is bad news.
    Bad,
    /// Standard output is closed or full.
    Output(io::Error),
    /// Ctrl-C.
    Interrupted,
    /// Ctrl-C, after something was kept.
    Paused {
        /// What was kept, and how to go on.
        kept: String,
    },
}

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HELP: Style = AnsiColor::Cyan.on_default();

impl Failure {
    pub(crate) fn usage(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { problem: problem.into(), hint: hint.into() }
    }

    /// The exit status.
    pub(crate) fn status(&self) -> u8 {
        use cofactor::Error as Library;
        match self {
            Self::Library(Library::Parameter { .. } | Library::UnknownName { .. }) | Self::Usage { .. } => 2,
            Self::Arguments(error) => error.exit_code() as u8,
            // Who closes the pipe has read all that was wanted.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Library(_) | Self::Bad | Self::Output(_) => 1,
            Self::Interrupted | Self::Paused { .. } => 130,
        }
    }

    /// Prints it: in words, or as one JSON object.
    pub(crate) fn print(&self, json: bool) {
        match self {
            Self::Arguments(error) if !json || !error.use_stderr() => {
                // Help and version go to standard output; where that is closed there is nobody to tell.
                drop(error.print());
            }
            Self::Bad => {}
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            _ if json => anstream::eprintln!("{}", self.object()),
            _ => self.print_words(),
        }
    }

    fn print_words(&self) {
        let (message, hint) = self.parts();
        anstream::eprintln!("{ERROR}error:{ERROR:#} {message}");
        if let Some(hint) = hint {
            anstream::eprintln!("  {HELP}help:{HELP:#} {hint}");
        }
    }

    fn object(&self) -> Value {
        let (message, hint) = self.parts();
        json!({ "error": { "kind": self.kind(), "message": message, "hint": hint, "status": self.status() } })
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Library(error) => error.kind(),
            Self::Arguments(_) | Self::Usage { .. } => "usage",
            Self::Bad => "bad",
            Self::Output(_) => "output",
            Self::Interrupted | Self::Paused { .. } => "interrupted",
        }
    }

    /// The message, and the way out where there is one.
    fn parts(&self) -> (String, Option<String>) {
        match self {
            Self::Library(error) => error.parts(),
            Self::Arguments(error) => {
                let text = error.to_string();
                (text.trim_start_matches("error:").trim().to_owned(), None)
            }
            Self::Usage { problem, hint } => (problem.clone(), Some(hint.clone())),
            Self::Bad => (String::new(), None),
            Self::Output(error) => (format!("cannot write to standard output: {error}"), None),
            Self::Interrupted => ("interrupted: nothing was written".to_owned(), None),
            Self::Paused { kept } => (format!("interrupted: {kept}"), None),
        }
    }
}

impl From<cofactor::Error> for Failure {
    fn from(error: cofactor::Error) -> Self {
        Self::Library(error)
    }
}

impl From<clap::Error> for Failure {
    fn from(error: clap::Error) -> Self {
        Self::Arguments(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}
