//! Verification of a whole log or a range of it: starts the threads, hands out the work, puts the
//! verdict together. What is checked: docs/CUSTODY.md, "What verification tells".

mod archived;
mod deep;
mod files;
mod heads;
mod segments;
#[cfg(test)]
mod tests;
mod tree;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Log, OpenReport};
use crate::catalog::Place;
use crate::error::StoreError;
use crate::io::{Disk, give_way};
use crate::proof::Checkpoint;
use crate::segment::{Sealed, Segment, Snapshot};
use crate::verify::{Fault, Joined, Part, Piece, Verdict};
use files::IdSum;
use heads::Heads;
use tree::TreeWalk;

/// How far a verification is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Everything below, from where the run began, is checked and without fault: an interrupted run may
    /// go on from here.
    pub sequence: u64,
    /// Where the run will end.
    pub of: u64,
    /// Faults found so far.
    pub faults: u64,
    /// Bytes of data files read so far, roughly.
    pub bytes: u64,
}

/// How much of the machine a verification takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// What it can get.
    #[default]
    Full,
    /// What nobody else wants.
    Background,
}

/// What is to be verified.
#[derive(Clone, Copy, Debug, Default)]
pub struct Check<'a> {
    /// The segments that hold `[from, to)`; the whole log when absent. A run that reaches the log's end
    /// also checks checkpoints and files.
    pub range: Option<(u64, u64)>,
    /// Checkpoints kept outside, whose signatures the caller has checked: the log must fit them.
    pub outside: &'a [Checkpoint],
    /// Recompute every index event from the bodies that it covers.
    pub deep: bool,
    /// Whether others go first.
    pub pace: Pace,
    /// Threads; as many as the log's options say when absent.
    pub threads: Option<usize>,
}

impl Log {
    /// Recomputes every hash and link of the segments that hold `[from, to)` (the whole log when
    /// absent): [`Log::verify_with`] at full pace.
    ///
    /// # Errors
    /// `Refused` when stopped.
    pub fn verify(
        &self,
        range: Option<(u64, u64)>,
        progress: &(dyn Fn(Progress) -> bool + Sync),
    ) -> Result<Verdict, StoreError> {
        self.verify_with(&Check { range, ..Check::default() }, progress)
    }

    /// Recomputes hashes, links and the tree from the segment files, read with pread, and holds them
    /// against headers, index, catalog, the file of the tree, every checkpoint that was signed and the
    /// ones given; re-reads the other files. Names every fault, not only the first. Never writes, works
    /// in threads of its own, and holds no lock that appends or searches wait for. `progress` is called
    /// now and then from the working threads; false stops.
    ///
    /// # Errors
    /// `Refused` when stopped.
    pub fn verify_with(
        &self,
        check: &Check<'_>,
        progress: &(dyn Fn(Progress) -> bool + Sync),
    ) -> Result<Verdict, StoreError> {
        let snapshot = self.shared.segments.snapshot();
        let run = Run::new(self, check, &snapshot, progress);
        let heads = Heads::collect(&run);
        let started = tree::start(&run, &heads);
        let joining = Mutex::new(Joining {
            next: 0,
            waiting: run.due.iter().map(|_| None).collect(),
            joined: run.joined_before(),
            tree: started,
            ids: Vec::new(),
        });
        // The audit of the checkpoints first: it is one thread's work, beside the segments.
        let first = usize::from(run.to_end);
        let audited = Mutex::new(Vec::new());
        run.each(run.due.len() + first, &|job| match job.checked_sub(first) {
            None => *locked(&audited) = heads::audit(&run),
            Some(at) => {
                let (part, piece) = segments::check(&run, run.due[at], &heads.sizes);
                run.join(&joining, at, part, piece);
            }
        });
        run.stopped()?;
        let joining = joining.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut verdict = joining.joined.verdict();
        if verdict.archived > 0 {
            let (count, of) = (verdict.archived, verdict.archived + verdict.checked);
            verdict.notes.push(format!(
                "{count} of {of} records are archived: their links were checked, their content is not here"
            ));
        }
        if run.due.is_empty() {
            verdict.proved_to = run.from;
        }
        joining.tree.finish(&run, &mut verdict);
        verdict.faults.extend(audited.into_inner().unwrap_or_else(PoisonError::into_inner));
        let rest = Mutex::new(&mut verdict);
        run.each(1, &|_| {
            let verdict = &mut *locked(&rest);
            heads.conclude(&run, verdict);
            if run.to_end {
                files::check(&run, &joining.ids, verdict);
            }
        });
        if check.deep {
            deep::check(&run, &mut verdict);
        }
        run.stopped()?;
        if run.to_end {
            self.add_opened(&mut verdict);
        }
        Ok(verdict)
    }

