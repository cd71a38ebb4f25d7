//! Audit events of other systems, where they are at hand.

use std::io::Read;

use super::*;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/real-events.ndjson.zst");

/// The events, one a line; none where the file is absent, which is told.
fn real_events() -> Option<Vec<u8>> {
    let Ok(file) = std::fs::File::open(FILE) else {
        eprintln!("real events: no file shared/data/real-events.ndjson.zst beside the project, not tested");
        return None;
    };
    let mut bytes = Vec::new();
    zstd::Decoder::new(file).unwrap().read_to_end(&mut bytes).unwrap();
    Some(bytes)
}

/// Goal: no real event is refused, and nothing of it is lost or changed.
/// Method: normalize each; compare with the original as serde_json reads it, member by member; the
/// stored line sent again changes nothing and is a duplicate.
#[test]
fn real_events_are_accepted_whole() {
    let Some(bytes) = real_events() else { return };
    let mut count = 0;
    for line in bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        let event = attempt(line).unwrap_or_else(|e| panic!("{}: {e:?}", String::from_utf8_lossy(line)));
        let sent: serde_json::Value = serde_json::from_slice(line).unwrap();
        let fields = Fields::scan(&event.body).unwrap();
        let metadata: serde_json::Value = serde_json::from_str(fields.metadata).unwrap();
        assert_eq!(metadata, sent["metadata"]);
        assert_eq!(sent["event_id"], fields.event_id);
        assert_eq!(sent["actor"]["name"].as_str(), fields.actor_name.as_deref());
        assert_eq!(sent["actor"]["user_agent"].as_str(), fields.actor_user_agent.as_deref());
        assert_eq!(sent["resource"]["id"].as_str(), Some(fields.resource_id.as_ref()));
        let time: jiff::Timestamp = sent["timestamp"].as_str().unwrap().parse().unwrap();
        assert_eq!(time.as_nanosecond(), i128::from(fields.time_ns));
        assert_eq!(id_and_time(&event.body), Ok((fields.event_id, fields.time_ns)));
        let again = attempt(&event.body).unwrap();
        assert_eq!(again.body, event.body);
        assert!(same_content(&event.body, &attempt(line).unwrap()));
        count += 1;
    }
    assert!(count > 10_000, "only {count} events");
}
