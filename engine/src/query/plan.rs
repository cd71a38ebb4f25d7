//! A scope made ready: its tree compiled once for all segments and records.

use super::Scope;
use super::compile;
use super::lang::asks_for_own;
use super::path::PathPattern;
use super::phrase::Phrase;
use super::sieve::Sieve;
use super::value::ValueTest;
use crate::error::StoreError;
use crate::index::Field;

/// A scope made ready. It borrows nothing: one plan serves all segments, pages and threads.
#[derive(Debug)]
pub struct Plan {
    pub(super) root: Node,
    from_ns: i64,
    /// `None`: no end, so that the last nanosecond of time is included too.
    to_ns: Option<i64>,
    /// Whether the log's own events are left out.
    pub(super) leaves_own_out: bool,
    /// Rules records out before their values are read.
    pub(super) sieve: Option<Sieve>,
}

/// The compiled tree, without `Not` over `Not` and empty lists.
#[derive(Debug)]
pub(super) enum Node {
    All,
    Nothing,
    /// The cheapest to look up first.
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Leaf(Leaf),
}

/// A half-open range of nanoseconds; `None`: no end.
pub(super) type TimeRange = (i64, Option<i64>);

/// What is looked up as one.
#[derive(Debug)]
pub(super) enum Leaf {
    /// Words anywhere, or the event with that id.
    Text { phrase: Option<Phrase>, sequence: Option<u64> },
    /// Sequences, ends included.
    Sequences(Vec<(u64, u64)>),
    /// Event times.
    Times(Vec<TimeRange>),
    /// Commit times.
    Committed(Vec<TimeRange>),
    /// Values of the envelope: any test of any field.
    Envelope { fields: &'static [Field], tests: Vec<ValueTest> },
    /// Values of metadata.
    Metadata { path: PathPattern, tests: Vec<ValueTest> },
    /// Paths that a change touched; `any`: whatever they are.
    Changed { paths: Vec<PathPattern>, any: bool },
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
        let mut plan = Self {
            root: compile::tree(&scope.root, scope.now_ns, find_id)?,
            from_ns: scope.from_ns.unwrap_or(i64::MIN),
            to_ns: scope.to_ns,
            leaves_own_out: !scope.own && !asks_for_own(&scope.root),
            sieve: None,
        };
        plan.take_times();
        plan.sieve = Sieve::of(&plan.root);
        Ok(plan)
    }

    /// The time range that all matches lie in: the scope's, narrowed by clauses on `timestamp` that
    /// every match must pass. From (inclusive), to (exclusive, `None` without end).
    #[must_use]
    pub fn time_range(&self) -> TimeRange {
        (self.from_ns, self.to_ns)
    }

    /// Makes the time range of clauses that every match must pass.
    fn take_times(&mut self) {
        let mut children = match std::mem::replace(&mut self.root, Node::All) {
            Node::And(children) => children,
            other => vec![other],
        };
        children.retain(|child| {
            let Node::Leaf(Leaf::Times(ranges)) = child else { return true };
            let &[(from, to)] = ranges.as_slice() else { return true };
            self.from_ns = self.from_ns.max(from);
            self.to_ns = [self.to_ns, to].into_iter().flatten().min();
            false
        });
        self.root = Node::and(children);
    }

    /// True when the time is inside the range.
    pub(super) fn holds_time(&self, time_ns: i64) -> bool {
        self.from_ns <= time_ns && self.to_ns.is_none_or(|to| time_ns < to)
    }

    /// True when the range holds all times of a span.
    pub(super) fn spans(&self, span: Option<(i64, i64)>) -> bool {
        span.is_none_or(|(least, most)| self.holds_time(least) && self.holds_time(most))
    }
}

impl Node {
    /// All of them.
    pub(super) fn and(children: Vec<Self>) -> Self {
        let mut kept = Vec::with_capacity(children.len());
        for child in children {
            match child {
                Self::All => {}
                Self::Nothing => return Self::Nothing,
                Self::And(more) => kept.extend(more),
                other => kept.push(other),
            }
        }
        kept.sort_by_key(Self::cost);
        match kept.len() {
            0 => Self::All,
            1 => kept.remove(0),
            _ => Self::And(kept),
        }
    }

    /// Any of them.
    pub(super) fn or(children: Vec<Self>) -> Self {
        let mut kept = Vec::with_capacity(children.len());
        for child in children {
            match child {
                Self::Nothing => {}
                Self::All => return Self::All,
                Self::Or(more) => kept.extend(more),
                other => kept.push(other),
            }
        }
        match kept.len() {
            0 => Self::Nothing,
            1 => kept.remove(0),
            _ => Self::Or(kept),
        }
    }

    /// The complement.
    pub(super) fn not(child: Self) -> Self {
        match child {
            Self::All => Self::Nothing,
            Self::Nothing => Self::All,
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// Rank of what looking it up in a segment costs.
    pub(super) fn cost(&self) -> u32 {
        match self {
            Self::All | Self::Nothing => 0,
            Self::Leaf(leaf) => leaf.cost(),
            Self::Not(child) => child.cost(),
            Self::And(children) | Self::Or(children) => {
                children.iter().map(Self::cost).max().unwrap_or(0).saturating_add(children.len() as u32)
            }
        }
    }
}

impl Leaf {
    fn cost(&self) -> u32 {
        let worst = |tests: &[ValueTest]| tests.iter().map(ValueTest::cost).max().unwrap_or(0);
        match self {
            Self::Sequences(_) | Self::Times(_) => 1,
            Self::Committed(_) => 2,
            Self::Envelope { tests, .. } => worst(tests),
            Self::Metadata { tests, .. } => 20 + worst(tests),
            Self::Changed { .. } => 60,
            Self::Text { phrase, .. } => {
                50 + phrase.as_ref().map_or(0, |p| 100 * u32::from(p.last.is_some()))
            }
        }
    }
}

impl ValueTest {
    fn cost(&self) -> u32 {
        match self {
            Self::Exact { .. } | Self::Flag(_) | Self::Number(_) | Self::Present => 10,
            Self::Whole { pattern, .. } if pattern.is_plain() => 11,
            Self::Network { .. } | Self::Numbers { .. } => 40,
            Self::Whole { .. } | Self::Bytes { .. } | Self::Addresses { .. } => 45,
            Self::Phrase { .. } => 100,
            Self::Contains { .. } => 200,
        }
    }
}

/// True for the folded types of the log's own events.
pub(super) fn is_own(folded: &[u8]) -> bool {
    folded.strip_prefix(b"stele").is_some_and(|rest| rest.is_empty() || rest[0] == b'.')
}
