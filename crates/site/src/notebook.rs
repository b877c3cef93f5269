//! A notebook with its outputs, as a page.

use std::fmt::Write as _;

use serde_json::Value;

use crate::code::{self, escaped};
use crate::math;
use crate::write::Writer;

/// Adds the cells of a notebook.
///
/// # Errors
/// It is no notebook.
pub(crate) fn write(notebook: &str, writer: &mut Writer<'_>) -> Result<(), String> {
    let notebook: Value = serde_json::from_str(notebook).map_err(|error| format!("no notebook: {error}"))?;
    let cells = notebook["cells"].as_array().ok_or("a notebook without cells")?;
    for cell in cells {
        let source = joined(&cell["source"]);
        if cell["cell_type"] == "markdown" {
            writer.markdown(&source);
            continue;
        }
        writer.raw(&code::block("python", &source));
        for output in cell["outputs"].as_array().into_iter().flatten() {
            writer.raw(&shown(output));
        }
    }
    Ok(())
}

/// An output in the best of its forms.
fn shown(output: &Value) -> String {
    let data = &output["data"];
    if output["output_type"] == "stream" {
        return code::block("output", &joined(&output["text"]));
    }
    if let Some(image) = data["image/png"].as_str() {
        let mut html = String::from(
            "<figure class=\"drawn\"><img alt=\"What the code above draws\" src=\"data:image/png;base64,",
        );
        html.extend(image.split_whitespace());
        return html + "\"></figure>\n";
    }
    if data["text/html"].is_array() || data["text/html"].is_string() {
        return format!("<div class=\"shown\" tabindex=\"0\">{}</div>\n", joined(&data["text/html"]));
    }
    let latex = joined(&data["text/latex"]);
    if let Ok(html) = math::mathml(latex.trim().trim_matches('$').trim_start_matches("\\displaystyle"), true)
        && !latex.is_empty()
    {
        return html;
    }
    let mut html = String::new();
    let _ = write!(html, "<pre>{}</pre>", escaped(&joined(&data["text/plain"])));
    html
}

/// A text that is stored as its lines.
fn joined(text: &Value) -> String {
    match text {
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        text => text.as_str().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn outputs_are_shown_in_their_best_form() {
        let stream = json!({"output_type": "stream", "text": ["a\n", "<b>\n"]});
        assert!(shown(&stream).contains("<code>a\n&lt;b&gt;\n</code>"));
        let both = json!({"data": {"text/latex": ["$\\displaystyle x$"], "text/plain": ["x"]}});
        assert!(shown(&both).contains("<math"));
        assert_eq!(shown(&json!({"data": {"text/plain": "<x>"}})), "<pre>&lt;x&gt;</pre>");
        assert!(shown(&json!({"data": {"image/png": "QUJD\nRA=="}})).contains("base64,QUJDRA==\""));
    }
}
