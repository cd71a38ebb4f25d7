//! The files beside the segments: catalog, ids, secret, and whatever does not belong there.

use std::hash::BuildHasher;
use std::path::Path;
use std::sync::Arc;

use super::{Run, error_fault, fault};
use crate::catalog::{Catalog, Closed};
use crate::dedup::{IdFileState, inspect};
use crate::error::StoreError;
use crate::recover::read_secret;
use crate::segment::{Segment, data_path, first_of, folder};
use crate::verify::{Fault, Verdict};

/// Looks at the id files before merges that go on meanwhile are given way to.
const LOOKS: usize = 5;

/// What the ids of a segment add up to.
pub(super) struct IdSum {
    pub first: u64,
    pub end: u64,
    pub sum: u64,
    /// All of its records are as they were written.
    pub clean: bool,
}

/// Reads them again and names what is not as it was.
pub(super) fn check(run: &Run<'_>, sums: &[IdSum], verdict: &mut Verdict) {
    secret(run, verdict);
    catalog(run, verdict);
    let size = run.snapshot.head.size;
    for checked in [ids(run, sums, verdict), strange(run, verdict), behind(run, verdict)] {
        if let Err(error) = checked {
            let path =
                if let StoreError::Io { path, .. } = &error { path.clone() } else { run.dir().to_owned() };
            verdict.faults.push(error_fault("missing", (0, size), &path, &error));
        }
    }
}

fn secret(run: &Run<'_>, verdict: &mut Verdict) {
    let (path, size) = (run.dir().join("secret"), run.snapshot.head.size);
    let detail = match read_secret(run.disk(), run.dir()) {
        Err(error) => return verdict.faults.push(error_fault("secret", (0, size), &path, &error)),
        Ok(secret) if secret != run.log.shared.secret => "is not the secret that the log was opened with",
        // Salts derive from it, so with another secret no record at all fits.
        Ok(_) if no_record_fits(verdict) => {
            "no record fits the chain: this is probably not the secret that the log was made with"
        }
        Ok(_) => return,
    };
    verdict.faults.push(fault("secret", (0, size), &path, 0, detail.to_owned()));
}

fn no_record_fits(verdict: &Verdict) -> bool {
    let records = verdict.faults.iter().filter(|fault| matches!(fault.kind, "record" | "link"));
    let wrong: u64 = records.map(|fault| fault.last_sequence - fault.first_sequence + 1).sum();
    // Nearly all: opening a segment that grows stops at its first frame then, whose records fit each other.
    verdict.proved_to == 0 && wrong > 0 && wrong.saturating_mul(10) >= verdict.checked.saturating_mul(9)
}

/// The catalog is read again under its lock, which a seal may wait for, for some milliseconds.
fn catalog(run: &Run<'_>, verdict: &mut Verdict) {
    let (path, size) = (run.dir().join("catalog"), run.snapshot.head.size);
    let held = run.log.catalog();
    if let Some(detail) = impossible(run, held.closed(), verdict) {
        verdict.faults.push(fault("catalog", (0, size), &path, 0, detail));
    }
    match Catalog::read(run.disk(), &path) {
        Err(error) => verdict.faults.push(error_fault("catalog", (0, size), &path, &error)),
        Ok((read, notes)) => {
            let same = (read.created(), read.sealed(), read.cold_files(), read.last_closed(), read.closed())
                == (held.created(), held.sealed(), held.cold_files(), held.last_closed(), held.closed())
                && read.archived() == held.archived();
            if !same {
                let detail = "is not the catalog that the log was opened with".to_owned();
                verdict.faults.push(fault("catalog", (0, size), &path, 0, detail));
            } else if run.live {
                let torn = |detail| fault("catalog", (size, size), &path, 0, detail);
                verdict.faults.extend(notes.into_iter().map(torn));
            } else {
                verdict.notes.extend(notes);
            }
        }
    }
}

