//! Questions and answers: one filter, one order, one page, exact over all segments of a snapshot.
//!
//! Owns the structured filter and its meaning (`clause`), the choice of how to answer it in one
//! segment (`segment`), the merge over segments (`page`), and page tokens (`cursor`). It reads
//! indexes only: records are fetched by the log.
//!
//! Keeps true:
//! - an answer is the one that a scan of all visible documents would give (the tests' oracle);
//! - documents past a part's snapshot limit are invisible, sealed or not;
//! - damage is an error, never a shorter answer.

mod answer;
mod budget;
mod clause;
mod cursor;
pub mod lang;
mod page;
mod pattern;
mod phrase;
mod segment;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

pub use answer::{Bucket, Dimension, ErrorGroup, Facet, FacetValue, Group, Hint, Scope, Split};
pub use budget::{Budget, Over};
pub use cursor::{Cursor, CursorError, CursorKey};
pub use page::page;
pub use pattern::Pattern;
pub use phrase::Phrase;

use roaring::RoaringBitmap;

use crate::error::StoreError;
use crate::index::View;

/// Which end of time comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Newest first.
    Desc,
    /// Oldest first.
    Asc,
}

/// The structured filters: values of one field are OR, fields are AND, empty means any.
///
/// Values are compared byte for byte, but `actor_email` ignores case, and `event_type` is the `:`
/// operator: the whole value without case, `*` any run, `?` any one character, `\` takes the next
/// character as it is; a value without wildcards also matches what continues it after a dot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Inclusive, nanoseconds since 1970.
    pub from_ns: Option<i64>,
    /// Exclusive.
    pub to_ns: Option<i64>,
    /// `category`.
    pub category: Vec<String>,
    /// `event_type`: patterns.
    pub event_type: Vec<String>,
    /// `status`.
    pub status: Vec<String>,
    /// `action`.
    pub action: Vec<String>,
    /// `actor.type`.
    pub actor_type: Vec<String>,
    /// `actor.id`.
    pub actor_id: Vec<String>,
    /// `actor.email`, without case.
    pub actor_email: Vec<String>,
    /// `resource.type`.
    pub resource_type: Vec<String>,
    /// `resource.id`.
    pub resource_id: Vec<String>,
    /// Also the log's own `stele.*` events, which are otherwise left out unless an `event_type` value begins with `stele`.
    pub own: bool,
}

/// One segment as a query sees it.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    /// Sequence of its document 0.
    pub first: u64,
    /// How many of its documents are visible (snapshot).
    pub docs: u32,
    /// Its index.
    pub view: View<'a>,
}

/// A page request.
pub struct Ask<'a> {
    /// What to look for.
    pub filter: &'a Filter,
    /// By (time, sequence).
    pub order: Order,
    /// Rows at most.
    pub limit: usize,
    /// Position of the last row of the page before: (time_ns, sequence).
    pub after: Option<(i64, u64)>,
    /// Whether to count all matches too.
    pub count: bool,
}

/// A page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    /// (time_ns, sequence), in order.
    pub hits: Vec<(i64, u64)>,
    /// True when rows follow the last one.
    pub more: bool,
    /// All matches of the snapshot, on whatever page; `None` unless asked for.
    pub matched: Option<u64>,
}

/// The documents of one segment that match, time range included: for tails, counts and later aggregations.
///
/// # Errors
/// `Damaged`.
pub fn matches(part: &Part<'_>, filter: &Filter) -> Result<RoaringBitmap, StoreError> {
    segment::matches(part, &clause::Plan::of(filter))
}
