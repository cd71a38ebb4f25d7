//! How much one read gives.

use super::*;

/// Goal: what a tail reads at a time is bounded in bytes, whatever count it asks for.
/// Method: read a mix of small and large events to the end.
#[test]
fn a_read_ends_with_the_record_that_reaches_its_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let log = create(dir.path());
    let events = (0..12).map(|i| sized(&format!("e{i}"), if i % 4 == 3 { 10 } else { 100 << 10 }));
    let batch = log.prepare(events.collect(), false);
    log.append(vec![batch], NOW_US).remove(0).unwrap();
    let (mut next, mut read) = (0, Vec::new());
    while next < log.head().size {
        let (records, after) = log.read_from(next, &everything(), 1_000, &Budget::unlimited()).unwrap();
        let before_last = records.iter().rev().skip(1).map(|record| record.body.len()).sum::<usize>();
        assert!(before_last < READ_BYTES_MAX, "{} records", records.len());
        assert!(after == log.head().size || after == records.last().unwrap().sequence + 1);
        read.push(records.iter().map(|record| record.sequence).collect::<Vec<_>>());
        next = after;
    }
    assert_eq!(read, [vec![0, 1, 2], vec![3, 4, 5, 6], vec![7, 8, 9, 10], vec![11]]);
}

/// Where a page ends, when there is more.
type Position = Option<(i64, u64)>;

/// Goal: a page never holds more than its bytes and one event, whatever count it asks for.
/// Method: small events first, then more large ones than fit; pages of a search and of a history to
/// the end.
#[test]
fn a_page_ends_with_the_record_that_reaches_its_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let log = create(dir.path());
    for batch in 0..10_usize {
        let bytes = if batch == 9 { 10 } else { 240 << 10 };
        let events = (0..8).map(|i| sized(&format!("e{batch}-{i}"), bytes)).collect();
        log.append(vec![log.prepare(events, false)], NOW_US).remove(0).unwrap();
    }
    let budget = Budget::unlimited();
    let scope = everything();
    let search = |after| {
        let search =
            Search { scope: everything(), order: Order::Desc, limit: 1_000, after, head: None, count: true };
        let page = log.search(&search, &budget).unwrap();
        assert_eq!(page.matched, Some(80));
        (page.records, page.last)
    };
    let history = |after| {
        let ask = Ask { scope: &scope, head: None, budget: &budget };
        let page = log.history(ask, ("session", "s1"), None, after, 1_000).unwrap();
        (page.changes, page.last)
    };
    let pages: [&dyn Fn(Position) -> (Vec<Record>, Position); 2] = [&search, &history];
    for page in pages {
        let (mut after, mut seen, mut full) = (None, Vec::new(), 0);
        loop {
            let (records, last) = page(after);
            let before_last = records.iter().rev().skip(1).map(|record| record.body.len()).sum::<usize>();
            assert!(before_last < PAGE_BYTES_MAX, "{} records", records.len());
            seen.extend(records.iter().map(|record| record.sequence));
            after = last;
            if after.is_none() {
                break;
            }
            full += 1;
        }
        assert_eq!((seen, full), ((0..80).rev().collect(), 1));
    }
}
