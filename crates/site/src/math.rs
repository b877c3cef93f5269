//! LaTeX as MathML.

use pulldown_latex::config::DisplayMode;
use pulldown_latex::{Parser, RenderConfig, Storage, push_mathml};

/// A formula, in a line or as a block.
///
/// # Errors
/// What the LaTeX is not understood for.
pub(crate) fn mathml(latex: &str, block: bool) -> Result<String, String> {
    let storage = Storage::new();
    let events = Parser::new(latex, &storage).collect::<Result<Vec<_>, _>>();
    let events = events.map_err(|error| format!("${latex}$: {error}"))?;
    let display_mode = if block { DisplayMode::Block } else { DisplayMode::Inline };
    let mut html = String::new();
    let events = events.into_iter().map(Ok::<_, std::convert::Infallible>);
    push_mathml(&mut html, events, RenderConfig { display_mode, ..RenderConfig::default() })
        .map_err(|error| format!("${latex}$: {error}"))?;
    Ok(if block { format!("<div class=\"formula-block scrolled\">{html}</div>") } else { html })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_is_typeset_or_refused() {
        let html = mathml(r"\hat r_{ui} = p_u^\top q_i", false).unwrap();
        assert!(html.starts_with("<math") && html.contains("<msub") && !html.contains("merror"), "{html}");
        assert!(mathml(r"\frac{1", false).unwrap_err().starts_with("$\\frac{1$: "));
    }
}
