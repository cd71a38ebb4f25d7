use super::*;
use crate::event::Fields;
use crate::ids::{Secret, hex};
use crate::merkle;

fn event(i: u32, email: &str, resource: &str) -> Vec<u8> {
    format!(
        "{{\"event_id\":\"e{i}\",\"timestamp\":\"2026-11-23T07:28:{:02}Z\",\"event_type\":\"agent.updated\",\
         \"category\":\"agent\",\"actor\":{{\"type\":\"user\",\"id\":\"usr_{}\",\"email\":\"{email}\"}},\
         \"resource\":{{\"type\":\"agent\",\"id\":\"{resource}\"}},\"action\":\"update\",\"status\":\"success\",\
         \"metadata\":{{}}}}",
        i % 60,
        i % 3
    )
    .into_bytes()
}

fn epoch(count: u32) -> Epoch {
    let mut builder = EpochBuilder::new(TagKeys::new(&Secret::new([7; 32]), 100));
    for i in 0..count {
        let body = event(i, "Ada@Example.com", &format!("agt_{}", i % 5));
        builder.add(i, &Fields::scan(&body).unwrap());
    }
    builder.finish()
}

#[test]
fn a_stretch_is_a_function_of_records_and_secret() {
    let one = epoch(10);
    assert_eq!(hex(&one.root()), "f1fc7929147e69e331911bad0e5e4d8cf8888cdfa2eba309577e923b4beca1b4");
    assert_eq!(one.leaves(), 1 + 3 + 1 + 5 + 1 + 1 + 1 + 1);
    assert_eq!(epoch(10).root(), one.root());
    assert_ne!(epoch(11).root(), one.root());
    assert_eq!(epoch(0).root(), merkle::empty());
    assert_eq!(one.event_us(), (1_795_418_880_000_000, 1_795_418_889_000_000));
}

#[test]
fn a_lookup_shows_the_records_or_the_leaves_around() {
    let one = epoch(10);
    let proved = |lookup: &Lookup| {
        lookup.leaves.iter().all(|shown| {
            let leaf = merkle::leaf_of(&shown.leaf.bytes());
            merkle::root_by_inclusion(&leaf, shown.index, one.leaves(), &shown.path) == Some(one.root())
        })
    };
    let there = one.lookup(Dimension::Resource, &Value::Pair("agent".into(), "agt_1".into())).unwrap();
    assert_eq!(there.postings, Some(vec![1, 6]));
    assert!(proved(&there) && there.leaves[0].leaf.postings == postings_hash(&[1, 6]));
    let folded = one.lookup(Dimension::ActorEmail, &Value::Text("ada@example.com".into())).unwrap();
    assert_eq!(folded.postings.map(|list| list.len()), Some(10), "e-mail addresses are in lower case");
    for dimension in Dimension::ALL {
        let value = if dimension.is_pair() {
            Value::Pair("no".into(), "ne".into())
        } else {
            Value::Text("none".into())
        };
        let none = one.lookup(dimension, &value).unwrap();
        let tag = one.keys().of(dimension).tag(&value.bytes());
        assert_eq!(none.postings, None);
        assert!(proved(&none));
        let (below, above): (Vec<&ShownLeaf>, Vec<&ShownLeaf>) =
            none.leaves.iter().partition(|shown| shown.leaf.tag < tag);
        assert!(below.len() <= 1 && above.len() <= 1 && !none.leaves.is_empty());
        if below.is_empty() {
            assert_eq!(above[0].index, 0);
        } else if above.is_empty() {
            assert_eq!(below[0].index, one.leaves() - 1);
        } else {
            assert_eq!(below[0].index + 1, above[0].index);
        }
    }
    let nobody = epoch(0).lookup(Dimension::Status, &Value::Text("success".into())).unwrap();
    assert_eq!(nobody, Lookup { postings: None, leaves: Vec::new() });
}

#[test]
fn a_statement_is_read_back_and_altered_ones_are_not() {
    let said = Statement::of(&epoch(10), 100, 110, Some(90));
    let body = |metadata: &str, id: &str, kind: &str| {
        format!(r#"{{"event_id":"{id}","event_type":"{kind}","metadata":{metadata}}}"#).into_bytes()
    };
    let metadata = said.metadata();
    assert_eq!(Statement::read(&body(&metadata, "stele:index:100", EVENT_TYPE)), Ok(said.clone()));
    for (bad, id, kind) in [
        (metadata.clone(), "stele:index:101", EVENT_TYPE),
        (metadata.clone(), "stele:index:100", "stele.other"),
        (metadata.replace("\"b\":110", "\"b\":100"), "stele:index:100", EVENT_TYPE),
        (metadata.replace("\"b\":110", "\"b\":66000"), "stele:index:100", EVENT_TYPE),
        (metadata.replace("\"9\":", "\"10\":"), "stele:index:100", EVENT_TYPE),
        (metadata.replace("\"n\":", "\"more\":1,\"n\":"), "stele:index:100", EVENT_TYPE),
        (metadata.replace("\"root\":\"", "\"root\":\"x"), "stele:index:100", EVENT_TYPE),
        (metadata.replace("\"prev\":90", "\"prev\":null"), "stele:index:100", EVENT_TYPE),
    ] {
        assert!(Statement::read(&body(&bad, id, kind)).is_err(), "{bad}");
    }
}

#[test]
fn a_filter_has_one_form() {
    let text = |s: &str| Value::Text(s.to_owned());
    let filter = Filter::new(
        Axis::Commit,
        5,
        9,
        vec![
            (Dimension::ActorEmail, vec![text("Zoë@example.com"), text("ada@example.com")]),
            (Dimension::EventType, vec![text("auth.login"), text("auth.login")]),
            (Dimension::Actor, vec![Value::Pair("user".into(), "u\"1".into())]),
            (Dimension::Status, vec![]),
        ],
    );
    let shown = r#"{"axis":"commit","from_us":5,"to_us":9,"event_type":["auth.login"],"actor_id":[["user","u\"1"]],"actor_email":["ada@example.com","zoë@example.com"]}"#;
    assert_eq!(filter.text(), shown);
    assert_eq!(
        filter.words(),
        "recorded from 1970-01-01T00:00:00.000005Z up to and without 1970-01-01T00:00:00.000009Z; event_type is \
         \"auth.login\"; actor_id is user \"u\\\"1\"; actor_email is \"ada@example.com\" or \"zoë@example.com\""
    );
    assert_eq!(Filter::new(Axis::Event, 0, u64::MAX, vec![]).words(), "happened at any time");
    assert_eq!(Filter::parse(shown), Ok(filter));
    for bad in [
        "",
        "[]",
        r#"{"axis":"event","from_us":5}"#,
        r#"{"axis":"time","from_us":5,"to_us":9}"#,
        r#"{"axis":"event","from_us":5,"to_us":9,"actor":["x"]}"#,
        r#"{"axis":"event","from_us":5,"to_us":9,"actor_id":["x"]}"#,
        r#"{"axis":"event","from_us":5,"to_us":9,"status":"success"}"#,
        r#"{"axis":"event","from_us":5,"to_us":9,"status":[]}"#,
        r#"{"axis":"event","from_us":5,"to_us":9,"status":["b","a"]}"#,
        r#"{"axis":"event","from_us":5,"to_us":9,"actor_email":["Ada@example.com"]}"#,
        r#"{"axis":"event","axis":"commit","from_us":5,"to_us":9}"#,
        r#"{"axis":"event","from_us":5,"to_us":9, "status":["a"]}"#,
    ] {
        assert!(Filter::parse(bad).is_err(), "{bad}");
    }
}
