//! `cofactor serve`: answers over HTTP, and the web page.

use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use cofactor::Error;
use cofactor_server::{App, Keys, Limits, Models, Served, Settings, Store, StoreError};
use serde_json::json;

use super::Context;
use crate::failure::Failure;

/// Serve models over HTTP, with a web page
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofactor serve model.cofactor
  cofactor serve mf.cofactor bfm.cofactor --bind 127.0.0.1:9000
  cofactor serve model.cofactor --store events/ --refresh-every 24h
  cofactor serve model.cofactor --events postgres://films:PASSWORD@localhost/films --refits refits/
  cofactor serve model.cofactor --keys keys.txt --bind 0.0.0.0:8000 --behind-proxy

The page is at /, the interface is described at /docs and, for programs, at /openapi.json. With --store or \
--events, events (POST /v1/events) are kept for good and count in the user's next list; with --events they lie in tables of \
a PostgreSQL database, and what other programs insert there counts within a second or two. Other people of the machine see \
the command's arguments: COFACTOR_EVENTS keeps a password from them. A file of keys has a line for each: 'read KEY' \
or 'write KEY', 20 characters or more. Without keys only this machine may ask; anything but loopback also needs a proxy \
that speaks TLS, see the documentation.")]
pub(crate) struct Args {
    /// Model files; the first answers where none is named
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000")]
    bind: SocketAddr,
    /// A folder in which events are kept
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// A PostgreSQL database in whose tables events are kept: postgres://USER:PASSWORD@HOST/DATABASE
    #[arg(
        long,
        value_name = "URL",
        env = "COFACTOR_EVENTS",
        hide_env_values = true,
        conflicts_with = "store"
    )]
    events: Option<Address>,
    /// A folder in which the refits of a service with --events are kept
    #[arg(long, value_name = "DIR", conflicts_with = "store")]
    refits: Option<PathBuf>,
    /// A file of API keys
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// A proxy with TLS stands before this service
    #[arg(long)]
    behind_proxy: bool,
    /// At most so many requests a second from each key, or each address without one
    #[arg(long, value_name = "N")]
    rate: Option<NonZeroU32>,
    /// Refit the models with the events so often: 30m, 24h, 7d
    #[arg(long, value_name = "TIME", value_parser = duration)]
    refresh_every: Option<Duration>,
    /// Write the log as JSON
    #[arg(long)]
    log_json: bool,
}

/// An address with a password in it, which is never shown.
#[derive(Clone)]
struct Address(String);

impl From<String> for Address {
    fn from(address: String) -> Self {
        Self(address)
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("postgres://…")
    }
}

pub(crate) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let keys = keys(args)?;
    guarded(args, &keys)?;
    let store = store(args)?;
    let open = |path: &PathBuf| match &store {
        Some(store) => Served::open_with(path, store),
        None => Served::open(path),
    };
    let served = args.files.iter().map(open).collect::<cofactor::Result<Vec<Served>>>()?;
    let names: Vec<String> = served.iter().map(|served| served.name.clone()).collect();
    let models = Models::new(served).ok_or_else(|| {
        Failure::usage(
            format!("two models have one name: {}", names.join(", ")),
            "a model is called as its file is, without the ending: rename one",
        )
    })?;
    let listener = TcpListener::bind(args.bind).map_err(|error| {
        Failure::usage(format!("cannot listen at {}: {error}", args.bind), "choose another --bind")
    })?;
    let address = listener.local_addr().map_err(|error| Error::unsupported(error.to_string(), ""))?;
    let limits = Limits { rate: args.rate, ..Limits::default() };
    let app = App::new(Settings { models, store, keys, limits, refresh_every: args.refresh_every })
        .map_err(unopened)?;
    cofactor_server::log(args.log_json);
    if context.out.is_json() {
        context.out.object(&json!({ "address": address.to_string(), "models": names }))?;
    } else {
        context
            .out
            .say(format_args!("Serving   {} at http://{address}/ (Ctrl-C ends it)", names.join(", ")))?;
    }
    let serve = || {
        cofactor_server::run(app, listener)
            .map_err(|error| Error::unsupported(format!("the service failed: {error}"), "").into())
    };
    match context.interrupt.defer(serve) {
        // That is how a service ends.
        Err(Failure::Interrupted) => Ok(()),
        ended => ended,
    }
}

/// Where events are kept, if they are.
fn store(args: &Args) -> Result<Option<Store>, Failure> {
    if args.refits.is_some() && args.events.is_none() {
        return Err(Failure::usage(
            "--refits without --events: there is nothing to refit with",
            "add --events URL",
        ));
    }
    if args.refresh_every.is_some() && args.store.is_none() && args.refits.is_none() {
        return Err(Failure::usage(
            "--refresh-every: there is no folder for refits",
            "add --store DIR, or --events URL and --refits DIR",
        ));
    }
    let opened = match (&args.store, &args.events) {
        (Some(folder), _) => Store::open(folder),
        (None, Some(Address(address))) => Store::connect(address, args.refits.as_deref()),
        (None, None) => return Ok(None),
    };
    Ok(Some(opened.map_err(unopened)?))
}

fn unopened(error: StoreError) -> Error {
    Error::unsupported(format!("the store cannot be opened: {error}"), error.hint)
}

fn keys(args: &Args) -> Result<Keys, Failure> {
    let Some(path) = &args.keys else { return Ok(Keys::default()) };
    let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
    let how = "each line is 'read KEY' or 'write KEY'";
    let keys = Keys::parse(&text)
        .map_err(|problem| Failure::usage(format!("{}, {problem}", path.display()), how))?;
    if keys.is_empty() {
        return Err(Failure::usage(format!("{} holds no key", path.display()), how));
    }
    Ok(keys)
}

/// Other machines are let in only with keys and behind a proxy that encrypts them.
fn guarded(args: &Args, keys: &Keys) -> Result<(), Failure> {
    if args.bind.ip().is_loopback() {
        return Ok(());
    }
    let missing = match (keys.is_empty(), args.behind_proxy) {
        (true, _) => "give --keys FILE, so that not everybody may ask",
        (false, false) => {
            "keys must not travel in the clear: put a proxy with TLS before it and say --behind-proxy"
        }
        (false, true) => return Ok(()),
    };
    Err(Failure::usage(format!("{} can be reached from other machines", args.bind), missing))
}

/// `30m`, `24h`, `7d`.
fn duration(written: &str) -> Result<Duration, String> {
    let expected = || "expected a whole number and s, m, h or d, such as 24h".to_owned();
    let (number, unit) = written.split_at_checked(written.len().saturating_sub(1)).ok_or_else(expected)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(expected()),
    };
    let number: u64 = number.parse().map_err(|_| expected())?;
    match number.checked_mul(seconds) {
        Some(seconds @ 1..=31_536_000) => Ok(Duration::from_secs(seconds)),
        _ => Err("expected a time between a second and a year".to_owned()),
    }
}
