//! The ratings that somebody new brings along: as a person writes them, and as a model takes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Recommender;
use crate::data::ids::{Item, RawId};
use crate::data::ratings::Row;
use crate::error::{Error, Result};
use crate::fit::algorithm::Task;

/// One rating, by raw id or title.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// The item: its raw id or title, as for [`Recommender::find_item`].
    pub item: String,
    /// The rating.
    pub value: f32,
}

/// Reads ratings as a person writes them: `50=5, Fargo=4; "Matrix, The (1999)"=3`.
///
/// An entry is an item, the last `=`, and a number. A comma or a semicolon ends an entry only where what stands before it
/// ends in `=` and a number, so titles may hold commas, semicolons and `=`; a title that would be cut all the same is put in double quotes
/// (and a double quote inside them is doubled). Whether the items exist and the values fit the scale is not checked here.
///
/// # Errors
/// [`Error::Parameter`] names the entry and the character where it starts.
pub fn parse_history(text: &str) -> Result<Vec<HistoryEntry>> {
    let mut entries = Vec::new();
    let mut rest = text;
    while !rest.trim_start().is_empty() {
        rest = rest.trim_start();
        let place = Place {
            entry: entries.len() + 1,
            character: text[..text.len() - rest.len()].chars().count() + 1,
        };
        let (entry, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_entry(quoted, &place)?,
            None => plain_entry(rest, &place)?,
        };
        entries.push(entry);
        rest = after;
    }
    Ok(entries)
}

/// Where an entry stands, both counted from 1.
struct Place {
    entry: usize,
    character: usize,
}

impl Place {
    fn refuse(&self, found: &str, expected: &str, hint: &str) -> Error {
        let name = format!("ratings, entry {} at character {}", self.entry, self.character);
        Error::parameter(name, format!("'{}'", shortened(found.trim_end())), expected, hint)
    }
}

const HOW: &str =
    "write ITEM=RATING, ITEM=RATING, …; an item is an id or a title, a title with '=' in double quotes";

/// An entry without quotes, and what follows its separator.
fn plain_entry<'a>(rest: &'a str, place: &Place) -> Result<(HistoryEntry, &'a str)> {
    let separators = rest.match_indices([',', ';']).map(|(at, separator)| (at, at + separator.len()));
    for (end, after) in separators.chain([(rest.len(), rest.len())]) {
        let Some((item, value)) = rest[..end].rsplit_once('=') else { continue };
        let Ok(value) = value.trim().parse() else { continue };
        if item.trim().is_empty() {
            return Err(place.refuse(rest, "an item before the '='", HOW));
        }
        return Ok((HistoryEntry { item: item.trim().to_owned(), value }, &rest[after..]));
    }
    Err(place.refuse(rest, "an item, '=' and a number", HOW))
}

/// An entry whose opening quote has been taken off, and what follows its separator.
fn quoted_entry<'a>(quoted: &'a str, place: &Place) -> Result<(HistoryEntry, &'a str)> {
    let Some(end) = closing_quote(quoted) else {
        return Err(place.refuse(quoted, "a closing double quote", HOW));
    };
    let item = quoted[..end].replace("\"\"", "\"");
    let rest = quoted[end + 1..].trim_start();
    let Some(rest) = rest.strip_prefix('=') else {
        return Err(place.refuse(quoted, "'=' and a number after the closing quote", HOW));
    };
    let end = rest.find([',', ';']).unwrap_or(rest.len());
    let Ok(value) = rest[..end].trim().parse() else {
        return Err(place.refuse(&rest[..end], "a number after the '='", HOW));
    };
    Ok((HistoryEntry { item, value }, rest.get(end + 1..).unwrap_or_default()))
}

/// Where the first quote stands that is not one of a pair.
fn closing_quote(quoted: &str) -> Option<usize> {
    let bytes = quoted.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            (b'"', Some(b'"')) => at += 2,
            (b'"', _) => return Some(at),
            _ => at += 1,
        }
    }
    None
}

fn shortened(text: &str) -> String {
    const SHOWN: usize = 60;
    let cut: String = text.chars().take(SHOWN).collect();
    if cut.len() < text.len() { cut + "…" } else { cut }
}

/// A checked history, in the order of the items' indices.
pub(super) struct History {
    items: Vec<Item>,
    values: Vec<f32>,
}

