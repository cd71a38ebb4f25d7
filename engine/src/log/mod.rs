//! The front door: open, append, search, read, verify. Wires the rooms, decides nothing.
//!
//! A [`Log`] is shared by threads behind an `Arc`. It starts no thread and reads no clock: the
//! caller brings times, calls [`Log::append`] from its writer, and [`Log::work`] and
//! [`Log::zero_ahead`] from its background.

mod ask;
mod background;
mod check;
#[cfg(test)]
mod fixture;
mod ids;
mod index_events;
mod mend;
mod moving;
mod open;
mod prove;
mod read;
mod report;
#[cfg(test)]
mod tests;
mod tiers;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use ask::{Ask, History};
pub use check::{Check, Pace, Progress, verify_dir};
pub use prove::{Consistency, Inclusion};
pub use read::{Found, PAGE_BYTES_MAX, READ_BYTES_MAX, Search};
pub use tiers::{Shipped, TierRange, TierState};

use crate::catalog::Catalog;
use crate::error::StoreError;
use crate::event::Event;
pub use crate::ingest::{Batch, Outcome};
use crate::ingest::{Shared, Writer, prepare};
use crate::proof::Notary;
pub use crate::proof::{Rotated, Signed};
pub use crate::query::Gap;
use crate::query::{Cursor, CursorError, CursorKey};
pub use crate::report::{IndexEvent, Report, ReportError, ReportLimits, WriteError};
use crate::retain::{Held, backlog};
pub use crate::segment::Head;
use crate::segment::{Rules, Segment};
use crate::tags::EPOCH_RECORDS_MAX;
use ids::Settling;
use mend::Opened;
use moving::Moving;

/// Full segments that may wait for their seal before an append seals one itself: bounds memory.
const BACKLOG_MAX: usize = 3;

/// Most bytes of bodies that a segment may be given.
const SEGMENT_BYTES_MAX: u64 = 1 << 30;

/// When segments are full. Tests use small ones.
#[derive(Clone, Debug)]
pub struct Options {
    /// Records after which a segment is full.
    pub segment_records_max: u32,
    /// Bytes of bodies after which a segment is full.
    pub segment_bytes_max: u64,
    /// Threads that [`Log::verify`] may use; the default is one for each processor.
    pub verify_threads: usize,
    /// Records that one index event covers at most; never more than 65,536.
    pub epoch_records_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        let verify_threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self {
            segment_records_max: 131_072,
            segment_bytes_max: 96 << 20,
            verify_threads,
            epoch_records_max: EPOCH_RECORDS_MAX,
        }
    }
}

impl Options {
    const fn rules(&self) -> Rules {
        // Offsets in a segment are 32 bits, and one unit may overshoot.
        let segment_bytes_max = if self.segment_bytes_max > SEGMENT_BYTES_MAX {
            SEGMENT_BYTES_MAX
        } else {
            self.segment_bytes_max
        };
        Rules { segment_records_max: self.segment_records_max, segment_bytes_max }
    }
}

/// What opening found and did, a line each, for the operator.
#[derive(Clone, Debug, Default)]
pub struct OpenReport {
    /// Torn tails that were cut, derived files that were made again.
    pub notes: Vec<String>,
    /// Damage with file, offset and sequence: the log takes no events while there is any.
    pub damage: Vec<String>,
}

/// Figures for metrics.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    /// Records in the log.
    pub size: u64,
    /// Segment files.
    pub segments: u64,
    /// Segments whose data are in the archive alone.
    pub archived: u64,
    /// Full segments that wait for their seal.
    pub sealing: u64,
    /// Bytes of frames in the segment that takes records.
    pub active_bytes: u64,
    /// Bytes of sealed data files.
    pub data_bytes: u64,
    /// Heap bytes of columns, indexes and ids in memory, roughly.
    pub heap_bytes: u64,
    /// Syncs by the writer since the log was opened.
    pub syncs: u64,
    /// Duplicates answered since the log was opened.
    pub duplicates: u64,
}

