//! Questions beyond pages, and their answers.

use super::lang::{Expr, Keyword, Path};

/// Which events a question is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The tree: the text query and the structured parameters, ANDed.
    pub root: Expr,
    /// Inclusive, nanoseconds since 1970.
    pub from_ns: Option<i64>,
    /// Exclusive.
    pub to_ns: Option<i64>,
    /// Also the log's own `stele.*` events, which are otherwise left out unless a clause on
    /// `event_type` has a value that begins with `stele`.
    pub own: bool,
    /// What `now` in the tree means.
    pub now_ns: i64,
}

/// What facets and groups are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// A keyword of the envelope.
    Keyword(Keyword),
    /// The actor's id, else e-mail, else name.
    Actor,
    /// Values at a path below `metadata`: strings, numbers (as written), booleans; of an array each
    /// distinct element once per event.
    Metadata(Path),
}

/// Counts of one dimension's values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facet {
    /// The most frequent values: descending by count, then ascending by value.
    pub values: Vec<(FacetValue, u64)>,
    /// Counts of all values not among them, summed.
    pub other: u64,
    /// Matching events without a value.
    pub missing: u64,
}

/// A value of an event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FacetValue {
    /// A JSON string.
    Text(String),
    /// A JSON number, as written.
    Number(String),
    /// `true` or `false`.
    Flag(bool),
}

/// What buckets are split by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// `status`
    Status,
    /// `category`
    Category,
}

/// One bucket of a histogram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Nanoseconds since 1970; a multiple of the interval.
    pub start_ns: i64,
    /// Events in it.
    pub count: u64,
    /// The same by the values of the split, ascending by value, only those that occur.
    pub by: Vec<(String, u64)>,
}

/// Figures of one group.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Value of the group's dimension; `None` for events without one, and when nothing is grouped.
    pub key: Option<FacetValue>,
    /// Numbers seen: each distinct number of an event counts, as written.
    pub count: u64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Percentiles by nearest rank.
    pub p50: f64,
    /// The same.
    pub p95: f64,
    /// The same.
    pub p99: f64,
}

/// Events that fail alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorGroup {
    /// 16 hex digits: a function of event type, normalized message and top stack frames.
    pub fingerprint: String,
    /// Their type.
    pub event_type: String,
    /// Normalized message: what varies (numbers, ids, quoted texts, addresses) is replaced.
    pub message: String,
    /// How many.
    pub count: u64,
    /// Time of the earliest.
    pub first_seen_ns: i64,
    /// Time of the latest.
    pub last_seen_ns: i64,
    /// Sequence of the latest.
    pub sample: u64,
    /// Counts over equal parts of the searched time, oldest first.
    pub sparkline: Vec<u64>,
}

/// Advice that comes with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Where in the query, in characters.
    pub position: usize,
    /// What was noticed.
    pub detail: String,
    /// What was perhaps meant.
    pub suggestion: Option<String>,
}
