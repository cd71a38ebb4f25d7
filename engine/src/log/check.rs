//! Verification of a whole log or a range of it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::Log;
use crate::codec::sections::Sections;
use crate::error::StoreError;
use crate::io::{Disk, HeldFile};
use crate::proof::Audit;
use crate::segment::cold::ColdFile;
use crate::segment::rows::StoredRows;
use crate::segment::sealed::INDEX_KIND;
use crate::segment::{Growing, Sealed, Segment, SegmentHeader, Snapshot};
use crate::verify::{self, Claims, Fault, Part, Verdict};

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
    /// The whole log's check also reads every checkpoint that was signed. Names every fault, not only
    /// the first. Never writes. `progress` is called now and then from
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
        let run = Run {
            snapshot: &snapshot,
            due: &due,
            of,
            next: AtomicUsize::new(0),
            done: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            progress,
        };
        let parts: Mutex<Vec<Option<Part>>> = Mutex::new(due.iter().map(|_| None).collect());
        let work = || self.check_segments(&run, &parts);
        std::thread::scope(|scope| {
            for _ in 1..self.options.verify_threads.min(due.len()) {
                scope.spawn(work);
            }
            work();
        });
        let checkpoints = if range.is_none() { self.check_checkpoints(&run) } else { Vec::new() };
        if run.stop.load(Ordering::Relaxed) {
            return Err(StoreError::Refused("verification was stopped".to_owned()));
        }
        let parts = parts.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut verdict = verify::join(parts.into_iter().flatten());
        verdict.faults.extend(checkpoints);
        Ok(verdict)
    }

    /// Every checkpoint that was signed, from the file.
    fn check_checkpoints(&self, run: &Run<'_>) -> Vec<Fault> {
        match self.notary.audit(&|| run.advance(0)) {
            Ok(None) => Vec::new(),
            Ok(Some(Audit { path, faults })) => {
                let name = |(at, size, what): (u64, u64, &str)| {
                    fault("checkpoint", (size, size), &path, at, what.to_owned())
                };
                faults.into_iter().map(name).collect()
            }
            Err(error) => {
                let path = self.shared.dir.join("checkpoints");
                vec![fault("checkpoint", (0, 0), &path, 0, error.to_string())]
            }
        }
    }

    fn check_segments(&self, run: &Run<'_>, parts: &Mutex<Vec<Option<Part>>>) {
        loop {
            let at = run.next.fetch_add(1, Ordering::Relaxed);
            let Some(&number) = run.due.get(at) else { return };
            if run.stop.load(Ordering::Relaxed) {
                return;
            }
            let part = self.check_segment(run, number);
            parts.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some(part);
        }
    }

    fn check_segment(&self, run: &Run<'_>, number: usize) -> Part {
        let segments = run.snapshot.segments();
        let before = number.checked_sub(1).and_then(|n| last_commit(&segments[n])).unwrap_or(0);
        match &*segments[number] {
            Segment::Damaged { first, count, previous, why, path } => {
                let end = first + u64::from(*count);
                let faults = vec![fault("segment", (*first, end), path, 0, why.clone())];
                let verdict = Verdict { proved_to: *first, faults, ..Verdict::default() };
                let file = path.display().to_string();
                Part { file, first: *first, end, previous: *previous, verdict }
            }
            Segment::Sealed(sealed) => self.check_sealed(run, sealed, before),
            Segment::Growing(growing) => self.check_growing(run, growing, before),
        }
    }

    /// Proves one sealed segment from its data, before they are replaced.
    pub(super) fn prove(&self, sealed: &Sealed) -> Result<(), StoreError> {
        let snapshot = self.shared.segments.snapshot();
        let number = snapshot.segments().partition_point(|segment| segment.first() < sealed.facts().first);
        let before = number.checked_sub(1).and_then(|n| last_commit(&snapshot.segments()[n])).unwrap_or(0);
        let run = Run {
            snapshot: &snapshot,
            due: &[],
            of: u64::from(sealed.facts().count),
            next: AtomicUsize::new(0),
            done: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            progress: &|_| true,
        };
        match self.check_sealed(&run, sealed, before).verdict.faults.first() {
            None => Ok(()),
            Some(fault) => {
                let detail = format!("{}: {}", fault.kind, fault.detail);
                Err(StoreError::damaged(Path::new(&fault.file), fault.offset, detail)
                    .at(fault.first_sequence))
            }
        }
    }

    fn check_sealed(&self, run: &Run<'_>, sealed: &Sealed, committed_before_us: u64) -> Part {
        let facts = sealed.facts();
        let index = read_index(&*self.shared.disk, sealed);
        let rows = index.as_ref().ok().map(|index| StoredRows::new(index, facts.count));
        let claims = Claims {
            path: sealed.path(),
            origin: &self.shared.origin,
            salts: &self.shared.salts,
            first: facts.first,
            previous: facts.previous,
            committed_before_us,
            count: u64::from(facts.count),
            data_bytes: facts.data_bytes,
            hashes: rows.and_then(|rows| rows.hashes().ok()),
            last: Some(facts.last),
        };
        let mut part = match sealed.cold() {
            None => self.check_file(run, &claims),
            Some(_) => self.check_cold(run, &claims),
        };
        if let Err(error) = index {
            let offset = if let StoreError::Damaged { offset, .. } = &error { *offset } else { 0 };
            let range = (part.first, part.end);
            part.verdict.faults.push(fault(
                "index",
                range,
                sealed.sections().path(),
                offset,
                error.to_string(),
            ));
        }
        part
    }

    /// Checks the data that a cold file gives, read whole from the disk.
    fn check_cold(&self, run: &Run<'_>, claims: &Claims<'_>) -> Part {
        let shared = &self.shared;
        let cold = ColdFile::read(&*shared.disk, claims.path, &shared.cache);
        let verdict = match cold.and_then(|cold| cold.thaw(&shared.salts)) {
            Ok(data) => verify::segment(&HeldFile::new(data), claims, &|records| run.advance(records)),
            Err(error) => {
                let offset = if let StoreError::Damaged { offset, .. } = &error { *offset } else { 0 };
                let range = (claims.first, claims.first + claims.count);
                let faults = vec![fault("cold", range, claims.path, offset, error.to_string())];
                Verdict { proved_to: claims.first, faults, ..Verdict::default() }
            }
        };
        Part::of(claims, verdict)
    }

    fn check_growing(&self, run: &Run<'_>, growing: &Growing, committed_before_us: u64) -> Part {
        let state = growing.state();
        let hashes = state.rows.hashes().to_vec();
        let header = growing.header();
        let start = SegmentHeader::BYTES as u64;
        let data_bytes =
            state.rows.frames().last().map_or(start, |frame| frame.offset + u64::from(frame.bytes));
        drop(state);
        let claims = Claims {
            path: growing.path(),
            origin: &self.shared.origin,
            salts: &self.shared.salts,
            first: header.first,
            previous: header.previous,
            committed_before_us,
            count: hashes.len() as u64,
            data_bytes,
            hashes: Some(hashes.as_flattened()),
            last: hashes.last().copied(),
        };
        self.check_file(run, &claims)
    }

    fn check_file(&self, run: &Run<'_>, claims: &Claims<'_>) -> Part {
        let verdict = match self.shared.disk.open_read(claims.path) {
            Ok(file) => verify::segment(&*file, claims, &|records| run.advance(records)),
            Err(error) => {
                let range = (claims.first, claims.first + claims.count);
                let faults = vec![fault("missing", range, claims.path, 0, error.to_string())];
                Verdict { proved_to: claims.first, faults, ..Verdict::default() }
            }
        };
        Part::of(claims, verdict)
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

/// The index file as it lies on the disk now, whole and checked. What readers have mapped and
/// checked before proves nothing about it.
fn read_index(disk: &dyn Disk, sealed: &Sealed) -> Result<Sections, StoreError> {
    let opened = sealed.sections();
    let index = Sections::read(disk, opened.path(), INDEX_KIND)?;
    index.check_all()?;
    if index.footer_hash() == opened.footer_hash() {
        Ok(index)
    } else {
        Err(StoreError::damaged(opened.path(), 0, "is not the index file that was opened"))
    }
}

fn fault(kind: &'static str, (first, end): (u64, u64), path: &Path, offset: u64, detail: String) -> Fault {
    let file = path.display().to_string();
    Fault { kind, first_sequence: first, last_sequence: end.max(first + 1) - 1, file, offset, detail }
}
