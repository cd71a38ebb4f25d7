//! Files that the system itself keeps from being changed: the immutable attribute of Linux, and fs-verity.
//!
//! A sealed file has mode 0444, which its owner can change at will. With the attribute, writing, renaming
//! and removing fail for everybody, until somebody with `CAP_LINUX_IMMUTABLE` takes it off, which is one
//! step more that does not happen by mistake. With fs-verity nobody writes to the file, and the kernel refuses to
//! read what was changed beneath it. Neither is a proof: hashes are.

use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, IFlags, StatxAttributes, StatxFlags, ioctl_getflags, ioctl_setflags, statx};

use super::mapping::Mapping;
use super::{Disk, DiskFile, Mode, RealDisk, verity};

/// What sealed files get besides mode 0444.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guards {
    /// The immutable attribute.
    pub immutable: bool,
    /// fs-verity, where the file can have it.
    pub verity: bool,
}

/// The operating system's files, where what is made read-only is guarded too.
///
/// Keeps true: a file is immutable from the moment it is read-only under its own name; the names of files
/// that are being written (`.tmp`) never are. It has fs-verity from just before it is read-only, when its owner may
/// still ask for it. A crash between the two is mended by [`guard_sealed`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ProtectedDisk {
    real: RealDisk,
    guards: Guards,
}

impl ProtectedDisk {
    /// The disk, if files in `dir` can be made immutable where that is asked for. Whether they can have fs-verity
    /// does not matter here: [`ProtectedDisk::verity_in`].
    ///
    /// # Errors
    /// The system does not permit the attribute (`CAP_LINUX_IMMUTABLE`), or the file system has none.
    pub fn new(dir: &Path, guards: Guards) -> io::Result<Self> {
        if guards.immutable {
            let probe = dir.join(format!(".immutable-{}.probe", std::process::id()));
            File::create_new(&probe)?;
            let tried = set(&probe, true).and_then(|()| set(&probe, false));
            std::fs::remove_file(&probe)?;
            tried?;
        }
        Ok(Self { real: RealDisk, guards })
    }

    /// Whether files in `dir` can have fs-verity.
    ///
    /// # Errors
    /// Why they cannot.
    pub fn verity_in(dir: &Path) -> io::Result<()> {
        verity::probe(dir)
    }
}

/// Guards what is read-only in a directory and those below it, and is not guarded yet: sealed before that was asked
/// for, or before a crash. For fs-verity each such file is read once.
///
/// # Errors
/// A directory or a file cannot be read, or the attribute not be set.
pub fn guard_sealed(dir: &Path, guards: Guards) -> io::Result<()> {
    each(dir, &mut |path, metadata| {
        let is = guards_of(path)?;
        if guards.verity && !is.verity {
            verity::enable(path)?;
        }
        if metadata.permissions().mode() & 0o7777 == verity::MIDWAY {
            std::fs::set_permissions(path, Permissions::from_mode(verity::SEALED))?;
        }
        if guards.immutable && !is.immutable { set(path, true) } else { Ok(()) }
    })
}

/// How many files are sealed, and how many of them the system guards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SealedFiles {
    /// Files that are read-only.
    pub files: u64,
    /// Those with the immutable attribute.
    pub immutable: u64,
    /// Those with fs-verity.
    pub verity: u64,
}

/// Counts the sealed files in directories and those below them. A directory that is not there has none.
///
/// # Errors
/// A directory or a file of it cannot be read.
pub fn sealed_files(dirs: &[PathBuf]) -> io::Result<SealedFiles> {
    let mut found = SealedFiles::default();
    for dir in dirs.iter().filter(|dir| dir.is_dir()) {
        each(dir, &mut |path, _| {
            let is = guards_of(path)?;
            found.files += 1;
            found.immutable += u64::from(is.immutable);
            found.verity += u64::from(is.verity);
            Ok(())
        })?;
    }
    Ok(found)
}

