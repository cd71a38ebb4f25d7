//! The tree of an index event, made from the records that it covers.

use crate::error::StoreError;
use crate::event::{Fields, event_us};
use crate::ids::Secret;
use crate::segment::Snapshot;
use crate::tags::{Epoch, EpochBuilder, TagKeys};

/// Records between two looks at whether anyone still waits.
const BITE: u64 = 256;

/// The epoch over the records `[a, b)`, at most 65,536 of them, from their bodies; `event_us` is given
/// each one's time in their order. `go_on` is asked now and then.
///
/// A growing segment is locked for one record at a time, so the writer never waits for this.
///
/// # Errors
/// `Damaged` or `Io` of a segment; `Cancelled` when `go_on` says no.
pub fn epoch_over(
    snapshot: &Snapshot,
    secret: &Secret,
    (a, b): (u64, u64),
    go_on: &dyn Fn() -> bool,
    mut seen: impl FnMut(u64),
) -> Result<Epoch, StoreError> {
    let mut builder = EpochBuilder::new(TagKeys::new(secret, a));
    for sequence in a..b {
        if sequence % BITE == 0 && !go_on() {
            return Err(StoreError::Cancelled);
        }
        let record = snapshot.record(sequence)?;
        let fields = Fields::scan(&record.body).map_err(|why| unreadable(snapshot, sequence, &why))?;
        seen(event_us(fields.time_ns));
        builder.add((sequence - a) as u32, &fields);
    }
    Ok(builder.finish())
}

/// A stored body that is no event: the record's place is known to the segment.
fn unreadable(snapshot: &Snapshot, sequence: u64, why: &str) -> StoreError {
    let first = snapshot.find(sequence).map_or(0, |(segment, _)| segment.first());
    let path = std::path::PathBuf::from(format!("{first:020}.log"));
    StoreError::damaged(&path, 0, format!("the record is no event: {why}")).at(sequence)
}