    /// Proves one sealed segment from its data, before they are replaced.
    ///
    /// # Errors
    /// `Damaged` by the first fault.
    pub(super) fn prove(&self, sealed: &Sealed) -> Result<(), StoreError> {
        let snapshot = self.shared.segments.snapshot();
        let facts = sealed.facts();
        let check =
            Check { range: Some((facts.first, facts.first + u64::from(facts.count))), ..Check::default() };
        let run = Run::new(self, &check, &snapshot, &|_| true);
        let parts = run.due.iter().map(|&number| segments::check(&run, number, &[]).0);
        match parts.flat_map(|part| part.verdict.faults).next() {
            None => Ok(()),
            Some(fault) => {
                let detail = format!("{}: {}", fault.kind, fault.detail);
                Err(StoreError::damaged(Path::new(&fault.file), fault.offset, detail)
                    .at(fault.first_sequence))
            }
        }
    }

    /// Damage that opening told, where no fault places it.
    fn add_opened(&self, verdict: &mut Verdict) {
        for line in self.damage() {
            let placed = |fault: &Fault| !fault.file.is_empty() && line.contains(&fault.file);
            if !verdict.faults.iter().any(placed) {
                let (size, dir) = (self.head().size, &self.shared.dir);
                verdict.faults.push(fault("open", (size, size), dir, 0, line));
            }
        }
    }
}

/// Opens a directory for reading and verifies it: what `stele verify --data` does. `look` sees the
/// log and what opening told before the verification begins. Where bytes or missing files keep the log from being opened, that is
/// the one fault of the verdict, of kind `open`.
///
/// # Errors
/// `Io` and `TooNew` of what cannot be read at all; `Refused` when stopped.
pub fn verify_dir(
    disk: Arc<dyn Disk>,
    dir: &Path,
    check: &Check<'_>,
    look: &mut dyn FnMut(&Log, &OpenReport),
    progress: &(dyn Fn(Progress) -> bool + Sync),
) -> Result<Verdict, StoreError> {
    match Log::open_read_only(disk, dir) {
        Ok((log, report)) => {
            look(&log, &report);
            log.verify_with(check, progress)
        }
        Err(error) => {
            let faults = vec![unopened(error)?];
            Ok(Verdict { faults, ..Verdict::default() })
        }
    }
}

fn unopened(error: StoreError) -> Result<Fault, StoreError> {
    match error {
        StoreError::Damaged { path, offset, sequence, detail } => {
            let first = sequence.unwrap_or(0);
            Ok(fault("open", (first, first), &path, offset, detail))
        }
        StoreError::TooNew { ref path, .. } => Ok(fault("open", (0, 0), path, 0, error.to_string())),
        StoreError::Io { ref path, ref source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            Ok(fault("open", (0, 0), path, 0, "the file is missing".to_owned()))
        }
        other => Err(other),
    }
}

/// What all threads of one verification share.
struct Run<'a> {
    log: &'a Log,
    check: &'a Check<'a>,
    snapshot: &'a Snapshot,
    /// Numbers of the segments to check, in order.
    due: Vec<usize>,
    /// Where each of them begins, and where the last one ends.
    bounds: Vec<u64>,
    from: u64,
    /// The run reaches the end of the log.
    to_end: bool,
    /// A writer may change files meanwhile.
    live: bool,
    /// Nothing was being written when the log was left: nothing is torn.
    clean: bool,
    digest: std::hash::RandomState,
    /// Records checked in each segment.
    done: Vec<AtomicU64>,
    /// The first segment that is not yet checked and found without fault.
    front: AtomicUsize,
    faults: AtomicU64,
    bytes: AtomicU64,
    stop: AtomicBool,
    progress: &'a (dyn Fn(Progress) -> bool + Sync),
}

/// Verdicts that are put together in the order of the log, as they come.
struct Joining<'a> {
    next: usize,
    waiting: Vec<Option<(Part, Piece)>>,
    joined: Joined,
    tree: TreeWalk<'a>,
    ids: Vec<IdSum>,
}

impl<'a> Run<'a> {
    fn new(
        log: &'a Log,
        check: &'a Check<'a>,
        snapshot: &'a Snapshot,
        progress: &'a (dyn Fn(Progress) -> bool + Sync),
    ) -> Self {
        let size = snapshot.head.size;
        let (from, to) = check.range.unwrap_or((0, size));
        let (from, to) = (from.min(size), to.min(size));
        let segments = snapshot.segments();
        // Records that were added since the snapshot are not looked at.
        let end = |i: usize| segments.get(i + 1).map_or(size, |next| next.first());
        let due: Vec<usize> =
            (0..segments.len()).filter(|&i| segments[i].first() < to && end(i) > from).collect();
        let mut bounds: Vec<u64> = due.iter().map(|&i| segments[i].first()).collect();
        bounds.push(due.last().map_or(from, |&i| end(i)));
        let clean = log.read_only && log.catalog().closed().is_some();
        Self {
            log,
            check,
            snapshot,
            done: due.iter().map(|_| AtomicU64::new(0)).collect(),
            due,
            bounds,
            from,
            to_end: to == size,
            live: !log.read_only,
            clean,
            digest: std::hash::RandomState::new(),
            front: AtomicUsize::new(0),
            faults: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            progress,
        }
    }

