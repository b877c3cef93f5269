//! Which parameters are searched, and over which values.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::eval::early::EPOCHS;
use crate::fit::algorithm::{Kind, Knob};
use crate::registry::Entry;

/// One parameter that is searched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dimension {
    /// The parameter's name.
    pub name: String,
    /// Its values.
    #[serde(flatten)]
    pub range: Range,
}

/// The values of a parameter that are searched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Range {
    /// Whole numbers, both ends included; by their logarithm where the low end is positive.
    Integer {
        /// The least.
        low: u64,
        /// The greatest.
        high: u64,
    },
    /// Real numbers, both ends included; by their logarithm where the low end is positive.
    Real {
        /// The least.
        low: f64,
        /// The greatest.
        high: f64,
    },
    /// A few values without order.
    Choice {
        /// The values, at least one.
        options: Vec<Value>,
    },
}

/// What a person wants searched: a parameter's name, and its values as `lo..hi` or `a,b,c`; without values, as the parameter
/// declares them.
pub type Wish = (String, Option<String>);

/// The parameters that are searched, and the values of all others.
///
/// Searched are those that declare a range worth searching and are not fixed, and those that are wished for. The number of epochs is never
/// searched: early stopping finds it.
///
/// # Errors
/// An unknown parameter, values that it does not take, one that is both wished for and fixed, or nothing to search.
pub fn space(
    entry: &Entry,
    config: &Map<String, Value>,
    fixed: &[&str],
    wishes: &[Wish],
) -> Result<(Vec<Dimension>, Map<String, Value>)> {
    for (name, _) in wishes {
        if !entry.knobs.iter().any(|knob| knob.name == name) {
            let known = entry.knobs.iter().map(|knob| knob.name.to_owned()).collect();
            return Err(Error::UnknownName { kind: "parameter", name: name.clone(), known });
        }
        let problem = match name.as_str() {
            EPOCHS => "early stopping finds the number of epochs: set the most that are tried instead",
            name if fixed.contains(&name) => "it is set to one value and searched at once: do one of the two",
            _ => continue,
        };
        return Err(Error::parameter(name.as_str(), "searched", "another parameter", problem));
    }
    let mut dimensions = Vec::new();
    let mut rest = config.clone();
    for knob in entry.knobs.iter().filter(|knob| knob.name != EPOCHS) {
        let wish = wishes.iter().find(|(name, _)| name == knob.name);
        let range = match wish {
            Some((_, values)) => Some(wished(knob, values.as_deref())?),
            None if fixed.contains(&knob.name) => None,
            None => declared(&knob.kind),
        };
        if let Some(range) = range {
            rest.shift_remove(knob.name);
            dimensions.push(Dimension { name: knob.name.to_owned(), range });
        }
    }
    if dimensions.is_empty() {
        return Err(Error::unsupported(
            format!("{} has nothing to search: no parameter is left open", entry.name),
            "name one with its values, such as --search reg=0.01..0.1; `cofactor models` lists them",
        ));
    }
    Ok((dimensions, rest))
}

/// The range that a parameter declares worth searching.
fn declared(kind: &Kind) -> Option<Range> {
    match *kind {
        Kind::Integer { search, .. } => search.map(|(low, high)| Range::Integer { low, high }),
        Kind::Real { search, .. } => search.map(|(low, high)| Range::Real { low, high }),
        Kind::Flag | Kind::Choice { .. } => None,
    }
}

fn wished(knob: &Knob, values: Option<&str>) -> Result<Range> {
    let refuse = |value: &str| {
        let hint = "write --search NAME=LOW..HIGH for a range, NAME=A,B,C for single values";
        Error::parameter(knob.name, value, knob.kind.expected(), hint)
    };
    let Some(values) = values else {
        return match knob.kind {
            Kind::Flag => Ok(Range::Choice { options: vec![false.into(), true.into()] }),
            Kind::Choice { options } => {
                Ok(Range::Choice { options: options.iter().map(|&option| option.into()).collect() })
            }
            _ => declared(&knob.kind).ok_or_else(|| refuse("no range")),
        };
    };
    let value = |written: &str| {
        let value = knob.kind.parse(written.trim());
        if knob.kind.accepts(&value) { Ok(value) } else { Err(refuse(written)) }
    };
    let Some((low, high)) = values.split_once("..") else {
        let options = values.split(',').map(value).collect::<Result<Vec<_>>>()?;
        return Ok(Range::Choice { options });
    };
    let (low, high) = (value(low)?, value(high)?);
    let range = match knob.kind {
        Kind::Integer { .. } => {
            low.as_u64().zip(high.as_u64()).map(|(low, high)| Range::Integer { low, high })
        }
        Kind::Real { .. } => low.as_f64().zip(high.as_f64()).map(|(low, high)| Range::Real { low, high }),
        Kind::Flag | Kind::Choice { .. } => None,
    };
    range.filter(|range| !range.is_empty()).ok_or_else(|| refuse(values))
}