/// What the catalog says that no crash explains.
fn impossible(run: &Run<'_>, closed: Option<&Closed>, verdict: &Verdict) -> Option<String> {
    let size = run.snapshot.head.size;
    if let Some(mark) = closed.filter(|mark| !run.live && mark.size < size) {
        let records = mark.size;
        return Some(format!("says that the log was left with {records} records, there are {size}"));
    }
    let segments = run.snapshot.segments();
    let foreign = verdict.faults.iter().filter(|fault| fault.kind == "foreign").count();
    if run.check.range.is_none() && foreign > 0 && foreign >= segments.len() {
        return Some(format!("is of the log {}, all segments are of another", run.log.origin()));
    }
    // One seal at a time: a crash leaves one at most without its entry.
    let written = |segment: &&Arc<Segment>| {
        let index = data_path(run.dir(), segment.first()).with_extension("idx");
        matches!(***segment, Segment::Growing(_)) && run.disk().exists(&index).unwrap_or(false)
    };
    let unknown = if run.live { 0 } else { segments.iter().filter(written).count() };
    (unknown > 1).then(|| format!("lacks the seals of {unknown} segments that have an index"))
}

/// Id files must be whole, hold the ids of the records that they cover, and cover all sealed segments.
fn ids(run: &Run<'_>, sums: &[IdSum], verdict: &mut Verdict) -> Result<(), StoreError> {
    // A segment sealed meanwhile may not be covered when the folder is read: what was sealed before counts.
    let sealed: Vec<(u64, u64)> = run.log.catalog().sealed().iter().map(|e| (e.first, e.end())).collect();
    let dir = run.dir().join("ids");
    let digest = |fingerprint, sequence| run.digest.hash_one((fingerprint, sequence));
    let mut covered: Vec<(u64, u64)> = Vec::new();
    let mut found = None;
    for _ in 0..LOOKS {
        found = inspect(run.disk(), &dir, &digest)?;
        if found.is_some() {
            break;
        }
    }
    let Some(found) = found else {
        verdict.notes.push(format!("{}: not checked, its files were merged all the while", dir.display()));
        return Ok(());
    };
    for file in found {
        let path = &file.path;
        match file.state {
            IdFileState::Sound(range, sum) => {
                verdict.faults.extend(other_ids(path, (range.start, range.end), sum, sums));
                covered.push((range.start, range.end));
            }
            IdFileState::Leftover(_) if run.live => {}
            IdFileState::Leftover(why) => verdict.notes.push(format!("{}: {why}", path.display())),
            IdFileState::SetAside => {
                verdict.notes.push(format!("{}: set aside by an earlier start", path.display()));
            }
            IdFileState::Damaged(error) => verdict.faults.push(error_fault("ids", (0, 0), path, &error)),
            IdFileState::Strange => {
                verdict.faults.push(fault("strange", (0, 0), path, 0, "is no id file".to_owned()));
            }
        }
    }
    let missing = |&&(first, end): &&(u64, u64)| !covered.iter().any(|c| c.0 <= first && end <= c.1);
    for &(first, end) in sealed.iter().filter(missing) {
        let detail = format!("no file holds the ids of the sequences {first} to {}", end - 1);
        verdict.faults.push(fault("ids", (first, end), &dir, 0, detail));
    }
    Ok(())
}

fn other_ids(path: &Path, (first, end): (u64, u64), sum: u64, sums: &[IdSum]) -> Option<Fault> {
    let inside: Vec<&IdSum> =
        sums.iter().filter(|s| first <= s.first && s.end <= end && s.first < s.end).collect();
    let whole =
        inside.first().is_some_and(|s| s.first == first) && inside.last().is_some_and(|s| s.end == end);
    // Segments that this run did not check, or that have faults of their own, say nothing about the file.
    let known = sums.iter().any(|s| s.first <= first) && sums.iter().any(|s| end <= s.end);
    if !known || inside.iter().any(|s| !s.clean) {
        return None;
    }
    let expected = inside.iter().map(|s| s.sum).fold(0, u64::wrapping_add);
    let detail =
        if whole { "holds other ids than the records it covers" } else { "covers no row of segments" };
    (!whole || expected != sum).then(|| fault("ids", (first, end), path, 0, detail.to_owned()))
}

