//! Networks that break and services that are overloaded: tried again for a while, then named; never more
//! or less than the object, and never two of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use stele_engine::archive::{ObjectError, ObjectStore};
use stele_server::objects::{Lock, OpenError, Patience, StoreOptions};

use crate::proxy::{Fault, Proxy};
use crate::stores::{in_days, logged, open, options, seaweedfs, try_open};

/// A store behind a proxy, with one object `x` in it.
fn behind_proxy() -> (Proxy, Arc<dyn ObjectStore>, String) {
    let store = seaweedfs();
    let proxy = Proxy::to(store.port);
    let archive = open(&format!("s3://{}", store.bucket("lock")), &options(&proxy.url));
    let version = archive.put_new("x", &[5; 5000], Some(in_days(1))).unwrap().version.unwrap();
    (proxy, archive, version)
}

fn temporary<T: std::fmt::Debug>(result: Result<T, ObjectError>) -> String {
    match result {
        Err(ObjectError::Temporary(what)) => what,
        other => panic!("no trouble that passes: {other:?}"),
    }
}

#[test]
fn trouble_that_passes_is_tried_again() {
    let (proxy, archive, version) = behind_proxy();
    for faults in [
        [Fault::Refuse(500, "InternalError"), Fault::Refuse(503, "SlowDown")],
        [Fault::Close, Fault::Close],
        [Fault::Truncate, Fault::LoseAnswer],
    ] {
        proxy.next(&faults, Fault::Pass);
        assert_eq!(archive.get("x", Some(&version), 5000).unwrap(), [5; 5000], "{faults:?}");
        assert_eq!(proxy.seen().len(), 3, "{faults:?}");
    }
}

#[test]
fn trouble_that_stays_is_named_after_a_few_attempts() {
    let (proxy, archive, version) = behind_proxy();
    for (fault, part) in [
        (Fault::Refuse(503, "SlowDown"), "503 SlowDown"),
        (Fault::Close, "connection broke"),
        (Fault::Truncate, "connection broke"),
    ] {
        proxy.next(&[], fault);
        let what = temporary(archive.get("x", Some(&version), 5000));
        assert!(what.contains(part) && what.contains("tried 3 times"), "{fault:?}: {what}");
        assert_eq!(proxy.seen().len(), 3, "{fault:?}");
    }
}

#[test]
fn a_refusal_is_not_tried_again() {
    let (proxy, archive, _) = behind_proxy();
    proxy.next(&[], Fault::Refuse(403, "AccessDenied"));
    let error = archive.put_new("y", b"y", None).expect_err("refused");
    assert!(matches!(&error, ObjectError::Denied(what) if what.contains("s3:PutObject")), "{error:?}");
    assert_eq!(proxy.seen().len(), 1);
    proxy.next(&[], Fault::Refuse(403, "RequestTimeTooSkewed"));
    assert!(archive.get("x", None, 10).expect_err("refused").to_string().contains("clock"));
}

/// Goal: a PUT whose answer was lost leaves one object, and says so; the next look finds it.
#[test]
fn a_lost_answer_makes_no_second_object() {
    let (proxy, archive, _) = behind_proxy();
    proxy.next(&[Fault::LoseAnswer], Fault::Pass);
    assert_eq!(archive.put_new("y", b"once", Some(in_days(1))), Err(ObjectError::Exists));
    let put = archive.head("y").unwrap().unwrap();
    assert_eq!(archive.get("y", put.version.as_deref(), 10).unwrap(), b"once");
}

/// Goal: an object does not count as stored while its lock is unconfirmed.
#[test]
fn an_object_whose_lock_cannot_be_seen_is_not_stored() {
    let (proxy, archive, _) = behind_proxy();
    proxy.next(&[Fault::Pass, Fault::Refuse(403, "")], Fault::Pass);
    let error = archive.put_new("y", b"y", Some(in_days(1))).expect_err("unconfirmed");
    assert!(matches!(error, ObjectError::Denied(_)), "{error:?}");
    assert_eq!(
        archive.put_new("y", b"y", Some(in_days(1))),
        Err(ObjectError::Exists),
        "and then it is there"
    );
}

#[test]
fn bytes_that_changed_on_the_way_are_not_returned() {
    let (proxy, archive, version) = behind_proxy();
    proxy.next(&[], Fault::Corrupt);
    let what = temporary(archive.get("x", Some(&version), 5000));
    assert!(what.contains("checksum"), "{what}");
}

