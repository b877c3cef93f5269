//! What stands in the frame, and what it must prove: the texts and tensors of a [`ModelFile`].

use std::borrow::Cow;
use std::io::{Read, Seek};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::checkpoint::Fit;
use super::frame::{Array, Checked, Flaw, Opened, Part};
use super::{DataInfo, FORMAT_VERSION, ModelFile};
use crate::data::attributes::Attributes;
use crate::data::ids::{IdMap, Item};
use crate::data::ratings::{Catalog, Ratings};
use crate::error::Error;
use crate::fit::model::{self, Model, Tensor, Tensors};
use crate::registry;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A fitted model.
    Model,
    /// The state of a fit.
    Checkpoint,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Model => "cofactor-model",
            Self::Checkpoint => "cofactor-checkpoint",
        }
    }
}

const NEWER: &str = "this version of Cofactor is too old for the file: update it";

/// The name of a model's tensor in a file starts with this.
const MODEL: &str = "model/";

/// The texts of the header, in the order in which they are written. Nothing here depends on the clock or the machine.
pub(super) fn texts(file: &ModelFile) -> Vec<(&'static str, String)> {
    let mut texts = fit_texts(Kind::Model, &file.algorithm, (&file.config, file.seed), &file.data);
    if let Some(metrics) = &file.metrics {
        texts.push(("metrics", metrics.to_string()));
    }
    texts
}

/// Those of every kind of file: what is fitted to what.
pub(super) fn fit_texts(
    kind: Kind,
    algorithm: &str,
    (config, seed): (&Map<String, Value>, u64),
    data: &DataInfo,
) -> Vec<(&'static str, String)> {
    vec![
        ("format", kind.name().to_owned()),
        ("format_version", FORMAT_VERSION.to_string()),
        ("created_by", concat!("cofactor ", env!("CARGO_PKG_VERSION")).to_owned()),
        ("algorithm", algorithm.to_owned()),
        ("config", Value::Object(config.clone()).to_string()),
        ("seed", seed.to_string()),
        ("data", as_json(data)),
    ]
}

/// The tensors.
pub(super) fn parts<'a>(file: &'a ModelFile, tensors: &'a Tensors) -> Vec<Part<'a>> {
    let catalog = file.catalog();
    let (starts, items, values) = file.seen.rows_compressed();
    let starts: Vec<u64> = starts.iter().map(|&start| start as u64).collect();
    let attributes = as_json(&AttributeColumns {
        users: Cow::Borrowed(&catalog.user_attributes),
        items: Cow::Borrowed(&catalog.item_attributes),
    });
    let mut parts = vec![
        Part::vector("attributes", Array::U8(attributes.into_bytes().into())),
        Part::vector("seen/starts", Array::U64(starts.into())),
        Part::vector("seen/items", Array::U32(bytemuck::cast_slice(items).into())),
        Part::vector("seen/values", Array::F32(values.into())),
    ];
    for (side, ids) in [("users", &catalog.users), ("items", &catalog.items)] {
        match ids {
            IdMap::Integers(ids) => parts.push(Part::vector(format!("{side}/ids"), Array::I64(ids.into()))),
            IdMap::Texts { bytes, ends } => {
                parts.push(Part::vector(format!("{side}/bytes"), Array::U8(bytes.as_bytes().into())));
                parts.push(Part::vector(format!("{side}/ends"), Array::U64(ends.into())));
            }
        }
    }
    parts.extend(learned(tensors));
    parts
}

/// What was learned.
pub(super) fn learned(tensors: &Tensors) -> impl Iterator<Item = Part<'_>> {
    tensors.0.iter().map(|(name, tensor)| Part {
        name: format!("{MODEL}{name}"),
        shape: tensor.shape.clone(),
        array: match &tensor.data {
            model::Data::F32(data) => Array::F32(data.into()),
            model::Data::U32(data) => Array::U32(data.into()),
            model::Data::Half(data) => Array::Half(data.into()),
        },
    })
}

#[derive(serde::Serialize, serde::Deserialize)]
struct AttributeColumns<'a> {
    users: Cow<'a, Attributes>,
    items: Cow<'a, Attributes>,
}

fn as_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("these types hold no map with keys that are not texts")
}

