//! When index events are due, what they cover, and reports over them.

use std::path::Path;
use std::sync::Arc;

use crate::event::{Event, Limits, Receipt, Taxonomy, id_and_time, normalize};
use crate::io::{Disk, SimDisk};
use crate::log::{Log, Options, Outcome, ReportError, ReportLimits};
use crate::tags::{Axis, Dimension, Filter, Statement, Value};

const NOW_US: u64 = 1_700_000_000_000_000;
const NOW_NS: i64 = NOW_US as i64 * 1_000;
const HOUR_NS: i64 = 3_600_000_000_000;
const DIR: &str = "/log";

fn options() -> Options {
    Options { segment_records_max: 30, epoch_records_max: 20, ..Options::default() }
}

fn create(disk: &SimDisk) -> Log {
    Log::create(Arc::new(disk.clone()), Path::new(DIR), "example.com/stele/test", [7; 32], options()).unwrap()
}

/// The `i`-th event happened `i` seconds after a day.
fn event(i: u64) -> Event {
    let (minute, second) = (i / 60 % 60, i % 60);
    let raw = format!(
        r#"{{"event_id":"e{i}","timestamp":"2023-11-14T00:{minute:02}:{second:02}Z","event_type":"auth.login","actor":{{"type":"user","id":"u{}"}},"resource":{{"type":"session","id":"s"}},"action":"login","status":"success"}}"#,
        i % 3
    );
    let receipt = Receipt { now_ns: NOW_NS, ip_address: None, user_agent: None, new_id: &|| unreachable!() };
    normalize(raw.as_bytes(), &receipt, &Taxonomy::default(), &Limits::default()).unwrap()
}

fn append(log: &Log, events: Vec<Event>, now_us: u64) {
    let batch = log.prepare(events, false);
    let outcomes = log.append(vec![batch], now_us).remove(0).unwrap();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Stored { .. })));
}

/// Adds the events with these numbers.
fn grow(log: &Log, numbers: std::ops::Range<u64>) {
    append(log, numbers.map(event).collect(), NOW_US);
}

/// Brings the index to where the head is now.
fn force(log: &Log) {
    let head = log.head().size;
    while log.indexed().unwrap() < head {
        let due = log.next_index_event(NOW_NS, true).unwrap().unwrap();
        append(log, vec![due], NOW_US);
    }
}

fn everything() -> Filter {
    Filter::new(Axis::Event, 0, u64::MAX, Vec::new())
}

#[test]
fn an_index_event_is_due_once_there_are_enough_records_or_one_has_waited() {
    let disk = SimDisk::new();
    let log = create(&disk);
    let due = |now_ns: i64| log.next_index_event(now_ns, false).unwrap();
    assert!(due(NOW_NS + HOUR_NS).is_none() && log.next_index_event(NOW_NS, true).unwrap().is_none());
    grow(&log, 0..19);
    assert!(due(NOW_NS + HOUR_NS - 1).is_none(), "nothing has waited for an hour");
    let waited = due(NOW_NS + HOUR_NS).unwrap();
    assert_eq!(Statement::read(&waited.body).unwrap().b, 19);
    grow(&log, 19..25);
    let full = due(NOW_NS).unwrap();
    let said = Statement::read(&full.body).unwrap();
    assert_eq!((said.a, said.b, said.prev), (0, 20, None));
    assert_eq!(due(NOW_NS).unwrap().body, full.body, "a function of the log and the time");
    append(&log, vec![full], NOW_US);
    assert_eq!(log.indexed().unwrap(), 20);
    force(&log);
    assert_eq!((log.indexed().unwrap(), log.head().size), (26, 27));
    assert!(due(NOW_NS + 9 * HOUR_NS).is_none(), "an index event alone is no reason for one");
    assert!(log.next_index_event(NOW_NS, true).unwrap().is_some(), "before a report it is");
}

#[test]
fn the_index_is_found_again_after_a_start_and_in_every_state_of_the_segments() {
    let disk = SimDisk::new();
    let log = create(&disk);
    for step in 0..6 {
        grow(&log, step * 17..step * 17 + 17);
        force(&log);
        while log.work().unwrap() {}
        let again = Log::open_read_only(Arc::new(disk.clone()), Path::new(DIR)).unwrap().0;
        assert_eq!(again.indexed().unwrap(), log.indexed().unwrap());
        assert_eq!(log.indexed().unwrap() + 1, log.head().size);
    }
    // They tile the log without holes, and each is the function of its stretch that it says.
    let known = log.known_index_events().unwrap().clone();
    let mut at = 0;
    for index_event in &known {
        let said = &index_event.statement;
        assert_eq!(said.a, at);
        let record = log.record(index_event.sequence).unwrap().unwrap();
        assert_eq!(id_and_time(&record.body).unwrap().0, said.event_id());
        at = said.b;
    }
    assert_eq!(at, log.indexed().unwrap());
}