#[test]
fn a_service_that_is_slow_is_left_in_time() {
    let store = seaweedfs();
    let proxy = Proxy::to(store.port);
    let mut impatient = options(&proxy.url);
    impatient.patience = Patience { answer: Duration::from_millis(1500), attempts: 2, ..impatient.patience };
    let archive = open(&format!("s3://{}", store.bucket("lock")), &impatient);
    archive.put_new("x", &[5; 5000], None).unwrap();
    for (fault, part) in [
        (Fault::Late(Duration::from_secs(15)), "no answer within 1.5 s"),
        (Fault::Stall(Duration::from_secs(15)), "the answer"),
    ] {
        proxy.next(&[], fault);
        let began = Instant::now();
        let what = temporary(archive.get("x", None, 5000));
        assert!(what.contains(part), "{fault:?}: {what}");
        assert!(began.elapsed() < Duration::from_secs(15), "{fault:?}: {:?}", began.elapsed());
    }
}

#[test]
fn a_stop_ends_a_call_that_waits() {
    let store = seaweedfs();
    let proxy = Proxy::to(store.port);
    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&stop);
    let halt: stele_server::objects::Halt = Arc::new(move || seen.load(Ordering::Relaxed));
    let told = StoreOptions { halt: Some(halt), ..options(&proxy.url) };
    let archive = open(&format!("s3://{}", store.bucket("lock")), &told);
    proxy.next(&[], Fault::Late(Duration::from_secs(30)));
    let began = Instant::now();
    let what = std::thread::scope(|scope| {
        let call = scope.spawn(|| temporary(archive.get("x", None, 10)));
        while proxy.seen().is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
        stop.store(true, Ordering::Relaxed);
        call.join().unwrap()
    });
    assert!(what.contains("stop") && began.elapsed() < Duration::from_secs(30), "{what}");
}

/// Goal: a server starts while its store is away, and stores nothing before the bucket was looked at.
#[test]
fn a_store_that_is_away_at_the_start_is_checked_before_the_first_object() {
    let store = seaweedfs();
    let proxy = Proxy::to(store.port);
    let url = format!("s3://{}", store.bucket("plain"));
    proxy.next(&[], Fault::Close);
    let (archive, log) = logged(|| open(&url, &options(&proxy.url)));
    assert!(log.contains("was not seen to lock"), "{log}");
    temporary(archive.put_new("x", b"x", Some(in_days(1))));
    proxy.next(&[], Fault::Pass);
    let error = archive.put_new("x", b"x", Some(in_days(1))).expect_err("the bucket has no lock");
    assert!(error.to_string().contains("Object Lock"), "{error}");
    assert_eq!(archive.head("x").unwrap(), None, "nothing was stored");
}

#[test]
fn a_host_that_does_not_listen_is_named() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (archive, log) = logged(|| open("s3://audit", &options(&format!("http://{nobody}"))));
    assert!(log.contains("cannot connect") && log.contains("refused"), "{log}");
    assert!(temporary(archive.head("x")).contains("cannot connect"));
}

#[test]
fn an_answer_that_sends_elsewhere_is_not_followed() {
    let (proxy, archive, _) = behind_proxy();
    proxy.next(&[], Fault::Refuse(307, "TemporaryRedirect"));
    let error = archive.get("x", None, 10).expect_err("not followed");
    assert!(error.to_string().contains("another region"), "{error}");
    assert_eq!(proxy.seen().len(), 1);
}

#[test]
fn options_that_cannot_work_are_wrong_usage() {
    let plain = options("http://10.1.2.3:9000");
    assert!(
        matches!(try_open("s3://audit", &plain), Err(OpenError::Usage(what)) if what.contains("plain HTTP"))
    );
    let mut half = options("http://127.0.0.1:1");
    half.environment.remove("AWS_SECRET_ACCESS_KEY");
    assert!(
        matches!(try_open("s3://audit", &half), Err(OpenError::Usage(what)) if what.contains("credentials"))
    );
    assert!(matches!(try_open("ftp://audit", &half), Err(OpenError::Usage(_))));
}

#[test]
fn a_directory_is_a_store_that_cannot_lock() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("file://{}/archive", dir.path().display());
    let plain = StoreOptions { endpoint: None, ..options("") };
    let archive = open(&url, &plain);
    archive.put_new("a/x", b"x", Some(in_days(1))).unwrap();
    assert_eq!(archive.put_new("a/x", b"y", None), Err(ObjectError::Exists));
    assert_eq!(archive.get("a/x", None, 10).unwrap(), b"x");
    let locked = StoreOptions { lock: Some(Lock::Required), ..plain };
    assert!(matches!(try_open(&url, &locked), Err(OpenError::Usage(what)) if what.contains("cannot lock")));
}
