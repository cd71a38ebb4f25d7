//! Files that derive from the data: index files and id files are made again when they are missing
//! or damaged.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::contents;
use super::{Opening, Recovered};
use crate::catalog::{Catalog, Entry, SealedSegment};
use crate::dedup::Locator;
use crate::error::StoreError;
use crate::event::id_and_time;
use crate::io::Mode;
use crate::segment::cold::ColdFile;
use crate::segment::walk::Walk;
use crate::segment::{Archived, Growing, Sealed, Segment, SegmentHeader, cold_path, data_path, seal};

/// Makes a sealed segment's index file again from its data, which must be whole.
///
/// # Errors
/// `Damaged` when the data is not what was sealed; `Io` or `Full`.
pub fn rebuild_index(
    opening: &Opening<'_>,
    catalog: &mut Catalog,
    entry: &SealedSegment,
) -> Result<Sealed, StoreError> {
    let path = data_path(opening.dir, entry.first);
    let cold = catalog.cold(entry.first);
    if cold.is_some() {
        thaw(opening, entry, &path)?;
    }
    check_data_file(opening, entry, &path)?;
    let file = opening.disk.open_read(&path).map_err(StoreError::io(&path, "opening"))?;
    let (header, mut walk) = Walk::start(&*file, &path, opening.salts, 0)?;
    let contents = contents::read(header, &mut walk)?;
    let found = (contents.head.size, contents.head.hash, contents.written);
    if found != (entry.end(), entry.last, entry.data_bytes) {
        let detail = format!("the data is not what was sealed: {}", walk.stopped);
        return Err(StoreError::damaged(&path, contents.written, detail).at(contents.head.size));
    }
    set_aside(opening, &path)?;
    let growing = Growing::over(
        &**opening.disk,
        Arc::clone(&file),
        &path,
        contents.header,
        contents.written,
        contents.state,
        contents.written,
    )?;
    let sealed = seal(&**opening.disk, &growing, opening.salts)?;
    let index_footer = sealed.sections().footer_hash();
    if index_footer != entry.index_footer {
        catalog.append(&Entry::Reindexed { first: entry.first, index_footer })?;
    }
    if cold.is_none() {
        return Ok(sealed);
    }
    opening.disk.remove(&path).map_err(StoreError::io(&path, "removing"))?;
    Sealed::open_cold(&**opening.disk, &path.with_extension("cold"), opening.salts, opening.cache)
}

/// Makes the data file of a cold segment again, for as long as it takes to read it; what a crash leaves
/// of it is removed at the next opening.
fn thaw(opening: &Opening<'_>, entry: &SealedSegment, path: &Path) -> Result<(), StoreError> {
    let disk = &**opening.disk;
    let cold = ColdFile::read(disk, &cold_path(opening.dir, entry.first), opening.cache)?;
    let data = cold.thaw(opening.salts)?;
    if disk.exists(path).map_err(StoreError::io(path, "looking"))? {
        disk.remove(path).map_err(StoreError::io(path, "removing"))?;
    }
    let file = disk.create_new(path, Mode::Shared).map_err(StoreError::io(path, "creating"))?;
    file.write_all_at(&data, 0).map_err(StoreError::io(path, "writing"))?;
    file.sync_data().map_err(StoreError::syncing(path))
}

/// Whether the data file is, by length and header, the one that was sealed. Looks at no record.
pub(super) fn check_data_file(
    opening: &Opening<'_>,
    entry: &SealedSegment,
    path: &Path,
) -> Result<(), StoreError> {
    let file = opening.disk.open_read(path).map_err(StoreError::io(path, "opening"))?;
    let bytes = file.len().map_err(StoreError::io(path, "measuring"))?;
    let damaged =
        |offset: u64, detail: String| Err(StoreError::damaged(path, offset, detail).at(entry.first));
    if bytes != entry.data_bytes {
        return damaged(
            bytes.min(entry.data_bytes),
            format!("has {bytes} bytes, {} were sealed", entry.data_bytes),
        );
    }
    let mut header = [0; SegmentHeader::BYTES];
    file.read_exact_at(&mut header, 0).map_err(StoreError::io(path, "reading"))?;
    match SegmentHeader::decode(&header) {
        Err(detail) => damaged(0, detail),
        Ok(header) if header.origin != opening.origin.as_str() => {
            damaged(0, format!("the file belongs to the log {}", header.origin))
        }
        Ok(header) if (header.first, header.previous) != (entry.first, entry.previous) => damaged(
            0,
            format!("the file begins with sequence {}; another was sealed under this name", header.first),
        ),
        Ok(_) => Ok(()),
    }
}

