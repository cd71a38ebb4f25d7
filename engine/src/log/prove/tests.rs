//! Checkpoints and proofs of a whole log, on a simulated disk.

mod rotation;
mod thinning;

use std::path::Path;
use std::sync::Arc;

use crate::io::sim::Survival;
use crate::io::{Disk, SimDisk};
use crate::log::fixture::{NOW_US, event};
use crate::log::{Log, OpenReport, Options, Outcome};
use crate::merkle;
use crate::proof::{Checkpoint, VerifierKey};

const HOUR_US: u64 = 3_600_000_000;
const DIR: &str = "/log";

fn options() -> Options {
    Options { segment_records_max: 300, ..Options::default() }
}

fn create(disk: &SimDisk) -> Log {
    Log::create(Arc::new(disk.clone()), Path::new(DIR), "example.com/stele/test", [7; 32], options()).unwrap()
}

fn open(disk: &SimDisk) -> (Log, OpenReport) {
    Log::open(Arc::new(disk.clone()), Path::new(DIR), options()).unwrap()
}

/// Adds `count` events.
fn grow(log: &Log, count: u64) {
    let size = log.head().size;
    let batch = log.prepare((size..size + count).map(event).collect(), false);
    let outcomes = log.append(vec![batch], NOW_US).remove(0).unwrap();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Stored { .. })));
}

fn work_off(log: &Log) {
    while log.work().unwrap() {}
}

fn verifier(log: &Log) -> VerifierKey {
    VerifierKey::parse(&log.verifier_key().unwrap()).unwrap()
}

/// The signed checkpoint, proved with the log's public key alone.
fn checkpoint(log: &Log) -> Checkpoint {
    let signed = log.checkpoint(NOW_US).unwrap();
    let opened = Checkpoint::open(signed.note.as_bytes(), &verifier(log)).unwrap();
    assert_eq!(opened, signed.checkpoint);
    opened
}

fn path(name: &str) -> std::path::PathBuf {
    Path::new(DIR).join(name)
}

