//! `cofactor evaluate`: fit on a part of the data, test on the rest.

use super::Context;
use crate::args::{DataArgs, ModelArgs, RankingArgs};
use crate::experiment;
use crate::failure::Failure;
use crate::inputs::{self, Model};

/// Fit a model on a part of the data and test it on the rest
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofactor evaluate ml-100k --model baseline
  cofactor evaluate ml-100k --model mf --split kfold:5
  cofactor evaluate ml-100k --model mf --split official       u1 to u5, as they were published
  cofactor evaluate ratings.csv --split time:0.1 --json
  cofactor evaluate ml-100k --model als --metrics ndcg@10,recall@20 --relevant-from 4
  cofactor evaluate gowalla --split lightgcn --metrics recall@20,ndcg@20,coverage@20

Splits:
  user:0.2      20 % of each user's ratings, chosen by hash
  random:0.1    each rating with probability 0.1, chosen by hash
  kfold:10      ten folds, chosen by hash
  official:u1   a published split: u1 to u5, ua, ub; `official` alone is u1 to u5 as five folds
  loo           the latest rating of each user, or one by hash where the data have no times
  time:0.1      the latest 10 % of all ratings
  strong:500    20 % of the ratings of 500 users whom training never sees; the rest is folded in
  ncf           the published split of ml-1m-ncf, each item ranked among 99 given ones
  lightgcn      the published split of gowalla

Rankings are over all items that the user has not rated in training; equal scores count by the mean over \
their orders, so that no model gains by the order of the ids.")]
pub(crate) struct Args {
    /// A file of ratings, or a data set's name
    data: String,
    /// Which ratings are held out
    #[arg(long, value_name = "SPEC", default_value = "user:0.2")]
    split: String,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    ranking: RankingArgs,
    #[command(flatten)]
    source: DataArgs,
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let spec = inputs::split_spec(&args.split)?;
    let model = Model::of(&args.model, ("mf", None))?;
    let data = inputs::load(&args.data, &args.source, context)?;
    let asked = inputs::ranking(&args.ranking, &model, &data)?;
    let experiment = experiment::run(&data, &model, spec, asked, context)?;
    if context.out.is_json() {
        return Ok(context.out.whole_object(&experiment.report)?);
    }
    experiment.print(&mut context.out)
}
