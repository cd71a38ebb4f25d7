//! One segment's share of an answer, and the choice of how to get it.
//!
//! Two ways to the first rows: walk the documents in order of time and test each (quick when many
//! match), or take the documents of the rarest clause and select (quick when few do). The choice
//! guesses that clauses are independent; a walk that takes longer than guessed is given up for the
//! other way, so a wrong guess costs at most twice.

use std::borrow::Cow;

use roaring::RoaringBitmap;

use super::clause::{Bounds, Lists, Plan};
use super::{Order, Part};
use crate::error::StoreError;
use crate::index::{Postings, Set, Times};

/// A clause with at most this many documents is never worth a walk.
const SPARSE: u64 = 64;
/// Steps that a walk may take beyond what selecting would have cost.
const PATIENCE: u64 = 512;
/// More lists of one clause than this are united before documents are tested.
const ALTERNATIVES_MAX: usize = 8;

/// The documents that pass all tests of one segment.
struct Tests<'a> {
    docs: u32,
    /// Of every clause, its lists: one of them must hold the document.
    all_of: Vec<Vec<Set<'a>>>,
    none_of: Option<Set<'a>>,
}

/// The first `limit` rows of a part inside `bounds`, in order.
pub(super) fn first_rows(
    part: &Part<'_>,
    plan: &Plan<'_>,
    bounds: Bounds,
    order: Order,
    limit: usize,
) -> Result<Vec<(i64, u64)>, StoreError> {
    let Some(lists) = plan.lists(part.view)? else { return Ok(Vec::new()) };
    let times = part.view.times()?;
    let docs = if worth_walking(part, &lists, limit) {
        walk(part, plan, &lists, times, bounds, order, limit)?
    } else {
        None
    };
    let docs = match docs {
        Some(docs) => docs,
        None => select(part, plan, &lists, times, bounds, order, limit)?,
    };
    Ok(docs.into_iter().map(|(time, doc)| (time, part.first + u64::from(doc))).collect())
}

/// Guesses whether a walk meets `limit` matches sooner than the rarest clause is read through.
fn worth_walking(part: &Part<'_>, lists: &[Lists<'_>], limit: usize) -> bool {
    let Some(rarest) = lists.first() else { return true };
    if rarest.count <= SPARSE {
        return false;
    }
    let docs = f64::from(part.view.docs().max(1));
    let share: f64 = lists.iter().map(|lists| (lists.count as f64 / docs).min(1.0)).product();
    limit as f64 / share < rarest.count as f64
}

