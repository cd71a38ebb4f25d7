//! Who looked: settings, and reads as events of the log.

use serde_json::{Value, json};

use super::client::{Server, event};
use crate::state::{ReportRow, ReportStatus};

fn reads(server: &Server) -> Vec<Value> {
    // Reading without a trace, so that looking changes nothing: straight from the log.
    let log = std::sync::Arc::clone(&server.app().tenant("default").unwrap().log);
    let all = (0..log.head().size).map(|at| log.record(at).unwrap().unwrap());
    let events = all.map(|record| serde_json::from_slice::<Value>(&record.body).unwrap());
    events.filter(|event| event["event_type"] == "stele.read").collect()
}

fn turn(server: &Server, on: bool) -> u16 {
    let body = json!({"record_reads": on}).to_string();
    server.call("PUT", "/v1/settings", &[("content-type", "application/json")], body.as_bytes()).status
}

#[test]
fn settings_are_off_until_changed_and_a_change_is_an_event() {
    let server = Server::new();
    assert_eq!(server.get("/v1/settings").json(), json!({"record_reads": false}));
    assert_eq!(turn(&server, true), 200);
    assert_eq!(turn(&server, true), 200, "again changes nothing");
    let server = server.restart();
    assert_eq!(server.get("/v1/settings").json(), json!({"record_reads": true}));
    let found = server.get("/v1/events?event_type=stele.settings_changed").json();
    let events = found["events"].as_array().unwrap();
    assert_eq!(events.len(), 1, "{found}");
    let changes = json!({"before": {"record_reads": false}, "after": {"record_reads": true}});
    assert_eq!(events[0]["metadata"]["changes"], changes);
    for (body, pointer) in
        [("{}", "/record_reads"), (r#"{"record_reads":1}"#, "/record_reads"), (r#"{"reads":true}"#, "/reads")]
    {
        let got =
            server.call("PUT", "/v1/settings", &[("content-type", "application/json")], body.as_bytes());
        assert_eq!((got.status, &got.json()["errors"][0]["pointer"]), (422, &pointer.into()), "{body}");
    }
}

#[test]
fn reads_leave_no_trace_unless_the_organization_records_them() {
    let server = Server::new();
    server.post_json("/v1/events", &event("a"));
    server.get("/v1/events/a");
    assert!(reads(&server).is_empty());
}

/// Goal: whoever reads is in the log, with what was asked; nobody by mistake.
/// Method: every reading call once, then the events of the log in order.
#[test]
fn every_read_is_an_event_with_who_and_what_was_asked() {
    let server = Server::new();
    server.post_lines("/v1/events", &[event("a"), event("b"), event("c")]);
    assert_eq!(turn(&server, true), 200);
    let first = server.get("/v1/events?q=status:success&limit=1").json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let agent = [("user-agent", "look/1")];
    let calls = [
        (format!("/v1/events?q=status:success&limit=1&cursor={cursor}"), "search", "log", 200),
        ("/v1/events/a".to_owned(), "get", "event", 200),
        ("/v1/events/nobody".to_owned(), "get", "event", 404),
        ("/v1/facets?fields=status".to_owned(), "facets", "log", 200),
        ("/v1/histogram?interval=1d".to_owned(), "histogram", "log", 200),
        ("/v1/metrics/query?field=metadata.n".to_owned(), "metrics", "log", 200),
        ("/v1/errors".to_owned(), "errors", "log", 200),
        ("/v1/resources/session/s_1/history".to_owned(), "history", "session", 200),
        ("/v1/proofs/inclusion?sequence=0".to_owned(), "prove_inclusion", "log", 200),
        ("/v1/proofs/consistency?from=1".to_owned(), "prove_consistency", "log", 200),
        ("/v1/reports".to_owned(), "list_reports", "log", 200),
        ("/v1/reports/rep_1".to_owned(), "get_report", "report", 404),
        ("/v1/reports/rep_1/download".to_owned(), "download_report", "report", 404),
        (format!("/v1/verify/{}", "0".repeat(64)), "look_up_report", "report", 404),
    ];
    for (path, _, _, status) in &calls {
        assert_eq!(server.call("GET", path, &agent, b"").status, *status, "{path}");
    }
    assert_eq!(server.call("HEAD", "/v1/events/stream?status=failure", &agent, b"").status, 200);
    assert_eq!(server.post_json("/v1/chain/verify", "{}").status, 200);
    // Nothing of the content is shown here.
    for path in ["/v1/chain", "/v1/checkpoint", "/v1/event-types", "/v1/settings", "/v1/events?colour=red"] {
        server.get(path);
    }
    let events = reads(&server);
    let told: Vec<(&str, &str)> = events
        .iter()
        .map(|e| (e["action"].as_str().unwrap(), e["resource"]["type"].as_str().unwrap()))
        .collect();
    let mut expected: Vec<(&str, &str)> = vec![("search", "log")];
    expected.extend(calls.iter().map(|(_, action, resource, _)| (*action, *resource)));
    expected.extend([("tail", "log"), ("verify", "log")]);
    assert_eq!(told, expected);
    let page = &events[1];
    assert_eq!(page["actor"]["id"], "first");
    assert_eq!(
        (&page["actor"]["ip_address"], &page["actor"]["user_agent"]),
        (&"127.0.0.1".into(), &"look/1".into())
    );
    assert_eq!(
        page["metadata"]["parameters"],
        json!({"q": ["status:success"], "limit": ["1"], "cursor": [cursor]})
    );
    assert_eq!((&events[2]["resource"]["id"], &events[2]["status"]), (&"a".into(), &"success".into()));
    assert_eq!((&events[3]["resource"]["id"], &events[3]["status"]), (&"nobody".into(), &"failure".into()));
    let ordinary = server.get("/v1/events?limit=100").json();
    assert_eq!(ordinary["events"].as_array().unwrap().len(), 3, "own events stay out of sight");
}

/// Goal: the event says what was shown, also where that does not stand in the path.
/// Method: a stream that is taken up again, a verification of a range, files that are not there.
#[test]
fn ranges_resumptions_and_refused_downloads_are_told() {
    let server = Server::new();
    server.post_lines("/v1/events", &[event("a"), event("b"), event("c")]);
    let id = server.post_json("/v1/reports", "{}").json()["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/reports/{id}");
    while ["pending", "running"].contains(&server.get(&path).json()["status"].as_str().unwrap()) {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(turn(&server, true), 200);
    assert_eq!(server.call("HEAD", "/v1/events/stream", &[("last-event-id", "1")], b"").status, 200);
    assert_eq!(server.post_json("/v1/chain/verify", r#"{"from": 1, "to": 2}"#).status, 200);
    let state = &server.app().state;
    let row = state.report("default", &id).unwrap().unwrap();
    for (status, code) in [(ReportStatus::Failed, 409), (ReportStatus::Expired, 410)] {
        state.put_report("default", &ReportRow { status, ..row.clone() }).unwrap();
        assert_eq!(server.get(&format!("{path}/download")).status, code);
    }
    let told: Vec<Value> =
        reads(&server).iter().map(|e| json!([e["action"], e["status"], e["metadata"]])).collect();
    assert_eq!(
        told,
        [
            json!(["tail", "success", {"parameters": {}, "last_event_id": "1"}]),
            json!(["verify", "success", {"parameters": {}, "from": 1, "to": 2}]),
            json!(["download_report", "failure", {"parameters": {}}]),
            json!(["download_report", "failure", {"parameters": {}}]),
        ]
    );
}

/// Goal: the event comes before the answer; only a log that takes no events at all is read without.
/// Method: a log that was closed, one whose writer has ended, and one of a server that is stopping.
#[test]
fn a_log_that_takes_no_events_can_still_be_read() {
    let server = Server::new();
    server.post_json("/v1/events", &event("a"));
    assert_eq!(turn(&server, true), 200);
    let tenant = server.app().tenant("default").unwrap();
    tenant.log.close().unwrap();
    assert_eq!(server.post_json("/v1/events", &event("b")).status, 503);
    assert_eq!(server.get("/v1/events/a").status, 200);
    server.runtime().block_on(tenant.queue.stop());
    while !tenant.queue.is_closed() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert_eq!(server.get("/v1/events/a").status, 200);
    server.app().drain();
    let refused = server.get("/v1/events/a");
    assert_eq!((refused.status, refused.headers["retry-after"].as_str()), (503, "1"), "{}", refused.text());
    assert!(reads(&server).is_empty());
}
