//! `cofactor recommend`: the best items for a user, for somebody new, or for everybody.

use std::io::Write;
use std::path::{Path, PathBuf};

use cofactor::Error;
use cofactor::data::ids::RawId;
use cofactor::recommender::{
    ParquetPicks, Pick, Recommendation, Recommender, Request, UserPicks, Who, parse_history,
};
use cofactor::store::write_atomically;
use serde::Serialize;
use serde_json::json;

use super::Context;
use crate::args::UnknownArg;
use crate::failure::Failure;
use crate::format;
use crate::output::{Cell, DIM, HEAD, Table};

/// Recommend items to a user, to somebody new, or to everybody
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofactor recommend model.cofactor --user 42
  cofactor recommend model.cofactor --user 42 -n 5 --why
  cofactor recommend model.cofactor --ratings \"Star Wars (1977)=5, Fargo (1996)=4, 288=1\"
  cofactor recommend model.cofactor --all -n 20 -o picks.csv
  cofactor recommend model.cofactor --users ids.txt -o picks.parquet
  cofactor recommend model.cofactor --user 42 --popularity=-0.2

Somebody new is folded in: the model is asked where a user with these ratings stands, and nothing \
is kept.")]
#[command(group = clap::ArgGroup::new("whom").required(true).args(["user", "ratings", "all", "users"]))]
pub(crate) struct Args {
    /// A model file
    file: PathBuf,
    /// A user that the model was trained on
    #[arg(long, short, value_name = "ID")]
    user: Option<String>,
    /// The ratings of somebody new: ITEM=RATING, ITEM=RATING, …; an item is an id or a title
    #[arg(long, short, value_name = "RATINGS")]
    ratings: Option<String>,
    /// Every user; writes the file that --output names
    #[arg(long, requires = "output")]
    all: bool,
    /// The users whose ids stand in a file, one a line; writes the file that --output names
    #[arg(long, value_name = "FILE", requires = "output")]
    users: Option<PathBuf>,
    /// Where to write the picks of many: *.jsonl, *.csv or *.parquet
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// None of these items, by id or title; may be repeated
    #[arg(long, value_name = "ITEM")]
    without: Vec<String>,
    /// Only the items whose ids or titles stand in a file, one a line
    #[arg(long, value_name = "FILE")]
    only: Option<PathBuf>,
    /// Adds so much to a score for each factor e of popularity: above 0 for popular items, below 0 for rare ones; `cofactor run --metrics` shows what it costs
    #[arg(long, value_name = "W", default_value_t = 0.0, allow_hyphen_values = true)]
    popularity: f32,
    /// How many picks
    #[arg(short, long = "number", value_name = "N", default_value_t = 10)]
    n: usize,
    /// Also recommend what the user has rated
    #[arg(long)]
    include_seen: bool,
    /// With each pick, the ratings that speak for it the most
    #[arg(long)]
    why: bool,
    #[command(flatten)]
    unknown: UnknownArg,
}

/// How many reasons `--why` gives.
const REASONS: usize = 3;

#[derive(Serialize)]
struct Answer<'a> {
    user: Option<&'a str>,
    #[serde(flatten)]
    list: &'a Recommendation<'a>,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let request = Request {
        n: args.n,
        exclude_seen: !args.include_seen,
        unknown: args.unknown.policy(),
        reasons: if args.why { REASONS } else { 0 },
        allow: args.only.as_deref().map(lines).transpose()?,
        deny: args.without.clone(),
        popularity: args.popularity,
    };
    if let Some(output) = &args.output {
        if !args.all && args.users.is_none() {
            return Err(Failure::usage("--output is for the picks of many", "give --all or --users FILE"));
        }
        let format = Format::of(output)?;
        let users = args.users.as_deref().map(lines).transpose()?;
        let many = Many { users: users.as_deref(), path: output, format };
        return to_file(&Recommender::open(&args.file)?, &request, &many, context);
    }
    let history = args.ratings.as_deref().map(parse_history).transpose()?;
    let recommender = Recommender::open(&args.file)?;
    let (who, name) = match (&args.user, &history) {
        (Some(user), _) => (Who::User(user), format!("user {user}")),
        (None, Some(history)) => (Who::History(history), "somebody new".to_owned()),
        (None, None) => return Err(Failure::usage("for whom?", "give --user, --ratings, --users or --all")),
    };
    let list = recommender.recommend(who, &request).map_err(with_flags)?;
    if context.out.is_json() {
        return Ok(context.out.object(&Answer { user: args.user.as_deref(), list: &list })?);
    }
    context
        .out
        .say(format_args!("{HEAD}For {name}{HEAD:#}{DIM}, {}{DIM:#}", rests_on(&list, &recommender)))?;
    Ok(context.out.table(&picks_table(&list.picks, args.why))?)
}

