//! One segment's share of an answer, and the choice of how to get it.
//!
//! Two ways to the first rows: walk the documents in order of time and test each (quick when many
//! match), or take the documents of the rarest conjunct and select (quick when few do). The choice
//! guesses that conjuncts are independent; a walk that takes longer than guessed is given up for the
//! other way, so a wrong guess costs at most twice.
//!
//! Documents of which the index only knows that they may match are decided by their records, in the
//! order of the page, so that a page reads no more of them than it needs.

use super::bounds::Bounds;
use super::found::{Found, Known, Test, end_of};
use super::lookup::Look;
use super::pace::Pace;
use super::plan::is_own;
use super::record::decide;
use super::{Budget, DocSet, Order, Part, Plan, Seen};
use crate::error::StoreError;
use crate::index::{Field, Postings, Times};

/// A conjunct with at most this many documents is never worth a walk.
const SPARSE: u64 = 64;
/// Steps that a walk may take beyond what selecting would have cost.
const PATIENCE: u64 = 512;
/// Before every document.
const MIN: (i64, u64) = (i64::MIN, 0);
/// Records that are decided in one look at a part, and their bytes but for the last one's: the writer may
/// wait for it.
const RECORDS_PER_LOOK: usize = 256;
const BYTES_PER_LOOK: usize = 256 << 10;
/// Steps of a walk that a look at a record costs.
const RECORD_STEPS: u64 = 32;

/// Event time, document, and whether only the record can tell if it matches.
type Candidate = (i64, u32, bool);

/// A part in which a plan was looked up.
struct Share<'a, 'p, 'b> {
    look: Look<'a, 'b>,
    plan: &'p Plan,
    found: Found<'a, 'p>,
    /// The log's own events, where they are left out.
    own: Option<DocSet>,
}

/// The first `limit` rows of a part inside `bounds`, in order.
pub(super) fn first_rows(
    seen: Seen<'_>,
    plan: &Plan,
    bounds: Bounds,
    order: Order,
    limit: usize,
    pace: &Pace<'_>,
) -> Result<Vec<(i64, u64)>, StoreError> {
    let Some(share) = Share::of(seen, plan, pace)? else { return Ok(Vec::new()) };
    let times = seen.view.times()?;
    let walked = if share.worth_walking(limit) { share.walk(times, bounds, order, limit)? } else { None };
    let rows = match walked {
        Some(rows) => rows,
        None => share.select(times, bounds, order, limit)?,
    };
    Ok(rows.into_iter().map(|(time, doc)| (time, seen.sequence(doc))).collect())
}

/// All visible documents of a part that match, time range included. Exact: where the index cannot
/// tell, the records decide, some of them at each look at the part.
///
/// # Errors
/// `Damaged`, `TooBroad`, `Cancelled`.
pub fn matching(part: &Part, plan: &Plan, budget: &Budget<'_>) -> Result<DocSet, StoreError> {
    decided(part, plan, sets(part, plan, budget)?, budget)
}

/// Those that match for sure, and those of the doubtful ones that do.
fn decided(
    part: &Part,
    plan: &Plan,
    (sure, doubtful): (DocSet, DocSet),
    budget: &Budget<'_>,
) -> Result<DocSet, StoreError> {
    if doubtful.is_empty() {
        return Ok(sure);
    }
    let pace = Pace::new(budget);
    let (mut more, all) = (Vec::new(), doubtful.to_vec());
    let mut rest = all.as_slice();
    while !rest.is_empty() {
        rest = &rest[decide_some(part, plan, rest, usize::MAX, &|_| false, &pace, &mut more)?..];
    }
    Ok(sure.or(DocSet::of_many(more, part.docs), part.docs))
}

