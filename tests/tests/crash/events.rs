//! The events that every campaign sends: few, of many sizes, each known by its number.

use std::sync::OnceLock;

use stele_engine::event::{self, Event, Limits, Receipt, Taxonomy};

/// How many there are.
pub const COUNT: usize = 96;

const CREATED_NS: i64 = 1_790_000_040_000_000_000;

/// Number `n` of the events, normalized.
pub fn event(n: usize) -> Event {
    static EVENTS: OnceLock<Vec<Event>> = OnceLock::new();
    EVENTS.get_or_init(|| (0..COUNT).map(make).collect())[n].clone()
}

/// Its id.
pub fn id(n: usize) -> String {
    format!("evt-{n:03}")
}

/// The number of the event with these bytes.
pub fn number_of(body: &[u8]) -> Option<usize> {
    let (found, _) = event::id_and_time(body).ok()?;
    let n: usize = found.strip_prefix("evt-")?.parse().ok()?;
    (n < COUNT && event(n).body == body).then_some(n)
}

/// Event time in nanoseconds: not in the order of sending, and with ties.
pub fn time_ns(n: usize) -> i64 {
    CREATED_NS + (n * 37 % 50) as i64 * 1_000_000_000
}

/// Every third event failed.
pub fn is_failure(n: usize) -> bool {
    n.is_multiple_of(3)
}

fn make(n: usize) -> Event {
    let second = n * 37 % 50;
    let status = if is_failure(n) { "failure" } else { "success" };
    // Frames from a fraction of a sector to several sectors.
    let padding = "x".repeat(n * n * 7 % 1700);
    let json = format!(
        r#"{{"event_id":"{}","timestamp":"{}","event_type":"auth.login","actor":{{"type":"user","id":"usr_{}"}},"resource":{{"type":"session","id":"s-{n}"}},"action":"login","status":"{status}","metadata":{{"method":"password","note":"{padding}"}}}}"#,
        id(n),
        timestamp(second),
        n % 7,
    );
    let new_id = || unreachable!("every event has its id");
    let receipt = Receipt { now_ns: CREATED_NS, ip_address: None, user_agent: None, new_id: &new_id };
    let made = event::normalize(json.as_bytes(), &receipt, &Taxonomy::built_in(), &Limits::default());
    made.unwrap_or_else(|rejected| panic!("{json}: {rejected:?}"))
}

/// `CREATED_NS` and less than a minute, as RFC 3339.
fn timestamp(second: usize) -> String {
    format!("2026-09-21T14:14:{second:02}Z")
}

#[test]
fn events_are_what_the_campaigns_think_they_are() {
    for n in 0..COUNT {
        let body = event(n).body;
        assert_eq!(number_of(&body), Some(n));
        assert_eq!(event::id_and_time(&body), Ok((id(n).as_str(), time_ns(n))));
    }
    let mut other = event(5).body;
    let at = other.len() - 4;
    other[at] ^= 1;
    assert_eq!(number_of(&other), None);
}
