//! Reading calls end to end.

use std::io::{BufRead, BufReader, Write};

use super::client::{Server, event};

fn filled(count: usize) -> Server {
    let server = Server::new();
    let lines: Vec<String> = (0..count).map(|i| event(&format!("e-{i:04}"))).collect();
    assert_eq!(server.post_lines("/v1/events", &lines).json()["accepted"], count);
    server
}

#[test]
fn pages_are_of_the_first_ones_snapshot_and_hold_every_event_once() {
    let server = filled(25);
    let first = server.get("/v1/events?limit=10&count=exact&order=asc").json();
    server.post_json("/v1/events", &event("later"));
    let (mut seen, mut page) = (Vec::new(), first);
    loop {
        assert_eq!(page["matched"], 25);
        seen.extend(
            page["events"].as_array().unwrap().iter().map(|e| e["chain"]["sequence"].as_u64().unwrap()),
        );
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        page = server.get(&format!("/v1/events?limit=10&count=exact&order=asc&cursor={cursor}")).json();
    }
    assert_eq!(seen, (0..25).collect::<Vec<u64>>());
}

#[test]
fn a_cursor_with_other_parameters_or_bytes_is_400_and_survives_a_restart() {
    let server = filled(5);
    let cursor = server.get("/v1/events?limit=2").json()["next_cursor"].as_str().unwrap().to_owned();
    for path in [
        format!("/v1/events?limit=3&cursor={cursor}"),
        format!("/v1/events?limit=2&status=success&cursor={cursor}"),
        "/v1/events?limit=2&cursor=AAAA".to_owned(),
    ] {
        let got = server.get(&path);
        assert_eq!((got.status, &got.json()["type"]), (400, &"urn:stele:problem/cursor".into()), "{path}");
    }
    let server = server.restart();
    let page = server.get(&format!("/v1/events?limit=2&cursor={cursor}")).json();
    assert_eq!(page["events"].as_array().unwrap().len(), 2, "{page}");
}

#[test]
fn parameters_that_are_not_known_name_themselves() {
    let server = Server::new();
    for (query, name) in [
        ("limt=1", "limt"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("order=up", "order"),
        ("count=yes", "count"),
        ("status=ok", "status"),
        ("from=yesterday", "from"),
        ("q=(status:failure", "q"),
    ] {
        let got = server.get(&format!("/v1/events?{query}"));
        assert_eq!(got.status, 400, "{query}");
        assert!(got.json()["detail"].as_str().unwrap().contains(&format!("`{name}`")), "{}", got.text());
    }
    assert_eq!(server.get("/v1/events/nobody").status, 404);
}

#[test]
fn ids_in_paths_are_one_encoded_segment() {
    let server = Server::new();
    server.post_json("/v1/events", &event("a/b:c"));
    assert_eq!(server.get("/v1/events/a%2Fb%3Ac").json()["event_id"], "a/b:c");
}

#[test]
fn the_chain_verifies_and_says_so() {
    let server = filled(100);
    let head = server.get("/v1/chain").json();
    assert_eq!((&head["size"], &head["sequence"]), (&100.into(), &99.into()));
    assert!(head["verified"].is_null());
    let last = server.get("/v1/events/e-0099").json();
    assert_eq!(head["hash"], last["chain"]["hash"]);
    let got = server.post_json("/v1/chain/verify", "");
    assert_eq!(got.headers["content-type"], "application/x-ndjson");
    let verdict: serde_json::Value = serde_json::from_str(got.text().lines().last().unwrap()).unwrap();
    assert_eq!((&verdict["result"], &verdict["proved_to"]), (&"ok".into(), &100.into()), "{}", got.text());
    assert_eq!(server.get("/v1/chain").json()["verified"]["sequence"], 99);
    let server = server.restart();
    assert_eq!(server.get("/v1/chain").json()["verified"]["sequence"], 99);
    for (body, status) in [
        (r#"{"from":5,"to":9}"#, 200),
        (r#"{"to":101}"#, 422),
        (r#"{"deep":true}"#, 200),
        (r#"{"checkpoint":"no note"}"#, 422),
        (r#"{"x":1}"#, 422),
    ] {
        assert_eq!(server.post_json("/v1/chain/verify", body).status, status, "{body}");
    }
}

/// Goal: a tail loses and repeats nothing over a lost connection.
/// Method: read some, drop the connection, store more, resume with the last id.
#[test]
fn a_tail_resumes_without_loss_or_repeat() {
    let server = filled(3);
    let read = |last: Option<u64>, count: usize, store: &[&str]| -> Vec<u64> {
        let mut stream = server.connect();
        let last = last.map_or_else(String::new, |id| format!("last-event-id: {id}\r\n"));
        let auth = &server.key;
        write!(
            stream,
            "GET /v1/events/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {auth}\r\n{last}\r\n"
        )
        .unwrap();
        let mut lines = BufReader::new(stream).lines();
        assert!(lines.by_ref().map(Result::unwrap).any(|l| l.contains("text/event-stream")));
        assert!(lines.by_ref().map(Result::unwrap).any(|l| l.contains(": open")));
        for id in store {
            assert_eq!(server.post_json("/v1/events", &event(id)).status, 200);
        }
        let ids = lines.map(Result::unwrap).filter_map(|l| l.strip_prefix("id: ")?.trim().parse().ok());
        ids.take(count).collect()
    };
    assert_eq!(read(None, 2, &["n-1", "n-2"]), [3, 4]);
    server.post_json("/v1/events", &event("between"));
    assert_eq!(read(Some(4), 2, &["n-3"]), [5, 6]);
    assert_eq!(read(Some(0), 6, &[]), [1, 2, 3, 4, 5, 6]);
    let got = server.call("GET", "/v1/events/stream", &[("last-event-id", "99")], b"");
    assert_eq!(got.status, 400);
}

#[test]
fn answers_are_packed_on_request() {
    let server = filled(50);
    let got = server.call("GET", "/v1/events?limit=50", &[("accept-encoding", "gzip, zstd")], b"");
    assert_eq!(got.headers["content-encoding"], "zstd");
    let text = zstd::decode_all(&got.body[..]).unwrap();
    let page: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(page["events"].as_array().unwrap().len(), 50);
}
