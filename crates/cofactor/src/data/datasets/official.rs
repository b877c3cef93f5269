//! The divisions of MovieLens 100K that everybody compares by, made again from the order of `u.data`.
//!
//! The archive's own scripts made `u1` to `u5` by cutting the file into fifths and `ua`, `ub` by taking each user's
//! ratings 1 to 10 and 11 to 20. Doing the same gives the published files byte for byte, which their SHA-256 proves, so
//! the divisions are at hand wherever the ratings came from.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use crate::error::{Error, Result};

/// The names of the divisions.
pub const NAMES: [&str; 7] = ["u1", "u2", "u3", "u4", "u5", "ua", "ub"];

/// The lines of the base (training) and of the test file, each sorted by user and item.
///
/// # Errors
/// A name that is not one of [`NAMES`].
pub fn divide(data: &str, split: &str) -> Result<(String, String)> {
    match split {
        "u1" => Ok(fifth(data, 0)),
        "u2" => Ok(fifth(data, 1)),
        "u3" => Ok(fifth(data, 2)),
        "u4" => Ok(fifth(data, 3)),
        "u5" => Ok(fifth(data, 4)),
        "ua" => Ok(by_turn(data, 1..=10)),
        "ub" => Ok(by_turn(data, 11..=20)),
        _ => {
            let known = NAMES.map(str::to_owned).to_vec();
            Err(Error::UnknownName { kind: "official split", name: split.to_owned(), known })
        }
    }
}

/// The test part is the given fifth of the lines.
fn fifth(data: &str, part: usize) -> (String, String) {
    let size = data.lines().count() / 5;
    let test = part * size..(part + 1) * size;
    divided(data.lines().enumerate().map(|(number, line)| (test.contains(&number), line)))
}

/// The test part is each user's ratings with these turns, counted from 1.
fn by_turn(data: &str, turns: RangeInclusive<u32>) -> (String, String) {
    let mut rated: HashMap<&str, u32> = HashMap::new();
    divided(data.lines().map(|line| {
        let user = line.split('\t').next().unwrap_or_default();
        let turn = rated.entry(user).or_default();
        *turn += 1;
        (turns.contains(turn), line)
    }))
}

fn divided<'a>(lines: impl Iterator<Item = (bool, &'a str)>) -> (String, String) {
    let (mut base, mut test) = (Vec::new(), Vec::new());
    for (tested, line) in lines {
        if tested { test.push(line) } else { base.push(line) }
    }
    (sorted(base), sorted(test))
}

/// By user, then item, as numbers.
fn sorted(mut lines: Vec<&str>) -> String {
    lines.sort_by_cached_key(|line| pair(line).map(|field| field.parse::<u64>().unwrap_or(u64::MAX)));
    lines.into_iter().fold(String::new(), |text, line| text + line + "\n")
}

/// The user and the item of a line.
pub(super) fn pair(line: &str) -> [&str; 2] {
    let mut fields = line.split('\t');
    [fields.next().unwrap_or_default(), fields.next().unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: &str = "2\t7\t3\t0\n10\t1\t4\t0\n2\t10\t5\t0\n1\t1\t1\t0\n10\t9\t2\t0\n";

    #[test]
    fn a_fifth_of_the_lines_is_the_test_part() {
        let (base, test) = divide(DATA, "u3").unwrap();
        assert_eq!(test, "2\t10\t5\t0\n");
        assert_eq!(base, "1\t1\t1\t0\n2\t7\t3\t0\n10\t1\t4\t0\n10\t9\t2\t0\n");
    }

    #[test]
    fn the_first_and_the_second_ten_of_each_user() {
        let line = |user: u32, item: u32| format!("{user}\t{item}\t3\t0\n");
        let data: String = (1..=25).map(|item| line(1, item) + &line(2, 100 - item)).collect();
        let (base, test) = divide(&data, "ub").unwrap();
        assert_eq!((base.lines().count(), test.lines().count()), (30, 20));
        assert!(test.starts_with("1\t11\t") && test.contains("2\t89\t") && base.contains("2\t90\t"));
    }

    #[test]
    fn another_name_is_refused() {
        assert_eq!(
            divide(DATA, "u6").unwrap_err().to_string(),
            "no official split is called 'u6'\n  help: did you mean 'u1'? There are: u1, u2, u3, u4, u5, ua, ub"
        );
    }
}