/// One log.
pub struct Log {
    shared: Arc<Shared>,
    writer: Mutex<Writer>,
    catalog: Mutex<Catalog>,
    notary: Notary,
    cursors: CursorKey,
    options: Options,
    /// First sequence of the sealed segment whose index is to be checked next.
    unchecked: Mutex<Option<u64>>,
    /// The sealed segments whose files are being made or removed.
    moving: Moving,
    /// The index events that are known, from the first one on.
    index_events: Mutex<Vec<IndexEvent>>,
    /// What opening told of damage and still holds.
    opened: Mutex<Opened>,
    /// Whether the ids were held against the segments since the log was opened.
    ids: Settling,
    /// Nobody writes to the files while they are open.
    read_only: bool,
}

impl Log {
    /// The log's name in its chain.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.shared.origin.as_str()
    }

    /// How far the log reaches.
    #[must_use]
    pub fn head(&self) -> Head {
        self.shared.segments.head()
    }

    /// Whether the log takes events.
    ///
    /// # Errors
    /// Why it does not: damage found at the open, a failed sync, a shutdown.
    pub fn writable(&self) -> Result<(), String> {
        self.shared.refusal().map_or(Ok(()), Err)
    }

    /// Figures for metrics; costs a look at every segment.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let snapshot = self.shared.segments.snapshot();
        let mut stats = Stats {
            size: snapshot.head.size,
            segments: snapshot.segments().len() as u64,
            sealing: backlog(&self.shared.segments) as u64,
            syncs: self.shared.syncs.load(Ordering::Relaxed),
            duplicates: self.shared.duplicates.load(Ordering::Relaxed),
            heap_bytes: self.shared.recent().heap_bytes() as u64,
            ..Stats::default()
        };
        for segment in snapshot.segments() {
            match &**segment {
                Segment::Growing(growing) => {
                    let state = growing.state();
                    stats.active_bytes = growing.written();
                    stats.heap_bytes += (state.rows.heap_bytes() + state.live.heap_bytes()) as u64;
                }
                Segment::Sealed(sealed) => stats.data_bytes += sealed.stored_bytes(),
                Segment::Archived(_) => stats.archived += 1,
                Segment::Damaged { .. } => {}
            }
        }
        stats
    }

    /// Hashes the events of one request, on the caller's thread and without locks. An atomic batch
    /// becomes one frame or nothing.
    #[must_use]
    pub fn prepare(&self, events: Vec<Event>, atomic: bool) -> Batch {
        prepare(&self.shared.salts, events, atomic)
    }

    /// Group commit: one sync for all batches, in their order. Blocks until everything that it
    /// reports as stored is on stable storage, chained and visible. Per batch, an outcome per event.
    ///
    /// The first one waits for [`Log::settle`]. `now_us` is the commit time in microseconds since 1970; it is raised to the last record's
    /// where it is below.
    ///
    /// # Errors
    /// Per batch: `ReadOnly`, `Full` (try again later), `Io` (the log takes no events until it is
    /// opened again), `Damaged` (a stored record that decides about a duplicate cannot be read).
    /// Events of a failed batch may have been stored: send it again, duplicates are recognized.
    pub fn append(&self, batches: Vec<Batch>, now_us: u64) -> Vec<Result<Vec<Outcome>, StoreError>> {
        if self.writable().is_ok()
            && let Err(error) = self.settled()
        {
            return batches.iter().map(|_| Err(error.repeat())).collect();
        }
        // Where the background falls behind, the writer helps, which also slows it down.
        while self.writable().is_ok() && backlog(&self.shared.segments) > BACKLOG_MAX {
            if let Err(error) = self.seal_next() {
                return batches.iter().map(|_| Err(error.repeat())).collect();
            }
        }
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).append(batches, now_us)
    }

    /// Seals a cursor for clients.
    #[must_use]
    pub fn seal_cursor(&self, cursor: &Cursor) -> String {
        self.cursors.seal(cursor)
    }

    /// Opens what a client sent as a cursor.
    ///
    /// # Errors
    /// Not made by this log, or too old.
    pub fn open_cursor(&self, token: &str, now_ns: i64) -> Result<Cursor, CursorError> {
        self.cursors.open(token, now_ns)
    }

    fn held(&self) -> Held<'_> {
        Held {
            disk: &*self.shared.disk,
            salts: &self.shared.salts,
            segments: &self.shared.segments,
            locator: &self.shared.locator,
            recent: &self.shared.recent,
            catalog: &self.catalog,
        }
    }

    fn catalog(&self) -> MutexGuard<'_, Catalog> {
        self.catalog.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
