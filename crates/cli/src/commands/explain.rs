//! `cofactor explain`: a predicted rating in its parts.

use std::path::PathBuf;

use cofactor::recommender::{Explanation, Recommender, Who, parse_history};
use serde::Serialize;

use super::Context;
use super::recommend::title_or_id;
use crate::failure::Failure;
use crate::output::{Cell, DIM, HEAD, Table};

/// Explain a predicted rating: what each of the user's ratings adds to it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofactor explain model.cofactor --user 42 --item \"Fargo (1996)\"
  cofactor explain model.cofactor --ratings \"50=5, 181=4\" --item 172 --json

The parts add up: mean + item + prior + what each rating adds. For a user whom the model was trained \
on they add up to what the same ratings give somebody who is folded in, and that is shown beside the \
prediction.

`by taste` is the part of it that is owed to this item; the rest tells how generously the user rates, and \
is the same for all items.")]
#[command(group = clap::ArgGroup::new("whom").required(true).args(["user", "ratings"]))]
pub(crate) struct Args {
    /// A model file
    file: PathBuf,
    /// A user that the model was trained on
    #[arg(long, short, value_name = "ID")]
    user: Option<String>,
    /// The ratings of somebody new: ITEM=RATING, ITEM=RATING, …
    #[arg(long, short, value_name = "RATINGS")]
    ratings: Option<String>,
    /// The item, by id or title
    #[arg(long, short, value_name = "ID|TITLE")]
    item: String,
    /// How many ratings to show, those that add or take the most
    #[arg(short, long = "number", value_name = "N", default_value_t = 10)]
    n: usize,
}

#[derive(Serialize)]
struct Answer<'a> {
    user: Option<&'a str>,
    explanation: &'a Explanation<'a>,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let history = args.ratings.as_deref().map(parse_history).transpose()?;
    let recommender = Recommender::open(&args.file)?;
    let who = match (&args.user, &history) {
        (Some(user), _) => Who::User(user),
        (None, Some(history)) => Who::History(history),
        (None, None) => return Err(Failure::usage("for whom?", "give --user or --ratings")),
    };
    let explanation = recommender.explain(who, &args.item)?;
    if context.out.is_json() {
        return Ok(context.out.object(&Answer { user: args.user.as_deref(), explanation: &explanation })?);
    }
    context.out.say(format_args!(
        "{HEAD}{}{HEAD:#}: predicted {:.2}; folding in the same ratings gives {:.2}, made of",
        explanation.item, explanation.score, explanation.explained_score
    ))?;
    context.out.table(&parts_table(&explanation, args.n))?;
    let hidden = explanation.contributions.len().saturating_sub(args.n);
    if hidden > 0 {
        context.out.say(format_args!(
            "{DIM}The smaller {hidden} of the ratings are summed up; -n shows more.{DIM:#}"
        ))?;
    }
    Ok(())
}

fn parts_table(explanation: &Explanation<'_>, n: usize) -> Table {
    let mut table = Table::new(["adds", "by taste", "what", "rated"]);
    let figure = |value: f32| Cell::Figure(format!("{value:+.3}"));
    let mut plain = |adds: f32, what: &str| table.row([figure(adds), "".into(), what.into(), "".into()]);
    plain(explanation.mean, "the mean of all ratings");
    plain(explanation.item_bias, "how the item is rated by everybody");
    plain(explanation.prior, "a user of whom nothing is known");
    let (shown, rest) = explanation.contributions.split_at(n.min(explanation.contributions.len()));
    for part in shown {
        let rated = Cell::Figure(part.rating.to_string());
        table.row([figure(part.share), figure(part.taste), title_or_id(&part.item).into(), rated]);
    }
    if !rest.is_empty() {
        let (share, taste) =
            rest.iter().fold((0.0, 0.0), |sum, part| (sum.0 + part.share, sum.1 + part.taste));
        let what = format!("{} other ratings", rest.len());
        table.row([figure(share), figure(taste), what.into(), "".into()]);
    }
    table.row([figure(explanation.explained_score), "".into(), "in all".into(), "".into()]);
    table
}
