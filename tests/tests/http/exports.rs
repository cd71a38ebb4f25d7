//! Exports: the contract over the wire, also across a kill.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stele_tests::event::at;
use stele_tests::server::text;
use stele_tests::{Answer, Options, Server};

use crate::refused::{Case, Expected, complaints};

fn asked(server: &Server, body: &Value) -> String {
    let answer = server.post("/v1/exports", &body.to_string());
    let id = text(&answer.json(), "id");
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.header("location"), Some(format!("/v1/exports/{id}").as_str()));
    id
}

fn ended(server: &Server, id: &str) -> Value {
    let begun = Instant::now();
    loop {
        let row = server.get(&format!("/v1/exports/{id}")).expect(200);
        match row["status"].as_str() {
            Some("pending" | "running") => assert!(begun.elapsed() < Duration::from_secs(120), "{row}"),
            _ => return row,
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn file(server: &Server, id: &str) -> Answer {
    let answer = server.get(&format!("/v1/exports/{id}/download"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

fn filled(options: Options, events: usize) -> Server {
    let server = options.start();
    for part in (0..events).collect::<Vec<_>>().chunks(10_000) {
        let lines: Vec<String> =
            part.iter().map(|&i| at(&format!("x{i}"), u32::try_from(i).unwrap())).collect();
        let _ = server.ingest(&lines).expect(200);
    }
    server
}

/// Rows of a file at most, in a server of a test.
fn most(rows: u32) -> Options {
    Options::default().env("STELE_EXPORT_ENTRIES", &rows.to_string())
}

#[test]
fn an_export_is_asked_for_by_a_key_of_its_scope_and_is_the_list() {
    let server = filled(Options::default(), 1_500);
    let (_, key) = server.new_key(&["export"]);
    let (_, reader) = server.new_key(&["read"]);
    let call = |key: &str, method: &str, target: &str| server.bare(method, target).key(key);
    let body = r#"{"format": "ndjson", "order": "asc", "status": ["success"]}"#;
    assert_eq!(call(&reader, "POST", "/v1/exports").json(body).send().status, 403);
    let answer = call(&key, "POST", "/v1/exports").json(body).send();
    let id = text(&answer.json(), "id");
    let row = ended(&server, &id);
    assert_eq!(row["status"], "done", "{row}");
    let mut lines = String::new();
    let mut cursor = String::new();
    loop {
        let page = server.get(&format!("/v1/events?status=success&order=asc&limit=1000{cursor}"));
        let shown = page.text();
        let events = shown.strip_prefix("{\"events\":[").unwrap().split_once("],\"next_cursor\"").unwrap().0;
        lines.push_str(&events.replace("},{\"event_id\"", "}\n{\"event_id\""));
        lines.push('\n');
        match page.json()["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let target = format!("/v1/exports/{id}/download");
    assert_eq!(call(&reader, "GET", &target).send().status, 403, "who may not export downloads none");
    assert_eq!(call(&reader, "GET", &format!("/v1/exports/{id}")).send().status, 200);
    let got = call(&key, "GET", &target).send();
    assert_eq!(got.text(), lines);
    assert_eq!(got.header("content-type"), Some("application/x-ndjson"));
    let told = server.get(&format!("/v1/events/stele:export_finished:{id}")).expect(200);
    assert_eq!(told["metadata"]["verification_hash"], row["verification_hash"]);
    let (_, other) = server.new_org("other");
    for target in [target, format!("/v1/exports/{id}")] {
        assert_eq!(call(&other, "GET", &target).send().status, 404, "another organization's: {target}");
    }
    let list = call(&other, "GET", "/v1/exports").send().expect(200);
    assert_eq!(list["exports"], json!([]));
}

#[test]
fn what_cannot_be_exported_is_refused_where_it_is_wrong() {
    let server = Server::start();
    let cases = [
        ("an unknown member", r#"{"color": 1}"#, 422, "/color", "formula_guard"),
        ("a format that is none", r#"{"format": "xml"}"#, 422, "/format", "ndjson"),
        ("a packing that is none", r#"{"compression": "zip"}"#, 422, "/compression", "gzip"),
        ("an order that is none", r#"{"order": "up"}"#, 422, "/order", "asc"),
        ("pretty lines", r#"{"format": "csv", "pretty": true}"#, 422, "/pretty", "json"),
        ("parts of lines", r#"{"format": "ndjson", "fields": ["status"]}"#, 422, "/fields", "whole"),
        ("no field", r#"{"format": "csv", "fields": []}"#, 422, "/fields", "1 to 1000"),
        (
            "a field of nothing",
            r#"{"format": "csv", "fields": ["status", "x"]}"#,
            422,
            "/fields/1",
            "metadata",
        ),
        ("a field twice", r#"{"fields": ["@a", "metadata.a"]}"#, 422, "/fields/1", "already"),
        ("a time that is none", r#"{"from": "soon"}"#, 422, "/from", "RFC 3339"),
        ("an empty range", r#"{"from": "now-1h", "to": "now-2h"}"#, 422, "/from", "`to`"),
        ("a value of no status", r#"{"status": ["success", "done"]}"#, 422, "/status", "pending"),
        ("a number for a text", r#"{"actor_id": ["a", 1]}"#, 422, "/actor_id/1", "text"),
        ("a text for a flag", r#"{"bulk": "yes"}"#, 422, "/bulk", "true or false"),
        ("a query that ends early", r#"{"q": "status:failure AND"}"#, 400, "-", "at character"),
        ("bulk without the plan", r#"{"bulk": true}"#, 403, "-", "enterprise"),
        ("no JSON", "{", 400, "-", "JSON"),
    ];
    let mut found = Vec::new();
    for target in ["/v1/exports", "/v1/exports/preview"] {
        for (name, body, status, pointer, says) in cases {
            // Previews write nothing, whatever the plan.
            if (target.ends_with("preview"), status) == (true, 403) {
                continue;
            }
            let case = Case {
                name,
                call: Box::new(move |server| server.call("POST", target).json(body)),
                expected: Expected {
                    status,
                    code: if status == 422 { "invalid" } else { "" },
                    pointer,
                    says,
                },
            };
            found.extend(complaints(case.name, &(case.call)(&server).send(), &case.expected));
        }
    }
    for (method, target, status) in [
        ("GET", "/v1/exports/exp_1", 404),
        ("GET", "/v1/exports/exp_1/download", 404),
        ("GET", "/v1/exports/exp_1/manifest", 404),
        ("POST", "/v1/exports/exp_1/cancel", 404),
        ("GET", "/v1/exports?limit=0", 400),
        ("GET", "/v1/exports?color=red", 400),
        ("GET", "/v1/exports?cursor=x", 400),
        ("GET", "/v1/exports/preview/x", 404),
        ("DELETE", "/v1/exports/exp_1", 405),
        ("POST", "/v1/exports?q=x", 400),
    ] {
        let expected = Expected { status, code: "", pointer: "-", says: "" };
        found.extend(complaints(target, &server.call(method, target).send(), &expected));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert_eq!(server.get("/v1/exports").expect(200)["exports"], json!([]), "none of them is one");
}

#[test]
fn too_many_rows_and_too_many_exports_get_the_documented_answers() {
    let mut server = filled(most(100), 250);
    let refused = server.post("/v1/exports", "{}");
    let problem = refused.json();
    assert_eq!((refused.status, &problem["type"]), (422, &json!("urn:stele:problem/too-many-entries")));
    assert_eq!(problem["matched"], 250);
    let counts: Vec<u64> = problem["ranges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|range| {
            let body = json!({"from": range["from"], "to": range["to"]});
            let row = ended(&server, &asked(&server, &body));
            assert_eq!((&row["status"], &row["entries"]), (&json!("done"), &range["events"]), "{row}");
            range["events"].as_u64().unwrap()
        })
        .collect();
    assert_eq!((counts.iter().sum::<u64>(), counts.iter().max()), (250, Some(&100)), "{problem}");
    for _ in counts.len()..10 {
        asked(&server, &json!({"q": "id:x1"}));
    }
    let refused = server.post("/v1/exports", r#"{"q": "id:x1"}"#);
    assert_eq!((refused.status, &refused.json()["type"]), (429, &json!("urn:stele:problem/rate-limited")));
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((3_000..=3_600).contains(&wait), "{wait}");
    let page = server.get("/v1/exports?limit=4").expect(200);
    let cursor = text(&page, "next_cursor");
    let rest = server.get(&format!("/v1/exports?limit=4&cursor={cursor}")).expect(200);
    let ids =
        |page: &Value| page["exports"].as_array().unwrap().iter().map(|e| text(e, "id")).collect::<Vec<_>>();
    let all = [ids(&page), ids(&rest)].concat();
    assert!(all.len() == 8 && all.windows(2).all(|two| two[0] > two[1]), "newest first: {all:?}");
    server.stop();
}

/// Goal: a running export that is cancelled stops, and leaves no file.
#[test]
fn a_running_export_is_cancelled() {
    let server = filled(Options::default(), 60_000);
    let id = asked(&server, &json!({"format": "csv", "compression": "gzip"}));
    let begun = Instant::now();
    while server.get(&format!("/v1/exports/{id}")).expect(200)["status"] == "pending" {
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
    let begun = Instant::now();
    let answer = server.post(&format!("/v1/exports/{id}/cancel"), "");
    assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("cancelled")), "{}", answer.text());
    // Its end is told by the job, once it has stopped.
    while server.get(&format!("/v1/events/stele:export_finished:{id}")).status != 200 {
        assert!(begun.elapsed() < Duration::from_secs(60), "it goes on");
        std::thread::sleep(Duration::from_millis(10));
    }
    let told = server.get(&format!("/v1/events/stele:export_finished:{id}")).expect(200);
    assert_eq!((&told["status"], &told["metadata"]["status"]), (&json!("failure"), &json!("cancelled")));
    assert!(told["metadata"]["entries"] == 0 && files(&server.data).is_empty(), "{told}");
    assert_eq!(server.get(&format!("/v1/exports/{id}/download")).status, 409);
    assert_eq!(server.post(&format!("/v1/exports/{id}/cancel"), "").status, 200, "twice is once");
}

/// Names of the files of exports.
fn files(data: &std::path::Path) -> Vec<String> {
    let mut names = Vec::new();
    for org in std::fs::read_dir(data.join("orgs")).unwrap() {
        if let Ok(entries) = std::fs::read_dir(org.unwrap().path().join("exports")) {
            names.extend(entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()));
        }
    }
    names
}

/// Goal: an export that was asked for is written, whatever happens to the process, and is of the snapshot of
/// its asking.
/// Method: ask for several forms, kill the server while they are written, add matches, start it again; compare
/// with what a server that nobody killed makes of the same question.
#[test]
fn exports_that_a_kill_interrupted_have_the_bytes_they_would_have_had() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = filled(Options::default().data(dir.path()), 8_000);
    let forms = [
        json!({"format": "csv", "to": "2030-01-01T00:00:00Z"}),
        json!({"format": "ndjson", "compression": "zstd", "to": "2030-01-01T00:00:00Z"}),
        json!({"format": "json", "pretty": true, "order": "asc", "to": "2030-01-01T00:00:00Z"}),
    ];
    let whole: Vec<Vec<u8>> = forms
        .iter()
        .map(|form| {
            let id = asked(&server, form);
            assert_eq!(ended(&server, &id)["status"], "done");
            file(&server, &id).body
        })
        .collect();
    let ids: Vec<String> = forms.iter().map(|form| asked(&server, form)).collect();
    server.kill();
    let mut server = Options::default().data(dir.path()).start();
    let late: Vec<String> = (0..100).map(|i| at(&format!("late{i}"), i)).collect();
    let _ = server.ingest(&late).expect(200);
    for (id, whole) in ids.iter().zip(&whole) {
        let row = ended(&server, id);
        assert_eq!((&row["status"], &row["entries"]), (&json!("done"), &json!(8_000)), "{row}");
        assert!(file(&server, id).body == *whole, "{row}");
    }
    assert!(files(dir.path()).iter().all(|name| !name.ends_with(".tmp")), "no unfinished file stays");
    server.stop();
}