#[test]
fn a_report_holds_what_a_scan_finds_and_says_what_is_too_much() {
    let disk = SimDisk::new();
    let log = create(&disk);
    grow(&log, 0..100);
    let none = log.report(everything(), ReportLimits::default(), NOW_US, &|| true);
    assert!(matches!(none, Err(ReportError::Refused(why)) if why.contains("no index events")));
    force(&log);
    let from = 1_699_920_000_000_000;
    let user = Value::Pair("user".into(), "u1".into());
    let filter = |from_s: u64, to_s: u64| {
        let (from, to) = (from + from_s * 1_000_000, from + to_s * 1_000_000);
        Filter::new(Axis::Event, from, to, vec![(Dimension::Actor, vec![user.clone()])])
    };
    let report = log.report(filter(10, 50), ReportLimits::default(), NOW_US, &|| true).unwrap();
    let mut numbers = Vec::new();
    report
        .each_entry::<crate::error::StoreError>(&mut |record| {
            numbers.push(id_and_time(&record.body).unwrap().0[1..].parse::<u64>().unwrap());
            Ok(())
        })
        .unwrap();
    let expected: Vec<u64> = (10..50).filter(|i| i % 3 == 1).collect();
    assert_eq!(numbers, expected);
    assert_eq!(report.entries(), expected.len() as u64);
    assert_eq!(report.as_of(), 100);
    assert!(report.signed().checkpoint.size > report.as_of());
    let few = ReportLimits { entries_max: 5, headers_max: 5 };
    let many = log.report(filter(10, 50), few, NOW_US, &|| true);
    let said = format!("{} records match", expected.len());
    assert!(matches!(many, Err(ReportError::TooLarge(why)) if why.starts_with(&said)));
    let headers = log.report(filter(10, 12), few, NOW_US, &|| true);
    assert!(matches!(headers, Err(ReportError::TooLarge(why)) if why.contains("headers")));
    let cancelled = log.report(everything(), ReportLimits::default(), NOW_US, &|| false);
    assert!(matches!(cancelled, Err(ReportError::Cancelled)));
    let empty = log.report(filter(5, 5), ReportLimits::default(), NOW_US, &|| true);
    assert!(matches!(empty, Err(ReportError::Refused(_))));
}

#[test]
fn on_commit_times_a_report_ends_where_the_index_does() {
    let disk = SimDisk::new();
    let log = create(&disk);
    for minute in 0..10 {
        let numbers = minute * 10..minute * 10 + 10;
        append(&log, numbers.map(event).collect(), NOW_US + minute * 60_000_000);
    }
    force(&log);
    let ask = |from_us, to_us| {
        let filter = Filter::new(Axis::Commit, from_us, to_us, Vec::new());
        log.report(filter, ReportLimits::default(), NOW_US + 600_000_000, &|| true)
    };
    let minute = |i: u64| NOW_US + i * 60_000_000;
    let middle = ask(minute(3), minute(5)).unwrap();
    assert_eq!(middle.sequences(), Some((30, 49)));
    assert_eq!(middle.committed_us(), Some((minute(3), minute(4))));
    assert!(middle.index_events() < 5 && middle.headers() <= 4);
    let open = ask(0, u64::MAX).unwrap();
    assert_eq!(open.filter().to_us, minute(9), "index events have the time of the last record");
    assert_eq!(open.sequences(), Some((0, 89)));
    assert!(
        matches!(ask(minute(9), minute(12)), Err(ReportError::Refused(why)) if why.contains("indexed up to"))
    );
}

#[test]
fn an_index_event_that_its_records_contradict_makes_no_report() {
    let disk = SimDisk::new();
    let log = create(&disk);
    grow(&log, 0..10);
    let due = log.next_index_event(NOW_NS, true).unwrap().unwrap();
    let said = Statement::read(&due.body).unwrap();
    let wrong = Statement { root: [9; 32], ..said };
    append(&log, vec![log.index_event(&wrong, NOW_NS).unwrap()], NOW_US);
    let made = log.report(everything(), ReportLimits::default(), NOW_US, &|| true);
    assert!(matches!(made, Err(ReportError::Index { sequence: 10, .. })));
}

#[test]
fn a_seal_while_a_report_is_held_takes_no_record_from_it() {
    let disk = SimDisk::new();
    let log = create(&disk);
    grow(&log, 0..29);
    force(&log);
    let report = log.report(everything(), ReportLimits::default(), NOW_US, &|| true).unwrap();
    let mut before = Vec::new();
    report.write_json(&mut before).unwrap();
    grow(&log, 29..100);
    while log.work().unwrap() {}
    assert!(disk.list(&Path::new(DIR).join("segments")).unwrap().len() > 2);
    let mut after = Vec::new();
    report.write_json(&mut after).unwrap();
    assert!(before == after);
    let json: serde_json::Value = serde_json::from_slice(&before).unwrap();
    // The first index event is covered by the second one.
    assert_eq!(json["entries"].as_array().unwrap().len(), 30);
    assert_eq!(json["index_records"].as_array().unwrap().len(), 2);
}
