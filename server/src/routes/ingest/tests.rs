use serde_json::Value;
use stele_engine::event::{Limits, Receipt, Taxonomy};
use stele_engine::log::Outcome;

use super::items::Items;
use super::reply::Reply;
use super::split;

const GOOD: &str = r#"{"event_id":"ID","event_type":"auth.login","actor":{"type":"system"},"resource":{"type":"t","id":"i"},"action":"a","status":"success"}"#;

fn items(lines: &[&str]) -> Items {
    let new_id = || "made".to_owned();
    let receipt =
        Receipt { now_ns: 1_700_000_000_000_000_000, ip_address: None, user_agent: None, new_id: &new_id };
    let taxonomy = Taxonomy::built_in();
    let mut judge = Items::new(&receipt, &taxonomy, Limits::default());
    split::lines(lines.join("\n").as_bytes(), |line| judge.add(line)).unwrap();
    judge.finish()
}

fn good(id: &str) -> String {
    GOOD.replace("ID", id)
}

fn value(answer: crate::http::answer::Answer) -> Value {
    serde_json::from_slice(&answer.into_body().into_bytes()).unwrap()
}

fn stored(sequence: u64) -> Outcome {
    Outcome::Stored { sequence, hash: [1; 32] }
}

#[test]
fn each_item_is_counted_once_and_errors_come_in_order() {
    let items = items(&[&good("a"), "not json", &good("b"), &good("c")]);
    let outcomes = [
        stored(7),
        Outcome::Conflict { sequence: Some(3), archived: false },
        Outcome::Duplicate { sequence: 2, hash: [2; 32], archived: false },
    ];
    let reply = value(Reply::of(items, &outcomes, false, true).list().unwrap());
    assert_eq!(
        (&reply["accepted"], &reply["duplicates"], &reply["rejected"]),
        (&1.into(), &1.into(), &2.into())
    );
    assert_eq!((&reply["first_sequence"], &reply["last_sequence"]), (&7.into(), &7.into()));
    let errors = reply["errors"].as_array().unwrap();
    assert_eq!(errors.iter().map(|e| e["index"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2]);
    assert_eq!((&errors[1]["event_id"], &errors[1]["code"]), (&"b".into(), &"conflict".into()));
    let receipts = reply["receipts"].as_array().unwrap();
    assert_eq!((&receipts[0]["event_id"], &receipts[0]["status"]), (&"a".into(), &"stored".into()));
    assert_eq!((&receipts[1]["sequence"], &receipts[1]["status"]), (&2.into(), &"duplicate".into()));
    assert_eq!(receipts[0]["hash"], "01".repeat(32));
}

#[test]
fn a_list_is_422_only_when_nothing_is_kept() {
    let nothing = Reply::of(items(&["{}"]), &[], false, false).list().unwrap_err().into_answer("r");
    assert_eq!(nothing.status(), 422);
    let nothing = value(nothing);
    assert_eq!((&nothing["rejected"], &nothing["first_sequence"]), (&1.into(), &Value::Null));
    let empty = value(Reply::of(items(&[]), &[], false, false).list().unwrap());
    assert_eq!((&empty["accepted"], &empty["receipts"]), (&0.into(), &Value::Array(vec![])));
}

#[test]
fn an_atomic_list_with_a_fault_is_422_and_says_what_was_not_stored() {
    let answer = Reply::of(items(&[&good("a"), "{}"]), &[], true, false).list().unwrap_err().into_answer("r");
    assert_eq!(answer.status(), 422);
    let reply = value(answer);
    assert_eq!((&reply["accepted"], &reply["rejected"]), (&0.into(), &2.into()));
    assert_eq!(reply["errors"][0]["code"], "not_stored");
}

#[test]
fn a_duplicate_of_an_archived_event_has_no_hash() {
    let outcome = Outcome::Duplicate { sequence: 4, hash: [2; 32], archived: true };
    let reply = value(Reply::of(items(&[&good("a")]), &[outcome], false, true).list().unwrap());
    let receipt = &reply["receipts"][0];
    assert_eq!((&receipt["sequence"], &receipt["archived"]), (&4.into(), &true.into()));
    assert!(receipt["hash"].is_null(), "{receipt}");
}

#[test]
fn a_single_event_answers_by_its_code() {
    let status =
        |line: &str, outcomes: &[Outcome]| match Reply::of(items(&[line]), outcomes, false, true).single() {
            Ok(answer) => answer.status().as_u16(),
            Err(problem) => problem.status.as_u16(),
        };
    assert_eq!(status(&good("a"), &[stored(0)]), 200);
    assert_eq!(
        status(&good("a"), &[Outcome::Duplicate { sequence: 0, hash: [0; 32], archived: false }]),
        200
    );
    assert_eq!(status(&good("a"), &[Outcome::Conflict { sequence: Some(0), archived: false }]), 409);
    assert_eq!(status("{}", &[]), 422);
    let large = good("a")
        .replace(r#""status""#, &format!(r#""metadata":{{"x":"{}"}},"status""#, "y".repeat(300_000)));
    assert_eq!(status(&large, &[]), 413);
}
