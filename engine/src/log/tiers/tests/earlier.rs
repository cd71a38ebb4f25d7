//! Indexes that were made again, or are of an earlier version, beside objects that are never replaced.

use super::super::restore::Fetched;
use super::*;
use crate::archive::object_name;
use crate::catalog::SealedSegment;
use crate::chain::Hash;
use crate::codec::sections::{Sections, SectionsWriter};
use crate::io::read_whole;
use crate::segment::sealed::{INDEX_KIND, IndexFacts};

fn index_path(first: u64) -> PathBuf {
    data_path(Path::new(DIR), first).with_extension("idx")
}

/// A whole index file of version 2 about the same data as a segment's own, and its footer hash.
fn earlier(disk: &SimDisk, first: u64) -> (Vec<u8>, Hash) {
    let facts: IndexFacts = Sections::open(disk, &index_path(first), INDEX_KIND).unwrap().facts().unwrap();
    let path = Path::new("/earlier/index");
    disk.create_dir_all(Path::new("/earlier")).unwrap();
    let mut file = SectionsWriter::create(disk, path, INDEX_KIND).unwrap();
    file.section(32, &[2, 0, 0, 0]).unwrap();
    file.finish(&facts).unwrap();
    let bytes = read_whole(disk, path, 1 << 20, "an index").unwrap();
    let footer = Sections::open(disk, path, INDEX_KIND).unwrap().footer_hash();
    disk.remove(path).unwrap();
    (bytes, footer)
}

/// Ships and drops the first segment, brings it back, and finds all as it was, now and when opened again.
fn there_and_back(disk: &SimDisk, log: Log, before: &[Option<Record>]) {
    let store = store(disk);
    log.ship_next(&store, u64::MAX, 0).unwrap().unwrap();
    log.drop_next(u64::MAX).unwrap().unwrap();
    assert_eq!(states(&log)[0], TierState::Archived);
    log.restore(&store, 0, 9, &|_| true).unwrap();
    assert_eq!((records(&log), faults(&log)), (before.to_vec(), vec![]));
    log.close().unwrap();
    drop(log);
    let (log, report) = open(disk);
    assert_eq!((report.damage, report.notes), (vec![], vec![]));
    assert_eq!(records(&log), before);
}

#[test]
fn an_index_that_was_put_before_it_was_made_again_holds_up_nothing() {
    let disk = SimDisk::new();
    let (log, name) = (filled(&disk), object_name(ORIGIN, 0, "idx"));
    let before = records(&log);
    let (theirs, _) = earlier(&disk, SEGMENT);
    let other = LocalStore::new(Arc::new(disk.clone()), Path::new("/other"));
    other.put_new(&name, &theirs, None).unwrap();
    let error = log.ship_next(&other, u64::MAX, 0).unwrap_err();
    assert!(matches!(&error, ArchiveError::Refused { object, .. } if *object == name), "{error}");
    let (bytes, _) = earlier(&disk, 0);
    store(&disk).put_new(&name, &bytes, None).unwrap();
    there_and_back(&disk, log, &before);
    assert_eq!(store(&disk).get(&name, None, 1 << 20).unwrap(), bytes);
}

#[test]
fn an_archived_index_of_an_earlier_version_is_made_again() {
    let disk = SimDisk::new();
    let (log, store) = (filled(&disk), store(&disk));
    let own = read_whole(&disk, &index_path(0), 1 << 20, "an index").unwrap();
    let (index, index_footer) = earlier(&disk, 0);
    log.ship_next(&store, u64::MAX, 0).unwrap().unwrap();
    log.drop_next(u64::MAX).unwrap().unwrap();
    // As if that had been the index when the segment was shipped.
    let cold = store.get(&object_name(ORIGIN, 0, "cold"), None, 1 << 20).unwrap();
    let entry = SealedSegment { index_footer, ..log.catalog().sealed_at(0).unwrap().clone() };
    let sealed = log.put_in_place(&Fetched { cold, index }, &entry).unwrap();
    assert_eq!(sealed.facts().count, entry.count);
    assert_eq!(read_whole(&disk, &index_path(0), 1 << 20, "an index").unwrap(), own);
    assert_eq!(files(&disk, "damaged"), Vec::<PathBuf>::new());
}
