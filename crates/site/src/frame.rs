//! What stands around the text of every page: head, table of contents, where it stands, what comes next.

use std::fmt::Write as _;

use cofactor::derive;

use crate::code::escaped;
use crate::contents::{Entry, Group};
use crate::paths::{place, relative};
use crate::site::Page;
use crate::write::Section;

/// Sets the theme before anything is drawn.
const EARLY: &str =
    "const t = localStorage.getItem('theme'); if (t) document.documentElement.dataset.theme = t;";

/// The style of all pages.
pub(crate) fn style() -> String {
    format!("{}{}", include_str!("../assets/site.css"), derive::STYLE)
}

/// The page at that position as a whole file.
pub(crate) fn framed(pages: &[Page<'_>], at: usize, groups: &[Group]) -> String {
    let page = &pages[at];
    let here = place(page.source);
    let link = |to: &str| relative(&here, to);
    let title = if at == 0 { "Cofactor".to_owned() } else { format!("{} · Cofactor", escaped(page.title)) };
    let class = if at == 0 { "first" } else { "page" };
    format!(
        "<!doctype html>\n<html lang=\"en\" class=\"{class}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n<link rel=\"stylesheet\" href=\"{style}\">\n<script>{EARLY}</script>\n\
         <script defer src=\"{index}\"></script>\n<script defer src=\"{script}\" data-root=\"{root}\"></script>\n</head>\n<body id=\"top\">\n\
         <a class=\"skip\" href=\"#text\">To the text</a>\n\
         <header class=\"bar\"><a class=\"brand\" href=\"{home}\">Cofactor</a>\
         <div class=\"search\" role=\"search\" hidden><input type=\"search\" placeholder=\"Search\" aria-label=\"Search the documentation\" autocomplete=\"off\"><ol class=\"hits\" aria-live=\"polite\" hidden></ol></div>\
         <button class=\"theme\" type=\"button\" hidden>Theme</button><a class=\"open\" href=\"#contents\">Contents</a></header>\n\
         <div class=\"columns\">\n{contents}\n<main id=\"text\">\n<article>\n{text}</article>\n{around}\n</main>\n{outline}\n</div>\n\
         <footer>Cofactor {version}, under the MIT licence.</footer>\n</body>\n</html>\n",
        style = link("site.css"),
        script = link("site.js"),
        index = link("search.js"),
        root = link("index.html").trim_end_matches("index.html"),
        home = link("index.html"),
        contents = table_of_contents(groups, page.source),
        text = page.written.html,
        around = around(pages, at),
        outline = outline(&page.written.sections),
        version = env!("CARGO_PKG_VERSION"),
    )
}

fn table_of_contents(groups: &[Group], current: &str) -> String {
    let mut html = String::from(
        "<nav id=\"contents\" aria-label=\"Contents\"><a class=\"close\" href=\"#top\">Close</a>\n",
    );
    for Group { title, entries } in groups {
        let _ = write!(html, "<h2>{}</h2>\n{}", escaped(title), list(entries, current));
    }
    html + "</nav>"
}

/// The pages below an index are shown where it, or one of them, is read.
fn list(entries: &[Entry], current: &str) -> String {
    let mut html = String::from("<ul>\n");
    for Entry { source, title, below } in entries {
        let link = relative(&place(current), &place(source));
        let mark = if source == current { " aria-current=\"page\"" } else { "" };
        let _ = write!(html, "<li><a href=\"{link}\"{mark}>{}</a>", escaped(title));
        if !below.is_empty() {
            html += &list(below, current);
        }
        html += "</li>\n";
    }
    html + "</ul>\n"
}

/// Links to the pages before and after.
fn around(pages: &[Page<'_>], at: usize) -> String {
    let here = place(pages[at].source);
    let link = |page: &Page<'_>, rel: &str, word: &str| {
        let place = relative(&here, &place(page.source));
        format!("<a rel=\"{rel}\" href=\"{place}\"><small>{word}</small>{}</a>", escaped(page.title))
    };
    let before = at.checked_sub(1).map(|before| link(&pages[before], "prev", "Before"));
    let after = pages.get(at + 1).map(|after| link(after, "next", "Next"));
    format!(
        "<nav class=\"around\" aria-label=\"Pages before and after\">{}{}</nav>",
        before.unwrap_or_else(|| "<span></span>".to_owned()),
        after.unwrap_or_default()
    )
}

/// The headings of the page itself; nothing where there are fewer than two.
fn outline(sections: &[Section]) -> String {
    let heads: Vec<&Section> = sections.iter().filter(|section| (2..=3).contains(&section.level)).collect();
    if heads.len() < 2 {
        return "<aside></aside>".to_owned();
    }
    let mut html = String::from("<aside><nav aria-label=\"On this page\"><h2>On this page</h2>\n<ul>\n");
    for Section { level, id, heading, .. } in heads {
        let _ = writeln!(html, "<li class=\"level-{level}\"><a href=\"#{id}\">{}</a></li>", escaped(heading));
    }
    html + "</ul></nav></aside>"
}
