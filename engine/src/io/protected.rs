//! Files that the file system itself keeps from being changed: the immutable attribute of Linux.
//!
//! A sealed file has mode 0444, which its owner can change at will. With the attribute, writing, renaming
//! and removing fail for everybody, until somebody with `CAP_LINUX_IMMUTABLE` takes it off, which is one
//! step more that does not happen by mistake. It is no proof: hashes are.

use std::fs::File;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};

use super::mapping::Mapping;
use super::{Disk, DiskFile, Mode, RealDisk};

/// The operating system's files, where what is made read-only is made immutable too.
///
/// Keeps true: a file is immutable from the moment it is read-only under its own name; the names of files
/// that are being written (`.tmp`) never are. A crash between the two is mended by [`ProtectedDisk::sweep`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ProtectedDisk(RealDisk);

impl ProtectedDisk {
    /// The disk, if files in `dir` can be made immutable here.
    ///
    /// # Errors
    /// The system does not permit it (`CAP_LINUX_IMMUTABLE`), or the file system has no such attribute.
    pub fn new(dir: &Path) -> io::Result<Self> {
        let probe = dir.join(format!(".immutable-{}.probe", std::process::id()));
        File::create_new(&probe)?;
        let tried = set(&probe, true).and_then(|()| set(&probe, false));
        std::fs::remove_file(&probe)?;
        tried.map(|()| Self::default())
    }

    /// Makes immutable what is read-only in a directory and is not immutable yet.
    ///
    /// # Errors
    /// The directory or a file of it cannot be read, or the attribute not be set.
    pub fn sweep(&self, dir: &Path) -> io::Result<()> {
        for path in self.0.list(dir)? {
            protect(&path)?;
        }
        Ok(())
    }
}

/// Sets the attribute on a file that is read-only and not being written.
fn protect(path: &Path) -> io::Result<()> {
    let is_sealed = std::fs::metadata(path)?.permissions().mode() & 0o222 == 0;
    let is_temporary = path.extension().is_some_and(|extension| extension == "tmp");
    if is_sealed && !is_temporary { set(path, true) } else { Ok(()) }
}

/// Sets or clears the attribute, where it is not so already.
fn set(path: &Path, immutable: bool) -> io::Result<()> {
    let file = File::open(path)?;
    let mut flags = ioctl_getflags(&file)?;
    if flags.contains(IFlags::IMMUTABLE) != immutable {
        flags.set(IFlags::IMMUTABLE, immutable);
        ioctl_setflags(&file, flags)?;
    }
    Ok(())
}

/// Does what the file system refused because of the attribute, which is taken off first. Without the right
/// to do that, the refusal stands.
pub(super) fn without<T>(paths: &[&Path], act: impl Fn() -> io::Result<T>) -> io::Result<T> {
    match act() {
        Err(refused) if refused.kind() == io::ErrorKind::PermissionDenied => {
            for path in paths.iter().filter(|path| path.is_file()) {
                if set(path, false).is_err() {
                    return Err(refused);
                }
            }
            act()
        }
        done => done,
    }
}

impl Disk for ProtectedDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.0.open(path)
    }

    fn open_read(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.0.open_read(path)
    }

    fn create_new(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn DiskFile>> {
        self.0.create_new(path, mode)
    }

    fn map(&self, path: &Path) -> io::Result<Mapping> {
        self.0.map(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)?;
        protect(to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.0.create_dir_all(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.0.sync_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        self.0.list(path)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.0.exists(path)
    }

    fn make_read_only(&self, path: &Path) -> io::Result<()> {
        self.0.make_read_only(path)?;
        protect(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What holds where the attribute can be set, and, where it cannot, that this is said.
    #[test]
    fn what_is_read_only_is_immutable_until_the_engine_itself_removes_it() {
        let dir = tempfile::tempdir().unwrap();
        let disk = match ProtectedDisk::new(dir.path()) {
            Ok(disk) => disk,
            Err(refused) => {
                assert!(refused.raw_os_error().is_some(), "{refused}");
                return;
            }
        };
        let [temporary, sealed, other] = ["a.tmp", "a.seg", "b.seg"].map(|name| dir.path().join(name));
        disk.create_new(&temporary, Mode::Shared).unwrap();
        disk.make_read_only(&temporary).unwrap();
        disk.rename(&temporary, &sealed).unwrap();
        let refused = |done: io::Result<()>| done.unwrap_err().kind() == io::ErrorKind::PermissionDenied;
        assert!(refused(std::fs::remove_file(&sealed)));
        assert!(refused(std::fs::rename(&sealed, &other)));
        assert!(refused(std::fs::write(&sealed, "x")), "not even by root");
        // A file that was sealed before a crash, or before the attribute was asked for.
        RealDisk.create_new(&other, Mode::Shared).unwrap();
        RealDisk.make_read_only(&other).unwrap();
        disk.sweep(dir.path()).unwrap();
        assert!(refused(std::fs::remove_file(&other)));
        // The engine replaces and removes, also one that knows nothing of the attribute.
        RealDisk.rename(&sealed, &other).unwrap();
        assert!(!sealed.exists());
        disk.sweep(dir.path()).unwrap();
        RealDisk.remove(&other).unwrap();
        assert!(!other.exists());
    }
}
