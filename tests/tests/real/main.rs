//! Real events of other systems, through the whole product: in, again, out, re-hashed, counted.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use stele_tests::{ADMIN_KEY, Options, Server, data, python};

/// Events in one request.
const CHUNK: usize = 1000;

/// What became of the events of all requests.
#[derive(Default)]
struct Sums {
    accepted: u64,
    duplicates: u64,
    refusals: Vec<String>,
}

fn send(server: &Server, lines: &[String]) -> Sums {
    let mut sums = Sums::default();
    for chunk in lines.chunks(CHUNK) {
        let answer = server.ingest(chunk).expect(200);
        let number = |name: &str| answer[name].as_u64().unwrap_or_else(|| panic!("no {name}: {answer}"));
        sums.accepted += number("accepted");
        sums.duplicates += number("duplicates");
        assert_eq!(number("accepted") + number("duplicates") + number("rejected"), chunk.len() as u64);
        for error in answer["errors"].as_array().expect("a list") {
            let line = &chunk[error["index"].as_u64().unwrap() as usize];
            sums.refusals.push(refusal(error, line));
        }
    }
    sums
}

/// A refusal with its rule, after checking that its pointer points into the event.
fn refusal(error: &Value, line: &str) -> String {
    let event: Value = serde_json::from_str(line).expect("the file holds JSON");
    let pointer = error["pointer"].as_str().expect("a pointer");
    let parent = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
    assert!(event.pointer(parent).is_some(), "{pointer} points at nothing: {error}");
    format!("{} {pointer}: {}", error["event_id"], error["detail"].as_str().expect("words"))
}

/// Goal: the main job, on real input. Method: all events in (accepted, or refused with a pointer into
/// the event), all again (every one a duplicate, nothing stored), all out and re-hashed by Python, counted
/// by an independent scan, verified by the server, and after its end read from its files by Python.
#[test]
fn real_events_go_in_once_come_out_whole_and_count_right() {
    let Some(lines) = data::real_events() else { return };
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut server = Options::default().data(&dir.path().join("data")).start();
    let first = send(&server, &lines);
    println!("{} accepted, {} refused", first.accepted, first.refusals.len());
    for refusal in &first.refusals {
        println!("refused: {refusal}");
    }
    assert_eq!(first.accepted + first.refusals.len() as u64, lines.len() as u64);
    assert_eq!(first.duplicates, 0, "every id is distinct");
    assert!(first.refusals.is_empty(), "the envelope rules fit all of them: {:?}", first.refusals);

    let size = server.get("/v1/chain").expect(200)["size"].clone();
    let second = send(&server, &lines);
    assert_eq!((second.accepted, second.duplicates), (0, first.accepted), "{:?}", second.refusals);
    assert_eq!(server.get("/v1/chain").expect(200)["size"], size, "nothing is stored twice");

    let url = format!("http://{}", server.address);
    let said = python::run("rehash.py", &[&url, ADMIN_KEY]);
    assert!(said.contains(&format!("rehash: {size} events, 0 faults")), "{said}");
    let sent = dir.path().join("sent.ndjson");
    std::fs::write(&sent, lines.iter().fold(String::new(), |all, line| all + line + "\n")).unwrap();
    let said = python::run("counts.py", &[&url, ADMIN_KEY, sent.to_str().unwrap()]);
    println!("{}", said.trim());
    assert!(said.contains(" 0 faults"), "{said}");
    metadata_comes_back_as_sent(&server, &lines);
    let verdict = server.post("/v1/chain/verify", "{}").text();
    let verdict: Value = serde_json::from_str(verdict.lines().last().expect("a line")).unwrap();
    assert_eq!((&verdict["result"], &verdict["proved_to"]), (&"ok".into(), &size), "{verdict}");

    server.stop();
    let logs = dir.path().join("data/orgs");
    let log = std::fs::read_dir(logs).unwrap().next().expect("one log").unwrap().path();
    let said = python::run("read_segment.py", &[log.to_str().unwrap()]);
    assert!(said.contains(&format!("read_segment: {size} records")), "{said}");
    reopened_events_are_the_same(&dir.path().join("data"), &lines);
}

