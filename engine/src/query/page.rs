//! One page over all segments: the segments whose times can hold the first rows come first.

use super::clause::Plan;
use super::segment::{count, first_rows, keep_first};
use super::{Ask, Hits, Order, Part};
use crate::error::StoreError;

/// One page over segments in ascending order of `first`.
///
/// Reads a segment only when its span of times can contribute; stops when the page is full and no
/// other segment can hold a row before its last one. `count` reads every segment in the range.
///
/// # Errors
/// `Damaged`.
pub fn page(parts: &[Part<'_>], ask: &Ask<'_>) -> Result<Hits, StoreError> {
    let plan = Plan::of(ask.filter);
    let wanted = ask.limit.saturating_add(1);
    let mut rows: Vec<(i64, u64)> = Vec::new();
    for part in in_order(parts, ask.order) {
        let mut bounds = plan.bounds();
        if let Some(after) = ask.after {
            bounds = bounds.after(after, ask.order, part.first);
        }
        if let Some(&last) = rows.get(wanted - 1) {
            if later_than(part, last, ask.order) {
                break;
            }
            bounds = bounds.before(last, ask.order, part.first);
        }
        if bounds.miss(part) {
            continue;
        }
        let found = first_rows(part, &plan, bounds, ask.order, wanted)?;
        if !found.is_empty() {
            rows.extend(found);
            keep_first(&mut rows, ask.order, wanted);
        }
    }
    let more = rows.len() > ask.limit;
    rows.truncate(ask.limit);
    let matched =
        ask.count.then(|| parts.iter().map(|part| count(part, &plan)).sum::<Result<u64, _>>()).transpose()?;
    Ok(Hits { hits: rows, more, matched })
}

/// The parts that have documents, those with the first times first.
fn in_order<'p, 'a>(parts: &'p [Part<'a>], order: Order) -> Vec<&'p Part<'a>> {
    let mut keyed: Vec<_> =
        parts.iter().filter_map(|part| part.view.span().map(|span| (span, part))).collect();
    match order {
        Order::Desc => keyed.sort_by(|((_, a), _), ((_, b), _)| b.cmp(a)),
        Order::Asc => keyed.sort_by_key(|((least, _), _)| *least),
    }
    keyed.into_iter().map(|(_, part)| part).collect()
}

/// True when all of a part, and so of those after it, lies beyond a row.
fn later_than(part: &Part<'_>, (time, _): (i64, u64), order: Order) -> bool {
    part.view.span().is_none_or(|(least, most)| match order {
        Order::Desc => most < time,
        Order::Asc => least > time,
    })
}
