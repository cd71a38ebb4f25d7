//! One segment: what is claimed of it, and the check of its file.

use super::{Run, error_fault, fault};
use crate::catalog::SealedSegment;
use crate::chain::Hash;
use crate::codec::sections::Sections;
use crate::error::StoreError;
use crate::io::{Disk, DiskFile, HeldFile};
use crate::segment::cold::ColdFile;
use crate::segment::rows::StoredRows;
use crate::segment::sealed::INDEX_KIND;
use crate::segment::{Growing, Sealed, Segment, SegmentHeader};
use crate::verify::{self, Claims, Part, Piece, Verdict};
use std::hash::BuildHasher;
use std::path::Path;
use std::sync::Arc;

/// Checks the segment of this number in the snapshot.
pub(super) fn check(run: &Run<'_>, number: usize, sizes: &[u64]) -> (Part, Piece) {
    let before = number.checked_sub(1).and_then(|before| last_commit(run, before)).unwrap_or(0);
    let one = One { run, at: run.due.partition_point(|&due| due < number), before, sizes };
    let mut segment = Arc::clone(&run.snapshot.segments()[number]);
    loop {
        let checked = check_one(&one, &segment);
        if checked.0.verdict.faults.is_empty() || matches!(*segment, Segment::Growing(_)) {
            return checked;
        }
        // Files of a segment that went to another tier meanwhile are gone: it is looked at where it is now.
        let now = run.log.shared.segments.snapshot();
        match now.segments().iter().find(|now| now.first() == segment.first()) {
            Some(now) if !Arc::ptr_eq(now, &segment) => segment = Arc::clone(now),
            _ => return checked,
        }
    }
}

fn check_one(one: &One<'_>, segment: &Segment) -> (Part, Piece) {
    let One { run, sizes, .. } = *one;
    match segment {
        Segment::Sealed(sealed) => one.sealed(sealed),
        Segment::Archived(archived) => super::archived::check(run, archived, sizes),
        Segment::Growing(growing) => one.growing(growing),
        Segment::Damaged { first, count, previous, why, path } => match run.sealed_entry(*first) {
            Some(entry) => one.damaged(&entry, why, path),
            None => {
                let end = first + u64::from(*count);
                let faults = vec![fault("segment", (*first, end), path, 0, why.clone())];
                let verdict = Verdict { proved_to: *first, faults, ..Verdict::default() };
                let file = path.display().to_string();
                (Part { file, first: *first, end, previous: *previous, verdict }, Piece::default())
            }
        },
    }
}

#[derive(Clone, Copy)]
struct One<'a> {
    run: &'a Run<'a>,
    /// Place among the due ones.
    at: usize,
    /// Commit time of the record before.
    before: u64,
    sizes: &'a [u64],
}

