//! Creating, reading and asking for objects of S3.

use serde_json::json;
use stele_engine::archive::{ObjectError, Put};
use stele_server::objects::{Lock, OpenError, StoreOptions};

use crate::stores::{in_days, moto, open, options, seaweedfs, try_open};

#[test]
fn an_object_is_created_once() {
    let store = seaweedfs();
    let bucket = store.bucket("lock");
    let archive = open(&format!("s3://{bucket}/deep/prefix"), &options(&store.url()));
    assert_eq!(archive.describe(), format!("s3://{bucket}/deep/prefix"));
    assert_eq!(archive.head("x").unwrap(), None);
    let put = archive.put_new("x", b"first", Some(in_days(1))).unwrap();
    assert_eq!(archive.put_new("x", b"second", Some(in_days(1))), Err(ObjectError::Exists));
    assert_eq!(archive.get("x", None, 5).unwrap(), b"first");
    assert_eq!(archive.head("x").unwrap(), Some(put));
    let listed = store.client(&["versions", &bucket, "deep/prefix/x"]);
    assert_eq!(listed["versions"].as_array().unwrap().len(), 1, "{listed}");
}

#[test]
fn what_is_read_is_bounded_and_what_is_missing_is_said() {
    let store = seaweedfs();
    let archive = open(&format!("s3://{}", store.bucket("lock")), &options(&store.url()));
    let version = archive.put_new("x", &[7; 1000], None).unwrap().version.unwrap();
    let error = archive.get("x", Some(&version), 999).expect_err("larger than it may be");
    assert!(error.to_string().contains("999 bytes"), "{error}");
    assert_eq!(archive.get("x", Some(&version), 1000).unwrap(), [7; 1000]);
    assert_eq!(archive.get("y", None, 1000), Err(ObjectError::NotFound));
    assert_eq!(archive.request("y", None, 1), Err(ObjectError::NotFound));
    let empty = archive.put_new("empty", b"", None).unwrap();
    assert_eq!((empty.bytes, archive.get("empty", None, 10).unwrap()), (0, Vec::new()));
    for name in ["../x", "a//b", "x?versionId=null", ""] {
        assert!(matches!(archive.put_new(name, b"", None), Err(ObjectError::Other(_))), "{name}");
    }
    assert!(matches!(archive.get("x", Some("a&b"), 10), Err(ObjectError::Other(_))));
}

/// A segment is up to about 100 MiB; half of one, both ways, with the store's own checksum.
#[test]
fn a_large_object_comes_back_as_it_was() {
    let store = seaweedfs();
    let archive = open(&format!("s3://{}", store.bucket("lock")), &options(&store.url()));
    let bytes: Vec<u8> = (0..50_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let put = archive.put_new("large", &bytes, Some(in_days(1))).unwrap();
    assert_eq!(put.bytes, bytes.len() as u64);
    assert!(archive.get("large", put.version.as_deref(), 64 << 20).unwrap() == bytes);
}

#[test]
fn wrong_credentials_and_buckets_are_named() {
    let store = seaweedfs();
    let url = format!("s3://{}", store.bucket("lock"));
    let said = |url: &str, name: &str, value: &str| {
        let mut options = options(&store.url());
        options.environment.insert(name.to_owned(), value.to_owned());
        match try_open(url, &options) {
            Err(error @ OpenError::Unreachable { .. }) => error.to_string(),
            Err(error) => panic!("{error:?}"),
            // It may be set right while the server runs: the store is asked again, and gets nothing before.
            Ok(store) => {
                let error = store.check().expect_err(url);
                assert!(matches!(store.put_new("x", b"x", None), Err(ObjectError::Denied(_))), "{error}");
                error.to_string()
            }
        }
    };
    for (name, value) in [("AWS_SECRET_ACCESS_KEY", "wrong-secret"), ("AWS_ACCESS_KEY_ID", "nobody")] {
        let text = said(&url, name, value);
        assert!(text.contains("credentials are not accepted"), "{text}");
        assert!(
            !text.contains("wrong-secret") && !text.contains("stele-secret"),
            "a secret is no message: {text}"
        );
    }
    let text = said("s3://no-such-bucket", "AWS_ACCESS_KEY_ID", "stele");
    assert!(text.contains("no such bucket"), "{text}");
}

/// Goal: an object in a slow class comes back by asking. Method: moto keeps the class GLACIER as S3 does,
/// and restores at the first request.
#[test]
fn an_object_in_a_slow_class_is_asked_for_and_then_read() {
    let store = moto();
    let bucket = store.bucket("lock");
    let archive = open(&format!("s3://{bucket}"), &options(&store.url()));
    let version = store.client(&["put", &bucket, "cold", "as written", "GLACIER"])["version"]
        .as_str()
        .unwrap()
        .to_owned();
    let error = archive.get("cold", Some(&version), 100).expect_err("not there yet");
    assert!(matches!(error, ObjectError::NotYet(_)), "{error:?}");
    assert_eq!(archive.request("cold", Some(&version), 7), Ok(false), "asked for");
    assert_eq!(archive.request("cold", Some(&version), 7), Ok(true), "it has come");
    assert_eq!(archive.get("cold", Some(&version), 100).unwrap(), b"as written");
    let warm = archive.put_new("warm", b"x", Some(in_days(1))).unwrap();
    assert_eq!(archive.request("warm", warm.version.as_deref(), 7), Ok(true), "nothing to wait for");
}

/// moto takes a shorter date, which S3 and SeaweedFS refuse: so the archive never asks for one.
#[test]
fn a_store_that_would_shorten_a_lock_is_not_asked_to() {
    let store = moto();
    let bucket = store.bucket("lock");
    let archive = open(&format!("s3://{bucket}"), &options(&store.url()));
    let until = in_days(30);
    let Put { version, .. } = archive.put_new("x", b"x", Some(until)).unwrap();
    let version = version.unwrap();
    archive.retain("x", Some(&version), in_days(3)).unwrap();
    let lock = store.client(&["retention", &bucket, "x", &version]);
    assert_eq!(lock, json!({"mode": "COMPLIANCE", "until": until.div_ceil(1_000_000)}));
}

#[test]
fn a_bucket_that_keeps_versions_without_a_lock_is_taken_when_told_to() {
    let store = moto();
    let bucket = store.bucket("versions");
    let off = StoreOptions { lock: Some(Lock::Off), ..options(&store.url()) };
    let archive = open(&format!("s3://{bucket}"), &off);
    let version = archive.put_new("x", b"x", Some(in_days(30))).unwrap().version.expect("it keeps versions");
    assert_eq!(archive.get("x", Some(&version), 10).unwrap(), b"x");
    assert_eq!(
        store.client(&["delete", &bucket, "x", &version]),
        json!({"marker": false}),
        "no lock was asked for"
    );
    assert_eq!(archive.get("x", Some(&version), 10), Err(ObjectError::NotFound));
}
