//! Slow, large, many and wrong: what a server must bear.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use super::client::{Server, event, parse};
use crate::serve::Rate;

#[test]
fn open_endpoints_need_no_key() {
    let server = Server::new();
    for path in ["/healthz", "/readyz", "/metrics", "/version"] {
        assert_eq!(server.call_as("", "GET", path, &[], b"").status, 200, "{path}");
    }
    let all = server.get("/metrics").text();
    assert!(all.contains("stele_log_size{org=\"default\"}") && !all.contains("# EOF"), "{all}");
    let open = [("accept", "application/openmetrics-text")];
    let open = server.call("GET", "/metrics", &open, b"").text();
    assert!(open.trim_end().ends_with("# EOF") && open.matches("# EOF").count() == 1, "{open}");
    assert!(!server.call_as("", "GET", "/metrics", &[], b"").text().contains("default"));
    let lost = server.get("/nowhere");
    assert_eq!((lost.status, lost.headers["content-type"].as_str()), (404, "application/problem+json"));
    let wrong = server.call("DELETE", "/v1/events", &[], b"");
    assert_eq!((wrong.status, wrong.headers["allow"].as_str()), (405, "GET, POST, HEAD"));
    let named = server.call("GET", "/healthz", &[("x-request-id", "abc")], b"");
    assert_eq!(named.headers["x-request-id"], "abc");
}

#[test]
fn silent_and_slow_connections_are_closed() {
    let server = Server::with(|o| {
        o.timeouts.head = Duration::from_millis(300);
        o.timeouts.idle = Duration::from_millis(300);
        o.timeouts.body_chunk = Duration::from_millis(300);
    });
    let closed_after = |sent: &[u8]| {
        let mut stream = server.connect();
        stream.write_all(sent).unwrap();
        let begun = Instant::now();
        let mut got = Vec::new();
        let _ = stream.read_to_end(&mut got);
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{} was not closed",
            String::from_utf8_lossy(sent)
        );
        got
    };
    assert!(closed_after(b"").is_empty());
    closed_after(b"GET /healthz HTT");
    assert_eq!(parse(&closed_after(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")).status, 200);
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\nabc",
        server.key
    );
    assert_eq!(parse(&closed_after(head.as_bytes())).status, 408);
}

#[test]
fn too_much_is_refused_quickly() {
    let server = Server::with(|o| {
        o.limits.body_bytes = 1 << 20;
        o.limits.memory_bytes = 512 << 10;
    });
    let kind = [("content-type", "application/x-ndjson")];
    let over = server.call("POST", "/v1/events", &kind, &vec![b' '; 2 << 20]);
    assert_eq!(over.status, 413);
    let busy = server.call("POST", "/v1/events", &kind, &vec![b' '; 900 << 10]);
    assert_eq!((busy.status, busy.headers["retry-after"].as_str()), (503, "1"));
    assert_eq!(server.post_json("/v1/events", &event("fits")).status, 200);
    let mut heads = server.connect();
    write!(heads, "GET / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(60_000)).unwrap();
    let mut got = Vec::new();
    let _ = heads.read_to_end(&mut got);
    assert_eq!(parse(&got).status, 431);
}

#[test]
fn rates_are_kept_per_key_and_told() {
    let server = Server::with(|o| o.rates.other = Some(Rate { per_minute: 60, burst: 2 }));
    assert_eq!(server.get("/v1/chain").headers["ratelimit"], "\"key\";r=1;t=1");
    assert_eq!(server.get("/v1/chain").status, 200);
    let refused = server.get("/v1/chain");
    assert_eq!((refused.status, refused.headers["retry-after"].as_str()), (429, "1"));
    assert_eq!(refused.json()["type"], "urn:stele:problem/rate-limited");
    assert_eq!(server.post_json("/v1/events", &event("free")).status, 200, "ingest has no limit by default");
}

#[test]
fn a_stopping_server_finishes_what_it_began() {
    let mut server = Server::new();
    let mut stream = server.connect();
    let body = event("last");
    write!(
        stream,
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        server.key,
        body.len()
    )
    .unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let writing = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        stream.write_all(body.as_bytes()).unwrap();
        let mut got = Vec::new();
        let _ = stream.read_to_end(&mut got);
        parse(&got).status
    });
    server.stop();
    assert_eq!(writing.join().unwrap(), 200);
}

#[test]
fn many_clients_at_once_lose_nothing() {
    let server = Server::new();
    std::thread::scope(|scope| {
        for client in 0..8 {
            let server = &server;
            scope.spawn(move || {
                for i in 0..25 {
                    let got = server.post_json("/v1/events", &event(&format!("c{client}-{i}")));
                    assert_eq!(got.status, 200, "{}", got.text());
                }
            });
        }
    });
    assert_eq!(server.get("/v1/events?count=exact&limit=1").json()["matched"], 200);
    assert_eq!(server.panics(), 0);
}
