//! Tiers through the API: a log that goes to the archive, what is said of it meanwhile, and its way back.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stele_engine::io::{Disk, Guards, ProtectedDisk, RealDisk};

use super::client::{Server, event};
use crate::app::Tenant;
use crate::own::OwnEvent;
use crate::routes::now_ns;
use crate::serve::ServeOptions;
use crate::serve::start::open;

pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);

/// Ends the segment that takes records, and covers it with index events.
pub(super) fn seal(server: &Server, tenant: &Tenant) {
    let event = OwnEvent {
        what: "seal",
        name: uuid::Uuid::now_v7().to_string(),
        time_ns: now_ns(),
        actor: &json!({"type": "system", "id": "stele"}),
        resource: json!({"type": "log", "id": tenant.org.log_id}),
        action: "seal",
        status: "success",
        metadata: "{}".to_owned(),
    };
    let (batch, bytes) = event.batch(&tenant.log).unwrap();
    server.runtime().block_on(tenant.queue.append(batch, 1, bytes)).unwrap();
    let end = tenant.log.head().size;
    server.post_json("/v1/events", &super::client::event(&format!("after-{end}")));
    while tenant.log.indexed().unwrap() < end {
        let Some(event) = tenant.log.next_index_event(now_ns(), true).unwrap() else { continue };
        let bytes = event.body.len();
        let batch = tenant.log.prepare(vec![event], false);
        server.runtime().block_on(tenant.queue.append(batch, 1, bytes)).unwrap();
    }
    let begun = Instant::now();
    while tenant.log.stats().sealing > 0 || tenant.log.tiers().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A server whose log has one sealed segment with 40 events, and some behind it.
pub(super) fn sealed() -> Server {
    filled(Server::new())
}

pub(super) fn filled(server: Server) -> Server {
    let lines: Vec<String> = (0..40).map(|i| event(&format!("e-{i}"))).collect();
    assert_eq!(server.post_lines("/v1/events", &lines).status, 200);
    let tenant = server.app().tenant("default").unwrap();
    seal(&server, &tenant);
    server
}

pub(super) fn eventually(server: &Server, path: &str, done: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let value = server.get(path).json();
        if done(&value) {
            return value;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{path}: {value}");
        server.app().tiers.ring();
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub(super) fn archive(server: &Server) -> Value {
    std::thread::sleep(Duration::from_millis(5));
    let got = server.post_json("/v1/archives", r#"{"before":"now"}"#);
    assert_eq!((got.status, &got.json()["segments"]), (202, &1.into()), "{}", got.text());
    eventually(server, "/v1/archives", |value| value["archives"][0]["state"] == "archived")
}

pub(super) fn restore(server: &Server) -> Value {
    let body = r#"{"from":"2026-11-01T00:00:00Z","to":"2026-12-01T00:00:00Z","reason":"audit","days":3}"#;
    let got = server.post_json("/v1/restores", body);
    assert_eq!(got.status, 202, "{}", got.text());
    let id = got.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(got.headers["location"], format!("/v1/restores/{id}"));
    eventually(server, &format!("/v1/restores/{id}"), |row| row["finished_at"].is_string())
}

pub(super) fn own(server: &Server, kind: &str) -> Vec<Value> {
    let found = server.get(&format!("/v1/events?event_type=stele.{kind}&order=asc")).json();
    found["events"].as_array().unwrap().clone()
}

/// Every file below a directory.
pub(super) fn files(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Goal: with `--immutable`, what is sealed or archived withstands root, and the tiers go on as without.
/// Where the attribute cannot be set, the server says so and does not start.
#[test]
fn what_is_sealed_is_immutable_where_that_is_asked_for_and_possible() {
    let probe = tempfile::tempdir().unwrap();
    let immutable = Guards { immutable: true, verity: false };
    if let Err(refused) = ProtectedDisk::new(probe.path(), immutable) {
        let mut options = ServeOptions::new(probe.path().to_owned(), "127.0.0.1:0".parse().unwrap());
        options.immutable = true;
        let said = open(options).err().unwrap().to_string();
        assert!(said.contains("--immutable") && said.contains(&refused.to_string()), "{said}");
        return;
    }
    let server = filled(Server::with(|options| options.immutable = true));
    let before = server.get("/v1/events/e-7").body;
    archive(&server);
    assert_eq!(server.get("/v1/events/e-7").status, 409);
    restore(&server);
    assert_eq!(server.get("/v1/events/e-7").body, before);
    let mut server = server;
    server.stop();
    let sealed: Vec<_> = files(server.dir.path())
        .into_iter()
        .filter(|path| path.metadata().unwrap().permissions().readonly())
        .collect();
    let of = |folder: &str| sealed.iter().filter(|path| path.to_string_lossy().contains(folder)).count();
    assert!(of("/segments/") >= 3 && of("/archive/") >= 3, "{sealed:?}");
    for path in &sealed {
        assert!(std::fs::remove_file(path).is_err(), "{}", path.display());
        // So that the directory of this test can be removed.
        RealDisk.remove(path).unwrap();
    }
}

/// Goal: with `--fs-verity` the server goes on as without, and says of how many sealed files the kernel checks what it
/// hands out: of all where they can have it, also of those that were sealed before, and of none where they cannot.
#[test]
fn sealed_files_have_verity_where_that_is_asked_for_and_possible() {
    let server = sealed();
    let before = server.get("/v1/events/e-7").body;
    let said = server.get("/v1/chain").json()["sealed_files"].clone();
    assert_eq!((&said["immutable"], &said["verity"]), (&0.into(), &0.into()), "{said}");
    assert!(said["count"].as_u64().unwrap() >= 3, "data, index and ids: {said}");
    let server = server.restart_with(|options| options.fs_verity = true);
    let offered = ProtectedDisk::verity_in(server.dir.path()).is_ok();
    let all_or_none = |server: &Server| {
        let said = server.get("/v1/chain").json()["sealed_files"].clone();
        let expected = if offered { said["count"].clone() } else { 0.into() };
        assert_eq!((&said["verity"], &said["immutable"]), (&expected, &0.into()), "{said}");
    };
    all_or_none(&server);
    assert_eq!(server.get("/v1/events/e-7").body, before);
    archive(&server);
    assert_eq!(server.get("/v1/events/e-7").status, 409);
    all_or_none(&server);
    restore(&server);
    assert_eq!(server.get("/v1/events/e-7").body, before);
    all_or_none(&server);
}

#[test]
fn archived_events_are_named_and_come_back_as_they_were() {
    let server = sealed();
    let before = server.get("/v1/events/e-7").body;
    let listed = archive(&server);
    let range = listed["archives"][0].clone();
    assert_eq!((&range["first_sequence"], &listed["error"]), (&0.into(), &Value::Null), "{listed}");
    assert!(range["bytes"].as_u64().unwrap() > 0 && listed["store"].as_str().unwrap().starts_with("file://"));

    let page = server.get("/v1/events?count=exact").json();
    assert_eq!(page["archived"][0]["first_sequence"], 0, "{page}");
    assert!(page["matched"].as_u64().unwrap() < 40);
    for path in [
        "/v1/facets",
        "/v1/histogram",
        "/v1/errors",
        "/v1/resources/session/s_1/history",
        "/v1/metrics/query?field=metadata.n",
    ] {
        let answer = server.get(path).json();
        assert_eq!(answer["archived"][0]["last_sequence"], range["last_sequence"], "{path}: {answer}");
    }
    assert_eq!(server.get("/v1/events?from=2027-01-01T00:00:00Z").json()["archived"], json!([]));
    let gone = server.get("/v1/events/e-7");
    assert_eq!((gone.status, &gone.json()["type"]), (409, &"urn:stele:problem/archived".into()));
    assert_eq!(gone.json()["archived"][0]["from"], page["archived"][0]["from"]);
    assert_eq!(server.get("/v1/events/never").status, 404);
    let report = server.post_json("/v1/reports", "{}");
    assert_eq!((report.status, &report.json()["archived"][0]["first_sequence"]), (409, &0.into()));

    let again = server.post_json("/v1/events?receipts=full", &event("e-7")).json();
    let receipt = &again["receipts"][0];
    assert_eq!((&receipt["status"], &receipt["archived"]), (&"duplicate".into(), &true.into()), "{again}");
    assert!(receipt["hash"].is_null(), "{again}");
    let other = event("e-7").replace("password", "key");
    assert_eq!(server.post_json("/v1/events", &other).status, 409);

    let row = restore(&server);
    assert_eq!(
        (&row["status"], &row["done"], &row["total"]),
        (&"done".into(), &1.into(), &1.into()),
        "{row}"
    );
    assert_eq!(row["overdue"], false);
    assert_eq!(server.get("/v1/events/e-7").body, before, "byte for byte");
    assert_eq!(server.get("/v1/events").json()["archived"], json!([]));
    assert_eq!(server.get("/v1/archives").json()["archives"][0]["state"], "restored");
    let told: Vec<usize> = ["archive_requested", "archive_created", "restore_requested", "restore_completed"]
        .iter()
        .map(|kind| own(&server, kind).len())
        .collect();
    assert_eq!(told, [1, 1, 1, 1]);
    assert_eq!(own(&server, "restore_requested")[0]["metadata"]["reason"], "audit");
    assert_eq!(server.panics(), 0);
}

/// Goal: an export leaves nothing out unsaid. Method: archive a part; the row and the event of the end
/// name what the list names; once it is restored, nothing is left out.
#[test]
fn an_export_names_what_is_archived_as_the_list_does() {
    let server = sealed();
    let export = || {
        let asked = server.post_json("/v1/exports", r#"{"format":"ndjson"}"#);
        assert_eq!(asked.status, 202, "{}", asked.text());
        let id = asked.json()["id"].as_str().unwrap().to_owned();
        let row = eventually(&server, &format!("/v1/exports/{id}"), |row| row["finished_at"].is_string());
        let told = server.get(&format!("/v1/events/stele:export_finished:{id}")).json();
        let file = server.get(&format!("/v1/exports/{id}/download")).text();
        assert_eq!(row["entries"], file.lines().count(), "{row}");
        assert_eq!(told["metadata"]["archived"], row["archived"]);
        row
    };
    let whole = export();
    assert_eq!((&whole["archived"], whole["entries"].as_u64() > Some(40)), (&json!([]), true), "{whole}");
    archive(&server);
    let list = server.get("/v1/events?count=exact").json();
    let part = export();
    assert_eq!((&part["archived"], &part["entries"]), (&list["archived"], &list["matched"]));
    assert_eq!(part["archived"][0]["first_sequence"], 0);
    restore(&server);
    let again = export();
    assert_eq!((&again["archived"], &again["entries"]), (&whole["archived"], &whole["entries"]));
}

#[test]
fn a_restore_ends_after_its_days_and_the_policy_archives_by_age() {
    let server = sealed();
    let put =
        server.call("PUT", "/v1/retention", &[("content-type", "application/json")], br#"{"active_days":7}"#);
    assert_eq!(put.status, 200);
    assert_eq!(server.get("/v1/archives").json()["archives"], json!([]), "nothing is old yet");
    let ahead = |days: u32| move |options: &mut crate::serve::ServeOptions| options.clock_ahead = DAY * days;
    let server = server.restart_with(ahead(8));
    eventually(&server, "/v1/archives", |value| value["archives"][0]["state"] == "archived");
    assert_eq!(restore(&server)["status"], "done");
    let server = server.restart_with(ahead(10));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(
        server.get("/v1/archives").json()["archives"][0]["state"],
        "restored",
        "three days are not over"
    );
    let server = server.restart_with(ahead(12));
    eventually(&server, "/v1/archives", |value| value["archives"][0]["state"] == "archived");
    eventually(&server, "/v1/events?event_type=stele.restore_expired", |page| page["events"][0].is_object());
    assert_eq!(server.get("/v1/events/e-7").status, 409);
}

#[test]
fn a_changed_object_is_refused_by_name_and_nothing_of_it_is_served() {
    let server = sealed();
    archive(&server);
    let log_id = server.app().tenant("default").unwrap().org.log_id.clone();
    let path = server.dir.path().join("archive").join(log_id).join(format!("{:020}.cold", 0));
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, &bytes).unwrap();
    let row = restore(&server);
    assert_eq!((&row["status"], &row["refused"]), (&"failed".into(), &1.into()), "{row}");
    assert!(row["segments"][0]["detail"].as_str().unwrap().contains(".cold"), "{row}");
    assert_eq!(server.get("/v1/events/e-7").status, 409);
    let told = own(&server, "restore_failed");
    assert_eq!((told.len(), &told[0]["status"]), (1, &"failure".into()));
    assert_eq!(told[0]["metadata"]["refused"][0]["first_sequence"], 0);
}

#[test]
fn the_same_range_and_days_are_one_restore_and_only_admins_ask() {
    let server = sealed();
    let made = server.post_json("/v1/keys", r#"{"name":"r","scopes":["read","auditor"]}"#).json();
    let auth = format!("Bearer {}", made["secret"].as_str().unwrap());
    let body = br#"{"from":"2026-11-01T00:00:00Z","to":"2026-12-01T00:00:00Z","reason":"audit"}"#;
    for path in ["/v1/restores", "/v1/archives"] {
        let json = [("content-type", "application/json")];
        assert_eq!(server.call_as(&auth, "POST", path, &json, body).status, 403, "{path}");
        assert_eq!(server.call_as(&auth, "GET", path, &[], b"").status, 200, "{path}");
    }
    // The keeper is held up, so that the first is under way when the second comes.
    server.app().tiers.stop();
    let body = std::str::from_utf8(body).unwrap();
    let first = server.post_json("/v1/restores", body).json();
    assert_eq!(server.post_json("/v1/restores", body).json()["id"], first["id"]);
    let longer = body.replace(r#""reason""#, r#""days":9,"reason""#);
    assert_ne!(server.post_json("/v1/restores", &longer).json()["id"], first["id"]);
    let listed = server.get("/v1/restores?limit=1").json();
    assert_eq!((listed["restores"].as_array().unwrap().len(), listed["next_cursor"].is_string()), (1, true));
    let server = server.restart();
    let path = format!("/v1/restores/{}", first["id"].as_str().unwrap());
    assert_eq!(eventually(&server, &path, |row| row["finished_at"].is_string())["status"], "done");
    assert_eq!(server.get("/v1/restores/res_none").status, 404);
}
