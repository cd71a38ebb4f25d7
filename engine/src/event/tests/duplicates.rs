//! What counts as the same event sent again, and reading stored bytes back.

use super::*;

fn sent(raw: &str) -> Event {
    attempt(raw).unwrap_or_else(|e| panic!("{raw}: {e:?}"))
}

#[test]
fn the_same_event_is_the_same_however_it_is_written() {
    let stored = sent(&event_with("", ""));
    let spaced = event_with("", "").replace(',', " ,\n ").replace("update\"", "upd\\u0061te\"");
    assert!(same_content(&stored.body, &sent(&spaced)));
    let offset = event_with("timestamp", r#""2026-11-23T08:28:00.123+01:00""#);
    assert!(same_content(&stored.body, &sent(&offset)));
}

#[test]
fn an_exported_line_with_its_chain_is_a_duplicate() {
    let stored = sent(&event_with("", ""));
    let mut line = text(&stored).to_owned();
    line.pop();
    line.push_str(r#","chain":{"sequence":17,"committed_at":"2026-11-25T12:00:00.000000Z","salt":"00"}}"#);
    assert!(same_content(&stored.body, &sent(&line)));
}

#[test]
fn any_other_content_is_a_conflict() {
    let stored = sent(&event_with("", ""));
    for (name, value) in [
        ("timestamp", r#""2026-11-23T07:28:00.124Z""#),
        ("timestamp", r#""2026-11-23T07:28:00.1230Z""#),
        ("event_type", r#""agent.created""#),
        ("category", r#""api""#),
        ("actor", r#"{"type":"user","id":"usr_18","email":"ada@example.com"}"#),
        ("actor", r#"{"type":"user","id":"usr_17"}"#),
        ("actor", r#"{"type":"user","id":"usr_17","email":"ada@example.com","ip_address":"::1"}"#),
        ("resource", r#"{"type":"agent","id":"agt_42","name":""}"#),
        ("action", r#""updated""#),
        ("status", r#""failure""#),
        ("metadata", "{}"),
        ("metadata", r#"{"changes":{"after":{"model":"b"},"before":{"model":"a"}}}"#),
    ] {
        assert!(!same_content(&stored.body, &sent(&event_with(name, value))), "{name} {value}");
    }
}

#[test]
fn what_the_server_filled_and_the_repeat_does_not_send_is_left_out() {
    let bare = event_with("timestamp", "").replace(r#","category":"agent""#, "");
    let first = sent(&bare);
    let id = || "x".to_owned();
    let later = Receipt { now_ns: NOW + 5_000_000_000, ..receipt(&id) };
    let judge = |raw: &str, receipt: &Receipt<'_>| {
        normalize(raw.as_bytes(), receipt, &Taxonomy::built_in(), &Limits::default()).unwrap()
    };
    assert!(same_content(&first.body, &judge(&bare, &later)));
    // A repeat that does send a time must send the stored one.
    assert!(!same_content(&first.body, &sent(&event_with("", ""))));
    assert!(same_content(&first.body, &sent(text(&first))));

    let captured = Receipt { ip_address: Some("203.0.113.7"), user_agent: Some("a"), ..receipt(&id) };
    let moved = Receipt { ip_address: Some("203.0.113.9"), user_agent: Some("b"), ..receipt(&id) };
    let whole = event_with("", "");
    let first = judge(&whole, &captured);
    assert!(same_content(&first.body, &judge(&whole, &moved)));
    assert!(same_content(&first.body, &sent(&whole)));
    assert!(same_content(&sent(&whole).body, &judge(&whole, &captured)));
    assert!(!same_content(&sent(&whole).body, &sent(text(&first))));
}

#[test]
fn schema_errors_do_not_count() {
    let raw = event_with("metadata", r#"{"changes":7}"#);
    let marked = sent(&raw);
    assert!(text(&marked).contains("schema_errors"));
    let plain = Taxonomy::with([OrgType {
        event_type: "agent.updated".into(),
        category: None,
        schema: Some(serde_json::json!({})),
        on_mismatch: OnMismatch::Mark,
    }]);
    let unmarked = try_with(raw.as_bytes(), &plain.unwrap()).unwrap();
    assert!(!text(&unmarked).contains("schema_errors"));
    assert!(same_content(&marked.body, &unmarked));
    assert!(same_content(&unmarked.body, &marked));
}

#[test]
fn stored_bytes_read_back_member_by_member() {
    let raw = event_with(
        "actor",
        r#"{"type":"user","id":"a\"b","email":"e","name":"n\\","ip_address":"::1","user_agent":"\u0001"}"#,
    );
    let event = sent(&raw);
    let fields = Fields::scan(&event.body).unwrap();
    assert_eq!(fields.event_id, "e-1");
    assert_eq!(fields.timestamp, "2026-11-23T07:28:00.123Z");
    assert_eq!(fields.time_ns, 1_795_418_880_123_000_000);
    assert_eq!(event_us(fields.time_ns), 1_795_418_880_123_000);
    assert_eq!(fields.event_type, "agent.updated");
    assert_eq!(fields.category, "agent");
    assert_eq!(fields.actor_type, "user");
    assert_eq!(fields.actor_id.as_deref(), Some("a\"b"));
    assert_eq!(fields.actor_email.as_deref(), Some("e"));
    assert_eq!(fields.actor_name.as_deref(), Some("n\\"));
    assert_eq!(fields.actor_ip_address.as_deref(), Some("::1"));
    assert_eq!(fields.actor_user_agent.as_deref(), Some("\u{1}"));
    assert_eq!((fields.resource_type.as_ref(), fields.resource_id.as_ref()), ("agent", "agt_42"));
    assert_eq!(fields.resource_name, None);
    assert_eq!((fields.action.as_ref(), fields.status), ("update", "success"));
    assert_eq!(fields.metadata, r#"{"changes":{"before":{"model":"a"},"after":{"model":"b"}}}"#);
    assert_eq!(fields.schema_errors, None);
    assert_eq!(id_and_time(&event.body), Ok(("e-1", 1_795_418_880_123_000_000)));
}

#[test]
fn schema_errors_are_told_from_metadata_that_looks_like_them() {
    let look_alike =
        r#"{"a":{},"schema_errors":[],"s":"},\"schema_errors\":[","l":{"x":{},"schema_errors":[]}}"#;
    let event = sent(&event_with("metadata", look_alike));
    let fields = Fields::scan(&event.body).unwrap();
    assert_eq!((fields.metadata, fields.schema_errors), (look_alike, None));

    let marked = look_alike.replacen('{', r#"{"changes":[],"#, 1);
    let event = sent(&event_with("metadata", &marked));
    let fields = Fields::scan(&event.body).unwrap();
    assert_eq!(fields.metadata, marked);
    let errors: Vec<serde_json::Value> = serde_json::from_str(fields.schema_errors.unwrap()).unwrap();
    assert_eq!(errors[0]["pointer"], "/metadata/changes");
}