/// Refuses what another program has written, and what is of the other kind.
pub(super) fn expect_format<R: Read + Seek>(file: &Opened<R>, kind: Kind) -> Checked<()> {
    let found = file.text("format");
    match kind {
        _ if found == Some(kind.name()) => Ok(()),
        Kind::Model if found == Some(Kind::Checkpoint.name()) => Err(Flaw::Content {
            problem: "this is the state of a fit that was cut off, and no model".to_owned(),
            hint: "finish it with `cofactor train --resume FILE`",
        }),
        Kind::Model => Err(Flaw::not_ours("this is a safetensors file, but no Cofactor model file")),
        Kind::Checkpoint => Err(Flaw::Content {
            problem: "this is no state of a fit that was cut off".to_owned(),
            hint: "name a file that `cofactor train --checkpoint FILE` has written",
        }),
    }
}

/// Refuses a version that is not known.
pub(super) fn expect_version<R: Read + Seek>(file: &Opened<R>) -> Checked<()> {
    match text(file, "format_version")?.parse::<u32>() {
        Ok(FORMAT_VERSION) => Ok(()),
        Ok(newer) if newer > FORMAT_VERSION => {
            let problem = format!(
                "the file was written by a newer Cofactor: its format has version {newer}, and this one reads {FORMAT_VERSION}"
            );
            Err(Flaw::Content { problem, hint: NEWER })
        }
        _ => Err(Flaw::damaged("the format's version is no number of a version")),
    }
}

/// Reads everything, of a file whose frame and checksum have been checked.
pub(super) fn read<R: Read + Seek>(file: &mut Opened<R>) -> Checked<ModelFile> {
    let Fit { algorithm, config, seed, data } = read_fit(file)?;
    let metrics = file.text("metrics").map(|_| json(file, "metrics")).transpose()?;
    let catalog = read_catalog(file, &data.name)?;
    let seen = read_seen(file, Arc::new(catalog), &data)?;
    let model = restore(&algorithm, &config, read_learned(file)?, &seen)?;
    let (m, n) = (seen.users(), seen.items());
    if model.dimensions() != Some((m, n)) {
        let size =
            model.dimensions().map_or("no size".to_owned(), |(m, n)| format!("{m} users and {n} items"));
        return Err(Flaw::damaged(format!(
            "the model is for {size}, the ids are of {m} users and {n} items"
        )));
    }
    Ok(ModelFile { algorithm, config, seed, metrics, data, seen, model })
}

/// What is fitted to what.
pub(super) fn read_fit<R: Read + Seek>(file: &Opened<R>) -> Checked<Fit> {
    let seed = text(file, "seed")?;
    Ok(Fit {
        algorithm: text(file, "algorithm")?.to_owned(),
        config: json(file, "config")?,
        seed: seed.parse().map_err(|_| Flaw::damaged(format!("the seed '{seed}' is no whole number")))?,
        data: json(file, "data")?,
    })
}

fn text<'a, R: Read + Seek>(file: &'a Opened<R>, name: &str) -> Checked<&'a str> {
    file.text(name).ok_or_else(|| Flaw::damaged(format!("the header has no '{name}'")))
}

fn json<T: DeserializeOwned, R: Read + Seek>(file: &Opened<R>, name: &str) -> Checked<T> {
    serde_json::from_str(text(file, name)?)
        .map_err(|error| Flaw::damaged(format!("'{name}' in the header is not what it should be: {error}")))
}

fn read_catalog<R: Read + Seek>(file: &mut Opened<R>, name: &str) -> Checked<Catalog> {
    let users = read_ids(file, "users")?;
    let items = read_ids(file, "items")?;
    let Array::U8(attributes) = vector(file, "attributes")? else {
        return Err(wrong_type("attributes"));
    };
    let attributes: AttributeColumns<'_> = serde_json::from_slice(&attributes)
        .map_err(|error| Flaw::damaged(format!("the attributes are not what they should be: {error}")))?;
    let (user_attributes, item_attributes) = (attributes.users.into_owned(), attributes.items.into_owned());
    if !user_attributes.is_valid(users.len()) || !item_attributes.is_valid(items.len()) {
        return Err(Flaw::damaged(
            "an attribute has not one value for each user or item, or an unknown label",
        ));
    }
    Ok(Catalog { name: name.to_owned(), users, items, user_attributes, item_attributes })
}

