//! The data sets that have a name, and what is known of each: files, content, size, licence.

use serde::Serialize;

use crate::data::ratings::Scale;
use crate::data::synth::Synth;
use crate::error::{Error, Result};

/// A data set that has a name.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct DataSet {
    /// Its name on the command line; its archive is `NAME.zip`.
    pub name: &'static str,
    /// What to call it before a person.
    pub title: &'static str,
    /// Users with at least one rating.
    pub users: usize,
    /// Items: those its list of items names.
    pub items: usize,
    /// Ratings.
    pub ratings: usize,
    /// The range of its ratings.
    #[serde(skip)]
    pub scale: Scale,
    /// How its files are written.
    #[serde(skip)]
    pub dialect: Dialect,
    /// The files that are kept of its archive; none where the data are built in.
    pub members: &'static [Member],
    /// The splits that were published with it.
    pub splits: &'static [OfficialSplit],
    /// The most bytes that its archive, or one file in it, may have.
    #[serde(skip)]
    pub max_bytes: u64,
    /// The key sentences of its licence, in short. The licence itself is in the archive.
    pub licence: &'static str,
    /// What to cite.
    pub citation: &'static str,
    /// Where it is described.
    pub homepage: &'static str,
}

/// How a data set's files are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `u.data` with tabs, `u.item` and `u.user` with bars: MovieLens 100K.
    Tabs,
    /// `ratings.dat`, `movies.dat` and maybe `users.dat` with double colons: MovieLens 1M and 10M.
    DoubleColons,
    /// `ratings.csv` and `movies.csv` with a header line: MovieLens of 2014 and later.
    Csv,
    /// `NAME.train.rating` and `NAME.test.rating` with tabs, and `NAME.test.negative`: the sets of He et al. 2017.
    Ncf,
    /// `train.txt` and `test.txt` with a user and all their items in a line: the sets of He et al. 2020.
    LightGcn,
    /// No files: drawn by [`crate::data::synth`].
    BuiltIn,
}

/// A file of a data set.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Member {
    /// Its name in the archive, without folders, and in the cache.
    pub file: &'static str,
    /// What it holds.
    pub role: Role,
    /// The SHA-256 that it may have; empty where none is known, and then the data set is checked by its counts.
    pub sha256: &'static [&'static str],
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The ratings.
    Ratings,
    /// Titles, years, genres.
    Items,
    /// Ages, genders, occupations.
    Users,
    /// What is held out; the ratings are then the training part alone.
    Test,
    /// The items that each user's test item is ranked among.
    Candidates,
}

/// A division into training and test part that was published with the data.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct OfficialSplit {
    /// Its name: `u1`.
    pub name: &'static str,
    /// The SHA-256 of the published file of its test part.
    pub sha256: &'static str,
}

impl DataSet {
    /// The file that plays the role, if there is one.
    pub fn member(&self, role: Role) -> Option<&'static Member> {
        self.members.iter().find(|member| member.role == role)
    }

    /// The name of its archive.
    pub fn archive(&self) -> String {
        format!("{}.zip", self.name)
    }

    /// Whether GroupLens publishes it as an archive; the others are loose files, which somebody has to put into one.
    pub fn is_archived(&self) -> bool {
        !matches!(self.dialect, Dialect::Ncf | Dialect::LightGcn)
    }

    /// Whether each file's SHA-256 is known, so that it can be trusted whatever way it came.
    pub fn is_hashed(&self) -> bool {
        self.members.iter().all(|member| !member.sha256.is_empty())
    }
}

/// The data set of that name. `synth:…` with parameters is `synth`.
pub fn find(name: &str) -> Result<&'static DataSet> {
    let wanted = if Synth::is_name(name) { Synth::NAME } else { name };
    DATASETS.iter().find(|set| set.name == wanted).ok_or_else(|| Error::UnknownName {
        kind: "data set",
        name: name.to_owned(),
        known: DATASETS.iter().map(|set| set.name.to_owned()).collect(),
    })
}

/// Every choice counts as 1.
const CHOSEN: Scale = Scale { min: 1.0, max: 1.0 };
const STARS: Scale = Scale { min: 1.0, max: 5.0 };
const HALF_STARS: Scale = Scale { min: 0.5, max: 5.0 };
const MIB: u64 = 1 << 20;

const CITATION: &str = "F. M. Harper and J. A. Konstan, \"The MovieLens Datasets: History and Context\", \
    ACM Transactions on Interactive Intelligent Systems 5(4), article 19, 2015, doi:10.1145/2827872";

const RESEARCH_ONLY: &str = "For research. Publications must acknowledge the data set. No redistribution without \
    permission, no commercial use without permission of GroupLens, no implied endorsement by GroupLens or the \
    University of Minnesota. No warranty.";

const RESEARCH_ONLY_WITH_COPY: &str = "For research. Publications must acknowledge the data set, and GroupLens is to get \
    a copy of them. No redistribution without permission, no commercial use without permission of GroupLens, no \
    implied endorsement by GroupLens or the University of Minnesota. No warranty.";

