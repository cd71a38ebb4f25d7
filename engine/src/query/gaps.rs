//! What an answer leaves out because it is in the archive.

use super::bounds::Bounds;
use super::{Part, Plan};
use crate::error::StoreError;
use crate::segment::{Segment, Snapshot};

/// A stretch of archived records that an answer could not look at and whose times meet what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// First sequence.
    pub first_sequence: u64,
    /// Last sequence.
    pub last_sequence: u64,
    /// Earliest event time in it, microseconds since 1970.
    pub from_us: i64,
    /// Latest event time in it.
    pub to_us: i64,
    /// Records in it, whether they match or not.
    pub events: u64,
}

impl Gap {
    /// Gaps in ascending order, those that touch or overlap made one.
    #[must_use]
    pub fn joined(mut gaps: Vec<Self>) -> Vec<Self> {
        gaps.sort_by_key(|gap| gap.first_sequence);
        let mut joined: Vec<Self> = Vec::new();
        for gap in gaps {
            match joined.last_mut() {
                Some(last) if gap.first_sequence <= last.last_sequence.saturating_add(1) => {
                    last.last_sequence = last.last_sequence.max(gap.last_sequence);
                    last.from_us = last.from_us.min(gap.from_us);
                    last.to_us = last.to_us.max(gap.to_us);
                    last.events = last.last_sequence - last.first_sequence + 1;
                }
                _ => joined.push(gap),
            }
        }
        joined
    }
}

/// The parts of a snapshot that hold sequences in `[from, head)`. Archived segments are left out: the
/// answer's [`gaps`] name them. Damaged segments are an error: an answer without them would be wrong.
///
/// # Errors
/// `Damaged`.
pub fn parts(snapshot: &Snapshot, from: u64, head: u64) -> Result<Vec<Part>, StoreError> {
    let start = snapshot.segments().partition_point(|segment| segment.first() <= from).saturating_sub(1);
    let in_range = snapshot.segments()[start..].iter().take_while(|segment| segment.first() < head);
    let here = in_range.filter(|segment| !matches!(***segment, Segment::Archived(_)));
    here.map(|segment| Part::of(segment, head)).collect()
}

/// The archived stretches of the sequences in `[from, head)` that may hold what a plan asks for, by time.
#[must_use]
pub fn gaps(snapshot: &Snapshot, plan: &Plan, from: u64, head: u64) -> Vec<Gap> {
    let start = snapshot.segments().partition_point(|segment| segment.first() <= from).saturating_sub(1);
    let bounds = Bounds::of(plan);
    let in_range = snapshot.segments()[start..].iter().take_while(|segment| segment.first() < head);
    let away = in_range.filter_map(|segment| match &**segment {
        Segment::Archived(archived) => {
            let (first, end) = (segment.first(), archived.end().min(head));
            let (docs, times) = (u32::try_from(end - first).unwrap_or(u32::MAX), archived.times());
            let span = (times.event_min_ns, times.event_max_ns);
            let meets = end > from && !bounds.miss(docs, Some(span));
            meets.then(|| Gap {
                first_sequence: first,
                last_sequence: end - 1,
                from_us: span.0.div_euclid(1_000),
                to_us: span.1.div_euclid(1_000),
                events: end - first,
            })
        }
        _ => None,
    });
    Gap::joined(away.collect())
}
