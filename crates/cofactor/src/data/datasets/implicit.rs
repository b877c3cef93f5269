//! Data sets of clicks and check-ins, which come divided into a training and a test part: who chose what, without a rating. Every pair counts as 1.

use std::fs;
use std::path::{Path, PathBuf};

use super::list::{DataSet, Dialect, Role};
use crate::data::ids::{Item, User};
use crate::data::ratings::{Duplicates, Ratings, RatingsBuilder, Time};
use crate::data::split::CANDIDATES;
use crate::error::{Error, Place, Result};

/// A choice as a file writes it.
struct Choice<'a> {
    user: &'a str,
    item: &'a str,
    time: Option<Time>,
}

/// Both parts together.
pub(super) fn read(set: &DataSet, folder: &Path) -> Result<Ratings> {
    let mut builder = RatingsBuilder::new(set.dialect == Dialect::Ncf);
    for role in [Role::Ratings, Role::Test] {
        each(set, role, folder, &mut |choice| {
            builder.push(choice.user, choice.item, 1.0, choice.time);
            Ok(())
        })?;
    }
    builder.finish(set.name, Some(set.scale), Duplicates::Error, |_, _| Default::default()).map_err(
        |rejected| Error::Input {
            place: Place { file: path(set, Role::Ratings, folder), line: None },
            problem: rejected.to_string(),
            found: String::new(),
            hint: "fetch the data set again".to_owned(),
        },
    )
}

/// The name of the split that the data set is published with.
pub(super) fn split_of(set: &DataSet) -> Option<&'static str> {
    match set.dialect {
        Dialect::Ncf => Some("ncf"),
        Dialect::LightGcn => Some("lightgcn"),
        _ => None,
    }
}

/// The pairs of the test part, or those that say among which items each user's test item is ranked.
pub(super) fn pairs(
    set: &DataSet,
    name: &str,
    folder: &Path,
    ratings: &Ratings,
) -> Result<Vec<(User, Item)>> {
    let role = if name == CANDIDATES { Role::Candidates } else { Role::Test };
    let catalog = ratings.catalog();
    let mut pairs = Vec::new();
    each(set, role, folder, &mut |choice| {
        let found = (catalog.users.index_of(choice.user), catalog.items.index_of(choice.item));
        let (Some(user), Some(item)) = found else {
            return Err("the ratings are not those of this data set");
        };
        pairs.push((User(user as u32), Item(item as u32)));
        Ok(())
    })?;
    Ok(pairs)
}

fn path(set: &DataSet, role: Role, folder: &Path) -> PathBuf {
    folder.join(set.member(role).map_or("", |member| member.file))
}

/// Every choice of a file.
fn each(
    set: &DataSet,
    role: Role,
    folder: &Path,
    take: &mut dyn FnMut(Choice<'_>) -> Result<(), &'static str>,
) -> Result<()> {
    let path = path(set, role, folder);
    let text = fs::read_to_string(&path).map_err(Error::io("read", &path))?;
    for (line, content) in (1..).zip(text.lines()) {
        let done = match (set.dialect, role) {
            (Dialect::LightGcn, _) => listed(content, content.split(' '), take),
            (_, Role::Candidates) => among(content, take),
            _ => timed(content, take),
        };
        done.map_err(|problem| Error::Input {
            place: Place { file: path.clone(), line: Some(line) },
            problem: problem.to_owned(),
            found: content.chars().take(60).collect(),
            hint: "fetch the data set again".to_owned(),
        })?;
    }
    Ok(())
}

type Take<'t> = &'t mut dyn FnMut(Choice<'_>) -> Result<(), &'static str>;

/// The user, then the items: `7 12 19 4`.
fn listed<'a>(
    line: &str,
    mut fields: impl Iterator<Item = &'a str>,
    take: Take<'_>,
) -> Result<(), &'static str> {
    let user = fields.next().filter(|user| !user.is_empty());
    let Some(user) = user else {
        return if line.is_empty() { Ok(()) } else { Err("no user begins the line") };
    };
    fields.filter(|item| !item.is_empty()).try_for_each(|item| take(Choice { user, item, time: None }))
}

/// User, item, rating and time with tabs between: the rating is not looked at.
fn timed(line: &str, take: Take<'_>) -> Result<(), &'static str> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [user, item, _, time] = fields[..] else { return Err("there are not four columns") };
    let time = time.trim().parse().map_err(|_| "the time is no whole number")?;
    take(Choice { user, item, time: Some(time) })
}

/// The user with the test item, then the others to rank it among: `(7,12)`, `19`, `4`, with tabs between.
fn among(line: &str, take: Take<'_>) -> Result<(), &'static str> {
    let mut fields = line.trim_end().split('\t');
    let pair = fields.next().and_then(|pair| pair.strip_prefix('(')?.strip_suffix(')')?.split_once(','));
    let Some((user, _)) = pair else { return Err("no pair of user and item begins the line") };
    fields.try_for_each(|item| take(Choice { user, item, time: None }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(parse: impl Fn(Take<'_>) -> Result<(), &'static str>) -> Result<Vec<String>, &'static str> {
        let mut taken = Vec::new();
        parse(&mut |choice| {
            taken.push(format!("{}-{}-{}", choice.user, choice.item, choice.time.unwrap_or(-1)));
            Ok(())
        })?;
        Ok(taken)
    }

    #[test]
    fn lines_are_read_as_they_are_published() {
        let line = |text: &'static str| taken(|take| listed(text, text.split(' '), take));
        assert_eq!(line("7 12 19 ").unwrap(), ["7-12--1", "7-19--1"]);
        assert_eq!(line("7").unwrap(), [""; 0]);
        assert!(line(" 7").is_err());
        assert_eq!(taken(|take| timed("7\t12\t3\t99", take)).unwrap(), ["7-12-99"]);
        assert!(taken(|take| timed("7\t12\t3", take)).is_err());
        assert!(taken(|take| timed("7\t12\t3\tx", take)).is_err());
        assert_eq!(taken(|take| among("(7,12)\t19\t4\n", take)).unwrap(), ["7-19--1", "7-4--1"]);
        assert!(taken(|take| among("7,12\t19", take)).is_err());
    }
}
