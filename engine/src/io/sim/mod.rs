//! A simulated disk: deterministic, in memory, and able to lose power or fail at any operation.
//!
//! Owns a model of what a file system promises and of what it does not. Every operation that
//! changes something has a number; tests count a workload's operations, repeat it with a power cut
//! or a failure at each of them, and look at every disk that could be left ([`Survival`]).
//!
//! Keeps true:
//! - bytes are written in sectors of 512 bytes, and a sector is never torn;
//! - until `sync_data`, each changed sector holds any of its contents since the last one, and the
//!   length is any of its values since, each on its own: out of order, and torn across sectors;
//! - until `sync_dir`, a first part of the changes to one directory's names survives, in order;
//! - after a failed `sync_data` the changed sectors count as clean although they are not durable,
//!   as on Linux: only writing them again and syncing again makes them so. The length, the names
//!   and the mode of a file belong to the journal: a later sync takes them along;
//! - a failed `sync_data` is told once to each handle that was open then: the next sync of another
//!   handle of the file fails, too, the next one of the same handle does not;
//! - a file does not become read-only while somebody holds it open for writing: a real disk allows it, but
//!   would not take such a file under its own protection (fs-verity);
//! - a process that ends (`after_kill`) loses nothing that it wrote, synced or not.
//!
//! Reads have no number and never fail while the power is on. Directories are durable at once:
//! `create_dir_all` promises that. A file keeps its directory: renaming across two is refused.

mod damage;
mod faults;
mod file;
mod image;
mod names;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use faults::{EIO, ENOSPC, Lasting, Op, OpKind};
pub use file::SECTOR_BYTES;
pub use image::Survival;

use super::{Disk, DiskFile, Mapping, Mode, Window};
use faults::Faults;
use file::Inode;
use names::Names;

const ENOENT: i32 = 2;
const EBADF: i32 = 9;
const EACCES: i32 = 13;
const EEXIST: i32 = 17;
const EXDEV: i32 = 18;
const ETXTBSY: i32 = 26;

/// A disk in memory. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Clone, Debug, Default)]
struct State {
    names: Names,
    inodes: Vec<Inode>,
    /// Handles that write, of the files that have any. They are of this process.
    writers: BTreeMap<InodeId, u32>,
    faults: Faults,
    unsynced_reads: Vec<String>,
}

type InodeId = usize;

fn errno<T>(number: i32) -> io::Result<T> {
    Err(io::Error::from_raw_os_error(number))
}

impl SimDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, inode: InodeId, writable: bool) -> Arc<dyn DiskFile> {
        let mut state = self.state();
        let told = AtomicU64::new(state.inodes[inode].failed_syncs);
        if writable {
            *state.writers.entry(inode).or_default() += 1;
        }
        drop(state);
        Arc::new(SimFile { disk: self.clone(), inode, writable, told })
    }

    /// Cuts the power at operation `op`: it and every call after it fail, and change nothing.
    pub fn power_cut_at(&self, op: u64) {
        self.state().faults.cut_at = Some(op);
    }

    /// True when the power was cut.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.state().faults.dead
    }

    /// Lets operation `op` fail with an error of the operating system ([`EIO`], [`ENOSPC`]). A
    /// write leaves the first half of its bytes behind.
    pub fn fail_at(&self, op: u64, errno: i32, lasting: Lasting) {
        self.state().faults.fail_at = Some((op, errno, lasting));
    }

    /// Lets every `sync_data` and `sync_dir` of a path that `which` picks fail with [`EIO`].
    pub fn fail_syncs(&self, which: impl Fn(&Path) -> bool + Send + Sync + 'static) {
        self.state().faults.fail_syncs = Some(faults::Pick(Arc::new(which)));
    }

    /// Bounds the sum of all file lengths: what would grow beyond fails with [`ENOSPC`], after as
    /// many bytes as fit.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().faults.capacity = bytes;
    }

    /// Takes all faults back, except a power cut that happened.
    pub fn heal(&self) {
        self.state().faults.heal();
    }

    /// How many operations there were: the number of the next one.
    #[must_use]
    pub fn op_count(&self) -> u64 {
        self.state().faults.ops.len() as u64
    }

    /// All operations so far, in order; the index is the number.
    #[must_use]
    pub fn ops(&self) -> Vec<Op> {
        self.state().faults.ops.clone()
    }

    /// Sum of all file lengths.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.state().used_bytes()
    }

    /// Reads through a window that touched bytes which were not yet on stable storage: the
    /// engine must never show those.
    #[must_use]
    pub fn unsynced_reads(&self) -> Vec<String> {
        self.state().unsynced_reads.clone()
    }
}

