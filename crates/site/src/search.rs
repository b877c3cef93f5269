//! The index that the search goes by: a script, so that it works without a server too.

use serde_json::{Value, json};

use crate::paths::place;
use crate::site::Page;

/// One entry for each section of each page: its place, the page's title, its heading, its text.
pub(crate) fn index(pages: &[Page<'_>]) -> String {
    let mut entries: Vec<Value> = Vec::new();
    for page in pages {
        let sections = page.written.sections.iter();
        // What stands above a page's title is nothing, as a rule.
        for section in sections.filter(|section| section.level > 0 || !section.text.trim().is_empty()) {
            let anchor = if section.id.is_empty() { String::new() } else { format!("#{}", section.id) };
            let link = place(page.source) + &anchor;
            entries.push(json!([link, page.title, section.heading, section.text.trim()]));
        }
    }
    format!("const INDEX = {};\n", Value::from(entries))
}
