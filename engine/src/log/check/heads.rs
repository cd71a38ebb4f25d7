//! Signed heads: every checkpoint in the log's file, and those that are kept outside.

use std::path::{Path, PathBuf};

use super::{Run, error_fault, fault};
use crate::error::StoreError;
use crate::merkle::{self, Node};
use crate::proof::{Audit, Checkpoint, Entry, KeyId, Ledger, SigningKey, VerifierKey};
use crate::verify::{Fault, Verdict};

/// What stands for the file in faults of checkpoints from outside.
pub(super) const OUTSIDE: &str = "(checkpoint from outside)";

/// Where a signed root was read.
pub(super) enum Source {
    /// The byte of its entry.
    Ledger(u64),
    /// Its number among those from outside.
    Outside(usize),
}

/// A root that the log must have at a size.
pub(super) struct Mark {
    pub size: u64,
    pub root: Node,
    pub source: Source,
}

/// What was signed.
pub(super) struct Heads<'a> {
    /// The file of checkpoints.
    pub path: PathBuf,
    /// The roots to compare in this run, by size.
    pub marks: Vec<Mark>,
    /// Their sizes, each once.
    pub sizes: Vec<u64>,
    /// The log has neither key nor checkpoints.
    pub never_signed: bool,
    /// Checkpoints from outside.
    pub outside: &'a [Checkpoint],
    /// Which of them stand in the file.
    known: Vec<bool>,
    /// The newest entry.
    last: Option<Entry>,
    /// Old entries were taken out of the file.
    thinned: bool,
    faults: Vec<Fault>,
    notes: Vec<String>,
}

impl<'a> Heads<'a> {
    /// Reads the file as it lies on the disk, and takes the heads from outside.
    pub fn collect(run: &Run<'a>) -> Self {
        let mut heads = Self {
            path: run.dir().join("checkpoints"),
            marks: Vec::new(),
            sizes: Vec::new(),
            never_signed: false,
            outside: run.check.outside,
            known: vec![false; run.check.outside.len()],
            last: None,
            thinned: false,
            faults: Vec::new(),
            notes: Vec::new(),
        };
        if let Err(error) = heads.read(run) {
            heads.unread(run, &error);
        }
        let (first, end) = run.span();
        for (number, head) in heads.outside.iter().enumerate() {
            if (first..=end).contains(&head.size) && head.origin == run.log.origin() {
                heads.marks.push(Mark { size: head.size, root: head.root, source: Source::Outside(number) });
            }
        }
        heads.marks.sort_by_key(|mark| mark.size);
        heads.sizes = heads.marks.iter().map(|mark| mark.size).collect();
        heads.sizes.dedup();
        heads
    }

    fn read(&mut self, run: &Run<'_>) -> Result<(), StoreError> {
        let (ledger, torn) = Ledger::open(run.disk(), &self.path, true)?;
        let size = run.snapshot.head.size;
        // Beside a signer, an entry may be half written.
        if let Some(note) = torn.filter(|_| !run.live) {
            let reached = ledger.last().map_or(0, |last| last.size);
            match run.clean {
                // Nothing was being written.
                true => self.faults.push(fault("checkpoint", (reached, size), &self.path, 0, note)),
                false => self.notes.push(note),
            }
        }
        self.last = ledger.last().cloned();
        self.thinned = ledger.signed() > ledger.entries();
        let (first, end) = run.span();
        let all = ledger.all();
        // Only who asks for the end of the log, or for heads from outside, needs all of them.
        let some = !run.to_end && self.outside.is_empty();
        let start = if some { all.place_of(&|entry| entry.size < first).unwrap_or(0) } else { 0 };
        all.each(start..u64::MAX, &mut |row| {
            let Some(entry) = row.entry else { return true };
            if some && entry.size > end {
                return false;
            }
            for (known, head) in self.known.iter_mut().zip(self.outside) {
                *known |= (head.size, head.root) == (entry.size, entry.root);
            }
            if (first..=end).contains(&entry.size) {
                let source = Source::Ledger(row.at);
                self.marks.push(Mark { size: entry.size, root: entry.root, source });
            }
            if entry.size > size && !run.live && run.to_end {
                let detail = format!("signed at size {}, the log has {size} records", entry.size);
                self.faults.push(fault("root", (size, entry.size), &self.path, row.at, detail));
            }
            !run.stop.load(std::sync::atomic::Ordering::Relaxed)
        })
    }

    /// A log from before there were checkpoints has neither file nor key.
    fn unread(&mut self, run: &Run<'_>, error: &StoreError) {
        let absent = |path: &Path| matches!(run.disk().exists(path), Ok(false));
        if absent(&self.path) && absent(&run.dir().join("key")) {
            self.never_signed = true;
            let told = "no checkpoint was ever signed, or key and checkpoints were removed";
            self.notes.push(format!("{}: {told}", run.dir().display()));
        } else {
            self.faults.push(error_fault("checkpoint", (0, run.snapshot.head.size), &self.path, error));
        }
    }

