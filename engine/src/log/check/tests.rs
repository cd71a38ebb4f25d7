//! Verification of whole logs: the tree, signed roots, ranges, progress.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::{Check, Pace};
use crate::error::StoreError;
use crate::io::{Disk, SimDisk};
use crate::log::fixture::{NOW_US, event};
use crate::log::{Log, Options};
use crate::proof::Checkpoint;
use crate::verify::Verdict;

const DIR: &str = "/log";

fn options() -> Options {
    Options { segment_records_max: 300, verify_threads: 2, ..Options::default() }
}

fn grow(log: &Log, count: u64) {
    let size = log.head().size;
    let batch = log.prepare((size..size + count).map(event).collect(), false);
    log.append(vec![batch], NOW_US).remove(0).unwrap();
    while log.work().unwrap() {}
}

/// A log of 1,000 records in four segments, with its checkpoints.
fn filled() -> (SimDisk, Log, Vec<Checkpoint>) {
    let disk = SimDisk::new();
    let log =
        Log::create(Arc::new(disk.clone()), Path::new(DIR), "example.com/stele/test", [7; 32], options());
    let log = log.unwrap();
    let mut signed = Vec::new();
    for count in [0, 1, 255, 44, 100, 1, 350, 249] {
        grow(&log, count);
        signed.push(log.checkpoint(NOW_US).unwrap().checkpoint.clone());
    }
    (disk, log, signed)
}

