//! The log's secret: one file of mode 0600 beside the segments.

use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::ids::Secret;
use crate::io::{Disk, Mode, read_whole, remove_if_there, sync_parent};

const FILE_BYTES_MAX: u64 = 256;

fn path(dir: &Path) -> PathBuf {
    dir.join("secret")
}

/// Writes the secret of a new log, durably. What an interrupted attempt left is replaced: without
/// a catalog no record depends on it.
///
/// # Errors
/// `Io` or `Full`.
pub fn write_secret(disk: &dyn Disk, dir: &Path, secret: &Secret) -> Result<(), StoreError> {
    let path = path(dir);
    remove_if_there(disk, &path)?;
    let file = disk.create_new(&path, Mode::Private).map_err(StoreError::io(&path, "creating"))?;
    file.write_all_at(secret.to_file().as_bytes(), 0).map_err(StoreError::io(&path, "writing"))?;
    file.sync_data().map_err(StoreError::io(&path, "syncing"))?;
    sync_parent(disk, &path)
}

/// Reads it back.
///
/// # Errors
/// `Io`, or `Damaged` when it is not what was written.
pub fn read_secret(disk: &dyn Disk, dir: &Path) -> Result<Secret, StoreError> {
    let path = path(dir);
    let text = read_whole(disk, &path, FILE_BYTES_MAX, "a secret")?;
    Secret::from_file(&text).map_err(|e| StoreError::damaged(&path, 0, e))
}