const SHARED_ALIKE: &str = "For research. Publications must acknowledge the data set. Redistribution only under the \
    same conditions, no commercial use without permission of GroupLens, no implied endorsement by GroupLens or the \
    University of Minnesota. No warranty.";

/// Every data set.
///
/// The files of `ml-100k`, `ml-1m` and `ml-latest-small` are known by their SHA-256. Those of the larger ones are
/// not: they are checked by the numbers of users, items and ratings that GroupLens publishes (for `ml-10m` the
/// 69,878 users who have a rating, not the 71,567 of its description).
pub static DATASETS: &[DataSet] = &[
    DataSet {
        name: "ml-100k",
        title: "MovieLens 100K",
        users: 943,
        items: 1_682,
        ratings: 100_000,
        scale: STARS,
        dialect: Dialect::Tabs,
        members: &[
            Member {
                file: "u.data",
                role: Role::Ratings,
                sha256: &["06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490"],
            },
            Member {
                file: "u.item",
                role: Role::Items,
                // As published, and as written from RecBole's list of items.
                sha256: &[
                    "553841ebc7de3a0fd0d6b62a204ea30c1e651aacfb2814c7a6584ac52f2c5701",
                    "46af35217253583ade06270cb0330b88763b96b561d573cb0e7dc7a8814b757e",
                ],
            },
            Member {
                file: "u.user",
                role: Role::Users,
                sha256: &["f120e114da2e8cf314fd28f99417c94ae9ddf1cb6db8ce0e4b5995d40e90e62c"],
            },
        ],
        splits: &[
            OfficialSplit {
                name: "u1",
                sha256: "18c6014a4b2c7324f250a63f8904a7b16b2b19f911129e346141507b0cbac950",
            },
            OfficialSplit {
                name: "u2",
                sha256: "4de658d1e04ed9104629509a2e2528fce833ac8e048280183f1df167632038c3",
            },
            OfficialSplit {
                name: "u3",
                sha256: "0f548b51c78327de4c156461d3e430b7e5579fe2b5681586a59416e48fd35f6d",
            },
            OfficialSplit {
                name: "u4",
                sha256: "7c02ad0a1e7ab1083c8b9d4b627203a051dd7b5eab46d99fa44de33470de8db9",
            },
            OfficialSplit {
                name: "u5",
                sha256: "351cc52e0d15b6c721466276fc24671d40936899e3d01fadeaf312915b8c5634",
            },
            OfficialSplit {
                name: "ua",
                sha256: "d0497e202417720f57a184ec8c66be2d1afa4ff41bb53787c57b28d6bf79bc42",
            },
            OfficialSplit {
                name: "ub",
                sha256: "d54a72d05730d5892062734b2bec73e976f9b713d18c828a18b968d6cce442da",
            },
        ],
        max_bytes: 64 * MIB,
        licence: RESEARCH_ONLY,
        citation: CITATION,
        homepage: "https://grouplens.org/datasets/movielens/100k/",
    },
    DataSet {
        name: "ml-1m",
        title: "MovieLens 1M",
        users: 6_040,
        items: 3_883,
        ratings: 1_000_209,
        scale: STARS,
        dialect: Dialect::DoubleColons,
        members: &[
            Member {
                file: "ratings.dat",
                role: Role::Ratings,
                sha256: &["506d64ca44484487c11dc2d9a28de5c54948213e6b96285e298afe28d6ea4e0f"],
            },
            Member {
                file: "movies.dat",
                role: Role::Items,
                sha256: &["0140fc2356357c1a851d0f52e893a1e4d3696df632c4141cea8d5bc3d621f0b9"],
            },
            Member {
                file: "users.dat",
                role: Role::Users,
                sha256: &["1dc3a95300cb19f7c10e027daf29b8cdf1d908dab65b5edfb45950aa389a10a3"],
            },
        ],
        splits: &[],
        max_bytes: 128 * MIB,
        licence: RESEARCH_ONLY,
        citation: CITATION,
        homepage: "https://grouplens.org/datasets/movielens/1m/",
    },
    DataSet {
        name: "ml-latest-small",
        title: "MovieLens Latest Small (2018)",
        users: 610,
        items: 9_742,
        ratings: 100_836,
        scale: HALF_STARS,
        dialect: Dialect::Csv,
        members: &[
            Member {
                file: "ratings.csv",
                role: Role::Ratings,
                sha256: &["aa289ca83157595d0df6aea1be6a4ded676ddc4385472e8313a8ed9805352646"],
            },
            Member {
                file: "movies.csv",
                role: Role::Items,
                sha256: &["5a5f32dd9bb3797b8e728a1b98958789d2b13f294a69fdfbc5727f8a9611aa07"],
            },
        ],
        splits: &[],
        max_bytes: 64 * MIB,
        licence: SHARED_ALIKE,
        citation: CITATION,
        homepage: "https://grouplens.org/datasets/movielens/latest/",
    },
    DataSet {
        name: "ml-10m",
        title: "MovieLens 10M",
        users: 69_878,
        items: 10_681,
        ratings: 10_000_054,
        scale: HALF_STARS,
        dialect: Dialect::DoubleColons,
        members: &[counted("ratings.dat", Role::Ratings), counted("movies.dat", Role::Items)],
        splits: &[],
        max_bytes: 512 * MIB,
        licence: RESEARCH_ONLY_WITH_COPY,
        citation: CITATION,
        homepage: "https://grouplens.org/datasets/movielens/10m/",
    },
    DataSet {
        name: "ml-20m",
        title: "MovieLens 20M",
        users: 138_493,
        items: 27_278,
        ratings: 20_000_263,
        scale: HALF_STARS,
        dialect: Dialect::Csv,
        members: CSV_COUNTED,
        splits: &[],
        max_bytes: 1_024 * MIB,
        licence: SHARED_ALIKE,
        citation: CITATION,
        homepage: "https://grouplens.org/datasets/movielens/20m/",
    },
    DataSet {
        name: "ml-25m",
        title: "MovieLens 25M",
        users: 162_541,
        items: 62_423,
        ratings: 25_000_095,
        scale: HALF_STARS,
        dialect: Dialect::Csv,
        members: CSV_COUNTED,
        splits: &[],
        max_bytes: 1_536 * MIB,
        licence: SHARED_ALIKE,
        citation: CITATION,
        homepage: "https://grouplens.org/datasets/movielens/25m/",
    },
    DataSet {
        name: "ml-32m",
        title: "MovieLens 32M",
        users: 200_948,
        items: 87_585,
        ratings: 32_000_204,
        scale: HALF_STARS,
        dialect: Dialect::Csv,
        members: CSV_COUNTED,
        splits: &[],
        max_bytes: 2_048 * MIB,
        licence: SHARED_ALIKE,
        citation: CITATION,
        homepage: "https://grouplens.org/datasets/movielens/32m/",
    },
    DataSet {
        name: "ml-1m-ncf",
        title: "MovieLens 1M, leave-one-out with 99 negatives",
        users: 6_040,
        items: 3_706,
        ratings: 1_000_209,
        scale: CHOSEN,
        dialect: Dialect::Ncf,
        members: &[
            Member {
                file: "ml-1m.train.rating",
                role: Role::Ratings,
                sha256: &["7fb2920a6977c7e6f16517e76ffabebca7b5558a8189436e2c37bbb824532cd7"],
            },
            Member {
                file: "ml-1m.test.rating",
                role: Role::Test,
                sha256: &["231ae11eb060b643a8c58c063cd17ffc743b54f569afb073d1abb6cf126b88b5"],
            },
            Member {
                file: "ml-1m.test.negative",
                role: Role::Candidates,
                sha256: &["127853228a76b7d21c0481e8ef8d00dd009cd5c88670dbdd9e9debfdb9f93de4"],
            },
        ],
        splits: &[],
        max_bytes: 64 * MIB,
        licence: RESEARCH_ONLY,
        citation: "X. He, L. Liao, H. Zhang, L. Nie, X. Hu and T.-S. Chua, \"Neural Collaborative Filtering\", WWW 2017",
        homepage: "https://github.com/hexiangnan/neural_collaborative_filtering",
    },
    DataSet {
        name: "gowalla",
        title: "Gowalla check-ins, as graph models are compared by",
        users: 29_858,
        items: 40_981,
        ratings: 1_027_370,
        scale: CHOSEN,
        dialect: Dialect::LightGcn,
        members: &[
            Member {
                file: "train.txt",
                role: Role::Ratings,
                sha256: &["0f086326b28a56c2e6dcb81d86ee72d4ccb7eed3a8d26788392356d8f51111cc"],
            },
            Member {
                file: "test.txt",
                role: Role::Test,
                sha256: &["099a2a73924e4b754dc6efd730d764f492321b53c38eb93298850c83acf57be3"],
            },
        ],
        splits: &[],
        max_bytes: 64 * MIB,
        licence: "Published for research beside the code of LightGCN, without a licence of its own. No warranty.",
        citation: "X. He, K. Deng, X. Wang, Y. Li, Y. Zhang and M. Wang, \"LightGCN: Simplifying and Powering Graph Convolution \
            Network for Recommendation\", SIGIR 2020; E. Cho, S. A. Myers and J. Leskovec, \"Friendship and Mobility\", KDD 2011, https://snap.stanford.edu/data/loc-gowalla.html",
        homepage: "https://github.com/gusye1234/LightGCN-PyTorch",
    },
    DataSet {
        name: Synth::NAME,
        title: "synthetic ratings with known factors",
        users: Synth::DEFAULT.users,
        items: Synth::DEFAULT.items,
        ratings: Synth::DEFAULT.ratings,
        scale: STARS,
        dialect: Dialect::BuiltIn,
        members: &[],
        splits: &[],
        max_bytes: 0,
        licence: "Drawn at random by this program: free for any use.",
        citation: "none",
        homepage: "none",
    },
];

const CSV_COUNTED: &[Member] = &[counted("ratings.csv", Role::Ratings), counted("movies.csv", Role::Items)];

const fn counted(file: &'static str, role: Role) -> Member {
    Member { file, role, sha256: &[] }
}
