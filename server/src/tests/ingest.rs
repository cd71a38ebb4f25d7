//! `POST /v1/events` end to end.

use std::io::Write as _;

use serde_json::Value;

use super::client::{Server, event};

#[test]
fn an_acknowledged_event_is_searchable_and_its_line_is_what_was_sent() {
    let server = Server::new();
    let got = server.post_json("/v1/events", &event("e-1"));
    assert_eq!(got.status, 200, "{}", got.text());
    let reply = got.json();
    assert_eq!((&reply["accepted"], &reply["first_sequence"]), (&1.into(), &0.into()));
    let receipt = &reply["receipts"][0];
    assert_eq!((&receipt["event_id"], &receipt["status"]), (&"e-1".into(), &"stored".into()));
    let page = server.get("/v1/events?actor_email=ada%40example.com&count=exact").json();
    assert_eq!(page["matched"], 1);
    assert_eq!(page["events"][0]["chain"]["hash"], receipt["hash"]);
    let line = server.get("/v1/events/e-1").text();
    assert!(line.contains(r#""metadata":{"method":"password","n":1.0},"chain":{"sequence":0,"#), "{line}");
}

#[test]
fn items_stand_alone_and_repeats_store_nothing() {
    let server = Server::new();
    let lines = [event("a"), "not json".to_owned(), String::new(), event("b"), event("a")];
    let reply = server.post_lines("/v1/events?receipts=full", &lines).json();
    assert_eq!(
        [&reply["accepted"], &reply["duplicates"], &reply["rejected"]],
        [&Value::from(2), &1.into(), &1.into()]
    );
    assert_eq!(reply["errors"][0]["index"], 1);
    assert_eq!((&reply["first_sequence"], &reply["last_sequence"]), (&0.into(), &1.into()));
    let again = server.post_lines("/v1/events", &lines).json();
    assert_eq!((&again["accepted"], &again["duplicates"]), (&0.into(), &3.into()));
    assert_eq!(again["first_sequence"], Value::Null);
    let conflict = server.post_json("/v1/events", &event("a").replace("password", "token"));
    assert_eq!(conflict.status, 409);
    assert_eq!(conflict.json()["errors"][0]["code"], "conflict");
}

#[test]
fn atomic_requests_are_all_or_nothing() {
    let server = Server::new();
    assert_eq!(server.post_json("/v1/events", &event("taken")).status, 200);
    let changed = event("taken").replace("password", "token");
    let body = format!("[{},{changed}]", event("fresh"));
    let got = server.post_json("/v1/events?atomic=true", &body);
    assert_eq!(got.status, 422, "{}", got.text());
    assert_eq!(server.get("/v1/events/fresh").status, 404);
    let body = format!("[{},{}]", event("fresh"), event("taken"));
    let reply = server.post_json("/v1/events?atomic=true", &body).json();
    assert_eq!((&reply["accepted"], &reply["duplicates"]), (&1.into(), &1.into()));
}

#[test]
fn shapes_of_bodies_answer_as_documented() {
    let server = Server::new();
    for (kind, body, status) in [
        ("application/json", "", 400),
        ("application/json", "[", 400),
        ("application/json", "[]", 200),
        ("application/json", "17", 400),
        ("application/json", "{}", 422),
        ("application/json", "[{}]", 422),
        ("application/x-ndjson", "", 200),
        ("application/x-ndjson", "{", 422),
        ("text/plain", "{}", 415),
    ] {
        let got = server.call("POST", "/v1/events", &[("content-type", kind)], body.as_bytes());
        assert_eq!(got.status, status, "{kind} {body}: {}", got.text());
        if status >= 400 {
            assert_eq!(got.headers["content-type"], "application/problem+json");
        }
    }
    let long = format!("[{},{}]", event("ok"), event("long").replace("password", &"x".repeat(300_000)));
    let reply = server.post_json("/v1/events", &long).json();
    assert_eq!((&reply["accepted"], &reply["errors"][0]["code"]), (&1.into(), &"too_large".into()));
}

#[test]
fn compressed_bodies_are_taken_and_bombs_are_not() {
    let server = Server::with(|o| o.limits.body_bytes = 1 << 20);
    let send = |coding: &str, body: &[u8]| {
        let headers = [("content-type", "application/x-ndjson"), ("content-encoding", coding)];
        server.call("POST", "/v1/events", &headers, body)
    };
    let zstd = zstd::encode_all(event("z").as_bytes(), 3).unwrap();
    assert_eq!(send("zstd", &zstd).json()["accepted"], 1);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(event("g").as_bytes()).unwrap();
    assert_eq!(send("gzip", &gzip.finish().unwrap()).json()["accepted"], 1);
    let bomb = zstd::encode_all(&vec![b' '; 64 << 20][..], 3).unwrap();
    assert_eq!(send("zstd", &bomb).status, 413);
    assert_eq!(send("br", b"x").status, 415);
    assert_eq!(send("gzip", b"x").status, 400);
}

#[test]
fn absent_addresses_are_captured_on_request() {
    let server = Server::new();
    let headers = [("content-type", "application/json"), ("user-agent", "probe/1")];
    let got = server.call("POST", "/v1/events?actor_ip=capture", &headers, event("c").as_bytes());
    assert_eq!(got.status, 200, "{}", got.text());
    let line = server.get("/v1/events/c").json();
    assert_eq!(
        (&line["actor"]["ip_address"], &line["actor"]["user_agent"]),
        (&"127.0.0.1".into(), &"probe/1".into())
    );
}

#[test]
fn events_without_an_id_get_one_in_order() {
    let server = Server::new();
    let lines: Vec<String> = (0..100)
        .map(|i| event("x").replace(r#""event_id":"x","#, "").replace("s_1", &format!("s_{i}")))
        .collect();
    let reply = server.post_lines("/v1/events?receipts=full", &lines).json();
    assert_eq!(reply["accepted"], 100);
    let ids: Vec<&str> =
        reply["receipts"].as_array().unwrap().iter().map(|r| r["event_id"].as_str().unwrap()).collect();
    assert!(ids.is_sorted() && ids.iter().all(|id| id.len() == 36), "{ids:?}");
}
