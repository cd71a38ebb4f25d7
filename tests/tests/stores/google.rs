//! Google Cloud Storage, by a mock of it.

use stele_engine::archive::ObjectError;
use stele_server::objects::{Lock, OpenError, StoreOptions};
use stele_tests::wire::Call;

use crate::proxy::{Fault, Proxy};
use crate::stores::{gcs, in_days, open, options, try_open};

#[test]
fn an_object_is_created_once_and_read_by_generation() {
    let archive = open("gs://locked-a/log", &options(&gcs().url()));
    assert_eq!(archive.head("x/1").unwrap(), None);
    let put = archive.put_new("x/1", b"first", Some(in_days(300))).unwrap();
    let generation = put.version.clone().expect("a generation");
    assert_eq!(archive.put_new("x/1", b"second", Some(in_days(300))), Err(ObjectError::Exists));
    assert_eq!(archive.head("x/1").unwrap(), Some(put));
    assert_eq!(archive.get("x/1", Some(&generation), 5).unwrap(), b"first");
    assert_eq!(archive.get("x/1", Some("1"), 5), Err(ObjectError::NotFound), "another generation");
    assert!(matches!(archive.get("x/1", Some("1&x"), 5), Err(ObjectError::Other(_))));
    assert!(archive.get("x/1", Some(&generation), 4).is_err(), "larger than it may be");
    assert_eq!(archive.request("x/1", Some(&generation), 1), Ok(true));
    assert_eq!(archive.request("y", None, 1), Err(ObjectError::NotFound));

    let address = format!("127.0.0.1:{}", gcs().port).parse().unwrap();
    let delete = Call::new(address, "DELETE", "/locked-a/log/x/1").key("good-token").send();
    assert_eq!(delete.status, 403, "the bucket's policy keeps it");
}

#[test]
fn the_buckets_policy_must_keep_an_object_as_long_as_it_has_to() {
    let archive = open("gs://locked-b", &options(&gcs().url()));
    let error = archive.put_new("x", b"x", Some(in_days(400))).expect_err("the bucket keeps it for 365 days");
    assert!(error.to_string().contains("lengthen the policy"), "{error}");
    assert_eq!(archive.head("x").unwrap(), None, "nothing was stored");
    let version = archive.put_new("x", b"x", Some(in_days(364))).unwrap().version;
    archive.retain("x", version.as_deref(), in_days(364)).unwrap();
    let error = archive.retain("x", version.as_deref(), in_days(366)).expect_err("longer than the policy");
    assert!(error.to_string().contains("lengthen the policy"), "{error}");
    assert_eq!(archive.retain("y", None, in_days(1)), Err(ObjectError::NotFound));
}

#[test]
fn a_bucket_without_a_locked_policy_is_refused_unless_told_to_go_without() {
    let required = options(&gcs().url());
    for (bucket, part) in [("gs://loose-a", "not locked"), ("gs://plain-a", "no retention policy")] {
        let Err(OpenError::Unfit { what, .. }) = try_open(bucket, &required) else { panic!("{bucket}") };
        assert!(what.contains(part) && what.contains("--archive-lock off"), "{what}");
    }
    let off = StoreOptions { lock: Some(Lock::Off), ..required };
    let archive = open("gs://plain-a", &off);
    archive.put_new("x", b"x", Some(in_days(9999))).unwrap();
    archive.retain("x", None, in_days(9999)).expect("nothing to lengthen");
}

#[test]
fn wrong_credentials_and_buckets_are_named() {
    let mut wrong = options(&gcs().url());
    wrong.environment.insert("GOOGLE_BEARER_TOKEN".into(), "bad-token".into());
    let error = open("gs://locked-a", &wrong).check().expect_err("refused").to_string();
    assert!(error.contains("credentials are not accepted") && !error.contains("bad-token"), "{error}");
    let error = try_open("gs://other-a", &options(&gcs().url())).err().expect("refused").to_string();
    assert!(error.contains("no such bucket"), "{error}");
    wrong.environment.insert("GOOGLE_SERVICE_ACCOUNT".into(), "/no/such/file.json".into());
    wrong.environment.remove("GOOGLE_BEARER_TOKEN");
    let error = try_open("gs://locked-a", &wrong).err().expect("refused");
    assert!(
        matches!(error, OpenError::Usage(_)) && error.to_string().contains("archive credentials"),
        "{error}"
    );
}

#[test]
fn trouble_that_passes_is_tried_again() {
    let proxy = Proxy::to(gcs().port);
    let archive = open("gs://locked-c", &options(&proxy.url));
    proxy.next(&[Fault::Refuse(503, "SlowDown"), Fault::Close], Fault::Pass);
    archive.put_new("x", b"whole", Some(in_days(1))).unwrap();
    proxy.next(&[Fault::Truncate, Fault::Refuse(429, "TooMany")], Fault::Pass);
    assert_eq!(archive.get("x", None, 100).unwrap(), b"whole");
    proxy.next(&[], Fault::Refuse(500, "InternalError"));
    assert!(matches!(archive.head("x"), Err(ObjectError::Temporary(_))));
    assert_eq!(proxy.seen().len(), 3);
}
