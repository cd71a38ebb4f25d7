//! Changes of the key that signs.

use super::*;
use crate::proof::Rotated;

fn note(log: &Log) -> String {
    log.checkpoint(NOW_US).unwrap().note.clone()
}

fn is_signed_by(note: &str, key: &VerifierKey) -> bool {
    Checkpoint::open(note.as_bytes(), key).is_ok()
}

fn clean(log: &Log) {
    assert_eq!(log.verify(None, &|_| true).unwrap().faults, []);
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_changed_key_signs_one_checkpoint_together_with_the_old_one() {
    let disk = SimDisk::new();
    let log = create(&disk);
    grow(&log, 10);
    let (first, before) = (verifier(&log), note(&log));
    let seed = disk.contents(&path("key"))[13..77].to_vec();
    grow(&log, 1);
    let told = log.next_key().unwrap();
    assert_eq!((&log.next_key().unwrap(), verifier(&log)), (&told, first.clone()));
    let Rotated { old, new, signed } = log.rotate_key(NOW_US).unwrap();
    assert_eq!((&old, &new, verifier(&log)), (&first, &told, told.clone()));
    assert!(is_signed_by(&signed.note, &old) && is_signed_by(&signed.note, &new));
    let lines: Vec<&str> = signed.note.lines().skip(4).collect();
    assert_eq!(lines.len(), 2);
    let alone = lines[0].to_owned() + "\n";
    assert!(is_signed_by(&(signed.checkpoint.text() + "\n" + &alone), &old), "the old one first");
    for file in disk.files() {
        assert!(!has(&disk.contents(&file), &seed), "{}: the old key is gone", file.display());
    }
    assert!(!disk.exists(&path("key.next")).unwrap());
    grow(&log, 1);
    let after = note(&log);
    assert!(is_signed_by(&after, &new) && !is_signed_by(&after, &old));
    let sizes: Vec<u64> = log.signing_keys().iter().map(|signed| signed.from_size).collect();
    assert_eq!(sizes, [0, 11]);
    clean(&log);
    log.close().unwrap();
    drop(log);
    let (log, report) = open(&disk);
    assert_eq!((report.notes, report.damage), (vec![], vec![]));
    clean(&log);
    let at = |size: u64| log.consistency(0, Some(size), NOW_US).unwrap().signed.note.clone();
    assert_eq!((at(10), &at(11), at(12)), (before, &signed.note, after));
    assert_eq!(log.signing_keys().len(), 2);
}

#[test]
fn the_last_checkpoint_is_served_with_both_signatures_after_an_opening_and_an_idle_hour() {
    let disk = SimDisk::new();
    let log = create(&disk);
    grow(&log, 3);
    let rotated = log.rotate_key(NOW_US).unwrap();
    drop(log);
    let (log, _) = open(&disk.after_kill());
    assert_eq!(log.last_checkpoint().unwrap(), rotated.signed);
    assert_eq!(log.checkpoint(NOW_US + HOUR_US).unwrap().note, rotated.signed.note);
    clean(&log);
    let again = log.rotate_key(NOW_US + HOUR_US).unwrap();
    for key in [&rotated.old, &rotated.new, &again.new] {
        assert!(is_signed_by(&again.signed.note, key), "three keys meet at one size");
    }
    clean(&log);
    for _ in 0..6 {
        log.rotate_key(NOW_US + HOUR_US).unwrap();
    }
    let refused = log.rotate_key(NOW_US + HOUR_US).unwrap_err().to_string();
    assert!(refused.contains("wait for the log to grow"), "{refused}");
    grow(&log, 1);
    log.rotate_key(NOW_US + HOUR_US).unwrap();
    clean(&log);
}

#[test]
fn a_key_that_only_came_to_be_known_is_forgotten_by_the_next_opening() {
    let disk = SimDisk::new();
    let log = create(&disk);
    grow(&log, 3);
    let first = verifier(&log);
    let told = log.next_key().unwrap();
    note(&log);
    drop(log);
    let (log, report) = open(&disk.after_kill());
    assert!(
        report.notes.iter().any(|line| line.contains("undone")) && report.damage.is_empty(),
        "{report:?}"
    );
    assert_eq!(verifier(&log), first);
    assert_ne!(log.next_key().unwrap(), told);
}

/// Goal: after a power cut anywhere in two changes of the key the log opens, signs, and every checkpoint
/// that was seen is proved by a key that the log names. Method: the power cut at every disk
/// operation; every image read without a change, opened, and opened with the power cut at every
/// operation of the opening.
#[test]
fn a_power_cut_at_any_operation_of_a_change_leaves_every_checkpoint_provable() {
    let counted = {
        let disk = SimDisk::new();
        let log = started(&disk);
        let from = disk.op_count();
        assert_eq!(change_twice(&log).len(), 5);
        from..disk.op_count()
    };
    let (mut undone, mut finished) = (0, 0);
    for op in counted {
        let disk = SimDisk::new();
        let log = started(&disk);
        disk.power_cut_at(op);
        let seen = change_twice(&log);
        drop(log);
        for survival in Survival::ALL {
            let image = disk.image(survival, op);
            reads_without_a_change(&image, &seen);
            let interrupted = image.exists(&path("key.next")).unwrap();
            // The other images are among what these leave.
            let mixed = matches!(survival, Survival::Torn | Survival::InOrder | Survival::Everything);
            if interrupted && mixed {
                cut_again(&image, &seen, op);
            }
            let report = goes_on(&image, &seen, &format!("op {op} {survival:?}"));
            undone += u32::from(report.notes.iter().any(|line| line.contains("was undone")));
            finished += u32::from(report.notes.iter().any(|line| line.contains("was finished")));
        }
    }
    assert!(undone > 10 && finished > 0, "{undone} undone, {finished} finished");
}

fn started(disk: &SimDisk) -> Log {
    let log = create(disk);
    grow(&log, 5);
    note(&log);
    log
}

/// The notes that were seen until the disk is gone.
fn change_twice(log: &Log) -> Vec<String> {
    let mut seen: Vec<String> = log.last_checkpoint().map(|signed| signed.note.clone()).into_iter().collect();
    for round in 0..2_u64 {
        let Ok(rotated) = log.rotate_key(NOW_US) else { break };
        seen.push(rotated.signed.note.clone());
        let batch = log.prepare(vec![event(100 + round)], false);
        if log.append(vec![batch], NOW_US).remove(0).is_err() {
            break;
        }
        let Ok(signed) = log.checkpoint(NOW_US) else { break };
        seen.push(signed.note.clone());
    }
    seen
}

fn all_proved(log: &Log, seen: &[String], what: &str) {
    let keys = log.signing_keys();
    for note in seen {
        assert!(keys.iter().any(|signed| is_signed_by(note, &signed.key)), "{what}: {note}");
    }
}

fn reads_without_a_change(image: &SimDisk, seen: &[String]) {
    let files = |disk: &SimDisk| -> Vec<_> {
        disk.files().into_iter().map(|file| (disk.contents(&file), file)).collect()
    };
    let before = files(image);
    let (log, report) = Log::open_read_only(Arc::new(image.clone()), Path::new(DIR)).unwrap();
    assert_eq!(report.damage, [""; 0]);
    all_proved(&log, seen, "read only");
    clean(&log);
    assert!(files(image) == before, "reading changes nothing");
}

fn goes_on(image: &SimDisk, seen: &[String], what: &str) -> OpenReport {
    let (log, report) = open(image);
    assert_eq!(report.damage, [""; 0], "{what}");
    assert!(!image.exists(&path("key.next")).unwrap(), "{what}");
    all_proved(&log, seen, what);
    grow_anew(&log);
    let after = note(&log);
    assert!(is_signed_by(&after, &verifier(&log)), "{what}");
    log.rotate_key(NOW_US).unwrap();
    all_proved(&log, &[seen, &[after]].concat(), what);
    clean(&log);
    report
}

/// The power cut at every operation of the opening that settles the change.
fn cut_again(image: &SimDisk, seen: &[String], seed: u64) {
    for op in 0.. {
        let disk = image.after_kill();
        disk.power_cut_at(disk.op_count() + op);
        let opened = Log::open(Arc::new(disk.clone()), Path::new(DIR), options());
        if opened.is_ok() {
            return;
        }
        let survival = Survival::ALL[op as usize % Survival::ALL.len()];
        goes_on(&disk.image(survival, seed + op), seen, &format!("cut again at {op} {survival:?}"));
    }
}

#[test]
fn a_full_disk_leaves_the_old_key_in_office() {
    let disk = SimDisk::new();
    let log = started(&disk);
    let first = verifier(&log);
    let mut failed = 0;
    for room in 0..2_000 {
        disk.set_capacity(Some(disk.used_bytes() + room));
        let rotated = log.rotate_key(NOW_US);
        disk.set_capacity(None);
        assert!(log.writable().is_ok());
        if rotated.is_ok() {
            break;
        }
        failed += 1;
        assert_eq!(verifier(&log), first);
        let (copy, report) = open(&disk.after_kill());
        assert_eq!((report.damage, verifier(&copy)), (vec![], first.clone()));
        assert!(is_signed_by(&note(&copy), &first));
    }
    assert!(failed > 2 && verifier(&log) != first, "{failed}");
    clean(&log);
}

/// Goal: no change of the key is believed that the old key did not sign. Method: entries and keys of a log
/// that was changed, put together in ways that no change leaves.
#[test]
fn a_change_without_the_old_keys_word_is_named() {
    let disk = SimDisk::new();
    let log = started(&disk);
    grow(&log, 1);
    log.rotate_key(NOW_US).unwrap();
    grow(&log, 1);
    note(&log);
    drop(log);
    let faults = |harm: &dyn Fn(&SimDisk)| {
        let copy = disk.after_kill();
        harm(&copy);
        let (log, report) = open(&copy);
        let faults = log.verify(None, &|_| true).unwrap().faults;
        let told = faults.into_iter().map(|fault| fault.detail);
        report.damage.into_iter().chain(told).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(faults(&|_| {}), "");
    // Entries: 5 by the old key, 6 by the old, 6 by the new, 7 by the new; all links undone, as in an old file.
    let without = |gone: usize| {
        move |disk: &SimDisk| {
            let mut entries = disk.contents(&path("checkpoints"))[16..].to_vec();
            for entry in entries.chunks_mut(128) {
                entry[116..124].fill(0);
                let crc = crc32fast::hash(&entry[..124]).to_le_bytes();
                entry[124..].copy_from_slice(&crc);
            }
            entries.drain(gone * 128..gone * 128 + 128);
            let start = disk.contents(&path("checkpoints"))[..16].to_vec();
            disk.put(&path("checkpoints"), [start, entries].concat());
        }
    };
    for gone in [1, 2] {
        let found = faults(&without(gone));
        assert!(found.contains("without a checkpoint that both keys signed"), "{gone}: {found}");
    }
    let headless = faults(&|disk| {
        without(0)(disk);
        without(0)(disk);
    });
    assert!(
        headless.contains("the log's first key") && headless.contains("that both keys signed"),
        "{headless}"
    );
    assert!(faults(&|disk| disk.delete(&path("keys"))).contains("the log's first key"));
    assert!(faults(&|disk| disk.flip(&path("keys"), 300)).contains("keys: damaged at byte"));
    let cut = faults(&|disk| {
        let text = String::from_utf8(disk.contents(&path("keys"))).unwrap();
        disk.put(&path("keys"), text.lines().next().unwrap().to_owned().into_bytes());
    });
    assert!(cut.contains("keys"), "{cut}");
}
