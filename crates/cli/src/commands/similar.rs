//! `cofactor similar`: neighbours of an item or a user.

use std::path::PathBuf;

use cofactor::recommender::{Neighbour, Recommender};
use serde::Serialize;
use serde_json::{Value, json};

use super::Context;
use crate::failure::Failure;
use crate::output::{Cell, HEAD, Table};

/// Find the items or users nearest to one
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofactor similar model.cofactor --item \"Star Wars (1977)\"
  cofactor similar model.cofactor --item 50 -n 5
  cofactor similar model.cofactor --user 42 --json

Similarity is the cosine of the angle between the two vectors, from -1 to 1; whoever has fewer than \
five ratings is left out.")]
#[command(group = clap::ArgGroup::new("to").required(true).args(["item", "user"]))]
pub(crate) struct Args {
    /// A model file
    file: PathBuf,
    /// An item, by id or title
    #[arg(long, short, value_name = "ID|TITLE")]
    item: Option<String>,
    /// A user, by id
    #[arg(long, short, value_name = "ID")]
    user: Option<String>,
    /// How many neighbours
    #[arg(short, long = "number", value_name = "N", default_value_t = 10)]
    n: usize,
}

#[derive(Serialize)]
struct Answer<'a> {
    of: Value,
    neighbours: Vec<Neighbour<'a>>,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let recommender = Recommender::open(&args.file)?;
    let (of, neighbours) = match (&args.item, &args.user) {
        (Some(item), _) => {
            let named = recommender.find_item(item)?;
            (json!({ "item": named }), recommender.similar_items(item, args.n)?)
        }
        (None, Some(user)) => (json!({ "user": user }), recommender.similar_users(user, args.n)?),
        (None, None) => return Err(Failure::usage("similar to what?", "give --item or --user")),
    };
    if context.out.is_json() {
        return Ok(context.out.object(&Answer { of, neighbours })?);
    }
    if let Some(item) = &args.item {
        context.out.say(format_args!("{HEAD}Nearest to {}{HEAD:#}", recommender.find_item(item)?))?;
    }
    let mut table =
        Table::new(["similarity", if args.user.is_some() { "user" } else { "item" }, "title", "ratings"]);
    for neighbour in &neighbours {
        table.row([
            Cell::Figure(format!("{:.3}", neighbour.similarity)),
            Cell::Figure(neighbour.id.to_string()),
            neighbour.title.unwrap_or_default().into(),
            neighbour.ratings.into(),
        ]);
    }
    Ok(context.out.table(&table)?)
}
