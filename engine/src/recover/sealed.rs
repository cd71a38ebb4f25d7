//! A segment that the catalog says is sealed: opened and held against its entry.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::derived::{check_data_file, rebuild_index};
use super::{Opening, Recovered};
use crate::catalog::{Catalog, Place, SealedSegment};
use crate::chain::Hash;
use crate::error::StoreError;
use crate::segment::archived::{ArchivedFacts, Times};
use crate::segment::cold::ColdFile;
use crate::segment::{Archived, Sealed, Segment, cold_path, data_path};

/// Opens the segment. What is wrong with it is put into `found`.
pub(super) fn segment(
    opening: &Opening<'_>,
    catalog: &mut Catalog,
    entry: &SealedSegment,
    names: &BTreeSet<PathBuf>,
    found: &mut Recovered,
) -> Result<Segment, StoreError> {
    let path = data_path(opening.dir, entry.first);
    match catalog.in_archive(entry.first).map(|archived| archived.place) {
        Some(Place::Away) => return away(opening, entry, names, found),
        Some(Place::Both | Place::BackUntil(_)) => {}
        // What an interrupted move to the archive has left.
        None => remove_all(opening, &path, names, &["h", "seen", "manifest"])?,
    }
    if let Some(footer) = catalog.cold(entry.first) {
        return cold(opening, catalog, entry, footer, found);
    }
    let outcome = if names.contains(&path) {
        open(opening, catalog, entry, &path, &mut found.notes)?
    } else {
        Err(StoreError::damaged(&path, 0, "the file is missing").at(entry.first))
    };
    Ok(match outcome {
        Ok(sealed) => {
            // What an interrupted chill has left.
            remove(opening, &cold_path(opening.dir, entry.first))?;
            Segment::Sealed(Box::new(sealed))
        }
        Err(error) => damaged(entry, error, path, found),
    })
}

/// A segment whose data are in the archive: what stays must be there, what a crash has left of the rest goes.
/// What is missing can be made again from the archive, so the segment is known all the same.
fn away(
    opening: &Opening<'_>,
    entry: &SealedSegment,
    names: &BTreeSet<PathBuf>,
    found: &mut Recovered,
) -> Result<Segment, StoreError> {
    let path = data_path(opening.dir, entry.first);
    remove_all(opening, &path, names, &["cold", "idx", "log"])?;
    for extension in ["h", "seen", "manifest"] {
        let stays = path.with_extension(extension);
        if !names.contains(&stays) {
            let error = StoreError::damaged(&stays, 0, "the file is missing").at(entry.first);
            let why = format!("{error}; a restore of the segment brings it back");
            found.mendable.push((entry.first, why.clone()));
            found.damage.push(why);
        }
    }
    let facts = ArchivedFacts {
        origin: opening.origin.as_str().to_owned(),
        first: entry.first,
        count: entry.count,
        previous: entry.previous,
        last: entry.last,
    };
    let committed = (entry.committed_first_us, entry.committed_last_us);
    let times = Times::of(committed, (entry.time_min_ns, entry.time_max_ns));
    let archived = Archived::new(opening.disk, opening.dir, opening.salts, facts, times);
    Ok(Segment::Archived(Box::new(archived)))
}

/// Removes files that the catalog does not know.
fn remove_all(
    opening: &Opening<'_>,
    path: &Path,
    names: &BTreeSet<PathBuf>,
    extensions: &[&str],
) -> Result<(), StoreError> {
    let there = extensions.iter().map(|extension| path.with_extension(extension));
    there.filter(|path| names.contains(path)).try_for_each(|path| remove(opening, &path))
}

