//! Whether an event sent again is the one that is stored (api.md, "Duplicate").

use super::{Event, Fields};

/// True when `repeat` is the event stored as `stored` sent again.
///
/// Left out of both: `schema_errors`, and those of timestamp, category, captured address and agent
/// that the repeat did not send. Stored bytes that cannot be read are no one's duplicate.
#[must_use]
pub fn same_content(stored: &[u8], repeat: &Event) -> bool {
    if stored == repeat.body {
        return true;
    }
    match (Fields::scan(stored), Fields::scan(&repeat.body)) {
        (Ok(mut stored), Ok(mut repeated)) => {
            blank(&mut stored, &mut repeated, repeat);
            stored == repeated
        }
        _ => false,
    }
}

/// Makes equal what does not count.
fn blank<'a>(stored: &mut Fields<'a>, repeated: &mut Fields<'a>, repeat: &Event) {
    stored.schema_errors = None;
    repeated.schema_errors = None;
    let filled = repeat.filled;
    if filled.timestamp {
        (stored.timestamp, stored.time_ns) = (repeated.timestamp, repeated.time_ns);
    }
    if filled.category {
        stored.category = repeated.category.clone();
    }
    if filled.ip_address || repeated.actor_ip_address.is_none() {
        stored.actor_ip_address = repeated.actor_ip_address.clone();
    }
    if filled.user_agent || repeated.actor_user_agent.is_none() {
        stored.actor_user_agent = repeated.actor_user_agent.clone();
    }
}
