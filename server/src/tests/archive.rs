//! The archive's store and what depends on it: stores that refuse, hang or are not allowed to be asked, locks
//! that are lengthened, and a log that a restore makes whole again.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stele_engine::log::TierState;

use super::client::{Server, event};
use super::store::{Bucket, Mood, Moody};
use super::tiers::{DAY, archive, eventually, filled, own, restore, seal, sealed};
use crate::objects::ArchiveChoice;
use crate::offline::{Offline, Wanted};
use crate::state::DAY_US;

const RANGE: &str =
    r#"{"from":"2026-11-01T00:00:00Z","to":"2026-12-01T00:00:00Z","reason":"audit","days":3}"#;

/// Asks for a restore; its path.
fn asked(server: &Server, body: &str) -> String {
    let got = server.post_json("/v1/restores", body);
    assert_eq!(got.status, 202, "{}", got.text());
    format!("/v1/restores/{}", got.json()["id"].as_str().unwrap())
}

fn ended(server: &Server, path: &str) -> Value {
    eventually(server, path, |row| row["finished_at"].is_string())
}

/// Stops, and removes files that stay of archived segments.
fn remove(server: &mut Server, files: &[(u64, &str)]) {
    let log_id = server.app().tenant("default").unwrap().org.log_id.clone();
    server.stop();
    let segments = server.dir.path().join("orgs").join(log_id).join("segments");
    for (first, kind) in files {
        std::fs::remove_file(segments.join(format!("{first:020}.{kind}"))).unwrap();
    }
}

/// The same, and starts again.
fn without(mut server: Server, files: &[(u64, &str)]) -> Server {
    remove(&mut server, files);
    server.restart()
}

/// Goal: a log that is read-only for want of files of an archived segment is made whole by a restore, and takes
/// events again without a restart; what was asked meanwhile is told then.
#[test]
fn a_restore_mends_a_log_that_opened_read_only() {
    let server = sealed();
    let before = server.get("/v1/events/e-7").body;
    archive(&server);
    let server = without(server, &[(0, "h"), (0, "seen"), (0, "manifest")]);
    let ready = server.get("/readyz");
    assert_eq!((ready.status, ready.text().contains("the file is missing")), (503, true), "{}", ready.text());
    assert_eq!(server.post_json("/v1/events", &event("mended")).status, 503);
    let row = restore(&server);
    assert_eq!(
        (&row["status"], &row["done"], &row["recorded"]),
        (&json!("done"), &json!(1), &json!(true)),
        "{row}"
    );
    let ready = server.get("/readyz");
    assert_eq!((ready.status, &ready.json()["reasons"]), (200, &json!([])));
    assert_eq!(server.post_json("/v1/events", &event("mended")).status, 200);
    assert_eq!(server.get("/v1/events/e-7").body, before, "byte for byte");
    for kind in ["restore_requested", "restore_completed"] {
        assert_eq!(own(&server, kind).len(), 1, "{kind}");
    }
    let server = server.restart();
    assert_eq!((server.get("/readyz").status, server.get("/v1/events/mended").status), (200, 200));
}

#[test]
fn a_restore_without_a_server_mends_a_log_too() {
    let mut server = sealed();
    archive(&server);
    remove(&mut server, &[(0, "manifest")]);
    let data = server.dir.path().to_owned();
    let offline = Offline { data, archive: ArchiveChoice::default(), org: None };
    let refused = offline.archive("now").unwrap_err().to_string();
    assert!(refused.contains("the file is missing"), "{refused}");
    let wanted =
        Wanted { from: "2026-11-01T00:00:00Z".to_owned(), to: None, reason: "audit".to_owned(), days: 3 };
    let brought = offline.restore(&wanted).unwrap();
    assert_eq!((brought.whole, &brought.restores[0]["recorded"]), (true, &json!(true)), "{brought:?}");
    let server = server.restart();
    assert_eq!((server.get("/readyz").status, server.get("/v1/events/e-7").status), (200, 200));
    for kind in ["restore_requested", "restore_completed"] {
        assert_eq!(own(&server, kind).len(), 1, "{kind}");
    }
}

