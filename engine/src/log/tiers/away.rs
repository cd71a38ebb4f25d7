//! Off this disk: what the archive holds goes, what answers for it stays.

use super::super::moving::Claim;
use super::{Log, TierRange, facts_of};
use crate::archive::ArchiveError;
use crate::catalog::{Entry, InArchive, Place, SealedSegment};
use crate::error::StoreError;
use crate::io::remove_if_there;
use crate::segment::archived::{Times, read_links, read_seen, write_links, write_seen};
use crate::segment::{Archived, Sealed, Segment, data_path};
use std::sync::Arc;

impl Log {
    /// Lets the data and the index of the oldest segment go that is in the archive and here, where its last
    /// record was committed before `before_us`; `None` when there is none. The links of its records, what
    /// tells duplicates, and its manifest are on stable storage before. A segment that is being moved is
    /// passed over.
    ///
    /// # Errors
    /// `Store`: nothing was dropped, or the next opening finishes it.
    pub fn drop_next(&self, before_us: u64) -> Result<Option<TierRange>, ArchiveError> {
        self.let_go(&|entry, archived| archived.place == Place::Both && entry.committed_last_us < before_us)
    }

    /// The same for the oldest restored segment whose time is over at `now_us`.
    ///
    /// # Errors
    /// As [`Log::drop_next`].
    pub fn expire_next(&self, now_us: u64) -> Result<Option<TierRange>, ArchiveError> {
        let over = |place| matches!(place, Place::BackUntil(until_us) if until_us <= now_us);
        self.let_go(&|_, archived| over(archived.place))
    }

    fn let_go(
        &self,
        due: &dyn Fn(&SealedSegment, &InArchive) -> bool,
    ) -> Result<Option<TierRange>, ArchiveError> {
        if self.writable().is_err() {
            return Ok(None);
        }
        // Ids may have to be made again from the data that go.
        self.settled()?;
        let Some((entry, archived, _claim)) = self.next_to_go(due) else { return Ok(None) };
        let Some(segment) = self.sealed(entry.first) else { return Ok(None) };
        let Segment::Sealed(sealed) = &*segment else { return Ok(None) };
        self.keep(sealed, &entry, &archived)?;
        let away = Arc::new(Segment::Archived(Box::new(self.away(&entry))));
        self.move_to(&Entry::Dropped { first: entry.first }, away)?;
        for extension in ["cold", "idx"] {
            let path = data_path(&self.shared.dir, entry.first).with_extension(extension);
            remove_if_there(&*self.shared.disk, &path)?;
        }
        let place = Some(InArchive { place: Place::Away, ..archived });
        Ok(Some(self.tier(&self.shared.segments.snapshot(), &entry, true, place)))
    }

    fn next_to_go(
        &self,
        due: &dyn Fn(&SealedSegment, &InArchive) -> bool,
    ) -> Option<(SealedSegment, InArchive, Claim<'_>)> {
        let catalog = self.catalog();
        catalog.archived().iter().find_map(|(&first, archived)| {
            let entry = catalog.sealed_at(first).filter(|entry| due(entry, archived))?;
            Some((entry.clone(), *archived, self.moving.claim(first)?))
        })
    }

    /// Notes in the catalog where a segment is now, and serves it from there: both at once for whoever asks
    /// [`Log::tiers`], so that no search begun after it is told finds the segment where it was.
    pub(super) fn move_to(&self, entry: &Entry, segment: Arc<Segment>) -> Result<(), StoreError> {
        let mut catalog = self.catalog();
        catalog.append(entry)?;
        self.shared.segments.replace(segment);
        Ok(())
    }

    /// Makes what stays, or finds it whole.
    pub(super) fn keep(
        &self,
        sealed: &Sealed,
        entry: &SealedSegment,
        archived: &InArchive,
    ) -> Result<(), StoreError> {
        let (disk, facts) = (&*self.shared.disk, facts_of(self.origin(), entry));
        self.local_manifest(entry, archived)?;
        let path = sealed.path().with_extension("h");
        let links = || read_links(disk, &path, &facts);
        let whole =
            links().is_ok_and(|links| sealed.rows().hashes().is_ok_and(|h| links.as_flattened() == h));
        if !whole {
            // It is made from the index, which must give the chain's last link at least.
            write_links(disk, sealed, &facts)?;
            links()?;
        }
        let path = sealed.path().with_extension("seen");
        if read_seen(disk, &path, &facts).is_err() {
            write_seen(disk, sealed, &self.shared.salts, &facts)?;
            read_seen(disk, &path, &facts)?;
        }
        Ok(())
    }

    pub(super) fn away(&self, entry: &SealedSegment) -> Archived {
        let shared = &self.shared;
        let times = Times::of(
            (entry.committed_first_us, entry.committed_last_us),
            (entry.time_min_ns, entry.time_max_ns),
        );
        Archived::new(&shared.disk, &shared.dir, &shared.salts, facts_of(self.origin(), entry), times)
    }
}
