//! Any ratings, written as the files of a MovieLens archive: for tests that need such files without the real data.

use std::fmt::Write as _;
use std::fs;
use std::io::{Cursor, Write as _};
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64_with_seed;
use zip::write::SimpleFileOptions;

use crate::data::attributes::Attributes;
use crate::data::datasets::attributes::GENRES;
use crate::data::datasets::{Dialect, official};
use crate::data::ratings::{Rating, Ratings};
use crate::error::{Error, Result};

/// A file's name and what is in it.
pub type NamedFile = (String, Vec<u8>);

/// The files of an archive in that dialect: ratings, items, and users where the dialect has them; with
/// [`Dialect::Tabs`] also the base and test files of `u1` to `u5`, `ua` and `ub`.
///
/// Raw ids must be whole numbers as MovieLens' are, for its files have no quotes. Missing times are written as 0.
/// [`Dialect::BuiltIn`] has no files, and the dialects of data without ratings are not MovieLens': they give none.
pub fn movielens_files(ratings: &Ratings, dialect: Dialect) -> Vec<NamedFile> {
    match dialect {
        Dialect::Tabs => tabs(ratings),
        Dialect::DoubleColons => double_colons(ratings),
        Dialect::Csv => csv(ratings),
        Dialect::Ncf | Dialect::LightGcn | Dialect::BuiltIn => Vec::new(),
    }
}

/// Writes [`movielens_files`] into a folder, which is made where it is missing.
pub fn write_movielens(ratings: &Ratings, dialect: Dialect, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(Error::io("create the folder", folder))?;
    for (name, content) in movielens_files(ratings, dialect) {
        let path = folder.join(name);
        fs::write(&path, content).map_err(Error::io("write", &path))?;
    }
    Ok(())
}

/// Writes files into a zip archive, in a folder inside it as the real archives have one.
pub fn write_archive(files: &[NamedFile], folder: &str, archive: &Path) -> Result<()> {
    let bytes = zipped(files, folder).map_err(Error::io("write", archive))?;
    fs::write(archive, bytes).map_err(Error::io("write", archive))
}

fn zipped(files: &[NamedFile], folder: &str) -> std::io::Result<Vec<u8>> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        archive.start_file(format!("{folder}/{name}"), SimpleFileOptions::default())?;
        archive.write_all(content)?;
    }
    Ok(archive.finish()?.into_inner())
}

fn tabs(ratings: &Ratings) -> Vec<NamedFile> {
    let catalog = ratings.catalog();
    let mut shuffled: Vec<Rating> = ratings.iter().collect();
    shuffled.sort_by_key(|r| xxh3_64_with_seed(&[r.user.0, r.item.0].map(u32::to_le_bytes).concat(), 0));
    let mut data = String::new();
    for r in shuffled {
        let (user, item) = (catalog.user_id(r.user), catalog.item_id(r.item));
        put(&mut data, format_args!("{user}\t{item}\t{}\t{}\n", r.value, r.time.unwrap_or(0)));
    }
    let mut files = official_files(&data);
    files.push(("u.item".into(), items_with_bars(ratings).into_bytes()));
    files.push(("u.user".into(), users_with_bars(ratings).into_bytes()));
    files.push(("u.data".into(), data.into_bytes()));
    files
}

fn official_files(data: &str) -> Vec<NamedFile> {
    let mut files = Vec::new();
    for split in official::NAMES {
        let (base, test) = official::divide(data, split).expect("each of the names is known");
        files.push((format!("{split}.base"), base.into_bytes()));
        files.push((format!("{split}.test"), test.into_bytes()));
    }
    files
}

fn items_with_bars(ratings: &Ratings) -> String {
    let catalog = ratings.catalog();
    let mut text = String::new();
    for (index, id) in catalog.items.iter().enumerate() {
        let item = &catalog.item_attributes;
        let released = item.number("year", index).map_or(String::new(), |year| format!("01-Jan-{year}"));
        put(&mut text, format_args!("{id}|{}|{released}||", item.title(index).unwrap_or_default()));
        let genres = item.labels("genres", index);
        for genre in GENRES {
            let carried = genres.contains(&genre) || (genre == GENRES[0] && genres.is_empty());
            put(&mut text, format_args!("|{}", u8::from(carried)));
        }
        text.push('\n');
    }
    text
}

fn users_with_bars(ratings: &Ratings) -> String {
    let users = &ratings.catalog().user_attributes;
    let mut text = String::new();
    for (index, id) in ratings.catalog().users.iter().enumerate() {
        let age = users.number("age", index).unwrap_or(30.0);
        let (gender, occupation) = (label(users, "gender", index), label(users, "occupation", index));
        put(&mut text, format_args!("{id}|{age}|{gender}|{occupation}|{:05}\n", index % 100_000));
    }
    text
}

fn double_colons(ratings: &Ratings) -> Vec<NamedFile> {
    let catalog = ratings.catalog();
    let (mut rated, mut movies, mut users) = (String::new(), String::new(), String::new());
    for r in ratings.iter() {
        let (user, item) = (catalog.user_id(r.user), catalog.item_id(r.item));
        put(&mut rated, format_args!("{user}::{item}::{}::{}\n", r.value, r.time.unwrap_or(0)));
    }
    for (index, id) in catalog.items.iter().enumerate() {
        let title = catalog.item_attributes.title(index).unwrap_or_default();
        put(&mut movies, format_args!("{id}::{title}::{}\n", genres_with_bars(ratings, index)));
    }
    for (index, id) in catalog.users.iter().enumerate() {
        let age = catalog.user_attributes.number("age", index).unwrap_or(30.0);
        let gender = label(&catalog.user_attributes, "gender", index);
        put(&mut users, format_args!("{id}::{gender}::{age}::{}::{:05}\n", index % 21, index % 100_000));
    }
    let file = |name: &str, text: String| (name.to_owned(), text.into_bytes());
    vec![file("ratings.dat", rated), file("movies.dat", movies), file("users.dat", users)]
}

fn csv(ratings: &Ratings) -> Vec<NamedFile> {
    let catalog = ratings.catalog();
    let mut rated = String::from("userId,movieId,rating,timestamp\n");
    let mut movies = String::from("movieId,title,genres\n");
    for r in ratings.iter() {
        let (user, item) = (catalog.user_id(r.user), catalog.item_id(r.item));
        put(&mut rated, format_args!("{user},{item},{:?},{}\n", r.value, r.time.unwrap_or(0)));
    }
    for (index, id) in catalog.items.iter().enumerate() {
        let title = catalog.item_attributes.title(index).unwrap_or_default().replace('"', "\"\"");
        let quote = if title.contains([',', '"']) { "\"" } else { "" };
        let genres = match genres_with_bars(ratings, index) {
            none if none.is_empty() => "(no genres listed)".to_owned(),
            genres => genres,
        };
        put(&mut movies, format_args!("{id},{quote}{title}{quote},{genres}\n"));
    }
    vec![("ratings.csv".into(), rated.into_bytes()), ("movies.csv".into(), movies.into_bytes())]
}

fn genres_with_bars(ratings: &Ratings, index: usize) -> String {
    ratings.catalog().item_attributes.labels("genres", index).join("|")
}

fn label(attributes: &Attributes, name: &str, index: usize) -> String {
    attributes.labels(name, index).first().map_or("other", |&label| label).to_owned()
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.write_fmt(line).expect("a string grows as needed");
}
