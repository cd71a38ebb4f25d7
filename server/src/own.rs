//! The log's own events about what was asked of the server: who asked, from where, for what.
//!
//! Owns their common form. Whoever makes one chooses when; it goes through the log's writer like any
//! other event.

use hyper::header::{self, HeaderMap};
use serde_json::{Value, json};
use stele_engine::event::{self, Rejected};
use stele_engine::log::{Batch, Log};

use crate::auth::Caller;

/// Longest user agent that is taken into an event.
const AGENT_CHARS_MAX: usize = 512;

/// One of the log's own events.
pub struct OwnEvent<'a> {
    /// Last part of the event type, `key_created` for `stele.key_created`.
    pub what: &'a str,
    /// What makes the id `stele:<what>:<name>` one of its own.
    pub name: String,
    /// When, nanoseconds since 1970.
    pub time_ns: i64,
    /// Who asked.
    pub actor: &'a Value,
    /// What it is about.
    pub resource: Value,
    /// What was done.
    pub action: &'a str,
    /// `success` or `failure`.
    pub status: &'a str,
    /// A JSON object, as text.
    pub metadata: String,
}

impl OwnEvent<'_> {
    /// The event's id.
    pub fn event_id(&self) -> String {
        format!("stele:{}:{}", self.what, self.name)
    }

    /// The event as a batch for the log's writer, and the bytes of its body.
    ///
    /// # Errors
    /// The rules that the event breaks.
    pub fn batch(&self, log: &Log) -> Result<(Batch, usize), Rejected> {
        let event = event::own(
            &format!("stele.{}", self.what),
            &self.event_id(),
            self.time_ns,
            &self.actor.to_string(),
            &self.resource.to_string(),
            self.action,
            self.status,
            &self.metadata,
        )?;
        let bytes = event.body.len();
        Ok((log.prepare(vec![event], false), bytes))
    }
}

/// The actor of an event: the user or the plain key that asks, its address and agent.
pub fn actor(caller: &Caller, address: std::net::IpAddr, headers: &HeaderMap) -> Value {
    let mut actor = match &caller.user {
        Some(user) => json!({"type": "user", "id": user.id, "email": user.email}),
        None => json!({"type": "api_key", "id": caller.key.id(), "name": caller.key.name()}),
    };
    if let Some(name) = caller.user.as_ref().and_then(|user| user.name.as_deref()) {
        actor["name"] = name.into();
    }
    actor["ip_address"] = address.to_string().into();
    let agent = headers.get(header::USER_AGENT).and_then(|v| std::str::from_utf8(v.as_bytes()).ok());
    if let Some(agent) = agent {
        actor["user_agent"] = agent.chars().take(AGENT_CHARS_MAX).collect::<String>().into();
    }
    actor
}
