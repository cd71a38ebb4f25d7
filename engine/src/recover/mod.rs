//! Opening: find the files, cut the torn tail, rebuild what lives in memory, hold all of it against
//! the catalog.
//!
//! Keeps true:
//! - everything acknowledged is kept; a torn tail, which nobody was told of, is cut and kept aside;
//! - damage is reported with file, offset and sequence, the log then takes no events, and nothing of
//!   the damaged file is changed;
//! - derived files (index, ids) that are missing or damaged are made again from the data, and said; ids
//!   when they are first needed, since all of their files must be read for it.

mod contents;
mod derived;
mod ids;
mod sealed;
mod secret;
mod tail;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use derived::rebuild_index;
pub use ids::{Ids, Settled};
pub use secret::{read_secret, write_secret};

use crate::catalog::{Catalog, Closed};
use crate::chain;
use crate::dedup::Recent;
use crate::error::StoreError;
use crate::ids::Origin;
use crate::io::Disk;
use crate::record::SaltKey;
use crate::segment::{
    ColdCache, Growing, Head, Rules, Segment, SegmentHeader, Tally, data_path, first_of, folder,
};
use tail::Use;

/// What opening needs to know.
pub struct Opening<'a> {
    /// Where files live.
    pub disk: &'a Arc<dyn Disk>,
    /// The log's folder.
    pub dir: &'a Path,
    /// The log's name.
    pub origin: &'a Origin,
    /// Salts and fingerprints of ids.
    pub salts: &'a SaltKey,
    /// Segment limits.
    pub rules: Rules,
    /// What cold segments keep decompressed.
    pub cache: &'a Arc<ColdCache>,
    /// Change nothing on disk: for verification of a directory.
    pub read_only: bool,
}

/// A log as it was found.
pub struct Recovered {
    /// Oldest first.
    pub segments: Vec<Arc<Segment>>,
    /// How far the log reaches.
    pub head: Head,
    /// Ids of segments that are not sealed.
    pub recent: Recent,
    /// How full the last segment is.
    pub tally: Tally,
    /// What was found and done, a line each.
    pub notes: Vec<String>,
    /// Damage, a line each, with file, offset and sequence. The log takes no events then.
    pub damage: Vec<String>,
    /// Those lines of `damage` that the restore of an archived segment mends, each under the segment's first
    /// sequence.
    pub mendable: Vec<(u64, String)>,
}

/// Finds and checks all segments of a log.
///
/// # Errors
/// `Io` or `Full`. Damage is no error: it is part of what is returned.
pub fn recover(opening: &Opening<'_>, catalog: &mut Catalog) -> Result<Recovered, StoreError> {
    let genesis = chain::genesis(opening.origin);
    let mut found = Recovered {
        segments: Vec::new(),
        head: Head { size: 0, hash: genesis, committed_us: 0 },
        recent: Recent::default(),
        tally: Tally::default(),
        notes: Vec::new(),
        damage: Vec::new(),
        mendable: Vec::new(),
    };
    let names = names(opening)?;
    let files: BTreeMap<u64, PathBuf> =
        names.iter().filter_map(|path| Some((first_of(path)?, path.clone()))).collect();
    for entry in catalog.sealed().to_vec() {
        let segment = sealed::segment(opening, catalog, &entry, &names, &mut found)?;
        found.segments.push(Arc::new(segment));
        found.head = Head {
            size: entry.first + u64::from(entry.count),
            hash: entry.last,
            committed_us: entry.committed_last_us,
        };
    }
    unsealed(opening, catalog, &files, &mut found)?;
    // A log that a restore mends takes events afterwards without another opening: it is held against the
    // mark now.
    if found.damage.len() == found.mendable.len()
        && let Some(mark) = catalog.last_closed()
        && let Some(detail) = contradiction(mark, &found)
    {
        let path = data_path(opening.dir, found.segments.last().map_or(0, |segment| segment.first()));
        let reached = mark.size.min(found.head.size);
        found.damage.push(StoreError::damaged(&path, 0, detail).at(reached).to_string());
    }
    Ok(found)
}

/// What the mark of the last clean shutdown says that is not so. The log can only be longer since.
fn contradiction(mark: &Closed, found: &Recovered) -> Option<String> {
    if mark.size > found.head.size {
        return Some(format!("the log reached sequence {} at its last clean shutdown", mark.size));
    }
    let last = mark.size.checked_sub(1)?;
    let at = found.segments.partition_point(|segment| segment.first() <= last).checked_sub(1)?;
    // Sealed segments are held against the catalog's own links.
    let Segment::Growing(growing) = &*found.segments[at] else { return None };
    let state = growing.state();
    let hash = state.rows.hashes().get((last - growing.header().first) as usize)?;
    (*hash != mark.head).then(|| format!("record {last} is another one than at the last clean shutdown"))
}

/// All files of segments.
fn names(opening: &Opening<'_>) -> Result<BTreeSet<PathBuf>, StoreError> {
    let dir = folder(opening.dir);
    let names = opening.disk.list(&dir).map_err(StoreError::io(&dir, "listing"))?;
    Ok(names.into_iter().collect())
}

/// Walks the files behind the last sealed segment; the last of them takes records again.
fn unsealed(
    opening: &Opening<'_>,
    catalog: &Catalog,
    files: &BTreeMap<u64, PathBuf>,
    found: &mut Recovered,
) -> Result<(), StoreError> {
    let clean = catalog.closed().map(|mark| mark.size);
    let reach = catalog.last_closed().map_or(0, |mark| mark.size);
    loop {
        let first = found.head.size;
        let Some(path) = files.get(&first) else {
            let path = data_path(opening.dir, first);
            // Each segment's file is made before the one before it is sealed, so one is always there.
            found.damage.push(StoreError::damaged(&path, 0, "the file is missing").at(first).to_string());
            return Ok(());
        };
        let next = files.range(first + 1..).next().map(|(&next, _)| next);
        let walked = tail::walk(opening, path, found.head, next, reach)?;
        let whole = walked.damage.is_none();
        found.notes.extend(walked.notes);
        found.damage.extend(walked.damage);
        let Some(contents) = walked.contents else { return Ok(()) };
        found.head = contents.head;
        found.tally = contents.tally;
        for (sequence, &fingerprint) in (first..).zip(contents.state.rows.fingerprints()) {
            found.recent.insert(fingerprint, sequence);
        }
        let purpose = match next {
            _ if opening.read_only || !whole => Use::Reading,
            Some(_) => Use::Sealing,
            None if walked.torn || clean != Some(contents.head.size) => Use::WritingAnew,
            None => Use::Writing,
        };
        let growing = tail::reopen(opening, path, contents, purpose)?;
        found.segments.push(Arc::new(Segment::Growing(Box::new(growing))));
        if next.is_none() || !whole {
            return Ok(());
        }
    }
}

/// Makes the first, empty segment of a new log.
///
/// # Errors
/// `Io` or `Full`.
pub fn first_segment(opening: &Opening<'_>) -> Result<Growing, StoreError> {
    let header = SegmentHeader {
        first: 0,
        previous: chain::genesis(opening.origin),
        origin: opening.origin.as_str().to_owned(),
    };
    Growing::create(&**opening.disk, &data_path(opening.dir, 0), header, opening.rules.capacity())
}
