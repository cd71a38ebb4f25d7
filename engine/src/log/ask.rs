//! Answers beyond pages: facets, histograms, figures, error groups, histories, hints.

#[cfg(test)]
mod tests;

use super::Log;
use super::read::PAGE_BYTES_MAX;
use crate::error::StoreError;
use crate::query::aggregate::{self, Events};
use crate::query::lang::{Clause, Expr, Field, Keyword, Name, Path, Term, Test, Token, Value};
use crate::query::{
    Bucket, Budget, Dimension, ErrorGroup, Facet, Gap, Group, Hint, Scope, Split, gaps, parts,
};
use crate::record::Record;
use crate::segment::Snapshot;

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
    /// The state after all changes (or at the asked time), canonical JSON: one object, `null` when the
    /// resource was deleted; `None` when no change is known. The rules stand in
    /// `engine/src/query/aggregate/state.rs`.
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
        self.ask(ask.scope, ask, |events, _| aggregate::facets(events, of, top))
    }

    /// Counts by time: every bucket that overlaps the searched range, empty ones too. Where neither the
    /// scope nor its tree says where the range begins or ends, the first or last match's bucket ends the
    /// list.
    ///
    /// # Errors
    /// `Damaged`, `TooBroad` (also for more than 10,000 buckets), `Cancelled`.
    pub fn histogram(
        &self,
        ask: Ask<'_>,
        interval_ns: i64,
        split: Option<Split>,
    ) -> Result<Vec<Bucket>, StoreError> {
        self.ask(ask.scope, ask, |events, _| aggregate::histogram(events, ask.scope, interval_ns, split))
    }

    /// First and last nanosecond that [`Log::histogram`] covers: to choose an interval. `None` when it
    /// would have no buckets.
    ///
    /// # Errors
    /// `Damaged`, `TooBroad`, `Cancelled`.
    pub fn range(&self, ask: Ask<'_>) -> Result<Option<(i64, i64)>, StoreError> {
        self.ask(ask.scope, ask, |events, _| aggregate::range(events, ask.scope))
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
        self.ask(ask.scope, ask, |events, _| aggregate::metrics(events, field, group_by))
    }

    /// Groups of events that fail alike (status `failure`), the most recently seen first; `sparks`
    /// parts a sparkline.
    ///
    /// # Errors
    /// `Damaged`, `TooBroad`, `Cancelled`.
    pub fn errors(&self, ask: Ask<'_>, sparks: usize) -> Result<Vec<ErrorGroup>, StoreError> {
        let failed = equals(Keyword::Status, "failure");
        self.ask(&narrowed(ask.scope, vec![failed]), ask, |events, _| aggregate::errors(events, sparks))
    }

    /// The changes of one resource, newest first, `limit` at most (fewer where bodies reach
    /// [`PAGE_BYTES_MAX`]), and its state after all of them. With `at_ns`, only events at or before that
    /// time.
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
        let (of_type, of_id) = resource;
        let of_type = equals(Keyword::ResourceType, of_type);
        let mut scope =
            narrowed(ask.scope, vec![of_type, equals(Keyword::ResourceId, of_id), tells_changes()]);
        if let Some(end) = at_ns.and_then(|at| at.checked_add(1)) {
            scope.to_ns = Some(scope.to_ns.map_or(end, |to| to.min(end)));
        }
        self.ask(&scope, ask, |events, snapshot| {
            let record = |sequence| snapshot.record(sequence);
            let page = aggregate::changes(events, &record, after, limit, PAGE_BYTES_MAX)?;
            let state = aggregate::state(events, &record)?;
            Ok(History { changes: page.changes, state, last: page.last })
        })
    }

    /// What a query's author should know: metadata paths that no event has, with the nearest one. None
    /// when the time is up before they are known.
    ///
    /// # Errors
    /// `Damaged`, `Cancelled`.
    pub fn hints(&self, scope: &Scope, budget: &Budget<'_>) -> Result<Vec<Hint>, StoreError> {
        let snapshot = self.shared.segments.snapshot();
        aggregate::hints(&parts(&snapshot, 0, snapshot.head.size)?, &scope.root, budget)
    }

    /// An answer together with what it leaves out because it is archived: what was away before or after it
    /// was made, so that nothing is left out unsaid whatever is dropped or restored meanwhile.
    ///
    /// # Errors
    /// Those of the answer.
    pub fn with_gaps<R>(
        &self,
        ask: Ask<'_>,
        answer: impl FnOnce() -> Result<R, StoreError>,
    ) -> Result<(R, Vec<Gap>), StoreError> {
        let before = self.gaps(ask)?;
        let answered = answer()?;
        Ok((answered, Gap::joined([before, self.gaps(ask)?].concat())))
    }

    /// What is archived and may hold events of a scope, by their times.
    ///
    /// # Errors
    /// `Damaged` or `Io` of an id that the scope names.
    pub fn gaps(&self, ask: Ask<'_>) -> Result<Vec<Gap>, StoreError> {
        let snapshot = self.shared.segments.snapshot();
        let head = ask.head.unwrap_or(snapshot.head.size).min(snapshot.head.size);
        Ok(gaps(&snapshot, &self.plan(ask.scope, &snapshot)?, 0, head))
    }

    /// Answers a question about the events of a scope.
    fn ask<R>(
        &self,
        scope: &Scope,
        ask: Ask<'_>,
        answer: impl FnOnce(&Events<'_>, &Snapshot) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let snapshot = self.shared.segments.snapshot();
        let head = ask.head.unwrap_or(snapshot.head.size).min(snapshot.head.size);
        let plan = self.plan(scope, &snapshot)?;
        let events = Events { parts: &parts(&snapshot, 0, head)?, plan: &plan, budget: ask.budget };
        answer(&events, &snapshot)
    }
}

/// A scope with more conditions.
fn narrowed(scope: &Scope, conditions: Vec<Expr>) -> Scope {
    let root = Expr::And([vec![scope.root.clone()], conditions].concat());
    Scope { root, ..scope.clone() }
}

/// A keyword with exactly this text.
fn equals(keyword: Keyword, text: &str) -> Expr {
    let value = Value::Term(Term { tokens: text.chars().map(Token::Char).collect(), quoted: true });
    Expr::Clause(Clause { field: Field::Keyword(keyword), test: Test::Equals(value), position: 0 })
}

/// What a history is made of: events with changes, and those that end a resource.
fn tells_changes() -> Expr {
    let path = Path(vec![Name { text: "changes".to_owned(), quoted: true }]);
    let changes = Clause { field: Field::Metadata(path), test: Test::Present, position: 0 };
    let tokens = [Token::Run].into_iter().chain(".deleted".chars().map(Token::Char)).collect();
    let deleted = Test::Is(Value::Term(Term { tokens, quoted: false }));
    let deleted = Clause { field: Field::Keyword(Keyword::EventType), test: deleted, position: 0 };
    Expr::Or(vec![Expr::Clause(changes), Expr::Clause(deleted)])
}
