//! Fenced blocks of code, in colours made here and not by a script.

use std::fmt::Write as _;

/// Text as HTML, between tags or as an attribute's value.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A block; `info` is what stands behind its fence.
pub(crate) fn block(info: &str, text: &str) -> String {
    let mut words = info.split(' ');
    let language = words.next().unwrap_or_default();
    let file = words.next().filter(|word| word.contains('.'));
    let caption = file.map(|file| format!("<figcaption>{}</figcaption>", escaped(file))).unwrap_or_default();
    let inner = match language {
        "console" => session(text),
        "python" | "rust" | "json" => coloured(language, text),
        _ => escaped(text),
    };
    let name = match language {
        "console" => "a session in a terminal",
        "output" => "what it prints",
        _ => "code",
    };
    format!(
        "<figure class=\"code {language}\">{caption}<pre tabindex=\"0\" aria-label=\"{name}\"><code>{inner}</code></pre></figure>\n"
    )
}

/// Commands stand out from what they print.
fn session(text: &str) -> String {
    let mut html = String::new();
    let mut goes_on = false;
    for line in text.lines() {
        let (mark, command) = match line.strip_prefix("$ ") {
            Some(command) => ("<span class=\"prompt\">$ </span>", Some(command)),
            None => ("", goes_on.then_some(line)),
        };
        let _ = match command {
            Some(command) => writeln!(html, "{mark}<kbd>{}</kbd>", escaped(command)),
            None => writeln!(html, "<samp>{}</samp>", escaped(line)),
        };
        goes_on = command.is_some_and(|command| command.ends_with('\\'));
    }
    html
}

const PYTHON: &[&str] = &[
    "and", "as", "assert", "class", "def", "elif", "else", "except", "False", "for", "from", "if", "import",
    "in", "is", "lambda", "None", "not", "or", "pass", "print", "raise", "return", "True", "try", "while",
    "with", "yield",
];
const RUST: &[&str] = &[
    "as", "const", "else", "enum", "false", "fn", "for", "if", "impl", "in", "let", "loop", "match", "mod",
    "move", "mut", "pub", "return", "self", "Self", "static", "struct", "trait", "true", "use", "where",
    "while",
];

/// Comments, texts and keywords in colours of their own.
fn coloured(language: &str, text: &str) -> String {
    let (comment, keywords) = match language {
        "python" => ("#", PYTHON),
        "rust" => ("//", RUST),
        _ => ("\n", &[][..]),
    };
    let mut html = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (class, length) = if rest.starts_with(comment) && language != "json" {
            ("comment", rest.find('\n').unwrap_or(rest.len()))
        } else if first == '"' || (first == '\'' && language == "python") {
            ("text", quoted(rest, first))
        } else if first.is_alphabetic() || first == '_' {
            let word = word(rest);
            (if keywords.contains(&word) { "keyword" } else { "" }, word.len())
        } else {
            ("", first.len_utf8())
        };
        let (piece, after) = rest.split_at(length);
        let _ = match class {
            "" => write!(html, "{}", escaped(piece)),
            class => write!(html, "<span class=\"{class}\">{}</span>", escaped(piece)),
        };
        rest = after;
    }
    html
}

/// How many bytes a text in quotes has; it ends with its line at the latest, but for a text in three quotes.
fn quoted(text: &str, quote: char) -> usize {
    let three = quote.to_string().repeat(3);
    if let Some(inside) = text.strip_prefix(&three) {
        return inside.find(&three).map_or(text.len(), |end| end + 6);
    }
    let mut escape = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            '\n' => return at,
            _ if escape => escape = false,
            '\\' => escape = true,
            _ if letter == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn word(text: &str) -> &str {
    let end = text.find(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
    &text[..end.unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_coloured_and_stays_as_it_was() {
        let html = block("python", "import x  # a \"b\"\ny = 'if #' + \"\"\"a\n\"b\"\"\" < z\n");
        for piece in [
            "<span class=\"keyword\">import</span> x  <span class=\"comment\"># a &quot;b&quot;</span>\n",
            "y = <span class=\"text\">'if #'</span> + <span class=\"text\">&quot;&quot;&quot;a\n&quot;b&quot;&quot;&quot;</span> &lt; z\n",
        ] {
            assert!(html.contains(piece), "{html}");
        }
    }

    #[test]
    fn a_session_has_commands_and_what_they_print() {
        let html = block("console", "$ a \\\n  b\n<c>\n");
        assert!(
            html.contains("$ </span><kbd>a \\</kbd>\n<kbd>  b</kbd>\n<samp>&lt;c&gt;</samp>\n"),
            "{html}"
        );
        assert!(block("csv r.csv", "1,2\n").contains("<figcaption>r.csv</figcaption>"));
    }
}
