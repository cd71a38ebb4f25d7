//! Bytes and claims to a verdict: opens no file, writes nothing.
//!
//! [`segment`] re-reads one data file and recomputes everything in it; [`join`] puts the verdicts of
//! a row of segments together. Meant to be audited in an hour: [`walk`](self) goes from frame to
//! frame, `records` from record to record, `resync` finds the next frame after a broken one.
//! [`report()`] proves a compliance report, for which no log is needed.
//!
//! Keeps true:
//! - the file is read with pread into buffers of one frame at most, never through a mapping;
//! - a fault ends nothing: what follows is checked as far as it can be, and each fault is named by
//!   file, offset and sequences;
//! - `proved_to` never passes a record that was not recomputed and linked from the claimed start.

mod join;
mod leaves;
mod reader;
mod records;
mod report;
mod resync;
#[cfg(test)]
mod tests;
mod walk;

use std::path::Path;

pub use join::{Joined, Part, join};
pub use leaves::{Piece, links, root};
pub use report::{REPORT_BYTES_MAX, ReportFault, ReportVerdict, report};

use crate::chain::Hash;
use crate::ids::Origin;
use crate::io::DiskFile;
use crate::record::SaltKey;

/// One thing that is not as claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// A stable word:
    /// - `header`: the segment header is damaged or states another place in the chain;
    /// - `foreign`: the segment belongs to another log;
    /// - `length`: the file is shorter than claimed, or goes on after the last claimed record;
    /// - `frame`: bytes that are no whole, unaltered frame;
    /// - `order`: a frame with sequences that were there already;
    /// - `missing`: records that no frame holds;
    /// - `time`: a commit time that falls;
    /// - `record`: a record that does not give the hash it is claimed to have;
    /// - `link`: a chain hash that does not fit what comes before;
    /// - `index`: a hash in the index file that its record and the chain contradict;
    /// - `archived`: a file that stays here of an archived segment is damaged, missing or of another one;
    /// - `cold`: a cold file that does not give the data it was made from;
    /// - `segment`: a segment that could not be opened; what its data file alone shows is named beside it;
    /// - `strange`: a file among the segments that is none of the log's;
    /// - `tree`: a hash in the file of the tree that the records contradict, or a file that is cut, goes
    ///   on behind the log or is missing;
    /// - `checkpoint`: an entry of the file of checkpoints that is altered, torn, out of order or not
    ///   signed by the log's key; its sequences begin at the size of the one before;
    /// - `root`: the log's root at the size of a signed checkpoint is not the signed one; its sequences are
    ///   those between the last checkpoint that fits and this one;
    /// - `outside`: a checkpoint from outside that this log does not fit;
    /// - `catalog`: a catalog that is not the one that was opened, or cannot be read again;
    /// - `ids`: an id file that is damaged, of other records or missing;
    /// - `secret`, `key`: the file of the secret or the key is not what it was, or not this log's;
    /// - `index_event`: an index event that its records contradict (deep verification);
    /// - `open`: damage that opening told and that no other fault places.
    pub kind: &'static str,
    /// First sequence concerned.
    pub first_sequence: u64,
    /// Last sequence concerned.
    pub last_sequence: u64,
    /// The file.
    pub file: String,
    /// Byte of the file where it begins.
    pub offset: u64,
    /// What was expected and what was found.
    pub detail: String,
}

/// What came of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Every record below this sequence is proved.
    pub proved_to: u64,
    /// Everything found wrong, in the order of the file.
    pub faults: Vec<Fault>,
    /// Records whose hashes were recomputed.
    pub checked: u64,
    /// Records of archived segments: their links were checked, their content was not.
    pub archived: u64,
    /// Chain hash after the last one, where the walk reached it.
    pub head: Option<Hash>,
    /// What is no fault and worth knowing: what a crash left, what could not be compared.
    pub notes: Vec<String>,
    /// Records below this sequence are covered by index events that were recomputed; none without a
    /// deep verification.
    pub indexed_to: Option<u64>,
}

/// What is claimed of one segment file.
pub struct Claims<'a> {
    /// Its name, for faults.
    pub path: &'a Path,
    /// The log it belongs to.
    pub origin: &'a Origin,
    /// The log's salt key.
    pub salts: &'a SaltKey,
    /// Sequence of its first record.
    pub first: u64,
    /// h(first - 1).
    pub previous: Hash,
    /// Commit time of the record before, 0 for the first.
    pub committed_before_us: u64,
    /// Records that must be there.
    pub count: u64,
    /// Bytes of the file that hold header and frames (synced length for the active one).
    pub data_bytes: u64,
    /// h per record as the index file has it, `count * 32` bytes; checked where given. Without them
    /// an altered record is narrowed down to its frame, and the chain cannot be carried over a gap.
    pub hashes: Option<&'a [u8]>,
    /// h of the last record, where the catalog or the live log claims it.
    pub last: Option<Hash>,
    /// Nothing may come behind `data_bytes`.
    pub sealed: bool,
    /// Sizes, ascending, at which the tree's root will be asked for.
    pub sizes: &'a [u64],
    /// Makes a number of an id's fingerprint and its sequence; [`Piece::ids`] is the sum over all.
    pub digest: &'a (dyn Fn(u64, u64) -> u64 + Sync),
}

impl Claims<'_> {
    const fn end(&self) -> u64 {
        self.first.saturating_add(self.count)
    }
}

/// Re-reads a whole segment file and checks header, frames, order, times, records, links and claims.
///
/// Goes on after a fault and names every bad range. `progress(records)` is called at least every
/// 16,384 records; false stops, and the verdict says how far it came (`head` is absent then). Holds
/// one frame (64 MiB at most) and about 1 MiB beside it. Bytes of the file behind `data_bytes` are
/// not looked at.
///
/// Also returns what the records give of the tree: two hashes more for each.
#[must_use]
pub fn segment(file: &dyn DiskFile, claims: &Claims<'_>, progress: &dyn Fn(u64) -> bool) -> (Verdict, Piece) {
    walk::Walk::new(file, claims, progress).run()
}
