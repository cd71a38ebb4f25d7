//! From record to record: hashes recomputed, linked, and compared with what is claimed.

use super::leaves::{Leaves, Piece};
use super::{Claims, Fault, Verdict};
use crate::chain::{Hash, Link, link};
use crate::event::{event_us, id_and_time};
use crate::record::{FrameHeader, HEADER_BYTES, Salted, bodies, record_hashes};

/// Records hashed side by side.
const BATCH: usize = 512;
/// Records between two calls of `progress`, at most.
const PROGRESS_EVERY: u64 = 16_384 - BATCH as u64;

/// The chain as far as it was walked.
pub(super) struct Chain<'a> {
    claims: &'a Claims<'a>,
    progress: &'a dyn Fn(u64) -> bool,
    file: String,
    hashes: Option<&'a [[u8; 32]]>,
    /// Sequence that comes next.
    pub next: u64,
    /// `progress` said to stop.
    pub stopped: bool,
    /// h(next - 1), computed or, after a fault, as the index claims it. Absent after a gap that no
    /// claimed hash bridges.
    head: Option<Hash>,
    /// A record whose hash is not the claimed one, until the next one shows which of them is right.
    doubt: Option<Doubt>,
    /// A frame (first and last sequence, offset) whose link fits only the record in doubt.
    link_in_doubt: Option<(u64, u64, u64)>,
    /// First record of the frame before.
    frame_before: u64,
    /// First sequence that is not proved, once there is one.
    unproved: Option<u64>,
    faults: Vec<Fault>,
    checked: u64,
    told: u64,
    leaves: Leaves<'a>,
    /// h of the record before `next`, which is a leaf once no doubt is left about it.
    settling: Option<Hash>,
    /// A chain hash was not known: there are no leaves from there on.
    lost: bool,
    /// Sum of what the claims' digest makes of each id.
    ids: u64,
}

struct Doubt {
    sequence: u64,
    offset: u64,
    computed: Hash,
    unproved_before: Option<u64>,
}

/// A record's place and what its bytes say.
struct Item<'b> {
    body: &'b [u8],
    offset: u64,
    /// Salt, fingerprint and event time, or why there are none.
    known: Result<(Salted, i64), String>,
}

impl<'a> Chain<'a> {
    pub fn new(claims: &'a Claims<'a>, progress: &'a dyn Fn(u64) -> bool) -> Self {
        let mut chain = Self {
            claims,
            progress,
            file: claims.path.display().to_string(),
            hashes: claims.hashes.map(|bytes| bytes.as_chunks().0),
            next: claims.first,
            stopped: false,
            head: Some(claims.previous),
            doubt: None,
            link_in_doubt: None,
            frame_before: claims.first,
            unproved: None,
            faults: Vec::new(),
            checked: 0,
            told: 0,
            leaves: Leaves::new(claims.first, claims.sizes),
            settling: None,
            lost: false,
            ids: 0,
        };
        if claims.hashes.is_some_and(|bytes| bytes.len() as u64 != claims.count.saturating_mul(32)) {
            let detail = format!("the index has hashes for other than {} records", claims.count);
            chain.fault("index", (claims.first, claims.end().saturating_sub(1)), 0, detail);
            chain.hashes = None;
        }
        chain
    }

    /// Notes a fault; one of the same kind that continues the last one's range extends it.
    pub fn fault(&mut self, kind: &'static str, range: (u64, u64), offset: u64, detail: String) {
        let (first_sequence, last_sequence) = range;
        match self.faults.last_mut() {
            Some(last) if last.kind == kind && last.last_sequence.checked_add(1) == Some(first_sequence) => {
                last.last_sequence = last_sequence;
            }
            _ => {
                let file = self.file.clone();
                self.faults.push(Fault { kind, first_sequence, last_sequence, file, offset, detail });
            }
        }
    }

    /// Nothing from this sequence on is proved.
    pub fn doubt_from(&mut self, sequence: u64) {
        self.unproved = Some(self.unproved.map_or(sequence, |before| before.min(sequence)));
    }

