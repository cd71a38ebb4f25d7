//! Stored events, decoded: what the plain evaluator looks at.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::text::{Number, fold, words};

/// JSON with the text of its numbers; members in any order.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::query) enum Json {
    Null,
    Flag(bool),
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// A stored event, decoded.
#[derive(Clone, Debug)]
pub(in crate::query) struct Event {
    pub line: String,
    pub json: Json,
    pub sequence: u64,
    pub committed_us: u64,
    pub time_ns: i64,
    /// The words of each value that bare text sees.
    pub(in crate::query) seen: Vec<Vec<String>>,
}

impl Json {
    /// Decodes text that is known to be JSON without white space around it.
    pub(in crate::query) fn decode(text: &str) -> Self {
        match text.as_bytes()[0] {
            b'{' => {
                let members: BTreeMap<String, &RawValue> = serde_json::from_str(text).unwrap();
                let decoded = |(name, value): (String, &RawValue)| (name, Self::decode(value.get()));
                Self::Object(members.into_iter().map(decoded).collect())
            }
            b'[' => {
                let items: Vec<&RawValue> = serde_json::from_str(text).unwrap();
                Self::List(items.into_iter().map(|item| Self::decode(item.get())).collect())
            }
            b'"' => Self::Text(serde_json::from_str(text).unwrap()),
            b't' => Self::Flag(true),
            b'f' => Self::Flag(false),
            b'n' => Self::Null,
            _ => Self::Number(text.to_owned()),
        }
    }

    pub(in crate::query) fn get(&self, names: &[&str]) -> Option<&Self> {
        let Some((name, rest)) = names.split_first() else { return Some(self) };
        let Self::Object(members) = self else { return None };
        members.iter().find(|(n, _)| n == name)?.1.get(rest)
    }

    pub(in crate::query) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Every string, and every number where wanted, at any depth.
    fn scalars<'j>(&'j self, numbers: bool, found: &mut Vec<&'j str>) {
        match self {
            Self::Text(text) => found.push(text),
            Self::Number(text) if numbers => found.push(text),
            Self::List(items) => items.iter().for_each(|item| item.scalars(numbers, found)),
            Self::Object(members) => members.iter().for_each(|(_, value)| value.scalars(numbers, found)),
            _ => {}
        }
    }

    /// Equal as JSON: numbers by value, members in any order, a null member like none.
    pub(in crate::query) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => Number::parse(a) == Number::parse(b),
            (Self::List(a), Self::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b)),
            (Self::Object(a), Self::Object(b)) => {
                let (a, b) = (present(a), present(b));
                a.len() == b.len() && a.iter().all(|(n, v)| b.iter().any(|(m, w)| n == m && v.same(w)))
            }
            _ => self == other,
        }
    }
}

pub(in crate::query) fn present(members: &[(String, Json)]) -> Vec<&(String, Json)> {
    members.iter().filter(|(_, value)| *value != Json::Null).collect()
}

impl Event {
    pub(in crate::query) fn new(line: &[u8], sequence: u64, committed_us: u64) -> Self {
        let line = String::from_utf8(line.to_vec()).unwrap();
        let json = Json::decode(&line);
        let time: jiff::Timestamp = json.get(&["timestamp"]).unwrap().text().unwrap().parse().unwrap();
        let mut found = Vec::new();
        for member in ["event_type", "category", "actor", "resource", "action", "status", "metadata"] {
            json.get(&[member]).unwrap().scalars(true, &mut found);
        }
        if let Some(errors) = json.get(&["schema_errors"]) {
            errors.scalars(false, &mut found);
        }
        let seen = found.into_iter().map(words_of).collect();
        let time_ns = i64::try_from(time.as_nanosecond()).unwrap();
        Self { line, json, sequence, committed_us, time_ns, seen }
    }

    /// Whether it is one of the log's own.
    pub(in crate::query) fn is_own(&self) -> bool {
        self.get(&["event_type"]).is_some_and(|kind| kind.starts_with("stele."))
    }

    pub(in crate::query) fn get(&self, names: &[&str]) -> Option<&str> {
        self.json.get(names).and_then(Json::text)
    }
}

/// The words of a text without its case.
pub(in crate::query) fn words_of(text: &str) -> Vec<String> {
    words(&fold(text)).map(str::to_owned).collect()
}
