//! The filter of a report: what was asked, as the text that the verification hash covers.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::dimension::compared;
use super::{Dimension, Value};
use crate::record::committed_at;

/// Which time a report's range is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Axis {
    /// `timestamp`: when things happened.
    #[default]
    Event,
    /// `committed_at`: when they were recorded.
    Commit,
}

impl Axis {
    /// Its name in filters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Commit => "commit",
        }
    }

    /// The axis of a name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        [Self::Event, Self::Commit].into_iter().find(|axis| axis.name() == name)
    }
}

/// Records in `[from_us, to_us)` that have, in each dimension named, one of the values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Which time.
    pub axis: Axis,
    /// Microseconds since 1970, included.
    pub from_us: u64,
    /// Microseconds since 1970, not included.
    pub to_us: u64,
    /// By number, each once, each with at least one value; values ascending, each once.
    pub dimensions: Vec<(Dimension, Vec<Value>)>,
}

impl Filter {
    /// A filter in its one form: dimensions and values sorted, e-mail addresses in lower case. A
    /// dimension without values is left out.
    #[must_use]
    pub fn new(axis: Axis, from_us: u64, to_us: u64, dimensions: Vec<(Dimension, Vec<Value>)>) -> Self {
        let mut sorted: Vec<(Dimension, Vec<Value>)> = Vec::new();
        for (dimension, values) in dimensions {
            let values = values.into_iter().map(|value| match value {
                Value::Text(text) => Value::Text(compared(dimension, &text).into_owned()),
                pair @ Value::Pair(..) => pair,
            });
            match sorted.iter_mut().find(|(known, _)| *known == dimension) {
                Some((_, known)) => known.extend(values),
                None => sorted.push((dimension, values.collect())),
            }
        }
        sorted.retain(|(_, values)| !values.is_empty());
        sorted.sort_by_key(|(dimension, _)| *dimension);
        for (_, values) in &mut sorted {
            values.sort();
            values.dedup();
        }
        Self { axis, from_us, to_us, dimensions: sorted }
    }

    /// The filter as JSON text.
    #[must_use]
    pub fn text(&self) -> String {
        let (axis, from, to) = (self.axis.name(), self.from_us, self.to_us);
        let mut text = format!(r#"{{"axis":"{axis}","from_us":{from},"to_us":{to}"#);
        for (dimension, values) in &self.dimensions {
            let values: Vec<Json> = values.iter().map(shown).collect();
            let _ = write!(text, ",\"{}\":{}", dimension.name(), Json::Array(values));
        }
        text.push('}');
        text
    }

    /// The filter for people: range and values, one condition after the other. Values are as stored.
    #[must_use]
    pub fn words(&self) -> String {
        let what = match self.axis {
            Axis::Event => "happened",
            Axis::Commit => "recorded",
        };
        let mut words = format!("{what} {}", range_words(self.from_us, self.to_us));
        for (dimension, values) in &self.dimensions {
            let values: Vec<String> = values.iter().map(value_words).collect();
            let _ = write!(words, "; {} is {}", dimension.name(), values.join(" or "));
        }
        words
    }

    /// Reads the text, strictly: what this reads, [`Filter::text`] writes back.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let json: Json = serde_json::from_str(text).map_err(|e| format!("the filter is not JSON: {e}"))?;
        let members = json.as_object().ok_or("the filter is no object")?;
        let (mut axis, mut from_us, mut to_us, mut dimensions) = (None, None, None, Vec::new());
        for (name, value) in members {
            match name.as_str() {
                "axis" => axis = value.as_str().and_then(Axis::of),
                "from_us" => from_us = value.as_u64(),
                "to_us" => to_us = value.as_u64(),
                name => {
                    let known = Dimension::ALL.into_iter().find(|dimension| dimension.name() == name);
                    let dimension =
                        known.ok_or_else(|| format!("the filter's `{name}` is not a dimension"))?;
                    let values = value.as_array().ok_or_else(|| format!("`{name}` is no list"))?;
                    let values: Option<Vec<Value>> =
                        values.iter().map(|value| read(dimension, value)).collect();
                    let values =
                        values.ok_or_else(|| format!("`{name}` has a value that is not one of its kind"))?;
                    dimensions.push((dimension, values));
                }
            }
        }
        let (Some(axis), Some(from_us), Some(to_us)) = (axis, from_us, to_us) else {
            return Err("the filter lacks axis, from_us or to_us, or one of them is of another kind".into());
        };
        let filter = Self::new(axis, from_us, to_us, dimensions);
        if filter.text() == text { Ok(filter) } else { Err("the filter is not in its one form".to_owned()) }
    }
}

fn range_words(from_us: u64, to_us: u64) -> String {
    // Ends of time are what is given where nobody asked for a bound.
    match (from_us > 0, i64::try_from(to_us).is_ok()) {
        (true, true) => format!("from {} up to and without {}", committed_at(from_us), committed_at(to_us)),
        (true, false) => format!("from {} on", committed_at(from_us)),
        (false, true) => format!("before {}", committed_at(to_us)),
        (false, false) => "at any time".to_owned(),
    }
}

fn value_words(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("{text:?}"),
        Value::Pair(kind, id) => format!("{kind} {id:?}"),
    }
}

fn shown(value: &Value) -> Json {
    match value {
        Value::Text(text) => Json::from(text.as_str()),
        Value::Pair(kind, id) => Json::from(vec![kind.as_str(), id.as_str()]),
    }
}

fn read(dimension: Dimension, value: &Json) -> Option<Value> {
    if !dimension.is_pair() {
        return value.as_str().map(|text| Value::Text(text.to_owned()));
    }
    match value.as_array().map(Vec::as_slice) {
        Some([Json::String(kind), Json::String(id)]) => Some(Value::Pair(kind.clone(), id.clone())),
        _ => None,
    }
}
