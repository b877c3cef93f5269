//! The command as its users meet it: the real binary, in a folder of its own, on files shaped like MovieLens'.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod basics;
mod compare;
mod data;
mod derive;
mod ladder;
#[cfg(unix)]
mod pages;
mod questions;
mod ranking;
mod real;
mod resume;
mod run;
mod serve;
mod support;
#[cfg(unix)]
mod trials;
mod tune;