/// Opens a segment whose data are cold. The data file goes, where a crash has left it.
fn cold(
    opening: &Opening<'_>,
    catalog: &mut Catalog,
    entry: &SealedSegment,
    footer: Hash,
    found: &mut Recovered,
) -> Result<Segment, StoreError> {
    let (path, data) = (cold_path(opening.dir, entry.first), data_path(opening.dir, entry.first));
    let disk = &**opening.disk;
    let opened = match ColdFile::open(disk, &path, opening.cache) {
        Ok(file) if file.footer_hash() != footer => {
            Ok(Err(StoreError::damaged(&path, 0, "is not the cold file that was made").at(entry.first)))
        }
        Ok(_) => match Sealed::open_cold(disk, &path, opening.salts, opening.cache)
            .and_then(|sealed| as_sealed(sealed, entry))
        {
            Err(error) if !opening.read_only => reindexed(opening, catalog, entry, error, &mut found.notes),
            other => Ok(other),
        },
        Err(StoreError::Io { .. }) if !disk.exists(&path).map_err(StoreError::io(&path, "looking"))? => {
            Ok(Err(StoreError::damaged(&path, 0, "the file is missing").at(entry.first)))
        }
        Err(error @ StoreError::Io { .. }) => Err(error),
        Err(error) => Ok(Err(error)),
    }?;
    match opened {
        Ok(sealed) => {
            remove(opening, &data)?;
            Ok(Segment::Sealed(Box::new(sealed)))
        }
        Err(error) => Ok(damaged(entry, error, path, found)),
    }
}

/// Removes a file that another one stands for, unless nothing may be changed.
fn remove(opening: &Opening<'_>, path: &Path) -> Result<(), StoreError> {
    if opening.read_only || !opening.disk.exists(path).map_err(StoreError::io(path, "looking"))? {
        return Ok(());
    }
    opening.disk.remove(path).map_err(StoreError::io(path, "removing"))
}

fn damaged(entry: &SealedSegment, error: StoreError, path: PathBuf, found: &mut Recovered) -> Segment {
    let why = error.to_string();
    found.damage.push(why.clone());
    Segment::Damaged { first: entry.first, count: entry.count, previous: entry.previous, why, path }
}

/// The inner result is damage, which is told; the outer one ends the open.
fn open(
    opening: &Opening<'_>,
    catalog: &mut Catalog,
    entry: &SealedSegment,
    path: &Path,
    notes: &mut Vec<String>,
) -> Result<Result<Sealed, StoreError>, StoreError> {
    match check_data_file(opening, entry, path) {
        Ok(()) => {}
        Err(error @ StoreError::Io { .. }) => return Err(error),
        Err(error) => return Ok(Err(error)),
    }
    let opened =
        Sealed::open(&**opening.disk, path, opening.salts).and_then(|sealed| as_sealed(sealed, entry));
    match opened {
        Err(error) if !opening.read_only => reindexed(opening, catalog, entry, error, notes),
        other => Ok(other),
    }
}

/// Where only the index file is at fault, makes it again; otherwise the fault stands.
fn reindexed(
    opening: &Opening<'_>,
    catalog: &mut Catalog,
    entry: &SealedSegment,
    error: StoreError,
    notes: &mut Vec<String>,
) -> Result<Result<Sealed, StoreError>, StoreError> {
    match rebuild_index(opening, catalog, entry) {
        Ok(sealed) => {
            notes.push(format!("{error}; the index was made again from the data, which is whole"));
            Ok(Ok(sealed))
        }
        Err(cause @ (StoreError::Io { .. } | StoreError::Full { .. })) => Err(cause),
        Err(cause) => {
            notes.push(format!("{error}; the index could not be made again"));
            Ok(Err(cause))
        }
    }
}

/// Holds the index file of an open segment against its catalog entry.
fn as_sealed(sealed: Sealed, entry: &SealedSegment) -> Result<Sealed, StoreError> {
    let facts = sealed.facts();
    let same = (facts.count, facts.data_bytes, facts.last) == (entry.count, entry.data_bytes, entry.last)
        && sealed.sections().footer_hash() == entry.index_footer;
    if same {
        Ok(sealed)
    } else {
        Err(StoreError::damaged(sealed.sections().path(), 0, "is not the index file that was sealed"))
    }
}
