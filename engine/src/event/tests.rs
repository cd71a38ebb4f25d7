//! The room's promises: every rule of the envelope with its pointer, canonical bytes, duplicates.

mod canonical;
mod duplicates;
mod envelope;
mod real;
mod schemas;

use super::*;

/// 2026-11-25T12:00:00Z.
const NOW: i64 = 1_795_608_000_000_000_000;

fn receipt(new_id: &dyn Fn() -> String) -> Receipt<'_> {
    Receipt { now_ns: NOW, ip_address: None, user_agent: None, new_id }
}

fn try_with(raw: &[u8], taxonomy: &Taxonomy) -> Result<Event, Rejected> {
    normalize(raw, &receipt(&|| "made-here".to_owned()), taxonomy, &Limits::default())
}

fn attempt(raw: impl AsRef<[u8]>) -> Result<Event, Rejected> {
    try_with(raw.as_ref(), &Taxonomy::built_in())
}

fn text(event: &Event) -> &str {
    std::str::from_utf8(&event.body).unwrap()
}

fn stored(raw: impl AsRef<[u8]>) -> String {
    let raw = raw.as_ref();
    let event = attempt(raw).unwrap_or_else(|e| panic!("{}: {e:?}", String::from_utf8_lossy(raw)));
    text(&event).to_owned()
}

/// Pointers of all faults, in order.
fn pointers(raw: impl AsRef<[u8]>) -> Vec<String> {
    match attempt(raw) {
        Ok(event) => panic!("accepted: {}", text(&event)),
        Err(rejected) => rejected.faults.into_iter().map(|f| f.pointer).collect(),
    }
}

/// A whole event with one member replaced (or left out, where the value is empty).
fn event_with(name: &str, value: &str) -> String {
    let members = [
        ("event_id", r#""e-1""#),
        ("timestamp", r#""2026-11-23T07:28:00.123Z""#),
        ("event_type", r#""agent.updated""#),
        ("category", r#""agent""#),
        ("actor", r#"{"type":"user","id":"usr_17","email":"ada@example.com"}"#),
        ("resource", r#"{"type":"agent","id":"agt_42"}"#),
        ("action", r#""update""#),
        ("status", r#""success""#),
        ("metadata", r#"{"changes":{"before":{"model":"a"},"after":{"model":"b"}}}"#),
    ];
    let mut all: Vec<(&str, &str)> = members.to_vec();
    match all.iter_mut().find(|m| m.0 == name) {
        Some(known) => known.1 = value,
        None if name.is_empty() => {}
        None => all.push((name, value)),
    }
    let kept = all.iter().filter(|m| !m.1.is_empty()).map(|(n, v)| format!("\"{n}\":{v}"));
    format!("{{{}}}", kept.collect::<Vec<_>>().join(","))
}
