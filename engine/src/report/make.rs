//! From a filter to a report.

use std::sync::Arc;

use super::stretch::{ShownEpoch, look_up};
use super::{IndexEvent, Report, ReportError, ReportLimits};
use crate::error::StoreError;
use crate::ids::Secret;
use crate::merkle::{self, Node, Nodes};
use crate::proof::{Signed, links};
use crate::segment::Snapshot;
use crate::tags::{Axis, Filter, verification_hash_of};

/// Most offsets that all lookups of a report may list, a lookup itself counted as [`LOOKUP_PLACES`]: bounds
/// its memory.
const PLACES_MAX: u64 = 20_000_000;
/// What a lookup costs beside its offsets, as that many: up to two leaves with their paths.
pub(super) const LOOKUP_PLACES: u64 = 300;

/// What a report is made from.
pub struct Source<'a> {
    /// The log, at least as long as the checkpoint says.
    pub snapshot: Snapshot,
    /// Its secret.
    pub secret: &'a Secret,
    /// Its index events, from the first one without holes.
    pub index: &'a [IndexEvent],
    /// A checkpoint that covers them.
    pub signed: Arc<Signed>,
    /// Its verifier key.
    pub key: String,
    /// The tree over the snapshot.
    pub nodes: &'a dyn Nodes,
}

/// Which index events a filter needs, and which records beside the matches.
struct Frame<'a> {
    /// Shown.
    index: &'a [IndexEvent],
    /// Records whose place in time says that none before or behind them is in the range.
    fences: Vec<u64>,
    /// On the axis of commit times: the sequences in the range.
    sequences: std::ops::Range<u64>,
}

/// What is to be shown.
#[derive(Default)]
struct Shown {
    entries: Vec<u64>,
    headers: Vec<u64>,
    epochs: Vec<ShownEpoch>,
    /// How many there are, whether kept or not.
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    entries: u64,
    headers: u64,
    places: u64,
}

/// Makes the report of a filter as of the last index event. `go_on` is asked now and then; false ends it.
///
/// # Errors
/// `TooLarge`, `Refused`, `Index`, `Cancelled`, or `Store`.
pub fn make(
    source: Source<'_>,
    mut filter: Filter,
    limits: ReportLimits,
    go_on: &dyn Fn() -> bool,
) -> Result<Report, ReportError> {
    if filter.from_us >= filter.to_us {
        return Err(ReportError::Refused(
            "the range is empty: it ends where it begins, or before".to_owned(),
        ));
    }
    let frame = match filter.axis {
        Axis::Event => Frame { index: source.index, fences: Vec::new(), sequences: 0..0 },
        Axis::Commit => commit_frame(&source, &mut filter)?,
    };
    let Some(last) = frame.index.last() else {
        return Err(ReportError::Refused(
            "the log has no index events yet, on which reports rest".to_owned(),
        ));
    };
    let as_of = last.statement.b;
    let shown = collect(&source, &filter, &frame, limits, go_on)?;
    let index: Vec<u64> = frame.index.iter().map(|event| event.sequence).collect();
    let Shown { entries, headers, epochs, .. } = shown;
    let headers = beside(headers, &frame.fences, &entries, &index);
    let disclosed = disclosed(&[&entries, &headers, &index]);
    if !go_on() {
        return Err(ReportError::Cancelled);
    }
    let leaves = leaves_of(&source.snapshot, &disclosed)?;
    let proof = prove(&source, &disclosed, &leaves)?;
    let of_entries = entries.iter().map(|sequence| {
        // Every entry is among the disclosed.
        leaves[leaves.partition_point(|(at, _)| at < sequence)].1
    });
    let verification_hash =
        verification_hash_of(&source.signed.checkpoint.text(), &filter.text(), of_entries.collect());
    let committed = |sequence: &u64| committed_us(&source.snapshot, *sequence);
    let committed_us = match (entries.first(), entries.last()) {
        (Some(first), Some(last)) => Some((committed(first)?, committed(last)?)),
        _ => None,
    };
    let Source { snapshot, signed, key, .. } = source;
    Ok(Report {
        snapshot,
        filter,
        signed,
        key,
        entries,
        headers,
        index,
        epochs,
        proof,
        verification_hash,
        as_of,
        committed_us,
    })
}

/// On the axis of commit times, which never fall, few index events are needed: from the last one
/// that begins at or before the range, to the first one that ends at or behind it.
fn commit_frame<'a>(source: &Source<'a>, filter: &mut Filter) -> Result<Frame<'a>, ReportError> {
    let none = Frame { index: &[], fences: Vec::new(), sequences: 0..0 };
    let Some(last) = source.index.last() else { return Ok(none) };
    // The last index event itself lies at or behind the record that ends its stretch.
    let reach = committed_us(&source.snapshot, last.statement.b)?;
    if filter.from_us >= reach {
        let (asked, reach) = (shown_us(filter.from_us), shown_us(reach));
        return Err(ReportError::Refused(format!(
            "the range begins at {asked}, and the log is indexed up to {reach}: nothing can be said of it yet"
        )));
    }
    filter.to_us = filter.to_us.min(reach);
    let first_in = first_at(source, filter.from_us)?;
    let first_behind = first_at(source, filter.to_us)?;
    let start = source.index.partition_point(|event| event.statement.a <= first_in).saturating_sub(1);
    let end = source.index.partition_point(|event| event.statement.b < first_behind).max(start);
    let index = &source.index[start..=end];
    let mut fences = vec![first_behind, index[index.len() - 1].statement.b];
    fences.extend(first_in.checked_sub(1));
    fences.extend(index[0].statement.a.checked_sub(1));
    Ok(Frame { index, fences, sequences: first_in..first_behind })
}

