//! Segments on their way to the archive and back, on a simulated disk.

mod beside;
mod cuts;
mod earlier;
mod faulty;
mod many;
mod refused;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::archive::{ArchiveError, LocalStore, ObjectStore};
use crate::error::StoreError;
use crate::event::{Event, Limits, Receipt, Taxonomy, normalize};
use crate::io::sim::Survival;
use crate::io::{Disk, SimDisk};
use crate::log::{Ask, Check, Log, OpenReport, Options, Outcome, Search, TierState};
use crate::query::{Budget, Filter, Gap, Order};
use crate::record::Record;
use crate::segment::{data_path, folder};

const NOW_US: u64 = 1_700_000_000_000_000;
const DIR: &str = "/log";
const STORE: &str = "/archive";
const SEGMENT: u64 = 40;
const EVENTS: u64 = 110;
const ORIGIN: &str = "example.com/stele/00ff";

fn options() -> Options {
    Options { segment_records_max: SEGMENT as u32, epoch_records_max: 30, ..Options::default() }
}

fn open(disk: &SimDisk) -> (Log, OpenReport) {
    Log::open(Arc::new(disk.clone()), Path::new(DIR), options()).unwrap()
}

fn store(disk: &SimDisk) -> LocalStore {
    LocalStore::new(Arc::new(disk.clone()), Path::new(STORE))
}

/// The `i`th event happened in the `i`th second.
fn event_with(i: u64, note: &str) -> Event {
    let raw = format!(
        r#"{{"event_id":"e{i}","timestamp":"2023-11-14T00:{:02}:{:02}Z","event_type":"auth.login","actor":{{"type":"user","id":"u{}"}},"resource":{{"type":"session","id":"s{i}"}},"action":"login","status":"success","metadata":{{"n":{i},"note":"{note}"}}}}"#,
        i / 60,
        i % 60,
        i % 7
    );
    let now_ns = NOW_US as i64 * 1_000;
    let receipt = Receipt { now_ns, ip_address: None, user_agent: None, new_id: &String::new };
    normalize(raw.as_bytes(), &receipt, &Taxonomy::built_in(), &Limits::default()).unwrap()
}

fn append(log: &Log, events: Vec<Event>, now_us: u64) -> Vec<Outcome> {
    let batch = log.prepare(events, false);
    log.append(vec![batch], now_us).remove(0).unwrap()
}

/// A log of one origin with cold segments that index events and a checkpoint cover.
fn filled_as(disk: &SimDisk, origin: &str, note: &str) -> Log {
    let log = Log::create(Arc::new(disk.clone()), Path::new(DIR), origin, [7; 32], options()).unwrap();
    for start in (0..EVENTS).step_by(22) {
        let events = (start..start + 22).map(|i| event_with(i, note)).collect();
        append(&log, events, NOW_US + start * 1_000_000);
        while let Some(due) = log.next_index_event(NOW_US as i64 * 1_000, true).unwrap() {
            let done = log.indexed().unwrap() + 1 >= log.head().size;
            append(&log, vec![due], NOW_US + start * 1_000_000);
            if done {
                break;
            }
        }
    }
    while log.work().unwrap() {}
    while log.chill_next(u64::MAX).unwrap() {}
    log.checkpoint(NOW_US + EVENTS * 1_000_000).unwrap();
    log
}

fn filled(disk: &SimDisk) -> Log {
    filled_as(disk, ORIGIN, "x")
}

fn ship_all(log: &Log, store: &dyn ObjectStore) -> usize {
    (0..).take_while(|_| log.ship_next(store, u64::MAX, 0).unwrap().is_some()).count()
}

fn drop_all(log: &Log) -> usize {
    (0..).take_while(|_| log.drop_next(u64::MAX).unwrap().is_some()).count()
}

fn expire_all(log: &Log) -> usize {
    (0..).take_while(|_| log.expire_next(u64::MAX).unwrap().is_some()).count()
}

fn restore_all(log: &Log, store: &dyn ObjectStore) {
    for tier in log.tiers() {
        if tier.state == TierState::Archived {
            log.restore(store, tier.first_sequence, 9, &|_| true).unwrap();
        }
    }
}

