//! Which events of a group are new, which were seen, which contradict what is stored.

use hashbrown::HashMap;

use super::Outcome;
use super::prepare::{Batch, Item};
use super::shared::Shared;
use crate::chain::Hash;
use crate::error::StoreError;
use crate::event::{id_and_time, same_content};
use crate::record::{FRAME_BYTES_MAX, HEADER_BYTES};
use crate::segment::{Archived, Segment, Snapshot};

/// What an item turned out to be; positions are in the group's list of fresh items.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verdict {
    Fresh(usize),
    DuplicateOf(usize),
    ConflictWith(usize),
    Known(Outcome),
}

/// A whole group, judged in order.
#[derive(Default)]
pub(super) struct Judged {
    /// New items in the order in which they get sequences.
    pub fresh: Vec<Item>,
    /// For each fresh item that begins a unit, how many belong to it: 1, or an atomic batch's.
    pub units: Vec<usize>,
    /// Per batch, per item.
    pub verdicts: Vec<Result<Vec<Verdict>, StoreError>>,
}

/// Judges every item against the log and against earlier items of the group.
///
/// # Errors
/// When the id files cannot be read. A stored record that cannot be read fails its batch alone.
pub(super) fn judge(shared: &Shared, batches: Vec<Batch>) -> Result<Judged, StoreError> {
    let seen = seen_before(shared, &batches)?;
    let snapshot = shared.segments.snapshot();
    let mut group = Group { judged: Judged::default(), by_fingerprint: HashMap::new(), snapshot };
    let mut seen = &seen[..];
    let mut position = 0;
    for batch in batches {
        let end = position + batch.items.len();
        let (mine, rest) = seen.split_at(seen.partition_point(|(at, _)| *at < end));
        group.add(batch, position, mine);
        seen = rest;
        position = end;
    }
    Ok(group.judged)
}

/// Sequences that have an item's fingerprint, as (position in the group, sequence), sorted.
fn seen_before(shared: &Shared, batches: &[Batch]) -> Result<Vec<(usize, u64)>, StoreError> {
    let fingerprints: Vec<u64> =
        batches.iter().flat_map(|batch| batch.items.iter().map(|item| item.salted.fingerprint)).collect();
    let mut seen = Vec::new();
    // Memory first: a seal adds ids to the locator before memory forgets them, so in this order
    // an id is met in one of the two whatever a seal does meanwhile.
    let recent = shared.recent();
    for (position, &fingerprint) in fingerprints.iter().enumerate() {
        recent.find(fingerprint, &mut |sequence| seen.push((position, sequence)));
    }
    drop(recent);
    shared.locator.find(&fingerprints, &mut seen)?;
    seen.sort_unstable();
    // An id may stand in the locator and still in memory while its segment is being sealed.
    seen.dedup();
    Ok(seen)
}

struct Group {
    judged: Judged,
    by_fingerprint: HashMap<u64, usize>,
    snapshot: Snapshot,
}

