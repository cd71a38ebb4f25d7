//! What a log wants done in the background, and its clean end.

use std::sync::{Arc, PoisonError};

#[cfg(test)]
mod tests;

use super::Log;
use super::moving::Claim;
use crate::catalog::{Closed, Entry, SealedSegment};
use crate::error::StoreError;
use crate::recover::{Opening, rebuild_index};
use crate::retain::{chill, seal_next};
use crate::segment::{Sealed, Segment};

impl Log {
    /// One step of what is due: a seal, a merge of id files, a check of an index file, a piece of
    /// the tree, once a day the thinning of old checkpoints. True when
    /// more may be due. One caller at a time, beside appends and reads.
    ///
    /// # Errors
    /// `Full`: try again later. Others end writing until the log is opened again.
    pub fn work(&self) -> Result<bool, StoreError> {
        if self.writable().is_err() {
            return Ok(false);
        }
        // No id file is merged, or gets a neighbour, before it is known to be sound.
        self.settled()?;
        if self.seal_next()? {
            return Ok(true);
        }
        let merged = self.shared.locator.merge_step().inspect_err(|e| self.shared.poison(e))?;
        Ok(merged || self.check_next_index()? || self.extend_tree()? || self.thin_checkpoints()?)
    }

    /// Writes zeros ahead of the active segment's frames where they run short: an append into them
    /// syncs in half the time. One caller at a time, soon after appends, beside everything else.
    ///
    /// # Errors
    /// `Full`: appends go on while the disk takes them. Others end writing.
    pub fn zero_ahead(&self) -> Result<bool, StoreError> {
        if self.writable().is_err() {
            return Ok(false);
        }
        let snapshot = self.shared.segments.snapshot();
        let Some(Segment::Growing(growing)) = snapshot.segments().last().map(|segment| &**segment) else {
            return Ok(false);
        };
        growing.zero_ahead(&*self.shared.disk).inspect_err(|error| self.shared.poison(error))
    }

    /// Ends writing and leaves the mark of a clean shutdown, durably. Later appends are refused.
    ///
    /// # Errors
    /// `Io` or `Full`: nothing is lost; the next open recovers as after a crash.
    pub fn close(&self) -> Result<(), StoreError> {
        // The writer's lock: no append is under way, so everything in the log is synced.
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if self.writable().is_err() {
            return Ok(());
        }
        self.shared.refuse("it is shutting down");
        let head = self.head();
        let signed = self.notary.conclude()?;
        let mut catalog = self.catalog();
        if let Some(signed) = signed.filter(|&signed| Some(signed) != catalog.checkpoints()) {
            catalog.append(&Entry::Checkpoints(signed))?;
        }
        catalog.append(&Entry::Closed(Closed {
            size: head.size,
            head: head.hash,
            committed_us: head.committed_us,
        }))
    }

    /// Makes the data of the oldest sealed segment cold whose last record was committed before
    /// `before_us`; false when there is none. Its data are re-read and proved against the chain first, the
    /// cold file is read back and must give them byte for byte, and only then do they go. Searches
    /// answer as before. One caller at a time, the one of [`Log::work`]. Costs some 25 µs a record.
    ///
    /// # Errors
    /// `Damaged` when the data are not what was sealed: nothing was changed. `Full`: try again later.
    pub fn chill_next(&self, before_us: u64) -> Result<bool, StoreError> {
        if self.writable().is_err() {
            return Ok(false);
        }
        let Some((segment, entry, _claim)) = self.next_to_chill(before_us) else { return Ok(false) };
        let Segment::Sealed(sealed) = &*segment else { return Ok(false) };
        self.prove(sealed)?;
        chill(self.held(), &self.shared.cache, sealed, &entry)?;
        Ok(true)
    }

    fn next_to_chill(&self, before_us: u64) -> Option<(Arc<Segment>, SealedSegment, Claim<'_>)> {
        let catalog = self.catalog();
        let due = |entry: &&SealedSegment| {
            entry.committed_last_us < before_us && catalog.cold(entry.first).is_none()
        };
        let entry = catalog.sealed().iter().find(due)?.clone();
        let claim = self.moving.claim(entry.first)?;
        let snapshot = self.shared.segments.snapshot();
        let segment = snapshot.segments().iter().find(|segment| segment.first() == entry.first)?;
        Some((Arc::clone(segment), entry, claim))
    }

    pub(super) fn seal_next(&self) -> Result<bool, StoreError> {
        seal_next(self.held()).inspect_err(|error| self.shared.poison(error))
    }

    /// Checks one index file whole, and makes it again from its data when it is damaged. Queries
    /// check what they use anyway; this finds the damage before they do.
    fn check_next_index(&self) -> Result<bool, StoreError> {
        let mut unchecked = self.unchecked.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(first) = *unchecked else { return Ok(false) };
        let next = |from: u64| {
            let snapshot = self.shared.segments.snapshot();
            let mut sealed = snapshot.segments().iter().filter(|s| s.first() >= from);
            sealed.find(|s| matches!(***s, Segment::Sealed(_))).cloned()
        };
        let Some(found) = next(first) else {
            *unchecked = None;
            return Ok(false);
        };
        // A segment on its way to or from the archive has its turn later.
        let Some(_claim) = self.moving.claim(found.first()) else { return Ok(false) };
        *unchecked = next(found.first() + 1).map(|s| s.first());
        // As it is now: who had it may have moved it meanwhile.
        if let Some(segment) = next(found.first()).filter(|now| now.first() == found.first())
            && let Segment::Sealed(sealed) = &*segment
            && let Err(error) = sealed.sections().check_all()
        {
            self.replace_index(sealed, &error)?;
        }
        Ok(unchecked.is_some())
    }

    fn opening(&self) -> Opening<'_> {
        let shared = &self.shared;
        Opening {
            disk: &shared.disk,
            dir: &shared.dir,
            origin: &shared.origin,
            salts: &shared.salts,
            rules: self.options.rules(),
            cache: &shared.cache,
            read_only: false,
        }
    }

    /// Makes the index of a segment whose data are here again.
    pub(super) fn reindex(&self, entry: &SealedSegment) -> Result<Sealed, StoreError> {
        rebuild_index(&self.opening(), &mut self.catalog(), entry)
    }

    fn replace_index(&self, sealed: &Sealed, error: &StoreError) -> Result<(), StoreError> {
        let mut catalog = self.catalog();
        let first = sealed.header().first;
        let entry: Option<SealedSegment> = catalog.sealed().iter().find(|e| e.first == first).cloned();
        let Some(entry) = entry else { return Ok(()) };
        let shared = &self.shared;
        match rebuild_index(&self.opening(), &mut catalog, &entry) {
            Ok(rebuilt) => {
                shared.segments.replace(Arc::new(Segment::Sealed(Box::new(rebuilt))));
                Ok(())
            }
            Err(cause @ StoreError::Full { .. }) => Err(cause),
            Err(cause) => {
                shared.refuse(format!("{error}; and it could not be made again: {cause}"));
                Err(cause)
            }
        }
    }
}
