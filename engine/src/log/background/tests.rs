//! Cold segments of a whole log, on a simulated disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::event::{Event, Limits, Receipt, Taxonomy, normalize};
use crate::io::sim::Survival;
use crate::io::{Disk, RealDisk, SimDisk};
use crate::log::{Log, OpenReport, Options, Outcome};
use crate::segment::{cold_path, data_path};

const NOW_US: u64 = 1_700_000_000_000_000;
const DIR: &str = "/log";
const SEGMENT: u32 = 600;
const EVENTS: u64 = 2000;

fn options() -> Options {
    Options { segment_records_max: SEGMENT, ..Options::default() }
}

fn open(disk: &SimDisk) -> (Log, OpenReport) {
    Log::open(Arc::new(disk.clone()), Path::new(DIR), options()).unwrap()
}

fn event(i: u64) -> Event {
    let raw = format!(
        r#"{{"event_id":"e{i}","timestamp":"2023-11-14T00:00:{:02}.{:03}Z","event_type":"auth.login","actor":{{"type":"user","id":"u{}","email":"u{}@example.com"}},"resource":{{"type":"session","id":"s{i}"}},"action":"login","status":"success","metadata":{{"n":{i},"text":"the words of event {i}"}}}}"#,
        i / 37 % 60,
        i % 1000,
        i % 7,
        i % 7
    );
    let receipt =
        Receipt { now_ns: NOW_US as i64 * 1000, ip_address: None, user_agent: None, new_id: &String::new };
    normalize(raw.as_bytes(), &receipt, &Taxonomy::built_in(), &Limits::default()).unwrap()
}

/// Three sealed segments and one that takes events, in commits of many sizes.
fn filled(disk: &SimDisk) -> Log {
    let log =
        Log::create(Arc::new(disk.clone()), Path::new(DIR), "example.com/stele/cold", [7; 32], options());
    let log = log.unwrap();
    let (mut at, mut turn) = (0, 0);
    while at < EVENTS {
        let end = (at + [1, 50, 7, 200][turn % 4]).min(EVENTS);
        let batch = log.prepare((at..end).map(event).collect(), false);
        let outcomes = log.append(vec![batch], NOW_US + turn as u64 * 1_000_003).remove(0).unwrap();
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Stored { .. })));
        (at, turn) = (end, turn + 1);
    }
    work_off(&log);
    log
}

fn work_off(log: &Log) {
    while log.work().unwrap() {}
}

fn chill_all(log: &Log) -> usize {
    (0..).take_while(|_| log.chill_next(u64::MAX).unwrap()).count()
}

/// A log whose sealed segments are all cold, and that was closed; its records.
fn left_cold(disk: &SimDisk) -> Vec<crate::record::Record> {
    let log = filled(disk);
    let wanted = records(&log);
    chill_all(&log);
    log.close().unwrap();
    wanted
}

fn records(log: &Log) -> Vec<crate::record::Record> {
    (0..log.head().size).map(|sequence| log.record(sequence).unwrap().unwrap()).collect()
}

fn files(disk: &SimDisk, extension: &str) -> Vec<PathBuf> {
    let all = disk.list(&crate::segment::folder(Path::new(DIR))).unwrap();
    all.into_iter().filter(|path| path.extension().is_some_and(|e| e == extension)).collect()
}

fn faults(log: &Log) -> Vec<(&'static str, u64, u64)> {
    let verdict = log.verify(None, &|_| true).unwrap();
    verdict.faults.into_iter().map(|f| (f.kind, f.first_sequence, f.last_sequence)).collect()
}

