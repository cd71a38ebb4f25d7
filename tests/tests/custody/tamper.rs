//! The tamper campaign: a log at rest is changed in one place, and `stele verify --data` must say where.
//!
//! `logs` makes the log, its older backup and a foreign one; `changes` makes one change from a seed;
//! here is what each must lead to. What verification alone cannot tell is listed, class by class, and
//! must be told with a checkpoint from outside.

mod changes;
mod control;
mod logs;

use std::path::Path;
use std::sync::Arc;

use stele_engine::io::SimDisk;
use stele_engine::log::{Check, verify_dir};
use stele_engine::proof::Checkpoint;
use stele_engine::verify::Verdict;

use changes::{Change, Class};
use logs::{DIR, Files, Golden, golden};
use stele_tests::Random;

/// What was said of a log.
struct Seen {
    verdict: Verdict,
    notes: Vec<String>,
}

impl Seen {
    /// True when a fault names one of these files.
    fn names(&self, files: &[String]) -> bool {
        let told = |fault: &stele_engine::verify::Fault| {
            files
                .iter()
                .any(|file| fault.file.contains(file.as_str()) || fault.detail.contains(file.as_str()))
        };
        self.verdict.faults.iter().any(told)
    }

    /// All records are proved, to the head of before, and nothing is called a fault.
    fn shows_everything(&self, golden: &Golden) -> bool {
        let verdict = &self.verdict;
        verdict.faults.is_empty() && verdict.proved_to == golden.size && verdict.head == Some(golden.head)
    }
}

fn verify(files: &Files, outside: &[Checkpoint], deep: bool) -> Seen {
    let disk = SimDisk::new();
    for (path, bytes) in files {
        disk.put(path, bytes.clone());
    }
    let mut notes = Vec::new();
    let check = Check { outside, deep, threads: Some(1), ..Check::default() };
    let mut look = |_: &stele_engine::log::Log, report: &stele_engine::log::OpenReport| {
        notes.extend(report.notes.iter().cloned());
    };
    let verdict =
        verify_dir(Arc::new(disk), Path::new(DIR), &check, &mut look, &|_| true).expect("verification runs");
    notes.extend(verdict.notes.iter().cloned());
    Seen { verdict, notes }
}

/// Whether the campaigns run in full.
fn soak() -> bool {
    std::env::var_os("STELE_SOAK").is_some_and(|value| value == "1")
}

#[test]
fn the_untouched_log_has_no_fault_and_no_note() {
    let golden = golden();
    let seen = verify(&golden.files, std::slice::from_ref(&golden.last), true);
    assert_eq!(seen.verdict.faults, []);
    assert_eq!(seen.notes, [""; 0]);
    assert!(seen.shows_everything(golden));
    assert_eq!(seen.verdict.indexed_to, Some(600), "index events are recomputed: {:?}", seen.verdict);
}

