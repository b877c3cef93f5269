//! `cofactor report`: the page again, from the JSON.

use std::fs;
use std::path::PathBuf;

use cofactor::Error;
use cofactor::report::Report;
use serde_json::json;

use super::Context;
use crate::failure::Failure;

/// Make report.html again from report.json
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofactor report cofactor-run/report.json               writes cofactor-run/report.html
  cofactor report cofactor-run/report.json -o page.html")]
pub(crate) struct Args {
    /// The report.json that `cofactor run` wrote
    file: PathBuf,
    /// Where to write the page [default: beside FILE, with the ending html]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let text = fs::read_to_string(&args.file).map_err(Error::io("read", &args.file))?;
    let page = Report::from_json(&text)?.html();
    let output = args.output.clone().unwrap_or_else(|| args.file.with_extension("html"));
    if output == args.file {
        return Err(Failure::usage(
            format!("the page would replace {}", output.display()),
            "name another file with --output",
        ));
    }
    context.write_page(&output, &page)?;
    if context.out.is_json() {
        let object = json!({ "file": output, "bytes": page.len() });
        return Ok(context.out.object(&object)?);
    }
    Ok(context.out.step("Report", output.display(), None)?)
}
