//! Id files derive from the data: those that are damaged or of another log are set aside, and ids that are
//! in none are added again.

use std::ops::Range;
use std::sync::Arc;

use crate::dedup::Locator;
use crate::error::StoreError;
use crate::event::id_and_time;
use crate::record::SaltKey;
use crate::segment::{Archived, Sealed, Segment};

/// What the ids of a log are held against.
pub struct Ids<'a> {
    /// The id files.
    pub locator: &'a Locator,
    /// Salts and fingerprints of ids.
    pub salts: &'a SaltKey,
    /// All segments, oldest first, as they were before the id files are looked at.
    pub segments: &'a [Arc<Segment>],
    /// Segments may be missing behind damage.
    pub damaged: bool,
    /// Change nothing on disk: what cannot be used is passed over.
    pub read_only: bool,
}

/// What was found and done, a line each.
#[derive(Default)]
pub struct Settled {
    /// What is well again.
    pub notes: Vec<String>,
    /// Ids that are not known: without them no event can be called new.
    pub damage: Vec<String>,
}

impl Ids<'_> {
    /// Reads all id files that were not read yet from end to end, and makes them say what the segments
    /// say.
    ///
    /// # Errors
    /// `Io` or `Full`: to be called again.
    pub fn settle(&self) -> Result<Settled, StoreError> {
        let mut settled = Settled::default();
        for (first, error) in self.locator.check() {
            self.set_aside(first, &error.to_string(), &mut settled)?;
        }
        self.set_foreign_aside(&mut settled)?;
        if !self.read_only {
            self.complete(&mut settled)?;
        }
        Ok(settled)
    }

    fn set_aside(&self, first: u64, why: &str, settled: &mut Settled) -> Result<(), StoreError> {
        settled.notes.extend(self.locator.set_aside(first, why, !self.read_only)?);
        Ok(())
    }

    /// Sets id files aside that are not about this log's segments, such as one of another log under the
    /// same name: fingerprints are keyed with the log's secret, so the first and the last record of
    /// each file tell. Costs two records per file, of which there are a few tens.
    fn set_foreign_aside(&self, settled: &mut Settled) -> Result<(), StoreError> {
        for range in self.locator.ranges() {
            if !self.is_ours(&range)? {
                self.set_aside(range.start, "is not about the records of this log", settled)?;
            }
        }
        Ok(())
    }

    fn is_ours(&self, range: &Range<u64>) -> Result<bool, StoreError> {
        let end_of = |segment: &Arc<Segment>| segment.first() + u64::from(segment.docs());
        let aligned = self.segments.binary_search_by_key(&range.start, |segment| segment.first()).is_ok()
            && self.segments.binary_search_by_key(&range.end, end_of).is_ok();
        // Where segments are missing behind damage, nothing can be said.
        if !aligned {
            return Ok(self.damaged);
        }
        for sequence in [range.start, range.end - 1] {
            let Some(fingerprint) = self.fingerprint_at(sequence) else { continue };
            let mut known = Vec::new();
            self.locator.find(&[fingerprint], &mut known)?;
            if !known.contains(&(0, sequence)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// `None` where the record cannot be read.
    fn fingerprint_at(&self, sequence: u64) -> Option<u64> {
        let at = self.segments.partition_point(|segment| segment.first() <= sequence).checked_sub(1)?;
        let doc = u32::try_from(sequence - self.segments[at].first()).ok()?;
        match &*self.segments[at] {
            Segment::Growing(growing) => growing.state().rows.fingerprints().get(doc as usize).copied(),
            Segment::Sealed(sealed) => self.fingerprint(sealed, doc).ok(),
            Segment::Archived(archived) => archived.seen(doc).ok().map(|seen| seen.fingerprint),
            Segment::Damaged { .. } => None,
        }
    }

    fn fingerprint(&self, sealed: &Sealed, doc: u32) -> Result<u64, StoreError> {
        let body = sealed.body(doc)?;
        let (id, _) = id_and_time(&body).map_err(|e| StoreError::damaged(sealed.path(), 0, e))?;
        Ok(self.salts.salted(id).fingerprint)
    }

    /// Adds the ids of sealed segments that the locator misses.
    fn complete(&self, settled: &mut Settled) -> Result<(), StoreError> {
        let covered = self.locator.covered();
        for segment in self.segments {
            let first = segment.first();
            if covered.iter().any(|&(from, to)| from <= first && first < to) {
                continue;
            }
            let (made, path) = match &**segment {
                Segment::Sealed(sealed) => {
                    let docs = 0..sealed.facts().count;
                    (docs.map(|doc| self.fingerprint(sealed, doc)).collect(), sealed.path())
                }
                Segment::Archived(archived) => (seen_fingerprints(archived), archived.path()),
                Segment::Growing(_) | Segment::Damaged { .. } => continue,
            };
            match made {
                Ok(fingerprints) => {
                    self.locator.add(first, &fingerprints)?;
                    settled.notes.push(format!("{}: ids made again from the data", path.display()));
                }
                Err(error) => settled.damage.push(format!("{error}; its ids are not known")),
            }
        }
        Ok(())
    }
}

fn seen_fingerprints(archived: &Archived) -> Result<Vec<u64>, StoreError> {
    (0..archived.facts().count).map(|doc| archived.seen(doc).map(|seen| seen.fingerprint)).collect()
}
