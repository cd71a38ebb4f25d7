//! Compliance reports of a log.

use std::sync::Arc;

use super::Log;
use crate::error::StoreError;
use crate::merkle::{Node, Nodes};
use crate::proof::{Checkpoint, Signed, SignedFrom, Tree};
use crate::report::{Report, ReportError, ReportLimits, Source, make};
use crate::segment::Snapshot;
use crate::tags::Filter;

impl Log {
    /// The report of a filter, as of the index events so far: have [`Log::next_index_event`] forced
    /// before. A checkpoint is signed where none covers what is shown yet. `now_us` is the time in
    /// microseconds since 1970. `go_on` is asked now and then; false ends it.
    ///
    /// Each index event that can hold matches is recomputed from its records: about a second for
    /// a million of them.
    ///
    /// # Errors
    /// `TooLarge` by the limits, `Refused` for a range that the log cannot answer for, `Index` when an
    /// index event does not say what its records say, `Cancelled`, `Store` as [`Log::checkpoint`].
    pub fn report(
        &self,
        filter: Filter,
        limits: ReportLimits,
        now_us: u64,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Report, ReportError> {
        let index = self.known_index_events()?.clone();
        let shown = index.last().map_or(0, |last| last.sequence + 1);
        let (signed, key) = self.signed_with_key(shown, now_us)?;
        let snapshot = self.shared.segments.snapshot();
        let nodes = Briefly { tree: self.notary.tree(), snapshot: snapshot.clone() };
        let secret = &self.shared.secret;
        let source = Source { snapshot, secret, index: &index, signed, key, nodes: &nodes };
        make(source, filter, limits, go_on)
    }
}

impl Log {
    /// A checkpoint of at least `size` and the key that signed it, also where the key is changed meanwhile.
    fn signed_with_key(&self, size: u64, now_us: u64) -> Result<(Arc<Signed>, String), StoreError> {
        for _ in 0..3 {
            let signed = self.covering(size, now_us)?;
            self.deliver(&signed);
            let keys = self.signing_keys();
            let signer = |key: &&SignedFrom| Checkpoint::open(signed.note.as_bytes(), &key.key).is_ok();
            if let Some(key) = keys.iter().rev().find(signer) {
                return Ok((signed, key.key.to_string()));
            }
        }
        Err(StoreError::ReadOnly { why: "it has no key that signs".to_owned() })
    }
}

/// The tree, held for one hash at a time: proofs of large reports take seconds, and signing waits
/// for who holds it.
struct Briefly<'a> {
    tree: &'a Tree,
    snapshot: Snapshot,
}

impl Nodes for Briefly<'_> {
    fn node(&self, level: u32, index: u64) -> Result<Node, StoreError> {
        self.tree.over(&self.snapshot).node(level, index)
    }
}