/// Goal: real events take at most an eighth of their bytes in a cold segment. Method: all events but a few in
/// one segment, which a policy makes cold at once; its file against what was sent.
#[test]
fn real_events_take_an_eighth_of_their_bytes_when_cold() {
    /// Events of the log's own stand in the segment too.
    const OWN_MAX: usize = 20;
    let Some(lines) = data::real_events() else { return };
    let dir = tempfile::tempdir().expect("a temporary directory");
    let records = lines.len().to_string();
    let server = Options::default().data(dir.path()).args(&["--segment-records", &records]).start();
    assert_eq!(send(&server, &lines).accepted, lines.len() as u64);
    wait(&server, || sizes(dir.path(), "idx").len() == 1);
    let policy = r#"{"chill_after_days": 0}"#;
    let _ = server.call("PUT", "/v1/retention").json(policy).send().expect(200);
    // The data file goes when the cold one is whole; the one that is left takes events.
    wait(&server, || sizes(dir.path(), "log").len() == 1);
    let cold: u64 = sizes(dir.path(), "cold").iter().sum();
    let sent: u64 = lines[..lines.len() - OWN_MAX].iter().map(|line| line.len() as u64).sum();
    println!("{cold} bytes cold of {sent} sent: {:.1} times", sent as f64 / cold as f64);
    assert!(cold > 0 && cold * 8 <= sent, "{cold} bytes cold of {sent} sent");
}

fn wait(server: &Server, done: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(120);
    while !done() {
        assert!(Instant::now() < end, "it takes too long: {}", server.stderr());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The bytes of the segments' files of a kind.
fn sizes(data: &Path, kind: &str) -> Vec<u64> {
    let org = std::fs::read_dir(data.join("orgs")).unwrap().flatten().next().expect("an organization").path();
    let files = std::fs::read_dir(org.join("segments")).unwrap().flatten();
    let files = files.filter(|file| file.path().extension().is_some_and(|extension| extension == kind));
    // A file that goes meanwhile is none.
    files.filter_map(|file| Some(file.metadata().ok()?.len())).collect()
}

/// The value of an event's `metadata`, as text without white space between tokens.
fn metadata(line: &str) -> String {
    let mut event: Value = serde_json::from_str(line).unwrap();
    event["metadata"].take().to_string()
}

/// By value here (member by member); text and numbers byte for byte are `http::ingest`'s business.
fn metadata_comes_back_as_sent(server: &Server, lines: &[String]) {
    let mut wrong = String::new();
    for line in lines.iter().step_by(37) {
        let event: Value = serde_json::from_str(line).unwrap();
        let id = event["event_id"].as_str().unwrap();
        let got = server.get(&format!("/v1/events/{id}"));
        if got.status != 200 || metadata(&got.text()) != metadata(line) {
            let _ = writeln!(wrong, "{id}: {}", got.status);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn reopened_events_are_the_same(data: &Path, lines: &[String]) {
    let server = Options::default().data(data).start();
    metadata_comes_back_as_sent(&server, &lines[..400]);
    let again = send(&server, &lines[..CHUNK]);
    assert_eq!(again.duplicates, CHUNK as u64, "ids are known after a restart: {:?}", again.refusals);
}

/// Goal: the query language counts real events right. Method: several hundred queries made from the
/// events themselves, each counted by a scan in Python that shares no code with the product.
#[test]
fn searches_of_real_events_count_what_an_independent_scan_counts() {
    let Some(lines) = data::real_events() else { return };
    let dir = tempfile::tempdir().expect("a temporary directory");
    let server = Options::default().data(&dir.path().join("data")).start();
    assert_eq!(send(&server, &lines).accepted, lines.len() as u64);
    let sent = dir.path().join("sent.ndjson");
    std::fs::write(&sent, lines.iter().fold(String::new(), |all, line| all + line + "\n")).unwrap();
    let url = format!("http://{}", server.address);
    let said = python::run("search_counts.py", &[&url, ADMIN_KEY, sent.to_str().unwrap()]);
    println!("{}", said.trim());
    assert!(said.contains(" 0 faults"), "{said}");
}
