//! What a scope means: the tree compiled once for all segments.

use super::{Budget, DocSet, Scope, Seen};
use crate::error::StoreError;

/// A scope made ready: compiled once, used for every segment and record.
pub struct Plan {
    from_ns: i64,
    to_ns: Option<i64>,
}

impl Plan {
    /// Compiles a scope. `find_id` gives the sequence of the event with an id: it is asked for every
    /// `event_id` clause, and for every bare term that could be an id.
    ///
    /// # Errors
    /// What `find_id` returns.
    pub fn of(
        scope: &Scope,
        find_id: &mut dyn FnMut(&str) -> Result<Option<u64>, StoreError>,
    ) -> Result<Self, StoreError> {
        let _ = find_id;
        Ok(Self { from_ns: scope.from_ns.unwrap_or(i64::MIN), to_ns: scope.to_ns })
    }

    /// The time range that all matches lie in: the scope's, and that of clauses on `timestamp` that
    /// every match must pass. From (inclusive), to (exclusive, `None` without end).
    #[must_use]
    pub fn time_range(&self) -> (i64, Option<i64>) {
        (self.from_ns, self.to_ns)
    }
}

/// All visible documents of a part that match, time range included. Exact: where the index cannot
/// tell, the records decide.
///
/// # Errors
/// `Damaged`, `TooBroad`, `Cancelled`.
pub fn matching(seen: &Seen<'_>, plan: &Plan, budget: &Budget<'_>) -> Result<DocSet, StoreError> {
    let _ = (seen, plan, budget);
    unimplemented!()
}

/// Whether one record matches: its canonical bytes, sequence and commit time.
///
/// # Errors
/// What was expected, for bytes that are no event; `TooBroad`, `Cancelled`.
pub fn matches_record(
    plan: &Plan,
    body: &[u8],
    sequence: u64,
    committed_us: u64,
    budget: &Budget<'_>,
) -> Result<bool, StoreError> {
    let _ = (plan, body, sequence, committed_us, budget);
    unimplemented!()
}
