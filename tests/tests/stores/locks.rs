//! What is locked cannot be deleted, replaced or shortened, and the server does not take the store's word
//! for it.

use serde_json::json;
use stele_engine::archive::ObjectError;
use stele_server::objects::{Lock, OpenError, StoreOptions};

use crate::stores::{in_days, logged, open, options, seaweedfs, try_open};

const DAY_US: u64 = 86_400_000_000;

#[test]
fn a_locked_object_withstands_delete_and_overwrite_and_is_read_by_version() {
    let store = seaweedfs();
    let bucket = store.bucket("lock");
    let archive = open(&format!("s3://{bucket}/log"), &options(&store.url()));
    let until = in_days(400);
    let put = archive.put_new("a/1.cold", b"what happened", Some(until)).unwrap();
    let version = put.version.expect("a bucket with a lock keeps versions");
    assert_eq!(put.bytes, 13);

    let lock = store.client(&["retention", &bucket, "log/a/1.cold", &version]);
    assert_eq!(lock, json!({"mode": "COMPLIANCE", "until": until.div_ceil(1_000_000)}));
    let refused = store.client(&["delete", &bucket, "log/a/1.cold", &version]);
    assert_eq!(refused, json!({"refused": "AccessDenied"}), "not even by who bypasses governance");

    // Another client may put a newer version on top: the archive reads its own.
    store.client(&["put", &bucket, "log/a/1.cold", "what did not"]);
    assert_eq!(archive.get("a/1.cold", Some(&version), 100).unwrap(), b"what happened");
    let newest = archive.head("a/1.cold").unwrap().unwrap();
    assert_eq!(newest.bytes, 12);
    assert_ne!(newest.version.as_ref(), Some(&version), "the stranger's version is told apart");
}

#[test]
fn a_lock_is_lengthened_and_never_shortened() {
    let store = seaweedfs();
    let bucket = store.bucket("lock");
    let archive = open(&format!("s3://{bucket}"), &options(&store.url()));
    let until = in_days(30);
    let version = archive.put_new("x", b"x", Some(until)).unwrap().version.unwrap();
    let seconds = |us: u64| us.div_ceil(1_000_000);
    let lock = || store.client(&["retention", &bucket, "x", &version])["until"].as_u64().unwrap();

    archive.retain("x", Some(&version), until - 10 * DAY_US).expect("it is locked longer already");
    assert_eq!(lock(), seconds(until), "a shorter date changes nothing");
    archive.retain("x", Some(&version), until + 10 * DAY_US).unwrap();
    assert_eq!(lock(), seconds(until + 10 * DAY_US));

    let sooner = seconds(until).to_string();
    let refused = store.client(&["set_retention", &bucket, "x", &version, "COMPLIANCE", &sooner]);
    assert_eq!(refused, json!({"refused": "AccessDenied"}), "nobody shortens it behind our back");
    assert_eq!(archive.retain("missing", None, until), Err(ObjectError::NotFound));
}

#[test]
fn a_lock_that_others_may_lift_is_not_taken_for_one() {
    let store = seaweedfs();
    let bucket = store.bucket("lock");
    let archive = open(&format!("s3://{bucket}"), &options(&store.url()));
    let version = store.client(&["put", &bucket, "x", "x"])["version"].as_str().unwrap().to_owned();
    let far = in_days(500) / 1_000_000;
    store.client(&["set_retention", &bucket, "x", &version, "GOVERNANCE", &far.to_string()]);
    let error = archive.retain("x", Some(&version), in_days(30)).expect_err("governance gives way");
    assert!(matches!(error, ObjectError::Denied(_)), "{error:?}");
}

/// Goal: an object whose lock was lost with the answer of its PUT is locked before it counts as there.
#[test]
fn an_object_that_exists_is_locked_before_exists_is_said() {
    let store = seaweedfs();
    let bucket = store.bucket("lock");
    let archive = open(&format!("s3://{bucket}"), &options(&store.url()));
    let same = store.client(&["put", &bucket, "same", "x"])["version"].as_str().unwrap().to_owned();
    let other = store.client(&["put", &bucket, "other", "not x"])["version"].as_str().unwrap().to_owned();
    let until = in_days(30);
    assert_eq!(archive.put_new("same", b"x", Some(until)), Err(ObjectError::Exists));
    assert_eq!(archive.put_new("other", b"x", Some(until)), Err(ObjectError::Exists));
    assert_eq!(store.client(&["retention", &bucket, "same", &same])["mode"], "COMPLIANCE");
    let other = store.client(&["retention", &bucket, "other", &other]);
    assert!(other["mode"].is_null(), "a stranger's object is not locked into the archive: {other}");
}

#[test]
fn a_delete_marker_is_named_as_tampering_and_the_version_stays_readable() {
    let store = seaweedfs();
    let bucket = store.bucket("lock");
    let archive = open(&format!("s3://{bucket}"), &options(&store.url()));
    let version = archive.put_new("x", b"kept", Some(in_days(30))).unwrap().version.unwrap();
    assert_eq!(store.client(&["delete", &bucket, "x"]), json!({"marker": true}));
    let listed = store.client(&["versions", &bucket, "x"]);
    assert_eq!(
        (listed["versions"].as_array().unwrap().len(), listed["markers"].as_array().unwrap().len()),
        (1, 1)
    );

    let error = archive.head("x").expect_err("deleted is not absent");
    assert!(error.to_string().contains("delete marker"), "{error}");
    let error = archive.get("x", None, 100).expect_err("hidden");
    assert!(error.to_string().contains("delete marker"), "{error}");
    assert_eq!(archive.get("x", Some(&version), 100).unwrap(), b"kept");
    assert_eq!(archive.request("x", Some(&version), 1), Ok(true));
    assert_eq!(archive.head("never"), Ok(None));
}

#[test]
fn a_bucket_without_a_lock_is_refused_unless_told_to_go_without() {
    let store = seaweedfs();
    let bucket = store.bucket("plain");
    let url = format!("s3://{bucket}");
    let required = options(&store.url());
    let Err(OpenError::Unfit { what, .. }) = try_open(&url, &required) else { panic!("opened") };
    assert!(what.contains("Object Lock") && what.contains("--archive-lock off"), "{what}");

    let off = StoreOptions { lock: Some(Lock::Off), ..required };
    let (archive, log) = logged(|| open(&url, &off));
    assert!(log.contains("WARN") && log.contains("not locked") && log.contains("no versions"), "{log}");
    let put = archive.put_new("x", b"x", Some(in_days(30))).unwrap();
    assert_eq!(put.version, None, "none is invented");
    archive.retain("x", None, in_days(60)).expect("nothing to lengthen");
    assert_eq!(archive.get("x", None, 100).unwrap(), b"x");
}