impl State {
    fn used_bytes(&self) -> u64 {
        self.names.cached().values().map(|&id| self.inodes[id].len()).sum()
    }

    fn lookup(&self, path: &Path) -> io::Result<InodeId> {
        self.faults.alive()?;
        self.names.cached().get(path).copied().map_or_else(|| errno(ENOENT), Ok)
    }

    /// Cuts a write short where the capacity ends; returns how many of `bytes` fit.
    fn room(&self, inode: InodeId, offset: u64, bytes: u64) -> u64 {
        let Some(capacity) = self.faults.capacity else { return bytes };
        let len = self.inodes[inode].len();
        let others = self.used_bytes().saturating_sub(len);
        let end_max = capacity.saturating_sub(others).max(len);
        bytes.min(end_max.saturating_sub(offset))
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let state = self.state();
        let inode = state.lookup(path)?;
        if state.inodes[inode].read_only {
            return errno(EACCES);
        }
        drop(state);
        Ok(self.handle(inode, true))
    }

    fn open_read(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let inode = self.state().lookup(path)?;
        Ok(self.handle(inode, false))
    }

    fn create_new(&self, path: &Path, _mode: Mode) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        let (op, failure) = state.faults.begin(OpKind::Create, path, 0, 0)?;
        failure.map_or(Ok(()), Err)?;
        if !state.names.has_dir(names::parent(path)) {
            return errno(ENOENT);
        }
        if state.names.exists(path) {
            return errno(EEXIST);
        }
        let inode = state.inodes.len();
        state.inodes.push(Inode::new(path));
        state.names.link(op, path, inode);
        drop(state);
        Ok(self.handle(inode, true))
    }

    fn map(&self, path: &Path) -> io::Result<Mapping> {
        let state = self.state();
        let inode = state.lookup(path)?;
        Ok(Mapping::held(state.inodes[inode].cache.to_vec()))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        let (op, failure) = state.faults.begin(OpKind::Rename(to.to_owned()), from, 0, 0)?;
        failure.map_or(Ok(()), Err)?;
        let inode = state.lookup(from)?;
        if names::parent(from) != names::parent(to) {
            return errno(EXDEV);
        }
        state.names.rename(op, from, to);
        to.clone_into(&mut state.inodes[inode].path);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let (op, failure) = state.faults.begin(OpKind::Remove, path, 0, 0)?;
        failure.map_or(Ok(()), Err)?;
        state.lookup(path)?;
        state.names.unlink(op, path);
        Ok(())
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.faults.alive()?;
        let missing: Vec<PathBuf> =
            path.ancestors().take_while(|dir| !state.names.has_dir(dir)).map(Path::to_owned).collect();
        for dir in missing.iter().rev() {
            let (_, failure) = state.faults.begin(OpKind::CreateDir, dir, 0, 0)?;
            failure.map_or(Ok(()), Err)?;
            if state.names.exists(dir) {
                return errno(EEXIST);
            }
            state.names.add_dir(dir);
        }
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let (_, failure) = state.faults.begin(OpKind::SyncDir, path, 0, 0)?;
        failure.map_or(Ok(()), Err)?;
        if !state.names.has_dir(path) {
            return errno(ENOENT);
        }
        state.names.sync(path);
        let State { names, inodes, .. } = &mut *state;
        for (_, &id) in names.cached().iter().filter(|(name, _)| names::parent(name) == path) {
            inodes[id].durable_read_only = inodes[id].read_only;
        }
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let state = self.state();
        state.faults.alive()?;
        if !state.names.has_dir(path) {
            return errno(ENOENT);
        }
        let files = state.names.cached().keys().filter(|name| names::parent(name) == path);
        Ok(files.cloned().collect())
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let state = self.state();
        state.faults.alive()?;
        Ok(state.names.exists(path))
    }

    fn make_read_only(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let (_, failure) = state.faults.begin(OpKind::MakeReadOnly, path, 0, 0)?;
        failure.map_or(Ok(()), Err)?;
        let inode = state.lookup(path)?;
        if state.writers.contains_key(&inode) {
            return errno(ETXTBSY);
        }
        state.inodes[inode].read_only = true;
        Ok(())
    }
}

