//! Reports: asked for, made, downloaded, looked up; by whom; and across a restart.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stele_engine::proof::{Checkpoint, VerifierKey};

use super::client::{Got, Server, event};
use crate::jobs;
use crate::state::{ReportStatus, now_us};

fn ask(server: &Server, body: &str) -> String {
    let got = server.post_json("/v1/reports", body);
    assert_eq!(got.status, 202, "{}", got.text());
    let id = got.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(got.headers["location"], format!("/v1/reports/{id}"));
    assert_eq!(got.json()["status"], "pending");
    id
}

fn finished(server: &Server, id: &str) -> Value {
    let begun = Instant::now();
    loop {
        let row = server.get(&format!("/v1/reports/{id}")).json();
        if row["status"] != "pending" && row["status"] != "running" {
            return row;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{row}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn download(server: &Server, id: &str, format: &str) -> Got {
    server.get(&format!("/v1/reports/{id}/download?format={format}"))
}

fn filled(events: usize) -> Server {
    let server = Server::new();
    let lines: Vec<String> = (0..events).map(|i| event(&format!("e-{i}"))).collect();
    assert_eq!(server.post_lines("/v1/events", &lines).status, 200);
    server
}

#[test]
fn a_report_is_made_in_three_forms_and_is_an_event_of_the_log() {
    let server = filled(30);
    let failed = event("bad").replace("\"success\"", "\"failure\"").replace("usr_17", "=1+1");
    server.post_json("/v1/events", &failed);
    let id = ask(&server, r#"{"status": "failure", "event_type": ["auth.login", "auth.logout"]}"#);
    let row = finished(&server, &id);
    assert_eq!((&row["status"], &row["entries"]), (&"done".into(), &1.into()), "{row}");
    assert!(row["as_of"].as_u64().unwrap() >= 31);
    let hash = row["verification_hash"].as_str().unwrap();
    let got = download(&server, &id, "json");
    let report = got.json();
    assert_eq!(
        got.headers["content-disposition"],
        format!("attachment; filename=\"stele-report-{id}.json\"")
    );
    assert_eq!(got.headers["content-length"], got.body.len().to_string());
    assert_eq!(
        (&report["format"], format!("stele1:{}", report["verification_hash"].as_str().unwrap())),
        (&"stele.report/v1".into(), hash.to_owned())
    );
    assert_eq!(report["entries"].as_array().unwrap().len(), 1);
    assert_eq!(report["filter"].as_str().unwrap().parse::<Value>().unwrap(), row["filter"]);
    let key = VerifierKey::parse(server.get("/v1/chain").json()["key"].as_str().unwrap()).unwrap();
    Checkpoint::open(report["checkpoint"].as_str().unwrap().as_bytes(), &key).unwrap();
    assert_eq!(server.get(&format!("/v1/reports/{id}/download")).body, got.body, "JSON is the default");
    let csv = download(&server, &id, "csv");
    assert!(csv.headers["content-type"].starts_with("text/csv"));
    assert_eq!(csv.text().lines().count(), 2);
    assert!(csv.text().contains(",'=1+1,"), "{}", csv.text());
    let html = download(&server, &id, "html");
    assert!(html.text().contains(hash) && html.text().contains("=1+1"), "{}", html.text());
    let head = server.call("HEAD", &format!("/v1/reports/{id}/download?format=csv"), &[], b"");
    assert_eq!((head.status, &head.headers["content-length"]), (200, &csv.body.len().to_string()));

    let bare = hash.strip_prefix("stele1:").unwrap();
    for shown in [hash, bare, &bare.to_uppercase()] {
        let found = server.get(&format!("/v1/verify/{shown}"));
        assert_eq!(found.status, 200, "{shown}: {}", found.text());
        let (event, inclusion) = (&found.json()["event"], &found.json()["inclusion"]);
        assert_eq!(event["event_id"], format!("stele:report_issued:{bare}"));
        assert_eq!((&event["resource"]["id"], &event["actor"]["id"]), (&id.as_str().into(), &"first".into()));
        let told = &event["metadata"];
        assert_eq!(
            (&told["verification_hash"], &told["entries"], &told["axis"]),
            (&hash.into(), &1.into(), &"event".into())
        );
        assert_eq!((&told["filter"], &told["as_of"]), (&report["filter"], &row["as_of"]));
        assert_eq!(inclusion["sequence"], event["chain"]["sequence"]);
    }
    assert_eq!(server.get(&format!("/v1/verify/{}", "0".repeat(64))).status, 404);
    for bad in ["abc", "stele1:abc", &format!("stele2:{bare}")] {
        assert_eq!(server.get(&format!("/v1/verify/{bad}")).status, 400, "{bad}");
    }
}

/// Goal: what was asked is in the log before the answer, whether the report is made or not.
#[test]
fn a_report_that_was_asked_for_is_an_event_also_when_it_fails() {
    let server = filled(1);
    let id = ask(&server, r#"{"status": "failure"}"#);
    let path = format!("/v1/events/stele:report_requested:{id}");
    let event = server.get(&path).json();
    assert_eq!(
        (&event["event_type"], &event["action"]),
        (&"stele.report_requested".into(), &"request".into())
    );
    assert_eq!((&event["actor"]["id"], &event["resource"]["id"]), (&"first".into(), &id.as_str().into()));
    let row = finished(&server, &id);
    let filter: Value = event["metadata"]["filter"].as_str().unwrap().parse().unwrap();
    assert_eq!(filter, row["filter"]);
    let app = server.app();
    let dir = crate::reports::files::dir(&crate::serve::start::log_dir(
        &app.options.data,
        &app.tenant("default").unwrap().org.log_id,
    ));
    let file = std::fs::File::options().write(true).open(dir.join(format!("{id}.csv"))).unwrap();
    file.set_len(10 << 30).unwrap();
    let id = ask(&server, "{}");
    let row = finished(&server, &id);
    assert_eq!(row["status"], "failed");
    assert!(row["error"].as_str().unwrap().contains("report files"), "{row}");
    assert_eq!(server.get(&format!("/v1/events/stele:report_requested:{id}")).status, 200);
}

#[test]
fn equal_questions_make_reports_of_their_own_on_both_axes() {
    let server = filled(10);
    let body = r#"{"axis": "commit", "actor_id": ["user", "usr_17"], "resource": [["session", "s_1"]]}"#;
    let ids = [ask(&server, body), ask(&server, body), ask(&server, "{}")];
    let rows = ids.each_ref().map(|id| finished(&server, id));
    for row in &rows {
        assert_eq!(row["status"], "done", "{row}");
    }
    assert_eq!((&rows[0]["entries"], &rows[1]["entries"]), (&10.into(), &10.into()));
    assert_ne!(rows[0]["verification_hash"], rows[1]["verification_hash"]);
    assert!(rows[2]["entries"].as_u64().unwrap() > 10, "the log's own events belong to everything");
    let first = server.get("/v1/reports?limit=2").json();
    let second =
        server.get(&format!("/v1/reports?limit=2&cursor={}", first["next_cursor"].as_str().unwrap())).json();
    let listed: Vec<&Value> = [&first, &second]
        .iter()
        .flat_map(|page| page["reports"].as_array().unwrap())
        .map(|row| &row["id"])
        .collect();
    assert_eq!(listed, [&ids[2], &ids[1], &ids[0]], "newest first");
    assert_eq!(second["next_cursor"], Value::Null);
}

#[test]
fn what_cannot_be_asked_is_pointed_at_and_files_that_are_not_there_say_why() {
    let server = filled(1);
    for (body, pointer, says) in [
        (r#"{"actor": "ada"}"#, "/actor", "actor_id"),
        (r#"{"q": "status:failure"}"#, "/q", "filters"),
        (r#"{"colour": "red"}"#, "/colour", "event_type"),
        (r#"{"status": "ok"}"#, "/status", "failure"),
    ] {
        let got = server.post_json("/v1/reports", body);
        assert_eq!((got.status, &got.json()["errors"][0]["pointer"]), (422, &pointer.into()), "{body}");
        assert!(got.json()["detail"].as_str().unwrap().contains(says), "{}", got.text());
    }
    assert_eq!(server.post_json("/v1/reports", "[]").status, 400);
    assert_eq!(server.get("/v1/reports/rep_0").status, 404);
    assert_eq!(server.get("/v1/reports/rep_0/download").status, 404);
    let id = ask(&server, "{}");
    finished(&server, &id);
    assert_eq!(download(&server, &id, "pdf").status, 400);
    for (status, code) in
        [(ReportStatus::Pending, 409), (ReportStatus::Failed, 409), (ReportStatus::Expired, 410)]
    {
        let state = &server.app().state;
        let row = state.report("default", &id).unwrap().unwrap();
        state.put_report("default", &crate::state::ReportRow { status, ..row }).unwrap();
        assert_eq!(download(&server, &id, "json").status, code, "{status:?}");
    }
}

#[test]
fn a_report_that_a_restart_interrupted_is_made_again() {
    let server = filled(5);
    let id = ask(&server, "{}");
    finished(&server, &id);
    let state = std::sync::Arc::clone(&server.app().state);
    let row = state.report("default", &id).unwrap().unwrap();
    let half = crate::state::ReportRow { status: ReportStatus::Running, finished_us: None, ..row };
    state.put_report("default", &half).unwrap();
    drop(state);
    let dir = server.dir.path().join("orgs");
    let log_dir = std::fs::read_dir(dir).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_file(log_dir.join("reports").join(format!("{id}.html"))).unwrap();
    let server = server.restart();
    let row = finished(&server, &id);
    assert_eq!(row["status"], "done", "{row}");
    assert_eq!(download(&server, &id, "html").status, 200);
    let hash = row["verification_hash"].as_str().unwrap();
    assert_eq!(server.get(&format!("/v1/verify/{hash}")).status, 200);
}

#[test]
fn a_report_that_brought_the_server_down_three_times_is_given_up() {
    let server = filled(5);
    let ids = [ask(&server, "{}"), ask(&server, "{}")];
    for (id, tries) in ids.iter().zip([2, 3]) {
        finished(&server, id);
        let state = &server.app().state;
        let row = state.report("default", id).unwrap().unwrap();
        assert_eq!(row.tries, 1);
        let status = ReportStatus::Running;
        let cut = crate::state::ReportRow { status, tries, finished_us: None, ..row };
        state.put_report("default", &cut).unwrap();
    }
    let server = server.restart();
    assert_eq!(finished(&server, &ids[0])["status"], "done");
    let row = finished(&server, &ids[1]);
    assert_eq!(row["status"], "failed");
    assert!(row["error"].as_str().unwrap().contains("three times"), "{row}");
    assert_eq!(download(&server, &ids[1], "json").status, 409);
}

#[test]
fn a_writer_that_has_ended_is_told_and_the_report_not_left_running() {
    let server = filled(1);
    let tenant = server.app().tenant("default").unwrap();
    server.runtime().block_on(tenant.queue.stop());
    while !tenant.queue.is_closed() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let id = "rep_1".to_owned();
    let row = crate::state::ReportRow {
        v: 1,
        id: id.clone(),
        created_us: 1,
        finished_us: None,
        status: ReportStatus::Pending,
        requested_by: json!({"type": "system", "id": "test"}),
        filter: r#"{"axis":"event","from_us":0,"to_us":1}"#.to_owned(),
        entries: None,
        as_of: None,
        verification_hash: None,
        error: None,
        tries: 0,
    };
    server.app().state.put_report("default", &row).unwrap();
    server.app().desk.put(jobs::Ticket { org: "default".to_owned(), id: id.clone() });
    let row = finished(&server, &id);
    assert_eq!(row["status"], "failed", "{row}");
    assert!(row["error"].as_str().unwrap().contains("writer has ended"), "{row}");
}

#[test]
fn files_of_old_reports_are_dropped_and_the_rest_stays() {
    let server = filled(5);
    let id = ask(&server, "{}");
    finished(&server, &id);
    let orgs = server.dir.path().join("orgs");
    let dir = std::fs::read_dir(orgs).unwrap().next().unwrap().unwrap().path().join("reports");
    for name in ["rep_0.json", "rep_1.html.tmp", "notes.txt"] {
        std::fs::write(dir.join(name), "x").unwrap();
    }
    jobs::expire(server.app(), now_us() + 29 * 86_400_000_000).unwrap();
    assert_eq!(download(&server, &id, "csv").status, 200);
    let left = ["rep_0.json", "rep_1.html.tmp", "notes.txt"].map(|name| dir.join(name).exists());
    assert_eq!(left, [false, false, true], "files of no report are dropped, foreign ones stay");
    jobs::expire(server.app(), now_us() + 31 * 86_400_000_000).unwrap();
    let got = download(&server, &id, "csv");
    assert_eq!((got.status, &got.json()["type"]), (410, &"urn:stele:problem/gone".into()));
    let row = server.get(&format!("/v1/reports/{id}")).json();
    assert_eq!(row["status"], "expired");
    let hash = row["verification_hash"].as_str().unwrap();
    assert_eq!(server.get(&format!("/v1/verify/{hash}")).status, 200);
}

#[test]
fn a_log_that_takes_no_events_issues_no_report() {
    let server = filled(1);
    server.app().tenant("default").unwrap().log.close().unwrap();
    assert_eq!(server.post_json("/v1/reports", "{}").status, 503);
}

/// Goal: an auditor reads, verifies and reports, and does nothing else.
/// Method: every route of the table, with a key of each scope; told apart are 403 and everything else.
#[test]
fn every_route_takes_the_scopes_of_the_contract_and_no_others() {
    let server = filled(1);
    let keys: Vec<(&str, String)> = ["ingest", "read", "export", "auditor"]
        .map(|scope| {
            let body = json!({"name": scope, "scopes": [scope]}).to_string();
            (scope, server.post_json("/v1/keys", &body).json()["secret"].as_str().unwrap().to_owned())
        })
        .into();
    let readers = &["read", "export", "auditor"][..];
    let everybody = &["ingest", "read", "export", "auditor"][..];
    let expected = |method: &str, path: &str| match (method, path) {
        ("POST", "/v1/events") => &["ingest"][..],
        ("POST", "/v1/reports") => &["export", "auditor"],
        ("POST", "/v1/chain/verify") => &["auditor"],
        ("POST", "/v1/exports" | "/v1/exports/preview" | "/v1/exports/{id}/cancel")
        | ("GET", "/v1/exports/{id}/download" | "/v1/exports/{id}/manifest") => &["export"],
        (_, "/v1/session" | "/v1/session/links" | "/v1/sessions" | "/v1/sessions/{id}") => everybody,
        (_, "/v1/users" | "/v1/keys" | "/v1/keys/{id}" | "/v1/orgs" | "/v1/orgs/{id}" | "/v1/state") => &[],
        ("GET", _) => readers,
        (_, "/v1/views" | "/v1/views/{id}" | "/v1/views/order") => &["read", "export"],
        _ => &[],
    };
    let mut looked = 0;
    for (method, path) in crate::http::router::all().filter(|(_, path)| path.starts_with("/v1/")) {
        for (scope, key) in &keys {
            let target = path.replace(['{', '}'], "x");
            // A live tail would stay open.
            let method = if path == "/v1/events/stream" { "HEAD" } else { method };
            let got = server.call_as(&format!("Bearer {key}"), method, &target, &[], b"");
            let named = if method == "HEAD" { "GET" } else { method };
            let may = expected(named, path).contains(scope);
            assert_eq!(got.status != 403, may, "{scope}: {method} {path}: {}", got.status);
            looked += 1;
        }
    }
    assert!(looked >= 4 * 25, "{looked}");
}

#[test]
fn a_log_that_grows_is_indexed_without_being_asked() {
    let server = Server::new();
    for part in 0..7 {
        let lines: Vec<String> = (0..10_000).map(|i| event(&format!("e-{part}-{i}"))).collect();
        assert_eq!(server.post_lines("/v1/events", &lines).status, 200);
    }
    let begun = Instant::now();
    let first = loop {
        let got = server.get("/v1/events/stele:index:0");
        if got.status == 200 {
            break got.json();
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", got.text());
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!((&first["metadata"]["a"], &first["metadata"]["b"]), (&0.into(), &65_536.into()));
    assert_eq!((&first["event_type"], &first["actor"]["type"]), (&"stele.index".into(), &"system".into()));
    assert_eq!(server.get("/v1/events/stele:index:65536").status, 404, "the rest can wait");
}

#[test]
fn reports_belong_to_one_organization() {
    let server = filled(3);
    let id = ask(&server, "{}");
    let row = finished(&server, &id);
    let org = server.post_json("/v1/orgs", r#"{"name": "other"}"#).json();
    let other = format!("Bearer {}", org["key"].as_str().unwrap());
    let hash = row["verification_hash"].as_str().unwrap();
    let as_other = |path: &str| server.call_as(&other, "GET", path, &[], b"");
    for path in
        [format!("/v1/reports/{id}"), format!("/v1/reports/{id}/download"), format!("/v1/verify/{hash}")]
    {
        let (theirs, nobodys) =
            (as_other(&path), as_other(&path.replace(&id, "rep_1").replace(hash, &"1".repeat(64))));
        let told = |got: &Got| {
            let mut problem = got.json();
            problem["request_id"] = Value::Null;
            (got.status, problem)
        };
        assert_eq!(told(&theirs), told(&nobodys), "{path}");
        assert_eq!(theirs.status, 404);
    }
    assert_eq!(as_other("/v1/reports").json()["reports"], json!([]));
}
