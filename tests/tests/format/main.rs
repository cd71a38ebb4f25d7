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

/// What an index file may hold; the reader tells how many it met.
const PARTS: [&str; 14] = [
    "lists of varints",
    "Roaring bitmaps",
    "lists of bits",
    "Rice-coded lists",
    "loose lists",
    "lists in bodies of words",
    "pairs of words",
    "shared lists of words",
    "wide words",
    "pairs of rare words",
    "documents with unlisted paths",
    "full tables of paths",
    "slopes",
    "exceptions",
];

fn options() -> Options {
    Options { segment_records_max: 1000, ..Options::default() }
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
                    r#"{{"type":"user","id":"usr_{0}","email":"U{0}@Example.com","name":"{name}",
                    "ip_address":"10.0.{1}.{0}","user_agent":"Client/{1} ({name})"}}"#,
                    i % 40,
                    i % 3
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
                ("resource", &format!(r#"{{"type":"thing","id":"{}","name":"Thing {name}"}}"#, i % 500)),
                ("metadata", &metadata(i, name)),
            ])
        })
        .collect()
}

/// Metadata of all kinds: numbers of several spellings, arrays, nulls, changes, long and rare texts.
fn metadata(i: usize, name: &str) -> String {
    let spelling = [
        format!("{}", i % 50),
        format!("{}.0", i % 50),
        format!("{}e-1", i % 50 * 10),
        format!("-{}.50", i % 9),
        "1e400".to_owned(),
        "-0".to_owned(),
        "12345678901234567890".to_owned(),
    ];
    let number = &spelling[i % spelling.len()];
    let mut members = vec![
        format!(r#""number":{number},"Numbers":[{i},[{number},{{"deep":[null,{}]}}]]"#, i % 3),
        format!(r#""decimals":[7.{i:05},7.{i:05}1,7.{i:05}2,"{name}"]"#),
        format!(r#""flag":{},"null":null,"none":[],"nothing":{{}},"":{{"":"{name}"}}"#, i.is_multiple_of(3)),
        // Common in random documents, in runs of documents, in few.
        format!(r#""noise":"{}","run":"{}""#, scattered(i) % 2, ["low", "high"][i / 300 % 2]),
        format!(r#""trace":"{:016x}","few":"group {} of many""#, scattered(i), i % 60),
    ];
    if i % 4 == 1 {
        let text = format!("{name} waited {} ms for the upstream, then tried {:x}", i % 977, scattered(i));
        members.push(format!(r#""text":["{text}","{text}, again and again: {}"]"#, "Ж".repeat(i % 140)));
    }
    if i % 5 == 2 {
        let (old, new) = (i % 11, i % 13);
        let side = |v| {
            format!(
                r#"{{"Model":"m{v}","n":{v}.0,"gone":null,"list":[{{"x":{v}}},[{{"y":1}}]],"Zone":{{"B":{v}}}}}"#
            )
        };
        members.push(format!(r#""changes":{{"before":{},"after":{}}}"#, side(old), side(new)));
    }
    if i % 305 == 3 {
        // Changed paths that outgrow the event, because each repeats a long name.
        let inner: Vec<_> = (0..90).map(|n| format!(r#""m{n}":{i}"#)).collect();
        members.push(format!(r#""changes":{{"after":{{"{}":{{{}}}}}}}"#, "long".repeat(50), inner.join(",")));
    }
    if i % 305 == 8 {
        // Letters that were new in Unicode 15, and one that nobody has assigned.
        members.push(
            r#""young":"old\ud839\udcd0new qu\u0378zu","changes":{"after":{"k":[1]},"before":4}"#.to_owned(),
        );
    }
    format!("{{{}}}", members.join(","))
}

/// The number as one without pattern.
fn scattered(i: usize) -> u64 {
    (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29).wrapping_mul(0xBF58_476D_1CE4_E5B9)
        >> 7
}

/// Events that bring more paths than a segment lists, and names that are too long for one.
fn many_paths(count: usize) -> Vec<String> {
    (0..count)
        .map(|i| {
            let members: Vec<_> = (0..25)
                .map(|k| format!(r#""p{i}_{k}":[{k},{},"v{k}",null]"#, ["true", "false"][k % 2]))
                .collect();
            let long = "n".repeat(1000 + i % 50);
            let metadata = format!(r#"{{"{long}":"long {i}","{}":{{{}}}}}"#, i % 2, members.join(","));
            with(&[("event_id", &quoted(&format!("paths-{i}"))), ("metadata", &metadata)])
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
        let now_us = COMMITTED_US + i as u64;
        if i == 3 {
            log.rotate_key(now_us).expect("a new key");
        } else {
            log.checkpoint(now_us).expect("signed");
        }
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
    // The first segment's table of paths is full before values of all kinds come.
    let mut lines = many_paths(600);
    lines.extend(made(10_200));
    lines.extend(data::real_events().into_iter().flatten().step_by(5));
    let size = write_log(&log, &lines);
    assert_eq!(size, lines.len() as u64);
    let sealed = files(&log.join("segments"), "idx").len();
    let ids = files(&log.join("ids"), "ids").len();
    assert!(sealed >= 10 && ids < sealed, "{sealed} sealed segments, {ids} id files: merged");
    let said = python::run("read_segment.py", &[log.to_str().unwrap()]);
    assert!(said.contains(&format!("read_segment: {size} records, {sealed} sealed segments")), "{said}");
    for part in PARTS {
        assert!(said.contains(part), "no {part} occurred, so nothing was proved of them: {said}");
    }
}

/// Goal: the reader can say no. Method: one flipped bit in each kind of file.
#[test]
fn the_reader_sees_a_flipped_bit_in_every_kind_of_file() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    write_log(&log, &made(1200));
    let (segments, ids) = (log.join("segments"), log.join("ids"));
    let mut kinds = vec![log.join("secret"), log.join("catalog"), log.join("checkpoints")];
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
