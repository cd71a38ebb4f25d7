//! Verification through the server: by a call, and by the scrub.

use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{Server, event};
use crate::serve::Scrub;

fn fill(server: &Server, count: usize) {
    let lines: Vec<String> = (0..count).map(|i| event(&format!("e-{i:04}"))).collect();
    assert_eq!(server.post_lines("/v1/events", &lines).json()["accepted"], count);
}

fn verdict(server: &Server, ask: &Value) -> Value {
    let got = server.post_json("/v1/chain/verify", &ask.to_string());
    serde_json::from_str(got.text().lines().last().unwrap()).unwrap()
}

#[test]
fn a_checkpoint_that_was_kept_is_held_against_the_log() {
    let server = Server::new();
    fill(&server, 100);
    let kept = server.get("/v1/checkpoint").text();
    server.post_json("/v1/events", &event("later"));
    let found = verdict(&server, &json!({"checkpoint": kept, "deep": true}));
    assert_eq!((&found["result"], &found["faults"]), (&"ok".into(), &json!([])), "{found}");
    assert!(found["indexed_to"].is_u64());
    let other = Server::new();
    fill(&other, 100);
    let got = other.post_json("/v1/chain/verify", &json!({"checkpoint": kept}).to_string());
    assert_eq!(got.status, 422, "{}", got.text());
    assert!(got.text().contains("/checkpoint"));
}

#[test]
fn a_verification_is_as_old_as_its_beginning() {
    let server = Server::new();
    fill(&server, 10);
    let chain = server.get("/v1/chain").json();
    assert_eq!((&chain["verified"], &chain["deep_verified"]), (&Value::Null, &Value::Null));
    let before = crate::state::now_us();
    verdict(&server, &json!({}));
    let row = server.app().all_tenants()[0].verified.lock().unwrap().unwrap();
    assert!((before..crate::state::now_us()).contains(&row.at_us));
    assert_eq!(row.deep_at_us, 0);
    verdict(&server, &json!({"deep": true}));
    let row = server.app().all_tenants()[0].verified.lock().unwrap().unwrap();
    assert!(row.deep_at_us > before);
}

fn wait_for(what: &str, ready: impl Fn() -> bool) {
    let began = Instant::now();
    while !ready() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Goal: the scrub moves `verified`, and tells damage in metrics and, once, in the log.
/// Method: passes every half second over a small log, in which a byte is then changed.
#[test]
fn the_scrub_verifies_over_and_over_and_tells_damage_once() {
    let every = Duration::from_millis(500);
    let server = Server::with(|options| {
        options.scrub = Scrub { rate_bytes: 64 << 20, every, delay: Duration::ZERO };
    });
    fill(&server, 100);
    let tenant = server.app().all_tenants().remove(0);
    let verified = || tenant.verified.lock().unwrap().map_or(0, |row| row.size);
    wait_for("a clean pass", || verified() == 100);
    assert!(server.get("/metrics").text().contains("stele_log_verified_age_seconds"));

    let path =
        server.dir.path().join(format!("orgs/{}/segments/00000000000000000000.log", tenant.org.log_id));
    let bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(6).position(|w| w == b"e-0050").unwrap() + 4;
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.write_all_at(b"9", at as u64).unwrap();
    wait_for("an event that tells", || tenant.log.head().size == 101);
    let told = tenant.log.record(100).unwrap().unwrap();
    let told: Value = serde_json::from_slice(&told.body).unwrap();
    assert_eq!(told["event_type"], "stele.verification_failed");
    assert!(told["metadata"]["first"][0]["file"].as_str().unwrap().ends_with(".log"), "{told}");
    let faults = server.app().metrics.scrub_faults.get();
    wait_for("another pass", || server.app().metrics.scrub_faults.get() > faults);
    assert_eq!(tenant.log.head().size, 101, "the same faults are told once");
    assert_eq!(verified(), 100, "no pass with a fault counts");
    assert_eq!(server.get("/readyz").status, 200);
}
