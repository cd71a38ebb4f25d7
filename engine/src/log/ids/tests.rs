//! Id files that are not what they should be, and what asks for ids first.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::io::{Disk, SimDisk};
use crate::log::fixture::{NOW_US, event};
use crate::log::{Log, Options, Outcome};

const DIR: &str = "/log";
const SEGMENT: u32 = 40;
const EVENTS: u64 = 100;

fn options() -> Options {
    Options { segment_records_max: SEGMENT, ..Options::default() }
}

fn open(disk: &SimDisk) -> Log {
    let (log, report) = Log::open(Arc::new(disk.clone()), Path::new(DIR), options()).unwrap();
    assert_eq!((report.damage, report.notes), (vec![], vec![]), "opening looks at no id");
    log
}

fn send(log: &Log, ids: std::ops::Range<u64>) -> Vec<Outcome> {
    log.append(vec![log.prepare(ids.map(event).collect(), false)], NOW_US).remove(0).unwrap()
}

/// A closed log with an id file for each of two segments; the files.
fn closed(disk: &SimDisk) -> Vec<PathBuf> {
    let log =
        Log::create(Arc::new(disk.clone()), Path::new(DIR), "example.com/stele/ids", [7; 32], options());
    let log = log.unwrap();
    send(&log, 0..EVENTS);
    while log.work().unwrap() {}
    log.close().unwrap();
    let files = disk.list(&Path::new(DIR).join("ids")).unwrap();
    assert_eq!(files.len(), 2);
    files
}

/// Flips a bit of the first entry.
fn damage(disk: &SimDisk, file: &Path) {
    disk.flip(file, 17 * 8);
}

/// Something that asks, under its name.
type Asks = (&'static str, fn(&Log));

/// Goal: damage that opening does not see answers nobody. Method: a bit of an id file flips; each that asks
/// for an id is the first to do so.
#[test]
fn whoever_asks_first_for_an_id_finds_the_damaged_file_made_again() {
    let asks: [Asks; 4] = [
        ("append", |log| {
            let again = send(log, 0..EVENTS);
            assert!(again.iter().all(|outcome| matches!(outcome, Outcome::Duplicate { .. })), "{again:?}");
        }),
        ("find", |log| assert_eq!(log.find("e3").unwrap().unwrap().sequence, 3)),
        ("work", |log| assert!(!log.work().unwrap() || !log.work().unwrap())),
        ("settle", |_| {}),
    ];
    for (name, ask) in asks {
        let disk = SimDisk::new();
        let files = closed(&disk);
        damage(&disk, &files[0]);
        let log = open(&disk);
        assert_eq!(log.record(3).unwrap().unwrap().sequence, 3, "what asks for no id needs none");
        ask(&log);
        let notes = log.settle().unwrap();
        let file = files[0].display().to_string();
        assert!(notes[0].starts_with(&file) && notes[0].contains("set aside"), "{name}: {notes:?}");
        assert!(notes[1].contains("ids made again"), "{name}: {notes:?}");
        assert_eq!(log.settle().unwrap(), [""; 0], "{name}: told once");
        let again = send(&log, 0..EVENTS + 1);
        let (last, seen) = again.split_last().unwrap();
        assert!(seen.iter().all(|outcome| matches!(outcome, Outcome::Duplicate { .. })), "{name}: {seen:?}");
        assert!(matches!(last, Outcome::Stored { .. }), "{name}: {last:?}");
        log.close().unwrap();
        drop(log);
        assert_eq!(open(&disk).settle().unwrap(), [""; 0], "{name}");
    }
}

/// Goal: where ids cannot be known, no event is taken for new. Method: with the id file, the data that it is
/// made from are damaged.
#[test]
fn without_a_segments_ids_no_event_is_taken() {
    let disk = SimDisk::new();
    let files = closed(&disk);
    damage(&disk, &files[0]);
    let data = crate::segment::data_path(Path::new(DIR), 0);
    let middle = disk.contents(&data).len() as u64 / 2;
    (middle..middle + 500).for_each(|at| disk.flip(&data, at * 8 + 7));
    let log = open(&disk);
    let refused = log.append(vec![log.prepare(vec![event(3)], false)], NOW_US).remove(0).unwrap_err();
    assert!(refused.to_string().contains("its ids are not known"), "{refused}");
    assert!(log.damage()[0].contains("its ids are not known"), "{:?}", log.damage());
    assert!(log.writable().is_err());
    assert_eq!(log.record(99).unwrap().unwrap().sequence, 99, "reads go on");
}

/// Goal: a reader changes nothing on the disk.
#[test]
fn a_reader_passes_damaged_ids_over() {
    let disk = SimDisk::new();
    let files = closed(&disk);
    damage(&disk, &files[0]);
    let (log, _) = Log::open_read_only(Arc::new(disk.clone()), Path::new(DIR)).unwrap();
    let before = disk.op_count();
    assert_eq!(log.find("e3").unwrap(), None, "its id is not known");
    assert_eq!(log.find("e43").unwrap().unwrap().sequence, 43);
    let notes = log.settle().unwrap();
    assert!(notes.len() == 1 && notes[0].contains("passed over"), "{notes:?}");
    assert_eq!(disk.op_count(), before);
}