/// A damaged index file is kept for whoever looks into the cause.
fn set_aside(opening: &Opening<'_>, path: &Path) -> Result<(), StoreError> {
    let index = path.with_extension("idx");
    if opening.disk.exists(&index).map_err(StoreError::io(&index, "looking"))? {
        let aside = path.with_extension("idx.damaged");
        opening.disk.rename(&index, &aside).map_err(StoreError::io(&aside, "renaming"))?;
    }
    Ok(())
}

/// Sets id files aside that are not about this log's segments, such as one of another log under the
/// same name: fingerprints are keyed with the log's secret, so the first and the last record of
/// each file tell. Costs two records per file, of which there are a few tens.
pub(super) fn set_foreign_ids_aside(
    opening: &Opening<'_>,
    locator: &Locator,
    found: &mut Recovered,
) -> Result<(), StoreError> {
    for range in locator.ranges() {
        if !is_ours(opening, locator, found, &range)? {
            let note =
                locator.set_aside(range.start, "is not about the records of this log", !opening.read_only)?;
            found.notes.extend(note);
        }
    }
    Ok(())
}

fn is_ours(
    opening: &Opening<'_>,
    locator: &Locator,
    found: &Recovered,
    range: &Range<u64>,
) -> Result<bool, StoreError> {
    let end_of = |segment: &Arc<Segment>| segment.first() + u64::from(segment.docs());
    let segments = &found.segments;
    let aligned = segments.binary_search_by_key(&range.start, |segment| segment.first()).is_ok()
        && segments.binary_search_by_key(&range.end, end_of).is_ok();
    // Where segments are missing behind damage, nothing can be said.
    if !aligned {
        return Ok(!found.damage.is_empty());
    }
    for sequence in [range.start, range.end - 1] {
        let Some(fingerprint) = fingerprint_at(opening, segments, sequence) else { continue };
        let mut known = Vec::new();
        locator.find(&[fingerprint], &mut known)?;
        if !known.contains(&(0, sequence)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// `None` where the record cannot be read.
fn fingerprint_at(opening: &Opening<'_>, segments: &[Arc<Segment>], sequence: u64) -> Option<u64> {
    let at = segments.partition_point(|segment| segment.first() <= sequence).checked_sub(1)?;
    let doc = u32::try_from(sequence - segments[at].first()).ok()?;
    match &*segments[at] {
        Segment::Growing(growing) => growing.state().rows.fingerprints().get(doc as usize).copied(),
        Segment::Sealed(sealed) => {
            let body = sealed.body(doc).ok()?;
            id_and_time(&body).ok().map(|(id, _)| opening.salts.salted(id).fingerprint)
        }
        Segment::Archived(archived) => archived.seen(doc).ok().map(|seen| seen.fingerprint),
        Segment::Damaged { .. } => None,
    }
}

/// Adds the ids of sealed segments that the locator misses.
pub(super) fn complete_ids(
    opening: &Opening<'_>,
    locator: &Locator,
    found: &mut Recovered,
) -> Result<(), StoreError> {
    let covered = locator.covered();
    for segment in found.segments.clone() {
        let first = segment.first();
        if covered.iter().any(|&(from, to)| from <= first && first < to) {
            continue;
        }
        let (made, path) = match &*segment {
            Segment::Sealed(sealed) => (fingerprints(opening, sealed), sealed.path()),
            Segment::Archived(archived) => (seen_fingerprints(archived), archived.path()),
            Segment::Growing(_) | Segment::Damaged { .. } => continue,
        };
        match made {
            Ok(fingerprints) => {
                locator.add(first, &fingerprints)?;
                found.notes.push(format!("{}: ids made again from the data", path.display()));
            }
            // Without these ids no event can be called new.
            Err(error) => found.damage.push(format!("{error}; its ids are not known")),
        }
    }
    Ok(())
}

fn seen_fingerprints(archived: &Archived) -> Result<Vec<u64>, StoreError> {
    (0..archived.facts().count).map(|doc| archived.seen(doc).map(|seen| seen.fingerprint)).collect()
}

fn fingerprints(opening: &Opening<'_>, sealed: &Sealed) -> Result<Vec<u64>, StoreError> {
    let fingerprint = |doc| {
        let body = sealed.body(doc)?;
        let (id, _) = id_and_time(&body).map_err(|e| StoreError::damaged(sealed.path(), 0, e))?;
        Ok(opening.salts.salted(id).fingerprint)
    };
    (0..sealed.facts().count).map(fingerprint).collect()
}