struct SimFile {
    disk: SimDisk,
    inode: InodeId,
    writable: bool,
    /// Failed syncs of the file that this handle was told of, or that came before it.
    told: AtomicU64,
}

impl SimFile {
    fn begin(&self, kind: OpKind, offset: u64, bytes: u64) -> io::Result<Begun<'_>> {
        let mut state = self.disk.state();
        if !self.writable && !matches!(kind, OpKind::SyncData) {
            return errno(EBADF);
        }
        let path = state.inodes[self.inode].path.clone();
        let (op, failure) = state.faults.begin(kind, &path, offset, bytes)?;
        Ok((state, op, failure))
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if let Some(writers) = state.writers.get_mut(&self.inode).filter(|_| self.writable) {
            *writers -= 1;
            if *writers == 0 {
                state.writers.remove(&self.inode);
            }
        }
    }
}

/// The state, the number of the operation, and the failure it shall meet.
type Begun<'a> = (MutexGuard<'a, State>, u64, Option<io::Error>);

impl DiskFile for SimFile {
    fn len(&self) -> io::Result<u64> {
        let state = self.disk.state();
        state.faults.alive()?;
        Ok(state.inodes[self.inode].len())
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let state = self.disk.state();
        state.faults.alive()?;
        buf.copy_from_slice(state.inodes[self.inode].slice(offset, buf.len())?);
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let len = bytes.len() as u64;
        let (mut state, op, failure) = self.begin(OpKind::Write, offset, len)?;
        let fits = state.room(self.inode, offset, len);
        let (kept, failure) = match failure {
            Some(error) => (fits.min(len / 2), Some(error)),
            None if fits < len => (fits, Some(io::Error::from_raw_os_error(ENOSPC))),
            None => (len, None),
        };
        state.inodes[self.inode].write(op, &bytes[..kept as usize], offset);
        failure.map_or(Ok(()), Err)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let (mut state, op, failure) = self.begin(OpKind::SetLen, len, 0)?;
        failure.map_or(Ok(()), Err)?;
        if state.room(self.inode, 0, len) < len {
            return errno(ENOSPC);
        }
        state.inodes[self.inode].set_len(op, len);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let (mut state, _, failure) = self.begin(OpKind::SyncData, 0, 0)?;
        let inode = &mut state.inodes[self.inode];
        if failure.is_some() {
            inode.abandon();
        } else {
            inode.sync();
        }
        let failed = inode.failed_syncs;
        let untold = self.told.swap(failed, Ordering::Relaxed) != failed;
        match failure {
            Some(error) => Err(error),
            None if untold => errno(EIO),
            None => Ok(()),
        }
    }

    fn window(&self, capacity: usize) -> io::Result<Arc<dyn Window>> {
        self.disk.state().faults.alive()?;
        Ok(Arc::new(SimWindow { disk: self.disk.clone(), inode: self.inode, capacity }))
    }
}

struct SimWindow {
    disk: SimDisk,
    inode: InodeId,
    capacity: usize,
}

impl Window for SimWindow {
    fn slice(&self, offset: usize, len: usize) -> io::Result<Cow<'_, [u8]>> {
        let mut state = self.disk.state();
        state.faults.alive()?;
        let inode = &state.inodes[self.inode];
        let bytes = inode.slice(offset as u64, len)?.to_vec();
        if inode.is_dirty(offset as u64, len) {
            let read = format!(
                "{}: bytes {offset}..{} of a window of {} read before they were synced",
                inode.path.display(),
                offset + len,
                self.capacity
            );
            state.unsynced_reads.push(read);
        }
        Ok(Cow::Owned(bytes))
    }
}
