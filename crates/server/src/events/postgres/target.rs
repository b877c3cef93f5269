//! Where the server is: an address, read and checked, that never shows its password.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::tls::Tls;
use crate::events::StoreError;

/// How long a connection may take to be made, unless the address says otherwise.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the other machine may leave what was sent without a sign.
const SILENCE: Duration = Duration::from_secs(20);

/// A server, who asks it, and how the way there is protected.
pub(super) struct Target {
    pub(super) config: Config,
    /// None: in the clear, to this machine or because the address says so.
    pub(super) tls: Option<Tls>,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.config.get_user().unwrap_or("?");
        write!(f, "database '{}' at ", self.config.get_dbname().unwrap_or(user))?;
        for (place, host) in self.config.get_hosts().iter().enumerate() {
            let ports = self.config.get_ports();
            let port = ports.get(place).or(ports.first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(name) => write!(f, "{name}:{port} ")?,
                #[cfg(unix)]
                Host::Unix(folder) => write!(f, "{}:{port} ", folder.display())?,
            }
        }
        write!(f, "as '{user}'")
    }
}

/// What an address looks like, for those whose address looks otherwise.
const SHAPE: &str =
    "expected postgres://USER:PASSWORD@HOST/DATABASE, with special characters of the password as %XX";

impl Target {
    /// Reads an address. Errors repeat nothing of it but the names of its settings.
    pub(super) fn parse(address: &str) -> Result<Self, StoreError> {
        let bad = |problem: String| {
            StoreError::lasting(format!("this is no address of a PostgreSQL database: {problem}")).hint(SHAPE)
        };
        if !address.starts_with("postgres://") && !address.starts_with("postgresql://") {
            return Err(bad("it does not begin with postgres://".to_owned()));
        }
        let (plain, protection) = Protection::split(address).map_err(bad)?;
        let mut config = Config::from_str(&plain).map_err(|error| bad(without_values(&error)))?;
        if config.get_hosts().is_empty() {
            return Err(bad("it names no host".to_owned()));
        }
        if config.get_user().is_none() {
            return Err(bad("it names no user".to_owned()));
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE);
        }
        if config.get_application_name().is_none() {
            config.application_name("cofactor");
        }
        let encrypted = protection.encrypts(&config)?;
        config.ssl_mode(if encrypted { SslMode::Require } else { SslMode::Disable });
        let tls = if encrypted { Some(Tls::trusting(protection.roots.as_deref())?) } else { None };
        Ok(Self { config, tls })
    }
}

/// The message of a parser without what it quotes, which may be a part of the password: only names that are its own are told.
fn without_values(error: &tokio_postgres::Error) -> String {
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    match source.split_once('`') {
        Some(("invalid value for option ", name)) => {
            format!("the value of '{}' cannot be read", name.trim_end_matches('`'))
        }
        Some(("unknown option ", _)) => "a setting of it is not known".to_owned(),
        _ => "it cannot be read".to_owned(),
    }
}

/// What an address says of encryption.
struct Protection {
    mode: Option<String>,
    roots: Option<PathBuf>,
}

impl Protection {
    /// Takes `sslmode` and `sslrootcert` out of an address.
    fn split(address: &str) -> Result<(String, Self), String> {
        let mut protection = Self { mode: None, roots: None };
        let Some((start, settings)) = address.split_once('?') else {
            return Ok((address.to_owned(), protection));
        };
        let mut others = Vec::new();
        for setting in settings.split('&') {
            let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
            let decoded = || {
                let decoded = percent_decode_str(value).decode_utf8();
                decoded.map(std::borrow::Cow::into_owned).map_err(|_| format!("'{name}' is no UTF-8"))
            };
            match name {
                "sslmode" => protection.mode = Some(decoded()?),
                "sslrootcert" => protection.roots = Some(decoded()?.into()),
                _ => others.push(setting),
            }
        }
        let plain =
            if others.is_empty() { start.to_owned() } else { format!("{start}?{}", others.join("&")) };
        Ok((plain, protection))
    }

    /// Whether the connection is to be encrypted: always to another machine, unless the address says that it need not be.
    fn encrypts(&self, config: &Config) -> Result<bool, StoreError> {
        match self.mode.as_deref() {
            None => Ok(self.roots.is_some() || !config.get_hosts().iter().all(is_here)),
            Some("disable") => Ok(false),
            Some("require" | "verify-full") => {
                if config.get_hosts().iter().all(|host| matches!(host, Host::Tcp(_))) {
                    return Ok(true);
                }
                Err(StoreError::lasting("sslmode: a local socket is not encrypted")
                    .hint("leave sslmode out, or give a host"))
            }
            Some(_) => Err(StoreError::lasting("sslmode: expected require, verify-full or disable").hint(
                "require checks the server's certificate as verify-full does; weaker ways are not offered",
            )),
        }
    }
}

fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(folder) => folder.as_path() != Path::new(""),
    }
}
