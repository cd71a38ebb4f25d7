//! What clients send: events and cursors.

use stele_engine::event::{self, Event, Fields, Limits, Receipt, Rejected, Taxonomy};
use stele_engine::ids::Secret;
use stele_engine::query::{Cursor, CursorKey};

const NOW_NS: i64 = 1_790_000_000_000_000_000;

fn normalized(raw: &[u8]) -> Result<Event, Rejected> {
    let new_id = || "made-by-the-server".to_owned();
    let receipt = Receipt {
        now_ns: NOW_NS,
        ip_address: Some("192.0.2.1"),
        user_agent: Some("agent/1"),
        new_id: &new_id,
    };
    event::normalize(raw, &receipt, &Taxonomy::built_in(), &Limits::default())
}

/// An accepted event is canonical: it reads back, and sending it again changes nothing and is a
/// repeat. A refused one names at least one fault.
pub fn normalize(raw: &[u8]) {
    match normalized(raw) {
        Ok(event) => {
            let fields = Fields::scan(&event.body).expect("canonical bytes scan");
            let (id, time_ns) = event::id_and_time(&event.body).expect("canonical bytes have id and time");
            assert_eq!((fields.event_id, fields.time_ns), (id, time_ns));
            assert!(!event.body.contains(&b'\n'), "a record is one line");
            assert!(event.body.len() <= Limits::default().event_bytes_max);
            assert!(event::same_content(&event.body, &event), "an event equals itself");
            match (fields.schema_errors, normalized(&event.body)) {
                (None, again) => {
                    let again = again.expect("canonical bytes are accepted");
                    assert_eq!(again.body, event.body, "canonical bytes stay as they are");
                    assert!(event::same_content(&event.body, &again), "a repeat is a repeat");
                }
                // Clients may not send what only the server sets.
                (Some(_), again) => {
                    let refused = again.expect_err("a marked event is refused from clients");
                    assert!(
                        refused.faults.iter().all(|fault| fault.pointer == "/schema_errors"),
                        "{refused:?}"
                    );
                }
            }
        }
        Err(rejected) => {
            assert!(!rejected.faults.is_empty(), "a refusal says why");
            for fault in &rejected.faults {
                assert!(fault.pointer.is_empty() || fault.pointer.starts_with('/'), "{fault:?}");
            }
        }
    }
}

/// Scanning any bytes as a stored body does not panic, and both scanners agree.
pub fn fields(body: &[u8]) {
    let scanned = Fields::scan(body);
    let short = event::id_and_time(body);
    if let (Ok(fields), Ok((id, time_ns))) = (&scanned, short) {
        assert_eq!((fields.event_id, fields.time_ns), (id, time_ns));
    }
    if let Ok(event) = normalized(br#"{"event_id":"a","event_type":"auth.login","actor":{"type":"system"},"resource":{"type":"s","id":"1"},"action":"x","status":"success"}"#) {
        let _same: bool = event::same_content(body, &event);
    }
}

/// A token that this key did not seal is refused; one that it did seals to itself again.
pub fn cursor(token: &[u8]) {
    let key = CursorKey::new(&Secret::new([9; 32]));
    let token = String::from_utf8_lossy(token);
    if let Ok(cursor) = key.open(&token, NOW_NS) {
        assert_eq!(key.seal(&cursor), token);
    }
}

pub fn events() -> Vec<Vec<u8>> {
    let full = r#"{"event_id":"0192f5a0-6c1e-7bd1-9a53-0d2f6c1b7e10","timestamp":"2026-09-20T07:28:00.123+02:00","event_type":"agent.updated","category":"agent","actor":{"type":"user","id":"usr_17","email":"ada@example.com","name":"Ada","ip_address":"203.0.113.7","user_agent":"x/1"},"resource":{"type":"agent","id":"agt_42","name":"Support bot"},"action":"update","status":"success","metadata":{"changes":{"before":{"model":"a"},"after":{"model":"b"}}}}"#;
    let spaced = "{ \"status\" : \"failure\" , \"action\":\"call\",\n\t\"resource\":{\"id\":\"\\u00e9\\ud83d\\ude00\",\"type\":\"api\"},\"actor\":{\"type\":\"api_key\",\"name\":\"ci \\\"k\\\"\"},\"event_type\":\"api.request\",\"metadata\":{\"n\":[1.0,-0,12345678901234567890,1e400],\"deep\":{\"a\":{\"b\":[[[null,true]]]}},\"e\":\"\\n\\u001f\\/\"},\"chain\":{\"sequence\":1}}";
    let own_type = r#"{"event_type":"billing.invoice_paid","category":"system","actor":{"type":"system"},"resource":{"type":"invoice","id":"i/1"},"action":"pay","status":"pending","actor_extra":null}"#;
    let nulls = r#"{"event_id":null,"timestamp":null,"event_type":"auth.login","category":null,"actor":{"type":"system","ip_address":null},"resource":{"type":"s","id":"1","name":null},"action":"x","status":"success","metadata":null}"#;
    [full, spaced, own_type, nulls].map(|text| text.as_bytes().to_vec()).into()
}

pub fn bodies() -> Vec<Vec<u8>> {
    events().iter().filter_map(|raw| Some(normalized(raw).ok()?.body)).collect()
}

pub fn cursors() -> Vec<Vec<u8>> {
    let key = CursorKey::new(&Secret::new([9; 32]));
    let cursor = Cursor { head: 7, now_ns: NOW_NS, after: (NOW_NS - 5, 3), digest: [1; 16] };
    vec![key.seal(&cursor).into_bytes()]
}
