//! One file for each figure, or for a few that share a measurement.

mod accuracy;
mod bfm_accuracy;
mod bfm_speed;
mod command;
mod ease;
mod family;
mod ials;
mod large;
mod lesson;
mod linear;
mod lists;
mod memory;
mod progress;
mod ranking;
mod reader;
mod rivals;
mod serving;
mod sgd;
mod threads;

use anyhow::Result;

use crate::bench::Bench;
use crate::page::Section;

/// Measures a figure.
pub type Measure = fn(&Bench) -> Result<Section>;

/// All figures, by their names on the command line.
pub const FIGURES: [(&str, Measure); 23] = [
    ("sgd", sgd::measure),
    ("progress", progress::measure),
    ("large", large::measure),
    ("linear", linear::measure),
    ("threads", threads::measure),
    ("lesson", lesson::measure),
    ("command", command::measure),
    ("accuracy", accuracy::measure),
    ("family", family::measure),
    ("rivals", rivals::measure),
    ("bfm-accuracy", bfm_accuracy::measure),
    ("bfm-speed", bfm_speed::measure),
    ("bfm-huge", bfm_speed::huge),
    ("ranking-ml-1m", ranking::movielens),
    ("ranking-gowalla", ranking::gowalla),
    ("ials", ials::measure),
    ("ials-large", ials::large),
    ("lists", lists::measure),
    ("ease", ease::measure),
    ("ease-gowalla", ease::gowalla),
    ("memory", memory::measure),
    ("reader", reader::measure),
    ("serving", serving::measure),
];
