//! The writer: frames in, one sync each, then visible.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Outcome;
use super::judge::{Judged, Verdict, judge};
use super::prepare::{Batch, Item};
use super::shared::Shared;
use crate::chain::{self, Hash, Link};
use crate::error::StoreError;
use crate::record::{FRAME_BYTES_MAX, FrameBuilder, HEADER_BYTES};
use crate::segment::{Growing, Head, Rules, Segment, SegmentHeader, Tally, data_path};

/// Records that are published under one hold of the state's lock.
const PIECE: usize = 256;

/// The one writer of a log.
pub struct Writer {
    shared: Arc<Shared>,
    rules: Rules,
    tally: Tally,
    frame: FrameBuilder,
}

impl Writer {
    /// A writer that goes on behind the last segment, which holds `tally`.
    #[must_use]
    pub fn new(shared: Arc<Shared>, rules: Rules, tally: Tally) -> Self {
        Self { shared, rules, tally, frame: FrameBuilder::default() }
    }

    /// Appends a group: one sync for all that waits. Blocks. Per batch, an outcome per event.
    pub fn append(&mut self, batches: Vec<Batch>, now_us: u64) -> Vec<Result<Vec<Outcome>, StoreError>> {
        let count = batches.len();
        if let Some(why) = self.shared.refusal() {
            return (0..count).map(|_| Err(StoreError::ReadOnly { why: why.clone() })).collect();
        }
        let judged = match judge(&self.shared, batches) {
            Ok(judged) => judged,
            Err(error) => return (0..count).map(|_| Err(error.repeat())).collect(),
        };
        let Judged { fresh, units, verdicts } = judged;
        let before = self.shared.segments.head();
        let committed_us = now_us.max(before.committed_us);
        let mut hashes = Vec::with_capacity(fresh.len());
        let failure = self.store(fresh, &units, committed_us, &mut hashes).err();
        let stored = Stored { first: before.size, hashes, failure };
        let outcomes: Vec<_> = verdicts.into_iter().map(|v| v.and_then(|v| stored.outcomes(v))).collect();
        let is_duplicate = |outcome: &&Outcome| matches!(outcome, Outcome::Duplicate { .. });
        let duplicates = outcomes.iter().flatten().flatten().filter(is_duplicate).count() as u64;
        self.shared.duplicates.fetch_add(duplicates, Ordering::Relaxed);
        outcomes
    }

    /// Writes fresh items in as few frames as the boundaries allow; `hashes` gets h of each item
    /// that is safe.
    fn store(
        &mut self,
        fresh: Vec<Item>,
        units: &[usize],
        committed_us: u64,
        hashes: &mut Vec<Hash>,
    ) -> Result<(), StoreError> {
        let mut fresh = fresh.into_iter();
        let mut units = units.iter().copied().peekable();
        while units.peek().is_some() {
            let mut items = Vec::new();
            let mut tally = self.tally;
            let mut frame_bytes = HEADER_BYTES + 8;
            while let Some(&unit) = units.peek() {
                let next = &fresh.as_slice()[..unit];
                let bytes: usize = next.iter().map(|item| 4 + item.event.body.len()).sum();
                let values = next.iter().map(|item| u64::from(item.doc.values())).sum();
                if self.rules.full(&tally, unit as u64, bytes as u64, values)
                    || frame_bytes + bytes > FRAME_BYTES_MAX
                {
                    break;
                }
                frame_bytes += bytes;
                next.iter().for_each(|item| tally.add(item.event.body.len(), item.doc.values(), item.seals));
                items.extend(fresh.by_ref().take(unit));
                units.next();
            }
            if items.is_empty() {
                self.roll()?;
            } else {
                self.commit(items, committed_us, hashes)?;
                self.tally = tally;
            }
        }
        Ok(())
    }

