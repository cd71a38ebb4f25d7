//! What an event is: envelope, limits, taxonomy, canonical bytes (docs/EVENTS.md).
//!
//! Owns the way from bytes that anyone sent to the one line that is stored and hashed
//! ([`normalize`]), and from that line back to its members ([`Fields`], [`id_and_time`]).
//!
//! Keeps true:
//! - canonical bytes have one form: fixed member order, no white space, RFC 8785 strings, number text
//!   and metadata's member order as sent; normalizing them again changes nothing;
//! - no input panics, recurses without bound, or takes more memory than a small multiple of the limit;
//! - the result depends on the arguments alone, so replicas fed the same input hold the same bytes.

mod envelope;
mod fault;
mod fields;
mod json;
mod names;
mod normalize;
mod own;
mod rules;
mod same;
pub mod taxonomy;
#[cfg(test)]
mod tests;
mod time;
mod value;
mod values;

pub use fault::{Code, FAULTS_MAX, Fault, POINTER_BYTES_MAX, Rejected};
pub use fields::{Fields, event_us, id_and_time};
pub use normalize::normalize;
pub use own::own;
pub use same::same_content;
pub use taxonomy::{Mismatch, OnMismatch, OrgType, Taxonomy, TypeError, TypeInfo};
pub use time::{parse_stored, write_stored};
pub use values::{PATH_JOINT, Value, each_changed, each_value};

/// Sizes that an operator can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest event in canonical form, `schema_errors` apart (at most some 24 KiB more).
    pub event_bytes_max: usize,
    /// Levels of objects and arrays in metadata, metadata itself being the first.
    pub depth_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { event_bytes_max: 256 << 10, depth_max: 64 }
    }
}

/// Which members the server filled in because the sender left them out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// `event_id`.
    pub event_id: bool,
    /// `timestamp`.
    pub timestamp: bool,
    /// `category`.
    pub category: bool,
    /// `actor.ip_address`.
    pub ip_address: bool,
    /// `actor.user_agent`.
    pub user_agent: bool,
}

/// A valid event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Canonical bytes: one line of JSON without its line end.
    pub body: Vec<u8>,
    /// What the sender left out.
    pub filled: Filled,
}

/// What is known of the request that carried the event.
pub struct Receipt<'a> {
    /// The clock, nanoseconds since 1970.
    pub now_ns: i64,
    /// The sender's address, only with `actor_ip=capture`.
    pub ip_address: Option<&'a str>,
    /// The sender's agent, only with `actor_ip=capture`.
    pub user_agent: Option<&'a str>,
    /// Makes a valid, new `event_id`.
    pub new_id: &'a dyn Fn() -> String,
}
