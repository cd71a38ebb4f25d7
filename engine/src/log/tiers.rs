//! Where the data of sealed segments are: hot, cold, in the archive too, in the archive alone, back for a
//! while.
//!
//! Keeps true: data leave this disk only when the archive's copy was read back and what answers for them
//! is on stable storage; they come back only when every hash of them was recomputed. A crash between any
//! two steps leaves a state that opens and finishes or undoes the step.

mod away;
mod restore;
mod ship;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::Log;
use crate::archive::{ArchiveError, KINDS, MANIFEST_KIND, Manifest, ObjectStore, manifest, object_name};
use crate::catalog::{InArchive, Place, SealedSegment};
use crate::error::StoreError;
use crate::io::read_whole;
use crate::merkle::{self, Nodes as _};
use crate::proof::Checkpoint;
use crate::segment::archived::ArchivedFacts;
use crate::segment::{Segment, Snapshot, data_path};

/// What was put into the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shipped {
    /// First sequence.
    pub first_sequence: u64,
    /// Last sequence.
    pub last_sequence: u64,
    /// Records.
    pub events: u64,
    /// Bytes of all objects.
    pub bytes: u64,
    /// Names of the objects, the manifest's last.
    pub objects: Vec<String>,
    /// SHA-256 of the manifest.
    pub manifest_sha256: [u8; 32],
}

/// Where a sealed segment's data are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TierState {
    /// Here, as they were written.
    Hot,
    /// Here, compressed.
    Cold,
    /// In the archive and here.
    Shipped,
    /// In the archive alone.
    Archived,
    /// In the archive, and here again for a while.
    Restored {
        /// When they may go again, microseconds since 1970.
        until_us: u64,
    },
}

/// A sealed segment and where its data are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierRange {
    /// First sequence.
    pub first_sequence: u64,
    /// Last sequence.
    pub last_sequence: u64,
    /// Commit time of the first record, microseconds since 1970.
    pub committed_first_us: u64,
    /// Commit time of the last record.
    pub committed_last_us: u64,
    /// Earliest event time, microseconds since 1970.
    pub event_first_us: i64,
    /// Latest event time.
    pub event_last_us: i64,
    /// Records.
    pub events: u64,
    /// Bytes of data and of what stays when they are away, on this disk.
    pub bytes_local: u64,
    /// Bytes of the objects in the archive.
    pub bytes_archived: u64,
    /// Where the data are.
    pub state: TierState,
}

impl Log {
    /// Every sealed segment, oldest first, and where its data are. Costs a look at the files of those that
    /// are in the archive.
    #[must_use]
    pub fn tiers(&self) -> Vec<TierRange> {
        let (snapshot, sealed) = {
            let catalog = self.catalog();
            // Under the catalog's lock, as changes of both are made.
            let snapshot = self.shared.segments.snapshot();
            let row = |entry: &SealedSegment| {
                (entry.clone(), catalog.cold(entry.first).is_some(), catalog.in_archive(entry.first))
            };
            (snapshot, catalog.sealed().iter().map(row).collect::<Vec<_>>())
        };
        sealed.iter().map(|(entry, cold, archived)| self.tier(&snapshot, entry, *cold, *archived)).collect()
    }

    fn tier(
        &self,
        snapshot: &Snapshot,
        entry: &SealedSegment,
        cold: bool,
        archived: Option<InArchive>,
    ) -> TierRange {
        let state = match (archived.map(|archived| archived.place), cold) {
            (Some(Place::Both), _) => TierState::Shipped,
            (Some(Place::Away), _) => TierState::Archived,
            (Some(Place::BackUntil(until_us)), _) => TierState::Restored { until_us },
            (None, true) => TierState::Cold,
            (None, false) => TierState::Hot,
        };
        let bytes_local = match snapshot.find(entry.first).map(|(segment, _)| &**segment) {
            Some(Segment::Sealed(sealed)) => sealed.stored_bytes() + sealed.sections().bytes(),
            Some(Segment::Archived(archived)) => archived.local_bytes(),
            _ => 0,
        };
        let manifest = archived.and_then(|archived| self.local_manifest(entry, &archived).ok());
        let objects = manifest.iter().flat_map(|(manifest, _)| &manifest.objects);
        let of_manifest = manifest.as_ref().map_or(0, |(_, bytes)| bytes.len() as u64);
        TierRange {
            first_sequence: entry.first,
            last_sequence: entry.end() - 1,
            committed_first_us: entry.committed_first_us,
            committed_last_us: entry.committed_last_us,
            event_first_us: entry.time_min_ns.div_euclid(1_000),
            event_last_us: entry.time_max_ns.div_euclid(1_000),
            events: u64::from(entry.count),
            bytes_local,
            bytes_archived: objects.map(|object| object.bytes).sum::<u64>() + of_manifest,
            state,
        }
    }

    /// First sequence of each segment in the archive, and commit time of its last record, oldest first.
    #[must_use]
    pub fn archived(&self) -> Vec<(u64, u64)> {
        self.in_archive().iter().map(|(entry, _)| (entry.first, entry.committed_last_us)).collect()
    }