    /// One frame: written, synced, then visible.
    fn commit(
        &mut self,
        mut items: Vec<Item>,
        committed_us: u64,
        hashes: &mut Vec<Hash>,
    ) -> Result<(), StoreError> {
        items.iter_mut().for_each(|item| item.doc.set_committed_us(committed_us));
        let shared = Arc::clone(&self.shared);
        let snapshot = shared.segments.snapshot();
        let growing = last_growing(snapshot.segments())?;
        let before = snapshot.head;
        let (links, offsets) = self.build(&items, before, committed_us);
        let frame = self.frame.finish(before.size, committed_us, &before.hash);
        let frame_bytes = frame.len() as u32;
        let written = growing.append(frame).inspect_err(|error| shared.poison(error));
        self.frame.clear();
        let offset = written?;
        shared.syncs.fetch_add(1, Ordering::Relaxed);
        publish(growing, &items, &links, &offsets, (offset, frame_bytes, committed_us));
        let mut recent = shared.recent_mut();
        for (sequence, item) in (before.size..).zip(&items) {
            recent.insert(item.salted.fingerprint, sequence);
        }
        drop(recent);
        let size = before.size + items.len() as u64;
        let hash = links.last().copied().unwrap_or(before.hash);
        shared.segments.advance(Head { size, hash, committed_us });
        hashes.extend(links);
        Ok(())
    }

    /// Fills the frame and links the records.
    fn build(&mut self, items: &[Item], before: Head, committed_us: u64) -> (Vec<Hash>, Vec<usize>) {
        self.frame.clear();
        let mut head = before.hash;
        let mut links = Vec::with_capacity(items.len());
        let mut offsets = Vec::with_capacity(items.len());
        for (sequence, item) in (before.size..).zip(items) {
            offsets.push(self.frame.push(&item.event.body));
            let (event_us, record_hash) = (item.event_us, item.record_hash);
            head = chain::link(&head, &Link { sequence, committed_us, event_us, record_hash });
            links.push(head);
        }
        (links, offsets)
    }

    /// Ends the segment and begins the next one. The old one waits for its seal.
    fn roll(&mut self) -> Result<(), StoreError> {
        let head = self.shared.segments.head();
        let header = SegmentHeader {
            first: head.size,
            previous: head.hash,
            origin: self.shared.origin.as_str().to_owned(),
        };
        let path = data_path(&self.shared.dir, head.size);
        let growing = Growing::create(&*self.shared.disk, &path, header, self.rules.capacity())
            .inspect_err(|error| self.shared.poison(error))?;
        self.shared.segments.push(Arc::new(Segment::Growing(Box::new(growing))));
        self.tally = Tally::default();
        Ok(())
    }
}

fn last_growing(segments: &[Arc<Segment>]) -> Result<&Growing, StoreError> {
    match segments.last().map(|segment| &**segment) {
        Some(Segment::Growing(growing)) => Ok(growing),
        _ => Err(StoreError::ReadOnly { why: "the log has no segment that takes records".to_owned() }),
    }
}

/// Makes a synced frame's records readable in the growing segment.
fn publish(growing: &Growing, items: &[Item], links: &[Hash], offsets: &[usize], frame: (u64, u32, u64)) {
    let (offset, frame_bytes, committed_us) = frame;
    growing.publish().rows.push_frame(offset, frame_bytes, committed_us);
    let mut rest = items.iter().zip(links).zip(offsets).peekable();
    // In pieces: readers get in between, and see no further than the head, which is raised afterwards.
    while rest.peek().is_some() {
        let mut state = growing.publish();
        for ((item, &hash), &at) in rest.by_ref().take(PIECE) {
            state.rows.push(offset as u32 + at as u32, hash, item.salted.fingerprint);
            state.salts.push(item.salted.salt);
            state.live.push(&item.doc);
        }
    }
}

/// What became of the group's fresh items.
struct Stored {
    first: u64,
    hashes: Vec<Hash>,
    failure: Option<StoreError>,
}

impl Stored {
    fn outcomes(&self, verdicts: Vec<Verdict>) -> Result<Vec<Outcome>, StoreError> {
        verdicts.into_iter().map(|verdict| self.outcome(verdict)).collect()
    }

    fn outcome(&self, verdict: Verdict) -> Result<Outcome, StoreError> {
        let at = |index: usize| match (self.hashes.get(index), &self.failure) {
            (Some(&hash), _) => Ok((self.first + index as u64, hash)),
            (None, Some(error)) => Err(error.repeat()),
            (None, None) => Err(StoreError::Refused("the record was not written".to_owned())),
        };
        Ok(match verdict {
            Verdict::Known(outcome) => outcome,
            Verdict::Fresh(index) => {
                let (sequence, hash) = at(index)?;
                Outcome::Stored { sequence, hash }
            }
            Verdict::DuplicateOf(index) => {
                let (sequence, hash) = at(index)?;
                Outcome::Duplicate { sequence, hash, archived: false }
            }
            Verdict::ConflictWith(index) => {
                Outcome::Conflict { sequence: Some(at(index)?.0), archived: false }
            }
        })
    }
}
