//! Events for tests of whole logs.

use crate::event::{Event, Limits, Receipt, Taxonomy, normalize};

/// When they are sent, microseconds since 1970.
pub(super) const NOW_US: u64 = 1_700_000_000_000_000;

/// A small one, told apart by its id.
pub(super) fn event(id: u64) -> Event {
    let raw = format!(
        r#"{{"event_id":"e{id}","timestamp":"2023-11-14T00:00:00Z","event_type":"auth.login","actor":{{"type":"user","id":"u1"}},"resource":{{"type":"session","id":"s"}},"action":"login","status":"success"}}"#
    );
    let now_ns = NOW_US as i64 * 1_000;
    let receipt = Receipt { now_ns, ip_address: None, user_agent: None, new_id: &|| unreachable!() };
    normalize(raw.as_bytes(), &receipt, &Taxonomy::default(), &Limits::default()).unwrap()
}