/// The records that are here; `None` for those that are archived, which must say so.
fn records(log: &Log) -> Vec<Option<Record>> {
    let record = |sequence| match log.record(sequence) {
        Ok(record) => Some(record.unwrap()),
        Err(StoreError::Archived { first_sequence, last_sequence }) => {
            assert!((first_sequence..=last_sequence).contains(&sequence));
            None
        }
        Err(error) => panic!("sequence {sequence}: {error}"),
    };
    (0..log.head().size).map(record).collect()
}

fn states(log: &Log) -> Vec<TierState> {
    log.tiers().iter().map(|tier| tier.state).collect()
}

fn faults(log: &Log) -> Vec<(&'static str, u64, u64, String)> {
    let verdict = log.verify_with(&Check { deep: true, ..Check::default() }, &|_| true).unwrap();
    verdict.faults.into_iter().map(|f| (f.kind, f.first_sequence, f.last_sequence, f.detail)).collect()
}

fn files(disk: &SimDisk, extension: &str) -> Vec<PathBuf> {
    let all = disk.list(&folder(Path::new(DIR))).unwrap();
    all.into_iter().filter(|path| path.extension().is_some_and(|e| e == extension)).collect()
}

fn search(filter: &Filter) -> Search {
    Search { scope: filter.scope(), order: Order::Asc, limit: 1_000, after: None, head: None, count: true }
}

/// Every proof, tile and bundle of the log.
fn proofs(log: &Log) -> Vec<Vec<u8>> {
    let size = log.last_checkpoint().unwrap().checkpoint.size;
    let inclusion = |sequence| {
        let proof = log.inclusion(sequence, NOW_US).unwrap().unwrap();
        [&proof.leaf[..], proof.hashes.as_flattened()].concat()
    };
    let consistency = |from| log.consistency(from, Some(size), NOW_US).unwrap().hashes.concat();
    let whole = size.min(256);
    (0..size)
        .map(inclusion)
        .chain((0..=size).map(consistency))
        .chain([log.tile(0, 0, whole).unwrap().unwrap(), log.entries(0, whole).unwrap().unwrap()])
        .collect()
}

/// Goal: what is archived is told, proved and found out as a duplicate, and comes back as it was.
#[test]
fn a_segment_goes_to_the_archive_and_comes_back_as_it_was() {
    let disk = SimDisk::new();
    let (log, store) = (filled(&disk), store(&disk));
    let (whole, proved) = (records(&log), proofs(&log));
    let sealed = log.tiers().len();
    assert!(sealed >= 2, "{sealed} segments");
    assert_eq!(log.ship_next(&store, 0, 0).unwrap(), None, "nothing is that old");
    assert_eq!(log.drop_next(u64::MAX).unwrap(), None, "nothing is in the archive");
    let shipped = ship_all(&log, &store);
    assert!(shipped >= 2 && states(&log)[..shipped].iter().all(|s| *s == TierState::Shipped));
    assert_eq!(records(&log), whole);
    assert_eq!((faults(&log), drop_all(&log)), (vec![], shipped));
    let check = |log: &Log| {
        let (here, away) = (records(log), SEGMENT as usize * shipped);
        let kept =
            |record: &Option<Record>| record.as_ref().unwrap().body.windows(11).any(|w| w == b"stele.index");
        for (sequence, (found, was)) in here.iter().zip(&whole).enumerate() {
            let expected = if sequence < away && !kept(was) { &None } else { was };
            assert_eq!(found, expected, "sequence {sequence}");
        }
        assert_eq!(proofs(log), proved);
        assert_eq!(faults(log), []);
        assert_eq!(log.stats().archived, shipped as u64);
    };
    check(&log);
    log.close().unwrap();
    drop(log);
    let (log, report) = open(&disk);
    assert_eq!((report.damage, report.notes), (vec![], vec![]));
    check(&log);
    let verdict = log.verify_with(&Check { deep: true, ..Check::default() }, &|_| true).unwrap();
    assert_eq!((verdict.archived, verdict.proved_to), (SEGMENT * shipped as u64, log.head().size));
    assert_eq!(verdict.notes.len(), 2, "{:?}", verdict.notes);
    restore_all(&log, &store);
    assert_eq!((records(&log), proofs(&log)), (whole.clone(), proved.clone()));
    assert_eq!(faults(&log), []);
    assert_eq!(states(&log)[0], TierState::Restored { until_us: 9 });
    log.restore(&store, 0, 5, &|_| true).unwrap();
    assert_eq!(states(&log)[0], TierState::Restored { until_us: 9 }, "only lengthened");
    log.restore(&store, 0, 20, &|_| true).unwrap();
    assert_eq!(states(&log)[0], TierState::Restored { until_us: 20 });
    assert_eq!(log.drop_next(u64::MAX).unwrap(), None, "its time is not over");
    assert_eq!(log.expire_next(8).unwrap(), None);
    assert_eq!(log.expire_next(9).unwrap().unwrap().state, TierState::Archived);
    assert_eq!(expire_all(&log), shipped - 1);
    check(&log);
    assert_eq!((files(&disk, "cold").len(), files(&disk, "h").len()), (sealed - shipped, shipped));
}

