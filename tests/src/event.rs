//! Events as text: what a client would send, with one member changed at a time.

/// The members of an ordinary event, in the order of the contract.
const ORDINARY: [(&str, &str); 9] = [
    ("event_id", r#""evt-1""#),
    ("timestamp", r#""2026-01-02T03:04:05.678Z""#),
    ("event_type", r#""agent.updated""#),
    ("category", r#""agent""#),
    ("actor", r#"{"type":"user","id":"usr_17","email":"ada@example.com","name":"Ada"}"#),
    ("resource", r#"{"type":"agent","id":"agt_42","name":"Support bot"}"#),
    ("action", r#""update""#),
    ("status", r#""success""#),
    ("metadata", r#"{"changes":{"before":{"model":"a"},"after":{"model":"b"}}}"#),
];

/// An ordinary event with some members replaced by other JSON text. A new name is added at the end,
/// and empty text leaves the member out.
#[must_use]
pub fn with(changes: &[(&str, &str)]) -> String {
    let mut members: Vec<(&str, &str)> = ORDINARY.to_vec();
    for &(name, text) in changes {
        match members.iter_mut().find(|(n, _)| *n == name) {
            Some(member) => member.1 = text,
            None => members.push((name, text)),
        }
    }
    let shown: Vec<String> = members
        .iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| format!("\"{name}\":{text}"))
        .collect();
    format!("{{{}}}", shown.join(","))
}

/// An ordinary event with this id.
#[must_use]
pub fn id(event_id: &str) -> String {
    with(&[("event_id", &quoted(event_id))])
}

/// An ordinary event with this id, at this many seconds after a fixed time.
#[must_use]
pub fn at(event_id: &str, second: u32) -> String {
    assert!(second < 86_400, "one day is enough for a test");
    let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
    let timestamp = format!("\"2026-03-01T{h:02}:{m:02}:{s:02}Z\"");
    with(&[("event_id", &quoted(event_id)), ("timestamp", &timestamp)])
}

/// Text as a JSON string.
#[must_use]
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Events as an NDJSON body.
#[must_use]
pub fn lines(events: &[String]) -> String {
    events.iter().flat_map(|event| [event.as_str(), "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_replaced_added_and_left_out() {
        let event = with(&[("category", ""), ("status", "1"), ("extra", "null")]);
        assert!(!event.contains("category") && event.contains(r#""status":1"#));
        assert!(event.ends_with(r#","extra":null}"#) && event.starts_with(r#"{"event_id":"evt-1","#));
    }
}
