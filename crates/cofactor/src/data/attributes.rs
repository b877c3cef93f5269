//! What is known of users and items beside the ratings: titles, years, genres, ages.
//!
//! Columns, each with one value (or none) per user or item. They are shown to people, and an algorithm may take
//! one as side information by its name.

use serde::{Deserialize, Serialize};

/// The columns of one side, users or items. Row `i` of each column belongs to the dense index `i`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Attributes {
    /// The columns, in the order of their file.
    pub columns: Vec<Column>,
}

/// One attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its name: `title`, `year`, `genres`, `age`, …
    pub name: String,
    /// Its values.
    pub values: Values,
}

/// The values of a column, one entry per user or item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "values", rename_all = "lowercase")]
pub enum Values {
    /// Free text; empty where unknown.
    Text(Vec<String>),
    /// A number, or none.
    Number(Vec<Option<f64>>),
    /// Any number of labels each: `members[i]` holds positions in `labels`.
    Labels {
        /// Every label that occurs.
        labels: Vec<String>,
        /// The labels of each row, increasing.
        members: Vec<Vec<u16>>,
    },
}

/// The column that holds the name shown to people.
pub const TITLE: &str = "title";

impl Attributes {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Values> {
        self.columns.iter().find(|column| column.name == name).map(|column| &column.values)
    }

    /// The title of a row, if it has one.
    pub fn title(&self, index: usize) -> Option<&str> {
        match self.column(TITLE)? {
            Values::Text(titles) => titles.get(index).map(String::as_str).filter(|title| !title.is_empty()),
            _ => None,
        }
    }

    /// The number in a numeric column, if there is one.
    pub fn number(&self, name: &str, index: usize) -> Option<f64> {
        match self.column(name)? {
            Values::Number(numbers) => numbers.get(index).copied().flatten(),
            _ => None,
        }
    }

    /// The labels of a row, in the order of the label list.
    pub fn labels(&self, name: &str, index: usize) -> Vec<&str> {
        match self.column(name) {
            Some(Values::Labels { labels, members }) => members
                .get(index)
                .into_iter()
                .flatten()
                .filter_map(|&label| labels.get(label as usize).map(String::as_str))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The same columns with their rows in another order: row `i` of the result is row `sources[i]` of this, or
    /// empty where that is `None`.
    #[must_use]
    pub fn gather(&self, sources: &[Option<usize>]) -> Self {
        let columns = self
            .columns
            .iter()
            .map(|column| Column { name: column.name.clone(), values: column.values.gather(sources) })
            .collect();
        Self { columns }
    }

    /// Whether each column has exactly `rows` entries and each label exists: what a file must prove.
    pub fn is_valid(&self, rows: usize) -> bool {
        self.columns.iter().all(|column| match &column.values {
            Values::Text(texts) => texts.len() == rows,
            Values::Number(numbers) => numbers.len() == rows,
            Values::Labels { labels, members } => {
                members.len() == rows
                    && members.iter().flatten().all(|&label| (label as usize) < labels.len())
            }
        })
    }
}

impl Values {
    fn gather(&self, sources: &[Option<usize>]) -> Self {
        fn pick<T: Clone + Default>(values: &[T], sources: &[Option<usize>]) -> Vec<T> {
            sources.iter().map(|source| source.map(|row| values[row].clone()).unwrap_or_default()).collect()
        }
        match self {
            Self::Text(texts) => Self::Text(pick(texts, sources)),
            Self::Number(numbers) => Self::Number(pick(numbers, sources)),
            Self::Labels { labels, members } => {
                Self::Labels { labels: labels.clone(), members: pick(members, sources) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_follow_their_sources() {
        let attributes = Attributes {
            columns: vec![
                Column { name: TITLE.into(), values: Values::Text(vec!["A".into(), "B".into()]) },
                Column { name: "year".into(), values: Values::Number(vec![Some(1990.0), None]) },
                Column {
                    name: "genres".into(),
                    values: Values::Labels {
                        labels: vec!["Drama".into(), "War".into()],
                        members: vec![vec![0, 1], vec![1]],
                    },
                },
            ],
        };
        let gathered = attributes.gather(&[Some(1), None, Some(0)]);
        assert!(gathered.is_valid(3) && !gathered.is_valid(2));
        assert_eq!(gathered.title(0), Some("B"));
        assert_eq!(gathered.title(1), None);
        assert_eq!(gathered.number("year", 2), Some(1990.0));
        assert_eq!(gathered.labels("genres", 2), ["Drama", "War"]);
        assert!(gathered.labels("genres", 1).is_empty());
    }
}
