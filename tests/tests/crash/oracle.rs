//! What must hold of a log, whatever happened to it.

use stele_engine::chain::{Link, genesis, link};
use stele_engine::ids::Origin;
use stele_engine::log::Search;
use stele_engine::query::{Budget, Filter, Order};
use stele_engine::record::{Record, record_hash};

use crate::events::{COUNT, event, id, is_failure, number_of, time_ns};
use crate::workload::{Ledger, ORIGIN, Process};

/// Checks everything that a reader can see against the ledger; returns how many events there are.
///
/// # Panics
/// With what does not hold.
pub fn check(process: &Process, ledger: &Ledger) -> usize {
    let records = records(process);
    let numbers = chained(&records, process);
    exactly_once(&numbers, ledger);
    for (&n, &(sequence, hash)) in &ledger.acknowledged {
        let record = records.get(sequence as usize);
        let record = record.unwrap_or_else(|| panic!("event {n}, acknowledged as {sequence}, is lost"));
        assert_eq!((numbers[sequence as usize], record.hash), (n, hash), "acknowledged as {sequence}");
    }
    found_by_id(process, &records, &numbers);
    searched(process, &numbers);
    verified(process, records.len() as u64);
    assert_eq!(process.disk.unsynced_reads(), [""; 0], "shown before it was on stable storage");
    records.len()
}

/// All records in sequence order.
fn records(process: &Process) -> Vec<Record> {
    let everything = Filter { own: true, ..Filter::default() }.scope();
    let mut records = Vec::new();
    let mut next = 0;
    while next < process.log.head().size {
        let read = process.log.read_from(next, &everything, 40, &Budget::unlimited());
        let (more, after) = read.expect("records are readable");
        assert!(after > next, "reading goes on");
        records.extend(more);
        next = after;
    }
    assert_eq!(records.len() as u64, process.log.head().size, "the head counts the records");
    records
}

/// Recomputes the chain from the bodies; returns which event each record is.
fn chained(records: &[Record], process: &Process) -> Vec<usize> {
    let origin = Origin::new(ORIGIN).expect("a good origin");
    let mut head = genesis(&origin);
    let mut committed_us = 0;
    let mut numbers = Vec::new();
    for (sequence, record) in records.iter().enumerate() {
        let n = number_of(&record.body).expect("a record is an event that was sent, byte for byte");
        let at = Link {
            sequence: sequence as u64,
            committed_us: record.committed_us,
            event_us: time_ns(n) as u64 / 1000,
            record_hash: record_hash(&record.salt, &record.body),
        };
        assert_eq!((record.sequence, record.previous), (at.sequence, head), "event {n}");
        assert!(record.committed_us >= committed_us, "commit times never fall");
        head = link(&head, &at);
        assert_eq!(record.hash, head, "event {n} at {sequence}");
        committed_us = record.committed_us;
        numbers.push(n);
    }
    assert_eq!(process.log.head().hash, head, "the head is the last link");
    numbers
}

fn exactly_once(numbers: &[usize], ledger: &Ledger) {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).for_each(|pair| assert_ne!(pair[0], pair[1], "an event is stored twice"));
    for n in numbers {
        assert!(ledger.sent.contains(n), "event {n} was never sent");
    }
}

fn found_by_id(process: &Process, records: &[Record], numbers: &[usize]) {
    for n in 0..COUNT {
        let found = process.log.find(&id(n)).expect("ids are readable");
        let expected = numbers.iter().position(|&m| m == n).map(|at| &records[at]);
        assert_eq!(found.as_ref(), expected, "{}", id(n));
    }
    assert_eq!(process.log.find("evt-none").expect("ids are readable"), None);
}

/// Pages through searches and compares with the same search by hand.
fn searched(process: &Process, numbers: &[usize]) {
    let failed = Filter { status: vec!["failure".to_owned()], ..Filter::default() };
    for (filter, order) in [(Filter::default(), Order::Desc), (failed, Order::Asc)] {
        let wanted = |n: &usize| filter.status.is_empty() || is_failure(*n);
        let numbered = (0_u64..).zip(numbers).filter(|(_, n)| wanted(n));
        let mut expected: Vec<_> = numbered.map(|(sequence, &n)| (time_ns(n), sequence)).collect();
        expected.sort_unstable();
        if order == Order::Desc {
            expected.reverse();
        }
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let scope = filter.scope();
            let search = Search { scope, order, limit: 17, after, head: None, count: true };
            let found = process.log.search(&search, &Budget::unlimited()).expect("searches are answered");
            assert_eq!(found.matched, Some(expected.len() as u64), "{order:?}");
            seen.extend(found.records.iter().map(|r| (time_ns(numbers[r.sequence as usize]), r.sequence)));
            after = found.last;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, expected, "{order:?}");
    }
}

fn verified(process: &Process, size: u64) {
    let verdict = process.log.verify(None, &|_| true).expect("verification runs");
    assert_eq!(verdict.faults, [], "verification finds no fault");
    assert_eq!((verdict.proved_to, verdict.checked), (size, size));
    // An empty log has nothing that was walked, so no head was reached.
    assert_eq!(verdict.head, (size > 0).then_some(process.log.head().hash));
}

/// Every event is there once all were sent again.
pub fn complete(process: &Process, ledger: &Ledger) {
    assert_eq!(ledger.acknowledged.len(), COUNT, "everything was acknowledged in the end");
    assert_eq!(check(process, ledger), COUNT);
    assert!((0..COUNT).all(|n| event(n).body.len() > 100));
}
