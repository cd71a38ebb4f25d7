//! The log's own events (`stele.*`), which clients may not send.

use super::fault::Rejected;
use super::json::push_escaped;
use super::normalize::{Sender, normalize_from};
use super::taxonomy::Taxonomy;
use super::{Event, Limits, Receipt, time};

/// One of the log's own events. Category `system`.
///
/// `actor`, `resource` and `metadata` are JSON object texts; they and the rest are held to the rules
/// of any event, except that `event_type` must begin with `stele.` and `event_id` with `stele:`, and
/// that strings may be reserved ones. All content is the caller's, so equal calls give equal bytes.
///
/// # Errors
/// The rules that are broken, as `normalize` tells them.
#[expect(clippy::too_many_arguments, reason = "the members of the envelope, each named once at the call")]
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
    let mut timestamp = String::new();
    time::write_ns(time_ns, &mut timestamp);
    let mut raw = String::from("{\"category\":\"system\"");
    let strings = [
        ("event_id", event_id),
        ("timestamp", timestamp.as_str()),
        ("event_type", event_type),
        ("action", action),
        ("status", status),
    ];
    for (name, text) in strings {
        raw.push_str(",\"");
        raw.push_str(name);
        raw.push_str("\":\"");
        push_escaped(&mut raw, text);
        raw.push('"');
    }
    for (name, object) in [("actor", actor), ("resource", resource), ("metadata", metadata)] {
        raw.push_str(",\"");
        raw.push_str(name);
        raw.push_str("\":");
        raw.push_str(object);
    }
    raw.push('}');
    let receipt = Receipt { now_ns: time_ns, ip_address: None, user_agent: None, new_id: &String::new };
    normalize_from(Sender::Log, raw.as_bytes(), &receipt, &Taxonomy::built_in(), &Limits::default())
}
