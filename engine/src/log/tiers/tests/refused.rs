//! Objects that are not what was archived.

use super::*;
use crate::archive::object_name;

/// A log whose segments are all away.
fn away(disk: &SimDisk) -> (Log, usize) {
    let log = filled(disk);
    let shipped = ship_all(&log, &store(disk));
    assert_eq!(drop_all(&log), shipped);
    (log, shipped)
}

fn path(first: u64, kind: &str) -> PathBuf {
    Path::new(STORE).join(object_name(ORIGIN, first, kind))
}

fn content(disk: &SimDisk, path: &Path) -> Vec<u8> {
    crate::io::read_whole(disk, path, 1 << 30, "an object").unwrap()
}

fn put(disk: &SimDisk, path: &Path, bytes: &[u8]) {
    disk.remove(path).unwrap();
    crate::io::write_whole(disk, path, crate::io::Mode::Shared, bytes).unwrap();
}

/// The restore of the first segment must be refused with the object's name, and that of the next one work.
fn refused(disk: &SimDisk, kind: &str, why: &str) {
    let (log, report) = open(disk);
    let whole = kind != "manifest.json";
    assert_eq!(report.damage.len(), usize::from(!whole), "{:?}", report.damage);
    let store = store(disk);
    let before = records(&log);
    let error = log.restore(&store, 0, 9, &|_| true).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&object_name(ORIGIN, 0, kind)) && text.contains(why), "{kind}: {text} / {why}");
    assert_eq!(records(&log), before, "nothing of it is served");
    assert_eq!(states(&log)[0], TierState::Archived);
    log.restore(&store, SEGMENT, 9, &|_| true).unwrap();
    assert_eq!(log.writable().is_ok(), whole);
    assert_eq!(faults(&log).len(), usize::from(!whole));
}

/// Goal: no changed, missing, swapped or foreign object comes back, and the fault is named by its object.
#[test]
fn what_is_not_what_was_archived_is_refused_by_name() {
    let disk = SimDisk::new();
    let (log, _) = away(&disk);
    log.close().unwrap();
    drop(log);
    let foreign = SimDisk::new();
    let other = filled_as(&foreign, "example.com/stele/00ee", "x");
    ship_all(&other, &store(&foreign));
    for kind in ["cold", "idx", "manifest.json"] {
        if kind == "manifest.json" {
            // The archive is not asked for it while the one that stayed is whole.
            disk.remove(&data_path(Path::new(DIR), 0).with_extension("manifest")).unwrap();
        }
        let (one, next) = (path(0, kind), path(SEGMENT, kind));
        let image = || disk.image(Survival::Everything, 0);
        let bytes = content(&disk, &one);
        for at in (0..bytes.len()).step_by(bytes.len() / 15) {
            let (changed, mut other) = (image(), bytes.clone());
            other[at] ^= 1;
            put(&changed, &one, &other);
            refused(&changed, kind, if kind == "manifest.json" { "is not the manifest" } else { "SHA-256" });
        }
        let missing = image();
        missing.remove(&one).unwrap();
        refused(&missing, kind, "no such object");
        let swapped = image();
        put(&swapped, &one, &content(&disk, &next));
        refused(&swapped, kind, "");
        let longer = image();
        put(&longer, &one, &[&bytes[..], b"x"].concat());
        refused(&longer, kind, "");
        let strange = image();
        let theirs = Path::new(STORE).join(object_name("example.com/stele/00ee", 0, kind));
        put(&strange, &one, &content(&foreign, &theirs));
        refused(&strange, kind, "");
    }
}

#[test]
fn an_object_that_is_there_with_other_content_is_never_replaced() {
    let disk = SimDisk::new();
    let log = filled(&disk);
    for kind in ["cold", "idx", "h", "manifest.json"] {
        let name = object_name(ORIGIN, 0, kind);
        let store = LocalStore::new(Arc::new(disk.clone()), &Path::new(STORE).join(kind));
        store.put_new(&name, b"other", None).unwrap();
        let error = log.ship_next(&store, u64::MAX, 0).unwrap_err();
        assert!(matches!(&error, ArchiveError::Refused { object, .. } if *object == name), "{error}");
        assert_eq!(store.get(&name, None, 9).unwrap(), b"other");
        assert_eq!(states(&log)[0], TierState::Cold);
    }
}

