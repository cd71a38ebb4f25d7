//! All segments of a log, as readers see them at one moment.

use std::sync::{Arc, PoisonError, RwLock};

use super::archived::Archived;
use super::growing::Growing;
use super::sealed::Sealed;
use crate::chain::Hash;
use crate::error::StoreError;
use crate::record::Record;

/// Size of a log (its next sequence), chain hash of its last record (genesis when empty) and that
/// record's commit time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of records: the next sequence.
    pub size: u64,
    /// h(size - 1).
    pub hash: Hash,
    /// Commit time of the last record in microseconds since 1970, 0 when empty.
    pub committed_us: u64,
}

/// One segment in whatever state it is.
pub enum Segment {
    /// Takes records, or waits for its seal.
    Growing(Box<Growing>),
    /// Read-only, with an index file.
    Sealed(Box<Sealed>),
    /// Its data and its index are in the archive: links are here, records are not.
    Archived(Box<Archived>),
    /// Known from the catalog, but its files are not what was sealed.
    Damaged {
        /// First sequence.
        first: u64,
        /// Records that it held.
        count: u32,
        /// h(first - 1).
        previous: Hash,
        /// The fault, with its place.
        why: String,
        /// The data file.
        path: std::path::PathBuf,
    },
}

impl Segment {
    /// First sequence.
    #[must_use]
    pub fn first(&self) -> u64 {
        match self {
            Self::Growing(growing) => growing.header().first,
            Self::Sealed(sealed) => sealed.header().first,
            Self::Archived(archived) => archived.facts().first,
            Self::Damaged { first, .. } => *first,
        }
    }

    /// Records published.
    #[must_use]
    pub fn docs(&self) -> u32 {
        match self {
            Self::Growing(growing) => growing.state().rows.docs(),
            Self::Sealed(sealed) => sealed.facts().count,
            Self::Archived(archived) => archived.facts().count,
            Self::Damaged { count, .. } => *count,
        }
    }

    /// A record by its number in the segment.
    ///
    /// # Errors
    /// `Damaged` with the place, `Archived`, or `Io`.
    pub fn record(&self, doc: u32) -> Result<Record, StoreError> {
        match self {
            Self::Growing(growing) => growing.record(doc),
            Self::Sealed(sealed) => sealed.record(doc),
            Self::Archived(archived) => archived.record(doc),
            Self::Damaged { first, why, path, .. } => {
                Err(StoreError::damaged(path, 0, why.clone()).at(first + u64::from(doc)))
            }
        }
    }
}

/// The segments at one moment, oldest first; the last one takes the records. Cheap to clone.
#[derive(Clone)]
pub struct Snapshot {
    /// How far the log reaches.
    pub head: Head,
    segments: Arc<Vec<Arc<Segment>>>,
}

impl Snapshot {
    /// Oldest first.
    #[must_use]
    pub fn segments(&self) -> &[Arc<Segment>] {
        &self.segments
    }

    /// The segment that holds a sequence, and the record's number in it; `None` at or past the head.
    #[must_use]
    pub fn find(&self, sequence: u64) -> Option<(&Arc<Segment>, u32)> {
        if sequence >= self.head.size {
            return None;
        }
        let after = self.segments.partition_point(|segment| segment.first() <= sequence);
        let segment = self.segments.get(after.checked_sub(1)?)?;
        Some((segment, u32::try_from(sequence - segment.first()).ok()?))
    }

    /// A record by its sequence.
    ///
    /// # Errors
    /// `Refused` at or past the head, `Damaged` or `Io`.
    pub fn record(&self, sequence: u64) -> Result<Record, StoreError> {
        match self.find(sequence) {
            Some((segment, doc)) => segment.record(doc),
            None => Err(StoreError::Refused(format!("the log has no sequence {sequence} yet"))),
        }
    }
}

/// The current snapshot, shared by the writer, the background and all readers.
pub struct Segments(RwLock<Snapshot>);

impl Segments {
    /// Starts from what opening found.
    #[must_use]
    pub fn new(segments: Vec<Arc<Segment>>, head: Head) -> Self {
        Self(RwLock::new(Snapshot { head, segments: Arc::new(segments) }))
    }

    /// The segments now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How far the log reaches now.
    #[must_use]
    pub fn head(&self) -> Head {
        self.0.read().unwrap_or_else(PoisonError::into_inner).head
    }

    /// Shows readers that the log has grown; its new records are published already.
    pub fn advance(&self, head: Head) {
        self.change(|snapshot| snapshot.head = head);
    }

    /// Adds the segment that takes records from now on.
    pub fn push(&self, segment: Arc<Segment>) {
        self.change(|snapshot| Arc::make_mut(&mut snapshot.segments).push(segment));
    }

    /// Puts a sealed segment in the place of the growing one with the same first sequence.
    pub fn replace(&self, sealed: Arc<Segment>) {
        self.change(|snapshot| {
            let first = sealed.first();
            let place = Arc::make_mut(&mut snapshot.segments).iter_mut().find(|s| s.first() == first);
            if let Some(place) = place {
                *place = sealed;
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Snapshot)) {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }
}
