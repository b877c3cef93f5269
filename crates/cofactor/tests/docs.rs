//! The pages of `docs/algorithms` say what the sources say.

use std::collections::BTreeMap;
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