/// Goal: no single change of any file of a log at rest goes unseen, and each is named with its file.
/// Method: seeded random changes of every kind on every kind of file, each on a fresh copy.
#[test]
fn every_single_change_is_found_and_named() {
    let count = if soak() { 4_000 } else { 600 };
    let seed = std::env::var("STELE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_129);
    println!("seed {seed}, {count} changes; STELE_SEED sets another seed");
    let (golden, mut random) = (golden(), Random(seed));
    let mut tally = std::collections::BTreeMap::<String, u64>::new();
    let mut missed = Vec::new();
    let mut run = 0;
    while run < count {
        let Some(change) = changes::any(golden, &mut random) else { continue };
        run += 1;
        let seen = verify(&change.files, &[], false);
        let outcome = judge(golden, &change, &seen);
        match outcome {
            Ok(how) => *tally.entry(format!("{:<22} {how}", change.kind)).or_default() += 1,
            Err(why) => missed.push(format!("{run}: {}: {why}: {:?}", change.what, seen.verdict)),
        }
    }
    for (line, count) in &tally {
        println!("{count:>5}  {line}");
    }
    assert!(missed.is_empty(), "{} of {count} (seed {seed}):\n{}", missed.len(), missed.join("\n"));
}

/// What came of a change, or what should have.
fn judge(golden: &Golden, change: &Change, seen: &Seen) -> Result<&'static str, &'static str> {
    let named = seen.names(&change.named);
    match change.class {
        Class::Found if named => Ok("found and named"),
        Class::Found if seen.verdict.faults.is_empty() => Err("not found"),
        Class::Found => Err("found, and another file named"),
        // Zeros laid ahead of the active segment's records: fewer or more of them mean nothing.
        Class::Zeros if seen.shows_everything(golden) => Ok("without effect: zeros ahead"),
        Class::Zeros => Err("zeros are a fault"),
        // The end of the catalog may look like a write that the power cut: every record is still there
        // and proved, and a seal or a shutdown whose entry went is done again.
        Class::CatalogEnd if named => Ok("found and named"),
        Class::CatalogEnd if seen.shows_everything(golden) => Ok("without effect: as after a crash"),
        Class::CatalogEnd => Err("the end of the catalog"),
        // When a checkpoint was signed is not part of what is signed.
        Class::SignedTime if named => Ok("found and named"),
        Class::SignedTime if seen.shows_everything(golden) => Ok("without effect: time of signing"),
        Class::SignedTime => Err("the time of a checkpoint"),
    }
}

/// What only a head from outside can show, beside an older backup of the whole directory and a log that was
/// rewritten with its own key (below): checkpoints that were signed since the last clean shutdown and are cut
/// off the file. All of the log is still there and proved.
#[test]
fn newest_checkpoints_of_a_killed_log_that_went_show_against_a_head_alone() {
    let (files, heads) = logs::killed();
    assert_eq!(verify(&files, &heads, false).verdict.faults, []);
    for kept in 1..heads.len() {
        let files = logs::with_checkpoints(&files, kept);
        assert_eq!(verify(&files, &[], false).verdict.faults, []);
        let seen = verify(&files, &heads[heads.len() - 1..], false);
        let kinds: Vec<&str> = seen.verdict.faults.iter().map(|fault| fault.kind).collect();
        assert_eq!(kinds, ["checkpoint"], "{kept} of {} kept: {:?}", heads.len(), seen.verdict);
        assert!(seen.names(&["checkpoints".to_owned()]));
    }
}

#[test]
fn a_deleted_and_a_shortened_sealed_segment_are_named() {
    let golden = golden();
    for path in golden.sealed() {
        let name = logs::name(path);
        let mut files = golden.files.clone();
        files.remove(path);
        let seen = verify(&files, &[], false);
        assert!(
            seen.verdict.faults.iter().any(|f| f.kind == "missing" && f.file.contains(&name)),
            "{name}: {:?}",
            seen.verdict
        );
        let bytes = &golden.files[path];
        for cut in [1, 8, bytes.len() / 2, bytes.len() - 10] {
            let mut files = golden.files.clone();
            files.insert(path.clone(), bytes[..bytes.len() - cut].to_vec());
            let seen = verify(&files, &[], false);
            assert!(
                seen.verdict.faults.iter().any(|f| f.kind == "length" && f.file.contains(&name)),
                "{name} {cut}: {:?}",
                seen.verdict
            );
            assert!(seen.verdict.proved_to < golden.size);
        }
    }
}

/// Hashes inside an id file only say that it is whole: what it holds must be the ids of its records.
#[test]
fn an_id_file_made_anew_with_another_id_is_named() {
    let golden = golden();
    let (path, forged) = logs::forged_ids(golden, 450);
    assert_ne!(golden.files[&path], forged);
    let (_, same) = logs::forged_ids(golden, u64::MAX);
    assert_eq!(golden.files[&path], same, "but for the id it is the same file");
    let mut files = golden.files.clone();
    files.insert(path.clone(), forged);
    let seen = verify(&files, &[], false);
    let found: Vec<_> =
        seen.verdict.faults.iter().map(|f| (f.kind, f.first_sequence, f.last_sequence)).collect();
    assert_eq!(found, [("ids", 300, 599)], "{:?}", seen.verdict);
    assert!(seen.names(&[logs::name(&path)]) && seen.verdict.proved_to == golden.size);
}

/// An older backup of the whole directory is a log without fault; only who holds a newer head knows.
#[test]
fn an_older_backup_of_everything_shows_against_a_newer_head_alone() {
    let golden = golden();
    let seen = verify(&golden.older, &[], false);
    assert_eq!(seen.verdict.faults, []);
    let seen = verify(&golden.older, std::slice::from_ref(&golden.last), false);
    let kinds: Vec<&str> = seen.verdict.faults.iter().map(|fault| fault.kind).collect();
    assert_eq!(kinds, ["outside"], "{:?}", seen.verdict);
    assert!(seen.verdict.faults[0].last_sequence == golden.last.size - 1);
}

/// A log rewritten by someone who has secret and key: a whole log, made anew with one record changed.
#[test]
fn a_log_rewritten_with_its_own_key_shows_against_a_head_from_outside() {
    let golden = golden();
    let rewritten = logs::rewritten();
    let seen = verify(&rewritten, &[], true);
    assert_eq!(seen.verdict.faults, []);
    for head in &golden.signed {
        let seen = verify(&rewritten, std::slice::from_ref(head), false);
        let kinds: Vec<&str> = seen.verdict.faults.iter().map(|fault| fault.kind).collect();
        match head.size > logs::REWRITTEN {
            true => assert_eq!(kinds, ["outside"], "{head:?}: {:?}", seen.verdict),
            false => assert_eq!(kinds, [""; 0], "{head:?}: {:?}", seen.verdict),
        }
    }
    let seen = verify(&rewritten, &golden.signed, false);
    let good = golden.signed.iter().map(|head| head.size).filter(|&size| size <= logs::REWRITTEN).max();
    assert_eq!(Some(seen.verdict.proved_to), good, "what the heads from outside prove: {:?}", seen.verdict);
}

/// An index event that says something else than its records, in a log whose chain is whole.
#[test]
fn a_false_index_event_is_found_by_deep_verification_alone() {
    let files = logs::falsely_indexed();
    assert_eq!(verify(&files, &[], false).verdict.faults, []);
    let seen = verify(&files, &[], true);
    let kinds: Vec<&str> = seen.verdict.faults.iter().map(|fault| fault.kind).collect();
    assert_eq!(kinds, ["index_event"], "{:?}", seen.verdict);
    assert!(seen.verdict.faults[0].detail.contains("root"), "{:?}", seen.verdict);
    assert_eq!(seen.verdict.indexed_to, Some(300), "what comes before is still vouched for");
}

/// A report could rest on an index event that stands beside the row which begins at sequence 0.
#[test]
fn an_index_event_beside_the_row_is_found_by_deep_verification() {
    let files = logs::doubly_indexed();
    assert_eq!(verify(&files, &[], false).verdict.faults, []);
    let seen = verify(&files, &[], true);
    let kinds: Vec<&str> = seen.verdict.faults.iter().map(|fault| fault.kind).collect();
    assert_eq!(kinds, ["index_event"], "{:?}", seen.verdict);
    assert!(seen.verdict.faults[0].detail.contains("one row"), "{:?}", seen.verdict);
}
