//! The id files of a log: opening, adding, merging, finding.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::id_file::{self, Entry, IdFile};
use super::merge;
use crate::error::StoreError;
use crate::io::Disk;

type Files = Vec<Arc<IdFile>>;

/// Mapped, sorted id files of sealed segments, merged eight at a time.
pub struct Locator {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    /// Ascending and without overlap. Replaced whole: a reader keeps the files it began with.
    files: RwLock<Arc<Files>>,
    /// One adder and one merger at a time; neither holds readers up.
    adding: Mutex<()>,
    merging: Mutex<()>,
}

impl Locator {
    /// Opens `<log>/ids`, which is made when it is not there.
    ///
    /// Files that are no id files are renamed `<name>.damaged`, leftovers of an interrupted merge or
    /// write are removed, and each is told in the notes. Reads the ends of the files alone: call
    /// [`check`](Self::check) before ids are asked for.
    ///
    /// # Errors
    /// `Io` or `Full`. Damage is none: see [`covered`](Self::covered) for what is to be added again.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path) -> Result<(Self, Vec<String>), StoreError> {
        disk.create_dir_all(dir).map_err(StoreError::io(dir, "making"))?;
        Self::load(disk, dir, true)
    }

    /// The same for readers: damaged files and leftovers are passed over and told, and nothing is
    /// written, renamed or removed.
    ///
    /// # Errors
    /// `Io`.
    pub fn read(disk: Arc<dyn Disk>, dir: &Path) -> Result<(Self, Vec<String>), StoreError> {
        Self::load(disk, dir, false)
    }

    fn load(disk: Arc<dyn Disk>, dir: &Path, tidy: bool) -> Result<(Self, Vec<String>), StoreError> {
        let mut notes = Vec::new();
        let mut files: Files = Vec::new();
        let names = match disk.exists(dir).map_err(StoreError::io(dir, "looking"))? {
            true => disk.list(dir).map_err(StoreError::io(dir, "listing"))?,
            false => Vec::new(),
        };
        for path in names.iter().filter(|path| path.extension().is_some_and(|e| e == "tmp")) {
            discard(&*disk, path, tidy, "left by an interrupted write", &mut notes)?;
        }
        let mut candidates: Vec<(Range<u64>, &Path)> =
            names.iter().filter_map(|path| Some((id_file::range_of(path)?, path.as_path()))).collect();
        // The wider of two files that begin alike comes first: it is the output of a merge, and if
        // it is sound its inputs are leftovers.
        candidates.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
        for (range, path) in candidates {
            let reach = files.last().map_or(0, |file| file.range().end);
            if range.end <= reach {
                discard(&*disk, path, tidy, "already merged into a larger file", &mut notes)?;
            } else if range.start < reach {
                set_aside(&*disk, path, tidy, "covers part of another file's sequences", &mut notes)?;
            } else {
                match IdFile::open(&*disk, path) {
                    Ok(file) => files.push(Arc::new(file)),
                    Err(error @ (StoreError::Io { .. } | StoreError::Full { .. })) => return Err(error),
                    Err(error) => set_aside(&*disk, path, tidy, &error.to_string(), &mut notes)?,
                }
            }
        }
        let files = RwLock::new(Arc::new(files));
        let (adding, merging) = (Mutex::new(()), Mutex::new(()));
        Ok((Self { disk, dir: dir.to_owned(), files, adding, merging }, notes))
    }

    fn snapshot(&self) -> Arc<Files> {
        Arc::clone(&self.files.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the list by an edited copy.
    fn publish(&self, edit: impl FnOnce(&mut Files)) {
        let mut current = self.files.write().unwrap_or_else(PoisonError::into_inner);
        let mut files = Files::clone(&current);
        edit(&mut files);
        files.sort_by_key(|file| file.range().start);
        *current = Arc::new(files);
    }

    /// The ranges [first, end) that are covered, ascending, adjacent ones joined.
    #[must_use]
    pub fn covered(&self) -> Vec<(u64, u64)> {
        let mut covered: Vec<(u64, u64)> = Vec::new();
        for range in self.snapshot().iter().map(|file| file.range()) {
            match covered.last_mut() {
                Some(last) if last.1 == range.start => last.1 = range.end,
                _ => covered.push((range.start, range.end)),
            }
        }
        covered
    }

    /// The range of each file, ascending.
    #[must_use]
    pub fn ranges(&self) -> Vec<Range<u64>> {
        self.snapshot().iter().map(|file| file.range().clone()).collect()
    }

    /// Checks every byte of the files that were not read since they were opened, about 12.5 bytes an
    /// id, on all processors. What begins each damaged one, and why it is.
    #[must_use]
    pub fn check(&self) -> Vec<(u64, StoreError)> {
        let files = self.snapshot();
        let new: Vec<&Arc<IdFile>> = files.iter().filter(|file| !file.is_checked()).collect();
        let (next, damaged) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let work = || {
            while let Some(file) = new.get(next.fetch_add(1, Ordering::Relaxed)) {
                if let Err(error) = file.check() {
                    lock(&damaged).push((file.range().start, error));
                }
            }
        };
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        std::thread::scope(|scope| {
            (1..processors.min(new.len())).for_each(|_| drop(scope.spawn(work)));
            work();
        });
        damaged.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Uses the file that begins at `first` no more, and with `tidy` renames it `<name>.damaged`; its
    /// ids are to be added again. The note says so; `None` when no file begins there.
    ///
    /// # Errors
    /// `Io`.
    pub fn set_aside(&self, first: u64, why: &str, tidy: bool) -> Result<Option<String>, StoreError> {
        let files = self.snapshot();
        let Some(file) = files.iter().find(|file| file.range().start == first) else { return Ok(None) };
        let mut notes = Vec::new();
        set_aside(&*self.disk, file.path(), tidy, why, &mut notes)?;
        self.publish(|files| files.retain(|file| file.range().start != first));
        Ok(notes.pop())
    }

    /// Files open now, and ids in them.
    #[must_use]
    pub fn files(&self) -> (usize, u64) {
        let files = self.snapshot();
        (files.len(), files.iter().map(|file| file.count()).sum())
    }

    /// Adds the ids of sequences `first..first + fingerprints.len()`; durable when it returns.
    /// Readers see it at once. Any range that is not covered will do, not only the next one.
    ///
    /// # Errors
    /// `Refused` when part of the range is covered or it is too long; `Io` or `Full`.
    pub fn add(&self, first: u64, fingerprints: &[u64]) -> Result<(), StoreError> {
        let _one = lock(&self.adding);
        if fingerprints.is_empty() {
            return Ok(());
        }
        let count = u32::try_from(fingerprints.len()).ok();
        let end = first.checked_add(fingerprints.len() as u64);
        let (Some(count), Some(end)) = (count, end) else {
            return Err(StoreError::Refused(format!("{} ids do not fit an id file", fingerprints.len())));
        };
        self.refuse_overlap(&(first..end))?;
        let mut entries: Vec<Entry> = fingerprints.iter().copied().zip(0..).collect();
        entries.sort_unstable();
        let path = id_file::path_of(&self.dir, &(first..end));
        id_file::write(&*self.disk, &path, (first, count), || Ok(entries.iter().copied()))?;
        let file = Arc::new(self.read_back(&path)?);
        self.publish(|files| files.push(file));
        Ok(())
    }

    /// What was just written, every byte of it checked.
    fn read_back(&self, path: &Path) -> Result<IdFile, StoreError> {
        let file = IdFile::open(&*self.disk, path)?;
        file.check()?;
        Ok(file)
    }

    fn refuse_overlap(&self, new: &Range<u64>) -> Result<(), StoreError> {
        let files = self.snapshot();
        match files.iter().map(|file| file.range()).find(|old| old.start < new.end && new.start < old.end) {
            None => Ok(()),
            Some(old) => Err(StoreError::Refused(format!(
                "ids of sequences {} to {} are covered by {} to {}",
                new.start, new.end, old.start, old.end
            ))),
        }
    }

    /// Merges one group of eight where one is due; true when it did. Safe beside `find` and `add`.
    ///
    /// Streams: a few MiB of memory whatever the sizes. The inputs go only after the output is
    /// durable and was read back, so a crash at any point leaves files that `open` sorts out.
    ///
    /// # Errors
    /// `Io` or `Full`: every id is still found.
    pub fn merge_step(&self) -> Result<bool, StoreError> {
        let _one = lock(&self.merging);
        let files = self.snapshot();
        let ranges: Vec<Range<u64>> = files.iter().map(|file| file.range().clone()).collect();
        let Some(group) = merge::due(&ranges) else { return Ok(false) };
        let inputs = &files[group];
        let range = inputs[0].range().start..inputs[inputs.len() - 1].range().end;
        let path = id_file::path_of(&self.dir, &range);
        let shape = (range.start, (range.end - range.start) as u32);
        id_file::write(&*self.disk, &path, shape, || merge::merged(inputs))?;
        let output = Arc::new(self.read_back(&path)?);
        self.publish(|files| {
            files.retain(|file| file.range().end <= range.start || file.range().start >= range.end);
            files.push(output);
        });
        for input in inputs {
            self.disk.remove(input.path()).map_err(StoreError::io(input.path(), "removing"))?;
        }
        Ok(true)
    }

    /// All sequences recorded for any of the fingerprints, as (position in `fingerprints`,
    /// sequence), file by file. Cost: one to two cache misses per fingerprint and file, which
    /// overlap when there are many.
    ///
    /// # Errors
    /// `Damaged` when a file is not what was written.
    pub fn find(&self, fingerprints: &[u64], found: &mut Vec<(usize, u64)>) -> Result<(), StoreError> {
        self.snapshot().iter().try_for_each(|file| file.find(fingerprints, found))
    }
}

/// Removes a file that holds nothing of its own.
fn discard(
    disk: &dyn Disk,
    path: &Path,
    tidy: bool,
    why: &str,
    notes: &mut Vec<String>,
) -> Result<(), StoreError> {
    let done = if tidy { "removed" } else { "passed over" };
    if tidy {
        disk.remove(path).map_err(StoreError::io(path, "removing"))?;
    }
    notes.push(format!("{}: {done}: {why}", path.display()));
    Ok(())
}

/// Renames a file that cannot be used; its ids are to be added again.
fn set_aside(
    disk: &dyn Disk,
    path: &Path,
    tidy: bool,
    why: &str,
    notes: &mut Vec<String>,
) -> Result<(), StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".damaged");
    let done = if tidy { "set aside as .damaged" } else { "passed over" };
    if tidy {
        disk.rename(path, Path::new(&name)).map_err(StoreError::io(path, "renaming"))?;
    }
    notes.push(format!("{}: {done}: {why}", path.display()));
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
