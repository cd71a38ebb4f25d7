//! Index events: which there are, and which is due (docs/CUSTODY.md).

#[cfg(test)]
mod tests;

use std::sync::{MutexGuard, PoisonError};

use super::Log;
use crate::error::StoreError;
use crate::event::{Event, Fields, own};
use crate::record::Record;
use crate::report::{IndexEvent, epoch_over};
use crate::segment::Snapshot;
use crate::tags::{EPOCH_RECORDS_MAX, EVENT_ID_PREFIX, EVENT_TYPE, Statement};

/// Records wait so long for the index event that covers them, when few come.
const WAIT_NS: i64 = 3_600_000_000_000;

impl Log {
    /// The sequence up to which index events cover the log; 0 without any.
    ///
    /// # Errors
    /// `Damaged` or `Io` of a segment, or of an index event that is not one.
    pub fn indexed(&self) -> Result<u64, StoreError> {
        Ok(covered(&self.known_index_events()?))
    }

    /// The index events, from the first one on; they are looked up by their ids, which follow from
    /// one another.
    pub(super) fn known_index_events(&self) -> Result<MutexGuard<'_, Vec<IndexEvent>>, StoreError> {
        let mut known = self.index_events.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(record) = self.find(&format!("{EVENT_ID_PREFIX}{}", covered(&known)))? {
            let event = self.read_index_event(&record, known.last())?;
            known.push(event);
        }
        Ok(known)
    }

    /// Reads an index event and holds it against the one before.
    fn read_index_event(
        &self,
        record: &Record,
        before: Option<&IndexEvent>,
    ) -> Result<IndexEvent, StoreError> {
        let wrong = |why: &str| {
            let path = self.shared.dir.join("segments");
            StoreError::damaged(&path, 0, format!("an index event {why}")).at(record.sequence)
        };
        let statement = Statement::read(&record.body).map_err(|why| wrong(&why))?;
        if statement.prev != before.map(|event| event.sequence) {
            return Err(wrong("does not go on from the one before"));
        }
        if statement.b > record.sequence {
            return Err(wrong("covers records that came after it"));
        }
        Ok(IndexEvent { sequence: record.sequence, statement })
    }

    /// The next index event that is due, to be appended by the caller like any event: once 65,536
    /// records are not covered, or when one that is not an index event itself has waited for an hour.
    /// With `force` whenever any record is not covered: before a report, until
    /// [`Log::indexed`] has come to the head of when it was asked for. Each index event
    /// makes the log longer by one record, which such a loop need not wait for.
    ///
    /// `now_ns` is the event's time. Holds some hundred bytes for each distinct value of the records
    /// covered, and no lock for more than a record.
    ///
    /// # Errors
    /// `Damaged` or `Io` of a segment.
    pub fn next_index_event(&self, now_ns: i64, force: bool) -> Result<Option<Event>, StoreError> {
        let (a, prev) = {
            let known = self.known_index_events()?;
            (covered(&known), known.last().map(|event| event.sequence))
        };
        let snapshot = self.shared.segments.snapshot();
        let b = snapshot.head.size.min(a + self.epoch_records_max());
        if b <= a || !(force || self.is_due(&snapshot, a, now_ns)?) {
            return Ok(None);
        }
        let epoch = epoch_over(&snapshot, &self.shared.secret, (a, b), &|| true, |_, _| {})?;
        let statement = Statement::of(&epoch, a, b, prev);
        self.index_event(&statement, now_ns).map(Some)
    }

    fn index_event(&self, statement: &Statement, now_ns: i64) -> Result<Event, StoreError> {
        let origin = self.origin();
        let log_id = origin.rsplit('/').next().unwrap_or(origin);
        let resource = format!(r#"{{"type":"log","id":"{log_id}"}}"#);
        let (id, metadata) = (statement.event_id(), statement.metadata());
        let actor = r#"{"type":"system"}"#;
        own(EVENT_TYPE, &id, now_ns, actor, &resource, "index", "success", &metadata).map_err(|rejected| {
            let why = rejected.faults.first().map_or("", |fault| fault.detail.as_str());
            StoreError::Refused(format!("the index event {id} is no event: {why}"))
        })
    }

    /// True when the records from `a` on should not wait longer.
    fn is_due(&self, snapshot: &Snapshot, a: u64, now_ns: i64) -> Result<bool, StoreError> {
        if snapshot.head.size - a >= self.epoch_records_max() {
            return Ok(true);
        }
        // Index events alone are no reason for one more. Seldom more than one stands before another record.
        for sequence in a..snapshot.head.size {
            let record = snapshot.record(sequence)?;
            if Fields::scan(&record.body).is_ok_and(|fields| fields.event_type == EVENT_TYPE) {
                continue;
            }
            let committed_ns = i64::try_from(record.committed_us.saturating_mul(1_000)).unwrap_or(i64::MAX);
            return Ok(committed_ns <= now_ns.saturating_sub(WAIT_NS));
        }
        Ok(false)
    }

    fn epoch_records_max(&self) -> u64 {
        self.options.epoch_records_max.clamp(1, EPOCH_RECORDS_MAX)
    }
}

/// Where the index events end.
fn covered(known: &[IndexEvent]) -> u64 {
    known.last().map_or(0, |event| event.statement.b)
}
