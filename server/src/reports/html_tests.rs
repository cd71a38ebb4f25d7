//! The page: what is on it, and that stored text is only shown.

use std::collections::BTreeMap;

use serde_json::json;
use stele_engine::record::Record;
use stele_engine::tags::{Axis, Dimension, Filter, Value};

use super::{Facts, html};

fn facts(entries: u64) -> Facts {
    let text = |text: &str| Value::Text(text.to_owned());
    let dimensions = vec![(Dimension::Status, vec![text("failure"), text("success")])];
    let filter = Filter::new(Axis::Event, 0, 1_800_000_000_000_000, dimensions);
    Facts {
        id: "rep_0192f5a06c1e7bd19a530d2f6c1b7e10".to_owned(),
        organization: "Example <Ltd> & Sons".to_owned(),
        origin: "example.com/stele/00112233445566778899aabbccddeeff".to_owned(),
        requested_by: json!({"type": "api_key", "id": "k1", "name": "<b>auditor</b>", "ip_address": "203.0.113.7", "user_agent": "curl/8"}),
        requested_us: 1_763_882_880_000_000,
        made_us: 1_763_882_881_000_000,
        asked: filter.clone(),
        filter,
        entries,
        ends: (entries > 0).then_some([(3, 1_763_882_880_123_000), (1_234_567, 1_763_882_881_000_000)]),
        event_ns: (entries > 0).then_some((1_763_882_880_123_000_000, 1_763_882_999_000_000_000)),
        types: (0..30)
            .map(|i| (format!("agent.t{i:02}"), 1000 - i))
            .take(if entries > 0 { 30 } else { 0 })
            .collect::<BTreeMap<_, _>>(),
        as_of: 1_234_999,
        headers: 2,
        checkpoint: "example.com/stele/x\n1235000\nroot=\n\n— example.com/stele/x sig=\n".to_owned(),
        checkpoint_size: 1_235_000,
        key: "example.com/stele/x+4489043c+AQOh".to_owned(),
        verification_hash: format!("stele1:{}", "ab".repeat(32)),
        deep_verified: Some((999_999, 1_763_880_000_000_000)),
    }
}

fn record(sequence: u64, name: &str, metadata: &str) -> Record {
    let body = format!(
        r#"{{"event_id":"e-{sequence}","timestamp":"2025-11-23T07:28:00.123Z","event_type":"agent.updated","category":"agent","actor":{{"type":"user","id":"usr_1","name":"{name}"}},"resource":{{"type":"agent","id":"a"}},"action":"update","status":"failure","metadata":{metadata}}}"#
    );
    let (salt, previous, hash) = ([1; 16], [2; 32], [3; 32]);
    Record { sequence, committed_us: 1_763_882_880_123_456, salt, previous, hash, body: body.into_bytes() }
}

fn page(facts: &Facts, records: &[Record]) -> String {
    let mut out = Vec::new();
    html::write(facts, &mut |see| records.iter().try_for_each(see), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_page_tells_what_was_asked_found_proved_and_how_to_check_it() {
    let page = page(&facts(2), &[record(3, "Ada", r#"{"n":1.0}"#), record(1_234_567, "Bob", "{}")]);
    for said in [
        "without a fault, on 2025-11-23T06:40:00Z up to sequence 999,999",
        "Example &lt;Ltd&gt; &amp; Sons",
        "<strong>failure</strong> or <strong>success</strong>",
        "before 2027-01-15T08:00:00Z",
        "API key k1 (&lt;b&gt;auditor&lt;/b&gt;), from 203.0.113.7, with curl/8",
        "sequence 1,234,567, recorded 2025-11-23T07:28:01.000000Z",
        "sequence 1,234,999",
        "signed checkpoint of size 1,235,000",
        "5 other types",
        "What is not proved",
        "stele verify-report stele-report-rep_0192f5a06c1e7bd19a530d2f6c1b7e10.json --key",
        "python3 stele_verify.py report",
        "example.com/stele/x+4489043c+AQOh",
        "— example.com/stele/x sig=",
        "{&quot;n&quot;:1.0}",
        "2 entries in order of sequence",
    ] {
        assert!(page.contains(said), "no {said:?} in {page}");
    }
    assert_eq!(page.matches("<tbody><tr><th scope=\"row\" rowspan=\"2\">").count(), 2);
    assert_eq!(page.matches(&"ab".repeat(32)).count(), 3);
}

#[test]
fn stored_text_is_shown_and_never_obeyed() {
    let name = "<script>alert(1)</script>\\u0007\u{202e}gpj";
    let page = page(&facts(1), &[record(3, name, r#"{"x":"</td><img src=x onerror=y>"}"#)]);
    assert!(page.contains(r"&lt;script&gt;alert(1)&lt;/script&gt;\u{7}\u{202e}gpj"), "{page}");
    for forbidden in ["<script", "<img", "<link", "http://", "https://", "url(", "\u{202e}", "\u{7}"] {
        assert!(!page.contains(forbidden), "{forbidden:?}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn a_page_without_entries_says_so_and_long_metadata_is_cut_with_a_note() {
    let empty = page(&facts(0), &[]);
    assert!(empty.contains("No event matches.") && empty.contains("0 entries"));
    let long = format!(r#"{{"x":"{}"}}"#, "ä".repeat(5000));
    let page = page(&facts(1), &[record(3, "Ada", &long)]);
    assert!(page.contains("1,008 more characters stand in the JSON and CSV forms."), "{page}");
    assert_eq!(page.matches('ä').count(), 3994);
}
