//! What an index event says, as its metadata.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Dimension, Epoch};
use crate::ids::{hex, unhex};
use crate::merkle::Node;

/// The event type of index events.
pub const EVENT_TYPE: &str = "stele.index";
/// Their ids are this and the first sequence that they cover.
pub const EVENT_ID_PREFIX: &str = "stele:index:";

/// The content of one index event: it covers the sequences `[a, b)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// First sequence covered.
    pub a: u64,
    /// Sequence after the last one covered; not above the event's own.
    pub b: u64,
    /// Leaves of the index tree.
    pub n: u64,
    /// Its root.
    pub root: Node,
    /// SHA-256 of the keys, by number of the dimension less one.
    pub kc: [Node; 9],
    /// Sequence of the index event before; none for the first.
    pub prev: Option<u64>,
    /// Smallest event time covered, microseconds since 1970.
    pub ev_min: u64,
    /// Largest one.
    pub ev_max: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    a: u64,
    b: u64,
    n: u64,
    root: String,
    kc: BTreeMap<String, String>,
    prev: Option<u64>,
    ev_min: u64,
    ev_max: u64,
}

/// The members of a record that carry the statement.
#[derive(Deserialize)]
struct Body {
    event_id: String,
    event_type: String,
    metadata: Metadata,
}

impl Statement {
    /// What is to be said of the epoch over `[a, b)`.
    #[must_use]
    pub fn of(epoch: &Epoch, a: u64, b: u64, prev: Option<u64>) -> Self {
        let (ev_min, ev_max) = epoch.event_us();
        let (n, root, kc) = (epoch.leaves(), epoch.root(), epoch.keys().commitments());
        Self { a, b, n, root, kc, prev, ev_min, ev_max }
    }

    /// The event's id.
    #[must_use]
    pub fn event_id(&self) -> String {
        format!("{EVENT_ID_PREFIX}{}", self.a)
    }

    /// The event's metadata, as JSON text.
    #[must_use]
    pub fn metadata(&self) -> String {
        let kc: Vec<String> = Dimension::ALL
            .iter()
            .zip(&self.kc)
            .map(|(dimension, hash)| format!("\"{}\":\"{}\"", dimension.number(), hex(hash)))
            .collect();
        let prev = self.prev.map_or("null".to_owned(), |prev| prev.to_string());
        format!(
            r#"{{"a":{},"b":{},"n":{},"root":"{}","kc":{{{}}},"prev":{prev},"ev_min":{},"ev_max":{}}}"#,
            self.a,
            self.b,
            self.n,
            hex(&self.root),
            kc.join(","),
            self.ev_min,
            self.ev_max
        )
    }

    /// Reads the stored body of an index event.
    ///
    /// # Errors
    /// Why it is none, in words.
    pub fn read(body: &[u8]) -> Result<Self, String> {
        let read: Body = serde_json::from_slice(body).map_err(|e| format!("is no index event: {e}"))?;
        if read.event_type != EVENT_TYPE {
            return Err(format!("is of type {}, not {EVENT_TYPE}", read.event_type));
        }
        let Metadata { a, b, n, root, kc, prev, ev_min, ev_max } = read.metadata;
        let hash = |text: &str| unhex(text).ok_or("has a hash that is not 32 bytes of hex");
        let mut hashes = [[0; 32]; 9];
        if kc.len() != hashes.len() {
            return Err("does not commit to nine keys".to_owned());
        }
        for (dimension, into) in Dimension::ALL.iter().zip(&mut hashes) {
            let text = kc.get(&dimension.number().to_string()).ok_or("does not commit to nine keys")?;
            *into = hash(text)?;
        }
        let found = Self { a, b, n, root: hash(&root)?, kc: hashes, prev, ev_min, ev_max };
        if read.event_id != found.event_id() {
            return Err(format!("covers records from {a} on, its id is {}", read.event_id));
        }
        if b <= a || b - a > super::EPOCH_RECORDS_MAX || ev_min > ev_max {
            return Err(format!("covers [{a}, {b}) with event times [{ev_min}, {ev_max}]"));
        }
        if prev.is_none() != (a == 0) {
            return Err("names none before it though it is not the first, or one though it is".to_owned());
        }
        Ok(found)
    }
}
