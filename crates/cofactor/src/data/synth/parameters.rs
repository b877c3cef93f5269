//! The name of a synthetic data set and the parameters in it.

use std::fmt;
use std::str::FromStr;

use super::Synth;
use crate::error::{Error, Result};

impl Synth {
    /// The name of the data set with the default parameters.
    pub const NAME: &'static str = "synth";

    /// As large as MovieLens 100K.
    pub const DEFAULT: Self =
        Self { users: 943, items: 1_682, ratings: 100_000, k: 4, noise: 0.7, seed: 1, rounded: true };

    /// Whether the name of a data set means synthetic data: `synth` or `synth:…`.
    pub fn is_name(name: &str) -> bool {
        name.strip_prefix(Self::NAME).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    }

    /// The parameters in a name such as `synth:users=200,items=100,ratings=5000`; the others are the default's.
    ///
    /// # Errors
    /// A name of another data set, an unknown parameter, or a value that is not in its range.
    pub fn parse(name: &str) -> Result<Self> {
        let mut synth = Self::DEFAULT;
        let parameters = match name.split_once(':') {
            Some((Self::NAME, parameters)) => parameters,
            None if name == Self::NAME => "",
            _ => {
                let known = vec![Self::NAME.to_owned()];
                return Err(Error::UnknownName { kind: "synthetic data set", name: name.to_owned(), known });
            }
        };
        for parameter in parameters.split(',').filter(|parameter| !parameter.is_empty()) {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            synth.set(key, value)?;
        }
        synth.check()?;
        Ok(synth)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        match key {
            "users" => self.users = parsed(key, value, "a whole number")?,
            "items" => self.items = parsed(key, value, "a whole number")?,
            "ratings" => self.ratings = parsed(key, value, "a whole number")?,
            "k" => self.k = parsed(key, value, "a whole number")?,
            "noise" => self.noise = parsed(key, value, "a number")?,
            "seed" => self.seed = parsed(key, value, "a whole number")?,
            "rounded" => self.rounded = parsed(key, value, "true or false")?,
            _ => {
                let known = ["users", "items", "ratings", "k", "noise", "seed", "rounded"];
                return Err(Error::UnknownName {
                    kind: "parameter of synthetic data",
                    name: key.to_owned(),
                    known: known.map(str::to_owned).to_vec(),
                });
            }
        }
        Ok(())
    }

    /// Whether the data can be drawn, within bounded time and memory.
    ///
    /// # Errors
    /// The first parameter outside its range.
    pub fn check(&self) -> Result<()> {
        const MOST: usize = 10_000_000;
        const MOST_RATINGS: usize = 500_000_000;
        const MOST_FACTORS: usize = 512;
        within("users", self.users, 1, MOST, "")?;
        within("items", self.items, 1, MOST, "")?;
        let most = MOST_RATINGS.min(self.users * self.items);
        within("ratings", self.ratings, self.users, most, "each user has a rating, and rates no item twice")?;
        within("k", self.k, 0, MOST_FACTORS, "")?;
        if !(0.0..=100.0).contains(&self.noise) {
            return Err(Error::parameter("synth:noise", self.noise, "a number from 0 to 100", ""));
        }
        Ok(())
    }
}

/// The name that [`Synth::parse`] reads, with the parameters that differ from the default's.
impl fmt::Display for Synth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { users, items, ratings, k, noise, seed, rounded } = Self::DEFAULT;
        let changed = [
            (self.users != users).then(|| format!("users={}", self.users)),
            (self.items != items).then(|| format!("items={}", self.items)),
            (self.ratings != ratings).then(|| format!("ratings={}", self.ratings)),
            (self.k != k).then(|| format!("k={}", self.k)),
            (self.noise != noise).then(|| format!("noise={}", self.noise)),
            (self.seed != seed).then(|| format!("seed={}", self.seed)),
            (self.rounded != rounded).then(|| format!("rounded={}", self.rounded)),
        ];
        let changed: Vec<String> = changed.into_iter().flatten().collect();
        let colon = if changed.is_empty() { "" } else { ":" };
        write!(f, "{}{colon}{}", Self::NAME, changed.join(","))
    }
}

fn parsed<T: FromStr>(key: &str, value: &str, expected: &str) -> Result<T> {
    value.parse().map_err(|_| Error::parameter(format!("synth:{key}"), value, expected, ""))
}

fn within(key: &str, value: usize, least: usize, most: usize, hint: &str) -> Result<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let expected = format!("a whole number from {least} to {most}");
    Err(Error::parameter(format!("synth:{key}"), value, expected, hint))
}
