//! Reading the files of a data set.

use std::fs;
use std::path::{Path, PathBuf};

use super::list::{DataSet, Dialect, Role};
use super::{attributes, implicit};
use crate::data::ratings::Ratings;
use crate::data::read::ColumnRef::Position;
use crate::data::read::{Format, ReadOptions, read_with};
use crate::error::{Error, Place, Result};

/// Reads the files of a data set, and looks whether it is as large as published.
pub(super) fn read(set: &DataSet, folder: &Path) -> Result<Ratings> {
    if implicit::split_of(set).is_some() {
        let ratings = implicit::read(set, folder)?;
        let file = folder.join(set.member(Role::Ratings).map_or("", |member| member.file));
        return as_published(set, ratings.items(), ratings, file);
    }
    let ratings_file =
        folder.join(set.member(Role::Ratings).expect("a data set in a folder has ratings").file);
    let item_text = text_of(set, Role::Items, folder)?;
    let user_text = text_of(set, Role::Users, folder)?;
    let items = match &item_text {
        Some((path, text)) => attributes::items(text, set.dialect, path)?,
        None => Vec::new(),
    };
    let users = match &user_text {
        Some((path, text)) => attributes::users(text, set.dialect, path)?,
        None => Vec::new(),
    };
    let listed = items.len();
    let ratings = read_with(&ratings_file, &options(set), |user_ids, item_ids| {
        (attributes::of_users(users, user_ids), attributes::of_items(items, item_ids))
    })?;
    as_published(set, listed, ratings, ratings_file)
}

/// The ratings, if there are as many of everything as published.
fn as_published(set: &DataSet, listed: usize, ratings: Ratings, file: PathBuf) -> Result<Ratings> {
    let (found, published) = ((ratings.users(), listed, ratings.len()), (set.users, set.items, set.ratings));
    if found != published {
        let counts = |(users, items, ratings): (usize, usize, usize)| {
            format!("{users} users, {items} items, {ratings} ratings")
        };
        return Err(Error::Input {
            place: Place { file, line: None },
            problem: format!(
                "{} should have {}, and these have {}",
                set.title,
                counts(published),
                counts(found)
            ),
            found: String::new(),
            hint: String::new(),
        });
    }
    Ok(ratings)
}

/// A file as text, with its path; `None` where the data set has no such file.
fn text_of(set: &DataSet, role: Role, folder: &Path) -> Result<Option<(PathBuf, String)>> {
    let Some(member) = set.member(role) else { return Ok(None) };
    let path = folder.join(member.file);
    let bytes = fs::read(&path).map_err(Error::io("read", &path))?;
    Ok(Some((path, attributes::decode(&bytes).into_owned())))
}

/// Everything is known of these files, so nothing is guessed.
fn options(set: &DataSet) -> ReadOptions {
    let delimiter = match set.dialect {
        Dialect::Tabs => "\t",
        Dialect::DoubleColons => "::",
        Dialect::Csv | Dialect::Ncf | Dialect::LightGcn | Dialect::BuiltIn => ",",
    };
    ReadOptions {
        name: Some(set.name.to_owned()),
        format: Some(Format::Text),
        delimiter: Some(delimiter.to_owned()),
        header: Some(set.dialect == Dialect::Csv),
        user: Some(Position(1)),
        item: Some(Position(2)),
        rating: Some(Position(3)),
        time: Some(Position(4)),
        scale: Some(set.scale),
        ..ReadOptions::default()
    }
}
