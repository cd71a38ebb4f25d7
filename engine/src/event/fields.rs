//! Stored canonical bytes read back: the envelope, borrowed.
//!
//! Relies on the fixed member order, so it is a straight walk. The bytes come from disk: it never
//! panics on others, but does not look into metadata.

use std::borrow::Cow;

use super::json::{plain_end, unescape};
use super::rules::NAME_CHARS_MAX;
use super::time::parse_stored;

const START: &str = "{\"event_id\":\"";
const TIMESTAMP: &str = ",\"timestamp\":\"";
const SCHEMA_ERRORS: &str = "},\"schema_errors\":[";

/// The envelope of stored canonical bytes, borrowed; texts are unescaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields<'a> {
    /// Deduplication key.
    pub event_id: &'a str,
    /// RFC 3339, UTC.
    pub timestamp: &'a str,
    /// `timestamp` as nanoseconds since 1970.
    pub time_ns: i64,
    /// Dotted type.
    pub event_type: &'a str,
    /// One of the seven, or registered by the organization.
    pub category: Cow<'a, str>,
    /// `user`, `api_key` or `system`.
    pub actor_type: &'a str,
    /// `actor.id`.
    pub actor_id: Option<Cow<'a, str>>,
    /// `actor.email`.
    pub actor_email: Option<Cow<'a, str>>,
    /// `actor.name`.
    pub actor_name: Option<Cow<'a, str>>,
    /// `actor.ip_address`, as sent.
    pub actor_ip_address: Option<Cow<'a, str>>,
    /// `actor.user_agent`.
    pub actor_user_agent: Option<Cow<'a, str>>,
    /// `resource.type`.
    pub resource_type: Cow<'a, str>,
    /// `resource.id`.
    pub resource_id: Cow<'a, str>,
    /// `resource.name`.
    pub resource_name: Option<Cow<'a, str>>,
    /// What was done.
    pub action: Cow<'a, str>,
    /// `success`, `failure` or `pending`.
    pub status: &'a str,
    /// A JSON object, canonical.
    pub metadata: &'a str,
    /// A JSON array, canonical, where the record was marked.
    pub schema_errors: Option<&'a str>,
}

impl<'a> Fields<'a> {
    /// Reads canonical bytes. Costs one check of their UTF-8 and a walk over the envelope, no allocation
    /// unless a text has escapes.
    ///
    /// # Errors
    /// What was expected at which byte, for bytes that no `normalize` has written.
    pub fn scan(body: &'a [u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(body).map_err(|e| format!("not UTF-8 at byte {}", e.valid_up_to()))?;
        let mut scan = Scan { text, pos: 0 };
        let event_id = scan.member(START)?;
        let timestamp = scan.member(TIMESTAMP)?;
        let time_ns = parse_stored(timestamp.as_bytes()).ok_or("timestamp is not in stored form")?;
        Ok(Self {
            event_id,
            timestamp,
            time_ns,
            event_type: scan.member(",\"event_type\":\"")?,
            category: unescape(scan.member(",\"category\":\"")?),
            actor_type: scan.member(",\"actor\":{\"type\":\"")?,
            actor_id: scan.optional(",\"id\":\"")?,
            actor_email: scan.optional(",\"email\":\"")?,
            actor_name: scan.optional(",\"name\":\"")?,
            actor_ip_address: scan.optional(",\"ip_address\":\"")?,
            actor_user_agent: scan.optional(",\"user_agent\":\"")?,
            resource_type: unescape(scan.member("},\"resource\":{\"type\":\"")?),
            resource_id: unescape(scan.member(",\"id\":\"")?),
            resource_name: scan.optional(",\"name\":\"")?,
            action: unescape(scan.member("},\"action\":\"")?),
            status: scan.member(",\"status\":\"")?,
            metadata: scan.metadata()?,
            schema_errors: scan.schema_errors()?,
        })
    }
}

struct Scan<'a> {
    text: &'a str,
    pos: usize,
}

