//! The documentation as a site: the Markdown of `docs` and of the project, and the notebook, become pages of `target/site` that need no network.
//!
//! `docs/README.md` is the first page and the table of contents: its lists name the other pages and their order. What a page links to must be there, anchors
//! too, or the site is not built.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it speaks to the person who called it")]

mod code;
mod contents;
mod frame;
mod links;
mod math;
mod notebook;
mod paths;
mod search;
mod site;
mod write;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = root.join("target/site");
    let problems = match site::built(&root) {
        Ok(site) => {
            let problems = site.problems();
            if problems.is_empty()
                && let Err(error) = site.save(&folder)
            {
                vec![format!("{}: {error}", folder.display())]
            } else {
                problems
            }
        }
        Err(problem) => vec![problem],
    };
    for problem in &problems {
        eprintln!("{problem}");
    }
    if problems.is_empty() {
        println!("the documentation: target/site/index.html");
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