#[test]
fn answers_name_what_is_archived_by_the_times_that_were_asked_for() {
    let disk = SimDisk::new();
    let (log, store) = (filled(&disk), store(&disk));
    let own = Filter { own: true, ..Filter::default() };
    let found = |log: &Log, filter: &Filter| log.search(&search(filter), &Budget::unlimited()).unwrap();
    let before = found(&log, &own);
    assert_eq!(before.archived, []);
    ship_all(&log, &store);
    let two: Vec<_> = (0..2).map(|_| log.drop_next(u64::MAX).unwrap().unwrap()).collect();
    let after = found(&log, &own);
    let here: Vec<Record> =
        before.records.iter().filter(|record| record.sequence >= 2 * SEGMENT).cloned().collect();
    assert_eq!(after.records, here);
    assert_eq!(after.matched, Some(here.len() as u64));
    let gap = Gap {
        first_sequence: 0,
        last_sequence: 2 * SEGMENT - 1,
        from_us: two[0].event_first_us,
        to_us: two[0].event_last_us.max(two[1].event_last_us),
        events: 2 * SEGMENT,
    };
    assert_eq!(after.archived, [gap], "those that touch are one");
    let early = Filter { to_ns: Some(two[0].event_first_us * 1_000), ..own.clone() };
    assert_eq!(found(&log, &early).archived, [], "nothing is that early");
    let first = Filter { to_ns: Some(two[1].event_first_us * 1_000), ..own.clone() };
    assert_eq!(found(&log, &first).archived[0].last_sequence, SEGMENT - 1, "the other one is later");
    let cut = Search { head: Some(SEGMENT + 3), ..search(&own) };
    assert_eq!(log.search(&cut, &Budget::unlimited()).unwrap().archived[0].last_sequence, SEGMENT + 2);
    let scope = own.scope();
    let ask = Ask { scope: &scope, head: None, budget: &Budget::unlimited() };
    let (buckets, gaps) = log.with_gaps(ask, || log.histogram(ask, 3_600_000_000_000, None)).unwrap();
    assert_eq!(buckets.iter().map(|bucket| bucket.count).sum::<u64>(), here.len() as u64);
    assert_eq!(gaps, [gap]);
    let away = log.read_from(3, &scope, 5, &Budget::unlimited()).unwrap_err();
    let StoreError::Archived { first_sequence: 0, last_sequence } = away else { panic!("{away}") };
    let (read, _) = log.read_from(last_sequence + 1, &scope, 500, &Budget::unlimited()).unwrap();
    let mut here = here;
    here.sort_by_key(|record| record.sequence);
    assert!(read == here, "{} of {} records", read.len(), here.len());
    let by_id = log.find("e3").unwrap_err();
    assert!(matches!(by_id, StoreError::Archived { first_sequence: 0, .. }), "{by_id}");
    assert_eq!(log.find("never").unwrap(), None);
}