/// `None` when it took too many steps.
fn walk(
    part: &Part<'_>,
    plan: &Plan<'_>,
    lists: &[Lists<'_>],
    times: Times<'_>,
    bounds: Bounds,
    order: Order,
    limit: usize,
) -> Result<Option<Vec<(i64, u32)>>, StoreError> {
    let tests = Tests::of(part, plan, lists)?;
    let mut patience = lists.first().map_or(u64::MAX, |rarest| rarest.count + PATIENCE);
    let mut rows = Vec::with_capacity(limit.min(1 << 10));
    for doc in times.walk(bounds.first, bounds.limit, order == Order::Desc)? {
        let doc = doc?;
        if tests.pass(doc) {
            rows.push((times.at(doc)?, doc));
            if rows.len() == limit {
                break;
            }
        } else if patience == 0 {
            return Ok(None);
        } else {
            patience -= 1;
        }
    }
    Ok(Some(rows))
}

/// Documents of the rarest clause inside `bounds`, then the other tests, then the first ones.
fn select(
    part: &Part<'_>,
    plan: &Plan<'_>,
    lists: &[Lists<'_>],
    times: Times<'_>,
    bounds: Bounds,
    order: Order,
    limit: usize,
) -> Result<Vec<(i64, u32)>, StoreError> {
    let Some((rarest, others)) = lists.split_first() else {
        return Err(StoreError::Refused("selecting needs a clause".to_owned()));
    };
    let mut candidates = Vec::with_capacity(rarest.count.min(1 << 16) as usize);
    union(rarest)?.each(|doc| candidates.push((0_i64, doc)));
    candidates.retain(|&(_, doc)| doc < part.docs);
    if rarest.count > SPARSE && !others.is_empty() {
        // Many: drop by the cheap tests before looking up times.
        let tests = Tests::of(part, plan, others)?;
        candidates.retain(|&(_, doc)| tests.pass(doc));
    }
    for (time, doc) in &mut candidates {
        *time = times.at(*doc)?;
    }
    candidates.retain(|&(time, doc)| bounds.hold((time, u64::from(doc))));
    if !candidates.is_empty() {
        let others = if rarest.count > SPARSE { &[] } else { others };
        let tests = Tests::of(part, plan, others)?;
        candidates.retain(|&(_, doc)| tests.pass(doc));
    }
    keep_first(&mut candidates, order, limit);
    Ok(candidates)
}

/// Sorts and cuts, looking closely only at those that stay.
pub(super) fn keep_first<T: Ord>(rows: &mut Vec<T>, order: Order, limit: usize) {
    let compare = |a: &T, b: &T| if order == Order::Desc { b.cmp(a) } else { a.cmp(b) };
    if rows.len() > limit {
        rows.select_nth_unstable_by(limit, compare);
        rows.truncate(limit);
    }
    rows.sort_unstable_by(compare);
}

/// All documents of a part that match.
pub(super) fn matches(part: &Part<'_>, plan: &Plan<'_>) -> Result<RoaringBitmap, StoreError> {
    let docs = part.docs.min(part.view.docs());
    let bounds = plan.bounds();
    if bounds.miss(part) {
        return Ok(RoaringBitmap::new());
    }
    let Some(lists) = plan.lists(part.view)? else { return Ok(RoaringBitmap::new()) };
    let mut lists = lists.iter();
    let mut found = match lists.next() {
        Some(rarest) => union(rarest)?.into_bitmap(),
        None if plan.spans(part.view) => (0..docs).collect(),
        None => in_range(part, bounds)?,
    };
    for list in lists {
        match union(list)? {
            Set::Roaring(other) => found &= &*other,
            other => found &= other.into_bitmap(),
        }
    }
    found.remove_range(docs..);
    let left_out = plan.left_out(part.view)?;
    if left_out.count > 0 {
        found -= union(&left_out)?.into_bitmap();
    }
    if plan.spans(part.view) || found.is_empty() {
        return Ok(found);
    }
    let times = part.view.times()?;
    let mut inside = Vec::new();
    for doc in &found {
        if bounds.hold((times.at(doc)?, u64::from(doc))) {
            inside.push(doc);
        }
    }
    Ok(inside.into_iter().collect())
}

/// How many documents of a part match.
pub(super) fn count(part: &Part<'_>, plan: &Plan<'_>) -> Result<u64, StoreError> {
    let bounds = plan.bounds();
    if bounds.miss(part) {
        return Ok(0);
    }
    let Some(lists) = plan.lists(part.view)? else { return Ok(0) };
    if part.docs >= part.view.docs() {
        match lists.as_slice() {
            [] => return count_all(part, plan, bounds),
            // One value in a whole segment: its list knows its length.
            [only]
                if only.lists.len() == 1 && plan.spans(part.view) && plan.left_out(part.view)?.count == 0 =>
            {
                return Ok(only.count);
            }
            _ => {}
        }
    }
    Ok(matches(part, plan)?.len())
}

/// Without clauses: all documents in the range, less those that are left out.
fn count_all(part: &Part<'_>, plan: &Plan<'_>, bounds: Bounds) -> Result<u64, StoreError> {
    let times = part.view.times()?;
    let all = times.walk(bounds.first, bounds.limit, false)?.remaining();
    let mut left_out = 0;
    for doc in union(&plan.left_out(part.view)?)?.into_bitmap() {
        left_out += u64::from(bounds.hold((times.at(doc)?, u64::from(doc))));
    }
    Ok(all.saturating_sub(left_out))
}

fn in_range(part: &Part<'_>, bounds: Bounds) -> Result<RoaringBitmap, StoreError> {
    let walk = part.view.times()?.walk(bounds.first, bounds.limit, false)?;
    let mut docs = walk.collect::<Result<Vec<u32>, _>>()?;
    docs.sort_unstable();
    Ok(docs.into_iter().collect())
}

/// The union of a clause's lists.
fn union<'a>(lists: &Lists<'a>) -> Result<Set<'a>, StoreError> {
    if let [only] = lists.lists.as_slice() {
        return only.set();
    }
    let mut all = RoaringBitmap::new();
    for list in &lists.lists {
        match list.set()? {
            Set::Roaring(other) => all |= &*other,
            other => all |= other.into_bitmap(),
        }
    }
    Ok(Set::Roaring(Cow::Owned(all)))
}

/// The lists of a clause for tests: a few are tried one by one, which spares their union.
fn alternatives<'a>(lists: &Lists<'a>) -> Result<Vec<Set<'a>>, StoreError> {
    if lists.lists.len() > ALTERNATIVES_MAX {
        return Ok(vec![union(lists)?]);
    }
    lists.lists.iter().map(Postings::set).collect()
}

impl<'a> Tests<'a> {
    fn of(part: &Part<'a>, plan: &Plan<'_>, lists: &[Lists<'a>]) -> Result<Self, StoreError> {
        let left_out = plan.left_out(part.view)?;
        Ok(Self {
            docs: part.docs,
            all_of: lists.iter().map(alternatives).collect::<Result<_, _>>()?,
            none_of: (left_out.count > 0).then(|| union(&left_out)).transpose()?,
        })
    }

    fn pass(&self, doc: u32) -> bool {
        doc < self.docs
            && self.all_of.iter().all(|sets| sets.iter().any(|set| set.contains(doc)))
            && !self.none_of.as_ref().is_some_and(|set| set.contains(doc))
    }
}