/// The first `limit` matches of a part in the order of the log, from a document on. Records are read
/// only up to the last of them, some of them at each look at the part.
///
/// # Errors
/// `Damaged`, `TooBroad`, `Cancelled`.
pub fn matching_from(
    part: &Part,
    plan: &Plan,
    start: u32,
    limit: usize,
    budget: &Budget<'_>,
) -> Result<Vec<u32>, StoreError> {
    if start >= part.docs || limit == 0 {
        return Ok(Vec::new());
    }
    let (sure, doubtful) = sets(part, plan, budget)?;
    let pace = Pace::new(budget);
    let all = sure.clone().or(doubtful, part.docs).and(DocSet::range(start..part.docs, part.docs)).to_vec();
    let (mut found, mut rest) = (Vec::new(), all.as_slice());
    while !rest.is_empty() && found.len() < limit {
        let known = |doc| sure.contains(doc);
        rest = &rest[decide_some(part, plan, rest, limit, &known, &pace, &mut found)?..];
    }
    Ok(found)
}

/// The documents of a part that match, and those that may.
fn sets(part: &Part, plan: &Plan, budget: &Budget<'_>) -> Result<(DocSet, DocSet), StoreError> {
    budget.check()?;
    if Bounds::of(plan).miss(part.docs, part.span) {
        return Ok((DocSet::empty(), DocSet::empty()));
    }
    part.read(|seen| match Share::of(seen, plan, &Pace::new(budget))? {
        Some(share) => share.sets(),
        None => Ok((DocSet::empty(), DocSet::empty())),
    })
}

/// Decides the first documents in one look at a part, and adds those that match, until there are
/// `limit`; those that are `known` to match are not read. Returns how many were decided, at least one.
fn decide_some(
    part: &Part,
    plan: &Plan,
    docs: &[u32],
    limit: usize,
    known: &dyn Fn(u32) -> bool,
    pace: &Pace<'_>,
    found: &mut Vec<u32>,
) -> Result<usize, StoreError> {
    pace.check()?;
    part.read(|seen| {
        let (mut read, mut bytes) = (0, 0);
        for (at, &doc) in docs.iter().enumerate() {
            if found.len() >= limit || read == RECORDS_PER_LOOK || bytes >= BYTES_PER_LOOK {
                return Ok(at);
            }
            if !known(doc) {
                let body = seen.body(doc)?;
                let committed_us = seen.view.committed_us(doc)?.unwrap_or(0);
                (read, bytes) = (read + 1, bytes + body.len());
                if !decide(plan, &body, seen.sequence(doc), committed_us, pace)? {
                    continue;
                }
            }
            found.push(doc);
        }
        Ok(docs.len())
    })
}

/// How many documents of a part match.
pub(super) fn count(part: &Part, plan: &Plan, budget: &Budget<'_>) -> Result<u64, StoreError> {
    let listed = part.read(|seen| {
        let pace = Pace::new(budget);
        let Some(share) = Share::of(seen, plan, &pace)? else { return Ok((Some(0), Default::default())) };
        // One value in a whole segment: its list knows its length.
        let whole = share.own.is_none() && seen.docs >= seen.view.docs() && plan.spans(seen.span);
        match share.found.only_list().filter(|_| whole) {
            Some(only) => Ok((Some(only.count()), Default::default())),
            None => Ok((None, share.sets()?)),
        }
    })?;
    match listed {
        (Some(count), _) => Ok(count),
        (None, sets) => Ok(decided(part, plan, sets, budget)?.count()),
    }
}

impl<'a, 'p, 'b> Share<'a, 'p, 'b> {
    /// `None` when nothing can match.
    fn of(seen: Seen<'a>, plan: &'p Plan, pace: &'b Pace<'b>) -> Result<Option<Self>, StoreError> {
        let look = Look { seen, pace };
        let found = Found::of(&plan.root, &look)?;
        if matches!(found, Found::Nothing) {
            return Ok(None);
        }
        let mut own: Vec<Postings<'a>> = Vec::new();
        if plan.leaves_own_out {
            seen.view.scan(
                Field::EventType.into(),
                "stele",
                &|bytes| pace.go_on(2 + bytes / 64),
                &is_own,
                &mut own,
            )?;
            pace.result()?;
        }
        let own = if own.is_empty() { None } else { Some(look.union(&own)?) };
        Ok(Some(Self { look, plan, found, own }))
    }

