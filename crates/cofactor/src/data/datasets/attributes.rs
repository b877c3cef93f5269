//! Titles, years and genres of the items, ages and occupations of the users, from MovieLens' files.

use std::borrow::Cow;
use std::path::Path;

use super::list::Dialect;
use super::titles;
use crate::data::attributes::{Attributes, Column, TITLE, Values};
use crate::data::ids::IdMap;
use crate::error::{Error, Place, Result};

/// What the list of items says of one.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct ItemRecord<'a> {
    id: &'a str,
    title: String,
    year: Option<f64>,
    genres: Vec<&'a str>,
}

/// What the list of users says of one.
#[derive(Debug, PartialEq)]
pub(crate) struct UserRecord<'a> {
    id: &'a str,
    age: Option<f64>,
    gender: &'a str,
    occupation: &'a str,
    zip: &'a str,
}

/// The text of a file: UTF-8, or else Latin-1, as the older files are.
pub(crate) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect::<String>().into(),
    }
}

/// The items that a file lists; `file` is named in errors.
pub(crate) fn items<'a>(text: &'a str, dialect: Dialect, file: &Path) -> Result<Vec<ItemRecord<'a>>> {
    let skipped = usize::from(dialect == Dialect::Csv);
    records(text, file, skipped, "a list of films", |line| match dialect {
        Dialect::Tabs => item_with_bars(line),
        Dialect::DoubleColons => item_with_colons(line),
        Dialect::Csv => item_with_commas(line),
        Dialect::Ncf | Dialect::LightGcn | Dialect::BuiltIn => None,
    })
}

/// The users that a file lists; `file` is named in errors.
pub(crate) fn users<'a>(text: &'a str, dialect: Dialect, file: &Path) -> Result<Vec<UserRecord<'a>>> {
    records(text, file, 0, "a list of users", |line| match dialect {
        Dialect::Tabs => user_with_bars(line),
        Dialect::DoubleColons => user_with_colons(line),
        Dialect::Csv | Dialect::Ncf | Dialect::LightGcn | Dialect::BuiltIn => None,
    })
}

fn records<'a, R>(
    text: &'a str,
    file: &Path,
    skipped: usize,
    kind: &str,
    record: impl Fn(&'a str) -> Option<R>,
) -> Result<Vec<R>> {
    let lines = text.lines().enumerate().skip(skipped).filter(|(_, line)| !line.is_empty());
    lines
        .map(|(number, line)| {
            record(line).ok_or_else(|| Error::Input {
                place: Place { file: file.to_owned(), line: Some(number as u64 + 1) },
                problem: format!("this is no line of {kind}"),
                found: line.chars().take(60).collect(),
                hint: String::new(),
            })
        })
        .collect()
}

/// `id|title|release date|video release date|URL|` and a 0 or 1 for each genre.
fn item_with_bars(line: &str) -> Option<ItemRecord<'_>> {
    let fields: Vec<&str> = line.split('|').collect();
    let flags = fields.get(5..).filter(|flags| flags.len() == GENRES.len())?;
    // The first genre is "unknown".
    let carried = GENRES.iter().zip(flags).skip(1).filter(|&(_, &flag)| flag == "1");
    Some(item(fields[0], fields[1], carried.map(|(&genre, _)| genre).collect()))
}

/// `id::title::genre|genre`.
fn item_with_colons(line: &str) -> Option<ItemRecord<'_>> {
    let (id, rest) = line.split_once("::")?;
    let (title, genres) = rest.rsplit_once("::")?;
    Some(item(id, title, genres_of(genres)))
}

/// `id,title,genre|genre`, where the title may stand in quotes. No genre has a comma.
fn item_with_commas(line: &str) -> Option<ItemRecord<'_>> {
    let (id, rest) = line.split_once(',')?;
    let (title, genres) = rest.rsplit_once(',')?;
    let unquoted = title.strip_prefix('"').and_then(|title| title.strip_suffix('"'));
    let title = unquoted.map_or(Cow::Borrowed(title), |title| title.replace("\"\"", "\"").into());
    Some(item(id, &title, genres_of(genres)))
}

fn genres_of(joined: &str) -> Vec<&str> {
    joined.split('|').filter(|genre| !genre.is_empty() && *genre != "(no genres listed)").collect()
}

fn item<'a>(id: &'a str, title: &str, genres: Vec<&'a str>) -> ItemRecord<'a> {
    ItemRecord { id, title: titles::readable(title), year: titles::year(title), genres }
}

/// `id|age|gender|occupation|zip`.
fn user_with_bars(line: &str) -> Option<UserRecord<'_>> {
    let &[id, age, gender, occupation, zip] = line.split('|').collect::<Vec<_>>().as_slice() else {
        return None;
    };
    Some(UserRecord { id, age: age.parse().ok(), gender, occupation, zip })
}

/// `id::gender::age::occupation::zip`, with the lower end of a range of ages and the number of an occupation.
fn user_with_colons(line: &str) -> Option<UserRecord<'_>> {
    let &[id, gender, age, occupation, zip] = line.split("::").collect::<Vec<_>>().as_slice() else {
        return None;
    };
    let occupation = OCCUPATIONS.get(occupation.parse::<usize>().ok()?)?;
    Some(UserRecord { id, age: age.parse().ok(), gender, occupation, zip })
}

/// The genres of MovieLens 100K, in the order of their columns.
pub(crate) const GENRES: [&str; 19] = [
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
];

/// The occupations of MovieLens 1M by their numbers.
const OCCUPATIONS: [&str; 21] = [
    "other",
    "academic/educator",
    "artist",
    "clerical/admin",
    "college/grad student",
    "customer service",
    "doctor/health care",
    "executive/managerial",
    "farmer",
    "homemaker",
    "K-12 student",
    "lawyer",
    "programmer",
    "retired",
    "sales/marketing",
    "scientist",
    "self-employed",
    "technician/engineer",
    "tradesman/craftsman",
    "unemployed",
    "writer",
];

