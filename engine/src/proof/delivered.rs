//! The sizes of checkpoints that somebody was given: thinning leaves those alone.
//!
//! Keeps true: a size is in the file, or waits in memory for a disk that takes it, before its
//! checkpoint is given away. It is on stable storage with the next checkpoint that is signed: a power
//! cut forgets at most what was given since. Where the file says less than it should, everything that
//! was signed until then counts as given.
//!
//! On disk: docs/FORMAT.md, "Delivered checkpoints".

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::StoreError;
use crate::io::{Disk, DiskFile, Mode, write_whole};

const MAGIC: [u8; 8] = *b"STELEDLV";
const VERSION: u16 = 1;
const HEADER_BYTES: u64 = 16;
const ENTRY_BYTES: u64 = 12;
/// Sizes that are known to be in the file without looking: who asks again asks for these.
const RECENT: usize = 64;
/// Entries that are read in one go.
const STRETCH: u64 = 4_096;

/// The file.
pub struct Delivered {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    entries: u64,
    recent: VecDeque<u64>,
    /// Sizes that the disk did not take.
    waiting: Vec<u64>,
    unsynced: bool,
}

impl Delivered {
    /// Makes the file, durably. Checkpoints of at most `all_to` count as given: of those nothing is known.
    ///
    /// # Errors
    /// `Io` or `Full`.
    pub fn create(disk: &dyn Disk, path: &Path, all_to: u64) -> Result<Self, StoreError> {
        let bytes = [&header()[..], &entry(all_to)].concat();
        let file = write_whole(disk, path, Mode::Shared, &bytes)?;
        Ok(Self::over(path, file, 1))
    }

    /// Opens the file and reads it; what a power cut left at its end is cut. A file that is missing or
    /// not what was written is made anew as [`Delivered::create`] does. Both are told as a note.
    ///
    /// # Errors
    /// `Io` or `Full`.
    pub fn open(disk: &dyn Disk, path: &Path, all_to: u64) -> Result<(Self, Option<String>), StoreError> {
        if !disk.exists(path).map_err(StoreError::io(path, "looking"))? {
            return Self::anew(disk, path, all_to, "is missing");
        }
        let file = disk.open(path).map_err(StoreError::io(path, "opening"))?;
        let length = file.len().map_err(StoreError::io(path, "measuring"))?;
        let mut start = [0; HEADER_BYTES as usize];
        if length >= HEADER_BYTES {
            file.read_exact_at(&mut start, 0).map_err(StoreError::io(path, "reading"))?;
        }
        let mut found = Self::over(path, file, length.saturating_sub(HEADER_BYTES) / ENTRY_BYTES);
        while found.entries > 0 && found.read(found.entries - 1, 1)?[0].is_none() {
            found.entries -= 1;
        }
        if start != header() || found.given()?.is_none() {
            return Self::anew(disk, path, all_to, "is not what was written");
        }
        let end = place(found.entries);
        if end == length {
            return Ok((found, None));
        }
        found.file.set_len(end).map_err(StoreError::io(path, "cutting the torn end of"))?;
        Ok((found, Some(format!("{}: {} torn bytes at its end were cut", path.display(), length - end))))
    }

    fn anew(
        disk: &dyn Disk,
        path: &Path,
        all_to: u64,
        why: &str,
    ) -> Result<(Self, Option<String>), StoreError> {
        let counts = "made anew, and every checkpoint of before counts as given";
        let note = format!("{}: {why}; {counts}", path.display());
        Ok((Self::create(disk, path, all_to)?, Some(note)))
    }

    fn over(path: &Path, file: Arc<dyn DiskFile>, entries: u64) -> Self {
        let path = path.to_owned();
        Self { path, file, entries, recent: VecDeque::new(), waiting: Vec::new(), unsynced: false }
    }

    /// Remembers that the checkpoint of a size was given to somebody. A size that was just given costs
    /// nothing, another one a write without a sync. What the disk does not take is kept and tried
    /// again: that a checkpoint can be remembered is no reason not to give it.
    pub fn remember(&mut self, size: u64) {
        if self.recent.contains(&size) {
            return;
        }
        self.recent.truncate(RECENT - 1);
        self.recent.push_front(size);
        self.waiting.push(size);
        // A disk that does not take it is asked again before the next checkpoint is signed.
        let _ = self.write_waiting();
    }