/// Calls `act` for each sealed file below a directory; one that goes away meanwhile is none.
fn each(dir: &Path, act: &mut dyn FnMut(&Path, &Metadata) -> io::Result<()>) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let done = std::fs::symlink_metadata(&path).and_then(|metadata| match metadata.is_dir() {
            true => each(&path, act),
            false if is_sealed(&path, &metadata) => act(&path, &metadata),
            false => Ok(()),
        });
        match done {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            done => done?,
        }
    }
    Ok(())
}

/// Whether a file is finished under its own name, and writable at most for a moment.
fn is_sealed(path: &Path, metadata: &Metadata) -> bool {
    let mode = metadata.permissions().mode() & 0o7777;
    let is_temporary = path.extension().is_some_and(|extension| extension == "tmp");
    metadata.is_file() && !is_temporary && (mode & 0o222 == 0 || mode == verity::MIDWAY)
}

/// What guards a sealed file.
fn guards_of(path: &Path) -> io::Result<Guards> {
    let found = statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::TYPE)?;
    let has = |attribute| found.stx_attributes.contains(attribute);
    Ok(Guards { immutable: has(StatxAttributes::IMMUTABLE), verity: has(StatxAttributes::VERITY) })
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

impl ProtectedDisk {
    /// Makes a file immutable, where that is asked for and the file is finished under its own name.
    fn keep(&self, path: &Path) -> io::Result<()> {
        let wanted = self.guards.immutable && is_sealed(path, &std::fs::metadata(path)?);
        if wanted { set(path, true) } else { Ok(()) }
    }
}

