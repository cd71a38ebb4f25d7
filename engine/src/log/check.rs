//! Verification of a whole log or a range of it.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use super::Log;
use crate::error::StoreError;
use crate::segment::{Segment, Snapshot};
use crate::verify::{self, Claims, Fault, Verdict};

/// How far a verification is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Records checked so far.
    pub sequence: u64,
    /// Records to check.
    pub of: u64,
}

impl Log {
    /// Recomputes every hash and link of the segments that hold `[from, to)` (the whole log when
    /// absent) from the files, read with pread, and holds them against header, index and catalog.
    /// Names every fault, not only the first. Never writes. `progress` is called now and then from
    /// the working threads; false stops.
    ///
    /// # Errors
    /// `Refused` when stopped.
    pub fn verify(
        &self,
        range: Option<(u64, u64)>,
        progress: &(dyn Fn(Progress) -> bool + Sync),
    ) -> Result<Verdict, StoreError> {
        let snapshot = self.shared.segments.snapshot();
        let (from, to) = range.unwrap_or((0, snapshot.head.size));
        let to = to.min(snapshot.head.size);
        let touched = |i: &usize| {
            let segment = &snapshot.segments()[*i];
            segment.first() < to && segment.first() + u64::from(segment.docs()) > from
        };
        let due: Vec<usize> = (0..snapshot.segments().len()).filter(touched).collect();
        let of = due.iter().map(|&i| u64::from(snapshot.segments()[i].docs())).sum();
        let run = Run { snapshot: &snapshot, due: &due, of, next: AtomicUsize::new(0), done: AtomicU64::new(0), stop: AtomicBool::new(false), progress };
        let verdicts: Mutex<Vec<Option<Verdict>>> = Mutex::new(due.iter().map(|_| None).collect());
        let work = || self.check_segments(&run, &verdicts);
        std::thread::scope(|scope| {
            for _ in 1..self.options.verify_threads.min(due.len()) {
                scope.spawn(work);
            }
            work();
        });
        if run.stop.load(Ordering::Relaxed) {
            return Err(StoreError::Refused("verification was stopped".to_owned()));
        }
        let verdicts = verdicts.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(verify::join(verdicts.into_iter().flatten().collect()))
    }

    fn check_segments(&self, run: &Run<'_>, verdicts: &Mutex<Vec<Option<Verdict>>>) {
        loop {
            let at = run.next.fetch_add(1, Ordering::Relaxed);
            let Some(&number) = run.due.get(at) else { return };
            if run.stop.load(Ordering::Relaxed) {
                return;
            }
            let verdict = self.check_segment(run, number);
            verdicts.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some(verdict);
        }
    }

    fn check_segment(&self, run: &Run<'_>, number: usize) -> Verdict {
        let segments = run.snapshot.segments();
        let segment = &*segments[number];
        let before = number.checked_sub(1).and_then(|n| last_commit(&segments[n])).unwrap_or(0);
        match segment {
            Segment::Damaged { first, count, why, path } => Verdict {
                proved_to: *first,
                faults: vec![Fault {
                    kind: "segment",
                    first_sequence: *first,
                    last_sequence: first + u64::from(*count).max(1) - 1,
                    file: path.display().to_string(),
                    offset: 0,
                    detail: why.clone(),
                }],
                ..Verdict::default()
            },
            Segment::Sealed(sealed) => {
                let facts = sealed.facts();
                let mut faults = Vec::new();
                let hashes = sealed.rows().hashes().map_err(|e| faults.push(index_fault(sealed.header().first, facts.count, &e))).ok();
                if let Err(error) = sealed.sections().check_all()
                    && faults.is_empty()
                {
                    faults.push(index_fault(facts.first, facts.count, &error));
                }
                let claims = Claims {
                    path: sealed.path(),
                    origin: &self.shared.origin,
                    salts: &self.shared.salts,
                    first: facts.first,
                    previous: facts.previous,
                    committed_before_us: before,
                    count: u64::from(facts.count),
                    data_bytes: facts.data_bytes,
                    hashes,
                    last: Some(facts.last),
                };
                self.check_file(run, &claims, faults)
            }
            Segment::Growing(growing) => {
                let state = growing.state();
                let hashes = state.rows.hashes().to_vec();
                let header = growing.header();
                let end = state.rows.frames().last().map_or(crate::segment::SegmentHeader::BYTES as u64, |f| f.offset + u64::from(f.bytes));
                drop(state);
                let claims = Claims {
                    path: growing.path(),
                    origin: &self.shared.origin,
                    salts: &self.shared.salts,
                    first: header.first,
                    previous: header.previous,
                    committed_before_us: before,
                    count: hashes.len() as u64,
                    data_bytes: end,
                    hashes: Some(hashes.as_flattened()),
                    last: hashes.last().copied(),
                };
                self.check_file(run, &claims, Vec::new())
            }
        }
    }

    fn check_file(&self, run: &Run<'_>, claims: &Claims<'_>, faults: Vec<Fault>) -> Verdict {
        let mut verdict = match self.shared.disk.open_read(claims.path) {
            Ok(file) => verify::segment(&*file, claims, &|records| run.advance(records)),
            Err(error) => Verdict {
                proved_to: claims.first,
                faults: vec![Fault {
                    kind: "missing",
                    first_sequence: claims.first,
                    last_sequence: claims.first + claims.count.max(1) - 1,
                    file: claims.path.display().to_string(),
                    offset: 0,
                    detail: error.to_string(),
                }],
                ..Verdict::default()
            },
        };
        verdict.faults.splice(0..0, faults);
        verdict
    }
}

struct Run<'a> {
    snapshot: &'a Snapshot,
    due: &'a [usize],
    of: u64,
    next: AtomicUsize,
    done: AtomicU64,
    stop: AtomicBool,
    progress: &'a (dyn Fn(Progress) -> bool + Sync),
}

impl Run<'_> {
    /// Counts records checked since the last call; false when the caller wants to stop.
    fn advance(&self, records: u64) -> bool {
        let sequence = self.done.fetch_add(records, Ordering::Relaxed) + records;
        let go_on = (self.progress)(Progress { sequence, of: self.of });
        if !go_on {
            self.stop.store(true, Ordering::Relaxed);
        }
        go_on
    }
}

fn last_commit(segment: &Segment) -> Option<u64> {
    match segment {
        Segment::Growing(growing) => growing.state().rows.frames().last().map(|frame| frame.committed_us),
        Segment::Sealed(sealed) => {
            let last = sealed.facts().count.checked_sub(1)?;
            sealed.rows().frame_of(last).ok().map(|(_, frame)| frame.committed_us)
        }
        Segment::Damaged { .. } => None,
    }
}

fn index_fault(first: u64, count: u32, error: &StoreError) -> Fault {
    let (file, offset) = match error {
        StoreError::Damaged { path, offset, .. } => (path.display().to_string(), *offset),
        _ => (String::new(), 0),
    };
    Fault {
        kind: "index",
        first_sequence: first,
        last_sequence: first + u64::from(count).max(1) - 1,
        file,
        offset,
        detail: error.to_string(),
    }
}