    /// Passes over records that could not be read, up to `to`.
    pub fn gap(&mut self, to: u64, offset: u64, kind: &'static str, detail: String) {
        self.doubt_from(self.next);
        self.fault(kind, (self.next, to.saturating_sub(1)), offset, detail);
        self.doubt = None;
        for sequence in self.next..to.min(self.claims.end()) {
            self.settle(self.claimed(sequence));
            // Without an index nothing behind the gap is known, however far it reaches.
            if self.lost {
                break;
            }
        }
        self.next = to;
        self.head = self.claimed_before(to);
        self.frame_before = to;
    }

    /// Takes the next record's chain hash for the tree: what the index claims, so that one altered
    /// record does not change the tree over all others, else what was computed.
    fn settle(&mut self, h: Option<Hash>) {
        if self.lost {
            return;
        }
        if let Some(before) = self.settling.take() {
            self.leaves.push(&before);
        }
        (self.settling, self.lost) = (h, h.is_none());
    }

    /// The claimed h(sequence).
    fn claimed(&self, sequence: u64) -> Option<Hash> {
        let at = usize::try_from(sequence.checked_sub(self.claims.first)?).ok()?;
        self.hashes?.get(at).copied()
    }

    /// The claimed h(sequence - 1).
    fn claimed_before(&self, sequence: u64) -> Option<Hash> {
        if sequence == self.claims.first { Some(self.claims.previous) } else { self.claimed(sequence - 1) }
    }

    /// Compares the frame's link with the chain so far.
    pub fn enter_frame(&mut self, header: &FrameHeader, offset: u64) {
        let (first, last) = (header.first_sequence, header.first_sequence + u64::from(header.count) - 1);
        // Where a record is in doubt, a link that fits it says little: who edits the record can edit
        // the link. The next record decides.
        if self.doubt.as_ref().is_some_and(|doubt| doubt.computed[..16] == header.link) {
            self.link_in_doubt = Some((first, last, offset));
        } else if let Some(head) = self.head
            && head[..16] != header.link
        {
            if self.hashes.is_some() {
                self.other_link((first, last, offset));
            } else {
                let before = self.frame_before;
                let detail = format!(
                    "the frame states another chain hash before it: it was altered, or a record from {before} on"
                );
                self.fault("link", (before, last), offset, detail);
                self.doubt_from(before);
                self.head = None;
            }
        }
        self.frame_before = first;
    }

    fn other_link(&mut self, (first, last, offset): (u64, u64, u64)) {
        let detail = "the frame states another chain hash before it".to_owned();
        self.fault("link", (first, last), offset, detail);
        self.doubt_from(first);
    }

    /// Takes the records of a frame, which begins at `offset`.
    pub fn records(&mut self, header: &FrameHeader, offset: u64, payload: &[u8]) {
        let end = header.first_sequence + u64::from(header.count);
        let mut items = Vec::with_capacity(BATCH.min(header.count as usize));
        let mut found = bodies(payload).map_while(|body| body);
        while self.next < end && !self.stopped {
            items.clear();
            let room = BATCH.min((end - self.next) as usize);
            items.extend(
                found
                    .by_ref()
                    .take(room)
                    .map(|(at, body)| self.item(body, offset + (HEADER_BYTES + at) as u64)),
            );
            if items.is_empty() {
                let detail = format!("the frame states {} records and holds fewer", header.count);
                return self.gap(end, offset, "frame", detail);
            }
            self.batch(&items, header.committed_us);
        }
        if !self.stopped && bodies(payload).count() as u64 != u64::from(header.count) {
            let detail = format!("the frame holds more than the {} records it states", header.count);
            self.fault("frame", (header.first_sequence, end - 1), offset, detail);
            self.doubt_from(header.first_sequence);
        }
    }

