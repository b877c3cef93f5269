//! One file for each figure, or for a few that share a measurement.

mod accuracy;
mod command;
mod family;
mod lesson;
mod memory;
mod reader;
mod rivals;
mod sgd;
mod threads;

use anyhow::Result;

use crate::bench::Bench;
use crate::page::Section;

/// Measures a figure.
pub type Measure = fn(&Bench) -> Result<Section>;

/// All figures, by their names on the command line.
pub const FIGURES: [(&str, Measure); 9] = [
    ("sgd", sgd::measure),
    ("threads", threads::measure),
    ("lesson", lesson::measure),
    ("command", command::measure),
    ("accuracy", accuracy::measure),
    ("family", family::measure),
    ("rivals", rivals::measure),
    ("memory", memory::measure),
    ("reader", reader::measure),
];