    fn write_waiting(&mut self) -> Result<(), StoreError> {
        let bytes: Vec<u8> = self.waiting.iter().flat_map(|&size| entry(size)).collect();
        self.file.write_all_at(&bytes, place(self.entries)).map_err(StoreError::io(&self.path, "writing"))?;
        self.entries += self.waiting.len() as u64;
        self.waiting.clear();
        self.unsynced = true;
        Ok(())
    }

    /// Puts what was remembered on stable storage.
    ///
    /// # Errors
    /// `Full` or `Io`.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        if !self.waiting.is_empty() {
            self.write_waiting()?;
        }
        if self.unsynced {
            self.file.sync_data().map_err(StoreError::syncing(&self.path))?;
            self.unsynced = false;
        }
        Ok(())
    }

    /// How much was remembered, to be told apart from more.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.entries + self.waiting.len() as u64
    }

    /// What was given, in order. `None` where the file is not what was written.
    ///
    /// # Errors
    /// `Io`.
    pub fn given(&self) -> Result<Option<Given>, StoreError> {
        let mut sizes = Vec::new();
        let mut at = 0;
        while at < self.entries {
            for size in self.read(at, STRETCH.min(self.entries - at))? {
                let Some(size) = size else { return Ok(None) };
                sizes.push(size);
            }
            at += STRETCH;
        }
        let Some((&all_to, rest)) = sizes.split_first() else { return Ok(None) };
        let mut sizes: Vec<u64> = rest.iter().chain(&self.waiting).copied().collect();
        sizes.sort_unstable();
        sizes.dedup();
        Ok(Some(Given { all_to, sizes }))
    }

    /// What was remembered after the first `count`.
    ///
    /// # Errors
    /// `Io`, or `Damaged` where an entry is not what was written.
    pub fn since(&self, count: u64) -> Result<Vec<u64>, StoreError> {
        let written = self.read(count.min(self.entries), self.entries.saturating_sub(count))?;
        let damaged = || StoreError::damaged(&self.path, place(count), "an entry is not what was written");
        let written = written.into_iter().collect::<Option<Vec<_>>>().ok_or_else(damaged)?;
        Ok(written.into_iter().chain(self.waiting.iter().copied()).collect())
    }

    fn read(&self, at: u64, count: u64) -> Result<Vec<Option<u64>>, StoreError> {
        let mut bytes = vec![0; (count * ENTRY_BYTES) as usize];
        self.file.read_exact_at(&mut bytes, place(at)).map_err(StoreError::io(&self.path, "reading"))?;
        Ok(bytes.as_chunks::<{ ENTRY_BYTES as usize }>().0.iter().map(size_of).collect())
    }
}

/// What was given to somebody.
pub struct Given {
    all_to: u64,
    /// Ascending.
    sizes: Vec<u64>,
}

impl Given {
    /// Whether the checkpoint of a size was given to somebody, or may have been.
    #[must_use]
    pub fn has(&self, size: u64) -> bool {
        size <= self.all_to || self.sizes.binary_search(&size).is_ok()
    }
}

const fn place(entry: u64) -> u64 {
    HEADER_BYTES + entry * ENTRY_BYTES
}

fn entry(size: u64) -> [u8; ENTRY_BYTES as usize] {
    let mut bytes = [0; ENTRY_BYTES as usize];
    bytes[..8].copy_from_slice(&size.to_le_bytes());
    bytes[8..].copy_from_slice(&crc32fast::hash(&size.to_le_bytes()).to_le_bytes());
    bytes
}

fn size_of(bytes: &[u8; ENTRY_BYTES as usize]) -> Option<u64> {
    let size = u64::from_le_bytes(*bytes.first_chunk()?);
    (*bytes == entry(size)).then_some(size)
}

fn header() -> [u8; HEADER_BYTES as usize] {
    let mut header = [0; HEADER_BYTES as usize];
    header[..8].copy_from_slice(&MAGIC);
    header[8..10].copy_from_slice(&VERSION.to_le_bytes());
    header
}