impl Group {
    fn add(&mut self, batch: Batch, position: usize, seen: &[(usize, u64)]) {
        if let Some(error) = too_large(&batch) {
            self.judged.verdicts.push(Err(error));
            return;
        }
        let start = self.judged.fresh.len();
        let atomic = batch.atomic;
        let mut verdicts = Vec::with_capacity(batch.items.len());
        let mut failure = None;
        for (i, item) in batch.items.into_iter().enumerate() {
            let candidates = candidates(seen, position + i);
            match self.item(item, candidates) {
                Ok(verdict) => verdicts.push(verdict),
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        let verdicts = match failure {
            Some(error) => Err(error),
            None => Ok(verdicts),
        };
        let conflict = verdicts.as_ref().is_ok_and(|v| v.iter().any(Verdict::is_conflict));
        let keep = verdicts.is_ok() && !(atomic && conflict);
        if !keep {
            self.take_back(start);
        }
        self.units(start, atomic);
        self.judged.verdicts.push(verdicts.map(|v| if keep { v } else { none_stored(v, start) }));
    }

    fn item(&mut self, item: Item, candidates: &[(usize, u64)]) -> Result<Verdict, StoreError> {
        let (id, _) = id_and_time(&item.event.body).map_err(StoreError::Refused)?;
        for &(_, sequence) in candidates {
            // Recorded by a frame that never became visible: not in the log.
            if self.snapshot.find(sequence).is_none() {
                continue;
            }
            if let Some((segment, doc)) = self.snapshot.find(sequence)
                && let Segment::Archived(archived) = &**segment
            {
                match compare_archived(archived, doc, sequence, &item)? {
                    Some(outcome) => return Ok(Verdict::Known(outcome)),
                    None => continue,
                }
            }
            let record = self.snapshot.record(sequence)?;
            if id_and_time(&record.body).is_ok_and(|(stored, _)| stored == id) {
                return Ok(Verdict::Known(compare(&record.body, record.hash, sequence, &item)));
            }
        }
        if let Some(first) = self.earlier(item.salted.fingerprint, id) {
            let same = same_content(&self.judged.fresh[first].event.body, &item.event);
            return Ok(if same { Verdict::DuplicateOf(first) } else { Verdict::ConflictWith(first) });
        }
        let index = self.judged.fresh.len();
        self.by_fingerprint.entry(item.salted.fingerprint).or_insert(index);
        self.judged.fresh.push(item);
        Ok(Verdict::Fresh(index))
    }

    /// The fresh item of this group with the same id.
    fn earlier(&self, fingerprint: u64, id: &str) -> Option<usize> {
        let has_id =
            |i: &usize| id_and_time(&self.judged.fresh[*i].event.body).is_ok_and(|(other, _)| other == id);
        let first = *self.by_fingerprint.get(&fingerprint)?;
        if has_id(&first) {
            return Some(first);
        }
        // Two ids with one fingerprint in one group: never seen, and still exact.
        (0..self.judged.fresh.len()).find(has_id)
    }

    fn take_back(&mut self, start: usize) {
        for item in self.judged.fresh.drain(start..) {
            if self.by_fingerprint.get(&item.salted.fingerprint).is_some_and(|&i| i >= start) {
                self.by_fingerprint.remove(&item.salted.fingerprint);
            }
        }
    }

    fn units(&mut self, start: usize, atomic: bool) {
        let count = self.judged.fresh.len() - start;
        if atomic && count > 0 {
            self.judged.units.push(count);
        } else {
            self.judged.units.extend(std::iter::repeat_n(1, count));
        }
    }
}

impl Verdict {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::ConflictWith(_) | Self::Known(Outcome::Conflict { .. }))
    }
}

/// An atomic batch that no frame can hold, refused before it is part of the group: the others in it
/// are not at fault.
fn too_large(batch: &Batch) -> Option<StoreError> {
    let bytes: usize = batch.items.iter().map(|item| 4 + item.event.body.len()).sum();
    (batch.atomic && HEADER_BYTES + 8 + bytes > FRAME_BYTES_MAX)
        .then(|| StoreError::Refused(format!("{bytes} bytes do not fit one commit of 64 MiB")))
}

fn candidates(seen: &[(usize, u64)], position: usize) -> &[(usize, u64)] {
    let start = seen.partition_point(|(at, _)| *at < position);
    let end = start + seen[start..].partition_point(|(at, _)| *at == position);
    &seen[start..end]
}

fn compare(stored: &[u8], hash: Hash, sequence: u64, item: &Item) -> Outcome {
    if same_content(stored, &item.event) {
        Outcome::Duplicate { sequence, hash, archived: false }
    } else {
        Outcome::Conflict { sequence: Some(sequence), archived: false }
    }
}

/// The same for a record that is away: its id is told by 128 bits of a keyed hash, its content by r, which
/// a repeat has too only where it sends every byte again. `None` when it has another id.
fn compare_archived(
    archived: &Archived,
    doc: u32,
    sequence: u64,
    item: &Item,
) -> Result<Option<Outcome>, StoreError> {
    let seen = archived.seen(doc)?;
    if (seen.fingerprint, seen.second) != (item.salted.fingerprint, item.salted.second) {
        return Ok(None);
    }
    if seen.r != item.record_hash[..8] {
        return Ok(Some(Outcome::Conflict { sequence: Some(sequence), archived: true }));
    }
    let hash = archived.links()?.get(doc as usize).copied().unwrap_or_default();
    Ok(Some(Outcome::Duplicate { sequence, hash, archived: true }))
}

/// An atomic batch with a conflict: what would have been stored is not.
fn none_stored(verdicts: Vec<Verdict>, start: usize) -> Vec<Verdict> {
    let not_stored = |verdict| match verdict {
        Verdict::Fresh(_) => Verdict::Known(Outcome::NotStored),
        Verdict::DuplicateOf(first) if first >= start => Verdict::Known(Outcome::NotStored),
        // Conflicts inside the batch itself have no stored counterpart to name.
        Verdict::ConflictWith(first) if first >= start => {
            Verdict::Known(Outcome::Conflict { sequence: None, archived: false })
        }
        other => other,
    };
    verdicts.into_iter().map(not_stored).collect()
}
