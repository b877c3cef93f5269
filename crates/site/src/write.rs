//! From a page's Markdown to the HTML of its text, its headings, and what the search finds in it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use cofactor::{derive, registry, report};
use pulldown_cmark::{CodeBlockKind, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

use crate::code::{self, escaped};
use crate::math;
use crate::paths::{data, folder, joined, place, relative};

/// What a page's source has become.
pub(crate) struct Written {
    pub(crate) html: String,
    /// The text below each heading, in order; the first has none.
    pub(crate) sections: Vec<Section>,
    pub(crate) problems: Vec<String>,
}

/// A heading and what stands below it.
#[derive(Default)]
pub(crate) struct Section {
    /// 2 for a heading of the second level.
    pub(crate) level: usize,
    /// Its anchor; empty for the page's title, and for what stands above all headings.
    pub(crate) id: String,
    pub(crate) heading: String,
    pub(crate) text: String,
}

/// Writes one page.
pub(crate) struct Writer<'a> {
    source: &'a str,
    root: &'a Path,
    /// The files that are pages.
    pages: &'a [&'a str],
    /// Whether it is the page of an algorithm, whose letters have indices and whose blocks are equations.
    is_algorithm: bool,
    slugs: BTreeMap<String, usize>,
    written: Written,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(source: &'a str, root: &'a Path, pages: &'a [&'a str]) -> Self {
        let name = source.strip_prefix("docs/algorithms/").and_then(|name| name.strip_suffix(".md"));
        let is_algorithm = name.is_some_and(|name| registry::find(name).is_ok());
        let written =
            Written { html: String::new(), sections: vec![Section::default()], problems: Vec::new() };
        Self { source, root, pages, is_algorithm, slugs: BTreeMap::new(), written }
    }

    pub(crate) fn finish(self) -> Written {
        self.written
    }

    /// Adds HTML as it is.
    pub(crate) fn raw(&mut self, html: &str) {
        self.written.html += html;
    }

    /// Adds Markdown.
    pub(crate) fn markdown(&mut self, text: &str) {
        let text = if self.is_algorithm { self.with_derivation(text) } else { text.to_owned() };
        let options = Options::ENABLE_TABLES | Options::ENABLE_MATH;
        let mut parser = Parser::new_ext(&text, options).into_offset_iter();
        let mut events: Vec<Event<'_>> = Vec::new();
        let mut in_link = Vec::new();
        while let Some((event, range)) = parser.next() {
            let line = text[..range.start].matches('\n').count() + 1;
            match event {
                Event::Start(Tag::Heading { level, .. }) => {
                    let inner = parser.by_ref().map(|(event, _)| event);
                    let inner: Vec<_> =
                        inner.take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_)))).collect();
                    events.push(raw(self.heading(level, inner)));
                }
                Event::Start(Tag::CodeBlock(kind)) => {
                    let inner = parser.by_ref().map(|(event, _)| event);
                    let inner = inner.take_while(|event| !matches!(event, Event::End(TagEnd::CodeBlock)));
                    let content: String = inner.map(|event| text_of(&event)).collect();
                    events.push(raw(self.code(&kind, &content, line)));
                }
                Event::Start(Tag::Table(alignments)) => {
                    events.extend([
                        raw("<div class=\"table\" tabindex=\"0\">"),
                        Event::Start(Tag::Table(alignments)),
                    ]);
                }
                Event::End(TagEnd::Table) => events.extend([Event::End(TagEnd::Table), raw("</div>\n")]),
                Event::Start(Tag::Link { dest_url, .. }) => {
                    let (start, end) = self.link(&dest_url, line);
                    in_link.push(end);
                    events.push(raw(start));
                }
                Event::End(TagEnd::Link) => events.push(raw(in_link.pop().unwrap_or_default())),
                Event::InlineMath(latex) => events.push(raw(self.math(&latex, false, line))),
                Event::DisplayMath(latex) => events.push(raw(self.math(&latex, true, line))),
                Event::Html(comment) => events.extend(self.directive(&comment, line).map(raw)),
                Event::Text(words) => events.push(self.words(words)),
                Event::Code(words) => {
                    self.section().text.push_str(&words);
                    events.push(Event::Code(words));
                }
                Event::SoftBreak | Event::HardBreak | Event::End(_) => {
                    self.section().text.push(' ');
                    events.push(event);
                }
                event => events.push(event),
            }
        }
        html::push_html(&mut self.written.html, events.into_iter());
    }

    fn section(&mut self) -> &mut Section {
        self.written.sections.last_mut().expect("there is a first one")
    }

    fn problem(&mut self, line: usize, problem: &str) {
        self.written.problems.push(format!("{}:{line}: {problem}", self.source));
    }

    /// Instead of the formulas that the page has for readers of the Markdown, those that the library typesets.
    fn with_derivation(&self, text: &str) -> String {
        const HEADING: &str = "\n## Derivation\n";
        let Some((before, after)) = text.split_once(HEADING) else { return text.to_owned() };
        let lead = after.trim_start().split("\n\n").next().unwrap_or_default();
        let name = folder_and_stem(self.source).1;
        format!("{before}{HEADING}\n{lead}\n\n<!-- derivation: {name} -->\n")
    }

    fn heading(&mut self, level: HeadingLevel, inner: Vec<Event<'_>>) -> String {
        let heading: String = inner.iter().map(text_of).collect();
        let level = level as usize;
        let id = if level == 1 { String::new() } else { self.slug(&heading) };
        let inner = inner.into_iter().map(|event| match event {
            Event::InlineMath(latex) => raw(self.math(&latex, false, 1)),
            event => event,
        });
        let mut html = String::new();
        html::push_html(&mut html, inner);
        self.written.sections.push(Section { level, id: id.clone(), heading, text: String::new() });
        if level == 1 {
            return format!("<h1>{html}</h1>\n");
        }
        format!(
            "<h{level} id=\"{id}\">{html} <a class=\"anchor\" href=\"#{id}\" aria-label=\"Link to this section\">#</a></h{level}>\n"
        )
    }

    /// The anchor of a heading, as hosts of repositories make it: lower case, hyphens for blanks, no other marks, a number behind one that was there.
    fn slug(&mut self, heading: &str) -> String {
        let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let slug = kept.collect::<String>().to_lowercase().replace(' ', "-");
        let before = self.slugs.entry(slug.clone()).or_insert(0);
        *before += 1;
        if *before == 1 { slug } else { format!("{slug}-{}", *before - 1) }
    }

    fn code(&mut self, kind: &CodeBlockKind<'_>, content: &str, line: usize) -> String {
        let info = match kind {
            CodeBlockKind::Fenced(info) => info.as_ref(),
            CodeBlockKind::Indented => "",
        };
        match info {
            "math" => self.math(content, true, line),
            "text" if self.is_algorithm => report::equations(content),
            _ => {
                let _ = write!(self.section().text, " {content}");
                code::block(info, content)
            }
        }
    }

    fn math(&mut self, latex: &str, block: bool, line: usize) -> String {
        math::mathml(latex, block).unwrap_or_else(|problem| {
            self.problem(line, &problem);
            String::new()
        })
    }

    /// The tags around a link. What leads to a file of the project that is no page stays a name.
    fn link(&mut self, link: &str, line: usize) -> (String, &'static str) {
        const END: &str = "</a>";
        if link.starts_with('#') || link.contains("://") || link.starts_with("mailto:") {
            return (format!("<a href=\"{}\">", escaped(link)), END);
        }
        let (path, anchor) = link.split_at(link.find('#').unwrap_or(link.len()));
        let source = joined(folder(self.source), path).unwrap_or_default();
        let page = self.pages.contains(&source.as_str()).then(|| place(&source));
        if let Some(place_there) = page.or_else(|| data(&source).map(str::to_owned)) {
            let link = relative(&place(self.source), &place_there);
            return (format!("<a href=\"{}{}\">", escaped(&link), escaped(anchor)), END);
        }
        if !self.root.join(&source).is_file() {
            self.problem(line, &format!("there is no {link}"));
        }
        (format!("<span class=\"file\" title=\"{} in the project\">", escaped(&source)), "</span>")
    }

    /// `<!-- derivation: MODEL [PRESET] -->` is the derivation itself; other comments are dropped, and other HTML stays.
    fn directive(&mut self, comment: &str, line: usize) -> Option<String> {
        let Some(inner) = comment.trim().strip_prefix("<!--").and_then(|rest| rest.strip_suffix("-->"))
        else {
            return Some(comment.to_owned());
        };
        let wanted = inner.trim().strip_prefix("derivation: ")?;
        let (model, preset) =
            wanted.split_once(' ').map_or((wanted, None), |(model, preset)| (model, Some(preset)));
        match derive::find(model, preset, &[]) {
            Ok(derivation) => Some(derive::html(&derivation)),
            Err(error) => {
                self.problem(line, &error.to_string());
                None
            }
        }
    }

    fn words<'e>(&mut self, words: CowStr<'e>) -> Event<'e> {
        self.section().text.push_str(&words);
        if self.is_algorithm { raw(report::indexed(&words)) } else { Event::Text(words) }
    }
}