    /// Guesses whether a walk meets `limit` matches sooner than the rarest conjunct is read through.
    fn worth_walking(&self, limit: usize) -> bool {
        let docs = self.look.seen.docs;
        let Some(rarest) = self.found.conjuncts().first() else { return true };
        let rarest = rarest.most(docs);
        if rarest <= SPARSE {
            return false;
        }
        let all = f64::from(docs.max(1));
        let share = |found: &Found<'_, '_>| (found.most(docs) as f64 / all).min(1.0);
        let share: f64 = self.found.conjuncts().iter().map(share).product();
        limit as f64 / share < rarest as f64
    }

    fn visible(&self, doc: u32) -> bool {
        doc < self.look.seen.docs && !self.own.as_ref().is_some_and(|own| own.contains(doc))
    }

    /// Asks the record.
    fn decide(&self, doc: u32) -> Result<bool, StoreError> {
        let seen = &self.look.seen;
        let committed_us = seen.view.committed_us(doc)?.unwrap_or(0);
        decide(self.plan, &seen.body(doc)?, seen.sequence(doc), committed_us, self.look.pace)
    }

    /// `None` when it took too many steps.
    fn walk(
        &self,
        times: Times<'_>,
        bounds: Bounds,
        order: Order,
        limit: usize,
    ) -> Result<Option<Vec<(i64, u32)>>, StoreError> {
        let test = self.found.test(&self.look)?;
        let rarest = self.found.conjuncts().first();
        let mut patience = rarest.map_or(u64::MAX, |rarest| rarest.most(self.look.seen.docs) + PATIENCE);
        let mut rows = Vec::with_capacity(limit.min(1 << 10));
        for doc in times.walk(bounds.first, bounds.limit, order == Order::Desc)? {
            let doc = doc?;
            self.look.pace.step(1)?;
            let known = if self.visible(doc) { test.of(doc)? } else { Known::No };
            let fits = known == Known::Yes || (known == Known::Maybe && self.decide(doc)?);
            if fits {
                rows.push((times.at(doc)?, doc));
                if rows.len() == limit {
                    break;
                }
                continue;
            }
            let steps = if known == Known::Maybe { RECORD_STEPS } else { 1 };
            match patience.checked_sub(steps) {
                Some(left) => patience = left,
                None => return Ok(None),
            }
        }
        Ok(Some(rows))
    }

    /// Documents of the rarest conjunct inside `bounds`, then the other tests, then the first ones.
    fn select(
        &self,
        times: Times<'_>,
        bounds: Bounds,
        order: Order,
        limit: usize,
    ) -> Result<Vec<(i64, u32)>, StoreError> {
        let (rarest, others) = self.found.conjuncts().split_at(self.found.conjuncts().len().min(1));
        let (mut rows, few) = self.candidates(rarest)?;
        if !few {
            // Many: drop by the cheap tests before looking up times.
            self.keep(&mut rows, others)?;
        }
        for (time, doc, _) in &mut rows {
            *time = times.at(*doc)?;
        }
        self.look.pace.step(rows.len())?;
        rows.retain(|&(time, doc, _)| bounds.hold((time, u64::from(doc))));
        if few && !rows.is_empty() {
            self.keep(&mut rows, others)?;
        }
        self.first_of(rows, order, limit)
    }

    /// The documents of one conjunct, no times yet, and whether they may match only; and whether they
    /// are few.
    fn candidates(&self, rarest: &[Found<'a, 'p>]) -> Result<(Vec<Candidate>, bool), StoreError> {
        let three = match rarest {
            [rarest] => rarest.three(&self.look)?,
            _ => Found::All.three(&self.look)?,
        };
        let possible = three.possible.as_ref().unwrap_or(&three.sure);
        let count = possible.count();
        let mut rows = Vec::with_capacity(count as usize);
        let doubt = three.possible.is_some();
        possible.each(|doc| {
            if self.visible(doc) {
                rows.push((0, doc, doubt && !three.sure.contains(doc)));
            }
        });
        self.look.pace.step(rows.len())?;
        Ok((rows, count <= SPARSE))
    }

