//! Questions and answers: which events a scope means, one page of them, exact over all segments of a
//! snapshot.
//!
//! Owns the language (`lang`), its meaning on one record (`record`, `value`), and the way to the same
//! answer by indexes. A [`Plan`] is a scope compiled once (`compile`, `plan`). In each segment
//! ([`Part`], [`Seen`]) its leaves are looked up (`lookup`, `words`) and give three-valued sets (`found`,
//! [`DocSet`]): documents that match, and documents that may, which their records decide. `select`
//! chooses how to get a segment's share, `page` merges shares, `cursor` continues pages.
//!
//! For aggregations: [`Part::read`] shows a segment, [`matching`] gives its documents, exactly.
//!
//! Keeps true:
//! - an answer is the one that a scan of all visible documents would give (the tests' oracle);
//! - documents past a part's snapshot limit are invisible, sealed or not;
//! - damage is an error, never a shorter answer;
//! - a growing segment's lock is held for one part of a query at most; budgets are asked every 100 µs
//!   or so.

pub mod aggregate;
mod answer;
mod bounds;
mod budget;
mod compile;
mod cursor;
mod docset;
mod found;
mod gaps;
pub mod lang;
mod lookup;
mod needs;
mod pace;
mod page;
mod part;
mod path;
mod pattern;
mod phrase;
mod plan;
mod record;
#[cfg(test)]
mod record_tests;
mod select;
#[cfg(test)]
mod select_tests;
mod sieve;
mod value;
mod words;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

pub use answer::{Bucket, Dimension, ErrorGroup, Facet, FacetValue, Group, Hint, Scope, Split};
pub use budget::{Budget, Over};
pub use cursor::{Cursor, CursorError, CursorKey};
pub use docset::DocSet;
pub use gaps::{Gap, gaps, parts};
pub use page::page;
pub use part::{Bodies, Part, Seen, Source};
pub use pattern::Pattern;
pub use phrase::Phrase;
pub use plan::Plan;
pub use record::matches_record;
pub use select::{matching, matching_from};

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

impl Filter {
    /// The filter alone as a scope. Nothing in it counts from now.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope::new(self, &lang::Query { root: lang::Expr::All }, 0)
    }
}

/// A page request.
pub struct Ask<'a> {
    /// What to look for.
    pub plan: &'a Plan,
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
