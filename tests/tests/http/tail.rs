//! The live tail: events as they are stored, resumed without loss or repeat.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;
use stele_tests::event::{at, with};
use stele_tests::wire::connect;
use stele_tests::{ADMIN_KEY, Server};

/// A stream of server-sent events, read line by line.
struct Tail {
    reader: BufReader<TcpStream>,
    pending: Vec<u8>,
}

impl Tail {
    fn open(server: &Server, query: &str, last: Option<u64>) -> Self {
        let mut stream = connect(server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let last = last.map_or_else(String::new, |id| format!("last-event-id: {id}\r\n"));
        let head = format!(
            "GET /v1/events/stream{query} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {ADMIN_KEY}\r\naccept: text/event-stream\r\n{last}\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/event-stream"), "{head}");
        assert!(head.to_lowercase().contains("transfer-encoding: chunked"), "{head}");
        Self { reader, pending: Vec::new() }
    }

    /// The next line of the body, whatever chunk it comes in.
    fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.pending.iter().position(|&b| b == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                return String::from_utf8(line).unwrap().trim_end().to_owned();
            }
            let mut size = String::new();
            assert!(self.reader.read_line(&mut size).unwrap() > 0, "the stream ended");
            let size = usize::from_str_radix(size.trim(), 16).unwrap();
            assert!(size > 0, "the stream ended");
            let mut chunk = vec![0; size + 2];
            self.reader.read_exact(&mut chunk).unwrap();
            self.pending.extend_from_slice(&chunk[..size]);
        }
    }

    /// The next event: its id and its data.
    fn event(&mut self) -> (u64, Value) {
        let (mut id, mut kind, mut data) = (None, String::new(), String::new());
        loop {
            let line = self.line();
            match line.split_once(':') {
                _ if line.is_empty() && !data.is_empty() => break,
                Some(("id", value)) => id = value.trim().parse().ok(),
                Some(("event", value)) => value.trim().clone_into(&mut kind),
                Some(("data", value)) => data.push_str(value.trim_start()),
                _ => {}
            }
        }
        assert_eq!(kind, "event");
        (id.expect("an id"), serde_json::from_str(&data).unwrap())
    }
}

#[test]
fn a_tail_shows_events_as_they_are_stored_and_resumes_without_loss_or_repeat() {
    let server = Server::start();
    let mut tail = Tail::open(&server, "", None);
    let events: Vec<String> = (0..10).map(|i| at(&format!("t{i}"), i)).collect();
    for event in &events {
        let _ = server.ingest(std::slice::from_ref(event)).expect(200);
    }
    let mut seen = Vec::new();
    for i in 0..10 {
        let (id, event) = tail.event();
        assert_eq!(event["event_id"], format!("t{i}"), "in sequence order");
        assert_eq!(event["chain"]["sequence"], id);
        seen.push(id);
    }
    drop(tail);
    let mut resumed = Tail::open(&server, "", Some(seen[3]));
    for id in &seen[4..] {
        assert_eq!(resumed.event().0, *id);
    }
    let _ = server.ingest(&[at("later", 1)]).expect(200);
    assert_eq!(resumed.event().1["event_id"], "later");
}

#[test]
fn a_tail_takes_the_filters_and_hides_the_logs_own_events() {
    let server = Server::start();
    let mut tail = Tail::open(&server, "?status=failure&category=agent", None);
    let _ = server.new_key(&["read"]);
    let failure = with(&[("event_id", r#""bad""#), ("status", r#""failure""#)]);
    let _ = server.ingest(&[at("good", 1), failure]).expect(200);
    assert_eq!(tail.event().1["event_id"], "bad");
    let mut own = Tail::open(&server, "?own=true", None);
    let (key_id, _) = server.new_key(&["read"]);
    let (_, event) = own.event();
    assert_eq!(event["event_type"], "stele.key_created");
    assert!(event.to_string().contains(&key_id));
}

#[test]
fn an_idle_tail_hears_a_comment_at_least_every_15_seconds() {
    let server = Server::start();
    let mut tail = Tail::open(&server, "", None);
    for _ in 0..2 {
        let started = Instant::now();
        while !tail.line().starts_with(':') {}
        // A busy machine may write it late.
        assert!(started.elapsed() < Duration::from_secs(25), "{:?}", started.elapsed());
    }
}

/// Goal: a tail loses nothing while writers run. Method: three writers, one tail from the start, and one
/// that drops its connection after every few events and resumes; both must see every sequence once.
#[test]
fn tails_see_every_event_once_under_concurrent_ingest() {
    const EACH: usize = 300;
    let server = Server::start();
    let start = server.get("/v1/chain").expect(200)["size"].as_u64().unwrap();
    let mut steady = Tail::open(&server, "", None);
    std::thread::scope(|scope| {
        for writer in 0..3 {
            let server = &server;
            scope.spawn(move || {
                for i in 0..EACH / 10 {
                    let batch: Vec<String> =
                        (0..10).map(|k| at(&format!("w{writer}-{i}-{k}"), (i * 7 + k) as u32)).collect();
                    let _ = server.ingest(&batch).expect(200);
                }
            });
        }
        for expected in start..start + 3 * EACH as u64 {
            assert_eq!(steady.event().0, expected);
        }
    });
    let (mut next, end) = (start + 1, start + 3 * EACH as u64);
    while next < end {
        let mut resumed = Tail::open(&server, "", Some(next - 1));
        for _ in 0..170.min(end - next) {
            assert_eq!(resumed.event().0, next);
            next += 1;
        }
    }
}
