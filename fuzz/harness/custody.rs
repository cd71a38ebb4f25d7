//! What others hand in as proof: reports, signed notes, keys, filters, index events.

use stele_engine::ids::hex;
use stele_engine::proof::{Checkpoint, Note, VerifierKey};
use stele_engine::tags::{Filter, Statement};
use stele_engine::verify;

const KEY: &str = include_str!("../../docs/vectors/key.txt");
const ONE: &str = include_str!("../../docs/vectors/report-event.json");
const NONE: &str = include_str!("../../docs/vectors/report-none.json");
const CHECKPOINT: &str = include_str!("../../docs/vectors/checkpoint.txt");

/// Whoever has no signing key makes no other report than those that were issued.
pub fn report(data: &[u8]) {
    let key = VerifierKey::parse(KEY.trim()).expect("the key of the vectors");
    if let Ok(verdict) = verify::report(data, &key) {
        let hash = hex(&verdict.verification_hash);
        assert!(ONE.contains(&hash) || NONE.contains(&hash), "another report is proved: {verdict:?}");
    }
}

/// Reports of the vectors, and pieces of them.
pub fn reports() -> Vec<Vec<u8>> {
    vec![ONE.as_bytes().to_vec(), NONE.as_bytes().to_vec()]
}

/// What is read is written back byte for byte, and only the key's own signature opens a checkpoint.
pub fn notes(data: &[u8]) {
    if let Ok(note) = Note::parse(data) {
        assert_eq!(note.to_string().as_bytes(), data, "a note has one form");
    }
    let text = String::from_utf8_lossy(data);
    if let Ok(checkpoint) = Checkpoint::parse(&text) {
        assert_eq!(checkpoint.text(), text, "a checkpoint has one form");
    }
    if let Ok(key) = VerifierKey::parse(&text) {
        assert_eq!(key.to_string(), text, "a key has one form");
    }
    if let Ok(filter) = Filter::parse(&text) {
        assert_eq!(filter.text(), text, "a filter has one form");
    }
    if let Ok(said) = Statement::read(data) {
        let body = format!(
            r#"{{"event_id":"{}","event_type":"stele.index","metadata":{}}}"#,
            said.event_id(),
            said.metadata()
        );
        assert_eq!(Statement::read(body.as_bytes()), Ok(said), "an index event says one thing");
    }
    let key = VerifierKey::parse(KEY.trim()).expect("the key of the vectors");
    if let Ok(checkpoint) = Checkpoint::open(data, &key) {
        assert!(CHECKPOINT.starts_with(&checkpoint.text()), "another checkpoint opens: {checkpoint:?}");
    }
}

/// One of each.
pub fn note_seeds() -> Vec<Vec<u8>> {
    let key = KEY.trim();
    let three = CHECKPOINT.split("\n\n").next().unwrap_or_default();
    let filter = r#"{"axis":"event","from_us":0,"to_us":9,"event_type":["a.b"],"actor_id":[["user","u"]]}"#;
    let index = format!(
        r#"{{"event_id":"stele:index:0","event_type":"stele.index","metadata":{{"a":0,"b":9,"n":1,"root":"{0}","kc":{{{1}}},"prev":null,"ev_min":1,"ev_max":2}}}}"#,
        "00".repeat(32),
        (1..=9).map(|dim| format!("\"{dim}\":\"{}\"", "11".repeat(32))).collect::<Vec<_>>().join(",")
    );
    [CHECKPOINT, &format!("{three}\n"), key, filter, &index].map(|seed| seed.as_bytes().to_vec()).into()
}
