//! Which column holds the users, the items, the ratings and the times.

use std::path::Path;

use serde::Serialize;

use super::options::{ColumnRef, ReadOptions};
use super::problem::file_error;
use crate::error::{Error, Result};

/// The place of one column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Its position, counted from 1.
    pub position: usize,
    /// Its name in the header, if there is one.
    pub name: Option<String>,
}

/// The columns that are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Columns {
    /// The users' ids.
    pub user: Column,
    /// The items' ids.
    pub item: Column,
    /// The ratings; `None`: each is the constant asked for.
    pub rating: Option<Column>,
    /// The times, if there are any and they are wanted.
    pub time: Option<Column>,
}

// Usual names, the surest first; compared in lower case, without `_`, `-`, blanks and what follows a colon.
const USER_NAMES: &[&str] = &[
    "user",
    "userid",
    "uid",
    "userindex",
    "reviewerid",
    "reviewer",
    "customerid",
    "customer",
    "clientid",
    "client",
    "memberid",
    "member",
    "visitorid",
    "visitor",
    "accountid",
    "account",
    "profileid",
    "profile",
    "personid",
    "person",
    "sessionid",
    "username",
];
const ITEM_NAMES: &[&str] = &[
    "item",
    "itemid",
    "iid",
    "itemindex",
    "movieid",
    "movie",
    "filmid",
    "film",
    "productid",
    "product",
    "parentasin",
    "asin",
    "bookid",
    "book",
    "isbn",
    "trackid",
    "track",
    "songid",
    "song",
    "artistid",
    "artist",
    "businessid",
    "business",
    "gameid",
    "game",
    "articleid",
    "article",
    "animeid",
    "anime",
    "showid",
    "show",
    "recipeid",
    "beerid",
    "jokeid",
    "sku",
];
const RATING_NAMES: &[&str] = &[
    "rating",
    "ratings",
    "score",
    "stars",
    "star",
    "starrating",
    "overall",
    "bookrating",
    "movierating",
    "userrating",
    "rate",
    "value",
    "weight",
    "count",
    "plays",
    "playcount",
    "listens",
    "preference",
    "r",
];
const TIME_NAMES: &[&str] = &[
    "timestamp",
    "time",
    "ts",
    "datetime",
    "date",
    "unixreviewtime",
    "unixtime",
    "reviewtime",
    "createdat",
    "ratedat",
    "ratingtimestamp",
];

impl Columns {
    /// By the names in a header (or a Parquet schema), where no option says otherwise.
    pub(super) fn by_name(file: &Path, names: &[String], options: &ReadOptions) -> Result<Self> {
        let finder = Finder { file, names, width: names.len(), named: true };
        let user = finder.required(options.user.as_ref(), "user", "--user-column", USER_NAMES)?;
        let item = finder.required(options.item.as_ref(), "item", "--item-column", ITEM_NAMES)?;
        let rating = match options.constant {
            Some(_) => None,
            None => match finder.asked_or_usual(options.rating.as_ref(), "--rating-column", RATING_NAMES)? {
                Some(rating) => Some(rating),
                None => return Err(finder.no_rating()),
            },
        };
        let time = if options.ignore_times {
            None
        } else {
            finder.asked_or_usual(options.time.as_ref(), "--time-column", TIME_NAMES)?
        };
        finder.distinct(Self { user, item, rating, time })
    }

    /// By position, for a file without a header of at most four columns: user, item, rating and, if `timed` says so of a column,
    /// time. The columns of a wider one must be asked for.
    pub(super) fn by_position(
        file: &Path,
        width: usize,
        options: &ReadOptions,
        timed: impl Fn(usize) -> bool,
    ) -> Result<Self> {
        let finder = Finder { file, names: &[], width, named: false };
        let asked = options.user.is_some() || options.item.is_some() || options.rating.is_some();
        if width > USUAL_WIDTH && !asked {
            return Err(finder.unknown_columns());
        }
        let user = finder.asked_or_at(options.user.as_ref(), "user", "--user-column", 1)?;
        let item = finder.asked_or_at(options.item.as_ref(), "item", "--item-column", 2)?;
        let rating = match options.constant {
            Some(_) => None,
            None if options.rating.is_none() && width < 3 => return Err(finder.no_rating()),
            None => Some(finder.asked_or_at(options.rating.as_ref(), "rating", "--rating-column", 3)?),
        };
        let usual_time = if rating.is_none() && width == 3 { 3 } else { 4 };
        let time = match &options.time {
            _ if options.ignore_times => None,
            Some(asked) => Some(finder.asked(asked, "--time-column")?),
            None => (width >= usual_time && timed(usual_time - 1)).then(|| finder.column(usual_time)),
        };
        finder.distinct(Self { user, item, rating, time })
    }
}

/// User, item, rating, time: wider rows without a header may be anything.
const USUAL_WIDTH: usize = 4;

struct Finder<'a> {
    file: &'a Path,
    names: &'a [String],
    width: usize,
    named: bool,
}

