//! Bytes and claims to a verdict: opens no file, writes nothing.
#![allow(unused, missing_docs, clippy::unimplemented)]
use crate::catalog::SealedSegment;
use crate::chain::Hash;
use crate::ids::Origin;
use crate::io::DiskFile;
use crate::record::SaltKey;
use std::path::Path;

/// Kinds are stable words: "frame", "record", "link", "order", "header", "length", "index", "missing", "foreign", "time".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub kind: &'static str,
    pub first_sequence: u64,
    pub last_sequence: u64,
    pub file: String,
    pub offset: u64,
    pub detail: String,
}
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Every record below this sequence is proved.
    pub proved_to: u64,
    pub faults: Vec<Fault>,
    /// Records whose hashes were recomputed.
    pub checked: u64,
    /// Chain hash after the last one, where the walk reached it.
    pub head: Option<Hash>,
}
/// What is claimed of one segment file.
pub struct Claims<'a> {
    pub path: &'a Path,
    pub origin: &'a Origin,
    pub salts: &'a SaltKey,
    pub first: u64,
    pub previous: Hash,
    /// Commit time of the record before, 0 for the first.
    pub committed_before_us: u64,
    /// Records that must be there.
    pub count: u64,
    /// Bytes of the file that hold header and frames (synced length for the active one).
    pub data_bytes: u64,
    /// h per record as the index file has it, `count * 32` bytes; checked where given.
    pub hashes: Option<&'a [u8]>,
    /// h of the last record, where the catalog or the live log claims it.
    pub last: Option<Hash>,
}
/// Re-reads a whole segment file with pread (bounded buffers) and checks header, frames, order, times, records, links and claims.
/// Goes on after a fault and names every bad range. `progress(records)` is called at least every 65,536 records; false stops.
pub fn segment(file: &dyn DiskFile, claims: &Claims<'_>, progress: &dyn Fn(u64) -> bool) -> Verdict {
    unimplemented!()
}
