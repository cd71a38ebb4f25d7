//! The front door: open, append, search, read, verify. Wires the rooms, decides nothing.
#![allow(unused, missing_docs, clippy::unimplemented, clippy::new_without_default)]
use crate::error::StoreError;
use crate::event::Event;
use crate::io::Disk;
use crate::query::{Cursor, CursorError, Filter, Order};
use crate::record::Record;
use std::path::Path;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct Options {
    pub segment_records_max: u32,
    pub segment_bytes_max: u64,
}
impl Default for Options {
    fn default() -> Self {
        Self { segment_records_max: 131_072, segment_bytes_max: 96 << 20 }
    }
}
/// Size (next sequence), chain hash of the last record (genesis when empty) and its commit time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub size: u64,
    pub hash: [u8; 32],
    pub committed_us: u64,
}
/// What opening found and did, a line each, for the operator.
#[derive(Clone, Debug, Default)]
pub struct OpenReport {
    pub notes: Vec<String>,
    pub damage: Vec<String>,
}
/// Events of one request, hashed and ready for the writer.
pub struct Batch;
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Stored {
        sequence: u64,
        hash: [u8; 32],
    },
    Duplicate {
        sequence: u64,
        hash: [u8; 32],
    },
    Conflict {
        sequence: u64,
    },
    /// An atomic batch stored nothing because another item conflicts.
    NotStored,
}
pub struct Search {
    pub filter: Filter,
    pub order: Order,
    pub limit: usize,
    pub after: Option<(i64, u64)>,
    /// Snapshot: only sequences below; the current head when absent.
    pub head: Option<u64>,
    pub count: bool,
}
/// `last` is the position for the next page's `after`, present when there is more.
pub struct Found {
    pub records: Vec<Record>,
    pub last: Option<(i64, u64)>,
    pub matched: Option<u64>,
    pub head: u64,
}
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub sequence: u64,
    pub of: u64,
}
/// Figures for metrics.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    pub size: u64,
    pub segments: u64,
    pub sealing: u64,
    pub active_bytes: u64,
    pub data_bytes: u64,
    pub index_bytes: u64,
    pub heap_bytes: u64,
    pub syncs: u64,
    pub duplicates: u64,
}
/// One log: `Sync`, shared by threads behind an `Arc`.
pub struct Log;
impl Log {
    /// Makes the directory, secret file and catalog of a new, empty log.
    pub fn create(
        disk: Arc<dyn Disk>,
        dir: &Path,
        origin: &str,
        secret: [u8; 32],
        options: Options,
    ) -> Result<Self, StoreError> {
        unimplemented!()
    }
    /// Opens an existing log. A damaged one opens read-only: see `OpenReport::damage` and `writable`.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path, options: Options) -> Result<(Self, OpenReport), StoreError> {
        unimplemented!()
    }
    /// The same for readers such as `stele verify`: cuts nothing, writes nothing.
    pub fn open_read_only(disk: Arc<dyn Disk>, dir: &Path) -> Result<(Self, OpenReport), StoreError> {
        unimplemented!()
    }
    pub fn origin(&self) -> &str {
        unimplemented!()
    }
    pub fn head(&self) -> Head {
        unimplemented!()
    }
    pub fn stats(&self) -> Stats {
        unimplemented!()
    }
    /// `Err(why)` when the log takes no events.
    pub fn writable(&self) -> Result<(), String> {
        unimplemented!()
    }
    /// Hashes salts and records; runs on the caller's thread, without locks. An atomic batch becomes one frame or nothing.
    pub fn prepare(&self, events: Vec<Event>, atomic: bool) -> Batch {
        unimplemented!()
    }
    /// Group commit: one sync for all batches. Blocking; one outcome per event of each batch, in order.
    /// `now_us` is the commit time (microseconds since 1970); it is raised to the last one's where it is below.
    pub fn append(&self, batches: Vec<Batch>, now_us: u64) -> Vec<Result<Vec<Outcome>, StoreError>> {
        unimplemented!()
    }
    pub fn search(&self, search: &Search) -> Result<Found, StoreError> {
        unimplemented!()
    }
    /// By event id, own events included.
    pub fn find(&self, event_id: &str) -> Result<Option<Record>, StoreError> {
        unimplemented!()
    }
    /// Records from `sequence` on, in sequence order, that match, at most `limit`, and the sequence to go on from. For tails.
    pub fn read_from(
        &self,
        sequence: u64,
        filter: &Filter,
        limit: usize,
    ) -> Result<(Vec<Record>, u64), StoreError> {
        unimplemented!()
    }
    pub fn seal_cursor(&self, cursor: &Cursor) -> String {
        unimplemented!()
    }
    pub fn open_cursor(&self, token: &str, now_ns: i64) -> Result<Cursor, CursorError> {
        unimplemented!()
    }
    /// Checks `[from, to)` (whole log when `None`); calls `progress` now and then; false from it stops.
    pub fn verify(
        &self,
        range: Option<(u64, u64)>,
        progress: &(dyn Fn(Progress) -> bool + Sync),
    ) -> Result<crate::verify::Verdict, StoreError> {
        unimplemented!()
    }
    /// One step of what is due in the background (sealing, merging id files, zeroing ahead). True when more is due.
    /// The server calls it from one worker thread, woken after appends.
    pub fn work(&self) -> Result<bool, StoreError> {
        unimplemented!()
    }
    /// Clean shutdown: syncs and leaves a mark. Later appends are refused.
    pub fn close(&self) -> Result<(), StoreError> {
        unimplemented!()
    }
}