    fn keep(&self, rows: &mut Vec<Candidate>, others: &[Found<'a, 'p>]) -> Result<(), StoreError> {
        let tests =
            others.iter().map(|other| other.test(&self.look)).collect::<Result<Vec<Test<'_, '_>>, _>>()?;
        for test in &tests {
            let mut failed = None;
            self.look.pace.step(rows.len())?;
            rows.retain_mut(|(_, doc, doubtful)| match test.of(*doc) {
                Ok(known) => {
                    *doubtful |= known == Known::Maybe;
                    known != Known::No
                }
                Err(error) => {
                    failed = Some(error);
                    false
                }
            });
            failed.map_or(Ok(()), Err)?;
        }
        Ok(())
    }

    /// The first rows in order; doubtful ones are decided one by one until there are enough.
    fn first_of(
        &self,
        mut rest: Vec<Candidate>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<(i64, u32)>, StoreError> {
        let mut rows = Vec::with_capacity(limit.min(rest.len()));
        let mut taken = limit;
        while rows.len() < limit && !rest.is_empty() {
            let next = take_first(&mut rest, order, taken);
            for (time, doc, doubtful) in next {
                if !doubtful || self.decide(doc)? {
                    rows.push((time, doc));
                    if rows.len() == limit {
                        break;
                    }
                }
            }
            // Where few of the doubtful ones match, larger bites spare passes over the rest.
            taken = taken.saturating_mul(2);
        }
        Ok(rows)
    }

    /// The documents that match, and those that may.
    fn sets(&self) -> Result<(DocSet, DocSet), StoreError> {
        let three = self.found.three(&self.look)?;
        let clean = |set: DocSet| match &self.own {
            Some(own) => set.without(own),
            None => set,
        };
        let sure = self.in_time(clean(three.sure))?;
        let doubtful = match three.possible {
            Some(possible) => self.in_time(clean(possible).without(&sure))?,
            None => DocSet::empty(),
        };
        Ok((sure, doubtful))
    }

    /// Leaves those inside the plan's time range.
    fn in_time(&self, set: DocSet) -> Result<DocSet, StoreError> {
        let seen = &self.look.seen;
        if self.plan.spans(seen.span) || set.is_empty() {
            return Ok(set);
        }
        let times = seen.view.times()?;
        let bounds = Bounds::of(self.plan);
        let count = set.count();
        let walk = times.walk(bounds.first, bounds.limit, false)?;
        let inside = walk.remaining();
        if inside == 0 {
            return Ok(DocSet::empty());
        }
        if inside >= u64::from(seen.view.docs()) {
            return Ok(set);
        }
        let outside = [(MIN, bounds.first), (bounds.limit, end_of(None))]
            .map(|(first, limit)| times.walk(first, limit, false));
        let [before, behind] = outside;
        let (before, behind) = (before?, behind?);
        let beyond = before.remaining() + behind.remaining();
        self.look.pace.step(count.min(inside).min(beyond) as usize)?;
        // Late events bring a few old times into a segment of today: those few are taken away.
        if beyond < count.min(inside) {
            let docs = before.chain(behind).collect::<Result<Vec<u32>, _>>()?;
            return Ok(set.without(&DocSet::of_many(docs, seen.docs)));
        }
        if inside < count {
            let docs = walk.collect::<Result<Vec<u32>, _>>()?;
            return Ok(set.and(DocSet::of_many(docs, seen.docs)));
        }
        let mut failed = None;
        let kept = set.filter(|doc| match times.at(doc) {
            Ok(time) => self.plan.holds_time(time),
            Err(error) => {
                failed = Some(error);
                false
            }
        });
        failed.map_or(Ok(kept), Err)
    }
}

/// Takes the first rows out of `rows`, in order.
fn take_first<T: Ord + Copy>(rows: &mut Vec<T>, order: Order, limit: usize) -> Vec<T> {
    let compare = |a: &T, b: &T| if order == Order::Desc { b.cmp(a) } else { a.cmp(b) };
    let mut first = if rows.len() > limit {
        rows.select_nth_unstable_by(limit, compare);
        let rest = rows.split_off(limit);
        std::mem::replace(rows, rest)
    } else {
        std::mem::take(rows)
    };
    first.sort_unstable_by(compare);
    first
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