fn path(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

fn write(disk: &SimDisk, name: &str, at: u64, bytes: &[u8]) {
    disk.open(&path(name)).unwrap().write_all_at(bytes, at).unwrap();
}

fn kinds(verdict: &Verdict) -> Vec<(&'static str, u64, u64)> {
    verdict.faults.iter().map(|f| (f.kind, f.first_sequence, f.last_sequence)).collect()
}

fn whole(log: &Log) -> Verdict {
    log.verify(None, &|_| true).unwrap()
}

#[test]
fn a_running_log_is_held_against_the_tree_on_the_disk_and_every_signed_root() {
    let (disk, log, signed) = filled();
    assert_eq!(whole(&log).faults, []);
    write(&disk, "tree", 16 + 32, &[9]);
    let verdict = whole(&log);
    assert_eq!(kinds(&verdict), [("tree", 256, 511)]);
    assert_eq!((verdict.proved_to, verdict.faults[0].offset), (1_000, 48), "the records are what was signed");
    assert!(verdict.faults[0].file.ends_with("tree"));
    let (disk, log, _) = filled();
    disk.open(&path("tree")).unwrap().set_len(16 + 32).unwrap();
    assert_eq!(kinds(&whole(&log)), [("tree", 256, 999)]);
    assert_eq!(signed.len(), 8);
}

#[test]
fn the_first_signed_root_that_does_not_fit_says_between_which_sizes() {
    let (disk, log, signed) = filled();
    // The checkpoint of size 400 gets another root, with a checksum that fits.
    let at = 16 + 4 * 128;
    let mut entry = disk.contents(&path("checkpoints"))[at..at + 128].to_vec();
    assert_eq!(entry[..8], signed[4].size.to_le_bytes());
    entry[20] ^= 1;
    let crc = crc32fast::hash(&entry[..124]);
    entry[124..].copy_from_slice(&crc.to_le_bytes());
    write(&disk, "checkpoints", at as u64, &entry);
    let verdict = whole(&log);
    assert_eq!(kinds(&verdict), [("root", 300, 399), ("checkpoint", 300, 300), ("checkpoint", 400, 400)]);
    assert_eq!(verdict.proved_to, 1_000, "later roots fit: it was the checkpoint");
}

#[test]
fn heads_from_outside_must_be_of_this_log_and_known_to_it() {
    let (_, log, signed) = filled();
    let check = |heads: &[Checkpoint], range| {
        let check = Check { outside: heads, range, ..Check::default() };
        kinds(&log.verify_with(&check, &|_| true).unwrap())
    };
    for range in [None, Some((0, 10)), Some((700, 800)), Some((1_000, 2_000))] {
        assert_eq!(check(&signed, range), [], "{range:?}");
        let other = Checkpoint { root: [1; 32], ..signed[4].clone() };
        let found = check(&[other], range);
        assert_eq!(found.iter().map(|f| (f.0, f.2)).collect::<Vec<_>>(), [("outside", 399)], "{range:?}");
        let longer = Checkpoint { size: 1_200, ..signed[4].clone() };
        assert_eq!(check(&[longer], range), [("outside", 1_000, 1_199)], "{range:?}");
        let foreign = Checkpoint { origin: "other.org/stele/x".to_owned(), ..signed[4].clone() };
        assert_eq!(check(&[foreign], range), [("outside", 0, 0)], "{range:?}");
        let unknown = Checkpoint { size: 700, root: log.root(700).unwrap(), ..signed[4].clone() };
        assert_eq!(check(&[unknown], range), [("checkpoint", 700, 700)], "{range:?}");
    }
}

#[test]
fn progress_never_passes_a_fault_and_an_interrupted_run_goes_on_from_it() {
    let (disk, log, _) = filled();
    let seen = Mutex::new(Vec::new());
    let all = |log: &Log, range| {
        seen.lock().unwrap().clear();
        let verdict = log.verify(range, &|p| {
            seen.lock().unwrap().push((p.sequence, p.of));
            true
        });
        (verdict.unwrap(), seen.lock().unwrap().clone())
    };
    let (verdict, told) = all(&log, None);
    assert_eq!((verdict.proved_to, told.last()), (1_000, Some(&(1_000, 1_000))));
    assert!(told.iter().all(|&(sequence, _)| sequence <= 1_000));
    let (verdict, told) = all(&log, Some((650, 1_000)));
    assert_eq!((verdict.faults.len(), verdict.proved_to, verdict.checked), (0, 1_000, 400));
    assert!(told.iter().all(|&(sequence, of)| sequence >= 600 && of == 1_000), "{told:?}");
    // A record of the second segment.
    disk.flip(&path("segments/00000000000000000300.log"), 5_000 * 8);
    let (verdict, told) = all(&log, None);
    assert!(!verdict.faults.is_empty());
    assert!(told.iter().all(|&(sequence, _)| sequence < 600), "{told:?}");
}

#[test]
fn a_range_is_held_against_what_comes_before_it() {
    let (_, log, _) = filled();
    for (from, to) in [(0, 1), (299, 301), (500, 501), (900, 1_000), (999, 1_000), (1_000, 1_000)] {
        let verdict = log.verify(Some((from, to)), &|_| true).unwrap();
        assert_eq!(verdict.faults, [], "{from}..{to}");
        assert!(verdict.proved_to >= to, "{from}..{to}: {verdict:?}");
    }
}

#[test]
fn work_is_done_in_threads_of_its_own_and_can_be_stopped() {
    let (_, log, _) = filled();
    let (caller, other) = (std::thread::current().id(), AtomicUsize::new(0));
    for (pace, threads) in [(Pace::Full, Some(1)), (Pace::Background, None)] {
        let check = Check { pace, threads, deep: true, ..Check::default() };
        let verdict = log.verify_with(&check, &|_| {
            assert_ne!(std::thread::current().id(), caller);
            other.fetch_add(1, Ordering::Relaxed);
            true
        });
        assert_eq!((verdict.as_ref().unwrap().faults.len(), verdict.unwrap().indexed_to), (0, Some(0)));
    }
    assert!(other.into_inner() > 0);
    assert!(matches!(log.verify(None, &|_| false), Err(StoreError::Refused(_))));
}

/// Goal: nothing that a running log does is taken for a fault.
/// Method: appends, seals, merges and checkpoints go on while it is verified over and over.
#[test]
fn a_log_that_grows_meanwhile_has_no_fault() {
    let disk = SimDisk::new();
    let options = Options { segment_records_max: 40, ..options() };
    let log = Log::create(Arc::new(disk), Path::new(DIR), "example.com/stele/test", [7; 32], options);
    let (log, done) = (log.unwrap(), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for step in 0..150 {
                grow(&log, 1 + step % 37);
                log.checkpoint(NOW_US).unwrap();
            }
            done.store(1, Ordering::Relaxed);
        });
        let mut runs = 0;
        while done.load(Ordering::Relaxed) == 0 || runs == 0 {
            let size = log.head().size;
            let range = [None, Some((size / 2, u64::MAX)), Some((size / 3, size / 2))][runs % 3];
            let check = Check { range, deep: true, ..Check::default() };
            let verdict = log.verify_with(&check, &|_| true).unwrap();
            assert_eq!((verdict.faults, verdict.notes), (vec![], Vec::<String>::new()), "{range:?}");
            runs += 1;
        }
    });
    assert_eq!(whole(&log).proved_to, log.head().size);
}

/// What a crash leaves is told, and is no fault; after a clean shutdown the same is one.
#[test]
fn leftovers_of_a_crash_are_notes() {
    let (disk, log, _) = filled();
    log.checkpoint(NOW_US).unwrap();
    drop(log);
    let end = disk.contents(&path("checkpoints")).len() as u64;
    write(&disk, "checkpoints", end, &[3; 40]);
    let tree = disk.contents(&path("tree")).len() as u64;
    disk.open(&path("tree")).unwrap().set_len(tree - 40).unwrap();
    disk.put(&path("segments/00000000000000000300.idx.damaged"), vec![1]);
    let (log, _) = Log::open_read_only(Arc::new(disk.clone()), Path::new(DIR)).unwrap();
    let verdict = whole(&log);
    assert_eq!(verdict.faults, []);
    for name in ["checkpoints", "tree", "idx.damaged"] {
        assert!(verdict.notes.iter().any(|note| note.contains(name)), "{name}: {:?}", verdict.notes);
    }
}
