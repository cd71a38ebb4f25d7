//! Ingest against a server that misbehaves on purpose: what is lost is repeated, nothing twice.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: IngestArgs,
}

/// What the server does with one request.
enum Reply {
    /// Status line and body, with `Retry-After: 0`.
    Answer(&'static str, String),
    /// Reads the request and closes the connection without an answer.
    HangUp,
}

fn stored(events: usize) -> Reply {
    Reply::Answer("200 OK", format!(r#"{{"accepted":{events},"duplicates":0,"rejected":0,"errors":[]}}"#))
}

/// Answers one request a connection, in order; returns the address and, when done, the bodies.
fn server(replies: Vec<Reply>) -> (String, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let bodies = thread::spawn(move || {
        replies.into_iter().map(|reply| answer(listener.accept().unwrap().0, &reply)).collect()
    });
    (url, bodies)
}

fn answer(stream: TcpStream, reply: &Reply) -> String {
    let mut reader = BufReader::new(stream);
    let (mut length, mut line) = (0, String::new());
    while reader.read_line(&mut line).unwrap() > 2 {
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    if let Reply::Answer(status, text) = reply {
        let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\nretry-after: 0\r\n");
        write!(reader.get_mut(), "{head}content-length: {}\r\n\r\n{text}", text.len()).unwrap();
    }
    String::from_utf8(body).unwrap()
}

fn ingest(name: &str, lines: &str, url: &str, flags: &[&str]) -> Result<(), Failure> {
    let path: PathBuf = std::env::temp_dir().join(format!("stele-ingest-{name}-{}", std::process::id()));
    std::fs::write(&path, lines).unwrap();
    let file = path.to_str().unwrap();
    let all = [&["ingest", file, "--url", url, "--key", "k", "-c", "1", "--json"], flags].concat();
    let outcome = run(&Line::try_parse_from(all).unwrap().args);
    std::fs::remove_file(&path).unwrap();
    outcome
}

#[test]
fn a_lost_answer_and_an_overload_are_repeated_with_the_same_ids() {
    let busy = Reply::Answer("503 Service Unavailable", r#"{"title":"busy","status":503}"#.to_owned());
    let (url, bodies) = server(vec![Reply::HangUp, busy, stored(2)]);
    ingest("again", "{\"a\":1}\n{\"event_id\":\"mine\"}\n", &url, &[]).unwrap();
    let bodies = bodies.join().unwrap();
    assert!(bodies[0].contains("\"event_id\":\"mine\"") && bodies[0].matches("event_id").count() == 2);
    assert!(bodies.iter().all(|body| *body == bodies[0]), "every try sends the same bytes: {bodies:?}");
}

#[test]
fn a_request_too_large_is_sent_in_halves() {
    let large = Reply::Answer("413 Content Too Large", r#"{"title":"too large","status":413}"#.to_owned());
    let (url, bodies) = server(vec![large, stored(1), stored(2)]);
    ingest("halves", "{\"event_id\":\"a\"}\n{\"event_id\":\"b\"}\n{\"event_id\":\"c\"}\n", &url, &[])
        .unwrap();
    assert_eq!(
        bodies.join().unwrap()[1..],
        ["{\"event_id\":\"a\"}\n", "{\"event_id\":\"b\"}\n{\"event_id\":\"c\"}\n"]
    );
}

#[test]
fn rejected_items_are_exit_code_1_and_a_refused_key_is_3() {
    let partly = r#"{"accepted":1,"duplicates":0,"rejected":1,"errors":[{"index":1,"code":"invalid","pointer":"/a","detail":"b"}]}"#;
    let (url, _) = server(vec![Reply::Answer("200 OK", partly.to_owned())]);
    assert_eq!(ingest("partly", "{}\n{}\n", &url, &[]).unwrap_err().exit_code(), 1);
    let (url, _) = server(vec![Reply::Answer("401 Unauthorized", r#"{"title":"no such key"}"#.to_owned())]);
    let refused = ingest("refused", "{}\n", &url, &[]).unwrap_err();
    assert_eq!(refused.to_string(), "no such key (HTTP 401)");
    assert_eq!(refused.exit_code(), 3);
}

#[test]
fn a_server_that_stays_away_is_given_up_after_the_time_asked_for() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let began = Instant::now();
    let failure = ingest("away", "{}\n", &url, &["--retry-for", "1"]).unwrap_err();
    assert_eq!(failure.exit_code(), 3);
    assert!(failure.to_string().starts_with(&url), "{failure}");
    assert!((300..5000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
}
