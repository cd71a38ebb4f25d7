//! What a filter means: clauses that each give posting lists, ANDed, in a time range.

use super::pattern::{Pattern, asks_for_own};
use super::{Filter, Order, Part};
use crate::error::StoreError;
use crate::index::{Field, Position, Postings, View};
use crate::text::fold;

/// A filter made ready for all segments.
pub(super) struct Plan<'f> {
    clauses: Vec<Clause<'f>>,
    /// Whether the log's own events are left out.
    leaves_own_out: bool,
    from_ns: i64,
    /// `None`: no end, so that the last nanosecond of time is included too.
    to_ns: Option<i64>,
}

struct Clause<'f> {
    field: Field,
    wanted: Wanted<'f>,
}

enum Wanted<'f> {
    Exact(Vec<&'f str>),
    Folded(Vec<String>),
    Patterns(Vec<Pattern>),
}

/// The lists of one clause in one segment: their union matches.
pub(super) struct Lists<'a> {
    pub lists: Vec<Postings<'a>>,
    /// Documents at most.
    pub count: u64,
}

/// Positions of one segment: from `first` on, before `limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub first: Position,
    pub limit: Position,
}

/// After every document of the greatest time.
const END: Position = (i64::MAX, u64::MAX);

impl<'f> Plan<'f> {
    pub(super) fn of(filter: &'f Filter) -> Self {
        let exact = [
            (Field::ResourceId, &filter.resource_id),
            (Field::ActorId, &filter.actor_id),
            (Field::ResourceType, &filter.resource_type),
            (Field::Action, &filter.action),
            (Field::Category, &filter.category),
            (Field::Status, &filter.status),
            (Field::ActorType, &filter.actor_type),
        ];
        let mut clauses = Vec::new();
        if !filter.actor_email.is_empty() {
            let values = distinct(filter.actor_email.iter().map(|value| fold(value).into_owned()));
            clauses.push(Clause { field: Field::ActorEmail, wanted: Wanted::Folded(values) });
        }
        for (field, values) in exact {
            if !values.is_empty() {
                let values = distinct(values.iter().map(String::as_str));
                clauses.push(Clause { field, wanted: Wanted::Exact(values) });
            }
        }
        if !filter.event_type.is_empty() {
            let patterns = filter.event_type.iter().map(|value| Pattern::of(value)).collect();
            clauses.push(Clause { field: Field::EventType, wanted: Wanted::Patterns(patterns) });
        }
        let asked_for = filter.own || filter.event_type.iter().any(|value| asks_for_own(value));
        Self {
            clauses,
            leaves_own_out: !asked_for,
            from_ns: filter.from_ns.unwrap_or(i64::MIN),
            to_ns: filter.to_ns,
        }
    }

    /// The lists of every clause, fewest documents first; `None` when a clause has none here.
    pub(super) fn lists<'a>(&self, view: View<'a>) -> Result<Option<Vec<Lists<'a>>>, StoreError> {
        let mut all = Vec::with_capacity(self.clauses.len());
        for clause in &self.clauses {
            let lists = clause.lists(view)?;
            if lists.count == 0 {
                return Ok(None);
            }
            all.push(lists);
        }
        all.sort_by_key(|lists| lists.count);
        Ok(Some(all))
    }

    /// The lists of what is left out.
    pub(super) fn left_out<'a>(&self, view: View<'a>) -> Result<Lists<'a>, StoreError> {
        let mut lists = Vec::new();
        if self.leaves_own_out {
            view.scan(Field::EventType.into(), "stele", &is_own, &mut lists)?;
        }
        Ok(Lists::of(lists))
    }

    /// The time range, as positions in a part.
    pub(super) fn bounds(&self) -> Bounds {
        Bounds { first: (self.from_ns, 0), limit: self.to_ns.map_or(END, |to| (to, 0)) }
    }

    /// True when the range holds every document of the view.
    pub(super) fn spans(&self, view: View<'_>) -> bool {
        view.span().is_none_or(|(least, most)| self.from_ns <= least && self.to_ns.is_none_or(|to| most < to))
    }
}

impl Clause<'_> {
    fn lists<'a>(&self, view: View<'a>) -> Result<Lists<'a>, StoreError> {
        let mut lists = Vec::new();
        match &self.wanted {
            Wanted::Exact(values) => {
                values.iter().try_for_each(|value| view.exact(self.field.into(), value, &mut lists))?;
            }
            Wanted::Folded(values) => {
                values.iter().try_for_each(|value| view.folded(self.field.into(), value, &mut lists))?;
            }
            Wanted::Patterns(patterns) => self.scan(patterns, view, &mut lists)?,
        }
        Ok(Lists::of(lists))
    }

    /// Visits the values that any of the patterns could match, each once.
    fn scan<'a>(
        &self,
        patterns: &[Pattern],
        view: View<'a>,
        lists: &mut Vec<Postings<'a>>,
    ) -> Result<(), StoreError> {
        let prefixes: Vec<_> = patterns.iter().map(Pattern::prefix).collect();
        let prefix = if let [only] = prefixes.as_slice() { only.as_str() } else { "" };
        let matches = |value: &[u8]| {
            let value = String::from_utf8_lossy(value);
            patterns.iter().zip(&prefixes).any(|(pattern, prefix)| {
                let below = pattern.is_plain()
                    && value.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.starts_with('.'));
                below || pattern.matches(&value)
            })
        };
        view.scan(self.field.into(), prefix, &matches, lists)
    }
}

impl<'a> Lists<'a> {
    fn of(lists: Vec<Postings<'a>>) -> Self {
        let count = lists.iter().map(Postings::count).sum();
        Self { lists, count }
    }
}

impl Bounds {
    /// Leaves what follows a row in the given order; `first` is the part's first sequence.
    pub(super) fn after(self, (time, sequence): (i64, u64), order: Order, first: u64) -> Self {
        match order {
            Order::Desc => Self { limit: self.limit.min((time, sequence.saturating_sub(first))), ..self },
            Order::Asc => {
                let next = sequence.saturating_add(1).saturating_sub(first);
                Self { first: self.first.max((time, next)), ..self }
            }
        }
    }

    /// Leaves what precedes a row in the given order.
    pub(super) fn before(self, row: (i64, u64), order: Order, first: u64) -> Self {
        match order {
            Order::Desc => self.after(row, Order::Asc, first),
            Order::Asc => self.after(row, Order::Desc, first),
        }
    }

    /// True when no document of the part can lie inside.
    pub(super) fn miss(&self, part: &Part<'_>) -> bool {
        part.docs == 0
            || self.first >= self.limit
            || part.view.span().is_none_or(|(least, most)| {
                (most, u64::from(part.docs - 1)) < self.first || (least, 0) >= self.limit
            })
    }

    pub(super) fn hold(&self, position: Position) -> bool {
        self.first <= position && position < self.limit
    }
}

fn is_own(folded: &[u8]) -> bool {
    folded.strip_prefix(b"stele").is_some_and(|rest| rest.is_empty() || rest[0] == b'.')
}

/// Each value once: a list given twice would be counted twice.
fn distinct<T: Ord>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    values.dedup();
    values
}
