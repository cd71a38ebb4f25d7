//! Which segments exist and in which state: an append-only file of checksummed records.
#![allow(unused, missing_docs, clippy::unimplemented)]
use crate::chain::Hash;
use crate::error::StoreError;
use crate::io::Disk;
use std::path::Path;
use std::sync::Arc;

/// First record of every catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    pub origin: String,
    pub suite: u8,
}
/// A finished segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSegment {
    pub first: u64,
    pub count: u32,
    /// Bytes of the data file, zeros cut.
    pub data_bytes: u64,
    /// h(first - 1) and h(first + count - 1).
    pub previous: Hash,
    pub last: Hash,
    pub committed_first_us: u64,
    pub committed_last_us: u64,
    /// Smallest and largest event time.
    pub time_min_ns: i64,
    pub time_max_ns: i64,
    /// `Sections::footer_hash` of the index file.
    pub index_footer: Hash,
}
/// The clean-shutdown mark: how far the log reached. Valid until the next `Opened`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    pub size: u64,
    pub head: Hash,
    pub committed_us: u64,
}
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    Created(Created),
    Sealed(SealedSegment),
    Closed(Closed),
    /// A writer opened the log: what follows may be cut by a crash.
    Opened,
    /// An index file was rebuilt: its new footer hash.
    Reindexed {
        first: u64,
        index_footer: Hash,
    },
}
pub struct Catalog;
impl Catalog {
    /// Makes the file with its first record; durable when it returns (file and directory).
    pub fn create(disk: Arc<dyn Disk>, path: &Path, created: &Created) -> Result<Self, StoreError> {
        unimplemented!()
    }
    /// Reads the file. A torn last record (power cut while appending) is cut and noted; damage before it is `Damaged` with its byte.
    pub fn open(disk: Arc<dyn Disk>, path: &Path) -> Result<(Self, Vec<String>), StoreError> {
        unimplemented!()
    }
    pub fn created(&self) -> &Created {
        unimplemented!()
    }
    /// Sealed segments, ascending.
    pub fn sealed(&self) -> &[SealedSegment] {
        unimplemented!()
    }
    /// The mark, when the last writer shut down cleanly and none opened the log since.
    pub fn closed(&self) -> Option<&Closed> {
        unimplemented!()
    }
    /// The newest mark, even when a writer opened the log since: the log can only be longer.
    pub fn last_closed(&self) -> Option<&Closed> {
        unimplemented!()
    }
    /// Appends and syncs. Refuses a sealed segment that does not follow the last one.
    pub fn append(&mut self, entry: &Entry) -> Result<(), StoreError> {
        unimplemented!()
    }
}
