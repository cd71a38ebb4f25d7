//! One page over all segments: the segments whose times can hold the first rows come first.

use super::bounds::Bounds;
use super::pace::Pace;
use super::select::{count, first_rows, keep_first};
use super::{Ask, Budget, Hits, Order, Part};
use crate::error::StoreError;

/// One page over segments in ascending order of `first`.
///
/// Reads a segment only when its span of times can contribute; stops when the page is full and no
/// other segment can hold a row before its last one. `count` reads every segment in the range.
///
/// # Errors
/// `Damaged`, `TooBroad`, `Cancelled`.
pub fn page(parts: &[Part], ask: &Ask<'_>, budget: &Budget<'_>) -> Result<Hits, StoreError> {
    let pace = Pace::new(budget);
    budget.check()?;
    let wanted = ask.limit.saturating_add(1);
    let mut rows: Vec<(i64, u64)> = Vec::new();
    for part in in_order(parts, ask.order) {
        let mut bounds = Bounds::of(ask.plan);
        if let Some(after) = ask.after {
            bounds = bounds.after(after, ask.order, part.first);
        }
        if let Some(&last) = rows.get(wanted - 1) {
            if later_than(part, last, ask.order) {
                break;
            }
            bounds = bounds.before(last, ask.order, part.first);
        }
        if bounds.miss(part.docs, part.span) {
            continue;
        }
        let found = part.read(|seen| first_rows(seen, ask.plan, bounds, ask.order, wanted, &pace))?;
        if !found.is_empty() {
            rows.extend(found);
            keep_first(&mut rows, ask.order, wanted);
        }
    }
    let more = rows.len() > ask.limit;
    rows.truncate(ask.limit);
    let matched = if ask.count { Some(count_all(parts, ask, budget)?) } else { None };
    Ok(Hits { hits: rows, more, matched })
}

fn count_all(parts: &[Part], ask: &Ask<'_>, budget: &Budget<'_>) -> Result<u64, StoreError> {
    let mut matched = 0;
    for part in parts {
        if !Bounds::of(ask.plan).miss(part.docs, part.span) {
            matched += count(part, ask.plan, budget)?;
        }
    }
    Ok(matched)
}

/// The parts that have documents, those with the first times first.
fn in_order(parts: &[Part], order: Order) -> Vec<&Part> {
    let mut keyed: Vec<_> = parts.iter().filter_map(|part| part.span.map(|span| (span, part))).collect();
    match order {
        Order::Desc => keyed.sort_by(|((_, a), _), ((_, b), _)| b.cmp(a)),
        Order::Asc => keyed.sort_by_key(|((least, _), _)| *least),
    }
    keyed.into_iter().map(|(_, part)| part).collect()
}

/// True when all of a part, and so of those after it, lies beyond a row.
fn later_than(part: &Part, (time, _): (i64, u64), order: Order) -> bool {
    part.span.is_none_or(|(least, most)| match order {
        Order::Desc => most < time,
        Order::Asc => least > time,
    })
}
