//! An algorithm's own documentation as HTML: the Markdown that the heads of source files use, with its equations typeset.
//!
//! That is headings, paragraphs, lists, `code`, **bold** and fenced blocks; a fenced block holds equations, one a line, in
//! the letters of the source: `p_u`, `Σ_{(u,i)∈Ω}`, with remarks and the number after three or more spaces.

use std::fmt::Write as _;

use super::html::escape;

/// A part of the documentation below a heading.
#[derive(Debug, PartialEq)]
pub(super) struct Part {
    /// The heading without its marks.
    pub heading: String,
    /// What stands below it.
    pub html: String,
}

/// The parts below the headings `## …`, in order; the first, without a heading, is what stands before them.
pub(super) fn parts(markdown: &str) -> Vec<Part> {
    let mut parts = vec![(String::new(), Vec::new())];
    for line in markdown.lines() {
        match line.strip_prefix("## ") {
            Some(heading) => parts.push((heading.trim().to_owned(), Vec::new())),
            None if line.starts_with("# ") => {}
            None => parts.last_mut().expect("there is a first part").1.push(line),
        }
    }
    parts
        .into_iter()
        .map(|(heading, lines)| Part { heading, html: blocks(&lines) })
        .filter(|part| !part.html.is_empty())
        .collect()
}

fn blocks(lines: &[&str]) -> String {
    let mut html = String::new();
    let mut paragraph = String::new();
    let mut rest = lines.iter();
    while let Some(line) = rest.next() {
        if line.trim_start().starts_with("```") {
            flush(&mut html, &mut paragraph);
            let block: Vec<&str> =
                rest.by_ref().take_while(|line| !line.trim_start().starts_with("```")).copied().collect();
            html.push_str(&equations(&block.join("\n")));
        } else if line.trim().is_empty() {
            flush(&mut html, &mut paragraph);
        } else {
            if line.trim_start().starts_with("- ") {
                flush(&mut html, &mut paragraph);
            }
            paragraph.push_str(line.trim());
            paragraph.push(' ');
        }
    }
    flush(&mut html, &mut paragraph);
    html
}

/// Ends a paragraph, or an entry of a list.
fn flush(html: &mut String, paragraph: &mut String) {
    let text = paragraph.trim();
    if let Some(entry) = text.strip_prefix("- ") {
        let _ = write!(html, "<p class=\"entry\">{}</p>", inline(entry));
    } else if !text.is_empty() {
        let _ = write!(html, "<p>{}</p>", inline(text));
    }
    paragraph.clear();
}

/// `code`, **bold** and letters with indices within a sentence.
fn inline(text: &str) -> String {
    text.split('`')
        .enumerate()
        .map(|(position, piece)| match position % 2 {
            0 => bold(piece),
            _ => format!("<code>{}</code>", escape(piece)),
        })
        .collect()
}

fn bold(text: &str) -> String {
    text.split("**")
        .enumerate()
        .map(|(position, piece)| match position % 2 {
            0 => indexed(piece),
            _ => format!("<strong>{}</strong>", indexed(piece)),
        })
        .collect()
}

/// A fenced block of equations as HTML.
pub fn equations(block: &str) -> String {
    let rows: String = block.lines().filter(|line| !line.trim().is_empty()).map(equation).collect();
    format!("<div class=\"equations\">{rows}</div>")
}

/// One line: the equation, a remark, its number.
fn equation(line: &str) -> String {
    let continued = if line.starts_with("  ") { " continued" } else { "" };
    let mut pieces: Vec<&str> = line.split("   ").map(str::trim).filter(|piece| !piece.is_empty()).collect();
    let is_number = |piece: &&str| {
        piece.starts_with('(') && piece.ends_with(')') && piece[1..piece.len() - 1].parse::<u32>().is_ok()
    };
    let number = pieces.last().copied().filter(is_number);
    if number.is_some() {
        pieces.pop();
    }
    let (formula, remarks) = pieces.split_first().map_or(("", &[][..]), |(first, rest)| (*first, rest));
    let remark = remarks.join("   ");
    format!(
        "<div class=\"equation{continued}\"><span class=\"formula\">{}</span><span class=\"remark\">{}</span><span class=\"number\">{}</span></div>",
        self::formula(formula),
        remark_html(&remark),
        escape(number.unwrap_or_default())
    )
}

/// A remark in words, or an assignment, which is a formula again.
fn remark_html(remark: &str) -> String {
    if remark.contains('←') {
        return format!("<span class=\"formula\">{}</span>", formula(remark));
    }
    indexed(remark)
}

