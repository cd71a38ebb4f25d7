//! docs/FORMAT.md is normative: its tables hold for the bytes that this build writes, and a reader
//! that was written from it alone reads them.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod tables;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use stele_engine::event::{Event, Limits, Receipt, Taxonomy, normalize};
use stele_engine::io::RealDisk;
use stele_engine::log::{Log, Options, Outcome};
use stele_tests::event::{quoted, with};
use stele_tests::{data, python};

const ORIGIN: &str = "example.com/stele/0123456789abcdef0123456789abcdef";
const COMMITTED_US: u64 = 1_790_000_000_000_000;

fn options() -> Options {
    Options { segment_records_max: 500, ..Options::default() }
}

fn event(raw: &str) -> Event {
    let new_id = || unreachable!("every event has an id");
    let receipt =
        Receipt { now_ns: COMMITTED_US as i64 * 1000, ip_address: None, user_agent: None, new_id: &new_id };
    normalize(raw.as_bytes(), &receipt, &Taxonomy::built_in(), &Limits::default())
        .unwrap_or_else(|e| panic!("{e:?}: {raw}"))
}

/// Events with values of every indexed member, rare and common, in several scripts, out of order.
fn made(count: usize) -> Vec<String> {
    let names = ["Ada", "ada", "ÄÖ", "äö", "Σίσυφος", "σίσυφος", "İstanbul", "王", "😀", "x\\\"y", ""];
    (0..count)
        .map(|i| {
            let name = names[i % names.len()];
            let status =
                ["success", "failure", "pending"][usize::from(i % 7 == 0) + usize::from(i % 49 == 0)];
            let actor = match i % 3 {
                0 => format!(
                    r#"{{"type":"user","id":"usr_{}","email":"U{}@Example.com","name":"{name}"}}"#,
                    i % 40,
                    i % 40
                ),
                1 => format!(r#"{{"type":"api_key","name":"key {name}"}}"#),
                _ => r#"{"type":"system"}"#.to_owned(),
            };
            let timestamp =
                format!("2026-01-{:02}T00:00:{:02}.{:09}Z", 1 + i * 7 % 28, i % 60, i * 1001 % 1_000_000_000);
            with(&[
                ("event_id", &quoted(&format!("made-{i}"))),
                ("timestamp", &quoted(&timestamp)),
                ("actor", &actor),
                ("status", &quoted(status)),
                ("resource", &format!(r#"{{"type":"thing","id":"{}"}}"#, i % 500)),
            ])
        })
        .collect()
}

/// Writes a log of sealed and growing segments and merged id files.
fn write_log(dir: &Path, lines: &[String]) -> u64 {
    let log = Log::create(Arc::new(RealDisk), dir, ORIGIN, [42; 32], options()).expect("a new log");
    for (i, chunk) in lines.chunks(73).enumerate() {
        let events: Vec<Event> = chunk.iter().map(|line| event(line)).collect();
        let batch = log.prepare(events, i % 5 == 0);
        let outcomes = log.append(vec![batch], COMMITTED_US + i as u64 / 3).remove(0).expect("stored");
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Stored { .. })));
        while log.work().expect("background work") {}
    }
    let size = log.head().size;
    log.close().expect("a clean end");
    size
}

fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).expect("the folder is there");
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|e| e == extension));
    found.sort();
    found
}

/// Goal: an independent reader can be written from docs/FORMAT.md. Method: Python written from it reads
/// every byte of a log of many segments and computes each of them again from the events.
#[test]
fn a_reader_written_from_the_document_agrees_with_every_byte() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let mut lines = made(6000);
    lines.extend(data::real_events().into_iter().flatten().step_by(5));
    let size = write_log(&log, &lines);
    assert_eq!(size, lines.len() as u64);
    let sealed = files(&log.join("segments"), "idx").len();
    let ids = files(&log.join("ids"), "ids").len();
    assert!(sealed >= 11 && ids < sealed, "{sealed} sealed segments, {ids} id files: merged");
    let said = python::run("read_segment.py", &[log.to_str().unwrap()]);
    assert!(said.contains(&format!("read_segment: {size} records, {sealed} sealed segments")), "{said}");
}

/// Goal: the reader can say no. Method: one flipped bit in each kind of file.
#[test]
fn the_reader_sees_a_flipped_bit_in_every_kind_of_file() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    write_log(&log, &made(1200));
    let (segments, ids) = (log.join("segments"), log.join("ids"));
    let mut kinds = vec![log.join("secret"), log.join("catalog")];
    kinds.extend(
        [&files(&segments, "log")[0], &files(&segments, "idx")[0], &files(&ids, "ids")[0]].map(Clone::clone),
    );
    for path in kinds {
        let whole = std::fs::read(&path).unwrap();
        let mut damaged = whole.clone();
        damaged[whole.len() / 2] ^= 4;
        replace(&path, &damaged);
        let (code, said) = python::ask("read_segment.py", &[log.to_str().unwrap()]);
        assert_eq!(code, 1, "{}: a flipped bit was not seen: {said}", path.display());
        replace(&path, &whole);
    }
    let _ = python::run("read_segment.py", &[log.to_str().unwrap()]);
}

/// Sealed files are read-only: another takes the name.
fn replace(path: &Path, bytes: &[u8]) {
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn the_published_vectors_agree_in_python() {
    assert!(python::run("custody.py", &[]).contains("all vectors agree"));
}
