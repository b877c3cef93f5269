//! What is known of users and items beside their ratings, as sets of a block's rows.

use super::design::Lists;
use crate::data::attributes::{Attributes, TITLE, Values};

/// Numbers are cut into so many parts with about as many rows each.
const PARTS: usize = 10;

/// A set for each attribute but the title, with how many members it has. Labels are members as they are; a number counts by the tenth of the rows that it lies in, a text by its first
/// letter, which of a ZIP code is the region. Rows without a value have no member.
pub(super) fn sets(attributes: &Attributes) -> Vec<(Lists, usize)> {
    let columns = attributes.columns.iter().filter(|column| column.name != TITLE);
    columns
        .map(|column| match &column.values {
            Values::Labels { labels, members } => {
                let rows = members.iter().map(|row| row.iter().map(|&label| u32::from(label)).collect());
                (Lists::of(rows), labels.len())
            }
            Values::Number(numbers) => {
                let bounds = bounds(numbers);
                let part = |number: f64| bounds.partition_point(|&bound| bound < number) as u32;
                let rows = numbers.iter().map(|number| number.iter().map(|&number| part(number)).collect());
                (Lists::of(rows), bounds.len() + 1)
            }
            Values::Text(texts) => {
                let first = |text: &String| text.chars().next().map(|letter| letter.to_ascii_lowercase());
                let mut letters: Vec<char> = texts.iter().filter_map(first).collect();
                letters.sort_unstable();
                letters.dedup();
                let place = |letter: char| letters.partition_point(|&other| other < letter) as u32;
                let rows = texts.iter().map(|text| first(text).map(place).into_iter().collect());
                (Lists::of(rows), letters.len())
            }
        })
        .collect()
}

/// A set of one member for each row: ⌊log₂ n⌋ for its number n. A row without ratings has no member.
pub(super) fn magnitudes(counts: impl Iterator<Item = usize>) -> (Lists, usize) {
    let magnitude = |count: usize| count.checked_ilog2();
    let rows: Vec<Vec<u32>> = counts.map(|count| magnitude(count).into_iter().collect()).collect();
    let members = rows.iter().flatten().max().map_or(0, |&largest| largest as usize + 1);
    (Lists::of(rows.into_iter()), members)
}

/// The largest number of each part but the last.
fn bounds(numbers: &[Option<f64>]) -> Vec<f64> {
    let mut sorted: Vec<f64> = numbers.iter().flatten().copied().collect();
    sorted.sort_by(f64::total_cmp);
    let mut bounds: Vec<f64> = (1..PARTS)
        .filter_map(|part| sorted.get((sorted.len() * part / PARTS).checked_sub(1)?))
        .copied()
        .collect();
    bounds.dedup();
    bounds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::attributes::Column;

    #[test]
    fn each_attribute_but_the_title_is_a_set() {
        let column = |name: &str, values| Column { name: name.to_owned(), values };
        let texts = |texts: [&str; 3]| Values::Text(texts.map(str::to_owned).to_vec());
        let attributes = Attributes {
            columns: vec![
                column(TITLE, texts(["A", "B", "C"])),
                column("zip", texts(["T8H1N", "", "t1"])),
                column("age", Values::Number(vec![Some(40.0), None, Some(20.0)])),
                column(
                    "genres",
                    Values::Labels {
                        labels: vec!["x".into(), "y".into()],
                        members: vec![vec![0, 1], vec![], vec![1]],
                    },
                ),
            ],
        };
        let sets = sets(&attributes);
        let rows = |set: usize| (0..3).map(|row| sets[set].0.row(row).to_vec()).collect::<Vec<_>>();
        assert_eq!(sets.len(), 3);
        assert_eq!((rows(0), sets[0].1), (vec![vec![0], vec![], vec![0]], 1));
        assert_eq!((rows(1), sets[1].1), (vec![vec![1], vec![], vec![0]], 2));
        assert_eq!((rows(2), sets[2].1), (vec![vec![0, 1], vec![], vec![1]], 2));
    }

    #[test]
    fn a_number_of_ratings_counts_by_its_magnitude() {
        let (lists, members) = magnitudes([0, 1, 2, 3, 4, 1000].into_iter());
        let rows: Vec<Vec<u32>> = (0..6).map(|row| lists.row(row).to_vec()).collect();
        assert_eq!((rows, members), (vec![vec![], vec![0], vec![1], vec![1], vec![2], vec![9]], 10));
    }

    #[test]
    fn a_number_counts_by_its_tenth() {
        let numbers: Vec<Option<f64>> = (0..100).map(|number| Some(f64::from(number))).collect();
        assert_eq!(bounds(&numbers), [9.0, 19.0, 29.0, 39.0, 49.0, 59.0, 69.0, 79.0, 89.0]);
    }
}
