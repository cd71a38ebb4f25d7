//! Answers: pages, single events, tails.

use std::sync::{Arc, RwLockReadGuard};

use super::Log;
use crate::error::StoreError;
use crate::event::id_and_time;
use crate::index::View;
use crate::query::{Ask, Filter, Order, Part, matches, page};
use crate::record::Record;
use crate::segment::{Segment, Snapshot, State};

/// A page request.
#[derive(Clone, Debug)]
pub struct Search {
    /// Which events.
    pub filter: Filter,
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
}

impl Log {
    /// One page of what matches.
    ///
    /// # Errors
    /// `Damaged` with the place, when what the answer needs is not what was written.
    pub fn search(&self, search: &Search) -> Result<Found, StoreError> {
        let snapshot = self.shared.segments.snapshot();
        let head = search.head.unwrap_or(snapshot.head.size).min(snapshot.head.size);
        let ask = Ask {
            filter: &search.filter,
            order: search.order,
            limit: search.limit,
            after: search.after,
            count: search.count,
        };
        let hits = with_parts(&snapshot, 0, head, |parts| page(parts, &ask))?;
        let records: Result<Vec<Record>, StoreError> =
            hits.hits.iter().map(|&(_, sequence)| snapshot.record(sequence)).collect();
        let last = hits.hits.last().copied().filter(|_| hits.more);
        Ok(Found { records: records?, last, matched: hits.matched, head })
    }

    /// The event with an id, the log's own events included.
    ///
    /// # Errors
    /// `Damaged` with the place, or `Io`.
    pub fn find(&self, event_id: &str) -> Result<Option<Record>, StoreError> {
        let snapshot = self.shared.segments.snapshot();
        let fingerprint = self.shared.salts.salted(event_id).fingerprint;
        let mut sequences = Vec::new();
        // Memory first, then the files: a seal moves ids in that order.
        self.shared.recent().find(fingerprint, &mut |sequence| sequences.push(sequence));
        let mut located = Vec::new();
        self.shared.locator.find(&[fingerprint], &mut located)?;
        sequences.extend(located.into_iter().map(|(_, sequence)| sequence));
        for sequence in sequences {
            if snapshot.find(sequence).is_none() {
                continue;
            }
            let record = snapshot.record(sequence)?;
            if id_and_time(&record.body).is_ok_and(|(id, _)| id == event_id) {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// Records from `sequence` on, in sequence order, that match, at most `limit`; and the sequence
    /// to go on from. For tails.
    ///
    /// # Errors
    /// `Damaged` with the place, or `Io`.
    pub fn read_from(
        &self,
        sequence: u64,
        filter: &Filter,
        limit: usize,
    ) -> Result<(Vec<Record>, u64), StoreError> {
        let snapshot = self.shared.segments.snapshot();
        let head = snapshot.head.size;
        let found = with_parts(&snapshot, sequence, head, |parts| from(parts, sequence, filter, limit))?;
        let next = if found.len() == limit { found.last().map_or(sequence, |last| last + 1) } else { head };
        let records: Result<Vec<Record>, StoreError> = found.iter().map(|&at| snapshot.record(at)).collect();
        Ok((records?, next.max(sequence)))
    }
}

/// Sequences at or above `sequence` that match, at most `limit`.
fn from(parts: &[Part<'_>], sequence: u64, filter: &Filter, limit: usize) -> Result<Vec<u64>, StoreError> {
    let mut found = Vec::new();
    for part in parts {
        let mut docs = matches(part, filter)?;
        let skipped = u32::try_from(sequence.saturating_sub(part.first)).unwrap_or(u32::MAX);
        docs.remove_range(..skipped);
        let left = limit - found.len();
        found.extend(docs.iter().take(left).map(|doc| part.first + u64::from(doc)));
        if found.len() == limit {
            break;
        }
    }
    Ok(found)
}

/// Shows the segments that hold sequences in `[from, head)` to a query. Damaged segments fail it:
/// an answer without them would be wrong.
fn with_parts<R>(
    snapshot: &Snapshot,
    from: u64,
    head: u64,
    query: impl FnOnce(&[Part<'_>]) -> Result<R, StoreError>,
) -> Result<R, StoreError> {
    let in_range = |segment: &&Arc<Segment>| segment.first() < head;
    let start = snapshot.segments().partition_point(|segment| segment.first() <= from).saturating_sub(1);
    let segments: Vec<&Arc<Segment>> = snapshot.segments()[start..].iter().take_while(in_range).collect();
    let guards: Vec<Option<RwLockReadGuard<'_, State>>> = segments
        .iter()
        .map(|segment| match &***segment {
            Segment::Growing(growing) => Some(growing.state()),
            _ => None,
        })
        .collect();
    let mut parts = Vec::with_capacity(segments.len());
    for (segment, guard) in segments.iter().zip(&guards) {
        let (view, docs) = match (&***segment, guard) {
            (Segment::Growing(_), Some(state)) => (View::Live(&state.live), state.rows.docs()),
            (Segment::Sealed(sealed), _) => (View::Stored(sealed.index()), sealed.facts().count),
            (damaged, _) => return Err(damaged.record(0).err().unwrap_or_else(unreadable)),
        };
        let first = segment.first();
        let visible = u32::try_from(head - first).unwrap_or(u32::MAX).min(docs);
        parts.push(Part { first, docs: visible, view });
    }
    query(&parts)
}

fn unreadable() -> StoreError {
    StoreError::Refused("a segment cannot be read".to_owned())
}
