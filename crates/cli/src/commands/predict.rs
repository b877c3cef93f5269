//! `cofactor predict`: the rating that a user would give an item.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use cofactor::Error;
use cofactor::error::Place;
use cofactor::fit::outlook::{Chance, Outlook};
use cofactor::recommender::{Basis, NamedItem, Prediction, Recommender, Unknown};
use serde::Serialize;

use super::Context;
use crate::args::UnknownArg;
use crate::failure::Failure;
use crate::output::{BAD, DIM, HEAD};

/// Predict ratings: of one user and item, or of many pairs
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofactor predict model.cofactor --user 42 --item \"Fargo (1996)\"
  cofactor predict model.cofactor --pairs wanted.csv
  cut -f1,2 u.data | cofactor predict model.cofactor --pairs -

A file of pairs has a user and an item on each line, with a tab or a comma between them; a first line \
`user,item` is skipped. The answer has a line for each, with the id, the title and the prediction, \
clipped to the scale of the ratings.")]
pub(crate) struct Args {
    /// A model file
    file: PathBuf,
    /// A user, by id
    #[arg(long, short, value_name = "ID", requires = "item", required_unless_present = "pairs")]
    user: Option<String>,
    /// An item, by id or title
    #[arg(long, short, value_name = "ID|TITLE", requires = "user")]
    item: Option<String>,
    /// Where the rating lies with this probability, for a model that knows how sure it is
    #[arg(long, value_name = "SHARE", value_parser = share)]
    interval: Option<f64>,
    /// A file of pairs; - for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["user", "item"])]
    pairs: Option<PathBuf>,
    #[command(flatten)]
    unknown: UnknownArg,
}

/// One answer.
#[derive(Serialize)]
struct Answer {
    user: String,
    item: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(flatten)]
    prediction: Prediction,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<Interval>,
}

/// Where a rating lies with some probability.
#[derive(Serialize)]
struct Interval {
    share: f64,
    low: f32,
    high: f32,
}

/// What is asked of every prediction.
#[derive(Clone, Copy)]
struct Asked {
    unknown: Unknown,
    interval: Option<f64>,
}

#[derive(Serialize)]
struct One<'a> {
    prediction: &'a Answer,
}

#[derive(Serialize)]
struct Many<'a> {
    predictions: &'a [Answer],
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let recommender = Recommender::open(&args.file)?;
    let asked = Asked { unknown: args.unknown.policy(), interval: args.interval };
    match (&args.pairs, &args.user, &args.item) {
        (Some(pairs), ..) => many(&recommender, pairs, asked, context),
        (None, Some(user), Some(item)) => one(&recommender, (user, item), asked, context),
        _ => Err(Failure::usage("predict what?", "give --user and --item, or --pairs")),
    }
}

fn one(
    recommender: &Recommender,
    (user, item): (&str, &str),
    asked: Asked,
    context: &mut Context,
) -> Result<(), Failure> {
    let answer = answer(recommender, user, item, asked)?;
    let out = &mut context.out;
    if out.is_json() {
        return Ok(out.object(&One { prediction: &answer })?);
    }
    let name = answer.title.as_deref().unwrap_or(&answer.item);
    let value = answer.prediction.clipped;
    match &answer.interval {
        None => out.line(format_args!("{HEAD}{value:.2}{HEAD:#}  {name}"))?,
        Some(Interval { share, low, high }) => {
            let percent = share * 100.0;
            out.line(format_args!(
                "{HEAD}{value:.2}{HEAD:#}  {name}  ({low:.2} to {high:.2} with {percent} % probability)"
            ))?;
            if let Some(chances) = answer.prediction.outlook.as_ref().and_then(chances) {
                out.say(format_args!("{DIM}{chances}{DIM:#}"))?;
            }
        }
    }
    if answer.prediction.basis != Basis::Model {
        let who = match (answer.prediction.known_user, answer.prediction.known_item) {
            (false, false) => "user and item are",
            (false, true) => "the user is",
            (true, _) => "the item is",
        };
        out.say(format_args!("{BAD}{who} unknown to the model{BAD:#}"))?;
    }
    Ok(())
}

/// How probable each rating is, where ratings are steps.
fn chances(outlook: &Outlook) -> Option<String> {
    let chance = |chance: &Chance| format!("{}: {:.0} %", chance.value, 100.0 * chance.probability);
    let chances: Vec<String> = outlook.chances.iter().map(chance).collect();
    (!chances.is_empty()).then(|| chances.join("   "))
}

/// A probability.
fn share(written: &str) -> Result<f64, String> {
    let share = written.parse::<f64>().ok().filter(|&share| share > 0.0 && share < 1.0);
    share.ok_or_else(|| "write a probability between 0 and 1, such as 0.9".to_owned())
}

