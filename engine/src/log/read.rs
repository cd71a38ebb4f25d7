//! Answers: pages, single events, tails.

use super::Log;
use crate::error::StoreError;
use crate::event::id_and_time;
use crate::query::{
    Ask, Budget, Gap, Order, Part, Plan, Scope, gaps, matches_record, matching_from, page, parts,
};
use crate::record::Record;
use crate::segment::{Segment, Snapshot};

/// So many new records are decided one by one, without a look at an index: tails follow closely.
const STRETCH: u64 = 2_000;

/// Records that are decided in one go: the writer may wait for it.
const BITE: u32 = 128;

/// Bodies of one page: it ends with the record that reaches this.
pub const PAGE_BYTES_MAX: usize = 16 << 20;

/// Bodies of one read of [`Log::read_from`]: it ends with the record that reaches this.
pub const READ_BYTES_MAX: usize = 256 << 10;

/// A page request.
#[derive(Clone, Debug)]
pub struct Search {
    /// Which events.
    pub scope: Scope,
    /// By (timestamp, sequence).
    pub order: Order,
    /// Most records in the page.
    pub limit: usize,
    /// Position of the last record of the page before: (time in ns, sequence).
    pub after: Option<(i64, u64)>,
    /// Snapshot: only sequences below this; the current head when absent.
    pub head: Option<u64>,
    /// Count all that match, too.
    pub count: bool,
}

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The records, in order.
    pub records: Vec<Record>,
    /// The next page's `after`, when there is more.
    pub last: Option<(i64, u64)>,
    /// How many match, when asked for.
    pub matched: Option<u64>,
    /// The snapshot that was searched: give it for the next pages.
    pub head: u64,
    /// What is archived and may hold more that matches: on this page, on others, in the count.
    pub archived: Vec<Gap>,
}

impl Log {
    /// One page of what matches; it ends early, with more to come, where bodies reach
    /// [`PAGE_BYTES_MAX`].
    ///
    /// # Errors
    /// `Damaged` with the place, when what the answer needs is not what was written; `TooBroad` or
    /// `Cancelled` by the budget.
    pub fn search(&self, search: &Search, budget: &Budget<'_>) -> Result<Found, StoreError> {
        let snapshot = self.shared.segments.snapshot();
        let head = search.head.unwrap_or(snapshot.head.size).min(snapshot.head.size);
        let plan = self.plan(&search.scope, &snapshot)?;
        let ask = Ask {
            plan: &plan,
            order: search.order,
            limit: search.limit,
            after: search.after,
            count: search.count,
        };
        let hits = page(&parts(&snapshot, 0, head)?, &ask, budget)?;
        let sequences = hits.hits.iter().map(|&(_, sequence)| sequence);
        let records = records(&snapshot, sequences, PAGE_BYTES_MAX)?;
        let more = hits.more || records.len() < hits.hits.len();
        let last = hits.hits[..records.len()].last().copied().filter(|_| more);
        let archived = gaps(&snapshot, &plan, 0, head);
        Ok(Found { records, last, matched: hits.matched, head, archived })
    }

    /// The event with an id, the log's own events included.
    ///
    /// # Errors
    /// `Archived` with the range to restore; `Damaged` with the place, or `Io`.
    pub fn find(&self, event_id: &str) -> Result<Option<Record>, StoreError> {
        let snapshot = self.shared.segments.snapshot();
        self.locate(event_id, &snapshot)?.map(|sequence| snapshot.record(sequence)).transpose()
    }

    /// The event at a sequence, the log's own events included.
    ///
    /// # Errors
    /// `Archived` with the range to restore; `Damaged` with the place, or `Io`.
    pub fn record(&self, sequence: u64) -> Result<Option<Record>, StoreError> {
        let snapshot = self.shared.segments.snapshot();
        snapshot.find(sequence).is_some().then(|| snapshot.record(sequence)).transpose()
    }

    /// A scope made ready, event ids looked up.
    pub(super) fn plan(&self, scope: &Scope, snapshot: &Snapshot) -> Result<Plan, StoreError> {
        Plan::of(scope, &mut |event_id| self.locate(event_id, snapshot))
    }

