//! Events in: batch, dedup, link, append, sync, publish. The only writer of a log.
//!
//! Owns the order in which records enter the log and the moment they become visible. Segment
//! boundaries depend on the records alone (count, bytes, a `stele.seal` event), never on timing.
//!
//! Keeps true: an outcome is returned only when the record it names is on stable storage, in the
//! chain and visible to readers; after a failed sync nothing more is written until the log is
//! opened again, because the page cache may claim bytes that the disk does not have.

mod judge;
mod prepare;
mod shared;
mod writer;

pub use prepare::{Batch, prepare};
pub use shared::Shared;
pub use writer::Writer;

use crate::chain::Hash;

/// What became of one event of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is a new record.
    Stored {
        /// Its sequence.
        sequence: u64,
        /// Its h.
        hash: Hash,
    },
    /// The same event is in the log already, on stable storage.
    Duplicate {
        /// Sequence of the first one.
        sequence: u64,
        /// h of the first one.
        hash: Hash,
        /// The first one is archived: that it is the same was told from its hash.
        archived: bool,
    },
    /// Another event with the same id is in the log; it stands.
    Conflict {
        /// Sequence of the one that stands; `None` when it was refused with its atomic batch.
        sequence: Option<u64>,
        /// The one that stands is archived.
        archived: bool,
    },
    /// An atomic batch stored nothing because another item conflicts.
    NotStored,
}