fn answer(recommender: &Recommender, user: &str, item: &str, asked: Asked) -> Result<Answer, Error> {
    let Asked { unknown, interval } = asked;
    let named = match recommender.find_item(item) {
        Ok(named) => Some(named),
        Err(Error::UnknownId { .. }) if unknown != Unknown::Error => None,
        Err(error) => return Err(error),
    };
    let id = named.map_or_else(|| item.to_owned(), |named: NamedItem<'_>| named.id.to_string());
    let prediction = recommender.predict(user, &id, unknown)?;
    let title = named.and_then(|named| named.title).map(str::to_owned);
    let scale = recommender.file().data.scale;
    let interval = interval.map(|share| {
        let [low, high] = prediction.interval(share, scale).ok_or_else(|| {
            let algorithm = &recommender.file().algorithm;
            let problem = format!("a '{algorithm}' model does not say how sure it is of this prediction");
            Error::unsupported(problem, "train 'bfm', and ask it about users and items that it knows")
        })?;
        Ok::<_, Error>(Interval { share, low, high })
    });
    Ok(Answer { user: user.to_owned(), item: id, title, prediction, interval: interval.transpose()? })
}

fn many(recommender: &Recommender, path: &Path, asked: Asked, context: &mut Context) -> Result<(), Failure> {
    let input: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(path).map_err(Error::io("read", path))?))
    };
    let mut answers = Vec::new();
    let json = context.out.is_json();
    let mut out = context.out.writer();
    if !json {
        let bounds = if asked.interval.is_some() { "\tlow\thigh" } else { "" };
        writeln!(out, "user\titem\ttitle\tpredicted{bounds}")?;
    }
    for (number, line) in (1_u64..).zip(input.lines()) {
        let line = line.map_err(Error::io("read", path))?;
        let Some((user, item)) = pair(&line, number, path)? else { continue };
        let answer = answer(recommender, user, item, asked).map_err(|error| placed(&error, number, path))?;
        if json {
            answers.push(answer);
        } else {
            let title = answer.title.as_deref().unwrap_or_default().replace('\t', " ");
            let (user, item, value) = (&answer.user, &answer.item, answer.prediction.clipped);
            write!(out, "{user}\t{item}\t{title}\t{value}")?;
            if let Some(Interval { low, high, .. }) = answer.interval {
                write!(out, "\t{low}\t{high}")?;
            }
            writeln!(out)?;
        }
    }
    out.flush()?;
    drop(out);
    if json {
        context.out.object(&Many { predictions: &answers })?;
    }
    Ok(())
}

/// A line's user and item; none for a blank line and a heading.
fn pair<'a>(line: &'a str, number: u64, path: &Path) -> Result<Option<(&'a str, &'a str)>, Error> {
    let line = line.trim_start_matches('\u{feff}').trim_end_matches('\r');
    if line.trim().is_empty() {
        return Ok(None);
    }
    let Some((user, item)) = line.split_once('\t').or_else(|| line.split_once(',')) else {
        return Err(input_error(
            "there is one column only".to_owned(),
            line,
            "write a user and an item on each line, with a tab or a comma between them",
            number,
            path,
        ));
    };
    let plain = |text: &'a str| {
        let text = text.trim();
        text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
    };
    let (user, item) = (plain(user), plain(item));
    let heading =
        number == 1 && user.to_lowercase().starts_with("user") && item.to_lowercase().starts_with("item");
    Ok((!heading).then_some((user, item)))
}

/// The same error, with its place.
fn placed(error: &Error, number: u64, path: &Path) -> Error {
    let (problem, hint) = error.parts();
    let hint = hint.unwrap_or_default();
    input_error(
        problem,
        "",
        &format!("{hint}; --unknown popular or --unknown mean answers all the same"),
        number,
        path,
    )
}

fn input_error(problem: String, found: &str, hint: &str, number: u64, path: &Path) -> Error {
    let file = if path == Path::new("-") { PathBuf::from("standard input") } else { path.to_owned() };
    Error::Input {
        place: Place { file, line: Some(number) },
        problem,
        found: found.chars().take(60).collect(),
        hint: hint.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str, number: u64) -> Option<(&str, &str)> {
        pair(line, number, Path::new("-")).unwrap()
    }

    #[test]
    fn pairs_have_a_tab_or_a_comma() {
        assert_eq!(read("7\t50", 2), Some(("7", "50")));
        assert_eq!(read("7, \"Matrix, The (1999)\"\r", 2), Some(("7", "Matrix, The (1999)")));
        assert_eq!(read("\u{feff}user,item", 1), None);
        assert_eq!(read("user,item", 2), Some(("user", "item")));
        assert_eq!(read("  ", 3), None);
        let error = pair("seven", 4, Path::new("p.csv")).unwrap_err().to_string();
        assert!(error.starts_with("p.csv:4: there is one column only: 'seven'"), "{error}");
    }
}