    /// The sequence of the event with an id.
    fn locate(&self, event_id: &str, snapshot: &Snapshot) -> Result<Option<u64>, StoreError> {
        self.settled()?;
        let salted = self.shared.salts.salted(event_id);
        let fingerprint = salted.fingerprint;
        let mut sequences = Vec::new();
        // Memory first, then the files: a seal moves ids in that order.
        self.shared.recent().find(fingerprint, &mut |sequence| sequences.push(sequence));
        let mut located = Vec::new();
        self.shared.locator.find(&[fingerprint], &mut located)?;
        sequences.extend(located.into_iter().map(|(_, sequence)| sequence));
        for sequence in sequences {
            let Some((segment, doc)) = snapshot.find(sequence) else { continue };
            if let Segment::Archived(archived) = &**segment {
                let seen = archived.seen(doc)?;
                if (seen.fingerprint, seen.second) == (fingerprint, salted.second) {
                    return Ok(Some(sequence));
                }
                continue;
            }
            let record = snapshot.record(sequence)?;
            if id_and_time(&record.body).is_ok_and(|(id, _)| id == event_id) {
                return Ok(Some(sequence));
            }
        }
        Ok(None)
    }

    /// Records from `sequence` on, in sequence order, that match, at most `limit`, and none after the
    /// one whose body brings them to [`READ_BYTES_MAX`]; and the sequence to go on from. For tails: a short stretch costs some microseconds per new record, whatever the
    /// log holds.
    ///
    /// # Errors
    /// `Archived` where what comes next may match and is away: go on behind it, or restore it. `Damaged`
    /// with the place, or `Io`; `TooBroad` or `Cancelled` by the budget.
    pub fn read_from(
        &self,
        sequence: u64,
        scope: &Scope,
        limit: usize,
        budget: &Budget<'_>,
    ) -> Result<(Vec<Record>, u64), StoreError> {
        let snapshot = self.shared.segments.snapshot();
        let head = snapshot.head.size;
        if limit == 0 || sequence >= head {
            return Ok((Vec::new(), sequence));
        }
        let plan = self.plan(scope, &snapshot)?;
        // Up to what is away: a tail that passed over it would be a shorter answer that nobody sees.
        let away = gaps(&snapshot, &plan, sequence, head).into_iter().next();
        let head = away.map_or(head, |gap| gap.first_sequence.max(sequence));
        if let Some(Gap { first_sequence, last_sequence, .. }) = away.filter(|_| head <= sequence) {
            return Err(StoreError::Archived { first_sequence, last_sequence });
        }
        let stretch = head - sequence <= STRETCH;
        let mut found: Vec<u64> = Vec::new();
        for part in parts(&snapshot, sequence, head)? {
            let left = limit - found.len();
            if stretch {
                decide_from(&part, sequence, &plan, left, budget, &mut found)?;
            } else {
                match_from(&part, sequence, &plan, left, budget, &mut found)?;
            }
            if found.len() == limit {
                break;
            }
        }
        let records = records(&snapshot, found.iter().copied(), READ_BYTES_MAX)?;
        let whole = found.len() < limit && records.len() == found.len();
        let next = records.last().filter(|_| !whole).map_or(head, |last| last.sequence + 1);
        Ok((records, next.max(sequence)))
    }
}

/// The records of a snapshot at `sequences`, none after the one whose body brings them to `bytes`.
fn records(
    snapshot: &Snapshot,
    sequences: impl Iterator<Item = u64>,
    bytes: usize,
) -> Result<Vec<Record>, StoreError> {
    let (mut records, mut held) = (Vec::new(), 0);
    for sequence in sequences {
        if held >= bytes {
            break;
        }
        let record = snapshot.record(sequence)?;
        held += record.body.len();
        records.push(record);
    }
    Ok(records)
}

/// Adds the matches of a part at or above `sequence`, record by record.
fn decide_from(
    part: &Part,
    sequence: u64,
    plan: &Plan,
    left: usize,
    budget: &Budget<'_>,
    found: &mut Vec<u64>,
) -> Result<(), StoreError> {
    let enough = found.len() + left;
    let mut start = u32::try_from(sequence.saturating_sub(part.first)).unwrap_or(u32::MAX);
    while start < part.docs && found.len() < enough {
        let end = part.docs.min(start.saturating_add(BITE));
        part.read(|seen| {
            for doc in start..end {
                let committed_us = seen.view.committed_us(doc)?.unwrap_or(0);
                if matches_record(plan, &seen.body(doc)?, seen.sequence(doc), committed_us, budget)? {
                    found.push(seen.sequence(doc));
                    if found.len() == enough {
                        break;
                    }
                }
            }
            budget.check()
        })?;
        start = end;
    }
    Ok(())
}

/// Adds the matches of a part at or above `sequence`, by its index.
fn match_from(
    part: &Part,
    sequence: u64,
    plan: &Plan,
    left: usize,
    budget: &Budget<'_>,
    found: &mut Vec<u64>,
) -> Result<(), StoreError> {
    let start = u32::try_from(sequence.saturating_sub(part.first)).unwrap_or(u32::MAX);
    let docs = matching_from(part, plan, start, left, budget)?;
    found.extend(docs.into_iter().map(|doc| part.first + u64::from(doc)));
    Ok(())
}
