//! What a data file holds, read back into the columns that live in memory.

use crate::error::StoreError;
use crate::event::Fields;
use crate::index::Doc;
use crate::segment::walk::{Walk, Walked};
use crate::segment::{Head, SegmentHeader, State, Tally, ends_segment};

/// The valid frames of one data file.
pub(super) struct Contents {
    pub header: SegmentHeader,
    pub state: State,
    /// End of the last valid frame.
    pub written: u64,
    pub head: Head,
    pub tally: Tally,
}

/// Walks to the first place that is no valid frame.
pub(super) fn read(header: SegmentHeader, walk: &mut Walk<'_>) -> Result<Contents, StoreError> {
    let mut state = State::default();
    let mut tally = Tally::default();
    let path = walk.path;
    while let Some(frame) = walk.step()? {
        let (offset, sequence) = (frame.offset, frame.header.first_sequence);
        let broken = |why: String| StoreError::damaged(path, offset, why).at(sequence);
        add(&mut state, &mut tally, &frame).map_err(broken)?;
    }
    let head = Head { size: walk.sequence, hash: walk.head, committed_us: walk.committed_us };
    Ok(Contents { header, state, written: walk.at, head, tally })
}

fn add(state: &mut State, tally: &mut Tally, frame: &Walked<'_>) -> Result<(), String> {
    let committed_us = frame.header.committed_us;
    state.rows.push_frame(frame.offset, frame.bytes.len() as u32, committed_us);
    for record in &frame.records {
        state.rows.push(record.offset as u32, record.hash, record.salted.fingerprint);
        state.salts.push(record.salted.salt);
        let fields = Fields::scan(record.body)?;
        let doc = Doc::of(&fields, committed_us)?;
        state.live.push(&doc);
        tally.add(record.body.len(), doc.values(), ends_segment(&fields));
    }
    Ok(())
}
