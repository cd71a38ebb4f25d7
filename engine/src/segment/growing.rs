//! The segment that still grows, or is full and waits for its seal.
//!
//! Owns the data file and the columns in memory. The one writer appends frames and publishes them
//! after the sync; readers read what is published, straight from the mapping.
//!
//! Zeros are written ahead of the frames, off the writer's thread: overwriting allocated blocks
//! syncs in about half the time of growing the file.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::header::SegmentHeader;
use super::rows::Rows;
use crate::chain::Hash;
use crate::codec::sections::u32_at;
use crate::error::StoreError;
use crate::index::Live;
use crate::io::{Disk, DiskFile, Mode, Window, sync_parent};
use crate::record::Record;

/// Zeros written ahead: least and most.
pub const AHEAD_BYTES_MIN: u64 = 256 << 10;
const AHEAD_BYTES_MAX: u64 = 16 << 20;
static ZEROS: [u8; 256 << 10] = [0; 256 << 10];

/// What is published of a growing segment.
#[derive(Default)]
pub struct State {
    /// Places and hashes.
    pub rows: Rows,
    /// Values and times.
    pub live: Live,
    /// Salts in document order: a record is shown with its own.
    pub salts: Vec<[u8; 16]>,
}

/// A growing segment.
pub struct Growing {
    header: SegmentHeader,
    path: PathBuf,
    /// The handle that writes; none once the seal has cut the file, which no one may hold then.
    file: Mutex<Option<Arc<dyn DiskFile>>>,
    window: Arc<dyn Window>,
    /// Bytes of the file that are zeros or frames; only raised, under `zeroing`.
    zeroed: AtomicU64,
    /// Held while zeros are written; true once the seal has cut them, and none are written then.
    zeroing: Mutex<bool>,
    /// Held as long as the handle that zeros are written ahead with.
    ahead: Mutex<()>,
    /// Zeros that the rate of arrival asks for; the writer sets it.
    wanted_ahead: AtomicU64,
    /// End of the frames written so far, synced or not: only the writer changes it.
    written: AtomicU64,
    state: RwLock<State>,
}

impl Growing {
    /// Makes a segment file with its header, some zeros ahead, durably under its final name.
    ///
    /// # Errors
    /// `Io` or `Full`; nothing with the final name is left then.
    pub fn create(
        disk: &dyn Disk,
        path: &Path,
        header: SegmentHeader,
        capacity: u64,
    ) -> Result<Self, StoreError> {
        let temporary = path.with_extension("new");
        if disk.exists(&temporary).map_err(StoreError::io(&temporary, "looking"))? {
            disk.remove(&temporary).map_err(StoreError::io(&temporary, "removing"))?;
        }
        let file =
            disk.create_new(&temporary, Mode::Shared).map_err(StoreError::io(&temporary, "creating"))?;
        let mut start = vec![0; AHEAD_BYTES_MIN as usize];
        start[..SegmentHeader::BYTES].copy_from_slice(&header.encode());
        file.write_all_at(&start, 0).map_err(StoreError::io(&temporary, "writing"))?;
        file.sync_data().map_err(StoreError::io(&temporary, "syncing"))?;
        disk.rename(&temporary, path).map_err(StoreError::io(path, "renaming"))?;
        sync_parent(disk, path)?;
        let written = SegmentHeader::BYTES as u64;
        Self::over(disk, file, path, header, capacity, State::default(), written)
    }

    /// Wraps an open file whose frames end at `written` and are described by `state`.
    ///
    /// # Errors
    /// `Io` when it cannot be mapped.
    pub fn over(
        disk: &dyn Disk,
        file: Arc<dyn DiskFile>,
        path: &Path,
        header: SegmentHeader,
        capacity: u64,
        state: State,
        written: u64,
    ) -> Result<Self, StoreError> {
        let zeroed = file.len().map_err(StoreError::io(path, "measuring"))?;
        // Through a handle that only reads: readers have the window still when the file is sealed.
        let read = disk.open_read(path).map_err(StoreError::io(path, "opening"))?;
        let window = read.window(capacity as usize).map_err(StoreError::io(path, "mapping"))?;
        Ok(Self {
            header,
            path: path.to_owned(),
            file: Mutex::new(Some(file)),
            window,
            zeroed: AtomicU64::new(zeroed),
            zeroing: Mutex::new(false),
            ahead: Mutex::new(()),
            wanted_ahead: AtomicU64::new(AHEAD_BYTES_MIN),
            written: AtomicU64::new(written),
            state: RwLock::new(state),
        })
    }

    /// The file's header.
    #[must_use]
    pub fn header(&self) -> &SegmentHeader {
        &self.header
    }

