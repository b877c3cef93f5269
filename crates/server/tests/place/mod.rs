//! Where events may lie: the same tests run over both.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub(crate) mod cluster;

use std::path::Path;
use std::sync::OnceLock;

use cofactor_server::Store;
use tempfile::TempDir;

use cluster::Cluster;

/// A place for the events of one test.
pub(crate) enum Place {
    Folder(TempDir),
    Database { address: String, refits: TempDir },
}

impl Place {
    pub(crate) fn folder() -> Self {
        Self::Folder(tempfile::tempdir().unwrap())
    }

    /// A database on the server that the tests of a program share; none where PostgreSQL is not installed.
    pub(crate) fn database() -> Option<Self> {
        Some(Self::Database { address: server()?.database(), refits: tempfile::tempdir().unwrap() })
    }

    /// Opens the store, as soon as whoever had it before has let go of it.
    pub(crate) fn open(&self) -> Store {
        let mut refused = String::new();
        for _ in 0..500 {
            let opened = match self {
                Self::Folder(folder) => Store::open(folder.path()),
                Self::Database { address, refits } => Store::connect(address, Some(refits.path())),
            };
            match opened {
                Ok(store) => return store,
                Err(error) => refused = error.to_string(),
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("{refused}");
    }

    /// The folder of refits.
    pub(crate) fn refits(&self) -> &Path {
        match self {
            Self::Folder(folder) | Self::Database { refits: folder, .. } => folder.path(),
        }
    }
}

/// The server that the tests of a program share.
pub(crate) fn server() -> Option<&'static Cluster> {
    static SERVER: OnceLock<Option<Cluster>> = OnceLock::new();
    SERVER.get_or_init(Cluster::start).as_ref()
}

/// Makes two tests of each function: over a folder, and over a database.
macro_rules! over_both {
    ($($name:ident),* $(,)?) => {
        mod embedded {
            $(#[test] fn $name() { super::$name(&super::place::Place::folder()); })*
        }
        mod postgres {
            $(#[test] fn $name() {
                if let Some(place) = super::place::Place::database() {
                    super::$name(&place);
                }
            })*
        }
    };
}
pub(crate) use over_both;