/// The way out of an unknown user, in the words of this command.
fn with_flags(error: Error) -> Error {
    match error {
        Error::UnknownId { side: side @ "user", id, hint } => {
            let hint = format!("{hint}: --ratings \"ITEM=RATING, …\" or --unknown popular");
            Error::UnknownId { side, id, hint }
        }
        other => other,
    }
}

/// In words, what the list rests on.
fn rests_on(list: &Recommendation<'_>, recommender: &Recommender) -> String {
    use cofactor::recommender::Basis;
    let model = &recommender.file().algorithm;
    match list.basis {
        Basis::Model => format!("by the model {model}"),
        Basis::FoldIn => format!("folded into the model {model}"),
        Basis::Popular => "who is unknown: what most people like".to_owned(),
        Basis::Mean => format!("who is unknown: what an average user of the model {model} likes"),
    }
}

/// Picks as people read them.
pub(crate) fn picks_table(picks: &[Pick<'_>], why: bool) -> Table {
    let mut heads = vec!["rank", "score", "item", "title"];
    if why {
        heads.push("because of");
    }
    let mut table = Table::new(heads);
    for (rank, pick) in (1_usize..).zip(picks) {
        let mut cells = vec![
            Cell::Count(rank),
            Cell::Figure(format!("{:.2}", pick.score)),
            Cell::Figure(pick.item.id.to_string()),
            pick.item.title.unwrap_or_default().into(),
        ];
        if why {
            let reasons: Vec<String> = pick
                .reasons
                .iter()
                .map(|reason| format!("{} ({:+.3})", title_or_id(&reason.item), reason.taste))
                .collect();
            cells.push(reasons.join(", ").into());
        }
        table.row(cells);
    }
    table
}

/// What to call an item before a person.
pub(crate) fn title_or_id(item: &cofactor::recommender::NamedItem<'_>) -> String {
    item.title.map_or_else(|| item.id.to_string(), str::to_owned)
}

/// How everybody's picks are written.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Format {
    JsonLines,
    Csv,
    Parquet,
}

impl Format {
    fn of(path: &Path) -> Result<Self, Failure> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("jsonl" | "ndjson") => Ok(Self::JsonLines),
            Some("csv") => Ok(Self::Csv),
            Some("parquet") => Ok(Self::Parquet),
            _ => Err(Failure::usage(
                format!("--output {}: the ending says no format that can be written", path.display()),
                "name the file *.jsonl, *.csv or *.parquet",
            )),
        }
    }
}

