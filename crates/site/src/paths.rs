//! Paths within the project, `docs/lesson.md`, and places on the site, `lesson.html`. Both go with `/`.

/// Where a file of the project stands on the site: pages of `docs` at its top, others below `project`. The README of a folder is its index.
pub(crate) fn place(source: &str) -> String {
    let path = source.strip_prefix("docs/").map_or_else(|| format!("project/{source}"), str::to_owned);
    let stem = path.rsplit_once('.').map_or(path.as_str(), |(stem, _)| stem);
    let (folder, name) = stem.rsplit_once('/').map_or(("", stem), |(folder, name)| (folder, name));
    let name = if name == "README" { "index".to_owned() } else { name.to_lowercase() };
    if folder.is_empty() { format!("{name}.html") } else { format!("{folder}/{name}.html") }
}

/// Where a file of `docs/data` stands, which is a file there too.
pub(crate) fn data(source: &str) -> Option<&str> {
    source.strip_prefix("docs/").filter(|place| place.starts_with("data/"))
}

/// What a path ends with, behind the dot; empty without one.
pub(crate) fn ending(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, ending)| ending)
}

/// The folder of a path; empty at the top.
pub(crate) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Where a link leads that stands in a file of `folder`; `None` if it leads out of the project.
pub(crate) fn joined(folder: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The link that leads from a page to a place.
pub(crate) fn relative(page: &str, place: &str) -> String {
    let from: Vec<&str> = folder(page).split('/').filter(|part| !part.is_empty()).collect();
    let to: Vec<&str> = place.split('/').collect();
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    "../".repeat(from.len() - common) + &to[common..].join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_have_their_places() {
        let pairs = [
            ("docs/README.md", "index.html"),
            ("docs/algorithms/README.md", "algorithms/index.html"),
            ("docs/coming-from.md", "coming-from.html"),
            ("README.md", "project/index.html"),
            ("ARCHITECTURE.md", "project/architecture.html"),
            ("crates/py/README.md", "project/crates/py/index.html"),
        ];
        for (source, expected) in pairs {
            assert_eq!(place(source), expected);
        }
    }

    #[test]
    fn links_lead_from_page_to_page() {
        assert_eq!(joined("docs/algorithms", "../model-file.md").as_deref(), Some("docs/model-file.md"));
        assert_eq!(joined("", "../secret"), None);
        assert_eq!(relative("algorithms/mf.html", "index.html"), "../index.html");
        assert_eq!(relative("index.html", "recipes/csv.html"), "recipes/csv.html");
        assert_eq!(relative("recipes/a.html", "recipes/b.html"), "b.html");
        assert_eq!(relative("project/crates/py/index.html", "project/index.html"), "../../index.html");
    }
}
