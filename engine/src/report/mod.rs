//! Compliance reports: a filter → which records match, and the proofs that none is left out
//! (docs/CUSTODY.md, "Compliance report").
//!
//! Owns making a [`Report`] from a log's snapshot and its index events, and its JSON form. It signs
//! nothing and adds nothing to the log.
//!
//! Keeps true: what is reported is what the signed index says. Each index event that is used is
//! recomputed from the records, and the finished proof is held against the signed root, before
//! anyone sees the report.

mod epochs;
mod error;
mod make;
mod stretch;
mod write;

use std::sync::Arc;

pub use epochs::{each_event, epoch_over};
pub use error::{ReportError, WriteError};
pub use make::{Source, make};
use stretch::ShownEpoch;

use crate::error::StoreError;
use crate::merkle::Node;
use crate::proof::Signed;
use crate::record::Record;
use crate::segment::Snapshot;
use crate::tags::Filter;

/// An index event and its sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexEvent {
    /// The record that says it.
    pub sequence: u64,
    /// What it says.
    pub statement: crate::tags::Statement,
}

/// What a report may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportLimits {
    /// Most entries.
    pub entries_max: u64,
    /// Most headers: records that carry the values, outside the range.
    pub headers_max: u64,
}

impl Default for ReportLimits {
    fn default() -> Self {
        Self { entries_max: 100_000, headers_max: 1_000_000 }
    }
}

/// A finished report. It holds the segments as they were, so what happens to the log meanwhile does
/// not matter.
pub struct Report {
    snapshot: Snapshot,
    filter: Filter,
    signed: Arc<Signed>,
    key: String,
    /// Sequences, ascending; so are the next two.
    entries: Vec<u64>,
    headers: Vec<u64>,
    index: Vec<u64>,
    epochs: Vec<ShownEpoch>,
    proof: Vec<Node>,
    verification_hash: Node,
    as_of: u64,
    committed_us: Option<(u64, u64)>,
}

impl Report {
    /// What was asked. On the axis of commit times the range ends where the index does, if more was
    /// asked.
    #[must_use]
    pub const fn filter(&self) -> &Filter {
        &self.filter
    }

    /// The checkpoint that covers everything shown.
    #[must_use]
    pub const fn signed(&self) -> &Arc<Signed> {
        &self.signed
    }

    /// The verifier key of the log.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The hash that the report is known by.
    #[must_use]
    pub const fn verification_hash(&self) -> [u8; 32] {
        self.verification_hash
    }

    /// Number of entries.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entries.len() as u64
    }

    /// First and last sequence of the entries; none where there are none.
    #[must_use]
    pub fn sequences(&self) -> Option<(u64, u64)> {
        Some((*self.entries.first()?, *self.entries.last()?))
    }

    /// Commit times of the first and the last entry, microseconds since 1970.
    #[must_use]
    pub const fn committed_us(&self) -> Option<(u64, u64)> {
        self.committed_us
    }

    /// The report is as of this sequence: the records below it are covered by the index events shown.
    #[must_use]
    pub const fn as_of(&self) -> u64 {
        self.as_of
    }

    /// Number of records shown without content: outside the range, or beside it.
    #[must_use]
    pub const fn headers(&self) -> u64 {
        self.headers.len() as u64
    }

    /// Number of index events shown.
    #[must_use]
    pub const fn index_events(&self) -> u64 {
        self.index.len() as u64
    }

    /// Shows every entry, in order of sequence, one at a time.
    ///
    /// # Errors
    /// `Damaged` or `Io` of a segment, or what `see` fails with, which ends it.
    pub fn each_entry<E: From<StoreError>>(
        &self,
        see: &mut dyn FnMut(&Record) -> Result<(), E>,
    ) -> Result<(), E> {
        self.entries.iter().try_for_each(|&sequence| see(&self.snapshot.record(sequence)?))
    }
}