/// Files among the segments that are none of the log's.
fn strange(run: &Run<'_>, verdict: &mut Verdict) -> Result<(), StoreError> {
    let dir = folder(run.dir());
    let names = run.disk().list(&dir).map_err(StoreError::io(&dir, "listing"))?;
    // After the names: a segment that was made meanwhile is known then.
    let now = run.log.shared.segments.snapshot();
    let known = |first: u64| now.segments().iter().any(|segment| segment.first() == first);
    for path in names {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let (stem, extension) = name.split_once('.').unwrap_or((name, ""));
        let first = first_of(Path::new(&format!("{stem}.log")));
        let away = first.is_some_and(|first| run.is_away(first));
        let leftover = matches!(extension, "new" | "tmp" | "idx.damaged") || extension.starts_with("torn");
        match (first, extension) {
            (Some(_), "cold" | "idx") if away && !run.live => {
                let left = format!("{}: left by an interrupted move to or from the archive", path.display());
                verdict.notes.push(left);
            }
            (Some(first), "h" | "seen" | "manifest") if run.is_archived(first) => {}
            // Before a segment is in the archive, and not after a crash.
            (Some(first), "h" | "manifest") if known(first) => {
                if !run.live {
                    let left = format!("{}: left by an interrupted move to the archive", path.display());
                    verdict.notes.push(left);
                }
            }
            (Some(first), "cold") if run.is_cold(first) || (run.live && known(first)) => {}
            (Some(first), "log") if known(first) || (run.live && first >= now.head.size) => {}
            // The index of a segment whose seal a crash interrupted is written again.
            (Some(first), "idx") if known(first) => {
                if !run.live && run.is_growing(first) {
                    verdict.notes.push(format!("{}: left by an interrupted seal", path.display()));
                }
            }
            (Some(_), _) if leftover => {
                if !run.live {
                    verdict
                        .notes
                        .push(format!("{}: left by a crash, or kept aside after one", path.display()));
                }
            }
            (first, _) => {
                let at = first.unwrap_or(0);
                let detail = "is no file of this log's segments".to_owned();
                verdict.faults.push(fault("strange", (at, at), &path, 0, detail));
            }
        }
    }
    Ok(())
}

/// Bytes behind the last record of a log that nobody writes to: zeros, but for a write that a crash tore.
fn behind(run: &Run<'_>, verdict: &mut Verdict) -> Result<(), StoreError> {
    let last = run.snapshot.segments().last().map(|segment| &**segment);
    let Some(Segment::Growing(growing)) = last.filter(|_| !run.live) else { return Ok(()) };
    let (path, size) = (growing.path(), run.snapshot.head.size);
    let file = run.disk().open_read(path).map_err(StoreError::io(path, "opening"))?;
    let length = file.len().map_err(StoreError::io(path, "measuring"))?;
    let (mut at, mut buffer) = (growing.written(), vec![0; 1 << 20]);
    while at < length {
        let part = &mut buffer[..(length - at).min(1 << 20) as usize];
        file.read_exact_at(part, at).map_err(StoreError::io(path, "reading"))?;
        if let Some(found) = part.iter().position(|&byte| byte != 0) {
            let (at, what) = (at + found as u64, "bytes behind the last record that are no zeros");
            if run.clean {
                verdict.faults.push(fault("length", (size, size), path, at, what.to_owned()));
            } else {
                verdict.notes.push(format!("{}: {what}, from byte {at} on: a torn write", path.display()));
            }
            break;
        }
        at += part.len() as u64;
    }
    Ok(())
}