    /// The data file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// End of the frames.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// What is published, for reading. Hold it shortly: the writer waits.
    pub fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is published, for the writer to add to after a sync.
    pub fn publish(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a frame behind the last one and syncs. Only the writer calls it.
    ///
    /// # Errors
    /// `Full`: nothing counts as written. `Io`: what the disk holds is unknown; the caller must
    /// refuse further writes.
    pub fn append(&self, frame: &[u8]) -> Result<u64, StoreError> {
        let offset = self.written();
        let end = offset + frame.len() as u64;
        let ahead = (frame.len() as u64 * 8).clamp(AHEAD_BYTES_MIN, AHEAD_BYTES_MAX);
        self.wanted_ahead.store(ahead, Ordering::Relaxed);
        if end > self.zeroed.load(Ordering::Acquire) {
            self.extend(end)?;
        }
        let file = self.writer()?;
        file.write_all_at(frame, offset).map_err(StoreError::io(&self.path, "writing"))?;
        file.sync_data().map_err(StoreError::syncing(&self.path))?;
        self.written.store(end, Ordering::Release);
        Ok(offset)
    }

    /// Writes zeros ahead where they run short; true when it did. Runs beside the writer.
    ///
    /// # Errors
    /// `Full`, or `Io`: then the caller must refuse further writes.
    pub fn zero_ahead(&self, disk: &dyn Disk) -> Result<bool, StoreError> {
        let wanted = self.wanted_ahead.load(Ordering::Relaxed);
        let target = self.written() + wanted;
        if self.zeroed.load(Ordering::Acquire) >= target - wanted / 2 {
            return Ok(false);
        }
        let cut = self.zeroing();
        // The writer may have gone on to the next segment since the caller looked, and a seal may
        // have cut this one: zeros behind it would make it another file than the one sealed.
        if *cut {
            return Ok(false);
        }
        let _ahead = locked(&self.ahead);
        // A handle of its own: the system tells a failed write-back once per handle, and with the
        // writer's this sync could be told of frames that the writer then takes for safe.
        let file = disk.open(&self.path).map_err(StoreError::io(&self.path, "opening"))?;
        self.zero_to(&*file, target)?;
        drop(cut);
        file.sync_data().map_err(StoreError::syncing(&self.path))?;
        Ok(true)
    }

    /// Ends the file behind its last frame, durably, for the seal: nothing is written to it any more, and no
    /// handle of it writes.
    ///
    /// # Errors
    /// `Io`: the state of the file's pages is unknown.
    pub fn cut(&self) -> Result<(), StoreError> {
        let mut cut = self.zeroing();
        *cut = true;
        // Zeros that were written before may still be on their way, with a handle of their own.
        let _ahead = locked(&self.ahead);
        let mut held = locked(&self.file);
        let Some(file) = &*held else { return Ok(()) };
        let end = self.written();
        if file.len().map_err(StoreError::io(&self.path, "measuring"))? != end {
            file.set_len(end).map_err(StoreError::io(&self.path, "cutting the zero tail of"))?;
        }
        // Also when it was cut before: the process that did may have been killed before it synced.
        file.sync_data().map_err(StoreError::syncing(&self.path))?;
        *held = None;
        Ok(())
    }

    /// The handle that writes.
    fn writer(&self) -> Result<Arc<dyn DiskFile>, StoreError> {
        let sealed = || StoreError::io(&self.path, "writing")(io::ErrorKind::ReadOnlyFilesystem.into());
        locked(&self.file).clone().ok_or_else(sealed)
    }

    /// The writer overtook the zeros: makes room itself.
    fn extend(&self, end: u64) -> Result<(), StoreError> {
        let _zeroing = self.zeroing();
        self.zero_to(&*self.writer()?, (end + 1).next_multiple_of(AHEAD_BYTES_MIN))
    }

    fn zeroing(&self) -> MutexGuard<'_, bool> {
        locked(&self.zeroing)
    }

    fn zero_to(&self, file: &dyn DiskFile, target: u64) -> Result<(), StoreError> {
        let mut at = self.zeroed.load(Ordering::Acquire);
        while at < target {
            let bytes = (target - at).min(ZEROS.len() as u64);
            let zeros = &ZEROS[..bytes as usize];
            file.write_all_at(zeros, at).map_err(StoreError::io(&self.path, "writing zeros ahead"))?;
            at += bytes;
            self.zeroed.store(at, Ordering::Release);
        }
        Ok(())
    }

    /// The body of a published record.
    ///
    /// # Errors
    /// `Io` when it lies past the mapping and cannot be read.
    pub fn body(&self, state: &State, doc: u32) -> Result<Cow<'_, [u8]>, StoreError> {
        let at = state.rows.offset(doc) as usize;
        let prefix = self.window.slice(at - 4, 4).map_err(StoreError::io(&self.path, "reading"))?;
        self.window.slice(at, u32_at(&prefix, 0) as usize).map_err(StoreError::io(&self.path, "reading"))
    }

    /// A published record.
    ///
    /// # Errors
    /// `Io` when it cannot be read.
    pub fn record(&self, doc: u32) -> Result<Record, StoreError> {
        let state = self.state();
        Ok(Record {
            sequence: self.header.first + u64::from(doc),
            committed_us: state.rows.frame_of(doc).committed_us,
            salt: state.salts[doc as usize],
            previous: self.previous(&state, doc),
            hash: state.rows.hashes()[doc as usize],
            body: self.body(&state, doc)?.into_owned(),
        })
    }

    fn previous(&self, state: &State, doc: u32) -> Hash {
        match doc {
            0 => self.header.previous,
            _ => state.rows.hashes()[doc as usize - 1],
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
