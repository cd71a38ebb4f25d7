use super::*;
use crate::chain::genesis;
use crate::ids::Origin;
use crate::io::RealDisk;
use std::fs;

const ORIGIN: &str = "example.com/stele/test";

fn created() -> Created {
    Created { origin: ORIGIN.to_owned(), suite: 1 }
}

fn disk() -> Arc<dyn Disk> {
    Arc::new(RealDisk)
}

/// A new file with these bytes: much faster than to replace the old one's, which is flushed at once.
fn put(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

/// The `n`th of a row of segments of 100 records.
fn sealed(n: u64) -> SealedSegment {
    let head = |n: u64| if n == 0 { genesis(&Origin::new(ORIGIN).unwrap()) } else { [n as u8; 32] };
    SealedSegment {
        first: n * 100,
        count: 100,
        data_bytes: 4096,
        previous: head(n),
        last: head(n + 1),
        committed_first_us: n * 10,
        committed_last_us: n * 10 + 9,
        time_min_ns: -5,
        time_max_ns: 5,
        index_footer: [9; 32],
    }
}

fn closed(size: u64) -> Closed {
    Closed { size, head: [3; 32], committed_us: 77 }
}

/// A catalog with an entry of every kind; returns where each record begins, and the end.
fn filled(path: &Path) -> Vec<usize> {
    let mut catalog = Catalog::create(disk(), path, &created()).unwrap();
    let mut starts = vec![MAGIC.len(), catalog.bytes as usize];
    let entries = [
        Entry::Opened,
        Entry::Sealed(sealed(0)),
        Entry::Sealed(sealed(1)),
        Entry::Reindexed { first: 0, index_footer: [8; 32] },
        Entry::Checkpoints(Checkpoints { signed: 7, size: 240 }),
        Entry::Closed(closed(250)),
    ];
    for entry in &entries {
        catalog.append(entry).unwrap();
        starts.push(catalog.bytes as usize);
    }
    starts
}

#[test]
fn what_was_appended_is_there_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog");
    filled(&path);
    let (mut catalog, notes) = Catalog::open(disk(), &path).unwrap();
    assert_eq!(notes, Vec::<String>::new());
    assert_eq!(catalog.created(), &created());
    assert_eq!(catalog.sealed(), [SealedSegment { index_footer: [8; 32], ..sealed(0) }, sealed(1)]);
    assert_eq!(catalog.closed(), Some(&closed(250)));
    assert_eq!(catalog.checkpoints(), Some(Checkpoints { signed: 7, size: 240 }));
    catalog.append(&Entry::Opened).unwrap();
    assert_eq!((catalog.closed(), catalog.last_closed()), (None, Some(&closed(250))));
    let (catalog, _) = Catalog::open(disk(), &path).unwrap();
    assert_eq!((catalog.closed(), catalog.last_closed()), (None, Some(&closed(250))));
}

#[test]
fn many_entries_are_appended_without_rewriting() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog");
    let mut catalog = Catalog::create(disk(), &path, &created()).unwrap();
    let before = fs::metadata(&path).unwrap();
    for n in 0..1_500 {
        catalog.append(&Entry::Sealed(sealed(n))).unwrap();
    }
    let after = fs::metadata(&path).unwrap();
    use std::os::unix::fs::MetadataExt as _;
    assert_eq!(before.ino(), after.ino());
    assert!(after.len() < 1_500 * 200, "{} bytes", after.len());
    let (catalog, _) = Catalog::read(&RealDisk, &path).unwrap();
    assert_eq!(catalog.sealed().len(), 1_500);
}

#[test]
fn entries_that_cannot_follow_are_refused_and_leave_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog");
    filled(&path);
    let before = fs::read(&path).unwrap();
    let (mut catalog, _) = Catalog::open(disk(), &path).unwrap();
    let fine = sealed(2);
    let bad = [
        Entry::Created(created()),
        Entry::Sealed(SealedSegment { first: 201, ..fine.clone() }),
        Entry::Sealed(SealedSegment { count: 0, ..fine.clone() }),
        Entry::Sealed(SealedSegment { previous: [7; 32], ..fine.clone() }),
        Entry::Sealed(SealedSegment { committed_first_us: 18, ..fine.clone() }),
        Entry::Sealed(SealedSegment { committed_last_us: 19, ..fine.clone() }),
        Entry::Closed(closed(199)),
        Entry::Reindexed { first: 50, index_footer: [0; 32] },
        Entry::Checkpoints(Checkpoints { signed: 6, size: 240 }),
        Entry::Checkpoints(Checkpoints { signed: 7, size: 239 }),
    ];
    for entry in &bad {
        assert!(matches!(catalog.append(entry), Err(StoreError::Refused(_))), "{entry:?}");
    }
    assert_eq!(fs::read(&path).unwrap(), before);
    catalog.append(&Entry::Sealed(fine)).unwrap();
}

/// A segment is made cold once: not again, and not when the archive has its cold form.
#[test]
fn a_segment_that_is_made_cold_twice_is_damage() {
    let chilled = |footer| Entry::Chilled { first: 0, cold_footer: [footer; 32] };
    let archived =
        Entry::Archived { first: 0, manifest_sha256: [5; 32], event_first_us: 0, event_last_us: 1 };
    for between in [None, Some(archived.clone())] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("catalog");
        filled(&path);
        let (mut catalog, _) = Catalog::open(disk(), &path).unwrap();
        catalog.append(&chilled(1)).unwrap();
        between.iter().for_each(|entry| catalog.append(entry).unwrap());
        for footer in [1, 2] {
            let error = catalog.append(&chilled(footer)).unwrap_err();
            assert!(error.to_string().contains("made cold twice"), "{error}");
        }
        let unknown = catalog.append(&Entry::Chilled { first: 50, cold_footer: [1; 32] });
        assert!(matches!(unknown, Err(StoreError::Refused(_))));
        assert_eq!(catalog.cold(0), Some([1; 32]));
    }
}