impl One<'_> {
    fn sealed(&self, sealed: &Sealed) -> (Part, Piece) {
        let facts = sealed.facts();
        let index = read_index(self.run.disk(), sealed);
        if let Ok(index) = &index {
            self.run.advance(self.at, 0, index.bytes());
        }
        let rows = index.as_ref().ok().map(|index| StoredRows::new(index, facts.count));
        let (mut part, piece) = self.file(
            sealed.path(),
            (facts.first, u64::from(facts.count), facts.previous),
            facts.data_bytes,
            rows.and_then(|rows| rows.hashes().ok()),
            (Some(facts.last), true),
            Form::of(sealed),
        );
        if let Err(error) = index {
            let range = (part.first, part.end);
            part.verdict.faults.push(error_fault("index", range, sealed.sections().path(), &error));
        }
        (part, piece)
    }

    fn growing(&self, growing: &Growing) -> (Part, Piece) {
        let header = growing.header();
        // Up to the snapshot's head: what was added since may not be whole in the file yet.
        let count = self.run.bounds[self.at + 1].saturating_sub(header.first);
        let state = growing.state();
        let hashes = state.rows.hashes();
        let hashes = hashes[..hashes.len().min(count as usize)].to_vec();
        let frames = state.rows.frames();
        let held = frames.partition_point(|frame| u64::from(frame.first_doc) < hashes.len() as u64);
        let end = held.checked_sub(1).map(|last| frames[last].offset + u64::from(frames[last].bytes));
        drop(state);
        self.file(
            growing.path(),
            (header.first, hashes.len() as u64, header.previous),
            end.unwrap_or(SegmentHeader::BYTES as u64),
            Some(hashes.as_flattened()),
            (hashes.last().copied(), false),
            Form::Raw,
        )
    }

    /// A segment that could not be opened: its data file is checked by what the catalog says of it.
    fn damaged(&self, entry: &SealedSegment, why: &str, path: &Path) -> (Part, Piece) {
        let (first, count) = (entry.first, u64::from(entry.count));
        let claimed = (first, count, entry.previous);
        let cold = path.extension().is_some_and(|extension| extension == "cold");
        let form = if cold { Form::Cold } else { Form::Raw };
        let ends = (Some(entry.last), true);
        let (mut part, piece) = self.file(path, claimed, entry.data_bytes, None, ends, form);
        let whole = part.verdict.faults.is_empty();
        let index = path.with_extension("idx");
        let (kind, file) = if whole { ("index", index.as_path()) } else { ("segment", path) };
        part.verdict.faults.push(fault(kind, (first, first + count), file, 0, why.to_owned()));
        (part, piece)
    }

    fn file(
        &self,
        path: &Path,
        (first, count, previous): (u64, u64, Hash),
        data_bytes: u64,
        hashes: Option<&[u8]>,
        (last, sealed): (Option<Hash>, bool),
        form: Form,
    ) -> (Part, Piece) {
        let shared = &self.run.log.shared;
        let digest = |fingerprint: u64, sequence: u64| self.run.digest.hash_one((fingerprint, sequence));
        let claims = Claims {
            path,
            origin: &shared.origin,
            salts: &shared.salts,
            first,
            previous,
            committed_before_us: self.before,
            count,
            data_bytes,
            hashes,
            last,
            sealed,
            sizes: self.sizes,
            digest: &digest,
        };
        let told = std::cell::Cell::new(0);
        let progress = |records: u64| {
            let new = records - told.replace(records);
            self.run.advance(self.at, records, new * (data_bytes / count.max(1)))
        };
        let data: Result<Arc<dyn DiskFile>, _> = match form {
            Form::Raw => self.run.disk().open_read(path).map_err(|error| ("missing", 0, error.to_string())),
            Form::Cold => self.thawed(path),
        };
        let (verdict, piece) = match data {
            Ok(file) => verify::segment(&*file, &claims, &progress),
            Err((kind, offset, detail)) => {
                let faults = vec![fault(kind, (first, first + count), path, offset, detail)];
                (Verdict { proved_to: first, faults, ..Verdict::default() }, Piece::default())
            }
        };
        progress(told.get().max(verdict.checked));
        (Part::of(&claims, verdict), piece)
    }

    /// The data that a cold file gives, read whole from the disk.
    fn thawed(&self, path: &Path) -> Result<Arc<dyn DiskFile>, (&'static str, u64, String)> {
        let shared = &self.run.log.shared;
        let cold = ColdFile::read(self.run.disk(), path, &shared.cache);
        match cold.and_then(|cold| cold.check_all().and_then(|()| cold.thaw(&shared.salts))) {
            Ok(data) => Ok(Arc::new(HeldFile::new(data))),
            Err(error) => {
                let missing = matches!(&error, StoreError::Io { source, .. }
                    if source.kind() == std::io::ErrorKind::NotFound);
                let offset = if let StoreError::Damaged { offset, .. } = &error { *offset } else { 0 };
                Err((if missing { "missing" } else { "cold" }, offset, error.to_string()))
            }
        }
    }
}

/// How the data of a segment lie on the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Raw,
    Cold,
}

impl Form {
    fn of(sealed: &Sealed) -> Self {
        if sealed.cold().is_some() { Self::Cold } else { Self::Raw }
    }
}

fn last_commit(run: &Run<'_>, number: usize) -> Option<u64> {
    match &*run.snapshot.segments()[number] {
        Segment::Growing(growing) => growing.state().rows.frames().last().map(|frame| frame.committed_us),
        Segment::Sealed(sealed) => {
            let last = sealed.facts().count.checked_sub(1)?;
            sealed.rows().frame_of(last).ok().map(|(_, frame)| frame.committed_us)
        }
        Segment::Archived(archived) => Some(archived.times().committed_last_us),
        Segment::Damaged { first, .. } => run.sealed_entry(*first).map(|entry| entry.committed_last_us),
    }
}

/// h of a segment's last record, as it is claimed.
pub(super) fn last_hash(run: &Run<'_>, number: usize) -> Option<Hash> {
    match &*run.snapshot.segments()[number] {
        Segment::Growing(growing) => {
            let last = growing.state().rows.hashes().last().copied();
            Some(last.unwrap_or(growing.header().previous))
        }
        Segment::Sealed(sealed) => Some(sealed.facts().last),
        Segment::Archived(archived) => Some(archived.facts().last),
        Segment::Damaged { first, .. } => run.sealed_entry(*first).map(|entry| entry.last),
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