#[test]
fn cold_data_are_the_same_records_in_a_tenth_of_the_bytes() {
    let disk = SimDisk::new();
    let log = filled(&disk);
    let (before, bytes) = (records(&log), log.stats().data_bytes);
    let sealed = files(&disk, "log").len() - 1;
    assert_eq!(sealed, 3, "segments to chill");
    assert!(!log.chill_next(0).unwrap(), "nothing is that old");
    assert_eq!(chill_all(&log), sealed);
    assert_eq!(records(&log), before);
    assert_eq!((files(&disk, "log").len(), files(&disk, "cold").len()), (1, sealed));
    let cold = log.stats().data_bytes;
    assert!(cold * 8 < bytes, "{cold} of {bytes} bytes");
    assert_eq!(faults(&log), []);
    log.close().unwrap();
    drop(log);
    let (log, report) = open(&disk);
    assert_eq!((report.damage, report.notes), (Vec::new(), Vec::new()));
    assert_eq!(records(&log), before);
    assert_eq!(faults(&log), []);
    assert_eq!(log.writable(), Ok(()));
    assert_eq!(chill_all(&log), 0);
}

/// Goal: a verification names no file that went because its segment was made cold meanwhile. Method: all are
/// made cold while the first one is being verified.
#[test]
fn a_verification_follows_segments_that_are_made_cold_under_it() {
    let disk = SimDisk::new();
    let log = filled(&disk);
    let chilled = std::sync::Once::new();
    let verdict = log.verify(None, &|_| {
        chilled.call_once(|| assert_eq!(chill_all(&log), 3));
        true
    });
    assert!(chilled.is_completed());
    let verdict = verdict.unwrap();
    assert_eq!(verdict.faults, []);
    assert_eq!(verdict.proved_to, log.head().size);
}

#[test]
fn only_what_is_old_enough_is_made_cold() {
    let disk = SimDisk::new();
    let log = filled(&disk);
    let last = log.record(u64::from(SEGMENT) - 1).unwrap().unwrap().committed_us;
    assert!(!log.chill_next(last).unwrap(), "its last record is not older");
    assert!(log.chill_next(last + 1).unwrap());
    assert!(!log.chill_next(last + 1).unwrap(), "the next one is younger");
    assert!(disk.exists(&cold_path(Path::new(DIR), 0)).unwrap());
    assert!(!disk.exists(&data_path(Path::new(DIR), 0)).unwrap());
}

/// Goal: a damaged cold file is named, and the rest is served. Method: every part of the file in turn.
#[test]
fn damage_in_a_cold_file_is_named_by_file_and_sequences() {
    let disk = SimDisk::new();
    let wanted = left_cold(&disk);
    let path = cold_path(Path::new(DIR), u64::from(SEGMENT));
    let bytes = disk.open_read(&path).unwrap().len().unwrap();
    for at in (0..bytes).step_by(bytes as usize / 60) {
        let image = disk.image(Survival::Everything, 0);
        image.flip(&path, at * 8 + at % 8);
        let (log, report) = open(&image);
        let said = faults(&log);
        let named = report.damage.iter().any(|line| line.contains("600.cold"));
        let (first, last) = (u64::from(SEGMENT), u64::from(SEGMENT) * 2 - 1);
        let found = said
            .iter()
            .any(|&(kind, from, to)| matches!(kind, "cold" | "segment") && from <= first && to >= last);
        assert!(found, "byte {at}: {said:?} {:?}", report.damage);
        assert!(named || report.damage.is_empty());
        for (sequence, record) in (0..).zip(&wanted) {
            match log.record(sequence) {
                Ok(found) => assert_eq!(found.as_ref(), Some(record), "byte {at}"),
                Err(_) => assert!((first..=last).contains(&sequence), "byte {at}, sequence {sequence}"),
            }
        }
    }
}

#[test]
fn a_missing_cold_file_and_that_of_another_segment_are_damage() {
    let disk = SimDisk::new();
    left_cold(&disk);
    let (one, other) = (cold_path(Path::new(DIR), 0), cold_path(Path::new(DIR), u64::from(SEGMENT)));
    let missing = disk.image(Survival::Everything, 0);
    missing.remove(&one).unwrap();
    let swapped = disk.image(Survival::Everything, 0);
    swapped.rename(&other, &one).unwrap();
    for (image, detail) in [(missing, "the file is missing"), (swapped, "is not the cold file that was made")]
    {
        let (log, report) = open(&image);
        assert!(report.damage.iter().any(|line| line.contains(detail)), "{:?}", report.damage);
        assert!(log.writable().is_err());
        assert!(log.record(0).is_err());
        assert!(log.record(EVENTS - 1).unwrap().is_some());
    }
}