    fn item<'b>(&self, body: &'b [u8], offset: u64) -> Item<'b> {
        let known = id_and_time(body).map(|(id, time_ns)| (self.claims.salts.salted(id), time_ns));
        Item { body, offset, known }
    }

    fn batch(&mut self, items: &[Item<'_>], committed_us: u64) {
        let preimages: Vec<(&[u8; 16], &[u8])> =
            items.iter().filter_map(|item| Some((&item.known.as_ref().ok()?.0.salt, item.body))).collect();
        let mut hashes = record_hashes(&preimages).into_iter();
        for item in items {
            match &item.known {
                Err(why) => self.unreadable(item.offset, why),
                Ok((salted, time_ns)) => {
                    let Some(record_hash) = hashes.next() else { return };
                    let event_us = event_us(*time_ns);
                    let sequence = self.next;
                    self.ids = self.ids.wrapping_add((self.claims.digest)(salted.fingerprint, sequence));
                    self.link(&Link { sequence, committed_us, event_us, record_hash }, item.offset);
                }
            }
        }
        if self.checked - self.told >= PROGRESS_EVERY {
            self.told = self.checked;
            self.stopped = !(self.progress)(self.checked);
        }
    }

    fn unreadable(&mut self, offset: u64, why: &str) {
        let sequence = self.next;
        self.fault("record", (sequence, sequence), offset, format!("no event: {why}"));
        self.doubt_from(sequence);
        self.doubt = None;
        self.next += 1;
        self.head = self.claimed(sequence);
        self.settle(self.head);
    }

    fn link(&mut self, next: &Link, offset: u64) {
        self.next += 1;
        self.checked += 1;
        let claimed = self.claimed(next.sequence);
        let Some(head) = self.head else { return self.settle(claimed) };
        let computed = link(&head, next);
        self.head = claimed.or(Some(computed));
        let fits = claimed.is_none_or(|claimed| claimed == computed);
        let other = self.doubt.as_ref().filter(|_| !fits).map(|doubt| link(&doubt.computed, next));
        if other.is_some() && other == claimed {
            self.link_in_doubt = None;
            self.index_was_wrong();
            self.head = claimed;
            return self.settle(claimed);
        }
        self.doubt = None;
        if let Some(frame) = self.link_in_doubt.take() {
            self.other_link(frame);
        }
        self.settle(self.head);
        if !fits {
            self.differs(next.sequence, offset, computed);
        }
    }

    fn differs(&mut self, sequence: u64, offset: u64, computed: Hash) {
        self.doubt = Some(Doubt { sequence, offset, computed, unproved_before: self.unproved });
        let detail = "the record does not give the chain hash that the index has for it".to_owned();
        self.fault("record", (sequence, sequence), offset, detail);
        self.doubt_from(sequence);
    }

    /// What follows fits the computed hash of the record in doubt: the record is right, and it was
    /// the index that was altered.
    fn index_was_wrong(&mut self) {
        let Some(doubt) = self.doubt.take() else { return };
        let named = |fault: &Fault| fault.kind == "record" && fault.last_sequence == doubt.sequence;
        if let Some(at) = self.faults.iter().rposition(named) {
            if self.faults[at].first_sequence == doubt.sequence {
                self.faults.remove(at);
            } else {
                self.faults[at].last_sequence = doubt.sequence - 1;
            }
        }
        self.unproved = doubt.unproved_before;
        self.head = Some(doubt.computed);
        if self.settling.is_some() {
            self.settling = self.head;
        }
        let detail = "the index has another chain hash than this record and the next one give".to_owned();
        self.fault("index", (doubt.sequence, doubt.sequence), doubt.offset, detail);
    }

    /// Compares the end of the chain with the claimed one.
    pub fn check_last(&mut self, offset: u64) {
        let (Some(last), end) = (self.claims.last, self.claims.end()) else { return };
        if self.next != end {
            return;
        }
        if self.doubt.as_ref().is_some_and(|doubt| doubt.computed == last) {
            self.index_was_wrong();
        }
        if self.head.is_some_and(|head| head != last) {
            let detail = "the chain ends in another hash than is claimed".to_owned();
            self.fault("link", (self.claims.first, end.saturating_sub(1)), offset, detail);
            self.doubt_from(self.claims.first);
        }
    }

    /// What came of it, and what the records give of the tree.
    pub fn verdict(mut self) -> (Verdict, Piece) {
        if let Some(last) = self.settling.take() {
            self.leaves.push(&last);
        }
        let reached = self.next == self.claims.end() && !self.stopped;
        let verdict = Verdict {
            proved_to: self.unproved.unwrap_or(self.next),
            faults: self.faults,
            checked: self.checked,
            head: self.head.filter(|_| reached),
            ..Verdict::default()
        };
        (verdict, Piece { ids: self.ids, ..self.leaves.finish() })
    }
}
