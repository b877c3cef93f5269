//! The pages of `docs/algorithms` say what the sources say, and the threat model names tests that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use cofactor::derive::documented;
use cofactor::registry::{ALGORITHMS, index};

#[test]
fn each_algorithm_has_its_page_as_its_source_has_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/algorithms");
    let found: BTreeMap<String, String> = fs::read_dir(folder)
        .expect("the folder of the pages")
        .map(|file| file.expect("a page").path())
        .map(|path| {
            let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
            (name, fs::read_to_string(path).expect("a page is text"))
        })
        .collect();
    let mut expected = BTreeMap::from([("README.md".to_owned(), index())]);
    expected.extend(ALGORITHMS.iter().map(|entry| (format!("{}.md", entry.name), documented(entry))));
    let names = |pages: &BTreeMap<String, String>| pages.keys().cloned().collect::<Vec<_>>();
    let remedy = "write them anew: cargo run -p cofactor --example algorithm_pages";
    assert_eq!(names(&found), names(&expected), "{remedy}");
    for (name, page) in expected {
        assert!(found[&name] == page, "{name} is not what its source says; {remedy}");
    }
}

#[test]
fn each_promise_of_the_threat_model_is_held_by_tests_that_there_are() {
    fn below(folder: &Path, found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).expect("a folder of the sources") {
            let path = entry.expect("it can be listed").path();
            if path.is_dir() {
                below(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs" || ending == "py") {
                let text = fs::read_to_string(&path).expect("a source is text");
                found.insert(path.display().to_string(), text);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut sources = BTreeMap::new();
    for folder in [
        "crates/cofactor",
        "crates/cli",
        "crates/kernels",
        "crates/py/src",
        "crates/py/tests",
        "crates/server/src",
        "crates/server/tests",
    ] {
        below(&root.join(folder), &mut sources);
    }
    let page = fs::read_to_string(root.join("docs/threat-model.md")).expect("the page");
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| promise"));
    let held: Vec<&str> = rows.filter_map(|row| row.trim_end_matches('|').rsplit('|').next()).collect();
    assert!(held.len() > 15, "the tables are read");
    let names: BTreeSet<&str> = held.iter().flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    let is_test =
        |name: &str| name.matches('_').count() > 1 && name.chars().all(|c| c.is_lowercase() || c == '_');
    let tests: Vec<&str> = names.iter().copied().filter(|name| is_test(name)).collect();
    assert!(tests.len() > 15, "{names:?}");
    for test in tests {
        let function = format!("fn {test}(");
        assert!(sources.values().any(|text| text.contains(&function)), "there is no test {test}");
    }
    let is_file = |name: &&&str| matches!(name.rsplit_once('.'), Some((_, "rs" | "py")));
    for file in names.iter().filter(is_file) {
        assert!(sources.keys().any(|path| path.ends_with(file)), "there is no {file}");
    }
}
