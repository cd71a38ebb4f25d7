//! The changes of one resource, and its state after them.

use super::events::Events;
use super::state::{Change, State, has_changes};
use crate::error::StoreError;
use crate::event::Fields;
use crate::record::Record;

/// Positions that are gathered cost so many bytes.
const POSITION_BYTES: usize = 16;
/// Records between two looks at the budget.
const RECORDS_PER_CHECK: usize = 256;

/// A page of a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Events with changes, newest first.
    pub changes: Vec<Record>,
    /// Position of the last one, when more follow.
    pub last: Option<(i64, u64)>,
}

/// Reads a record by its sequence.
pub type Records<'a> = dyn Fn(u64) -> Result<Record, StoreError> + 'a;

/// The matching events that tell changes, newest first by (timestamp, sequence), those past `after` only:
/// `limit` at most, and none after the one whose body brings them to `bytes`.
///
/// # Errors
/// `Damaged`, `TooBroad`, `Cancelled`.
pub fn changes(
    events: &Events<'_>,
    records: &Records<'_>,
    after: Option<(i64, u64)>,
    limit: usize,
    bytes: usize,
) -> Result<Page, StoreError> {
    let mut positions = positions(events)?;
    positions.reverse();
    let start = after.map_or(0, |after| positions.partition_point(|&position| position >= after));
    let mut page = Page::default();
    let (mut last, mut held) = (None, 0);
    for (read, &position) in positions[start..].iter().enumerate() {
        check(events, read)?;
        let record = records(position.1)?;
        if !has_changes(fields(&record)?.metadata) {
            continue;
        }
        if page.changes.len() == limit || held >= bytes {
            page.last = last;
            break;
        }
        last = Some(position);
        held += record.body.len();
        page.changes.push(record);
    }
    Ok(page)
}

/// The state of a resource after all matching events, as the rules of the `state` file have it; `None` when
/// they tell none.
///
/// # Errors
/// `Damaged`, `TooBroad`, `Cancelled`.
pub fn state(events: &Events<'_>, records: &Records<'_>) -> Result<Option<Vec<u8>>, StoreError> {
    let (mut state, mut most) = (State::default(), 0);
    for (read, &(_, sequence)) in positions(events)?.iter().enumerate() {
        check(events, read)?;
        let record = records(sequence)?;
        let fields = fields(&record)?;
        state.apply(&Change::of(fields.event_type, fields.metadata));
        if state.bytes() > most {
            events.budget.keep(state.bytes() - most)?;
            most = state.bytes();
        }
    }
    Ok(state.text())
}

/// (timestamp, sequence) of all matches, ascending.
fn positions(events: &Events<'_>) -> Result<Vec<(i64, u64)>, StoreError> {
    let mut positions = Vec::new();
    for part in events.parts() {
        let found = events.look(part, |seen, docs| {
            events.budget.keep(docs.count() as usize * POSITION_BYTES)?;
            let times = seen.view.times()?;
            docs.to_vec().into_iter().map(|doc| Ok((times.at(doc)?, seen.sequence(doc)))).collect()
        })?;
        let found: Vec<(i64, u64)> = found.unwrap_or_default();
        positions.extend(found);
    }
    positions.sort_unstable();
    Ok(positions)
}

fn check(events: &Events<'_>, read: usize) -> Result<(), StoreError> {
    if read.is_multiple_of(RECORDS_PER_CHECK) { events.budget.check() } else { Ok(()) }
}

fn fields(record: &Record) -> Result<Fields<'_>, StoreError> {
    Fields::scan(&record.body)
        .map_err(|detail| StoreError::Refused(format!("sequence {} is no event: {detail}", record.sequence)))
}
