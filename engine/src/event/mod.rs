//! What an event is: envelope, limits, taxonomy, canonical bytes.
#![allow(unused, missing_docs, clippy::unimplemented)]
use std::borrow::Cow;

/// Sizes that an operator can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub event_bytes_max: usize,
    pub depth_max: usize,
}
impl Default for Limits {
    fn default() -> Self {
        Self { event_bytes_max: 256 << 10, depth_max: 64 }
    }
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    Invalid,
    TooLarge,
}
/// One broken rule: where (RFC 6901 pointer into the item) and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub code: Code,
    pub pointer: String,
    pub detail: String,
}
/// Which members the server filled in because the sender left them out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    pub event_id: bool,
    pub timestamp: bool,
    pub category: bool,
    pub ip_address: bool,
    pub user_agent: bool,
}
/// A valid event: its canonical bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub body: Vec<u8>,
    pub filled: Filled,
}
/// What is known of the request that carried the event. `ip_address`/`user_agent` only with `actor_ip=capture`.
pub struct Receipt<'a> {
    pub now_ns: i64,
    pub ip_address: Option<&'a str>,
    pub user_agent: Option<&'a str>,
    pub new_id: &'a dyn Fn() -> String,
}
/// Why an item was refused; `event_id` as far as it could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    pub event_id: Option<String>,
    pub faults: Vec<Fault>,
}
/// The types an organization knows: the built-in ones and its own.
pub struct Taxonomy;
/// Validates one JSON object and writes its canonical bytes.
pub fn normalize(
    raw: &[u8],
    receipt: &Receipt<'_>,
    taxonomy: &Taxonomy,
    limits: &Limits,
) -> Result<Event, Rejected> {
    unimplemented!()
}
/// True when `repeat` is the event stored as `stored` sent again (api.md, "Duplicate").
pub fn same_content(stored: &[u8], repeat: &Event) -> bool {
    unimplemented!()
}
/// One of the log's own events (`stele.*`), which clients may not send. Category "system".
/// `actor`/`resource`/`metadata` are JSON object texts.
pub fn own(
    event_type: &str,
    event_id: &str,
    time_ns: i64,
    actor: &str,
    resource: &str,
    action: &str,
    status: &str,
    metadata: &str,
) -> Result<Event, Rejected> {
    unimplemented!()
}
/// The envelope of stored canonical bytes, borrowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields<'a> {
    pub event_id: &'a str,
    pub timestamp: &'a str,
    pub time_ns: i64,
    pub event_type: &'a str,
    pub category: Cow<'a, str>,
    pub actor_type: &'a str,
    pub actor_id: Option<Cow<'a, str>>,
    pub actor_email: Option<Cow<'a, str>>,
    pub actor_name: Option<Cow<'a, str>>,
    pub actor_ip_address: Option<Cow<'a, str>>,
    pub actor_user_agent: Option<Cow<'a, str>>,
    pub resource_type: Cow<'a, str>,
    pub resource_id: Cow<'a, str>,
    pub resource_name: Option<Cow<'a, str>>,
    pub action: Cow<'a, str>,
    pub status: &'a str,
    pub metadata: &'a str,
    pub schema_errors: Option<&'a str>,
}
impl<'a> Fields<'a> {
    /// Reads canonical bytes; never panics on other bytes.
    pub fn scan(body: &'a [u8]) -> Result<Self, String> {
        unimplemented!()
    }
}
/// `event_id` and time of canonical bytes, without the rest: what hashing and verification need.
pub fn id_and_time(body: &[u8]) -> Result<(&str, i64), String> {
    unimplemented!()
}
