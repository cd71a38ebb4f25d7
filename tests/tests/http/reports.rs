//! Reports and who looked: the contract over the wire, also across a kill.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stele_tests::event::at;
use stele_tests::server::text;
use stele_tests::{Options, Server};

use crate::refused::{Case, Expected, complaints};

fn asked(server: &Server, body: &Value) -> String {
    let answer = server.post("/v1/reports", &body.to_string());
    let id = text(&answer.json(), "id");
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.header("location"), Some(format!("/v1/reports/{id}").as_str()));
    id
}

fn done(server: &Server, id: &str) -> Value {
    let begun = Instant::now();
    loop {
        let row = server.get(&format!("/v1/reports/{id}")).expect(200);
        match row["status"].as_str() {
            Some("pending" | "running") => assert!(begun.elapsed() < Duration::from_secs(120), "{row}"),
            Some("done") => return row,
            _ => panic!("{row}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_report_goes_from_question_to_files_to_an_event_that_anyone_can_look_up() {
    let server = Server::start();
    let _ = server.ingest(&(0..200).map(|i| at(&format!("r{i}"), i)).collect::<Vec<_>>());
    let kind = server.get("/v1/events/r7").expect(200)["event_type"].clone();
    let (_, auditor) = server.new_key(&["auditor"]);
    let as_auditor = |method: &str, target: &str| server.bare(method, target).key(&auditor);
    let got = as_auditor("POST", "/v1/reports").json(json!({"event_type": kind}).to_string()).send();
    assert_eq!(got.status, 202, "{}", got.text());
    let id = text(&got.json(), "id");
    let row = done(&server, &id);
    assert_eq!(row["entries"], 200, "{row}");
    let hash = text(&row, "verification_hash");
    let file = |format: &str| {
        let got = as_auditor("GET", &format!("/v1/reports/{id}/download?format={format}")).send();
        assert_eq!(got.status, 200, "{}", got.text());
        let name = got.header("content-disposition").unwrap_or_default();
        assert!(name.contains(&format!("{id}.{format}")), "{name}");
        got
    };
    let report = file("json").json();
    assert_eq!(report["format"], "stele.report/v1");
    assert_eq!(report["entries"].as_array().unwrap().len(), 200);
    assert_eq!(format!("stele1:{}", text(&report, "verification_hash")), hash);
    assert_eq!(file("csv").text().lines().count(), 201);
    assert!(file("html").text().contains(&hash));
    let found = as_auditor("GET", &format!("/v1/verify/{hash}")).send().expect(200);
    assert_eq!(found["event"]["event_type"], "stele.report_issued");
    assert_eq!(found["event"]["resource"]["id"], id.as_str());
    assert!(found["inclusion"]["hashes"].is_array());
    let key = server.get("/v1/keys").expect(200);
    let keys = key["keys"].as_array().unwrap();
    let mine = keys.iter().find(|key| key["scopes"] == json!(["auditor"])).unwrap();
    assert_eq!(found["event"]["actor"]["id"], mine["id"], "the log says who asked");
}

#[test]
fn a_question_that_no_report_can_prove_is_refused_where_it_is_wrong() {
    let server = Server::start();
    let cases = [
        ("a bare actor", r#"{"actor": "ada"}"#, 422, "/actor", "actor_id"),
        ("a query", r#"{"q": "ada"}"#, 422, "/q", "filters"),
        ("an unknown member", r#"{"color": 1}"#, 422, "/color", "event_type"),
        ("a time that is none", r#"{"from": "soon"}"#, 422, "/from", "RFC 3339"),
        ("an empty range", r#"{"from": "now-1h", "to": "now-2h"}"#, 422, "/from", "before"),
        ("an axis that is none", r#"{"axis": "x"}"#, 422, "/axis", "commit"),
        ("a value of no status", r#"{"status": ["success", "done"]}"#, 422, "/status/1", "pending"),
        ("an id without its type", r#"{"actor_id": "usr_17"}"#, 422, "/actor_id", "pair"),
        ("no value", r#"{"category": []}"#, 422, "/category", "1 to"),
        ("no JSON", "{", 400, "-", "JSON"),
    ];
    let mut found = Vec::new();
    for (name, body, status, pointer, says) in cases {
        let case = Case {
            name,
            call: Box::new(move |server| server.call("POST", "/v1/reports").json(body)),
            expected: Expected { status, code: if status == 422 { "invalid" } else { "" }, pointer, says },
        };
        found.extend(complaints(case.name, &(case.call)(&server).send(), &case.expected));
    }
    let none = "0".repeat(64);
    for (target, status) in [
        ("/v1/reports/rep_1".to_owned(), 404),
        ("/v1/reports/rep_1/download".to_owned(), 404),
        (format!("/v1/verify/{none}"), 404),
        ("/v1/verify/none".to_owned(), 400),
        ("/v1/reports?limit=0".to_owned(), 400),
    ] {
        let expected = Expected { status, code: "", pointer: "-", says: "" };
        found.extend(complaints(&target, &server.get(&target), &expected));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Goal: a report that was asked for is made, whatever happens to the process.
/// Method: ask for several, kill the server at once, start it again.
#[test]
fn reports_that_a_kill_interrupted_are_made_after_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let options = || Options::default().data(dir.path());
    let mut server = options().start();
    let _ = server.ingest(&(0..5_000).map(|i| at(&format!("k{i}"), i)).collect::<Vec<_>>());
    let ids: Vec<String> = (0..4).map(|_| asked(&server, &json!({"status": "success"}))).collect();
    server.kill();
    let mut server = options().start();
    for id in &ids {
        let row = done(&server, id);
        let hash = text(&row, "verification_hash");
        assert_eq!(server.get(&format!("/v1/verify/{hash}")).status, 200);
        let page = server.get(&format!("/v1/reports/{id}/download?format=html"));
        assert!(page.text().trim_end().ends_with("</html>") && page.text().contains(&hash));
    }
    let left = walk(dir.path()).into_iter().filter(|name| name.ends_with(".tmp")).count();
    assert_eq!(left, 0, "no unfinished file stays");
    server.stop();
}

fn walk(dir: &std::path::Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        names.push(entry.file_name().to_string_lossy().into_owned());
        if entry.file_type().unwrap().is_dir() {
            names.extend(walk(&entry.path()));
        }
    }
    names
}

#[test]
fn who_looked_is_an_event_where_the_organization_asks_for_it() {
    let server = Server::start();
    let _ = server.ingest(&[at("seen", 1)]);
    assert_eq!(server.get("/v1/settings").expect(200), json!({"record_reads": false}));
    let (_, reader) = server.new_key(&["read"]);
    let put =
        |key: &str| server.bare("PUT", "/v1/settings").key(key).json(r#"{"record_reads": true}"#).send();
    assert_eq!(put(&reader).status, 403);
    assert_eq!(put(stele_tests::ADMIN_KEY).status, 200);
    assert_eq!(server.bare("GET", "/v1/events?q=seen").key(&reader).send().status, 200);
    assert_eq!(server.bare("GET", "/v1/events/seen").key(&reader).send().status, 200);
    let found = server.get("/v1/events?event_type=stele.read&order=asc").expect(200);
    let events = found["events"].as_array().unwrap();
    let told: Vec<(&str, &str)> = events
        .iter()
        .map(|e| (e["action"].as_str().unwrap(), e["resource"]["id"].as_str().unwrap()))
        .collect();
    assert_eq!((told[0].0, told[1]), ("search", ("get", "seen")), "{found}");
    assert_eq!(events[0]["metadata"]["parameters"], json!({"q": ["seen"]}));
}
