//! Old checkpoints beyond one an hour, taken out of the file.

use super::*;

const MINUTE_US: u64 = 60_000_000;
/// The beginning of an hour.
const START_US: u64 = NOW_US - NOW_US % HOUR_US;
const DAY_US: u64 = 24 * HOUR_US;
/// Old checkpoints, one every ten minutes.
const OLD: u64 = 120;
/// Young ones.
const YOUNG: u64 = 12;

/// A log with old checkpoints of sizes 1 to `OLD`, one changed key among them, and `YOUNG` young ones;
/// two of the old ones were given away.
fn aged() -> SimDisk {
    let disk = SimDisk::new();
    let log = create(&disk);
    for number in 0..OLD {
        grow(&log, 1);
        if number + 1 == 51 {
            log.rotate_key(START_US + number * 10 * MINUTE_US).unwrap();
        } else {
            log.checkpoint(START_US + number * 10 * MINUTE_US).unwrap();
        }
        if [8, 75].contains(&(number + 1)) {
            log.deliver(&log.last_checkpoint().unwrap());
        }
    }
    for number in 0..YOUNG {
        grow(&log, 1);
        log.checkpoint(START_US + 95 * DAY_US + number * MINUTE_US).unwrap();
    }
    log.close().unwrap();
    disk
}

fn is_kept(size: u64) -> bool {
    size % 6 == 1 || [8, 51, 75].contains(&size) || size > OLD
}

fn kept(log: &Log) -> Vec<u64> {
    (1..=log.head().size).filter(|&size| log.notary.of_size(size).unwrap().is_some()).collect()
}

fn clean(log: &Log) {
    assert_eq!(log.verify(None, &|_| true).unwrap().faults, []);
}

#[test]
fn of_old_checkpoints_one_an_hour_stays_and_all_that_somebody_has() {
    let disk = aged();
    let (log, report) = open(&disk);
    assert_eq!((report.notes, report.damage), (vec![], vec![]));
    let both = log.consistency(0, Some(51), NOW_US).unwrap().signed.note.clone();
    let length = disk.contents(&path("checkpoints")).len();
    work_off(&log);
    clean(&log);
    let wanted: Vec<u64> = (1..=OLD + YOUNG).filter(|&size| is_kept(size)).collect();
    let signed = disk.contents(&path("checkpoints"));
    assert_eq!(signed.len(), 16 + (wanted.len() + 1) * 128, "the changed key has two");
    assert_eq!(signed[10..16], ((length - signed.len()) as u64 / 128).to_le_bytes()[..6]);
    assert_eq!(kept(&log), wanted);
    assert_eq!(log.consistency(0, Some(51), NOW_US).unwrap().signed.note, both);
    log.close().unwrap();
    drop(log);
    let (log, report) = open(&disk);
    assert_eq!((report.notes, report.damage), (vec![], vec![]));
    grow(&log, 1);
    log.checkpoint(START_US + 97 * DAY_US).unwrap();
    work_off(&log);
    assert_eq!(disk.contents(&path("checkpoints")).len(), signed.len() + 128, "little is left to go");
    clean(&log);
}

#[test]
fn nothing_goes_while_little_can_go_or_what_was_given_is_not_known() {
    let disk = aged();
    let unchanged = |disk: &SimDisk| {
        let before = disk.contents(&path("checkpoints"));
        let (log, _) = open(disk);
        work_off(&log);
        disk.contents(&path("checkpoints")) == before
    };
    let gone = disk.after_kill();
    gone.delete(&path("delivered"));
    assert!(unchanged(&gone), "everything counts as given");
    let damaged = disk.after_kill();
    damaged.flip(&path("delivered"), 8 * 30);
    assert!(unchanged(&damaged) && unchanged(&damaged));
    let broken = disk.after_kill();
    broken.flip(&path("checkpoints"), 8 * (16 + 128 * 20));
    assert!(unchanged(&broken), "a fault is not hidden by a new file");
    assert!(!broken.exists(&path("checkpoints.new")).unwrap());
    let full = disk.after_kill();
    let (log, _) = open(&full);
    full.set_capacity(Some(full.used_bytes() + 1_000));
    let before = full.contents(&path("checkpoints"));
    let failed = std::iter::repeat_with(|| log.work()).find(|step| !matches!(step, Ok(true)));
    assert!(matches!(failed, Some(Err(crate::error::StoreError::Full { .. }))), "{failed:?}");
    assert!(log.writable().is_ok() && full.contents(&path("checkpoints")) == before);
    full.set_capacity(None);
    clean(&log);
    assert!(!unchanged(&disk), "and without all this it does");
}

/// Goal: whatever a power cut leaves of a thinning, no checkpoint is lost that must stay, and the log
/// goes on. Method: the power cut at every disk operation of it, and every image opened.
#[test]
fn a_power_cut_while_thinning_leaves_the_old_file_or_the_new_one() {
    let aged = aged();
    let counted = {
        let disk = aged.after_kill();
        let (log, _) = open(&disk);
        let from = disk.op_count();
        work_off(&log);
        from..disk.op_count()
    };
    let (mut old, mut new) = (0, 0);
    for op in counted {
        let disk = aged.after_kill();
        let (log, _) = open(&disk);
        disk.power_cut_at(op);
        while log.work().is_ok_and(|more| more) {}
        drop(log);
        for survival in Survival::ALL {
            let what = format!("op {op} {survival:?}");
            let image = disk.image(survival, op);
            let (log, report) = open(&image);
            assert_eq!(report.damage, [""; 0], "{what}");
            assert!(!image.exists(&path("checkpoints.new")).unwrap(), "{what}");
            clean(&log);
            let found = image.contents(&path("checkpoints")).len() / 128;
            let all = (OLD + YOUNG + 1) as usize;
            (old, new) = if found == all { (old + 1, new) } else { (old, new + 1) };
            grow(&log, 1);
            log.checkpoint(START_US + 96 * DAY_US).unwrap();
            work_off(&log);
            let wanted: Vec<u64> = (1..=OLD + YOUNG + 1).filter(|&size| is_kept(size)).collect();
            assert_eq!(kept(&log), wanted, "{what}");
            clean(&log);
        }
    }
    assert!(old > 10 && new > 0, "{old} old, {new} new");
}

/// What is signed while the file is written anew is in the new one.
#[test]
fn signing_goes_on_while_the_file_is_thinned() {
    let disk = aged();
    let (log, _) = open(&disk);
    let log = Arc::new(log);
    let signer = std::thread::spawn({
        let log = Arc::clone(&log);
        move || {
            for number in 0..50 {
                grow(&log, 1);
                log.checkpoint(START_US + 95 * DAY_US + HOUR_US + number).unwrap();
            }
        }
    });
    work_off(&log);
    signer.join().unwrap();
    clean(&log);
    let kept = kept(&log);
    assert!((OLD + 1..=OLD + YOUNG + 50).all(|size| kept.contains(&size)), "{kept:?}");
    assert!(kept.len() < 100);
}