/// Goal: while other segments still have to be mended, a restore of one of them ends, says that its events are
/// not recorded yet, and they follow.
#[test]
fn a_restore_into_a_log_that_stays_read_only_is_told_later() {
    let server = sealed();
    let between = crate::routes::show_time(crate::routes::now_ns());
    std::thread::sleep(Duration::from_millis(5));
    let tenant = server.app().tenant("default").unwrap();
    let second = tenant.log.tiers()[0].last_sequence + 1;
    seal(&server, &tenant);
    drop(tenant);
    std::thread::sleep(Duration::from_millis(5));
    assert_eq!(server.post_json("/v1/archives", r#"{"before":"now"}"#).status, 202);
    eventually(&server, "/v1/archives", |list| list["archives"][1]["state"] == "archived");
    let server = without(server, &[(0, "seen"), (second, "seen")]);
    let late = format!(r#"{{"from":"{between}","reason":"the second one"}}"#);
    let first_path = asked(&server, &late);
    let row = ended(&server, &first_path);
    assert_eq!(
        (&row["status"], &row["segments"][0]["first_sequence"], &row["total"], &row["recorded"]),
        (&json!("done"), &json!(second), &json!(1), &json!(false)),
        "{row}"
    );
    assert_eq!(server.get("/readyz").status, 503);
    // It is known across a restart.
    let server = server.restart();
    assert_eq!(ended(&server, &asked(&server, RANGE))["recorded"], true);
    eventually(&server, &first_path, |row| row["recorded"] == true);
    for kind in ["restore_requested", "restore_completed"] {
        assert_eq!(own(&server, kind).len(), 2, "{kind}");
    }
    assert_eq!(server.get("/readyz").status, 200);
}

/// Goal: what a store does not allow ends after a few tries with the object and the store's words, and can be
/// asked for again.
#[test]
fn a_restore_that_the_store_does_not_allow_ends_and_can_be_asked_for_again() {
    let store = Moody::new();
    let server = filled(Server::with(|options| options.archive = store.choice()));
    archive(&server);
    store.is(Mood::Denies);
    let path = asked(&server, RANGE);
    let row = ended(&server, &path);
    assert_eq!((&row["status"], &row["refused"]), (&json!("failed"), &json!(1)), "{row}");
    let detail = row["segments"][0]["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains(".cold") && detail.contains("the policy says no"), "{detail}");
    let told = own(&server, "restore_failed");
    assert_eq!(told[0]["metadata"]["refused"][0]["detail"], detail);
    store.is(Mood::Willing);
    let again = asked(&server, RANGE);
    assert_ne!(again, path);
    assert_eq!(ended(&server, &again)["status"], "done");
}

/// Goal: what a store answers without a reason that passes is tried until the deadline, then given up.
#[test]
fn a_restore_that_fails_for_no_passing_reason_ends_at_its_deadline() {
    let store = Moody::new();
    let server = filled(Server::with(|options| options.archive = store.choice()));
    archive(&server);
    store.is(Mood::Fails);
    let path = asked(&server, RANGE);
    let row = eventually(&server, &path, |row| row["segments"][0]["detail"].is_string());
    assert_eq!(
        (&row["status"], &row["segments"][0]["state"]),
        (&json!("running"), &json!("pending")),
        "{row}"
    );
    let server = server.restart_with(|options| {
        options.archive = store.choice();
        options.clock_ahead = DAY * 2;
    });
    let row = ended(&server, &path);
    assert_eq!((&row["status"], &row["refused"]), (&json!("failed"), &json!(1)), "{row}");
    assert!(row["segments"][0]["detail"].as_str().unwrap().contains("the store answered 418"), "{row}");
}

fn put(server: &Server, body: &str) {
    let json = [("content-type", "application/json")];
    let got = server.call("PUT", "/v1/retention", &json, body.as_bytes());
    assert_eq!(got.status, 200, "{}", got.text());
}

/// Goal: a longer plan and a hold lengthen the locks of what is in the archive already, the list says how far
/// that is, and an event tells of it; what is not allowed is named; nothing is shortened.
#[test]
fn a_longer_plan_and_a_hold_lengthen_the_locks_of_what_is_archived() {
    let store = Moody::new();
    let with = |options: &mut crate::serve::ServeOptions| options.archive = store.choice();
    let server = filled(Server::with(with));
    let listed = archive(&server);
    let committed = server.app().tenant("default").unwrap().log.tiers()[0].committed_last_us;
    let names = |until: &dyn Fn(u64) -> bool| {
        let lengthened = store.lengthened.lock().unwrap();
        let found = lengthened.iter().filter(|(_, date)| until(*date)).map(|(name, _)| name.clone());
        found.collect::<std::collections::BTreeSet<_>>().len()
    };
    assert_eq!(names(&|date| date > committed + 365 * DAY_US), 0);
    assert_eq!(listed["locks"]["total"], 1, "{listed}");

    // A store that is away: it is gone on with, also after a restart.
    store.is(Mood::Later);
    put(&server, r#"{"plan":"enterprise"}"#);
    let waits = eventually(&server, "/v1/archives", |list| list["error"]["step"] == "lock");
    assert_eq!(
        (&waits["locks"]["lengthening"], &waits["locks"]["lock_days"], &waits["locks"]["done"]),
        (&json!(true), &json!(2556), &json!(0)),
        "{waits}"
    );
    let server = server.restart_with(with);
    store.is(Mood::Willing);
    let done = eventually(&server, "/v1/archives", |list| list["locks"]["lengthening"] == false);
    assert_eq!(
        (&done["locks"]["lock_days"], &done["locks"]["done"], &done["locks"]["error"]),
        (&json!(2556), &json!(1), &Value::Null)
    );
    assert_eq!(names(&|date| date == committed + 2556 * DAY_US), 4, "all objects");
    let told = own(&server, "archive_locks_lengthened");
    let last = &told[told.len() - 1];
    assert_eq!(
        (
            &last["status"],
            &last["metadata"]["lock_days"],
            &last["metadata"]["objects"],
            &last["metadata"]["failed"]
        ),
        (&json!("success"), &json!(2556), &json!(4), &json!(0)),
        "{last}"
    );

    *store.sealed.lock().unwrap() = Some(".idx".to_owned());
    let now = crate::state::now_us();
    put(&server, r#"{"legal_hold":true}"#);
    let failed = eventually(&server, "/v1/archives", |list| list["locks"]["error"].is_object());
    assert!(failed["locks"]["error"]["detail"].as_str().unwrap().contains(".idx"), "{failed}");
    assert_eq!(names(&|date| date >= now + 2556 * DAY_US), 3, "all others");
    let told = own(&server, "archive_locks_lengthened");
    let last = &told[told.len() - 1];
    assert_eq!((&last["status"], &last["metadata"]["failed"]), (&json!("failure"), &json!(1)), "{last}");
    assert!(last["metadata"]["locked_until"].is_string(), "{last}");

    // A shorter plan shortens nothing, and the next day of the hold mends what failed.
    *store.sealed.lock().unwrap() = None;
    store.lengthened.lock().unwrap().clear();
    let server = server.restart_with(|options| {
        with(options);
        options.clock_ahead = DAY + DAY / 2;
    });
    eventually(&server, "/v1/archives", |list| list["locks"]["error"].is_null());
    assert_eq!(names(&|date| date >= now + 2557 * DAY_US), 4);
    let settled = store.lengthened.lock().unwrap().len();
    put(&server, r#"{"plan":"pro"}"#);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(store.lengthened.lock().unwrap().len(), settled);
}

/// Goal: a store that does not answer holds up what needs it, and nothing else. Method: it hangs in the midst of
/// a segment; another one is compressed meanwhile, events are taken, the list answers.
#[test]
fn a_store_that_hangs_holds_up_nothing_that_does_not_need_it() {
    let store = Moody::new();
    let server = filled(Server::with(|options| options.archive = store.choice()));
    store.is(Mood::Hangs);
    std::thread::sleep(Duration::from_millis(5));
    assert_eq!(server.post_json("/v1/archives", r#"{"before":"now"}"#).status, 202);
    let begun = Instant::now();
    while store.calls.load(Ordering::SeqCst) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60));
        server.app().tiers.ring();
        std::thread::sleep(Duration::from_millis(20));
    }
    let tenant = server.app().tenant("default").unwrap();
    seal(&server, &tenant);
    std::thread::sleep(Duration::from_millis(5));
    assert_eq!(server.post_json("/v1/archives", r#"{"before":"now"}"#).status, 202);
    let state = |at: usize| tenant.log.tiers().get(at).map(|range| range.state);
    while state(1) != Some(TierState::Cold) {
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", tenant.log.tiers());
        server.app().tiers.ring();
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(state(0), Some(TierState::Cold), "still on its way");
    assert_eq!(server.get("/v1/archives").json()["archives"], json!([]));
    store.is(Mood::Willing);
    eventually(&server, "/v1/archives", |list| list["archives"][1]["state"] == "archived");
}

/// Goal: a bucket that may not be asked whether it locks is no reason not to start; nothing is put into it, both
/// are said, and it is asked again.
#[test]
fn a_bucket_that_may_not_be_asked_for_its_lock_gets_nothing_until_it_may() {
    let bucket = Bucket::new();
    let server = filled(Server::with(|options| options.archive = bucket.choice()));
    let listed = eventually(&server, "/v1/archives", |list| list["unproved"].is_object());
    let detail = listed["unproved"]["detail"].as_str().unwrap();
    assert!(detail.contains("403") && detail.contains("s3:GetBucketObjectLockConfiguration"), "{detail}");
    let ready = server.get("/readyz");
    assert!(ready.status == 200 && ready.text().contains("nothing is archived"), "{}", ready.text());
    std::thread::sleep(Duration::from_millis(5));
    assert_eq!(server.post_json("/v1/archives", r#"{"before":"now"}"#).status, 202);
    let tenant = server.app().tenant("default").unwrap();
    let begun = Instant::now();
    while tenant.log.tiers()[0].state != TierState::Cold {
        assert!(begun.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!((bucket.others.load(Ordering::SeqCst), tenant.log.tiers()[0].state), (0, TierState::Cold));
    bucket.allowed.store(true, Ordering::SeqCst);
    eventually(&server, "/v1/archives", |list| {
        list["unproved"].is_null() && list["locks"]["lengthening"] == false
    });
    eventually(&server, "/readyz", |ready| !ready["warnings"].to_string().contains("nothing is archived"));
    let begun = Instant::now();
    while bucket.others.load(Ordering::SeqCst) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "the segment goes on its way");
        server.app().tiers.ring();
        std::thread::sleep(Duration::from_millis(20));
    }
}