    /// Lengthens the locks of all objects of the archived segment that begins at `first`, and returns how
    /// many there are. Locks are never shortened; a store without locks does nothing.
    ///
    /// # Errors
    /// `Object` with the first one whose lock could not be lengthened; those of the others have been.
    /// `Store`: there is no such segment, or its manifest is not whole.
    pub fn retain_archived(
        &self,
        store: &dyn ObjectStore,
        first: u64,
        until_us: u64,
    ) -> Result<u64, ArchiveError> {
        let (entry, archived) = self.archived_at(first)?;
        let (manifest, _) = self.local_manifest(&entry, &archived)?;
        let (mut count, mut failed) = (0, None);
        let name = object_name(self.origin(), first, MANIFEST_KIND);
        let objects = manifest.objects.iter().map(|o| (o.name.as_str(), o.version_id.as_deref()));
        for (name, version) in objects.chain([(name.as_str(), None)]) {
            match store.retain(name, version, until_us) {
                Ok(()) => count += 1,
                Err(error) => failed = failed.or(Some(ArchiveError::object(name)(error))),
            }
        }
        failed.map_or(Ok(count), Err)
    }

    /// The segment in the archive that begins at `first`.
    fn archived_at(&self, first: u64) -> Result<(SealedSegment, InArchive), StoreError> {
        let catalog = self.catalog();
        let known = catalog.sealed_at(first).cloned().zip(catalog.in_archive(first));
        known.ok_or_else(|| {
            StoreError::Refused(format!("no segment that begins at sequence {first} is in the archive"))
        })
    }

    /// The segments in the archive, oldest first.
    fn in_archive(&self) -> Vec<(SealedSegment, InArchive)> {
        let catalog = self.catalog();
        let row =
            |(&first, archived): (&u64, &InArchive)| Some((catalog.sealed_at(first)?.clone(), *archived));
        catalog.archived().iter().filter_map(row).collect()
    }

    /// The sealed segment in the snapshot, where its files are here.
    fn sealed(&self, first: u64) -> Option<Arc<Segment>> {
        let snapshot = self.shared.segments.snapshot();
        let (segment, _) = snapshot.find(first)?;
        matches!(**segment, Segment::Sealed(_)).then(|| Arc::clone(segment))
    }

    /// The manifest that is kept here, which must be the one that was archived.
    fn local_manifest(
        &self,
        entry: &SealedSegment,
        archived: &InArchive,
    ) -> Result<(Manifest, Vec<u8>), StoreError> {
        let path = data_path(&self.shared.dir, entry.first).with_extension("manifest");
        let bytes = read_whole(&*self.shared.disk, &path, manifest::MANIFEST_BYTES_MAX, "a manifest")?;
        let damaged = |why: String| StoreError::damaged(&path, 0, why).at(entry.first);
        if manifest::sha256(&bytes) != archived.manifest_sha256 {
            return Err(damaged("is not the manifest that was archived".to_owned()));
        }
        Ok((Manifest::read(&bytes).map_err(damaged)?, bytes))
    }

    /// Holds a manifest against the catalog and the tree.
    pub(super) fn meets(&self, manifest: &Manifest, entry: &SealedSegment) -> Result<(), ArchiveError> {
        let name = object_name(self.origin(), entry.first, MANIFEST_KIND);
        let refused = |why: String| Err(ArchiveError::refused(&name, why));
        if manifest.origin != self.origin() {
            return refused(format!("is of the log {}", manifest.origin));
        }
        if (manifest.a, manifest.b) != (entry.first, entry.end()) {
            let (a, b, first, end) = (manifest.a, manifest.b, entry.first, entry.end());
            return refused(format!("covers [{a}, {b}), the segment is [{first}, {end})"));
        }
        if (manifest.prev, manifest.last) != (entry.previous, entry.last) {
            return refused("does not link to the records around it".to_owned());
        }
        if manifest.subtrees != self.subtrees(entry)? {
            return refused("its subtrees are not those of the log's tree".to_owned());
        }
        let checkpoint = match self.opened_checkpoint(manifest.checkpoint.as_bytes()) {
            Some(checkpoint) if checkpoint.size >= entry.end() => checkpoint,
            Some(checkpoint) => {
                return refused(format!("its checkpoint covers {} records", checkpoint.size));
            }
            None => return refused("its checkpoint is not signed by this log".to_owned()),
        };
        if self.root(checkpoint.size)? != checkpoint.root {
            return refused("its checkpoint is not of the log's tree".to_owned());
        }
        Ok(())
    }

    /// A signed note of this log's own keys.
    fn opened_checkpoint(&self, note: &[u8]) -> Option<Checkpoint> {
        self.notary.keys().all().iter().find_map(|signer| Checkpoint::open(note, &signer.key).ok())
    }

    /// The subtrees over a segment, as the kept tree and the segments' links give them.
    fn subtrees(&self, entry: &SealedSegment) -> Result<Vec<merkle::Node>, StoreError> {
        let snapshot = self.shared.segments.snapshot();
        let over = self.notary.tree().over(&snapshot);
        let subtrees = merkle::subtrees(entry.first, entry.end()).into_iter();
        subtrees.map(|(level, index)| over.node(level, index)).collect()
    }
}

/// Which segment the files that stay are of.
pub(super) fn facts_of(origin: &str, entry: &SealedSegment) -> ArchivedFacts {
    ArchivedFacts {
        origin: origin.to_owned(),
        first: entry.first,
        count: entry.count,
        previous: entry.previous,
        last: entry.last,
    }
}

fn all_names(origin: &str, first: u64) -> Vec<String> {
    KINDS.iter().chain([&MANIFEST_KIND]).map(|kind| object_name(origin, first, kind)).collect()
}
