//! What one index event says of a filter: the lookups, and the records that are hit.

use super::epochs::epoch_over;
use super::{IndexEvent, ReportError};
use crate::error::StoreError;
use crate::event::event_us;
use crate::ids::Secret;
use crate::segment::Snapshot;
use crate::tags::{Dimension, Epoch, Filter, Lookup, Statement, Value};

/// The part of a report that belongs to one index event.
pub(super) struct ShownEpoch {
    /// Sequence of the index event.
    pub sequence: u64,
    /// Keys of the filter's dimensions.
    pub keys: Vec<(Dimension, [u8; 32])>,
    /// One for each value, in the filter's order.
    pub lookups: Vec<(Dimension, Value, Lookup)>,
}

impl ShownEpoch {
    /// What its lookups cost, in offsets.
    pub fn places(&self) -> u64 {
        let listed = |lookup: &Lookup| {
            lookup.postings.as_ref().map_or(0, Vec::len) as u64 + super::make::LOOKUP_PLACES
        };
        self.lookups.iter().map(|(_, _, lookup)| listed(lookup)).sum()
    }
}

/// The records under one index event that carry the values of a filter.
pub(super) struct Stretch {
    pub shown: ShownEpoch,
    /// Sequence and event time of each hit, ascending.
    pub hits: Vec<(u64, u64)>,
}

/// Recomputes an index event from its records and looks the filter's values up in it.
pub(super) fn look_up(
    snapshot: &Snapshot,
    secret: &Secret,
    event: &IndexEvent,
    filter: &Filter,
    go_on: &dyn Fn() -> bool,
) -> Result<Stretch, ReportError> {
    let said = &event.statement;
    let mut times = Vec::with_capacity((said.b - said.a) as usize);
    let epoch = epoch_over(snapshot, secret, (said.a, said.b), go_on, |_, fields| {
        times.push(event_us(fields.time_ns))
    });
    let epoch = epoch.map_err(|error| match error {
        StoreError::Cancelled => ReportError::Cancelled,
        other => ReportError::Store(other),
    })?;
    compare(event, &epoch)?;
    let mut hit = vec![true; times.len()];
    let (mut keys, mut lookups) = (Vec::new(), Vec::new());
    for (dimension, values) in &filter.dimensions {
        keys.push((*dimension, *epoch.keys().of(*dimension).bytes()));
        let mut any = vec![false; times.len()];
        for value in values {
            let lookup = epoch.lookup(*dimension, value)?;
            lookup.postings.iter().flatten().for_each(|&offset| any[offset as usize] = true);
            lookups.push((*dimension, value.clone(), lookup));
        }
        hit.iter_mut().zip(any).for_each(|(hit, any)| *hit &= any);
    }
    let hits = hit.iter().enumerate().filter(|(_, hit)| **hit);
    let hits = hits.map(|(at, _)| (said.a + at as u64, times[at])).collect();
    Ok(Stretch { shown: ShownEpoch { sequence: event.sequence, keys, lookups }, hits })
}

/// An index event that its records contradict makes no report.
fn compare(event: &IndexEvent, epoch: &Epoch) -> Result<(), ReportError> {
    let said = &event.statement;
    let is = Statement::of(epoch, said.a, said.b, said.prev);
    let why = if is.root != said.root || is.n != said.n {
        "the tree over their values has another root"
    } else if (is.ev_min, is.ev_max) != (said.ev_min, said.ev_max) {
        "their event times have other bounds"
    } else if is.kc != said.kc {
        "the log's secret gives other keys"
    } else {
        return Ok(());
    };
    Err(ReportError::Index { sequence: event.sequence, why: why.to_owned() })
}