fn flip(disk: &SimDisk, name: &str, at: u64) {
    let file = disk.open(&path(name)).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

#[test]
fn every_record_is_proved_in_every_state_of_its_segment() {
    let disk = SimDisk::new();
    let log = create(&disk);
    let first = checkpoint(&log);
    assert_eq!((first.size, first.root), (0, merkle::empty()));
    let mut heads = vec![first];
    for step in [1, 254, 1, 1, 60, 500] {
        grow(&log, step);
        heads.push(checkpoint(&log));
        if step == 60 {
            work_off(&log);
        }
    }
    let head = heads.last().unwrap();
    for sequence in 0..head.size {
        let proof = log.inclusion(sequence, NOW_US).unwrap().unwrap();
        let record = log.record(sequence).unwrap().unwrap();
        assert_eq!(proof.leaf, merkle::leaf(&record.hash));
        let root = merkle::root_by_inclusion(&proof.leaf, sequence, head.size, &proof.hashes);
        assert_eq!((root, proof.signed.checkpoint.size), (Some(head.root), head.size));
    }
    assert_eq!(log.inclusion(head.size, NOW_US).unwrap(), None);
    for old in &heads {
        for new in heads.iter().filter(|new| new.size >= old.size) {
            let proof = log.consistency(old.size, Some(new.size), NOW_US).unwrap();
            assert_eq!(&proof.signed.checkpoint, new, "the checkpoint of that very size");
            assert!(merkle::consistent(old.size, new.size, &old.root, &new.root, &proof.hashes));
        }
    }
    assert!(log.consistency(5, Some(4), NOW_US).is_err());
    assert!(log.consistency(0, Some(head.size + 1), NOW_US).is_err());
}

#[test]
fn a_proof_of_a_new_record_brings_a_checkpoint_that_covers_it() {
    let disk = SimDisk::new();
    let log = create(&disk);
    grow(&log, 10);
    assert_eq!(log.last_checkpoint(), None);
    assert_eq!(log.inclusion(9, NOW_US).unwrap().unwrap().signed.checkpoint.size, 10);
    grow(&log, 1);
    assert_eq!(log.inclusion(3, NOW_US).unwrap().unwrap().signed.checkpoint.size, 10, "covered already");
    assert_eq!(log.consistency(10, None, NOW_US).unwrap().to, 11);
}

#[test]
fn an_idle_log_is_signed_again_after_an_hour_and_not_before() {
    let disk = SimDisk::new();
    let log = create(&disk);
    grow(&log, 3);
    let first = log.checkpoint(NOW_US).unwrap();
    assert_eq!(log.checkpoint(NOW_US + HOUR_US - 1).unwrap(), first);
    let again = log.checkpoint(NOW_US + HOUR_US).unwrap();
    assert_eq!((again.signed_us, &again.note), (NOW_US + HOUR_US, &first.note));
}

#[test]
fn tiles_hold_what_the_last_checkpoint_covers_and_lead_to_its_root() {
    let disk = SimDisk::new();
    let log = create(&disk);
    grow(&log, 256 * 3 + 17);
    assert_eq!(log.tile(0, 0, 256).unwrap(), None, "nothing was signed");
    let head = checkpoint(&log);
    grow(&log, 256);
    let entries = log.entries(3, 17).unwrap().unwrap();
    let tile = log.tile(0, 3, 17).unwrap().unwrap();
    for (entry, leaf) in entries.chunks(34).zip(tile.as_chunks::<32>().0) {
        let (length, link) = entry.split_at(2);
        assert_eq!((length, merkle::leaf(link.try_into().unwrap())), (&[0, 32][..], *leaf));
    }
    let blocks = log.tile(1, 0, 3).unwrap().unwrap();
    let (blocks, _) = blocks.as_chunks::<32>();
    let full = log.tile(0, 1, 256).unwrap().unwrap();
    let mut row = full.as_chunks::<32>().0.to_vec();
    while row.len() > 1 {
        row = row.chunks(2).map(|pair| merkle::node(&pair[0], &pair[1])).collect();
    }
    assert_eq!(row[0], blocks[1]);
    assert_eq!(log.root(768).unwrap(), merkle::node(&merkle::node(&blocks[0], &blocks[1]), &blocks[2]));
    assert_eq!(log.root(head.size).unwrap(), head.root);
    for (level, index, width) in [
        (0, 3, 18),
        (0, 3, 256),
        (0, 4, 1),
        (1, 0, 4),
        (2, 0, 1),
        (8, 0, 1),
        (0, 0, 0),
        (0, 0, 257),
        (0, u64::MAX, 1),
        (u32::MAX, 0, 1),
    ] {
        assert_eq!(log.tile(level, index, width).unwrap(), None, "{level} {index} {width}");
    }
    assert_eq!(log.entries(3, 18).unwrap(), None);
}

#[test]
fn a_reopened_log_goes_on_from_its_last_checkpoint_with_the_same_key() {
    let disk = SimDisk::new();
    let log = create(&disk);
    grow(&log, 700);
    let (key, before) = (verifier(&log), checkpoint(&log));
    work_off(&log);
    log.close().unwrap();
    assert_eq!(log.checkpoint(NOW_US).unwrap().checkpoint, before, "a closed log gives its last one");
    drop(log);
    let (log, report) = open(&disk);
    assert_eq!((report.notes, report.damage), (vec![], vec![]));
    assert_eq!((verifier(&log), &log.last_checkpoint().unwrap().checkpoint), (key, &before));
    grow(&log, 5);
    let after = checkpoint(&log);
    let proof = log.consistency(before.size, Some(after.size), NOW_US).unwrap();
    assert!(merkle::consistent(before.size, after.size, &before.root, &after.root, &proof.hashes));
}

#[test]
fn a_log_from_before_there_were_checkpoints_gets_a_key_and_signs() {
    let disk = SimDisk::new();
    let log = create(&disk);
    grow(&log, 600);
    drop(log);
    ["key", "checkpoints", "tree"].iter().for_each(|name| disk.remove(&path(name)).unwrap());
    let (log, report) = open(&disk);
    assert_eq!(report.damage, [""; 0]);
    assert_eq!(checkpoint(&log).size, 600);
}

/// Goal: a wrong tree file costs time and nothing else. Method: each of its bytes' kind of damage,
/// the file cut, and the file gone.
#[test]
fn a_tree_file_that_is_not_what_was_signed_is_made_again() {
    let disk = SimDisk::new();
    let log = create(&disk);
    grow(&log, 1_100);
    let before = checkpoint(&log);
    drop(log);
    let damage: [(&str, &dyn Fn()); 7] = [
        ("magic", &|| flip(&disk, "tree", 0)),
        ("version", &|| flip(&disk, "tree", 8)),
        ("first block", &|| flip(&disk, "tree", 16)),
        ("last block", &|| flip(&disk, "tree", 16 + 4 * 32 - 1)),
        ("cut in a block", &|| disk.open(&path("tree")).unwrap().set_len(16 + 40).unwrap()),
        ("cut in the header", &|| disk.open(&path("tree")).unwrap().set_len(3).unwrap()),
        ("gone", &|| disk.remove(&path("tree")).unwrap()),
    ];
    for (what, harm) in damage {
        harm();
        let (log, report) = open(&disk);
        assert!(
            report.damage.is_empty() && report.notes.iter().any(|n| n.contains("tree")),
            "{what}: {report:?}"
        );
        assert_eq!(log.root(before.size).unwrap(), before.root, "{what}");
        assert_eq!(checkpoint(&log), before, "{what}");
        drop(log);
        let (log, report) = open(&disk);
        assert!(!report.notes.iter().any(|n| n.contains("tree")), "{what}: {report:?}");
        drop(log);
    }
}

#[test]
fn a_log_shorter_than_what_was_signed_opens_read_only_and_says_rollback() {
    let disk = SimDisk::new();
    let log = create(&disk);
    grow(&log, 10);
    let older = disk.after_kill();
    grow(&log, 10);
    let newest = checkpoint(&log);
    drop(log);
    // An older copy of everything but what was signed.
    let file = disk.open_read(&path("checkpoints")).unwrap();
    let mut signed = vec![0; file.len().unwrap() as usize];
    file.read_exact_at(&mut signed, 0).unwrap();
    older.open(&path("checkpoints")).unwrap().write_all_at(&signed, 0).unwrap();
    let (log, report) = open(&older);
    assert!(report.damage.iter().any(|line| line.contains("rollback suspected")), "{report:?}");
    assert!(log.writable().is_err());
    assert_eq!(log.head().size, 10, "reads go on");
    assert_eq!(log.checkpoint(NOW_US).unwrap().checkpoint, newest, "nothing else is signed");
    let batch = log.prepare(vec![event(99)], false);
    assert!(log.append(vec![batch], NOW_US).remove(0).is_err());
}

#[test]
fn a_log_rewritten_below_what_was_signed_opens_read_only() {
    for size in [700, 768] {
        let (disk, other) = (SimDisk::new(), SimDisk::new());
        let log = create(&disk);
        grow(&log, size);
        checkpoint(&log);
        drop(log);
        // The same log with another first record, then the signed files of the first.
        let log = create(&other);
        let batch = log.prepare(vec![event(1_000_000)], false);
        log.append(vec![batch], NOW_US).remove(0).unwrap();
        grow(&log, size - 1);
        drop(log);
        for name in ["key", "checkpoints", "tree"] {
            let file = disk.open_read(&path(name)).unwrap();
            let mut bytes = vec![0; file.len().unwrap() as usize];
            file.read_exact_at(&mut bytes, 0).unwrap();
            if other.exists(&path(name)).unwrap() {
                other.remove(&path(name)).unwrap();
            }
            other.create_new(&path(name), crate::io::Mode::Private).unwrap().write_all_at(&bytes, 0).unwrap();
        }
        let (log, report) = open(&other);
        assert!(report.damage.iter().any(|line| line.contains("is not the one")), "{size}: {report:?}");
        assert!(log.writable().is_err());
    }
}

#[test]
fn keys_and_checkpoints_that_are_missing_or_foreign_are_damage_by_name() {
    let disk = SimDisk::new();
    let log = create(&disk);
    grow(&log, 5);
    checkpoint(&log);
    drop(log);
    let harmed = |harm: &dyn Fn(&SimDisk)| {
        let copy = disk.after_kill();
        harm(&copy);
        let (log, report) = open(&copy);
        assert!(
            log.writable().is_err() && log.checkpoint(NOW_US + HOUR_US).is_ok_and(|s| s.signed_us == NOW_US)
                || log.checkpoint(NOW_US).is_err()
        );
        report.damage.join("\n")
    };
    assert!(harmed(&|disk| disk.remove(&path("key")).unwrap()).contains("key"));
    assert!(harmed(&|disk| flip(disk, "key", 30)).contains("key"));
    assert!(harmed(&|disk| disk.remove(&path("checkpoints")).unwrap()).contains("checkpoints"));
    assert!(harmed(&|disk| flip(disk, "checkpoints", 3)).contains("checkpoints"));
    let foreign = SimDisk::new();
    drop(create(&foreign));
    let swapped = harmed(&|disk| {
        let mut bytes = vec![0; foreign.open_read(&path("key")).unwrap().len().unwrap() as usize];
        foreign.open_read(&path("key")).unwrap().read_exact_at(&mut bytes, 0).unwrap();
        disk.open(&path("key")).unwrap().write_all_at(&bytes, 0).unwrap();
    });
    assert!(swapped.contains("was not signed by the log's key"), "{swapped}");
}

/// Goal: whatever the power cut leaves, no head is given that contradicts one that was seen.
/// Method: the power cut at every disk operation of appends and checkpoints; every image opened;
/// what was seen before must be a beginning of what is signed then.
#[test]
fn a_power_cut_at_any_operation_leaves_heads_that_agree_with_what_was_seen() {
    let counted = {
        let disk = SimDisk::new();
        let log = create(&disk);
        let from = disk.op_count();
        run(&log);
        from..disk.op_count()
    };
    let mut cut_between = 0;
    for op in counted {
        let disk = SimDisk::new();
        let log = create(&disk);
        let key = verifier(&log);
        disk.power_cut_at(op);
        let seen = run(&log);
        drop(log);
        for survival in Survival::ALL {
            let (log, report) = open(&disk.image(survival, op));
            assert_eq!(report.damage, [""; 0], "op {op} {survival:?}");
            assert_eq!(verifier(&log), key);
            let resumed = log.last_checkpoint().map_or(0, |last| last.checkpoint.size);
            let newest_seen = seen.last().map_or(0, |last| last.size);
            assert!(resumed >= newest_seen, "op {op} {survival:?}: a checkpoint that was seen is kept");
            cut_between += u32::from(resumed > newest_seen);
            grow_anew(&log);
            let after = checkpoint(&log);
            for old in &seen {
                let proof = log.consistency(old.size, Some(after.size), NOW_US).unwrap();
                assert!(
                    merkle::consistent(old.size, after.size, &old.root, &after.root, &proof.hashes),
                    "op {op} {survival:?}"
                );
            }
        }
    }
    assert!(cut_between > 0, "some cuts fell between the write of an entry and its answer");
}

/// Appends and signs until the disk is gone; what was seen of it.
fn run(log: &Log) -> Vec<Checkpoint> {
    let mut seen = Vec::new();
    for step in 0..4_u64 {
        let batch = log.prepare((step * 100..step * 100 + 100).map(event).collect(), false);
        if log.append(vec![batch], NOW_US).remove(0).is_err() || log.work().is_err() {
            break;
        }
        match log.checkpoint(NOW_US) {
            Ok(signed) => seen.push(signed.checkpoint.clone()),
            Err(_) => break,
        }
    }
    seen
}

/// Other records than those that were lost.
fn grow_anew(log: &Log) {
    let batch = log.prepare((5_000..5_003).map(event).collect(), false);
    log.append(vec![batch], NOW_US).remove(0).unwrap();
}

#[test]
fn a_failed_sync_of_an_entry_shows_nothing_and_ends_signing() {
    let disk = SimDisk::new();
    let log = create(&disk);
    grow(&log, 3);
    let first = checkpoint(&log);
    grow(&log, 3);
    disk.fail_syncs(|path| path.ends_with("checkpoints"));
    assert!(log.checkpoint(NOW_US).is_err());
    assert!(log.writable().is_err());
    assert_eq!(log.last_checkpoint().unwrap().checkpoint, first);
    disk.heal();
    drop(log);
    let (log, report) = open(&disk.after_kill());
    assert_eq!(report.damage, [""; 0]);
    grow(&log, 1);
    assert_eq!(checkpoint(&log).size, 7);
}

#[test]
fn a_full_disk_signs_nothing_and_signs_again_when_there_is_room() {
    let disk = SimDisk::new();
    let log = create(&disk);
    grow(&log, 3);
    disk.set_capacity(Some(disk.used_bytes() + 50));
    assert!(log.checkpoint(NOW_US).is_err());
    assert!(log.writable().is_ok());
    disk.set_capacity(None);
    assert_eq!(checkpoint(&log).size, 3);
    drop(log);
    let (log, report) = open(&disk);
    assert_eq!(report.damage, [""; 0]);
    assert_eq!(log.last_checkpoint().unwrap().checkpoint.size, 3);
}

/// Goal: verification finds what opening does not look at. Method: every byte of an older entry flipped,
/// and a sound entry put in the place of another.
#[test]
fn an_altered_checkpoint_in_the_past_is_named_by_verification() {
    let disk = SimDisk::new();
    let log = create(&disk);
    for _ in 0..3 {
        grow(&log, 5);
        checkpoint(&log);
    }
    assert_eq!(log.verify(None, &|_| true).unwrap().faults, []);
    drop(log);
    let faults = |harm: &dyn Fn(&SimDisk)| {
        let copy = disk.after_kill();
        harm(&copy);
        let (log, report) = open(&copy);
        assert_eq!(report.damage, [""; 0]);
        log.verify(None, &|_| true).unwrap().faults
    };
    for at in 16 + 128..16 + 256 {
        let found = faults(&|disk| flip(disk, "checkpoints", at));
        assert_eq!(found.len(), 1, "byte {at}: {found:?}");
        assert_eq!((found[0].kind, found[0].offset, found[0].first_sequence), ("checkpoint", 144, 5));
    }
    let swapped = {
        let disk = disk.after_kill();
        let mut entry = [0; 128];
        disk.open(&path("checkpoints")).unwrap().read_exact_at(&mut entry, 16).unwrap();
        let mut other = [0; 128];
        disk.open(&path("checkpoints")).unwrap().read_exact_at(&mut other, 144).unwrap();
        disk.open(&path("checkpoints")).unwrap().write_all_at(&other, 16).unwrap();
        disk.open(&path("checkpoints")).unwrap().write_all_at(&entry, 144).unwrap();
        let (log, report) = open(&disk);
        assert!(report.damage.iter().any(|line| line.contains("does not follow")), "{report:?}");
        log.verify(None, &|_| true).unwrap().faults
    };
    assert!(swapped.iter().any(|fault| fault.detail.contains("fewer records")), "{swapped:?}");
    assert!(swapped.iter().any(|fault| fault.detail.contains("does not follow")), "{swapped:?}");
}

/// Goal: whoever cuts the newest checkpoints off the file of a log that was closed is seen. Method: each
/// number of entries cut, down to none and to no file; the log reads and verifies, and takes nothing.
#[test]
fn checkpoints_cut_off_a_closed_log_are_missed() {
    let disk = SimDisk::new();
    let log = create(&disk);
    for _ in 0..3 {
        grow(&log, 5);
        checkpoint(&log);
    }
    log.checkpoint(NOW_US + HOUR_US).unwrap();
    log.close().unwrap();
    drop(log);
    let (log, report) = open(&disk.after_kill());
    assert_eq!((report.damage, log.verify(None, &|_| true).unwrap().faults), (vec![], vec![]));
    for left in 0..4 {
        let cut = disk.after_kill();
        cut.truncate(&path("checkpoints"), 16 + left * 128);
        for _ in 0..2 {
            let (log, report) = open(&cut);
            assert!(report.damage[0].contains("checkpoints that were signed are missing"), "{report:?}");
            assert!(log.writable().is_err() && log.checkpoint(NOW_US).is_ok() == (left > 0));
            let faults = log.verify(None, &|_| true).unwrap().faults;
            assert_eq!((faults.len(), faults[0].kind, faults[0].offset), (1, "checkpoint", 16 + left * 128));
            assert_eq!(log.head().size, 15);
        }
        cut.put(&path("checkpoints"), disk.contents(&path("checkpoints")));
        assert_eq!(open(&cut).1.damage, [""; 0], "brought back");
    }
    let gone = disk.after_kill();
    ["key", "checkpoints", "tree"].iter().for_each(|name| gone.delete(&path(name)));
    let (log, report) = open(&gone);
    assert!(report.damage.iter().any(|line| line.contains("checkpoints")), "{report:?}");
    assert!(report.damage.iter().any(|line| line.contains("key")) && log.writable().is_err(), "{report:?}");
}