    fn disk(&self) -> &dyn Disk {
        &*self.log.shared.disk
    }

    fn dir(&self) -> &Path {
        &self.log.shared.dir
    }

    /// First sequence checked, and the one after the last.
    fn span(&self) -> (u64, u64) {
        (self.bounds[0], self.bounds[self.bounds.len() - 1])
    }

    /// The first segment must follow the one before it, also where that one is not checked.
    fn joined_before(&self) -> Joined {
        let before = self.due.first().and_then(|&first| first.checked_sub(1));
        match before.and_then(|number| segments::last_hash(self, number)) {
            Some(head) => Joined::after(self.bounds[0], head),
            None => Joined::default(),
        }
    }

    /// Does jobs in threads of its own, never in the caller's: the caller's priority stays what it is.
    fn each(&self, jobs: usize, work: &(dyn Fn(usize) + Sync)) {
        let threads = self.check.threads.unwrap_or(self.log.options.verify_threads).clamp(1, jobs.max(1));
        let next = AtomicUsize::new(0);
        let take = || {
            if self.check.pace == Pace::Background {
                give_way();
            }
            loop {
                let job = next.fetch_add(1, Ordering::Relaxed);
                if job >= jobs || self.stop.load(Ordering::Relaxed) {
                    return;
                }
                work(job);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(take);
            }
        });
    }

    /// Puts a segment's verdict behind those before it, as soon as they are all there.
    fn join(&self, joining: &Mutex<Joining<'_>>, at: usize, part: Part, piece: Piece) {
        if self.stop.load(Ordering::Relaxed) {
            return;
        }
        let mut joining = locked(joining);
        joining.waiting[at] = Some((part, piece));
        let Joining { next, waiting, joined, tree, ids } = &mut *joining;
        while let Some((part, piece)) = waiting.get_mut(*next).and_then(Option::take) {
            let clean = part.verdict.faults.is_empty();
            ids.push(IdSum { first: part.first, end: part.end, sum: piece.ids, clean });
            tree.take(part.first, part.end, &piece);
            joined.add(part);
            *next += 1;
            let faults = joined.faults() + tree.faults();
            if faults == 0 {
                self.front.store(*next, Ordering::Relaxed);
            }
            self.faults.store(faults as u64, Ordering::Relaxed);
        }
        drop(joining);
        self.tell();
    }

    /// Counts records and bytes of a segment checked since the last call; false when the caller wants
    /// to stop.
    fn advance(&self, at: usize, records: u64, bytes: u64) -> bool {
        self.done[at].store(records, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.tell()
    }

    fn tell(&self) -> bool {
        let front = self.front.load(Ordering::Relaxed);
        let begun = self.bounds[front];
        // The front's last record counts when the segment as a whole is judged.
        let inside = match (self.bounds.get(front + 1), self.done.get(front)) {
            (Some(&end), Some(done)) => done.load(Ordering::Relaxed).min(end.saturating_sub(begun + 1)),
            _ => 0,
        };
        let go_on = (self.progress)(Progress {
            sequence: begun + inside,
            of: self.span().1,
            faults: self.faults.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        });
        if !go_on {
            self.stop.store(true, Ordering::Relaxed);
        }
        go_on
    }

    fn stopped(&self) -> Result<(), StoreError> {
        match self.stop.load(Ordering::Relaxed) {
            true => Err(StoreError::Refused("verification was stopped".to_owned())),
            false => Ok(()),
        }
    }

    /// Segments that only the catalog knows.
    fn sealed_entry(&self, first: u64) -> Option<crate::catalog::SealedSegment> {
        self.log.catalog().sealed().iter().find(|entry| entry.first == first).cloned()
    }

    fn is_growing(&self, first: u64) -> bool {
        let found = self.snapshot.segments().iter().find(|segment| segment.first() == first);
        found.is_some_and(|segment| matches!(**segment, Segment::Growing(_)))
    }

    fn is_archived(&self, first: u64) -> bool {
        self.log.catalog().in_archive(first).is_some()
    }

    /// Its data are in the archive alone.
    fn is_away(&self, first: u64) -> bool {
        self.log.catalog().in_archive(first).is_some_and(|archived| archived.place == Place::Away)
    }

    fn is_cold(&self, first: u64) -> bool {
        self.log.catalog().cold(first).is_some()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A fault over the sequences `[first, end)`, of which the first is always named.
fn fault(kind: &'static str, (first, end): (u64, u64), path: &Path, offset: u64, detail: String) -> Fault {
    let file = path.display().to_string();
    Fault { kind, first_sequence: first, last_sequence: end.max(first + 1) - 1, file, offset, detail }
}

/// A store's error as a fault of a file.
fn error_fault(kind: &'static str, range: (u64, u64), path: &Path, error: &StoreError) -> Fault {
    match error {
        StoreError::Damaged { path, offset, detail, .. } => fault(kind, range, path, *offset, detail.clone()),
        StoreError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            fault(kind, range, path, 0, "the file is missing".to_owned())
        }
        other => fault(kind, range, path, 0, other.to_string()),
    }
}