    /// What is left to say when the segments are done.
    pub fn conclude(&self, run: &Run<'_>, verdict: &mut Verdict) {
        let size = run.snapshot.head.size;
        let (first, end) = run.span();
        for (head, known) in self.outside.iter().zip(&self.known) {
            if head.origin != run.log.origin() {
                let detail = format!("is of the log {}, this one is {}", head.origin, run.log.origin());
                verdict.faults.push(fault("outside", (0, 0), Path::new(OUTSIDE), 0, detail));
            } else if head.size > size {
                let detail = format!(
                    "covers {} records, the log has {size}: its tail was cut, or an older copy was put in place",
                    head.size
                );
                verdict.faults.push(fault("outside", (size, head.size), Path::new(OUTSIDE), 0, detail));
            } else if !(first..=end).contains(&head.size) && root(run, head.size) != Some(head.root) {
                verdict.proved_to = 0;
                verdict.faults.push(unfit(head, 0));
            } else if !known && self.thinned && root(run, head.size) == Some(head.root) {
                let path = self.path.display();
                let size = head.size;
                verdict.notes.push(format!(
                    "{path}: the checkpoint of size {size} that is kept outside fits the log and is not in the \
                     file, of which old entries were taken out"
                ));
            } else if !known && root(run, head.size) == Some(head.root) {
                let detail = format!(
                    "lacks the checkpoint of size {} that is kept outside: every checkpoint stands in this file \
                     before anyone is given it",
                    head.size
                );
                verdict.faults.push(fault("checkpoint", (head.size, head.size), &self.path, 0, detail));
            }
        }
        verdict.faults.extend_from_slice(&self.faults);
        verdict.notes.extend_from_slice(&self.notes);
        if run.to_end {
            self.check_key(run, verdict);
        }
    }

    /// The file of the key must hold the key that signed last.
    fn check_key(&self, run: &Run<'_>, verdict: &mut Verdict) {
        if self.never_signed {
            return;
        }
        let (path, size) = (run.dir().join("key"), run.snapshot.head.size);
        let wrong = match SigningKey::read(run.disk(), &path, &run.log.shared.origin) {
            Err(error) => Some(error_fault("key", (size, size), &path, &error)),
            Ok(key) => {
                // Beside a signer the key may have been changed since the file was read.
                let newer = run.live.then(|| Ledger::open(run.disk(), &self.path, true).ok()).flatten();
                let newest =
                    newer.and_then(|(ledger, _)| ledger.last().cloned()).or_else(|| self.last.clone());
                let signed = newest
                    .as_ref()
                    .map_or_else(|| run.log.notary.keys().last().map(VerifierKey::id), |e| Some(e.key_id));
                let other = signed.is_some_and(|signed| signed != key.id() && !is_next(run, signed));
                let detail = "is not the key that signed the last checkpoint".to_owned();
                other.then(|| fault("key", (size, size), &path, 0, detail))
            }
        };
        verdict.faults.extend(wrong);
    }
}

/// True for the key of a change that was interrupted behind its checkpoint: the next start finishes it.
fn is_next(run: &Run<'_>, signed: KeyId) -> bool {
    let next = SigningKey::read(run.disk(), &run.dir().join("key.next"), &run.log.shared.origin);
    next.is_ok_and(|next| next.id() == signed)
}

fn root(run: &Run<'_>, size: u64) -> Option<Node> {
    merkle::root(size, &run.log.notary.tree().over(run.snapshot)).ok()
}

/// The fault of a checkpoint from outside whose root is not the log's; `good` is the greatest size of one
/// that fits.
pub(super) fn unfit(head: &Checkpoint, good: u64) -> Fault {
    let detail = format!(
        "the log's root at size {} is not the one that was signed: records below {} were changed, or this is \
         another log",
        head.size, head.size
    );
    fault("outside", (good, head.size), Path::new(OUTSIDE), 0, detail)
}

/// Every checkpoint's bytes, order and signature.
pub(super) fn audit(run: &Run<'_>) -> Vec<Fault> {
    let path = run.dir().join("checkpoints");
    let found = match run.log.notary.audit(&|| run.tell()) {
        Ok(Some(audit)) => Ok(audit),
        Ok(None) => unopened(run, &path),
        Err(error) => Err(error),
    };
    match found {
        Ok(Audit { path, faults }) => {
            let name = |(at, size, what): (u64, u64, &str)| {
                fault("checkpoint", (size, size), &path, at, what.to_owned())
            };
            faults.into_iter().map(name).collect()
        }
        // Told where the file was read for its roots.
        Err(StoreError::Damaged { .. }) => Vec::new(),
        Err(StoreError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => vec![error_fault("checkpoint", (0, 0), &path, &error)],
    }
}

/// The entries of a file that opening would not use, each by itself.
fn unopened(run: &Run<'_>, path: &Path) -> Result<Audit, StoreError> {
    let (ledger, _) = Ledger::open(run.disk(), path, true)?;
    let key = SigningKey::read(run.disk(), &run.dir().join("key"), &run.log.shared.origin).ok();
    let (mut faults, mut before) = (Vec::new(), 0);
    ledger.all().each(0..u64::MAX, &mut |row| {
        let at = row.at;
        faults.extend(row.fault.map(|what| (at, before, what)));
        let Some(entry) = row.entry else { return true };
        let checkpoint =
            Checkpoint { origin: run.log.origin().to_owned(), size: entry.size, root: entry.root };
        let signed = key.as_ref().is_none_or(|key| {
            key.id() == entry.key_id && key.verifier().signed(&checkpoint.text(), &entry.signature)
        });
        if !signed {
            faults.push((at, before, "the checkpoint was not signed by the log's key"));
        } else if entry.size < before {
            faults.push((at, before, "the checkpoint is of fewer records than the one before"));
        }
        before = before.max(entry.size);
        run.tell()
    })?;
    Ok(Audit { path: path.to_owned(), faults })
}