/// The columns of the items that have an index; what is said of others is left out.
pub(crate) fn of_items(records: Vec<ItemRecord<'_>>, ids: &IdMap) -> Attributes {
    let sources = sources(ids, records.iter().map(|record| record.id));
    let (mut titles, mut years, mut genres) = (Vec::new(), Vec::new(), Vec::new());
    for record in records {
        titles.push(record.title);
        years.push(record.year);
        genres.push(record.genres);
    }
    let columns = vec![
        Column { name: TITLE.into(), values: Values::Text(titles) },
        Column { name: "year".into(), values: Values::Number(years) },
        Column { name: "genres".into(), values: labels(&genres) },
    ];
    Attributes { columns }.gather(&sources)
}

/// The columns of the users that have an index.
pub(crate) fn of_users(records: Vec<UserRecord<'_>>, ids: &IdMap) -> Attributes {
    let sources = sources(ids, records.iter().map(|record| record.id));
    let (mut ages, mut genders, mut occupations, mut zips) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for record in records {
        ages.push(record.age);
        genders.push(vec![record.gender]);
        occupations.push(vec![record.occupation]);
        zips.push(record.zip.to_owned());
    }
    let columns = vec![
        Column { name: "age".into(), values: Values::Number(ages) },
        Column { name: "gender".into(), values: labels(&genders) },
        Column { name: "occupation".into(), values: labels(&occupations) },
        Column { name: "zip".into(), values: Values::Text(zips) },
    ];
    Attributes { columns }.gather(&sources)
}

/// For each index the record that tells of it.
fn sources<'a>(ids: &IdMap, told: impl Iterator<Item = &'a str>) -> Vec<Option<usize>> {
    let mut sources = vec![None; ids.len()];
    for (record, id) in told.enumerate() {
        if let Some(index) = ids.index_of(id) {
            sources[index] = Some(record);
        }
    }
    sources
}

/// Labels in alphabetical order.
fn labels(rows: &[Vec<&str>]) -> Values {
    let mut labels: Vec<&str> = rows.iter().flatten().copied().collect();
    labels.sort_unstable();
    labels.dedup();
    let members = rows
        .iter()
        .map(|row| {
            let mut members: Vec<u16> =
                row.iter().filter_map(|label| labels.binary_search(label).ok()).map(|l| l as u16).collect();
            members.sort_unstable();
            members.dedup();
            members
        })
        .collect();
    Values::Labels { labels: labels.into_iter().map(str::to_owned).collect(), members }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(text: &str, dialect: Dialect) -> Vec<ItemRecord<'_>> {
        items(text, dialect, Path::new("list")).unwrap()
    }

    #[test]
    fn each_dialect_lists_items() {
        let told = |id, title: &str, year, genres| ItemRecord { id, title: title.into(), year, genres };
        let flags = "0|0|0|0|0|0|0|0|1|0|0|0|0|0|0|0|1|0|0";
        assert_eq!(
            listed(&format!("7|Silent Harbor, The (1987)|01-Jan-1987||http://x/|{flags}\n"), Dialect::Tabs),
            [told("7", "The Silent Harbor (1987)", Some(1987.0), vec!["Drama", "Thriller"])]
        );
        assert_eq!(
            listed("7::Mission: Harbor (1987)::Drama|War\n", Dialect::DoubleColons),
            [told("7", "Mission: Harbor (1987)", Some(1987.0), vec!["Drama", "War"])]
        );
        assert_eq!(
            listed(
                "movieId,title,genres\n7,\"Harbor, \"\"The\"\" (1987)\",(no genres listed)\n8,Plain,War\n",
                Dialect::Csv
            ),
            [
                told("7", "Harbor, \"The\" (1987)", Some(1987.0), vec![]),
                told("8", "Plain", None, vec!["War"])
            ]
        );
    }

    #[test]
    fn each_dialect_lists_users() {
        let with_bars = users("3|24|M|technician|85711\n", Dialect::Tabs, Path::new("u.user")).unwrap();
        let with_colons = users("3::M::25::17::85711\n", Dialect::DoubleColons, Path::new("u")).unwrap();
        let told =
            |age, occupation| UserRecord { id: "3", age: Some(age), gender: "M", occupation, zip: "85711" };
        assert_eq!(with_bars, [told(24.0, "technician")]);
        assert_eq!(with_colons, [told(25.0, "technician/engineer")]);
    }

    #[test]
    fn a_line_of_another_kind_is_refused_with_its_place() {
        let message = items("1|Toy|\n", Dialect::Tabs, Path::new("u.item")).unwrap_err().to_string();
        assert_eq!(message, "u.item:1: this is no line of a list of films: '1|Toy|'");
    }

    #[test]
    fn rows_go_to_their_ids() {
        let records = listed(
            "30::C (1990)::War\n10::A (1970)::Drama|Comedy\n99::Z (2000)::War\n",
            Dialect::DoubleColons,
        );
        let attributes = of_items(records, &IdMap::Integers(vec![10, 20, 30]));
        assert!(attributes.is_valid(3));
        assert_eq!(attributes.title(0), Some("A (1970)"));
        assert_eq!(attributes.title(1), None);
        assert_eq!(attributes.labels("genres", 0), ["Comedy", "Drama"]);
        assert_eq!(attributes.number("year", 2), Some(1990.0));
    }

    #[test]
    fn old_files_are_latin_1() {
        assert_eq!(decode(b"Mis\xe9rables"), "Misérables");
        assert_eq!(decode("Misérables".as_bytes()), "Misérables");
    }
}