/// Where the links that stayed are damaged, those of the archive take their place.
#[test]
fn links_are_made_whole_by_a_restore() {
    let disk = SimDisk::new();
    let (log, _) = away(&disk);
    log.close().unwrap();
    drop(log);
    disk.flip(&data_path(Path::new(DIR), 0).with_extension("h"), 8 * 100);
    let (log, _) = open(&disk);
    assert_ne!(faults(&log), []);
    let error = log.restore(&store(&disk), 0, 9, &|_| true).map_err(|e| e.to_string());
    assert_eq!(error, Ok(()));
    assert_eq!(faults(&log), []);
    expire_all(&log);
    assert_eq!(faults(&log), []);
}

/// A restore does not wait for a store to bring the manifest that is here.
#[test]
fn the_manifest_that_stayed_is_not_asked_of_the_archive() {
    let disk = SimDisk::new();
    let (log, _) = away(&disk);
    disk.remove(&path(0, "manifest.json")).unwrap();
    let error = log.restore(&store(&disk), 0, 9, &|_| true).map_err(|e| e.to_string());
    assert_eq!(error, Ok(()));
    assert_eq!(faults(&log), []);
}

/// Goal: a file that must stay and is gone is named; all else is read; a restore brings it back, and the log
/// takes events again at once, also after a crash.
#[test]
fn what_stays_and_is_missing_comes_back_with_a_restore() {
    let disk = SimDisk::new();
    let (log, _) = away(&disk);
    let before = records(&log);
    log.close().unwrap();
    drop(log);
    let kinds = ["h", "seen", "manifest"];
    let stays = |kind: &str| data_path(Path::new(DIR), SEGMENT).with_extension(kind);
    let was: Vec<_> = kinds.iter().map(|kind| content(&disk, &stays(kind))).collect();
    for missing in [&kinds[..1], &kinds[1..2], &kinds[2..], &kinds[..]] {
        let image = disk.image(Survival::Everything, 0);
        missing.iter().for_each(|kind| image.remove(&stays(kind)).unwrap());
        let (log, report) = open(&image);
        for kind in missing {
            let name = stays(kind).display().to_string();
            let told = |line: &String| line.contains(&name) && line.contains("the file is missing");
            assert!(report.damage.iter().any(told), "{:?}", report.damage);
        }
        assert!(log.writable().is_err());
        for sequence in (0..SEGMENT).chain(2 * SEGMENT..log.head().size) {
            let wanted = &before[sequence as usize];
            match log.record(sequence) {
                Ok(found) => assert_eq!(&found, wanted, "{missing:?}"),
                Err(error) => assert!(matches!(error, StoreError::Archived { .. }) && wanted.is_none()),
            }
        }
        log.restore(&store(&image), SEGMENT, 9, &|_| true).unwrap();
        for (kind, bytes) in kinds.iter().zip(&was) {
            assert_eq!(&content(&image, &stays(kind)), bytes, "{kind} of {missing:?}");
        }
        assert_eq!((log.writable(), log.damage(), faults(&log)), (Ok(()), vec![], vec![]), "{missing:?}");
        let stored = append(&log, vec![event_with(500, "mended")], NOW_US + 1_000_000_000);
        assert!(matches!(stored[..], [Outcome::Stored { .. }]), "{stored:?}");
        log.checkpoint(NOW_US + 1_000_000_000).unwrap();
        drop(log);
        let crashed = image.image(Survival::Everything, 0);
        let (log, report) = open(&crashed);
        assert_eq!(report.damage, [""; 0]);
        assert!(log.writable().is_ok());
        assert_eq!(expire_all(&log), 1);
        assert_eq!(faults(&log), []);
        assert_eq!(records(&log)[..before.len()], before);
        let again = append(&log, vec![event_with(500, "mended")], NOW_US + 2_000_000_000);
        assert!(matches!(again[..], [Outcome::Duplicate { .. }]), "{again:?}");
    }
}