impl<'a> Scan<'a> {
    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.pos..]
    }

    fn expect(&mut self, wanted: &str) -> Result<(), String> {
        if self.rest().starts_with(wanted.as_bytes()) {
            self.pos += wanted.len();
            return Ok(());
        }
        Err(format!("expected {wanted} at byte {}", self.pos))
    }

    /// A member that must be there; `opening` ends with its opening quote.
    fn member(&mut self, opening: &str) -> Result<&'a str, String> {
        self.expect(opening)?;
        let start = self.pos;
        let end = string_end(self.text.as_bytes(), start).ok_or("a string does not end")?;
        self.pos = end + 1;
        Ok(&self.text[start..end])
    }

    fn optional(&mut self, opening: &str) -> Result<Option<Cow<'a, str>>, String> {
        if !self.rest().starts_with(opening.as_bytes()) {
            return Ok(None);
        }
        self.member(opening).map(|content| Some(unescape(content)))
    }

    /// The metadata object: to the event's end, or to `schema_errors`, without which no event ends in `]}`.
    fn metadata(&mut self) -> Result<&'a str, String> {
        self.expect(",\"metadata\":")?;
        let (start, text) = (self.pos, self.text);
        let end = if self.rest().ends_with(b"]}") {
            // Quotes within strings are escaped, so the last match is the member itself.
            let at = memchr::memmem::rfind(self.rest(), SCHEMA_ERRORS.as_bytes());
            start + at.ok_or("ends in an array that is not schema_errors")? + 1
        } else {
            text.len().saturating_sub(1).max(start)
        };
        let metadata = &text.as_bytes()[start..end];
        if metadata.len() < 2 || metadata[0] != b'{' || metadata[metadata.len() - 1] != b'}' {
            return Err(format!("expected a metadata object at byte {start}"));
        }
        self.pos = end;
        Ok(&text[start..end])
    }

    fn schema_errors(&mut self) -> Result<Option<&'a str>, String> {
        let rest = self.rest();
        if rest == b"}" {
            return Ok(None);
        }
        let start = self.pos + SCHEMA_ERRORS.len() - 2;
        if rest.starts_with(&SCHEMA_ERRORS.as_bytes()[1..]) && rest.ends_with(b"]}") {
            return Ok(Some(&self.text[start..self.text.len() - 1]));
        }
        Err(format!("expected the event's end at byte {}", self.pos))
    }
}

/// Index of the quote that ends the string whose content begins at `from`.
#[inline]
pub(super) fn string_end(raw: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at = plain_end(raw, at);
        match raw.get(at)? {
            b'"' => return Some(at),
            b'\\' if at + 1 < raw.len() => at += 2,
            _ => return None,
        }
    }
}

/// `event_id` and time (nanoseconds since 1970) of canonical bytes, without the rest: what hashing and
/// verification need. Reads some 60 bytes.
///
/// # Errors
/// What was expected, for bytes that no `normalize` has written.
pub fn id_and_time(body: &[u8]) -> Result<(&str, i64), String> {
    let rest = body.strip_prefix(START.as_bytes()).ok_or("does not begin with event_id")?;
    let near = &rest[..rest.len().min(NAME_CHARS_MAX + 1)];
    let quote = memchr::memchr(b'"', near).ok_or("event_id does not end")?;
    let id = std::str::from_utf8(&near[..quote]).map_err(|_| "event_id is not UTF-8")?;
    let rest = rest[quote + 1..].strip_prefix(TIMESTAMP.as_bytes()).ok_or("no timestamp behind event_id")?;
    let near = &rest[..rest.len().min(31)];
    let quote = memchr::memchr(b'"', near).ok_or("timestamp does not end")?;
    let time_ns = parse_stored(&near[..quote]).ok_or("timestamp is not in stored form")?;
    Ok((id, time_ns))
}

/// Microseconds since 1970, rounded down: the event time that is hashed (custody.md, `event_us`).
/// Stored times are never before 1970; an earlier one counts as 1970.
#[must_use]
pub const fn event_us(time_ns: i64) -> u64 {
    if time_ns < 0 { 0 } else { (time_ns / 1000) as u64 }
}
