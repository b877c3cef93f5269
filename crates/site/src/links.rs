//! Whether every link of the site leads somewhere on it.

use std::collections::{BTreeMap, BTreeSet};

use crate::paths::{ending, folder, joined};

/// The links of all pages that lead to no file, or to no anchor in it.
pub(crate) fn broken(files: &BTreeMap<String, String>) -> Vec<String> {
    let anchors: BTreeMap<&str, BTreeSet<&str>> = files
        .iter()
        .map(|(place, content)| (place.as_str(), values(content, " id=\"").into_iter().collect()))
        .collect();
    let mut broken = Vec::new();
    for (page, content) in files.iter().filter(|(place, _)| ending(place) == "html") {
        let mut links = values(content, " href=\"");
        links.extend(values(content, " src=\""));
        for link in links.into_iter().filter(|link| !is_outside(link)) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let place = if path.is_empty() { Some(page.clone()) } else { joined(folder(page), path) };
            let target = place.as_deref().and_then(|place| anchors.get(place));
            if !target.is_some_and(|anchors| anchor.is_empty() || anchors.contains(anchor)) {
                broken.push(format!("{page}: nothing is at {link}"));
            }
        }
    }
    broken.dedup();
    broken
}

fn is_outside(link: &str) -> bool {
    ["https://", "http://", "mailto:", "data:"].iter().any(|scheme| link.starts_with(scheme))
}

/// The values of an attribute. No page has one in its text, where it would be taken for a tag's.
fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    html.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_anchors_are_followed() {
        let page = |html: &str| html.to_owned();
        let files = BTreeMap::from([
            (
                "a.html".to_owned(),
                page(
                    "<h2 id=\"x\"><a href=\"#x\"><a href=\"b/c.html#y\"><a href=\"b/none.html\"><img src=\"no.png\">",
                ),
            ),
            (
                "b/c.html".to_owned(),
                page(
                    "<p id=\"y\"><a href=\"../a.html#z\"><a href=\"https://a.b/\"><a href=\"../../up.html\">",
                ),
            ),
        ]);
        let expected = [
            "a.html: nothing is at b/none.html",
            "a.html: nothing is at no.png",
            "b/c.html: nothing is at ../a.html#z",
            "b/c.html: nothing is at ../../up.html",
        ];
        assert_eq!(broken(&files), expected);
    }
}
