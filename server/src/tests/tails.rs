//! Live tails: what they send, from where they resume, whom they drop.

use std::io::{BufRead, BufReader, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use stele_engine::event::{Receipt, normalize};
use tokio::sync::OwnedSemaphorePermit;

use super::client::{Server, event, parse};
use super::sessions::Browser;
use crate::app::BLOCKING_MAX;

/// A tail's lines, without those of the chunks that they come in.
struct Tail {
    lines: Box<dyn Iterator<Item = String>>,
    /// Up to where the log was looked at when it was opened.
    after: String,
}

fn open(server: &Server, query: &str, last: Option<&str>) -> Tail {
    open_as(server, &format!("authorization: Bearer {}", server.key), query, last)
}

fn open_as(server: &Server, who: &str, query: &str, last: Option<&str>) -> Tail {
    let mut stream = server.connect();
    let last = last.map_or_else(String::new, |id| format!("last-event-id: {id}\r\n"));
    write!(
        stream,
        "GET /v1/events/stream?{query} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{who}\r\n{last}\r\n"
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
        assert!(begun.elapsed() < Duration::from_secs(60), "it is still open");
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

/// Goal: a key that has ended gets no event that is stored afterwards.
/// Method: a tail with a key that expires, and an event stored after that.
#[test]
fn a_tail_of_an_expired_key_sends_nothing_more() {
    let mut server = Server::new();
    let expires = jiff::Timestamp::now() + Duration::from_secs(6);
    let ask = format!(r#"{{"name":"short","scopes":["read"],"expires_at":"{expires}"}}"#);
    let made = server.post_json("/v1/keys", &ask);
    assert_eq!(made.status, 201, "{}", made.text());
    let short = made.json()["secret"].as_str().unwrap().to_owned();
    let admin = std::mem::replace(&mut server.key, short);
    let mut tail = open(&server, "", None);
    server.key = admin;
    assert_eq!(server.post_json("/v1/events", &event("before")).status, 200);
    assert_eq!(tail.ids(1).len(), 1);
    while jiff::Timestamp::now() <= expires {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(server.post_json("/v1/events", &event("after")).status, 200);
    assert!(tail.ids(usize::MAX).is_empty(), "it ends without the event");
}

#[test]
fn a_tail_of_an_ended_session_or_a_removed_user_sends_nothing_more() {
    let server = Server::new();
    let user = server.post_json("/v1/users", r#"{"email":"a@example.com","role":"viewer"}"#).json();
    let path = format!("/v1/users/{}", user["id"].as_str().unwrap());
    let token = server.post_json(&format!("{path}/tokens"), "").json()["secret"].as_str().unwrap().to_owned();
    let (kept, out) = (Browser::of(&server, &token), Browser::of(&server, &token));
    let mut tails: Vec<Tail> = [format!("authorization: Bearer {token}"), format!("cookie: {}", kept.cookie)]
        .iter()
        .chain([&format!("cookie: {}", out.cookie)])
        .map(|who| open_as(&server, who, "", None))
        .collect();
    assert_eq!(out.change(&server, "DELETE", "/v1/session", "").status, 204);
    assert_eq!(server.post_json("/v1/events", &event("one")).status, 200);
    assert_eq!(tails[0].ids(1).len(), 1);
    assert_eq!(tails[1].ids(1).len(), 1);
    assert!(tails[2].ids(usize::MAX).is_empty(), "its session has ended");
    assert_eq!(server.call("DELETE", &path, &[], b"").status, 200);
    assert_eq!(server.post_json("/v1/events", &event("two")).status, 200);
    assert!(tails[0].ids(usize::MAX).is_empty() && tails[1].ids(usize::MAX).is_empty(), "the user is gone");
}

/// Goal: every event that a search shows is one to resume after.
/// Method: hold the log at the moment between an append and its publication, by an append past the
/// writer; resume after that event, then store another one.
#[test]
fn a_tail_resumes_after_an_event_that_is_not_published_yet() {
    let server = Server::new();
    assert_eq!(server.post_json("/v1/events", &event("first")).status, 200);
    let tenant = server.app().all_tenants().remove(0);
    let limits = server.app().event_limits();
    let now_us = jiff::Timestamp::now().as_microsecond() as u64;
    let now_ns = now_us as i64 * 1000;
    let receipt = Receipt { now_ns, ip_address: None, user_agent: None, new_id: &String::new };
    let second = normalize(event("second").as_bytes(), &receipt, &tenant.taxonomy(), &limits).unwrap();
    tenant.log.append(vec![tenant.log.prepare(vec![second], false)], now_us).remove(0).unwrap();
    assert_eq!((*tenant.position.borrow(), tenant.log.head().size), (1, 2));
    let mut tail = open(&server, "", Some("1"));
    assert_eq!(tail.after, "1");
    assert_eq!(server.post_json("/v1/events", &event("third")).status, 200);
    assert_eq!(tail.ids(1), [2]);
    let got = server.call("GET", "/v1/events/stream", &[("last-event-id", "3")], b"");
    assert_eq!(got.status, 400);
}

/// Holds all places that reads of tails need: a read that has begun goes on until they are given back.
fn hold_reads(server: &Server) -> OwnedSemaphorePermit {
    let places = Arc::clone(&server.app().blocking).acquire_many_owned(BLOCKING_MAX as u32);
    server.runtime().block_on(places).unwrap()
}

#[test]
fn a_tail_says_that_it_lives_while_a_read_is_under_way() {
    let server = Server::with(|o| o.timeouts.heartbeat = Duration::from_millis(100));
    assert_eq!(server.post_json("/v1/events", &event("one")).status, 200);
    let places = hold_reads(&server);
    let mut tail = open(&server, "", Some("-1"));
    for _ in 0..3 {
        let told = tail.lines.find(|line| line.starts_with(": ") || line.starts_with("event: "));
        assert_eq!(told.as_deref(), Some(": alive after -1"));
    }
    drop(places);
    assert_eq!(tail.ids(1), [0], "the same read goes on");
}

#[test]
fn a_read_ends_when_the_client_of_its_tail_leaves() {
    let server = Server::new();
    assert_eq!(server.post_json("/v1/events", &event("one")).status, 200);
    let _places = hold_reads(&server);
    let tail = open(&server, "", Some("-1"));
    assert_eq!(server.app().metrics.tails.get(), 1);
    drop(tail);
    let begun = Instant::now();
    while server.app().metrics.tails.get() > 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "it goes on");
        std::thread::sleep(Duration::from_millis(10));
    }
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