#[test]
fn an_index_is_made_again_from_cold_data() {
    let disk = SimDisk::new();
    let wanted = left_cold(&disk);
    disk.remove(&data_path(Path::new(DIR), 0).with_extension("idx")).unwrap();
    let (log, report) = open(&disk);
    assert_eq!(report.damage, [""; 0]);
    assert!(report.notes.iter().any(|note| note.contains("made again")), "{:?}", report.notes);
    assert_eq!(records(&log), wanted);
    assert_eq!(faults(&log), []);
    assert_eq!(files(&disk, "log").len(), 1, "the data that it was made from are gone again");
}

#[test]
fn damaged_data_are_not_made_cold() {
    let disk = SimDisk::new();
    let log = filled(&disk);
    disk.flip(&data_path(Path::new(DIR), 0), 8 * 5000);
    assert!(log.chill_next(u64::MAX).is_err());
    assert_eq!(files(&disk, "cold"), Vec::<PathBuf>::new());
    assert!(disk.exists(&data_path(Path::new(DIR), 0)).unwrap());
}

/// Goal: wherever the power goes, all records are there afterwards, and the step is finished later.
#[test]
fn power_cuts_at_every_operation_of_a_chill_lose_nothing() {
    let disk = SimDisk::new();
    let log = filled(&disk);
    let wanted = records(&log);
    log.close().unwrap();
    drop(log);
    let start = disk.image(Survival::Everything, 0);
    let counted = start.image(Survival::Everything, 0);
    let (log, _) = open(&counted);
    let before = counted.op_count();
    chill_all(&log);
    let ops = before..counted.op_count();
    assert!(ops.clone().count() > 20, "operations to cut at");
    for op in ops {
        let disk = start.image(Survival::Everything, 0);
        let (log, _) = open(&disk);
        disk.power_cut_at(op);
        while log.chill_next(u64::MAX).unwrap_or(false) {}
        drop(log);
        for (kind, image) in disk.images(op, 3) {
            let (log, report) = open(&image);
            assert_eq!(report.damage, [""; 0], "cut at {op}, {kind:?}");
            assert_eq!(records(&log), wanted, "cut at {op}, {kind:?}");
            chill_all(&log);
            assert_eq!(
                (files(&image, "log").len(), files(&image, "cold").len()),
                (1, 3),
                "cut at {op}, {kind:?}"
            );
            assert_eq!(faults(&log), [], "cut at {op}, {kind:?}");
        }
    }
}

/// Goal: the system can take a sealed file under its protection, which fs-verity refuses while anybody can write to it.
/// Method: on a real disk, with readers that hold the segments as they were when they grew, every descriptor that
/// this process has of a read-only file.
#[test]
fn no_descriptor_of_a_sealed_file_writes() {
    let dir = tempfile::tempdir().unwrap();
    let log =
        Log::create(Arc::new(RealDisk), dir.path(), "example.com/stele/open", [7; 32], options()).unwrap();
    for at in (0..EVENTS).step_by(200) {
        let batch = log.prepare((at..at + 200).map(event).collect(), false);
        log.append(vec![batch], NOW_US + at).remove(0).unwrap();
    }
    let readers = log.shared.segments.snapshot();
    work_off(&log);
    let mut of_sealed = 0;
    for entry in std::fs::read_dir("/proc/self/fd").unwrap() {
        let entry = entry.unwrap();
        // Descriptors of other tests come and go.
        let Ok(path) = std::fs::read_link(entry.path()) else { continue };
        if !path.starts_with(dir.path()) || !path.metadata().unwrap().permissions().readonly() {
            continue;
        }
        of_sealed += 1;
        let about = Path::new("/proc/self/fdinfo").join(entry.file_name());
        let about = std::fs::read_to_string(about).unwrap();
        let flags = about.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
        let access = u32::from_str_radix(flags.trim(), 8).unwrap() & 0o3;
        assert_eq!(access, 0, "{} is open for writing", path.display());
    }
    assert!(of_sealed >= 3, "the readers hold {of_sealed} of the sealed segments");
    drop(readers);
}
