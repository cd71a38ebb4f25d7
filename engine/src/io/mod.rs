//! The disk, behind a seam: everything the engine does to files goes through [`Disk`].
//!
//! Owns the trait, the real implementation ([`RealDisk`]), the simulated one ([`SimDisk`]) that
//! cuts the power or fails at any operation, and the only `unsafe` of the engine ([`mapping`]).
//!
//! Keeps true: an operation that returns `Ok` did what its name says, and nothing is durable until
//! `sync_data` (bytes and length of one file) or `sync_dir` (names) says so.

mod held;
pub mod mapping;
mod priority;
mod protected;
mod real;
pub mod sim;
mod verity;
mod whole;

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use held::HeldFile;
pub use mapping::Mapping;
pub use priority::give_way;
pub use protected::{Guards, ProtectedDisk, SealedFiles, guard_sealed, sealed_files};
pub use real::RealDisk;
pub use sim::SimDisk;
pub use whole::{read_whole, remove_if_there, sync_parent, write_whole};

/// A file system, real or simulated. Paths are used as given.
pub trait Disk: Send + Sync {
    /// Opens an existing file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens an existing file for reading only.
    fn open_read(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Creates a new empty file for reading and writing; fails when the name exists.
    fn create_new(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn DiskFile>>;
    /// Maps a file that no longer changes. Its length is taken once, here.
    fn map(&self, path: &Path) -> io::Result<Mapping>;
    /// Gives a file another name, replacing what had it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Takes a name away. Only derived, temporary and spare files are ever removed.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes a directory and its missing parents, durably.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Puts the names of a directory on stable storage.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// The files of a directory, sorted by name; directories are left out.
    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>>;
    /// True when the name exists.
    fn exists(&self, path: &Path) -> io::Result<bool>;
    /// Sets the file mode 0444. What was written is synced, and no handle that writes is open any more.
    fn make_read_only(&self, path: &Path) -> io::Result<()>;
}

/// One open file.
pub trait DiskFile: Send + Sync {
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// True when the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Fills `buf` from `offset`; `UnexpectedEof` when the file ends before.
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()>;
    /// Writes all of `bytes` at `offset`.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Sets the length.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Puts bytes and length on stable storage (fdatasync).
    fn sync_data(&self) -> io::Result<()>;
    /// A window on the first `capacity` bytes of a file that still grows: slices show what was
    /// written, and must lie below the file's length at the time of the call.
    fn window(&self, capacity: usize) -> io::Result<Arc<dyn Window>>;
}

/// Reads from a file that still grows, without copying where the disk allows it.
pub trait Window: Send + Sync {
    /// Bytes `offset..offset + len`. The caller never passes the synced length.
    fn slice(&self, offset: usize, len: usize) -> io::Result<Cow<'_, [u8]>>;
}

/// Who may read a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// 0644 less the umask.
    Shared,
    /// 0600: secrets and keys.
    Private,
}
