//! Single steps on small documents; whole reports are tested from outside, in `tests/custody`.

use super::form::Form;
use super::*;
use crate::ids::Secret;
use crate::tags::{Dimension, EpochBuilder, Statement, TagKeys, Value};

const EMPTY: &str = r#"{"format":"stele.report/v1","checkpoint":"","key":"","filter":"","entries":[],"headers":[],"index_records":[],"epochs":[],"proof":[],"verification_hash":""}"#;

#[test]
fn a_document_of_another_form_is_named() {
    assert!(Form::read(EMPTY.as_bytes()).is_ok());
    for (bad, named) in [
        (EMPTY.replace("v1", "v2"), "stele.report/v2"),
        (EMPTY.replace("\"proof\":[]", "\"proof\":{}"), "line 1 column"),
        (EMPTY.replace("\"proof\":[],", ""), "proof"),
        (EMPTY.replace("\"proof\":[]", "\"proof\":[],\"proof\":[]"), "duplicate"),
        (EMPTY.replace("\"proof\":[]", "\"proof\":[],\"more\":1"), "more"),
        (EMPTY.replace("\"epochs\":[]", "\"epochs\":[{\"seq\":1,\"keys\":[],\"lookups\":[]}]"), "keys"),
        (
            EMPTY.replace(
                "\"epochs\":[]",
                "\"epochs\":[{\"seq\":1,\"keys\":{},\"lookups\":[{\"dim\":1,\"value\":\"x\",\"leaves\":[]}]}]",
            ),
            "postings",
        ),
    ] {
        let Err(fault) = Form::read(bad.as_bytes()) else { panic!("read: {bad}") };
        assert!(fault.step == 0 && fault.to_string().contains(named), "{fault}");
    }
}

#[test]
fn a_value_that_nothing_has_needs_an_empty_index_or_its_neighbours() {
    let keys = TagKeys::new(&Secret::new([7; 32]), 0);
    let epoch = EpochBuilder::new(keys).finish();
    let statement = Statement { b: 5, ..Statement::of(&epoch, 0, 1, None) };
    let filter = Filter::new(Axis::Event, 0, 9, vec![(Dimension::Status, vec![Value::Text("x".into())])]);
    let key = hex(epoch.keys().of(Dimension::Status).bytes());
    let document = EMPTY.replace(
        "\"epochs\":[]",
        &format!(
            "\"epochs\":[{{\"seq\":5,\"keys\":{{\"5\":\"{key}\"}},\"lookups\":[{{\"dim\":5,\"value\":\"x\",\"postings\":null,\"leaves\":[]}}]}}]"
        ),
    );
    let hits = |document: &str, statement: &Statement| {
        let form = Form::read(document.as_bytes()).unwrap();
        lookups::hits(0, &form.epochs[0], statement, &filter).map(|hits| hits.iter(0).count())
    };
    assert_eq!(hits(&document, &statement), Ok(0));
    // One leaf, and none shown of it.
    let fault = hits(&document, &Statement { n: 1, ..statement.clone() }).unwrap_err();
    assert_eq!((fault.step, fault.place.as_str()), (5, "epochs[0].lookups[0].leaves"));
    let listed = document.replace("null", "[5]");
    let fault = hits(&listed, &statement).unwrap_err();
    assert_eq!((fault.step, fault.place.as_str()), (5, "epochs[0].lookups[0].postings"));
    let twice = document.replace("\"5\":", "\"5\":\"\",\"5\":");
    assert_eq!(hits(&twice, &statement).unwrap_err().place, "epochs[0].keys");
    let other = document.replace("\"dim\":5", "\"dim\":4");
    assert_eq!(hits(&other, &statement).unwrap_err().place, "epochs[0].lookups[0]");
}
