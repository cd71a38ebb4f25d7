//! Requests that are wrong as requests: bodies, encodings, parameters, keys, paths.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use stele_tests::event::{id, with};
use stele_tests::wire::exchange;
use stele_tests::{Answer, Call, Server};

use crate::refused::{Case, Expected, complaints, run, size};

fn case(
    name: &'static str,
    (status, code, says): (u16, &'static str, &'static str),
    call: impl Fn(&Server) -> Call + 'static,
) -> Case {
    Case { name, call: Box::new(call), expected: Expected { status, code, pointer: "-", says } }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

pub fn zstd_packed(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).expect("memory")
}

fn events(server: &Server) -> Call {
    server.call("POST", "/v1/events")
}

fn encoded(encoding: &'static str, bytes: Vec<u8>) -> impl Fn(&Server) -> Call {
    move |server| events(server).header("content-encoding", encoding).ndjson(bytes.clone())
}

#[test]
fn wrong_bodies_and_encodings_are_refused() {
    let line = format!("{}\n", id("never"));
    let bomb = vec![b' '; 64 << 20];
    let (gzip_line, zstd_line) = (gzip(line.as_bytes()), zstd_packed(line.as_bytes()));
    let cut = |bytes: &[u8]| bytes[..bytes.len() - 6].to_vec();
    let malformed = |text: &'static str| move |server: &Server| events(server).json(text);
    let cases = [
        case("plain text is no event", (415, "", ""), |s| events(s).body("text/plain", "x")),
        case("a form is no event", (415, "", ""), |s| {
            events(s).body("application/x-www-form-urlencoded", "a=b")
        }),
        case("other charsets are refused", (415, "", ""), |s| {
            events(s).body("application/json; charset=latin1", id("a"))
        }),
        case("an unknown encoding", (415, "", "gzip"), encoded("br", line.clone().into_bytes())),
        case("gzip that is none", (400, "", ""), encoded("gzip", line.clone().into_bytes())),
        case("zstd that is none", (400, "", ""), encoded("zstd", line.clone().into_bytes())),
        case("gzip named zstd", (400, "", ""), encoded("zstd", gzip_line.clone())),
        case("gzip cut short", (400, "", ""), encoded("gzip", cut(&gzip_line))),
        case("zstd cut short", (400, "", ""), encoded("zstd", cut(&zstd_line))),
        case("a gzip bomb", (413, "", ""), encoded("gzip", gzip(&bomb))),
        case("a zstd bomb", (413, "", ""), encoded("zstd", zstd_packed(&bomb))),
        case("33 MiB as they are", (413, "", ""), |s| events(s).ndjson(vec![b' '; 33 << 20])),
        case("an empty body", (400, "", ""), |s| events(s).json("")),
        case("white space alone", (400, "", ""), |s| events(s).json(" \n ")),
        case("an array without its end", (400, "", ""), malformed("[{}")),
        case("an array with a comma too many", (400, "", ""), malformed(r#"[{"a":1},]"#)),
        case("an array with words after it", (400, "", ""), malformed("[] x")),
        case("two arrays", (400, "", ""), malformed("[][]")),
        case("an array whose items are no events", (422, "invalid", ""), malformed("[1,null,\"x\",[],{}]")),
        case("NDJSON whose lines are no events", (422, "invalid", ""), |s| events(s).ndjson("1\nx\n[]\n")),
    ];
    run(&Server::start(), &cases);
}

#[test]
fn wrong_parameters_are_named() {
    let get = |target: &'static str| move |server: &Server| server.call("GET", target);
    let post = |target: &'static str| move |server: &Server| server.call("POST", target).json(id("never"));
    let bad = |says| (400, "", says);
    let cases = [
        case("unknown on ingest", bad("atomc"), post("/v1/events?atomc=true")),
        case("atomic takes true or false", bad("atomic"), post("/v1/events?atomic=maybe")),
        case("receipts takes full", bad("receipts"), post("/v1/events?receipts=some")),
        case("actor_ip takes capture", bad("actor_ip"), post("/v1/events?actor_ip=127.0.0.1")),
        case("unknown on search", bad("statuss"), get("/v1/events?statuss=failure")),
        case("limit is at least 1", bad("limit"), get("/v1/events?limit=0")),
        case("limit is at most 1000", bad("limit"), get("/v1/events?limit=1001")),
        case("limit is a number", bad("limit"), get("/v1/events?limit=ten")),
        case("limit is not negative", bad("limit"), get("/v1/events?limit=-1")),
        case("limit stands once", bad("limit"), get("/v1/events?limit=1&limit=2")),
        case("order is desc or asc", bad("order"), get("/v1/events?order=up")),
        case("count is none or exact", bad("count"), get("/v1/events?count=all")),
        case("own is true or false", bad("own"), get("/v1/events?own=yes")),
        case("status is one of three", bad("status"), get("/v1/events?status=ok")),
        case("actor_type is one of three", bad("actor_type"), get("/v1/events?actor_type=robot")),
        case("category is known", bad("category"), get("/v1/events?category=weather")),
        case("from is a time", bad("from"), get("/v1/events?from=yesterday")),
        case("from is not after to", bad("from"), get("/v1/events?from=now-1h&to=now-2h")),
        case("from names its offset", bad("from"), get("/v1/events?from=2026-01-02T03:04:05")),
        case("a relative time has a unit", bad("to"), get("/v1/events?to=now-15")),
        case("a relative time has a known unit", bad("to"), get("/v1/events?to=now-15y")),
        case("a cursor is ours", bad("cursor"), get("/v1/events?cursor=abc")),
        case("a cursor is base64url", bad("cursor"), get("/v1/events?cursor=%25%25%25")),
        case("a percent sign is followed by hex", (400, "", ""), get("/v1/events?actor_id=%zz")),
        case("percent-encoded text is UTF-8", (400, "", ""), get("/v1/events?actor_id=%ff%fe")),
        case("a broken path names nothing", (404, "", ""), get("/v1/events/%zz")),
        case("nor does one that is not UTF-8", (404, "", ""), get("/v1/events/%ff")),
    ];
    run(&Server::start(), &cases);
}

#[test]
fn paths_and_methods_that_are_none_are_told_apart() {
    let call =
        |method: &'static str, target: &'static str| move |server: &Server| server.call(method, target);
    let cases = [
        case("no such path", (404, "", ""), call("GET", "/v1/nothing")),
        case("no such version", (404, "", ""), call("GET", "/v2/events")),
        case("no such event", (404, "", ""), call("GET", "/v1/events/none")),
        case("an id that no event can have", (404, "", ""), call("GET", "/v1/events/a%20b")),
        case("events are not deleted", (405, "", ""), call("DELETE", "/v1/events")),
        case("an event is not deleted", (405, "", ""), call("DELETE", "/v1/events/evt-1")),
        case("an event is not replaced", (405, "", ""), call("PUT", "/v1/events/evt-1")),
        case("an event is not patched", (405, "", ""), call("PATCH", "/v1/events/evt-1")),
        case("chain is only read", (405, "", ""), call("POST", "/v1/chain")),
        case("no such key", (404, "", ""), call("DELETE", "/v1/keys/none")),
        case("no such organization", (404, "", ""), call("GET", "/v1/orgs/none")),
    ];
    let server = Server::start();
    run(&server, &cases);
    let allow = server.call("DELETE", "/v1/events").send();
    let allow = allow.header("allow").expect("405 names what is allowed");
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
}

#[test]
fn missing_and_bad_keys_are_401_and_missing_scopes_403() {
    let server = Server::start();
    let (_, ingest) = server.new_key(&["ingest"]);
    let (_, read) = server.new_key(&["read"]);
    let (_, org_admin) = server.new_org("other");
    let (revoked_id, revoked) = server.new_key(&["read"]);
    assert!(matches!(server.call("DELETE", &format!("/v1/keys/{revoked_id}")).send().status, 200 | 204));
    let with_key = |method: &'static str, target: &'static str, key: &str| {
        let key = key.to_owned();
        move |s: &Server| match method {
            "POST" => s.bare(method, target).key(&key).json(id("never")),
            _ => s.bare(method, target).key(&key),
        }
    };
    let raw =
        |value: &'static str| move |s: &Server| s.bare("GET", "/v1/events").header("authorization", value);
    let new_key = r#"{"name":"x","scopes":["read"]}"#;
    let read_key = read.clone();
    let keys = move |s: &Server| s.bare("POST", "/v1/keys").key(&read_key).json(new_key);
    let cases = [
        case("no key to read", (401, "", ""), |s| s.bare("GET", "/v1/events")),
        case("no key to write", (401, "", ""), |s| s.bare("POST", "/v1/events").json(id("never"))),
        case("no key for a stream", (401, "", ""), |s| s.bare("GET", "/v1/events/stream")),
        case("another scheme", (401, "", ""), raw("Basic dGVzdDp0ZXN0")),
        case("a scheme without a key", (401, "", ""), raw("Bearer ")),
        case("an unknown key", (401, "", ""), raw("Bearer stl_0123456789abcdef0123456789abcdef")),
        case("most of a key", (401, "", ""), raw("Bearer test-admin-key-0123456789abcde")),
        case("a key that is not ASCII", (401, "", ""), raw("Bearer schlüssel")),
        case("a revoked key", (401, "", ""), with_key("GET", "/v1/events", &revoked)),
        case("ingest does not read", (403, "", "read"), with_key("GET", "/v1/events", &ingest)),
        case("ingest does not get", (403, "", ""), with_key("GET", "/v1/events/evt-1", &ingest)),
        case("ingest does not tail", (403, "", ""), with_key("GET", "/v1/events/stream", &ingest)),
        case("ingest does not see the chain", (403, "", ""), with_key("GET", "/v1/chain", &ingest)),
        case("read does not write", (403, "", "ingest"), with_key("POST", "/v1/events", &read)),
        case("read does not verify", (403, "", ""), with_key("POST", "/v1/chain/verify", &read)),
        case("read does not list keys", (403, "", ""), with_key("GET", "/v1/keys", &read)),
        case("read does not make keys", (403, "", ""), keys),
        case("read does not revoke keys", (403, "", ""), with_key("DELETE", "/v1/keys/none", &read)),
        case("read sees no organizations", (403, "", ""), with_key("GET", "/v1/orgs", &read)),
        case(
            "an organization's admin sees no others",
            (403, "", ""),
            with_key("GET", "/v1/orgs", &org_admin),
        ),
        case("an organization's admin makes none", (403, "", ""), with_key("POST", "/v1/orgs", &org_admin)),
    ];
    run(&server, &cases);
    let unauthorized = server.bare("GET", "/v1/events").send();
    assert!(
        unauthorized.header("www-authenticate").is_some_and(|v| v.starts_with("Bearer")),
        "{unauthorized:?}"
    );
}

/// Goal: another organization's ids do not exist for a key. Method: its real ids and invented ones must
/// be answered alike, but for what the request itself said.
#[test]
fn another_organizations_ids_look_like_ids_that_do_not_exist() {
    let server = Server::start();
    let (_, other) = server.new_org("other");
    let (key_id, _) = server.new_key(&["read"]);
    let _ = server.ingest(&[id("mine-1")]).expect(200);
    let as_other = |method: &str, target: &str| server.bare(method, target).key(&other).send();
    let shape = |answer: &Answer, asked: &str| {
        let mut problem = answer.json();
        problem["request_id"].take();
        let mut names: Vec<String> = answer.headers.iter().map(|(name, _)| name.clone()).collect();
        names.sort();
        (problem.to_string().replace(asked, "ID"), names)
    };
    let pairs =
        [("GET", "/v1/events/", "mine-1", "none-1"), ("DELETE", "/v1/keys/", key_id.as_str(), "key_none")];
    for (method, path, theirs, invented) in pairs {
        let one = as_other(method, &format!("{path}{theirs}"));
        let two = as_other(method, &format!("{path}{invented}"));
        assert_eq!((one.status, two.status), (404, 404), "{method} {path}");
        assert_eq!(shape(&one, theirs), shape(&two, invented), "{method} {path}");
    }
    assert_eq!(server.get("/v1/events/mine-1").status, 200, "it is there for its owner");
    let found = as_other("GET", "/v1/events?count=exact").expect(200);
    assert_eq!(found["matched"], 0, "{found}");
    let page = server.get("/v1/events?limit=1&own=true").expect(200);
    if let Some(cursor) = page["next_cursor"].as_str() {
        let foreign = as_other("GET", &format!("/v1/events?limit=1&own=true&cursor={cursor}"));
        assert_eq!(foreign.status, 400, "a cursor of another organization: {}", foreign.text());
    }
}

#[test]
fn a_cursor_is_refused_with_other_parameters_and_when_changed() {
    let server = Server::start();
    let events: Vec<String> = (0..5).map(|i| stele_tests::event::at(&format!("e{i}"), i)).collect();
    let _ = server.ingest(&events).expect(200);
    let page = server.get("/v1/events?limit=2&status=success").expect(200);
    let cursor = page["next_cursor"].as_str().expect("there is more").to_owned();
    let next = format!("/v1/events?limit=2&status=success&cursor={cursor}");
    assert_eq!(server.get(&next).expect(200)["events"].as_array().unwrap().len(), 2);
    let expected = Expected { status: 400, code: "", pointer: "-", says: "cursor" };
    let mut found = Vec::new();
    for target in [
        format!("/v1/events?limit=2&status=failure&cursor={cursor}"),
        format!("/v1/events?limit=2&cursor={cursor}"),
        format!("/v1/events?limit=2&status=success&order=asc&cursor={cursor}"),
        format!("/v1/events?limit=2&status=success&own=true&cursor={cursor}"),
        format!("/v1/events?limit=2&status=success&cursor={}", &cursor[..cursor.len() - 1]),
        format!("/v1/events?limit=2&status=success&cursor={cursor}A"),
    ] {
        found.extend(complaints(&target, &server.get(&target), &expected));
    }
    for at in 0..cursor.len() {
        let mut changed = cursor.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let target =
            format!("/v1/events?limit=2&status=success&cursor={}", String::from_utf8(changed).unwrap());
        found.extend(complaints(&target, &server.get(&target), &expected));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Goal: bytes that are no HTTP never end the server. Method: hostile heads on raw sockets; each must be
/// answered with a client error or the connection closed, and the next request must work.
#[test]
fn bytes_that_are_no_request_are_closed_or_answered_with_4xx() {
    let server = Server::start();
    let before = size(&server);
    let long = "x".repeat(1 << 20);
    let head = format!("host: a\r\nauthorization: Bearer {}\r\n", stele_tests::ADMIN_KEY);
    let hostile: Vec<Vec<u8>> = vec![
        b"\r\n\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"GET  /v1/events HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
        format!("GET /{long} HTTP/1.1\r\n{head}\r\n").into_bytes(),
        format!("GET /v1/events HTTP/1.1\r\n{head}x: {long}\r\n\r\n").into_bytes(),
        format!("GET /v1/events HTTP/1.1\r\n{head}{}\r\n", "x: y\r\n".repeat(10_000)).into_bytes(),
        format!("POST /v1/events HTTP/1.1\r\n{head}content-length: x\r\n\r\n").into_bytes(),
        format!("POST /v1/events HTTP/1.1\r\n{head}content-length: -1\r\n\r\n").into_bytes(),
        format!("POST /v1/events HTTP/1.1\r\n{head}content-length: 1\r\ncontent-length: 2\r\n\r\n{{}}")
            .into_bytes(),
        format!("POST /v1/events HTTP/1.1\r\n{head}transfer-encoding: chunked\r\n\r\nzz\r\n").into_bytes(),
        format!("GET /v1/events HTTP/1.1\r\n{head}bad header: 1\r\n\r\n").into_bytes(),
        b"GET /v1/ev\x00ents HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
    ];
    for bytes in hostile {
        let shown: String = String::from_utf8_lossy(&bytes).chars().take(80).collect();
        if let Ok(bytes) = exchange(server.address, &bytes)
            && let Some(answer) = Answer::parse(&bytes)
        {
            assert!((400..=505).contains(&answer.status), "{shown:?}: {answer:?}");
        }
        assert_eq!(server.bare("GET", "/healthz").send().status, 200, "after {shown:?}");
    }
    assert_eq!(size(&server), before, "nothing of it was stored");
}

#[test]
fn wrong_bodies_of_keys_organizations_and_types_point_at_the_member() {
    let post = |target: &'static str, body: &'static str| move |s: &Server| s.call("POST", target).json(body);
    let at = |pointer: &'static str, mut case: Case| {
        case.expected.pointer = pointer;
        case
    };
    let bad = (422, "invalid", "");
    let cases = [
        at("/scopes", case("a key has scopes", bad, post("/v1/keys", r#"{"name":"x"}"#))),
        at("/scopes/0", case("a scope is known", bad, post("/v1/keys", r#"{"name":"x","scopes":["root"]}"#))),
        at(
            "/scope",
            case("members are known", bad, post("/v1/keys", r#"{"name":"x","scopes":["read"],"scope":"x"}"#)),
        ),
        at(
            "/expires_at",
            case(
                "an end is a time",
                bad,
                post("/v1/keys", r#"{"name":"x","scopes":["read"],"expires_at":"x"}"#),
            ),
        ),
        at("/name", case("an organization has a name", bad, post("/v1/orgs", "{}"))),
        at(
            "/event_type",
            case("a type is one", bad, post("/v1/event-types", r#"{"event_type":"x","category":"api"}"#)),
        ),
        at(
            "/on_mismatch",
            case(
                "mismatch is mark or refuse",
                bad,
                post(
                    "/v1/event-types",
                    r#"{"event_type":"shop.sold","category":"api","on_mismatch":"drop"}"#,
                ),
            ),
        ),
        case("a body is JSON", (400, "", ""), post("/v1/keys", "{")),
        case("a body is an object", (400, "", ""), post("/v1/keys", "[]")),
    ];
    run(&Server::start(), &cases);
}

#[test]
fn one_bad_event_of_an_atomic_request_stores_none() {
    let server = Server::start();
    let body = stele_tests::event::lines(&[
        id("a1"),
        with(&[("event_id", r#""a2""#), ("status", r#""ok""#)]),
        id("a3"),
    ]);
    let before = size(&server);
    let answer = server.call("POST", "/v1/events?atomic=true").ndjson(body).send();
    assert_eq!(answer.status, 422, "{}", answer.text());
    let problem = answer.json();
    let errors = problem["errors"].as_array().expect("errors");
    let bad: Vec<&Value> = errors.iter().filter(|error| error["code"] == "invalid").collect();
    assert_eq!(
        (bad.len(), &bad[0]["index"], &bad[0]["pointer"]),
        (1, &1.into(), &"/status".into()),
        "{problem}"
    );
    assert!(errors.iter().all(|e| e["code"] == "invalid" || e["code"] == "not_stored"), "{problem}");
    assert_eq!(size(&server), before);
}
