//! The tree of an index event, made from the records that it covers.

use crate::error::StoreError;
use crate::event::Fields;
use crate::ids::Secret;
use crate::segment::{Segment, Snapshot};
use crate::tags::{Epoch, EpochBuilder, TagKeys};

/// Records between two looks at whether anyone still waits.
const BITE: u64 = 256;

/// The epoch over the records `[a, b)`, at most 65,536 of them, from their bodies; `seen` is given each one's
/// sequence and envelope, in their order. `go_on` is asked now and then.
///
/// # Errors
/// `Damaged` or `Io` of a segment; `Cancelled` when `go_on` says no.
pub fn epoch_over(
    snapshot: &Snapshot,
    secret: &Secret,
    (a, b): (u64, u64),
    go_on: &dyn Fn() -> bool,
    mut seen: impl FnMut(u64, &Fields<'_>),
) -> Result<Epoch, StoreError> {
    let mut builder = EpochBuilder::new(TagKeys::new(secret, a));
    each_event(snapshot, (a, b), go_on, &mut |sequence, fields| {
        seen(sequence, fields);
        builder.add((sequence - a) as u32, fields);
    })?;
    Ok(builder.finish())
}

/// Shows the envelopes of the records `[from, to)`, in their order.
///
/// A growing segment is locked for one record at a time, to copy it, so the writer never waits for
/// an event to be taken apart.
///
/// # Errors
/// As [`epoch_over`].
pub fn each_event(
    snapshot: &Snapshot,
    (from, to): (u64, u64),
    go_on: &dyn Fn() -> bool,
    see: &mut dyn FnMut(u64, &Fields<'_>),
) -> Result<(), StoreError> {
    for sequence in from..to {
        if sequence % BITE == 0 && !go_on() {
            return Err(StoreError::Cancelled);
        }
        let missing = || StoreError::Refused(format!("the log has no sequence {sequence}"));
        let (segment, doc) = snapshot.find(sequence).ok_or_else(missing)?;
        let mut shown = |body: &[u8]| match Fields::scan(body) {
            Ok(fields) => {
                see(sequence, &fields);
                Ok(())
            }
            Err(why) => Err(unreadable(segment, sequence, &why)),
        };
        match &**segment {
            Segment::Sealed(sealed) => shown(&sealed.body(doc)?)?,
            other => shown(&other.record(doc)?.body)?,
        }
    }
    Ok(())
}

/// A stored body that is no event: the record's place is known to the segment.
fn unreadable(segment: &Segment, sequence: u64, why: &str) -> StoreError {
    let path = std::path::PathBuf::from(format!("{:020}.log", segment.first()));
    StoreError::damaged(&path, 0, format!("the record is no event: {why}")).at(sequence)
}