/// Goal: a log with several segments to mend takes events when the last one is, and names what is left until
/// then; what a restore does not mend keeps it read-only.
#[test]
fn a_log_takes_events_again_when_nothing_is_missing_any_more() {
    let disk = SimDisk::new();
    let (log, shipped) = away(&disk);
    log.close().unwrap();
    drop(log);
    assert!(shipped >= 2);
    let stays = |first: u64, kind: &str| data_path(Path::new(DIR), first).with_extension(kind);
    let gone = [stays(0, "seen"), stays(0, "manifest"), stays(SEGMENT, "manifest")];
    gone.iter().for_each(|path| disk.remove(path).unwrap());
    let image = disk.image(Survival::Everything, 0);
    let (log, _) = open(&image);
    assert_eq!((log.damage().len(), log.restorable()), (3, Ok(())));
    log.restore(&store(&image), 0, 9, &|_| true).unwrap();
    let why = log.writable().unwrap_err();
    assert!(why.contains(&gone[2].display().to_string()), "{why}");
    assert_eq!(log.damage().len(), 1);
    log.restore(&store(&image), SEGMENT, 9, &|_| true).unwrap();
    assert_eq!((log.writable(), log.damage()), (Ok(()), vec![]));

    let key = Path::new(DIR).join("key");
    disk.remove(&key).unwrap();
    let (log, report) = open(&disk);
    assert_eq!(report.damage.len(), 4, "{:?}", report.damage);
    assert!(log.restorable().is_err());
    assert!(log.restore(&store(&disk), 0, 9, &|_| true).is_err());
    assert_eq!(log.damage().len(), 4);
}

/// Goal: ids that cannot be known before a restore are known after it.
#[test]
fn ids_that_are_made_from_what_is_missing_are_known_after_a_restore() {
    let disk = SimDisk::new();
    let (log, _) = away(&disk);
    log.close().unwrap();
    drop(log);
    for path in disk.list(&Path::new(DIR).join("ids")).unwrap() {
        disk.remove(&path).unwrap();
    }
    disk.remove(&data_path(Path::new(DIR), SEGMENT).with_extension("seen")).unwrap();
    let (log, report) = open(&disk);
    assert_eq!(report.damage.len(), 1, "{:?}", report.damage);
    log.settle().unwrap();
    let lines = log.damage();
    assert!(lines.len() == 2 && lines[1].contains("its ids are not known"), "{lines:?}");
    log.restore(&store(&disk), SEGMENT, 9, &|_| true).unwrap();
    assert_eq!((log.writable(), log.damage()), (Ok(()), vec![]));
    let again = append(&log, (0..EVENTS).map(|i| event_with(i, "x")).collect(), NOW_US + 1_000_000_000);
    assert!(again.iter().all(|outcome| matches!(outcome, Outcome::Duplicate { .. })), "{again:?}");
    assert_eq!((log.writable(), log.damage(), faults(&log)), (Ok(()), vec![], vec![]));
}

/// Goal: wherever the power goes while a log is mended, it opens as one to be mended or as a whole one, and
/// what was acknowledged is there. Method: as with the moves, with an event behind the restore.
#[test]
fn power_cuts_while_a_log_is_mended_lose_nothing() {
    let disk = SimDisk::new();
    let (log, _) = away(&disk);
    let size = log.head().size;
    log.close().unwrap();
    drop(log);
    for kind in ["h", "seen", "manifest"] {
        disk.remove(&data_path(Path::new(DIR), SEGMENT).with_extension(kind)).unwrap();
    }
    let run = |disk: &SimDisk, log: &Log| {
        log.restore(&store(disk), SEGMENT, 9, &|_| true).ok()?;
        let batch = log.prepare(vec![event_with(500, "mended")], false);
        log.append(vec![batch], NOW_US + 1_000_000_000).remove(0).ok()
    };
    let start = disk.image(Survival::Everything, 0);
    let counted = start.image(Survival::Everything, 0);
    let (log, _) = open(&counted);
    let first = counted.op_count();
    assert!(run(&counted, &log).is_some());
    for op in first..counted.op_count() {
        let disk = start.image(Survival::Everything, 0);
        let (log, _) = open(&disk);
        disk.power_cut_at(op);
        let acknowledged = run(&disk, &log).is_some();
        drop(log);
        for (kind, image) in disk.images(op, 3) {
            let at = format!("cut at {op}, {kind:?}");
            let (log, report) = open(&image);
            assert_eq!(log.writable().is_ok(), report.damage.is_empty(), "{at}");
            assert_eq!(log.restorable(), Ok(()), "{at}: {:?}", report.damage);
            assert!(!acknowledged || log.head().size > size, "{at}");
            assert!(run(&image, &log).is_some(), "{at}");
            assert_eq!((log.writable(), faults(&log)), (Ok(()), vec![]), "{at}");
        }
    }
}