impl Disk for ProtectedDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.real.open(path)
    }

    fn open_read(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.real.open_read(path)
    }

    fn create_new(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn DiskFile>> {
        self.real.create_new(path, mode)
    }

    fn map(&self, path: &Path) -> io::Result<Mapping> {
        self.real.map(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.real.rename(from, to)?;
        self.keep(to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.real.remove(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.real.create_dir_all(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.real.sync_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        self.real.list(path)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.real.exists(path)
    }

    fn make_read_only(&self, path: &Path) -> io::Result<()> {
        if self.guards.verity {
            verity::enable(path)?;
        }
        self.real.make_read_only(path)?;
        self.keep(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMMUTABLE: Guards = Guards { immutable: true, verity: false };
    const VERITY: Guards = Guards { immutable: false, verity: true };

    fn put(disk: &dyn Disk, path: &Path, bytes: &[u8]) {
        let file = disk.create_new(path, Mode::Shared).unwrap();
        file.write_all_at(bytes, 0).unwrap();
        drop(file);
        disk.make_read_only(path).unwrap();
    }

    fn refused(done: io::Result<()>) -> bool {
        done.unwrap_err().kind() == io::ErrorKind::PermissionDenied
    }

    /// What holds where the attribute can be set, and, where it cannot, that this is said.
    #[test]
    fn what_is_read_only_is_immutable_until_the_engine_itself_removes_it() {
        let dir = tempfile::tempdir().unwrap();
        let disk = match ProtectedDisk::new(dir.path(), IMMUTABLE) {
            Ok(disk) => disk,
            Err(refused) => {
                assert!(refused.raw_os_error().is_some(), "{refused}");
                return;
            }
        };
        let [temporary, sealed, other] = ["a.tmp", "a.seg", "b.seg"].map(|name| dir.path().join(name));
        put(&disk, &temporary, b"");
        disk.rename(&temporary, &sealed).unwrap();
        assert!(refused(std::fs::remove_file(&sealed)));
        assert!(refused(std::fs::rename(&sealed, &other)));
        assert!(refused(std::fs::write(&sealed, "x")), "not even by root");
        // A file that was sealed before a crash, or before the attribute was asked for.
        put(&RealDisk, &other, b"");
        guard_sealed(dir.path(), IMMUTABLE).unwrap();
        assert!(refused(std::fs::remove_file(&other)));
        // The engine replaces and removes, also one that knows nothing of the attribute.
        RealDisk.rename(&sealed, &other).unwrap();
        assert!(!sealed.exists());
        guard_sealed(dir.path(), IMMUTABLE).unwrap();
        RealDisk.remove(&other).unwrap();
        assert!(!other.exists());
    }

    /// Goal: where files can have fs-verity, each sealed one does, made before or after it was asked for, and the engine
    /// goes on as without; where they cannot, everything is as without it, and both is counted.
    #[test]
    fn what_is_read_only_has_verity_where_it_can_be_had() {
        let dir = tempfile::tempdir().unwrap();
        let offered = ProtectedDisk::verity_in(dir.path());
        if let Err(refused) = &offered {
            assert!(!refused.to_string().is_empty());
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "the probe is gone");
        let disk = ProtectedDisk::new(dir.path(), VERITY).unwrap();
        let [temporary, sealed, other, below] =
            ["a.tmp", "a.seg", "b.seg", "below/c.seg"].map(|name| dir.path().join(name));
        put(&disk, &temporary, b"bytes");
        disk.rename(&temporary, &sealed).unwrap();
        put(&RealDisk, &other, b"earlier");
        disk.create_dir_all(&dir.path().join("below")).unwrap();
        put(&RealDisk, &below, b"deeper");
        // As a crash leaves a file that was opened to its owner in order to ask.
        std::fs::set_permissions(&below, Permissions::from_mode(verity::MIDWAY)).unwrap();
        RealDisk.create_new(&dir.path().join("growing.seg"), Mode::Shared).unwrap();
        guard_sealed(dir.path(), VERITY).unwrap();

        let with = |files| if offered.is_ok() { files } else { 0 };
        let found = sealed_files(&[dir.path().to_owned(), dir.path().join("none")]).unwrap();
        assert_eq!(found, SealedFiles { files: 3, immutable: 0, verity: with(3) });
        for path in [&sealed, &other, &below] {
            assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o7777, 0o444);
            if offered.is_ok() {
                // Also for root, and whatever the mode.
                std::fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
                assert!(refused(std::fs::write(path, "x")));
                std::fs::set_permissions(path, Permissions::from_mode(0o444)).unwrap();
            }
        }
        guard_sealed(dir.path(), VERITY).unwrap();
        disk.rename(&other, &sealed).unwrap();
        assert_eq!(std::fs::read(&sealed).unwrap(), b"earlier");
        disk.remove(&sealed).unwrap();
        disk.remove(&below).unwrap();
        assert_eq!(sealed_files(&[dir.path().to_owned()]).unwrap(), SealedFiles::default());
    }

    /// Files that were made immutable before fs-verity was asked for get it, and are immutable after.
    #[test]
    fn verity_and_the_attribute_go_together() {
        let dir = tempfile::tempdir().unwrap();
        let both = Guards { immutable: true, verity: true };
        let Ok(disk) = ProtectedDisk::new(dir.path(), IMMUTABLE) else {
            assert!(ProtectedDisk::new(dir.path(), both).is_err(), "the attribute is still required");
            return;
        };
        let [earlier, later] = ["a.seg", "b.seg"].map(|name| dir.path().join(name));
        put(&disk, &earlier, b"bytes");
        let disk = ProtectedDisk::new(dir.path(), both).unwrap();
        guard_sealed(dir.path(), both).unwrap();
        put(&disk, &later, b"bytes");
        let with = if ProtectedDisk::verity_in(dir.path()).is_ok() { 2 } else { 0 };
        let found = sealed_files(&[dir.path().to_owned()]).unwrap();
        assert_eq!(found, SealedFiles { files: 2, immutable: 2, verity: with });
        for path in [&earlier, &later] {
            assert!(refused(std::fs::remove_file(path)));
            disk.remove(path).unwrap();
        }
    }
}