/// Goal: a power cut while appending loses that entry and nothing else, wherever it falls.
/// Method: cut the file at every byte of the last record, and fill what is missing with zeros too.
#[test]
fn a_torn_last_record_is_cut_and_kept_aside() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog");
    let starts = filled(&path);
    let whole = fs::read(&path).unwrap();
    let last = starts[starts.len() - 2];
    for cut in last + 1..whole.len() {
        for zeros in [0, whole.len() - cut] {
            let mut torn = whole[..cut].to_vec();
            torn.resize(cut + zeros, 0);
            if torn == whole {
                continue; // The record happens to end in the zero.
            }
            put(&path, &torn);
            let (read, notes) = Catalog::read(&RealDisk, &path).unwrap();
            assert_eq!((read.sealed().len(), read.closed(), notes.len()), (2, None, 1));
            assert_eq!(fs::read(&path).unwrap(), torn, "reading changes nothing");
            let (mut catalog, notes) = Catalog::open(disk(), &path).unwrap();
            assert_eq!(notes.len(), 1, "cut at {cut}");
            assert!(notes[0].contains(&format!("byte {last}")), "{notes:?}");
            assert_eq!(fs::read(&path).unwrap(), whole[..last]);
            assert_eq!(fs::read(dir.path().join("catalog.torn")).unwrap(), torn[last..]);
            catalog.append(&Entry::Closed(closed(260))).unwrap();
            assert_eq!(Catalog::open(disk(), &path).unwrap().0.closed(), Some(&closed(260)));
        }
    }
}

#[test]
fn every_flipped_bit_is_noticed_and_named_by_its_byte() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog");
    let starts = filled(&path);
    let whole = fs::read(&path).unwrap();
    let last = starts[starts.len() - 2];
    for bit in 0..whole.len() * 8 {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        put(&path, &damaged);
        let record = starts.iter().rev().find(|&&start| start <= bit / 8).copied().unwrap_or(0);
        match Catalog::read(&RealDisk, &path) {
            Err(StoreError::Damaged { offset, .. }) => assert_eq!(offset as usize, record, "bit {bit}"),
            Ok((_, notes)) => assert!(record == last && notes.len() == 1, "bit {bit}: {notes:?}"),
            Err(other) => panic!("bit {bit}: {other}"),
        }
    }
}

/// Goal: sound records in a wrong order, or without one in the middle, are damage.
/// Method: leave out, double and swap every record but those at the end.
#[test]
fn a_removed_doubled_or_swapped_record_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog");
    let starts = filled(&path);
    let whole = fs::read(&path).unwrap();
    let records: Vec<&[u8]> = starts.windows(2).map(|w| &whole[w[0]..w[1]]).collect();
    let mut edits = Vec::new();
    for at in 0..records.len() - 1 {
        let mut removed = records.clone();
        removed.remove(at);
        let mut swapped = records.clone();
        swapped.swap(at, at + 1);
        let mut doubled = records.clone();
        doubled.insert(at, records[at]);
        edits.extend([removed, swapped, doubled]);
    }
    for edit in edits {
        fs::write(&path, [&MAGIC[..], &edit.concat()].concat()).unwrap();
        assert!(matches!(Catalog::open(disk(), &path), Err(StoreError::Damaged { .. })));
    }
}

#[test]
fn a_record_of_a_newer_release_is_too_new_and_not_damage() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog");
    filled(&path);
    let mut bytes = fs::read(&path).unwrap();
    let mut payload = vec![framing::VERSION + 1];
    payload.extend_from_slice(b"what a later release may write");
    let length = (payload.len() as u32).to_le_bytes();
    bytes.extend_from_slice(&length);
    bytes.extend_from_slice(&crc32fast::hash(&[&length[..], &payload].concat()).to_le_bytes());
    bytes.extend_from_slice(&payload);
    fs::write(&path, bytes).unwrap();
    assert!(matches!(
        Catalog::open(disk(), &path),
        Err(StoreError::TooNew { found: 2, newest_known: 1, .. })
    ));
}

#[test]
fn an_existing_catalog_is_never_replaced_and_a_missing_one_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog");
    assert!(matches!(Catalog::open(disk(), &path), Err(StoreError::Io { .. })));
    filled(&path);
    assert!(matches!(Catalog::create(disk(), &path, &created()), Err(StoreError::Refused(_))));
    for junk in [&b""[..], b"STELECAT", b"STELECAT\0\0\0\0\0\0\0\0\0\0\0", b"something else"] {
        fs::write(&path, junk).unwrap();
        assert!(matches!(Catalog::open(disk(), &path), Err(StoreError::Damaged { .. })), "{junk:?}");
    }
}

#[test]
fn a_catalog_opened_for_reading_takes_no_entry() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog");
    filled(&path);
    let (mut catalog, _) = Catalog::read(&RealDisk, &path).unwrap();
    assert!(matches!(catalog.append(&Entry::Opened), Err(StoreError::ReadOnly { .. })));
}