/// Where the picks of many go.
enum Sink<'w> {
    JsonLines(&'w mut dyn Write),
    Csv(&'w mut dyn Write),
    Parquet(Box<ParquetPicks<'w>>),
}

impl<'w> Sink<'w> {
    fn new(format: Format, recommender: &Recommender, out: &'w mut dyn Write) -> std::io::Result<Self> {
        Ok(match format {
            Format::JsonLines => Self::JsonLines(out),
            Format::Csv => {
                writeln!(out, "user,rank,item,title,score")?;
                Self::Csv(out)
            }
            Format::Parquet => Self::Parquet(Box::new(ParquetPicks::new(recommender, out)?)),
        })
    }

    fn write(&mut self, picks: &UserPicks<'_>) -> std::io::Result<()> {
        let out = match self {
            Self::Parquet(file) => return file.write(picks),
            Self::JsonLines(out) => {
                serde_json::to_writer(&mut *out, picks)?;
                return writeln!(out);
            }
            Self::Csv(out) => out,
        };
        let user = csv_field(&picks.user.to_string());
        for (rank, pick) in (1..).zip(&picks.list.picks) {
            let (item, title) =
                (csv_field(&pick.item.id.to_string()), csv_field(pick.item.title.unwrap_or_default()));
            writeln!(out, "{user},{rank},{item},{title},{}", pick.score)?;
        }
        Ok(())
    }

    fn finish(self) -> std::io::Result<()> {
        match self {
            Self::Parquet(file) => file.finish(),
            Self::JsonLines(_) | Self::Csv(_) => Ok(()),
        }
    }
}

/// The lines of a file that are not empty.
fn lines(path: &Path) -> Result<Vec<String>, Failure> {
    let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// A field of a CSV file, in quotes where it needs them (RFC 4180).
fn csv_field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}

/// Many users, and the file for their picks.
struct Many<'a> {
    /// Everybody, where none are named.
    users: Option<&'a [String]>,
    path: &'a Path,
    format: Format,
}

/// Everybody's picks, in bounded memory; the file appears when it is whole.
fn to_file(
    recommender: &Recommender,
    request: &Request,
    many: &Many<'_>,
    context: &mut Context,
) -> Result<(), Failure> {
    let path = many.path;
    let total = many.users.map_or(recommender.file().data.users, <[String]>::len);
    let bar = context.progress.counter("Recommend", total);
    let (interrupt, threads) = (context.interrupt.clone(), context.threads);
    let (mut users, mut picks) = (0, 0);
    let mut refused = None;
    let written = interrupt.defer(|| {
        let outcome = write_atomically(path, |out| {
            let mut sink = Sink::new(many.format, recommender, out)?;
            let take = |list: UserPicks<'_>| {
                if interrupt.requested() {
                    return Err(Error::unsupported("interrupted", ""));
                }
                (users, picks) = (users + 1, picks + list.list.picks.len());
                bar.inc(1);
                sink.write(&list).map_err(Error::io("write", path))
            };
            let done = match many.users {
                None => recommender.recommend_all(request, threads, take),
                Some(users) => {
                    let raw: Vec<RawId<'_>> = users.iter().map(|user| RawId::Text(user)).collect();
                    recommender.recommend_each(&raw, request, threads, take)
                }
            };
            done.map_err(|error| {
                refused = Some(with_flags(error));
                std::io::Error::other("the recommendations ended early")
            })?;
            sink.finish()
        });
        bar.finish_and_clear();
        Ok(outcome)
    })?;
    match (written, refused) {
        (Ok(()), _) => {}
        (Err(_), Some(error)) | (Err(error), None) => return Err(error.into()),
    }
    let seconds = context.start.elapsed().as_secs_f64();
    if context.out.is_json() {
        return Ok(context.out.object(&json!({
            "file": path, "users": users, "picks": picks, "seconds": { "total": seconds }
        }))?);
    }
    let text = format!(
        "{} for {} in {}",
        format::counted(picks, "pick"),
        format::counted(users, "user"),
        path.display()
    );
    Ok(context.out.step("File", text, Some(seconds))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_fields_are_quoted_where_they_must_be() {
        assert_eq!(csv_field("Fargo (1996)"), "Fargo (1996)");
        assert_eq!(csv_field("Matrix, The"), "\"Matrix, The\"");
        assert_eq!(csv_field("say \"yes\""), "\"say \"\"yes\"\"\"");
    }

    #[test]
    fn the_ending_is_the_format() {
        assert_eq!(Format::of(Path::new("a/b.csv")).unwrap(), Format::Csv);
        assert_eq!(Format::of(Path::new("b.jsonl")).unwrap(), Format::JsonLines);
        assert_eq!(Format::of(Path::new("b.xml")).unwrap_err().status(), 2);
    }
}
