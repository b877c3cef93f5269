//! All pages: read, written, checked, saved.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use crate::contents::{self, Group};
use crate::frame;
use crate::links;
use crate::notebook;
use crate::paths::{ending, place};
use crate::search;
use crate::write::{Writer, Written};

/// The site, ready to be saved.
pub(crate) struct Site {
    /// The files by their places.
    files: BTreeMap<String, String>,
    /// What was wrong in a page's source.
    problems: Vec<String>,
}

/// A page, from its source to its place.
pub(crate) struct Page<'a> {
    /// Its file, from the project's root.
    pub(crate) source: &'a str,
    /// Its title in the table of contents.
    pub(crate) title: &'a str,
    pub(crate) written: Written,
}

/// Builds the site of the project in that folder.
///
/// # Errors
/// A page that the table of contents lists cannot be read.
pub(crate) fn built(root: &Path) -> Result<Site, String> {
    let read =
        |source: &str| fs::read_to_string(root.join(source)).map_err(|error| format!("{source}: {error}"));
    let groups = contents::groups(&read)?;
    let first = contents::Entry {
        source: contents::FIRST.to_owned(),
        title: "Cofactor".to_owned(),
        below: Vec::new(),
    };
    let mut order = vec![&first];
    order.extend(contents::in_order(&groups));
    let sources: Vec<&str> = order.iter().map(|entry| entry.source.as_str()).collect();
    let (mut pages, mut problems) = (Vec::new(), unlisted(root, &sources));
    for entry in &order {
        let mut writer = Writer::new(&entry.source, root, &sources);
        let text = read(&entry.source)?;
        if ending(&entry.source) == "ipynb" {
            notebook::write(&text, &mut writer)?;
        } else {
            writer.markdown(&text);
        }
        let mut written = writer.finish();
        problems.append(&mut written.problems);
        pages.push(Page { source: &entry.source, title: &entry.title, written });
    }
    let mut files = files(&pages, &groups);
    files.extend(data_files(root)?);
    Ok(Site { files, problems })
}

/// The files that the pages' commands work on.
fn data_files(root: &Path) -> Result<Vec<(String, String)>, String> {
    let folder = root.join("docs/data");
    let files = fs::read_dir(&folder).into_iter().flatten().flatten();
    files
        .map(|file| {
            let content = fs::read_to_string(file.path());
            let content = content.map_err(|error| format!("{}: {error}", file.path().display()))?;
            Ok((format!("data/{}", file.file_name().to_string_lossy()), content))
        })
        .collect()
}

/// Pages of `docs` that no list names: nobody would find them.
fn unlisted(root: &Path, listed: &[&str]) -> Vec<String> {
    fn below(root: &Path, folder: &str, found: &mut Vec<String>) {
        let entries = fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
        for entry in entries {
            let source = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                below(root, &source, found);
            } else if ending(&source) == "md" {
                found.push(source);
            }
        }
    }
    let mut found = Vec::new();
    below(root, "docs", &mut found);
    found.retain(|source| !listed.contains(&source.as_str()));
    found.into_iter().map(|source| format!("{source}: {} does not list it", contents::FIRST)).collect()
}

fn files(pages: &[Page<'_>], groups: &[Group]) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for at in 0..pages.len() {
        files.insert(place(pages[at].source), frame::framed(pages, at, groups));
    }
    files.insert("site.css".to_owned(), frame::style());
    files.insert("site.js".to_owned(), include_str!("../assets/site.js").to_owned());
    files.insert("search.js".to_owned(), search::index(pages));
    files
}

impl Site {
    /// What keeps it from being published: mistakes in the sources, and links that lead nowhere.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.problems.iter().cloned().chain(links::broken(&self.files)).collect()
    }

    /// Writes the files in the place of those before.
    pub(crate) fn save(&self, folder: &Path) -> io::Result<()> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        for (place, content) in &self.files {
            let path = folder.join(place);
            fs::create_dir_all(path.parent().unwrap_or(folder))?;
            fs::write(path, content)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofactor::registry::ALGORITHMS;

    fn root() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    #[test]
    fn the_site_is_whole() {
        let site = built(&root()).unwrap();
        assert_eq!(site.problems(), Vec::<String>::new());
        let folder = tempfile::tempdir().unwrap();
        site.save(&folder.path().join("site")).unwrap();
        let first = fs::read_to_string(folder.path().join("site/index.html")).unwrap();
        assert!(first.starts_with("<!doctype html>") && first.ends_with("</html>\n"));
    }

    #[test]
    fn every_page_has_a_title_and_can_be_found() {
        let site = built(&root()).unwrap();
        let index = site.files["search.js"].strip_prefix("const INDEX = ").unwrap().trim_end_matches(";\n");
        let index: Vec<[String; 4]> = serde_json::from_str(index).unwrap();
        for (place, page) in site.files.iter().filter(|(place, _)| ending(place) == "html") {
            assert_eq!(page.matches("<h1>").count(), 1, "{place}");
            assert!(index.iter().any(|[link, ..]| link == place), "{place}");
        }
        let splits = index.iter().find(|[link, ..]| link == "protocols.html#splits").unwrap();
        assert_eq!(splits[1..3], ["Protocols", "Splits"]);
        assert!(splits[3].contains("the default"), "{splits:?}");
    }

    #[test]
    fn every_algorithm_has_a_page_with_its_derivation_typeset() {
        let site = built(&root()).unwrap();
        for entry in ALGORITHMS {
            let page = &site.files[&format!("algorithms/{}.html", entry.name)];
            let derived = cofactor::derive::find(entry.name, None, &[]).is_ok();
            assert_eq!(page.contains("<div class=\"derivation\">"), derived, "{}", entry.name);
            assert!(page.contains("<div class=\"equations\">") && !page.contains("```"), "{}", entry.name);
            let listed = format!("href=\"algorithms/{}.html\"", entry.name);
            assert!(site.files["index.html"].contains(&listed), "{}", entry.name);
        }
    }

    #[test]
    fn a_page_that_is_not_listed_and_a_link_to_nothing_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let docs = folder.path().join("docs");
        fs::create_dir(&docs).unwrap();
        fs::write(docs.join("README.md"), "# A\n## B\n- [one](one.md)\n- [here](#c)\n").unwrap();
        fs::write(
            docs.join("one.md"),
            "# One\n[a](two.md) [b](README.md#b) [c](README.md#bb)\n\n[d](nothing.md)\n",
        )
        .unwrap();
        fs::write(docs.join("two.md"), "# Two\n").unwrap();
        let mut problems = built(folder.path()).unwrap().problems();
        problems.sort();
        let expected = [
            "docs/one.md:4: there is no nothing.md",
            "docs/two.md: docs/README.md does not list it",
            "index.html: nothing is at #c",
            "one.html: nothing is at index.html#bb",
        ];
        assert_eq!(problems, expected);
    }
}