#[test]
fn a_repeat_of_an_archived_event_is_a_duplicate_and_other_content_a_conflict() {
    let disk = SimDisk::new();
    let (log, store) = (filled(&disk), store(&disk));
    let first = log.find("e3").unwrap().unwrap();
    ship_all(&log, &store);
    drop_all(&log);
    let ask =
        |log: &Log| append(log, vec![event_with(3, "x"), event_with(3, "y"), event_with(500, "x")], NOW_US);
    let outcomes = ask(&log);
    let (sequence, hash) = (first.sequence, first.hash);
    assert_eq!(outcomes[0], Outcome::Duplicate { sequence, hash, archived: true });
    assert_eq!(outcomes[1], Outcome::Conflict { sequence: Some(sequence), archived: true });
    assert!(matches!(outcomes[2], Outcome::Stored { .. }));
    log.close().unwrap();
    drop(log);
    for path in disk.list(Path::new("/log/ids")).unwrap() {
        disk.remove(&path).unwrap();
    }
    let (log, report) = open(&disk);
    assert_eq!(report.damage, [""; 0]);
    assert_eq!(ask(&log)[..2], outcomes[..2], "ids are made again from what stays");
    let notes = log.settle().unwrap();
    assert!(notes.iter().any(|note| note.contains("ids made again")), "{notes:?}");
    assert_eq!(faults(&log), []);
}

#[test]
fn only_what_index_events_and_a_checkpoint_cover_is_shipped() {
    let disk = SimDisk::new();
    let log = Log::create(Arc::new(disk.clone()), Path::new(DIR), ORIGIN, [7; 32], options()).unwrap();
    append(&log, (0..100).map(|i| event_with(i, "x")).collect(), NOW_US);
    append(&log, (100..200).map(|i| event_with(i, "x")).collect(), NOW_US);
    while log.work().unwrap() {}
    let store = store(&disk);
    assert_eq!(log.ship_next(&store, u64::MAX, 0).unwrap(), None, "it is not cold");
    while log.chill_next(u64::MAX).unwrap() {}
    log.checkpoint(NOW_US).unwrap();
    assert_eq!(log.ship_next(&store, u64::MAX, 0).unwrap(), None, "no index event covers it");
    for _ in 0..7 {
        let due = log.next_index_event(NOW_US as i64 * 1_000, true).unwrap().unwrap();
        append(&log, vec![due], NOW_US);
    }
    assert!(log.ship_next(&store, u64::MAX, 0).unwrap().is_some());
}

#[test]
fn damage_of_what_stays_is_named_and_a_missing_file_ends_writing() {
    let disk = SimDisk::new();
    let (log, store) = (filled(&disk), store(&disk));
    ship_all(&log, &store);
    drop_all(&log);
    log.close().unwrap();
    drop(log);
    for extension in ["h", "seen", "manifest"] {
        let path = data_path(Path::new(DIR), SEGMENT).with_extension(extension);
        let bytes = disk.open_read(&path).unwrap().len().unwrap();
        for at in (0..bytes).step_by(bytes as usize / 20) {
            let image = disk.image(Survival::Everything, 0);
            image.flip(&path, at * 8 + at % 8);
            let (log, _) = open(&image);
            let found = faults(&log);
            let named =
                |f: &(&str, u64, u64, String)| (f.0, f.1, f.2) == ("archived", SEGMENT, 2 * SEGMENT - 1);
            assert!(found.iter().any(named), "{extension}, byte {at}: {found:?}");
        }
        let image = disk.image(Survival::Everything, 0);
        image.remove(&path).unwrap();
        let (log, report) = open(&image);
        assert!(report.damage.iter().any(|line| line.contains("the file is missing")), "{extension}");
        assert!(log.writable().is_err());
    }
}

#[test]
fn locks_of_all_objects_are_lengthened() {
    let disk = SimDisk::new();
    let (log, store) = (filled(&disk), store(&disk));
    let shipped = ship_all(&log, &store) as u64;
    let archived = log.archived();
    assert_eq!((archived.len() as u64, archived[1].0), (shipped, SEGMENT));
    assert_eq!(archived[0].1, log.tiers()[0].committed_last_us);
    let lengthened = |first| log.retain_archived(&store, first, u64::MAX);
    assert_eq!(archived.iter().map(|&(first, _)| lengthened(first).unwrap()).sum::<u64>(), shipped * 4);
    let name = crate::archive::object_name(ORIGIN, 0, "idx");
    disk.remove(&Path::new(STORE).join(&name)).unwrap();
    let error = lengthened(0).unwrap_err();
    assert!(matches!(&error, ArchiveError::Object { name: named, .. } if *named == name), "{error}");
    assert_eq!(lengthened(SEGMENT).unwrap(), 4);
    assert!(lengthened(7).is_err(), "no segment begins there");
}
