//! Draws the pictures of `docs/implicit.md`, from the data set Gowalla: `cargo run --release -p cofactor --example implicit_pictures -- [MIRROR]`.
//!
//! MIRROR is a folder or a URL that holds the data set's archive.

use std::fs;
use std::path::Path;

use cofactor::data::datasets::Store;
use cofactor::data::split;
use cofactor::error::{Error, Result};
use cofactor::eval::ranking::{Asked, popularity};
use cofactor::fit::run::{Run, thread_pool};
use cofactor::registry;
use cofactor::report::{long_tail_picture, trade_off_picture};

fn main() -> Result<()> {
    let cache = Store::platform_cache().ok_or_else(|| Error::unsupported("there is no home folder", ""))?;
    let mut store = Store::new(cache);
    store.mirror = std::env::args().nth(1);
    let ratings = store.load("gowalla", &mut |_| ())?;
    let published = |name: &str| store.official("gowalla", name, &ratings);
    let fold = split::plan("lightgcn".parse()?, &ratings, 0, &published)?.fold(0);

    let set = [("unobserved", "0.01"), ("reg", "0.003"), ("epochs", "3")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let algorithm = registry::find("ials")?.configure_written(None, &set)?;
    let model = algorithm.fit(&fold.train, &mut Run::new(0, 0)?)?;
    let asked = Asked::parse("ndcg@20,coverage@20,novelty@20,gini@20", None)?;
    let settings = popularity::trade_off(&*model, &fold, &asked, &thread_pool(0)?)?;

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/data");
    for (name, picture) in [
        ("long-tail.svg", long_tail_picture(&fold.train.item_counts())),
        ("popularity.svg", trade_off_picture(&settings, "ndcg@20")),
    ] {
        let path = folder.join(name);
        fs::write(&path, picture).map_err(Error::io("write", &path))?;
    }
    Ok(())
}
