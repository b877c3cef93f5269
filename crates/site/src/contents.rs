//! The table of contents: the lists of `docs/README.md`, by its headings.

use pulldown_cmark::{Event, HeadingLevel, Parser, Tag, TagEnd};

use crate::paths::{ending, folder, joined};

/// The first page, which lists the others.
pub(crate) const FIRST: &str = "docs/README.md";

/// Pages under a heading.
#[derive(Debug, PartialEq)]
pub(crate) struct Group {
    pub(crate) title: String,
    pub(crate) entries: Vec<Entry>,
}

/// A page in its place.
#[derive(Debug, PartialEq)]
pub(crate) struct Entry {
    /// Its file, from the project's root.
    pub(crate) source: String,
    pub(crate) title: String,
    /// The pages that it lists itself, if it is the index of a folder.
    pub(crate) below: Vec<Entry>,
}

/// Reads the lists. `read` gives the text of a file of the project.
pub(crate) fn groups(read: &dyn Fn(&str) -> Result<String, String>) -> Result<Vec<Group>, String> {
    let mut groups = Vec::new();
    for (title, links) in linked(&read(FIRST)?) {
        let entries = links.into_iter().map(|link| entry(FIRST, link, read)).collect::<Result<_, _>>()?;
        groups.push(Group { title, entries });
    }
    Ok(groups)
}

fn entry(
    page: &str,
    (link, title): (String, String),
    read: &dyn Fn(&str) -> Result<String, String>,
) -> Result<Entry, String> {
    let source =
        joined(folder(page), &link).ok_or_else(|| format!("{page}: {link} is outside the project"))?;
    let is_index = page == FIRST && source.starts_with("docs/") && source.ends_with("/README.md");
    let mut below = Vec::new();
    if is_index {
        let listed = linked(&read(&source)?).into_iter().flat_map(|(_, links)| links);
        let beside = listed.filter(|(link, _)| !link.contains('/') && ending(link) == "md");
        below = beside.map(|link| entry(&source, link, read)).collect::<Result<_, _>>()?;
    }
    Ok(Entry { source, title, below })
}

/// The links to files of a page, under each heading of the second level, or before any; in lists and tables alone.
fn linked(markdown: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut found: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let (mut heading, mut depth, mut link) = (None, 0, None);
    for event in Parser::new_ext(markdown, pulldown_cmark::Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { level: HeadingLevel::H2, .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(HeadingLevel::H2)) => {
                found.push((heading.take().unwrap_or_default(), Vec::new()));
            }
            Event::Start(Tag::List(_) | Tag::Table(_)) => depth += 1,
            Event::End(TagEnd::List(_) | TagEnd::Table) => depth -= 1,
            Event::Start(Tag::Link { dest_url, .. })
                if depth > 0 && !dest_url.contains("://") && !dest_url.starts_with('#') =>
            {
                link = Some((dest_url.to_string(), String::new()));
            }
            Event::End(TagEnd::Link) => {
                if let Some(link) = link.take() {
                    if found.is_empty() {
                        found.push((String::new(), Vec::new()));
                    }
                    found.last_mut().expect("there is one").1.push(link);
                }
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some(title) = link.as_mut().map(|(_, title)| title).or(heading.as_mut()) {
                    title.push_str(&text);
                }
            }
            _ => {}
        }
    }
    found.retain(|(_, links)| !links.is_empty());
    found
}

/// All pages in the order of reading.
pub(crate) fn in_order(groups: &[Group]) -> Vec<&Entry> {
    let entries = groups.iter().flat_map(|group| &group.entries);
    entries.flat_map(|entry| std::iter::once(entry).chain(&entry.below)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_page_lists_the_others_and_an_index_those_beside_it() {
        let read = |path: &str| {
            Ok(match path {
                FIRST => "# Docs\nSee [this](b.md).\n## Start\n- [A *page*](a.md)\\\n  of words\n- [More](more/README.md)\n## Else\n- [B](../b.md)\n",
                _ => "# More\n| a |\n|---|\n| [`x`](x.md) |\n| [up](../a.md) |\n",
            }
            .to_owned())
        };
        let groups = groups(&read).unwrap();
        let titles: Vec<&str> = groups.iter().map(|group| group.title.as_str()).collect();
        assert_eq!(titles, ["Start", "Else"]);
        let order: Vec<_> =
            in_order(&groups).iter().map(|entry| (entry.source.as_str(), entry.title.as_str())).collect();
        assert_eq!(
            order,
            [
                ("docs/a.md", "A page"),
                ("docs/more/README.md", "More"),
                ("docs/more/x.md", "x"),
                ("b.md", "B")
            ]
        );
    }
}