impl History {
    /// Finds the items and checks the values.
    pub(super) fn of(recommender: &Recommender, entries: &[HistoryEntry]) -> Result<Self> {
        if entries.is_empty() {
            return Err(Error::parameter("ratings", "''", "at least one rating", HOW));
        }
        let mut rated: Vec<(Item, usize)> = Vec::with_capacity(entries.len());
        for (position, entry) in entries.iter().enumerate() {
            check_value(recommender, position, entry)?;
            let item = recommender.item(&entry.item).map_err(|error| placed(position, entry, &error))?;
            rated.push((item, position));
        }
        rated.sort_unstable();
        if let Some(twice) = rated.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let (first, second) = (twice[0].1, twice[1].1);
            let expected = format!("each item once, and entry {} is the same one", first + 1);
            return Err(refuse(second, &entries[second].item, expected, "leave one of them out"));
        }
        let values = rated.iter().map(|&(_, position)| entries[position].value).collect();
        Ok(Self { items: rated.into_iter().map(|(item, _)| item).collect(), values })
    }

    /// Training ratings and those that came since, the last of an item counting; for a model that ranks, their sum. `None` where none has come of an item that the model knows.
    pub(super) fn since(
        recommender: &Recommender,
        trained: Row<'_>,
        entries: &[HistoryEntry],
    ) -> Result<Option<Self>> {
        let mut rated: BTreeMap<Item, f32> = trained.iter().map(|rated| (rated.item, rated.value)).collect();
        let mut news = false;
        for (position, entry) in entries.iter().enumerate() {
            let Some(item) = recommender.known_item(RawId::Text(&entry.item)) else { continue };
            check_value(recommender, position, entry)?;
            let value = rated.entry(item).or_insert(0.0);
            *value = if recommender.task == Task::Ranking { *value + entry.value } else { entry.value };
            news = true;
        }
        let (items, values) = rated.into_iter().unzip();
        Ok(news.then_some(Self { items, values }))
    }

    pub(super) fn row(&self) -> Row<'_> {
        Row::new(&self.items, &self.values)
    }
}

fn check_value(recommender: &Recommender, position: usize, entry: &HistoryEntry) -> Result<()> {
    let (scale, value) = (recommender.file.data.scale, entry.value);
    let (fits, expected) = match recommender.task {
        Task::Rating => (
            scale.min <= value && value <= scale.max,
            format!("a rating from {} to {}", scale.min, scale.max),
        ),
        Task::Ranking => (value > 0.0 && value.is_finite(), "a number above zero".to_owned()),
    };
    if fits {
        return Ok(());
    }
    let given = format!("{}={value}", entry.item);
    Err(refuse(position, &given, expected, "these are the ratings that the model was trained on"))
}

/// An item that could not be found, with its place.
fn placed(position: usize, entry: &HistoryEntry, error: &Error) -> Error {
    let (problem, hint) = error.parts();
    refuse(position, &entry.item, format!("an item of the model, but {problem}"), &hint.unwrap_or_default())
}

fn refuse(position: usize, found: &str, expected: String, hint: &str) -> Error {
    Error::parameter(
        format!("ratings, entry {}", position + 1),
        format!("'{}'", shortened(found)),
        expected,
        hint,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> Vec<(String, f32)> {
        parse_history(text).unwrap().into_iter().map(|entry| (entry.item, entry.value)).collect()
    }

    fn refused(text: &str) -> String {
        parse_history(text).unwrap_err().parts().0
    }

    #[test]
    fn ids_titles_commas_and_quotes() {
        let listed = |entries: &[(&str, f32)]| -> Vec<(String, f32)> {
            entries.iter().map(|&(item, value)| (item.to_owned(), value)).collect()
        };
        assert_eq!(parsed("50=5,100=3"), listed(&[("50", 5.0), ("100", 3.0)]));
        assert_eq!(parsed(" 50 = 4.5 ; 100=3 ; "), listed(&[("50", 4.5), ("100", 3.0)]));
        assert_eq!(
            parsed("Star Wars (1977)=5, Matrix, The (1999)=4"),
            listed(&[("Star Wars (1977)", 5.0), ("Matrix, The (1999)", 4.0)])
        );
        assert_eq!(parsed("E=mc²=2;a;b=1"), listed(&[("E=mc²", 2.0), ("a;b", 1.0)]));
        assert_eq!(
            parsed(r#""1=1, 2=2"=5, "say ""yes""" = 1"#),
            listed(&[("1=1, 2=2", 5.0), ("say \"yes\"", 1.0)])
        );
        assert_eq!(parsed("  "), []);
        assert!(parsed("x=nan")[0].1.is_nan(), "the scale refuses it");
    }

    #[test]
    fn what_cannot_be_read_is_shown_with_its_place() {
        assert_eq!(
            refused("50=5, Fargo"),
            "ratings, entry 2 at character 7 = 'Fargo': expected an item, '=' and a number"
        );
        assert_eq!(refused("=5"), "ratings, entry 1 at character 1 = '=5': expected an item before the '='");
        assert_eq!(
            refused("ü=1, \"Fargo=4"),
            "ratings, entry 2 at character 6 = 'Fargo=4': expected a closing double quote"
        );
        assert_eq!(
            refused("\"Fargo\" 4"),
            "ratings, entry 1 at character 1 = 'Fargo\" 4': expected '=' and a number after the closing quote"
        );
        assert_eq!(
            refused("\"Fargo\"=four"),
            "ratings, entry 1 at character 1 = 'four': expected a number after the '='"
        );
    }

    proptest! {
        #[test]
        fn quoted_entries_come_back(
            entries in proptest::collection::vec(("[ -~ü]{0,8}", 0_i8..6), 0..6),
        ) {
            let quoted = |item: &str| format!("\"{}\"", item.replace('"', "\"\""));
            let written: Vec<String> =
                entries.iter().map(|(item, value)| format!("{}={value}", quoted(item))).collect();
            let expected: Vec<(String, f32)> =
                entries.iter().map(|(item, value)| (item.clone(), f32::from(*value))).collect();
            prop_assert_eq!(parsed(&written.join(", ")), expected);
        }

        #[test]
        fn arbitrary_text_never_panics(text in "[a=1\",; ü.]{0,24}") {
            let _ = parse_history(&text);
        }
    }
}
