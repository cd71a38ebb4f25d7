//! What is due of old segments, one step at a time: the seal of a full one, the cold form of an old one.
//!
//! Keeps true: a crash between any two steps leaves a state that opens and finishes the step.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::catalog::{Catalog, Entry, SealedSegment};
use crate::dedup::{Locator, Recent};
use crate::error::StoreError;
use crate::io::Disk;
use crate::record::SaltKey;
use crate::segment::cold::ColdFile;
use crate::segment::{ColdCache, Growing, Sealed, Segment, Segments, seal};

/// What a step works on: borrowed from the log, shared with its writer and its readers.
#[derive(Clone, Copy)]
pub struct Held<'a> {
    /// Where files live.
    pub disk: &'a dyn Disk,
    /// Salts and fingerprints of ids.
    pub salts: &'a SaltKey,
    /// All segments.
    pub segments: &'a Segments,
    /// Ids of sealed segments.
    pub locator: &'a Locator,
    /// Ids of the others.
    pub recent: &'a RwLock<Recent>,
    /// States of segments. Its lock is held during a step: that makes steps single-file.
    pub catalog: &'a Mutex<Catalog>,
}

/// How many segments at the end are not sealed. Seals go by age, so no other ones are.
fn growing(segments: &[Arc<Segment>]) -> usize {
    segments.iter().rev().take_while(|segment| matches!(***segment, Segment::Growing(_))).count()
}

/// The oldest segment that is full and not sealed yet.
fn next_full(segments: &Segments) -> Option<Arc<Segment>> {
    let snapshot = segments.snapshot();
    let all = snapshot.segments();
    let (oldest, others) = all[all.len() - growing(all)..].split_first()?;
    (!others.is_empty()).then(|| Arc::clone(oldest))
}

/// Segments that are full and not sealed yet. Costs the same whatever the length of the log.
#[must_use]
pub fn backlog(segments: &Segments) -> usize {
    growing(segments.snapshot().segments()).saturating_sub(1)
}

/// Seals the oldest full segment; false when there is none. One caller at a time.
///
/// # Errors
/// `Full`: nothing is lost, try again later. Others end writing until the log is opened again.
pub fn seal_next(held: Held<'_>) -> Result<bool, StoreError> {
    let mut catalog = held.catalog.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(segment) = next_full(held.segments) else { return Ok(false) };
    let Segment::Growing(growing) = &*segment else { return Ok(false) };
    let sealed = seal(held.disk, growing, held.salts)?;
    remember_ids(held.locator, growing)?;
    catalog.append(&Entry::Sealed(entry(growing, &sealed)?))?;
    let end = segment.first() + u64::from(segment.docs());
    held.segments.replace(Arc::new(Segment::Sealed(Box::new(sealed))));
    held.recent.write().unwrap_or_else(PoisonError::into_inner).forget_below(end);
    Ok(true)
}

/// Moves a segment's ids to the locator, where an earlier attempt has not done so.
fn remember_ids(locator: &Locator, growing: &Growing) -> Result<(), StoreError> {
    let first = growing.header().first;
    let covered = locator.covered().iter().any(|&(from, to)| from <= first && first < to);
    if covered { Ok(()) } else { locator.add(first, growing.state().rows.fingerprints()) }
}

fn entry(growing: &Growing, sealed: &Sealed) -> Result<SealedSegment, StoreError> {
    let facts = sealed.facts();
    let (time_min_ns, time_max_ns) = sealed.index().span().unwrap_or((0, 0));
    let state = growing.state();
    let frames = state.rows.frames();
    Ok(SealedSegment {
        first: facts.first,
        count: facts.count,
        data_bytes: facts.data_bytes,
        previous: facts.previous,
        last: facts.last,
        committed_first_us: frames.first().map_or(0, |frame| frame.committed_us),
        committed_last_us: frames.last().map_or(0, |frame| frame.committed_us),
        time_min_ns,
        time_max_ns,
        index_footer: sealed.sections().footer_hash(),
    })
}

/// Puts a sealed segment's cold file in the place of its data, which the caller has proved. A crash before
/// the catalog's entry leaves the data, one behind it the cold file, and the next opening removes the other.
///
/// # Errors
/// `Damaged` when the cold file does not give the data back: it is removed. `Full`: try again later.
/// `Io`: nothing is lost.
pub fn chill(
    held: Held<'_>,
    cache: &Arc<ColdCache>,
    sealed: &Sealed,
    entry: &SealedSegment,
) -> Result<(), StoreError> {
    let path = sealed.write_cold(held.disk)?;
    let footer = match gives_back(held, cache, sealed, &path) {
        Ok(footer) => footer,
        Err(error) => {
            held.disk.remove(&path).map_err(StoreError::io(&path, "removing"))?;
            return Err(error);
        }
    };
    let cold = Sealed::open_cold(held.disk, &path, held.salts, cache)?;
    let mut catalog = held.catalog.lock().unwrap_or_else(PoisonError::into_inner);
    catalog.append(&Entry::Chilled { first: entry.first, cold_footer: footer })?;
    held.segments.replace(Arc::new(Segment::Sealed(Box::new(cold))));
    held.disk.remove(sealed.path()).map_err(StoreError::io(sealed.path(), "removing"))
}

/// Reads the cold file back, not through a mapping, and compares what it gives with the data file as
/// it lies on the disk.
fn gives_back(
    held: Held<'_>,
    cache: &Arc<ColdCache>,
    sealed: &Sealed,
    path: &Path,
) -> Result<[u8; 32], StoreError> {
    let cold = ColdFile::read(held.disk, path, cache)?;
    cold.check_all()?;
    let thawed = cold.thaw(held.salts)?;
    let file = held.disk.open_read(sealed.path()).map_err(StoreError::io(sealed.path(), "opening"))?;
    let bytes = file.len().map_err(StoreError::io(sealed.path(), "measuring"))?;
    let mut data = vec![0; bytes.min(sealed.facts().data_bytes) as usize];
    file.read_exact_at(&mut data, 0).map_err(StoreError::io(sealed.path(), "reading"))?;
    if thawed == data {
        Ok(cold.footer_hash())
    } else {
        Err(StoreError::damaged(path, 0, "does not give the data back").at(sealed.facts().first))
    }
}