impl Range {
    fn is_empty(&self) -> bool {
        match self {
            Self::Integer { low, high } => low > high,
            Self::Real { low, high } => low > high,
            Self::Choice { options } => options.is_empty(),
        }
    }

    /// The value at a place between 0 and 1; real ones rounded to four digits.
    pub fn value(&self, place: f64) -> Value {
        match self {
            Self::Integer { low, high } => {
                let value = interpolated(*low as f64, *high as f64, place).round() as u64;
                value.clamp(*low, *high).into()
            }
            Self::Real { low, high } => {
                let value = format!("{:.3e}", interpolated(*low, *high, place));
                value.parse::<f64>().unwrap_or(*low).clamp(*low, *high).into()
            }
            Self::Choice { options } => {
                let option = (place * options.len() as f64) as usize;
                options[option.min(options.len() - 1)].clone()
            }
        }
    }

    /// Where a value lies, between 0 and 1; one beyond an end lies on it. `None` for what is no value of this range.
    pub fn place(&self, value: &Value) -> Option<f64> {
        let (low, high) = match self {
            Self::Integer { low, high } => (*low as f64, *high as f64),
            Self::Real { low, high } => (*low, *high),
            Self::Choice { options } => {
                let position = options.iter().position(|option| option == value)?;
                return Some((position as f64 + 0.5) / options.len() as f64);
            }
        };
        let value = value.as_f64()?;
        let part = if low > 0.0 {
            libm::log(value.max(low) / low) / libm::log(high / low)
        } else {
            (value - low) / (high - low)
        };
        Some(if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.5 })
    }
}

/// Between two numbers, by their logarithm where both are positive.
fn interpolated(low: f64, high: f64, place: f64) -> f64 {
    if low > 0.0 { low * libm::pow(high / low, place) } else { low + (high - low) * place }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry;
    use proptest::prelude::*;

    fn of(fixed: &[&str], wishes: &[(&str, Option<&str>)]) -> Result<(Vec<Dimension>, Map<String, Value>)> {
        let entry = registry::find("mf").unwrap();
        let config = entry.configure(&Map::new()).unwrap().config();
        let wishes: Vec<Wish> =
            wishes.iter().map(|(name, values)| ((*name).to_owned(), values.map(str::to_owned))).collect();
        space(entry, &config, fixed, &wishes)
    }

    #[test]
    fn declared_ranges_are_searched_and_flags_only_when_asked() {
        let (dimensions, rest) = of(&["factors"], &[("biases", None), ("reg", Some("0.02..0.05"))]).unwrap();
        let names: Vec<&str> = dimensions.iter().map(|dimension| dimension.name.as_str()).collect();
        assert!(names.contains(&"biases") && names.contains(&"rate") && !names.contains(&"factors"));
        assert!(!names.contains(&"epochs") && rest.contains_key("epochs") && rest.contains_key("factors"));
        let reg = dimensions.iter().find(|dimension| dimension.name == "reg").unwrap();
        assert_eq!(reg.range, Range::Real { low: 0.02, high: 0.05 });
        let (dimensions, _) = of(&[], &[("factors", Some("8,16"))]).unwrap();
        assert_eq!(dimensions[0].range, Range::Choice { options: vec![8.into(), 16.into()] });
    }

    #[test]
    fn what_cannot_be_searched_is_refused() {
        for (fixed, wishes, message) in [
            (&[][..], &[("factor", None)][..], "no parameter is called 'factor'"),
            (&[], &[("epochs", None)], "early stopping finds"),
            (&["reg"], &[("reg", None)], "do one of the two"),
            (&[], &[("reg", Some("1..99"))], "expected a number"),
            (&[], &[("reg", Some("0.2..0.1"))], "LOW..HIGH"),
            (&[], &[("factors", Some("8,many"))], "a whole number"),
            (&[], &[("biases", Some("false..true"))], "true or false"),
        ] {
            let error = of(fixed, wishes).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    proptest! {
        #[test]
        fn a_value_lies_where_it_came_from(place in 0.0..1.0_f64) {
            let real = Range::Real { low: 1e-3, high: 0.3 };
            let back = real.place(&real.value(place)).unwrap();
            prop_assert!((back - place).abs() < 1e-3, "{place} {back}");
            let linear = Range::Real { low: 0.0, high: 2.0 };
            prop_assert!((linear.place(&linear.value(place)).unwrap() - place).abs() < 1e-3);
            let integer = Range::Integer { low: 1, high: 1000 };
            prop_assert_eq!(integer.value(integer.place(&integer.value(place)).unwrap()), integer.value(place));
            let choice = Range::Choice { options: vec!["a".into(), "b".into(), "c".into()] };
            prop_assert_eq!(choice.value(choice.place(&choice.value(place)).unwrap()), choice.value(place));
        }
    }
}