impl Finder<'_> {
    fn column(&self, position: usize) -> Column {
        Column { position, name: self.names.get(position - 1).cloned() }
    }

    fn required(&self, asked: Option<&ColumnRef>, role: &str, flag: &str, usual: &[&str]) -> Result<Column> {
        self.asked_or_usual(asked, flag, usual)?.ok_or_else(|| {
            let hint = format!("say which it is with {flag} (a name or a position); {}", self.listing());
            file_error(
                self.file,
                format!("no column of the header has a usual name for the {role} ids"),
                hint,
            )
        })
    }

    fn asked_or_usual(
        &self,
        asked: Option<&ColumnRef>,
        flag: &str,
        usual: &[&str],
    ) -> Result<Option<Column>> {
        if let Some(asked) = asked {
            return self.asked(asked, flag).map(Some);
        }
        let found =
            usual.iter().find_map(|usual| self.names.iter().position(|name| simplified(name) == *usual));
        Ok(found.map(|index| self.column(index + 1)))
    }

    fn asked_or_at(
        &self,
        asked: Option<&ColumnRef>,
        role: &str,
        flag: &str,
        position: usize,
    ) -> Result<Column> {
        match asked {
            Some(asked) => self.asked(asked, flag),
            None if position <= self.width => Ok(self.column(position)),
            None => {
                let problem =
                    format!("there is no column {position} with the {role} ids: {}", self.listing());
                let hint = format!(
                    "if another character separates the columns, name it with --delimiter; or say which column it is with {flag}"
                );
                Err(file_error(self.file, problem, hint))
            }
        }
    }

    fn asked(&self, asked: &ColumnRef, flag: &str) -> Result<Column> {
        let index = match asked {
            ColumnRef::Position(position) => position.checked_sub(1).filter(|&index| index < self.width),
            ColumnRef::Name(name) => {
                let exact = self.names.iter().position(|candidate| candidate == name);
                exact.or_else(|| {
                    self.names.iter().position(|candidate| simplified(candidate) == simplified(name))
                })
            }
        };
        index.map(|index| self.column(index + 1)).ok_or_else(|| {
            let hint = match asked {
                ColumnRef::Name(_) if !self.named => {
                    "give its position (1, 2, …), or --header if the first line names the columns"
                }
                ColumnRef::Position(_) if !self.named => "columns are counted from 1",
                _ => "columns are counted from 1, or called as the header calls them",
            };
            let problem = format!("there is no column '{asked}', which {flag} asks for: {}", self.listing());
            file_error(self.file, problem, hint)
        })
    }

    #[cold]
    fn unknown_columns(&self) -> Error {
        let hint = "say by position which they are with --user-column, --item-column, --rating-column and --time-column, or --header if the first line names them";
        file_error(self.file, format!("it is not clear which columns to read: {}", self.listing()), hint)
    }

    #[cold]
    fn no_rating(&self) -> Error {
        let problem = format!("there is no rating column: {}", self.listing());
        let hint = "say which it is with --rating-column; if the rows are clicks, plays or purchases without a rating, give each the same with --constant-rating 1 (and --duplicates sum to count repetitions)";
        file_error(self.file, problem, hint)
    }

    /// Two roles in one column are a mistake that no row would show.
    fn distinct(&self, columns: Columns) -> Result<Columns> {
        let all = [Some(&columns.user), Some(&columns.item), columns.rating.as_ref(), columns.time.as_ref()];
        let mut positions: Vec<usize> = all.into_iter().flatten().map(|column| column.position).collect();
        positions.sort_unstable();
        match positions.windows(2).find(|pair| pair[0] == pair[1]) {
            None => Ok(columns),
            Some(pair) => {
                let problem = format!("column {} is asked for twice", pair[0]);
                let hint = format!(
                    "users, items, ratings and times stand in different columns (--user-column, --item-column, --rating-column, --time-column); {}",
                    self.listing()
                );
                Err(file_error(self.file, problem, hint))
            }
        }
    }

    fn listing(&self) -> String {
        const SHOWN: usize = 20;
        if !self.named {
            return match self.width {
                1 => "each row has one column".to_owned(),
                width => format!("each row has {width} columns and no header names them"),
            };
        }
        let mut names: Vec<&str> = self.names.iter().map(String::as_str).take(SHOWN).collect();
        if self.names.len() > SHOWN {
            names.push("…");
        }
        format!("the columns are {}", names.join(", "))
    }
}

/// Whether a header field is one of the usual names of any role.
pub(super) fn is_usual_name(name: &str) -> bool {
    let name = simplified(name);
    [USER_NAMES, ITEM_NAMES, RATING_NAMES, TIME_NAMES].iter().any(|names| names.contains(&name.as_str()))
}

/// `User_ID:token` and `userId` are one name.
fn simplified(name: &str) -> String {
    let end = name.find(':').unwrap_or(name.len());
    name[..end].chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(header: &str) -> Option<(usize, usize, Option<usize>, Option<usize>)> {
        let names: Vec<String> = header.split(',').map(str::to_owned).collect();
        let columns = Columns::by_name(Path::new("f"), &names, &ReadOptions::default()).ok()?;
        let position = |column: Option<Column>| column.map(|column| column.position);
        Some((columns.user.position, columns.item.position, position(columns.rating), position(columns.time)))
    }

    #[test]
    fn usual_headers_are_understood() {
        assert_eq!(found("userId,movieId,rating,timestamp"), Some((1, 2, Some(3), Some(4))));
        assert_eq!(
            found("user_id:token,item_id:token,rating:float,timestamp:float"),
            Some((1, 2, Some(3), Some(4)))
        );
        assert_eq!(found("User-ID,ISBN,Book-Rating"), Some((1, 2, Some(3), None)));
        assert_eq!(found("overall,reviewerID,asin,unixReviewTime"), Some((2, 3, Some(1), Some(4))));
        assert_eq!(found("date,stars,business_id,text,user_id"), Some((5, 3, Some(2), Some(1))));
        assert_eq!(found("uid,track,plays,ts"), Some((1, 2, Some(3), Some(4))));
        assert_eq!(found("a,b,c"), None);
    }
}
