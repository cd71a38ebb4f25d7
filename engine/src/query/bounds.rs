//! The stretch of one part's order that a page can come from.

use super::found::end_of;
use super::{Order, Plan};
use crate::index::Position;

/// Positions of one part: from `first` on, before `limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub first: Position,
    pub limit: Position,
}

impl Bounds {
    /// The plan's time range.
    pub(super) fn of(plan: &Plan) -> Self {
        let (from, to) = plan.time_range();
        Self { first: (from, 0), limit: end_of(to) }
    }

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

    /// True when none of the `docs` documents of a part can lie inside, given the span of their times.
    pub(super) fn miss(&self, docs: u32, span: Option<(i64, i64)>) -> bool {
        docs == 0
            || self.first >= self.limit
            || span.is_none_or(|(least, most)| {
                (most, u64::from(docs - 1)) < self.first || (least, 0) >= self.limit
            })
    }

    pub(super) fn hold(&self, position: Position) -> bool {
        self.first <= position && position < self.limit
    }
}
