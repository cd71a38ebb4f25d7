//! When a segment is full: a function of its records alone, so that replicas cut at the same place.

use crate::event::Fields;

/// Type of the event that ends a segment early.
const SEAL_TYPE: &str = "stele.seal";

/// Strings and numbers of metadata after which a segment is full: an index of many small values takes
/// many times their bytes in memory. Three times what a segment of ordinary events has.
const SEGMENT_VALUES_MAX: u64 = 3 << 20;

/// When a segment is full. Changing it moves later boundaries only.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Records after which a segment is full.
    pub segment_records_max: u32,
    /// Bytes of length-prefixed bodies after which a segment is full.
    pub segment_bytes_max: u64,
}

impl Rules {
    /// Address space to map for a growing segment: its frames and one that overshoots.
    #[must_use]
    pub const fn capacity(&self) -> u64 {
        self.segment_bytes_max + self.segment_bytes_max / 4 + (4 << 20)
    }

    /// True when a segment that holds `tally` ends before a unit of this size. An empty one takes
    /// any unit, so an atomic batch may be larger than a segment.
    #[must_use]
    pub fn full(&self, tally: &Tally, records: u64, bytes: u64, values: u64) -> bool {
        tally.records > 0
            && (tally.ended
                || tally.records + records > u64::from(self.segment_records_max)
                || tally.bytes + bytes > self.segment_bytes_max
                || tally.values + values > SEGMENT_VALUES_MAX)
    }
}

/// How full a segment is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records in it.
    pub records: u64,
    /// Bytes of their length-prefixed bodies.
    pub bytes: u64,
    /// Strings and numbers of their metadata.
    pub values: u64,
    /// Its last record ends it.
    pub ended: bool,
}

impl Tally {
    /// Counts a record.
    pub fn add(&mut self, body_bytes: usize, values: u32, ends: bool) {
        self.records += 1;
        self.bytes += 4 + body_bytes as u64;
        self.values += u64::from(values);
        self.ended |= ends;
    }
}

/// True for the event that ends its segment.
#[must_use]
pub fn ends_segment(fields: &Fields<'_>) -> bool {
    fields.event_type == SEAL_TYPE
}
