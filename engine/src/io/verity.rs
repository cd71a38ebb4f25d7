//! fs-verity: the kernel hashes a finished file once, and from then on hands out no page of it that differs.
//!
//! Owns the one call that asks for it, and what its refusals mean. A file that has it has it for good:
//! nothing writes to it any more, but it can be renamed and removed, and have its mode changed.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use composefs_ioctls::fsverity::{EnableVerityError, fs_ioc_enable_verity};
use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
use rustix::io::Errno;

/// `FS_VERITY_HASH_ALG_SHA256`.
const SHA256: u8 = 1;
/// What every kernel that has fs-verity takes where pages have 4096 bytes.
const BLOCK_BYTES: u32 = 4096;
/// Mode of a sealed file while its owner may write to it, which he must be able to in order to ask. The bit
/// that means nothing otherwise tells the next start that the file is sealed all the same.
pub(super) const MIDWAY: u32 = 0o1644;
/// Mode of a sealed file.
pub(super) const SEALED: u32 = 0o444;

/// Asks for a file that nobody writes to any more; one that has it is left as it is.
///
/// # Errors
/// The disk failed or is full. Where the file cannot have it for another reason, it goes without: what is
/// asked for is asked for where it can be had, and counted (`sealed_files`).
pub(super) fn enable(path: &Path) -> io::Result<()> {
    match asked(&File::open(path)?) {
        Ok(()) => Ok(()),
        Err(refusal) if is_failure(&refusal) => Err(error(refusal)),
        Err(_) => Ok(()),
    }
}

/// Whether files below `dir` can have it.
///
/// # Errors
/// Why they cannot.
pub(super) fn probe(dir: &Path) -> io::Result<()> {
    let probe = dir.join(format!(".verity-{}.probe", std::process::id()));
    // Closed at once: a file that somebody can write to is refused.
    drop(File::create_new(&probe)?);
    let answer = File::open(&probe).and_then(|file| ask(&file).map_err(error));
    std::fs::remove_file(&probe)?;
    answer
}

/// Asks, also where mode 0444 or the immutable attribute keeps the owner from it.
fn asked(file: &File) -> Result<(), EnableVerityError> {
    match ask(file) {
        Err(EnableVerityError::Io(refused)) if refused.kind() == io::ErrorKind::PermissionDenied => {
            let flags = ioctl_getflags(file).unwrap_or(IFlags::empty());
            let immutable = flags.contains(IFlags::IMMUTABLE);
            if immutable && ioctl_setflags(file, flags.difference(IFlags::IMMUTABLE)).is_err() {
                return Err(refused.into());
            }
            let answer = as_writable(file);
            if immutable {
                ioctl_setflags(file, ioctl_getflags(file).unwrap_or(flags) | IFlags::IMMUTABLE)
                    .map_err(io::Error::from)?;
            }
            answer
        }
        answer => answer,
    }
}

fn as_writable(file: &File) -> Result<(), EnableVerityError> {
    file.set_permissions(Permissions::from_mode(MIDWAY))?;
    let answer = ask(file);
    file.set_permissions(Permissions::from_mode(SEALED))?;
    answer
}

fn ask(file: &File) -> Result<(), EnableVerityError> {
    match fs_ioc_enable_verity(file, SHA256, BLOCK_BYTES) {
        Err(EnableVerityError::AlreadyEnabled) => Ok(()),
        answer => answer,
    }
}

/// Whether it is the disk that failed, not the kernel that refused. A file that another program holds open
/// for writing is among what is refused; of the engine's own handles none writes by then.
fn is_failure(refusal: &EnableVerityError) -> bool {
    let of_the_disk = [Errno::IO, Errno::NOSPC, Errno::DQUOT].map(Errno::raw_os_error).map(Some);
    matches!(refusal, EnableVerityError::Io(error) if of_the_disk.contains(&error.raw_os_error()))
}

fn error(refusal: EnableVerityError) -> io::Error {
    match refusal {
        EnableVerityError::Io(error) => error,
        EnableVerityError::FileOpenedForWrite => Errno::TXTBSY.into(),
        other => io::Error::new(io::ErrorKind::Unsupported, other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_or_failing_disk_is_told_and_a_refusal_is_not() {
        let refusal = |errno: Errno| EnableVerityError::Io(errno.into());
        for errno in [Errno::IO, Errno::NOSPC, Errno::DQUOT] {
            assert!(is_failure(&refusal(errno)), "{errno}");
        }
        for errno in [Errno::INVAL, Errno::NOSYS, Errno::PERM, Errno::ACCESS] {
            assert!(!is_failure(&refusal(errno)), "{errno}");
        }
        assert!(!is_failure(&EnableVerityError::FilesystemNotSupported));
        assert!(!is_failure(&EnableVerityError::FileOpenedForWrite));
    }
}