/// A formula as HTML: letters with their indices, in italics as in print.
pub(super) fn formula(formula: &str) -> String {
    typeset(formula, true)
}

/// Text as HTML, in which `x_ui` and `x_{…}` become indices and `x^{…}` exponents.
pub fn indexed(text: &str) -> String {
    typeset(text, false)
}

fn typeset(text: &str, italics: bool) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut html = String::new();
    let mut at = 0;
    while at < characters.len() {
        let before = at.checked_sub(1).map(|i| characters[i]);
        match characters[at] {
            mark @ ('_' | '^') if before.is_some_and(carries_index) => {
                let (index, end) = index_at(&characters, at + 1);
                let tag = if mark == '_' { "sub" } else { "sup" };
                if index.is_empty() {
                    html.push(mark);
                } else {
                    let _ = write!(html, "<{tag}>{}</{tag}>", typeset(&index, italics));
                }
                at = end;
            }
            letter if is_letter(letter) => {
                let length = characters[at..].iter().take_while(|c| is_letter(**c) || is_mark(**c)).count();
                let word: String = characters[at..at + length].iter().collect();
                let letters = word.chars().filter(|c| !is_mark(*c)).count();
                // Words of a sentence stay upright; capital Greek operators do too.
                let is_variable = italics && letters <= 2 && !matches!(letter, 'Σ' | 'Π' | 'Ω' | '∂');
                let tags = if is_variable { ("<i>", "</i>") } else { ("", "") };
                let _ = write!(html, "{}{}{}", tags.0, escape(&word), tags.1);
                at += length;
            }
            other => {
                html.push_str(&escape(&other.to_string()));
                at += 1;
            }
        }
    }
    html
}

/// A letter on the line; the raised T of a transpose is none.
fn is_letter(character: char) -> bool {
    character.is_alphabetic() && character != 'ᵀ'
}

/// A combining accent, such as the hat of r̂.
fn is_mark(character: char) -> bool {
    matches!(character, '\u{300}'..='\u{36f}')
}

fn carries_index(character: char) -> bool {
    character.is_alphabetic() || is_mark(character) || matches!(character, ')' | '|' | '‖' | '∂' | 'Σ' | '}')
}

/// The index that begins at `from`: in braces, or the letters and digits that follow. And where it ends.
fn index_at(characters: &[char], from: usize) -> (String, usize) {
    if characters.get(from) == Some(&'{') {
        let length = characters[from..].iter().take_while(|c| **c != '}').count();
        let end = (from + length + 1).min(characters.len());
        return (characters[from + 1..from + length].iter().collect(), end);
    }
    // Superscripts such as ᵀ count as letters, but they do not belong to the index: p_uᵀq_i.
    let belongs = |c: &&char| c.is_alphanumeric() && !matches!(**c, 'ᵀ' | '²' | '³' | '¹' | '⁰'..='⁹');
    let length = characters[from..].iter().take_while(belongs).count();
    (characters[from..from + length].iter().collect(), from + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equations_have_formula_remark_and_number() {
        let parts = parts(
            "# Title\nLead.\n\n## Model\n```text\nr̂_ui = μ + p_uᵀq_i     P: m×k    (1)\n```\nText `a_b` and b_u.\n",
        );
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[0], Part { heading: String::new(), html: "<p>Lead.</p>".into() });
        assert_eq!(parts[1].heading, "Model");
        let html = &parts[1].html;
        assert!(
            html.contains("<i>r̂</i><sub><i>ui</i></sub> = <i>μ</i> + <i>p</i><sub><i>u</i></sub>ᵀ"),
            "{html}"
        );
        assert!(html.contains("<span class=\"number\">(1)</span>"));
        assert!(html.contains("<span class=\"remark\">P: m×k</span>"));
        assert!(html.contains("<p>Text <code>a_b</code> and b<sub>u</sub>.</p>"));
    }

    #[test]
    fn braces_make_long_indices() {
        assert_eq!(indexed("Σ_{(u,i)∈Ω} b_u²"), "Σ<sub>(u,i)∈Ω</sub> b<sub>u</sub>²");
        assert_eq!(indexed("an open Σ_{brace"), "an open Σ<sub>brace</sub>");
        assert_eq!(indexed("_ alone and x_"), "_ alone and x_");
    }

    #[test]
    fn markup_in_the_documentation_is_text() {
        let html = &parts("## A\n<script> `<b>` **<i>**\n```\n<u>   <s>\n```\n")[0].html;
        for tag in ["<script", "<b>", "<u>", "<s>"] {
            assert!(!html.contains(tag), "{html}");
        }
    }
}
