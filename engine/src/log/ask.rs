//! Answers beyond pages: facets, histograms, figures, error groups, histories, hints.

use super::Log;
use crate::error::StoreError;
use crate::query::lang::Path;
use crate::query::{Bucket, Budget, Dimension, ErrorGroup, Facet, Group, Hint, Scope, Split};
use crate::record::Record;

/// Figures need: which events, which snapshot, what they may cost.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// Which events.
    pub scope: &'a Scope,
    /// Snapshot: only sequences below this; the current head when absent.
    pub head: Option<u64>,
    /// What it may cost.
    pub budget: &'a Budget<'a>,
}

/// The changes of one resource, and its state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Events that carry `metadata.changes`, newest first.
    pub changes: Vec<Record>,
    /// The state after them (or at the asked time): members of `after` laid over those before, as one
    /// JSON object; `None` when no change is known.
    pub state: Option<Vec<u8>>,
    /// The next page's `after`, when there is more.
    pub last: Option<(i64, u64)>,
}

impl Log {
    /// Counts of values, a facet per dimension, and of all that match. Exact.
    ///
    /// # Errors
    /// `Damaged`, `TooBroad`, `Cancelled`.
    pub fn facets(
        &self,
        ask: Ask<'_>,
        of: &[Dimension],
        top: usize,
    ) -> Result<(Vec<Facet>, u64), StoreError> {
        let _ = (ask, of, top);
        unimplemented!()
    }

    /// Counts by time: every bucket that overlaps the searched range, empty ones too. Where the scope
    /// has no `from` or `to`, the first or last match's bucket ends the list.
    ///
    /// # Errors
    /// `Damaged`, `TooBroad` (also for more than 10,000 buckets), `Cancelled`.
    pub fn histogram(
        &self,
        ask: Ask<'_>,
        interval_ns: i64,
        split: Option<Split>,
    ) -> Result<Vec<Bucket>, StoreError> {
        let _ = (ask, interval_ns, split);
        unimplemented!()
    }

    /// Times of the first and last event that can match: to choose an interval.
    ///
    /// # Errors
    /// `Damaged`, `TooBroad`, `Cancelled`.
    pub fn span(&self, ask: Ask<'_>) -> Result<Option<(i64, i64)>, StoreError> {
        let _ = ask;
        unimplemented!()
    }

    /// Figures of the numbers at a path, by group: descending by count, then ascending by key.
    ///
    /// # Errors
    /// `Damaged`, `TooBroad`, `Cancelled`.
    pub fn metrics(
        &self,
        ask: Ask<'_>,
        field: &Path,
        group_by: Option<&Dimension>,
    ) -> Result<Vec<Group>, StoreError> {
        let _ = (ask, field, group_by);
        unimplemented!()
    }

    /// Groups of events that fail alike (status `failure`), the most recently seen first; `sparks`
    /// parts a sparkline.
    ///
    /// # Errors
    /// `Damaged`, `TooBroad`, `Cancelled`.
    pub fn errors(&self, ask: Ask<'_>, sparks: usize) -> Result<Vec<ErrorGroup>, StoreError> {
        let _ = (ask, sparks);
        unimplemented!()
    }

    /// The changes of one resource, newest first, `limit` at most, and its state at `at_ns` (now when
    /// absent).
    ///
    /// # Errors
    /// `Damaged`, `TooBroad`, `Cancelled`.
    pub fn history(
        &self,
        ask: Ask<'_>,
        resource: (&str, &str),
        at_ns: Option<i64>,
        after: Option<(i64, u64)>,
        limit: usize,
    ) -> Result<History, StoreError> {
        let _ = (ask, resource, at_ns, after, limit);
        unimplemented!()
    }

    /// What a query's author should know: paths that no event has, unknown fields, terms without words.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn hints(&self, scope: &Scope) -> Result<Vec<Hint>, StoreError> {
        let _ = scope;
        unimplemented!()
    }
}
