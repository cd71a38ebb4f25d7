//! Index files derive from the data: one that is missing or damaged is made again.

use std::path::Path;
use std::sync::Arc;

use super::Opening;
use super::contents;
use crate::catalog::{Catalog, Entry, SealedSegment};
use crate::error::StoreError;
use crate::io::Mode;
use crate::segment::cold::ColdFile;
use crate::segment::walk::Walk;
use crate::segment::{Growing, Sealed, SegmentHeader, cold_path, data_path, seal};

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