fn raw<'e>(html: impl Into<String>) -> Event<'e> {
    Event::InlineHtml(CowStr::from(html.into()))
}

fn text_of(event: &Event<'_>) -> String {
    match event {
        Event::Text(text) | Event::Code(text) | Event::InlineMath(text) => text.to_string(),
        Event::SoftBreak | Event::HardBreak => " ".to_owned(),
        _ => String::new(),
    }
}

/// `docs/algorithms/mf.md` → `docs/algorithms`, `mf`.
fn folder_and_stem(source: &str) -> (&str, &str) {
    let (folder, name) = source.rsplit_once('/').unwrap_or(("", source));
    (folder, name.rsplit_once('.').map_or(name, |(stem, _)| stem))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(source: &str, text: &str) -> Written {
        let mut writer =
            Writer::new(source, Path::new(env!("CARGO_MANIFEST_DIR")), &["docs/a.md", "docs/b/c.md"]);
        writer.markdown(text);
        writer.finish()
    }

    #[test]
    fn headings_have_anchors_and_links_lead_to_pages() {
        let page = written(
            "docs/a.md",
            "# A\n## What `x` is: 1\n## What x is 1\nSee [c](b/c.md#d), [e](https://e.f/).\n",
        );
        for piece in [
            "<h1>A</h1>",
            "<h2 id=\"what-x-is-1\">What <code>x</code> is: 1 <a",
            "<h2 id=\"what-x-is-1-1\">",
            "<a href=\"b/c.html#d\">c</a>",
            "<a href=\"https://e.f/\">e</a>",
        ] {
            assert!(page.html.contains(piece), "{piece}: {}", page.html);
        }
        assert!(page.problems.is_empty());
        assert_eq!(page.sections.last().unwrap().text.trim(), "See c, e.");
    }

    #[test]
    fn files_that_are_no_pages_keep_their_names_and_mistakes_their_lines() {
        let page = written(
            "a.md",
            "[here](Cargo.toml)\n\n[gone](gone.md) $\\nosuch$\n\n<!-- derivation: none -->\n",
        );
        assert!(page.html.contains("<span class=\"file\" title=\"Cargo.toml in the project\">here</span>"));
        let begin =
            |line: usize| page.problems.iter().any(|problem| problem.starts_with(&format!("a.md:{line}: ")));
        assert!(page.problems.len() == 3 && begin(3) && begin(5), "{:?}", page.problems);
    }

    #[test]
    fn a_derivation_and_formulas_are_typeset() {
        let page = written("docs/a.md", "$p_u$ and\n\n<!-- derivation: mf lesson -->\n");
        assert!(page.html.contains("<div class=\"derivation\">") && page.html.matches("<math").count() > 10);
        let page = written("docs/algorithms/mf.md", "# M\nb_u `b_u`\n```text\nx_ui = 1   (1)\n```\n");
        assert!(
            page.html.contains("b<sub>u</sub> <code>b_u</code>") && page.html.contains("class=\"equation\"")
        );
    }
}