fn read_ids<R: Read + Seek>(file: &mut Opened<R>, side: &str) -> Checked<IdMap> {
    let names = [format!("{side}/ids"), format!("{side}/bytes"), format!("{side}/ends")];
    let ids = if file.names().contains(&names[0]) {
        match vector(file, &names[0])? {
            Array::I64(ids) => IdMap::Integers(ids.into_owned()),
            _ => return Err(wrong_type(&names[0])),
        }
    } else {
        match (vector(file, &names[1])?, vector(file, &names[2])?) {
            (Array::U8(bytes), Array::U64(ends)) => {
                let bytes = String::from_utf8(bytes.into_owned())
                    .map_err(|_| Flaw::damaged(format!("tensor '{}' is not UTF-8", names[1])))?;
                IdMap::Texts { bytes, ends: ends.into_owned() }
            }
            _ => return Err(wrong_type(&names[1])),
        }
    };
    if ids.is_valid() {
        return Ok(ids);
    }
    Err(Flaw::damaged(format!("the ids of the {side} are not in order, or cut within a letter")))
}

fn read_seen<R: Read + Seek>(
    file: &mut Opened<R>,
    catalog: Arc<Catalog>,
    data: &DataInfo,
) -> Checked<Ratings> {
    let rows = (vector(file, "seen/starts")?, vector(file, "seen/items")?, vector(file, "seen/values")?);
    let (Array::U64(starts), Array::U32(items), Array::F32(values)) = rows else {
        return Err(wrong_type("seen/starts', 'seen/items' or 'seen/values"));
    };
    let scale = data.scale;
    if !(scale.min.is_finite() && scale.max.is_finite() && scale.min <= scale.max) {
        return Err(Flaw::damaged(format!("the scale from {} to {} is none", scale.min, scale.max)));
    }
    let found = (catalog.users.len(), catalog.items.len(), values.len());
    if found != (data.users, data.items, data.ratings) {
        let problem = format!(
            "'data' in the header tells of {} users, {} items and {} ratings, the tensors of {}, {} and {}",
            data.users, data.items, data.ratings, found.0, found.1, found.2
        );
        return Err(Flaw::damaged(problem));
    }
    let starts = starts.iter().map(|&start| usize::try_from(start).unwrap_or(usize::MAX)).collect();
    let items: Vec<Item> = bytemuck::cast_vec(items.into_owned());
    Ratings::from_rows(catalog, scale, starts, items, values.into_owned())
        .map_err(|problem| Flaw::damaged(format!("the ratings in the file are wrong: {problem}")))
}

/// What was learned.
pub(super) fn read_learned<R: Read + Seek>(file: &mut Opened<R>) -> Checked<Tensors> {
    let mut tensors = Tensors::default();
    for full_name in file.names() {
        let Some(name) = full_name.strip_prefix(MODEL) else { continue };
        let (shape, data) = match file.tensor(&full_name)? {
            Some((shape, Array::F32(data))) => (shape, model::Data::F32(data.into_owned())),
            Some((shape, Array::U32(data))) => (shape, model::Data::U32(data.into_owned())),
            Some((shape, Array::Half(data))) => (shape, model::Data::Half(data.into_owned())),
            _ => return Err(wrong_type(&full_name)),
        };
        tensors.0.insert(name.to_owned(), Tensor { shape, data });
    }
    Ok(tensors)
}

fn restore(
    algorithm: &str,
    config: &Map<String, Value>,
    tensors: Tensors,
    seen: &Ratings,
) -> Checked<Box<dyn Model>> {
    let entry = registry::find(algorithm).map_err(|_| Flaw::Content {
        problem: format!("the file's model is a '{algorithm}', which this version of Cofactor does not know"),
        hint: NEWER,
    })?;
    let configured = entry.configure(config).map_err(|error| Flaw::Content {
        problem: format!("the parameters of '{algorithm}' are refused: {}", first_line(&error)),
        hint: NEWER,
    })?;
    configured
        .restore(tensors, seen)
        .map_err(|error| Flaw::damaged(format!("the tensors make no '{algorithm}': {}", first_line(&error))))
}

/// An error without its way out: the file's own is given instead.
fn first_line(error: &Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

/// A tensor with one dimension, which must be there.
fn vector<R: Read + Seek>(file: &mut Opened<R>, name: &str) -> Checked<Array<'static>> {
    match file.tensor(name)? {
        Some((shape, array)) if shape.len() == 1 => Ok(array),
        Some((shape, _)) => {
            Err(Flaw::damaged(format!("tensor '{name}' has {} dimensions, not 1", shape.len())))
        }
        None => Err(Flaw::damaged(format!("there is no tensor '{name}'"))),
    }
}

fn wrong_type(name: &str) -> Flaw {
    Flaw::damaged(format!("tensor '{name}' has another type than it should"))
}
