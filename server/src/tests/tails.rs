//! Live tails: what they send, from where they resume, whom they drop.

use std::io::{BufRead, BufReader, Read, Write};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::client::{Server, event, parse};

/// A tail's lines, without those of the chunks that they come in.
struct Tail {
    lines: Box<dyn Iterator<Item = String>>,
    /// Up to where the log was looked at when it was opened.
    after: String,
}

fn open(server: &Server, query: &str, last: Option<&str>) -> Tail {
    let mut stream = server.connect();
    let last = last.map_or_else(String::new, |id| format!("last-event-id: {id}\r\n"));
    let key = &server.key;
    write!(
        stream,
        "GET /v1/events/stream?{query} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {key}\r\n{last}\r\n"
    )
    .unwrap();
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let after = lines.find_map(|l| l.strip_prefix(": open after ").map(str::to_owned)).expect("it opens");
    Tail { lines: Box::new(lines), after }
}

impl Tail {
    /// Ids of the next events, each of which came whole; fewer where the stream ends before.
    fn ids(&mut self, count: usize) -> Vec<u64> {
        let (mut ids, mut id) = (Vec::new(), None);
        while ids.len() < count {
            let Some(line) = self.lines.next() else { break };
            match line.split_once(": ") {
                Some(("id", text)) => id = Some(text.parse().unwrap()),
                Some(("data", text)) => {
                    let event: Value = serde_json::from_str(text).unwrap();
                    assert_eq!(event["chain"]["sequence"].as_u64(), id);
                    ids.extend(id.take());
                }
                _ => {}
            }
        }
        ids
    }
}

fn failure(id: &str, time: &str) -> String {
    event(id).replace("success", "failure").replace("2026-11-23T07:28:00.123Z", time)
}

/// Goal: a tail of a query loses nothing, also where its client saw no event yet.
/// Method: read how far the tail came from its first comment, drop it, store, resume from there.
#[test]
fn a_tail_takes_a_query_and_resumes_from_where_it_looked() {
    let server = Server::new();
    let query = "q=status:failure+last:15m";
    let first = open(&server, query, None);
    assert_eq!(first.after, "-1", "nothing is stored yet");
    let after = first.after.clone();
    drop(first);
    let now = jiff::Timestamp::now().to_string();
    let old = failure("old", "2026-01-01T00:00:00Z");
    for event in [event("good"), failure("bad-1", &now), old, failure("bad-2", &now)] {
        assert_eq!(server.post_json("/v1/events", &event).status, 200);
    }
    let mut resumed = open(&server, query, Some(&after));
    assert_eq!(resumed.after, "-1");
    assert_eq!(resumed.ids(2), [1, 3]);
    assert_eq!(open(&server, query, None).after, "3");
    for bad in ["4", "-2", "x", ""] {
        let got = server.call("GET", "/v1/events/stream", &[("last-event-id", bad)], b"");
        assert_eq!(got.status, 400, "{bad}");
    }
}

#[test]
fn a_tail_goes_on_over_a_restart_where_it_stopped() {
    let server = Server::new();
    let store = |server: &Server, from: usize, to: usize| {
        let lines: Vec<String> = (from..to).map(|i| event(&format!("e-{i}"))).collect();
        assert_eq!(server.post_lines("/v1/events", &lines).status, 200);
    };
    store(&server, 0, 10);
    let mut tail = open(&server, "", Some("-1"));
    assert_eq!(tail.ids(5), [0, 1, 2, 3, 4]);
    let server = server.restart();
    assert_eq!(tail.ids(10), [5, 6, 7, 8, 9], "what was on its way arrives, then the stream ends");
    store(&server, 10, 13);
    assert_eq!(open(&server, "", Some("4")).ids(8), (5..13).collect::<Vec<_>>());
    assert_eq!(open(&server, "", Some("9")).ids(3), [10, 11, 12]);
}

/// Goal: a client that does not read costs no memory, is dropped, and loses nothing.
/// Method: store more than fits into all buffers on the way, wait for the tail's end, read what was
/// sent, and resume from the last whole event.
#[test]
fn a_slow_client_is_dropped_and_resumes_without_loss_or_repeat() {
    const EVENTS: u64 = 240;
    let server = Server::with(|o| o.timeouts.tail = Duration::from_millis(300));
    let mut slow = open(&server, "", None);
    let filling = "x".repeat(120 << 10);
    for batch in 0..4 {
        let line = |i| event(&format!("e-{batch}-{i}")).replace("password", &filling);
        let lines: Vec<String> = (0..EVENTS / 4).map(line).collect();
        assert_eq!(server.post_lines("/v1/events", &lines).json()["accepted"], EVENTS / 4);
    }
    let begun = Instant::now();
    while server.app().metrics.tails.get() > 0 {
        assert!(begun.elapsed() < Duration::from_secs(10), "it is still open");
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut seen = slow.ids(usize::MAX);
    assert!(seen.len() < EVENTS as usize, "it was dropped before the end");
    // On a busy machine this client may be slow once more.
    while seen.len() < EVENTS as usize {
        assert!(begun.elapsed() < Duration::from_secs(60), "{} arrived", seen.len());
        let last = seen.last().map_or("-1".to_owned(), u64::to_string);
        let left = EVENTS as usize - seen.len();
        seen.extend(open(&server, "", Some(&last)).ids(left));
    }
    assert_eq!(seen, (0..EVENTS).collect::<Vec<_>>());
}

#[test]
fn a_head_of_a_stream_opens_no_tail() {
    let server = Server::new();
    let mut stream = server.connect();
    let key = &server.key;
    write!(
        stream,
        "HEAD /v1/events/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let got = parse(&bytes);
    assert_eq!((got.status, got.headers["content-type"].as_str()), (200, "text/event-stream"));
    assert!(got.body.is_empty());
    assert_eq!(server.app().metrics.tails.get(), 0);
    let refused = server.call("HEAD", "/v1/events/stream?q=(", &[], b"");
    assert_eq!(refused.status, 400);
}