/// The first sequence that was committed at or after a time.
fn first_at(source: &Source<'_>, us: u64) -> Result<u64, StoreError> {
    let (mut low, mut high) = (0, source.snapshot.head.size);
    while low < high {
        let middle = low + (high - low) / 2;
        if committed_us(&source.snapshot, middle)? < us { low = middle + 1 } else { high = middle }
    }
    Ok(low)
}

fn committed_us(snapshot: &Snapshot, sequence: u64) -> Result<u64, StoreError> {
    snapshot.record(sequence).map(|record| record.committed_us)
}

fn shown_us(us: u64) -> String {
    crate::record::committed_at(us)
}

/// Looks every index event up that can hold matches, and divides what is hit by the range.
fn collect(
    source: &Source<'_>,
    filter: &Filter,
    frame: &Frame<'_>,
    limits: ReportLimits,
    go_on: &dyn Fn() -> bool,
) -> Result<Shown, ReportError> {
    let mut shown = Shown::default();
    for event in frame.index {
        let said = &event.statement;
        let by_event_time = filter.axis == Axis::Event;
        if by_event_time && (said.ev_min >= filter.to_us || said.ev_max < filter.from_us) {
            shown.epoch(ShownEpoch { sequence: event.sequence, keys: Vec::new(), lookups: Vec::new() });
            continue;
        }
        let stretch = look_up(&source.snapshot, source.secret, event, filter, go_on)?;
        for (sequence, event_us) in stretch.hits {
            if !by_event_time {
                if frame.sequences.contains(&sequence) {
                    shown.entry(sequence, limits);
                }
            } else if (filter.from_us..filter.to_us).contains(&event_us) {
                shown.entry(sequence, limits);
            } else {
                shown.header(sequence, limits);
            }
        }
        shown.epoch(stretch.shown);
    }
    shown.check(limits)?;
    Ok(shown)
}

impl Shown {
    /// Counts an entry; one too many is not kept.
    fn entry(&mut self, sequence: u64, limits: ReportLimits) {
        self.counts.entries += 1;
        if self.counts.entries <= limits.entries_max {
            self.entries.push(sequence);
        }
    }

    fn header(&mut self, sequence: u64, limits: ReportLimits) {
        self.counts.headers += 1;
        if self.counts.headers <= limits.headers_max {
            self.headers.push(sequence);
        }
    }

    fn epoch(&mut self, epoch: ShownEpoch) {
        self.counts.places += epoch.places();
        if self.counts.places <= PLACES_MAX {
            self.epochs.push(epoch);
        }
    }

    fn check(&self, limits: ReportLimits) -> Result<(), ReportError> {
        let Counts { entries, headers, places } = self.counts;
        let why = if entries > limits.entries_max {
            format!(
                "{entries} records match, a report holds at most {}: narrow the range, or name more \
                 dimensions or fewer values",
                limits.entries_max
            )
        } else if headers > limits.headers_max {
            format!(
                "{headers} records have the values at another time and would have to be shown as headers, at \
                 most {} may: name more dimensions, or ask by commit time, which needs none",
                limits.headers_max
            )
        } else if places > PLACES_MAX {
            format!(
                "the lists of the values asked for have {places} places ({LOOKUP_PLACES} for each value in \
                 each index event, and its records), a report holds at most {PLACES_MAX}: narrow the range, ask \
                 for fewer values, or leave out those that most records have"
            )
        } else {
            return Ok(());
        };
        Err(ReportError::TooLarge(why))
    }
}

/// The headers to show: hits outside the range and fences, unless they are shown with their content.
fn beside(mut headers: Vec<u64>, fences: &[u64], entries: &[u64], index: &[u64]) -> Vec<u64> {
    headers.extend(fences);
    headers.sort_unstable();
    headers.dedup();
    let with_content =
        |sequence: &u64| entries.binary_search(sequence).is_ok() || index.binary_search(sequence).is_ok();
    headers.retain(|sequence| !with_content(sequence));
    headers
}

/// Every record shown, and the one before it, whose hash it shows.
fn disclosed(shown: &[&[u64]]) -> Vec<u64> {
    let shown = shown.iter().flat_map(|list| list.iter().copied());
    let mut all: Vec<u64> = shown.flat_map(|at| [at.checked_sub(1), Some(at)]).flatten().collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The leaves of ascending sequences.
fn leaves_of(snapshot: &Snapshot, sequences: &[u64]) -> Result<Vec<(u64, Node)>, StoreError> {
    let mut leaves = Vec::with_capacity(sequences.len());
    for run in sequences.chunk_by(|one, next| one + 1 == *next) {
        let found = links(snapshot, run[0], run[run.len() - 1] + 1)?;
        leaves.extend(run.iter().copied().zip(found.iter().map(merkle::leaf)));
    }
    Ok(leaves)
}

/// The proof for all of them, held against the signed root.
fn prove(source: &Source<'_>, disclosed: &[u64], leaves: &[(u64, Node)]) -> Result<Vec<Node>, StoreError> {
    let checkpoint = &source.signed.checkpoint;
    let proof = merkle::covers(disclosed, checkpoint.size, source.nodes)?;
    if merkle::root_of_many(leaves, checkpoint.size, &proof) == Some(checkpoint.root) {
        return Ok(proof);
    }
    let detail = "the tree does not lead to the root that was signed; verify the log";
    Err(StoreError::damaged(std::path::Path::new("tree"), 0, detail))
}
