//! The JSON object, member by member. Nothing in it is proved yet.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::ReportFault;
use crate::tags::Value;

const FORMAT: &str = "stele.report/v1";

type Text<'a> = Cow<'a, str>;

/// A report.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form<'a> {
    #[serde(borrow)]
    format: Text<'a>,
    #[serde(borrow)]
    pub checkpoint: Text<'a>,
    #[serde(borrow)]
    pub key: Text<'a>,
    #[serde(borrow)]
    pub filter: Text<'a>,
    #[serde(borrow)]
    pub entries: Vec<WithBody<'a>>,
    #[serde(borrow)]
    pub headers: Vec<Header<'a>>,
    #[serde(borrow)]
    pub index_records: Vec<WithBody<'a>>,
    #[serde(borrow)]
    pub epochs: Vec<Epoch<'a>>,
    #[serde(borrow)]
    pub proof: Vec<Text<'a>>,
    #[serde(borrow)]
    pub verification_hash: Text<'a>,
}

/// A record with its content.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WithBody<'a> {
    pub seq: u64,
    pub ts: u64,
    #[serde(borrow)]
    pub salt: Text<'a>,
    #[serde(borrow)]
    pub prev: Text<'a>,
    #[serde(borrow)]
    pub body: Text<'a>,
}

/// A record without.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header<'a> {
    pub seq: u64,
    pub ts: u64,
    pub ev: u64,
    #[serde(borrow)]
    pub prev: Text<'a>,
    #[serde(borrow)]
    pub r: Text<'a>,
}

/// What belongs to one index event.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Epoch<'a> {
    pub seq: u64,
    pub keys: Keys,
    #[serde(borrow)]
    pub lookups: Vec<Lookup<'a>>,
}

/// Members of `keys`, each as it stands: a name that stands twice is seen twice.
pub(super) struct Keys(pub Vec<(String, String)>);

/// A lookup.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lookup<'a> {
    pub dim: u64,
    pub value: Asked,
    // A member that is missing is not one that is null.
    #[serde(deserialize_with = "Option::deserialize")]
    pub postings: Option<Vec<u32>>,
    #[serde(borrow)]
    pub leaves: Vec<Leaf<'a>>,
}

/// A value, as filters have it.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Asked {
    Text(String),
    Pair(String, String),
}

/// A leaf with its path.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Leaf<'a> {
    pub i: u64,
    #[serde(borrow)]
    pub leaf: Text<'a>,
    #[serde(borrow)]
    pub path: Vec<Text<'a>>,
}

impl<'a> Form<'a> {
    /// Reads the object, strictly: every member once, none beside.
    pub fn read(bytes: &'a [u8]) -> Result<Self, ReportFault> {
        let form: Self = serde_json::from_slice(bytes)
            .map_err(|e| ReportFault::new(0, "report", format!("is not of the form {FORMAT}: {e}")))?;
        if form.format == FORMAT {
            return Ok(form);
        }
        let what = format!("is {:?}; this verifier knows {FORMAT:?}", form.format);
        Err(ReportFault::new(0, "format", what))
    }
}

impl Asked {
    /// True for the value of a filter.
    pub fn is(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Text(one), Value::Text(other)) => one == other,
            (Self::Pair(kind, id), Value::Pair(other_kind, other_id)) => kind == other_kind && id == other_id,
            _ => false,
        }
    }
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Keys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of keys by dimension")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Keys(members))
            }
        }
        from.deserialize_map(Members)
    }
}
