//! Tables in memory: the same contract as files, with rows counted from 0.

use super::*;

/// A column of cells as they are.
struct Given<'a>(Vec<Cell<'a>>);

impl Cells for Given<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn cell(&self, row: usize) -> Cell<'_> {
        self.0[row]
    }
}

fn texts<'a>(texts: &[&'a str]) -> Given<'a> {
    Given(texts.iter().map(|text| Cell::Text(text.as_bytes())).collect())
}

fn integers(values: &[i64]) -> Given<'static> {
    Given(values.iter().map(|&value| Cell::Integer(value)).collect())
}

fn floats(values: &[f64]) -> Given<'static> {
    Given(values.iter().map(|&value| Cell::Float(value)).collect())
}

fn table(user: &Given<'_>, item: &Given<'_>, rating: &Given<'_>, options: &ReadOptions) -> Result<Ratings> {
    let table = Table { name: "the table".to_owned(), user, item, rating: Some(rating), time: None };
    read_table(&table, options, |_, _| Default::default())
}

fn refused(user: &Given<'_>, item: &Given<'_>, rating: &Given<'_>) -> String {
    table(user, item, rating, &ReadOptions::default()).unwrap_err().to_string()
}

#[test]
fn columns_of_all_types_are_read_like_a_file() {
    let users = Given(vec![Cell::Integer(7), Cell::Unsigned(3), Cell::Float(7.0)]);
    let read =
        table(&users, &texts(&["tea", "tea", "ale"]), &texts(&["4", " 3.5", "5"]), &ReadOptions::default());
    let read = read.unwrap();
    assert_eq!(listed(&read), "3 tea 3.5 -\n7 ale 5 -\n7 tea 4 -\n");
    let file =
        read_bytes("r.csv", b"user,item,rating\n7,tea,4\n3,tea,3.5\n7,ale,5\n", &ReadOptions::default());
    assert_eq!(read.fingerprint(), file.unwrap().fingerprint());

    let time = Given(vec![Cell::Moment(-5), Cell::Integer(1_700_000_000_000), Cell::Text(b"1970-01-02")]);
    let columns = Table {
        name: "the table".to_owned(),
        user: &integers(&[1, 2, 3]),
        item: &integers(&[1, 1, 1]),
        rating: None,
        time: Some(&time),
    };
    let read = read_table(&columns, &ReadOptions::default(), |_, _| Default::default()).unwrap();
    assert_eq!(listed(&read), "1 1 1 -5\n2 1 1 1700000000\n3 1 1 86400\n");
}

#[test]
fn what_no_model_should_be_trained_on_is_refused_with_its_row() {
    let ids = integers(&[1, 2, 3]);
    assert_eq!(
        refused(&ids, &ids, &floats(&[4.0, 3.0, f64::NAN])),
        "the table, row 2 (counted from 0): the rating is not a finite number: 'NaN'\n  help: leave rows without a rating out of the file"
    );
    assert!(refused(&ids, &ids, &floats(&[4.0, f64::INFINITY, 1.0])).starts_with("the table, row 1 "));
    let gap = Given(vec![Cell::Integer(1), Cell::Null, Cell::Integer(2)]);
    assert!(refused(&gap, &ids, &ids).contains("row 1 (counted from 0): the user id is null"));
    assert!(refused(&ids, &floats(&[1.0, f64::NAN, 2.0]), &ids).contains("the item id is no finite number"));
    assert!(refused(&ids, &ids, &gap).contains("the rating is null"));
    assert_eq!(
        refused(&integers(&[1, 2, 1]), &integers(&[5, 5, 5]), &floats(&[4.0, 3.0, 2.0])),
        "the table, row 2 (counted from 0): user '1' rates item '5' twice: 4 in row 0, and 2 in row 2\n  \
         help: keep one rating of each pair with --duplicates last, mean or sum"
    );
    assert_eq!(
        refused(&ids, &ids, &integers(&[1])),
        "the table: 3 user ids and 1 ratings\n  help: give one of each for each rating"
    );
    let nothing = integers(&[]);
    assert!(refused(&nothing, &nothing, &nothing).starts_with("the table: there are no rows"));
}

#[test]
fn options_hold_for_tables_too() {
    let (user, item, rating) = (integers(&[1, 2, 1]), integers(&[5, 5, 5]), floats(&[4.0, 3.0, 2.0]));
    let mean = ReadOptions { duplicates: Duplicates::Mean, ..ReadOptions::default() };
    assert_eq!(listed(&table(&user, &item, &rating, &mean).unwrap()), "1 5 3 -\n2 5 3 -\n");
    let scale = ReadOptions { scale: Some(Scale { min: 1.0, max: 3.0 }), ..mean };
    let error = table(&user, &item, &rating, &scale).unwrap_err().to_string();
    assert!(
        error.starts_with("the table, row 0 (counted from 0): the rating lies outside the declared scale"),
        "{error}"
    );
}
