//! Random events for the tests of this room and of `query`: few distinct values, so that clauses
//! meet, with case variants, equal and late times, and missing members.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use super::{Doc, Live, Stored};
use crate::codec::sections::{Sections, SectionsWriter};
use crate::event::Fields;
use crate::io::{Mapping, RealDisk};

/// A small generator of numbers (splitmix64): the same seed gives the same test.
pub(crate) struct Rng(pub u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    pub(crate) fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }
}

pub(crate) const CATEGORIES: [&str; 4] = ["api", "agent", "API", "auth"];
pub(crate) const STATUSES: [&str; 3] = ["success", "failure", "pending"];
pub(crate) const TYPES: [&str; 10] = [
    "agent.updated",
    "agent.updated.twice",
    "agents.listed",
    "api.request",
    "api.error",
    "stele.index",
    "stele.key_created",
    "stelex.y",
    "auth.login",
    "we*ird.t?pe",
];
pub(crate) const EMAILS: [&str; 7] =
    ["ada@x.io", "Ada@x.io", "ADA@X.IO", "σ@x", "Σ@X", "bob@x.io", "straße@x"];

/// A decoded event.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub time_ns: i64,
    pub category: String,
    pub status: String,
    pub actor_type: String,
    pub event_type: String,
    pub action: String,
    pub actor_id: Option<String>,
    pub actor_email: Option<String>,
    pub actor_name: Option<String>,
    pub resource_type: String,
    pub resource_id: String,
    /// A JSON object.
    pub metadata: String,
}

/// Words that texts share, some in two cases.
pub(crate) const WORDS: [&str; 12] = [
    "role",
    "changed",
    "Timeout",
    "timeout",
    "rate_limited",
    "é",
    "Σίσυφος",
    "404",
    "x",
    "deploy-ed",
    "日本",
    "ab",
];

/// A random metadata object: values that few or many documents share, nested, in arrays, of every type.
fn metadata(rng: &mut Rng) -> String {
    let text = |rng: &mut Rng| {
        let words: Vec<_> = (0..rng.below(6)).map(|_| rng.pick(&WORDS)).collect();
        words.join(" ")
    };
    let mut members = Vec::new();
    for name in ["status_code", "note", "a.b", "tags", "a", "flag", "trace", "changes"] {
        if rng.below(3) == 0 {
            continue;
        }
        let value = match name {
            "status_code" => {
                ["200", "404", "404.0", "5e2", "-1", "\"404\"", "null"][rng.below(7) as usize].to_owned()
            }
            "note" => format!("\"{}\"", text(rng)),
            "a.b" => format!("{}", rng.below(1_000)),
            "tags" => format!("[\"{}\",[{}],{{\"x\":\"{}\"}}]", rng.pick(&WORDS), rng.below(3), text(rng)),
            "a" => format!("{{\"b\":\"{}\",\"c\":{{}}}}", rng.pick(&WORDS)),
            "flag" => ["true", "false", "null"][rng.below(3) as usize].to_owned(),
            "trace" => format!("\"trc_{:016x}\"", rng.next()),
            _ => format!("{{\"before\":{{\"m\":{}}},\"after\":{{\"m\":1,\"n\":2}}}}", rng.below(3)),
        };
        members.push(format!("\"{name}\":{value}"));
    }
    format!("{{{}}}", members.join(","))
}

impl Row {
    pub(crate) fn random(rng: &mut Rng, time_ns: i64) -> Self {
        let maybe = |rng: &mut Rng, value: String| (rng.below(4) > 0).then_some(value);
        let user = rng.below(40);
        let email = rng.pick(&EMAILS).to_owned();
        Self {
            time_ns,
            category: rng.pick(&CATEGORIES).to_owned(),
            status: STATUSES[[0, 0, 0, 0, 0, 0, 1, 2][rng.below(8) as usize]].to_owned(),
            actor_type: rng.pick(&["user", "user", "user", "api_key"]).to_owned(),
            event_type: rng.pick(&TYPES).to_owned(),
            action: rng.pick(&["update", "list", "Update", ""]).to_owned(),
            actor_id: maybe(rng, format!("usr_{user}")),
            actor_email: maybe(rng, email),
            actor_name: maybe(rng, format!("Name {user}")),
            resource_type: rng.pick(&["agent", "url"]).to_owned(),
            resource_id: format!("r{}", rng.below(200)),
            metadata: metadata(rng),
        }
    }

    /// Rows in the order of a log: mostly ascending times, some equal, some late, `messy` of them
    /// in a hundred anywhere.
    pub(crate) fn random_many(rng: &mut Rng, count: usize, start_ns: i64, messy: u64) -> Vec<Self> {
        let mut now = start_ns;
        let rows = (0..count).map(|_| {
            now += rng.below(3) as i64 * 1_000_000;
            let late = rng.below(100) < messy;
            let time = if late { start_ns + rng.below(2_000) as i64 * 1_000_000 } else { now };
            Self::random(rng, time)
        });
        rows.collect()
    }

    pub(crate) fn doc(&self, committed_us: u64) -> Doc {
        let owned = |value: &Option<String>| value.clone().map(Cow::Owned);
        let fields = Fields {
            event_id: "e",
            timestamp: "",
            time_ns: self.time_ns,
            event_type: &self.event_type,
            category: Cow::Borrowed(&self.category),
            actor_type: &self.actor_type,
            actor_id: owned(&self.actor_id),
            actor_email: owned(&self.actor_email),
            actor_name: owned(&self.actor_name),
            actor_ip_address: None,
            actor_user_agent: None,
            resource_type: Cow::Borrowed(&self.resource_type),
            resource_id: Cow::Borrowed(&self.resource_id),
            resource_name: None,
            action: Cow::Borrowed(&self.action),
            status: &self.status,
            metadata: &self.metadata,
            schema_errors: None,
        };
        Doc::of(&fields, committed_us).unwrap()
    }
}

pub(crate) fn live(rows: &[Row]) -> Live {
    let mut live = Live::default();
    for (number, row) in rows.iter().enumerate() {
        live.push(&row.doc(number as u64 / 100 * 7));
    }
    live
}

/// The bytes of the index file of a sealed segment.
pub(crate) fn sealed(live: &Live) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("0.idx");
    let mut file = SectionsWriter::create(&RealDisk, &path, "index").unwrap();
    live.write(&mut file).unwrap();
    file.finish(&0_u8).unwrap();
    std::fs::read(path).unwrap()
}

pub(crate) fn open(bytes: Vec<u8>) -> Result<Stored, crate::error::StoreError> {
    let sections = Sections::of_bytes(Mapping::held(bytes), Path::new("0.idx"), "index")?;
    Stored::open(Arc::new(sections))
}
