//! Who may ask: API keys with their scopes, and how often.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;

use axum::http::{HeaderMap, header};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::problem::{Kind, Problem};

/// What a request may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Ask.
    Read,
    /// Ask, and change what is kept.
    Write,
}

/// The keys that are accepted. Only their SHA-256 digests are in memory.
#[derive(Clone, Default)]
pub struct Keys(Vec<(Scope, [u8; 32])>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}

/// Shorter keys could be guessed.
const SHORTEST_KEY: usize = 20;

impl Keys {
    /// Reads keys, one a line: `read KEY` or `write KEY`. Empty lines and those that begin with `#` do not count.
    ///
    /// # Errors
    /// Says which line is no key, and why, without repeating it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut keys = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let refuse = |problem: &str| format!("line {}: {problem}", number + 1);
            let (scope, key) = line
                .split_once(char::is_whitespace)
                .ok_or_else(|| refuse("expected 'read' or 'write', a space, and a key"))?;
            let scope = match scope {
                "read" => Scope::Read,
                "write" => Scope::Write,
                _ => return Err(refuse("expected 'read' or 'write' before the key")),
            };
            let key = key.trim();
            if key.len() < SHORTEST_KEY || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(refuse(&format!(
                    "a key has at least {SHORTEST_KEY} visible ASCII characters and no spaces"
                )));
            }
            keys.push((scope, digest(key)));
        }
        Ok(Self(keys))
    }

    /// Whether there is none: then everybody may do everything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scope of a key and its place in the list. Every key is compared, and every byte of each, so that the time says nothing.
    fn find(&self, key: &str) -> Option<(Scope, usize)> {
        let given = digest(key);
        let mut place = u64::MAX;
        for (at, (_, known)) in self.0.iter().enumerate() {
            let same: Choice = known.ct_eq(&given);
            place.conditional_assign(&(at as u64), same);
        }
        self.0.get(usize::try_from(place).ok()?).map(|&(scope, _)| (scope, place as usize))
    }
}

fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// Who asks, for the count of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Client {
    Key(usize),
    Address(Option<IpAddr>),
}

/// The keys and the rates.
pub(crate) struct Guard {
    keys: Keys,
    rates: Option<DefaultKeyedRateLimiter<Client>>,
    clock: DefaultClock,
}

/// So many seconds' requests may come at once.
const BURST: u32 = 2;

impl Guard {
    pub(crate) fn new(keys: Keys, rate: Option<NonZeroU32>) -> Self {
        let quota = |rate: NonZeroU32| {
            Quota::per_second(rate)
                .allow_burst(rate.saturating_mul(NonZeroU32::MIN.saturating_add(BURST - 1)))
        };
        let rates = rate.map(|rate| RateLimiter::keyed(quota(rate)));
        Self { keys, rates, clock: DefaultClock::default() }
    }

    /// Whether a request needs a key.
    pub(crate) fn asks_for_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Lets a request pass that has a key for what it wants, and has not come too often.
    pub(crate) fn admit(
        &self,
        headers: &HeaderMap,
        address: Option<IpAddr>,
        wanted: Scope,
    ) -> Result<(), Problem> {
        let client = self.identify(headers, address, wanted);
        // Whoever has no key is counted by address, so that keys cannot be tried out at speed.
        let counted = client.as_ref().map_or(Client::Address(address), |client| *client);
        if let Some(rates) = &self.rates
            && let Err(early) = rates.check_key(&counted)
        {
            let wait = early.wait_time_from(self.clock.now()).as_secs() + 1;
            return Err(Problem::new(Kind::TooManyRequests, "this client has asked too often")
                .hint(format!("ask again in {wait} s"))
                .retry_after(wait));
        }
        client.map(|_| ())
    }

    fn identify(
        &self,
        headers: &HeaderMap,
        address: Option<IpAddr>,
        wanted: Scope,
    ) -> Result<Client, Problem> {
        if self.keys.is_empty() {
            return Ok(Client::Address(address));
        }
        let how = "send the header 'Authorization: Bearer KEY'";
        let given = headers.get(header::AUTHORIZATION);
        let Some(given) = given else {
            return Err(Problem::new(Kind::Unauthorized, "the request has no API key").hint(how));
        };
        let key = given.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
        let Some((scope, place)) = key.and_then(|key| self.keys.find(key.trim())) else {
            return Err(Problem::new(Kind::Unauthorized, "the API key is not known here").hint(how));
        };
        if scope < wanted {
            return Err(Problem::new(
                Kind::Forbidden,
                "this API key may read, and the request wants to write",
            )
            .hint("use a key whose line begins with 'write'"));
        }
        Ok(Client::Key(place))
    }

    /// Forgets clients who have not come for a while.
    pub(crate) fn tidy(&self) {
        if let Some(rates) = &self.rates {
            rates.retain_recent();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: &str = "read-0123456789-abcdef";
    const WRITE: &str = "write-0123456789-abcdef";

    fn keys() -> Keys {
        Keys::parse(&format!("# who\nread {READ}\n\nwrite  {WRITE}\n")).unwrap()
    }

    fn bearing(key: &str) -> HeaderMap {
        [(header::AUTHORIZATION, format!("Bearer {key}").parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn a_key_allows_what_its_scope_says() {
        let guard = Guard::new(keys(), None);
        let admit =
            |headers: &HeaderMap, scope| guard.admit(headers, None, scope).map_err(|problem| problem.kind());
        assert_eq!(admit(&bearing(READ), Scope::Read), Ok(()));
        assert_eq!(admit(&bearing(READ), Scope::Write), Err(Kind::Forbidden));
        assert_eq!(admit(&bearing(WRITE), Scope::Write), Ok(()));
        assert_eq!(admit(&bearing(&READ[1..]), Scope::Read), Err(Kind::Unauthorized));
        assert_eq!(admit(&HeaderMap::new(), Scope::Read), Err(Kind::Unauthorized));
        let open = Guard::new(Keys::default(), None);
        assert!(open.admit(&HeaderMap::new(), None, Scope::Write).is_ok());
    }

    #[test]
    fn lines_that_are_no_keys_are_named_and_not_repeated() {
        for (text, problem) in [
            ("read short", "line 1: a key has"),
            ("\nadmin 0123456789-0123456789", "line 2: expected 'read'"),
            ("read", "line 1: expected"),
            ("write 0123456789 0123456789", "line 1: a key has"),
        ] {
            let refused = Keys::parse(text).unwrap_err();
            assert!(refused.contains(problem) && !refused.contains("0123"), "{refused}");
        }
        assert_eq!(format!("{:?}", keys()), "2 keys");
    }

    #[test]
    fn whoever_comes_too_often_waits_and_others_do_not() {
        let guard = Guard::new(Keys::default(), NonZeroU32::new(3));
        let from = |last: u8| Some(IpAddr::from([10, 0, 0, last]));
        let admitted =
            (0..20).filter(|_| guard.admit(&HeaderMap::new(), from(1), Scope::Read).is_ok()).count();
        assert!((6..=7).contains(&admitted), "two seconds' worth at once: {admitted}");
        assert!(guard.admit(&HeaderMap::new(), from(2), Scope::Read).is_ok());
    }
}
